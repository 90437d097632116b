#!/usr/bin/env bash
# check-modules.sh MODULE...: each module builds, vets, and is tidy and formatted, on its own,
# without the workspace. This finds a requirement that a module has only through another one.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
for module in "$@"; do
  (
    cd "$module"
    export GOWORK=off
    ok=0
    run() { printf '+ (%s) %s\n' "$module" "$*" >&2; "$@" || ok=1; }
    run go mod tidy -diff
    run go build -o /dev/null ./...
    run go vet ./...
    unformatted=$(gofmt -l .)
    [ -z "$unformatted" ] || { printf 'not formatted (run make fmt):\n%s\n' "$unformatted" >&2; ok=1; }
    exit $ok
  ) || failed=1
done
exit $failed

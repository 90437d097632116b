#!/usr/bin/env bash
# check-modules.sh MODULE...: each module builds, vets, and is tidy and formatted, on its own, without the workspace:
# what one module gets only because another one requires it shows here.
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
    if [ "$module" != tools ]; then
      run go build ./...
      run go vet ./...
      unformatted=$(gofmt -l .)
      [ -z "$unformatted" ] || { printf 'not formatted (make fmt mends it):\n%s\n' "$unformatted" >&2; ok=1; }
    fi
    exit $ok
  ) || failed=1
done
exit $failed

#!/usr/bin/env bash
# check-modules.sh MODULE...: each module builds, vets, and is tidy and formatted, on its own,
# without the workspace. This finds a requirement that a module has only through another one. The
# modules must be those of go.work and tools: the Makefile tests no others.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
named=$(printf '%s\n' "$@" | sort)
present=$({ go list -m | sed 's|^github.com/loom-lite/loom-lite/||'; echo tools; } | sort)
if [ "$named" != "$present" ]; then
  echo 'MODULES in the Makefile differ from those of go.work (< only in the Makefile, > only in go.work):' >&2
  diff <(echo "$named") <(echo "$present") >&2 || failed=1
fi

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

#!/usr/bin/env bash
# check-modules.sh MODULE...: each module compiles, vets, and is tidy and formatted, on its own,
# without the workspace. This finds a requirement that a module has only through another one. On
# its own, a module has the versions that it is linked and tested with in the workspace. The modules
# must be those of go.work and tools: the Makefile tests no others.
set -euo pipefail
cd "$(dirname "$0")/.."

# dependencies prints the versions of modules whose packages the module of this folder uses.
dependencies() { go list -deps -test -f '{{with .Module}}{{if and .Version (not .Replace)}}{{.Path}} {{.Version}}{{end}}{{end}}' ./... | sort -u; }

same_versions() {
  diff <(dependencies) <(GOWORK= dependencies) >&2 || {
    echo 'these versions differ in the workspace (>): go get them here, then go mod tidy' >&2
    return 1
  }
}

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
    [ "$module" = tools ] || run same_versions
    run go vet ./... # this compiles what it uses, and reads all of it
    unformatted=$(gofmt -l .)
    [ -z "$unformatted" ] || { printf 'not formatted (run make fmt):\n%s\n' "$unformatted" >&2; ok=1; }
    exit $ok
  ) || failed=1
done
exit $failed

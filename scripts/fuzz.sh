#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz test for TIME (30s, 10m), one after the other. A failing input is
# written into the testdata/fuzz of its package, where later test runs try it.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
while IFS=: read -r file target; do
  package=./$(dirname "$file")
  printf '+ %s %s\n' "$package" "$target"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$package" || failed=1
done < <(grep -roE '^func Fuzz[A-Za-z0-9]+' --include='*_test.go' . | sed 's|^\./||; s|:func |:|' | sort)
exit $failed

#!/usr/bin/env bash
# fuzz.sh TIME: every fuzz test there is, one after the other, each for so long (30s, 10m). What one finds it writes into the
# testdata/fuzz of its package, where all later test runs try it.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
while IFS=: read -r file target; do
  package=./$(dirname "$file")
  printf '+ %s %s\n' "$package" "$target"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$package" || failed=1
done < <(grep -roE '^func Fuzz[A-Za-z0-9]+' --include='*_test.go' . | sed 's|^\./||; s|:func |:|' | sort)
exit $failed

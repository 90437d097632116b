#!/usr/bin/env bash
# check-commits.sh: each commit's subject is "area: what changed", at most 72 characters. An area is
# a package or a folder in lower case; several are divided by commas.
#
# Checks the commits that were written after the rule. In a shallow clone it checks those that are
# there, and says so.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8 # so that ${#subject} counts characters

since=1796031447 # 2026-11-30 09:37:27 UTC: the last commit before the rule, 3427536
area='[a-z0-9]+([/.-][a-z0-9]+)*'
rule="^$area(, $area)*: [^ ].*[^ ]\$"

checked=0 failed=0
while IFS=$'\t' read -r written commit subject; do
  [ "$written" -gt "$since" ] || continue
  checked=$((checked + 1))
  if [[ ! $subject =~ $rule ]]; then
    printf '%s is not "area: what changed": %s\n' "$commit" "$subject" >&2
    failed=1
  elif [ ${#subject} -gt 72 ]; then
    printf '%s has %d characters, 72 at most: %s\n' "$commit" ${#subject} "$subject" >&2
    failed=1
  fi
done < <(git log --no-merges --format='%at%x09%h%x09%s')

where=
[ "$(git rev-parse --is-shallow-repository)" = false ] || where=' (a shallow clone: those that are here)'
echo "check-commits: $checked commits checked$where"
exit $failed

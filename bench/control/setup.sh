#!/usr/bin/env bash
# Builds the programs that the part control measures: this tree's into bin/control/ours, and those
# of an earlier commit into bin/control/before. The workers that do nothing (idle) are built against
# each.
set -euo pipefail
cd "$(dirname "$0")/../.."
# The last commit before control was made cheaper, and before users took turns.
commit=${1:-342753646c377813bb56ff47d796dcd622d1515b}
into=$PWD/bin/control

mkdir -p "$into/ours" "$into/before"
go build -o "$into/ours/" ./services/ingest/cmd/ingest ./cmd/loom ./bench/control/idle

if [ "$(cat "$into/before/commit" 2>/dev/null)" = "$commit $(cksum < bench/control/idle/main.go)" ]; then
  exit 0
fi
if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
  echo "there is no commit $commit here: the earlier build is not measured" >&2
  exit 0
fi
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
git archive "$commit" | tar -x -C "$tree"
# In the uploader's module, which requires all that it needs.
mkdir -p "$tree/services/uploader/cmd/idle"
cp bench/control/idle/main.go "$tree/services/uploader/cmd/idle/"
(cd "$tree" && go build -o "$into/before/" ./services/ingest/cmd/ingest ./cmd/loom ./services/uploader/cmd/idle)
echo "$commit $(cksum < bench/control/idle/main.go)" > "$into/before/commit"

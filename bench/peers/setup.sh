#!/usr/bin/env bash
# Installs the peers next to this file, as package-lock.json pins them. Prints what is missing when
# it cannot.
set -euo pipefail
cd "$(dirname "$0")"

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
if [ ${#missing[@]} -gt 0 ]; then
  echo "bench: the peers need Node.js and npm. As root: apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
# npm writes this file last.
[ node_modules/.package-lock.json -nt package-lock.json ] ||
  PUPPETEER_SKIP_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2

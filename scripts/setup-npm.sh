#!/usr/bin/env bash
# Installs the npm packages that tests need: the JavaScript libraries that the recorder's tests
# animate pages with, what the dashboard's look for faults with, the library that webhooks are
# verified with, and what the TypeScript client is made and tested with. It installs what each
# package-lock.json pins, without running install scripts. When everything is there, it changes
# nothing and does not use the network.
#
#   Node.js with npm   nodejs, npm (Debian, Ubuntu)
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup-npm: %s\n' "$*" >&2; }

# A copy of the lock file beside the packages says what they were installed from.
missing=()
for folder in services/recorder/capture/testdata/npm services/console/web/testdata/npm services/console/webhooks/testdata/npm clients/typescript; do
  cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed-from" || missing+=("$folder")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v npm >/dev/null; then
  if ! command -v apt-get >/dev/null; then
    say "npm is missing. Get Node.js from https://nodejs.org, and run this again."
    exit 1
  fi
  sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      say "npm is missing, and $(id -un) cannot install it without sudo. As root: apt-get install nodejs npm"
      exit 1
    fi
    sudo=(sudo)
  fi
  say "installing with ${sudo[*]:+sudo }apt-get: nodejs npm"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm </dev/null >&2
fi

for folder in "${missing[@]}"; do
  say "installing with npm for $folder: $(sed -n 's/^ *"\([@a-z/-]*\)": "\([0-9.]*\)",\?$/\1 \2/p' "$folder/package.json" | paste -sd, | sed 's/,/, /g')"
  if ! (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2); then
    say "npm ci failed: its output above says why."
    exit 1
  fi
  cp "$folder/package-lock.json" "$folder/node_modules/.installed-from"
done

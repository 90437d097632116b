#!/usr/bin/env bash
# Installs the JavaScript libraries that the recorder's tests animate pages with: the npm packages
# that package-lock.json pins, without running their install scripts. Only the tests need them. When
# everything is there, it changes nothing and does not use the network.
#
#   Node.js with npm   nodejs, npm (Debian, Ubuntu)
set -euo pipefail
cd "$(dirname "$0")/../services/recorder/capture/testdata/npm"

say() { printf 'setup-npm: %s\n' "$*" >&2; }

# A copy of the lock file beside the packages says what they were installed from.
if cmp -s package-lock.json node_modules/.installed-from; then exit 0; fi

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

say "installing with npm: $(sed -n 's/^ *"\([a-z-]*\)": "\([0-9.]*\)",\?$/\1 \2/p' package.json | paste -sd, | sed 's/,/, /g')"
if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2; then
  say "npm ci failed: its output above says why."
  exit 1
fi
cp package-lock.json node_modules/.installed-from

#!/usr/bin/env bash
# update-autoconsent.sh VERSION: fetches a release of @duckduckgo/autoconsent from npm, the rules
# that dismiss consent banners. Run the tests of services/recorder/direct afterwards: they have
# copies of real banners.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:?usage: update-autoconsent.sh VERSION, such as 16.23.0}
into=services/recorder/direct/autoconsent
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

npm pack --silent --pack-destination "$work" "@duckduckgo/autoconsent@$version" >/dev/null
tar -xzf "$work"/*.tgz -C "$work" package/dist/autoconsent.playwright.js package/rules/compact-rules.json package/LICENSE
mkdir -p "$into"
cp "$work/package/dist/autoconsent.playwright.js" "$into/content.js"
cp "$work/package/rules/compact-rules.json" "$into/rules.json"
cp "$work/package/LICENSE" "$into/LICENSE"
echo "$version" >"$into/VERSION"

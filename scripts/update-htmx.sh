#!/usr/bin/env bash
# update-htmx.sh VERSION: fetches a release of htmx.org from npm, which the dashboard loads from its
# own server. Run `make console-e2e` afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:?usage: update-htmx.sh VERSION, such as 4.0.1}
into=services/console/web/assets/htmx
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

npm pack --silent --pack-destination "$work" "htmx.org@$version" >/dev/null
tar -xzf "$work"/*.tgz -C "$work" package/dist/htmx.min.js package/dist/ext/hx-sse.min.js package/LICENSE
mkdir -p "$into"
# Without the lines that name source maps, which are not served.
for file in htmx.min.js ext/hx-sse.min.js; do
  sed '/^\/\/# sourceMappingURL=/d' "$work/package/dist/$file" >"$into/$(basename "$file")"
done
cp "$work/package/LICENSE" "$into/LICENSE"
echo "$version" >"$into/VERSION"

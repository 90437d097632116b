#!/usr/bin/env bash
# Asks for every expression of the dashboard, and of the alert rules, in a real Prometheus that
# scrapes a real `loom up` while it renders. Prints how many series each has and the first one's
# value, and fails if Prometheus refuses one, or if one of the dashboard's has none.
#
#   PROMETHEUS=/path/to/prometheus scripts/dashboard.sh [CAMPAIGN…]      # needs jq and curl
#
# With KEEP=1 it goes on until Enter, with Prometheus at http://127.0.0.1:19091, to look at it.
set -euo pipefail
cd "$(dirname "$0")/.."
prometheus=${PROMETHEUS:-prometheus}
loom=${LOOM:-bin/loom}
port=${PROMETHEUS_PORT:-19091}
campaigns=("$@")
[ ${#campaigns[@]} -gt 0 ] || campaigns=(examples/minimal/campaign.yaml)
work=$(mktemp -d)
pids=()
stop() {
  for pid in "${pids[@]}"; do kill -INT "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT

"$loom" up --data "$work/data" --ready-file "$work/ready.env" >"$work/up.log" 2>&1 &
pids+=($!)
for _ in $(seq 600); do [ -s "$work/ready.env" ] && break; sleep 0.5; done
[ -s "$work/ready.env" ] || { cat "$work/up.log"; exit 1; }

{
  printf 'global: { scrape_interval: 2s, evaluation_interval: 5s }\nrule_files: [%s]\n' "$PWD/deploy/observability/rules.yml"
  printf 'scrape_configs:\n  - job_name: loom-lite\n    static_configs:\n'
  for service in ingest recorder transcoder uploader console; do
    url=$(sed -n "s/^LOOM_${service^^}_URL=\"\{0,1\}http:\/\/\([^\"]*\)\"\{0,1\}$/\1/p" "$work/ready.env")
    printf '      - { targets: ["%s"], labels: { service: %s } }\n' "$url" "$service"
  done
} >"$work/prometheus.yml"
"$prometheus" --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address="127.0.0.1:$port" \
  >"$work/prometheus.log" 2>&1 &
pids+=($!)

ask() { # EXPRESSION: prints the number of series and the first one's value, or what is wrong
  curl -s "http://127.0.0.1:$port/api/v1/query" --data-urlencode "query=$1" |
    jq -r 'if .status == "success" then "\(.data.result | length) \(.data.result[0].value[1] // "")" else "refused: " + .error end'
}

# Rates need a reading from before.
for _ in $(seq 120); do [ "$(ask 'count(up == 1) == 5')" = "1 5" ] && break; sleep 0.5; done
sleep 3

set -a
# shellcheck disable=SC1091
. "$work/ready.env"
set +a
for campaign in "${campaigns[@]}"; do
  "$loom" render "$campaign" -o "$work/video.mp4" >"$work/render.log" 2>&1 || { cat "$work/render.log"; exit 1; }
done
sleep 6 # for three readings more

failed=0
while IFS=$'\t' read -r title expression; do
  expression=${expression//\$__rate_interval/1m}
  found=$(ask "$expression")
  printf '%-48s %s\n' "$title" "$found"
  [[ $found =~ ^[1-9] ]] || { printf '    %s\n' "$expression"; failed=1; }
done < <(jq -r '.panels[] | .title as $t | .targets[]? | [$t, .expr] | @tsv' deploy/observability/grafana/dashboards/overview.json |
  sed 's/\\\\/\\/g')
firing=$(ask 'ALERTS{alertstate="firing"}')
printf '\nalerts that fire: %s\n' "$firing"
unwell=$(curl -s "http://127.0.0.1:$port/api/v1/rules" |
  jq -r '.data.groups[].rules[] | select(.health != "ok") | "\(.name): \(.health) \(.lastError)"')
[ -z "$unwell" ] || { printf '%s\n' "$unwell"; failed=1; }
[ -z "${KEEP:-}" ] || read -r -p "http://127.0.0.1:$port — Enter ends it "
exit $failed

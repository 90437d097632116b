#!/bin/bash
# Makes the keys and passwords of compose.yml's services: once, each at random, unless the
# environment sets it. /keys/all has all of them; /keys/SERVICE has what that service may know, and
# is the only volume of keys that it mounts.
set -euo pipefail
umask 077
cd /keys

# keep NAME VALUE COMMAND: keeps VALUE as NAME or, without one, what is there or what COMMAND makes.
keep() {
  if [ -n "$2" ]; then
    printf '%s' "$2" >"all/$1"
  elif [ ! -s "all/$1" ]; then
    $3 >"all/$1"
  fi
}
# An S3 key's id must not have the / of base64.
random() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
sealing() { head -c 32 /dev/urandom | base64 -w 0; }
keep owner "${POSTGRES_PASSWORD:-}" random
keep ingest "" random
keep uploader "" random
keep console "" random
keep s3-id "${S3_ACCESS_KEY_ID:-}" random
keep s3-secret "${S3_SECRET_ACCESS_KEY:-}" random
keep webhooks "${WEBHOOK_KEY:-}" sealing
keep grafana "${GRAFANA_PASSWORD:-}" random
loom nats-config all/nats 2>/dev/null

# give SERVICE FILE NAME: whoever mounts the volume of SERVICE may read it.
give() { install -m 0444 "all/$2" "$1/$3"; }
give postgres owner owner
for role in ingest uploader console; do give roles "$role" "$role"; done
give roles owner owner
for service in ingest uploader console; do give "$service" "$service" database; done
give owner owner database
give owner s3-id s3-id
give owner s3-secret s3-secret
give owner nats/observer.nk nats.nk
give s3 s3-id s3-id
give s3 s3-secret s3-secret
give console webhooks webhooks
give grafana grafana password
for service in ingest recorder transcoder uploader console; do give "$service" "nats/$service.nk" nats.nk; done
install -m 0444 all/nats/loom-account.conf /etc/loom/nats.conf nats/

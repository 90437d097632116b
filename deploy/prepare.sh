#!/bin/bash
# Brings database and buckets up to date, and gives ingest, uploader and console keys of the object
# store that may do what each needs (deploy/s3). Run at each start; it changes nothing twice.
set -euo pipefail
umask 077
loom migrate --buckets --public-read
mkdir -p /keys/all/s3
loom s3-keys --endpoint "$S3_KEYS_ENDPOINT" --policies /etc/loom/s3 /keys/all/s3
for service in ingest uploader console; do
  install -m 0444 "/keys/all/s3/$service.id" "/keys/$service/s3-id"
  install -m 0444 "/keys/all/s3/$service.secret" "/keys/$service/s3-secret"
done

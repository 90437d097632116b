#!/bin/bash
# Exits with 0 if the service in this container is ready. It uses bash only: the images have no
# curl.
exec 3<>"/dev/tcp/127.0.0.1/${PORT:-3100}" || exit 1
printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
read -r _ status _ <&3
[ "$status" = 200 ]

#!/bin/bash
# Asks the service in this container, and exits with 0 if it answers 200. As "alive" it asks whether
# a restart would help, as "ready" whether the service can work. It uses bash only: the images have
# no curl.
case ${0##*/} in
  ready) path=readyz ;;
  *) path=healthz ;;
esac
exec 3<>"/dev/tcp/127.0.0.1/${PORT:-3100}" || exit 1
printf 'GET /%s HTTP/1.0\r\n\r\n' "$path" >&3
read -r _ status _ <&3
[ "$status" = 200 ]

#!/bin/bash
# Names this replica for its service and its container, as `docker ps` and `kubectl get pods` show
# it, and becomes the service.
case $HOSTNAME in
  *"$LOOM_SERVICE"*) name=$HOSTNAME ;;
  *) name=$LOOM_SERVICE-$HOSTNAME ;;
esac
export WORKER_ID=${WORKER_ID:-$name}
exec "$@"

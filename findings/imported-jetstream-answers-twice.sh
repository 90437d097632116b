#!/usr/bin/env bash
# nats-server: an account without JetStream that imports single subjects of another account's
# JetStream API gets two answers to each request. The server itself says "JetStream not enabled for
# account", and the other account answers properly. Only the latter answers when the account also
# imports $JS.API.INFO, which it need not ask. The same holds when it imports the subject under
# another name, outside $JS.API.
#
# Clients take the first answer, which was the server's in each run of ours.
#
# Cause, in jetstream.go: enableJetStreamInfoServiceImportOnly imports all of $JS.API.> from the
# system account, unless the account has an import that covers $JS.API.INFO.
#
# Exits 0 while this is so, 1 when it has changed.
set -euo pipefail
server=v2.15.2 cli=v0.5.1
dir=$(mktemp -d) pid=
stop() {
  [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
  wait
  pid=
}
trap 'stop; rm -rf "$dir"' EXIT
cd "$dir"
unset "${!NATS_@}"
GOWORK=off GOBIN=$dir go install "github.com/nats-io/nats-server/v2@$server" 2>/dev/null
GOWORK=off GOBIN=$dir go install "github.com/nats-io/natscli/nats@$cli" 2>/dev/null
export XDG_CONFIG_HOME=$dir
./nats-server --version
echo "nats $(./nats --version)"

asked='$JS.API.STREAM.INFO.ORDERS' info='$JS.API.INFO'
config() { # with B's imports
  cat <<CONF
listen: "127.0.0.1:-1"
ports_file_dir: "$dir"
log_file: "$dir/log"
jetstream { store_dir: "$dir/store" }
accounts {
  A {
    jetstream: enabled
    users: [{user: a, password: a}]
    exports: [{service: "$asked"}, {service: "$info"}]
  }
  B {
    users: [{user: b, password: b}]
    imports: [$1]
  }
}
CONF
}
written() { grep -q 127.0.0.1 "$dir"/*.ports 2>/dev/null; }
answers() { # to a user's request of a subject: all that come within two seconds, short
  ./nats -s "nats://$1:$1@$address" request "$2" '' --raw --replies 0 --timeout 2s 2>&1 |
    sed -nE 's/.*("description":"[^"]*").*/\1/p; s/.*"config":\{("name":"ORDERS").*/\1/p' |
    paste -sd' '
}
changed=0
try() { # a name, B's imports, the subject it asks, and whether one answers or both do
  local i a b own='"description":"JetStream not enabled for account"' stream='"name":"ORDERS"'
  config "$2" > nats.conf
  ./nats-server -t -c nats.conf >/dev/null 2>&1
  rm -rf store -- *.ports
  ./nats-server -c nats.conf & pid=$!
  for ((i = 0; i < 100; i++)); do
    if written; then break; fi
    sleep 0.1
  done
  address=$(grep -o '127.0.0.1:[0-9]*' -- *.ports)
  ./nats -s "nats://a:a@$address" stream add ORDERS --subjects orders --defaults >/dev/null
  a=$(answers a "$asked") b=$(answers b "$3")
  printf 'B imports %s\n  A: %s\n  B: %s\n' "$1" "$a" "$b"
  stop
  [ "$a" = "$stream" ] || changed=1
  case $4/$b in
    "both/$own $stream" | "both/$stream $own" | "one/$stream") ;;
    *) changed=1 ;;
  esac
}
service="service: {account: A, subject: \"$asked\"}" elsewhere=OTHER.${asked#*.}
try "$asked" "{$service}" "$asked" both
try "$asked and $info" "{$service}, {service: {account: A, subject: \"$info\"}}" "$asked" one
try "$asked as $elsewhere" "{$service, to: \"$elsewhere\"}" "$elsewhere" one
[ $changed = 0 ] || { echo "it has changed"; exit 1; }
echo "an account that imports single subjects of \$JS.API is answered twice"

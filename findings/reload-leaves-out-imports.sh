#!/usr/bin/env bash
# nats-server: a reload that adds an account does not connect the services which that account
# imports. A second reload of the same file does, and so does a restart.
#
# Account A exports a service and stays as it is. One reload adds account B, and gives account C,
# which was there, an import: both import the same service of A. C is answered. B's user can
# connect, but its requests have no responders, and still have none seconds later.
#
# Cause, in server.go: configureAccounts subscribes for a new account's service imports only when
# it does not reload. For an account that was there it does so in a reload too. In the second
# reload B is one of those.
#
# Exits 0 while this is so, 1 when it has changed.
set -euo pipefail
server=v2.15.2 cli=v0.5.1
dir=$(mktemp -d) pids=()
stop() {
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait
  pids=()
}
trap 'stop; rm -rf "$dir"' EXIT
cd "$dir"
unset "${!NATS_@}"
GOWORK=off GOBIN=$dir go install "github.com/nats-io/nats-server/v2@$server" 2>/dev/null
GOWORK=off GOBIN=$dir go install "github.com/nats-io/natscli/nats@$cli" 2>/dev/null
export XDG_CONFIG_HOME=$dir
./nats-server --version
echo "nats $(./nats --version)"

config() { # with what B and C are
  cat <<CONF
listen: "127.0.0.1:-1"
ports_file_dir: "$dir"
pid_file: "$dir/pid"
log_file: "$dir/log"
accounts {
  A { users: [{user: a, password: a}], exports: [{service: echo}] }
  $1
}
CONF
}
import='imports: [{service: {account: A, subject: echo}}]'
config 'C { users: [{user: c, password: c}] }' > before.conf
config "B { users: [{user: b, password: b}], $import }
  C { users: [{user: c, password: c}], $import }" > after.conf
./nats-server -t -c after.conf 2>&1 | sed "s|$dir/||; s/ (.*//"

until_so() { # waits until a command succeeds
  local i
  for ((i = 0; i < 100; i++)); do
    if "$@"; then return; fi
    sleep 0.1
  done
  echo "not within 10 seconds: $*" >&2
  exit 1
}
written() { grep -q 127.0.0.1 "$dir"/*.ports 2>/dev/null; }
ask() { # as a user
  ./nats -s "nats://$1:$1@$address" request echo hello --raw --timeout 5s 2>&1 |
    sed '/^$/d' | tail -1
}
answered() { [ "$(ask a)" = hello ]; }
start() { # with a configuration
  cp "$1" nats.conf
  rm -f -- *.ports
  ./nats-server -c nats.conf & pids+=($!)
  until_so written
  address=$(grep -o '127.0.0.1:[0-9]*' -- *.ports)
  ./nats -s "nats://a:a@$address" reply echo --echo >/dev/null 2>&1 & pids+=($!)
  until_so answered
}
reloaded() { [ "$(grep -c 'Reloaded server configuration' log)" = "$1" ]; }
reload() { # for the nth time, and longer ago than imports are without a subscriber in any reload
  ./nats-server --signal "reload=$dir/pid"
  until_so reloaded "$1"
  sleep 3
}
changed=0
say() { # what B and C are answered, and what they were
  local b c
  b=$(ask b | sed 's/^[0-9:]* //') c=$(ask c | sed 's/^[0-9:]* //')
  printf '%-15sB: %-29sC: %s\n' "$1" "$b" "$c"
  [ "$b" = "$2" ] && [ "$c" = hello ] || changed=1
}

start before.conf
cp after.conf nats.conf
reload 1
say 'first reload' 'No responders are available'
reload 2
say 'second reload' hello
stop
start after.conf
say restart hello
[ $changed = 0 ] || { echo "it has changed"; exit 1; }
echo "the reload that adds an account does not connect its imports"

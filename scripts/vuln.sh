#!/usr/bin/env bash
# Looks for known vulnerabilities that the code of go.work's modules calls, with govulncheck. All
# are read at once, with the versions of the workspace: check-modules.sh sees to it that each module
# has the same ones on its own, as the images are built. The database is that of vuln.go.dev, or
# where that cannot be reached, the same entries from the module golang.org/x/vulndb
# (VULNDB=file:///… names another). Where there is neither, it says so, and checks nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

# database prints where the entries are.
database() {
  if [ -n "${VULNDB:-}" ]; then
    echo "$VULNDB"
  elif curl -fsS -m 10 -o /dev/null https://vuln.go.dev/index/db.json 2>/dev/null; then
    echo https://vuln.go.dev
  else
    local found version dir
    found=$(cd tools && GOWORK=off timeout 120 go mod download -json golang.org/x/vulndb@latest 2>/dev/null) || return 1
    version=$(sed -n 's/^\t"Version": "\(.*\)",$/\1/p' <<<"$found")
    dir=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<<"$found")
    local db="$PWD/bin/vulndb/$version"
    if [ ! -f "$db/index/db.json" ]; then
      (cd tools && GOWORK=off go run "golang.org/x/vulndb/cmd/indexdb@$version" -vulns "$dir/data/osv" -out "$db.new") >&2 || return 1
      rm -rf "$db" && mv "$db.new" "$db"
    fi
    echo "vuln: vuln.go.dev cannot be reached: using golang.org/x/vulndb@$version" >&2
    echo "file://$db"
  fi
}

if ! db=$(database); then
  cat >&2 <<'END'

  ******************************************************************************************
  *  NOT CHECKED for vulnerabilities: neither vuln.go.dev nor the Go module proxy can be    *
  *  reached, so there is no database. Run `make vuln` on a machine that reaches one.       *
  ******************************************************************************************

END
  exit 0
fi

(cd tools && GOWORK=off go build -o ../bin/ golang.org/x/vuln/cmd/govulncheck ./vuln)
found=$(mktemp)
trap 'rm -f "$found"' EXIT
# From the folder of a module, for govulncheck asks for a go.mod, and by the modules' names.
mapfile -t packages < <(go list -m -f '{{.Path}}/...')
(cd pkg && ../bin/govulncheck -db "$db" -format json "${packages[@]}") >"$found"
bin/vuln <"$found"

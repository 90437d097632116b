#!/usr/bin/env bash
# Installs what loom-lite needs and this machine lacks. When everything is there, it changes nothing
# and does not use the network.
#
#   Go, as go.mod asks            never installed here: see https://go.dev/dl
#   Chrome's headless shell       Debian: chromium-headless-shell. Elsewhere: CHROME_PATH
#   FFmpeg with libx264           ffmpeg
#   PostgreSQL's server programs  postgresql: `loom up` and the tests run a private server with them
#   a C compiler                  gcc, libc6-dev: for the library through which Chrome asks for huge
#                                 pages (Linux; optional)
#   curl                          tests run what the docs show with it
#   fonts                         those of pkg/fonts/debian.txt, which the images have too. Text
#                                 without a font is drawn as boxes
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
problems=0
problem() { say "$*"; problems=1; }

has_go() { command -v go >/dev/null && go env GOVERSION >/dev/null 2>&1 && go list -m >/dev/null 2>&1; }

has_chrome() {
  if [ -n "${CHROME_PATH:-}" ]; then [ -x "$CHROME_PATH" ]; return; fi
  command -v chromium-headless-shell >/dev/null || command -v chrome-headless-shell >/dev/null
}

has_ffmpeg() {
  command -v "${FFMPEG_PATH:-ffmpeg}" >/dev/null && command -v "${FFPROBE_PATH:-ffprobe}" >/dev/null &&
    "${FFMPEG_PATH:-ffmpeg}" -hide_banner -encoders 2>/dev/null | grep -w libx264 >/dev/null
}

has_postgres() {
  command -v initdb >/dev/null && command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

has_cc() { [ "$(uname)" != Linux ] || { command -v cc >/dev/null && [ -e /usr/include/errno.h ]; }; }

# has_font FILE: whether a font is installed whose file name begins with FILE.
has_font() {
  find /usr/share/fonts /usr/local/share/fonts "$HOME/.fonts" "$HOME/.local/share/fonts" /Library/Fonts /System/Library/Fonts \
    -iname "$1*" -print -quit 2>/dev/null | grep . >/dev/null
}

# missing_fonts: the packages of pkg/fonts/debian.txt of which no file is installed.
missing_fonts() {
  local package files file found
  while IFS=: read -r package files; do
    found=
    while read -r file; do
      if has_font "$file"; then found=1; fi
    done < <(tr ',' '\n' <<<"$files")
    [ -n "$found" ] || echo "$package"
  done < <(grep '^fonts-' pkg/fonts/debian.txt)
}

# missing: the Debian packages that are missing.
missing() {
  has_chrome || echo chromium-headless-shell
  has_ffmpeg || echo ffmpeg
  has_postgres || echo postgresql
  missing_fonts
  command -v fc-list >/dev/null || echo fontconfig
  command -v curl >/dev/null || echo curl
}

install() {
  local sudo=() available=() p
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      problem "cannot install as $(id -un) without sudo. As root: apt-get install $*"
      return
    fi
    sudo=(sudo)
  fi
  say "installing with ${sudo[*]:+sudo }apt-get: $*"
  if ! "${sudo[@]}" apt-get update -qq; then
    problem "apt-get update failed: its output above says why."
    return
  fi
  for p in "$@"; do
    # Ubuntu's chromium packages only point to a snap; it has no headless shell.
    if apt-cache policy "$p" | grep -E 'Candidate: [0-9]' >/dev/null; then available+=("$p"); fi
  done
  if [ ${#available[@]} -gt 0 ] &&
    ! "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${available[@]}" </dev/null >&2; then
    problem "apt-get install ${available[*]} failed: its output above says why."
  fi
}

if ! has_go; then
  problem "Go is missing or too old: $(go version 2>/dev/null || echo 'no go in PATH'), and go.work asks for $(sed -n 's/^go //p' go.work). Get it from https://go.dev/dl"
fi

mapfile -t packages < <(missing)
if [ ${#packages[@]} -gt 0 ]; then
  if command -v apt-get >/dev/null; then
    install "${packages[@]}"
  else
    say "this script installs on Debian and Ubuntu only. Missing here, by Debian's names: ${packages[*]}"
    say "on macOS: brew install ffmpeg postgresql@17"
  fi
fi

# In a subshell: a failure is reported, and stops nothing.
if ! has_cc && command -v apt-get >/dev/null; then
  (install gcc libc6-dev)
  has_cc || say "continuing without a C compiler"
fi

has_chrome || problem "Chrome's headless shell is missing${CHROME_PATH:+ (CHROME_PATH=$CHROME_PATH is not a program)}. Debian has it as chromium-headless-shell.
       Elsewhere (Ubuntu, macOS) get Google's build with Node.js,
         npx @puppeteer/browsers install chrome-headless-shell@stable --path \"\$HOME/.cache/loom-lite\"
       and set CHROME_PATH to the program that it names (on Ubuntu its libraries too: apt-get install libnss3 libgbm1 libasound2t64)."
has_ffmpeg || problem "ffmpeg and ffprobe with libx264 are missing (or FFMPEG_PATH, FFPROBE_PATH point elsewhere)."
has_postgres || problem "PostgreSQL's server programs (initdb, postgres) are missing from PATH and from /usr/lib/postgresql."
mapfile -t still < <(missing | grep '^fonts-' || true)
[ ${#still[@]} -eq 0 ] || problem "fonts are missing: ${still[*]}"

if [ "$problems" -ne 0 ]; then
  say "not complete. Fix the above and run it again."
  exit 1
fi
[ ${#packages[@]} -eq 0 ] || say "everything is installed now."

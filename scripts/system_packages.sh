#!/usr/bin/env bash
# Sees to what the operating system must bring: `python [COMMAND]` (venv support) or `browser`.
#
# As root on a system with apt it installs what is missing; anywhere else it never changes the
# system, names the one command to type, and fails. `browser --path` only prints where it is.
set -euo pipefail

MAC_CHROME="/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

# cure WHY COMMAND-ON-APT COMMAND-ON-BREW: prints what to type here, and fails.
cure() {
  echo "$1" >&2
  if command -v apt-get >/dev/null 2>&1; then
    echo "Type this, then the make command again:  $2" >&2
  elif command -v brew >/dev/null 2>&1; then
    echo "Type this, then the make command again:  $3" >&2
  else
    echo "Install it with your system's package manager, then type the make command again." >&2
  fi
  exit 1
}

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

apt_install() {
  local log
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    echo "apt-get could not install: $*" >&2
    exit 1
  fi
  rm -f "$log"
}

python() {
  local package=python3-venv
  if [ -n "${1:-}" ]; then
    package=$("$1" -c 'import sys; print("python{}.{}-venv".format(*sys.version_info))')
  fi
  if may_install; then
    echo "  $package is missing, apt brings it"
    apt_install "$package"
  else
    cure "Python 3.11, 3.12 or 3.13 with its venv module is needed." \
      "sudo apt-get install -y $package" "brew install python@3.13"
  fi
}

# The browser that the page tests drive: Chromium, or Chrome where that is what there is.
browser_path() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable "$MAC_CHROME"; do
    if command -v "$name" 2>/dev/null; then return; fi
  done
  return 1
}

browser() {
  if [ "${1:-}" = --path ]; then
    browser_path
    return
  fi
  if browser_path >/dev/null; then return; fi
  if may_install; then
    echo "  Chromium is missing, apt brings it (only for the tests)"
    apt_install chromium fonts-liberation
  else
    cure "The page tests need Chromium or Chrome." \
      "sudo apt-get install -y chromium fonts-liberation" "brew install --cask google-chrome"
  fi
}

case "${1:-}" in
  python) python "${2:-}" ;;
  browser) browser "${2:-}" ;;
  *)
    echo "usage: scripts/system_packages.sh python [COMMAND] | browser [--path]" >&2
    exit 2
    ;;
esac

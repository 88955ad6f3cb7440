# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# The Debian packages of assay, in one place, and how they are installed. Sourced by quickstart, check and fresh-machine.

PACKAGES_BUILD="gcc libc6-dev cmake ninja-build pkg-config libzmq3-dev libprotobuf-c-dev protobuf-c-compiler libpq-dev
    libyaml-dev libssl-dev libjansson-dev uthash-dev libzstd-dev zlib1g-dev libutf8proc-dev libhwloc-dev"
# libopenblas0-pthread is named because python3-torch alone brings the reference BLAS, 30 times slower.
PACKAGES_RUN="postgresql-15 python3 python3-numpy python3-torch libopenblas0-pthread zstd ca-certificates"
PACKAGES_TEST="libcmocka-dev bats shellcheck jq procps git man-db"

# packages_missing NAME...: prints those that are not installed.
packages_missing() {
    local name
    for name in "$@"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || printf '%s ' "$name"
    done
}

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# packages_install ASSUME_YES NAME...: lists what is missing, asks unless ASSUME_YES is 1, installs.
packages_install() {
    local assume_yes=$1 missing answer
    shift
    missing=$(packages_missing "$@")
    if [ -z "$missing" ]; then
        echo "packages: all there already"
        return 0
    fi
    echo "packages to install: $missing"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "error: installing packages needs root, and there is no sudo here" >&2
        echo "  help: as root, run: apt-get install --no-install-recommends $missing" >&2
        return 1
    fi
    if [ "$assume_yes" != 1 ] && [ -t 0 ] && [ "$(id -u)" -ne 0 ]; then
        printf 'install them with sudo apt-get? [Y/n] '
        read -r answer
        case "$answer" in
            "" | y* | Y*) ;;
            *)
                echo "nothing installed; install them yourself and run this again" >&2
                return 1
                ;;
        esac
    fi
    packages_apt "$missing"
}

# Debian's postgresql creates and starts a cluster on port 5432 when it is installed, unless told not to beforehand. A drop-in that
# exists only while apt runs tells it; a cluster that is there already is neither started, stopped nor touched.
packages_apt() {
    local missing=$1 dropin=/etc/postgresql-common/createcluster.d/assay-quickstart.conf status=0
    case " $missing " in
        *" postgresql"*)
            as_root mkdir -p "${dropin%/*}"
            echo "create_main_cluster = false" | as_root tee "$dropin" >/dev/null
            ;;
    esac
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || true
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null || status=$?
    if [ -e "$dropin" ]; then
        as_root rm -f "$dropin"
        as_root rmdir --ignore-fail-on-non-empty "${dropin%/*}"
    fi
    if [ "$status" -ne 0 ]; then
        echo "error: apt-get failed (status $status)" >&2
        echo "  help: run: apt-get install --no-install-recommends $missing" >&2
        return 1
    fi
    echo "packages: installed"
}

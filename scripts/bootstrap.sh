#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Installs the Debian packages that a purpose needs and this machine lacks.
#
#   scripts/bootstrap.sh build|test|bench
#
# Uses apt-get when it may (as root, or by sudo without a password); otherwise says what to install, and fails.
set -euo pipefail

build=(gcc cmake ninja-build libc6-dev)
test=("${build[@]}" g++ gfortran make binutils pkg-config check python3 python3-numpy
    python3-scipy python3-matplotlib valgrind libblas-dev
    libblas-test clang libclang-rt-14-dev libomp-dev
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross binutils-aarch64-linux-gnu qemu-user libbenchmark-dev libbenchmark-tools)
bench=("${build[@]}" g++ libbenchmark-dev python3 python3-numpy python3-scipy python3-matplotlib)

case "${1-}" in
build) wanted=("${build[@]}") ;;
test) wanted=("${test[@]}") ;;
bench) wanted=("${bench[@]}") ;;
*)
    echo "usage: scripts/bootstrap.sh build|test|bench" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "bootstrap: this is no Debian system; what is needed there is: ${wanted[*]}" >&2
    exit 1
fi

missing=()
for package in "${wanted[@]}"; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [[ $status == "install ok installed" ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
    exit 0
fi

if ((EUID == 0)); then
    as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "bootstrap: these packages are missing and need root to be installed: apt-get install ${missing[*]}" >&2
    exit 1
fi

echo "bootstrap: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" </dev/null >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        echo "bootstrap: apt-get $* failed; its last lines are above" >&2
        exit 1
    }
}
apt update
apt install --no-install-recommends "${missing[@]}"

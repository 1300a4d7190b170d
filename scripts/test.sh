#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Installs what is missing, builds with gcc, clang, the sanitizers and for AArch64, and runs the tests of each.
# Takes no input, stops at the first error, and closes with the summary of the release suite.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

jobs=$(nproc)
summary=$(mktemp)
trap 'rm -f "$summary"' EXIT

# build PRESET OPTIONS...
build() {
    local preset=$1
    shift
    step "configure $preset" cmake --preset "$preset" -DGEMMULE_BUILD_TESTS=ON -DGEMMULE_WERROR=ON "$@"
    step "build $preset" cmake --build --preset "$preset"
}

step "packages" scripts/bootstrap.sh test

build release -DGEMMULE_BUILD_BENCH=ON
echo "== ctest release"
ctest --preset release -j "$jobs" </dev/null | tee "$summary" || {
    echo "scripts/test.sh: the release suite failed" >&2
    exit 1
}

build release-clang
step "ctest release-clang" ctest --preset release-clang -j "$jobs"

build asan
step "ctest asan (address and undefined behaviour)" ctest --preset asan -j "$jobs"

build tsan
step "ctest tsan (threads, through Archer)" ctest --preset tsan

build neon
step "ctest neon (under qemu)" ctest --preset neon -j "$jobs"

echo "== all suites passed; the release suite once more:"
sed -n '/tests passed/,$p' "$summary"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Counts against those stored in tests/counts, as scripts/test.sh does but nothing else: the instructions that the library
# executes on its AVX2 paths, and those of a step of each inner loop, by gcc, clang, and gcc for AArch64.
#
#   scripts/counts.sh            compares, and fails where a count is another one
#   scripts/counts.sh --update   stores the counts, and shows what is different
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

update=
case "${1-}" in
--update) update=yes ;;
"") ;;
*)
    echo "usage: scripts/counts.sh [--update]" >&2
    exit 2
    ;;
esac

step "packages" scripts/bootstrap.sh test
failed=0
for preset in release release-clang neon; do
    options=(-DGEMMULE_BUILD_TESTS=ON)
    [[ $preset != release ]] || options+=(-DGEMMULE_BUILD_BENCH=ON)
    step "configure $preset" cmake --preset "$preset" "${options[@]}"
    step "build $preset" cmake --build --preset "$preset" --target counts-build
    echo "== counts of $preset"
    if [[ $update ]]; then
        cmake --build --preset "$preset" --target counts-update -- --quiet
    else
        ctest --preset "$preset" -R '^(counts|loops-)' || failed=1
    fi
done
exit $failed

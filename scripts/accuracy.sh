#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Writes docs/accuracy.md anew, by the program of the test `accuracy`.
#
#   scripts/accuracy.sh [TEST_ACCURACY]      build/release/tests/test_accuracy, which is built first
set -euo pipefail
cd "$(dirname "$0")/.."

program=${1-}
if [[ ! $program ]]; then
    cmake --preset release -DGEMMULE_BUILD_TESTS=ON >/dev/null
    cmake --build --preset release --target test_accuracy >/dev/null
    program=build/release/tests/test_accuracy
fi
"$program" --write docs/accuracy.md

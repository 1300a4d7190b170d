#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Formats the C sources by .clang-format, or with --check names those that are not formatted so. Left to the hand are
# headers and the tables of kernels (set.c), whose columns are aligned, and kernels/neon, where clang-format loses the
# loops behind its unrolling macros.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v clang-format >/dev/null || {
    echo "format: clang-format is missing: apt-get install clang-format" >&2
    exit 1
}
mapfile -t files < <(find bench blas cli examples kernels proof src tests tune \
    \( -name '*.c' -o -name '*.inc' -o -name '*.cc' -o -name '*.cpp' \) \
    ! -name set.c ! -path 'kernels/neon/*' 2>/dev/null | sort)
case "${1-}" in
"") clang-format -i "${files[@]}" ;;
--check) clang-format --dry-run -Werror "${files[@]}" ;;
*)
    echo "usage: scripts/format.sh [--check]" >&2
    exit 2
    ;;
esac

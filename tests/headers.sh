#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Each public header compiles alone, twice over, as C11 and as C++17, with every compiler that is there.
#
#     tests/headers.sh INCLUDE_DIRECTORY
set -euo pipefail
include=$1
flags=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror -fsyntax-only "-I$include")
count=0
for header in "$include"/gemmule/*.h; do
    name=gemmule/$(basename "$header")
    text="#include <$name>"$'\n'"#include <$name>"
    for compiler in "gcc -x c -std=c11" "clang -x c -std=c11" "g++ -x c++ -std=c++17" "clang++ -x c++ -std=c++17"; do
        command -v "${compiler%% *}" >/dev/null || continue
        # The initialisers are macros: a use of each, in both languages.
        uses=$(sed -nE 's/^#define GML_(\w+)_INIT.*/\1/p' "$header" | while read -r kind; do
            echo "void use_${kind,,}(void); void use_${kind,,}(void) { gml_${kind,,} x = GML_${kind}_INIT; (void)x; }"
        done)
        $compiler "${flags[@]}" - <<<"$text"$'\n'"$uses" || {
            echo "$name does not compile alone with $compiler" >&2
            exit 1
        }
        count=$((count + 1))
    done
done
[ "$count" -gt 0 ] || { echo "no header in $include, or no compiler" >&2; exit 1; }
echo "$count compilations of headers alone"

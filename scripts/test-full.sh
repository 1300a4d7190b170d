#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What scripts/test.sh samples, in full: every fringe of every tile, all 2^32 arguments of the exponentials on each
# instruction set, NEON under qemu among them, and every mutant. For changes of arithmetic or kernels; takes hours.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

step "packages" scripts/bootstrap.sh test
for preset in release release-clang neon; do
    step "configure $preset" cmake --preset $preset
    step "build $preset" cmake --build --preset $preset
done

gemmule=build/release/cli/gemmule
emulator=(qemu-aarch64 -L /usr/aarch64-linux-gnu)
for preset in release release-clang; do
    echo "== gemmule check --thorough ($preset)"
    build/$preset/cli/gemmule check --thorough </dev/null
done
echo "== gemmule check --thorough (neon, under qemu)"
"${emulator[@]}" build/neon/cli/gemmule check --thorough </dev/null
echo "== mutants"
scripts/mutate.sh --all
echo "== done: $($gemmule --version)"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Installs what is missing, builds the release, and runs the main job: a layer of a real sentence encoder.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

step "packages" scripts/bootstrap.sh build
step "configure" cmake --preset release -DGEMMULE_BUILD_TESTS=OFF
step "build" cmake --build --preset release
echo "== gemmule demo"
build/release/cli/gemmule demo </dev/null

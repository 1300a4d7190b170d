# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Sourced by the tests of the benchmarks, after `set -e`: a scratch directory, and what a command is expected to do. They
# end with `exit "$failed"`.

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# expect CODES REGEX ARGUMENT...: runs "${under_test[@]}" with them; the exit code is among the digits, and a line of either
# stream matches.
expect() {
    local wanted=$1 regex=$2 code=0
    shift 2
    "${under_test[@]}" "$@" >"$scratch/output" 2>&1 || code=$?
    if [[ $wanted != *$code* ]] || ! grep -Eq -- "$regex" "$scratch/output"; then
        printf '%s: exit code %d, expected %s and a line with "%s":\n' "$*" "$code" "$wanted" "$regex" >&2
        cat "$scratch/output" >&2
        failed=1
    fi
}

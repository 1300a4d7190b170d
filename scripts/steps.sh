# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Sourced by the scripts: steps that are silent when they succeed.

# step NAME COMMAND...: says the name and the time it took; on failure shows the end of the output, and exits.
step() {
    local name=$1 log begin=$SECONDS
    shift
    log=$(mktemp)
    printf '== %s ... ' "$name"
    if "$@" </dev/null >"$log" 2>&1; then
        printf 'done, %d s\n' $((SECONDS - begin))
        rm -f "$log"
        return
    fi
    printf 'FAILED\n'
    tail -n 60 "$log" >&2
    printf '%s: the step "%s" failed; the end of its output is above, all of it in %s\n' "$0" "$name" "$log" >&2
    exit 1
}

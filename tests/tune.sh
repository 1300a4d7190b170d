#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# gemmule tune from end to end, on small problems and in made-up homes. How many gains there are is the machine's business:
# what is tested is that files are whole and found again, that interruptions lose nothing that was finished, that bits stay
# the same, and what is said of bad input.
#
#     tests/tune.sh [EMULATOR [ARGUMENT...]] GEMMULE
set -um # background jobs are their own process groups, in which SIGINT has its usual effect

[ $# -ge 1 ] || { echo "usage: $0 [EMULATOR...] GEMMULE" >&2; exit 2; }
gemmule=("$@")
unset GEMMULE_ISA GEMMULE_NUM_THREADS GEMMULE_WISDOM GEMMULE_RECORD XDG_DATA_HOME
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HOME=$scratch/home
mkdir "$HOME"
root=$HOME/.local/share/gemmule/wisdom
failed=0
count=0

fail() {
    echo "FAILED: $*" >&2
    cat "$scratch/out" "$scratch/err" | head -n 30 | sed 's/^/    /' >&2
    failed=$((failed + 1))
}

# expect CODE ARGUMENT...: runs the command; standard output and error are kept.
expect() {
    local code=$1 got
    shift
    count=$((count + 1))
    "${gemmule[@]}" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    got=$?
    [ "$got" -eq "$code" ] || fail "gemmule $*: exit code $got, not $code"
}

says() {
    grep -qF -- "$1" "$scratch/out" || fail "standard output does not say '$1'"
}

# refuse CODE SENTENCE ARGUMENT...: nothing on standard output, one line on standard error.
refuse() {
    local code=$1 sentence=$2
    shift 2
    expect "$code" "$@"
    [ "$(wc -l <"$scratch/err")" -eq 1 ] || fail "gemmule $*: not one line of explanation"
    grep -qF -- "$sentence" "$scratch/err" || fail "gemmule $*: does not say '$sentence'"
}

# json EXPRESSION: what was printed is JSON for which the Python expression over x holds.
json() {
    python3 - "$scratch/out" "$1" <<'PYTHON' || fail "not ($1)"
import json, sys
x = json.load(open(sys.argv[1], encoding="utf-8"))
sys.exit(0 if eval(sys.argv[2]) else 1)
PYTHON
}

# figure NAME: a number of the JSON that was printed.
figure() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$scratch/out" "$1"
}

files() {
    find "$1" -name '*.wisdom' 2>/dev/null | wc -l
}

# whole DIRECTORY: nothing but whole files lies in it; prints how many problems they have.
entries() {
    find "$1" -name '*.wisdom' -exec cat {} + 2>/dev/null | grep -c '^entry '
}

# finished DIRECTORY: waits until a run has finished something there, for a minute at most.
finished() {
    local i
    for ((i = 0; i < 600; i++)); do
        [ "$(entries "$1")" -gt 0 ] && return
        sleep 0.1
    done
    fail "nothing was finished in a minute"
}

shapes=$scratch/shapes.txt
cat >"$shapes" <<'END'
# three small problems
gemm 200 210 220 threads=1
softmax 64 200 threads=1
attention 1 2 40 60 16 threads=1
END
small=(--shapes "$shapes" --force --seed 5)

# A dry run plans, and does nothing
expect 0 tune --dry-run "${small[@]}"
says "3 problems of 3 are to be measured"
says "softmax f32 64x200, 1 thread"
expect 0 tune --dry-run --json "${small[@]}"
json 'x["tasks"] == 3 and x["pending"] == 3 and not x["saved"] and x["expected_seconds"] > 0'
expect 0 tune --dry-run --json --ops softmax --dtypes f32 --threads 1,2
json 'x["tasks"] >= 4 and all("op=softmax" in p["problem"] for p in x["problems"])'
expect 0 tune --dry-run --json --shapes "$shapes" --threads 1,2
json 'x["tasks"] == 6'
expect 0 tune --dry-run --json --shapes "$shapes" --ops gemm
json 'x["tasks"] == 1'
[ -z "$(ls -A "$HOME")" ] || fail "a dry run left something in the home"

# Runs, each twice as long as the one before, until all is known: the first or second on a machine that is idle
for budget in 2s 4s 8s 16s 32s 64s; do
    expect 0 tune --budget $budget --resume --json "${small[@]}"
    json 'x["tasks"] == 3 and x["failed"] == 0 and x["mismatch"] is None and x["noise"] is not None'
    json 'x["proven"] + x["kept"] + x["pending"] == 3 and len(x["problems"]) == 3'
    json 'all(p["low"] <= p["gain"] <= p["high"] for p in x["problems"] if p["verdict"] in ("proven", "kept"))'
    json 'not x["saved"] or open(x["file"]).readline() == "gemmule-wisdom 1\n" and x["run"] in x["file"]'
    [ ! -s "$scratch/err" ] || fail "progress is shown in a pipe"
    [ "$(figure pending)" -eq 0 ] && break
done
[ "$(figure pending)" -eq 0 ] || fail "three small problems are not finished in two minutes"
[ "$(entries "$root")" -eq 3 ] || fail "not three entries in $root"
[ -z "$(find "$root" -perm /077)" ] || fail "others may read or write below $root"

# Again: nothing is left to do
before=$(files "$root")
expect 0 tune --budget 2s --resume "${small[@]}"
says "Nothing new to save"
expect 0 tune --budget 2s --resume --dry-run --json "${small[@]}"
json 'x["pending"] == 0 and all(p["resumed"] for p in x["problems"])'
[ "$(files "$root")" -eq "$before" ] || fail "a run that did nothing has left a file"

# What was saved is seen, and changes no bit
expect 0 info
says "3 entries"
if "${gemmule[@]}" --help | grep -q '^  wisdom '; then
    expect 0 wisdom show
    says "softmax"
fi
expect 0 demo --repeat 1 --json
json 'x["same_bits"]'
with=$(figure sha256)
GEMMULE_WISDOM=off expect 0 demo --repeat 1 --json
[ "$(figure sha256)" = "$with" ] || fail "the bits of the demo depend on wisdom"

# SIGINT and SIGTERM end a run, and keep what was finished; SIGKILL keeps it too
for ((i = 1; i <= 60; i++)); do echo "softmax $((64 * i)) 200"; done >"$scratch/many.txt"
many=(--shapes "$scratch/many.txt" --threads 1)
for signal in INT TERM KILL; do
    there=$scratch/$signal
    count=$((count + 1))
    "${gemmule[@]}" tune --budget 10m "${many[@]}" --json --force --directory "$there" \
        >"$scratch/out" 2>"$scratch/err" </dev/null &
    finished "$there"
    kill -s "$signal" $!
    wait $! 2>/dev/null
    code=$?
    if [ "$signal" = KILL ]; then
        [ "$code" -eq 137 ] || fail "SIGKILL: exit code $code"
    else
        [ "$code" -eq 0 ] || fail "SIG$signal: exit code $code"
        json 'x["interrupted"] and x["saved"] and x["pending"] > 0'
        grep -q '^end ' "$(figure file)" || fail "the file of an interrupted run has no end"
    fi
    kept=$(entries "$there")
    expect 0 tune --dry-run --resume "${many[@]}" --json --directory "$there"
    json "sum(p['resumed'] for p in x['problems']) == $kept > 0"
done

# A line of progress is for terminals
count=$((count + 1))
python3 - "$scratch/tty" "${gemmule[@]}" tune --budget 1s "${small[@]}" <<'PYTHON' >"$scratch/out" 2>"$scratch/err" || fail "no progress on a terminal"
import os, pty, sys
read, write = os.pipe()
pid, terminal = pty.fork()
if pid == 0:
    os.dup2(write, 1)
    os.execvp(sys.argv[2], sys.argv[2:] + ["--directory", sys.argv[1]])
os.close(write)
shown = b""
try:
    while True:
        part = os.read(terminal, 65536)
        if not part:
            break
        shown += part
except OSError:
    pass
said = os.fdopen(read, "rb").read()
sys.exit(not (b"\r[" in shown and b" of 3, " in shown and b"Proven" in said and b"\r" not in said))
PYTHON

# Bad input: a sentence with the place, and nothing written
there=$scratch/nothing
bad=(--directory "$there")
refuse 2 "--budget is '0', must be a time of more than 0" tune --budget 0 "${bad[@]}"
refuse 2 "--budget is '60x'" tune --budget 60x "${bad[@]}"
refuse 2 "'fft' is none of gemm, softmax, attention" tune --ops gemm,fft "${bad[@]}"
refuse 2 "'f16' is none of f32, f64" tune --dtypes f16 "${bad[@]}"
refuse 2 "--threads is '0'" tune --threads 0 "${bad[@]}"
refuse 2 "--threads is ''" tune --threads 1,,2 "${bad[@]}"
refuse 2 "threads[1] is 2" tune --threads 2,2 "${bad[@]}"
refuse 2 "--cache is 'cold', must be rotated or warm" tune --cache cold "${bad[@]}"
refuse 2 "nowhere.txt: No such file or directory" tune --shapes "$scratch/nowhere.txt" "${bad[@]}"
refuse 2 "$scratch: Is a directory" tune --shapes "$scratch" "${bad[@]}"
for ((i = 0; i < 16; i++)); do echo "gemm 10 20 30"; done >"$scratch/garbage.txt"
printf '\001\002garbage\n' >>"$scratch/garbage.txt"
refuse 2 "garbage.txt:17: has the byte 0x01, which is no text" tune --shapes "$scratch/garbage.txt" "${bad[@]}"
echo "softmax 10" >"$scratch/short.txt"
refuse 2 "short.txt:1: softmax takes 2 sizes, there are 1" tune --from "$scratch/short.txt" "${bad[@]}"
: >"$scratch/empty.txt"
refuse 2 "empty.txt: holds no problem" tune --shapes "$scratch/empty.txt" "${bad[@]}"
refuse 2 "--directory is ''" tune --directory ""
refuse 4 "shapes.txt/below: Not a directory" tune --json --directory "$shapes/below"
[ ! -e "$there" ] || fail "bad input has left something"
HOME=$scratch/no/home refuse 4 "the home directory $scratch/no/home does not exist" tune
[ ! -e "$scratch/no" ] || fail "a home was made"
bare=("${gemmule[@]}")
gemmule=(env -u HOME "${gemmule[@]}")
refuse 4 "neither XDG_DATA_HOME nor HOME says" tune
gemmule=("${bare[@]}")

# A full disk, as a limit of 1 KiB on the size of files shows it: what was finished before is there, and whole
count=$((count + 1))
mkdir "$scratch/full"
(
    trap '' XFSZ
    ulimit -f 1
    "${gemmule[@]}" tune --budget 10m "${many[@]}" --force --directory "$scratch/full" 2>&1 </dev/null
    echo "code $?"
) | cat >"$scratch/out"
says "code 4"
says "File too large"
says "what was finished before is in "
[ "$(find "$scratch/full" -type f | wc -l)" -eq 1 ] || fail "a full disk has left something"
kept=$(entries "$scratch/full")
expect 0 tune --dry-run --resume "${many[@]}" --json --directory "$scratch/full"
json "sum(p['resumed'] for p in x['problems']) == $kept > 0"

[ "$failed" -eq 0 ] && echo "$count runs of gemmule tune as expected"
[ "$failed" -eq 0 ]

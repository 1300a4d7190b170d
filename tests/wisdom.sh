#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# gemmule wisdom: each command on files that are made here, with checksums of their own, so that the grammar of the lines
# is tested as well; sentences and exit codes for what is missing, damaged, foreign, or cannot be written. Nothing is
# read or written outside a scratch directory but /etc/gemmule/wisdom, which is read.
#
#     tests/wisdom.sh [EMULATOR [ARGUMENT...]] GEMMULE
set -u

[ $# -ge 1 ] || { echo "usage: $0 [EMULATOR...] GEMMULE" >&2; exit 2; }
unset GEMMULE_ISA GEMMULE_NUM_THREADS GEMMULE_WISDOM GEMMULE_RECORD
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
export HOME="$scratch/home" XDG_DATA_HOME="$scratch/data"
mkdir "$HOME" "$XDG_DATA_HOME"
root=$XDG_DATA_HOME/gemmule/wisdom
umask 022
command="$*"
failed=0
count=0

fail() {
    echo "FAILED: $*" >&2
    sed 's/^/    /' "$scratch/out" "$scratch/err" >&2
    failed=$((failed + 1))
}

# expect CODE ARGUMENT...: runs gemmule wisdom; standard output and error are kept.
expect() {
    code=$1
    shift
    count=$((count + 1))
    $command wisdom "$@" >"$scratch/out" 2>"$scratch/err"
    got=$?
    [ "$got" -eq "$code" ] || fail "gemmule wisdom $*: exit code $got, not $code"
}

says() {
    grep -qF -- "$1" "$scratch/out" || fail "standard output does not say '$1'"
}

# refuse CODE SENTENCE ARGUMENT...: nothing on standard output, one line on standard error.
refuse() {
    code=$1
    sentence=$2
    shift 2
    expect "$code" "$@"
    [ ! -s "$scratch/out" ] || fail "gemmule wisdom $*: prints besides failing"
    [ "$(wc -l <"$scratch/err")" -eq 1 ] || fail "gemmule wisdom $*: not one line of explanation"
    grep -qF -- "$sentence" "$scratch/err" || fail "gemmule wisdom $*: does not say '$sentence'"
}

# explain ARGUMENT...: runs gemmule explain.
explain() {
    count=$((count + 1))
    $command explain "$@" >"$scratch/out" 2>"$scratch/err" || fail "gemmule explain $*: exit code $?"
}

# json EXPRESSION [ARGUMENT...]: what show prints is JSON for which the Python expression over x and entries holds.
json() {
    expression=$1
    shift
    expect 0 show --json "$@"
    python3 - "$scratch/out" "$expression" <<'PYTHON' || fail "gemmule wisdom show $*: not ($expression)"
import json, sys
x = json.load(open(sys.argv[1], encoding="utf-8"))
entries = [e for p in x["places"] for f in p["files"] for e in f["entries"]]
sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)
PYTHON
}

# No file of a run is there.
empty() {
    [ -z "$(find "$XDG_DATA_HOME" "$HOME" -type f)" ] || fail "$1: files were written"
}

# make FILE RUN ENTRY...: a file; an entry is "m choice gain low high [key=value...]", the last of which replace fields.
make() {
    python3 - "$scratch/here.json" "$@" <<'PYTHON'
import json, sys

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82f63b78 * (crc & 1)
    return crc ^ 0xffffffff

def line(text):
    return f"{text} crc={crc32c(text.encode()):08x}\n"

here = json.load(open(sys.argv[1]))
name, run, entries = sys.argv[2], sys.argv[3], sys.argv[4:]
with open(name, "w") as out:
    out.write("gemmule-wisdom 1\n# made by a test\n")
    for entry in entries:
        m, choice, gain, low, high, *others = entry.split()
        fields = dict(machine=here["machine"], isa=here["isa"], revision=here["revisions"]["gemm f32"], run=run,
                      op="gemm", type="f32", layout="nn0", threads="1", m=m, n="300", k="200", batch="1",
                      choice=choice, gain=gain, low=low, high=high, samples="96", scope="cell", state="rotated")
        fields.update(o.split("=", 1) for o in others)
        out.write(line("entry " + " ".join(f"{k}={v}" for k, v in fields.items())))
    out.write(line(f"end lines={len(entries)}"))
PYTHON
}

# Help, and what is none
expect 0 --help
for name in show export import merge verify prune; do
    says "  $name "
done
for name in show export import merge verify prune; do
    expect 0 "$name" --help
    grep -q "Usage: gemmule wisdom $name" "$scratch/out" || fail "$name --help: no usage"
    refuse 2 "there is no option '--frobnicate'" "$name" --frobnicate
done
refuse 2 "a command is missing"
refuse 2 "there is no command 'frobnicate'" frobnicate
refuse 2 "a file is missing" import
refuse 2 "files are missing" merge
refuse 2 "one of --run, --stale and --all is needed" prune
refuse 2 "one of --run, --stale and --all is needed" prune --stale --all
refuse 2 "--budget is '0'" verify --budget 0
refuse 2 "--budget is 'soon'" verify --budget soon

# Nothing yet
expect 0 show
says "$root (the user's): nothing"
json 'not entries and x["problems"] == 0 and not x["off"]'
cp "$scratch/out" "$scratch/here.json"
expect 0 verify
says "No winners"
expect 0 prune --all
says "Removed   0 entries"
expect 0 export
[ "$(wc -l <"$scratch/out")" -eq 2 ] || fail "export of nothing: not a file without entries"
empty "commands without wisdom"

# Import
good="$scratch/good.wisdom"
make "$good" 20250101T120000Z-aa "1000 nc=960 1.083 1.071 1.094" "2000 model 1 1 1 scope=exact" \
    "3000 nc=96 1.5 1.25 1.75 machine=00000000000000ff" "4000 nc=96 1.5 1.25 1.75 revision=00000000" \
    "5000 nc=96 1.5 1.25 1.75 isa=amx" "6000 nc=96 1.5 2 1.75" "7000 nc=96 1.5 1.25 1.75"
sed -i 's/m=7000 /m=7001 /' "$good"
expect 0 import "$good"
says "Imported  2 entries of $good into $root"
says "Ignored   2 of another machine or kernel set, 1 of kernels that have changed, 1 damaged, 1 invalid"
run=$(sed -n 's/^Undo      gemmule wisdom prune --run //p' "$scratch/out")
[ "$(stat -c %a "$root"/*/"$run".wisdom)" = 600 ] || fail "the file of an import is not the user's alone"
expect 0 show
says "gemm f32 nn0 1000x300x200x1"
says "1.071 to 1.094"
says "2 problems; faster plans than the model's: 1; mean gain 1.041"
json 'x["problems"] == 2 and x["winners"] == 1 and abs(x["gain"] - 1.083 ** 0.5) < 1e-6'
json 'all(e["run"] != "20250101T120000Z-aa" and e["use"] == "used" for e in entries)'
json 'len(entries) == 4 and [e["use"] for e in entries].count("stale") == 1' --all "$good"
json 'len(entries) == 2 and x["damaged"] == 1 and x["invalid"] == 1' "$good"
json 'len(entries) == 2' "$root"
refuse 2 "good.wisdoms cannot be read: No such file or directory" import "$scratch/good.wisdoms"
refuse 2 "good.wisdoms cannot be read: No such file or directory" show "$scratch/good.wisdoms"
refuse 2 "does not begin as wisdom does" import "$0"
chmod 664 "$good"
refuse 2 "may be written by others" import "$good"
chmod 644 "$good"

# Explain: of this problem, of one nearly as large, where the model is best, and where nothing is known
explain gemm 1000 300 200 --threads 1
says "measured: 1.083 times as fast as the model's plan (1.071 to 1.094, of 96 samples), in run $run"
says "Choice   nc=960; all else is the model's"
explain gemm 1010 310 210 --threads 1
says "cell: 1.083 times as fast"
explain gemm 2000 300 200 --threads 1
says "measured: the model's plan, as nothing was proven to be faster, in run $run"
explain gemm 1000 300 20000 --threads 1
says "model: cache sizes and the problem; neither it nor a problem near it was measured"
explain gemm 1000 300 200 --threads 1 --json
says '"choice": "nc=960"'
says '"gain_low": 1.071'

# A newer one comes first, and taking it back brings the older back
make "$scratch/newer" 20250102T120000Z-aa "1000 nc=480 1.2 1.1 1.3"
expect 0 import "$scratch/newer"
newer=$(sed -n 's/^Undo      gemmule wisdom prune --run //p' "$scratch/out")
json 'sorted(e["choice"] for e in entries) == ["model", "nc=480"]'
json 'sorted((e["choice"], e["use"]) for e in entries) ==
      [("model", "used"), ("nc=480", "used"), ("nc=960", "superseded")]' --all
expect 0 export
cp "$scratch/out" "$scratch/exported"
[ "$(grep -c ^entry "$scratch/exported")" -eq 2 ] || fail "export has more than what is in use"
expect 0 prune --run "$newer"
says "Removed   1 entries from $root"
json 'sorted(e["choice"] for e in entries) == ["model", "nc=960"]'
refuse 2 "has no entry of the run '$newer'" prune --run "$newer"

# GEMMULE_WISDOM comes before it all
export GEMMULE_WISDOM="$scratch/newer"
json 'sorted(e["choice"] for e in entries) == ["model", "nc=480"]'
expect 0 show
says "$scratch/newer (GEMMULE_WISDOM)"
export GEMMULE_WISDOM=off
json 'x["off"] and not entries'
expect 0 show
says "GEMMULE_WISDOM=off: nothing is read"
unset GEMMULE_WISDOM

# Export, and what cannot be written
expect 0 export --output "$scratch/file"
says "Exported  2 entries to $scratch/file"
expect 0 import "$scratch/file" --directory "$scratch/elsewhere"
says "--directory '$scratch/elsewhere'"
json 'len(entries) == 2' "$scratch/elsewhere"
refuse 2 "$scratch/none/x: cannot be written: No such file or directory" export --output "$scratch/none/x"
refuse 2 "Is a directory" export --output "$scratch"
refuse 2 "Not a directory" import "$good" --directory "$good"
[ "$(stat -c %a "$scratch/file")" = 644 ] || fail "a file that is to be passed on cannot be read"
if [ -w /dev/full ]; then
    refuse 4 "/dev/full: cannot be written: No space left on device" export --output /dev/full
    refuse 4 "/dev/full: cannot be written: No space left on device" merge "$good" --output /dev/full
    count=$((count + 1))
    $command wisdom export >/dev/full 2>"$scratch/err"
    [ $? -eq 4 ] || fail "export onto a full disk: exit code is not 4"
fi

# Merge: 0.10 +- 0.02 and 0.11 +- 0.04 in logarithms are 0.102 +- 0.0178885, as tests/test_merge.c has it
make "$scratch/a" 20250101T120000Z-aa "1000 nc=960 1.105171 1.083287 1.127497" "2000 nc=8 1.2 1.1 1.3"
make "$scratch/b" 20250102T120000Z-bb "1000 nc=960 1.116278 1.072508 1.161834" "2000 nc=9 1.3 1.2 1.4"
expect 0 merge "$scratch/a" "$scratch/b" --output "$scratch/merged"
says "Merged    4 entries of 2 files: 2 problems"
json '[e["choice"] for e in entries] == ["nc=960", "nc=9"] and entries[0]["samples"] == 192' "$scratch/merged"
json 'max(abs(entries[0][k] - v) for k, v in
      dict(gain=1.107383, low=1.087750, high=1.127371).items()) < 3e-6' "$scratch/merged"
expect 0 merge "$scratch/b" "$scratch/a"
[ "$(grep -c '^entry' "$scratch/out")" -eq 2 ] || fail "merge does not write to standard output"
expect 0 merge "$scratch/merged" "$scratch/a" --output "$scratch/merged" # over what it reads
refuse 2 "none cannot be read" merge "$scratch/a" "$scratch/none" --output "$scratch/merged2"
[ ! -e "$scratch/merged2" ] || fail "merge writes though a file is missing"

# Nothing that holds here: nothing is written
expect 0 prune --all
empty "prune --all"
make "$scratch/foreign" 20250101T120000Z-aa "3000 nc=96 1.5 1.25 1.75 machine=00000000000000ff"
expect 1 import "$scratch/foreign"
says "nothing was written"
says "Ignored   1 of another machine or kernel set"
empty "an import of nothing"

# Pruning what is stale, beside what is another machine's
expect 0 import "$good"
machine=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["machine"])' "$scratch/here.json")
cp "$good" "$root/$machine/20250101T120000Z-aa.wisdom"
mkdir -m 700 "$root/00000000000000ff"
cp "$good" "$root/00000000000000ff/20250101T120000Z-aa.wisdom"
expect 0 prune --stale
says "Removed   2 entries"
expect 0 prune --all
cmp -s "$good" "$root/00000000000000ff/20250101T120000Z-aa.wisdom" || fail "prune touches another machine's wisdom"
rm -r "$root/00000000000000ff"

# Homes that are not there, and such as cannot be written
command="env -u XDG_DATA_HOME HOME=$scratch/nobody $*"
refuse 4 "the home directory $scratch/nobody does not exist" import "$good"
[ ! -e "$scratch/nobody" ] || fail "a home directory was made"
command="env -u XDG_DATA_HOME -u HOME $*"
refuse 4 "--directory names another place" import "$good"
refuse 4 "--directory names another place" prune --all
expect 0 show
command="env XDG_DATA_HOME=$good $*"
refuse 2 "Not a directory" import "$good"
command="$*"
mkdir "$scratch/open"
chmod 700 "$scratch/open"
mkdir "$scratch/open/$machine"
chmod 770 "$scratch/open/$machine"
refuse 2 "may be written by others" import "$good" --directory "$scratch/open"

# Verify: what is not reached stays
expect 0 import "$good"
expect 3 verify --budget 0.000001
says "1 not reached"
json 'x["winners"] == 1'

[ "$failed" -eq 0 ] && echo "$count runs of gemmule wisdom as expected"
[ "$failed" -eq 0 ]

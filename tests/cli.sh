#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# The gemmule command: help of each subcommand, valid JSON, sentences and exit codes for bad arguments, the
# environment that info shows, and the bits of the demo.
#
#     tests/cli.sh GOLDEN_DIR [EMULATOR [ARGUMENT...]] GEMMULE
set -u

[ $# -ge 2 ] || { echo "usage: $0 GOLDEN_DIR [EMULATOR...] GEMMULE" >&2; exit 2; }
golden=$1
shift
unset GEMMULE_ISA GEMMULE_NUM_THREADS GEMMULE_RECORD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
count=0

fail() {
    echo "FAILED: $*" >&2
    sed 's/^/    /' "$scratch/out" "$scratch/err" >&2
    failed=$((failed + 1))
}

# expect CODE ARGUMENT...: runs the command of $command; standard output and error are kept.
expect() {
    code=$1
    shift
    count=$((count + 1))
    $command "$@" >"$scratch/out" 2>"$scratch/err"
    got=$?
    [ "$got" -eq "$code" ] || fail "gemmule $*: exit code $got, not $code"
}

says() {
    grep -qF -- "$1" "$scratch/out" || fail "standard output does not say '$1'"
}

# refuse SENTENCE ARGUMENT...: exit code 2, nothing on standard output, one line on standard error.
refuse() {
    sentence=$1
    shift
    expect 2 "$@"
    [ ! -s "$scratch/out" ] || fail "gemmule $*: prints besides failing"
    [ "$(wc -l <"$scratch/err")" -eq 1 ] || fail "gemmule $*: not one line of explanation"
    grep -qF -- "$sentence" "$scratch/err" || fail "gemmule $*: does not say '$sentence'"
}

# json EXPRESSION ARGUMENT...: valid JSON for which the Python expression over x holds.
json() {
    expression=$1
    shift
    expect 0 "$@"
    python3 - "$scratch/out" "$expression" <<'PYTHON' || fail "gemmule $*: not ($expression)"
import json, sys
x = json.load(open(sys.argv[1], encoding="utf-8"))
sys.exit(0 if eval(sys.argv[2]) else 1)
PYTHON
}

command="$*"

# Help and version
expect 0 --help
for name in info check explain doctor demo tune wisdom bench perf; do
    says "  $name "
done
expect 0 --version
says "arithmetic revision"
for name in info check explain doctor demo tune; do
    expect 0 "$name" --help
    says "Usage: gemmule $name"
    says "--json"
    for option in $(grep -oE '^  --[a-z-]+' "$scratch/out"); do
        grep -qE "^.It Fl ${option#-}( |\$)|^.Fl ${option#-} ,\$" "$golden/../../docs/gemmule.1" ||
            fail "docs/gemmule.1 does not explain $option of gemmule $name"
    done
done
expect 0 wisdom --help
for name in $(sed -nE 's/^  ([a-z]+) .*/\1/p' "$scratch/out"); do
    expect 0 wisdom "$name" --help
    says "Usage: gemmule wisdom $name"
    grep -q "^.Cm wisdom $name" "$golden/../../docs/gemmule.1" || fail "docs/gemmule.1 has no gemmule wisdom $name"
    for option in $(grep -oE '^  --[a-z-]+' "$scratch/out"); do
        grep -qE "^.It Fl ${option#-}( |\$)" "$golden/../../docs/gemmule.1" || [ "$option" = --json ] ||
            [ "$option" = --help ] || fail "docs/gemmule.1 does not explain $option of gemmule wisdom $name"
    done
done

# Bad arguments
refuse "a command is missing"
refuse "there is no command 'frobnicate'" frobnicate
refuse "there is no option '--frobnicate'" info --frobnicate
refuse "one argument too many" info more
refuse "an operation is missing" explain
refuse "there is no operation 'fft'" explain fft 3
refuse "gemm takes 3 sizes, there are 2" explain gemm 3 4
refuse "M is '-1'" explain gemm -1 4 5
refuse "N is '4x'" explain gemm 3 4x 5
refuse "K is ''" explain gemm 3 4 ''
refuse "K is ' 5'" explain gemm 3 4 ' 5'
refuse "K is '99999999999999999999'" explain gemm 3 4 99999999999999999999
refuse "--threads is '0'" explain gemm 3 4 5 --threads 0
refuse "--threads is '1025'" explain gemm 3 4 5 --threads=1025
refuse "--threads needs a value" explain gemm 3 4 5 --threads
refuse "--json takes no value" explain gemm 3 4 5 --json=yes
refuse "no kernel set 'sse9'" explain gemm 3 4 5 --isa sse9
refuse "softmax has no option --causal" explain softmax 3 4 --causal
refuse "softmax has no option --type" explain softmax 3 4 --type f64
refuse "--type is 'f16'" explain gemm 3 4 5 --type f16
refuse "must be a multiple of --kv-heads" explain attention 1 6 4 4 8 --kv-heads 4
refuse "--repeat is '0'" demo --repeat 0
refuse "No such file or directory" demo --data "$scratch/nowhere"
mkdir "$scratch/data"
cp "$golden"/*.npy "$scratch/data"
cp "$golden/b_q.npy" "$scratch/data/w_k.npy"
refuse "w_k.npy: holds f32, 384; must be f32, 384 x 384" demo --data "$scratch/data"
head -c 1000 "$golden/w_k.npy" >"$scratch/data/w_k.npy"
refuse "w_k.npy: the shape needs" demo --data "$scratch/data"

# info
expect 0 info
says "arithmetic revision"
json 'x["isa"]["chosen"] in [s["isa"] for s in x["kernel_sets"] if s["available"]]' info --json
json 'x["threads"]["used"] >= 1 and x["kernel_sets"][-1]["isa"] == "ref"' info --json
json 'x["compiler"].split()[0] in ("GNU", "Clang")' info --json
json 'len(x["kernels"]["gemm"]) >= 1 and len(x["kernels"]["attention"]) >= 1' info --json
command="env GEMMULE_ISA=ref GEMMULE_NUM_THREADS=3 $*"
json 'x["isa"]["chosen"] == "ref" and x["threads"]["used"] == 3' info --json
command="env GEMMULE_ISA=sse9 GEMMULE_NUM_THREADS=many $*"
expect 0 info
says "sse9"
says "many"
json 'x["isa"]["environment"] == "sse9" and x["isa"]["ignored"]' info --json
command="env GEMMULE_VERBOSE=yes $*"
json 'x["traces"]["ignored"] and not x["traces"]["on"]' info --json
command="env GEMMULE_WISDOM=/nowhere:$scratch/wisdom XDG_DATA_HOME=$scratch GEMMULE_RECORD=$scratch/record $*"
echo "gemmule-wisdom 1" >"$scratch/wisdom"
echo "entry of nothing" >>"$scratch/wisdom"
expect 0 info
says "cannot be read"
says "/nowhere"
says "GEMMULE_RECORD=$scratch/record"
json '[f["read"] for f in x["wisdom"]["files"]] == [False, True]' info --json
json 'x["wisdom"]["files"][1]["damaged"] == x["wisdom"]["damaged"] == 1 and x["wisdom"]["accepted"] == 0' info --json
json 'x["wisdom"]["roots"][0].endswith("/gemmule/wisdom") and not x["wisdom"]["off"]' info --json
json 'len(x["wisdom"]["machine"]) == 16 and x["wisdom"]["fingerprint"] and not x["record"]["ignored"]' info --json
command="env GEMMULE_WISDOM=off $*"
expect 0 info
says "nothing: GEMMULE_WISDOM=off"
json 'x["wisdom"]["off"] and not x["wisdom"]["roots"] and x["wisdom"]["environment"] == "off"' info --json
command="$*"

# doctor: what it finds is the machine's affair, but not whether it says so
expect 0 doctor --help
says "Usage: gemmule doctor"
refuse "--threads is '0'" doctor --threads 0
for options in "" "--quick" "--quick --threads 1024"; do
    # shellcheck disable=SC2086
    $command doctor --json $options >"$scratch/out" 2>"$scratch/err"
    code=$?
    count=$((count + 1))
    python3 - "$scratch/out" "$code" "$options" <<'PYTHON' || fail "gemmule doctor --json $options: exit code $code"
import json, sys
x = json.load(open(sys.argv[1], encoding="utf-8"))
warnings = [f["name"] for f in x["findings"] if f["severity"] == "warning"]
asked = "1024" in sys.argv[3]
sys.exit(0 if int(sys.argv[2]) == (1 if warnings else 0) and x["fine"] == (not warnings)
         and ("noise" in x) == ("--quick" not in sys.argv[3])
         and (not asked or x["threads"] == 1024 and "affinity" in warnings) else 1)
PYTHON
done

# explain
expect 0 explain gemm 300 200 1000
says "L2"
json 'x["threads"] == 1 and x["source"] == "model"' explain gemm 2048 2048 2048 --trans-b --threads 1 --json
json 'x["kernel"].startswith("gemm_f64") and x["path"] == "panels"' explain gemm 900 800 700 --type f64 --json
json 'x["path"] == "stream" and x["kernel"].startswith("gemm_dots_f32")' explain gemm 2 4096 4096 --trans-b --json
json 'x["small"]' explain gemm 4 4 4 --json
json 'x["scratch"]["per_thread"] <= 8 << 20' \
    explain attention 1 32 4096 65536 128 --kv-heads 8 --causal --json
json 'x["isa"] == "ref"' explain softmax 4096 100000 --isa=ref --json
json 'x["refused"]' explain attention 1 1 1 1 1000000 --json

# demo
hash=$(cat "$golden/output.sha256")
json "x['same_bits'] and x['largest_error'] <= 1e-5 and x['sha256'] == '$hash'" \
    demo --data "$golden" --repeat 1 --json
json 'len(x["variants"]) >= 2 and all(v["gflops"] > 0 for v in x["variants"])' demo --repeat 1 --json
expect 0 demo --repeat 1
says "$hash"

# A full disk is no success
if [ -w /dev/full ]; then
    count=$((count + 1))
    $command --help >/dev/full 2>"$scratch/err"
    [ $? -eq 4 ] || fail "gemmule --help onto a full disk: exit code is not 4"
fi

[ "$failed" -eq 0 ] && echo "$count runs of gemmule as expected"
[ "$failed" -eq 0 ]

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# gemmule_bench: that the suites are read, run, and say what is wrong with them; that its JSON is what Google
# Benchmark's own tool reads; and that it measures the library that it is led to. No time is looked at.
#
#     tests/bench-suites.sh GEMMULE_BENCH SUITES [LIBGEMMULE]
set -euo pipefail
bench=$1
suites=$2
library=${3-}
under_test=("$bench")
. "$(dirname "$0")/expect.sh"

export BENCHMARK_MIN_TIME=0.001
export ASAN_OPTIONS=${ASAN_OPTIONS-}:allocator_may_return_null=1

# line REGEX TEXT: a suite whose line 17 is TEXT is refused with file, line and a sentence that matches.
line() {
    {
        printf '[group]\n\n# A comment.\n\tsgemm/NN/m:8/n:8/k:8   # a label\n'
        printf '\n%.0s' {5..16}
        printf '%b\n' "$2"
    } >"$scratch/wrong.suite"
    expect 2 "^gemmule_bench: $scratch/wrong\.suite:17: .*$1" --suite="$scratch/wrong.suite"
}

expect 0 '^usage: ' --help
expect 0 '^sgemm/NN/m:8/n:8/k:8/thr:1/isa:ref' --isa=ref --benchmark_filter='^sgemm/NN/m:8/'
expect 0 '^dgemm/NN/m:128/n:128/k:128/thr:2/isa:' --suite=trial --threads=2 --benchmark_filter=dgemm
expect 2 'threads is a number from 1 to 1024' --threads=two
expect 2 'peaks is yes or no' --peaks=maybe
expect 2 'unrecognized command-line flag: --sweep' --sweep
expect 2 '^gemmule_bench: .*nothing' --isa=nothing
expect 2 "there is no suite 'nothing' in .*, which has attention full gemm quick softmax trial" --suite=nothing
expect 2 'cannot be read: No such file' --suite="$scratch/none.suite"
expect 2 'cannot be read: Is a directory' --suite="$scratch/"
expect 4 'no case of the suite quick is selected' --benchmark_filter=nothing

# What a line can be, and cannot.
line "'garbage' is no operation" garbage
line "'hgemm' is no operation" hgemm/NN/m:1/n:1/k:1
line "'NX' stands where NN, NT, TN or TT is expected; the form is sgemm/" sgemm/NX/m:1/n:1/k:1
line "'n:1' stands where m:NUMBER is expected" dgemm/NN/n:1/k:1
line 'it ends where k:NUMBER is expected' sgemm/NN/m:1/n:1
line 'm:0 is no number from 1 to 16777216' sgemm/NN/m:0/n:1/k:1
line 'm:08 is no number' sgemm/NN/m:08/n:1/k:1
line 'm:1e3 is no number' sgemm/NN/m:1e3/n:1/k:1
line 'm:99999999999999999999 is no number' sgemm/NN/m:99999999999999999999/n:1/k:1
line 'nothing behind k:' sgemm/NN/m:1/n:1/k:
line "'rows' is not expected" softmax/rows:1/cols:1/rows
line "'kv:4' stands where q:NUMBER is expected" attention/heads:1/kv_heads:1/kv:4/q:4/d:64
line "'causal' is not expected" attention/heads:1/kv_heads:1/q:4/kv:4/d:64/window:2/causal
line 'heads is no multiple of kv_heads' attention/heads:3/kv_heads:2/q:4/kv:4/d:64
line 'dv is greater than d' attention/heads:1/kv_heads:1/q:4/kv:4/d:64/dv:80/absorbed
line "'coal' is nothing that canary measures" canary/coal
line 'thr:0 is no number from 1 to 1024' canary/fma/thr:0
line 'is there already, in line 4' sgemm/NN/m:8/n:8/k:8
line 'a group is \[name\]' '[two words]'
line 'characters that are no text' 'sgemm/NN/m:8\001'
line 'more than 500 characters' "$(printf 'a%.0s' {1..600})"
line 'none\.suite cannot be read' 'include none.suite'
line 'includes itself' 'include wrong.suite'
line "no case of that file matches dgemm" "include $suites/trial.suite dgemm/NT*"
printf 'sgemm/NN/m:8/n:8/k:8\n' >"$scratch/wrong.suite"
expect 2 'wrong.suite:1: a group, \[name\], is missing' --suite="$scratch/wrong.suite"
printf '[group]\ninclude wrong.suite\n' >"$scratch/outer.suite"
expect 2 'wrong.suite:1: a group' --suite="$scratch/outer.suite"
printf '# nothing but this\n' >"$scratch/empty.suite"
expect 4 'no case of the suite .*empty.suite is selected' --suite="$scratch/empty.suite"

# A case that cannot be run fails alone. What stands in a line counts more than the options.
printf '[group]\r\n%s\r\n' sgemm/NN/m:16777216/n:16777216/k:1 sgemm/NN/m:8/n:8/k:8/thr:1/isa:nothing \
    sgemm/NN/m:8/n:8/k:8/thr:1/isa:ref >"$scratch/failing.suite"
expect 4 '^sgemm/NN/m:8/n:8/k:8/thr:1/isa:ref/manual_time .*GFLOP/s=' --suite="$scratch/failing.suite" --threads=2
expect 4 "ERROR OCCURRED: 'there is no memory" --suite="$scratch/failing.suite"
expect 4 'isa:nothing/manual_time +ERROR OCCURRED' --suite="$scratch/failing.suite"
expect 4 'a case has failed' --suite="$scratch/failing.suite"

# The JSON: names that parse into axes, counters, and what is said of the run.
printf '%s\n' "include $suites/trial.suite" '[read]' canary/read >"$scratch/trial-read.suite"
for run in 1 2; do
    "$bench" --suite="$scratch/trial-read.suite" --benchmark_repetitions=2 --benchmark_out="$scratch/$run.json" --benchmark_format=json \
        >"$scratch/output" 2>"$scratch/errors"
done
"$bench" --suite=trial --peaks=no --benchmark_filter='NN/m:64/' --benchmark_format=json >"$scratch/no-peaks.json" \
    2>>"$scratch/errors"
for suite in "$suites"/*.suite; do
    "$bench" --suite="$suite" --threads=3 --benchmark_list_tests=true >"$scratch/$(basename "$suite").list"
done
python3 - "$scratch" <<'END' || failed=1
import json, re, sys
from pathlib import Path

scratch = Path(sys.argv[1])
run = json.loads((scratch / "1.json").read_text())
said = {"gemmule", "arithmetic_revision", "compiler", "library", "isa", "threads", "openmp", "wisdom_entries",
        "wisdom_hash", "hypervisor", "harness_compiler", "google_benchmark", "suite", "peaks"}
if said - run["context"].keys():
    sys.exit(f"the context lacks {said - run['context'].keys()}")
names = {b["run_name"] for b in run["benchmarks"] if not b["run_name"].startswith("canary/")}
if len(names) != 8:
    sys.exit(f"the suite trial has {len(names)} cases beside its canaries, expected 8")
for b in run["benchmarks"]:
    if b["run_type"] != "iteration":
        continue
    of = b["name"]
    unit = "Gelement/s" if of.startswith("softmax") else "GFLOP/s"
    if of.startswith("canary/read"):
        unit = "GB/s"
    counters = {"us", "allocs", unit} | (set() if of.startswith("canary") else {"GB/s", "peak", "of_peak"})
    if any(not b.get(key, -1) >= 0 for key in counters):
        sys.exit(f"{of}: one of {sorted(counters)} is missing")
    if b["allocs"] != 0:
        sys.exit(f"{of}: {b['allocs']} allocations a call after warming up")
if {"peak", "of_peak"} & json.loads((scratch / "no-peaks.json").read_text())["benchmarks"][0].keys():
    sys.exit("--peaks=no measures a peak")

number = r"[1-9]\d*"
tail = rf"/thr:3/isa:\w+/manual_time"
forms = [
    rf"[sd]gemm/[NT][NT]/m:{number}/n:{number}/k:{number}",
    rf"softmax/rows:{number}/cols:{number}(/columns)?",
    rf"attention(/batch:{number})?/heads:{number}/kv_heads:{number}/q:{number}/kv:{number}/d:{number}(/dv:{number})?"
    rf"(/causal)?(/window:{number})?(/keep)?(/bias)?(/alibi)?(/softcap:{number})?(/sinks)?(/absorbed)?",
    r"canary/(fma|read)|memory/(read|copy)",
]
lists = {path.name[: -len(".suite.list")]: path.read_text().split() for path in scratch.glob("*.suite.list")}
for suite, listed in lists.items():
    if len(set(listed)) != len(listed):
        sys.exit(f"{suite}: two cases have one name")
    for name in listed:
        if not re.fullmatch(f"({'|'.join(forms)}){tail}", name):
            sys.exit(f"{suite}: {name} has no form that is documented")
for suite in ("gemm", "softmax", "attention", "quick"):
    if set(lists[suite]) - set(lists["full"]):
        sys.exit(f"full lacks cases of {suite}")
END

# Google Benchmark's own comparison.
compare=/usr/share/benchmark/compare.py
if [[ -x /usr/bin/python3 && -f $compare ]] && /usr/bin/python3 -c 'import scipy' 2>/dev/null; then
    /usr/bin/python3 $compare --no-color benchmarks "$scratch/1.json" "$scratch/2.json" >"$scratch/compared"
    if ! grep -q '^dgemm/NN/m:128/n:128/k:128/thr:1/.*_mean ' "$scratch/compared"; then
        echo "compare.py of Google Benchmark does not compare our JSON:" >&2
        cat "$scratch/compared" >&2
        failed=1
    fi
else
    echo "compare.py of Google Benchmark (libbenchmark-tools, python3-scipy) is not here: skipped"
fi

# The library is the one that LD_LIBRARY_PATH leads to.
if [[ $library ]]; then
    mkdir "$scratch/other"
    cp "$library" "$scratch/other/$(basename "$library" | grep -o '.*\.so\.[0-9]*')"
    LD_LIBRARY_PATH=$scratch/other${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
        expect 0 "^library: $scratch/other/libgemmule\.so\.0" --suite=trial --benchmark_filter='NN/m:64/'
fi
exit $failed

#!/usr/bin/python3 -IS
# SPDX-License-Identifier: BSD-3-Clause
"""Stands for gemmule_bench in tests: prints Google Benchmark's JSON of seeded noise, at once.

The environment variable FAKE_BENCH is a JSON object:
    cases     {"sgemm/NN/m:64/n:64/k:64": seconds, ...}; the default has three cases and the canaries
    seed      of the noise (default 1)
    noise     standard deviation of the logarithm of a sample (default 0.01)
    process   the same of what all samples of a case have in common in one process: layout (default 0)
    drift     relative change of all times from one process to the next (default 0)
    outliers  share of the samples that take up to twice as long (default 0)
    counter   path of a file that counts the processes; without it each process is the first, and all are equal
    slower    [{"by": 1.05, "case": glob, "library": glob, "from": process, "until": process}, ...]
    fail      [{"how": ..., and the same}, ...]; how is crash, truncated, empty (no case), error (the case reports one,
              exit 4), hang, usage (exit 2), abort (exit 1)
    context   {...} is added to the context of the answer
A glob of `case` is matched against the whole name, one of `library` against the folder of LD_LIBRARY_PATH that has the
libgemmule.so.0. The defaults match everything. `from` and `until` count processes from 0, `until` is not included.
"""
import fcntl
import fnmatch
import json
import os
import random
import re
import signal
import sys
import time

CASES = {
    "sgemm/NN/m:64/n:64/k:64": 3e-6,
    "sgemm/NN/m:1000/n:1000/k:64": 6e-4,
    "softmax/rows:16/cols:4096": 2e-5,
    "canary/fma": 1e-3,
    "canary/read": 1e-2,
}
OPTIONS = {"suite": "quick", "threads": "1", "isa": "avx512", "peaks": "yes"}


def option(name, default=None):
    """The last of the arguments counts."""
    values = [text.partition("=")[2] for text in sys.argv[1:] if text.partition("=")[0] == f"--{name}"]
    return values[-1] if values else default


def library_folder():
    for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":"):
        if folder and os.path.exists(os.path.join(folder, "libgemmule.so.0")):
            return folder
    return ""


def process_number(path):
    if path is None:
        return 0
    with open(path, "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        number = int(file.read() or 0)
        file.truncate(0)
        file.write(str(number + 1))
    return number


def applies(rule, case, library, number):
    return (
        fnmatch.fnmatchcase(case, rule.get("case", "*"))
        and fnmatch.fnmatchcase(library, rule.get("library", "*"))
        and rule.get("from", 0) <= number < rule.get("until", float("inf"))
    )


def rows_of(case, seconds, settings, number, factor, repetitions, error):
    noise, process = settings.get("noise", 0.01), settings.get("process", 0.0)
    random_numbers = random.Random(f"{settings.get('seed', 1)} {number} {case}")
    common = factor * (1 + settings.get("drift", 0.0)) ** number * random_numbers.lognormvariate(0, process)
    for repetition in range(repetitions):
        name = f"{case}/manual_time"
        row = {"name": name, "run_name": name, "run_type": "iteration", "repetitions": repetitions,
               "repetition_index": repetition, "threads": 1}
        if error:
            yield {**row, "error_occurred": True, "error_message": "the library refused"}
            return
        sample = seconds * common * random_numbers.lognormvariate(0, noise)
        if random_numbers.random() < settings.get("outliers", 0.0):
            sample *= 1 + random_numbers.random()
        yield {**row, "iterations": 10, "real_time": sample * 1e3, "cpu_time": sample * 1e3, "time_unit": "ms",
               "us": sample * 1e6, "GFLOP/s": 1e-3 / sample, "of_peak": 0.5 * seconds / sample, "allocs": 0.0}


def main():
    settings = json.loads(os.environ.get("FAKE_BENCH", "{}"))
    known = tuple(f"--{name}=" for name in OPTIONS) + ("--benchmark_",)
    for argument in sys.argv[1:]:
        if not argument.startswith(known):
            print(f"fake_bench: {argument}: no such option", file=sys.stderr)
            return 2
    library, number = library_folder(), process_number(settings.get("counter"))
    threads, isa = option("threads", OPTIONS["threads"]), option("isa", OPTIONS["isa"])
    pattern = option("benchmark_filter", "")
    cases = {}
    for name, seconds in settings.get("cases", CASES).items():
        name = f"{name}/thr:{threads}/isa:{isa}"
        if bool(re.search(pattern.removeprefix("-"), name)) != pattern.startswith("-"):
            cases[name] = seconds
    failures = [(name, rule["how"]) for name in cases for rule in settings.get("fail", [])
                if applies(rule, name, library, number)]
    ways = {how for _, how in failures}
    if "usage" in ways:
        print("fake_bench: quick.suite:3: no such case", file=sys.stderr)
        return 2
    if "abort" in ways:
        print("fake_bench: the library is too old", file=sys.stderr)
        return 1
    if "empty" in ways:
        cases = {}
    if not cases:
        print("fake_bench: no case is selected", file=sys.stderr)
        return 4
    if option("benchmark_list_tests") == "true":
        print("\n".join(f"{name}/manual_time" for name in cases))
        return 0

    context = {"date": "2000-01-01T00:00:00+00:00", "host_name": "host", "executable": sys.argv[0], "num_cpus": 2,
               "mhz_per_cpu": 3000, "cpu_scaling_enabled": False, "caches": [], "load_avg": [0.5, 0.4, 0.3],
               "library_build_type": "release", "gemmule": "0.1.0", "isa": isa, "threads": threads,
               "compiler": "fake 1.0 -O2", "arithmetic_revision": "1", "openmp": "/usr/lib/libgomp.so.1",
               "wisdom_entries": "0", "wisdom_hash": "none", "harness_compiler": "fake 1.0",
               "google_benchmark": "1.7.1", "suite": option("suite", OPTIONS["suite"])}
    if library:
        context["library"] = os.path.join(library, "libgemmule.so.0")
    context.update(settings.get("context", {}))
    print(f'{{\n  "context": {json.dumps(context)},\n  "benchmarks": [')
    separator = ""
    for name, seconds in cases.items():
        hows = {how for failed, how in failures if failed == name}
        sys.stdout.flush()
        if "crash" in hows:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "truncated" in hows:
            return 0
        if "hang" in hows:
            time.sleep(1000)
        factor = 1.0
        for rule in settings.get("slower", []):
            if applies(rule, name, library, number):
                factor *= rule["by"]
        repetitions = int(option("benchmark_repetitions", "1"))
        for row in rows_of(name, seconds, settings, number, factor, repetitions, "error" in hows):
            print(f"{separator}    {json.dumps(row)}", end="")
            separator = ",\n"
    print("\n  ]\n}")
    if "error" in ways:
        print("fake_bench: a case has failed", file=sys.stderr)
        return 4
    return 0


sys.exit(main())

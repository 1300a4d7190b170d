#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Attention and softmax of gemmule, PyTorch and onnxruntime on the CPU, in one process and in turns.

    python=$(scripts/peers.sh --attention ~/peers)
    taskset -c 1 $python bench/peers/attention.py --library build/bench/libgemmule.so \\
        --bench build/bench/bench/gemmule_bench_attention

The problems are those of gemmule_bench_attention, which lists them. In each round every way to compute a problem has
one sample, a batch of calls of a millisecond at least, in rotating order. A ratio is how many times as fast gemmule is
as the better peer, the one with the smaller median: the median of the ratios of each round, and an interval that covers
it with 95 % probability. A peer that takes ten times as long as the better one is timed once. Results that differ from
gemmule's are said to be wrong, and take no part.
"""
import argparse
import fnmatch
import json
import math
import subprocess
import sys
import time

import numpy
import torch

import onnx_runtime
import pytorch
from gemmule import Gemmule

SLICE, WARM_CALL = 1e-3, 0.1  # seconds: of a sample at least; of a call that needs none before it to be warm
HOPELESS = 10  # times the better peer: who takes so long is timed once
LIBRARIES = {"torch": pytorch, "ort": onnx_runtime}


def median(values):
    return float(numpy.median(values))


def interval(values):
    """Of the median, with 95 %, by the order of the values alone (bench/statistics.h)."""
    values, n = sorted(values), len(values)
    j, fewer, exactly = 0, 0.0, 0.5**n
    while fewer + exactly <= 0.025:
        fewer, exactly, j = fewer + exactly, exactly * (n - j) / (j + 1), j + 1
    return (values[j - 1], values[n - j]) if j else (0.0, math.inf)


def settle(threads):
    """Waits until the threads of whoever computed before have ceased to spin."""
    for _ in range(250 if threads > 1 else 0):
        before = time.process_time()
        time.sleep(2e-3)
        if time.process_time() - before < 0.2e-3:
            return


def seconds_of(run, calls):
    begin = time.perf_counter()
    for _ in range(calls):
        run()
    return time.perf_counter() - begin


def calls_of(run):
    calls = 1
    while (passed := seconds_of(run, calls)) < SLICE:
        calls *= 2
    return calls, passed / calls


def uniform(*shape):
    return numpy.random.default_rng(1).random(shape, numpy.float32) * 2 - 1


def attention_subjects(problem, ours):
    """Gemmule and the peers that do this: name to (run, its result as an array)."""
    p = problem
    tensors = {"q": uniform(p["batch"], p["heads"], p["q_len"], p["head_dim"]),
               "k": uniform(p["batch"], p["kv_heads"], p["kv_len"], p["head_dim"])}
    if not p["absorbed"]:
        tensors["v"] = uniform(p["batch"], p["kv_heads"], p["kv_len"], p["v_head_dim"])
    if p["keep"]:
        tensors["keep"] = uniform(p["q_len"], p["kv_len"]) < 0.75  # one in eight is masked
    if p["bias"]:
        tensors["bias"] = uniform(p["q_len"], p["kv_len"])
    if p["alibi"]:
        tensors["alibi"] = (2 ** (-8 * (numpy.arange(p["heads"]) + 1) / p["heads"])).astype(numpy.float32)
    if p["sinks"]:
        tensors["sinks"] = (numpy.arange(p["heads"]) % 4).astype(numpy.float32)
    o = numpy.zeros((p["batch"], p["heads"], p["q_len"], p["v_head_dim"]), numpy.float32)
    options = {name: tensors[name] for name in ("keep", "bias", "alibi", "sinks") if name in tensors}
    v = tensors["k"][..., : p["v_head_dim"]] if p["absorbed"] else tensors["v"]
    run = ours.attention(tensors["q"], tensors["k"], v, o, causal=p["causal"], window=p["window_left"],
                         softcap=p["softcap"], **options)
    subjects = {"gemmule": (run, lambda _: o)}
    for library in LIBRARIES.values():
        for name, prepare in library.ATTENTION.items():
            try:
                if subject := prepare(p, tensors):
                    subject[0]()
                    subjects[name] = subject
            except Exception as error:  # whatever a library throws at what it does not do
                print(f"  {name}: {str(error).splitlines()[0][:150]}", file=sys.stderr)
    return subjects


def softmax_subjects(problem, ours):
    x = uniform(problem["rows"], problem["cols"])
    axis = 1
    if problem["columns"]:
        x, axis = numpy.ascontiguousarray(x.T), 0
    y = numpy.zeros_like(x)
    subjects = {"gemmule": (ours.softmax(x, y, axis), lambda _: y)}
    for name, library in LIBRARIES.items():
        subjects[name] = library.softmax(x, axis)
    return subjects


def error(result, reference, problem):
    """The largest difference, in units of what is tolerated: roundings of scores, or of sums of thousands."""
    if "rows" in problem:
        return float(numpy.abs(result - reference).max() / (64 * 2**-23 * reference.max()))
    return float(numpy.abs(result - reference).max() / (2**-23 * (problem["head_dim"] + 64)))


def measure(problem, ours, arguments):
    subjects = (softmax_subjects if "rows" in problem else attention_subjects)(problem, ours)
    result = {"group": problem["group"], "name": problem["name"], "label": problem["label"], "seconds": {}, "wrong": {}}
    reference, running = None, {}
    for name, (run, array) in subjects.items():
        output = array(run())
        if reference is None:
            reference = output.copy()
        elif not (off := error(output, reference, problem)) <= 1:
            result["wrong"][name] = off
            continue
        settle(arguments.threads)
        running[name] = (run, *calls_of(run))
    taken = [seconds for name, (_, _, seconds) in running.items() if name != "gemmule"]
    for name, (_, _, seconds) in running.items():
        hopeless = name != "gemmule" and seconds > HOPELESS * min(taken)
        result["seconds"][name] = [seconds] if hopeless else []
    names = [name for name in running if not result["seconds"][name]]
    for turn in range(arguments.repetitions):
        order = names[turn % len(names):] + names[: turn % len(names)]
        for name in reversed(order) if turn % 2 else order:
            run, calls, seconds = running[name]
            settle(arguments.threads)
            if seconds < WARM_CALL:
                run()
            result["seconds"][name].append(seconds_of(run, calls) / calls)
    peers = names[1:]
    if peers:
        result["better"] = min(peers, key=lambda name: median(result["seconds"][name]))
        ratios = [p / o for p, o in zip(result["seconds"][result["better"]], result["seconds"]["gemmule"])]
        result["ratio"], result["interval"] = median(ratios), interval(ratios)
    return result


def show(result):
    print(f"{result['group']}: {result['name']}{', ' + result['label'] if result['label'] else ''}")
    for name, seconds in result["seconds"].items():
        note = ""
        if name == result.get("better"):
            low, high = result["interval"]
            note = f"   gemmule is {result['ratio']:.3f} times as fast"
            note += f" [{low:.3f}, {high:.3f}]" if high < math.inf else ""
        print(f"  {name:15} {median(seconds) * 1e6:12.2f} us{note}")
    for name, off in result["wrong"].items():
        print(f"  {name:15} WRONG: {off:.3g} times the difference that is tolerated")
    sys.stdout.flush()


def summarise(results):
    compared = [result for result in results if "ratio" in result]
    print("\nGeometric means of the ratios to the better peer")
    groups = list(dict.fromkeys(result["group"] for result in compared))
    attention = [group for group in groups if group != "softmax"]
    for title, members in [(group, [group]) for group in groups] + [("attention, all", attention)]:
        ratios = [result["ratio"] for result in compared if result["group"] in members]
        if ratios:
            print(f"  {title:15} {len(ratios):3} problems  {math.exp(sum(map(math.log, ratios)) / len(ratios)):.3f}")
    slower = [result for result in compared if result["interval"][0] < 1]
    if any(result["interval"][1] == math.inf for result in compared):
        return print("Fewer than six rounds: no intervals.")
    print("Intervals that reach below 1" if slower else "No interval reaches below 1.")
    for result in slower:
        low, high = result["interval"]
        print(f"  {result['name']:40} {result['ratio']:.3f} [{low:.3f}, {high:.3f}] of {result['better']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", required=True, help="libgemmule.so")
    parser.add_argument("--bench", required=True, help="gemmule_bench_attention, which lists the problems")
    parser.add_argument("--threads", type=int, default=1, help="of every library (1)")
    parser.add_argument("--isa", help="highest instruction set of gemmule")
    parser.add_argument("--group", default="*", help="patterns of groups, by commas")
    parser.add_argument("--problems", default="*", help="patterns of names, by commas")
    parser.add_argument("--repetitions", type=int, default=11, help="rounds (11)")
    parser.add_argument("--json", help="a file for every sample")
    arguments = parser.parse_args()

    ours = Gemmule(arguments.library, arguments.threads, arguments.isa)
    for library in LIBRARIES.values():
        library.set_threads(arguments.threads)
    print(f"gemmule {ours.version}, {ours.isa}; {pytorch.VERSION}; {onnx_runtime.VERSION}; "
          f"{arguments.threads} threads, {arguments.repetitions} rounds")

    def chosen(text, patterns):
        return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns.split(","))

    listed = json.loads(subprocess.run([arguments.bench, "--list"], check=True, capture_output=True, text=True).stdout)
    results = []
    with torch.inference_mode():
        for problem in listed:
            if chosen(problem["group"], arguments.group) and chosen(problem["name"], arguments.problems):
                results.append(measure(problem, ours, arguments))
                show(results[-1])
    summarise(results)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()

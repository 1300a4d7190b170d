# SPDX-License-Identifier: BSD-3-Clause
"""Measures how often the gate cries wolf on this machine, and how often it sleeps.

The library is built as it is, and again with a kernel that is slower by so many percent: by a real delay
(-DGEMMULE_TEST_DELAY), not by a changed number. Each trial is a comparison as `gemmule perf gate` makes it, with its
processes, its judgement and its fresh pairs: of the library with a copy of itself, where every alarm is false, and with
each slower one.

What has to hold: at most one false alarm in 100 trials, over all cases together, and 90 of 100 trials that find the
kernel which is 5 % slower. Each trial is written to a file when it is done, so that --resume can go on.
"""
import dataclasses
import json
import math
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from scipy.special import betaincinv

from gemmule_perf import ab, copies, fingerprint, harness, history, interleave, judge, policy, sides, trials
from gemmule_perf.errors import Exit, MeasurementFailed, UsageError
from gemmule_perf.options import cpu_list, natural, positive
from gemmule_perf.records import Case, Run, machine_fields
from gemmule_perf.text import count, percent, seconds, table

SUITE = "trial"
TRIALS = 100
INJECT = "5,3"
DELAY = "-DGEMMULE_TEST_DELAY="
PROMISED_TRIALS = 100  # rates are promised of so many: fewer are too few to say
PROMISED_ALARMS = 0.01
PROMISED_PERCENT, PROMISED_POWER = 5.0, 0.9
BUDGET = 10.0  # seconds a side
CONFIDENCE = 0.95

EPILOG = """Exit codes: 0 where that holds; 1 where it does not; 2 for arguments that are wrong; 3 where the trials are
too few to say; 4 where something could not be measured. What is measured comes from --policy, or is what
`gemmule perf ab` does with the suite trial."""


def add_arguments(parser):
    parser.epilog = EPILOG
    parser.add_argument("--trials", type=positive, default=TRIALS, metavar="N", help=f"how many ({TRIALS})")
    parser.add_argument("--inject", type=injected, metavar="PERCENT[=SIDE],...",
                        help=f"delays to build, or libraries that have them ({INJECT})")  # fmt: skip
    parser.add_argument("--base", metavar="SIDE", help="what is to be built, or a library that is there (HEAD)")
    parser.add_argument("--source", metavar="DIR", help="the repository of the base (the current folder's)")
    parser.add_argument("--policy", metavar="FILE", help="rules and settings of a gate (no budget, no canary_library)")
    parser.add_argument("--suite", help=f"name or file of a suite ({SUITE})")
    parser.add_argument("--pairs", type=positive, metavar="N", help="pairs of processes of a stage")
    parser.add_argument("--cpus", type=cpu_list, metavar="LIST", help="pin to these (one CPU for one thread)")
    parser.add_argument("--seed", type=natural, metavar="N", help="of all random orders")
    parser.add_argument("--harness", metavar="PATH", help="gemmule_bench to measure with (this tool's)")
    parser.add_argument("--data", metavar="FILE", help="where trials are kept ($XDG_DATA_HOME/gemmule/selftest/...)")
    parser.add_argument("--resume", metavar="FILE",
                        help="go on with these trials, up to --trials; with --policy, judge by its rules")  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="the result; - is standard output, in place of the text")
    parser.add_argument("--history", metavar="DIR", help="add the samples of both equal sides to the history there")


# Options that say what is measured; with --resume that is in the file.
MEASURING = ("inject", "base", "source", "suite", "pairs", "cpus", "seed", "data")


def injected(text):
    """[(percent, side or None)]"""
    found = []
    for part in text.split(","):
        number, _, side = part.partition("=")
        if not 0 < float(number) <= 1000:
            raise ValueError
        found.append((float(number), side or None))
    if len({percent for percent, _ in found}) < len(found):
        raise ValueError
    return found


# What is compared


def build_sides(arguments, say):
    """The base, its copy, and the slower ones."""
    base_name = arguments.base or "HEAD"
    base = sides.find(base_name, arguments.source, say=say)
    found = [make_side(trials.BASE, 0.0, base), make_side(trials.COPY, 0.0, base)]
    for percent, name in arguments.inject or injected(INJECT):
        options = () if name else (f"{DELAY}{percent:g}",)
        if not name and not base.commit:
            raise UsageError(f"{base_name} is no commit, which could be built with a delay: --inject {percent:g}=SIDE")
        if options:
            say(f"{base_name} with a delay of {percent:g} %")
        slower = make_side(f"+{percent:g}%", percent, sides.find(name or base_name, arguments.source, options, say))
        if slower.sha256 == found[0].sha256:
            same = f"{slower.library} is the same as {base.library}"
            raise MeasurementFailed(f"{same}: the delay is not known to {base_name}")
        found.append(slower)
    return tuple(found)


def make_side(name, percent, side):
    library = Path(side.library)
    library = library / harness.SONAME if library.is_dir() else library
    return trials.Side(name, percent, str(library), fingerprint.sha256(library), side.commit)


def new_bench(arguments, program, say):
    rules = policy.load(arguments.policy) if arguments.policy else None
    settings = rules.settings if rules else ab.Settings(suite=SUITE)
    given = {name: getattr(arguments, name) for name in ("suite", "pairs", "cpus") if getattr(arguments, name)}
    settings = dataclasses.replace(settings, **given)
    chosen = build_sides(arguments, say)
    return make_bench(settings, rules.rules if rules else judge.Rules(), chosen, program, arguments.seed)


def make_bench(settings, rules, chosen, program, seed):
    seed = interleave.make_generator(seed)[1]
    base = sides.Side(trials.BASE, chosen[0].library)
    plan = ab.plan_of(settings, base, base, program)
    cases, canaries = interleave.choose(interleave.list_cases(plan), settings.filter)
    pairs = settings.pairs or ab.default_pairs(len(cases), len(canaries), rules)
    plan = ab.on_cpus(plan, cases)
    settings = dataclasses.replace(settings, pairs=pairs, cpus=plan.cpus)
    return trials.Bench(plan, rules, tuple(cases), tuple(canaries), pairs, chosen, seed), settings


def header_of(bench, settings, program):
    base = bench.sides[0]
    taken = fingerprint.collect({}, program, base.library, cpus=bench.plan.cpus, commit=base.commit)
    return {"settings": dataclasses.asdict(settings), "rules": dataclasses.asdict(bench.rules), "seed": bench.seed,
            "sides": [dataclasses.asdict(side) for side in bench.sides], "fingerprint": taken}  # fmt: skip


def resumed_bench(arguments, file, program):
    """What the file says. Its machine, harness and libraries have to be there still."""
    given = [name for name in MEASURING if getattr(arguments, name) is not None]
    if given:
        raise UsageError(f"--resume: --{given[0]} is in the file")
    header = file.header
    try:
        settings = ab.Settings(**with_tuples(header["settings"]))
        rules = judge.Rules(**with_tuples(header["rules"]))
        rules = policy.load(arguments.policy).rules if arguments.policy else rules
        chosen = tuple(trials.Side(**side) for side in header["sides"])
        if [side.name for side in chosen[:2]] != [trials.BASE, trials.COPY]:
            raise ValueError("its first sides are not equal ones")
        seed, before = int(header["seed"]), header["fingerprint"]
    except (TypeError, KeyError, ValueError) as error:
        raise MeasurementFailed(f"{file.path}:1: damaged, or of another version: {error}") from error
    if len(file.trials) >= arguments.trials:
        return None, settings, rules, chosen
    for side in chosen:
        if fingerprint.sha256(side.library) != side.sha256:
            raise UsageError(f"{file.path}: {side.library} is not what it was, or gone")
    bench, _ = make_bench(settings, rules, chosen, program, seed)
    now = header_of(bench, settings, program)["fingerprint"]
    same_harness = now["tools"]["harness_sha256"] == before["tools"]["harness_sha256"]
    if machine_fields(now) != machine_fields(before) or not same_harness:
        raise UsageError(f"{file.path} is of another machine or another gemmule_bench: both together mean nothing")
    return bench, settings, rules, chosen


def with_tuples(values):
    """As dataclasses have them: JSON knows lists alone."""
    def tuples(value):
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    return {key: tuples(value) for key, value in values.items()}


# What came of it


@dataclass
class Tally:
    """Trials of one comparison."""

    side: trials.Side
    trials: int = 0
    found: int = 0  # slower; of a delay, in a case that has it
    inconclusive: int = 0
    missing: int = 0  # these rules leave open what has no fresh pairs: not judged
    named: Counter = field(default_factory=Counter)  # case -> trials that called it slower
    beside: int = 0  # trials that called a case slower which is not
    ratios: dict = field(default_factory=dict)  # case -> (ratio, low, high), over all trials

    @property
    def rate(self):
        return self.found / self.trials if self.trials else 0.0

    @property
    def interval(self):
        return clopper_pearson(self.found, self.trials)

    @property
    def affected(self):
        """Cases that have most of the delay."""
        return [name for name, (ratio, _, _) in self.ratios.items() if ratio > 1 + self.side.percent / 200]


def clopper_pearson(found, total, confidence=CONFIDENCE):
    """The exact interval of a rate (Clopper and Pearson, 1934)."""
    tail = (1 - confidence) / 2
    low = float(betaincinv(found, total - found + 1, tail)) if found else 0.0
    high = float(betaincinv(found + 1, total - found, 1 - tail)) if found < total else 1.0
    return low, high


def ratio_of(logarithm):
    return math.exp(logarithm) if logarithm < 700 else math.inf


def ratios_of(kept, side):
    """How much longer each case took, really: over all trials, of the first stages, which nothing has selected."""
    estimates = {}
    for trial in kept:
        cases, _ = trials.pairs_of(trial["first"][trials.BASE], trial["first"][side.name])
        for case in cases:
            estimates.setdefault(case.name, []).append(judge.location(case.differences(), CONFIDENCE)[0])
    return {name: tuple(ratio_of(value) for value in judge.location(values, CONFIDENCE))
            for name, values in estimates.items()}  # fmt: skip


def tally_of(kept, side, rules):
    tally = Tally(side, ratios=ratios_of(kept, side))
    for trial in kept:
        verdict = trials.verdict_of(trial, side.name, rules)
        if verdict is None:
            tally.missing += 1
            continue
        tally.trials += 1
        tally.inconclusive += verdict.outcome == judge.INCONCLUSIVE
        alarm = verdict.outcome == judge.SLOWER
        slower = [case.name for case in verdict.of(judge.SLOWER)] if alarm else []
        tally.named.update(slower)
        if side.percent:
            tally.found += any(name in tally.affected for name in slower)
            tally.beside += any(name not in tally.affected for name in slower)
        else:
            tally.found += bool(slower)
    return tally


def shortfalls(tallies):
    """(what does not hold, what cannot be said yet): sentences."""
    broken, open_ = [], []
    alarms = next(tally for tally in tallies if not tally.side.percent)
    if alarms.found > PROMISED_ALARMS * max(alarms.trials, PROMISED_TRIALS):
        broken.append(f"{count(alarms.found, 'false alarm')} in {count(alarms.trials, 'trial')}")
    elif alarms.trials < PROMISED_TRIALS:
        open_.append(f"{count(alarms.trials, 'trial')} of equal sides, {PROMISED_TRIALS} are needed")
    power = next((tally for tally in tallies if tally.side.percent == PROMISED_PERCENT), None)
    if power is None:
        open_.append(f"no delay of {PROMISED_PERCENT:g} % was tried")
    elif power.trials - power.found > (1 - PROMISED_POWER) * max(power.trials, PROMISED_TRIALS) * (1 + 1e-9):
        broken.append(f"{power.found} of {count(power.trials, 'trial')} found a delay of {PROMISED_PERCENT:g} %")
    elif power.trials < PROMISED_TRIALS:
        few = count(power.trials, "trial")
        open_.append(f"{few} of a delay of {PROMISED_PERCENT:g} %, {PROMISED_TRIALS} are needed")
    return broken, open_


def times_of(kept, compared):
    """(median, most) seconds of a side, of all comparisons."""
    taken = sorted(trials.seconds_of(trial, side.name) for trial in kept for side in compared)
    return (taken[len(taken) // 2], taken[-1]) if taken else (0.0, 0.0)


# What is told


def title_of(side):
    return f"a kernel {side.percent:g} % slower" if side.percent else "equal sides"


def text_of(header, tallies, kept, compared):
    settings = header["settings"]
    rows = []
    for tally in tallies:
        low, high = tally.interval
        rows.append([title_of(tally.side), tally.trials, "found" if tally.side.percent else "false alarms", tally.found,
                     percent(tally.rate), f"[{percent(low)}, {percent(high)}]", tally.inconclusive])  # fmt: skip
    lines = [f"suite {settings['suite']}, {len(tallies[0].ratios)} cases, seed {header['seed']}", ""]
    lines += table(["", "trials", "", "", "rate", "[95 %]", "inconclusive"], rows) + [""]
    for tally in tallies:
        lines += remarks_of(tally)
    middle, most = times_of(kept, compared)
    lines.append(f"time a side: median {middle:.1f} s, at most {most:.1f} s")
    if middle > BUDGET:
        lines.append(f"a trial is to take {BUDGET:g} s a side")
    retried = sum(len(trial["retried"]) for trial in kept)
    if retried:
        lines.append(f"{count(retried, 'process', 'processes')} failed, and had a second chance")
    broken, open_ = shortfalls(tallies)
    if broken:
        lines += ["", "does not hold: " + "; ".join(broken)]
    elif open_:
        lines += ["", "too few to say: " + "; ".join(open_)]
    else:
        lines += ["", f"holds: at most 1 false alarm in {PROMISED_TRIALS}, and {percent(PROMISED_POWER, 0)} power at "
                      f"{PROMISED_PERCENT:g} %"]  # fmt: skip
    return "\n".join(lines) + "\n"


def remarks_of(tally):
    lines = []
    if tally.side.percent:
        for name in tally.affected:
            ratio, low, high = (100 * (value - 1) for value in tally.ratios[name])
            within = f" [{low:+.2f}, {high:+.2f}]" if math.isfinite(high) else ""
            found = f"found in {count(tally.named[name], 'trial')}"
            lines.append(f"{title_of(tally.side)}: {name} {ratio:+.2f} %{within}, {found}")
        if not tally.affected:
            lines.append(f"{title_of(tally.side)}: no case is slower by half of that")
        if tally.beside:
            lines.append(f"{title_of(tally.side)}: {count(tally.beside, 'trial')} named a case that is not")
    else:
        lines += [f"false alarm: {name}, {count(times, 'time')}" for name, times in tally.named.most_common()]
    if tally.missing:
        missing = count(tally.missing, "trial")
        lines.append(f"{title_of(tally.side)}: {missing} without the fresh pairs that these rules want")
    return lines


def document_of(header, tallies, kept, compared):
    broken, open_ = shortfalls(tallies)
    middle, most = times_of(kept, compared)
    return {
        "schema": trials.SCHEMA,
        "holds": not broken and not open_,
        "broken": broken,
        "open": open_,
        "trials": len(kept),
        "seconds_a_side": {"median": middle, "most": most},
        **{key: header[key] for key in ("seed", "settings", "rules", "sides", "fingerprint")},
        "comparisons": [
            {
                "side": tally.side.name,
                "percent": tally.side.percent,
                "trials": tally.trials,
                "alarms" if not tally.side.percent else "found": tally.found,
                "rate": tally.rate,
                "interval": tally.interval,
                "inconclusive": tally.inconclusive,
                "not_judged": tally.missing,
                "named": dict(tally.named),
                "beside": tally.beside,
                "affected": tally.affected if tally.side.percent else [],
                "ratios": {name: [value if math.isfinite(value) else None for value in values]
                           for name, values in tally.ratios.items()},
            }
            for tally in tallies
        ],
    }  # fmt: skip


def record(folder, header, kept, program, cpus):
    """Both equal sides into the history: a sample a process."""
    for side in header["sides"][:2]:
        collected = {}
        for trial in kept:
            for name, values in trial["first"][side["name"]].items():
                collected.setdefault(name, []).extend(values)
        identifier, now = history.new_identifier()
        taken = fingerprint.collect(kept[0]["context"], program, side["library"], cpus=cpus, commit=side["commit"])
        cases = tuple(Case(name, tuple(values)) for name, values in collected.items())
        settings = {**header["settings"], "selftest": side["name"], "seed": header["seed"]}
        run = Run(identifier, now, f"selftest {side['name']}", settings["suite"], taken, cases, settings=settings)
        history.append(folder, run)


# The command


def measure_all(bench, file, wanted):
    """Trials up to the wanted number."""
    compared = bench.sides[1:]
    done = list(file.trials)
    hits = {side.name: sum(is_slower(trial, side, bench.rules) for trial in done) for side in compared}
    began, before = time.monotonic(), len(done)
    for number in range(len(done), wanted):
        generator = trials.generator_of(bench, number)
        line = Line(number, wanted, hits, began, before)
        with tempfile.TemporaryDirectory(prefix="gemmule-perf-") as folder:
            made = copies.Copies(folder, generator)
            for side in bench.sides:
                made.add(side.library, side.name)
            try:
                trial = trials.measure(bench, number, generator, made.measure, line.show)
            finally:
                line.end()
        file.add(trial)
        for side in compared:
            hits[side.name] += is_slower(trial, side, bench.rules)


def is_slower(trial, side, rules):
    verdict = trials.verdict_of(trial, side.name, rules)
    return verdict is not None and verdict.outcome == judge.SLOWER


class Line(interleave.Progress):
    """The line of a trial: what has been found so far, and when all will be done."""

    def __init__(self, number, wanted, hits, began, before):
        found = ", ".join(f"{name} {times}" for name, times in hits.items())
        left = ""
        if number > before:
            minutes = (time.monotonic() - began) / (number - before) * (wanted - number) / 60
            left = f", {minutes:.0f} min left"
        super().__init__(f"trial {number + 1} of {wanted}{left}; slower: {found}")


def default_file():
    return os.path.join(os.path.dirname(history.default_folder()), "selftest", history.new_identifier()[0] + ".jsonl")


def run(arguments):
    say = lambda text: print(text, file=sys.stderr)  # noqa: E731
    program = harness.find_harness(arguments.harness)
    if arguments.resume:
        file = trials.File(arguments.resume)
        if file.read():
            say(f"{file.path}: the last line was interrupted, and is dropped")
        bench, settings, rules, chosen = resumed_bench(arguments, file, program)
    else:
        bench, settings = new_bench(arguments, program, say)
        rules, chosen = bench.rules, bench.sides
        file = trials.File(arguments.data or default_file())
        file.create(header_of(bench, settings, program))
    if bench:
        say(f"trials are kept in {file.path}")
        measure_all(bench, file, arguments.trials)
    kept, compared = file.trials, chosen[1:]
    tallies = [tally_of(kept, side, rules) for side in compared]
    if arguments.history:
        record(arguments.history, file.header, kept, program, settings.cpus)
    if arguments.json:
        ab.write(arguments.json, json.dumps(document_of(file.header, tallies, kept, compared), indent=1) + "\n")
    if arguments.json != "-":
        ab.write("-", text_of(file.header, tallies, kept, compared))
    broken, open_ = shortfalls(tallies)
    return Exit.REGRESSION if broken else Exit.INCONCLUSIVE if open_ else Exit.FINE

# SPDX-License-Identifier: BSD-3-Clause
"""What callgrind writes (its manual, "Callgrind Format Specification"): costs of functions, a part for each dump.

Only the costs of one object are taken: the C library chooses its functions by the CPU. What is inside a function counts
for it, what it calls does not.
"""
import re
from dataclasses import dataclass, field

from gemmule_perf.errors import MeasurementFailed

CLONE = re.compile(r"(\.(constprop|isra|part|cold|lto_priv|llvm)(\.\d+)?|'\d+)+$")


@dataclass
class Part:
    """A dump: its name, and for each function of the object a number for each event."""

    name: str
    events: tuple[str, ...] = ()
    costs: dict[str, list[int]] = field(default_factory=dict)
    all: int = 0  # of the first event, of all objects
    totals: int | None = None  # what callgrind says of them, behind the last cost

    def total(self, *events):
        places = [self.events.index(event) for event in events]
        return sum(cost[place] for cost in self.costs.values() for place in places)


class _Names:
    """ "(3) name" introduces a number, "(3)" repeats it; without numbers names stand for themselves."""

    def __init__(self):
        self.known = {}

    def read(self, text):
        match = re.match(r"\((\d+)\)(?: (.*))?$", text)
        if not match:
            return text
        if match[2] is not None:
            self.known[match[1]] = match[2]
        return self.known[match[1]]


def parse(lines, object_path):
    """The parts, in their order. Raises MeasurementFailed with the line where the text is none, or cut off."""
    parts, part = [], None
    objects, functions = _Names(), _Names()
    inside, function, skip = False, None, False
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if line.startswith("part:"):
                part = Part("")
                parts.append(part)
                inside, function, skip = False, None, False
            elif not line or line.startswith("#") or part is None:
                continue
            elif line.startswith("desc: Trigger:"):
                part.name = line.rpartition("Client Request: ")[2] if "Client Request: " in line else ""
            elif line.startswith("events:"):
                part.events = tuple(line.split()[1:])
            elif line.startswith("totals:"):
                part.totals = int(line.split()[1])
            elif line.startswith("ob="):
                inside = objects.read(line[3:]) == object_path
            elif line.startswith("cob="):
                objects.read(line[4:])
            elif line.startswith("fn="):
                function = CLONE.sub("", functions.read(line[3:]))
            elif line.startswith("cfn="):
                functions.read(line[4:])
            elif line.startswith("calls="):
                skip = True  # the next line is the cost of what was called
            elif line[0].isdigit() or line[0] in "+-*":
                if skip:
                    skip = False
                    continue
                cost = [int(word) for word in line.split()[1:]]
                part.all += cost[0] if cost else 0
                if inside:
                    sums = part.costs.setdefault(function, [0] * len(part.events))
                    for place, value in enumerate(cost):
                        sums[place] += value
    except (ValueError, KeyError, IndexError) as error:
        raise MeasurementFailed(f"callgrind's output, line {number}: cannot be read ({error})") from error
    for part in parts:
        if part.totals != part.all:
            total = "is missing" if part.totals is None else f"is {part.totals:,}"
            raise MeasurementFailed(f"callgrind's output is cut off: the costs of '{part.name}' add up to "
                                    f"{part.all:,}, and their total {total}")
    return parts

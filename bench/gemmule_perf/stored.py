# SPDX-License-Identifier: BSD-3-Clause
"""Stored counts: files of integers that a build must reproduce, and how a measurement differs from them.

A file belongs to one key: compiler, flags, instruction set and whatever else decides the integers; with another key
there is nothing to compare. It holds items (a counted case, or the loops of a function), each with quantities
("instructions") and, for the first of these, its parts (functions), so that what grew can be named. It is JSON of an
item a line, and then a part a line, in a fixed order: a change of the counts is a readable difference of the file.
"""
import json
import os
from dataclasses import dataclass, field

from gemmule_perf.errors import Inconclusive, MeasurementFailed, UsageError

SCHEMA = 1
FEW, OTHERS = 0.002, "(others)"  # parts with a smaller share are stored together


@dataclass(frozen=True)
class Item:
    quantities: dict[str, int]  # the first is the one that has parts
    parts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Limit:
    """What may differ: so many percent, and so many units whatever the percentage."""

    percent: float = 0.0
    units: int = 0

    def allows(self, stored, measured):
        return abs(measured - stored) <= max(stored * self.percent / 100, self.units)


@dataclass(frozen=True)
class Change:
    item: str
    quantity: str  # "" where the item itself is new or gone
    stored: int | None
    measured: int | None
    parts: tuple[tuple[str, int], ...] = ()  # name and difference, the largest first

    @property
    def kind(self):
        if self.stored is None:
            return "new"
        if self.measured is None:
            return "gone"
        return "more" if self.measured > self.stored else "fewer"

    @property
    def percent(self):
        return 100 * (self.measured - self.stored) / self.stored if self.stored else None

    def sentence(self, unit="", most_parts=3):
        """Where quantities are places and not units ("loop of 8 FMAs"), the unit that they are counted in is given."""
        if self.kind in ("new", "gone"):
            quantity = f"{self.quantity}: " if self.quantity else ""
            return f"{self.item}: {quantity}" + ("not stored yet" if self.kind == "new" else "stored, but not measured")
        percent = "" if self.percent is None else f"{abs(self.percent):.1f} % "
        what = f"{self.quantity}: {self.measured:,} {unit}" if unit else f"{self.measured:,} {self.quantity}"
        text = f"{self.item}: {what}, {percent}{self.kind} than the stored {self.stored:,}"
        if self.parts:
            text += "; " + ", ".join(f"{name} {difference:+,}" for name, difference in self.parts[:most_parts])
            if len(self.parts) > most_parts:
                text += f", and {len(self.parts) - most_parts} more"
        return text


def folded(parts):
    """Parts as they are stored: those that matter, and the others together."""
    total = sum(parts.values())
    few = [name for name, value in parts.items() if name == OTHERS or value <= FEW * total]
    kept = {name: value for name, value in parts.items() if name not in few}
    return {**kept, OTHERS: total - sum(kept.values())} if few else kept


def parts_changed(stored, measured):
    """What of the measured parts, which are not folded, differs from stored ones. Of parts that are not stored by their
    name the sum is known: it goes by the name of the largest, if that matters."""
    changes = {name: measured.parts.get(name, 0) - value for name, value in stored.parts.items() if name != OTHERS}
    rest = {name: value for name, value in measured.parts.items() if name not in changes}
    largest = max(rest, key=rest.get, default=OTHERS)
    name = largest if rest.get(largest, 0) > FEW * sum(measured.parts.values()) else OTHERS
    changes[name] = sum(rest.values()) - stored.parts.get(OTHERS, 0)
    return tuple(sorted((c for c in changes.items() if c[1]), key=lambda c: (-abs(c[1]), c[0])))


def compare(stored, measured, limits):
    """The changes beyond the limits ({quantity: Limit}) in the order of the measured items; what is gone comes last."""
    changes = []
    for name, item in measured.items():
        if name not in stored:
            changes.append(Change(name, "", None, next(iter(item.quantities.values()), 0)))
            continue
        old = stored[name]
        for number, (quantity, value) in enumerate(item.quantities.items()):
            before = old.quantities.get(quantity)
            if before is None:
                changes.append(Change(name, quantity, None, value))
            elif not limits.get(quantity, Limit()).allows(before, value):
                changes.append(Change(name, quantity, before, value, parts_changed(old, item) if number == 0 else ()))
        changes += [Change(name, quantity, value, None)
                    for quantity, value in old.quantities.items() if quantity not in item.quantities]
    return changes + [Change(name, "", next(iter(stored[name].quantities.values()), 0), None)
                      for name in stored if name not in measured]


def file_name(key):
    """ "gcc-12.2-avx2.json": the parts of a key that a directory distinguishes."""
    compiler, _, version = key["compiler"].partition(" ")
    kind = f"-{key['kind']}" if "kind" in key else ""
    return f"{compiler}-{'.'.join(version.split('.')[:2])}-{key['isa']}{kind}.json"


def path_of(where, key):
    """The file of a key: `where` itself, or the one in it where that is a directory."""
    return os.path.join(where, file_name(key)) if os.path.isdir(where) else where


def difference_of_keys(stored, measured):
    names = list(stored) + [name for name in measured if name not in stored]
    return ", ".join(f"{name} {stored.get(name, 'none')} (now {measured.get(name, 'none')})"
                     for name in names if stored.get(name) != measured.get(name))


def load(path):
    """The key and the items of a file."""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except OSError as error:
        raise MeasurementFailed(f"{path}: the stored counts cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise MeasurementFailed(f"{path}: no stored counts, or cut off: {error}") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise MeasurementFailed(f"{path}: not stored counts of schema {SCHEMA}")
    try:
        items = {name: Item(dict(item["counts"]), dict(item.get("parts", {}))) for name, item in data["items"].items()}
        numbers = [n for item in items.values() for n in (*item.quantities.values(), *item.parts.values())]
        if not items or not all(isinstance(n, int) and n >= 0 for n in numbers):
            raise ValueError("no items, or counts that are none")
        return dict(data["key"]), items
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MeasurementFailed(f"{path}: stored counts without their {error}") from error


def load_for(where, key):
    """The path and the items that are stored for a key."""
    path = path_of(where, key)
    if not os.path.exists(path):
        others = sorted(n for n in os.listdir(where) if n.endswith(".json")) if os.path.isdir(where) else []
        if others:
            raise Inconclusive(f"{where} has no counts of {file_name(key)[:-5]}, but of others: {', '.join(others)}; "
                               "--update stores them")
        raise MeasurementFailed(f"{path}: there are no stored counts; --update stores them")
    stored, items = load(path)
    if stored != key:
        raise Inconclusive(f"{path} is of another key: {difference_of_keys(stored, key)}; nothing can be compared")
    return path, items


def text_of(key, items):
    def line(value):
        return json.dumps(value, ensure_ascii=False)

    blocks = []
    for name, item in items.items():
        parts = ",\n".join(f"    {line(part)}: {value}" for part, value in sorted(folded(item.parts).items()))
        more = f',\n   "parts": {{\n{parts}}}' if parts else ""
        blocks.append(f'  {line(name)}: {{"counts": {line(item.quantities)}{more}}}')
    rows = ",\n".join(blocks)
    return f'{{\n "schema": {SCHEMA},\n "key": {line(key)},\n "items": {{\n{rows}\n }}\n}}\n'


def save(path, key, items):
    """Replaces the file as a whole."""
    if not items:
        raise MeasurementFailed(f"{path}: nothing was counted, so nothing is stored")
    beside = f"{path}.{os.getpid()}"
    try:
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text_of(key, items))
        os.replace(beside, path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def update(where, key, items, unit=""):
    """Stores the items; returns the path, and the lines that say what became different."""
    path = path_of(where, key)
    lines = []
    if os.path.exists(path):
        stored, old = load(path)
        if stored != key:
            lines.append(f"the key was another: {difference_of_keys(stored, key)}")
        lines += [change.sentence(unit) for change in compare(old, items, {})]
    else:
        lines.append("nothing was stored before")
    save(path, key, items)
    return path, lines or ["no count differs"]

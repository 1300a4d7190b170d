# SPDX-License-Identifier: BSD-3-Clause
"""Equal copies of the libraries, of which each process loads one by chance.

The pages of a file lie where memory happened to be free when it was first read, and a second-level cache goes by
physical addresses: two files of equal bytes differ, by half a percent in what fills that cache and now and then by two,
for as long as they stay in memory. No number of processes averages that away, and it would be taken for a difference of
the sides. Among several copies it is noise, and judged as such.
"""
import contextlib
import shutil
import tempfile
from pathlib import Path

from gemmule_perf import harness
from gemmule_perf.errors import MeasurementFailed

COPIES = 4


class Copies:
    """Measures as harness.measure does, with copies of the libraries it was given."""

    def __init__(self, folder, generator, count=COPIES):
        self.folder, self.generator, self.count = Path(folder), generator, count
        self.of = {}  # what is asked for -> (the library, folders of its copies)

    def add(self, library, name=None):
        """What is asked for is the library, or the name where one is given: then it has copies of its own."""
        asked = str(library) if name is None else name
        if asked in self.of:
            return
        source = Path(library).absolute()
        source = source / harness.SONAME if source.is_dir() else source
        places = [self.folder / f"{len(self.of)}.{i}" / (name or source.parent.name) for i in range(self.count)]
        try:
            for place in places:
                place.mkdir(parents=True)
                shutil.copyfile(source, place / harness.SONAME)
        except OSError as error:
            raise MeasurementFailed(f"{source} could not be copied to {self.folder}: {error.strerror}") from error
        self.of[asked] = str(source), places

    def measure(self, program, library, *arguments):
        """As harness.measure; its context names the library, not the copy."""
        source, places = self.of[str(library)]
        context, cases = harness.measure(program, self.generator.choice(places), *arguments)
        return {**context, "library": source} if "library" in context else context, cases


@contextlib.contextmanager
def copies(libraries, generator):
    """Copies of some libraries, until the end. None is no library."""
    with tempfile.TemporaryDirectory(prefix="gemmule-perf-") as folder:
        made = Copies(folder, generator)
        for library in libraries:
            if library is not None:
                made.add(library)
        yield made

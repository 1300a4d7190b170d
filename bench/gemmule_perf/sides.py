# SPDX-License-Identifier: BSD-3-Clause
"""The two sides of a comparison: libraries that are there, or commits that are built for it.

A side is a libgemmule.so file, an installation or build folder that has one, or whatever git calls a commit. A commit
is built from its own tree with its own CMakeLists.txt, the shared library only, in the user's cache; a second
comparison finds it there. The name has the compiler and the flags in it, since another compiler makes another library.
"""
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gemmule_perf.errors import MeasurementFailed, UsageError
from gemmule_perf.harness import SONAME

FOLDERS = ("", "lib", "lib64")
# What the shared library does not need. Commits that do not know an option ignore it.
OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGEMMULE_SHARED=ON",
    *(f"-DGEMMULE_BUILD_{name}=OFF" for name in ("CLI", "BLAS", "TUNE", "EXAMPLES", "TESTS", "BENCH", "FORTRAN")),
)
TARGET = "gemmule"
BUILD_TIMEOUT = 1800
LOG_LINES = 20


@dataclass(frozen=True)
class Side:
    name: str  # as it was asked for
    library: str  # a file, or a folder that has libgemmule.so.0
    commit: str = None
    dirty: bool = None

    def __str__(self):
        return f"{self.name} ({self.commit[:12]})" if self.commit else self.name


def split(arguments):
    """BASE NEW, or BASE..NEW as git has it; NEW is HEAD where nothing follows the dots."""
    if len(arguments) == 2:
        return tuple(arguments)
    if len(arguments) == 1 and ".." in arguments[0] and not os.path.exists(arguments[0]):
        base, _, new = arguments[0].partition("..")
        if base and not new.startswith("."):
            return base, new or "HEAD"
    raise UsageError(f"two sides are needed, BASE NEW or BASE..NEW: {' '.join(arguments) or 'there is none'}")


def find(name, source=None, options=(), say=lambda text: None):
    """The side of that name. source is the repository for names of commits, options are further ones for CMake."""
    path = Path(name)
    if path.is_file():
        return Side(name, str(path.absolute()))
    if path.is_dir():
        library = in_folder(path)
        if library:
            return Side(name, str(library))
    commit = commit_of(name, source)
    if commit:
        return Side(name, build(commit, source, options, say), commit, False)
    if path.is_dir():
        raise MeasurementFailed(f"{name}: no {SONAME} in this folder or its lib: nothing to compare")
    raise MeasurementFailed(
        f"{name}: no such library or folder, and no commit of {repository(source) or 'any repository here'}"
    )


def in_folder(folder):
    """The folder of the library in an installation or a build, absolute; Debian's multiarch folders count."""
    places = [folder / name for name in FOLDERS] + sorted((folder / "lib").glob("*-linux-*"))
    return next((place.absolute() for place in places if (place / SONAME).exists()), None)


def git(source, *arguments):
    """Standard output of git, or None."""
    try:
        process = subprocess.run(
            ["git", "-C", source or ".", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise MeasurementFailed(f"git could not be started: {error}") from error
    return process.stdout.strip() if process.returncode == 0 else None


def repository(source=None):
    return git(source, "rev-parse", "--show-toplevel")


def commit_of(name, source=None):
    return None if name.startswith("-") else git(source, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")


def cache():
    """Base directory specification: relative names are to be ignored."""
    folder = os.environ.get("XDG_CACHE_HOME")
    if not folder or not os.path.isabs(folder):
        folder = os.path.join(os.path.expanduser("~"), ".cache")
    return Path(folder) / "gemmule" / "perf"


def compiler():
    """(path, version line) of the C compiler that CMake will take."""
    name = os.environ.get("CC", "cc").split()
    path = shutil.which(name[0]) if name else None
    if path is None:
        raise MeasurementFailed(f"there is no C compiler {' '.join(name)} to build a commit with")
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return path, (answer.splitlines() or [""])[0]


def key_of(options):
    """A few digits of all that makes two builds of a commit differ."""
    flags = {name: os.environ.get(name, "") for name in ("CC", "CFLAGS", "LDFLAGS")}
    text = json.dumps([compiler(), flags, OPTIONS, list(options)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def build(commit, source=None, options=(), say=lambda text: None):
    """The folder of libgemmule.so.0 of a commit: from the cache, or built into it. Two tools that want the same one
    wait for each other, and a build that was interrupted leaves nothing that looks like one."""
    place = cache() / f"{commit}-{key_of(options)}"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(place.with_suffix(".lock")):
            if not (place / SONAME).exists():
                say(f"building {commit[:12]} ...")
                with tempfile.TemporaryDirectory(prefix=f"{place.name[:20]}-", dir=place.parent) as folder:
                    made = compile_in(Path(folder), commit, source, options)
                    shutil.rmtree(place, ignore_errors=True)
                    os.rename(made, place)
    except OSError as error:
        raise MeasurementFailed(f"{place}: {error.strerror}") from error
    return str(place)


@contextlib.contextmanager
def locked(path):
    with open(path, "a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def compile_in(folder, commit, source, options):
    """Unpacks the commit, builds its library; returns a folder with nothing else. The repository is only read."""
    tree, work, made = folder / "source", folder / "build", folder / "library"
    unpack(commit, source, tree)
    log = folder / "log"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    where = ["-S", str(tree), "-B", str(work)]
    run(["cmake", *where, *generator, "--no-warn-unused-cli", *OPTIONS, *options], log, commit)
    run(["cmake", "--build", str(work), "--target", TARGET, "--parallel", str(jobs())], log, commit)
    library = next(iter(sorted(work.rglob(SONAME))), None)
    if library is None:
        raise MeasurementFailed(f"{commit[:12]} was built, and there is no {SONAME}")
    made.mkdir()
    shutil.copy(library, made / SONAME)  # the file that the link leads to
    (made / "build.json").write_text(
        json.dumps({"commit": commit, "compiler": compiler(), "options": [*OPTIONS, *options]}) + "\n", encoding="utf-8"
    )
    return made


def unpack(commit, source, folder):
    """An archive rather than a worktree of git: nothing is left behind in the repository, whatever happens."""
    with tempfile.TemporaryFile() as archive:
        process = subprocess.run(
            ["git", "-C", repository(source) or source or ".", "archive", "--format=tar", commit],
            stdin=subprocess.DEVNULL, stdout=archive, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if process.returncode != 0:
            raise MeasurementFailed(f"git archive {commit[:12]}: {process.stderr.strip()}")
        archive.seek(0)
        with tarfile.open(fileobj=archive) as files:
            files.extractall(folder)


def jobs():
    return len(os.sched_getaffinity(0))


def run(command, log, commit):
    with open(log, "a+", encoding="utf-8", errors="replace") as file:
        file.write(f"$ {' '.join(command)}\n")
        file.flush()
        try:
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=BUILD_TIMEOUT, check=False
            ).returncode
            how = f"{command[0]} ended with exit code {code}"
        except OSError as error:
            code, how = 1, f"{command[0]} could not be started: {error.strerror}"
        except subprocess.TimeoutExpired:
            code, how = 1, f"{command[0]} took longer than {BUILD_TIMEOUT} s"
        if code != 0:
            file.seek(0)
            end = "".join(f"\n    {line.rstrip()}" for line in file.readlines()[-LOG_LINES:])
            raise MeasurementFailed(f"{commit[:12]} could not be built: {how}; the end of its log:{end}")

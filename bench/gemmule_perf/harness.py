# SPDX-License-Identifier: BSD-3-Clause
"""Runs gemmule_bench once, and returns what it has measured, or the sentence of why it has not.

The harness is one program, the library is exchanged: LD_LIBRARY_PATH leads to the libgemmule.so.0 that is asked for,
and the context of the answer says which was loaded. Google Benchmark's JSON comes on standard output.
"""
import json
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from gemmule_perf.errors import Exit, MeasurementFailed, UsageError
from gemmule_perf.records import case_name, cases_of

PROGRAM = "gemmule_bench"
SONAME = "libgemmule.so.0"
TIMEOUT = 3600.0
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def libexec():
    """The folder of the programs: what the `gemmule` command says, or where this package is."""
    return Path(os.environ.get("GEMMULE_LIBEXEC") or Path(__file__).absolute().parent.parent)


def find_harness(path=None):
    """The path of the harness: the one that is asked for, or gemmule_bench of the libexec folder."""
    found = Path(path) if path else libexec() / PROGRAM
    if not found.is_file() or not os.access(found, os.X_OK):
        raise UsageError(f"{found} is no program" + ("" if path else ": build the target gemmule_bench"))
    return str(found.absolute())


def measure(harness, library=None, suite="quick", filter=None, flags=(), timeout=TIMEOUT, cpus=None, environment=None):
    """(context, [Case]) of one process. MeasurementFailed where a case failed: names all that did.

    library is a file or a folder that has libgemmule.so.0, or None for the one that the harness was linked with;
    filter a regular expression of Google Benchmark; flags further ones of the harness; cpus what the process is
    pinned to; environment further variables.
    """
    document, _ = launch(harness, library, suite, filter, flags, timeout, cpus, environment)
    context, cases, failures = cases_of(document, harness)
    if failures:
        listed = "; ".join(f"{failure.name}: {failure.sentence}" for failure in failures)
        raise MeasurementFailed(f"{len(failures)} of {len(cases) + len(failures)} cases failed: {listed}")
    return context, cases


def command_line(harness, suite, filter=None, flags=()):
    for flag in flags:
        if re.match(r"--benchmark_format\b", flag):
            raise UsageError(f"{flag}: the harness answers in JSON; run --json FILE or --benchmark_out=FILE keep it")
    chosen = [f"--benchmark_filter={filter}"] if filter else []
    return [str(harness), f"--suite={suite}", *chosen, *flags, "--benchmark_format=json"]


def launch(
    harness,
    library=None,
    suite="quick",
    filter=None,
    flags=(),
    timeout=TIMEOUT,
    cpus=None,
    environment=None,
    progress=None,
):
    """(document, text as it came) of one process. progress is called with the number of cases that are finished, and
    the name of the last."""
    command = command_line(harness, suite, filter, flags)
    with library_folder(library) as folder:
        text, said, code = answer(command, folder, timeout, cpus, environment, progress)
        selection = f"suite {suite}" + (f", filter {filter}" if filter else "")
        if not text.strip():
            raise MeasurementFailed(f"no case was measured ({selection})" + (f": {said}" if said else ""))
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise MeasurementFailed(
                f"{harness} printed truncated or damaged JSON: line {error.lineno}: {error.msg}{after(text)}"
            ) from error
        context, cases, failures = cases_of(document, harness)
        if not cases and not failures:
            raise MeasurementFailed(f"no case was measured ({selection})")
        if code == Exit.FAILED and not failures:
            raise MeasurementFailed(said or f"{harness} {how_it_ended(code)}")
        check_library(harness, library, folder, context)
    return document, text


def list_cases(harness, library=None, suite="quick", filter=None, flags=(), timeout=60.0):
    """The names of the cases that launch would measure."""
    command = command_line(harness, suite, filter, flags)
    with library_folder(library) as folder:
        text, said, _ = answer([*command, "--benchmark_list_tests=true"], folder, timeout)
    names = list(dict.fromkeys(case_name(line) for line in text.split()))
    if not names:
        raise MeasurementFailed(said or f"no case is selected from the suite {suite}")
    return names


def answer(command, folder, timeout, cpus=None, environment=None, progress=None):
    """(standard output, last line of standard error, exit code 0 or 4)."""
    variables = {**os.environ, **(environment or {})}
    if folder:
        before = variables.get("LD_LIBRARY_PATH")
        variables["LD_LIBRARY_PATH"] = f"{folder}:{before}" if before else folder
    text, errors, code = communicate(command, variables, timeout, cpus, progress)
    said = last_line(errors)
    if code == Exit.USAGE:
        raise UsageError(said or f"{command[0]} refused its arguments: {' '.join(command[1:])}")
    if code not in (Exit.FINE, Exit.FAILED):
        raise MeasurementFailed(f"{command[0]} {how_it_ended(code)}{after(text)}" + (f": {said}" if said else ""))
    return text, said, code


@contextmanager
def library_folder(library):
    """The folder for LD_LIBRARY_PATH, or None. A file of another name gets a folder with a link of the right one."""
    if library is None:
        yield None
        return
    path = Path(library).absolute()
    if path.is_dir():
        if not (path / SONAME).exists():
            raise UsageError(f"{path} has no {SONAME}")
        yield str(path)
    elif not path.is_file():
        raise UsageError(f"{library}: no such library")
    elif path.name == SONAME:
        yield str(path.parent)
    else:
        with tempfile.TemporaryDirectory(prefix="gemmule-perf-") as folder:
            (Path(folder) / SONAME).symlink_to(path)
            yield folder


def check_library(harness, library, folder, context):
    """That what was loaded is what was asked for: a harness with DT_RPATH, or one that is linked statically, would
    compare a library with itself."""
    if library is None:
        return
    loaded = context.get("library")
    if not loaded:
        raise MeasurementFailed(f"{harness} does not say which library it has loaded")
    wanted = os.path.realpath(Path(folder) / SONAME)
    if os.path.realpath(loaded) != wanted:
        raise MeasurementFailed(f"{harness} loaded {loaded}, not {wanted}")


@contextmanager
def started(command, variables, cpus):
    """A process with a group of its own, which is ended with it. Signals wait until it is known what they end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    def prepare():
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if cpus:
            os.sched_setaffinity(0, cpus)

    process = None
    try:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=variables,
                start_new_session=True,
                preexec_fn=prepare,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise MeasurementFailed(f"{command[0]} could not be started: {error}") from error
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield process
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        if process:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
            process.stderr.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def communicate(command, variables, timeout, cpus, progress):
    """(standard output, standard error, exit code)."""
    deadline = time.monotonic() + timeout if timeout else None
    with started(command, variables, cpus) as process, selectors.DefaultSelector() as waiting:
        output = {process.stdout: bytearray(), process.stderr: bytearray()}
        for stream in output:
            waiting.register(stream, selectors.EVENT_READ)
        seen = 0
        while waiting.get_map():
            ready = waiting.select(max(deadline - time.monotonic(), 0) if deadline else None)
            if not ready and deadline and time.monotonic() >= deadline:
                text = output[process.stdout].decode(errors="replace")
                raise MeasurementFailed(f"{command[0]} took longer than {timeout:g} s, and was ended{after(text)}")
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                output[key.fileobj] += data
                if not data:
                    waiting.unregister(key.fileobj)
            if progress:
                names = finished(output[process.stdout].decode(errors="replace"))
                if len(names) > seen:
                    seen = len(names)
                    progress(seen, names[-1])
        try:
            code = process.wait(max(deadline - time.monotonic(), 1) if deadline else None)
        except subprocess.TimeoutExpired as error:
            raise MeasurementFailed(f"{command[0]} took longer than {timeout:g} s, and was ended") from error
        return *(bytes(data).decode(errors="replace") for data in output.values()), code


def finished(text):
    """The names of the cases in JSON that may be incomplete, in order."""
    return list(dict.fromkeys(case_name(name) for name in re.findall(r'"run_name": "([^"]*)"', text)))


def after(text):
    names = finished(text)
    return f", after {names[-1]} ({len(names)} finished)" if names else ", before any case had finished"


def how_it_ended(code):
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""

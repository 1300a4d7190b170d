# SPDX-License-Identifier: BSD-3-Clause
"""What a measurement depends on beside the code: machine, operating system, build, libraries and tools.

Whatever cannot be found out is None, never guessed. A name of the host, of the user or of a network is not looked for.
Everything of /proc and /sys is read below a root folder, so that tests can make machines up.
"""
import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path


def collect(context, harness=None, library=None, root="/", cpus=None, commit=None, dirty=None):
    """The fingerprint of a run. context is that of the harness's answer, library the file that was loaded where the
    context does not say it, cpus what the harness was pinned to. commit and dirty are of the library's source, where
    the caller has built it; otherwise they are looked for."""
    root = Path(root)
    context = {key: value for key, value in context.items() if value not in ("", "unknown")}
    loaded = context.get("library") or library
    if loaded == "static":
        loaded = None
    return {
        "cpu": cpu(root),
        "topology": topology(root),
        "caches": caches(root),
        "frequency": frequency(root),
        "hypervisor": hypervisor(root, context.get("hypervisor")),
        "quota": quota(root),
        "affinity": cpu_list(cpus) if cpus else affinity(root),
        "kernel": word(root / "proc/sys/kernel/osrelease"),
        "memory": memory(root),
        "library": of_library(context, loaded, commit, dirty),
        "isa": context.get("isa"),
        "threads": number(context.get("threads")),
        "wisdom": {"entries": number(context.get("wisdom_entries")), "hash": context.get("wisdom_hash")},
        "openmp": context.get("openmp"),
        "tools": {
            "google_benchmark": context.get("google_benchmark") or context.get("library_version"),
            "harness_sha256": sha256(harness),
            "harness_compiler": context.get("harness_compiler"),
            "peaks": context.get("peaks"),
            "python": platform.python_version(),
            "numpy": installed("numpy"),
            "scipy": installed("scipy"),
        },
    }


def flat(fingerprint, prefix=""):
    """{"cpu.model": "2", ...}"""
    fields = {}
    for key, value in fingerprint.items():
        if isinstance(value, dict):
            fields.update(flat(value, f"{prefix}{key}."))
        else:
            fields[prefix + key] = value
    return fields


def differences(one, other):
    """[(field, value of one, value of other)] of two fingerprints, where both are known and differ."""
    fields, others = flat(one), flat(other)
    return [
        (name, fields[name], others[name])
        for name in fields
        if fields[name] is not None and others.get(name) is not None and fields[name] != others[name]
    ]


def listed(differing):
    """ "kernel: 6.1, 6.2; ...", with hashes by their first digits."""

    def short(value):
        text = str(value)
        return text[:12] if re.fullmatch(r"[0-9a-f]{32,}", text) else text

    return "; ".join(f"{name}: {short(one)}, {short(other)}" for name, one, other in differing)


# Files


def read(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def word(path):
    text = read(path)
    return text.strip() or None if text is not None else None


def number(text):
    try:
        return int(text)
    except (TypeError, ValueError):
        return None


def sha256(path):
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else None
    except OSError:
        return None


def installed(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


# The machine


def cpu(root):
    """What identifies the CPU's model. Microcode and the list of features change under the same CPU: the first with the
    firmware, the second with what a kernel knows the names of."""
    fields = {}
    for line in (read(root / "proc/cpuinfo") or "").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), value.strip())

    def first(*names):
        return next((fields[name] for name in names if fields.get(name)), None)

    features = first("flags", "Features")
    digest = hashlib.sha256(" ".join(sorted(features.split())).encode()).hexdigest()[:16] if features else None
    return {
        "vendor": first("vendor_id", "CPU implementer"),
        "family": first("cpu family", "CPU architecture"),
        "model": first("model", "CPU part"),
        "stepping": first("stepping", "CPU revision"),
        "name": first("model name"),
        "microcode": first("microcode"),
        "features": digest,
    }


def cpu_list(numbers):
    """ "0-1,4", as the kernel writes it."""
    parts, numbers = [], sorted(set(numbers))
    for value in numbers:
        if parts and value == parts[-1][1] + 1:
            parts[-1][1] = value
        else:
            parts.append([value, value])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def cpu_numbers(text):
    """The reverse; None where the text is not understood."""
    found = []
    for part in (text or "").split(","):
        limits = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if not limits:
            return None
        found += range(int(limits[1]), int(limits[2] or limits[1]) + 1)
    return found


def topology(root):
    """Counts of what is online."""
    folder = root / "sys/devices/system/cpu"
    online = cpu_numbers(word(folder / "online"))
    places = {
        tuple(word(folder / f"cpu{n}/topology" / name) for name in ("physical_package_id", "die_id", "core_id"))
        for n in online or []
    }
    known = bool(places) and all(package is not None and core is not None for package, _, core in places)
    nodes = cpu_numbers(word(root / "sys/devices/system/node/online"))
    return {
        "cpus": len(online) if online else None,
        "cores": len(places) if known else None,
        "packages": len({package for package, _, _ in places}) if known else None,
        "numa_nodes": len(nodes) if nodes else None,
        "smt": word(folder / "smt/control"),
    }


def caches(root):
    """{"L1d": "48K 12-way, of 1", ...}: size, ways, and how many CPUs share one. None where nothing is told."""
    found = {}
    for folder in sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index[0-9]*")):
        level, kind, size = (word(folder / name) for name in ("level", "type", "size"))
        if level and kind and size:
            ways = word(folder / "ways_of_associativity")
            sharers = cpu_numbers(word(folder / "shared_cpu_list"))
            name = f"L{level}" + {"Data": "d", "Instruction": "i"}.get(kind, "")
            found[name] = size + (f" {ways}-way" if ways else "") + (f", of {len(sharers)}" if sharers else "")
    return found or None


def frequency(root):
    folder = root / "sys/devices/system/cpu"
    governors = {word(path) for path in folder.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {None}
    drivers = {word(path) for path in folder.glob("cpu[0-9]*/cpufreq/scaling_driver")} - {None}
    no_turbo = word(folder / "intel_pstate/no_turbo")
    boost = word(folder / "cpufreq/boost")
    return {
        "governor": ",".join(sorted(governors)) or None,
        "driver": ",".join(sorted(drivers)) or None,
        "boost": {"0": "on", "1": "off"}.get(no_turbo) or {"0": "off", "1": "on"}.get(boost),
    }


def hypervisor(root, signature=None):
    """Whether there is one, and its name: of Xen, of the firmware, or the signature that the harness has from CPUID."""
    text = read(root / "proc/cpuinfo")
    flags = re.search(r"^flags\s*:(.*)$", text or "", re.M)
    vendor, product = (word(root / f"sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name"))
    firmware = " ".join(part for part in (vendor, product) if part)
    name = word(root / "sys/hypervisor/type") or firmware or (signature if signature != "none" else None)
    present = "hypervisor" in flags[1].split() if flags else None
    return {"present": present, "name": name if present else None}


def affinity(root):
    status = re.search(r"^Cpus_allowed_list:\s*(\S+)", read(root / "proc/self/status") or "", re.M)
    return status[1] if status else None


def quota(root):
    """The CPUs' worth of time that control groups allow, by the least of all levels; "max" where a level was read and
    none limits; None where none can be read."""
    limits = []
    for line in (read(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, group = rest.partition(":")
        if colon and not controllers:
            for mount in ("sys/fs/cgroup", "sys/fs/cgroup/unified"):
                limits += [limit_v2(folder) for folder in levels(root / mount, group)]
        elif "cpu" in controllers.split(","):
            for mount in ("sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/cpuacct,cpu"):
                limits += [limit_v1(folder) for folder in levels(root / mount, group)]
    numbers = [limit for limit in limits if isinstance(limit, float)]
    return min(numbers) if numbers else "max" if "max" in limits else None


def levels(mount, group):
    """The folder of a control group and of all above it, as far as this name space has them."""
    parts = [part for part in group.split("/") if part not in ("", "..")]
    return [mount.joinpath(*parts[:count]) for count in range(len(parts), -1, -1)]


def limit_v2(folder):
    parts = (word(folder / "cpu.max") or "").split()
    return limit(*parts) if len(parts) == 2 else None


def limit_v1(folder):
    time, period = word(folder / "cpu.cfs_quota_us"), word(folder / "cpu.cfs_period_us")
    return limit("max" if time == "-1" else time, period)


def limit(time, period):
    if time == "max":
        return "max"
    time, period = number(time), number(period)
    return time / period if time and period and time > 0 and period > 0 else None


def memory(root):
    total = re.search(r"^MemTotal:\s*(\d+) kB", read(root / "proc/meminfo") or "", re.M)
    huge = re.search(r"\[(\w+)\]", read(root / "sys/kernel/mm/transparent_hugepage/enabled") or "")
    return {"bytes": int(total[1]) * 1024 if total else None, "transparent_hugepages": huge[1] if huge else None}


# The build


def of_library(context, path, commit=None, dirty=None):
    real = os.path.realpath(path) if path else None
    build = of_build(Path(real).parent) if real else {}
    if commit is None and build.get("source"):
        commit, dirty = of_source(build["source"], real)
    return {
        "version": context.get("gemmule"),
        "arithmetic_revision": number(context.get("arithmetic_revision")),
        "path": real,
        "sha256": sha256(real),
        "compiler": context.get("compiler") or build.get("compiler"),
        "commit": commit,
        "dirty": dirty,
    }


def of_build(folder):
    """{"source", "compiler"} of the build folder of CMake that a library is in, or nothing."""
    text = read(folder / "CMakeCache.txt")
    if text is None:
        return {}
    entries = dict(re.findall(r"^([\w-]+):\w+=(.*)$", text, re.M))
    kind = entries.get("CMAKE_BUILD_TYPE", "")
    flags = [entries.get("CMAKE_C_FLAGS", ""), entries.get(f"CMAKE_C_FLAGS_{kind.upper()}", "") if kind else ""]
    compiler = None
    for path in sorted(folder.glob("CMakeFiles/*/CMakeCCompiler.cmake")):
        found = dict(re.findall(r'set\((CMAKE_C_COMPILER_(?:ID|VERSION)) "([^"]+)"\)', read(path) or ""))
        if len(found) == 2:
            words = [found["CMAKE_C_COMPILER_ID"], found["CMAKE_C_COMPILER_VERSION"], *flags]
            compiler = " ".join(word for word in words if word)
    return {"source": entries.get("CMAKE_HOME_DIRECTORY"), "compiler": compiler}


def of_source(source, library):
    """(commit, dirty) of a library's source tree; (None, None) where the sources have changed after the library was
    built, or git does not know them."""
    commit = git(source, "rev-parse", "HEAD")
    status = git(source, "status", "--porcelain", "--untracked-files=no")
    try:
        built = os.stat(library).st_mtime
        newer = any(os.stat(path).st_mtime > built for path in sources_of(Path(source)))
    except OSError:
        return None, None
    inside = git(source, "rev-parse", "--show-prefix")  # a copy in somebody else's repository
    if not commit or status is None or inside or newer:
        return None, None
    return commit, bool(status)


def sources_of(source):
    yield from source.glob("CMakeLists.txt")
    for folder in ("cmake", "include", "kernels", "src"):
        yield from (path for path in (source / folder).rglob("*") if path.is_file())


def git(folder, *arguments):
    try:
        process = subprocess.run(
            ["git", "-C", folder, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip() if process.returncode == 0 else None

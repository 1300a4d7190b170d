# SPDX-License-Identifier: BSD-3-Clause
"""The fingerprint: made-up machines, builds and sources; and nothing is guessed."""
import json
import os
import subprocess
import unittest
from pathlib import Path

from support import PerfTest

from gemmule_perf import fingerprint

X86 = """processor	: 0
vendor_id	: GenuineIntel
cpu family	: 6
model		: 143
model name	: Intel(R) Xeon(R)
stepping	: 8
microcode	: 0x2b
flags		: fpu avx2 hypervisor avx512f

processor	: 1
vendor_id	: GenuineIntel
model		: 143
flags		: fpu avx2
"""
ARM = """processor	: 0
Features	: fp asimd sve
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x1
CPU part	: 0xd40
CPU revision	: 1
"""


class Machine(PerfTest):
    def files(self, *pairs):
        for name, text in pairs:
            self.write(name, text + "\n")
        return fingerprint.collect({}, root=self.folder)

    def test_nothing_is_guessed(self):
        fields = fingerprint.flat(fingerprint.collect({}, root=self.path("empty")))
        known = {name for name, value in fields.items() if value is not None}
        self.assertEqual(known - {"tools.numpy", "tools.scipy"}, {"tools.python"})

    def test_nothing_names_the_host_or_the_user(self):
        text = json.dumps(fingerprint.collect({"host_name": "secret", "executable": "/home/me/secret"}))
        for name in ("secret", os.uname().nodename if len(os.uname().nodename) > 3 else "secret"):
            self.assertNotIn(f'"{name}"', text)

    def test_x86(self):
        cpu = self.files(("proc/cpuinfo", X86))["cpu"]
        expected = {"vendor": "GenuineIntel", "family": "6", "model": "143", "stepping": "8", "microcode": "0x2b"}
        self.assertEqual({name: cpu[name] for name in expected}, expected)
        self.assertEqual(cpu["name"], "Intel(R) Xeon(R)")
        self.assertEqual(len(cpu["features"]), 16)

    def test_features_in_another_order_are_the_same(self):
        one = self.files(("proc/cpuinfo", "flags : a b c"))["cpu"]["features"]
        two = self.files(("proc/cpuinfo", "flags : c a b"))["cpu"]["features"]
        three = self.files(("proc/cpuinfo", "flags : c a"))["cpu"]["features"]
        self.assertEqual(one, two)
        self.assertNotEqual(one, three)

    def test_aarch64(self):
        found = self.files(("proc/cpuinfo", ARM))
        self.assertEqual((found["cpu"]["vendor"], found["cpu"]["model"]), ("0x41", "0xd40"))
        self.assertEqual(found["hypervisor"], {"present": None, "name": None})

    def test_hypervisor(self):
        self.assertEqual(self.files(("proc/cpuinfo", X86))["hypervisor"], {"present": True, "name": None})
        for signature, name in (("KVMKVMKVM", "KVMKVMKVM"), ("none", None), ("unknown", None)):
            found = fingerprint.collect({"hypervisor": signature}, root=self.folder)
            self.assertEqual(found["hypervisor"], {"present": True, "name": name})
        self.files(("sys/class/dmi/id/sys_vendor", "QEMU"), ("sys/class/dmi/id/product_name", "Standard PC"))
        found = fingerprint.collect({"hypervisor": "KVMKVMKVM"}, root=self.folder)
        self.assertEqual(found["hypervisor"], {"present": True, "name": "QEMU Standard PC"})
        self.files(("proc/cpuinfo", "flags : fpu"))
        found = fingerprint.collect({"hypervisor": "KVMKVMKVM"}, root=self.folder)
        self.assertEqual(found["hypervisor"], {"present": False, "name": None})

    def test_topology(self):
        files = [("sys/devices/system/cpu/online", "0-3"), ("sys/devices/system/node/online", "0-1"),
                 ("sys/devices/system/cpu/smt/control", "on")]
        for cpu in range(4):
            folder = f"sys/devices/system/cpu/cpu{cpu}/topology/"
            files += [(folder + "physical_package_id", str(cpu // 2)), (folder + "core_id", "0")]
        expected = {"cpus": 4, "cores": 2, "packages": 2, "numa_nodes": 2, "smt": "on"}
        self.assertEqual(self.files(*files)["topology"], expected)

    def test_caches(self):
        folder = "sys/devices/system/cpu/cpu0/cache/index"
        files = []
        for index, values in enumerate((("1", "Data", "32K", "8", "0"), ("2", "Unified", "1M", "16", "0-1"))):
            names = ("level", "type", "size", "ways_of_associativity", "shared_cpu_list")
            files += [(f"{folder}{index}/{name}", value) for name, value in zip(names, values)]
        self.assertEqual(self.files(*files)["caches"], {"L1d": "32K 8-way, of 1", "L2": "1M 16-way, of 2"})

    def test_frequency(self):
        folder = "sys/devices/system/cpu/"
        found = self.files((folder + "cpu0/cpufreq/scaling_governor", "powersave"),
                           (folder + "cpu1/cpufreq/scaling_governor", "performance"),
                           (folder + "intel_pstate/no_turbo", "1"))
        self.assertEqual(found["frequency"], {"governor": "performance,powersave", "driver": None, "boost": "off"})

    def test_memory_and_kernel(self):
        found = self.files(("proc/meminfo", "MemTotal:       1024 kB"), ("proc/sys/kernel/osrelease", "6.1.0"),
                           ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never"))
        self.assertEqual(found["memory"], {"bytes": 1 << 20, "transparent_hugepages": "madvise"})
        self.assertEqual(found["kernel"], "6.1.0")

    def test_affinity(self):
        self.assertEqual(self.files(("proc/self/status", "Cpus_allowed_list:\t0-1,4"))["affinity"], "0-1,4")
        self.assertEqual(fingerprint.collect({}, root=self.folder, cpus={4, 0, 1, 2})["affinity"], "0-2,4")


class Quota(PerfTest):
    def quota(self, *pairs):
        for name, text in pairs:
            self.write(name, text + "\n")
        return fingerprint.quota(Path(self.folder))

    def test_unknown(self):
        self.assertIsNone(self.quota())
        self.assertIsNone(self.quota(("proc/self/cgroup", "0::/a")))
        self.assertIsNone(self.quota(("sys/fs/cgroup/a/cpu.max", "garbage")))

    def test_the_least_of_all_levels_counts(self):
        levels = [("proc/self/cgroup", "0::/a/b"), ("sys/fs/cgroup/a/b/cpu.max", "max 100000")]
        self.assertEqual(self.quota(*levels), "max")
        self.assertEqual(self.quota(("sys/fs/cgroup/a/cpu.max", "150000 100000")), 1.5)
        self.assertEqual(self.quota(("sys/fs/cgroup/a/b/cpu.max", "400000 100000")), 1.5)

    def test_hybrid_and_version_1(self):
        self.assertEqual(self.quota(("proc/self/cgroup", "3:cpu,cpuacct:/x\n0::/"),
                                    ("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "-1"),
                                    ("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000")), "max")
        self.assertEqual(self.quota(("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000"),
                                    ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")), 0.5)

    def test_a_group_outside_this_name_space(self):
        levels = [("proc/self/cgroup", "0::/../../x"), ("sys/fs/cgroup/cpu.max", "200000 100000")]
        self.assertEqual(self.quota(*levels), 2.0)


class Lists(unittest.TestCase):
    def test_both_ways(self):
        for text in ("0", "0-3", "0-1,4", "1,3,5-7"):
            self.assertEqual(fingerprint.cpu_list(fingerprint.cpu_numbers(text)), text)

    def test_garbage(self):
        for text in ("", "x", "1-", "1,,2", None):
            self.assertIsNone(fingerprint.cpu_numbers(text))


class Context(PerfTest):
    def test_what_the_harness_says(self):
        library = self.write("libgemmule.so.0.1.0", "x")
        context = {"gemmule": "0.1.0", "arithmetic_revision": "7", "compiler": "GNU 12 -O3", "library": library,
                   "isa": "avx2", "threads": "2", "openmp": "/usr/lib/libgomp.so.1", "wisdom_entries": "3",
                   "wisdom_hash": "abc", "google_benchmark": "1.7.1"}
        found = fingerprint.collect(context, root=self.path("empty"))
        self.assertEqual(found["library"]["sha256"], "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
        self.assertEqual((found["library"]["arithmetic_revision"], found["threads"], found["isa"]), (7, 2, "avx2"))
        self.assertEqual(found["wisdom"], {"entries": 3, "hash": "abc"})
        self.assertEqual(found["tools"]["google_benchmark"], "1.7.1")

    def test_what_it_does_not_know(self):
        found = fingerprint.collect({"compiler": "unknown", "library": "static", "wisdom_entries": "many"})
        self.assertEqual((found["library"]["compiler"], found["library"]["path"]), (None, None))
        self.assertIsNone(found["wisdom"]["entries"])

    def test_google_benchmark_1_9_says_its_version(self):
        found = fingerprint.collect({"library_version": "v1.9.0"})
        self.assertEqual(found["tools"]["google_benchmark"], "v1.9.0")


class Build(PerfTest):
    """A source tree under git, and a build folder of it."""

    def setUp(self):
        super().setUp()
        for name in ("CMakeLists.txt", "src/a.c", "docs/b.md"):
            self.write("source/" + name, "1")
        self.git("init", "-q")
        self.git("add", ".")
        self.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "x")
        self.commit = self.git("rev-parse", "HEAD")
        self.write("build/CMakeCache.txt", f"# a comment\nCMAKE_HOME_DIRECTORY:INTERNAL={self.path('source')}\n"
                   "CMAKE_BUILD_TYPE:STRING=Release\nCMAKE_C_FLAGS:STRING=-march=x86-64-v3\n"
                   "CMAKE_C_FLAGS_RELEASE:STRING=-O3 -DNDEBUG\nCMAKE_C_COMPILER:FILEPATH=/usr/bin/cc\n")
        self.write("build/CMakeFiles/3.25.1/CMakeCCompiler.cmake",
                   'set(CMAKE_C_COMPILER_ID "GNU")\nset(CMAKE_C_COMPILER_VERSION "12.2.0")\n')
        self.library = self.write("build/libgemmule.so.0", "library")
        self.touch(self.library, 1000)

    def git(self, *arguments):
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        process = subprocess.run(["git", "-C", self.path("source"), *arguments], env=environment, check=True,
                                 capture_output=True, text=True)
        return process.stdout.strip()

    def touch(self, path, seconds):
        now = os.stat(self.path("source", "src", "a.c")).st_mtime
        os.utime(path, (now + seconds, now + seconds))

    def found(self, **context):
        return fingerprint.collect({"library": self.library, **context})["library"]

    def test_commit_and_compiler(self):
        found = self.found()
        self.assertEqual((found["commit"], found["dirty"]), (self.commit, False))
        self.assertEqual(found["compiler"], "GNU 12.2.0 -march=x86-64-v3 -O3 -DNDEBUG")

    def test_the_library_knows_its_compiler_better(self):
        self.assertEqual(self.found(compiler="clang 14")["compiler"], "clang 14")

    def test_dirty(self):
        self.write("source/src/a.c", "2")
        self.assertEqual((self.found()["commit"], self.found()["dirty"]), (self.commit, True))

    def test_sources_that_changed_after_the_build(self):
        self.touch(self.path("source", "src", "a.c"), 2000)
        self.assertEqual((self.found()["commit"], self.found()["dirty"]), (None, None))

    def test_documents_that_changed_after_the_build(self):
        self.touch(self.path("source", "docs", "b.md"), 2000)
        self.assertEqual(self.found()["commit"], self.commit)

    def test_a_source_that_is_gone_or_not_under_git(self):
        os.rename(self.path("source", ".git"), self.path("elsewhere"))
        self.assertIsNone(self.found()["commit"])
        os.rename(self.path("source"), self.path("gone"))
        self.assertIsNone(self.found()["commit"])

    def test_a_copy_in_another_repository(self):
        os.rename(self.path("source", ".git"), self.path(".git"))
        self.assertIsNone(self.found()["commit"])

    def test_the_caller_has_built_it(self):
        found = fingerprint.collect({"library": self.library}, commit="abc", dirty=False)["library"]
        self.assertEqual((found["commit"], found["dirty"]), ("abc", False))


class Differences(unittest.TestCase):
    def test_only_what_both_know(self):
        one = {"a": {"x": 1, "y": 2, "z": None}, "b": 3}
        other = {"a": {"x": 1, "y": 5, "z": 4}, "c": 3}
        self.assertEqual(fingerprint.differences(one, other), [("a.y", 2, 5)])


if __name__ == "__main__":
    unittest.main()

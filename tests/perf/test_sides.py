#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The sides of a comparison: files, folders and commits, what is built and kept, and what a failed build says."""
import fcntl
import os
import shutil
import subprocess
import threading
import unittest

import support
from gemmule_perf import sides
from gemmule_perf.errors import MeasurementFailed, UsageError

# A project whose library is a text: no compiler is asked for.
PROJECT = """cmake_minimum_required(VERSION 3.22)
project(gemmule LANGUAGES NONE)
add_custom_target(gemmule COMMAND ${CMAKE_COMMAND} -E copy ${PROJECT_SOURCE_DIR}/version libgemmule.so.0)
"""


class SidesTest(support.PerfTest):
    def setUp(self):
        super().setUp()
        os.environ["XDG_CACHE_HOME"] = self.path("cache")
        os.environ["GIT_CONFIG_GLOBAL"] = os.devnull

    def git(self, *arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e"]
        command = ["git", "-C", self.path("tree"), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, version, project=PROJECT):
        self.write("tree/CMakeLists.txt", project)
        self.write("tree/version", version)
        if not os.path.exists(self.path("tree/.git")):
            self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", version)
        return self.git("rev-parse", "HEAD")

    def find(self, name):
        return sides.find(name, self.path("tree"))


class Names(SidesTest):
    def test_two_sides(self):
        self.assertEqual(sides.split(["a", "b"]), ("a", "b"))
        self.assertEqual(sides.split(["v1.0..main"]), ("v1.0", "main"))
        self.assertEqual(sides.split(["v1.0.."]), ("v1.0", "HEAD"))
        for wrong in (["a"], ["..b"], ["a...b"], ["a", "b", "c"]):
            with self.assertRaises(UsageError):
                sides.split(wrong)

    def test_a_library(self):
        library = self.write("libgemmule.so.0.3.1", "x")
        self.assertEqual(sides.find(library).library, library)

    def test_folders(self):
        for folder in ("build", "prefix/lib", "other/lib64", "debian/lib/x86_64-linux-gnu"):
            self.library(folder)
            top = self.path(folder.split("/")[0])
            self.assertEqual(str(sides.find(top).library), self.path(folder))

    def test_what_is_missing_is_named(self):
        os.mkdir(self.path("tree"))
        for name in (self.path("nowhere"), self.path("tree"), "no-such-branch", "--help"):
            with self.assertRaises(MeasurementFailed) as raised:
                self.find(name)
            self.assertIn(name, str(raised.exception))


@unittest.skipUnless(shutil.which("git") and shutil.which("cmake"), "needs git and cmake")
class Builds(SidesTest):
    def test_commits_are_built_once(self):
        first = self.commit("one")
        second = self.commit("two")
        said = []
        for name, commit, version in (("HEAD~1", first, "one"), ("main", second, "two"), (first[:9], first, "one")):
            side = sides.find(name, self.path("tree"), say=said.append)
            self.assertEqual((side.commit, side.dirty), (commit, False))
            with open(os.path.join(side.library, "libgemmule.so.0"), encoding="utf-8") as file:
                self.assertEqual(file.read(), version)
        self.assertEqual(said, [f"building {first[:12]} ...", f"building {second[:12]} ..."])
        kept = sorted(name for name in os.listdir(sides.cache()) if not name.endswith(".lock"))
        self.assertEqual([name.partition("-")[0] for name in kept], sorted([first, second]))
        self.assertEqual(self.git("worktree", "list").count("\n"), 0)
        self.assertEqual(self.git("status", "--porcelain"), "")

    def test_options_and_compilers_have_builds_of_their_own(self):
        keys = {sides.key_of(()), sides.key_of(("-DX=1",))}
        os.environ["CFLAGS"] = "-O1"
        keys.add(sides.key_of(()))
        self.assertEqual(len(keys), 3)

    def test_a_failed_build_says_the_end_of_its_log_and_is_not_kept(self):
        commit = self.commit("bad", 'cmake_minimum_required(VERSION 3.22)\nmessage(FATAL_ERROR "no such tile")\n')
        with self.assertRaises(MeasurementFailed) as raised:
            self.find("main")
        self.assertIn(f"{commit[:12]} could not be built: cmake ended with exit code 1", str(raised.exception))
        self.assertIn("no such tile", str(raised.exception))
        self.assertEqual([name for name in os.listdir(sides.cache()) if not name.endswith(".lock")], [])

    def test_a_commit_that_git_cannot_read(self):
        self.commit("one")
        with self.assertRaisesRegex(MeasurementFailed, "git archive 000000000000: "):
            sides.unpack("0" * 40, self.path("tree"), self.path("out"))

    def test_a_build_without_the_library(self):
        self.commit("bad", PROJECT.replace("libgemmule.so.0", "libother.so"))
        with self.assertRaises(MeasurementFailed) as raised:
            self.find("main")
        self.assertIn("there is no libgemmule.so.0", str(raised.exception))

    def test_two_tools_wait_for_each_other(self):
        commit = self.commit("one")
        place = sides.cache() / f"{commit}-{sides.key_of(())}"
        place.parent.mkdir(parents=True)
        with open(place.with_suffix(".lock"), "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waiting = threading.Thread(target=self.find, args=("main",))
            waiting.start()
            waiting.join(0.3)
            self.assertTrue(waiting.is_alive())
            self.write(str(place / "libgemmule.so.0"), "made by the other")
        waiting.join(30)
        self.assertFalse(waiting.is_alive())
        self.assertEqual((place / "libgemmule.so.0").read_text(encoding="utf-8"), "made by the other")


if __name__ == "__main__":
    unittest.main()

"""The one guard of speed that every test run has: how many instructions a fixed tree takes.

Counts do not depend on how busy the machine is. The bound is generous: it catches what became twice as slow, not what
became a little slower; `make bench` tells those apart.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import support

# Both audiences of 416 pages on one thread: 2.0 thousand millions when this was written.
BOUND = 3_500_000_000


class Instructions(unittest.TestCase):
    def test_a_fixed_tree_stays_within_its_bound(self):
        folder = tempfile.mkdtemp(prefix="xinmi-count.")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        bench = os.path.join(support.ROOT, "Benchmarks", "sitegen")
        subprocess.run([sys.executable, os.path.join(bench, "tree.py"), os.path.join(folder, "t"), "--pages", "200", "--mixed"],
                       check=True, stdout=subprocess.DEVNULL)
        shutil.copytree(os.path.join(bench, "Themes"), os.path.join(folder, "t", "Themes"))
        # An optimised program, as it is used; valgrind cannot read its debugging information.
        subprocess.run(["swift", "build", "-c", "release", "--static-swift-stdlib", "--product", "sitegen"], cwd=support.ROOT, check=True,
                       stdout=subprocess.DEVNULL)
        program = os.path.join(folder, "sitegen")
        subprocess.run(["strip", "-o", program, os.path.join(support.ROOT, ".build", "release", "sitegen")], check=True)
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "build", "--jobs", "1", "--fresh",
             "--now", "2026-09-01T09:00:00+08:00", "--source", os.path.join(folder, "t"), "--output",
             os.path.join(folder, "out")],
            capture_output=True, text=True, check=True)
        count = int(re.search(r"Collected : (\d+)", done.stderr).group(1))
        self.assertIn("416 source pages", done.stdout)
        self.assertLess(count, BOUND, f"{count:,} instructions")


if __name__ == "__main__":
    unittest.main()

"""The ferry under faults: every write that fails, a process that dies at every step, and at any moment.

Whatever happens, the crossing is finished afterwards by running the programs again, and then both sides' tables must say the
same: each submission in the core once, each delivered at the edge, no number lost.

FAULTS=all tries every call of every step; without it, those that matter most and a sample of the rest. KILLS=n sets the number of
random kills.
"""
import errno
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

from support import BIN, ROOT, WIDE, Service, System, multipart, post, request_fields

KEPT = ["edge/forms.sqlite", "edge/forms.sqlite-wal", "edge/spool", "core/desk.sqlite", "core/desk.sqlite-wal", "core/spool"]
STEPS = [
    ("edge", "formsapi", "ferry-out", "e2c"),
    ("core", "coredesk", "import", None),
    ("core", "coredesk", "export", "c2e"),
    ("edge", "formsapi", "ferry-in", None),
    ("edge", "formsapi", "ferry-out", None),
]


class FaultTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.addClassCleanup(cls.system.close)
        cls.system.call("prepare")
        cls.system.configure(limits=WIDE)
        cls.folder = cls.system.folder
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="xinmi-faults."))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.library = cls.work / "faults.so"
        subprocess.run(["clang", "-shared", "-fPIC", "-O1", "-o", cls.library, ROOT / "Tests/System/faults/faults.c", "-ldl"], check=True)
        service = Service(cls.system)
        for number in range(5):
            assert post(cls.system.forms + "/forms/hotline", request_fields(cls.system, number))[0] == 303
        service.stop()
        cls.expected = cls.rows("edge", "SELECT id FROM submission")
        assert len(cls.expected) == 5
        # What has been done already need not be done in every case.
        cls.save("begin")

    @classmethod
    def rows(cls, side, query):
        name = {"edge": "edge/forms.sqlite", "core": "core/desk.sqlite"}[side]
        database = sqlite3.connect(f"file:{cls.folder / name}?mode=ro", uri=True)
        try:
            return sorted(row[0] for row in database.execute(query))
        finally:
            database.close()

    @classmethod
    def save(cls, name):
        for item in KEPT:
            source, target = cls.folder / item, cls.work / name / item
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            elif source.exists():
                shutil.copy2(source, target)

    def restore(self, name):
        for item in KEPT + ["edge/forms.sqlite-shm", "core/desk.sqlite-shm"]:
            source, target = self.work / name / item, self.folder / item
            if target.is_dir():
                shutil.rmtree(target)
            elif target.exists():
                target.unlink()
            if source.is_dir():
                shutil.copytree(source, target)
            elif source.exists():
                shutil.copy2(source, target)

    def run_step(self, step, **environment):
        side, program, verb, _ = step
        config = {"edge": "formsapi.yaml", "core": "coredesk.yaml"}[side]
        # A child's own crash report would only cost time.
        env = dict(self.system.env, SWIFT_BACKTRACE="enable=no", **environment)
        return subprocess.run(
            [BIN / program, verb, "--config", self.folder / side / config], env=env, capture_output=True, text=True, timeout=60)

    def carry(self, way):
        self.system.call("carry", way)

    def after(self, index):
        if STEPS[index][3]:
            self.carry({"e2c": "out", "c2e": "in"}[STEPS[index][3]])

    def finish(self, label):
        """Crosses until nothing is open, and compares the tables."""
        for _ in range(4):
            for index, step in enumerate(STEPS):
                done = self.run_step(step)
                self.assertIn(done.returncode, (0, 1), f"{label}: {step}: {done.stdout}{done.stderr}")
                self.after(index)
            if not self.rows("edge", "SELECT item FROM lane_queue WHERE lane = 'e2c' AND state <> 'delivered'"):
                break
        self.assertEqual(self.rows("core", "SELECT id FROM subject WHERE number < 1 << 40"), self.expected, label)
        self.assertEqual(self.rows("edge", "SELECT item FROM lane_queue WHERE lane = 'e2c' AND state <> 'delivered'"), [], label)
        sent = self.rows("edge", "SELECT seq || ' ' || manifest FROM lane_outgoing WHERE lane = 'e2c' AND state = 'acked'")
        received = self.rows("core", "SELECT seq || ' ' || manifest FROM lane_incoming WHERE lane = 'e2c' AND result = 'committed'")
        self.assertEqual(sent, received, label)
        for side in ("edge", "core"):
            self.assertEqual(self.rows(side, "SELECT code || detail FROM lane_alarm WHERE cleared IS NULL AND code <> 'space'"), [], label)
            self.assertEqual([name for name in os.listdir(self.folder / side / "spool/outbox") if name.endswith(".tmp")], [], label)
            database = {"edge": "edge/forms.sqlite", "core": "core/desk.sqlite"}[side]
            if side == "core":
                log = subprocess.run([BIN / "coredesk", "audit", "--config", self.folder / "core/coredesk.yaml"], capture_output=True, text=True)
                self.assertEqual(log.returncode, 0, f"{label}: {log.stdout}{log.stderr}")
            held = subprocess.run([BIN / "ferry", "audit", "--verify", self.folder / database], capture_output=True, text=True)
            self.assertEqual(held.returncode, 0, f"{label}: {held.stdout}{held.stderr}")

    def sweep(self, how, calls, sample):
        tried = 0
        self.restore("begin")
        for index, step in enumerate(STEPS):
            name = f"before-{how}-{index}"
            self.save(name)
            log = self.work / "count"
            fault = {"LD_PRELOAD": str(self.library), "FAULT_CALLS": calls, "FAULT_LOG": str(log), "FAULT_HOW": how}
            good = self.run_step(step, FAULT_AT="0", **fault)
            self.assertEqual(good.returncode, 0, good.stdout + good.stderr)
            count = int(log.read_text())
            self.assertGreater(count, 0, step)
            points = range(1, count + 1) if os.environ.get("FAULTS") == "all" else sorted(random.Random(count).sample(range(1, count + 1), min(count, sample)))
            for point in points:
                label = f"{step[1]} {step[2]}: {how} at call {point} of {count} ({calls})"
                self.restore(name)
                broken = self.run_step(step, FAULT_AT=str(point), **fault)
                if how == "kill":
                    self.assertEqual(broken.returncode, -signal.SIGKILL, f"{label}: {broken.stderr}")
                else:
                    # A clear end: what failed is told, and nothing crashes.
                    self.assertGreaterEqual(broken.returncode, 0, f"{label}: {broken.stderr}")
                    if broken.returncode:
                        self.assertTrue(broken.stderr or broken.stdout, label)
                self.after(index)
                self.finish(label)
                tried += 1
            self.restore(name)
            self.assertEqual(self.run_step(step).returncode, 0)
            self.after(index)
        print(f"[{how}: {tried} places] ", end="", flush=True)

    def test_a_process_that_dies_at_any_step_loses_and_doubles_nothing(self):
        self.sweep("kill", "srco", 8)

    def test_a_disk_that_is_full_at_any_write_loses_nothing(self):
        self.sweep(str(errno.ENOSPC), "wco", 4)

    def test_a_disk_that_fails_at_any_write_or_sync_loses_nothing(self):
        self.sweep(str(errno.EIO), "wscr", 4)

    def test_random_kills_under_load_lose_and_double_nothing(self):
        self.restore("begin")
        choice = random.Random(7)
        service = Service(self.system)
        self.addCleanup(lambda: service.process.poll() is None and service.stop())
        killed = 0
        posted = 5
        wanted = int(os.environ.get("KILLS", "40"))
        round = 0
        while killed < wanted and round < 10 * wanted:
            body, headers = multipart(request_fields(self.system, 100 + round), [])
            self.assertEqual(post(self.system.forms + "/forms/hotline", None, headers, raw=body)[0], 303)
            posted += 1
            index = round % len(STEPS)
            round += 1
            side, program, verb, _ = STEPS[index]
            config = {"edge": "formsapi.yaml", "core": "coredesk.yaml"}[side]
            process = subprocess.Popen(
                [BIN / program, verb, "--config", self.folder / side / config], env=self.system.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(choice.uniform(0.005, 0.07))
            if process.poll() is None:
                process.kill()
                killed += 1
            process.wait()
            self.after(index)
        service.stop()
        type(self).expected, before = self.rows("edge", "SELECT item FROM lane_queue WHERE lane = 'e2c' AND item NOT IN (SELECT id FROM site_report)"), self.expected
        try:
            self.assertEqual(len(self.expected), posted)
            self.finish("after random kills")
        finally:
            type(self).expected = before
        self.assertEqual(killed, wanted)
        print(f"[{killed} killed, {posted} sent] ", end="", flush=True)


if __name__ == "__main__":
    unittest.main()

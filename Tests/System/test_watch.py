"""The lanes as services: they seal by time and size, take in what comes, and go on after whatever happens."""
import os
import shutil
import signal
import subprocess
import threading
import time
import unittest

from support import BIN, WIDE, Service, System, get, inner, post, request_fields, wait_until


class WatchTests(unittest.TestCase):
    def setUp(self):
        self.system = System()
        self.system.call("prepare")
        self.system.configure(limits=WIDE)
        config = self.system.folder / "edge/formsapi.yaml"
        config.write_text(config.read_text() + "  seal_after_seconds: 1\n")
        config = self.system.folder / "core/coredesk.yaml"
        text = "\n".join(line for line in config.read_text().splitlines() if not line.startswith("now:")) + "\n  seal_after_seconds: 1\n"
        config.write_text(text)
        # Time goes by here.
        config = self.system.folder / "edge/formsapi.yaml"
        config.write_text("\n".join(line for line in config.read_text().splitlines() if not line.startswith("now:")) + "\n")
        self.processes = []
        self.carrying = True
        self.carrier = threading.Thread(target=self.carry)

    def tearDown(self):
        self.carrying = False
        if self.carrier.is_alive():
            self.carrier.join()
        for process in self.processes:
            process.kill()
            process.wait()
        self.system.close()

    def carry(self):
        """A gap box: moves whatever appears, piece by piece, under the final name."""
        while self.carrying:
            for a, b in (("edge", "core"), ("core", "edge")):
                source, target = (self.system.folder / side / "spool" / name for side, name in ((a, "outbox"), (b, "inbox")))
                for name in sorted(os.listdir(source), reverse=True):
                    if name.endswith(".tmp"):
                        continue
                    try:
                        data = (source / name).read_bytes()
                        with open(target / name, "wb") as out:
                            out.write(data[:len(data) // 2])
                            out.flush()
                            time.sleep(0.01)
                            out.write(data[len(data) // 2:])
                        (source / name).unlink()
                    except FileNotFoundError:
                        pass
            time.sleep(0.1)

    def watch(self, program, verb, config):
        log = open(self.system.folder / f"{program}-{verb}.log", "ab")
        process = subprocess.Popen([BIN / program, verb, "--watch", "--config", self.system.folder / config], stdout=log, stderr=log)
        log.close()
        self.processes.append(process)
        return process

    def logs(self):
        return "\n".join(path.read_text() for path in self.system.folder.glob("*.log"))

    def rows(self, name, query):
        import sqlite3
        database = sqlite3.connect(f"file:{self.system.folder / name}?mode=ro", uri=True)
        try:
            return [row[0] for row in database.execute(query)]
        finally:
            database.close()

    def test_what_is_posted_arrives_by_itself_and_through_kills(self):
        service = Service(self.system)
        places = [("formsapi", "ferry-out", "edge/formsapi.yaml"), ("coredesk", "import", "core/coredesk.yaml"),
                  ("coredesk", "export", "core/coredesk.yaml"), ("formsapi", "ferry-in", "edge/formsapi.yaml")]
        watching = [self.watch(*place) for place in places]
        self.carrier.start()
        total = 0
        for round in range(4):
            for _ in range(5):
                self.assertEqual(post(self.system.forms + "/forms/hotline", request_fields(self.system, total))[0], 303)
                total += 1
            arrived = wait_until(lambda: len(self.rows("core/desk.sqlite", "SELECT id FROM subject WHERE number < 1 << 40")) == total, 60)
            self.assertTrue(arrived, self.logs())
            # One service after another dies, and is started again.
            watching[round].send_signal(signal.SIGKILL)
            watching[round].wait()
            watching[round] = self.watch(*places[round])
        settled = wait_until(lambda: not self.rows("edge/forms.sqlite", "SELECT item FROM lane_queue WHERE lane = 'e2c' AND state <> 'delivered'"), 60)
        self.assertTrue(settled, self.logs())
        service.stop()
        for process in watching:
            process.terminate()
            self.assertEqual(process.wait(timeout=10), -signal.SIGTERM)
        self.assertEqual(self.rows("edge/forms.sqlite", "SELECT code || ' ' || detail FROM lane_alarm WHERE cleared IS NULL"), [])

    def test_a_service_tells_what_fails_and_goes_on(self):
        inbox = self.system.folder / "core/spool/inbox"
        crl = self.system.folder / "keys/ca.crl"
        kept = crl.read_bytes()
        process = self.watch("coredesk", "import", "core/coredesk.yaml")
        log = self.system.folder / "coredesk-import.log"
        crl.write_text("rubbish")
        (inbox / "e2c-0000000009.mf").write_text("{}")
        self.assertTrue(wait_until(lambda: "ALARM failed" in log.read_text(), 20), log.read_text())
        crl.write_bytes(kept)
        (inbox / "e2c-0000000009.p7s").write_text("x")
        self.assertTrue(wait_until(lambda: "quarantined e2c-0000000009.mf signature" in log.read_text(), 20), log.read_text())
        self.assertIsNone(process.poll())


if __name__ == "__main__":
    unittest.main()

"""What an operator does to a lane at a terminal: slips, epochs, alarms."""
import json
import os
import sqlite3
import subprocess
import unittest

from support import BIN, NOW, Service, System, post, request_fields


class LaneCommandTests(unittest.TestCase):
    def setUp(self):
        self.system = System()
        self.addCleanup(self.system.close)
        self.system.call("prepare")
        self.folder = self.system.folder
        self.posted = 0

    def program(self, *words):
        return subprocess.run([BIN / words[0], *words[1:]], env=self.system.env, capture_output=True, text=True)

    def edge(self, *words):
        return self.program("formsapi", *words, "--config", self.folder / "edge/formsapi.yaml")

    def core(self, *words):
        return self.program("coredesk", *words, "--config", self.folder / "core/coredesk.yaml")

    def batch(self):
        service = Service(self.system)
        self.assertEqual(post(self.system.forms + "/forms/hotline", request_fields(self.system, self.posted))[0], 303)
        service.stop()
        self.posted += 1
        sent = self.edge("ferry-out")
        self.assertEqual(sent.returncode, 0, sent.stderr)

    def empty(self):
        for path in (self.folder / "edge/spool/outbox").iterdir():
            path.unlink()

    def cases(self):
        database = sqlite3.connect(f"file:{self.folder}/core/desk.sqlite?mode=ro", uri=True)
        try:
            return database.execute("SELECT count(*) FROM subject WHERE number < 1 << 40").fetchone()[0]
        finally:
            database.close()

    def test_a_slip_is_printed_carried_and_followed(self):
        self.batch()
        self.empty()
        self.batch()
        self.system.call("carry", "out")
        self.assertIn("committed e2c-0000000002", self.core("import").stdout)
        out = self.folder / "slip"
        slip = self.core("lane", "slip", "--out", out)
        self.assertEqual(slip.returncode, 0, slip.stderr)
        line = slip.stdout.strip()
        self.assertRegex(line, r"^e2c [0-9a-f]{8} 1 [0-9A-Z]{4}$")
        # On paper it is words; as a file it is signed.
        signed = subprocess.run(
            ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-content", out, "-in", f"{out}.p7s", "-CAfile", self.folder / "keys/ca.crt"],
            capture_output=True, text=True)
        self.assertEqual(signed.returncode, 0, signed.stderr)
        misread = self.edge("lane", "offer", *line.replace(" 1 ", " 2 ").split())
        self.assertNotEqual(misread.returncode, 0)
        self.assertIn("not read rightly", misread.stderr)
        followed = self.edge("lane", "offer", *line.lower().split())
        self.assertEqual(followed.returncode, 0, followed.stdout + followed.stderr)
        self.assertIn("offered e2c-0000000001", self.edge("ferry-out").stdout)
        self.system.call("carry", "out")
        self.assertIn("committed e2c-0000000001", self.core("import").stdout)
        self.assertIn("nothing is missing", self.core("lane", "slip").stdout)
        self.assertEqual(self.cases(), 2)

    def test_a_restored_edge_is_stopped_and_a_new_epoch_begins(self):
        self.batch()
        database = self.folder / "edge/forms.sqlite"
        copy = sqlite3.connect(self.folder / "backup.sqlite")
        with sqlite3.connect(database) as live:
            live.backup(copy)
        copy.close()
        self.system.call("carry", "out")
        self.assertEqual(self.core("import").returncode, 0)
        self.batch()
        self.system.call("carry", "out")
        self.assertEqual(self.core("import").returncode, 0)
        self.assertEqual(self.cases(), 2)
        # Yesterday's backup comes back: it does not know what it sent since, and is told before it can send under the same number.
        for name in os.listdir(self.folder / "edge"):
            if name.startswith("forms.sqlite"):
                (self.folder / "edge" / name).unlink()
        (self.folder / "backup.sqlite").rename(database)
        self.system.call("carry", "in")
        self.assertIn("ALARM senderBehind", self.edge("ferry-out").stdout)
        status = self.program("ferry", "status", "--json", "--now", NOW, database)
        self.assertEqual(status.returncode, 1)
        lane = next(lane for lane in json.loads(status.stdout) if lane["lane"] == "e2c")
        self.assertTrue(lane["alarms"][0].startswith("senderBehind"))
        made = self.program("ferry", "epoch", "--lane", "e2c", "--after", lane["epoch"], "--sign", self.folder / "keys/operator/operator", "--out", self.folder / "new", "--now", NOW)
        self.assertEqual(made.returncode, 0, made.stderr)
        record = made.stdout.strip()
        # A clerk's record is none, and one that does not follow is refused.
        forged = self.program("ferry", "epoch", "--lane", "e2c", "--after", lane["epoch"], "--sign", self.folder / "keys/staff/stranger", "--out", self.folder / "forged", "--now", NOW)
        self.assertIn("signerNotAllowed", self.edge("lane", "adopt", forged.stdout.strip()).stderr)
        stray = self.program("ferry", "epoch", "--lane", "e2c", "--sign", self.folder / "keys/operator/operator", "--out", self.folder / "stray", "--now", NOW)
        self.assertIn("does not follow", self.edge("lane", "adopt", stray.stdout.strip()).stderr)
        for side in (self.edge, self.core):
            adopted = side("lane", "adopt", record)
            self.assertEqual(adopted.returncode, 0, adopted.stderr)
            # Twice is once.
            self.assertEqual(side("lane", "adopt", record).returncode, 0)
        self.batch()
        self.system.call("carry", "out")
        arrived = self.core("import")
        self.assertIn("committed e2c-0000000001", arrived.stdout, arrived.stderr)
        # What the backup sent again was known already, and the new request is there.
        self.assertEqual(self.cases(), 3)
        self.assertEqual(self.program("ferry", "status", "--now", NOW, database).returncode, 0)

    def test_alarms_are_cleared_by_name_and_nothing_is_revived_that_is_not_dead(self):
        with sqlite3.connect(self.folder / "edge/forms.sqlite") as database:
            database.execute("INSERT INTO lane_alarm (lane, code, detail, at, stops) VALUES ('e2c', 'fork', 'x', 0, 1)")
        self.batch()
        self.assertFalse(list((self.folder / "edge/spool/outbox").glob("e2c-0*")))
        self.assertNotEqual(self.edge("lane", "clear", "e2c", "chain").returncode, 0)
        self.assertNotEqual(self.edge("lane", "clear", "e2c", "nonsense").returncode, 0)
        self.assertEqual(self.edge("lane", "clear", "e2c", "fork").returncode, 0)
        self.assertIn("offered e2c-0000000001", self.edge("ferry-out").stdout)
        self.assertIn("0 items are queued again", self.edge("lane", "revive").stdout)


if __name__ == "__main__":
    unittest.main()

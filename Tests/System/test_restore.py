"""Drills: the core dies in the middle of its work and comes back from yesterday's backup; the edge loses its database."""
import concurrent.futures
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest

from support import BIN, ROOT, WIDE, Desk, Service, System, get, inner, post, request_fields


class Drill(unittest.TestCase):
    def setUp(self):
        self.system = system = System()
        self.addCleanup(system.close)
        system.call("prepare")
        system.configure(limits=WIDE)
        config = system.folder / "edge/formsapi.yaml"
        # The edge keeps what was delivered for a core that loses it.
        config.write_text(config.read_text().replace("keep_delivered_days: 0", "keep_delivered_days: 7"))
        self.service = Service(system)
        self.addCleanup(lambda: self.service.stop())
        self.core, self.edge, self.keys = system.folder / "core", system.folder / "edge", system.folder / "keys"
        self.tickets = {}

    def program(self, name, side, *words, code=0):
        config = ["--config", side / f"{'coredesk' if name == 'coredesk' else 'formsapi'}.yaml"]
        result = subprocess.run([BIN / name, *words, *config], capture_output=True, text=True, env=self.system.env)
        if code is not None:
            self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def coredesk(self, *words, code=0):
        return self.program("coredesk", self.core, *words, code=code)

    def formsapi(self, *words, code=0):
        return self.program("formsapi", self.edge, *words, code=code)

    def send(self, number):
        code, headers, page = post(self.system.forms + "/forms/hotline", request_fields(self.system, number))
        self.assertEqual(code, 303, page)
        page = get(self.system.forms + headers["Location"])[1]
        self.tickets[number] = (inner(page, "receipt"), inner(page, "code"))

    def status(self, number):
        receipt, code = self.tickets[number]
        return post(self.system.forms + "/forms/status", {"receipt": receipt, "code": code})[2]

    def title(self, number):
        return f"测试诉求第 {number} 号"

    def begin_lanes_anew(self, said):
        lines = re.findall(r"ferry epoch --lane (\w+) --after (\w+)(?: --resend-from (\d+))? --sign", said)
        self.assertEqual({lane for lane, _, _ in lines}, {"e2c", "c2e"})
        records = []
        for lane, after, resend in lines:
            made = subprocess.run(
                [BIN / "ferry", "epoch", "--lane", lane, "--after", after, *(["--resend-from", resend] if resend else []), "--sign", self.keys / "operator/operator",
                 "--out", self.system.folder / "new-epochs", "--now", self.system.env["NOW"]], capture_output=True, text=True)
            self.assertEqual(made.returncode, 0, made.stderr)
            records.append(made.stdout.strip())
        self.coredesk("lane", "adopt", *records)
        self.formsapi("lane", "adopt", *records)

    def done(self, desk, officer, number, action, fields=None):
        case = desk.cases(officer)[self.title(number)]
        code, page = desk.act(officer, case, action, fields)
        self.assertEqual(code, 303, (action, page[:2000]))
        return case

    def answer(self, desk, number, words):
        self.done(desk, "dispatcher", number, "dispatch", {"lead": "urban-management", "budget": "5", "budget-unit": "wd"})
        self.done(desk, "urban", number, "answer", {"done": "已处理", "reply": words})
        self.done(desk, "reviewer", number, "approve")

    def lose(self, side, name):
        for path in side.glob(name + "*"):
            path.unlink()


class CoreDrill(Drill):
    def test_the_core_dies_at_work_and_yesterdays_backup_comes_back(self):
        for number in range(1, 4):
            self.send(number)
        self.system.ferry()
        desk = Desk(self.system, serve=True)
        self.done(desk, "dispatcher", 3, "dispatch", {"lead": "fire", "budget": "5", "budget-unit": "wd"})
        self.system.ferry()
        backup = self.system.folder / "backup"
        # While somebody reads and writes.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            reading = pool.submit(lambda: [desk.page("dispatcher", "/")[0] for _ in range(5)])
            self.coredesk("backup", "--out", backup)
            self.assertEqual(set(reading.result()), {200})
        self.assertEqual(oct((backup / "database.sqlite").stat().st_mode)[-3:], "600")
        self.coredesk("backup", "--out", backup, code=1)
        self.system.ferry()

        # A day goes on: new requests, an answer that a citizen reads, one that is taken back and erased, another seal.
        for number in range(4, 7):
            self.send(number)
        self.system.ferry()
        self.answer(desk, 1, "昨天的答复")
        receipt, code = self.tickets[2]
        post(self.system.forms + "/forms/follow-up", {"receipt": receipt, "code": code, "action": "withdraw"})
        self.system.ferry()
        self.assertIn("昨天的答复", self.status(1))
        page = desk.page("dispatcher", f"/cases/{desk.cases('dispatcher')[self.title(2)]}")[1]
        number = page.split("<h1>")[1].split()[0]
        eraser = ["--identity", self.keys / "staff/security", "--second", self.keys / "staff/audit"]
        self.assertIn("1 erased", self.coredesk("retention", "order", number, "--ground", "consentWithdrawn", *eraser))
        self.coredesk("backup-keys", "--out", self.system.folder / "keepers", "--recipient", self.keys / "core/core-open.crt")
        self.coredesk("audit", "seal")
        self.system.ferry()
        seals = self.edge / "seals/seals.txt"
        before = seals.read_text().splitlines()
        self.assertEqual(len(before), 2)

        # Twenty more arrive; import and desk are killed in the middle of it.
        for number in range(7, 27):
            self.send(number)
        self.formsapi("ferry-out")
        self.system.call("carry", "out")
        case = desk.cases("dispatcher")[self.title(4)]
        form = desk.form("dispatcher", f"/cases/{case}/note")
        running = subprocess.Popen([BIN / "coredesk", "import", "--config", self.core / "coredesk.yaml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            acting = pool.submit(
                desk.call, f"/cases/{case}/note", desk.certificate("staff/dispatcher"), f"Origin: {desk.origin}", body={**form, "i-words": "催办"})
            time.sleep(0.25)
            running.kill()
            desk.process.kill()
            running.wait()
            desk.process.wait()
            acting.result()

        # The disk is gone, with the key on it.
        self.lose(self.core, "desk.sqlite")
        self.assertIn("no database of cases", self.coredesk("audit", "seal", code=1))
        self.lose(self.core, "master.key")
        self.assertIn("no master key", self.coredesk("restore", "--from", backup, code=1))
        opened = subprocess.run(
            ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", self.system.folder / "keepers/master.key.p7m", "-inkey", self.keys / "core/core-open.key",
             "-recip", self.keys / "core/core-open.crt", "-out", self.core / "master.key"], capture_output=True, text=True)
        self.assertEqual(opened.returncode, 0, opened.stderr)
        (self.core / "master.key").chmod(0o600)
        shutil.copy(self.system.folder / "keepers/master.key.erased", self.core / "master.key.erased")

        # What is no whole backup is refused, and nothing is left behind.
        wrong = self.system.folder / "wrong"
        shutil.copytree(backup, wrong)
        data = bytearray((wrong / "database.sqlite").read_bytes())
        data[len(data) // 2] ^= 1
        (wrong / "database.sqlite").write_bytes(data)
        self.assertIn("not what was backed up", self.coredesk("restore", "--from", wrong, code=1))
        (wrong / "backup.json").unlink()
        self.assertIn("no whole backup", self.coredesk("restore", "--from", wrong, code=1))
        self.assertFalse(list(self.core.glob("desk.sqlite*")))

        self.assertIn("is sealed", self.coredesk("restore", "--from", backup, code=1))
        # The log of the old database, left behind.
        (self.core / "desk.sqlite-wal").write_bytes(b"x" * 5000)
        self.assertIn("desk.sqlite-wal is there", self.coredesk("restore", "--from", backup, "--published", seals, code=1))
        (self.core / "desk.sqlite-wal").unlink()
        (self.core / "master.key.erased").rename(self.core / "away")
        self.assertIn("no list of erasures", self.coredesk("restore", "--from", backup, "--published", seals, code=1))
        (self.core / "away").rename(self.core / "master.key.erased")
        self.assertFalse(list(self.core.glob("*restoring*")))
        said = self.coredesk("restore", "--from", backup, "--published", seals)
        self.assertIn("1 subjects erased again", said)
        self.assertIn("1 seals taken up", said)
        self.assertIn("is there", self.coredesk("restore", "--from", backup, "--published", seals, code=1))
        self.begin_lanes_anew(said)
        # Twice there and back: batches of the old numbers are noise, what the edge still has comes again.
        for _ in range(2):
            subprocess.run([ROOT / "Scripts/ferry-round", self.system.folder], env=self.system.env, capture_output=True)
        self.assertIn("seal 2: what it covers is not here", self.coredesk("audit", "verify", code=1))
        self.assertIn("0 breaks", self.coredesk("audit", "verify", "--lost", "2"))
        with sqlite3.connect(self.core / "desk.sqlite") as db:
            self.assertEqual(db.execute("SELECT count(*) FROM subject s JOIN correspondent c ON c.subject = s.id").fetchone()[0], 25)
            self.assertEqual(db.execute("SELECT count(*) FROM subject WHERE key IS NULL").fetchone()[0], 1)

        # Every citizen reads what the core knows now.
        desk = Desk(self.system, serve=True)
        self.addCleanup(desk.stop)
        self.assertNotIn("昨天的答复", self.status(1))
        for number in [1, *range(4, 27)]:
            self.assertIn("已收到", self.status(number), number)
        self.assertIn("已受理", self.status(3))
        self.answer(desk, 1, "今天再次答复")
        # The next seal follows from those that strangers have.
        self.coredesk("audit", "seal")
        self.system.ferry()
        self.assertIn("今天再次答复", self.status(1))
        after = seals.read_text().splitlines()
        self.assertEqual(after[:2], before)
        self.assertEqual(len(after), 3)
        with sqlite3.connect(self.edge / "forms.sqlite") as db:
            self.assertEqual(db.execute("SELECT count(*) FROM seal_contradiction").fetchone()[0], 0)
        self.assertIn("0 breaks, 0 rows", self.coredesk("audit", "verify", "--published", seals, "--lost", "2-2"))

    def test_a_core_on_postgresql_comes_back(self):
        server = tempfile.mkdtemp(prefix="xd.")
        self.addCleanup(shutil.rmtree, server, True)
        self.addCleanup(subprocess.run, [ROOT / "Scripts/postgres", "stop", server], capture_output=True)
        address = subprocess.run([ROOT / "Scripts/postgres", "start", server], check=True, capture_output=True, text=True).stdout.strip()
        config = self.core / "coredesk.yaml"

        def use(address):
            config.write_text(re.sub("(?m)^database: .*$", f'database: "{address}"', config.read_text()))
        use(address)
        self.coredesk("init", "--people", self.core / "people.yaml")
        self.coredesk("lane", "adopt", *sorted((self.system.folder / "epochs").glob("*.ep")))
        self.send(1)
        self.system.ferry()
        backup = self.system.folder / "backup"
        self.coredesk("backup", "--out", backup)
        self.assertIn("the database holds tables", self.coredesk("restore", "--from", backup, "--nothing-published", code=1))
        # What was refused leaves the city's desk at work.
        self.coredesk("clock")
        name = re.search(r"//[^/]*/(\w+)", address)[1]
        subprocess.run(["psql", "-q", address, "-c", "CREATE DATABASE again"], check=True, capture_output=True)
        use(address.replace(f"/{name}", "/again", 1))
        said = self.coredesk("restore", "--from", backup, "--nothing-published")
        self.assertIn("1 senders are told again", said)
        self.begin_lanes_anew(said)
        self.system.ferry()
        self.assertIn("0 breaks, 0 rows", self.coredesk("audit", "verify"))
        self.assertIn("已收到", self.status(1))


class EdgeDrill(Drill):
    def test_the_edge_comes_back_from_its_backup(self):
        self.send(1)
        self.system.ferry()
        backup = self.system.folder / "backup"
        self.formsapi("backup", "--out", backup)
        self.send(2)
        self.system.ferry()
        self.service.stop()
        self.lose(self.edge, "forms.sqlite")
        self.assertIn("not of coredesk", self.coredesk("restore", "--from", backup, code=1))
        said = self.formsapi("restore", "--from", backup)
        self.assertIn("is there", self.formsapi("restore", "--from", backup, code=1))
        self.begin_lanes_anew(said)
        self.service = Service(self.system)
        self.send(3)
        for _ in range(2):
            self.system.ferry()
        desk = Desk(self.system, serve=True)
        self.addCleanup(desk.stop)
        # The second crossed before the loss: the core has it, and tells the new edge when something happens to it.
        self.assertEqual(set(desk.cases("dispatcher")), {self.title(number) for number in (1, 2, 3)})
        self.answer(desk, 2, "边界丢过数据也能答复")
        self.system.ferry()
        self.assertIn("边界丢过数据也能答复", self.status(2))
        self.assertIn("已收到", self.status(3))


del Drill

if __name__ == "__main__":
    unittest.main()

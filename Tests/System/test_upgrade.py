"""Databases of every release are opened by this one, and worked on."""
import json
import shutil
import sqlite3
import subprocess
import tarfile
import unittest

from release_fixture import FOLDER, tables, versions
from support import BIN, Desk, Service, System, post

PLACES = {"edge": "edge/forms.sqlite", "core": "core/desk.sqlite"}


class UpgradeTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.addClassCleanup(cls.system.close)
        cls.system.call("prepare")
        cls.folder = cls.system.folder
        cls.fresh = {side: (versions(cls.folder / path), tables(cls.folder / path)) for side, path in PLACES.items() if (cls.folder / path).exists()}

    def coredesk(self, *words):
        return subprocess.run([BIN / "coredesk", *words, "--config", self.folder / "core/coredesk.yaml"], capture_output=True, text=True)

    def begin(self, archive):
        """The installation of that release, under today's programs."""
        for path in PLACES.values():
            for file in (self.folder / path).parent.glob((self.folder / path).name + "*"):
                file.unlink()
        (self.folder / "core/master.key").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "core/forms", ignore_errors=True)
        with tarfile.open(archive) as files:
            files.extractall(self.folder, filter="data")
        (self.folder / "core/master.key").chmod(0o600)
        config = self.folder / "core/coredesk.yaml"
        config.write_text(config.read_text().replace("definitions: [site/public.runtime/forms]", "definitions: [site/public.runtime/forms, forms]"))
        return json.loads((self.folder / "expected.json").read_text())

    def test_a_fixture_holds_the_schema_of_today(self):
        """Fails when a schema has a step that no fixture has: make one with `release_fixture.py`, and leave the others."""
        newest = {"edge": 0, "core": 0}
        for archive in FOLDER.glob("*.tar.gz"):
            with tarfile.open(archive) as files:
                for side, version in json.load(files.extractfile("expected.json"))["versions"].items():
                    newest[side] = max(newest[side], version)
        self.assertEqual({side: version for side, (version, _) in self.fresh.items()}, newest)

    def test_each_release_goes_on(self):
        archives = sorted(FOLDER.glob("*.tar.gz"))
        self.assertTrue(archives)
        for archive in archives:
            with self.subTest(archive.name):
                self.go_on(self.begin(archive))

    def go_on(self, expected):
        verified = self.coredesk("audit", "verify")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        desk = Desk(self.system, serve=True)
        try:
            self.assertEqual(sorted(desk.cases("dispatcher")), expected["titles"])
            case = expected["open"]
            self.assertIn("这是一条测试用的诉求", desk.page("urban", f"/cases/{case}")[1])
            status, text = desk.act("urban", case, "answer", {"done": "已办", "reply": "新版本里的答复。"})
            self.assertEqual(status, 303, text[-500:])
        finally:
            desk.stop()
        service = Service(self.system)
        try:
            for citizen in expected["citizens"]:
                page = post(self.system.forms + "/forms/status", {key: citizen[key] for key in ("receipt", "code")})[2]
                self.assertNotIn("没有找到", page)
                self.assertEqual("已经修好。" in page, citizen["answered"])
        finally:
            service.stop()
        self.assertEqual(self.coredesk("audit", "verify").returncode, 0)
        # Migrated, a database is as one that is made today.
        for side, (version, statements) in self.fresh.items():
            path = self.folder / PLACES[side]
            self.assertEqual(versions(path), version)
            self.assertEqual(tables(path), statements, side)
            with sqlite3.connect(path) as db:
                self.assertEqual(db.execute("pragma integrity_check").fetchone()[0], "ok")


if __name__ == "__main__":
    unittest.main()

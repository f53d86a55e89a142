"""Definitions of processes at a terminal: checked, shown, drawn, exported."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.dom.minidom

from support import BIN, ROOT, RunningDesk


class ProcessCommandTests(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        content = self.folder / "Content"
        for part in ("processes", "forms", "papers"):
            shutil.copytree(ROOT / "Content" / part, content / part)
        for part in ("roles.yaml", "units.yaml", "hours.yaml", "catalogue.yaml"):
            shutil.copy(ROOT / "Content" / part, content / part)
        self.hotline = content / "processes/hotline.yaml"

    def process(self, *words, language="en_GB.UTF-8", source=None):
        return subprocess.run(
            [BIN / "coredesk", "process", *words, "--source", source or self.folder],
            env=dict(os.environ, LANG=language, LC_ALL=language), capture_output=True, text=True)

    def test_sound_definitions_are_named_with_their_digests(self):
        said = self.process("check")
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        self.assertRegex(said.stdout, r"approval [0-9a-f]{64}\nassessments [0-9a-f]{64}\ncredentials [0-9a-f]{64}\nhotline [0-9a-f]{64}\n")

    def test_every_mistake_has_its_place_in_the_operators_language(self):
        text = self.hotline.read_text()
        self.hotline.write_text(text.replace("by: { role: reviewer", "by: { role: reviewr").replace("enter: review }", "enter: reveiw }"))
        lines = [number for number, line in enumerate(self.hotline.read_text().splitlines(), 1) if "reveiw" in line]
        english, chinese = self.process("check"), self.process("check", language="zh_CN.UTF-8")
        for said in (english, chinese):
            self.assertEqual(said.returncode, 1)
            self.assertNotIn("hotline ", said.stdout)
            self.assertEqual(said.stdout.count("Content/"), 4, said.stdout)
        self.assertIn("did you mean `review`?", english.stdout)
        self.assertIn("是不是“reviewer”？", chinese.stdout)
        self.assertTrue(lines)

    def test_what_is_not_there_is_said(self):
        self.assertIn("there is no folder", self.process("check", source="/nonexistent").stderr)
        self.assertIn("there are: approval, assessments, credentials, hotline, people, posts", self.process("show", "hotlin").stderr)
        (self.folder / "Content/roles.yaml").write_text("")
        self.assertEqual(self.process("check").returncode, 1)

    def test_pictures_and_exports_are_well_formed(self):
        for id in ("hotline", "approval"):
            for language in ("zh", "en"):
                drawn = self.process("draw", id, "--language", language)
                xml.dom.minidom.parseString(drawn.stdout)
                exported = self.process("export", id, "--language", language)
                model = xml.dom.minidom.parseString(exported.stdout)
                self.assertGreater(len(model.getElementsByTagName("sequenceFlow")), 10)
                self.assertIn("left out: ", exported.stderr)


class AdoptionTests(RunningDesk):
    """A case goes on by a later definition when somebody who may do so says why."""

    def setUp(self):
        super().setUp()
        self.config = self.core / "coredesk.yaml"

    def adopt(self, *words, by="security", code=0):
        return self.system.coredesk("process", "adopt", "hotline", "--reason", "新规定示例", "--identity", self.system.folder / f"keys/staff/{by}", *words, code=code)

    def test_an_open_case_goes_on_by_a_later_definition(self):
        self.assertEqual(self.staff.register(self.system, "改流程示例诉求"), 200)
        case = self.staff.cases("dispatcher")["改流程示例诉求"]
        self.staff.act("dispatcher", case, "dispatch", {"lead": "fire", "budget": "5", "budget-unit": "wd"})
        self.assertIn("no case runs by an earlier definition", self.adopt())

        content = self.system.folder / "next/Content"
        shutil.copytree(ROOT / "Content", content)
        definition = content / "processes/hotline.yaml"
        changed = definition.read_text().replace("handling", "working").replace("办理中", "承办中").replace("zh: 签收", "zh: 签收（新）")
        definition.write_text(changed)
        self.config.write_text(self.config.read_text().replace(f"source: {ROOT}", f"source: {self.system.folder / 'next'}"))
        said = self.adopt(code=1)
        self.assertIn("the new definition does not speak of this one", said)
        digest = re.search("([0-9a-f]{64}): 1 case", said)[1]
        definition.write_text(changed + f"migrate:\n  {digest}: {{}}\n")
        self.assertIn("states: `handling` is gone", self.adopt(code=1))
        definition.write_text(changed + f"migrate:\n  {digest}: {{ states: {{ handling: working }} }}\n")
        self.assertIn("may not do that", self.adopt("--apply", by="dispatcher", code=1))
        self.assertIn("1 would go on", self.adopt())
        self.assertIn("办理中", self.staff.page("fire", f"/cases/{case}")[1])
        self.assertIn("1 went on", self.adopt("--apply"))
        self.assertIn("no case runs by an earlier definition", self.adopt("--apply"))

        # Those who serve by the earlier definition work on by the later one.
        page = self.staff.page("fire", f"/cases/{case}")[1]
        for words in ("承办中", "改按新的流程定义办理", "新规定示例", "签收（新）"):
            self.assertIn(words, page)
        self.assertEqual(self.staff.act("fire", case, "sign")[0], 303)
        self.assertIn("0 breaks, 0 rows", self.system.coredesk("audit"))


if __name__ == "__main__":
    unittest.main()

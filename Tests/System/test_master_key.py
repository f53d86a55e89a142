"""A new master key takes over: what runs with the old one writes nothing that nobody could read, and a rotation that died goes on."""
import os
import shutil
import unittest
import urllib.parse

from support import RunningDesk


class RotationTests(RunningDesk):
    def test_a_new_master_key_takes_over(self):
        self.assertEqual(self.staff.register(self.system, "改密钥示例一号井盖"), 200)
        old = (self.core / "master.key").read_bytes()
        self.system.coredesk("backup", "--out", self.system.folder / "backup", "--without-seal")
        # Nobody may work by the old key meanwhile.
        self.assertIn("stop `coredesk serve`, the timers and the lanes first", self.system.coredesk("rotate-key", code=1))
        self.system.call("stop")
        said = self.system.coredesk("rotate-key")
        self.assertRegex(said, r"the keys of \d+ subjects are wrapped by the new master key")
        self.assertNotEqual((self.core / "master.key").read_bytes(), old)
        # A backup from before says which key it wants.
        self.assertRegex(self.system.coredesk("restore", "--from", self.system.folder / "backup", "--nothing-published", code=1),
                         "was made under the master key [0-9a-f]{16}, and .* is [0-9a-f]{16}")
        self.system.call("start")
        self.assertEqual(self.staff.register(self.system, "改密钥示例三号井盖"), 200)
        self.assertEqual(set(self.staff.cases("dispatcher")), {"改密钥示例一号井盖", "改密钥示例三号井盖"})
        self.assertIn("改密钥示例一号井盖", self.staff.page("dispatcher", "/?q=" + urllib.parse.quote("井盖"))[1])
        self.assertIn("0 breaks, 0 rows", self.system.coredesk("audit"))
        # The old key opens nothing more, and neither does it make a database that looks right.
        kept = (self.core / "master.key").read_bytes()
        (self.core / "master.key").write_bytes(old)
        self.assertIn("is not the key that the database's cases were written with", self.system.coredesk("audit", code=1))
        (self.core / "master.key").write_bytes(kept)

    def test_a_rotation_that_died_goes_on(self):
        self.assertEqual(self.staff.register(self.system, "改密钥示例四号井盖"), 200)
        self.system.call("stop")
        # It died before the database knew of the next key, and once behind that.
        (self.core / "master.key.next").write_bytes(os.urandom(32))
        (self.core / "master.key.next").chmod(0o600)
        old = (self.core / "master.key").read_bytes()
        (self.core / "master.key").chmod(0o640)
        self.system.coredesk("rotate-key")
        self.assertEqual((self.core / "master.key").stat().st_mode & 0o777, 0o640)
        self.assertFalse((self.core / "master.key.next").exists())
        new = (self.core / "master.key").read_bytes()
        shutil.copy(self.core / "master.key", self.core / "master.key.next")
        (self.core / "master.key").write_bytes(old)
        self.assertNotIn("wrapped", self.system.coredesk("rotate-key").split("no bytes")[0])
        self.assertEqual((self.core / "master.key").read_bytes(), new)
        self.assertFalse((self.core / "master.key.next").exists())
        self.assertIn("0 breaks, 0 rows", self.system.coredesk("audit"))


if __name__ == "__main__":
    unittest.main()

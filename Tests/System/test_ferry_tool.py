"""`ferry`: what an auditor and an operator do by hand with the files of a batch."""
import shutil
import subprocess
import unittest

from support import BIN, System, post, request_fields


class FerryToolTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.system.call("prepare")
        cls.system.call("start")
        folder = cls.system.folder
        for number in range(3):
            assert post(cls.system.forms + "/forms/hotline", request_fields(cls.system, number))[0] == 303
        subprocess.run([BIN / "formsapi", "ferry-out", "--config", folder / "edge/formsapi.yaml"], check=True, capture_output=True)
        cls.batch = folder / "edge/spool/outbox/e2c-0000000001.mf"
        cls.keys = folder / "keys"

    @classmethod
    def tearDownClass(cls):
        cls.system.close()

    def ferry(self, *words):
        return subprocess.run([BIN / "ferry", *words], capture_output=True, text=True)

    def trust(self, signer="edge/edge-sign"):
        return ["--authority", self.keys / "ca.crt", "--crl", self.keys / "ca.crl", "--signer", self.keys / f"{signer}.crt"]

    def copy(self, name):
        folder = self.system.folder / name
        shutil.copytree(self.batch.parent, folder)
        return folder

    def test_verify_names_the_signer_and_the_damage(self):
        good = self.ferry("verify", *self.trust(), "--", self.batch)
        self.assertEqual(good.returncode, 0, good.stdout + good.stderr)
        self.assertIn("signed by edge ferry signing", good.stdout)
        self.assertIn("4 items, 1 parts", good.stdout)
        # Without a word about revocation nothing is judged.
        authority = ["--authority", self.keys / "ca.crt", "--signer", self.keys / "edge/edge-sign.crt"]
        unsaid = self.ferry("verify", *authority, "--", self.batch)
        self.assertIn("give either --crl or --without-crl", unsaid.stderr)
        self.assertEqual(self.ferry("verify", *authority, "--without-crl", "--", self.batch).returncode, 0)
        foreign = self.ferry("verify", *self.trust("staff/stranger"), "--", self.batch)
        self.assertEqual(foreign.returncode, 1)
        self.assertIn("signerNotAllowed", foreign.stdout)
        damaged = self.copy("damaged")
        part = damaged / "e2c-0000000001-00000.p7m"
        part.write_bytes(part.read_bytes()[:-1] + b"x")
        bad = self.ferry("verify", *self.trust(), "--", damaged / self.batch.name)
        self.assertEqual(bad.returncode, 1)
        self.assertIn("missing or damaged", bad.stdout)
        (damaged / self.batch.name).write_text("{}")
        self.assertIn("not a batch manifest", self.ferry("verify", *self.trust(), "--", damaged / self.batch.name).stdout)

    def test_what_is_opened_can_be_sealed_again(self):
        out = self.system.folder / "opened"
        opened = self.ferry("open", *self.trust(), "--key", self.keys / "core/core-open", "--out", out, "--", self.batch)
        self.assertEqual(opened.returncode, 0, opened.stdout + opened.stderr)
        items = sorted((out / "data").iterdir())
        # Three requests, and what the edge serves.
        self.assertEqual(len(items), 4)
        again = self.system.folder / "again"
        sealed = self.ferry(
            "seal", "--lane", "e2c", "--epoch", "0123456789abcdef", "--seq", "1", "--sign", self.keys / "edge/edge-sign", "--to", self.keys / "core/core-open.crt",
            "--out", again, "--", *items)
        self.assertEqual(sealed.stdout.strip(), "e2c-0000000001", sealed.stderr)
        self.assertEqual(self.ferry("verify", *self.trust(), "--", again / self.batch.name).returncode, 0)
        (items[0] / "item.json").write_text("{}")
        refused = self.ferry(
            "seal", "--lane", "e2c", "--epoch", "0123456789abcdef", "--seq", "2", "--sign", self.keys / "edge/edge-sign", "--to", self.keys / "core/core-open.crt",
            "--out", again, "--", *items)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("may not cross", refused.stderr)

    def test_the_wrong_key_opens_nothing(self):
        out = self.system.folder / "nothing"
        opened = self.ferry("open", *self.trust(), "--key", self.keys / "edge/edge-open", "--out", out, "--", self.batch)
        self.assertEqual(opened.returncode, 1)
        self.assertIn("recipient", opened.stdout)
        self.assertFalse(out.exists())

    def test_status_says_what_waits(self):
        status = self.ferry("status", self.system.folder / "edge/forms.sqlite")
        self.assertIn("items 4 batched", status.stdout)
        self.assertIn("batches sent 1 offered, last number 1", status.stdout)
        self.assertIn('"lane":"e2c"', self.ferry("status", "--json", self.system.folder / "edge/forms.sqlite").stdout)


if __name__ == "__main__":
    unittest.main()

"""Docs/auditor.md, run as it stands: with openssl, sha256sum and tar, on good batches and on damaged ones."""
import hashlib
import re
import shutil
import subprocess
import tempfile
import unittest

from support import BIN, ROOT, System, post, request_fields

RECIPE = "\n".join(re.findall(r"```sh\n(.*?)```", (ROOT / "Docs/auditor.md").read_text(encoding="utf-8"), re.S))


class AuditorTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.addClassCleanup(cls.system.close)
        cls.system.call("prepare")
        cls.system.call("start")
        cls.keys = cls.system.folder / "keys"
        config = cls.system.folder / "edge/formsapi.yaml"
        config.write_text(config.read_text() + "  sm2_sign: ../keys/edge/edge-sm2\n")
        for number in range(2):
            assert post(cls.system.forms + "/forms/hotline", request_fields(cls.system, number))[0] == 303
            # The core acknowledges both; copies of what crosses stay here.
            cls.program("formsapi", "ferry-out", "edge/formsapi.yaml")
            shutil.copytree(cls.system.folder / "edge/spool/outbox", cls.system.folder / "stick", dirs_exist_ok=True)
            cls.system.call("carry", "out")
            cls.program("coredesk", "import", "core/coredesk.yaml")
        shutil.copytree(cls.system.folder / "core/spool/outbox", cls.system.folder / "stick", dirs_exist_ok=True)
        log = subprocess.run([BIN / "ferry", "audit", cls.system.folder / "core/desk.sqlite"], check=True, capture_output=True, text=True).stdout
        (cls.system.folder / "audit.log").write_text(log)
        core = ["--config", cls.system.folder / "core/coredesk.yaml"]
        for number in range(2):
            subprocess.run([BIN / "coredesk", "audit", "seal", *core], check=True, capture_output=True, env=cls.system.env)
            subprocess.run([ROOT / "Scripts/ferry-round", cls.system.folder], check=True, capture_output=True, env=cls.system.env)
        subprocess.run([BIN / "coredesk", "audit", "proof", "2", "--out", cls.system.folder / "proof", *core], check=True, capture_output=True, env=cls.system.env)

    @classmethod
    def program(cls, name, verb, config):
        subprocess.run([BIN / name, verb, "--config", cls.system.folder / config], check=True, capture_output=True, env=cls.system.env)

    def audit(self, stick=None, **given):
        stick = stick or self.system.folder / "stick"
        with tempfile.TemporaryDirectory() as work:
            env = {
                "BATCH": f"{stick}/e2c-0000000002", "PREVIOUS": f"{stick}/e2c-0000000001.mf", "CA": f"{self.keys}/ca.crt", "CRL": f"{self.keys}/ca.crl",
                "SIGNER": f"{self.keys}/edge/edge-sign.crt", "SM2_SIGNER": f"{self.keys}/edge/edge-sm2.crt", "KEY": f"{self.keys}/core/core-open.key",
                "CERT": f"{self.keys}/core/core-open.crt", "ACK": str(next(stick.glob("e2c-ack-*.ak")))[:-3],
                "ACK_SIGNER": f"{self.keys}/core/core-sign.crt", "LOG": f"{self.system.folder}/audit.log", "SERVED": f"{self.system.folder}/edge/site/current",
                "SEALS": f"{self.system.folder}/edge/seals/seals.txt", "SEALER": f"{self.keys}/edge/edge-sign.crt {self.keys}/core/core-sign.crt", "PROOF": f"{self.system.folder}/proof",
                **given, "WORK": work, "PATH": "/usr/bin:/bin"}
            return subprocess.run(["sh", "-c", RECIPE], env=env, capture_output=True, text=True)

    def test_the_recipe_holds_for_a_good_batch(self):
        done = self.audit()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("Verified OK", done.stdout)
        self.assertIn("lane e2c, number 2", done.stdout)
        self.assertIn("2 seals, the newest of", done.stdout)
        self.assertIn("stand under seal 1", done.stdout)
        first = self.audit(BATCH=f"{self.system.folder}/stick/e2c-0000000001", PREVIOUS="")
        self.assertEqual(first.returncode, 0, first.stdout + first.stderr)

    def test_it_fails_loudly_for_every_damage(self):
        stick = self.system.folder / "stick"
        for name in ("e2c-0000000002.mf", "e2c-0000000002.p7s", "e2c-0000000002.sm2", "e2c-0000000002-00000.p7m", "e2c-0000000001.mf"):
            with self.subTest(damaged=name):
                other = self.system.folder / "damaged"
                shutil.rmtree(other, ignore_errors=True)
                shutil.copytree(stick, other)
                data = bytearray((other / name).read_bytes())
                data[len(data) // 2] ^= 1
                (other / name).write_bytes(data)
                self.assertNotEqual(self.audit(other).returncode, 0)
        for given in (
            {"SIGNER": f"{self.keys}/staff/stranger.crt"}, {"KEY": f"{self.keys}/edge/edge-open.key", "CERT": f"{self.keys}/edge/edge-open.crt"},
            {"ACK_SIGNER": f"{self.keys}/edge/edge-sign.crt"}, {"SM2_SIGNER": f"{self.keys}/core/core-sm2.crt"}):
            with self.subTest(given=given):
                self.assertNotEqual(self.audit(**given).returncode, 0)
        lines = (self.system.folder / "audit.log").read_text().splitlines()
        for number in range(1, len(lines)):
            with self.subTest(log_line_missing=number):
                (self.system.folder / "short").write_text("\n".join(lines[:number - 1] + lines[number:]) + "\n")
                self.assertNotEqual(self.audit(LOG=f"{self.system.folder}/short").returncode, 0)
        for name in ("0001.json", "0001.box", "leaf.txt", "path.txt", "seal.json"):
            with self.subTest(damaged=name):
                other = self.system.folder / "other-proof"
                shutil.rmtree(other, ignore_errors=True)
                shutil.copytree(self.system.folder / "proof", other)
                data = bytearray((other / name).read_bytes())
                data[len(data) // 2] ^= 1
                (other / name).write_bytes(data)
                self.assertNotEqual(self.audit(PROOF=str(other)).returncode, 0)
        # Invented proofs: a root of one's own beside a piece of a real seal, and a seal behind the last line that nobody signed.
        other, real = self.system.folder / "other-proof", (self.system.folder / "proof/seal.json").read_text()
        shutil.rmtree(other)
        shutil.copytree(self.system.folder / "proof", other)
        event = (other / "0001.json").read_bytes().replace(b'"action":"begin"', b'"action":"merge"')
        (other / "0001.json").write_bytes(event)
        name = (other / "leaf.txt").read_text().split()[1]
        chain = hashlib.sha256(hashlib.sha256(name.encode()).digest() + event).hexdigest()
        leaf = f"event {name} 1 {chain}"
        (other / "leaf.txt").write_text(leaf)
        (other / "path.txt").write_text("")
        root = hashlib.sha256(b"\0" + leaf.encode()).hexdigest()
        for seal in (f'{{"n":1,"root":"{root}"}}\n{real}', f'{{"n":1,"root":"{root}"}}\n{{"at"', f'{{"n":1,"root":"{root}"}}'):
            (other / "seal.json").write_text(seal)
            self.assertNotEqual(self.audit(PROOF=str(other)).returncode, 0)
        (self.system.folder / "other-seals").write_text((self.system.folder / "edge/seals/seals.txt").read_text() + seal + "\tAAAA")
        self.assertNotEqual(self.audit(PROOF=str(other), SEALS=f"{self.system.folder}/other-seals").returncode, 0)
        seals = (self.system.folder / "edge/seals/seals.txt").read_text().splitlines(keepends=True)
        for wrong in (seals[1:], seals[::-1], [seals[0].replace('"leaves":', '"leaves":1')], [seals[0][:-40] + "\n", seals[1]]):
            (self.system.folder / "other-seals").write_text("".join(wrong))
            self.assertNotEqual(self.audit(SEALS=f"{self.system.folder}/other-seals").returncode, 0)
        self.assertNotEqual(self.audit(SEALER=f"{self.keys}/edge/edge-sign.crt").returncode, 0)
        served = self.system.folder / "served"
        shutil.copytree(self.system.folder / "edge/site/current", served)
        (served / "public/added.html").write_text("x")
        self.assertNotEqual(self.audit(SERVED=str(served)).returncode, 0)

    def test_ferry_verify_says_the_same_with_reasons(self):
        stick = self.system.folder / "stick"
        files = [stick / "e2c-0000000001.mf", stick / "e2c-0000000002.mf"]
        trust = ["--authority", self.keys / "ca.crt", "--crl", self.keys / "ca.crl", "--sm2-signer", self.keys / "edge/edge-sm2.crt"]
        good = subprocess.run([BIN / "ferry", "verify", *trust, "--signer", self.keys / "edge/edge-sign.crt", "--", *files], capture_output=True, text=True)
        self.assertEqual(good.returncode, 0, good.stdout)
        self.assertEqual(good.stdout.count("second signature (SM2, SM3) by edge ferry signing, SM2"), 2)
        ack = next(stick.glob("e2c-ack-*.ak"))
        said = subprocess.run([BIN / "ferry", "verify", *trust, "--signer", self.keys / "core/core-sign.crt", "--", ack], capture_output=True, text=True)
        self.assertEqual(said.returncode, 0, said.stdout)
        self.assertIn("committed 1-2", said.stdout)
        log = subprocess.run([BIN / "ferry", "audit", "--file", "--verify", self.system.folder / "audit.log"], capture_output=True, text=True)
        self.assertIn("lines hold; the newest is", log.stdout)


if __name__ == "__main__":
    unittest.main()

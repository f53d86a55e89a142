"""Keys in a PKCS #11 token (SoftHSM2): batches are signed and opened by keys that never leave it."""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

from support import BIN, System, Service, post, request_fields

MODULES = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"]
MODULE = next((path for path in MODULES if os.path.exists(path)), None)


@unittest.skipUnless(MODULE and shutil.which("pkcs11-tool"), "SKIPPED: softhsm2 and opensc are not installed")
class TokenTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.addClassCleanup(cls.system.close)
        cls.system.call("prepare")
        cls.keys = cls.system.folder / "keys"
        cls.token = cls.system.folder / "token"
        (cls.token / "tokens").mkdir(parents=True)
        (cls.token / "softhsm2.conf").write_text(f"directories.tokendir = {cls.token}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        # A line's end behind the PIN, as editors leave it.
        (cls.token / "pin").write_text("1234\n")
        (cls.token / "pin").chmod(0o600)
        cls.env = dict(cls.system.env, SOFTHSM2_CONF=str(cls.token / "softhsm2.conf"))
        cls.run_tool("softhsm2-util", "--init-token", "--free", "--label", "city", "--so-pin", "5678", "--pin", "1234")
        for number, (side, name, usage) in enumerate((("edge", "edge-sign", "--usage-sign"), ("core", "core-open", "--usage-derive"), ("staff", "market-leader", "--usage-sign"))):
            cls.move_in(cls.keys / side / name, name, usage, f"1{number}")

    @classmethod
    def run_tool(cls, *words):
        subprocess.run([str(word) for word in words], env=cls.env, check=True, capture_output=True)

    @classmethod
    def move_in(cls, path, label, usage, identity):
        """The key goes into the token, and its file is gone."""
        key = cls.token / "key.der"
        cls.run_tool("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", f"{path}.key", "-outform", "DER", "-out", key)
        cls.run_tool("openssl", "pkey", "-in", f"{path}.key", "-pubout", "-outform", "DER", "-out", cls.token / "pub.der")
        tool = ["pkcs11-tool", "--module", MODULE, "--token-label", "city", "--login", "--pin", "1234", "--label", label, "--id", identity]
        cls.run_tool(*tool, "--write-object", key, "--type", "privkey", usage, "--sensitive", "--private")
        cls.run_tool(*tool, "--write-object", cls.token / "pub.der", "--type", "pubkey")
        key.unlink()
        pathlib.Path(f"{path}.key").unlink()

    def uri(self, side, name, pin="pin"):
        return f"pkcs11:token=city;object={name}?module-path={MODULE}&pin-source=file:{self.token}/{pin}&x-certificate={self.keys}/{side}/{name}.crt"

    def configure(self, path, key, value):
        config = self.system.folder / path
        lines = [f"  {key}: {value}" if line.startswith(f"  {key}:") else line for line in config.read_text().splitlines()]
        config.write_text("\n".join(lines) + "\n")

    def program(self, name, verb, config):
        return subprocess.run([BIN / name, verb, "--config", self.system.folder / config], env=self.env, capture_output=True, text=True)

    def test_the_master_key_is_opened_in_the_token(self):
        core = self.system.folder / "core"
        (core / "coredesk.yaml").write_text((core / "coredesk.yaml").read_text() + f'master_key_identity: "{self.uri("core", "core-open")}"\n')
        # A key that lies in the open is told, and brought in.
        said = self.program("coredesk", "audit", "core/coredesk.yaml")
        self.assertIn("not sealed for master_key_identity", said.stdout + said.stderr)
        rotated = self.program("coredesk", "rotate-key", "core/coredesk.yaml")
        self.assertIn("wrapped by the new master key", rotated.stdout, rotated.stderr)
        self.assertGreater((core / "master.key").stat().st_size, 100)
        self.assertEqual((core / "master.key").stat().st_mode & 0o777, 0o600)
        said = self.program("coredesk", "audit", "core/coredesk.yaml")
        self.assertIn("0 breaks, 0 rows", said.stdout, said.stderr)
        # Without the token nothing opens, and that is what is said.
        (core / "coredesk.yaml").write_text((core / "coredesk.yaml").read_text().replace(f"{self.token}/pin&", f"{self.token}/none&"))
        said = self.program("coredesk", "audit", "core/coredesk.yaml")
        self.assertEqual(said.returncode, 1)
        self.assertIn("token/none: No such file", said.stdout + said.stderr)
        (core / "coredesk.yaml").write_text((core / "coredesk.yaml").read_text().replace(f"{self.token}/none&", f"{self.token}/pin&"))

    def test_an_officer_signs_with_a_key_in_the_token(self):
        def act(officer):
            digest = subprocess.run(
                f"openssl x509 -in '{self.keys}/staff/{officer}.crt' -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum", shell=True, capture_output=True, text=True, check=True).stdout.split()[0]
            said = {"action": "grant", "at": 1788224400, "format": "xinmi-act-1", "grounds": "0" * 64, "inputs": {"words": "准予"}, "key": digest, "nonce": "ab" * 16,
                    "person": officer, "role": "leader", "shown": [["操作", "准予许可"]], "subject": "x", "unit": "market-regulation"}
            file = self.system.folder / "act.json"
            file.write_text(json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
            return file
        def sign(file, said="y\n", key="market-leader"):
            return subprocess.run([BIN / "desksign", file], input=said, env=dict(self.env, DESKSIGN_IDENTITY=self.uri("staff", key)), capture_output=True, text=True)
        file = act("market-leader")
        signature = self.system.folder / "act-abababab.p7s"
        # What is to be signed is shown; a no is a no.
        refused = sign(file, "n\n")
        self.assertEqual((refused.returncode, "准予许可" in refused.stdout, signature.exists()), (1, True, False), refused.stderr)
        done = sign(file)
        self.assertEqual(done.returncode, 0, done.stderr)
        verified = subprocess.run(
            ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-CAfile", self.keys / "ca.crt", "-content", file, "-in", signature, "-out", "/dev/null"], capture_output=True, text=True)
        self.assertEqual(verified.returncode, 0, verified.stderr)
        signature.unlink()
        # What is signed is shown whatever the desk's words say, and nothing in it moves the cursor.
        file.write_text(act("market-leader").read_text().replace('["操作","准予许可"]', '["操作","登录\\u001b[8m\u202e"]'))
        hidden = sign(file, "n\n").stdout
        self.assertEqual(("\x1b" in hidden, "\u202e" in hidden, "grant" in hidden, 'words="准予"' in hidden), (False, False, True, True), hidden)
        # Another's act, one that was changed, and what is none: told in both languages, and nothing is signed.
        self.assertIn("another key", sign(act("fire")).stderr)
        file.write_text(act("market-leader").read_text().replace("准予", "准 予", 1).replace('"at":', '"at": '))
        self.assertIn("nothing is signed", sign(file).stderr)
        file.write_text("{}")
        self.assertIn("不能签", sign(file).stderr)
        self.assertFalse(signature.exists())

    def test_a_batch_is_signed_and_opened_in_the_token(self):
        service = Service(self.system)
        for number in range(3):
            self.assertEqual(post(self.system.forms + "/forms/hotline", request_fields(self.system, number))[0], 303)
        service.stop()
        self.configure("edge/formsapi.yaml", "sign", f'"{self.uri("edge", "edge-sign")}"')
        self.configure("core/coredesk.yaml", "open", f'["{self.uri("core", "core-open")}"]')
        sent = self.program("formsapi", "ferry-out", "edge/formsapi.yaml")
        self.assertIn("offered e2c-0000000001", sent.stdout, sent.stderr)
        batch = self.system.folder / "edge/spool/outbox/e2c-0000000001.mf"
        trust = ["--authority", self.keys / "ca.crt", "--crl", self.keys / "ca.crl", "--signer", self.keys / "edge/edge-sign.crt"]
        verified = subprocess.run([BIN / "ferry", "verify", *trust, "--", batch], capture_output=True, text=True)
        self.assertEqual(verified.returncode, 0, verified.stdout)
        out = self.system.folder / "opened"
        opened = subprocess.run([BIN / "ferry", "open", *trust, "--key", self.uri("core", "core-open"), "--out", out, "--", batch], env=self.env, capture_output=True, text=True)
        self.assertEqual(opened.returncode, 0, opened.stdout + opened.stderr)
        self.assertEqual(len(list((out / "data").iterdir())), 4)
        self.system.call("carry", "out")
        arrived = self.program("coredesk", "import", "core/coredesk.yaml")
        self.assertIn("committed e2c-0000000001", arrived.stdout, arrived.stderr)
        # A wrong PIN and a key that is not there are said, and nothing is sealed by half.
        (self.token / "wrong").write_text("9999")
        (self.token / "wrong").chmod(0o600)
        (self.token / "open").write_text("1234")
        (self.token / "open").chmod(0o644)
        for uri in (self.uri("edge", "edge-sign", pin="wrong"), self.uri("edge", "edge-sign", pin="open"), self.uri("edge", "edge-sign").replace("object=edge-sign", "object=nobody")):
            self.configure("edge/formsapi.yaml", "sign", f'"{uri}"')
            failed = self.program("formsapi", "ferry-out", "edge/formsapi.yaml")
            self.assertNotEqual(failed.returncode, 0)
            self.assertIn("badKey", failed.stderr)
        self.configure("edge/formsapi.yaml", "sign", f'"{self.uri("edge", "edge-sign")}"')


if __name__ == "__main__":
    unittest.main()

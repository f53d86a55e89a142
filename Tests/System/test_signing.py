"""Acts at level 4: a decision is signed by the officer's own key, and everything else is refused in words and changes nothing."""
import base64
import hashlib
import html
import re
import sqlite3
import subprocess
import tempfile
import unittest

from support import ROOT, SharedDesk


class SigningTests(SharedDesk):
    def begun(self, role="leader"):
        """The signing page of a proposal to appoint somebody, and its address."""
        address = "/new/posts"
        status, page = self.staff.page("admin-a", address)
        self.assertEqual(status, 200)
        hidden = {name: re.search(f'name="{name}" value="([^"]*)"', page)[1] for name in ("token", "grounds", "nonce")}
        body = {**hidden, "i-person": "fire", "i-role": role, "i-unit": "fire"}
        status, page = self.staff.call(address, self.staff.certificate("staff/admin-a"), f"Origin: {self.staff.origin}", body=body)
        self.assertEqual((status, 'data-code="sign"' in page), (200, True), page)
        return address, page

    def events(self):
        with sqlite3.connect(self.core / "desk.sqlite") as db:
            return db.execute("select count(*) from event").fetchone()[0]

    def refused(self, code, answer):
        status, text = answer
        self.assertEqual((status, re.findall('data-code="([^"]+)"', text)), (422, [code]), text)
        self.assertIn("没有办理", text)

    def test_only_the_officers_own_signature_over_this_act_counts(self):
        address, page = self.begun()
        before = self.events()
        # What is read before signing is what is done.
        shown = html.unescape(re.sub("<[^>]+>", " ", page))
        for word in ("新增岗位", "消防部门", "分管领导", "人员管理员甲"):
            self.assertIn(word, shown)
        self.refused("signatureMissing", self.staff.signed("admin-a", address, page, key="admin-b"))  # desksign refuses another's key
        self.refused("signatureBad", self.staff.upload("admin-a", address, self.fields(page), b"no signature"))
        other = self.sign(self.fields(page)["statement"][0], "admin-b")
        self.refused("signatureKey", self.staff.upload("admin-a", address, self.fields(page), other))
        own = self.sign(self.fields(page)["statement"][0], "admin-a")
        # Another role is posted than was signed.
        self.refused("signatureOther", self.staff.upload("admin-a", address, self.fields(page) | {"i-role": ["publisher"]}, own))
        # Of another page of the same officer.
        second = self.fields(self.begun()[1])
        self.refused("signatureBad", self.staff.upload("admin-a", address, second, own))
        # A statement that the desk did not offer.
        status, text = self.staff.upload("admin-a", address, self.fields(page) | {"statementToken": ["0" * 64]}, own)
        self.assertEqual((status, 'data-code="badToken"' in text), (403, True), text)
        self.assertEqual(self.events(), before)
        # As it was offered, in DER and once more in PEM: one act.
        done, first = self.fields(page), own
        self.assertEqual(self.staff.upload("admin-a", address, done, first)[0], 303)
        self.assertEqual(self.events(), before + 1)
        self.assertEqual(self.staff.upload("admin-a", address, self.fields(page), self.sign(self.fields(page)["statement"][0], "admin-a", "PEM"))[0], 303)
        self.assertEqual(self.events(), before + 1)
        self.assertIn("0 breaks, 0 rows", self.system.coredesk("audit"))
        # The unsigned form once more: it was done, and nobody signs twice.
        unsigned = {name: value for name, value in self.fields(page).items() if not name.startswith("statement")}
        self.assertEqual(self.staff.call(address, self.staff.certificate("staff/admin-a"), f"Origin: {self.staff.origin}", body=unsigned)[0], 303)
        self.assertEqual(self.events(), before + 1)
        # The way back keeps what was typed; so does a large file that was chosen by mistake.
        address, again = self.begun(role="caller")
        status, text = self.staff.upload("admin-a", address, self.fields(again) | {"edit": "1"}, b"")
        self.assertEqual((status, 'value="fire"' in text, 'name="statement"' in text), (200, True, False), text)
        status, text = self.staff.upload("admin-a", address, self.fields(again), bytes(3 << 20))
        self.assertEqual((status, 'data-code="signatureBad"' in text, 'value="fire"' in text), (422, True, True))
        # Five minutes later.
        address, page = self.begun(role="caller")
        own = self.sign(self.fields(page)["statement"][0], "admin-a")
        self.system.call("clock", "2026-09-01T09:05:00+08:00")
        self.refused("signatureLate", self.staff.upload("admin-a", address, self.fields(page), own))
        # What was done is told as done, however late it comes again.
        self.assertEqual(self.staff.upload("admin-a", address, done, first)[0], 303)
        self.assertEqual(self.events(), before + 1)

    def test_what_was_signed_is_checked_with_openssl(self):
        address, page = self.begun(role="publisher")
        self.assertEqual(self.staff.signed("admin-a", address, page)[0], 303)
        post = re.search(r"(post-[0-9a-f]{24})  fire  publisher", self.system.coredesk("people", "list"))[1]
        self.assertEqual(self.staff.act("admin-b", post, "confirm")[0], 303)
        text = self.staff.page("admin-b", f"/cases/{post}")[1]
        acts = re.findall(rf'href="(/cases/{post}/acts/(\d+))\.json"', text)
        self.assertEqual([version for _, version in acts], ["1", "2"])
        folder = self.system.folder
        for path, version in acts:
            for kind in ("json", "p7s"):
                file = folder / f"act.{kind}"
                code = subprocess.run(
                    ["curl", "-sS", "-o", file, "-w", "%{http_code}", "--unix-socket", self.staff.socket, "-H", self.staff.certificate("staff/admin-b"), f"http://desk{path}.{kind}"],
                    capture_output=True, text=True).stdout
                self.assertEqual(code, "200")
            officer = "admin-a" if version == "1" else "admin-b"
            done = self.recipe(folder / "act", officer)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"{'begin' if version == '1' else 'confirm'} signed by {officer}", done.stdout)
            self.assertIn("not signed by OFFICER", self.recipe(folder / "act", "leader").stderr)
            file = folder / "act.json"
            kept = file.read_bytes()
            file.write_bytes(file.read_bytes().replace(b'"publisher"', b'"handler"').replace(b'"confirm"', b'"refuse"'))
            self.assertNotEqual(self.recipe(folder / "act", officer).returncode, 0)
        # Nobody else reads them, and there is nothing behind other names.
        self.assertEqual(self.staff.page("dispatcher", acts[0][0] + ".json")[0], 404)
        for name in ("1.txt", "9.json", "x.json", "1", "1.json.p7s"):
            self.assertEqual(self.staff.page("admin-a", f"/cases/{post}/acts/{name}")[0], 404, name)
        # Who was revoked since does not pass, whatever they signed. (The new list is of the real day, and shuts the desk.)
        keys = folder / "keys"
        subprocess.run(["openssl", "ca", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.crt", "-revoke", "staff/admin-b.crt"], cwd=keys, check=True, capture_output=True)
        subprocess.run(["openssl", "ca", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.crt", "-gencrl", "-out", "ca.crl"], cwd=keys, check=True, capture_output=True)
        (folder / "act.json").write_bytes(kept)
        self.assertIn("revoked since", self.recipe(folder / "act", "admin-b").stderr)

    def test_what_a_signed_act_did_is_held_against_its_definition(self):
        """The owner of the database writes another effect into a signed event, and the whole chain anew: no key is needed for that."""
        address, page = self.begun(role="reviewer")
        self.assertEqual(self.staff.signed("admin-a", address, page)[0], 303)
        post = re.search(r"(post-[0-9a-f]{24})  fire  reviewer", self.system.coredesk("people", "list"))[1]
        # The second signature says what it confirms.
        form = self.staff.form("admin-b", f"/cases/{post}/confirm")
        text = self.staff.call(f"/cases/{post}/confirm", self.staff.certificate("staff/admin-b"), f"Origin: {self.staff.origin}", body=form)[1]
        shown = html.unescape(re.sub("<[^>]+>", " ", text))
        for word in ("审核人", "消防部门", "消防经办人（fire）", "复核通过"):
            self.assertIn(word, shown)
        self.assertEqual(self.staff.signed("admin-b", f"/cases/{post}/confirm", text)[0], 303)
        self.assertIn("0 breaks, 0 rows", self.system.coredesk("audit"))
        with sqlite3.connect(self.core / "desk.sqlite") as db:
            guard, = db.execute("select sql from sqlite_master where type = 'trigger' and tbl_name = 'event' and sql like '%UPDATE%'").fetchone()
            name = re.search(r"TRIGGER (\w+)", guard)[1]
            db.execute(f"drop trigger {name}")
            body, = db.execute("select body from event where subject = ? and version = 2", (post,)).fetchone()
            before, = db.execute("select digest from event where subject = ? and version = 1", (post,)).fetchone()
            forged = body.replace(b'"role":"reviewer"', b'"role":"people-admin"')
            self.assertNotEqual(body, forged)
            db.execute("update event set body = ?, digest = ? where subject = ? and version = 2", (forged, hashlib.sha256(bytes.fromhex(before) + forged).hexdigest(), post))
            db.execute(guard)
        self.assertIn(f"BROKEN {post} 2: what its officer signed", self.system.coredesk("audit", code=1))

    def recipe(self, act, officer="admin-a"):
        """Docs/auditor.md, run as it stands."""
        blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "Docs/auditor.md").read_text(encoding="utf-8"), re.S)
        keys = self.system.folder / "keys"
        with tempfile.TemporaryDirectory() as work:
            return subprocess.run(
                ["sh", "-c", blocks[0] + blocks[-1]], env={"PATH": "/usr/bin:/bin", "WORK": work, "CA": f"{keys}/ca.crt", "CRL": f"{keys}/ca.crl", "ACT": str(act), "OFFICER": f"{keys}/staff/{officer}.crt"},
                capture_output=True, text=True)

    def fields(self, page):
        found = {}
        for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page):
            found.setdefault(html.unescape(name), []).append(html.unescape(value))
        return found

    def sign(self, statement, officer, form="DER"):
        """With plain openssl."""
        act = self.system.folder / "act.json"
        act.write_bytes(base64.b64decode(statement))
        keys = self.system.folder / "keys/staff"
        return subprocess.run(
            ["openssl", "cms", "-sign", "-binary", "-in", act, "-signer", keys / f"{officer}.crt", "-inkey", keys / f"{officer}.key", "-outform", form, "-md", "sha256", "-nosmimecap"],
            check=True, capture_output=True).stdout


if __name__ == "__main__":
    unittest.main()

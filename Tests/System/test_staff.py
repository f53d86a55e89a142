"""Who may work at the desk: certificates, tokens and pages, against nginx and coredesk themselves."""
import os
import re
import sqlite3
import subprocess
import unittest
import urllib.parse
from support import Desk, System, post, request_fields


class StaffTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.addClassCleanup(cls.system.close)
        cls.system.call("prepare")
        cls.system.call("start")
        cls.folder = cls.system.folder
        cls.keys = cls.folder / "keys"
        for number in range(2):
            assert post(cls.system.forms + "/forms/hotline", request_fields(cls.system, number))[0] == 303
        cls.system.ferry()
        cls.staff = Desk(cls.system)
        with sqlite3.connect(cls.folder / "core/desk.sqlite") as db:
            cls.cases = [row[0] for row in db.execute("select id from subject order by number")]

    def certificate(self, path):
        return self.staff.certificate(path)

    def desk(self, path, *headers, body=None):
        """Past nginx, as something else on the core's machine might try."""
        return self.staff.call(path, *headers, body=body)

    def nginx(self, path, officer, *options):
        return subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", self.keys / "ca.crt", "--cert", self.keys / f"{officer}.crt", "--key", self.keys / f"{officer}.key",
             *options, f"https://127.0.0.1:{self.system.base + 2}{path}"], capture_output=True, text=True).stdout

    def issue(self, path, extensions, *options):
        """Another certificate of the city's authority."""
        script = f"""
            cd '{self.keys}'
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout '{path}.key' -out new.csr -subj '/O=Xinmi development/CN=test'
            openssl ca -batch -config ca.cnf -keyfile ca.key -cert ca.crt -in new.csr -out '{path}.crt' -notext {' '.join(options)} \\
              -extfile <(printf 'subjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\nbasicConstraints=critical,CA:FALSE\\n{extensions}\\n')"""
        subprocess.run(["bash", "-ec", script], check=True, capture_output=True)

    def hire(self, *names):
        """Puts certificates among the officers, whatever else is wrong with them."""
        config = self.folder / "core/coredesk.yaml"
        before = config.read_text()
        self.addCleanup(self.restart)
        self.addCleanup(config.write_text, before)
        lines = "".join(f"  - {{ name: {name}, certificate: ../keys/staff/{name}.crt, posts: [dispatcher@hotline-centre] }}\n" for name in names)
        config.write_text(before.replace("officers:\n", "officers:\n" + lines))
        self.restart()

    def restart(self):
        self.system.call("stop")
        self.system.call("start")

    def test_only_listed_certificates_of_the_authority_open_the_desk(self):
        known = self.certificate("staff/dispatcher")
        self.assertEqual(self.desk("/", known)[0], 200)
        for headers in [
            (), ("X-Client-Cert;",), ("X-Client-Cert: x",), (known[:-400],), (known, known), (known, self.certificate("staff/market")),
            (self.certificate("staff/stranger"),), (self.certificate("tls/server"),), (self.certificate("core/core-sign"),), (self.certificate("ca"),),
        ]:
            status, text = self.desk("/", *headers)
            self.assertEqual(status, 403, headers)
            self.assertNotIn("测试诉求", text)
        self.assertEqual(self.nginx("/", "staff/dispatcher"), "200")
        # What a client says of itself never arrives.
        self.assertEqual(self.nginx("/", "staff/stranger", "-H", known), "403")
        self.assertEqual(self.nginx("/", "staff/dispatcher", "-H", self.certificate("staff/market")), "200")

    def test_a_listed_certificate_must_still_be_good(self):
        client = "keyUsage=critical,digitalSignature\\nextendedKeyUsage=clientAuth"
        self.issue("staff/late", client, "-startdate 20200101000000Z -enddate 20260831000000Z")
        self.issue("staff/early", client, "-startdate 20260902000000Z -enddate 20491231235959Z")
        self.issue("staff/server", "keyUsage=critical,digitalSignature\\nextendedKeyUsage=serverAuth", "-startdate 20200101000000Z -enddate 20491231235959Z")
        self.issue("staff/new", client, "-startdate 20200101000000Z -enddate 20491231235959Z")
        self.hire("late", "early", "server", "new")
        for name, expected in (("late", 403), ("early", 403), ("server", 403), ("new", 200)):
            self.assertEqual(self.desk("/", self.certificate(f"staff/{name}"))[0], expected, name)
        # Revoked: from the moment the list is there.
        script = f"cd '{self.keys}'; cp ca.crl ca.crl.old; openssl ca -config ca.cnf -keyfile ca.key -cert ca.crt -revoke staff/new.crt; openssl ca -gencrl -config ca.cnf -keyfile ca.key -cert ca.crt -crl_lastupdate 20200101000000Z -crl_nextupdate 20491231235959Z -out ca.crl"
        subprocess.run(["bash", "-ec", script], check=True, capture_output=True)
        self.assertEqual(self.desk("/", self.certificate("staff/new"))[0], 403)
        self.assertEqual(self.desk("/", self.certificate("staff/dispatcher"))[0], 200)
        os.replace(self.keys / "ca.crl.old", self.keys / "ca.crl")

    def state(self, case):
        with sqlite3.connect(self.folder / "core/desk.sqlite") as db:
            return db.execute("select state from case_index where subject = ?", (case,)).fetchone()[0]

    def test_an_action_comes_from_the_officers_own_fresh_page(self):
        known, (one, two) = self.certificate("staff/dispatcher"), self.cases
        address = f"/cases/{one}/dispatch"
        own = f"Origin: {self.staff.origin}"
        inputs = {"i-lead": "urban-management", "i-budget": "5", "i-budget-unit": "wd"}
        fields = {**self.staff.form("dispatcher", address), **inputs}
        other = {**self.staff.form("dispatcher", f"/cases/{two}/dispatch"), **inputs}
        for headers, body in [
            ((known, "Origin: https://elsewhere.example"), fields), ((known, "Origin: null"), fields), ((known, own, "Sec-Fetch-Site: cross-site"), fields),
            ((known, own), {**fields, "token": "0" * 64}), ((known, own), {**fields, "token": ""}), ((known, own), {**fields, "nonce": "7"}),
            ((known, own), {**fields, "grounds": "0" * 64}), ((known, own), other), ((self.certificate("staff/stranger"), own), fields), ((own,), fields),
        ]:
            status, _ = self.desk(address, *headers, body=body)
            self.assertEqual(status, 403, (headers[1:], body))
            self.assertEqual(self.state(one), "received")
        # The token of one officer is none of another's, and that of one action none for another.
        self.assertEqual(self.desk(address, self.certificate("staff/urban"), own, body=fields)[0], 403)
        self.assertEqual(self.desk(f"/cases/{one}/refuse", known, own, body=fields)[0], 403)
        self.assertEqual(self.desk(address, known, own, "Sec-Fetch-Site: same-origin", body=fields)[0], 303)
        self.assertEqual(self.state(one), "handling")
        # The same form once more is a double click: nothing happens, and nobody is alarmed.
        self.assertEqual(self.desk(address, known, own, body=fields)[0], 303)
        # With other words it is another wish, under a name that is used.
        status, text = self.desk(address, known, own, body={**fields, "i-lead": "fire"})
        self.assertEqual(status, 409, text)
        with sqlite3.connect(self.folder / "core/desk.sqlite") as db:
            self.assertEqual(db.execute("select count(*) from event where subject = ? and action = 'dispatch'", (one,)).fetchone()[0], 1)

    def test_two_officers_at_once_one_is_told_and_the_words_are_kept(self):
        case = self.cases[1]
        address = f"/cases/{case}/refuse"
        early = self.staff.form("dispatcher", address)
        dispatched = self.staff.act("dispatcher", case, "dispatch", {"lead": "fire", "budget": "5", "budget-unit": "wd"})
        self.assertEqual(dispatched[0], 303, dispatched[1])
        body = {**early, "i-ground": "不属热线", "i-channel": "请向法院起诉，这段话写了很久。"}
        status, text = self.desk(address, self.certificate("staff/dispatcher"), f"Origin: {self.staff.origin}", body=body)
        self.assertEqual(status, 409)
        self.assertIn("这段话写了很久", text)
        self.assertIn('data-code="stale"', text)
        # A note of another is no reason to send anybody back.
        sign = self.staff.address("fire", case, "sign")
        hidden = self.staff.form("fire", sign)
        self.assertEqual(self.staff.act("dispatcher", case, "note", {"words": "诉求人来电催办"})[0], 303)
        self.assertEqual(self.desk(sign, self.certificate("staff/fire"), f"Origin: {self.staff.origin}", body=hidden)[0], 303)

    def test_who_may_not_see_a_case_meets_a_case_that_is_not_there(self):
        case = self.cases[0]
        known = self.staff.page("dispatcher", f"/cases/{case}")
        self.assertEqual(known[0], 200)
        for path in (f"/cases/{case}", f"/cases/{case}/files/0", f"/cases/{case}/dispatch", "/cases/none", "/cases/%2e%2e"):
            status, text = self.staff.page("insurance", path)
            self.assertEqual(status, 404, path)
            self.assertNotIn("测试诉求", text)
        self.assertNotIn(case, self.staff.page("insurance", "/?closed=1")[1])
        # Every reading is on record, with the post.
        with sqlite3.connect(self.folder / "core/desk.sqlite") as db:
            lines = [line for (line,) in db.execute("select line from access order by position")]
        self.assertTrue(any('"subject":"%s"' % case in line and '"person":"热线调度员"' in line for line in lines))
        self.assertFalse(any(case in line and "医保" in line for line in lines))


if __name__ == "__main__":
    unittest.main()

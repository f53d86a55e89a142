"""Who may work at the desk: certificates, tokens and pages, against nginx and coredesk themselves."""
import os
import re
import sqlite3
import subprocess
import unittest
import urllib.parse
from support import System, post, request_fields


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
        with sqlite3.connect(cls.folder / "core/desk.sqlite") as db:
            cls.cases = [row[0] for row in db.execute("select id from submission order by number")]

    def certificate(self, path):
        return "X-Client-Cert: " + urllib.parse.quote((self.keys / f"{path}.crt").read_text(), safe="")

    def desk(self, path, *headers, body=None):
        """Past nginx, as something else on the core's machine might try."""
        options = [part for header in headers for part in ("-H", header)]
        if body is not None:
            options += ["--data", urllib.parse.urlencode(body)]
        out = subprocess.run(
            ["curl", "-sS", "-w", "\n%{http_code}", "--unix-socket", self.folder / "core/desk.sock", *options, f"http://desk{path}"],
            capture_output=True, text=True, check=True).stdout
        text, _, code = out.rpartition("\n")
        return int(code), text

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
        lines = "".join(f"  - {{ name: {name}, certificate: ../keys/staff/{name}.crt, roles: [dispatcher], department: hotline-centre }}\n" for name in names)
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

    def form(self, case, officer="staff/dispatcher"):
        page = self.desk(f"/cases/{case}", self.certificate(officer))[1]
        return {name: re.search(f'name="{name}" value="([^"]*)"', page)[1] for name in ("token", "version")} | {"department": "urban-management"}

    def state(self, case):
        with sqlite3.connect(self.folder / "core/desk.sqlite") as db:
            return db.execute("select state from ticket where id = ?", (case,)).fetchone()[0]

    def test_an_action_comes_from_the_officers_own_fresh_page(self):
        known, (one, two) = self.certificate("staff/dispatcher"), self.cases
        fields = self.form(one)
        own = f"Origin: https://127.0.0.1:{self.system.base + 2}"
        for headers, body in [
            ((known, "Origin: https://elsewhere.example"), fields), ((known, "Origin: null"), fields), ((known, own, "Sec-Fetch-Site: cross-site"), fields),
            ((known, own), {**fields, "token": "0" * 64}), ((known, own), {**fields, "token": ""}), ((known, own), {**fields, "version": "7"}),
            ((known, own), {**fields, "token": self.form(two)["token"]}), ((self.certificate("staff/stranger"), own), fields), ((own,), fields),
        ]:
            status, _ = self.desk(f"/cases/{one}/dispatch", *headers, body=body)
            self.assertIn(status, (403, 409), (headers[1:], body))
            self.assertEqual(self.state(one), "received")
        # The token of one officer is none of another's.
        self.assertEqual(self.desk(f"/cases/{one}/dispatch", self.certificate("staff/urban"), own, body=fields)[0], 403)
        self.assertEqual(self.desk(f"/cases/{one}/dispatch", known, own, "Sec-Fetch-Site: same-origin", body=fields)[0], 303)
        self.assertEqual(self.state(one), "dispatched")
        # The same page once more is an old one.
        status, text = self.desk(f"/cases/{one}/dispatch", known, own, body=fields)
        self.assertIn(status, (403, 409))
        with sqlite3.connect(self.folder / "core/desk.sqlite") as db:
            self.assertEqual(db.execute("select count(*) from event where id = ? and action = 'dispatch'", (one,)).fetchone()[0], 1)


if __name__ == "__main__":
    unittest.main()

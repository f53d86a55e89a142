"""Who may work at the desk: certificates, tokens and pages, against nginx and coredesk themselves."""
import concurrent.futures
import html
import os
import random
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest
import urllib.parse
from support import BIN, ROOT, Desk, Service, System, post, request_fields, wait_until


# What officers' certificates are for, and how long they last.
CLIENT = "keyUsage=critical,digitalSignature\\nextendedKeyUsage=clientAuth"
LONG = "-startdate 20200101000000Z -enddate 20491231235959Z"


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
            cls.cases = [row[0] for row in db.execute("select id from subject where number < 1 << 40 order by number")]

    def certificate(self, path):
        return self.staff.certificate(path)

    def desk(self, path, *headers, body=None):
        """Past nginx, as something else on the core's machine might try."""
        return self.staff.call(path, *headers, body=body)

    def nginx(self, path, officer, *options):
        return subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", self.keys / "ca.crt", "--cert", self.keys / f"{officer}.crt", "--key", self.keys / f"{officer}.key",
             *options, f"https://127.0.0.1:{self.system.base + 2}{path}"], capture_output=True, text=True).stdout

    def issue(self, path, extensions, *options, key="ec -pkeyopt ec_paramgen_curve:P-256"):
        """Another certificate of the city's authority."""
        if "basicConstraints" not in extensions:
            extensions = "basicConstraints=critical,CA:FALSE\\n" + extensions
        script = f"""
            cd '{self.keys}'
            openssl req -newkey {key} -nodes -keyout '{path}.key' -out new.csr -subj '/O=Xinmi development/CN=test'
            openssl ca -batch -config ca.cnf -keyfile ca.key -cert ca.crt -in new.csr -out '{path}.crt' -notext {' '.join(options)} \\
              -extfile <(printf 'subjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n{extensions}\\n')"""
        subprocess.run(["bash", "-ec", script], check=True, capture_output=True)

    def fingerprint(self, name):
        return subprocess.run(
            f"openssl x509 -in '{self.keys}/staff/{name}.crt' -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum", shell=True, capture_output=True, text=True).stdout.split()[0]

    def hire(self, **people):
        """Gives certificates posts, whatever else is wrong with them: one administrator proposes, another confirms.

        A certificate that is good is taken by the command; one that is not is refused there with the reason and on the page, and known by its fingerprint."""
        for name, reason in people.items():
            self.people("admin-a", "add", name, name)
            file = self.keys / f"staff/{name}.crt"
            if reason:
                self.assertIn(reason, self.people("admin-a", "trust", name, file, expected=1))
                typed = {"i-person": name, "i-level": "2"}
                status, text = self.posted("admin-a", "/new/credentials", "/new/credentials", **typed, **{"i-key": file.read_text()})
                self.assertEqual((status, reason in html.unescape(text)), (422, True), text)
                self.assertEqual(self.posted("admin-a", "/new/credentials", "/new/credentials", **typed, **{"i-key": self.fingerprint(name)})[0], 303)
                trusted = re.search(rf"(credential-[0-9a-f]+)  {name}  ", self.people_list())[1]
            else:
                trusted = self.people("admin-a", "trust", name, file)
            for subject in (trusted, self.people("admin-a", "appoint", name, "dispatcher@hotline-centre")):
                self.assertNotEqual(self.desk("/", self.certificate(f"staff/{name}"))[0], 200)
                self.people("admin-b", "confirm", subject)

    def people(self, administrator, verb, *arguments, expected=0):
        done = subprocess.run(
            [BIN / "coredesk", "people", verb, "--config", self.folder / "core/coredesk.yaml", "--identity", self.keys / "staff" / administrator, *arguments],
            capture_output=True, text=True)
        self.assertEqual(done.returncode, expected, done.stderr)
        return done.stderr if expected else done.stdout.strip()

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
        self.issue("staff/late", CLIENT, "-startdate 20200101000000Z -enddate 20260831000000Z")
        self.issue("staff/early", CLIENT, "-startdate 20260902000000Z -enddate 20491231235959Z")
        self.issue("staff/server", "keyUsage=critical,digitalSignature\\nextendedKeyUsage=serverAuth", LONG)
        self.issue("staff/new", CLIENT, LONG)
        self.issue("staff/any", "keyUsage=critical,digitalSignature", LONG)
        self.issue("staff/sha1", CLIENT, LONG, "-md sha1")
        self.issue("staff/short", CLIENT, LONG, key="rsa:1024")
        self.issue("staff/authority", CLIENT.replace("digitalSignature", "digitalSignature,keyCertSign") + "\\nbasicConstraints=critical,CA:TRUE", LONG)
        people = {
            "late": "certificate has expired", "early": "certificate is not yet valid", "server": "unsuitable certificate purpose", "any": "not for client authentication",
            "sha1": "signature digest algorithm too weak", "short": "EE certificate key too weak", "authority": "the certificate is an authority's", "new": ""}
        self.hire(**people)
        for name, reason in people.items():
            self.assertEqual(self.desk("/", self.certificate(f"staff/{name}"))[0], 403 if reason else 200, name)
        # Revoked: from the moment the list is there.
        script = f"cd '{self.keys}'; cp ca.crl ca.crl.old; openssl ca -config ca.cnf -keyfile ca.key -cert ca.crt -revoke staff/new.crt; openssl ca -gencrl -config ca.cnf -keyfile ca.key -cert ca.crt -crl_lastupdate 20200101000000Z -crl_nextupdate 20491231235959Z -out ca.crl"
        subprocess.run(["bash", "-ec", script], check=True, capture_output=True)
        self.assertEqual(self.desk("/", self.certificate("staff/new"))[0], 403)
        self.assertEqual(self.desk("/", self.certificate("staff/dispatcher"))[0], 200)
        # Without a word about lists the desk does not start.
        config = self.folder / "core/unlisted.yaml"
        config.write_text("".join(line for line in (self.folder / "core/coredesk.yaml").read_text().splitlines(True) if not line.startswith("revocation_lists:")))
        unlisted = subprocess.run([BIN / "coredesk", "clock", "--config", config], capture_output=True, text=True)
        self.assertIn("revocation_lists", unlisted.stderr)
        self.assertNotEqual(unlisted.returncode, 0)
        # A list past its date lets nobody in, says so to the officer, and to the operator in the log.
        outdated = f"cd '{self.keys}'; openssl ca -gencrl -config ca.cnf -keyfile ca.key -cert ca.crt -crl_lastupdate 20200101000000Z -crl_nextupdate 20260801000000Z -out ca.crl"
        subprocess.run(["bash", "-ec", outdated], check=True, capture_output=True)
        self.addCleanup(lambda: (self.keys / "ca.crl.old").exists() and os.replace(self.keys / "ca.crl.old", self.keys / "ca.crl"))
        status, text = self.desk("/", self.certificate("staff/dispatcher"))
        self.assertEqual((status, "证书无效" in text), (503, False))
        self.assertIn("ALARM no officer can sign in", (self.folder / "log/coredesk.log").read_text())
        os.replace(self.keys / "ca.crl.old", self.keys / "ca.crl")
        self.assertEqual(self.desk("/", self.certificate("staff/dispatcher"))[0], 200)

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

    def test_reminders_reach_the_unit_that_was_reminded(self):
        self.assertEqual(post(self.system.forms + "/forms/hotline", request_fields(self.system, 55))[0], 303)
        self.system.ferry()
        case = self.staff.cases("dispatcher")["测试诉求第 55 号"]
        self.assertEqual(self.staff.act("dispatcher", case, "dispatch", {"lead": "ecology", "budget": "5", "budget-unit": "wd"})[0], 303)
        empty = self.staff.page("ecology", "/reminders")
        self.assertEqual((empty[0], case in empty[1], 'class="count"' in empty[1]), (200, False, False))
        self.assertEqual(self.staff.act("leader", case, "supervise", {"words": "请两天内解决"})[0], 303)
        status, text = self.staff.page("ecology", "/reminders")
        self.assertEqual((status, case in text, "提醒 1 次，最近 2026-09-01" in text), (200, True, True), text)
        # Every page says that there is one; one's own tasks say which.
        self.assertRegex(self.staff.page("ecology", "/")[1], r'<a href="/reminders">催办 <span class="count">1</span></a>')
        self.assertIn("提醒 1 次", self.staff.page("ecology", "/tasks")[1])
        # Who reminded, and with what words.
        self.assertRegex(text, "分管领导[^<]* 督办：请两天内解决")
        # The list is narrowed to it by what was counted, by unit and state; nonsense narrows nothing.
        for query, isThere in (("mark=hotline/supervised", True), ("unit=ecology&mark=hotline/supervised&state=hotline/handling", True), ("unit=fire", False), ("state=hotline/closed", False),
                               ("overdue=1", False), ("mark=%27--&state=x/y/z&unit=nobody", True), ("mark=approval/overdue", False)):
            page = self.staff.page("dispatcher", "/?" + query)[1]
            self.assertEqual(case in page, isThere, query)
        self.assertIn("没有按它筛选", self.staff.page("dispatcher", "/?state=hotline/gone")[1])
        self.assertNotIn("没有按它筛选", self.staff.page("dispatcher", "/?state=hotline/handling")[1])
        for administrator in ("admin-a", "security", "audit"):
            self.assertNotIn(case, self.staff.page(administrator, "/?closed=1")[1])
            self.assertEqual(self.staff.page(administrator, f"/cases/{case}")[0], 404)
        self.assertIn("没有符合筛选条件的", self.staff.page("dispatcher", "/?unit=fire")[1])
        self.assertNotIn(case, self.staff.page("fire", "/?mark=hotline/supervised")[1])
        self.assertNotIn(case, self.staff.page("fire", "/reminders")[1])
        self.assertIn(case, self.staff.page("dispatcher", "/reminders")[1])
        # Once it has answered, a unit has nothing to do; the centre has.
        self.assertEqual(self.staff.act("ecology", case, "answer", {"done": "已办", "reply": "已经修好。"})[0], 303)
        self.assertNotIn(case, self.staff.page("ecology", "/reminders")[1])
        self.assertIn(case, self.staff.page("dispatcher", "/reminders")[1])
        self.assertEqual(self.desk("/reminders?last=x&after=")[0], 403)
        self.assertEqual(self.staff.page("ecology", "/reminders?last=x&after=")[0], 200)
        self.assertNotIn(case, self.staff.page("dispatcher", "/reminders?last=0&after=0")[1])

    def test_a_proposal_is_refused_or_taken_back_at_a_terminal(self):
        def people(who, *words, code=0):
            return self.system.coredesk("people", *words, "--identity", self.keys / f"staff/{who}", code=code).strip()
        def proposed(*words):
            return people("admin-a", "appoint", *words).split()[-1]
        self.assertIn("excludes", people("admin-a", "appoint", "admin-b", "audit-admin@city", code=1))
        self.assertIn("holds this post already", people("admin-a", "appoint", "fire", "handler@fire", code=1))
        first, second = proposed("fire", "handler@ecology"), proposed("fire", "handler@health")
        people("admin-a", "refuse", first, "--why", "写错了单位")
        people("admin-b", "refuse", second, "--why", "不需要")
        for post in (first, second):
            self.assertNotIn(post, self.system.coredesk("people", "list"))
            self.assertIn("not now", people("admin-b", "confirm", post, code=1))
        self.assertIn("写错了单位", self.desk(f"/cases/{first}", self.certificate("staff/admin-b"))[1])
        self.assertIn("not now", people("admin-b", "refuse", "person-fire", "--why", "手误", code=1))
        self.assertIn("person-fire", self.system.coredesk("people", "list"))
        self.assertIn("there is no post-nothing", people("admin-b", "confirm", "post-nothing", code=1))

    def posted(self, officer, page, action, **typed):
        """Sends one of a page's forms, as the browser would."""
        status, text = self.desk(page, self.certificate(f"staff/{officer}"))
        self.assertEqual(status, 200, text)
        form = re.search(f'<form method="post" action="{re.escape(action)}">(.*?)</form>', text, re.S)
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[1]))
        return self.staff.submit(officer, action, {**hidden, **typed})

    def test_people_are_appointed_on_pages_by_two(self):
        self.issue("staff/wang", CLIENT, LONG)
        key = self.fingerprint("wang")
        self.assertEqual(self.posted("admin-a", "/new/people", "/new/people", **{"i-number": "wang", "i-name": "王某"})[0], 303)
        # Twice is told, and what was typed stays.
        status, text = self.posted("admin-a", "/new/people", "/new/people", **{"i-number": "wang", "i-name": "别人"})
        self.assertEqual((status, "别人" in text, "已经登记过" in text), (422, True, True))
        self.assertEqual(self.posted("admin-a", "/new/credentials", "/new/credentials", **{"i-person": "wang", "i-key": key, "i-level": "2"})[0], 303)
        self.assertEqual(self.posted("admin-a", "/new/posts", "/new/posts", **{"i-person": "wang", "i-role": "handler", "i-unit": "fire"})[0], 303)
        tasks = self.desk("/tasks", self.certificate("staff/admin-b"))[1]
        waiting = sorted(set(re.findall(r'/cases/((?:post|credential)-[0-9a-f]+)', tasks)))
        self.assertEqual(len(waiting), 2, tasks)
        # Whoever proposed it is not asked.
        self.assertNotIn(waiting[0], self.desk("/tasks", self.certificate("staff/admin-a"))[1])
        self.assertEqual(self.desk("/", self.certificate("staff/wang"))[0], 403)
        for subject in waiting:
            self.assertEqual(self.staff.act("admin-b", subject, "confirm")[0], 303)
        status, text = self.desk("/", self.certificate("staff/wang"))
        self.assertEqual((status, "王某" in text), (200, True))
        listed = self.desk("/people", self.certificate("staff/admin-a"))[1]
        self.assertEqual(listed.count("王某"), 3, listed)
        self.assertEqual(self.desk("/people", self.certificate("staff/dispatcher"))[0], 404)
        self.assertEqual(self.desk("/new/people", self.certificate("staff/dispatcher"))[0], 404)
        self.assertRegex(self.people_list(), r"post-[0-9a-f]{24}  wang  handler  fire  Held")
        # From the next request on.
        post = next(subject for subject in waiting if subject.startswith("post-"))
        self.assertEqual(self.staff.act("admin-a", post, "end", {"why": "调离"})[0], 303)
        self.assertEqual(self.desk("/", self.certificate("staff/wang"))[0], 403)

    def test_administrators_are_let_in_again_by_two_keys(self):
        for name in ("again", "another", "third"):
            self.issue(f"staff/{name}", CLIENT, LONG)
        people = self.folder / "core/recover.yaml"
        people.write_text("""people:
  - { id: admin-b, name: 人员管理员乙, certificate: ../keys/staff/again.crt, level: 3, posts: [people-admin@city] }
  - { id: admin-new, name: 人员管理员丙, certificate: ../keys/staff/another.crt, level: 3, posts: [people-admin@city] }
""")
        def init(*words):
            done = subprocess.run([BIN / "coredesk", "init", "--config", self.folder / "core/coredesk.yaml", "--people", people, *words], capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr
        keys = self.keys / "staff"
        self.assertIn("people are on record already", init()[1])
        for words in ([], ["--identity", keys / "again"], ["--identity", keys / "again", "--identity", keys / "again"],
                      ["--identity", keys / "again", "--identity", keys / "third"], ["--identity", keys / "again", "--identity", keys / "admin-a"]):
            status, said = init("--recover", *words)
            self.assertEqual((status, "must be there with the key" in said), (1, True), said)
        # Nobody gets another post in passing, and nobody another's record.
        whole = people.read_text()
        both = ["--recover", "--identity", keys / "again", "--identity", keys / "another"]
        people.write_text(whole.replace("posts: [people-admin@city] }", "posts: [people-admin@city, dispatcher@hotline-centre] }", 1))
        self.assertIn("and nothing else", init(*both)[1])
        people.write_text(whole.replace("人员管理员乙", "别人"))
        self.assertIn("under another name", init(*both)[1])
        people.write_text(whole)
        self.assertEqual(self.desk("/", self.certificate("staff/again"))[0], 403)
        status, said = init("--recover", "--identity", keys / "again", "--identity", keys / "another")
        self.assertEqual((status, "recorded 2 people" in said), (0, True), said)
        for name in ("again", "another"):
            self.assertEqual(self.desk("/people", self.certificate(f"staff/{name}"))[0], 200)
        self.assertRegex(self.people_list(), r"post-[0-9a-f]{24}  admin-new  people-admin  city  Held")
        # Once more, they have it all; and the number of somebody who has left is nobody's again.
        self.assertEqual(init(*both)[0], 0)
        self.assertEqual(self.people_list().count("admin-new  people-admin"), 1)
        self.people("admin-a", "add", "gone", "李某")
        self.people("admin-a", "end", "person-gone", "--why", "离职")
        self.assertIn("is somebody's already", self.people("admin-a", "add", "gone", "李某", expected=1))

    def test_other_units_than_lists_were_made_with_are_told(self):
        content = self.folder / "content"
        shutil.copytree(ROOT / "Content", content / "Content")
        config = self.folder / "core/coredesk.yaml"
        before = config.read_text()
        self.addCleanup(self.restart)
        self.addCleanup(config.write_text, before)
        config.write_text(re.sub("(?m)^source: .*$", f"source: {content}\ntheme: {ROOT}/Themes/desk", before))
        log = self.folder / "log/coredesk.log"
        self.restart()
        self.assertNotIn("run `coredesk audit`", log.read_text())
        units = content / "Content/units.yaml"
        units.write_text(units.read_text().replace("en: Fire and rescue, parent: city", "en: Fire and rescue, parent: public-security"))
        self.restart()
        self.assertIn("run `coredesk audit`", log.read_text())
        made = subprocess.run([BIN / "coredesk", "audit", "--config", config], capture_output=True, text=True)
        self.assertIn("0 breaks", made.stdout)
        size = len(log.read_text())
        self.restart()
        self.assertNotIn("run `coredesk audit`", log.read_text()[size:])
        # With the units of before they are made again.
        config.write_text(before)
        subprocess.run([BIN / "coredesk", "audit", "--config", config], capture_output=True)

    def restart(self):
        self.system.call("stop")
        self.system.call("start")

    def people_list(self):
        return subprocess.run([BIN / "coredesk", "people", "list", "--config", self.folder / "core/coredesk.yaml"], capture_output=True, text=True, check=True).stdout

    def test_lanes_and_what_is_held_have_a_page(self):
        forms = self.folder / "core/site/public.runtime/forms"
        forms.rename(forms.with_name("away"))
        try:
            self.assertEqual(post(self.system.forms + "/forms/hotline", request_fields(self.system, 77))[0], 303)
            # The import says that something is held, and ends so.
            self.assertRaises(subprocess.CalledProcessError, self.system.ferry)
        finally:
            forms.with_name("away").rename(forms)
        status, text = self.desk("/lanes", self.certificate("staff/admin-a"))
        self.assertEqual(status, 200)
        self.assertIn("publish the sites here first", text)
        self.assertIn("有来件收不下", text)
        self.assertEqual(self.desk("/lanes", self.certificate("staff/dispatcher"))[0], 404)
        # An auditor sees and touches nothing.
        seen = self.desk("/lanes", self.certificate("staff/audit"))[1]
        self.assertIn("publish the sites here first", seen)
        self.assertNotIn("<form method=\"post\"", seen)
        status, text = self.posted("admin-a", "/lanes", "/lanes/drop", because=" ")
        self.assertEqual((status, "放弃一件要写理由" in text), (422, True))
        before = len(self.staff.cases("dispatcher"))
        self.assertEqual(self.posted("admin-a", "/lanes", "/lanes/retry")[0], 303)
        self.assertIn("<p>没有。</p>", self.desk("/lanes", self.certificate("staff/admin-a"))[1])
        self.assertEqual(len(self.staff.cases("dispatcher")), before + 1)
        audit = subprocess.run([BIN / "ferry", "audit", "--verify", self.folder / "core/desk.sqlite"], capture_output=True, text=True)
        self.assertEqual(audit.returncode, 0, audit.stdout)

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
        self.assertTrue(any('"subject":"%s"' % case in line and '"person":"dispatcher"' in line for line in lines))
        self.assertFalse(any(case in line and "医保" in line for line in lines))


class EngineTests(unittest.TestCase):
    """The desk when its process dies, and two of them over one PostgreSQL."""

    def setUp(self):
        self.system = System()
        self.addCleanup(self.system.close)
        self.system.call("prepare")
        self.folder = self.system.folder
        self.config = self.folder / "core/coredesk.yaml"

    def arrive(self, number):
        service = Service(self.system)
        for each in range(number):
            assert post(self.system.forms + "/forms/hotline", request_fields(self.system, each))[0] == 303
        service.stop()
        self.system.ferry()

    def note(self, desk, case, hidden, words):
        """The form as it was made, however often it is sent."""
        return desk.call(
            f"/cases/{case}/note", desk.certificate("staff/dispatcher"), f"Origin: {desk.origin}", body={**hidden, "i-words": words})[0]

    def test_killed_at_any_moment_it_has_all_of_an_action_or_nothing(self):
        self.arrive(2)
        desk = Desk(self.system, serve=True)
        cases = list(desk.cases("dispatcher").values())
        self.assertEqual(len(cases), 2)
        # Another one does not take its socket.
        self.assertIn("another `coredesk serve` has the socket", self.system.coredesk("serve", code=1))
        forms = [(cases[number % 2], desk.form("dispatcher", f"/cases/{cases[number % 2]}/note"), f"第 {number} 次催办") for number in range(60)]
        chance = random.Random(7)
        left, kills = list(forms), 0
        while left:
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                answers = [pool.submit(self.note, desk, *form) for form in left]
                if kills < 8:
                    time.sleep(chance.uniform(0.01, 0.25))
                    desk.process.kill()
                    desk.process.wait()
                    kills += 1
                codes = [answer.result() for answer in answers]
            self.assertTrue(all(code in (0, 303) for code in codes), codes)
            left = [form for form, code in zip(left, codes) if code != 303]
            if desk.process.poll() is not None:
                desk = Desk(self.system, serve=True)
        self.addCleanup(desk.stop)
        # Sent again, nothing happens twice.
        for form in forms[:10]:
            self.assertEqual(self.note(desk, *form), 303)
        with sqlite3.connect(self.folder / "core/desk.sqlite") as db:
            self.assertEqual(db.execute("select count(*) from event where action = 'note'").fetchone()[0], len(forms))
        self.assertIn("0 breaks, 0 rows", self.system.coredesk("audit"))

    def test_two_desks_work_on_one_postgresql(self):
        server = tempfile.mkdtemp(prefix="xd.")
        self.addCleanup(shutil.rmtree, server, True)
        started = subprocess.run([ROOT / "Scripts/postgres", "start", server], capture_output=True, text=True)
        if started.returncode == 3:
            self.skipTest(started.stderr.strip())
        self.assertEqual(started.returncode, 0, started.stderr)
        self.addCleanup(subprocess.run, [ROOT / "Scripts/postgres", "stop", server], capture_output=True)
        self.config.write_text(re.sub("(?m)^database: .*$", f'database: "{started.stdout.strip()}"', self.config.read_text()))
        self.system.coredesk("init", "--people", str(self.folder / "core/people.yaml"))
        self.system.coredesk("lane", "adopt", *map(str, sorted((self.folder / "epochs").glob("*.ep"))))
        self.arrive(3)
        one = Desk(self.system, serve=True)
        self.addCleanup(one.stop)
        # Another process of the same installation, on a socket of its own.
        (self.folder / "core/second.yaml").write_text(self.config.read_text().replace("socket: desk.sock", "socket: second.sock"))
        log = open(self.folder / "second.log", "ab")
        second = subprocess.Popen([BIN / "coredesk", "serve", "--config", self.folder / "core/second.yaml"], stdout=log, stderr=log)
        log.close()
        self.addCleanup(second.wait)
        self.addCleanup(second.terminate)
        two = Desk(self.system)
        two.socket = self.folder / "core/second.sock"
        self.assertTrue(wait_until(lambda: two.call("/desk.css")[0] == 200))
        cases = sorted(one.cases("dispatcher").values())
        self.assertEqual(len(cases), 3)
        self.assertEqual(sorted(two.cases("dispatcher").values()), cases)
        forms = [(cases[number % 3], one.form("dispatcher", f"/cases/{cases[number % 3]}/note"), f"第 {number} 次") for number in range(30)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            # Each form twice, by both processes at once.
            codes = list(pool.map(lambda pair: self.note(pair[0], *pair[1]), [(desk, form) for form in forms for desk in (one, two)]))
        self.assertTrue(all(code in (303, 503) for code in codes), codes)
        for form in forms:
            self.assertEqual(self.note(two, *form), 303)
        # A dispatch by the one is seen by the other, and by whoever it was sent to.
        self.assertEqual(one.act("dispatcher", cases[0], "dispatch", {"lead": "fire", "budget": "5", "budget-unit": "wd"})[0], 303)
        self.assertIn(cases[0], two.cases("fire").values())
        self.assertEqual(two.act("fire", cases[0], "sign")[0], 303)
        found = two.page("dispatcher", "/search?q=" + urllib.parse.quote("测试诉求"))[1]
        self.assertEqual(set(re.findall("/cases/([0-9a-f-]{36})", found)), set(cases))
        self.system.coredesk("clock")
        self.assertIn("0 breaks, 0 rows", self.system.coredesk("audit"))
        page = one.page("dispatcher", f"/cases/{cases[0]}")[1]
        self.assertEqual(len(set(re.findall("备注：(第 [0-9]+ 次)<", page))), 10)


if __name__ == "__main__":
    unittest.main()

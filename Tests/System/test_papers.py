"""Decisions and notices: drawn up, signed by their organ, told, saved, verified, delivered, replaced, withdrawn."""
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

from support import BIN, ROOT, Desk, System, call, inner, look_at, multipart, opener, post, wait_until
import urllib.error
import urllib.parse
import urllib.request

FORM = {
    "kind": "individual", "name": "测试员戊", "phone": "13900000000", "shop": "文书示例小馆", "place.unit": "xidajie", "area": "80",
    "seats": "30", "fuel": "electricity", "truth": "yes", "_page": "review", "_step": "submit", "_lang": "zh",
}
PDF = b"%PDF-1.4\n% sample, no real document\n%%EOF\n"
CHECKED = {f"materials-{name}": "ok" for name in ("idcard", "premises", "layout", "fire")}


class PaperTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.begun = []
        # Behind the end of the system, which stops them.
        cls.addClassCleanup(lambda: [process.wait(timeout=20) for process in cls.begun])
        cls.addClassCleanup(cls.system.close)
        cls.system.call("prepare")
        cls.system.call("start")
        cls.desk = Desk(cls.system)
        cls.config = cls.system.folder / "core/coredesk.yaml"
        cls.commands = {
            "render": [BIN / "coredesk", "render", "--socket", cls.system.folder / "run/render.sock", "--scratch", cls.system.folder / "run/render"] + ([] if os.getuid() else ["--without-sandbox"]),
            "sign": [BIN / "coredesk", "sign", "--config", cls.system.folder / "core/sign.yaml"],
        }

    def end(self, name):
        pid = int((self.system.folder / f"run/{name}.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        self.assertTrue(wait_until(lambda: not pathlib.Path(f"/proc/{pid}/exe").exists() or "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2]))

    def begin(self, name):
        process = subprocess.Popen(self.commands[name])
        self.begun.append(process)
        (self.system.folder / f"run/{name}.pid").write_text(str(process.pid))

    def apply(self, shop):
        fields = dict(FORM, shop=shop, _form=self.system.digest("catering-opening"))
        body, headers = multipart(fields, [(name, f"{name}.pdf", PDF) for name in ("idcard", "premises", "layout", "fire")])
        status, headers, _ = post(self.system.site + "/forms/catering-opening", None, {**headers, "Origin": self.system.site}, body)
        self.assertEqual(status, 303)
        page = look_at(self.system.site + headers["Location"])[2]
        self.system.ferry()
        return inner(page, "receipt"), inner(page, "code"), self.desk.cases("market")[shop]

    def does(self, officer, case, action, **fields):
        code, page = self.desk.act(officer, case, action, fields)
        self.assertEqual(code, 303, page)

    def is_signed(self, case):
        return "签好以后才告知申请人" not in self.desk.page("market", f"/cases/{case}")[1]

    def waits(self, case):
        self.assertTrue(wait_until(lambda: self.is_signed(case)), (self.system.folder / "log/coredesk.log").read_text()[-600:])

    def decide(self, case):
        self.does("market", case, "accept", **CHECKED)
        for who in ("fire", "urban", "ecology", "market"):
            if self.desk.address(who, case, "agree"):
                self.does(who, case, "agree")
        self.does("market-leader", case, "grant", words="准予开办。\n第二行 <b>不是标记</b>")

    def status(self, receipt, code):
        return post(self.system.site + "/forms/status", {"receipt": receipt, "code": code})[2]

    def papers(self, receipt, code):
        """Number and verification code of each, newest first."""
        page = self.status(receipt, code)
        return re.findall(r"<dd>(示例[^<]*号)</dd>.*?<dd>([^<]*)</dd></div><div><dt>核验码</dt><dd><code>([0-9A-Z-]{19})</code>", page)

    def save(self, receipt, code, paper, part="paper"):
        body = urllib.parse.urlencode({"receipt": receipt, "code": code, "paper": paper, "part": part}).encode()
        request = urllib.request.Request(self.system.site + "/forms/papers", data=body, headers={"Origin": self.system.site})
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, answer.read()

    def verify(self, code):
        return re.search(r'data-state="(\w+)"', post(self.system.site + "/forms/verify", {"code": code})[2])[1]

    def openssl(self, pdf, p7s):
        folder = self.system.folder
        (folder / "paper.pdf").write_bytes(pdf)
        (folder / "paper.p7s").write_bytes(p7s)
        return subprocess.run(
            ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-content", folder / "paper.pdf", "-in", folder / "paper.p7s",
             "-CAfile", folder / "keys/ca.crt", "-out", "/dev/null"], capture_output=True).returncode

    def audit(self, pdf, p7s, organ="organs/market-regulation"):
        """The recipe of Docs/auditor.md for a paper, run as it stands."""
        blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "Docs/auditor.md").read_text(encoding="utf-8"), re.S)
        recipe = "\n".join([blocks[0]] + [block for block in blocks if "PAPERSIG" in block])
        folder, keys = self.system.folder, self.system.folder / "keys"
        (folder / "paper.pdf").write_bytes(pdf)
        (folder / "paper.p7s").write_bytes(p7s)
        with tempfile.TemporaryDirectory() as work:
            env = {"WORK": work, "CA": keys / "ca.crt", "CRL": keys / "ca.crl", "PAPER": folder / "paper.pdf", "PAPERSIG": folder / "paper.p7s",
                   "ORGAN": keys / f"{organ}.crt", "REGISTER": folder / "core/register.jsonl", "PATH": "/usr/bin:/bin"}
            return subprocess.run(["sh", "-c", recipe], env=env, capture_output=True).returncode

    def papers_command(self):
        return subprocess.run([BIN / "coredesk", "papers", "--config", self.config], capture_output=True, text=True)

    def test_a_decision_from_the_officer_to_a_stranger(self):
        receipt, code, case = self.apply("文书示例小馆")
        self.decide(case)
        began = time.time()
        self.waits(case)
        self.assertLess(time.time() - began, 20)
        self.system.ferry()
        listed = self.papers(receipt, code)
        self.assertEqual([state for _, state, _ in listed], ["有效", "有效"])
        self.assertIn("许决", listed[0][0])
        # Saved, with the signature that any openssl verifies; one changed byte is found.
        code_200, headers, pdf = self.save(receipt, code, 1)
        self.assertEqual((code_200, headers["Content-Type"]), (200, "application/pdf"))
        self.assertIn("attachment", headers["Content-Disposition"])
        signature = self.save(receipt, code, 1, "signature")[2]
        self.assertEqual(self.openssl(pdf, signature), 0)
        self.assertNotEqual(self.openssl(pdf[:-9] + b"x" + pdf[-8:], signature), 0)
        self.assertNotIn(b"/JavaScript", pdf)
        self.assertEqual(self.audit(pdf, signature), 0)
        self.assertNotEqual(self.audit(pdf[:-9] + b"x" + pdf[-8:], signature), 0)
        self.assertNotEqual(self.audit(pdf, signature, "organs/public-security"), 0)
        # Whoever has no receipt and code gets nothing, and what is no paper is refused in words.
        other = "0" * 16
        self.assertEqual(self.save(receipt, other, 1)[0], 404)
        for place in ("2", "-1", "x", ""):
            self.assertIn(self.save(receipt, code, place)[0], (409, 422), place)
        self.assertEqual(self.save(receipt, code, 1, "key")[0], 422)
        # Programs save and verify the same.
        spoken = listed[0][2]
        self.assertEqual(self.verify(spoken), "valid")
        self.assertEqual(self.verify(spoken.lower().replace("-", " ")), "valid")
        self.assertEqual(self.verify("0000-0000-0000-0000"), "unknown")
        self.assertEqual(self.verify("<script>"), "unknown")
        known = call("POST", self.system.site + "/api/v1/verify", {"code": spoken})[2]
        self.assertEqual((known["state"], known["sha256"]), ("valid", hashlib.sha256(pdf).hexdigest()))
        self.assertEqual(call("POST", self.system.site + "/api/v1/verify", {"code": "x"})[2], {"state": "unknown"})
        for language, path in (("zh", "/services/verify/"), ("en", "/en/services/verify/")):
            answer = look_at(f"{self.system.site}/forms/verify?lang={language}")
            self.assertEqual((answer[0], answer[1]["Location"]), (303, path))
            self.assertIn('action="/forms/verify"', look_at(self.system.site + path)[2])
        page = post(self.system.site + "/forms/verify", {"code": spoken})[2]
        self.assertNotIn("测试员", page)
        self.assertNotIn("小馆", page)
        self.assertLess(len(page.encode()), 20_000)
        # Its opening is its delivery, once, and of the newest alone.
        self.assertEqual(self.desk.page("market", f"/cases/{case}")[1].count("诉求人：<strong>送达"), 0)
        self.system.ferry()
        self.assertEqual(self.desk.page("market", f"/cases/{case}")[1].count("诉求人：<strong>送达"), 1)
        self.save(receipt, code, 1)
        self.save(receipt, code, 0)
        self.system.ferry()
        self.assertEqual(self.desk.page("market", f"/cases/{case}")[1].count("诉求人：<strong>送达"), 1)
        # Nothing of it can be read at the edge.
        for file in (self.system.folder / "edge").glob("forms.sqlite*"):
            content = file.read_bytes()
            self.assertNotIn(b"%PDF", content)
            self.assertNotIn(spoken.replace("-", "").encode(), content)
        # A corrected one takes its place; then the licence is annulled.
        self.does("market-leader", case, "correctDecision", words="更正后的决定")
        self.waits(case)
        self.system.ferry()
        again = self.papers(receipt, code)
        self.assertEqual([state for _, state, _ in again], ["有效", "已被新的文书取代", "有效"])
        self.assertEqual([self.verify(item[2]) for item in again], ["valid", "replaced", "valid"])
        self.assertEqual(self.save(receipt, code, 1)[0], 409)
        self.assertEqual(self.save(receipt, code, 2)[0], 200)
        self.assertIsNone(self.desk.address("market-leader", case, "annul"))
        self.does("second-leader", case, "annul", ground="第六十九条", words="申请材料不实（示例）")
        self.waits(case)
        self.system.ferry()
        last = self.papers(receipt, code)
        self.assertEqual([state for _, state, _ in last], ["有效", "已撤销", "已被新的文书取代", "有效"])
        self.assertEqual([self.verify(item[2]) for item in last], ["valid", "withdrawn", "replaced", "valid"])
        self.assertIsNone(self.desk.address("market-leader", case, "correctDecision"))
        # No number stands on two papers.
        register = [json.loads(line) for line in (self.system.folder / "core/register.jsonl").read_text().splitlines()]
        self.assertEqual(len({entry["number"] for entry in register}), len(register))
        self.assertEqual(subprocess.run([BIN / "coredesk", "audit", "verify", "--config", self.config], capture_output=True).returncode, 0)

    def test_nothing_is_told_while_nobody_draws_or_signs(self):
        receipt, code, case = self.apply("等待签章小馆")
        self.end("render")
        self.does("market", case, "accept", **CHECKED)
        failed = self.papers_command()
        self.assertEqual(failed.returncode, 1)
        self.assertIn("is not signed: unreachable", failed.stdout)
        self.system.ferry()
        self.assertIn("已收到", self.status(receipt, code))
        self.assertFalse(self.is_signed(case))
        # Drawn by another; then its organ's key is revoked.
        keys = self.system.folder / "keys"
        subprocess.run(["openssl", "ca", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.crt", "-revoke", "organs/market-regulation.crt"], cwd=keys, check=True, capture_output=True)
        old = (keys / "ca.crl").read_bytes()
        subprocess.run(
            ["openssl", "ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.crt", "-crl_lastupdate", "20200101000000Z",
             "-crl_nextupdate", "20491231235959Z", "-out", "ca.crl"], cwd=keys, check=True, capture_output=True)
        self.begin("render")
        self.assertTrue(wait_until(lambda: "badSignature" in self.papers_command().stdout, 30))
        self.system.ferry()
        self.assertIn("已收到", self.status(receipt, code))
        drawn = re.search(rf'href="(/cases/{case}/files/\d+)" download>PDF', self.desk.page("market", f"/cases/{case}")[1])
        self.assertTrue(drawn)
        # The list is put right: the same bytes are signed, and told.
        (keys / "ca.crl").write_bytes(old)
        self.papers_command()
        self.assertTrue(self.is_signed(case))
        self.system.ferry()
        self.assertIn("已受理", self.status(receipt, code))

    def test_a_number_that_stands_on_another_paper_is_not_signed_again(self):
        receipt, code, case = self.apply("号码重复小馆")
        self.end("sign")
        register = self.system.folder / "core/register.jsonl"
        kept = register.read_text() if register.exists() else ""
        highest = max([0] + [int(re.search(r"〕(\d+)号", line)[1]) for line in kept.splitlines() if "受〔" in line])
        line = json.dumps({"at": "2026-09-01T09:00:00+08:00", "number": f"示例受〔2026〕{highest + 1}号", "organ": "market-regulation", "sha256": "0" * 64},
                          ensure_ascii=False, separators=(",", ":"))
        register.write_text(kept + line + "\n")
        self.begin("sign")
        self.does("market", case, "accept", **CHECKED)
        self.waits(case)
        self.system.ferry()
        self.assertEqual([number for number, _, _ in self.papers(receipt, code)], [f"示例受〔2026〕{highest + 2}号"])
        page = self.desk.page("market", f"/cases/{case}")[1]
        self.assertIn("号码已用于别的文书，重新编号", page)
        self.assertEqual(subprocess.run([BIN / "coredesk", "audit", "verify", "--config", self.config], capture_output=True).returncode, 0)

    def test_a_restored_core_gives_no_number_twice(self):
        cases = [self.apply(shop)[2] for shop in ("备份之前小馆", "备份之后小馆")]
        earlier = self.apply("备份之前已受理小馆")[2]
        self.does("market", earlier, "accept", **CHECKED)
        self.waits(earlier)
        backup, register = self.system.folder / "backup", self.system.folder / "core/register.jsonl"
        subprocess.run([BIN / "coredesk", "backup", "--config", self.config, "--out", backup], check=True, capture_output=True)
        self.does("market", cases[0], "accept", **CHECKED)
        self.waits(cases[0])
        given = [json.loads(line)["number"] for line in register.read_text().splitlines()]
        self.system.call("stop")
        for file in (self.system.folder / "core").glob("desk.sqlite*"):
            file.unlink()
        restore = [BIN / "coredesk", "restore", "--config", self.config, "--from", backup, "--nothing-published"]
        register.rename(register.with_suffix(".away"))
        refused = subprocess.run(restore, capture_output=True, text=True)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("bring the signer's register back first", refused.stderr)
        register.with_suffix(".away").rename(register)
        restored = subprocess.run(restore, capture_output=True, text=True)
        self.assertEqual(restored.returncode, 0, restored.stderr)
        self.assertIn(f"behind {len(given)} papers", restored.stdout)
        self.system.call("start")
        # The acceptance is lost, and its number with it: whoever holds that paper holds the only one of its number.
        for case in reversed(cases):
            self.does("market", case, "accept", **CHECKED)
            self.waits(case)
        numbers = [json.loads(line)["number"] for line in register.read_text().splitlines()]
        self.assertEqual((len(numbers), len(set(numbers))), (len(given) + 2, len(given) + 2))


if __name__ == "__main__":
    unittest.main()

"""Law 6: of what was erased, no word is left in the core, in any spelling, nor a key that would open it."""
import base64
import hashlib
import os
import sqlite3
import unittest

from support import RunningDesk, get, inner, multipart, post

# Words that citizens and officers type below, each of which stands nowhere else in the repository.
WORDS = {
    "subject": "蓝铁桶漏水示例", "details": "巷口那只蓝铁桶昨夜漏了一地水样", "name": "甄示例甲", "phone": "13912345670", "rest": "槐树巷示例七号",
    "file": "桶边照片示例.png", "return": "不归我们管样句", "help": "协办看过无异常样句", "done": "换了桶底样句", "reply": "桶已换新，谢谢反映样句",
    "redo": "写清日期样句", "title": "关于换桶的答复样句", "question": "有桶漏水怎么办样句", "answer": "已换新桶样句", "rating": "办得快样句",
    "note": "内部备注样句", "shop": "示例豆花馆庚", "applicant": "甄示例乙", "correction": "布局图看不清样句", "merged": "同一只桶样句",
}


def spellings(word):
    """A word as it might lie somewhere."""
    plain = word.encode()
    yield plain
    for codec in ("utf-16-le", "utf-16-be", "gb18030"):
        yield word.encode(codec)
    yield "".join(f"\\u{ord(character):04x}" for character in word).encode()
    for shift in range(3):  # whole groups of base64, wherever the word begins in them
        inside = base64.b64encode(b"\0" * shift + plain)
        yield inside[(4 if shift else 0):(len(shift * b"0" + plain) // 3) * 4]
    for kind in (hashlib.sha256, hashlib.sha1, hashlib.md5):
        yield kind(plain).digest()
        yield kind(plain).hexdigest().encode()


class ErasureTests(RunningDesk):
    maxDiff = None

    def done(self, officer, case, action, fields=None):
        code, page = self.staff.act(officer, case, action, fields)
        self.assertEqual(code, 303, (action, page[:2000]))

    def send(self, form, fields, files=()):
        body, headers = multipart({"_form": self.system.digest(form), "_lang": "zh", **fields}, files)
        code, headers, page = post(self.system.forms + f"/forms/{form}", None, headers=headers, raw=body)
        self.assertEqual(code, 303, page[:3000])
        page = get(self.system.forms + headers["Location"])[1]
        return inner(page, "receipt"), inner(page, "code")

    def follow(self, ticket, **fields):
        return post(self.system.forms + "/forms/follow-up", {"receipt": ticket[0], "code": ticket[1], **fields})[2]

    def request(self, subject, **more):
        return {"nature": "help", "subject": subject, "details": WORDS["details"], "place.unit": "chaohua", "place.rest": WORDS["rest"],
                "name": WORDS["name"], "phone": WORDS["phone"], "publish": "agree", **more}

    def administrators(self, first="security", second="audit"):
        return ["--identity", self.system.folder / f"keys/staff/{first}", "--second", self.system.folder / f"keys/staff/{second}"]

    def left(self, needles, *folders):
        found = []
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.is_symlink() and path.name not in ("people.yaml",):
                    data = path.read_bytes()
                    found += [(str(path), name) for name, needle in needles if needle in data]
        return found

    def test_no_word_of_an_erased_case_is_left(self):
        photo = b"\x89PNG\r\n\x1a\n" + b"PHOTO-OF-THE-BARREL" + os.urandom(3000)
        first = self.send("hotline", self.request(WORDS["subject"]), [("photos", WORDS["file"], photo)])
        self.send("hotline", self.request(WORDS["merged"]))
        paper = b"%PDF-1.4\n% LAYOUT-OF-THE-SHOP\n%%EOF\n"
        shop = {"kind": "individual", "name": WORDS["applicant"], "phone": WORDS["phone"], "shop": WORDS["shop"], "place.unit": "xidajie", "area": "60", "seats": "20",
                "fuel": "gas", "truth": "yes", "_page": "review", "_step": "submit"}
        third = self.send("catering-opening", shop, [(name, name + ".pdf", paper) for name in ("idcard", "premises", "layout", "fire")])
        self.system.ferry()
        cases = self.staff.cases("dispatcher")
        case, twin = cases[WORDS["subject"]], cases[WORDS["merged"]]
        application = self.staff.cases("market")[WORDS["shop"]]
        limit = {"budget": "5", "budget-unit": "wd"}
        number = self.staff.page("dispatcher", f"/cases/{case}")[1].split("<h1>")[1].split()[0]
        self.done("dispatcher", twin, "merge", {"main": number})
        self.done("dispatcher", case, "dispatch", {"lead": "fire", **limit})
        self.done("fire", case, "return", {"why": WORDS["return"]})
        self.done("dispatcher", case, "dispatch", {"lead": "urban-management", "helpers": "ecology", **limit})
        self.done("dispatcher", case, "note", {"words": WORDS["note"]})
        self.done("ecology", case, "help", {"done": WORDS["help"]})
        self.done("urban", case, "answer", {"done": WORDS["done"], "reply": WORDS["reply"]})
        self.done("reviewer", case, "redo", {"why": WORDS["redo"], "budget": "2", "budget-unit": "wd"})
        self.done("urban", case, "answer", {"done": WORDS["done"], "reply": WORDS["reply"]})
        self.done("reviewer", case, "approve")
        self.done("caller", case, "satisfied")
        self.done("reviewer", case, "publish", {"title": WORDS["title"], "question": WORDS["question"], "reply": WORDS["answer"]})
        self.done("market", application, "requestCorrection", {"words": WORDS["correction"], "missing": "layout"})
        self.system.ferry()
        self.follow(first, action="rate", score="5", solved="yes", words=WORDS["rating"])
        self.follow(third, action="withdraw")
        self.system.ferry()
        self.assertIn(WORDS["rating"], self.staff.page("reviewer", f"/cases/{case}")[1])
        self.system.call("publish")
        self.assertEqual([name for _, name in self.left([("title", WORDS["title"].encode())], self.core / "overlay")], ["title"])

        # One person alone, somebody without the right, what is held, and what goes on: nothing is destroyed.
        order = ["retention", "order", number, "--ground", "consentWithdrawn"]
        self.system.coredesk(*order, *self.administrators("security", "security"), code=1)
        self.system.coredesk(*order, *self.administrators("security", "dispatcher"), code=1)
        self.done("reviewer", case, "hold", {"why": "复议"})
        self.assertIn("an officer holds it", self.system.coredesk(*order, *self.administrators(), code=1))
        self.done("reviewer", case, "release", {"why": "复议结束"})
        self.assertIn("0 are past their term", self.system.coredesk("retention", "list"))

        database = self.core / "desk.sqlite"
        with sqlite3.connect(database) as db:
            keys = dict(db.execute("SELECT id, key FROM subject WHERE id IN (?, ?, ?)", (case, twin, application)))
        needles = [(name, spelling) for name, word in WORDS.items() for spelling in spellings(word)]
        for name, data in (("photo", photo), ("paper", paper)):
            needles += [(name, data[8:28]), (name, hashlib.sha256(data).digest()), (name, hashlib.sha256(data).hexdigest().encode())]
        for receipt, _ in (first, third):
            needles.append(("receipt", receipt.encode()))
        needles += [("key", key) for key in keys.values()]
        # The keys are there before: what is looked for could be found.
        self.assertEqual(len({name for _, name in self.left([(f"key{n}", key) for n, key in enumerate(keys.values())], self.core)}), 3)

        backup = self.system.folder / "backup"
        self.system.coredesk("backup", "--out", backup)

        twin_number = self.staff.page("dispatcher", f"/cases/{twin}")[1].split("<h1>")[1].split()[0]
        application_number = self.staff.page("market", f"/cases/{application}")[1].split("<h1>")[1].split()[0]
        for one in (number, twin_number, application_number):
            said = self.system.coredesk("retention", "order", one, "--ground", "consentWithdrawn", *self.administrators())
            self.assertIn("1 erased, 0 left", said)
            self.assertIn("no bytes of their keys are in the database", said)
        self.system.call("publish")
        # What is released lies in the core until the edge has acknowledged it.
        self.system.ferry()
        self.assertEqual(self.left(needles, self.core, self.system.folder / "log", self.system.folder / "edge/spool"), [])
        published = self.system.folder / "edge/site/current/public"
        self.assertEqual(self.left([(name, WORDS[name].encode()) for name in ("title", "question", "answer")], published), [])
        # What was done is still on record, and everything holds.
        self.assertIn("0 breaks, 0 rows", self.system.coredesk("audit", "verify"))
        with sqlite3.connect(database) as db:
            actions = [row[0] for row in db.execute("SELECT action FROM event WHERE subject = ? ORDER BY version", (case,))]
        self.assertEqual((actions[0], actions[-1]), ("begin", "erased"))
        self.assertIn("publish", actions)
        code, page = self.staff.page("dispatcher", f"/cases/{case}")
        self.assertIn("内容已销毁（撤回同意）", page)
        self.assertEqual([name for name, word in WORDS.items() if word in page], [])
        # Once more does nothing.
        self.assertIn("0 erased, 0 left, 1 were erased before", self.system.coredesk("retention", "order", number, "--ground", "consentWithdrawn", *self.administrators()))
        self.assertEqual({line.split()[0] for line in (self.core / "master.key.erased").read_text().splitlines()}, {case, twin, application})
        # A backup from before the erasure comes back: the words do not.
        for path in self.core.glob("desk.sqlite*"):
            path.unlink()
        self.assertIn("3 subjects erased again", self.system.coredesk("restore", "--from", backup, "--nothing-published"))
        self.assertEqual(self.left(needles, self.core), [])
        self.assertIn("0 breaks, 0 rows", self.system.coredesk("audit", "verify"))

    def test_what_is_past_its_term_is_listed_before_it_is_erased(self):
        ticket = self.send("hotline", self.request(WORDS["subject"]))
        other = self.send("hotline", self.request(WORDS["merged"]))
        self.system.ferry()
        for one in (ticket, other):
            self.follow(one, action="withdraw")
        self.system.ferry()
        cases = self.staff.cases("dispatcher")
        self.done("reviewer", cases[WORDS["merged"]], "hold", {"why": "诉讼"})
        self.system.call("clock", "2031-08-31T09:00:00+08:00")
        self.assertIn("0 are past their term", self.system.coredesk("retention", "list"))
        self.system.call("clock", "2031-09-03T09:00:00+08:00")
        path = self.core / "list.txt"
        said = self.system.coredesk("retention", "list", "--out", path)
        self.assertIn("1 are past their term, 1 more are held", said)
        self.assertEqual([line.split()[3] for line in path.read_text().splitlines()], [cases[WORDS["subject"]]])
        # A list that somebody wrote longer.
        path.write_text(path.read_text() + f"2 hotline 2026-09-01 {cases[WORDS['merged']]}\n9 hotline 2026-09-01 nobody\n")
        said = self.system.coredesk("retention", "erase", "--list", path, *self.administrators(), code=1)
        self.assertIn("1 erased, 2 left", said)
        path.write_text("rubbish\n")
        self.system.coredesk("retention", "erase", "--list", path, *self.administrators(), code=1)


if __name__ == "__main__":
    unittest.main()

"""What is open, the calendar of due days, the procedures and phrases: every number leads to exactly its cases, for each reader their own."""
import html
import re
import unittest

from support import RunningDesk, post, request_fields


class OverviewTests(RunningDesk):
    def test_pages_over_all_cases(self):
        """One system and one run of days for all of them."""
        self.begin()
        for part in (self.tasks_lead_to_their_forms, self.procedures_and_phrases, self.who_read_what, self.a_units_own_limit, self.every_number, self.a_persons_page):
            with self.subTest(part.__name__):
                part()

    def begin(self):
        for number in range(6):
            self.assertEqual(post(self.system.forms + "/forms/hotline", request_fields(self.system, number))[0], 303)
        self.system.ferry()
        self.ids = list(self.staff.cases("dispatcher").values())
        for place, case in enumerate(self.ids[:4]):
            lead = ("ecology", "urban-management")[place % 2]
            self.assertEqual(self.staff.act("dispatcher", case, "dispatch", {"lead": lead, "budget": "3", "budget-unit": "wd"})[0], 303)
        self.assertEqual(self.staff.act("leader", self.ids[0], "supervise", {"words": "请尽快解决。"})[0], 303)

    def listed(self, officer, address):
        status, text = self.staff.page(officer, address)
        self.assertEqual(status, 200, text)
        return len(re.findall(r"<tr><td><a href=\"/cases/", text))

    def numbers(self, officer, path):
        status, text = self.staff.page(officer, path)
        self.assertEqual(status, 200, text)
        return [(html.unescape(address), int(count)) for address, count in re.findall(r'<a (?:class="[^"]*" )?href="(/\?[^"]*)">(\d+)(?: 件)?</a>', text)]

    def every_number(self):
        """Each leads to exactly its cases, for whoever asks."""
        self.assertIn("便民热线诉求办理,标记,督办,1,1", self.staff.page("dispatcher", "/overview?csv=1")[1])
        self.system.call("clock", "2026-09-20T09:00:00+08:00")
        for officer, open_cases in (("dispatcher", 6), ("ecology", 3), ("urban", 2), ("police", 0)):
            numbers = self.numbers(officer, "/overview")
            states = [count for address, count in numbers if "unit=" not in address and "mark=" not in address and "overdue" not in address]
            self.assertEqual(sum(states), open_cases, numbers)
            for address, count in numbers:
                self.assertEqual(self.listed(officer, address), count, (officer, address))
            days = self.numbers(officer, "/calendar?month=2026-09")
            self.assertEqual(sum(count for _, count in days), open_cases, days)
            for address, count in days:
                self.assertEqual(self.listed(officer, address), count, (officer, address))
        # Everything is late by now, and that is counted too.
        self.assertIn(5, [count for address, count in self.numbers("dispatcher", "/overview") if "overdue=1" in address])
        table = self.staff.page("dispatcher", "/overview?csv=1")[1]
        self.assertIn("便民热线诉求办理,单位,生态环境部门,3,3", table)
        for month in ("2026-13", "x"):
            self.assertIn("到期日历：2026-09", self.staff.page("dispatcher", f"/calendar?month={month}")[1])
        self.assertIn("放假安排只公布到 2026-12-31", self.staff.page("dispatcher", "/calendar?month=2027-02")[1])
        # A day that is none is told, and nothing is narrowed by it.
        self.assertIn("没有按它筛选", self.staff.page("dispatcher", "/?due=2026-02-30")[1])
        self.assertIn("0 breaks", self.system.coredesk("audit"))

    def tasks_lead_to_their_forms(self):
        text = self.staff.page("dispatcher", "/tasks")[1]
        for case in self.ids[4:]:
            self.assertIn(f'href="/cases/{case}/dispatch"', text)
        self.assertIn("目录建议：", text)
        self.assertNotIn(f"/cases/{self.ids[0]}/dispatch", text)
        self.assertRegex(self.staff.page("ecology", "/tasks")[1], rf'href="/cases/{self.ids[0]}/sign/\d+"')

    def a_units_own_limit(self):
        """It comes before the case's."""
        # Until somebody signs for a task, that limit is the first: four hours.
        self.assertIn(("/?due=2026-09-01", 3), self.numbers("dispatcher", "/calendar"))
        for place, case in enumerate(self.ids[1:4]):
            self.assertEqual(self.staff.act(("urban", "ecology")[place % 2], case, "sign")[0], 303)
        # Four tasks of three working days, in cases that have five.
        self.system.call("clock", "2026-09-07T09:00:00+08:00")
        self.assertIn(("/?due=2026-09-04", 4), self.numbers("dispatcher", "/calendar"))
        self.assertIn(("/?due=2026-09-08", 2), self.numbers("dispatcher", "/calendar"))
        self.assertIn(("/?state=hotline/handling&overdue=1", 2), self.numbers("ecology", "/overview"))
        text = self.staff.page("ecology", "/tasks")[1]
        self.assertEqual(len(re.findall(r'class="overdue">2026-09-08；任务 2026-09-04（超期）', text)), 2, text)
        # Those with a day left come behind.
        self.assertEqual(self.staff.act("dispatcher", self.ids[4], "dispatch", {"lead": "ecology", "budget": "1", "budget-unit": "wd"})[0], 303)
        lines = re.findall(r'<tr><td><a href="/cases/([^"]+)"', self.staff.page("ecology", "/tasks")[1])
        self.assertEqual((lines[-1], set(lines[:-1])), (self.ids[4], {self.ids[0], self.ids[2]}))

    def a_persons_page(self):
        text = self.staff.page("admin-a", "/cases/person-ecology")[1]
        plain = html.unescape(re.sub("<[^>]+>", " ", text))
        self.assertIn("生态环境部门经办人", plain)
        self.assertRegex(plain, r"3 级，公钥 [0-9a-f]{16}…")
        self.assertRegex(plain, r"\d+ 号 办理，生态环境部门")
        # The case itself is not the administrator's to see.
        self.assertNotIn(self.ids[0], text)
        self.assertEqual(self.staff.page("admin-a", f"/cases/{self.ids[0]}")[0], 404)
        self.assertEqual(self.staff.act("admin-a", "person-ecology", "leave", {"why": "调离"})[0], 303)
        # The unit's others go on.
        self.assertIn("签收了、还没有办完的任务", self.staff.page("admin-a", "/cases/person-ecology")[1])
        self.assertEqual(self.staff.page("ecology", "/tasks")[0], 403)

    def who_read_what(self):
        self.staff.page("ecology", f"/cases/{self.ids[0]}")
        number = re.search(r"<h1>(\d+) ", self.staff.page("ecology", f"/cases/{self.ids[0]}")[1])[1]
        status, text = self.staff.page("audit", "/audit")
        self.assertEqual(status, 200, text)
        self.assertIn("生态环境经办人（ecology）", text)
        status, text = self.staff.page("audit", f"/audit?person=ecology&number={number}")
        rows = re.findall(r"<tr><td class=\"when\">(.*?)</tr>", text)
        self.assertGreaterEqual(len(rows), 2)
        for row in rows:
            self.assertIn(f"<td>{number} 号</td>", row)
            self.assertIn("（ecology）", row)
        # Looking is on record too, and a list is one line.
        self.assertIn("<td>查看记录</td>", self.staff.page("audit", "/audit?person=audit")[1])
        self.assertIn(f"生态环境部门经办人,办件,{number} 号", self.staff.page("audit", f"/audit?person=ecology&number={number}&csv=1")[1])
        self.assertIn("没有符合的记录", self.staff.page("audit", "/audit?person=nobody")[1])
        self.assertIn("没有符合的记录", self.staff.page("audit", "/audit?number=99999")[1])
        self.assertEqual(self.staff.page("audit", "/audit?number=x")[0], 422)
        # Page after page comes to the end.
        seen, address = 0, "/audit?person=dispatcher"
        while address:
            text = self.staff.page("audit", address)[1]
            seen += len(re.findall(r'<td class="when">', text))
            found = re.search(r'href="([^"]*)" rel="next"', text)
            address = found and html.unescape(found[1])
        self.assertGreater(seen, 10)
        for officer in ("dispatcher", "admin-a", "security"):
            self.assertEqual(self.staff.page(officer, "/audit")[0], 404)
        # Sign-ins, one a day for each certificate, and refusals.
        self.assertEqual(self.staff.page("stranger", "/")[0], 403)
        self.assertEqual(self.staff.call("/")[0], 403)
        for _ in range(2):
            text = self.staff.page("audit", "/audit?signins=1")[1]
        self.assertEqual(text.count("<td>登录</td>"), len(set(re.findall(r"（([a-z-]+)）</td><td>[^<]*</td><td>登录</td>", text))), text)
        self.assertIn("登录被拒：不在名单", text)
        self.assertIn("登录被拒：没有证书", text)
        self.assertNotIn("<td>列表</td>", text)
        mine = self.staff.page("ecology", "/me")[1]
        self.assertRegex(mine, r'<td class="when">2026-09-01 09:00</td><td>[0-9a-f]{16}…</td>')
        self.assertIn("生态环境部门经办人", mine)
        self.assertNotIn("/cases/post-", mine)
        self.assertIn("0 breaks, 0 rows", self.system.coredesk("audit"))

    def procedures_and_phrases(self):
        for process in re.findall(r'href="/processes/([a-z-]+)"', self.staff.page("caller", "/processes")[1]):
            status, text = self.staff.page("caller", f"/processes/{process}")
            self.assertEqual((status, "<svg" in text), (200, True))
        self.assertEqual(self.staff.page("caller", "/processes/nothing")[0], 404)
        case = self.ids[0]
        self.assertEqual(self.staff.act("ecology", case, "sign")[0], 303)
        address = self.staff.address("ecology", case, "answer")
        body = {**self.staff.form("ecology", address), "i-done": "已修", "i-reply": "甲 <乙>"}
        status, text = self.staff.submit("ecology", address, {**body, "phrase-reply": "1"})
        self.assertEqual(status, 200, text)
        self.assertRegex(text, r'(?s)<textarea id="i-reply"[^>]*>\n甲 &lt;乙&gt;\n经核实，情况如下：</textarea>')
        self.assertRegex(text, r'(?s)<textarea id="i-done"[^>]*>\n已修</textarea>')
        # One that is not there any more is told: a press on its button submits nothing.
        for gone in ("99", "x", ""):
            hidden = {name: re.search(f'name="{name}" value="([^"]*)"', text)[1] for name in ("token", "grounds", "nonce")}
            status, text = self.staff.submit("ecology", address, {**body, **hidden, "phrase-reply": gone})
            self.assertEqual((status, "请再选一次" in text), (200, True))
        self.assertEqual(self.staff.address("ecology", case, "answer"), address)


if __name__ == "__main__":
    unittest.main()

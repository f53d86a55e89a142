"""A month's assessment: counted, disputed, recorded, confirmed, on the intranet and nowhere else."""
import pathlib
import re
import subprocess
import unittest

from support import BIN, SharedDesk, post, request_fields

LIMIT = {"budget": "5", "budget-unit": "wd"}


class AssessmentTests(SharedDesk):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = cls.core / "coredesk.yaml"

    def does(self, officer, case, action, **fields):
        code, page = self.staff.act(officer, case, action, {name.replace("_", "-"): value for name, value in fields.items()})
        self.assertEqual(code, 303, f"{officer} {action}: {page[-600:]}")

    def at(self, instant):
        self.system.env["NOW"] = instant
        self.system.call("clock", instant)

    def assess(self, *options):
        return subprocess.run([BIN / "coredesk", "assess", *options, "--config", self.config], capture_output=True, text=True)

    def record(self, **fields):
        hidden = self.staff.form("reviewer", "/new/assessments")
        body = {**hidden, **{f"i-{name}": value for name, value in fields.items()}}
        return self.staff.call("/new/assessments", self.staff.certificate("staff/reviewer"), f"Origin: {self.staff.origin}", body=body)

    def test_a_month_from_its_cases_to_the_intranet(self):
        for number in range(2):
            self.assertEqual(post(self.system.forms + "/forms/hotline", request_fields(self.system, number))[0], 303)
        self.system.ferry()
        cases = self.staff.cases("dispatcher")
        first, second = cases["测试诉求第 0 号"], cases["测试诉求第 1 号"]
        for case, lead in ((first, "urban-management"), (second, "ecology")):
            self.does("dispatcher", case, "dispatch", lead=lead, **LIMIT)
        self.does("urban", first, "sign")
        self.does("urban", first, "answer", done="已修好", reply="已经修好。")
        self.does("reviewer", first, "approve")
        self.does("caller", first, "satisfied")
        # A month that is not over is counted as far as it is.
        self.assertIn("本月还没有结束", self.assess("2026-09").stdout)
        self.assertIn("has not begun", self.assess("2026-11").stderr)
        self.assertEqual(self.assess("2026-09", "--rules", "none").returncode, 64)
        code, page = self.record(month="2026-09", rules="hotline-points")
        self.assertEqual(code, 422)
        self.assertIn("还没有结束", page)
        self.at("2026-09-20T09:00:00+08:00")
        self.does("ecology", second, "answer", done="已查处", reply="已经查处。")
        self.at("2026-10-09T09:00:00+08:00")
        out = self.system.folder / "month"
        said = self.assess("2026-09", "--out", out)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertRegex(said.stdout, r"城市管理部门  100\.00 优秀")
        self.assertRegex(said.stdout, r"生态环境部门  35\.71 不合格")
        # Both rule sets over the same month, and every number with its cases.
        self.assertEqual(sorted(file.name for file in out.iterdir()),
                         ["hotline-lists-cases.csv", "hotline-lists.csv", "hotline-points-cases.csv", "hotline-points.csv"])
        rows = (out / "hotline-points-cases.csv").read_text(encoding="utf-8-sig").splitlines()
        self.assertEqual(len([row for row in rows if ",及时签收率," in row]), 2)
        self.assertNotIn("测试诉求", "\n".join(rows))
        code, page = self.staff.page("leader", "/assessments?month=2026-09")
        self.assertEqual(code, 200)
        self.assertIn("<svg", page)
        address = re.search(r'href="(/assessments/cases\?[^"]*indicator=closed[^"]*unit=ecology[^"]*)"', page)[1].replace("&amp;", "&")
        code, listed = self.staff.page("reviewer", address)
        self.assertEqual(re.findall(r'href="/cases/([0-9a-f-]{36})"', listed), [second])
        self.assertIn("没有达到", listed)
        # A later page begins behind a figure of a case.
        for after, cases in [("0.0", [second]), ("1000000.0", []), ("x", [second])]:
            later = self.staff.page("reviewer", f"{address}&after={after}")[1]
            self.assertEqual(re.findall(r'href="/cases/([0-9a-f-]{36})"', later), cases, after)
        # Who has no permission sees nothing; rubbish is answered in words.
        self.assertEqual(self.staff.page("urban", "/assessments")[0], 404)
        self.assertNotIn('href="/assessments"', self.staff.page("urban", "/")[1])
        self.assertIn("月份要写成", self.staff.page("leader", "/assessments?month=x")[1])
        self.assertIn("没有在用的考核办法", self.staff.page("leader", "/assessments?month=2020-01")[1])
        self.assertEqual(self.staff.page("leader", "/assessments/cases?month=2026-09&rules=x&indicator=y&unit=z")[0], 404)
        self.assertIn("text/csv", subprocess.run(
            ["curl", "-sSI", "-X", "GET", "--unix-socket", self.staff.socket, "-H", self.staff.certificate("staff/leader"),
             "http://desk/assessments?month=2026-09&csv=1"], capture_output=True, text=True).stdout)
        # Recorded by one, confirmed by another; again only with a reason.
        code, page = self.record(month="2026-09", rules="hotline-points")
        self.assertEqual(code, 303, page)
        record = self.recorded()
        self.assertIn("不合格", self.staff.page("leader", f"/assessments/records/{record}")[1])
        self.assertEqual(self.record(month="2026-09", rules="hotline-points")[0], 422)
        self.assertEqual(self.record(month="September", rules="hotline-points")[0], 422)
        self.assertEqual(self.record(month="2026-09", rules="nothing")[0], 422)
        self.assertIsNone(self.staff.address("reviewer", record, "publish"))
        self.does("leader", record, "publish")
        # A disputed case leaves the denominator by a decision, and what was recorded stays as it was.
        self.does("ecology", second, "object", why="属于上级机关职责")
        self.does("reviewer", second, "sustain", why="情况属实")
        self.assertIn("剔除", self.staff.page("leader", "/assessments?month=2026-09")[1])
        self.assertIn("没有到期事项", self.assess("2026-09", "--rules", "hotline-points").stdout)
        self.assertIn("不合格", self.staff.page("leader", f"/assessments/records/{record}")[1])
        code, page = self.record(month="2026-09", rules="hotline-points", why="异议成立")
        self.assertEqual(code, 303, page)
        # The intranet has the page with chart and table; the public tree has no word of it.
        self.system.call("publish")
        site = self.system.folder / "core/site"
        pages = list((site / "intranet").glob("internal/assessments/0*/index.html"))
        self.assertEqual(len(pages), 1)
        text = pages[0].read_text()
        self.assertIn("不合格", text)
        self.assertIn("chart", text)
        self.assertTrue(list(pages[0].parent.glob("*.csv")))
        public = subprocess.run(["grep", "-rl", "不合格", site / "public"], capture_output=True, text=True).stdout
        self.assertEqual(public, "")
        self.does("leader", record, "withdraw", why="已重新计算")
        self.system.call("publish")
        self.assertEqual(list((site / "intranet").glob("internal/assessments/0*/index.html")), [])
        self.assertEqual(subprocess.run([BIN / "coredesk", "audit", "verify", "--config", self.config], capture_output=True).returncode, 0)

    def recorded(self):
        return re.search(r'href="/cases/(assessment-[0-9a-f]+)"', self.staff.page("leader", "/tasks")[1])[1]


if __name__ == "__main__":
    unittest.main()

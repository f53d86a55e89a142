"""Requests by telephone: an officer fills in the citizen's form, and the caller goes on with receipt and code like anybody else."""
import re
import unittest

from support import SharedDesk, inner, post, request_fields


class RegistrationTests(SharedDesk):
    def hidden(self, page):
        return {name: re.search(f'name="{name}" value="([^"]*)"', page)[1] for name in ("token", "grounds", "nonce")}

    def send(self, hidden, officer="operator", **fields):
        answers = {key: value for key, value in request_fields(self.system).items() if not key.startswith("_")}
        body = {**answers, **hidden, **{key.replace("__", "."): value for key, value in fields.items()}}
        return self.staff.call("/new/hotline", self.staff.certificate(f"staff/{officer}"), f"Origin: {self.staff.origin}", body=body)

    def status(self, receipt, code):
        return post(self.system.forms + "/forms/status", {"receipt": receipt, "code": code})[2]

    def test_a_caller_gets_a_receipt_that_opens_everywhere(self):
        self.assertIn('href="/new/hotline">登记便民热线诉求', self.staff.page("operator", "/")[1])
        self.assertNotIn("/new/hotline", self.staff.page("urban", "/")[1])
        self.assertEqual(self.staff.page("urban", "/new/hotline")[0], 404)
        code, page = self.staff.page("operator", "/new/hotline?caller=13700001111")
        self.assertEqual(code, 200)
        self.assertIn('value="13700001111"', page)
        self.assertNotIn('type="file"', page)
        hidden = self.hidden(page)
        # Half of it comes back with what is lacking and with what was typed.
        code, page = self.send(hidden, subject="槐树巷路灯不亮三天", details="短", phone="13700001111")
        self.assertEqual(code, 422)
        self.assertIn("error-summary", page)
        self.assertIn('value="槐树巷路灯不亮三天"', page)
        hidden = self.hidden(page)
        code, page = self.send(hidden, subject="槐树巷路灯不亮三天", phone="13700001111")
        self.assertEqual(code, 200, page)
        receipt, query = inner(page, "receipt"), inner(page, "code")
        number = re.search(r"已登记为 (\d+) 号", page)[1]
        # Sent twice: the same. With other words: told.
        self.assertEqual(self.send(hidden, subject="槐树巷路灯不亮三天", phone="13700001111")[1], page)
        self.assertEqual(self.send(hidden, subject="别的事情别的标题", phone="13700001111")[0], 409)
        self.assertIn("没有找到", self.status(receipt, query))
        self.system.ferry()
        self.assertIn("已收到", self.status(receipt, query))
        case = self.staff.cases("operator")["槐树巷路灯不亮三天"]
        self.assertIn("热线受理员", self.staff.page("dispatcher", f"/cases/{case}")[1])
        # Somebody else calls about the same, and the same caller once more.
        page = self.staff.page("operator", "/new/hotline?caller=13700001111")[1]
        self.assertIn(f'href="/cases/{case}"', page)
        code, page = self.send(self.hidden(page), subject="槐树巷的路灯不亮", phone="13700002222", _look="1")
        self.assertEqual(code, 200)
        self.assertIn(f'href="/cases/{case}"', page)
        self.assertIn("还没有登记", page)
        self.assertNotIn("槐树巷的路灯不亮", self.staff.cases("dispatcher"))
        # The caller takes it back from the site.
        post(self.system.forms + "/forms/follow-up", {"receipt": receipt, "code": query, "action": "withdraw"})
        self.system.ferry()
        self.assertIn("已撤回", self.status(receipt, query))
        self.assertIn(number, self.staff.page("operator", "/?closed=1")[1])

    def test_an_answer_keeps_its_paragraphs(self):
        """Browsers send CR LF; what nobody sees does not pass."""
        page = self.send(self.hidden(self.staff.page("operator", "/new/hotline")[1]), subject="井盖松动有响声")[1]
        receipt, query = inner(page, "receipt"), inner(page, "code")
        case = self.staff.cases("operator")["井盖松动有响声"]
        def answer(reply):
            return self.staff.act("urban", case, "answer", {"done": "已处理", "reply": reply})
        self.assertEqual(self.staff.act("dispatcher", case, "dispatch", {"lead": "urban-management", "budget": "5", "budget-unit": "wd"})[0], 303)
        code, refused = answer("已修好。\x07")
        self.assertEqual((code, "已修好" in refused, re.findall("不能使用的字符（(.*?)）", refused)), (422, True, ["U+0007"]))
        self.assertEqual(answer("第一\u202e\u200b段。\r\n\r\n第二段。\r\n第三行。")[0], 303)
        self.assertEqual(self.staff.act("reviewer", case, "approve")[0], 303)
        self.system.ferry()
        self.assertRegex(self.status(receipt, query), r"第一段。<br>\s*<br>\s*第二段。<br>\s*第三行。")

    def test_what_is_not_the_officers_own_fresh_form_is_refused(self):
        hidden = self.hidden(self.staff.page("operator", "/new/hotline")[1])
        self.assertEqual(self.send({**hidden, "token": "0" * 64})[0], 403)
        self.assertEqual(self.send({**hidden, "nonce": "1" * 32})[0], 403)
        # Another officer's, and one who may not.
        self.assertEqual(self.send(hidden, officer="dispatcher")[0], 404)
        # A field that the form lacks, and a mark.
        self.assertEqual(self.send(hidden, other="x")[0], 422)
        code, page = self.send(hidden, details="<script>alert(1)</script> 是这样写的一段话")
        self.assertEqual(code, 200)
        self.assertNotIn("<script", page)

    def test_a_report_is_registered_and_not_seen_again(self):
        page = self.staff.page("operator", "/new/hotline")[1]
        code, page = self.send(self.hidden(page), nature="report", subject="示例举报事项一件")
        self.assertEqual(code, 200)
        self.assertIn("凭证号", page)
        self.assertNotIn("示例举报事项一件", self.staff.cases("operator"))
        self.assertIn("示例举报事项一件", self.staff.cases("discipline"))


if __name__ == "__main__":
    unittest.main()

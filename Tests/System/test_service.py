"""formsapi's other doors: files, steps, the JSON API, Open311, limits, the scanner, metrics."""
import base64
import contextlib
import hashlib
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import unittest
import urllib.parse
import urllib.request

from support import Desk, BIN, NOW, ROOT, WIDE, Service, System, call, get, inner, look_at, multipart, post, request_fields, wait_until

PDF = b"%PDF-1.4\n% a sample\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64
# The scanner's own test signature below looks for these bytes; they are in no real file.
SIGNATURE = b"xinmi-scanner-test-signature-0001"


class ServiceTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.system.call("prepare")
        cls.system.configure(limits=WIDE)
        cls.service = Service(cls.system)
        cls.api = cls.system.forms + "/api/v1"

    @classmethod
    def tearDownClass(cls):
        cls.service.stop()
        cls.system.close()

    def count(self, table, where="1"):
        with sqlite3.connect(self.system.folder / "edge/forms.sqlite") as db:
            return db.execute(f"select count(*) from {table} where {where}").fetchone()[0]

    def send(self, fields, files, form="hotline"):
        body, headers = multipart(fields, files)
        return post(f"{self.system.forms}/forms/{form}", {}, headers, raw=body)

    def answers(self, number=0):
        return {
            "nature": "help", "subject": f"接口测试第 {number} 号", "details": "这是一条测试用的诉求，内容没有意义。",
            "place": {"unit": "chaohua", "rest": "文化广场"}, "phone": "13800000000", "publish": "refuse"}

    # Files

    def test_a_file_is_sealed_and_never_readable_here(self):
        secret = PDF + b"only the core may read this sentence" * 200_000
        status, headers, body = self.send(request_fields(self.system, 1), [("photos", "现场 说明.pdf", secret)])
        self.assertEqual(status, 303, body[-500:])
        self.assertGreater(self.count("attachment_part"), 2)
        for file in (self.system.folder / "edge").glob("forms.sqlite*"):
            content = file.read_bytes()
            self.assertNotIn(b"only the core may read", content)
            self.assertNotIn("现场".encode(), content)
        # No file of this process held it either.
        self.assertEqual([f for f in pathlib.Path("/tmp").glob("*") if f.is_file() and f.stat().st_mtime > time.time() - 60 and f.stat().st_size >= len(secret)], [])

    def test_a_clean_file_is_kept_while_the_form_is_mended(self):
        fields = request_fields(self.system, 2)
        status, _, body = self.send({**fields, "subject": ""}, [("photos", "a.png", PNG), ("photos", "b.pdf", PDF)])
        self.assertEqual(status, 422)
        claims = re.findall(r'type="checkbox"[^>]* name="photos" value="([0-9a-f]{32})" checked', body)
        self.assertEqual(len(claims), 2)
        self.assertIn("a.png", body)
        status, headers, _ = self.send({**fields, "photos": claims}, [])
        self.assertEqual(status, 303)
        # The same claims with another form are not good any longer.
        status, _, body = self.send({**request_fields(self.system, 3), "photos": claims}, [])
        self.assertEqual(status, 422)
        self.assertIn("重新上传", body)

    def test_what_a_form_does_not_take(self):
        fields = request_fields(self.system, 4)
        before = self.count("attachment")
        for name, content, words in [
            ("a.zip", b"PK\x03\x04" + b"x" * 100, "只能上传"), ("a.png", PDF, "文件名却以 .png 结尾"), ("a.exe", PNG, "文件名却以 .exe 结尾"), ("a.pdf", b"", "空文件"),
            ("a.docm", b"\xd0\xcf\x11\xe0" + b"x" * 100, "只能上传"), ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>" * 3, "只能上传"),
            ("a.pdf", PDF + b"/OpenAction << /S /JavaScript /JS (app.alert(1)) >>", "安全检查"), ("a.mp4", b"\x00\x00\x00\x18ftypisom" + b"x" * (101 << 20), "100 MB"),
        ]:
            status, _, body = self.send(fields, [("photos", name, content)])
            self.assertEqual(status, 422, name)
            self.assertIn(words, body)
            self.assertIn(fields["subject"], body)
        # Any ending of its kind, and none at all.
        jpeg = b"\xff\xd8\xff\xe0" + b"x" * 100
        for name in ("a.jfif", "a.jpe", "照片"):
            self.assertEqual(self.send(request_fields(self.system, 40) | {"subject": name * 4}, [("photos", name, jpeg)])[0], 303, name)
            before += 1
        status, _, body = self.send(fields, [("photos", f"{n}.png", PNG) for n in range(6)])
        self.assertEqual(status, 422)
        self.assertIn("最多 5 个文件", body)
        self.assertEqual(self.count("attachment"), before + 6, "only those that were clean are kept")
        status, _, body = self.send(fields, [("details", "a.png", PNG)])
        self.assertEqual(status, 400)
        # An input without a file.
        status, _, _ = self.send(fields, [("photos", "", b"")])
        self.assertEqual(status, 303)

    def test_runs_of_marks_are_cut_before_anything_is_compared(self):
        marks = "\u0301\u0316" * 3_000
        for name in ("_lang", "nature", "place.unit", "subject"):
            fields = {**request_fields(self.system, 30), "subject": "记号" + name}
            fields[name] = "z" + marks
            for send in (lambda: self.send(fields, []), lambda: post(self.system.forms + "/forms/hotline", fields)):
                status, _, body = send()
                # An unknown language is Chinese.
                self.assertEqual(status, 303 if name == "_lang" else 422, name)
                self.assertLess(body.count("\u0301"), 200, name)
        status, _, body = post(self.system.forms + "/open311/v2/requests.json", {"service_code": "x" + marks})
        self.assertEqual((status, "\u0301" in body), (404, False))

    def test_a_receipt_opens_once_from_elsewhere_and_not_after_it_was_closed(self):
        def client(number):
            return {"X-Forwarded-For": f"198.51.100.{number}"}
        status, head, _ = post(self.system.forms + "/forms/hotline", request_fields(self.system, 81), client(1))
        self.assertEqual(status, 303)
        address = self.system.forms + head["Location"]
        def receipts(number):
            return "id=\"receipt\"" in look_at(urllib.request.Request(address, headers=client(number)))[2]
        self.assertEqual([receipts(number) for number in (1, 1, 2, 2, 3, 1)], [True, True, True, False, False, True])
        self.assertIn(post(address.partition("?")[0], {"_lang": "zh"}, client(1))[0], (200, 303))
        self.assertEqual([receipts(number) for number in (1, 2)], [False, False])

    def test_broken_multipart_bodies_are_refused(self):
        url = self.system.forms + "/forms/hotline"
        good, headers = multipart(request_fields(self.system, 5), [("photos", "a.png", PNG)])
        before = self.count("submission")
        for body in [good[:-30], good[:200], b"", b"--", good.replace(b"xinmi-test-boundary", b"other"), b"\r\n" * 5_000]:
            status, _, text = post(url, {}, headers, raw=body)
            self.assertEqual(status, 400, body[:40])
            self.assertIn('role="alert"', text)
        status, _, _ = post(url, {}, {"Content-Type": "multipart/form-data"}, raw=good)
        self.assertEqual(status, 415)
        self.assertEqual(self.count("submission"), before)

    def test_a_large_file_needs_little_memory(self):
        def resident():
            text = pathlib.Path(f"/proc/{self.service.process.pid}/status").read_text()
            return int(re.search(r"VmHWM:\s+(\d+) kB", text).group(1)) / 1024
        def upload(size):
            url = f"{self.api}/forms/hotline/attachments?field=photos&name=v.mp4"
            return call("POST", url, b"\x00\x00\x00\x18ftypisom" + os.urandom(size), {"Content-Type": "application/octet-stream"})[0]
        self.assertEqual(upload(1 << 20), 201)
        before = resident()
        self.assertEqual(upload((100 << 20) - 100), 201)
        self.assertLess(resident() - before, 32)

    # Steps

    def step(self, fields, files=()):
        """Sends a step; the next one has an address of its own, so that the back button and a reload repeat nothing."""
        status, headers, body = self.send(fields, files, "catering-opening")
        if status == 303 and "/steps/" in headers["Location"]:
            status, _, body = look_at(urllib.parse.urljoin(self.system.forms, headers["Location"]))
        return status, headers, body

    def test_a_form_in_steps_without_cookies(self):
        digest = self.system.digest("catering-opening")
        fields = {"_form": digest, "_lang": "zh", "kind": "company", "name": "测试", "phone": "13900000000"}
        status, _, body = self.step({**fields, "_page": "applicant", "_step": "next"})
        self.assertEqual((status, 'name="_page" value="company"' in body), (200, True))
        status, _, body = self.step({**fields, "company": "示例公司", "_page": "company", "_step": "next"})
        self.assertEqual((status, "f-uscc-error" in body), (422, True))
        fields |= {"company": "示例公司", "uscc": "91350100M000100Y43"}
        status, headers, body = self.step({**fields, "_page": "company", "_step": "next"})
        self.assertEqual((status, 'name="_page" value="premises"' in body), (200, True))
        self.assertNotIn("Set-Cookie", headers)
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', body))
        self.assertEqual(hidden["company"], "示例公司")
        # Back again: what was typed is there.
        status, _, body = self.step({**fields, "_page": "premises", "_step": "back"})
        self.assertIn('value="示例公司"', body)
        # Straight to the end: led back to the first page that lacks something.
        status, _, body = self.step({**fields, "_page": "review", "_step": "submit", "truth": "yes"})
        self.assertEqual((status, 'name="_page" value="premises"' in body), (422, True))
        rest = {"shop": "示例小馆", "place.unit": "xidajie", "area": "80", "seats": "30", "fuel": "gas"}
        papers = [(name, name + ".pdf", PDF) for name in ("idcard", "premises", "layout", "fire")]
        status, _, body = self.step({**fields, **rest, "_page": "materials", "_step": "next"}, papers)
        self.assertEqual((status, 'name="_page" value="statement"' in body), (200, True), body[-2000:])
        claims = {name: claim for name, claim in re.findall(r'type="hidden" name="([^"]+)" value="([0-9a-f]{32})"', body)}
        self.assertEqual(set(claims), {"idcard", "premises", "layout", "fire"})
        status, _, body = self.step({**fields, **rest, **claims, "truth": "yes", "_page": "statement", "_step": "next"})
        self.assertIn("请核对", body)
        self.assertIn("idcard.pdf", body)
        status, headers, body = self.step({**fields, **rest, **claims, "truth": "yes", "_page": "review", "_step": "submit"})
        self.assertEqual(status, 303, body[-1500:])

    # The JSON API

    def test_the_api_takes_a_form_with_a_file(self):
        status, _, forms = call("GET", self.api + "/forms")
        self.assertIn("hotline", [form["id"] for form in forms["forms"]])
        status, headers, _ = call("GET", self.api + "/forms/hotline")
        self.assertEqual((status, headers["ETag"]), (200, f'"{self.system.digest("hotline")}"'))
        url = f"{self.api}/forms/hotline/attachments?field=photos&name={urllib.parse.quote('照片.png')}"
        status, _, file = call("POST", url, PNG, {"Content-Type": "application/octet-stream"})
        self.assertEqual((status, file["type"], file["name"], file["sha256"]), (201, "image/png", "照片.png", hashlib.sha256(PNG).hexdigest()))
        body = {"answers": self.answers(1), "attachments": [file["claim"]], "form": self.system.digest("hotline")}
        status, _, receipt = call("POST", self.api + "/forms/hotline/submissions", body)
        self.assertEqual((status, receipt["repeated"]), (201, False), receipt)
        status, _, again = call("POST", self.api + "/forms/hotline/submissions", body)
        self.assertEqual((status, again["repeated"], again["receipt"]), (200, True, receipt["receipt"]))
        status, _, found = call("POST", self.api + "/status", {"receipt": receipt["receipt"], "code": receipt["code"]})
        self.assertEqual((status, found), (200, {"state": "received", "version": 0}))
        wrong = call("POST", self.api + "/status", {"receipt": receipt["receipt"], "code": "0" * 16})[::2]
        self.assertEqual(wrong, call("POST", self.api + "/status", {"receipt": "XM26", "code": ""})[::2])
        self.assertEqual(wrong[0], 404)

    def test_the_api_says_what_is_wrong(self):
        url = self.api + "/forms/hotline/submissions"
        before = self.count("submission")
        good = self.answers(2)
        for status, code, body in [
            (400, "malformed", b"{"), (400, "malformed", {"answers": []}), (400, "malformed", {"answers": good, "other": 1}),
            (400, "malformed", {"answers": good, "language": "fr"}), (400, "malformed", b'{"answers":{"area":1.5}}'),
            (422, "invalid", {"answers": {}}), (422, "invalid", {"answers": {**good, "nature": "x"}}), (422, "invalid", {"answers": {**good, "more": "x"}}),
            (422, "invalid", {"answers": good, "attachments": ["0" * 32]}), (404, "unknownForm", {"answers": good, "form": "0" * 64}),
        ]:
            got, headers, problem = call("POST", url, body)
            self.assertEqual((got, problem["code"], headers["Content-Type"]), (status, code, "application/problem+json"), body)
        self.assertEqual({e["field"]: e["code"] for e in call("POST", url, {"answers": {}})[2]["errors"]}["phone"], "required")
        self.assertEqual(call("POST", url, {"answers": good}, {"Content-Type": "text/plain"})[0], 415)
        # A file's place takes no text, and nothing is lost in silence.
        lost = call("POST", url, {"answers": {**good, "photos": ["0" * 32]}})
        self.assertEqual((lost[0], [e["field"] for e in lost[2]["errors"]]), (422, ["photos"]))
        # White space before the semicolon of a media type (RFC 9110).
        self.assertEqual(call("POST", url, {"answers": {}}, {"Content-Type": "application/json ; charset=utf-8"})[0], 422)
        self.assertEqual(call("POST", url, {"answers": good}, {"Sec-Fetch-Site": "cross-site"})[0], 403)
        self.assertEqual(call("POST", url, b'{"answers":' + b"[" * 100_000, None)[0], 400)
        self.assertEqual(call("POST", url, b" " * 300_000, None)[0], 413)
        self.assertEqual(call("POST", self.api + "/forms/hotline/attachments?field=phone&name=a.png", PNG)[2]["code"], "unknownField")
        self.assertEqual(self.count("submission"), before)

    def test_no_file_is_taken_from_somebody_without_receipt_and_code(self):
        before = self.count("attachment")
        fields = {"_form": self.system.digest("hotline"), "_lang": "en", "_receipt": "XM2609010000000000", "_code": "0" * 16}
        body, headers = multipart(fields, [("photos", "a.png", PNG)])
        status, _, text = post(self.system.forms + "/forms/supplements/hotline", {}, headers, raw=body)
        self.assertEqual(status, 404)
        self.assertIn('lang="en"', text)
        # Files before the fields are nobody's either.
        files, headers = multipart({}, [("photos", "a.png", PNG)])
        rest, _ = multipart(fields)
        self.assertEqual(post(self.system.forms + "/forms/supplements/hotline", {}, headers, raw=files.replace(b"--xinmi-test-boundary--\r\n", b"") + rest)[0], 404)
        self.assertEqual(self.count("attachment"), before)

    # Other sites

    def test_answers_wear_the_dress_of_the_site_that_was_asked(self):
        forms = self.system.forms + "/forms/site/chaohua"
        portal = post(self.system.forms + "/forms/hotline", {"_form": self.system.digest("hotline")})[2]
        own = post(forms + "/hotline", {"_form": self.system.digest("hotline")})[2]
        self.assertIn('action="/forms/site/chaohua/hotline"', own)
        self.assertIn('<a href="/xz/chaohua/"', own)
        self.assertNotEqual(portal[:2_000], own[:2_000])
        status, headers, _ = post(forms + "/hotline", request_fields(self.system, 700))
        self.assertEqual(status, 303)
        self.assertRegex(headers["Location"], "^/forms/site/chaohua/receipts/[0-9a-f]{32}")
        page = get(self.system.forms + headers["Location"])[1]
        self.assertIn('action="/forms/site/chaohua/status"', page)
        shown = post(forms + "/status", {"receipt": inner(page, "receipt"), "code": inner(page, "code")})[2]
        self.assertIn('action="/forms/site/chaohua/follow-up"', shown)
        done = post(forms + "/follow-up", {"receipt": inner(page, "receipt"), "code": inner(page, "code"), "action": "withdraw"})
        self.assertEqual(done[0], 200)
        # A site that is not there has the main one's dress, and nothing else is read or found by that name.
        self.assertEqual(post(self.system.forms + "/forms/site/nowhere/hotline", request_fields(self.system, 701))[0], 303)
        for path in ("/forms/site/..%2f..%2fx/nothing", "/forms/site/chaohua", "/forms/site/chaohua/a/b", "/forms/site/A/b/c"):
            self.assertIn(get(self.system.forms + path)[0], (400, 404), path)
        # Whoever opens an address that forms are sent to is led to the page that has the form.
        for path, page in (("/forms/site/..%2f..%2fx/hotline", "/hotline/request/"), ("/forms/hotline?lang=en", "/en/hotline/request/"), ("/forms/status", "/hotline/status/")):
            status, headers, _ = look_at(self.system.forms + path)
            self.assertEqual((status, headers["Location"]), (303, page))

    # Open311 over the ferry

    def test_an_open311_client_follows_its_request_over_the_ferry(self):
        base = self.system.forms + "/open311/v2"
        status, _, services = call("GET", base + "/services.json")
        self.assertIn("complaint", [service["service_code"] for service in services])
        status, _, definition = call("GET", base + "/services/complaint.json")
        required = {a["code"] for a in definition["attributes"] if a["required"]}
        self.assertEqual(required, {"subject", "place.unit", "publish"})
        fields = {
            "service_code": "complaint", "description": "工地夜里施工，已经连续三个晚上。", "address_string": "文化广场西侧", "lat": "34.5373", "long": "113.3726",
            "phone": "13800000000", "last_name": "测", "first_name": "试", "attribute[subject]": "夜间施工扰民", "attribute[place.unit]": "chaohua", "attribute[publish]": "refuse"}
        status, _, body = post(base + "/requests.json", {**fields, "media_url": "https://photos.example/1.jpg", "email": "a@example.org", "device_id": "7"})
        self.assertEqual(status, 201, body)
        token, notice = json.loads(body)[0]["token"], json.loads(body)[0]["service_notice"]
        self.assertEqual(notice, "media_url was added to the description; nothing was fetched. This service does not use email, device_id.")
        self.assertEqual(call("GET", f"{base}/tokens/{token}.json")[2][0]["service_request_id"], "")
        status, _, body = post(base + "/requests.xml", {**fields, "lat": "", "long": "", "attribute[subject]": "另一件 <事> & 更多"})
        self.assertRegex(body, r"^<\?xml[^>]*\?>\n<service_requests><request><token>[0-9a-f]{32}</token>")
        # A program that got no answer tries again: another token, the same request.
        again = json.loads(post(base + "/requests.json", {**fields, "media_url": "https://photos.example/1.jpg"})[2])[0]["token"]
        key = {"Idempotency-Key": "0123456789abcdef0123456789abcdef"}
        keyed = [json.loads(post(base + "/requests.json", {**fields, "attribute[subject]": "第三件事"}, key)[2])[0]["token"] for _ in range(2)]
        self.assertEqual(len({token, again, *keyed}), 4)
        self.assertEqual(post(base + "/requests.json", fields, key)[0], 422)
        self.assertEqual(post(base + "/requests.json", fields, {"Idempotency-Key": "0123456789abcdef"})[0], 400)
        status, _, body = post(base + "/requests.json", {"service_code": "complaint"})
        self.assertEqual((status, json.loads(body)[0]["code"]), (400, 400))
        self.assertEqual(post(base + "/requests.json", {**fields, "media_url": "file:///etc/passwd"})[0], 400)
        # Half a position, one that cannot be, and what is not known, are told.
        for change in ({"lat": ""}, {"lat": "91"}, {"lat": "north"}, {"description": ["一", "二"]}):
            self.assertEqual(post(base + "/requests.json", {**fields, **change})[0], 400, change)
        status, _, body = post(base + "/requests.json", {**fields, "attribute[subject]": "第三件事", "zipcode": "452370"}, key)
        self.assertIn("does not know were left out: 1", json.loads(body)[0]["service_notice"])
        self.assertEqual(post(base + "/requests.json", {"service_code": "nothing"})[0], 404)
        self.assertEqual(call("GET", f"{base}/tokens/{'0' * 32}.json")[0], 404)
        self.system.ferry()
        number = call("GET", f"{base}/tokens/{token}.json")[2][0]["service_request_id"]
        self.assertRegex(number, r"^\d+$")
        numbers = [call("GET", f"{base}/tokens/{one}.json")[2][0]["service_request_id"] for one in (again, *keyed)]
        self.assertEqual(numbers[0], number)
        self.assertEqual((numbers[1], len(set(numbers))), (numbers[2], 2))
        status, _, shown = call("GET", f"{base}/requests/{number}.json")
        self.assertEqual((status, shown[0]["status"], shown[0]["service_code"], shown[0]["service_name"]), (200, "open", "complaint", "投诉"))
        self.assertNotIn("description", shown[0])
        self.assertEqual(call("GET", base + "/requests/999999.json")[0], 404)
        def found(query):
            status, _, answer = call("GET", f"{base}/requests.json?{query}")
            return status, answer if status != 200 else [request["service_request_id"] for request in answer]
        status, both = found("")
        self.assertEqual((status, len(both)), (200, 3))
        other, third = [one for one in both if one != number]
        day = shown[0]["requested_datetime"]
        for query, expected in [
            (f"service_request_id={number}", [number]), (f"service_request_id={other},{number},77&status=closed", [other, number]),
            (f"service_request_id={number}&service_request_id={other}", [number, other]),
            ("service_code=complaint", both), ("service_code=praise", []), ("service_code=praise,complaint", both), ("service_code=x%27%20OR%201", []),
            ("status=open", both), ("status=closed", []), ("status=open,closed", both),
            (f"start_date={day[:10]}", both), (f"end_date={day[:10]}", both), (f"start_date={day}&end_date={day}", both),
            (f"start_date={urllib.parse.quote(day)}", both), ("start_date=2020-01-01T00:00:00.000Z", []), ("end_date=2020-01-01", []),
        ]:
            status, answer = found(query)
            self.assertEqual((status, sorted(answer)), (200, sorted(expected)), query)
        for query, lines in [
            ("status=new", ["status: open or closed"]), ("start_date=yesterday", ["start_date: not a date and time as 2026-09-01T09:00:00+08:00"]),
            ("start_date=2026-01-01&end_date=2026-06-01", ["end_date: more than 90 days after start_date"]),
            ("start_date=2026-02-01&end_date=2026-01-01&status=x", ["status: open or closed", "end_date: before start_date"]),
        ]:
            status, answer = found(query)
            self.assertEqual((status, [error["description"] for error in answer]), (400, lines), query)
        # The core has what was sent, and an officer reads it.
        with sqlite3.connect(self.system.folder / "core/desk.sqlite") as db:
            case = db.execute("select id from subject where number = ?", (int(number),)).fetchone()[0]
        desk = Desk(self.system, serve=True)
        self.addCleanup(desk.stop)
        page = desk.page("dispatcher", f"/cases/{case}")[1]
        self.assertIn("超化镇文化广场西侧（定位 113.3726,34.5373,0：经度、纬度、误差米）", page)
        self.assertIn("附件网址（未下载、未检查）：https://photos.example/1.jpg", page)

    # Messages about a case

    def test_a_message_that_is_not_the_citizens_changes_nothing(self):
        def send(number):
            page = get(self.system.forms + post(self.system.forms + "/forms/hotline", request_fields(self.system, number))[1]["Location"])[1]
            return inner(page, "receipt"), inner(page, "code")
        def withdraw(receipt, code):
            return post(self.system.forms + "/forms/follow-up", {"receipt": receipt, "code": code, "action": "withdraw"})
        def desk(sql, *values):
            with sqlite3.connect(self.system.folder / "core/desk.sqlite") as db:
                return db.execute(sql, values).fetchall()
        forged, other, true = send(501), send(502), send(503)
        self.system.ferry()
        # The message for one case comes under the name of another, whose keys its sender does not hold.
        lookup = dict(desk("select receipt, lookup from correspondent"))
        for receipt, name in ((forged[0], "x"), (other[0], lookup[forged[0]]), (forged[0], lookup[other[0]])):
            desk("update correspondent set lookup = ? where receipt = ?", name, receipt)
        for case in (forged, true):
            self.assertEqual(withdraw(*case)[0], 200)
        # The same again is one message.
        before = self.count("lane_queue")
        self.assertEqual(withdraw(*true)[0], 200)
        self.assertEqual(self.count("lane_queue"), before)
        self.assertEqual(withdraw(true[0], other[1])[0], 404)
        self.assertEqual(post(self.system.forms + "/forms/follow-up", {"receipt": true[0], "code": true[1], "action": "rate"})[0], 422)
        self.assertEqual(post(self.system.forms + "/forms/follow-up", {"receipt": true[0], "code": true[1], "action": "rate", "score": "5", "solved": "yes"})[0], 409)
        for _ in range(3):
            self.system.ferry()
        states = dict(desk("select receipt, state from correspondent join case_index using (subject)"))
        self.assertEqual([states[case[0]] for case in (forged, other, true)], ["received", "received", "withdrawn"])
        status = subprocess.run([BIN / "ferry", "status", self.system.folder / "edge/forms.sqlite"], capture_output=True, text=True).stdout
        self.assertRegex(status, "dead")
        # What was forged is put aside; the lane goes on.
        later = send(504)
        self.system.ferry()
        self.assertEqual(len(desk("select 1 from correspondent where receipt = ?", later[0])), 1)

    # Operators

    def test_metrics_stand_on_the_admin_address_only(self):
        admin = f"http://127.0.0.1:{self.system.base + 3}"
        self.assertEqual(get(admin + "/readyz"), (200, "ok\n"))
        self.assertEqual(get(self.system.forms + "/metrics")[0], 404)
        self.assertEqual(get(self.system.forms + "/readyz")[0], 404)
        post(self.system.forms + "/forms/hotline", request_fields(self.system, 31))
        post(self.system.forms + "/forms/nothing", {"a": "b"})
        text = get(admin + "/metrics")[1]
        self.assertRegex(text, r'formsapi_submissions_total\{form="hotline",outcome="stored"\} \d+')
        self.assertRegex(text, r'formsapi_refusals_total\{code="unknownForm"\} \d+')
        self.assertRegex(text, r"formsapi_backlog_items \d+")
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) |[a-z_0-9]+(\{[a-zA-Z_]+="[^"]*"(,[a-zA-Z_]+="[^"]*")*\})? [0-9.e+-]+$)')

    def test_logs_hold_nothing_personal(self):
        post(self.system.forms + "/forms/hotline", {**request_fields(self.system, 32), "phone": "13811112222"})
        post(self.system.forms + "/forms/status", {"receipt": "XM26090112345678", "code": "SECRETCODE123456"})
        log = (self.system.folder / "formsapi.log").read_text()
        for word in ("13811112222", "测试诉求", "SECRETCODE", "XM2609"):
            self.assertNotIn(word, log)
        post(self.system.forms + "/forms/nothing", {"a": "b"})
        events = [json.loads(line) for line in (self.system.folder / "formsapi.log").read_text().splitlines()]
        self.assertIn({"event": "refused", "code": "unknownForm"}, [{k: e[k] for k in ("event", "code") if k in e} for e in events])

    def test_it_stops_gracefully(self):
        system = System()
        system.call("prepare")
        service = Service(system)
        try:
            with socket.create_connection(("127.0.0.1", system.base + 1), timeout=20) as slow:
                body = urllib.parse.urlencode(request_fields(system, 77)).encode()
                slow.sendall(b"POST /forms/hotline HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:40])
                time.sleep(0.3)
                service.process.terminate()
                time.sleep(0.5)
                self.assertIsNone(service.process.poll(), "it left while somebody was sending")
                slow.sendall(body[40:])
                self.assertIn(b"303 See Other", slow.recv(4096))
            self.assertEqual(service.process.wait(timeout=20), 0)
        finally:
            service.log.close()
            system.close()

    def test_a_slow_or_smuggling_client_gets_nowhere(self):
        def raw(request):
            with socket.create_connection(("127.0.0.1", self.system.base + 1), timeout=10) as connection:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                out = b""
                while chunk := connection.recv(65536):
                    out += chunk
                return out
        head = b"POST /forms/hotline HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        before = self.count("submission")
        for request in [
            head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
            head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", head + b"Content-Length: -1\r\n\r\n", head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            head + b"X: " + b"y" * 200_000 + b"\r\n\r\n", b"\x16\x03\x01\x02\x00garbage", head + b"Content-Length: 100\r\n\r\nshort",
        ]:
            out = raw(request)
            self.assertNotIn(b"HTTP/1.1 200", out, request[:120])
            self.assertNotIn(b"HTTP/1.1 303", out)
        self.assertEqual(self.count("submission"), before)
        self.assertTrue(self.service.is_up())

    def test_who_sends_a_byte_now_and_then_loses_the_place(self):
        head = b"POST /forms/hotline HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        silent, trickling = [socket.create_connection(("127.0.0.1", self.system.base + 1), timeout=70) for _ in range(2)]
        start = time.time()
        silent.sendall(head)
        trickling.sendall(head + b"Content-Length: 100000\r\n\r\n")
        trickling.settimeout(1)
        answer = b""
        while time.time() - start < 60 and not answer:
            try:
                trickling.sendall(b"a")
                answer = trickling.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
        self.assertIn(b"408", answer[:20])
        self.assertEqual(silent.recv(4096), b"", "a connection that says nothing is closed")
        self.assertLess(time.time() - start, 65)
        for connection in (silent, trickling):
            connection.close()

    def test_schemathesis_finds_nothing(self):
        venv = ROOT / ".build/test-venv"
        if not (venv / "bin/schemathesis").exists():
            subprocess.run(["python3", "-m", "venv", venv], check=True)
            subprocess.run([venv / "bin/pip", "install", "-q", "schemathesis==4.32.5"], check=True)
        result = subprocess.run(
            [venv / "bin/schemathesis", "run", self.api + "/openapi.json", "--url", self.system.forms, "--max-examples", "25", "--seed", "1",
             "--workers", "1", "--suppress-health-check", "all", "--exclude-checks", "positive_data_acceptance,ignored_auth,missing_required_header"],
            capture_output=True, text=True, timeout=400, cwd=self.system.folder)
        self.assertEqual(result.returncode, 0, result.stdout[-6000:] + result.stderr[-2000:])


class LimitTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.system.call("prepare")
        # The clock moves: waiting slips need it.
        cls.system.configure(now=None, uploads=4, limits={"client_burst": 3, "client_per_minute": 1, "proven_factor": 20, "lookups_per_minute": 5})
        cls.service = Service(cls.system)
        cls.url = cls.system.forms + "/forms/hotline"

    @classmethod
    def tearDownClass(cls):
        cls.service.stop()
        cls.system.close()

    def test_beyond_the_limit_a_proof_is_asked_for_and_nothing_is_lost(self):
        client = {"X-Forwarded-For": "198.51.100.7"}
        for number in range(3):
            self.assertEqual(post(self.url, request_fields(self.system, number), client)[0], 303)
        status, headers, body = post(self.url, request_fields(self.system, 3), client)
        self.assertEqual((status, headers["Retry-After"]), (429, "20"))
        self.assertIn("测试诉求第 3 号", body)
        slip = re.search(r'name="_proof" value="([^"]+)"', body).group(1)
        # Too early, and then somebody else's address is free all the while.
        self.assertEqual(post(self.url, {**request_fields(self.system, 3), "_proof": slip}, client)[0], 429)
        self.assertEqual(post(self.url, request_fields(self.system, 4), {"X-Forwarded-For": "198.51.100.8"})[0], 303)
        # What a client says of itself before the last proxy is not believed.
        self.assertEqual(post(self.url, request_fields(self.system, 5), {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"})[0], 429)
        # A script solves the challenge.
        challenge = call("GET", self.system.forms + "/forms/challenge")[2]
        number = next(n for n in range(challenge["maxnumber"] + 1) if hashlib.sha256(f"{challenge['salt']}{n}".encode()).hexdigest() == challenge["challenge"])
        solved = base64.b64encode(json.dumps({k: challenge[k] for k in ("algorithm", "challenge", "salt", "signature")} | {"number": number}).encode()).decode()
        self.assertEqual(post(self.url, {**request_fields(self.system, 6), "_proof": solved}, client)[0], 303)
        self.assertEqual(post(self.url, {**request_fields(self.system, 7), "_proof": solved}, client)[0], 429, "a proof is good once")
        forged = base64.b64encode(json.dumps({**json.loads(base64.b64decode(solved)), "signature": "0" * 64}).encode()).decode()
        self.assertEqual(post(self.url, {**request_fields(self.system, 7), "_proof": forged}, client)[0], 429)
        # Numbers without end are answered like any other nonsense.
        for number in (2**63 - 1, -2**63, 2**63, "x", ""):
            self.assertEqual(post(self.url, {**request_fields(self.system, 7), "_proof": f"wait.{number}-x.{'0' * 64}"}, client)[0], 429)
        # Without a script: the slip is good after a while.
        time.sleep(20.5)
        self.assertEqual(post(self.url, {**request_fields(self.system, 3), "_proof": slip}, client)[0], 303)
        self.assertEqual(post(self.url, {**request_fields(self.system, 8), "_proof": slip}, client)[0], 429)

    def test_nobody_closes_uploads_by_sending_slowly(self):
        def begin(client, files):
            fields = b"".join(f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in request_fields(self.system, 1).items())
            file = b'--b\r\nContent-Disposition: form-data; name="photos"; filename="a.pdf"\r\n\r\n' + PDF if files else b""
            connection = socket.create_connection(("127.0.0.1", self.system.base + 1), timeout=20)
            connection.sendall(
                f"POST /forms/hotline HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 5000000\r\n\r\n".encode()
                + fields + file)
            return connection

        def send(client):
            body, headers = multipart(request_fields(self.system, 1), [("photos", "a.pdf", PDF)])
            start = time.time()
            return post(self.url, {}, {**headers, "X-Forwarded-For": client}, raw=body)[0], time.time() - start

        # Bodies without a file hold no slot, and one client holds one of the four.
        idle = [begin(f"198.51.100.{n}", files=False) for n in range(100, 110)] + [begin("198.51.100.90", files=True) for _ in range(4)]
        time.sleep(0.5)
        status, seconds = send("198.51.100.91")
        self.assertEqual(status, 303)
        self.assertLess(seconds, 5)
        # Many clients: while somebody waits, a file that comes at a byte a second loses its slot.
        slow = [begin(f"198.51.100.{n}", files=True) for n in range(120, 124)]
        stop = threading.Event()

        def trickle():
            while not stop.wait(1):
                for connection in slow:
                    try:
                        connection.sendall(b"a" * 2_000)
                    except OSError:
                        pass

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            time.sleep(0.5)
            status, seconds = send("198.51.100.92")
            self.assertEqual(status, 303)
            self.assertGreater(seconds, 5, "there was a crowd")
        finally:
            stop.set()
            thread.join()
            for connection in idle + slow:
                connection.close()

    def test_codes_cannot_be_tried_out(self):
        client = {"X-Forwarded-For": "198.51.100.77"}
        look = lambda: post(self.system.forms + "/forms/status", {"receipt": "XM2609010000000000", "code": "0"}, client)
        self.assertEqual([look()[0] for _ in range(5)], [200] * 5)
        status, headers, body = look()
        self.assertEqual((status, headers["Retry-After"]), (429, "60"))


class ScannerTests(unittest.TestCase):
    """clamd itself, with a signature of our own: it needs no network."""

    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.system.call("prepare")
        cls.folder = cls.system.folder / "clamav"
        (cls.folder / "db").mkdir(parents=True)
        (cls.folder / "db/test.ndb").write_text(f"Xinmi.Test:0:*:{SIGNATURE.hex()}\n")
        cls.socket = str(cls.folder / "clamd.sock")
        (cls.folder / "clamd.conf").write_text(
            f"LocalSocket {cls.socket}\nDatabaseDirectory {cls.folder}/db\nForeground yes\nTemporaryDirectory {cls.folder}\nLogFile {cls.folder}/clamd.log\nUser root\n"
            if os.getuid() == 0 else f"LocalSocket {cls.socket}\nDatabaseDirectory {cls.folder}/db\nForeground yes\nLogFile {cls.folder}/clamd.log\n")
        cls.system.configure(limits=WIDE, scanner=cls.socket)
        cls.service = Service(cls.system)

    @classmethod
    def tearDownClass(cls):
        cls.service.stop()
        cls.system.close()

    def send(self, content):
        body, headers = multipart(request_fields(self.system, 1), [("photos", "a.pdf", content)])
        return post(self.system.forms + "/forms/hotline", {}, headers, raw=body)

    def test_without_an_answer_nothing_passes_and_with_one_only_what_is_clean(self):
        status, _, body = self.send(PDF)
        self.assertEqual(status, 422)
        self.assertIn("暂时无法进行安全检查", body)
        clamd = subprocess.Popen(["clamd", "-c", self.folder / "clamd.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.assertTrue(wait_until(lambda: pathlib.Path(self.socket).exists(), 60), "clamd did not come up")
            status, _, body = self.send(PDF + SIGNATURE)
            self.assertEqual(status, 422)
            self.assertIn("没有通过安全检查", body)
            with sqlite3.connect(self.system.folder / "edge/forms.sqlite") as db:
                self.assertEqual(db.execute("select (select count(*) from attachment) + (select count(*) from attachment_part)").fetchone()[0], 0)
            self.assertEqual(self.send(PDF + os.urandom(3 << 20))[0], 303)
        finally:
            clamd.terminate()
            clamd.wait(timeout=30)


class ScannerLimitTests(unittest.TestCase):
    """`formsapi check` and clamd, which calls a file above its own limits clean."""

    EICAR = b"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X"[::-1]

    def test_a_scanner_that_passes_over_large_files_is_an_error(self):
        system = System()
        self.addCleanup(system.close)
        system.call("prepare")
        folder = system.folder / "clamav"
        (folder / "db").mkdir(parents=True)
        database = folder / "db/test.ndb"

        def check(signature, *settings, stream="210M"):
            database.write_text(f"Xinmi.Test:0:*:{signature.hex()}\n")
            socket = folder / f"{len(list(folder.glob('*.conf')))}.sock"
            lines = [f"LocalSocket {socket}", f"DatabaseDirectory {folder}/db", "Foreground yes", f"TemporaryDirectory {folder}", f"StreamMaxLength {stream}", *settings]
            configuration = socket.with_suffix(".conf")
            configuration.write_text("\n".join(lines + (["User root"] if os.getuid() == 0 else [])) + "\n")
            clamd = subprocess.Popen(["clamd", "-c", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                self.assertTrue(wait_until(socket.exists, 60), "clamd did not come up")
                return self.check(system, socket)
            finally:
                clamd.terminate()
                clamd.wait(timeout=30)

        self.assertEqual(check(self.EICAR, "MaxFileSize 200M", "MaxScanSize 400M"), (0, ""))
        self.assertEqual(check(self.EICAR, "MaxFileSize 5M", "AlertExceedsMax yes"), (0, ""))
        status, said = check(self.EICAR, "MaxFileSize 5M")
        self.assertNotEqual(status, 0)
        self.assertIn("error[scanner]", said)
        status, said = check(SIGNATURE, "MaxFileSize 200M")
        self.assertEqual(status, 0)
        self.assertIn("does not know the EICAR test file", said)
        status, said = check(self.EICAR, stream="5M")
        self.assertEqual(status, 0)
        self.assertIn("gives no verdict", said)
        status, said = self.check(system, folder / "gone.sock")
        self.assertEqual(status, 0)
        self.assertIn("does not answer", said)

    def check(self, system, socket):
        system.configure(limits=WIDE, scanner=str(socket))
        result = subprocess.run([BIN / "formsapi", "check", "--config", system.folder / "edge/formsapi.yaml"], capture_output=True, text=True)
        return result.returncode, result.stderr


class OddScannerTests(unittest.TestCase):
    """Whatever answers in clamd's place: only its plain "OK" lets a file in."""

    def test_only_a_plain_ok_lets_a_file_in(self):
        system = System()
        self.addCleanup(system.close)
        system.call("prepare")
        path = str(system.folder / "odd.sock")
        system.configure(limits=WIDE, scanner=path)
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen()
        clean, infected, unknown = None, "没有通过安全检查", "暂时无法进行安全检查"
        answers = [
            (clean, [b"stream: OK\0"]), (clean, [b"stream", b": O", b"K\0"]),
            (infected, [b"stream: Test FOUND\0"]), (infected, [b"stream: OK FOUND\0"]),
            (unknown, [b""]), (unknown, [b"\0"]), (unknown, [b"stream: OK"]), (unknown, [b"stream: OKAY\0"]), (unknown, [b"OK\0"]),
            (unknown, [b"stream: OK\n\0"]), (unknown, [b"stream: ok\0"]), (unknown, [b"INSTREAM size limit exceeded. ERROR\0"]),
            (unknown, [b"stream: \xff\xfe OK\0"]), (unknown, [b"x" * 1_000_000]), (unknown, [b"stream: OK" + b"x" * 100_000]),
        ]
        def scan():
            for _, pieces in answers:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    # The whole file first, as clamd does.
                    received = b""
                    while not received.endswith(b"\0\0\0\0"):
                        received += connection.recv(1 << 16)
                    for piece in pieces:
                        connection.sendall(piece)
                        time.sleep(0.02)
        scanner = threading.Thread(target=scan, daemon=True)
        service = Service(system)
        self.addCleanup(service.stop)
        scanner.start()
        for number, (words, pieces) in enumerate(answers):
            body, headers = multipart(request_fields(system, number), [("photos", "a.pdf", PDF)])
            status, _, text = post(system.forms + "/forms/hotline", {}, headers, raw=body)
            self.assertEqual((status, words in text if words else True), (422 if words else 303, True), pieces[0][:40])
        with sqlite3.connect(system.folder / "edge/forms.sqlite") as db:
            self.assertEqual(db.execute("select count(*) from submission").fetchone()[0], 2)
            self.assertEqual(db.execute("select count(*) from attachment where claim is not null").fetchone()[0], 2)


class PostgreSQLTests(unittest.TestCase):
    """Two processes over one PostgreSQL, which goes away and comes back."""

    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.system.call("prepare")
        started = subprocess.run([ROOT / "Scripts/postgres", "start", f"/tmp/xinmi-pg-{os.getpid()}"], capture_output=True, text=True)
        if started.returncode != 0:
            cls.system.close()
            print("\n*** SKIPPED: formsapi over PostgreSQL: " + started.stderr, flush=True)
            raise unittest.SkipTest("PostgreSQL cannot be started here")
        cls.location = started.stdout.strip()
        cls.system.configure(limits=WIDE, database=cls.location)
        text = (cls.system.folder / "edge/formsapi.yaml").read_text()
        second = text.replace(f"port: {cls.system.base + 1}", f"port: {cls.system.base + 4}").replace(f"admin: 127.0.0.1:{cls.system.base + 3}", "")
        (cls.system.folder / "edge/second.yaml").write_text(second)
        cls.second = f"http://127.0.0.1:{cls.system.base + 4}"
        # A database of its own begins its lanes by the same records. Whoever comes first makes the schema.
        adopt = [BIN / "formsapi", "lane", "adopt", "--config", cls.system.folder / "edge/formsapi.yaml", *sorted((cls.system.folder / "epochs").glob("*.ep"))]
        at_once = [subprocess.Popen(adopt, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(6)]
        cls.first_starts = [(one.communicate()[0], one.returncode) for one in at_once]
        cls.services = [Service(cls.system), Service(cls.system, config="second.yaml", address=cls.second)]

    @classmethod
    def tearDownClass(cls):
        for service in cls.services:
            service.stop()
        subprocess.run([ROOT / "Scripts/postgres", "stop", f"/tmp/xinmi-pg-{os.getpid()}"], capture_output=True)
        subprocess.run(["rm", "-rf", f"/tmp/xinmi-pg-{os.getpid()}"])
        cls.system.close()

    def rows(self, query):
        out = subprocess.run(["psql", "-qAt", self.location, "-c", query], capture_output=True, text=True, check=True).stdout
        return out.strip()

    def test_first_starts_at_once_make_one_schema(self):
        for said, code in self.first_starts:
            self.assertEqual(code, 0, said)

    def test_the_same_over_two_processes_is_one_submission_and_crosses(self):
        fields = request_fields(self.system, 1)
        first = post(self.system.forms + "/forms/hotline", fields)
        second = post(self.second + "/forms/hotline", fields)
        receipts = [inner(get(base + answer[1]["Location"])[1], "receipt") for base, answer in ((self.second, first), (self.system.forms, second))]
        self.assertEqual(receipts[0], receipts[1])
        said = subprocess.run([BIN / "ferry", "status", self.location], capture_output=True, text=True)
        self.assertRegex(said.stdout, r"e2c[\s\S]*waiting", said.stderr)
        body, headers = multipart(request_fields(self.system, 2), [("photos", "a.pdf", PDF)])
        self.assertEqual(post(self.second + "/forms/hotline", {}, headers, raw=body)[0], 303)
        before = int(self.rows("select count(*) from submission"))
        report = self.system.ferry()
        self.assertIn("committed e2c-0000000001", report)
        self.assertEqual(self.rows("select count(*) from status"), str(before))
        self.assertEqual(self.rows("select count(*) from attachment_part"), "0", "what was acknowledged is gone")

    def test_when_the_database_is_away_nothing_is_half_done(self):
        subprocess.run([ROOT / "Scripts/postgres", "stop", f"/tmp/xinmi-pg-{os.getpid()}"], check=True)
        try:
            status, headers, body = post(self.system.forms + "/forms/hotline", request_fields(self.system, 10))
            self.assertEqual((status, headers["Retry-After"]), (503, "120"))
            self.assertIn("没有提交成功", body)
            self.assertEqual(get(f"http://127.0.0.1:{self.system.base + 3}/readyz")[0], 503)
        finally:
            subprocess.run([ROOT / "Scripts/postgres", "start", f"/tmp/xinmi-pg-{os.getpid()}"], check=True, capture_output=True)
        self.assertEqual(post(self.system.forms + "/forms/hotline", request_fields(self.system, 10))[0], 303)

    def test_a_frozen_database_holds_a_few_requests_and_answers_the_others(self):
        first = pathlib.Path(f"/tmp/xinmi-pg-{os.getpid()}", "data/postmaster.pid").read_text().split()[0]
        processes = [first, *pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()]
        for process in processes:
            os.kill(int(process), signal.SIGSTOP)
        answers, started = [], time.monotonic()
        def look_up(number):
            status = post(self.system.forms + "/forms/status", {"receipt": "XM2609010000000000", "code": "0" * 16}, {"X-Forwarded-For": f"198.51.100.{number}"})[0]
            answers.append((status, time.monotonic() - started))
        lookers = [threading.Thread(target=look_up, args=(number,)) for number in range(100)]
        try:
            for looker in lookers:
                looker.start()
            time.sleep(15)
            refused = [status for status, _ in list(answers)]
        finally:
            for process in processes:
                os.kill(int(process), signal.SIGCONT)
            for looker in lookers:
                looker.join()
        self.assertGreaterEqual(refused.count(503), 90, refused)
        self.assertEqual(post(self.system.forms + "/forms/hotline", request_fields(self.system, 11))[0], 303)


class FailOverTests(unittest.TestCase):
    """A primary is lost under load; its standby takes over."""

    def test_what_was_answered_outlives_the_primary(self):
        self.fail_over(lambda primary: subprocess.run([ROOT / "Scripts/postgres", "stop", primary], check=True, capture_output=True))

    def test_a_primary_that_only_reads_is_left(self):
        self.fail_over(lambda primary: subprocess.run(
            ["psql", "-qAtX", "-h", primary, "-U", "xinmi", "-d", "postgres", "-c", "ALTER SYSTEM SET default_transaction_read_only = on", "-c", "SELECT pg_reload_conf()"],
            check=True, capture_output=True))

    def test_a_primary_that_says_nothing_is_left(self):
        def freeze(primary):
            first = pathlib.Path(primary, "data/postmaster.pid").read_text().split()[0]
            processes = [first, *pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()]
            self.addCleanup(lambda: [os.kill(int(process), signal.SIGKILL) for process in processes])
            for process in processes:
                os.kill(int(process), signal.SIGSTOP)
        self.fail_over(freeze, patience=60)

    def fail_over(self, lose, patience=20):
        folders = [f"/tmp/xinmi-pg-{name}-{os.getpid()}" for name in "ab"]
        def postgres(*arguments):
            return subprocess.run([ROOT / "Scripts/postgres", *arguments], capture_output=True, text=True)
        system = System()
        self.addCleanup(system.close)
        for folder in folders:
            self.addCleanup(lambda folder=folder: (postgres("stop", folder), shutil.rmtree(folder, ignore_errors=True)))
        if postgres("start", folders[0]).returncode != 0:
            print("\n*** SKIPPED: fail-over of PostgreSQL: no server can be started here", flush=True)
            raise unittest.SkipTest("PostgreSQL cannot be started here")
        standby = postgres("standby", folders[1], folders[0])
        self.assertEqual(standby.returncode, 0, standby.stderr)
        system.call("prepare")
        system.configure(limits=WIDE, database=standby.stdout.strip())
        service = Service(system)
        self.addCleanup(service.stop)
        url = system.forms + "/api/v1/forms/hotline/submissions"
        answered, refused, stop, gone = {}, [], threading.Event(), threading.Event()
        def citizen(worker):
            for number in itertools.count():
                if stop.is_set():
                    return
                key = f"fail-over-{worker}-{number:032d}"
                body = {"answers": {
                    "nature": "help", "subject": f"切换测试 {worker}-{number}", "details": "这是一条测试用的诉求，内容没有意义。",
                    "place": {"unit": "chaohua"}, "phone": "13800000000", "publish": "refuse"}}
                # A citizen tries again until there is an answer.
                while not gone.is_set():
                    status, headers, answer = call("POST", url, body, {"Idempotency-Key": key})
                    if status in (200, 201):
                        answered[key] = answer
                        break
                    refused.append((status, headers["Retry-After"]))
                    time.sleep(0.1)
        workers = [threading.Thread(target=citizen, args=(n,)) for n in range(4)]
        for worker in workers:
            worker.start()
        try:
            self.assertTrue(wait_until(lambda: len(answered) >= 40))
            lose(folders[0])
            self.assertTrue(wait_until(lambda: refused, patience), "nobody noticed")
            before = len(answered)
            self.assertEqual(postgres("promote", folders[1]).returncode, 0)
            self.assertTrue(wait_until(lambda: len(answered) >= before + 40, patience), refused[-3:])
        except BaseException:
            gone.set()
            raise
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        self.assertEqual({*refused}, {(503, "120")})
        receipts = [answer["receipt"] for answer in answered.values()]
        self.assertEqual(len(set(receipts)), len(answered))
        for answer in answered.values():
            found = call("POST", system.forms + "/api/v1/status", {"receipt": answer["receipt"], "code": answer["code"]})
            self.assertEqual(found[2], {"state": "received", "version": 0})
        stored = subprocess.run(
            ["psql", "-qAtX", "-h", folders[1], "-U", "xinmi", "-d", "postgres", "-c", "select count(*) from submission"], capture_output=True, text=True, check=True)
        self.assertEqual(int(stored.stdout), len(answered), "none is there twice")


class NginxTests(unittest.TestCase):
    """The configuration that is shipped, with TLS, in front."""

    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.system.call("prepare")
        cls.system.configure(limits={**WIDE, "client_burst": 2, "client_per_minute": 1})
        cls.system.call("start")
        cls.tls = f"https://localhost:{cls.system.base + 6}"

    @classmethod
    def tearDownClass(cls):
        cls.system.close()

    def curl(self, path, *options):
        return subprocess.run(
            ["curl", "-sS", "--cacert", self.system.folder / "keys/ca.crt", "-o", "/dev/null", "-w", "%{http_code}", *options, self.tls + path],
            capture_output=True, text=True)

    def test_files_pass_through_and_touch_no_disk(self):
        film = self.system.folder / "film.mp4"
        film.write_bytes(b"\x00\x00\x00\x18ftypisom" + os.urandom(30 << 20))
        url = "/api/v1/forms/hotline/attachments?field=photos&name=film.mp4"
        seen = []
        upload = subprocess.Popen(
            ["curl", "-sS", "--cacert", self.system.folder / "keys/ca.crt", "-o", "/dev/null", "-w", "%{http_code}", "--limit-rate", "20M", "-H", "Expect:",
             "-H", "Content-Type: application/octet-stream", "--data-binary", f"@{film}", self.tls + url], stdout=subprocess.PIPE, text=True)
        while upload.poll() is None:
            seen += [f for f in (self.system.folder / "nginx/tmp").rglob("*") if f.is_file()]
            time.sleep(0.02)
        self.assertEqual(upload.stdout.read(), "201")
        self.assertEqual(seen, [], "nginx put a citizen's file on the disk")

    def test_too_much_is_refused_before_it_is_sent(self):
        with open(self.system.folder / "huge", "wb") as file:
            file.truncate(230 << 20)
        result = self.curl("/api/v1/forms/hotline/attachments?field=photos&name=a.mp4", "-H", "Content-Type: application/octet-stream", "--data-binary", f"@{self.system.folder}/huge")
        self.assertIn("413", result.stdout)

    def test_limits_count_the_client_that_nginx_saw(self):
        fields = [part for name, value in request_fields(self.system, 1).items() for part in ("--data-urlencode", f"{name}={value}")]
        codes = [self.curl("/forms/hotline", "-H", f"X-Forwarded-For: 203.0.113.{n}", *[f.replace("第 1 号", f"第 {n} 号") for f in fields]).stdout for n in range(4)]
        self.assertEqual(codes, ["303", "303", "429", "429"])

    def test_every_page_of_the_forms_has_strict_headers(self):
        out = subprocess.run(["curl", "-sS", "--cacert", self.system.folder / "keys/ca.crt", "-D", "-", "-o", "/dev/null", self.tls + "/forms/nothing"], capture_output=True, text=True).stdout.lower()
        for header in ("content-security-policy: default-src 'none'", "x-content-type-options: nosniff", "cache-control: no-store", "cross-origin-opener-policy: same-origin", "referrer-policy: no-referrer"):
            self.assertEqual(out.count(header), 1, header)


    def headers(self, url, *options):
        out = subprocess.run(
            ["curl", "-sS", "--cacert", self.system.folder / "keys/ca.crt", "-D", "-", "-o", "/dev/null", *options, url], capture_output=True, text=True, check=True).stdout
        lines = out.splitlines()
        return int(lines[0].split()[1]), [line.lower() for line in lines[1:] if line]

    def test_nothing_is_answered_in_clear(self):
        status, headers = self.headers(f"http://127.0.0.1:{self.system.base + 5}/forms/receipts/x?y=1", "-H", "Host: localhost")
        self.assertEqual((status, [h for h in headers if h.startswith("location")]), (301, [f"location: {self.tls}/forms/receipts/x?y=1"]))
        status, headers = self.headers(f"http://127.0.0.1:{self.system.base + 5}/forms/hotline", "-H", "Host: localhost", "--data", "subject=x")
        self.assertEqual(status, 301)

    def test_files_have_the_headers_that_only_a_server_can_give(self):
        for path, policy in (("/", "frame-ancestors 'none'"), ("/search-index/zh/t0.js", "frame-ancestors"), ("/search-index/zh/meta.js", "frame-ancestors"), ("/nothing", "frame-ancestors")):
            _, headers = self.headers(self.tls + path)
            said = [h for h in headers if h.startswith("content-security-policy: ")]
            self.assertEqual(len(said), 1, (path, headers))
            self.assertIn(policy, said[0])
            for header in ("strict-transport-security: max-age=31536000", "cross-origin-resource-policy: same-origin", "x-content-type-options: nosniff", "x-frame-options: deny"):
                self.assertEqual(headers.count(header), 1, (path, header, headers))
        _, headers = self.headers(self.tls + "/forms/nothing")
        self.assertEqual(headers.count("strict-transport-security: max-age=31536000"), 1)

    def test_what_is_not_there_is_said_in_the_words_of_its_site(self):
        for path, words in (
            ("/xz/chaohua/nothing/", "xz/chaohua/404.html"), ("/xz/chaohua/en/nothing", "xz/chaohua/en/404.html"), ("/en/nothing", "en/404.html"),
            ("/nothing", "404.html"), ("/xz/nowhere/x", "404.html")):
            page = self.system.folder / "edge/site/current/public" / words
            if not page.exists():
                self.assertIn("/en/", path)
                page = self.system.folder / "edge/site/current/public/404.html"
            out = subprocess.run(["curl", "-sS", "--path-as-is", "--cacert", self.system.folder / "keys/ca.crt", "-w", "%{http_code}", self.tls + path], capture_output=True).stdout
            self.assertEqual((out[-3:], out[:-3]), (b"404", page.read_bytes()), path)

    def test_static_files_are_compressed_and_answers_with_secrets_are_not(self):
        for path, wanted in (("/", True), ("/search-index/zh/t0.js", True), ("/forms/nothing", False)):
            _, headers = self.headers(self.tls + path, "-H", "Accept-Encoding: gzip")
            self.assertEqual("content-encoding: gzip" in headers, wanted, (path, headers))

    def test_one_address_has_its_share_of_connections(self):
        held, refused = [], 0
        try:
            for _ in range(140):
                client = socket.socket()
                client.connect(("127.0.0.1", self.system.base))
                client.sendall(b"POST /forms/hotline HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\na")
                held.append(client)
            time.sleep(1)
            for client in held:
                client.setblocking(False)
                try:
                    # The limits of formsapi answer otherwise.
                    refused += b"<center>nginx</center>" in client.recv(1000)
                except BlockingIOError:
                    pass
        finally:
            for client in held:
                client.close()
        self.assertEqual(refused, 20)

    def test_the_intranet_servers_configuration_holds(self):
        folder = self.system.folder / "intranet"
        folder.mkdir()
        text = (ROOT / "Deploy/nginx/intranet.conf.in").read_text()
        for name, value in (("TLS_LISTEN", f"127.0.0.1:{self.system.base + 4}"), ("SERVER_NAME", "localhost"), ("KEYS", self.system.folder / "keys"), ("CONFIG", self.system.folder / "nginx"), ("DOCROOT", self.system.folder / "core/site/intranet")):
            text = text.replace(f"@{name}@", str(value))
        (folder / "nginx.conf").write_text(f"{'user root;' if os.getuid() == 0 else ''} pid {folder}/pid; daemon off; events {{}} http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; types {{ text/html html; text/javascript js; }} {text} }}")
        server = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "log"])
        self.addCleanup(lambda: (server.terminate(), server.wait(timeout=10)))
        url = f"https://localhost:{self.system.base + 4}"
        self.assertTrue(wait_until(lambda: subprocess.run(["curl", "-sk", "-o", "/dev/null", url]).returncode == 0), (folder / "log").read_text())
        _, headers = self.headers(url + "/search-index/zh/t0.js")
        for header in ("cross-origin-resource-policy: same-origin", "x-robots-tag: noindex, nofollow"):
            self.assertIn(header, headers)
        self.assertEqual(self.headers(url + "/nothing")[0], 404)
        # Another name is answered by nothing at all.
        other = subprocess.run(["curl", "-sk", "--resolve", f"evil.example:{self.system.base + 4}:127.0.0.1", f"https://evil.example:{self.system.base + 4}/"], capture_output=True)
        self.assertNotEqual(other.returncode, 0)


class DeployTests(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd here")
    def test_units_are_sound_and_confined(self):
        units = sorted((ROOT / "Deploy/systemd").iterdir())
        said = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True).stderr
        # The programs are not installed here.
        self.assertEqual([line for line in said.splitlines() if "is not executable" not in line and "Deploy/systemd" in line], [])
        for unit in units:
            if unit.suffix == ".service":
                result = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True)
                self.assertEqual(result.returncode, 0, result.stdout[-600:])


    def test_nothing_is_sealed_for_a_certificate_that_is_not_good_for_it(self):
        system = System()
        self.addCleanup(system.close)
        system.call("prepare")
        def check(*options, **keys):
            system.configure(**keys)
            result = subprocess.run([BIN / "formsapi", "check", *options, "--config", system.folder / "edge/formsapi.yaml"], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
            return result.returncode, result.stderr
        self.assertEqual(check()[0], 0)
        code, said = check(recipients=["../keys/core/core-sign.crt"])
        self.assertEqual(code, 1)
        self.assertRegex(said, r"core-sign.crt.*not for key agreement")
        other = system.folder / "other"
        subprocess.run([ROOT / "Scripts/dev-ca", other], check=True, capture_output=True)
        self.assertRegex(check(recipients=[str(other / "desk/desk-open.crt")])[1], r"desk-open.crt.*untrusted")
        self.assertEqual(check(recipients=["../keys/desk/desk-open.crt"])[0], 0)
        # An old list holds the lanes up, and not the citizens.
        shutil.copy(system.folder / "keys/ca.crl", system.folder / "kept.crl")
        subprocess.run(
            ["openssl", "ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.crt", "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20260801000000Z", "-out", "ca.crl"],
            cwd=system.folder / "keys", check=True, capture_output=True)
        self.assertEqual(check()[0], 1)
        code, said = check("--without-ferry")
        self.assertEqual(code, 0)
        self.assertRegex(said, "warning: .*revocationListOutdated")
        shutil.copy(system.folder / "kept.crl", system.folder / "keys/ca.crl")
        text = (system.folder / "edge/formsapi.yaml").read_text()
        (system.folder / "edge/formsapi.yaml").write_text(re.sub("(?m)^ *revocation_lists.*\n", "", text))
        self.assertRegex(check()[1], "`revocation_lists` is missing")

    @unittest.skipUnless(os.getuid() == 0 and shutil.which("systemd-tmpfiles") and shutil.which("setpriv"), "other users need root and systemd's tools")
    def test_the_edge_works_as_the_users_of_its_units_and_no_further(self):
        """Folders as Deploy/tmpfiles.d makes them, processes with the users and masks of Deploy/systemd."""
        system = System()
        self.addCleanup(system.close)
        system.call("prepare")
        root = system.folder / "root"
        (root / "etc").mkdir(parents=True)
        for tool, folder in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
            arguments = ["--create"] if tool == "systemd-tmpfiles" else []
            subprocess.run([tool, f"--root={root}", *arguments, ROOT / "Deploy" / folder / "xinmi-edge.conf"], check=True, capture_output=True)
        users = {line.split(":")[0]: tuple(map(int, line.split(":")[2:4])) for line in (root / "etc/passwd").read_text().splitlines()}
        users["nobody"] = (65534, 65534)
        programs = system.folder / "bin"
        programs.mkdir()
        for name in ("formsapi", "ferry"):
            shutil.copy(BIN / name, programs)
        etc, keys = root / "etc/xinmi", system.folder / "keys"
        for name in ("ca.crt", "ca.crl", "desk/desk-open.crt", "core/core-sign.crt", "core/core-open.crt", "operator/operator.crt", "release/first.crt", "release/second.crt"):
            shutil.copy(keys / name, etc)
            (etc / pathlib.Path(name).name).chmod(0o644)
        for key in (keys / "edge").iterdir():
            shutil.copy(key, etc / "edge-keys")
            os.chown(etc / "edge-keys" / key.name, *users["formsapi-ferry"])
        (etc / "formsapi.yaml").write_text(f"""
port: {system.base + 1}
admin: 127.0.0.1:{system.base + 3}
database: {root}/var/lib/xinmi/forms.sqlite
runtime: {root}/srv/xinmi-site/current/public.runtime
site_drop: {root}/var/lib/xinmi-drop
site_state: {root}/srv/xinmi-site/state.json
seals: {root}/srv/xinmi-seals/seals.txt
recipients: [desk-open.crt]
demonstration: true
now: {NOW}
ferry:
  spool: {root}/var/lib/xinmi/spool
  sign: edge-keys/edge-sign
  open: edge-keys/edge-open
  authority: ca.crt
  revocation_lists: [ca.crl]
  signers: [core-sign.crt]
  recipients: [core-open.crt]
  operators: [operator.crt]
  reserve_mb: 16
""")
        # What an operator brings along.
        for path in (system.folder, system.folder / "epochs", root, *(system.folder / "epochs").iterdir()):
            path.chmod(0o755)
        def unit(name):
            text = (ROOT / "Deploy/systemd" / name).read_text()
            return re.search("(?m)^User=(.*)$", text)[1], re.search("(?m)^UMask=(.*)$", text)[1]
        def prefix(user, mask="0077"):
            uid, gid = users[user]
            return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "sh", "-c", f'umask {mask}; exec "$@"', "sh"]
        def run(name_or_user, *command):
            start = prefix(*unit(name_or_user)) if name_or_user.endswith(".service") else prefix(name_or_user)
            return subprocess.run([*start, *command], capture_output=True, text=True, cwd="/")
        def works(*arguments):
            result = run(*arguments)
            self.assertEqual(result.returncode, 0, (arguments, result.stdout, result.stderr))
        config = ["--config", etc / "formsapi.yaml"]
        ferry = "formsapi-ferry@.service"
        works("formsapi.service", programs / "formsapi", "migrate", *config)
        works(ferry, programs / "formsapi", "lane", "adopt", *config, *sorted((system.folder / "epochs").glob("*.ep")))
        works(ferry, programs / "formsapi", "ferry-in", *config)
        subprocess.run([BIN / "coredesk", "export", "--again", "--config", system.folder / "core/coredesk.yaml"], check=True, capture_output=True)
        for file in (system.folder / "core/spool/outbox").iterdir():
            shutil.copy(file, root / "var/lib/xinmi/spool/inbox")
            os.chown(root / "var/lib/xinmi/spool/inbox" / file.name, *users["formsapi-ferry"])
        works(ferry, programs / "formsapi", "ferry-in", *config)
        works("xinmi-site.service", programs / "ferry", "apply", "--drop", root / "var/lib/xinmi-drop", "--site", root / "srv/xinmi-site", "--authority", etc / "ca.crt",
              "--crl", etc / "ca.crl", "--now", NOW, "--officer", etc / "first.crt", etc / "second.crt")
        works("nobody", "cat", root / "srv/xinmi-site/current/public/index.html")
        works("formsapi.service", programs / "formsapi", "check", "--without-ferry", *config)
        service = Service(system, *prefix(*unit("formsapi.service")), program=programs / "formsapi", config=etc / "formsapi.yaml")
        try:
            fields = {**request_fields(system, 1), "_form": json.loads((root / "srv/xinmi-site/current/public.runtime/current.json").read_text())["hotline"]}
            self.assertEqual(post(system.forms + "/forms/hotline", fields)[0], 303)
            works(ferry, programs / "formsapi", "ferry-out", *config)
            self.assertEqual(post(system.forms + "/forms/hotline", {**fields, "subject": "同时发生的另一件事"})[0], 303)
            works(ferry, programs / "formsapi", "ferry-out", *config)
        finally:
            service.stop()
        self.assertGreater(len(list((root / "var/lib/xinmi/spool/outbox").glob("e2c-*.mf"))), 0)
        for user, path in (
            ("formsapi", etc / "edge-keys/edge-sign.key"), ("xinmi-site", etc / "edge-keys/edge-sign.key"), ("xinmi-site", root / "var/lib/xinmi/forms.sqlite"),
            ("nobody", root / "var/lib/xinmi/forms.sqlite"), ("nobody", root / "var/lib/xinmi-drop"), ("formsapi", root / "var/lib/xinmi-drop"),
        ):
            self.assertTrue(path.exists(), path)
            self.assertIn("Permission denied", run(user, "ls" if path.is_dir() else "cat", path).stderr, (user, path))
        self.assertNotEqual(run("formsapi.service", programs / "formsapi", "check", *config).returncode, 0)
        self.assertIn("Permission denied", run("formsapi", "touch", root / "srv/xinmi-site/x").stderr)


class FullDiskTests(unittest.TestCase):
    @unittest.skipUnless(os.getuid() == 0, "a small file system needs root")
    def test_a_full_disk_stores_nothing_by_half_and_says_so(self):
        system = System()
        disk = system.folder / "disk"
        disk.mkdir()
        system.call("prepare")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], check=True)
        service = None
        try:
            system.configure(limits=WIDE, database=str(disk / "forms.sqlite"))
            service = Service(system)
            stored, refused = 0, 0
            for number in range(400):
                status, headers, _ = post(system.forms + "/forms/hotline", {**request_fields(system, number), "details": "长" * 1_900})
                if status == 303:
                    stored += 1
                else:
                    self.assertEqual((status, headers["Retry-After"]), (503, "120"))
                    refused += 1
                    if refused > 3:
                        break
            self.assertGreater(stored, 10)
            self.assertGreater(refused, 3)
            self.assertEqual(get(f"http://127.0.0.1:{system.base + 3}/readyz")[0], 503)
            body, headers = multipart(request_fields(system, 900), [("photos", "a.pdf", PDF + os.urandom(3 << 20))])
            self.assertEqual(post(system.forms + "/forms/hotline", {}, headers, raw=body)[0], 503)
            with sqlite3.connect(f"file:{disk}/forms.sqlite?mode=ro", uri=True) as db:
                counts = db.execute("select (select count(*) from submission), (select count(*) from lane_queue), (select count(*) from attachment where claim is not null)").fetchone()
            self.assertEqual(counts, (stored, stored, 0))
        finally:
            if service:
                service.stop()
            subprocess.run(["umount", "-l", disk])
            system.close()


if __name__ == "__main__":
    unittest.main()

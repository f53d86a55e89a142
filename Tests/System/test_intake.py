"""formsapi from outside: what it refuses, what it stores once, and what survives kill -9."""
import os
import random
import re
import signal
import sqlite3
import subprocess
import threading
import unittest

from support import WIDE, Service, System, get, inner, multipart, post, request_fields


class IntakeTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.system.call("prepare")
        cls.system.configure(limits=WIDE)

    @classmethod
    def tearDownClass(cls):
        cls.system.close()

    def count(self, table):
        with sqlite3.connect(self.system.folder / "edge/forms.sqlite") as db:
            return db.execute(f"select count(*) from {table}").fetchone()[0]

    def submit(self, fields, headers=None):
        return post(self.system.forms + "/forms/hotline", fields, headers)

    def receipt(self, headers):
        return get(self.system.forms + headers["Location"])[1]

    def test_what_is_refused_leaves_nothing_behind(self):
        service = Service(self.system)
        try:
            before = [self.count("submission"), self.count("once"), self.count("lane_queue")]
            good = request_fields(self.system)
            url = self.system.forms + "/forms/hotline"
            cases = [
                (404, post(self.system.forms + "/forms/nothing", good)),
                (404, post(url, {**good, "_form": "0" * 64})),
                (400, post(url, {**good, "_hp": "I am a program"})),
                (403, post(url, good, {"Sec-Fetch-Site": "cross-site"})),
                (403, post(url, good, {"Origin": "https://evil.example"})),
                (415, post(url, good, {"Content-Type": "application/json"})),
                (413, post(url, {**good, "details": "长" * 200_000})),
                (400, post(url, {}, raw=b"a=%zz")),
                (400, post(url, {}, raw=b"a=\xff\xfe")),
                (400, post(url, {}, raw="&".join(f"f{n}=1" for n in range(600)).encode())),
                (422, post(url, {**good, "extra": "field"})),
                (422, post(url, {**good, "nature": "nonsense"})),
                (422, post(url, {"_form": good["_form"]})),
                (400, post(url, good, {"Idempotency-Key": "short"})),
            ]
            for expected, (status, headers, body) in cases:
                self.assertEqual(status, expected, body[-400:])
                self.assertIn('role="alert"', body)
                self.assertEqual(headers["Cache-Control"], "no-store")
                self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
            status, body = get(url)
            self.assertEqual((status, body), (303, ""))
            status, body = get(self.system.forms + "/forms/nothing")
            self.assertEqual((status, 'data-code="unknownForm"' in body), (404, True))
            self.assertEqual([self.count("submission"), self.count("once"), self.count("lane_queue")], before)
        finally:
            service.stop()

    def test_a_double_click_is_one_submission(self):
        service = Service(self.system)
        try:
            before = self.count("submission")
            fields = request_fields(self.system, 7)
            first, second = self.submit(fields), self.submit(fields)
            self.assertEqual([first[0], second[0]], [303, 303])
            self.assertEqual(inner(self.receipt(first[1]), "receipt"), inner(self.receipt(second[1]), "receipt"))
            key = {"Idempotency-Key": "0123456789abcdef0123456789abcdef"}
            third, fourth = self.submit(request_fields(self.system, 8), key), self.submit(request_fields(self.system, 8), key)
            self.assertEqual(inner(self.receipt(third[1]), "code"), inner(self.receipt(fourth[1]), "code"))
            other = self.submit(request_fields(self.system, 9), key)
            self.assertEqual(other[0], 422)
            self.assertIn('data-code="keyReused"', other[2])
            self.assertEqual(self.count("submission"), before + 2)
            # The same words, or the same key, from somebody else are another request with a receipt of its own.
            stranger = self.submit(fields, {"X-Forwarded-For": "198.51.100.9"})
            self.assertNotEqual(inner(self.receipt(stranger[1]), "receipt"), inner(self.receipt(first[1]), "receipt"))
            keyed = self.submit(request_fields(self.system, 8), {**key, "X-Forwarded-For": "198.51.100.9"})
            self.assertEqual(keyed[0], 303)
            self.assertNotEqual(inner(self.receipt(keyed[1]), "code"), inner(self.receipt(third[1]), "code"))
        finally:
            service.stop()

    def test_an_unknown_receipt_and_a_wrong_code_look_the_same(self):
        service = Service(self.system)
        try:
            page = self.receipt(self.submit(request_fields(self.system, 11))[1])
            receipt, code = inner(page, "receipt"), inner(page, "code")
            def look(r, c):
                status, _, body = post(self.system.forms + "/forms/status", {"receipt": r, "code": c})
                # What was typed stands there again.
                return status, body.replace(f'value="{r}"', 'value="R"').replace(f'value="{c}"', 'value="C"')
            wrong = look(receipt, "0000000000000000")
            self.assertEqual(wrong, look("XM2609010000000000", "0000000000000000"))
            self.assertNotEqual(wrong, look(receipt, code))
        finally:
            service.stop()

    def test_what_was_typed_comes_back_escaped(self):
        service = Service(self.system)
        try:
            status, _, body = self.submit({**request_fields(self.system), "subject": '"><script>x</script>', "phone": "none"})
            self.assertEqual(status, 422)
            self.assertIn("&quot;&gt;&lt;script&gt;x", body)
            self.assertNotIn("<script>x", body)
        finally:
            service.stop()

    def test_the_disk_has_it_before_the_answer_leaves(self):
        log = self.system.folder / "strace.log"
        service = Service(self.system, "strace", "-f", "-qq", "-o", log, "-s", "64", "-e", "trace=fdatasync,fsync,write,writev,sendto,sendmsg")
        try:
            log.write_text("")
            for number in range(12):
                self.assertEqual(self.submit(request_fields(self.system, 2_100 + number))[0], 303)
            body, kind = multipart(request_fields(self.system, 2_200), [("photos", "a.png", b"\x89PNG\r\n\x1a\n" + bytes(5_000))])
            self.assertEqual(post(self.system.forms + "/forms/hotline", {}, kind, raw=body)[0], 303)
        finally:
            subprocess.run(["pkill", "-TERM", "-P", str(service.process.pid)], check=False)
            service.process.wait(timeout=20)
            service.log.close()
        lines = log.read_text(errors="replace").splitlines()
        answers = [i for i, line in enumerate(lines) if "303 See Other" in line]
        self.assertEqual(len(answers), 13)
        # A sync that had ended stands before every answer and after the one before it.
        for before, answer in zip([0, *answers], answers):
            ended = [line for line in lines[before:answer] if re.search(r"f(data)?sync\(.*\) += 0|<\.\.\. f(data)?sync resumed>.*= 0", line)]
            self.assertTrue(ended, f"no sync before the answer in line {answer}")

    def test_a_database_that_stays_locked_is_said_and_nothing_is_half_done(self):
        service = Service(self.system)
        try:
            before = self.count("submission")
            lock = sqlite3.connect(self.system.folder / "edge/forms.sqlite", isolation_level=None)
            lock.execute("begin immediate")
            status, headers, body = self.submit(request_fields(self.system, 3_000))
            lock.execute("rollback")
            lock.close()
            self.assertEqual((status, headers["Retry-After"]), (503, "120"))
            self.assertEqual(self.count("submission"), before)
            self.assertEqual(self.submit(request_fields(self.system, 3_000))[0], 303)
        finally:
            service.stop()

    def test_kill_9_loses_and_doubles_nothing_that_was_answered(self):
        """KILLS=200 for the long form."""
        random.seed(20260901)
        answered, number = [], 100
        for _ in range(int(os.environ.get("KILLS", "8"))):
            service = Service(self.system)
            stop = threading.Event()

            def post_on(start):
                n = start
                while not stop.is_set():
                    key = f"{n:032d}"
                    try:
                        if n % 3:
                            status, headers, _ = self.submit(request_fields(self.system, n), {"Idempotency-Key": key})
                        else:
                            body, kind = multipart(request_fields(self.system, n), [("photos", "a.png", b"\x89PNG\r\n\x1a\n" + bytes(100_000))])
                            status, headers, _ = post(self.system.forms + "/forms/hotline", {}, {**kind, "Idempotency-Key": key}, raw=body)
                        if status == 303:
                            answered.append((n, key, headers["Location"]))
                    except OSError:
                        return
                    n += 1

            threads = [threading.Thread(target=post_on, args=(number + 10_000 * t,)) for t in range(3)]
            for thread in threads:
                thread.start()
            threading.Event().wait(random.uniform(0.15, 0.6))
            service.stop(signal.SIGKILL)
            stop.set()
            for thread in threads:
                thread.join()
            number += 1_000
        self.assertGreater(len(answered), 20)
        print(f"[{len(answered)} answered]", end=" ", flush=True)
        service = Service(self.system)
        try:
            with sqlite3.connect(self.system.folder / "edge/forms.sqlite") as db:
                stored, queued, files, parts = db.execute(
                    """select (select count(*) from submission), (select count(*) from lane_queue), (select count(*) from attachment where submission is not null),
                    (select count(*) from attachment a join attachment_part p on p.attachment = a.id where a.submission is not null)""").fetchone()
                self.assertEqual(stored, queued)
                self.assertEqual(files, parts, "a file without its content")
                self.assertEqual(files, db.execute("select count(*) from submission s join attachment a on a.submission = s.id").fetchone()[0])
            receipts = {}
            for n, key, location in answered:
                receipt = inner(get(self.system.forms + location)[1], "receipt")
                self.assertIsNotNone(receipt, "an answered submission is gone")
                receipts[n] = receipt
            self.assertEqual(len(set(receipts.values())), len(receipts))
            # Sent again with their keys, they are recognised.
            for n, key, _ in [entry for entry in answered if entry[0] % 3][:10]:
                page = self.receipt(self.submit(request_fields(self.system, n), {"Idempotency-Key": key})[1])
                self.assertEqual(inner(page, "receipt"), receipts[n])
            self.assertEqual(self.count("submission"), stored)
        finally:
            service.stop()


if __name__ == "__main__":
    unittest.main()

"""`sitegen serve`: what an editor sees while writing."""
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from support import BIN, NOW, ROOT, free_ports, get, wait_until


class PreviewTests(unittest.TestCase):
    def test_what_is_saved_is_shown_and_what_is_wrong_too(self):
        with tempfile.TemporaryDirectory(prefix="xinmi-preview.") as scratch:
            source = pathlib.Path(scratch)
            shutil.copytree(ROOT / "Content", source / "Content")
            shutil.copytree(ROOT / "Themes", source / "Themes")
            shutil.copytree(ROOT / "Docs", source / "Docs")
            port = free_ports()
            site = f"http://127.0.0.1:{port}"
            page = source / "Content/portal/news/workday-calendar.md"
            log = open(source / "log", "w+", encoding="utf-8")
            server = subprocess.Popen(
                [BIN / "sitegen", "serve", "--source", source, "--output", source / "out", "--port", str(port), "--now", NOW],
                stdout=subprocess.DEVNULL, stderr=log)
            try:
                def up():
                    try:
                        return get(site + "/news/workday-calendar/")[0] == 200
                    except OSError:
                        return False
                self.assertTrue(wait_until(up, 30))
                front = get(site + "/")[1]
                after = re.search(r"/_preview/preview\.js\?after=(\d+)", front).group(1)
                self.assertEqual(get(site + "/no/such/page/")[0], 404)
                self.assertIn(get(site + "/../log")[0], (400, 404))
                self.refuses_what_is_not_a_browsers(port)
                # The intranet beside it, and both on one page.
                self.assertEqual(get(f"http://127.0.0.1:{port + 1}/internal/")[0], 200)
                self.assertEqual(get(site + "/internal/")[0], 404)
                self.assertIn(f"http://127.0.0.1:{port + 1}/", get(site + "/_preview/")[1])
                # Searching works while writing.
                self.assertIn("xinmiSearch(", get(site + "/search-index/zh/meta.js")[1])
                with urllib.request.urlopen(f"{site}/_preview/events?after={after}", timeout=20) as events:
                    self.assertEqual(events.headers["Content-Type"], "text/event-stream")
                    page.write_text(page.read_text(encoding="utf-8") + "\n刚写的一句。\n", encoding="utf-8")
                    line = events.readline()
                    while not line.startswith(b"data:"):
                        line = events.readline()
                self.assertIn("刚写的一句", get(site + "/news/workday-calendar/")[1])
                # A mistake shows on the page with its place, and goes with its correction.
                whole = page.read_text(encoding="utf-8")
                errors = lambda: json.loads(get(site + "/_preview/errors?path=/news/workday-calendar/")[1])
                page.write_text(whole + "\n[坏链接](nowhere.md)\n", encoding="utf-8")
                self.assertTrue(wait_until(lambda: any("workday-calendar.md:" in e["line"] and "dead-link" in e["line"] for e in errors())))
                for broken in ("---\ntitle: [\n---\n", "no head", ""):
                    page.write_text(broken, encoding="utf-8")
                    self.assertTrue(wait_until(lambda: any("workday-calendar.md" in e["line"] for e in errors())), broken)
                page.write_text(whole, encoding="utf-8")
                self.assertTrue(wait_until(lambda: errors() == []))
                self.assertIn("刚写的一句", get(site + "/news/workday-calendar/")[1])
                # Another folder in the place of the watched one, as after a checkout.
                shutil.move(source / "Content", source / "Content.old")
                shutil.copytree(source / "Content.old", source / "Content")
                page.write_text(whole + "\n换了目录。\n", encoding="utf-8")
                self.assertTrue(wait_until(lambda: "换了目录" in get(site + "/news/workday-calendar/")[1]))
                page.write_text(whole + "\n换了以后。\n", encoding="utf-8")
                self.assertTrue(wait_until(lambda: "换了以后" in get(site + "/news/workday-calendar/")[1]))
                # So does a theme's.
                template = source / "Themes/xinmi/templates/page.mustache"
                good = template.read_text(encoding="utf-8")
                template.write_text(good.replace("{{page.content}}", "{{page.kontent}}"), encoding="utf-8")
                self.assertTrue(wait_until(lambda: any("kontent" in e["line"] for e in errors())))
                template.write_text(good, encoding="utf-8")
                self.assertTrue(wait_until(lambda: errors() == []))
            finally:
                server.terminate()
                server.wait(timeout=20)
                log.close()

    def refuses_what_is_not_a_browsers(self, port):
        def answer(text):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                connection.sendall(text.encode("latin-1"))
                whole = b"".join(iter(lambda: connection.recv(65_536), b""))
            head, _, body = whole.partition(b"\r\n\r\n")
            return int(head.split()[1]), head.decode(), body

        host = f"Host: 127.0.0.1:{port}\r\n"
        status, head, body = answer(f"GET /%6eews/workday-calendar/?a=1 HTTP/1.1\r\n{host}\r\n")
        self.assertEqual((status, f"Content-Length: {len(body)}" in head), (200, True))
        self.assertIn(b"</html>", body)
        # In pieces, as a slow sender's come.
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            for piece in ("GET / HT", "TP/1.1\r\nHo", f"st:\t127.0.0.1:{port}\r\n\r", "\n"):
                connection.sendall(piece.encode())
                time.sleep(0.02)
            self.assertTrue(connection.recv(65_536).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(answer(f"HEAD / HTTP/1.1\r\n{host}\r\n")[::2], (200, b""))
        self.assertEqual(answer(f"POST / HTTP/1.1\r\n{host}\r\n")[0], 405)
        self.assertEqual(answer(f"GET /%2e%2e/log HTTP/1.1\r\n{host}\r\n")[0], 400)
        # A page elsewhere that had its name lead here (DNS rebinding) reads nothing.
        self.assertEqual(answer("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")[0], 400)
        for rubbish in ("GET / HTTP/1.1\r\n\r\n", f"GET / HTTP/1.1\r\n{host}{host}\r\n", f"GET  / HTTP/1.1\r\n{host}\r\n",
                        f"GET /%zz HTTP/1.1\r\n{host}\r\n", f"GET http://a/ HTTP/1.1\r\n{host}\r\n", "\x16\x03\x01\r\n\r\n",
                        f"GET / HTTP/2\r\n{host}\r\n", f"GET /?%ff HTTP/1.1\r\n{host}\r\n", "\xff\r\n\r\n", "\r\n\r\n"):
            self.assertEqual(answer(rubbish)[0], 400, repr(rubbish))
        self.assertEqual(answer("GET / HTTP/1.1\r\nA: " + "a" * 20_000)[0], 431)


if __name__ == "__main__":
    unittest.main()

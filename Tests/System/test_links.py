"""`sitegen check --external-links` against a server of this test's own."""
import http.server
import pathlib
import subprocess
import tempfile
import threading
import unittest

from support import BIN, NOW, ROOT

SITES = """
group: {name: 群, languages: [zh]}
variants: {public: {admits: [public], base: https://p.example}}
sites: [{slug: portal, kind: portal, content: portal, name: 门户, cascade: {visibility: public}}]
"""


class Handler(http.server.BaseHTTPRequestHandler):
    asked = []

    def answer(self):
        Handler.asked.append((self.command, self.path))
        code = {"/gone": 404, "/moved": 301}.get(self.path, 200)
        if self.path == "/get-only" and self.command == "HEAD":
            code = 405
        self.send_response(code)
        if code == 301:
            self.send_header("Location", "/fine")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET = answer

    def log_message(self, *arguments):
        pass


class LinkTests(unittest.TestCase):
    def test_dead_links_are_named_and_answers_kept(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with tempfile.TemporaryDirectory(prefix="xinmi-links.") as scratch:
                source = pathlib.Path(scratch)
                (source / "Themes").symlink_to(ROOT / "Themes")
                (source / "Content/portal").mkdir(parents=True)
                (source / "Content/sites.yaml").write_text(SITES, encoding="utf-8")
                base = f"http://127.0.0.1:{server.server_port}"
                links = " ".join(f"[x]({base}/{name})" for name in ("fine", "gone", "moved", "get-only#part"))
                (source / "Content/portal/_index.md").write_text(f"---\ntitle: 首页\n---\n{links}\n", encoding="utf-8")

                def check():
                    result = subprocess.run(
                        [BIN / "sitegen", "check", "--source", source, "--external-links", "--now", NOW],
                        capture_output=True, text=True, env={"LANG": "C", "PATH": "/usr/bin:/bin"})
                    self.assertEqual(result.returncode, 0, result.stderr)
                    return [line for line in result.stderr.splitlines() if "external-link" in line]

                found = check()
                self.assertEqual(len(found), 1)
                self.assertIn("Content/portal/_index.md:4:", found[0])
                self.assertIn("/gone answers 404", found[0])
                self.assertIn(("GET", "/get-only"), Handler.asked)
                count = len(Handler.asked)
                self.assertEqual(check(), found)
                self.assertEqual(len(Handler.asked), count)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


if __name__ == "__main__":
    unittest.main()

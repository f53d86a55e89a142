"""`sitegen serve`: what an editor sees while writing."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
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


if __name__ == "__main__":
    unittest.main()

"""`sitegen serve`: what an editor sees while writing."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from support import BIN, NOW, ROOT, free_ports, get, wait_until


class PreviewTests(unittest.TestCase):
    def test_a_saved_page_is_shown_and_a_broken_one_changes_nothing(self):
        with tempfile.TemporaryDirectory(prefix="xinmi-preview.") as scratch:
            source = pathlib.Path(scratch)
            shutil.copytree(ROOT / "Content", source / "Content")
            shutil.copytree(ROOT / "Themes", source / "Themes")
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
                self.assertIn("/_preview/reload.js", get(site + "/")[1])
                self.assertEqual(get(site + "/no/such/page/")[0], 404)
                self.assertIn(get(site + "/../log")[0], (400, 404))
                generation = get(site + "/_preview/generation")[1]
                page.write_text(page.read_text(encoding="utf-8") + "\n刚写的一句。\n", encoding="utf-8")
                self.assertTrue(wait_until(lambda: "刚写的一句" in get(site + "/news/workday-calendar/")[1], 20))
                self.assertTrue(wait_until(lambda: get(site + "/_preview/generation")[1] != generation))
                page.write_text(page.read_text(encoding="utf-8") + "\n[坏链接](nowhere.md)\n", encoding="utf-8")
                self.assertTrue(wait_until(lambda: "dead-link" in (source / "log").read_text(encoding="utf-8"), 20))
                self.assertIn("刚写的一句", get(site + "/news/workday-calendar/")[1])
            finally:
                server.terminate()
                server.wait(timeout=20)
                log.close()


if __name__ == "__main__":
    unittest.main()

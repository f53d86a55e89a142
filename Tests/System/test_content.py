"""The shipped content: every column that the norms ask of a site is there and filled, and nothing intranet is public."""
import html
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

from support import BIN, NOW, ROOT

# 47号 for every kind of site, and the eight items of 政府信息公开条例 article 21 for townships.
COMMON = ["about", "leaders", "news", "notices", "documents", "disclosure", "services"]
PORTAL = COMMON + ["interpretation", "data", "hotline", "hotline/answers"]
ARTICLE_21 = ["rural-policy", "farmland-water", "land-contract", "homestead", "land-acquisition", "house-acquisition", "levies", "relief"]
TOWNSHIP = COMMON + ["interaction"] + [f"disclosure/{column}" for column in ARTICLE_21]
META = {"SiteName", "SiteDomain", "SiteIDCode"}
COLUMN = META | {"ColumnName", "ColumnDescription", "ColumnKeywords", "ColumnType"}
ARTICLE = COLUMN | {"ArticleTitle", "PubDate", "ContentSource"}


def build(folder, *more):
    subprocess.run(
        [BIN / "sitegen", "build", "--source", ROOT, "--output", folder, "--now", NOW, *more], check=True, capture_output=True)


class ContentTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="xinmi-content.")
        cls.output = pathlib.Path(cls.scratch.name) / "one"
        build(cls.output)
        cls.public = cls.output / "public"

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def page(self, path):
        return (self.public / path.strip("/") / "index.html").read_text(encoding="utf-8")

    def slugs(self):
        return sorted(folder.name for folder in (ROOT / "Content/townships").iterdir())

    def test_every_column_is_there_and_filled(self):
        for site, columns in [("", PORTAL), *((f"xz/{slug}", TOWNSHIP) for slug in self.slugs())]:
            for column in columns:
                html = self.page(f"{site}/{column}")
                main = html[html.index("<main"):html.index("</main>")]
                body = re.search(r'<div class="body">(.*?)</div>', main, re.S).group(1).strip()
                self.assertTrue(body or '<ul class="list">\n<li>' in main or '<section class="block">' in main, f"{site}/{column} is empty")

    def test_disclosure_has_guide_system_and_report(self):
        for site in ["", *(f"xz/{slug}/" for slug in self.slugs())]:
            html = self.page(f"{site}disclosure")
            for title in ("公开指南", "公开制度", "年度报告", "怎样申请公开"):
                self.assertIn(title, html, f"{site}disclosure lacks {title}")

    def test_page_tags_follow_the_3_7_10_rule(self):
        for path, wanted in [("", META), ("news", COLUMN), ("about/overview", ARTICLE), ("xz/dawei/about/villages", ARTICLE)]:
            text = self.page(path)
            tags = dict(re.findall(r'<meta name="([A-Za-z]+)" content="([^"]*)">', text))
            self.assertTrue(wanted <= set(tags), f"{path} lacks {wanted - set(tags)}")
            for name in wanted:
                self.assertTrue(tags[name] and tags[name] not in ("null", "undefined"), f"{path}: {name}")
        self.assertRegex(dict(re.findall(r'<meta name="(PubDate)" content="([^"]*)">', self.page("about/overview")))["PubDate"], r"^\d{4}-\d\d-\d\d \d\d:\d\d$")

    def test_every_page_has_the_footer_duties(self):
        for file in self.public.rglob("*.html"):
            html = file.read_text(encoding="utf-8")
            if 'http-equiv="refresh"' in html:
                continue
            for mark in ("4101830000", "豫ICP备", "豫公网安备", "0371-69812345", "/about/report-error/", "/about/site/", "/sitemap/"):
                self.assertIn(mark, html, f"{file.relative_to(self.public)} lacks {mark}")

    def test_samples_say_so(self):
        for source in (ROOT / "Content").rglob("*.md"):
            text = source.read_text(encoding="utf-8")
            if source.name.startswith("_") or "\nvisibility: intranet" in text or "/internal/" in str(source) or ".en.md" in source.name:
                continue
            if re.search(r"^sample: true$", text, re.M):
                path = str(source.relative_to(ROOT / "Content")).removesuffix(".md").replace("townships/", "xz/").removeprefix("portal/")
                if (self.public / path / "index.html").exists():
                    self.assertIn('class="sample"', self.page(path), path)

    def test_nothing_intranet_is_public(self):
        public = set(json.loads((self.output / "public.manifest.json").read_text())["files"])
        intranet = set(json.loads((self.output / "intranet.manifest.json").read_text())["files"])
        hidden = intranet - public
        self.assertTrue(any("internal" in path for path in hidden))
        self.assertGreaterEqual(len({path.split("/")[1] for path in hidden if path.startswith("xz/")}), 5)
        text = "".join(file.read_text(encoding="utf-8", errors="ignore") for file in self.public.rglob("*") if file.is_file())
        text += (self.output / "public.manifest.json").read_text()
        for secret in ("内部工作", "值班安排", "运维手册", "派单口径", "替岗表", "摆渡批次顺延", "应急联络席", "/internal/", "工单签收要求"):
            self.assertNotIn(secret, text)
        self.assertIn("运维手册", (self.output / "intranet/internal/index.html").read_text(encoding="utf-8"))

    def test_building_again_elsewhere_gives_the_same_bytes(self):
        other = pathlib.Path(self.scratch.name) / "two"
        build(other, "--jobs", "1")
        result = subprocess.run(["diff", "-r", "-x", ".cache", self.output, other], capture_output=True, text=True)
        self.assertEqual(result.stdout, "")

    def variation(self, name, change):
        """The shipped content with another list of sites, built."""
        source = pathlib.Path(self.scratch.name) / name
        for folder in ("Content", "Themes", "Docs"):
            shutil.copytree(ROOT / folder, source / folder)
        sites = source / "Content/sites.yaml"
        sites.write_text(change(sites.read_text(encoding="utf-8")), encoding="utf-8")
        subprocess.run([BIN / "sitegen", "build", "--source", source, "--output", source / "out", "--now", NOW], check=True, capture_output=True)
        return source / "out"

    def crawl(self, output, origin, hosts):
        """Every link of every page leads to a file of the docroot that its address names."""
        roots = {origin: output / "public", **{f"https://{host}": output / "public.hosts" / slug for host, slug in hosts.items()}}
        checked = 0
        for base, root in roots.items():
            for page in root.rglob("*.html"):
                text = page.read_text(encoding="utf-8")
                here = base + "/" + str(page.relative_to(root)).removesuffix("index.html")
                links = set(re.findall(r'(?:href|src|poster|action)="([^"]+)"', text))
                links |= {part.strip().split(" ")[0] for value in re.findall(r'srcset="([^"]+)"', text) for part in value.split(",")}
                for link in links:
                    target = urllib.parse.urldefrag(urllib.parse.urljoin(here, html.unescape(link)))[0].split("?")[0]
                    home = next((known for known in roots if (target + "/").startswith(known + "/")), None)
                    if home is None or target.startswith(home + "/forms/"):
                        continue
                    path = urllib.parse.unquote(target[len(home):].lstrip("/"))
                    file = roots[home] / (path + "index.html" if path == "" or path.endswith("/") else path)
                    self.assertTrue(file.is_file(), f"{here} links to {link}, which is not there")
                    checked += 1
        return checked

    def test_every_link_leads_somewhere(self):
        self.assertGreater(self.crawl(self.output, "https://www.example.gov.cn", {}), 40_000)

    def test_the_content_also_builds_with_a_host_for_every_site(self):
        def change(text):
            return re.sub(r"address: \{ mode: path, path: /xz/(\w+)/ \}", r"address: { mode: host, host: \1.example.gov.cn }", text)
        output = self.variation("hosts", change)
        hosts = {f"{slug}.example.gov.cn": slug for slug in self.slugs()}
        self.assertEqual({folder.name for folder in (output / "public.hosts").iterdir()}, set(hosts.values()))
        self.assertFalse((output / "public/xz").exists())
        self.assertGreater(self.crawl(output, "https://www.example.gov.cn", hosts), 40_000)
        page = (output / "public.hosts/chaohua/about/overview/index.html").read_text(encoding="utf-8")
        self.assertIn('<link rel="canonical" href="https://chaohua.example.gov.cn/about/overview/">', page)
        self.assertIn('hreflang="en" href="https://chaohua.example.gov.cn/en/about/overview/"', page)
        self.assertIn('<a href="https://www.example.gov.cn/">', page)

    def test_the_content_also_builds_with_the_second_theme(self):
        output = self.variation("theme", lambda text: text.replace("theme: xinmi", "theme: jianjie"))
        self.assertGreater(self.crawl(output, "https://www.example.gov.cn", {}), 20_000)
        pages = lambda folder: {str(file.relative_to(folder)) for file in folder.rglob("*.html")}
        self.assertEqual(pages(output / "public"), pages(self.public))

    def test_translations_point_at_each_other(self):
        for path in ("", "about/overview", "hotline/request", "xz/chaohua", "xz/chaohua/about/villages"):
            slash = "/" if path else ""
            for html in (self.page(path), self.page(f"en/{path}")):
                self.assertIn(f'hreflang="zh-CN" href="https://www.example.gov.cn/{path}{slash}"', html)
                self.assertIn(f'hreflang="en" href="https://www.example.gov.cn/en/{path}{slash}"', html)


if __name__ == "__main__":
    unittest.main()

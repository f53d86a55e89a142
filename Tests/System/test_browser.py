"""The pages in headless Chromium, by the WebDriver protocol: phone and desktop widths, with and without JavaScript."""
import base64
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import unicodedata
import unittest
import urllib.parse
import urllib.request

from support import System, free_ports, wait_until

class Browser:
    def __init__(self, javascript=True, width=1280, height=900):
        self.port = free_ports()
        self.driver = subprocess.Popen(
            [shutil.which("chromedriver"), f"--port={self.port}", "--allowed-ips=127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_until(self.is_ready):
            raise RuntimeError("chromedriver did not come up")
        options = {
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-prefers-reduced-motion", f"--window-size={width},{height}"],
            "mobileEmulation": {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1}},
        }
        capabilities = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": capabilities})["sessionId"]
        if not javascript:
            # Pages run no script; the driver's own still do.
            command = {"cmd": "Emulation.setScriptExecutionDisabled", "params": {"value": True}}
            self.call("POST", self.session + "/goog/cdp/execute", command)

    def is_ready(self):
        try:
            return self.call("GET", "/status")["ready"]
        except OSError:
            return False

    def call(self, method, path, body=None):
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=data, method=method, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()[:500]) from None

    def close(self):
        try:
            self.call("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=20)

    # Pages are worked by the DevTools protocol's DOM and input commands: they need no script in the page, so the same
    # walk runs with JavaScript switched off.

    def cdp(self, command, **parameters):
        return self.call("POST", self.session + "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.call("POST", self.session + "/url", {"url": url})

    def html(self, selector="html"):
        return self.on(selector, lambda node: self.cdp("DOM.getOuterHTML", nodeId=node)["outerHTML"])

    def on(self, selector, act, seconds=10):
        """Does something with the first match, once there is one; a page that is just being replaced is looked at again."""
        answer = []

        def attempt():
            try:
                root = self.cdp("DOM.getDocument", depth=0)["root"]["nodeId"]
                node = self.cdp("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
                if node:
                    answer.append(act(node))
            except AssertionError:
                return False
            return bool(answer)
        if not wait_until(attempt, seconds):
            raise AssertionError(f"nothing matches {selector} at {self.url()}")
        return answer[0]

    def url(self):
        return self.cdp("Target.getTargetInfo")["targetInfo"]["url"]

    def click(self, selector):
        def place_of(node):
            self.cdp("DOM.scrollIntoViewIfNeeded", nodeId=node)
            return self.cdp("DOM.getContentQuads", nodeId=node)["quads"][0]

        quad = self.on(selector, place_of)
        place = {"x": (quad[0] + quad[4]) / 2, "y": (quad[1] + quad[5]) / 2, "button": "left", "clickCount": 1}
        self.cdp("Input.dispatchMouseEvent", type="mousePressed", **place)
        self.cdp("Input.dispatchMouseEvent", type="mouseReleased", **place)

    def type(self, selector, text):
        self.on(selector, lambda node: self.cdp("DOM.focus", nodeId=node))
        self.cdp("Input.insertText", text=text)

    def choose(self, selector, steps):
        """Moves a focused list down by its keyboard."""
        self.on(selector, lambda node: self.cdp("DOM.focus", nodeId=node))
        for _ in range(steps):
            for kind in ("keyDown", "keyUp"):
                self.cdp("Input.dispatchKeyEvent", type=kind, key="ArrowDown", code="ArrowDown", windowsVirtualKeyCode=40)

    def text(self, selector):
        return html.unescape(re.sub(r"<[^>]*>", "", self.html(selector))).strip()

    def evaluate(self, script):
        return self.call("POST", self.session + "/execute/sync", {"script": script, "args": []})

    def logs(self):
        return self.call("POST", self.session + "/se/log", {"type": "browser"})

    def picture(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.cdp("Page.captureScreenshot")["data"]))


class BrowserTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.system.call("prepare")
        cls.system.call("start")

    @classmethod
    def tearDownClass(cls):
        cls.system.close()

    def browser(self, **options):
        browser = Browser(**options)
        self.addCleanup(browser.close)
        return browser

    def test_pages_fit_phone_and_desktop_and_log_nothing(self):
        pages = ["/", "/en/", "/about/divisions/", "/about/heritage/", "/services/catering-opening/", "/hotline/request/", "/hotline/status/",
                 "/xz/chaohua/", "/en/xz/jianshan/", "/xz/dawei/about/villages/", "/xz/micun/disclosure/relief/", "/sitemap/", "/tags/", "/topics/",
                 "/about/map/", "/en/about/map/", "/about/sample-media/", "/documents/hotline-rules-trial/", "/news/archive/2026/08/", "/search/",
                 "/en/search/", "/xz/micun/search/", "/404.html"]
        for width in (390, 1280):
            browser = self.browser(width=width)
            for page in pages:
                browser.open(self.system.site + page)
                self.assertLessEqual(browser.evaluate("return document.documentElement.scrollWidth"), width, f"{page} is wider than {width}")
                self.assertEqual(browser.evaluate("return document.querySelectorAll('h1').length"), 1, page)
                self.assertEqual(
                    browser.evaluate("return [...document.querySelectorAll('input:not([type=hidden]),select,textarea')].filter(e => !e.labels.length).length"),
                    0, f"{page} has a field without a label")
                if os.environ.get("PICTURES"):
                    browser.picture(f"{os.environ['PICTURES']}/{width}{page.replace('/', '_')}.png")
            self.assertEqual([entry["message"] for entry in browser.logs()], [])

    def walk(self, browser):
        """The way of a citizen: a mistake, the form again, the receipt, the status."""
        browser.open(self.system.site + "/hotline/request/")
        browser.type("#f-subject", "路灯不亮了")
        browser.click("form.form button[type=submit]")
        self.assertRegex(browser.text(".error-summary"), "有 .+ 处需要修改")
        self.assertIn('value="路灯不亮了"', browser.html("#f-subject"))
        browser.click("#f-nature-1")
        browser.type("#f-details", "村口的路灯三天没有亮了，老人晚上出门不方便。")
        browser.choose("#f-place", 3)
        browser.type("#f-phone", "13800000000")
        browser.click("#f-publish")
        browser.click("form.form button[type=submit]")
        receipt, code = browser.text("#receipt"), browser.text("#code")
        self.assertRegex(receipt, r"^XM260901[0-9A-Z]{9}$")
        self.assertNotIn(code, browser.url())
        browser.open(self.system.site + "/hotline/status/")
        browser.type("#f-receipt", receipt.lower())
        browser.type("#f-code", code)
        browser.click("form.form button[type=submit]")
        self.assertIn("已收到", browser.text("#state"))

    def test_a_citizen_gets_through_with_javascript(self):
        self.walk(self.browser(width=390))

    def test_a_citizen_gets_through_without_javascript(self):
        browser = self.browser(javascript=False, width=390)
        browser.open(self.system.site + "/")
        # The script would have shown the large-text button.
        self.assertIn(" hidden", browser.html("[data-large]"))
        self.walk(browser)

    def choose_file(self, browser, selector, path):
        node = browser.on(selector, lambda node: node)
        browser.cdp("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def apply(self, browser, show=lambda name: None):
        """An application in steps with its documents."""
        paper = self.system.folder / "sample.pdf"
        paper.write_bytes(b"%PDF-1.4\n% no real document\n%%EOF\n")
        browser.open(self.system.site + "/services/catering-opening/")
        show("steps-1")
        browser.click("#f-kind-1")
        browser.type("#f-name", "测试员乙")
        browser.type("#f-phone", "13900000000")
        browser.click("form.form button[value=next]")
        # The second page is for companies.
        self.assertTrue(wait_until(lambda: "第 2 步，共 4 步" in browser.text(".step")))
        show("steps-2")
        browser.type("#f-shop", "示例小馆")
        browser.choose("#f-place", 3)
        browser.type("#f-place-village", "西大街社区")
        browser.type("#f-area", "80")
        browser.type("#f-seats", "30")
        browser.click("#f-fuel")
        browser.click("form.form button[value=next]")
        for name in ("idcard", "premises", "layout", "fire"):
            self.choose_file(browser, f"#f-{name}", paper)
        show("steps-3")
        browser.click("form.form button[value=next]")
        self.assertTrue(wait_until(lambda: "f-truth" in browser.html("form.form")))
        browser.click("#f-truth")
        browser.click("form.form button[value=next]")
        self.assertTrue(wait_until(lambda: "请核对" in browser.text("form.form")))
        show("steps-review")
        self.assertIn("sample.pdf", browser.text("form.form"))
        browser.click("form.form button[value=submit]")
        self.assertTrue(wait_until(lambda: "receipt" in browser.url()))
        self.assertRegex(browser.text("#receipt"), r"^XM260901[0-9A-Z]{9}$")
        self.assertEqual(urllib.parse.urlparse(browser.url()).query, "lang=zh")

    def test_an_application_in_steps_with_documents(self):
        for javascript, width in ((True, 390), (False, 390), (True, 1280)):
            browser = self.browser(javascript=javascript, width=width)
            folder = os.environ.get("PICTURES")
            self.apply(browser, (lambda name: browser.picture(f"{folder}/{width}-{name}.png")) if folder else (lambda name: None))

    def test_a_form_checks_while_typing_and_keeps_a_draft(self):
        browser = self.browser(width=390)
        browser.open(self.system.site + "/hotline/request/")
        browser.type("#f-phone", "abc")
        browser.type("#f-subject", "写到一半的标题")
        self.assertTrue(wait_until(lambda: "应当是电话号码" in browser.text("form.form")))
        self.assertTrue(wait_until(lambda: "写到一半" in str(browser.evaluate("return JSON.stringify(localStorage)"))))
        browser.open(self.system.site + "/")
        browser.open(self.system.site + "/hotline/request/")
        self.assertTrue(wait_until(lambda: "已恢复" in browser.text("form.form")))
        self.assertEqual(browser.evaluate("return document.querySelector('#f-subject').value"), "写到一半的标题")
        # The villages follow the unit.
        every = browser.evaluate("return document.querySelector('#f-place-villages').children.length")
        browser.choose("#f-place", 3)
        self.assertTrue(wait_until(lambda: 0 < browser.evaluate("return document.querySelector('#f-place-villages').children.length") < every))
        browser.click("button.link")
        self.assertEqual([entry["message"] for entry in browser.logs() if "favicon" not in entry["message"]], [])

    def documents(self):
        """Title and text of every page as the index holds them, by number."""
        found = []
        for file in sorted((self.system.folder / "edge/site/current/public/search-index/zh").glob("t*.js"), key=lambda f: int(f.stem[1:])):
            found += json.loads(re.match(r'xinmiSearch\("t",\d+,(.*),"\w+"\)\s*$', file.read_text(encoding="utf-8"), re.S).group(1))
        return found

    def ask(self, browser, expression):
        """The value of a promise in the page."""
        script = "const done = arguments[arguments.length - 1]; (" + expression + ").then(done, (e) => done(String(e)))"
        return browser.call("POST", browser.session + "/execute/async", {"script": script, "args": []})

    def test_search_finds_every_page_that_holds_the_words_and_no_other(self):
        browser = self.browser()
        browser.open(self.system.site + "/search/")
        browser.on("html[data-search-ready]", lambda node: node)
        fixtures = pathlib.Path(__file__).parents[1] / "Fixtures"
        for sample in json.loads((fixtures / "search-tokens.json").read_text(encoding="utf-8")):
            found = browser.evaluate(f"return xinmiSearch.tokens({json.dumps(sample['text'])})")
            self.assertEqual(found, sample["tokens"], sample["text"])
        documents = self.documents()
        synonyms = json.loads(re.search(r'0,(.*),"\w+"\)', (self.system.folder / "edge/site/current/public/search-index/zh/meta.js").read_text(encoding="utf-8"), re.S).group(1))["synonyms"]
        hits = 0
        more = ["17个", "24个村", "69812345转接", "2025年", "区", "餐饮", "２０２５年"]
        for query in json.loads((fixtures / "search-queries.json").read_text(encoding="utf-8")) + more:
            query = unicodedata.normalize("NFKC", query)
            words = [query, *synonyms.get(query, [])]
            # Spaces beside a Chinese character do not count, as in the index.
            dense = lambda text: re.sub(r"(?<=[\u4e00-\u9fff]) +| +(?=[\u4e00-\u9fff])", "", text)
            truth = {n for n, (_, title, _, text) in enumerate(documents) if any(word in dense(title) or word in dense(text) for word in words)}
            found = {doc for doc, _ in self.ask(browser, f"xinmiSearch.find({json.dumps(query)})")["results"]}
            self.assertEqual(found, truth, query)
            hits += len(truth)
        self.assertGreater(hits, 500)

    def test_search_by_keyboard_with_extracts_and_places(self):
        browser = self.browser(width=390)
        browser.open(self.system.site + "/")
        browser.type("#site-q", "超化")
        for kind in ("keyDown", "keyUp"):
            browser.cdp("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
        self.assertTrue(wait_until(lambda: "找到" in browser.text("[data-status]")))
        self.assertIn("/search/?q=", browser.url())
        first = browser.html("[data-results] li")
        self.assertIn("<mark>超化</mark>", first)
        count = browser.text("[data-status]")
        # Pinyin out of the gazetteer, a document number, several words, a place that narrows.
        for query, wanted in (("egou", "莪沟"), ("示例〔2026〕12号", "诉求办理办法"), ("超化 大蒜", "超化镇概况")):
            browser.open(f"{self.system.site}/search/?q={urllib.parse.quote(query)}")
            self.assertTrue(wait_until(lambda: "找到" in browser.text("[data-status]")), query)
            self.assertTrue(wait_until(lambda: wanted in browser.text("[data-results]")), query)
        browser.open(f"{self.system.site}/search/?q={urllib.parse.quote('超化')}&in={urllib.parse.quote('新密市人民政府')}")
        self.assertTrue(wait_until(lambda: "找到" in browser.text("[data-status]")))
        self.assertNotEqual(browser.text("[data-status]"), count)
        # What is typed is text, never markup.
        browser.open(f"{self.system.site}/search/?q={urllib.parse.quote('<img src=x onerror=alert(1)>')}")
        self.assertTrue(wait_until(lambda: "没有找到" in browser.text("[data-status]")))
        self.assertEqual([entry["message"] for entry in browser.logs()], [])

    def test_search_works_from_a_disk_and_without_javascript_leads_on(self):
        browser = self.browser()
        page = self.system.folder / "edge/site/current/public/search/index.html"
        browser.open(f"file://{page}?q={urllib.parse.quote('超化')}")
        self.assertTrue(wait_until(lambda: "找到" in browser.text("[data-status]")))
        self.assertIn('href="../xz/chaohua/', browser.html("[data-results]"))
        plain = self.browser(javascript=False)
        plain.open(self.system.site + "/search/?q=x")
        self.assertIn("69812345", plain.text("noscript"))
        self.assertIn("/tags/", plain.html("[data-browse]"))

    def test_a_film_plays_and_a_picture_comes_in_a_fitting_size(self):
        browser = self.browser(width=390)
        browser.open(self.system.site + "/about/sample-media/")
        browser.on("video", lambda node: self.assertIsNotNone(node))
        self.assertTrue(wait_until(lambda: browser.evaluate("return document.querySelector('video').readyState >= 1")))
        self.assertEqual(browser.evaluate("return document.querySelector('video').textTracks[0].kind"), "captions")
        browser.evaluate("document.querySelector('figure img').scrollIntoView()")
        self.assertTrue(wait_until(lambda: browser.evaluate("return document.querySelector('figure img').currentSrc").endswith(".480w.webp")))

    def test_large_text_stays_switched_on(self):
        browser = self.browser()
        browser.open(self.system.site + "/")
        browser.click("[data-large]")
        browser.open(self.system.site + "/about/overview/")
        self.assertTrue(browser.evaluate("return document.documentElement.classList.contains('large')"))

    def test_every_subsite_is_there_in_both_languages(self):
        slugs = [entry.name for entry in (pathlib.Path(__file__).parents[2] / "Content/townships").iterdir()]
        self.assertEqual(len(slugs), 17)
        for slug in slugs:
            for prefix in ("", "/en"):
                with urllib.request.urlopen(f"{self.system.site}{prefix}/xz/{slug}/", timeout=10) as answer:
                    self.assertEqual(answer.status, 200)


if __name__ == "__main__":
    unittest.main()

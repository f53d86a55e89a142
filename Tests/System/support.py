"""A whole system in a scratch folder, for tests that act from outside."""
import html
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BIN", ROOT / ".build" / "debug"))
NOW = "2026-09-01T09:00:00+08:00"


def free_ports():
    """A base port with six free ones after it, below those that the system gives to clients."""
    import random
    while True:
        base = random.SystemRandom().randrange(10_000, 32_000)
        probes = []
        try:
            for port in range(base, base + 7):
                probe = socket.socket()
                probes.append(probe)
                probe.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()


class System:
    """Scripts/system in a folder of its own."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="xinmi-system."))
        self.base = free_ports()
        self.env = dict(os.environ, NOW=NOW, PORT_BASE=str(self.base), BIN=str(BIN))
        self.site = f"http://127.0.0.1:{self.base}"
        self.forms = f"http://127.0.0.1:{self.base + 1}"

    def configure(self, **keys):
        """Sets keys of formsapi's configuration."""
        import json
        path = self.folder / "edge/formsapi.yaml"
        kept = [line for line in path.read_text().splitlines() if line.split(":")[0] not in keys]
        path.write_text("\n".join([f"{key}: {json.dumps(value)}" for key, value in keys.items() if value is not None] + kept) + "\n")

    def call(self, *words):
        subprocess.run([ROOT / "Scripts" / "system", words[0], self.folder, *words[1:]], env=self.env, check=True, capture_output=True)

    def ferry(self):
        result = subprocess.run([ROOT / "Scripts" / "ferry-round", self.folder], env=self.env, check=True, capture_output=True, text=True)
        return result.stdout

    def coredesk(self, *words, code=0):
        """Runs a command of the core, which must end with `code`; what it says on both streams."""
        result = subprocess.run([BIN / "coredesk", *words, "--config", self.folder / "core/coredesk.yaml"], capture_output=True, text=True, env=self.env)
        if result.returncode != code:
            raise AssertionError(f"coredesk {words[0]} ended with {result.returncode}: {result.stdout}{result.stderr}")
        return result.stdout + result.stderr

    def close(self):
        subprocess.run([ROOT / "Scripts" / "system", "stop", self.folder], env=self.env, capture_output=True)
        # A template of the desk that asks for what no page has writes it empty and says so.
        logs = [*self.folder.glob("log/*.log"), *self.folder.glob("*.log")]
        found = [line for log in logs for line in log.read_text(errors="replace").splitlines() if "template-unknown-name" in line]
        shutil.rmtree(self.folder, ignore_errors=True)
        if found:
            raise AssertionError(found[0])

    def digest(self, form):
        import json
        return json.loads((self.folder / "edge/site/current/public.runtime/current.json").read_text())[form]


WIDE = {"client_burst": 1_000_000, "client_per_minute": 1_000_000, "per_second": 1_000_000, "lookups_per_minute": 1_000_000,
        "uploads_per_second": 1_000_000, "client_megabytes": 1_000_000}


class Service:
    """One formsapi process."""

    def __init__(self, system, *prefix, config="formsapi.yaml", address=None, program=BIN / "formsapi"):
        self.address = address or system.forms
        self.log = open(system.folder / "formsapi.log", "ab")
        self.process = subprocess.Popen(
            [*prefix, program, "serve", "--config", system.folder / "edge" / config],
            stdout=subprocess.DEVNULL, stderr=self.log)
        if not wait_until(self.is_up):
            self.process.kill()
            raise RuntimeError("formsapi did not come up: " + (system.folder / "formsapi.log").read_text()[-2000:])

    def is_up(self):
        try:
            return get(self.address + "/healthz")[0] == 200
        except OSError:
            return False

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(timeout=20)
        self.log.close()


class Desk:
    """The staff pages, past nginx: over coredesk's socket, with an officer's certificate in the header."""

    def __init__(self, system, serve=False):
        self.folder = system.folder
        self.socket = self.folder / "core/desk.sock"
        self.origin = f"https://127.0.0.1:{system.base + 2}"
        self.process = None
        if serve:
            log = open(self.folder / "coredesk.log", "ab")
            self.process = subprocess.Popen(
                [BIN / "coredesk", "serve", "--config", self.folder / "core/coredesk.yaml"], stdout=log, stderr=log)
            log.close()
            if not wait_until(lambda: self.call("/desk.css")[0] == 200):
                self.stop()
                raise RuntimeError("coredesk did not come up: " + (self.folder / "coredesk.log").read_text()[-2000:])

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=20)

    def certificate(self, officer):
        return "X-Client-Cert: " + urllib.parse.quote((self.folder / f"keys/{officer}.crt").read_text(), safe="")

    def call(self, path, *headers, body=None, file=None):
        options = [part for header in headers for part in ("-H", header)]
        if file:
            options += ["--data-binary", f"@{file}"]
        elif body is not None:
            options += ["--data", urllib.parse.urlencode(body, doseq=True)]
        out = subprocess.run(
            ["curl", "-sS", "-w", "\n%{http_code}", "--unix-socket", self.socket, *options, f"http://desk{path}"],
            capture_output=True, text=True).stdout
        text, _, code = out.rpartition("\n")
        return int(code or 0), text

    def page(self, officer, path):
        return self.call(path, self.certificate(f"staff/{officer}"))

    def cases(self, officer):
        """Ids by title, of everything that the officer's list shows."""
        return {title: case for case, title in re.findall(r'href="/cases/([0-9a-f-]{36})">([^<0-9][^<]*)<', self.page(officer, "/?closed=1")[1])}

    def register(self, system, subject):
        """Begins a request as the operator on the telephone; the status of the answer."""
        page = self.page("operator", "/new/hotline")[1]
        hidden = {name: re.search(f'name="{name}" value="([^"]*)"', page)[1] for name in ("token", "grounds", "nonce")}
        answers = {key: value for key, value in request_fields(system).items() if not key.startswith("_")}
        return self.call("/new/hotline", self.certificate("staff/operator"), f"Origin: {self.origin}", body={**answers, **hidden, "subject": subject})[0]

    def address(self, officer, case, action):
        """Where the case's page offers an action; None where it does not."""
        found = re.search(rf'href="(/cases/{case}/{action}(?:/[0-9]+)?)"', self.page(officer, f"/cases/{case}")[1])
        return found and found[1]

    def form(self, officer, address):
        """The hidden fields of an action's page."""
        page = self.page(officer, address)[1]
        return {name: re.search(f'name="{name}" value="([^"]*)"', page)[1] for name in ("token", "grounds", "nonce")}

    def act(self, officer, case, action, fields=None, hidden=None):
        address = self.address(officer, case, action)
        if address is None:
            return 0, f"{officer} is not offered {action}"
        return self.submit(officer, address, {**(hidden or self.form(officer, address)), **{f"i-{name}": value for name, value in (fields or {}).items()}})

    def submit(self, officer, address, body):
        """Posts a form, and signs where the desk asks for a signature."""
        status, text = self.call(address, self.certificate(f"staff/{officer}"), f"Origin: {self.origin}", body=body)
        return self.signed(officer, address, text) if 'data-code="sign"' in text else (status, text)

    def signed(self, officer, address, page, key=None, change=lambda fields: fields):
        """Signs what a page offers with an officer's key, and posts it; `key` is somebody else's where given, and `change` alters what is posted."""
        fields = {}
        for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page):
            fields.setdefault(html.unescape(name), []).append(html.unescape(value))
        with tempfile.TemporaryDirectory() as folder:
            link = re.search(r'href="(xinmi-sign:[^"]*)"', page)[1]
            subprocess.run(
                [BIN / "desksign", link, "--identity", self.folder / f"keys/staff/{key or officer}", "--into", folder, "--yes"], capture_output=True, check=key is None)
            file = next(pathlib.Path(folder).glob("*.p7s"), None)
            return self.upload(officer, address, change(fields), file.read_bytes() if file else b"")

    def upload(self, officer, address, fields, signature):
        content, headers = multipart(fields, [("signature", "act.p7s", signature)])
        with tempfile.NamedTemporaryFile() as body:
            body.write(content)
            body.flush()
            return self.call(address, self.certificate(f"staff/{officer}"), f"Origin: {self.origin}", *[f"{name}: {value}" for name, value in headers.items()], file=body.name)


class SharedDesk(unittest.TestCase):
    """One system with its desk for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.system = System()
        cls.addClassCleanup(cls.system.close)
        cls.system.call("prepare")
        cls.system.call("start")
        cls.staff = Desk(cls.system)
        cls.core = cls.system.folder / "core"


class RunningDesk(unittest.TestCase):
    """A whole system for each test, with its desk."""

    def setUp(self):
        self.system = System()
        self.addCleanup(self.system.close)
        self.system.call("prepare")
        self.system.call("start")
        self.staff = Desk(self.system)
        self.core = self.system.folder / "core"


def multipart(fields, files=(), boundary="xinmi-test-boundary"):
    """Body and headers of a form with files: (name, file name, bytes) each."""
    out = b""
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{one}\r\n'.encode()
    for name, file_name, content in files:
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode() + content + b"\r\n"
    return out + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


opener = urllib.request.build_opener(NoRedirect)


def post(url, fields, headers=None, raw=None):
    """Status, headers and body of a plain form post."""
    body = raw if raw is not None else urllib.parse.urlencode(fields, doseq=True).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/x-www-form-urlencoded", **(headers or {})})
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read().decode()


def look_at(url):
    """Status, headers and body of a plain look at an address, redirections not followed."""
    try:
        with opener.open(url, timeout=30) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read().decode()


def call(method, url, body=None, headers=None):
    """Status, headers and parsed body of a call to the JSON API."""
    import json
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    kind = {} if data is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, headers={**kind, **(headers or {})}, method=method)
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.headers, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, json.loads(answer.read() or b"null")


def get(url):
    try:
        with opener.open(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


def inner(html, identity):
    found = re.search(f'id="{identity}">([^<]*)<', html)
    return found.group(1) if found else None


def request_fields(system, number=0):
    return {
        "_form": system.digest("hotline"), "_lang": "zh", "nature": "help", "subject": f"测试诉求第 {number} 号", "place.unit": "chaohua",
        "details": "这是一条测试用的诉求，内容没有意义。", "phone": "13800000000", "publish": "refuse",
    }


def wait_until(condition, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False

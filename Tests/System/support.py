"""A whole system in a scratch folder, for tests that act from outside."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BIN", ROOT / ".build" / "debug"))
NOW = "2026-09-01T09:00:00+08:00"


def free_ports():
    """A base port with two free ones after it."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            base = probe.getsockname()[1]
        if base < 60000:
            return base


class System:
    """Scripts/system in a folder of its own."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="xinmi-system."))
        self.base = free_ports()
        self.env = dict(os.environ, NOW=NOW, PORT_BASE=str(self.base), BIN=str(BIN))
        self.site = f"http://127.0.0.1:{self.base}"
        self.forms = f"http://127.0.0.1:{self.base + 1}"

    def call(self, *words):
        subprocess.run([ROOT / "Scripts" / "system", words[0], self.folder, *words[1:]], env=self.env, check=True, capture_output=True)

    def ferry(self):
        result = subprocess.run([ROOT / "Scripts" / "ferry-round", self.folder], env=self.env, check=True, capture_output=True, text=True)
        return result.stdout

    def close(self):
        subprocess.run([ROOT / "Scripts" / "system", "stop", self.folder], env=self.env, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def digest(self, form):
        import json
        return json.loads((self.folder / "site/public.runtime/current.json").read_text())[form]


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
        "_form": system.digest("hotline"), "_lang": "zh", "nature": "help", "subject": f"测试诉求第 {number} 号", "unit": "chaohua",
        "details": "这是一条测试用的诉求，内容没有意义。", "phone": "13800000000", "publish": "refuse",
    }


def wait_until(condition, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False

"""Times formsapi beside its peer, the same load in one run; prints a table and writes it to Benchmarks/results/formsapi.md.

  steady   200 posts a second with a file each, clamd scanning and ferry-out running: latency
  stretch  as many hotline posts as go: rate, latency, memory, syncs, beside FastAPI
  large    one upload of 100 MB: memory
"""
import argparse
import asyncio
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "Tests/System"))
os.environ.setdefault("BIN", str(ROOT / ".build/release"))
from support import BIN, WIDE, Service, System, get, multipart, request_fields, wait_until  # noqa: E402

UNITS = "qingpingjie,xinhualu,xidajie,chengguan,micun,niudian,pingmo,chaohua,goutang,dawei,liuzhai,baizhai,yuecun,laiji,quliang,yuanzhuang,jianshan,unknown"


def resident(pid):
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


class Clamd:
    def __init__(self, folder):
        (folder / "db").mkdir(parents=True)
        (folder / "db/test.ndb").write_text("Xinmi.Test:0:*:" + b"xinmi-scanner-test-signature-0001".hex() + "\n")
        self.socket = str(folder / "clamd.sock")
        (folder / "clamd.conf").write_text(f"LocalSocket {self.socket}\nDatabaseDirectory {folder}/db\nForeground yes\nStreamMaxLength 210M\nMaxFileSize 210M\nMaxScanSize 210M\nUser root\n")
        self.process = subprocess.Popen(["clamd", "-c", folder / "clamd.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_until(lambda: pathlib.Path(self.socket).exists(), 60):
            raise RuntimeError("clamd did not come up")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


async def steady(address, digest, rate, seconds):
    """Latencies in ms of posts that begin at fixed moments, whatever became of those before them."""
    host, port = address.removeprefix("http://").split(":")
    fields = {"nature": "help", "details": "这是一条测试用的诉求，内容没有意义。", "place.unit": "chaohua", "phone": "13800000000", "publish": "refuse"}
    latencies, failures = [], []

    async def one(number):
        body, headers = multipart({"_form": digest, "_lang": "zh", **fields, "subject": f"定速第 {number} 号"}, [("photos", "a.png", b"\x89PNG\r\n\x1a\n" + os.urandom(20_000))])
        start = time.perf_counter()
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
            # Each from an address of its own: files of one client have a share of what may come in at once.
            client = f"198.18.{number // 250 % 250}.{number % 250}"
            head = f"POST /forms/hotline HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {client}\r\nContent-Type: {headers['Content-Type']}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            answer = await reader.read()
            latencies.append((time.perf_counter() - start) * 1000)
            if b"303" not in answer[:20]:
                failures.append(answer[:40])
            writer.close()
        except OSError as error:
            failures.append(repr(error))

    begin, tasks = time.perf_counter(), []
    for number in range(rate * seconds):
        pause = begin + number / rate - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    return sorted(latencies), failures


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def load(address, digest, seconds, connections):
    out = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", HERE / "post.lua", address],
        env=dict(os.environ, FORM=digest, RUN=str(random.randrange(10**9))), capture_output=True, text=True, check=True).stdout
    requests, micros, p50, p99, most = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) ([\d.]+)", out).groups()
    bad, broken = map(int, re.search(r"ERRORS (\d+) (\d+)", out).groups())
    return {"rate": int(requests) / int(micros) * 1e6, "p50": float(p50), "p99": float(p99), "max": float(most), "bad": bad + broken}


class Peer:
    def __init__(self, system, python, port, folder):
        self.address = f"http://127.0.0.1:{port}"
        env = dict(os.environ, DATABASE=str(folder / "peer.sqlite"), RECIPIENT=str(system.folder / "keys/desk/desk-open.crt"), UNITS=UNITS)
        self.process = subprocess.Popen(
            [python, "-m", "uvicorn", "peer:app", "--port", str(port), "--no-access-log", "--log-level", "error", "--loop", "uvloop", "--http", "httptools"],
            cwd=HERE, env=env, stdout=subprocess.DEVNULL)

        def is_up():
            try:
                return get(self.address + "/healthz")[0] == 200
            except OSError:
                return False
        if not wait_until(is_up):
            raise RuntimeError("the peer did not come up")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)


def peers_python():
    venv = ROOT / ".build/bench-venv"
    if not (venv / "bin/uvicorn").exists():
        subprocess.run(["python3", "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "-q", "fastapi", "uvicorn", "uvloop", "httptools", "python-multipart", "cryptography"], check=True)
    return venv / "bin/python"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--folder", help="where databases lie; a disk's, for syncs that cost something")
    options = parser.parse_args()
    python = peers_python()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="xinmi-bench.", dir=options.folder))
    system = System()
    lines = []

    def say(line=""):
        print(line, flush=True)
        lines.append(line)

    try:
        system.call("prepare")
        digest = system.digest("hotline")
        disk = subprocess.run(["df", "--output=fstype", folder], capture_output=True, text=True).stdout.split()[-1]
        cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text()).group(1)
        say(f"# formsapi\n\n`make bench-forms` on {os.cpu_count()} cores ({cpu}), databases on {disk}; medians of {options.runs} runs with their ranges, formsapi and peer in turn.\n")
        say("| load | service | posts a second | p50 ms | p99 ms | worst ms | refused | peak memory MB |\n|---|---|---|---|---|---|---|---|")
        clamd = Clamd(folder / "clamav")
        system.configure(limits=WIDE, database=str(folder / "steady.sqlite"), scanner=clamd.socket)
        service = Service(system)
        # This database is new: its lanes begin by the same records.
        config = system.folder / "edge/formsapi.yaml"
        subprocess.run([BIN / "formsapi", "lane", "adopt", "--config", config, *sorted((system.folder / "epochs").glob("*.ep"))], check=True, stdout=subprocess.DEVNULL)
        ferry = subprocess.Popen(["sh", "-ec", f"while sleep 1; do {BIN}/formsapi ferry-out --config {config}; done"], stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            runs = [asyncio.run(steady(service.address, digest, 200, options.seconds)) for _ in range(options.runs)]
        finally:
            failed = ferry.poll()
            if failed is None:
                os.killpg(ferry.pid, signal.SIGTERM)
        sealed = len(list((system.folder / "edge/spool/outbox").glob("e2c-*.mf")))
        if failed is not None or sealed == 0:
            raise RuntimeError(f"ferry-out did not run beside the posts: {failed}, {sealed} batches")
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            runs_of = [percentile(latencies, share) for latencies, _ in runs]
            globals()[name] = f"{statistics.median(runs_of):.1f} ({min(runs_of):.1f}-{max(runs_of):.1f})"
        refused = sum(len(failures) for _, failures in runs)
        for answer in sorted({str(failure) for _, failures in runs for failure in failures}):
            print("refused:", answer, file=sys.stderr)
        say(f"| 200 a second, a file of 20 KB each, clamd and ferry-out running | formsapi | 200 | {p50} | {p99} | {max(l[-1] for l, _ in runs):.0f} | {refused} | {resident(service.process.pid):.0f} |")  # noqa: F821
        service.stop()
        clamd.stop()
        system.configure(scanner=None)
        for connections in (64, 256):
            found = {"formsapi": [], "FastAPI": []}
            memory = {}
            for run in range(options.runs):
                for name in found:
                    if name == "formsapi":
                        system.configure(database=str(folder / f"stretch-{connections}-{run}.sqlite"))
                        server = Service(system)
                    else:
                        (folder / f"peer-{connections}-{run}").mkdir()
                        server = Peer(system, python, system.base + 5, folder / f"peer-{connections}-{run}")
                    found[name].append(load(server.address, digest, options.seconds, connections))
                    memory[name] = max(memory.get(name, 0), resident(server.process.pid))
                    server.stop()
            for name, runs in found.items():
                def middle(key, digits=0):
                    values = [run[key] for run in runs]
                    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"
                say(f"| hotline posts, {connections} connections | {name} | {middle('rate')} | {middle('p50', 1)} | {middle('p99', 1)} | {max(r['max'] for r in runs):.0f} | {sum(r['bad'] for r in runs)} | {memory[name]:.0f} |")
            ratio = statistics.median(a["rate"] / b["rate"] for a, b in zip(found["formsapi"], found["FastAPI"]))
            say(f"| | ratio | {ratio:.1f} | | | | | |")
        # How often the disk is asked, counted by strace, which slows everything.
        system.configure(database=str(folder / "strace.sqlite"))
        log = folder / "strace.txt"
        service = Service(system, "strace", "-f", "-qq", "-c", "-o", log, "-e", "trace=fdatasync,fsync")
        traced = load(service.address, digest, 5, 64)
        subprocess.run(["pkill", "-TERM", "-P", str(service.process.pid)], check=False)
        service.process.wait(timeout=30)
        syncs = sum(int(m.group(1)) for m in re.finditer(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(?:fdatasync|fsync)$", log.read_text(), re.M))
        say(f"\nSyncs of the disk: {syncs} for {traced['rate'] * 5:.0f} posts under strace (64 connections): {traced['rate'] * 5 / max(1, syncs):.1f} posts share one.")
        system.configure(database=str(folder / "large.sqlite"))
        service = Service(system)
        url = f"{service.address}/api/v1/forms/hotline/attachments?field=photos&name=v.mp4"

        def upload(size):
            content = folder / "upload.mp4"
            content.write_bytes(b"\x00\x00\x00\x18ftypisom" + os.urandom(size))
            return subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", f"@{content}", "-H", "Content-Type: application/octet-stream", url], capture_output=True, text=True).stdout
        upload(1 << 20)
        before = resident(service.process.pid)
        status = upload((100 << 20) - 100)
        say(f"One upload of 100 MB answered {status}: {resident(service.process.pid) - before:.0f} MB more memory than one of 1 MB.")
        service.stop()
    finally:
        system.close()
        subprocess.run(["rm", "-rf", folder])
    (ROOT / "Benchmarks/results/formsapi.md").write_text("\n".join(lines) + "\n")


main()

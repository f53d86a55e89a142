#!/usr/bin/env python3
"""Times an import while an officer works: requests and files come over the lane in sealed batches, and an officer acts each 100 ms.

The whole system runs: formsapi takes the requests, ferry seals them, `coredesk import` files them, `coredesk serve` takes the
officer's acts over its socket. Prints the seconds of the import and the times of the acts; each act's page is opened beforehand.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import shutil
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/System"))
os.environ.setdefault("BIN", str(ROOT / ".build/release"))
from support import BIN, WIDE, Desk, Service, System, multipart, post  # noqa: E402


def send(service, digest, number, bytes_of_file):
    fields = {"_form": digest, "_lang": "zh", "nature": "help", "subject": f"第 {number} 号诉求", "details": "这是一条测试用的诉求，内容没有意义，只为计量。" * 3,
              "place.unit": "chaohua", "phone": f"138{number:08d}", "publish": "refuse"}
    files = [("photos", "a.png", b"\x89PNG\r\n\x1a\n" + os.urandom(bytes_of_file))] if bytes_of_file else []
    body, headers = multipart(fields, files)
    return post(service.address + "/forms/hotline", None, headers=headers, raw=body)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=1_000, help="of them come with a file of 200 KB")
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    system, server, running = System(), None, []
    try:
        system.call("prepare")
        system.configure(limits=WIDE)
        config = system.folder / "core/coredesk.yaml"

        def desk(*words):
            return subprocess.run([BIN / "coredesk", *words, "--config", config], check=True, capture_output=True, text=True).stdout
        if options.postgresql:
            server = tempfile.mkdtemp(prefix="xd.")
            address = subprocess.run([ROOT / "Scripts/postgres", "start", server], check=True, capture_output=True, text=True).stdout.strip()
            config.write_text(re.sub("(?m)^database: .*$", f'database: "{address}"', config.read_text()))
            desk("init", "--people", str(system.folder / "core/people.yaml"))
            desk("lane", "adopt", *map(str, sorted((system.folder / "epochs").glob("*.ep"))))
        service, digest = Service(system), system.digest("hotline")
        running.append(service)

        def fill(numbers, files):
            # Few at once: a client has a share of the slots for uploads.
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                codes = list(pool.map(lambda n: send(service, digest, n, 200 << 10 if n < files else 0), numbers))
            assert set(codes) == {303}, set(codes)

        fill(range(100_000, 100_040), 0)
        system.ferry()
        staff = Desk(system, serve=True)
        running.append(staff)
        cases = list(staff.cases("dispatcher").values())
        # Each act's page is opened before: a form is good for one act.
        forms = [(cases[n % len(cases)], staff.form("dispatcher", f"/cases/{cases[n % len(cases)]}/note")) for n in range(600)]
        fill(range(options.requests), options.files)
        running.remove(service)
        service.stop()
        subprocess.run([BIN / "formsapi", "ferry-out", "--config", system.folder / "edge/formsapi.yaml"], check=True, capture_output=True)
        outbox, inbox = system.folder / "edge/spool/outbox", system.folder / "core/spool/inbox"
        moved = 0
        for path in outbox.iterdir():
            moved += path.stat().st_size
            path.rename(inbox / path.name)
        times, codes, over = [], [], threading.Event()

        def work():
            for number, (case, hidden) in enumerate(forms):
                if over.is_set():
                    return
                begin = time.perf_counter()
                codes.append(staff.call(f"/cases/{case}/note", staff.certificate("staff/dispatcher"), f"Origin: {staff.origin}", body={**hidden, "i-words": f"备注 {number}"})[0])
                taken = time.perf_counter() - begin
                times.append(taken * 1000)
                time.sleep(max(0, 0.1 - taken))
        officer = threading.Thread(target=work)
        officer.start()
        time.sleep(0.5)
        begin = time.perf_counter()
        told = desk("import")
        seconds = time.perf_counter() - begin
        over.set()
        officer.join()
        values = sorted(times)
        print(f"{options.requests} requests, {options.files} files of 200 KB, {moved >> 20} MB sealed, {'PostgreSQL' if options.postgresql else 'SQLite'}")
        print(f"import {seconds:.1f} s, {told.count('e2c-')} batches")
        print(f"acts {len(values)}, refused {sum(code != 303 for code in codes)}, p50 {values[len(values) // 2]:.0f} ms, p99 {values[min(len(values) - 1, len(values) * 99 // 100)]:.0f} ms, worst {values[-1]:.0f} ms (curl's start included)")
    finally:
        for program in running:
            program.stop()
        if server:
            subprocess.run([ROOT / "Scripts/postgres", "stop", server], capture_output=True)
            shutil.rmtree(server, ignore_errors=True)
        system.close()


if __name__ == "__main__":
    main()

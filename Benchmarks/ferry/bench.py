#!/usr/bin/env python3
"""Times ferry beside NNCP, age and plain openssl over the same bytes, in one run and on the same disk.

  set       1,000 requests of 2 KB and 10 files of 50 MB: seal, copy, open
  requests  10,000 requests of 2 KB with 1,000 attachments of 20 KB: seal, open
  large     one batch of 5 GB: seal, open, with the memory it took

Medians of several runs, with ranges; memory is the largest of a step's processes.
"""
import argparse
import hashlib
import json
import os
import pathlib
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
FERRY = ROOT / ".build/release/ferry"
# What a part of an item must begin with: a CMS AuthEnvelopedData.
ENVELOPE = bytes.fromhex("3082000006 0B 2A864886F70D0109100117".replace(" ", ""))


def timed(*commands, cwd=None):
    """Wall seconds of commands run one after another, and the largest resident size in MB."""
    peak = 0
    wall = 0
    for command in commands:
        # A process of its own asks for the size: a child of this one would count what this one holds.
        with tempfile.NamedTemporaryFile("r") as sizes:
            begin = time.perf_counter()
            done = subprocess.run(["/usr/bin/time", "-f", "%M", "-o", sizes.name, *map(str, command)], cwd=cwd, capture_output=True, text=True)
            wall += time.perf_counter() - begin
            if done.returncode:
                sys.exit(f"{' '.join(map(str, command[:6]))} failed: {done.stdout[-500:]}{done.stderr[-2000:]}")
            peak = max(peak, int(sizes.read().split()[-1]) / 1024)
    return wall, peak


def shell(script, cwd=None):
    return timed(["bash", "-ec", script], cwd=cwd)


class Items:
    """Folders as `ferry seal` reads them, and the same bytes as plain files for the others."""

    def __init__(self, folder, requests, files, file_bytes, part_bytes=2 << 20, attached=0, plain=True):
        self.folder = folder
        self.plain = folder / "plain"
        self.items = folder / "items"
        self.plain.mkdir(parents=True)
        source = random.Random(1)
        self.bytes = 0
        for number in range(requests):
            parts = {"item.p7m": ENVELOPE + source.randbytes(2048 - len(ENVELOPE))}
            if number < attached:
                parts["a00-00000.p7m"] = ENVELOPE + source.randbytes(file_bytes - len(ENVELOPE))
            self.add(source, parts)
            for name, content in parts.items() if plain else ():
                (self.plain / f"r{number}-{name}").write_bytes(content)
        for number in range(files):
            content = bytearray()
            parts = {"item.p7m": ENVELOPE + bytes(100)}
            for part in range((file_bytes + part_bytes - 1) // part_bytes):
                piece = ENVELOPE + source.randbytes(min(part_bytes, file_bytes - part * part_bytes) - len(ENVELOPE))
                parts[f"a00-{part:05}.p7m"] = piece
                content += piece
            self.add(source, parts)
            if plain:
                (self.plain / f"f{number}").write_bytes(content)
        os.sync()

    def add(self, source, parts):
        identity = str(uuid.UUID(bytes=source.randbytes(16), version=4))
        target = self.items / identity
        target.mkdir(parents=True)
        for name, content in parts.items():
            (target / name).write_bytes(content)
            self.bytes += len(content)
        head = {
            "id": identity, "kind": "hotline", "received": "2026-09-01T09:00:00+08:00", "form": hashlib.sha256(b"").hexdigest(),
            "parts": [{"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in parts.items()]}
        (target / "item.json").write_text(json.dumps(head, sort_keys=True, separators=(",", ":")))


class Keys:
    def __init__(self, folder):
        self.folder = folder
        subprocess.run([ROOT / "Scripts/dev-ca", folder], check=True, capture_output=True)

    def seal(self, items, out):
        # Names by a file would be longer than a command line may be.
        return [FERRY, "seal", "--lane", "e2c", "--epoch", "0123456789abcdef", "--seq", "1", "--sign", self.folder / "edge/edge-sign",
                "--to", self.folder / "core/core-open.crt", "--out", out, "--folder", items]

    def open(self, batch, out):
        return [FERRY, "open", "--authority", self.folder / "ca.crt", "--signer", self.folder / "edge/edge-sign.crt", "--key", self.folder / "core/core-open",
                "--out", out, "--", batch / "e2c-0000000001.mf"]


# Every run has folders of its own, removed at the end: ext4 is slow to make files for minutes after many were deleted.
run_number = 0


def fresh(parent, name):
    global run_number
    run_number += 1
    os.sync()
    folder = parent / f"{name}-{run_number}"
    folder.mkdir()
    return folder


def ferry(keys, items, base):
    work = fresh(base, "ferry")
    sealed, seal_memory = timed(keys.seal(items.items, work / "out"))
    copied, _ = shell(f"cp -r {work}/out {work}/in; sync -f {work}/in")
    opened, open_memory = timed(keys.open(work / "in", work / "opened"))
    synced, _ = shell(f"sync -f {work}/opened")
    expected = sum(1 for _ in items.items.rglob("*") if _.is_file())
    found = sum(1 for _ in (work / "opened").rglob("*") if _.is_file())
    assert expected == found, (expected, found)
    return {"seal": sealed, "copy": copied, "open": opened, "sync": synced}, max(seal_memory, open_memory)


class NNCP:
    """Two nodes and a folder that is carried between them."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        self.nodes = nodes = {}
        for name in ("a", "b"):
            text = subprocess.run(["nncp-cfgnew", "-nocomments"], check=True, capture_output=True, text=True).stdout
            own = text[text.index("self: {"):text.index("neigh:")]
            nodes[name] = dict(re.findall(r"^\s*(id|exchpub|exchprv|signpub|signprv|noiseprv|noisepub): (\S+)$", own, re.M))

    def configure(self, folder):
        for name, other in (("a", "b"), ("b", "a")):
            public = {key: value for key, value in self.nodes[other].items() if not key.endswith("prv")}
            own = {key: value for key, value in self.nodes[name].items() if not key.endswith("prv")}
            (folder / f"{name}.hjson").write_text(json.dumps({
                "spool": str(folder / name / "spool"), "log": str(folder / name / "log"), "self": self.nodes[name],
                "neigh": {"self": own, other: {**public, "incoming": str(folder / name / "incoming")}}}))

    def run(self, items, each):
        folder = fresh(self.folder, "run")
        self.configure(folder)
        for name in ("a", "b"):
            for sub in ("spool", "incoming"):
                (folder / name / sub).mkdir(parents=True)
        (folder / "stick").mkdir()
        a, b = folder / "a.hjson", folder / "b.hjson"
        if each:
            packed = shell(f"for f in {items.plain}/*; do nncp-file -cfg {a} -quiet -noprogress $f b:; done")
        else:
            packed = timed(["nncp-file", "-cfg", a, "-quiet", "-noprogress", items.plain, "b:all"])
        steps = {
            "pack": packed, "xfer out": timed(["nncp-xfer", "-cfg", a, "-quiet", "-noprogress", "-tx", "-mkdir", folder / "stick"]),
            "xfer in": timed(["nncp-xfer", "-cfg", b, "-quiet", "-noprogress", "-rx", folder / "stick"]),
            "toss": timed(["nncp-toss", "-cfg", b, "-quiet", "-noprogress"])}
        arrived = list((folder / "b/incoming").iterdir())
        if not each:
            # What arrived is an archive; ferry delivers files.
            steps["untar and sync"] = shell(f"mkdir {folder}/b/files && tar -C {folder}/b/files -xf {arrived[0]} && sync -f {folder}/b/files")
        assert len(arrived) == (len(list(items.plain.iterdir())) if each else 1), arrived[:3]
        return {name: seconds for name, (seconds, _) in steps.items()}, max(memory for _, memory in steps.values())


def floors(keys, items, base):
    work = fresh(base, "floors")
    key = keys.folder / "core/core-open"
    tar, _ = shell(f"tar -C {items.plain} -cf {work}/tar . && sync {work}/tar")
    digest, _ = shell(f"sha256sum {work}/tar")
    subprocess.run(["age-keygen", "-o", work / "age"], check=True, capture_output=True)
    recipient = re.search(r"age1\w+", (work / "age").read_text()).group()
    age_seal, age_memory = shell(f"tar -C {items.plain} -c . | age -r {recipient} > {work}/x.age && sync {work}/x.age")
    age_open, _ = shell(f"mkdir {work}/y && age -d -i {work}/age {work}/x.age | tar -C {work}/y -x && sync -f {work}/y")
    cms_seal, cms_memory = timed(
        ["openssl", "cms", "-encrypt", "-binary", "-stream", "-outform", "DER", "-aes-256-gcm", "-in", work / "tar", "-out", work / "x.cms", "-recip", f"{key}.crt",
         "-keyopt", "ecdh_kdf_md:sha256"])
    cms_open, cms_open_memory = timed(
        ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", work / "x.cms", "-out", work / "y.tar", "-inkey", f"{key}.key", "-recip", f"{key}.crt"])
    return {"tar and sync": tar, "sha256sum": digest, "age, with tar: encrypt": age_seal, "age, with tar: decrypt": age_open,
            "openssl cms: encrypt": cms_seal, "openssl cms: decrypt": cms_open}, {"age": age_memory, "cms": max(cms_memory, cms_open_memory)}


def span(values, digits=2):
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", default=None, help="a folder on the disk to measure")
    parser.add_argument("--large", type=int, default=5_000, help="MB of the large batch; 0 for none")
    parser.add_argument("--each", type=int, default=1, help="runs of NNCP's packet a file, which takes long")
    options = parser.parse_args()
    base = pathlib.Path(tempfile.mkdtemp(prefix="xinmi-ferry-bench.", dir=options.folder or ROOT / ".build"))
    lines = []

    def say(line=""):
        lines.append(line)
        print(line, flush=True)

    try:
        keys = Keys(base / "keys")
        kind = subprocess.run(["stat", "-f", "-c", "%T", base], capture_output=True, text=True).stdout.strip()
        say("# Ferry beside NNCP, age and openssl")
        say()
        say(f"`make bench-ferry`: {os.cpu_count()} cores, {platform.machine()}, {kind}; seconds, median and range of {options.runs} runs side by side, NNCP's packet a file {options.each}.")
        say()
        items = Items(base / "set", 1000, 10, 50 << 20)
        say(f"## 1,000 requests of 2 KB and 10 files of 50 MB: {items.bytes / 1e6:.0f} MB")
        say()
        ours, packet, each, floor, memory = [], [], [], [], {"ferry": 0, "nncp": 0}
        nncp = NNCP(base / "nncp")
        for run in range(options.runs):
            result, peak = ferry(keys, items, base)
            ours.append(result)
            memory["ferry"] = max(memory["ferry"], peak)
            result, peak = nncp.run(items, each=False)
            packet.append(result)
            memory["nncp"] = max(memory["nncp"], peak)
            if run < options.each:
                each.append(nncp.run(items, each=True)[0])
            floor.append(floors(keys, items, base))
        say("| | steps | together | MB |")
        say("|---|---|---|---|")

        def row(name, runs, peak):
            steps = ", ".join(f"{step} {span([run[step] for run in runs])}" for step in runs[0])
            say(f"| {name} | {steps} | **{span([sum(run.values()) for run in runs])}** | {peak:.0f} |")

        row("ferry", ours, memory["ferry"])
        row("NNCP, one packet", packet, memory["nncp"])
        if each:
            row("NNCP, a packet a file", each, memory["nncp"])
        total = statistics.median([sum(run.values()) for run in ours])
        say()
        alone = statistics.median([sum(run.values()) - run["untar and sync"] for run in packet])
        say(f"Ferry takes {total / alone:.2f} of NNCP's one packet before it is unpacked ({alone:.2f} s), {total / statistics.median([sum(run.values()) for run in packet]):.2f} of it with its files"
            + (f" and is {statistics.median([sum(run.values()) for run in each]) / total:.1f} times faster than a packet a file." if each else "."))
        say()
        say("Floors: " + "; ".join(f"{name} {span([f[0][name] for f in floor])}" for name in floor[0][0])
            + f" (memory: age {max(f[1]['age'] for f in floor):.0f} MB, openssl cms {max(f[1]['cms'] for f in floor):.0f} MB).")
        say()
        many = Items(base / "many", 10_000, 0, 20_000, attached=1_000, plain=False)
        runs, peak = [], 0
        for _ in range(options.runs):
            result, memory_now = ferry(keys, many, base)
            runs.append(result)
            peak = max(peak, memory_now)
        say("## 10,000 requests of 2 KB, 1,000 of them with an attachment of 20 KB")
        say()
        say(f"seal {span([r['seal'] for r in runs])}, open into 21,000 files {span([r['open'] for r in runs])} (their sync {span([r['sync'] for r in runs])}), {peak:.0f} MB.")
        if options.large:
            say()
            large = Items(base / "large", 100, max(1, options.large // 100), 100 << 20, plain=False)
            result, peak = ferry(keys, large, base)
            say(f"## One batch of {large.bytes / 1e9:.2f} GB (one run)")
            say()
            say(", ".join(f"{step} {seconds:.1f} s" for step, seconds in result.items()) + f"; {peak:.0f} MB of memory at most.")
    finally:
        shutil.rmtree(base, ignore_errors=True)
    (ROOT / "Benchmarks/results/ferry.md").write_text("\n".join(lines) + "\n")


main()

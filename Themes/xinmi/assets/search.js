// Full-text search over the static index. A classic script that loads its data by script elements: it works without
// fetch, modules or WebAssembly, from a disk as well as from a server. The tokeniser holds the same rules as
// Sources/Search/SearchTokenizer.swift; Tests/Fixtures/search-tokens.json is read by the tests of both.
(() => {
  "use strict";
  const FORMAT = "xinmi-search/2";
  const PAGE = 10;

  // --- Tokeniser -------------------------------------------------------------------------------------------------
  const isHan = (c) => c === 0x3005 || c === 0x3007 || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x4e00 && c <= 0x9fff) ||
    (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3fffd);
  const wordPattern = /[\p{L}\p{N}]/u;
  const kind = (text) => isHan(text.codePointAt(0)) ? "han" : wordPattern.test(text) ? "word" : "gap";
  const normalize = (text) => Array.from(text.normalize("NFKC").replace(/\p{Default_Ignorable_Code_Point}/gu, "")).map((c) => c.toLowerCase()).join("");
  // Spaces beside a Han character are dropped: 2026 年 and 2026年 are one. `origin` says where each character came from.
  const compact = (chars, origin) => {
    const out = { chars: [], origin: [] };
    for (let i = 0; i < chars.length;) {
      let end = i + 1;
      if (chars[i] === " ") {
        while (end < chars.length && chars[end] === " ") end += 1;
        const last = out.chars[out.chars.length - 1];
        const loose = (last && kind(last) === "han") || (end < chars.length && kind(chars[end]) === "han");
        if (loose) {
          i = end;
          continue;
        }
      }
      out.chars.push(chars[i]);
      out.origin.push(origin[i]);
      i = end;
    }
    return out;
  };
  const tokens = (text) => {
    const folded = Array.from(normalize(text));
    const { chars } = compact(folded, folded);
    const found = [];
    let position = 0;
    let inGap = true;
    for (let i = 0; i < chars.length;) {
      const type = kind(chars[i]);
      if (type === "gap") {
        if (!inGap) position += 1;
        inGap = true;
        i += 1;
        continue;
      }
      inGap = false;
      if (type === "han") {
        const next = i + 1 < chars.length && kind(chars[i + 1]) === "han" ? chars[i + 1] : "";
        found.push([chars[i] + next, position]);
        i += 1;
      } else {
        let end = i + 1;
        while (end < chars.length && kind(chars[end]) === "word") end += 1;
        found.push([chars.slice(i, end).join(""), position]);
        i = end;
      }
      position += 1;
    }
    return found;
  };

  // --- Loading ---------------------------------------------------------------------------------------------------
  const loaded = new Map();
  const waiting = new Map();
  let base = "";
  // Files carry marks, which the meta file lists: an open page must not mix files of two indexes.
  const markLength = 8;
  let marks = {};
  let bust = "";
  const mark = (type, number) => marks[type].slice(number * markLength, (number + 1) * markLength);
  const deliver = (type, number, value, made) => {
    if (type === "m") marks = value.marks;
    else if (made !== mark(type, number)) return;
    loaded.set(type + number, value);
  };
  const forget = () => {
    loaded.clear();
    marks = {};
    bust = "?" + Date.now();
  };
  window.xinmiSearch = deliver;
  deliver.tokens = tokens;
  const load = (type, number) => {
    const key = type + number;
    if (loaded.has(key)) return Promise.resolve(loaded.get(key));
    if (!waiting.has(key)) {
      waiting.set(key, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = base + (type === "m" ? "meta.js" + bust : key + ".js?" + mark(type, number));
        script.onload = () => {
          waiting.delete(key);
          script.remove();
          if (loaded.has(key)) resolve(loaded.get(key));
          else reject(new Error(key));
        };
        script.onerror = () => {
          waiting.delete(key);
          script.remove();
          reject(new Error(key));
        };
        document.head.append(script);
      }));
    }
    return waiting.get(key);
  };

  // --- Looking up ------------------------------------------------------------------------------------------------
  const places = (text) => {
    let last = 0;
    return text.split(",").map((n) => (last += parseInt(n, 36)));
  };
  // Adds the postings of one token to a map: document -> {title: [...], body: [...]}.
  const decode = (text, into) => {
    let doc = 0;
    for (const entry of text.split(";")) {
      const match = /^([0-9a-z]+)(?::([0-9a-z,]+))?(?:\.([0-9a-z,]+))?$/.exec(entry);
      doc += parseInt(match[1], 36);
      const known = into.get(doc) || { title: [], body: [] };
      if (match[2]) known.title.push(...places(match[2]));
      if (match[3]) known.body.push(...places(match[3]));
      into.set(doc, known);
    }
    return into;
  };
  const postings = async (meta, token, isPrefix) => {
    const shard = await load("s", token.codePointAt(0) % meta.shards);
    const found = new Map();
    if (!isPrefix) return Object.hasOwn(shard, token) ? decode(shard[token], found) : found;
    for (const key of Object.keys(shard)) if (key.startsWith(token)) decode(shard[key], found);
    return found;
  };
  // Documents that hold a text as a phrase, with a score: places in the title count ten times.
  const phrase = async (meta, text) => {
    const all = tokens(text);
    // Of a run of Han characters the bigrams say everything; a single one, and the last word, are prefixes.
    const wanted = all.map(([token, position], n) => {
      const length = Array.from(token).length;
      const single = isHan(token.codePointAt(0)) && length === 1;
      const afterHan = n > 0 && all[n - 1][1] === position - 1 && isHan(all[n - 1][0].codePointAt(0)) &&
        Array.from(all[n - 1][0]).length === 2;
      const isLast = n === all.length - 1;
      // The end of a run before a gap must be an end in the text too: there it stands alone.
      const isPrefix = single ? isLast || !afterHan : isLast && !isHan(token.codePointAt(0));
      return { token, position, isPrefix, skip: single && afterHan && isLast };
    }).filter((w) => !w.skip);
    const scores = new Map();
    if (!wanted.length) return scores;
    const lists = await Promise.all(wanted.map((w) => postings(meta, w.token, w.isPrefix)));
    const sets = lists.map((list) => new Map([...list].map(([doc, p]) => [doc, { title: new Set(p.title), body: new Set(p.body) }])));
    for (const [doc, first] of lists[0]) {
      if (!sets.every((set) => set.has(doc))) continue;
      const count = (field) => first[field].filter((p) =>
        wanted.every((w, n) => sets[n].get(doc)[field].has(p + w.position - wanted[0].position))).length;
      const score = Math.min(count("title"), 3) * 10 + Math.min(count("body"), 5);
      if (score) scores.set(doc, score);
    }
    return scores;
  };
  const term = async (meta, text) => {
    const alternatives = [text];
    for (const key of Object.keys(meta.synonyms)) {
      // Pinyin is typed a letter at a time: its beginning is enough.
      if (key === text || (/^[a-z]{3,}$/.test(text) && key.startsWith(text))) alternatives.push(...meta.synonyms[key]);
    }
    const scores = new Map();
    for (const [n, alternative] of [...new Set(alternatives)].entries()) {
      for (const [doc, score] of await phrase(meta, alternative)) {
        scores.set(doc, Math.max(scores.get(doc) || 0, n ? score / 2 : score));
      }
    }
    for (const doc of (await postings(meta, "=" + text, false)).keys()) scores.set(doc, (scores.get(doc) || 0) + 100);
    return { scores, texts: alternatives };
  };
  const find = async (meta, query) => {
    const words = [...new Set(normalize(query).split(/\s+/).filter(Boolean))].slice(0, 8);
    if (!words.length) return { results: [], texts: [] };
    const terms = await Promise.all(words.map((word) => term(meta, word)));
    const results = [];
    for (const [doc, first] of terms[0].scores) {
      if (!terms.every((t) => t.scores.has(doc))) continue;
      results.push([doc, terms.slice(1).reduce((sum, t) => sum + t.scores.get(doc), first)]);
    }
    results.sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    return { results, texts: terms.flatMap((t) => t.texts) };
  };
  deliver.find = async (query) => find(await meta(), query);
  deliver.document = async (doc) => {
    const m = await meta();
    return (await load("t", Math.floor(doc / m.chunk)))[doc % m.chunk];
  };
  const meta = async () => {
    const value = await load("m", 0);
    if (value.fmt !== FORMAT) throw new Error("format");
    return value;
  };

  // --- Extracts --------------------------------------------------------------------------------------------------
  // Every place of the texts in `text`, as [start, end) in characters of `text` itself.
  const matches = (text, texts) => {
    const chars = Array.from(text);
    const folded = [];
    const from = [];
    chars.forEach((c, n) => {
      for (const piece of Array.from(normalize(c))) {
        folded.push(piece);
        from.push(n);
      }
    });
    const dense = compact(folded, from);
    let plain = "";
    const origin = [];
    dense.chars.forEach((piece, n) => {
      plain += piece;
      for (let k = 0; k < piece.length; k += 1) origin.push(dense.origin[n]);
    });
    const found = [];
    for (const text of texts) {
      const pieces = Array.from(text);
      const wanted = compact(pieces, pieces).chars.join("");
      for (let at = plain.indexOf(wanted); wanted && at >= 0 && found.length < 50; at = plain.indexOf(wanted, at + wanted.length)) {
        found.push([origin[at], origin[at + wanted.length - 1] + 1]);
      }
    }
    found.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
    return { chars, found };
  };
  const marked = (element, chars, found, start, end) => {
    let at = start;
    for (const [from, to] of found) {
      if (from < at || to > end) continue;
      element.append(chars.slice(at, from).join(""));
      const mark = document.createElement("mark");
      mark.textContent = chars.slice(from, to).join("");
      element.append(mark);
      at = to;
    }
    element.append(chars.slice(at, end).join(""));
  };
  const extract = (element, text, texts) => {
    const { chars, found } = matches(text, texts);
    const first = found.length ? found[0][0] : 0;
    const start = Math.max(0, first - 30);
    const end = Math.min(chars.length, start + 110);
    if (start > 0) element.append("…");
    marked(element, chars, found, start, end);
    if (end < chars.length) element.append("…");
  };

  // --- Page ------------------------------------------------------------------------------------------------------
  const form = document.querySelector("[data-search]");
  if (!form) return;
  base = form.dataset.index;
  const input = form.elements.q;
  const scope = form.elements.in;
  const status = document.querySelector("[data-status]");
  const list = document.querySelector("[data-results]");
  const more = document.querySelector("button[data-more]");
  const browse = document.querySelector("[data-browse]");
  let current = { results: [], texts: [] };
  let shown = 0;
  let run = 0;

  const address = (url) => {
    if (location.protocol !== "file:") return url;
    return form.dataset.root + url.slice(1) + (url.endsWith("/") ? "index.html" : "");
  };
  const site = (m, doc) => (m.sites.find(([, from, to]) => doc >= from && doc < to) || [""])[0];
  const show = async () => {
    const mine = run;
    const next = current.results.slice(shown, shown + PAGE);
    shown += next.length;
    more.hidden = true;
    const m = await meta();
    const documents = await Promise.all(next.map(([doc]) => deliver.document(doc)));
    if (mine !== run) return;
    const firstNew = list.children.length;
    documents.forEach(([url, title, date, text], n) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = address(url);
      const heading = matches(title, current.texts);
      marked(link, heading.chars, heading.found, 0, heading.chars.length);
      const about = document.createElement("small");
      about.textContent = [site(m, next[n][0]), date].filter(Boolean).join(" · ");
      const body = document.createElement("p");
      extract(body, text, current.texts);
      item.append(link, " ", about, body);
      list.append(item);
    });
    more.hidden = shown >= current.results.length;
    if (firstNew > 0) list.children[firstNew]?.querySelector("a").focus();
  };
  const search = async (isAgain = false) => {
    const mine = ++run;
    const query = input.value.trim();
    list.replaceChildren();
    more.hidden = true;
    shown = 0;
    browse.hidden = Boolean(query);
    status.textContent = query ? form.dataset.busy : "";
    if (!query) return;
    try {
      const m = await meta();
      const found = await find(m, query);
      if (mine !== run) return;
      const range = m.sites.find(([name]) => name === scope.value);
      if (range) found.results = found.results.filter(([doc]) => doc >= range[1] && doc < range[2]);
      current = found;
      browse.hidden = found.results.length > 0;
      status.textContent = found.results.length
        ? form.dataset.found.replace("{count}", found.results.length.toLocaleString(document.documentElement.lang))
        : form.dataset.none;
      await show();
    } catch {
      if (mine !== run) return;
      // The site may have been published meanwhile: once more with what is there now.
      if (!isAgain) {
        forget();
        await search(true);
        return;
      }
      fail();
    }
  };
  const fail = () => {
    status.textContent = form.dataset.failed;
    browse.hidden = false;
  };
  const start = async () => {
    const wanted = new URLSearchParams(location.search);
    input.value = wanted.get("q") || "";
    try {
      const m = await meta();
      if (m.sites.length > 1) {
        for (const name of ["", ...m.sites.map(([name]) => name)]) {
          const option = document.createElement("option");
          option.value = name;
          option.textContent = name || form.dataset.all;
          scope.append(option);
        }
        const own = wanted.has("in") ? wanted.get("in") : form.dataset.site;
        scope.value = m.sites.some(([name]) => name === own) ? own : "";
        document.querySelector("[data-scope]").hidden = false;
      }
    } catch {
      status.textContent = form.dataset.failed;
    }
    if (input.value) await search();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams({ q: input.value.trim() });
    if (scope.value || form.dataset.site) query.set("in", scope.value);
    if (location.protocol !== "file:") history.replaceState(null, "", "?" + query);
    search();
  });
  scope.addEventListener("change", () => form.requestSubmit());
  more.addEventListener("click", () => show().catch(fail));
  document.documentElement.dataset.searchReady = "";
  start();
})();

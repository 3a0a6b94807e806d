/* The board of a suite: search, facets, columns, pins, ranks of what is left, a window of rows. It starts with the rows that the
   page has; where there are more, or a column is picked that the page lacks, it reads the columns' file and makes rows itself.
   All of its state is in the address: canonical order, defaults left out, unknown values dropped. */
const board = (() => {
  "use strict";
  const WINDOW_FROM = 400, MARGIN = 20, PINS_MAX = 12, PAGE = 100;
  const $ = (s, e = document) => e.querySelector(s), $$ = (s, e = document) => [...e.querySelectorAll(s)];
  const normal = (s) => s.normalize("NFKC").toLowerCase();
  const { el, svg, json, clip } = assay;
  /* An element with attributes; texts are marked where they hide something, in attributes too. */
  const h = (tag, attributes, ...kids) => {
    const e = el(tag, "", ...kids);
    for (const k in attributes) if (attributes[k] !== null && attributes[k] !== false) e.setAttribute(k, attributes[k] === true ? "" : attributes[k]);
    return e;
  };
  const plain = (s, max = 100) => el("i", "", clip(s, max)).textContent;

  /* ---- numbers as lib.lua prints them ---- */

  const number = (v, percent) => (percent ? (v * 100).toFixed(1) : v.toFixed(2)).replace(/^-(0[.0]*)$/, "$1");
  const count = (n) => assay.count(Math.round(n));
  const short = (n, units) => {
    if (!(n > 0)) return "–";
    let i = 0;
    while (n >= 1000 && i < units.length - 1) { n /= 1000; i++; }
    return n.toFixed(n < 10 && i ? 1 : 0).replace(/\.0$/, "") + units[i];
  };
  const params = (n) => short(n, ["", "k", "M", "B", "T"]), bytes = (n) => short(n, [" B", " kB", " MB", " GB", " TB"]);
  const span = (low, high) => low === high ? `${low}` : `${low}–${high}`;

  /* ---- what is chosen by ---- */

  const SIZES = { "..5e8": "≤ 0.5B", "..3e9": "≤ 3B", "..8e9": "≤ 8B", "24gb": "fits 24 GB" };
  const DAYS = { "30d": "last 30 days", "90d": "last 90 days", "365d": "last year" };
  const FACETS = [{ id: "type", title: "Type" }, { id: "size", title: "Size", one: SIZES }, { id: "lic", title: "Licence" },
    { id: "prec", title: "Precision" }, { id: "arch", title: "Architecture" }, { id: "open", title: "Openness" },
    { id: "date", title: "Measured", one: DAYS }];
  FACETS.forEach((f, i) => { f.bit = 2 << i; });
  const EXTRAS = { size: "Size", mem: "Memory", speed: "Tokens/s", type: "Type", prec: "Dtype", lic: "Licence", arch: "Architecture", open: "Openness", date: "Measured" };
  const NUMBERS = ["size", "mem", "speed"], FIRST = ["rank", "model"];

  const ranged = (text) => {
    const [a, b, more] = text.split("..");
    if (b === undefined || more !== undefined || (!a && !b)) return null;
    const low = a ? Number(a) : 0, high = b ? Number(b) : Infinity;
    return low <= high ? (v) => v >= low && v <= high : null; // false for NaN
  };
  const sizeTest = (value) => {
    if (value === "24gb") return (b, i) => b.num.mem[i] <= 24e9;
    const fits = ranged(value);
    return fits && ((b, i) => fits(b.num.size[i]));
  };

  const dateTest = (value) => {
    const from = Date.parse(today) - parseInt(value, 10) * 864e5;
    return (b, i) => b.num.date[i] >= from;
  };

  let form, boards = [], today = "";
  const state = { q: "", chosen: {}, values: "", cols: null, sort: "rank", down: false, pins: [], page: 1 };

  /* ---- the address ---- */

  function readAddress() {
    const s = new URLSearchParams(location.search), list = (k) => (s.get(k) || "").split(",").filter(Boolean);
    state.q = s.get("q") || "";
    for (const f of FACETS) state.chosen[f.id] = new Set(f.one ? list(f.id).slice(0, 1) : list(f.id));
    state.values = s.get("values") === "norm" ? "norm" : "";
    state.cols = s.has("cols") ? new Set(list("cols")) : null;
    const sort = s.get("sort") || "rank";
    state.down = sort.startsWith("-");
    state.sort = sort.replace(/^-/, "");
    state.pins = [...new Set(list("pin"))].slice(0, PINS_MAX);
    state.page = Math.max(1, parseInt(s.get("page"), 10) || 1);
  }

  /* Where all that there is is known, what isn't there is dropped. */
  function dropUnknown() {
    const values = (id) => new Set(boards.flatMap((b) => b.facet[id]));
    const date = state.chosen.date, size = state.chosen.size;
    for (const v of date) if (!DAYS[v]) date.delete(v);
    for (const v of size) if (!sizeTest(v)) size.delete(v);
    if (boards.some((b) => b.n < b.total)) return;
    for (const f of FACETS.filter((f) => !f.one)) {
      const known = values(f.id);
      for (const v of state.chosen[f.id]) if (!known.has(v) && !(f.id === "lic" && v === "permissive")) state.chosen[f.id].delete(v);
    }
    const keys = new Set(boards.flatMap((b) => b.keys));
    state.pins = state.pins.filter((k) => keys.has(k));
    const columns = new Set(boards.flatMap((b) => b.columns()));
    if (state.cols && boards.every((b) => b.doc || b.failed || ![...state.cols].some((k) => !columns.has(k)))) {
      for (const k of state.cols) if (!columns.has(k)) state.cols.delete(k);
      const usual = new Set(boards.flatMap((b) => b.usual));
      if (!state.cols.size || (state.cols.size === usual.size && [...usual].every((k) => state.cols.has(k)))) state.cols = null;
    }
    if (!FIRST.includes(state.sort) && !columns.has(state.sort) && boards.every((b) => b.doc || b.failed)) { state.sort = "rank"; state.down = false; }
  }

  function address() {
    const parts = [], put = (k, v) => { if (v) parts.push(k + "=" + encodeURIComponent(v).replace(/%2C/g, ",").replace(/%2F/g, "/").replace(/%20/g, "+")); };
    put("q", state.q.trim());
    for (const f of FACETS) put(f.id, [...state.chosen[f.id]].sort().join(","));
    put("values", state.values);
    const order = [...new Set(boards.flatMap((b) => b.columns()))];
    put("cols", state.cols && order.filter((k) => state.cols.has(k)).join(","));
    put("sort", state.sort === "rank" && !state.down ? "" : (state.down ? "-" : "") + state.sort);
    put("pin", state.pins.join(","));
    put("page", state.page > 1 ? state.page : "");
    return location.pathname + (parts.length ? "?" + parts.join("&") : "") + location.hash;
  }
  let pending = 0;
  const writeAddress = () => { clearTimeout(pending); pending = setTimeout(() => history.replaceState(null, "", address()), 150); };

  /* ---- search ---- */

  const WORDS = { name: "model", org: "model", license: "lic", licence: "lic", dtype: "prec", precision: "prec", architecture: "arch", params: "size", memory: "mem", tokens: "speed" };
  const UNITS = { k: 1e3, m: 1e6, b: 1e9, g: 1e9, t: 1e12 };
  /* A predicate of a word: "minilm", "lic:mit", "size:<3b", "mean:>=60". */
  function wordTest(word) {
    const parts = word.match(/^([\w.-]+):(.+)$/), field = parts && (WORDS[parts[1]] || parts[1]);
    const compare = parts && parts[2].match(/^(<=?|>=?|=)([\d.]+)([kmbgt]?)b?$/);
    const keys = new Map(boards.map((b) => [b, Object.keys(b.num).find((k) => k.toLowerCase() === field)]));
    if (compare && boards.some((b) => keys.get(b))) {
      const op = compare[1], limit = Number(compare[2]) * (UNITS[compare[3]] || 1);
      return (b, i) => {
        const key = keys.get(b), v = key ? b.num[key][i] * (b.isShare(key) ? 100 : 1) : NaN;
        return op === "=" ? v === limit : op[0] === "<" ? v < limit || (op[1] && v === limit) : v > limit || (op[1] && v === limit);
      };
    }
    if (field === "lic" && parts[2] === "permissive") return (b, i) => b.permissive[i];
    if (field === "model") return (b, i) => b.names[i].includes(parts[2]);
    if (parts && FACETS.some((f) => f.id === field && !f.one)) return (b, i) => normal(b.facet[field][i]).includes(parts[2]);
    return (b, i) => b.text[i].includes(word);
  }
  function queryTest(query) {
    const words = normal(query).match(/\S+/g) || [];
    const tests = words.filter((w) => w !== "-").map((w) => {
      if (!w.startsWith("-")) return wordTest(w);
      const test = wordTest(w.slice(1));
      return (b, i) => !test(b, i);
    });
    return tests.length ? (b, i) => tests.every((t) => t(b, i)) : null;
  }

  function facetTest(f) {
    const chosen = state.chosen[f.id];
    if (!chosen.size) return null;
    if (f.id === "size") return sizeTest([...chosen][0]);
    if (f.id === "date") {
      return dateTest([...chosen][0]);
    }
    if (f.id === "lic" && chosen.has("permissive")) return (b, i) => b.permissive[i] || chosen.has(b.facet.lic[i]);
    return (b, i) => chosen.has(b.facet[f.id][i]);
  }

  /* ---- one section's rows ---- */

  const root = () => new URL(".", $(".brand").href).href;
  const tail = () => /index\.html$/.test($(".brand").getAttribute("href")) ? "index.html" : "";
  const decode = (coded) => coded.of.map((k) => k === null ? "" : coded.values[k]);
  const floats = (list) => Float64Array.from(list, (v) => v === null || v === "" || v === undefined ? NaN : Number(v));

  class Section {
    constructor(table) {
      Object.assign(this, { table, wrap: table.parentElement, head: table.tHead.rows[0], body: table.tBodies[0], doc: null, orders: new Map(), made: new Map() });
      this.total = Number(table.dataset.total);
      this.link = $("[data-columns]", table.closest("section"));
      this.heads = new Map([...this.head.cells].map((th) => [th.dataset.key, th]));
      this.inPage = [...this.heads.keys()];
      this.usual = this.inPage.filter((k) => !FIRST.includes(k));
      this.pins = h("tbody", { class: "pins" });
      this.zero = h("div", { class: "empty", hidden: true });
      this.wrap.before(this.zero);
      this.readPage();
      for (const th of this.heads.values()) this.addButton(th);
      for (const [i, row] of this.rows.entries()) row.cells[1].prepend(this.pinButton(i));
      let frame = 0;
      this.wrap.addEventListener("scroll", () => { if (this.windowed && !frame) frame = requestAnimationFrame(() => { frame = 0; this.paint(); this.notePage(); }); });
    }

    readPage() {
      const rows = this.rows = [...this.body.rows], facts = rows.map((r) => r.dataset.f.split("|"));
      const part = (k) => facts.map((f) => f[k]);
      this.n = rows.length;
      this.keys = part(0);
      this.facet = { type: part(1), lic: part(2), prec: part(4), arch: part(5), open: part(6) };
      this.permissive = part(3).map(Boolean);
      this.day = part(7);
      this.shown = rows.map((r) => $("a", r.cells[1]).textContent);
      this.num = { mem: floats(part(8)), speed: floats(part(9)), low: floats(part(10)), high: floats(part(11)), from: floats(part(12)), to: floats(part(13)) };
      this.inPage.forEach((key, c) => { if (rows[0].cells[c].dataset.v !== undefined) this.num[key] = floats(rows.map((r) => r.cells[c].dataset.v)); });
      this.finish(rows.map((r) => $$(".why, .none span", r).map((e) => e.title).join(" ")));
    }

    finish(reasons) {
      this.num.date = Float64Array.from(this.day, (d) => Date.parse(d));
      for (const id in this.facet) this.facet[id] = this.facet[id].map((v) => v || "unknown");
      this.names = this.shown.map(normal);
      const f = this.facet;
      this.text = this.names.map((name, i) => normal([name, f.lic[i], f.type[i], f.prec[i], f.arch[i], f.open[i], reasons[i]].join(" ")));
      this.fail = new Uint16Array(this.n);
      this.orders.clear();
      this.made.clear();
    }

    async load() {
      this.loading ??= json(this.link.href).then((doc) => {
        this.doc = doc;
        const org = decode(doc.org), columns = doc.columns, tasks = columns.filter((c) => c.kind === "task");
        this.single = tasks.length === 1 ? tasks[0] : null;
        this.rows = null;
        Object.assign(this, { n: doc.n, keys: doc.key, org, short: doc.short, day: decode(doc.day), marks: decode(doc.mark), reasons: decode(doc.reason), weights: decode(doc.weight_type) });
        this.shown = doc.short.map((s, i) => plain((org[i] ? org[i] + "/" : "") + s, 161));
        this.facet = { type: decode(doc.type), lic: decode(doc.lic), prec: decode(doc.prec), arch: decode(doc.arch), open: decode(doc.openness) };
        this.permissive = doc.lic.of.map((k) => k !== null && doc.permissive[k]);
        this.num = { rank: floats(doc.rank), low: floats(doc.rank_low), high: floats(doc.rank_high), tier: floats(doc.tier_number), size: floats(doc.params), mem: floats(doc.memory_bytes), speed: floats(doc.tokens_per_s) };
        for (const c of columns) if (c.data) this.takeColumn(c, c.data);
        const mean = this.column("mean").data;
        this.num.from = floats(mean.v).map((v, i) => (v - (mean.l[i] ?? NaN)) / 1e4);
        this.num.to = floats(mean.v).map((v, i) => (v + (mean.h[i] ?? NaN)) / 1e4);
        const more = $("[data-more]", this.link.parentElement);
        if (more) more.hidden = true;
        this.finish(this.reasons);
      }, () => { this.failed = true; });
      await this.loading;
    }
    takeColumn(c, data) {
      data.h ||= data.l;
      c.data = data;
      c.scale = c.metric.percent ? 1e4 : 1;
      c.why = data.why ? decode(data.why) : null;
      c.other = new Set(data.other);
      this.num[c.key] = floats(data.v).map((v) => v / c.scale);
    }
    /* Columns of tasks come some at a time, when one of them is asked for. */
    async loadColumn(key) {
      const c = this.column(key);
      if (!c || c.data) return;
      this.files ??= {};
      const doc = await (this.files[c.file] ??= json(new URL(this.doc.files[c.file], this.link.href)));
      for (const other of this.doc.columns) if (other.file === c.file && !other.data) this.takeColumn(other, doc.data[other.at]);
    }

    isShare(key) { const c = this.column(key), th = this.heads.get(key); return c ? c.metric.percent : Boolean(th && th.dataset.share); }
    column(key) { return this.doc && this.doc.columns.find((c) => c.key === key); }
    /* All that can be picked, in the order in which they stand. */
    columns() {
      if (!this.doc) return [...new Set([...this.usual.filter((k) => !EXTRAS[k]), ...Object.keys(EXTRAS)])];
      return ["tier", ...this.doc.columns.map((c) => c.key), ...Object.keys(EXTRAS)];
    }
    title(key) {
      const c = this.column(key), th = this.heads.get(key);
      return key === "tier" ? "Tier" : EXTRAS[key] || (c ? c.title : th ? th.dataset.title : key);
    }
    picked() { return state.cols ? this.columns().filter((k) => state.cols.has(k)) : this.usual; }
    wants() {
      const known = (k) => FIRST.includes(k) || this.inPage.includes(k);
      return this.total > this.n || state.values || !this.picked().every(known) || (state.cols && [...state.cols].some((k) => !known(k) && !EXTRAS[k])) || (!known(state.sort) && !EXTRAS[state.sort]);
    }
    async prepare() {
      if (this.failed || (!this.doc && !this.wants())) return;
      await this.load();
      if (!this.doc) return;
      await Promise.all([...this.picked(), state.sort, ...(this.single ? [this.single.key] : [])].map((k) => this.loadColumn(k))).catch(() => { this.failed = true; });
    }

    /* ---- order ---- */

    sortKeys(key) {
      if (this.num[key] && key !== "rank") return this.num[key];
      if (key === "rank") return this.num.rank.map((v, i) => v === v ? i : NaN);
      const texts = key === "model" ? this.names : this.facet[key] || [];
      const places = new Map([...new Set(texts)].sort().map((t, i) => [t, t === "" || t === "unknown" ? NaN : i]));
      return Float64Array.from(texts, (t) => places.get(t));
    }
    /* Missing values are last in both directions; equal ones keep the order of the page. */
    order() {
      const name = (state.down ? "-" : "") + state.sort;
      if (!this.orders.has(name)) {
        const keys = this.sortKeys(state.sort), sign = state.down ? -1 : 1;
        this.orders.set(name, Uint32Array.from({ length: this.n }, (_, i) => i).sort((a, b) => {
          const x = keys[a], y = keys[b];
          if (x !== x || y !== y) return (x !== x) - (y !== y) || a - b;
          return x < y ? -sign : x > y ? sign : a - b;
        }));
      }
      return this.orders.get(name);
    }

    /* Among the rows that are left: the place by the board's order, and its range by intervals that do not overlap. */
    rankAnew() {
      const left = [];
      for (let i = 0; i < this.n; i++) if (!this.fail[i] && this.num.rank[i] === this.num.rank[i]) left.push(i);
      const { from, to, rank } = this.num, ends = (list) => Float64Array.from(left, (i) => list[i]).filter((v) => v === v).sort();
      const lows = ends(from), highs = ends(to);
      const above = (list, v) => { let a = 0, b = list.length; while (a < b) { const m = (a + b) >> 1; if (list[m] > v) b = m; else a = m + 1; } return list.length - a; };
      const below = (list, v) => { let a = 0, b = list.length; while (a < b) { const m = (a + b) >> 1; if (list[m] < v) a = m + 1; else b = m; } return a; };
      this.here = new Map();
      this.nHere = left.length;
      let last = 0;
      left.forEach((i, k) => {
        if (!k || rank[i] !== rank[left[k - 1]]) last = k + 1;
        const known = from[i] === from[i];
        this.here.set(i, { rank: last, range: known ? span(Math.min(last, 1 + above(lows, to[i])), Math.max(last, left.length - below(highs, from[i]))) : "" });
      });
    }

    /* ---- cells ---- */

    rankCell(td, i) {
      const rank = this.num.rank[i], low = this.num.low[i], high = this.num.high[i], ranked = Number(this.table.dataset.ranked);
      const whole = `rank interval: ${low === low ? span(low, high) : "–"} of ${ranked}`;
      if (rank !== rank || (this.here && !this.here.has(i))) td.replaceChildren(h("span", { class: "muted", title: rank === rank ? `Pinned; on the whole board ${rank}` : null }, "–"));
      else if (this.here) {
        const here = this.here.get(i);
        td.replaceChildren(h("span", { class: "here", title: `${here.rank} of the ${this.nHere} rows shown, counted anew; on the whole board ${rank}, ${whole}` }, `${here.rank} `, h("span", { class: "spread" }, here.range === `${here.rank}` ? "" : here.range)));
      } else td.replaceChildren(h("span", { title: whole }, `${rank} `, h("span", { class: "spread" }, low === low && low !== high ? span(low, high) : "")));
      td.classList.toggle("anew", Boolean(this.here));
    }
    pinButton(i) { return h("button", { type: "button", class: "pin", "data-pin": this.keys[i], "aria-pressed": "false", "aria-label": `Pin ${this.shown[i]}` }, "☆"); }
    figure(c, i, normalised) {
      const d = c.data, base = normalised && c.metric.percent && c.baseline > 0 && c.baseline < 1 ? c.baseline : 0;
      const of = (x) => (x / c.scale - base) / (1 - base), p = c.metric.percent, known = d.l[i] !== null && d.h[i] !== null;
      const v = of(d.v[i]), low = of(d.v[i] - d.l[i]), high = of(d.v[i] + d.h[i]);
      const n = Array.isArray(d.n) ? d.n[i] : d.n;
      return { v, low, high, known, text: number(v, p), ci: known ? "±" + number((high - low) / 2, p) : "",
        told: `${number(v, p)} (${known ? `95 % interval ${number(low, p)} to ${number(high, p)}` : "error unknown"}${n ? `, n = ${count(n)}` : ""}${base ? `; chance at 0, as measured ${number(d.v[i] / c.scale, p)}` : ""})` };
    }
    whisker(f) {
      const { low, high } = this.table.dataset, at = (v) => (Math.max(0, Math.min(1, (v - low) / (high - low))) * 96).toFixed(1);
      const line = (cls, x1, x2, y1, y2 = y1) => svg("line", { class: cls, x1, x2, y1, y2 });
      const e = svg("svg", { class: "whisker", width: 96, height: 12, viewBox: "-2 0 100 12", "aria-hidden": "true", focusable: "false" }, line("axis", 0, 96, 10.5));
      if (f.known) e.append(line("ci", at(f.low), at(f.high), 5));
      e.append(line("at", at(f.v), at(f.v), 1, 9));
      return e;
    }
    missing(c, i) {
      const why = (c.why && c.why[i]) || "not measured";
      return h("td", { class: "n none" }, h("span", { class: "muted", title: plain(why, 300) }, plain(why, 24)));
    }
    path(i) { return `${root()}m/${this.keys[i].split("@")[0]}/`; }
    meanCell(c, i, run) {
      if (c.data.v[i] === null) {
        if (c.key !== "mean") return this.missing(c, i);
        const why = plain(this.reasons[i] || "", 300);
        return h("td", { class: "n mean main" }, h("span", { class: "why", title: why }, `${this.doc.n_done[i]} of ${this.doc.n_tasks[i]}`, h("span", { class: "wide" }, ` · ${plain(why, 48)}`)));
      }
      const f = this.figure(c, i), main = c.key === "mean", task = main && this.single && this.single.data;
      const kids = [h(main ? "b" : "span", null, f.text), " ", h("span", { class: "ci" }, f.ci)];
      const link = task && task.run ? h("a", { class: "cell", href: `${this.path(i)}r/${task.run[i]}/${tail()}`, title: f.told }, ...kids) : h("span", { title: f.told }, ...kids);
      return h("td", { class: main ? "n mean main" : "n mean" }, c.kind === "votes" ? h("span", null, String(c.data.v[i])) : link, main ? this.whisker(f) : null);
    }
    taskCell(c, i) {
      const d = c.data;
      if (!d) return h("td", { class: "n none" }, h("span", { class: "muted" }, "…"));
      if (d.v[i] === null) return this.missing(c, i);
      const f = this.figure(c, i, state.values === "norm");
      const td = h("td", { class: `n heat h${d.heat.charCodeAt(i) - 97}` }, h("a", { class: "cell", href: `${this.path(i)}r/${d.run ? d.run[i] : ""}/${tail()}`, title: f.told }, f.text, " ", h("span", { class: "ci" }, f.ci)));
      if (c.other.has(i)) td.append(" ", h("span", { class: "warn", title: "measured on other data" }, "other data"));
      return td;
    }
    factCell(key, i) {
      const n = this.num[key] && this.num[key][i], text = key === "date" ? this.day[i] || "unknown" : this.facet[key] && this.facet[key][i];
      if (key === "size") return h("td", { class: "n" }, h("span", { title: n === n ? `${count(n)} parameters` : "unknown" }, params(n)));
      if (key === "mem") return h("td", { class: "n" }, h("span", { title: "weights in the type they were measured in, and a fifth more" }, n === n ? bytes(n) : "unknown"));
      if (key === "speed") return h("td", { class: "n" }, h("span", { title: "tokens computed a second by the runs behind the scores, on the machine that ran them" }, n === n ? count(n) : "unknown"));
      if (key === "prec") return h("td", { class: "muted" }, plain(text, 12), this.weights[i] && this.weights[i] !== "auto" ? h("span", { class: "ci" }, " " + plain(this.weights[i], 16)) : "");
      return h("td", { class: "muted" }, h("span", { title: plain(text, 200) }, h("bdi", null, plain(text, key === "lic" ? 18 : 32))));
    }
    makeRow(i) {
      const org = this.org[i], rank = h("td", { class: "n rank" });
      const mark = this.marks[i] && h("a", { class: "mark", href: `${root()}methods/${tail()}#precision` }, this.marks[i]);
      const name = h("th", { scope: "row" }, this.pinButton(i), h("a", { href: this.path(i) + tail() }, h("bdi", null, org ? h("span", { class: "org" }, plain(org, 60) + "/") : "", h("span", { class: "name" }, plain(this.short[i])))), mark ? " " : "", mark || "");
      const cells = this.picked().map((key) => {
        const c = this.column(key), tier = this.num.tier[i];
        if (key === "tier") return h("td", { class: "n in-tier" }, tier === tier ? String(tier) : h("span", { class: "muted" }, "–"));
        return !c ? this.factCell(key, i) : c.kind === "task" ? this.taskCell(c, i) : this.meanCell(c, i);
      });
      return h("tr", { class: this.num.mean[i] === this.num.mean[i] ? "row" : "partial" }, rank, name, ...cells);
    }
    row(i) {
      if (this.rows) return this.rows[i];
      if (!this.made.has(i)) {
        if (this.made.size > 2000) this.made.clear();
        this.made.set(i, this.makeRow(i));
      }
      return this.made.get(i);
    }

    /* ---- the table ---- */

    addButton(th) {
      if ($("button", th)) return;
      const label = th.dataset.title = th.textContent.trim(), link = $("a", th), button = h("button", { type: "button" });
      if (link) { button.setAttribute("aria-label", `Sort by ${label}`); th.append(button); } else { button.textContent = label; th.replaceChildren(button); }
    }
    makeHead(key) {
      if (!this.heads.has(key)) {
        const c = this.column(key), up = c ? !c.metric.higher : key !== "speed" && key !== "date", task = c && c.kind === "task";
        const label = plain(this.title(key), 60);
        const th = h("th", { scope: "col", class: task ? "n task" : c ? (key === "mean" ? "n mean main" : "n mean") : NUMBERS.includes(key) ? "n" : null, "data-order": up ? "up" : "down", "data-key": key }, task ? h("a", { href: new URL(c.path.slice(1), root()).href + tail() }, label) : label);
        this.addButton(th);
        this.heads.set(key, th);
      }
      return this.heads.get(key);
    }
    layOut() {
      const picked = this.picked(), stamp = [Boolean(this.doc), state.values, ...picked].join();
      if (stamp === this.stamp) return;
      this.stamp = stamp;
      if (this.rows) {
        const on = this.inPage.map((k) => FIRST.includes(k) || picked.includes(k));
        for (const tr of [this.head, ...this.rows]) on.forEach((yes, c) => { tr.cells[c].hidden = !yes; });
      } else {
        this.made.clear();
        const heads = [...FIRST, ...picked].map((k) => this.makeHead(k));
        heads.forEach((th) => { th.hidden = false; });
        this.head.replaceChildren(...heads);
      }
    }
    show() {
      const pinned = state.pins.map((k) => this.keys.indexOf(k)).filter((i) => i >= 0), isPinned = new Set(pinned);
      this.layOut();
      this.here = null;
      if (this.fail.some(Boolean)) this.rankAnew();
      this.view = this.order().filter((i) => !this.fail[i] && !isPinned.has(i));
      this.pinned = pinned;
      this.windowed = this.view.length >= WINDOW_FROM && !this.printing;
      this.wrap.classList.toggle("tall", this.view.length > 30);
      this.table.classList.toggle("resorted", state.sort !== "rank" || state.down);
      if (this.doc) this.table.setAttribute("aria-rowcount", this.view.length + pinned.length + 1);
      for (const [key, th] of this.heads) {
        if (key === state.sort) th.setAttribute("aria-sort", state.down ? "descending" : "ascending"); else th.removeAttribute("aria-sort");
      }
      const button = $("button", this.heads.get("rank"));
      button.textContent = this.here ? "Rank here" : "Rank";
      if (pinned.length) {
        this.pins.replaceChildren(...pinned.map((i, k) => this.dress(i, k + 2, null)));
        this.head.parentElement.after(this.pins);
        this.pins.style.top = this.table.tHead.offsetHeight - 1 + "px";
      } else this.pins.remove();
      this.wrap.style.scrollPaddingTop = `${this.table.tHead.offsetHeight + this.pins.offsetHeight}px`;
      const none = !this.view.length && !pinned.length;
      this.wrap.hidden = none;
      this.zero.hidden = this.view.length > 0 || !state.filtered;
      this.range = "";
      this.paint();
    }
    dress(i, at, before) {
      const tr = this.row(i), tier = this.num.tier[i], button = $(".pin", tr), on = state.pins.includes(this.keys[i]);
      this.rankCell(tr.cells[0], i);
      tr.classList.toggle("tier", state.sort === "rank" && !state.down && tier === tier && before !== null && (before === undefined || this.num.tier[before] !== tier));
      if (this.doc) tr.setAttribute("aria-rowindex", at);
      button.textContent = on ? "★" : "☆";
      button.setAttribute("aria-pressed", on);
      tr.dataset.at = at - 2 - this.pinned.length;
      return tr;
    }
    /* The rows that can be seen, and some; all of them where they are few. */
    paint() {
      const n = this.view.length, height = this.height || 36;
      let first = 0, last = n;
      if (this.windowed) {
        const top = this.wrap.scrollTop; // head and pins cover as much as they take
        first = Math.max(0, Math.floor(top / height) - MARGIN);
        last = Math.min(n, Math.ceil((top + this.wrap.clientHeight) / height) + MARGIN);
      }
      if (this.range === `${first} ${last}`) return;
      this.range = `${first} ${last}`;
      const focus = document.activeElement, rows = [];
      for (let k = first; k < last; k++) rows.push(this.dress(this.view[k], k + 2 + this.pinned.length, k ? this.view[k - 1] : undefined));
      const space = (k) => {
        if (!k) return null;
        const td = h("td", { colspan: this.picked().length + 2 });
        td.style.height = `${k * height}px`;
        return h("tr", { class: "space", "aria-hidden": "true" }, td);
      };
      this.body.replaceChildren(...[space(first), ...rows, space(n - last)].filter(Boolean));
      if (focus && focus !== document.activeElement && this.table.contains(focus)) focus.focus({ preventScroll: true });
      if (rows.length && !this.height) {
        this.height = rows[0].offsetHeight;
        if (this.windowed && this.height && this.height !== height) { this.range = ""; this.paint(); }
      }
    }
    notePage() {
      const page = this.windowed ? Math.floor(this.wrap.scrollTop / this.height / PAGE) + 1 : 1;
      if (page !== state.page) { state.page = page; writeAddress(); }
    }
    /* To the row above or below, which is brought into the window first. */
    step(at, by) {
      const to = Math.max(0, Math.min(this.view.length - 1, at + by));
      if (this.windowed) {
        const y = to * this.height, top = this.wrap.scrollTop, high = this.wrap.clientHeight - this.head.offsetHeight - (this.pinned.length + 1) * this.height;
        if (y < top || y > top + high) this.wrap.scrollTop = y < top ? y : y - high;
        this.paint();
      }
      const row = $(`tr[data-at="${to}"] th a`, this.body);
      if (row) { row.focus({ preventScroll: this.windowed }); row.scrollIntoView({ block: "nearest" }); }
    }
  }

  /* ---- filters ---- */

  const told = (f, v) => f.one ? f.one[v] || v : v;
  const activeFilters = () => [...(state.q.trim() ? [{ id: "q", title: "Search", bit: 1, values: [state.q.trim()] }] : []),
    ...FACETS.filter((f) => state.chosen[f.id].size).map((f) => ({ ...f, values: [...state.chosen[f.id]].map((v) => told(f, v)) }))];
  const clear = (id) => { if (id === "q") { state.q = ""; $("#q").value = ""; } else state.chosen[id].clear(); };

  function filter() {
    const tests = [[1, queryTest(state.q)], ...FACETS.map((f) => [f.bit, facetTest(f)])].filter((t) => t[1]);
    state.filtered = tests.length > 0;
    for (const b of boards) {
      for (let i = 0; i < b.n; i++) {
        let fail = 0;
        for (const [bit, test] of tests) if (!test(b, i)) fail |= bit;
        b.fail[i] = fail;
      }
    }
  }

  /* How many rows each value would leave, the other filters as they are. */
  function countFacet(f) {
    const counts = new Map(), add = (v) => counts.set(v, (counts.get(v) || 0) + 1);
    const one = f.one && Object.keys(f.one).map((v) => [v, f.id === "size" ? sizeTest(v) : dateTest(v)]);
    for (const b of boards) {
      for (let i = 0; i < b.n; i++) {
        if (b.fail[i] & ~f.bit) continue;
        if (one) { for (const [v, test] of one) if (test(b, i)) add(v); } else add(b.facet[f.id][i]);
        if (f.id === "lic" && b.permissive[i]) add("permissive");
      }
    }
    return counts;
  }

  const leftWithout = (bit) => boards.reduce((sum, b) => sum + b.fail.reduce((n, f) => n + !(f & ~bit), 0), 0);

  function showZero(left) {
    const filters = left ? [] : activeFilters();
    for (const b of boards) {
      if (b.zero.hidden) continue;
      const ways = filters.map((f) => [f, leftWithout(f.bit)]).filter((w) => w[1]).sort((x, y) => y[1] - x[1]);
      const buttons = ways.map(([f, n]) => h("button", { type: "button", "data-clear": f.id }, `Clear ${f.title.toLowerCase()} (${plain(f.values.join(", "), 40)}): ${count(n)} row${n === 1 ? "" : "s"}`));
      if (buttons.length !== 1) buttons.push(h("button", { type: "button", "data-clear": "all" }, "Clear everything"));
      b.zero.replaceChildren(h("p", null, left ? "No row of this section fits." : "No row fits all that was asked for." + (ways.length ? " It is enough to leave out one thing:" : "")), ...(left ? [] : buttons));
    }
  }

  /* ---- the controls ---- */

  let panels = {}, chips, note;
  function fillPanel(f) {
    const list = $(".list", panels[f.id]), all = countFacet({ ...f, bit: 0xffff });
    const values = f.one ? Object.keys(f.one) : [...all.keys()].sort((a, b) => (b === "permissive") - (a === "permissive") || (a === "unknown") - (b === "unknown") || all.get(b) - all.get(a) || (a < b ? -1 : 1));
    for (const v of state.chosen[f.id]) if (!values.includes(v)) values.push(v);
    const item = (v, text) => h("label", null, h("input", { type: f.one ? "radio" : "checkbox", name: `f-${f.id}`, value: v }), " ", h("bdi", null, text), " ", h("span", { class: "ci" }));
    list.replaceChildren(...(f.one ? [item("", "any")] : []), ...values.map((v) => item(v, plain(told(f, v), 40))));
  }
  function updatePanel(f) {
    const counts = countFacet(f), chosen = state.chosen[f.id];
    for (const label of $$("label", panels[f.id])) {
      const input = $("input", label), n = counts.get(input.value) || 0;
      input.checked = input.value ? chosen.has(input.value) : !chosen.size;
      label.classList.toggle("void", !n && Boolean(input.value));
      $(".ci", label).textContent = input.value ? count(n) : "";
    }
    $("summary", panels[f.id]).textContent = f.title + (chosen.size ? ` · ${f.one ? told(f, [...chosen][0]) : chosen.size}` : "");
    panels[f.id].classList.toggle("on", chosen.size > 0);
  }
  function fillColumns() {
    const order = [...new Set(boards.flatMap((b) => b.columns()))], on = new Set(boards.flatMap((b) => b.picked()));
    const named = (k) => boards.map((b) => b.title(k)).find((t) => t !== k) || k;
    const box = (value, text, checked) => h("label", null, h("input", { type: "checkbox", value, checked }), " ", text);
    $(".list", panels.cols).replaceChildren(...order.map((k) => box(k, plain(named(k), 60), on.has(k))));
    $(".values", panels.cols).replaceChildren(box("norm", "Tasks with chance at 0", state.values === "norm"));
  }
  function addControls() {
    const panel = (id, title, ...more) => panels[id] = h("details", { class: "facet", "data-facet": id }, h("summary", null, title), h("div", { class: "panel" }, h("div", { class: "list", role: "group", "aria-label": title }), ...more));
    const usual = h("button", { type: "button", "data-usual": true }, "As usual");
    const row = h("div", { class: "facets" }, ...FACETS.map((f) => panel(f.id, f.title)), panel("cols", "Columns", h("div", { class: "values" }), usual));
    const all = h("details", { class: "filters", open: matchMedia("(min-width: 761px)").matches }, h("summary", null, "Filters and columns"), row);
    $(".count", form).before(all);
    form.after(chips = h("p", { class: "chips", hidden: true }), note = h("p", { class: "sub note", hidden: true }, "Ranks are counted anew among the rows shown, and so are their ranges: by intervals that do not overlap, which claims less than the paired tests behind the ranks of the whole board."));
    FACETS.forEach(fillPanel);
    fillColumns();
    panels.cols.addEventListener("toggle", async () => {
      if (!panels.cols.open) return;
      await Promise.all(boards.map((b) => b.load()));
      await update();
      fillColumns();
    });
    row.addEventListener("change", (e) => {
      const id = e.target.closest(".facet").dataset.facet, { value, checked } = e.target;
      if (e.target.closest(".values")) state.values = checked ? "norm" : "";
      else if (id === "cols") state.cols = new Set($$(".list input:checked", panels.cols).map((i) => i.value));
      else {
        const f = FACETS.find((x) => x.id === id), chosen = state.chosen[id];
        if (f.one) { chosen.clear(); if (value) chosen.add(value); } else if (checked) chosen.add(value); else chosen.delete(value);
      }
      change();
      if (id === "cols" && !state.cols) fillColumns();
    });
    usual.addEventListener("click", () => { state.cols = null; state.values = ""; change().then(fillColumns); });
    document.addEventListener("click", (e) => { for (const p of Object.values(panels)) if (p.open && !p.contains(e.target)) p.open = false; });
    document.addEventListener("keydown", (e) => {
      const open = Object.values(panels).find((p) => p.open);
      if (e.key === "Escape" && open) { open.open = false; $("summary", open).focus(); }
    });
  }
  function showChips() {
    const filters = activeFilters(), compare = $("[data-compare]");
    chips.hidden = !filters.length && !state.pins.length;
    chips.replaceChildren(...filters.flatMap((f) => f.values.map((text, k) => h("button", { type: "button", "data-clear": f.id, "data-value": f.id === "q" ? "" : [...state.chosen[f.id]][k], "aria-label": `Leave out ${f.title}: ${plain(text, 40)}` }, `${f.title}: ${plain(text, 40)} ×`))),
      ...(state.pins.length ? [h("button", { type: "button", "data-clear": "pins" }, `${state.pins.length} pinned ×`)] : []),
      ...(filters.length > 1 ? [h("button", { type: "button", "data-clear": "all" }, "Clear all")] : []),
      ...(compare && state.pins.length > 1 ? [h("a", { href: compare.href + "?" + [...new Set(state.pins.map((k) => k.split("@")[0]))].map((k) => "m=" + encodeURIComponent(k)).join("&") }, "Compare what is pinned")] : []));
    note.hidden = !boards.some((b) => b.here && b.nHere);
  }
  function showCount() {
    const total = boards.reduce((n, b) => n + b.total, 0), known = boards.reduce((n, b) => n + b.n, 0), left = leftWithout(0);
    const part = known < total ? (boards.some((b) => b.failed) ? `; only the first ${count(known)} could be loaded` : "; loading the others") : "";
    $("[data-count]").textContent = state.filtered ? `${count(left)} of ${count(total)} rows${part}` : `${count(total)} rows${part}`;
    return left;
  }

  /* Filters and shows what is known now. */
  function apply() {
    dropUnknown();
    filter();
    for (const b of boards) b.show();
    showZero(showCount());
    FACETS.forEach(updatePanel);
    showChips();
  }
  async function update() {
    const before = boards.map((b) => b.n);
    apply();
    if (!boards.some((b) => !b.failed && (b.doc ? [...b.picked(), state.sort].some((k) => b.column(k) && !b.column(k).data) : b.wants()))) return;
    await Promise.all(boards.map((b) => b.prepare()));
    if (boards.some((b, k) => b.n !== before[k])) FACETS.forEach(fillPanel);
    for (const b of boards) { b.stamp = ""; b.orders.clear(); }
    apply();
  }
  const change = () => { state.page = 1; for (const b of boards) b.wrap.scrollTop = 0; writeAddress(); return update(); };

  function onClick(e) {
    const button = e.target.closest("button");
    if (!button) return;
    const th = button.closest("th[data-order]");
    if (th && !button.dataset.pin) {
      const key = th.dataset.key, now = th.getAttribute("aria-sort");
      state.down = now ? now === "ascending" : th.dataset.order === "down";
      state.sort = key;
      change();
    } else if (button.dataset.pin) {
      const key = button.dataset.pin;
      state.pins = state.pins.includes(key) ? state.pins.filter((k) => k !== key) : [...state.pins, key].slice(-PINS_MAX);
      writeAddress();
      apply();
      if (button.isConnected) button.focus();
    } else if (button.dataset.clear) {
      const { clear: id, value } = button.dataset;
      if (id === "pins") state.pins = [];
      else if (id === "all") ["q", ...FACETS.map((f) => f.id)].forEach(clear);
      else if (value) state.chosen[id].delete(value);
      else clear(id);
      change();
      if (!button.isConnected) $("[data-count]").focus();
    }
  }
  const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 };
  function onKey(e) {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName), input = $("#q");
    if (e.key === "/" && !typing) { e.preventDefault(); input.focus(); }
    if (e.key === "Escape" && e.target === input && input.value) { clear("q"); change(); }
    const row = e.target.closest && e.target.closest("table.board tbody tr"), b = boards.find((x) => x.table.contains(e.target));
    if (typing || !b || e.altKey || e.ctrlKey || e.metaKey) return;
    if (row && STEPS[e.key]) { e.preventDefault(); b.step(Number(row.dataset.at), STEPS[e.key]); }
    if (!row && e.key === "ArrowDown") { e.preventDefault(); b.step(b.windowed ? Math.floor(b.wrap.scrollTop / b.height) : 0, 0); }
    if (row && e.key === "p") $(".pin", row).click();
  }

  async function start() {
    form = $("[data-filters]");
    const tables = $$("table[data-board]");
    if (!form || !tables.length) return;
    today = form.dataset.filters;
    boards = tables.map((t) => new Section(t));
    readAddress();
    const input = $("#q");
    input.value = state.q;
    addControls();
    form.hidden = false;
    form.addEventListener("submit", (e) => e.preventDefault());
    let frame = 0;
    input.addEventListener("input", () => { state.q = input.value; frame ||= requestAnimationFrame(() => { frame = 0; change(); }); });
    document.addEventListener("click", onClick);
    document.addEventListener("keydown", onKey);
    let turn = 0;
    addEventListener("resize", () => { turn ||= requestAnimationFrame(() => { turn = 0; for (const b of boards) { b.height = 0; b.show(); } }); });
    addEventListener("beforeprint", () => boards.forEach((b) => { b.printing = b.view.length <= 5000; b.show(); }));
    addEventListener("afterprint", () => boards.forEach((b) => { b.printing = false; b.show(); }));
    const page = state.page;
    await update();
    const far = boards.find((b) => b.windowed);
    if (!far) state.page = 1;
    history.replaceState(null, "", address());
    if (far && page > 1) { far.wrap.scrollTop = (page - 1) * PAGE * far.height; far.paint(); }
  }
  document.addEventListener("DOMContentLoaded", start);
  return { $, $$, h, plain, number, count, params, bytes, decode, floats, root, tail };
})();

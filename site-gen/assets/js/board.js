/* The board of a suite: search, facets, columns, pins, ranks of what is left, a window of rows. It starts with the rows that the
   page has; where there are more, or a column is picked that the page lacks, it reads the columns' file and makes rows itself.
   All of its state is in the address: canonical order, defaults left out, unknown values dropped. */
{
const WINDOW_FROM = 400, MARGIN = 20, PINS_MAX = 12, PAGE = 100, NUMBERS = ["size", "mem", "speed", "zero"], FIRST = ["rank", "model"];
const state = { q: "", chosen: {}, values: "", cols: null, sort: "rank", down: false, pins: [], page: 1 };
let form, boards = [], facets = [], extras = new Map(), picker, chips, today;

const span = (low, high) => low === high ? `${low}` : `${low}–${high}`;
const all = (f) => [...new Set(boards.flatMap(f))];

/* ---- what is chosen by ---- */

function ranged(text) {
  const [a, b, more] = text.split("..");
  if (b === undefined || more !== undefined || (!a && !b)) return null;
  const low = Number(a), high = b ? Number(b) : Infinity;
  return low <= high ? (v) => v >= low && v <= high : null;
}
function sizeTest(value) {
  if (value === "24gb") return (b, i) => b.num.mem[i] <= 24e9;
  const fits = ranged(value);
  return fits && ((b, i) => fits(b.num.size[i]));
}
function dateTest(value) {
  const from = Date.parse(today) - parseInt(value, 10) * 864e5;
  return (b, i) => b.num.date[i] >= from;
}
/* A facet is a panel of the page; one with values in it already takes one of them. */
function readFacet(panel, k) {
  const id = panel.dataset.facet, labels = $$("label", panel);
  const one = labels.length ? new Map(labels.map((l) => [$("input", l).value, $("bdi", l).textContent])) : null;
  return { panel, id, one, bit: 2 << k, title: $("summary", panel).textContent, told: (v) => one && one.get(v) || v, test: id === "size" ? sizeTest : dateTest };
}

/* ---- the address ---- */

function readAddress() {
  const list = (k) => (asked.get(k) || "").split(",").filter(Boolean), sort = asked.get("sort") || "rank";
  state.q = asked.get("q") || "";
  for (const f of facets) state.chosen[f.id] = new Set(f.one ? list(f.id).slice(0, 1) : list(f.id));
  state.values = asked.get("values") === "norm" ? "norm" : "";
  state.cols = asked.has("cols") ? new Set(list("cols")) : null;
  state.down = sort.startsWith("-");
  state.sort = sort.replace(/^-/, "");
  state.pins = [...new Set(list("pin"))].slice(0, PINS_MAX);
  state.page = Math.max(1, parseInt(asked.get("page"), 10) || 1);
}

/* Where all that there is is known, what isn't there is dropped. */
function dropUnknown() {
  const keep = (set, known) => { for (const v of set) if (!known(v)) set.delete(v); };
  for (const f of facets) if (f.one) keep(state.chosen[f.id], (v) => f.id === "size" ? sizeTest(v) : f.one.has(v));
  if (boards.some((b) => b.n < b.total)) return;
  for (const f of facets) if (!f.one) {
    const known = new Set(boards.flatMap((b) => b.facet[f.id]));
    keep(state.chosen[f.id], (v) => known.has(v) || (f.id === "lic" && v === "permissive"));
  }
  const keys = new Set(boards.flatMap((b) => b.keys)), columns = new Set(boards.flatMap((b) => b.columns()));
  const ready = boards.every((b) => b.doc || b.failed);
  state.pins = state.pins.filter((k) => keys.has(k));
  if (state.cols && (ready || [...state.cols].every((k) => columns.has(k)))) {
    keep(state.cols, (k) => columns.has(k));
    const usual = all((b) => b.usual);
    if (!state.cols.size || (state.cols.size === usual.length && usual.every((k) => state.cols.has(k)))) state.cols = null;
  }
  if (ready && !FIRST.includes(state.sort) && !columns.has(state.sort)) { state.sort = "rank"; state.down = false; }
}

function address() {
  const query = new URLSearchParams();
  put(query, "q", state.q.trim());
  for (const f of facets) put(query, f.id, [...state.chosen[f.id]].sort().join());
  put(query, "values", state.values);
  put(query, "cols", state.cols && all((b) => b.columns()).filter((k) => state.cols.has(k)).join());
  put(query, "sort", state.sort === "rank" && !state.down ? "" : (state.down ? "-" : "") + state.sort);
  put(query, "pin", state.pins.join());
  put(query, "page", state.page > 1 && state.page);
  return query;
}

/* ---- search ---- */

const WORDS = { name: "model", org: "model", license: "lic" };
const UNITS = { k: 1e3, m: 1e6, b: 1e9, g: 1e9, t: 1e12 };
/* A predicate of a word: "minilm", "lic:mit", "size:<3b", "mean:>=60". Facets and columns go by what the page calls them, too. */
function wordTest(word) {
  const [, named, value] = word.match(/^([\w.-]+):(.+)$/) || [], field = WORDS[named] || named;
  const [, op, limit, unit] = value && value.match(/^(<=?|>=?|=)([\d.]+)([kmbgt]?)b?$/) || [];
  const keys = new Map(boards.map((b) => [b, Object.keys(b.num).find((k) => k.toLowerCase() === field)]));
  if (op && boards.some((b) => keys.get(b))) {
    const x = Number(limit) * (UNITS[unit] || 1);
    return (b, i) => {
      const key = keys.get(b), v = key ? b.num[key][i] * (b.isShare(key) ? 100 : 1) : NaN;
      return (op.length > 1 || op === "=") && v === x || (op[0] === "<" ? v < x : op[0] === ">" && v > x);
    };
  }
  if (field === "lic" && value === "permissive") return (b, i) => b.permissive[i];
  if (field === "model") return (b, i) => b.names[i].includes(value);
  if (facets.some((f) => f.id === field && !f.one)) return (b, i) => normal(b.facet[field][i]).includes(value);
  return (b, i) => b.text[i].includes(word);
}
function facetTest(f) {
  const chosen = state.chosen[f.id];
  if (!chosen.size) return null;
  if (f.one) return f.test([...chosen][0]);
  return (b, i) => chosen.has(b.facet[f.id][i]) || (f.id === "lic" && b.permissive[i] && chosen.has("permissive"));
}

/* ---- one section's rows ---- */

class Section {
  constructor(table) {
    Object.assign(this, { table, wrap: table.parentElement, head: table.tHead.rows[0], body: table.tBodies[0], orders: new Map(), made: new Map(), files: {} });
    this.total = Number(table.dataset.total);
    this.link = $("[data-columns]", table.closest("section"));
    this.heads = new Map([...this.head.cells].map((th) => [th.dataset.key, th]));
    this.inPage = [...this.heads.keys()];
    this.usual = this.inPage.filter((k) => !FIRST.includes(k));
    this.pins = el("tbody.pins");
    this.zero = el("div.empty", { hidden: true });
    this.wrap.before(this.zero);
    this.readPage();
    for (const th of this.heads.values()) th.dataset.title = sortButton(th);
    this.rows.forEach((row, i) => row.cells[1].prepend(this.pinButton(i)));
    let frame = 0;
    on(this.wrap, "scroll", () => { if (this.windowed) frame ||= requestAnimationFrame(() => { frame = 0; this.paint(); this.notePage(); }); });
  }

  readPage() {
    const rows = this.rows = [...this.body.rows], facts = rows.map((r) => r.dataset.f.split("|"));
    const [keys, permissive, type, lic, prec, arch, open, zero, day, ...numbers] = facts[0].map((_, k) => facts.map((f) => f[k]));
    Object.assign(this, { n: rows.length, keys, facet: { type, lic, prec, arch, open, zero }, permissive: permissive.map(Boolean), day, num: {} });
    this.shown = rows.map((r) => $("a", r.cells[1]).textContent);
    ["mem", "speed", "low", "high", "from", "to"].forEach((key, k) => { this.num[key] = floats(numbers[k]); });
    this.inPage.forEach((key, c) => { if (rows[0].cells[c].dataset.v !== undefined) this.num[key] = floats(rows.map((r) => r.cells[c].dataset.v)); });
    this.finish(rows.map((r) => $$(".why, .none span", r).map((e) => e.title).join(" ")));
  }
  finish(reasons) {
    const f = this.facet;
    this.num.date = floats(this.day.map((d) => Date.parse(d)));
    for (const id in f) f[id] = f[id].map((v) => v || "unknown");
    this.names = this.shown.map(normal);
    this.text = this.names.map((name, i) => normal([name, f.lic[i], f.type[i], f.prec[i], f.arch[i], f.open[i], reasons[i]].join(" ")));
    this.fail = new Uint16Array(this.n);
    this.orders.clear();
    this.made.clear();
  }

  async load() {
    this.loading ??= json(this.link.href).then((doc) => {
      const org = decode(doc.org), { columns, key: keys, n, short } = doc;
      this.single = columns.filter((c) => c.kind === "task").length === 1 && columns.find((c) => c.kind === "task");
      Object.assign(this, { doc, rows: null, n, keys, org, short, day: decode(doc.day), marks: decode(doc.mark), reasons: decode(doc.reason), weights: decode(doc.weight_type), facet: {}, trained: decode(doc.zero_told) });
      this.shown = short.map((s, i) => plain((org[i] ? org[i] + "/" : "") + s, 161));
      for (const f of facets) if (doc[f.id]) this.facet[f.id] = decode(doc[f.id]);
      this.permissive = doc.lic.of.map((k) => k !== null && doc.permissive[k]);
      this.num = { rank: doc.rank, low: doc.rank_low, high: doc.rank_high, tier: doc.tier_number, size: doc.params, mem: doc.memory_bytes, speed: doc.tokens_per_s, zero: doc.zero_percent };
      for (const k in this.num) this.num[k] = floats(this.num[k]);
      for (const c of columns) if (c.data) this.takeColumn(c, c.data);
      const { v, l, h } = this.column("mean").data;
      this.num.from = floats(v.map((x, i) => x === null ? x : (x - (l[i] ?? NaN)) / 1e4));
      this.num.to = floats(v.map((x, i) => x === null ? x : (x + (h[i] ?? NaN)) / 1e4));
      $$("[data-more]", this.link.parentElement).forEach((e) => { e.hidden = true; });
      this.finish(this.reasons);
    }, () => { this.failed = true; });
    await this.loading;
  }
  takeColumn(c, data) {
    data.h ||= data.l;
    c.data = data;
    c.scale = c.metric.percent ? 1e4 : 1;
    c.why = data.why ? decode(data.why) : [];
    c.notes = data.notes ? decode(data.notes) : [];
    this.num[c.key] = floats(data.v).map((v) => v / c.scale);
  }
  /* Columns of tasks come some at a time, when one of them is asked for. */
  async loadColumn(key) {
    const c = this.column(key);
    if (!c || c.data) return;
    const { data } = await (this.files[c.file] ??= json(new URL(this.doc.files[c.file], this.link.href)));
    for (const other of this.doc.columns) if (other.file === c.file && !other.data) this.takeColumn(other, data[other.at]);
  }

  isShare(key) { const c = this.column(key), th = this.heads.get(key); return c ? c.metric.percent : th && th.dataset.share; }
  column(key) { return this.doc && this.doc.columns.find((c) => c.key === key); }
  /* All that can be picked, in the order in which they stand. */
  columns() {
    return [...(this.doc ? ["tier", ...this.doc.columns.map((c) => c.key)] : this.usual.filter((k) => !extras.has(k))), ...extras.keys()];
  }
  title(key) {
    const c = this.column(key), th = this.heads.get(key);
    return extras.has(key) ? extras.get(key).textContent.trim() : c ? c.title : th ? th.dataset.title : key;
  }
  picked() { return state.cols ? this.columns().filter((k) => state.cols.has(k)) : this.usual; }
  wants() {
    const known = (k) => FIRST.includes(k) || this.inPage.includes(k), lacks = (k) => !known(k) && !extras.has(k);
    return this.total > this.n || state.values || !this.picked().every(known) || lacks(state.sort) || [...state.cols || []].some(lacks);
  }
  async prepare() {
    if (this.failed || (!this.doc && !this.wants())) return;
    await this.load();
    if (!this.doc) return;
    await Promise.all([...this.picked(), state.sort, this.single.key].map((k) => this.loadColumn(k))).catch(() => { this.failed = true; });
  }

  /* ---- order ---- */

  order() {
    const { sort, down } = state, name = down + sort;
    if (!this.orders.has(name)) {
      const keys = sort === "rank" ? this.num.rank.map((v, i) => v === v ? i : NaN) : this.num[sort] || sortKeys(sort === "model" ? this.names : this.facet[sort] || this.names.map(() => ""));
      this.orders.set(name, inOrder(keys, down));
    }
    return this.orders.get(name);
  }

  /* Among the rows that are left: the place by the board's order, and its range by intervals that do not overlap. */
  rankAnew() {
    const { from, to, rank } = this.num, left = [...this.fail.keys()].filter((i) => !this.fail[i] && rank[i] === rank[i]), n = left.length;
    const lows = floats(left.map((i) => from[i])).filter((v) => v === v).sort(), highs = floats(left.map((i) => to[i])).filter((v) => v === v).sort();
    /* How many of a list in order are so. */
    const until = (list, fits) => { let a = 0, b = list.length; while (a < b) { const m = (a + b) >> 1; if (fits(list[m])) a = m + 1; else b = m; } return a; };
    this.here = new Map();
    this.nHere = n;
    let last = 0;
    left.forEach((i, k) => {
      if (!k || rank[i] !== rank[left[k - 1]]) last = k + 1;
      const better = lows.length - until(lows, (v) => v <= to[i]), worse = until(highs, (v) => v < from[i]);
      this.here.set(i, { place: last, range: from[i] === from[i] ? span(Math.min(last, 1 + better), Math.max(last, n - worse)) : "" });
    });
  }

  /* ---- cells ---- */

  rankCell(td, i) {
    const { rank: { [i]: rank }, low: { [i]: low }, high: { [i]: high } } = this.num, here = this.here && this.here.get(i);
    const whole = `rank interval: ${low === low ? span(low, high) : "–"} of ${this.table.dataset.ranked}`, known = rank === rank;
    if (!known || (this.here && !here)) td.replaceChildren(el("span.muted", { title: known && `Pinned; on the whole board ${rank}` }, "–"));
    else if (here) td.replaceChildren(el("span.here", { title: `${here.place} of the ${this.nHere} rows shown, counted anew; on the whole board ${rank}, ${whole}` }, `${here.place} `, el("span.spread", here.range === `${here.place}` ? "" : here.range)));
    else td.replaceChildren(el("span", { title: whole }, `${rank} `, el("span.spread", low === low && low !== high ? span(low, high) : "")));
    td.classList.toggle("anew", Boolean(this.here));
  }
  pinButton(i) { return el("button.pin", { type: "button", "data-pin": this.keys[i], "aria-pressed": "false", "aria-label": `Pin ${this.shown[i]}` }, "☆"); }
  figure(c, i, normalised) {
    const d = c.data, p = c.metric.percent, base = normalised && p && c.baseline > 0 && c.baseline < 1 ? c.baseline : 0;
    const of = (x) => (x / c.scale - base) / (1 - base), known = d.l[i] !== null && d.h[i] !== null, n = Array.isArray(d.n) ? d.n[i] : d.n;
    const v = of(d.v[i]), low = of(d.v[i] - d.l[i]), high = of(d.v[i] + d.h[i]), text = number(v, p);
    const told = [known ? `95 % interval ${number(low, p)} to ${number(high, p)}` : "error unknown", ...(n ? [`n = ${count(n)}`] : [])].join(", ") + (base ? `; chance at 0, as measured ${number(d.v[i] / c.scale, p)}` : "");
    return { v, low, high, known, text, ci: el("span.ci", known ? "±" + number((high - low) / 2, p) : ""), title: `${text} (${told})` };
  }
  whisker(f) {
    const { low, high } = this.table.dataset, place = (v) => (Math.max(0, Math.min(1, (v - low) / (high - low))) * 96).toFixed(1);
    return drawing("whisker", 96, 12, "-2 0 100 12", line("axis", 0, 96, 10.5), ...(f.known ? [line("ci", place(f.low), place(f.high), 5)] : []), line("at", place(f.v), place(f.v), 1, 9));
  }
  missing(c, i) {
    const why = c.why[i] || "not measured";
    return el("td.n.none", el("span.muted", { title: plain(why, 300) }, plain(why, 24)));
  }
  path(i, more = "") { return at(`m/${this.keys[i].split("@")[0]}/${more}`) + tail(); }
  meanCell(c, i) {
    const main = c.key === "mean", cell = main ? "td.n.mean.main" : "td.n.mean", task = main && this.single && this.single.data;
    if (c.data.v[i] === null) {
      if (!main) return this.missing(c, i);
      const why = plain(this.reasons[i], 300), { n_done: done, n_tasks: tasks } = this.doc;
      return el(cell, el("span.why", { title: why }, `${done[i]} of ${tasks[i]}`, el("span.wide", ` · ${plain(why, 48)}`)));
    }
    if (c.kind === "votes") return el(cell, el("span", c.data.v[i]));
    const f = this.figure(c, i), { title } = f, kids = [el(main ? "b" : "span", f.text), " ", f.ci];
    return el(cell, task && task.run ? el("a.cell", { href: this.path(i, `r/${task.run[i]}/`), title }, kids) : el("span", { title }, kids), main ? this.whisker(f) : "");
  }
  taskCell(c, i) {
    const d = c.data;
    if (!d) return el("td.n.none", el("span.muted", "…"));
    if (d.v[i] === null) return this.missing(c, i);
    const { text, ci, title } = this.figure(c, i, state.values), note = c.notes[i];
    return el(`td.n.heat.h${d.heat.charCodeAt(i) - 97}`, el("a.cell", { href: this.path(i, `r/${d.run ? d.run[i] : ""}/`), title }, text, " ", ci),
      note ? [" ", el("span.warn", { title: note }, note.split(":")[0])] : "");
  }
  factCell(key, i) {
    const n = (this.num[key] || [])[i], text = key === "date" ? this.day[i] || "unknown" : (this.facet[key] || [])[i];
    if (NUMBERS.includes(key)) {
      const said = { size: params, mem: bytes, speed: count, zero: (v) => v + " %" }[key], title = key === "zero" ? this.trained[i] : key === "size" ? `${count(n)} parameters` : extras.get(key).title;
      return el("td.n", el("span", { title }, n === n ? said(n) : "unknown"));
    }
    if (key === "prec") return el("td.muted", plain(text, 12), this.weights[i] && this.weights[i] !== "auto" ? el("span.ci", " " + plain(this.weights[i], 16)) : "");
    return el("td.muted", el("span", { title: plain(text, 200) }, el("bdi", plain(text, key === "lic" ? 18 : 32))));
  }
  makeRow(i) {
    const { num, marks: { [i]: mark } } = this;
    const cells = this.picked().map((key) => {
      const c = this.column(key), tier = num.tier[i];
      if (key === "tier") return el("td.n.in-tier", tier === tier ? tier : el("span.muted", "–"));
      return !c ? this.factCell(key, i) : c.kind === "task" ? this.taskCell(c, i) : this.meanCell(c, i);
    });
    return el(num.mean[i] === num.mean[i] ? "tr.row" : "tr.partial", el("td.n.rank"),
      rowHead(this.pinButton(i), el("a", { href: this.path(i) }, modelName(this.org[i], this.short[i])), mark ? [" ", el("a.mark", { href: at("methods/") + tail() + "#precision" }, mark)] : ""), cells);
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

  makeHead(key) {
    if (!this.heads.has(key)) {
      const c = this.column(key), up = c ? !c.metric.higher : !["speed", "date", "zero"].includes(key), task = c && c.kind === "task", label = plain(this.title(key), 60);
      const head = el(task ? "th.n.task" : key === "mean" ? "th.n.mean.main" : c ? "th.n.mean" : NUMBERS.includes(key) ? "th.n" : "th", { scope: "col", "data-order": up ? "up" : "down", "data-key": key, "data-title": label },
        task ? el("a", { href: at(c.path.slice(1)) + tail() }, label) : label, task && c.overlap ? [" ", el("span.warn", { title: c.overlap.told }, "overlap")] : "");
      sortButton(head);
      this.heads.set(key, head);
    }
    return this.heads.get(key);
  }
  layOut() {
    const picked = this.picked(), stamp = [!this.doc, state.values, ...picked].join();
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    this.made.clear();
    if (this.rows) this.inPage.forEach((k, c) => { for (const tr of [this.head, ...this.rows]) tr.cells[c].hidden = !FIRST.includes(k) && !picked.includes(k); });
    else this.head.replaceChildren(...[...FIRST, ...picked].map((k) => { const th = this.makeHead(k); th.hidden = false; return th; }));
  }
  show() {
    const pinned = this.pinned = state.pins.map((k) => this.keys.indexOf(k)).filter((i) => i >= 0), { table, pins, wrap } = this;
    this.layOut();
    this.here = null;
    if (this.fail.some(Boolean)) this.rankAnew();
    this.view = this.order().filter((i) => !this.fail[i] && !pinned.includes(i));
    const n = this.view.length;
    this.windowed = n >= WINDOW_FROM && !this.printing;
    wrap.classList.toggle("tall", n > 30);
    table.classList.toggle("resorted", state.sort !== "rank" || state.down);
    if (this.doc) table.setAttribute("aria-rowcount", n + pinned.length + 1);
    for (const [key, th] of this.heads) markOrder(th, key === state.sort, state.down);
    $("button", this.heads.get("rank")).textContent = this.here ? "Rank here" : "Rank";
    pins.replaceChildren(...pinned.map((i, k) => this.dress(i, k + 2, null)));
    if (pinned.length) table.tHead.after(pins); else pins.remove();
    const head = table.tHead.offsetHeight;
    pins.style.top = head - 1 + "px";
    wrap.style.scrollPaddingTop = `${head + pins.offsetHeight}px`;
    wrap.hidden = !n && !pinned.length;
    this.zero.hidden = n > 0 || !state.filtered;
    this.painted = "";
    this.paint();
  }
  dress(i, row, before) {
    const tr = this.row(i), { tier } = this.num, button = $(".pin", tr), on = state.pins.includes(this.keys[i]);
    this.rankCell(tr.cells[0], i);
    tr.classList.toggle("tier", state.sort === "rank" && !state.down && tier[i] === tier[i] && before !== null && tier[before] !== tier[i]);
    if (this.doc) tr.setAttribute("aria-rowindex", row);
    button.textContent = on ? "★" : "☆";
    button.setAttribute("aria-pressed", on);
    tr.dataset.at = row - 2 - this.pinned.length;
    return tr;
  }
  /* The rows that can be seen, and some; all of them where they are few. */
  paint() {
    const n = this.view.length, height = this.height || 36, top = this.wrap.scrollTop;
    const first = this.windowed ? Math.max(0, Math.floor(top / height) - MARGIN) : 0;
    const last = this.windowed ? Math.min(n, Math.ceil((top + this.wrap.clientHeight) / height) + MARGIN) : n;
    if (this.painted === `${first} ${last}`) return;
    this.painted = `${first} ${last}`;
    const focus = document.activeElement, rows = [];
    for (let k = first; k < last; k++) rows.push(this.dress(this.view[k], k + 2 + this.pinned.length, this.view[k - 1]));
    const space = (k) => {
      const td = el("td", { colspan: this.picked().length + 2 });
      td.style.height = `${k * height}px`;
      return k ? [el("tr.space", { "aria-hidden": "true" }, td)] : [];
    };
    this.body.replaceChildren(...space(first), ...rows, ...space(n - last));
    if (focus !== document.activeElement && this.table.contains(focus)) focus.focus({ preventScroll: true });
    if (rows.length && !this.height) {
      this.height = rows[0].offsetHeight;
      if (this.windowed && this.height && this.height !== height) { this.painted = ""; this.paint(); }
    }
  }
  notePage() {
    const page = this.windowed ? Math.floor(this.wrap.scrollTop / this.height / PAGE) + 1 : 1;
    if (page !== state.page) { state.page = page; noteAddress(address); }
  }
  /* To the row above or below, which is brought into the window first. */
  step(from, by) {
    const to = Math.max(0, Math.min(this.view.length - 1, from + by)), { wrap, height } = this;
    if (this.windowed) {
      const y = to * height, top = wrap.scrollTop, high = wrap.clientHeight - this.head.offsetHeight - (this.pinned.length + 1) * height;
      if (y < top || y > top + high) wrap.scrollTop = y < top ? y : y - high;
      this.paint();
    }
    const link = $(`tr[data-at="${to}"] th a`, this.body);
    if (link) { link.focus({ preventScroll: this.windowed }); link.scrollIntoView({ block: "nearest" }); }
  }
}

/* ---- filters ---- */

const activeFilters = () => [...(state.q.trim() ? [{ id: "q", title: "Search", bit: 1, values: [""], told: () => state.q.trim() }] : []),
  ...facets.filter((f) => state.chosen[f.id].size).map((f) => ({ ...f, values: [...state.chosen[f.id]] }))];
const clear = (id) => { if (id === "q") state.q = $("#q").value = ""; else state.chosen[id].clear(); };

function filter() {
  const tests = [[1, queryTest(state.q, wordTest)], ...facets.map((f) => [f.bit, facetTest(f)])].filter((t) => t[1]);
  state.filtered = tests.length > 0;
  for (const b of boards) for (let i = 0; i < b.n; i++) {
    b.fail[i] = 0;
    for (const [bit, test] of tests) if (!test(b, i)) b.fail[i] |= bit;
  }
}
/* How many rows each value would leave, the other filters as they are. */
function countFacet(f, others = ~f.bit) {
  const counts = new Map(), add = (v) => counts.set(v, (counts.get(v) || 0) + 1);
  const tests = f.one && [...f.one.keys()].filter(Boolean).map((v) => [v, f.test(v)]);
  for (const b of boards) for (let i = 0; i < b.n; i++) {
    if (b.fail[i] & others) continue;
    if (tests) { for (const [v, test] of tests) if (test(b, i)) add(v); } else add(b.facet[f.id][i]);
    if (f.id === "lic" && b.permissive[i]) add("permissive");
  }
  return counts;
}
const leftWithout = (bit) => boards.reduce((sum, b) => sum + b.fail.reduce((n, f) => n + !(f & ~bit), 0), 0);
const told = (f) => plain(f.values.map(f.told).join(", "), 40);
const clearing = (id, more, text) => el("button", { type: "button", "data-clear": id }, more, text);

function showZero(left) {
  const ways = left ? [] : activeFilters().map((f) => [f, leftWithout(f.bit)]).filter((w) => w[1]).sort((x, y) => y[1] - x[1]);
  const buttons = ways.map(([f, n]) => clearing(f.id, {}, `Clear ${f.title.toLowerCase()} (${told(f)}): ${plural(n, "row")}`));
  if (!left && buttons.length !== 1) buttons.push(clearing("all", {}, "Clear everything"));
  const text = left ? "No row of this section fits." : "No row fits all that was asked for." + (ways.length ? " It is enough to leave out one thing:" : "");
  for (const b of boards) if (!b.zero.hidden) b.zero.replaceChildren(el("p", text), ...buttons.map((x) => x.cloneNode(true)));
}

/* ---- the controls ---- */

function fillPanel(f) {
  if (f.one) return;
  const counts = countFacet(f, 0), last = (v) => (v === "unknown") - (v === "permissive");
  const values = [...new Set([...counts.keys(), ...state.chosen[f.id]])].sort((a, b) => last(a) - last(b) || (counts.get(b) || 0) - (counts.get(a) || 0) || (a < b ? -1 : 1));
  $(".list", f.panel).replaceChildren(...values.map((value) => el("label", el("input", { type: "checkbox", value }), el("bdi", plain(value, 40)), el("span.ci"))));
}
function updatePanel(f) {
  const counts = countFacet(f), chosen = state.chosen[f.id], [first] = chosen;
  for (const label of $$("label", f.panel)) {
    const input = $("input", label), { value } = input, n = counts.get(value) || 0;
    input.checked = value ? chosen.has(value) : !first;
    label.classList.toggle("void", Boolean(value) && !n);
    $(".ci", label).textContent = value && count(n);
  }
  $("summary", f.panel).textContent = f.title + (first ? ` · ${f.one ? f.told(first) : chosen.size}` : "");
  f.panel.classList.toggle("on", chosen.size > 0);
}
function fillColumns() {
  const on = all((b) => b.picked()), named = (k) => boards.map((b) => b.title(k)).find((t) => t !== k) || k;
  $(".list", picker).replaceChildren(...all((b) => b.columns()).map((value) => el("label", el("input", { type: "checkbox", value, checked: on.includes(value) }), plain(named(value), 60))));
  $(".values input", picker).checked = state.values;
}
function setUpControls() {
  const panels = [...facets.map((f) => f.panel), picker];
  $(".filters").open = matchMedia("(min-width: 761px)").matches;
  facets.forEach(fillPanel);
  fillColumns();
  on(picker, "toggle", async () => {
    if (!picker.open) return;
    await Promise.all(boards.map((b) => b.load()));
    await update();
    fillColumns();
  });
  on(form, "change", ({ target: { value, checked, type }, target }) => {
    const panel = target.closest(".facet"), chosen = panel && state.chosen[panel.dataset.facet];
    if (!panel) return;
    if (target.closest(".values")) state.values = checked ? value : "";
    else if (!chosen) state.cols = new Set($$(".list input:checked", picker).map((i) => i.value));
    else {
      if (type === "radio") chosen.clear();
      if (checked && value) chosen.add(value); else chosen.delete(value);
    }
    change();
    if (!chosen && !state.cols) fillColumns();
  });
  on($("[data-usual]"), "click", () => { state.cols = null; state.values = ""; change().then(fillColumns); });
  on(document, "click", (e) => { for (const p of panels) if (!p.contains(e.target)) p.open = false; });
  on(document, "keydown", (e) => {
    const open = panels.find((p) => p.open);
    if (e.key === "Escape" && open) { open.open = false; $("summary", open).focus(); }
  });
}
function showChips() {
  const filters = activeFilters(), compare = $("[data-compare]"), n = state.pins.length, models = [...new Set(state.pins.map((k) => k.split("@")[0]))];
  chips.hidden = !filters.length && !n;
  chips.replaceChildren(
    ...filters.flatMap((f) => f.values.map((v) => clearing(f.id, { "data-value": v, title: "Leave this out" }, `${f.title}: ${plain(f.told(v), 40)} ×`))),
    ...(n ? [clearing("pins", {}, `${n} pinned ×`)] : []), ...(filters.length > 1 ? [clearing("all", {}, "Clear all")] : []),
    ...(compare && n > 1 ? [el("a", { href: compare.href + "?" + models.map((k) => "m=" + encodeURIComponent(k)).join("&") }, "Compare what is pinned")] : []));
  $(".note").hidden = !boards.some((b) => b.here && b.nHere);
}
function showCount() {
  const sum = (f) => count(boards.reduce((n, b) => n + f(b), 0)), total = sum((b) => b.total), known = sum((b) => b.n), left = leftWithout(0);
  const part = known === total ? "" : boards.some((b) => b.failed) ? `; only the first ${known} could be loaded` : "; loading the others";
  $("[data-count]").textContent = (state.filtered ? `${count(left)} of ` : "") + `${total} row${total === "1" ? "" : "s"}${part}`;
  return left;
}

/* Filters and shows what is known now. */
function apply() {
  dropUnknown();
  filter();
  for (const b of boards) b.show();
  showZero(showCount());
  facets.forEach(updatePanel);
  showChips();
}
async function update() {
  const before = boards.map((b) => b.n), lacking = (b, k) => b.column(k) && !b.column(k).data;
  apply();
  if (!boards.some((b) => !b.failed && (b.doc ? [...b.picked(), state.sort].some((k) => lacking(b, k)) : b.wants()))) return;
  await Promise.all(boards.map((b) => b.prepare()));
  if (boards.some((b, k) => b.n !== before[k])) facets.forEach(fillPanel);
  for (const b of boards) { b.stamp = ""; b.orders.clear(); }
  apply();
}
function change() {
  state.page = 1;
  for (const b of boards) b.wrap.scrollTop = 0;
  noteAddress(address);
  return update();
}

function onClick(e) {
  const button = e.target.closest("button"), th = button && button.closest("th[data-order]");
  if (!button) return;
  const { pin, clear: id, value } = button.dataset;
  if (pin) {
    state.pins = state.pins.includes(pin) ? state.pins.filter((k) => k !== pin) : [...state.pins, pin].slice(-PINS_MAX);
    noteAddress(address);
    apply();
    if (button.isConnected) button.focus();
  } else if (th) {
    state.down = turned(th);
    state.sort = th.dataset.key;
    change();
  } else if (id) {
    if (id === "pins") state.pins = [];
    else if (id === "all") ["q", ...facets.map((f) => f.id)].forEach(clear);
    else if (value) state.chosen[id].delete(value);
    else clear(id);
    change();
    if (!button.isConnected) $("[data-count]").focus();
  }
}
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 };
function onKey(e) {
  const row = e.target.closest && e.target.closest("table.board tbody tr"), b = boards.find((x) => x.table.contains(e.target));
  if (!b || typing(e)) return;
  if (row ? STEPS[e.key] : e.key === "ArrowDown") {
    e.preventDefault();
    if (row) b.step(Number(row.dataset.at), STEPS[e.key]); else b.step(b.windowed ? Math.floor(b.wrap.scrollTop / b.height) : 0, 0);
  }
  if (row && e.key === "p") $(".pin", row).click();
}

async function start() {
  const tables = $$("table[data-board]");
  form = $("[data-filters]");
  if (!form || !tables.length) return;
  today = form.dataset.filters;
  chips = $(".chips");
  picker = $("[data-facet=cols]");
  facets = $$(".facet").filter((p) => p !== picker).map(readFacet);
  extras = new Map($$(".list label", picker).map((l) => [$("input", l).value, l]));
  for (const [id, e] of [...facets.map((f) => [f.id, $("summary", f.panel)]), ...extras]) WORDS[normal(e.textContent.trim())] = id;
  boards = tables.map((t) => new Section(t));
  readAddress();
  const input = $("#q"), { page } = state;
  input.value = state.q;
  setUpControls();
  form.hidden = false;
  on(form, "submit", (e) => e.preventDefault());
  let frame = 0, turn = 0;
  on(input, "input", () => { state.q = input.value; frame ||= requestAnimationFrame(() => { frame = 0; change(); }); });
  on(document, "click", onClick);
  on(document, "keydown", onKey);
  on(window, "resize", () => { turn ||= requestAnimationFrame(() => { turn = 0; for (const b of boards) { b.height = 0; b.show(); } }); });
  const print = (on) => () => boards.forEach((b) => { b.printing = on && b.view.length <= 5000; b.show(); });
  on(window, "beforeprint", print(true));
  on(window, "afterprint", print(false));
  await update();
  const far = boards.find((b) => b.windowed);
  state.page = far ? page : 1;
  writeAddress(address());
  if (far && page > 1) { far.wrap.scrollTop = (page - 1) * PAGE * far.height; far.paint(); }
}
whenRead(start);
}

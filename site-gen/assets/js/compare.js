/* /compare/?m=A&m=B: the scores of two models, document by document. The statistics are those of
   base/stats and evaluator/compare, under the same names; differences are the second less the first. */
{
/* ---- distributions and tests ---- */

const Z95 = 1.959963984540054;
const mean = (x) => x.reduce((s, v) => s + v, 0) / x.length;
/* What Student's density has beyond t, but for a factor: by a sum over x = exp(s - exp(-s)), whose ends die away twice over. */
function beyond(t, df) {
  let sum = 0;
  for (let s = -5; s < 60; s += 1 / 16) {
    const x = Math.exp(s - Math.exp(-s));
    const part = Math.exp(-(df + 1) / 2 * Math.log1p((t + x) ** 2 / df)) * x * (1 + Math.exp(-s));
    sum += part;
    if (s > 0 && part < sum * 1e-17) break;
  }
  return sum;
}
const studentTwoSided = (t, df) => df > 0 ? beyond(Math.abs(t), Math.min(df, 1e8)) / beyond(0, Math.min(df, 1e8)) : NaN;
/* Where f, which falls, goes through zero. */
function crossing(f, low, high) {
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (f(middle) > 0) low = middle; else high = middle;
  }
  return (low + high) / 2;
}
function student975(df) {
  let high = 2;
  while (studentTwoSided(high, df) > 0.05) high *= 2;
  return crossing((t) => studentTwoSided(t, df) - 0.05, 0, high);
}
function mcnemarMid(a, b) {
  const k = Math.min(a, b), n = a + b;
  let p = 0, log = n * Math.log(0.5);
  for (let i = 0; i <= k; i++) {
    p += (i < k ? 2 : 1) * Math.exp(log);
    log += Math.log((n - i) / (i + 1));
  }
  return Math.min(1, p);
}
function pairedShares(a, b, n) { /* Tango's interval */
  const d = (a - b) / n, score = (delta) => {
    const q = (2 * n - a + b) * delta - a - b, r = -b * delta * (1 - delta), distance = a - b - n * delta;
    const share = (Math.sqrt(Math.max(0, q * q - 8 * n * r)) - q) / (4 * n);
    return distance && distance / Math.sqrt(Math.max(0, n * (2 * share + delta * (1 - delta))));
  };
  return [d <= -1 ? -1 : crossing((x) => score(x) - Z95, -1, d), d >= 1 ? 1 : crossing((x) => score(x) + Z95, d, 1)];
}
function pairedMean(x, cluster) { /* x: differences */
  const value = mean(x), sums = new Map();
  x.forEach((v, i) => { const key = cluster ? cluster[i] : i; sums.set(key, (sums.get(key) || 0) + v - value); });
  const units = sums.size, squares = [...sums.values()].reduce((q, s) => q + s * s, 0);
  return { value, se: units > 1 ? Math.sqrt(squares * units / (units - 1)) / x.length : NaN, df: units - 1 };
}
/* A sum of independent differences that weigh the same, degrees of freedom by Satterthwaite. */
function meanOf(parts) {
  const value = mean(parts.map((p) => p.value)), each = parts.map((p) => (p.se / parts.length) ** 2), total = (list) => list.reduce((s, v) => s + v, 0);
  const variance = total(each), spread = total(each.map((v, i) => v * v / parts[i].df)), se = Math.sqrt(variance);
  const df = !variance ? total(parts.map((p) => p.df + 1)) - 1 : spread > 0 ? variance * variance / spread : Infinity;
  const half = df > 0 ? se * student975(df) : NaN;
  return { value, se, df, p: se !== 0 ? studentTwoSided(value / se, df) : value === 0 ? 1 : 2 ** -df, low: value - half, high: value + half };
}
function holm(list) {
  const tested = list.filter((r) => r.p === r.p).sort((a, b) => a.p - b.p);
  let most = 0;
  tested.forEach((r, i) => { r.pHolm = most = Math.min(1, Math.max(most, r.p * (tested.length - i))); });
}
function pearson(a, b) {
  const ma = mean(a), mb = mean(b), dot = (x, mx, y, my) => mean(x.map((v, i) => (v - mx) * (y[i] - my)));
  return dot(a, ma, b, mb) / Math.sqrt(dot(a, ma, a, ma) * dot(b, mb, b, mb));
}

/* ---- scores ---- */

const words = (text) => { const b = bytesOf(text); return Array.from({ length: b.length / 2 }, (_, i) => b[2 * i] | b[2 * i + 1] << 8); };
function unpack(part) {
  const bits = part.bits === undefined ? null : bytesOf(part.bits);
  const x = bits ? Array.from({ length: part.n }, (_, i) => bits[i >> 3] >> (i & 7) & 1) : words(part.levels).map((v) => part.low + part.step * v);
  return { x, binary: bits !== null, cluster: part.clusters === undefined ? null : words(part.clusters) };
}
const flat = (parts) => parts.flatMap((p) => p.x), valueOf = (parts) => mean(parts.map((p) => mean(p.x)));

/* Why two results cannot be paired; "" where they can. */
function mismatch(a, b) {
  if (a.metric.name !== b.metric.name) return "other metrics";
  for (const key in a.same) {
    const x = a.same[key], y = b.same[key];
    if (y !== undefined && x !== y && !(key === "seed" && a.same.shots === 0)) return `other ${key.replace("_", " ")}: ${clip(x, 12)} and ${clip(y, 12)}`;
  }
  if (!a.scores || !b.scores) return "the scores of single documents are not known of both";
  return a.scores.docs !== b.scores.docs || a.scores.parts.length !== b.scores.parts.length ? "other documents" : "";
}
function contrast(a, b) {
  const one = a.scores.parts.map(unpack), two = b.scores.parts.map(unpack);
  if (one.some((p, i) => p.x.length !== two[i].x.length || !p.cluster !== !two[i].cluster)) return { why: "the scores in a record are damaged" };
  const x = flat(one), y = flat(two), n = x.length, total = (fits) => x.filter((v, i) => fits(v, y[i])).length;
  const binary = [...one, ...two].every((p) => p.binary), onlyA = total((v, w) => v > w), onlyB = total((v, w) => v < w), both = total((v, w) => v && w);
  const d = meanOf(one.map((p, k) => pairedMean(two[k].x.map((v, i) => v - p.x[i]), p.cluster)));
  const r = { ...d, a: valueOf(one), b: valueOf(two), n, binary, onlyA, onlyB, both, neither: n - both - onlyA - onlyB, test: "paired t", agreement: binary ? 1 - (onlyA + onlyB) / n : pearson(x, y) };
  if (binary && one.length === 1 && !one[0].cluster) {
    const [low, high] = pairedShares(onlyB, onlyA, n);
    Object.assign(r, { test: "McNemar", p: mcnemarMid(onlyA, onlyB), low, high });
  }
  return r;
}
/* Each task that one of the two has: the first pair of results that fits, else why there is none. */
function pairUp(a, b) {
  const names = [...new Set([...a.tasks, ...b.tasks].map((t) => t.task.name))].sort();
  return names.map((name) => {
    const [ours, theirs] = [a, b].map((m) => m.tasks.filter((t) => t.task.name === name));
    let why = ours.length && theirs.length ? "" : `${ours.length ? "the second" : "the first"} was not measured on it`;
    for (const x of ours) for (const y of theirs) {
      const not = mismatch(x, y);
      if (!not) return { name, x, y, metric: x.metric, ...contrast(x, y) };
      why ||= not;
    }
    return { name, why };
  });
}

/* ---- the page ---- */

const link = (path, ...kids) => el("a", { href: at(path.slice(1)) }, ...kids);
const minus = (v, percent) => number(v, percent).replace("-", "−"), signed = (v, percent) => (v > 0 ? "+" : "") + minus(v, percent);

function whisker(r, widest) {
  const place = (v) => (80 + 78 * v / (widest || 1)).toFixed(1);
  return drawing("strip", 160, 20, "0 0 160 20", line("axis", 80, 80, 0, 20), line("ci", place(r.low), place(r.high), 10), svg("circle", { class: "dot", cx: place(r.value), cy: 10, r: 3 }));
}
const shows = (r) => r.pHolm <= 0.05, better = (r) => r.value > 0 === r.metric.higher, widest = (list) => Math.max(...list.flatMap((r) => [Math.abs(r.low), Math.abs(r.high)]), 0);
function numbers(r, wide) {
  const { percent } = r.metric;
  return [el("td.n", number(r.a, percent)), el("td.n", number(r.b, percent)),
    el("td.n", el("b", signed(r.value, percent)), " ", el("span.ci", `${minus(r.low, percent)} to ${minus(r.high, percent)}`)),
    el("td.strip-cell", whisker(r, percent ? wide : widest([r]))), el("td.n", r.pHolm === undefined ? "–" : r.pHolm < 0.0001 ? "< 0.0001" : r.pHolm.toFixed(4)),
    el("td", !shows(r) ? el("span.muted", "no difference shown") : better(r) ? el("span.better", "second is better") : el("span.worse", "first is better"))];
}
/* Which documents: the maps of both runs, fetched when somebody asks. */
async function parted(r) {
  const files = await Promise.all([r.x, r.y].map((t) => json(at(t.path.slice(1) + "samples/000.json")))), [one, two] = files.map(verdicts);
  if (one.length !== two.length) throw new Error("other documents");
  const to = (t, d, text, who) => set(link(`${t.path}samples/#d=${d}`, text), { "aria-label": `${d}, as the ${who} answered it` });
  return [["The first did better", (x, y) => x > y], ["The second did better", (x, y) => x < y], ["Both wrong", (x, y) => x === 1 && y === 1]].map(([what, fits]) => {
    const docs = [...one.keys()].filter((i) => fits(one[i], two[i])), more = docs.length - 60;
    return el("p", el("b", `${what}: ${count(docs.length)}`), docs.length ? ". " : "",
      docs.slice(0, 60).flatMap((d, i) => [i ? ", " : "", to(r.x, d, d, "first"), " ", to(r.y, d, "2nd", "second")]), more > 0 ? `, and ${count(more)} more` : "");
  });
}
function rowsOf(r, wide) {
  const button = el("button", { type: "button", "aria-label": `Documents of ${r.name}`, "aria-expanded": "false" }, "Documents");
  const cell = el("td.flips", { colspan: 10 }), more = el("tr.more", { hidden: true }, cell);
  on(button, "click", async () => {
    more.hidden = !more.hidden;
    button.setAttribute("aria-expanded", !more.hidden);
    if (cell.firstChild) return;
    if (r.binary) {
      const agree = shaped("agree");
      $$("td", agree).forEach((td, i) => { td.textContent = count([r.both, r.onlyA, r.onlyB, r.neither][i]); });
      cell.append(agree);
    }
    const wait = el("p.muted", "Loading which documents they are.");
    cell.append(wait);
    try { wait.replaceWith(...await parted(r)); }
    catch { wait.textContent = "Which documents they are is not known: samples of one of the runs are not stored here."; }
  });
  return [el("tr", rowHead(link(r.x.task.path, clip(r.name, 60)), el("span.under", `${clip(r.metric.name, 40)}, n = ${count(r.n)}, ${r.test}`)), numbers(r, wide),
    el("td.n", `${count(r.onlyA)} : ${count(r.onlyB)}`), el("td.n", r.binary ? `${(100 * r.agreement).toFixed(1)} %` : `r = ${r.agreement.toFixed(2)}`), el("td", button)), more];
}
function totalRow(list, wide) {
  const r = meanOf(list), total = { ...r, pHolm: r.p, metric: { percent: true, higher: true }, a: mean(list.map((t) => t.a)), b: mean(list.map((t) => t.b)) };
  return el("tr.tier", rowHead(el("b", "Mean"), el("span.under", `${list.length} tasks, paired t`)), numbers(total, Math.max(wide, widest([total]))), el("td"), el("td"), el("td"));
}
function section(a, b) {
  const pairs = pairUp(a, b), done = pairs.filter((r) => !r.why), not = pairs.filter((r) => r.why), told = [];
  holm(done);
  const say = (what, list) => { if (list.length) told.push(`${what} on ${plural(list.length, "task")}`); };
  say("the second is better", done.filter((r) => shows(r) && better(r)));
  say("the first is better", done.filter((r) => shows(r) && !better(r)));
  say("no difference shows", done.filter((r) => !shows(r)));
  const wide = widest(done.filter((r) => r.metric.percent)), whole = done.filter((r) => r.metric.percent && r.metric.higher), table = shaped("contrast");
  table.append(el("tbody", done.flatMap((r) => rowsOf(r, wide)), whole.length > 1 && totalRow(whole, wide)));
  const [one, two] = [a, b].map(({ model: m }) => ({ head: link(m.path, clip(m.short, 80)), name: el("bdi", clip(m.name, 120)) }));
  return el("section", el("h2", one.head, " and ", two.head), el("p.sub", "First: ", one.name, ". Second: ", two.name, "."),
    done.length ? [el("p", `Compared on ${plural(done.length, "task")}: ${told.join(", ")}.`), region(`${plain(a.model.short, 80)} and ${plain(b.model.short, 80)}`, table)]
      : el("p.empty", "No result of the two can be paired."),
    not.length ? el("details.others", el("summary", `${count(not.length)} not paired`), el("ul", not.map((r) => el("li", r.name, ": ", r.why)))) : "");
}

function start(form) {
  const fields = $$("input", form), said = $("[data-compare-said]"), out = $("[data-compared]"), NAME = /^\w[\w.-]*\/\w[\w.-]*$/;
  form.hidden = false;
  let known = null;
  const suggest = () => { known ??= json(at("api/v1/compare.json")).then(({ models }) => $("datalist", form).append(...models.slice(0, 2000).map((value) => el("option", { value }))), () => {}); };
  async function run(names) {
    out.replaceChildren();
    said.textContent = names.length > 1 ? "Loading" : "Choose two models.";
    if (names.length < 2) return;
    try {
      const [first, ...others] = await Promise.all(names.map((m) => json(at(`api/v1/m/${m}/scores.json`))));
      out.replaceChildren(...others.map((b) => section(first, b)));
      said.textContent = "";
    } catch { said.textContent = "One of them has no results here."; }
  }
  const names = asked.getAll("m").filter((m) => NAME.test(m)).slice(0, 6);
  fields.forEach((input, i) => { input.value = names[i] || ""; on(input, "focus", suggest); });
  run(names);
  on(form, "submit", (e) => {
    e.preventDefault();
    const names = fields.map((input) => input.value.trim()).filter(Boolean);
    if (!names.every((m) => NAME.test(m))) { said.textContent = "A model is named as in the list below: org/name."; return; }
    writeAddress(new URLSearchParams(names.map((m) => ["m", m])));
    run(names);
  });
}
whenRead(() => $$("form[data-compare]").forEach(start));
}

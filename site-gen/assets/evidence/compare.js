/* /compare/?m=A&m=B: the scores of two models, document by document. The statistics are those of
   base/stats and evaluator/compare, under the same names; differences are the second less the first. */
(() => {
  "use strict";
  const { el, svg, json, verdicts, count, clip } = assay;

  /* ---- distributions ---- */

  function logGamma(x) {
    let less = 0;
    while (x < 10) less += Math.log(x++);
    const q = 1 / (x * x);
    return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 - less + (1 / 12 - q * (1 / 360 - q * (1 / 1260 - q * (1 / 1680 - q / 1188)))) / x;
  }
  const logBeta = (a, b) => logGamma(a) + logGamma(b) - logGamma(a + b);
  const logOf = (x, y) => x < y ? Math.log(x) : Math.log1p(-y);
  const away = (x) => Math.abs(x) < 1e-300 ? 1e-300 : x;
  function fraction(x, a, b) {
    let c = 1, d = 1 / away(1 - (a + b) * x / (a + 1)), h = d;
    for (let m = 1; m < 100000; m++) {
      const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
      d = 1 / away(1 + even * d);
      c = away(1 + even / c);
      h *= d * c;
      const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 / away(1 + odd * d);
      c = away(1 + odd / c);
      h *= d * c;
      if (Math.abs(d * c - 1) < 1e-15) break;
    }
    return h;
  }
  function betaShare(x, y, a, b) {
    if (x <= 0 || y <= 0) return Number(x > 0);
    const front = Math.exp(a * logOf(x, y) + b * logOf(y, x) - logBeta(a, b));
    return x < (a + 1) / (a + b + 2) ? front * fraction(x, a, b) / a : 1 - front * fraction(y, b, a) / b;
  }
  function studentTwoSided(t, df) {
    if (!(df > 0) || Number.isNaN(t)) return NaN;
    df = Math.min(df, 1e8);
    const square = t * t;
    return square === Infinity ? 0 : betaShare(df / (df + square), square / (df + square), df / 2, 0.5);
  }
  /* Where f goes through zero, once, between low and high. */
  function crossing(f, low, high) {
    const falls = f(low) > f(high);
    for (let i = 0; i < 200; i++) {
      const middle = low + (high - low) / 2;
      if (middle <= low || middle >= high) break;
      if (f(middle) > 0 === falls) low = middle; else high = middle;
    }
    return low + (high - low) / 2;
  }
  function student975(df) {
    let high = 1;
    while (studentTwoSided(high, df) > 0.05) high *= 2;
    return crossing((t) => studentTwoSided(t, df) - 0.05, 0, high);
  }

  /* ---- tests ---- */

  const Z95 = 1.959963984540054;
  function mcnemarMid(a, b) {
    const k = Math.min(a, b), n = a + b;
    const most = k >= n ? 1 : betaShare(0.5, 0.5, n - k, k + 1);
    const at = Math.exp(-Math.log1p(n) - logBeta(k + 1, n - k + 1) + n * Math.log(0.5));
    return Math.min(1, 2 * most - at);
  }
  function pairedShares(a, b, n) { /* Tango's interval */
    const score = (delta) => {
      const p = 2 * n, q = (2 * n - a + b) * delta - a - b, r = -b * delta * (1 - delta);
      const share = (Math.sqrt(Math.max(0, q * q - 4 * p * r)) - q) / (2 * p);
      const distance = a - b - n * delta;
      return distance === 0 ? 0 : distance / Math.sqrt(Math.max(0, n * (2 * share + delta * (1 - delta))));
    };
    const d = (a - b) / n;
    return [d <= -1 ? -1 : crossing((x) => score(x) - Z95, -1, d), d >= 1 ? 1 : crossing((x) => score(x) + Z95, d, 1)];
  }
  const differenceP = (value, se, df) => se === 0 ? (value === 0 ? 1 : 2 ** -df) : studentTwoSided(value / se, df);
  function pairedMean(x, cluster) { /* x: differences */
    const mean = x.reduce((s, v) => s + v, 0) / x.length, sums = new Map();
    x.forEach((v, i) => { const key = cluster ? cluster[i] : i; sums.set(key, (sums.get(key) || 0) + v - mean); });
    const units = sums.size;
    let squares = 0;
    for (const s of sums.values()) squares += s * s;
    return { value: mean, se: units > 1 ? Math.sqrt(squares * units / (units - 1)) / x.length : NaN, df: units - 1 };
  }
  /* A weighted sum of independent differences, degrees of freedom by Satterthwaite. */
  function sumUp(parts) {
    let value = 0, variance = 0, spread = 0, units = 0;
    for (const p of parts) {
      const v = (p.weight * p.se) ** 2;
      value += p.weight * p.value;
      variance += v;
      spread += v * v / p.df;
      units += p.df + 1;
    }
    const df = variance === 0 ? units - 1 : spread > 0 ? variance * variance / spread : Infinity, se = Math.sqrt(variance);
    const half = df > 0 ? se * student975(df) : NaN;
    return { value, se, df, p: differenceP(value, se, df), low: value - half, high: value + half };
  }
  function holm(list) {
    const tested = list.filter((r) => !Number.isNaN(r.p)).sort((a, b) => a.p - b.p);
    let most = 0;
    tested.forEach((r, i) => { most = Math.min(1, Math.max(most, r.p * (tested.length - i))); r.pHolm = most; });
  }
  function pearson(a, b) {
    const n = a.length, ma = a.reduce((s, v) => s + v, 0) / n, mb = b.reduce((s, v) => s + v, 0) / n;
    let ab = 0, aa = 0, bb = 0;
    for (let i = 0; i < n; i++) { ab += (a[i] - ma) * (b[i] - mb); aa += (a[i] - ma) ** 2; bb += (b[i] - mb) ** 2; }
    return ab / Math.sqrt(aa * bb);
  }

  /* ---- scores ---- */

  const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const words = (text) => { const b = bytesOf(text); return Array.from({ length: b.length / 2 }, (_, i) => b[2 * i] | b[2 * i + 1] << 8); };
  function unpack(part) {
    const bits = part.bits === undefined ? null : bytesOf(part.bits);
    const x = bits ? Array.from({ length: part.n }, (_, i) => bits[i >> 3] >> (i & 7) & 1) : words(part.levels).map((v) => part.low + part.step * v);
    return { x, binary: bits !== null, cluster: part.clusters === undefined ? null : words(part.clusters) };
  }
  const mean = (x) => x.reduce((s, v) => s + v, 0) / x.length;
  const valueOf = (parts) => mean(parts.map((p) => mean(p.x)));
  /* Scores that do not come to the figure that is published are not believed. */
  function believed(result, parts) {
    const all = parts.flatMap((p) => p.x), spread = all.reduce((m, v) => Math.max(m, v), -Infinity) - all.reduce((m, v) => Math.min(m, v), Infinity);
    const slack = spread / 4095 + (parts.every((p) => p.binary) ? 0 : (result.figure.se || 0) / 5) + 1e-6 * Math.max(1, Math.abs(result.figure.value));
    return Math.abs(valueOf(parts) - result.figure.value) <= slack;
  }

  /* Why two results cannot be paired; "" where they can. */
  const MUST = [["task_sha256", "other versions of the task"], ["task_version", "other versions of the task"], ["data_sha256", "other data"],
    ["profile", "other profiles"], ["template", "other templates"], ["shots", "other numbers of examples (shots)"], ["seed", "other draws of examples (seed)"]];
  function mismatch(a, b) {
    if (a.metric.name !== b.metric.name) return "other metrics";
    for (const [key, what] of MUST) {
      const x = a.same[key], y = b.same[key];
      if (x !== undefined && y !== undefined && x !== y && !(key === "seed" && a.same.shots === 0)) return `${what}: ${clip(x, 12)} and ${clip(y, 12)}`;
    }
    if (!a.scores || !b.scores) return "the scores of single documents are not known of both";
    if (a.scores.docs !== b.scores.docs || a.scores.parts.length !== b.scores.parts.length) return "other documents";
    return "";
  }
  function contrast(a, b) {
    const one = a.scores.parts.map(unpack), two = b.scores.parts.map(unpack);
    if (one.some((p, i) => p.x.length !== two[i].x.length || !p.cluster !== !two[i].cluster)) return { why: "the scores in a record are damaged" };
    if (!believed(a, one) || !believed(b, two)) return { why: "the scores of single documents do not come to the published figure" };
    const x = one.flatMap((p) => p.x), y = two.flatMap((p) => p.x), n = x.length;
    const binary = [...one, ...two].every((p) => p.binary), onlyA = x.filter((v, i) => v > y[i]).length, onlyB = x.filter((v, i) => v < y[i]).length;
    const both = binary ? x.filter((v, i) => v && y[i]).length : 0;
    const d = sumUp(one.map((p, k) => ({ weight: 1 / one.length, ...pairedMean(two[k].x.map((v, i) => v - p.x[i]), p.cluster) })));
    const r = { ...d, a: valueOf(one), b: valueOf(two), n, binary, onlyA, onlyB, both, neither: n - both - onlyA - onlyB, test: "paired t" };
    r.agreement = binary ? (r.both + r.neither) / n : pearson(x, y);
    if (binary && one.length === 1 && !one[0].cluster) {
      r.test = "McNemar";
      r.p = mcnemarMid(onlyA, onlyB);
      [r.low, r.high] = pairedShares(onlyB, onlyA, n);
    }
    return r;
  }
  /* Each task that one of the two has: the first pair of results that fits, else why there is none. */
  function pairUp(a, b) {
    const names = [...new Set([...a.tasks, ...b.tasks].map((t) => t.task.name))].sort();
    return names.map((name) => {
      const ours = a.tasks.filter((t) => t.task.name === name), theirs = b.tasks.filter((t) => t.task.name === name);
      let why = ours.length && theirs.length ? "" : `${ours.length ? "the second" : "the first"} was not measured on it`;
      for (const x of ours) for (const y of theirs) {
        const not = mismatch(x, y);
        if (!not) return { name, x, y, ...contrast(x, y) };
        why ||= not;
      }
      return { name, x: ours[0], y: theirs[0], why };
    });
  }

  /* ---- the page ---- */

  const up = (path) => ".." + path; /* from /compare/ to a path of the site */
  const link = (path, text) => { const e = el("a", "", text); e.href = up(path); return e; };
  const shown = (v, m) => (m.percent ? 100 * v : v).toFixed(m.percent ? 1 : 2).replace(/^-(0[.0]*)$/, "$1");
  const signed = (v, m) => (v > 0 ? "+" : "") + shown(v, m).replace("-", "−");
  const pText = (p) => Number.isNaN(p) ? "–" : p < 0.0001 ? "< 0.0001" : p.toFixed(4);
  const PERCENT = { percent: true, higher: true };
  const th = (text, cls) => { const e = el("th", cls, text); e.scope = "col"; return e; };

  function whisker(r, widest) {
    const at = (v) => (80 + 78 * v / (widest || 1)).toFixed(1);
    const line = (cls, x1, x2, y1, y2) => svg("line", { class: cls, x1, x2, y1, y2 });
    return svg("svg", { class: "strip", width: 160, height: 20, viewBox: "0 0 160 20", "aria-hidden": "true", focusable: "false" },
      line("axis", 80, 80, 0, 20), line("ci", at(r.low), at(r.high), 10, 10), svg("circle", { class: "dot", cx: at(r.value), cy: 10, r: 3 }));
  }
  function verdict(r) {
    if (!(r.pHolm <= 0.05)) return el("span", "muted", "no difference shown");
    const better = r.value > 0 === r.higher;
    return el("span", better ? "better" : "worse", better ? "second is better" : "first is better");
  }
  function numbers(r, m, widest) {
    const interval = `95 % interval ${signed(r.low, m)} to ${signed(r.high, m)}`;
    const d = el("td", "n", el("b", "", signed(r.value, m)), " ", el("span", "ci", `${shown(r.low, m).replace("-", "−")} to ${shown(r.high, m).replace("-", "−")}`));
    d.title = interval;
    return [el("td", "n", shown(r.a, m)), el("td", "n", shown(r.b, m)), d, el("td", "strip-cell", whisker(r, widest)), el("td", "n", pText(r.pHolm)), el("td", "", verdict(r))];
  }
  /* Which documents: the maps of both runs, fetched when somebody asks. */
  async function parted(r) {
    const load = (t) => json(up(t.path) + "samples/000.json");
    const [first, second] = await Promise.all([load(r.x), load(r.y)]);
    if (first.n !== second.n) return [el("p", "", "The samples of the two runs are not of the same documents.")];
    const one = verdicts(first), two = verdicts(second);
    const list = (what, fits) => {
      const docs = one.map((_, i) => i).filter((i) => fits(one[i], two[i])), p = el("p", "", el("b", "", `${what}: ${count(docs.length)}`), docs.length ? ". " : "");
      docs.slice(0, 60).forEach((d, i) => { const e = link(`${r.x.path}samples/#d=${d}`, `${d}`), f = link(`${r.y.path}samples/#d=${d}`, "2nd"); e.setAttribute("aria-label", `${d}, as the first answered it`); f.setAttribute("aria-label", `${d}, as the second answered it`); p.append(i ? ", " : "", e, " ", f); });
      if (docs.length > 60) p.append(`, and ${count(docs.length - 60)} more`);
      return p;
    };
    return [list("The first did better", (x, y) => x > y), list("The second did better", (x, y) => x < y), list("Both wrong", (x, y) => x === 1 && y === 1)];
  }
  function matrix(r) {
    const cells = (head, ...v) => el("tr", "", Object.assign(el("th", "", head), { scope: "row" }), v.map((x) => el("td", "n", count(x))));
    return el("table", "agree", el("thead", "", el("tr", "", th("Documents"), th("second right", "n"), th("second wrong", "n"))),
      el("tbody", "", cells("first right", r.both, r.onlyA), cells("first wrong", r.onlyB, r.neither)));
  }
  function rowsOf(r, widest) {
    const m = r.x.metric, head = el("th", "", link(r.x.task.path, clip(r.name, 60)), el("span", "under", `${clip(m.name, 40)}, n = ${count(r.n)}, ${r.test}`));
    head.scope = "row";
    const button = el("button", "", "Documents"), more = el("tr", "more"), cell = el("td", "flips");
    button.type = "button";
    button.setAttribute("aria-label", `Documents of ${r.name}`);
    button.setAttribute("aria-expanded", "false");
    cell.colSpan = 10;
    more.append(cell);
    more.hidden = true;
    let asked = false;
    button.addEventListener("click", async () => {
      more.hidden = !more.hidden;
      button.setAttribute("aria-expanded", String(!more.hidden));
      if (asked) return;
      asked = true;
      if (r.binary) cell.append(matrix(r));
      const wait = el("p", "muted", "Loading which documents they are.");
      cell.append(wait);
      try { wait.replaceWith(...(r.x.samples && r.y.samples ? await parted(r) : [el("p", "muted", "Of one of the two runs no samples are stored.")])); }
      catch { wait.textContent = "Which documents they are is not known: the samples of one run were archived or dropped."; }
    });
    return [el("tr", "", head, numbers(r, m, widest), el("td", "n", `${count(r.onlyA)} : ${count(r.onlyB)}`), el("td", "n", r.binary ? `${(100 * r.agreement).toFixed(1)} %` : `r = ${r.agreement.toFixed(2)}`), el("td", "", button)), more];
  }
  function meanOf(results) {
    const list = results.filter((r) => r.x.metric.percent && r.x.metric.higher);
    if (list.length < 2) return null;
    const k = list.length, r = sumUp(list.map((t) => ({ weight: 1 / k, value: t.value, se: t.se, df: t.df })));
    return { ...r, pHolm: r.p, higher: true, k, a: mean(list.map((t) => t.a)), b: mean(list.map((t) => t.b)) };
  }
  function section(a, b) {
    const all = pairUp(a, b), done = all.filter((r) => !r.why), not = all.filter((r) => r.why);
    for (const r of done) r.higher = r.x.metric.higher;
    holm(done);
    const out = el("section", "", el("h2", "", link(a.model.path, clip(a.model.short, 80)), " and ", link(b.model.path, clip(b.model.short, 80))), el("p", "sub", "First: ", el("bdi", "", clip(a.model.name, 120)), ". Second: ", el("bdi", "", clip(b.model.name, 120)), "."));
    if (!done.length) out.append(el("p", "empty", "No result of the two can be paired."));
    else {
      const won = (sign) => done.filter((r) => r.pHolm <= 0.05 && (r.value > 0 === r.higher) === sign).length;
      const tasks = (n) => `${count(n)} ${n === 1 ? "task" : "tasks"}`, told = [];
      if (won(true)) told.push(`the second is better on ${tasks(won(true))}`);
      if (won(false)) told.push(`the first is better on ${tasks(won(false))}`);
      const same = done.length - won(true) - won(false);
      if (same) told.push(`no difference shows on ${tasks(same)}`);
      out.append(el("p", "", `Compared on ${tasks(done.length)}: ${told.join(", ")}.`));
      const widest = Math.max(...done.filter((r) => r.x.metric.percent).map((r) => Math.max(Math.abs(r.low), Math.abs(r.high))), 0);
      const scale = (r) => r.x.metric.percent ? widest : Math.max(Math.abs(r.low), Math.abs(r.high));
      const body = el("tbody", "", done.flatMap((r) => rowsOf(r, scale(r)))), total = meanOf(done);
      if (total) {
        const head = el("th", "", el("b", "", "Mean"), el("span", "under", `${total.k} tasks, paired t`));
        head.scope = "row";
        body.append(el("tr", "tier", head, numbers(total, PERCENT, Math.max(widest, Math.abs(total.low), Math.abs(total.high))), el("td"), el("td"), el("td")));
      }
      const wrap = el("div", "wrap", el("table", "scores contrast", el("thead", "", el("tr", "", th("Task"), th("First", "n"), th("Second", "n"), th("Second − first", "n"), th("95 % interval"), th("p (Holm)", "n"), th("Verdict"), Object.assign(th("Flips", "n"), { title: "Documents on which the first did better : the second did better" }), th("Agreement", "n"), th("Which"))), body));
      wrap.tabIndex = 0;
      wrap.setAttribute("role", "region");
      wrap.setAttribute("aria-label", `${clip(a.model.short, 80)} and ${clip(b.model.short, 80)}`);
      out.append(wrap);
    }
    if (not.length) out.append(el("details", "others", el("summary", "", `${count(not.length)} not paired`), el("ul", "", not.map((r) => el("li", "", r.name, ": ", r.why)))));
    return out;
  }

  function start(form) {
    const [first, second] = form.querySelectorAll("input"), said = form.querySelector("[data-compare-said]"), out = document.querySelector("[data-compared]");
    const NAME = /^[\w][\w.-]*\/[\w][\w.-]*$/;
    form.hidden = false;
    let known = null;
    async function suggest() {
      known ??= (await json("../api/v1/compare.json")).models;
      form.querySelector("datalist").replaceChildren(...known.slice(0, 2000).map((m) => Object.assign(document.createElement("option"), { value: m })));
    }
    for (const input of [first, second]) input.addEventListener("focus", () => suggest().catch(() => {}), { once: true });
    async function run(names) {
      out.replaceChildren();
      if (names.length < 2) { said.textContent = names.length ? "Choose a second model." : "Choose two models."; return; }
      said.textContent = "Loading";
      try {
        const sides = await Promise.all(names.map((m) => json(`../api/v1/m/${m}/scores.json`)));
        out.replaceChildren(...sides.slice(1).map((b) => section(sides[0], b)));
        said.textContent = "";
      } catch { said.textContent = "One of them has no results here."; }
    }
    const asked = new URLSearchParams(location.search).getAll("m").filter((m) => NAME.test(m)).slice(0, 6);
    [first.value, second.value] = [asked[0] || "", asked[1] || ""];
    run(asked);
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      const names = [first.value.trim(), second.value.trim()].filter(Boolean);
      if (!names.every((m) => NAME.test(m))) { said.textContent = "A model is named as in the list below: org/name."; return; }
      const state = new URLSearchParams(names.map((m) => ["m", m]));
      history.replaceState(null, "", location.pathname + "?" + state.toString().replace(/%2F/g, "/"));
      run(names);
    });
  }
  document.addEventListener("DOMContentLoaded", () => { const form = document.querySelector("[data-compare]"); if (form) start(form); });
})();

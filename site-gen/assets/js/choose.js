/* Helps to choose: of the rows that keep within what is asked for, those that no other beats at once, and why each is among them. */
(() => {
  "use strict";
  const { $, $$, h, plain, number, count, params, bytes, decode, floats, root, tail } = board, { json } = assay;
  const SIZES = [["", "any size"], ["5e8", "≤ 0.5B"], ["1e9", "≤ 1B"], ["3e9", "≤ 3B"], ["8e9", "≤ 8B"]];
  const MEMORY = [["", "any"], ["4e9", "4 GB"], ["8e9", "8 GB"], ["16e9", "16 GB"], ["24e9", "24 GB"], ["80e9", "80 GB"]];
  const SPEED = [["", "any"], ["128", "≥ 1"], ["1280", "≥ 10"], ["12800", "≥ 100"], ["128000", "≥ 1 000"]];

  /* A row beats another if it is nowhere worse and somewhere better. What isn't known beats nothing and is beaten by all. */
  const SIDES = [{ key: "score", up: true }, { key: "size" }, { key: "speed", up: true }];
  const level = (row, side) => { const v = row[side.key]; return v === v ? (side.up ? v : -v) : -Infinity; };
  const beats = (a, b) => SIDES.every((s) => level(a, s) >= level(b, s)) && SIDES.some((s) => level(a, s) > level(b, s));
  /* By score, then size, then speed: a row is beaten by one before it or by none. */
  const front = (rows) => rows.sort((a, b) => SIDES.reduce((d, s) => d || level(b, s) - level(a, s) || 0, 0))
    .reduce((kept, r) => (kept.some((o) => beats(o, r)) || kept.push(r), kept), []);

  function reasons(row, set) {
    const out = [], best = set[0];
    if (row === best) out.push("The highest score of what fits.");
    else out.push(`${best.score - row.score < 5e-4 ? "Less than 0.1" : number(best.score - row.score, true)} below the best${row.high >= best.low ? ", and their intervals overlap" : ""}.`);
    if (set.every((o) => o === row || o.size !== o.size || o.size > row.size)) out.push("The smallest.");
    else if (row !== best && row.size < best.size) out.push(`${Math.round(100 * row.size / best.size)} % of its size.`);
    if (set.length > 1 && set.every((o) => o === row || !(o.speed >= row.speed)) && row.speed === row.speed) out.push("The fastest.");
    else if (row !== best && row.speed > best.speed) out.push(`${(row.speed / best.speed).toFixed(1)} times as fast as it.`);
    return out;
  }

  function setUp(place, doc, link) {
    const state = new URLSearchParams(location.search), field = {}, kinds = {};
    const scores = doc.columns.filter((c) => c.metric.percent && c.metric.higher);
    for (const c of scores) if (c.in_mean) (kinds[c.task_kind] ||= []).push(c);
    /* What models can be best at: the means, several tasks of one kind, a task. */
    const aims = scores.map((c) => [c.key, plain(c.title, 60), [c]]);
    const several = Object.entries(kinds).filter(([, list]) => list.length > 1 && list.length < scores.length - 1);
    aims.splice(scores.filter((c) => c.kind !== "task").length, 0, ...several.map(([kind, list]) => ["kind-" + kind, `${plain(kind, 40)}, ${list.length} tasks`, list]));
    const select = (id, label, options) => {
      field[id] = h("select", null, ...options.map(([v, t]) => h("option", { value: v, selected: state.get(id) === v }, t)));
      return h("label", null, label, field[id]);
    };
    const form = h("form", { class: "choose-form" },
      select("by", "Best at", aims),
      select("size", "Size", SIZES), select("mem", "Fits in memory", MEMORY), select("lic", "Licence", [["", "any"], ["permissive", "permissive: Apache, MIT, …"]]),
      select("speed", "Texts of 128 tokens a second", SPEED));
    const result = h("div", { "aria-live": "polite" });
    place.append(form, result);
    place.hidden = false;
    $("[data-plain]", place.parentElement).hidden = true;
    const org = decode(doc.org), lic = decode(doc.lic), marks = decode(doc.mark);
    const size = floats(doc.params), mem = floats(doc.memory_bytes), speed = floats(doc.tokens_per_s), files = {};
    const within = (v, limit) => !limit || v <= Number(limit);

    async function load(c) {
      c.data ||= (await (files[c.file] ??= json(new URL(doc.files[c.file], link)))).data[c.at];
      return c.data;
    }
    /* The mean of the columns, whose errors are independent. */
    function scored(i, parts) {
      if (parts.some((d) => d.v[i] === null)) return { score: NaN };
      const sum = (f) => parts.reduce((n, d) => n + f(d), 0), far = (list) => Math.sqrt(sum((d) => (list(d)[i] ?? NaN) ** 2)) / parts.length / 1e4;
      const score = sum((d) => d.v[i]) / parts.length / 1e4;
      return { score, low: score - far((d) => d.l), high: score + far((d) => d.h || d.l) };
    }

    async function show() {
      const [, title, columns] = aims.find((a) => a[0] === field.by.value) || aims[0], parts = await Promise.all(columns.map(load));
      const all = [...Array(doc.n).keys()].map((i) => ({ i, size: size[i], speed: speed[i], ...scored(i, parts) })).filter((r) => r.score === r.score);
      const fits = all.filter(({ i }) => within(size[i], field.size.value) && within(mem[i], field.mem.value) && (!field.speed.value || speed[i] >= Number(field.speed.value)) &&
        (!field.lic.value || (doc.lic.of[i] !== null && doc.permissive[doc.lic.of[i]])));
      const set = front(fits);
      const head = ["Model", title, "Why", "Size", "Memory", "Tokens/s", "Licence"];
      const row = (r) => {
        const { i } = r, path = `${root()}m/${doc.key[i].split("@")[0]}/${tail()}`, known = r.low === r.low;
        return h("tr", null, h("th", { scope: "row" }, h("a", { href: path }, h("bdi", null, org[i] ? h("span", { class: "org" }, plain(org[i], 60) + "/") : "", h("span", { class: "name" }, plain(doc.short[i])))), marks[i] ? h("span", { class: "mark" }, marks[i]) : ""),
          h("td", { class: "n" }, h("b", null, number(r.score, true)), " ", h("span", { class: "ci" }, known ? "±" + number((r.high - r.low) / 2, true) : "")),
          h("td", { class: "text" }, reasons(r, set).join(" ")),
          h("td", { class: "n" }, params(r.size)), h("td", { class: "n" }, mem[i] === mem[i] ? bytes(mem[i]) : "unknown"), h("td", { class: "n" }, r.speed === r.speed ? count(r.speed) : "unknown"), h("td", { class: "muted" }, h("bdi", null, plain(lic[i] || "not stated", 40))));
      };
      const said = `${count(set.length)} of the ${count(fits.length)} that fit (${count(all.length)} have a score): no other is as good, as small and as fast at once.`;
      result.replaceChildren(...(set.length ? [h("p", { class: "sub" }, said), h("div", { class: "wrap", tabindex: 0, role: "region", "aria-label": "Models to choose from" },
        h("table", null, h("thead", null, h("tr", null, ...head.map((t, k) => h("th", { scope: "col", class: [1, 3, 4, 5].includes(k) ? "n" : null }, t)))), h("tbody", null, ...set.map(row))))]
        : [h("p", { class: "empty" }, "No model that was measured fits all of this. Sizes, memory and speed that are unknown do not fit a limit.")]));
    }
    form.addEventListener("submit", (e) => e.preventDefault());
    form.addEventListener("change", () => {
      for (const id in field) if (field[id].value && !(id === "by" && field.by.selectedIndex === 0)) state.set(id, field[id].value); else state.delete(id);
      state.sort();
      history.replaceState(null, "", location.pathname + (state.size ? "?" + state : ""));
      show();
    });
    show();
  }

  document.addEventListener("DOMContentLoaded", async () => {
    for (const place of $$("[data-choose]")) {
      const link = $("[data-columns]", place.closest("section")).href;
      try { setUp(place, await json(link), link); } catch { /* the plain table stays */ }
    }
  });
})();

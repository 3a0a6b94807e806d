/* Helps to choose: of the rows that keep within what is asked for, those that no other beats at once, and why each is among them. */
(() => {
  "use strict";
  const { $, $$, h, plain, number, count, params, bytes, decode, floats, fetchJson, root, tail } = board;
  const SIZES = [["", "any size"], ["5e8", "≤ 0.5B"], ["1e9", "≤ 1B"], ["3e9", "≤ 3B"], ["8e9", "≤ 8B"]];
  const MEMORY = [["", "any"], ["4e9", "4 GB"], ["8e9", "8 GB"], ["16e9", "16 GB"], ["24e9", "24 GB"], ["80e9", "80 GB"]];
  const SPEED = [["", "any"], ["128", "≥ 1"], ["1280", "≥ 10"], ["12800", "≥ 100"], ["128000", "≥ 1 000"]];

  /* A row beats another if it is nowhere worse and somewhere better. What isn't known beats nothing and is beaten by all. */
  const SIDES = [{ key: "score", up: true }, { key: "size" }, { key: "speed", up: true }];
  const level = (row, side) => { const v = row[side.key]; return v === v ? (side.up ? v : -v) : -Infinity; };
  const beats = (a, b) => SIDES.every((s) => level(a, s) >= level(b, s)) && SIDES.some((s) => level(a, s) > level(b, s));
  const front = (rows) => rows.filter((r) => !rows.some((o) => beats(o, r)));

  function reasons(row, set, percent) {
    const out = [], best = set[0];
    if (row === best) out.push("The highest score of what fits.");
    else out.push(`${number(best.score - row.score, percent)} below the best${row.high >= best.low ? ", and their intervals overlap" : ""}.`);
    if (set.every((o) => o === row || o.size !== o.size || o.size > row.size)) out.push("The smallest.");
    else if (row !== best && row.size < best.size) out.push(`${Math.round(100 * row.size / best.size)} % of its size.`);
    if (set.length > 1 && set.every((o) => o === row || !(o.speed >= row.speed)) && row.speed === row.speed) out.push("The fastest.");
    else if (row !== best && row.speed > best.speed) out.push(`${(row.speed / best.speed).toFixed(1)} times as fast as it.`);
    return out;
  }

  function setUp(place, doc, link) {
    const tasks = doc.columns, state = new URLSearchParams(location.search), field = {};
    const select = (id, label, options) => {
      field[id] = h("select", null, ...options.map(([v, t]) => h("option", { value: v, selected: state.get(id) === v }, t)));
      return h("label", null, label, field[id]);
    };
    const form = h("form", { class: "choose-form" },
      select("by", "Best at", tasks.filter((c) => c.metric.percent && c.metric.higher).map((c) => [c.key, plain(c.title, 60)])),
      select("size", "Size", SIZES), select("mem", "Fits in memory", MEMORY), select("lic", "Licence", [["", "any"], ["permissive", "permissive (Apache, MIT and the like)"]]),
      select("speed", "Texts of 128 tokens a second", SPEED));
    const result = h("div", { "aria-live": "polite" });
    place.append(form, result);
    place.hidden = false;
    $("[data-plain]", place.parentElement).hidden = true;
    const org = decode(doc.org), lic = decode(doc.lic), marks = decode(doc.mark);
    const size = floats(doc.params), mem = floats(doc.memory_bytes), speed = floats(doc.tokens_per_s), files = {};
    const within = (v, limit) => !limit || v <= Number(limit);

    async function show() {
      const column = tasks.find((c) => c.key === field.by.value) || tasks[0];
      if (!column.data) {
        const file = await (files[column.file] ??= fetchJson(new URL(doc.files[column.file], link)));
        column.data = file.data[column.at];
      }
      const { v, l, h: far = l } = column.data, at = (x) => x === null ? NaN : x / 1e4;
      const all = [...Array(doc.n).keys()].map((i) => ({ i, score: at(v[i]), low: at(v[i]) - at(l[i]), high: at(v[i]) + at(far[i]), size: size[i], speed: speed[i] })).filter((r) => r.score === r.score);
      const fits = all.filter(({ i }) => within(size[i], field.size.value) && within(mem[i], field.mem.value) && (!field.speed.value || speed[i] >= Number(field.speed.value)) &&
        (!field.lic.value || (doc.lic.of[i] !== null && doc.permissive[doc.lic.of[i]])));
      const set = front(fits).sort((a, b) => b.score - a.score);
      const head = ["Model", plain(column.title, 40), "Why", "Size", "Memory", "Tokens/s", "Licence"];
      const row = (r) => {
        const { i } = r, path = `${root()}m/${doc.key[i].split("@")[0]}/${tail()}`, known = r.low === r.low;
        return h("tr", null, h("th", { scope: "row" }, h("a", { href: path }, h("bdi", null, org[i] ? h("span", { class: "org" }, plain(org[i], 60) + "/") : "", h("span", { class: "name" }, plain(doc.short[i])))), marks[i] ? h("span", { class: "mark" }, marks[i]) : ""),
          h("td", { class: "n" }, h("b", null, number(r.score, true)), " ", h("span", { class: "ci" }, known ? "±" + number((r.high - r.low) / 2, true) : "")),
          h("td", { class: "text" }, reasons(r, set, true).join(" ")),
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
      try { setUp(place, await fetchJson(link), link); } catch { /* the plain table stays */ }
    }
  });
})();

/* The samples of a run: all of them, from files that are fetched when they are needed. The page as it
   comes has the first ones, and needs this for nothing but the rest. The address holds which document
   (#d=12) and which kind (?only=wrong). A card is written as templates/sample.html writes it. */
(() => {
  "use strict";
  const PAGE = 20, WORDS = ["", "wrong", "part", "right"], SAID = { right: "right", wrong: "wrong", part: "right in part" };
  const { el, svg, json, clip, verdicts, count } = assay;

  function said(t) {
    const tail = t.what.startsWith("Prompt"), text = t.text + (t.cut ? " … (cut here)" : "");
    const short = tail ? "…" + [...text].slice(-360).join("") : clip(text, 360);
    return el("div", "said", el("span", "what", t.what), text.length > 700
      ? el("details", "", el("summary", "", short), el("p", "text", text))
      : el("p", "text", text));
  }
  const shown = (v) => Number.isInteger(v) ? String(v) : v.toFixed(Math.abs(v) >= 10 ? 2 : 4);
  function option(o) {
    const li = el("li", o.gold ? "gold" : "other");
    if (o.bar !== undefined) li.append(svg("svg", { class: "lp", width: 80, height: 10, viewBox: "0 0 80 10", "aria-hidden": "true", focusable: "false" },
      svg("rect", { width: (2 + 78 * o.bar).toFixed(1), height: 10 })));
    if (o.value !== undefined) li.append(el("span", "num", shown(o.value) + (o.share === undefined ? "" : ` · ${(100 * o.share).toFixed(1)} %`)));
    li.append(el("span", "text", o.text));
    for (const [is, cls, word] of [[o.gold, "tag ok", "right"], [o.picked, "tag", "chosen"], [o.note, "tag", o.note]]) if (is) li.append(" ", el("span", cls, word));
    return li;
  }
  function card(s) {
    const link = el("a", "num", `Document ${s.d}`);
    link.href = `#d=${s.d}`;
    const head = el("header", "", link);
    if (SAID[s.verdict]) head.append(" ", el("span", "verdict " + s.verdict, SAID[s.verdict]));
    for (const f of s.flags) head.append(" ", el("span", "tag", f));
    if (s.subset) head.append(" ", el("span", "muted", s.subset));
    if (s.id !== undefined) head.append(" ", el("span", "muted", `id ${s.id}`));
    const e = el("article", "doc", head, s.texts.map(said));
    e.id = `d=${s.d}`;
    e.tabIndex = -1;
    if (s.options.length) {
      const list = el("ol", s.bare ? "options bare" : "options", s.options.map(option));
      list.start = s.ranked ? 1 : 0;
      list.setAttribute("aria-label", s.measure || "options");
      e.append(list);
    }
    const meta = el("p", "meta");
    if (s.options.length && s.measure) meta.append(`Bars: ${s.measure}. `);
    s.facts.forEach((f, i) => meta.append(i ? " · " : "", el("span", "muted", f.name), " ", el("span", "", f.value)));
    if (s.hash) meta.append(s.facts.length ? " · " : "", el("span", "muted", "prompt"), " ", el("code", "", s.hash.slice(0, 12)));
    e.append(meta);
    return e;
  }

  function start(box) {
    const bar = document.querySelector("[data-samples-bar]"), at = bar.querySelector("[data-samples-at]"), go = bar.querySelector("input");
    const n = Number(box.dataset.samples), size = Number(box.dataset.shard), files = new Map();
    const file = (k) => { if (!files.has(k)) files.set(k, json(String(k).padStart(3, "0") + ".json")); return files.get(k); };
    let list = null, only = "", place = 0, turn = 0; /* list: documents of the kind; place: in it */

    async function choose(kind) {
      const marks = kind ? verdicts(await file(0)) : null;
      only = kind;
      list = Array.from({ length: n }, (_, i) => i).filter((i) => !marks || WORDS[marks[i]] === kind);
      for (const b of bar.querySelectorAll("[data-only]")) b.setAttribute("aria-pressed", String(b.dataset.only === kind));
    }
    async function show(to, focus) {
      const mine = ++turn;
      if (!list) await choose(only);
      place = Math.max(0, Math.min(list.length - 1, to));
      const from = place - place % PAGE, docs = list.slice(from, from + PAGE);
      const loaded = await Promise.all(docs.map(async (d) => (await file(Math.floor(d / size))).samples[d % size]));
      if (mine !== turn) return; /* somebody was faster */
      if (box.dataset.from !== `${only}${from}`) {
        box.replaceChildren(...loaded.map(card));
        box.dataset.from = `${only}${from}`;
        if (!docs.length) box.replaceChildren(el("p", "empty", "There is none of these; “All” shows the others."));
      }
      document.querySelector("[data-samples-rest]")?.remove();
      for (const e of box.querySelectorAll(".here")) e.classList.remove("here");
      const here = document.getElementById(`d=${list[place]}`);
      if (here) here.classList.add("here");
      if (here && focus) { here.focus({ preventScroll: true }); here.scrollIntoView({ block: "nearest" }); }
      at.textContent = list.length ? `${count(from + 1)} to ${count(from + docs.length)} of ${count(list.length)}. Keys: j next, k before` : "none";
      go.value = list.length ? list[place] : "";
      const state = new URLSearchParams(location.search);
      if (only) state.set("only", only); else state.delete("only");
      history.replaceState(null, "", location.pathname + (state.size ? "?" + state : "") + (focus && list.length ? `#d=${list[place]}` : ""));
    }
    const say = (e) => { at.textContent = `The samples could not be loaded (${e.message}).`; };
    const guarded = (f) => (...a) => f(...a).catch(say);
    /* The document itself, or the next of the kind that is shown. */
    const jump = guarded(async (d) => {
      if (!list) await choose(only);
      if (only && !list.includes(d)) await choose("");
      await show(Math.max(0, list.indexOf(d)), true);
    });
    const step = guarded((by, focus) => show(place + by, focus));
    const asked = () => { const m = location.hash.match(/^#d=(\d{1,9})$/); return m && Number(m[1]) < n ? Number(m[1]) : null; };

    let begun = false; /* is one of them chosen: the first j takes the first */
    bar.hidden = false;
    for (const b of bar.querySelectorAll("[data-only]")) b.addEventListener("click", guarded(async () => { begun = false; await choose(b.dataset.only); await show(0, false); }));
    for (const b of bar.querySelectorAll("[data-step]")) b.addEventListener("click", () => { begun = false; step(Number(b.dataset.step) - place % PAGE, false); });
    bar.addEventListener("submit", (e) => e.preventDefault());
    go.addEventListener("change", () => { if (go.checkValidity() && go.value !== "") jump(Number(go.value)); });
    addEventListener("hashchange", () => { if (asked() !== null) jump(asked()); });
    document.addEventListener("keydown", (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
      if (e.key === "j" || e.key === "k") { step(e.key === "j" ? Number(begun) : -1, true); begun = true; }
    });
    const wanted = new URLSearchParams(location.search).get("only");
    const first = asked();
    begun = first !== null;
    if (bar.querySelector(`[data-only="${WORDS.includes(wanted) ? wanted : ""}"]`) && wanted && WORDS.includes(wanted)) {
      guarded(async () => { await choose(wanted); if (first !== null && list.includes(first)) await show(list.indexOf(first), true); else await show(0, false); })();
    } else if (first !== null && first >= PAGE) jump(first);
    else if (first !== null) document.getElementById(`d=${first}`)?.classList.add("here"), place = first;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector("[data-samples]");
    if (box) start(box);
  });
})();

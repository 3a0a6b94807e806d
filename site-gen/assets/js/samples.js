/* The samples of a run: all of them, from files that are fetched when they are needed. The page as it
   comes has the first ones, and needs this for nothing but the rest. The address holds which document
   (#d=12) and which kind (?only=wrong). A card is written as templates/sample.html writes it. */
{
const PAGE = 20, WORDS = ["", "wrong", "part", "right"];

function said({ what, text, cut }) {
  const whole = text + (cut ? " … (cut here)" : ""), short = what.startsWith("Prompt") ? "…" + [...whole].slice(-360).join("") : clip(whole, 360), p = el("p.text", whole);
  return el("div.said", el("span.what", what), whole.length > 700 ? el("details", el("summary", short), p) : p);
}
const shown = (v) => Number.isInteger(v) ? String(v) : v.toFixed(Math.abs(v) >= 10 ? 2 : 4);
function option(o) {
  return el(o.gold ? "li.gold" : "li.other", o.bar !== undefined && drawing("lp", 80, 10, "0 0 80 10", svg("rect", { width: (2 + 78 * o.bar).toFixed(1), height: 10 })),
    o.value !== undefined && el("span.num", shown(o.value) + (o.share === undefined ? "" : ` · ${(100 * o.share).toFixed(1)} %`)), el("span.text", o.text),
    o.gold && [" ", el("span.tag.ok", "right")], o.picked && [" ", el("span.tag", "chosen")], o.note && [" ", el("span.tag", o.note)]);
}
function card(s) {
  const apart = (e) => [" ", e], sep = (i) => i ? " · " : "";
  return el("article.doc", { id: `d=${s.d}`, tabindex: -1 },
    el("header", el("a.num", { href: `#d=${s.d}` }, `Document ${s.d}`), s.verdict && apart(el("span.verdict." + s.verdict, s.verdict === "part" ? "right in part" : s.verdict)),
      s.flags.flatMap((f) => apart(el("span.tag", f))), s.subset && apart(el("span.muted", s.subset)), s.id !== undefined && apart(el("span.muted", `id ${s.id}`))),
    s.texts.map(said),
    s.options.length ? el(s.bare ? "ol.options.bare" : "ol.options", { start: s.ranked ? 1 : 0, "aria-label": s.measure || "options" }, s.options.map(option)) : "",
    el("p.meta", s.options.length && s.measure ? `Bars: ${s.measure}. ` : "", s.facts.flatMap((f, i) => [sep(i), el("span.muted", f.name), " ", el("span", f.value)]),
      s.hash && [sep(s.facts.length), el("span.muted", "prompt"), " ", el("code", s.hash.slice(0, 12))]));
}

function start(box) {
  const bar = $("[data-samples-bar]"), said = $("[data-samples-at]"), go = $("input", bar), buttons = $$("[data-only]", bar), files = [];
  const n = Number(box.dataset.samples), size = Number(box.dataset.shard), file = (k) => files[k] ??= json(String(k).padStart(3, "0") + ".json");
  /* list: documents of the kind; place: in it; begun: one of them is chosen, and j goes on from it. */
  let list = null, only = "", place = 0, turn = 0, begun = false;

  async function choose(kind) {
    const marks = kind && verdicts(await file(0));
    only = kind;
    list = Array.from({ length: n }, (_, i) => i).filter((i) => !marks || WORDS[marks[i]] === kind);
    for (const b of buttons) b.setAttribute("aria-pressed", b.dataset.only === kind);
  }
  async function show(to, focus) {
    const mine = ++turn;
    if (!list) await choose(only);
    place = Math.max(0, Math.min(list.length - 1, to));
    const from = place - place % PAGE, docs = list.slice(from, from + PAGE);
    const loaded = await Promise.all(docs.map(async (d) => (await file(Math.floor(d / size))).samples[d % size]));
    if (mine !== turn) return;
    if (box.dataset.from !== only + from) {
      box.replaceChildren(...(docs.length ? loaded.map(card) : [el("p.empty", "None of these.")]));
      box.dataset.from = only + from;
    }
    $("[data-samples-rest]")?.remove();
    const here = document.getElementById(`d=${list[place]}`);
    for (const e of box.children) e.classList.toggle("here", e === here);
    if (here && focus) { here.focus({ preventScroll: true }); here.scrollIntoView({ block: "nearest" }); }
    said.textContent = here ? `${count(from + 1)} to ${count(from + docs.length)} of ${count(list.length)}` : "none";
    go.value = here ? list[place] : "";
    put(asked, "only", only);
    writeAddress(asked, here && focus ? `#d=${list[place]}` : "");
  }
  const guarded = (f) => (...a) => f(...a).catch((e) => { said.textContent = `The samples could not be loaded (${e.message}).`; });
  /* The document itself, or the next of the kind that is shown. */
  const jump = guarded(async (d) => {
    if (!list) await choose(only);
    if (only && !list.includes(d)) await choose("");
    await show(Math.max(0, list.indexOf(d)), true);
  });
  const step = guarded((by, focus) => show(place + by, focus));
  const wanted = () => { const [, d] = location.hash.match(/^#d=(\d{1,9})$/) || []; return d && Number(d) < n ? Number(d) : null; };
  const pick = guarded(async (kind, d = null) => { await choose(kind); await show(Math.max(0, list.indexOf(d)), list.includes(d)); });

  bar.hidden = false;
  for (const b of buttons) on(b, "click", () => { begun = false; pick(b.dataset.only); });
  for (const b of $$("[data-step]", bar)) on(b, "click", () => { begun = false; step(Number(b.dataset.step) - place % PAGE, false); });
  on(bar, "submit", (e) => e.preventDefault());
  on(go, "change", () => { if (go.checkValidity() && go.value !== "") jump(Number(go.value)); });
  on(window, "hashchange", () => { if (wanted() !== null) jump(wanted()); });
  on(document, "keydown", (e) => {
    if (typing(e) || !"jk".includes(e.key)) return;
    step(e.key === "j" ? Number(begun) : -1, true);
    begun = true;
  });
  const kind = asked.get("only"), first = wanted();
  begun = first !== null;
  if (buttons.some((b) => kind && b.dataset.only === kind)) pick(kind, first);
  else if (first >= PAGE) jump(first);
  else if (begun) { document.getElementById(`d=${first}`)?.classList.add("here"); place = first; }
}

whenRead(() => $$("[data-samples]").forEach(start));
}

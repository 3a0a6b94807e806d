/* Helps to choose: of the rows that keep within what is asked for, those that no other beats at once, and why each is among them. */
{
/* A row beats another if it is nowhere worse and somewhere better. What isn't known beats nothing and is beaten by all. */
const SIDES = [["score", 1], ["size", -1], ["speed", 1]];
const level = (row, [key, sign]) => row[key] === row[key] ? sign * row[key] : -Infinity;
const beats = (a, b) => SIDES.every((s) => level(a, s) >= level(b, s)) && SIDES.some((s) => level(a, s) > level(b, s));
/* By score, then size, then speed: a row is beaten by one before it or by none. */
const front = (rows) => rows.sort((a, b) => SIDES.reduce((d, s) => d || level(b, s) - level(a, s) || 0, 0))
  .reduce((kept, r) => (kept.some((o) => beats(o, r)) || kept.push(r), kept), []);

function reasons(row, set) {
  const out = [], best = set[0], others = set.filter((o) => o !== row);
  if (row === best) out.push("The highest score of what fits.");
  else out.push(`${best.score - row.score < 5e-4 ? "Less than 0.1" : number(best.score - row.score, true)} below the best${row.high >= best.low ? ", and their intervals overlap" : ""}.`);
  if (others.every((o) => !(o.size <= row.size))) out.push("The smallest.");
  else if (row.size < best.size) out.push(`${Math.round(100 * row.size / best.size)} % of its size.`);
  if (others.length && row.speed === row.speed && others.every((o) => !(o.speed >= row.speed))) out.push("The fastest.");
  else if (row.speed > best.speed) out.push(`${(row.speed / best.speed).toFixed(1)} times as fast as it.`);
  return out.join(" ");
}

function setUp(place, doc, link) {
  const form = $("form", place), { by, size: most, mem: room, lic, speed: least } = form.elements, kinds = {}, files = {};
  const scores = doc.columns.filter((c) => c.metric.percent && c.metric.higher);
  for (const c of scores) if (c.in_mean) (kinds[c.task_kind] ||= []).push(c);
  /* What models can be best at: the means, several tasks of one kind, a task. */
  const aims = scores.map((c) => [c.key, plain(c.title, 60), [c]]);
  const several = Object.entries(kinds).filter(([, list]) => list.length > 1 && list.length < scores.length - 1);
  aims.splice(scores.filter((c) => c.kind !== "task").length, 0, ...several.map(([kind, list]) => ["kind-" + kind, `${plain(kind, 40)}, ${list.length} tasks`, list]));
  by.append(...aims.map(([value, text]) => el("option", { value }, text)));
  for (const field of form.elements) if ([...field.options].some((o) => o.value === asked.get(field.name))) field.value = asked.get(field.name);
  place.hidden = false;
  $("[data-plain]", place.parentElement).hidden = true;
  const orgs = decode(doc.org), licences = decode(doc.lic), marks = decode(doc.mark);
  const size = floats(doc.params), mem = floats(doc.memory_bytes), speed = floats(doc.tokens_per_s);
  const within = (v, { value }) => !value || v <= Number(value);

  async function load(c) {
    c.data ||= (await (files[c.file] ??= json(new URL(doc.files[c.file], link)))).data[c.at];
    return c.data;
  }
  /* The mean of the columns, whose errors are independent. */
  function scored(i, parts) {
    const sum = (f) => parts.reduce((n, d) => n + f(d), 0), far = (list) => Math.sqrt(sum((d) => (list(d)[i] ?? NaN) ** 2)) / parts.length / 1e4;
    const score = parts.some((d) => d.v[i] === null) ? NaN : sum((d) => d.v[i]) / parts.length / 1e4;
    return { i, size: size[i], speed: speed[i], score, low: score - far((d) => d.l), high: score + far((d) => d.h || d.l) };
  }
  const permissive = (i) => doc.lic.of[i] !== null && doc.permissive[doc.lic.of[i]];

  async function show() {
    const [, title, columns] = aims.find((a) => a[0] === by.value), parts = await Promise.all(columns.map(load)), out = $("[aria-live]", place);
    const known = Array.from({ length: doc.n }, (_, i) => scored(i, parts)).filter((r) => r.score === r.score);
    const fits = known.filter(({ i }) => within(size[i], most) && within(mem[i], room) && (!least.value || speed[i] >= Number(least.value)) && (!lic.value || permissive(i)));
    const set = front(fits);
    const row = (r) => {
      const { i } = r, error = (r.high - r.low) / 2, told = (v, f) => el("td.n", v === v ? f(v) : "unknown");
      return el("tr", rowHead(el("a", { href: at(`m/${doc.key[i].split("@")[0]}/`) + tail() }, modelName(orgs[i], doc.short[i])), marks[i] && el("span.mark", marks[i])),
        el("td.n", el("b", number(r.score, true)), " ", el("span.ci", error === error ? "±" + number(error, true) : "")), el("td.text", reasons(r, set)),
        el("td.n", params(r.size)), told(mem[i], bytes), told(r.speed, count), el("td.muted", el("bdi", plain(licences[i] || "not stated", 40))));
    };
    const table = shaped("choice");
    table.append(el("tbody", set.map(row)));
    table.rows[0].cells[1].textContent = title;
    $(".empty", place).hidden = set.length;
    out.replaceChildren(...(set.length ? [el("p.sub", `${count(set.length)} of the ${count(fits.length)} that fit (${count(known.length)} have a score): no other is as good, as small and as fast at once.`),
      region(`Models to choose from: ${place.dataset.choose}`, table)] : []));
  }
  on(form, "submit", (e) => e.preventDefault());
  on(form, "change", () => {
    for (const field of form.elements) put(asked, field.name, field !== by || by.selectedIndex ? field.value : "");
    asked.sort();
    writeAddress(asked);
    show();
  });
  show();
}

whenRead(() => $$("[data-choose]").forEach(async (place) => {
  const link = $("[data-columns]", place.closest("section")).href;
  try { setUp(place, await json(link), link); } catch { /* the plain table stays */ }
}));
}

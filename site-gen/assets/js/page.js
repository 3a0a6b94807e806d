/* What every page can do with scripts on: theme, copying, and on pages with a list its search and order. All is readable without. */
{
const root = document.documentElement;
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
/* A private window may have no store. */
try { if (/^(light|dark)$/.test(localStorage.theme)) root.dataset.theme = localStorage.theme; } catch { /* as the browser is set */ }

function setUpTheme(button) {
  const show = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.hidden = false;
  show();
  on(button, "click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.theme = root.dataset.theme; } catch { /* for this page only */ }
    show();
  });
}

function setUpCopy(button) {
  button.hidden = !navigator.clipboard;
  on(button, "click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

const note = () => { asked.sort(); noteAddress(() => asked); };

/* The slash leads to a search, escape empties it. */
function setUpKeys(input) {
  on(document, "keydown", (e) => {
    if (e.key === "/" && !typing(e)) { e.preventDefault(); input.focus(); }
    if (e.key === "Escape" && e.target === input) { input.value = ""; input.dispatchEvent(new Event("input")); }
  });
}

function setUpSearch(form, tables) {
  const input = $("input", form), rows = tables.flatMap((t) => [...t.tBodies[0].rows]);
  const texts = rows.map((r) => normal(r.textContent + " " + $$("[title]", r).map((e) => e.title).join(" ")));
  const apply = () => {
    const fits = queryTest(input.value, (word) => (text) => text.includes(word));
    rows.forEach((r, i) => { r.hidden = fits && !fits(texts[i]); });
    const shown = rows.filter((r) => !r.hidden).length;
    $("[data-count]").textContent = !fits ? `${rows.length} rows` : shown ? `${shown} of ${rows.length} rows` : "Nothing matches; clear the search to see all rows";
  };
  form.hidden = false;
  input.value = asked.get("q") || "";
  on(input, "input", () => { apply(); put(asked, "q", input.value.trim()); note(); });
  on(form, "submit", (e) => e.preventDefault());
  apply();
}

function setUpOrder(table, t) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], rows = [...body.rows], wanted = (asked.get("sort") || "").match(/^(\d+):(-?)(.+)$/);
  const sort = (column, down) => {
    const texts = rows.map((r) => normal(r.cells[column].dataset.v ?? r.cells[column].textContent.trim()));
    body.append(...Array.from(inOrder(sortKeys(texts), down), (i) => rows[i]));
    table.classList.toggle("resorted", column || down);
    heads.forEach((th, i) => markOrder(th, i === column, down));
  };
  heads.forEach((th, column) => {
    if (!th.dataset.order) return;
    const label = sortButton(th);
    on($("button", th), "click", () => {
      const down = turned(th);
      sort(column, down);
      put(asked, "sort", column || down ? `${t}:${down ? "-" : ""}${label}` : "");
      note();
    });
    if (wanted && Number(wanted[1]) === t && wanted[3] === label) sort(column, wanted[2] === "-");
  });
}

whenRead(() => {
  const tables = $$("table[data-sortable]");
  $$("[data-theme-toggle]").forEach(setUpTheme);
  $$("[data-copy]").forEach(setUpCopy);
  $$("#q").forEach(setUpKeys);
  $$("[data-search]").forEach((form) => setUpSearch(form, tables));
  tables.forEach(setUpOrder);
});
}

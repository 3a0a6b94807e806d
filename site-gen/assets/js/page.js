/* What a page can do with scripts on: theme, search, sorting, copying. Everything is readable without.
   The state of search and sorting is in the address; defaults are left out. */
(() => {
  "use strict";
  const root = document.documentElement;
  const read = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const keep = (v) => { try { localStorage.setItem("theme", v); } catch { /* private window */ } };
  const stored = read();
  if (stored === "light" || stored === "dark") root.dataset.theme = stored;

  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const state = new URLSearchParams(location.search);
  let pending = 0;
  const setState = (key, value) => {
    if (value) state.set(key, value); else state.delete(key);
    state.sort();
    clearTimeout(pending);
    pending = setTimeout(() => {
      const query = state.toString();
      history.replaceState(null, "", location.pathname + (query ? "?" + query : "") + location.hash);
    }, 150);
  };

  function setUpTheme() {
    const button = document.querySelector("[data-theme-toggle]");
    const show = () => { button.textContent = isDark() ? "Light" : "Dark"; button.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`); };
    button.hidden = false;
    show();
    button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; keep(root.dataset.theme); show(); });
  }

  function setUpCopy() {
    for (const button of document.querySelectorAll("[data-copy]")) {
      if (!navigator.clipboard) continue;
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
    }
  }

  /* "minilm -gguf": every word is in the row's text, none of those after a minus. */
  const normal = (s) => s.normalize("NFKC").toLowerCase();
  function matcher(query) {
    const words = normal(query).split(/\s+/).filter((w) => w && w !== "-");
    const out = words.filter((w) => w.startsWith("-")).map((w) => w.slice(1));
    const all = words.filter((w) => !w.startsWith("-"));
    return (text) => all.every((w) => text.includes(w)) && !out.some((w) => text.includes(w));
  }

  function setUpSearch(tables) {
    const form = document.querySelector("[data-search]");
    if (!form || !tables.length) return;
    const input = form.querySelector("input"), count = form.querySelector("[data-count]");
    const rows = tables.flatMap((t) => [...t.tBodies[0].rows]);
    const texts = rows.map((r) => normal(r.textContent + " " + [...r.querySelectorAll("[title]")].map((e) => e.title).join(" ")));
    const apply = () => {
      const fits = matcher(input.value);
      let shown = 0;
      rows.forEach((r, i) => { r.hidden = !fits(texts[i]); shown += !r.hidden; });
      count.textContent = input.value.trim() ? (shown ? `${shown} of ${rows.length} rows` : "Nothing matches; clear the search to see all rows") : `${rows.length} rows`;
    };
    form.hidden = false;
    input.value = state.get("q") || "";
    input.addEventListener("input", () => { apply(); setState("q", input.value.trim()); });
    form.addEventListener("submit", (e) => e.preventDefault());
    document.addEventListener("keydown", (e) => {
      if (e.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) { e.preventDefault(); input.focus(); }
      if (e.key === "Escape" && document.activeElement === input) { input.value = ""; apply(); setState("q", ""); }
    });
    apply();
  }

  /* Missing values are last in both directions; equal ones keep the order of the page. */
  function sortRows(table, column, down) {
    const body = table.tBodies[0];
    table.original ??= [...body.rows];
    const keys = new Map(table.original.map((row) => {
      const cell = row.cells[column], v = cell.dataset.v ?? cell.textContent.trim();
      return [row, v === "" || v === "–" ? null : isNaN(v) ? normal(v) : Number(v)];
    }));
    const sign = down ? -1 : 1;
    const rows = [...table.original].sort((a, b) => {
      const x = keys.get(a), y = keys.get(b);
      if (x === null || y === null) return (x === null) - (y === null);
      return x < y ? -sign : x > y ? sign : 0;
    });
    body.append(...rows);
    table.classList.toggle("resorted", column !== 0 || down);
    [...table.tHead.rows[0].cells].forEach((th, i) => {
      if (i === column) th.setAttribute("aria-sort", down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
  }

  function setUpSorting(tables) {
    const wanted = (state.get("sort") || "").match(/^(\d+):(-?)(.+)$/);
    tables.forEach((table, t) => {
      [...table.tHead.rows[0].cells].forEach((th, column) => {
        if (!th.dataset.order) return;
        const label = th.textContent.trim(), link = th.querySelector("a");
        const button = document.createElement("button");
        button.type = "button";
        if (link) { button.setAttribute("aria-label", `Sort by ${label}`); th.append(button); }
        else { button.textContent = label; th.replaceChildren(button); }
        button.addEventListener("click", () => {
          const now = th.getAttribute("aria-sort");
          const down = now ? now === "ascending" : th.dataset.order === "down";
          sortRows(table, column, down);
          setState("sort", column === 0 && !down ? "" : `${t}:${down ? "-" : ""}${label}`);
        });
        if (wanted && Number(wanted[1]) === t && wanted[3] === label) sortRows(table, column, wanted[2] === "-");
      });
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    const tables = [...document.querySelectorAll("table[data-sortable]")];
    setUpTheme();
    setUpCopy();
    setUpSearch(tables);
    setUpSorting(tables);
  });
})();

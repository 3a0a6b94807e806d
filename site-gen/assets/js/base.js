/* What the parts below share; each of them is a block of its own that does nothing on a page that isn't its. Elements are made of
   texts alone: what a text says is a stranger's. */
"use strict";
const $ = (s, e = document) => e.querySelector(s), $$ = (s, e = document) => [...e.querySelectorAll(s)];
const on = (e, what, f) => e.addEventListener(what, f), whenRead = (f) => on(document, "DOMContentLoaded", f);

/* The same characters that escape.c marks: they steer, hide, or have no width. */
const HIDDEN = /((?![\t\n\r\ufe00-\ufe0f])[\p{Cc}\p{DI}\u2028\u2029\ufff9-\ufffb])/u;
const clip = (s, n) => { const c = [...String(s)]; return c.length > n ? c.slice(0, n).join("") + "…" : c.join(""); };
const mark = (c) => "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
/* Marks that pile up on a letter end after six, as there. */
const marked = (text) => String(text).replace(/([\p{Mn}\p{Me}]{6})[\p{Mn}\p{Me}]+/gu, "$1…").split(HIDDEN).map((part, i) => i % 2 ? el("span.cp", mark(part)) : part);
const plain = (s, max = 100) => el("i", clip(s, max)).textContent;
function set(e, attributes) {
  for (const [key, v] of Object.entries(attributes)) if (v !== null && v !== false) e.setAttribute(key, v === true ? "" : v);
  return e;
}
/* el("td.n", { title }, "text", element, …) */
function el(what, ...kids) {
  const [tag, ...classes] = what.split("."), e = document.createElement(tag);
  if (classes.length) e.className = classes.join(" ");
  for (const kid of kids.flat()) {
    if (kid instanceof Node) e.append(kid);
    else if (kid && kid.constructor === Object) set(e, kid);
    else if (kid || kid === 0) e.append(...marked(kid));
  }
  return e;
}
const svg = (name, attributes, ...kids) => {
  const e = set(document.createElementNS("http://www.w3.org/2000/svg", name), attributes);
  e.append(...kids);
  return e;
};
const line = (cls, x1, x2, y1, y2 = y1) => svg("line", { class: cls, x1, x2, y1, y2 });
const drawing = (cls, width, height, box, ...kids) => svg("svg", { class: cls, width, height, viewBox: box, "aria-hidden": "true", focusable: "false" }, ...kids);
const region = (label, ...kids) => el("div.wrap", { tabindex: 0, role: "region", "aria-label": label }, ...kids);
const rowHead = (...kids) => el("th", { scope: "row" }, ...kids);
/* What a template of the page holds. */
const shaped = (name) => $(`[data-shape=${name}]`).content.firstElementChild.cloneNode(true);

/* ---- numbers as lib.lua prints them ---- */

const number = (v, percent) => (percent ? (v * 100).toFixed(1) : v.toFixed(2)).replace(/^-(0[.0]*)$/, "$1");
const count = (n) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
const plural = (n, one) => `${count(n)} ${one}${n === 1 ? "" : "s"}`;
const short = (n, units) => {
  if (!(n > 0)) return "–";
  let i = 0;
  while (n >= 1000 && i < units.length - 1) { n /= 1000; i++; }
  return n.toFixed(n < 10 && i ? 1 : 0).replace(/\.0$/, "") + units[i];
};
const params = (n) => short(n, ["", "k", "M", "B", "T"]), bytes = (n) => short(n, [" B", " kB", " MB", " GB", " TB"]);

/* ---- files ---- */

async function json(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}
const decode = (coded) => coded.of.map((k) => k === null ? "" : coded.values[k]);
const floats = (list) => Float64Array.from(list, (v) => v === null || v === "" || v === undefined ? NaN : Number(v));
/* Two bits a document (samples.h), as words: 0 none, 1 wrong, 2 in part, 3 right. */
const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
function verdicts(file) {
  const packed = bytesOf(file.map || "");
  return Array.from({ length: file.n }, (_, i) => packed[i >> 2] >> 2 * (i & 3) & 3);
}
/* A path of the site, from whatever page this is. */
const tail = () => /index\.html$/.test($(".brand").getAttribute("href")) ? "index.html" : "";
const at = (path) => new URL(path, new URL(".", $(".brand").href)).href;
const modelName = (org, name) => el("bdi", org ? el("span.org", plain(org, 60) + "/") : "", el("span.name", plain(name)));

/* ---- the address: search, order and choice are in it; defaults are left out ---- */

const asked = new URLSearchParams(location.search);
let pending = 0;
function writeAddress(state, hash = location.hash) {
  const query = String(state).replace(/%2C/g, ",").replace(/%2F/g, "/");
  history.replaceState(null, "", location.pathname + (query && "?" + query) + hash);
}
/* Soon: somebody may be typing. */
function noteAddress(make) {
  clearTimeout(pending);
  pending = setTimeout(() => writeAddress(make()), 150);
}
const put = (state, key, value) => { if (value) state.set(key, value); else state.delete(key); };

/* ---- search, order, keys ---- */

const normal = (s) => s.normalize("NFKC").toLowerCase();
/* "minilm -gguf": every word fits, none of those after a minus. */
function queryTest(query, wordTest) {
  const tests = (normal(query).match(/\S+/g) || []).filter((w) => w !== "-").map((w) => {
    const no = w[0] === "-", test = wordTest(no ? w.slice(1) : w);
    return no ? (a, b) => !test(a, b) : test;
  });
  return tests.length ? (a, b) => tests.every((t) => t(a, b)) : null;
}
/* Numbers, or the places of texts in their order; NaN for what is missing. */
function sortKeys(values) {
  const known = [...new Set(values)].filter((v) => !["", "–", "unknown"].includes(v));
  const keys = new Map(known.some((v) => isNaN(v)) ? known.sort().map((v, i) => [v, i]) : known.map((v) => [v, Number(v)]));
  return floats(values.map((v) => keys.get(v)));
}
/* Missing values are last in both directions; equal ones keep the order of the page. */
const inOrder = (keys, down) => Uint32Array.from(keys, (_, i) => i).sort((a, b) => {
  const x = keys[a], y = keys[b];
  return x !== x || y !== y ? (x !== x) - (y !== y) || a - b : (down ? y - x : x - y) || a - b;
});
function markOrder(th, on, down) {
  if (on) th.setAttribute("aria-sort", down ? "descending" : "ascending"); else th.removeAttribute("aria-sort");
}
/* The button of a heading by which rows are put in order; gives what the heading says. */
function sortButton(th) {
  const label = ($("a", th) || th).textContent.trim(), button = el("button", { type: "button" });
  if ($("a", th)) th.append(set(button, { "aria-label": `Sort by ${label}` }));
  else { button.textContent = label; th.replaceChildren(button); }
  return label;
}
const turned = (th) => { const now = th.getAttribute("aria-sort"); return now ? now === "ascending" : th.dataset.order === "down"; };
const typing = (e) => e.altKey || e.ctrlKey || e.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName);

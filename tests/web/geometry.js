// What axe does not see: boxes that lie over each other, a page that scrolls sideways, text that runs
// out of its cell, text that is too faint. Returns a list of sentences; an empty one is good.
const found = [];
const say = (what) => { if (found.length < 20) found.push(what); };
const name = (e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + (typeof e.className === "string" && e.className ? "." + e.className.split(" ")[0] : "") + ` “${(e.textContent || "").trim().slice(0, 24)}”` + (e.href ? ` to ${e.href.slice(-60)}` : "");

if (document.documentElement.scrollWidth > innerWidth) say(`the page is ${document.documentElement.scrollWidth} px wide in a window of ${innerWidth}`);

// The part of an element that can be seen: cut by every ancestor that scrolls or hides.
const visible = (e) => {
  let { left, right, top, bottom } = e.getBoundingClientRect();
  for (let p = e.parentElement; p; p = p.parentElement) {
    if (getComputedStyle(p).overflowX === "visible") continue;
    const b = p.getBoundingClientRect();
    left = Math.max(left, b.left); right = Math.min(right, b.right); top = Math.max(top, b.top); bottom = Math.min(bottom, b.bottom);
  }
  return right - left > 1 && bottom - top > 1 ? { left, right, top, bottom } : null;
};
const boxes = [...document.querySelectorAll("header.top > *, header.top nav a, main > *, main section > *, main h1, main h2, main p, .bar > *, .facts > div, .manifest > div, .leaders div > *, .copy > *, .wrap, footer p")]
  .map((e) => [e, visible(e)]).filter(([e, b]) => b && !e.closest("details:not([open]) > :not(summary)"));
for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
  const [e, a] = boxes[i], [f, b] = boxes[j];
  if (e.contains(f) || f.contains(e)) continue;
  const w = Math.min(a.right, b.right) - Math.max(a.left, b.left), h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (w > 1 && h > 1) say(`${name(e)} lies over ${name(f)} by ${Math.round(w)}×${Math.round(h)} px`);
}
for (const cell of document.querySelectorAll("td, th")) {
  if (cell.scrollWidth > cell.clientWidth + 1 && getComputedStyle(cell).overflowX === "visible") say(`${name(cell)} runs out of its cell`);
}
for (const e of document.querySelectorAll("main > *, header.top > *, footer > *")) {
  const b = e.getBoundingClientRect();
  if (b.width > 0 && !e.closest(".skip") && (b.left < -1 || b.right > innerWidth + 1)) say(`${name(e)} reaches out of the window`);
}

// No row is taller than a screen, unless somebody opened something in it.
for (const row of document.querySelectorAll("main tr:not(.space), main li, .facts > div, .leaders > div, h1, h2")) {
  const { height } = row.getBoundingClientRect();
  if (height > 420 && !row.querySelector("details[open], .flips")) say(`${name(row)} is ${Math.round(height)} px high`);
}

// What a screen reader says: one heading of the page, a name for every field, button and link, headers for every table.
if (document.documentElement.lang !== "en") say("the page does not say its language");
if (document.querySelectorAll("h1").length !== 1) say(`there are ${document.querySelectorAll("h1").length} headings h1`);
for (const e of document.querySelectorAll("input:not([type=hidden], [hidden]), select, textarea")) {
  if (!e.labels.length && !e.getAttribute("aria-label")) say(`${name(e)} has no label`);
}
for (const e of document.querySelectorAll("a[href], button, summary")) {
  if (!e.textContent.trim() && !e.getAttribute("aria-label") && !e.querySelector("title, [aria-label], img[alt]:not([alt=''])")) say(`${name(e)} has no name`);
}
for (const e of document.querySelectorAll("table")) if (!e.querySelector("thead th[scope=col]")) say(`${name(e)} has no headers`);
const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
for (const id of ids.filter((id, i) => ids.indexOf(id) !== i)) say(`two elements are called ${id}`);
const skip = document.querySelector(".skip");
if (!skip || !document.querySelector(skip.getAttribute("href"))) say("the link to the content leads nowhere");

// Contrast, by painting each colour and reading it back.
const canvas = document.createElement("canvas");
canvas.width = canvas.height = 1;
const paint = canvas.getContext("2d", { willReadFrequently: true });
const over = (color, ground) => {
  paint.clearRect(0, 0, 1, 1);
  if (ground) { paint.fillStyle = `rgb(${ground.join(" ")})`; paint.fillRect(0, 0, 1, 1); }
  paint.fillStyle = color;
  paint.fillRect(0, 0, 1, 1);
  return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const ground = (e) => {
  const layers = [];
  for (let p = e; p; p = p.parentElement) layers.unshift(getComputedStyle(p).backgroundColor);
  return layers.reduce((below, color) => over(color, below), over("white"));
};
const light = (rgb) => {
  const [r, g, b] = rgb.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const seen = new Set();
for (const e of document.querySelectorAll("body *")) {
  if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.closest("svg, .skip") || !visible(e)) continue;
  const behind = ground(e), style = getComputedStyle(e), front = over(style.color, behind);
  const key = behind + "/" + front;
  if (seen.has(key)) continue;
  seen.add(key);
  const [hi, lo] = [light(front), light(behind)].sort((a, b) => b - a);
  const ratio = (hi + 0.05) / (lo + 0.05);
  if (ratio < 4.5) say(`${name(e)} has a contrast of ${ratio.toFixed(2)}`);
}
return found;

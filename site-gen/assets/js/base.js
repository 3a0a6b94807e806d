/* What the parts below share: elements made of texts alone. What a text says is a stranger's. */
const assay = (() => {
  "use strict";
  /* The same characters that escape.c marks: they steer, hide, or have no width. */
  const HIDDEN = /([\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}])/u;
  function el(name, cls, ...kids) {
    const e = document.createElement(name);
    if (cls) e.className = cls;
    for (const kid of kids.flat()) if (kid !== undefined && kid !== null && kid !== "") e.append(...(kid instanceof Node ? [kid] : marked(kid)));
    return e;
  }
  function marked(text) {
    return String(text).split(HIDDEN).map((part, i) => {
      if (i % 2 === 0) return part;
      const mark = document.createElement("span");
      mark.className = "cp";
      mark.textContent = "U+" + part.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      return mark;
    });
  }
  function svg(name, attributes, ...kids) {
    const e = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) e.setAttribute(key, attributes[key]);
    e.append(...kids);
    return e;
  }
  async function json(path) {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }
  const clip = (s, n) => { const c = [...String(s)]; return c.length > n ? c.slice(0, n).join("") + "…" : c.join(""); };
  /* Two bits a document (samples.h), as words: 0 none, 1 wrong, 2 in part, 3 right. */
  function verdicts(file) {
    const bytes = atob(file.map || "");
    return Array.from({ length: file.n }, (_, i) => bytes.charCodeAt(i >> 2) >> 2 * (i & 3) & 3);
  }
  const count = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return { el, svg, json, clip, verdicts, count };
})();

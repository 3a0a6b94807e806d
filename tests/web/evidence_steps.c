/* Samples, comparisons, and walks from the first page to an answer, with no more than three clicks.
 */
#include <stddef.h>

#include "tests/web/steps.h"

#define CARDS "[...document.querySelectorAll('.docs article')]"
#define RUN_1 "demo/m/assay-demo/SmolLM2-135M-Instruct/r/1/"
#define AT(d) "return location.hash === '#d=" d "' && document.activeElement.id === 'd=" d "'"

/* One click on what `find` gives, which leads to where `there` is true. */
#define CLICK(find, there)                                                                         \
    "if (" there ") return true; const a = " find "; if (!a) return 'no such link';"               \
    "if (!window.clicked) { window.clicked = true; a.click(); } return location.href;"
#define LINK(test) "[...document.querySelectorAll('a[href]')].find(a => a.pathname && " test ")"
#define TO(end)                                                                                    \
    CLICK(LINK("a.pathname.endsWith('" end "')"), "location.pathname.endsWith('" end "')")

const struct step EVIDENCE_STEPS[] = {
    /* samples */
    { "the first samples are there before anything is fetched", "1200:" RUN_1 "samples/", NULL,
        "return " CARDS ".length === 20 && !performance.getEntriesByType('resource').some(r => "
        "r.name.endsWith('000.json'))" },
    { "a click shows wrong ones alone, found by the map", NULL, NULL,
        "const b = document.querySelector('[data-only=wrong]'); if (b.ariaPressed !== 'true') "
        "b.click(); return " CARDS ".length === 20 && " CARDS
        ".every(a => a.querySelector('.verdict.wrong')) && " CARDS "[0].id === 'd=79' && "
        "new URLSearchParams(location.search).get('only') === 'wrong'" },
    { "j goes to the first", NULL, "j", AT("79") },
    { "j again goes on", NULL, "j", AT("80") },
    { "k goes back", NULL, "k", AT("79") },
    { "a reload shows the same", NULL, NULL,
        "if (!sessionStorage.reloaded) { sessionStorage.reloaded = 1; location.reload(); return "
        "false; } const a = document.getElementById('d=79'); return a !== null && "
        "a.classList.contains('here') && " CARDS "[1].id === 'd=80'" },
    { "a permalink shows its document, from the second file",
        "demo/m/assay-demo/all-MiniLM-L6-v2/r/4/samples/#d=205", NULL,
        "const a = document.getElementById('d=205'); return a !== null && "
        "a.classList.contains('here') && a.querySelector('.options .gold') !== null && "
        "a.textContent.includes('Query')" },
    { "what the script writes is what the page had", NULL, NULL,
        "location.hash = '#d=3'; const f = document.createElement('template'), x = new "
        "XMLHttpRequest(); x.open('GET', location.pathname, false); x.send(); f.innerHTML = "
        "x.responseText; const flat = e => e && e.textContent.replace(/\\s+/g, '');"
        "const a = document.getElementById('d=3'), b = flat(f.content.getElementById('d=3'));"
        "return (a !== null && a.classList.contains('here') && flat(a) === b) || flat(a) + ' AND ' "
        "+ b" },
    /* comparisons */
    { "the documents on which two part are listed, each a link to both",
        "pairs/compare/?m=assay-demo/SmolLM2-135M-Instruct&m=assay-demo/SmolLM2-135M-Instruct-10L",
        NULL,
        "const b = document.querySelector('.contrast button'); if (b && b.ariaExpanded !== 'true') "
        "b.click(); const p = [...document.querySelectorAll('.flips p')]; return (p.length === 3 "
        "&& "
        "p[0].textContent.startsWith('The first did better: 30. 0 2nd, 1 2nd') && "
        "p[0].querySelector('a').href.endsWith('/r/1/samples/#d=0') && "
        "p[1].textContent.startsWith('The second did better: 13. 79 2nd') && "
        "document.querySelector('.agree').textContent.includes('49')) || "
        "p.map(e => e.textContent.slice(0, 60)).join('|')" },
    { "what cannot be paired is said",
        "pairs/compare/?m=assay-demo/all-MiniLM-L6-v2&m=assay-demo/all-MiniLM-L6-v2-3L", NULL,
        "const o = document.querySelector('.others'); return o !== null && o.textContent.includes("
        "'WordNetGlossSTS: the scores of single documents are not known of both')" },
    { "without two models there is a picker", "pairs/compare/", NULL,
        "const [a, b] = document.querySelectorAll('[data-compare] input'); a.value = "
        "'assay-demo/SmolLM2-135M-Instruct'; b.value = 'assay-demo/SmolLM2-135M-Instruct-10L'; "
        "if (!location.search) document.querySelector('[data-compare] button').click(); return "
        "document.querySelector('.contrast') !== null && location.search === "
        "'?m=assay-demo/SmolLM2-135M-Instruct&m=assay-demo/SmolLM2-135M-Instruct-10L'" },
    { "what is no name is not fetched", "pairs/compare/?m=../../../etc/passwd&m=%22%3E%3Cimg%3E",
        NULL,
        "return !performance.getEntriesByType('resource').some(r => r.name.includes('passwd')) && "
        "document.querySelector('main img') === null && "
        "document.querySelector('[data-compare-said]').textContent === 'Choose two models.'" },
    /* a stranger's texts, written by the script */
    { "hostile samples are shown and do nothing", "hostile/", NULL,
        "if (!location.pathname.endsWith('/samples/')) { const a = " LINK(
            "/\\/r\\/4\\/$/.test(a.pathname)") "; if (a) location.href = a.href + "
                                               "'samples/#d=21'; return a ? false : 'no run'; }"
                                               "const e = document.getElementById('d=21'); return "
                                               "e !== null && e.textContent.length > 50 && "
                                               "document.querySelector('main img, main script, "
                                               "main svg:not(.lp)') === null && "
                                               "!document.querySelector('main').textContent."
                                               "includes('\\u202e') && "
                                               "document.querySelector('main .cp') !== null" },
    { NULL, NULL, NULL, NULL },
};

/* The board as somebody uses it: search, facets, columns, pins, the address, keys, a phone. */
#include <stddef.h>

#include "tests/web/steps.h"

#define ROWS "[...document.querySelectorAll('table.board tbody tr:not(.space)')]"
#define NAMES ROWS ".map(r => r.querySelector('th .name').textContent)"
#define COUNT "document.querySelector('[data-count]').textContent.replace(/\\u202f/g, '')"
#define QUERY "location.search"
#define FACET(id) "document.querySelector('[data-facet=" id "]')"
#define PICK(id, value)                                                                            \
    "const i = document.querySelector('[data-facet=" id "] input[value=\"" value "\"]'); "         \
    "i.click();"
#define TYPE(text)                                                                                 \
    "{ const q = document.querySelector('#q'); q.value = '" text                                   \
    "'; q.dispatchEvent(new Event('input', { bubbles: true })); }"
#define HOSTILE "hostile/s/scriptalert1script-e8ad85c00b/"
#define SORT_BY(text)                                                                              \
    "[...document.querySelectorAll('th[data-order] button')].find(b => b.textContent === '" text   \
    "').click();"

const struct step BOARD_STEPS[] = {
    { "the board begins with the best", "1200:demo/s/wordnet/", NULL,
        "return " NAMES "[0] === 'all-MiniLM-L6-v2' && " COUNT " === '6 rows'" },
    { "a click on Size sorts every section, the smallest first", NULL, NULL,
        "if (!window.once) { window.once = 1; " SORT_BY(
            "Size") " }"
                    "return " NAMES "[0] === 'all-MiniLM-L6-v2-1L' && " NAMES
                    "[3].endsWith('-2L') && " QUERY " === '?sort=size'" },
    { "by rank downwards, what has no rank is last all the same", "demo/s/wordnet/?sort=-rank",
        NULL, "return " NAMES ".slice(0, 3).map(n => n.slice(-3)).join() === '-3L,-v2,-1L'" },
    { "missing values are last, in both directions", "demo/s/wordnet/?sort=mean", NULL,
        "return " NAMES "[2].endsWith('-1L')" },
    { "downwards too", "demo/s/wordnet/?sort=-mean", NULL, "return " NAMES "[2].endsWith('-1L')" },
    { "search takes all words, and leaves out those after a minus", NULL, NULL,
        "if (!window.typed) { window.typed = 1; " TYPE(
            "minilm -3l") " } return " ROWS ".length === 2 && " COUNT " === '2 of 6 rows' && " QUERY
                          " === '?q=minilm+-3l&sort=-mean'" },
    { "a section of which nothing is left says so", NULL, NULL,
        "return [...document.querySelectorAll('.empty')].filter(e => e.offsetParent && "
        "e.textContent.includes('No row of this section fits')).length === 1" },
    { "the state comes back from the address", "demo/s/wordnet/?q=minilm+-3l&sort=-mean", NULL,
        "return " ROWS ".length === 2 && document.querySelector('#q').value === 'minilm -3l' && "
        "document.querySelector('th[aria-sort]').dataset.key === 'mean'" },
    { "a field is looked up in its column, a number is compared",
        "demo/s/wordnet/?q=arch:bert+size:%3C20m", NULL, "return " ROWS ".length === 2" },
    { "means are compared as they are shown", "demo/s/wordnet/?q=mean:%3E40", NULL,
        "return " ROWS ".length === 1 && " NAMES "[0] === 'all-MiniLM-L6-v2'" },
    { "ranks are counted anew where rows were left out, and say so",
        "demo/s/wordnet/?q=minilm+-v2-1l+3l", NULL,
        "const td = document.querySelector('td.anew'); return td.textContent.trim() === '1' && "
        "td.firstChild.title.includes('on the whole board 2') && "
        "document.querySelector('th[data-key=rank] button').textContent === 'Rank here' && "
        "document.querySelector('.note').offsetParent !== null" },
    { "unknown values are dropped, the rest is put in order",
        "demo/s/wordnet/?zzz=1&sort=nonsense&lic=mine,permissive&size=huge&pin=a/b&q=minilm&type=x",
        NULL, "return " QUERY " === '?q=minilm&lic=permissive' && " ROWS ".length === 3" },
    { "what is the default is left out", "demo/s/wordnet/?q=&values=raw&page=1&sort=rank", NULL,
        "return " QUERY " === ''" },
    { "facets count what the other filters leave", "demo/s/wordnet/?q=minilm", NULL,
        "const n = v => document.querySelector('[data-facet=arch] input[value=\"' + v + "
        "'\"]').closest('label').querySelector('.ci').textContent; return n('bertmodel') === '3' "
        "&& "
        "n('llamaforcausallm') === '0'" },
    { "a facet filters", NULL, NULL,
        "if (!window.once) { window.once = 1; " PICK("arch",
            "llamaforcausallm") " }"
                                "return location.search === '?q=minilm&arch=llamaforcausallm'" },
    { "nothing is left, and what did it is named", NULL, NULL,
        "const b = [...document.querySelectorAll('.empty button')].map(b => b.textContent);"
        "return b.includes('Clear search (minilm): 3 rows') && b.includes('Clear architecture "
        "(llamaforcausallm): 3 rows')" },
    { "it is taken back by a click", NULL, NULL,
        "if (!window.twice) { window.twice = 1; document.querySelector('.empty "
        "[data-clear=arch]').click(); } return " ROWS ".length === 3 && " QUERY
        " === '?q=minilm'" },
    { "a size that all have filters nothing", "demo/s/wordnet/?size=..3e9", NULL,
        "return " COUNT " === '6 of 6 rows' && !document.querySelector('td.anew')" },
    { "a pinned row stays on top and survives filters", "demo/s/wordnet/?q=minilm", NULL,
        "if (!window.once) { window.once = 1; "
        "document.querySelector('[data-pin$=\"-3L\"]').click();"
        " const q = document.querySelector('#q'); q.value = 'nothing'; q.dispatchEvent(new "
        "Event('input', { bubbles: true })); } return " NAMES "[0].endsWith('-3L') && "
        "document.querySelector('tbody.pins') && " QUERY
        " === '?q=nothing&pin=assay-demo/all-MiniLM-L6-v2-3L'" },
    { "columns are picked, those that the page lacks too",
        "demo/s/wordnet/?cols=mean,speed,type,open,nonsense", NULL,
        "const heads = [...document.querySelector('table.board thead tr').cells].filter(t => "
        "!t.hidden).map(t => t.dataset.key).join();"
        "return heads === 'rank,model,mean,speed,type,open' && " QUERY
        " === '?cols=mean,speed,type,open'" },
    { "rows made by the script look like those of the page", NULL, NULL,
        "const r = document.querySelector('table.board tbody tr');"
        "return r.cells[0].textContent.trim() === '1' && "
        "r.cells[2].textContent.replace(/\\s+/g, ' ').trim() === '47.4 ±4.7' && "
        "r.cells[2].firstChild.title === '47.4 (95 % interval 42.7 to 52.1, n = 800)' && "
        "r.querySelector('th a').pathname.endsWith('/m/assay-demo/all-MiniLM-L6-v2/') && "
        "r.querySelectorAll('svg line').length === 3" },
    { "a score of one task leads to its run there too", NULL, NULL,
        "const b = document.querySelectorAll('table.board')[1]; return "
        "b.querySelector('tbody .main a').pathname.endsWith('-Instruct/r/1/')" },
    { "a task is compared by its number, whatever its case",
        "demo/s/wordnet/?q=wordnetglossretrieval:%3E40", NULL,
        "return " ROWS ".length === 2 && " NAMES "[1].endsWith('-3L')" },
    { "tasks can be shown with chance at 0", "demo/s/wordnet/?values=norm", NULL,
        "return " QUERY " === '?values=norm' && [...document.querySelectorAll('table.board')]"
        "[0].textContent.includes('53.5')" },

    /* keys alone */
    { "a slash leads to the search", "demo/s/wordnet/", "/",
        "return document.activeElement.id === 'q'" },
    { "what is typed there filters", NULL, "m i n i",
        "return " ROWS ".length === 3 && " QUERY " === '?q=mini'" },
    { "escape clears it", NULL, "Escape", "return " ROWS ".length === 6 && " QUERY " === ''" },
    { "tabs reach a heading, whose focus can be seen", "demo/s/wordnet/", "/ Tab",
        "if (!window.once) { window.once = 1; document.querySelector('th[data-key=size] "
        "button').focus({ focusVisible: true }); }"
        "const s = getComputedStyle(document.activeElement); return s.outlineStyle === 'solid' && "
        "parseFloat(s.outlineWidth) >= 2" },
    { "enter sorts by it", NULL, "Enter",
        "return " QUERY " === '?sort=size' && document.activeElement.closest('th').dataset.key === "
        "'size'" },
    { "arrows go down the rows", NULL, "ArrowDown ArrowDown",
        "return document.activeElement.closest('tr').dataset.at === '1'" },
    { "and up again", NULL, "ArrowUp",
        "return document.activeElement.closest('tr').dataset.at === '0'" },
    { "p pins the row", NULL, "p", "return " QUERY ".includes('pin=')" },

    /* a large board */
    { "a large board shows a window of its rows, and says how many there are", "many/s/many/", NULL,
        "const t = document.querySelector('table.board'); return " COUNT " === '2000 rows' && "
        "t.getAttribute('aria-rowcount') === '2001' && " ROWS ".length < 120 && " ROWS
        "[0].getAttribute('aria-rowindex') === '2'" },
    { "its last row is brought into the window by a key", NULL, NULL,
        "document.querySelector('table.board tbody th a').focus();"
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: "
        "true })); return document.activeElement.closest('tr').getAttribute('aria-rowindex') === "
        "'2001' && " ROWS ".length < 120 && " QUERY ".startsWith('?page=')" },
    { "a page is gone to by the address", "many/s/many/?page=5", NULL,
        "const i = " ROWS ".map(r => +r.getAttribute('aria-rowindex')); return i.includes(402) && "
        "!i.includes(2) && " QUERY " === '?page=5'" },
    { "all rows are filtered, not those of the page",
        "many/s/many/?type=instruct&lic=mit&size=..3e9", NULL,
        "return /^\\d+ of 2000 rows$/.test(" COUNT ") || " COUNT },
    { "models that say that they were trained on no task here are chosen by",
        "many/s/many/?zero=declared", NULL,
        "return " COUNT " === '90 of 2000 rows' && " QUERY " === '?zero=declared' && " ROWS
        ".every(r => r.textContent.includes('100 %'))" },
    { "those of which nothing is known are kept where that is asked for", NULL, NULL,
        "if (!window.once) { window.once = 1; " PICK(
            "zero", "unknown") " } return " COUNT " === '1990 of 2000 rows' && " QUERY
                               " === '?zero=declared,unknown'" },
    { "the facet says how many there are of each", NULL, NULL,
        "return [...document.querySelectorAll('[data-facet=zero] label')].map(l => "
        "l.textContent).join('|').replace(/\\u202f/g, '') === 'declared90|in part10|unknown1900' "
        "|| "
        "[...document.querySelectorAll('[data-facet=zero] label')].map(l => "
        "l.textContent).join('|')" },
    { "a share is compared by its number", "many/s/many/?q=zero:%3C100&cols=mean,zero", NULL,
        "return " COUNT " === '10 of 2000 rows' && " ROWS ".every(r => "
        "r.lastElementChild.textContent === '95 %' && r.lastElementChild.firstChild.title === "
        "'cards name training data of 1 of 20 tasks: Task03')" },
    { "what is unknown is last in both directions", "many/s/many/?cols=zero&sort=zero", NULL,
        "return " ROWS
        ".slice(0, 10).every(r => r.lastElementChild.textContent === '95 %') && " ROWS
        "[10].lastElementChild.textContent === '100 %'" },
    { "downwards too", "many/s/many/?cols=zero&sort=-zero", NULL,
        "return " ROWS "[0].lastElementChild.textContent === '100 %'" },
    { "a cell of a task that was trained on says so, and by which data",
        "many/s/many/?q=zero:part&cols=mean,Task03,Task04", NULL,
        "return " ROWS ".length === 10 && " ROWS ".every(r => { const w = "
        "r.querySelectorAll('.warn'); return w.length === 1 && w[0].textContent === 'trained' && "
        "w[0].closest('td') === r.cells[3] && w[0].title === \"trained: its card names this task, "
        "'Task03'\"; })" },
    { "a column of which a corpus has documents says so, and keeps its name in the picker",
        "later/s/wordnet/?cols=mean,WordNetGlossSTS,speed", NULL,
        "const th = document.querySelector('th[data-key=WordNetGlossSTS]'), w = "
        "th.querySelector('.warn'); return w.textContent === 'overlap' && w.title.startsWith('7 of "
        "400 documents have 13 words in a row') && "
        "[...document.querySelectorAll('[data-facet=cols] label')].some(l => l.textContent.trim() "
        "=== 'WordNetGlossSTS')" },
    { "a task that has no column on the page is picked",
        "many/s/many/?cols=mean,Task19&sort=-Task19", NULL,
        "const r = document.querySelector('table.board tbody tr'); return "
        "document.querySelector('th[data-key=Task19]') && r.cells.length === 4 && "
        "/^9\\d\\.\\d/.test(r.cells[3].textContent.trim())" },
    { "below four hundred rows there is no window", "many/s/many/?q=north", NULL,
        "return " COUNT
        " === '400 of 2000 rows' ? document.querySelectorAll('.space').length > 0 : "
        "false" },
    { "they all are in the table", "many/s/many/?q=north+-000", NULL,
        "return " ROWS ".length === +" COUNT
        ".split(' ')[0] && !document.querySelector('.space')" },

    /* the chooser */
    { "the chooser names the models that none beats, and why", "demo/s/wordnet/choose/", NULL,
        "const rows = [...document.querySelectorAll('[aria-live] tbody tr')].map(r => "
        "r.textContent); return rows.some(r => r.includes('all-MiniLM-L6-v2') && r.includes('The "
        "highest score'))" },
    { "limits make another set", "many/s/many/choose/?size=1e9&lic=permissive&mem=8e9", NULL,
        "const rows = [...document.querySelectorAll('[aria-live] tbody tr')]; return rows.length > "
        "0 && rows.every(r => /apache|mit/.test(r.lastChild.textContent))" },

    { "models can be best at several tasks of a kind", "many/s/many/choose/?by=kind-retrieval",
        NULL,
        "const t = document.querySelector('[aria-live] thead'); return t && "
        "t.textContent.includes('retrieval, 5 tasks') && "
        "document.querySelector('select').value === 'kind-retrieval' && "
        "/^9\\d\\.\\d ±0\\.[34]/.test(document.querySelector('[aria-live] td').textContent)" },

    /* names of strangers, in rows that the script makes */
    { "hostile names are shown, and do nothing", HOSTILE "?cols=mean,type,lic,arch,open", NULL,
        "const t = document.querySelector('table.board'); return t.rows[1].cells.length === 7 && "
        "[...document.querySelectorAll('table.board')].every(x => !x.querySelector('script, img, "
        "b > b')) && document.querySelector('main').textContent.includes('U+202E')" },
    { "nor do they in the chooser", HOSTILE "choose/", NULL,
        "return document.querySelector('[aria-live] table') && "
        "!document.querySelector('main script, main img')" },

    /* a phone */
    { "on a phone rank, name and mean stay where they are", "390:many/s/many/?q=model-00", NULL,
        "const t = document.querySelector('table.board'), s = t.parentElement; s.scrollLeft = 400;"
        "const row = document.querySelector('table.board tbody tr'), left = "
        "s.getBoundingClientRect().left, at = c => c.getBoundingClientRect();"
        "const three = [row.cells[0], row.querySelector('th'), row.querySelector('.main')];"
        "return at(three[0]).left - left < 2 && three.every((c, i) => !i || "
        "Math.abs(at(c).left - at(three[i - 1]).right) < 2) && at(three[2]).right < innerWidth && "
        "document.documentElement.scrollWidth <= innerWidth" },
    { "filters are folded there", NULL, NULL,
        "return !document.querySelector('.filters').open && "
        "document.querySelector('.filters > summary').offsetParent !== null" },
    { "they unfold", NULL, NULL,
        "if (!window.once) { window.once = 1; document.querySelector('.filters > "
        "summary').click(); "
        "} return [...document.querySelectorAll('.facet > summary')].every(s => s.offsetParent && "
        "s.offsetHeight >= 36)" },
    { "a panel of theirs is as wide as the page", NULL, NULL,
        "const p = document.querySelector('[data-facet=lic]'); p.open = true; const b = "
        "p.querySelector('.panel').getBoundingClientRect(); return b.left >= 0 && b.right <= "
        "innerWidth && [...p.querySelectorAll('input')].every(i => i.offsetWidth < 30) && "
        "[...p.querySelectorAll('label')].every(l => l.offsetHeight < 60)" },
    { "on a wide screen it lies within the window, its lines on one row each", "1200:many/s/many/",
        NULL,
        "return [...document.querySelectorAll('.facet')].every(p => { p.open = true; const b = "
        "p.querySelector('.panel').getBoundingClientRect(), fits = b.left >= 0 && b.right <= "
        "innerWidth && b.height < 560 && [...p.querySelectorAll('label')].every(l => "
        "l.offsetHeight < 40); p.open = false; return fits; })" },

    /* from the front page: what is the best permissive model of at most 1B parameters? */
    { "one click leads to the board", "many/", NULL,
        "if (!window.once) { window.once = 1; document.querySelector('.suite h2 a').click(); }"
        "const c = document.querySelector('[data-count]'); return location.pathname === "
        "'/many/s/many/' && c && /^2.?000 rows$/.test(c.textContent)" },
    { "what is typed there leaves the models that are asked about", NULL, "/",
        "if (!window.typed) { window.typed = 1; " TYPE(
            "size:<=1b lic:permissive") " }"
                                        "const lic = " ROWS
                                        ".map(r => r.lastElementChild.textContent); return " QUERY
                                        ".startsWith('?q=') && lic.length > 10 && lic.every(t => t "
                                        "=== 'mit' || t === "
                                        "'apache-2.0')" },
    { "the first row is the answer, with its rank among them", NULL, NULL,
        "const r = " ROWS "[0]; return r.cells[0].textContent.startsWith('1 ') && "
        "r.cells[0].classList.contains('anew')" },

    { "the theme is switched and kept", "1200:demo/s/wordnet/", NULL,
        "document.querySelector('[data-theme-toggle]').click();"
        "return document.documentElement.dataset.theme === 'dark' && localStorage.getItem('theme') "
        "=== 'dark'" },
    { "the theme is taken back", NULL, NULL, "localStorage.clear(); return true" },
    { NULL, NULL, NULL, NULL },
};

const char BOARD_TIMES[] =
    "const paint = f => { const t = performance.now(); f(); "
    "document.querySelector('table.board').offsetHeight; return Math.round(performance.now() - t); "
    "}; const first = Math.round(performance.getEntriesByType('paint').find(p => p.name === "
    "'first-contentful-paint').startTime);"
    "const sort = paint(() => { " SORT_BY(
        "Mean") " });"
                "const filter = paint(() => document.querySelector('[data-facet=lic] "
                "input[value=mit]').click()); return { first, sort, filter };";

/* Four questions that people come with, each asked from the front page on: how many clicks it takes
 * (real ones, of the mouse, on what can be seen; typing is none), and whether the page then says
 * what the fixture's numbers say. */
#include "tests/web/walks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/site-gen/fixture.h"
#include "tests/web/pairs.h"

#define LINK(test)                                                                                 \
    "return [...document.querySelectorAll('a[href], button')].find(a => a.offsetParent && " test   \
    ");"
#define TO(end) LINK("a.pathname && a.pathname.endsWith('" end "')")
#define NAMED(text) LINK("a.textContent === '" text "'")
#define CHOOSE(field, value)                                                                       \
    "{ const s = document.querySelector('[name=" field "]'); s.value = '" value                    \
    "'; s.dispatchEvent(new Event('change', { bubbles: true })); }"

/* The most of five retrieval tasks in the middle, among models of at most 1B under Apache or MIT.
 */
static void expect_best(struct strbuf *script) {
    double best = -1;
    int which = -1;
    char name[64];
    for (int m = 0; m < FIXTURE_MANY; m++) {
        double sum = 0;
        struct fixture_model facts = fixture_many_model(m);
        for (int t = 0; t < FIXTURE_MANY_TASKS; t += 4)
            sum += fixture_many_value(m, t) / 5;
        if (!facts.permissive || facts.params > 1000000000LL || sum <= best)
            continue;
        best = sum;
        which = m;
    }
    fixture_many_name(name, which);
    strbuf_addf(script,
        "const r = document.querySelector('[aria-live] tbody tr'); if (!r) return 'no row yet'; "
        "const "
        "got = r.cells[0].textContent.trim() + ' ' + r.cells[1].querySelector('b').textContent; "
        "return "
        "(got === '%s %.1f' && r.textContent.includes('The highest score of what fits')) || got + "
        "' "
        "for %s %.1f';",
        name, 100 * best, name, 100 * best);
}

/* Document 79 of the first model: which of its choices is right and which it took, by their texts.
 */
static void expect_failure(struct strbuf *script) {
    struct fixture_choice c = fixture_choice(0, 79);
    strbuf_addf(script,
        "const a = document.querySelector('.docs article'); if (!a || a.id !== 'd=79') return a && "
        "a.id; const of = w => [...a.querySelectorAll('.options li')].filter(li => "
        "[...li.querySelectorAll('.tag')].some(t => t.textContent === w)).map(li => "
        "li.querySelector('.text').textContent).join('|'); const got = [of('right'), of('chosen'), "
        "a.querySelectorAll('.options li').length, a.querySelector('.said').textContent.includes("
        "'Word: %s'), a.querySelector('.verdict').textContent].join(' / '); return got === "
        "'%s / %s / 4 / true / wrong' || got;",
        c.word, c.gold, c.taken);
}

void walks_make(struct walk walks[N_WALKS]) {
    memset(walks, 0, N_WALKS * sizeof *walks);
    walks[0] = (struct walk) { .what = "the best retrieval model of at most 1B that is free to use",
        .from = "many/",
        .n_clicks = 1,
        .clicks = { { TO("/s/many/choose/"), "location.pathname.endsWith('/s/many/choose/')" } },
        .typed = "if (!document.querySelector('[name=by] option')) return false;" CHOOSE("by",
            "kind-retrieval") CHOOSE("size", "1e9") CHOOSE("lic", "permissive") "return true;" };
    expect_best(&walks[0].answer);
    walks[1] = (struct walk) { .what = "whether the first really beats the second",
        .from = "demo/",
        .n_clicks = 2,
        .clicks = { { TO("/s/wordnet/"), "location.pathname.endsWith('/s/wordnet/')" },
            { LINK("a.textContent === 'Compare the first two' && "
                   "a.search.includes('SmolLM2')"),
                "location.pathname.endsWith('/compare/')" } } };
    pairs_expect_shares(&walks[1].answer);
    walks[2] = (struct walk) { .what = "why a model failed a question",
        .from = "demo/",
        .n_clicks = 3,
        .clicks = { { TO("/s/wordnet/"), "location.pathname.endsWith('/s/wordnet/')" },
            { TO("/SmolLM2-135M-Instruct/r/1/"), "location.pathname.endsWith('/r/1/')" },
            { NAMED("The wrong ones"), "location.search === '?only=wrong'" } } };
    expect_failure(&walks[2].answer);
    walks[3] = (struct walk) { .what = "the command that makes a figure again",
        .from = "demo/",
        .n_clicks = 3,
        .clicks = { { TO("/s/wordnet/"), "location.pathname.endsWith('/s/wordnet/')" },
            { TO("/SmolLM2-135M-Instruct/r/1/"), "location.pathname.endsWith('/r/1/')" },
            { NAMED("Copy"), "document.querySelector('[data-copy]').textContent === 'Copied'" } } };
    strbuf_adds(&walks[3].answer,
        "const said = document.getElementById('command').textContent; return "
        "navigator.clipboard.readText().then(t => (t === said && t === 'assay eval "
        "assay-demo/SmolLM2-135M-Instruct -t wordnet_definitions --dtype f32') || t);");
}

void walks_release(struct walk walks[N_WALKS]) {
    for (int i = 0; i < N_WALKS; i++)
        strbuf_release(&walks[i].answer);
}

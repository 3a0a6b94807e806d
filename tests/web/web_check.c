/* Looks at pages in a real browser, run by `script/test web`.
 *
 * `web_check [--only PART] [FOLDER]` looks at the site, or at a part (PARTS, below). `web_check
 * --at URL [--cookie NAME=VALUE] [--submit MODEL,SUITE] FOLDER LABEL=PATH...` looks at pages that
 * somebody else serves (service.sh), and before it fills in a form there and sends it.
 *
 * Builds the demo, a hostile and an empty snapshot, serves them on loopback, and opens every type
 * of page at 1200 and 390 px, light and dark: no message on the console, no sideways scrolling,
 * nothing over anything else, enough contrast (geometry.js), nothing that axe-core complains of;
 * then sorts, searches, reloads from the address, and reads a board without scripts. Screenshots go
 * to FOLDER. Exit code 77: no browser here. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/embed.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/look.h"
#include "site-gen/site.h"
#include "tests/site-gen/fixture.h"
#include "tests/web/pairs.h"
#include "tests/web/steps.h"
#include "tests/web/walks.h"
#include "tests/web/wd.h"

extern const struct embedded web_scripts[];

struct check {
    struct wd *wd;
    char *dir;         /* of the sites */
    const char *shots; /* or NULL */
    const char *only;  /* one of PARTS; NULL: all */
    char base[200];    /* address of what is looked at */
    struct strbuf axe; /* axe-core and how it is asked; empty: not at hand */
    atomic_bool stop;
    int n_pages, n_failed;
};

static void complain(struct check *c, const char *page, const char *what) {
    c->n_failed++;
    printf("FAILED  %s: %s\n", page, what);
}

/* Reports an error of the browser or of the check's own. */
static bool did(struct check *c, bool ok, const char *page, const struct err *err) {
    if (!ok)
        complain(c, page, err->msg);
    return ok;
}

/* ---- the sites ---- */

#define HOSTILE_WORDS                                                                              \
    "\"><script>pwned = 10</script>\xE2\x80\xAE<img src=x onerror=pwned=11> and words that go on"

static bool build_site(struct check *c, const char *name, json_t *doc, struct err *err) {
    char *out = path_join(c->dir, name);
    struct site_look look = { 0 };
    struct site_options options = {
        .out = out, .hub_url = "https://hub.example", .title = "Assay"
    };
    char base[80];
    snprintf(base, sizeof base, "https://bench.example/%s", name);
    if (strcmp(name, "many") != 0)
        options.base_url = base; /* feeds and badges */
    char *older = path_join(c->dir, "demo");
    if (!strcmp(name, "later")) {
        options.since = older;
        options.run_pages = 3;
    }
    if (!strcmp(name, "hostile")) { /* words of a site.lua, and addresses */
        options.title = HOSTILE_WORDS;
        options.look = &look;
        look.words = json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "lead", HOSTILE_WORDS, "about",
            HOSTILE_WORDS, "links", "text", HOSTILE_WORDS, "url", "javascript:pwned=12");
    }
    bool ok = site_build(doc, &options, NULL, err);
    site_look_release(&look);
    free(older);
    free(out);
    json_decref(doc);
    return ok;
}

/* The demo some days on: a model fell, another was withdrawn, nights went by, and older runs have
 * no page of their own. */
static json_t *later(void) {
    json_t *doc = fixture_demo();
    json_object_set_new(json_array_get(json_object_get(doc, "board"), 0), "value", json_real(0.29));
    json_object_set_new(doc, "tombstones",
        json_pack("[{s:s, s:s, s:s}]", "model", "org/gone", "reason", "its owner asked",
            "withdrawn_at", "2025-11-22T10:00:00Z"));
    json_object_set_new(doc, "nights",
        json_pack("[{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:{s:s, s:s, s:{s:[{s:i, s:s, s:b}]}}}]",
            "started_at", "2025-11-22T01:00:00Z", "outcome", "frozen", "checked", 6, "moved", 1,
            "queued", 2, "done", 1, "failed", 1, "report", "outcome", "frozen", "frozen",
            "a canary drifted", "canary", "runs", "run", 1, "verdict", "not reproduced", "drift",
            1));
    /* data of a hub, and a model that was trained on them */
    json_object_set_new(
        json_object_get(json_array_get(json_object_get(doc, "tasks"), 2), "definition"), "data",
        json_pack("{s:s}", "repo", "mteb/stsbenchmark-sts"));
    json_object_set_new(doc, "overlaps",
        json_pack("[{s:i, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:s}]", "task_id", 3, "corpus",
            "the crawl of 2026", "corpus_sha256",
            "7c1d0f7d4f1f0d2b8f0c7a3f2e6b5a4938271605f4e3d2c1b0a998877665544f", "n", 13, "words",
            123456789, "documents", 400, "too_short", 120, "contaminated", 7, "found_at",
            "2026-11-02T10:00:00Z"));
    json_object_set_new(json_array_get(json_object_get(doc, "models"), 3), "card",
        json_pack("{s:[s, s], s:s}", "datasets", "glue", "wikihow", "base_model", "org/elsewhere"));
    return doc;
}

static void *serve(void *arg) {
    struct check *c = arg;
    struct err err = ERR_INIT;
    char *port_file = path_join(c->dir, "port");
    if (!site_serve(c->dir, 0, port_file, &c->stop, &err))
        printf("FAILED  %s\n", err.msg);
    free(port_file);
    return NULL;
}

static bool find_base(struct check *c, struct err *err) {
    char *path = path_join(c->dir, "port");
    for (int i = 0; i < 100 && !file_exists(path); i++)
        nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
    struct strbuf text = { 0 };
    bool ok = file_read(path, 16, &text, err);
    snprintf(c->base, sizeof c->base, "http://127.0.0.1:%u",
        (unsigned)strtoul(strbuf_str(&text), NULL, 10));
    strbuf_release(&text);
    free(path);
    return ok;
}

/* ---- one page ---- */

static bool go(struct check *c, const char *path, struct err *err) {
    char url[400];
    snprintf(url, sizeof url, "%s/%s", c->base, path);
    return wd_go(c->wd, url, err);
}

static bool set_window(struct check *c, int width, bool dark, struct err *err) {
    return wd_devtools(c->wd, "Emulation.setDeviceMetricsOverride",
               json_pack("{s:i, s:i, s:i, s:b}", "width", width, "height", width < 600 ? 844 : 900,
                   "deviceScaleFactor", 1, "mobile", 0),
               err) &&
           wd_devtools(c->wd, "Emulation.setEmulatedMedia",
               json_pack("{s:[{s:s, s:s}]}", "features", "name", "prefers-color-scheme", "value",
                   dark ? "dark" : "light"),
               err);
}

/* A page that is called missing is one: the browser's console says so. */
static bool is_expected(const char *label, const char *what) {
    return !strncmp(label, "missing", 7) && strstr(what, "responded with a status of 404");
}

static void report_list(struct check *c, const char *label, const json_t *list) {
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        const char *what =
            json_is_string(item) ? json_string_value(item) : json_get_string(item, "message", "");
        if (!is_expected(label, what))
            complain(c, label, what);
    }
}

/* axe-core lies where ASSAY_AXE says (`script/test web` takes it from a package). */
static void find_axe(struct check *c) {
    static const char ASK[] =
        "\nreturn axe.run(document, { resultTypes: ['violations'] }).then(r => "
        "r.violations.flatMap(v => v.nodes.map(n => `axe: ${v.id}: ${v.help}: `"
        " + n.html.slice(0, 160))).slice(0, 8));";
    const char *path = getenv("ASSAY_AXE");
    struct err err = ERR_INIT;
    if (!path || !*path)
        printf("axe: skipped, ASSAY_AXE names no axe.min.js\n");
    else if (did(c, file_read(path, (size_t)8 << 20, &c->axe, &err), "axe", &err))
        strbuf_adds(&c->axe, ASK);
}

static void ask_axe(struct check *c, const char *label) {
    struct err err = ERR_INIT;
    json_t *found = NULL;
    if (c->axe.len && did(c, wd_script(c->wd, c->axe.text, &found, &err), label, &err))
        report_list(c, label, found);
    json_decref(found);
}

static void look_at(struct check *c, const char *path, const char *label) {
    struct err err = ERR_INIT;
    json_t *found = NULL, *console;
    const struct embedded *script = embedded_find(web_scripts, "geometry.js");
    c->n_pages++;
    if (!did(c, go(c, path, &err), label, &err) ||
        !did(c, wd_script(c->wd, (const char *)script->data, &found, &err), label, &err))
        return;
    report_list(c, label, found);
    json_decref(found);
    ask_axe(c, label);
    console = wd_console(c->wd, &err);
    if (did(c, console != NULL, label, &err))
        report_list(c, label, console);
    json_decref(console);
    if (c->shots) {
        struct strbuf file = { 0 };
        strbuf_addf(&file, "%s/%s.png", c->shots, label);
        did(c, wd_screenshot(c->wd, file.text, &err), label, &err);
        strbuf_release(&file);
    }
}

static const struct page {
    const char *label, *path;
} PAGES[] = {
    { "index", "demo/" },
    { "board", "demo/s/wordnet/" },
    { "choose", "demo/s/wordnet/choose/" },
    { "board-filtered",
        "demo/s/wordnet/?lic=permissive&size=..5e8&pin=assay-demo/SmolLM2-135M-Instruct&q=minilm" },
    { "board-zero", "demo/s/wordnet/?q=nothing-like-it&size=..5e8" },
    { "board-columns", "demo/s/wordnet/?cols=tier,mean,size,mem,speed,type,lic,arch,open,date" },
    { "many", "many/s/many/" },
    { "many-page", "many/s/many/page/2/" },
    { "many-trained", "many/s/many/?q=zero:part&cols=mean,zero,Task03,Task04" },
    { "many-model", "many/m/west/model-0003/" },
    { "many-choose", "many/s/many/choose/?lic=permissive" },
    { "models", "demo/m/" },
    { "model", "demo/m/assay-demo/all-MiniLM-L6-v2/" },
    { "model-partial", "demo/m/assay-demo/all-MiniLM-L6-v2-1L/" },
    { "run", "demo/m/assay-demo/SmolLM2-135M-Instruct/r/1/" },
    { "samples", "demo/m/assay-demo/SmolLM2-135M-Instruct/r/1/samples/" },
    { "samples-ranked", "demo/m/assay-demo/all-MiniLM-L6-v2/r/4/samples/" },
    { "samples-pairs", "demo/m/assay-demo/all-MiniLM-L6-v2/r/5/samples/" },
    { "compare-picker", "demo/compare/" },
    { "compare", "demo/compare/?m=assay-demo/SmolLM2-135M-Instruct&m=assay-demo/"
                 "SmolLM2-135M-Instruct-10L" },
    { "tasks", "demo/t/" },
    { "task", "demo/t/wordnet_definitions/" },
    { "queue", "demo/queue/" },
    { "methods", "demo/methods/" },
    { "plots", "demo/s/wordnet/plots/" },
    { "data", "demo/data/" },
    { "changelog", "demo/changelog/" },
    { "no-such-page", "demo/404.html" },
    { "later-board", "later/s/wordnet/" },
    { "later-model", "later/m/assay-demo/SmolLM2-135M-Instruct/" },
    { "later-trained", "later/m/assay-demo/all-MiniLM-L6-v2/" },
    { "later-task", "later/t/WordNetGlossSTS/" },
    { "later-changes", "later/s/wordnet/changes/" },
    { "later-changelog", "later/changelog/" },
    { "later-runs", "later/m/assay-demo/SmolLM2-135M-Instruct/r/" },
    { "later-nights", "later/nights/" },
    { "later-withdrawn", "later/m/org/gone/" },
    { "empty-index", "empty/" },
    { "empty-queue", "empty/queue/" },
    { "hostile-index", "hostile/" },
    { "hostile-models", "hostile/m/" },
    { "hostile-queue", "hostile/queue/" },
    { "hostile-tasks", "hostile/t/" },
    { "hostile-data", "hostile/data/" },
    { "hostile-changelog", "hostile/changelog/" },
};

static void look_at_all(struct check *c, const struct page *pages, size_t n) {
    static const int WIDTHS[] = { 1200, 390 };
    for (int dark = 0; dark < 2; dark++) {
        for (size_t w = 0; w < 2; w++) {
            struct err err = ERR_INIT;
            did(c, set_window(c, WIDTHS[w], dark, &err), "window", &err);
            for (size_t i = 0; i < n; i++) {
                char label[80];
                snprintf(label, sizeof label, "%.40s_%s_%d", pages[i].label,
                    dark ? "dark" : "light", WIDTHS[w]);
                look_at(c, pages[i].path, label);
            }
        }
    }
}

/* Every page that can be reached from the hostile site's front page by links of its own, those
 * whose paths hold hashes of hostile names too. Events that payloads wait for are made to happen.
 */
static void walk_hostile(struct check *c) {
    static const char LINKS[] =
        "return [...new Set([...document.querySelectorAll('a[href]')]"
        ".map(a => a.pathname.slice(1)))].filter(p => /^hostile\\/(.*\\/)?$/.test(p));";
    static const char PROVOKE[] =
        "for (const e of document.querySelectorAll('main *')) for (const what of ['mouseover', "
        "'focus', 'error', 'load', 'toggle']) e.dispatchEvent(new Event(what));"
        "const wrong = []; if (typeof window.pwned !== 'undefined') wrong.push(`a payload ran: "
        "${window.pwned}`);"
        "for (const e of document.querySelectorAll('a[href], form[action]')) if "
        "(!/^https?:$/.test(e.protocol || 'http:')) wrong.push(`a link goes to ${e.href}`);"
        "if (document.querySelector('iframe, object, embed, base, main script, main img:not("
        "[src*=badge])')) wrong.push('an element came out of a text');"
        "if (location.pathname.indexOf('/hostile/')) wrong.push(`the page led to ${location}`);"
        "return wrong;";
    struct err err = ERR_INIT;
    json_t *seen = json_object(), *pages = json_pack("[s]", "hostile/"), *links = NULL, *wrong;
    for (size_t i = 0; i < json_array_size(pages) && i < 200; i++) {
        const char *path = json_string_value(json_array_get(pages, i));
        char label[80];
        json_t *link;
        size_t k;
        snprintf(label, sizeof label, "hostile-%zu_%d", i, i % 2 ? 390 : 1200);
        did(c, set_window(c, i % 2 ? 390 : 1200, i % 4 > 1, &err), label, &err);
        look_at(c, path, label);
        if (did(c, wd_script(c->wd, LINKS, &links, &err), label, &err))
            json_array_foreach(links, k, link) {
                if (json_object_get(seen, json_string_value(link)))
                    continue;
                json_object_set_new(seen, json_string_value(link), json_true());
                json_array_append(pages, link);
            }
        json_decref(links);
        links = wrong = NULL;
        if (did(c, wd_script(c->wd, PROVOKE, &wrong, &err), label, &err) &&
            json_array_size(wrong) > 0) {
            printf("%s is %.200s\n", label, path);
            report_list(c, label, wrong);
        }
        json_decref(wrong);
    }
    printf("%zu pages of the hostile site\n", json_array_size(pages));
    if (json_array_size(pages) < 30)
        complain(c, "hostile", "fewer pages than there are models, runs and tasks");
    json_decref(seen);
    json_decref(pages);
}

/* ---- behaviour ---- */

/* The script must return true. */
static void expect(struct check *c, const char *what, const char *script) {
    struct err err = ERR_INIT;
    json_t *result = NULL;
    if (did(c, wd_script(c->wd, script, &result, &err), what, &err) && !json_is_true(result)) {
        char *text = json_dumps(result, JSON_ENCODE_ANY);
        complain(c, what, text ? text : "not true");
        free(text);
    }
    json_decref(result);
}

/* A key as a person presses it. */
static bool press_key(struct check *c, const char *key, struct err *err) {
    static const struct {
        const char *key, *text;
        int code;
    } KEYS[] = { { "Tab", NULL, 9 }, { "Enter", "\r", 13 }, { "ArrowDown", NULL, 40 },
        { "ArrowUp", NULL, 38 }, { "End", NULL, 35 }, { "Escape", NULL, 27 }, { " ", " ", 32 },
        { "/", "/", 191 } };
    const char *text = key[1] ? NULL : key;
    int code = 0;
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        if (strcmp(KEYS[i].key, key) == 0) {
            text = KEYS[i].text;
            code = KEYS[i].code;
        }
    }
    for (int up = 0; up < 2; up++) {
        json_t *params = json_pack("{s:s, s:s, s:i, s:s*}", "type", up ? "keyUp" : "keyDown", "key",
            key, "windowsVirtualKeyCode", code, "text", up ? NULL : text);
        if (!wd_devtools(c->wd, "Input.dispatchKeyEvent", params, err))
            return false;
    }
    return true;
}

static bool press_keys(struct check *c, const char *keys, struct err *err) {
    char *copy = xstrdup(keys), *rest = NULL;
    bool ok = true;
    for (char *key = strtok_r(copy, " ", &rest); ok && key; key = strtok_r(NULL, " ", &rest))
        ok = press_key(c, key, err);
    free(copy);
    return ok;
}

static bool becomes_true(struct check *c, const char *script) {
    struct err ignored = ERR_INIT;
    for (int i = 0; i < 80; i++) {
        json_t *result = NULL;
        bool yes = wd_script(c->wd, script, &result, &ignored) && json_is_true(result);
        json_decref(result);
        if (yes)
            return true;
        nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
    }
    return false;
}

/* What a step expects comes about within some seconds. */
static void expect_soon(struct check *c, const char *what, const char *script) {
    if (!becomes_true(c, script))
        expect(c, what, script);
}

static void take_steps(struct check *c, const struct step *steps) {
    for (; steps->what; steps++) {
        struct err err = ERR_INIT;
        char *path = NULL;
        int width = steps->path ? (int)strtol(steps->path, &path, 10) : 0;
        bool ok = (!width || set_window(c, width, false, &err)) &&
                  (!path || go(c, path + (*path == ':'), &err)) &&
                  (!steps->keys || press_keys(c, steps->keys, &err));
        if (did(c, ok, steps->what, &err))
            expect_soon(c, steps->what, steps->script);
    }
    struct err err = ERR_INIT;
    json_t *console = wd_console(c->wd, &err);
    if (did(c, console != NULL, "console", &err))
        report_list(c, "steps", console);
    json_decref(console);
}

/* A click of the mouse on what a script finds, where it is seen and nothing lies over it. */
static bool click_on(struct check *c, const char *find, struct err *err) {
    struct strbuf script = { 0 };
    json_t *at = NULL;
    bool ok;
    strbuf_addf(&script,
        "const e = (() => { %s })(); if (!e) return null; e.scrollIntoView({ block: 'center' });"
        "const b = e.getClientRects()[0], x = b.left + b.width / 2, y = b.top + b.height / 2, top "
        "= "
        "document.elementFromPoint(x, y); return top && (e === top || e.contains(top)) ? [x, y] : "
        "null;",
        find);
    ok = wd_script(c->wd, script.text, &at, err);
    if (ok && json_array_size(at) != 2)
        ok = err_set(err, ERR_FAILED, "there is nothing to click: %.200s", find);
    for (int up = 0; ok && up < 2; up++)
        ok = wd_devtools(c->wd, "Input.dispatchMouseEvent",
            json_pack("{s:s, s:O, s:O, s:s, s:i}", "type", up ? "mouseReleased" : "mousePressed",
                "x", json_array_get(at, 0), "y", json_array_get(at, 1), "button", "left",
                "clickCount", 1),
            err);
    json_decref(at);
    strbuf_release(&script);
    return ok;
}

static void take_walk(struct check *c, const struct walk *w, int width) {
    struct err err = ERR_INIT;
    char what[200], there[200];
    int clicks = 0;
    snprintf(what, sizeof what, "walk at %d px: %s", width, w->what);
    if (!did(c, set_window(c, width, false, &err) && go(c, w->from, &err), what, &err))
        return;
    for (int i = 0; i < w->n_clicks; i++) {
        /* what a page's script makes is there a little later */
        bool ok = false;
        for (int k = 0; k < 40 && !ok; k++) {
            err = (struct err)ERR_INIT;
            ok = click_on(c, w->clicks[i].find, &err);
            if (!ok)
                nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
        }
        if (!did(c, ok, what, &err))
            return;
        clicks++;
        snprintf(there, sizeof there, "return %s", w->clicks[i].there);
        if (!becomes_true(c, there))
            complain(c, what, w->clicks[i].there);
    }
    if (w->typed && !becomes_true(c, w->typed))
        complain(c, what, "nothing could be typed");
    if (!becomes_true(c, w->answer.text))
        expect(c, what, w->answer.text);
    printf("%s: %d clicks\n", what, clicks);
    if (clicks > CLICKS_MAX)
        complain(c, what, "more than three clicks");
}

static void take_walks(struct check *c) {
    struct err err = ERR_INIT;
    struct walk walks[N_WALKS];
    did(c,
        wd_devtools(c->wd, "Browser.grantPermissions",
            json_pack("{s:[s, s]}", "permissions", "clipboardReadWrite", "clipboardSanitizedWrite"),
            &err),
        "clipboard", &err);
    walks_make(walks);
    for (int i = 0; i < N_WALKS; i++) {
        take_walk(c, &walks[i], 1200);
        take_walk(c, &walks[i], 390);
    }
    walks_release(walks);
}

/* From the first Tab to the footer's last link: each stop is seen, in the window and with a ring,
 * none is stopped at twice, and nothing holds the focus. */
static void tab_through(struct check *c) {
    static const char *const PATHS[] = { "demo/", "demo/s/wordnet/", "demo/s/wordnet/choose/",
        "demo/m/assay-demo/all-MiniLM-L6-v2/", "demo/m/assay-demo/SmolLM2-135M-Instruct/r/1/",
        "demo/t/wordnet_definitions/", "demo/compare/", "demo/queue/", "demo/data/" };
    static const char STOP[] =
        "const e = document.activeElement, all = [...document.querySelectorAll('a[href], button, "
        "input, select, summary, [tabindex=\"0\"]')].filter(x => x.checkVisibility()), last = "
        "all.at(-1); if (e === document.body) return 'the focus is nowhere'; window.stops ||= new "
        "Set(); if (stops.has(e)) return 'twice at ' + e.outerHTML.slice(0, 120); stops.add(e);"
        "const b = e.getBoundingClientRect(), s = getComputedStyle(e); if (b.bottom <= 0 || b.top "
        ">= innerHeight || b.width < 1) return 'out of sight: ' + e.outerHTML.slice(0, 120);"
        "if (s.outlineStyle === 'none' || parseFloat(s.outlineWidth) < 2) return 'no ring: ' + "
        "e.outerHTML.slice(0, 120); return e === last ? 'end' : 'on';";
    for (size_t p = 0; p < sizeof PATHS / sizeof *PATHS; p++) {
        struct err err = ERR_INIT;
        char said[600] = "on";
        int n = 0;
        if (!did(c, set_window(c, 1200, p % 2, &err) && go(c, PATHS[p], &err), "tabs", &err))
            continue;
        nanosleep(&(struct timespec) { .tv_nsec = 300000000 }, NULL); /* columns may be fetched */
        for (; n < 150 && !strcmp(said, "on"); n++) {
            json_t *stop = NULL;
            bool ok = press_key(c, "Tab", &err) && wd_script(c->wd, STOP, &stop, &err);
            snprintf(said, sizeof said, "%s",
                !ok                    ? err.msg
                : json_is_string(stop) ? json_string_value(stop)
                                       : "?");
            json_decref(stop);
        }
        if (strcmp(said, "end") != 0)
            complain(c, PATHS[p], said);
        else
            printf("%s: %d stops of the Tab key\n", PATHS[p], n);
    }
}

/* On paper all rows of the filter, and nothing to click. */
static void print_board(struct check *c) {
    struct err err = ERR_INIT;
    bool ok = go(c, "many/s/many/?q=north", &err);
    did(c, ok, "print", &err);
    expect_soon(c, "what is to be printed is there",
        "return document.querySelector('[data-count]').textContent.startsWith('400 of')");
    ok = wd_devtools(
        c->wd, "Emulation.setEmulatedMedia", json_pack("{s:s}", "media", "print"), &err);
    did(c, ok, "print", &err);
    expect(c, "paper has all rows of the filter, and what it was",
        "dispatchEvent(new Event('beforeprint')); const seen = s => "
        "[...document.querySelectorAll(s)].some(e => e.offsetParent); return "
        "document.querySelectorAll('table.board tbody tr').length === 400 && !seen('.bar') && "
        "!seen('.pin') && !seen('header.top nav') && seen('.chips') && "
        "document.querySelector('.wrap').clientHeight > 400 * 15");
    ok = wd_devtools(c->wd, "Emulation.setEmulatedMedia", json_pack("{s:s}", "media", ""), &err);
    did(c, ok, "print", &err);
}

/* How long the large board takes, for the reader of the log. */
static void measure_board(struct check *c) {
    struct err err = ERR_INIT;
    json_t *times = NULL;
    if (did(c, go(c, "many/s/many/", &err), "many", &err))
        expect_soon(c, "the large board has loaded",
            "return document.querySelector('[data-count]').textContent.replace(/\\D/g, '') === "
            "'2000'");
    if (did(c, wd_script(c->wd, BOARD_TIMES, &times, &err), "times", &err))
        printf("2,000 rows: first rows after %lld ms, sorted in %lld ms, filtered in %lld ms\n",
            json_get_int(times, "first", -1), json_get_int(times, "sort", -1),
            json_get_int(times, "filter", -1));
    json_decref(times);
}

/* Scripts are off for the page, not for the check, which asks it afterwards. */
static void without_scripts(struct check *c, const char *path) {
    struct err err = ERR_INIT;
    bool ok = wd_devtools(c->wd, "Emulation.setScriptExecutionDisabled",
                  json_pack("{s:b}", "value", 1), &err) &&
              go(c, path, &err);
    did(c, ok, path, &err);
    ok = wd_devtools(
        c->wd, "Emulation.setScriptExecutionDisabled", json_pack("{s:b}", "value", 0), &err);
    did(c, ok, path, &err);
}

static void read_pages_without_scripts(struct check *c) {
    without_scripts(c, "many/s/many/");
    expect(c, "a large board has its first rows and a link to the others",
        "return document.querySelectorAll('table.board tbody tr').length === 100 && "
        "document.querySelector('a[rel=next]').href.endsWith('/s/many/page/2/')");
    without_scripts(c, "many/s/many/page/2/");
    expect(c, "which go on where the first page ends",
        "const first = document.querySelector('table.board tbody .rank').dataset.v;"
        "return document.querySelectorAll('table.board tbody tr').length === 200 && first === "
        "'101' && document.querySelector('a[rel=next]').href.endsWith('/page/3/')");
    without_scripts(c, "demo/s/wordnet/choose/");
    expect(c, "the chooser shows the front by size without scripts",
        "const rows = [...document.querySelectorAll('[data-plain] tbody tr')];"
        "return rows.length === 5 && rows[0].textContent.includes('The smallest')"
        " || rows.map(r => r.textContent).join()");
}

/* ---- evidence ---- */

/* What the page of two models says is what base/stats makes of their scores. */
static void compare_pairs(struct check *c) {
    struct strbuf shares = { 0 }, means = { 0 };
    pairs_expect_shares(&shares);
    pairs_expect_means(&means);
    const struct step steps[] = { { "right and wrong answers are compared as base/stats does it",
                                      "1200:pairs/compare/?m=assay-demo/SmolLM2-135M-Instruct"
                                      "&m=assay-demo/SmolLM2-135M-Instruct-10L",
                                      NULL, shares.text },
        { "other scores too, with clusters and subsets",
            "pairs/compare/?m=assay-demo/all-MiniLM-L6-v2&m=assay-demo/all-MiniLM-L6-v2-3L", NULL,
            means.text },
        { NULL, NULL, NULL, NULL } };
    take_steps(c, steps);
    strbuf_release(&shares);
    strbuf_release(&means);
}

static void read_without_scripts(struct check *c) {
    struct err err = ERR_INIT;
    bool ok = wd_devtools(c->wd, "Emulation.setScriptExecutionDisabled",
                  json_pack("{s:b}", "value", 1), &err) &&
              go(c, "demo/s/wordnet/", &err);
    did(c, ok, "without scripts", &err);
    ok = wd_devtools(
        c->wd, "Emulation.setScriptExecutionDisabled", json_pack("{s:b}", "value", 0), &err);
    did(c, ok, "without scripts", &err);
    expect(c, "a board can be read without scripts",
        "return document.querySelectorAll('table.board tbody tr').length === 6 && "
        "document.querySelectorAll('th button').length === 0"
        " && [...document.querySelectorAll('button, form')].every(e => e.offsetParent === null)");
    read_pages_without_scripts(c);
    ok = wd_devtools(
             c->wd, "Emulation.setScriptExecutionDisabled", json_pack("{s:b}", "value", 1), &err) &&
         go(c, "demo/m/assay-demo/all-MiniLM-L6-v2/r/4/samples/", &err) &&
         wd_devtools(
             c->wd, "Emulation.setScriptExecutionDisabled", json_pack("{s:b}", "value", 0), &err);
    did(c, ok, "samples without scripts", &err);
    expect(c, "so can the first samples, with links to the others",
        "return document.querySelectorAll('.docs article').length === 20 && "
        "document.querySelector('[data-samples-bar]').hidden && "
        "document.querySelectorAll('[data-samples-rest] a').length === 2");
}

/* ---- pages that somebody else serves ---- */

#define PAGES_MAX 32
struct served {
    const char *url, *cookie, *submit; /* cookie "NAME=VALUE", submit "MODEL,SUITE"; or NULL */
    const char *only;
    struct page pages[PAGES_MAX];
    size_t n;
};

static bool set_cookie(struct check *c, const char *cookie, struct err *err) {
    const char *value = strchr(cookie, '=');
    if (!value)
        return err_set(err, ERR_USAGE, "a cookie is NAME=VALUE");
    return wd_devtools(c->wd, "Network.setCookie",
        json_pack("{s:s%, s:s, s:s, s:b}", "name", cookie, (size_t)(value - cookie), "value",
            value + 1, "url", c->base, "httpOnly", 1),
        err);
}

/* By the fields' labels and the button, as a person does it; where it leads is waited for. */
static void submit_by_form(struct check *c, const char *what) {
    static const char FILL[] =
        "const field = t => document.getElementById([...document.querySelectorAll('label')]"
        ".find(l => l.textContent.startsWith(t)).htmlFor);"
        "field('Model').value = '%.*s'; field('Suite').value = '%s';"
        "const b = [...document.querySelectorAll('main button')].find(b => b.textContent === "
        "'Submit'); b.click(); return true";
    struct err err = ERR_INIT;
    char script[900];
    size_t n = strcspn(what, ",");
    snprintf(script, sizeof script, FILL, (int)n, what, what + n + (what[n] == ','));
    if (!did(c, set_window(c, 390, false, &err) && go(c, "submit", &err), "form", &err))
        return;
    expect(c, "the form is filled in and sent", script);
    nanosleep(&(struct timespec) { .tv_sec = 1 }, NULL);
    expect(c, "it leads to the page of the submission",
        "return /^\\/submissions\\/[0-9]+$/.test(location.pathname) || location.href + ': ' + "
        "document.querySelector('main').textContent.slice(0, 300)");
    expect(c, "which says what becomes of it, and may be called off",
        "return [...document.querySelectorAll('main button')].some(b => b.textContent === 'Call it "
        "off') && document.querySelector('.verdict .state').textContent.length > 3");
}

static bool read_served(struct served *s, int argc, char **argv, const char **shots) {
    int i = 1;
    for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
        const char **to = !strcmp(argv[i], "--at")       ? &s->url
                          : !strcmp(argv[i], "--cookie") ? &s->cookie
                          : !strcmp(argv[i], "--submit") ? &s->submit
                          : !strcmp(argv[i], "--only")   ? &s->only
                                                         : NULL;
        if (!to)
            return false;
        *to = argv[i + 1];
    }
    *shots = i < argc ? argv[i++] : NULL;
    for (; i < argc && s->n < PAGES_MAX; i++) {
        char *path = strchr(argv[i], '=');
        if (!path)
            return false;
        *path = '\0';
        s->pages[s->n++] = (struct page) { argv[i], path + 1 };
    }
    return i == argc && (s->url != NULL) == (s->n > 0);
}

static void look_at_served(struct check *c, const struct served *s) {
    struct err err = ERR_INIT;
    snprintf(c->base, sizeof c->base, "%s", s->url);
    if (s->submit)
        submit_by_form(c, s->submit);
    if (!s->cookie || did(c, set_cookie(c, s->cookie, &err), "cookie", &err))
        look_at_all(c, s->pages, s->n);
}

/* ---- main ---- */

static bool prepare(struct check *c, struct err *err) {
    c->dir = fixture_dir();
    return build_site(c, "demo", fixture_demo(), err) && build_site(c, "later", later(), err) &&
           build_site(c, "empty", fixture_empty(), err) &&
           build_site(c, "hostile", fixture_hostile(), err) &&
           build_site(c, "pairs", pairs_document(), err) &&
           build_site(c, "many", fixture_many(FIXTURE_MANY), err);
}

static void look_at_types(struct check *c) {
    look_at_all(c, PAGES, sizeof PAGES / sizeof *PAGES);
}

static void use_board(struct check *c) {
    take_steps(c, BOARD_STEPS);
    print_board(c);
    measure_board(c);
}

static void use_evidence(struct check *c) {
    take_steps(c, EVIDENCE_STEPS);
    compare_pairs(c);
}

static const struct {
    const char *name;
    void (*look)(struct check *c);
} PARTS[] = { { "types", look_at_types }, { "hostile", walk_hostile }, { "board", use_board },
    { "evidence", use_evidence }, { "walks", take_walks }, { "tabs", tab_through },
    { "bare", read_without_scripts } };

static void look_at_site(struct check *c) {
    struct err err = ERR_INIT;
    pthread_t server;
    if (!did(c, prepare(c, &err), "preparing", &err) ||
        pthread_create(&server, NULL, serve, c) != 0)
        return;
    bool ok = did(c, find_base(c, &err), "server", &err);
    for (size_t i = 0; ok && i < sizeof PARTS / sizeof *PARTS; i++) {
        if (!c->only || !strcmp(c->only, PARTS[i].name))
            PARTS[i].look(c);
    }
    c->stop = 1;
    pthread_join(server, NULL);
}

int main(int argc, char **argv) {
    struct err err = ERR_INIT;
    struct check c = { 0 };
    struct served served = { 0 };
    if (!read_served(&served, argc, argv, &c.shots)) {
        fprintf(stderr, "web_check [--only PART] [FOLDER] | --at URL [--cookie NAME=VALUE] "
                        "[--submit MODEL,SUITE] "
                        "FOLDER LABEL=PATH...\n");
        return 2;
    }
    c.only = served.only;
    c.wd = wd_open(&err);
    if (!c.wd) {
        printf("skipped: %s\n", err.msg);
        return err.class == ERR_NOT_FOUND ? 77 : 1;
    }
    find_axe(&c);
    if (!c.shots || did(&c, dir_make(c.shots, &err), "screenshots", &err)) {
        if (served.url)
            look_at_served(&c, &served);
        else
            look_at_site(&c);
    }
    wd_close(c.wd);
    if (c.dir && !dir_remove(c.dir, &err))
        printf("%s\n", err.msg);
    free(c.dir);
    strbuf_release(&c.axe);
    printf("%d views of pages, %d failures\n", c.n_pages, c.n_failed);
    return c.n_failed != 0;
}

/* Looks at the site in a real browser: `web_check [FOLDER]`, run by `script/test web`.
 *
 * Builds the demo, a hostile and an empty snapshot, serves them on loopback, and opens every type
 * of page at 1200 and 390 px, light and dark: no message on the console, no sideways scrolling,
 * nothing over anything else, enough contrast (geometry.js); then sorts, searches, reloads from the
 * address, and reads a board without scripts. Screenshots go to FOLDER. Exit code 77: no browser
 * here. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/embed.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/site.h"
#include "tests/site-gen/fixture.h"
#include "tests/web/wd.h"

extern const struct embedded web_scripts[];

struct check {
    struct wd *wd;
    char *dir;         /* of the sites */
    const char *shots; /* or NULL */
    unsigned port;
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

static bool build_site(struct check *c, const char *name, json_t *doc, struct err *err) {
    char *out = path_join(c->dir, name);
    struct site_options options = {
        .out = out, .hub_url = "https://hub.example", .title = "Assay"
    };
    bool ok = site_build(doc, &options, NULL, err);
    free(out);
    json_decref(doc);
    return ok;
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

static bool find_port(struct check *c, struct err *err) {
    char *path = path_join(c->dir, "port");
    for (int i = 0; i < 100 && !file_exists(path); i++)
        nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
    struct strbuf text = { 0 };
    bool ok = file_read(path, 16, &text, err);
    c->port = (unsigned)strtoul(strbuf_str(&text), NULL, 10);
    strbuf_release(&text);
    free(path);
    return ok;
}

/* ---- one page ---- */

static bool go(struct check *c, const char *path, struct err *err) {
    char url[400];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/%s", c->port, path);
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

static void report_list(struct check *c, const char *label, const json_t *list) {
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) complain(c, label,
        json_is_string(item) ? json_string_value(item) : json_get_string(item, "message", ""));
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
    { "models", "demo/m/" },
    { "model", "demo/m/assay-demo/all-MiniLM-L6-v2/" },
    { "model-partial", "demo/m/assay-demo/all-MiniLM-L6-v2-1L/" },
    { "run", "demo/m/assay-demo/SmolLM2-135M-Instruct/r/1/" },
    { "tasks", "demo/t/" },
    { "task", "demo/t/wordnet_definitions/" },
    { "queue", "demo/queue/" },
    { "methods", "demo/methods/" },
    { "empty-index", "empty/" },
    { "empty-queue", "empty/queue/" },
    { "hostile-index", "hostile/" },
    { "hostile-models", "hostile/m/" },
    { "hostile-queue", "hostile/queue/" },
    { "hostile-tasks", "hostile/t/" },
};

static void look_at_all(struct check *c) {
    static const int WIDTHS[] = { 1200, 390 };
    for (int dark = 0; dark < 2; dark++) {
        for (size_t w = 0; w < 2; w++) {
            struct err err = ERR_INIT;
            did(c, set_window(c, WIDTHS[w], dark, &err), "window", &err);
            for (size_t i = 0; i < sizeof PAGES / sizeof *PAGES; i++) {
                char label[80];
                snprintf(label, sizeof label, "%s_%s_%d", PAGES[i].label, dark ? "dark" : "light",
                    WIDTHS[w]);
                look_at(c, PAGES[i].path, label);
            }
        }
    }
}

/* Pages whose paths hold hashes of hostile names: found by following the links. */
static void follow_hostile(struct check *c) {
    static const char *const FROM[] = { "hostile/", "hostile/m/", "hostile/t/" };
    static const char LINKS[] =
        "return [...new Set([...document.querySelectorAll('main a[href]')]"
        ".map(a => a.pathname.slice(1)))].filter(p => p.startsWith('hostile/')).slice(0, 12)";
    for (size_t i = 0; i < sizeof FROM / sizeof *FROM; i++) {
        struct err err = ERR_INIT;
        json_t *links = NULL, *link;
        size_t k;
        bool ok = go(c, FROM[i], &err) && wd_script(c->wd, LINKS, &links, &err);
        if (did(c, ok, FROM[i], &err)) {
            json_array_foreach(links, k, link) {
                char label[80];
                snprintf(label, sizeof label, "hostile-linked-%zu-%zu", i, k);
                look_at(c, json_string_value(link), label);
            }
        }
        json_decref(links);
    }
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

#define FIRST "document.querySelector('table.board tbody tr:not([hidden]) th').textContent.trim()"

static void use_board(struct check *c) {
    struct err err = ERR_INIT;
    did(c, set_window(c, 1200, false, &err) && go(c, "demo/s/wordnet/", &err), "board", &err);
    expect(c, "the board begins with the best", "return " FIRST ".endsWith('all-MiniLM-L6-v2')");
    expect(c, "a click on Size sorts, the smallest first",
        "[...document.querySelectorAll('th[data-order] button')].find(b => b.textContent === "
        "'Size').click();"
        "return " FIRST
        ".endsWith('-1L') && document.querySelector('th[aria-sort]').textContent === 'Size'");
    expect(c, "missing values are last in both directions",
        "const b = [...document.querySelectorAll('th[data-order] button')].find(b => b.textContent "
        "=== 'Mean');"
        "const last = () => "
        "[...document.querySelectorAll('table.board')][0].tBodies[0].rows[2].textContent.includes('"
        "-1L');"
        "b.click(); const down = last(); b.click(); return down && last()");
    expect(c, "search takes all words and leaves out those after a minus",
        "const q = document.querySelector('#q'); q.value = 'minilm -3l';"
        "q.dispatchEvent(new Event('input', { bubbles: true }));"
        "const shown = [...document.querySelectorAll('tbody tr:not([hidden])')].length;"
        "return shown === 2 && document.querySelector('[data-count]').textContent === '2 of 6 "
        "rows'");
    nanosleep(&(struct timespec) { .tv_nsec = 400000000 }, NULL);
    expect(c, "the address holds the state",
        "const s = new URLSearchParams(location.search); return s.get('q') === 'minilm -3l' && "
        "s.get('sort') === '0:Mean'");
    expect(c, "reload", "location.reload(); return true");
    nanosleep(&(struct timespec) { .tv_nsec = 500000000 }, NULL);
    expect(c, "the state comes back from the address",
        "return document.querySelectorAll('tbody tr:not([hidden])').length === 2 &&"
        " document.querySelector('table.board th[aria-sort]').getAttribute('aria-sort') === "
        "'ascending'");
    expect(c, "the theme is switched and kept",
        "document.querySelector('[data-theme-toggle]').click();"
        "return document.documentElement.dataset.theme === 'dark' && localStorage.getItem('theme') "
        "=== 'dark'");
    expect(c, "the theme is taken back", "localStorage.clear(); return true");
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
}

/* ---- main ---- */

static bool prepare(struct check *c, struct err *err) {
    c->dir = fixture_dir();
    return build_site(c, "demo", fixture_demo(), err) &&
           build_site(c, "empty", fixture_empty(), err) &&
           build_site(c, "hostile", fixture_hostile(), err);
}

int main(int argc, char **argv) {
    struct err err = ERR_INIT;
    struct check c = { .shots = argc > 1 ? argv[1] : NULL };
    pthread_t server;
    c.wd = wd_open(&err);
    if (!c.wd) {
        printf("skipped: %s\n", err.msg);
        return err.class == ERR_NOT_FOUND ? 77 : 1;
    }
    bool ok = (!c.shots || dir_make(c.shots, &err)) && prepare(&c, &err);
    if (ok && pthread_create(&server, NULL, serve, &c) == 0) {
        if (did(&c, find_port(&c, &err), "server", &err)) {
            look_at_all(&c);
            follow_hostile(&c);
            use_board(&c);
            read_without_scripts(&c);
        }
        c.stop = 1;
        pthread_join(server, NULL);
    } else {
        complain(&c, "preparing", err.msg);
    }
    wd_close(c.wd);
    if (c.dir && !dir_remove(c.dir, &err))
        printf("%s\n", err.msg);
    free(c.dir);
    printf("%d views of pages, %d failures\n", c.n_pages, c.n_failed);
    return c.n_failed != 0;
}

/* What a site has beside its pages of results: downloads, badges, feeds, and a team's own look. */
#include "tests/site-gen/fixture.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/look.h"
#include "site-gen/outlet.h"
#include "site-gen/results.h"

static int make_dir(void **state) {
    *state = fixture_dir();
    return 0;
}

static int drop_dir(void **state) {
    struct err err = ERR_INIT;
    bool ok = dir_remove(*state, &err);
    free(*state);
    return ok ? 0 : -1;
}

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

#define assert_fails(call, kind, said)                                                             \
    do {                                                                                           \
        struct err err = ERR_INIT;                                                                 \
        assert_false(call);                                                                        \
        assert_int_equal(err.class, kind);                                                         \
        if (!strstr(err.msg, said))                                                                \
            fail_msg("%s", err.msg);                                                               \
    } while (0)

static void build_with(json_t *doc, const char *out, const struct site_options *more) {
    struct site_options options = more ? *more : (struct site_options) { 0 };
    options.out = out;
    options.base_url = "https://bench.example/assay";
    options.gnuplot = "";
    assert_ok(site_build(doc, &options, NULL, &err));
    json_decref(doc);
}

static void assert_sound(const char *dir) {
    struct site_report report = { 0 };
    struct err err = ERR_INIT;
    if (!site_check(dir, &report, &err))
        fail_msg("%s:\n%.3000s", err.msg, strbuf_str(&report.problems));
    site_report_release(&report);
}

static void assert_holds(const char *dir, const char *path, const char *text) {
    char *page = fixture_read(dir, path);
    if (!strstr(page, text))
        fail_msg("%s does not hold '%s':\n%.2000s", path, text, page);
    free(page);
}

static void assert_lacks(const char *dir, const char *path, const char *text) {
    char *page = fixture_read(dir, path);
    if (strstr(page, text))
        fail_msg("%s holds '%s'", path, text);
    free(page);
}

/* ---- downloads ---- */

static void a_listed_file_has_the_hash_that_is_listed(void **state) {
    char *out = path_join(*state, "site");
    build_with(fixture_demo(), out, NULL);
    assert_sound(out);
    char *text = fixture_read(out, "api/v1/data.json");
    json_t *doc = NULL, *board, *file;
    assert_ok(doc = json_parse(text, strlen(text), "data", &err));
    board = json_array_get(json_object_get(doc, "boards"), 0);
    size_t i, n = 0;
    json_array_foreach(json_object_get(board, "files"), i, file) {
        char hex[65], *body = fixture_read(out, json_get_string(file, "path", "/") + 1);
        sha256_hex(body, strlen(body), hex);
        assert_string_equal(hex, json_get_string(file, "sha256", ""));
        assert_int_equal(strlen(body), json_get_int(file, "bytes", 0));
        assert_holds(out, "data/index.html", hex);
        free(body);
        n++;
    }
    assert_int_equal(n, 3); /* the board, and a CSV for each of its sections */
    assert_true(json_array_size(json_object_get(doc, "files")) >= 4);
    json_decref(doc);
    free(text);
    free(out);
}

static void a_board_as_csv_has_a_row_a_model(void **state) {
    char *out = path_join(*state, "site");
    build_with(fixture_demo(), out, NULL);
    char *csv = fixture_read(out, "data/wordnet-embedding.csv");
    static const char HEAD[] = "model,revision,licence,architecture,dtype,params,size_bytes,rank,";
    assert_memory_equal(csv, HEAD, strlen(HEAD));
    assert_non_null(strstr(csv, ",WordNetGlossRetrieval value,WordNetGlossRetrieval se,"));
    assert_non_null(strstr(csv, "\r\nassay-demo/all-MiniLM-L6-v2,c9745ed1"));
    assert_non_null(strstr(csv, ",0.5361,0.0214,"));
    free(csv);
    free(out);
}

/* Beside the rows, in no rank; among them where a look says so. */
static void what_was_imported_is_told_from_what_was_measured(void **state) {
    (void)state;
    for (int rank = 0; rank < 2; rank++) {
        json_t *doc = fixture_demo(),
               *row = json_deep_copy(json_array_get(json_object_get(doc, "board"), 0));
        struct board_options options = { .rank_imported = rank };
        struct err err = ERR_INIT;
        json_t *board = NULL;
        json_object_set_new(row, "origin", json_string("imported"));
        json_object_set_new(row, "weight_type", json_string("imported"));
        json_object_set_new(row, "profile", json_string("lm-eval/0.4.13"));
        json_object_set_new(doc, "imported", json_pack("[o]", row));
        if (!site_board(doc, json_get_string(row, "suite", ""), &options, &board, &err))
            fail_msg("%s", err.msg);
        size_t n_marked = 0, n_apart = 0, i, k;
        json_t *section, *one;
        json_array_foreach(json_object_get(board, "sections"), i, section) {
            struct strbuf csv = { 0 };
            json_array_foreach(json_object_get(section, "rows"), k, one) n_marked +=
                json_get_bool(json_object_get(one, "mark"), "imported", false);
            n_apart += json_array_size(json_object_get(section, "imported"));
            section_csv(section, &csv);
            assert_non_null(strstr(strbuf_str(&csv), ",measured\r\n"));
            if (json_array_size(json_object_get(section, "imported")))
                assert_true(str_ends(strbuf_str(&csv), ",imported\r\n"));
            strbuf_release(&csv);
        }
        assert_int_equal(n_marked, rank);
        assert_int_equal(n_apart, !rank);
        json_decref(board);
        json_decref(doc);
    }
}

static void a_csv_holds_no_formula(void **state) {
    static const char *const NAMES[] = { "=1+1", "+x", "-x", "@x", "\tx", "a,\"b\"\n=c",
        "\xEF\xBC\x9D"
        "1" };
    static const char *const TOLD[] = { "\"'=1+1\"", "\"'+x\"", "\"'-x\"", "\"'@x\"", "\"'\tx\"",
        "\"a,\"\"b\"\"\n=c\"",
        "\"'\xEF\xBC\x9D"
        "1\"" };
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct strbuf out = { 0 }, want = { 0 };
        json_t *section = json_pack("{s:[], s:[{s:{s:s}, s:f, s:[]}]}", "tasks", "rows", "model",
            "name", NAMES[i], "x", -1.0, "cells");
        section_csv(section, &out);
        strbuf_addf(&want, "\r\n%s,", TOLD[i]);
        if (!strstr(out.text, want.text))
            fail_msg("%s became %s", NAMES[i], out.text);
        json_decref(section);
        strbuf_release(&out);
        strbuf_release(&want);
    }
}

/* ---- badges ---- */

static void a_model_on_a_board_has_a_badge(void **state) {
    char *out = path_join(*state, "site");
    build_with(fixture_demo(), out, NULL);
    assert_holds(out, "badge/assay-demo/all-MiniLM-L6-v2/wordnet.json",
        "{\"schemaVersion\": 1, \"label\": \"WordNet\", \"message\": \"47.4 \xC2\xB1"
        "4.7, rank 1 of 2\"");
    assert_holds(out, "badge/assay-demo/all-MiniLM-L6-v2/wordnet.svg", "<svg xmlns=");
    assert_holds(out, "badge/assay-demo/all-MiniLM-L6-v2-1L/wordnet.json", "\"not ranked\"");
    assert_holds(out, "m/assay-demo/all-MiniLM-L6-v2/index.html",
        "[![WordNet](https://bench.example/assay/badge/assay-demo/all-MiniLM-L6-v2/wordnet.svg)]"
        "(https://bench.example/assay/m/assay-demo/all-MiniLM-L6-v2/)");
    char *svg = fixture_read(out, "badge/assay-demo/all-MiniLM-L6-v2/wordnet.svg");
    assert_true(strlen(svg) < 1024);
    free(svg);
    free(out);
}

static void fault_99_a_badge_holds_no_markup(void **state) {
    (void)state;
    struct strbuf out = { 0 };
    badge_svg("</text><script>alert(1)</script>", "user\xE2\x80\xAEtxt", &out);
    assert_null(strstr(out.text, "<script"));
    assert_null(strstr(out.text, "\xE2\x80\xAE"));
    assert_non_null(strstr(out.text, "&lt;script"));
    strbuf_release(&out);
}

/* ---- feeds, search, previews ---- */

static void models_and_tasks_have_feeds_of_their_own(void **state) {
    char *out = path_join(*state, "site");
    json_t *doc = fixture_demo(), *run = json_array_get(json_object_get(doc, "runs"), 0);
    json_object_set_new(run, "superseded_at", json_string("2025-12-01T08:00:00Z"));
    json_object_set_new(run, "superseded_why", json_string("the data had a fault"));
    json_object_set_new(run, "current", json_false());
    build_with(doc, out, NULL);
    assert_sound(out);
    const char *feed = "m/assay-demo/all-MiniLM-L6-v2-3L/feed.atom";
    assert_holds(out, feed, "<id>tag:bench.example,2025:m/assay-demo/all-MiniLM-L6-v2-3L</id>");
    assert_holds(
        out, feed, "<id>tag:bench.example,2025:run/8</id>\n<updated>2025-12-01T08:00:00Z<");
    assert_holds(out, feed, "Withdrawn: the data had a fault");
    assert_holds(out, "t/WordNetGlossSTS/feed.atom", "<id>tag:bench.example,2025:run/5</id>");
    assert_holds(out, "t/WordNetGlossSTS/index.html", "href=\"../../t/WordNetGlossSTS/feed.atom\"");
    free(out);
}

static void browsers_and_previews_are_told_what_a_page_is(void **state) {
    char *out = path_join(*state, "site");
    build_with(fixture_demo(), out, NULL);
    assert_holds(
        out, "opensearch.xml", "template=\"https://bench.example/assay/m/?q={searchTerms}\"");
    assert_holds(out, "s/wordnet/index.html",
        "<meta property=\"og:url\" content=\"https://bench.example/assay/s/wordnet/\">");
    assert_holds(out, "s/wordnet/index.html", "application/opensearchdescription+xml");
    assert_holds(out, "sitemap.xml", "<loc>https://bench.example/assay/data/</loc>");
    free(out);
}

/* ---- a team's own look ---- */

static char *write_look(const char *dir, const char *text) {
    char *path = path_join(dir, "site.lua");
    assert_ok(file_write_atomic(path, text, strlen(text), &err));
    return path;
}

static void a_team_makes_the_site_theirs(void **state) {
    static const char SVG[] = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    char *out = path_join(*state, "site"), *logo = path_join(*state, "mark.svg");
    char *path = write_look(*state,
        "return { title = 'Lovelace bench', lead = 'What our models know', about = 'Ours <b>.',\n"
        "  logo = 'mark.svg', colours = { light = { accent = '#5b2a86' } },\n"
        "  links = { { text = 'Imprint', url = 'https://example.org/imprint' },\n"
        "            { text = 'How', url = '/methods/' } } }\n");
    struct site_look look = { 0 };
    assert_ok(file_write_atomic(logo, SVG, strlen(SVG), &err));
    assert_ok(site_look_read(path, &look, &err));
    build_with(fixture_demo(), out, &(struct site_options) { .look = &look });
    assert_sound(out);
    assert_holds(out, "index.html", "<h1>What our models know</h1>");
    assert_holds(out, "index.html", "Ours &lt;b&gt;.");
    assert_holds(
        out, "index.html", "<img src=\"assets/logo.svg\" alt=\"\" height=\"24\">Lovelace bench");
    assert_holds(out, "index.html", "href=\"https://example.org/imprint\" rel=\"noopener");
    assert_holds(out, "index.html", "<a href=\"methods/\">How</a>");
    assert_holds(out, "assets/look.css", "--accent: light-dark(#5b2a86, #e5b454);");
    assert_lacks(out, "assets/look.css", "--bg");
    assert_holds(out, "assets/logo.svg", SVG);
    site_look_release(&look);
    free(path);
    free(logo);
    free(out);
}

static void a_site_of_no_team_has_no_file_for_it(void **state) {
    char *out = path_join(*state, "site"), *css = path_join(out, "assets/look.css");
    build_with(fixture_demo(), out, NULL);
    assert_false(file_exists(css));
    assert_lacks(out, "index.html", "look.css");
    free(css);
    free(out);
}

static void what_is_wrong_with_a_look_is_said(void **state) {
    static const struct {
        const char *text, *said, *hint;
    } CASES[] = {
        { "return { titel = 'x' }", "the site has no 'titel'", "'title'" },
        { "return { colours = { light = { acent = '#000000' } } }", "has no 'acent'", "'accent'" },
        { "return { colours = { bright = {} } }", "colours has no 'bright'", "'light'" },
        { "return { colours = { light = { accent = 'red' } } }", "light.accent is not a colour",
            "" },
        { "return { colours = { light = { accent = '#f0c060' } } }", "less than 4.5:1", "darker" },
        { "return { colours = { dark = { bg = '#ffffff' } } }", "colours.dark: 'fg'", "" },
        { "return { colours = { light = { fg = '#5b6068', heat = '#000000' } } }",
            "'fg' #5b6068 on 'heat'", "" },
        { "return { links = { { text = 'x', url = 'javascript:x' } } }", "leads neither", "" },
        { "return { links = { { text = 'x', url = '//evil' } } }", "leads neither", "" },
        { "return { links = { { txt = 'x' } } }", "a link has no 'txt'", "'text'" },
        { "return { logo = '../x.svg' }", "logo is not the name", "" },
        { "return { logo = 'bad.svg' }", "the logo holds a script", "" },
        { "return { title = 7 }", "title is not a text", "" },
        { "return 7", "does not return a table", "" },
        { "return os.exit()", "site.lua", "" },
        { "while true do end", "site.lua", "" },
    };
    char *bad = path_join(*state, "bad.svg");
    assert_ok(file_write_atomic(bad, "<svg><SCRIPT/></svg>", 20, &err));
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct site_look look = { 0 };
        struct err err = ERR_INIT;
        char *path = write_look(*state, CASES[i].text);
        if (site_look_read(path, &look, &err))
            fail_msg("%s is taken", CASES[i].text);
        assert_int_equal(err.class, ERR_INPUT);
        if (!strstr(err.msg, CASES[i].said) || !strstr(err.hint, CASES[i].hint))
            fail_msg("%s: %s (%s)", CASES[i].text, err.msg, err.hint);
        site_look_release(&look);
        free(path);
    }
    free(bad);
}

static void contrast_is_that_of_wcag(void **state) {
    (void)state;
    assert_near(colour_contrast("#000000", "#ffffff"), 21, 1e-3);
    assert_near(colour_contrast("#767676", "#FFFFFF"), 4.54, 0.005);
    assert_near(colour_contrast("#777777", "#ffffff"), 4.48, 0.005);
    assert_near(colour_contrast("white", "#ffffff"), 0, 0);
}

/* "" and "api/v1/s/wordnet.json": all files of a folder, one a line, without those beside them that
 * are compressed. */
static void list_files(const char *dir, const char *below, struct strbuf *out) {
    struct dirent **names;
    char *full = path_join(dir, below);
    int n = scandir(full, &names, NULL, alphasort);
    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        struct strbuf path = { 0 };
        strbuf_addf(&path, "%s%s%s", below, *below ? "/" : "", names[i]->d_name);
        if (names[i]->d_type == DT_DIR && names[i]->d_name[0] != '.')
            list_files(dir, path.text, out);
        else if (names[i]->d_type == DT_REG && !str_ends(path.text, ".gz") &&
                 !str_ends(path.text, ".br"))
            strbuf_addf(out, "%s\n", path.text);
        strbuf_release(&path);
        free(names[i]);
    }
    free(names);
    free(full);
}

static void assert_same_files(const char *a, const char *b, const char *const *except) {
    struct strbuf x = { 0 }, y = { 0 };
    list_files(a, "", &x);
    list_files(b, "", &y);
    assert_string_equal(x.text, y.text);
    for (char *save, *name = strtok_r(x.text, "\n", &save); name;
         name = strtok_r(NULL, "\n", &save)) {
        bool other = false;
        for (const char *const *e = except; *e; e++)
            other = other || strcmp(*e, name) == 0;
        char *p = fixture_read(a, name), *q = fixture_read(b, name);
        size_t at = 0;
        while (p[at] && p[at] == q[at])
            at++;
        size_t from = at > 200 ? at - 200 : 0;
        if ((strcmp(p, q) != 0) != other)
            fail_msg("%s %s:\n%.300s\n%.300s", name, other ? "is the same" : "differs", p + from,
                q + from);
        free(p);
        free(q);
    }
    strbuf_release(&x);
    strbuf_release(&y);
}

/* ---- what changed ---- */

/* Run 8 was withdrawn, and run 9 of the same configuration stands for it; run 7 has no successor.
 */
static json_t *corrected(void) {
    json_t *doc = fixture_demo(), *runs = json_object_get(doc, "runs"),
           *run = json_array_get(runs, 0), *next = json_deep_copy(run),
           *seven = json_array_get(runs, 1);
    json_object_set_new(next, "run_id", json_integer(9));
    json_object_set_new(next, "value", json_real(0.3333));
    json_object_set_new(run, "superseded_at", json_string("2025-12-01T08:00:00Z"));
    json_object_set_new(run, "superseded_why", json_string("scored by <b>old</b> rules"));
    json_object_set_new(run, "current", json_false());
    json_object_set_new(seven, "superseded_at", json_string("2025-12-02T08:00:00Z"));
    json_object_set_new(seven, "current", json_false());
    json_array_insert_new(runs, 0, next);
    json_object_set_new(doc, "tombstones",
        json_pack("[{s:s, s:s, s:s}]", "model", "org/gone", "reason", "its owner asked",
            "withdrawn_at", "2025-11-20T10:00:00Z"));
    return doc;
}

static void corrections_and_takedowns_are_in_the_open(void **state) {
    char *out = path_join(*state, "site");
    build_with(corrected(), out, NULL);
    assert_sound(out);
    char *text = fixture_read(out, "api/v1/changelog.json");
    json_t *doc = NULL, *events, *event;
    assert_ok(doc = json_parse(text, strlen(text), "changelog", &err));
    events = json_object_get(doc, "events");
    assert_int_equal(json_array_size(events), 3); /* newest first */
    assert_string_equal(json_get_string(json_array_get(events, 0), "kind", ""), "retracted");
    event = json_array_get(events, 1);
    assert_string_equal(json_get_string(event, "kind", ""), "corrected");
    assert_int_equal(json_get_int(json_object_get(event, "run"), "run_id", 0), 8);
    assert_int_equal(json_get_int(json_object_get(event, "by"), "run_id", 0), 9);
    assert_string_equal(json_get_string(json_array_get(events, 2), "kind", ""), "withdrawn");
    assert_holds(out, "changelog/index.html", "scored by &lt;b&gt;old&lt;/b&gt; rules");
    assert_holds(out, "changelog/index.html", "its owner asked");
    json_decref(doc);
    free(text);
    free(out);
}

static void what_was_read_of_corrections_is_enough(void **state) {
    static const char *const NONE[] = { NULL };
    char *a = path_join(*state, "a"), *b = path_join(*state, "b");
    json_t *doc = corrected(), *list = json_array(), *runs = json_object_get(doc, "runs");
    for (size_t i = 0; i < 3; i++)
        json_array_append(list, json_array_get(runs, i));
    json_object_set_new(doc, "corrections", list);
    build_with(corrected(), a, NULL);
    build_with(doc, b, NULL);
    assert_same_files(a, b, NONE);
    free(a);
    free(b);
}

static void nothing_changed_is_said_too(void **state) {
    char *out = path_join(*state, "site");
    build_with(fixture_demo(), out, NULL);
    assert_holds(out, "changelog/index.html", "Nothing was corrected");
    free(out);
}

/* The demo without its last model, and with another score of the first. */
static json_t *later(void) {
    json_t *doc = fixture_demo(), *board = json_object_get(doc, "board"), *row;
    for (size_t i = json_array_size(board); i-- > 0;) {
        row = json_array_get(board, i);
        if (strcmp(json_get_string(row, "model", ""), "assay-demo/all-MiniLM-L6-v2-3L") == 0)
            json_array_remove(board, i);
        else if (json_get_int(row, "run_id", 0) == 1)
            json_object_set_new(row, "value", json_real(0.29));
    }
    return doc;
}

static void a_board_tells_what_changed_since_an_older_site(void **state) {
    char *old = path_join(*state, "old"), *out = path_join(*state, "site");
    build_with(fixture_demo(), old, NULL);
    build_with(later(), out, &(struct site_options) { .since = old });
    assert_sound(out);
    char *text = fixture_read(out, "api/v1/s/wordnet/changes.json");
    json_t *doc = NULL, *vectors, *language, *moved;
    assert_ok(doc = json_parse(text, strlen(text), "changes", &err));
    vectors = json_array_get(json_object_get(doc, "sections"), 0);
    language = json_array_get(json_object_get(doc, "sections"), 1);
    assert_int_equal(json_array_size(json_object_get(vectors, "left")), 1);
    assert_int_equal(json_array_size(json_object_get(vectors, "entered")), 0);
    moved = json_object_get(language, "moved");
    assert_int_equal(json_array_size(moved), 2); /* the one that fell, and the one that it let by */
    assert_holds(out, "s/wordnet/changes/index.html", "1 gone");
    assert_holds(out, "s/wordnet/changes/index.html", "−10.5");
    assert_holds(out, "changelog/index.html", "href=\"../s/wordnet/changes/\"");
    json_decref(doc);
    json_t *again = later();
    assert_fails(
        site_build(again, &(struct site_options) { .out = out, .gnuplot = "", .since = "/none" },
            NULL, &err),
        ERR_NOT_FOUND, "no folder '/none'");
    json_decref(again);
    free(text);
    free(old);
    free(out);
}

/* ---- plots ---- */

static void plots_have_their_numbers_below(void **state) {
    char *out = path_join(*state, "site");
    build_with(fixture_demo(), out, NULL);
    assert_sound(out);
    char *text = fixture_read(out, "api/v1/s/wordnet/plots.json");
    json_t *doc = NULL, *language, *figures, *lines;
    assert_ok(doc = json_parse(text, strlen(text), "plots", &err));
    language = json_array_get(json_object_get(doc, "sections"), 1);
    figures = json_object_get(language, "figures");
    assert_int_equal(json_array_size(figures), 3);
    const json_t *size = json_array_get(figures, 0), *speed = json_array_get(figures, 1);
    assert_int_equal(json_get_int(size, "n", 0), 3);
    for (size_t i = 0; i < 3; i++) /* each larger one is better here: all are on the line */
        assert_true(
            json_get_bool(json_array_get(json_object_get(size, "rows"), i), "front", false));
    /* runs 1 to 3 took 12.73 to 14.73 seconds for as many tokens: the fastest is the best */
    const json_t *slow = json_array_get(json_object_get(speed, "rows"), 0);
    assert_near(json_get_number(slow, "x", 0), 17384 / 14.73, 0.05);
    assert_false(json_get_bool(slow, "front", true));
    lines = json_object_get(json_object_get(language, "differences"), "lines");
    const json_t *d = json_array_get(json_array_get(lines, 0), 2),
                 *back = json_array_get(json_array_get(lines, 2), 0);
    assert_near(json_get_number(d, "value", 0), 0.395 - 0.255, 1e-9);
    assert_near(json_get_number(back, "value", 0), 0.255 - 0.395, 1e-9);
    assert_true(json_get_bool(d, "paired", false));
    assert_true(json_get_number(d, "low", 1) < 0.14 && json_get_number(d, "high", 0) > 0.14);
    assert_holds(out, "s/wordnet/plots/index.html", "There is no figure: gnuplot was not there.");
    assert_holds(out, "s/wordnet/plots/index.html", "+14.0");
    assert_holds(out, "s/wordnet/index.html", "href=\"../../s/wordnet/plots/\"");
    json_decref(doc);
    free(text);
    free(out);
}

/* Of five models, four have both tasks, in orders that Spearman's formula gives 0.8 for. */
static void tasks_are_compared_by_ranks(void **state) {
    static const double VALUES[][2] = { { .1, .2 }, { .2, .1 }, { .3, .7 }, { .4, .9 } };
    char *out = path_join(*state, "site");
    json_t *doc = fixture_demo(), *board = json_object_get(doc, "board"),
           *one = json_deep_copy(json_array_get(board, 3));
    json_array_clear(board);
    for (int i = 0; i < 8; i++) {
        json_t *row = json_deep_copy(one);
        json_object_set_new(row, "model", json_sprintf("org/m%d", i / 2));
        json_object_set_new(row, "task_id", json_integer(2 + i % 2));
        json_object_set_new(row, "value", json_real(VALUES[i / 2][i % 2]));
        json_array_append_new(board, row);
    }
    json_object_set_new(one, "model", json_string("org/z"));
    json_array_append_new(board, one);
    build_with(doc, out, NULL);
    char *text = fixture_read(out, "api/v1/s/wordnet/plots.json");
    json_t *plots = NULL;
    assert_ok(plots = json_parse(text, strlen(text), "plots", &err));
    const json_t *section = json_array_get(json_object_get(plots, "sections"), 0),
                 *lines = json_object_get(json_object_get(section, "correlations"), "lines"),
                 *r = json_array_get(json_array_get(lines, 1), 0);
    assert_near(json_get_number(r, "value", 0), 0.8, 1e-9);
    assert_int_equal(json_get_int(r, "n", 0), 4);
    assert_near(
        json_get_number(r, "low", 0), tanh(atanh(0.8) - 1.959963984540054 * sqrt(1.06)), 1e-9);
    json_decref(plots);
    free(text);
    free(out);
}

/* A front of so many corners that gnuplot's path takes several lines. */
static json_t *many_models(void) {
    json_t *doc = fixture_demo(), *board = json_object_get(doc, "board"),
           *a = json_deep_copy(json_array_get(board, 3)),
           *b = json_deep_copy(json_array_get(board, 4));
    for (int i = 0; i < 30; i++) {
        json_t *pair[] = { json_deep_copy(a), json_deep_copy(b) };
        for (int k = 0; k < 2; k++) {
            json_object_set_new(pair[k], "model", json_sprintf("org/model-%02d", i));
            json_object_set_new(pair[k], "params", json_integer(30000000 + 1000000 * i));
            json_object_set_new(pair[k], "value", json_real(.55 + .01 * i));
            json_array_append_new(board, pair[k]);
        }
    }
    json_decref(a);
    json_decref(b);
    return doc;
}

static void plots_are_drawn_where_there_is_gnuplot(void **state) {
    char *out = path_join(*state, "site");
    struct site_report report = { 0 };
    json_t *doc = many_models();
    struct site_options options = { .out = out };
    assert_ok(site_build(doc, &options, &report, &err));
    json_decref(doc);
    if (!report.n_plots) {
        free(out);
        skip();
    }
    char *page = fixture_read(out, "s/wordnet/plots/index.html");
    size_t n = 0;
    for (const char *at = page; (at = strstr(at, "<svg class=\"plot\"")) != NULL; at++)
        n++;
    assert_int_equal(n, 6);
    assert_int_equal(report.n_plots, 6 + 2);
    assert_non_null(strstr(page, "href=\"../../../m/assay-demo/all-MiniLM-L6-v2/\""));
    free(page);
    free(out);
}

/* ---- results as files ---- */

/* The demo where all that was asked for was measured, and a job of it is remembered. */
static json_t *settled(json_t *doc) {
    json_t *queue = json_object_get(doc, "queue"),
           *run = json_array_get(json_object_get(doc, "runs"), 0);
    json_array_clear(queue);
    json_array_append_new(queue,
        json_pack("{s:i, s:O, s:O, s:s, s:s, s:s}", "job_id", 7, "model",
            json_object_get(run, "model"), "task", json_object_get(run, "task"), "state", "done",
            "created_at", "2025-11-22T09:00:00Z", "finished_at", "2025-11-22T10:00:00Z"));
    json_object_set_new(doc, "tombstones",
        json_pack("[{s:s, s:s, s:s}]", "model", "org/gone", "reason", "its owner asked",
            "withdrawn_at", "2025-11-20T10:00:00Z"));
    return doc;
}

static void export(json_t *doc, const char *dir, struct results_report *report) {
    assert_ok(results_write(doc, NULL, dir, report, &err));
    json_decref(doc);
}

static void build_from(json_t *doc, const char *dir, const char *out) {
    const struct results_place place = { dir, doc };
    struct sample_source samples = results_samples(&place);
    build_with(doc, out, &(struct site_options) { .samples = &samples });
}

static void pages_from_files_are_those_from_the_database(void **state) {
    static const char *const QUEUE[] = { "api/v1/queue.json", "queue/index.html", NULL };
    char *dir = path_join(*state, "results"), *a = path_join(*state, "a"),
         *b = path_join(*state, "b");
    struct results_report report;
    json_t *doc = NULL;
    build_with(settled(fixture_demo()), a, NULL);
    export(settled(fixture_demo()), dir, &report);
    assert_int_equal(report.n_runs, 8);
    assert_int_equal(report.n_files, 8 + 6 + 2);
    assert_ok(results_read(dir, &doc, &err));
    build_from(doc, dir, b);
    assert_sound(b);
    assert_same_files(a, b, QUEUE);
    assert_holds(b, "queue/index.html", "built from result files");
    free(dir);
    free(a);
    free(b);
}

static void hostile_texts_travel_as_they_are(void **state) {
    char *dir = path_join(*state, "results"), *out = path_join(*state, "site");
    struct results_report report;
    json_t *doc = NULL;
    export(fixture_hostile(), dir, &report);
    assert_ok(results_read(dir, &doc, &err));
    build_from(doc, dir, out);
    assert_sound(out);
    free(dir);
    free(out);
}

/* What is no text in UTF-8 comes no further than the file that holds it: half a surrogate pair,
 * bytes that are none, an end in the middle. */
static void fault_99_texts_that_are_none_are_refused(void **state) {
    static const char *const WRONG[] = { "{\"name\": \"\\ud800\"}", "{\"name\": \"\xFF\xFE\"}",
        "{\"name\": \"\xC0\xAF\"}", "{\"name\": \"\xED\xA0\x80\"}", "{\"name\": \"\\u0000\"}" };
    char *dir = path_join(*state, "results"), *index = path_join(dir, "index.json");
    struct results_report report;
    export(fixture_demo(), dir, &report);
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        struct err why = ERR_INIT;
        json_t *doc = NULL;
        assert_ok(file_write_atomic(index, WRONG[i], strlen(WRONG[i]), &err));
        assert_false(results_read(dir, &doc, &why));
        assert_non_null(strstr(why.msg, "index.json"));
        assert_null(doc);
    }
    free(dir);
    free(index);
}

static void an_export_changes_what_changed(void **state) {
    char *dir = path_join(*state, "results"), *mine = path_join(*state, "results/README.md");
    char *gone = path_join(dir, "runs/assay-demo__all-MiniLM-L6-v2-3L/WordNetGlossSTS/8.json"),
         *folder = path_join(dir, "runs/assay-demo__all-MiniLM-L6-v2-3L/WordNetGlossSTS");
    struct results_report report;
    json_t *doc = fixture_demo();
    export(fixture_demo(), dir, &report);
    assert_int_equal(report.n_changed, report.n_files);
    assert_ok(file_write_atomic(mine, "x", 1, &err));
    export(fixture_demo(), dir, &report);
    assert_int_equal(report.n_changed, 0);
    assert_true(file_exists(gone));
    json_array_remove(json_object_get(doc, "runs"), 0);
    export(doc, dir, &report);
    assert_int_equal(report.n_changed, 1); /* the index */
    assert_int_equal(report.n_removed, 1);
    assert_false(file_exists(gone));
    assert_false(dir_exists(folder));
    assert_true(file_exists(mine));
    free(dir);
    free(mine);
    free(gone);
    free(folder);
}

static void other_bytes_are_refused(void **state) {
    char *dir = path_join(*state, "results"),
         *run = path_join(dir, "runs/assay-demo__all-MiniLM-L6-v2/WordNetGlossSTS/5.json"),
         *index = path_join(dir, "index.json");
    struct results_report report;
    json_t *doc = NULL;
    assert_fails(results_read(dir, &doc, &err), ERR_NOT_FOUND, "no exported results");
    export(fixture_demo(), dir, &report);
    assert_ok(file_write_atomic(run, "{}\n", 3, &err));
    assert_fails(results_read(dir, &doc, &err), ERR_INPUT, "other bytes than the index says");
    static const char OUT[] = "{\"schema\": \"assay.results.index/1\", \"lists\": {\"path\": "
                              "\"../../etc/passwd\", \"sha256\": \"\"}}";
    assert_ok(file_write_atomic(index, OUT, sizeof OUT - 1, &err));
    assert_fails(results_read(dir, &doc, &err), ERR_INPUT, "no file of it");
    assert_ok(file_write_atomic(index, "{\"schema\": \"theirs/1\"}", 22, &err));
    doc = fixture_demo();
    assert_fails(
        results_write(doc, NULL, dir, &report, &err), ERR_INPUT, "no index of exported results");
    json_decref(doc);
    free(dir);
    free(run);
    free(index);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_listed_file_has_the_hash_that_is_listed),
        IN_A_FOLDER(a_board_as_csv_has_a_row_a_model),
        IN_A_FOLDER(what_was_imported_is_told_from_what_was_measured),
        cmocka_unit_test(a_csv_holds_no_formula),
        IN_A_FOLDER(a_model_on_a_board_has_a_badge),
        cmocka_unit_test(fault_99_a_badge_holds_no_markup),
        IN_A_FOLDER(models_and_tasks_have_feeds_of_their_own),
        IN_A_FOLDER(browsers_and_previews_are_told_what_a_page_is),
        IN_A_FOLDER(a_team_makes_the_site_theirs),
        IN_A_FOLDER(a_site_of_no_team_has_no_file_for_it),
        IN_A_FOLDER(what_is_wrong_with_a_look_is_said),
        cmocka_unit_test(contrast_is_that_of_wcag),
        IN_A_FOLDER(corrections_and_takedowns_are_in_the_open),
        IN_A_FOLDER(what_was_read_of_corrections_is_enough),
        IN_A_FOLDER(nothing_changed_is_said_too),
        IN_A_FOLDER(a_board_tells_what_changed_since_an_older_site),
        IN_A_FOLDER(plots_have_their_numbers_below),
        IN_A_FOLDER(tasks_are_compared_by_ranks),
        IN_A_FOLDER(plots_are_drawn_where_there_is_gnuplot),
        IN_A_FOLDER(pages_from_files_are_those_from_the_database),
        IN_A_FOLDER(hostile_texts_travel_as_they_are),
        IN_A_FOLDER(fault_99_texts_that_are_none_are_refused),
        IN_A_FOLDER(an_export_changes_what_changed),
        IN_A_FOLDER(other_bytes_are_refused),
    };
    return cmocka_run_group_tests_name("site-gen.travel", tests, NULL, NULL);
}

#include "tests/site-gen/fixture.h"

#include <brotli/decode.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/site.h"

/* Each test has a folder of its own; *state is its path. */
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

static char *out_of(void **state) {
    return path_join(*state, "site");
}

static void build(json_t *doc, const char *out, struct site_report *report) {
    struct site_options options = { .out = out,
        .base_url = "https://bench.example/assay",
        .hub_url = "https://hub.example",
        .gnuplot = "" };
    assert_ok(site_build(doc, &options, report, &err));
    json_decref(doc);
}

static void assert_sound(const char *dir) {
    struct site_report report = { 0 };
    struct err err = ERR_INIT;
    if (!site_check(dir, &report, &err))
        fail_msg("%s:\n%.3000s", err.msg, strbuf_str(&report.problems));
    assert_true(report.n_pages > 5);
    site_report_release(&report);
}

static void assert_holds(const char *dir, const char *path, const char *text) {
    char *page = fixture_read(dir, path);
    if (!strstr(page, text))
        fail_msg("%s does not hold '%s'", path, text);
    free(page);
}

static size_t count_in(const char *dir, const char *path, const char *text) {
    char *page = fixture_read(dir, path);
    size_t n = 0;
    for (const char *at = page; (at = strstr(at, text)) != NULL; at += strlen(text))
        n++;
    free(page);
    return n;
}

/* Calls f for each file below dir. */
static void walk(const char *dir, void (*f)(const char *path, void *arg), void *arg) {
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort);
    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        char *path = path_join(dir, names[i]->d_name);
        if (names[i]->d_type == DT_DIR && names[i]->d_name[0] != '.')
            walk(path, f, arg);
        else if (names[i]->d_type == DT_REG)
            f(path, arg);
        free(path);
        free(names[i]);
    }
    free(names);
}

#define RUN "m/assay-demo/SmolLM2-135M-Instruct/r/1/"

static void the_demo_becomes_pages_that_are_sound(void **state) {
    char *out = out_of(state);
    build(fixture_demo(), out, NULL);
    assert_sound(out);
    assert_holds(out, "index.html", "all-MiniLM-L6-v2");
    assert_holds(out, "s/wordnet/index.html", "2 <span class=\"spread\">2–3</span>");
    assert_holds(out, "s/wordnet/index.html", "WordNetGlossSTS: running");
    assert_holds(out, "m/assay-demo/all-MiniLM-L6-v2/index.html", "Rank 1 of 2");
    assert_holds(out, "m/assay-demo/SmolLM2-135M-Instruct/r/1/index.html",
        "assay eval assay-demo/SmolLM2-135M-Instruct -t wordnet_definitions --dtype f32");
    assert_holds(out, RUN "index.html", "touchstone");
    assert_holds(out, "t/wordnet_definitions/index.html", "class=\"chance\"");
    assert_holds(out, "queue/index.html", "unsupported");
    assert_holds(out, "sitemap.xml", "<loc>https://bench.example/assay/s/wordnet/</loc>");
    assert_holds(out, "feed.atom", "tag:bench.example,2025:run/8");
    assert_holds(out, "404.html", "href=\"/assay/assets/site.");
    assert_holds(out, "api/v1/s/wordnet.json", "\"assay.site.board/1\"");
    free(out);
}

/* ---- samples ---- */

static void samples_have_a_page_and_files(void **state) {
    char *out = out_of(state);
    build(fixture_demo(), out, NULL);
    assert_holds(out, RUN "index.html", "All 200 documents of this run</a>: 79 right, 121 wrong");
    assert_holds(out, RUN "samples/index.html", "79 right, 121 wrong");
    assert_holds(out, RUN "samples/index.html", "<article class=\"doc\" id=\"d=19\">");
    assert_int_equal(count_in(out, RUN "samples/index.html", "<article"), 20);
    assert_holds(out, RUN "samples/index.html", "a basis for comparison; a reference point");
    assert_holds(
        out, RUN "samples/000.json", "\"counts\": {\"right\": 79, \"wrong\": 121, \"part\": 0}");
    /* documents 0 to 78 are right (3), the rest wrong (1) */
    assert_holds(out, RUN "samples/000.json", "\"map\": \"/////////////////////////39VVVVVVVVV");
    free(out);
}

/* Of what was asked and of what was said for each kind; more than one file where there are many. */
static void each_kind_of_samples_is_shown(void **state) {
    static const char RANKED[] = "m/assay-demo/all-MiniLM-L6-v2/r/4/samples/";
    static const char PAIRS[] = "m/assay-demo/all-MiniLM-L6-v2/r/5/samples/";
    char *out = out_of(state), path[200];
    build(fixture_demo(), out, NULL);
    snprintf(path, sizeof path, "%sindex.html", RANKED);
    assert_holds(out, path, "right in part");
    assert_holds(out, path, "further right results at ranks</span> 37");
    assert_holds(out, path, "samples/001.json\">200–399</a>");
    snprintf(path, sizeof path, "%s001.json", RANKED);
    assert_holds(out, path, "\"from\": 200");
    assert_holds(out, path, "\"d\": 399");
    snprintf(path, sizeof path, "%sindex.html", PAIRS);
    assert_holds(out, path, "a single one is neither right nor wrong");
    assert_holds(out, path, "Similarity by the model");
    assert_int_equal(count_in(out, path, "data-only=\"wrong\""), 0);
    free(out);
}

static void refuse_texts(const char *path, void *arg) {
    static const char *const TEXTS[] = { "a basis for comparison", "Word: crucible" };
    struct strbuf text = { 0 };
    (void)arg;
    assert_ok(file_read(path, (size_t)64 << 20, &text, &err));
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        if (strstr(strbuf_str(&text), TEXTS[i]))
            fail_msg("%s holds '%s'", path, TEXTS[i]);
    }
    strbuf_release(&text);
}

static void texts_that_a_task_withholds_are_in_no_file(void **state) {
    char *out = out_of(state);
    json_t *doc = fixture_demo(), *task;
    size_t i;
    json_array_foreach(json_object_get(doc, "tasks"), i, task)
        json_object_set_new(json_object_get(task, "definition"), "publish_samples", json_false());
    build(doc, out, NULL);
    assert_sound(out);
    walk(out, refuse_texts, NULL);
    assert_holds(out, RUN "index.html", "are not published");
    assert_holds(out, RUN "samples/index.html", "are not published");
    assert_holds(out, RUN "samples/index.html", "<code>7c1d0f7d4f1f</code>");
    assert_holds(out, RUN "samples/000.json", "\"acc_norm\"");
    assert_holds(out, "t/wordnet_definitions/index.html", "/r/1/samples/#d=92\">Document 92</a>");
    assert_holds(out, "t/wordnet_definitions/index.html", "texts of this task are not published");
    free(out);
}

static void samples_that_are_gone_are_said_to_be(void **state) {
    char *out = out_of(state), *page = path_join(out, RUN "samples/index.html");
    json_t *doc = fixture_demo();
    json_object_del(json_object_get(doc, "samples"), "1");
    json_object_set_new(
        doc, "samples_gone", json_pack("{s:s, s:s}", "1", "archived", "2", "dropped"));
    json_object_del(json_object_get(doc, "samples"), "2");
    json_object_del(json_object_get(doc, "samples"), "3");
    build(doc, out, NULL);
    assert_sound(out);
    assert_holds(out, RUN "index.html", "were archived");
    assert_holds(out, "m/assay-demo/SmolLM2-135M-Instruct-10L/r/2/index.html", "were dropped");
    assert_holds(out, "m/assay-demo/SmolLM2-135M-Instruct-2L/r/3/index.html", "No samples were");
    assert_false(file_exists(page));
    free(page);
    free(out);
}

/* ---- tasks, comparisons, histories ---- */

static void a_task_says_what_nobody_and_everybody_solves(void **state) {
    char *out = out_of(state);
    build(fixture_demo(), out, NULL);
    assert_holds(
        out, "t/wordnet_definitions/index.html", "108 of 200 documents are scored 0 for each of 3");
    assert_holds(out, "t/wordnet_definitions/index.html", "21 of 200 documents are scored 1");
    assert_holds(out, "t/wordnet_definitions/index.html",
        "SmolLM2-135M-Instruct/r/1/samples/#d=92\">Document 92</a>");
    assert_holds(
        out, "t/wordnet_definitions/index.html", "→ an analysis that finds the proportion");
    assert_holds(out, "t/wordnet_definitions/index.html", "What is asked");
    assert_int_equal(count_in(out, "t/WordNetGlossSTS/index.html", "What nobody solves"), 0);
    assert_holds(out, "t/WordNetGlossSTS/index.html", "Similarity by the model");
    free(out);
}

/* The row of a list whose field has this value. */
static json_t *row_of(const json_t *doc, const char *list, const char *key, const char *value) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(doc, list), i, row) {
        const char *text = json_string_value(json_object_get(row, key));
        if (text && strcmp(text, value) == 0)
            return row;
    }
    fail_msg("no %s '%s' in %s", key, value, list);
    return NULL;
}

/* Another model, or another revision, that has one run, a copy of the last but for the value. */
static void add_run(json_t *doc, const char *model, const char *revision, int id, double value) {
    json_t *known = row_of(doc, "models", "model", "assay-demo/SmolLM2-135M-Instruct"),
           *its = json_deep_copy(known),
           *run = json_deep_copy(row_of(doc, "runs", "model", "assay-demo/SmolLM2-135M-Instruct"));
    json_object_set_new(its, "model", json_string(model));
    json_object_set_new(its, "revision", json_string(revision));
    json_object_set_new(run, "model", json_string(model));
    json_object_set_new(run, "revision", json_string(revision));
    json_object_set_new(run, "run_id", json_integer(id));
    json_object_set_new(run, "value", json_real(value));
    json_array_append_new(json_object_get(doc, "models"), its);
    json_array_append_new(json_object_get(doc, "runs"), run);
}

static void scores_of_many_models_have_a_histogram(void **state) {
    char *out = out_of(state);
    json_t *doc = fixture_demo();
    add_run(doc, "other/a", "aa", 101, 0.309);
    add_run(doc, "other/b", "bb", 102, 0.311);
    build(doc, out, NULL);
    assert_sound(out);
    assert_holds(
        out, "t/wordnet_definitions/index.html", "5 models by score; the highest column holds 3");
    assert_holds(out, "t/wordnet_definitions/index.html", "class=\"hist\"");
    free(out);
}

static void a_model_shows_its_scores_over_its_revisions(void **state) {
    static const char PAGE[] = "m/assay-demo/SmolLM2-135M-Instruct/index.html";
    char *out = out_of(state);
    json_t *doc = fixture_demo();
    add_run(doc, "assay-demo/SmolLM2-135M-Instruct", "feed5eed00aa", 103, 0.41);
    build(doc, out, NULL);
    assert_sound(out);
    assert_holds(out, PAGE, "Over its revisions");
    assert_holds(out, PAGE, "<code>feed5eed00aa</code>");
    assert_holds(out, PAGE, "<b>41.0</b>");
    assert_int_equal(count_in(out, "m/assay-demo/all-MiniLM-L6-v2/index.html", "Over its"), 0);
    free(out);
}

/* Of three models one is better than all others, one than half of them, one than none. */
static void a_score_says_than_which_share_of_the_others_it_is_better(void **state) {
    char *out = out_of(state);
    build(fixture_demo(), out, NULL);
    assert_holds(out, "m/assay-demo/SmolLM2-135M-Instruct/index.html", "</svg> 100 %</td>");
    assert_holds(out, "m/assay-demo/SmolLM2-135M-Instruct-10L/index.html", "</svg> 50 %</td>");
    assert_holds(out, "m/assay-demo/SmolLM2-135M-Instruct-2L/index.html", "</svg> 0 %</td>");
    free(out);
}

static void models_have_files_to_be_compared_by(void **state) {
    char *out = out_of(state);
    build(fixture_demo(), out, NULL);
    assert_holds(out, "compare/index.html", "assay compare A B");
    assert_holds(out, "compare/index.html", "m/assay-demo/all-MiniLM-L6-v2/\"><bdi>");
    assert_holds(out, "api/v1/compare.json", "\"assay-demo/SmolLM2-135M-Instruct\"");
    assert_holds(out, "api/v1/m/assay-demo/SmolLM2-135M-Instruct/scores.json", "\"bits\"");
    assert_holds(out, "m/assay-demo/SmolLM2-135M-Instruct/index.html",
        "compare/?m=assay-demo/SmolLM2-135M-Instruct\">");
    free(out);
}

/* The demo's suite as mteb's suites are averaged. */
static json_t *demo_by_votes(void) {
    json_t *doc = fixture_demo(), *suite = json_array_get(json_object_get(doc, "suites"), 0),
           *tree = json_pack("{s:s, s:s, s:[{s:s}, {s:s}, {s:s}]}", "name", "wordnet", "mean",
               "borda", "members", "task", "WordNetGlossRetrieval", "task", "WordNetGlossSTS",
               "task", "wordnet_definitions");
    json_object_set_new(json_object_get(suite, "definition"), "tree", tree);
    return doc;
}

static void a_board_of_mteb_s_means_shows_them_and_the_types(void **state) {
    char *out = out_of(state);
    build(demo_by_votes(), out, NULL);
    assert_sound(out);
    assert_holds(out, "s/wordnet/index.html", "Mean (Task)</th>");
    assert_holds(out, "s/wordnet/index.html", "Mean (TaskType)</th>");
    assert_holds(out, "s/wordnet/index.html", "Borda votes</th>");
    assert_holds(out, "s/wordnet/index.html", "Retrieval</th>");
    assert_holds(out, "s/wordnet/index.html", "rank 3 by Borda");
    assert_holds(out, "s/wordnet/index.html", "ranked by Borda");
    assert_holds(out, "m/assay-demo/all-MiniLM-L6-v2-1L/index.html", "Not ranked");
    free(out);
}

static void a_run_says_what_was_put_before_its_texts(void **state) {
    char *out = out_of(state);
    json_t *doc = fixture_demo(), *run;
    size_t i;
    json_array_foreach(json_object_get(doc, "runs"), i, run) {
        json_t *record = json_object_get(run, "record");
        json_t *made =
            json_pack("{s:s, s:s, s:s}", "rule", "role", "name", "query", "prompt", "look for: ");
        json_object_set_new(record ? record : run, "prompts",
            json_pack("{s:o, s:{s:n}}", "query", made, "document", "prompt"));
    }
    build(doc, out, NULL);
    assert_sound(out);
    assert_holds(out, "m/assay-demo/SmolLM2-135M-Instruct/r/1/index.html",
        "query “look for: ” (by role)</dd>");
    free(out);
}

/* The rows of one model, as if they had been computed in eight bits. */
static void into_int8(json_t *rows, const char *model) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(json_string_value(json_object_get(row, "model")), model) == 0)
            json_object_set_new(row, "dtype", json_string("int8"));
    }
}

static void numbers_in_eight_bits_are_marked_wherever_they_stand(void **state) {
    static const char MARK[] = "class=\"mark\"";
    static const char MEANS[] = "about one in twenty nearest neighbours";
    char *out = out_of(state);
    json_t *doc = fixture_demo();
    into_int8(json_object_get(doc, "board"), "assay-demo/all-MiniLM-L6-v2");
    into_int8(json_object_get(doc, "runs"), "assay-demo/all-MiniLM-L6-v2");
    build(doc, out, NULL);
    assert_sound(out);
    assert_int_equal(count_in(out, "s/wordnet/index.html", MARK), 1); /* of all models, that one */
    assert_holds(out, "s/wordnet/index.html", MEANS);
    assert_holds(out, "index.html", MARK); /* it leads */
    assert_holds(out, "m/assay-demo/all-MiniLM-L6-v2/index.html", MARK);
    assert_holds(out, "m/assay-demo/all-MiniLM-L6-v2/index.html", "Rank 1 of 2");
    assert_holds(out, "t/WordNetGlossSTS/index.html", MARK);
    assert_holds(out, "t/WordNetGlossSTS/index.html", MEANS);
    assert_holds(out, "feed.atom", "all-MiniLM-L6-v2 (int8) on");
    assert_holds(out, "api/v1/s/wordnet.json", "\"word\"");
    assert_holds(out, "methods/index.html", "id=\"precision\"");
    assert_int_equal(count_in(out, "m/assay-demo/SmolLM2-135M-Instruct/index.html", MARK), 0);
    free(out);
}

static void full_precision_has_no_mark(void **state) {
    char *out = out_of(state);
    build(fixture_demo(), out, NULL);
    assert_int_equal(count_in(out, "s/wordnet/index.html", "class=\"mark\""), 0);
    assert_int_equal(count_in(out, "index.html", "class=\"mark\""), 0);
    free(out);
}

static void fault_103_an_empty_database_says_what_to_do(void **state) {
    char *out = out_of(state);
    build(fixture_empty(), out, NULL);
    assert_sound(out);
    assert_holds(out, "index.html", "No results yet");
    assert_holds(out, "queue/index.html", "No jobs");
    free(out);
}

static void refuse_payloads(const char *path, void *arg) {
    struct strbuf text = { 0 };
    (void)arg;
    if (!strstr(path, ".html") && !strstr(path, ".xml") && !strstr(path, ".atom"))
        return;
    assert_ok(file_read(path, (size_t)64 << 20, &text, &err));
    for (const char *const *p = FIXTURE_PAYLOADS; *p; p++) {
        if (strstr(strbuf_str(&text), *p) && !strstr(path, "/assets/"))
            fail_msg("%s holds '%s'", path, *p);
    }
    strbuf_release(&text);
}

/* A cell of a CSV file, unquoted; where the next one begins. */
static const char *read_cell(const char *at, struct strbuf *cell) {
    bool quoted = *at == '"';
    strbuf_reset(cell);
    for (at += quoted; *at; at++) {
        if (quoted && *at == '"' && at[1] != '"') {
            at++;
            break;
        }
        if (!quoted && strchr(",\r\n", *at))
            break;
        strbuf_addc(cell, *at);
        at += quoted && *at == '"';
    }
    return at;
}

/* What begins like a formula is a number, whole. */
static void assert_no_formula(const char *path, const char *text) {
    struct strbuf cell = { 0 };
    for (const char *at = text; *at;) {
        at = read_cell(at, &cell);
        const char *s = strbuf_str(&cell);
        if (*s && (strchr("=+-@\t\r", *s) || !strncmp(s, "\xEF\xBC\x9D", 3))) {
            char *end;
            strtod(s, &end);
            if (*end)
                fail_msg("%s: a cell says %.100s", path, s);
        }
        assert_true(!*at || strchr(",\r\n", *at));
        at += strspn(at, "\r\n") ? strspn(at, "\r\n") : *at == ',';
    }
    strbuf_release(&cell);
}

static bool ends(const char *s, const char *with) {
    size_t n = strlen(s), k = strlen(with);
    return n >= k && strcmp(s + n - k, with) == 0;
}

struct machine_files {
    size_t n_json, n_csv, n_svg, n_xml;
    struct strbuf xml; /* their paths */
};

/* What programs read: JSON, CSV, XML, pictures; and the names of files, which are addresses too. */
static void read_as_machines_do(const char *path, void *arg) {
    struct machine_files *m = arg;
    struct strbuf text = { 0 };
    json_error_t why;
    if (path[strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-")])
        fail_msg("a file is called %s", path);
    assert_ok(file_read(path, (size_t)64 << 20, &text, &err));
    if (ends(path, ".json")) {
        json_t *doc = json_loadb(text.text, text.len, JSON_REJECT_DUPLICATES, &why);
        if (!doc)
            fail_msg("%s: %s", path, why.text);
        json_decref(doc);
        m->n_json++;
    } else if (ends(path, ".csv")) {
        assert_no_formula(path, text.text);
        m->n_csv++;
    } else if (ends(path, ".svg") && strstr(path, "/badge/")) {
        const char *width = strstr(text.text, " width=\"");
        assert_non_null(width);
        assert_in_range(strtol(width + 8, NULL, 10), 40, 700);
        m->n_svg++;
    }
    if (ends(path, ".svg") || ends(path, ".xml") || ends(path, ".atom")) {
        strbuf_addf(&m->xml, " '%s'", path);
        m->n_xml++;
    }
    strbuf_release(&text);
}

static void fault_99_what_programs_read_is_sound_too(void **state) {
    char *out = out_of(state);
    struct machine_files m = { .xml = { 0 } };
    build(fixture_hostile(), out, NULL);
    strbuf_adds(&m.xml, "xmllint --noout");
    walk(out, read_as_machines_do, &m);
    assert_true(m.n_json > 20 && m.n_csv > 0 && m.n_svg > 0 && m.n_xml > 10);
    if (system("command -v xmllint >/dev/null 2>&1") != 0)
        print_message("xmllint is not here: feeds and pictures were not parsed\n");
    else if (system(m.xml.text) != 0)
        fail_msg("xmllint does not take every feed, map and picture");
    strbuf_release(&m.xml);
    free(out);
}

static void fault_99_hostile_texts_are_shown_and_do_nothing(void **state) {
    char *out = out_of(state);
    build(fixture_hostile(), out, NULL);
    assert_sound(out);
    walk(out, refuse_payloads, NULL);
    assert_holds(out, "index.html", "&lt;script&gt;alert(1)&lt;/script&gt;");
    assert_holds(out, "m/index.html", "U+202E");
    char *above = path_join(*state, "index.html");
    assert_false(file_exists(above));
    assert_false(file_exists("/tmp/assay-pwned"));
    free(above);
    free(out);
}

static void add_inode(const char *path, void *arg) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    *(unsigned long *)arg += (unsigned long)st.st_ino;
}

static void fault_103_building_twice_changes_no_file(void **state) {
    char *out = out_of(state);
    struct site_report first = { 0 }, second = { 0 };
    unsigned long before = 0, after = 0;
    build(fixture_demo(), out, &first);
    walk(out, add_inode, &before);
    build(fixture_demo(), out, &second);
    walk(out, add_inode, &after);
    assert_int_equal(first.n_changed, first.n_files);
    assert_int_equal(second.n_changed, 0);
    assert_int_equal(second.n_files, first.n_files);
    assert_true(before == after);
    free(out);
}

static size_t size_of(const char *dir, const char *name) {
    char *path = path_join(dir, name);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    free(path);
    return (size_t)st.st_size;
}

/* What a board of many models makes is within its weight. */
static void pages_of_many_models_keep_their_weight(void **state) {
    enum { MODELS = 402 };
    char *out = out_of(state);
    build(fixture_many(MODELS), out, NULL);
    assert_in_range(size_of(out, "index.html.gz"), 1, 40 << 10);
    assert_in_range(size_of(out, "s/many/index.html.gz"), 1, 60 << 10);
    assert_in_range(size_of(out, "s/many/page/2/index.html.gz"), 1, 60 << 10);
    free(out);
}

static void runs_without_a_page_are_rows_of_their_models(void **state) {
    static const char OLD[] = "m/assay-demo/SmolLM2-135M-Instruct/r/1/index.html";
    char *out = out_of(state), *old = path_join(out, OLD);
    struct site_options options = { .out = out, .gnuplot = "", .run_pages = 3 };
    json_t *doc = fixture_demo();
    assert_ok(site_build(doc, &options, NULL, &err));
    assert_sound(out);
    assert_false(file_exists(old));
    assert_holds(out, "m/assay-demo/SmolLM2-135M-Instruct/r/index.html", "<tr id=\"run-1\">");
    assert_holds(
        out, "m/assay-demo/SmolLM2-135M-Instruct/index.html", "SmolLM2-135M-Instruct/r/#run-1\"");
    assert_holds(out, "s/wordnet/index.html", "SmolLM2-135M-Instruct/r/#run-1\"");
    assert_holds(out, "methods/index.html", "The 3 newest runs have a page each");
    assert_holds(out, "api/v1/m/assay-demo/SmolLM2-135M-Instruct/r.json", "assay.site.runs/1");
    assert_holds(
        out, "api/v1/m/assay-demo/SmolLM2-135M-Instruct/scores.json", "\"samples\": false");
    assert_int_equal(
        count_in(out, "api/v1/m/assay-demo/SmolLM2-135M-Instruct/scores.json", "\"bits\""), 0);
    assert_int_equal(count_in(out, "t/wordnet_definitions/index.html", "samples/"), 0);
    options.run_pages = 8;
    assert_ok(site_build(doc, &options, NULL, &err));
    assert_true(file_exists(old));
    assert_int_equal(count_in(out, "methods/index.html", "newest runs have a page"), 0);
    json_decref(doc);
    free(old);
    free(out);
}

/* ---- compressed ---- */

struct packed {
    size_t n_gz, n_br, n_alone; /* alone: without either, though it is worth it */
};

static void unpack(const char *path, const struct strbuf *file, struct strbuf *out, size_t n) {
    unsigned char *room = xcalloc(n + 1, 1);
    size_t got = n + 1;
    if (str_ends(path, ".gz")) {
        z_stream z = { .next_in = (unsigned char *)file->text,
            .avail_in = (unsigned)file->len,
            .next_out = room,
            .avail_out = (unsigned)n + 1 };
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        got = z.total_out;
        inflateEnd(&z);
    } else {
        assert_int_equal(
            BrotliDecoderDecompress(file->len, (const unsigned char *)file->text, &got, room),
            BROTLI_DECODER_RESULT_SUCCESS);
    }
    strbuf_add(out, (const char *)room, got);
    free(room);
}

static void check_packed(const char *path, void *arg) {
    struct packed *p = arg;
    struct strbuf file = { 0 }, of = { 0 }, back = { 0 };
    bool gz = str_ends(path, ".gz"), br = str_ends(path, ".br");
    assert_ok(file_read(path, (size_t)64 << 20, &file, &err));
    if (gz || br) {
        char *plain = xstrndup(path, strlen(path) - 3);
        assert_ok(file_read(plain, (size_t)64 << 20, &of, &err));
        unpack(path, &file, &back, of.len);
        assert_int_equal(back.len, of.len);
        assert_memory_equal(back.text, of.text, of.len);
        assert_true(of.len > 1024 && file.len < of.len);
        assert_true(gz || !str_ends(plain, ".json") || strstr(plain, "/data/"));
        free(plain);
    } else if (file.len > 1024 && !str_ends(path, ".assay-site")) {
        char *beside = NULL;
        assert_true(asprintf(&beside, "%s.gz", path) > 0);
        p->n_alone += !file_exists(beside);
        free(beside);
    }
    p->n_gz += gz;
    p->n_br += br;
    strbuf_release(&file);
    strbuf_release(&of);
    strbuf_release(&back);
}

static void what_lies_compressed_beside_a_file_is_that_file(void **state) {
    char *out = out_of(state);
    struct packed first = { 0 }, second = { 0 }, plain = { 0 };
    struct site_report report = { 0 };
    struct site_options options = { .out = out, .gnuplot = "", .plain = true };
    build(fixture_demo(), out, &report);
    walk(out, check_packed, &first);
    assert_true(first.n_gz > 20);
    assert_true(
        first.n_br > 20 && first.n_br < first.n_gz); /* documents for programs: gzip alone */
    assert_int_equal(first.n_alone, 0);
    assert_true(report.packed_bytes > 0 && report.packed_bytes < report.bytes);
    build(fixture_empty(), out, NULL); /* other bytes under the same names */
    walk(out, check_packed, &second);
    assert_true(second.n_gz > 0 && second.n_gz < first.n_gz);
    json_t *doc = fixture_demo();
    assert_ok(site_build(doc, &options, NULL, &err));
    walk(out, check_packed, &plain);
    assert_int_equal(plain.n_gz + plain.n_br, 0);
    json_decref(doc);
    free(out);
}

static void what_is_gone_from_the_data_is_gone_from_the_site(void **state) {
    char *out = out_of(state), *page = path_join(out, "s/wordnet/index.html");
    build(fixture_demo(), out, NULL);
    assert_true(file_exists(page));
    build(fixture_empty(), out, NULL);
    assert_false(file_exists(page));
    char *fresh = path_join(*state, "site.new");
    assert_false(dir_exists(fresh));
    free(fresh);
    free(page);
    free(out);
}

static void a_folder_with_something_else_in_it_is_left_alone(void **state) {
    char *file = path_join(*state, "thesis.txt");
    struct site_options options = { .out = *state, .gnuplot = "" };
    json_t *doc = fixture_empty();
    assert_ok(file_write_atomic(file, "x", 1, &err));
    struct err err = ERR_INIT;
    assert_false(site_build(doc, &options, NULL, &err));
    assert_int_equal(err.class, ERR_INPUT);
    assert_true(file_exists(file));
    json_decref(doc);
    free(file);
}

static void a_failed_build_leaves_the_old_site(void **state) {
    char *out = out_of(state), *page = path_join(out, "s/wordnet/index.html");
    struct site_options options = { .out = out, .gnuplot = "" };
    struct err err = ERR_INIT;
    build(fixture_demo(), out, NULL);
    json_t *doc = json_pack("{s:s}", "schema", "assay.site/9");
    assert_false(site_build(doc, &options, NULL, &err));
    assert_int_equal(err.class, ERR_SCHEMA);
    assert_true(file_exists(page));
    json_decref(doc);
    free(page);
    free(out);
}

static void links_can_name_files(void **state) {
    char *out = out_of(state);
    struct site_options options = { .out = out, .gnuplot = "", .file_links = true };
    json_t *doc = fixture_demo();
    assert_ok(site_build(doc, &options, NULL, &err));
    assert_sound(out);
    assert_holds(out, "index.html", "href=\"s/wordnet/index.html\"");
    assert_holds(out, "s/wordnet/index.html", "href=\"../../index.html\"");
    json_decref(doc);
    free(out);
}

static void the_check_finds_what_is_wrong(void **state) {
    static const struct {
        const char *body, *found;
    } CASES[] = { { "<p><b></p>", "an end without its beginning: p" },
        { "<p>", "without its end: p" },
        { "<a href=\"nowhere/\">x</a>", "a link to nowhere: nowhere/" },
        { "<a href=\"../../x\">x</a>", "a link to nowhere" },
        { "<a href=\"javascript:x\">x</a>", "a scheme that is not https" },
        { "<a href=\"https://a.b\">x</a>", "without rel=" },
        { "<a href=\"#x\">x</a>", "an id that is not there: x" },
        { "<p id=\"a\"></p><p id=\"a\"></p>", "an id that is there twice: a" },
        { "<p style=\"x\"></p>", "an inline handler or style: style" },
        { "<p onclick=\"x\"></p>", "an inline handler" },
        { "<script>x</script>", "an inline script" }, { "<p class=x></p>", "not well-formed" } };
    char *page = path_join(*state, "index.html");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct strbuf html = { 0 };
        struct site_report report = { 0 };
        strbuf_addf(
            &html, "<!doctype html><meta http-equiv=\"Content-Security-Policy\">%s", CASES[i].body);
        assert_ok(file_write_atomic(page, html.text, html.len, &err));
        struct err err = ERR_INIT;
        assert_false(site_check(*state, &report, &err));
        assert_int_equal(err.class, ERR_NEGATIVE);
        if (!strstr(strbuf_str(&report.problems), CASES[i].found))
            fail_msg("%s: %s", CASES[i].body, strbuf_str(&report.problems));
        site_report_release(&report);
        strbuf_release(&html);
    }
    free(page);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)

/* Run 1's documents come to 0.395; where another figure stands beside them they are not given out.
 */
static void scores_that_do_not_come_to_the_figure_are_not_believed(void **state) {
    static const char PATH[] = "api/v1/m/assay-demo/SmolLM2-135M-Instruct/scores.json";
    char *out = out_of(state);
    build(fixture_demo(), out, NULL);
    assert_holds(out, PATH, "00112233aabbccdd");
    json_t *doc = fixture_demo(), *run;
    size_t i;
    json_array_foreach(json_object_get(doc, "runs"), i, run) {
        if (json_integer_value(json_object_get(run, "run_id")) == 1)
            json_object_set_new(run, "value", json_real(0.397));
    }
    build(doc, out, NULL);
    assert_holds(out, PATH, "/m/assay-demo/SmolLM2-135M-Instruct/r/1/");
    assert_int_equal(count_in(out, PATH, "00112233aabbccdd"), 0);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(the_demo_becomes_pages_that_are_sound),
        IN_A_FOLDER(samples_have_a_page_and_files),
        IN_A_FOLDER(scores_that_do_not_come_to_the_figure_are_not_believed),
        IN_A_FOLDER(each_kind_of_samples_is_shown),
        IN_A_FOLDER(texts_that_a_task_withholds_are_in_no_file),
        IN_A_FOLDER(samples_that_are_gone_are_said_to_be),
        IN_A_FOLDER(a_task_says_what_nobody_and_everybody_solves),
        IN_A_FOLDER(scores_of_many_models_have_a_histogram),
        IN_A_FOLDER(a_model_shows_its_scores_over_its_revisions),
        IN_A_FOLDER(a_score_says_than_which_share_of_the_others_it_is_better),
        IN_A_FOLDER(models_have_files_to_be_compared_by),
        IN_A_FOLDER(a_run_says_what_was_put_before_its_texts),
        IN_A_FOLDER(numbers_in_eight_bits_are_marked_wherever_they_stand),
        IN_A_FOLDER(full_precision_has_no_mark),
        IN_A_FOLDER(fault_103_an_empty_database_says_what_to_do),
        IN_A_FOLDER(a_board_of_mteb_s_means_shows_them_and_the_types),
        IN_A_FOLDER(fault_99_what_programs_read_is_sound_too),
        IN_A_FOLDER(fault_99_hostile_texts_are_shown_and_do_nothing),
        IN_A_FOLDER(fault_103_building_twice_changes_no_file),
        IN_A_FOLDER(pages_of_many_models_keep_their_weight),
        IN_A_FOLDER(runs_without_a_page_are_rows_of_their_models),
        IN_A_FOLDER(what_lies_compressed_beside_a_file_is_that_file),
        IN_A_FOLDER(what_is_gone_from_the_data_is_gone_from_the_site),
        IN_A_FOLDER(a_folder_with_something_else_in_it_is_left_alone),
        IN_A_FOLDER(a_failed_build_leaves_the_old_site),
        IN_A_FOLDER(links_can_name_files),
        IN_A_FOLDER(the_check_finds_what_is_wrong),
    };
    return cmocka_run_group_tests_name("site-gen.build", tests, NULL, NULL);
}

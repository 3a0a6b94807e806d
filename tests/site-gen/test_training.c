/* What cards declare, beside the data of a board's tasks. */
#include "tests/site-gen/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/columns.h"
#include "site-gen/outlet.h"
#include "site-gen/site.h"
#include "site-gen/training.h"

#define MODEL "assay-demo/all-MiniLM-L6-v2"

static json_t *board_of(json_t *doc, const char *suite) {
    const struct board_options options = { 0 };
    json_t *board = NULL;
    assert_ok(site_board(doc, suite, &options, &board, &err));
    return board;
}

static json_t *row_of(const json_t *board, const char *model) {
    size_t i, k;
    json_t *section, *row;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        json_array_foreach(json_object_get(section, "rows"), k, row) {
            if (!strcmp(json_get_string(json_object_get(row, "model"), "name", ""), model))
                return row;
        }
    }
    fail_msg("no row of %s", model);
    return NULL;
}

/* The demo with data of a hub behind its two embedding tasks. */
static json_t *demo(void) {
    static const char *const REPOS[] = { NULL, "mteb/nq", "mteb/stsbenchmark-sts" };
    json_t *doc = fixture_demo(), *task;
    size_t i;
    json_array_foreach(json_object_get(doc, "tasks"), i, task) {
        if (REPOS[i])
            json_object_set_new(
                json_object_get(task, "definition"), "data", json_pack("{s:s}", "repo", REPOS[i]));
    }
    return doc;
}

static void set_card(json_t *doc, const char *model, json_t *card) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(doc, "models"), i, row) {
        if (!strcmp(json_get_string(row, "model", ""), model))
            json_object_set(row, "card", card);
    }
    json_decref(card);
}

/* What becomes of the model's row; percent -1: there is none. `cells`: parts of what its cells say,
 * NULL where they say nothing. */
static void assert_told(
    json_t *card, const char *state, long long percent, const char *nq, const char *sts) {
    json_t *doc = demo();
    set_card(doc, MODEL, card);
    json_t *board = board_of(doc, "wordnet"), *row = row_of(board, MODEL),
           *zero = json_object_get(row, "zero_shot");
    const char *const want[] = { nq, sts };
    assert_string_equal(json_get_string(zero, "state", ""), state);
    assert_int_equal(json_get_int(zero, "percent", -1), percent);
    for (size_t i = 0; i < 2; i++) {
        const char *told =
            json_get_string(json_array_get(json_object_get(row, "cells"), i), "trained", NULL);
        if (want[i] ? !told || !strstr(told, want[i]) : told != NULL)
            fail_msg("cell %zu says '%s', not '%s'", i, told, want[i]);
    }
    json_decref(board);
    json_decref(doc);
}

static json_t *datasets(const char *name) {
    return json_pack("{s:[s, s]}", "datasets", "org/other", name);
}

static void a_card_that_says_nothing_is_unknown(void **state) {
    (void)state;
    assert_told(json_object(), "unknown", -1, NULL, NULL);
    assert_told(json_pack("{s:[]}", "datasets"), "unknown", -1, NULL, NULL);
    assert_told(
        json_pack("{s:n, s:i}", "datasets", "training_datasets", 7), "unknown", -1, NULL, NULL);
}

static void a_card_that_names_other_data_declares_zero_shot(void **state) {
    (void)state;
    assert_told(datasets("org/more"), "declared", 100, NULL, NULL);
    assert_told(json_pack("{s:s}", "datasets", "wikihow"), "declared", 100, NULL, NULL);
    /* mteb's word for: on none of its tasks */
    assert_told(json_pack("{s:[]}", "training_datasets"), "declared", 100, NULL, NULL);
}

static void data_are_known_by_their_repository_whatever_its_case(void **state) {
    (void)state;
    static const char *const NAMES[] = { "mteb/stsbenchmark-sts", "MTEB/STSBenchmark-STS",
        "https://huggingface.co/datasets/mteb/stsbenchmark-sts/tree/main",
        "datasets/mteb/stsbenchmark-sts@b0fddb5", " mteb/stsbenchmark-sts/ " };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        assert_told(
            datasets(NAMES[i]), "in part", 50, NULL, "from which the data of this task come");
    assert_told(datasets("mteb/stsbenchmark-sts-more"), "declared", 100, NULL, NULL);
    assert_told(datasets("mteb"), "declared", 100, NULL, NULL);
}

static void data_are_known_by_other_names_and_by_what_holds_them(void **state) {
    (void)state;
    assert_told(datasets("sentence-transformers/stsb"), "in part", 50, NULL,
        "its card names 'sentence-transformers/stsb', which has the same data");
    assert_told(datasets("glue"), "in part", 50, NULL, "of which the data of this task are a part");
    assert_told(datasets("natural_questions"), "in part", 50, "has the same data", NULL);
    assert_told(datasets("cfli/bge-full-data"), "no", 0, "are a part", "are a part");
}

static void tasks_are_known_by_mteb_s_names(void **state) {
    (void)state;
    assert_told(json_pack("{s:[s]}", "training_datasets", "NQ-PL"), "in part", 50,
        "'NQ-PL', a task of the same data", NULL);
    assert_told(json_pack("{s:[s]}", "training_datasets", "wordnetglossretrieval"), "in part", 50,
        "names this task", NULL);
    /* as older files have it: names with their splits */
    assert_told(json_pack("{s:{s:[s]}}", "training_datasets", "STSBenchmark", "train"), "in part",
        50, NULL, "a task of the same data");
}

static void what_a_model_was_made_from_counts(void **state) {
    (void)state;
    json_t *doc = demo(), *board, *zero;
    set_card(doc, MODEL, json_pack("{s:s, s:[s]}", "base_model", MODEL "-3L", "datasets", "a/b"));
    set_card(doc, MODEL "-3L",
        json_pack("{s:[s, s], s:[s]}", "base_model", MODEL, "somebody/else", "datasets", "glue"));
    set_card(doc, MODEL "-1L", json_pack("{s:s}", "base_model", MODEL "-3L"));
    board = board_of(doc, "wordnet");
    zero = json_object_get(row_of(board, MODEL), "zero_shot");
    assert_string_equal(json_get_string(zero, "state", ""), "in part");
    assert_int_equal(json_get_int(zero, "percent", -1), 50);
    const json_t *cell = json_array_get(json_object_get(row_of(board, MODEL), "cells"), 1);
    assert_string_equal(json_get_string(cell, "trained", ""),
        "the card of '" MODEL
        "-3L', which it was made from, names 'glue', of which the data of this "
        "task are a part");
    /* says nothing itself: what is known is told, and no share */
    zero = json_object_get(row_of(board, MODEL "-1L"), "zero_shot");
    assert_string_equal(json_get_string(zero, "state", ""), "in part");
    assert_int_equal(json_get_int(zero, "percent", -1), -1);
    assert_string_equal(json_get_string(zero, "told", ""),
        "its card names no training data; what it was made from was trained on 1 of 2 tasks: "
        "WordNetGlossSTS");
    json_decref(board);
    json_decref(doc);
}

static void scripts_and_tables_have_it_too(void **state) {
    (void)state;
    json_t *doc = demo();
    set_card(doc, MODEL, datasets("glue"));
    json_t *board = board_of(doc, "wordnet"),
           *section = json_array_get(json_object_get(board, "sections"), 0);
    columns_name(section);
    json_t *files = json_array(), *core = columns_core(board, section, files),
           *tasks = columns_of_tasks(section, 0);
    json_t *notes = json_object_get(json_array_get(json_object_get(tasks, "data"), 1), "notes");
    assert_int_equal(json_array_size(json_object_get(notes, "values")), 1);
    assert_true(str_begins(json_string_value(json_array_get(json_object_get(notes, "values"), 0)),
        "trained: its card"));
    assert_null(json_object_get(json_array_get(json_object_get(tasks, "data"), 0), "notes"));
    const json_t *of = json_object_get(json_object_get(core, "zero"), "of");
    assert_int_equal(json_array_size(of), 3);
    assert_int_equal(
        json_integer_value(json_array_get(json_object_get(core, "zero_percent"), 0)), 50);
    struct strbuf csv = { 0 };
    section_csv(section, &csv);
    assert_non_null(strstr(strbuf_str(&csv), ",zero_shot,zero_shot_percent,trained_on,origin\r\n"));
    assert_non_null(strstr(strbuf_str(&csv), ",in part,50,WordNetGlossSTS,measured\r\n"));
    assert_non_null(strstr(strbuf_str(&csv), ",unknown,,,measured\r\n"));
    strbuf_release(&csv);
    json_decref(files);
    json_decref(core);
    json_decref(tasks);
    json_decref(board);
    json_decref(doc);
}

static void pages_say_by_which_data_set(void **state) {
    (void)state;
    json_t *doc = demo();
    set_card(doc, MODEL,
        json_pack("{s:[s, s], s:s}", "datasets", "glue", "<b>x</b>", "base_model", "who/knows"));
    char *out = fixture_dir();
    const struct site_options options = { .out = out, .gnuplot = "", .plain = true };
    assert_ok(site_build(doc, &options, NULL, &err));
    static const struct {
        const char *path, *text;
    } HOLDS[] = { { "s/wordnet/index.html", ">trained</span>" },
        { "s/wordnet/index.html", ">50 %</span>" }, { "s/wordnet/index.html", ">unknown</span>" },
        { "m/assay-demo/all-MiniLM-L6-v2/index.html",
            "trained: its card names &#39;glue&#39;, of which" },
        { "m/assay-demo/all-MiniLM-L6-v2/index.html", "&lt;b&gt;x&lt;/b&gt;" },
        { "m/assay-demo/all-MiniLM-L6-v2/index.html", "whose card is not known here" },
        { "m/assay-demo/all-MiniLM-L6-v2/index.html",
            "50 % of the tasks; cards name training data of 1 of 2" },
        { "m/assay-demo/all-MiniLM-L6-v2-1L/index.html", "Its card names no training data" },
        { "t/WordNetGlossSTS/index.html", "sentence-transformers/stsb" },
        { "methods/index.html", "id=\"zero-shot\"" },
        { "api/v1/m/assay-demo/all-MiniLM-L6-v2.json", "\"zero_shot\":" },
        { "api/v1/s/wordnet.json", "\"trained\":" } };
    for (size_t i = 0; i < sizeof HOLDS / sizeof *HOLDS; i++) {
        char *page = fixture_read(out, HOLDS[i].path);
        if (!strstr(page, HOLDS[i].text))
            fail_msg("%s lacks '%s'", HOLDS[i].path, HOLDS[i].text);
        free(page);
    }
    assert_ok(dir_remove(out, &err));
    free(out);
    json_decref(doc);
}

static json_t *overlap(int task, const char *corpus, int n_found) {
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:s}", "task_id", task,
        "task", "x", "corpus", corpus, "corpus_sha256", "00", "data_sha256", "00", "n", 13, "words",
        1000000, "documents", 400, "too_short", 100, "contaminated", n_found, "found_at",
        "2026-11-02T10:00:00Z");
}

static void what_corpora_hold_of_a_task_stands_in_its_column(void **state) {
    (void)state;
    json_t *doc = demo();
    json_object_set_new(doc, "overlaps",
        json_pack("[o, o, o]", overlap(2, "clean", 0), overlap(3, "a <crawl>", 3),
            overlap(3, "another", 30)));
    json_t *board = board_of(doc, "wordnet"),
           *section = json_array_get(json_object_get(board, "sections"), 0),
           *tasks = json_object_get(section, "tasks");
    assert_null(json_object_get(json_array_get(tasks, 0), "overlap")); /* looked for, not found */
    assert_string_equal(
        json_get_string(json_object_get(json_array_get(tasks, 1), "overlap"), "told", ""),
        "30 of 400 documents have 13 words in a row of the corpus 'another'");
    json_decref(board);
    char *out = fixture_dir();
    const struct site_options options = { .out = out, .gnuplot = "", .plain = true };
    assert_ok(site_build(doc, &options, NULL, &err));
    char *page = fixture_read(out, "s/wordnet/index.html");
    assert_non_null(strstr(page, ">overlap</span>"));
    free(page);
    page = fixture_read(out, "t/WordNetGlossSTS/index.html");
    assert_non_null(strstr(page, "a &lt;crawl&gt;"));
    assert_non_null(strstr(page, ">10.0 %<"));
    assert_true(strstr(page, "another") < strstr(page, "a &lt;crawl&gt;"));
    free(page);
    assert_ok(dir_remove(out, &err));
    free(out);
    json_decref(doc);
}

/* ---- as mteb counts ---- */

/* A suite of the benchmark's tasks, and the models with one figure each. */
static json_t *as_mteb_has_them(const json_t *recorded, size_t benchmark) {
    json_t *doc = fixture_empty(), *task, *model;
    size_t i;
    json_array_append_new(json_object_get(doc, "suites"),
        json_pack("{s:i, s:s, s:i, s:s, s:{}}", "suite_id", 1, "suite", "mteb", "version", 1,
            "sha256", "", "definition"));
    json_array_foreach(
        json_array_get(json_object_get(recorded, "benchmarks"), benchmark), i, task) {
        json_t *row = json_pack("{s:s, s:i, s:O, s:i, s:s, s:s, s:{s:{s:O}}, s:i}", "suite", "mteb",
            "task_id", (int)i + 1, "task", json_array_get(task, 0), "version", 1, "kind", "sts",
            "main", "cosine_spearman", "definition", "data", "repo", json_array_get(task, 1),
            "position", (int)i);
        json_array_append(json_object_get(doc, "tasks"), row);
        json_array_append_new(json_object_get(doc, "suite_tasks"), row);
    }
    json_array_foreach(json_object_get(recorded, "models"), i, model) {
        json_t *name = json_object_get(model, "model"),
               *card = json_pack("{s:O*, s:O*}", "training_datasets",
                   json_object_get(model, "training_datasets"), "base_model",
                   json_object_get(model, "base_model"));
        json_array_append_new(
            json_object_get(doc, "models"), json_pack("{s:O, s:s, s:s, s:o}", "model", name, "kind",
                                                "hub", "revision", "r", "card", card));
        json_array_append_new(json_object_get(doc, "board"),
            json_pack("{s:s, s:O, s:s, s:s, s:s, s:i, s:s, s:i, s:f}", "suite", "mteb", "model",
                name, "revision", "r", "precision", "auto", "weight_type", "auto", "task_id", 1,
                "kind", "sts", "run_id", (int)i + 1, "value", 0.5));
    }
    return doc;
}

/* A forum's task is a part of the one over all forums, which mteb does not count. */
static bool has_forums(const json_t *model) {
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(model, "training_datasets"), i, name) {
        if (str_begins(json_string_value(name), "CQADupstack"))
            return true;
    }
    return false;
}

/* mteb's float makes 71 of what is 72; the rest is to be the same. */
static void shares_are_those_of_mteb(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *recorded =
        json_parse_file(ASSAY_TESTS_DIR "/fixtures/zero_shot/mteb.json", (size_t)1 << 20, &err);
    assert_non_null(recorded);
    size_t n = 0, differ = 0;
    for (size_t b = 0; b < 2; b++) {
        json_t *doc = as_mteb_has_them(recorded, b), *board = board_of(doc, "mteb"), *model;
        size_t i;
        json_array_foreach(json_object_get(recorded, "models"), i, model) {
            const char *name = json_get_string(model, "model", "");
            json_t *zero = json_object_get(row_of(board, name), "zero_shot");
            const json_t *want = json_array_get(json_object_get(model, "percent"), b);
            long long got = json_get_int(zero, "percent", -1),
                      wanted = want ? json_integer_value(want) : -1;
            if (has_forums(model))
                continue;
            if (got != wanted && got != wanted + 1)
                fail_msg("benchmark %zu, %s: %lld, not %lld", b, name, got, wanted);
            bool clean = json_is_true(json_array_get(json_object_get(model, "clean"), b));
            if (want)
                assert_int_equal(clean, !strcmp(json_get_string(zero, "state", ""), "declared"));
            differ += got != wanted;
            n++;
        }
        json_decref(board);
        json_decref(doc);
    }
    assert_true(n > 120 && differ < n / 4);
    json_decref(recorded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_that_says_nothing_is_unknown),
        cmocka_unit_test(a_card_that_names_other_data_declares_zero_shot),
        cmocka_unit_test(data_are_known_by_their_repository_whatever_its_case),
        cmocka_unit_test(data_are_known_by_other_names_and_by_what_holds_them),
        cmocka_unit_test(tasks_are_known_by_mteb_s_names),
        cmocka_unit_test(what_a_model_was_made_from_counts),
        cmocka_unit_test(scripts_and_tables_have_it_too),
        cmocka_unit_test(pages_say_by_which_data_set),
        cmocka_unit_test(what_corpora_hold_of_a_task_stands_in_its_column),
        cmocka_unit_test(shares_are_those_of_mteb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

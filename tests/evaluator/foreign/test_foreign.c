/* Other programs' results: read, held against what they say, written again. argv[1] is the folder
 * of seeds, which are whole files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/data/frontmatter.h"
#include "evaluator/foreign/foreign.h"
#include "evaluator/worker/worker.h"

static const char *seeds;

static bool parse_text(enum foreign_format format, const char *text, size_t n, const char *model,
    json_t **results, struct err *err) {
    *err = (struct err)ERR_INIT;
    *results = json_array();
    return foreign_parse(format,
        &(struct foreign_file) {
            .path = "dir/results_x.json", .text = text, .n = n, .model = model },
        *results, err);
}

static char *read_seed(const char *name, size_t *n) {
    struct strbuf text = { 0 };
    struct err err = ERR_INIT;
    char *path = path_join(seeds, name);
    if (!file_read(path, 1 << 20, &text, &err)) {
        fail_msg("%s", err.msg);
    }
    free(path);
    *n = text.len;
    return strbuf_take(&text);
}

static json_t *parse_seed(enum foreign_format format, const char *name, const char *model) {
    json_t *results;
    struct err err;
    size_t n;
    char *text = read_seed(name, &n);
    if (!parse_text(format, text, n, model, &results, &err)) {
        fail_msg("%s: %s", name, err.msg);
    }
    free(text);
    return results;
}

static double number(
    const json_t *result, const char *subset, const char *metric, const char *key) {
    const json_t *part =
        subset ? json_object_get(json_object_get(result, "subsets"), subset) : result;
    return json_get_number(json_object_get(json_object_get(part, "metrics"), metric), key, -77);
}

static void same_text(const json_t *o, const char *key, const char *expected) {
    assert_string_equal(json_get_string(o, key, "(none)"), expected);
}

/* Through the record that the database keeps, as an export has it. */
static void goes_into_a_record(const json_t *results) {
    const json_t *result;
    size_t i;
    json_array_foreach(results, i, result) {
        json_t *record = record_from_result(result, NULL, NULL, NULL);
        assert_non_null(record);
        assert_true(
            json_equal(json_object_get(record, "imported"), json_object_get(result, "imported")));
        json_decref(record);
    }
}

/* ---- lm-evaluation-harness ---- */

static void lmeval_tells_tasks_from_groups(void **state) {
    (void)state;
    json_t *results = parse_seed(FOREIGN_LM_EVAL, "foreign_lmeval/today.json", NULL);
    const json_t *choice = json_array_get(results, 0), *words = json_array_get(results, 1);
    assert_int_equal(json_array_size(results), 2);
    same_text(choice, "task", "toy_choice");
    same_text(choice, "main", "acc_norm");
    same_text(choice, "model", "org/model");
    same_text(choice, "revision", "0123456789abcdef0123456789abcdef01234567");
    same_text(choice, "kind", "choice");
    same_text(choice, "dtype", "f32");
    same_text(choice, "profile", "lm-eval/0.4.13");
    assert_int_equal(json_get_int(choice, "shots", -1), 2);
    assert_int_equal(json_get_int(choice, "n", -1), 4);
    assert_int_equal(json_get_int(choice, "limit", -1), 4);
    assert_true(number(choice, NULL, "acc", "stderr") == 0.28867513459481287);
    same_text(words, "main", "exact_match,strict");
    assert_true(number(words, NULL, "exact_match,loose", "value") == 1);
    assert_true(number(words, NULL, "exact_match,strict", "stderr") == -77); /* "N/A" */
    assert_true(number(words, NULL, "word_perplexity", "value") == -77);     /* NaN */
    assert_string_not_equal(
        json_get_string(choice, "task_sha256", ""), json_get_string(words, "task_sha256", ""));
    goes_into_a_record(results);
    json_decref(results);
}

static void lmeval_comes_back_whole(void **state) {
    (void)state;
    static const char *const NAMES[] = { "foreign_lmeval/today.json",
        "foreign_lmeval/before.json" };
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        struct err err = ERR_INIT;
        char *text = read_seed(NAMES[i], &n);
        json_t *results = parse_seed(FOREIGN_LM_EVAL, NAMES[i], NULL),
               *before = foreign_python_json(text, n, "seed", &err),
               *after = foreign_document(FOREIGN_LM_EVAL, results);
        assert_non_null(before);
        assert_true(json_equal(before, after));
        json_decref(before);
        json_decref(after);
        json_decref(results);
        free(text);
    }
}

static void lmeval_of_before_has_arguments_in_a_string(void **state) {
    (void)state;
    json_t *results = parse_seed(FOREIGN_LM_EVAL, "foreign_lmeval/before.json", NULL);
    const json_t *old = json_array_get(results, 0);
    same_text(old, "model", "org/model");
    same_text(old, "revision_label", "main"); /* a branch is no commit */
    assert_int_equal(strlen(json_get_string(old, "revision", "")), 64);
    assert_true(number(old, NULL, "acc", "stderr") == 0.1);
    same_text(old, "main", "acc");
    json_decref(results);
}

/* ---- MTEB ---- */

static void mteb_means_subsets_then_splits(void **state) {
    (void)state;
    json_t *one = parse_seed(FOREIGN_MTEB, "foreign_mteb/today.json", "org/model"),
           *many = parse_seed(FOREIGN_MTEB, "foreign_mteb/subsets.json", "org/model");
    const json_t *a = json_array_get(one, 0), *b = json_array_get(many, 0);
    assert_null(json_object_get(a, "subsets"));
    assert_true(number(a, NULL, "cosine_spearman", "value") == 0.25);
    assert_true(number(a, NULL, "main_score", "value") == 0.25);
    assert_true(number(b, NULL, "main_score", "value") == (0.75 + 0.25) / 2);
    assert_true(number(b, "validation/de-en", "f1", "value") == 0.25);
    assert_true(number(b, "test/en", "main_score", "value") == 0.25);
    assert_true(number(b, "validation/en", "f1", "value") == -77);
    goes_into_a_record(one);
    goes_into_a_record(many);
    json_decref(one);
    json_decref(many);
}

static void mteb_of_before_nests_its_numbers(void **state) {
    (void)state;
    json_t *one = parse_seed(FOREIGN_MTEB, "foreign_mteb/before.json", "org/model"),
           *many = parse_seed(FOREIGN_MTEB, "foreign_mteb/before_many.json", "org/model");
    assert_true(number(json_array_get(one, 0), NULL, "cosine_spearman", "value") == 0.625);
    assert_true(number(json_array_get(one, 0), NULL, "main_score", "value") == 0.625);
    assert_true(number(json_array_get(many, 0), NULL, "main_score", "value") == 0.375);
    json_decref(one);
    json_decref(many);
}

static void mteb_comes_back_whole(void **state) {
    (void)state;
    size_t n;
    struct err err = ERR_INIT;
    char *text = read_seed("foreign_mteb/subsets.json", &n);
    json_t *results = parse_seed(FOREIGN_MTEB, "foreign_mteb/subsets.json", "org/model"),
           *before = foreign_python_json(text, n, "seed", &err),
           *after = foreign_document(FOREIGN_MTEB, results);
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    json_decref(results);
    free(text);
}

/* ---- what repositories say ---- */

static void index_groups_metrics_by_entry(void **state) {
    (void)state;
    json_t *results = parse_seed(FOREIGN_MODEL_INDEX, "foreign_index/README.md", "org/model");
    const json_t *toy = json_array_get(results, 0), *data = json_object_get(toy, "data");
    assert_int_equal(json_array_size(results), 1);
    same_text(toy, "task", "Toy (test)");
    same_text(data, "repo", "org/toy");
    assert_true(number(toy, NULL, "acc", "value") == 20.9);
    assert_true(number(toy, NULL, "normalised", "value") == 21.5);
    goes_into_a_record(results);
    json_decref(results);
}

/* All but the block is as it was, to the byte, and the block says the same. */
static void index_is_written_in_its_place(void **state) {
    (void)state;
    size_t n;
    struct err err = ERR_INIT;
    struct strbuf out = { 0 };
    char *text = read_seed("foreign_index/README.md", &n);
    json_t *results = parse_seed(FOREIGN_MODEL_INDEX, "foreign_index/README.md", "org/model");
    assert_true(foreign_write_model_index("model", results, text, n, &out, &err));
    const char *tail = strstr(text, "language:");
    assert_true(str_begins(strbuf_str(&out), "---\nlicense: mit\ntags:\n- toy\nmodel-index:\n"));
    assert_true(str_ends(strbuf_str(&out), tail));
    json_t *before = frontmatter_values(text, n, &err),
           *after = frontmatter_values(strbuf_str(&out), out.len, &err);
    json_t *was = json_array_get(json_object_get(before, "model-index"), 0),
           *is = json_array_get(json_object_get(after, "model-index"), 0);
    assert_true(json_equal(json_array_get(json_object_get(was, "results"), 0),
        json_array_get(json_object_get(is, "results"), 0)));
    json_decref(before);
    json_decref(after);
    json_decref(results);
    strbuf_release(&out);
    free(text);
}

static void a_readme_without_front_matter_gets_one(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct strbuf out = { 0 };
    json_t *results = parse_seed(FOREIGN_LM_EVAL, "foreign_lmeval/today.json", NULL), *again;
    assert_true(foreign_write_model_index("model", results, "# Hello\n", 8, &out, &err));
    assert_true(str_ends(strbuf_str(&out), "\n---\n# Hello\n"));
    assert_true(
        parse_text(FOREIGN_MODEL_INDEX, strbuf_str(&out), out.len, "org/model", &again, &err));
    assert_int_equal(json_array_size(again), 2);
    assert_true(number(json_array_get(again, 0), NULL, "acc_norm", "value") == 0.75);
    same_text(json_array_get(again, 0), "main", "acc_norm"); /* it comes first */
    json_decref(again);
    json_decref(results);
    strbuf_release(&out);
}

static void eval_results_come_back(void **state) {
    (void)state;
    size_t n;
    struct err err = ERR_INIT;
    struct strbuf out = { 0 };
    char *text = read_seed("foreign_evalresults/toy.yaml", &n);
    json_t *results = parse_seed(FOREIGN_EVAL_RESULTS, "foreign_evalresults/toy.yaml", "org/model");
    assert_int_equal(json_array_size(results), 2);
    assert_true(number(json_array_get(results, 0), NULL, "value", "value") == 20.9);
    same_text(json_array_get(results, 1), "task", "older");
    goes_into_a_record(results);
    foreign_write_eval_results(results, NULL, &out);
    json_t *before = yaml_values(text, n, &err),
           *after = yaml_values(strbuf_str(&out), out.len, &err);
    assert_non_null(after);
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    json_decref(results);
    strbuf_release(&out);
    free(text);
}

/* What YAML could take for something else is quoted. */
static void yaml_keeps_what_it_is_given(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct strbuf out = { 0 };
    json_t *value =
        json_pack("{s:[s,s,s,s,s,s,s,s,s], s:[[i,i],[[b]]], s:{s:{s:n}}, s:[], s:{}, s:f}", "words",
            "no", "1.5", "2025-01-15", "a: b", "- x", "", " y", "null", "line\nbreak \"q\" \\",
            "nested", 1, 2, 1, "deep key", "on", "x", "empty", "none", "x: y", 1e-7);
    assert_non_null(value);
    foreign_yaml(&out, value, 0);
    json_t *again = yaml_values(strbuf_str(&out), out.len, &err);
    if (!again || !json_equal(value, again)) {
        fail_msg("%s\n%s", err.msg, strbuf_str(&out));
    }
    json_decref(again);
    json_decref(value);
    strbuf_release(&out);
}

/* ---- what is refused ---- */

static void bad_input_is_refused_with_its_place(void **state) {
    (void)state;
    static const struct {
        enum foreign_format format;
        const char *text, *model, *says;
    } CASES[] = {
        { FOREIGN_LM_EVAL, "{", "org/m", "results_x.json" },
        { FOREIGN_LM_EVAL, "[]", "org/m", "'results' is no object" },
        { FOREIGN_LM_EVAL, "{\"results\": {}}", "org/m", "no results" },
        { FOREIGN_LM_EVAL, "{\"results\": {\"t\": {\"acc,none\": NaN}}}", "org/m",
            "results.t: none of its numbers is finite" },
        { FOREIGN_LM_EVAL, "{\"results\": {\"t\": {\"acc\": 1}}, \"model_name\": \"gpt2\"}", NULL,
            "results.t: the model is called 'gpt2'" },
        { FOREIGN_LM_EVAL, "{\"results\": {\"t\": {\"acc\": 1}}, \"model_name\": \"../x\"}", NULL,
            "no org/name" },
        { FOREIGN_MTEB, "{\"scores\": {}}", "org/m", "no 'task_name'" },
        { FOREIGN_MTEB, "{\"task_name\": \"T\", \"scores\": {\"test\": []}}", "org/m",
            "scores.test: no list" },
        { FOREIGN_MTEB, "{\"task_name\": \"T\", \"scores\": {\"test\": [{\"hf_subset\": \"a\"}]}}",
            "org/m", "scores.test[0]: 'main_score'" },
        { FOREIGN_MTEB,
            "{\"task_name\": \"T\", \"scores\": {\"test\": [{\"hf_subset\": \"a\", \"main_score\": "
            "1}, "
            "{\"hf_subset\": \"a\", \"main_score\": 1}]}}",
            "org/m", "there twice" },
        { FOREIGN_MODEL_INDEX, "# no front matter", "org/m", "no list 'model-index'" },
        { FOREIGN_MODEL_INDEX, "---\nmodel-index: [\n---\n", "org/m", "front matter line" },
        { FOREIGN_MODEL_INDEX,
            "---\nmodel-index:\n- name: m\n  results:\n  - dataset: {name: x}\n    metrics:\n    - "
            "{type: acc}\n---\n",
            "org/m", "model-index[0].results[0]: a metric needs" },
        { FOREIGN_EVAL_RESULTS, "value: 3", "org/m", "no list of results" },
        { FOREIGN_EVAL_RESULTS, "- dataset: {id: a/b}\n  value: 3", "org/m",
            "[0]: 'dataset' needs" },
        { FOREIGN_EVAL_RESULTS, "- dataset: {id: a/b, task_id: t}\n  value: high", "org/m",
            "[0]: 'value' is no number" },
        { FOREIGN_EVAL_RESULTS, "- dataset: {id: a/b, task_id: t}\n  value: 1", NULL, "--model" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err err;
        json_t *results;
        bool ok = parse_text(
            CASES[i].format, CASES[i].text, strlen(CASES[i].text), CASES[i].model, &results, &err);
        if (ok || err.class != ERR_INPUT ||
            !(strstr(err.msg, CASES[i].says) || strstr(err.hint, CASES[i].says))) {
            fail_msg("case %zu: %s, not \"%s\"", i, ok ? "taken" : err.msg, CASES[i].says);
        }
        assert_int_equal(json_array_size(results), 0);
        json_decref(results);
    }
}

static void a_line_of_samples_is_looked_at(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    static const char GOOD[] = "{\"doc_id\": 0, \"metrics\": [\"acc\"], \"acc\": NaN}",
                      BAD[] = "{\"doc_id\": 0}";
    assert_true(foreign_sample_check(GOOD, strlen(GOOD), "s.jsonl", 1, &err));
    assert_false(foreign_sample_check(BAD, strlen(BAD), "s.jsonl", 7, &err));
    assert_non_null(strstr(err.msg, "'s.jsonl' line 7"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lmeval_tells_tasks_from_groups),
        cmocka_unit_test(lmeval_comes_back_whole),
        cmocka_unit_test(lmeval_of_before_has_arguments_in_a_string),
        cmocka_unit_test(mteb_means_subsets_then_splits),
        cmocka_unit_test(mteb_of_before_nests_its_numbers),
        cmocka_unit_test(mteb_comes_back_whole),
        cmocka_unit_test(index_groups_metrics_by_entry),
        cmocka_unit_test(index_is_written_in_its_place),
        cmocka_unit_test(a_readme_without_front_matter_gets_one),
        cmocka_unit_test(eval_results_come_back),
        cmocka_unit_test(yaml_keeps_what_it_is_given),
        cmocka_unit_test(bad_input_is_refused_with_its_place),
        cmocka_unit_test(a_line_of_samples_is_looked_at),
    };
    seeds = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}

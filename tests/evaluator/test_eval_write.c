/* Files of results: their names and fields as the peers have them. */
#include "task_main.h"

#include <dirent.h>
#include <stdio.h>

#include "base/hash.h"
#include "evaluator/eval/eval.h"

static char dir[] = "/tmp/assay-write-XXXXXX";

/* The one file below dir/sub whose name begins so, parsed; *name gets its full path. */
static char *find_file(const char *sub, const char *begins) {
    char *folder = path_join(dir, sub), *found = NULL;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (!strncmp(e->d_name, begins, strlen(begins))) {
            assert_null(found);
            found = path_join(folder, e->d_name);
        }
    }
    closedir(d);
    free(folder);
    assert_non_null(found);
    return found;
}

static json_t *parse(const char *text) {
    struct err err = ERR_INIT;
    json_t *v = json_parse(text, strlen(text), "test", &err);
    if (!v) {
        fail_msg("%s", err.msg);
    }
    return v;
}

static json_t *read_json(const char *path) {
    struct err err = ERR_INIT;
    json_t *v = json_parse_file(path, 1 << 20, &err);
    if (!v) {
        fail_msg("%s", err.msg);
    }
    return v;
}

/* A command that has one result. */
static bool write_one(const char *to, const json_t *result, const char *samples, size_t n,
    bool with_samples, struct err *err) {
    struct eval_out *out = eval_out_new(to, with_samples);
    bool ok = eval_out_add(out, result, samples, n, err);
    eval_out_free(out);
    return ok;
}

static const char result_choice[] =
    "{\"model\": \"org/na me\", \"revision\": \"abc\", \"task\": \"quiz\", \"version\": 3, "
    "\"kind\": \"choice\", \"profile\": "
    "\"lm-eval/0.4.13\", \"shots\": 5, \"limit\": null, \"seed\": 1234, \"n\": 2, \"main\": "
    "\"acc\", \"higher_is_better\": true, "
    "\"metrics\": {\"acc\": {\"value\": 0.5, \"stderr\": 0.5, \"low\": 0.1, \"high\": 0.9}, "
    "\"mcc\": {\"value\": 0.25, "
    "\"stderr\": null, \"low\": null, \"high\": null}}, \"data\": {\"repo\": \"org/data\", "
    "\"config\": null, \"split\": \"test\", "
    "\"revision\": null}, \"seconds\": 1.5, \"data_sha256\": \"d\", \"task_sha256\": \"t\", "
    "\"languages\": [\"eng-Latn\"]}";

static const char samples_choice[] =
    "{\"doc_id\": 0, \"contexts\": [\"Q\"], \"choices\": [{\"text\": \"a\", \"continuation\": \" "
    "a\", \"context\": 0}, "
    "{\"text\": \"b\", \"continuation\": \" b\", \"context\": 0}], \"gold\": 1, \"prediction\": 1, "
    "\"loglikelihoods\": [-2.5, "
    "-1.0], \"greedy\": [false, true], \"metrics\": {\"acc\": 1.0}, \"doc\": {\"q\": \"é\", \"n\": "
    "[1, 2.5]}}\n"
    "{\"doc_id\": 1, \"contexts\": [\"R\"], \"choices\": [{\"text\": \"a\", \"continuation\": \" "
    "a\", \"context\": 0}, "
    "{\"text\": \"b\", \"continuation\": \" b\", \"context\": 0}], \"gold\": [0, 1], "
    "\"prediction\": 1, \"loglikelihoods\": "
    "[-2.5, -1e-07], \"greedy\": [false, false], \"metrics\": {\"acc\": 0.0}, \"doc\": {\"q\": "
    "\"f\"}}\n";

static void choice_results_are_lm_evals(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *result = parse(result_choice);
    assert_true(write_one(dir, result, samples_choice, strlen(samples_choice), true, &err));
    char *path = find_file("org__na_me", "results_"),
         *samples = find_file("org__na_me", "samples_quiz_");
    json_t *r = read_json(path);
    const json_t *quiz = json_object_get(json_object_get(r, "results"), "quiz");
    assert_true(json_get_number(quiz, "acc,none", 0) == 0.5);
    assert_true(json_get_number(quiz, "acc_stderr,none", 0) == 0.5);
    assert_string_equal(json_get_string(quiz, "mcc_stderr,none", ""), "N/A");
    assert_int_equal(json_get_int(json_object_get(r, "versions"), "quiz", 0), 3);
    assert_int_equal(json_get_int(json_object_get(r, "n-shot"), "quiz", 0), 5);
    assert_string_equal(
        json_get_string(json_object_get(json_object_get(r, "configs"), "quiz"), "output_type", ""),
        "multiple_choice");
    struct strbuf text = { 0 };
    assert_true(file_read(samples, 1 << 20, &text, &err));
    char *second = strchr(text.text, '\n');
    *second++ = '\0';
    json_t *s = parse(text.text), *t = parse(second);
    assert_string_equal(json_get_string(s, "target", ""), "1");
    assert_string_equal(json_get_string(t, "target", ""), "[0, 1]");
    const json_t *first = json_array_get(json_object_get(s, "resps"), 0);
    assert_string_equal(json_string_value(json_array_get(json_array_get(first, 0), 0)), "-2.5");
    assert_string_equal(json_string_value(json_array_get(
                            json_array_get(json_object_get(s, "filtered_resps"), 1), 1)),
        "True");
    assert_string_equal(json_string_value(json_array_get(
                            json_array_get(json_object_get(t, "filtered_resps"), 1), 0)),
        "-1e-07");
    const json_t *arguments = json_object_get(json_object_get(s, "arguments"), "gen_args_1");
    assert_string_equal(json_get_string(arguments, "arg_0", ""), "Q");
    assert_string_equal(json_get_string(arguments, "arg_1", ""), " b");
    /* Python: json.dumps({"q": "é", "n": [1, 2.5]}, indent=2, ensure_ascii=False) */
    char hex[65];
    const char *dump = "{\n  \"q\": \"é\",\n  \"n\": [\n    1,\n    2.5\n  ]\n}";
    sha256_hex(dump, strlen(dump), hex);
    assert_string_equal(json_get_string(s, "doc_hash", ""), hex);
    sha256_hex("Q", 1, hex);
    assert_string_equal(json_get_string(s, "prompt_hash", ""), hex);
    sha256_hex("1", 1, hex);
    assert_string_equal(json_get_string(s, "target_hash", ""), hex);
    assert_true(json_get_number(s, "acc", 0) == 1);
    strbuf_release(&text);
    json_decref(s);
    json_decref(t);
    json_decref(r);
    json_decref(result);
    free(path);
    free(samples);
}

static void metrics_have_lm_evals_names(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *result = parse("{\"model\": \"org/mc\", \"task\": \"truthfulqa_mc2\", \"version\": 3, "
                           "\"kind\": \"choice\", \"main\": \"mc2\", \"n\": 2, \"metrics\": "
                           "{\"mc2\": {\"value\": 0.25, \"stderr\": 0.125}, \"brier\": "
                           "{\"value\": 1.5, \"stderr\": 0.5}}}");
    assert_true(write_one(dir, result, NULL, 0, false, &err));
    char *path = find_file("org__mc", "results_");
    json_t *r = read_json(path);
    const json_t *task = json_object_get(json_object_get(r, "results"), "truthfulqa_mc2");
    assert_true(json_get_number(task, "acc,none", 0) == 0.25);
    assert_true(json_get_number(task, "acc_stderr,none", 0) == 0.125);
    assert_true(json_get_number(task, "brier_score,none", 0) == 1.5);
    json_decref(r);
    json_decref(result);
    free(path);
}

static void scores_of_suites_are_lm_evals_groups(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *rows =
        parse("[{\"suite\": \"mmlu\", \"title\": \"MMLU\", \"metric\": \"acc\", \"n\": 30, "
              "\"value\": 0.25, \"stderr\": 0.125, \"members\": [\"a\", \"b\"]}, "
              "{\"suite\": \"part\", \"metric\": null, \"n\": 0, \"value\": null, "
              "\"stderr\": null, \"members\": [\"b\"], \"reason\": \"b: not measured\"}]");
    struct eval_out *out = eval_out_new(dir, false);
    assert_true(eval_out_groups(out, "org/groups", rows, &err));
    eval_out_free(out);
    char *path = find_file("org__groups", "results_");
    json_t *r = read_json(path);
    const json_t *groups = json_object_get(r, "groups"), *mmlu = json_object_get(groups, "mmlu");
    assert_true(json_equal(groups, json_object_get(r, "results")));
    assert_int_equal(json_object_size(groups), 1);
    assert_true(json_get_number(mmlu, "acc,none", 0) == 0.25);
    assert_true(json_get_number(mmlu, "acc_stderr,none", 0) == 0.125);
    assert_int_equal(json_get_int(mmlu, "sample_len", 0), 30);
    assert_string_equal(json_get_string(mmlu, "alias", ""), "MMLU");
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(r, "group_subtasks"), "mmlu")), 2);
    json_decref(r);
    free(path);
    path = find_file("org__groups", "assay_groups_");
    r = read_json(path);
    assert_true(json_equal(json_object_get(r, "groups"), rows));
    json_decref(r);
    json_decref(rows);
    free(path);
}

static bool add(struct eval_out *out, const char *text, struct err *err) {
    json_t *result = parse(text);
    bool ok = eval_out_add(out, result, NULL, 0, err);
    json_decref(result);
    return ok;
}

static void two_metrics_of_one_name_there_keep_their_own(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct eval_out *out = eval_out_new(dir, false);
    assert_true(add(out,
        "{\"model\": \"org/both\", \"task\": \"t\", \"kind\": \"choice\", \"main\": \"acc\", "
        "\"metrics\": {\"mc2\": {\"value\": 0.25}, \"acc\": {\"value\": 0.5}}}",
        &err));
    eval_out_free(out);
    char *path = find_file("org__both", "results_");
    json_t *r = read_json(path); /* keys that are there twice are an error */
    const json_t *task = json_object_get(json_object_get(r, "results"), "t");
    assert_true(json_get_number(task, "acc,none", 0) == 0.5);
    assert_true(json_get_number(task, "mc2,none", 0) == 0.25);
    json_decref(r);
    free(path);
}

static void each_metric_says_its_own_direction_and_errors_are_the_harness_s(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct eval_out *out = eval_out_new(dir, false);
    assert_true(add(out,
        "{\"model\": \"org/way\", \"task\": \"t\", \"kind\": \"loglikelihood\", \"main\": \"acc\", "
        "\"higher_is_better\": true, \"n\": 10, \"limit\": 10, \"metrics\": {\"acc\": {\"value\": "
        "0.5, \"stderr\": 0.1}, \"perplexity\": {\"value\": 9, \"stderr\": 1}, \"brier\": "
        "{\"value\": 1, \"stderr\": 0.2}, \"bits_per_byte\": {\"value\": 1, \"stderr\": 0.2}}}",
        &err));
    eval_out_free(out);
    char *path = find_file("org__way", "results_");
    json_t *r = read_json(path);
    const json_t *task = json_object_get(json_object_get(r, "results"), "t"),
                 *better = json_object_get(json_object_get(r, "higher_is_better"), "t"),
                 *counts = json_object_get(json_object_get(r, "n-samples"), "t");
    assert_true(json_get_bool(better, "acc", false));
    assert_false(json_get_bool(better, "perplexity", true));
    assert_false(json_get_bool(better, "brier_score", true));
    assert_true(json_get_number(task, "perplexity_stderr,none", 0) == 1);
    assert_string_equal(json_get_string(task, "brier_score_stderr,none", ""), "N/A");
    assert_string_equal(json_get_string(task, "bits_per_byte_stderr,none", ""), "N/A");
    assert_int_equal(json_get_int(counts, "effective", 0), 10);
    assert_null(json_object_get(counts, "original")); /* of a split that was not read to its end */
    json_decref(r);
    free(path);
}

#define RESULT(model, task, seed)                                                                  \
    "{\"model\": \"" model "\", \"revision\": \"rev-" model "\", \"task\": \"" task                \
    "\", \"kind\": \"choice\", \"main\": \"acc\", \"seed\": " seed                                 \
    ", \"n\": 3, \"metrics\": {\"acc\": {\"value\": 0.5}}}"

static size_t count_files(const char *sub, const char *begins) {
    char *folder = path_join(dir, sub);
    DIR *d = opendir(folder);
    size_t n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        n += !strncmp(e->d_name, begins, strlen(begins));
    }
    closedir(d);
    free(folder);
    return n;
}

static void tasks_and_suites_of_a_command_are_one_results_file(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct eval_out *out = eval_out_new(dir, false);
    json_t *rows = parse("[{\"suite\": \"s\", \"metric\": \"acc\", \"n\": 6, \"value\": 0.5, "
                         "\"stderr\": 0.1, \"members\": [\"t\", \"u\"]}]");
    assert_true(add(out, RESULT("org/one", "t", "1234"), &err));
    assert_true(add(out, RESULT("org/one", "u", "1234"), &err));
    assert_true(eval_out_groups(out, "org/one", rows, &err));
    char *path = find_file("org__one", "results_");
    json_t *r = read_json(path), *results = json_object_get(r, "results");
    assert_int_equal(json_object_size(results), 3);
    assert_true(json_get_number(json_object_get(results, "u"), "acc,none", 0) == 0.5);
    assert_int_equal(json_object_size(json_object_get(r, "groups")), 1);
    assert_int_equal(json_object_size(json_object_get(r, "configs")), 2);
    json_decref(r);
    free(path);
    /* Another draw is another file: one says one seed. */
    assert_true(add(out, RESULT("org/one", "t", "1235"), &err));
    assert_true(add(out, RESULT("org/one", "u", "1235"), &err));
    assert_int_equal(count_files("org__one", "results_"), 2);
    assert_int_equal(count_files("org__one", "assay_t_"), 2);
    eval_out_free(out);
    json_decref(rows);
}

static void models_of_one_last_name_have_folders_of_their_own(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    for (int again = 0; again < 2; again++) {
        struct eval_out *out = eval_out_new(dir, false);
        assert_true(add(out, RESULT("./x/twin", "t", "1"), &err));
        assert_true(add(out, RESULT("./y/twin", "t", "1"), &err));
        eval_out_free(out);
        assert_int_equal(count_files("twin", "assay_t_"), again + 1);
        assert_int_equal(count_files("twin__rev-.__y", "assay_t_"), again + 1);
    }
}

static void embedding_results_are_mtebs(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *result = parse("{\"model\": \"org/enc\", \"revision\": \"../../up\", \"task\": "
                           "\"STS\", \"version\": 1, \"kind\": \"sts\", "
                           "\"main\": \"cosine_spearman\", \"n\": 2, \"metrics\": "
                           "{\"cosine_spearman\": {\"value\": 0.12345678}}, "
                           "\"data\": {\"split\": \"test\", \"revision\": \"r1\"}, \"languages\": "
                           "[\"eng-Latn\"], \"seconds\": 2.0}");
    assert_true(write_one(dir, result, NULL, 0, false, &err));
    char *path = find_file("org__enc/up", "STS.json");
    json_t *r = read_json(path);
    assert_string_equal(json_get_string(r, "dataset_revision", ""), "r1");
    const json_t *score = json_array_get(json_object_get(json_object_get(r, "scores"), "test"), 0);
    assert_true(json_get_number(score, "cosine_spearman", 0) == 0.123457);
    assert_true(json_get_number(score, "main_score", 0) == 0.123457);
    assert_string_equal(json_get_string(score, "hf_subset", ""), "default");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(score, "languages"), 0)), "eng-Latn");
    json_decref(r);
    json_decref(result);
    free(path);
    path = find_file("org__enc", "assay_STS_");
    r = read_json(path);
    assert_string_equal(json_get_string(r, "schema", ""), "assay.eval/1");
    json_decref(r);
    free(path);
}

static const json_t *first_score(const json_t *file, const char *split) {
    return json_array_get(json_object_get(json_object_get(file, "scores"), split), 0);
}

/* Parts that are named "split/subset" go under their split. */
static void splits_and_experiments_are_mtebs(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *result = parse(
        "{\"model\": \"org/sorter\", \"revision\": \"r\", \"task\": \"Sorts\", \"version\": 1, "
        "\"kind\": "
        "\"classification\", \"main\": \"accuracy\", \"n\": 4, \"metrics\": {\"accuracy\": "
        "{\"value\": 0.5}}, \"subsets\": {"
        "\"train/deu\": {\"n\": 1, \"metrics\": {\"accuracy\": {\"value\": 0.25}}, "
        "\"experiments\": "
        "{\"accuracy\": [0.125, 0.375]}}, "
        "\"train/eng\": {\"n\": 1, \"metrics\": {\"accuracy\": {\"value\": 0.5}}}, "
        "\"test/deu\": {\"n\": 2, \"metrics\": {\"accuracy\": {\"value\": 0.75}}}}, "
        "\"data\": {\"split\": \"test\"}, \"languages\": [], \"seconds\": 2.0}");
    assert_true(write_one(dir, result, NULL, 0, false, &err));
    char *path = find_file("org__sorter/r", "Sorts.json");
    json_t *r = read_json(path);
    const json_t *scores = json_object_get(r, "scores"), *first = first_score(r, "train");
    assert_int_equal(json_object_size(scores), 2);
    assert_int_equal(json_array_size(json_object_get(scores, "train")), 2);
    assert_string_equal(json_get_string(first, "hf_subset", ""), "deu");
    assert_true(json_get_number(first, "main_score", 0) == 0.25);
    const json_t *each = json_object_get(first, "scores_per_experiment");
    assert_int_equal(json_array_size(each), 2);
    assert_true(json_get_number(json_array_get(each, 1), "accuracy", 0) == 0.375);
    assert_true(json_get_number(first_score(r, "test"), "accuracy", 0) == 0.75);
    json_decref(r);
    json_decref(result);
    free(path);
}

static void a_folder_that_cannot_be_made_is_an_error(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *result = parse(result_choice);
    assert_false(write_one("/proc/none", result, NULL, 0, false, &err));
    assert_non_null(strstr(err.msg, "/proc/none"));
    json_decref(result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_results_are_lm_evals),
        cmocka_unit_test(metrics_have_lm_evals_names),
        cmocka_unit_test(scores_of_suites_are_lm_evals_groups),
        cmocka_unit_test(two_metrics_of_one_name_there_keep_their_own),
        cmocka_unit_test(each_metric_says_its_own_direction_and_errors_are_the_harness_s),
        cmocka_unit_test(tasks_and_suites_of_a_command_are_one_results_file),
        cmocka_unit_test(models_of_one_last_name_have_folders_of_their_own),
        cmocka_unit_test(embedding_results_are_mtebs),
        cmocka_unit_test(splits_and_experiments_are_mtebs),
        cmocka_unit_test(a_folder_that_cannot_be_made_is_an_error),
    };
    if (!mkdtemp(dir)) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    struct err err = ERR_INIT;
    return failed + !dir_remove(dir, &err);
}

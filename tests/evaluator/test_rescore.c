/* Stored samples scored again: the same numbers to the bit, the same lines to the byte, and samples
 * that say too little are refused by document and field. */
#include "folder.h"
#include "task_main.h"

#include <math.h>

#include "evaluator/eval/eval.h"

/* ---- a subject whose answers look like a model's: numbers with many digits ---- */

static double noise(const char *text, size_t n) {
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (unsigned char)text[i]) * 1099511628211u;
    }
    return (double)(h >> 11) / 9007199254740992.0;
}

static bool noise_score(void *self, const char *profile, struct score_request *requests, size_t n,
    const struct run_options *run, struct err *err) {
    (void)self;
    (void)profile;
    (void)run;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const struct score_request *r = &requests[i];
        double context = r->context ? noise(r->context, r->context_n) : 0;
        for (size_t c = 0; c < r->n_choices; c++) {
            struct score_choice *choice = &r->choices[c];
            double own = noise(choice->text, choice->text_n);
            choice->loglikelihood = -(double)choice->text_n * (0.1 + own) - context;
            choice->greedy = own < 0.3;
            choice->n_tokens = 1;
        }
    }
    return true;
}

static bool noise_embed(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    (void)self;
    (void)role;
    (void)prompt;
    (void)run;
    (void)err;
    for (size_t i = 0; i < 3 * n; i++) {
        char text[80];
        snprintf(text, sizeof text, "%zu %.60s", i % 3, requests[i / 3].text);
        vectors[i] = (float)noise(text, strlen(text)) - 0.5f;
    }
    return true;
}

static struct subject noise_subject(void) {
    return (struct subject) { .name = "org/noise",
        .dtype = "f32",
        .device = "cpu",
        .backend = "cpu/noise",
        .embed = noise_embed,
        .score = noise_score,
        .width = 3 };
}

/* ---- a result with its samples ---- */

struct scored {
    json_t *result;
    struct strbuf samples;
};

static bool resolve_to(
    const char *repo, const char *revision, void *arg, char **dir, struct err *err) {
    (void)repo;
    (void)revision;
    (void)err;
    *dir = xstrdup(arg);
    return true;
}

static struct scored score(const char *path, const char *data, bool keep_rows) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    struct scored s = { 0 };
    struct subject subject = noise_subject();
    q.tasks_dir = TASKS_DIR;
    q.name = path;
    q.keep_rows = keep_rows;
    q.resolve = data ? resolve_to : NULL;
    q.resolve_arg = (void *)(uintptr_t)data;
    struct task *t = task_load(&q, &err);
    if (!t || !eval_run(t, &subject, NULL, &s.result, &s.samples, &err)) {
        fail_msg("%s: %s", path, err.msg);
    }
    task_free(t);
    return s;
}

static void scored_release(struct scored *s) {
    json_decref(s->result);
    strbuf_release(&s->samples);
}

/* A document that was written to a file and read again, as a command finds it. */
static json_t *through_text(const json_t *result) {
    struct strbuf text = { 0 };
    struct json_writer w;
    struct err err = ERR_INIT;
    json_writer_init(&w, &text, true);
    jw_json(&w, result);
    json_t *read = json_parse(strbuf_str(&text), text.len, "result", &err);
    assert_non_null(read);
    strbuf_release(&text);
    return read;
}

static void expect_equal(const struct scored *s, const char *name) {
    struct err err = ERR_INIT;
    struct strbuf again = { 0 };
    json_t *read = through_text(s->result), *now;
    if (!eval_rescore(read, s->samples.text, s->samples.len, &now, &again, &err)) {
        fail_msg("%s: %s", name, err.msg);
    }
    json_t *metrics = json_object_get(now, "metrics"), *subsets = json_object_get(now, "subsets");
    assert_true(json_equal(metrics, json_object_get(read, "metrics")));
    assert_true(!subsets || json_equal(subsets, json_object_get(read, "subsets")));
    assert_true(json_equal(json_object_get(now, "audit"), json_object_get(read, "audit")));
    assert_int_equal(!json_object_get(now, "scores"), !json_object_get(read, "scores"));
    assert_true(!json_object_get(read, "scores") ||
                json_equal(json_object_get(now, "scores"), json_object_get(read, "scores")));
    assert_string_equal(strbuf_str(&again), s->samples.text);
    json_decref(now);
    json_decref(read);
    strbuf_release(&again);
}

static void every_kind_comes_out_as_it_went_in(void **state) {
    static const char *const TASKS[] = { "quiz", "blanks", "last_word", "pages", "pairs",
        "lookup" };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof TASKS / sizeof *TASKS; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s.lua", TASK_FIXTURES, TASKS[i / 2]);
        struct scored s = score(path, NULL, i % 2);
        expect_equal(&s, path);
        scored_release(&s);
    }
}

/* ---- subsets ---- */

static const char SUBSETS[] =
    "return choice { name = 'parts', version = 1,\n"
    "  data = hub 'org/parts' { subsets = { 'one', 'two' } },\n"
    "  doc = function(row) return { query = row.q, choices = { 'yes', 'no' }, gold = row.a } end,\n"
    "  main = 'acc', report = { 'acc', 'brier' } }\n";

static void subsets_keep_their_places_and_their_mean(void **state) {
    char *dir = folder_make();
    (void)state;
    folder_text(dir, "parts.lua", SUBSETS);
    folder_text(dir, "one/test.jsonl", "{\"q\": \"a\", \"a\": 0}\n{\"q\": \"b\", \"a\": 1}\n");
    folder_text(dir, "two/test.jsonl",
        "{\"q\": \"c\", \"a\": 0}\n{\"q\": \"d\", \"a\": 1}\n{\"q\": \"e\", \"a\": 1}\n");
    char *path = path_join(dir, "parts.lua");
    struct scored s = score(path, dir, false);
    assert_int_equal(json_object_size(json_object_get(s.result, "subsets")), 2);
    expect_equal(&s, path);
    /* Without one of the subsets that the task declares there is no overall value. */
    json_array_append_new(json_object_get(s.result, "declared_subsets"), json_string("three"));
    struct err err = ERR_INIT;
    json_t *now;
    assert_true(eval_rescore(s.result, s.samples.text, s.samples.len, &now, NULL, &err));
    json_t *acc = json_object_get(json_object_get(now, "metrics"), "acc");
    assert_true(json_is_null(json_object_get(acc, "value")));
    json_decref(now);
    scored_release(&s);
    free(path);
    folder_remove(dir);
}

/* ---- other answers, other scores ---- */

/* The first line's numbers change places: what is taken then is another choice. */
static void another_answer_is_another_score(void **state) {
    struct scored s = score(TASK_FIXTURES "/quiz.lua", NULL, false);
    struct err err = ERR_INIT;
    struct strbuf again = { 0 }, changed = { 0 };
    json_t *now;
    (void)state;
    const char *end = strchr(s.samples.text, '\n');
    json_t *line = json_parse(s.samples.text, (size_t)(end - s.samples.text), "line", &err);
    json_t *loglik = json_object_get(line, "loglikelihoods");
    bool was_right = json_get_bool(line, "correct", false);
    for (size_t i = 0; i < 3; i++) {
        bool gold = (long long)i == json_get_int(line, "gold", -1);
        json_array_set_new(loglik, i, json_real(gold != was_right ? -0.001 : -50));
    }
    char *text = json_dumps(line, JSON_COMPACT);
    strbuf_adds(&changed, text);
    strbuf_adds(&changed, end);
    assert_true(eval_rescore(s.result, changed.text, changed.len, &now, &again, &err));
    double before = json_get_number(
        json_object_get(json_object_get(s.result, "metrics"), "acc_norm"), "value", NAN);
    double after =
        json_get_number(json_object_get(json_object_get(now, "metrics"), "acc_norm"), "value", NAN);
    assert_true(fabs(after - before - (was_right ? -1.0 : 1.0) / 12) < 1e-12);
    json_t *first =
        json_parse(again.text, (size_t)(strchr(again.text, '\n') - again.text), "line", &err);
    assert_int_equal(json_get_bool(first, "correct", was_right), !was_right);
    assert_non_null(json_object_get(s.result, "scores"));
    assert_false(json_equal(json_object_get(now, "scores"), json_object_get(s.result, "scores")));
    json_decref(first);
    json_decref(now);
    json_decref(line);
    free(text);
    strbuf_release(&again);
    strbuf_release(&changed);
    scored_release(&s);
}

/* ---- samples that say too little ---- */

static void refused(const json_t *result, const char *text, const char *says) {
    struct err err = ERR_INIT;
    json_t *now;
    assert_false(eval_rescore(result, text, strlen(text), &now, NULL, &err));
    assert_null(now);
    assert_int_equal(err.class, ERR_INPUT);
    if (!strstr(err.msg, says)) {
        fail_msg("'%s' does not say '%s'", err.msg, says);
    }
}

/* The samples of a task, each without (or with another) field. */
static void refuse_without(const char *task, const char *field, json_t *instead, const char *says) {
    struct scored s = score(task, NULL, false);
    struct strbuf changed = { 0 };
    struct err err = ERR_INIT;
    for (char *rest = NULL, *line = strtok_r(s.samples.text, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *sample = json_parse(line, strlen(line), "line", &err);
        if (instead) {
            json_object_set(sample, field, instead);
        } else {
            json_object_del(sample, field);
        }
        char *text = json_dumps(sample, JSON_COMPACT);
        strbuf_addf(&changed, "%s\n", text);
        free(text);
        json_decref(sample);
    }
    refused(s.result, changed.text, says);
    json_decref(instead);
    strbuf_release(&changed);
    scored_release(&s);
}

static void a_sample_that_lacks_what_a_metric_needs_is_named(void **state) {
    static const struct {
        const char *task, *field, *instead, *says;
    } CASES[] = {
        { "quiz", "loglikelihoods", NULL, "document 0: 'loglikelihoods' is not a list of 3" },
        { "quiz", "loglikelihoods", "[-1, -2]", "a list of 3 numbers" },
        { "quiz", "loglikelihoods", "[-1, -2, null]", "a list of 3 numbers" },
        { "quiz", "alone", NULL, "'alone'" },
        { "quiz", "greedy", "[true]", "'greedy'" },
        { "quiz", "gold", NULL, "'gold'" },
        { "quiz", "gold", "3", "none of its choices" },
        { "quiz", "gold", "-1", "none of its choices" },
        { "quiz", "gold", "[\"0\"]", "none of its choices" },
        { "quiz", "choices", "[{\"text\": \"a\", \"continuation\": \"a\"}]", "'choices'" },
        { "quiz", "contexts", "[]", "context that is not there" },
        { "quiz", "contexts", "[5]", "'contexts'" },
        { "quiz", "doc_id", "-1", "not a sample" },
        { "last_word", "target", NULL, "'target'" },
        { "last_word", "greedy", NULL, "'greedy'" },
        { "pages", "metrics", "{\"words\": 3, \"bytes\": 0}", "counts" },
        { "pages", "metrics", "{}", "'words'" },
        { "pairs", "texts", "[\"one\"]", "'texts'" },
        { "pairs", "gold", "\"high\"", "'gold'" },
        { "pairs", "metrics", "{\"cosine\": 1}", "'manhattan'" },
        { "lookup", "ideal", NULL, "what there was to find" },
        { "lookup", "ranked", "1001", "what was ranked" },
        { "lookup", "ranked", "2", "longer than what was ranked" },
        { "lookup", "ranking", "[]", "the best passages" },
        { "lookup", "hits", "[[4, 1]]", "'hits'" },
        { "lookup", "hits", "[[-1, 1]]", "'hits'" },
        { "lookup", "query", "7", "'query'" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err err = ERR_INIT;
        char path[512];
        snprintf(path, sizeof path, "%s/%s.lua", TASK_FIXTURES, CASES[i].task);
        json_t *instead =
            CASES[i].instead ? json_loads(CASES[i].instead, JSON_DECODE_ANY, NULL) : NULL;
        assert_true(!CASES[i].instead || instead);
        (void)err;
        refuse_without(path, CASES[i].field, instead, CASES[i].says);
    }
}

static void samples_and_result_must_be_of_the_same_documents(void **state) {
    struct scored s = score(TASK_FIXTURES "/quiz.lua", NULL, false);
    (void)state;
    refused(s.result, "", "of 12 documents, there are samples of 0");
    char *last = strrchr(s.samples.text, '{');
    while (last > s.samples.text && last[-1] != '\n') {
        last--;
    }
    *last = 0;
    refused(s.result, s.samples.text, "of 12 documents, there are samples of 11");
    refused(s.result, "x\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\n", "samples");
    json_object_set_new(s.result, "main", json_string("gone"));
    refused(s.result, s.samples.text, "no metric 'gone'");
    scored_release(&s);
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_out_as_it_went_in),
        cmocka_unit_test(subsets_keep_their_places_and_their_mean),
        cmocka_unit_test(another_answer_is_another_score),
        cmocka_unit_test(a_sample_that_lacks_what_a_metric_needs_is_named),
        cmocka_unit_test(samples_and_result_must_be_of_the_same_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Evaluation with a fake subject whose answers are known: scores by hand, errors instead of numbers
 * that are none. */
#include "task_main.h"

#include <math.h>

#include "base/stats/scores.h"
#include "evaluator/eval/eval.h"

/* ---- the fake ---- */

struct fake {
    double favourite; /* log-likelihood of choices that begin with " b" */
    double alone;     /* the same after no context, where it is not 0 */
    double poison;    /* answer to the third request where it is not 0 */
    bool all_equal;
    enum err_class fail; /* of the second request */
    unsigned n_scored, n_embedded;
    enum subject_role roles[4];
    const char *prompts[4];
    unsigned n_calls;
    float zero; /* vectors of this length where 1, of length 0 where 0 */
};

static bool fake_score(void *self, const char *profile, struct score_request *requests, size_t n,
    const struct run_options *run, struct err *err) {
    struct fake *f = self;
    (void)profile;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < requests[i].n_choices; c++) {
            struct score_choice *choice = &requests[i].choices[c];
            bool b = choice->text_n > 1 && choice->text[1] == 'b';
            choice->loglikelihood =
                f->all_equal ? -3
                : b          ? f->alone != 0 && !requests[i].context_n ? f->alone : f->favourite
                             : -5 - (double)choice->text_n;
            choice->greedy = b;
            choice->n_tokens = 2;
            f->n_scored++;
        }
        if (f->poison != 0 && i == 2) {
            requests[i].choices[0].loglikelihood = f->poison;
        }
        requests[i].n_truncated = i == 1;
        if (f->fail && i == 1) {
            err_set(&requests[i].err, f->fail, "does not fit");
        }
    }
    run->stats->tokens_asked += 10 * n;
    run->stats->tokens_computed += 4 * n;
    return true;
}

/* A text's vector: direction by its last word. */
static bool fake_embed(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    static const char *const words[] = { "alpha", "beta", "gamma", "delta", "epsilon", "omega" };
    static const double angles[] = { 0, 0.2, 0.5, 0.9, 1.4, 2 };
    struct fake *f = self;
    (void)run;
    (void)err;
    f->roles[f->n_calls] = role;
    f->prompts[f->n_calls++] = prompt;
    for (size_t i = 0; i < n; i++) {
        double angle = 0;
        for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
            angle = strcmp(requests[i].text, words[w]) ? angle : angles[w];
        }
        if (!strncmp(requests[i].text, "query ", 6)) {
            angle = 0.1 * (requests[i].text[6] - 'a');
        } else if (strstr(requests[i].text, " passage")) {
            angle = 0.1 * (requests[i].text[0] - 'a');
        }
        vectors[2 * i] = f->zero * (float)cos(angle);
        vectors[2 * i + 1] = f->zero * (float)sin(angle);
        f->n_embedded++;
    }
    return true;
}

static struct fake fake;

static struct subject subject(void) {
    fake = (struct fake) { .favourite = -1, .zero = 1 };
    return (struct subject) { .name = "org/fake",
        .revision = "0123",
        .dtype = "f32",
        .device = "cpu",
        .backend = "fake",
        .self = &fake,
        .embed = fake_embed,
        .score = fake_score,
        .width = 2 };
}

static struct task *load(const char *path) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    q.tasks_dir = TASKS_DIR;
    q.name = path;
    struct task *t = task_load(&q, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    return t;
}

static json_t *run(const struct task *t, const struct subject *s, struct strbuf *samples) {
    struct err err = ERR_INIT;
    json_t *result;
    if (!eval_run(t, s, &(struct eval_options) { .build = "test" }, &result, samples, &err)) {
        fail_msg("%s", err.msg);
    }
    return result;
}

static double metric(const json_t *result, const char *name, const char *field) {
    const json_t *m = json_object_get(json_object_get(result, "metrics"), name);
    return json_get_number(m, field, NAN);
}

static void near(double got, double want) {
    if (!(fabs(got - want) < 1e-9)) {
        fail_msg("%.12g, want %.12g", got, want);
    }
}

/* ---- choice ---- */

/* The fake takes "b<i>" always: right for every third document of twelve. */
static void choice_metrics_are_those_counted_by_hand(void **state) {
    (void)state;
    struct subject s = subject();
    struct task *t = load(TASK_FIXTURES "/quiz.lua");
    json_t *r = run(t, &s, NULL);
    near(metric(r, "acc", "value"), 4.0 / 12);
    near(metric(r, "acc_norm", "value"), 4.0 / 12);
    near(metric(r, "exact_match", "value"), 4.0 / 12);
    /* Four topics of three documents each, every one with one right: clusters do not differ at all.
     */
    near(metric(r, "acc", "stderr"), 0);
    assert_true(metric(r, "mcc", "value") == 0); /* it always says the same */
    assert_true(metric(r, "brier", "value") > 0.5);
    assert_int_equal(json_get_int(r, "n", 0), 12);
    assert_string_equal(json_get_string(r, "main", ""), "acc_norm");
    assert_string_equal(json_get_string(r, "model", ""), "org/fake");
    assert_string_equal(json_get_string(r, "profile", ""), "lm-eval/0.4.13");
    assert_int_equal(json_get_int(r, "version", 0), 3);
    const json_t *audit = json_object_get(r, "audit");
    assert_int_equal(json_get_int(audit, "ties", -1), 0);
    assert_int_equal(json_get_int(audit, "truncated", -1), 1);
    assert_int_equal(json_get_int(audit, "empty", -1), 0);
    assert_int_equal(json_get_int(audit, "nan", -1), 0);
    /* Twelve questions, and again without their context for the mutual information. */
    assert_int_equal(fake.n_scored, 72);
    assert_int_equal(json_get_int(r, "tokens_asked", 0), 240);
    assert_int_equal(json_get_int(r, "tokens_computed", 0), 96);
    json_decref(r);
    task_free(t);
}

static void a_tie_goes_to_the_first_and_is_counted(void **state) {
    (void)state;
    struct subject s = subject();
    struct task *t = load(TASK_FIXTURES "/quiz.lua");
    fake.all_equal = true;
    json_t *r = run(t, &s, NULL);
    near(metric(r, "acc", "value"), 4.0 / 12); /* gold 0 in every third document */
    /* By characters "naïve 5" wins, alone; by its length of one more from document 10 on "a10" ties
     * with "b10". */
    near(metric(r, "acc_norm", "value"), 4.0 / 12);
    near(metric(r, "mc2", "value"), 1.0 / 3);
    near(metric(r, "brier", "value"), 2.0 / 3);
    assert_int_equal(json_get_int(json_object_get(r, "audit"), "ties", -1), 0);
    json_decref(r);
    task_free(t);
    t = load(TASK_FIXTURES "/blanks.lua");
    r = run(t, &s, NULL);
    near(metric(r, "acc", "value"), 1); /* both answers are right */
    assert_int_equal(json_get_int(json_object_get(r, "audit"), "ties", -1), 2);
    json_decref(r);
    task_free(t);
}

/* The fake likes "b" best, but more so after nothing: what a context adds speaks for the others, of
 * which the first is taken. */
static void mutual_information_is_what_the_context_adds(void **state) {
    (void)state;
    struct subject s = subject();
    struct task *t = load(TASK_FIXTURES "/quiz.lua");
    struct strbuf samples = { 0 };
    struct err err = ERR_INIT;
    fake.alone = -0.5;
    json_t *r = run(t, &s, &samples);
    size_t n = 0;
    for (const char *at = samples.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, n++) {
        json_t *line = json_parse(at, (size_t)(end - at), "sample", &err);
        const json_t *metrics = json_object_get(line, "metrics");
        assert_true(json_get_number(metrics, "acc_mutual_info", -1) == (n % 3 == 0));
        assert_true(json_get_number(metrics, "acc", -1) == (n % 3 == 1));
        json_decref(line);
    }
    assert_int_equal(n, 12);
    strbuf_release(&samples);
    json_decref(r);
    task_free(t);
}

/* The fake takes "b": right, without an answer, wrong. Its greedy answer is right once too. */
static void where_nothing_is_right_nobody_is(void **state) {
    (void)state;
    struct subject s = subject();
    struct task *t = load(TASK_FIXTURES "/unanswered.lua");
    struct strbuf samples = { 0 };
    json_t *r = run(t, &s, &samples);
    static const char *const shares[] = { "acc", "acc_norm", "acc_bytes", "exact_match" };
    for (size_t i = 0; i < 4; i++) {
        near(metric(r, shares[i], "value"), 1.0 / 3);
    }
    double b = exp(-1) / (exp(-1) + exp(-7)), a = 1 - b;
    near(metric(r, "mc2", "value"), (b + 0 + a) / 3);
    const char *second = strchr(samples.text, '\n') + 1;
    struct err err = ERR_INIT;
    json_t *line = json_parse(second, strcspn(second, "\n"), "sample", &err);
    assert_int_equal(json_array_size(json_object_get(line, "gold")), 0);
    assert_int_equal(json_get_int(line, "prediction", -1), 1);
    assert_false(json_get_bool(line, "correct", true));
    json_decref(line);
    strbuf_release(&samples);
    json_decref(r);
    task_free(t);
}

static void expect_error(
    const char *task, const struct subject *s, enum err_class class, const char *says) {
    struct err err = ERR_INIT;
    json_t *result;
    struct task *t = load(task);
    assert_false(eval_run(t, s, NULL, &result, NULL, &err));
    assert_null(result);
    assert_int_equal(err.class, class);
    if (!strstr(err.msg, says)) {
        fail_msg("'%s' does not say '%s'", err.msg, says);
    }
    task_free(t);
}

static void numbers_that_are_none_are_never_a_score(void **state) {
    (void)state;
    struct subject s = subject();
    fake.poison = NAN;
    expect_error(TASK_FIXTURES "/last_word.lua", &s, ERR_NUMERIC, "document 2");
    fake.poison = -INFINITY;
    expect_error(TASK_FIXTURES "/quiz.lua", &s, ERR_NUMERIC, "not a number");
    fake = (struct fake) { .zero = NAN };
    expect_error(TASK_FIXTURES "/pairs.lua", &s, ERR_NUMERIC, "not finite");
    fake = (struct fake) { .zero = 0 };
    expect_error(TASK_FIXTURES "/pairs.lua", &s, ERR_NUMERIC, "length zero");
    fake = (struct fake) { .zero = 0 };
    expect_error(TASK_FIXTURES "/lookup.lua", &s, ERR_NUMERIC, "length zero");
}

static void a_request_that_fails_ends_the_evaluation(void **state) {
    (void)state;
    struct subject s = subject();
    fake.fail = ERR_RESOURCE;
    expect_error(TASK_FIXTURES "/last_word.lua", &s, ERR_RESOURCE, "document 1: does not fit");
    s.score = NULL;
    expect_error(TASK_FIXTURES "/quiz.lua", &s, ERR_UNSUPPORTED, "causal");
    s.embed = NULL;
    expect_error(TASK_FIXTURES "/pairs.lua", &s, ERR_UNSUPPORTED, "embedding model");
    expect_error("wordnet", &s, ERR_USAGE, "a suite");
}

/* ---- the other kinds ---- */

static void loglikelihood_gives_accuracy_and_perplexity(void **state) {
    (void)state;
    struct subject s = subject();
    struct task *t = load(TASK_FIXTURES "/last_word.lua");
    json_t *r = run(t, &s, NULL);
    near(metric(r, "acc", "value"), 0);
    near(metric(r, "perplexity", "value"), exp((9.0 + 9 + 11) / 3)); /* " fox", " dog", " three" */
    assert_true(metric(r, "perplexity", "stderr") > 0);
    json_decref(r);
    task_free(t);
    t = load(TASK_FIXTURES "/pages.lua");
    r = run(t, &s, NULL);
    near(metric(r, "word_perplexity", "value"), exp((18.0 + 15 + 18) / 9));
    near(metric(r, "byte_perplexity", "value"), exp((18.0 + 15 + 18) / 36));
    near(metric(r, "bits_per_byte", "value"), (18.0 + 15 + 18) / 36 / log(2));
    json_decref(r);
    task_free(t);
}

static void similarity_is_ranked_against_gold(void **state) {
    (void)state;
    struct subject s = subject();
    struct task *t = load(TASK_FIXTURES "/pairs.lua");
    json_t *r = run(t, &s, NULL);
    /* Angles 0, .2, .3, .4, .5, 2 against 5, 3.5, 2, 1.5, 1.75, 0: one swap of neighbours. */
    double spearman = metric(r, "cosine_spearman", "value");
    near(spearman, 1 - 12.0 / 210);
    near(metric(r, "spearman", "value"), spearman);
    near(metric(r, "euclidean_spearman", "value"), spearman);
    assert_true(metric(r, "cosine_spearman", "stderr") > 0);
    assert_true(metric(r, "cosine_spearman", "low") <= spearman &&
                spearman <= metric(r, "cosine_spearman", "high"));
    assert_int_equal(fake.n_embedded, 6); /* each text once */
    assert_int_equal(fake.roles[0], SUBJECT_TEXT);
    assert_string_equal(json_get_string(r, "profile", ""), "mteb/2");
    json_decref(r);
    task_free(t);
}

/* Query a finds itself first, which the task drops, then b (gain 2) and c (1): perfect. Query b:
 * itself dropped; a and c tie at the same angle and go by id descending; then d, then e (gain 1) at
 * rank 4; one relevant passage is gone. */
static void retrieval_follows_the_rules_of_trec(void **state) {
    (void)state;
    struct subject s = subject();
    struct task *t = load(TASK_FIXTURES "/lookup.lua");
    struct strbuf samples = { 0 };
    json_t *r = run(t, &s, &samples);
    double ideal = 1 + 1 / log2(3);
    near(metric(r, "ndcg_at_10", "value"), (1 + 1 / log2(5) / ideal) / 2);
    near(metric(r, "mrr_at_10", "value"), (1 + 1.0 / 4) / 2);
    near(metric(r, "recall_at_10", "value"), (1 + 0.5) / 2);
    near(metric(r, "precision_at_1", "value"), 0.5);
    near(metric(r, "map_at_10", "value"), (1 + 1.0 / 4 / 2) / 2);
    assert_int_equal(fake.roles[0], SUBJECT_QUERY);
    assert_int_equal(fake.roles[1], SUBJECT_PASSAGE);
    assert_string_equal(fake.prompts[0], "find: ");
    assert_string_equal(fake.prompts[1], "keep: ");
    assert_int_equal(json_get_int(r, "n", 0), 2);
    struct err err = ERR_INIT;
    const char *second = strchr(samples.text, '\n') + 1;
    json_t *line = json_parse(second, strlen(second), "sample", &err);
    const json_t *ranking = json_object_get(line, "ranking");
    assert_string_equal(json_get_string(line, "query_id", ""), "b");
    assert_int_equal(json_array_size(ranking), 4);
    assert_string_equal(json_get_string(json_array_get(ranking, 3), "id", ""), "e");
    json_decref(line);
    strbuf_release(&samples);
    json_decref(r);
    task_free(t);
}

/* ---- samples ---- */

static void every_document_leaves_a_sample(void **state) {
    (void)state;
    struct subject s = subject();
    struct task *t = load(TASK_FIXTURES "/quiz.lua");
    struct strbuf samples = { 0 };
    struct err err = ERR_INIT;
    json_t *r = run(t, &s, &samples);
    size_t n = 0;
    for (const char *at = samples.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        json_t *line = json_parse(at, (size_t)(end - at), "sample", &err);
        assert_non_null(line);
        assert_int_equal(json_get_int(line, "doc_id", -1), n);
        assert_int_equal(json_get_int(line, "gold", -1), n % 3);
        assert_int_equal(json_get_int(line, "prediction", -1), 1);
        assert_int_equal(json_get_bool(line, "correct", false), n % 3 == 1);
        assert_int_equal(json_array_size(json_object_get(line, "loglikelihoods")), 3);
        assert_int_equal(strlen(json_get_string(line, "prompt_hash", "")), 64);
        assert_true(json_get_number(json_object_get(line, "metrics"), "acc", -1) == (n % 3 == 1));
        json_decref(line);
        n++;
    }
    assert_int_equal(n, 12);
    strbuf_release(&samples);
    json_decref(r);
    task_free(t);
}

/* Whatever the main metric is, the mean of what is kept of the documents is its value. */
static void a_result_keeps_a_score_of_each_document(void **state) {
    static const char *const PATHS[] = { "/quiz.lua", "/last_word.lua", "/pages.lua", "/pairs.lua",
        "/lookup.lua" };
    (void)state;
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s%s", TASK_FIXTURES, PATHS[i]);
        struct subject s = subject();
        struct task *t = load(path);
        struct strbuf samples = { 0 };
        json_t *r = run(t, &s, &samples);
        const json_t *kept = json_object_get(r, "scores"), *parts = json_object_get(kept, "parts");
        const char *main = json_get_string(r, "main", "");
        struct scores scores;
        assert_string_equal(json_get_string(kept, "metric", ""), main);
        assert_int_equal(strlen(json_get_string(kept, "docs", "")), 16);
        assert_int_equal(json_array_size(parts), 1);
        assert_true(scores_parse(&scores, json_array_get(parts, 0)));
        assert_int_equal(scores.n, (size_t)json_get_int(r, "n", 0));
        assert_true(!scores.cluster == (i != 0)); /* the quiz has topics */
        double sum = 0, value = metric(r, main, "value");
        for (size_t k = 0; k < scores.n; k++) {
            sum += scores_at(&scores, k) / (double)scores.n;
        }
        assert_true(fabs(sum - value) <= scores.step);
        assert_true(scores.binary == (i < 2)); /* accuracies */
        scores_release(&scores);
        strbuf_release(&samples);
        json_decref(r);
        r = run(t, &s, NULL); /* no samples, no scores */
        assert_null(json_object_get(r, "scores"));
        json_decref(r);
        task_free(t);
    }
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_metrics_are_those_counted_by_hand),
        cmocka_unit_test(a_tie_goes_to_the_first_and_is_counted),
        cmocka_unit_test(mutual_information_is_what_the_context_adds),
        cmocka_unit_test(where_nothing_is_right_nobody_is),
        cmocka_unit_test(numbers_that_are_none_are_never_a_score),
        cmocka_unit_test(a_request_that_fails_ends_the_evaluation),
        cmocka_unit_test(loglikelihood_gives_accuracy_and_perplexity),
        cmocka_unit_test(similarity_is_ranked_against_gold),
        cmocka_unit_test(retrieval_follows_the_rules_of_trec),
        cmocka_unit_test(every_document_leaves_a_sample),
        cmocka_unit_test(a_result_keeps_a_score_of_each_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Comparisons of folders and files that are written here, against numbers that are known. */
#include "tests/evaluator/folder.h"

#include <math.h>

#include "base/stats/interval.h"
#include "base/stats/paired.h"
#include "evaluator/compare/compare.h"

/* ---- what is compared ---- */

/* One document's two scores. */
struct pair {
    double a, b;
};

/* Of n documents, those that only one got right at both ends and what both did in the middle. */
static void shares(struct pair *docs, size_t n, size_t only_a, size_t only_b, size_t both) {
    for (size_t i = 0; i < n; i++) {
        bool first = i < only_a, second = i >= n - only_b,
             common = i >= only_a && i < only_a + both;
        docs[i] = (struct pair) { first || common, second || common };
    }
}

struct written {
    const char *task, *task_sha256, *data_sha256, *profile, *main, *dtype; /* dtype: NULL f32 */
    int shots, seed;
    bool lower_is_better, no_samples;
    const char *const *subset, *const *cluster; /* of each document, or NULL */
};
#define WRITTEN                                                                                    \
    { .task = "t", .task_sha256 = "11", .data_sha256 = "22", .profile = "p", .main = "acc" }

static void write_result(
    const char *dir, const struct written *w, const struct pair *docs, size_t n, bool second) {
    struct strbuf text = { 0 }, name = { 0 };
    for (size_t i = 0; i < n; i++) {
        double v = second ? docs[i].b : docs[i].a;
        strbuf_addf(&text, "{\"doc_id\": %zu, \"metrics\": {\"%s\": %.17g}", i, w->main, v);
        strbuf_addf(&text, ", \"loglikelihoods\": [%.17g]", -v);
        if (w->subset) {
            strbuf_addf(&text, ", \"subset\": \"%s\"", w->subset[i]);
        }
        if (w->cluster) {
            strbuf_addf(&text, ", \"cluster\": \"%s\"", w->cluster[i]);
        }
        strbuf_adds(&text, "}\n");
    }
    strbuf_addf(&name, "assay_samples_%s_2026-01-01T00-00-00.jsonl", w->task);
    if (!w->no_samples) {
        folder_text(dir, strbuf_str(&name), strbuf_str(&text));
    }
    strbuf_reset(&text);
    strbuf_reset(&name);
    strbuf_addf(&text,
        "{\"schema\": \"assay.eval/1\", \"results\": [{\"model\": \"org/%s\", \"task\": \"%s\", "
        "\"version\": 1, \"task_sha256\": \"%s\", \"data_sha256\": \"%s\", \"profile\": \"%s\", "
        "\"shots\": %d, \"seed\": %d, \"main\": \"%s\", \"higher_is_better\": %s, \"dtype\": "
        "\"%s\", "
        "\"metrics\": {}}]}",
        second ? "b" : "a", w->task, w->task_sha256, w->data_sha256, w->profile, w->shots, w->seed,
        w->main, w->lower_is_better ? "false" : "true", w->dtype ? w->dtype : "f32");
    strbuf_addf(&name, "assay_%s_2026-01-01T00-00-00.json", w->task);
    folder_text(dir, strbuf_str(&name), strbuf_str(&text));
    strbuf_release(&text);
    strbuf_release(&name);
}

struct world {
    char *dir, *a, *b;
    struct compare_options options;
};

static struct world world_make(void) {
    struct world w = { .dir = folder_make(),
        .options = { .n_resamples = 2000, .power = 0.8, .seed = 5 } };
    w.a = path_join(w.dir, "a");
    w.b = path_join(w.dir, "b");
    return w;
}

static void world_drop(struct world *w) {
    folder_remove(w->dir);
    free(w->a);
    free(w->b);
}

static void write_both(
    const struct world *w, const struct written *r, const struct pair *docs, size_t n) {
    write_result(w->a, r, docs, n, false);
    write_result(w->b, r, docs, n, true);
}

static json_t *compared(const struct world *w) {
    struct err err = ERR_INIT;
    json_t *doc = compare(w->a, w->b, &w->options, &err);
    if (!doc) {
        fail_msg("%s", err.msg);
    }
    return doc;
}

static const json_t *task_at(const json_t *doc, size_t i) {
    return json_array_get(json_object_get(doc, "tasks"), i);
}

static double number(const json_t *of, const char *key) {
    return json_get_number(of, key, NAN);
}

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("%.17g, not %.17g", got, want);
    }
}

/* The one reason why nothing was paired. */
static void expect_refusal(const struct world *w, enum err_class class, const char *text) {
    struct err err = ERR_INIT;
    json_t *doc = compare(w->a, w->b, &w->options, &err);
    assert_null(doc);
    assert_int_equal(err.class, class);
    if (!strstr(err.msg, text)) {
        fail_msg("no '%s' in: %s", text, err.msg);
    }
}

/* ---- tests ---- */

/* Of four documents an error of 0.43 follows: a difference of 1.2 is none that there can be. */
static void no_difference_shows_that_no_two_shares_have(void **state) {
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN;
    struct pair docs[4];
    shares(docs, 4, 1, 2, 1);
    write_both(&w, &r, docs, 4);
    json_t *doc = compared(&w);
    const json_t *t = task_at(doc, 0);
    assert_true(detectable_difference(number(t, "se"), 0.8) > 1);
    assert_null(json_object_get(t, "detectable"));
    json_decref(doc);
    world_drop(&w);
}

static void right_and_wrong_go_by_mcnemar(void **state) {
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN;
    struct pair docs[100];
    shares(docs, 100, 4, 16, 50);
    write_both(&w, &r, docs, 100);
    json_t *doc = compared(&w);
    const json_t *t = task_at(doc, 0), *flips = json_object_get(t, "flips");
    struct interval tango = interval_paired_shares(16, 4, 100);
    assert_string_equal(json_get_string(t, "test", ""), "mcnemar");
    assert_near(number(t, "a"), 0.54, 1e-12);
    assert_near(number(t, "b"), 0.66, 1e-12);
    assert_near(number(t, "difference"), 0.12, 1e-12);
    assert_near(number(t, "p"), mcnemar_mid(4, 16), 1e-12);
    assert_near(number(t, "p_exact"), mcnemar_exact(4, 16), 1e-12);
    assert_near(number(t, "low"), tango.low, 1e-12);
    assert_near(number(t, "high"), tango.high, 1e-12);
    assert_near(number(t, "agreement"), 0.8, 1e-12);
    assert_near(number(t, "detectable"), detectable_difference(number(t, "se"), 0.8), 1e-12);
    assert_int_equal(json_get_int(flips, "both", 0), 50);
    assert_int_equal(json_get_int(flips, "neither", 0), 30);
    assert_int_equal(json_get_int(flips, "only_a", 0), 4);
    assert_int_equal(json_get_int(flips, "only_b", 0), 16);
    assert_string_equal(json_get_string(t, "verdict", ""), "better");
    assert_string_equal(json_get_string(json_object_get(doc, "b"), "model", ""), "org/b");
    json_decref(doc);
    world_drop(&w);
}

static void other_means_go_by_the_paired_test(void **state) {
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN;
    struct pair docs[60];
    double a[60], b[60];
    for (size_t i = 0; i < 60; i++) {
        docs[i] =
            (struct pair) { a[i] = (double)(i * 7 % 11) / 11, b[i] = (double)(i * 5 % 13) / 9 };
    }
    write_both(&w, &r, docs, 60);
    json_t *doc = compared(&w);
    const json_t *t = task_at(doc, 0);
    struct difference want = paired_mean(b, a, NULL, 60);
    assert_string_equal(json_get_string(t, "test", ""), "t");
    assert_near(number(t, "difference"), want.value, 1e-12);
    assert_near(number(t, "se"), want.se, 1e-12);
    assert_near(number(t, "p"), want.p, 1e-12);
    assert_near(number(t, "high"), interval_mean(want.value, want.se, 59).high, 1e-12);
    assert_null(json_object_get(t, "p_exact"));
    json_decref(doc);
    world_drop(&w);
}

static void documents_that_belong_together_count_together(void **state) {
    (void)state;
    static const char *const TOPICS[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    struct world w = world_make();
    struct written r = WRITTEN;
    struct pair docs[80];
    const char *cluster[80];
    double a[80], b[80];
    uint32_t key[80];
    shares(docs, 80, 10, 20, 30);
    for (size_t i = 0; i < 80; i++) {
        key[i] = (uint32_t)(i / 10);
        cluster[i] = TOPICS[key[i]];
        a[i] = docs[i].a;
        b[i] = docs[i].b;
    }
    r.cluster = cluster;
    write_both(&w, &r, docs, 80);
    json_t *doc = compared(&w);
    const json_t *t = task_at(doc, 0);
    struct difference want = paired_mean(b, a, key, 80);
    assert_string_equal(json_get_string(t, "test", ""), "t");
    assert_int_equal(json_get_int(t, "clusters", 0), 8);
    assert_near(number(t, "se"), want.se, 1e-12);
    assert_near(number(t, "p"), want.p, 1e-12);
    assert_true(want.p > 2 * mcnemar_mid(10, 20)); /* flips came in whole topics */
    json_decref(doc);
    world_drop(&w);
}

static void subsets_weigh_the_same_whatever_their_size(void **state) {
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN;
    struct pair docs[50];
    const char *subset[50];
    for (size_t i = 0; i < 50; i++) {
        subset[i] = i < 10 ? "small" : "large";
        docs[i] = i < 10 ? (struct pair) { 0, i < 5 }
                         : (struct pair) { (double)(i % 2), (double)(i % 2) };
    }
    r.subset = subset;
    write_both(&w, &r, docs, 50);
    json_t *doc = compared(&w);
    const json_t *t = task_at(doc, 0);
    assert_int_equal(json_get_int(t, "subsets", 0), 2);
    assert_near(number(t, "a"), 0.25, 1e-12);
    assert_near(number(t, "b"), 0.5, 1e-12);
    assert_string_equal(json_get_string(t, "test", ""), "t");
    json_decref(doc);
    world_drop(&w);
}

/* log-likelihoods -1 and -2 a document: perplexities e and e^2, and lower is better. */
static void a_statistic_of_the_whole_is_resampled(void **state) {
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN;
    struct pair docs[40];
    r.main = "perplexity";
    r.lower_is_better = true;
    for (size_t i = 0; i < 40; i++) {
        docs[i] = (struct pair) { 1 + (double)(i % 4) / 4, 2 + (double)(i % 3) / 3 };
    }
    /* the lines have a number of that name, as lm-evaluation-harness's do */
    for (size_t i = 0; i < 40; i++) {
        docs[i] = (struct pair) { -docs[i].a, -docs[i].b };
    }
    write_both(&w, &r, docs, 40);
    json_t *doc = compared(&w);
    const json_t *t = task_at(doc, 0);
    assert_string_equal(json_get_string(t, "test", ""), "bootstrap");
    assert_near(number(t, "a"), exp(1.375), 1e-9);
    assert_near(number(t, "difference"), number(t, "b") - number(t, "a"), 1e-9);
    assert_near(number(t, "p"), 2.0 / 2001, 1e-12);
    assert_true(number(t, "low") > 0 && number(t, "low") < number(t, "difference"));
    assert_string_equal(json_get_string(t, "verdict", ""), "worse");
    assert_null(json_object_get(json_object_get(doc, "suite"), "mean")); /* no share of anything */
    json_decref(doc);
    world_drop(&w);
}

static void verdicts_go_by_holm_and_the_mean_by_the_bootstrap(void **state) {
    (void)state;
    static const size_t FLIPS[3][2] = { { 8, 19 }, { 3, 22 }, { 10, 11 } };
    static const char *const NAMES[] = { "t1", "t2", "t3" };
    struct world w = world_make();
    struct pair docs[200];
    for (int i = 0; i < 3; i++) {
        struct written r = WRITTEN;
        r.task = NAMES[i];
        shares(docs, 200, FLIPS[i][0], FLIPS[i][1], 90);
        write_both(&w, &r, docs, 200);
    }
    json_t *doc = compared(&w);
    const json_t *suite = json_object_get(doc, "suite"), *mean = json_object_get(suite, "mean");
    assert_string_equal(json_get_string(task_at(doc, 0), "task", ""), "t1");
    assert_near(number(task_at(doc, 1), "p_holm"), 3 * mcnemar_mid(3, 22), 1e-12);
    assert_near(number(task_at(doc, 0), "p_holm"), 2 * mcnemar_mid(8, 19), 1e-12);
    assert_true(mcnemar_mid(8, 19) < 0.05 && number(task_at(doc, 0), "p_holm") > 0.05);
    assert_int_equal(json_get_int(suite, "better", 9), 1);
    assert_int_equal(json_get_int(suite, "worse", 9), 0);
    assert_int_equal(json_get_int(suite, "same", 9), 2);
    double d = (11 + 19 + 1) / 600.0, se = sqrt(27 + 25 + 21 - (121 + 361 + 1) / 200.0) / 600;
    assert_near(number(mean, "difference"), d, 1e-9);
    assert_near(number(mean, "se"), se, 0.06 * se);
    assert_near(number(mean, "low"), d - Z95 * se, 0.3 * se);
    json_decref(doc);
    json_t *only = json_pack("[s, s]", "t3", "?2");
    w.options.tasks = only;
    doc = compared(&w);
    assert_int_equal(json_array_size(json_object_get(doc, "tasks")), 2);
    json_decref(only);
    json_decref(doc);
    world_drop(&w);
}

static void a_side_in_eight_bits_is_said_to_be(void **state) {
    (void)state;
    struct pair docs[30];
    struct written r = WRITTEN;
    struct world w = world_make();
    shares(docs, 30, 3, 4, 9);
    write_result(w.a, &r, docs, 30, false);
    r.dtype = "int8";
    write_result(w.b, &r, docs, 30, true);
    json_t *doc = compared(&w);
    const json_t *notes = json_object_get(task_at(doc, 0), "notes");
    assert_int_equal(json_array_size(notes), 1);
    assert_non_null(strstr(json_string_value(json_array_get(notes, 0)), "B is in int8: weights"));
    json_decref(doc);
    world_drop(&w);
}

static void what_was_not_asked_alike_is_refused_with_the_reason(void **state) {
    static const struct {
        struct written other;
        const char *why, *across; /* across: what lifts it, or NULL */
    } CASES[] = {
        { { .task = "t",
              .task_sha256 = "1f",
              .data_sha256 = "22",
              .profile = "p",
              .main = "acc",
              .shots = 2,
              .seed = 7 },
            "other versions of the task: 11 and 1f", NULL },
        { { .task = "t",
              .task_sha256 = "11",
              .data_sha256 = "2f",
              .profile = "p",
              .main = "acc",
              .shots = 2,
              .seed = 7 },
            "other data: 22 and 2f", NULL },
        { { .task = "t",
              .task_sha256 = "11",
              .data_sha256 = "22",
              .profile = "q",
              .main = "acc",
              .shots = 2,
              .seed = 7 },
            "other profiles: p and q", "profile" },
        { { .task = "t",
              .task_sha256 = "11",
              .data_sha256 = "22",
              .profile = "p",
              .main = "acc",
              .shots = 5,
              .seed = 7 },
            "other numbers of examples (shots): 2 and 5", "shots" },
        { { .task = "t",
              .task_sha256 = "11",
              .data_sha256 = "22",
              .profile = "p",
              .main = "acc",
              .shots = 2,
              .seed = 8 },
            "other draws of examples (seed): 7 and 8", "seed" },
        { { .task = "t",
              .task_sha256 = "11",
              .data_sha256 = "22",
              .profile = "p",
              .main = "em",
              .shots = 2,
              .seed = 7 },
            "other metrics: acc and em", NULL },
    };
    (void)state;
    struct pair docs[30];
    shares(docs, 30, 3, 4, 9);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct world w = world_make();
        struct written r = WRITTEN;
        r.shots = 2;
        r.seed = 7;
        write_result(w.a, &r, docs, 30, false);
        write_result(w.b, &CASES[i].other, docs, 30, true);
        expect_refusal(&w, ERR_INPUT, CASES[i].why);
        json_t *across = json_pack("[s]", CASES[i].across ? CASES[i].across : "seed");
        w.options.across = across;
        if (CASES[i].across) {
            json_t *doc = compared(&w);
            assert_int_equal(json_array_size(json_object_get(task_at(doc, 0), "notes")), 1);
            json_decref(doc);
        } else {
            expect_refusal(&w, ERR_INPUT, CASES[i].why);
        }
        json_decref(across);
        world_drop(&w);
    }
}

static void a_seed_without_examples_sets_nothing_apart(void **state) {
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN;
    struct pair docs[30];
    shares(docs, 30, 3, 4, 9);
    write_result(w.a, &r, docs, 30, false);
    r.seed = 9;
    write_result(w.b, &r, docs, 30, true);
    json_decref(compared(&w));
    world_drop(&w);
}

/* One of them was cut short: what both have is compared, and that is said. */
static void only_shared_documents_are_compared(void **state) {
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN;
    struct pair docs[60];
    shares(docs, 60, 6, 10, 20);
    write_result(w.a, &r, docs, 60, false);
    write_result(w.b, &r, docs, 40, true);
    json_t *doc = compared(&w);
    const json_t *t = task_at(doc, 0);
    assert_int_equal(json_get_int(t, "n", 0), 40);
    assert_near(number(t, "a"), 26 / 40.0, 1e-12);
    const char *note = json_string_value(json_array_get(json_object_get(t, "notes"), 0));
    assert_string_equal(note, "the 40 documents that both have, of 60 and 40");
    json_decref(doc);
    world_drop(&w);
}

static void tasks_of_one_side_are_named_and_nothing_in_common_is_not_found(void **state) {
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN, other = WRITTEN;
    struct pair docs[30];
    other.task = "u";
    shares(docs, 30, 3, 4, 9);
    write_result(w.a, &r, docs, 30, false);
    write_result(w.b, &other, docs, 30, true);
    expect_refusal(&w, ERR_NOT_FOUND, "have no such task in common");
    write_result(w.b, &r, docs, 30, true);
    json_t *doc = compared(&w), *refused = json_object_get(doc, "refused");
    assert_int_equal(json_array_size(refused), 1);
    assert_string_equal(json_get_string(json_array_get(refused, 0), "task", ""), "u");
    assert_non_null(
        strstr(json_get_string(json_array_get(refused, 0), "why", ""), "has no result"));
    json_decref(doc);
    world_drop(&w);
}

static void without_samples_there_is_nothing_to_pair(void **state) {
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN;
    struct pair docs[30];
    shares(docs, 30, 3, 4, 9);
    r.no_samples = true;
    write_both(&w, &r, docs, 30);
    expect_refusal(&w, ERR_INPUT, "there are no samples of the first");
    world_drop(&w);
}

/* {"metric", "docs", "parts"} of 16 documents: bits 0x00ff and 0x0fff. */
static void the_scores_of_a_record_stand_in_for_samples(void **state) {
    static const char RECORD[] =
        "{\"schema\": \"assay.eval/1\", \"results\": [{\"model\": \"m\", \"task\": \"t\", "
        "\"main\": "
        "\"acc\", \"metrics\": {}, \"scores\": {\"metric\": \"acc\", \"docs\": \"%s\", \"parts\": "
        "[{\"n\": 16, \"bits\": \"%s\"}]}}]}";
    (void)state;
    struct world w = world_make();
    char text[512];
    snprintf(text, sizeof text, RECORD, "d", "/wA=");
    folder_text(w.a, "assay_t_1.json", text);
    snprintf(text, sizeof text, RECORD, "d", "/w8=");
    folder_text(w.b, "assay_t_1.json", text);
    w.options.n_flips = 3;
    json_t *doc = compared(&w);
    const json_t *t = task_at(doc, 0);
    assert_near(number(t, "a"), 0.5, 1e-12);
    assert_near(number(t, "b"), 0.75, 1e-12);
    assert_near(number(t, "p"), mcnemar_mid(0, 4), 1e-12);
    assert_int_equal(json_array_size(json_object_get(t, "flipped")), 3);
    assert_int_equal(json_get_int(json_array_get(json_object_get(t, "flipped"), 0), "doc", 0), 8);
    json_decref(doc);
    snprintf(text, sizeof text, RECORD, "other", "/w8=");
    folder_text(w.b, "assay_t_1.json", text);
    expect_refusal(&w, ERR_INPUT, "only the same documents");
    snprintf(text, sizeof text, RECORD, "d", "/w8");
    folder_text(w.b, "assay_t_1.json", text);
    expect_refusal(&w, ERR_INPUT, "damaged");
    world_drop(&w);
}

#define PEER_LINE(doc, hash, value)                                                                \
    "{\"doc_id\": " doc ", \"doc_hash\": \"" hash                                                  \
    "\", \"filter\": \"none\", \"metrics\": [\"acc\", "                                            \
    "\"acc_norm\"], \"acc\": 0, \"acc_norm\": " value ", \"target\": \"the right one\", "          \
    "\"arguments\": {\"gen_args_0\": {\"arg_0\": \"Which?\"}}}\n"

static void peers_files_are_compared_with_ours(void **state) {
    static const char RESULTS[] =
        "{\"results\": {\"t\": {\"acc,none\": 0, \"acc_norm,none\": 0.5}}, \"configs\": {\"t\": "
        "{\"metric_list\": [{\"metric\": \"acc\"}, {\"metric\": \"acc_norm\"}]}}, \"versions\": "
        "{\"t\": 1.0}, \"n-shot\": {\"t\": 0}, \"higher_is_better\": {\"t\": {\"acc_norm\": "
        "true}}, "
        "\"model_name\": \"peer/model\", \"config\": {\"limit\": null}}";
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN;
    struct pair docs[2] = { { 0, 1 }, { 1, 1 } };
    r.main = "acc_norm";
    folder_text(w.a, "org__m/results_2026-02-02T00-00-00.json", RESULTS);
    folder_text(w.a, "org__m/samples_t_2026-02-02T00-00-00.jsonl",
        PEER_LINE("0", "x", "0.0") PEER_LINE("1", "y", "1.0"));
    write_result(w.b, &r, docs, 2, true);
    w.options.n_flips = 1;
    json_t *doc = compared(&w);
    const json_t *t = task_at(doc, 0), *flip = json_array_get(json_object_get(t, "flipped"), 0);
    assert_string_equal(json_get_string(t, "metric", ""), "acc_norm");
    assert_near(number(t, "a"), 0.5, 0);
    assert_near(number(t, "b"), 1, 0);
    assert_string_equal(json_get_string(flip, "question", ""), "Which?");
    assert_string_equal(json_get_string(flip, "right", ""), "the right one");
    assert_string_equal(json_get_string(json_object_get(doc, "a"), "model", ""), "peer/model");
    json_decref(doc);

    /* Two of the peer's, one of them of other documents; files by their names. */
    char *mine = path_join(w.dir, "samples_t_2.jsonl"),
         *theirs = path_join(w.dir, "samples_t.jsonl");
    folder_text(w.dir, "samples_t_2.jsonl", PEER_LINE("0", "x", "1.0") PEER_LINE("1", "y", "1.0"));
    folder_text(w.dir, "samples_t.jsonl", PEER_LINE("0", "x", "1.0") PEER_LINE("1", "z", "1.0"));
    struct err err = ERR_INIT;
    assert_null(compare(mine, theirs, &w.options, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND); /* "t_2" is another task by its name */
    free(mine);
    mine = path_join(w.a, "org__m/samples_t_2026-02-02T00-00-00.jsonl");
    err = (struct err)ERR_INIT;
    assert_null(compare(mine, theirs, &w.options, &err));
    assert_int_equal(err.class, ERR_INPUT);
    assert_non_null(strstr(err.msg, "document 1 is not the same in both"));
    free(mine);
    free(theirs);
    world_drop(&w);
}

static void a_folder_of_several_models_is_not_guessed_about(void **state) {
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN;
    struct pair docs[30];
    shares(docs, 30, 3, 4, 9);
    write_both(&w, &r, docs, 30);
    char *b = w.b;
    w.b = w.dir;
    expect_refusal(&w, ERR_USAGE, "has results of several models");
    w.b = b;
    char *only = path_join(w.dir, "only"), *inner = path_join(only, "b");
    write_result(inner, &r, docs, 30, true);
    w.b = only;
    json_decref(compared(&w));
    w.b = b;
    free(inner);
    free(only);
    world_drop(&w);
}

static void what_is_not_there_or_no_result_is_said(void **state) {
    (void)state;
    struct world w = world_make();
    expect_refusal(&w, ERR_NOT_FOUND, "there is no file or folder");
    folder_text(w.a, "other.txt", "x");
    expect_refusal(&w, ERR_NOT_FOUND, "there are no results in");
    folder_text(w.a, "assay_t_1.json", "{\"schema\": \"assay.record/1\"}");
    expect_refusal(&w, ERR_SCHEMA, "is no result of assay eval");
    folder_text(w.a, "assay_t_1.json", "{");
    expect_refusal(&w, ERR_INPUT, "is not valid JSON");
    world_drop(&w);
}

static void the_same_seed_gives_the_same_numbers_whatever_is_beside(void **state) {
    (void)state;
    struct world w = world_make();
    struct written r = WRITTEN, s = WRITTEN;
    struct pair docs[50];
    r.main = s.main = "perplexity";
    r.lower_is_better = true;
    for (size_t i = 0; i < 50; i++) {
        docs[i] = (struct pair) { -(double)(i * 7 % 5) / 5, -(double)(i * 3 % 7) / 7 };
    }
    write_both(&w, &r, docs, 50);
    json_t *alone = compared(&w);
    s.task = "a before";
    write_both(&w, &s, docs, 50);
    json_t *beside = compared(&w);
    assert_true(number(task_at(alone, 0), "low") == number(task_at(beside, 1), "low"));
    assert_true(number(task_at(beside, 0), "low") != number(task_at(beside, 1), "low"));
    json_decref(alone);
    json_decref(beside);
    world_drop(&w);
}

/* ---- which way is better ---- */

/* A task whose main metric is acc, and which reports a perplexity too, as LAMBADA does. */
static void write_lambada(const char *dir, const char *model, double loglik, int n) {
    struct strbuf text = { 0 };
    for (int i = 0; i < n; i++) {
        strbuf_addf(&text,
            "{\"doc_id\": %d, \"loglikelihoods\": [%.17g], \"metrics\": {\"acc\": 1, \"brier\": "
            "%.17g}}\n",
            i, loglik - (i % 2) / 8.0, -loglik / 4 + (i % 3) / 16.0);
    }
    folder_text(dir, "assay_samples_l_1.jsonl", strbuf_str(&text));
    strbuf_reset(&text);
    strbuf_addf(&text,
        "{\"schema\": \"assay.eval/1\", \"results\": [{\"model\": \"%s\", \"task\": \"l\", "
        "\"main\": \"acc\", \"higher_is_better\": true, \"metrics\": {}}]}",
        model);
    folder_text(dir, "assay_l_1.json", strbuf_str(&text));
    strbuf_release(&text);
}

static void a_metric_has_its_own_direction_whatever_the_main_one_has(void **state) {
    static const char *const LOWER[] = { "perplexity", "brier" };
    (void)state;
    struct world w = world_make();
    write_lambada(w.a, "a", -2.5, 40);
    write_lambada(w.b, "b", -3.5, 40);
    for (size_t i = 0; i < sizeof LOWER / sizeof *LOWER; i++) {
        w.options.metric = LOWER[i];
        json_t *doc = compared(&w);
        const json_t *t = task_at(doc, 0);
        assert_true(number(t, "difference") > 0);
        assert_string_equal(json_get_string(t, "verdict", ""), "worse");
        assert_false(json_get_bool(t, "higher_is_better", true));
        assert_false(json_get_bool(t, "percent", true));
        assert_null(json_object_get(json_object_get(doc, "suite"), "mean"));
        json_decref(doc);
    }
    world_drop(&w);
}

/* ---- whose results ---- */

static void write_acc(const char *dir, const char *name, const char *fields, int right, int n) {
    struct strbuf text = { 0 };
    char path[200];
    for (int i = 0; i < n; i++) {
        strbuf_addf(&text, "{\"doc_id\": %d, \"metrics\": {\"acc\": %d}}\n", i, i < right);
    }
    snprintf(path, sizeof path, "assay_samples_%s.jsonl", name);
    folder_text(dir, path, strbuf_str(&text));
    strbuf_reset(&text);
    strbuf_addf(&text,
        "{\"schema\": \"assay.eval/1\", \"results\": [{%s, \"task\": \"t\", \"main\": \"acc\", "
        "\"metrics\": {\"acc\": {\"value\": %.17g}}, \"n\": %d}]}",
        fields, (double)right / n, n);
    snprintf(path, sizeof path, "assay_%s.json", name);
    folder_text(dir, path, strbuf_str(&text));
    strbuf_release(&text);
}

static void the_newest_of_two_models_in_a_folder_is_not_taken_for_both(void **state) {
    (void)state;
    struct world w = world_make();
    write_acc(w.a, "t_1", "\"model\": \"./x/m\", \"revision\": \"aa\"", 5, 10);
    write_acc(w.a, "t_2", "\"model\": \"./y/m\", \"revision\": \"bb\"", 6, 10);
    write_acc(w.b, "t_1", "\"model\": \"./z/m\", \"revision\": \"cc\"", 7, 10);
    expect_refusal(&w, ERR_USAGE, "has results of several models");
    char *folder = w.a;
    w.a = path_join(folder, "assay_t_1.json");
    json_t *doc = compared(&w);
    assert_near(number(task_at(doc, 0), "a"), 0.5, 1e-12);
    json_decref(doc);
    free(w.a);
    w.a = folder;
    /* the same files, by another way to the folder */
    write_acc(w.a, "t_2", "\"model\": \"./models/m\", \"revision\": \"aa\"", 6, 10);
    json_decref(compared(&w));
    write_acc(w.a, "t_2", "\"model\": \"org/m\", \"revision\": \"aa\"", 6, 10);
    expect_refusal(&w, ERR_USAGE, "has results of several models");
    world_drop(&w);
}

static const char *note_with(const json_t *doc, const char *text) {
    size_t i;
    const json_t *note;
    json_array_foreach(json_object_get(task_at(doc, 0), "notes"), i, note) {
        if (strstr(json_string_value(note), text)) {
            return json_string_value(note);
        }
    }
    return NULL;
}

static void of_several_draws_the_one_that_was_not_varied_is_taken(void **state) {
    (void)state;
    struct world w = world_make();
    write_acc(w.a, "t_1", "\"model\": \"m\", \"profile\": \"p\", \"seed\": 1234", 5, 10);
    write_acc(w.a, "t_2", "\"model\": \"m\", \"profile\": \"p\", \"seed\": 1235", 7, 10);
    write_acc(w.a, "t_3", "\"model\": \"m\", \"profile\": \"p+order1\", \"seed\": 1234", 9, 10);
    write_acc(w.b, "t_1", "\"model\": \"n\", \"profile\": \"p\", \"seed\": 1234", 6, 10);
    write_acc(w.b, "t_2", "\"model\": \"n\", \"profile\": \"p\", \"seed\": 1235", 8, 10);
    json_t *doc = compared(&w);
    assert_near(number(task_at(doc, 0), "a"), 0.5, 1e-12);
    assert_near(number(task_at(doc, 0), "b"), 0.6, 1e-12);
    assert_string_equal(note_with(doc, "A was"),
        "A was asked in other ways too: (p, seed 1234) is compared, not (p+order1, seed 1234), (p, "
        "seed 1235)");
    assert_non_null(note_with(doc, "B was asked in other ways too"));
    json_decref(doc);
    world_drop(&w);
}

static void what_one_side_does_not_say_is_said(void **state) {
    (void)state;
    struct world w = world_make();
    write_acc(
        w.a, "t_1", "\"model\": \"m\", \"profile\": \"p\", \"shots\": 0, \"seed\": 1234", 5, 10);
    write_acc(w.b, "t_1", "\"model\": \"n\", \"data_sha256\": \"dd\", \"version\": 2", 6, 10);
    json_t *doc = compared(&w);
    assert_non_null(note_with(doc, "not said by A: version, the data's hash"));
    assert_non_null(note_with(doc, "not said by B: profile, shots"));
    assert_null(note_with(doc, "seed"));
    json_decref(doc);
    world_drop(&w);
}

/* ---- whether samples are what they are said to be ---- */

static void samples_that_are_not_their_records_are_refused(void **state) {
    static const struct {
        const char *fields, *lines, *why;
    } BAD[] = {
        { "\"n\": 2, \"metrics\": {\"acc\": {\"value\": 0.5}}",
            "{\"doc_id\": 0, \"metrics\": {\"acc\": 0}}\n{\"doc_id\": 1, \"metrics\": {\"acc\": "
            "0}}\n",
            "acc comes to 0, not 0.5" },
        { "\"n\": 3, \"metrics\": {}",
            "{\"doc_id\": 0, \"metrics\": {\"acc\": 0}}\n{\"doc_id\": 1, \"metrics\": {\"acc\": "
            "0}}\n",
            "there are 2, of 3 documents" },
        { "\"n\": 1, \"metrics\": {}, \"samples_sha256\": \"00aa\"",
            "{\"doc_id\": 0, \"metrics\": {\"acc\": 0}}\n", "their hash is" },
        { "\"metrics\": {}",
            "{\"doc_id\": 7, \"metrics\": {\"acc\": 0}}\n{\"doc_id\": 7, \"metrics\": {\"acc\": "
            "1}}\n",
            "document 7 is in the samples of" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct world w = world_make();
        char text[400];
        write_acc(w.a, "t_1", "\"model\": \"m\"", 1, 2);
        snprintf(text, sizeof text,
            "{\"schema\": \"assay.eval/1\", \"results\": [{\"model\": \"n\", \"task\": \"t\", "
            "\"main\": \"acc\", %s}]}",
            BAD[i].fields);
        folder_text(w.b, "assay_t_1.json", text);
        folder_text(w.b, "assay_samples_t_1.jsonl", BAD[i].lines);
        expect_refusal(&w, ERR_INPUT, BAD[i].why);
        char *a = w.a; /* and on the other side */
        w.a = w.b;
        w.b = a;
        expect_refusal(&w, ERR_INPUT, BAD[i].why);
        world_drop(&w);
    }
}

static void a_subset_that_is_not_declared_does_not_count(void **state) {
    static const char LINES[] = "{\"doc_id\": 0, \"subset\": \"x\", \"metrics\": {\"acc\": 1}}\n"
                                "{\"doc_id\": 1, \"subset\": \"x\", \"metrics\": {\"acc\": 0}}\n"
                                "{\"doc_id\": 2, \"subset\": \"y\", \"metrics\": {\"acc\": 1}}\n";
    static const char RECORD[] = "{\"schema\": \"assay.eval/1\", \"results\": [{\"model\": \"m\", "
                                 "\"task\": \"t\", \"main\": "
                                 "\"acc\", \"n\": 3, \"declared_subsets\": [\"x\"], \"metrics\": "
                                 "{\"acc\": {\"value\": 0.5}}}]}";
    (void)state;
    struct world w = world_make();
    folder_text(w.a, "assay_t_1.json", RECORD);
    folder_text(w.a, "assay_samples_t_1.jsonl", LINES);
    folder_text(w.b, "assay_t_1.json", RECORD);
    folder_text(w.b, "assay_samples_t_1.jsonl", LINES);
    json_t *doc = compared(&w);
    assert_int_equal(json_get_int(task_at(doc, 0), "n", 0), 2);
    assert_near(number(task_at(doc, 0), "a"), 0.5, 1e-12);
    json_decref(doc);
    world_drop(&w);
}

static void kept_scores_that_are_not_their_records_are_refused(void **state) {
    static const char RECORD[] =
        "{\"schema\": \"assay.eval/1\", \"results\": [{\"model\": \"m\", \"task\": \"t\", "
        "\"main\": "
        "\"acc\", \"metrics\": {\"acc\": {\"value\": %g}}, \"scores\": {\"metric\": \"acc\", "
        "\"docs\": \"d\", \"parts\": [{\"n\": 16, \"bits\": \"/wA=\"}]}}]}";
    (void)state;
    struct world w = world_make();
    char text[512];
    snprintf(text, sizeof text, RECORD, 0.5);
    folder_text(w.a, "assay_t_1.json", text);
    folder_text(w.b, "assay_t_1.json", text);
    json_decref(compared(&w));
    snprintf(text, sizeof text, RECORD, 0.75);
    folder_text(w.b, "assay_t_1.json", text);
    expect_refusal(&w, ERR_INPUT, "acc comes to 0.5, not 0.75");
    world_drop(&w);
}

static void other_prompts_are_other_questions(void **state) {
    (void)state;
    struct world w = world_make();
    free(w.a);
    free(w.b);
    w.a = path_join(w.dir, "x/samples_t.jsonl");
    w.b = path_join(w.dir, "y/samples_t.jsonl");
    folder_text(w.dir, "x/samples_t.jsonl",
        "{\"doc_id\": 0, \"metrics\": [\"acc\"], \"acc\": 1, \"prompt_hash\": \"p\"}\n"
        "{\"doc_id\": 1, \"metrics\": [\"acc\"], \"acc\": 1, \"prompt_hash\": \"q\"}\n");
    folder_text(w.dir, "y/samples_t.jsonl",
        "{\"doc_id\": 0, \"metrics\": [\"acc\"], \"acc\": 1, \"prompt_hash\": \"p\"}\n"
        "{\"doc_id\": 1, \"metrics\": [\"acc\"], \"acc\": 0, \"prompt_hash\": \"five shots\"}\n");
    expect_refusal(&w, ERR_INPUT, "other prompts: 1 of 2 documents");
    json_t *across = json_pack("[s]", "shots");
    w.options.across = across;
    json_t *doc = compared(&w);
    assert_non_null(note_with(doc, "the prompts of 1 documents differ"));
    json_decref(doc);
    json_decref(across);
    world_drop(&w);
}

/* ---- more than two ---- */

static const json_t *pair_of(const json_t *task, size_t i) {
    return json_array_get(json_object_get(task, "pairs"), i);
}

static void several_are_ranked_as_far_as_their_pairs_differ(void **state) {
    (void)state;
    struct world w = world_make();
    char *c = path_join(w.dir, "c");
    const char *names[] = { w.a, w.b, c };
    struct err err = ERR_INIT;
    write_acc(w.a, "t_1", "\"model\": \"a\"", 30, 60);
    write_acc(w.b, "t_1", "\"model\": \"b\"", 59, 60);
    write_acc(c, "t_1", "\"model\": \"c\"", 57, 60);
    json_t *doc = compare_many(names, 3, &w.options, &err);
    if (!doc) {
        fail_msg("%s", err.msg);
    }
    const json_t *t = task_at(doc, 0), *standings = json_object_get(t, "standings");
    static const int WANT[3][5] = { { 1, 1, 1, 2, 1 }, { 2, 2, 1, 2, 1 }, { 0, 3, 3, 3, 2 } };
    static const char *const FIELDS[] = { "side", "rank", "rank_low", "rank_high", "tier" };
    assert_int_equal(json_array_size(standings), 3);
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 5; k++) {
            assert_int_equal(json_get_int(json_array_get(standings, i), FIELDS[k], -1), WANT[i][k]);
        }
    }
    double p[3] = { mcnemar_mid(0, 29), mcnemar_mid(0, 27), mcnemar_mid(2, 0) };
    assert_int_equal(json_array_size(json_object_get(t, "pairs")), 3);
    assert_near(number(pair_of(t, 0), "p"), p[0], 1e-12);
    assert_near(number(pair_of(t, 0), "p_holm"), 3 * p[0], 1e-12);
    assert_near(number(pair_of(t, 1), "p_holm"), 2 * p[1], 1e-12);
    assert_near(number(pair_of(t, 2), "p_holm"), p[2], 1e-12);
    assert_string_equal(json_get_string(pair_of(t, 0), "verdict", ""), "better");
    assert_string_equal(json_get_string(pair_of(t, 2), "verdict", ""), "same");
    assert_int_equal(json_get_int(pair_of(t, 2), "first", 0), 1);
    assert_int_equal(json_get_int(pair_of(t, 2), "second", 0), 2);
    json_decref(doc);
    free(c);
    world_drop(&w);
}

/* A side that lacks a task is no part of its ranks; one that shares nothing is said. */
static void a_side_without_a_task_is_left_out_of_its_ranks(void **state) {
    (void)state;
    struct world w = world_make();
    struct written other = WRITTEN;
    struct pair docs[10];
    char *c = path_join(w.dir, "c");
    const char *names[] = { w.a, c, w.b };
    struct err err = ERR_INIT;
    other.task = "u";
    shares(docs, 10, 1, 1, 5);
    write_acc(w.a, "t_1", "\"model\": \"a\"", 5, 10);
    write_acc(w.b, "t_1", "\"model\": \"b\"", 6, 10);
    write_result(c, &other, docs, 10, false);
    json_t *doc = compare_many(names, 3, &w.options, &err);
    assert_non_null(doc);
    const json_t *standings = json_object_get(task_at(doc, 0), "standings");
    assert_int_equal(json_array_size(standings), 2);
    assert_int_equal(json_get_int(json_array_get(standings, 0), "side", -1), 2);
    assert_int_equal(json_get_int(json_array_get(standings, 0), "rank_high", -1), 2);
    assert_true(json_array_size(json_object_get(doc, "refused")) > 0);
    assert_null(json_object_get(doc, "mean"));
    json_decref(doc);
    names[2] = c;
    names[1] = w.a;
    names[0] = w.b;
    assert_null(compare_many((const char *const[]) { w.a, c, w.dir }, 3, &w.options, &err));
    free(c);
    world_drop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_difference_shows_that_no_two_shares_have),
        cmocka_unit_test(right_and_wrong_go_by_mcnemar),
        cmocka_unit_test(other_means_go_by_the_paired_test),
        cmocka_unit_test(documents_that_belong_together_count_together),
        cmocka_unit_test(subsets_weigh_the_same_whatever_their_size),
        cmocka_unit_test(a_statistic_of_the_whole_is_resampled),
        cmocka_unit_test(verdicts_go_by_holm_and_the_mean_by_the_bootstrap),
        cmocka_unit_test(a_side_in_eight_bits_is_said_to_be),
        cmocka_unit_test(what_was_not_asked_alike_is_refused_with_the_reason),
        cmocka_unit_test(a_seed_without_examples_sets_nothing_apart),
        cmocka_unit_test(only_shared_documents_are_compared),
        cmocka_unit_test(tasks_of_one_side_are_named_and_nothing_in_common_is_not_found),
        cmocka_unit_test(without_samples_there_is_nothing_to_pair),
        cmocka_unit_test(the_scores_of_a_record_stand_in_for_samples),
        cmocka_unit_test(peers_files_are_compared_with_ours),
        cmocka_unit_test(a_folder_of_several_models_is_not_guessed_about),
        cmocka_unit_test(what_is_not_there_or_no_result_is_said),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers_whatever_is_beside),
        cmocka_unit_test(a_metric_has_its_own_direction_whatever_the_main_one_has),
        cmocka_unit_test(the_newest_of_two_models_in_a_folder_is_not_taken_for_both),
        cmocka_unit_test(of_several_draws_the_one_that_was_not_varied_is_taken),
        cmocka_unit_test(what_one_side_does_not_say_is_said),
        cmocka_unit_test(samples_that_are_not_their_records_are_refused),
        cmocka_unit_test(a_subset_that_is_not_declared_does_not_count),
        cmocka_unit_test(kept_scores_that_are_not_their_records_are_refused),
        cmocka_unit_test(other_prompts_are_other_questions),
        cmocka_unit_test(several_are_ranked_as_far_as_their_pairs_differ),
        cmocka_unit_test(a_side_without_a_task_is_left_out_of_its_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

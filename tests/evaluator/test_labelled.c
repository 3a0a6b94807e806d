/* Classification, classification with many labels and clustering, from the task file to the result:
 * what is embedded, what is learned from, which draws follow which, and what stays of it all in
 * samples. The model is a fake: texts that end in the same word lie near each other. */
#include "task_main.h"

#include <math.h>

#include "evaluator/eval/eval.h"
#include "evaluator/metric/metric.h"

enum { WIDTH = 6, MAX_TEXTS = 4096 };

struct fake {
    char *texts[MAX_TEXTS]; /* that were embedded */
    size_t n;
    double noise;
};
static struct fake fake;

/* The last character says where a text lies, all of it how far from there. */
static void vector_of(const char *text, float *v) {
    uint32_t hash = 2166136261u;
    size_t n = strlen(text), place = n ? (unsigned char)text[n - 1] % 4u : 0;
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    }
    struct mt19937 r;
    numpy_seed(&r, hash);
    for (size_t k = 0; k < WIDTH; k++) {
        v[k] = (float)((k == place) + fake.noise * (numpy_random(&r) - 0.5));
    }
}

static bool embed(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    (void)self;
    (void)role;
    (void)prompt;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        assert_true(fake.n < MAX_TEXTS);
        fake.texts[fake.n++] = strdup(requests[i].text);
        vector_of(requests[i].text, vectors + i * WIDTH);
    }
    run->stats->tokens_asked += n;
    return true;
}

static void forget(void) {
    for (size_t i = 0; i < fake.n; i++) {
        free(fake.texts[i]);
    }
    fake = (struct fake) { .noise = 2.5 };
}

static struct subject subject(void) {
    forget();
    return (struct subject) { .name = "org/fake",
        .revision = "0123",
        .dtype = "f32",
        .device = "cpu",
        .backend = "fake",
        .self = &fake,
        .embed = embed,
        .width = WIDTH };
}

static struct task *load(const char *name, long long limit) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    char path[512];
    snprintf(path, sizeof path, TASK_FIXTURES "/%s.lua", name);
    q.tasks_dir = TASKS_DIR;
    q.name = path;
    q.limit = limit;
    struct task *t = task_load(&q, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    return t;
}

static json_t *run(const struct task *t, struct strbuf *samples) {
    struct err err = ERR_INIT;
    struct subject s = subject();
    json_t *result;
    if (!eval_run(t, &s, &(struct eval_options) { .build = "test" }, &result, samples, &err)) {
        fail_msg("%s", err.msg);
    }
    return result;
}

static double value(const json_t *result, const char *metric) {
    const json_t *m = json_object_get(json_object_get(result, "metrics"), metric);
    return json_get_number(m, "value", NAN);
}

static double scored(const json_t *result, const char *metric, size_t experiment) {
    const json_t *list = json_object_get(json_object_get(result, "experiments"), metric);
    return json_number_value(json_array_get(list, experiment));
}

static void near(double got, double want) {
    if (!(fabs(got - want) < 1e-12)) {
        fail_msg("%.17g, want %.17g", got, want);
    }
}

static bool was_embedded(const char *text) {
    size_t n = 0;
    for (size_t i = 0; i < fake.n; i++) {
        n += !strcmp(fake.texts[i], text);
    }
    assert_true(n <= 1); /* however often it occurs */
    return n;
}

/* ---- classification ---- */

static void a_text_is_embedded_once_and_only_if_it_is_used(void **state) {
    (void)state;
    struct task *t = load("topics", 0);
    const struct task_training *training = task_training(t);
    size_t n_docs;
    const struct task_doc *docs = task_docs(t, &n_docs);
    json_t *r = run(t, NULL);
    assert_int_equal(training->n_experiments, 4);
    assert_true(training->n_examples < 48); /* four times twelve, some of them the same */
    for (size_t i = 0; i < training->n_examples; i++) {
        assert_true(was_embedded(training->examples[i].text));
    }
    for (size_t i = 0; i < n_docs; i++) {
        assert_true(was_embedded(docs[i].text));
    }
    assert_true(fake.n < training->n_examples + n_docs); /* "common 0" is on both sides */
    json_decref(r);
    task_free(t);
}

/* The order of rows, shuffled anew by the same seed for each experiment, in place. */
static void experiments_learn_from_the_rows_that_mteb_draws(void **state) {
    (void)state;
    struct task *t = load("topics", 0);
    const struct task_training *training = task_training(t);
    size_t order[60];
    for (size_t i = 0; i < 60; i++) {
        order[i] = i;
    }
    for (size_t k = 0; k < 4; k++) {
        const struct task_experiment *e = &training->experiments[k];
        struct mt19937 r;
        size_t taken[4] = { 0 }, n = 0;
        numpy_seed(&r, 42);
        numpy_shuffle(&r, order, 60);
        for (size_t i = 0; i < 60; i++) {
            char want[32];
            snprintf(want, sizeof want, order[i] % 10 ? "text %zu of %zu" : "common %zu",
                order[i] % 10 ? order[i] : order[i] % 4, order[i] % 4);
            if (taken[order[i] % 4]++ < 3) {
                assert_string_equal(training->examples[e->examples[n++]].text, want);
            }
        }
        assert_int_equal(e->n, 12);
        assert_int_equal(n, 12);
    }
    task_free(t);
}

static void a_score_is_the_mean_over_experiments_and_over_documents(void **state) {
    (void)state;
    struct strbuf samples = { 0 };
    struct err err = ERR_INIT;
    struct task *t = load("topics", 0);
    json_t *r = run(t, &samples);
    double sum = 0, over_docs = 0;
    for (size_t k = 0; k < 4; k++) {
        sum += scored(r, "accuracy", k);
    }
    near(value(r, "accuracy"), sum / 4);
    assert_true(value(r, "accuracy") > 0.3 && value(r, "accuracy") < 0.95);
    size_t n = 0;
    for (const char *at = samples.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, n++) {
        json_t *line = json_parse(at, (size_t)(end - at), "sample", &err);
        over_docs += json_get_number(json_object_get(line, "metrics"), "accuracy", NAN) / 20;
        assert_int_equal(json_array_size(json_object_get(line, "predictions")), 4);
        assert_true(json_is_string(json_object_get(line, "gold")));
        json_decref(line);
    }
    assert_int_equal(n, 20);
    near(value(r, "accuracy"), over_docs);
    /* Which keeps a number a document for tests between models. */
    assert_string_equal(json_get_string(json_object_get(r, "scores"), "metric", ""), "accuracy");
    const json_t *accuracy = json_object_get(json_object_get(r, "metrics"), "accuracy");
    assert_true(json_get_number(accuracy, "stderr", 0) > 0.01);
    assert_true(json_get_number(accuracy, "low", 1) < value(r, "accuracy"));
    assert_true(json_get_number(accuracy, "high", 0) > value(r, "accuracy"));
    strbuf_release(&samples);
    json_decref(r);
    task_free(t);
}

/* The texts of a task's documents and examples say how often `documents` had been called. */
static void documents_are_made_once_for_all_splits(void **state) {
    (void)state;
    struct task *t = load("counted", 0);
    size_t n_docs;
    assert_string_equal(task_docs(t, &n_docs)[0].text, "test of call 1");
    assert_string_equal(task_training(t)->examples[0].text, "train of call 1");
    task_free(t);
}

static void a_limit_is_on_documents_not_on_examples(void **state) {
    (void)state;
    struct task *all = load("topics", 0), *few = load("topics", 5);
    size_t n;
    task_docs(few, &n);
    assert_int_equal(n, 5);
    assert_int_equal(task_training(few)->n_examples, task_training(all)->n_examples);
    json_t *r = run(few, NULL);
    assert_int_equal(json_get_int(r, "n", 0), 5);
    json_decref(r);
    task_free(few);
    task_free(all);
}

static void parts_are_named_by_their_splits(void **state) {
    (void)state;
    struct task *t = load("signs", 0);
    json_t *r = run(t, NULL);
    const json_t *subsets = json_object_get(r, "subsets");
    assert_int_equal(json_object_size(subsets), 2);
    assert_int_equal(json_get_int(json_object_get(subsets, "train"), "n", 0), 20);
    assert_int_equal(json_get_int(json_object_get(subsets, "test"), "n", 0), 20);
    assert_int_equal(json_array_size(json_object_get(
                         json_object_get(json_object_get(subsets, "test"), "experiments"), "ap")),
        2);
    near(value(r, "accuracy"), (value(json_object_get(subsets, "train"), "accuracy") +
                                   value(json_object_get(subsets, "test"), "accuracy")) /
                                   2);
    json_decref(r);
    task_free(t);
}

/* Half of forty documents, as many of each label as of the other. */
static void a_test_set_is_cut_in_proportion(void **state) {
    (void)state;
    struct task *t = load("signs", 0);
    size_t n, ones = 0, in_order = 0;
    const struct task_doc *docs = task_docs(t, &n);
    assert_int_equal(n, 40);
    for (size_t i = 20; i < 40; i++) {
        ones += docs[i].labels[0].number == 1;
        in_order += docs[i].index > docs[i - 1].index;
    }
    assert_int_equal(ones, 10);
    assert_true(in_order < 19);
    task_free(t);
}

/* The name of a metric that labels do not allow. */
static void average_precision_of_words_is_refused(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct subject s = subject();
    struct task_request q = TASK_REQUEST_INIT;
    char path[] = "/tmp/assay-labelled-XXXXXX.lua";
    int fd = mkstemps(path, 4);
    static const char TEXT[] =
        "return classification { name = \"words\", version = 1, report = { \"ap\" },\n"
        "  documents = function()\n"
        "    local rows = { { \"a 1\", \"x\" }, { \"b 2\", \"y\" } }\n"
        "    return { train = rows, test = rows } end,\n"
        "  item = function(row) return row[1], row[2] end }\n";
    assert_int_equal(write(fd, TEXT, sizeof TEXT - 1), sizeof TEXT - 1);
    close(fd);
    q.tasks_dir = TASKS_DIR;
    q.name = path;
    struct task *t = task_load(&q, &err);
    unlink(path);
    assert_non_null(t);
    json_t *r;
    assert_false(eval_run(t, &s, NULL, &r, NULL, &err));
    assert_int_equal(err.class, ERR_TASK);
    assert_non_null(strstr(err.msg, "'ap' needs two labels that are numbers"));
    task_free(t);
}

/* ---- any number of labels ---- */

static void sets_of_labels_are_voted_on(void **state) {
    (void)state;
    struct strbuf samples = { 0 };
    struct task *t = load("tags", 0);
    json_t *r = run(t, &samples);
    assert_int_equal(json_get_int(r, "n", 0), 30);
    assert_true(value(r, "accuracy") > 0.1 && value(r, "accuracy") < 0.9);
    assert_true(value(r, "hamming") > value(r, "accuracy"));
    double sum = 0;
    for (size_t k = 0; k < 3; k++) {
        sum += scored(r, "f1", k);
    }
    near(value(r, "f1"), sum / 3);
    assert_non_null(strstr(samples.text, "\"gold\": []"));
    strbuf_release(&samples);
    json_decref(r);
    task_free(t);
}

/* One generator shuffles all rows anew for each experiment. */
static void sets_are_drawn_by_one_generator_that_goes_on(void **state) {
    (void)state;
    struct task *t = load("tags", 0);
    const struct task_training *training = task_training(t);
    struct pcg64 r;
    generator_seed(&r, 42);
    for (size_t k = 0; k < 3; k++) {
        const struct task_experiment *e = &training->experiments[k];
        size_t order[60], taken[4] = { 0 }, n = 0;
        for (size_t i = 0; i < 60; i++) {
            order[i] = i;
        }
        generator_shuffle(&r, order, 60);
        for (size_t i = 0; i < 60; i++) {
            size_t row = order[i];
            bool wanted = false;
            for (size_t tag = 0; tag < 4; tag++) {
                bool has = row % 9 != 8 && (row % 4 == tag || row % 7 == tag);
                wanted = wanted || (has && taken[tag] < 8);
            }
            for (size_t tag = 0; wanted && tag < 4; tag++) {
                taken[tag] += row % 4 == tag || row % 7 == tag;
            }
            if (wanted) {
                char want[32];
                snprintf(want, sizeof want, "text %zu of %zu", row, row % 4);
                assert_string_equal(training->examples[e->examples[n++]].text, want);
            }
        }
        assert_int_equal(e->n, n);
    }
    task_free(t);
}

/* ---- clustering ---- */

static void a_set_of_one_label_scores_1_and_the_score_is_the_mean_of_sets(void **state) {
    (void)state;
    struct task *t = load("heaps_sets", 0);
    json_t *r = run(t, NULL);
    assert_int_equal(json_get_int(r, "n", 0), 72);
    near(scored(r, "v_measure", 1), 1);
    assert_true(scored(r, "v_measure", 0) > 0.05 && scored(r, "v_measure", 0) < 0.95);
    near(value(r, "v_measure"), (scored(r, "v_measure", 0) + 1 + scored(r, "v_measure", 2)) / 3);
    json_decref(r);
    task_free(t);
}

/* A quarter of those left when "alone" is gone, which its stream of random numbers names. */
static void a_list_is_sampled_by_pythons_random(void **state) {
    (void)state;
    struct task *t = load("heaps_list", 0);
    struct mt19937 r;
    size_t n, want[50];
    const struct task_doc *docs = task_docs(t, &n);
    assert_int_equal(n, 50);
    python_seed(&r, 42);
    python_sample(&r, 200, 50, want);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(docs[i].index, want[i]);
    }
    size_t n_samplings;
    const struct task_sampling *s = task_samplings(t, &n_samplings);
    assert_int_equal(n_samplings, 1);
    assert_int_equal(s->population, 200);
    assert_int_equal(s->sampled, 50);
    task_free(t);
}

/* How often each document was drawn in the first run is what follows the sample in the stream. */
static void draws_go_on_where_the_sample_ended(void **state) {
    (void)state;
    struct strbuf samples = { 0 };
    struct err err = ERR_INIT;
    struct task *t = load("heaps_list", 0);
    json_t *r = run(t, &samples);
    struct mt19937 random;
    size_t draws[120], ignored[50], times[50] = { 0 }, n = 0;
    python_seed(&random, 42);
    python_sample(&random, 200, 50, ignored);
    python_choices(&random, 50, 120, draws);
    for (size_t i = 0; i < 120; i++) {
        times[draws[i]]++;
    }
    for (const char *at = samples.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, n++) {
        json_t *line = json_parse(at, (size_t)(end - at), "sample", &err);
        const json_t *level = json_array_get(json_object_get(line, "times"), 0);
        assert_int_equal(json_array_size(level), 3);
        assert_int_equal(json_integer_value(json_array_get(level, 0)), times[n]);
        json_decref(line);
    }
    assert_int_equal(n, 50);
    strbuf_release(&samples);
    json_decref(r);
    task_free(t);
}

static struct task *load_parts(const char *const *names, size_t n) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    q.tasks_dir = TASKS_DIR;
    q.name = TASK_FIXTURES "/heaps_parts.lua";
    q.subsets = names;
    q.n_subsets = n;
    struct task *t = task_load(&q, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    return t;
}

static double first_run(const json_t *result, const char *part) {
    const json_t *one = json_object_get(json_object_get(result, "subsets"), part);
    const json_t *levels = json_object_get(json_object_get(one, "experiments"), "v_measure");
    return json_number_value(json_array_get(json_array_get(levels, 0), 0));
}

/* Two parts of the same texts: the one that comes second is drawn otherwise than alone. */
static void the_stream_goes_on_through_parts(void **state) {
    (void)state;
    static const char *const BOTH[] = { "left", "right" }, *const TURNED[] = { "right", "left" };
    struct task *both = load_parts(BOTH, 2), *turned = load_parts(TURNED, 2),
                *one = load_parts(BOTH + 1, 1);
    json_t *a = run(both, NULL), *b = run(turned, NULL), *c = run(one, NULL);
    near(first_run(a, "left"), first_run(b, "right"));
    near(first_run(a, "right"), first_run(b, "left"));
    near(first_run(a, "left"), first_run(c, "right"));
    assert_true(first_run(a, "left") != first_run(a, "right"));
    /* The second part's sample is what follows the first part's draws. */
    size_t n, want[120];
    const struct task_doc *docs = task_docs(both, &n);
    struct mt19937 random;
    assert_int_equal(n, 100);
    python_seed(&random, 42);
    python_sample(&random, 200, 50, want);
    for (size_t i = 0; i < 3; i++) {
        python_choices(&random, 50, 120, want);
    }
    python_sample(&random, 200, 50, want);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(docs[50 + i].index, want[i]);
    }
    json_decref(a);
    json_decref(b);
    json_decref(c);
    task_free(both);
    task_free(turned);
    task_free(one);
}

/* Words: those without a second level are a class of their own, and all are drawn. Numbers: they
 * are left out, as are those whose number is -1. */
static void a_missing_level_is_a_word_but_no_number(void **state) {
    (void)state;
    static const char *const NAMES[] = { "heaps_levels", "heaps_numbered", "heaps_parts" };
    for (size_t i = 0; i < 2; i++) {
        struct strbuf samples = { 0 };
        struct err err = ERR_INIT;
        struct task *t = load(NAMES[i], 0);
        json_t *r = run(t, &samples);
        const json_t *levels = json_object_get(json_object_get(r, "experiments"), "v_measure");
        size_t missing = 0;
        assert_int_equal(json_array_size(levels), 2);
        assert_int_equal(json_array_size(json_array_get(levels, 1)), 3);
        for (const char *at = samples.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
            json_t *line = json_parse(at, (size_t)(end - at), "sample", &err);
            const json_t *second = json_array_get(json_object_get(line, "times"), 1);
            bool drawn = json_integer_value(json_array_get(second, 0)) > 0;
            const json_t *labels = json_object_get(line, "labels");
            missing += drawn && (json_array_size(labels) == 1 ||
                                    json_integer_value(json_array_get(labels, 1)) == -1);
            json_decref(line);
        }
        assert_true(i == 0 ? missing > 20 : missing == 0);
        strbuf_release(&samples);
        json_decref(r);
        task_free(t);
    }
}

/* ---- what is wrong with a task file ---- */

static json_t *lint(const char *body) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    char path[] = "/tmp/assay-labelled-XXXXXX.lua";
    struct strbuf text = { 0 };
    json_t *problems;
    int fd = mkstemps(path, 4);
    strbuf_addf(&text, "return %s\n", body);
    assert_int_equal(write(fd, strbuf_str(&text), text.len), text.len);
    close(fd);
    q.tasks_dir = TASKS_DIR;
    q.name = path;
    if (!task_lint(&q, &problems, &err)) {
        fail_msg("%s", err.msg);
    }
    unlink(path);
    strbuf_release(&text);
    return problems;
}

#define TASK(kind, more)                                                                           \
    kind " { name = \"x\", version = 1, data = file \"x.csv\" {}, item = function() end, " more " }"

static void lint_says_which_field_is_wrong(void **state) {
    static const struct {
        const char *body, *field, *message; /* NULL: nothing is wrong */
    } CASES[] = {
        { TASK("classification", ""), NULL, NULL },
        { TASK("classification", "sample_per_label = 3"), "sample_per_label",
            "did you mean 'samples_per_label'" },
        { TASK("classification", "samples_per_label = 0"), "samples_per_label", "at least 1" },
        { TASK("classification", "main = \"acuracy\""), "main", "did you mean 'accuracy'" },
        { TASK("classification", "max_documents = { m = 3 }"), "max_documents", "has no 'm'" },
        { TASK("classification", "max_documents = { stratified = true }"), "max_documents",
            "must have a number n" },
        { TASK("multilabel", "neighbours = 0"), "neighbours", "at least 1" },
        { TASK("clustering", ""), "version_of_protocol", "is missing" },
        { TASK("clustering", "version_of_protocol = 3"), "version_of_protocol", "1 or 2" },
        { TASK("clustering", "version_of_protocol = 1, fraction = 0.5"), "fraction",
            "belongs to version_of_protocol = 2" },
        { TASK("clustering", "version_of_protocol = 2, fraction = 4"), "fraction", "at most 1" },
        { TASK("clustering", "version_of_protocol = 2, fraction = false"), NULL, NULL },
        { TASK("clustering", "version_of_protocol = 2, max_documents = 7, fraction = 0.5"),
            "fraction", "cannot both be" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        json_t *problems = lint(CASES[i].body);
        const json_t *first = json_array_get(problems, 0);
        assert_int_equal(json_array_size(problems) > 0, CASES[i].field != NULL);
        if (CASES[i].field) {
            assert_string_equal(json_get_string(first, "field", ""), CASES[i].field);
            if (!strstr(json_get_string(first, "message", ""), CASES[i].message)) {
                fail_msg("%s: %s", CASES[i].body, json_get_string(first, "message", ""));
            }
        }
        json_decref(problems);
    }
}

/* What `item` may not return. */
static void an_item_is_a_text_and_its_label(void **state) {
    static const struct {
        const char *item, *message, *kind; /* NULL: classification */
    } CASES[] = {
        { "return 3, \"x\"", "must return a text and its label, got a number", NULL },
        { "return \"t\", 1.5", "a label must be an integer, a string or a boolean, got a number",
            NULL },
        { "return \"t\"", "got a nil", NULL },
        { "return \"t\", row == 1 and 1 or \"x\"",
            "a label is a string, and those before are numbers", NULL },
        { "return \"t\", row == 1 and 1 or \"x\"",
            "a label is a string, and those before are numbers",
            "clustering { version_of_protocol = 1," },
        { "return \"t\", { 1, \"x\" }", "a label is a string, and those before are numbers",
            "clustering { version_of_protocol = 2," },
        { "return \"t\", {}", "a text has no label", "clustering { version_of_protocol = 2," },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err err = ERR_INIT;
        struct task_request q = TASK_REQUEST_INIT;
        char path[] = "/tmp/assay-labelled-XXXXXX.lua";
        struct strbuf text = { 0 };
        int fd = mkstemps(path, 4);
        strbuf_addf(&text,
            "return %s name = \"x\", version = 1,\n"
            "  documents = function() return { train = { 1, 2 }, test = { 1, 2 } } end,\n"
            "  item = function(row) %s end }\n",
            CASES[i].kind ? CASES[i].kind : "classification {", CASES[i].item);
        assert_int_equal(write(fd, strbuf_str(&text), text.len), text.len);
        close(fd);
        q.tasks_dir = TASKS_DIR;
        q.name = path;
        assert_null(task_load(&q, &err));
        unlink(path);
        assert_int_equal(err.class, ERR_TASK);
        if (!strstr(err.msg, CASES[i].message) || !strstr(err.msg, "item: row ")) {
            fail_msg("%s", err.msg);
        }
        strbuf_release(&text);
    }
}

/* ---- all three ---- */

static const char *const ALL[] = { "topics", "signs", "tags", "heaps_sets", "heaps_list",
    "heaps_levels", "heaps_numbered" };
enum { N_ALL = sizeof ALL / sizeof *ALL };

static char *text_of(json_t *result) {
    json_object_del(result, "seconds");
    return json_dumps(result, JSON_SORT_KEYS);
}

static void any_number_of_threads_gives_the_same_bits(void **state) {
    (void)state;
    for (size_t i = 0; i < N_ALL; i++) {
        struct strbuf one = { 0 }, four = { 0 };
        struct task *t = load(ALL[i], 0);
        setenv("ASSAY_THREADS", "1", 1);
        json_t *a = run(t, &one);
        setenv("ASSAY_THREADS", "4", 1);
        json_t *b = run(t, &four);
        unsetenv("ASSAY_THREADS");
        char *x = text_of(a), *y = text_of(b);
        assert_string_equal(x, y);
        assert_string_equal(one.text, four.text);
        free(x);
        free(y);
        strbuf_release(&one);
        strbuf_release(&four);
        json_decref(a);
        json_decref(b);
        task_free(t);
    }
}

static void samples_alone_give_the_same_scores(void **state) {
    (void)state;
    for (size_t i = 0; i < N_ALL; i++) {
        struct strbuf samples = { 0 }, again = { 0 };
        struct err err = ERR_INIT;
        struct task *t = load(ALL[i], 0);
        json_t *r = run(t, &samples), *rescored;
        if (!eval_rescore(r, samples.text, samples.len, &rescored, &again, &err)) {
            fail_msg("%s: %s", ALL[i], err.msg);
        }
        char *x = text_of(r), *y = text_of(rescored);
        assert_string_equal(x, y);
        assert_string_equal(samples.text, again.text);
        free(x);
        free(y);
        strbuf_release(&samples);
        strbuf_release(&again);
        json_decref(r);
        json_decref(rescored);
        task_free(t);
    }
}

/* Any byte of the samples replaced by another: an error or a score, never a crash. */
static void damaged_samples_are_an_error_or_a_score(void **state) {
    (void)state;
    for (size_t i = 0; i < N_ALL; i++) {
        struct strbuf samples = { 0 };
        struct task *t = load(ALL[i], 0);
        json_t *r = run(t, &samples);
        for (size_t at = 0; at < samples.len && at < 1200; at += 7) {
            struct err err = ERR_INIT;
            json_t *rescored;
            char kept = samples.text[at];
            samples.text[at] = '9';
            if (eval_rescore(r, samples.text, samples.len, &rescored, NULL, &err)) {
                json_decref(rescored);
            }
            samples.text[at] = kept;
        }
        strbuf_release(&samples);
        json_decref(r);
        task_free(t);
    }
}

static void fields_that_samples_lack_are_named(void **state) {
    (void)state;
    static const struct {
        const char *task, *field;
    } CASES[] = { { "topics", "predictions" }, { "topics", "gold" }, { "tags", "gold" },
        { "tags", "predictions" }, { "heaps_sets", "assigned" }, { "heaps_list", "times" },
        { "heaps_list", "labels" } };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct strbuf samples = { 0 };
        struct err err = ERR_INIT;
        struct task *t = load(CASES[i].task, 0);
        json_t *r = run(t, &samples), *rescored;
        char quoted[40];
        int n = snprintf(quoted, sizeof quoted, "\"%s\"", CASES[i].field);
        char *second = strchr(samples.text, '\n'), *at = strstr(second, quoted);
        assert_non_null(at);
        at[n - 2] = 'X';
        assert_false(eval_rescore(r, samples.text, samples.len, &rescored, NULL, &err));
        assert_int_equal(err.class, ERR_INPUT);
        strbuf_release(&samples);
        json_decref(r);
        task_free(t);
    }
}

static void a_plan_counts_examples_and_documents(void **state) {
    (void)state;
    for (size_t i = 0; i < N_ALL; i++) {
        struct err err = ERR_INIT;
        struct run_stats stats;
        struct subject s = subject();
        struct task *t = load(ALL[i], 0);
        assert_true(eval_plan(t, &s, &stats, &err));
        size_t n = fake.n;
        assert_int_equal(stats.tokens_asked, n);
        json_decref(run(t, NULL));
        assert_int_equal(fake.n, n);
        task_free(t);
    }
}

/* Documents of their own are what they are among all: a cluster is nothing without the others, and
 * which labels there are to predict is for all to say. */
static void some_documents_are_what_they_are_among_all(void **state) {
    (void)state;
    for (size_t i = 0; i < N_ALL; i++) {
        struct strbuf all = { 0 }, some = { 0 };
        struct err err = ERR_INIT;
        struct task *t = load(ALL[i], 0);
        json_t *r = run(t, &all);
        struct subject s = subject();
        size_t docs[] = { 3, 1 };
        struct eval_part part = { .docs = docs, .n = 2 };
        assert_true(eval_part(t, &s, &part, NULL, &some, &err));
        for (size_t d = 0; d < 2; d++) {
            const char *line = all.text, *mine = some.text;
            for (size_t k = 0; k < docs[d]; k++) {
                line = strchr(line, '\n') + 1;
            }
            for (size_t k = 0; k < d; k++) {
                mine = strchr(mine, '\n') + 1;
            }
            size_t n = (size_t)(strchr(line, '\n') - line);
            assert_memory_equal(mine, line, n + 1);
        }
        strbuf_release(&all);
        strbuf_release(&some);
        json_decref(r);
        task_free(t);
    }
}

/* ---- against what is published ---- */

static bool resolve(
    const char *repo, const char *revision, void *arg, char **dir, struct err *err) {
    struct strbuf path = { 0 };
    (void)revision;
    strbuf_addf(&path, "%s/hub/datasets/%s", (const char *)arg, repo);
    *dir = strbuf_take(&path);
    return access(*dir, R_OK) == 0 || err_set(err, ERR_NOT_FOUND, "no data set '%s'", repo);
}

static void banking77_learns_from_the_examples_that_mteb_drew(void **state) {
    (void)state;
    char *shared = shared_dir(), path[512];
    struct err err = ERR_INIT;
    if (!shared) {
        print_message("skipped: there is no shared folder\n");
        skip();
    }
    snprintf(path, sizeof path, "%s/golden/embedding/Banking77Classification.json", shared);
    json_t *golden = json_parse_file(path, 16 << 20, &err);
    struct strbuf rows = { 0 };
    snprintf(path, sizeof path, "%s/hub/datasets/mteb/banking77/train.jsonl", shared);
    if (!golden || !file_read(path, 16 << 20, &rows, &err)) {
        fail_msg("%s", err.msg);
    }
    const char **lines = xcalloc(20000, sizeof *lines);
    size_t n = 0;
    for (const char *at = rows.text; at && *at;
         at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        lines[n++] = at;
    }
    assert_int_equal(n, 10003);
    struct task_request q = TASK_REQUEST_INIT;
    q.tasks_dir = TASKS_DIR;
    q.name = "Banking77Classification";
    q.resolve = resolve;
    q.resolve_arg = shared;
    struct task *t = task_load(&q, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    const struct task_training *training = task_training(t);
    const json_t *want = json_object_get(golden, "train_indices_per_experiment");
    assert_int_equal(training->n_experiments, 10);
    assert_int_equal(json_array_size(want), 10);
    for (size_t k = 0; k < 10; k++) {
        const json_t *list = json_array_get(want, k);
        const struct task_experiment *e = &training->experiments[k];
        assert_int_equal(e->n, json_array_size(list));
        for (size_t i = 0; i < e->n; i++) {
            const char *line = lines[json_integer_value(json_array_get(list, i))];
            json_t *row = json_parse(line, (size_t)(strchr(line, '\n') - line), "row", &err);
            assert_string_equal(
                training->examples[e->examples[i]].text, json_get_string(row, "text", ""));
            json_decref(row);
        }
    }
    task_free(t);
    free(lines);
    strbuf_release(&rows);
    json_decref(golden);
    free(shared);
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_embedded_once_and_only_if_it_is_used),
        cmocka_unit_test(experiments_learn_from_the_rows_that_mteb_draws),
        cmocka_unit_test(a_score_is_the_mean_over_experiments_and_over_documents),
        cmocka_unit_test(documents_are_made_once_for_all_splits),
        cmocka_unit_test(a_limit_is_on_documents_not_on_examples),
        cmocka_unit_test(parts_are_named_by_their_splits),
        cmocka_unit_test(a_test_set_is_cut_in_proportion),
        cmocka_unit_test(average_precision_of_words_is_refused),
        cmocka_unit_test(sets_of_labels_are_voted_on),
        cmocka_unit_test(sets_are_drawn_by_one_generator_that_goes_on),
        cmocka_unit_test(a_set_of_one_label_scores_1_and_the_score_is_the_mean_of_sets),
        cmocka_unit_test(a_list_is_sampled_by_pythons_random),
        cmocka_unit_test(draws_go_on_where_the_sample_ended),
        cmocka_unit_test(the_stream_goes_on_through_parts),
        cmocka_unit_test(a_missing_level_is_a_word_but_no_number),
        cmocka_unit_test(lint_says_which_field_is_wrong),
        cmocka_unit_test(an_item_is_a_text_and_its_label),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(samples_alone_give_the_same_scores),
        cmocka_unit_test(damaged_samples_are_an_error_or_a_score),
        cmocka_unit_test(fields_that_samples_lack_are_named),
        cmocka_unit_test(a_plan_counts_examples_and_documents),
        cmocka_unit_test(some_documents_are_what_they_are_among_all),
        cmocka_unit_test(banking77_learns_from_the_examples_that_mteb_drew),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    forget();
    return failed;
}

/* Prompts against those that lm-evaluation-harness made of the same data, document by document:
 * contexts, choices and gold; and all documents of whole data sets by their digests
 * (fixtures/tasks/peer/real.jsonl). Skips where the reference data is absent. */
#include "recorded.h"

#include <stdio.h>
#include <zlib.h>

#include "base/hash.h"

static char *shared;

struct golden {
    const char *task;
    int shots;
    bool target; /* gold is the target's text */
};

static const struct golden goldens[] = { { "arc_easy", 0, false }, { "arc_challenge", 0, false },
    { "arc_challenge", 25, false }, { "hellaswag", 0, false }, { "openbookqa", 0, false },
    { "piqa", 0, false }, { "boolq", 0, false }, { "mmlu_anatomy", 5, false },
    { "mmlu_abstract_algebra", 5, false }, { "lambada_openai", 0, true } };

static void compare_doc(const struct golden *g, const struct task_doc *d, const json_t *want) {
    const json_t *contexts = json_object_get(want, "contexts"),
                 *choices = json_object_get(want, "choices");
    assert_int_equal(json_array_size(contexts), d->n_contexts);
    assert_int_equal(json_array_size(choices), d->n_choices);
    for (size_t i = 0; i < d->n_contexts; i++) {
        const char *text = json_get_string(json_array_get(contexts, i), "text", "");
        if (strcmp(text, d->contexts[i])) {
            fail_msg("%s %d-shot, document %zu: context\n%s\nwant\n%s", g->task, g->shots, d->index,
                d->contexts[i], text);
        }
    }
    for (size_t i = 0; i < d->n_choices; i++) {
        const json_t *c = json_array_get(choices, i);
        assert_string_equal(json_get_string(c, "text", ""), d->choices[i].continuation);
        assert_int_equal(json_get_int(c, "context", -1), d->choices[i].context);
    }
    if (g->target) {
        assert_string_equal(json_get_string(want, "gold", ""), d->choices[0].text);
    } else {
        assert_int_equal(json_get_int(want, "gold", -1), d->gold[0]);
    }
}

static size_t compare_file(const struct golden *g, const struct task_doc *docs, size_t n) {
    struct err err = ERR_INIT;
    char path[4096];
    snprintf(path, sizeof path, "%s/golden/choice/%s.%dshot.jsonl.gz", shared, g->task, g->shots);
    gzFile f = gzopen(path, "rb");
    assert_non_null(f);
    size_t max = 1 << 20, seen = 0;
    char *line = malloc(max);
    while (seen < n && gzgets(f, line, (int)max)) {
        json_t *want = json_parse(line, strlen(line), path, &err);
        assert_non_null(want);
        compare_doc(g, &docs[seen++], want);
        json_decref(want);
    }
    free(line);
    gzclose(f);
    return seen;
}

static void prompts_are_the_harness_s_own(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        struct err err = ERR_INIT;
        struct task_request q = TASK_REQUEST_INIT;
        q.name = goldens[i].task;
        q.shots = goldens[i].shots;
        q.limit = 400;
        q.tasks_dir = TASKS_DIR;
        q.resolve = recorded_data;
        q.resolve_arg = shared;
        struct task *t = task_load(&q, &err);
        if (!t) {
            fail_msg("%s: %s", q.name, err.msg);
        }
        size_t n;
        const struct task_doc *docs = task_docs(t, &n);
        size_t seen = compare_file(&goldens[i], docs, n);
        print_message("%s %d-shot: %zu documents equal\n", q.name, q.shots, seen);
        assert_true(seen >= 20);
        task_free(t);
    }
}

/* ---- digests ---- */

static void add_gold(struct sha256 *h, const struct task_doc *d) {
    char text[32] = "null";
    if (d->n_gold > 1) {
        fail_msg("several right answers");
    }
    if (d->n_gold == 1) {
        snprintf(text, sizeof text, "%zu", d->gold[0]);
    }
    sha256_add(h, text, strlen(text));
}

/* As record.py makes them: each request's two texts with a zero byte after each, then the gold. */
static void digest(const struct task_doc *docs, size_t n, char hex[65]) {
    struct sha256 *h = sha256_new();
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < docs[i].n_choices; c++) {
            const struct task_choice *choice = &docs[i].choices[c];
            const char *context = docs[i].contexts[choice->context];
            sha256_add(h, context, strlen(context) + 1);
            sha256_add(h, choice->continuation, strlen(choice->continuation) + 1);
        }
        add_gold(h, &docs[i]);
    }
    sha256_end(h, hex);
}

static void compare_digests(const json_t *want) {
    const char *name = json_get_string(want, "task", "");
    const json_t *first = json_object_get(want, "first");
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    char hex[65];
    size_t n;
    q.name = name;
    q.shots = (int)json_get_int(want, "shots", 0);
    q.tasks_dir = TASKS_DIR;
    q.resolve = recorded_data;
    q.resolve_arg = shared;
    struct task *t = task_load(&q, &err);
    if (!t) {
        fail_msg("%s: %s", name, err.msg);
    }
    const struct task_doc *docs = task_docs(t, &n);
    assert_int_equal(n, json_get_int(want, "n", 0));
    for (size_t i = 0; i < json_array_size(first); i++) {
        digest(&docs[i], 1, hex);
        if (strncmp(hex, json_string_value(json_array_get(first, i)), 16)) {
            fail_msg("%s, document %zu is not the harness's: '%s'", name, i, docs[i].contexts[0]);
        }
    }
    digest(docs, n, hex);
    if (strcmp(hex, json_get_string(want, "sha256", ""))) {
        fail_msg("%s: one of %zu documents is not the harness's", name, n);
    }
    task_free(t);
}

static void whole_data_sets_are_the_harness_s_own(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    size_t n = 0;
    assert_true(file_read(TASK_FIXTURES "/peer/real.jsonl", (size_t)1 << 20, &text, &err));
    for (const char *at = text.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, n++) {
        json_t *line = json_parse(at, (size_t)(end - at), "real.jsonl", &err);
        assert_non_null(line);
        compare_digests(line);
        json_decref(line);
    }
    assert_int_equal(n, 8 + 24 + 57);
    strbuf_release(&text);
}

static void the_sts_benchmark_has_its_1379_pairs(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    q.name = "STSBenchmark";
    q.tasks_dir = TASKS_DIR;
    q.resolve = recorded_data;
    q.resolve_arg = shared;
    struct task *t = task_load(&q, &err);
    assert_non_null(t);
    size_t n;
    const struct task_doc *d = task_docs(t, &n);
    assert_int_equal(n, 1379);
    assert_string_equal(d[0].text_a, "A girl is styling her hair.");
    assert_true(d[0].score == 2.5);
    task_free(t);
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    shared = shared_dir();
    if (!shared) {
        puts("skipped: no reference data (ASSAY_SHARED)");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_are_the_harness_s_own),
        cmocka_unit_test(whole_data_sets_are_the_harness_s_own),
        cmocka_unit_test(the_sts_benchmark_has_its_1379_pairs),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(shared);
    return failed;
}

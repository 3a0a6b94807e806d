/* Standard errors that lm-evaluation-harness itself gave, from its own scores a document, to the
 * last bit. The results lie in the folder that ASSAY_SHARED names; skipped where there is none. */
#include "base/file.h"
#include "evaluator/data/data.h"
#include "evaluator/metric/metric.h"
#include "evaluator/metric/statistic.h"

#include "vectors.h"

/* One number of each document, in the documents' order; NULL where they have none of that name. */
static double *column(const char *samples, const char *metric, size_t *n) {
    struct err err = ERR_INIT;
    struct data *d = data_open(&(struct data_source) { .file = samples, .format = "jsonl" }, &err);
    assert_non_null(d);
    double *x = NULL;
    size_t capacity = 0;
    json_t *row;
    for (*n = 0; (row = data_next(d, &err)); json_decref(row)) {
        const json_t *value = json_object_get(row, metric);
        mem_grow(&x, &capacity, *n + 1, sizeof *x);
        if (json_is_number(value))
            x[(*n)++] = json_number_value(value);
    }
    assert_int_equal(err.class, ERR_NONE);
    data_close(d);
    if (*n == 0) {
        free(x);
        x = NULL;
    }
    return x;
}

static size_t check_task(const char *dir, const char *task) {
    static const char *const metrics[] = { "acc", "acc_norm", "perplexity" };
    struct err err = ERR_INIT;
    char path[512], samples[512], key[64];
    size_t checked = 0, n;
    snprintf(path, sizeof path, "%s/%s.json", dir, task);
    snprintf(samples, sizeof samples, "%s/%s.jsonl.gz", dir, task);
    json_t *run = json_parse_file(path, 1 << 22, &err), *want = json_object_get(run, "metrics");
    assert_non_null(want);
    for (size_t m = 0; m < 3; m++) {
        double *x = column(samples, metrics[m], &n);
        snprintf(key, sizeof key, "%s_stderr", metrics[m]);
        if (x && json_object_get(want, key)) {
            assert_same(m < 2 ? estimate_mean(x, n).stderr_
                              : bootstrap_stderr(statistic_perplexity, x, n, 1000),
                number(want, key));
            checked++;
        }
        free(x);
    }
    json_decref(run);
    return checked;
}

static void standard_errors_equal_those_of_recorded_runs(void **state) {
    (void)state;
    static const char *const tasks[] = { "arc_easy.0shot", "arc_challenge.25shot", "boolq.0shot",
        "hellaswag.0shot", "openbookqa.0shot", "piqa.0shot", "lambada_openai.0shot" };
    const char *shared = getenv("ASSAY_SHARED");
    char *dir = path_join(shared ? shared : ASSAY_TESTS_DIR "/../../shared", "golden/choice");
    size_t checked = 0;
    if (!dir_exists(dir)) {
        print_message("skipped: no folder '%s'\n", dir);
        free(dir);
        skip();
    }
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        checked += check_task(dir, tasks[i]);
    assert_int_equal(checked, 13);
    free(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_errors_equal_those_of_recorded_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* BLEU, chrF and ROUGE against what the harness's own code made of the same texts
 * (fixtures/answers/common_runs.json). */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "evaluator/metric/common_runs.h"
#include "tests/base/check.h"

#define VECTORS ASSAY_TESTS_DIR "/fixtures/answers/common_runs.json"

static bool near(double a, double b) {
    return fabs(a - b) <= 1e-11 * fmax(1, fabs(b));
}

static const char **texts_of(const json_t *list, size_t *n) {
    *n = json_array_size(list);
    const char **texts = xcalloc(*n + 1, sizeof *texts);
    for (size_t i = 0; i < *n; i++) {
        texts[i] = json_string_value(json_array_get(list, i));
    }
    return texts;
}

static void compare_set(struct common_runs *o, const json_t *items, const json_t *want) {
    struct bleu_counts bleu = { 0 };
    struct chrf_counts chrf = { 0 }, words = { 0 };
    size_t least = SIZE_MAX, i;
    json_t *item;
    json_array_foreach(items, i, item) {
        size_t n = json_array_size(json_array_get(item, 0));
        least = n < least ? n : least;
    }
    json_array_foreach(items, i, item) {
        size_t n;
        const char **right = texts_of(json_array_get(item, 0), &n),
                   *text = json_string_value(json_array_get(item, 1));
        struct bleu_counts b = bleu_counts(o, BLEU_13A, text, right, least);
        struct chrf_counts c = chrf_counts(text, right, least, false),
                           w = chrf_counts(text, right, least, true);
        bleu_add(&bleu, &b);
        chrf_add(&chrf, &c);
        chrf_add(&words, &w);
        free(right);
    }
    const double got[] = { bleu_score(&bleu), chrf_score(&chrf), chrf_score(&words) };
    for (i = 0; i < 3; i++) {
        double of_peer = json_number_value(json_array_get(want, i));
        if (!near(got[i], of_peer)) {
            fail_msg("metric %zu of %s: %.17g, the harness has %.17g", i, json_dumps(items, 0),
                got[i], of_peer);
        }
    }
}

static void sets_of_texts_score_as_the_harness_scores_them(void **state) {
    struct err err = ERR_INIT;
    json_t *all = json_parse_file(VECTORS, 64 << 20, &err), *set;
    struct common_runs *o = common_runs_new(&err);
    size_t i;
    (void)state;
    assert_non_null(o);
    json_array_foreach(json_object_get(all, "sets"), i, set)
        compare_set(o, json_array_get(set, 0), json_array_get(set, 1));
    assert_true(i >= 60);
    common_runs_free(o);
    json_decref(all);
}

static void most_of(struct common_runs *o, const char *text, const json_t *others, double most[4]) {
    size_t n;
    const char **list = texts_of(others, &n);
    for (size_t i = 0; i < n; i++) {
        struct bleu_counts b = bleu_counts(o, BLEU_INTERNATIONAL, text, &list[i], 1);
        struct rouge r = rouge_score(text, list[i]);
        const double values[] = { bleu_score(&b), r.one, r.two, r.lines };
        for (size_t k = 0; k < 4; k++) {
            most[k] = fmax(most[k], values[k]);
        }
    }
    free(list);
}

static void single_texts_score_as_truthfulqa_scores_them(void **state) {
    static const char *const NAMES[] = { "bleu", "rouge1", "rouge2", "rougeL" };
    struct err err = ERR_INIT;
    json_t *all = json_parse_file(VECTORS, 64 << 20, &err), *one;
    struct common_runs *o = common_runs_new(&err);
    size_t i;
    (void)state;
    json_array_foreach(json_object_get(all, "single"), i, one) {
        const char *text = json_string_value(json_array_get(one, 0));
        double right[4] = { 0 }, wrong[4] = { 0 };
        most_of(o, text, json_array_get(one, 1), right);
        most_of(o, text, json_array_get(one, 2), wrong);
        for (size_t k = 0; k < 4; k++) {
            char max[32], more[32];
            snprintf(max, sizeof max, "%s_max", NAMES[k]);
            snprintf(more, sizeof more, "%s_acc", NAMES[k]);
            const json_t *want = json_array_get(one, 3);
            if (!near(right[k], json_get_number(want, max, -1)) ||
                (right[k] > wrong[k]) != (json_get_number(want, more, -1) == 1)) {
                fail_msg(
                    "%s of %s: %.17g and %.17g", NAMES[k], json_dumps(one, 0), right[k], wrong[k]);
            }
        }
    }
    assert_true(i >= 100);
    common_runs_free(o);
    json_decref(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_of_texts_score_as_the_harness_scores_them),
        cmocka_unit_test(single_texts_score_as_truthfulqa_scores_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

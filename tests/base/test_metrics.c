/* The table of metrics: which way is better, on what scale. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/metrics.h"

static void every_name_has_its_direction_and_scale(void **state) {
    static const struct {
        const char *metric;
        bool higher, share;
    } KNOWN[] = { { "acc", true, true }, { "acc_norm", true, true }, { "mcc", true, true },
        { "mc2", true, true }, { "f1", true, true }, { "exact_match", true, true },
        { "acc_mutual_info", true, true }, { "ndcg_at_10", true, true },
        { "cosine_spearman", true, true }, { "perplexity", false, false },
        { "word_perplexity", false, false }, { "byte_perplexity", false, false },
        { "bits_per_byte", false, false }, { "brier", false, false },
        { "brier_score", false, false }, { "loglikelihood", true, false }, { "bleu", true, false },
        { "bleu,strict", true, false }, { "chrf++", true, false }, { "bleu_max", true, false },
        { "bleu_acc", true, true }, { "rougeL_diff,a", true, false },
        { "exact_match,bleu", true, true }, { "ter", false, false }, { "chapter", true, true },
        { "no such metric", true, true } };
    (void)state;
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        struct metric_rule rule = metric_rule(KNOWN[i].metric);
        if (rule.higher != KNOWN[i].higher || (rule.scale == METRIC_SHARE) != KNOWN[i].share) {
            fail_msg("%s", KNOWN[i].metric);
        }
        assert_true(metric_averages(rule) == (KNOWN[i].higher && KNOWN[i].share));
    }
}

static void values_lie_apart_as_far_as_their_scale_reaches(void **state) {
    (void)state;
    assert_true(metric_rule("acc").widest == 1);
    assert_true(metric_rule("cosine_spearman").widest == 2 && metric_rule("mcc").widest == 2);
    assert_true(metric_rule("brier").widest == 2 && metric_rule("bleu").widest == 100);
    assert_true(metric_rule("word_perplexity").widest > 1e300);
}

static void a_task_speaks_of_its_main_metric_alone(void **state) {
    (void)state;
    json_t *up = json_pack("{s:b}", "higher_is_better", 1),
           *down = json_pack("{s:b}", "higher_is_better", 0);
    assert_false(metric_rule_of("perplexity", "acc", up).higher);
    assert_true(metric_rule_of("acc", "acc", up).higher);
    assert_false(metric_rule_of("errors", "errors", down).higher);
    assert_true(metric_rule_of("acc", "word_perplexity", down).higher);
    assert_false(metric_rule_of("perplexity", "perplexity", NULL).higher);
    assert_true(metric_rule_of("acc", NULL, down).higher);
    json_decref(up);
    json_decref(down);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_has_its_direction_and_scale),
        cmocka_unit_test(values_lie_apart_as_far_as_their_scale_reaches),
        cmocka_unit_test(a_task_speaks_of_its_main_metric_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/metrics.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

/* By how the name ends, so that "word_perplexity" is one too; what stands behind a comma is a
 * filter. */
static const struct {
    const char *ending;
    struct metric_rule rule;
} TABLE[] = {
    { "perplexity", { METRIC_OPEN, false, INFINITY } },
    { "ppl", { METRIC_OPEN, false, INFINITY } },
    { "bits_per_byte", { METRIC_OPEN, false, INFINITY } },
    { "brier", { METRIC_OPEN, false, 2 } },
    { "brier_score", { METRIC_OPEN, false, 2 } },
    { "loglikelihood", { METRIC_OPEN, true, INFINITY } },
    { "bleu", { METRIC_OPEN, true, 100 } },
    { "chrf", { METRIC_OPEN, true, 100 } },
    { "chrf++", { METRIC_OPEN, true, 100 } },
    { "bleu_max", { METRIC_OPEN, true, 100 } },
    { "rouge1_max", { METRIC_OPEN, true, 100 } },
    { "rouge2_max", { METRIC_OPEN, true, 100 } },
    { "rougeL_max", { METRIC_OPEN, true, 100 } },
    { "bleu_diff", { METRIC_OPEN, true, 200 } }, /* -100 to 100, as those that follow */
    { "rouge1_diff", { METRIC_OPEN, true, 200 } },
    { "rouge2_diff", { METRIC_OPEN, true, 200 } },
    { "rougeL_diff", { METRIC_OPEN, true, 200 } },
    { "ter", { METRIC_OPEN, false, INFINITY } },
    { "wer", { METRIC_OPEN, false, INFINITY } },
    { "spearman", { METRIC_SHARE, true, 2 } }, /* -1 to 1, as those that follow */
    { "pearson", { METRIC_SHARE, true, 2 } },
    { "mcc", { METRIC_SHARE, true, 2 } },
    { "p_mrr", { METRIC_SHARE, true, 2 } },
};

static bool is_ending(const char *ending, const char *name) {
    size_t n = strcspn(name, ","), m = strlen(ending);
    return n >= m && !strncmp(name + n - m, ending, m) && (n == m || name[n - m - 1] == '_');
}

struct metric_rule metric_rule(const char *metric) {
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
        if (is_ending(TABLE[i].ending, metric))
            return TABLE[i].rule;
    return (struct metric_rule) { METRIC_SHARE, true, 1 };
}

struct metric_rule metric_rule_of(const char *metric, const char *main, const json_t *task) {
    struct metric_rule rule = metric_rule(metric);
    if (main && !strcmp(metric, main))
        rule.higher = json_get_bool(task, "higher_is_better", rule.higher);
    return rule;
}

bool metric_averages(struct metric_rule rule) {
    return rule.scale == METRIC_SHARE && rule.higher;
}

/* Means over the tasks of a suite, and over suites within suites.
 *
 * A suite is a tree: {"name", "mean", "baseline"?, "members": [...]}, where a member is another
 * such tree or a leaf {"task", "kind"?, ...}. How a mean is made:
 *   size        sum of value × n over sum of n, over all leaves within; its standard error is
 *               lm-evaluation-harness's pooled one (api/metrics.py, pooled_sample_stderr)
 *   normalised  the plain mean of the members with chance at 0 and perfect at 1: max(0, (value - b)
 *               / (1 - b)), where b is a leaf's baseline, or a suite's own or its leaves' common
 * one type        the plain mean over types of tasks of the plain means within a type, as mteb's
 *               Mean (TaskType); a suite among the members is of its first leaf's type
 *   task, borda the plain mean of the members; Borda's rule ranks models against each other (below)
 * Errors of a plain mean are those of independent members: sqrt(sum of se²) / n.
 *
 * A mean is never over what does not belong together: where a member has no value, or members were
 * measured under different rule sets, there is a reason instead. */
#ifndef ASSAY_AVERAGE_H
#define ASSAY_AVERAGE_H

#include <stdbool.h>

#include "base/json.h"

/* What is known of a leaf. Texts live until the call that asked returns. */
struct average_part {
    double value, se; /* se NaN: unknown */
    double n;         /* documents */
    double baseline;  /* NaN: unknown */
    const char *profile, *metric;
    const char *kind;    /* of the task; NULL: what the leaf says */
    const char *problem; /* why it has no value, for people; NULL: it has */
    bool left_out;       /* it is no part of the mean */
};
typedef void average_find_fn(const json_t *leaf, void *arg, struct average_part *out);

/* One object for the suite and one for each within it, parents first: {"suite", "title"?, "depth",
 * "mean", "members", "metric", "n", "n_tasks", "value", "stderr", "low", "high"}; "stderr" and the
 * interval are null where unknown, and "value" too, with "reason", where there is no mean. The
 * caller's. A suite of which everything is left out is not there.
 * Suites that are averaged by type or ranked by Borda's rule have both of mteb's means besides, as
 * "means": {"task", "type"}, and one for each type of task, as "types": [{"type", ...}, ...]: of
 * each the "n_tasks", the value with its error, or the reason. */
json_t *average_tree(const json_t *tree, average_find_fn *find, void *arg);

/* How much each leaf counts in the mean of the whole: what the mean grows by if the leaf's value
 * grows by one, were it above chance. A leaf that is named twice is told twice. */
typedef void average_weigh_fn(const json_t *leaf, double weight, void *arg);
void average_weights(const json_t *tree, average_find_fn *find, void *find_arg,
    average_weigh_fn *weigh, void *weigh_arg);

/* What mteb calls tasks of a kind ("sts": "STS"); a kind that it doesn't have is called itself. */
const char *average_type(const char *kind);

/* ---- Borda's rule: models against each other, one vote a task ---- */

/* The score of each member of the suite, NaN where it has none or is left out: a row for
 * average_borda. How many there are. */
size_t average_scores(const json_t *tree, average_find_fn *find, void *arg, double *scores);

/* As mteb ranks: of each task a model gets as many votes as there are models, less its rank among
 * those that have a score (equal ones share their ranks' mean); votes are summed, and the rank is 1
 * + how many have more. A score that is NaN gets no vote. scores: n_models × n_tasks. */
void average_borda(
    const double *scores, size_t n_models, size_t n_tasks, double *votes, size_t *rank);

#endif

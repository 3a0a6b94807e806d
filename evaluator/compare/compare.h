/* The compare room: two models, or two results, document by document.
 *
 * A side is what a user names: a model of the database (org/name[@revision]), a run's number, a
 * folder that `assay eval --out` or lm-evaluation-harness wrote, a result or a samples file.
 * Results are matched by task; only those are paired that asked the same of both: one version of
 * the task, the same data, profile, shots and seed. What does not match is refused with its reason.
 */
#ifndef ASSAY_COMPARE_H
#define ASSAY_COMPARE_H

#include "base/json.h"

struct compare_options {
    const char *database; /* conninfo or NULL; opened only where a side is in it */
    const json_t *tasks;  /* names and globs; NULL: all that both sides have */
    const char *metric;   /* NULL: each task's main metric */
    const char *filter;   /* of lm-evaluation-harness's samples; NULL: the first */
    const json_t *across; /* what may differ: "profile", "template", "add_bos", "shots", "seed" */
    size_t n_resamples;   /* of the paired bootstrap */
    unsigned long long seed;
    double power;   /* of the smallest difference that a task could show */
    size_t n_flips; /* documents to list for each task */
};

/* The whole comparison, the second less the first, as one document that the caller owns:
 *   {"schema": "assay.compare/1", "a": {"name", "model", "revision"}, "b": {...},
 *    "resamples", "seed", "power",
 *    "tasks": [{"task", "metric", "higher_is_better", "n", "a", "b", "difference", "low", "high",
 *               "se", "test": "mcnemar" | "t" | "bootstrap", "p", "p_exact"?, "p_holm",
 *               "verdict": "better" | "worse" | "same", "detectable"?,
 *               "flips": {"both", "neither", "only_a", "only_b"}, "agreement",
 *               "clusters"?, "subsets"?, "notes": [...], "flipped": [...]}],
 *    "refused": [{"task", "why", "hint"?}],
 *    "suite": {"better", "worse", "same",
 *              "mean"?: {"tasks", "a", "b", "difference", "se", "low", "high", "p"}}}
 * A verdict is about the second and goes by p_holm. ERR_NOT_FOUND where a side has nothing,
 * ERR_INPUT where nothing can be paired. */
MUST_CHECK json_t *compare(
    const char *a, const char *b, const struct compare_options *options, struct err *err);

/* More than two, every one with every other:
 *   {"schema": "assay.compare-many/1", "sides": [{"name", "model", "revision"}], "resamples",
 *    "seed", "power",
 *    "tasks": [{"task", "metric", "higher_is_better", "percent",
 *               "standings": [{"side", "value", "rank", "rank_low", "rank_high", "tier"}],
 *               "pairs": [as a task above, with "first" and "second", places in "sides"]}],
 *    "mean"?: {"tasks", "standings", "pairs"}, "refused": [{"task", "why", "first", "second"}]}
 * Standings are best first. Holm's rule is over the pairs of a task (and over those of the mean),
 * so that inside a tier no two differ; a verdict is about a pair's second. */
enum { COMPARE_MANY_MAX = 26 };
MUST_CHECK json_t *compare_many(
    const char *const *names, size_t n, const struct compare_options *options, struct err *err);

#endif

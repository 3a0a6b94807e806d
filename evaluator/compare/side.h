/* One side of a comparison: its results, and where their samples are. */
#ifndef ASSAY_COMPARE_SIDE_H
#define ASSAY_COMPARE_SIDE_H

#include "evaluator/compare/compare.h"

struct db;

/* A result that may be compared. Facts, each left out or null where it is not known: "model",
 * "revision", "task", "version", "task_sha256", "data_sha256", "profile", "template", "add_bos",
 * "shots", "limit", "seed", "metric", "filter", "higher_is_better" (the metric), "n", "value",
 * "stderr", "declared_subsets", "scores", "samples_sha256". */
struct candidate {
    json_t *facts;
    char *path;    /* of its samples; NULL: none, or in the database */
    long long run; /* in the database; 0: not there */
};

struct side {
    const char *name; /* as it was given */
    struct candidate *items;
    size_t n, capacity; /* newest first */
    struct db *db;      /* the comparison's */
};

/* Facts are taken. */
void side_add(struct side *s, json_t *facts, char *path, long long run);
void side_release(struct side *s);

/* What the folder or file holds. */
MUST_CHECK bool side_from_files(
    struct side *s, const char *path, const struct compare_options *o, struct err *err);
/* The standing runs of a model, or one run. */
MUST_CHECK bool side_from_database(
    struct side *s, const char *name, const struct compare_options *o, struct err *err);

/* The samples of a candidate as JSON lines, the caller's; *text NULL where it has none. */
MUST_CHECK bool candidate_samples(
    const struct side *s, const struct candidate *c, char **text, size_t *n, struct err *err);

/* Copies facts of these names where they are there and not null. */
void copy_facts(json_t *to, const json_t *from, const char *const *keys);

#endif

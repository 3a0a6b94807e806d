/* Inside average: what is known of a suite's leaves and members, for those who make rows, weights
 * and votes of it. */
#ifndef ASSAY_AVERAGE_PARTS_H
#define ASSAY_AVERAGE_PARTS_H

#include <stddef.h>

#include "base/average.h"
#include "base/strbuf.h"

struct average {
    average_find_fn *find;
    void *arg;
};

/* What is said of all leaves of a suite, whatever lies between. */
struct leaves {
    size_t count;
    double n, n_value, pooled; /* sums of n, n × value, (n - 1) × n × se² */
    double baseline;           /* the common one; NaN: they differ or don't say */
    char *profile, *metric;    /* the common ones; metric "": they differ */
    struct strbuf why;         /* there is no mean */
    size_t n_reasons;
};

/* What a member is worth to the suite that holds it. */
struct score {
    double value, se, baseline;
    bool normalised, left_out;
};

/* The members of one type: sums of their values and squared errors. */
struct type {
    const char *name;
    struct score sum;
    size_t n;
    struct leaves leaves;
};

struct types {
    struct type *items;
    size_t n;
};

struct average_part average_part_of(const struct average *a, const json_t *leaf);
bool average_is(const json_t *suite, const char *mean);

void average_add_leaf(struct leaves *l, const char *name, const struct average_part *p);
/* All leaves within a suite. */
void average_gather(const struct average *a, const json_t *suite, struct leaves *l);
void leaves_release(struct leaves *l);

/* A suite that has no mean for reasons of its own has none to give. */
struct score average_member(const struct average *a, const json_t *member, struct leaves *above);
/* Leaves what it knows of the leaves in *l; a reason there means that the score is none. */
struct score average_score(const struct average *a, const json_t *suite, struct leaves *l);
struct score average_plain(const struct average *a, const json_t *suite, struct leaves *l);

/* The kind of a member's tasks; NULL where nothing says it. */
const char *average_kind(const struct average *a, const json_t *member);
/* In order of appearance; the caller's. */
struct types average_types(const struct average *a, const json_t *suite);
struct type *average_type_named(struct types *types, const char *name);
void average_types_release(struct types *t);
/* The mean within a type, and over types. */
struct score average_type_score(const struct type *t);
struct score average_of_types(const struct types *types);

#endif

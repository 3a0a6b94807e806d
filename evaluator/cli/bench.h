/* assay bench: how fast a model answers what an evaluation asks of it.
 *
 * A case is one kind of work on a batch of texts of one length; the texts are random ids, so that
 * none shares anything with another. All cases take their turns in every round, the first of which
 * only warms up; around each the device's own roof is measured, because machines that are not ours
 * alone change their speed. A figure is the median of the rounds, beside the least and the
 * greatest. */
#ifndef ASSAY_CLI_BENCH_H
#define ASSAY_CLI_BENCH_H

#include "base/json.h"
#include "harness/harness.h"

enum bench_work {
    BENCH_EMBED,    /* texts to vectors */
    BENCH_CLASSIFY, /* texts to class scores */
    BENCH_SCORE,    /* a token after each text */
    BENCH_ROLLING,  /* every token of each text */
    BENCH_GENERATE, /* tokens one by one, after each text: only these count */
    BENCH_N_WORKS
};
const char *bench_work_name(enum bench_work work); /* "embed", ... */
MUST_CHECK bool bench_work_parse(const char *name, enum bench_work *out, struct err *err);

enum { BENCH_LIST_MAX = 32 };
struct bench_list {
    uint32_t items[BENCH_LIST_MAX];
    unsigned n;
};

/* Lists that are empty are chosen by the model. */
struct bench_options {
    struct bench_list works, lengths, batches;
    uint32_t made, rounds; /* tokens that a text of BENCH_GENERATE makes; rounds that count */
    double seconds;        /* at least so long a round of a case */
};

struct bench_case {
    enum bench_work work;
    uint32_t length, batch, made;
};

/* What one round gave, each a second. A limit that the device does not tell is 0, and so are the
 * bytes of work that is not bound by them. */
struct bench_sample {
    double tokens, flops, bytes, roof, stream;
};

struct bench_row {
    struct bench_case of;
    struct bench_sample *samples; /* [rounds] */
    uint32_t repeats;             /* in a round: a case can take less time than a clock shows */
    double text_flops;            /* of generation: up to the first token */
};

/* The cases that these options mean for a model, in order; ERR_USAGE where one cannot be. */
struct bench_rows {
    struct bench_row *items;
    size_t n;
};
MUST_CHECK bool bench_plan(
    struct bench_rows *rows, const struct bench_options *o, const struct model *m, struct err *err);
void bench_rows_release(struct bench_rows *rows);

/* Called before each case of each round. */
typedef void bench_turn_fn(void *arg, const struct bench_case *next);
MUST_CHECK bool bench_run(struct bench_rows *rows, const struct bench_options *o, struct model *m,
    bench_turn_fn *turn, void *arg, struct err *err);

/* ---- what is said of it ---- */

/* Of one way to run the model. */
struct bench_side {
    const char *model; /* as it was asked for */
    struct model_info info;
    unsigned threads;
    double load_s; /* until it could be asked */
};

/* Least, median and greatest of the rounds. */
struct bench_range {
    double low, middle, high;
};
typedef double bench_value_fn(const struct bench_sample *s);
struct bench_range bench_range_of(
    const struct bench_row *row, uint32_t rounds, bench_value_fn *value);

enum bench_format { BENCH_TABLE, BENCH_MD, BENCH_CSV, BENCH_JSON };
struct bench_report;
struct bench_report *bench_report_new(enum bench_format format, uint32_t rounds);
void bench_report_add(
    struct bench_report *r, const struct bench_side *side, const struct bench_rows *rows);
void bench_report_print(struct bench_report *r); /* and frees it */
void bench_report_free(struct bench_report *r);  /* NULL is fine */

#endif

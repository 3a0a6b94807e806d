/* The scheduler: a prefix tree walked depth first, in steps of packed rows.
 *
 * Steps are cut wherever the row budget is used up: a branch may stand in one step with the trunk
 * that it grows from, because each layer stores the keys and values of all rows before it attends.
 * So live slots are those of the path from the root and those of the step at hand, and no more:
 * depth + rows a step always suffice, nothing is ever computed twice, and less memory only means
 * shorter steps. (Generation, whose texts grow, does spill: generate.c.) */
#ifndef ASSAY_HARNESS_MODEL_SCHED_H
#define ASSAY_HARNESS_MODEL_SCHED_H

#include "harness/model/slots.h"
#include "harness/model/step.h"
#include "harness/model/tree.h"

/* A row just put into the step that is read: `row` counts rows read in this step. The path ends
 * with the row's token. */
struct walk_read {
    uint32_t row;
    const struct tree_read *read;
    const struct slot_path *path;
};
typedef void walk_read_fn(void *arg, const struct walk_read *read);

/* A walk through a tree that can stop after any row. */
struct walk {
    const struct tree *tree;
    size_t next; /* sequence at hand */
    uint32_t at; /* its tokens that have been put into steps */
    bool entered;
    uint32_t length_class; /* of the step at hand: a step has one */
    size_t read;           /* of the sequence's reads, how many are done */
    struct slot_path path,
        leaving;       /* leaving: cut from the path, but the step at hand may still look at them */
    uint32_t *offsets; /* scratch: reads of a part */
    size_t offsets_capacity;
    walk_read_fn *on_read;
    void *arg;
};

/* Adds at most `room` rows to the step, fewer where slots run out; false once the tree is done. */
bool walk_fill(struct walk *w, struct slots *slots, struct step *step, uint32_t room);
void walk_ran(
    struct walk *w, struct slots *slots); /* after the step: gives back slots that nothing needs */
bool walk_done(const struct walk *w);
/* Does the next sequence ask for steps of another class than those so far? */
bool walk_turns(const struct walk *w);
void walk_release(struct walk *w);

/* What a read gave. */
struct read_result {
    double logprob;
    bool best; /* the token is the first argmax */
};

/* Progress over several runs of one call: tokens done before, tokens in total. `on_results` hears
 * of the reads that a step has answered; false stops the run. */
typedef bool sched_results_fn(void *arg, const size_t *sinks, size_t n, struct err *err);
typedef bool sched_class_fn(void *arg, uint32_t length_class, struct err *err);
struct sched_run {
    const struct run_options *options;
    uint64_t done, total;
    sched_results_fn *on_results;
    sched_class_fn *on_class; /* hears of each class before its steps; may be NULL */
    void *arg;
};
MUST_CHECK bool sched_progress(struct sched_run *run, uint64_t n, struct err *err);

/* Rows of a step and slots that suit this depth; ERR_RESOURCE where the depth alone doesn't fit.
 * `bytes`: what scratch and slots take. */
struct sched_plan {
    uint32_t rows, slots;
    size_t bytes;
};
MUST_CHECK bool sched_plan(struct sched_plan *plan, struct net *net, uint32_t max_slots,
    uint32_t depth, uint64_t n_rows, struct err *err);

/* Computes the whole tree; results are indexed by the reads' sinks. */
MUST_CHECK bool sched_reads(struct net *net, const struct sched_plan *plan, const struct tree *tree,
    struct read_result *results, struct sched_run *run, struct err *err);

#endif

/* What the two files of a flow share: flow_fill.c says which tokens are in a step, flow.c runs it
 * and reads it. */
#ifndef ASSAY_HARNESS_MODEL_FLOW_H
#define ASSAY_HARNESS_MODEL_FLOW_H

#include "harness/model/model.h"
#include "harness/model/slots.h"
#include "harness/model/step.h"

/* Tokens [0, path.n_tokens) have keys and values, those up to n_feed are to be fed. */
struct flow_text {
    struct flow_text *next, **back; /* of all that there are */
    struct flow_ask ask;            /* its lists are these own ones */
    int32_t *ids;
    double *logprobs;      /* of token i, once i < n_known or it was made */
    struct flow_top *tops; /* [n, n_top] */
    size_t ids_capacity, logprobs_capacity, tops_capacity;
    uint32_t n, n_prompt;
    uint32_t n_known; /* tokens of the prompt whose log-probability is settled */
    uint32_t class;   /* of its rotation (rope_class) */
    struct slot_path path;
    struct kv_span spare;           /* taken and not yet written */
    const struct flow_text *source; /* whose numbers the first n_copied tokens have, once the step
                                        at hand has run */
    uint32_t n_copied, n_shared;
    enum flow_state state;
    bool in_step; /* has rows in the step at hand */
    bool has_end; /* ids[n] is the token that ended it */
    bool dropped; /* by its caller */
    bool kept;    /* in the list of those whose keys and values stay */
    char *text;
    size_t text_n, n_sure;
    struct err err;
};

/* A row of the step that is read: for the token behind it, or to choose one. */
struct flow_read {
    struct flow_text *text;
    uint32_t row, token; /* token: its place in the text */
    bool chooses;
};

struct flow {
    struct model *model;
    uint32_t at_once;
    struct flow_text *first; /* of all */
    struct flow_text **live; /* that wait or run, in the order in which they came */
    size_t n_live, live_capacity;
    struct flow_text **kept; /* that have ended, used longest ago first */
    size_t n_kept, kept_capacity;
    struct slots slots;
    struct step step;
    uint32_t class; /* of the step at hand */
    struct flow_read *reads;
    size_t n_reads, reads_capacity;
    struct target *targets;
    struct flow_read **target_reads;
    size_t targets_capacity, target_reads_capacity;
    float *logits; /* [FLOW_LOGIT_ROWS, V] */
    struct flow_figures figures;
};

enum { FLOW_LOGIT_ROWS = 8 };

/* Tokens to be fed before the next can be chosen, or all of the prompt is read. */
static inline uint32_t flow_to_feed(const struct flow_text *t) {
    return t->ask.max_tokens ? t->n : t->n - 1;
}
static inline bool flow_has_ended(const struct flow_text *t) {
    return t->state > FLOW_RUNS;
}

/* Puts together the next step; empty where nobody of its class can go on. */
void flow_fill(struct flow *f);
/* Room for the numbers of all tokens that the text has, and one more. */
void flow_numbers_reserve(struct flow_text *t);
void flow_text_free(struct flow *f, struct flow_text *t);
/* Gives back what a text holds of the cache. */
void flow_text_clear(struct flow *f, struct flow_text *t);
/* It has ended: what others may begin with stays, for as long as nobody needs the room. */
void flow_keep(struct flow *f, struct flow_text *t);

#endif

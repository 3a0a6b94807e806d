/* Slots of the key/value cache: one token each, counted references. A slot is free at zero.
 *
 * Runs are handed out from the lowest free slots, so that the memory touched stays small; where no
 * run is long enough the longest one comes, and the caller cuts its segment in two. */
#ifndef ASSAY_HARNESS_MODEL_SLOTS_H
#define ASSAY_HARNESS_MODEL_SLOTS_H

#include "harness/backend.h"

struct slots {
    uint32_t *refs; /* [n] */
    uint32_t n, n_free;
};

void slots_init(struct slots *s, uint32_t n);
void slots_release(struct slots *s);
struct kv_span slots_take(
    struct slots *s, uint32_t want); /* n is 0 if none is free, at most `want` */
void slots_ref(struct slots *s, struct kv_span span);
void slots_unref(struct slots *s, struct kv_span span);

/* The slots of positions 0 .. n_tokens-1 of one sequence, in order. Holds one reference on each. */
struct slot_path {
    struct kv_span *spans;
    size_t n, capacity;
    uint32_t n_tokens;
};
void slot_path_release(struct slot_path *p);
void slot_path_push(struct slot_path *p, struct kv_span span); /* takes over the reference */
void slot_path_copy(struct slot_path *to, const struct slot_path *from, struct slots *s);

/* Cuts the path to n_tokens. References on what was cut go to `cut` (NULL: are dropped at once). */
void slot_path_cut(struct slot_path *p, uint32_t n_tokens, struct slots *s, struct slot_path *cut);

#endif

/* A step: rows packed side by side for one forward pass, put together segment by segment.
 *
 * Lists grow at first and are reused after that. Which rows are read is said with each segment; the
 * step derives what the last layer needs: for each run of rows read a segment of its own, whose
 * ancestors are those of the whole segment and the part of it that stands before the run. */
#ifndef ASSAY_HARNESS_MODEL_STEP_H
#define ASSAY_HARNESS_MODEL_STEP_H

#include "harness/model/net.h"

struct step_segments {
    struct segment *items;
    size_t *spans_at; /* where in `spans` the ancestors begin: pointers are set when the step is
                         viewed */
    size_t n, capacity, spans_at_capacity;
};

struct step {
    int32_t *ids;
    uint8_t *types; /* [n], where some part has said them */
    uint32_t *positions, *slots, *reads, *read_positions;
    struct kv_span *spans;
    size_t n, n_reads, n_spans;
    bool has_types;
    size_t ids_capacity, types_capacity, positions_capacity, slots_capacity, reads_capacity,
        read_positions_capacity;
    size_t spans_capacity;
    struct step_segments segments, read_segments;
};

/* Tokens that follow each other, into slots that follow each other. */
struct step_part {
    const int32_t *ids;
    const uint8_t *types; /* of tokens; NULL: all 0 */
    uint32_t n, position, slot;
    const struct kv_span *ancestors; /* slots of positions 0 .. position-1 */
    size_t n_ancestors;
    const uint32_t *reads; /* offsets in the part, ascending */
    size_t n_reads;
    bool whole; /* an encoder's text: rows see what stands behind them too */
};

void step_reset(struct step *s);
void step_release(struct step *s);
void step_add(struct step *s, const struct step_part *part);
struct step_view step_view(struct step *s); /* valid until the next change */

#endif

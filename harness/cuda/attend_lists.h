/* Work lists of attention on the device. All layers of a step ask for the same ones, or, where
 * layers have windows and others don't, for two in turn: so the last few are kept, and making and
 * bringing them there is work of once a step. */
#ifndef ASSAY_HARNESS_CUDA_ATTEND_LISTS_H
#define ASSAY_HARNESS_CUDA_ATTEND_LISTS_H

#include "harness/cuda/attend_work.h"
#include "harness/cuda/cuda.h"

/* All that the lists follow from, as words. */
struct attend_key {
    uint32_t *words;
    size_t n, room;
};

struct attend_lists {
    struct attend_key key;
    struct attend_work work; /* its lists are the host's */
    const struct attend_tile *tiles;
    const struct attend_part *parts;
    const struct attend_span *spans;
    const struct attend_item *items, *joins;
    struct host_room host;
    uint8_t *device;
    size_t bytes, used;
    cudaEvent_t sent; /* behind the copy of what the host has */
    uint64_t asked;   /* when last */
    uint64_t step;    /* whose lists they are among; 0: they have memory of their own */
};

enum { ATTEND_LISTS = 16 };

struct attend_shelf {
    struct attend_lists lists[ATTEND_LISTS];
    struct attend_key asked; /* room for the key of what is asked for */
    uint64_t n_asked;
};

size_t attend_lists_bytes(const struct attend_counts *n);

/* The lists of these segments, which need no more than `counts`; `how` has no lists yet. Valid
 * until the next call. */
const struct attend_lists *attend_lists_get(struct cuda *c, struct attend_shelf *shelf,
    const struct attend_work *how, const struct segment *segments, uint32_t n_segments,
    const struct attend_counts *counts);

void attend_shelf_release(struct attend_shelf *shelf);

#endif

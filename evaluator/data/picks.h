/* Inside the data room: files picked of a listing, in the order in which they are read. */
#ifndef ASSAY_DATA_PICKS_H
#define ASSAY_DATA_PICKS_H

#include "evaluator/data/listing.h"

struct picks {
    const struct listing *all;
    const char **paths; /* the listing's */
    const struct data_remote_file **remotes;
    size_t *times; /* how often each was taken: it is read once, but counts so in picks_agree */
    size_t n;
    size_t *where; /* of each listed file its number here, from 1; 0: not picked */
};

void picks_init(struct picks *p, const struct listing *all);
void picks_release(struct picks *p);

/* The listing's file of this number. */
void picks_take(struct picks *p, size_t i);

/* All that a pattern takes, by path. The hub's own files (dataset_infos.json, config.json) are no
 * rows unless the pattern ends in their name. */
size_t picks_take_pattern(struct picks *p, const char *pattern);

/* Leaves of the files those of the kind that is the most frequent; where some are of others, and
 * `mixed` is not allowed, or where the kind is not read here, it is an error. */
MUST_CHECK bool picks_agree(struct picks *p, bool mixed, struct err *err);

/* Of each series of numbered shards (-00002-of-00005) none may be missing: a part of a split gives
 * other numbers than the whole, and no error. */
MUST_CHECK bool picks_have_all_shards(const struct picks *p, struct err *err);

#endif

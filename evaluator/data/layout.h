/* Inside the data room: which files make up a split where no card says it, by their names, as the
 * hub's `datasets` library finds them. */
#ifndef ASSAY_DATA_LAYOUT_H
#define ASSAY_DATA_LAYOUT_H

#include "base/strbuf.h"
#include "evaluator/data/picks.h"

/* Below `base`, "" for all: the first of these that any split is found by
 *     data/<split>-00000-of-00001.<any>, a split of any name;
 *     folders, then files, whose names hold a word for the split ("dev" for "validation") between
 *     separators: all of them, word by word;
 *     everything, as "train".
 * None is picked where this has no such split. */
void layout_take(struct picks *p, const char *base, const char *split);

/* Files of exactly the split's name in this folder: shards; else <split>.<ext>; else
 * <split>-<any>.<ext>; of the first format that there is. */
void layout_take_named(struct picks *p, const char *folder, const char *split);

/* Words that one split goes by, NULL after the last; NULL where it has only its own name. */
const char *const *layout_words(const char *split);

#endif

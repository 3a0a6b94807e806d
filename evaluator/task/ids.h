/* Which passage has which id. The ids lie with the passages; a slot of the table holds a part of an
 * id's hash and the passage's number, eight bytes, so that millions of them are found in the memory
 * of a few. */
#ifndef ASSAY_TASK_IDS_H
#define ASSAY_TASK_IDS_H

#include "evaluator/task/task.h"

struct ids;
struct ids *ids_new(void);
void ids_free(struct ids *ids); /* NULL is fine */

/* The passage with this id in a corpus of `r`; SIZE_MAX: there is none. */
size_t ids_find(
    const struct ids *ids, const struct task_retrieval *r, size_t corpus, const char *id);
/* Adds the last passage of the last corpus, whose id is not there yet. */
void ids_add(struct ids *ids, const struct task_retrieval *r);

#endif

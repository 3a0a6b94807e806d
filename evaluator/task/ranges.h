/* Parts of files that were left on a hub: asked for by the child, which has no network, and read
 * for it by the parent. */
#ifndef ASSAY_RANGES_H
#define ASSAY_RANGES_H

#include "evaluator/data/data.h"
#include "evaluator/task/runner.h"
#include "evaluator/task/task.h"

/* ---- the parent ---- */

/* The data that the child may read, in the order of the task's sources. */
struct ranges {
    struct task_data data[64];
    size_t n;
    void *buffer; /* WIRE_MAX_BYTES, made on first use */
    uint64_t
        served; /* bytes so far: the child's own limits of time don't count what the hub takes */
};
void ranges_close(struct ranges *g); /* a zeroed struct is fine */

/* Tells the child of every remote file, in the order of the sources. */
MUST_CHECK bool ranges_send(const struct ranges *g, struct runner *r, struct err *err);

/* Answers {"read": {"source", "path", "at", "n"}}: what it asks for is checked, and whatever goes
 * wrong on the way to the hub is the child's to say. */
MUST_CHECK bool ranges_serve(
    struct ranges *g, struct runner *r, const json_t *read, struct err *err);

/* ---- the child ---- */

/* A source's remote files: `n` frames are read. NULL on failure. */
struct wire;
struct wire_out;
struct child_ranges;
struct child_ranges *child_ranges_receive(
    struct wire *in, struct wire_out *out, size_t source, size_t n, struct err *err);
const struct data_remote *child_ranges_remote(const struct child_ranges *c);

#endif

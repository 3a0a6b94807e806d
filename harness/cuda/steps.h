/* Steps whose shape comes again: what a step asks for is written down instead of being launched,
 * and at its end all of it goes to the device at once, as a CUDA graph where one is there for just
 * this record (step.c, step_record.c, step_graphs.c, step_lists.c).
 *
 * Never another step's graph. A record has every launch in full: kernel, grid, shared memory, each
 * byte of each argument; and every product by the library, as it was asked for. A graph is launched
 * only where the record that it was captured from is equal to the step's, byte for byte. Whatever
 * else a kernel reads is device memory that one of its arguments points to, and that is filled
 * before it in the stream, with a graph as without. So a graph does what the launches would have
 * done, and the bits are the same.
 *
 * Lists (ids, slots, positions, segments, work lists of attention) lie in a piece of memory that
 * every recorded step fills from its start: the same shape finds them in the same places, and one
 * copy ahead of the graph brings them there.
 *
 * What is never recorded. A shape that comes for the first time; steps of more than STEP_ROWS_MOST
 * rows, for which launches don't count; those in which the host needs a number (which experts a
 * router chose), whose shape is not tried again; those in which something is made that stays: a
 * plan of the library with its trial, a model's lists at their first use; and those whose lists
 * find no room. Such a step is left (step_leave): what has been recorded is launched as usual, and
 * so is the rest. All of these are seen before anything is captured: a capture only ever sees the
 * record. Where it fails all the same (a library that allocates in a product), that record is
 * launched as usual for ever.
 *
 * While a step is recorded, c->stream is a stream that nothing is to go to but through LAUNCH or
 * step_ask: one that is being captured, which must be found empty in the end. So whoever forgets
 * step_leave ends the process, rather than overtake the record. Nobody keeps c->stream across a
 * call that may leave.
 *
 * ASSAY_CUDA_GRAPHS=0 turns all of this off, to see whether a fault goes away with it.
 *
 * Compiled, and run on the tests' stand-in for CUDA's runtime; not yet on a device. */
#ifndef ASSAY_HARNESS_CUDA_STEPS_H
#define ASSAY_HARNESS_CUDA_STEPS_H

#include "harness/cuda/cuda.h"

enum {
    STEP_ROWS_MOST = 256,   /* of a recorded step, at most */
    STEP_SHAPES = 32,       /* remembered */
    STEP_PATIENCE = 8,      /* records of a shape that no graph was for, until it is left alone */
    GRAPHS = 16,            /* kept, at most */
    GRAPHS_SEEN = 32,       /* records that were seen once */
    GRAPHS_BYTES = 64 << 20 /* of the device, all of them, at most */
};

/* ---- the record ---- */

struct steps;

/* Does what was asked for, in c->stream. */
typedef cudaError_t step_does_fn(struct cuda *c, const void *asked);

/* What has been asked for, one behind the other; bytes that say nothing are 0. */
struct step_record {
    uint8_t *data;
    size_t n, capacity;
    uint32_t n_asked;
};

/* Room, filled with zeros, for what `does` is to be told. */
void *record_add(struct step_record *r, step_does_fn *does, size_t bytes);
bool record_equal(const struct step_record *a, const struct step_record *b);
uint64_t record_hash(const struct step_record *r);
/* All of it; the first thing that goes wrong. */
cudaError_t record_run(struct cuda *c, const struct step_record *r);
void record_free(struct step_record *r);
/* Launches of this thread into s->recording go into its record; NULL: none do. */
void record_of_thread(struct steps *s);

/* ---- graphs ---- */

struct graph {
    struct step_record record; /* that it was captured from */
    cudaGraphExec_t exec;      /* NULL: it cannot be captured */
    size_t bytes;              /* of the device */
    uint64_t used;             /* when last */
};

struct graphs {
    struct graph kept[GRAPHS];
    size_t n;
    uint64_t seen[GRAPHS_SEEN];
    size_t n_seen;
    uint64_t n_used;
};

/* The record, as a graph where there is one or may be one now. */
enum graphs_how { AS_LAUNCHES, AS_NEW_GRAPH, AS_GRAPH };
enum graphs_how graphs_run(struct cuda *c, struct graphs *g, const struct step_record *r);
size_t graphs_bytes(const struct graphs *g); /* of the device */
void graphs_release(struct graphs *g);

/* ---- lists ---- */

enum { STEP_LIST_PARTS = 2 };
struct step_list {
    const void *host; /* the op's */
    size_t at, bytes;
};
struct step_lists {
    uint8_t *device;
    struct host_room host[STEP_LIST_PARTS]; /* filled in turn */
    cudaEvent_t sent[STEP_LIST_PARTS];      /* behind the copy from it */
    unsigned part;
    size_t bytes, used;
    struct step_list lists[STAGE_LISTS];
    unsigned n_lists;
};

/* Room for several ops' lists of so many bytes each. */
MUST_CHECK bool step_lists_reserve(struct cuda *c, size_t bytes, struct err *err);
void step_lists_free(struct step_lists *l);
void step_lists_begin(struct step_lists *l);
/* Whether an op's lists of so many bytes find room. */
bool step_lists_fit(const struct step_lists *l, size_t bytes);
void *step_lists_room(struct step_lists *l, size_t bytes, const void **device);
const void *step_lists_add(struct step_lists *l, const void *data, size_t bytes);
/* The room that was given last has been filled: where the device has the same already, that. */
const void *step_lists_fold(struct step_lists *l, const void *room, size_t bytes);
void step_lists_send(struct cuda *c, struct step_lists *l);

/* ---- steps ---- */

struct step_seen {
    struct step_shape shape;
    uint32_t n_recorded, n_replayed;
    bool never;
    uint64_t asked; /* when last */
};

struct steps {
    cudaStream_t real, recording; /* recording: what c->stream is while `on` */
    bool on;
    uint64_t number; /* of the step that is recorded, from 1 on */
    struct step_seen seen[STEP_SHAPES];
    size_t n_seen;
    uint64_t n_asked;
    struct step_seen *shape; /* of the step at hand */
    struct step_record record;
    struct step_lists lists;
    struct graphs graphs;
};

/* NULL where they are turned off; ERR_RESOURCE. */
MUST_CHECK bool steps_open(struct cuda *c, struct err *err);
void steps_close(struct cuda *c);

/* The step that is being recorded, or NULL. */
static inline struct steps *step_on(const struct cuda *c) {
    return c->steps != NULL && c->steps->on ? c->steps : NULL;
}
/* Its number; 0: there is none. */
static inline uint64_t step_number(const struct cuda *c) {
    const struct steps *s = step_on(c);
    return s != NULL ? s->number : 0;
}

/* Recorded, or done now. */
cudaError_t step_ask(struct cuda *c, step_does_fn *does, const void *asked, size_t bytes);

/* What follows is not for a record: this step goes on as launches do. */
enum step_why {
    STEP_ONCE, /* it won't happen again */
    STEP_EVER, /* steps of this shape always need it: they aren't recorded any more */
};
void step_leave(struct cuda *c, enum step_why why);

#endif

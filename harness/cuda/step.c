/* Where a recorded step begins, ends, or is left before its end. See steps.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "harness/cuda/steps.h"

/* ---- shapes ---- */

static bool shapes_equal(const struct step_shape *a, const struct step_shape *b) {
    return a->n_rows == b->n_rows && a->n_segments == b->n_segments && a->n_reads == b->n_reads;
}

static struct step_seen *shape_find(struct steps *s, const struct step_shape *shape) {
    for (size_t i = 0; i < s->n_seen; i++)
        if (shapes_equal(&s->seen[i].shape, shape))
            return &s->seen[i];
    return NULL;
}

/* The shape that was asked for longest ago makes way. */
static struct step_seen *shape_add(struct steps *s, const struct step_shape *shape) {
    struct step_seen *at = &s->seen[0];
    if (s->n_seen < STEP_SHAPES)
        at = &s->seen[s->n_seen++];
    for (size_t i = 0; i < s->n_seen; i++)
        at = s->seen[i].asked < at->asked ? &s->seen[i] : at;
    *at = (struct step_seen) { .shape = *shape, .asked = s->n_asked };
    return at;
}

/* Records are for shapes that come again, and for as long as graphs come of them: one that is
 * launched in the end has kept the device waiting. */
static bool is_worth_it(struct steps *s, const struct step_shape *shape) {
    struct step_seen *seen = shape_find(s, shape);
    s->n_asked++;
    if (seen == NULL) {
        shape_add(s, shape);
        return false;
    }
    s->shape = seen;
    seen->asked = s->n_asked;
    return !seen->never && seen->n_recorded <= STEP_PATIENCE + 2 * (uint64_t)seen->n_replayed;
}

/* ---- a step ---- */

bool cuda_step_begin(struct backend *b, const struct step_shape *shape) {
    struct cuda *c = cuda_enter(b);
    struct steps *s = c->steps;
    BUG_IF(step_on(c) != NULL);
    if (s == NULL || shape->n_rows > STEP_ROWS_MOST || !is_worth_it(s, shape))
        return false;
    step_lists_begin(&s->lists);
    s->record.n = s->record.n_asked = 0;
    cuda_must(cudaStreamBeginCapture(s->recording, cudaStreamCaptureModeRelaxed), "a step");
    s->real = c->stream;
    c->stream = s->recording;
    s->on = true;
    s->number++;
    s->shape->n_recorded++;
    record_of_thread(s);
    return true;
}

/* Nothing may have gone past the record. */
static void check_empty(struct steps *s) {
    cudaGraph_t strays = NULL;
    size_t n = 0;
    cuda_must(cudaStreamEndCapture(s->recording, &strays), "a step");
    if (strays == NULL)
        return;
    cuda_must(cudaGraphGetNodes(strays, NULL, &n), "a step");
    BUG_IF(n != 0);
    cudaGraphDestroy(strays);
}

/* Lists are on their way from here on; the record is to be run. */
static void stop(struct cuda *c) {
    struct steps *s = c->steps;
    record_of_thread(NULL);
    s->on = false;
    c->stream = s->real;
    check_empty(s);
    step_lists_send(c, &s->lists);
}

void cuda_step_end(struct backend *b) {
    struct cuda *c = cuda_enter(b);
    struct steps *s = step_on(c);
    if (s == NULL)
        return;
    stop(c);
    enum graphs_how how = graphs_run(c, &s->graphs, &s->record);
    s->shape->n_replayed += how == AS_GRAPH;
    c->caps.n_replayed += how == AS_GRAPH;
    c->caps.n_graphs += how == AS_NEW_GRAPH;
    c->caps.graph_bytes = graphs_bytes(&s->graphs);
}

void step_leave(struct cuda *c, enum step_why why) {
    struct steps *s = step_on(c);
    if (s == NULL)
        return;
    stop(c);
    s->shape->never = s->shape->never || why == STEP_EVER;
    cuda_must(record_run(c, &s->record), "a step");
}

cudaError_t step_ask(struct cuda *c, step_does_fn *does, const void *asked, size_t bytes) {
    struct steps *s = step_on(c);
    if (s == NULL)
        return does(c, asked);
    memcpy(record_add(&s->record, does, bytes), asked, bytes);
    return cudaSuccess;
}

/* ---- opening ---- */

static bool turned_off(void) {
    const char *told = getenv("ASSAY_CUDA_GRAPHS");
    return told != NULL && strcmp(told, "0") == 0;
}

bool steps_open(struct cuda *c, struct err *err) {
    if (turned_off())
        return true;
    c->steps = xcalloc(1, sizeof *c->steps);
    cudaError_t e = cudaStreamCreateWithFlags(&c->steps->recording, cudaStreamNonBlocking);
    return e == cudaSuccess ||
           err_set(err, ERR_UNSUPPORTED, "cannot use CUDA: could not make a stream: %s",
               cudaGetErrorString(e));
}

void steps_close(struct cuda *c) {
    struct steps *s = c->steps;
    if (s == NULL)
        return;
    graphs_release(&s->graphs);
    step_lists_free(&s->lists);
    record_free(&s->record);
    if (s->recording != NULL)
        cudaStreamDestroy(s->recording);
    free(s);
    c->steps = NULL;
}

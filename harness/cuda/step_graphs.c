/* Records that have become graphs: the last few, each for the steps whose record is equal to its
 * own. A record becomes one when it comes for the second time. See steps.h. */
#include <string.h>

#include "base/mem.h"
#include "harness/cuda/steps.h"

/* ---- which ---- */

static struct graph *find(struct graphs *g, const struct step_record *r) {
    for (size_t i = 0; i < g->n; i++)
        if (record_equal(&g->kept[i].record, r))
            return &g->kept[i];
    return NULL;
}

/* Whether the record was seen before; it is now. A stranger with the same hash costs a capture. */
static bool seen(struct graphs *g, const struct step_record *r) {
    uint64_t hash = record_hash(r);
    for (size_t i = 0; i < GRAPHS_SEEN; i++)
        if (i < g->n_seen && g->seen[i] == hash)
            return true;
    g->seen[g->n_seen++ % GRAPHS_SEEN] = hash;
    return false;
}

static size_t oldest(const struct graphs *g) {
    size_t at = 0;
    for (size_t i = 1; i < g->n; i++)
        at = g->kept[i].used < g->kept[at].used ? i : at;
    return at;
}

size_t graphs_bytes(const struct graphs *g) {
    size_t bytes = 0;
    for (size_t i = 0; i < g->n; i++)
        bytes += g->kept[i].bytes;
    return bytes;
}

/* ---- making one ---- */

static void graph_free(struct graph *g) {
    if (g->exec != NULL)
        cudaGraphExecDestroy(g->exec);
    record_free(&g->record);
    *g = (struct graph) { 0 };
}

/* Takes the oldest out, for its executable form to be made use of. */
static struct graph take_oldest(struct graphs *g) {
    size_t at = oldest(g);
    struct graph taken = g->kept[at];
    g->kept[at] = g->kept[--g->n];
    return taken;
}

/* The record as it goes into the stream, by launches that are not done; NULL where one of them is
 * not for a graph. */
static cudaGraph_t capture(struct cuda *c, const struct step_record *r) {
    cudaGraph_t graph = NULL;
    if (cudaStreamBeginCapture(c->stream, cudaStreamCaptureModeThreadLocal) != cudaSuccess) {
        cudaGetLastError();
        return NULL;
    }
    cudaError_t e = record_run(c, r), ended = cudaStreamEndCapture(c->stream, &graph);
    cudaGetLastError(); /* shall not fail the next launch */
    if (e == cudaSuccess && ended == cudaSuccess)
        return graph;
    if (graph != NULL)
        cudaGraphDestroy(graph);
    return NULL;
}

static size_t device_left(void) {
    size_t left = 0, all = 0;
    return cudaMemGetInfo(&left, &all) == cudaSuccess ? left : 0;
}

/* An executable form that launches the same kernels takes other arguments for less than a new one
 * costs. */
static bool update(cudaGraphExec_t exec, cudaGraph_t graph) {
    cudaGraphExecUpdateResultInfo info;
    bool ok = exec != NULL && cudaGraphExecUpdate(exec, graph, &info) == cudaSuccess;
    if (!ok)
        cudaGetLastError();
    return ok;
}

static void instantiate(struct graph *to, cudaGraph_t graph) {
    size_t before = device_left(), after;
    if (before < GRAPHS_BYTES || cudaGraphInstantiate(&to->exec, graph, 0) != cudaSuccess) {
        cudaGetLastError();
        to->exec = NULL;
        return;
    }
    after = device_left();
    to->bytes = before > after ? before - after : 0;
}

/* The executable form of `graph`, out of an old one's where that is possible. */
static void realise(struct graph *to, cudaGraph_t graph, struct graph *old) {
    if (update(old->exec, graph)) {
        to->exec = old->exec;
        to->bytes = old->bytes;
        old->exec = NULL;
    } else {
        instantiate(to, graph);
    }
}

static void record_copy(struct step_record *to, const struct step_record *from) {
    *to = (struct step_record) { .data = xmalloc(from->n ? from->n : 1),
        .n = from->n,
        .capacity = from->n,
        .n_asked = from->n_asked };
    memcpy(to->data, from->data, from->n);
}

/* With no executable form where there can't be one: it isn't tried again. */
static struct graph *make(struct cuda *c, struct graphs *g, const struct step_record *r) {
    struct graph new = { 0 }, old = { 0 };
    cudaGraph_t graph = capture(c, r);
    if (g->n == GRAPHS)
        old = take_oldest(g);
    new.used = UINT64_MAX; /* the youngest */
    record_copy(&new.record, r);
    if (graph != NULL) {
        realise(&new, graph, &old);
        cudaGraphDestroy(graph);
    }
    graph_free(&old);
    g->kept[g->n++] = new;
    while (g->n > 1 && graphs_bytes(g) > GRAPHS_BYTES) {
        old = take_oldest(g);
        graph_free(&old);
    }
    return find(g, r);
}

/* ---- running ---- */

enum graphs_how graphs_run(struct cuda *c, struct graphs *g, const struct step_record *r) {
    struct graph *graph = find(g, r);
    enum graphs_how how = graph != NULL ? AS_GRAPH : AS_NEW_GRAPH;
    if (graph == NULL && r->n > 0 && seen(g, r))
        graph = make(c, g, r);
    if (graph != NULL)
        graph->used = ++g->n_used;
    if (graph == NULL || graph->exec == NULL) {
        cuda_must(record_run(c, r), "a step");
        return AS_LAUNCHES;
    }
    cuda_must(cudaGraphLaunch(graph->exec, c->stream), "a step's graph");
    return how;
}

void graphs_release(struct graphs *g) {
    for (size_t i = 0; i < g->n; i++)
        graph_free(&g->kept[i]);
    *g = (struct graphs) { 0 };
}

/* A sum over devices, in two trades. The numbers are cut into as many parts as there are ranks; in
 * the first trade rank r gets part r of all others, and adds up what it has then, rank after rank;
 * in the second it hands the sums to all. That is as much traffic as any all-reduce has, and no
 * order of sums but this one: a library's own depends on where in the list a number stands, and so
 * a row's bits would depend on the rows beside it.
 *
 * So it makes no difference to a bit how numbers are traded, and there are two ways: NCCL, and
 * where it isn't (or can't: it wants sockets, which a job behind closed doors has not) copies from
 * one device's memory to another's.
 *
 * Threads meet before a trade is given to the devices and behind it. Before: each of them is done
 * with what it had to do for that, as making memory, which waits for devices; a device whose trade
 * is under way would wait for one whose thread waits for it. And so they see whether all have come
 * with the same. */
#include "harness/cuda/group.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "harness/cuda/nccl.h"
#include "harness/cuda/steps.h"

#ifndef GROUP_ROOM /* the tests' is small */
#define GROUP_ROOM (16 << 20)
#endif

enum {
    RANKS_MAX = NCCL_RANKS,
    ROOM_NUMBERS = GROUP_ROOM, /* for others' parts: more is added up in several goes */
    SPINS = 4000,
    QUAD = 4, /* parts begin where a device likes to read */
};

/* What a rank has come with. */
struct presence {
    float *x;
    size_t n;
    cudaEvent_t ready, summed, done; /* where copies wait for each other */
};

struct cuda_group {
    uint32_t n;
    struct nccl *nccl; /* NULL: by copies */
    struct cuda *ranks[RANKS_MAX];
    struct presence here[RANKS_MAX];
    _Atomic unsigned n_here, n_meetings, n_open;
    pthread_mutex_t lock;
    pthread_cond_t met;
};

/* ---- threads ---- */

static bool is_over(struct cuda_group *g, unsigned meeting) {
    return atomic_load(&g->n_meetings) != meeting;
}

static void let_go(struct cuda_group *g, unsigned meeting) {
    atomic_store(&g->n_here, 0);
    pthread_mutex_lock(&g->lock);
    atomic_store(&g->n_meetings, meeting + 1);
    pthread_cond_broadcast(&g->met);
    pthread_mutex_unlock(&g->lock);
}

/* Waits for all. They come within microseconds of each other, or a processor is short: whoever has
 * waited that long sleeps. */
static void meet(struct cuda_group *g) {
    unsigned meeting = atomic_load(&g->n_meetings), spins = 0;
    if (atomic_fetch_add(&g->n_here, 1) + 1 == g->n) {
        let_go(g, meeting);
        return;
    }
    while (!is_over(g, meeting) && spins < SPINS)
        spins++;
    if (is_over(g, meeting))
        return;
    pthread_mutex_lock(&g->lock);
    while (!is_over(g, meeting))
        pthread_cond_wait(&g->met, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void check_alike(const struct cuda_group *g) {
    for (uint32_t i = 1; i < g->n; i++)
        if (g->here[i].n != g->here[0].n)
            err_bug(__FILE__, __LINE__, "devices have come apart: sums of unlike lists");
}

/* ---- parts ---- */

/* A stretch of the numbers, in as many parts as there are ranks. */
struct stretch {
    size_t from, n, each; /* each: numbers of a part; the last has what is left */
};

static struct stretch stretch_of(const struct cuda_group *g, size_t from, size_t n) {
    size_t each = (n + g->n - 1) / g->n;
    return (struct stretch) { .from = from, .n = n, .each = (each + QUAD - 1) / QUAD * QUAD };
}

static size_t part_at(const struct stretch *s, uint32_t rank) {
    size_t at = rank * s->each;
    return s->from + (at < s->n ? at : s->n);
}

static size_t part_n(const struct stretch *s, uint32_t rank) {
    return part_at(s, rank + 1) - part_at(s, rank);
}

static float *room_of(const struct cuda *c, const struct stretch *s, uint32_t rank) {
    return c->parts + rank * s->each;
}

/* ---- by NCCL ---- */

static void trade(struct cuda *c, const struct stretch *s, bool sums) {
    struct cuda_group *g = c->group;
    struct nccl_trade trades[RANKS_MAX] = { { 0 } };
    float *x = g->here[c->rank].x;
    for (uint32_t i = 0; i < g->n; i++)
        trades[i] = sums ? (struct nccl_trade) { .from = x + part_at(s, c->rank),
            .n_from = part_n(s, c->rank),
            .to = x + part_at(s, i),
            .n_to = part_n(s, i) }
                         : (struct nccl_trade) { .from = x + part_at(s, i),
                               .n_from = part_n(s, i),
                               .to = room_of(c, s, i),
                               .n_to = part_n(s, c->rank) };
    meet(g);
    nccl_trade(g->nccl, c->rank, trades, c->stream);
    meet(g);
}

/* ---- by copies ---- */

static void mark(struct cuda *c, cudaEvent_t event) {
    cuda_must(cudaEventRecord(event, c->stream), "all_reduce");
    meet(c->group);
}

static void wait_for(struct cuda *c, cudaEvent_t event) {
    cuda_must(cudaStreamWaitEvent(c->stream, event, 0), "all_reduce");
}

static void copy_from(struct cuda *c, uint32_t rank, const float *from, size_t n, float *to) {
    const struct cuda *other = c->group->ranks[rank];
    cuda_must(cudaMemcpyPeerAsync(to, c->device, from, other->device, n * sizeof *to, c->stream),
        "all_reduce");
}

/* Others' numbers are taken once they are there. */
static void take_parts(struct cuda *c, const struct stretch *s) {
    const struct cuda_group *g = c->group;
    mark(c, g->here[c->rank].ready);
    for (uint32_t i = 0; i < g->n; i++) {
        if (i == c->rank)
            continue;
        wait_for(c, g->here[i].ready);
        copy_from(c, i, g->here[i].x + part_at(s, c->rank), part_n(s, c->rank), room_of(c, s, i));
    }
}

/* A rank that has its sum has taken what it is made of, so ours of that part may be written over.
 * And nobody goes on before all have taken his. */
static void take_sums(struct cuda *c, const struct stretch *s) {
    const struct cuda_group *g = c->group;
    const struct presence *own = &g->here[c->rank];
    mark(c, own->summed);
    for (uint32_t i = 0; i < g->n; i++) {
        if (i == c->rank)
            continue;
        wait_for(c, g->here[i].summed);
        copy_from(c, i, g->here[i].x + part_at(s, i), part_n(s, i), own->x + part_at(s, i));
    }
    mark(c, own->done);
    for (uint32_t i = 0; i < g->n; i++)
        if (i != c->rank)
            wait_for(c, g->here[i].done);
}

/* ---- sums ---- */

static void add_up(struct cuda *c, const struct stretch *s) {
    struct cuda_group *g = c->group;
    struct sum_args a = { .x = g->here[c->rank].x + part_at(s, c->rank),
        .parts = c->parts,
        .pitch = s->each,
        .n = part_n(s, c->rank),
        .n_ranks = g->n,
        .rank = c->rank };
    if (g->nccl != NULL)
        trade(c, s, false);
    else
        take_parts(c, s);
    cuda_must(launch_sum_ranks(&a, c->stream), "all_reduce");
    if (g->nccl != NULL)
        trade(c, s, true);
    else
        take_sums(c, s);
}

/* It goes to the stream itself, and threads meet in it: no record may stand open. */
void cuda_all_reduce(struct backend *b, struct rows x) {
    struct cuda *c = cuda_enter(b);
    step_leave(c, STEP_EVER);
    struct cuda_group *g = c->group;
    struct device_rows rows = rows_view(x, x.buf->cols);
    BUG_IF(g == NULL || rows.bf16);
    size_t n = (size_t)rows.n * rows.cols, most = ROOM_NUMBERS - (size_t)QUAD * g->n;
    g->here[c->rank].x = rows.data;
    g->here[c->rank].n = n;
    meet(g);
    check_alike(g);
    for (size_t from = 0, some; from < n; from += some) {
        some = n - from < most ? n - from : most;
        struct stretch s = stretch_of(g, from, some);
        add_up(c, &s);
    }
    meet(g); /* nobody comes with the next list before all have seen this one */
}

/* ---- a group's life ---- */

static bool presence_make(struct cuda *c, struct presence *p, struct err *err) {
    cuda_must(cudaSetDevice(c->device), "device");
    bool ok = cuda_went(cudaEventCreateWithFlags(&p->ready, cudaEventDisableTiming)) &&
              cuda_went(cudaEventCreateWithFlags(&p->summed, cudaEventDisableTiming)) &&
              cuda_went(cudaEventCreateWithFlags(&p->done, cudaEventDisableTiming));
    if (!ok)
        return err_set(err, ERR_NODE, "could not make events on CUDA device %d", c->device);
    c->parts = device_alloc(c, ROOM_NUMBERS, sizeof *c->parts, "parts of other devices", NULL, err);
    return c->parts != NULL;
}

/* Where two devices can see each other's memory, copies between them go straight. */
static void let_see(const struct cuda_group *g) {
    for (uint32_t i = 0; i < g->n; i++) {
        cuda_must(cudaSetDevice(g->ranks[i]->device), "device");
        for (uint32_t j = 0; j < g->n; j++) {
            int can = 0, peer = g->ranks[j]->device;
            if (i != j && cudaDeviceCanAccessPeer(&can, g->ranks[i]->device, peer) == cudaSuccess &&
                can)
                cudaDeviceEnablePeerAccess(peer, 0);
            cudaGetLastError(); /* it may see it already */
        }
    }
}

/* NCCL where it is; where nobody named it, copies will do. */
static bool nccl_find(struct cuda_group *g, struct err *err) {
    int devices[RANKS_MAX];
    struct err why = ERR_INIT;
    const char *named = getenv("ASSAY_NCCL");
    for (uint32_t i = 0; i < g->n; i++)
        devices[i] = g->ranks[i]->device;
    g->nccl = nccl_open(devices, g->n, &why);
    if (g->nccl != NULL || named == NULL || named[0] == '\0') {
        log_line(LOG_DEBUG, "%u devices by %s", g->n,
            g->nccl != NULL ? g->nccl->name : "copies from one to the other");
        return true;
    }
    *err = why;
    return err_hint(err, "ASSAY_NCCL names it; empty, devices do without");
}

static void group_free(struct cuda_group *g) {
    if (g->nccl != NULL)
        nccl_free(g->nccl);
    pthread_cond_destroy(&g->met);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

/* Which have come in, for they are the ones to leave. */
static uint32_t enter_all(struct cuda_group *g, struct backend *const *ranks, struct err *err) {
    uint32_t i = 0;
    for (; i < g->n; i++) {
        struct cuda *c = g->ranks[i] = cuda_of(ranks[i]);
        BUG_IF(c->group != NULL);
        c->group = g;
        c->rank = i;
        atomic_fetch_add(&g->n_open, 1);
        if (!presence_make(c, &g->here[i], err))
            break;
    }
    return i;
}

bool cuda_join(struct backend *const *ranks, uint32_t n, struct err *err) {
    if (n > RANKS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "more than %d devices", (int)RANKS_MAX);
    struct cuda_group *g = xcalloc(1, sizeof *g);
    g->n = n;
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->met, NULL);
    if (enter_all(g, ranks, err) < n || !nccl_find(g, err))
        return false;
    if (g->nccl == NULL)
        let_see(g);
    for (uint32_t i = 0; i < n; i++)
        g->ranks[i]->caps.sums = g->nccl != NULL ? g->nccl->name : "copies";
    return true;
}

void cuda_leave(struct cuda *c) {
    struct cuda_group *g = c->group;
    if (g == NULL)
        return;
    struct presence *p = &g->here[c->rank];
    if (g->nccl != NULL)
        nccl_leave(g->nccl, c->rank);
    cudaEvent_t events[] = { p->ready, p->summed, p->done };
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i] != NULL)
            cudaEventDestroy(events[i]);
    if (atomic_fetch_sub(&g->n_open, 1) == 1)
        group_free(g);
}

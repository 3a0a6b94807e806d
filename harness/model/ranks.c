/* See ranks.h. */
#include "harness/model/ranks.h"

#include <string.h>

#include "base/mem.h"
#include "base/pool.h"

struct ranks {
    uint32_t n;
    struct net **nets; /* [n]: the leader, and the others */
    struct net *others;
    struct pool *pool; /* a thread each: they wait for each other */
    bool *oks;         /* [n] */
    struct err *errs;  /* [n] */
};

static struct ranks *ranks_new(struct net *leader, uint32_t n, struct err *err) {
    struct pool *pool = pool_new(n, err);
    if (!pool)
        return NULL;
    struct ranks *r = xcalloc(1, sizeof *r);
    *r = (struct ranks) { .n = n,
        .pool = pool,
        .nets = xcalloc(n, sizeof *r->nets),
        .others = xcalloc(n, sizeof *r->others),
        .oks = xcalloc(n, sizeof *r->oks),
        .errs = xcalloc(n, sizeof *r->errs) };
    for (uint32_t i = 0; i < n; i++)
        r->nets[i] = i == 0 ? leader : &r->others[i];
    return r;
}

void ranks_close(struct ranks *r) {
    if (!r)
        return;
    for (uint32_t i = 1; i < r->n; i++)
        net_close(r->nets[i]);
    pool_free(r->pool);
    free(r->nets);
    free(r->others);
    free(r->oks);
    free(r->errs);
    free(r);
}

/* ---- all at once ---- */

struct round {
    struct ranks *ranks;
    rank_fn *fn;
    void *arg;
};

/* A thread takes one net and no second: whoever runs one waits in it for all others to come along.
 * So there are as many threads as nets, and it makes no difference which runs which. */
static void rank_run(void *arg, unsigned thread, size_t item) {
    const struct round *round = arg;
    struct ranks *r = round->ranks;
    (void)thread;
    r->errs[item] = (struct err)ERR_INIT;
    r->oks[item] = round->fn(r->nets[item], round->arg, &r->errs[item]);
}

static bool run_all(struct ranks *r, rank_fn *fn, void *arg, struct err *err) {
    struct round round = { r, fn, arg };
    pool_run(r->pool, r->n, rank_run, &round);
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->oks[i])
            continue;
        if (err)
            *err = r->errs[i];
        return err && err_wrap(err, "device %u of %u", i + 1, r->n);
    }
    return true;
}

bool ranks_each(struct net *net, rank_fn *fn, void *arg, struct err *err) {
    return net->ranks ? run_all(net->ranks, fn, arg, err) : fn(net, arg, err);
}

uint32_t ranks_count(const struct net *net) {
    return net->ranks ? net->ranks->n : 1;
}

const struct net *ranks_net(const struct net *leader, uint32_t i) {
    return leader->ranks ? leader->ranks->nets[i] : leader;
}

/* ---- opening ---- */

struct opening {
    const struct spec *whole;
    const struct net_tensors *tensors;
    struct backend *const *backends;
    uint32_t n;
    const struct ranks *ranks;
};

static uint32_t index_of(const struct ranks *r, const struct net *net) {
    uint32_t i = 0;
    while (r && r->nets[i] != net)
        i++;
    return i;
}

static bool net_open_part(struct net *net, void *arg, struct err *err) {
    const struct opening *o = arg;
    uint32_t i = index_of(o->ranks, net);
    struct cut cut;
    bool ok = cut_make(&cut, o->whole, o->tensors, i, o->n, err);
    if (!ok) {
        *net = (struct net) { .backend = o->backends[i] };
        return false;
    }
    return net_open(net, &cut, o->backends[i], err);
}

/* The same sums must come out everywhere: devices of two kinds would choose other experts. */
static bool alike(struct backend *const *backends, uint32_t n, struct err *err) {
    const struct backend_ops *ops = backends[0]->ops;
    const char *first = ops->caps(backends[0])->name;
    for (uint32_t i = 1; i < n; i++) {
        const char *name = backends[i]->ops->caps(backends[i])->name;
        if (strcmp(name, first) != 0)
            return err_set(err, ERR_UNSUPPORTED,
                "--tensor-parallel: device %u is %s and the first %s: they must be alike", i + 1,
                name, first);
    }
    return ops->join ||
           err_set(err, ERR_UNSUPPORTED, "--tensor-parallel: %s cannot do that", first);
}

static void close_all(struct backend *const *backends, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        backends[i]->ops->close(backends[i]);
}

bool ranks_open(struct net *leader, const struct spec *whole, const struct net_tensors *tensors,
    struct backend *const *backends, uint32_t n, struct err *err) {
    struct opening opening = { whole, tensors, backends, n, NULL };
    *leader = (struct net) { 0 };
    if (n <= 1)
        return net_open_part(leader, &opening, err);
    struct ranks *r = NULL;
    if (!alike(backends, n, err) || !backends[0]->ops->join(backends, n, err) ||
        !(r = ranks_new(leader, n, err))) {
        close_all(backends, n);
        return false;
    }
    opening.ranks = r;
    bool ok = run_all(r, net_open_part, &opening, err);
    leader->ranks = r;
    return ok;
}

/* ---- weights ---- */

static bool part_announce(struct net *net, void *arg, struct err *err) {
    const struct opening *o = arg;
    net_expect(net, o->tensors);
    return net_room_check(net, err);
}

static bool part_fill(struct net *net, void *arg, struct err *err) {
    const struct opening *o = arg;
    return net_fill(net, o->tensors, err);
}

/* No device reads a weight before each has said that it has room for its own. */
bool ranks_fill(struct net *leader, const struct net_tensors *tensors, struct err *err) {
    struct opening opening = { .tensors = tensors };
    return ranks_each(leader, part_announce, &opening, err) &&
           ranks_each(leader, part_fill, &opening, err);
}

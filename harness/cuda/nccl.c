/* See nccl.h.
 *
 * Nothing is said to the library of its algorithms (NCCL_ALGO, NCCL_PROTO): those are ways to add,
 * and what it does here is to send and to receive, of which there is one. */
#include "harness/cuda/nccl.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "harness/cuda/dynamic.h"

static const char *const libraries[] = { "libnccl.so.2", "libnccl.so",
    "/usr/local/cuda/lib64/libnccl.so.2", NULL };

#define ENTRY(name, member)                                                                        \
    { name, offsetof(struct nccl_api, member) }
static const struct dynamic_symbol entries[] = {
    ENTRY("ncclGetVersion", version),
    ENTRY("ncclCommInitAll", init_all),
    ENTRY("ncclCommDestroy", destroy),
    ENTRY("ncclCommAbort", abort),
    ENTRY("ncclCommGetAsyncError", async_error),
    ENTRY("ncclGetErrorString", error),
    ENTRY("ncclGroupStart", group_start),
    ENTRY("ncclGroupEnd", group_end),
    ENTRY("ncclSend", send),
    ENTRY("ncclRecv", recv),
    { NULL, 0 },
};

static bool load(struct nccl_api *api, struct err *err) {
    const char *named = getenv("ASSAY_NCCL"), *found;
    const char *const one[] = { named, NULL };
    if (named != NULL && named[0] == '\0')
        return err_set(err, ERR_UNSUPPORTED, "no NCCL: ASSAY_NCCL is empty");
    void *library = dynamic_open(named != NULL ? one : libraries, &found, err);
    return library != NULL && dynamic_bind(library, entries, api, err);
}

/* 22705 is 2.27.5. */
static void version_name(struct nccl *l) {
    int v = 0;
    l->api.version(&v);
    snprintf(l->name, sizeof l->name, "NCCL %d.%d.%d", v / 10000, v / 100 % 100, v % 100);
}

struct nccl *nccl_open(const int *devices, unsigned n, struct err *err) {
    struct nccl *l = xcalloc(1, sizeof *l);
    BUG_IF(n > NCCL_RANKS);
    l->n = n;
    if (!load(&l->api, err)) {
        free(l);
        return NULL;
    }
    version_name(l);
    int e = l->api.init_all(l->comms, (int)n, devices);
    if (e == NCCL_SUCCESS)
        return l;
    err_set(
        err, ERR_NODE, "%s could not bring %u devices together: %s", l->name, n, l->api.error(e));
    free(l);
    return NULL;
}

void nccl_leave(struct nccl *l, unsigned rank) {
    if (l->comms[rank] != NULL)
        l->api.destroy(l->comms[rank]);
    l->comms[rank] = NULL;
}

void nccl_free(struct nccl *l) {
    free(l);
}

/* Others may be waiting in their streams for what will not come: they are told to give up, so that
 * the process can end. By one rank, for a communicator that was given up is gone; those that fail
 * with it wait for the end. */
static void must(struct nccl *l, int e) {
    char message[256];
    if (e == NCCL_SUCCESS)
        return;
    while (atomic_exchange(&l->failed, true))
        pause();
    for (unsigned i = 0; i < l->n; i++)
        l->api.abort(l->comms[i]);
    snprintf(message, sizeof message, "%s: %s", l->name, l->api.error(e));
    err_bug(__FILE__, __LINE__, message);
}

/* What has gone wrong in the background since. */
static void check_alive(struct nccl *l, unsigned rank) {
    int error = NCCL_SUCCESS;
    must(l, l->api.async_error(l->comms[rank], &error));
    must(l, error);
}

void nccl_trade(
    struct nccl *l, unsigned rank, const struct nccl_trade trades[], cudaStream_t stream) {
    void *comm = l->comms[rank];
    check_alive(l, rank);
    must(l, l->api.group_start());
    for (unsigned i = 0; i < l->n; i++) {
        const struct nccl_trade *t = &trades[i];
        if (i != rank && t->n_from > 0)
            must(l, l->api.send(t->from, t->n_from, NCCL_F32, (int)i, comm, stream));
        if (i != rank && t->n_to > 0)
            must(l, l->api.recv(t->to, t->n_to, NCCL_F32, (int)i, comm, stream));
    }
    must(l, l->api.group_end());
}

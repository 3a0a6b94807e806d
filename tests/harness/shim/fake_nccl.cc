/* A stand-in for NCCL in the shim's module: as much as harness/cuda/nccl.c calls, between devices
 * of the shim. What is sent is copied when a stream comes to it, once both sides' streams have come
 * as far; so a buffer that is written too early, or read too early, comes out wrong.
 *
 * All ranks have to come to the end of a group, each on a thread of its own, and what one sends
 * another must want, as many numbers; else all of them get an error, also where somebody never
 * comes. ASSAY_FAKE_NCCL makes a call of that name fail (ncclGroupEnd: the third of rank 1 only).
 */
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <shim_launch.h>
#include <stdio.h>
#include <stdlib.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "harness/cuda/nccl_api.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

enum { SECONDS_TO_COME = 60 }; /* a guard against hanging, no measure of anything */

struct op {
    bool sends;
    const float *from;
    float *to;
    size_t count;
    int peer;
    cudaStream_t stream;
};
typedef std::vector<op> ops;

struct comm;
struct world {
    std::mutex lock;
    std::condition_variable changed;
    std::vector<comm *> comms;
    std::map<uint64_t, std::map<int, ops>> groups; /* by number: what each rank has come with */
    std::map<uint64_t, int> results;
    bool aborted;
    int n_open;
    size_t n_failed; /* ranks that got an error */
};
struct comm {
    world *w;
    int rank, device;
    uint64_t n_groups;
    bool aborted;
};

static thread_local int depth;
static thread_local ops pending;
static thread_local comm *pending_of;

static bool told(const char *word) {
    const char *words = getenv("ASSAY_FAKE_NCCL");
    return words != NULL && strcmp(words, word) == 0;
}

EXPORTED int ncclGetVersion(int *version) {
    *version = 22705;
    return NCCL_SUCCESS;
}

EXPORTED const char *ncclGetErrorString(int result) {
    return result == NCCL_INVALID_USAGE      ? "invalid usage"
           : result == NCCL_SYSTEM_ERROR     ? "unhandled system error"
           : result == NCCL_INVALID_ARGUMENT ? "invalid argument"
                                             : "no error";
}

EXPORTED int ncclCommInitAll(void **comms, int n, const int *devices) {
    if (told(__func__))
        return NCCL_SYSTEM_ERROR;
    world *w = new world();
    w->n_open = n;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            if (devices[i] == devices[j])
                return NCCL_INVALID_USAGE;
        }
        w->comms.push_back(new comm { w, i, devices[i], 0, false });
        comms[i] = w->comms.back();
    }
    return NCCL_SUCCESS;
}

EXPORTED int ncclCommDestroy(void *p) {
    comm *c = (comm *)p;
    world *w = c->w;
    delete c;
    if (--w->n_open == 0)
        delete w;
    return NCCL_SUCCESS;
}

/* It takes a while, as the real one may, and until another rank has failed, too. The real one frees
 * what it is given: a second time is a fault. */
EXPORTED int ncclCommAbort(void *p) {
    comm *c = (comm *)p;
    world *w = c->w;
    {
        std::unique_lock<std::mutex> g(w->lock);
        if (c->aborted) {
            fputs("ncclCommAbort: rank's communicator is gone already\n", stderr);
            _exit(3);
        }
        c->aborted = w->aborted = true;
        w->changed.notify_all();
        w->changed.wait_for(g, std::chrono::seconds(SECONDS_TO_COME),
            [&] { return w->n_failed + 1 >= w->comms.size(); });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return NCCL_SUCCESS;
}

static int fail(world *w, int error) {
    std::lock_guard<std::mutex> g(w->lock);
    w->n_failed += error != NCCL_SUCCESS;
    w->changed.notify_all();
    return error;
}

EXPORTED int ncclCommGetAsyncError(void *p, int *error) {
    *error = fail(((comm *)p)->w, told(__func__) ? NCCL_SYSTEM_ERROR : NCCL_SUCCESS);
    return NCCL_SUCCESS;
}

/* ---- a group ---- */

static bool matches(const op &a, int rank, const ops &others) {
    for (const op &b : others) {
        if (b.sends != a.sends && b.peer == rank && b.count == a.count)
            return true;
    }
    return false;
}

static bool all_match(const std::map<int, ops> &group) {
    for (auto &side : group) {
        for (const op &o : side.second) {
            auto other = group.find(o.peer);
            if (other == group.end() || !matches(o, side.first, other->second))
                return false;
        }
    }
    return true;
}

struct transfer {
    op send, recv;
    uint64_t sent_behind, wanted_behind; /* how far the two streams are to come first */
    bool done;
};

static void run(transfer *t) {
    if (t->done)
        return;
    t->done = true;
    shim_drain(t->send.stream, t->sent_behind);
    shim_drain(t->recv.stream, t->wanted_behind);
    shim_copy_peer(t->recv.to, t->send.from, t->send.count * sizeof(float));
}

/* By whoever comes last: it gives all streams their part. */
static void give_all(const std::map<int, ops> &group) {
    std::map<int, uint64_t> behind;
    std::map<int, std::vector<std::shared_ptr<transfer>>> of;
    for (auto &side : group) {
        if (!side.second.empty())
            behind[side.first] = shim_give(side.second[0].stream, [] {});
    }
    for (auto &side : group) {
        for (const op &o : side.second) {
            if (!o.sends)
                continue;
            for (const op &want : group.at(o.peer)) {
                if (want.sends || want.peer != side.first)
                    continue;
                auto t = std::make_shared<transfer>(
                    transfer { o, want, behind[side.first], behind[o.peer], false });
                of[side.first].push_back(t);
                of[o.peer].push_back(t);
            }
        }
    }
    for (auto &side : group) {
        auto list = of[side.first];
        if (!side.second.empty())
            shim_give(side.second[0].stream, [list] {
                for (auto &t : list)
                    run(t.get());
            });
    }
}

static int come_together(comm *c, ops given) {
    world *w = c->w;
    std::unique_lock<std::mutex> g(w->lock);
    uint64_t number = c->n_groups++;
    auto &group = w->groups[number];
    group[c->rank] = std::move(given);
    if (group.size() == w->comms.size()) {
        bool match = all_match(group);
        if (match)
            give_all(group);
        w->results[number] = match ? NCCL_SUCCESS : NCCL_INVALID_USAGE;
        w->groups.erase(number);
        w->changed.notify_all();
    }
    bool came = w->changed.wait_for(g, std::chrono::seconds(SECONDS_TO_COME),
        [&] { return w->aborted || w->results.count(number) > 0; });
    return came && w->results.count(number) > 0 ? w->results[number] : NCCL_SYSTEM_ERROR;
}

EXPORTED int ncclGroupStart(void) {
    depth++;
    return NCCL_SUCCESS;
}

EXPORTED int ncclGroupEnd(void) {
    if (depth == 0)
        return NCCL_INVALID_USAGE;
    if (--depth > 0 || pending_of == NULL)
        return NCCL_SUCCESS;
    comm *c = pending_of;
    ops given = std::move(pending);
    pending.clear();
    pending_of = NULL;
    if (told(__func__) && c->rank == 1 && c->n_groups == 2)
        return fail(c->w, NCCL_SYSTEM_ERROR);
    return fail(c->w, come_together(c, std::move(given)));
}

static int add(void *p, const op &o, int type, const void *at) {
    comm *c = (comm *)p;
    int device = -1;
    cudaGetDevice(&device);
    if (depth == 0 || (pending_of != NULL && pending_of != c) || o.peer == c->rank)
        return NCCL_INVALID_USAGE;
    if (type != NCCL_F32 || o.peer < 0 || o.peer >= (int)c->w->comms.size() ||
        device != c->device || shim_device_of(at) != c->device)
        return NCCL_INVALID_ARGUMENT;
    pending_of = c;
    pending.push_back(o);
    return NCCL_SUCCESS;
}

EXPORTED int ncclSend(
    const void *from, size_t count, int type, int peer, void *comm, cudaStream_t stream) {
    return add(comm, { true, (const float *)from, NULL, count, peer, stream }, type, from);
}

EXPORTED int ncclRecv(void *to, size_t count, int type, int peer, void *comm, cudaStream_t stream) {
    return add(comm, { false, NULL, (float *)to, count, peer, stream }, type, to);
}

/* Memory of the device and memory of the host that the device reads by itself. See cuda.h. */
#include <string.h>

#include "base/mem.h"
#include "harness/cuda/steps.h"

uint64_t cuda_memory_free(const struct backend *b) {
    size_t left = 0, all = 0;
    cuda_must(cudaSetDevice(cuda_of(b)->device), "device");
    cuda_must(cudaMemGetInfo(&left, &all), "memory");
    return left;
}

bool device_failed(struct err *err, cudaError_t e, size_t bytes, const char *what) {
    size_t left = 0, all = 0;
    cudaGetLastError(); /* an allocation that failed shall not fail the next launch */
    if (e != cudaErrorMemoryAllocation || cudaMemGetInfo(&left, &all) != cudaSuccess)
        return err_set(err, ERR_RESOURCE, "cannot hold %zu bytes of %s on the device: %s", bytes,
            what, cudaGetErrorString(e));
    err_set(err, ERR_RESOURCE,
        "cannot hold %zu bytes of %s on the device: %zu MiB of its %zu MiB are free", bytes, what,
        left >> 20, all >> 20);
    return err_hint(err, "use --device cpu, a smaller --dtype, or a device with more memory");
}

/* `device` and `object` live until close, or until owned_free. */
static void own(struct cuda *c, void *device, void *object) {
    struct owned *o = xmalloc(sizeof *o);
    *o = (struct owned) { .next = c->owned, .device = device, .object = object };
    c->owned = o;
}

void *device_alloc(
    struct cuda *c, size_t n, size_t size, const char *what, void *object, struct err *err) {
    size_t bytes;
    void *device = NULL;
    step_leave(c, STEP_ONCE);
    if (!mem_mul(n, size, &bytes)) {
        err_set(err, ERR_RESOURCE, "cannot hold %s on the device: too large", what);
        free(object);
        return NULL;
    }
    cudaError_t e = cudaMalloc(&device, bytes == 0 ? 1 : bytes);
    if (e != cudaSuccess) {
        device_failed(err, e, bytes, what);
        free(object);
        return NULL;
    }
    own(c, device, object);
    return device;
}

bool device_release(struct cuda *c, const void *object) {
    step_leave(c, STEP_EVER);
    for (struct owned **at = &c->owned; *at != NULL; at = &(*at)->next) {
        struct owned *o = *at;
        if (o->object != object)
            continue;
        *at = o->next;
        cuda_must(cudaStreamSynchronize(c->stream), "release");
        cuda_must(cudaFree(o->device), "release");
        free(o->object);
        free(o);
        return true;
    }
    return false;
}

/* ---- activations ---- */

enum { ARENA_ALIGN = 256 };

static size_t aligned(size_t bytes) {
    return (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

bool cuda_reserve(struct backend *b, uint32_t n_buffers, size_t bytes, struct err *err) {
    struct cuda *c = cuda_enter(b);
    size_t all = aligned(bytes) + (size_t)n_buffers * ARENA_ALIGN;
    void *data = device_alloc(c, all, 1, "activations", NULL, err);
    if (data != NULL)
        c->room = (struct room) { .data = data, .bytes = all };
    return data != NULL;
}

void *room_take(struct cuda *c, size_t bytes, void *object) {
    struct room *r = &c->room;
    size_t need = aligned(bytes);
    if (need > r->bytes - r->used)
        return NULL;
    r->used += need;
    own(c, NULL, object);
    return r->data + (r->used - need);
}

/* ---- pinned memory ---- */

bool host_room_make(struct host_room *h, size_t bytes, const char *what, struct err *err) {
    *h = (struct host_room) { .bytes = bytes };
    void *data = NULL;
    h->pinned = cudaHostAlloc(&data, bytes, cudaHostAllocDefault) == cudaSuccess;
    if (!h->pinned) {
        cudaGetLastError();
        data = mem_try(bytes, 1, what, err);
    }
    h->data = data;
    h->bytes = data != NULL ? bytes : 0;
    return data != NULL;
}

void host_room_free(struct host_room *h) {
    if (h->pinned)
        cudaFreeHost(h->data);
    else
        free(h->data);
    *h = (struct host_room) { 0 };
}

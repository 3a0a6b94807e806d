/* Lists of a recorded step: in the order in which ops ask, from the start of one piece of memory,
 * each with room to grow, so that a list which is a little longer in the next step leaves those
 * behind it where they are. The host fills one of two parts while the copy from the other may still
 * wait. See steps.h. */
#include <string.h>

#include "harness/cuda/steps.h"

enum {
    LIST_LEAST = 1024, /* the smallest room */
    LISTS_OF_AN_OP = 8,
    STEP_OPS = 3, /* one op's lists find room behind others of as many bytes */
};

bool step_lists_reserve(struct cuda *c, size_t bytes, struct err *err) {
    struct step_lists *l = &c->steps->lists, new = { .bytes = STEP_OPS * bytes };
    void *device = NULL;
    if (new.bytes <= l->bytes)
        return true;
    cudaError_t e = cudaMalloc(&device, new.bytes);
    if (e != cudaSuccess)
        return device_failed(err, e, new.bytes, "lists of steps");
    new.device = device;
    bool ok = true;
    for (unsigned i = 0; i < STEP_LIST_PARTS; i++)
        ok = ok && host_room_make(&new.host[i], new.bytes, "lists of steps", err) &&
             cuda_went(cudaEventCreateWithFlags(&new.sent[i], cudaEventDisableTiming));
    if (!ok) {
        step_lists_free(&new);
        return err_set(err, ERR_RESOURCE, "cannot hold lists of steps beside the device");
    }
    cuda_must(cudaStreamSynchronize(c->stream), "lists of steps");
    step_lists_free(l);
    *l = new;
    return true;
}

void step_lists_free(struct step_lists *l) {
    cudaFree(l->device);
    for (unsigned i = 0; i < STEP_LIST_PARTS; i++) {
        if (l->sent[i] != NULL)
            cudaEventDestroy(l->sent[i]);
        host_room_free(&l->host[i]);
    }
    *l = (struct step_lists) { 0 };
}

/* The copy from the part was behind the step before the last. */
void step_lists_begin(struct step_lists *l) {
    l->part = (l->part + 1) % STEP_LIST_PARTS;
    l->used = 0;
    l->n_lists = 0;
    cuda_must(cudaEventSynchronize(l->sent[l->part]), "lists of steps");
}

/* A power of two. */
static size_t with_room_to_grow(size_t bytes) {
    size_t room = LIST_LEAST;
    while (room < bytes)
        room *= 2;
    return room;
}

bool step_lists_fit(const struct step_lists *l, size_t bytes) {
    return 2 * bytes + LISTS_OF_AN_OP * LIST_LEAST <= l->bytes - l->used;
}

void *step_lists_room(struct step_lists *l, size_t bytes, const void **device) {
    size_t at = l->used;
    BUG_IF(with_room_to_grow(bytes) > l->bytes - l->used);
    l->used += with_room_to_grow(bytes);
    *device = l->device + at;
    return l->host[l->part].data + at;
}

static const void *remember(
    struct step_lists *l, const void *host, const void *device, size_t bytes) {
    size_t at = (size_t)((const uint8_t *)device - l->device);
    l->lists[l->n_lists++ % STAGE_LISTS] =
        (struct step_list) { .host = host, .at = at, .bytes = bytes };
    return device;
}

static const struct step_list *find(
    const struct step_lists *l, const void *host, const void *data, size_t bytes) {
    unsigned n = l->n_lists < STAGE_LISTS ? l->n_lists : STAGE_LISTS;
    for (unsigned i = 0; i < n; i++) {
        const struct step_list *list = &l->lists[i];
        if (list->host == host && list->bytes == bytes &&
            memcmp(l->host[l->part].data + list->at, data, bytes) == 0)
            return list;
    }
    return NULL;
}

/* Lists of two kinds may be equal in one step and not in the next: so a list is the same only where
 * the host has it in the same place. */
const void *step_lists_add(struct step_lists *l, const void *data, size_t bytes) {
    const struct step_list *same = bytes > 0 ? find(l, data, data, bytes) : NULL;
    const void *device;
    if (same != NULL)
        return l->device + same->at;
    void *room = step_lists_room(l, bytes, &device);
    if (bytes > 0)
        memcpy(room, data, bytes);
    return remember(l, data, device, bytes);
}

const void *step_lists_fold(struct step_lists *l, const void *room, size_t bytes) {
    const struct step_list *same = find(l, NULL, room, bytes);
    size_t at = (size_t)((const uint8_t *)room - l->host[l->part].data);
    if (same == NULL)
        return remember(l, NULL, l->device + at, bytes);
    l->used = at;
    return l->device + same->at;
}

void step_lists_send(struct cuda *c, struct step_lists *l) {
    if (l->used > 0)
        cuda_must(cudaMemcpyAsync(
                      l->device, l->host[l->part].data, l->used, cudaMemcpyHostToDevice, c->stream),
            "lists of a step");
    cuda_must(cudaEventRecord(l->sent[l->part], c->stream), "lists of a step");
}

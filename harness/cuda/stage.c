/* Lists that ops get from the host, on their way to the device.
 *
 * The stage is a ring of STAGE_PARTS parts, each twice as large as what one op can take, once on
 * the device and once in the host's pinned memory. A part is filled op by op; the host waits for
 * the device only where it comes round to a part that kernels may still read. A list that is there
 * already is not sent again: layers ask for the same positions, slots and segments, one after the
 * other.
 *
 * Before the ring turns to a part, its lists are forgotten one part earlier, and an event is put
 * into the stream then: all kernels that got a list of it were launched before. Turning waits for
 * that event. A part turns only between ops. A step that is recorded has its lists elsewhere
 * (step_lists.c). See cuda.h. */
#include <string.h>

#include "base/mem.h"
#include "harness/cuda/steps.h"

enum { STAGE_ALIGN = 16, STAGE_LEAST = 1 << 16 };

/* Of a row: an id, position, slot or index (4), two of these, or parts of its segment (24), its
 * tile (8) and a span (8); of a slot: a span, where each position of a sequence is one of its own.
 */
static size_t stage_need(size_t n_rows, size_t n_slots) {
    return STAGE_LEAST + 40 * n_rows + 8 * n_slots;
}

static size_t aligned(size_t bytes) {
    return (bytes + STAGE_ALIGN - 1) / STAGE_ALIGN * STAGE_ALIGN;
}

static size_t part_bytes(const struct stage *s) {
    return 2 * s->bytes;
}

static unsigned part_behind(unsigned part) {
    return (part + 1) % STAGE_PARTS;
}

static void part_forget(struct cuda *c, unsigned part) {
    struct stage *s = &c->stage;
    for (unsigned i = 0; i < STAGE_LISTS; i++)
        if (s->lists[i].bytes > 0 && s->lists[i].part == part)
            s->lists[i].bytes = 0;
    cuda_must(cudaEventRecord(s->left[part], c->stream), "stage");
}

static void stage_turn(struct cuda *c) {
    struct stage *s = &c->stage;
    s->part = part_behind(s->part);
    s->used = 0;
    cuda_must(cudaEventSynchronize(s->left[s->part]), "stage");
    part_forget(c, part_behind(s->part));
}

/* ---- making it ---- */

static bool events_make(struct stage *s) {
    for (unsigned i = 0; i < STAGE_PARTS; i++)
        if (s->left[i] == NULL &&
            !cuda_went(cudaEventCreateWithFlags(&s->left[i], cudaEventDisableTiming)))
            return false;
    return true;
}

static bool stage_grow(struct cuda *c, size_t bytes, struct err *err) {
    struct stage *s = &c->stage, new = { .bytes = bytes };
    size_t all = STAGE_PARTS * part_bytes(&new);
    void *device = NULL;
    step_leave(c, STEP_ONCE);
    cudaError_t e = cudaMalloc(&device, all);
    if (e != cudaSuccess)
        return device_failed(err, e, all, "lists");
    if (!host_room_make(&new.host, all, "lists", err) || !events_make(s)) {
        cudaFree(device);
        host_room_free(&new.host);
        return err_set(err, ERR_RESOURCE, "cannot hold lists beside the device");
    }
    cuda_must(cudaStreamSynchronize(c->stream), "stage");
    cuda_must(cudaFree(s->device), "stage");
    host_room_free(&s->host);
    memcpy(new.left, s->left, sizeof new.left);
    new.device = device;
    new.n_rows = s->n_rows;
    new.n_slots = s->n_slots;
    *s = new;
    return true;
}

bool stage_reserve(struct cuda *c, size_t n_rows, size_t n_slots, struct err *err) {
    struct stage *s = &c->stage;
    size_t rows = n_rows > s->n_rows ? n_rows : s->n_rows;
    size_t slots = n_slots > s->n_slots ? n_slots : s->n_slots;
    size_t bytes = aligned(stage_need(rows, slots));
    if (bytes > s->bytes && !stage_grow(c, bytes, err))
        return false;
    if (c->steps != NULL && !step_lists_reserve(c, s->bytes, err))
        return false;
    s->n_rows = rows;
    s->n_slots = slots;
    return true;
}

void stage_free(struct cuda *c) {
    struct stage *s = &c->stage;
    for (unsigned i = 0; i < STAGE_PARTS; i++)
        if (s->left[i] != NULL)
            cudaEventDestroy(s->left[i]);
    cudaFree(s->device);
    host_room_free(&s->host);
    *s = (struct stage) { 0 };
}

/* ---- an op's lists ---- */

void stage_begin(struct cuda *c) {
    struct stage *s = &c->stage;
    struct steps *step = step_on(c);
    if (step != NULL && step_lists_fit(&step->lists, s->bytes))
        return;
    step_leave(c, STEP_EVER);
    s->used = aligned(s->used);
    if (s->used > s->bytes) /* less than another op's most is left */
        stage_turn(c);
    s->begun = s->sent = s->used;
}

static size_t place(const struct stage *s, size_t at) {
    return s->part * part_bytes(s) + at;
}

void *stage_room(struct cuda *c, size_t bytes, const void **device) {
    struct stage *s = &c->stage;
    if (step_on(c) != NULL)
        return step_lists_room(&step_on(c)->lists, bytes, device);
    size_t at = aligned(s->used), most = s->begun + s->bytes;
    BUG_IF(at > most || bytes > most - at);
    s->used = at + bytes;
    *device = s->device + place(s, at);
    return s->host.data + place(s, at);
}

/* Where the device has the same bytes already, or NULL. */
static const void *list_find(const struct stage *s, const void *data, size_t bytes) {
    for (unsigned i = 0; i < STAGE_LISTS; i++) {
        const struct stage_list *l = &s->lists[i];
        if (l->bytes == bytes && memcmp(s->host.data + l->at, data, bytes) == 0)
            return s->device + l->at;
    }
    return NULL;
}

static void list_remember(struct stage *s, const uint8_t *host, size_t bytes) {
    s->lists[s->n_lists++ % STAGE_LISTS] = (struct stage_list) {
        .at = (size_t)(host - s->host.data), .bytes = bytes, .part = s->part
    };
}

const void *stage_add(struct cuda *c, const void *data, size_t bytes) {
    struct stage *s = &c->stage;
    if (step_on(c) != NULL)
        return step_lists_add(&step_on(c)->lists, data, bytes);
    const void *device = bytes > 0 ? list_find(s, data, bytes) : NULL;
    if (device != NULL)
        return device;
    uint8_t *host = stage_room(c, bytes, &device);
    if (bytes > 0)
        memcpy(host, data, bytes);
    list_remember(s, host, bytes);
    return device;
}

const void *stage_fold(struct cuda *c, const void *room, size_t bytes) {
    struct stage *s = &c->stage;
    if (step_on(c) != NULL)
        return step_lists_fold(&step_on(c)->lists, room, bytes);
    size_t at = (size_t)((const uint8_t *)room - s->host.data);
    const void *same = bytes > 0 ? list_find(s, room, bytes) : NULL;
    if (same == NULL) {
        list_remember(s, room, bytes);
        return s->device + at;
    }
    s->used = at - place(s, 0);
    return same;
}

void stage_send(struct cuda *c) {
    struct stage *s = &c->stage;
    if (step_on(c) != NULL)
        return;
    if (s->used > s->sent)
        cuda_must(cudaMemcpyAsync(s->device + place(s, s->sent), s->host.data + place(s, s->sent),
                      s->used - s->sent, cudaMemcpyHostToDevice, c->stream),
            "stage");
    s->sent = s->used;
}

/* Lists that a model makes once (biases, sinks, numbers of a recurrence), kept on the device from
 * their first use on. The door has them on the host and says that they stay as they are until
 * close: a list is known by where it lies. See cuda.h. */
#include "harness/cuda/steps.h"

#include <string.h>

#include "base/mem.h"

enum { SAMPLES = 16 };

/* Some of its bytes, to see a list that was changed against the door's word. */
static void sample(const uint8_t *host, size_t bytes, uint8_t out[SAMPLES]) {
    for (size_t i = 0; i < SAMPLES; i++)
        out[i] = host[(bytes - 1) * i / (SAMPLES - 1)];
}

/* Steps go through layers in one order, so the next list asked for mostly stands behind the last.
 */
static struct kept_list *find(struct lists *l, const void *host, size_t bytes) {
    for (size_t i = 0; i < l->n; i++) {
        struct kept_list *k = &l->kept[(l->next + i) % l->n];
        if (k->host != host || k->bytes != bytes)
            continue;
        l->next = (l->next + i + 1) % l->n;
        return k;
    }
    return NULL;
}

const void *list_keep(struct cuda *c, const void *host, size_t n, size_t size) {
    struct lists *l = &c->lists;
    size_t bytes = n * size;
    uint8_t now[SAMPLES];
    if (host == NULL || bytes == 0)
        return NULL;
    sample(host, bytes, now);
    struct kept_list *k = find(l, host, bytes);
    if (k != NULL) {
        BUG_IF(memcmp(k->sample, now, sizeof now) != 0);
        return k->device;
    }
    step_leave(c, STEP_ONCE);
    mem_grow(&l->kept, &l->capacity, l->n + 1, sizeof *l->kept);
    k = &l->kept[l->n++];
    *k = (struct kept_list) { .host = host, .bytes = bytes };
    memcpy(k->sample, now, sizeof now);
    cuda_must(cudaMalloc(&k->device, bytes), "a list");
    cuda_must(cudaMemcpyAsync(k->device, host, bytes, cudaMemcpyHostToDevice, c->stream), "a list");
    return k->device;
}

void lists_release(struct lists *l) {
    for (size_t i = 0; i < l->n; i++)
        cudaFree(l->kept[i].device);
    free(l->kept);
    *l = (struct lists) { 0 };
}

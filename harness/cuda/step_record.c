/* What a step asks for, in order, as bytes that can be compared. See steps.h. */
#include <string.h>

#include "base/mem.h"
#include "harness/cuda/launch.h"
#include "harness/cuda/steps.h"

enum { RECORD_ALIGN = 16 };

static size_t aligned(size_t bytes) {
    return (bytes + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

/* What `does` is told stands behind it, aligned. */
struct asked {
    step_does_fn *does;
    size_t bytes; /* with this */
};
_Static_assert(sizeof(struct asked) % RECORD_ALIGN == 0, "what is told is aligned");

void *record_add(struct step_record *r, step_does_fn *does, size_t bytes) {
    struct asked head = { .does = does, .bytes = sizeof head + aligned(bytes) };
    mem_grow(&r->data, &r->capacity, r->n + head.bytes, 1);
    uint8_t *at = r->data + r->n;
    memset(at, 0, head.bytes);
    memcpy(at, &head, sizeof head);
    r->n += head.bytes;
    r->n_asked++;
    return at + sizeof head;
}

bool record_equal(const struct step_record *a, const struct step_record *b) {
    return a->n == b->n && memcmp(a->data, b->data, a->n) == 0;
}

uint64_t record_hash(const struct step_record *r) {
    uint64_t hash = r->n, word;
    for (size_t i = 0; i < r->n; i += sizeof word) {
        memcpy(&word, r->data + i, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
    }
    return hash;
}

cudaError_t record_run(struct cuda *c, const struct step_record *r) {
    struct asked head;
    for (size_t at = 0; at < r->n; at += head.bytes) {
        memcpy(&head, r->data + at, sizeof head);
        cudaError_t e = head.does(c, r->data + at + sizeof head);
        if (e != cudaSuccess)
            return e;
    }
    return cudaSuccess;
}

void record_free(struct step_record *r) {
    free(r->data);
    *r = (struct step_record) { 0 };
}

/* ---- launches ---- */

/* The arguments stand behind it, each `at` so many bytes from its start. */
struct launch_asked {
    const void *kernel;
    unsigned grid[3], block[3];
    size_t shared_bytes;
    uint32_t n_arguments, at[LAUNCH_ARGUMENTS];
};

static dim3 dim_of(const unsigned n[3]) {
    return (dim3) { n[0], n[1], n[2] };
}

static cudaError_t launch_now(const struct launch_call *l, cudaStream_t stream) {
    void *arguments[LAUNCH_ARGUMENTS];
    memcpy(arguments, l->arguments, l->n_arguments * sizeof *arguments);
    return cudaLaunchKernel(
        l->kernel, dim_of(l->grid), dim_of(l->block), arguments, l->shared_bytes, stream);
}

static cudaError_t launch_asked_do(struct cuda *c, const void *asked) {
    const struct launch_asked *a = asked;
    union {
        const void *in;
        uint8_t *out;
    } bytes = { .in = asked };
    void *arguments[LAUNCH_ARGUMENTS];
    for (uint32_t i = 0; i < a->n_arguments; i++)
        arguments[i] = bytes.out + a->at[i];
    cudaError_t e = cudaLaunchKernel(
        a->kernel, dim_of(a->grid), dim_of(a->block), arguments, a->shared_bytes, c->stream);
    return e == cudaSuccess ? cudaGetLastError() : e;
}

static void launch_record(struct step_record *r, const struct launch_call *l) {
    struct launch_asked head = { .kernel = l->kernel,
        .grid = { l->grid[0], l->grid[1], l->grid[2] },
        .block = { l->block[0], l->block[1], l->block[2] },
        .shared_bytes = l->shared_bytes,
        .n_arguments = l->n_arguments };
    size_t bytes = aligned(sizeof head);
    for (unsigned i = 0; i < l->n_arguments; i++) {
        head.at[i] = (uint32_t)bytes;
        bytes += aligned(l->sizes[i]);
    }
    uint8_t *at = record_add(r, launch_asked_do, bytes);
    memcpy(at, &head, sizeof head);
    for (unsigned i = 0; i < l->n_arguments; i++)
        memcpy(at + head.at[i], l->arguments[i], l->sizes[i]);
}

/* ---- whose record ---- */

/* A launcher knows its stream and nothing else, as CUDA's own launches do: what a thread is
 * recording is the thread's, like the device that it has made its own. */
static _Thread_local struct steps *recording;

void record_of_thread(struct steps *s) {
    recording = s;
}

void launch_do(const struct launch_call *l, cudaStream_t stream) {
    struct steps *s = recording;
    BUG_IF(l->n_arguments > LAUNCH_ARGUMENTS);
    if (s != NULL && stream == s->recording)
        launch_record(&s->record, l);
    else
        (void)launch_now(l, stream); /* it is the thread's last error */
}

/* Rows that come to the host while the device goes on. See cuda.h. */
#include <string.h>

#include "base/mem.h"
#include "harness/cuda/steps.h"

enum { ROOM_LEAST = 1 << 20 };

/* Room for so many bytes more; earlier rows are handed on first where there is none left. */
static void fetch_reserve(struct cuda *c, size_t bytes) {
    struct fetching *f = &c->fetching;
    struct err err = ERR_INIT;
    if (f->done == NULL)
        cuda_must(cudaEventCreateWithFlags(&f->done, cudaEventDisableTiming), "fetch");
    if (f->n < FETCHES && bytes <= f->host.bytes - f->used)
        return;
    cuda_settle(&c->base);
    if (bytes <= f->host.bytes)
        return;
    host_room_free(&f->host);
    if (!host_room_make(&f->host, bytes > ROOM_LEAST ? bytes : ROOM_LEAST, "rows", &err))
        err_bug(__FILE__, __LINE__, err.msg);
}

void cuda_fetch(struct backend *b, struct rows x, float *out) {
    struct cuda *c = cuda_enter(b);
    struct fetching *f = &c->fetching;
    struct device_rows from = rows_view(x, x.buf->cols);
    step_leave(c, STEP_EVER);
    size_t bytes = (size_t)x.n * from.cols * sizeof *out;
    BUG_IF(from.bf16);
    fetch_reserve(c, bytes);
    cuda_must(cudaMemcpyAsync(
                  f->host.data + f->used, from.data, bytes, cudaMemcpyDeviceToHost, c->stream),
        "fetch");
    cuda_must(cudaEventRecord(f->done, c->stream), "fetch");
    f->parts[f->n].out = out;
    f->parts[f->n].at = f->used;
    f->parts[f->n++].bytes = bytes;
    f->used += bytes;
}

void cuda_settle(struct backend *b) {
    struct cuda *c = cuda_enter(b);
    struct fetching *f = &c->fetching;
    step_leave(c, STEP_EVER);
    if (f->n > 0)
        cuda_must(cudaEventSynchronize(f->done), "fetch");
    for (unsigned i = 0; i < f->n; i++)
        memcpy(f->parts[i].out, f->host.data + f->parts[i].at, f->parts[i].bytes);
    f->n = 0;
    f->used = 0;
}

void fetch_free(struct cuda *c) {
    struct fetching *f = &c->fetching;
    if (f->done != NULL)
        cudaEventDestroy(f->done);
    host_room_free(&f->host);
    *f = (struct fetching) { 0 };
}

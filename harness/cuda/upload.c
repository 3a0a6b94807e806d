/* Weights on their way from the file to the device: two pinned parts in turn. While one is copied,
 * threads of the host fill the other, dequantised and rounded, or straight from the file where the
 * file has just what is wanted. The host's copy of a weight is never larger than the two parts.
 *
 * Everything has been read from the file when upload_rows returns; the copies may still be under
 * way, in the stream, as all that reads them. See cuda.h. */
#include <string.h>

#include "base/mem.h"
#include "harness/cpu/kernels.h" /* bf16_from_f32: one rounding on every device */
#include "harness/cuda/cuda.h"

enum {
    PART_BYTES = 8 << 20,
    ITEM_FLOATS = 1 << 14, /* what a thread takes at a time */
    ITEM_ROWS = 64,        /* ... of rows that are columns of the file, which are slow one by one */
    WHOLE_BLOCKS = TENSOR_BLOCK_MAX
};

/* Rows [row, row + n) of the source, for the threads. */
struct filling {
    const struct source *source;
    upload_fill_fn *fill;
    size_t row_bytes;
    uint64_t row, n, rows_an_item;
    uint8_t *out;
};

static void round_all(size_t n, const float *x, uint8_t *out) {
    for (size_t i = 0; i < n; i++) {
        uint16_t bits = bf16_from_f32(x[i]);
        memcpy(out + i * sizeof bits, &bits, sizeof bits);
    }
}

/* Rows of the file that have what is wanted: all at once, or each wherever it is. */
static bool rows_copy(
    const struct source *s, enum elem elem, uint64_t row, uint64_t n, uint8_t *out) {
    size_t bytes = (size_t)s->k * elem_bytes(elem);
    const void *all = source_view(s, elem, row);
    if (all != NULL) {
        memcpy(out, all, (size_t)n * bytes);
        return true;
    }
    for (uint64_t i = 0; i < n; i++) {
        const void *there = source_row(s, elem, row + i);
        if (there == NULL)
            return false;
        memcpy(out + i * bytes, there, bytes);
    }
    return true;
}

static void fill_f32(const struct source *s, uint64_t row, uint64_t n, uint8_t *out) {
    if (!rows_copy(s, ELEM_F32, row, n, out))
        source_read(s, row, n, (float *)(void *)out);
}

static void fill_bf16(const struct source *s, uint64_t row, uint64_t n, uint8_t *out) {
    size_t count = (size_t)(n * s->k);
    if (rows_copy(s, ELEM_BF16, row, n, out))
        return;
    float *numbers = xmalloc(count * sizeof *numbers);
    source_read(s, row, n, numbers);
    round_all(count, numbers, out);
    free(numbers);
}

static void item_fill(void *arg, unsigned thread, size_t item) {
    (void)thread;
    const struct filling *f = arg;
    uint64_t at = item * f->rows_an_item, left = f->n - at;
    uint64_t n = left < f->rows_an_item ? left : f->rows_an_item;
    f->fill(f->source, f->row + at, n, f->out + (size_t)at * f->row_bytes);
}

/* Rows go together so that blocks of quantised elements stay whole. */
static uint64_t rows_step(const struct source *s) {
    bool alone = s->from.transpose || source_has_rows(s);
    return alone ? 1 : WHOLE_BLOCKS;
}

/* Rows of so many bytes, elements or the like, of which a row has `each`. */
static uint64_t rows_of(uint64_t all, uint64_t each, const struct source *s, uint64_t least) {
    uint64_t step = rows_step(s), rows = all / each;
    rows = rows > least ? rows : least;
    rows = (rows + step - 1) / step * step;
    return rows < s->n ? rows : s->n;
}

/* ---- the parts ---- */

static bool part_reserve(struct upload_part *p, size_t bytes, struct err *err) {
    if (p->copied == NULL &&
        !cuda_went(cudaEventCreateWithFlags(&p->copied, cudaEventDisableTiming)))
        return err_set(err, ERR_NODE, "could not make an event for weights");
    if (p->host.bytes >= bytes)
        return true;
    host_room_free(&p->host);
    return host_room_make(
        &p->host, bytes > PART_BYTES ? bytes : PART_BYTES, "rows of weights", err);
}

/* A part that nobody copies from any more. */
static struct upload_part *part_next(struct cuda *c, size_t bytes, struct err *err) {
    struct upload_part *p = &c->upload[c->n_uploaded++ % UPLOAD_PARTS];
    if (p->copied != NULL)
        cuda_must(cudaEventSynchronize(p->copied), "weights");
    return part_reserve(p, bytes, err) ? p : NULL;
}

void upload_free(struct cuda *c) {
    for (unsigned i = 0; i < UPLOAD_PARTS; i++) {
        struct upload_part *p = &c->upload[i];
        if (p->copied != NULL) {
            cudaEventSynchronize(p->copied);
            cudaEventDestroy(p->copied);
        }
        host_room_free(&p->host);
        *p = (struct upload_part) { 0 };
    }
}

static bool part_send(
    struct cuda *c, struct upload_part *p, void *device, size_t bytes, struct err *err) {
    cudaError_t e = cudaMemcpyAsync(device, p->host.data, bytes, cudaMemcpyHostToDevice, c->stream);
    if (e == cudaSuccess)
        e = cudaEventRecord(p->copied, c->stream);
    return cuda_went(e) ||
           err_set(err, ERR_NODE, "could not copy a weight: %s", cudaGetErrorString(e));
}

bool upload_filled(struct cuda *c, const struct source *s, upload_fill_fn *fill, size_t row_bytes,
    uint8_t *device, struct err *err) {
    uint64_t rows = rows_of(PART_BYTES, row_bytes, s, 1);
    struct filling f = { .source = s,
        .fill = fill,
        .row_bytes = row_bytes,
        .rows_an_item = rows_of(ITEM_FLOATS, s->k, s, s->from.transpose ? ITEM_ROWS : 1) };
    for (; f.row < s->n; f.row += f.n) {
        f.n = s->n - f.row < rows ? s->n - f.row : rows;
        struct upload_part *p = part_next(c, (size_t)rows * row_bytes, err);
        if (p == NULL)
            return false;
        f.out = p->host.data;
        pool_run(c->pool, (size_t)((f.n + f.rows_an_item - 1) / f.rows_an_item), item_fill, &f);
        if (!part_send(c, p, device + f.row * row_bytes, (size_t)f.n * row_bytes, err))
            return false;
    }
    return true;
}

bool upload_rows(
    struct cuda *c, const struct source *s, enum elem elem, uint8_t *device, struct err *err) {
    return upload_filled(c, s, elem == ELEM_F32 ? fill_f32 : fill_bf16,
        (size_t)s->k * elem_bytes(elem), device, err);
}

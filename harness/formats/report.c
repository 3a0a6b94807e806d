/* What `assay model tensors` says of each tensor: its ends and its sums, after dequantising to f32.
 * Sums are plain double sums in element order; a NaN or infinity in the data comes out in them as
 * it is. */
#include "harness/harness.h"

#include <math.h>

#include "base/mem.h"
#include "harness/weights.h"

#define REPORT_CHUNK 16384 /* elements read at a time: a multiple of every block */
#define REPORT_ENDS 8

/* Elements [from, from + n) wherever blocks begin and end; n is at most REPORT_ENDS. */
static void read_ends(const struct tensor *t, size_t from, size_t n, double *out) {
    const size_t block_n = tensor_type_info(t->type)->block_n;
    float block[TENSOR_BLOCK_MAX];
    BUG_IF(block_n > TENSOR_BLOCK_MAX);
    for (size_t i = 0; i < n; i++) {
        const size_t in_block = (from + i) % block_n;
        if (i == 0 || in_block == 0)
            tensor_read_f32(t, from + i - in_block, block_n, block);
        out[i] = (double)block[in_block];
    }
}

static void sum(const struct tensor *t, float *chunk, struct tensor_report *r) {
    for (size_t from = 0; from < t->n_elements; from += REPORT_CHUNK) {
        const size_t left = t->n_elements - from, n = left < REPORT_CHUNK ? left : REPORT_CHUNK;
        tensor_read_f32(t, from, n, chunk);
        for (size_t i = 0; i < n; i++) {
            r->sum += (double)chunk[i];
            r->abs_sum += fabs((double)chunk[i]);
        }
    }
}

static bool report(
    const struct tensor *t, float *chunk, tensor_report_fn *each, void *arg, struct err *err) {
    struct tensor_report r = {
        .name = t->name,
        .dtype = tensor_type_info(t->type)->name,
        .shape = t->shape,
        .n_dims = t->n_dims,
    };
    r.n_first = r.n_last = t->n_elements < REPORT_ENDS ? t->n_elements : REPORT_ENDS;
    read_ends(t, 0, r.n_first, r.first8);
    read_ends(t, t->n_elements - r.n_last, r.n_last, r.last8);
    sum(t, chunk, &r);
    return each(&r, arg, err);
}

bool model_tensors(const char *path, tensor_report_fn *each, void *arg, struct err *err) {
    struct weights *w = weights_open(path, err);
    if (!w)
        return false;
    float *chunk = mem_try(REPORT_CHUNK, sizeof *chunk, "tensor report", err);
    bool ok = chunk;
    for (size_t i = 0; ok && i < weights_count(w); i++)
        ok = report(weights_at(w, i), chunk, each, arg, err);
    free(chunk);
    weights_close(w);
    return ok;
}

/* Matrices whose weights stay in their file's blocks on the device, and products with any matrix.
 *
 * Blocks come as they lie in the file, row by row; so what takes the least room is also what is
 * brought there fastest. A product of few rows expands them on the way into its tiles. One of more
 * rows expands a strip of columns into bf16 first, which the cache of the device holds for the most
 * part, and multiplies that: the bits are the same.
 *
 * Which matrices stay so follows enum weights_form, as it does on the processor: all, or, where it
 * is left to us, those that find no room any more once the matrices before them are expanded. In
 * f32, the oracle, all are expanded, and so are types and orders that kernels don't know. See
 * cuda.h. */
#include "harness/cuda/cuda.h"

#include <string.h>

enum { FEW_ROWS = 16 }; /* of a product that expands blocks itself: a tile's */

/* ---- what stays ---- */

static enum kernel_blocks blocks_of(enum tensor_type type) {
    static const struct {
        enum tensor_type type;
        enum kernel_blocks blocks;
    } known[] = { { TENSOR_Q4_0, KERNEL_Q4_0 }, { TENSOR_Q4_1, KERNEL_Q4_1 },
        { TENSOR_Q5_0, KERNEL_Q5_0 }, { TENSOR_Q5_1, KERNEL_Q5_1 }, { TENSOR_Q8_0, KERNEL_Q8_0 },
        { TENSOR_Q2_K, KERNEL_Q2_K }, { TENSOR_Q3_K, KERNEL_Q3_K }, { TENSOR_Q4_K, KERNEL_Q4_K },
        { TENSOR_Q5_K, KERNEL_Q5_K }, { TENSOR_Q6_K, KERNEL_Q6_K },
        { TENSOR_IQ4_NL, KERNEL_IQ4_NL }, { TENSOR_IQ4_XS, KERNEL_IQ4_XS },
        { TENSOR_MXFP4, KERNEL_MXFP4 } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].type == type)
            return known[i].blocks;
    return KERNEL_PLAIN;
}

/* Whole blocks a row, every row of the matrix in the file as it is wanted, and a strip of columns
 * in the room for one. */
static bool can_stay(const struct source *s) {
    if (!source_has_rows(s) || s->k > EXPAND_BYTES / (HEAD_TOKENS * sizeof(uint16_t)))
        return false;
    for (uint64_t row = 0; row < s->n; row++)
        if (source_blocks(s, row, 0) == NULL)
            return false;
    return true;
}

enum kernel_blocks packed_choose(struct cuda *c, const struct source *s) {
    enum kernel_blocks blocks = blocks_of(s->from.tensor->type);
    uint64_t expanded = s->n * s->k * elem_bytes(c->caps.act);
    bool short_of_room = expanded > c->weight_room;
    if (c->caps.act == ELEM_BF16 && blocks != KERNEL_PLAIN && c->weights != WEIGHTS_EXPANDED &&
        (c->weights == WEIGHTS_FILE || short_of_room) && can_stay(s))
        return blocks;
    c->weight_room -= short_of_room ? c->weight_room : expanded;
    return KERNEL_PLAIN;
}

/* ---- upload ---- */

/* How many rows from `row` on stand in the file one step apart, and how large that is: the rows of
 * a part of the columns have what is others' between them. */
static uint64_t rows_in_step(const struct source *s, uint64_t row, size_t row_bytes, size_t *step) {
    const uint8_t *first = source_blocks(s, row, 0),
                  *next = row + 1 < s->n ? source_blocks(s, row + 1, 0) : NULL;
    uint64_t n = 1;
    *step = next >= first + row_bytes ? (size_t)(next - first) : row_bytes;
    while (row + n < s->n && source_blocks(s, row + n, 0) == first + n * *step)
        n++;
    return n;
}

bool packed_upload(struct cuda *c, const struct source *s, uint8_t *device, struct err *err) {
    size_t row_bytes = packed_row_bytes(s->from.tensor->type, s->k);
    size_t step;
    for (uint64_t row = 0, n; row < s->n; row += n) {
        n = rows_in_step(s, row, row_bytes, &step);
        cudaError_t e =
            cudaMemcpy2DAsync(device + (size_t)row * row_bytes, row_bytes, source_blocks(s, row, 0),
                step, row_bytes, (size_t)n, cudaMemcpyHostToDevice, c->stream);
        if (e != cudaSuccess)
            return err_set(err, ERR_NODE, "could not copy a weight: %s", cudaGetErrorString(e));
    }
    return true;
}

size_t packed_row_bytes(enum tensor_type type, uint64_t k) {
    const struct tensor_type_info *info = tensor_type_info(type);
    return (size_t)(k / info->block_n) * info->block_bytes;
}

bool packed_reserve(struct cuda *c, struct err *err) {
    if (c->expanded == NULL)
        c->expanded = device_alloc(c, EXPAND_BYTES, 1, "a strip of weights", NULL, err);
    return c->expanded != NULL;
}

/* ---- products ---- */

static const uint8_t *rows_of(const struct matrix *m, uint32_t from) {
    return m->data + (size_t)from * m->row_bytes;
}

uint32_t packed_strip(const struct cuda *c, const struct matrix *m) {
    size_t fit = c->strip_bytes / (m->k * sizeof *c->expanded) / HEAD_TOKENS * HEAD_TOKENS;
    return fit < HEAD_TOKENS ? HEAD_TOKENS : fit < m->n ? (uint32_t)fit : m->n;
}

bool packed_by_strips(const struct matrix *m, uint32_t n_rows) {
    return m->blocks != KERNEL_PLAIN && n_rows > FEW_ROWS;
}

const uint16_t *packed_expand(struct cuda *c, const struct matrix *m, uint32_t from, uint32_t n) {
    cuda_must(launch_expand(m->blocks, rows_of(m, from), (size_t)n * m->k, c->expanded, c->stream),
        "expand");
    return c->expanded;
}

/* Columns [from, from + n) of what `a` makes. */
static struct matmul_args columns_of(const struct matmul_args *a, uint32_t from, uint32_t n) {
    struct matmul_args part = *a;
    part.out.data = (uint8_t *)a->out.data + (size_t)from * (a->out.bf16 ? 2 : 4);
    part.out.cols = n;
    part.pitch = a->pitch != 0 ? a->pitch : a->out.cols;
    part.bias = a->bias != NULL ? a->bias + from : NULL;
    part.bias_bf16 = NULL; /* the library's, which does not make these */
    return part;
}

static void product_by_strips(
    struct cuda *c, const struct matrix *m, uint32_t first, const struct matmul_args *a) {
    uint32_t width = packed_strip(c, m);
    for (uint32_t from = 0, n; from < a->out.cols; from += n) {
        n = a->out.cols - from < width ? a->out.cols - from : width;
        struct matmul_args part = columns_of(a, from, n);
        part.weight = packed_expand(c, m, first + from, n);
        cuda_must(launch_gemm_mma(&part, c->stream), "matmul");
    }
}

void matrix_product(struct cuda *c, const struct matrix *m, uint32_t first, struct matmul_args *a) {
    BUG_IF(first > m->n || a->out.cols > m->n - first);
    if (packed_by_strips(m, a->x.n)) {
        product_by_strips(c, m, first, a);
        return;
    }
    a->weight = rows_of(m, first);
    a->blocks = m->blocks;
    cuda_product(c, a);
}

/* Matrices whose weights stay in their file's blocks on the device, and products with any matrix.
 *
 * Blocks come as they lie in the file, row by row; so what takes the least room is also what is
 * brought there fastest. Bytes of floating point have their scales beside each row (kernels.h),
 * which the file has elsewhere: the host's threads put them together. A product of few rows expands
 * them on the way into its tiles. One of more rows expands a strip of columns into bf16 first,
 * which the cache of the device holds for the most part, and multiplies that: the bits are the
 * same.
 *
 * Which matrices stay so follows enum weights_form, as it does on the processor: all, or, where it
 * is left to us, those that find no room beside what is there and what is to come (budget.h). In
 * f32, the oracle, all are expanded, and so are types and orders that kernels don't know. See
 * cuda.h.
 *
 * Bytes with scales are weights here and no more: activations are bf16. Multiplying in eight bits
 * (W8A8: cublasLtMatmul on sm_89 and later) is another arithmetic, which peers have where the
 * device has it: transformers rounds a row's activations by blocks of 128 (finegrained_fp8) or as a
 * whole (fbgemm, compressed-tensors) there, and dequantises the weights elsewhere, which is what
 * this does. Where a model's file has the scales of its activations (activation_scheme static) such
 * a product would belong beside lt_matmul in product.c, with the input's scale in struct matrix. It
 * has to give a row the same bits in any batch, so a scale is never one over the rows of a batch,
 * and to be held against torch._scaled_mm on a device first: the host cannot say in which order and
 * width such products are summed. */
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

/* Every row of the matrix is in the file as it is wanted, none of them of zeros. */
static bool has_blocks(const struct source *s) {
    return source_blocks(s, 0, 0) != NULL && (s->from.run == 0 || s->from.pad == 0);
}

/* Eight bytes that lie together have one scale, and so have those that a row keeps one for; a part
 * of the columns begins with the first of such. */
static bool has_e4m3(const struct source *s) {
    struct scaled_bytes b;
    return source_scaled(s, &b) && b.type == TENSOR_F8_E4M3 && s->k % 8 == 0 &&
           (b.block_cols >= b.cols ||
               (b.block_cols % E4M3_COLUMNS == 0 && s->from.part.column % E4M3_COLUMNS == 0));
}

static size_t row_of_blocks(enum tensor_type type, uint64_t k) {
    const struct tensor_type_info *info = tensor_type_info(type);
    return (size_t)(k / info->block_n) * info->block_bytes;
}

static struct packed_form expanded_form(const struct cuda *c, const struct source *s) {
    return (struct packed_form) { KERNEL_PLAIN, (size_t)s->k * elem_bytes(c->caps.act) };
}

/* As it could stay, in whole blocks a row, a strip of columns in the room for one; expanded, where
 * it can't. */
static struct packed_form held_form(const struct cuda *c, const struct source *s) {
    enum tensor_type type = s->from.tensor->type;
    bool may = c->caps.act == ELEM_BF16 && c->weights != WEIGHTS_EXPANDED && source_has_rows(s) &&
               s->k <= EXPAND_BYTES / (HEAD_TOKENS * sizeof(uint16_t));
    if (may && has_e4m3(s))
        return (struct packed_form) { KERNEL_E4M3, e4m3_row_bytes((uint32_t)s->k) };
    if (may && blocks_of(type) != KERNEL_PLAIN && has_blocks(s))
        return (struct packed_form) { blocks_of(type), row_of_blocks(type, s->k) };
    return expanded_form(c, s);
}

static struct weight_cost packed_cost(const struct cuda *c, const struct source *s) {
    return (struct weight_cost) { .expanded = s->n * expanded_form(c, s).row_bytes,
        .least = s->n * held_form(c, s).row_bytes };
}

static size_t strip_need(const struct source *s) {
    uint64_t all = s->n * s->k * sizeof(uint16_t);
    return all < EXPAND_BYTES ? (size_t)all : EXPAND_BYTES;
}

void packed_expect(struct cuda *c, const struct source *s) {
    size_t strip = held_form(c, s).blocks != KERNEL_PLAIN ? strip_need(s) : 0;
    budget_expect(&c->budget, packed_cost(c, s));
    c->budget.spare = c->budget.spare > strip ? c->budget.spare : strip;
}

struct packed_form packed_choose(struct cuda *c, const struct source *s) {
    struct weight_cost cost = packed_cost(c, s);
    bool expands = c->weights != WEIGHTS_FILE && budget_expands(&c->budget, cost);
    struct packed_form form = expands ? expanded_form(c, s) : held_form(c, s);
    budget_take(&c->budget, cost, s->n * form.row_bytes);
    return form;
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

static bool upload_blocks(
    struct cuda *c, const struct source *s, size_t row_bytes, uint8_t *device, struct err *err) {
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

/* A row of bytes with its scales. A row of zeros has zeros of both. */
static void fill_e4m3_row(
    const struct source *s, const struct scaled_bytes *b, uint64_t row, uint8_t *out) {
    uint32_t k = (uint32_t)s->k;
    uint64_t at, column = s->from.part.column;
    memset(out, 0, e4m3_row_bytes(k));
    if (!source_row_find(s, row, &at))
        return;
    memcpy(out, b->bytes + (size_t)(at * b->cols + column), k);
    for (uint32_t from = 0; from < k; from += E4M3_COLUMNS) {
        float scale = scaled_bytes_scale(b, at, column + from);
        memcpy(out + e4m3_scales_at(k) + from / E4M3_COLUMNS * sizeof scale, &scale, sizeof scale);
    }
}

static void fill_e4m3(const struct source *s, uint64_t row, uint64_t n, uint8_t *out) {
    struct scaled_bytes b;
    BUG_IF(!source_scaled(s, &b));
    for (uint64_t i = 0; i < n; i++)
        fill_e4m3_row(s, &b, row + i, out + (size_t)i * e4m3_row_bytes((uint32_t)s->k));
}

bool packed_upload(struct cuda *c, const struct source *s, const struct packed_form *f,
    uint8_t *device, struct err *err) {
    return f->blocks == KERNEL_E4M3 ? upload_filled(c, s, fill_e4m3, f->row_bytes, device, err)
                                    : upload_blocks(c, s, f->row_bytes, device, err);
}

/* For the largest that was announced; where nobody did, as they come. */
bool packed_reserve(struct cuda *c, const struct source *s, struct err *err) {
    size_t need = strip_need(s), bytes = (size_t)c->budget.spare;
    if (c->expanded_bytes >= need)
        return true;
    bytes = bytes > need ? bytes : need;
    uint16_t *room = device_alloc(c, bytes, 1, "a strip of weights", NULL, err);
    if (room == NULL)
        return false;
    c->expanded = room;
    c->expanded_bytes = bytes;
    return true;
}

/* ---- products ---- */

static const uint8_t *rows_of(const struct matrix *m, uint32_t from) {
    return m->data + (size_t)from * m->row_bytes;
}

uint32_t packed_strip(const struct cuda *c, const struct matrix *m) {
    size_t bytes = c->strip_bytes < c->expanded_bytes ? c->strip_bytes : c->expanded_bytes;
    size_t fit = bytes / (m->k * sizeof *c->expanded) / HEAD_TOKENS * HEAD_TOKENS;
    return fit < HEAD_TOKENS ? HEAD_TOKENS : fit < m->n ? (uint32_t)fit : m->n;
}

bool packed_by_strips(const struct matrix *m, uint32_t n_rows) {
    return m->blocks != KERNEL_PLAIN && n_rows > FEW_ROWS;
}

const uint16_t *packed_expand(struct cuda *c, const struct matrix *m, uint32_t from, uint32_t n) {
    struct expand_args a = {
        .blocks = m->blocks, .from = rows_of(m, from), .n = n, .k = m->k, .to = c->expanded
    };
    cuda_must(launch_expand(&a, c->stream), "expand");
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

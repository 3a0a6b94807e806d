/* The GEMM door (gemm.h) for weights in eight bits: int8.h says what the numbers are, and this file
 * how they lie. Columns have factors of their own, found from all K numbers as they are packed;
 * rows come quantised, with theirs in call->factors. Panels are [K / k_step, panel, k_step]. */
#include "harness/cpu/int8.h"

#include <string.h>

#include "base/mem.h"

enum { ROW_BLOCK = 48, CHUNK = 256, LINE = 64 };

struct int8_gemm {
    struct gemm base;
    char name[24];
    const struct int8_kernels *kernels;
};

struct int8_weight {
    struct gemm_weight base;
    uint32_t k_padded;
    int8_t *numbers; /* [N / panel panels] */
    int32_t *starts; /* [N up to a multiple of panel] */
    float *factors;  /* the same */
};

const struct int8_kernels *gemm_int8_kernels(const struct gemm *g) {
    return ((const struct int8_gemm *)g)->kernels;
}

static void int8_close(struct gemm *g) {
    free(g);
}

static void int8_free_weight(struct gemm_weight *base) {
    struct int8_weight *w = (struct int8_weight *)base;
    free(w->numbers);
    free(w->starts);
    free(w->factors);
    free(w);
}

/* n × size bytes from the beginning of a cache line on, or NULL. */
static void *lines_new(size_t n, size_t size) {
    size_t bytes;
    if (!mem_mul(n, size, &bytes) || bytes > SIZE_MAX - LINE)
        return NULL;
    return aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
}

static struct gemm_weight *int8_weight(struct gemm *g, uint32_t n, uint32_t k, struct err *err) {
    if (k > INT8_K_MAX) {
        err_set(err, ERR_UNSUPPORTED, "cannot sum %u products of eight bits: at most %d", k,
            INT8_K_MAX);
        err_hint(err, "use --dtype bf16 or f32");
        return NULL;
    }
    struct int8_weight *w = xcalloc(1, sizeof *w);
    uint32_t panel = gemm_int8_kernels(g)->panel;
    w->base = (struct gemm_weight) {
        .gemm = g, .n = n, .k = k, .n_chunks = (n + g->chunk - 1) / g->chunk
    };
    w->k_padded = (uint32_t)int8_stride(&w->base);
    size_t n_padded = ((size_t)n + panel - 1) / panel * panel;
    w->numbers = lines_new(n_padded, w->k_padded); /* packing writes all of it, on all threads */
    w->starts = lines_new(n_padded, sizeof *w->starts);
    w->factors = lines_new(n_padded, sizeof *w->factors);
    if (w->numbers == NULL || w->starts == NULL || w->factors == NULL) {
        int8_free_weight(&w->base);
        err_set(err, ERR_RESOURCE, "cannot hold packed weights: %u rows of %u", n, k);
        return NULL;
    }
    return &w->base;
}

/* The largest magnitude; NaN where there is one. */
static float find_top(size_t n, const float *x) {
    float top = 0, sum = 0; /* of what isn't finite, times zero: NaN */
    for (size_t i = 0; i < n; i++) {
        float magnitude = fabsf(x[i]);
        top = magnitude > top ? magnitude : top;
        sum += x[i] * 0;
    }
    return sum == 0 ? top : NAN;
}

/* One column of a panel, its factor, and what sums of it begin with. */
static void pack_column(const struct int8_weight *w, uint32_t column, const float *x, int8_t *out) {
    const struct int8_kernels *k = gemm_int8_kernels(w->base.gemm);
    float top = find_top(w->base.k, x), inverse = int8_inverse(top);
    int64_t sum = 0;
    for (uint32_t i = 0; i < w->k_padded; i++) {
        bool there = i < w->base.k && inverse != 0;
        int8_t number = there ? int8_round(x[i] * inverse) : 0;
        out[(size_t)(i / k->k_step) * k->k_step * k->panel + i % k->k_step] = number;
        sum += number;
    }
    w->starts[column] = (int32_t)(uint32_t)(-sum * k->offset); /* modulo 2^32, as sums are */
    w->factors[column] = int8_factor(top);
}

/* A column that the weight lacks. */
static void pack_nothing(const struct int8_weight *w, uint32_t column, int8_t *out) {
    const struct int8_kernels *k = gemm_int8_kernels(w->base.gemm);
    for (uint32_t i = 0; i < w->k_padded; i += k->k_step)
        memset(out + (size_t)i * k->panel, 0, k->k_step);
    w->starts[column] = 0;
    w->factors[column] = 0;
}

static bool int8_pack(
    struct gemm_weight *base, uint32_t chunk, const float *rows, struct err *err) {
    (void)err;
    const struct int8_weight *w = (struct int8_weight *)base;
    const struct int8_kernels *k = gemm_int8_kernels(base->gemm);
    uint32_t first = chunk * base->gemm->chunk, columns = gemm_columns(base, chunk);
    for (uint32_t j = 0; j < gemm_stride(base, chunk); j++) {
        uint32_t column = first + j;
        int8_t *panel = w->numbers + (size_t)(column / k->panel) * k->panel * w->k_padded;
        int8_t *out = panel + (size_t)(column % k->panel) * k->k_step;
        if (j < columns)
            pack_column(w, column, rows + (size_t)j * base->k, out);
        else
            pack_nothing(w, column, out);
    }
    return true;
}

static uint32_t at_most(uint32_t n, uint32_t most) {
    return n < most ? n : most;
}

/* Rows [from, from + n) of a call by the panel that begins at a column, one micro-kernel. */
static void multiply_tile(const struct gemm_call *call, uint32_t from, uint32_t n, uint32_t column,
    float *sums, size_t stride) {
    const struct int8_weight *w = (const struct int8_weight *)call->weight;
    const struct int8_kernels *k = gemm_int8_kernels(call->weight->gemm);
    struct int8_panel panel = { .numbers = w->numbers + (size_t)column * w->k_padded,
        .starts = w->starts + column,
        .factors = w->factors + column };
    k->multiply(n, w->k_padded, (const uint8_t *)call->rows + from * call->stride * k->row_bytes,
        call->stride, call->factors + from, &panel, sums, stride);
}

static void int8_multiply(const struct gemm_call *call) {
    const struct int8_kernels *k = gemm_int8_kernels(call->weight->gemm);
    uint32_t first = call->chunk * call->weight->gemm->chunk;
    size_t stride = gemm_stride(call->weight, call->chunk);
    for (uint32_t j = 0; j < gemm_columns(call->weight, call->chunk); j += k->panel) {
        for (uint32_t i = 0; i < call->n_rows; i += k->tile)
            multiply_tile(call, i, at_most(call->n_rows - i, k->tile), first + j,
                call->sums + i * stride + j, stride);
    }
}

/* Each micro-kernel's sums are finished before the next is made, as in gemm_plain.c. */
static void int8_finish(const struct gemm_call *call, const struct gemm_out *out) {
    const struct gemm *g = call->weight->gemm;
    const struct int8_kernels *k = gemm_int8_kernels(g);
    uint32_t first = call->chunk * g->chunk, columns = gemm_columns(call->weight, call->chunk);
    size_t bytes = out->how.out == ELEM_BF16 ? sizeof(uint16_t) : sizeof(float);
    struct finish how = out->how;
    for (uint32_t j = 0; j < columns; j += k->panel) {
        how.bias = out->how.bias ? out->how.bias + j : NULL;
        for (uint32_t i = 0; i < call->n_rows; i += k->tile) {
            uint32_t n = at_most(call->n_rows - i, k->tile);
            multiply_tile(call, i, n, first + j, call->sums, k->panel);
            g->kernels->finish(&how, n, at_most(columns - j, k->panel), call->sums, k->panel,
                (uint8_t *)out->rows + (i * out->stride + j) * bytes, out->stride);
        }
    }
}

static const struct gemm_ops int8_ops = {
    .close = int8_close,
    .weight = int8_weight,
    .free_weight = int8_free_weight,
    .pack = int8_pack,
    .multiply = int8_multiply,
    .finish = int8_finish,
};

struct gemm *gemm_open_int8(const struct kernels *kernels) {
    struct int8_gemm *g = xcalloc(1, sizeof *g);
    g->kernels = int8_kernels_choose(kernels);
    snprintf(g->name, sizeof g->name, "int8 %s", g->kernels->name);
    g->base = (struct gemm) {
        .ops = &int8_ops,
        .name = g->name,
        .kernels = kernels,
        .elem = ELEM_INT8,
        .row_block = ROW_BLOCK,
        .chunk = CHUNK,
        .k_step = g->kernels->k_step,
        .n_step = g->kernels->panel,
    };
    return &g->base;
}

/* Our own GEMM: weights in panels of as many columns as a micro-kernel is wide, k running fastest
 * between panels
 * ([N / panel, K, panel], in bf16 [N / panel, K / 2, panel, 2]), rows read where they lie. Every
 * element of the product is one chain of multiply-adds over K, so it does not matter which rows
 * share a micro-kernel. */
#include "harness/cpu/gemm.h"

#include <string.h>

#include "base/mem.h"

enum { ROW_BLOCK = 48, CHUNK = 256, LINE = 64 };

static size_t elem_size(enum elem e) {
    return e == ELEM_BF16 ? 2 : 4;
}

static uint32_t at_most(uint32_t n, uint32_t most) {
    return n < most ? n : most;
}

struct plain_weight {
    struct gemm_weight base;
    uint32_t k_padded;
    size_t panel_bytes, bytes; /* of a panel, of all */
    uint8_t *own;              /* NULL: they are somebody else's */
    const uint8_t *panels;     /* `own` while it is packed */
};

static void plain_close(struct gemm *g) {
    free(g);
}

static void plain_free_weight(struct gemm_weight *w) {
    free(((struct plain_weight *)w)->own);
    free(w);
}

static struct plain_weight without_panels(struct gemm *g, uint32_t n, uint32_t k) {
    struct plain_weight w = {
        .base = { .gemm = g, .n = n, .k = k, .n_chunks = (n + g->chunk - 1) / g->chunk },
        .k_padded = (k + g->k_step - 1) / g->k_step * g->k_step,
    };
    w.panel_bytes = (size_t)w.k_padded * g->kernels->panel * elem_size(g->elem);
    return w;
}

static struct gemm_weight *plain_weight(struct gemm *g, uint32_t n, uint32_t k, struct err *err) {
    struct plain_weight *w = xmalloc(sizeof *w);
    *w = without_panels(g, n, k);
    uint32_t panel = g->kernels->panel;
    if (mem_mul((n + panel - 1) / panel, w->panel_bytes, &w->bytes))
        w->own = aligned_alloc(
            64, (w->bytes + 63) / 64 * 64); /* packing writes all of it, on all threads */
    w->panels = w->own;
    if (w->own == NULL) {
        free(w);
        err_set(err, ERR_RESOURCE, "cannot hold packed weights: %u rows of %u", n, k);
        return NULL;
    }
    return &w->base;
}

/* A panel is the transpose of its rows; in bf16, of its rows of pairs. Rows that the weight lacks
 * become zeros. */
static void pack_panel(
    const struct plain_weight *w, uint32_t columns, const void *rows, float *panel) {
    const struct gemm *g = w->base.gemm;
    size_t row_bytes = w->k_padded * elem_size(g->elem);
    const float *starts[PANEL_MAX] = { NULL };
    for (uint32_t j = 0; j < columns; j++)
        starts[j] = (const float *)(const void *)((const uint8_t *)rows + j * row_bytes);
    g->kernels->transpose((uint32_t)(row_bytes / sizeof(float)), starts, panel);
}

/* The rows of a panel in bf16, of an even number of elements. */
static void round_rows(
    const struct plain_weight *w, uint32_t columns, const float *rows, uint16_t *out) {
    for (uint32_t j = 0; j < columns; j++, out += w->k_padded) {
        out[w->k_padded - 1] = 0;
        w->base.gemm->kernels->to_bf16(w->base.k, rows + (size_t)j * w->base.k, out);
    }
}

static size_t chunk_at(const struct plain_weight *w, uint32_t chunk) {
    const struct gemm *g = w->base.gemm;
    return (size_t)chunk * (g->chunk / g->kernels->panel) * w->panel_bytes;
}

static const uint8_t *chunk_panels(const struct plain_weight *w, uint32_t chunk) {
    return w->panels + chunk_at(w, chunk);
}

static bool plain_pack(
    struct gemm_weight *base, uint32_t chunk, const float *rows, struct err *err) {
    (void)err;
    struct plain_weight *w = (struct plain_weight *)base;
    uint32_t panel = base->gemm->kernels->panel, columns = gemm_columns(base, chunk);
    uint8_t *out = w->own + chunk_at(w, chunk);
    bool rounds = base->gemm->elem == ELEM_BF16;
    uint16_t *rounded = rounds ? xmalloc((size_t)panel * w->k_padded * sizeof *rounded) : NULL;
    for (uint32_t from = 0; from < columns; from += panel, out += w->panel_bytes) {
        uint32_t some = columns - from < panel ? columns - from : panel;
        const float *part = rows + (size_t)from * base->k;
        if (rounds)
            round_rows(w, some, part, rounded);
        pack_panel(w, some, rounds ? (const void *)rounded : part, (float *)(void *)out);
    }
    free(rounded);
    return true;
}

/* Rows of an odd number of bf16 elements have no place for the zero at their end. */
static void plain_pack_own(struct gemm_weight *base, uint32_t chunk, const void *rows) {
    struct plain_weight *w = (struct plain_weight *)base;
    uint32_t panel = base->gemm->kernels->panel, columns = gemm_columns(base, chunk);
    size_t row_bytes = base->k * elem_size(base->gemm->elem);
    uint8_t *out = w->own + chunk_at(w, chunk);
    BUG_IF(base->k != w->k_padded);
    for (uint32_t from = 0; from < columns; from += panel, out += w->panel_bytes)
        pack_panel(w, columns - from < panel ? columns - from : panel,
            (const uint8_t *)rows + from * row_bytes, (float *)(void *)out);
}

static const void *plain_packed(const struct gemm_weight *base, size_t *bytes) {
    const struct plain_weight *w = (const struct plain_weight *)base;
    *bytes = w->bytes;
    return w->panels;
}

static void plain_adopt(struct gemm_weight *base, const void *packed) {
    struct plain_weight *w = (struct plain_weight *)base;
    free(w->own);
    w->own = NULL;
    w->panels = packed;
}

/* ---- strips ---- */

enum { STRIP_HEAD = (sizeof(struct plain_weight) + LINE - 1) / LINE * LINE };

static size_t plain_strip_bytes(const struct gemm *g, uint32_t n, uint32_t k) {
    uint32_t panel = g->kernels->panel, k_padded = (k + g->k_step - 1) / g->k_step * g->k_step;
    return STRIP_HEAD + (size_t)((n + panel - 1) / panel) * panel * k_padded * elem_size(g->elem);
}

static struct gemm_weight *plain_strip(struct gemm *g, uint32_t n, uint32_t k, void *room) {
    struct plain_weight *w = room;
    BUG_IF(n > g->chunk);
    *w = without_panels(g, n, k);
    w->panels = w->own = (uint8_t *)room + STRIP_HEAD;
    return &w->base;
}

static void plain_strip_pack(struct gemm_weight *base, uint32_t panel, uint32_t from, uint32_t some,
    const void *const rows[PANEL_MAX]) {
    const struct plain_weight *w = (const struct plain_weight *)base;
    size_t elem = elem_size(base->gemm->elem);
    uint8_t *out = w->own + panel * w->panel_bytes + from * base->gemm->kernels->panel * elem;
    base->gemm->kernels->transpose(
        (uint32_t)(some * elem / sizeof(float)), (const float *const *)rows, (float *)(void *)out);
}

/* ---- products ---- */

/* Rows [from, from + n) of a call by one panel, one micro-kernel. */
static void multiply_tile(const struct gemm_call *call, uint32_t from, uint32_t n,
    const uint8_t *panel, float *sums, size_t stride) {
    const struct plain_weight *w = (const struct plain_weight *)call->weight;
    const struct kernels *k = w->base.gemm->kernels;
    if (w->base.gemm->elem == ELEM_BF16)
        k->multiply_bf16(n, w->k_padded, (const uint16_t *)call->rows + from * call->stride,
            call->stride, (const uint16_t *)(const void *)panel, 2 * (size_t)k->panel, sums, stride,
            false);
    else
        k->multiply_f32(n, w->k_padded, (const float *)call->rows + from * call->stride,
            call->stride, (const float *)(const void *)panel, k->panel, sums, stride, false);
}

static void plain_multiply(const struct gemm_call *call) {
    const struct plain_weight *w = (const struct plain_weight *)call->weight;
    const struct kernels *k = w->base.gemm->kernels;
    uint32_t columns = gemm_columns(call->weight, call->chunk);
    size_t stride = gemm_stride(call->weight, call->chunk);
    const uint8_t *panel = chunk_panels(w, call->chunk);
    for (uint32_t j = 0; j < columns; j += k->panel, panel += w->panel_bytes) {
        for (uint32_t i = 0; i < call->n_rows; i += k->tile)
            multiply_tile(call, i, at_most(call->n_rows - i, k->tile), panel,
                call->sums + i * stride + j, stride);
    }
}

/* Asks for what a micro-kernel will write (and perhaps add to) while it makes its sums. */
static void fetch_ahead(uint8_t *rows, uint32_t n, size_t stride, size_t width) {
    for (uint32_t i = 0; i < n; i++, rows += stride) {
        for (size_t at = 0; at < width; at += LINE)
            __builtin_prefetch(rows + at, 1);
    }
}

/* Each micro-kernel's sums are finished before the next is made: they never leave the first-level
 * cache. */
static void plain_finish(const struct gemm_call *call, const struct gemm_out *out) {
    const struct plain_weight *w = (const struct plain_weight *)call->weight;
    const struct kernels *k = w->base.gemm->kernels;
    uint32_t columns = gemm_columns(call->weight, call->chunk);
    size_t bytes = elem_size(out->how.out);
    const uint8_t *panel = chunk_panels(w, call->chunk);
    struct finish how = out->how;
    for (uint32_t j = 0; j < columns; j += k->panel, panel += w->panel_bytes) {
        how.bias = out->how.bias ? out->how.bias + j : NULL;
        for (uint32_t i = 0; i < call->n_rows; i += k->tile) {
            uint32_t n = at_most(call->n_rows - i, k->tile), width = at_most(columns - j, k->panel);
            uint8_t *to = (uint8_t *)out->rows + (i * out->stride + j) * bytes;
            fetch_ahead(to, n, out->stride * bytes, width * bytes);
            multiply_tile(call, i, n, panel, call->sums, k->panel);
            k->finish(&how, n, width, call->sums, k->panel, to, out->stride);
        }
    }
}

static const struct gemm_ops plain_ops = {
    .close = plain_close,
    .weight = plain_weight,
    .free_weight = plain_free_weight,
    .pack = plain_pack,
    .pack_own = plain_pack_own,
    .strip_bytes = plain_strip_bytes,
    .strip = plain_strip,
    .strip_pack = plain_strip_pack,
    .packed = plain_packed,
    .adopt = plain_adopt,
    .multiply = plain_multiply,
    .finish = plain_finish,
};

struct gemm *gemm_open_plain(const struct gemm_config *config, struct err *err) {
    (void)err;
    struct gemm *g = xcalloc(1, sizeof *g);
    *g = (struct gemm) {
        .ops = &plain_ops,
        .name = "plain",
        .kernels = config->kernels,
        .elem = config->elem,
        .row_block = ROW_BLOCK,
        .chunk = CHUNK,
        .k_step = config->elem == ELEM_BF16 ? 2 : 1,
        .n_step = config->kernels->panel,
    };
    return g;
}

/* Strips out of a file: dequantised, rounded to the product's elements and put into panels, a panel
 * at a time and of it PART elements of K at a time, so that what is between the file and the panel
 * never leaves the first-level cache. */
#include "harness/cpu/strips.h"

#include <string.h>

#include "base/mem.h"

enum {
    PART = SOURCE_PART,
    STRIP_BYTES = 256 << 10, /* of panels: half of what a core's second-level cache has, or less */
    LINE = 64,               /* of the cache */
    STRIPS_A_THREAD = 4,     /* so that threads end at about the same time */
};

/* What lies between the file and a panel. */
struct between {
    float row[PART];
    /* As the product has them. Rows don't follow each other at a power of 2: lines of the cache
     * that they would take from each other. */
    union {
        float f32[PANEL_MAX][PART + 16];
        uint16_t bf16[PANEL_MAX][PART + 32];
    } rows;
};

bool strips_can(const struct cpu *c, const struct source *s) {
    bool by_blocks = s->k % tensor_type_info(s->from.tensor->type)->block_n == 0;
    return c->gemm->ops->strip != NULL &&
           (by_blocks || s->from.transpose || s->from.run_columns != 0 ||
               s->from.part.of_columns != 0);
}

struct matrix *strips_matrix(struct cpu *c, const struct source *s) {
    struct matrix *m = xcalloc(1, sizeof *m);
    uint32_t n = (uint32_t)s->n, chunk = c->gemm->chunk;
    m->source = xmalloc(sizeof *m->source);
    *m->source = *s;
    m->weight = xmalloc(sizeof *m->weight);
    *m->weight = (struct gemm_weight) {
        .gemm = c->gemm, .n = n, .k = (uint32_t)s->k, .n_chunks = (n + chunk - 1) / chunk
    };
    return m;
}

void strips_free(struct matrix *m) {
    free(m->source);
    free(m->weight);
    free(m);
}

static uint32_t at_least_one(uint32_t n) {
    return n > 0 ? n : 1;
}

uint32_t strips_width(const struct cpu *c, const struct matrix *m) {
    const struct gemm *g = c->gemm;
    uint32_t panel = g->kernels->panel, k = m->weight->k;
    uint32_t fit = (uint32_t)(STRIP_BYTES / ((size_t)panel * k * elem_bytes(g->elem)));
    uint32_t share = m->weight->n / panel / (STRIPS_A_THREAD * c->caps.threads);
    uint32_t panels = at_least_one(fit < share ? fit : share);
    return panels * panel < g->chunk ? panels * panel : g->chunk;
}

/* Rows that can only be read whole are read so, a panel's at a time. */
static size_t whole_bytes(const struct cpu *c, const struct source *s) {
    return source_has_rows(s) ? 0 : (size_t)c->kernels->panel * s->k * sizeof(float);
}

size_t strips_room(const struct cpu *c, const struct matrix *m, uint32_t width) {
    return sizeof(struct between) + whole_bytes(c, m->source) +
           c->gemm->ops->strip_bytes(c->gemm, width, m->weight->k);
}

struct filling {
    const struct cpu *cpu;
    const struct source *source;
    struct gemm_weight *strip;
    uint32_t panel, first, n; /* of the strip; its columns of the matrix */
    struct between *between;
    float *whole;           /* [n, K]; NULL: rows are read in parts */
    unpack_bf16_fn *unpack; /* NULL: none for them */
};

/* The kernel that takes the source's blocks to bf16, if there is one. */
static unpack_bf16_fn *unpack_of(const struct cpu *c, const struct source *s) {
    const struct unpack *u = c->kernels->unpack;
    bool rounds = c->gemm->elem == ELEM_BF16;
    return rounds && u != NULL && source_has_rows(s) ? u->bf16[s->from.tensor->type] : NULL;
}

/* Elements [from, from + n) of the panel's column j in f32, whatever their type. */
static const float *column_f32(const struct filling *f, uint32_t j, uint32_t from, uint32_t n) {
    if (f->whole != NULL)
        return f->whole + (size_t)j * f->source->k + from;
    source_read_part(f->source, f->first + j, from, n, f->between->row);
    return f->between->row;
}

static void column_to_f32(const struct filling *f, uint32_t j, uint32_t from, uint32_t n) {
    memcpy(f->between->rows.f32[j], column_f32(f, j, from, n), n * sizeof(float));
}

static void column_to_bf16(const struct filling *f, uint32_t j, uint32_t from, uint32_t n) {
    uint16_t *out = f->between->rows.bf16[j];
    out[n] = 0; /* behind an odd number there is a zero; there is room */
    f->cpu->kernels->to_bf16(n, column_f32(f, j, from, n), out);
}

static uint32_t lesser(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static void pack_part(
    const struct filling *f, uint32_t from, uint32_t n, const void *const rows[PANEL_MAX]) {
    uint32_t step = f->cpu->gemm->k_step;
    f->cpu->gemm->ops->strip_pack(f->strip, f->panel, from, (n + step - 1) / step * step, rows);
}

static void fill_part(const struct filling *f, uint32_t from, uint32_t n) {
    const void *rows[PANEL_MAX] = { NULL };
    bool rounds = f->cpu->gemm->elem == ELEM_BF16;
    for (uint32_t j = 0; j < f->n; j++) {
        (rounds ? column_to_bf16 : column_to_f32)(f, j, from, n);
        rows[j] = rounds ? (const void *)f->between->rows.bf16[j] : f->between->rows.f32[j];
    }
    pack_part(f, from, n, rows);
}

/* ---- straight from the file's blocks ---- */

/* Where a panel's columns begin in the file, as far as the matrix goes; false where one of them is
 * not to be read as it lies there. */
static bool blocks_find(const struct source *s, uint64_t first, uint32_t n, const uint8_t **out) {
    for (uint32_t j = 0; j < n; j++) {
        out[j] = first + j < s->n ? source_blocks(s, first + j, 0) : NULL;
        if (out[j] == NULL)
            return false;
    }
    return true;
}

/* Asks memory for the next part of a column while this one is made: the columns are read in turn, a
 * part of each, which no processor foresees. */
static void fetch(const uint8_t *from, size_t n) {
    for (size_t i = 0; i < n; i += LINE)
        __builtin_prefetch(from + i);
}

/* There is a kernel that takes the source's blocks to bf16. */
static bool fill_from_blocks(const struct filling *f) {
    const uint8_t *at[PANEL_MAX], *behind[PANEL_MAX];
    const void *rows[PANEL_MAX] = { NULL };
    const struct source *s = f->source;
    if (f->unpack == NULL || !blocks_find(s, f->first, f->n, at))
        return false;
    uint32_t k = (uint32_t)s->k, panel = f->cpu->kernels->panel;
    bool more = blocks_find(s, f->first + panel, f->n, behind);
    const struct tensor_type_info *info = tensor_type_info(s->from.tensor->type);
    uint32_t part = info->block_n <= PART / 2 ? PART / 2 : PART;
    size_t step = part / info->block_n * info->block_bytes;
    for (uint32_t from = 0; from < k; from += part) {
        uint32_t n = lesser(k - from, part);
        for (uint32_t j = 0; j < f->n; j++, rows[j - 1] = f->between->rows.bf16[j - 1]) {
            f->unpack(at[j], n, f->between->rows.bf16[j]);
            f->between->rows.bf16[j][n] = 0; /* as in column_to_bf16 */
            at[j] += step;
            if (from + part < k)
                fetch(at[j], step);
            else if (more)
                fetch(behind[j], step);
        }
        pack_part(f, from, n, rows);
    }
    return true;
}

/* ---- straight from bytes with scales ---- */

/* Elements [from, from + n) of the tensor's row, as far as a scale goes at a time. */
static void scaled_to_bf16(const struct filling *f, const struct scaled_bytes *b, uint64_t row,
    uint64_t from, uint32_t n, uint16_t *out) {
    for (uint32_t i = 0, some; i < n; i += some) {
        uint64_t at = from + i, left = b->block_cols - at % b->block_cols;
        some = left < n - i ? (uint32_t)left : n - i;
        f->cpu->kernels->unpack->e4m3(
            b->bytes + row * b->cols + at, some, scaled_bytes_scale(b, row, at), out + i);
    }
    out[n] = 0; /* as in column_to_bf16 */
}

/* There is a kernel for the source's bytes, and every column of the panel is in the file. */
static bool fill_from_scaled(const struct filling *f) {
    const struct unpack *u = f->cpu->kernels->unpack;
    const void *rows[PANEL_MAX] = { NULL };
    uint64_t at[PANEL_MAX];
    struct scaled_bytes b;
    if (f->cpu->gemm->elem != ELEM_BF16 || u == NULL || !source_scaled(f->source, &b) ||
        b.type != TENSOR_F8_E4M3)
        return false;
    for (uint32_t j = 0; j < f->n; j++)
        if (!source_row_find(f->source, f->first + j, &at[j]))
            return false;
    for (uint32_t k = (uint32_t)f->source->k, from = 0, n; from < k; from += PART) {
        n = lesser(k - from, PART);
        for (uint32_t j = 0; j < f->n; j++) {
            rows[j] = f->between->rows.bf16[j];
            scaled_to_bf16(
                f, &b, at[j], f->source->from.part.column + from, n, f->between->rows.bf16[j]);
        }
        pack_part(f, from, n, rows);
    }
    return true;
}

/* Rows that lie in the file as the product has them go into the panel from there. */
static bool fill_from_view(const struct filling *f) {
    const struct gemm *g = f->cpu->gemm;
    uint32_t k = (uint32_t)f->source->k;
    const uint8_t *view = k % g->k_step == 0 ? source_view(f->source, g->elem, f->first) : NULL;
    const void *rows[PANEL_MAX] = { NULL };
    for (uint32_t j = 0; view != NULL && j < f->n; j++)
        rows[j] = view + (size_t)j * k * elem_bytes(g->elem);
    if (view != NULL)
        g->ops->strip_pack(f->strip, f->panel, 0, k, rows);
    return view != NULL;
}

static void fill_panel(const struct filling *f) {
    if (fill_from_view(f) || fill_from_blocks(f) || fill_from_scaled(f))
        return;
    if (f->whole != NULL)
        source_read(f->source, f->first, f->n, f->whole);
    uint32_t k = (uint32_t)f->source->k;
    for (uint32_t from = 0; from < k; from += PART)
        fill_part(f, from, lesser(k - from, PART));
}

const struct gemm_weight *strip_make(
    const struct cpu *c, const struct matrix *m, uint32_t from, uint32_t n, void *room) {
    uint32_t panel = c->kernels->panel;
    size_t whole = whole_bytes(c, m->source);
    uint8_t *at = (uint8_t *)room + sizeof(struct between) + whole;
    struct filling f = { .cpu = c, .source = m->source, .between = room };
    f.whole = whole > 0 ? (float *)(void *)((uint8_t *)room + sizeof(struct between)) : NULL;
    f.unpack = unpack_of(c, m->source);
    f.strip = c->gemm->ops->strip(c->gemm, n, m->weight->k, at);
    for (; f.panel * panel < n; f.panel++) {
        f.first = from + f.panel * panel;
        f.n = n - f.panel * panel < panel ? n - f.panel * panel : panel;
        fill_panel(&f);
    }
    return f.strip;
}

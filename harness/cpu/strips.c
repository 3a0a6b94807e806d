/* Strips out of a file: dequantised, rounded to the product's elements and put into panels, a panel
 * at a time and of it PART elements of K at a time, so that what is between the file and the panel
 * never leaves the first-level cache. */
#include "harness/cpu/strips.h"

#include <string.h>

#include "base/mem.h"

enum {
    PART = SOURCE_PART,
    STRIP_BYTES = 256 << 10, /* of panels: half of what a core's second-level cache has, or less */
    STRIPS_A_THREAD = 4,     /* so that threads end at about the same time */
};

/* What lies between the file and a panel. */
struct between {
    float row[PART];
    float rows[PANEL_MAX][PART]; /* as the product has them: of f32, or the half of them bf16 */
};

bool strips_can(const struct cpu *c, const struct source *s) {
    bool by_blocks = s->k % tensor_type_info(s->from.tensor->type)->block_n == 0;
    return c->gemm->ops->strip != NULL &&
           (by_blocks || s->from.transpose || s->from.run_columns != 0);
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

/* One of a panel's columns, elements [from, from + n) of it, as the product has them. */
static void part_make(const struct cpu *c, const float *x, uint32_t n, float *out) {
    if (c->gemm->elem == ELEM_F32) {
        memcpy(out, x, n * sizeof *x);
        return;
    }
    uint16_t *half = (uint16_t *)(void *)out;
    half[n - n % 2] = 0; /* behind an odd number there is a zero */
    c->kernels->to_bf16(n, x, half);
}

struct filling {
    const struct cpu *cpu;
    const struct source *source;
    struct gemm_weight *strip;
    uint32_t panel, first, n; /* of the strip; its columns of the matrix */
    struct between *between;
    float *whole; /* [n, K]; NULL: rows are read in parts */
};

static void fill_part(const struct filling *f, uint32_t from, uint32_t some) {
    const void *rows[PANEL_MAX] = { NULL };
    uint32_t step = f->cpu->gemm->k_step;
    for (uint32_t j = 0; j < f->n; j++) {
        const float *x = f->between->row;
        if (f->whole != NULL)
            x = f->whole + j * f->source->k + from;
        else
            source_read_part(f->source, f->first + j, from, some, f->between->row);
        part_make(f->cpu, x, some, f->between->rows[j]);
        rows[j] = f->between->rows[j];
    }
    f->cpu->gemm->ops->strip_pack(f->strip, f->panel, from, (some + step - 1) / step * step, rows);
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
    if (fill_from_view(f))
        return;
    if (f->whole != NULL)
        source_read(f->source, f->first, f->n, f->whole);
    uint32_t k = (uint32_t)f->source->k;
    for (uint32_t from = 0; from < k; from += PART)
        fill_part(f, from, k - from < PART ? k - from : PART);
}

const struct gemm_weight *strip_make(
    const struct cpu *c, const struct matrix *m, uint32_t from, uint32_t n, void *room) {
    uint32_t panel = c->kernels->panel;
    size_t whole = whole_bytes(c, m->source);
    uint8_t *at = (uint8_t *)room + sizeof(struct between) + whole;
    struct filling f = { .cpu = c, .source = m->source, .between = room };
    f.whole = whole > 0 ? (float *)(void *)((uint8_t *)room + sizeof(struct between)) : NULL;
    f.strip = c->gemm->ops->strip(c->gemm, n, m->weight->k, at);
    for (; f.panel * panel < n; f.panel++) {
        f.first = from + f.panel * panel;
        f.n = n - f.panel * panel < panel ? n - f.panel * panel : panel;
        fill_panel(&f);
    }
    return f.strip;
}

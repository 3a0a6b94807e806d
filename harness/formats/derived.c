/* Finding the parts of packed weights, and putting the weights in their place. The methods differ
 * in names and layout; each is a row of a table: the ending of the part that is there for every
 * weight, and a function that finds the others and checks them all. What a check lets pass can be
 * read without further thought (packed.c). */
#include "harness/formats/derived.h"

#include <inttypes.h>
#include <string.h>

#include "harness/formats/packed.h"
#include "harness/formats/quoted.h"

struct deriver {
    struct weights *w;
    const json_t *quantization;
    bool *used;          /* by index in w: it is a part */
    struct tensor *made; /* by index of the part that led to it; name NULL: none */
    struct err *err;
};

/* ---- parts ---- */

bool part_refuse(struct making *m, const char *why) {
    struct quoted q;
    return err_set(
        m->err, ERR_INPUT, "packed weight '%s': %s", quoted(&q, m->name, strlen(m->name)), why);
}

static const struct tensor *part_find(struct making *m, const char *suffix) {
    char full[WEIGHTS_NAME_MAX + 64];
    snprintf(full, sizeof full, "%s%s", m->stem, suffix);
    return weights_find(m->w, full);
}

bool part_is_there(struct making *m, const char *suffix) {
    return part_find(m, suffix) != NULL;
}

bool part_take(struct making *m, size_t at, const char *suffix, bool needed) {
    const struct tensor *t = part_find(m, suffix);
    if (t && t->derived)
        return part_refuse(m, "a part of it does not lie in order");
    if (t) {
        m->d->parts[at] = *t;
        m->used[t - m->w->tensors] = true;
        return true;
    }
    char why[96];
    snprintf(why, sizeof why, "its part '%s' is missing", suffix);
    return !needed || part_refuse(m, why);
}

bool part_is(struct making *m, size_t at, uint64_t rows, uint64_t cols, const char *what) {
    const struct tensor *t = &m->d->parts[at];
    const bool flat = t->n_dims == 1 && (rows == 1 || cols == 1) && t->shape[0] == rows * cols;
    if (flat || (t->n_dims == 2 && t->shape[0] == rows && t->shape[1] == cols))
        return true;
    char why[160];
    snprintf(why, sizeof why, "%s have the wrong shape (%" PRIu64 " x %" PRIu64 " are needed)",
        what, rows, cols);
    return part_refuse(m, why);
}

bool part_has_type(struct making *m, size_t at, enum tensor_type type, const char *what) {
    if (m->d->parts[at].type == type)
        return true;
    char why[96];
    snprintf(why, sizeof why, "%s are %s, not %s", what,
        tensor_type_info(m->d->parts[at].type)->name, tensor_type_info(type)->name);
    return part_refuse(m, why);
}

bool part_is_real(struct making *m, size_t at, const char *what) {
    const enum tensor_type type = m->d->parts[at].type;
    char why[96];
    snprintf(why, sizeof why, "%s are %s, not real numbers", what, tensor_type_info(type)->name);
    return type <= TENSOR_BF16 || part_refuse(m, why);
}

/* ---- the methods ---- */

static bool is_beside(const struct weights *w, const char *name, size_t stem, const char *other) {
    char full[WEIGHTS_NAME_MAX + 64];
    snprintf(full, sizeof full, "%.*s%s", (int)stem, name, other);
    return weights_find(w, full);
}

static const struct packing *packing_of(
    const struct weights *w, const struct tensor *t, const json_t *quantization) {
    const char *method = json_get_string(quantization, "quant_method", "");
    const size_t n = strlen(t->name);
    for (const struct packing *p = packings; p->ending; p++) {
        const size_t m = strlen(p->ending);
        if (n > m && strcmp(t->name + n - m, p->ending) == 0 &&
            (!p->method || strcmp(p->method, method) == 0) &&
            (!p->beside || is_beside(w, t->name, n - m, p->beside)))
            return p;
    }
    return NULL;
}

/* "model.q_proj.qweight" is found; it stands for "model.q_proj.weight". */
static bool make(struct deriver *d, size_t i, const struct packing *p) {
    struct weights *w = d->w;
    const struct tensor *t = &w->tensors[i];
    const size_t stem = strlen(t->name) - strlen(p->ending);
    struct making m = { .w = w,
        .used = d->used,
        .quantization = d->quantization,
        .stem = arena_strndup(&w->arena, t->name, stem),
        .d = arena_alloc(&w->arena, sizeof *m.d),
        .type = p->type,
        .err = d->err };
    m.name = arena_printf(&w->arena, "%s%s", m.stem, p->becomes);
    if (!p->make(&m))
        return false;
    struct tensor made = { .name = m.name, .type = m.type, .n_dims = 2, .derived = m.d };
    m.d->row = m.d->row ? m.d->row : p->row;
    made.shape[0] = m.d->rows;
    made.shape[1] = m.d->cols;
    if (p->shape)
        p->shape(m.d, &made);
    size_t elements;
    if (!m.d->rows || !m.d->cols || !mem_mul(m.d->rows, m.d->cols, &elements) ||
        elements > INT64_MAX / 8)
        return part_refuse(&m, "its shape is empty or overflows");
    made.n_elements = elements;
    for (size_t k = 0; k < DERIVED_PARTS_MAX; k++)
        made.bytes += m.d->parts[k].bytes;
    d->made[i] = made;
    return true;
}

/* Some of bitsandbytes' first configs name no method. */
static const char *method_of(const json_t *quantization) {
    const bool bits = json_get_bool(quantization, "load_in_8bit", false) ||
                      json_get_bool(quantization, "load_in_4bit", false);
    return json_get_string(quantization, "quant_method", bits ? "bitsandbytes" : NULL);
}

/* Layouts that a method has beside those that are read. */
static bool layout_check(const json_t *quantization, struct err *err) {
    static const char *const foreign[] = { "marlin", "marlin-24", "sparse", "bitblas", "gemv_fast",
        "llm-awq", "exl2", "mxfp6", NULL };
    const json_t *sparsity = json_object_get(quantization, "sparsity_config");
    const char *const layouts[] = { json_get_string(quantization, "format", ""),
        json_get_string(quantization, "checkpoint_format", ""),
        json_get_string(quantization, "version", ""), json_get_string(quantization, "backend", ""),
        json_get_string(sparsity, "format", "") };
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        for (const char *const *f = foreign; *f; f++)
            if (strncasecmp(layouts[i], *f, strlen(*f)) == 0) {
                struct quoted q;
                return err_set(err, ERR_UNSUPPORTED, "weights in the layout '%s' are not supported",
                    quoted_str(&q, layouts[i]));
            }
    return true;
}

/* "-:pattern" leaves modules as they are, which shows by itself; "+:pattern" and a bare one give
 * them settings of their own. */
static bool dynamic_check(const json_t *quantization, struct err *err) {
    const json_t *dynamic = json_object_get(quantization, "dynamic"), *value;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)dynamic, key, value) {
        struct quoted q;
        if (strncmp(key, "-:", 2) != 0 && json_object_size(value))
            return err_set(err, ERR_UNSUPPORTED,
                "settings of their own for the modules '%s' (dynamic) are not supported",
                quoted_str(&q, key));
    }
    return true;
}

static bool method_check(const json_t *quantization, struct err *err) {
    static const char *const known[] = { "gptq", "awq", "compressed-tensors", "bitsandbytes", "fp8",
        "fbgemm_fp8", "modelopt", "mxfp4" };
    const char *method = method_of(quantization);
    for (size_t i = 0; method && i < sizeof known / sizeof *known; i++)
        if (strcmp(method, known[i]) == 0)
            return true;
    struct quoted q;
    return !quantization ||
           err_set(err, ERR_UNSUPPORTED, "quantization method '%s' is not supported",
               method ? quoted(&q, method, strlen(method)) : "");
}

/* The list again, without parts and with what they became. */
static bool put_in_place(struct deriver *d) {
    struct weights *w = d->w;
    struct tensor *old = w->tensors;
    const size_t n = w->n_tensors;
    strmap_free(w->names);
    w->names = strmap_new(n);
    w->tensors = NULL;
    w->n_tensors = w->tensors_capacity = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        const struct tensor *from = d->made[i].name ? &d->made[i] : &old[i];
        if (d->used[i] && !d->made[i].name)
            continue;
        struct tensor *t = weights_add(w, from->name, strlen(from->name), d->err);
        ok = t != NULL;
        if (ok) {
            const char *name = t->name;
            *t = *from;
            t->name = name;
        }
    }
    free(old);
    return ok;
}

bool weights_derive(struct weights *w, const json_t *config, struct err *err) {
    const json_t *quantization = json_object_get(config, "quantization_config");
    if (!quantization)
        quantization = json_object_get(config, "compression_config");
    if (!method_check(quantization, err) || !layout_check(quantization, err) ||
        !dynamic_check(quantization, err))
        return false;
    struct deriver d = { .w = w, .quantization = quantization, .err = err };
    d.used = xcalloc(w->n_tensors + 1, sizeof *d.used);
    d.made = xcalloc(w->n_tensors + 1, sizeof *d.made);
    bool ok = true, any = false;
    for (size_t i = 0; ok && i < w->n_tensors; i++) {
        const struct packing *p = d.used[i] ? NULL : packing_of(w, &w->tensors[i], quantization);
        if (!p)
            continue;
        any = true;
        ok = make(&d, i, p);
    }
    ok = ok && (!any || put_in_place(&d));
    free(d.used);
    free(d.made);
    return ok;
}

void derived_read(const struct tensor *t, size_t from, size_t n, float *out) {
    const struct derived *d = t->derived;
    while (n) {
        const uint64_t row = from / d->cols, at = from % d->cols;
        const size_t here = n < d->cols - at ? n : (size_t)(d->cols - at);
        d->row(d, row, at, here, out);
        from += here;
        out += here;
        n -= here;
    }
}

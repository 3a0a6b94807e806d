/* The sum of a base and what was published as the difference from it (see delta.h). A tensor that
 * the delta lacks is the base's; one that the base lacks, or has in another shape, is refused:
 * there is nothing that it could be added to. */
#include "harness/formats/delta.h"

#include <string.h>

#include "base/file.h"
#include "harness/formats/derived.h"
#include "harness/formats/quoted.h"

#define PATCH 256 /* elements that are summed at a time */

bool delta_is(const char *dir) {
    char *path = path_join(dir, "delta_config.json");
    const bool is = file_exists(path);
    free(path);
    return is;
}

static void sum_row(const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    float patch[PATCH];
    const size_t start = (size_t)(row * d->cols + from);
    tensor_read_f32(&d->parts[0], start, (size_t)n, out);
    for (uint64_t at = 0; at < n; at += PATCH) {
        const uint64_t here = n - at < PATCH ? n - at : PATCH;
        tensor_read_f32(&d->parts[1], start + (size_t)at, (size_t)here, patch);
        for (uint64_t i = 0; i < here; i++)
            out[at + i] += patch[i];
    }
}

static bool refuse(const struct tensor *t, const char *why, struct err *err) {
    struct quoted q;
    return err_set(err, ERR_INPUT, "delta of '%s': %s", quoted_str(&q, t->name), why);
}

static bool tensor_add(struct weights *base, const struct tensor *t, struct err *err) {
    struct tensor *to = (struct tensor *)(uintptr_t)weights_find(base, t->name);
    if (!to)
        return refuse(t, "the base has no such tensor", err);
    if (to->n_dims != t->n_dims || memcmp(to->shape, t->shape, t->n_dims * sizeof *t->shape) != 0)
        return refuse(t, "it has another shape than the base's tensor", err);
    if (!tensor_type_is_real(t->type) || !tensor_type_is_real(to->type))
        return refuse(t, "its numbers are not real ones", err);
    if (!t->n_elements)
        return true;
    struct derived *d = arena_alloc(&base->arena, sizeof *d);
    *d = (struct derived) { .row = sum_row };
    d->cols = t->n_dims ? t->shape[t->n_dims - 1] : 1;
    d->rows = t->n_elements / d->cols;
    d->parts[0] = *to;
    d->parts[1] = *t;
    to->derived = d;
    return true;
}

bool delta_apply(struct weights *base, const struct weights *delta, struct err *err) {
    for (size_t i = 0; i < weights_count(delta); i++)
        if (!tensor_add(base, weights_at(delta, i), err))
            return false;
    return weights_count(delta) > 0 || err_set(err, ERR_INPUT, "the delta has no tensors");
}

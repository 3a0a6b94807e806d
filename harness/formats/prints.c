/* Prints of tensors (harness.h): by samples, so that a model of any size is told in a moment. */
#include "harness/harness.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "harness/weights.h"

#define STRETCHES 16
#define STRETCH TENSOR_BLOCK_MAX /* elements: a multiple of every block */

/* Whole if it is small, else STRETCHES pieces from its first element to its last. */
static size_t read_sample(const struct tensor *t, float *out) {
    uint64_t n_stretches = t->n_elements / STRETCH;
    if (n_stretches <= STRETCHES) {
        size_t block = tensor_type_info(t->type)->block_n;
        size_t n = (size_t)(t->n_elements - t->n_elements % block);
        n = n < STRETCHES * STRETCH ? n : STRETCHES * STRETCH;
        tensor_read_f32(t, 0, n, out);
        return n;
    }
    for (uint64_t i = 0; i < STRETCHES; i++) {
        uint64_t at = i * (n_stretches - 1) / (STRETCHES - 1);
        tensor_read_f32(t, (size_t)at * STRETCH, STRETCH, out + i * STRETCH);
    }
    return STRETCHES * STRETCH;
}

static bool is_constant(const float *x, size_t n) {
    for (size_t i = 1; i < n; i++) {
        if (memcmp(&x[i], &x[0], sizeof *x)) {
            return false;
        }
    }
    return true;
}

/* Names are no part of it: a copy may have others. */
static void hash_of(const struct tensor *t, const float *x, size_t n, char hash[65]) {
    struct strbuf bytes = { 0 };
    strbuf_addf(&bytes, "%s", tensor_type_info(t->type)->name);
    for (uint32_t d = 0; d < t->n_dims; d++) {
        strbuf_addf(&bytes, " %llu", (unsigned long long)t->shape[d]);
    }
    strbuf_addc(&bytes, '\n');
    strbuf_add(&bytes, (const char *)x, n * sizeof *x);
    sha256_hex(strbuf_str(&bytes), bytes.len, hash);
    strbuf_release(&bytes);
}

/* Evenly from what was read. */
static void thin_out(const float *x, size_t n, struct tensor_print *p) {
    p->n_values = n < TENSOR_PRINT_VALUES ? 0 : TENSOR_PRINT_VALUES;
    for (size_t i = 0; i < p->n_values; i++) {
        float v = x[i * n / p->n_values];
        p->values[i] = isfinite(v) ? v : 0;
    }
}

static bool print_one(
    const struct tensor *t, float *x, tensor_print_fn *each, void *arg, struct err *err) {
    struct tensor_print p = { .name = t->name, .n_elements = t->n_elements };
    size_t n = read_sample(t, x);
    p.n_read = n;
    hash_of(t, x, n, p.hash);
    p.constant = is_constant(x, n);
    thin_out(x, n, &p);
    return each(&p, arg, err);
}

bool model_prints(const char *path, tensor_print_fn *each, void *arg, struct err *err) {
    struct weights *w = weights_open(path, err);
    float *x = w ? mem_try((size_t)STRETCHES * STRETCH, sizeof *x, "prints of tensors", err) : NULL;
    bool ok = x != NULL;
    for (size_t i = 0; ok && i < weights_count(w); i++) {
        const struct tensor *t = weights_at(w, i);
        if (t->n_elements && tensor_type_is_real(t->type)) {
            ok = print_one(t, x, each, arg, err);
        }
    }
    free(x);
    if (w) {
        weights_close(w);
    }
    return ok;
}

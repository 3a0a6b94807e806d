/* See lineage.h. */
#include "evaluator/policy/lineage.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "harness/harness.h"

#define LARGEST 64
#define HASHES_MAX 4096
#define TENSORS_MAX 1000000

struct print {
    char *name;
    uint64_t n_elements;
    char hash[33];
    bool constant;
    size_t n_values;
    float values[TENSOR_PRINT_VALUES];
};

struct prints {
    struct print *list;
    size_t n, capacity;
};

static bool take(const struct tensor_print *t, void *arg, struct err *err) {
    struct prints *p = arg;
    if (p->n == TENSORS_MAX) {
        return err_set(err, ERR_INPUT, "a model with more than %d tensors", TENSORS_MAX);
    }
    mem_grow(&p->list, &p->capacity, p->n + 1, sizeof *p->list);
    struct print *one = &p->list[p->n++];
    *one = (struct print) { .name = xstrdup(t->name),
        .n_elements = t->n_elements,
        .constant = t->constant,
        .n_values = t->n_values };
    snprintf(one->hash, sizeof one->hash, "%.32s", t->hash);
    memcpy(one->values, t->values, t->n_values * sizeof *t->values);
    return true;
}

static int by_size(const void *a, const void *b) {
    const struct print *x = a, *y = b;
    return x->n_elements != y->n_elements ? (x->n_elements < y->n_elements ? 1 : -1)
                                          : strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct print *)a)->name, ((const struct print *)b)->name);
}

/* The largest first, once each. */
static json_t *hashes_of(const struct prints *p) {
    json_t *seen = json_object(), *list = json_array();
    for (size_t i = 0; i < p->n && json_array_size(list) < HASHES_MAX; i++) {
        const struct print *one = &p->list[i];
        if (!one->constant && !json_object_get(seen, one->hash)) {
            json_object_set_new(seen, one->hash, json_true());
            json_array_append_new(list, json_string(one->hash));
        }
    }
    json_decref(seen);
    return list;
}

static json_t *sample_of(const struct print *largest, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < largest[i].n_values; k++) {
            json_array_append_new(list, json_real((double)largest[i].values[k]));
        }
    }
    return list;
}

static void layout_of(const struct print *largest, size_t n, char hex[65]) {
    struct strbuf text = { 0 };
    for (size_t i = 0; i < n; i++) {
        strbuf_addf(&text, "%s %llu\n", largest[i].name, (unsigned long long)largest[i].n_elements);
    }
    sha256_hex(strbuf_str(&text), text.len, hex);
    strbuf_release(&text);
}

static json_t *tell(struct prints *p) {
    char layout[65];
    qsort(p->list, p->n, sizeof *p->list, by_size);
    json_t *hashes = hashes_of(p);
    size_t n = p->n < LARGEST ? p->n : LARGEST;
    qsort(p->list, n, sizeof *p->list, by_name);
    layout_of(p->list, n, layout);
    return json_pack("{s:I, s:s, s:o, s:o}", "tensors", (json_int_t)p->n, "layout", layout,
        "hashes", hashes, "sample", sample_of(p->list, n));
}

json_t *lineage_prints(const char *path, struct err *err) {
    struct prints p = { 0 };
    json_t *told = NULL;
    if (model_prints(path, take, &p, err)) {
        told = p.n ? tell(&p) : (err_set(err, ERR_INPUT, "a model without tensors"), NULL);
    }
    for (size_t i = 0; i < p.n; i++) {
        free(p.list[i].name);
    }
    free(p.list);
    return told;
}

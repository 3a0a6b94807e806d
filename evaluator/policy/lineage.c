/* See lineage.h. */
#include "evaluator/policy/lineage.h"

#include <string.h>

#include "base/json.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "harness/harness.h"

#define LARGEST 64
#define HASHES_MAX 4096
#define TENSORS_MAX 1000000
#define CONFIG_MAX ((size_t)1 << 20)

struct print {
    char *name;
    uint64_t n_elements, n_read;
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
        .n_read = t->n_read,
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

/* A model whose layers change places has the same tensors, and is another model. Names are no part
 * of it: a prefix may come or go. */
static void sequence_of(struct prints *p, char hex[65]) {
    struct strbuf text = { 0 };
    qsort(p->list, p->n, sizeof *p->list, by_name);
    for (size_t i = 0; i < p->n; i++) {
        strbuf_addf(&text, "%s\n", p->list[i].hash);
    }
    sha256_hex(strbuf_str(&text), text.len, hex);
    strbuf_release(&text);
}

/* What else decides how a model answers. */
static json_t *config_of(const char *path) {
    static const char *const OF_WHO_SAVED_IT[] = { "_name_or_path", "_commit_hash",
        "transformers_version" };
    char *file = path_join(path, "config.json"), *text = NULL, hex[65];
    struct err ignored = ERR_INIT;
    json_t *config = dir_exists(path) && file_exists(file)
                         ? json_parse_python_file(file, CONFIG_MAX, &ignored)
                         : NULL;
    for (size_t i = 0; i < sizeof OF_WHO_SAVED_IT / sizeof *OF_WHO_SAVED_IT; i++) {
        json_object_del(config, OF_WHO_SAVED_IT[i]);
    }
    text = config ? json_text(config, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (text) {
        sha256_hex(text, strlen(text), hex);
    }
    json_t *hash = text ? json_string(hex) : json_null();
    free(text);
    free(file);
    json_decref(config);
    return hash;
}

static json_t *tell(struct prints *p, const char *path) {
    char layout[65], sequence[65];
    json_int_t n_values = 0, n_read = 0;
    for (size_t i = 0; i < p->n; i++) {
        n_values += (json_int_t)p->list[i].n_elements;
        n_read += (json_int_t)p->list[i].n_read;
    }
    sequence_of(p, sequence);
    qsort(p->list, p->n, sizeof *p->list, by_size);
    json_t *hashes = hashes_of(p);
    size_t n = p->n < LARGEST ? p->n : LARGEST;
    qsort(p->list, n, sizeof *p->list, by_name);
    layout_of(p->list, n, layout);
    return json_pack("{s:I, s:I, s:I, s:s, s:s, s:o, s:o, s:o}", "tensors", (json_int_t)p->n,
        "values", n_values, "read", n_read, "layout", layout, "sequence", sequence, "config",
        config_of(path), "hashes", hashes, "sample", sample_of(p->list, n));
}

json_t *lineage_prints(const char *path, struct err *err) {
    struct prints p = { 0 };
    json_t *told = NULL;
    if (model_prints(path, take, &p, err)) {
        told = p.n ? tell(&p, path) : (err_set(err, ERR_INPUT, "a model without tensors"), NULL);
    }
    for (size_t i = 0; i < p.n; i++) {
        free(p.list[i].name);
    }
    free(p.list);
    return told;
}

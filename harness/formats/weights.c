/* The list of tensors that all formats fill, and which reader a path gets. Lookup by name is a hash
 * map; a list that would grow past its ceiling is an error, never cut. */
#include "harness/formats/derived.h"

#include <inttypes.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "harness/formats/pytorch.h"
#include "harness/formats/quoted.h"
#include "harness/formats/stamp.h"

struct weights *weights_new(const char *format) {
    struct weights *w = xcalloc(1, sizeof *w);
    w->format = format;
    w->names = strmap_new(512);
    return w;
}

void weights_close(struct weights *w) {
    if (!w)
        return;
    weights_close(w->beside);
    for (size_t i = 0; i < w->n_maps; i++)
        file_unmap(&w->maps[i]);
    free(w->maps);
    free(w->tensors);
    free(w->arrays);
    strmap_free(w->names);
    json_decref(w->metadata);
    strbuf_release(&w->stamps);
    arena_release(&w->arena);
    free(w);
}

bool weights_map(struct weights *w, const char *path, struct file_map *out, struct err *err) {
    mem_grow(&w->maps, &w->maps_capacity, w->n_maps + 1, sizeof *w->maps);
    if (!file_map(&w->maps[w->n_maps], path, err))
        return false;
    *out = w->maps[w->n_maps++];
    w->unstamped = !stamp_add(&w->stamps, path, out) || w->unstamped;
    return true;
}

static bool name_check(const char *name, size_t n, struct err *err) {
    if (!n)
        return err_set(err, ERR_INPUT, "a tensor has an empty name");
    struct quoted q;
    if (n > WEIGHTS_NAME_MAX)
        return err_set(err, ERR_INPUT,
            "the name of tensor '%s' is %zu bytes long (the limit is %d)", quoted(&q, name, n), n,
            WEIGHTS_NAME_MAX);
    if (memchr(name, '\0', n))
        return err_set(err, ERR_INPUT, "the name of tensor '%s' holds a NUL", quoted(&q, name, n));
    if (!utf8_valid(name, n))
        return err_set(err, ERR_INPUT, "the name of tensor '%s' is not UTF-8", quoted(&q, name, n));
    return true;
}

struct tensor *weights_add(struct weights *w, const char *name, size_t n, struct err *err) {
    if (!name_check(name, n, err))
        return NULL;
    if (w->n_tensors == WEIGHTS_TENSORS_MAX) {
        err_set(err, ERR_INPUT, "more than %d tensors", WEIGHTS_TENSORS_MAX);
        return NULL;
    }
    if (!strmap_add(w->names, name, n, (int32_t)w->n_tensors)) {
        struct quoted q;
        err_set(err, ERR_INPUT, "duplicate tensor name '%s'", quoted(&q, name, n));
        return NULL;
    }
    mem_grow(&w->tensors, &w->tensors_capacity, w->n_tensors + 1, sizeof *w->tensors);
    struct tensor *t = &w->tensors[w->n_tensors++];
    *t = (struct tensor) { .name = arena_strndup(&w->arena, name, n) };
    return t;
}

bool tensor_measure(struct tensor *t) {
    const struct tensor_type_info *info = tensor_type_info(t->type);
    size_t n = 1, bytes;
    for (uint32_t i = 0; i < t->n_dims; i++)
        if (!mem_mul(n, t->shape[i], &n))
            return false;
    if (!mem_mul(n / info->block_n, info->block_bytes, &bytes))
        return false;
    t->n_elements = n;
    t->bytes = bytes;
    return true;
}

const char *weights_format(const struct weights *w) {
    return w->format;
}

size_t weights_count(const struct weights *w) {
    return w->n_tensors;
}

const struct tensor *weights_at(const struct weights *w, size_t i) {
    BUG_IF(i >= w->n_tensors);
    return &w->tensors[i];
}

const struct tensor *weights_find(const struct weights *w, const char *name) {
    const int32_t i = strmap_find(w->names, name, strlen(name));
    return i < 0 ? NULL : &w->tensors[i];
}

bool weights_stamp(const struct weights *w, struct strbuf *out) {
    if (w->unstamped || w->n_maps == 0)
        return false;
    strbuf_add(out, strbuf_str(&w->stamps), w->stamps.len);
    return !w->beside || weights_stamp(w->beside, out);
}

bool weights_untied(const struct weights *w) {
    return w->untied;
}

void weights_forget(const struct weights *w, const struct tensor *t) {
    for (size_t i = 0; t->derived && i < DERIVED_PARTS_MAX; i++)
        if (t->derived->parts[i].data)
            weights_forget(w, &t->derived->parts[i]);
    if (w->beside)
        weights_forget(w->beside, t);
    for (size_t i = 0; i < w->n_maps; i++)
        file_map_forget(&w->maps[i], t->data, t->bytes);
}

const json_t *weights_metadata(const struct weights *w) {
    return w->metadata;
}

bool weights_strings(const struct weights *w, const char *key, struct gguf_strings *out) {
    for (size_t i = 0; i < w->n_arrays; i++) {
        if (strcmp(w->arrays[i].key, key) == 0) {
            *out = w->arrays[i].strings;
            return true;
        }
    }
    return false;
}

static bool gguf_is(const uint8_t *bytes, size_t size) {
    return size >= 4 && memcmp(bytes, "GGUF", 4) == 0;
}

struct format {
    const char *name;
    const char *endings[4];
    bool (*is)(const uint8_t *bytes, size_t size);
    bool (*read)(struct weights *w, const char *path, struct err *err);
};

/* A file's name says what it is; blobs named by their hash are told apart by their first bytes.
 * What begins like nothing else is safetensors. */
static const struct format *format_of(const char *path) {
    static const struct format formats[] = {
        { "safetensors", { ".safetensors" }, NULL, safetensors_file_read },
        { "gguf", { ".gguf" }, gguf_is, gguf_file_read },
        { "pytorch", { ".bin", ".pt", ".pth" }, pytorch_is, pytorch_file_read },
    };
    const size_t n = sizeof formats / sizeof *formats;
    for (size_t i = 0; i < n; i++)
        for (const char *const *ending = formats[i].endings; *ending; ending++)
            if (str_ends(path, *ending))
                return &formats[i];
    struct file_map map = { 0 };
    const struct format *found = &formats[0];
    if (!file_map(&map, path, NULL))
        return found;
    for (size_t i = 1; i < n; i++)
        if (formats[i].is(map.data, map.size))
            found = &formats[i];
    file_unmap(&map);
    return found;
}

struct weights *weights_open(const char *path, struct err *err) {
    const struct format *file = dir_exists(path) ? NULL : format_of(path);
    struct weights *w = weights_new(file ? file->name : "safetensors");
    if (file ? file->read(w, path, err) : folder_read(w, path, err))
        return w;
    weights_close(w);
    return NULL;
}

/* A GGUF file as weights: tensors rows first, metadata as one JSON object. Arrays of strings, which
 * are most of a header and may hold any bytes, stay in the file. A string that isn't UTF-8 is
 * repaired (U+FFFD); a number that isn't finite is refused, for nothing that is meant to be here
 * has no value. */
#include "harness/formats/gguf_header.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "harness/formats/formats.h"
#include "harness/formats/quoted.h"

/* ---- metadata ---- */

static json_t *json_of_real(double v) {
    return isfinite(v) ? json_real(v) : NULL;
}

/* One number at `at`; NULL if it isn't finite. What 63 bits can't hold becomes a real. */
static json_t *json_of_number(enum gguf_type type, const uint8_t *at) {
    union {
        uint64_t u64;
        int64_t i64;
        uint32_t u32;
        int32_t i32;
        uint16_t u16;
        int16_t i16;
        float f32;
        double f64;
    } v = { 0 };
    memcpy(&v, at, gguf_type_bytes(type));
    switch (type) {
    case GGUF_U8:
        return json_integer(*at);
    case GGUF_I8:
        return json_integer((int8_t)*at);
    case GGUF_U16:
        return json_integer(v.u16);
    case GGUF_I16:
        return json_integer(v.i16);
    case GGUF_U32:
        return json_integer(v.u32);
    case GGUF_I32:
        return json_integer(v.i32);
    case GGUF_U64:
        return v.u64 > INT64_MAX ? json_real((double)v.u64) : json_integer((json_int_t)v.u64);
    case GGUF_I64:
        return json_integer(v.i64);
    case GGUF_F32:
        return json_of_real((double)v.f32);
    case GGUF_F64:
        return json_of_real(v.f64);
    case GGUF_BOOL:
        return json_boolean(*at != 0);
    default:
        return NULL;
    }
}

static json_t *json_of_string(const uint8_t *at) {
    uint64_t n;
    memcpy(&n, at, sizeof n);
    size_t repaired_n;
    char *repaired = utf8_repair((const char *)at + sizeof n, (size_t)n, &repaired_n);
    json_t *value = json_stringn_nocheck(repaired, repaired_n);
    free(repaired);
    return value;
}

static json_t *json_of_numbers(const struct gguf_key *key) {
    json_t *array = json_array();
    for (uint64_t i = 0; i < key->count; i++) {
        if (json_array_append_new(
                array, json_of_number(key->type, key->at + i * gguf_type_bytes(key->type))) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static void keep_strings(struct weights *w, const struct gguf_key *key, const char *name) {
    mem_grow(&w->arrays, &w->arrays_capacity, w->n_arrays + 1, sizeof *w->arrays);
    w->arrays[w->n_arrays++] = (struct string_array) { name, { key->at, key->count } };
}

static bool add_metadata(struct weights *w, const struct gguf_key *key, struct err *err) {
    const char *name = arena_strndup(&w->arena, key->name, key->name_n);
    if (key->is_array && key->type == GGUF_STRING) {
        keep_strings(w, key, name);
        return true;
    }
    json_t *value = key->is_array              ? json_of_numbers(key)
                    : key->type == GGUF_STRING ? json_of_string(key->at)
                                               : json_of_number(key->type, key->at);
    struct quoted q;
    if (json_object_set_new_nocheck(w->metadata, name, value) != 0)
        return err_set(err, ERR_INPUT, "metadata '%s' holds a number that is not finite",
            quoted_str(&q, name));
    return true;
}

bool gguf_strings_next(struct gguf_strings *it, const char **s, size_t *n) {
    if (!it->left)
        return false;
    uint64_t length;
    memcpy(&length, it->at, sizeof length);
    *s = (const char *)it->at + sizeof length;
    *n = (size_t)length;
    it->at += sizeof length + length;
    it->left--;
    return true;
}

/* ---- tensors ---- */

static bool add_tensor(struct weights *w, const struct gguf_header *h,
    const struct gguf_tensor *from, struct err *err) {
    struct tensor *t = weights_add(w, from->name, from->name_n, err);
    if (!t)
        return false;
    t->type = from->type->type;
    t->n_dims = from->n_dims;
    for (uint32_t i = 0; i < t->n_dims; i++)
        t->shape[i] = from->dims[from->n_dims - 1 - i];
    t->n_elements = from->n_elements;
    t->bytes = (size_t)from->bytes;
    t->data = h->data + from->offset;
    return true;
}

/* The file may have padding or spare room between tensors, but no byte belongs to two. Its first
 * tensor is `first` of all. */
static bool check_overlap(
    const struct weights *w, const struct gguf_header *h, size_t first, struct err *err) {
    struct extent *extents = xcalloc(h->n_tensors + 1, sizeof *extents);
    for (size_t i = 0; i < h->n_tensors; i++)
        extents[i] = (struct extent) { h->tensors[i].offset,
            h->tensors[i].offset + h->tensors[i].bytes, first + i };
    const bool ok = extents_check(extents, h->n_tensors, w, false, err);
    free(extents);
    return ok;
}

/* Factors of the rotation are a tensor, but belong to the description: Llama 3's and Phi 3's. */
static bool add_factors(struct weights *w, const struct gguf_tensor *t, struct err *err) {
    enum { FACTORS_MAX = 1024 };
    static const char *const NAMES[] = { "rope_freqs.weight", "rope_factors_long.weight",
        "rope_factors_short.weight" };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (strlen(NAMES[i]) == t->name_n && memcmp(NAMES[i], t->name, t->name_n) == 0 &&
            t->type->type == TENSOR_F32 && t->n_elements <= FACTORS_MAX) {
            const struct tensor *tensor = weights_find(w, NAMES[i]);
            struct gguf_key key = { .name = NAMES[i],
                .name_n = t->name_n,
                .type = GGUF_F32,
                .at = tensor->data,
                .is_array = true,
                .count = t->n_elements };
            return add_metadata(w, &key, err);
        }
    }
    return true;
}

/* Of several files the first one's metadata counts: those of the others say which they are. */
static bool fill(struct weights *w, const struct gguf_header *h, struct err *err) {
    const size_t first = w->n_tensors;
    const bool begins = !w->metadata;
    if (begins)
        w->metadata = json_object();
    for (size_t i = 0; begins && i < h->n_keys; i++)
        if (!add_metadata(w, &h->keys[i], err))
            return false;
    for (size_t i = 0; i < h->n_tensors; i++)
        if (!add_tensor(w, h, &h->tensors[i], err) || !add_factors(w, &h->tensors[i], err))
            return false;
    return check_overlap(w, h, first, err);
}

/* Is it the part that is asked for? */
static bool part_check(
    const struct gguf_split *is, const struct gguf_split *asked, struct err *err) {
    const uint64_t count = is->count > 1 ? is->count : 1;
    if (!asked && count > 1)
        return err_set(err, ERR_UNSUPPORTED,
            "this is one of %" PRIu64 " parts of a split file, and its name does not say which",
            count);
    if (!asked || (count == asked->count && is->no == asked->no))
        return true;
    return err_set(err, ERR_INPUT,
        "by its metadata this is part %" PRIu64 " of %" PRIu64 ", by its name part %" PRIu64
        " of %" PRIu64,
        is->no + 1, count, asked->no + 1, asked->count);
}

bool gguf_part_read(struct weights *w, const uint8_t *bytes, size_t size,
    const struct gguf_split *asked, uint64_t *n_tensors, struct err *err) {
    struct gguf_header h;
    if (!gguf_header_parse(&h, bytes, size, err))
        return false;
    const bool ok = part_check(&h.split, asked, err) && fill(w, &h, err);
    *n_tensors = h.split.n_tensors;
    gguf_header_release(&h);
    return ok;
}

bool gguf_read(struct weights *w, const uint8_t *bytes, size_t size, struct err *err) {
    uint64_t n_tensors;
    return gguf_part_read(w, bytes, size, NULL, &n_tensors, err);
}

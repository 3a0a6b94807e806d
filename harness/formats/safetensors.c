/* The safetensors format: 8 bytes of header length (little-endian), a JSON header, the data.
 *
 *     {"__metadata__": {"k": "v"}, "NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0,
 * 24]}, ...}
 *
 * Followed by the letter, with the reference's own strictness: the header begins with '{' and may
 * be padded with white space; offsets count from the end of the header; sorted by offset the
 * tensors touch each other and cover the data exactly, so a file can't hide another one; a tensor's
 * extent is its shape times its dtype. */
#include "harness/formats/formats.h"

#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "harness/formats/scan.h"

/* Spelled in the format's definition, but nothing here computes with them. */
static const char *const unsupported_dtypes[] = { "F4", "F6_E2M3", "F6_E3M2", "C64" };

/* The parts of the header that is being read. */
struct header {
    struct weights *w;
    struct extent *extents; /* one a tensor, in header order */
    size_t n_extents, capacity;
    uint64_t data_bytes; /* what follows the header */
    bool has_metadata;
};

/* One tensor's entry. */
struct entry {
    const char *name; /* for messages: quoted */
    struct tensor tensor;
    uint64_t begin, end;
    bool has_dtype, has_shape, has_offsets;
};

static bool dtype_find(const char *spelled, enum tensor_type *out) {
    for (int type = 0; type < TENSOR_Q4_0; type++) {
        if (strcmp(spelled, tensor_type_info((enum tensor_type)type)->name) == 0) {
            *out = (enum tensor_type)type;
            return true;
        }
    }
    return false;
}

static bool entry_dtype(struct scan *s, struct entry *e, struct err *err) {
    if (!scan_string(s, err))
        return err_wrap(err, "dtype of tensor '%s'", e->name);
    const char *spelled = strbuf_str(&s->string);
    if (dtype_find(spelled, &e->tensor.type))
        return true;
    struct quoted q;
    for (size_t i = 0; i < sizeof unsupported_dtypes / sizeof *unsupported_dtypes; i++)
        if (strcmp(spelled, unsupported_dtypes[i]) == 0)
            return err_set(err, ERR_UNSUPPORTED, "tensor '%s' has dtype %s, which is not supported",
                e->name, spelled);
    return err_set(
        err, ERR_INPUT, "tensor '%s' has the unknown dtype '%s'", e->name, quoted_str(&q, spelled));
}

static bool entry_shape(struct scan *s, struct entry *e, struct err *err) {
    size_t n = 0;
    const bool ok = scan_uints(s, e->tensor.shape, TENSOR_MAX_DIMS, &n);
    struct quoted q;
    if (!ok && n == TENSOR_MAX_DIMS)
        return err_set(err, ERR_UNSUPPORTED, "the shape of tensor '%s' has more than %d dimensions",
            e->name, TENSOR_MAX_DIMS);
    if (!ok)
        return err_set(err, ERR_INPUT,
            "the shape of tensor '%s' is not a list of sizes: found \"%s\"", e->name,
            scan_excerpt(s, &q));
    e->tensor.n_dims = (uint32_t)n;
    return true;
}

static bool entry_offsets(struct scan *s, struct entry *e, struct err *err) {
    uint64_t offsets[2];
    size_t n = 0;
    struct quoted q;
    if (!scan_uints(s, offsets, 2, &n) || n != 2)
        return err_set(err, ERR_INPUT,
            "data_offsets of tensor '%s' are not two offsets: found \"%s\"", e->name,
            scan_excerpt(s, &q));
    e->begin = offsets[0];
    e->end = offsets[1];
    return true;
}

static bool entry_field(struct scan *s, void *arg, struct err *err) {
    static const struct {
        const char *key;
        size_t has; /* offset of its flag */
        bool (*read)(struct scan *, struct entry *, struct err *);
    } fields[] = {
        { "dtype", offsetof(struct entry, has_dtype), entry_dtype },
        { "shape", offsetof(struct entry, has_shape), entry_shape },
        { "data_offsets", offsetof(struct entry, has_offsets), entry_offsets },
    };
    struct entry *e = arg;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(strbuf_str(&s->string), fields[i].key) != 0)
            continue;
        bool *has = (bool *)((char *)e + fields[i].has);
        if (*has)
            return err_set(
                err, ERR_INPUT, "duplicate key '%s' of tensor '%s'", fields[i].key, e->name);
        return *has = true, fields[i].read(s, e, err);
    }
    struct quoted q;
    return err_set(err, ERR_INPUT, "tensor '%s' has the unknown field '%s'", e->name,
        quoted(&q, strbuf_str(&s->string), s->string.len));
}

static bool entry_check(struct entry *e, struct err *err) {
    const char *missing = !e->has_dtype     ? "dtype"
                          : !e->has_shape   ? "shape"
                          : !e->has_offsets ? "data_offsets"
                                            : NULL;
    if (missing)
        return err_set(err, ERR_INPUT, "tensor '%s' has no %s", e->name, missing);
    if (e->end < e->begin)
        return err_set(err, ERR_INPUT,
            "data_offsets of tensor '%s' are reversed: [%" PRIu64 ", %" PRIu64 "]", e->name,
            e->begin, e->end);
    if (!tensor_measure(&e->tensor))
        return err_set(err, ERR_INPUT, "the shape of tensor '%s' overflows", e->name);
    if (e->end - e->begin != e->tensor.bytes)
        return err_set(err, ERR_INPUT,
            "wrong size: tensor '%s' has %" PRIu64 " bytes of data, its shape asks for %zu",
            e->name, e->end - e->begin, e->tensor.bytes);
    return true;
}

static bool read_tensor(struct scan *s, struct header *h, struct err *err) {
    struct tensor *t = weights_add(h->w, strbuf_str(&s->string), s->string.len, err);
    if (!t)
        return false;
    struct quoted q;
    struct entry e = { .name = quoted_str(&q, t->name), .tensor.name = t->name };
    if (!scan_object(s, entry_field, &e, err))
        return err_wrap(err, "tensor '%s'", e.name);
    if (!entry_check(&e, err))
        return false;
    *t = e.tensor;
    mem_grow(&h->extents, &h->capacity, h->n_extents + 1, sizeof *h->extents);
    h->extents[h->n_extents++] = (struct extent) { e.begin, e.end, h->w->n_tensors - 1 };
    return true;
}

/* Free text of whoever made the file: checked, and not kept. */
static bool metadata_field(struct scan *s, void *arg, struct err *err) {
    struct strmap *seen = arg;
    struct quoted q;
    if (!strmap_add(seen, strbuf_str(&s->string), s->string.len, 0))
        return err_set(err, ERR_INPUT, "duplicate key '%s' in __metadata__",
            quoted(&q, strbuf_str(&s->string), s->string.len));
    return scan_string(s, err);
}

static bool read_metadata(struct scan *s, struct header *h, struct err *err) {
    if (h->has_metadata)
        return err_set(err, ERR_INPUT, "duplicate key '__metadata__'");
    h->has_metadata = true;
    struct strmap *seen = strmap_new(16);
    const bool ok = scan_object(s, metadata_field, seen, err);
    strmap_free(seen);
    return ok || err_wrap(err, "__metadata__ is not an object of strings");
}

static bool header_field(struct scan *s, void *arg, struct err *err) {
    const bool metadata = strcmp(strbuf_str(&s->string), "__metadata__") == 0;
    return metadata ? read_metadata(s, arg, err) : read_tensor(s, arg, err);
}

static bool header_scan(struct header *h, const char *text, size_t n, struct err *err) {
    struct scan s;
    scan_init(&s, text, n);
    const bool ok = scan_object(&s, header_field, h, err) && scan_end(&s, err);
    scan_release(&s);
    return ok || err_wrap(err, "header");
}

/* Every byte of the data belongs to one tensor: after this the pointers are good. */
static bool data_assign(struct header *h, const uint8_t *data, struct err *err) {
    if (!extents_check(h->extents, h->n_extents, h->w, true, err))
        return false;
    const uint64_t end = h->n_extents ? h->extents[h->n_extents - 1].end : 0;
    if (end > h->data_bytes)
        return err_set(err, ERR_INPUT,
            "truncated: tensors take %" PRIu64 " bytes, the file holds %" PRIu64, end,
            h->data_bytes);
    if (end < h->data_bytes)
        return err_set(err, ERR_INPUT, "the last %" PRIu64 " bytes are not covered by any tensor",
            h->data_bytes - end);
    for (size_t i = 0; i < h->n_extents; i++)
        h->w->tensors[h->extents[i].tensor].data = data + h->extents[i].begin;
    return true;
}

/* The length that the file claims for its header, held against the file and the ceiling. */
static bool header_length(const uint8_t *bytes, size_t size, size_t *out, struct err *err) {
    if (lfs_pointer_refuse(bytes, size, err))
        return false;
    if (size < 8)
        return err_set(
            err, ERR_INPUT, "too short: %zu bytes, and the header length alone takes 8", size);
    uint64_t n;
    memcpy(&n, bytes, sizeof n);
    if (n > SAFETENSORS_HEADER_MAX)
        return err_set(err, ERR_INPUT, "header length %" PRIu64 " is past the limit of %d bytes", n,
            SAFETENSORS_HEADER_MAX);
    if (n > size - 8)
        return err_set(err, ERR_INPUT,
            "header length %" PRIu64 " is more than the file holds (%zu bytes): truncated", n,
            size);
    if (n < 2)
        return err_set(err, ERR_INPUT, "header length %" PRIu64 " is too short for any header", n);
    *out = (size_t)n;
    return true;
}

bool safetensors_read(struct weights *w, const uint8_t *bytes, size_t size, struct err *err) {
    size_t n = 0;
    if (!header_length(bytes, size, &n, err))
        return false;
    const char *text = (const char *)bytes + 8;
    if (*text != '{')
        return err_set(
            err, ERR_INPUT, "the header is not a JSON object: it does not start with '{'");
    if (!utf8_valid(text, n))
        return err_set(err, ERR_INPUT, "the header is not UTF-8");
    struct header h = { .w = w, .data_bytes = size - 8 - n };
    const bool ok = header_scan(&h, text, n, err) && data_assign(&h, bytes + 8 + n, err);
    free(h.extents);
    return ok;
}

bool safetensors_file_read(struct weights *w, const char *path, struct err *err) {
    struct file_map map;
    if (!weights_map(w, path, &map, err))
        return false;
    return safetensors_read(w, map.data, map.size, err) ||
           err_wrap(err, "cannot read safetensors file '%s'", path);
}

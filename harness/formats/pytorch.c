/* PyTorch's files (torch.save): .bin, .pt, .pth. A pickle says which tensors there are and where
 * each lies in which storage; it is read without being run (pickle.h), and of what it may name the
 * table below is all. The storages are read in place:
 *
 *     since 1.6   a zip archive: NAME/data.pkl, NAME/byteorder, and NAME/data/KEY for each storage
 *     before      five pickles, one behind the other: a magic number, the version, the machine's
 *                 sizes, the tensors, and a list of keys; then each key's storage, its length first
 *
 * Tensors may share a storage, or be any regular part of one. Those that do not lie in order are
 * put in order as they are read. */
#include "harness/formats/derived.h"
#include "harness/formats/pickle.h"
#include "harness/formats/pytorch.h"
#include "harness/formats/quant.h"
#include "harness/formats/quoted.h"
#include "harness/formats/zip.h"

#include <inttypes.h>
#include <string.h>

/* What names mean beyond what the pickle's reader knows. */
enum {
    REBUILD,       /* (storage, offset, sizes, strides, ...) */
    REBUILD_TYPED, /* likewise, and the dtype as the seventh, the storage being bytes */
    PARAMETER,     /* (tensor, ...) */
    WITH_STATE,    /* (function, type, arguments, state): a tensor that had attributes */
    CLASS,
    IGNORED,
    UNTYPED, /* a storage of bytes */
    DTYPE,   /* this and what follows: DTYPE + a tensor_type */
};
#define OTHER(name, means)                                                                         \
    { name, PICKLE_OTHER, means }
#define TYPE(storage, dtype, type)                                                                 \
    OTHER("torch." storage "Storage", DTYPE + type), OTHER("torch." dtype, DTYPE + type)

static const struct pickle_global globals[] = {
    { "collections.OrderedDict", PICKLE_DICT, 0 },
    { "torch.Size", PICKLE_TUPLE, 0 },
    OTHER("torch._utils._rebuild_tensor", REBUILD),
    OTHER("torch._utils._rebuild_tensor_v2", REBUILD),
    OTHER("torch._utils._rebuild_tensor_v3", REBUILD_TYPED),
    OTHER("torch._utils._rebuild_parameter", PARAMETER),
    OTHER("torch._utils._rebuild_parameter_with_state", PARAMETER),
    OTHER("torch._tensor._rebuild_from_type_v2", WITH_STATE),
    OTHER("torch.Tensor", CLASS),
    OTHER("torch.nn.parameter.Parameter", CLASS),
    OTHER("torch.device", IGNORED),
    OTHER("_codecs.encode", IGNORED),  /* bytes, as Python 3 spells them for Python 2 */
    OTHER("__builtin__.set", IGNORED), /* Python 2's name of it */
    OTHER("builtins.set", IGNORED),
    OTHER("torch.storage.UntypedStorage", UNTYPED),
    OTHER("torch.UntypedStorage", UNTYPED),
    TYPE("Double", "float64", TENSOR_F64),
    TYPE("Float", "float32", TENSOR_F32),
    TYPE("Half", "float16", TENSOR_F16),
    TYPE("BFloat16", "bfloat16", TENSOR_BF16),
    TYPE("Long", "int64", TENSOR_I64),
    TYPE("Int", "int32", TENSOR_I32),
    TYPE("Short", "int16", TENSOR_I16),
    TYPE("Char", "int8", TENSOR_I8),
    TYPE("Byte", "uint8", TENSOR_U8),
    TYPE("Bool", "bool", TENSOR_BOOL),
    OTHER("torch.uint16", DTYPE + TENSOR_U16),
    OTHER("torch.uint32", DTYPE + TENSOR_U32),
    OTHER("torch.uint64", DTYPE + TENSOR_U64),
    OTHER("torch.float8_e4m3fn", DTYPE + TENSOR_F8_E4M3),
    OTHER("torch.float8_e5m2", DTYPE + TENSOR_F8_E5M2),
    OTHER("torch.float8_e8m0fnu", DTYPE + TENSOR_F8_E8M0),
    OTHER("torch.float8_e4m3fnuz", DTYPE + TENSOR_F8_E4M3FNUZ),
    OTHER("torch.float8_e5m2fnuz", DTYPE + TENSOR_F8_E5M2FNUZ),
    { 0 },
};

/* A file that is being read: where its storages are. */
struct container {
    struct weights *w;
    size_t size;      /* of the file */
    uint64_t claimed; /* bytes of all tensors so far */
    struct pickle pickle;
    struct zip zip;
    const char *prefix; /* of the archive's members, "NAME/" */
    size_t prefix_n;
    struct strmap *keys; /* of the older format: to an index in `storages` */
    struct zip_member *storages;
    size_t n_storages, storages_capacity;
    struct err *err;
};

/* A tensor as its pickle has it. */
struct view {
    const char *name; /* for messages: quoted */
    const struct value *storage, *sizes, *strides;
    uint64_t offset; /* in elements, as strides are */
    enum tensor_type type;
    uint64_t step[TENSOR_MAX_DIMS];
};

static bool refuse(const struct container *c, const struct view *v, const char *why) {
    return err_set(c->err, ERR_INPUT, "tensor '%s' %s", v->name, why);
}

static int meaning(const struct value *v, enum value_kind kind) {
    return v && v->kind == kind ? v->global->means : -1;
}

static bool number_of(const struct value *v, uint64_t *out) {
    if (!v || v->kind != VALUE_NUMBER || v->number < 0)
        return false;
    *out = (uint64_t)v->number;
    return true;
}

/* ---- storages ---- */

static const struct zip_member *storage_find(const struct container *c, const struct value *key) {
    char path[ZIP_NAME_MAX];
    if (!key || key->kind != VALUE_TEXT)
        return NULL;
    if (c->keys) {
        const int32_t i = strmap_find(c->keys, key->text, key->n);
        return i < 0 ? NULL : &c->storages[i];
    }
    const int n = snprintf(path, sizeof path, "%.*sdata/%.*s", (int)c->prefix_n, c->prefix,
        (int)(key->n < ZIP_NAME_MAX ? key->n : ZIP_NAME_MAX), key->text);
    return n < (int)sizeof path ? zip_find(&c->zip, path, (size_t)n) : NULL;
}

static bool is_none(const struct value *v) {
    return !v || v->kind == VALUE_NONE;
}

/* The type of a storage's elements: of one that is bytes only, U8. -1: it is no storage, or a part
 * of another, as PyTorch had them before 0.4. */
static int storage_type(const struct value *id) {
    const int means = meaning(value_at(id, 1), VALUE_GLOBAL);
    if (!value_is_text(value_at(id, 0), "storage") || means < UNTYPED || !is_none(value_at(id, 5)))
        return -1;
    return means == UNTYPED ? TENSOR_U8 : means - DTYPE;
}

/* ---- tensors ---- */

static bool is_rebuild(int means) {
    return means == REBUILD || means == REBUILD_TYPED;
}

/* Unwraps what stands around a tensor's own call. */
static const struct value *rebuild_of(const struct value *v, const struct value **args) {
    for (int depth = 0; depth < 4; depth++) {
        const int means = meaning(v, VALUE_CALL);
        *args = v;
        if (means == PARAMETER)
            v = value_at(v, 0);
        else if (means == WITH_STATE) {
            *args = value_at(v, 2);
            return is_rebuild(meaning(value_at(v, 0), VALUE_GLOBAL)) &&
                           meaning(value_at(v, 1), VALUE_GLOBAL) == CLASS
                       ? value_at(v, 0)
                       : NULL;
        } else
            return is_rebuild(means) ? v : NULL;
    }
    return NULL;
}

static bool is_tensor(const struct value *v) {
    const struct value *args;
    return rebuild_of(v, &args) != NULL;
}

static bool view_read(const struct container *c, const struct value *v, struct view *out) {
    const struct value *args, *by = rebuild_of(v, &args);
    out->storage = value_at(args, 0);
    out->sizes = value_at(args, 2);
    out->strides = value_at(args, 3);
    const int type = storage_type(out->storage);
    if (!out->storage || out->storage->kind != VALUE_PERSISTENT || type < 0)
        return refuse(c, out, "has no storage of its own");
    if (!out->sizes || !out->strides || out->sizes->kind != VALUE_TUPLE ||
        out->strides->kind != VALUE_TUPLE || out->sizes->n != out->strides->n ||
        !number_of(value_at(args, 1), &out->offset))
        return refuse(c, out, "has no shape, strides and offset");
    const int dtype = meaning(value_at(args, 6), VALUE_GLOBAL);
    const bool typed = by->global->means == REBUILD_TYPED;
    if (typed && dtype < DTYPE)
        return refuse(c, out, "has no dtype");
    out->type = (enum tensor_type)(typed ? dtype - DTYPE : type);
    const struct value *bits = value_at(args, typed ? 7 : 6); /* {"neg": True}: of each number */
    return is_none(bits) || (bits->kind == VALUE_DICT && !bits->n) ||
           err_set(c->err, ERR_UNSUPPORTED,
               "tensor '%s' is a view that negates or conjugates, which is not supported",
               out->name);
}

/* Shape and strides; *span is how far the last element lies from the first. */
static bool shape_read(
    const struct container *c, struct view *v, struct tensor *t, uint64_t *span) {
    if (v->sizes->n > TENSOR_MAX_DIMS)
        return err_set(c->err, ERR_UNSUPPORTED,
            "the shape of tensor '%s' has more than %d dimensions", v->name, TENSOR_MAX_DIMS);
    t->type = v->type;
    t->n_dims = v->sizes->n;
    for (uint32_t i = 0; i < t->n_dims; i++)
        if (!number_of(v->sizes->items[i], &t->shape[i]) ||
            !number_of(v->strides->items[i], &v->step[i]))
            return refuse(c, v, "has a shape or strides that are no sizes");
    if (!tensor_measure(t))
        return refuse(c, v, "has a shape that overflows");
    *span = 0;
    for (uint32_t i = 0; t->n_elements && i < t->n_dims; i++) {
        size_t far;
        if (!mem_mul(t->shape[i] - 1, v->step[i], &far) || !mem_add(*span, far, span))
            return refuse(c, v, "has strides that overflow");
    }
    return true;
}

static bool in_order(const struct view *v, const struct tensor *t) {
    uint64_t step = 1;
    for (uint32_t i = t->n_dims; i-- > 0;) {
        if (t->shape[i] > 1 && v->step[i] != step)
            return false;
        step *= t->shape[i];
    }
    return true;
}

/* A row of a tensor whose elements lie apart: gathered, then made f32 a handful at a time. */
static void strided_row(
    const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    enum { HANDFUL = 64 };
    const struct tensor *t = &d->parts[0];
    const struct tensor_type_info *info = tensor_type_info(t->type);
    const uint32_t last = t->n_dims - 1;
    uint64_t at = 0;
    for (uint32_t i = last; i-- > 0; row /= t->shape[i])
        at += row % t->shape[i] * d->strides[i];
    for (uint64_t done = 0; done < n;) {
        uint8_t together[8 * HANDFUL];
        const uint64_t here = n - done < HANDFUL ? n - done : HANDFUL;
        for (uint64_t i = 0; i < here; i++)
            memcpy(together + i * info->block_bytes,
                t->data + (at + (from + done + i) * d->strides[last]) * info->block_bytes,
                info->block_bytes);
        info->to_f32(together, (size_t)here, out + done);
        done += here;
    }
}

static void put_in_order(struct weights *w, const struct view *v, struct tensor *t) {
    struct derived *d = arena_alloc(&w->arena, sizeof *d);
    *d = (struct derived) { .row = strided_row };
    memcpy(d->strides, v->step, sizeof d->strides);
    d->parts[0] = *t;
    d->cols = t->shape[t->n_dims - 1];
    d->rows = t->n_elements / d->cols;
    t->derived = d;
}

/* The tensor's bytes are in its storage, and not many times over those of the file. */
static bool place(struct container *c, struct view *v, struct tensor *t, uint64_t span) {
    const struct zip_member *storage = storage_find(c, value_at(v->storage, 2));
    const size_t unit = tensor_type_info(t->type)->block_bytes;
    if (!storage)
        return refuse(c, v, "lies in a storage that is not in the file");
    const uint64_t room = storage->bytes / unit;
    if (v->offset > room || (t->n_elements && span >= room - v->offset))
        return refuse(c, v, "reaches past the end of its storage");
    if (t->n_elements > span + 1)
        return err_set(c->err, ERR_UNSUPPORTED,
            "tensor '%s' repeats elements by its strides, which is not supported", v->name);
    c->claimed += t->bytes;
    if (c->claimed > PYTORCH_SHARED_MAX * (uint64_t)c->size)
        return refuse(c, v, "and those before it share storages too often");
    t->data = storage->data + v->offset * unit;
    if (t->n_elements && !in_order(v, t))
        put_in_order(c->w, v, t);
    return true;
}

static bool tensor_add(struct container *c, const struct value *name, const struct value *value) {
    struct quoted q;
    if (name->kind != VALUE_TEXT)
        return err_set(c->err, ERR_INPUT, "a tensor's name is not a text");
    struct view v = { .name = quoted(&q, name->text, name->n) };
    struct tensor made = { 0 };
    uint64_t span;
    if (!view_read(c, value, &v) || !shape_read(c, &v, &made, &span) || !place(c, &v, &made, span))
        return false;
    struct tensor *t = weights_add(c->w, name->text, name->n, c->err);
    if (!t)
        return false;
    made.name = t->name;
    *t = made;
    return true;
}

/* ---- the dict of tensors ---- */

static bool holds_tensors(const struct value *v) {
    for (uint32_t i = 1; v && v->kind == VALUE_DICT && i < v->n; i += 2)
        if (is_tensor(v->items[i]))
            return true;
    return false;
}

/* The state dict itself, or the only one that stands in a dict of a training run under a name that
 * says so. */
static const struct value *state_dict_of(const struct value *root) {
    static const char *const names[] = { "state_dict", "model_state_dict", "model", "module" };
    const struct value *found = NULL;
    if (holds_tensors(root))
        return root;
    for (size_t i = 0; root->kind == VALUE_DICT && i < sizeof names / sizeof *names; i++) {
        const struct value *inner = value_of(root, names[i]);
        if (!holds_tensors(inner))
            continue;
        if (found)
            return NULL; /* which one is meant can't be told */
        found = inner;
    }
    return found;
}

static bool dict_read(struct container *c, const struct value *root) {
    const struct value *dict = state_dict_of(root);
    if (!dict)
        return err_set(
            c->err, ERR_UNSUPPORTED, "it holds no tensors by their names, or several sets of them");
    for (uint32_t i = 0; i < dict->n; i += 2)
        if (is_tensor(dict->items[i + 1]) && !tensor_add(c, dict->items[i], dict->items[i + 1]))
            return false;
    return true;
}

/* ---- the archive ---- */

/* NAME/data.pkl, of which there is one. */
static const struct zip_member *archive_pickle(struct container *c) {
    static const char file[] = "data.pkl";
    const struct zip_member *found = NULL;
    for (size_t i = 0; i < c->zip.n_members; i++) {
        const struct zip_member *m = &c->zip.members[i];
        const char *slash = memchr(m->name, '/', m->name_n);
        const size_t prefix = slash ? (size_t)(slash + 1 - m->name) : 0;
        if (!slash || m->name_n != prefix + sizeof file - 1 ||
            memcmp(slash + 1, file, sizeof file - 1) != 0)
            continue;
        if (found) {
            err_set(c->err, ERR_INPUT, "the zip archive has several data.pkl");
            return NULL;
        }
        found = m;
        c->prefix = m->name;
        c->prefix_n = prefix;
    }
    if (!found)
        err_set(c->err, ERR_UNSUPPORTED, "the zip archive is not PyTorch's: it has no data.pkl");
    return found;
}

static const struct zip_member *archive_find(const struct container *c, const char *name) {
    char path[ZIP_NAME_MAX + 32];
    const int n = snprintf(path, sizeof path, "%.*s%s", (int)c->prefix_n, c->prefix, name);
    return zip_find(&c->zip, path, (size_t)n);
}

static bool archive_check(const struct container *c) {
    const struct zip_member *order = archive_find(c, "byteorder");
    if (archive_find(c, "constants.pkl"))
        return err_set(c->err, ERR_UNSUPPORTED, "it is a TorchScript program, not tensors");
    if (order && (!order->data || order->bytes != 6 || memcmp(order->data, "little", 6) != 0))
        return err_set(c->err, ERR_UNSUPPORTED, "its numbers are not little-endian");
    return zip_is_stored(&c->zip, c->err);
}

static bool archive_read(struct container *c, const uint8_t *bytes) {
    size_t used;
    if (!zip_read(&c->zip, bytes, c->size, c->err))
        return false;
    const struct zip_member *m = archive_pickle(c);
    if (!m || !archive_check(c))
        return false;
    const struct value *root = pickle_read(&c->pickle, m->data, m->bytes, &used, c->err);
    return root && dict_read(c, root);
}

/* ---- the older format ---- */

static const uint8_t magic[] = { 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19 };

/* Where a key's storage lies; its type says how long the elements are. */
static bool storage_add(struct container *c, const struct value *key, const struct value *id,
    const uint8_t **at, const uint8_t *end) {
    const int type = storage_type(id);
    struct quoted q;
    const char *name = quoted(&q, key->text, key->n);
    if (type < 0)
        return err_set(c->err, ERR_UNSUPPORTED, "storage '%s' is of a kind that is not read", name);
    const size_t unit = tensor_type_info((enum tensor_type)type)->block_bytes,
                 left = (size_t)(end - *at);
    const uint64_t n = left < 8 ? UINT64_MAX : load_u64(*at);
    if (left < 8 || n > (left - 8) / unit)
        return err_set(c->err, ERR_INPUT, "storage '%s' is truncated", name);
    mem_grow(&c->storages, &c->storages_capacity, c->n_storages + 1, sizeof *c->storages);
    c->storages[c->n_storages++] = (struct zip_member) { .data = *at + 8, .bytes = n * unit };
    *at += 8 + n * unit;
    return true;
}

/* The storages' ids by their keys, as the tensors' pickle has them. */
static struct strmap *ids_by_key(const struct pickle *p) {
    struct strmap *ids = strmap_new(p->n_persistent + 1);
    for (size_t i = 0; i < p->n_persistent; i++) {
        const struct value *key = value_at(p->persistent[i], 2);
        if (key && key->kind == VALUE_TEXT)
            (void)strmap_add(ids, key->text, key->n, (int32_t)i);
    }
    return ids;
}

static bool storages_read(
    struct container *c, const struct value *keys, const uint8_t *at, const uint8_t *end) {
    if (keys->kind != VALUE_LIST)
        return err_set(c->err, ERR_INPUT, "it has no list of storages");
    struct strmap *ids = ids_by_key(&c->pickle);
    c->keys = strmap_new(keys->n + 1);
    bool ok = true;
    for (uint32_t i = 0; ok && i < keys->n; i++) {
        const struct value *key = keys->items[i];
        const int32_t id = key->kind == VALUE_TEXT ? strmap_find(ids, key->text, key->n) : -1;
        ok = id >= 0 ? storage_add(c, key, c->pickle.persistent[id], &at, end)
                     : err_set(c->err, ERR_INPUT, "it has a storage that no tensor names");
        if (ok && !strmap_add(c->keys, key->text, key->n, (int32_t)i))
            ok = err_set(c->err, ERR_INPUT, "it has two storages with one key");
    }
    strmap_free(ids);
    return ok;
}

static bool older_check(const struct container *c, int i, const struct value *v) {
    if (i == 0 && (v->kind != VALUE_OPAQUE || v->n != sizeof magic ||
                      memcmp(v->text, magic, sizeof magic) != 0))
        return err_set(c->err, ERR_UNSUPPORTED, "it is a pickle, but not one of PyTorch's");
    if (i == 1 && (v->kind != VALUE_NUMBER || v->number != 1001))
        return err_set(c->err, ERR_UNSUPPORTED,
            "it is of a version of PyTorch's format that is "
            "not read");
    const struct value *little =
        i == 2 && v->kind == VALUE_DICT ? value_of(v, "little_endian") : NULL;
    if (i == 2 && (!little || little->kind != VALUE_NUMBER || !little->number))
        return err_set(c->err, ERR_UNSUPPORTED, "its numbers are not little-endian");
    return true;
}

static bool older_read(struct container *c, const uint8_t *bytes) {
    const uint8_t *at = bytes, *const end = bytes + c->size;
    const struct value *parts[5];
    struct pickle others[5] = { 0 }; /* whose values nobody needs once the storages are found */
    bool ok = true;
    for (int i = 0; ok && i < 5; i++) {
        struct pickle *p = i == 3 ? &c->pickle : &others[i];
        size_t used;
        p->globals = globals;
        parts[i] = pickle_read(p, at, (size_t)(end - at), &used, c->err);
        ok = parts[i] && older_check(c, i, parts[i]);
        at += used;
    }
    ok = ok && storages_read(c, parts[4], at, end) && dict_read(c, parts[3]);
    for (int i = 0; i < 5; i++)
        pickle_release(&others[i]);
    return ok;
}

/* ---- the door ---- */

bool pytorch_is(const uint8_t *bytes, size_t size) {
    return zip_is(bytes, size) || (size >= 14 && bytes[0] == 0x80 && bytes[2] == 0x8a &&
                                      memcmp(bytes + 4, magic, sizeof magic) == 0);
}

/* Archives of PyTorch before 0.1.10 (2017). */
static bool is_tar(const uint8_t *bytes, size_t size) {
    return size >= 262 && memcmp(bytes + 257, "ustar", 5) == 0;
}

static bool any_read(struct container *c, const uint8_t *bytes) {
    if (!c->size)
        return err_set(c->err, ERR_INPUT, "it is empty");
    if (lfs_pointer_refuse(bytes, c->size, c->err))
        return false;
    if (is_tar(bytes, c->size))
        return err_set(c->err, ERR_UNSUPPORTED, "it is a tar archive, as PyTorch wrote until 2017");
    if (zip_is(bytes, c->size))
        return archive_read(c, bytes);
    return older_read(c, bytes);
}

bool pytorch_read(struct weights *w, const uint8_t *bytes, size_t size, struct err *err) {
    struct container c = { .w = w, .size = size, .pickle.globals = globals, .err = err };
    const bool ok = any_read(&c, bytes);
    if (!ok && err && err->class == ERR_UNSUPPORTED)
        err_hint(err, "transformers converts it: from_pretrained, then save_pretrained");
    pickle_release(&c.pickle);
    zip_release(&c.zip);
    strmap_free(c.keys);
    free(c.storages);
    return ok;
}

bool pytorch_file_read(struct weights *w, const char *path, struct err *err) {
    struct file_map map;
    if (!weights_map(w, path, &map, err))
        return false;
    return pytorch_read(w, map.data, map.size, err) ||
           err_wrap(err, "cannot read PyTorch file '%s'", path);
}

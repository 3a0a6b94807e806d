/* A folder of weights: model.safetensors, or shards named by model.safetensors.index.json; else
 * PyTorch's pytorch_model.bin, or its shards.
 *
 * The index is a stranger's text that names files to open. A name must be a plain basename with the
 * ending of its format, so none leads out of the folder; the file may be a link, since that is how
 * download caches lay models out. Every tensor that the index lists must be in the shard that it
 * names; the index's total_size is ignored, as everywhere. */
#include "harness/formats/adapter.h"
#include "harness/formats/delta.h"
#include "harness/formats/derived.h"

#include <string.h>

#include "base/utf8.h"
#include "harness/formats/pytorch.h"
#include "harness/formats/scan.h"

#define INDEX_DEPTH_MAX 32
#define SHARD_NAME_MAX 255
#define CONFIG_BYTES_MAX (16u << 20)

/* ---- the index ---- */

static bool is_plain_name(const char *name, size_t n, const char *ending) {
    const size_t m = strlen(ending);
    if (n <= m || n > SHARD_NAME_MAX || strlen(name) != n || *name == '.' ||
        strcmp(name + n - m, ending) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || strchr("/\\:", c))
            return false;
    }
    return true;
}

/* Reading the index: `shards` finds a name that was seen before. */
struct index_reader {
    struct shard_map *map;
    const char *ending;
    struct strmap *tensors, *shards;
    bool has_map;
};

static bool shard_intern(
    struct index_reader *r, const char *name, size_t n, const char **out, struct err *err) {
    struct shard_map *map = r->map;
    const int32_t seen = strmap_find(r->shards, name, n);
    if (seen >= 0) {
        *out = map->shards[seen];
        return true;
    }
    struct quoted q;
    if (!is_plain_name(name, n, r->ending))
        return err_set(err, ERR_INPUT,
            "weight_map names the path '%s': a shard must be a plain *%s file name",
            quoted(&q, name, n), r->ending);
    if (map->n_shards == WEIGHTS_SHARDS_MAX)
        return err_set(err, ERR_INPUT, "weight_map names more than %d shards", WEIGHTS_SHARDS_MAX);
    mem_grow(&map->shards, &map->shards_capacity, map->n_shards + 1, sizeof *map->shards);
    *out = map->shards[map->n_shards] = arena_strndup(&map->arena, name, n);
    return strmap_add(r->shards, name, n, (int32_t)map->n_shards++);
}

static bool weight_map_field(struct scan *s, void *arg, struct err *err) {
    struct index_reader *r = arg;
    struct shard_map *map = r->map;
    struct quoted q;
    const char *name = quoted(&q, strbuf_str(&s->string), s->string.len);
    if (map->n_entries == WEIGHTS_TENSORS_MAX)
        return err_set(
            err, ERR_INPUT, "weight_map holds more than %d tensors", WEIGHTS_TENSORS_MAX);
    if (s->string.len > WEIGHTS_NAME_MAX)
        return err_set(err, ERR_INPUT,
            "weight_map: the name of tensor '%s' is longer than %d bytes", name, WEIGHTS_NAME_MAX);
    if (!strmap_add(r->tensors, strbuf_str(&s->string), s->string.len, 0))
        return err_set(err, ERR_INPUT, "weight_map: duplicate tensor name '%s'", name);
    struct shard_entry entry = { .tensor = arena_strndup(
                                     &map->arena, strbuf_str(&s->string), s->string.len) };
    if (!scan_string(s, err))
        return err_wrap(err, "weight_map: the shard of tensor '%s'", name);
    if (!shard_intern(r, strbuf_str(&s->string), s->string.len, &entry.shard, err))
        return false;
    mem_grow(&map->entries, &map->entries_capacity, map->n_entries + 1, sizeof *map->entries);
    map->entries[map->n_entries++] = entry;
    return true;
}

static bool index_field(struct scan *s, void *arg, struct err *err) {
    struct index_reader *r = arg;
    if (strcmp(strbuf_str(&s->string), "weight_map") != 0)
        return scan_skip(s, INDEX_DEPTH_MAX, err);
    if (r->has_map)
        return err_set(err, ERR_INPUT, "duplicate key 'weight_map'");
    r->has_map = true;
    return scan_object(s, weight_map_field, r, err);
}

bool shard_map_parse(
    struct shard_map *map, const char *ending, const char *text, size_t n, struct err *err) {
    if (!utf8_valid(text, n))
        return err_set(err, ERR_INPUT, "the index is not UTF-8");
    struct index_reader r = {
        .map = map, .ending = ending, .tensors = strmap_new(512), .shards = strmap_new(16)
    };
    struct scan s;
    scan_init(&s, text, n);
    bool ok = scan_object(&s, index_field, &r, err) && scan_end(&s, err);
    if (ok && !map->n_entries)
        ok = err_set(err, ERR_INPUT, r.has_map ? "weight_map is empty" : "there is no weight_map");
    scan_release(&s);
    strmap_free(r.tensors);
    strmap_free(r.shards);
    return ok;
}

void shard_map_release(struct shard_map *map) {
    free(map->entries);
    free(map->shards);
    arena_release(&map->arena);
    *map = (struct shard_map) { 0 };
}

/* ---- the shards ---- */

/* What a folder may have its weights in; the first that is there counts. */
static const struct kind {
    const char *format, *single, *index, *ending; /* of the shards */
    bool (*read)(struct weights *w, const char *path, struct err *err);
} kinds[] = {
    { "safetensors", "model.safetensors", "model.safetensors.index.json", ".safetensors",
        safetensors_file_read },
    { "pytorch", "pytorch_model.bin", "pytorch_model.bin.index.json", ".bin", pytorch_file_read },
};

static int name_compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Reads the shards in the order of their names; first[i] is the index of shard i's first tensor,
 * first[n] the end. */
static bool shards_read(struct weights *w, const struct kind *kind, struct shard_map *map,
    const char *dir, size_t *first, struct err *err) {
    qsort(map->shards, map->n_shards, sizeof *map->shards, name_compare);
    for (size_t i = 0; i < map->n_shards; i++) {
        first[i] = w->n_tensors;
        char *path = path_join(dir, map->shards[i]);
        const bool ok = kind->read(w, path, err);
        free(path);
        if (!ok)
            return false;
    }
    first[map->n_shards] = w->n_tensors;
    return true;
}

static bool shards_check(
    const struct weights *w, const struct shard_map *map, const size_t *first, struct err *err) {
    for (size_t i = 0; i < map->n_entries; i++) {
        const struct shard_entry *e = &map->entries[i];
        const char *const *named =
            bsearch(&e->shard, map->shards, map->n_shards, sizeof *map->shards, name_compare);
        BUG_IF(!named);
        const size_t shard = (size_t)(named - map->shards);
        const int32_t at = strmap_find(w->names, e->tensor, strlen(e->tensor));
        struct quoted q, r;
        if (at < 0 || (size_t)at < first[shard] || (size_t)at >= first[shard + 1])
            return err_set(err, ERR_INPUT,
                "tensor '%s' is not in shard '%s', where the index has it",
                quoted_str(&q, e->tensor), quoted_str(&r, e->shard));
    }
    return true;
}

static bool index_read(struct weights *w, const struct kind *kind, const char *dir,
    const char *index, struct err *err) {
    struct strbuf text = { .max = SAFETENSORS_INDEX_MAX + 1 };
    struct shard_map map = { 0 };
    size_t *first = NULL;
    bool ok = file_read(index, SAFETENSORS_INDEX_MAX, &text, err);
    if (!ok)
        goto out;
    ok = shard_map_parse(&map, kind->ending, text.text, text.len, err);
    if (!ok) {
        err_wrap(err, "cannot read index '%s'", index);
        goto out;
    }
    first = xcalloc(map.n_shards + 1, sizeof *first);
    ok = shards_read(w, kind, &map, dir, first, err);
    if (!ok)
        goto out;
    ok = shards_check(w, &map, first, err) || err_wrap(err, "cannot use index '%s'", index);
out:
    free(first);
    shard_map_release(&map);
    strbuf_release(&text);
    return ok;
}

/* What else lies there, for the message. */
static const struct {
    const char *file, *is, *hint;
} others[] = {
    { "adapter_config.json", "is an adapter without its base model",
        "put a copy of the base model's folder into it, named base_model" },
    { "tf_model.h5",
        "has its weights in TensorFlow's format in tf_model.h5 only, not as safetensors",
        "convert the model to safetensors (transformers: from_tf=True, save_pretrained)" },
    { "flax_model.msgpack",
        "has its weights in Flax's format in flax_model.msgpack only, not as safetensors",
        "convert the model to safetensors (transformers: from_flax=True, save_pretrained)" },
};

/* An adapter says which model it was made on. */
static bool hint_give(const char *dir, size_t i, struct err *err) {
    char name[ADAPTER_BASE_NAME_MAX + 1];
    if (i > 0 || !adapter_base_name(dir, name))
        return err_hint(err, "%s", others[i].hint);
    return err_hint(err,
        "it was made on '%s': 'assay hub pull %s' prints a folder; put a copy of it into this "
        "one, named base_model",
        name, name);
}

static bool no_base(const char *dir, struct err *err) {
    err_set(err, ERR_UNSUPPORTED,
        "folder '%s' holds the difference from a base model that is not there", dir);
    return hint_give(dir, 0, err);
}

static bool no_weights(const char *dir, struct err *err) {
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char *path = path_join(dir, others[i].file);
        const bool there = file_exists(path);
        free(path);
        if (there) {
            err_set(err, ERR_UNSUPPORTED, "folder '%s' %s", dir, others[i].is);
            return hint_give(dir, i, err);
        }
    }
    return err_set(err, ERR_NOT_FOUND,
        "folder '%s' has no model.safetensors, no pytorch_model.bin, and no index of shards", dir);
}

/* What the config says of how the weights are packed. A folder without a config has plain ones. */
static bool derive(struct weights *w, const char *dir, struct err *err) {
    char *path = path_join(dir, "config.json");
    json_t *config = NULL;
    bool ok = true;
    if (file_exists(path)) {
        config = json_parse_python_file(path, CONFIG_BYTES_MAX, err);
        ok = config != NULL;
    }
    ok = ok &&
         (weights_derive(w, config, err) || err_wrap(err, "cannot read the weights in '%s'", dir));
    json_decref(config);
    free(path);
    return ok;
}

static bool kind_read(
    struct weights *w, const struct kind *kind, const char *dir, bool *there, struct err *err) {
    char *single = path_join(dir, kind->single), *index = path_join(dir, kind->index);
    const bool whole = file_exists(single);
    *there = whole || file_exists(index);
    w->format = *there ? kind->format : w->format;
    const bool ok =
        *there && (whole ? kind->read(w, single, err) : index_read(w, kind, dir, index, err));
    free(single);
    free(index);
    return ok;
}

static bool plain_folder_read(struct weights *w, const char *dir, struct err *err) {
    bool there = false, ok = false;
    for (size_t i = 0; !there && i < sizeof kinds / sizeof *kinds; i++)
        ok = kind_read(w, &kinds[i], dir, &there, err);
    if (!there)
        return no_weights(dir, err);
    return ok && derive(w, dir, err);
}

static bool delta_read(struct weights *w, const char *dir, const char *base, struct err *err) {
    w->beside = weights_new("safetensors");
    return plain_folder_read(w, base, err) && plain_folder_read(w->beside, dir, err) &&
           (delta_apply(w, w->beside, err) || err_wrap(err, "cannot apply the delta in '%s'", dir));
}

bool folder_read(struct weights *w, const char *dir, struct err *err) {
    char *base = adapter_base(dir);
    const bool ok = !base && delta_is(dir) ? no_base(dir, err)
                    : !base                ? plain_folder_read(w, dir, err)
                    : delta_is(dir)        ? delta_read(w, dir, base, err)
                                    : plain_folder_read(w, base, err) && adapter_apply(w, dir, err);
    free(base);
    return ok;
}

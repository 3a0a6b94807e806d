/* What the readers of weight files share: the inside of `struct weights` and its growing. Private
 * to this folder (and to its fuzz targets, which hand bytes straight to the readers). */
#ifndef ASSAY_HARNESS_FORMATS_H
#define ASSAY_HARNESS_FORMATS_H

#include "base/file.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "harness/weights.h"

/* Ceilings for what a stranger's file may ask of us. */
#define WEIGHTS_TENSORS_MAX 65536 /* of a model, over all its shards */
#define WEIGHTS_NAME_MAX 512      /* bytes of a tensor's name */
#define WEIGHTS_SHARDS_MAX 1024
#define SAFETENSORS_HEADER_MAX                                                                     \
    25000000 /* read by a streaming parser, so no tree of it is ever built */
#define SAFETENSORS_INDEX_MAX (16u << 20)
#define GGUF_KEYS_MAX 100000
#define GGUF_KEY_BYTES_MAX 65535          /* the format's own limit */
#define GGUF_STRING_BYTES_MAX (64u << 20) /* of a file's keys, values and names together */
#define GGUF_ARRAY_VALUES_MAX (4u << 20)  /* numbers in arrays, of a file: they become JSON */

/* A GGUF array of strings that stayed in the file. */
struct string_array {
    const char *key; /* in the arena */
    struct gguf_strings strings;
};

struct weights {
    const char *format;
    struct arena arena; /* names and keys */
    struct file_map *maps;
    size_t n_maps, maps_capacity;
    struct strbuf stamps; /* of the maps, see stamp.h */
    bool unstamped;       /* one of them has none */
    struct tensor *tensors;
    size_t n_tensors, tensors_capacity;
    struct strmap *names; /* tensor name -> index in tensors */
    json_t *metadata;
    struct string_array *arrays;
    size_t n_arrays, arrays_capacity;
    bool untied;            /* see weights_untied */
    struct weights *beside; /* whose tensors are parts of these: closed with them */
};

struct weights *weights_new(const char *format);

/* A map of the file, which lives until weights_close. */
MUST_CHECK bool weights_map(
    struct weights *w, const char *path, struct file_map *out, struct err *err);

/* Adds a tensor under a copy of the name (UTF-8, checked) and returns it, zeroed but for the name;
 * NULL for a name that is there already, unusable names and too many tensors. The pointer dies with
 * the next call. */
MUST_CHECK struct tensor *weights_add(
    struct weights *w, const char *name, size_t n, struct err *err);

/* n_elements and bytes from type and shape; false where they overflow (t is left alone). */
MUST_CHECK bool tensor_measure(struct tensor *t);

/* Where a tensor lies in its file's data section. */
struct extent {
    uint64_t begin, end;
    size_t tensor; /* index in weights.tensors */
};

/* Sorts the extents and refuses any two that overlap; with `gapless` also holes and a start other
 * than 0. */
MUST_CHECK bool extents_check(
    struct extent *extents, size_t n, const struct weights *w, bool gapless, struct err *err);

/* The readers: add what the bytes hold to *w. The bytes must outlive it. Errors don't name the file
 * yet. */
MUST_CHECK bool safetensors_read(
    struct weights *w, const uint8_t *bytes, size_t size, struct err *err);
MUST_CHECK bool gguf_read(struct weights *w, const uint8_t *bytes, size_t size, struct err *err);

/* One file of several; `asked` is which one its name says, and n_tensors becomes the number that
 * all of them are to have, or 0. */
struct gguf_split;
MUST_CHECK bool gguf_part_read(struct weights *w, const uint8_t *bytes, size_t size,
    const struct gguf_split *asked, uint64_t *n_tensors, struct err *err);

/* A folder's model.safetensors, or the shards that its model.safetensors.index.json names; where
 * there is neither, PyTorch's pytorch_model.bin likewise. */
MUST_CHECK bool folder_read(struct weights *w, const char *dir, struct err *err);

/* One file of the kind; errors name it. */
MUST_CHECK bool safetensors_file_read(struct weights *w, const char *path, struct err *err);
MUST_CHECK bool gguf_file_read(
    struct weights *w, const char *path, struct err *err); /* and its siblings (gguf_parts.c) */

/* The weight_map of an index: tensor names to shards, whose names have the ending, parsed from text
 * before any shard is opened. */
struct shard_map {
    struct arena arena;
    struct shard_entry {
        const char *tensor, *shard; /* in the arena */
    } * entries;
    size_t n_entries, entries_capacity;
    const char **shards; /* distinct, in order of first mention */
    size_t n_shards, shards_capacity;
};
MUST_CHECK bool shard_map_parse(
    struct shard_map *map, const char *ending, const char *text, size_t n, struct err *err);
void shard_map_release(struct shard_map *map);

#endif

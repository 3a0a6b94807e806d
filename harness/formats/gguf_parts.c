/* A model in several GGUF files: NAME-00001-of-00003.gguf and so on, in one folder. The path of any
 * of them stands for all; each says in its metadata which one it is, too, and the two must agree.
 * Metadata is the first one's. */
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "harness/formats/formats.h"
#include "harness/formats/gguf_header.h"
#include "harness/harness.h"

#define ENDING_BYTES 20 /* of "-00001-of-00003.gguf" */

/* Five digits. */
static bool digits_take(const char *at, uint64_t *out) {
    *out = 0;
    for (int i = 0; i < 5; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(at[i] - '0');
    }
    return true;
}

/* What a name says; false where it is that of a whole model. */
static bool name_is_part(const char *path, struct gguf_split *out) {
    const size_t n = strlen(path);
    const char *end = path + n - (n > ENDING_BYTES ? ENDING_BYTES : n);
    *out = (struct gguf_split) { 0 };
    if (n <= ENDING_BYTES || end[0] != '-' || strncmp(end + 6, "-of-", 4) != 0 ||
        strcmp(end + 15, ".gguf") != 0 || !digits_take(end + 1, &out->no) ||
        !digits_take(end + 10, &out->count))
        return false;
    return out->no-- > 0 && out->no < out->count && out->count > 1;
}

static const char *part_name(
    struct arena *arena, const char *path, uint64_t no, const struct gguf_split *all) {
    return arena_printf(arena, "%.*s-%05" PRIu64 "-of-%05" PRIu64 ".gguf",
        (int)(strlen(path) - ENDING_BYTES), path, no + 1, all->count);
}

char *model_part(const char *path, uint64_t i) {
    struct gguf_split all;
    struct arena arena = { 0 };
    char *part = NULL;
    if (name_is_part(path, &all) && i < all.count && i < WEIGHTS_SHARDS_MAX)
        part = xstrdup(part_name(&arena, path, i, &all));
    arena_release(&arena);
    return part;
}

static bool part_read(struct weights *w, const char *path, const struct gguf_split *part,
    uint64_t *n_tensors, struct err *err) {
    struct file_map map;
    if (!weights_map(w, path, &map, err))
        return false;
    return gguf_part_read(w, map.data, map.size, part, n_tensors, err) ||
           err_wrap(err, "cannot read GGUF file '%s'", path);
}

static bool sibling_read(struct weights *w, const char *path, uint64_t no,
    const struct gguf_split *all, uint64_t *n_tensors, struct err *err) {
    const struct gguf_split part = { no, all->count, 0 };
    const char *sibling = part_name(&w->arena, path, no, all);
    if (!file_exists(sibling))
        return err_set(err, ERR_NOT_FOUND, "'%s' is missing, one of %" PRIu64 " parts of a model",
            sibling, all->count);
    return part_read(w, sibling, &part, n_tensors, err);
}

/* What is missing, in a part that is there, shows here: each says how many tensors they are. */
static bool parts_read(
    struct weights *w, const char *path, const struct gguf_split *all, struct err *err) {
    uint64_t expected = 0;
    if (all->count > WEIGHTS_SHARDS_MAX)
        return err_set(
            err, ERR_INPUT, "'%s' is one of more than %d parts", path, WEIGHTS_SHARDS_MAX);
    for (uint64_t no = 0; no < all->count; no++)
        if (!sibling_read(w, path, no, all, &expected, err))
            return false;
    return expected == 0 || expected == w->n_tensors ||
           err_set(err, ERR_INPUT,
               "the parts beside '%s' hold %zu tensors together, not the %" PRIu64
               " that their metadata says",
               path, w->n_tensors, expected);
}

bool gguf_file_read(struct weights *w, const char *path, struct err *err) {
    struct gguf_split all;
    uint64_t n_tensors;
    return name_is_part(path, &all) ? parts_read(w, path, &all, err)
                                    : part_read(w, path, NULL, &n_tensors, err);
}

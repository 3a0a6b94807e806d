/* The door of the data room: a source's files one after the other, each through the reader of its
 * format. */
#include "evaluator/data/data.h"

#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "evaluator/data/card.h"
#include "evaluator/data/files.h"
#include "evaluator/data/reader.h"

struct data {
    struct data_files files;
    const struct reader_type *fixed; /* of source->format; NULL: by each file's name */
    const struct reader_type *type;  /* of the open file */
    void *reader;
    size_t next; /* the file to open next */
    json_t *features;
};

static const struct reader_type *const READERS[] = {
    &reader_jsonl,
    &reader_json,
    &reader_csv,
    &reader_tsv,
    &reader_lines,
    &reader_parquet,
};

static const struct reader_type *reader_find(const char *format) {
    for (size_t i = 0; i < sizeof READERS / sizeof *READERS; i++)
        if (strcmp(READERS[i]->name, format) == 0)
            return READERS[i];
    return NULL;
}

/* Every error names its file once. */
static void name_file(const char *path, struct err *err) {
    if (!strstr(err->msg, path))
        err_wrap(err, "'%s'", path);
}

static bool open_next(struct data *d, struct err *err) {
    const char *path = d->files.paths[d->next++];
    const char *format = data_format(path);
    d->type = d->fixed ? d->fixed : format ? reader_find(format) : NULL;
    if (!d->type)
        return err_set(err, ERR_UNSUPPORTED, "'%s': cannot tell the format from the name", path);
    d->reader = d->type->open(path, err);
    if (!d->reader)
        name_file(path, err);
    return d->reader != NULL;
}

static void close_reader(struct data *d) {
    if (d->reader)
        d->type->close(d->reader);
    d->reader = NULL;
}

static void find_features(struct data *d, const struct data_source *source) {
    const json_t *own = d->type->features ? d->type->features(d->reader) : NULL;
    d->features = own             ? json_deep_copy(own)
                  : d->files.card ? card_features(d->files.card, source->config)
                                  : NULL;
}

struct data *data_open(const struct data_source *source, struct err *err) {
    struct data *d = xcalloc(1, sizeof *d);
    bool ok = true;
    if (source->format) {
        d->fixed = reader_find(source->format);
        ok = d->fixed || err_set(err, ERR_INPUT, "unknown data format '%s'", source->format) ||
             err_hint(err, "formats are jsonl, json, csv, tsv, lines and parquet");
    }
    if (ok && data_files_find(source, &d->files, err) && open_next(d, err)) {
        find_features(d, source);
        return d;
    }
    data_close(d);
    return NULL;
}

void data_close(struct data *d) {
    if (!d)
        return;
    close_reader(d);
    data_files_release(&d->files);
    json_decref(d->features);
    free(d);
}

json_t *data_next(struct data *d, struct err *err) {
    for (;;) {
        if (!d->reader)
            return NULL;
        struct err e = ERR_INIT;
        json_t *row = d->type->next(d->reader, &e);
        if (row)
            return row;
        const char *path = d->files.paths[d->next - 1];
        close_reader(d);
        if (e.class != ERR_NONE) {
            name_file(path, &e);
            if (err)
                *err = e;
            return NULL;
        }
        if (d->next == d->files.n || !open_next(d, err))
            return NULL;
    }
}

const char *data_label(const struct data *d, const char *column, long long value) {
    const json_t *feature = json_object_get(d->features, column);
    for (int depth = 0; feature && depth < 4 && !json_object_get(feature, "names"); depth++)
        feature = json_is_array(feature) ? json_array_get(feature, 0)
                                         : json_object_get(feature, "feature");
    const json_t *names = json_object_get(feature, "names");
    return value >= 0 ? json_string_value(json_array_get(names, (size_t)value)) : NULL;
}

/* Name, NUL, size as text, NUL, bytes. */
static bool add_file(struct sha256 *h, const char *name, const char *path, struct err *err) {
    struct file_map map;
    char size[24];
    if (!file_map(&map, path, err))
        return false;
    snprintf(size, sizeof size, "%zu", map.size);
    sha256_add(h, name, strlen(name) + 1);
    sha256_add(h, size, strlen(size) + 1);
    sha256_add(h, map.data, map.size);
    file_unmap(&map);
    return true;
}

bool data_sha256(const struct data_source *source, char hex[65], struct err *err) {
    struct data_files files;
    if (!data_files_find(source, &files, err))
        return false;
    struct sha256 *h = sha256_new();
    bool ok = true;
    for (size_t i = 0; ok && i < files.n; i++) {
        const char *path = files.paths[i], *name = path_base(path);
        size_t under = source->dir ? strlen(source->dir) : 0;
        if (!source->file && strlen(path) > under && strncmp(path, source->dir, under) == 0)
            name = path + under + strspn(path + under, "/");
        ok = add_file(h, name, path, err);
    }
    sha256_end(h, hex);
    data_files_release(&files);
    return ok;
}

/* The door of the data room: a source's files one after the other, each through the reader of its
 * format. */
#include "evaluator/data/data.h"

#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "evaluator/data/card.h"
#include "evaluator/data/files.h"
#include "evaluator/data/reader.h"

struct data {
    struct data_files files;
    const struct data_remote *remote;
    const char *const *columns; /* of the source */
    data_wants_fn *wants;       /* likewise */
    void *wants_arg;
    struct strmap *left_out;         /* NULL: none */
    const struct reader_type *fixed; /* of source->format; NULL: by each file's name */
    const struct reader_type *type;  /* of the open file */
    struct bytes *bytes;
    void *reader;
    size_t next; /* the file to open next */
    struct row row;
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

static void note_left_out(struct data *d) {
    const char *name;
    for (size_t i = 0; d->type->left_out && (name = d->type->left_out(d->reader, i)); i++) {
        d->left_out = d->left_out ? d->left_out : strmap_new(16);
        (void)strmap_add(d->left_out, name, strlen(name), 0);
    }
}

bool data_leaves_out(const struct data *d, const char *column, size_t n) {
    return d->left_out && strmap_find(d->left_out, column, n) >= 0;
}

bool data_leaves_out_any(const struct data *d) {
    return d->left_out != NULL;
}

static bool open_next(struct data *d, struct err *err) {
    const struct data_file *file = &d->files.items[d->next++];
    const char *format = data_format(file->path);
    d->type = d->fixed ? d->fixed : format ? reader_find(format) : NULL;
    if (!d->type)
        return err_set(
            err, ERR_UNSUPPORTED, "'%s': cannot tell the format from the name", file->path);
    d->bytes = file->remote ? bytes_open_remote(d->remote, file->remote)
                            : bytes_open_file(file->path, err);
    struct reader_input input = { d->bytes, file->path, d->columns, d->wants, d->wants_arg };
    d->reader = d->bytes ? d->type->open(&input, err) : NULL;
    if (d->reader)
        note_left_out(d);
    else
        name_file(file->path, err);
    return d->reader != NULL;
}

static void close_reader(struct data *d) {
    if (d->reader)
        d->type->close(d->reader);
    bytes_close(d->bytes);
    d->reader = NULL;
    d->bytes = NULL;
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
    d->remote = source->remote;
    d->columns = source->columns;
    d->wants = source->wants;
    d->wants_arg = source->wants_arg;
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
    row_release(&d->row);
    json_decref(d->features);
    strmap_free(d->left_out);
    free(d);
}

static bool is_asked_for(const char *const *columns, const struct value *name) {
    for (; *columns; columns++)
        if (strlen(*columns) == name->n && memcmp(*columns, name->s, name->n) == 0)
            return true;
    return false;
}

/* Leaves of the row, an object, what was asked for; a reader may have done so before. */
static void project(struct row *row, const char *const *columns) {
    struct value *object = row->values, *to = object + 1, *from = to;
    uint32_t n = object->n;
    for (uint32_t i = 0; i < n; i++) {
        size_t span = (size_t)(value_after(from + 1) - from);
        if (is_asked_for(columns, from)) {
            memmove(to, from, span * sizeof *to);
            to += span;
        } else
            object->n--;
        from += span;
    }
    object->span = row->n = (size_t)(to - row->values);
}

/* The file at hand is closed, for its end or for what is wrong with it; false. */
static bool end_file(struct data *d, struct err *why, struct err *err) {
    close_reader(d);
    if (why->class != ERR_NONE) {
        name_file(d->files.items[d->next - 1].path, why);
        if (err)
            *err = *why;
        d->next = d->files.n;
    }
    return false;
}

/* False at the end of the file, which is then closed, and on failure. */
static bool next_of_file(struct data *d, struct err *err) {
    struct err e = ERR_INIT;
    row_reset(&d->row);
    bool got = d->type->next(d->reader, &d->row, &e);
    if (got && d->row.overflow)
        got = err_set(&e, ERR_INPUT, "a row is over the ceiling of %d bytes, or of %d values",
            ROW_MAX_BYTES, ROW_MAX_VALUES);
    return got || end_file(d, &e, err);
}

const struct value *data_row(struct data *d, struct err *err) {
    while (d->reader) {
        if (next_of_file(d, err)) {
            if (d->columns)
                project(&d->row, d->columns);
            return d->row.values;
        }
        if (d->next == d->files.n || !open_next(d, err))
            return NULL;
    }
    return NULL;
}

/* Takes what it skips off *n; false at the end of the file, which is then closed, and on failure.
 */
static bool skip_in_file(struct data *d, uint64_t *n, struct err *err) {
    struct err e = ERR_INIT;
    while (*n > 0) {
        uint64_t leapt = 0;
        bool got = !d->type->leap || d->type->leap(d->reader, *n, &leapt, &e);
        if (got && leapt == 0) {
            got = d->type->skip(d->reader, &e);
            leapt = got;
        }
        *n -= leapt;
        if (!got)
            return end_file(d, &e, err);
    }
    return true;
}

bool data_skip(struct data *d, uint64_t n, struct err *err) {
    struct err e = ERR_INIT;
    while (d->reader && !skip_in_file(d, &n, &e))
        if (e.class != ERR_NONE || (d->next < d->files.n && !open_next(d, &e))) {
            *err = e;
            return false;
        }
    return true;
}

json_t *data_next(struct data *d, struct err *err) {
    const struct value *row = data_row(d, err);
    return row ? value_json(row) : NULL;
}

const char *data_label(const struct data *d, const char *column, long long value) {
    const json_t *feature = json_object_get(d->features, column);
    for (int depth = 0; feature && depth < 4 && !json_object_get(feature, "names"); depth++)
        feature = json_is_array(feature) ? json_array_get(feature, 0)
                                         : json_object_get(feature, "feature");
    const json_t *names = json_object_get(feature, "names");
    return value >= 0 ? json_string_value(json_array_get(names, (size_t)value)) : NULL;
}

static bool hash_bytes(struct bytes *b, char hex[65], struct err *err) {
    enum { PIECE = 1 << 20 };
    uint8_t *piece = xmalloc(PIECE);
    struct sha256 *h = sha256_new();
    bool ok = true;
    for (uint64_t at = 0; ok && at < b->size;) {
        size_t n = b->size - at < PIECE ? (size_t)(b->size - at) : PIECE;
        ok = bytes_read(b, at, piece, n, err);
        if (ok)
            sha256_add(h, piece, n);
        at += n;
    }
    sha256_end(h, hex);
    free(piece);
    return ok;
}

static bool hash_file(const struct data_file *file, char hex[65], uint64_t *size, struct err *err) {
    if (file->remote) {
        memcpy(hex, file->remote->sha256, 65);
        *size = file->remote->size;
        return true;
    }
    struct bytes *b = bytes_open_file(file->path, err);
    bool ok = b && hash_bytes(b, hex, err);
    *size = b ? b->size : 0;
    bytes_close(b);
    return ok || err_wrap(err, "'%s'", file->path);
}

/* The path within the data set's folder, or of a single file its name. */
static const char *name_of(const struct data_source *source, const struct data_file *file) {
    size_t under = source->dir ? strlen(source->dir) : 0;
    if (source->file)
        return path_base(file->path);
    return file->path + under + strspn(file->path + under, "/");
}

/* Name, NUL, size, NUL, SHA-256, NUL of each. */
bool data_sha256(const struct data_source *source, char hex[65], struct err *err) {
    struct data_files files;
    if (!data_files_find(source, &files, err))
        return false;
    struct sha256 *h = sha256_new();
    bool ok = true;
    for (size_t i = 0; ok && i < files.n; i++) {
        char sha256[65], text[24];
        uint64_t size;
        const char *name = name_of(source, &files.items[i]);
        ok = hash_file(&files.items[i], sha256, &size, err);
        if (!ok)
            break;
        snprintf(text, sizeof text, "%llu", (unsigned long long)size);
        sha256_add(h, name, strlen(name) + 1);
        sha256_add(h, text, strlen(text) + 1);
        sha256_add(h, sha256, sizeof sha256);
    }
    sha256_end(h, hex);
    data_files_release(&files);
    return ok;
}

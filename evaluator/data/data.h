/* Data sets: files on disk, or left on a hub, to rows. The readers treat every file as hostile and
 * name file, row and column in each error.
 *
 * A row is an object of the data set's columns. Where a data set's files lie is the hub room's
 * business: this one gets a folder, and of files that were not brought there their names and a
 * function that reads a part of them. It finds a split's files as the hub's `datasets` library
 * does: by the `configs:` in the README's front matter, and nothing else where there are any; else
 * data/<split>-00000-of-00001.*, or folders, or else files, whose names hold a word for the split
 * ("dev" is one for "validation"), merged; or all files as "train". Where the library has no such
 * split, and of a configuration first, files of exactly its name are taken: <config>/<split>...,
 * data/<split>..., <split>.<ext>. Formats are parquet, jsonl, json, csv, tsv and text, the most
 * frequent one of a split, each text format also .gz or .zst; rows come in the card's order, then
 * by path; of numbered shards all must be there.
 *
 * A .json is an array of rows, or rows one after the other, the first within one line: whatever
 * their number, each object is a row. An object alone that is written over several lines is a
 * document, and nothing may follow it: its rows are its one list of objects ({"version": ...,
 * "data": [...]}), or its columns, lists of one length, or its values, all objects, which get their
 * keys as "_key"; else it is one row. (The hub's library makes one row of every document.) A .jsonl
 * that begins with '[' is read as a .json.
 *
 * Values are JSON's; its NaN and infinities, which Python writes, are null. Of csv and tsv they are
 * strings, of columns without a name by "Unnamed: N", N from 0; `lines` gives {"line": text,
 * "number": n from 1}. Of parquet: integers of every width are integers, unsigned ones past 2^63 -
 * 1 become reals, as do integers of such a size in JSON; decimals and halves are reals; dates are
 * days since 1970, times and timestamps the integers stored, in the column's own unit, INT96
 * nanoseconds since 1970; a map is an array of {"key", "value"}; UUIDs are text in their usual
 * form; bytes that are not text, NaN and infinities are null.
 *
 * Memory is bounded whatever a file's size: files are read in windows, parquet column by column and
 * page by page, where all columns' windows, pages and dictionaries together are at most 512 MiB (a
 * page of common size is 1 MiB) and the footer at most 256 MiB; a row's text is at most 16 MiB, a
 * JSON document is held up to 64 MiB and 4 million values (a larger one is read by its list or
 * columns, and refused if it has neither), and what a packed text file expands to is bounded by
 * ratio, the window of a zstd one by 128 MiB. */
#ifndef ASSAY_DATA_H
#define ASSAY_DATA_H

#include "base/json.h"

/* A file of a data set that was not brought here. */
struct data_remote_file {
    const char *path; /* relative to the data set's folder, with '/' */
    uint64_t size;
    char sha256[65]; /* of its content, as the hub says */
};

/* Reads bytes [at, at + n) of a remote file, all of them or none. */
typedef bool data_read_fn(
    void *arg, const char *path, uint64_t at, void *into, size_t n, struct err *err);

struct data_remote {
    const struct data_remote_file *files;
    size_t n;
    data_read_fn *read;
    void *arg;
};

/* Whether a column is wanted, so far as one can tell before any row is read. */
typedef bool data_wants_fn(void *arg, const char *column, size_t n);

struct data_source {
    const char *dir;    /* the data set's folder, or NULL with `file` */
    const char *config; /* or NULL: the default one */
    const char *split;  /* "test"; split names may be mapped by the README */
    const char *file;   /* one file in place of a data set */
    const char *format; /* "jsonl", "csv", "tsv", "json", "parquet", "lines"; NULL: by the name */
    const char *const *columns; /* NULL-terminated: read these only; NULL: all */
    data_wants_fn *wants; /* NULL: all columns are; else what can be left out at no cost, as parquet
                             can, is, unless that were everything */
    void *wants_arg;
    const struct data_remote *remote; /* files that belong into the folder; NULL: none */
};

/* A value of a row, in a series: what an array or object holds follows it, of an object a string
 * and a value in turn. */
enum value_kind {
    VALUE_NULL,
    VALUE_FALSE,
    VALUE_TRUE,
    VALUE_INT,
    VALUE_REAL,
    VALUE_STRING,
    VALUE_ARRAY,
    VALUE_OBJECT,
};

struct value {
    enum value_kind kind;
    uint32_t n; /* bytes of a string, elements of an array, pairs of an object */
    union {
        int64_t i;
        double d;
        const char *s; /* UTF-8, not ended by NUL */
        size_t span;   /* of arrays and objects: values in all, itself included */
    };
};

/* What follows v and all that it holds. */
static inline const struct value *value_after(const struct value *v) {
    return v + (v->kind >= VALUE_ARRAY ? v->span : 1);
}

/* The caller's. */
json_t *value_json(const struct value *v);

struct data;
MUST_CHECK struct data *data_open(const struct data_source *source, struct err *err);
void data_close(struct data *d);

/* The next row, valid until the next call; NULL at the end, where err->class stays ERR_NONE, and
 * on failure. */
const struct value *data_row(struct data *d, struct err *err);

/* The same as JSON; the caller's. */
json_t *data_next(struct data *d, struct err *err);

/* Passes over the next n rows, or as many as there are, at a fraction of what reading them costs:
 * what is skipped is not checked beyond what it takes to find its end. False on failure. */
MUST_CHECK bool data_skip(struct data *d, uint64_t n, struct err *err);

/* Whether a column was left out of rows so far because it was not wanted. */
bool data_leaves_out(const struct data *d, const char *column, size_t n);
bool data_leaves_out_any(const struct data *d);

/* The format that a file's name says, or NULL. */
const char *data_format(const char *path);

/* The label of a ClassLabel column's integer, or NULL where the data set doesn't say. */
const char *data_label(const struct data *d, const char *column, long long value);

/* SHA-256 over name, size and SHA-256 of each file that makes up this source. A file that was left
 * on the hub stands by the SHA-256 that the hub gives it, so that it makes no difference to the
 * digest whether its content was read whole: what is promised of it then is the hub's word, and
 * that each part came from one unchanging version of that size. */
MUST_CHECK bool data_sha256(const struct data_source *source, char hex[65], struct err *err);

#endif

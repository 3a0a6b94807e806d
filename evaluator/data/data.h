/* Data sets: files on disk to rows. The readers treat every file as hostile and name file and row
 * in each error.
 *
 * A row is a JSON object of the data set's columns. Where a data set's files lie is the hub
 * room's business: this one gets a folder. It finds a split's files as the hub's `datasets`
 * library does: `configs:` in the README's front matter first, else <config>/<split>-*.parquet,
 * data/<split>-*.parquet, <split>.<ext> and <config>/<split>.<ext> (parquet, jsonl, json, csv,
 * tsv, each text format also .gz or .zst). Values of csv and tsv are strings; `lines` gives
 * {"line": text, "number": n from 1}; parquet's dates and times are the integers stored. A row's
 * text is at most 16 MiB, what a packed file expands to is bounded by ratio. */
#ifndef ASSAY_DATA_H
#define ASSAY_DATA_H

#include "base/json.h"

struct data_source {
    const char *dir;    /* the data set's folder, or NULL with `file` */
    const char *config; /* or NULL: the default one */
    const char *split;  /* "test"; split names may be mapped by the README */
    const char *file;   /* one file in place of a data set */
    const char
        *format; /* "jsonl", "csv", "tsv", "json", "parquet", "lines"; NULL: by the file's name */
};

struct data;
MUST_CHECK struct data *data_open(const struct data_source *source, struct err *err);
void data_close(struct data *d);

/* The next row (caller owns), or NULL: at the end err->class stays ERR_NONE. */
json_t *data_next(struct data *d, struct err *err);

/* The label of a ClassLabel column's integer, or NULL where the data set doesn't say. */
const char *data_label(const struct data *d, const char *column, long long value);

/* SHA-256 over the names and contents of the files that make up this source. */
MUST_CHECK bool data_sha256(const struct data_source *source, char hex[65], struct err *err);

#endif

/* Inside the data room: a reader turns one file into rows. One const table a format; data.c chooses
 * by name. Errors say line or row; data.c puts the file in front. */
#ifndef ASSAY_DATA_READER_H
#define ASSAY_DATA_READER_H

#include "base/json.h"

enum { ROW_MAX_BYTES = 16 << 20 }; /* of text; a longer row is an error */

struct reader_type {
    const char *name; /* as in struct data_source.format */
    MUST_CHECK void *(*open)(const char *path, struct err *err);
    json_t *(*next)(void *reader,
        struct err *err); /* NULL at the end, with err->class ERR_NONE, and on failure */
    const json_t *(*features)(
        const void *reader); /* the `datasets` library's features; may be NULL */
    void (*close)(void *reader);
};

extern const struct reader_type reader_jsonl, reader_json, reader_csv, reader_tsv, reader_lines,
    reader_parquet;

/* One JSON object out of text; `where` ("line 51") begins the message. */
MUST_CHECK json_t *row_parse(const char *text, size_t n, const char *where, struct err *err);

#endif

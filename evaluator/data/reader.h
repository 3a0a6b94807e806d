/* Inside the data room: a reader turns one file into rows. One const table a format; data.c chooses
 * by name. Errors say line or row, and column; data.c puts the file in front. */
#ifndef ASSAY_DATA_READER_H
#define ASSAY_DATA_READER_H

#include "evaluator/data/bytes.h"
#include "evaluator/data/row.h"

struct reader_input {
    struct bytes *bytes;        /* closed by the caller, after the reader */
    const char *name;           /* its ending says how it is packed */
    const char *const *columns; /* a hint: NULL-terminated, or NULL for all */
    data_wants_fn *wants;       /* another, or NULL */
    void *wants_arg;
};

struct reader_type {
    const char *name; /* as in struct data_source.format */
    MUST_CHECK void *(*open)(const struct reader_input *input, struct err *err);
    /* Fills an empty row. False at the end, with err->class ERR_NONE, and on failure. */
    bool (*next)(void *reader, struct row *row, struct err *err);
    /* Passes over a row, which may be damaged. True and false as of `next`. */
    bool (*skip)(void *reader, struct err *err);
    /* Passes over up to n rows at once, *skipped of them, as far as that costs no more than a few
     * of them would. NULL: there is no such way. */
    bool (*leap)(void *reader, uint64_t n, uint64_t *skipped, struct err *err);
    /* The i-th column that is there and not wanted, or NULL; may be NULL itself. */
    const char *(*left_out)(const void *reader, size_t i);
    const json_t *(*features)(
        const void *reader); /* the `datasets` library's features; may be NULL */
    void (*close)(void *reader);
};

extern const struct reader_type reader_jsonl, reader_json, reader_csv, reader_tsv, reader_lines,
    reader_parquet;

#endif

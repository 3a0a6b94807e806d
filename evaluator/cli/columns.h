/* What the columns of a data file hold, from its first rows: what a guess about them goes by. */
#ifndef ASSAY_CLI_COLUMNS_H
#define ASSAY_CLI_COLUMNS_H

#include "base/json.h"
#include "base/mem.h"

enum { COLUMN_DISTINCT_MAX = 64 };

struct column {
    const char *name;
    char plain[64];             /* letters and digits of the name, in lower case */
    size_t n, n_empty;          /* values; of these absent, null or "" */
    bool text, number, integer; /* what all values are, or can be read as */
    bool list;                  /* of strings */
    bool labelled;              /* {"text": [...], "label": [...]} */
    double low, high;           /* of numbers */
    double length;              /* of texts: bytes, on average */
    json_t *distinct;           /* text of a value -> count; NULL: more than COLUMN_DISTINCT_MAX */
};

struct columns {
    struct arena arena;
    struct column *items; /* in the order in which the rows name them */
    size_t n, capacity;
    const json_t *rows;   /* a list of objects; the caller's */
    bool more;            /* the file has others beyond these */
    const json_t *labels; /* {column: {number: name}} of class labels; the caller's, may be NULL */
};
void columns_find(struct columns *c, const json_t *rows, const json_t *labels);
/* The names of a column's class labels in the order of their numbers, from 0; NULL where some are
 * not known. The caller owns the list. */
json_t *column_labels(const struct columns *c, const struct column *column);
void columns_release(struct columns *c);

/* By its name as it is written; NULL: there is none. */
const struct column *column_find(const struct columns *c, const char *name);
/* The first that is called one of these (plain names, NULL-terminated, the likeliest first) and for
 * which `fits`; NULL: there is none. */
typedef bool column_fits_fn(const struct column *c);
const struct column *column_named(
    const struct columns *c, const char *const *names, column_fits_fn *fits);

bool column_is_empty(const struct column *c, const json_t *row); /* absent, null or "" */
bool column_is_text(const struct column *c);
bool column_is_number(const struct column *c);
bool column_is_any(const struct column *c);

/* A value as text: a string, or a number as Lua would write it; NULL for others. In the arena. */
const char *column_value(struct columns *c, const struct column *column, const json_t *row);

#endif

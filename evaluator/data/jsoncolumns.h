/* Inside the data room: a JSON object that is columns, {"a": [1, 2], "b": [3, 4]}, of any size: one
 * cursor a column, each with a window of its own on the file. */
#ifndef ASSAY_DATA_JSONCOLUMNS_H
#define ASSAY_DATA_JSONCOLUMNS_H

#include "evaluator/data/bytes.h"
#include "evaluator/data/row.h"

struct json_columns;
/* The name's ending says how it is packed. Reads the file once for where its columns begin; refuses
 * what is no columns of one length. */
MUST_CHECK struct json_columns *json_columns_open(
    struct bytes *bytes, const char *name, struct err *err);
void json_columns_close(struct json_columns *c); /* NULL is fine */

/* Adds the next row to `row`, whose texts are good until the next call; NULL: passes over it. False
 * at the end, with err->class ERR_NONE, and on failure. */
bool json_columns_next(struct json_columns *c, struct row *row, struct err *err);

#endif

/* Inside the data room: a JSON object over several lines that is read as a whole, and the rows that
 * are made of it, each when it is asked for. */
#ifndef ASSAY_DATA_JSONWHOLE_H
#define ASSAY_DATA_JSONWHOLE_H

#include "base/strbuf.h"
#include "evaluator/data/jsonrow.h"

struct json_whole;

/* Takes over `text`, of which the last JSONROW_SLACK bytes are no part of the object, which begins
 * at `place` (see jsonrow.h). *too_many: it is refused for having more values than are held. */
MUST_CHECK struct json_whole *json_whole_open(
    struct strbuf *text, struct jsonrow_place *place, bool *too_many, struct err *err);
void json_whole_close(struct json_whole *w); /* NULL is fine */

/* As json_columns_next. */
bool json_whole_next(struct json_whole *w, struct row *row, struct err *err);

#endif

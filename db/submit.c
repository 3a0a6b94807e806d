/* Submissions and recorded runs: JSON in, rows out. The checks are the schema's. */
#include "base/json.h"
#include "db/conn.h"

static json_t *answer_from(const struct rows *rows) {
    json_t *answer = json_object(), *jobs = json_array();
    json_object_set_new(answer, "submission", json_integer(rows_int(rows, 0, "submission_id")));
    json_object_set_new(answer, "created", json_boolean(rows_bool(rows, 0, "created")));
    json_object_set_new(answer, "jobs", jobs);
    for (int i = 0; i < rows->n; i++)
        json_array_append_new(
            jobs, json_pack("{s:I, s:s, s:s, s:b}", "job", (json_int_t)rows_int(rows, i, "job_id"),
                      "task", rows_text(rows, i, "task"), "state", rows_text(rows, i, "state"),
                      "created", (int)rows_bool(rows, i, "job_created")));
    return answer;
}

json_t *db_submit(struct db *db, const json_t *request, struct err *err) {
    char *text = json_text(request, JSON_COMPACT);
    if (!text) {
        err_set(err, ERR_INPUT, "the submission is not valid JSON");
        return NULL;
    }
    struct rows rows = { 0 };
    json_t *answer = NULL;
    if (db_query(db, "submit", DB_ARGS(db_text(text)), &rows, err) && rows.n > 0)
        answer = answer_from(&rows);
    rows_release(&rows);
    free(text);
    return answer;
}

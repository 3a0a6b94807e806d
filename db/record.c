/* Records of runs. Their text is canonical, so that the same result is the same bytes whoever
 * delivers it, and the database compares hashes. */
#include "db/conn.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

static bool metric_is_sound(const json_t *m, struct err *err) {
    static const char *const keys[] = { "value", "stderr", "low", "high" };
    const char *name = json_get_string(m, "name", NULL);
    if (!name || !*name)
        return err_set(err, ERR_INPUT, "record: a metric without a name");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *v = json_object_get(m, keys[i]);
        bool optional = i > 0 && (!v || json_is_null(v));
        if (!optional && (!json_is_number(v) || !isfinite(json_number_value(v))))
            return err_set(err, ERR_NUMERIC, "record: %s of metric '%s' is not a finite number",
                keys[i], name);
    }
    return true;
}

char *record_text(const json_t *record, struct err *err) {
    const json_t *metrics = json_object_get(record, "metrics"), *m;
    size_t i;
    if (json_array_size(metrics) == 0) {
        err_set(err, ERR_INPUT, "record: no metrics");
        return NULL;
    }
    json_array_foreach(metrics, i, m) {
        if (!metric_is_sound(m, err))
            return NULL;
    }
    char *text = json_text(record, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!text)
        err_set(err, ERR_INPUT, "record: not valid JSON");
    return text;
}

bool queue_finish(struct db *db, const struct job_key *key, const char *text,
    enum queue_answer *answer, struct err *err) {
    return conn_ask(db, "queue_finish",
        DB_ARGS(db_text(key->worker), db_int(key->job), db_int(key->attempt), db_text(key->epoch),
            db_text(text)),
        answer, err);
}

bool run_record(struct db *db, const json_t *request, const char *text, long long set,
    long long *run, bool *created, struct err *err) {
    char *asked = json_text(request, JSON_COMPACT);
    struct rows rows = { 0 };
    bool ok = asked ? db_query(db, "run_record",
                          DB_ARGS(db_text(asked), set ? db_int(set) : db_null(), db_text(text)),
                          &rows, err)
                    : err_set(err, ERR_INPUT, "the run's description is not valid JSON");
    if (ok) {
        *run = rows_int(&rows, 0, "run_id");
        *created = rows_bool(&rows, 0, "created");
    }
    rows_release(&rows);
    free(asked);
    return ok;
}

bool overlap_record(struct db *db, const json_t *overlap, struct err *err) {
    char *text = json_dumps(overlap, JSON_COMPACT);
    bool ok = text ? db_run(db, "overlap_record", DB_ARGS(db_text(text)), err)
                   : err_set(err, ERR_INPUT, "what was found is not valid JSON");
    free(text);
    return ok;
}

static bool further_run(struct db *db, const char *statement, const struct db_arg args[4],
    long long *run, bool *created, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(db, statement, args, 4, &rows, err);
    if (ok) {
        *run = rows_int(&rows, 0, "run_id");
        *created = rows_bool(&rows, 0, "created");
    }
    rows_release(&rows);
    return ok;
}

bool run_rescore(struct db *db, long long of, const char *text, long long set, const char *why,
    long long *run, bool *created, struct err *err) {
    const struct db_arg args[] = { db_int(of), set ? db_int(set) : db_null(), db_text(text),
        db_text(why) };
    return further_run(db, "run_rescore", args, run, created, err);
}

bool run_reproduce(struct db *db, long long of, const char *text, long long set,
    const char *verdict, long long *run, bool *created, struct err *err) {
    const struct db_arg args[] = { db_int(of), set ? db_int(set) : db_null(), db_text(text),
        db_text(verdict) };
    return further_run(db, "run_reproduce", args, run, created, err);
}

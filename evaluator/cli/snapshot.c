/* See snapshot.h. */
#include "evaluator/cli/snapshot.h"

#include "evaluator/cli/database.h"
#include "site-gen/site.h"

/* A canary gave other numbers: what is published stays as it is until somebody has looked. */
static bool check_freeze(struct db *db, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(db, "site_publication", DB_NO_ARGS, &rows, err);
    if (ok && rows.n && !rows_null(&rows, 0, "frozen_at")) {
        ok = err_set(err, ERR_NEGATIVE, "publication is frozen: %s", rows_text(&rows, 0, "reason"));
        err_hint(err, "look at it, then 'assay nightly unfreeze --reason TEXT'");
    }
    rows_release(&rows);
    return ok;
}

struct db *snapshot_database(const struct args *args, struct err *err) {
    struct db *db = database_open(args, err);
    if (!db || check_freeze(db, err)) {
        return db;
    }
    db_close(db);
    return NULL;
}

bool snapshot_load(const struct args *args, json_t **snapshot, struct err *err) {
    struct db *db = snapshot_database(args, err);
    bool ok = db && site_load(db, snapshot, err);
    db_close(db);
    return ok;
}

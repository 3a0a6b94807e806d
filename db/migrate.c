/* Migrations: db/migrations/NNN_name.sql, built into the program, forward only. Each is applied in
 * one transaction under an advisory lock, and its hash is kept: a file that changed after it was
 * applied, or a database that is ahead of this program, is an error and never guessed at. */
#include "db/conn.h"

#include <string.h>

#include "base/hash.h"
#include "base/strbuf.h"

static int version_of(const struct embedded *m) {
    return atoi(m->name);
}

static int latest_version(void) {
    int v = 0;
    for (const struct embedded *m = db_migrations; m->name; m++)
        v = version_of(m);
    return v;
}

/* Rows of schema_migrations; none where it does not exist. */
static bool applied_list(struct db *db, struct rows *rows, struct err *err) {
    if (!db_query(db, "migrations_exist", DB_NO_ARGS, rows, err))
        return false;
    bool there = rows_bool(rows, 0, "there");
    rows_release(rows);
    return !there || db_query(db, "migrations_list", DB_NO_ARGS, rows, err);
}

/* What was applied must be what we have, from the first on without a gap. */
static bool applied_fits(const struct rows *rows, struct err *err) {
    const struct embedded *m = db_migrations;
    for (int i = 0; i < rows->n; i++, m++) {
        int version = (int)rows_int(rows, i, "version");
        if (!m->name || version_of(m) != version) {
            err_set(err, ERR_SCHEMA, "the database has migration %d, this program knows %d",
                version, latest_version());
            return err_hint(
                err, "use the version of assay that made this database, or a newer one");
        }
        char hex[65];
        sha256_hex(m->data, m->size, hex);
        if (strcmp(hex, rows_text(rows, i, "sha256")) != 0)
            return err_set(err, ERR_SCHEMA,
                "migration %d of the database is not the one of this program ('%s')", version,
                m->name);
    }
    return true;
}

/* With the lock held: the next migration that is missing, or NULL in *next. */
static bool find_next(struct db *db, const struct embedded **next, struct err *err) {
    struct rows rows = { 0 };
    if (!db_run(db, "migrations_lock", DB_NO_ARGS, err) ||
        !db_run(db, "schema_create", DB_NO_ARGS, err) ||
        !db_run(db, "migrations_create", DB_NO_ARGS, err) || !applied_list(db, &rows, err))
        return false;
    bool ok = applied_fits(&rows, err);
    *next = ok && db_migrations[rows.n].name ? &db_migrations[rows.n] : NULL;
    rows_release(&rows);
    return ok;
}

static bool apply(struct db *db, const struct embedded *m, struct err *err) {
    char hex[65];
    sha256_hex(m->data, m->size, hex);
    if (!conn_script(db, (const char *)m->data, err))
        return err_wrap(err, "migration '%s'", m->name);
    return db_run(
        db, "migrations_add", DB_ARGS(db_int(version_of(m)), db_text(m->name), db_text(hex)), err);
}

/* One migration, or the discovery that none is missing. */
static bool step(struct db *db, bool *applied, struct err *err) {
    const struct embedded *next = NULL;
    if (!db_run(db, "begin", DB_NO_ARGS, err))
        return false;
    db->in_transaction = true;
    bool ok = find_next(db, &next, err) && (!next || apply(db, next, err)) &&
              db_run(db, "commit", DB_NO_ARGS, err);
    struct err ignored = ERR_INIT;
    if (!ok && db->conn && !db_run(db, "rollback", DB_NO_ARGS, &ignored))
        conn_drop(db);
    db->in_transaction = false;
    *applied = ok && next;
    return ok;
}

/* Most databases need nothing; asking takes no lock and writes nothing. */
static bool is_current(struct db *db, bool *current, struct err *err) {
    struct rows rows = { 0 };
    if (!applied_list(db, &rows, err))
        return false;
    bool ok = applied_fits(&rows, err);
    *current = ok && !db_migrations[rows.n].name;
    rows_release(&rows);
    return ok;
}

bool db_migrate(struct db *db, int *n_applied, struct err *err) {
    int n = 0;
    bool current = false, more = true;
    if (!is_current(db, &current, err))
        return false;
    long long deadline_ms = clock_ms() + (long long)db->retry_s * 1000;
    while (!current && more) {
        struct err e = ERR_INIT;
        if (step(db, &more, &e)) {
            n += more;
        } else if (e.class != ERR_DB || clock_ms() > deadline_ms || conn_stopped(db)) {
            if (err)
                *err = e;
            return false;
        } else {
            conn_sleep(db,
                100); /* a lock or the connection; whether it was applied is seen by asking again */
        }
    }
    if (n_applied)
        *n_applied = n;
    return true;
}

bool db_check_schema(struct db *db, struct err *err) {
    struct rows rows = { 0 };
    if (!db_query(db, "migrations_version", DB_NO_ARGS, &rows, err)) {
        if (err && err->class == ERR_SCHEMA)
            err_set(err, ERR_SCHEMA, "the database has no schema of assay"),
                err_hint(err, "run `assay db migrate`");
        return false;
    }
    int version = (int)rows_int(&rows, 0, "version");
    rows_release(&rows);
    if (version == latest_version())
        return true;
    err_set(err, ERR_SCHEMA, "the database is at migration %d, this program needs %d", version,
        latest_version());
    return err_hint(err,
        version < latest_version() ? "run `assay db migrate`" : "use a newer version of assay");
}

json_t *db_status(struct db *db, struct err *err) {
    struct rows server = { 0 }, applied = { 0 };
    json_t *list = NULL, *status = NULL, *object = NULL;
    if (db_query(db, "server_check", DB_NO_ARGS, &server, err) && applied_list(db, &applied, err) &&
        (list = rows_to_json(&server, err)) && (status = rows_to_json(&applied, err))) {
        object = json_incref(json_array_get(list, 0));
        json_object_set_new(object, "private", json_boolean(db_is_private(db)));
        json_object_set_new(object, "version",
            json_integer(applied.n ? rows_int(&applied, applied.n - 1, "version") : 0));
        json_object_set_new(object, "latest", json_integer(latest_version()));
        json_object_set(object, "migrations", status);
    }
    json_decref(list);
    json_decref(status);
    rows_release(&server);
    rows_release(&applied);
    return object;
}

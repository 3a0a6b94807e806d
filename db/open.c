/* Which database: the caller's string, ASSAY_DATABASE_URL, DATABASE_URL, what libpq reads from PG*,
 * and where nothing is named, the private cluster. */
#include "db/conn.h"

#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "db/cluster.h"

static const char *env(const char *name) {
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

static bool libpq_env_names_database(void) {
    static const char *const names[] = { "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE",
        "PGSERVICE" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (env(names[i]))
            return true;
    return false;
}

static bool name_is_plain(const char *s) {
    return *s && strspn(s, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(s);
}

/* Settings of the session. Time-outs bound what a stuck server or a stuck caller can hold up. Where
 * functions forbid scans, the small tables that have to be scanned count as dear ones, and a plan
 * that is dear would be compiled each time it runs. */
static char *session_options(const struct db_options *o, unsigned statement_s) {
    struct strbuf b = { 0 };
    strbuf_addf(&b,
        "-c search_path=assay,pg_temp -c statement_timeout=%us -c lock_timeout=5s "
        "-c idle_in_transaction_session_timeout=%us -c timezone=UTC -c jit=off",
        statement_s, statement_s > 30 ? statement_s : 30);
    if (o->role)
        strbuf_addf(&b, " -c role=%s", o->role);
    return strbuf_take(&b);
}

static bool find_private(struct db *db, const char *home, struct err *err) {
    struct cluster c = { 0 };
    if (!cluster_up(home, &c, err))
        return false;
    db->home = xstrdup(c.home);
    db->conninfo = xstrdup(c.conninfo);
    cluster_release(&c);
    return true;
}

static bool find_database(struct db *db, const struct db_options *o, struct err *err) {
    const char *named = o->conninfo;
    if (!named && !o->home)
        named = env("ASSAY_DATABASE_URL") ? env("ASSAY_DATABASE_URL") : env("DATABASE_URL");
    if (named)
        db->conninfo = xstrdup(named);
    else if (o->home || !libpq_env_names_database())
        return find_private(db, o->home, err);
    return true;
}

/* A private cluster follows the program; any other database is migrated when somebody says so. The
 * migrator has to be the owner, so a connection that takes a role leaves it to one that takes none.
 */
static bool bring_up_to_date(struct db *db, const struct db_options *o, struct err *err) {
    if (o->any_schema)
        return true;
    if (!db->home)
        return db_check_schema(db, err);
    if (!o->role)
        return db_migrate(db, NULL, err);
    struct db_options owner = *o;
    owner.role = NULL;
    owner.home = db->home;
    struct db *second = db_open(&owner, err);
    db_close(second);
    return second != NULL;
}

struct db *db_open(const struct db_options *options, struct err *err) {
    struct db_options o = options ? *options : (struct db_options) { 0 };
    BUG_IF(o.role && !name_is_plain(o.role));
    struct db *db = xcalloc(1, sizeof *db);
    db->statement_s = o.statement_s ? o.statement_s : 30;
    db->retry_s = o.retry_s ? o.retry_s : 30;
    db->stop = o.stop;
    db->app = xstrdup(o.app ? o.app : "assay");
    db->options = session_options(&o, db->statement_s);
    if (find_database(db, &o, err) && conn_ensure(db, o.retry_s ? o.retry_s : 3, err) &&
        bring_up_to_date(db, &o, err)) {
        db->reconnects = 0;
        return db;
    }
    if (err && err->class == ERR_DB && !*err->hint && !db->home)
        err_hint(err, "check ASSAY_DATABASE_URL, DATABASE_URL or PGHOST; unset them all to use a "
                      "private database");
    db_close(db);
    return NULL;
}

void db_close(struct db *db) {
    if (!db)
        return;
    conn_drop(db);
    free(db->conninfo);
    free(db->home);
    free(db->options);
    free(db->app);
    free(db);
}

bool db_is_private(const struct db *db) {
    return db->home != NULL;
}

unsigned db_reconnects(const struct db *db) {
    return db->reconnects;
}

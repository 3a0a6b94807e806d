/* What a SQLSTATE means for the caller. One table, the first prefix that fits; see db.h for the
 * classes. */
#include "db/conn.h"

#include <string.h>

#include "base/strbuf.h"

struct sqlstate {
    const char *prefix;
    enum err_class class;
    bool again; /* the same call may succeed */
    const char *hint;
};

static const char migrate_hint[] = "run `assay db migrate`";

static const struct sqlstate table[] = {
    { "08", ERR_DB, true, NULL },                 /* connection */
    { "57P", ERR_DB, true, NULL },                /* shutdown, restart, terminated */
    { "57014", ERR_DB, true, NULL },              /* statement timeout */
    { "53", ERR_DB, true, NULL },                 /* disk full, memory, connections */
    { "40001", ERR_DB, true, NULL },              /* serialization */
    { "40P01", ERR_DB, true, NULL },              /* deadlock */
    { "55P03", ERR_DB, true, NULL },              /* lock timeout */
    { "25P03", ERR_DB, true, NULL },              /* idle in transaction */
    { "25006", ERR_DB, true, NULL },              /* read-only: a standby that is to be promoted */
    { "58", ERR_DB, true, NULL },                 /* the server's own I/O */
    { "42P01", ERR_SCHEMA, false, migrate_hint }, /* no such table, function, column, schema */
    { "42883", ERR_SCHEMA, false, migrate_hint },
    { "42703", ERR_SCHEMA, false, migrate_hint },
    { "3F000", ERR_SCHEMA, false, migrate_hint },
    { "42501", ERR_AUTH, false, "this database role may not do that" },
    { "ZA001", ERR_INPUT, false, NULL }, /* raised by our own functions */
    { "ZA002", ERR_NOT_FOUND, false, NULL },
    { "ZA003", ERR_INPUT, false, NULL },
    { "ZA004", ERR_UNSUPPORTED, false, NULL }, /* a model that was banned or withdrawn */
    { "23514", ERR_INPUT, false, NULL },       /* a CHECK: what was handed in is not allowed */
    { "23502", ERR_INPUT, false, NULL },       /* NOT NULL */
    { "22", ERR_INPUT, false, NULL },          /* not a number, out of range, not UTF-8, not JSON */
    { "", ERR_BUG, false, NULL },
};

static const struct sqlstate *sqlstate_find(const char *state) {
    const struct sqlstate *s = table;
    while (strncmp(state, s->prefix, strlen(s->prefix)) != 0)
        s++;
    return s;
}

static const char *field(const PGresult *r, int code) {
    const char *s = PQresultErrorField(r, code);
    return s ? s : "";
}

bool conn_error(const PGresult *result, const char *what, struct err *err) {
    const char *state = field(result, PG_DIAG_SQLSTATE);
    const struct sqlstate *s = sqlstate_find(*state ? state : "08");
    enum err_class class = s->class;
    if (str_ends(field(result, PG_DIAG_CONSTRAINT_NAME), "_finite"))
        class = ERR_NUMERIC;
    const char *why = field(result, PG_DIAG_MESSAGE_PRIMARY);
    err_set(err, class, "database, '%s': %s", what, *why ? why : "no answer");
    if (s->hint)
        err_hint(err, "%s", s->hint);
    return s->again;
}

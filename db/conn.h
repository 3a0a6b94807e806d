/* A connection and how a statement runs on it: non-blocking, with a deadline, made again when it is
 * lost. Private to the room. */
#ifndef ASSAY_DB_CONN_H
#define ASSAY_DB_CONN_H

#include <libpq-fe.h>

#include "base/embed.h"
#include "db/db.h"

extern const struct embedded db_sql[],
    db_migrations[]; /* made by the build from db/sql and db/migrations */

#define PREPARED_MAX 32

/* A statement that this connection has run: the second time it is prepared, so that the server
 * parses and plans it once. */
struct prepared {
    const char *name; /* of db/sql, as the embedded file has it */
    bool ready;
};

struct db {
    PGconn *conn;   /* NULL while there is none */
    char *conninfo; /* NULL: libpq's own environment */
    char *home;     /* of the private cluster, or NULL */
    char *options;  /* server settings of the session */
    char *app;
    unsigned retry_s, statement_s;
    const atomic_bool *stop;
    bool in_transaction; /* nothing may be repeated within */
    bool listening;
    unsigned reconnects;
    struct prepared prepared[PREPARED_MAX];
    unsigned n_prepared;
    bool plain; /* prepares nothing: there is something between us and the server that forgets it */
    long long until_ms; /* the call at hand is given up then, on clock_ms; 0: by retry_s alone */
};

/* A connection, made if there is none; waits for up to wait_s. */
MUST_CHECK bool conn_ensure(struct db *db, unsigned wait_s, struct err *err);
void conn_drop(struct db *db);
/* Whether the caller asked us to stop. */
bool conn_stopped(const struct db *db);
/* Sleeps, at most until asked to stop. */
void conn_sleep(const struct db *db, long long ms);
long long clock_ms(void); /* CLOCK_BOOTTIME, which goes on while the machine sleeps */

/* Runs text that may hold several statements (a migration); they are one transaction unless they
 * say otherwise. */
MUST_CHECK bool conn_script(struct db *db, const char *sql, struct err *err);

/* The text of a statement; an unknown name is our own mistake. */
const char *statement_find(const char *name);

/* Fills *err from a result that is not a success; true if the same call may succeed later. */
bool conn_error(const PGresult *result, const char *what, struct err *err);

/* Runs a statement whose one row has the one text field `answer`. */
MUST_CHECK bool conn_ask(struct db *db, const char *name, const struct db_arg *args, size_t n_args,
    enum queue_answer *answer, struct err *err);

#endif

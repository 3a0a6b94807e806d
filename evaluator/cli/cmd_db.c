/* assay db init | up | down | migrate | status | psql | dump | restore | archive | gc. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"

/* ---- the cluster ---- */

static bool run_up(const struct args *args, struct err *err) {
    (void)args;
    struct cluster c;
    if (!cluster_up(NULL, &c, err)) {
        return false;
    }
    printf("running: %s\n", c.conninfo);
    cluster_release(&c);
    return true;
}

static bool run_down(const struct args *args, struct err *err) {
    (void)args;
    return cluster_down(NULL, NULL, err);
}

const struct command cmd_db_up = {
    .name = "db up",
    .operands = "",
    .summary = "start the private PostgreSQL cluster",
    .details = "It lives under ASSAY_HOME, listens on a Unix socket only, and is started by every "
               "command that needs it.\n",
    .options = { options_database },
    .run = run_up,
};

const struct command cmd_db_down = {
    .name = "db down",
    .operands = "",
    .summary = "stop the private PostgreSQL cluster",
    .options = { options_database },
    .run = run_down,
};

/* ---- the schema ---- */

static struct db *open_any(const struct args *args, struct err *err) {
    struct db_options options = { .conninfo = args_get(args, "db", NULL), .any_schema = true };
    return db_open(&options, err);
}

static bool run_migrate(const struct args *args, struct err *err) {
    int n = 0;
    struct db *db = open_any(args, err);
    bool ok = db && db_migrate(db, &n, err);
    db_close(db);
    if (ok) {
        printf("%d migration%s applied\n", n, n == 1 ? "" : "s");
    }
    return ok;
}

const struct command cmd_db_migrate = {
    .name = "db migrate",
    .operands = "",
    .summary = "bring the schema up to this program",
    .options = { options_database },
    .run = run_migrate,
};

const struct command cmd_db_init = {
    .name = "db init",
    .operands = "",
    .summary = "make the schema in a new database",
    .details = "Idempotent. Without a database named, makes and starts the private cluster.\n",
    .options = { options_database },
    .run = run_migrate,
};

/* The database that the user named, "" for libpq's own variables; NULL: the private cluster. */
static const char *named_database(const struct args *args) {
    const char *named[] = { args_get(args, "db", NULL), getenv("ASSAY_DATABASE_URL"),
        getenv("DATABASE_URL") };
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        if (named[i] && *named[i]) {
            return named[i];
        }
    }
    return getenv("PGHOST") || getenv("PGSERVICE") ? "" : NULL;
}

/* A stopped private cluster is not started to be looked at. */
static bool is_down(const struct args *args, bool *down, struct err *err) {
    struct cluster c;
    *down = false;
    if (named_database(args)) {
        return true;
    }
    if (!cluster_status(NULL, &c, err)) {
        return false;
    }
    *down = !c.running;
    cluster_release(&c);
    return true;
}

static bool run_status(const struct args *args, struct err *err) {
    bool down;
    if (!is_down(args, &down, err)) {
        return false;
    }
    struct db *db = down ? NULL : open_any(args, err);
    json_t *status = down ? json_pack("{s:b, s:b}", "private", 1, "running", 0)
                     : db ? db_status(db, err)
                          : NULL;
    db_close(db);
    if (!status) {
        return false;
    }
    print_document(status, args_has(args, "json"));
    json_decref(status);
    return true;
}

const struct command cmd_db_status = {
    .name = "db status",
    .operands = "",
    .summary = "server, durability and schema of the database",
    .options = { options_database },
    .run = run_status,
};

/* ---- PostgreSQL's own programs ---- */

/* The connection that the others would use, as text for libpq's programs. */
static char *conninfo_of(const struct args *args, struct err *err) {
    const char *named = named_database(args);
    if (named) {
        return xstrdup(named);
    }
    struct cluster c;
    if (!cluster_up(NULL, &c, err)) {
        return NULL;
    }
    char *conninfo = xstrdup(c.conninfo);
    cluster_release(&c);
    return conninfo;
}

static bool refuse_missing(const char *program, struct err *err) {
    err_set(err, ERR_NOT_FOUND, "PostgreSQL's program '%s' is not installed", program);
    return err_hint(err, "on Debian: apt-get install postgresql-15");
}

/* Becomes a program of PostgreSQL's; `first` and `second` go between its name and the connection.
 */
static bool become(const struct args *args, const char *program, const char *first,
    const char *second, struct err *err) {
    char *path = cluster_program(program), *conninfo = path ? conninfo_of(args, err) : NULL;
    if (!path) {
        return refuse_missing(program, err);
    }
    if (conninfo) {
        char *argv[] = { path, (char *)(uintptr_t)first, (char *)(uintptr_t)second,
            (char[]) { "-d" }, conninfo, NULL };
        char **at = argv + 1;
        for (char **from = at; from < argv + 5;
             from++) { /* close the gaps that absent words leave */
            if (*from) {
                *at++ = *from;
            }
        }
        *at = NULL;
        execv(path, argv);
        err_errno(err, ERR_FAILED, "could not run '%s'", path);
    }
    free(conninfo);
    free(path);
    return false;
}

static bool run_psql(const struct args *args, struct err *err) {
    return become(args, "psql", "-X", NULL, err);
}

static bool run_dump(const struct args *args, struct err *err) {
    if (!args->n_operands) { /* to stdout, as pg_dump itself does it */
        return become(args, "pg_dump", "--format=custom", "--schema=assay", err);
    }
    char *conninfo = conninfo_of(args, err);
    bool ok = conninfo && db_dump(conninfo, args->operands[0], err);
    free(conninfo);
    return ok;
}

static bool run_restore(const struct args *args, struct err *err) {
    char *conninfo = conninfo_of(args, err);
    bool ok = conninfo && db_restore(conninfo, args->operands[0], args_has(args, "replace"), err);
    free(conninfo);
    return ok;
}

static const struct option options_restore[] = {
    { "replace", 0, NULL, "put the dump in the place of what the database holds" },
    { NULL, 0, NULL, NULL },
};

const struct command cmd_db_psql = {
    .name = "db psql",
    .operands = "",
    .summary = "open psql on the database",
    .options = { options_database },
    .run = run_psql,
};

const struct command cmd_db_dump = {
    .name = "db dump",
    .operands = "[FILE]",
    .summary = "dump the database (pg_dump's custom format)",
    .options = { options_database },
    .max_operands = 1,
    .run = run_dump,
};

const struct command cmd_db_restore = {
    .name = "db restore",
    .operands = "FILE",
    .summary = "restore a dump into an empty database",
    .details =
        "One transaction, which also begins a new epoch: workers that still hold jobs of the "
        "database as it was write nothing any more. A dump of an older version is brought "
        "up to date by 'assay db migrate'.\n",
    .options = { options_restore, options_database },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_restore,
};

/* ---- what grows ---- */

static const struct option options_archive[] = {
    { "days", 0, "N", "samples of runs older than so many days (default 90)" },
    { "dir", 0, "DIR", "to this folder (default ASSAY_ARCHIVE, or archive/ in ASSAY_HOME)" },
    { "drop", 0, NULL, "drop them instead; nothing of them can be shown or scored again" },
    { NULL, 0, NULL, NULL },
};

static bool run_archive(const struct args *args, struct err *err) {
    unsigned long days;
    struct archive_counts n = { 0 };
    struct db *db =
        args_get_uint(args, "days", 90, 100000, &days, err) ? database_open(args, err) : NULL;
    struct archive_options o = {
        .days = (double)days, .drop = args_has(args, "drop"), .dir = args_get(args, "dir", NULL)
    };
    bool ok = db && db_archive(db, &o, &n, err);
    db_close(db);
    if (ok) {
        printf("%lld samples in %lld chunks %s\n", n.samples, n.chunks,
            o.drop ? "dropped" : "archived");
    }
    return ok;
}

const struct command cmd_db_archive = {
    .name = "db archive",
    .operands = "",
    .summary = "move samples of old runs to files, or drop them",
    .details = "Records and numbers stay. Archived samples are read back, and verified, where they "
               "are asked for: set ASSAY_ARCHIVE to the folder if it isn't the usual one.\n",
    .options = { options_archive, options_database },
    .run = run_archive,
};

static const struct option options_gc[] = {
    { "events-days", 0, "N", "events older than so many days go (default 90); alarms stay" },
    { "checkpoints-days", 0, "N",
        "checkpoints of jobs that ended without a result, so long ago, go (default 30)" },
    { NULL, 0, NULL, NULL },
};

static bool run_gc(const struct args *args, struct err *err) {
    unsigned long events, checkpoints;
    struct rows rows = { 0 };
    if (!args_get_uint(args, "events-days", 90, 100000, &events, err) ||
        !args_get_uint(args, "checkpoints-days", 30, 100000, &checkpoints, err)) {
        return false;
    }
    struct db *db = database_open(args, err);
    bool ok = db && db_query(db, "collect",
                        DB_ARGS(db_real((double)events), db_real((double)checkpoints)), &rows, err);
    if (ok) {
        printf("%lld events and %lld chunks of checkpoints removed\n", rows_int(&rows, 0, "events"),
            rows_int(&rows, 0, "checkpoints"));
    }
    rows_release(&rows);
    db_close(db);
    return ok;
}

const struct command cmd_db_gc = {
    .name = "db gc",
    .operands = "",
    .summary = "remove old events, and checkpoints that nothing will resume",
    .options = { options_gc, options_database },
    .run = run_gc,
};

/* A worker makes its own id, so that registering again after a lost reply is no second worker, and
 * so that a database restored from yesterday cannot give the same id to another. */
#include "base/json.h"
#include "db/conn.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void worker_init(struct worker *worker) {
    uint8_t b[16];
    BUG_IF(getrandom(b, sizeof b, 0) != sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 9562, version 4 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    memset(worker, 0, sizeof *worker);
    char *p = worker->id;
    for (int i = 0; i < 16; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        p += sprintf(p, dash ? "-%02x" : "%02x", b[i]);
    }
}

/* A commit that is answered must be on disk, on the server that will still be there after a
 * failover. */
static bool check_durable(struct db *db, struct err *err) {
    struct rows rows;
    if (!db_query(db, "server_check", DB_NO_ARGS, &rows, err))
        return false;
    const char *bad = !rows_bool(&rows, 0, "fsync")         ? "fsync is off"
                      : !rows_bool(&rows, 0, "synchronous") ? "synchronous_commit is off"
                      : rows_bool(&rows, 0, "standby")      ? "it is a standby"
                                                            : NULL;
    rows_release(&rows);
    if (!bad)
        return true;
    err_set(err, ERR_NODE, "cannot work for this database: %s, so a finished result could be lost",
        bad);
    return err_hint(err, "turn fsync and synchronous_commit on, and connect to the primary");
}

bool worker_register(
    struct db *db, struct worker *worker, const char *build, const json_t *info, struct err *err) {
    char host[200] = "unknown";
    gethostname(host, sizeof host - 1);
    char *text = info ? json_text(info, JSON_COMPACT) : NULL;
    struct rows rows = { 0 };
    bool ok =
        check_durable(db, err) && db_query(db, "worker_register",
                                      DB_ARGS(db_text(worker->id), db_text(host), db_int(getpid()),
                                          db_text(build), db_text(text ? text : "{}")),
                                      &rows, err);
    if (ok)
        snprintf(worker->epoch, sizeof worker->epoch, "%s", rows_text(&rows, 0, "epoch"));
    rows_release(&rows);
    free(text);
    return ok;
}

bool worker_stop(struct db *db, const struct worker *worker, struct err *err) {
    return db_run(db, "worker_stop", DB_ARGS(db_text(worker->id)), err);
}

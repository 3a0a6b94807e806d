/* What a service needs of a machine: its database, gnuplot for the site, a hub (see doctor.h). */
#include "evaluator/cli/doctor.h"

#include <stdlib.h>

#include "base/proc.h"
#include "evaluator/cli/database.h"

static void check_database(struct checkup *c, const struct args *args) {
    struct err err = ERR_INIT;
    struct db_options options = { .conninfo = args_get(args, "db", NULL), .any_schema = true };
    struct db *db = db_open(&options, &err);
    bool ok = db && db_check_schema(db, &err);
    char text[600];
    snprintf(text, sizeof text, "%.400s%s", err.msg,
        err.class == ERR_SCHEMA ? ": run 'assay db migrate'" : "");
    doctor_note(c, "database", ok,
        ok ? db_is_private(db) ? "private cluster, schema up to date"
                               : "reachable, schema up to date"
           : text);
    db_close(db);
}

static void check_gnuplot(struct checkup *c, const struct args *args) {
    char *path = proc_find("gnuplot", NULL), text[400];
    (void)args;
    snprintf(text, sizeof text, "%.300s",
        path ? path : "not found: the site is built without its large plots");
    doctor_note(c, "gnuplot", path != NULL, text);
    free(path);
}

static void check_hub(struct checkup *c, const struct args *args) {
    const char *endpoint = getenv("HF_ENDPOINT");
    char text[400];
    (void)args;
    snprintf(text, sizeof text, "%.300s%s",
        endpoint && *endpoint ? endpoint : "https://huggingface.co",
        getenv("HF_TOKEN") ? ", with a token" : ", no token");
    doctor_note(c, "hub", true, text);
}

doctor_check_fn *const doctor_service[] = { check_database, check_gnuplot, check_hub, NULL };

/* assay doctor: what this machine has of what Assay uses, a line a check. */
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "harness/harness.h"

struct checkup {
    json_t *list;
    bool sick;
};

static void note(struct checkup *c, const char *what, bool ok, const char *said) {
    json_array_append_new(
        c->list, json_pack("{s:s, s:b, s:s}", "check", what, "ok", (int)ok, "said", said));
    c->sick = c->sick || !ok;
}

static void check_cpu(struct checkup *c) {
    struct err err = ERR_INIT;
    char text[600];
    const char *isa = processor_isa(&err);
    snprintf(text, sizeof text, "%ld processors, %.500s", sysconf(_SC_NPROCESSORS_ONLN),
        isa ? isa : err.msg);
    note(c, "processor", isa != NULL, text);
}

static void check_disk(struct checkup *c) {
    struct err err = ERR_INIT;
    char *home = assay_home(&err);
    struct statvfs fs;
    char text[600];
    if (!home || statvfs(home, &fs)) {
        note(c, "home", false, home ? "its disk could not be read" : err.msg);
    } else {
        double free_gb = (double)fs.f_bavail * (double)fs.f_frsize / 1e9;
        snprintf(text, sizeof text, "%.400s, %.1f GB free", home, free_gb);
        note(c, "home", free_gb > 1, text);
    }
    free(home);
}

static void check_database(struct checkup *c, const struct args *args) {
    struct err err = ERR_INIT;
    struct db_options options = { .conninfo = args_get(args, "db", NULL), .any_schema = true };
    struct db *db = db_open(&options, &err);
    bool ok = db && db_check_schema(db, &err);
    char text[600];
    snprintf(text, sizeof text, "%.400s%s", err.msg,
        err.class == ERR_SCHEMA ? ": run 'assay db migrate'" : "");
    note(c, "database", ok,
        ok ? db_is_private(db) ? "private cluster, schema up to date"
                               : "reachable, schema up to date"
           : text);
    db_close(db);
}

static void check_program(struct checkup *c, const char *name, const char *why) {
    char *path = proc_find(name, NULL), text[400];
    snprintf(text, sizeof text, "%.300s", path ? path : why);
    note(c, name, path != NULL, text);
    free(path);
}

static void check_hub(struct checkup *c) {
    const char *endpoint = getenv("HF_ENDPOINT");
    char text[400];
    snprintf(text, sizeof text, "%.300s%s",
        endpoint && *endpoint ? endpoint : "https://huggingface.co",
        getenv("HF_TOKEN") ? ", with a token" : ", no token");
    note(c, "hub", true, text);
}

static void print_checks(const json_t *list) {
    size_t i;
    json_t *check;
    json_array_foreach(list, i, check) {
        printf("%s %-12s %s\n", json_is_true(json_object_get(check, "ok")) ? "ok  " : "FAIL",
            json_get_string(check, "check", ""), json_get_string(check, "said", ""));
    }
}

static bool run(const struct args *args, struct err *err) {
    struct checkup c = { .list = json_array() };
    check_cpu(&c);
    check_disk(&c);
    check_database(&c, args);
    check_program(&c, "gnuplot", "not found: the site is built without its large plots");
    check_hub(&c);
    if (args_has(args, "json")) {
        json_t *document = json_pack("{s:s, s:O}", "schema", "assay.doctor/1", "checks", c.list);
        print_document(document, true);
        json_decref(document);
    } else {
        print_checks(c.list);
    }
    json_decref(c.list);
    return !c.sick || err_set(err, ERR_FAILED, "not all is well here");
}

const struct command cmd_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "check processor, disk, database, gnuplot and hub",
    .options = { options_database },
    .run = run,
};

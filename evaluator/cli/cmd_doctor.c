/* assay doctor: what this machine has of what Assay uses, a line a check. */
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/doctor.h"
#include "evaluator/cli/print.h"
#include "harness/harness.h"

void doctor_note(struct checkup *c, const char *what, bool ok, const char *said) {
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
    doctor_note(c, "processor", isa != NULL, text);
}

static void check_disk(struct checkup *c) {
    struct err err = ERR_INIT;
    char *home = assay_home(&err);
    struct statvfs fs;
    char text[600];
    if (!home || statvfs(home, &fs)) {
        doctor_note(c, "home", false, home ? "its disk could not be read" : err.msg);
    } else {
        double free_gb = (double)fs.f_bavail * (double)fs.f_frsize / 1e9;
        snprintf(text, sizeof text, "%.400s, %.1f GB free", home, free_gb);
        doctor_note(c, "home", free_gb > 1, text);
    }
    free(home);
}

static void print_checks(const json_t *list) {
    size_t i;
    json_t *check;
    json_array_foreach(list, i, check) {
        printf("%s %-12s %s\n", json_is_true(json_object_get(check, "ok")) ? "ok  " : "FAIL",
            json_get_string(check, "check", ""), json_get_string(check, "said", ""));
    }
}

static void print_found(const struct checkup *c, bool json) {
    if (!json) {
        print_checks(c->list);
        return;
    }
    json_t *document = json_pack(
        "{s:s, s:O, s:O}", "schema", "assay.doctor/1", "checks", c->list, "gpus", c->gpus);
    print_document(document, true);
    json_decref(document);
}

static bool run(const struct args *args, struct err *err) {
    struct checkup c = { .list = json_array() };
    check_cpu(&c);
    check_disk(&c);
    doctor_gpu(&c, args);
    for (doctor_check_fn *const *check = doctor_service; *check; check++) {
        (*check)(&c, args);
    }
    print_found(&c, args_has(args, "json"));
    json_decref(c.list);
    json_decref(c.gpus);
    return !c.sick || err_set(err, ERR_FAILED, "not all is well here");
}

const struct command cmd_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "check processor, disk, GPUs, database, gnuplot and hub",
    .options = { options_database },
    .run = run,
};

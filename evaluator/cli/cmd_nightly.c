/* assay nightly: what a board does while nobody looks; nightly pin | unpin | unfreeze | ls. */
#include <stdint.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "evaluator/cli/admission.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/decision.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/report.h"
#include "evaluator/cli/stop.h"
#include "evaluator/cli/submission.h"
#include "evaluator/cli/suites.h"
#include "evaluator/cli/table.h"
#include "evaluator/nightly/nightly.h"
#include "site-gen/look.h"
#include "version.h"

#define SUITES_MAX 64
#define CLOSED_MAX 32
#define ARGV_MAX 32
#define DAY_S 86400ul

static const struct option options_nightly[] = {
    { "suite", 's', "S",
        "only these suites (repeatable; default: all that models were asked for)" },
    { "report", 0, "DIR", "write the report there: night-<when> and latest, .json, .txt, .html" },
    { "site", 0, "DIR", "build the site there at the end" },
    { "base-url", 0, "URL", "where the site will be published" },
    { "title", 0, "TEXT", "the site's name" },
    { "config", 0, "FILE", "its site.lua, as 'site build' has it" },
    { "private", 0, "SUITE", "its board apart, as 'site build' has it (repeatable)" },
    { "workers", 0, "N", "run N workers here (default: wait for those that there are)" },
    { "no-wait", 0, NULL, "queue what changed and end" },
    { "wait", 0, "S", "wait for the queue no longer than S seconds (default: a day)" },
    { "hub-wait", 0, "S", "a hub that is away is waited for so long, all in all (default 7200)" },
    { "retry", 0, "S",
        "and tried after so long, then after twice that, up to 5 minutes (default 30)" },
    { "keep-build", 0, NULL, "leave results as they are that another build measured" },
    { "dry-run", 0, NULL, "look at everything and change nothing" },
    { NULL, 0, NULL, NULL },
};

static const struct option options_where[] = {
    { "hub", 0, "DIR|URL", "where models are found (default: HF_ENDPOINT)" },
    { "tasks", 0, "DIR", "a folder of tasks in place of the built-in ones" },
    { "threads", 'j', "N", "threads of each worker" },
    OPTION_POLICY,
    { NULL, 0, NULL, NULL },
};

static const struct option options_reason[] = {
    OPTIONS_DECISION,
    { NULL, 0, NULL, NULL },
};

static const struct option options_list[] = {
    { "limit", 'l', "N", "how many (default 30)" },
    { NULL, 0, NULL, NULL },
};

/* ---- a submission of the night ---- */

struct maker {
    const struct args *args;
    struct db *db;
    json_t *suites; /* name -> its description */
    json_t *model;  /* the last one that was looked up, as it was asked for: its suites follow */
};

static json_t *suite_described(struct maker *m, const char *name, struct err *err) {
    static const struct option SUITE = { "suite", 's', "S", "" };
    json_t *known = json_object_get(m->suites, name);
    if (known) {
        return known;
    }
    struct args args = *m->args;
    args.n_given = args.n_given < ARGS_MAX_VALUES ? args.n_given : ARGS_MAX_VALUES - 1;
    args.given[args.n_given].option = &SUITE;
    args.given[args.n_given++].value = name;
    json_t *suite = submission_suite(&args, err);
    if (suite) {
        json_object_set_new(m->suites, name, suite);
    }
    return suite;
}

static bool find_suite(void *arg, const char *suite, struct err *err) {
    return suite_described(arg, suite, err) != NULL;
}

static const json_t *look_up(struct maker *m, const char *name, struct err *err) {
    if (!m->model || strcmp(json_get_string(m->model, "requested", ""), name)) {
        json_decref(m->model);
        m->model = submission_model(args_get(m->args, "hub", NULL), name, NULL, err);
    }
    return m->model;
}

static json_t *make(
    void *arg, const char *model, const char *suite, const char *precision, struct err *err) {
    struct maker *m = arg;
    json_t *described = suite_described(m, suite, err), *config = json_object();
    if (strcmp(precision, "auto")) {
        json_object_set_new(config, "precision", json_string(precision));
    }
    struct submission_by by = { .submitter = "nightly",
        .priority = 6,
        .config = config,
        .db = m->db,
        .model = described ? look_up(m, model, err) : NULL,
        .look_only = args_has(m->args, "dry-run") };
    json_t *made = by.model ? submission_make(m->args, model, described, &by, err) : NULL;
    json_decref(config);
    return made;
}

/* ---- what is started ---- */

struct words {
    const char *items[ARGV_MAX + 1];
    size_t n;
};

static void say(struct words *w, const char *word) {
    if (word && w->n < ARGV_MAX) {
        w->items[w->n++] = word;
    }
}

/* Options that were given here and mean the same there. */
static void pass_on(struct words *w, const struct args *args, const char *const *names) {
    for (; *names; names++) {
        const char *value = args_get(args, *names + 2, NULL);
        if (value) {
            say(w, *names);
            say(w, value);
        }
    }
}

static void worker_words(struct words *w, const struct args *args) {
    static const char *const PASSED[] = { "--hub", "--tasks", "--threads", "--db", NULL };
    say(w, "assay");
    say(w, "worker");
    say(w, "--drain");
    say(w, "--no-progress");
    pass_on(w, args, PASSED);
}

static void canary_words(struct words *w, const struct args *args) {
    static const char *const PASSED[] = { "--hub", "--tasks", "--threads", "--db", NULL };
    say(w, "/proc/self/exe");
    say(w, "reproduce");
    say(w, "--json");
    say(w, "--no-progress");
    pass_on(w, args, PASSED);
}

/* ---- the command ---- */

static void print_line(const char *line) {
    log_line(LOG_INFO, "%s", line);
}

static size_t read_suites(const struct args *args, char *suites[SUITES_MAX + 1]) {
    size_t n = 0;
    while (n < SUITES_MAX && (suites[n] = args_item(args, "suite", (unsigned)n))) {
        n++;
    }
    suites[n] = NULL;
    return n;
}

static bool read_numbers(const struct args *args, struct night_options *o, struct err *err) {
    unsigned long workers, wait, hub_wait, retry;
    if (!args_get_uint(args, "workers", 0, 64, &workers, err) ||
        !args_get_uint(args, "wait", DAY_S, 30 * DAY_S, &wait, err) ||
        !args_get_uint(args, "hub-wait", NIGHT_HUB_WAIT_S, DAY_S, &hub_wait, err) ||
        !args_get_uint(args, "retry", NIGHT_HUB_REST_S, 300, &retry, err)) {
        return false;
    }
    o->workers = (unsigned)workers;
    o->wait_s = (double)wait;
    o->hub_wait_s = (unsigned)hub_wait;
    o->retry_s = retry ? (unsigned)retry : 1;
    return true;
}

static void print_report(const struct args *args, const json_t *report) {
    struct strbuf text = { 0 };
    if (args_has(args, "json")) {
        print_document(report, true);
    } else {
        night_text(report, &text);
        fputs(strbuf_str(&text), stdout);
    }
    strbuf_release(&text);
}

/* A database that is restarted in the middle of the night is waited for. */
static struct db *open_patiently(
    const struct args *args, const atomic_bool *stop, struct err *err) {
    struct db_options options = { .conninfo = args_get(args, "db", NULL),
        .app = "assay nightly",
        .retry_s = 600,
        .statement_s = 300,
        .stop = stop };
    return db_open(&options, err);
}

/* Those that the user names are there. */
static bool find_named(struct maker *m, const char *const *suites, struct err *err) {
    for (; suites && *suites; suites++) {
        if (!suite_described(m, *suites, err)) {
            return false;
        }
    }
    return true;
}

static bool run_night(const struct args *args, struct night_options *o, struct err *err) {
    struct maker maker = { .args = args, .db = o->db, .suites = json_object() };
    json_t *report = NULL;
    o->find_suite = find_suite;
    o->make = make;
    o->arg = &maker;
    bool ok = find_named(&maker, o->suites, err) && night_run(o, &report, err);
    if (ok) {
        print_report(args, report);
        ok = night_verdict(report, err);
    }
    json_decref(report);
    json_decref(maker.suites);
    json_decref(maker.model);
    return ok;
}

static bool run(const struct args *args, struct err *err) {
    char *suites[SUITES_MAX + 1];
    const char *closed[CLOSED_MAX];
    struct words worker = { 0 }, canary = { 0 };
    struct site_look look = { 0 };
    worker_words(&worker, args);
    canary_words(&canary, args);
    struct night_options o = { .build = ASSAY_BUILD,
        .report_dir = args_get(args, "report", NULL),
        .site = args_get(args, "site", NULL),
        .base_url = args_get(args, "base-url", NULL),
        .title = args_get(args, "title", NULL),
        .look = args_has(args, "config") ? &look : NULL,
        .canary_argv = canary.items,
        .dry_run = args_has(args, "dry-run"),
        .no_wait = args_has(args, "no-wait"),
        .keep_build = args_has(args, "keep-build"),
        .stop = stop_on_signals(),
        .log = print_line };
    if (!args_list(args, "private", closed, CLOSED_MAX, err) || !read_numbers(args, &o, err) ||
        (o.look && !site_look_read(args_get(args, "config", NULL), &look, err)) ||
        !(o.db = open_patiently(args, o.stop, err))) {
        site_look_release(&look);
        return false;
    }
    o.closed = closed[0] ? closed : NULL;
    o.suites = read_suites(args, suites) ? (const char *const *)suites : NULL;
    o.worker_argv = o.workers ? worker.items : NULL;
    bool ok = suites_check_closed(args, o.db, closed, err) && run_night(args, &o, err);
    for (char **s = suites; *s; s++) {
        free(*s);
    }
    db_close(o.db);
    site_look_release(&look);
    return ok;
}

const struct command cmd_nightly = {
    .name = "nightly",
    .operands = "",
    .summary = "look what changed, evaluate it, build the site, report",
    .details =
        "Measures the pinned canaries first; other bits than before on the same instruction set,\n"
        "or numbers beyond the dtype's tolerance on another, freeze publication: the site stays\n"
        "as it is until 'nightly unfreeze'. Then models are looked up at the hub, and what has a\n"
        "new revision, a changed task, or results of another build is queued, as the policy lets\n"
        "it. One night at a time. A hub that is away is waited for, two hours in all. Exit codes: "
        "0\n"
        "all is well, 1 with failures, 8 another night is under way, 10 publication is frozen;\n"
        "whichever it is, the report says more.\n\n"
        "  assay nightly --workers 2 --report reports --site public\n",
    .options = { options_nightly, options_where, options_database },
    .run = run,
};

/* ---- decisions ---- */

static bool run_unfreeze(const struct args *args, struct err *err) {
    struct rows rows = { 0 };
    struct db *db = decision_has_reason(args, err) ? database_open(args, err) : NULL;
    bool ok =
        db && db_query(db, "publication_unfreeze",
                  DB_ARGS(db_text(decision_reason(args)), db_text(decision_by(args))), &rows, err);
    if (ok) {
        puts(rows_bool(&rows, 0, "changed") ? "publication goes on" : "publication was not frozen");
    }
    rows_release(&rows);
    db_close(db);
    return ok;
}

const struct command cmd_nightly_unfreeze = {
    .name = "nightly unfreeze",
    .operands = "",
    .summary = "let the site be built again, after a canary gave other numbers",
    .details = "Somebody has looked at it: who, and why, stays in 'queue audit'. A canary that "
               "still gives\n"
               "other numbers freezes it again the next night; 'nightly unpin' if its run is what "
               "is wrong.\n",
    .options = { options_reason, options_database },
    .run = run_unfreeze,
};

static bool pin(const struct args *args, bool pinned, struct err *err) {
    char *end;
    long long run = strtoll(args->operands[0], &end, 10);
    if (end == args->operands[0] || *end || run <= 0) {
        return err_set(err, ERR_USAGE, "'%s' is not the number of a run", args->operands[0]);
    }
    struct rows rows = { 0 };
    struct db *db = decision_has_reason(args, err) ? database_open(args, err) : NULL;
    bool ok = db && db_query(db, "canary_pin",
                        DB_ARGS(db_int(run), db_int(pinned), db_text(decision_reason(args)),
                            db_text(decision_by(args))),
                        &rows, err);
    if (ok) {
        const char *was = rows_bool(&rows, 0, "changed") ? "" : ", as it was before";
        printf("run %lld is %s%s\n", run, pinned ? "a canary" : "no canary", was);
    }
    rows_release(&rows);
    db_close(db);
    return ok;
}

static bool run_pin(const struct args *args, struct err *err) {
    return pin(args, true, err);
}

static bool run_unpin(const struct args *args, struct err *err) {
    return pin(args, false, err);
}

const struct command cmd_nightly_pin = {
    .name = "nightly pin",
    .operands = "RUN",
    .summary = "make a run a canary: each night measures it again before all else",
    .details = "Take a small model and a small task ('assay result ls' has the numbers of runs).\n",
    .options = { options_reason, options_database },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_pin,
};

const struct command cmd_nightly_unpin = {
    .name = "nightly unpin",
    .operands = "RUN",
    .summary = "measure a canary no more",
    .options = { options_reason, options_database },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_unpin,
};

/* ---- ls ---- */

static void print_nights(const json_t *nights) {
    struct table *t = table_new(">Night", "Started", "Outcome", ">Done", ">Failed", "Build", NULL);
    size_t i;
    json_t *night;
    json_array_foreach(nights, i, night) {
        const json_t *jobs = json_object_get(json_object_get(night, "report"), "jobs");
        table_cellf(t, "%lld", json_get_int(night, "night_id", 0));
        table_cellf(t, "%.19s", json_get_string(night, "started_at", ""));
        table_cell(t, json_get_string(night, "outcome", "under way"));
        table_cellf(t, "%lld", json_get_int(jobs, "done", 0));
        table_cellf(t, "%lld", json_get_int(jobs, "dead", 0));
        table_cell(t, json_get_string(night, "build", ""));
    }
    table_print(t, false);
}

static bool print_freeze(struct db *db, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(db, "site_publication", DB_NO_ARGS, &rows, err);
    if (ok && rows.n && !rows_null(&rows, 0, "frozen_at")) {
        printf("publication is frozen since %.19s: %s\n", rows_text(&rows, 0, "frozen_at"),
            rows_text(&rows, 0, "reason"));
    }
    rows_release(&rows);
    return ok;
}

static bool run_list(const struct args *args, struct err *err) {
    unsigned long limit;
    struct rows rows = { 0 };
    struct db *db =
        args_get_uint(args, "limit", 30, 100000, &limit, err) ? database_open(args, err) : NULL;
    bool ok = db && db_query(db, "night_list", DB_ARGS(db_int((long long)limit)), &rows, err);
    json_t *nights = ok ? rows_to_json(&rows, err) : NULL;
    if (nights && args_has(args, "json")) {
        json_t *document = json_pack("{s:s, s:O}", "schema", "assay.nights/1", "nights", nights);
        print_document(document, true);
        json_decref(document);
    } else if (nights) {
        print_nights(nights);
    }
    ok = nights && (args_has(args, "json") || print_freeze(db, err));
    json_decref(nights);
    rows_release(&rows);
    db_close(db);
    return ok;
}

const struct command cmd_nightly_ls = {
    .name = "nightly ls",
    .operands = "",
    .summary = "the nights there were, newest first",
    .options = { options_list, options_database },
    .run = run_list,
};

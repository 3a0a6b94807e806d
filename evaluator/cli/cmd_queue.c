/* assay queue ls | show | cancel | retry | stats. */
#include <string.h>
#include <time.h>

#include "base/progress.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"

static const struct option options_ls[] = {
    { "state", 0, "STATE",
        "only jobs in this state: waiting, queued, leased, done, dead, cancelled" },
    { "limit", 'l', "N", "how many (default 100)" },
    { NULL, 0, NULL, NULL },
};

static bool job_number(const char *text, long long *job, struct err *err) {
    char *end;
    *job = strtoll(text, &end, 10);
    return (end != text && !*end && *job > 0) ||
           err_set(err, ERR_USAGE, "'%s' is not the number of a job", text);
}

/* ---- ls ---- */

static void print_jobs(const struct rows *rows) {
    struct table *t = table_new(">Job", "State", "Model", "Task", ">Attempt", "Error", NULL);
    for (int i = 0; i < rows->n; i++) {
        table_cell(t, rows_text(rows, i, "job_id"));
        table_cell(t, rows_bool(rows, i, "paused") ? "paused" : rows_text(rows, i, "state"));
        table_cell(t, rows_text(rows, i, "model"));
        table_cell(t, rows_text(rows, i, "task"));
        table_cell(t, rows_text(rows, i, "attempt"));
        table_cellf(t, "%s%s%.80s", rows_text(rows, i, "error_class"),
            rows_null(rows, i, "error") ? "" : ": ", rows_text(rows, i, "error"));
    }
    table_print(t, false);
}

static bool run_ls(const struct args *args, struct err *err) {
    unsigned long limit;
    struct rows rows = { 0 };
    struct db *db =
        args_get_uint(args, "limit", 100, 1000000, &limit, err) ? database_open(args, err) : NULL;
    bool ok = db && db_query(db, "queue_list",
                        DB_ARGS(db_text(args_get(args, "state", NULL)),
                            db_text(args->n_operands ? args->operands[0] : NULL),
                            db_int((long long)limit)),
                        &rows, err);
    if (ok && args_has(args, "json")) {
        ok = database_print(&rows, "assay.queue/1", "jobs", err);
    } else if (ok) {
        print_jobs(&rows);
    }
    rows_release(&rows);
    db_close(db);
    return ok;
}

const struct command cmd_queue_ls = {
    .name = "queue ls",
    .operands = "[PART-OF-A-NAME]",
    .summary = "list jobs, newest first",
    .options = { options_ls, options_database },
    .max_operands = 1,
    .run = run_ls,
};

/* ---- show ---- */

static bool run_show(const struct args *args, struct err *err) {
    long long job;
    struct rows rows = { 0 }, attempts = { 0 };
    struct db *db = job_number(args->operands[0], &job, err) ? database_open(args, err) : NULL;
    bool ok = db && db_query(db, "queue_show", DB_ARGS(db_int(job)), &rows, err) &&
              db_query(db, "queue_attempts", DB_ARGS(db_int(job)), &attempts, err);
    if (ok && rows.n == 0) {
        ok = err_set(err, ERR_NOT_FOUND, "there is no job %lld", job);
    }
    json_t *list = ok ? rows_to_json(&rows, err) : NULL,
           *tries = list ? rows_to_json(&attempts, err) : NULL;
    ok = ok && tries;
    if (ok) {
        json_t *shown = json_array_get(list, 0);
        json_object_set(shown, "attempts", tries);
        print_document(shown, args_has(args, "json"));
    }
    json_decref(list);
    json_decref(tries);
    rows_release(&rows);
    rows_release(&attempts);
    db_close(db);
    return ok;
}

const struct command cmd_queue_show = {
    .name = "queue show",
    .operands = "JOB",
    .summary = "everything about a job: state, error, attempts",
    .options = { options_database },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_show,
};

/* ---- cancel, retry ---- */

typedef bool change_fn(struct db *db, long long job, enum queue_answer *answer, struct err *err);

static bool retry(struct db *db, long long job, enum queue_answer *answer, struct err *err) {
    return queue_retry(db, job, NULL, answer, err);
}

/* Takes the list away. */
static void print_answers(json_t *answers, bool json) {
    size_t i;
    json_t *a;
    if (json) {
        json_t *document =
            json_pack("{s:s, s:O}", "schema", "assay.queue-change/1", "jobs", answers);
        print_document(document, true);
        json_decref(document);
    } else {
        json_array_foreach(answers, i, a) {
            printf("job %lld: %s\n", json_get_int(a, "job", 0), json_get_string(a, "answer", ""));
        }
    }
    json_decref(answers);
}

static bool change_jobs(const struct args *args, change_fn *change, struct err *err) {
    struct db *db = database_open(args, err);
    json_t *answers = json_array();
    bool ok = db != NULL;
    for (unsigned i = 0; ok && i < args->n_operands; i++) {
        long long job;
        enum queue_answer answer;
        ok = job_number(args->operands[i], &job, err) && change(db, job, &answer, err);
        if (ok && answer == QUEUE_GONE) {
            ok = err_set(err, ERR_NOT_FOUND, "there is no job %lld", job);
        } else if (ok) {
            json_array_append_new(answers, json_pack("{s:I, s:s}", "job", (json_int_t)job, "answer",
                                               queue_answer_name(answer)));
        }
    }
    print_answers(answers, args_has(args, "json"));
    db_close(db);
    return ok;
}

static bool run_cancel(const struct args *args, struct err *err) {
    return change_jobs(args, queue_cancel, err);
}

static bool run_retry(const struct args *args, struct err *err) {
    return change_jobs(args, retry, err);
}

const struct command cmd_queue_cancel = {
    .name = "queue cancel",
    .operands = "JOB...",
    .summary = "cancel jobs; a running one is told to stop",
    .options = { options_database },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run_cancel,
};

const struct command cmd_queue_retry = {
    .name = "queue retry",
    .operands = "JOB...",
    .summary = "run ended jobs once more; their history is kept",
    .options = { options_database },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run_retry,
};

/* ---- stats ---- */

static bool run_stats(const struct args *args, struct err *err) {
    struct db *db = database_open(args, err);
    json_t *monitor = db ? queue_monitor(db, err) : NULL;
    bool ok = monitor != NULL;
    if (ok) {
        print_document(monitor, args_has(args, "json"));
    }
    json_decref(monitor);
    db_close(db);
    return ok;
}

const struct command cmd_queue_stats = {
    .name = "queue stats",
    .operands = "",
    .summary = "how many jobs are in which state, who works, and what slows the queue",
    .details =
        "With --json for a monitor: ages in seconds, dead jobs by class, leases past due, the "
        "oldest snapshot, dead rows, sizes of indexes.\n",
    .options = { options_database },
    .run = run_stats,
};

/* ---- wait ---- */

#define DESERTED_TICKS                                                                             \
    60 /* half seconds without a living worker, after which waiting makes no sense */

struct tally {
    long long total, over, dead, workers;
    double share; /* of the running jobs, summed */
};

static bool count_jobs(struct db *db, struct tally *t, struct err *err) {
    struct rows rows = { 0 }, running = { 0 };
    bool ok = db_query(db, "queue_stats", DB_NO_ARGS, &rows, err) &&
              db_query(db, "queue_list", DB_ARGS(db_text("leased"), db_null(), db_int(1000)),
                  &running, err);
    if (ok) {
        long long left = rows_int(&rows, 0, "waiting") + rows_int(&rows, 0, "queued") +
                         rows_int(&rows, 0, "leased");
        t->dead = rows_int(&rows, 0, "dead");
        t->over = rows_int(&rows, 0, "done") + t->dead + rows_int(&rows, 0, "cancelled");
        t->total = t->over + left -
                   rows_int(&rows, 0, "held"); /* a paused task's jobs wait for a person */
        t->workers = rows_int(&rows, 0, "workers_alive");
        t->share = 0;
        for (int i = 0; i < running.n; i++) {
            t->share += rows_real(&running, i, "progress");
        }
    }
    rows_release(&rows);
    rows_release(&running);
    return ok;
}

static bool run_wait(const struct args *args, struct err *err) {
    struct tally t = { 0 }, start = { 0 };
    struct db *db = database_open(args, err);
    bool ok = db && count_jobs(db, &start, err);
    struct progress *bar = ok && start.over < start.total
                               ? progress_start("jobs", (uint64_t)(start.total - start.over), "job")
                               : NULL;
    unsigned deserted = 0;
    for (t = start; ok && t.over < t.total;) {
        nanosleep(&(struct timespec) { .tv_nsec = 500000000 }, NULL);
        ok = count_jobs(db, &t, err);
        char note[64];
        snprintf(note, sizeof note, "and %.0f %% of one that runs", 100 * t.share);
        progress_note(bar, t.share > 0 ? note : "");
        progress_set(bar, t.over > start.over ? (uint64_t)(t.over - start.over) : 0);
        deserted = t.workers ? 0 : deserted + 1;
        if (ok && deserted > DESERTED_TICKS) {
            ok = err_set(
                err, ERR_BUSY, "%lld jobs are left, and no worker is alive", t.total - t.over);
            err_hint(err, "start one: assay worker --drain");
        }
    }
    progress_end(bar);
    db_close(db);
    if (ok && t.dead > start.dead) {
        err_set(err, ERR_NEGATIVE, "%lld of the jobs failed for good", t.dead - start.dead);
        return err_hint(err, "'assay queue ls --state dead' shows them with their reasons");
    }
    return ok;
}

const struct command cmd_queue_wait = {
    .name = "queue wait",
    .operands = "",
    .summary = "wait until every job has ended, with a progress bar",
    .details = "Exit code 10 if jobs failed for good meanwhile.\n",
    .options = { options_database },
    .run = run_wait,
};

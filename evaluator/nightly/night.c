/* The order of a night (nightly.h). */
#include "evaluator/nightly/night.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"

double night_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool night_rest(const struct night *n, double s) {
    for (double end = night_now() + s; night_now() < end && !*n->o->stop;) {
        nanosleep(&(struct timespec) { .tv_nsec = 100000000 }, NULL);
    }
    return !*n->o->stop;
}

void night_log(const struct night *n, const char *fmt, ...) {
    char line[700];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    n->o->log(line);
}

static json_t *section_of(struct night *n, const char *section) {
    json_t *s = json_object_get(n->report, section);
    if (!s) {
        s = json_object();
        json_object_set_new(n->report, section, s);
    }
    return s;
}

void night_note(struct night *n, const char *section, const char *list, json_t *entry) {
    json_t *s = section_of(n, section), *l = json_object_get(s, list);
    if (!l) {
        l = json_array();
        json_object_set_new(s, list, l);
    }
    json_array_append_new(l, entry);
}

void night_count(struct night *n, const char *section, const char *key, long long by) {
    json_t *s = section_of(n, section);
    json_object_set_new(s, key, json_integer(json_get_int(s, key, 0) + by));
}

bool night_hold(struct night *n, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(n->db, "night_lock", DB_NO_ARGS, &rows, err);
    if (ok && rows_int(&rows, 0, "n") != 1) {
        ok = err_set(err, ERR_BUSY, "another night is under way");
        err_hint(err, "'assay nightly ls' shows it; two at once would queue everything twice");
    }
    rows_release(&rows);
    return ok;
}

/* ---- the hub ---- */

/* How long it has been away by now: trying takes its time, too. */
static void tell_hub(struct night *n) {
    double now = night_now();
    if (n->hub_away) {
        n->hub_waited_s += now - n->hub_told_s;
        n->hub_told_s = now;
    }
}

bool night_hub_again(struct night *n, const struct err *err) {
    if (err->class != ERR_NETWORK) {
        return false;
    }
    if (!n->hub_away) {
        night_log(n, "the hub is away: %s", err->msg);
        night_count(n, "hub", "outages", 1);
        n->hub_away = true;
        n->hub_told_s = night_now();
    }
    tell_hub(n);
    return n->hub_waited_s < n->o->hub_wait_s && night_rest(n, n->o->retry_s);
}

void night_hub_answered(struct night *n) {
    tell_hub(n);
    if (n->hub_away) {
        night_log(n, "the hub is back, after %.0f s", n->hub_waited_s);
    }
    n->hub_away = false;
}

/* ---- the phases ---- */

static bool run_phase(struct night *n, const char *name,
    bool (*phase)(struct night *n, struct err *err), struct err *err) {
    double before = night_now();
    if (*n->o->stop) {
        return err_set(err, ERR_INTERRUPTED, "stopped before '%s'", name);
    }
    bool ok = night_hold(n, err) && phase(n, err);
    json_object_set_new(section_of(n, "seconds"), name, json_real(night_now() - before));
    return ok;
}

static bool run_phases(struct night *n, struct err *err) {
    return run_phase(n, "canary", night_canaries, err) && run_phase(n, "check", night_check, err) &&
           run_phase(n, "work", night_work, err) && run_phase(n, "steps", night_steps, err) &&
           run_phase(n, "publish", night_publish, err);
}

static bool begin(struct night *n, struct err *err) {
    struct rows rows = { 0 };
    if (!night_hold(n, err)) {
        return false;
    }
    if (n->o->dry_run) {
        return true;
    }
    bool ok = db_query(n->db, "night_begin", DB_ARGS(db_text(n->o->build)), &rows, err);
    if (ok) {
        n->id = rows_int(&rows, 0, "night_id");
        snprintf(n->started_at, sizeof n->started_at, "%s", rows_text(&rows, 0, "started_at"));
    }
    rows_release(&rows);
    return ok;
}

static json_t *report_new(const struct night *n) {
    char at[32];
    time_t now = time(NULL);
    struct tm tm;
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    return json_pack("{s:s, s:I, s:s, s:s, s:b, s:{s:i, s:i}, s:{s:i}, s:{}, s:{}, s:[]}", "schema",
        "assay.night/1", "night", (json_int_t)n->id, "started_at", at, "build", n->o->build,
        "dry_run", (int)n->o->dry_run, "models", "checked", 0, "unchanged", 0, "queued", "jobs", 0,
        "hub", "jobs", "steps");
}

bool night_run(const struct night_options *options, json_t **report, struct err *err) {
    struct night n = { .o = options, .db = options->db };
    double before = night_now();
    if (!begin(&n, err)) {
        return false;
    }
    n.report = report_new(&n);
    n.jobs = json_array();
    bool ok = run_phases(&n, err);
    json_object_set_new(n.report, "seconds_all", json_real(night_now() - before));
    json_decref(n.jobs);
    if (ok) {
        *report = n.report;
    } else {
        json_decref(n.report);
    }
    return ok;
}

/* The order of a night (nightly.h). */
#include "evaluator/nightly/night.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/utf8.h"

#define WORDS_MAX 600

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
    if (json_array_size(l) < NIGHT_LIST_MAX) {
        json_array_append_new(l, entry);
        return;
    }
    json_t *more = json_object_get(s, "more");
    if (!more) {
        more = json_object();
        json_object_set_new(s, "more", more);
    }
    json_object_set_new(more, list, json_integer(json_get_int(more, list, 0) + 1));
    json_decref(entry);
}

json_t *night_words(const char *text) {
    size_t n;
    char *clean = utf8_repair(text, strnlen(text, WORDS_MAX), &n);
    for (char *c = clean; *c; c++) {
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c; // nobody steers a terminal by it
    }
    json_t *words = json_string(clean);
    free(clean);
    return words;
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

bool night_hub_again(struct night *n, const struct err *err) {
    if (err->class != ERR_NETWORK) {
        return false;
    }
    if (!n->hub.away) {
        night_log(n, "the hub is away: %s", err->msg);
        night_count(n, "hub", "outages", 1);
    }
    double rest = patience_rest(&n->hub, night_now());
    if (rest < 0) {
        night_log(n, "the hub is not waited for any longer");
    }
    return rest >= 0 && night_rest(n, rest);
}

void night_hub_answered(struct night *n) {
    if (patience_end(&n->hub, night_now())) {
        night_log(n, "the hub is back, after %.0f s in all", n->hub.waited_s);
    }
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
    return json_pack("{s:s, s:I, s:s, s:s, s:b, s:{s:i, s:i}, s:{s:i}, s:{}, s:{}, s:[], s:b}",
        "schema", "assay.night/1", "night", (json_int_t)n->id, "started_at", at, "build",
        n->o->build, "dry_run", (int)n->o->dry_run, "models", "checked", 0, "unchanged", 0,
        "queued", "jobs", 0, "hub", "jobs", "steps", "no_wait", (int)n->o->no_wait);
}

bool night_run(const struct night_options *options, json_t **report, struct err *err) {
    struct night n = { .o = options,
        .db = options->db,
        .hub = { .all_s = options->hub_wait_s, .first_s = options->retry_s } };
    double before = night_now();
    if (!begin(&n, err)) {
        return false;
    }
    n.report = report_new(&n);
    n.jobs = json_array();
    bool ok = run_phases(&n, err);
    json_object_set_new(n.report, "seconds_all", json_real(night_now() - before));
    if (!ok) {
        night_stopped(&n, err);
    }
    json_decref(n.jobs);
    if (ok) {
        *report = n.report;
    } else {
        json_decref(n.report);
    }
    return ok;
}

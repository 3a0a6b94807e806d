/* What changed: models at the hub, tasks in the library, the harness. What did is queued; a
 * submission that is there already queues nothing, so all are simply handed in again. */
#include <string.h>

#include "evaluator/nightly/night.h"

struct entry {
    const char *model, *suite, *precision, *revision, *requested;
};

static bool wanted_suite(const struct night *n, const char *suite) {
    if (!n->o->suites) {
        return true;
    }
    for (const char *const *s = n->o->suites; *s; s++) {
        if (!strcmp(*s, suite)) {
            return true;
        }
    }
    return false;
}

/* org/name@<40 hex> was asked for: it stays there. */
static bool is_pinned(const struct entry *e) {
    const char *at = strchr(e->requested, '@');
    return at && strlen(at + 1) == 40 && strspn(at + 1, "0123456789abcdef") == 40;
}

/* Which list of the report an error belongs to. */
static const char *list_for(enum err_class class) {
    switch (class) {
    case ERR_AUTH:
        return "gated";
    case ERR_NOT_FOUND:
        return "gone";
    case ERR_NETWORK:
        return "unreachable";
    case ERR_BUSY:
        return "held";
    case ERR_UNSUPPORTED:
        return "refused";
    default:
        return "failed";
    }
}

static void note_error(struct night *n, const struct entry *e, const struct err *why) {
    night_log(n, "%s: %s", e->model, why->msg);
    night_note(n, "models", list_for(why->class),
        json_pack("{s:s, s:s, s:s, s:s}", "model", e->model, "suite", e->suite, "class",
            err_info(why->class)->name, "why", why->msg));
}

static void note_moved(struct night *n, const struct entry *e, const json_t *request) {
    const char *now = json_get_string(json_object_get(request, "model"), "commit", "");
    if (!strcmp(now, e->revision)) {
        night_count(n, "models", "unchanged", 1);
        return;
    }
    night_log(n, "%s moved to %.12s", e->model, now);
    night_note(n, "models", "moved",
        json_pack("{s:s, s:s, s:s, s:s}", "model", e->model, "suite", e->suite, "from", e->revision,
            "to", now));
}

/* Those that are new or not over: this night sees them through. */
static void take_jobs(struct night *n, const json_t *answer) {
    size_t i;
    json_t *job;
    json_array_foreach(json_object_get(answer, "jobs"), i, job) {
        const char *state = json_get_string(job, "state", "");
        bool created = json_get_bool(job, "created", false);
        if (created) {
            night_count(n, "queued", "jobs", 1);
            night_count(n, "queued", "submitted", 1);
        }
        if (created || !strcmp(state, "queued") || !strcmp(state, "waiting") ||
            !strcmp(state, "leased")) {
            json_array_append(n->jobs, json_object_get(job, "job"));
        }
    }
}

static bool hand_in(struct night *n, const json_t *request, struct err *err) {
    if (n->o->dry_run) {
        return true;
    }
    json_t *answer = db_submit(n->db, request, err);
    take_jobs(n, answer);
    json_decref(answer);
    return answer != NULL;
}

/* The request, through a hub that is away for a while; NULL with the reason. */
static json_t *make(struct night *n, const struct entry *e, struct err *why) {
    char pinned[400];
    const char *model = e->model;
    if (is_pinned(e)) {
        snprintf(pinned, sizeof pinned, "%s@%s", e->model, strchr(e->requested, '@') + 1);
        model = pinned;
    }
    for (;;) {
        *why = (struct err)ERR_INIT;
        json_t *request = n->o->make(n->o->arg, model, e->suite, e->precision, why);
        if (request || !night_hub_again(n, why)) {
            return request;
        }
    }
}

static bool check_one(struct night *n, const struct entry *e, struct err *err) {
    struct err why = ERR_INIT;
    json_t *request = make(n, e, &why);
    night_count(n, "models", "checked", 1);
    if (!request &&
        (why.class == ERR_DB || why.class == ERR_SCHEMA || why.class == ERR_INTERRUPTED)) {
        *err = why;
        return false;
    }
    if (!request) {
        note_error(n, e, &why);
        return true;
    }
    night_hub_answered(n);
    note_moved(n, e, request);
    bool ok = hand_in(n, request, err);
    json_decref(request);
    return ok;
}

/* What another build of the harness measured is measured again. */
static bool check_build(struct night *n, struct err *err) {
    struct rows rows = { 0 };
    struct strbuf suites = { 0 };
    for (const char *const *s = n->o->suites; s && *s; s++) {
        strbuf_addf(&suites, "%s%s", suites.len ? "," : "", *s);
    }
    bool ok = db_query(n->db, "night_outdated",
        DB_ARGS(db_text(n->o->build), db_text(n->o->suites ? strbuf_str(&suites) : NULL),
            db_int(n->o->dry_run)),
        &rows, err);
    for (int i = 0; ok && i < rows.n; i++) {
        json_array_append_new(n->jobs, json_integer(rows_int(&rows, i, "job_id")));
    }
    if (ok && rows.n) {
        night_count(n, "queued", "jobs", rows.n);
        night_count(n, "queued", "other_build", rows.n);
        night_log(n, "%d jobs were measured by another build", rows.n);
    }
    rows_release(&rows);
    strbuf_release(&suites);
    return ok;
}

bool night_check(struct night *n, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(n->db, "night_models", DB_NO_ARGS, &rows, err);
    for (int i = 0; ok && i < rows.n; i++) {
        struct entry e = { rows_text(&rows, i, "model"), rows_text(&rows, i, "suite"),
            rows_text(&rows, i, "precision"), rows_text(&rows, i, "revision"),
            rows_text(&rows, i, "requested") };
        if (*n->o->stop) {
            ok = err_set(err, ERR_INTERRUPTED, "stopped at '%s'", e.model);
        } else if (wanted_suite(n, e.suite)) {
            ok = check_one(n, &e, err);
        }
    }
    rows_release(&rows);
    return ok && (n->o->keep_build || check_build(n, err));
}

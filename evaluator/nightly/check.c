/* What changed: models at the hub, tasks in the library, the harness. What did is queued; a
 * submission that is there already queues nothing, so all are simply handed in again.
 *
 * A model that can't be looked up is either one that the hub does not answer for, or the hub is
 * away. Another model tells: if the hub answers for that one, the first is put off to the next
 * round, and costs the night nothing more; else the hub is waited for (patience.h). */
#include <string.h>

#include "base/mem.h"
#include "evaluator/nightly/night.h"

#define WITNESSES 3
#define ROUNDS 3 // in which a model is tried that the hub does not answer for

struct entry {
    const char *model, *suite, *precision, *revision, *requested;
};

/* Those that are still to be checked. */
struct line {
    struct entry *list;
    size_t n;
    struct entry known; /* one that the hub answered for this night; model NULL: none yet */
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
        json_pack("{s:s, s:s, s:s, s:o}", "model", e->model, "suite", e->suite, "class",
            err_info(why->class)->name, "why", night_words(why->msg)));
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

/* ---- one model ---- */

static json_t *make(struct night *n, const struct entry *e, struct err *why) {
    char pinned[400];
    const char *model = e->model;
    *why = (struct err)ERR_INIT;
    if (is_pinned(e)) {
        snprintf(pinned, sizeof pinned, "%s@%s", e->model, strchr(e->requested, '@') + 1);
        model = pinned;
    }
    return n->o->make(n->o->arg, model, e->suite, e->precision, why);
}

static bool answers_for(struct night *n, const struct entry *e) {
    struct err why;
    json_t *request = make(n, e, &why);
    bool answers = request || why.class != ERR_NETWORK;
    json_decref(request);
    return answers;
}

/* For another than the one at `i`: one that it answered for before, else a few of those behind. */
static bool hub_answers(struct night *n, const struct line *l, size_t i) {
    if (l->known.model && strcmp(l->known.model, l->list[i].model)) {
        return answers_for(n, &l->known);
    }
    for (size_t k = i + 1; k < l->n && k <= i + WITNESSES; k++) {
        if (strcmp(l->list[k].model, l->list[i].model) && answers_for(n, &l->list[k])) {
            return true;
        }
    }
    return false;
}

/* The request, or NULL with the reason; ERR_NETWORK: for this model alone, or the hub was waited
 * for long enough. */
static json_t *look_up(struct night *n, struct line *l, size_t i, struct err *why) {
    for (;;) {
        json_t *request = make(n, &l->list[i], why);
        if (request || why->class != ERR_NETWORK) {
            night_hub_answered(n);
            l->known = request ? l->list[i] : l->known;
            return request;
        }
        if (hub_answers(n, l, i)) {
            night_hub_answered(n);
            return NULL;
        }
        if (!night_hub_again(n, why)) {
            return NULL;
        }
    }
}

static bool is_our_own(const struct err *why) {
    return why->class == ERR_DB || why->class == ERR_SCHEMA || why->class == ERR_INTERRUPTED;
}

/* *later: it is to be tried again. */
static bool check_one(struct night *n, struct line *l, size_t i, bool *later, struct err *err) {
    const struct entry *e = &l->list[i];
    struct err why = ERR_INIT;
    bool given_up = patience_spent(&n->hub);
    json_t *request = given_up ? NULL : look_up(n, l, i, &why);
    if (given_up) {
        err_set(&why, ERR_NETWORK, "the hub was away, and was waited for long enough");
    }
    *later = !request && why.class == ERR_NETWORK && !patience_spent(&n->hub);
    if (!request && (is_our_own(&why) || *n->o->stop)) {
        *err = why;
        return *n->o->stop ? err_set(err, ERR_INTERRUPTED, "stopped at '%s'", e->model) : false;
    }
    if (*later) {
        return true;
    }
    night_count(n, "models", "checked", 1);
    if (!request) {
        note_error(n, e, &why);
        return true;
    }
    note_moved(n, e, request);
    bool ok = hand_in(n, request, err);
    json_decref(request);
    return ok;
}

/* ---- all ---- */

/* One time through the line; those that are to be tried again stay in it. */
static bool check_round(struct night *n, struct line *l, bool last, struct err *err) {
    size_t left = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < l->n; i++) {
        bool later = false;
        ok = !*n->o->stop || err_set(err, ERR_INTERRUPTED, "stopped at '%s'", l->list[i].model);
        ok = ok && check_one(n, l, i, &later, err);
        if (later && last) {
            struct err why = ERR_INIT;
            err_set(&why, ERR_NETWORK, "the hub answers, but not for it");
            night_count(n, "models", "checked", 1);
            note_error(n, &l->list[i], &why);
        } else if (later) {
            l->list[left++] = l->list[i];
        }
    }
    l->n = left;
    return ok;
}

static bool check_line(struct night *n, struct line *l, struct err *err) {
    for (int round = 1; round <= ROUNDS && l->n; round++) {
        if (round > 1) {
            night_log(n, "%zu models are tried once more", l->n);
            (void)night_rest(n, n->o->retry_s);
        }
        if (!check_round(n, l, round == ROUNDS, err)) {
            return false;
        }
    }
    return true;
}

/* A suite that is in no library any more is told once, not for each of its models. */
static bool suite_there(struct night *n, json_t *known, const char *suite) {
    struct err why = ERR_INIT;
    json_t *there = json_object_get(known, suite);
    if (!there) {
        bool found = n->o->find_suite(n->o->arg, suite, &why);
        json_object_set_new(known, suite, json_boolean(found));
        if (!found) {
            night_log(n, "suite %s: %s", suite, why.msg);
            night_note(n, "suites", "gone",
                json_pack("{s:s, s:s, s:o}", "suite", suite, "class", err_info(why.class)->name,
                    "why", night_words(why.msg)));
        }
        return found;
    }
    return json_is_true(there);
}

static void line_up(struct night *n, const struct rows *rows, struct line *l) {
    json_t *suites = json_object();
    l->list = xcalloc((size_t)rows->n + 1, sizeof *l->list);
    for (int i = 0; i < rows->n; i++) {
        struct entry e = { rows_text(rows, i, "model"), rows_text(rows, i, "suite"),
            rows_text(rows, i, "precision"), rows_text(rows, i, "revision"),
            rows_text(rows, i, "requested") };
        if (wanted_suite(n, e.suite) && suite_there(n, suites, e.suite)) {
            l->list[l->n++] = e;
        }
    }
    json_decref(suites);
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
    struct line line = { 0 };
    bool ok = db_query(n->db, "night_models", DB_NO_ARGS, &rows, err);
    if (ok) {
        line_up(n, &rows, &line);
        ok = check_line(n, &line, err);
    }
    free(line.list);
    rows_release(&rows);
    return ok && (n->o->keep_build || check_build(n, err));
}

#include "evaluator/serve/behind.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "db/db.h"
#include "evaluator/serve/sign.h"
#include "evaluator/serve/told.h"

enum {
    RESOLVE_LEASE_S = 300,
    STOP_S = 5,
    HOOK_LEASE_S = 60,
    IDLE_MS = 300,
    SWEEP_MS = 2000,
    SWEEP_N = 200
};

/* What a thread has in hand, so that it can be put back where the thread can't be waited for. */
struct hand {
    struct behind *b;
    pthread_t thread;
    atomic_llong request; /* 0: none */
    atomic_int tries;
};

struct behind {
    struct server *s;
    atomic_bool stop;
    unsigned n;
    struct hand *hands; /* resolvers, the sweeper, the caller of webhooks, the one that cuts off */
};

static void rest(const struct behind *b, int ms) {
    for (; ms > 0 && !b->stop; ms -= 50) {
        nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
    }
}

static struct db *connect_own(struct behind *b, const char *app) {
    const struct serve_options *o = b->s->o;
    struct err err = ERR_INIT;
    struct db_options options = { .conninfo = o->home ? NULL : o->conninfo,
        .home = o->home,
        .role = o->role,
        .app = app,
        .retry_s = 2,
        .stop = &b->stop };
    struct db *db = db_open(&options, &err);
    if (!db) {
        rest(b, 1000);
    }
    return db;
}

static void note(struct behind *b, const char *what, const struct err *err) {
    char line[700];
    snprintf(line, sizeof line, "%s: %s", what, err->msg);
    if (err->class != ERR_INTERRUPTED) {
        b->s->o->log(true, line);
    }
}

/* ---- requests into submissions ---- */

static json_t *resolve(struct behind *b, const struct rows *rows, struct err *err) {
    struct strbuf model = { 0 };
    json_t *config = rows_json(rows, 0, "config", err), *made = NULL;
    strbuf_adds(&model, rows_text(rows, 0, "model"));
    if (!rows_null(rows, 0, "revision")) {
        strbuf_addf(&model, "@%s", rows_text(rows, 0, "revision"));
    }
    struct serve_asked asked = { .submitter = rows_text(rows, 0, "submitter"),
        .model = strbuf_str(&model),
        .suite = rows_text(rows, 0, "suite"),
        .config = config,
        .priority = (int)rows_int(rows, 0, "priority") };
    if (config) {
        made = b->s->o->resolve(b->s->o->resolve_arg, &asked, err);
    }
    json_decref(config);
    strbuf_release(&model);
    return made;
}

/* Later where waiting may help: 5 s, doubling, up to an hour; a gated model is not ungated by that.
 */
static struct db_arg wait_for(const struct err *err, int tries) {
    enum err_action action = err_info(err->class)->action;
    double s = 5.0 * (double)(1u << (tries < 10 ? tries : 10));
    bool later = action == ERR_ACTION_RETRY || action == ERR_ACTION_RELEASE ||
                 err->class == ERR_BUSY; // held for a person, who may approve it meanwhile
    return later ? db_real(s < 3600 ? s : 3600) : db_null();
}

/* What is kept of it goes to lists, feeds and webhooks as it is. */
static bool put_off(struct db *db, const struct rows *rows, const struct err *why, const char *hub,
    struct err *err) {
    int tries = (int)rows_int(rows, 0, "tries");
    struct err told = *why;
    told_hide_hub(told.msg, sizeof told.msg, hub);
    told_hide_hub(told.hint, sizeof told.hint, hub);
    return db_run(db, "request_fail",
        DB_ARGS(db_int(rows_int(rows, 0, "request_id")), db_int(tries),
            db_text(err_info(why->class)->name), db_text(told.msg), db_text(told.hint),
            wait_for(why, tries)),
        err);
}

static bool hand_in(
    struct db *db, const struct rows *rows, const json_t *submission, struct err *err) {
    char *text = json_text(submission, JSON_COMPACT);
    bool ok = text ? db_run(db, "request_resolve",
                         DB_ARGS(db_int(rows_int(rows, 0, "request_id")),
                             db_int(rows_int(rows, 0, "tries")), db_text(text)),
                         err)
                   : err_set(err, ERR_INPUT, "what was found of the model is not valid JSON");
    free(text);
    return ok;
}

/* Takes one and deals with it. False: there was none, or no database. */
static bool resolve_one(struct hand *hand, struct db *db) {
    struct behind *b = hand->b;
    struct rows rows = { 0 };
    struct err err = ERR_INIT;
    bool found =
        db_query(db, "request_claim", DB_ARGS(db_int(RESOLVE_LEASE_S)), &rows, &err) && rows.n == 1;
    if (found) {
        hand->tries = (int)rows_int(&rows, 0, "tries");
        hand->request = rows_int(&rows, 0, "request_id");
        json_t *submission = resolve(b, &rows, &err);
        bool ok = submission && hand_in(db, &rows, submission, &err);
        json_decref(submission);
        struct err why = err, lost = ERR_INIT;
        if (!ok && why.class != ERR_INTERRUPTED && !put_off(db, &rows, &why, b->s->o->hub, &lost)) {
            note(b, "could not put off a request", &lost); // its lease ends, and it is taken again
        }
        hand->request = 0;
    }
    rows_release(&rows);
    return found;
}

static void *run_resolver(void *arg) {
    struct hand *hand = arg;
    struct behind *b = hand->b;
    struct db *db = NULL;
    while (!b->stop) {
        db = db ? db : connect_own(b, "assay serve: resolver");
        if (db && !resolve_one(hand, db)) {
            rest(b, IDLE_MS);
        }
    }
    db_close(db);
    return NULL;
}

/* ---- ends ---- */

static void sweep(struct behind *b, struct db *db) {
    struct rows rows = { 0 };
    struct err err = ERR_INIT;
    if (db_query(db, "request_sweep", DB_ARGS(db_int(SWEEP_N)), &rows, &err)) {
        rows_release(&rows);
    }
    if (db_query(db, "service_stats", DB_NO_ARGS, &rows, &err)) {
        b->s->n_pending = (unsigned)rows_int(&rows, 0, "pending");
        rows_release(&rows);
    }
}

static void *run_sweeper(void *arg) {
    struct behind *b = ((struct hand *)arg)->b;
    struct db *db = NULL;
    while (!b->stop) {
        db = db ? db : connect_own(b, "assay serve: sweeper");
        if (db) {
            sweep(b, db);
        }
        rest(b, SWEEP_MS);
    }
    db_close(db);
    return NULL;
}

/* ---- telling ---- */

static void secret_of(const struct behind *b, const struct rows *rows, char hex[65]) {
    bool token = !rows_null(rows, 0, "token_id");
    sign_for(store_key(b->s->store), token ? "webhooks of token" : "webhook of request",
        rows_text(rows, 0, token ? "token_id" : "request_id"), hex);
}

/* 10 s, doubling, up to an hour. */
static double hook_wait_s(int tries) {
    double s = 10.0 * (double)(1u << (tries < 9 ? tries - 1 : 9));
    return s < 3600 ? s : 3600;
}

static bool tell_one(struct behind *b, struct db *db) {
    struct rows rows = { 0 };
    struct err err = ERR_INIT, lost = ERR_INIT;
    char secret[65];
    bool again = false;
    bool found =
        db_query(db, "webhook_claim", DB_ARGS(db_int(HOOK_LEASE_S)), &rows, &err) && rows.n == 1;
    if (found) {
        secret_of(b, &rows, secret);
        struct hook hook = { .url = rows_text(&rows, 0, "url"),
            .body = rows_text(&rows, 0, "body"),
            .secret = secret,
            .id = rows_int(&rows, 0, "webhook_id"),
            .tries = (int)rows_int(&rows, 0, "tries"),
            .to_loopback = b->s->o->hooks_to_loopback };
        bool ok = hook_send(&hook, &again, &err);
        if (!db_run(db, "webhook_tell",
                DB_ARGS(db_int(hook.id), db_int(hook.tries), ok ? db_null() : db_text(err.msg),
                    again ? db_real(hook_wait_s(hook.tries)) : db_null()),
                &lost)) {
            note(b, "could not note a webhook", &lost); // it is sent again: at least once
        }
    }
    rows_release(&rows);
    return found;
}

static void *run_teller(void *arg) {
    struct behind *b = ((struct hand *)arg)->b;
    struct db *db = NULL;
    while (!b->stop) {
        db = db ? db : connect_own(b, "assay serve: webhooks");
        if (db && !tell_one(b, db)) {
            rest(b, IDLE_MS);
        }
    }
    db_close(db);
    return NULL;
}

/* ---- slow connections ---- */

static void *run_cutter(void *arg) {
    struct behind *b = ((struct hand *)arg)->b;
    while (!b->stop) {
        b->s->metrics->cut_off += watch_sweep(&b->s->watch, serve_now_us() / 1000);
        rest(b, 500);
    }
    return NULL;
}

struct behind *behind_start(struct server *server, unsigned n) {
    static void *(*const OTHERS[])(void *) = { run_sweeper, run_teller, run_cutter };
    struct behind *b = xcalloc(1, sizeof *b);
    b->s = server;
    b->hands = xcalloc(n + 3, sizeof *b->hands);
    for (b->n = 0; b->n < n + 3; b->n++) {
        void *(*run)(void *) = b->n < n ? run_resolver : OTHERS[b->n - n];
        b->hands[b->n].b = b;
        BUG_IF(pthread_create(&b->hands[b->n].thread, NULL, run, &b->hands[b->n]) != 0);
    }
    return b;
}

/* A hub that answers slowly holds its thread up: the request goes back, and the process ends around
 * the thread. */
static void put_back(struct behind *b, struct hand *hand) {
    const struct serve_options *o = b->s->o;
    struct err err = ERR_INIT;
    struct db_options options = { .conninfo = o->conninfo, .role = o->role, .retry_s = 2 };
    struct db *db = hand->request ? db_open(&options, &err) : NULL;
    if (db && !db_run(db, "request_fail",
                  DB_ARGS(db_int(hand->request), db_int(hand->tries), db_text("interrupted"),
                      db_text("the service was stopped meanwhile"), db_null(), db_real(0)),
                  &err)) {
        note(b, "could not put back a request", &err);
    }
    db_close(db);
}

bool behind_stop(struct behind *b) {
    bool all = true;
    struct timespec until;
    if (!b) {
        return true;
    }
    b->stop = true;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_S;
    for (unsigned i = 0; i < b->n; i++) {
        if (pthread_timedjoin_np(b->hands[i].thread, NULL, &until) != 0) {
            put_back(b, &b->hands[i]);
            all = false;
        }
    }
    if (all) {
        free(b->hands);
        free(b);
    }
    return all;
}

#include "evaluator/serve/store.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/db.h"

enum { RETRY_S = 1, STATEMENT_S = 10, AWAY_MS = 1000, BORROW_S = 5, STATS_MS = 2000 };

struct store {
    struct store_options options;
    char key[65];
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct db **idle; /* those that nobody uses, the last one first */
    unsigned n_idle, n_made;
    int64_t away_until_ms;
    pthread_mutex_t stats_lock;
    json_t *stats;
    int64_t stats_ms;
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- lending ---- */

static struct db *connect_one(struct store *s, struct err *err) {
    struct db_options o = { .conninfo = s->options.conninfo,
        .role = s->options.role,
        .app = "assay serve",
        .retry_s = RETRY_S,
        .statement_s = STATEMENT_S,
        .stop = s->options.stop };
    return db_open(&o, err);
}

static bool is_away(struct store *s, struct err *err) {
    bool away = now_ms() < s->away_until_ms;
    return away && !err_set(err, ERR_DB, "the database is away");
}

/* Waits while all are lent. NULL without an error: there is room for another one. */
static bool take_idle(struct store *s, struct db **db, struct err *err) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += BORROW_S;
    int late = 0;
    *db = NULL;
    pthread_mutex_lock(&s->lock);
    while (!s->n_idle && s->n_made == s->options.n && !late) {
        late = pthread_cond_timedwait(&s->returned, &s->lock, &until);
    }
    bool ok = !is_away(s, err);
    if (ok && s->n_idle) {
        *db = s->idle[--s->n_idle];
    } else if (ok && s->n_made < s->options.n) {
        s->n_made++;
    } else if (ok) {
        ok = err_set(err, ERR_DB, "the database answers too slowly");
    }
    pthread_mutex_unlock(&s->lock);
    return ok;
}

/* Takes a connection back; NULL: one that was counted could not be made. */
static void give_back(struct store *s, struct db *db, const struct err *err) {
    pthread_mutex_lock(&s->lock);
    if (db) {
        s->idle[s->n_idle++] = db;
    } else {
        s->n_made--;
    }
    if (err && err->class == ERR_DB) {
        s->away_until_ms = now_ms() + AWAY_MS;
    }
    pthread_cond_signal(&s->returned);
    pthread_mutex_unlock(&s->lock);
}

static struct db *borrow(struct store *s, struct err *err) {
    struct db *db;
    if (!take_idle(s, &db, err)) {
        return NULL;
    }
    struct err e = ERR_INIT;
    if (!db && !(db = connect_one(s, &e))) {
        give_back(s, NULL, &e);
        if (err) {
            *err = e;
        }
    }
    return db;
}

/* One statement on a connection that is lent for it. */
static bool ask(struct store *s, const char *statement, const struct db_arg *args, size_t n,
    struct rows *rows, struct err *err) {
    struct err e = ERR_INIT;
    struct db *db = borrow(s, err);
    if (!db) {
        return false;
    }
    bool ok = db_query(db, statement, args, n, rows, &e);
    give_back(s, db, ok ? NULL : &e);
    if (!ok && err) {
        *err = e;
    }
    return ok;
}

/* ---- opening ---- */

static bool check_durable(struct db *db, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(db, "server_check", DB_NO_ARGS, &rows, err);
    if (ok && !(rows_bool(&rows, 0, "fsync") && rows_bool(&rows, 0, "synchronous"))) {
        ok = err_set(err, ERR_DB, "the database may lose what it has committed");
        err_hint(err, "set fsync and synchronous_commit to on: what is accepted must stay");
    }
    rows_release(&rows);
    return ok;
}

static bool read_key(struct store *s, struct db *db, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(db, "service_key", DB_NO_ARGS, &rows, err);
    if (ok) {
        snprintf(s->key, sizeof s->key, "%s", rows_text(&rows, 0, "key"));
    }
    rows_release(&rows);
    return ok;
}

struct store *store_open(const struct store_options *options, struct err *err) {
    struct store *s = xcalloc(1, sizeof *s);
    s->options = *options;
    s->idle = xcalloc(options->n, sizeof(struct db *));
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->stats_lock, NULL);
    pthread_cond_init(&s->returned, NULL);
    struct db *db = connect_one(s, err);
    if (db) {
        s->idle[s->n_idle++] = db;
        s->n_made = 1;
    }
    if (db && check_durable(db, err) && read_key(s, db, err)) {
        return s;
    }
    store_close(s);
    return NULL;
}

void store_close(struct store *s) {
    if (!s) {
        return;
    }
    for (unsigned i = 0; i < s->n_idle; i++) {
        db_close(s->idle[i]);
    }
    json_decref(s->stats);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->stats_lock);
    pthread_cond_destroy(&s->returned);
    free(s->idle);
    free(s);
}

const char *store_key(const struct store *s) {
    return s->key;
}

bool store_check(struct store *s, struct err *err) {
    struct err e = ERR_INIT;
    struct db *db = borrow(s, err);
    if (!db) {
        return false;
    }
    bool ok = db_check_schema(db, &e);
    give_back(s, db, ok ? NULL : &e);
    if (!ok && err) {
        *err = e;
    }
    return ok;
}

/* ---- statements ---- */

static json_t *ask_json(struct store *s, const char *statement, const char *column,
    const struct db_arg *args, size_t n, struct err *err) {
    struct rows rows = { 0 };
    json_t *v = ask(s, statement, args, n, &rows, err) ? rows_json(&rows, 0, column, err) : NULL;
    rows_release(&rows);
    return v;
}

static bool ask_word(struct store *s, const char *statement, const struct db_arg *args, size_t n,
    char answer[16], struct err *err) {
    struct rows rows = { 0 };
    bool ok = ask(s, statement, args, n, &rows, err);
    if (ok) {
        snprintf(answer, 16, "%s", rows_text(&rows, 0, "answer"));
    }
    rows_release(&rows);
    return ok;
}

bool store_holder(
    struct store *s, const char *token, struct holder *h, bool *found, struct err *err) {
    char hex[65];
    struct rows rows = { 0 };
    sha256_hex(token, strlen(token), hex);
    memset(h, 0, sizeof *h);
    bool ok = ask(s, "token_find", DB_ARGS(db_text(hex)), &rows, err);
    *found = ok && rows.n == 1;
    if (*found) {
        h->token = rows_int(&rows, 0, "token_id");
        snprintf(h->user, sizeof h->user, "%s", rows_text(&rows, 0, "username"));
        snprintf(h->org, sizeof h->org, "%s", rows_text(&rows, 0, "org"));
        snprintf(h->scopes, sizeof h->scopes, "%s", rows_text(&rows, 0, "scopes"));
        snprintf(h->webhook, sizeof h->webhook, "%s", rows_text(&rows, 0, "webhook"));
    }
    rows_release(&rows);
    return ok;
}

bool store_accept(
    struct store *s, const json_t *wanted, long long *id, enum accepted *how, struct err *err) {
    char *text = json_text(wanted, JSON_COMPACT);
    struct rows rows = { 0 };
    if (!text) {
        return err_set(err, ERR_INPUT, "the submission is not valid JSON");
    }
    bool ok = ask(s, "request_accept", DB_ARGS(db_text(text)), &rows, err);
    if (ok) {
        const char *word = rows_text(&rows, 0, "answer");
        *id = rows_int(&rows, 0, "request_id");
        *how = !strcmp(word, "created") ? ACCEPTED_NEW
               : !strcmp(word, "same")  ? ACCEPTED_SAME
                                        : ACCEPTED_CONFLICT;
    }
    rows_release(&rows);
    free(text);
    return ok;
}

json_t *store_view(struct store *s, long long id, struct err *err) {
    return ask_json(s, "request_view", "view", DB_ARGS(db_int(id)), err);
}

json_t *store_list(struct store *s, long long before, int n, const char *closed, struct err *err) {
    return ask_json(s, "request_list", "list",
        DB_ARGS(before ? db_int(before) : db_null(), db_int(n), db_text(closed)), err);
}

json_t *store_feed(struct store *s, int n, const char *closed, struct err *err) {
    return ask_json(s, "request_feed", "list", DB_ARGS(db_int(n), db_text(closed)), err);
}

json_t *store_queue(struct store *s, int n, const char *closed, struct err *err) {
    return ask_json(s, "queue_shown", "list", DB_ARGS(db_int(n), db_text(closed)), err);
}

bool store_cancel(
    struct store *s, long long id, const char *who, bool may, char answer[16], struct err *err) {
    return ask_word(
        s, "request_cancel", DB_ARGS(db_int(id), db_text(who), db_int(may)), answer, err);
}

bool store_vote(struct store *s, long long id, const char *who, char answer[16], struct err *err) {
    return ask_word(s, "request_vote", DB_ARGS(db_int(id), db_text(who)), answer, err);
}

static json_t *row_of(struct store *s, const char *statement, struct err *err) {
    struct rows rows = { 0 };
    json_t *list = ask(s, statement, DB_NO_ARGS, &rows, err) ? rows_to_json(&rows, err) : NULL;
    json_t *row = list ? json_incref(json_array_get(list, 0)) : NULL;
    json_decref(list);
    rows_release(&rows);
    return row;
}

/* Counting a long queue takes a while: those who ask meanwhile wait for the one that counts. */
json_t *store_stats(struct store *s, struct err *err) {
    pthread_mutex_lock(&s->stats_lock);
    if (!s->stats || now_ms() - s->stats_ms > STATS_MS) {
        json_t *row = row_of(s, "queue_monitor", err), *queue = json_object_get(row, "monitor"),
               *own = queue ? row_of(s, "service_stats", err) : NULL;
        json_decref(s->stats);
        s->stats = own ? json_pack("{s:O, s:O}", "queue", queue, "service", own) : NULL;
        s->stats_ms = now_ms();
        json_decref(row);
        json_decref(own);
    }
    json_t *stats = json_incref(s->stats);
    pthread_mutex_unlock(&s->stats_lock);
    return stats;
}

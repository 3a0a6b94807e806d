/* Canaries: runs that were measured once and are known; each night measures them again, by `assay
 * reproduce` in a process of its own. On the instruction set and dtype of the record the bits must
 * be the same, elsewhere they must lie within the dtype's tolerance. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "evaluator/nightly/night.h"

#define ARGV_MAX 32
#define CANARY_S 3600

extern char **environ;

static bool same(const json_t *before, const json_t *now, const char *key) {
    return !strcmp(json_get_string(before, key, ""), json_get_string(now, key, "?"));
}

static bool drifted(const json_t *result) {
    const json_t *before = json_object_get(result, "before"), *now = json_object_get(result, "now");
    const char *verdict = json_get_string(result, "verdict", "different");
    bool one_isa = same(before, now, "backend") && same(before, now, "dtype");
    return one_isa ? strcmp(verdict, "bits") != 0
                   : strcmp(verdict, "bits") && strcmp(verdict, "tolerance");
}

/* Why it could not be measured: the message of an error's document, else whatever was said. */
static json_t *failure_of(const struct proc_result *r) {
    struct err ignored = ERR_INIT;
    if (r->timed_out) {
        return json_sprintf("it took more than %d s", CANARY_S);
    }
    json_t *document = json_parse(strbuf_str(&r->err), r->err.len, "error", &ignored);
    const char *message = json_get_string(document, "message", NULL);
    json_t *why = message      ? night_words(message)
                  : r->err.len ? night_words(strbuf_str(&r->err))
                               : json_sprintf("exit code %d", r->exit_code);
    json_decref(document);
    return why;
}

/* A measurement that could not be made says nothing about drift; it is a failure of the night. */
static json_t *note_of(long long run, const struct proc_result *r) {
    struct err ignored = ERR_INIT;
    json_t *document = json_parse(strbuf_str(&r->out), r->out.len, "reproduction", &ignored);
    const json_t *result = json_array_get(json_object_get(document, "results"), 0);
    json_t *note = json_pack("{s:I}", "run", (json_int_t)run);
    if (result) {
        static const char *const COPIED[] = { "model", "task", "verdict", "why", "metrics",
            "before", "now" };
        for (size_t i = 0; i < sizeof COPIED / sizeof *COPIED; i++) {
            json_object_set(note, COPIED[i], json_object_get(result, COPIED[i]));
        }
        json_object_set_new(note, "drift", json_boolean(drifted(result)));
    } else {
        json_object_set_new(note, "failed", failure_of(r));
    }
    json_decref(document);
    return note;
}

static bool measure(struct night *n, long long run, json_t **note, struct err *err) {
    const char *argv[ARGV_MAX] = { 0 };
    char number[32];
    size_t k = 0;
    struct proc_result result = { 0 };
    struct proc_options options = { .env = (const char *const *)environ, .timeout_s = CANARY_S };
    for (; n->o->canary_argv[k] && k < ARGV_MAX - 2; k++) {
        argv[k] = n->o->canary_argv[k];
    }
    snprintf(number, sizeof number, "%lld", run);
    argv[k] = number;
    if (!proc_run(argv, &options, &result, err)) {
        return false;
    }
    struct err away = {
        .class = result.exit_code == err_info(ERR_NETWORK)->exit_code ? ERR_NETWORK : ERR_FAILED
    };
    snprintf(away.msg, sizeof away.msg, "canary %lld could not be fetched", run);
    bool again = !result.out.len && night_hub_again(n, &away);
    *note = again ? NULL : note_of(run, &result);
    proc_result_release(&result);
    return true;
}

static bool freeze(struct night *n, const json_t *note, struct err *err) {
    char why[300];
    struct rows rows = { 0 };
    snprintf(why, sizeof why, "canary %lld (%.80s on %.60s) gives other numbers: %.80s",
        json_get_int(note, "run", 0), json_get_string(note, "model", ""),
        json_get_string(note, "task", ""), json_get_string(note, "why", ""));
    night_log(n, "publication is frozen: %s", why);
    bool ok = db_query(
        n->db, "publication_freeze", DB_ARGS(db_text(why), db_text("nightly")), &rows, err);
    rows_release(&rows);
    return ok;
}

static bool run_one(struct night *n, long long run, struct err *err) {
    json_t *note = NULL;
    bool ok = true;
    while (ok && !note) {
        ok = measure(n, run, &note, err);
    }
    if (!ok) {
        return false;
    }
    if (!patience_spent(&n->hub)) {
        night_hub_answered(n);
    }
    if (json_get_bool(note, "drift", false)) {
        ok = freeze(n, note, err);
    }
    night_note(n, "canary", "runs", note);
    return ok;
}

bool night_canaries(struct night *n, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(n->db, "canary_list", DB_NO_ARGS, &rows, err);
    for (int i = 0; ok && i < rows.n; i++) {
        if (n->o->dry_run) {
            night_note(n, "canary", "runs",
                json_pack("{s:I}", "run", (json_int_t)rows_int(&rows, i, "run_id")));
        } else {
            ok = run_one(n, rows_int(&rows, i, "run_id"), err);
        }
    }
    rows_release(&rows);
    return ok;
}

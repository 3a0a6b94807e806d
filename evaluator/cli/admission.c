/* See admission.h. */
#include "evaluator/cli/admission.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "evaluator/cli/database.h"

struct asked {
    struct policy_verdict verdict;
    bool decided;                 /* by people: policy was not asked */
    char *original, *original_at; /* what it is a copy of, or NULL */
    json_t *facts;
};

static void asked_release(struct asked *a) {
    free(a->original);
    free(a->original_at);
    json_decref(a->facts);
}

/* A ban or an approval goes before any policy. */
static bool ask_people(struct db *db, const char *model, struct asked *a, struct err *err) {
    struct rows rows = { 0 };
    if (!db_query(db, "standing_of", DB_ARGS(db_text(model)), &rows, err)) {
        return false;
    }
    const char *standing = rows.n ? rows_text(&rows, 0, "standing") : "";
    a->decided = *standing != 0;
    if (a->decided && strcmp(standing, "approved")) {
        a->verdict.answer = POLICY_REFUSE;
        snprintf(a->verdict.code, sizeof a->verdict.code, "%.60s", standing);
        snprintf(
            a->verdict.reason, sizeof a->verdict.reason, "%.250s", rows_text(&rows, 0, "reason"));
    }
    rows_release(&rows);
    return true;
}

static bool find_original(struct db *db, const json_t *model, struct asked *a, struct err *err) {
    struct rows rows = { 0 };
    char *manifest = json_text(json_object_get(model, "manifest"), JSON_COMPACT);
    bool ok = db_query(db, "original_of",
        DB_ARGS(db_text(json_get_string(model, "name", "")), db_text(manifest ? manifest : "{}")),
        &rows, err);
    if (ok && rows.n && !rows_null(&rows, 0, "model")) {
        a->original = xstrdup(rows_text(&rows, 0, "model"));
        a->original_at = xstrdup(rows_text(&rows, 0, "revision"));
    }
    rows_release(&rows);
    free(manifest);
    return ok;
}

static bool ask_policy(
    const struct args *args, struct policy_kept *kept, struct asked *a, struct err *err) {
    struct policy *policy =
        kept ? policy_kept_open(kept, err) : policy_open(args_get(args, "policy", NULL), err);
    bool ok = policy && policy_ask(policy, a->facts, &a->verdict, err);
    policy_close(policy);
    return ok;
}

static bool ask(const struct args *args, const struct admission_by *by, const json_t *model,
    const char *submitter, struct asked *a, struct err *err) {
    struct db *db = by->db;
    if (!ask_people(db, json_get_string(model, "name", ""), a, err) ||
        !find_original(db, model, a, err)) {
        return false;
    }
    a->facts = policy_facts(model, submitter, a->original);
    return a->decided || ask_policy(args, by->policy, a, err);
}

/* The copy's page says whose results stand for it. */
static bool note_copy(struct db *db, const json_t *model, const struct asked *a, struct err *err) {
    return !a->original || a->decided ||
           db_run(db, "note_copy",
               DB_ARGS(db_text(json_get_string(model, "name", "")),
                   db_text(json_get_string(model, "commit", "")), db_text(a->original),
                   db_text(a->original_at)),
               err);
}

static bool refuse(const json_t *model, const struct asked *a, struct err *err) {
    err_set(err, ERR_UNSUPPORTED, "'%s' is refused (%s): %s", json_get_string(model, "name", ""),
        a->verdict.code, a->verdict.reason);
    return err_hint(err, a->decided ? "a person decided that: 'assay queue audit' says who and when"
                                    : "'assay queue policy check' shows what policy was told");
}

static bool hold(struct db *db, const json_t *request, const struct asked *a, struct err *err) {
    struct rows rows = { 0 };
    const char *name = json_get_string(json_object_get(request, "model"), "name", "");
    char *text = json_text(request, JSON_COMPACT);
    bool ok = text || err_set(err, ERR_INPUT, "the submission is not valid JSON");
    ok = ok && db_query(db, "hold_submission",
                   DB_ARGS(db_text(text), db_text(a->verdict.code), db_text(a->verdict.reason)),
                   &rows, err);
    bool approved = ok && !strcmp(rows_text(&rows, 0, "answer"), "approved");
    if (ok && !approved) {
        err_set(err, ERR_BUSY, "'%s' waits for a person, as number %lld (%s): %s", name,
            rows_int(&rows, 0, "held_id"), a->verdict.code, a->verdict.reason);
        err_hint(err, "it is handed in once somebody approves it: assay queue approve %s", name);
    }
    rows_release(&rows);
    free(text);
    return approved;
}

static bool decide(
    struct db *db, const json_t *request, const struct asked *a, bool look_only, struct err *err) {
    switch (a->verdict.answer) {
    case POLICY_REFUSE:
        return (look_only || note_copy(db, json_object_get(request, "model"), a, err)) &&
               refuse(json_object_get(request, "model"), a, err);
    case POLICY_HOLD:
        return look_only ? err_set(err, ERR_BUSY, "it would wait for a person (%s): %s",
                               a->verdict.code, a->verdict.reason)
                         : hold(db, request, a, err);
    case POLICY_ACCEPT:
        break;
    }
    return true;
}

bool admission_check(const struct args *args, const struct admission_by *given,
    const json_t *request, struct err *err) {
    struct asked a = { 0 };
    struct admission_by by = *given;
    by.db = by.db ? by.db : database_open(args, err);
    bool ok = by.db &&
              ask(args, &by, json_object_get(request, "model"),
                  json_get_string(request, "submitter", ""), &a, err) &&
              decide(by.db, request, &a, by.look_only, err);
    if (!given->db) {
        db_close(by.db);
    }
    asked_release(&a);
    return ok;
}

json_t *admission_ask(
    const struct args *args, struct db *db, const json_t *model, struct err *err) {
    struct asked a = { 0 };
    json_t *answer = NULL;
    const struct admission_by by = { .db = db };
    if (ask(args, &by, model, "", &a, err)) {
        const struct policy_verdict *v = &a.verdict;
        answer = json_pack("{s:s, s:s, s:s*, s:s*, s:b, s:O}", "model",
            json_get_string(model, "name", ""), "answer", policy_answer_name(v->answer), "code",
            *v->code ? v->code : NULL, "reason", *v->reason ? v->reason : NULL, "decided",
            (int)a.decided, "facts", a.facts);
    }
    asked_release(&a);
    return answer;
}

/* assay token add | ls | revoke: who may use the submission service. */
#include <string.h>

#include "base/hash.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"
#include "evaluator/serve/serve.h"

static const struct option options_add[] = {
    { "user", 'u', "NAME", "whose it is" },
    { "org", 0, "NAME", "an org whose users share a rate" },
    { "scope", 0, "A,B", "submit, read, admin (default: submit)" },
    { "name", 0, "TEXT", "what it is for" },
    { "days", 0, "N", "how long it is good (default: until it is revoked)" },
    { "webhook", 0, "URL", "told when a submission of this token ends, unless it names another" },
    { NULL, 0, NULL, NULL },
};
static const struct option options_none[] = { { NULL, 0, NULL, NULL } };

/* ---- add ---- */

static struct db_arg days_of(unsigned long days) {
    return days ? db_int((long long)days) : db_null();
}

static bool add(struct db *db, const struct args *args, const char *token, unsigned long days,
    long long *id, struct err *err) {
    char hex[65];
    struct rows rows = { 0 };
    sha256_hex(token, strlen(token), hex);
    bool ok = db_query(db, "token_add",
        DB_ARGS(db_text(hex), db_text(args_get(args, "name", args_get(args, "user", ""))),
            db_text(args_get(args, "user", "")), db_text(args_get(args, "org", NULL)),
            db_text(args_get(args, "scope", "submit")), db_text(args_get(args, "webhook", NULL)),
            days_of(days)),
        &rows, err);
    *id = ok ? rows_int(&rows, 0, "token_id") : 0;
    rows_release(&rows);
    return ok;
}

static bool webhook_secret(struct db *db, long long id, char hex[65], struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(db, "service_key", DB_NO_ARGS, &rows, err);
    if (ok) {
        serve_webhook_secret(rows_text(&rows, 0, "key"), id, hex);
    }
    rows_release(&rows);
    return ok;
}

static bool run_add(const struct args *args, struct err *err) {
    char token[SERVE_TOKEN_SIZE], secret[65];
    unsigned long days;
    long long id;
    const char *hook = args_get(args, "webhook", NULL);
    if (!args_has(args, "user")) {
        err_set(err, ERR_USAGE, "no user given");
        return err_hint(err, "name one with --user NAME");
    }
    if (!args_get_uint(args, "days", 0, 36500, &days, err) ||
        (hook && !serve_webhook_check(hook, false, err))) {
        return false;
    }
    serve_token_make(token);
    struct db *db = database_open(args, err);
    bool ok = db && add(db, args, token, days, &id, err) && webhook_secret(db, id, secret, err);
    db_close(db);
    if (ok && args_has(args, "json")) {
        json_t *document = json_pack("{s:s, s:I, s:s, s:s}", "schema", "assay.token/1", "id",
            (json_int_t)id, "token", token, "webhook_secret", secret);
        print_document(document, true);
        json_decref(document);
    } else if (ok) {
        printf("token %lld, shown this once: %s\nwhat signs its webhooks: %s\n", id, token, secret);
    }
    return ok;
}

const struct command cmd_token_add = {
    .name = "token add",
    .operands = "",
    .summary = "make a token for the submission service, and print it",
    .details = "Kept as a hash: what is lost is made anew.\n\n"
               "  assay token add --user ada --org lovelace --scope submit,read --days 365\n",
    .options = { options_add, options_database },
    .run = run_add,
};

/* ---- ls ---- */

static void print_tokens(const struct rows *rows) {
    struct table *t =
        table_new(">Token", "User", "Org", "Scope", "Name", "Made", "Until", "Revoked", NULL);
    for (int i = 0; i < rows->n; i++) {
        table_cell(t, rows_text(rows, i, "token_id"));
        table_cell(t, rows_text(rows, i, "username"));
        table_cell(t, *rows_text(rows, i, "org") ? rows_text(rows, i, "org") : NULL);
        table_cell(t, rows_text(rows, i, "scopes"));
        table_cell(t, rows_text(rows, i, "name"));
        table_cellf(t, "%.10s", rows_text(rows, i, "created_at"));
        table_cellf(
            t, "%.10s", rows_null(rows, i, "expires_at") ? "-" : rows_text(rows, i, "expires_at"));
        table_cellf(
            t, "%.10s", rows_null(rows, i, "revoked_at") ? "-" : rows_text(rows, i, "revoked_at"));
    }
    table_print(t, false);
}

static bool run_ls(const struct args *args, struct err *err) {
    struct rows rows = { 0 };
    struct db *db = database_open(args, err);
    bool ok = db && db_query(db, "token_list", DB_NO_ARGS, &rows, err);
    if (ok && args_has(args, "json")) {
        ok = database_print(&rows, "assay.tokens/1", "tokens", err);
    } else if (ok) {
        print_tokens(&rows);
    }
    rows_release(&rows);
    db_close(db);
    return ok;
}

const struct command cmd_token_ls = {
    .name = "token ls",
    .operands = "",
    .summary = "list the tokens of the submission service, without what they are",
    .options = { options_none, options_database },
    .run = run_ls,
};

/* ---- revoke ---- */

static bool revoke(struct db *db, const char *text, struct err *err) {
    char *end;
    long long id = strtoll(text, &end, 10);
    struct rows rows = { 0 };
    if (end == text || *end) {
        return err_set(err, ERR_USAGE, "'%s' is not the number of a token", text);
    }
    bool ok = db_query(db, "token_revoke", DB_ARGS(db_int(id)), &rows, err);
    if (ok && !rows_bool(&rows, 0, "revoked")) {
        ok = err_set(err, ERR_NOT_FOUND, "there is no token %lld that could be revoked", id);
    }
    rows_release(&rows);
    return ok;
}

static bool run_revoke(const struct args *args, struct err *err) {
    struct db *db = database_open(args, err);
    bool ok = db != NULL;
    for (unsigned i = 0; ok && i < args->n_operands; i++) {
        ok = revoke(db, args->operands[i], err);
    }
    db_close(db);
    return ok;
}

const struct command cmd_token_revoke = {
    .name = "token revoke",
    .operands = "NUMBER...",
    .summary = "make tokens worthless, at once",
    .options = { options_none, options_database },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run_revoke,
};

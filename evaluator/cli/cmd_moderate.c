/* assay queue approve | ban | unban | takedown | held | audit: what people decide of models. Each
 * decision needs a reason, and stays in the audit log for good. */
#include <string.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/decision.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"

static const struct option options_decide[] = {
    OPTIONS_DECISION,
    { NULL, 0, NULL, NULL },
};

static const struct option options_audit[] = {
    { "limit", 'l', "N", "how many (default 100)" },
    { NULL, 0, NULL, NULL },
};

static const struct option options_none[] = { { NULL, 0, NULL, NULL } };

/* ---- decisions ---- */

static void print_decision(const char *action, const char *subject, const json_t *answer) {
    char *name = printable(subject, 200);
    printf("%s: %s; %lld held submissions decided, %lld jobs cancelled, %lld results kept\n", name,
        action, json_get_int(answer, "held", 0), json_get_int(answer, "jobs", 0),
        json_get_int(answer, "results", 0));
    const char *now = json_get_string(answer, "standing", "");
    if (!strcmp(action, "unban") && *now) {
        printf("%s: it is %s still, as all of its organisation's are\n", name, now);
    }
    free(name);
}

static bool decide_one(struct db *db, const struct args *args, const char *action,
    const char *subject, json_t *answers, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(db, "moderate",
        DB_ARGS(db_text(action), db_text(subject), db_text(decision_reason(args)),
            db_text(decision_by(args))),
        &rows, err);
    json_t *answer = ok ? rows_json(&rows, 0, "answer", err) : NULL;
    rows_release(&rows);
    if (!answer) {
        return err_wrap(err, "could not %s '%s'", action, subject);
    }
    json_object_set_new(answer, "subject", json_string(subject));
    if (!args_has(args, "json")) {
        print_decision(action, subject, answer);
    }
    json_array_append_new(answers, answer);
    return true;
}

static bool decide(const struct args *args, const char *action, struct err *err) {
    struct db *db = decision_has_reason(args, err) ? database_open(args, err) : NULL;
    json_t *answers = json_array();
    bool ok = db != NULL;
    for (unsigned i = 0; ok && i < args->n_operands; i++) {
        ok = decide_one(db, args, action, args->operands[i], answers, err);
    }
    if (db && args_has(args, "json")) {
        json_t *document = json_pack("{s:s, s:s, s:O}", "schema", "assay.moderation/1", "action",
            action, "subjects", answers);
        print_document(document, true);
        json_decref(document);
    }
    json_decref(answers);
    db_close(db);
    return ok;
}

static bool run_approve(const struct args *args, struct err *err) {
    return decide(args, "approve", err);
}

static bool run_ban(const struct args *args, struct err *err) {
    return decide(args, "ban", err);
}

static bool run_unban(const struct args *args, struct err *err) {
    return decide(args, "unban", err);
}

static bool run_takedown(const struct args *args, struct err *err) {
    return decide(args, "takedown", err);
}

/* What all four have in common. */
#define DECIDES                                                                                    \
    .operands = "MODEL...", .options = { options_decide, options_database }, .min_operands = 1,    \
    .max_operands = ARGS_MAX_VALUES

const struct command cmd_queue_approve = {
    .name = "queue approve",
    .summary = "let a model in, whatever policy says; hands in what was held",
    .details = "MODEL is org/name, or 'org/*' for all of an organisation's.\n\n"
               "  assay queue approve org/name --reason 'the author sent the licence'\n",
    .run = run_approve,
    DECIDES,
};

const struct command cmd_queue_ban = {
    .name = "queue ban",
    .summary = "refuse a model from now on, and cancel its jobs",
    .details =
        "MODEL is org/name, or 'org/*' for all of an organisation's. Its results stay, and are "
        "shown.\n",
    .run = run_ban,
    DECIDES,
};

const struct command cmd_queue_unban = {
    .name = "queue unban",
    .summary = "undo a ban or a takedown",
    .details =
        "What was hidden is shown again when the site is built next. Cancelled jobs stay so.\n",
    .run = run_unban,
    DECIDES,
};

const struct command cmd_queue_takedown = {
    .name = "queue takedown",
    .summary = "withdraw a model: its page says why, nothing else shows it",
    .details = "Its results stay in the database, and leave boards, pages and files when the site "
               "is built "
               "next.\nA tombstone with the reason stands in their place.\n",
    .run = run_takedown,
    DECIDES,
};

/* ---- held ---- */

static void print_held(const struct rows *rows) {
    struct table *t = table_new(">No.", "Model", "Suite", "Submitter", "Why", "Since", NULL);
    for (int i = 0; i < rows->n; i++) {
        table_cell(t, rows_text(rows, i, "held_id"));
        table_cell(t, rows_text(rows, i, "model"));
        table_cell(t, rows_text(rows, i, "suite"));
        table_cell(t, rows_text(rows, i, "submitter"));
        table_cellf(t, "%s: %.80s", rows_text(rows, i, "code"), rows_text(rows, i, "reason"));
        table_cellf(t, "%.16s", rows_text(rows, i, "created_at"));
    }
    table_print(t, false);
}

static bool run_held(const struct args *args, struct err *err) {
    struct rows rows = { 0 };
    struct db *db = database_open(args, err);
    bool ok = db && db_query(db, "moderation_queue", DB_NO_ARGS, &rows, err);
    if (ok && args_has(args, "json")) {
        ok = database_print(&rows, "assay.held/1", "held", err);
    } else if (ok) {
        print_held(&rows);
    }
    rows_release(&rows);
    db_close(db);
    return ok;
}

const struct command cmd_queue_held = {
    .name = "queue held",
    .operands = "",
    .summary = "submissions that wait for a person",
    .options = { options_none, options_database },
    .run = run_held,
};

/* ---- audit ---- */

static void print_audit(const struct rows *rows) {
    struct table *t = table_new("When", "Who", "What", "Model", "Why", NULL);
    for (int i = 0; i < rows->n; i++) {
        table_cellf(t, "%.19s", rows_text(rows, i, "at"));
        table_cell(t, rows_text(rows, i, "actor"));
        table_cell(t, rows_text(rows, i, "action"));
        table_cell(t, rows_text(rows, i, "subject"));
        table_cellf(t, "%.100s", rows_text(rows, i, "reason"));
    }
    table_print(t, false);
}

static bool run_audit(const struct args *args, struct err *err) {
    unsigned long limit;
    struct rows rows = { 0 };
    struct db *db =
        args_get_uint(args, "limit", 100, 1000000, &limit, err) ? database_open(args, err) : NULL;
    bool ok = db && db_query(db, "audit_list",
                        DB_ARGS(db_text(args->n_operands ? args->operands[0] : NULL),
                            db_int((long long)limit)),
                        &rows, err);
    if (ok && args_has(args, "json")) {
        ok = database_print(&rows, "assay.audit/1", "decisions", err);
    } else if (ok) {
        print_audit(&rows);
    }
    rows_release(&rows);
    db_close(db);
    return ok;
}

const struct command cmd_queue_audit = {
    .name = "queue audit",
    .operands = "[MODEL]",
    .summary = "who decided what of which model, when and why",
    .options = { options_audit, options_database },
    .max_operands = 1,
    .run = run_audit,
};

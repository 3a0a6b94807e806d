/* assay queue policy check: what the policy says of a model, and nothing else happens. */
#include <string.h>

#include "evaluator/cli/admission.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/report.h"

#define FACTS_MAX ((size_t)1 << 20)

static const struct option options_check[] = {
    { "file", 'f', "FACTS.json", "facts as --json prints them, in place of a model" },
    { "hub", 0, "DIR|URL", "where org/name is found (default: HF_ENDPOINT)" },
    OPTION_POLICY,
    { NULL, 0, NULL, NULL },
};

/* Facts from a file are asked of the policy alone: no hub and no database. */
static json_t *check_file(const struct args *args, const char *path, struct err *err) {
    struct policy_verdict v = { 0 };
    json_t *facts = json_parse_file(path, FACTS_MAX, err), *answer = NULL;
    struct policy *policy = facts ? policy_open(args_get(args, "policy", NULL), err) : NULL;
    json_t *given = json_object_get(facts, "facts") ? json_object_get(facts, "facts") : facts;
    if (policy && policy_ask(policy, given, &v, err)) {
        answer = json_pack("{s:s, s:s, s:s*, s:s*}", "model", json_get_string(given, "id", ""),
            "answer", policy_answer_name(v.answer), "code", *v.code ? v.code : NULL, "reason",
            *v.reason ? v.reason : NULL);
    }
    policy_close(policy);
    json_decref(facts);
    return answer;
}

static json_t *check_model(const struct args *args, const char *name, struct err *err) {
    struct db *db = database_open(args, err);
    json_t *model = db ? submission_model(args_get(args, "hub", NULL), name, NULL, err) : NULL;
    json_t *answer = model ? admission_ask(args, db, model, err) : NULL;
    json_decref(model);
    db_close(db);
    return answer;
}

static void print_answer(const json_t *answer) {
    char *name = printable(json_get_string(answer, "model", ""), 200);
    const char *reason = json_get_string(answer, "reason", NULL);
    printf("%s: %s", name, json_get_string(answer, "answer", ""));
    if (reason) {
        char *shown = printable(reason, 250);
        printf(" (%s): %s", json_get_string(answer, "code", ""), shown);
        free(shown);
    }
    puts(json_get_bool(answer, "decided", false) ? ", as a person decided" : "");
    free(name);
}

static bool run_check(const struct args *args, struct err *err) {
    const char *file = args_get(args, "file", NULL);
    if (!file == !args->n_operands) {
        return err_set(err, ERR_USAGE, "name a model, or a file of facts with --file");
    }
    json_t *answer = file ? check_file(args, file, err) : check_model(args, args->operands[0], err);
    if (!answer) {
        return false;
    }
    if (args_has(args, "json")) {
        print_document(answer, true);
    } else {
        print_answer(answer);
    }
    bool accepted = !strcmp(json_get_string(answer, "answer", ""), "accept");
    json_decref(answer);
    return accepted || err_set(err, ERR_NEGATIVE, "it would not go into the queue");
}

const struct command cmd_queue_policy_check = {
    .name = "queue policy check",
    .operands = "[MODEL]",
    .summary = "what the policy says of a model: accept, refuse or hold, and why",
    .details = "Nothing is submitted. Exit code 10 unless it would be accepted. ASSAY_POLICY names "
               "the policy\nwhere --policy doesn't; 'public' is one for public boards.\n\n"
               "  assay queue policy check BAAI/bge-m3 --policy public --json\n",
    .options = { options_check, options_database },
    .max_operands = 1,
    .run = run_check,
};

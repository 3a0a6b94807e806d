/* What a build of the harness alone has not: commands that need a database, a hub or tasks. They
 * stand in the table (cli/commands.c) without a way to run them, so that each is known by its name
 * and main says what is missing. A command that is new and named nowhere here doesn't link. */
#include <stddef.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/doctor.h"
#include "evaluator/cli/lineage.h"

#define ABSENT(symbol, words)                                                                      \
    extern const struct command symbol;                                                            \
    const struct command symbol = { .name = words, .operands = "", .summary = "not in this build" }

ABSENT(cmd_api_check, "api check");
ABSENT(cmd_api_ls, "api ls");
ABSENT(cmd_compare, "compare");
ABSENT(cmd_contamination, "contamination");
ABSENT(cmd_db_archive, "db archive");
ABSENT(cmd_db_down, "db down");
ABSENT(cmd_db_dump, "db dump");
ABSENT(cmd_db_gc, "db gc");
ABSENT(cmd_db_init, "db init");
ABSENT(cmd_db_migrate, "db migrate");
ABSENT(cmd_db_psql, "db psql");
ABSENT(cmd_db_restore, "db restore");
ABSENT(cmd_db_status, "db status");
ABSENT(cmd_db_up, "db up");
ABSENT(cmd_eval, "eval");
ABSENT(cmd_hub_gc, "hub gc");
ABSENT(cmd_hub_ls, "hub ls");
ABSENT(cmd_hub_pull, "hub pull");
ABSENT(cmd_hub_rm, "hub rm");
ABSENT(cmd_hub_serve, "hub serve");
ABSENT(cmd_hub_verify, "hub verify");
ABSENT(cmd_nightly, "nightly");
ABSENT(cmd_nightly_ls, "nightly ls");
ABSENT(cmd_nightly_pin, "nightly pin");
ABSENT(cmd_nightly_unfreeze, "nightly unfreeze");
ABSENT(cmd_nightly_unpin, "nightly unpin");
ABSENT(cmd_queue_approve, "queue approve");
ABSENT(cmd_queue_audit, "queue audit");
ABSENT(cmd_queue_ban, "queue ban");
ABSENT(cmd_queue_cancel, "queue cancel");
ABSENT(cmd_queue_discover, "queue discover");
ABSENT(cmd_queue_held, "queue held");
ABSENT(cmd_queue_ls, "queue ls");
ABSENT(cmd_queue_policy_check, "queue policy check");
ABSENT(cmd_queue_retry, "queue retry");
ABSENT(cmd_queue_show, "queue show");
ABSENT(cmd_queue_stats, "queue stats");
ABSENT(cmd_queue_takedown, "queue takedown");
ABSENT(cmd_queue_unban, "queue unban");
ABSENT(cmd_queue_wait, "queue wait");
ABSENT(cmd_reproduce, "reproduce");
ABSENT(cmd_rescore, "rescore");
ABSENT(cmd_result_export, "result export");
ABSENT(cmd_result_import, "result import");
ABSENT(cmd_result_ls, "result ls");
ABSENT(cmd_result_parity, "result parity");
ABSENT(cmd_result_show, "result show");
ABSENT(cmd_result_verify, "result verify");
ABSENT(cmd_serve, "serve");
ABSENT(cmd_site_build, "site build");
ABSENT(cmd_site_check, "site check");
ABSENT(cmd_site_publish, "site publish");
ABSENT(cmd_site_serve, "site serve");
ABSENT(cmd_submit, "submit");
ABSENT(cmd_suite_board, "suite board");
ABSENT(cmd_suite_ls, "suite ls");
ABSENT(cmd_suite_show, "suite show");
ABSENT(cmd_task_lint, "task lint");
ABSENT(cmd_task_ls, "task ls");
ABSENT(cmd_task_new, "task new");
ABSENT(cmd_task_render, "task render");
ABSENT(cmd_task_show, "task show");
ABSENT(cmd_task_test, "task test");
ABSENT(cmd_token_add, "token add");
ABSENT(cmd_token_ls, "token ls");
ABSENT(cmd_token_revoke, "token revoke");
ABSENT(cmd_worker, "worker");

const struct own_start own_starts[] = { { NULL, NULL } };
const struct option options_database[] = { { NULL, 0, NULL, NULL } };
doctor_check_fn *const doctor_service[] = { NULL };

/* `model show --lineage` is a question to a database. */
json_t *lineage_of_model(const struct args *args, const char *model, struct err *err) {
    (void)args;
    (void)model;
    err_set(err, ERR_UNSUPPORTED, "this build has no database to ask");
    return NULL;
}

void lineage_print(const json_t *lineage) {
    (void)lineage;
}

/* The table of all commands, in the order of the help. */
#include "evaluator/cli/command.h"

#include <stddef.h>

extern const struct command cmd_compare, cmd_db_down, cmd_db_dump, cmd_db_init, cmd_db_migrate,
    cmd_db_psql, cmd_db_restore, cmd_db_status, cmd_db_up, cmd_doctor, cmd_embed, cmd_eval,
    cmd_generate, cmd_hub_pull, cmd_hub_serve, cmd_model_show, cmd_model_tensors,
    cmd_model_truncate, cmd_queue_cancel, cmd_queue_ls, cmd_queue_retry, cmd_queue_show,
    cmd_queue_stats, cmd_queue_wait, cmd_reproduce, cmd_rescore, cmd_result_ls, cmd_result_show,
    cmd_result_verify;
cmd_score, cmd_site_build, cmd_site_check, cmd_site_serve, cmd_submit, cmd_suite_board,
    cmd_suite_ls, cmd_suite_show, cmd_task_lint, cmd_task_ls, cmd_task_render, cmd_task_show,
    cmd_task_test, cmd_tokenize, cmd_worker;

const struct command *const commands[] = {
    /* the bench */
    &cmd_eval,
    &cmd_compare,
    &cmd_reproduce,
    &cmd_rescore,
    &cmd_result_ls,
    &cmd_result_show,
    &cmd_result_verify,
    &cmd_task_ls,
    &cmd_task_show,
    &cmd_task_lint,
    &cmd_task_render,
    &cmd_task_test,
    &cmd_suite_ls,
    &cmd_suite_show,
    &cmd_suite_board,
    &cmd_model_show,
    &cmd_model_tensors,
    &cmd_model_truncate,
    /* the pipelines */
    &cmd_embed,
    &cmd_score,
    &cmd_generate,
    &cmd_tokenize,
    /* the service */
    &cmd_submit,
    &cmd_queue_ls,
    &cmd_queue_show,
    &cmd_queue_cancel,
    &cmd_queue_retry,
    &cmd_queue_stats,
    &cmd_queue_wait,
    &cmd_worker,
    &cmd_hub_pull,
    &cmd_hub_serve,
    &cmd_site_build,
    &cmd_site_check,
    &cmd_site_serve,
    &cmd_db_init,
    &cmd_db_up,
    &cmd_db_down,
    &cmd_db_migrate,
    &cmd_db_status,
    &cmd_db_psql,
    &cmd_db_dump,
    &cmd_db_restore,
    &cmd_doctor,
    NULL,
};

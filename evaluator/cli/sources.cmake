set(cli_SOURCES
    cli/admission.c cli/args.c cli/bench.c cli/bench_plan.c cli/bench_print.c cli/cmd_api.c cli/cmd_bench.c cli/cmd_board.c
    cli/cmd_classify.c cli/cmd_compare.c cli/cmd_contamination.c cli/cmd_db.c cli/cmd_discover.c cli/cmd_doctor.c cli/cmd_embed.c cli/cmd_eval.c
    cli/cmd_generate.c cli/cmd_hub.c cli/cmd_hub_cache.c cli/cmd_model.c cli/cmd_moderate.c cli/cmd_nightly.c
    cli/cmd_policy.c cli/cmd_queue.c cli/cmd_reproduce.c cli/cmd_rescore.c cli/cmd_result.c cli/cmd_result_export.c cli/cmd_result_import.c cli/cmd_result_parity.c
    cli/cmd_result_show.c cli/cmd_score.c cli/cmd_serve.c cli/cmd_site.c cli/cmd_site_publish.c cli/cmd_submit.c
    cli/cmd_task.c cli/cmd_task_lint.c cli/cmd_task_new.c cli/cmd_task_render.c cli/cmd_task_test.c cli/cmd_template.c
    cli/cmd_token.c cli/cmd_tokenize.c cli/cmd_verify.c cli/cmd_worker.c cli/columns.c cli/commands.c
    cli/compare_print.c cli/database.c cli/decision.c cli/doctor_gpu.c cli/doctor_service.c cli/draft.c cli/evidence.c
    cli/exchange.c cli/export_files.c cli/export_table.c cli/expand.c cli/fleet.c cli/groups.c cli/guess.c cli/guess_answer.c cli/guess_kinds.c
    cli/guess_options.c cli/help.c cli/lineage.c cli/notes.c cli/npy.c cli/own_starts.c cli/plan.c cli/print.c cli/render.c
    cli/report.c cli/rerun.c cli/runs.c cli/slurm.c cli/snapshot.c cli/spread.c cli/stop.c cli/submission.c cli/suites.c
    cli/table.c cli/tasks.c)

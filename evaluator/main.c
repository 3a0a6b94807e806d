/* The program: finds the command, parses its options, runs it, and turns its error into words and an exit code. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/progress.h"
#include "evaluator/cli/command.h"
#include "evaluator/task/library.h"
#include "evaluator/worker/worker.h"
#include "version.h"

static int print_and_release(struct strbuf *text) {
    fputs(strbuf_str(text), stdout);
    strbuf_release(text);
    return 0;
}

static int print_help(int argc, char **argv) {
    struct strbuf out = { 0 };
    int used;
    const struct command *c = argc ? command_find(argc, argv, &used) : NULL;
    if (c) {
        help_command(c, &out);
    } else if (argc == 0) {
        help_all(&out);
    } else if (!help_topic(argv[0], &out)) {
        struct err err = ERR_INIT;
        help_suggest(argc, argv, &err);
        log_error(&err, false);
        return err_info(err.class)->exit_code;
    }
    return print_and_release(&out);
}

static int finish(bool ok, const struct err *err, bool json, const char *command) {
    if (ok && (fflush(stdout) || ferror(stdout))) {
        return err_info(ERR_FAILED)->exit_code;
    }
    if (ok) {
        return 0;
    }
    if (err->msg[0]) {
        log_error(err, json);
    }
    if (err->class == ERR_USAGE && !json) {
        fprintf(stderr, "Try 'assay %s --help'.\n", command);
    }
    return err_info(err->class)->exit_code;
}

static bool check_operands(const struct command *c, const struct args *args, struct err *err) {
    if (args->n_operands < c->min_operands) {
        return err_set(err, ERR_USAGE, "'%s' needs %s", c->name, c->operands);
    }
    if (args->n_operands > c->max_operands) {
        return err_set(err, ERR_USAGE, "'%s' takes no operand '%s'", c->name, args->operands[c->max_operands]);
    }
    return true;
}

static int run_command(const struct command *c, int argc, char **argv) {
    struct err err = ERR_INIT;
    struct args args;
    const struct option *tables[8];
    unsigned n = 0;
    for (; c->options[n]; n++) {
        tables[n] = c->options[n];
    }
    tables[n] = options_global;
    tables[n + 1] = NULL;
    if (!args_parse(&args, tables, argc, argv, &err)) {
        return finish(false, &err, false, c->name);
    }
    if (args_has(&args, "help")) {
        struct strbuf out = { 0 };
        help_command(c, &out);
        return print_and_release(&out);
    }
    if (args_has(&args, "quiet") || args_has(&args, "no-progress")) {
        progress_disable();
    }
    log_set_level(args_has(&args, "quiet") ? LOG_ERROR : args_has(&args, "verbose") ? LOG_DEBUG : LOG_INFO);
    bool ok = check_operands(c, &args, &err) && c->run(&args, &err);
    return finish(ok, &err, args_has(&args, "json"), c->name);
}

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && !strcmp(argv[1], "__task")) { /* the program started by itself: no help, no options */
        task_child_main(argc, argv, task_files);
    }
    if (argc > 1 && !strcmp(argv[1], "__job")) {
        child_main();
    }
    argc--;
    argv++;
    if (argc == 0 || !strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
        return print_help(0, argv);
    }
    if (!strcmp(argv[0], "help")) {
        return print_help(argc - 1, argv + 1);
    }
    if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "version")) {
        printf("assay %s\n", ASSAY_BUILD);
        return 0;
    }
    int used;
    const struct command *c = command_find(argc, argv, &used);
    if (!c) {
        struct err err = ERR_INIT;
        help_suggest(argc, argv, &err);
        return finish(false, &err, false, "help");
    }
    return run_command(c, argc - used, argv + used);
}

/* The program: finds the command, parses its options, runs it, and turns its error into words and
 * an exit code. */
#include <fcntl.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/progress.h"
#include "evaluator/cli/command.h"
#include "version.h"

static int print_and_release(struct strbuf *text) {
    fputs(strbuf_str(text), stdout);
    strbuf_release(text);
    return fflush(stdout) ? err_info(ERR_FAILED)->exit_code : 0;
}

static int print_help(int argc, char **argv) {
    struct strbuf out = { 0 };
    int used;
    argc = argc && argv[0][0] == '-' ? 0 : argc; /* assay help --help */
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

#define EXIT_SICK 75 /* EX_TEMPFAIL: a scheduler may start the worker again, here or elsewhere */

/* The class decides, for all commands alike; a worker says by a code of its own that it is the
 * machine or the program that must not go on, not a job. */
static int exit_code(const struct err *err, const char *command) {
    bool sick = err->class == ERR_NODE || err->class == ERR_SCHEMA;
    return sick && !strcmp(command, "worker") ? EXIT_SICK : err_info(err->class)->exit_code;
}

/* `command` is "" where there was none. */
static int finish(bool ok, struct err *err, bool json, const char *command) {
    if (fflush(stdout) ||
        ferror(stdout)) {     /* what was printed did not arrive: that is a failure too */
        if (errno == EPIPE) { /* whoever read it has seen enough */
            return err_info(ERR_FAILED)->exit_code;
        }
        ok = ok && err_errno(err, ERR_FAILED, "could not write to standard output");
    }
    if (ok) {
        return 0;
    }
    if (err->class == ERR_NONE) {
        err_set(err, ERR_BUG, "the command failed without saying why");
    }
    if (err->msg[0]) {
        log_error(err, json);
    }
    if (err->class == ERR_USAGE && !json) {
        fprintf(stderr, "Try 'assay %s%s--help'.\n", command, *command ? " " : "");
    }
    return exit_code(err, command);
}

/* For errors that come before the options are known. */
static bool wants_json(int argc, char *const *argv) {
    for (int i = 0; i < argc && strcmp(argv[i], "--"); i++) {
        if (!strcmp(argv[i], "--json")) {
            return true;
        }
    }
    return false;
}

static int print_version(void) {
    printf("assay %s\n", ASSAY_BUILD);
    return 0;
}

static bool check_operands(const struct command *c, const struct args *args, struct err *err) {
    if (args->n_operands < c->min_operands) {
        return err_set(err, ERR_USAGE, "'%s' needs %s", c->name, c->operands);
    }
    if (args->n_operands > c->max_operands) {
        return err_set(
            err, ERR_USAGE, "'%s' takes no operand '%s'", c->name, args->operands[c->max_operands]);
    }
    return true;
}

/* Known by its name, whatever stands behind that. */
static bool refuse_absent(const struct command *c, struct err *err) {
    err_set(err, ERR_UNSUPPORTED, "'%s' is not in this build, which is the harness alone", c->name);
    return err_hint(
        err, "a build of everything has it (script/build); 'assay help' lists what is here");
}

static int run_command(const struct command *c, int argc, char **argv) {
    struct err err = ERR_INIT;
    struct args args;
    if (!c->run) {
        return finish(refuse_absent(c, &err), &err, wants_json(argc, argv), c->name);
    }
    const struct option *tables[8];
    unsigned n = 0;
    for (; c->options[n]; n++) {
        tables[n] = c->options[n];
    }
    tables[n] = options_global;
    tables[n + 1] = NULL;
    if (!args_parse(&args, tables, argc, argv, &err)) {
        return finish(false, &err, wants_json(argc, argv), c->name);
    }
    if (args_has(&args, "version")) {
        return print_version();
    }
    if (args_has(&args, "help")) {
        struct strbuf out = { 0 };
        help_command(c, &out);
        return print_and_release(&out);
    }
    if (args_has(&args, "quiet") || args_has(&args, "no-progress")) {
        progress_disable();
    }
    log_set_level(args_has(&args, "quiet")     ? LOG_ERROR
                  : args_has(&args, "verbose") ? LOG_DEBUG
                                               : LOG_INFO);
    bool ok = check_operands(c, &args, &err) && c->run(&args, &err);
    return finish(ok, &err, args_has(&args, "json"), c->name);
}

/* A descriptor that is closed would be given to the next file, and results written into that. */
static void open_standard_files(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) {
            abort();
        }
    }
}

int main(int argc, char **argv) {
    open_standard_files();
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    for (const struct own_start *own = own_starts; argc > 1 && own->word; own++) {
        if (!strcmp(argv[1], own->word)) {
            own->run(argc, argv);
        }
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
        return print_version();
    }
    int used;
    const struct command *c = command_find(argc, argv, &used);
    if (!c) {
        struct err err = ERR_INIT;
        help_suggest(argc, argv, &err);
        return finish(false, &err, wants_json(argc, argv), "");
    }
    return run_command(c, argc - used, argv + used);
}

/* Commands: one const table entry each, in the file cmd_<name>.c that holds the command; commands.c
 * lists them all. */
#ifndef ASSAY_COMMAND_H
#define ASSAY_COMMAND_H

#include "base/strbuf.h"
#include "evaluator/cli/args.h"

struct command {
    const char *name;     /* "embed", "model show" */
    const char *operands; /* "MODEL [MODEL...]" */
    const char *summary;  /* one line, no full stop */
    const char *details;  /* paragraphs and examples; may be NULL */
    const struct option *options[6];
    unsigned min_operands, max_operands;
    /* Does the work. False with *err: the error's class gives the exit code. NULL: this build has
     * not got the command, and main says so. */
    bool (*run)(const struct args *args, struct err *err);
    bool hidden;
};

extern const struct command *const commands[]; /* NULL-terminated, in the order of the help */

/* Every command takes these; main acts on help, version and verbosity. */
extern const struct option options_global[];
/* --db, of commands that use a database; empty in a build without one. */
extern const struct option options_database[];

/* Words at argv[1] by which the program is started by itself, and what it is then: no help, no
 * options. Ends with NULL. */
struct own_start {
    const char *word;
    void (*run)(int argc, char **argv); /* does not return */
};
extern const struct own_start own_starts[];

/* Finds the longest command name at the start of argv; *used is how many words it took. */
const struct command *command_find(int argc, char *const *argv, int *used);

void help_all(struct strbuf *out);
void help_command(const struct command *c, struct strbuf *out);
bool help_topic(const char *topic, struct strbuf *out); /* "exit-codes", "environment" */
void help_suggest(int argc, char *const *argv,
    struct err *err); /* fills in the usage error for an unknown command */

#endif

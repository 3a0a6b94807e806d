/* The command line, from tables: one table of options a command, from which parsing, help and
 * completion all come.
 *
 * Long options take a value as --name VALUE or --name=VALUE, `_` is taken for `-`, a single letter
 * as -xVALUE or -x VALUE; "--" ends options. An option given twice keeps all its values. */
#ifndef ASSAY_ARGS_H
#define ASSAY_ARGS_H

#include "base/err.h"

struct option {
    const char *name;  /* without the dashes; NULL ends a table */
    char letter;       /* or 0 */
    const char *value; /* what its value is called in the help; NULL: takes none */
    const char *help;
};

#define ARGS_MAX_VALUES 256

struct args {
    const char *operands[ARGS_MAX_VALUES];
    unsigned n_operands;
    struct {
        const struct option *option;
        const char *value; /* "" for options without one */
    } given[ARGS_MAX_VALUES];
    unsigned n_given;
};

/* `tables` is NULL-terminated. argv excludes the command's own words. */
MUST_CHECK bool args_parse(struct args *args, const struct option *const *tables, int argc,
    char *const *argv, struct err *err);

bool args_has(const struct args *args, const char *name);
const char *args_get(
    const struct args *args, const char *name, const char *otherwise); /* the last one given */
/* The i-th value of an option that may be repeated or hold a comma list; NULL past the end. The
 * caller frees. */
char *args_item(const struct args *args, const char *name, unsigned i);
/* All values of a repeatable option, ended by NULL, which live as long as the command line; at most
 * max - 1 of them. */
MUST_CHECK bool args_list(
    const struct args *args, const char *name, const char **list, unsigned max, struct err *err);
MUST_CHECK bool args_get_uint(const struct args *args, const char *name, unsigned long otherwise,
    unsigned long max, unsigned long *out, struct err *err);
MUST_CHECK bool args_get_double(
    const struct args *args, const char *name, double otherwise, double *out, struct err *err);

/* Edit distance for "did you mean": at most `limit`, else limit + 1. */
unsigned edit_distance(const char *a, const char *b, unsigned limit);

#endif

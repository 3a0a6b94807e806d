/* A task file from a guess: commented, for its owner to go on with. */
#ifndef ASSAY_CLI_DRAFT_H
#define ASSAY_CLI_DRAFT_H

#include "evaluator/cli/guess.h"

struct draft {
    const char *task;   /* its name */
    const char *file;   /* of the data, beside it */
    const char *format; /* NULL: by the file's name */
    size_t n_rows;      /* that were looked at */
    bool more;          /* there are others */
};
void draft_write(const struct draft *d, const struct guess *g, struct strbuf *out);

#endif

/* What the writers of result files share. */
#ifndef ASSAY_EVAL_WRITE_H
#define ASSAY_EVAL_WRITE_H

#include "base/json.h"

/* One result on its way to disk. */
struct writing {
    const char *dir;
    const json_t *result;
    const char *samples; /* JSON lines, or NULL */
    size_t samples_n;
    const char *model, *revision, *task; /* as file names */
    const char *time;                    /* as lm-evaluation-harness writes it in file names */
    double unix_time;
};

MUST_CHECK bool write_lmeval(const struct writing *w, struct err *err);
MUST_CHECK bool write_mteb(const struct writing *w, struct err *err);
MUST_CHECK bool write_groups(const struct writing *w, const json_t *rows, struct err *err);

/* Writes dir/model/name, parents made. */
MUST_CHECK bool write_text(
    const struct writing *w, const char *name, const struct strbuf *text, struct err *err);

#endif

/* What the writers of result files share. */
#ifndef ASSAY_EVAL_WRITE_H
#define ASSAY_EVAL_WRITE_H

#include "base/json.h"

/* What one results_<time>.json of lm-evaluation-harness's holds: one model, asked in one manner,
 * each task once. It is written anew with each task that is through, so that it is whole whenever
 * the command ends. */
struct results_file {
    char *model;   /* as a folder's name */
    char time[64]; /* as lm-evaluation-harness writes it in file names */
    double unix_time;
    json_t *results; /* in the order in which they came */
    json_t *groups;  /* scores of suites, as average_tree gives them; NULL: none */
};

/* One result on its way to disk. */
struct writing {
    const char *dir;
    const struct results_file *file;
    const json_t *result;
    const char *samples; /* JSON lines, or NULL */
    size_t samples_n;
    const char *revision, *task; /* as file names */
    bool peers_only;             /* without Assay's own record */
};

/* Whether a result has MTEB's shape, and not lm-evaluation-harness's. */
bool result_embeds(const json_t *result);

MUST_CHECK bool write_lmeval_results(const struct writing *w, struct err *err);
MUST_CHECK bool write_lmeval_samples(const struct writing *w, struct err *err);
MUST_CHECK bool write_mteb(const struct writing *w, struct err *err);
MUST_CHECK bool write_groups(const struct writing *w, struct err *err);

/* A number's error under "<metric>_stderr,none"; not a number: "N/A". */
void write_stderr(struct json_writer *j, const char *metric, const json_t *value);
/* Fields of the groups that have a score, and the members of all, for the peer's file. */
void write_group_scores(struct json_writer *j, const json_t *rows);
void write_group_members(struct json_writer *j, const json_t *rows);

/* A name as lm-evaluation-harness calls files by it; the caller frees. */
char *sanitised_name(const char *name);
/* Writes dir/model/name, parents made. */
MUST_CHECK bool write_text(
    const struct writing *w, const char *name, const struct strbuf *text, struct err *err);

#endif

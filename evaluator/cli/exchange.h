/* The pipelines: JSON lines in on stdin, JSON lines out on stdout, in the same order.
 *
 * A line that can't be used is answered by {"id", "error"} in its place; the others are still
 * answered, and the command then ends with exit code 1. */
#ifndef ASSAY_EXCHANGE_H
#define ASSAY_EXCHANGE_H

#include "base/json.h"
#include "evaluator/cli/args.h"
#include "harness/harness.h"

struct line {
    json_t *object; /* NULL if the line was not a JSON object */
    struct err err; /* why the line can't be used; ERR_NONE if it can */
};

struct exchange {
    struct line *lines;
    size_t n, capacity;
    struct strbuf out;
    struct json_writer json;
    size_t n_failed;
    int write_errno; /* why an answer could not be written, or 0 */
    char *text;      /* the line being read */
    size_t text_capacity;
};

/* Reads up to max_lines more lines; *more is false at the end of the input. */
MUST_CHECK bool exchange_read(struct exchange *p, size_t max_lines, bool *more, struct err *err);
void exchange_reset(struct exchange *p); /* forgets the lines read, keeps the count of failures */
void exchange_release(struct exchange *p);

/* Opens the answer to a line with its id; the caller adds fields to p->json and ends it. A line
 * with an error is answered wholly: false. */
bool exchange_answer(struct exchange *p, const struct line *line);
void exchange_answer_end(struct exchange *p); /* also writes out what has gathered */

/* The end: flushes; false (exit code 1) if lines failed or could not be written. */
MUST_CHECK bool exchange_finish(struct exchange *p, struct err *err);

/* Fields of a request. The string or ids borrow from the object; ids go into `arena`. A field of
 * another type is the line's error. */
struct arena;
bool line_string(struct line *line, const char *key, const char **text, size_t *n);
bool line_ids(struct line *line, struct arena *arena, const json_t *array, const char *what,
    const int32_t **ids, size_t *n);

/* The clock of chat templates, in seconds since 1970: SOURCE_DATE_EPOCH where it is set. */
int64_t clock_now(void);

/* ---- the model that a pipeline runs ---- */

extern const struct option options_device[]; /* --dtype, --device, --threads, --hub: everywhere */
extern const struct option options_model[];  /* --stats, --arch, ...: where a model runs */

struct session {
    struct model *model;
    struct run_stats stats;
    struct run_options run;
    double load_s, run_s;
    struct progress *progress;
    const char *stats_path;
};
/* Opens the model that `operand` names. */
MUST_CHECK bool session_open(struct session *s, const struct args *args, const char *operand,
    const char *label, struct err *err);
/* Writes --stats; closes the model. Call it on failure too. */
MUST_CHECK bool session_close(struct session *s, struct err *err);
MUST_CHECK bool model_options_from_args(
    const struct args *args, struct model_options *options, struct err *err);
/* One of the named rule sets, or NULL where none was asked for. */
MUST_CHECK bool profile_from_args(const struct args *args, const char **profile, struct err *err);
MUST_CHECK bool add_bos_from_args(const struct args *args, enum add_bos *out, struct err *err);

#endif

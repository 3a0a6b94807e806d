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
    const char *text; /* as exchange_gather read it, of n bytes */
    size_t n;
    json_t *object; /* NULL if the line was not a JSON object */
    struct err err; /* why the line can't be used; ERR_NONE if it can */
};
void line_parse(struct line *line);
void line_release(struct line *line);

/* Answers in the making. */
struct answers {
    struct strbuf out;
    struct json_writer json;
    size_t n_failed;
};
/* Opens the answer to a line with its id; the caller adds fields to a->json and ends it. A line
 * with an error is answered wholly: false. */
bool answer_begin(struct answers *a, const struct line *line);
void answer_end(struct answers *a);

struct exchange {
    struct line *lines;
    size_t n, capacity;
    struct answers answers;
    int write_errno; /* why an answer could not be written, or 0 */
    char *block;     /* what was read of the input, and from where it is not yet taken */
    size_t block_at, block_end, block_capacity;
    struct strbuf gathered; /* the lines of exchange_gather */
};

/* Reads and parses up to max_lines more lines; *more is false at the end of the input. */
MUST_CHECK bool exchange_read(struct exchange *p, size_t max_lines, bool *more, struct err *err);
/* Reads lines that the caller parses, on whatever thread; about max_bytes of them. */
MUST_CHECK bool exchange_gather(
    struct exchange *p, size_t max_lines, size_t max_bytes, bool *more, struct err *err);
void exchange_reset(struct exchange *p); /* forgets the lines read, keeps the count of failures */
void exchange_release(struct exchange *p);

/* answer_begin and answer_end into p->answers, which are written out as they gather. */
bool exchange_answer(struct exchange *p, const struct line *line);
void exchange_answer_end(struct exchange *p);
/* Writes out, and empties, answers that were made elsewhere. */
void exchange_write(struct exchange *p, struct answers *answers);

/* The end: flushes; false (exit code 1) if lines failed or could not be written. */
MUST_CHECK bool exchange_finish(struct exchange *p, struct err *err);

/* Fields of a request. The string or ids borrow from the object; ids go into `arena`. A field of
 * another type is the line's error. */
struct arena;
bool line_string(struct line *line, const char *key, const char **text, size_t *n);
bool line_ids(struct line *line, struct arena *arena, const json_t *array, const char *what,
    const int32_t **ids, size_t *n);

double clock_s(void); /* seconds, from some time on */

/* The clock of chat templates, in seconds since 1970: SOURCE_DATE_EPOCH where it is set. */
int64_t clock_now(void);

/* What --stats tells of a run. */
struct run_report {
    double load_s, run_s;
    const struct run_stats *stats;
    uint64_t file_weight_bytes; /* of matrices that stay in the file */
    const char *device, *dtype, *backend;
    unsigned n_devices;         /* each with a part of the model */
    uint32_t n_packed, n_found; /* matrices of weights: packed at open, found packed */
    struct device_info on_device;
};
MUST_CHECK bool run_report_write(const char *path, const struct run_report *r, struct err *err);

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

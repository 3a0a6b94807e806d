/* The foreign room: results in other programs' formats, read and written.
 *
 * Whatever a format carries becomes a result, as in the "results" of an assay.eval/1 document: its
 * numbers, and what was asked of whom. All of it besides stays under "imported", so that the same
 * format is written again with nothing lost. Nothing here knows the database. Every byte that is
 * read is a stranger's: what can't be used is ERR_INPUT, with the file, the place in it, and what
 * to do.
 *
 *   "imported": {"format": "lm-eval", "file": its name, "sha256": of its bytes, and
 *      lm-eval        "task": the parts of the document that are this task's, "common": the rest
 *      mteb           "document", "meta": the model_meta.json beside it
 *      model-index    "name", "result": the entry of "results"
 *      eval-results   "entry"}
 *
 * Numbers that JSON has no word for (Python writes NaN and Infinity) are strings there, and no
 * metrics. */
#ifndef ASSAY_FOREIGN_H
#define ASSAY_FOREIGN_H

#include "base/json.h"

enum foreign_format {
    FOREIGN_LM_EVAL,      /* results_<time>.json with samples_<task>_<time>.jsonl */
    FOREIGN_MTEB,         /* <Task>.json with model_meta.json */
    FOREIGN_MODEL_INDEX,  /* "model-index" in the front matter of a model's README.md */
    FOREIGN_EVAL_RESULTS, /* .eval_results/NAME.yaml of a model's repository */
    FOREIGN_N
};
const char *foreign_name(enum foreign_format format); /* "lm-eval" */
bool foreign_find(const char *name, enum foreign_format *format);

#define FOREIGN_FILE_MAX ((size_t)64 << 20)

struct foreign_file {
    const char *path; /* for messages; its last part is kept */
    const char *text; /* of n bytes */
    size_t n;
    const char *model, *revision; /* said by the user, before what the file says; or NULL */
    const json_t *meta;           /* mteb: model_meta.json, or NULL */
    const char *folder_model, *folder_revision; /* mteb: what the folders are called, or NULL */
};

/* Appends the results of one file to `results`, which is left alone on failure. */
MUST_CHECK bool foreign_parse(
    enum foreign_format format, const struct foreign_file *file, json_t *results, struct err *err);

/* The same of a file or a folder of them, however deep (8), in the order of names. `file_parsed`
 * gets each file with its results; samples is the path of those of a result, or NULL. */
struct foreign_found {
    const char *path;
    json_t *results; /* each with "samples": a path, where a file of them lies beside */
};
typedef bool foreign_take_fn(void *to, const struct foreign_found *found, struct err *err);
MUST_CHECK bool foreign_walk(enum foreign_format format, const char *path, const char *model,
    const char *revision, foreign_take_fn *take, void *to, struct err *err);

/* One line of lm-evaluation-harness's samples, checked: an object with a document and metrics. */
MUST_CHECK bool foreign_sample_check(
    const char *line, size_t n, const char *path, size_t number, struct err *err);

/* ---- writing ---- */

/* Results of one model as the text of a file: a README's front matter (in place of the block that
 * `readme` has, all other bytes kept; NULL: a new one), or a list for .eval_results. What is
 * imported from that format is written as it was. */
MUST_CHECK bool foreign_write_model_index(const char *name, const json_t *results,
    const char *readme, size_t n, struct strbuf *out, struct err *err);
void foreign_write_eval_results(const json_t *results, const char *source, struct strbuf *out);
/* The document that results were imported from (lm-eval: all of one file; mteb: one). NULL: they
 * are not from there. The caller owns it. */
json_t *foreign_document(enum foreign_format format, const json_t *results);

/* ---- inside the room ---- */

/* JSON as Python writes it: NaN, Infinity and -Infinity become strings. */
json_t *foreign_python_json(const char *text, size_t n, const char *name, struct err *err);
/* Appends a finished result: hashes, empty audit, what the caller left out. Takes `result`. */
bool foreign_add(json_t *results, json_t *result, const struct foreign_file *file,
    enum foreign_format format, const char *place, struct err *err);
void foreign_metric(json_t *metrics, const char *name, const json_t *value, const json_t *error);
bool foreign_is_commit(const char *text);
bool foreign_parse_lmeval(const struct foreign_file *file, json_t *results, struct err *err);
bool foreign_parse_mteb(const struct foreign_file *file, json_t *results, struct err *err);
bool foreign_parse_model_index(const struct foreign_file *file, json_t *results, struct err *err);
bool foreign_parse_eval_results(const struct foreign_file *file, json_t *results, struct err *err);
/* A value as YAML in block style, which YAML 1.1 and 1.2 read alike. */
void foreign_yaml(struct strbuf *out, const json_t *value, unsigned indent);

#endif

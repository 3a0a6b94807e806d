/* Inside the reading of frames: values, and the messages of tasks that rank. */
#ifndef ASSAY_FRAMES_PARTS_H
#define ASSAY_FRAMES_PARTS_H

#include "evaluator/task/frames.h"

/* ERR_INPUT: a message that the task's process should not send. */
bool frames_broken(struct err *err, const char *what);

/* A text without NUL bytes, in the task's arena. NULL where there is none. */
const char *frames_text(struct task *t, const json_t *object, const char *key);
/* A list of texts, each without NUL bytes; empty where there is none. */
bool frames_texts(
    struct task *t, const json_t *doc, const char *key, const char ***texts, size_t *n);
bool frames_number(const json_t *object, const char *key, double *out); /* finite */

/* An index below `limit`. */
bool frames_index(const json_t *v, size_t limit, size_t *out);

/* A text with its labels, and what is learned from (frames_labelled.c). */
bool frames_labelled(struct task *t, struct task_doc *d, const json_t *doc);
MUST_CHECK bool frames_example(struct task *t, const json_t *v, struct err *err);
MUST_CHECK bool frames_experiment(
    struct task *t, const json_t *frame, const json_t *list, struct err *err);
MUST_CHECK bool frames_sampling(
    struct task *t, const json_t *frame, const json_t *v, struct err *err);

/* A query as a document of the task (frames_rank.c); its candidates are passages that are there. */
bool frames_query(struct task *t, struct task_doc *d, const json_t *doc);
MUST_CHECK bool frames_passage(struct task *t, const json_t *v, struct err *err);
MUST_CHECK bool frames_judgement(
    struct task *t, const json_t *v, const char *subset, struct err *err);

#endif

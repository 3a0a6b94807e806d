/* What the child sends, checked and turned into the structs of task.h. */
#ifndef ASSAY_FRAMES_H
#define ASSAY_FRAMES_H

#include "base/mem.h"
#include "base/strmap.h"
#include "evaluator/task/ids.h"
#include "evaluator/task/spool.h"
#include "evaluator/task/task.h"

enum {
    FRAMES_MAX_DOCS = 1000 * 1000,
    FRAMES_MAX_CHOICES = 4096,
    FRAMES_MAX_PASSAGES = 10 * 1000 * 1000,
    FRAMES_MAX_CORPORA = 10 * 1000,
    FRAMES_MAX_CANDIDATES = 10 * 1000 /* of a query */,
    FRAMES_MAX_FROZEN = 100 * 1000,
    FRAMES_MAX_EXPERIMENTS = 100 * 1000,
};

struct task {
    struct task_info info;
    struct arena arena;
    json_t *header;
    struct task_doc *docs;
    size_t n_docs, docs_capacity;
    struct task_retrieval retrieval;
    size_t passages_capacity, corpora_capacity, judgements_capacity;
    size_t near_corpus; /* of the last judgement */
    struct ids *passage_ids;
    struct spool *ids;        /* what passages are called, close to each other */
    struct strmap *query_ids; /* keys begin with the subset */
    struct task_training training;
    size_t examples_capacity, experiments_capacity, subset_from,
        subset_to; /* examples of the last subset */
    struct task_sampling *samplings;
    size_t n_samplings, samplings_capacity;
    bool labels_are_text;
    size_t n_labels; /* of all documents and examples so far */
    json_t *frozen;  /* what was told of frozen rows, in order */
};

MUST_CHECK bool frames_header(struct task *t, const char *path, json_t *header, struct err *err);
/* One of {"doc"}, {"passage"}, {"qrel"}, {"example"}, {"experiment"}, {"sampling"}, and where rows
 * are frozen {"frozen"}. */
MUST_CHECK bool frames_document(struct task *t, const json_t *frame, struct err *err);
/* Once all are in: a task has something to ask. */
MUST_CHECK bool frames_complete(struct task *t, const json_t *end, struct err *err);
/* Turns {"error": {...}} into *err; returns false. */
bool frames_error(const json_t *error, struct err *err);

#endif

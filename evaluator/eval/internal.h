/* Inside the eval room: one evaluation as its kinds see it. */
#ifndef ASSAY_EVAL_INTERNAL_H
#define ASSAY_EVAL_INTERNAL_H

#include "base/mem.h"
#include "evaluator/eval/eval.h"
#include "evaluator/metric/metric.h"

struct eval {
    const struct task_info *info;
    const struct task_doc *docs;
    const struct task_retrieval *retrieval; /* NULL but for kinds that rank */
    const struct task_training *training;   /* what classifiers learn from; NULL for the others */
    const struct task_sampling *samplings;  /* of a clustering; may be NULL */
    size_t n_samplings;
    size_t n; /* documents */
    const struct subject *subject;
    enum similarity similarity; /* the subject's, or that of whoever gave the samples */
    struct run_options run;
    struct run_stats stats;
    const struct eval_options *options;
    uint64_t done_before;  /* work of the calls that are over */
    size_t texts, n_begun; /* to embed in all, where several calls share them, and so far */
    bool plan;             /* nothing is made of answers */
    bool without_system;   /* the chat template takes no system turn: it was left out */
    struct arena arena;    /* what a kind keeps for the run */
    uint32_t *cluster;     /* of each document; NULL: no clusters */
    unsigned bootstrap;    /* resamples for the error of a statistic of all documents */
    struct {
        size_t ties, truncated, empty, nan;
        size_t unparsed, length; /* generate: no filter's match; ended by the number of tokens */
        size_t abstained;        /* whether an answer is right could not be told */
        bool may_abstain;
    } audit;
    const char *asked_by; /* "+letters": another way to ask than the profile's; NULL: as it says */
    json_t *prompts;      /* by role, what was put before texts; NULL until then */
    void *kind;           /* the kind's own numbers */
    void (*release_kind)(void *kind); /* what of these is not in the arena; NULL: nothing */
};

/* A kind of task: asks, measures one metric over documents from..from+n, and says what it found for
 * one document (fields of an object that is open). In place of asking it can take back what it once
 * said: recall is called for every document in order, fills in *doc and the numbers that the
 * measures go by. */
struct eval_kind {
    bool (*ask)(struct eval *e, struct err *err);
    bool (*measure)(struct eval *e, const char *metric, size_t from, size_t n, struct estimate *out,
        struct err *err);
    void (*sample)(const struct eval *e, size_t i, struct json_writer *w);
    bool (*recall)(
        struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err);
    /* What goes into the result beside the metrics, under "experiments"; the caller's. NULL:
     * nothing. */
    json_t *(*detail)(struct eval *e, size_t from, size_t n);
    bool together; /* a document's answer depends on the others: part of them is asked as all */
};

extern const struct eval_kind eval_choice, eval_loglikelihood, eval_rolling, eval_generate,
    eval_sts, eval_retrieval, eval_pair, eval_rerank, eval_bitext, eval_summary,
    eval_instruction_retrieval, eval_classification, eval_multilabel, eval_clustering;

enum {
    EVAL_INTERVAL = 1000, /* resamples for the interval of a corpus statistic */
    EVAL_SEED = 42,       /* of their draws */
};

/* ---- what evaluating and scoring again have in common (eval.c) ---- */

/* NULL for a suite. */
const struct eval_kind *eval_kind_of(enum task_kind kind);
/* Puts all questions as the subject's chat template does. */
MUST_CHECK bool eval_chat(struct eval *e, struct err *err);
/* Of a conversation about a choice: the question with its options by letter, which is what is
 * answered then. In the arena. */
const char *letters_question(struct eval *e, const struct task_doc *d, const char *question);
/* What each document's letters came to; picks[n] are the caller's, as their texts are. Leaves only
 * metrics that go by a choice alone. */
MUST_CHECK bool letters_ask(struct eval *e, struct pick_request *picks, struct err *err);
/* Asks all, through the subject's chat template if it has one. */
MUST_CHECK bool eval_ask(struct eval *e, struct err *err);
/* All documents of a task before any is asked; *e is then the caller's, to be ended. */
MUST_CHECK bool eval_begin(struct eval *e, const struct task *task, const struct subject *subject,
    const struct eval_options *options, struct err *err);
void eval_end(struct eval *e);
void eval_number_clusters(struct eval *e);
/* {metric: {value, stderr, low, high}} over all documents; *subsets the same for each, or NULL. */
MUST_CHECK json_t *eval_measure(struct eval *e, json_t **subsets, struct err *err);
/* Adds what only texts that were written have to count. */
void eval_add_audit(const struct eval *e, json_t *audit);
/* Adds the kind's detail, if it has any. */
void eval_add_detail(struct eval *e, size_t from, size_t n, json_t *to);
/* One JSON line a document; samples may be NULL. */
MUST_CHECK bool eval_write_samples(const struct eval *e, struct strbuf *samples, struct err *err);
/* The line of document i. */
MUST_CHECK bool eval_write_sample(
    const struct eval *e, size_t i, struct strbuf *samples, struct err *err);

/* What is kept of the samples beside the result ("scores"); a metric that is no matter of single
 * documents leaves nothing. */
void eval_add_scores(json_t *result, const char *main, const struct strbuf *samples);

/* ---- reading samples (rescore.c): each fails with the document's number and the field ---- */

MUST_CHECK bool recall_text(
    struct eval *e, const json_t *sample, const char *field, const char **text, struct err *err);
/* A list of strings; empty where the field is absent. */
MUST_CHECK bool recall_texts(struct eval *e, const json_t *sample, const char *field,
    const char ***texts, size_t *n, struct err *err);
/* Exactly n finite numbers, in the arena. */
MUST_CHECK double *recall_numbers(
    struct eval *e, const json_t *sample, const char *field, size_t n, struct err *err);
MUST_CHECK bool recall_number(
    const json_t *sample, const json_t *object, const char *field, double *out, struct err *err);
/* "document 3: " and what is wrong with it. */
bool recall_fail(const json_t *sample, const char *what, struct err *err);

/* ---- for the kinds ---- */

/* Mean with its error, clustered where the task says so. */
struct estimate eval_mean(const struct eval *e, const double *x, size_t from, size_t n);

/* A statistic of documents from..from+n at once, which `data` begins with: its interval, and for
 * its error lm-eval's own bootstrap; with clusters both from what each cluster adds to it. */
struct estimate eval_corpus(
    const struct eval *e, statistic_fn *f, const void *data, size_t from, size_t n);

/* A metric that this kind's code does not know: our own mistake in the kind's Lua protocol. */
bool eval_unknown(const char *metric, struct err *err);

/* Asks for log-likelihoods; fails with the document's number where one request cannot be answered
 * or a number is not finite; counts truncated and empty ones. requests[i] belongs to docs[owner ?
 * owner[i] : i]. */
MUST_CHECK bool eval_score(
    struct eval *e, struct score_request *requests, const size_t *owner, size_t n, struct err *err);

/* Embeds texts, with the prompt that the subject has for them (`prompt`: the task's own); vectors
 * (the caller's, free()) are n × subject->width, every number finite. */
MUST_CHECK float *eval_embed(struct eval *e, enum subject_role role, const char *prompt,
    const char *const *texts, size_t n, struct err *err);

/* The same of texts that may repeat: each is embedded once, and where[i] is the row of text i. */
MUST_CHECK float *eval_embed_unique(struct eval *e, enum subject_role role, const char *prompt,
    const char *const *texts, size_t n, size_t *where, struct err *err);
/* Of the documents' pairs of texts: where[2 i] and where[2 i + 1]. */
MUST_CHECK float *eval_embed_pairs(struct eval *e, size_t *where, struct err *err);
/* A vector of length zero has no direction: ERR_NUMERIC with the document. */
MUST_CHECK bool eval_has_length(
    const struct eval *e, size_t doc, const float *vector, struct err *err);

/* Vectors as the model compares them, so that a dot product says how similar two are: by cosine to
 * length one, by dot product as they are. Of length zero: ERR_NUMERIC with `what` and its number.
 */
MUST_CHECK bool eval_make_comparable(
    const struct eval *e, const char *what, float *vectors, size_t n, struct err *err);

/* A metric of one document; NaN becomes null: the document does not count in it. */
void eval_write_value(struct json_writer *w, const char *metric, double value);

/* "prompt_hash" of these texts. */
void eval_prompt_hash(struct json_writer *w, const char *const *texts, size_t n);

#endif

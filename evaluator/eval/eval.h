/* Evaluation: documents of a task, answers of a subject, scores with their errors.
 *
 * A subject is whatever can be asked the two questions, in lists: a model of the harness, or a
 * fake. Every score has a standard error and a 95 % interval; a number that is not finite ends the
 * evaluation with ERR_NUMERIC and is never a score. */
#ifndef ASSAY_EVAL_H
#define ASSAY_EVAL_H

#include "base/json.h"
#include "base/mem.h"
#include "evaluator/metric/statistic.h"
#include "evaluator/task/task.h"
#include "harness/harness.h"

enum subject_role { SUBJECT_TEXT, SUBJECT_QUERY, SUBJECT_PASSAGE };

/* What texts of a role get in a task (prompt.h); instruction: the task's own, NULL for none. *out
 * is the caller's. */
struct prompt;
typedef void subject_prompt_fn(void *self, const struct task_info *info, enum subject_role role,
    const char *instruction, struct prompt *out);
/* prompt: what is put before each text, NULL: nothing; of a subject without prompts of its own, the
 * task's instruction. vectors: n × width. */
typedef bool subject_embed_fn(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err);
/* profile: the rule set of the task, NULL for the default. */
typedef bool subject_score_fn(void *self, const char *profile, struct score_request *requests,
    size_t n, const struct run_options *run, struct err *err);

/* The texts and ids of requests are the caller's to free; all end at the same stop strings. */
typedef bool subject_generate_fn(void *self, const struct generate_options *options,
    struct generate_request *requests, size_t n, const struct run_options *run, struct err *err);
/* What the model is to see of a conversation that it is to go on with: its chat template's text. */
typedef bool subject_chat_fn(
    void *self, const json_t *messages, struct strbuf *out, struct err *err);

/* A question of a conversation whose options are named by letters, for whoever says no
 * log-likelihoods: which letter is it? */
enum { PICK_MAX = 26 };
struct pick_request {
    const char *context; /* as chat made it */
    size_t n_options;    /* PICK_MAX at most */
    /* out */
    int pick;                  /* of the options; -1: what was said is none of them */
    bool by_logprobs;          /* how likely the letters are as the first token; else by the text */
    double logprobs[PICK_MAX]; /* NaN where a letter has none */
    char *said;                /* the caller frees */
    uint64_t n_asked;
};
typedef bool subject_pick_fn(void *self, struct pick_request *requests, size_t n,
    const struct run_options *run, struct err *err);

/* Whether a metric of a choice goes by the choice alone, as one by letter does. */
bool letters_measure(const char *metric);

struct subject {
    const char *name, *revision; /* revision NULL: not known */
    const char *dtype, *device, *backend;
    void *self;
    subject_embed_fn *embed;   /* NULL: it can't */
    subject_prompt_fn *prompt; /* NULL: it has no prompts of its own */
    subject_score_fn *score;
    subject_pick_fn *pick; /* of those that don't score; needs chat; NULL: it can't */
    subject_generate_fn *generate;
    subject_chat_fn *chat;       /* NULL: prompts are plain text */
    bool one_turn;               /* in a chat examples and question are one turn of the user's */
    void (*release)(void *self); /* NULL: free */
    uint32_t width;              /* of its vectors */
    enum similarity similarity;  /* by which it compares them */
};

/* A subject over an open model, which stays the caller's. add_bos: "auto", "yes", "no". */
MUST_CHECK struct subject *subject_model_new(struct model *model, const char *name,
    const char *revision, const char *add_bos, struct err *err);
/* From then on conversations go through the template, which stays the caller's; `now` as
 * chat_template_render has it. */
void subject_model_chat(
    struct subject *subject, struct chat_template *chat, int64_t now, bool one_turn);
void subject_free(struct subject *s); /* NULL is fine */

/* A subject that asks `inner` (which it owns from then on) only what its memos (memo.h) have no
 * answer to, and keeps what it hears in them. The memos stay the caller's; NULL: none of that kind.
 */
struct memo;
struct subject_memo_options {
    struct memo *vectors, *answers;
    const char
        *identity; /* of the model and of everything about the way it is run that changes a bit */
    bool plan;     /* counts what there is to do and does nothing: answers are made up */
};
struct subject *subject_memo_new(struct subject *inner, const struct subject_memo_options *options);
/* Requests that were answered from the memos so far. */
uint64_t subject_memo_reused(const struct subject *s);

enum { EVAL_BOOTSTRAP = 1000 };

struct eval_options {
    run_progress_fn *progress; /* tokens; may be NULL */
    void *progress_arg;
    unsigned bootstrap; /* resamples for the errors that take a bootstrap; 0: EVAL_BOOTSTRAP */
    const char *build;  /* of the program, for the record; NULL: not said */
};

/* Asks everything and scores it. *result (the caller's) is one entry of an assay.eval/1 document's
 * "results"; samples, where not NULL, gets one JSON line a document. */
MUST_CHECK bool eval_run(const struct task *task, const struct subject *subject,
    const struct eval_options *options, json_t **result, struct strbuf *samples, struct err *err);

/* What evaluating would take: asks everything of a subject that answers nothing (a plan's). */
MUST_CHECK bool eval_plan(const struct task *task, const struct subject *subject,
    struct run_stats *stats, struct err *err);

/* Some documents of a task, asked for themselves: what checks single samples of a stored result. */
struct eval_part {
    const size_t *docs; /* positions in the task's order */
    size_t n;
    const char *const *passages; /* kinds that rank: ids of these, in place of all */
    size_t n_passages;
};
/* Writes their samples; no metric is made of them. A position or an id that the task doesn't have
 * is ERR_INPUT. */
MUST_CHECK bool eval_part(const struct task *task, const struct subject *subject,
    const struct eval_part *part, const struct eval_options *options, struct strbuf *samples,
    struct err *err);

/* Scores stored samples by this program's rules, without a model: `result` is what was made of them
 * once (an assay.eval/1 result: its kind, metrics, main and number of documents are gone by).
 * *rescored (the caller's) is the same result with the metrics as they come out now, and `again`,
 * where not NULL, the samples with what they say of each document. Samples that lack what a metric
 * needs are ERR_INPUT. */
MUST_CHECK bool eval_rescore(const json_t *result, const char *samples, size_t n, json_t **rescored,
    struct strbuf *again, struct err *err);

/* The results of one command on their way to files below `dir`: in their peers' shape
 * (lm-evaluation-harness's for choice and log-likelihood tasks, one results file for a model, with
 * the samples if they are asked for; MTEB's for embedding tasks) and as Assay's own records with
 * the samples beside them. A model has a folder of its own: where its name is taken by another
 * model's results, one with its revision in the name, which is logged. */
struct eval_out *eval_out_new(const char *dir, bool with_samples);
void eval_out_free(struct eval_out *o);       /* NULL is fine */
void eval_out_peers_only(struct eval_out *o); /* no records of Assay's own */
MUST_CHECK bool eval_out_add(
    struct eval_out *o, const json_t *result, const char *samples, size_t n, struct err *err);
/* The scores of suites of a model: rows as average_tree gives them. */
MUST_CHECK bool eval_out_groups(
    struct eval_out *o, const char *model, const json_t *rows, struct err *err);

/* Whether two results ({"model", "revision"}) are of the same model: one that lies in a folder goes
 * by what it holds, wherever that is; any other by its name too. */
bool results_same_model(const json_t *a, const json_t *b);

/* What results lie in is named by a path: one that looks like it, or a file or folder that is
 * there. All else is a model, org/name[@revision], or the number of a run. */
bool results_are_path(const char *operand);

/* dir/assay_samples_X.jsonl of dir/assay_X.json, and the other way round; NULL for other names. The
 * caller frees. */
char *samples_of_record(const char *path);
char *record_of_samples(const char *path);
/* Of a name without its folder: assay_X.json. */
bool is_record_name(const char *name);

/* ---- samples, read back ---- */

struct sample {
    long long doc;
    uint32_t subset, cluster; /* numbers in order of appearance */
    const char *hash;         /* of the document, NULL if its line has none */
    const char *prompt; /* hash of what was asked before any answer; NULL: nothing, or unsaid */
    const char *line;
    size_t line_n;
};

/* What the documents of one result scored by one metric, in the order of their lines. The score of
 * a whole is `statistic(data, positions, how many)` of the places that belong to it: a mean of x,
 * or of two numbers each what the metric makes of them (label and prediction, log-likelihood and
 * weight, gold and similarity). */
struct sample_scores {
    size_t n, n_subsets, n_clusters; /* n_clusters == n: there are none */
    struct sample *items;
    const char **subsets; /* names; "" where the task has none */
    double *x, *y;
    statistic_fn *statistic;
    const void *data;
    struct columns *columns; /* what `data` points into */
    struct arena arena;
};

/* From JSON lines, Assay's own or lm-evaluation-harness's (of several filters the one that is
 * named, NULL: the one that comes first). The lines must outlive *s. ERR_UNSUPPORTED where
 * documents have no such score, ERR_INPUT for lines that are no samples. */
MUST_CHECK bool sample_scores_read(struct sample_scores *s, const char *lines, size_t n,
    const char *metric, const char *filter, struct err *err);
void sample_scores_release(struct sample_scores *s); /* a zeroed struct is fine */

/* Of which subsets an overall value is the mean: those that are declared (a list of names), all
 * where there is no list. */
bool subset_counts(const json_t *declared, const char *subset);
/* The metric over all of them: the mean over the subsets that count. */
double sample_scores_value(const struct sample_scores *s, const json_t *declared);

/* A number for each of these places, whose mean is the statistic over them and whose spread is its
 * error (metric/statistic.h's influence). */
void sample_scores_spread(
    const struct sample_scores *s, const size_t *index, size_t n, double *out);

/* What a record keeps for the boards' paired tests: {"metric", "docs": hash of the documents' ids,
 * "parts": [scores of each subset that counts (base/stats/scores.h)]}. NULL where that is too much
 * or where a number is not finite; the caller owns it. */
json_t *sample_scores_json(
    const struct sample_scores *s, const char *metric, const json_t *declared);

#endif

/* Tasks: a Lua file to documents. The contract of a task file is the task API; this is the door to
 * its runtime.
 *
 * The file runs in a child process (the program itself, started again as `assay __task`) without
 * network, without write access, under limits of processor time, memory and wall clock. The child
 * sends what it made of the file and, document by document, what there is to ask a model; the
 * parent checks every frame as it would a stranger's bytes. It asks the parent for two things: the
 * local folder of a data set, and parts of those of its files that were left on the hub. A task
 * never computes a score. */
#ifndef ASSAY_TASK_H
#define ASSAY_TASK_H

#include "base/embed.h"
#include "base/json.h"

/* The folder of a hub data set at a revision (NULL: any); the caller of `resolve` frees *dir. */
typedef bool task_resolve_fn(
    const char *repo, const char *revision, void *arg, char **dir, struct err *err);

/* The same where files may have been left on the hub. */
struct data_remote;
struct task_data {
    char *dir;                        /* freed by the task room */
    const struct data_remote *remote; /* what was left; NULL: nothing */
    void *owner;                      /* given to `close` once all is read */
    void (*close)(void *owner);       /* NULL: nothing to close */
};
typedef bool task_open_fn(
    const char *repo, const char *revision, void *arg, struct task_data *data, struct err *err);

/* What such a function does as a rule: as hub_data_open says. */
struct hub_data_request;
MUST_CHECK bool task_data_fetch(
    const struct hub_data_request *q, struct task_data *data, struct err *err);

enum { TASK_SEED = 1234 }; /* of few-shot draws, unless another is asked for or the rules differ */

struct task_request {
    const char *name;               /* of a task in the library, or the path of a .lua file */
    const char *tasks_dir;          /* the library as a folder; NULL: */
    const struct embedded *builtin; /* the copy in the program */
    const char
        *program;    /* whose main calls task_child_main for "__task"; NULL: the running program */
    long long limit; /* first documents only; 0: what the task says, < 0: all */
    int shots;       /* < 0: what the task says */
    long long seed;  /* of the few-shot draws; < 0: that of the rules */
    const char *const *subsets; /* NULL: all that the task declares */
    size_t n_subsets;
    const char *profile; /* NULL: the task's own, else the default */
    bool keep_rows;      /* keep each document's row of the data set, for sample files */
    size_t freeze;       /* of each split that is read the first so many rows and no more; they
                            are then task_frozen's. 0: all */
    const json_t
        *frozen; /* such rows in place of the data, which need not be here; NULL: read it */
    task_resolve_fn *resolve; /* NULL: tasks with hub data fail */
    task_open_fn *open;       /* in place of `resolve`, where files may be left on the hub */
    void *resolve_arg;
    unsigned cpu_s, wall_s;   /* 0: 60 and 300 */
    unsigned long heap_bytes; /* 0: 512 MiB */
};
#define TASK_REQUEST_INIT                                                                          \
    { .shots = -1, .seed = -1 }

enum task_kind {
    TASK_CHOICE,
    TASK_LOGLIKELIHOOD,
    TASK_ROLLING,
    TASK_GENERATE,
    TASK_STS,
    TASK_RETRIEVAL,
    TASK_PAIR,
    TASK_RERANK,
    TASK_BITEXT,
    TASK_SUMMARY,
    TASK_INSTRUCTION_RETRIEVAL,
    TASK_CLASSIFICATION,
    TASK_MULTILABEL,
    TASK_CLUSTERING,
    TASK_SUITE,
    TASK_N_KINDS
};
const char *task_kind_name(enum task_kind kind);
bool task_kind_find(const char *name, enum task_kind *kind); /* false: there is no such kind */
/* What a kind asks of a model. */
bool task_kind_embeds(enum task_kind kind);
/* Documents are queries, and there are passages (task_retrieval). */
bool task_kind_ranks(enum task_kind kind);

struct task_strings {
    const char **items;
    size_t n;
};

struct task_info {
    enum task_kind kind;
    const char *name, *path;                    /* path: in the library, or as given */
    const char *main;                           /* the metric that is the score */
    struct task_strings report, subsets, tasks; /* subsets: declared ones; tasks: of a suite */
    const char *profile; /* profile.h; the default of the kind where nothing else was said */
    const char *rules;   /* the rule set alone */
    unsigned n_wordings; /* other wordings that the task has */
    bool reorders;       /* whether its options can stand in other orders */
    const char *licence, *reference, *published; /* NULL where the file doesn't say */
    struct task_strings languages, domains;
    const char *mean;                                            /* of a suite */
    const char *prompt_query, *prompt_passage;                   /* embedding kinds; NULL: none */
    const char *data_repo, *data_revision, *data_config, *split; /* NULL where it has none */
    const char *delimiter,
        *description; /* choice kinds: as the model sees them; NULL where computed */
    long long version;
    int shots;
    long long limit; /* that was applied; 0: none */
    long long seed;
    bool higher_is_better, publish_samples, drop_identical_ids;
    double baseline;              /* NaN where the file doesn't say */
    double range_low, range_high; /* sts, summary */
    int protocol;                 /* version_of_protocol; 0 where the file doesn't say */
    unsigned neighbours;          /* multilabel */
    struct task_clustering {
        bool sets; /* protocol 1: documents of one set at a time; else all, drawn from */
        size_t experiments, sample, batch, max_depth; /* max_depth 0: all levels */
    } clustering;
    const json_t
        *generation;      /* generate: how it is asked and scored (metric/answer.h); else NULL */
    char task_sha256[65]; /* of the file, all that it includes, its kind's protocol and its data's
                             revision */
    char data_sha256[65]; /* of the data files that were read */
    const json_t *described;      /* every field with a JSON form, for `task show` */
    const char *sandbox_degraded; /* "" where nothing is missing */
};

struct task_choice {
    const char *text;         /* without the delimiter: what length is counted on */
    const char *continuation; /* what is scored */
    size_t context;           /* index into the document's contexts */
};

/* A name or a number; all labels of a task are the one or the other. */
struct task_label {
    const char *text; /* NULL: a number */
    long long number;
};
int task_label_compare(const void *a, const void *b); /* for qsort: numbers, or code points */

/* Something said, and what stands after it where no chat template parts turns. */
struct task_turn {
    const char *role; /* "system", "user" or "assistant" */
    const char *text, *delimiter;
};

/* One right answer: a text, or several that are right together. */
struct task_answer {
    const char **spans;
    size_t n;
};

/* One document. Which fields are filled in is a matter of the task's kind. */
struct task_doc {
    size_t index;        /* of the row in its split, from 0 */
    const char *subset;  /* NULL: the task has none */
    const char *cluster; /* NULL: none */
    const char *row;     /* JSON text; NULL unless keep_rows */
    /* What is said first and, a last turn of the user's each, what is asked: choice, loglikelihood
     * (one choice), generate. Where there is no chat template each is one context. */
    struct task_turn *turns;
    size_t n_turns;
    const char **questions, **contexts;
    size_t n_contexts;
    /* choice, loglikelihood, rolling (contexts none, one choice) */
    struct task_choice *choices;
    size_t n_choices;
    size_t *gold; /* choice: indices of the right answers; there may be none */
    size_t n_gold;
    double words, bytes;         /* rolling */
    struct task_answer *answers; /* generate: what is right */
    size_t n_answers;
    const char **offered; /* generate: choices that filters know of */
    size_t n_offered;
    const char **wrong; /* generate: answers that are, as far as the task says */
    size_t n_wrong;
    /* sts, pair (score: 0 or 1), bitext; kinds that rank: text_a is the query */
    const char *text_a, *text_b;
    double score;
    /* summary */
    const char **human, **machine;
    size_t n_human, n_machine;
    double *marks; /* of each machine summary */
    /* kinds that rank */
    const char *id;
    size_t corpus;        /* index into the task's corpora */
    const char **queries; /* rerank: the query in several texts; none: text_a alone */
    size_t n_queries;
    size_t *candidates; /* passages to rank; none: the whole corpus */
    size_t n_candidates;
    size_t *changed; /* instruction_retrieval: passages that the changed instruction rules out;
                        SIZE_MAX: not in the corpus */
    size_t n_changed;
    /* classification (one label), multilabel (any number), clustering (one a level) */
    const char *text;
    struct task_label *labels;
    size_t n_labels;
    size_t set; /* clustering: which of its subset's sets */
};

/* What classifiers learn from: examples, each of which some experiment draws, and the experiments
 * of each subset, in the order of the subsets. */
struct task_example {
    const char *text;
    struct task_label *labels;
    size_t n_labels;
};
struct task_experiment {
    const char *subset; /* NULL: the task has none */
    size_t *examples;
    size_t n;
};
struct task_training {
    struct task_example *examples;
    struct task_experiment *experiments;
    size_t n_examples, n_experiments;
};

/* Clustering: how the documents of a subset were sampled before they came here, by the stream of
 * random numbers that goes on with the draws of its experiments. */
struct task_sampling {
    const char *subset;
    size_t population, sampled;
};

struct task_text {
    const char *id, *text;
};

struct task_judgement {
    size_t query, passage; /* query: a document; passage SIZE_MAX: not in the corpus */
    double gain;
};

/* Passages of one subset, or of all where there are none: from..from + n. */
struct task_corpus {
    const char *subset;
    size_t from, n;
};

struct task_retrieval {
    struct task_text *passages;
    struct task_corpus *corpora;
    struct task_judgement *judgements;
    size_t n_passages, n_corpora, n_judgements;
    struct spool *texts; /* where a large corpus lies; NULL: nowhere in particular */
};

struct task;

/* Whether a task is named by its file: a path by its looks, which a name of the library never is.
 */
bool task_is_path(const char *name);

MUST_CHECK struct task *task_load(const struct task_request *request, struct err *err);
void task_free(struct task *t);
/* All of these live as long as the task. */
const struct task_info *task_info(const struct task *t);
const struct task_doc *task_docs(const struct task *t, size_t *n);
const struct task_retrieval *task_retrieval(
    const struct task *t); /* NULL but for kinds that rank */
/* Texts of passages that have been read may leave memory until they are read again. */
void task_forget_texts(const struct task_retrieval *r);
const struct task_training *task_training(const struct task *t); /* NULL where there is none */
const struct task_sampling *task_samplings(const struct task *t, size_t *n);
/* Where rows were frozen: a list of {"part", "row"} and {"part", "labels"}, in the order in which
 * they were read; else NULL. */
const json_t *task_frozen(const struct task *t);

/* Only what the file says: no data is read, documents are none, data_sha256 is empty. */
MUST_CHECK struct task *task_describe(const struct task_request *request, struct err *err);

/* What is wrong with a task file, as a JSON list of {file, line, field, message}: empty if nothing
 * is. False only where that could not be found out. */
MUST_CHECK bool task_lint(const struct task_request *request, json_t **problems, struct err *err);

/* An error of a task file at `path` as one of these problems; the caller's. */
json_t *task_problem(const char *path, const struct err *err);

/* The first n documents as the model will see them: {"task", "kind", "version", "shots",
 * "profile"?, "docs": [...]}, the caller's. */
MUST_CHECK json_t *task_render(const struct task_request *request, size_t n, struct err *err);

/* The same of the documents at these positions in the task's order (a retrieval's: among its
 * queries); one that isn't there is ERR_NOT_FOUND. */
MUST_CHECK json_t *task_render_at(
    const struct task_request *request, const size_t *positions, size_t n, struct err *err);

/* One document of a task in that form. */
json_t *task_doc_json(const struct task *t, size_t position);

/* ---- tests of a task: frozen rows and what it makes of them (frozen_test.c) ---- */

/* The file of a task's test: <task>.test.jsonl beside its file. NULL where the task is in the copy
 * of the library that is built in; the caller frees. */
char *task_test_path(const struct task_request *request, const struct task *described);

/* The text of such a file from the first n rows of each split: what was read, and what the model
 * would be asked of it. */
MUST_CHECK bool task_freeze(
    const struct task_request *request, size_t n, struct strbuf *text, struct err *err);

/* Runs a test. *report (the caller's): {"task", "file", "documents", "differences": [{"document",
 * "field", "expected", "got"}]}, the first of each document. False only where that could not be
 * found out. */
MUST_CHECK bool task_test(
    const struct task_request *request, const char *path, json_t **report, struct err *err);

/* ---- a file of data, before there is a task ---- */

/* Its first n rows, read by a process that can do nothing else: {"rows": [{...}], "labels":
 * {column: {number: name}}, "more": whether there are others}; the caller's. `format` as `file` in
 * a task has it, NULL: by the file's name. `program` as in a request. */
MUST_CHECK json_t *task_peek(
    const char *program, const char *path, const char *format, size_t n, struct err *err);

/* The names in the library: [{"name", "file"}], sorted by file; the caller's. */
MUST_CHECK json_t *task_list(
    const char *tasks_dir, const struct embedded *builtin, struct err *err);

/* The child's main, for `assay __task ...`; `builtin` is the program's copy of the library or NULL.
 * Does not return. */
_Noreturn void task_child_main(int argc, char **argv, const struct embedded *builtin);

#endif

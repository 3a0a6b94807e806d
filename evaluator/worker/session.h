/* What the files of a job's process share: the job as it stands. Private to the worker room. */
#ifndef ASSAY_WORKER_SESSION_H
#define ASSAY_WORKER_SESSION_H

#include "evaluator/eval/eval.h"
#include "evaluator/eval/memo.h"
#include "evaluator/remote/remote.h"
#include "evaluator/worker/frame.h"
#include "evaluator/worker/sandbox.h"
#include "evaluator/worker/store.h"

enum { SESSION_TASKS_MAX = 512, SESSION_ASKED_FD = 3 /* where a walk is told what is next */ };

struct session {
    json_t *spec;
    struct task *tasks[SESSION_TASKS_MAX];
    const json_t
        *wanted[SESSION_TASKS_MAX]; /* as the spec has them; those of a suite may be skipped */
    size_t n_tasks;
    char *model_path;
    char *packs_dir; /* of packed weights; NULL: none */
    struct model *model;
    struct chat_template *chat; /* NULL: prompts are plain text */
    struct subject *subject;    /* the model, as it is asked */
    unsigned halvings;          /* of its memory for work, which was not to be had */
    char revision[65];          /* of the model; "" where it is not looked up */
    char base_revision[41];     /* of an adapter's base from a hub; "": there is none */
    char arch_sha256[65];  /* of the description in place of the built-in one; "" where none is */
    char identity[65];     /* of the model's files; "" where there are no memos */
    int memo_fds[STORE_N]; /* -1: none */
    struct memo *memos[STORE_N];
    double flops_per_s; /* of a dry run; 0: not measured yet */
    size_t room;        /* bytes of memory that were left before it began; 0: not looked at */
    unsigned needs_mb;  /* of memory, where it did not fit */
    uint64_t missing;   /* of a dry run: bytes of the model that would have to be fetched */
    const char *label;  /* what progress is about */
    double reported;    /* when progress was last sent */
    struct sandbox_report sandbox;
    struct apis apis;      /* of a remote model; else empty */
    struct remote *remote; /* NULL: a model of the harness */
};

bool session_is_dry(const struct session *s);

/* One report to the parent; takes the JSON. */
MUST_CHECK bool session_send(enum frame_tag tag, json_t *json, struct err *err);

/* What it is at, for progress. */
void session_at(struct session *s, const char *label);

/* ---- child_record.c: what a result says of how it came about ---- */

/* Of the model that has been fetched: its commit, or the hash of what lies in a folder, without
 * which a record could be of any model. ERR_INPUT where the spec knows of another. */
MUST_CHECK bool session_find_revision(struct session *s, struct err *err);

/* What was set otherwise than a configuration says, so that the record tells how to do it again. */
void session_add_settings(const struct session *s, size_t task, json_t *result);

/* ---- room.c: memory ---- */

/* What may be taken without taking it from others: of the machine, and of this process's control
 * groups. SIZE_MAX where neither says. */
size_t memory_left(void);

/* Whether the model fits what was left (s->room), by its outline, before its weights are read. Sets
 * a ceiling in *o where it fits with less than it would take; else ERR_RESOURCE, and s->needs_mb.
 */
struct model_options;
MUST_CHECK bool session_admit(struct session *s, struct model_options *o, struct err *err);

/* ---- child_memo.c: answers that are known already ---- */

/* Says which model it is, and opens its stores for reading, while that is allowed. */
MUST_CHECK bool session_find_stores(struct session *s, struct err *err);

/* Descriptors that stay open behind the doors: ascending, ended by -1. */
void session_kept_descriptors(const struct session *s, int keep[STORE_N + 2]);

/* The open model as a subject that remembers. */
MUST_CHECK struct subject *session_subject(struct session *s, struct err *err);

/* Sent ahead of a result, and written by who has taken it at once: whoever resumes knows that it
 * needs not be delivered again. */
void session_delivery_key(
    const struct session *s, const struct task_info *info, uint8_t key[MEMO_KEY]);
bool session_was_delivered(const struct session *s, const uint8_t key[MEMO_KEY]);
MUST_CHECK bool session_announce(
    const struct session *s, const uint8_t key[MEMO_KEY], struct err *err);

/* ---- child_remote.c: a model behind an endpoint, in place of one of the harness ---- */

bool session_is_remote(const struct session *s);
/* Looks up what it is and its key, opens what is kept of it, shuts all doors but the network's, and
 * makes the subject. */
MUST_CHECK bool session_open_remote(struct session *s, struct err *err);
void session_close_remote(struct session *s);
/* What a result says of it: whose it was, what was asked, what was paid. */
void session_add_remote(struct session *s, json_t *result);
/* Of a dry run. */
MUST_CHECK bool session_plan_remote(struct session *s, size_t task, struct err *err);

/* Answers that were known, so far. */
uint64_t session_reused(const struct session *s);
/* What tells languages and sentences, where there is any; it is not looked for behind the doors. */
const char *session_languages(void);

#endif

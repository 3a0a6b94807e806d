/* The worker room: evaluations in a process of their own, and the loop that takes jobs from the
 * queue.
 *
 * A child (the program itself, started again as `assay __job`) fetches what it needs, shuts itself
 * in (sandbox.h), runs the harness over the tasks, and reports by frames. Its parent touches none
 * of the bytes of a model: a crash, a hang or a memory bomb in there is that job's error and nobody
 * else's. */
#ifndef ASSAY_WORKER_H
#define ASSAY_WORKER_H

#include <stdatomic.h>

#include "base/json.h"

/* What a child is to do, as JSON:
 *   {"model": what the user wrote, "hub", "tasks_dir", "stream_data": see hub_stream_parse,
 *    "tasks": [{"name", "limit", "shots", "seed", "profile", "subsets": [...],
 *              "task_sha256": which version of it, and no other, "data_sha256": and of its data,
 *              "of_suite": true where it may be skipped if the model can't be asked it}, ...],
 *    "dtype", "device", "tensor_parallel", "threads", "max_mem_mb", "weights", "arch", "add_bos",
 *    "samples": bool, "prints": bool, "keep_rows": bool, "cpu_s", "memory_mb",
 *    "revision": the model's commit where that is known (else it is found out, which reads every
 *                byte of a folder), "revision_checked": true: find it out all the same, and refuse
 *                another,
 *    "only": {"docs": [positions], "passages": [ids]}: of the one task these documents, and their
 *            samples are all that comes of it (eval.h's eval_part),
 *    "memo": {"vectors": use and keep the cache of vectors, "resume": use what an evaluation that
 *             was stopped has left, "sink": where results go: one that was taken there already
 *             comes with "delivered": true}; absent: nothing is looked up and nothing kept,
 *    "apis": the file that says what api: models are, "key_env": the variable with the key of one,
 *    "dry_run": say what it would take and do nothing,
 *    "admit": refuse a model that does not fit what memory is left, by its outline,
 *    "walk": see child.h} Absent or null means the default. */

struct child_watch {
    /* Called at least twice a second; false ends the child, and child_run then fails with
     * ERR_INTERRUPTED. */
    bool (*tick)(void *arg);
    /* What the child is at: `label` is a task or a phase. */
    void (*progress)(const char *label, uint64_t done, uint64_t total, void *arg);
    /* A task of a suite that can't be asked of this model; may be NULL. */
    void (*skipped)(const char *task, const char *why, void *arg);
    /* What one task would take (a dry run): {"task", "requests", "reused", "shots", "tokens_asked",
     * "tokens_computed", "flops", "seconds" (null before the weights are here), "memory_bytes",
     * "disk_bytes", "fetch_bytes" (of the model, once)}, of a remote model with its "bill"
     * (remote.h); may be NULL. */
    void (*plan)(const json_t *plan, void *arg);
    /* Prints of the model's tensors (policy/lineage.h): a stranger's word; may be NULL. False ends
     * the child, with *err. */
    bool (*prints)(const json_t *prints, void *arg, struct err *err);
    /* One finished task: its assay.eval/1 result and its samples as JSON lines. False ends the
     * child, with *err. */
    bool (*result)(const json_t *result, const char *samples, size_t n, void *arg, struct err *err);
    void *arg;
    unsigned stall_s;    /* no word from the child for this long: killed, ERR_CRASH; 0: 1800 */
    const char *program; /* what to start as the child; NULL: this program */
};

/* Runs the child to its end. False with its error, or ERR_CRASH if it died. */
MUST_CHECK bool child_run(const json_t *spec, const struct child_watch *watch, struct err *err);

/* The child's main, for `assay __job`. Does not return. */
_Noreturn void child_main(void);

/* How many of the n bytes of JSON lines go into one chunk, whole lines all of them; *lines says how
 * many. */
size_t samples_cut(const char *text, size_t n, int *lines);

/* The command line that makes this result again, as a list of words; commit may be NULL. */
MUST_CHECK json_t *record_command(const char *model, const char *commit, const json_t *result);

/* An assay.record/1 (db.h) from an assay.eval/1 result, NULL if it isn't one; the caller owns it.
 * `command` and `manifest` may be NULL. */
MUST_CHECK json_t *record_from_result(
    const json_t *result, const json_t *chunks, const json_t *command, const json_t *manifest);

struct worker_options {
    const char *database; /* conninfo or NULL */
    const char *hub, *tasks_dir, *device, *dtype;
    const char *stream_data; /* see hub_stream_parse; NULL: auto */
    unsigned threads, memory_mb;
    unsigned tensor_parallel; /* devices that have a part of each model; 0: one has all */
    bool once;                /* one job, then end */
    bool no_cache;            /* vectors are computed again where they are known */
    bool drain;               /* end when nothing is left to do */
    unsigned lease_s;         /* how long a job is held without a heartbeat; 0: the queue's own */
    unsigned idle_s;          /* end after this long without a job; 0: never */
    unsigned max_s;           /* how long it may live: no job is begun that likely takes longer than
                                 what is left; 0: for ever */
    unsigned away_s;          /* how long the database is waited for; 0: half an hour */
    unsigned stall_s;         /* for child_watch */
    const atomic_bool *stop;  /* becomes true on the first SIGTERM or SIGINT: the job in hand is
                                 given back; or NULL */
    const atomic_bool *last;  /* becomes true on SIGUSR1: the job in hand is the last; or NULL */
    const char *program;      /* for child_watch */
};
/* The loop. A database that is away is waited for, half an hour at most; finished work lies in the
 * spool meanwhile. ERR_NODE and ERR_SCHEMA: this machine or program shall not go on (exit code 75),
 * or its database did not come back. */
MUST_CHECK bool worker_loop(const struct worker_options *options, struct err *err);

/* Where this user's packed weights are kept (harness.h: kept_packs): `packed` in Assay's cache,
 * made on first use. NULL where ASSAY_NO_PACK_CACHE is set or there is no place for one: models are
 * packed anew then. The caller frees. */
char *packed_folder(void);

#endif

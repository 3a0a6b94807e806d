/* assay worker --slurm: machines from Slurm for the queue that PostgreSQL holds.
 *
 * Slurm gets an array of identical pullers: `assay worker`, each until it is idle or its time is
 * nearly over. How many are missing is the difference between the depth of the queue and what
 * squeue shows, bounded; so it may be run again and again, from cron. Slurm's job numbers and
 * states decide nothing about evaluations: a puller that dies is replaced, and its lease runs out.
 * What is told to Slurm are constants, numbers and paths, never a model's name or a secret. */
#ifndef ASSAY_CLI_SLURM_H
#define ASSAY_CLI_SLURM_H

#include "base/strbuf.h"
#include "evaluator/cli/args.h"
#include "evaluator/worker/worker.h"

struct slurm_plan {
    unsigned n;                         /* pullers to be submitted */
    unsigned minutes;                   /* of each */
    unsigned memory_mb, threads;        /* of each; 0: as the partition has it */
    unsigned tensor_parallel;           /* GPUs of each; 0: one */
    const char *partition, *constraint; /* NULL: the default, none */
    const char *log_dir;
    const char *program, *home;
    const char *database, *hub, *tasks, *token_path; /* NULL: not given */
    const char *device, *dtype, *stream_data;
    unsigned idle_s, lease_s;
};

/* The batch script of the array. ERR_USAGE for what must not stand in one. */
MUST_CHECK bool slurm_script(const struct slurm_plan *plan, struct strbuf *out, struct err *err);

/* How many pullers `squeue -h -r -o '%i %T'` lists that are there or will be. What it does not say
 * in that form is an error: half an answer would start a second fleet. */
MUST_CHECK bool slurm_count(const char *text, size_t n, unsigned *count, struct err *err);

/* "Name=... ActiveFeatures=a,b ..." of scontrol: the memory that a feature gpu_mem_<N>g names, in
 * MiB; 0 where none does. */
unsigned slurm_feature_mb(const char *node);

/* Of a worker that Slurm has started: what it was given, where nothing was said otherwise. */
MUST_CHECK bool slurm_fill(struct worker_options *o, struct err *err);

/* Submits what is missing. ERR_BUSY where another is doing so. */
MUST_CHECK bool slurm_scale(const struct args *args, struct err *err);

#endif

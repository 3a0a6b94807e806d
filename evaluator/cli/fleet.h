/* assay worker --gpus: a worker process for each GPU, or for so many that share a model, and one
 * that waits for them.
 *
 * Each worker is the program again with the same options and a device of its own, so that a crash,
 * a lost device or a job that hangs is one worker's. SIGTERM and SIGINT go on to all of them; they
 * die with the one that waits. */
#ifndef ASSAY_CLI_FLEET_H
#define ASSAY_CLI_FLEET_H

#include <stdatomic.h>

#include "evaluator/cli/args.h"

struct fleet {
    unsigned gpus[64]; /* CUDA's numbers: of each worker its first */
    unsigned n;
};

/* "all", or numbers with commas, each once and each of a GPU that is here. */
MUST_CHECK bool fleet_parse(const char *text, struct fleet *fleet, struct err *err);

/* So many GPUs a worker, whose numbers follow each other: what a worker has of --tensor-parallel. 0
 * and 1: one. */
MUST_CHECK bool fleet_group(struct fleet *fleet, unsigned each, struct err *err);

/* The words of the worker of GPU i, ended by NULL: what was given, but --gpus, with its device, and
 * its share of the processors where no --threads was given. The caller frees each and the list. */
char **fleet_argv(const struct fleet *fleet, unsigned i, const struct args *args);

/* Starts them and waits until all have ended. ERR_NODE where one says that its machine is sick,
 * ERR_BUSY where none had a job. */
MUST_CHECK bool fleet_run(
    const struct fleet *fleet, const struct args *args, const atomic_bool *stop, struct err *err);

#endif

/* What a job's process may still read once it has shut itself in: the model and the system's own
 * files, nothing of anybody's home. Private to the worker room. */
#ifndef ASSAY_WORKER_DOORS_H
#define ASSAY_WORKER_DOORS_H

#include "evaluator/worker/sandbox.h"

/* Confines reads to what `model` (a folder or a file) is made of, where its links lead, and what
 * else there is of the extras (NULL: none). */
enum { DOORS_EXTRAS = 3 };
MUST_CHECK bool doors_close(const char *model, const char *const extras[DOORS_EXTRAS],
    struct sandbox_report *report, struct err *err);

/* What is left to who asks a remote model: the system's own files, what names and certificates are
 * looked up in, and `extra` (NULL: nothing). */
MUST_CHECK bool doors_close_remote(
    const char *extra, struct sandbox_report *report, struct err *err);

/* Confines reads to these files and folders (NULL-terminated) and to where links in them lead: what
 * a task's process may read once it is known where its data lies. */
MUST_CHECK bool doors_close_but(
    const char *const *paths, struct sandbox_report *report, struct err *err);

/* The files by which NVIDIA's driver is spoken to, ended by NULL: a job on a GPU opens them for
 * writing. The list lives as long as the arena. */
struct arena;
const char *const *doors_gpu_devices(struct arena *arena);

#endif

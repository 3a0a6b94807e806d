/* Where the memos of a model (eval/memo.h) lie on this disk, and the side that writes them.
 *
 * A job's process reads what strangers made and writes nothing: it opens the two files of its model
 * for reading before it closes its doors, and hands its parent what is to be added. Files are named
 * by the model's identity, so that whatever a model makes of a job's process, it spoils its own
 * answers only. Private to the worker room. */
#ifndef ASSAY_WORKER_STORE_H
#define ASSAY_WORKER_STORE_H

#include "evaluator/eval/memo.h"

/* Vectors are a cache under a ceiling, kept across evaluations; answers (log-likelihoods) lie there
 * until the evaluation that made them is through, for --resume. */
enum store_kind { STORE_VECTORS, STORE_ANSWERS, STORE_N };

/* A hash of the program, of the model's files by name, size, time and place (not of their bytes:
 * that would cost as much as reading the model), and of another file that changes how it is run
 * (NULL: none). */
MUST_CHECK bool model_identity(
    const char *path, const char *extra, char identity[65], struct err *err);

/* The store's file; its folder is made. The caller frees. */
MUST_CHECK char *store_path(enum store_kind kind, const char *identity, struct err *err);

struct stores {
    struct memo_writer writers[STORE_N];
    bool open[STORE_N];
    bool found[STORE_N]; /* something was in it before */
    char *paths[STORE_N];
};

/* A store that cannot be written is said so in the log and left out: an evaluation works without.
 */
void stores_open(struct stores *s, const char *identity, bool with_vectors);
void stores_add(struct stores *s, enum store_kind kind, const void *records, size_t n);
/* `through`: the evaluation is, and its answers aren't needed any more, unless another process adds
 * to the same file. */
void stores_close(struct stores *s, bool through);

#endif

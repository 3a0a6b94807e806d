/* From results to the database without the queue: what `assay eval` does with what it measured. */
#ifndef ASSAY_CLI_REPORT_H
#define ASSAY_CLI_REPORT_H

#include "base/json.h"
#include "evaluator/cli/args.h"

struct run_store;
MUST_CHECK struct run_store *report_store_open(
    const char *database, const struct args *args, struct err *err);
void report_store_close(struct run_store *store); /* NULL is fine */
MUST_CHECK bool report_store(struct run_store *store, const char *model, const json_t *result,
    const char *samples, size_t n, struct err *err);
/* The same for another purpose than "eval" and for a configuration that is given ({"shots",
 * "limit", "profile", "seed"?, "precision"?}) in place of the command line's; *run is its number.
 */
struct report_as {
    const char *purpose;
    const json_t *config;
};
MUST_CHECK bool report_store_as(struct run_store *store, const struct report_as *as,
    const char *model, const json_t *result, const char *samples, size_t n, long long *run,
    struct err *err);

/* Samples to the database: JSON lines into chunks of a new set, *set is its number; `index` gets
 * what a record says of them. Without lines there is no set. */
struct db;
MUST_CHECK bool report_samples(
    struct db *db, const char *text, size_t n, long long *set, json_t *index, struct err *err);

/* A model as a submission names it: {"name", "kind", "requested", "commit", "licence", ...}; the
 * caller owns it. A folder or file gets a name of its own and the hash of its content as its
 * commit, which is read anew where `commit` is NULL. */
MUST_CHECK json_t *submission_model(
    const char *hub, const char *model, const char *commit, struct err *err);

/* A task as a submission names it, from its description. `config` gets what the file says of shots
 * and limit. */
struct task;
MUST_CHECK json_t *submission_task(const struct task *task, const json_t *wanted);

#endif

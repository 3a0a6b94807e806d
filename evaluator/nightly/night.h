/* What the parts of a night share. Private to the room. */
#ifndef ASSAY_NIGHTLY_NIGHT_H
#define ASSAY_NIGHTLY_NIGHT_H

#include "db/db.h"
#include "evaluator/nightly/nightly.h"
#include "evaluator/nightly/patience.h"

struct night {
    const struct night_options *o;
    struct db *db;
    long long id;
    char started_at[64]; /* by the database's clock, as it prints it */
    json_t *report;
    json_t *jobs; /* numbers of those that this night has to see through */
    struct patience hub;
};

double night_now(void); /* seconds, monotonic */
/* Sleeps; false when asked to stop. */
bool night_rest(const struct night *n, double s);
void night_log(const struct night *n, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Adds to a list of the report, "models.moved" being two levels. Of a list that grows beyond
 * NIGHT_LIST_MAX the rest is counted: "more": {"moved": n}. */
#define NIGHT_LIST_MAX 400
void night_note(struct night *n, const char *section, const char *list, json_t *entry);
void night_count(struct night *n, const char *section, const char *key, long long by);
/* What a stranger or a process said, as a string of JSON, however long or odd it is. */
json_t *night_words(const char *text);
/* The lock is still ours: a connection that was made anew has lost it. */
MUST_CHECK bool night_hold(struct night *n, struct err *err);

/* Phases, in their order. */
MUST_CHECK bool night_canaries(struct night *n, struct err *err);
MUST_CHECK bool night_check(struct night *n, struct err *err);
MUST_CHECK bool night_work(struct night *n, struct err *err);
MUST_CHECK bool night_steps(struct night *n, struct err *err);
MUST_CHECK bool night_publish(struct night *n, struct err *err);
/* The end of a night that could not go on: what it had found by then, and why. */
void night_stopped(struct night *n, const struct err *why);

/* Hub errors: waits, if there is time left for it, and says whether to try again. */
bool night_hub_again(struct night *n, const struct err *err);
void night_hub_answered(struct night *n);

#endif

/* How long a hub that is away is waited for, and how often it is tried: each wait is twice the one
 * before it, up to PATIENCE_REST_MAX_S, and all waits of a night together are `all_s` at most. No
 * clock in it: `now` is handed in, in seconds. Private to the room. */
#ifndef ASSAY_NIGHTLY_PATIENCE_H
#define ASSAY_NIGHTLY_PATIENCE_H

#include <stdbool.h>

#define PATIENCE_REST_MAX_S 300.0

struct patience {
    double all_s, first_s;   /* the bound, the first wait */
    double waited_s, told_s; /* all in all; until when that was counted */
    unsigned tries;          /* since it went away */
    bool away;
};

/* It did not answer. How long to rest before it is tried again; below 0: it was waited for long
 * enough. */
double patience_rest(struct patience *p, double now);
/* It answered. True if it had been away. */
bool patience_end(struct patience *p, double now);
bool patience_spent(const struct patience *p); /* away, and not waited for any more */

#endif

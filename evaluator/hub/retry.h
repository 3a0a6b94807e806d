/* How long a server is to be left alone: what its headers ask for, and what we wait where they say
 * nothing. All of it is from outside, so all of it has bounds. Of the hub room; remote/
 * asks endpoints by it, too. */
#ifndef ASSAY_HUB_RETRY_H
#define ASSAY_HUB_RETRY_H

#include <stdint.h>
#include <time.h>

#include "base/err.h"

enum {
    RETRY_ASKED_MAX_S = 24 * 3600, /* what a header can ask for */
    RETRY_PATIENCE_S = 300,        /* what we wait for in one place: a window of the hub's limits */
};

/* "Retry-After: 120" or an HTTP date: seconds from `now`, at most RETRY_ASKED_MAX_S; -1 for what is
 * neither. A date that has passed is 0. */
long retry_after_parse(const char *text, time_t now);

/* "RateLimit: "api";r=0;t=55": the seconds until there is something left; -1 where there is, or
 * where it can't be read. */
long retry_limit_parse(const char *text);

/* "bytes FROM-TO/SIZE", digits only. */
bool content_range_parse(const char *text, uint64_t *from, uint64_t *to, uint64_t *size);

/* The wait before try `attempt` (from 0) when nobody said how long: anything up to first_ms *
 * 4^attempt, so that those who failed together don't come back together. */
int64_t retry_backoff_ms(unsigned first_ms, int attempt);

/* What was asked for, and up to a quarter more of it. */
int64_t retry_asked_ms(long asked_s);

int64_t wall_ms(void); /* of the wall */
void rest_ms(int64_t ms);

/* The circuit breaker: until when a host is left alone, by every process that shares this cache.
 * It is a note on disk and no lock; where it can't be read or written, there is none. */
int64_t breaker_left_ms(const char *url);
void breaker_open(const char *url, int64_t ms);

#endif

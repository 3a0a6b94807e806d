/* Token buckets, in memory: so many a minute of one key, up to as many at once.
 *
 * The table has a fixed size. A key that finds its places taken moves in where nobody came for
 * longest, and where most of what was taken has come back. Keys are hashed under a secret, so that
 * nobody can choose whose place he shares. */
#ifndef ASSAY_SERVE_LIMIT_H
#define ASSAY_SERVE_LIMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define LIMIT_SETS 4096
#define LIMIT_WAYS 4

struct bucket {
    uint64_t key; /* 0: free */
    int64_t at_ms;
    double left;
};
struct limits {
    pthread_mutex_t lock;
    char secret[33];
    struct bucket buckets[LIMIT_SETS][LIMIT_WAYS];
};

struct limits *limits_new(void);
void limits_free(struct limits *limits); /* NULL is fine */
/* Takes one of `kind` ("user", "org", ...) and key; false: none is left, and *wait_s says for how
 * many seconds. per_minute 0: always true. */
bool limit_take(struct limits *limits, const char *kind, const char *key, unsigned per_minute,
    int64_t now_ms, unsigned *wait_s);

#endif

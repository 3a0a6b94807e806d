#include "evaluator/serve/limit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/serve/sign.h"

struct limits *limits_new(void) {
    struct limits *l = xcalloc(1, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    random_hex(l->secret, 16);
    return l;
}

void limits_free(struct limits *l) {
    if (l) {
        pthread_mutex_destroy(&l->lock);
        free(l);
    }
}

static uint64_t key_of(const struct limits *l, const char *kind, const char *key) {
    char hex[65];
    sign_for(l->secret, kind, key, hex);
    hex[16] = 0;
    uint64_t k = strtoull(hex, NULL, 16);
    return k ? k : 1;
}

static double filled(const struct bucket *b, unsigned per_minute, int64_t now_ms) {
    double left = b->left + (double)(now_ms - b->at_ms) * per_minute / 60000.0;
    return left < per_minute ? left : per_minute;
}

/* The key's own bucket, a free one, or that which was used longest ago. */
static struct bucket *find(struct limits *l, uint64_t key, unsigned per_minute, int64_t now_ms) {
    struct bucket *set = l->buckets[key % LIMIT_SETS], *best = set;
    for (int i = 0; i < LIMIT_WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
        if (!set[i].key || (best->key && set[i].at_ms < best->at_ms)) {
            best = &set[i];
        }
    }
    *best = (struct bucket) { .key = key, .at_ms = now_ms, .left = per_minute };
    return best;
}

bool limit_take(struct limits *l, const char *kind, const char *key, unsigned per_minute,
    int64_t now_ms, unsigned *wait_s) {
    if (per_minute == 0) {
        return true;
    }
    uint64_t k = key_of(l, kind, key);
    pthread_mutex_lock(&l->lock);
    struct bucket *b = find(l, k, per_minute, now_ms);
    b->left = filled(b, per_minute, now_ms);
    b->at_ms = now_ms;
    bool taken = b->left >= 1;
    if (taken) {
        b->left -= 1;
    } else {
        *wait_s = (unsigned)ceil((1 - b->left) * 60.0 / per_minute);
    }
    pthread_mutex_unlock(&l->lock);
    return taken;
}

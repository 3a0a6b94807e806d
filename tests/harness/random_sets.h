/* Random sets of requests, each made from its number alone: few or many, short or long, strangers
 * or kin, of one kind of token or of all. */
#ifndef ASSAY_TESTS_RANDOM_SETS_H
#define ASSAY_TESTS_RANDOM_SETS_H

#include "base/mem.h"
#include "harness/harness.h"
#include "tiny_models.h"

enum { REQUESTS = 30, CHOICES = 5 };

/* What a set is like. */
struct taste {
    uint32_t alphabet, longest; /* kinds of tokens, tokens of a context */
    uint32_t kin;               /* in quarters: how many continue an earlier request */
    uint32_t rolling;           /* one in so many; 0: none */
};

struct set {
    uint64_t random; /* goes on with whatever else the set needs */
    struct arena arena;
    struct taste taste;
    size_t n; /* requests */
    struct context {
        const int32_t *ids;
        uint32_t n;
    } contexts[REQUESTS];
    uint32_t depth; /* tokens of the longest sequence that is fed */
    struct score_request requests[REQUESTS];
    struct score_choice choices[REQUESTS][CHOICES];
};

/* Chooses the taste and how many requests there are; the caller releases the arena. */
void set_begin(struct set *s, uint32_t number, const struct model_info *info);
/* The context of request i; those before it have theirs. */
struct context set_context(struct set *s, size_t i, uint32_t n);
/* A sequence of n tokens is going to be fed. */
void set_depth(struct set *s, uint32_t n);
/* Requests to be scored, with their contexts. */
void set_requests(struct set *s, const struct model_info *info);

static inline uint32_t random_below(uint64_t *random, uint32_t n) {
    return tiny_random(random) % n;
}

static inline bool random_one_in(uint64_t *random, uint32_t n) {
    return random_below(random, n) == 0;
}

#endif

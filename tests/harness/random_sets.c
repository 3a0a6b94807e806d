/* See random_sets.h. */
#include "random_sets.h"

#include <string.h>

static struct taste taste_of(uint64_t *random, const struct model_info *info) {
    const uint32_t alphabets[] = { 1, 2, 3, 5, info->n_vocab };
    const uint32_t lengths[] = { 3, 8, 8, 16, 16, 30, 30, info->max_length + 2 };
    return (struct taste) {
        .alphabet = alphabets[random_below(random, 5)],
        .longest = lengths[random_below(random, 8)],
        .kin = random_below(random, 5),
        .rolling = random_one_in(random, 4) ? 1 + random_below(random, 3) : 0,
    };
}

/* How many requests: often few, sometimes all there may be, and not many long ones. */
static size_t count_of(uint64_t *random, const struct taste *t) {
    static const uint32_t most[] = { 1, 2, 3, 5, 8, 12, 20, REQUESTS };
    uint32_t n = most[random_below(random, sizeof most / sizeof *most)];
    return 1 + random_below(random, t->longest > 60 && n > 4 ? 4 : n);
}

static void tokens_fill(struct set *s, int32_t *ids, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        ids[i] = (int32_t)random_below(&s->random, s->taste.alphabet);
}

void set_begin(struct set *s, uint32_t number, const struct model_info *info) {
    *s = (struct set) { .random = (uint64_t)number << 20 };
    s->taste = taste_of(&s->random, info);
    s->n = count_of(&s->random, &s->taste);
}

/* New tokens, or a beginning of an earlier request's context (perhaps all of it) and then new ones.
 */
struct context set_context(struct set *s, size_t i, uint32_t n) {
    int32_t *ids = arena_alloc(&s->arena, (n + 1) * sizeof *ids);
    uint32_t common = 0;
    if (i > 0 && random_below(&s->random, 4) < s->taste.kin) {
        const struct context *other = &s->contexts[random_below(&s->random, (uint32_t)i)];
        common = other->n < n ? other->n : n;
        common -= random_one_in(&s->random, 2) ? random_below(&s->random, common + 1) : 0;
        if (common > 0)
            memcpy(ids, other->ids, common * sizeof *ids);
    }
    tokens_fill(s, ids + common, n - common);
    return s->contexts[i] = (struct context) { .ids = ids, .n = n };
}

void set_depth(struct set *s, uint32_t n) {
    s->depth = n > s->depth ? n : s->depth;
}

/* Of its own, or the choice before it and more. */
static void choice_make(struct set *s, struct score_choice *choices, size_t c, uint32_t most) {
    uint32_t n = 1 + random_below(&s->random, 4), common = 0;
    if (c > 0 && random_one_in(&s->random, 3))
        common = (uint32_t)choices[c - 1].n_ids;
    n = common + n < most ? common + n : most;
    common = common < n ? common : n;
    int32_t *ids = arena_alloc(&s->arena, n * sizeof *ids);
    if (common > 0)
        memcpy(ids, choices[c - 1].ids, common * sizeof *ids);
    tokens_fill(s, ids + common, n - common);
    choices[c] = (struct score_choice) { .ids = ids, .n_ids = n };
}

/* The last token is predicted, never fed. */
static uint32_t fed(size_t n_tokens, const struct model_info *info) {
    return n_tokens <= info->max_length ? (uint32_t)n_tokens - 1 : info->max_length;
}

static void rolling_make(struct set *s, size_t i, const struct model_info *info) {
    uint32_t n = 1 + random_below(&s->random, 2 * s->taste.longest);
    int32_t *ids = arena_alloc(&s->arena, n * sizeof *ids);
    tokens_fill(s, ids, n);
    s->choices[i][0] = (struct score_choice) { .ids = ids, .n_ids = n };
    s->requests[i] =
        (struct score_request) { .rolling = true, .choices = s->choices[i], .n_choices = 1 };
    set_depth(s, fed(n, info));
}

static void choices_make(struct set *s, size_t i, const struct model_info *info) {
    const struct context context =
        set_context(s, i, random_below(&s->random, s->taste.longest + 1));
    struct score_request *r = &s->requests[i];
    *r = (struct score_request) { .context_ids = context.ids,
        .n_context_ids = context.n,
        .choices = s->choices[i],
        .n_choices = 1 + random_below(&s->random, CHOICES) };
    for (size_t c = 0; c < r->n_choices; c++) {
        choice_make(s, r->choices, c, info->max_length);
        set_depth(s, fed((context.n ? context.n : 1) + r->choices[c].n_ids, info));
    }
}

void set_requests(struct set *s, const struct model_info *info) {
    for (size_t i = 0; i < s->n; i++) {
        if (s->taste.rolling && random_one_in(&s->random, s->taste.rolling))
            rolling_make(s, i, info);
        else
            choices_make(s, i, info);
    }
}

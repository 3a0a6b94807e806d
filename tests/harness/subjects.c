/* See subjects.h. */
#include "subjects.h"

#include <string.h>

#include "base/mem.h"
#include "harness/cpu/kernels.h"

enum { TRUNKS = 3, MADE = 24, SHORT = 24 };

void answer_release(struct answer *a) {
    free(a->numbers);
    *a = (struct answer) { 0 };
}

static void answer_add(struct answer *a, double number) {
    mem_grow(&a->numbers, &a->capacity, a->n + 1, sizeof *a->numbers);
    a->numbers[a->n++] = number;
}

/* ---- token sequences ---- */

/* A number that depends on its three arguments only (splitmix64). */
static uint32_t mix(uint32_t a, uint32_t b, uint32_t c) {
    uint64_t z = ((uint64_t)a << 40 ^ (uint64_t)b << 20 ^ c) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* One more and one less than: a micro-kernel's rows (6, 12), a block of oneDNN's (64) and of ours
 * (96), a block of keys, two of them. */
static const uint16_t borders[] = { 1, 2, 5, 6, 7, 11, 12, 13, 63, 64, 65, 95, 96, 97,
    KEY_BLOCK - 1, KEY_BLOCK, KEY_BLOCK + 1, 2 * KEY_BLOCK - 1, 2 * KEY_BLOCK, 2 * KEY_BLOCK + 1 };
enum { N_BORDERS = sizeof borders / sizeof *borders };

/* Some requests are equal to the one before them. */
static uint32_t original(uint32_t number) {
    return number > N_BORDERS && number % 7 == 0 ? number - 1 : number;
}

static uint32_t length_of(uint32_t number, uint32_t longest) {
    uint32_t n = 1 + mix(number, 1, 0) % SHORT;
    if (number == 0)
        n = longest;
    else if (number <= N_BORDERS)
        n = borders[number - 1];
    return n < longest ? n : longest;
}

/* Tokens of a request: the beginning of one of a few trunks, then tokens of its own; a third are
 * trunk to the end, so that one is the beginning of another. */
static int32_t *tokens_make(
    struct arena *arena, uint32_t number, uint32_t n, const struct model_info *info) {
    uint32_t trunk = mix(number, 2, 0) % TRUNKS;
    uint32_t fork = number % 3 == 0 ? n : mix(number, 3, 0) % (n + 1);
    int32_t *ids = arena_alloc(arena, n * sizeof *ids);
    for (uint32_t p = 0; p < n; p++)
        ids[p] = (int32_t)(mix(p < fork ? 1000 + trunk : number, 4, p) % info->n_vocab);
    return ids;
}

/* ---- scores ---- */

enum { SCORES = 76, ROLLING = 6, FIRST_ROLLING = SCORES - ROLLING };

/* Lengths around one window and two; where the model takes long texts, short ones only. */
static uint32_t rolling_length(uint32_t i, uint32_t max_length) {
    const uint32_t lengths[ROLLING] = { 1, 2, 17, max_length + 1, max_length + 2,
        2 * max_length + 9 };
    return max_length < 3 * KEY_BLOCK ? lengths[i] : 1 + 30 * i;
}

static struct score_request rolling_make(
    struct arena *arena, uint32_t number, const struct model_info *info) {
    struct score_choice *text = arena_alloc(arena, sizeof *text);
    uint32_t n = rolling_length(number - FIRST_ROLLING, info->max_length);
    text->ids = tokens_make(arena, number, n, info);
    text->n_ids = n;
    return (struct score_request) { .rolling = true, .choices = text, .n_choices = 1 };
}

/* The first choice is one token: what is fed is as long as the context. Others begin alike or
 * continue each other. */
static struct score_request score_make(
    struct arena *arena, uint32_t number, const struct model_info *info) {
    if (number >= FIRST_ROLLING)
        return rolling_make(arena, number, info);
    number = original(number);
    uint32_t n = length_of(number, info->max_length), n_choices = 1 + mix(number, 5, 0) % 4;
    struct score_choice *choices = arena_alloc(arena, n_choices * sizeof *choices);
    for (uint32_t c = 0; c < n_choices; c++) {
        uint32_t n_ids = c == 0 ? 1 : 1 + mix(number, 6, c) % 7;
        int32_t *ids = arena_alloc(arena, n_ids * sizeof *ids);
        for (uint32_t p = 0; p < n_ids; p++)
            ids[p] = (int32_t)(mix(number, 7 + (p > 2 ? c : 0), p) % info->n_vocab);
        choices[c] = (struct score_choice) { .ids = ids, .n_ids = n_ids };
    }
    return (struct score_request) { .context_ids = tokens_make(arena, number, n, info),
        .n_context_ids = n,
        .choices = choices,
        .n_choices = n_choices };
}

static void score_answer(const struct score_request *r, struct answer *a) {
    answer_add(a, r->n_truncated);
    for (size_t c = 0; c < r->n_choices; c++) {
        answer_add(a, r->choices[c].loglikelihood);
        answer_add(a, r->choices[c].greedy);
        answer_add(a, r->choices[c].n_tokens);
    }
}

static bool scores_ask(struct model *m, const uint32_t *which, size_t n,
    const struct run_options *run, struct answer *answers, struct err *err) {
    struct arena arena = { 0 };
    struct score_request *requests = arena_alloc(&arena, n * sizeof *requests);
    for (size_t i = 0; i < n; i++)
        requests[i] = score_make(&arena, which[i], model_info(m));
    bool ok = model_score(m, &(struct score_options) { 0 }, requests, n, run, err);
    for (size_t i = 0; ok && i < n; i++) {
        ok = requests[i].err.class == ERR_NONE;
        if (ok)
            score_answer(&requests[i], &answers[i]);
        else
            *err = requests[i].err;
    }
    arena_release(&arena);
    return ok;
}

const struct subject subject_scores = { .name = "scores", .n = SCORES, .ask = scores_ask };

/* ---- texts ---- */

enum { TEXTS = 66, LONGEST_PROMPT = KEY_BLOCK + 20, LONGEST_REPLAYED = 48 };

/* One prompt begins before the border of a block of keys and is past it when it ends. A recurrence
 * has no such blocks, and goes over all of a text again for each token of it. */
static struct generate_request text_make(
    struct arena *arena, uint32_t number, const struct model *m) {
    static const char *const stop[] = { "q7", "x" };
    number = original(number);
    bool replayed = strcmp(model_info(m)->architecture, "mamba") == 0;
    uint32_t n = length_of(number, replayed ? LONGEST_REPLAYED : LONGEST_PROMPT);
    return (struct generate_request) { .prompt_ids = tokens_make(arena, number, n, model_info(m)),
        .n_prompt_ids = n,
        .stop = stop,
        .n_stop = number % 3 };
}

static void text_answer(const struct generate_request *r, struct answer *a) {
    answer_add(a, r->stopped);
    answer_add(a, (double)r->n_ids);
    for (size_t i = 0; i < r->n_ids; i++)
        answer_add(a, r->ids[i]);
    for (const char *c = r->text; c && *c; c++)
        answer_add(a, *c);
}

/* Two texts in five are the likeliest, the others are drawn: equal prompts (see `original`) fall
 * together and apart, and there are more drawn ones than little memory has slots for. */
static bool texts_ask_of(bool drawn, struct model *m, const uint32_t *which, size_t n,
    const struct run_options *run, struct answer *answers, struct err *err) {
    const struct generate_options options = { .max_tokens = MADE, .temperature = drawn, .seed = 4 };
    struct arena arena = { 0 };
    struct generate_request *requests = arena_alloc(&arena, n * sizeof *requests);
    size_t *at = arena_alloc(&arena, n * sizeof *at), n_asked = 0;
    for (size_t i = 0; i < n; i++)
        if ((which[i] % 5 >= 2) == drawn) {
            requests[n_asked] = text_make(&arena, which[i], m);
            at[n_asked++] = i;
        }
    bool ok = n_asked == 0 || model_generate(m, &options, requests, n_asked, run, err);
    for (size_t i = 0; i < n_asked; i++) {
        if (ok && requests[i].err.class != ERR_NONE)
            *err = requests[i].err;
        ok = ok && requests[i].err.class == ERR_NONE;
        if (ok)
            text_answer(&requests[i], &answers[at[i]]);
        free(requests[i].text);
        free(requests[i].ids);
    }
    arena_release(&arena);
    return ok;
}

static bool texts_ask(struct model *m, const uint32_t *which, size_t n,
    const struct run_options *run, struct answer *answers, struct err *err) {
    return texts_ask_of(false, m, which, n, run, answers, err) &&
           texts_ask_of(true, m, which, n, run, answers, err);
}

const struct subject subject_texts = { .name = "texts", .n = TEXTS, .ask = texts_ask };

/* ---- vectors ---- */

enum { VECTORS = 66, LONGEST_PASSAGE = KEY_BLOCK + 50 };

static struct embed_request vector_make(
    struct arena *arena, uint32_t number, const struct model_info *info) {
    number = original(number);
    uint32_t n = length_of(number, LONGEST_PASSAGE);
    return (struct embed_request) { .ids = tokens_make(arena, number, n, info), .n_ids = n };
}

static bool vectors_ask_by(enum pooling pooling, struct model *m, const uint32_t *which, size_t n,
    const struct run_options *run, struct answer *answers, struct err *err) {
    const struct embed_options options = { .pooling = pooling,
        .no_normalize = pooling == POOL_CLS };
    struct arena arena = { 0 };
    struct embed_request *requests = arena_alloc(&arena, n * sizeof *requests);
    uint32_t width = model_embed_width(m, &options, err);
    float *vectors = arena_alloc(&arena, n * width * sizeof *vectors);
    for (size_t i = 0; i < n; i++)
        requests[i] = vector_make(&arena, which[i], model_info(m));
    bool ok = width > 0 && model_embed(m, &options, requests, n, vectors, run, err);
    for (size_t i = 0; ok && i < n; i++) {
        ok = requests[i].err.class == ERR_NONE;
        if (!ok)
            *err = requests[i].err;
        for (uint32_t c = 0; ok && c < width; c++)
            answer_add(&answers[i], (double)vectors[i * width + c]);
    }
    arena_release(&arena);
    return ok;
}

/* Rows are pooled alike whatever made them: all ways are asked of one encoder, two of others. */
static bool vectors_ask(struct model *m, const uint32_t *which, size_t n,
    const struct run_options *run, struct answer *answers, struct err *err) {
    static const enum pooling poolings[] = { POOL_MEAN, POOL_LAST, POOL_CLS, POOL_MAX,
        POOL_MEAN_SQRT, POOL_WEIGHTED_MEAN };
    bool all = strcmp(model_info(m)->architecture, "bert") == 0;
    size_t n_poolings = all ? sizeof poolings / sizeof *poolings : 2;
    bool ok = true;
    for (size_t p = 0; ok && p < n_poolings; p++)
        ok = vectors_ask_by(poolings[p], m, which, n, run, answers, err);
    return ok;
}

const struct subject subject_vectors = { .name = "vectors", .n = VECTORS, .ask = vectors_ask };

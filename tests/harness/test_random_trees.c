/* Random request sets against the naive forward pass, equal to the bit: 10,000 sets to be scored, a
 * thousand to be generated from, a thousand to be embedded. Shape of the model, dtype, matrix
 * library and threads change every hundred sets; how much the requests have in common, how long
 * they are, how many rows a step has and how many slots there are change with every set.
 *
 * Everything follows from a set's number. ASSAY_SETS=4711 runs that set alone, ASSAY_SETS=4700-4711
 * what the model had done before, too. */
#include "weight_files.h"

#include <string.h>

#include "harness/cpu/kernels.h"
#include "harness/model/model.h"
#include "harness/model/pair.h"
#include "naive.h"
#include "random_sets.h"

enum { SETS_A_WORLD = 100 };

/* ---- worlds ---- */

/* Small, and awkward where it costs nothing. The last decoder's vocabulary is more than one chunk
 * of the head's product. */
static const struct tiny shapes[] = {
    { .kind = TINY_LLAMA,
        .layers = 2,
        .width = 8,
        .heads = 2,
        .kv_heads = 2,
        .head_dim = 4,
        .ffn = 9,
        .vocab = 11,
        .max_length = 2 * KEY_BLOCK },
    { .kind = TINY_LLAMA,
        .layers = 3,
        .width = 12,
        .heads = 4,
        .kv_heads = 2,
        .head_dim = 6,
        .ffn = 16,
        .vocab = 23,
        .max_length = 24 },
    { .kind = TINY_LLAMA,
        .layers = 2,
        .width = 10,
        .heads = 3,
        .kv_heads = 1,
        .head_dim = 10,
        .ffn = 7,
        .vocab = 11,
        .max_length = KEY_BLOCK + 40,
        .window = 37 },
    { .kind = TINY_LLAMA,
        .layers = 2,
        .width = 8,
        .heads = 2,
        .kv_heads = 1,
        .head_dim = 8,
        .ffn = 12,
        .vocab = 300,
        .max_length = 60,
        .window = 5,
        .attention_cap = 1.5,
        .logit_cap = 10 },
    { .kind = TINY_BERT,
        .layers = 2,
        .width = 8,
        .heads = 2,
        .kv_heads = 2,
        .head_dim = 4,
        .ffn = 9,
        .vocab = 11,
        .max_length = KEY_BLOCK + 40 },
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes, N_DECODERS = N_SHAPES - 1 };

/* What came up, so that a test that has become tame can't go on passing. */
struct tally {
    uint32_t sets, beyond_block, shared, many_steps, spilled;
    uint32_t cut, windows; /* requests */
};

/* Two models from one folder: the one that is tested, and the one that the naive pass runs on. */
struct world {
    struct model *tested, *naive;
    uint32_t n_rows; /* that the tested model's scratch holds */
    char name[96];
    struct tally tally;
};

static struct model *open_or_fail(const char *folder, const struct model_options *options) {
    struct err err = ERR_INIT;
    struct model_options o = *options;
    struct model *m = model_open(folder, &o, &err);
    if (!m && err.class == ERR_UNSUPPORTED) { /* built without oneDNN */
        o.gemm = "plain";
        m = model_open(folder, &o, &err);
    }
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static void world_open(struct world *w, const char *folder, uint32_t number, uint32_t n_shapes) {
    uint64_t random = 5000 + number;
    struct tiny t = shapes[number % n_shapes];
    const enum dtype dtypes[] = { DTYPE_F32, DTYPE_F32, DTYPE_BF16, DTYPE_BF16, DTYPE_INT8 };
    struct model_options o = { .dtype = dtypes[random_below(&random, 5)],
        .device = "cpu",
        .threads = 1,
        .gemm = random_one_in(&random, 4) ? "dnnl" : "plain",
        .arch_file = tiny_arch(&t) };
    tiny_fill(&t, number);
    tiny_write(&t, folder);
    tiny_release(&t);
    w->naive = open_or_fail(folder, &o);
    o.threads = random_one_in(&random, 20) ? 2 + random_below(&random, 2) : 1;
    w->tested = open_or_fail(folder, &o);
    w->n_rows = w->tested->net.n_rows;
    snprintf(w->name, sizeof w->name, "shape %u, %s, %s, %u threads", number % n_shapes,
        dtype_name(o.dtype), o.gemm, o.threads);
}

static void world_close(struct world *w) {
    if (!w->tested)
        return;
    w->tested->net.n_rows = w->n_rows;
    model_close(w->tested);
    model_close(w->naive);
    w->tested = w->naive = NULL;
}

/* ---- memory, and what came up ---- */

/* Little memory or much: how many rows a step may have, and how many slots there are beside those
 * that the deepest sequence needs. */
static void memory_choose(struct world *w, uint64_t *random, uint32_t least_rows, uint32_t slots) {
    static const uint32_t ranges[] = { 1, 6, 20, 20, 60, 200 };
    uint32_t rows = least_rows + random_below(random, ranges[random_below(random, 6)]);
    w->tested->net.n_rows = rows < w->n_rows ? rows : w->n_rows;
    w->tested->max_slots = slots + random_below(random, ranges[random_below(random, 6)]);
}

static void tally_add(
    struct tally *t, const struct world *w, const struct set *s, const struct run_stats *stats) {
    t->sets++;
    t->beyond_block += s->depth > KEY_BLOCK;
    t->shared += stats->tokens_computed < stats->tokens_asked;
    t->spilled += stats->tokens_computed > stats->tokens_asked;
    t->many_steps += stats->tokens_computed > 3 * (uint64_t)w->tested->net.n_rows;
}

/* ---- which sets ---- */

typedef void set_fn(struct world *w, uint32_t number);

/* False where all are. */
static bool sets_choose(uint32_t *from, uint32_t *to) {
    const char *said = getenv("ASSAY_SETS");
    if (!said || !*said)
        return false;
    char *end;
    *from = (uint32_t)strtoul(said, &end, 10);
    *to = (*end == '-' ? (uint32_t)strtoul(end + 1, NULL, 10) : *from) + 1;
    return true;
}

/* Every kind of trouble has come up at least as often as `least` says. */
static void tally_check(const struct tally *t, const struct tally *least) {
    print_message("%u sets: %u go beyond a block of keys, %u share, %u take many steps, %u spill; "
                  "%u requests are cut, %u have several windows\n",
        t->sets, t->beyond_block, t->shared, t->many_steps, t->spilled, t->cut, t->windows);
    assert_true(t->beyond_block >= least->beyond_block && t->shared >= least->shared);
    assert_true(t->many_steps >= least->many_steps && t->cut >= least->cut);
    assert_true(t->windows >= least->windows && t->spilled >= least->spilled);
}

static void sets_run(const char *folder, uint32_t n_shapes, set_fn *check, struct tally least) {
    struct world w = { 0 };
    uint32_t from = 0, to = least.sets;
    bool chosen = sets_choose(&from, &to);
    for (uint32_t i = from; i < to; i++) {
        if (i == from || i % SETS_A_WORLD == 0) {
            world_close(&w);
            world_open(&w, folder, i / SETS_A_WORLD, n_shapes);
        }
        check(&w, i);
    }
    world_close(&w);
    if (!chosen)
        tally_check(&w.tally, &least);
}

/* ---- scores ---- */

struct sum {
    double loglikelihood;
    bool greedy;
};

/* Adds up what is read of ids[first_read + 1 .. n]: tokens [0, n) are fed. */
static void naive_add(
    struct net *net, const int32_t *ids, uint32_t n, uint32_t first_read, struct sum *sum) {
    if (n == 0)
        return;
    const struct rows run = naive_run(net, ids, n);
    for (uint32_t row = first_read; row < n; row++) {
        const struct target t = naive_read(net, run, row, ids[row + 1]);
        sum->loglikelihood += t.logprob;
        sum->greedy = sum->greedy && t.best;
    }
}

static struct sum naive_choice(
    struct model *m, const struct score_request *r, const struct score_choice *c) {
    struct sum sum = { .greedy = true };
    const uint32_t max_length = m->info.max_length;
    size_t n_context = r->n_context_ids ? r->n_context_ids : 1, n = n_context + c->n_ids;
    int32_t *ids = xcalloc(n, sizeof *ids);
    if (r->n_context_ids)
        memcpy(ids, r->context_ids, n_context * sizeof *ids);
    else
        ids[0] = m->prefix_token;
    memcpy(ids + n_context, c->ids, c->n_ids * sizeof *ids);
    size_t cut = n > max_length + 1 ? n - max_length - 1 : 0;
    naive_add(&m->net, ids + cut, (uint32_t)(n - cut - 1), (uint32_t)(n_context - cut - 1), &sum);
    free(ids);
    return sum;
}

static struct sum naive_rolling(struct model *m, const struct score_choice *c) {
    struct sum sum = { .greedy = true };
    struct pair_window w;
    for (uint32_t i = 0; pair_window((uint32_t)c->n_ids, m->info.max_length, i, &w); i++)
        naive_add(&m->net, c->ids + w.from, w.to - w.from, w.first_read, &sum);
    return sum;
}

static void choice_check(
    struct world *w, uint32_t number, const struct set *s, size_t i, size_t c) {
    const struct score_request *r = &s->requests[i];
    const struct score_choice *got = &r->choices[c];
    const struct sum want =
        r->rolling ? naive_rolling(w->naive, got) : naive_choice(w->naive, r, got);
    if (memcmp(&got->loglikelihood, &want.loglikelihood, sizeof(double)) != 0 ||
        got->greedy != want.greedy)
        fail_msg(
            "set %u (%s), request %zu, choice %zu: %.17g%s, naively %.17g%s; run it alone with "
            "ASSAY_SETS=%u",
            number, w->name, i, c, got->loglikelihood, got->greedy ? ", best" : "",
            want.loglikelihood, want.greedy ? ", best" : "", number);
}

static void set_score(struct world *w, uint32_t number) {
    struct set s;
    struct err err = ERR_INIT;
    set_begin(&s, number, model_info(w->tested));
    set_requests(&s, model_info(w->tested));
    memory_choose(w, &s.random, 1, s.depth + 1);
    struct run_stats stats = { 0 };
    const struct run_options run = { .no_prefix_sharing = random_one_in(&s.random, 5),
        .stats = &stats };
    if (!model_score(w->tested, &(struct score_options) { 0 }, s.requests, s.n, &run, &err))
        fail_msg("set %u (%s): %s", number, w->name, err.msg);
    for (size_t i = 0; i < s.n; i++) {
        if (s.requests[i].err.class != ERR_NONE)
            fail_msg("set %u (%s), request %zu: %s", number, w->name, i, s.requests[i].err.msg);
        w->tally.cut += s.requests[i].n_truncated > 0;
        w->tally.windows += s.requests[i].rolling &&
                            s.requests[i].choices[0].n_ids > w->tested->info.max_length + 1;
        for (size_t c = 0; c < s.requests[i].n_choices; c++)
            choice_check(w, number, &s, i, c);
    }
    tally_add(&w->tally, w, &s, &stats);
    arena_release(&s.arena);
}

static void ten_thousand_random_sets_score_as_the_naive_pass(void **state) {
    sets_run(*state, N_DECODERS, set_score,
        (struct tally) { .sets = 10000,
            .beyond_block = 200,
            .shared = 3000,
            .many_steps = 1000,
            .cut = 100,
            .windows = 100 });
}

/* ---- texts ---- */

enum { SLOTS_KEPT = 8 }; /* that generation wants beside its longest prompts and text */

static void text_check(struct world *w, uint32_t number, size_t i, const struct generate_request *r,
    uint32_t max_tokens) {
    struct net *net = &w->naive->net;
    uint32_t most = w->naive->info.max_length - max_tokens;
    size_t cut = r->n_prompt_ids > most ? r->n_prompt_ids - most : 0, n = r->n_prompt_ids - cut;
    int32_t *ids = xcalloc(n + max_tokens + 1, sizeof *ids);
    memcpy(ids, r->prompt_ids + cut, n * sizeof *ids);
    for (size_t k = 0; k < max_tokens; k++) {
        int32_t got = k < r->n_ids ? r->ids[k] : net->spec.eos[0];
        ids[n + k] = naive_best(net, ids, (uint32_t)(n + k));
        if (got != ids[n + k])
            fail_msg("set %u (%s), prompt %zu, token %zu: %d, naively %d; run it alone with "
                     "ASSAY_SETS=%u",
                number, w->name, i, k, got, ids[n + k], number);
        if (k >= r->n_ids)
            break;
    }
    free(ids);
}

static void set_generate(struct world *w, uint32_t number) {
    struct set s;
    struct err err = ERR_INIT;
    struct generate_request requests[REQUESTS] = { 0 };
    set_begin(&s, number, model_info(w->tested));
    const struct generate_options options = { .max_tokens = 1 + random_below(&s.random, 12) };
    const uint32_t most = w->tested->info.max_length - options.max_tokens;
    for (size_t i = 0; i < s.n; i++) {
        const struct context prompt =
            set_context(&s, i, 1 + random_below(&s.random, s.taste.longest));
        requests[i] =
            (struct generate_request) { .prompt_ids = prompt.ids, .n_prompt_ids = prompt.n };
        set_depth(&s, prompt.n < most ? prompt.n : most);
    }
    memory_choose(w, &s.random, 1, 2 * s.depth + options.max_tokens + SLOTS_KEPT);
    struct run_stats stats = { 0 };
    const struct run_options run = { .no_prefix_sharing = random_one_in(&s.random, 5),
        .stats = &stats };
    if (!model_generate(w->tested, &options, requests, s.n, &run, &err))
        fail_msg("set %u (%s): %s", number, w->name, err.msg);
    for (size_t i = 0; i < s.n; i++) {
        assert_int_equal(requests[i].err.class, ERR_NONE);
        text_check(w, number, i, &requests[i], options.max_tokens);
        free(requests[i].text);
        free(requests[i].ids);
    }
    tally_add(&w->tally, w, &s, &stats);
    arena_release(&s.arena);
}

static void random_prompts_go_on_as_the_naive_pass(void **state) {
    sets_run(*state, N_DECODERS, set_generate,
        (struct tally) {
            .sets = 1000, .beyond_block = 20, .shared = 200, .many_steps = 100, .spilled = 20 });
}

/* ---- vectors ---- */

static void vector_check(struct world *w, uint32_t number, const struct context *passage,
    enum pooling pooling, const float *got) {
    const size_t bytes = w->naive->info.width * sizeof(float);
    float *want = xmalloc(bytes);
    naive_vector(&w->naive->net, passage->ids, passage->n, pooling, want);
    if (memcmp(want, got, bytes) != 0)
        fail_msg(
            "set %u (%s): the vector of %u tokens is not what it is naively; run it alone with "
            "ASSAY_SETS=%u",
            number, w->name, passage->n, number);
    free(want);
}

static void set_embed(struct world *w, uint32_t number) {
    struct set s;
    struct err err = ERR_INIT;
    struct embed_request requests[REQUESTS] = { 0 };
    const struct model_info *info = model_info(w->tested);
    set_begin(&s, number, info);
    const struct embed_options options = {
        .pooling = (enum pooling)(POOL_MEAN + random_below(&s.random, POOL_WEIGHTED_MEAN))
    };
    float *vectors = arena_alloc(&s.arena, s.n * info->width * sizeof *vectors);
    for (size_t i = 0; i < s.n; i++) {
        uint32_t n = 1 + random_below(&s.random, s.taste.longest);
        const struct context passage =
            set_context(&s, i, n < info->max_length ? n : info->max_length);
        requests[i] = (struct embed_request) { .ids = passage.ids, .n_ids = passage.n };
        set_depth(&s, passage.n);
    }
    memory_choose(w, &s.random, s.depth, 1);
    struct run_stats stats = { 0 };
    const struct run_options run = { .no_prefix_sharing = random_one_in(&s.random, 5),
        .stats = &stats };
    if (!model_embed(w->tested, &options, requests, s.n, vectors, &run, &err))
        fail_msg("set %u (%s): %s", number, w->name, err.msg);
    for (size_t i = 0; i < s.n; i++) {
        assert_int_equal(requests[i].err.class, ERR_NONE);
        vector_check(w, number, &s.contexts[i], options.pooling, vectors + i * info->width);
    }
    tally_add(&w->tally, w, &s, &stats);
    arena_release(&s.arena);
}

static void random_passages_give_the_vectors_of_the_naive_pass(void **state) {
    sets_run(*state, N_SHAPES, set_embed,
        (struct tally) { .sets = 1000, .beyond_block = 20, .shared = 100, .many_steps = 50 });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(ten_thousand_random_sets_score_as_the_naive_pass),
        WITH_SCRATCH(random_prompts_go_on_as_the_naive_pass),
        WITH_SCRATCH(random_passages_give_the_vectors_of_the_naive_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whole models through the harness door: tiny random ones against a naive forward pass in double
 * precision; what is counted, and what is refused. That numbers depend on nothing but the request
 * is in test_same_bits.c and test_random_trees.c. */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "harness/harness.h"
#include "tiny_models.h"

/* A folder with a tiny model. */
static void model_put(const char *folder, enum tiny_kind kind, uint32_t seed) {
    struct tiny t;
    tiny_init(&t, kind, seed);
    tiny_write(&t, folder);
    tiny_release(&t);
}

static struct model *open_with(const char *folder, struct model_options o) {
    struct err err = ERR_INIT;
    struct model *m = model_open(folder, &o, &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

/* ---- sets of requests ---- */

enum { SET_MAX = 24, IDS_MAX = 60 };

/* Random contexts that share beginnings, with 1 to 3 choices each. */
struct set {
    int32_t context[SET_MAX][IDS_MAX], choice[SET_MAX][3][8];
    struct score_request requests[SET_MAX];
    struct score_choice choices[SET_MAX][3];
    size_t n;
};

static void set_make(struct set *s, uint64_t *random) {
    memset(s, 0, sizeof *s);
    s->n = 2 + tiny_random(random) % (SET_MAX - 2);
    for (size_t i = 0; i < s->n; i++) {
        struct score_request *r = &s->requests[i];
        size_t n = 1 + tiny_random(random) % 30, from = 0;
        if (i > 0 && tiny_random(random) % 3) {
            const size_t other = tiny_random(random) % i;
            from = s->requests[other].n_context_ids < n ? s->requests[other].n_context_ids : n;
            memcpy(s->context[i], s->context[other], from * sizeof(int32_t));
        }
        for (size_t t = from; t < n; t++)
            s->context[i][t] = (int32_t)(tiny_random(random) % 5);
        *r = (struct score_request) { .context_ids = s->context[i],
            .n_context_ids = n,
            .choices = s->choices[i],
            .n_choices = 1 + tiny_random(random) % 3 };
        for (size_t c = 0; c < r->n_choices; c++) {
            s->choices[i][c] = (struct score_choice) { .ids = s->choice[i][c],
                .n_ids = 1 + tiny_random(random) % 8 };
            for (size_t t = 0; t < 8; t++)
                s->choice[i][c][t] = (int32_t)(tiny_random(random) % 5);
        }
    }
}

static void run_some(struct model *m, struct score_request *requests, size_t n) {
    struct err err = ERR_INIT;
    if (!model_score(m, &(struct score_options) { 0 }, requests, n, NULL, &err))
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < n; i++)
        if (requests[i].err.class != ERR_NONE)
            fail_msg("%s", requests[i].err.msg);
}

/* ---- against the definition ---- */

static void choice_check(const struct tiny *t, const struct set *s, size_t i, size_t c) {
    const struct score_choice *choice = &s->choices[i][c];
    const size_t n_context = s->requests[i].n_context_ids, n = n_context + choice->n_ids - 1;
    int32_t ids[IDS_MAX];
    double *want = xcalloc(n * t->vocab, sizeof *want), sum = 0;
    memcpy(ids, s->context[i], n_context * sizeof *ids);
    memcpy(ids + n_context, choice->ids, choice->n_ids * sizeof *ids);
    tiny_logprobs(t, ids, n, want);
    bool greedy = true;
    for (size_t k = 0; k < choice->n_ids; k++) {
        const double *row = want + (n_context - 1 + k) * t->vocab;
        sum += row[choice->ids[k]];
        for (uint32_t v = 0; v < t->vocab; v++)
            greedy = greedy && row[v] <= row[choice->ids[k]];
    }
    if (!(fabs(sum - choice->loglikelihood) < 1e-4))
        fail_msg(
            "request %zu choice %zu: %.9g, by definition %.9g", i, c, choice->loglikelihood, sum);
    assert_int_equal(choice->greedy, greedy);
    free(want);
}

static void scores_check(struct tiny *t, const char *folder) {
    static struct set s;
    uint64_t random = 3;
    tiny_fill(t, 5);
    tiny_write(t, folder);
    struct model *m =
        open_with(folder, (struct model_options) { .dtype = DTYPE_F32, .arch_file = tiny_arch(t) });
    set_make(&s, &random);
    run_some(m, s.requests, s.n);
    for (size_t i = 0; i < s.n; i++)
        for (size_t c = 0; c < s.requests[i].n_choices; c++)
            choice_check(t, &s, i, c);
    model_close(m);
    tiny_release(t);
}

static void a_decoder_scores_as_the_definition_says(void **state) {
    struct tiny t = tiny_shape(TINY_LLAMA);
    scores_check(&t, *state);
}

static void a_window_hides_what_lies_further_back(void **state) {
    struct tiny t = tiny_shape(TINY_LLAMA);
    t.window = 7;
    scores_check(&t, *state);
}

static void soft_caps_bend_scores_and_logits(void **state) {
    struct tiny t = tiny_shape(TINY_LLAMA);
    t.attention_cap = 0.5;
    t.logit_cap = 1.5;
    scores_check(&t, *state);
}

static void an_encoder_pools_as_the_definition_says(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, TINY_BERT, 6);
    tiny_write(&t, folder);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    const int32_t ids[] = { 4, 9, 30, 2, 9, 9, 1 };
    const struct embed_options o = { .pooling = POOL_MEAN, .no_normalize = true };
    struct embed_request r = { .ids = ids, .n_ids = 7 };
    float got[24];
    double hidden[7 * 24];
    assert_int_equal(model_embed_width(m, &o, &err), 24);
    assert_true(model_embed(m, &o, &r, 1, got, NULL, &err));
    tiny_hidden(&t, ids, 7, hidden);
    for (int c = 0; c < 24; c++) {
        double mean = 0;
        for (int i = 0; i < 7; i++)
            mean += hidden[i * 24 + c] / 7;
        assert_true(fabs(mean - got[c]) < 1e-5);
    }
    model_close(m);
    tiny_release(&t);
}

/* ---- what is counted ---- */

static void each_distinct_beginning_is_computed_once(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    model_put(folder, TINY_LLAMA, 13);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    const int32_t preamble[] = { 5, 6, 7, 8 }, a[] = { 1 }, b[] = { 2 }, c[] = { 3, 4, 5 };
    struct score_choice choices[] = { { .ids = a, .n_ids = 1 }, { .ids = b, .n_ids = 1 },
        { .ids = c, .n_ids = 3 } };
    struct score_request r = {
        .context_ids = preamble, .n_context_ids = 4, .choices = choices, .n_choices = 3
    };
    struct run_stats stats = { 0 };
    assert_true(model_score(
        m, &(struct score_options) { 0 }, &r, 1, &(struct run_options) { .stats = &stats }, &err));
    assert_int_equal(
        stats.tokens_asked, 4 + 4 + 6); /* the last token of each is predicted, never fed */
    assert_int_equal(stats.tokens_computed, 6);
    assert_int_equal(stats.tokens_padded, 0);
    assert_int_equal(stats.items, 1);
    /* 2 layers: q and o 24x24, k and v 24x12, three of 24x40; 6 tokens at depths 1 to 6; logits of
     * 3 rows of 37 */
    const double token = 2 * 2 * (2 * 24 * 24 + 2 * 24 * 12 + 3 * 24 * 40), pair = 4 * 2 * 24;
    assert_true(stats.flops == 6 * token + 21 * pair + 3 * 2 * 24 * 37.0);
    assert_int_equal(choices[2].n_tokens, 3);
    model_close(m);
}

/* ---- limits ---- */

static void too_long_a_context_loses_its_beginning(void **state) {
    const char *folder = *state;
    int32_t ids[100];
    model_put(folder, TINY_LLAMA, 14);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    for (int i = 0; i < 100; i++)
        ids[i] = i % 37;
    struct score_choice whole = { .ids = ids + 90, .n_ids = 10 }, cut = whole;
    struct score_request r = {
        .context_ids = ids, .n_context_ids = 90, .choices = &whole, .n_choices = 1
    };
    run_some(m, &r, 1);
    assert_int_equal(r.n_truncated, 100 - 49); /* 48 tokens are fed, the 49th is predicted */
    struct score_request same = {
        .context_ids = ids + 51, .n_context_ids = 39, .choices = &cut, .n_choices = 1
    };
    run_some(m, &same, 1);
    assert_int_equal(same.n_truncated, 0);
    assert_true(whole.loglikelihood == cut.loglikelihood);
    model_close(m);
}

static void one_bad_request_leaves_the_others_alone(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    model_put(folder, TINY_LLAMA, 15);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    const int32_t good[] = { 3, 4, 5 }, outside[] = { 3, 37 }, negative[] = { -1 };
    int32_t longer[60] = { 0 };
    struct score_choice c[6] = { { .ids = good, .n_ids = 2 }, { .ids = outside, .n_ids = 2 },
        { .ids = negative, .n_ids = 1 }, { .ids = longer, .n_ids = 60 },
        { .ids = good, .n_ids = 0 }, { .ids = good, .n_ids = 2 } };
    struct score_request r[6];
    for (int i = 0; i < 6; i++)
        r[i] = (struct score_request) {
            .context_ids = good, .n_context_ids = 3, .choices = &c[i], .n_choices = 1
        };
    assert_true(model_score(m, &(struct score_options) { 0 }, r, 6, NULL, &err));
    assert_error(&r[1].err, ERR_INPUT, "37", "vocabulary of 37", NULL);
    assert_error(&r[2].err, ERR_INPUT, "-1", NULL);
    assert_error(&r[3].err, ERR_INPUT, "60 tokens", "48", NULL);
    assert_error(&r[4].err, ERR_INPUT, "no ids", NULL);
    assert_int_equal(r[0].err.class, ERR_NONE);
    assert_int_equal(r[5].err.class, ERR_NONE);
    assert_true(c[0].loglikelihood < 0 && c[0].loglikelihood == c[5].loglikelihood);
    model_close(m);
}

static void an_empty_context_is_the_prefix_token(void **state) {
    const char *folder = *state;
    model_put(folder, TINY_LLAMA, 16);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    const int32_t bos[] = { 1 }, ids[] = { 9, 8 };
    struct score_choice with = { .ids = ids, .n_ids = 2 }, without = with;
    struct score_request r[] = {
        { .context_ids = bos, .n_context_ids = 1, .choices = &with, .n_choices = 1 },
        { .choices = &without, .n_choices = 1 }
    };
    run_some(m, r, 2);
    assert_true(with.loglikelihood == without.loglikelihood);
    model_close(m);
}

static void a_long_text_is_scored_in_disjoint_windows(void **state) {
    const char *folder = *state;
    int32_t ids[111];
    model_put(folder, TINY_LLAMA, 17);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    for (int i = 0; i < 111; i++)
        ids[i] = (i * 7) % 37;
    struct score_choice rolling = { .ids = ids, .n_ids = 111 };
    struct score_request r = { .rolling = true, .choices = &rolling, .n_choices = 1 };
    run_some(m, &r, 1);
    assert_int_equal(rolling.n_tokens, 110);
    /* 48 tokens after the first, 48 with one of context, and the last 14 with all the context that
     * fits */
    struct score_choice parts[] = { { .ids = ids + 1, .n_ids = 48 },
        { .ids = ids + 49, .n_ids = 48 }, { .ids = ids + 97, .n_ids = 14 } };
    struct score_request p[] = {
        { .context_ids = ids, .n_context_ids = 1, .choices = &parts[0], .n_choices = 1 },
        { .context_ids = ids + 48, .n_context_ids = 1, .choices = &parts[1], .n_choices = 1 },
        { .context_ids = ids + 62, .n_context_ids = 35, .choices = &parts[2], .n_choices = 1 }
    };
    run_some(m, p, 3);
    double sum = parts[0].loglikelihood + parts[1].loglikelihood + parts[2].loglikelihood;
    assert_true(fabs(sum - rolling.loglikelihood) < 1e-9);
    model_close(m);
}

static void memory_that_holds_no_token_is_refused(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    model_put(folder, TINY_LLAMA, 18);
    assert_null(model_open(
        folder, &(struct model_options) { .dtype = DTYPE_F32, .memory_bytes = 1000 }, &err));
    assert_error(&err, ERR_RESOURCE, "1000 bytes", NULL);
}

static void fault_79_numbers_that_are_not_finite_are_errors_of_their_requests(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, 19);
    tiny_weight(&t, "model.embed_tokens.weight")[9 * 24] = NAN;
    tiny_write(&t, folder);
    tiny_release(&t);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    const int32_t good[] = { 3, 4, 5 }, bad[] = { 3, 9 };
    struct score_choice c[2] = { { .ids = good, .n_ids = 1 }, { .ids = good, .n_ids = 1 } };
    struct score_request r[2] = {
        { .context_ids = good, .n_context_ids = 3, .choices = &c[0], .n_choices = 1 },
        { .context_ids = bad, .n_context_ids = 2, .choices = &c[1], .n_choices = 1 }
    };
    assert_true(model_score(m, &(struct score_options) { 0 }, r, 2, NULL, &err));
    assert_int_equal(r[0].err.class, ERR_NONE);
    assert_error(&r[1].err, ERR_NUMERIC, "NaN", NULL);
    struct generate_request g = { .prompt_ids = bad, .n_prompt_ids = 2 };
    assert_true(
        model_generate(m, &(struct generate_options) { .max_tokens = 3 }, &g, 1, NULL, &err));
    assert_int_equal(g.err.class, ERR_NUMERIC);
    assert_null(g.text);
    model_close(m);
}

static void no_requests_are_no_trouble(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    model_put(folder, TINY_LLAMA, 26);
    struct model *m = open_with(folder, (struct model_options) { 0 });
    assert_string_equal(model_info(m)->dtype, "f32"); /* auto: the file is in f32 */
    assert_true(model_score(m, &(struct score_options) { 0 }, NULL, 0, NULL, &err));
    assert_true(
        model_generate(m, &(struct generate_options) { .max_tokens = 1 }, NULL, 0, NULL, &err));
    const struct embed_options o = { .pooling = POOL_LAST };
    assert_true(model_embed(m, &o, NULL, 0, NULL, NULL, &err));
    model_close(m);
}

/* A decoder pooled at its last token is a decoder embedding; what follows a token doesn't change
 * it. */
static void a_decoder_embeds_too(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, 27);
    tiny_write(&t, folder);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    const int32_t ids[] = { 4, 9, 30, 2 };
    struct embed_request r[2] = { { .ids = ids, .n_ids = 4 }, { .ids = ids, .n_ids = 3 } };
    float got[2][24];
    double hidden[4 * 24];
    const struct embed_options o = { .pooling = POOL_LAST, .no_normalize = true };
    assert_true(model_embed(m, &o, r, 2, got[0], NULL, &err));
    tiny_hidden(&t, ids, 4, hidden);
    for (int c = 0; c < 24; c++) {
        assert_true(fabs(hidden[3 * 24 + c] - got[0][c]) < 1e-5);
        assert_true(fabs(hidden[2 * 24 + c] - got[1][c]) < 1e-5);
    }
    model_close(m);
    tiny_release(&t);
}

static bool stop_at_once(uint64_t done, uint64_t total, void *arg) {
    (void)arg;
    assert_true(done <= total);
    return false;
}

static void a_run_stops_when_it_is_told_to(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    model_put(folder, TINY_LLAMA, 20);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    const int32_t ids[] = { 3, 4 };
    struct score_choice c = { .ids = ids, .n_ids = 2 };
    struct score_request r = {
        .context_ids = ids, .n_context_ids = 2, .choices = &c, .n_choices = 1
    };
    const struct run_options run = { .progress = stop_at_once };
    assert_false(model_score(m, &(struct score_options) { 0 }, &r, 1, &run, &err));
    assert_int_equal(err.class, ERR_INTERRUPTED);
    model_close(m);
}

static void an_encoder_without_modules_wants_to_be_told_how_to_pool(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    model_put(folder, TINY_BERT, 21);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    assert_int_equal(model_embed_width(m, &(struct embed_options) { 0 }, &err), 0);
    assert_error(&err, ERR_INPUT, "modules.json", NULL);
    const int32_t ids[] = { 1 };
    struct score_choice c = { .ids = ids, .n_ids = 1 };
    struct score_request r = {
        .context_ids = ids, .n_context_ids = 1, .choices = &c, .n_choices = 1
    };
    err = (struct err)ERR_INIT;
    assert_false(model_score(m, &(struct score_options) { 0 }, &r, 1, NULL, &err));
    assert_error(&err, ERR_UNSUPPORTED, "encoder", NULL);
    err = (struct err)ERR_INIT;
    struct embed_request text = { .text = "x", .text_n = 1 };
    float vector[24];
    assert_false(model_embed(
        m, &(struct embed_options) { .pooling = POOL_CLS }, &text, 1, vector, NULL, &err));
    assert_error(&err, ERR_INPUT, "no tokenizer", NULL);
    model_close(m);
}

/* ---- generation ---- */

enum { PROMPTS = 12, MADE = 25 };

static void generate_set(
    struct generate_request r[PROMPTS], int32_t ids[PROMPTS][20], uint64_t *random) {
    for (int i = 0; i < PROMPTS; i++) {
        const size_t n = 1 + tiny_random(random) % 20;
        for (size_t t = 0; t < n; t++)
            ids[i][t] =
                (int32_t)(i > 0 && t < n / 2 ? ids[i - 1][t] : (int32_t)(tiny_random(random) % 37));
        r[i] = (struct generate_request) { .prompt_ids = ids[i], .n_prompt_ids = n };
    }
}

static void generate_release(struct generate_request *r) {
    free(r->text);
    free(r->ids);
}

static void generation_picks_the_best_token_each_time(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, 22);
    tiny_write(&t, folder);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    struct generate_request r[PROMPTS];
    static int32_t ids[PROMPTS][20];
    uint64_t random = 23;
    generate_set(r, ids, &random);
    assert_true(model_generate(
        m, &(struct generate_options) { .max_tokens = MADE }, r, PROMPTS, NULL, &err));
    for (int i = 0; i < PROMPTS; i++) {
        int32_t all[20 + MADE];
        size_t n = r[i].n_prompt_ids;
        memcpy(all, ids[i], n * sizeof *all);
        assert_true(r[i].stopped || r[i].n_ids == MADE);
        for (size_t k = 0; k <= r[i].n_ids && k < MADE; k++) {
            double *want = xcalloc(n * t.vocab, sizeof *want);
            uint32_t best = 0;
            tiny_logprobs(&t, all, n, want);
            for (uint32_t v = 0; v < t.vocab; v++)
                if (want[(n - 1) * t.vocab + v] > want[(n - 1) * t.vocab + best])
                    best = v;
            free(want);
            if (k == r[i].n_ids)
                assert_int_equal(best, 2); /* EOS */
            else
                assert_int_equal(r[i].ids[k], best);
            all[n++] = (int32_t)best;
        }
        generate_release(&r[i]);
    }
    model_close(m);
    tiny_release(&t);
}

struct told {
    size_t n, stop_after; /* 0: never */
    bool seen[PROMPTS];
};

static bool tell(size_t request, void *arg) {
    struct told *told = arg;
    assert_true(request < PROMPTS && !told->seen[request]);
    told->seen[request] = true;
    return ++told->n != told->stop_after;
}

/* So that who keeps answers has them when the run is cut short. */
static void a_text_is_told_of_when_it_is_there(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, 22);
    tiny_write(&t, folder);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    struct generate_request r[PROMPTS];
    static int32_t ids[PROMPTS][20];
    uint64_t random = 23;
    struct told told = { 0 }, cut = { .stop_after = 3 };
    struct run_stats stats = { 0 }, plan = { 0 };
    struct generate_options o = { .max_tokens = MADE };
    generate_set(r, ids, &random);
    assert_true(model_generate(m, &o, r, PROMPTS,
        &(struct run_options) { .answered = tell, .answered_arg = &told, .stats = &stats }, &err));
    assert_int_equal(told.n, PROMPTS);
    for (int i = 0; i < PROMPTS; i++) {
        assert_int_equal(r[i].n_asked, r[i].n_prompt_ids + r[i].n_ids);
        assert_int_equal(r[i].n_truncated, 0);
        generate_release(&r[i]);
    }
    assert_true(model_generate(
        m, &o, r, PROMPTS, &(struct run_options) { .plan_only = true, .stats = &plan }, &err));
    assert_null(r[0].text);
    assert_true(plan.tokens_computed >= stats.tokens_computed && plan.flops > 0);
    assert_false(model_generate(
        m, &o, r, PROMPTS, &(struct run_options) { .answered = tell, .answered_arg = &cut }, &err));
    assert_int_equal(err.class, ERR_INTERRUPTED);
    assert_true(cut.n == 3);
    for (int i = 0; i < PROMPTS; i++)
        generate_release(&r[i]);
    model_close(m);
    tiny_release(&t);
}

/* The same seed gives the same texts, each draw its own; greedy texts are all alike. */
static void draws_of_one_prompt_differ(void **state) {
    const char *folder = *state;
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, 22);
    tiny_write(&t, folder);
    struct model *m = open_with(folder, (struct model_options) { .dtype = DTYPE_F32 });
    static const int32_t ids[] = { 5, 9, 11 };
    const double temperatures[] = { 0, 5, 5 };
    struct generate_request r[3][2];
    for (int k = 0; k < 3; k++) {
        for (uint64_t d = 0; d < 2; d++)
            r[k][d] = (struct generate_request) { .prompt_ids = ids, .n_prompt_ids = 3, .draw = d };
        struct generate_options o = {
            .max_tokens = MADE, .temperature = temperatures[k], .seed = 4
        };
        assert_true(model_generate(m, &o, r[k], 2, NULL, &err));
    }
    const size_t bytes = r[1][0].n_ids * sizeof(int32_t);
    assert_int_equal(r[0][0].n_ids, r[0][1].n_ids);
    assert_memory_equal(r[0][0].ids, r[0][1].ids, r[0][0].n_ids * sizeof(int32_t));
    assert_true(r[1][0].n_ids != r[1][1].n_ids || memcmp(r[1][0].ids, r[1][1].ids, bytes) != 0);
    assert_int_equal(r[1][0].n_ids, r[2][0].n_ids);
    assert_memory_equal(r[1][0].ids, r[2][0].ids, bytes);
    for (int k = 0; k < 6; k++)
        generate_release(&r[k / 2][k % 2]);
    model_close(m);
    tiny_release(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(a_decoder_scores_as_the_definition_says),
        WITH_SCRATCH(a_window_hides_what_lies_further_back),
        WITH_SCRATCH(soft_caps_bend_scores_and_logits),
        WITH_SCRATCH(an_encoder_pools_as_the_definition_says),
        WITH_SCRATCH(each_distinct_beginning_is_computed_once),
        WITH_SCRATCH(too_long_a_context_loses_its_beginning),
        WITH_SCRATCH(one_bad_request_leaves_the_others_alone),
        WITH_SCRATCH(an_empty_context_is_the_prefix_token),
        WITH_SCRATCH(a_long_text_is_scored_in_disjoint_windows),
        WITH_SCRATCH(memory_that_holds_no_token_is_refused),
        WITH_SCRATCH(fault_79_numbers_that_are_not_finite_are_errors_of_their_requests),
        WITH_SCRATCH(no_requests_are_no_trouble),
        WITH_SCRATCH(a_decoder_embeds_too),
        WITH_SCRATCH(a_run_stops_when_it_is_told_to),
        WITH_SCRATCH(an_encoder_without_modules_wants_to_be_told_how_to_pool),
        WITH_SCRATCH(a_text_is_told_of_when_it_is_there),
        WITH_SCRATCH(draws_of_one_prompt_differ),
        WITH_SCRATCH(generation_picks_the_best_token_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

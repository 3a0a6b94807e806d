/* Every kind of part that a description can name, in models of noise: what the harness makes of
 * many requests at once, packed and shared, is to the bit what the naive pass makes of each alone.
 */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "described.h"
#include "harness/cpu/kernels.h"
#include "harness/model/model.h"
#include "naive.h"
#include "tiny_models.h"

enum { TEXTS = 12, LONGEST = 2 * KEY_BLOCK + 20 };

/* Texts that begin alike: a third of a trunk, then tokens of their own. */
struct text {
    int32_t ids[LONGEST + 1];
    uint32_t n; /* fed; one more token follows */
};

static void texts_make(struct text *texts, uint32_t n_vocab) {
    static const uint32_t lengths[TEXTS] = { 1, 2, 7, 38, 39, 40, 41, 64, KEY_BLOCK, KEY_BLOCK + 1,
        2 * KEY_BLOCK + 1, LONGEST };
    for (uint32_t t = 0; t < TEXTS; t++) {
        uint64_t trunk = 5, own = 100 + t;
        texts[t].n = lengths[t];
        for (uint32_t i = 0; i <= texts[t].n; i++) {
            uint64_t *random = i < texts[t].n / 3 ? &trunk : &own;
            texts[t].ids[i] = (int32_t)(3 + tiny_random(random) % (n_vocab - 3));
        }
    }
}

static struct model *open_model(const char *folder, enum dtype dtype, unsigned threads) {
    struct err err = ERR_INIT;
    const struct model_options o = {
        .dtype = dtype, .device = "cpu", .gemm = "plain", .threads = threads
    };
    struct model *m = model_open(folder, &o, &err);
    if (!m)
        fail_msg("%s: %s", folder, err.msg);
    return m;
}

/* log p of all tokens from the middle of the text on, summed in their order. */
static double naive_sum(struct net *net, const struct text *t, bool *greedy) {
    double sum = 0;
    *greedy = true;
    for (uint32_t row = t->n / 2; row < t->n; row++) {
        struct target read = naive_read(net, naive_run(net, t->ids, t->n), row, t->ids[row + 1]);
        sum += read.logprob;
        *greedy = *greedy && read.best;
    }
    return sum;
}

static void decoder_check(const char *name, struct model *m, struct model *naive) {
    struct err err = ERR_INIT;
    struct text *texts = xcalloc(TEXTS, sizeof *texts);
    struct score_request requests[TEXTS] = { 0 };
    struct score_choice choices[TEXTS] = { 0 };
    struct run_stats stats = { 0 };
    const struct run_options run = { .stats = &stats };
    texts_make(texts, m->info.n_vocab);
    for (size_t i = 0; i < TEXTS; i++) {
        uint32_t n_context = texts[i].n / 2 + 1;
        choices[i] = (struct score_choice) { .ids = texts[i].ids + n_context,
            .n_ids = texts[i].n + 1 - n_context };
        requests[i] = (struct score_request) { .context_ids = texts[i].ids,
            .n_context_ids = n_context,
            .choices = &choices[i],
            .n_choices = 1 };
    }
    if (!model_score(m, &(struct score_options) { 0 }, requests, TEXTS, &run, &err))
        fail_msg("%s: %s", name, err.msg);
    assert_true(stats.tokens_computed < stats.tokens_asked); /* something was shared */
    for (size_t i = 0; i < TEXTS; i++) {
        bool greedy;
        double want = naive_sum(&naive->net, &texts[i], &greedy);
        if (requests[i].err.class != ERR_NONE)
            fail_msg("%s: %s", name, requests[i].err.msg);
        if (!isfinite(want) || memcmp(&want, &choices[i].loglikelihood, sizeof want) != 0)
            fail_msg(
                "%s: text %zu is %.17g, naively %.17g", name, i, choices[i].loglikelihood, want);
        assert_int_equal(choices[i].greedy, greedy);
    }
    free(texts);
}

static void encoder_check(const char *name, struct model *m, struct model *naive) {
    struct err err = ERR_INIT;
    const struct embed_options o = { .pooling = POOL_MEAN };
    struct text *texts = xcalloc(TEXTS, sizeof *texts);
    struct embed_request requests[TEXTS] = { 0 };
    uint32_t width = m->info.width;
    float *vectors = xcalloc((size_t)TEXTS * width, sizeof *vectors),
          *want = xcalloc(width, sizeof *want);
    texts_make(texts, m->info.n_vocab);
    for (size_t i = 0; i < TEXTS; i++)
        requests[i] = (struct embed_request) { .ids = texts[i].ids, .n_ids = texts[i].n };
    if (!model_embed(m, &o, requests, TEXTS, vectors, NULL, &err))
        fail_msg("%s: %s", name, err.msg);
    for (size_t i = 0; i < TEXTS; i++) {
        if (requests[i].err.class != ERR_NONE)
            fail_msg("%s: %s", name, requests[i].err.msg);
        naive_vector(&naive->net, texts[i].ids, texts[i].n, POOL_MEAN, want);
        if (memcmp(want, vectors + i * width, width * sizeof *want) != 0)
            fail_msg("%s: vector %zu is not the naive one", name, i);
    }
    free(texts);
    free(vectors);
    free(want);
}

static void model_check(const char *folder, const struct described *d, enum dtype dtype) {
    struct model *m = open_model(folder, dtype, 2), *naive = open_model(folder, dtype, 1);
    if (m->info.causal)
        decoder_check(d->name, m, naive);
    else
        encoder_check(d->name, m, naive);
    model_close(m);
    model_close(naive);
}

static void many_requests_are_each_as_if_alone(void **state) {
    for (const struct described *d = described_models; d->name; d++) {
        described_write(d->config, 17, *state);
        model_check(*state, d, DTYPE_F32);
        model_check(*state, d, DTYPE_BF16);
        model_check(*state, d, DTYPE_INT8);
    }
}

/* ---- classes ---- */

static void classes_are_each_as_if_alone(void **state) {
    static const char *const names[] = { "shared-layers", "buckets", "both-ways", "long",
        "late-classes" };
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct err err = ERR_INIT;
        struct text *texts = xcalloc(TEXTS, sizeof *texts);
        struct classify_request many[TEXTS] = { 0 };
        float logits[TEXTS * 3], scores[TEXTS * 3], one_logits[3], one_scores[3];
        described_write(described_config(names[k]), 23, *state);
        struct model *m = open_model(*state, DTYPE_F32, 2);
        texts_make(texts, m->info.n_vocab);
        assert_int_equal(model_labels(m, &err), 3);
        assert_string_equal(model_label(m, 2), "LABEL_2");
        for (size_t i = 0; i < TEXTS; i++)
            many[i] = (struct classify_request) { .ids = texts[i].ids, .n_ids = texts[i].n };
        if (!model_classify(m, many, TEXTS, logits, scores, NULL, &err))
            fail_msg("%s: %s", names[k], err.msg);
        for (size_t i = 0; i < TEXTS; i++) {
            struct classify_request one = { .ids = texts[i].ids, .n_ids = texts[i].n };
            if (!model_classify(m, &one, 1, one_logits, one_scores, NULL, &err))
                fail_msg("%s: %s", names[k], err.msg);
            assert_memory_equal(one_logits, logits + 3 * i, sizeof one_logits);
            assert_true(fabs((double)one_scores[0] + one_scores[1] + one_scores[2] - 1) < 1e-6);
        }
        model_close(m);
        free(texts);
    }
}

/* ---- an encoder and its decoder ---- */

enum { ASKED = 8 };

/* Contexts of different lengths, some of them equal; labels that begin alike. */
static void questions_make(struct text *texts, struct score_request *r, struct score_choice *c) {
    for (size_t i = 0; i < ASKED; i++) {
        const struct text *context = &texts[3 + i % 5], *labels = &texts[2 + i / 2];
        c[i] = (struct score_choice) { .ids = labels->ids, .n_ids = labels->n };
        r[i] = (struct score_request) { .context_ids = context->ids,
            .n_context_ids = context->n,
            .choices = &c[i],
            .n_choices = 1 };
    }
}

static void a_decoder_looks_at_its_own_text(void **state) {
    struct err err = ERR_INIT;
    struct text *texts = xcalloc(TEXTS, sizeof *texts);
    struct score_request many[ASKED], one[ASKED];
    struct score_choice many_choices[ASKED], one_choice[ASKED];
    described_write(encoder_decoder_config, 29, *state);
    struct model *m = open_model(*state, DTYPE_F32, 2);
    texts_make(texts, m->info.n_vocab);
    questions_make(texts, many, many_choices);
    questions_make(texts, one, one_choice);
    if (!model_score(m, &(struct score_options) { 0 }, many, ASKED, NULL, &err))
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < ASKED; i++) {
        if (!model_score(m, &(struct score_options) { 0 }, &one[i], 1, NULL, &err))
            fail_msg("%s", err.msg);
        assert_int_equal(many[i].err.class, ERR_NONE);
        assert_memory_equal(
            &many_choices[i].loglikelihood, &one_choice[i].loglikelihood, sizeof(double));
        assert_true(isfinite(one_choice[i].loglikelihood));
    }
    /* the same labels after another text are something else */
    assert_true(many_choices[0].loglikelihood != many_choices[1].loglikelihood);
    struct score_request rolling = { .rolling = true, .choices = one_choice, .n_choices = 1 };
    assert_true(model_score(m, &(struct score_options) { 0 }, &rolling, 1, NULL, &err));
    assert_int_equal(rolling.err.class, ERR_UNSUPPORTED);
    model_close(m);
    free(texts);
}

/* ---- refusals ---- */

/* The error of a model whose configuration says one thing more. */
static void refused(
    const char *folder, const char *config, const char *word, enum err_class class) {
    struct err err = ERR_INIT;
    struct arena arena = { 0 };
    struct spec spec;
    (void)folder;
    json_t *json = json_parse(config, strlen(config), "config", &err);
    const struct arch_source source = { .config = json, .what = "config.json" };
    assert_false(arch_describe(&source, &arena, &spec, &err));
    assert_error(&err, class, word, NULL);
    json_decref(json);
    arena_release(&arena);
}

static void what_is_not_known_is_refused_by_its_word(void **state) {
    static const struct {
        const char *config, *word;
        enum err_class class;
    } cases[] = {
        { "{\"model_type\":\"deberta-v2\",\"hidden_size\":24,\"num_attention_heads\":3,"
          "\"conv_kernel_size\":3,\"conv_groups\":2}",
            "conv_groups", ERR_UNSUPPORTED },
        { "{\"model_type\":\"marian\",\"share_encoder_decoder_embeddings\":false}",
            "an embedding for each side", ERR_UNSUPPORTED },
        { "{\"model_type\":\"granite_swa\",\"num_hidden_layers\":2,\"layer_rope_theta\":[1.0,2.0]}",
            "a theta of its own", ERR_UNSUPPORTED },
        { "{\"model_type\":\"nemotron_h\",\"hybrid_override_pattern\":\"ME\"}", "moe",
            ERR_UNSUPPORTED },
        { "{\"model_type\":\"albert\",\"num_hidden_layers\":5,\"num_hidden_groups\":2}",
            "5 layers in 2 groups", ERR_UNSUPPORTED },
        { "{\"model_type\":\"deepseek_v3\",\"kv_lora_rank\":\"x\"}", "DeepSeek", ERR_UNSUPPORTED },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(*state, cases[i].config, cases[i].word, cases[i].class);
}

static void experts_that_cannot_be_chosen_are_refused(void **state) {
    char config[512];
    const struct {
        int n, chosen, groups, kept;
    } cases[] = { { 4, 5, 1, 1 }, { 8, 3, 3, 1 }, { 8, 5, 4, 2 }, { 8, 2, 4, 5 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(config, sizeof config,
            "{\"model_type\":\"deepseek_v3\",\"vocab_size\":37,\"hidden_size\":24,"
            "\"intermediate_size\":20,\"num_hidden_layers\":2,\"num_attention_heads\":3,"
            "\"kv_lora_rank\":12,\"qk_nope_head_dim\":6,\"qk_rope_head_dim\":4,\"v_head_dim\":7,"
            "\"moe_intermediate_size\":9,\"n_routed_experts\":%d,\"num_experts_per_tok\":%d,"
            "\"n_group\":%d,\"topk_group\":%d}",
            cases[i].n, cases[i].chosen, cases[i].groups, cases[i].kept);
        refused(*state, config, "experts", ERR_INPUT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(many_requests_are_each_as_if_alone),
        WITH_SCRATCH(classes_are_each_as_if_alone),
        WITH_SCRATCH(a_decoder_looks_at_its_own_text),
        WITH_SCRATCH(what_is_not_known_is_refused_by_its_word),
        WITH_SCRATCH(experts_that_cannot_be_chosen_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

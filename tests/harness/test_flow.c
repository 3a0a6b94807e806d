/* Texts that come and go: each becomes what it would alone, whoever else is there, whenever it
 * comes, and however little room there is; what begins alike is computed once. */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "harness/harness.h"
#include "tiny_models.h"

enum { N = 24, LONGEST = 40, MADE = 20, VOCAB = 37 };

struct world {
    struct model *m;
    int32_t ids[N][LONGEST];
    size_t n[N];
    struct generate_request alone[N]; /* what model_generate makes of them */
};

static struct model *tiny_decoder(const char *folder, size_t memory) {
    struct err err = ERR_INIT;
    struct tiny t = tiny_shape(TINY_LLAMA);
    t.max_length = 128;
    tiny_fill(&t, 22);
    tiny_write(&t, folder);
    tiny_write_letters(folder);
    tiny_release(&t);
    struct model *m = model_open(
        folder, &(struct model_options) { .dtype = DTYPE_F32, .memory_bytes = memory }, &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

/* Prompts of which neighbours begin alike. */
static void prompts_make(struct world *w) {
    uint64_t random = 23;
    for (int i = 0; i < N; i++) {
        w->n[i] = 2 + tiny_random(&random) % (LONGEST - 2);
        for (size_t t = 0; t < w->n[i]; t++)
            w->ids[i][t] = i % 4 && t < w->n[i] / 2 ? w->ids[i - 1][t]
                                                    : (int32_t)(3 + tiny_random(&random) % 34);
    }
}

static void world_make(struct world *w, const char *folder, double temperature) {
    struct err err = ERR_INIT;
    memset(w, 0, sizeof *w);
    w->m = tiny_decoder(folder, 0);
    prompts_make(w);
    for (int i = 0; i < N; i++)
        w->alone[i] = (struct generate_request) {
            .prompt_ids = w->ids[i], .n_prompt_ids = w->n[i], .draw = (uint64_t)i
        };
    struct generate_options o = { .max_tokens = MADE, .temperature = temperature, .seed = 5 };
    assert_true(model_generate(w->m, &o, w->alone, N, NULL, &err));
}

static void world_free(struct world *w) {
    for (int i = 0; i < N; i++) {
        free(w->alone[i].text);
        free(w->alone[i].ids);
    }
    model_close(w->m);
}

static struct flow *flow_of(struct model *m, struct flow_options o) {
    struct err err = ERR_INIT;
    struct flow *f = flow_open(m, &o, &err);
    if (!f)
        fail_msg("%s", err.msg);
    return f;
}

static struct flow_text *add(struct flow *f, struct flow_ask ask) {
    struct err err = ERR_INIT;
    struct flow_text *t = flow_add(f, &ask, &err);
    if (!t)
        fail_msg("%s", err.msg);
    return t;
}

static void step(struct flow *f) {
    struct err err = ERR_INIT;
    if (!flow_step(f, &err))
        fail_msg("%s", err.msg);
}

static void run(struct flow *f) {
    for (int i = 0; i < 100000 && !flow_idle(f); i++)
        step(f);
    assert_true(flow_idle(f));
}

static void assert_as_alone(const struct flow_text *t, const struct generate_request *alone) {
    struct flow_told told = flow_told(t);
    assert_int_equal(told.state, alone->stopped ? FLOW_STOPPED : FLOW_LENGTH);
    assert_int_equal(told.n - told.n_prompt, alone->n_ids);
    assert_memory_equal(told.ids + told.n_prompt, alone->ids, alone->n_ids * sizeof *alone->ids);
    assert_string_equal(told.text, alone->text);
    assert_int_equal(told.n_read, told.n + (told.state == FLOW_STOPPED));
}

/* ---- the same texts ---- */

static struct flow_ask ask_of(const struct world *w, int i, double temperature) {
    return (struct flow_ask) { .ids = w->ids[i],
        .n_ids = w->n[i],
        .max_tokens = MADE,
        .temperature = temperature,
        .seed = 5,
        .draw = (uint64_t)i };
}

/* One more comes in every `every` steps. */
static struct flow_figures come_and_check(
    struct world *w, struct flow *f, double temperature, int every) {
    struct flow_text *t[N];
    for (int i = 0; i < N; i++) {
        t[i] = add(f, ask_of(w, i, temperature));
        for (int k = 0; k < every; k++)
            step(f);
    }
    run(f);
    for (int i = 0; i < N; i++) {
        assert_as_alone(t[i], &w->alone[i]);
        flow_drop(f, t[i]);
    }
    return flow_figures(f);
}

static void texts_are_those_of_generate_whenever_they_come(void **state) {
    static struct world w;
    for (int drawn = 0; drawn < 2; drawn++) {
        double temperature = drawn ? 0.8 : 0;
        world_make(&w, *state, temperature);
        for (int every = 0; every < 3; every++) {
            struct flow *f = flow_of(w.m, (struct flow_options) { .at_once = every ? 7 : 0 });
            come_and_check(&w, f, temperature, every);
            /* once more, when all of it is there already */
            uint64_t before = flow_figures(f).computed;
            come_and_check(&w, f, temperature, every);
            assert_true(flow_figures(f).computed - before <= (uint64_t)N * (MADE + 1));
            flow_close(f);
        }
        world_free(&w);
    }
}

static void little_room_changes_no_text(void **state) {
    static struct world w;
    world_make(&w, *state, 0);
    for (int every = 0; every < 2; every++) {
        struct flow *f =
            flow_of(w.m, (struct flow_options) { .slots = LONGEST + MADE + 40u * (unsigned)every });
        come_and_check(&w, f, 0, every);
        flow_close(f);
    }
    world_free(&w);
}

/* Short prompts that become long: more than there is room for, so that the youngest begin anew. */
static void a_text_that_lost_its_keys_goes_on_as_it_was(void **state) {
    static struct world w;
    enum { TEXTS = 6, LONG = 70 };
    int32_t want[TEXTS][LONG];
    world_make(&w, *state, 0);
    for (int little = 0; little < 2; little++) {
        struct flow *f = flow_of(w.m, (struct flow_options) { .slots = little ? LONG + 30 : 2000 });
        struct flow_text *t[TEXTS];
        for (int i = 0; i < TEXTS; i++)
            t[i] = add(f, (struct flow_ask) { .ids = w.ids[i],
                              .n_ids = 2,
                              .max_tokens = LONG - 2,
                              .temperature = 1,
                              .draw = (uint64_t)i,
                              .run_on = true });
        run(f);
        assert_int_equal(flow_figures(f).spilled > 0, little);
        for (int i = 0; i < TEXTS; i++) {
            assert_int_equal(flow_told(t[i]).n, LONG);
            if (little)
                assert_memory_equal(flow_told(t[i]).ids, want[i], sizeof want[i]);
            else
                memcpy(want[i], flow_told(t[i]).ids, sizeof want[i]);
        }
        flow_close(f);
    }
    world_free(&w);
}

/* ---- nothing twice ---- */

static void what_begins_alike_is_computed_once(void **state) {
    static struct world w;
    world_make(&w, *state, 0);
    int32_t ids[8][LONGEST];
    struct flow_text *t[8];
    struct flow *f = flow_of(w.m, (struct flow_options) { 0 });
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < LONGEST; k++)
            ids[i][k] = 3 + (k < 30 ? k % 20 : (i + k) % 30);
        t[i] = add(f,
            (struct flow_ask) { .ids = ids[i], .n_ids = LONGEST, .max_tokens = 1, .run_on = true });
    }
    run(f); /* all in one step */
    struct flow_figures figures = flow_figures(f);
    assert_int_equal(figures.steps, 1);
    assert_int_equal(figures.computed, 30 + 8 * (LONGEST - 30));
    assert_int_equal(figures.asked, 8 * LONGEST);
    assert_int_equal(flow_told(t[0]).n_shared, 0);
    assert_int_equal(flow_told(t[5]).n_shared, 30);
    for (int i = 0; i < 8; i++)
        flow_drop(f, t[i]);
    /* and later, of texts that have gone: the row that is read is computed again */
    t[0] = add(
        f, (struct flow_ask) { .ids = ids[3], .n_ids = LONGEST, .max_tokens = 1, .run_on = true });
    run(f);
    assert_int_equal(flow_figures(f).computed, figures.computed + 1);
    assert_int_equal(flow_told(t[0]).n_shared, LONGEST - 1);
    flow_close(f);
    world_free(&w);
}

/* ---- prompts that are read ---- */

static void sum_alone(struct model *m, const int32_t *ids, size_t n, double *sum, bool *greedy) {
    struct err err = ERR_INIT;
    struct score_choice c = { .ids = ids + 1, .n_ids = n - 1 };
    struct score_request r = {
        .context_ids = ids, .n_context_ids = 1, .choices = &c, .n_choices = 1
    };
    assert_true(model_score(m, &(struct score_options) { 0 }, &r, 1, NULL, &err));
    assert_int_equal(r.err.class, ERR_NONE);
    *sum = c.loglikelihood;
    *greedy = c.greedy;
}

static void assert_read_as_score(const struct flow_told *told, double sum, bool greedy) {
    double all = 0;
    bool best = true;
    assert_true(isnan(told->logprobs[0]));
    for (size_t i = 1; i < told->n_prompt; i++) {
        all += told->logprobs[i];
        best = best && told->tops[i * told->n_top].id == told->ids[i];
        assert_true(told->tops[i * told->n_top].logprob >= told->logprobs[i]);
    }
    if (told->n_top == 1)
        assert_true(all == sum); /* the same bits */
    else
        assert_true(fabs(all - sum) < 1e-4);
    assert_int_equal(best, greedy);
}

static void prompts_are_read_as_score_reads_them(void **state) {
    static struct world w;
    world_make(&w, *state, 0);
    double sum[N];
    bool greedy[N];
    for (int i = 0; i < N; i++)
        sum_alone(w.m, w.ids[i], w.n[i], &sum[i], &greedy[i]);
    for (unsigned n_top = 1; n_top < 6; n_top += 4) {
        for (uint32_t slots = LONGEST + 2; slots < 400; slots += 300) {
            for (uint32_t made = 0; made < 2; made++) {
                struct flow *f = flow_of(w.m, (struct flow_options) { .slots = slots });
                struct flow_text *t[N];
                for (int i = 0; i < N; i++) {
                    t[i] = add(f, (struct flow_ask) { .ids = w.ids[i],
                                      .n_ids = w.n[i],
                                      .max_tokens = made,
                                      .reads_prompt = true,
                                      .reads = true,
                                      .run_on = true,
                                      .n_top = n_top });
                    if (i % 5 == 0)
                        step(f);
                }
                run(f);
                bool shared = false;
                for (int i = 0; i < N; i++) {
                    struct flow_told told = flow_told(t[i]);
                    assert_int_equal(told.state, FLOW_LENGTH);
                    assert_int_equal(told.n, w.n[i] + made);
                    assert_read_as_score(&told, sum[i], greedy[i]);
                    if (made)
                        assert_int_equal(told.tops[w.n[i] * n_top].id, told.ids[w.n[i]]);
                    shared = shared || told.n_shared > 0;
                }
                assert_true(shared);
                flow_close(f);
            }
        }
    }
    world_free(&w);
}

static void one_token_has_nothing_to_be_read(void **state) {
    static struct world w;
    world_make(&w, *state, 0);
    struct flow *f = flow_of(w.m, (struct flow_options) { 0 });
    struct flow_text *t =
        add(f, (struct flow_ask) { .ids = w.ids[0], .n_ids = 1, .reads_prompt = true, .n_top = 1 });
    run(f);
    assert_int_equal(flow_told(t).state, FLOW_LENGTH);
    assert_true(isnan(flow_told(t).logprobs[0]));
    assert_string_equal(flow_told(t).text, "");
    flow_close(f);
    world_free(&w);
}

/* ---- who leaves, and who can't come ---- */

static void whoever_leaves_makes_room_and_disturbs_nobody(void **state) {
    static struct world w;
    world_make(&w, *state, 0);
    struct flow *f = flow_of(w.m, (struct flow_options) { .slots = 300, .at_once = 4 });
    struct flow_text *t[N];
    for (int i = 0; i < N; i++)
        t[i] = add(f, ask_of(&w, i, 0));
    for (int i = 0; i < N; i += 2) { /* some run, most wait */
        step(f);
        flow_drop(f, t[i]);
    }
    run(f);
    for (int i = 1; i < N; i += 2)
        assert_as_alone(t[i], &w.alone[i]);
    struct flow_figures figures = flow_figures(f);
    assert_int_equal(figures.running, 0);
    assert_int_equal(figures.waiting, 0);
    flow_close(f);
    world_free(&w);
}

/* Many short texts keep coming, and a long one gets on all the same. */
static void nobody_waits_for_ever(void **state) {
    static struct world w;
    world_make(&w, *state, 0);
    struct flow *f = flow_of(w.m, (struct flow_options) { .slots = 160, .at_once = 4 });
    struct flow_text *longest;
    int n = 0, steps = 0;
    for (; n < 12; n++)
        add(f, ask_of(&w, n % N, 0));
    int32_t ids[100];
    for (int k = 0; k < 100; k++)
        ids[k] = 3 + (k * 7) % 34;
    longest =
        add(f, (struct flow_ask) { .ids = ids, .n_ids = 100, .max_tokens = 20, .run_on = true });
    while (flow_told(longest).state < FLOW_STOPPED) {
        add(f, ask_of(&w, n++ % N, 0));
        step(f);
        assert_true(++steps < 180);
    }
    flow_close(f);
    world_free(&w);
}

static void what_the_model_cannot_take_is_refused(void **state) {
    static struct world w;
    struct err err = ERR_INIT;
    world_make(&w, *state, 0);
    struct flow *f = flow_of(w.m, (struct flow_options) { .slots = 100 });
    int32_t ids[200] = { 3 };
    struct flow_ask ask = { .ids = ids, .n_ids = 0, .max_tokens = 5 };
    assert_null(flow_add(f, &ask, &err));
    assert_error(&err, ERR_INPUT, "no tokens", NULL);
    ask.n_ids = 124;
    assert_null(flow_add(f, &ask, &err));
    assert_error(&err, ERR_INPUT, "more than the 128 that the model takes", NULL);
    ask.n_ids = 100;
    assert_null(flow_add(f, &ask, &err));
    assert_error(&err, ERR_INPUT, "more than the 100 that there is memory for", NULL);
    ask.n_ids = 3;
    ids[1] = VOCAB;
    assert_null(flow_add(f, &ask, &err));
    assert_int_equal(err.class, ERR_INPUT);
    ask.max_tokens = UINT32_MAX;
    ids[1] = 3;
    assert_null(flow_add(f, &ask, &err));
    assert_true(flow_idle(f));
    flow_close(f);
    world_free(&w);
}

/* ---- a text while it is made ---- */

/* What is sure is the beginning of what it becomes, and of a stop string nothing is ever told. */
static void what_is_sure_stays(void **state) {
    static struct world w;
    world_make(&w, *state, 0);
    for (int i = 0; i < N; i++) {
        const char *text = w.alone[i].text;
        size_t n = strlen(text);
        if (n < 6)
            continue;
        char stop[4] = { text[3], text[4], text[5], 0 };
        const char *stops[2] = { "zzzz", stop };
        struct flow *f = flow_of(w.m, (struct flow_options) { 0 });
        struct flow_ask ask = ask_of(&w, i, 0);
        ask.stop = stops;
        ask.n_stop = 2;
        ask.as_it_goes = true;
        struct flow_text *t = add(f, ask);
        char want[64];
        snprintf(want, sizeof want, "%s", text);
        *strstr(want, stop) = 0;
        while (!flow_idle(f)) {
            step(f);
            struct flow_told told = flow_told(t);
            assert_true(told.n_sure <= strlen(want) && told.n_sure <= told.text_n);
            assert_int_equal(strncmp(want, told.text ? told.text : "", told.n_sure), 0);
        }
        assert_int_equal(flow_told(t).state, FLOW_STOPPED);
        assert_string_equal(flow_told(t).text, want);
        assert_int_equal(flow_told(t).n_sure, strlen(want));
        flow_close(f);
    }
    world_free(&w);
}

/* Of the likeliest that have so much: with little of it, the likeliest. */
static void top_p_leaves_the_unlikely_out(void **state) {
    static struct world w;
    world_make(&w, *state, 0);
    unsigned n_other = 0;
    for (int p = 0; p < 3; p++) {
        struct flow *f = flow_of(w.m, (struct flow_options) { 0 });
        struct flow_text *t[N];
        for (int i = 0; i < N; i++) {
            struct flow_ask ask = ask_of(&w, i, 3);
            ask.top_p = p == 0 ? 1e-6 : p == 1 ? 0.5 : 1;
            ask.reads = true;
            ask.n_top = 20;
            t[i] = add(f, ask);
        }
        run(f);
        for (int i = 0; i < N; i++) {
            struct flow_told told = flow_told(t[i]);
            for (size_t k = told.n_prompt; k < told.n; k++) {
                const struct flow_top *top = told.tops + k * 20;
                double before = 0, total = 0; /* mass at the temperature: of these 20 of 37 */
                bool found = false;
                for (int j = 0; j < 20; j++)
                    total += exp(top[j].logprob / 3);
                for (int j = 0; j < 20 && !found; j++) {
                    found = top[j].id == told.ids[k];
                    before += found ? 0 : exp(top[j].logprob / 3);
                }
                if (p == 0)
                    assert_int_equal(top[0].id, told.ids[k]);
                if (p == 1)
                    assert_true(found && before / total < 0.95);
                n_other += p == 2 && !found;
            }
        }
        flow_close(f);
    }
    assert_true(n_other > 0); /* some that half of the probability leaves out */
    world_free(&w);
}

static void an_encoder_has_no_flow(void **state) {
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, TINY_BERT, 3);
    tiny_write(&t, *state);
    tiny_release(&t);
    struct model *m = model_open(*state, &(struct model_options) { .dtype = DTYPE_F32 }, &err);
    assert_null(flow_open(m, &(struct flow_options) { 0 }, &err));
    assert_error(&err, ERR_UNSUPPORTED, "cannot generate", NULL);
    model_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(texts_are_those_of_generate_whenever_they_come),
        WITH_SCRATCH(little_room_changes_no_text),
        WITH_SCRATCH(a_text_that_lost_its_keys_goes_on_as_it_was),
        WITH_SCRATCH(what_begins_alike_is_computed_once),
        WITH_SCRATCH(prompts_are_read_as_score_reads_them),
        WITH_SCRATCH(one_token_has_nothing_to_be_read),
        WITH_SCRATCH(whoever_leaves_makes_room_and_disturbs_nobody),
        WITH_SCRATCH(nobody_waits_for_ever),
        WITH_SCRATCH(what_the_model_cannot_take_is_refused),
        WITH_SCRATCH(what_is_sure_stays),
        WITH_SCRATCH(top_p_leaves_the_unlikely_out),
        WITH_SCRATCH(an_encoder_has_no_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a run can be told beside its requests: to say what is answered as it goes, to count and not
 * to run, to stay under a ceiling of memory. */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "harness/harness.h"
#include "tiny_models.h"

static struct model *tiny_model(
    const char *folder, enum tiny_kind kind, struct model_options o, struct err *err) {
    struct tiny t;
    tiny_init(&t, kind, 3);
    tiny_write(&t, folder);
    tiny_release(&t);
    o.dtype = DTYPE_F32;
    return model_open(folder, &o, err);
}

/* ---- requests ---- */

enum { N = 30, CHOICES = 2 };

struct set {
    int32_t ids[N][20], choice[CHOICES][3];
    struct score_choice choices[N][CHOICES];
    struct score_request requests[N];
    unsigned answered[N], n_answered, stop_after;
    const double (*truth)[CHOICES];
    bool premature; /* a request was reported before it had its numbers */
};

static void set_make(struct set *s) {
    uint64_t random = 6;
    memset(s, 0, sizeof *s);
    for (int c = 0; c < CHOICES; c++)
        for (int t = 0; t < 3; t++)
            s->choice[c][t] = (int32_t)(tiny_random(&random) % 37);
    for (int i = 0; i < N; i++) {
        for (int t = 0; t < 20; t++)
            s->ids[i][t] = (int32_t)(tiny_random(&random) % 4);
        s->requests[i] = (struct score_request) { .context_ids = s->ids[i],
            .n_context_ids = 1 + tiny_random(&random) % 20,
            .choices = s->choices[i],
            .n_choices = CHOICES };
        for (int c = 0; c < CHOICES; c++)
            s->choices[i][c] =
                (struct score_choice) { .ids = s->choice[c], .n_ids = 3, .loglikelihood = NAN };
    }
}

static bool note_answer(size_t request, void *arg) {
    struct set *s = arg;
    s->answered[request]++;
    for (size_t c = 0; s->truth && c < s->requests[request].n_choices; c++)
        s->premature = s->premature || s->choices[request][c].loglikelihood != s->truth[request][c];
    return ++s->n_answered != s->stop_after;
}

/* ---- the tests ---- */

/* In so little memory that a request's tokens are spread over several steps. */
static void each_request_is_reported_once_when_it_has_its_numbers(void **state) {
    struct err err = ERR_INIT;
    static struct set s;
    static double truth[N][CHOICES];
    struct model *m =
        tiny_model(*state, TINY_LLAMA, (struct model_options) { .memory_bytes = 30000 }, &err);
    set_make(&s);
    assert_true(model_score(m, &(struct score_options) { 0 }, s.requests, N, NULL, &err));
    for (int i = 0; i < N; i++)
        for (int c = 0; c < CHOICES; c++)
            truth[i][c] = s.choices[i][c].loglikelihood;
    set_make(&s);
    s.truth = (const double(*)[CHOICES])truth;
    s.requests[4].n_choices = 0; /* can't be used */
    assert_true(model_score(m, &(struct score_options) { 0 }, s.requests, N,
        &(struct run_options) { .answered = note_answer, .answered_arg = &s }, &err));
    assert_false(s.premature);
    for (int i = 0; i < N; i++)
        assert_int_equal(s.answered[i], i != 4);
    assert_int_equal(s.requests[4].err.class, ERR_INPUT);
    assert_int_equal(s.requests[0].n_asked, CHOICES * (s.requests[0].n_context_ids + 2));
    model_close(m);
}

static void a_run_can_be_stopped_at_an_answer(void **state) {
    struct err err = ERR_INIT;
    static struct set s;
    struct model *m =
        tiny_model(*state, TINY_LLAMA, (struct model_options) { .memory_bytes = 30000 }, &err);
    set_make(&s);
    s.stop_after = 5;
    assert_false(model_score(m, &(struct score_options) { 0 }, s.requests, N,
        &(struct run_options) { .answered = note_answer, .answered_arg = &s }, &err));
    assert_error(&err, ERR_INTERRUPTED, "stopped", NULL);
    assert_int_equal(s.n_answered, 5);
    assert_false(s.premature);
    model_close(m);
}

static void a_text_of_one_id_is_answered_too(void **state) {
    struct err err = ERR_INIT;
    static struct set s;
    struct model *m = tiny_model(*state, TINY_LLAMA, (struct model_options) { 0 }, &err);
    set_make(&s);
    s.requests[0] =
        (struct score_request) { .rolling = true, .choices = s.choices[0], .n_choices = 1 };
    s.choices[0][0].n_ids = 1;
    assert_true(model_score(m, &(struct score_options) { 0 }, s.requests, 1,
        &(struct run_options) { .answered = note_answer, .answered_arg = &s }, &err));
    assert_int_equal(s.n_answered, 1);
    assert_true(s.choices[0][0].loglikelihood == 0);
    model_close(m);
}

static bool note_vector(size_t request, void *arg) {
    ((unsigned *)arg)[request]++;
    return true;
}

static void each_vector_is_reported_once(void **state) {
    struct err err = ERR_INIT;
    static const int32_t ids[] = { 5, 6, 7, 8, 9 };
    struct embed_request r[4] = { { .ids = ids, .n_ids = 5 }, { .ids = ids + 1, .n_ids = 3 },
        { .ids = ids, .n_ids = 5 }, { .ids = ids, .n_ids = 0 } };
    static float vectors[4][24];
    unsigned answered[4] = { 0 };
    struct model *m = tiny_model(*state, TINY_BERT, (struct model_options) { 0 }, &err);
    assert_true(model_embed(m, &(struct embed_options) { .pooling = POOL_MEAN }, r, 4, vectors[0],
        &(struct run_options) { .answered = note_vector, .answered_arg = answered }, &err));
    assert_int_equal(answered[0], 1);
    assert_int_equal(answered[1], 1);
    assert_int_equal(answered[2], 1); /* of equal texts each has its own */
    assert_int_equal(answered[3], 0);
    assert_int_equal(r[1].n_asked, 3);
    assert_memory_equal(vectors[0], vectors[2], sizeof vectors[0]);
    model_close(m);
}

static void a_plan_counts_what_the_run_then_does(void **state) {
    struct err err = ERR_INIT;
    static struct set s;
    struct run_stats planned = { 0 }, done = { 0 };
    struct model *m = tiny_model(*state, TINY_LLAMA, (struct model_options) { 0 }, &err);
    set_make(&s);
    assert_true(model_score(m, &(struct score_options) { 0 }, s.requests, N,
        &(struct run_options) { .plan_only = true, .stats = &planned }, &err));
    assert_true(isnan(s.choices[3][0].loglikelihood));
    assert_true(model_score(m, &(struct score_options) { 0 }, s.requests, N,
        &(struct run_options) { .stats = &done }, &err));
    assert_int_equal(planned.tokens_asked, done.tokens_asked);
    assert_int_equal(planned.tokens_computed, done.tokens_computed);
    assert_true(planned.flops == done.flops && planned.flops > 0);
    assert_int_equal(planned.memory_bytes, done.memory_bytes);
    assert_true(planned.memory_bytes > 0);
    model_close(m);
}

static void an_encoders_plan_counts_too(void **state) {
    struct err err = ERR_INIT;
    static const int32_t ids[] = { 5, 6, 7, 8, 9 };
    struct embed_request r[3] = { { .ids = ids, .n_ids = 5 }, { .ids = ids + 1, .n_ids = 3 },
        { .ids = ids, .n_ids = 5 } };
    float vectors[3][24] = { { 7 } };
    struct run_stats planned = { 0 }, done = { 0 };
    const struct embed_options o = { .pooling = POOL_MEAN };
    struct model *m = tiny_model(*state, TINY_BERT, (struct model_options) { 0 }, &err);
    assert_true(model_embed(m, &o, r, 3, vectors[0],
        &(struct run_options) { .plan_only = true, .stats = &planned }, &err));
    assert_true(vectors[0][0] == 7);
    assert_true(
        model_embed(m, &o, r, 3, vectors[0], &(struct run_options) { .stats = &done }, &err));
    assert_int_equal(planned.tokens_asked, 13);
    assert_int_equal(planned.tokens_computed, 8);
    assert_int_equal(done.tokens_computed, 8);
    assert_true(planned.flops == done.flops && planned.memory_bytes == done.memory_bytes);
    model_close(m);
}

/* One row of the last layer is enough for these, among texts of other lengths. */
static void first_and_last_rows_are_what_the_definition_says(void **state) {
    static const int32_t ids[] = { 4, 9, 30, 2, 9, 9, 1 };
    static const enum pooling poolings[] = { POOL_CLS, POOL_LAST };
    for (int kind = TINY_LLAMA; kind <= TINY_BERT; kind++) {
        struct err err = ERR_INIT;
        struct tiny t;
        double hidden[7 * 24];
        struct model *m =
            tiny_model(*state, (enum tiny_kind)kind, (struct model_options) { 0 }, &err);
        tiny_init(&t, (enum tiny_kind)kind, 3);
        tiny_hidden(&t, ids, 7, hidden);
        for (int p = 0; p < 2; p++) {
            const struct embed_options o = { .pooling = poolings[p], .no_normalize = true };
            struct embed_request r[3] = { { .ids = ids + 3, .n_ids = 1 },
                { .ids = ids, .n_ids = 7 }, { .ids = ids + 2, .n_ids = 4 } };
            float got[3][24], alone[24];
            assert_true(model_embed(m, &o, r, 3, got[0], NULL, &err));
            assert_true(model_embed(m, &o, &r[1], 1, alone, NULL, &err));
            assert_memory_equal(alone, got[1], sizeof alone);
            for (int c = 0; c < 24; c++)
                assert_true(fabs(hidden[(p ? 6 : 0) * 24 + c] - got[1][c]) < 1e-5);
        }
        tiny_release(&t);
        model_close(m);
    }
}

/* 37 tokens of 24 numbers, two layers of 24x24 (q, o), 12x24 (k, v) and three of 40x24, norms; the
 * embedding is the head too, once as a table, which stays in the file, and once packed: 55 KB in
 * f32. */
static void a_ceiling_is_for_weights_and_work_together(void **state) {
    struct err err = ERR_INIT;
    static struct set s;
    struct run_stats stats = { 0 };
    struct model *m =
        tiny_model(*state, TINY_LLAMA, (struct model_options) { .total_bytes = 130000 }, &err);
    assert_non_null(m);
    set_make(&s);
    assert_true(model_score(m, &(struct score_options) { 0 }, s.requests, N,
        &(struct run_options) { .stats = &stats }, &err));
    assert_true(stats.memory_bytes > 50000 && stats.memory_bytes <= 130000);
    model_close(m);
    m = tiny_model(*state, TINY_LLAMA,
        (struct model_options) { .total_bytes = 40000, .weights = WEIGHTS_EXPANDED }, &err);
    assert_null(m);
    assert_error(&err, ERR_RESOURCE, "weights alone", NULL);
    assert_non_null(strstr(err.hint, "--max-mem"));
}

/* The same set of requests, and what it took. */
static uint64_t score_under(
    void **state, struct model_options o, double *out, uint64_t *file_bytes) {
    struct err err = ERR_INIT;
    static struct set s;
    struct run_stats stats = { 0 };
    struct model *m = tiny_model(*state, TINY_LLAMA, o, &err);
    if (!m)
        fail_msg("%s", err.msg);
    set_make(&s);
    assert_true(model_score(m, &(struct score_options) { 0 }, s.requests, N,
        &(struct run_options) { .stats = &stats }, &err));
    for (int i = 0; i < N; i++)
        out[i] = s.choices[i][0].loglikelihood;
    *file_bytes = model_info(m)->file_weight_bytes;
    model_close(m);
    return stats.memory_bytes;
}

/* A table and a head that are larger than the ceiling, both pages of the file. */
static void a_table_that_is_read_from_the_file_takes_no_memory(void **state) {
    enum { CEILING = 200000, TABLE = 4000 * 24 * 4 };
    struct err err = ERR_INIT;
    struct run_stats stats = { 0 };
    struct tiny t = tiny_shape(TINY_LLAMA);
    t.vocab = 4000;
    tiny_fill(&t, 3);
    tiny_write(&t, *state);
    tiny_release(&t);
    const struct model_options o = {
        .dtype = DTYPE_F32, .total_bytes = CEILING, .weights = WEIGHTS_FILE
    };
    struct model *m = model_open(*state, &o, &err);
    if (!m)
        fail_msg("%s", err.msg);
    static struct set s;
    set_make(&s);
    assert_true(model_score(m, &(struct score_options) { 0 }, s.requests, N,
        &(struct run_options) { .stats = &stats }, &err));
    assert_true(CEILING < TABLE && stats.memory_bytes > 0 && stats.memory_bytes <= CEILING);
    model_close(m);
}

/* What does not fit stays in the file, some or all of it: less memory, the same numbers. */
static void weights_beyond_the_ceiling_stay_in_the_file(void **state) {
    double want[N], got[N];
    uint64_t all_file, some_file, none;
    uint64_t expanded = score_under(state, (struct model_options) { 0 }, want, &none);
    assert_int_equal(none, 0);
    uint64_t held =
        score_under(state, (struct model_options) { .weights = WEIGHTS_FILE }, got, &all_file);
    assert_memory_equal(got, want, sizeof want);
    assert_true(all_file > 40000 && held + all_file == expanded);
    assert_true(score_under(state, (struct model_options) { .total_bytes = 52000 }, got,
                    &some_file) <= 52000);
    assert_memory_equal(got, want, sizeof want);
    assert_true(some_file > 0 && some_file < all_file);
}

static void speed_is_a_number(void **state) {
    struct err err = ERR_INIT;
    double flops_per_s = 0;
    struct model *m = tiny_model(*state, TINY_LLAMA, (struct model_options) { 0 }, &err);
    assert_true(model_speed(m, &flops_per_s, &err));
    assert_true(flops_per_s > 0 && isfinite(flops_per_s));
    model_close(m);
    m = tiny_model(*state, TINY_BERT, (struct model_options) { 0 }, &err);
    assert_true(model_speed(m, &flops_per_s, &err));
    assert_true(flops_per_s > 0 && isfinite(flops_per_s));
    model_close(m);
}

static void the_device_tells_what_it_gives(void **state) {
    struct err err = ERR_INIT;
    static const enum tiny_kind kinds[] = { TINY_LLAMA, TINY_BERT };
    for (int i = 0; i < 2; i++) {
        struct model *m =
            tiny_model(*state, kinds[i], (struct model_options) { .threads = 2 }, &err);
        double roof = model_roof(m, 0.001), stream = model_stream(m, 0.001);
        assert_true(roof > 0 && isfinite(roof) && stream > 0 && isfinite(stream));
        model_close(m);
    }
}

/* Two layers of q and o of 24x24, k and v of 12x24, three of 40x24, and the head of 37x24; a token
 * keeps 12 numbers for its key and 12 for its value in each layer. */
static void a_step_reads_its_weights_and_what_is_kept(void **state) {
    struct err err = ERR_INIT;
    struct model *m = tiny_model(*state, TINY_LLAMA, (struct model_options) { 0 }, &err);
    double weights = 4.0 * (2 * (2 * 24 * 24 + 2 * 12 * 24 + 3 * 40 * 24) + 37 * 24);
    assert_true(model_step_bytes(m, 1, 0) == weights);
    assert_true(model_step_bytes(m, 7, 0) == weights);
    assert_true(model_step_bytes(m, 3, 10) == weights + 3 * 10 * (2 * 2 * 12 * 4));
    model_close(m);
}

enum { LINES = 20, MADE = 30 };

static void generate_lines(struct model *m, bool run_on, struct generate_request *r) {
    static int32_t ids[LINES][3];
    struct err err = ERR_INIT;
    struct generate_options o = {
        .max_tokens = MADE, .temperature = 2, .seed = 5, .run_on = run_on
    };
    for (int i = 0; i < LINES; i++) {
        ids[i][0] = 5 + i % 4, ids[i][1] = 10 + i, ids[i][2] = 3;
        r[i] = (struct generate_request) { .prompt_ids = ids[i], .n_prompt_ids = 3 };
    }
    assert_true(model_generate(m, &o, r, LINES, NULL, &err));
}

static void a_text_can_be_made_to_run_on_past_its_end(void **state) {
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, 3);
    t.max_length = 64;
    tiny_write(&t, *state);
    tiny_release(&t);
    struct model *m = model_open(*state, &(struct model_options) { .dtype = DTYPE_F32 }, &err);
    struct generate_request ending[LINES], running[LINES];
    generate_lines(m, false, ending);
    generate_lines(m, true, running);
    int stopped = 0;
    for (int i = 0; i < LINES; i++) {
        stopped += ending[i].stopped;
        assert_true(running[i].n_ids == MADE && !running[i].stopped);
        assert_memory_equal(ending[i].ids, running[i].ids, ending[i].n_ids * sizeof(int32_t));
        free(ending[i].ids), free(ending[i].text), free(running[i].ids), free(running[i].text);
    }
    assert_true(stopped > 0);
    model_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(each_request_is_reported_once_when_it_has_its_numbers),
        WITH_SCRATCH(a_run_can_be_stopped_at_an_answer),
        WITH_SCRATCH(a_text_of_one_id_is_answered_too),
        WITH_SCRATCH(each_vector_is_reported_once),
        WITH_SCRATCH(a_plan_counts_what_the_run_then_does),
        WITH_SCRATCH(an_encoders_plan_counts_too),
        WITH_SCRATCH(first_and_last_rows_are_what_the_definition_says),
        WITH_SCRATCH(a_ceiling_is_for_weights_and_work_together),
        WITH_SCRATCH(a_table_that_is_read_from_the_file_takes_no_memory),
        WITH_SCRATCH(weights_beyond_the_ceiling_stay_in_the_file),
        WITH_SCRATCH(speed_is_a_number),
        WITH_SCRATCH(the_device_tells_what_it_gives),
        WITH_SCRATCH(a_step_reads_its_weights_and_what_is_kept),
        WITH_SCRATCH(a_text_can_be_made_to_run_on_past_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Ops that only some architectures need, on every instruction set, against their definitions in
 * double precision: attention with slopes, buckets, disentangled distances and sinks; norms of
 * heads; sums by rows; gates that are cut; recurrences; neighbours and learned curves. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/cpu/kernels.h"
#include "tests/harness/cpu_world.h"

/* Runs a check on each instruction set and dtype that this processor has. */
typedef void check_fn(struct backend *b, double tolerance);
static void everywhere(check_fn *check) {
    for (size_t i = 0; kernels_name(i); i++)
        for (int bf16 = 0; bf16 < 2; bf16++) {
            struct backend *b = world_open(
                &(struct setting) { kernels_name(i), "plain", bf16 ? DTYPE_BF16 : DTYPE_F32, 2 });
            if (!b)
                continue;
            check(b, bf16 ? 2e-2 : 2e-5);
            world_close(b);
        }
}

/* ---- attention ---- */

enum { T = KEY_BLOCK + 21, H = 4, G = 2, D = 6, PLACES = 10, REACH = 40 };

struct scene {
    const float *q, *k, *v; /* [T, H*D], [T, G*D], [T, G*D] */
    struct attention a;
};

/* What the definition adds to a score, or makes of it. */
static double scored(const struct scene *s, uint32_t h, uint32_t i, uint32_t j) {
    const struct attention_bias *b = &s->a.bias;
    const float *q = s->q + ((size_t)i * H + h) * D, *k = s->k + ((size_t)j * G + h / (H / G)) * D;
    double dot = 0, places = 0;
    for (uint32_t d = 0; d < D; d++)
        dot += (double)q[d] * k[d];
    int64_t ahead = (int64_t)j - i, cut = ahead > REACH ? REACH : ahead < -REACH ? -REACH : ahead;
    if (b->rows) {
        size_t row = b->rows[-cut + REACH];
        for (uint32_t d = 0; d < D; d++)
            places += (b->key_places ? (double)q[d] * b->key_places[(row * H + h) * D + d] : 0) +
                      (b->query_places ? (double)k[d] * b->query_places[(row * H + h) * D + d] : 0);
    }
    double score = (dot + places) * s->a.scale;
    if (b->slopes && b->bf16) {
        float slope = bf16_to_f32(bf16_from_f32(b->slopes[h]));
        float place = bf16_to_f32(bf16_from_f32((float)j));
        score += s->a.scale * (double)bf16_to_f32(bf16_from_f32(slope * place));
    } else if (b->slopes) {
        score -= (double)b->slopes[h] * fabs((double)ahead);
    }
    if (b->by_distance)
        score += (double)b->by_distance[h * (2 * REACH + 1) + (uint32_t)(cut + REACH)];
    return score;
}

static void defined(const struct scene *s, float *out) {
    for (uint32_t i = 0; i < T; i++)
        for (uint32_t h = 0; h < H; h++) {
            double total = s->a.sinks ? exp((double)s->a.sinks[h]) : 0, sums[D] = { 0 };
            for (uint32_t j = 0; j < (s->a.causal ? i + 1 : T); j++) {
                double p = exp(scored(s, h, i, j));
                total += p;
                for (uint32_t d = 0; d < D; d++)
                    sums[d] += p * (double)s->v[((size_t)j * G + h / (H / G)) * D + d];
            }
            for (uint32_t d = 0; d < D; d++)
                out[((size_t)i * H + h) * D + d] = (float)(sums[d] / total);
        }
}

/* The text as one segment, or cut in two: the second sees the first as its ancestor. */
static const float *attended(struct backend *b, const struct scene *s, uint32_t first) {
    struct err err = ERR_INIT;
    struct kv_cache *kv = b->ops->kv_cache(b, 1, T, G * D, &err);
    uint32_t slots[T];
    for (uint32_t i = 0; i < T; i++)
        slots[i] = i;
    b->ops->kv_store(b, kv, 0, slots, world_rows(b, T, G * D, ELEM_F32, s->k),
        world_rows(b, T, G * D, ELEM_F32, s->v));
    const struct kv_span before = { .slot = 0, .n = first };
    const struct segment segments[] = {
        { .row = 0, .n = first, .n_after = s->a.causal ? 0 : T - first },
        { .row = first,
            .n = T - first,
            .position = first,
            .slot = first,
            .ancestors = &before,
            .n_ancestors = 1 },
    };
    struct rows out = world_empty(b, T, H * D, b->ops->caps(b)->act);
    b->ops->attend(
        b, &s->a, kv, 0, segments, first < T ? 2 : 1, world_rows(b, T, H * D, ELEM_F32, s->q), out);
    return world_read(b, out, H * D);
}

static struct scene scene_make(bool causal) {
    return (struct scene) { .q = noise_new(1, (size_t)T * H * D, 1),
        .k = noise_new(2, (size_t)T * G * D, 1),
        .v = noise_new(3, (size_t)T * G * D, 1),
        .a = { .n_heads = H, .n_kv_heads = G, .head_dim = D, .scale = 0.4F, .causal = causal } };
}

static void scene_check(
    struct backend *b, const char *what, const struct scene *s, double tolerance) {
    float *want = world_alloc((size_t)T * H * D * sizeof *want);
    const float *whole = attended(b, s, T), *cut = attended(b, s, 37);
    defined(s, want);
    assert_close(what, (size_t)T * H * D, whole, want, tolerance);
    assert_same_bits(what, (size_t)T * H * D, cut, whole);
}

static void check_slopes(struct backend *b, double tolerance) {
    struct scene s = scene_make(true);
    s.a.bias.slopes = (const float[H]) { 0.5F, 0.25F, 0.07F, 0.003F };
    scene_check(b, "slopes", &s, tolerance);
    s.a.bias.bf16 = true;
    scene_check(b, "slopes in bf16", &s, tolerance);
    struct scene both = scene_make(false);
    both.a.bias.slopes = s.a.bias.slopes;
    scene_check(b, "slopes to both sides", &both, tolerance);
}

static void check_distances(struct backend *b, double tolerance) {
    for (int causal = 0; causal < 2; causal++) {
        struct scene s = scene_make(causal);
        s.a.bias.by_distance = noise_new(4, (size_t)H * (2 * REACH + 1), 2);
        s.a.bias.reach = REACH;
        scene_check(b, "by distance", &s, tolerance);
    }
}

static void check_disentangled(struct backend *b, double tolerance) {
    uint16_t rows[2 * REACH + 1];
    for (uint32_t i = 0; i < 2 * REACH + 1; i++)
        rows[i] = (uint16_t)(i * PLACES / (2 * REACH + 1));
    for (int which = 1; which < 4; which++) {
        struct scene s = scene_make(false);
        s.a.bias.rows = rows;
        s.a.bias.reach = REACH;
        s.a.bias.key_places = which & 1 ? noise_new(5, (size_t)PLACES * H * D, 1) : NULL;
        s.a.bias.query_places = which & 2 ? noise_new(6, (size_t)PLACES * H * D, 1) : NULL;
        scene_check(b, "disentangled", &s, tolerance);
    }
}

static void check_sinks(struct backend *b, double tolerance) {
    struct scene s = scene_make(true);
    s.a.sinks = (const float[H]) { -1, 0, 2, 8 };
    scene_check(b, "sinks", &s, tolerance);
}

static void slopes_fall_with_the_distance(void **state) {
    (void)state;
    everywhere(check_slopes);
}

static void each_distance_has_its_number(void **state) {
    (void)state;
    everywhere(check_distances);
}

static void queries_and_keys_meet_their_distance(void **state) {
    (void)state;
    everywhere(check_disentangled);
}

static void sinks_take_their_share(void **state) {
    (void)state;
    everywhere(check_sinks);
}

/* ---- a recurrence ---- */

enum { N = 37, S = 3, TAPS = 4, L = 21 };

static double softplus(double x) {
    return log1p(exp(x));
}

static double silu(double x) {
    return x / (1 + exp(-x));
}

/* Channels, raw steps with what they bring in, what is read, and gates: [L, N], [L, N + S], [L, S],
 * [L, N]; only the first N of x's N + S columns count. */
struct course {
    const float *x, *v, *read, *gate;
    struct recurrence r;
};

static void course_defined(const struct course *c, float *u_out, float *out) {
    for (uint32_t n = 0; n < N; n++) {
        double state[S] = { 0 };
        for (uint32_t t = 0; t < L; t++) {
            double u = (double)c->r.taps_bias[n], y = 0;
            for (uint32_t k = 0; k < TAPS; k++)
                if (t + k + 1 >= TAPS)
                    u += (double)c->r.taps[n * TAPS + k] *
                         (double)c->x[(t + k + 1 - TAPS) * (N + S) + n];
            u = silu(u);
            u_out[t * N + n] = (float)u;
            double step = softplus((double)c->v[t * (N + S) + n]);
            for (uint32_t s = 0; s < S; s++) {
                state[s] = exp(-exp((double)c->r.decay[n * S + s]) * step) * state[s] +
                           step * (double)c->v[t * (N + S) + N + s] * u;
                y += state[s] * (double)c->read[t * S + s];
            }
            out[t * N + n] =
                (float)((y + (double)c->r.skip[n] * u) * silu((double)c->gate[t * N + n]));
        }
    }
}

static const float *course_run(
    struct backend *b, const struct course *c, uint32_t first, struct rows u) {
    struct err err = ERR_INIT;
    struct kv_cache *kv = b->ops->kv_cache(b, 1, L, N + S, &err);
    uint32_t slots[L];
    for (uint32_t i = 0; i < L; i++)
        slots[i] = i;
    b->ops->kv_store(b, kv, 0, slots, world_rows(b, L, N + S, ELEM_F32, c->x),
        world_rows(b, L, N + S, ELEM_F32, c->v));
    const struct kv_span before = { .slot = 0, .n = first };
    const struct segment segments[] = {
        { .row = 0, .n = first },
        { .row = first,
            .n = L - first,
            .position = first,
            .slot = first,
            .ancestors = &before,
            .n_ancestors = 1 },
    };
    struct rows out = world_empty(b, L, N, b->ops->caps(b)->act);
    b->ops->convolve(b, &c->r, kv, 0, segments, first < L ? 2 : 1, u);
    b->ops->recur(b, &c->r, kv, 0, segments, first < L ? 2 : 1,
        world_rows(b, L, S, ELEM_F32, c->read), world_rows(b, L, N, ELEM_F32, c->gate), out);
    return world_read(b, out, N);
}

static void check_recurrence(struct backend *b, double tolerance) {
    const struct course c = { .x = noise_new(21, L * (N + S), 1),
        .v = noise_new(22, L * (N + S), 1),
        .read = noise_new(23, L * S, 1),
        .gate = noise_new(24, L * N, 2),
        .r = { .n_channels = N,
            .n_state = S,
            .n_taps = TAPS,
            .activation = ACT_SILU,
            .taps = noise_new(25, N * TAPS, 1),
            .taps_bias = noise_new(26, N, 1),
            .decay = noise_new(27, N * S, 1),
            .skip = noise_new(28, N, 1) } };
    float *want_u = world_alloc(L * N * sizeof *want_u), *want = world_alloc(L * N * sizeof *want);
    struct rows u = world_empty(b, L, N, ELEM_F32);
    course_defined(&c, want_u, want);
    const float *whole = course_run(b, &c, L, u);
    assert_close("convolution", L * N, world_read(b, u, N), want_u, tolerance);
    assert_close("recurrence", L * N, whole, want, tolerance);
    assert_same_bits("recurrence cut in two", L * N, course_run(b, &c, 2, u), whole);
    assert_same_bits("recurrence cut in two", L * N, course_run(b, &c, 8, u), whole);
}

static void a_recurrence_goes_on_from_its_ancestors(void **state) {
    (void)state;
    everywhere(check_recurrence);
}

/* ---- a recurrence of heads ---- */

enum { HEADS = 4, P = 5, GROUPS = 2, HN = HEADS * P, M = HN + 2 * GROUPS * S, SLOT = M };

/* What stands in a slot's keys and values, and gates: [L, SLOT], [L, HN + GROUPS * S + HEADS] with
 * the rest of SLOT unused, [L, HN]. What rows read lies in `u` as the convolution gives it. */
struct heads_course {
    uint32_t slot; /* width of a slot */
    const float *x, *v, *u, *gate;
    struct recurrence r;
};

static void heads_defined(const struct heads_course *c, float *out) {
    for (uint32_t n = 0; n < HN; n++) {
        double state[S] = { 0 };
        uint32_t head = n / P, group = head / (HEADS / GROUPS);
        for (uint32_t t = 0; t < L; t++) {
            const float *v = c->v + t * SLOT, *u = c->u + t * M;
            double y = 0, step = softplus(
                              (double)v[HN + GROUPS * S + head] + (double)c->r.step_from[head]);
            step = fmin(fmax(step, (double)c->r.step_min), (double)c->r.step_max);
            for (uint32_t s = 0; s < S; s++) {
                state[s] = exp(-exp((double)c->r.decay[head]) * step) * state[s] +
                           step * (double)v[HN + group * S + s] * (double)v[n];
                y += state[s] * (double)u[HN + (GROUPS + group) * S + s];
            }
            y += (double)c->r.skip[head] * (double)v[n];
            out[t * HN + n] = (float)(y * silu((double)c->gate[t * HN + n]));
        }
    }
}

static const float *heads_run(struct backend *b, const struct heads_course *c, uint32_t first) {
    struct err err = ERR_INIT;
    struct kv_cache *kv = b->ops->kv_cache(b, 1, L, c->slot, &err);
    uint32_t slots[L];
    for (uint32_t i = 0; i < L; i++)
        slots[i] = i;
    b->ops->kv_store(b, kv, 0, slots, world_rows(b, L, c->slot, ELEM_F32, c->x),
        world_rows(b, L, c->slot, ELEM_F32, c->v));
    const struct kv_span before = { .slot = 0, .n = first };
    const struct segment segments[] = {
        { .row = 0, .n = first },
        { .row = first,
            .n = L - first,
            .position = first,
            .slot = first,
            .ancestors = &before,
            .n_ancestors = 1 },
    };
    struct rows out = world_empty(b, L, HN, ELEM_F32);
    b->ops->recur(b, &c->r, kv, 0, segments, first < L ? 2 : 1, world_rows(b, L, M, ELEM_F32, c->u),
        world_rows(b, L, HN, ELEM_F32, c->gate), out);
    return world_read(b, out, HN);
}

static void check_heads(struct backend *b, double tolerance) {
    const struct heads_course c = { .slot = SLOT,
        .x = noise_new(41, L * SLOT, 1),
        .v = noise_new(42, L * SLOT, 1),
        .u = noise_new(43, L * M, 1),
        .gate = noise_new(44, L * HN, 2),
        .r = { .n_channels = HN,
            .n_state = S,
            .n_taps = TAPS,
            .n_heads = HEADS,
            .n_groups = GROUPS,
            .activation = ACT_SILU,
            .step_from = noise_new(45, HEADS, 1),
            .step_min = 0.3F,
            .step_max = 1.2F,
            .taps = noise_new(46, M * TAPS, 1),
            .decay = noise_new(47, HEADS, 1),
            .skip = noise_new(48, HEADS, 1) } };
    float *want = world_alloc(L * HN * sizeof *want);
    heads_defined(&c, want);
    const float *whole = heads_run(b, &c, L);
    assert_close("recurrence of heads", L * HN, whole, want, tolerance);
    assert_same_bits("recurrence of heads cut in two", L * HN, heads_run(b, &c, 2), whole);
    assert_same_bits("recurrence of heads cut in two", L * HN, heads_run(b, &c, 8), whole);
}

static void a_recurrence_of_heads_goes_on_from_its_ancestors(void **state) {
    (void)state;
    everywhere(check_heads);
}

/* ---- heads that correct ---- */

enum { CORRECTED = M + 2 * HEADS };

/* What comes out of one head, by the definition: [L, P]. What is read and brought in has length 1.
 */
static void corrected(const struct heads_course *c, uint32_t head, float *out) {
    double state[S][P] = { { 0 } };
    uint32_t group = head / (HEADS / GROUPS);
    for (uint32_t t = 0; t < L; t++) {
        const float *v = c->v + t * CORRECTED, *read = c->u + t * M + group * S,
                    *brought = v + (GROUPS + group) * S, *u = v + 2 * GROUPS * S + head * P;
        double step = softplus((double)v[M + head] + (double)c->r.step_from[head]),
               weight = 1 / (1 + exp(-(double)v[M + HEADS + head])), b_length = 1e-6,
               r_length = 1e-6;
        for (uint32_t s = 0; s < S; s++) {
            b_length += (double)brought[s] * (double)brought[s];
            r_length += (double)read[s] * (double)read[s];
        }
        for (uint32_t p = 0; p < P; p++) {
            double recalled = 0, y = 0;
            for (uint32_t s = 0; s < S; s++) {
                state[s][p] *= exp(-exp((double)c->r.decay[head]) * step);
                recalled += state[s][p] * (double)brought[s] / sqrt(b_length);
            }
            for (uint32_t s = 0; s < S; s++) {
                state[s][p] +=
                    (double)brought[s] / sqrt(b_length) * weight * ((double)u[p] - recalled);
                y += state[s][p] * (double)read[s] / sqrt(r_length * S);
            }
            out[t * HN + head * P + p] = (float)(y * silu((double)c->gate[t * HN + head * P + p]));
        }
    }
}

static void check_corrections(struct backend *b, double tolerance) {
    const struct heads_course c = { .slot = CORRECTED,
        .x = noise_new(41, L * CORRECTED, 1),
        .v = noise_new(42, L * CORRECTED, 1),
        .u = noise_new(43, L * M, 1),
        .gate = noise_new(44, L * HN, 2),
        .r = { .corrects = true,
            .n_channels = HN,
            .n_state = S,
            .n_taps = TAPS,
            .n_heads = HEADS,
            .n_groups = GROUPS,
            .activation = ACT_SILU,
            .decay = noise_new(45, HEADS, 1),
            .step_from = noise_new(46, HEADS, 1) } };
    float *want = world_alloc(L * HN * sizeof *want);
    for (uint32_t head = 0; head < HEADS; head++)
        corrected(&c, head, want);
    const float *whole = heads_run(b, &c, L);
    assert_close("corrections", L * HN, whole, want, tolerance);
    assert_same_bits("corrections cut in two", L * HN, heads_run(b, &c, 3), whole);
}

static void heads_correct_what_they_recall(void **state) {
    (void)state;
    everywhere(check_corrections);
}

/* ---- rows ---- */

enum { ROWS = 5, COLS = 21 };

static void check_norm_heads(struct backend *b, double tolerance) {
    enum { DIM = COLS / 3 };
    const float *x = noise_new(7, ROWS * COLS, 3), *gain = noise_new(8, COLS, 1);
    (void)tolerance;
    for (int each = 0; each < 2; each++)
        for (int layer = 0; layer < 2; layer++) {
            struct rows rows = world_rows(b, ROWS, COLS, ELEM_F32, x);
            float want[ROWS * COLS];
            for (uint32_t i = 0; i < ROWS * 3; i++) {
                double mean = 0, square = 0;
                for (uint32_t d = 0; layer && d < DIM; d++)
                    mean += (double)x[i * DIM + d] / DIM;
                for (uint32_t d = 0; d < DIM; d++)
                    square += pow((double)x[i * DIM + d] - mean, 2) / DIM;
                for (uint32_t d = 0; d < DIM; d++)
                    want[i * DIM + d] =
                        (float)(((double)x[i * DIM + d] - mean) / sqrt(square + 1e-5) *
                                (double)gain[(each ? i % 3 * DIM : 0) + d]);
            }
            b->ops->norm_heads(b, layer ? NORM_LAYER : NORM_RMS,
                world_vector(b, each ? COLS : DIM, gain), NULL, 1e-5F, 3, rows);
            assert_close("norm of heads", ROWS * COLS, world_read(b, rows, COLS), want, 2e-6);
        }
}

static void check_sums(struct backend *b, double tolerance) {
    static const uint32_t index[3] = { 4, 0, 2 };
    static const float weights[3] = { 0.5F, -2, 3 };
    const float *x = noise_new(9, ROWS * COLS, 1), *y = noise_new(10, ROWS * COLS, 1);
    float want[ROWS * COLS];
    (void)tolerance;
    struct rows out = world_rows(b, ROWS, COLS, ELEM_F32, x);
    b->ops->add(b, 0.25F, world_rows(b, ROWS, COLS, ELEM_F32, y), out);
    for (uint32_t i = 0; i < ROWS * COLS; i++)
        want[i] = x[i] + 0.25F * y[i];
    assert_close("add", ROWS * COLS, world_read(b, out, COLS), want, 1e-6);
    b->ops->scatter(b, index, weights, world_rows(b, 3, COLS, ELEM_F32, y), out);
    for (uint32_t i = 0; i < 3 * COLS; i++)
        want[index[i / COLS] * COLS + i % COLS] += weights[i / COLS] * y[i];
    assert_close("scatter", ROWS * COLS, world_read(b, out, COLS), want, 1e-6);
    b->ops->clip(b, 0.3F, out);
    for (uint32_t i = 0; i < ROWS * COLS; i++)
        want[i] = want[i] > 0.3F ? 0.3F : want[i] < -0.3F ? -0.3F : want[i];
    assert_close("clip", ROWS * COLS, world_read(b, out, COLS), want, 1e-6);
    b->ops->spread(b, 3, 2, world_rows(b, ROWS, 4, ELEM_F32, y), out);
    for (uint32_t i = 0; i < ROWS; i++)
        for (uint32_t h = 0; h < 3; h++)
            for (uint32_t d = 0; d < 4; d++)
                want[i * COLS + h * (COLS / 3) + 2 + d] = y[i * 4 + d];
    assert_close("spread", ROWS * COLS, world_read(b, out, COLS), want, 1e-6);
}

static void check_gate(struct backend *b, double tolerance) {
    const float *gate = noise_new(11, ROWS * COLS, 4), *up = noise_new(12, ROWS * COLS, 4);
    float want[ROWS * COLS];
    struct rows out = world_empty(b, ROWS, COLS, b->ops->caps(b)->act);
    b->ops->gate(b, &(struct gating) { .activation = ACT_SILU, .limit = 1.5, .alpha = 1.7 },
        world_rows(b, ROWS, COLS, ELEM_F32, gate), world_rows(b, ROWS, COLS, ELEM_F32, up), out);
    for (uint32_t i = 0; i < ROWS * COLS; i++) {
        double g = fmin((double)gate[i], 1.5), u = fmax(fmin((double)up[i], 1.5), -1.5);
        want[i] = (float)((u + 1) * g / (1 + exp(-1.7 * g)));
    }
    assert_close("gate", ROWS * COLS, world_read(b, out, COLS), want, tolerance);
}

static void check_sigmoid_gate(struct backend *b, double tolerance) {
    const float *gate = noise_new(13, ROWS * COLS, 4), *up = noise_new(14, ROWS * COLS, 4);
    float want[ROWS * COLS];
    struct rows out = world_empty(b, ROWS, COLS, b->ops->caps(b)->act);
    b->ops->gate(b, &(struct gating) { .sigmoid = true }, world_rows(b, ROWS, COLS, ELEM_F32, gate),
        world_rows(b, ROWS, COLS, ELEM_F32, up), out);
    for (uint32_t i = 0; i < ROWS * COLS; i++)
        want[i] = (float)((double)up[i] / (1 + exp(-(double)gate[i])));
    assert_close("sigmoid gate", ROWS * COLS, world_read(b, out, COLS), want, tolerance);
}

static void check_curve(struct backend *b, double tolerance) {
    const struct learned_curve c = { 0.7F, 1.3F, 0.4F, -0.5F };
    const float *x = noise_new(15, ROWS * COLS, 2);
    float want[ROWS * COLS];
    struct rows out = world_empty(b, ROWS, COLS, b->ops->caps(b)->act);
    b->ops->curve(b, &c, world_rows(b, ROWS, COLS, ELEM_F32, x), out);
    for (uint32_t i = 0; i < ROWS * COLS; i++) {
        double v = (double)x[i], below = 1.3F * (exp(fmin(v, -0.5)) - 1 - v);
        want[i] = (float)((v > 0 ? 0.7F * v * v : below) + 0.4F * v);
    }
    assert_close("curve", ROWS * COLS, world_read(b, out, COLS), want, tolerance);
}

/* Two segments: rows at their ends have no neighbours beyond. */
static void check_unfold(struct backend *b, double tolerance) {
    enum { WIDE = 3, CUT = 2 };
    const float *x = noise_new(16, ROWS * COLS, 2);
    const struct segment segments[] = { { .row = 0, .n = CUT }, { .row = CUT, .n = ROWS - CUT } };
    float want[ROWS * COLS * WIDE];
    struct rows out = world_empty(b, ROWS, COLS * WIDE, b->ops->caps(b)->act);
    b->ops->unfold(b, WIDE, segments, 2, world_rows(b, ROWS, COLS, ELEM_F32, x), out);
    for (int32_t t = 0; t < ROWS; t++)
        for (int32_t i = 0; i < COLS; i++)
            for (int32_t j = 0; j < WIDE; j++) {
                int32_t at = t + j - 1, first = t < CUT ? 0 : CUT, end = t < CUT ? CUT : ROWS;
                want[(t * COLS + i) * WIDE + j] = at < first || at >= end ? 0 : x[at * COLS + i];
            }
    assert_close(
        "unfold", sizeof want / sizeof *want, world_read(b, out, COLS * WIDE), want, tolerance);
}

static void a_gate_can_be_a_share(void **state) {
    (void)state;
    everywhere(check_sigmoid_gate);
}

static void an_activation_follows_its_numbers(void **state) {
    (void)state;
    everywhere(check_curve);
}

static void rows_see_the_neighbours_of_their_own_segment(void **state) {
    (void)state;
    everywhere(check_unfold);
}

static void heads_are_normed_each_by_itself(void **state) {
    (void)state;
    everywhere(check_norm_heads);
}

static void rows_are_added_where_they_belong(void **state) {
    (void)state;
    everywhere(check_sums);
}

static void gates_are_cut(void **state) {
    (void)state;
    everywhere(check_gate);
}

static void a_nan_is_not_cut_to_a_number(void **state) {
    (void)state;
    struct backend *b = world_open(&(struct setting) { "plain", "plain", DTYPE_F32, 1 });
    struct rows x = world_rows(b, 1, 2, ELEM_F32, (const float[]) { NAN, 7 });
    b->ops->clip(b, 1, x);
    const float *got = world_read(b, x, 2);
    assert_true(isnan(got[0]) && got[1] == 1);
    world_close(b);
}

/* ---- what the processor gives ---- */

static bool has_neon(const struct kernels *k) {
    return !strncmp(k->name, "neon", 4);
}

static int chains(const struct kernels *k) {
    return has_neon(k) ? 16 : 12;
}

/* A chain that starts at i, after so many steps: times 0.9999 plus a millionth, or plus their
 * product. */
static double chain_after(const struct kernels *k, double i, int steps) {
    while (steps-- > 0)
        i = has_neon(k) ? i + 0.9999 * 1e-6 : i * 0.9999 + 1e-6;
    return i;
}

/* The sums of all chains say that each was really run as often as its FLOPs are counted. */
static void the_roof_counts_what_it_computes(void **state) {
    (void)state;
    enum { STEPS = 1000 };
    for (size_t i = 0; kernels_name(i); i++) {
        struct err err = ERR_INIT;
        setenv("ASSAY_ISA", kernels_name(i), 1);
        const struct kernels *k = kernels_choose(&err);
        if (!k)
            continue;
        double lanes = k->roof.f32_flops / (2.0 * chains(k)), want = 0.9999;
        for (int c = 0; c < chains(k); c++)
            want += chain_after(k, c, STEPS);
        assert_true(fabs((double)k->roof.f32(STEPS) - lanes * want) < 1e-3 * lanes * want);
        bool pairs = strstr(k->name, "bf16");
        assert_true(k->roof.bf16_flops == k->roof.f32_flops * (pairs ? 2 : 1));
        assert_true(isfinite(k->roof.bf16(STEPS)));
    }
    unsetenv("ASSAY_ISA");
}

/* ---- two ops in one ---- */

enum { N_LINES = 21, N_COLS = 96 };

static void check_renorm(struct backend *b, double tolerance) {
    (void)tolerance;
    enum elem act = b->ops->caps(b)->act;
    float *x = noise_new(5, N_LINES * N_COLS, 2);
    struct vector *gain = world_vector(b, N_COLS, noise_new(6, N_COLS, 1)),
                  *bias = world_vector(b, N_COLS, noise_new(7, N_COLS, 1));
    struct rows one = world_rows(b, N_LINES, N_COLS, ELEM_F32, x),
                two = world_rows(b, N_LINES, N_COLS, ELEM_F32, x),
                one_act = world_empty(b, N_LINES, N_COLS, act),
                two_act = world_empty(b, N_LINES, N_COLS, act);
    b->ops->norm(b, NORM_LAYER, gain, bias, 1e-5F, one, one);
    b->ops->convert(b, one, one_act);
    b->ops->renorm(b, NORM_LAYER, gain, bias, 1e-5F, two, two_act);
    size_t n = N_LINES * N_COLS;
    assert_same_bits("in place", n, world_read(b, two, N_COLS), world_read(b, one, N_COLS));
    assert_same_bits("rounded", n, world_read(b, two_act, N_COLS), world_read(b, one_act, N_COLS));
}

static void a_renorm_is_a_norm_and_its_rounding(void **state) {
    (void)state;
    everywhere(check_renorm);
}

enum { FIRST_SLOT = 13, KEY_HEADS = 3, KEY_DIM = 32, KEY_WIDTH = KEY_HEADS * KEY_DIM };

static struct rows product(struct backend *b, struct matrix *w, struct rows x, struct rows out) {
    b->ops->matmul(b, w, x, out, NULL);
    return out;
}

/* Attention where queries, keys and values went from their products to where they are read, or by
 * way of f32 rows. */
static const float *attended_to(struct backend *b, bool straight) {
    struct err err = ERR_INIT;
    enum elem act = b->ops->caps(b)->act;
    struct kv_cache *kv = b->ops->kv_cache(b, 2, 64, KEY_WIDTH, &err);
    struct rows x = world_rows(b, N_LINES, N_COLS, act, noise_new(8, N_LINES * N_COLS, 1)), q, k, v;
    struct matrix *w[3];
    uint32_t slots[N_LINES];
    for (uint32_t i = 0; i < 3; i++)
        w[i] = world_matrix(b, KEY_WIDTH, N_COLS, noise_new(9 + i, KEY_WIDTH * N_COLS, 1));
    for (uint32_t i = 0; i < N_LINES; i++)
        slots[i] = FIRST_SLOT + i;
    q = product(b, w[0], x, world_empty(b, N_LINES, KEY_WIDTH, straight ? act : ELEM_F32));
    k = straight ? b->ops->kv_keys(kv, 1, FIRST_SLOT, N_LINES)
                 : world_empty(b, N_LINES, KEY_WIDTH, ELEM_F32);
    v = straight ? b->ops->kv_values(kv, 1, FIRST_SLOT, N_LINES)
                 : world_empty(b, N_LINES, KEY_WIDTH, ELEM_F32);
    product(b, w[1], x, k);
    product(b, w[2], x, v);
    if (!straight) /* each half by itself */
        b->ops->kv_store(b, kv, 1, slots, k, (struct rows) { 0 });
    if (!straight)
        b->ops->kv_store(b, kv, 1, slots, (struct rows) { 0 }, v);
    struct attention a = {
        .n_heads = KEY_HEADS, .n_kv_heads = KEY_HEADS, .head_dim = KEY_DIM, .scale = 0.2F
    };
    struct segment segment = { .n = N_LINES, .slot = FIRST_SLOT };
    struct rows out = world_empty(b, N_LINES, KEY_WIDTH, act);
    b->ops->attend(b, &a, kv, 1, &segment, 1, q, out);
    return world_read(b, out, KEY_WIDTH);
}

static void check_straight(struct backend *b, double tolerance) {
    (void)tolerance;
    assert_same_bits("attended", N_LINES * KEY_WIDTH, attended_to(b, true), attended_to(b, false));
}

static void keys_may_go_from_their_product_into_the_cache(void **state) {
    (void)state;
    everywhere(check_straight);
}

/* Questions behind one preamble, behind another, behind a shorter part of it, and behind several
 * that begin with one token. */
enum {
    ASKED = 5,
    QUESTIONS = 8,
    PREAMBLE = KEY_BLOCK + 3,
    CELLS = 2 * PREAMBLE + QUESTIONS * ASKED,
};

static void check_preambles(struct backend *b, double tolerance) {
    (void)tolerance;
    struct err err = ERR_INIT;
    const struct kv_span spans[QUESTIONS][2] = { { { 0, PREAMBLE } }, { { 0, PREAMBLE } },
        { { PREAMBLE, PREAMBLE } }, { { PREAMBLE, KEY_BLOCK } },
        { { 0, 1 }, { PREAMBLE, KEY_BLOCK } }, { { 0, 1 }, { PREAMBLE, KEY_BLOCK + 2 } },
        { { 0, 1 }, { PREAMBLE + 1, KEY_BLOCK + 2 } }, { { 0, 2 }, { PREAMBLE, KEY_BLOCK } } };
    struct kv_cache *kv = b->ops->kv_cache(b, 1, CELLS, KEY_WIDTH, &err);
    struct rows cells =
        world_rows(b, CELLS, KEY_WIDTH, ELEM_F32, noise_new(3, CELLS * KEY_WIDTH, 1));
    struct rows q = world_rows(
        b, QUESTIONS * ASKED, KEY_WIDTH, ELEM_F32, noise_new(4, QUESTIONS * ASKED * KEY_WIDTH, 1));
    struct rows together = world_empty(b, q.n, KEY_WIDTH, ELEM_F32),
                alone = world_empty(b, q.n, KEY_WIDTH, ELEM_F32);
    struct segment segments[QUESTIONS];
    uint32_t slots[CELLS];
    for (uint32_t i = 0; i < CELLS; i++)
        slots[i] = i;
    b->ops->kv_store(b, kv, 0, slots, cells, cells);
    struct attention a = { .n_heads = KEY_HEADS,
        .n_kv_heads = KEY_HEADS,
        .head_dim = KEY_DIM,
        .scale = 0.2F,
        .causal = true };
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        segments[i] = (struct segment) { .row = i * ASKED,
            .n = ASKED,
            .position = spans[i][0].n + spans[i][1].n,
            .slot = 2 * PREAMBLE + i * ASKED,
            .ancestors = spans[i],
            .n_ancestors = spans[i][1].n > 0 ? 2 : 1 };
        b->ops->attend(b, &a, kv, 0, &segments[i], 1, q, alone);
    }
    b->ops->attend(b, &a, kv, 0, segments, QUESTIONS, q, together);
    assert_same_bits("questions", (size_t)q.n * KEY_WIDTH, world_read(b, together, KEY_WIDTH),
        world_read(b, alone, KEY_WIDTH));
}

static void questions_keep_their_own_preamble(void **state) {
    (void)state;
    everywhere(check_preambles);
}

static void the_stream_reads_every_number(void **state) {
    (void)state;
    enum { NUMBERS = 12 * 16 * 5 }; /* a whole number of rounds of any table */
    static float x[NUMBERS];
    for (int i = 0; i < NUMBERS; i++)
        x[i] = (float)(i % 7);
    for (size_t i = 0; kernels_name(i); i++) {
        struct err err = ERR_INIT;
        setenv("ASSAY_ISA", kernels_name(i), 1);
        const struct kernels *k = kernels_choose(&err);
        int n = k ? chains(k) : 1;
        double want = 0, lanes = k ? k->roof.f32_flops / (2.0 * n) : 0;
        for (int j = 0; j < NUMBERS; j++)
            want += x[j];
        /* each lane of a chain starts at the chain's number */
        assert_true(!k || fabs((double)k->roof.stream(NUMBERS, x) -
                               (want + lanes * (n * (n - 1) / 2))) < 0.5);
    }
    unsetenv("ASSAY_ISA");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slopes_fall_with_the_distance),
        cmocka_unit_test(each_distance_has_its_number),
        cmocka_unit_test(queries_and_keys_meet_their_distance),
        cmocka_unit_test(sinks_take_their_share),
        cmocka_unit_test(a_recurrence_goes_on_from_its_ancestors),
        cmocka_unit_test(a_recurrence_of_heads_goes_on_from_its_ancestors),
        cmocka_unit_test(heads_correct_what_they_recall),
        cmocka_unit_test(heads_are_normed_each_by_itself),
        cmocka_unit_test(rows_are_added_where_they_belong),
        cmocka_unit_test(gates_are_cut),
        cmocka_unit_test(a_gate_can_be_a_share),
        cmocka_unit_test(an_activation_follows_its_numbers),
        cmocka_unit_test(rows_see_the_neighbours_of_their_own_segment),
        cmocka_unit_test(a_nan_is_not_cut_to_a_number),
        cmocka_unit_test(a_renorm_is_a_norm_and_its_rounding),
        cmocka_unit_test(questions_keep_their_own_preamble),
        cmocka_unit_test(keys_may_go_from_their_product_into_the_cache),
        cmocka_unit_test(the_roof_counts_what_it_computes),
        cmocka_unit_test(the_stream_reads_every_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

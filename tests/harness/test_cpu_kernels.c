/* Every kernel of every table that this processor runs, against the plain table: on lengths that
 * vectors don't divide, with NaN and infinities in each place, in memory that ends where the
 * numbers do. What is rounded once, or twice in a fixed order, must be the same to the bit; what is
 * summed or made by a series may differ in the last places. And a row's bits don't depend on the
 * rows beside it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/cpu/kernels.h"
#include "tests/harness/cpu_world.h"

/* ---- memory, numbers, comparisons ---- */

static struct {
    void *at;
    size_t bytes;
} maps[1024];
static size_t n_maps;

/* Bytes behind which a page begins that nobody may touch. */
static void *placed(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
    uint8_t *at =
        mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED && n_maps < sizeof maps / sizeof *maps);
    assert_int_equal(mprotect(at + whole, page, PROT_NONE), 0);
    maps[n_maps].at = at;
    maps[n_maps++].bytes = whole + page;
    return at + whole - bytes;
}

static void unplace(void) {
    while (n_maps-- > 0)
        munmap(maps[n_maps].at, maps[n_maps].bytes);
    n_maps = 0;
}

static float *floats(uint32_t seed, size_t n, float scale) {
    float *x = placed(n * sizeof *x);
    noise(seed, n, scale, x);
    return x;
}

static float *copied(size_t n, const float *x) {
    return memcpy(placed(n * sizeof *x), x, n * sizeof *x);
}

/* The same bits, or both NaN. */
static void same(const char *what, size_t n, const float *got, const float *want) {
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0 && !(isnan(got[i]) && isnan(want[i])))
            fail_msg("%s of %zu: element %zu is %.9g, should be %.9g", what, n, i, (double)got[i],
                (double)want[i]);
}

static void close_to(const char *what, size_t n, const float *got, const float *want, double by) {
    for (size_t i = 0; i < n; i++) {
        bool ok = isnan(want[i]) || isinf(want[i])
                      ? isnan(want[i]) ? isnan(got[i]) : got[i] == want[i]
                      : fabs((double)got[i] - (double)want[i]) <= by * (1 + fabs((double)want[i]));
        if (!ok)
            fail_msg("%s of %zu: element %zu is %.9g, should be %.9g", what, n, i, (double)got[i],
                (double)want[i]);
    }
}

static const size_t lengths[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 15, 16, 17, 30, 31, 33, 64, 67,
    100, 129 };
enum { N_LENGTHS = sizeof lengths / sizeof *lengths };

typedef void check_fn(const struct kernels *k);

static const struct kernels *table(const char *name) {
    struct err err = ERR_INIT;
    setenv("ASSAY_ISA", name, 1);
    const struct kernels *k = kernels_choose(&err);
    unsetenv("ASSAY_ISA");
    if (k == NULL)
        print_message("not run with %s: %s\n", name, err.msg);
    return k;
}

static void on_each(check_fn *check) {
    for (size_t i = 0; kernels_name(i) != NULL; i++) {
        const struct kernels *k = table(kernels_name(i));
        if (k == NULL)
            continue;
        print_message("%s\n", k->name);
        check(k);
        unplace();
    }
}

/* ---- products ---- */

enum { STRIDE = PANEL_MAX + 3 };

static float bf16_of(float x) {
    return bf16_to_f32(bf16_from_f32(x));
}

struct product {
    uint32_t rows, k;
    bool bf16, add;
    float *a, *b, *c; /* [rows, k], [k, panel], [rows, STRIDE] */
};

/* c by the table; in bf16, of the same numbers rounded. */
static float *multiplied(const struct kernels *t, const struct product *p) {
    float *c = copied((size_t)p->rows * STRIDE, p->c);
    if (!p->bf16) {
        t->multiply_f32(p->rows, p->k, copied((size_t)p->rows * p->k, p->a), p->k,
            copied((size_t)p->k * t->panel, p->b), t->panel, c, STRIDE, p->add);
        return c;
    }
    uint16_t *a = placed((size_t)p->rows * p->k * sizeof *a);
    uint16_t *b = placed((size_t)p->k * t->panel * sizeof *b);
    for (size_t i = 0; i < (size_t)p->rows * p->k; i++)
        a[i] = bf16_from_f32(p->a[i]);
    for (uint32_t i = 0; i < p->k; i++)
        for (uint32_t j = 0; j < t->panel; j++)
            b[(i / 2 * t->panel + j) * 2 + i % 2] = bf16_from_f32(p->b[i * t->panel + j]);
    t->multiply_bf16(p->rows, p->k, a, p->k, b, 2 * (size_t)t->panel, c, STRIDE, p->add);
    return c;
}

static void check_product(const struct kernels *t, const struct product *p) {
    const float *got = multiplied(t, p);
    for (uint32_t r = 0; r < p->rows; r++) {
        float want[STRIDE];
        memcpy(want, p->c + (size_t)r * STRIDE, sizeof want);
        for (uint32_t j = 0; j < t->panel; j++) {
            double sum = p->add ? (double)want[j] : 0;
            for (uint32_t i = 0; i < p->k; i++) {
                float a = p->a[r * p->k + i], b = p->b[i * t->panel + j];
                sum += p->bf16 ? (double)bf16_of(a) * (double)bf16_of(b) : (double)a * (double)b;
            }
            want[j] = (float)sum;
        }
        close_to("product", t->panel, got + (size_t)r * STRIDE, want, 1e-5);
        same("what is beside the panel", STRIDE - t->panel, got + (size_t)r * STRIDE + t->panel,
            want + t->panel);
    }
}

/* Row r alone, and among rows of NaN. */
static void check_alone(const struct kernels *t, const struct product *p, uint32_t r) {
    const float *all = multiplied(t, p) + (size_t)r * STRIDE;
    struct product one = *p;
    one.rows = 1;
    one.a = p->a + (size_t)r * p->k;
    one.c = p->c + (size_t)r * STRIDE;
    same("a row alone", t->panel, multiplied(t, &one), all);
    one = *p;
    one.a = copied((size_t)p->rows * p->k, p->a);
    for (uint32_t i = 0; i < p->rows * p->k; i++)
        if (i / p->k != r)
            one.a[i] = NAN;
    same("a row among NaN", t->panel, multiplied(t, &one) + (size_t)r * STRIDE, all);
}

static void check_products(const struct kernels *t) {
    static const uint32_t depths[] = { 2, 4, 6, 34, 130 };
    for (uint32_t rows = 1; rows <= t->tile; rows++)
        for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
            for (int way = 0; way < 4; way++) {
                bool bf16 = way >= 2; /* pairs: k is even */
                struct product p = {
                    .rows = rows, .k = depths[d] - !bf16, .bf16 = bf16, .add = way % 2
                };
                p.a = floats(rows, (size_t)rows * p.k, 1);
                p.b = floats(p.k, (size_t)p.k * t->panel, 1);
                p.c = floats(99, (size_t)rows * STRIDE, 1);
                check_product(t, &p);
                check_alone(t, &p, rows / 2);
                unplace();
            }
}

static void products_are_sums_and_rows_keep_to_themselves(void **state) {
    (void)state;
    on_each(check_products);
}

/* ---- numbers that are rounded in one way only ---- */

/* A NaN whose bits are all ones, so that adding to them in order to round overflows. */
static float full_nan(void) {
    const uint32_t ones = 0xffffffff;
    float x;
    memcpy(&x, &ones, sizeof x);
    return x;
}

/* Whatever is awkward, over and over, among noise. */
static float *awkward(uint32_t seed, size_t n) {
    const float odd[] = { full_nan(), NAN, INFINITY, -INFINITY, 0, -0.0F, 3.39e38F, 1.00390625F,
        1.01171875F, -1.00390637F, 1e-30F, -88.5F, 127 };
    float *x = floats(seed, n, 3);
    for (size_t i = seed % 3; i < n; i += 3)
        x[i] = odd[(i / 3 + seed) % (sizeof odd / sizeof *odd)];
    return x;
}

static void two_ops(const struct kernels *t, int which, size_t n, float *x, float *y, float *out) {
    memcpy(out, y, n * sizeof *out);
    switch (which) {
    case 0:
        t->add(n, x, out);
        break;
    case 1:
        t->multiply(n, x, out);
        break;
    case 2:
        t->scale(n, 1.7F, out);
        break;
    case 3:
        t->scale_add(n, 0.3F, x, out);
        break;
    case 4:
        t->maximum(n, x, out);
        break;
    case 5:
        t->turn(n, x, y, out, copied(n, x));
        break;
    case 6:
        t->turn(n, y, x, copied(n, y), out);
        break;
    }
}

static void check_rounded(const struct kernels *t) {
    static const char *const names[] = { "add", "multiply", "scale", "scale_add", "maximum", "turn",
        "turn, the other half" };
    for (size_t l = 0; l < N_LENGTHS; l++)
        for (uint32_t seed = 0; seed < 3; seed++) {
            size_t n = lengths[l], bytes = n * sizeof(float);
            for (int which = 0; which < 7; which++) {
                float *x = awkward(seed, n), *y = awkward(seed + 4, n);
                float *got = placed(bytes), *want = placed(bytes);
                two_ops(t, which, n, x, y, got);
                two_ops(&kernels_plain, which, n, x, y, want);
                same(names[which], n, got, want);
            }
            unplace();
        }
}

static void what_is_rounded_in_order_has_the_bits_of_plain_c(void **state) {
    (void)state;
    on_each(check_rounded);
}

static void check_conversion(const struct kernels *t) {
    for (size_t l = 0; l < N_LENGTHS; l++)
        for (uint32_t seed = 0; seed < 3; seed++) {
            size_t n = lengths[l];
            const float *x = awkward(seed, n);
            uint16_t *half = placed(n * sizeof *half);
            float *back = placed(n * sizeof *back), *want = placed(n * sizeof *want);
            t->to_bf16(n, x, half);
            t->from_bf16(n, half, back);
            for (size_t i = 0; i < n; i++)
                want[i] = bf16_of(x[i]);
            same("bf16 and back", n, back, want);
            unplace();
        }
}

static void bf16_is_the_nearest_and_nan_stays(void **state) {
    (void)state;
    on_each(check_conversion);
}

/* ---- numbers that change places ---- */

static void check_transpose(const struct kernels *t) {
    for (size_t l = 0; l < N_LENGTHS; l++) {
        uint32_t n = (uint32_t)lengths[l];
        const float *rows[PANEL_MAX] = { NULL };
        for (uint32_t j = 0; j < t->panel; j++)
            rows[j] = (j + l) % 5 == 4 ? NULL : floats(j, n, 1);
        float *got = placed((size_t)n * t->panel * sizeof *got);
        t->transpose(n, rows, got);
        for (uint32_t d = 0; d < n; d++)
            for (uint32_t j = 0; j < t->panel; j++)
                assert_true(got[d * t->panel + j] == (rows[j] == NULL ? 0 : rows[j][d]));
        unplace();
    }
}

static void check_interleave(const struct kernels *t) {
    for (size_t l = 0; l < N_LENGTHS; l++)
        for (int missing = 0; missing < 3; missing++) {
            size_t n = lengths[l];
            uint16_t *a = placed(n * sizeof *a), *b = placed(n * sizeof *b);
            uint16_t *out = placed(2 * n * sizeof *out);
            for (size_t i = 0; i < n; i++) {
                a[i] = (uint16_t)(i * 7 + 1);
                b[i] = (uint16_t)(0xff80 + i);
            }
            t->interleave(n, missing == 1 ? NULL : a, missing == 2 ? NULL : b, out);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(out[2 * i], missing == 1 ? 0 : a[i]);
                assert_int_equal(out[2 * i + 1], missing == 2 ? 0 : b[i]);
            }
            unplace();
        }
}

static void rows_are_turned_and_interleaved_and_missing_ones_are_zeros(void **state) {
    (void)state;
    on_each(check_transpose);
    on_each(check_interleave);
}

/* ---- sums and series ---- */

static void check_activations(const struct kernels *t) {
    for (int a = ACT_NONE; a <= ACT_RELU_SQUARED; a++)
        for (size_t l = 0; l < N_LENGTHS; l++) {
            size_t n = lengths[l];
            const float *x = floats((uint32_t)l, n, 9);
            float *got = placed(n * sizeof *got), *want = placed(n * sizeof *want);
            float *broken = copied(n, x), one;
            t->activate((enum activation)a, n, x, got);
            kernels_plain.activate((enum activation)a, n, x, want);
            close_to("activation", n, got, want, 3e-6);
            t->activate((enum activation)a, 1, x + n / 2, &one);
            same("an activation alone", 1, &one, got + n / 2);
            broken[n / 2] = want[n / 2] = NAN;
            t->activate((enum activation)a, n, broken, broken);
            close_to("activation beside NaN", n, broken, want, 3e-6);
            unplace();
        }
}

static void check_norms(const struct kernels *t) {
    for (int way = 0; way < 8; way++)
        for (size_t l = 1; l < N_LENGTHS; l++) {
            size_t n = lengths[l];
            enum norm_kind kind = way & 1 ? NORM_LAYER : NORM_RMS;
            const float *gain = way & 2 ? floats(1, n, 1) : NULL;
            const float *bias = way & 4 ? floats(2, n, 1) : NULL;
            float *x = floats(3, n, 3), *got = placed(n * sizeof *got),
                  *want = placed(n * sizeof *want);
            t->norm(kind, n, x, gain, bias, 1e-6F, got);
            kernels_plain.norm(kind, n, x, gain, bias, 1e-6F, want);
            close_to("norm", n, got, want, 1e-5);
            float sums[] = { t->sum_squares(n, x), kernels_plain.sum_squares(n, x) };
            close_to("sum of squares", 1, sums, sums + 1, 1e-6);
            x[n - 1] = NAN;
            t->norm(kind, n, x, gain, bias, 1e-6F, got);
            for (size_t i = 0; i < n; i++)
                assert_true(isnan(got[i]));
            assert_true(isnan(t->sum_squares(n, x)));
            unplace();
        }
}

static void activations_and_norms_are_close_and_nan_stays_visible(void **state) {
    (void)state;
    on_each(check_activations);
    on_each(check_norms);
}

/* Rows of finished sums, with one more element behind each that nobody may write. */
struct landing {
    struct finish how;
    uint32_t rows;
    size_t n;
};

static float *finished(const struct kernels *t, const struct landing *l, const float *sums) {
    size_t n = l->n, stride = n + 1, total = l->rows * stride;
    float *out = floats(5, total, 1), *room = copied(l->rows * n, sums);
    if (l->how.out == ELEM_F32) {
        t->finish(&l->how, l->rows, n, room, n, out, stride);
        return out;
    }
    uint16_t *half = placed(total * sizeof *half);
    kernels_plain.to_bf16(total, out, half);
    t->finish(&l->how, l->rows, n, room, n, half, stride);
    kernels_plain.from_bf16(total, half, out);
    return out;
}

static void check_landing(const struct kernels *t, const struct landing *l) {
    float *sums = floats(6, l->rows * l->n, 3);
    sums[l->n - 1] = NAN;
    const float *got = finished(t, l, sums), *want = finished(&kernels_plain, l, sums);
    size_t stride = l->n + 1, last = l->rows - 1;
    close_to("finish", l->rows * stride, got, want, l->how.out == ELEM_BF16 ? 8e-3 : 4e-6);
    struct landing one = *l;
    one.rows = 1;
    if (!l->how.accumulate)
        same("a finished row alone", l->n, finished(t, &one, sums + last * l->n),
            got + last * stride);
}

static void check_finish(const struct kernels *t) {
    for (int a = ACT_NONE; a <= ACT_RELU_SQUARED; a++)
        for (int way = 0; way < 6; way++)
            for (size_t l = 0; l < N_LENGTHS; l++) {
                struct landing how = { .rows = 3, .n = lengths[l] };
                how.how = (struct finish) { .activation = (enum activation)a,
                    .scale = way & 1 ? 0.7F : 1,
                    .accumulate = way / 2 == 1,
                    .out = way / 2 == 2 ? ELEM_BF16 : ELEM_F32 };
                how.how.bias = way & 1 ? floats(7, how.n, 1) : NULL;
                check_landing(t, &how);
                unplace();
            }
}

static void sums_are_finished_where_they_belong_and_nowhere_else(void **state) {
    (void)state;
    on_each(check_finish);
}

/* ---- softmax ---- */

static void check_soften(const struct kernels *t, uint32_t from, uint32_t to, float softcap) {
    float *got = floats(from + 1, KEY_BLOCK, 4), *want = copied(KEY_BLOCK, got);
    float *sums = floats(2, LANES, 1), *sums_want = copied(LANES, sums);
    for (uint32_t i = 0; i < KEY_BLOCK; i++) /* what a query doesn't see may be anything */
        got[i] = i < from || i >= to ? NAN : got[i];
    float max = 0.5F, max_want = 0.5F;
    float factor[] = { t->soften(got, from, to, 0.8F, softcap, &max, sums),
        kernels_plain.soften(want, from, to, 0.8F, softcap, &max_want, sums_want) };
    close_to("factor of a softmax", 1, factor, factor + 1, 4e-6);
    close_to("maximum of a softmax", 1, &max, &max_want, 1e-6);
    close_to("weights of a softmax", to - from, got + from, want + from, 4e-6);
    close_to("sums of a softmax", LANES, sums, sums_want, 4e-6);
    float whole[] = { t->lane_sum(sums), kernels_plain.lane_sum(sums_want) };
    close_to("a sum of lanes", 1, whole, whole + 1, 4e-6);
}

/* The same with weights that are rounded: each to the nearest bf16 or its neighbour, and the sums
 * of what they were before that. */
static void check_soften_bf16(const struct kernels *t, uint32_t from, uint32_t to, float softcap) {
    float *got = floats(from + 1, KEY_BLOCK, 4), *want = copied(KEY_BLOCK, got);
    float *sums = floats(2, LANES, 1), *sums_want = copied(LANES, sums), rounded[KEY_BLOCK];
    uint16_t weights[KEY_BLOCK];
    for (uint32_t i = 0; i < KEY_BLOCK; i++)
        got[i] = i < from || i >= to ? NAN : got[i];
    float max = 0.5F, max_want = 0.5F;
    float factor[] = { t->soften_bf16(got, from, to, 0.8F, softcap, &max, sums, weights),
        kernels_plain.soften(want, from, to, 0.8F, softcap, &max_want, sums_want) };
    for (uint32_t i = from; i < to; i++)
        rounded[i] = bf16_to_f32(weights[i]);
    close_to("factor of a rounded softmax", 1, factor, factor + 1, 4e-6);
    close_to("maximum of a rounded softmax", 1, &max, &max_want, 1e-6);
    close_to("rounded weights of a softmax", to - from, rounded + from, want + from, 3e-3);
    close_to("sums of a rounded softmax", LANES, sums, sums_want, 1e-5);
}

static void check_softmax(const struct kernels *t) {
    static const uint32_t sights[][2] = { { 0, 1 }, { 0, 128 }, { 3, 4 }, { 5, 127 }, { 16, 32 },
        { 7, 9 }, { 33, 66 }, { 127, 128 }, { 2, 3 }, { 1, 17 } };
    for (size_t i = 0; i < sizeof sights / sizeof *sights; i++)
        for (int capped = 0; capped < 2; capped++) {
            check_soften(t, sights[i][0], sights[i][1], capped ? 2.0F : 0);
            check_soften_bf16(t, sights[i][0], sights[i][1], capped ? 2.0F : 0);
            unplace();
        }
}

static void check_largest(const struct kernels *t, size_t n, float *x) {
    size_t first = 99, first_want;
    float max = t->find_max(n, x, &first), max_want = kernels_plain.find_max(n, x, &first_want);
    same("the largest", 1, &max, &max_want);
    assert_int_equal(first, first_want);
}

static void check_logits(const struct kernels *t) {
    for (size_t l = 0; l < N_LENGTHS; l++) {
        size_t n = lengths[l];
        float *x = floats((uint32_t)l, n, 20), *got = copied(n, x), *want = copied(n, x);
        t->cap(n, 1.5F, 30, got);
        kernels_plain.cap(n, 1.5F, 30, want);
        close_to("cap", n, got, want, 4e-6);
        float sums[] = { (float)t->exp_sum(n, x, 20), (float)kernels_plain.exp_sum(n, x, 20) };
        close_to("sum of exponentials", 1, sums, sums + 1, 4e-6);
        const float high = 88.5F; /* nearly the highest power that there is */
        float top[] = { (float)t->exp_sum(1, &high, 0), expf(high) };
        close_to("a high exponential", 1, top, top + 1, 4e-6);
        for (size_t i = 0; i < n; i += 3) { /* equal ones: the first; NaN before, behind, alone */
            float *some = copied(n, x);
            some[i] = some[n - 1] = 50;
            check_largest(t, n, some);
            some[i] = NAN;
            check_largest(t, n, some);
        }
        for (size_t i = 0; i < n; i++)
            x[i] = NAN;
        check_largest(t, n, x);
        assert_true(isnan(t->exp_sum(n, x, 20)));
        unplace();
    }
}

static void a_softmax_sees_its_keys_only_and_the_first_of_the_largest(void **state) {
    (void)state;
    on_each(check_softmax);
    on_each(check_logits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_sums_and_rows_keep_to_themselves),
        cmocka_unit_test(what_is_rounded_in_order_has_the_bits_of_plain_c),
        cmocka_unit_test(bf16_is_the_nearest_and_nan_stays),
        cmocka_unit_test(rows_are_turned_and_interleaved_and_missing_ones_are_zeros),
        cmocka_unit_test(activations_and_norms_are_close_and_nan_stays_visible),
        cmocka_unit_test(sums_are_finished_where_they_belong_and_nowhere_else),
        cmocka_unit_test(a_softmax_sees_its_keys_only_and_the_first_of_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

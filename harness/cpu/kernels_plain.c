/* Plain C kernels: the oracle. Straight loops and the C library's exp, erf and tanh, no thought of
 * speed. They also run where no other table does. */
#include "harness/cpu/kernels.h"

#include <math.h>
#include <string.h>

#include "harness/cpu/roof.h"

enum { TILE = 4, PANEL = 16 };

static void multiply_f32(uint32_t rows, uint32_t k, const float *a, size_t lda, const float *b,
    size_t ldb, float *c, size_t ldc, bool add) {
    for (uint32_t r = 0; r < rows; r++) {
        float sums[PANEL] = { 0 };
        if (add)
            memcpy(sums, c + r * ldc, sizeof sums);
        for (uint32_t i = 0; i < k; i++) {
            for (uint32_t j = 0; j < PANEL; j++)
                sums[j] += a[r * lda + i] * b[i * ldb + j];
        }
        memcpy(c + r * ldc, sums, sizeof sums);
    }
}

static void multiply_bf16(uint32_t rows, uint32_t k, const uint16_t *a, size_t lda,
    const uint16_t *b, size_t ldb, float *c, size_t ldc, bool add) {
    for (uint32_t r = 0; r < rows; r++) {
        float sums[PANEL] = { 0 };
        if (add)
            memcpy(sums, c + r * ldc, sizeof sums);
        for (uint32_t i = 0; i < k; i++) {
            float x = bf16_to_f32(a[r * lda + i]);
            const uint16_t *pairs = b + i / 2 * ldb + i % 2;
            for (uint32_t j = 0; j < PANEL; j++)
                sums[j] += x * bf16_to_f32(pairs[j * 2]);
        }
        memcpy(c + r * ldc, sums, sizeof sums);
    }
}

static void to_bf16(size_t n, const float *x, uint16_t *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = bf16_from_f32(x[i]);
}

static void from_bf16(size_t n, const uint16_t *x, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = bf16_to_f32(x[i]);
}

static float sum_squares(size_t n, const float *x) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return (float)sum;
}

static void norm(enum norm_kind kind, size_t n, const float *x, const float *gain,
    const float *bias, float eps, float *out) {
    double mean = 0, var = 0;
    if (kind == NORM_LAYER) {
        for (size_t i = 0; i < n; i++)
            mean += (double)x[i];
        mean /= (double)n;
    }
    for (size_t i = 0; i < n; i++)
        var += ((double)x[i] - mean) * ((double)x[i] - mean);
    double inverse = 1 / sqrt(var / (double)n + (double)eps);
    for (size_t i = 0; i < n; i++) {
        float y = (float)(((double)x[i] - mean) * inverse);
        if (gain != NULL)
            y *= gain[i];
        out[i] = bias == NULL ? y : y + bias[i];
    }
}

static float activation(enum activation a, float x) {
    switch (a) {
    case ACT_NONE:
        break;
    case ACT_GELU:
        return 0.5F * x * (1 + erff(x * 0.70710678F));
    case ACT_GELU_TANH:
        return 0.5F * x * (1 + tanhf(0.79788456F * (x + 0.044715F * x * x * x)));
    case ACT_SILU:
        return x / (1 + expf(-x));
    case ACT_RELU:
        return x < 0 ? 0 : x;
    case ACT_QUICK_GELU:
        return x / (1 + expf(-1.702F * x));
    case ACT_TANH:
        return tanhf(x);
    case ACT_RELU_SQUARED:
        return x < 0 ? 0 : x * x;
    }
    return x;
}

static void activate(enum activation a, size_t n, const float *x, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = activation(a, x[i]);
}

static void finish_row(const struct finish *f, size_t n, const float *sums, void *out) {
    for (size_t i = 0; i < n; i++) {
        float y = f->bias == NULL ? sums[i] : sums[i] + f->bias[i];
        y = activation(f->activation, y) * f->scale;
        if (f->out == ELEM_BF16)
            ((uint16_t *)out)[i] = bf16_from_f32(y);
        else if (f->accumulate)
            ((float *)out)[i] += y;
        else
            ((float *)out)[i] = y;
    }
}

static void finish(const struct finish *f, uint32_t rows, size_t n, float *sums, size_t stride,
    void *out, size_t out_stride) {
    size_t row_bytes = out_stride * (f->out == ELEM_BF16 ? sizeof(uint16_t) : sizeof(float));
    for (uint32_t r = 0; r < rows; r++)
        finish_row(f, n, sums + r * stride, (uint8_t *)out + r * row_bytes);
}

static void add(size_t n, const float *x, float *sum) {
    for (size_t i = 0; i < n; i++)
        sum[i] += x[i];
}

static void multiply(size_t n, const float *x, float *product) {
    for (size_t i = 0; i < n; i++)
        product[i] *= x[i];
}

static void scale(size_t n, float factor, float *x) {
    for (size_t i = 0; i < n; i++)
        x[i] *= factor;
}

static void scale_add(size_t n, float factor, const float *x, float *sum) {
    for (size_t i = 0; i < n; i++)
        sum[i] += factor * x[i];
}

static void maximum(size_t n, const float *x, float *max) {
    for (size_t i = 0; i < n; i++)
        max[i] = max[i] >= x[i] || max[i] != max[i] ? max[i] : x[i];
}

static void turn(size_t n, const float *cos, const float *sin, float *a, float *b) {
    for (size_t i = 0; i < n; i++) {
        float x = a[i], y = b[i];
        a[i] = x * cos[i] - y * sin[i];
        b[i] = y * cos[i] + x * sin[i];
    }
}

static void transpose(uint32_t n_dims, const float *const *rows, float *out) {
    for (uint32_t d = 0; d < n_dims; d++) {
        for (uint32_t j = 0; j < PANEL; j++)
            out[d * PANEL + j] = rows[j] == NULL ? 0 : rows[j][d];
    }
}

static void interleave(size_t n, const uint16_t *a, const uint16_t *b, uint16_t *out) {
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = a == NULL ? 0 : a[i];
        out[2 * i + 1] = b == NULL ? 0 : b[i];
    }
}

static float capped(float x, float scale, float softcap) {
    x *= scale;
    return softcap > 0 ? softcap * tanhf(x / softcap) : x;
}

static void cap(size_t n, float scale, float softcap, float *x) {
    for (size_t i = 0; i < n; i++)
        x[i] = capped(x[i], scale, softcap);
}

static float soften(
    float *s, uint32_t from, uint32_t to, float scale, float softcap, float *max, float *sums) {
    float old = *max;
    for (uint32_t j = from; j < to; j++) {
        s[j] = capped(s[j], scale, softcap);
        if (s[j] > *max)
            *max = s[j];
    }
    float factor = expf(old - *max);
    for (uint32_t i = 0; i < LANES; i++)
        sums[i] *= factor;
    for (uint32_t j = from; j < to; j++) {
        s[j] = expf(s[j] - *max);
        sums[j % LANES] += s[j];
    }
    return factor;
}

static float soften_bf16(float *s, uint32_t from, uint32_t to, float scale, float softcap,
    float *max, float *sums, uint16_t *weights) {
    float factor = soften(s, from, to, scale, softcap, max, sums);
    to_bf16(to - from, s + from, weights + from);
    return factor;
}

static float lane_sum(const float *sums) {
    float sum = 0;
    for (uint32_t i = 0; i < LANES; i++)
        sum += sums[i];
    return sum;
}

static float find_max(size_t n, const float *x, size_t *first) {
    float max = -INFINITY;
    *first = 0;
    for (size_t i = 0; i < n; i++) {
        if (x[i] > max) {
            max = x[i];
            *first = i;
        }
    }
    return max;
}

static double exp_sum(size_t n, const float *x, float max) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)expf(x[i] - max);
    return sum;
}

/* What the compiler makes of the loops above on a processor of no kind that we know: four lanes. */
enum { ROOF_LANES = 4 };
typedef float four __attribute__((vector_size(ROOF_LANES * sizeof(float))));

static inline four four_set(float x) {
    return (four) { x, x, x, x };
}

static inline four four_load(const float *p) {
    four x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline float four_sum(four x) {
    return x[0] + x[1] + x[2] + x[3];
}

#define ROOF_SET four_set
#define ROOF_PLUS(x, y) ((x) + (y))
#define ROOF_LOAD four_load
#define ROOF_SUM four_sum
#define ROOF_MULTIPLY_ADD(sum, a, b) ((sum) * (a) + (b))
ROOF_MULTIPLY(roof_f32, four)
ROOF_STREAM(roof_stream, four)

const struct kernels kernels_plain = {
    .name = "plain",
    .tile = TILE,
    .panel = PANEL,
    .multiply_f32 = multiply_f32,
    .multiply_bf16 = multiply_bf16,
    .to_bf16 = to_bf16,
    .from_bf16 = from_bf16,
    .norm = norm,
    .activate = activate,
    .finish = finish,
    .add = add,
    .multiply = multiply,
    .scale = scale,
    .scale_add = scale_add,
    .maximum = maximum,
    .sum_squares = sum_squares,
    .turn = turn,
    .transpose = transpose,
    .interleave = interleave,
    .soften = soften,
    .soften_bf16 = soften_bf16,
    .lane_sum = lane_sum,
    .cap = cap,
    .find_max = find_max,
    .exp_sum = exp_sum,
    .roof = { .f32 = roof_f32,
        .bf16 = roof_f32,
        .stream = roof_stream,
        .f32_flops = 2 * ROOF_CHAINS * ROOF_LANES,
        .bf16_flops = 2 * ROOF_CHAINS * ROOF_LANES },
};

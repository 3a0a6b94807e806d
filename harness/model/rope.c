/* Rotary frequencies with their scaling rules, as transformers computes them (modeling_rope_utils):
 * plain, linear (positions divided), bands (long waves divided, a smooth passage between), yarn (a
 * ramp between dividing and not, and a factor on sin and cos), dynamic (theta grows with the length
 * of the pass), longrope (a factor a dimension, from one of two lists). */
#include <math.h>

#include "harness/model/spec.h"

static const double two_pi = 6.283185307179586476925286766559;

static double bands_scaled(const struct rope *r, double inv) {
    double wave = two_pi / inv, length = r->original_length;
    if (wave < length / r->high_factor)
        return inv;
    if (wave > length / r->low_factor)
        return inv / r->factor;
    double smooth = (length / wave - r->low_factor) / (r->high_factor - r->low_factor);
    return (1 - smooth) * inv / r->factor + smooth * inv;
}

/* The dimension whose wave turns `turns` times over the original length. */
static double yarn_dimension(const struct rope *r, double turns) {
    return r->dim * log(r->original_length / (turns * two_pi)) / (2 * log(r->theta));
}

static double yarn_scaled(const struct rope *r, double inv, uint32_t i) {
    double low = yarn_dimension(r, r->beta_fast), high = yarn_dimension(r, r->beta_slow);
    low = fmax(r->unrounded ? low : floor(low), 0);
    high = fmin(r->unrounded ? high : ceil(high), r->dim - 1.0);
    if (low == high)
        high += 0.001;
    double ramp = fmin(fmax((i - low) / (high - low), 0), 1);
    return inv / r->factor * ramp + inv * (1 - ramp);
}

static double yarn_mscale(double factor, double mscale) {
    return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1;
}

static double yarn_factor(const struct rope *r) {
    if (r->attention_factor > 0)
        return r->attention_factor;
    if (r->mscale > 0 && r->mscale_all > 0)
        return yarn_mscale(r->factor, r->mscale) / yarn_mscale(r->factor, r->mscale_all);
    return yarn_mscale(r->factor, 1);
}

/* `factor` is how many times the model is longer than it was. */
static double longrope_factor(const struct rope *r) {
    if (r->attention_factor > 0)
        return r->attention_factor;
    return r->factor <= 1 ? 1 : sqrt(1 + log(r->factor) / log(r->original_length));
}

static double dynamic_theta(const struct rope *r, uint32_t length) {
    double longest = fmax(length, r->original_length), original = r->original_length;
    return r->theta *
           pow(r->factor * longest / original - (r->factor - 1), r->dim / (r->dim - 2.0));
}

static double inverse(const struct rope *r, uint32_t length, uint32_t i) {
    double theta = r->kind == ROPE_DYNAMIC ? dynamic_theta(r, length) : r->theta;
    double inv = 1 / pow(theta, 2.0 * i / r->dim);
    switch (r->kind) {
    case ROPE_PLAIN:
    case ROPE_DYNAMIC:
        break;
    case ROPE_LINEAR:
        return inv / r->factor;
    case ROPE_BANDS:
        return bands_scaled(r, inv);
    case ROPE_YARN:
        return yarn_scaled(r, inv, i);
    case ROPE_LONGROPE:
        return inv / (double)(length > r->original_length ? r->long_factors : r->short_factors)[i];
    }
    return inv;
}

float rope_frequencies(const struct rope *r, uint32_t length, float *inv_freq) {
    for (uint32_t i = 0; i < r->dim / 2; i++)
        inv_freq[i] = (float)inverse(r, length, i);
    return r->kind == ROPE_YARN       ? (float)yarn_factor(r)
           : r->kind == ROPE_LONGROPE ? (float)longrope_factor(r)
                                      : 1;
}

uint32_t rope_class(const struct rope *r, uint32_t length) {
    if (r->kind == ROPE_DYNAMIC)
        return length > r->original_length ? length : 0;
    if (r->kind == ROPE_LONGROPE)
        return length > r->original_length ? r->original_length + 1 : 0;
    return 0;
}

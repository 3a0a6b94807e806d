/* Rotary frequencies with their scaling rules, as transformers computes them (modeling_rope_utils):
 * plain, linear (positions divided), llama3 (long waves divided, a smooth passage between), yarn (a
 * ramp between dividing and not, and a factor on sin and cos). */
#include <math.h>

#include "harness/model/spec.h"

static const double two_pi = 6.283185307179586476925286766559;

static double llama3_scaled(const struct rope *r, double inv) {
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
    double low = fmax(floor(yarn_dimension(r, r->beta_fast)), 0);
    double high = fmin(ceil(yarn_dimension(r, r->beta_slow)), r->dim - 1.0);
    if (low == high)
        high += 0.001;
    double ramp = fmin(fmax((i - low) / (high - low), 0), 1);
    return inv / r->factor * ramp + inv * (1 - ramp);
}

float rope_frequencies(const struct rope *r, float *inv_freq) {
    for (uint32_t i = 0; i < r->dim / 2; i++) {
        double inv = 1 / pow(r->theta, 2.0 * i / r->dim);
        if (r->kind == ROPE_LINEAR)
            inv /= r->factor;
        else if (r->kind == ROPE_LLAMA3)
            inv = llama3_scaled(r, inv);
        else if (r->kind == ROPE_YARN)
            inv = yarn_scaled(r, inv, i);
        inv_freq[i] = (float)inv;
    }
    if (r->kind != ROPE_YARN)
        return 1;
    if (r->attention_factor > 0)
        return (float)r->attention_factor;
    return r->factor <= 1 ? 1 : (float)(0.1 * log(r->factor) + 1);
}

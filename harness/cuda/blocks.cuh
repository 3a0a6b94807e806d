/* Weights that lie on the device in their file's blocks, eight elements of a row at a time: the
 * numbers that harness/formats makes of them, operation by operation, rounded to bf16, so that a
 * product has the bits that weights expanded at open would give. (What is not a number is one in
 * either form; which bits say so does not reach a product's.)
 *
 * A type is a struct: how large its blocks are, what is read for eight elements that begin at a
 * multiple of eight of a block, and what becomes of it. Reading and computing are apart so that
 * loads are on their way while something else is multiplied. Eight elements always have one scale.
 * A row begins at a multiple of its blocks' bytes from an address aligned to 16, so what divides
 * the bytes of a block is how its parts are aligned.
 *
 * Compiled, but not yet run on a device. */
#ifndef ASSAY_HARNESS_CUDA_BLOCKS_CUH
#define ASSAY_HARNESS_CUDA_BLOCKS_CUH

#include "harness/cuda/mma.cuh"

enum { EIGHT = 8 };

/* What was read for eight elements; each type uses what it needs. */
struct eight {
    uint32_t low[2], high[2]; /* a byte an element */
    uint32_t scales, more;
};

static __device__ __forceinline__ uint32_t load_two(const uint8_t *at) {
    return *(const uint16_t *)at;
}

/* Bytes in a row that are aligned to ALIGN. */
template <int ALIGN> static __device__ __forceinline__ uint32_t load_four(const uint8_t *at) {
    return ALIGN >= 4 ? *(const uint32_t *)at : load_two(at) | load_two(at + 2) << 16;
}

template <int ALIGN>
static __device__ __forceinline__ void load_eight(uint32_t out[2], const uint8_t *at) {
    if (ALIGN >= 8) {
        uint2 both = *(const uint2 *)at;
        out[0] = both.x;
        out[1] = both.y;
        return;
    }
    out[0] = load_four<ALIGN>(at);
    out[1] = load_four<ALIGN>(at + 4);
}

/* Of f16: exact. */
static __device__ __forceinline__ float half_float(uint32_t half) {
    uint32_t wide = half << 16, sign = wide & 0x80000000U, magnitude = wide << 1;
    float normal = __uint_as_float((magnitude >> 4) + (0xE0U << 23)) * 0x1.0p-112F;
    float subnormal = __uint_as_float((magnitude >> 17) | (126U << 23)) - 0.5F;
    float f = magnitude < (1U << 27) ? subnormal : normal;
    return __uint_as_float(__float_as_uint(f) | sign);
}

static __device__ __forceinline__ float low_half(uint32_t two) {
    return half_float(two & 0xffff);
}

static __device__ __forceinline__ float high_half(uint32_t two) {
    return half_float(two >> 16);
}

/* (float)(q - less), exact for small whole numbers, without the slow conversion: q is put behind
 * the point of 2^23. */
static __device__ __forceinline__ float number(uint32_t q, uint32_t less) {
    return __uint_as_float(0x4b000000U | q) - (float)(8388608 + less);
}

/* Bits of element i's byte from `shift` on. */
static __device__ __forceinline__ uint32_t bits_of(
    const uint32_t bytes[2], int i, uint32_t shift, uint32_t mask) {
    return bytes[i / 4] >> (i % 4 * 8 + shift) & mask;
}

/* ---- blocks of 32: nibbles of elements i and i + 16 share a byte ---- */

static __device__ __forceinline__ uint32_t nibble_shift(uint32_t e) {
    return e % 32 / 16 * 4;
}

struct q4_0 {
    enum { N = 32, BYTES = 18, ALIGN = 2 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        x->scales = load_two(in);
        load_eight<ALIGN>(x->low, in + 2 + e % 16);
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        float scale = half_float(x.scales);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * number(bits_of(x.low, i, nibble_shift(e), 15), 8);
    }
};

struct q4_1 {
    enum { N = 32, BYTES = 20, ALIGN = 4 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        x->scales = load_four<ALIGN>(in);
        load_eight<ALIGN>(x->low, in + 4 + e % 16);
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        float scale = low_half(x.scales), minimum = high_half(x.scales);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * number(bits_of(x.low, i, nibble_shift(e), 15), 0) + minimum;
    }
};

/* A nibble and its fifth bit, which is bit e + i of one word. */
static __device__ __forceinline__ uint32_t five_bits(const struct eight &x, uint32_t e, int i) {
    return bits_of(x.low, i, nibble_shift(e), 15) | (x.more >> (e + (uint32_t)i) & 1) << 4;
}

struct q5_0 {
    enum { N = 32, BYTES = 22, ALIGN = 2 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        x->scales = load_two(in);
        x->more = load_four<ALIGN>(in + 2);
        load_eight<ALIGN>(x->low, in + 6 + e % 16);
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        float scale = half_float(x.scales);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * number(five_bits(x, e, i), 16);
    }
};

struct q5_1 {
    enum { N = 32, BYTES = 24, ALIGN = 8 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        x->scales = load_four<ALIGN>(in);
        x->more = load_four<ALIGN>(in + 4);
        load_eight<ALIGN>(x->low, in + 8 + e % 16);
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        float scale = low_half(x.scales), minimum = high_half(x.scales);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * number(five_bits(x, e, i), 0) + minimum;
    }
};

struct q8_0 {
    enum { N = 32, BYTES = 34, ALIGN = 2 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        x->scales = load_two(in);
        load_eight<ALIGN>(x->low, in + 2 + e);
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t, float out[EIGHT]) {
        float scale = half_float(x.scales);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = number(bits_of(x.low, i, 0, 255) ^ 128, 128) * scale;
    }
};

/* Entry q of sixteen signed bytes, which stand there with 128 added. */
static __device__ __forceinline__ float entry(uint64_t first, uint64_t second, uint32_t q) {
    uint64_t eight_of = q < 8 ? first : second;
    return number((uint32_t)(eight_of >> (q % 8 * 8)) & 255, 128);
}

/* -127 -104 -83 -65 -49 -35 -22 -10 1 13 25 38 53 69 89 113 */
static __device__ __forceinline__ float iq4_value(uint32_t q) {
    return entry(0x766a5d4f3f2d1801ULL, 0xf1d9c5b5a6998d81ULL, q);
}

/* Twice of E2M1: 0 1 2 3 4 6 8 12, then 0 and these with a minus. */
static __device__ __forceinline__ float e2m1_doubled(uint32_t q) {
    return entry(0x8c88868483828180ULL, 0x74787a7c7d7e7f80ULL, q);
}

struct iq4_nl {
    enum { N = 32, BYTES = 18 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        q4_0::fetch(in, e, x);
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        float scale = half_float(x.scales);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * iq4_value(bits_of(x.low, i, nibble_shift(e), 15));
    }
};

/* The scale is half of two to the power of its byte less 127. */
struct mxfp4 {
    enum { N = 32, BYTES = 17 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        const uint8_t *at = in + 1 + e % 16;
        x->scales = in[0];
#pragma unroll
        for (int i = 0; i < 2; i++, at += 4)
            x->low[i] = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                        (uint32_t)at[3] << 24;
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        uint32_t power = x.scales;
        float scale = __uint_as_float(power < 2 ? 0x00200000U << power : (power - 1) << 23);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * e2m1_doubled(bits_of(x.low, i, nibble_shift(e), 15));
    }
};

/* ---- super-blocks of 256 ---- */

/* Two bits an element: of bytes that 128 elements share, four to a byte. */
static __device__ __forceinline__ uint32_t two_bits_byte(uint32_t e) {
    return e / 128 * 32 + e % 32;
}

static __device__ __forceinline__ uint32_t two_bits_shift(uint32_t e) {
    return e % 128 / 32 * 2;
}

/* scales[16] (low half scale, high half minimum), qs[64], d, dmin */
struct q2_k {
    enum { N = 256, BYTES = 84, ALIGN = 4 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        x->more = in[e / 16];
        x->scales = load_four<ALIGN>(in + 80);
        load_eight<ALIGN>(x->low, in + 16 + two_bits_byte(e));
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        float scale = low_half(x.scales) * number(x.more & 15, 0);
        float minimum = high_half(x.scales) * number(x.more >> 4, 0);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * number(bits_of(x.low, i, two_bits_shift(e), 3), 0) - minimum;
    }
};

/* third[32], qs[64], scales[12], d */
struct q3_k {
    enum { N = 256, BYTES = 110, ALIGN = 2 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        uint32_t group = e / 16;
        x->scales = load_two(in + 108);
        x->more = in[96 + group % 8] | (uint32_t)in[104 + group % 4] << 8;
        load_eight<ALIGN>(x->low, in + 32 + two_bits_byte(e));
        load_eight<ALIGN>(x->high, in + e % 32);
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        uint32_t group = e / 16, four = x.more >> (group / 8 * 4) & 15;
        uint32_t two = x.more >> 8 >> (group / 4 * 2) & 3;
        float scale = half_float(x.scales) * number(four | two << 4, 32);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * number(bits_of(x.low, i, two_bits_shift(e), 3) |
                                        bits_of(x.high, i, e / 32, 1) << 2,
                                 4);
    }
};

/* Scale and minimum of group g, 6 bits each: bytes g, g + 4 and, from the fifth on, g - 4 of
 * twelve. */
static __device__ __forceinline__ uint32_t six_bits_fetch(const uint8_t *s, uint32_t g) {
    return s[g] | (uint32_t)s[g + 4] << 8 | (uint32_t)s[g < 4 ? g : g - 4] << 16;
}

static __device__ __forceinline__ uint32_t six_bits_scale(uint32_t bytes, uint32_t g) {
    return g < 4 ? bytes & 63 : (bytes >> 8 & 15) | (bytes >> 22 & 3) << 4;
}

static __device__ __forceinline__ uint32_t six_bits_minimum(uint32_t bytes, uint32_t g) {
    return g < 4 ? bytes >> 8 & 63 : (bytes >> 12 & 15) | (bytes >> 6 & 3) << 4;
}

/* d, dmin, scales[12], qs[128] */
struct q4_k {
    enum { N = 256, BYTES = 144, ALIGN = 8 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        x->scales = load_four<ALIGN>(in);
        x->more = six_bits_fetch(in + 4, e / 32);
        load_eight<ALIGN>(x->low, in + 16 + e / 64 * 32 + e % 32);
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        uint32_t g = e / 32;
        float scale = low_half(x.scales) * number(six_bits_scale(x.more, g), 0);
        float minimum = high_half(x.scales) * number(six_bits_minimum(x.more, g), 0);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * number(bits_of(x.low, i, g % 2 * 4, 15), 0) - minimum;
    }
};

/* d, dmin, scales[12], fifth[32], qs[128] */
struct q5_k {
    enum { N = 256, BYTES = 176, ALIGN = 8 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        x->scales = load_four<ALIGN>(in);
        x->more = six_bits_fetch(in + 4, e / 32);
        load_eight<ALIGN>(x->low, in + 48 + e / 64 * 32 + e % 32);
        load_eight<ALIGN>(x->high, in + 16 + e % 32);
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        uint32_t g = e / 32;
        float scale = low_half(x.scales) * number(six_bits_scale(x.more, g), 0);
        float minimum = high_half(x.scales) * number(six_bits_minimum(x.more, g), 0);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * number(bits_of(x.low, i, g % 2 * 4, 15) |
                                        bits_of(x.high, i, g, 1) << 4,
                                 0) -
                     minimum;
    }
};

/* ql[128], qh[64], scales[16] signed, d */
struct q6_k {
    enum { N = 256, BYTES = 210, ALIGN = 2 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        x->scales = load_two(in + 208);
        x->more = in[192 + e / 16];
        load_eight<ALIGN>(x->low, in + e / 128 * 64 + e % 64);
        load_eight<ALIGN>(x->high, in + 128 + two_bits_byte(e));
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        float scale = half_float(x.scales) * number(x.more ^ 128, 128);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * number(bits_of(x.low, i, e % 128 / 64 * 4, 15) |
                                        bits_of(x.high, i, two_bits_shift(e), 3) << 4,
                                 32);
    }
};

/* d, high bits of 8 scales (2 each), low ones (4 each), qs[128] */
struct iq4_xs {
    enum { N = 256, BYTES = 136, ALIGN = 8 };
    static __device__ __forceinline__ void fetch(const uint8_t *in, uint32_t e, struct eight *x) {
        x->scales = load_four<ALIGN>(in);
        x->more = in[4 + e / 64];
        load_eight<ALIGN>(x->low, in + 8 + e / 32 * 16 + e % 16);
    }
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t e, float out[EIGHT]) {
        uint32_t g = e / 32, low = x.more >> (g % 2 * 4) & 15;
        uint32_t high = x.scales >> 16 >> (2 * g) & 3;
        float scale = low_half(x.scales) * number(low | high << 4, 32);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = scale * iq4_value(bits_of(x.low, i, nibble_shift(e), 15));
    }
};

/* ---- bytes, their scales behind the row ---- */

/* Sign, four bits of exponent, three of mantissa; all ones are no number. The exponent is moved by
 * a multiplication, exactly, which takes subnormal numbers along: devices are not slow at them. */
static __device__ __forceinline__ float e4m3_value(uint32_t q) {
    uint32_t magnitude = q & 127, sign = (q & 128) << 24;
    float f = __uint_as_float(magnitude << 20) * 0x1.0p120F;
    uint32_t bits = magnitude == 127 ? 0x7fc00000U : __float_as_uint(f);
    return __uint_as_float(bits | sign);
}

struct e4m3 {
    enum { N = EIGHT, BYTES = EIGHT };
    static __device__ __forceinline__ void decode(
        const struct eight &x, uint32_t, float out[EIGHT]) {
        float scale = __uint_as_float(x.scales);
#pragma unroll
        for (int i = 0; i < EIGHT; i++)
            out[i] = e4m3_value(bits_of(x.low, i, 0, 255)) * scale;
    }
};

/* ---- any of them ---- */

/* How a row of k elements lies: how long it is, eight of them read, and memory asked for those.
 * Blocks follow each other. */
template <class B> struct lying {
    static __host__ __device__ constexpr size_t bytes(uint32_t k) {
        return (size_t)(k / B::N) * B::BYTES;
    }
    static __device__ __forceinline__ void fetch(
        const uint8_t *row, uint32_t, uint32_t from, struct eight *x) {
        B::fetch(row + (size_t)(from / B::N) * B::BYTES, from % B::N, x);
    }
    static __device__ __forceinline__ void ask(const uint8_t *row, uint32_t, uint32_t from) {
        prefetch(row + (size_t)(from / B::N) * B::BYTES);
    }
};

template <> struct lying<e4m3> {
    static __host__ __device__ size_t bytes(uint32_t k) {
        return e4m3_row_bytes(k);
    }
    static __device__ __forceinline__ const uint8_t *scale_at(
        const uint8_t *row, uint32_t k, uint32_t from) {
        return row + e4m3_scales_at(k) + from / E4M3_COLUMNS * sizeof(float);
    }
    static __device__ __forceinline__ void fetch(
        const uint8_t *row, uint32_t k, uint32_t from, struct eight *x) {
        x->scales = load_four<4>(scale_at(row, k, from));
        load_eight<8>(x->low, row + from);
    }
    static __device__ __forceinline__ void ask(const uint8_t *row, uint32_t k, uint32_t from) {
        prefetch(row + from);
        prefetch(scale_at(row, k, from));
    }
};

/* As bf16, in order. */
template <class B>
static __device__ __forceinline__ uint4 eight_bf16(const struct eight &x, uint32_t e) {
    float y[EIGHT];
    B::decode(x, e, y);
    return make_uint4(bf16_pair(y[0], y[1]), bf16_pair(y[2], y[3]), bf16_pair(y[4], y[5]),
        bf16_pair(y[6], y[7]));
}

/* Runs what has a run<B>() with the struct of a type. */
template <class R> static cudaError_t with_blocks(enum kernel_blocks blocks, const R &r) {
    switch (blocks) {
    case KERNEL_PLAIN:
    case KERNEL_N_BLOCKS:
        break;
    case KERNEL_Q4_0:
        return r.template run<q4_0>();
    case KERNEL_Q4_1:
        return r.template run<q4_1>();
    case KERNEL_Q5_0:
        return r.template run<q5_0>();
    case KERNEL_Q5_1:
        return r.template run<q5_1>();
    case KERNEL_Q8_0:
        return r.template run<q8_0>();
    case KERNEL_Q2_K:
        return r.template run<q2_k>();
    case KERNEL_Q3_K:
        return r.template run<q3_k>();
    case KERNEL_Q4_K:
        return r.template run<q4_k>();
    case KERNEL_Q5_K:
        return r.template run<q5_k>();
    case KERNEL_Q6_K:
        return r.template run<q6_k>();
    case KERNEL_IQ4_NL:
        return r.template run<iq4_nl>();
    case KERNEL_IQ4_XS:
        return r.template run<iq4_xs>();
    case KERNEL_MXFP4:
        return r.template run<mxfp4>();
    case KERNEL_E4M3:
        return r.template run<e4m3>();
    }
    return cudaErrorInvalidValue;
}

#endif

/* Rotary positions: one block a row; the cosine and sine of a pair are made once and turn that pair
 * in every head. Angles are position * inv_freq in f32 through cosf and sinf, as the CPU backend
 * and the reference have it; cosf and sinf must not become the fast, short ones (no
 * -use_fast_math). */
#include "harness/cuda/pieces.cuh"

/* Four pairs at once: pairs [i, i + 4) lie in two pieces, of halves or of neighbours. */
template <bool INTERLEAVED>
static __device__ __forceinline__ void turn_pairs(
    float *head, uint32_t half, uint32_t i, const float *cosines, const float *sines) {
    uint32_t at = INTERLEAVED ? 2 * i : i, then = INTERLEAVED ? at + PIECE : i + half;
    struct piece p = piece_wide(head + at), q = piece_wide(head + then);
    float v[2 * PIECE] = { p.x[0], p.x[1], p.x[2], p.x[3], q.x[0], q.x[1], q.x[2], q.x[3] };
#pragma unroll
    for (int e = 0; e < PIECE; e++) {
        const int first = INTERLEAVED ? 2 * e : e, second = INTERLEAVED ? 2 * e + 1 : e + PIECE;
        float x = v[first], y = v[second];
        v[first] = x * cosines[i + e] - y * sines[i + e];
        v[second] = y * cosines[i + e] + x * sines[i + e];
    }
    *(float4 *)(head + at) = make_float4(v[0], v[1], v[2], v[3]);
    *(float4 *)(head + then) = make_float4(v[4], v[5], v[6], v[7]);
}

static __device__ __forceinline__ void turn_pair(
    const struct rotate_args &a, float *head, uint32_t i, float c, float s) {
    uint32_t first = a.interleaved ? 2 * i : i, second = a.interleaved ? first + 1 : i + a.half;
    float x = head[first], y = head[second];
    head[first] = x * c - y * s;
    head[second] = y * c + x * s;
}

/* threadIdx.x: a pair, or four; threadIdx.y: a head. */
static __global__ void __launch_bounds__(THREADS) rotate_rows(struct rotate_args a, bool wide) {
    DYNAMIC_SHARED(float, cosines);
    float *sines = cosines + a.half;
    uint32_t thread = threadIdx.y * blockDim.x + threadIdx.x, n = blockDim.x * blockDim.y;
    for (uint32_t i = thread; i < a.half; i += n) {
        float angle = (float)a.positions[blockIdx.x] * a.inv_freq[i];
        cosines[i] = cosf(angle) * a.scale;
        sines[i] = sinf(angle) * a.scale;
    }
    __syncthreads();
    float *row = (float *)a.x.data + (size_t)blockIdx.x * a.x.cols + a.first;
    uint32_t step = wide ? PIECE : 1;
    for (uint32_t h = threadIdx.y; h < a.n_heads; h += blockDim.y) {
        float *head = row + (size_t)h * a.head_dim;
        for (uint32_t i = threadIdx.x * step; i < a.half; i += blockDim.x * step) {
            if (wide && a.interleaved)
                turn_pairs<true>(head, a.half, i, cosines, sines);
            else if (wide)
                turn_pairs<false>(head, a.half, i, cosines, sines);
            else
                turn_pair(a, head, i, cosines[i], sines[i]);
        }
    }
}

cudaError_t launch_rotate(const struct rotate_args *a, cudaStream_t stream) {
    if (is_empty(a->x))
        return cudaSuccess;
    size_t bytes = 2 * (size_t)a->half * sizeof(float);
    if (a->x.n > INT32_MAX || a->half > ROTATE_PAIRS_MAX)
        return cudaErrorInvalidConfiguration;
    bool wide = rows_wide(a->x) && a->head_dim % PIECE == 0 && a->first % PIECE == 0 &&
                a->half % PIECE == 0;
    uint32_t turns = wide ? a->half / PIECE : a->half, across = 1, down = 1;
    while (across < turns && across < 64)
        across *= 2;
    while (down < a->n_heads && across * down < THREADS)
        down *= 2;
    LAUNCH(rotate_rows, a->x.n, dim3(across, down), bytes, stream, *a, wide);
    return cudaGetLastError();
}

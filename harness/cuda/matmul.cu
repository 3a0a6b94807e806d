/* The matrix product, plain: blocks of MATMUL_TILE × MATMUL_TILE, a thread 4 × 4 of them, both
 * sides brought to shared memory in f32 by steps of STEP along k.
 *
 * The same bits. Each element of the product is one chain of fmaf over k from 0 up, in f32 (never
 * TF32; products of bf16 are exact in f32), begun at zero, whatever tile, thread or launch it falls
 * to. Beyond k both sides are zeros, which change no sum that is not a zero itself, and are as many
 * for every row. Rows beyond the last are zeros in shared memory and are not written. A split of
 * the columns over launches changes nothing either: logits use it.
 *
 * Products on tensor cores are in gemm_mma.cuh. Compiled, but not yet run on a device. */
#include "harness/cuda/product.cuh"

enum {
    STEP = 16,
    SIDE = 4,                    /* of a thread's part */
    ACROSS = MATMUL_TILE / SIDE, /* threads along a side of the tile */
    PITCH = MATMUL_TILE + 4,     /* a multiple of 4, so that 4 numbers load at once */
    SHARED_BYTES = 2 * STEP * PITCH * sizeof(float),
};
static_assert(ACROSS * ACROSS == THREADS, "a thread has SIDE × SIDE elements of the tile");

/* part[j][r] = from[row + r][k + j]; zeros where there is no such element. */
template <typename E>
static __device__ __forceinline__ void bring(float (*part)[PITCH], const E *from, uint32_t row,
    uint32_t n_rows, uint32_t k_from, uint32_t k) {
    for (uint32_t i = threadIdx.x; i < MATMUL_TILE * STEP; i += THREADS) {
        uint32_t r = i / STEP, j = i % STEP;
        bool there = row + r < n_rows && k_from + j < k;
        part[j][r] = there ? load(from, (size_t)(row + r) * k + k_from + j) : 0;
    }
}

template <typename E>
static __global__ void __launch_bounds__(THREADS)
    matmul_tile(struct matmul_args a, uint32_t n_row_tiles) {
    DYNAMIC_SHARED(float, room);
    float(*xs)[PITCH] = (float(*)[PITCH])room, (*ws)[PITCH] = xs + STEP; /* [STEP][PITCH] */
    uint32_t row = blockIdx.x % n_row_tiles * MATMUL_TILE;
    uint32_t column = blockIdx.x / n_row_tiles * MATMUL_TILE;
    uint32_t r = threadIdx.x / ACROSS * SIDE, c = threadIdx.x % ACROSS * SIDE;
    float sums[SIDE][SIDE] = {};
    for (uint32_t k = 0; k < a.x.cols; k += STEP) {
        bring(xs, (const E *)a.x.data, row, a.x.n, k, a.x.cols);
        bring(ws, (const E *)a.weight, column, a.out.cols, k, a.x.cols);
        __syncthreads();
#pragma unroll
        for (int j = 0; j < STEP; j++) {
            float4 x = *(const float4 *)&xs[j][r], w = *(const float4 *)&ws[j][c];
            float xr[SIDE] = { x.x, x.y, x.z, x.w }, wc[SIDE] = { w.x, w.y, w.z, w.w };
#pragma unroll
            for (int i = 0; i < SIDE * SIDE; i++)
                sums[i / SIDE][i % SIDE] =
                    fmaf(xr[i / SIDE], wc[i % SIDE], sums[i / SIDE][i % SIDE]);
        }
        __syncthreads(); /* before the next step overwrites what others still read */
    }
#pragma unroll
    for (int i = 0; i < SIDE * SIDE; i++)
        product_finish(a, row + r + i / SIDE, column + c + i % SIDE, sums[i / SIDE][i % SIDE]);
}

static uint32_t tiles(uint32_t n) {
    return (n + MATMUL_TILE - 1) / MATMUL_TILE;
}

cudaError_t launch_matmul(const struct matmul_args *a, cudaStream_t stream) {
    if (is_empty(a->out))
        return cudaSuccess;
    uint32_t down = tiles(a->out.n);
    size_t all = (size_t)down * tiles(a->out.cols);
    if (all > INT32_MAX)
        return cudaErrorInvalidConfiguration;
    if (a->x.bf16)
        LAUNCH(matmul_tile<uint16_t>, (unsigned)all, THREADS, SHARED_BYTES, stream, *a, down);
    else
        LAUNCH(matmul_tile<float>, (unsigned)all, THREADS, SHARED_BYTES, stream, *a, down);
    return cudaGetLastError();
}

/* Tensor cores and asynchronous copies, as the rest of the kernels see them: the only file with
 * assembly. Which element of a tile a lane holds stands here as plain functions, so that the tests
 * can go through all of them.
 *
 * A product is d[16, 8] += a[16, 16] * b[16, 8], bf16 by bf16 to f32. Registers of a and b hold two
 * elements side by side along k, the lower one in the low half.
 *
 * Every lane of the warp must come to mma_bf16 and ldmatrix_*. Compiled, but not yet run on a
 * device. */
#ifndef ASSAY_HARNESS_CUDA_MMA_CUH
#define ASSAY_HARNESS_CUDA_MMA_CUH

#include "harness/cuda/device.cuh"

enum { MMA_ROWS = 16, MMA_COLS = 8, MMA_K = 16 };

/* ---- which elements are a lane's ---- */

/* a[i] is (row, k) and (row, k + 1); i < 4 */
static __host__ __device__ constexpr int mma_a_row(int lane, int i) {
    return lane / 4 + i % 2 * 8;
}
static __host__ __device__ constexpr int mma_a_k(int lane, int i) {
    return lane % 4 * 2 + i / 2 * 8;
}

/* b[i] is (k, column) and (k + 1, column); i < 2 */
static __host__ __device__ constexpr int mma_b_k(int lane, int i) {
    return lane % 4 * 2 + i * 8;
}
static __host__ __device__ constexpr int mma_b_col(int lane) {
    return lane / 4;
}

/* d[i] is (row, column); i < 4 */
static __host__ __device__ constexpr int mma_d_row(int lane, int i) {
    return lane / 4 + i / 2 * 8;
}
static __host__ __device__ constexpr int mma_d_col(int lane, int i) {
    return lane % 4 * 2 + i % 2;
}

/* ---- which row of 8 elements a lane names, for ldmatrix to fill its registers ---- */

/* ldmatrix_x4 of a tile that lies [row][k]: r is a. */
static __host__ __device__ constexpr int ldmatrix_a_row(int lane) {
    return lane % 16;
}
static __host__ __device__ constexpr int ldmatrix_a_k(int lane) {
    return lane / 16 * 8;
}

/* ldmatrix_x4 of two tiles side by side that lie [column][k] (weights, keys): r[0], r[1] are b of
 * columns 0 to 7, r[2], r[3] of 8 to 15. */
static __host__ __device__ constexpr int ldmatrix_b_col(int lane) {
    return lane / 16 * 8 + lane % 8;
}
static __host__ __device__ constexpr int ldmatrix_b_k(int lane) {
    return lane / 8 % 2 * 8;
}

/* ldmatrix_x4_trans of two tiles side by side that lie [k][column] (values): the same. */
static __host__ __device__ constexpr int ldmatrix_trans_b_k(int lane) {
    return lane % 16;
}
static __host__ __device__ constexpr int ldmatrix_trans_b_col(int lane) {
    return lane / 16 * 8;
}

#ifdef __CUDACC__

/* d += a * b */
static __device__ __forceinline__ void mma_bf16(
    float d[4], const uint32_t a[4], const uint32_t b[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

static __device__ __forceinline__ uint32_t shared_address(const void *at) {
    return (uint32_t)__cvta_generic_to_shared(at);
}

/* Four 8 × 8 matrices of 16-bit elements from shared memory. Lane l names row l % 8 of matrix
 * l / 8: 16 bytes, aligned so. Of each matrix it gets elements 2 * (l % 4) and the next of row
 * l / 4; _trans: those of column l / 4. */
static __device__ __forceinline__ void ldmatrix_x4(uint32_t r[4], const void *shared_row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(shared_row))
                 : "memory");
}

static __device__ __forceinline__ void ldmatrix_x4_trans(uint32_t r[4], const void *shared_row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(shared_row))
                 : "memory");
}

/* 16 bytes, both sides aligned to 16, from global to shared memory; zeros where not `there`, and
 * `from` is not read then. They are there after a copy_async_wait that covers their commit, for
 * this thread; for others after a barrier behind that. */
static __device__ __forceinline__ void copy_async16(
    void *shared_to, const void *from, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(shared_address(shared_to)), "l"(__cvta_generic_to_global(from)),
                 "r"(there ? 16 : 0)
                 : "memory");
}

/* This thread's copies since the last commit become one group. */
static __device__ __forceinline__ void copy_async_commit(void) {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Until all but the N newest of this thread's groups are there. */
template <int N> static __device__ __forceinline__ void copy_async_wait(void) {
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

/* Asks memory for the line that this is in; may be an address that nothing is read from. */
static __device__ __forceinline__ void prefetch(const void *at) {
    asm volatile("prefetch.global.L2 [%0];" ::"l"(__cvta_generic_to_global(at)));
}

/* To nearest, ties to even; a NaN becomes 0x7fff. */
static __device__ __forceinline__ uint32_t bf16_pair(float low, float high) {
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

#else
#include <shim_mma.h> /* the same, of the tests */
#endif

#endif

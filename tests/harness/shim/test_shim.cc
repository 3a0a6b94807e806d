/* The shim finds what it is there to find: each mistake a kernel or its host can make is made here
 * on purpose, beside the same thing done well. And the maps of fragments are those of the PTX
 * manual (mma.m16n8k16 with .bf16, ldmatrix .x4), gone through element by element. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include <cmocka.h>
}

#include "harness/cuda/mma.cuh"

/* As outside of a recorded step. */
void launch_do(const struct launch_call *l, cudaStream_t stream) {
    cudaLaunchKernel(l->kernel, dim3(l->grid[0], l->grid[1], l->grid[2]),
        dim3(l->block[0], l->block[1], l->block[2]), (void **)l->arguments, l->shared_bytes,
        stream);
}

enum { SEEDS = 4 };

static void seed_set(unsigned seed) {
    char text[16];
    snprintf(text, sizeof text, "%u", seed);
    setenv("ASSAY_SHIM_SEED", text, 1);
}

static void must(cudaError_t e) {
    if (e != cudaSuccess)
        fail_msg("%s", cudaGetErrorString(e));
}

/* n elements on the device, those of `from` or poison. */
template <typename T> static T *device_new(size_t n, const T *from = NULL) {
    void *p;
    must(cudaMalloc(&p, n * sizeof(T)));
    if (from != NULL)
        must(cudaMemcpy(p, from, n * sizeof(T), cudaMemcpyHostToDevice));
    return (T *)p;
}

template <typename T> static void device_take(T *device, size_t n, T *to) {
    must(cudaMemcpy(to, device, n * sizeof(T), cudaMemcpyDeviceToHost));
    must(cudaFree(device));
}

/* What a process said that was to die of it; fails if it lived. */
static const char *last_words(void (*deed)(void)) {
    static char text[8192];
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        deed();
        _exit(0);
    }
    close(ends[1]);
    size_t n = 0;
    char rest[512];
    for (ssize_t got = 1; got > 0;) {
        bool room = n < sizeof text - 1;
        got = read(ends[0], room ? text + n : rest, room ? sizeof text - 1 - n : sizeof rest);
        n += room && got > 0 ? (size_t)got : 0;
    }
    text[n] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        fail_msg("it lived, and said: %s", text);
    return text;
}

static void assert_says(const char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("no '%s' in: %s", part, text);
}

/* ---- fragments ---- */

static void fragments_lie_as_the_manual_says(void **) {
    int seen_a[MMA_ROWS][MMA_K] = {}, seen_b[MMA_K][MMA_COLS] = {}, seen_d[MMA_ROWS][MMA_COLS] = {};
    for (int lane = 0; lane < WARP; lane++) {
        int group = lane >> 2, in_group = lane % 4;
        for (int i = 0; i < 8; i++) {
            int row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
            int k = in_group * 2 + (i & 1) + (i >= 4 ? 8 : 0);
            assert_int_equal(mma_a_row(lane, i / 2), row);
            assert_int_equal(mma_a_k(lane, i / 2) + i % 2, k);
            seen_a[row][k]++;
        }
        for (int i = 0; i < 4; i++) {
            int k = in_group * 2 + (i & 1) + (i >= 2 ? 8 : 0);
            assert_int_equal(mma_b_k(lane, i / 2) + i % 2, k);
            assert_int_equal(mma_b_col(lane), group);
            seen_b[k][group]++;
            int row = i < 2 ? group : group + 8, column = in_group * 2 + (i & 1);
            assert_int_equal(mma_d_row(lane, i), row);
            assert_int_equal(mma_d_col(lane, i), column);
            seen_d[row][column]++;
        }
    }
    for (int i = 0; i < MMA_ROWS * MMA_K; i++)
        assert_int_equal(seen_a[i / MMA_K][i % MMA_K], 1);
    for (int i = 0; i < MMA_K * MMA_COLS; i++) {
        assert_int_equal(seen_b[i / MMA_COLS][i % MMA_COLS], 1);
        assert_int_equal(seen_d[i / MMA_COLS][i % MMA_COLS], 1);
    }
}

static uint16_t noise_bf16(unsigned i) {
    return bf16_round((float)(int)(i * 2654435761U % 2001) / 500 - 2);
}

/* a [16][16], b [16][8] and d [16][8] lie row by row. */
static __global__ void product_of_fragments(
    const uint16_t *a, const uint16_t *b, float *d, int times) {
    int lane = (int)threadIdx.x;
    uint32_t fa[4], fb[2];
    float fd[4] = {};
    for (int i = 0; i < 4; i++) {
        const uint16_t *at = a + mma_a_row(lane, i) * MMA_K + mma_a_k(lane, i);
        fa[i] = (uint32_t)at[1] << 16 | at[0];
    }
    for (int i = 0; i < 2; i++) {
        const uint16_t *at = b + mma_b_k(lane, i) * MMA_COLS + mma_b_col(lane);
        fb[i] = (uint32_t)at[MMA_COLS] << 16 | at[0];
    }
    for (int i = 0; i < times; i++)
        mma_bf16(fd, fa, fb);
    for (int i = 0; i < 4; i++)
        d[mma_d_row(lane, i) * MMA_COLS + mma_d_col(lane, i)] = fd[i];
}

static void a_product_of_fragments_is_the_plain_product(void **) {
    enum { TIMES = 3 };
    uint16_t a[MMA_ROWS * MMA_K], b[MMA_K * MMA_COLS];
    float got[MMA_ROWS * MMA_COLS];
    for (unsigned i = 0; i < MMA_ROWS * MMA_K; i++)
        a[i] = noise_bf16(i);
    for (unsigned i = 0; i < MMA_K * MMA_COLS; i++)
        b[i] = noise_bf16(i + 1000);
    float *d = device_new<float>(MMA_ROWS * MMA_COLS);
    uint16_t *a_there = device_new(MMA_ROWS * MMA_K, a), *b_there = device_new(MMA_K * MMA_COLS, b);
    LAUNCH(product_of_fragments, 1, WARP, 0, NULL, a_there, b_there, d, TIMES);
    must(cudaGetLastError());
    device_take(d, MMA_ROWS * MMA_COLS, got);
    for (int i = 0; i < MMA_ROWS * MMA_COLS; i++) {
        float want = 0;
        for (int k = 0; k < TIMES * MMA_K; k++)
            want += load(a, (size_t)(i / MMA_COLS * MMA_K + k % MMA_K)) *
                    load(b, (size_t)(k % MMA_K * MMA_COLS + i % MMA_COLS));
        assert_true(got[i] == want);
    }
    must(cudaFree(a_there));
    must(cudaFree(b_there));
}

/* A tile of 16 × 16 numbers, each its own place, read as a, as two b, and turned as two b. */
enum { TILE = 16, TILE_PITCH = TILE + 8 };

static __global__ void matrices_of_a_tile(uint32_t *a, uint32_t *b, uint32_t *turned) {
    DYNAMIC_SHARED(uint16_t, tile);
    int lane = (int)threadIdx.x;
    for (int i = lane; i < TILE * TILE; i += WARP)
        tile[i / TILE * TILE_PITCH + i % TILE] = (uint16_t)i;
    __syncthreads();
    ldmatrix_x4(a + lane * 4, tile + ldmatrix_a_row(lane) * TILE_PITCH + ldmatrix_a_k(lane));
    ldmatrix_x4(b + lane * 4, tile + ldmatrix_b_col(lane) * TILE_PITCH + ldmatrix_b_k(lane));
    ldmatrix_x4_trans(turned + lane * 4,
        tile + ldmatrix_trans_b_k(lane) * TILE_PITCH + ldmatrix_trans_b_col(lane));
}

/* The pair of elements at (row, column) and one further along the row, or down the column. */
static uint32_t tile_pair(int row, int column, int down) {
    int low = row * TILE + column, high = (row + down) * TILE + column + 1 - down;
    return (uint32_t)high << 16 | (uint32_t)low;
}

static void ldmatrix_fills_the_fragments(void **) {
    uint32_t a[WARP * 4], b[WARP * 4], turned[WARP * 4];
    uint32_t *a_there = device_new<uint32_t>(WARP * 4), *b_there = device_new<uint32_t>(WARP * 4);
    uint32_t *turned_there = device_new<uint32_t>(WARP * 4);
    LAUNCH(matrices_of_a_tile, 1, WARP, TILE * TILE_PITCH * sizeof(uint16_t), NULL, a_there,
        b_there, turned_there);
    must(cudaGetLastError());
    device_take(a_there, WARP * 4, a);
    device_take(b_there, WARP * 4, b);
    device_take(turned_there, WARP * 4, turned);
    for (int lane = 0; lane < WARP; lane++) {
        for (int i = 0; i < 4; i++) {
            int k = mma_b_k(lane, i % 2), column = mma_b_col(lane) + i / 2 * MMA_COLS;
            assert_int_equal(a[lane * 4 + i], tile_pair(mma_a_row(lane, i), mma_a_k(lane, i), 0));
            assert_int_equal(b[lane * 4 + i], tile_pair(column, k, 0));
            assert_int_equal(turned[lane * 4 + i], tile_pair(k, column, 1));
        }
    }
}

static void bf16_pairs_are_rounded_as_everywhere(void **) {
    const float edges[] = { 0, -0.0F, 1, 1.00390625F, 1.01171875F, -3.4e38F, 1e-40F, INFINITY };
    for (float x : edges)
        assert_int_equal(bf16_pair(x, 2), 0x40000000U | bf16_round(x));
    assert_int_equal(bf16_pair(1, NAN), 0x7fff3f80U);
}

/* ---- warps ---- */

enum { KINDS = 6 };

static __global__ void exchange(unsigned *out) {
    unsigned t = threadIdx.x;
    unsigned *mine = out + t * KINDS;
    mine[0] = __shfl_xor_sync(0xffffffffU, t, 5);
    mine[1] = __shfl_down_sync(0xffffffffU, t, 3);
    mine[2] = __shfl_sync(0xffffffffU, t, 7);
    mine[3] = __ballot_sync(0xffffffffU, t % 3 == 0);
    mine[4] = (unsigned)__shfl_up_sync(0xffffffffU, (double)t, 1);
    mine[5] = t % WARP < 8 ? __shfl_xor_sync(0x000000ffU, t, 1, 8) : 0;
}

static void lanes_exchange_what_they_hold(void **) {
    enum { N = 3 * WARP };
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        unsigned got[N * KINDS], *out = device_new<unsigned>(N * KINDS);
        seed_set(seed);
        LAUNCH(exchange, 1, N, 0, NULL, out);
        device_take(out, N * KINDS, got);
        for (unsigned t = 0; t < N; t++) {
            const unsigned *mine = got + t * KINDS, lane = t % WARP, first = t - lane;
            unsigned votes = 0;
            for (unsigned i = 0; i < WARP; i++)
                votes |= (unsigned)((first + i) % 3 == 0) << i;
            assert_int_equal(mine[0], first + (lane ^ 5));
            assert_int_equal(mine[1], lane + 3 < WARP ? t + 3 : t);
            assert_int_equal(mine[2], first + 7);
            assert_int_equal(mine[3], votes);
            assert_int_equal(mine[4], lane > 0 ? t - 1 : t);
            assert_int_equal(mine[5], lane < 8 ? first + (lane ^ 1) : 0);
        }
    }
    seed_set(0);
}

static __global__ void warp_without_a_lane(float *out) {
    if (threadIdx.x != 7)
        out[threadIdx.x] = __shfl_xor_sync(0xffffffffU, 1.0F, 1);
}

static void lose_a_lane(void) {
    LAUNCH(warp_without_a_lane, 1, WARP, 0, NULL, device_new<float>(WARP));
    cudaDeviceSynchronize();
}

static void a_lane_that_does_not_come_is_reported(void **) {
    const char *said = last_words(lose_a_lane);
    assert_says(said, "kernel 'warp_without_a_lane', block (0, 0, 0)");
    assert_says(said, "threads 0 to 6 wait in __shfl_xor_sync for lanes ffffffff");
    assert_says(said, "threads 7 to 7 have returned");
}

/* ---- barriers ---- */

/* Turns a block's numbers round, through shared memory. */
template <bool BARRIER> static __global__ void turn_round(const float *in, float *out) {
    DYNAMIC_SHARED(float, room);
    unsigned t = threadIdx.x, n = blockDim.x, first = blockIdx.x * n;
    room[t] = in[first + t];
    if (BARRIER)
        __syncthreads();
    out[first + t] = room[n - 1 - t];
}

enum { TURNED = 40, TURNED_BLOCKS = 3 };

/* How many of the seeds give what it should. */
template <bool BARRIER> static unsigned count_right(void) {
    unsigned n_right = 0;
    float in[TURNED * TURNED_BLOCKS], got[TURNED * TURNED_BLOCKS];
    for (int i = 0; i < TURNED * TURNED_BLOCKS; i++)
        in[i] = (float)i;
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        seed_set(seed);
        float *from = device_new(TURNED * TURNED_BLOCKS, in);
        float *to = device_new<float>(TURNED * TURNED_BLOCKS);
        LAUNCH(turn_round<BARRIER>, TURNED_BLOCKS, TURNED, TURNED * sizeof(float), NULL, from, to);
        device_take(to, TURNED * TURNED_BLOCKS, got);
        must(cudaFree(from));
        bool right = true;
        for (int i = 0; i < TURNED * TURNED_BLOCKS; i++)
            right = right && got[i] == (float)(i / TURNED * TURNED + TURNED - 1 - i % TURNED);
        n_right += right;
    }
    seed_set(0);
    return n_right;
}

static void a_barrier_lets_every_order_come_out_right(void **) {
    assert_int_equal(count_right<true>(), SEEDS);
}

static void a_missing_barrier_comes_out_wrong(void **) {
    assert_int_equal(count_right<false>(), 0);
}

/* A thread adds to what its neighbour, whom it does not wait for, has left. */
static __global__ void lean_on_a_neighbour(float *out, bool ahead) {
    DYNAMIC_SHARED(float, room);
    unsigned t = threadIdx.x, n = blockDim.x;
    room[t] = 1;
    __syncthreads();
    unsigned neighbour = (ahead ? t + 1 : t + n - 1) % n;
    out[t] = room[neighbour];
    room[t] = 2; /* who reads it now? */
}

/* An order that is right by luck is not the order of every seed. */
static void the_order_of_threads_follows_from_the_seed(void **) {
    for (int ahead = 0; ahead < 2; ahead++) {
        float got[2][WARP];
        for (unsigned seed = 0; seed < 2; seed++) {
            seed_set(seed);
            float *out = device_new<float>(WARP);
            LAUNCH(lean_on_a_neighbour, 1, WARP, WARP * sizeof(float), NULL, out, ahead != 0);
            device_take(out, WARP, got[seed]);
        }
        assert_memory_not_equal(got[0], got[1], sizeof got[0]);
    }
    seed_set(0);
}

static __global__ void barrier_for_some(float *out) {
    if (threadIdx.x >= 16)
        return;
    __syncthreads();
    out[threadIdx.x] = 1;
}

static void leave_before_a_barrier(void) {
    LAUNCH(barrier_for_some, 1, WARP, 0, NULL, device_new<float>(WARP));
    cudaDeviceSynchronize();
}

static __global__ void barriers_apart(float *out) {
    if (threadIdx.x >= 16) {
        __syncthreads();
        out[threadIdx.x] = 1;
    } else {
        __syncthreads();
        out[threadIdx.x] = 2;
    }
}

static void wait_at_two_barriers(void) {
    LAUNCH(barriers_apart, 1, WARP, 0, NULL, device_new<float>(WARP));
    cudaDeviceSynchronize();
}

static void a_barrier_in_divergent_code_is_reported(void **) {
    const char *said = last_words(leave_before_a_barrier);
    assert_says(said, "kernel 'barrier_for_some'");
    assert_says(said, "threads 0 to 15 wait at a barrier");
    assert_says(said, "threads 16 to 31 have returned");
    said = last_words(wait_at_two_barriers);
    assert_says(said, "kernel 'barriers_apart'");
    assert_says(said, "threads 16 to 31 wait at a barrier");
}

/* ---- copies under way ---- */

template <int NEWEST> static __global__ void copy_two(const float *from, float *out) {
    DYNAMIC_SHARED(float, room);
    copy_async16(room, from, true);
    copy_async_commit();
    copy_async16(room + 4, from + 4, threadIdx.x > 0); /* only one thread: zeros */
    copy_async_commit();
    if (NEWEST >= 0)
        copy_async_wait<(NEWEST > 0 ? NEWEST : 0)>();
    for (int i = 0; i < 8; i++)
        out[i] = room[i];
}

template <int NEWEST> static void copy_and_read(float got[8]) {
    const float sent[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    float *from = device_new(8, sent), *out = device_new<float>(8);
    LAUNCH(copy_two<NEWEST>, 1, 1, 8 * sizeof(float), NULL, from, out);
    device_take(out, 8, got);
    must(cudaFree(from));
}

static void a_copy_arrives_when_it_is_waited_for(void **) {
    float got[8];
    copy_and_read<0>(got);
    for (int i = 0; i < 8; i++)
        assert_true(got[i] == (i < 4 ? (float)(i + 1) : 0));
}

static void a_read_before_the_wait_finds_poison(void **) {
    float got[8];
    copy_and_read<-1>(got);
    for (int i = 0; i < 8; i++)
        assert_true(isnan(got[i]));
    copy_and_read<1>(got); /* the first has come, the second not */
    for (int i = 0; i < 8; i++)
        assert_true(i < 4 ? got[i] == (float)(i + 1) : isnan(got[i]));
}

static __global__ void copy_from_anywhere(const float *from) {
    DYNAMIC_SHARED(float, room);
    copy_async16(room, from, true);
}

static void copy_askew(void) {
    LAUNCH(copy_from_anywhere, 1, 1, 16, NULL, device_new<float>(8) + 1);
    cudaDeviceSynchronize();
}

static __global__ void matrix_from_anywhere(uint32_t *out) {
    DYNAMIC_SHARED(uint16_t, room);
    ldmatrix_x4(out + threadIdx.x * 4, room + threadIdx.x);
}

static void read_a_matrix_askew(void) {
    LAUNCH(matrix_from_anywhere, 1, WARP, 128, NULL, device_new<uint32_t>(WARP * 4));
    cudaDeviceSynchronize();
}

static void what_is_not_aligned_is_reported(void **) {
    assert_says(last_words(copy_askew), "not aligned to 16");
    assert_says(last_words(read_a_matrix_askew), "not aligned to 16");
}

/* ---- memory ---- */

static __global__ void read_what_nobody_wrote(float *out) {
    DYNAMIC_SHARED(float, room);
    out[0] = room[0];
    room[0] = 1; /* and the next block finds poison again */
}

static void memory_that_nobody_wrote_is_nan(void **) {
    float got[2], *out = device_new<float>(2);
    LAUNCH(read_what_nobody_wrote, 2, 1, sizeof(float), NULL, out);
    device_take(out, 2, got);
    assert_true(isnan(got[0]) && isnan(got[1]));
}

#if defined(__SANITIZE_ADDRESS__)
static __global__ void write_at(float *out, size_t at) {
    DYNAMIC_SHARED(float, room);
    (out != NULL ? out : room)[at] = 1;
}

static void write_behind_shared_memory(void) {
    LAUNCH(write_at, 1, 1, 7 * sizeof(float), NULL, (float *)NULL, (size_t)7);
    cudaDeviceSynchronize();
}

static void write_behind_device_memory(void) {
    LAUNCH(write_at, 1, 1, 0, NULL, device_new<float>(7), (size_t)7);
    cudaDeviceSynchronize();
}

static void read_device_memory_on_the_host(void) {
    exit(device_new<float>(1)[0] > 0);
}

static __global__ void read_four(const float *from, float *out) {
    float4 x = *(const float4 *)from;
    out[0] = x.x;
}

static void read_four_askew(void) {
    LAUNCH(read_four, 1, 1, 0, NULL, device_new<float>(8) + 1, device_new<float>(1));
    cudaDeviceSynchronize();
}

static void sanitizers_see_into_kernels(void **) {
    assert_says(last_words(write_behind_shared_memory), "heap-buffer-overflow");
    assert_says(last_words(write_behind_device_memory), "heap-buffer-overflow");
    assert_says(last_words(read_device_memory_on_the_host), "use-after-poison");
    assert_says(last_words(read_four_askew), "misaligned address");
}
#endif

/* ---- launches and streams ---- */

static __global__ void add_one(float *x) {
    x[grid_index()] += 1;
}

static void launches_that_no_device_takes_are_refused(void **) {
    float *x = device_new<float>(1);
    const dim3 grids[] = { dim3(0), dim3(1, 65536), dim3(1, 1, 65536) };
    for (dim3 grid : grids) {
        LAUNCH(add_one, grid, 1, 0, NULL, x);
        assert_int_equal(cudaGetLastError(), cudaErrorInvalidConfiguration);
    }
    LAUNCH(add_one, 1, 1025, 0, NULL, x);
    assert_int_equal(cudaGetLastError(), cudaErrorInvalidConfiguration);
    LAUNCH(add_one, 1, 1, (48 << 10) + 1, NULL, x);
    assert_int_equal(cudaGetLastError(), cudaErrorInvalidConfiguration);
    assert_int_equal(LAUNCH_SHARED_MAX(add_one, (227 << 10) + 1), cudaErrorInvalidValue);
    cudaGetLastError();
    must(LAUNCH_SHARED_MAX(add_one, 64 << 10));
    LAUNCH(add_one, 1, 1, 64 << 10, NULL, x);
    must(cudaGetLastError());
    must(cudaFree(x));
}

static __global__ void number_threads(unsigned *out) {
    unsigned t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    unsigned b = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    out[b * blockDim.x * blockDim.y * blockDim.z + t] = b * 1000 + t;
}

static void every_thread_of_every_block_runs_once(void **) {
    enum { BLOCKS = 2 * 3 * 2, THREADS_EACH = 5 * 4 * 3 };
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        unsigned got[BLOCKS * THREADS_EACH], *out = device_new<unsigned>(BLOCKS * THREADS_EACH);
        seed_set(seed);
        LAUNCH(number_threads, dim3(2, 3, 2), dim3(5, 4, 3), 0, NULL, out);
        device_take(out, BLOCKS * THREADS_EACH, got);
        for (unsigned i = 0; i < BLOCKS * THREADS_EACH; i++)
            assert_int_equal(got[i], i / THREADS_EACH * 1000 + i % THREADS_EACH);
    }
    seed_set(0);
}

/* What arrives of a number that is changed right after its copy was given to a stream. */
static float sent_and_changed(float *host) {
    float got, *there = device_new<float>(1);
    cudaStream_t stream;
    must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    *host = 1;
    must(cudaMemcpyAsync(there, host, sizeof *host, cudaMemcpyHostToDevice, stream));
    *host = 2;
    must(cudaStreamSynchronize(stream));
    must(cudaStreamDestroy(stream));
    device_take(there, 1, &got);
    return got;
}

static void a_pinned_buffer_is_read_late_or_early(void **) {
    float pageable;
    void *pinned;
    must(cudaMallocHost(&pinned, sizeof(float)));
    for (unsigned seed = 0; seed < 2; seed++) {
        seed_set(seed);
        assert_true(sent_and_changed((float *)pinned) == (seed == 0 ? 2 : 1));
        assert_true(sent_and_changed(&pageable) == 1);
    }
    seed_set(0);
    must(cudaFreeHost(pinned));
}

static void streams_wait_for_events_and_not_for_each_other(void **) {
    for (int waits = 0; waits < 2; waits++) {
        const float zero = 0;
        float got, *x = device_new(1, &zero);
        cudaStream_t first, second;
        cudaEvent_t event;
        must(cudaStreamCreate(&first));
        must(cudaStreamCreate(&second));
        must(cudaEventCreate(&event));
        LAUNCH(add_one, 1, 1, 0, first, x);
        must(cudaEventRecord(event, first));
        if (waits)
            must(cudaStreamWaitEvent(second, event, 0));
        must(cudaMemcpyAsync(&got, x, sizeof got, cudaMemcpyDeviceToHost, second));
        assert_true(got == (float)waits);
        must(cudaEventDestroy(event));
        must(cudaStreamDestroy(first));
        must(cudaStreamDestroy(second));
        must(cudaFree(x));
    }
}

/* Kernels want a stream of the thread's device, events one of their own. */
static void a_stream_takes_what_is_of_its_device(void **) {
    float got;
    cudaStream_t stream;
    cudaEvent_t there, here;
    setenv("ASSAY_SHIM_DEVICES", "2", 1);
    must(cudaSetDevice(1));
    float *x = device_new<float>(1);
    must(cudaStreamCreate(&stream));
    must(cudaEventCreate(&there));
    must(cudaMemsetAsync(x, 0, sizeof *x, stream));
    must(cudaSetDevice(0));
    must(cudaEventCreate(&here));
    LAUNCH(add_one, 1, 1, 0, stream, x);
    assert_int_equal(cudaGetLastError(), cudaErrorInvalidResourceHandle);
    assert_int_equal(cudaEventRecord(here, stream), cudaErrorInvalidResourceHandle);
    cudaGetLastError();
    must(cudaEventRecord(there, stream));
    must(cudaSetDevice(1));
    LAUNCH(add_one, 1, 1, 0, stream, x);
    must(cudaGetLastError());
    must(cudaMemcpyAsync(&got, x, sizeof got, cudaMemcpyDeviceToHost, stream));
    assert_true(got == 1);
    must(cudaFree(x));
    must(cudaSetDevice(0));
    must(cudaEventDestroy(here));
    must(cudaEventDestroy(there));
    must(cudaStreamDestroy(stream));
    unsetenv("ASSAY_SHIM_DEVICES");
}

static cudaGraph_t captured(cudaStream_t stream, float *x, int times) {
    cudaGraph_t graph;
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < times; i++)
        LAUNCH(add_one, 1, 1, 0, stream, x);
    must(cudaStreamEndCapture(stream, &graph));
    return graph;
}

static void a_graph_does_again_what_was_captured(void **) {
    const float zero = 0;
    float got, *x = device_new(1, &zero);
    cudaStream_t stream;
    cudaGraphExec_t exec;
    must(cudaStreamCreate(&stream));
    cudaGraph_t graph = captured(stream, x, 2);
    must(cudaGraphInstantiate(&exec, graph, 0));
    must(cudaGraphDestroy(graph));
    for (int i = 0; i < 3; i++)
        must(cudaGraphLaunch(exec, stream));
    must(cudaGraphExecDestroy(exec));
    must(cudaMemcpyAsync(&got, x, sizeof got, cudaMemcpyDeviceToHost, stream));
    must(cudaStreamDestroy(stream));
    must(cudaFree(x));
    assert_true(got == 6);
}

/* Arguments may be others, launches not; a graph that could not be updated is as it was. */
static void a_graph_takes_other_arguments_and_no_other_launches(void **) {
    const float zeros[] = { 0, 0 };
    float got[2], *x = device_new(2, zeros);
    cudaStream_t stream;
    cudaGraphExec_t exec;
    cudaGraphExecUpdateResultInfo info;
    must(cudaStreamCreate(&stream));
    cudaGraph_t first = captured(stream, x, 2), second = captured(stream, x + 1, 2),
                longer = captured(stream, x, 3);
    must(cudaGraphInstantiate(&exec, first, 0));
    must(cudaGraphExecUpdate(exec, second, &info));
    assert_int_equal(cudaGraphExecUpdate(exec, longer, &info), cudaErrorGraphExecUpdateFailure);
    assert_int_equal(info.result, cudaGraphExecUpdateErrorTopologyChanged);
    cudaGetLastError();
    must(cudaGraphLaunch(exec, stream));
    must(cudaGraphExecDestroy(exec));
    must(cudaGraphDestroy(first));
    must(cudaGraphDestroy(second));
    must(cudaGraphDestroy(longer));
    must(cudaStreamSynchronize(stream));
    must(cudaStreamDestroy(stream));
    device_take(x, 2, got);
    assert_true(got[0] == 0 && got[1] == 2);
}

static cudaError_t sync_in_a_capture(cudaStream_t stream) {
    return cudaStreamSynchronize(stream);
}
static cudaError_t ask_in_a_capture(cudaStream_t stream) {
    return cudaStreamQuery(stream);
}
static cudaError_t malloc_in_a_capture(cudaStream_t) {
    void *p;
    return cudaMalloc(&p, 16);
}
static cudaError_t pin_in_a_capture(cudaStream_t) {
    void *p;
    return cudaMallocHost(&p, 16);
}
static cudaError_t copy_in_a_capture(cudaStream_t) {
    float a = 0, b = 0;
    return cudaMemcpy(&a, &b, sizeof a, cudaMemcpyHostToHost);
}
static cudaError_t wait_in_a_capture(cudaStream_t) {
    return cudaDeviceSynchronize();
}

/* Each of them fails and spoils the capture; then the stream works as before. */
static void a_capture_does_not_bear_every_call(void **) {
    cudaError_t (*const calls[])(cudaStream_t) = { sync_in_a_capture, ask_in_a_capture,
        malloc_in_a_capture, pin_in_a_capture, copy_in_a_capture, wait_in_a_capture };
    const float zero = 0;
    float got, *x = device_new(1, &zero);
    cudaStream_t stream;
    cudaGraph_t graph;
    must(cudaStreamCreate(&stream));
    for (auto call : calls) {
        must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
        LAUNCH(add_one, 1, 1, 0, stream, x);
        assert_int_equal(call(stream), cudaErrorStreamCaptureUnsupported);
        cudaGetLastError();
        LAUNCH(add_one, 1, 1, 0, stream, x);
        assert_int_equal(cudaGetLastError(), cudaErrorStreamCaptureInvalidated);
        assert_int_equal(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
        assert_null(graph);
        cudaGetLastError();
    }
    LAUNCH(add_one, 1, 1, 0, stream, x);
    must(cudaStreamSynchronize(stream));
    must(cudaStreamDestroy(stream));
    device_take(x, 1, &got);
    assert_true(got == 1);
}

static void an_event_of_a_capture_is_not_waited_for(void **) {
    cudaStream_t stream;
    cudaEvent_t event;
    cudaGraph_t graph;
    must(cudaStreamCreate(&stream));
    must(cudaEventCreate(&event));
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    must(cudaEventRecord(event, stream));
    assert_int_equal(cudaEventQuery(event), cudaErrorCapturedEvent);
    assert_int_equal(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
    cudaGetLastError();
    must(cudaEventDestroy(event));
    must(cudaStreamDestroy(stream));
}

static void copies_know_which_side_is_the_device(void **) {
    float host = 0, *there = device_new<float>(1);
    assert_int_equal(
        cudaMemcpy(&host, there, sizeof host, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
    assert_int_equal(
        cudaMemcpy(there, &host, sizeof host, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
    assert_int_equal(cudaMemset(&host, 0, sizeof host), cudaErrorInvalidValue);
    assert_int_equal(cudaFree(&host), cudaErrorInvalidValue);
    void *p;
    assert_int_equal(cudaMalloc(&p, (size_t)1 << 50), cudaErrorMemoryAllocation);
    cudaGetLastError();
    must(cudaFree(there));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_lie_as_the_manual_says),
        cmocka_unit_test(a_product_of_fragments_is_the_plain_product),
        cmocka_unit_test(ldmatrix_fills_the_fragments),
        cmocka_unit_test(bf16_pairs_are_rounded_as_everywhere),
        cmocka_unit_test(lanes_exchange_what_they_hold),
        cmocka_unit_test(a_lane_that_does_not_come_is_reported),
        cmocka_unit_test(a_barrier_lets_every_order_come_out_right),
        cmocka_unit_test(a_missing_barrier_comes_out_wrong),
        cmocka_unit_test(the_order_of_threads_follows_from_the_seed),
        cmocka_unit_test(a_barrier_in_divergent_code_is_reported),
        cmocka_unit_test(a_copy_arrives_when_it_is_waited_for),
        cmocka_unit_test(a_read_before_the_wait_finds_poison),
        cmocka_unit_test(what_is_not_aligned_is_reported),
        cmocka_unit_test(memory_that_nobody_wrote_is_nan),
#if defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(sanitizers_see_into_kernels),
#endif
        cmocka_unit_test(launches_that_no_device_takes_are_refused),
        cmocka_unit_test(every_thread_of_every_block_runs_once),
        cmocka_unit_test(a_pinned_buffer_is_read_late_or_early),
        cmocka_unit_test(streams_wait_for_events_and_not_for_each_other),
        cmocka_unit_test(a_stream_takes_what_is_of_its_device),
        cmocka_unit_test(a_graph_does_again_what_was_captured),
        cmocka_unit_test(a_graph_takes_other_arguments_and_no_other_launches),
        cmocka_unit_test(a_capture_does_not_bear_every_call),
        cmocka_unit_test(an_event_of_a_capture_is_not_waited_for),
        cmocka_unit_test(copies_know_which_side_is_the_device),
    };
    seed_set(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Recurrences: a block of threads is a segment × COLUMNS channels, which it walks through from
 * position 0, the ancestors' tokens first, CHUNK tokens at a time. LANES neighbouring threads have
 * one channel's state between them, in registers: lane l holds numbers l, l + LANES, ...
 *
 * What a chunk of tokens brings in is made ready in shared memory by all threads together; then
 * each channel goes through it by itself, with no barrier between tokens; then rows are gated and
 * written, side by side.
 *
 * The same bits. A token's numbers depend on the state before it and on what its slot holds; sums
 * over the state go along a lane's numbers, then over lanes. Neither the chunk nor the segment that
 * a token falls into is part of any sum. */
#include "harness/cuda/spans.cuh"

enum { LANES = 8, COLUMNS = THREADS / LANES, CHUNK = 16, WARPS = THREADS / WARP };

/* Where things lie in a slot's keys and values and in a row of what is read. Heads: `number`. */
struct place {
    uint32_t number, first, n;  /* the block's channels: [first, first + n) of all */
    uint32_t channels, steps;   /* of values */
    uint32_t brought, read;     /* of values, of a row that is read */
};

/* Blocks of COLUMNS channels, which no two heads share. */
static __host__ __device__ inline uint32_t blocks_a_head(const struct recur_args &a) {
    return (a.n_channels / a.n_heads + COLUMNS - 1) / COLUMNS;
}

static __device__ struct place place_of(const struct recur_args &a, uint32_t block) {
    uint32_t width = a.n_channels / a.n_heads, blocks = blocks_a_head(a);
    struct place p;
    p.number = block / blocks;
    uint32_t inner = block % blocks * COLUMNS, group = p.number / (a.n_heads / a.n_groups);
    uint32_t all = a.n_groups * a.n_state;
    p.n = width - inner < COLUMNS ? width - inner : (uint32_t)COLUMNS;
    p.first = p.number * width + inner;
    p.channels = p.first;
    p.brought = a.n_channels + group * a.n_state;
    p.read = a.n_channels + all + group * a.n_state;
    p.steps = a.n_channels + all + p.number;
    if (a.kind == RECUR_CHANNELS) {
        p.steps = p.first;
        p.read = 0;
    } else if (a.kind == RECUR_CORRECTS) {
        p.read = group * a.n_state;
        p.brought = all + group * a.n_state;
        p.channels = 2 * all + p.first;
        p.steps = 2 * all + a.n_channels + p.number;
    }
    return p;
}

/* A chunk of tokens in shared memory. */
struct chunk {
    uint32_t *slots;       /* [TAPS_BEFORE + CHUNK]: of the tokens before it too */
    float *u, *y, *steps;  /* [CHUNK, COLUMNS]; of heads a step a token */
    float *keep;           /* [CHUNK]: of heads, what the state decays by; the weight behind them */
    float *brought, *read; /* [CHUNK, S] */
    uint32_t from, n;      /* positions */
    uint32_t own;          /* the first of them that has a row */
};

enum { TAPS_BEFORE = 15 }; /* one less than the most taps */

static __host__ __device__ inline uint32_t chunk_tokens(uint32_t n_state) {
    return n_state <= 256 ? (uint32_t)CHUNK : (uint32_t)CHUNK / 4;
}

static size_t chunk_bytes(uint32_t n_state) {
    uint32_t n = chunk_tokens(n_state);
    size_t floats = (size_t)n * (3 * COLUMNS + 2 + 2 * (size_t)n_state);
    return floats * sizeof(float) + (TAPS_BEFORE + n) * sizeof(uint32_t);
}

static __device__ struct chunk chunk_place(float *room, uint32_t n_state) {
    struct chunk c = {};
    uint32_t n = chunk_tokens(n_state);
    c.u = room;
    c.y = c.u + n * COLUMNS;
    c.steps = c.y + n * COLUMNS;
    c.keep = c.steps + n * COLUMNS;
    c.brought = c.keep + 2 * n;
    c.read = c.brought + (size_t)n * n_state;
    c.slots = (uint32_t *)(c.read + (size_t)n * n_state);
    return c;
}

/* ---- what tokens bring ---- */

static __device__ __forceinline__ float softplus(float x) {
    return x > 20 ? x : log1pf(expf(x));
}

static __device__ __forceinline__ float cell(
    const struct recur_args &a, const void *cache, uint32_t slot, uint32_t column) {
    return element_load(cache, a.cache_bf16, (size_t)slot * a.kv_width + column);
}

/* Slots of positions [from - TAPS_BEFORE, from + n), where there are such. */
static __device__ void chunk_slots(
    const struct recur_args &a, const struct attend_segment &s, const struct chunk &c) {
    for (uint32_t i = threadIdx.x; i < TAPS_BEFORE + c.n; i += THREADS)
        if (c.from + i >= TAPS_BEFORE)
            c.slots[i] = slot_of(a.spans + s.first_span, s.n_spans, c.from + i - TAPS_BEFORE);
}

/* The convolution of one channel up to a position; `slot`: of that position, behind those of the
 * ones before. */
static __device__ float convolved(
    const struct recur_args &a, const uint32_t *slot, uint32_t position, uint32_t channel) {
    const float *taps = a.taps + (size_t)channel * a.n_taps + a.n_taps - 1;
    uint32_t seen = position + 1 < a.n_taps ? position + 1 : a.n_taps;
    float sum = a.taps_bias != NULL ? a.taps_bias[channel] : 0;
    for (int back = 0; back < (int)seen; back++)
        sum = fmaf(taps[-back], cell(a, a.keys, slot[-back], channel), sum);
    return activated(a.activation, sum);
}

/* Channels and, where each has its own, their steps. */
static __device__ void chunk_channels(
    const struct recur_args &a, const struct place &p, const struct chunk &c) {
    uint32_t column = threadIdx.x % COLUMNS;
    if (column >= p.n)
        return;
    for (uint32_t t = threadIdx.x / COLUMNS; t < c.n; t += LANES) {
        const uint32_t *slot = c.slots + TAPS_BEFORE + t;
        uint32_t at = t * COLUMNS + column;
        if (a.kind != RECUR_CHANNELS) {
            c.u[at] = cell(a, a.values, *slot, p.channels + column);
            continue;
        }
        c.u[at] = convolved(a, slot, c.from + t, p.first + column);
        c.steps[at] = softplus(cell(a, a.values, *slot, p.steps + column));
    }
}

/* Of heads: a token's step, its decay, and the weight of what it corrects. */
static __device__ void chunk_steps(
    const struct recur_args &a, const struct place &p, const struct chunk &c) {
    if (a.kind == RECUR_CHANNELS)
        return;
    for (uint32_t t = threadIdx.x; t < c.n; t += THREADS) {
        uint32_t slot = c.slots[TAPS_BEFORE + t];
        float step = softplus(cell(a, a.values, slot, p.steps) + a.step_from[p.number]);
        if (a.kind == RECUR_HEADS)
            step = step < a.step_min ? a.step_min : step > a.step_max ? a.step_max : step;
        else
            c.keep[chunk_tokens(a.n_state) + t] =
                1 / (1 + expf(-cell(a, a.values, slot, p.steps + a.n_heads)));
        c.steps[t] = step;
        c.keep[t] = expf(-expf(a.decay[p.number]) * step);
    }
}

/* n numbers in shared memory scaled to a length, by a warp. */
static __device__ void unit(uint32_t n, float length, float *x) {
    uint32_t lane = threadIdx.x % WARP;
    float sum = 0;
    for (uint32_t i = lane; i < n; i += WARP)
        sum = fmaf(x[i], x[i], sum);
    float by = length / sqrtf(warp_sum(sum) + 1e-6F);
    for (uint32_t i = lane; i < n; i += WARP)
        x[i] *= by;
}

/* What tokens bring in and what their rows read, a warp a token. */
static __device__ void chunk_states(const struct recur_args &a, const struct attend_segment &s,
    const struct place &p, const struct chunk &c) {
    for (uint32_t t = threadIdx.x / WARP; t < c.n; t += WARPS) {
        float *brought = c.brought + (size_t)t * a.n_state, *read = c.read + (size_t)t * a.n_state;
        uint32_t slot = c.slots[TAPS_BEFORE + t];
        bool own = c.from + t >= c.own;
        size_t row = own ? (size_t)s.row + (c.from + t - s.position) : 0;
        for (uint32_t i = threadIdx.x % WARP; i < a.n_state; i += WARP) {
            brought[i] = cell(a, a.values, slot, p.brought + i);
            if (own)
                read[i] = ((const float *)a.read.data)[row * a.read.cols + p.read + i];
        }
        if (a.kind != RECUR_CORRECTS)
            continue;
        unit(a.n_state, 1, brought);
        if (own)
            unit(a.n_state, 1 / sqrtf((float)a.n_state), read);
    }
}

/* ---- the state ---- */

/* Over the lanes of a channel. */
static __device__ __forceinline__ float lanes_sum(float x) {
    for (int distance = LANES / 2; distance > 0; distance /= 2)
        x += __shfl_xor_sync(0xffffffffU, x, distance);
    return x;
}

/* A channel's numbers [lane, lane + LANES, ...), HELD of them at most. */
template <int HELD> struct state {
    float x[HELD];
    float rate[HELD]; /* -exp(decay), of channels that have their own */
};

template <int HELD>
static __device__ __forceinline__ void state_begin(const struct recur_args &a,
    const struct place &p, uint32_t lane, uint32_t column, struct state<HELD> *st) {
    bool each = a.kind == RECUR_CHANNELS && column < p.n;
#pragma unroll
    for (int k = 0; k < HELD; k++) {
        uint32_t i = lane + (uint32_t)k * LANES;
        st->x[k] = 0;
        st->rate[k] = each && i < a.n_state
                          ? -expf(a.decay[(size_t)(p.first + column) * a.n_state + i])
                          : 0;
    }
}

/* What the state recalls of `of`, or is read of it; the same in every lane. */
template <int HELD>
static __device__ __forceinline__ float state_dot(
    const struct state<HELD> &st, uint32_t n_state, uint32_t lane, const float *of) {
    float sum = 0;
#pragma unroll
    for (int k = 0; k < HELD; k++) {
        uint32_t i = lane + (uint32_t)k * LANES;
        if (i < n_state)
            sum = fmaf(st.x[k], of[i], sum);
    }
    return lanes_sum(sum);
}

/* state = keep * state + by * brought, where channels decay by rates of their own if `each`. */
template <int HELD>
static __device__ __forceinline__ void state_move(struct state<HELD> *st, uint32_t n_state,
    uint32_t lane, const float *brought, bool each, float keep, float step, float by) {
#pragma unroll
    for (int k = 0; k < HELD; k++) {
        uint32_t i = lane + (uint32_t)k * LANES;
        if (i < n_state)
            st->x[k] = fmaf(
                brought[i], by, (each ? expf(st->rate[k] * step) : keep) * st->x[k]);
    }
}

template <int HELD>
static __device__ __forceinline__ void state_decay(struct state<HELD> *st, float keep) {
#pragma unroll
    for (int k = 0; k < HELD; k++)
        st->x[k] *= keep;
}

/* One channel through a chunk. All threads come, so that whole warps sum. */
template <int HELD>
static __device__ void chunk_walk(const struct recur_args &a, const struct place &p,
    const struct chunk &c, struct state<HELD> *st) {
    const uint32_t lane = threadIdx.x % LANES, column = threadIdx.x / LANES;
    const bool each = a.kind == RECUR_CHANNELS, there = column < p.n;
    for (uint32_t t = 0; t < c.n; t++) {
        uint32_t at = t * COLUMNS + column;
        const float *brought = c.brought + (size_t)t * a.n_state;
        float u = there ? c.u[at] : 0, step = each ? (there ? c.steps[at] : 0) : c.steps[t];
        float keep = each ? 1 : c.keep[t];
        if (a.kind == RECUR_CORRECTS) {
            state_decay<HELD>(st, keep);
            float recalled = state_dot<HELD>(*st, a.n_state, lane, brought);
            float by = c.keep[chunk_tokens(a.n_state) + t] * (u - recalled);
            state_move<HELD>(st, a.n_state, lane, brought, false, 1, 0, by);
        } else {
            state_move<HELD>(st, a.n_state, lane, brought, each, keep, step, step * u);
        }
        if (c.from + t < c.own)
            continue;
        float y = state_dot<HELD>(*st, a.n_state, lane, c.read + (size_t)t * a.n_state);
        if (a.kind != RECUR_CORRECTS)
            y += a.skip[a.kind == RECUR_HEADS ? p.number : p.first + (there ? column : 0)] * u;
        if (lane == 0 && there)
            c.y[at] = y;
    }
}

static __device__ void chunk_write(const struct recur_args &a, const struct attend_segment &s,
    const struct place &p, const struct chunk &c) {
    uint32_t column = threadIdx.x % COLUMNS;
    if (column >= p.n)
        return;
    for (uint32_t t = threadIdx.x / COLUMNS; t < c.n; t += LANES) {
        if (c.from + t < c.own)
            continue;
        size_t row = (size_t)s.row + (c.from + t - s.position);
        size_t at = row * a.n_channels + p.first + column;
        float y = c.y[t * COLUMNS + column];
        if (a.gate.data != NULL)
            y *= activated(a.activation, ((const float *)a.gate.data)[at]);
        element_store(a.out.data, a.out.bf16, at, y);
    }
}

template <int HELD>
static __global__ void __launch_bounds__(THREADS, HELD <= 8 ? 3 : HELD <= 16 ? 2 : 1)
    recur_segments(struct recur_args a) {
    DYNAMIC_SHARED(float, room);
    const uint32_t blocks = blocks_a_head(a) * a.n_heads;
    const struct attend_segment s = a.segments[blockIdx.x / blocks];
    const struct place p = place_of(a, blockIdx.x % blocks);
    const uint32_t at_once = chunk_tokens(a.n_state), end = s.position + s.n;
    struct chunk c = chunk_place(room, a.n_state);
    struct state<HELD> st;
    state_begin<HELD>(a, p, threadIdx.x % LANES, threadIdx.x / LANES, &st);
    c.own = s.position;
    for (c.from = 0; c.from < end; c.from += at_once) {
        c.n = end - c.from < at_once ? end - c.from : at_once;
        chunk_slots(a, s, c);
        __syncthreads(); /* the chunk before has been written, too */
        chunk_channels(a, p, c);
        chunk_steps(a, p, c);
        chunk_states(a, s, p, c);
        __syncthreads();
        chunk_walk<HELD>(a, p, c, &st);
        __syncthreads();
        chunk_write(a, s, p, c);
    }
}

/* ---- the convolution alone ---- */

/* A block is a tile of rows × THREADS channels, a thread a channel. */
static __global__ void __launch_bounds__(THREADS) convolve_tiles(
    struct recur_args a, const struct segment_tile *tiles, struct device_rows u) {
    DYNAMIC_SHARED(uint32_t, slots);
    const struct segment_tile at = tiles[blockIdx.x];
    const struct attend_segment s = a.segments[at.segment];
    uint32_t left = s.n - at.row, n = left < CONVOLVE_ROWS ? left : (uint32_t)CONVOLVE_ROWS;
    uint32_t position = s.position + at.row, channel = blockIdx.y * THREADS + threadIdx.x;
    struct chunk c = {};
    c.slots = slots;
    c.from = position;
    c.n = n;
    chunk_slots(a, s, c);
    __syncthreads();
    if (channel >= a.n_convolved)
        return;
    float *out = (float *)u.data + (size_t)(s.row + at.row) * u.cols + channel;
    for (uint32_t t = 0; t < n; t++)
        out[(size_t)t * u.cols] = convolved(a, slots + TAPS_BEFORE + t, position + t, channel);
}

/* ---- launches ---- */

template <int HELD>
static cudaError_t launch(const struct recur_args &a, size_t blocks, cudaStream_t stream) {
    LAUNCH(recur_segments<HELD>, (unsigned)blocks, THREADS, chunk_bytes(a.n_state), stream, a);
    return cudaGetLastError();
}

cudaError_t launch_recur(const struct recur_args *a, cudaStream_t stream) {
    if (is_empty(a->out) || a->n_segments == 0)
        return cudaSuccess;
    size_t blocks = (size_t)a->n_segments * blocks_a_head(*a) * a->n_heads;
    if (blocks > INT32_MAX || a->n_state > RECUR_STATE_MAX)
        return cudaErrorInvalidConfiguration;
    if (a->n_state <= 2 * LANES)
        return launch<2>(*a, blocks, stream);
    if (a->n_state <= 8 * LANES)
        return launch<8>(*a, blocks, stream);
    if (a->n_state <= 16 * LANES)
        return launch<16>(*a, blocks, stream);
    if (a->n_state <= 32 * LANES)
        return launch<32>(*a, blocks, stream);
    return launch<RECUR_STATE_MAX / LANES>(*a, blocks, stream);
}

cudaError_t launch_convolve(const struct recur_args *a, const struct segment_tile *tiles,
    uint32_t n_tiles, struct device_rows u, cudaStream_t stream) {
    if (is_empty(u) || n_tiles == 0)
        return cudaSuccess;
    dim3 grid(n_tiles, (a->n_convolved + THREADS - 1) / THREADS);
    if (n_tiles > INT32_MAX || grid.y > GRID_DIM_YZ_MAX)
        return cudaErrorInvalidConfiguration;
    LAUNCH(convolve_tiles, grid, THREADS, (TAPS_BEFORE + CONVOLVE_ROWS) * sizeof(uint32_t), stream,
        *a, tiles, u);
    return cudaGetLastError();
}

/* Attention over the cache by plain arithmetic, for every kind of it: an online softmax over blocks
 * of ATTEND_KEYS positions, counted from position 0 of the sequence and never from the start of a
 * span or a segment.
 *
 * A block of threads is a tile: some rows of a segment × the query heads that share a key head, at
 * most QUERIES of these pairs, so that each key and value is read once for all of them.
 *     scores[query, key]  a thread a key, a chain over the head's width
 *     softmax             a warp a query
 *     sums[query, dim]    a thread a query and a piece of the width, a chain over the keys it sees
 *
 * The same bits. What a row sees follows from its position alone (and, for encoders, from its
 * segment's end); the block of a key, its place in the tree that sums weights and in the chain that
 * sums values follow from the key's position. So neither the cut of the ancestors into spans nor
 * the tile or launch that a row falls into change a bit. Keys that a row does not see are left out,
 * not multiplied by zero; slots that no row of the tile sees are never read. */
#include "harness/cuda/pieces.cuh"
#include "harness/cuda/spans.cuh"

enum { WARPS = ATTEND_KEYS / WARP }; /* one thread a key of the block */

/* ---- who sees what ---- */

static __device__ struct attend_sight sight_of(
    const struct attend_args &a, const struct attend_segment &s, uint32_t position) {
    struct attend_sight own = { s.position, s.end };
    return attend_sees(a.rule, own, position);
}

/* Of the block's keys, [from, to) within it. */
static __device__ struct attend_sight within(struct attend_sight s, uint32_t block) {
    uint32_t from = s.from > block ? s.from - block : 0, to = s.to > block ? s.to - block : 0;
    to = to < ATTEND_KEYS ? to : (uint32_t)ATTEND_KEYS;
    struct attend_sight sight = { from < to ? from : to, to };
    return sight;
}

/* ---- a tile and its shared memory ---- */

/* One row's one head. */
struct query {
    struct attend_sight sight;
    uint32_t position, head;
    size_t at; /* where its numbers lie in q and out */
    float max, total, factor;
};

struct tile {
    struct query *queries;   /* [n] */
    float *q, *sums;         /* [QUERIES, pitch]; of q, rows from n on are zeros */
    float *weights;          /* [QUERIES, ATTEND_KEYS]: scores, then exp(score - max) */
    uint32_t *slots;         /* [ATTEND_KEYS] */
    uint32_t n, pitch;       /* pitch: the head's width in whole pieces */
    size_t column;           /* of the key head in a slot */
    struct attend_sight all; /* of all queries */
    bool wide;               /* of the cache */
};

static __host__ __device__ inline uint32_t pitch_of(uint32_t head_dim) {
    return (head_dim + PIECE - 1) / PIECE * PIECE;
}

template <int QUERIES> static size_t tile_bytes(uint32_t head_dim) {
    size_t floats = 2 * (size_t)pitch_of(head_dim) + ATTEND_KEYS;
    return QUERIES * (floats * sizeof(float) + sizeof(struct query)) +
           ATTEND_KEYS * sizeof(uint32_t);
}

template <int QUERIES>
static __device__ struct tile tile_place(float *room, const struct attend_args &a) {
    struct tile t = {};
    t.pitch = pitch_of(a.head_dim);
    t.q = room; /* first: it is read in pieces */
    t.sums = t.q + (size_t)QUERIES * t.pitch;
    t.weights = t.sums + (size_t)QUERIES * t.pitch;
    t.slots = (uint32_t *)(t.weights + QUERIES * ATTEND_KEYS);
    t.queries = (struct query *)(t.slots + ATTEND_KEYS);
    return t;
}

/* Heads of a key head's group that go into one tile, and rows with them. */
template <int QUERIES> static __host__ __device__ inline uint32_t tile_heads(uint32_t group) {
    return group < QUERIES ? group : QUERIES;
}

template <int QUERIES> static __host__ __device__ inline uint32_t tile_rows(uint32_t group) {
    return QUERIES / tile_heads<QUERIES>(group);
}

/* Says who the queries are; a thread a query. A sink is a key that all see, with no value. */
template <int QUERIES>
static __device__ void queries_place(struct tile *t, const struct attend_args &a,
    const struct attend_segment &s, struct segment_tile at) {
    uint32_t heads = tile_heads<QUERIES>(a.group), chunks = (a.group + heads - 1) / heads;
    uint32_t key_head = blockIdx.y / chunks, first = blockIdx.y % chunks * heads;
    uint32_t left = s.n - at.row, rows = tile_rows<QUERIES>(a.group);
    rows = rows < left ? rows : left;
    heads = heads < a.group - first ? heads : a.group - first;
    t->n = rows * heads;
    t->column = (size_t)key_head * a.head_dim;
    t->all.from = sight_of(a, s, s.position + at.row).from; /* sight moves on with the row */
    t->all.to = sight_of(a, s, s.position + at.row + rows - 1).to;
    if (threadIdx.x >= t->n)
        return;
    struct query *q = &t->queries[threadIdx.x];
    uint32_t row = at.row + threadIdx.x / heads;
    q->head = key_head * a.group + first + threadIdx.x % heads;
    q->position = s.position + row;
    q->sight = sight_of(a, s, q->position);
    q->at = ((size_t)(s.row + row) * a.n_heads + q->head) * a.head_dim;
    q->max = a.sinks != NULL ? a.sinks[q->head] : -INFINITY;
    q->total = a.sinks != NULL ? 1 : 0;
    q->factor = 1;
}

template <int QUERIES>
static __device__ void queries_take(const struct tile &t, const struct attend_args &a) {
    for (int i = 0; i < QUERIES; i++) {
        for (uint32_t d = threadIdx.x; d < t.pitch; d += ATTEND_KEYS) {
            bool there = i < (int)t.n && d < a.head_dim;
            t.q[i * t.pitch + d] =
                there ? element_load(a.q.data, a.q.bf16, t.queries[i].at + d) : 0;
            t.sums[i * t.pitch + d] = 0;
        }
    }
}

/* ---- biases: each depends on its query, its key and their two positions alone ---- */

static __device__ __forceinline__ int64_t clipped(int64_t x, uint32_t reach) {
    return x > (int64_t)reach ? (int64_t)reach : x < -(int64_t)reach ? -(int64_t)reach : x;
}

static __device__ __forceinline__ float rounded(float x) {
    return __uint_as_float((uint32_t)bf16_round(x) << 16);
}

/* sum + q · the row of key_places + k · the row of query_places, in one chain */
template <typename E>
static __device__ float disentangled(const struct attend_args &a, const struct query &q,
    const float *query, const E *key, bool wide, int64_t ahead, float sum) {
    const struct attend_bias &b = a.bias;
    int64_t row = b.rows[clipped(-ahead, b.reach) + b.reach];
    size_t at = ((size_t)row * a.n_heads + q.head) * a.head_dim;
    bool whole = a.head_dim % PIECE == 0;
    for (uint32_t d = 0; d < a.head_dim; d += PIECE) {
        int count = piece_count(a.head_dim, d);
        struct piece x = piece_wide(query + d);
        struct piece none = { { 0, 0, 0, 0 } }, to = none, from = none;
        if (b.key_places != NULL)
            to = piece_load(b.key_places, at + d, count, whole);
        if (b.query_places != NULL)
            from = piece_load(b.query_places, at + d, count, whole);
        struct piece k = piece_load(key, d, count, wide);
#pragma unroll
        for (int e = 0; e < PIECE; e++)
            sum = fmaf(k.x[e], from.x[e], fmaf(x.x[e], to.x[e], sum));
    }
    return sum;
}

template <typename E>
static __device__ float biased(const struct attend_args &a, const struct query &q,
    const float *query, const E *key, bool wide, uint32_t position, float score) {
    const struct attend_bias &b = a.bias;
    int64_t ahead = (int64_t)position - q.position; /* of an encoder's keys, to both sides */
    if (b.rows != NULL)
        return disentangled(a, q, query, key, wide, ahead, score) * a.scale;
    if (b.by_distance != NULL) {
        const float *list = b.by_distance + (size_t)q.head * (2 * (size_t)b.reach + 1);
        return score * a.scale + list[clipped(ahead, b.reach) + b.reach];
    }
    if (b.slopes == NULL)
        return score * a.scale;
    float slope = b.slopes[q.head];
    if (b.bf16)
        return (score + rounded(rounded(slope) * rounded((float)position))) * a.scale;
    return score * a.scale + slope * (float)(ahead > 0 ? -ahead : ahead);
}

/* ---- one block of keys ---- */

/* The thread's key against all queries. */
template <typename E, int QUERIES>
static __device__ void score_key(
    const struct tile &t, const struct attend_args &a, uint32_t block, struct attend_sight seen) {
    const uint32_t j = threadIdx.x;
    if (j < seen.from || j >= seen.to)
        return;
    const E *key = (const E *)a.keys + (size_t)t.slots[j] * a.kv_width + t.column;
    float products[QUERIES] = {};
    for (uint32_t d = 0; d < a.head_dim; d += PIECE) {
        struct piece k = piece_load(key, d, piece_count(a.head_dim, d), t.wide);
#pragma unroll
        for (int i = 0; i < QUERIES; i++) {
            struct piece q = piece_wide(t.q + i * t.pitch + d);
#pragma unroll
            for (int e = 0; e < PIECE; e++)
                products[i] = fmaf(q.x[e], k.x[e], products[i]);
        }
    }
#pragma unroll
    for (int i = 0; i < QUERIES; i++) {
        if (i < (int)t.n)
            t.weights[i * ATTEND_KEYS + j] = capped(biased(a, t.queries[i], t.q + i * t.pitch, key,
                                                        t.wide, block + j, products[i]),
                a.softcap);
    }
}

/* Scores of keys [from, to) become weights; a warp's work. */
static __device__ void soften(float *scores, struct query *q, struct attend_sight s) {
    uint32_t lane = threadIdx.x % WARP;
    float top = -INFINITY, sum = 0, max = q->max, total = q->total;
    for (uint32_t j = lane; j < ATTEND_KEYS; j += WARP)
        if (j >= s.from && j < s.to)
            top = fmaxf(top, scores[j]);
    top = warp_max(top);
    top = top > max ? top : max;
    float factor = max == top ? 1 : expf(max - top);
    for (uint32_t j = lane; j < ATTEND_KEYS; j += WARP)
        if (j >= s.from && j < s.to) {
            scores[j] = expf(scores[j] - top);
            sum += scores[j];
        }
    sum = warp_sum(sum);
    __syncwarp(); /* all have read what one writes */
    if (lane == 0) {
        q->max = top;
        q->factor = factor;
        q->total = total * factor + sum;
    }
}

/* sums = sums * factor + weights · values, keys in order. */
template <typename E>
static __device__ void add_values(
    const struct tile &t, const struct attend_args &a, uint32_t block, uint32_t across) {
    uint32_t lane = threadIdx.x % across, group = threadIdx.x / across;
    const E *values = (const E *)a.values + t.column;
    for (uint32_t i = group; i < t.n; i += ATTEND_KEYS / across) {
        const struct query *q = &t.queries[i];
        struct attend_sight s = within(q->sight, block);
        const float *weights = t.weights + i * ATTEND_KEYS;
        if (s.from == s.to)
            continue;
        for (uint32_t d = lane * PIECE; d < a.head_dim; d += across * PIECE) {
            int count = piece_count(a.head_dim, d);
            struct piece sum = piece_wide(t.sums + i * t.pitch + d);
#pragma unroll
            for (int e = 0; e < PIECE; e++)
                sum.x[e] *= q->factor;
#pragma unroll 4
            for (uint32_t j = s.from; j < s.to; j++) {
                struct piece v =
                    piece_load(values, (size_t)t.slots[j] * a.kv_width + d, count, t.wide);
#pragma unroll
                for (int e = 0; e < PIECE; e++)
                    sum.x[e] = fmaf(weights[j], v.x[e], sum.x[e]);
            }
            piece_store(t.sums + i * t.pitch, d, PIECE, true, sum);
        }
    }
}

/* Threads side by side along a value: a power of two. */
static __device__ uint32_t threads_across(uint32_t pitch) {
    uint32_t across = 1;
    while (across * PIECE < pitch && across < ATTEND_KEYS)
        across *= 2;
    return across;
}

/* Four blocks on a multiprocessor: left to itself, nvcc 13.0 holds out for more and spills up to 60
 * bytes a thread. As it is 16 queries take 116 to 128 registers, fewer 64 to 72, and none is
 * spilled for sm_80, sm_90a or sm_100; of 16 queries of 256 numbers shared memory has room for
 * three or five blocks. */
template <typename E, int QUERIES>
static __global__ void __launch_bounds__(ATTEND_KEYS, 4)
    attend_tiles(struct attend_args a, bool wide, bool wide_out) {
    DYNAMIC_SHARED(float, room);
    struct segment_tile at = a.tiles[blockIdx.x];
    struct attend_segment s = a.segments[at.segment];
    struct tile t = tile_place<QUERIES>(room, a);
    t.wide = wide;
    queries_place<QUERIES>(&t, a, s, at);
    __syncthreads();
    queries_take<QUERIES>(t, a);
    const uint32_t across = threads_across(t.pitch), warp = threadIdx.x / WARP;
    for (uint32_t block = t.all.from / ATTEND_KEYS * ATTEND_KEYS; block < t.all.to;
         block += ATTEND_KEYS) {
        struct attend_sight seen = within(t.all, block);
        __syncthreads(); /* the block before is done with slots and weights; q is there */
        if (threadIdx.x >= seen.from && threadIdx.x < seen.to)
            t.slots[threadIdx.x] =
                slot_of(a.spans + s.first_span, s.n_spans, block + threadIdx.x);
        score_key<E, QUERIES>(t, a, block, seen); /* of its own slot */
        __syncthreads();
        for (uint32_t i = warp; i < t.n; i += WARPS) {
            struct attend_sight sees = within(t.queries[i].sight, block);
            if (sees.from < sees.to)
                soften(t.weights + i * ATTEND_KEYS, &t.queries[i], sees);
        }
        __syncthreads();
        add_values<E>(t, a, block, across);
    }
    __syncthreads();
    for (uint32_t i = threadIdx.x / across; i < t.n; i += ATTEND_KEYS / across) {
        float total = t.queries[i].total;
        for (uint32_t d = threadIdx.x % across * PIECE; d < a.head_dim; d += across * PIECE) {
            struct piece p = piece_wide(t.sums + i * t.pitch + d);
#pragma unroll
            for (int e = 0; e < PIECE; e++)
                p.x[e] /= total;
            piece_store(a.out.data, a.out.bf16, t.queries[i].at + d, piece_count(a.head_dim, d),
                wide_out, p);
        }
    }
}

/* ---- launches ---- */

/* The widest tile that shared memory has room for (16 queries of 256 numbers, 4 of 1024) and the
 * longest segment fills. */
static int tile_queries(const struct attend_args *a) {
    size_t most = (size_t)a->group * a->most_rows;
    int room = a->head_dim <= 256 ? 16 : a->head_dim <= 1024 ? 4 : 1, need = most > 4 ? 16 : 4;
    need = most <= 1 ? 1 : need;
    return need < room ? need : room;
}

uint32_t attend_tile_rows(const struct attend_args *a) {
    switch (tile_queries(a)) {
    case 16:
        return tile_rows<16>(a->group);
    case 4:
        return tile_rows<4>(a->group);
    }
    return 1;
}

template <typename E, int QUERIES>
static cudaError_t launch(const struct attend_args &a, cudaStream_t stream) {
    uint32_t heads = tile_heads<QUERIES>(a.group), chunks = (a.group + heads - 1) / heads;
    dim3 grid(a.n_tiles, a.n_heads / a.group * chunks);
    if (a.n_tiles > INT32_MAX || grid.y > GRID_DIM_YZ_MAX)
        return cudaErrorInvalidConfiguration;
    bool whole = a.head_dim % PIECE == 0 && a.kv_width % PIECE == 0;
    bool wide = whole && starts_wide(a.keys, a.cache_bf16) && starts_wide(a.values, a.cache_bf16);
    bool wide_out = whole && starts_wide(a.out.data, a.out.bf16);
    LAUNCH((attend_tiles<E, QUERIES>), grid, ATTEND_KEYS, tile_bytes<QUERIES>(a.head_dim), stream,
        a, wide, wide_out);
    return cudaGetLastError();
}

template <typename E>
static cudaError_t launch_elements(const struct attend_args &a, cudaStream_t stream) {
    switch (tile_queries(&a)) {
    case 16:
        return launch<E, 16>(a, stream);
    case 4:
        return launch<E, 4>(a, stream);
    }
    return launch<E, 1>(a, stream);
}

cudaError_t launch_attend(const struct attend_args *a, cudaStream_t stream) {
    if (is_empty(a->out) || a->n_tiles == 0)
        return cudaSuccess;
    return a->cache_bf16 ? launch_elements<uint16_t>(*a, stream)
                         : launch_elements<float>(*a, stream);
}

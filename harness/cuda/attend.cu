/* Attention over the cache: one block a (row, head), an online softmax over blocks of ATTEND_KEYS
 * positions, counted from position 0 of the sequence and never from the start of a span or a
 * segment.
 *
 * The same bits. What a row sees follows from its position alone (and, for encoders, from its
 * segment's end); the block of a key, the warp lanes of its score, its place in the tree that sums
 * weights and in the chain that sums values follow from the key's position. So neither the cut of
 * the ancestors into spans nor the rows of the launch change a bit. Keys that a row does not see
 * are never read.
 *
 * Compiled, but not yet run on a device. */
#include "harness/cuda/device.cuh"

enum { WARPS = ATTEND_KEYS / WARP }; /* one thread a key of the block */

/* Keys that a row sees, as positions [from, to). */
struct sight {
    uint32_t from, to;
};

static __device__ struct sight sight_of(
    const struct attend_args &a, const struct attend_segment &s, uint32_t position) {
    uint64_t from = 0, to = a.causal ? (uint64_t)position + 1 : s.end;
    if (a.window != 0) {
        from = (uint64_t)position + 1 > a.window ? (uint64_t)position + 1 - a.window : 0;
        if (!a.causal && (uint64_t)position + a.window < to)
            to = (uint64_t)position + a.window;
    }
    struct sight sight = { (uint32_t)from, (uint32_t)to };
    return sight;
}

/* The slot of a position: of the last span that begins at or before it. */
static __device__ uint32_t slot_of(
    const struct attend_span *spans, uint32_t n_spans, uint32_t position) {
    uint32_t low = 0, high = n_spans; /* spans[low].position <= position < spans[high].position */
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (spans[mid].position <= position)
            low = mid;
        else
            high = mid;
    }
    return spans[low].slot + (position - spans[low].position);
}

/* A block's shared memory. */
struct attend_room {
    float *q, *sums; /* [head_dim] */
    float *weights;  /* [ATTEND_KEYS]: scores, then exp(score - max) */
    uint32_t *slots; /* [ATTEND_KEYS] */
    float *space;    /* [WARPS] */
};

static __device__ struct attend_room room_of(float *at, uint32_t head_dim) {
    struct attend_room room;
    room.q = at;
    room.sums = room.q + head_dim;
    room.weights = room.sums + head_dim;
    room.slots = (uint32_t *)(room.weights + ATTEND_KEYS);
    room.space = (float *)(room.slots + ATTEND_KEYS);
    return room;
}

static size_t room_bytes(uint32_t head_dim) {
    return (2 * (size_t)head_dim + 2 * ATTEND_KEYS + WARPS) * sizeof(float);
}

/* Scores of keys [from, to) of the block, a warp a key. */
template <typename E>
static __device__ void score_keys(const struct attend_args &a, const struct attend_room &room,
    size_t column, uint32_t from, uint32_t to) {
    uint32_t lane = threadIdx.x % WARP;
    for (uint32_t j = from + threadIdx.x / WARP; j < to; j += WARPS) {
        const E *key = (const E *)a.keys + (size_t)room.slots[j] * a.kv_width + column;
        float dot = 0;
        for (uint32_t d = lane; d < a.head_dim; d += WARP)
            dot = fmaf(room.q[d], load(key, d), dot);
        dot = warp_sum(dot);
        if (lane == 0)
            room.weights[j] = capped(dot * a.scale, a.softcap);
    }
}

/* sums = sums * factor + weights · values, a thread a dimension, keys in order. */
template <typename E>
static __device__ void add_values(const struct attend_args &a, const struct attend_room &room,
    size_t column, uint32_t from, uint32_t to, float factor) {
    for (uint32_t d = threadIdx.x; d < a.head_dim; d += ATTEND_KEYS) {
        float sum = room.sums[d] * factor;
        for (uint32_t j = from; j < to; j++) {
            const E *value = (const E *)a.values + (size_t)room.slots[j] * a.kv_width + column;
            sum = fmaf(room.weights[j], load(value, d), sum);
        }
        room.sums[d] = sum;
    }
}

template <typename E>
static __global__ void __launch_bounds__(ATTEND_KEYS) attend_rows(struct attend_args a) {
    DYNAMIC_SHARED(float, shared);
    int32_t index = a.row_segment[blockIdx.x];
    if (index == NO_SEGMENT)
        return; /* the whole block */
    struct attend_segment s = a.segments[index];
    struct attend_room room = room_of(shared, a.head_dim);
    struct sight sight = sight_of(a, s, s.position + (blockIdx.x - s.row));
    size_t at = ((size_t)blockIdx.x * a.n_heads + blockIdx.y) * a.head_dim;
    size_t column = (size_t)(blockIdx.y / a.group) * a.head_dim;
    for (uint32_t d = threadIdx.x; d < a.head_dim; d += ATTEND_KEYS) {
        room.q[d] = a.q[at + d];
        room.sums[d] = 0;
    }
    float max = -INFINITY, total = 0;
    for (uint32_t block = sight.from / ATTEND_KEYS * ATTEND_KEYS; block < sight.to;
         block += ATTEND_KEYS) {
        uint32_t from = sight.from > block ? sight.from - block : 0;
        uint32_t to = sight.to - block < ATTEND_KEYS ? sight.to - block : (uint32_t)ATTEND_KEYS;
        bool seen = threadIdx.x >= from && threadIdx.x < to;
        __syncthreads(); /* the block before is done with slots and weights; q is there */
        if (seen)
            room.slots[threadIdx.x] =
                slot_of(a.spans + s.first_span, s.n_spans, block + threadIdx.x);
        __syncthreads();
        score_keys<E>(a, room, column, from, to);
        __syncthreads();
        float score = seen ? room.weights[threadIdx.x] : -INFINITY, factor = 1;
        float top = block_max<WARPS>(score, room.space);
        if (top > max) {
            factor = expf(max - top);
            max = top;
        }
        float weight = seen ? expf(score - max) : 0;
        room.weights[threadIdx.x] = weight;
        total = total * factor + block_sum<WARPS>(weight, room.space); /* with a barrier */
        add_values<E>(a, room, column, from, to, factor);
    }
    for (uint32_t d = threadIdx.x; d < a.head_dim; d += ATTEND_KEYS)
        element_store(a.out.data, a.out.bf16, at + d, room.sums[d] / total);
}

cudaError_t launch_attend(const struct attend_args *a, cudaStream_t stream) {
    if (is_empty(a->out))
        return cudaSuccess;
    dim3 grid(a->out.n, a->n_heads);
    size_t bytes = room_bytes(a->head_dim);
    if (a->cache_bf16)
        LAUNCH(attend_rows<uint16_t>, grid, ATTEND_KEYS, bytes, stream, *a);
    else
        LAUNCH(attend_rows<float>, grid, ATTEND_KEYS, bytes, stream, *a);
    return cudaGetLastError();
}

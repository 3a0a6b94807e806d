/* The best k documents for each query, without a matrix of all scores: documents pass in blocks
 * that stay in cache, and each query keeps a heap of its k best, worst on top, in the caller's own
 * arrays.
 *
 * A dot product is summed in 16 lanes, lane l taking elements l, l + 16, ..., and the lanes are
 * then added pairwise. The order is fixed and nothing is fused, so that every instruction set and
 * every block size gives the same bits. */
#include "evaluator/metric/metric.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { LANES = 16, TILE = 4, BLOCK = 256 };

typedef float lanes_f32 __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
typedef void dots_fn(
    const float *query, const float *const docs[TILE], size_t width, float out[TILE]);

static inline __attribute__((always_inline)) float sum_lanes(const lanes_f32 *v) {
    float s[LANES];
    memcpy(s, v, sizeof s);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            s[i] += s[i + half];
    return s[0];
}

/* One query against TILE documents. The tail is padded with zeros. */
static inline __attribute__((always_inline)) void dots_body(
    const float *query, const float *const docs[TILE], size_t width, float out[TILE]) {
    lanes_f32 sum[TILE] = { { 0 } };
    size_t i = 0;
    for (; i + LANES <= width; i += LANES) {
        lanes_f32 q = *(const lanes_f32 *)(const void *)(query + i);
        for (size_t t = 0; t < TILE; t++)
            sum[t] += q * *(const lanes_f32 *)(const void *)(docs[t] + i);
    }
    if (i < width) {
        lanes_f32 q = { 0 }, d = { 0 };
        memcpy(&q, query + i, (width - i) * sizeof(float));
        for (size_t t = 0; t < TILE; t++) {
            memcpy(&d, docs[t] + i, (width - i) * sizeof(float));
            sum[t] += q * d;
        }
    }
    for (size_t t = 0; t < TILE; t++)
        out[t] = sum_lanes(&sum[t]);
}

static void dots_plain(
    const float *query, const float *const docs[TILE], size_t width, float out[TILE]) {
    dots_body(query, docs, width, out);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void dots_avx2(
    const float *query, const float *const docs[TILE], size_t width, float out[TILE]) {
    dots_body(query, docs, width, out);
}

__attribute__((target("avx512f"))) static void dots_avx512(
    const float *query, const float *const docs[TILE], size_t width, float out[TILE]) {
    dots_body(query, docs, width, out);
}

static dots_fn *dots_choose(void) {
    if (__builtin_cpu_supports("avx512f"))
        return dots_avx512;
    return __builtin_cpu_supports("avx2") ? dots_avx2 : dots_plain;
}
#else
static dots_fn *dots_choose(void) {
    return dots_plain;
}
#endif

/* A query's heap lies in its rows of `best` and `scores`; `held` entries are filled, the worst of
 * them first. */
struct heap {
    size_t *best, held, k;
    float *scores;
    const uint32_t *doc_rank;
};

static bool worse(const struct heap *h, size_t i, size_t j) {
    if (h->scores[i] != h->scores[j])
        return h->scores[i] < h->scores[j];
    return h->doc_rank[h->best[i]] < h->doc_rank[h->best[j]];
}

static void heap_swap(struct heap *h, size_t i, size_t j) {
    size_t doc = h->best[i];
    float score = h->scores[i];
    h->best[i] = h->best[j];
    h->scores[i] = h->scores[j];
    h->best[j] = doc;
    h->scores[j] = score;
}

static void sift_down(struct heap *h, size_t i) {
    for (;;) {
        size_t low = i, left = 2 * i + 1;
        if (left < h->held && worse(h, left, low))
            low = left;
        if (left + 1 < h->held && worse(h, left + 1, low))
            low = left + 1;
        if (low == i)
            return;
        heap_swap(h, i, low);
        i = low;
    }
}

static void sift_up(struct heap *h, size_t i) {
    for (; i > 0 && worse(h, i, (i - 1) / 2); i = (i - 1) / 2)
        heap_swap(h, i, (i - 1) / 2);
}

static void offer(struct heap *h, size_t doc, float score) {
    if (isnan(score))
        score = -INFINITY;
    if (h->held < h->k) {
        h->best[h->held] = doc;
        h->scores[h->held] = score;
        sift_up(h, h->held++);
        return;
    }
    if (score < h->scores[0] ||
        (score == h->scores[0] && h->doc_rank[doc] <= h->doc_rank[h->best[0]]))
        return;
    h->best[0] = doc;
    h->scores[0] = score;
    sift_down(h, 0);
}

/* Heap sort: the worst goes to the end, again and again. */
static void finish(struct heap *h) {
    size_t held = h->held;
    while (h->held > 1) {
        heap_swap(h, 0, --h->held);
        sift_down(h, 0);
    }
    for (size_t i = held; i < h->k; i++) {
        h->best[i] = SIZE_MAX;
        h->scores[i] = -INFINITY;
    }
}

static void scan_block(dots_fn *dots, const float *query, const float *docs, size_t width,
    size_t from, size_t to, struct heap *h) {
    for (size_t doc = from; doc < to; doc += TILE) {
        const float *tile[TILE];
        float score[TILE];
        size_t count = to - doc < TILE ? to - doc : TILE;
        for (size_t t = 0; t < TILE; t++) /* a short tile repeats its last document */
            tile[t] = docs + (doc + (t < count ? t : count - 1)) * width;
        dots(query, tile, width, score);
        for (size_t t = 0; t < count; t++)
            offer(h, doc + t, score[t]);
    }
}

void top_k(const float *queries, size_t n_queries, const float *docs, size_t n_docs, size_t width,
    const uint32_t *doc_rank, size_t k, size_t *best, float *scores) {
    if (k == 0 || n_queries == 0)
        return;
    dots_fn *dots = dots_choose();
    struct heap *heaps = xcalloc(n_queries, sizeof *heaps);
    for (size_t q = 0; q < n_queries; q++)
        heaps[q] = (struct heap) {
            .best = best + q * k, .scores = scores + q * k, .k = k, .doc_rank = doc_rank
        };
    for (size_t from = 0; from < n_docs; from += BLOCK) {
        size_t to = n_docs - from < BLOCK ? n_docs : from + BLOCK;
        for (size_t q = 0; q < n_queries; q++)
            scan_block(dots, queries + q * width, docs, width, from, to, &heaps[q]);
    }
    for (size_t q = 0; q < n_queries; q++)
        finish(&heaps[q]);
    free(heaps);
}

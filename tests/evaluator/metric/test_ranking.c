/* Rankings against pytrec_eval, ties included; top_k against sorting everything. */
#include "evaluator/metric/metric.h"

#include "vectors.h"

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Place of `id` among all ids in ascending order. */
static uint32_t rank_of(const json_t *ids, const char *id) {
    uint32_t rank = 0;
    for (size_t i = 0; i < json_array_size(ids); i++)
        rank += strcmp(json_string_value(json_array_get(ids, i)), id) < 0;
    return rank;
}

struct retrieved {
    double gains[64], ideal[64];
    struct ranking ranking;
};

/* Scores become vectors of width 1, so that top_k decides the ties. */
static void retrieve(const json_t *v, struct retrieved *out) {
    const json_t *docs = json_object_get(v, "docs"), *qrels = json_object_get(v, "qrels"), *gain;
    float vectors[64], scores[64], query = 1;
    uint32_t ranks[64];
    const char *names[64], *id;
    size_t best[64], n = 0, n_ideal = 0;
    json_t *score;
    json_object_foreach(json_object_get(v, "scores"), id, score) {
        names[n] = id;
        ranks[n] = rank_of(docs, id);
        vectors[n++] = (float)json_number_value(score);
    }
    top_k(&query, 1, vectors, n, 1, ranks, n, best, scores);
    for (size_t i = 0; i < n; i++)
        out->gains[i] = json_number_value(json_object_get(qrels, names[best[i]]));
    json_object_foreach((json_t *)(uintptr_t)qrels, id, gain) out->ideal[n_ideal++] =
        json_number_value(gain);
    qsort(out->ideal, n_ideal, sizeof *out->ideal, descending);
    out->ranking = (struct ranking) { out->gains, n, out->ideal, n_ideal };
}

static void scores_equal_pytrec_eval_with_ties(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double (*f)(const struct ranking *, size_t);
    } measures[] = { { "ndcg_cut", ndcg_at }, { "map_cut", map_at }, { "recall", recall_at },
        { "P", precision_at } };
    static const size_t cuts[] = { 1, 3, 5, 10, 20, 100 };
    json_t *all = vectors_load("rankings"), *v;
    size_t i;
    char key[32];
    json_array_foreach(all, i, v) {
        struct retrieved got;
        const json_t *want = json_object_get(v, "want");
        retrieve(v, &got);
        for (size_t m = 0; m < 4; m++)
            for (size_t c = 0; c < 6; c++) {
                snprintf(key, sizeof key, "%s_%zu", measures[m].name, cuts[c]);
                assert_same(measures[m].f(&got.ranking, cuts[c]), number(want, key));
            }
        assert_same(mrr_at(&got.ranking, SIZE_MAX), number(want, "recip_rank"));
    }
    assert_int_equal(i, 12);
    json_decref(all);
}

static void reciprocal_rank_ends_at_its_cut(void **state) {
    (void)state;
    double gains[4] = { 0, 0, 0, 2 }, ideal[1] = { 2 };
    struct ranking r = { gains, 4, ideal, 1 };
    assert_same(mrr_at(&r, 3), 0);
    assert_same(mrr_at(&r, 4), 0.25);
}

/* The sum that topk.c promises: 16 lanes, then pairwise. */
static float lane_dot(const float *a, const float *b, size_t width) {
    float s[16] = { 0 };
    for (size_t i = 0; i < width; i++)
        s[i % 16] += a[i] * b[i];
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            s[i] += s[i + half];
    return s[0];
}

static float *random_vectors(struct mt19937 *r, size_t n) {
    float *x = xcalloc(n, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)python_random(r) - 0.5f;
    return x;
}

/* Is document a to stand before b? */
static bool before(const float *scores, const uint32_t *rank, size_t a, size_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : rank[a] > rank[b];
}

static void check_top_k(size_t n_docs, size_t width, size_t k) {
    enum { QUERIES = 3 };
    struct mt19937 r;
    python_seed(&r, 11 * n_docs + width);
    float *queries = random_vectors(&r, QUERIES * width),
          *docs = random_vectors(&r, n_docs * width);
    for (size_t d = 3; d < n_docs; d += 3) /* every third is a copy of another: ties */
        memcpy(docs + d * width, docs + (d / 7) * width, width * sizeof *docs);
    size_t *order = xcalloc(n_docs + 1, sizeof *order), *best = xcalloc(QUERIES * k, sizeof *best);
    float *scores = xcalloc(QUERIES * k, sizeof *scores), *all = xcalloc(n_docs + 1, sizeof *all);
    uint32_t *rank = xcalloc(n_docs + 1, sizeof *rank);
    numpy_permutation(&r, n_docs, order);
    for (size_t d = 0; d < n_docs; d++)
        rank[d] = (uint32_t)order[d];
    top_k(queries, QUERIES, docs, n_docs, width, rank, k, best, scores);
    for (size_t q = 0; q < QUERIES; q++) {
        for (size_t d = 0; d < n_docs; d++)
            all[d] = lane_dot(queries + q * width, docs + d * width, width);
        for (size_t d = 0; d < n_docs; d++) { /* a document's place is how many stand before it */
            size_t place = 0;
            for (size_t e = 0; e < n_docs; e++)
                place += before(all, rank, e, d);
            if (place < k) {
                assert_int_equal(best[q * k + place], d);
                assert_same((double)scores[q * k + place], (double)all[d]);
            }
        }
        for (size_t i = n_docs; i < k; i++)
            assert_true(best[q * k + i] == SIZE_MAX);
    }
    free(queries);
    free(docs);
    free(order);
    free(best);
    free(scores);
    free(all);
    free(rank);
}

static void top_k_equals_a_full_sort_to_the_last_bit(void **state) {
    (void)state;
    check_top_k(0, 4, 3);
    check_top_k(1, 1, 1);
    check_top_k(5, 17, 9);
    check_top_k(255, 384, 10);
    check_top_k(700, 33, 100);
    check_top_k(515, 16, 515);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_equal_pytrec_eval_with_ties),
        cmocka_unit_test(reciprocal_rank_ends_at_its_cut),
        cmocka_unit_test(top_k_equals_a_full_sort_to_the_last_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

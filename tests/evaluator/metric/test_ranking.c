/* Rankings against pytrec_eval, ties included; top_k against sorting everything. */
#include "evaluator/metric/metric.h"

#include "base/pool.h"
#include "harness/product.h"

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

/* Documents in blocks of some size; ranks become documents. */
static void find_best(const struct top_k_options *o, const float *docs, size_t block,
    unsigned threads, size_t *best, float *scores, size_t *n_found) {
    struct err err = ERR_INIT;
    struct pool *pool = pool_new(threads, &err);
    struct product_unit *unit = product_unit_open(pool, NULL, &err);
    struct top_k *top = top_k_new(unit, o, &err);
    assert_non_null(top);
    for (size_t at = 0; at < o->n_docs; at += block)
        top_k_add(top, docs + at * o->width, o->n_docs - at < block ? o->n_docs - at : block);
    uint32_t *ranks = xcalloc(o->n_docs + 1, sizeof *ranks);
    for (size_t q = 0; q < o->n_queries; q++) {
        n_found[q] = top_k_take(top, q, ranks, scores + q * o->k);
        for (size_t i = 0; i < n_found[q]; i++)
            for (size_t d = 0; d < o->n_docs; d++)
                if (o->doc_rank[d] == ranks[i])
                    best[q * o->k + i] = d;
    }
    free(ranks);
    top_k_free(top);
    product_unit_close(unit);
    pool_free(pool);
}

/* Scores become vectors of width 1, so that top_k decides the ties. */
static void retrieve(const json_t *v, struct retrieved *out) {
    const json_t *docs = json_object_get(v, "docs"), *qrels = json_object_get(v, "qrels"), *gain;
    float vectors[64], scores[64], query = 1;
    uint32_t ranks[64];
    const char *names[64], *id;
    size_t best[64], n = 0, n_ideal = 0, found;
    json_t *score;
    json_object_foreach(json_object_get(v, "scores"), id, score) {
        names[n] = id;
        ranks[n] = rank_of(docs, id);
        vectors[n++] = (float)json_number_value(score);
    }
    struct top_k_options o = { &query, 1, 1, n, n, ranks };
    find_best(&o, vectors, n, 1, best, scores, &found);
    assert_int_equal(found, n);
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

/* All scores, each document's by itself. */
static float *all_scores(const struct top_k_options *o, const float *docs) {
    struct err err = ERR_INIT;
    struct pool *pool = pool_new(1, &err);
    struct product_unit *unit = product_unit_open(pool, NULL, &err);
    struct product_columns *c =
        product_columns_new(unit, o->queries, o->n_queries, o->width, false, &err);
    float *out = xcalloc(o->n_docs * o->n_queries + 1, sizeof *out);
    for (size_t d = 0; d < o->n_docs; d++)
        product_multiply(c, docs + d * o->width, 1, out + d * o->n_queries, o->n_queries);
    product_columns_free(c);
    product_unit_close(unit);
    pool_free(pool);
    return out;
}

struct found {
    size_t *best, *n;
    float *scores;
};

static void check_query(
    const struct top_k_options *o, const float *all, const struct found *f, size_t q) {
    float *scores = xcalloc(o->n_docs + 1, sizeof *scores);
    for (size_t d = 0; d < o->n_docs; d++)
        scores[d] = all[d * o->n_queries + q];
    assert_int_equal(f->n[q], o->n_docs < o->k ? o->n_docs : o->k);
    for (size_t d = 0; d < o->n_docs; d++) { /* a document's place is how many stand before it */
        size_t place = 0;
        for (size_t e = 0; e < o->n_docs; e++)
            place += before(scores, o->doc_rank, e, d);
        if (place < o->k) {
            assert_int_equal(f->best[q * o->k + place], d);
            assert_same((double)f->scores[q * o->k + place], (double)scores[d]);
        }
    }
    free(scores);
}

static void check_top_k(size_t n_queries, size_t n_docs, size_t width, size_t k) {
    struct mt19937 r;
    python_seed(&r, 11 * n_docs + width);
    float *queries = random_vectors(&r, n_queries * width),
          *docs = random_vectors(&r, n_docs * width);
    for (size_t d = 3; d < n_docs; d += 3) /* every third is a copy of another: ties */
        memcpy(docs + d * width, docs + (d / 7) * width, width * sizeof *docs);
    size_t *order = xcalloc(n_docs + 1, sizeof *order);
    uint32_t *rank = xcalloc(n_docs + 1, sizeof *rank);
    numpy_permutation(&r, n_docs, order);
    for (size_t d = 0; d < n_docs; d++)
        rank[d] = (uint32_t)order[d];
    struct top_k_options o = { queries, n_queries, width, n_docs, k, rank };
    float *all = all_scores(&o, docs);
    for (size_t block = 1; block < 1000; block = 3 * block + 5) {
        struct found f = { xcalloc(n_queries * k, sizeof *f.best), xcalloc(n_queries, sizeof *f.n),
            xcalloc(n_queries * k, sizeof *f.scores) };
        find_best(&o, docs, block, 1 + (unsigned)(block % 3), f.best, f.scores, f.n);
        for (size_t q = 0; q < n_queries; q++)
            check_query(&o, all, &f, q);
        free(f.best);
        free(f.n);
        free(f.scores);
    }
    free(queries);
    free(docs);
    free(order);
    free(rank);
    free(all);
}

static void top_k_equals_a_full_sort_to_the_last_bit_in_any_blocks(void **state) {
    (void)state;
    check_top_k(3, 0, 4, 3);
    check_top_k(3, 1, 1, 1);
    check_top_k(5, 5, 17, 9);
    check_top_k(1, 255, 384, 10);
    check_top_k(70, 300, 33, 100);
    check_top_k(270, 120, 16, 17);
    check_top_k(3, 515, 16, 515);
}

/* What is not a number is the worst, and a zero has no sign. */
static void odd_scores_have_their_place(void **state) {
    (void)state;
    float query[1] = { 1 }, docs[5] = { -0.0F, NAN, 0, -INFINITY, -1 }, scores[5];
    uint32_t rank[5] = { 4, 3, 2, 1, 0 };
    size_t best[5], n, want[5] = { 0, 2, 4, 1, 3 };
    struct top_k_options o = { query, 1, 1, 5, 5, rank };
    find_best(&o, docs, 2, 1, best, scores, &n);
    assert_int_equal(n, 5);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(best[i], want[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_equal_pytrec_eval_with_ties),
        cmocka_unit_test(reciprocal_rank_ends_at_its_cut),
        cmocka_unit_test(top_k_equals_a_full_sort_to_the_last_bit_in_any_blocks),
        cmocka_unit_test(odd_scores_have_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

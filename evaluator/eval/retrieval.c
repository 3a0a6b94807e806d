/* Retrieval: every query against the whole corpus by cosine, the best thousand, scored by
 * pytrec_eval's rules. Equal scores go by passage id descending, as trec_eval has it. The corpus
 * passes once, in blocks. */
#include <string.h>

#include "base/pool.h"
#include "evaluator/eval/ranked.h"
#include "harness/product.h"

/* ---- ids in order ---- */

struct ids {
    size_t *passage; /* by rank */
    uint32_t *rank;  /* of each passage of the corpus */
};

struct named {
    const char *id;
    size_t at;
};

static int by_id(const void *a, const void *b) {
    return strcmp(((const struct named *)a)->id, ((const struct named *)b)->id);
}

static void ids_sort(
    struct ids *ids, const struct task_retrieval *r, const struct task_corpus *corpus) {
    struct named *sorted = xcalloc(corpus->n + 1, sizeof *sorted);
    ids->passage = xcalloc(corpus->n + 1, sizeof *ids->passage);
    ids->rank = xcalloc(corpus->n + 1, sizeof *ids->rank);
    for (size_t i = 0; i < corpus->n; i++) {
        sorted[i] = (struct named) { r->passages[corpus->from + i].id, i };
    }
    qsort(sorted, corpus->n, sizeof *sorted, by_id);
    for (size_t i = 0; i < corpus->n; i++) {
        ids->rank[sorted[i].at] = (uint32_t)i;
        ids->passage[i] = corpus->from + sorted[i].at;
    }
    free(sorted);
}

static void ids_release(struct ids *ids) {
    free(ids->passage);
    free(ids->rank);
}

/* ---- one corpus and its queries ---- */

struct search {
    struct eval *e;
    const struct task_corpus *corpus;
    struct product_unit *unit;
    const float *queries; /* of documents first..first + n */
    size_t first, n;
    const struct judged *judged;
};

static bool add_block(void *arg, const float *vectors, size_t from, size_t n, struct err *err) {
    (void)from;
    (void)err;
    top_k_add(arg, vectors, n);
    return true;
}

/* What was found for one query, without the passage of its own id where the task says so. */
static void take_ranking(const struct search *s, struct top_k *top, const struct ids *ids, size_t q,
    uint32_t *ranks, float *scores) {
    const struct task_retrieval *r = s->e->retrieval;
    size_t best[RANKED_DEPTH], n = 0, found = top_k_take(top, q, ranks, scores);
    for (size_t i = 0; i < found; i++) {
        size_t passage = ids->passage[ranks[i]];
        if (!s->e->info->drop_identical_ids ||
            strcmp(r->passages[passage].id, s->e->docs[s->first + q].id) != 0) {
            best[n] = passage;
            scores[n++] = scores[i];
        }
    }
    struct rankings *rankings = s->e->kind;
    ranked_take(s->e, s->judged, s->first + q, best, scores, n, &rankings->of[s->first + q]);
}

static bool search_corpus(const struct search *s, struct err *err) {
    struct eval *e = s->e;
    struct ids ids;
    ids_sort(&ids, e->retrieval, s->corpus);
    struct top_k_options options = { .queries = s->queries,
        .n_queries = s->n,
        .width = e->subject->width,
        .n_docs = s->corpus->n,
        .k = RANKED_DEPTH,
        .doc_rank = ids.rank };
    struct top_k *top = top_k_new(s->unit, &options, err);
    bool ok = top && embed_passages(e, NULL, s->corpus->from, s->corpus->n, add_block, top, err);
    uint32_t ranks[RANKED_DEPTH];
    float scores[RANKED_DEPTH];
    for (size_t q = 0; ok && q < s->n; q++) {
        take_ranking(s, top, &ids, q, ranks, scores);
    }
    top_k_free(top);
    ids_release(&ids);
    return ok;
}

/* Queries of a subset stand together. */
static bool search_all(
    struct eval *e, struct product_unit *unit, const float *queries, struct err *err) {
    struct judged judged;
    bool ok = true;
    judged_group(e, &judged);
    for (size_t from = 0, to; ok && from < e->n; from = to) {
        for (to = from + 1; to < e->n && e->docs[to].corpus == e->docs[from].corpus;) {
            to++;
        }
        struct search s = { .e = e,
            .corpus = &e->retrieval->corpora[e->docs[from].corpus],
            .unit = unit,
            .queries = queries + from * e->subject->width,
            .first = from,
            .n = to - from,
            .judged = &judged };
        ok = search_corpus(&s, err);
    }
    return ok;
}

static float *embed_docs(struct eval *e, struct err *err) {
    const char **texts = xcalloc(e->n, sizeof *texts);
    e->texts = e->n + e->retrieval->n_passages;
    for (size_t q = 0; q < e->n; q++) {
        texts[q] = e->docs[q].text_a;
    }
    float *vectors = embed_queries(e, texts, e->n, err);
    free(texts);
    return vectors;
}

static bool retrieval_ask(struct eval *e, struct err *err) {
    struct rankings *rankings = rankings_new(e, sizeof *rankings);
    float *queries = embed_docs(e, err);
    struct pool *pool = queries ? pool_new(pool_default_threads(), err) : NULL;
    struct product_unit *unit = pool ? product_unit_open(pool, NULL, err) : NULL;
    bool ok = unit && search_all(e, unit, queries, err);
    for (size_t q = 0; ok && q < e->n; q++) {
        const struct ranked *r = &rankings->of[q];
        e->audit.ties += r->n > 1 && r->scores[0] == r->scores[1];
    }
    product_unit_close(unit);
    pool_free(pool);
    free(queries);
    return ok;
}

static bool retrieval_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    if (i == 0) {
        rankings_new(e, sizeof(struct rankings));
    }
    return ranked_recall(e, i, sample, doc, err);
}

static void retrieval_sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct ranked *r = &((const struct rankings *)e->kind)->of[i];
    double value;
    ranked_write(e, i, w);
    jw_key(w, "metrics");
    jw_object(w);
    for (size_t m = 0; m < e->info->report.n; m++) {
        if (ranked_value(r, e->info->report.items[m], &value)) {
            jw_kv_double(w, e->info->report.items[m], value);
        }
    }
    jw_end_object(w);
}

const struct eval_kind eval_retrieval = { .ask = retrieval_ask,
    .measure = ranked_measure,
    .sample = retrieval_sample,
    .recall = retrieval_recall };

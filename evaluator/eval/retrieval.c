/* Retrieval: every query against the whole corpus by cosine, the best thousand, scored by
 * pytrec_eval's rules. Equal scores go by passage id descending, as trec_eval has it. */
#include <math.h>
#include <string.h>

#include "evaluator/eval/internal.h"

enum { DEPTH = 1000, SHOWN = 10, TEXT_SHOWN = 300 };

/* What is known of one query after asking. */
struct answer {
    size_t *best; /* passages, best first */
    float *scores;
    double *gains, *ideal;
    size_t n, n_ideal;
};

struct numbers {
    struct answer *answers;
    double *scores;                 /* of the metric that is being measured */
    struct task_retrieval recalled; /* where samples are taken back: what they show */
};

static struct numbers *make_numbers(struct eval *e) {
    struct numbers *numbers = arena_alloc(&e->arena, sizeof *numbers);
    e->kind = numbers;
    numbers->answers = arena_alloc(&e->arena, e->n * sizeof *numbers->answers);
    numbers->scores = arena_alloc(&e->arena, e->n * sizeof *numbers->scores);
    return numbers;
}

/* ---- the judgements of each query ---- */

struct judged {
    const struct task_judgement **of; /* sorted by query; first[q]..first[q + 1] */
    size_t *first;
};

static void group_judgements(struct eval *e, const struct task_retrieval *r, struct judged *j) {
    j->of = arena_alloc(&e->arena, (r->n_judgements + 1) * sizeof *j->of);
    j->first = arena_alloc(&e->arena, (r->n_queries + 2) * sizeof *j->first);
    for (size_t i = 0; i < r->n_judgements; i++) {
        j->first[r->judgements[i].query + 2]++;
    }
    for (size_t q = 1; q < r->n_queries + 2; q++) {
        j->first[q] += j->first[q - 1];
    }
    /* Each start moves up to its end, which is the next one's start. */
    for (size_t i = 0; i < r->n_judgements; i++) {
        j->of[j->first[r->judgements[i].query + 1]++] = &r->judgements[i];
    }
}

static int by_gain_descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static double gain_of(const struct judged *j, size_t query, size_t passage) {
    for (size_t i = j->first[query]; i < j->first[query + 1]; i++) {
        if (j->of[i]->passage == passage) {
            return j->of[i]->gain;
        }
    }
    return 0;
}

/* ---- ranking ---- */

struct ranked_id {
    const char *id;
    size_t at;
};

static int by_id(const void *a, const void *b) {
    return strcmp(((const struct ranked_id *)a)->id, ((const struct ranked_id *)b)->id);
}

static uint32_t *rank_ids(const struct task_retrieval *r) {
    struct ranked_id *sorted = xcalloc(r->n_corpus, sizeof *sorted);
    uint32_t *rank = xcalloc(r->n_corpus, sizeof *rank);
    for (size_t i = 0; i < r->n_corpus; i++) {
        sorted[i] = (struct ranked_id) { r->corpus[i].id, i };
    }
    qsort(sorted, r->n_corpus, sizeof *sorted, by_id);
    for (size_t i = 0; i < r->n_corpus; i++) {
        rank[sorted[i].at] = (uint32_t)i;
    }
    free(sorted);
    return rank;
}

/* Vectors to length one, so that a dot product is a cosine. */
static bool normalise(float *vectors, size_t n, size_t width, struct err *err) {
    for (size_t i = 0; i < n; i++) {
        float *v = vectors + i * width;
        double length = sqrt(dot(v, v, width));
        if (!(length > 0)) {
            return err_set(
                err, ERR_NUMERIC, "text %zu: the model gives a vector of length zero", i);
        }
        for (size_t k = 0; k < width; k++) {
            v[k] = (float)(v[k] / length);
        }
    }
    return true;
}

static float *embed_texts(
    struct eval *e, const struct task_text *texts, size_t n, bool queries, struct err *err) {
    const char **list = xcalloc(n, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        list[i] = texts[i].text;
    }
    float *vectors = eval_embed(e, queries ? SUBJECT_QUERY : SUBJECT_PASSAGE,
        queries ? e->info->prompt_query : e->info->prompt_passage, list, n, err);
    free(list);
    if (vectors && !normalise(vectors, n, e->subject->width, err)) {
        free(vectors);
        vectors = NULL;
    }
    return vectors;
}

/* Keeps what top_k found for one query, without the query itself where the task says so. */
static void take_ranking(struct eval *e, const struct task_retrieval *r, const struct judged *j,
    size_t q, size_t depth, const size_t *best, const float *scores) {
    struct answer *a = &((struct numbers *)e->kind)->answers[q];
    a->best = arena_alloc(&e->arena, depth * sizeof *a->best);
    a->scores = arena_alloc(&e->arena, depth * sizeof *a->scores);
    a->gains = arena_alloc(&e->arena, depth * sizeof *a->gains);
    for (size_t i = 0; i < depth && best[i] != SIZE_MAX; i++) {
        if (e->info->drop_identical_ids && !strcmp(r->corpus[best[i]].id, r->queries[q].id)) {
            continue;
        }
        a->best[a->n] = best[i];
        a->scores[a->n] = scores[i];
        a->gains[a->n++] = gain_of(j, q, best[i]);
    }
    a->n_ideal = j->first[q + 1] - j->first[q];
    a->ideal = arena_alloc(&e->arena, (a->n_ideal + 1) * sizeof *a->ideal);
    for (size_t i = 0; i < a->n_ideal; i++) {
        a->ideal[i] = j->of[j->first[q] + i]->gain;
    }
    qsort(a->ideal, a->n_ideal, sizeof *a->ideal, by_gain_descending);
}

static bool rank_all(struct eval *e, const struct task_retrieval *r, const float *queries,
    const float *corpus, struct err *err) {
    size_t depth = r->n_corpus < DEPTH ? r->n_corpus : DEPTH;
    struct judged j;
    size_t *best = mem_try(r->n_queries * depth, sizeof *best, "rankings", err);
    float *scores = best ? mem_try(r->n_queries * depth, sizeof *scores, "rankings", err) : NULL;
    if (scores) {
        uint32_t *rank = rank_ids(r);
        top_k(queries, r->n_queries, corpus, r->n_corpus, e->subject->width, rank, depth, best,
            scores);
        free(rank);
        group_judgements(e, r, &j);
        for (size_t q = 0; q < r->n_queries; q++) {
            take_ranking(e, r, &j, q, depth, best + q * depth, scores + q * depth);
        }
    }
    bool ok = scores != NULL;
    free(best);
    free(scores);
    return ok;
}

static bool retrieval_ask(struct eval *e, struct err *err) {
    const struct task_retrieval *r = e->retrieval;
    struct numbers *numbers = make_numbers(e);
    /* The corpus first: it is most of the work, and what progress is measured by. */
    float *corpus = embed_texts(e, r->corpus, r->n_corpus, false, err);
    float *queries = corpus ? embed_texts(e, r->queries, r->n_queries, true, err) : NULL;
    bool ok = queries && rank_all(e, r, queries, corpus, err);
    for (size_t q = 0; ok && q < e->n; q++) {
        const struct answer *a = &numbers->answers[q];
        e->audit.ties += a->n > 1 && a->scores[0] == a->scores[1];
    }
    free(queries);
    free(corpus);
    return ok;
}

/* ---- taking back what was said ---- */

/* The passages that a sample shows, with their scores. */
static bool recall_shown(
    struct eval *e, size_t i, const json_t *sample, struct answer *a, struct err *err) {
    struct task_retrieval *r = &((struct numbers *)e->kind)->recalled;
    const json_t *shown = json_object_get(sample, "ranking"), *p;
    size_t at, n = json_array_size(shown);
    if (n > SHOWN || n > a->n) {
        return recall_fail(sample, "'ranking' is longer than what was ranked", err);
    }
    json_array_foreach(shown, at, p) {
        struct task_text *t = &r->corpus[i * SHOWN + at];
        double score;
        if (!recall_text(e, p, "id", &t->id, err) || !recall_text(e, p, "text", &t->text, err) ||
            !recall_number(sample, p, "score", &score, err)) {
            return false;
        }
        a->best[at] = i * SHOWN + at;
        a->scores[at] = (float)score;
    }
    return n == (a->n < SHOWN ? a->n : SHOWN) ||
           recall_fail(sample, "'ranking' does not show the best passages", err);
}

/* [[rank, gain], ...]: all others gain nothing. */
static bool recall_hits(const json_t *sample, struct answer *a, struct err *err) {
    const json_t *hit;
    size_t at;
    json_array_foreach(json_object_get(sample, "hits"), at, hit) {
        const json_t *rank = json_array_get(hit, 0), *gain = json_array_get(hit, 1);
        if (!json_is_integer(rank) || json_integer_value(rank) < 0 ||
            (size_t)json_integer_value(rank) >= a->n || !json_is_number(gain)) {
            return recall_fail(sample, "'hits' is not a list of ranks and gains", err);
        }
        a->gains[json_integer_value(rank)] = json_number_value(gain);
    }
    return true;
}

static bool recall_ranking(
    struct eval *e, size_t i, const json_t *sample, struct answer *a, struct err *err) {
    const json_t *ideal = json_object_get(sample, "ideal");
    long long n = json_get_int(sample, "ranked", -1);
    if (n < 0 || n > DEPTH || !json_is_array(ideal)) {
        return recall_fail(
            sample, "it does not say what was ranked and what there was to find", err);
    }
    a->n = (size_t)n;
    a->n_ideal = json_array_size(ideal);
    a->best = arena_alloc(&e->arena, (a->n + 1) * sizeof *a->best);
    a->scores = arena_alloc(&e->arena, (a->n + 1) * sizeof *a->scores);
    a->gains = arena_alloc(&e->arena, (a->n + 1) * sizeof *a->gains);
    a->ideal = recall_numbers(e, sample, "ideal", a->n_ideal, err);
    return a->ideal && recall_shown(e, i, sample, a, err) && recall_hits(sample, a, err);
}

static bool retrieval_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    struct numbers *numbers = i ? e->kind : make_numbers(e);
    struct task_retrieval *r = &numbers->recalled;
    struct answer *a = &numbers->answers[i];
    (void)doc;
    if (i == 0) {
        r->queries = arena_alloc(&e->arena, e->n * sizeof *r->queries);
        r->corpus = arena_alloc(&e->arena, e->n * SHOWN * sizeof *r->corpus);
        r->n_queries = e->n;
        r->n_corpus = e->n * SHOWN;
        e->retrieval = r;
    }
    if (!recall_text(e, sample, "query_id", &r->queries[i].id, err) ||
        !recall_text(e, sample, "query", &r->queries[i].text, err) ||
        !recall_ranking(e, i, sample, a, err)) {
        return false;
    }
    e->audit.ties += a->n > 1 && a->scores[0] == a->scores[1];
    return true;
}

/* ---- measuring ---- */

static const struct {
    const char *name;
    double (*at)(const struct ranking *r, size_t k);
} measures[] = {
    { "ndcg_at_", ndcg_at },
    { "map_at_", map_at },
    { "recall_at_", recall_at },
    { "precision_at_", precision_at },
    { "mrr_at_", mrr_at },
};

/* Which measure, and its cut-off; -1 for a name that is none. */
static int measure_find(const char *metric, size_t *k) {
    for (size_t m = 0; m < sizeof measures / sizeof *measures; m++) {
        size_t n = strlen(measures[m].name);
        if (!strncmp(metric, measures[m].name, n)) {
            *k = strtoul(metric + n, NULL, 10);
            return *k ? (int)m : -1;
        }
    }
    return -1;
}

static double score_query(const struct answer *a, int measure, size_t k) {
    struct ranking r = { a->gains, a->n, a->ideal, a->n_ideal };
    return measures[measure].at(&r, k);
}

static bool retrieval_measure(struct eval *e, const char *metric, size_t from, size_t n,
    struct estimate *out, struct err *err) {
    struct numbers *numbers = e->kind;
    size_t k;
    int measure = measure_find(metric, &k);
    if (measure < 0) {
        return eval_unknown(metric, err);
    }
    for (size_t q = from; q < from + n; q++) {
        numbers->scores[q] = score_query(&numbers->answers[q], measure, k);
    }
    *out = eval_mean(e, numbers->scores, from, n);
    return true;
}

/* Bytes of a passage that go into a sample: all, or as many whole characters as fit. */
static size_t beginning(const char *text) {
    size_t n = strnlen(text, TEXT_SHOWN);
    while (n > 0 && text[n] && ((unsigned char)text[n] & 0xc0) == 0x80) {
        n--;
    }
    return n;
}

/* What the measures are made of, beyond the passages that are shown. */
static void write_evidence(const struct answer *a, struct json_writer *w) {
    jw_kv_int(w, "ranked", (long long)a->n);
    jw_key(w, "hits");
    jw_array(w);
    for (size_t p = 0; p < a->n; p++) {
        if (a->gains[p] != 0) {
            jw_array(w);
            jw_int(w, (long long)p);
            jw_double(w, a->gains[p]);
            jw_end_array(w);
        }
    }
    jw_end_array(w);
    jw_key(w, "ideal");
    jw_array(w);
    for (size_t p = 0; p < a->n_ideal; p++) {
        jw_double(w, a->ideal[p]);
    }
    jw_end_array(w);
}

static void retrieval_sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct task_retrieval *r = e->retrieval;
    const struct answer *a = &((const struct numbers *)e->kind)->answers[i];
    size_t k;
    eval_prompt_hash(w, (const char *[]) { r->queries[i].text }, 1);
    jw_kv_string(w, "query_id", r->queries[i].id);
    jw_kv_string(w, "query", r->queries[i].text);
    jw_key(w, "ranking");
    jw_array(w);
    for (size_t p = 0; p < a->n && p < SHOWN; p++) {
        const struct task_text *t = &r->corpus[a->best[p]];
        jw_object(w);
        jw_kv_string(w, "id", t->id);
        jw_key(w, "text");
        jw_string_n(w, t->text, beginning(t->text));
        jw_key(w, "score");
        jw_float(w, a->scores[p]);
        jw_kv_double(w, "gain", a->gains[p]);
        jw_end_object(w);
    }
    jw_end_array(w);
    write_evidence(a, w);
    jw_kv_bool(w, "correct", a->n && a->gains[0] > 0);
    jw_key(w, "metrics");
    jw_object(w);
    for (size_t m = 0; m < e->info->report.n; m++) {
        int measure = measure_find(e->info->report.items[m], &k);
        if (measure >= 0) {
            jw_kv_double(w, e->info->report.items[m], score_query(a, measure, k));
        }
    }
    jw_end_object(w);
}

const struct eval_kind eval_retrieval = { retrieval_ask, retrieval_measure, retrieval_sample,
    retrieval_recall };

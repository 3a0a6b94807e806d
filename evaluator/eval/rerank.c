/* Reranking: each query against candidates of its own, and retrieval by instructions, which asks
 * each query twice and looks at how far passages fall that the second instruction rules out.
 * A candidate of several queries is embedded once. */
#include <math.h>
#include <string.h>

#include "base/strmap.h"
#include "evaluator/eval/ranked.h"

/* Beside the rankings: queries that differ after the last "_" of their ids merged, each kept with
 * the first of them (n == 0: none); the ranks of passages that have become irrelevant. */
struct reranked {
    struct rankings rankings;
    struct ranked *merged;
    bool *begins; /* the document is the first of its group */
    double **changed;
    size_t *partner; /* of a document with a changed instruction, the original; SIZE_MAX: none */
};

/* ---- who wants which passage ---- */

struct wants {
    size_t *passages, n; /* those that anybody wants, ascending */
    size_t *first;       /* of each of these, where its wants begin */
    struct want {
        size_t doc, slot;
    } * of;
};

static void wants_make(struct eval *e, struct wants *w) {
    size_t n_passages = e->retrieval->n_passages, total = 0;
    size_t *at = xcalloc(n_passages + 1, sizeof *at);
    for (size_t d = 0; d < e->n; d++) {
        total += e->docs[d].n_candidates;
        for (size_t i = 0; i < e->docs[d].n_candidates; i++) {
            at[e->docs[d].candidates[i]]++;
        }
    }
    w->passages = xcalloc(n_passages + 1, sizeof *w->passages);
    w->first = xcalloc(n_passages + 1, sizeof *w->first);
    w->of = xcalloc(total + 1, sizeof *w->of);
    w->n = total = 0;
    for (size_t p = 0; p < n_passages; p++) {
        size_t n = at[p];
        at[p] = total;
        if (n) {
            w->first[w->n] = total;
            w->passages[w->n++] = p;
            total += n;
        }
    }
    w->first[w->n] = total;
    for (size_t d = 0; d < e->n; d++) {
        for (size_t i = 0; i < e->docs[d].n_candidates; i++) {
            w->of[at[e->docs[d].candidates[i]]++] = (struct want) { d, i };
        }
    }
    free(at);
}

static void wants_release(struct wants *w) {
    free(w->passages);
    free(w->first);
    free(w->of);
}

/* ---- scores ---- */

struct scoring {
    struct eval *e;
    struct wants wants;
    float *queries;
    size_t *first_query; /* of each document, in `queries` */
    float **scores;      /* of each document's candidates */
};

static size_t n_queries_of(const struct task_doc *d) {
    return d->n_queries ? d->n_queries : 1;
}

/* The best over the texts of a query. */
static float best_score(const struct scoring *s, size_t doc, const float *vector) {
    size_t width = s->e->subject->width;
    double best = -INFINITY;
    for (size_t q = 0; q < n_queries_of(&s->e->docs[doc]); q++) {
        best = fmax(best, dot(s->queries + (s->first_query[doc] + q) * width, vector, width));
    }
    return (float)best;
}

static bool score_block(void *arg, const float *vectors, size_t from, size_t n, struct err *err) {
    const struct scoring *s = arg;
    (void)err;
    for (size_t i = from; i < from + n; i++) {
        for (size_t k = s->wants.first[i]; k < s->wants.first[i + 1]; k++) {
            const struct want *want = &s->wants.of[k];
            s->scores[want->doc][want->slot] =
                best_score(s, want->doc, vectors + (i - from) * s->e->subject->width);
        }
    }
    return true;
}

static bool ask_queries(struct scoring *s, struct err *err) {
    struct eval *e = s->e;
    size_t n = 0;
    for (size_t d = 0; d < e->n; d++) {
        s->first_query[d] = n;
        n += n_queries_of(&e->docs[d]);
    }
    const char **texts = xcalloc(n, sizeof *texts);
    for (size_t d = 0, at = 0; d < e->n; d++) {
        for (size_t q = 0; q < n_queries_of(&e->docs[d]); q++) {
            texts[at++] = e->docs[d].n_queries ? e->docs[d].queries[q] : e->docs[d].text_a;
        }
    }
    e->texts = n + s->wants.n;
    s->queries = embed_queries(e, texts, n, err);
    free(texts);
    return s->queries != NULL;
}

/* ---- rankings ---- */

struct candidate {
    float score;
    const char *id;
    size_t passage;
};

static int by_score_then_id(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    return x->score < y->score ? 1 : x->score > y->score ? -1 : -strcmp(x->id, y->id);
}

/* Sorted; a passage that is there more than once counts once. */
static void rank_candidates(struct eval *e, const struct judged *j, size_t query,
    struct candidate *c, size_t n, struct ranked *out) {
    size_t *best = xcalloc(n + 1, sizeof *best), kept = 0;
    float *scores = xcalloc(n + 1, sizeof *scores);
    qsort(c, n, sizeof *c, by_score_then_id);
    for (size_t i = 0; i < n; i++) {
        if (!kept || best[kept - 1] != c[i].passage) {
            best[kept] = c[i].passage;
            scores[kept++] = c[i].score;
        }
    }
    ranked_take(e, j, query, best, scores, kept, out);
    free(best);
    free(scores);
}

static void rank_doc(struct scoring *s, const struct judged *j, size_t doc) {
    struct eval *e = s->e;
    const struct task_doc *d = &e->docs[doc];
    struct candidate *c = xcalloc(d->n_candidates + 1, sizeof *c);
    for (size_t i = 0; i < d->n_candidates; i++) {
        size_t p = d->candidates[i];
        c[i] = (struct candidate) { s->scores[doc][i], e->retrieval->passages[p].id, p };
    }
    struct ranked *r = &((struct rankings *)e->kind)->of[doc];
    rank_candidates(e, j, doc, c, d->n_candidates, r);
    e->audit.ties += r->n > 1 && r->scores[0] == r->scores[1];
    free(c);
}

/* ---- sub-queries merged ---- */

/* Groups by subset and the id without what follows its last "_". *next[i]: the next document of
 * the same group; SIZE_MAX: none. */
static void group_subqueries(const struct eval *e, bool *begins, size_t *next) {
    struct strmap *groups = strmap_new(e->n);
    size_t *last = xcalloc(e->n + 1, sizeof *last), n = 0;
    for (size_t i = 0; i < e->n; i++) {
        const char *id = e->docs[i].id, *cut = strrchr(id, '_');
        struct strbuf key = { 0 };
        strbuf_addf(&key, "%s\n%.*s", e->docs[i].subset ? e->docs[i].subset : "",
            (int)(cut ? cut - id : 0), id);
        int32_t group = strmap_find(groups, strbuf_str(&key), key.len);
        next[i] = SIZE_MAX;
        begins[i] = group < 0;
        if (group < 0) {
            group = (int32_t)n++;
            strmap_add(groups, strbuf_str(&key), key.len, group);
        } else {
            next[last[group]] = i;
        }
        last[group] = i;
        strbuf_release(&key);
    }
    free(last);
    strmap_free(groups);
}

static int by_passage(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    return x->passage < y->passage   ? -1
           : x->passage > y->passage ? 1
                                     : (x->score < y->score) - (x->score > y->score);
}

/* The group's best score for each passage, and the judgements of its last query, as mteb has it. */
static void merge_group(struct eval *e, const struct judged *j, size_t first, const size_t *next) {
    struct reranked *all = e->kind;
    struct candidate *c = NULL;
    size_t capacity = 0, n = 0, kept = 0, last = first;
    for (size_t d = first; d != SIZE_MAX; d = next[d]) {
        const struct ranked *r = &all->rankings.of[d];
        for (size_t i = 0; i < r->n && i < RANKED_DEPTH; i++) {
            mem_grow(&c, &capacity, n + 1, sizeof *c);
            c[n++] = (struct candidate) { r->scores[i], e->retrieval->passages[r->best[i]].id,
                r->best[i] };
        }
        last = d;
    }
    qsort(c, n, sizeof *c, by_passage);
    for (size_t i = 0; i < n; i++) {
        if (!kept || c[kept - 1].passage != c[i].passage) {
            c[kept++] = c[i];
        }
    }
    rank_candidates(e, j, last, c, kept, &all->merged[first]);
    free(c);
}

static bool reports(const struct eval *e, const char *prefix) {
    for (size_t i = 0; i < e->info->report.n; i++) {
        if (!strncmp(e->info->report.items[i], prefix, strlen(prefix))) {
            return true;
        }
    }
    return false;
}

#define MERGED "max_over_subqueries_"

static void merge_subqueries(struct eval *e, const struct judged *j) {
    struct reranked *all = e->kind;
    size_t *next = xcalloc(e->n + 1, sizeof *next);
    group_subqueries(e, all->begins, next);
    for (size_t i = 0; i < e->n; i++) {
        if (all->begins[i]) {
            merge_group(e, j, i, next);
        }
    }
    free(next);
}

/* ---- passages that become irrelevant ---- */

static bool ends(const char *id, const char *ending) {
    size_t n = strlen(id), m = strlen(ending);
    return n >= m && !strcmp(id + n - m, ending);
}

/* Counted from 1; behind all where it was not ranked. */
static double rank_of(const struct ranked *r, size_t passage) {
    size_t n = r->n < RANKED_DEPTH ? r->n : RANKED_DEPTH, i = 0;
    while (i < n && r->best[i] != passage) {
        i++;
    }
    return (double)i + 1;
}

static void rank_changed(struct eval *e, size_t i) {
    struct reranked *all = e->kind;
    const struct task_doc *d = &e->docs[i];
    all->changed[i] = arena_alloc(&e->arena, (d->n_changed + 1) * sizeof **all->changed);
    for (size_t k = 0; k < d->n_changed; k++) {
        all->changed[i][k] = rank_of(&all->rankings.of[i], d->changed[k]);
    }
}

static void add_base(struct strbuf *key, const struct task_doc *d, const char *ending) {
    strbuf_reset(key);
    strbuf_addf(
        key, "%s\n%.*s", d->subset ? d->subset : "", (int)(strlen(d->id) - strlen(ending)), d->id);
}

/* Each "x-changed" with the "x-og" of the same subset. */
static void find_partners(struct eval *e) {
    struct reranked *all = e->kind;
    struct strmap *originals = strmap_new(e->n);
    struct strbuf key = { 0 };
    for (size_t i = 0; i < e->n; i++) {
        if (ends(e->docs[i].id, "-og")) {
            add_base(&key, &e->docs[i], "-og");
            strmap_add(originals, strbuf_str(&key), key.len, (int32_t)i);
        }
    }
    for (size_t i = 0; i < e->n; i++) {
        int32_t found = -1;
        if (ends(e->docs[i].id, "-changed")) {
            add_base(&key, &e->docs[i], "-changed");
            found = strmap_find(originals, strbuf_str(&key), key.len);
        }
        bool alike = found >= 0 && e->docs[found].n_changed == e->docs[i].n_changed;
        all->partner[i] = alike ? (size_t)found : SIZE_MAX;
    }
    strbuf_release(&key);
    strmap_free(originals);
}

/* Between -1 and 1: how far a passage went, as mteb's rank score has it. */
static double fall(double before, double after) {
    return before >= after ? after / before - 1 : 1 - before / after;
}

/* NaN for a document that is no changed one, or of which nothing has changed. */
static double p_mrr_of(const struct eval *e, size_t i) {
    const struct reranked *all = e->kind;
    size_t n = e->docs[i].n_changed, before = all->partner[i];
    double sum = 0;
    for (size_t k = 0; before != SIZE_MAX && k < n; k++) {
        sum += fall(all->changed[before][k], all->changed[i][k]);
    }
    return before != SIZE_MAX && n ? sum / (double)n : NAN;
}

/* ---- asking ---- */

static struct reranked *make_state(struct eval *e) {
    struct reranked *all = (struct reranked *)(void *)rankings_new(e, sizeof *all);
    all->merged = arena_alloc(&e->arena, e->n * sizeof *all->merged);
    all->begins = arena_alloc(&e->arena, e->n * sizeof *all->begins);
    all->changed = arena_alloc(&e->arena, e->n * sizeof *all->changed);
    all->partner = arena_alloc(&e->arena, e->n * sizeof *all->partner);
    return all;
}

static void finish(struct scoring *s) {
    struct eval *e = s->e;
    struct judged judged;
    judged_group(e, &judged);
    for (size_t i = 0; i < e->n; i++) {
        rank_doc(s, &judged, i);
        rank_changed(e, i);
    }
    if (reports(e, MERGED)) {
        merge_subqueries(e, &judged);
    }
    find_partners(e);
}

static bool rerank_ask(struct eval *e, struct err *err) {
    struct scoring s = { .e = e };
    make_state(e);
    s.first_query = arena_alloc(&e->arena, e->n * sizeof *s.first_query);
    s.scores = arena_alloc(&e->arena, e->n * sizeof *s.scores);
    for (size_t i = 0; i < e->n; i++) {
        s.scores[i] = arena_alloc(&e->arena, (e->docs[i].n_candidates + 1) * sizeof **s.scores);
    }
    wants_make(e, &s.wants);
    bool ok = ask_queries(&s, err) &&
              embed_passages(e, s.wants.passages, 0, s.wants.n, score_block, &s, err);
    if (ok) {
        finish(&s);
    }
    wants_release(&s.wants);
    free(s.queries);
    return ok;
}

/* ---- measuring ---- */

/* Which ranking of document i a metric is of, and the metric's name for it; NULL: of none. */
static const struct ranked *ranking_for(const struct eval *e, size_t i, const char **metric) {
    const struct reranked *all = e->kind;
    if (!strncmp(*metric, MERGED, sizeof MERGED - 1)) {
        *metric += sizeof MERGED - 1;
        return all->begins[i] ? &all->merged[i] : NULL;
    }
    bool og = !strncmp(*metric, "og_", 3), changed = !strncmp(*metric, "changed_", 8);
    *metric += og ? 3 : changed ? 8 : 0;
    return (og || changed) && ends(e->docs[i].id, "-og") != og ? NULL : &all->rankings.of[i];
}

static struct estimate measure_p_mrr(struct eval *e, size_t from, size_t n) {
    double *x = xcalloc(n + 1, sizeof *x);
    size_t kept = 0;
    for (size_t i = from; i < from + n; i++) {
        double value = p_mrr_of(e, i);
        if (!isnan(value)) {
            x[kept++] = value;
        }
    }
    struct estimate out = estimate_mean(x, kept);
    free(x);
    return out;
}

static bool rerank_measure(struct eval *e, const char *metric, size_t from, size_t n,
    struct estimate *out, struct err *err) {
    if (!strcmp(metric, "p_mrr")) {
        *out = measure_p_mrr(e, from, n);
        return true;
    }
    const struct ranked **list = xcalloc(n + 1, sizeof *list);
    size_t *docs = xcalloc(n + 1, sizeof *docs), kept = 0;
    const char *inner = metric;
    for (size_t i = from; i < from + n; i++) {
        const char *name = metric;
        list[kept] = ranking_for(e, i, &name);
        docs[kept] = i;
        kept += list[kept] != NULL;
        inner = name;
    }
    bool ok = ranked_estimate(e, list, docs, kept, inner, out, err);
    free(list);
    free(docs);
    return ok;
}

/* ---- samples ---- */

static void write_more(const struct eval *e, size_t i, struct json_writer *w) {
    const struct reranked *all = e->kind;
    if (all->begins[i]) {
        jw_key(w, "merged");
        jw_object(w);
        ranked_write_evidence(&all->merged[i], w);
        jw_end_object(w);
    }
    if (e->info->kind == TASK_INSTRUCTION_RETRIEVAL) {
        jw_key(w, "changed_ranks");
        jw_array(w);
        for (size_t k = 0; k < e->docs[i].n_changed; k++) {
            jw_int(w, (long long)all->changed[i][k]);
        }
        jw_end_array(w);
    }
}

static void write_metric(const struct eval *e, size_t i, const char *name, struct json_writer *w) {
    const char *inner = name;
    double value = NAN;
    if (!strcmp(name, "p_mrr")) {
        eval_write_value(w, name, p_mrr_of(e, i));
        return;
    }
    const struct ranked *r = ranking_for(e, i, &inner);
    if (!r || ranked_value(r, inner, &value)) {
        eval_write_value(w, name, value);
    }
}

static void rerank_sample(const struct eval *e, size_t i, struct json_writer *w) {
    ranked_write(e, i, w);
    write_more(e, i, w);
    jw_key(w, "metrics");
    jw_object(w);
    for (size_t m = 0; m < e->info->report.n; m++) {
        write_metric(e, i, e->info->report.items[m], w);
    }
    jw_end_object(w);
}

/* What is of the whole is made once the last one is in. */
static bool rerank_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    struct reranked *all = i ? e->kind : make_state(e);
    const json_t *merged = json_object_get(sample, "merged"),
                 *changed = json_object_get(sample, "changed_ranks");
    doc->n_changed = json_array_size(changed);
    all->begins[i] = merged != NULL;
    bool ok = ranked_recall(e, i, sample, doc, err) &&
              (!merged || ranked_recall_evidence(e, sample, merged, &all->merged[i], err)) &&
              (all->changed[i] = recall_numbers(e, changed ? sample : json_null(), "changed_ranks",
                   doc->n_changed, err)) != NULL;
    if (ok && i + 1 == e->n) {
        find_partners(e);
    }
    return ok;
}

const struct eval_kind eval_rerank = {
    .ask = rerank_ask, .measure = rerank_measure, .sample = rerank_sample, .recall = rerank_recall
};
const struct eval_kind eval_instruction_retrieval = {
    .ask = rerank_ask, .measure = rerank_measure, .sample = rerank_sample, .recall = rerank_recall
};

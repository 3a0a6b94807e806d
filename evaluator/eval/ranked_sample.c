/* Rankings in samples (see ranked.h): written so that every measure can be taken again. */
#include <math.h>
#include <string.h>

#include "evaluator/eval/ranked.h"

enum { TEXT_SHOWN = 300 };

/* ---- writing ---- */

/* Bytes of a passage that go into a sample: all, or as many whole characters as fit. */
static size_t beginning(const char *text) {
    size_t n = strnlen(text, TEXT_SHOWN);
    while (n > 0 && text[n] && ((unsigned char)text[n] & 0xc0) == 0x80) {
        n--;
    }
    return n;
}

/* Of a hit among others of the same score, the last of their ranks too. */
static void write_hit(const struct ranked *r, size_t place, struct json_writer *w) {
    jw_array(w);
    jw_int(w, (long long)place);
    jw_double(w, r->gains[place]);
    if (r->last[place] != place) {
        jw_int(w, (long long)r->last[place]);
    }
    jw_end_array(w);
}

static void write_numbers(const char *key, const double *x, size_t n, struct json_writer *w) {
    jw_key(w, key);
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        jw_double(w, x[i]);
    }
    jw_end_array(w);
}

void ranked_write_evidence(const struct ranked *r, struct json_writer *w) {
    jw_kv_int(w, "ranked", (long long)r->n);
    jw_key(w, "hits");
    jw_array(w);
    for (size_t i = 0; i < r->n; i++) {
        if (r->gains[i] != 0) {
            write_hit(r, i, w);
        }
    }
    jw_end_array(w);
    write_numbers("ideal", r->ideal, r->n_ideal, w);
    write_numbers("spread", r->spread, N_SPREADS, w);
}

static void write_shown(
    const struct task_retrieval *t, const struct ranked *r, struct json_writer *w) {
    jw_key(w, "ranking");
    jw_array(w);
    for (size_t i = 0; i < r->n && i < RANKED_SHOWN; i++) {
        const struct task_text *p = &t->passages[r->best[i]];
        jw_object(w);
        jw_kv_string(w, "id", p->id);
        jw_key(w, "text");
        jw_string_n(w, p->text, beginning(p->text));
        jw_key(w, "score");
        jw_float(w, r->scores[i]);
        jw_kv_double(w, "gain", r->gains[i]);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void write_queries(const struct task_doc *d, struct json_writer *w) {
    eval_prompt_hash(w, d->n_queries ? d->queries : (const char *[]) { d->text_a },
        d->n_queries ? d->n_queries : 1);
    jw_kv_string(w, "query_id", d->id);
    jw_kv_string(w, "query", d->text_a);
    for (size_t i = 0; i < d->n_queries; i++) {
        if (i == 0) {
            jw_key(w, "queries");
            jw_array(w);
        }
        jw_string(w, d->queries[i]);
        if (i + 1 == d->n_queries) {
            jw_end_array(w);
        }
    }
}

void ranked_write(const struct eval *e, size_t i, struct json_writer *w) {
    const struct ranked *r = &((const struct rankings *)e->kind)->of[i];
    write_queries(&e->docs[i], w);
    write_shown(e->retrieval, r, w);
    ranked_write_evidence(r, w);
    jw_kv_bool(w, "correct", r->n && r->gains[0] > 0);
}

/* ---- taking back ---- */

/* The passages that a sample shows, with their scores. */
static bool recall_shown(
    struct eval *e, size_t i, const json_t *sample, struct ranked *r, struct err *err) {
    struct task_retrieval *t = &((struct rankings *)e->kind)->recalled;
    const json_t *shown = json_object_get(sample, "ranking"), *p;
    size_t at, n = json_array_size(shown);
    if (n > RANKED_SHOWN || n > r->n) {
        return recall_fail(sample, "'ranking' is longer than what was ranked", err);
    }
    json_array_foreach(shown, at, p) {
        struct task_text *text = &t->passages[i * RANKED_SHOWN + at];
        double score;
        if (!recall_text(e, p, "id", &text->id, err) ||
            !recall_text(e, p, "text", &text->text, err) ||
            !recall_number(sample, p, "score", &score, err)) {
            return false;
        }
        r->best[at] = i * RANKED_SHOWN + at;
        r->scores[at] = (float)score;
    }
    return n == (r->n < RANKED_SHOWN ? r->n : RANKED_SHOWN) ||
           recall_fail(sample, "'ranking' does not show the best passages", err);
}

static bool is_place(const json_t *v, const struct ranked *r) {
    return json_is_integer(v) && json_integer_value(v) >= 0 && (size_t)json_integer_value(v) < r->n;
}

/* [[rank, gain, last of the same score], ...]: all others gain nothing. */
static bool recall_hits(
    const json_t *sample, const json_t *evidence, struct ranked *r, struct err *err) {
    const json_t *hit;
    size_t at;
    json_array_foreach(json_object_get(evidence, "hits"), at, hit) {
        const json_t *rank = json_array_get(hit, 0), *gain = json_array_get(hit, 1),
                     *last = json_array_get(hit, 2);
        if (!is_place(rank, r) || !json_is_number(gain) ||
            (last && (!is_place(last, r) || json_integer_value(last) < json_integer_value(rank)))) {
            return recall_fail(sample, "'hits' is not a list of ranks and gains", err);
        }
        size_t place = (size_t)json_integer_value(rank),
               end = last ? (size_t)json_integer_value(last) : place;
        r->gains[place] = json_number_value(gain);
        for (size_t i = place; i <= end; i++) {
            r->last[i] = end;
        }
    }
    return true;
}

/* Samples from before there was a spread have none, and no metric that is made of it. */
static bool recall_spread(struct eval *e, const json_t *sample, const json_t *evidence,
    struct ranked *r, struct err *err) {
    const double *spread = json_object_get(evidence, "spread")
                               ? recall_numbers(e, evidence, "spread", N_SPREADS, err)
                               : (const double[N_SPREADS]) { 0 };
    (void)sample;
    if (spread) {
        memcpy(r->spread, spread, sizeof r->spread);
    }
    return spread != NULL;
}

static bool begin_evidence(struct eval *e, const json_t *sample, const json_t *evidence,
    struct ranked *r, struct err *err) {
    const json_t *ideal = json_object_get(evidence, "ideal");
    long long n = json_get_int(evidence, "ranked", -1),
              most = e->info->kind == TASK_RETRIEVAL ? RANKED_DEPTH : RANKED_MOST;
    if (n < 0 || n > most || !json_is_array(ideal)) {
        return recall_fail(
            sample, "it does not say what was ranked and what there was to find", err);
    }
    r->n = (size_t)n;
    r->n_ideal = json_array_size(ideal);
    r->best = arena_alloc(&e->arena, (r->n + 1) * sizeof *r->best);
    r->scores = arena_alloc(&e->arena, (r->n + 1) * sizeof *r->scores);
    r->gains = arena_alloc(&e->arena, (r->n + 1) * sizeof *r->gains);
    r->last = arena_alloc(&e->arena, (r->n + 1) * sizeof *r->last);
    for (size_t i = 0; i < r->n; i++) {
        r->last[i] = i;
    }
    r->ideal = recall_numbers(e, evidence, "ideal", r->n_ideal, err);
    return r->ideal != NULL;
}

bool ranked_recall_evidence(struct eval *e, const json_t *sample, const json_t *evidence,
    struct ranked *r, struct err *err) {
    return begin_evidence(e, sample, evidence, r, err) && recall_hits(sample, evidence, r, err) &&
           recall_spread(e, sample, evidence, r, err);
}

static void begin_recall(struct eval *e) {
    struct task_retrieval *t = &((struct rankings *)e->kind)->recalled;
    t->n_passages = e->n * RANKED_SHOWN;
    t->passages = arena_alloc(&e->arena, t->n_passages * sizeof *t->passages);
    e->retrieval = t;
}

bool ranked_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    struct ranked *r = &((struct rankings *)e->kind)->of[i];
    if (i == 0) {
        begin_recall(e);
    }
    bool ok = recall_text(e, sample, "query_id", &doc->id, err) &&
              recall_text(e, sample, "query", &doc->text_a, err) &&
              recall_texts(e, sample, "queries", &doc->queries, &doc->n_queries, err) &&
              begin_evidence(e, sample, sample, r, err) && recall_shown(e, i, sample, r, err) &&
              recall_hits(sample, sample, r, err) && recall_spread(e, sample, sample, r, err);
    e->audit.ties += ok && r->n > 1 && r->scores[0] == r->scores[1];
    return ok;
}

/* Messages of tasks that rank: passages, which come first, queries, and which passage answers which
 * query (see frames_parts.h). */
#include <stdint.h>
#include <string.h>

#include "evaluator/task/frames_parts.h"

/* ---- queries ---- */

/* The ids of queries are those of a subset: a key begins with it. The number that was given to it,
 * or -1; with `value` >= 0 gives it that one, and -1 says that it had one. */
static int32_t number_query(struct task *t, const char *subset, const char *id, int32_t value) {
    struct strbuf key = { 0 };
    strbuf_addf(&key, "%s\n%s", subset ? subset : "", id);
    t->query_ids = t->query_ids ? t->query_ids : strmap_new(1024);
    int32_t number = value;
    if (value < 0) {
        number = strmap_find(t->query_ids, strbuf_str(&key), key.len);
    } else if (!strmap_add(t->query_ids, strbuf_str(&key), key.len, value)) {
        number = -1;
    }
    strbuf_release(&key);
    return number;
}

static bool is_of(const struct task_corpus *c, const char *subset) {
    return !c->subset == !subset && (!subset || !strcmp(c->subset, subset));
}

/* The corpus of a subset, most often the one that was asked for before (*near); false where there
 * is none. */
static bool find_corpus(const struct task *t, const char *subset, size_t *near) {
    const struct task_retrieval *r = &t->retrieval;
    if (*near < r->n_corpora && is_of(&r->corpora[*near], subset)) {
        return true;
    }
    for (*near = 0; *near < r->n_corpora; ++*near) {
        if (is_of(&r->corpora[*near], subset)) {
            return true;
        }
    }
    return false;
}

/* Passages by their ids. *there: whether all of them are in the corpus. */
static bool read_passages(struct task *t, const struct task_doc *d, const json_t *list,
    size_t **passages, size_t *n, bool *there) {
    *n = json_array_size(list);
    *passages = arena_alloc(&t->arena, (*n + 1) * sizeof **passages);
    *there = true;
    for (size_t i = 0; i < *n; i++) {
        const char *id = json_string_value(json_array_get(list, i));
        if (!id) {
            return false;
        }
        (*passages)[i] = ids_find(t->passage_ids, &t->retrieval, d->corpus, id);
        *there = *there && (*passages)[i] != SIZE_MAX;
    }
    return *n <= FRAMES_MAX_CANDIDATES;
}

bool frames_query(struct task *t, struct task_doc *d, const json_t *doc) {
    bool whole = t->info.kind == TASK_RETRIEVAL, there, ignored;
    d->id = frames_text(t, doc, "id");
    d->text_a = frames_text(t, doc, "text");
    return d->id && d->text_a && find_corpus(t, d->subset, &d->corpus) &&
           frames_texts(t, doc, "queries", &d->queries, &d->n_queries) &&
           read_passages(t, d, json_object_get(doc, "candidates"), &d->candidates, &d->n_candidates,
               &there) &&
           there && json_is_array(json_object_get(doc, "candidates")) != whole &&
           read_passages(
               t, d, json_object_get(doc, "changed"), &d->changed, &d->n_changed, &ignored) &&
           number_query(t, d->subset, d->id, (int32_t)t->n_docs) >= 0;
}

/* ---- passages and judgements ---- */

/* The last corpus is that of the subset from here on: passages of one come together. */
static bool enter_corpus(struct task *t, const char *subset, struct err *err) {
    struct task_retrieval *r = &t->retrieval;
    size_t known = r->n_corpora;
    if (r->n_corpora && is_of(&r->corpora[r->n_corpora - 1], subset)) {
        return true;
    }
    if (r->n_corpora == FRAMES_MAX_CORPORA || find_corpus(t, subset, &known)) {
        return frames_broken(err, "passages of a subset that had ended");
    }
    mem_grow(&r->corpora, &t->corpora_capacity, r->n_corpora + 1, sizeof *r->corpora);
    r->corpora[r->n_corpora++] =
        (struct task_corpus) { .subset = subset ? arena_strdup(&t->arena, subset) : NULL,
            .from = r->n_passages };
    return true;
}

static bool keep_passage(struct task *t, const json_t *id, const json_t *words, struct err *err) {
    struct task_retrieval *r = &t->retrieval;
    t->ids = t->ids ? t->ids : spool_new(0);
    r->texts = r->texts ? r->texts : spool_new(0);
    struct task_text text = { .id = spool_add(
                                  t->ids, json_string_value(id), json_string_length(id), err) };
    text.text = text.id
                    ? spool_add(r->texts, json_string_value(words), json_string_length(words), err)
                    : NULL;
    if (!text.text) {
        return false;
    }
    mem_grow(&r->passages, &t->passages_capacity, r->n_passages + 1, sizeof text);
    r->passages[r->n_passages++] = text;
    r->corpora[r->n_corpora - 1].n++;
    ids_add(t->passage_ids, r);
    return true;
}

static bool is_text(const json_t *v) {
    return json_is_string(v) && !memchr(json_string_value(v), 0, json_string_length(v));
}

bool frames_passage(struct task *t, const json_t *v, struct err *err) {
    struct task_retrieval *r = &t->retrieval;
    const json_t *words = json_object_get(v, "text"), *id = json_object_get(v, "id"),
                 *subset = json_object_get(v, "subset");
    if (!task_kind_ranks(t->info.kind) || !is_text(id) || !is_text(words) ||
        r->n_passages == FRAMES_MAX_PASSAGES ||
        (r->n_corpora && !r->corpora[0].subset != !is_text(subset))) {
        return frames_broken(err, "a bad passage");
    }
    t->passage_ids = t->passage_ids ? t->passage_ids : ids_new();
    if (!enter_corpus(t, is_text(subset) ? json_string_value(subset) : NULL, err)) {
        return false;
    }
    if (ids_find(t->passage_ids, r, r->n_corpora - 1, json_string_value(id)) != SIZE_MAX) {
        return err_set(
            err, ERR_INPUT, "the data has two passages with the id '%s'", json_string_value(id));
    }
    return keep_passage(t, id, words, err);
}

/* A judgement of a passage that the corpus lacks still counts: it is relevant and cannot be found.
 */
bool frames_judgement(struct task *t, const json_t *v, const char *subset, struct err *err) {
    struct task_retrieval *r = &t->retrieval;
    const char *query = json_get_string(v, "query", NULL),
               *passage = json_get_string(v, "passage", NULL);
    int32_t of = query ? number_query(t, subset, query, -1) : -1;
    struct task_judgement j = { .query = (size_t)of, .passage = SIZE_MAX };
    if (passage && find_corpus(t, subset, &t->near_corpus)) {
        j.passage = ids_find(t->passage_ids, r, t->near_corpus, passage);
    }
    if (of < 0 || !passage || !frames_number(v, "gain", &j.gain) ||
        r->n_judgements == 4 * (size_t)FRAMES_MAX_PASSAGES) {
        return frames_broken(err, "a bad judgement");
    }
    mem_grow(&r->judgements, &t->judgements_capacity, r->n_judgements + 1, sizeof j);
    r->judgements[r->n_judgements++] = j;
    return true;
}

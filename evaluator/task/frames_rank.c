/* Messages of tasks that rank: passages, which come first, queries, and which passage answers which
 * query (see frames_parts.h). */
#include <stdint.h>
#include <string.h>

#include "evaluator/task/frames_parts.h"

/* ---- queries ---- */

/* Ids are those of a subset: the key of an id begins with it. The number that was given to it, or
 * -1; with `value` >= 0 gives it that one, and -1 says that it had one. */
static int32_t number_id(struct strmap **ids, const char *subset, const char *id, int32_t value) {
    struct strbuf key = { 0 };
    strbuf_addf(&key, "%s\n%s", subset ? subset : "", id);
    *ids = *ids ? *ids : strmap_new(1024);
    int32_t number = value;
    if (value < 0) {
        number = strmap_find(*ids, strbuf_str(&key), key.len);
    } else if (!strmap_add(*ids, strbuf_str(&key), key.len, value)) {
        number = -1;
    }
    strbuf_release(&key);
    return number;
}

/* Passages by their ids. *there: whether all of them are in the corpus. */
static bool read_passages(struct task *t, const struct task_doc *d, const json_t *list,
    size_t **passages, size_t *n, bool *there) {
    *n = json_array_size(list);
    *passages = arena_alloc(&t->arena, (*n + 1) * sizeof **passages);
    *there = true;
    for (size_t i = 0; i < *n; i++) {
        const char *id = json_string_value(json_array_get(list, i));
        int32_t at = id ? number_id(&t->passage_ids, d->subset, id, -1) : -1;
        if (!id) {
            return false;
        }
        (*passages)[i] = at < 0 ? SIZE_MAX : (size_t)at;
        *there = *there && at >= 0;
    }
    return *n <= FRAMES_MAX_CANDIDATES;
}

static bool read_corpus(const struct task *t, struct task_doc *d) {
    const struct task_retrieval *r = &t->retrieval;
    for (d->corpus = 0; d->corpus < r->n_corpora; d->corpus++) {
        const char *subset = r->corpora[d->corpus].subset;
        if (!subset == !d->subset && (!subset || !strcmp(subset, d->subset))) {
            return true;
        }
    }
    return false;
}

bool frames_query(struct task *t, struct task_doc *d, const json_t *doc) {
    bool whole = t->info.kind == TASK_RETRIEVAL, there, ignored;
    d->id = frames_text(t, doc, "id");
    d->text_a = frames_text(t, doc, "text");
    return d->id && d->text_a && read_corpus(t, d) &&
           frames_texts(t, doc, "queries", &d->queries, &d->n_queries) &&
           read_passages(t, d, json_object_get(doc, "candidates"), &d->candidates, &d->n_candidates,
               &there) &&
           there && !d->n_candidates == whole &&
           read_passages(
               t, d, json_object_get(doc, "changed"), &d->changed, &d->n_changed, &ignored) &&
           number_id(&t->query_ids, d->subset, d->id, (int32_t)t->n_docs) >= 0;
}

/* ---- passages and judgements ---- */

/* Passages of a subset come together. */
static struct task_corpus *corpus_of(struct task *t, const char *subset) {
    struct task_retrieval *r = &t->retrieval;
    struct task_corpus *last = r->n_corpora ? &r->corpora[r->n_corpora - 1] : NULL;
    if (!last || (subset && strcmp(last->subset, subset) != 0)) {
        mem_grow(&r->corpora, &t->corpora_capacity, r->n_corpora + 1, sizeof *r->corpora);
        last = &r->corpora[r->n_corpora++];
        *last = (struct task_corpus) { .subset = subset, .from = r->n_passages };
    }
    return last;
}

bool frames_passage(struct task *t, const json_t *v, struct err *err) {
    struct task_retrieval *r = &t->retrieval;
    const json_t *words = json_object_get(v, "text");
    size_t n = json_string_length(words);
    struct task_text text = { .id = frames_text(t, v, "id") };
    const char *subset = frames_text(t, v, "subset");
    if (!task_kind_ranks(t->info.kind) || !text.id || !json_is_string(words) ||
        memchr(json_string_value(words), 0, n) || r->n_passages == FRAMES_MAX_PASSAGES ||
        (r->n_corpora && !r->corpora[0].subset != !subset)) {
        return frames_broken(err, "a bad passage");
    }
    if (number_id(&t->passage_ids, subset, text.id, (int32_t)r->n_passages) < 0) {
        return err_set(err, ERR_INPUT, "the data has two passages with the id '%s'", text.id);
    }
    r->texts = r->texts ? r->texts : spool_new(0);
    text.text = spool_add(r->texts, json_string_value(words), n, err);
    if (!text.text) {
        return false;
    }
    corpus_of(t, subset)->n++;
    mem_grow(&r->passages, &t->passages_capacity, r->n_passages + 1, sizeof text);
    r->passages[r->n_passages++] = text;
    return true;
}

/* A judgement of a passage that the corpus lacks still counts: it is relevant and cannot be found.
 */
bool frames_judgement(struct task *t, const json_t *v, const char *subset, struct err *err) {
    struct task_retrieval *r = &t->retrieval;
    const char *query = json_get_string(v, "query", NULL),
               *passage = json_get_string(v, "passage", NULL);
    int32_t of = query ? number_id(&t->query_ids, subset, query, -1) : -1,
            at = passage ? number_id(&t->passage_ids, subset, passage, -1) : -1;
    struct task_judgement j = { .query = (size_t)of, .passage = at < 0 ? SIZE_MAX : (size_t)at };
    if (of < 0 || !passage || !frames_number(v, "gain", &j.gain) ||
        r->n_judgements == 4 * (size_t)FRAMES_MAX_PASSAGES) {
        return frames_broken(err, "a bad judgement");
    }
    mem_grow(&r->judgements, &t->judgements_capacity, r->n_judgements + 1, sizeof j);
    r->judgements[r->n_judgements++] = j;
    return true;
}

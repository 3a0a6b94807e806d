/* Some documents of a task in place of all (see eval.h). The task is loaded whole, as the examples
 * before a question depend on the questions before it; only then are documents left out. */
#include <stdint.h>
#include <string.h>

#include "base/strmap.h"
#include "evaluator/eval/internal.h"

static bool positions_fit(const struct eval *e, const struct eval_part *part, struct err *err) {
    for (size_t i = 0; i < part->n; i++) {
        if (part->docs[i] >= e->n) {
            return err_set(err, ERR_INPUT, "task '%s' has no document at position %zu of %zu",
                e->info->name, part->docs[i], e->n);
        }
    }
    return part->n > 0 || err_set(err, ERR_INPUT, "no documents to ask");
}

static void keep_docs(struct eval *e, const struct eval_part *part) {
    struct task_doc *docs = arena_alloc(&e->arena, part->n * sizeof *docs);
    for (size_t i = 0; i < part->n; i++) {
        docs[i] = e->docs[part->docs[i]];
    }
    e->docs = docs;
}

/* ---- retrieval ---- */

static struct strmap *index_ids(const struct task_text *texts, size_t n) {
    struct strmap *ids = strmap_new(n);
    for (size_t i = 0; i < n; i++) {
        strmap_add(ids, texts[i].id, strlen(texts[i].id), (int32_t)i);
    }
    return ids;
}

static bool keep_corpus(
    struct eval *e, const struct eval_part *part, struct task_retrieval *to, struct err *err) {
    const struct task_retrieval *from = e->retrieval;
    struct strmap *ids = index_ids(from->corpus, from->n_corpus);
    bool ok = part->n_passages > 0 || err_set(err, ERR_INPUT, "no passages to rank");
    to->corpus = arena_alloc(&e->arena, (part->n_passages + 1) * sizeof *to->corpus);
    for (size_t i = 0; ok && i < part->n_passages; i++) {
        const char *id = part->passages[i];
        int32_t at = strmap_find(ids, id, strlen(id));
        ok = at >= 0 ||
             err_set(err, ERR_INPUT, "task '%s' has no passage '%.100s'", e->info->name, id);
        if (ok) {
            to->corpus[to->n_corpus++] = from->corpus[at];
        }
    }
    strmap_free(ids);
    return ok;
}

/* Judgements of the queries that stay, by the new positions; of a passage that was left out it is
 * only known that it is relevant. */
static void keep_judgements(
    struct eval *e, const struct eval_part *part, struct task_retrieval *to) {
    const struct task_retrieval *from = e->retrieval;
    struct strmap *kept = index_ids(to->corpus, to->n_corpus);
    to->judgements = arena_alloc(&e->arena, (from->n_judgements + 1) * sizeof *to->judgements);
    for (size_t q = 0; q < part->n; q++) {
        for (size_t i = 0; i < from->n_judgements; i++) {
            struct task_judgement j = from->judgements[i];
            if (j.query == part->docs[q]) {
                const char *id = j.passage == SIZE_MAX ? NULL : from->corpus[j.passage].id;
                int32_t at = id ? strmap_find(kept, id, strlen(id)) : -1;
                j.query = q;
                j.passage = at < 0 ? SIZE_MAX : (size_t)at;
                to->judgements[to->n_judgements++] = j;
            }
        }
    }
    strmap_free(kept);
}

static bool keep_queries(struct eval *e, const struct eval_part *part, struct err *err) {
    struct task_retrieval *to = arena_alloc(&e->arena, sizeof *to);
    to->queries = arena_alloc(&e->arena, part->n * sizeof *to->queries);
    for (size_t i = 0; i < part->n; i++) {
        to->queries[to->n_queries++] = e->retrieval->queries[part->docs[i]];
    }
    if (!keep_corpus(e, part, to, err)) {
        return false;
    }
    keep_judgements(e, part, to);
    e->retrieval = to;
    return true;
}

bool eval_part(const struct task *task, const struct subject *subject, const struct eval_part *part,
    const struct eval_options *options, struct strbuf *samples, struct err *err) {
    struct eval e;
    if (!eval_begin(&e, task, subject, options, err)) {
        return false;
    }
    bool ok = positions_fit(&e, part, err);
    if (ok && e.retrieval) {
        ok = keep_queries(&e, part, err);
    } else if (ok) {
        keep_docs(&e, part);
    }
    if (ok) {
        e.n = part->n;
        ok = eval_kind_of(e.info->kind)->ask(&e, err) && eval_write_samples(&e, samples, err);
    }
    arena_release(&e.arena);
    return ok;
}

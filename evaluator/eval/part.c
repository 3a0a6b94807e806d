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

/* ---- kinds that rank ---- */

/* Where each passage of the task stands among those that stay; SIZE_MAX: nowhere. */
static size_t *keep_passages(
    struct eval *e, const struct eval_part *part, struct task_retrieval *to, struct err *err) {
    const struct task_retrieval *from = e->retrieval;
    struct strmap *named = strmap_new(part->n_passages);
    bool *there = arena_alloc(&e->arena, part->n_passages + 1);
    size_t *place = arena_alloc(&e->arena, (from->n_passages + 1) * sizeof *place);
    for (size_t i = 0; i < part->n_passages; i++) {
        strmap_add(named, part->passages[i], strlen(part->passages[i]), (int32_t)i);
    }
    to->passages = arena_alloc(&e->arena, (from->n_passages + 1) * sizeof *to->passages);
    for (size_t i = 0; i < from->n_passages; i++) {
        int32_t at = strmap_find(named, from->passages[i].id, strlen(from->passages[i].id));
        place[i] = at < 0 ? SIZE_MAX : to->n_passages;
        if (at >= 0) {
            there[at] = true;
            to->passages[to->n_passages++] = from->passages[i];
        }
    }
    strmap_free(named);
    bool ok = part->n_passages > 0 || err_set(err, ERR_INPUT, "no passages to rank");
    for (size_t i = 0; ok && i < part->n_passages; i++) {
        ok = there[i] || err_set(err, ERR_INPUT, "task '%s' has no passage '%.100s'", e->info->name,
                             part->passages[i]);
    }
    return ok ? place : NULL;
}

static void keep_corpora(struct eval *e, const size_t *place, struct task_retrieval *to) {
    const struct task_retrieval *from = e->retrieval;
    to->n_corpora = from->n_corpora;
    to->corpora = arena_alloc(&e->arena, (to->n_corpora + 1) * sizeof *to->corpora);
    for (size_t c = 0, next = 0; c < from->n_corpora; c++) {
        const struct task_corpus *old = &from->corpora[c];
        to->corpora[c] = (struct task_corpus) { .subset = old->subset, .from = next };
        for (size_t i = old->from; i < old->from + old->n; i++) {
            to->corpora[c].n += place[i] != SIZE_MAX;
        }
        next += to->corpora[c].n;
    }
}

/* Judgements of the queries that stay, by the new positions; of a passage that was left out it is
 * only known that it is relevant. */
static void keep_judgements(
    struct eval *e, const struct eval_part *part, const size_t *place, struct task_retrieval *to) {
    const struct task_retrieval *from = e->retrieval;
    to->judgements =
        arena_alloc(&e->arena, (part->n * from->n_judgements + 1) * sizeof *to->judgements);
    for (size_t q = 0; q < part->n; q++) {
        for (size_t i = 0; i < from->n_judgements; i++) {
            struct task_judgement j = from->judgements[i];
            if (j.query == part->docs[q]) {
                j.query = q;
                j.passage = j.passage == SIZE_MAX ? SIZE_MAX : place[j.passage];
                to->judgements[to->n_judgements++] = j;
            }
        }
    }
}

static void keep_candidates(struct eval *e, const size_t *place, struct task_doc *d) {
    size_t *candidates = arena_alloc(&e->arena, (d->n_candidates + 1) * sizeof *candidates), n = 0;
    for (size_t i = 0; i < d->n_candidates; i++) {
        if (place[d->candidates[i]] != SIZE_MAX) {
            candidates[n++] = place[d->candidates[i]];
        }
    }
    d->candidates = candidates;
    d->n_candidates = n;
    d->n_changed = 0; /* ranks among a few passages mean nothing */
}

static bool keep_queries(struct eval *e, const struct eval_part *part, struct err *err) {
    struct task_retrieval *to = arena_alloc(&e->arena, sizeof *to);
    to->texts = e->retrieval->texts;
    size_t *place = keep_passages(e, part, to, err);
    if (!place) {
        return false;
    }
    struct task_doc *docs = arena_alloc(&e->arena, part->n * sizeof *docs);
    for (size_t i = 0; i < part->n; i++) {
        docs[i] = e->docs[part->docs[i]];
        keep_candidates(e, place, &docs[i]);
    }
    keep_corpora(e, place, to);
    keep_judgements(e, part, place, to);
    e->docs = docs;
    e->retrieval = to;
    return true;
}

/* All documents are asked, and the lines of some are written. */
static bool ask_all(
    struct eval *e, const struct eval_part *part, struct strbuf *samples, struct err *err) {
    bool ok = eval_ask(e, err);
    for (size_t i = 0; ok && i < part->n; i++) {
        ok = eval_write_sample(e, part->docs[i], samples, err);
    }
    return ok;
}

bool eval_part(const struct task *task, const struct subject *subject, const struct eval_part *part,
    const struct eval_options *options, struct strbuf *samples, struct err *err) {
    struct eval e;
    if (!eval_begin(&e, task, subject, options, err)) {
        return false;
    }
    bool ok = positions_fit(&e, part, err);
    if (ok && eval_kind_of(e.info->kind)->together) {
        ok = ask_all(&e, part, samples, err);
        arena_release(&e.arena);
        return ok;
    }
    if (ok && e.retrieval) {
        ok = keep_queries(&e, part, err);
    } else if (ok) {
        keep_docs(&e, part);
    }
    if (ok) {
        e.n = part->n;
        ok = eval_ask(&e, err) && eval_write_samples(&e, samples, err);
    }
    eval_end(&e);
    return ok;
}

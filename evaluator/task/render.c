/* What a model will see, as JSON: the answer to "what does this task really ask?". */
#include <stdint.h>
#include <string.h>

#include "evaluator/task/task.h"

static json_t *choices_of(const struct task_doc *d) {
    json_t *list = json_array();
    for (size_t i = 0; i < d->n_choices; i++) {
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:I}", "text", d->choices[i].text, "continuation",
                      d->choices[i].continuation, "context", (json_int_t)d->choices[i].context));
    }
    return list;
}

static json_t *asked_of(const struct task_doc *d) {
    json_t *out = json_pack("{s:I, s:s*}", "index", (json_int_t)d->index, "subset", d->subset);
    if (d->text_a) {
        json_object_set_new(out, "texts", json_pack("[s, s]", d->text_a, d->text_b));
        json_object_set_new(out, "score", json_real(d->score));
        return out;
    }
    json_t *contexts = json_array(), *gold = json_array();
    for (size_t i = 0; i < d->n_contexts; i++) {
        json_array_append_new(contexts, json_string(d->contexts[i]));
    }
    for (size_t i = 0; i < d->n_gold; i++) {
        json_array_append_new(gold, json_integer((json_int_t)d->gold[i]));
    }
    json_object_set_new(out, "contexts", contexts);
    json_object_set_new(out, "choices", choices_of(d));
    if (d->gold) {
        json_object_set(out, "gold", gold);
    }
    json_decref(gold);
    return out;
}

/* A query with the passages that answer it. */
static json_t *query_of(const struct task_retrieval *r, size_t query) {
    json_t *relevant = json_array();
    for (size_t i = 0; i < r->n_judgements; i++) {
        const struct task_judgement *j = &r->judgements[i];
        if (j->query == query && j->passage != SIZE_MAX && j->gain > 0) {
            const struct task_text *p = &r->corpus[j->passage];
            json_array_append_new(relevant,
                json_pack("{s:s, s:s, s:f}", "id", p->id, "text", p->text, "gain", j->gain));
        }
    }
    return json_pack("{s:s, s:s, s:o}", "id", r->queries[query].id, "query", r->queries[query].text,
        "relevant", relevant);
}

json_t *task_render(const struct task_request *request, size_t n, struct err *err) {
    struct task_request q = *request;
    q.limit = n ? (long long)n : 1;
    struct task *t = task_load(&q, err);
    if (!t) {
        return NULL;
    }
    size_t n_docs;
    const struct task_doc *docs = task_docs(t, &n_docs);
    const struct task_retrieval *retrieval = task_retrieval(t);
    json_t *list = json_array();
    for (size_t i = 0; i < n_docs && i < n; i++) {
        json_array_append_new(list, asked_of(&docs[i]));
    }
    for (size_t i = 0; retrieval && i < retrieval->n_queries && i < n; i++) {
        json_array_append_new(list, query_of(retrieval, i));
    }
    const struct task_info *info = task_info(t);
    json_t *out = json_pack("{s:s, s:s, s:I, s:i, s:o}", "task", info->name, "kind",
        task_kind_name(info->kind), "version", (json_int_t)info->version, "shots", info->shots,
        "docs", list);
    task_free(t);
    return out;
}

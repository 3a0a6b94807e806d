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

static json_t *labels_of(const struct task_doc *d) {
    json_t *list = json_array();
    for (size_t i = 0; i < d->n_labels; i++) {
        const struct task_label *l = &d->labels[i];
        json_array_append_new(list, l->text ? json_string(l->text) : json_integer(l->number));
    }
    return list;
}

static json_t *texts_json(const char *const *texts, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_string(texts[i]));
    }
    return list;
}

/* What is right: texts, or lists of those that are right together. */
static json_t *answers_of(const struct task_doc *d) {
    json_t *list = json_array();
    for (size_t i = 0; i < d->n_answers; i++) {
        const struct task_answer *a = &d->answers[i];
        json_array_append_new(
            list, a->n == 1 ? json_string(a->spans[0]) : texts_json(a->spans, a->n));
    }
    return list;
}

static json_t *message(const char *role, const char *text) {
    return json_pack("{s:s, s:s}", "role", role, "content", text);
}

static json_t *prompt_of(const struct task_doc *d) {
    json_t *messages = json_array();
    for (size_t i = 0; i < d->n_turns; i++) {
        json_array_append_new(messages, message(d->turns[i].role, d->turns[i].text));
    }
    json_array_append_new(messages, message("user", d->questions[0]));
    return json_pack("{s:I, s:s*, s:o, s:o, s:o}", "index", (json_int_t)d->index, "subset",
        d->subset, "contexts", texts_json(d->contexts, d->n_contexts), "messages", messages,
        "answers", answers_of(d));
}

static json_t *asked_of(const struct task_info *info, const struct task_doc *d) {
    json_t *out = json_pack("{s:I, s:s*}", "index", (json_int_t)d->index, "subset", d->subset);
    if (d->text_a) {
        json_object_set_new(out, "texts", json_pack("[s, s]", d->text_a, d->text_b));
        if (info->kind != TASK_BITEXT) {
            json_object_set_new(out, "score", json_real(d->score));
        }
        return out;
    }
    if (d->text) {
        json_object_set_new(out, "text", json_string(d->text));
        json_object_set_new(out, "labels", labels_of(d));
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

static json_t *summary_of(const struct task_doc *d) {
    json_t *marks = json_array();
    for (size_t i = 0; i < d->n_machine; i++) {
        json_array_append_new(marks, json_real(d->marks[i]));
    }
    return json_pack("{s:I, s:s*, s:o, s:o, s:o}", "index", (json_int_t)d->index, "subset",
        d->subset, "human", texts_json(d->human, d->n_human), "machine",
        texts_json(d->machine, d->n_machine), "scores", marks);
}

/* A query with the passages that answer it. */
static json_t *query_of(const struct task_retrieval *r, const struct task_doc *d, size_t query) {
    json_t *relevant = json_array();
    for (size_t i = 0; i < r->n_judgements; i++) {
        const struct task_judgement *j = &r->judgements[i];
        if (j->query == query && j->passage != SIZE_MAX && j->gain > 0) {
            const struct task_text *p = &r->passages[j->passage];
            json_array_append_new(relevant,
                json_pack("{s:s, s:s, s:f}", "id", p->id, "text", p->text, "gain", j->gain));
        }
    }
    json_t *out = json_pack("{s:s, s:s*, s:s, s:o}", "id", d->id, "subset", d->subset, "query",
        d->text_a, "relevant", relevant);
    if (d->n_queries) {
        json_object_set_new(out, "queries", texts_json(d->queries, d->n_queries));
    }
    if (d->n_candidates) {
        json_object_set_new(out, "candidates", json_integer((json_int_t)d->n_candidates));
    }
    return out;
}

static size_t count_docs(const struct task *t) {
    size_t n;
    task_docs(t, &n);
    return n;
}

json_t *task_doc_json(const struct task *t, size_t position) {
    size_t n;
    const struct task_doc *d = &task_docs(t, &n)[position];
    return task_retrieval(t) ? query_of(task_retrieval(t), d, position)
           : d->n_answers    ? prompt_of(d)
           : d->n_machine    ? summary_of(d)
                             : asked_of(task_info(t), d);
}

/* Takes the list. */
static json_t *document_of(const struct task *t, json_t *list) {
    const struct task_info *info = task_info(t);
    json_t *out = json_pack("{s:s, s:s, s:I, s:i, s:s}", "task", info->name, "kind",
        task_kind_name(info->kind), "version", (json_int_t)info->version, "shots", info->shots,
        "profile", info->profile);
    if (info->generation) {
        json_object_set(out, "generation", (json_t *)(uintptr_t)info->generation);
    }
    if (info->prompt_query || info->prompt_passage) {
        json_object_set_new(out, "prompt",
            json_pack(
                "{s:s*, s:s*}", "query", info->prompt_query, "passage", info->prompt_passage));
    }
    json_object_set_new(out, "docs", list);
    return out;
}

/* What the examples before a question are depends on the questions before it: all of these are
 * made. */
static struct task *load_first(const struct task_request *request, size_t n, struct err *err) {
    struct task_request q = *request;
    q.limit = n ? (long long)n : 1;
    return task_load(&q, err);
}

json_t *task_render(const struct task_request *request, size_t n, struct err *err) {
    struct task *t = load_first(request, n, err);
    if (!t) {
        return NULL;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n && i < count_docs(t); i++) {
        json_array_append_new(list, task_doc_json(t, i));
    }
    json_t *out = document_of(t, list);
    task_free(t);
    return out;
}

json_t *task_render_at(
    const struct task_request *request, const size_t *positions, size_t n, struct err *err) {
    size_t last = 0;
    for (size_t i = 0; i < n; i++) {
        last = positions[i] > last ? positions[i] : last;
    }
    struct task *t = load_first(request, last + 1, err);
    json_t *list = t ? json_array() : NULL;
    bool ok = t != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        ok = positions[i] < count_docs(t) ||
             err_set(err, ERR_NOT_FOUND,
                 "task '%s' has %zu documents, counted from 0: there is no %zu", task_info(t)->name,
                 count_docs(t), positions[i]);
        if (ok) {
            json_array_append_new(list, task_doc_json(t, positions[i]));
        }
    }
    json_t *out = ok ? document_of(t, json_incref(list)) : NULL;
    json_decref(list);
    task_free(t);
    return out;
}

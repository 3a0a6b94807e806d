/* Asking through a model's chat template, as lm-evaluation-harness does: what is said first and the
 * question are the messages, the template's text is the context, and a choice follows it without
 * the delimiter that plain text has. */
#include <string.h>

#include "base/log.h"
#include "evaluator/eval/internal.h"

static json_t *message(const char *role, const char *text) {
    return json_pack("{s:s, s:s}", "role", role, "content", text);
}

/* A turn each, or all but the system's in one of the user's. */
static json_t *messages_of(const struct task_doc *d, const char *question, bool one_turn) {
    json_t *list = json_array();
    struct strbuf text = { 0 };
    for (size_t i = 0; i < d->n_turns; i++) {
        const struct task_turn *t = &d->turns[i];
        if (!one_turn || !strcmp(t->role, "system")) {
            json_array_append_new(list, message(t->role, t->text));
        } else {
            strbuf_adds(&text, t->text);
            strbuf_adds(&text, t->delimiter);
        }
    }
    strbuf_adds(&text, question);
    json_array_append_new(list, message("user", strbuf_str(&text)));
    strbuf_release(&text);
    return list;
}

/* A template may refuse a system's turn, as Gemma's does: the harness then leaves it out. */
static bool render(struct eval *e, json_t *messages, struct strbuf *text, struct err *err) {
    const struct subject *s = e->subject;
    const json_t *first = json_array_get(messages, 0);
    struct err refused = ERR_INIT;
    if (strcmp(json_get_string(first, "role", ""), "system") != 0) {
        return s->chat(s->self, messages, text, err);
    }
    if (s->chat(s->self, messages, text, &refused)) {
        return true;
    }
    json_array_remove(messages, 0);
    strbuf_reset(text);
    if (!s->chat(s->self, messages, text, err)) {
        return false;
    }
    if (!e->without_system) {
        log_line(LOG_WARN,
            "task '%s': the model's chat template takes no system turn (%s): its description "
            "is left out, as lm-evaluation-harness does",
            e->info->name, refused.msg);
    }
    e->without_system = true;
    return true;
}

static bool make_context(struct eval *e, const struct task_doc *d, const char *question,
    const char **context, struct err *err) {
    struct strbuf text = { 0 };
    bool by_letter = e->subject->pick && e->info->kind == TASK_CHOICE;
    question = by_letter ? letters_question(e, d, question) : question;
    json_t *messages = messages_of(d, question, e->subject->one_turn);
    bool ok = render(e, messages, &text, err) ||
              err_wrap(err, "document %zu: the chat template", d->index);
    *context = ok ? arena_strndup(&e->arena, strbuf_str(&text), text.len) : NULL;
    json_decref(messages);
    strbuf_release(&text);
    return ok;
}

static bool make_contexts(struct eval *e, struct task_doc *d, struct err *err) {
    const char **contexts = arena_alloc(&e->arena, d->n_contexts * sizeof *contexts);
    for (size_t i = 0; i < d->n_contexts; i++) {
        if (!make_context(e, d, d->questions[i], &contexts[i], err)) {
            return false;
        }
    }
    d->contexts = contexts;
    return true;
}

static void make_choices(struct eval *e, struct task_doc *d) {
    struct task_choice *choices = arena_alloc(&e->arena, (d->n_choices + 1) * sizeof *choices);
    for (size_t i = 0; i < d->n_choices; i++) {
        choices[i] = d->choices[i];
        choices[i].continuation = choices[i].text;
    }
    d->choices = choices;
}

static bool can_chat(const struct eval *e, struct err *err) {
    enum task_kind kind = e->info->kind;
    if (kind != TASK_CHOICE && kind != TASK_LOGLIKELIHOOD && kind != TASK_GENERATE) {
        return err_set(err, ERR_UNSUPPORTED,
            "task '%s' is of kind %s: it says nothing that a chat template could put into turns",
            e->info->name, task_kind_name(kind));
    }
    return !strcmp(e->info->rules, "lm-eval/0.4.13") ||
           err_set(err, ERR_UNSUPPORTED,
               "task '%s': how a chat template is used by the rules '%s' is not known here",
               e->info->name, e->info->rules);
}

bool eval_chat(struct eval *e, struct err *err) {
    if (!can_chat(e, err)) {
        return false;
    }
    struct task_doc *docs = arena_alloc(&e->arena, (e->n + 1) * sizeof *docs);
    for (size_t i = 0; i < e->n; i++) {
        docs[i] = e->docs[i];
        make_choices(e, &docs[i]);
        if (!make_contexts(e, &docs[i], err)) {
            return false;
        }
    }
    e->docs = docs;
    return true;
}

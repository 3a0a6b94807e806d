/* Multiple choice of models that say no log-likelihoods: the options stand below the question, each
 * with its letter, and what is said is a letter. That is another question than the profile's, so
 * its results bear another name, by which they are never ranked beside measured ones. */
#include <string.h>

#include "evaluator/eval/internal.h"

static bool are_letters(const struct task_doc *d) {
    for (size_t c = 0; c < d->n_choices; c++) {
        const char *t = d->choices[c].text;
        if (t[0] != (char)('A' + c) || t[1]) {
            return false;
        }
    }
    return true;
}

/* A question whose choices are letters lists its options itself. */
const char *letters_question(struct eval *e, const struct task_doc *d, const char *question) {
    struct strbuf text = { 0 };
    strbuf_addf(&text, "%s\n\n", question);
    for (size_t c = 0; c < d->n_choices && c < PICK_MAX && !are_letters(d); c++) {
        strbuf_addf(&text, "%c. %s\n", (char)('A' + c), d->choices[c].text);
    }
    strbuf_adds(&text, "Answer with the letter of the right option alone.");
    const char *kept = arena_strndup(&e->arena, strbuf_str(&text), text.len);
    strbuf_release(&text);
    return kept;
}

bool letters_measure(const char *metric) {
    return !strcmp(metric, "acc") || !strcmp(metric, "acc_norm") || !strcmp(metric, "acc_bytes");
}

/* A letter has no length and no rival's number. */
static bool keep_metrics(struct eval *e, struct err *err) {
    struct task_info *info = arena_alloc(&e->arena, sizeof *info);
    *info = *e->info;
    if (!letters_measure(info->main)) {
        return err_set(err, ERR_UNSUPPORTED,
            "task '%s': '%s' is made of log-likelihoods, and '%s' says letters", info->name,
            info->main, e->subject->name);
    }
    info->report.items = arena_alloc(&e->arena, e->info->report.n * sizeof *info->report.items);
    info->report.n = 0;
    for (size_t i = 0; i < e->info->report.n; i++) {
        if (letters_measure(e->info->report.items[i])) {
            info->report.items[info->report.n++] = e->info->report.items[i];
        }
    }
    e->info = info;
    return true;
}

static bool check_docs(const struct eval *e, struct err *err) {
    for (size_t i = 0; i < e->n; i++) {
        const struct task_doc *d = &e->docs[i];
        if (d->n_contexts != 1 || d->n_choices > PICK_MAX) {
            return err_set(err, ERR_UNSUPPORTED,
                "task '%s', document %zu: %s, and '%s' says letters", e->info->name, d->index,
                d->n_contexts != 1 ? "its options stand before what is scored"
                                   : "it has more options than there are letters",
                e->subject->name);
        }
    }
    return true;
}

bool letters_ask(struct eval *e, struct pick_request *picks, struct err *err) {
    if (!keep_metrics(e, err) || !check_docs(e, err)) {
        return false;
    }
    for (size_t i = 0; i < e->n; i++) {
        picks[i] = (struct pick_request) {
            .context = e->docs[i].contexts[0], .n_options = e->docs[i].n_choices, .pick = -1
        };
    }
    if (!e->subject->pick(e->subject->self, picks, e->n, &e->run, err)) {
        return false;
    }
    e->asked_by = "+letters";
    for (size_t i = 0; i < e->n; i++) {
        e->audit.unparsed += picks[i].pick < 0;
        if (!picks[i].by_logprobs) {
            e->asked_by = "+letters-parsed";
        }
    }
    return true;
}

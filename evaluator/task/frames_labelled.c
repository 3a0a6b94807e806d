/* Messages of tasks of labelled texts: documents, examples that classifiers learn from, the
 * experiments that draw them, and how documents were sampled. */
#include <string.h>

#include "evaluator/task/frames_parts.h"

int task_label_compare(const void *a, const void *b) {
    const struct task_label *x = a, *y = b;
    if (x->text && y->text) {
        return strcmp(x->text, y->text);
    }
    return x->number < y->number ? -1 : x->number > y->number;
}

/* All labels of a task are names, or all are numbers. */
static bool read_label(struct task *t, const json_t *v, struct task_label *label) {
    bool is_text = json_is_string(v);
    if (!is_text && !json_is_integer(v)) {
        return false;
    }
    if (t->n_labels++ == 0) {
        t->labels_are_text = is_text;
    }
    *label = (struct task_label) { .number = json_integer_value(v) };
    if (is_text) {
        size_t n = json_string_length(v);
        label->text = memchr(json_string_value(v), 0, n)
                          ? NULL
                          : arena_strndup(&t->arena, json_string_value(v), n);
    }
    return is_text == t->labels_are_text && (!is_text || label->text);
}

static struct task_label *read_labels(
    struct task *t, const json_t *doc, size_t least, size_t most, size_t *n) {
    const json_t *list = json_object_get(doc, "labels");
    *n = json_array_size(list);
    struct task_label *labels = arena_alloc(&t->arena, (*n + 1) * sizeof *labels);
    /* An empty list has the form of an empty table. */
    bool ok = (json_is_array(list) || (json_is_object(list) && !json_object_size(list))) &&
              *n >= least && *n <= most;
    for (size_t i = 0; ok && i < *n; i++) {
        ok = read_label(t, json_array_get(list, i), &labels[i]);
    }
    return ok ? labels : NULL;
}

/* How many labels a text has: one, any number, or one a level. */
static struct task_label *read_labels_of_kind(struct task *t, const json_t *doc, size_t *n) {
    bool one = t->info.kind == TASK_CLASSIFICATION, any = t->info.kind == TASK_MULTILABEL;
    return read_labels(t, doc, any ? 0 : 1, one ? 1 : FRAMES_MAX_CHOICES, n);
}

bool frames_labelled(struct task *t, struct task_doc *d, const json_t *doc) {
    d->text = frames_text(t, doc, "text");
    d->labels = read_labels_of_kind(t, doc, &d->n_labels);
    const json_t *set = json_object_get(doc, "set");
    return d->text && d->labels && (!set || frames_index(set, FRAMES_MAX_DOCS, &d->set));
}

/* ---- what is learned from, and how documents were sampled ---- */

static bool has_training(const struct task *t) {
    return t->info.kind == TASK_CLASSIFICATION || t->info.kind == TASK_MULTILABEL;
}

bool frames_example(struct task *t, const json_t *v, struct err *err) {
    struct task_training *all = &t->training;
    struct task_example e = { .text = frames_text(t, v, "text") };
    e.labels = has_training(t) ? read_labels_of_kind(t, v, &e.n_labels) : NULL;
    if (!e.text || !e.labels || all->n_examples == FRAMES_MAX_DOCS) {
        return frames_broken(err, "a bad example");
    }
    mem_grow(&all->examples, &t->examples_capacity, all->n_examples + 1, sizeof e);
    all->examples[all->n_examples++] = e;
    return true;
}

static bool same_subset(const char *a, const char *b) {
    return a == b || (a && b && !strcmp(a, b));
}

/* A list of examples, counted from the first of their subset. */
bool frames_experiment(struct task *t, const json_t *frame, const json_t *list, struct err *err) {
    struct task_training *all = &t->training;
    struct task_experiment e = { .subset = frames_text(t, frame, "subset"),
        .n = json_array_size(list) };
    const struct task_experiment *last =
        all->n_experiments ? &all->experiments[all->n_experiments - 1] : NULL;
    if (last && !same_subset(last->subset, e.subset)) {
        t->subset_from = t->subset_to;
    }
    t->subset_to = all->n_examples;
    bool ok = has_training(t) && e.n > 0 && all->n_experiments < FRAMES_MAX_EXPERIMENTS;
    e.examples = arena_alloc(&t->arena, (e.n + 1) * sizeof *e.examples);
    for (size_t i = 0; ok && i < e.n; i++) {
        ok =
            frames_index(json_array_get(list, i), all->n_examples - t->subset_from, &e.examples[i]);
        e.examples[i] += t->subset_from;
    }
    if (!ok) {
        return frames_broken(err, "an experiment with examples that there are not");
    }
    mem_grow(&all->experiments, &t->experiments_capacity, all->n_experiments + 1, sizeof e);
    all->experiments[all->n_experiments++] = e;
    return true;
}

bool frames_sampling(struct task *t, const json_t *frame, const json_t *v, struct err *err) {
    struct task_sampling s = { .subset = frames_text(t, frame, "subset") };
    if (t->info.kind != TASK_CLUSTERING || t->n_samplings == FRAMES_MAX_EXPERIMENTS ||
        !frames_index(json_object_get(v, "population"), FRAMES_MAX_PASSAGES, &s.population) ||
        !frames_index(json_object_get(v, "sampled"), s.population + 1, &s.sampled)) {
        return frames_broken(err, "a bad sampling");
    }
    mem_grow(&t->samplings, &t->samplings_capacity, t->n_samplings + 1, sizeof s);
    t->samplings[t->n_samplings++] = s;
    return true;
}

/* Stored samples scored again: what a model once answered, by the rules of this program. The kinds
 * take their numbers back from the samples (eval_kind.recall) and measure them as if they had just
 * asked. A sample is a stranger's line: every field is checked, and a missing one is said with the
 * document's number. */
#include <math.h>
#include <string.h>

#include "evaluator/eval/internal.h"

/* ---- fields of a sample ---- */

bool recall_fail(const json_t *sample, const char *what, struct err *err) {
    return err_set(err, ERR_INPUT, "document %lld: %s", json_get_int(sample, "doc_id", -1), what);
}

static bool lacks(const json_t *sample, const char *field, const char *type, struct err *err) {
    char what[100];
    snprintf(what, sizeof what, "'%s' is not %s", field, type);
    return recall_fail(sample, what, err);
}

/* Texts hold no NUL: the program's own never do. */
static const char *plain_text(struct eval *e, const json_t *v) {
    const char *s = json_string_value(v);
    size_t n = json_string_length(v);
    return s && !memchr(s, 0, n) ? arena_strndup(&e->arena, s, n) : NULL;
}

bool recall_text(
    struct eval *e, const json_t *sample, const char *field, const char **text, struct err *err) {
    *text = plain_text(e, json_object_get(sample, field));
    return *text || lacks(sample, field, "a text", err);
}

bool recall_texts(struct eval *e, const json_t *sample, const char *field, const char ***texts,
    size_t *n, struct err *err) {
    const json_t *list = json_object_get(sample, field);
    *n = json_array_size(list);
    *texts = arena_alloc(&e->arena, (*n + 1) * sizeof **texts);
    for (size_t i = 0; i < *n; i++) {
        (*texts)[i] = plain_text(e, json_array_get(list, i));
        if (!(*texts)[i]) {
            return lacks(sample, field, "a list of texts", err);
        }
    }
    return true;
}

double *recall_numbers(
    struct eval *e, const json_t *sample, const char *field, size_t n, struct err *err) {
    const json_t *list = json_object_get(sample, field);
    double *x = arena_alloc(&e->arena, (n + 1) * sizeof *x);
    bool ok = json_array_size(list) == n;
    for (size_t i = 0; ok && i < n; i++) {
        const json_t *v = json_array_get(list, i);
        x[i] = json_number_value(v);
        ok = json_is_number(v) && isfinite(x[i]);
    }
    if (!ok) {
        char type[60];
        snprintf(type, sizeof type, "a list of %zu numbers", n);
        lacks(sample, field, type, err);
    }
    return ok ? x : NULL;
}

bool recall_number(
    const json_t *sample, const json_t *object, const char *field, double *out, struct err *err) {
    *out = json_get_number(object, field, NAN);
    return isfinite(*out) || lacks(sample, field, "a number", err);
}

/* ---- the evaluation that they are of ---- */

static struct task_strings names_of(struct eval *e, const json_t *list) {
    struct task_strings names = { .n = json_array_size(list) };
    names.items = arena_alloc(&e->arena, (names.n + 1) * sizeof *names.items);
    for (size_t i = 0; i < names.n; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        names.items[i] = name ? name : "";
    }
    return names;
}

/* As much of the task as measuring asks for. */
static bool make_info(
    struct eval *e, const json_t *result, struct task_info *info, struct err *err) {
    const json_t *metrics = json_object_get(result, "metrics"), *main, *range;
    const char *name;
    json_t *ignored;
    *info = (struct task_info) { .name = json_get_string(result, "task", ""),
        .main = json_get_string(result, "main", "") };
    if (!task_kind_find(json_get_string(result, "kind", NULL), &info->kind) ||
        !eval_kind_of(info->kind) || !eval_kind_of(info->kind)->recall) {
        return err_set(err, ERR_UNSUPPORTED, "samples of kind '%s' are not scored again here",
            json_get_string(result, "kind", ""));
    }
    main = json_object_get(metrics, info->main);
    if (!main) {
        return err_set(err, ERR_INPUT, "the result has no metric '%s'", info->main);
    }
    info->report.items =
        arena_alloc(&e->arena, json_object_size(metrics) * sizeof *info->report.items);
    json_object_foreach((json_t *)(uintptr_t)metrics, name, ignored) {
        info->report.items[info->report.n++] = name;
    }
    range = json_object_get(result, "range");
    info->range_low = json_number_value(json_array_get(range, 0));
    info->range_high = json_number_value(json_array_get(range, 1));
    e->bootstrap = (unsigned)json_get_int(result, "bootstrap", EVAL_BOOTSTRAP);
    info->subsets = names_of(e, json_object_get(result, "declared_subsets"));
    info->protocol = (int)json_get_int(result, "protocol", 0);
    info->generation = json_object_get(result, "generation");
    return similarity_parse(json_get_string(result, "similarity", "cosine"), &e->similarity, err);
}

static const char *or_null(struct eval *e, const json_t *sample, const char *field) {
    return plain_text(e, json_object_get(sample, field));
}

/* The row of the data set, where the samples have it, so that they can be written again. */
static const char *row_of(struct eval *e, const json_t *sample) {
    const json_t *row = json_object_get(sample, "doc");
    char *text = row ? json_text(row, JSON_COMPACT) : NULL;
    const char *kept = text ? arena_strdup(&e->arena, text) : NULL;
    free(text);
    return kept;
}

static bool recall_doc(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    long long index = json_get_int(sample, "doc_id", -1);
    if (!json_is_object(sample) || index < 0) {
        return err_set(err, ERR_INPUT, "line %zu of the samples is not a sample of Assay's", i + 1);
    }
    doc->index = (size_t)index;
    doc->subset = or_null(e, sample, "subset");
    doc->cluster = or_null(e, sample, "cluster");
    doc->row = row_of(e, sample);
    return eval_kind_of(e->info->kind)->recall(e, i, sample, doc, err);
}

static size_t count_lines(const char *text, size_t n) {
    struct json_lines lines = { text, n, 0 };
    const char *line;
    while (json_lines_next(&lines, &line, &n)) {
    }
    return lines.number;
}

static bool recall_all(struct eval *e, const char *text, size_t n, struct err *err) {
    struct task_doc *docs = arena_alloc(&e->arena, (e->n + 1) * sizeof *docs);
    bool ok = true;
    e->docs = docs;
    struct json_lines lines = { text, n, 0 };
    const char *line;
    for (size_t i = 0; ok && json_lines_next(&lines, &line, &n); i++) {
        json_t *sample = json_parse(line, n, "samples", err);
        ok = sample && recall_doc(e, i, sample, &docs[i], err);
        json_decref(sample);
    }
    return ok;
}

static bool all_there(const struct eval *e, const json_t *result, struct err *err) {
    long long n = json_get_int(result, "n", -1);
    return (e->n > 0 && n == (long long)e->n) ||
           err_set(err, ERR_INPUT, "the result is of %lld documents, there are samples of %zu", n,
               e->n);
}

static json_t *scored_anew(struct eval *e, const json_t *result, struct err *err) {
    json_t *subsets, *metrics = eval_measure(e, &subsets, err);
    if (!metrics) {
        return NULL;
    }
    json_t *out = json_deep_copy(result), *audit = json_object_get(out, "audit");
    json_object_set_new(out, "metrics", metrics);
    if (subsets) {
        json_object_set_new(out, "subsets", subsets);
    } else {
        eval_add_detail(e, 0, e->n, out);
    }
    if (audit) {
        json_object_set_new(audit, "ties", json_integer((json_int_t)e->audit.ties));
        eval_add_audit(e, audit);
    }
    return out;
}

/* The samples as they would be written today, and what a result keeps of them. */
static bool write_anew(struct eval *e, json_t *result, struct strbuf *again, struct err *err) {
    struct strbuf lines = { 0 };
    bool ok = eval_write_samples(e, &lines, err);
    if (ok) {
        eval_add_scores(result, e->info->main, &lines);
        if (again) {
            strbuf_add(again, strbuf_str(&lines), lines.len);
        }
    }
    strbuf_release(&lines);
    return ok;
}

bool eval_rescore(const json_t *result, const char *samples, size_t n, json_t **rescored,
    struct strbuf *again, struct err *err) {
    struct task_info info;
    struct eval e = { .info = &info, .n = count_lines(samples, n) };
    *rescored = NULL;
    bool ok = make_info(&e, result, &info, err) && all_there(&e, result, err) &&
              recall_all(&e, samples, n, err);
    if (ok) {
        eval_number_clusters(&e);
        *rescored = scored_anew(&e, result, err);
        ok = *rescored && write_anew(&e, *rescored, again, err);
    }
    if (!ok) {
        json_decref(*rescored);
        *rescored = NULL;
    }
    eval_end(&e);
    return ok;
}

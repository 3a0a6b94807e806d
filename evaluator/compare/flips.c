/* See flips.h. What a line says of its question and answers depends on who wrote it. */
#include "evaluator/compare/flips.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define TEXT_MAX 300

/* ---- which ---- */

struct flip {
    double change; /* of the second */
    size_t at;
};

static int farthest_first(const void *a, const void *b) {
    const struct flip *x = a, *y = b;
    double p = fabs(x->change), q = fabs(y->change);
    return p != q ? (p < q) - (p > q) : (x->at > y->at) - (x->at < y->at);
}

/* Documents of one direction, the farthest first. */
static size_t collect(const struct aligned *d, bool worse, struct flip *out) {
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        double change = d->b[i] - d->a[i];
        if (worse ? change < 0 : change > 0) {
            out[n++] = (struct flip) { change, i };
        }
    }
    if (n) {
        qsort(out, n, sizeof *out, farthest_first);
    }
    return n;
}

/* ---- texts ---- */

/* The end of a long text, which is where the question is; cut between characters. */
static json_t *end_of(const char *text) {
    size_t n = strlen(text), from = n > TEXT_MAX ? n - TEXT_MAX : 0;
    while (((unsigned char)text[from] & 0xc0) == 0x80) {
        from++;
    }
    return json_sprintf("%s%s", from ? "…" : "", text + from);
}

static const char *text_at(const json_t *list, size_t i) {
    const char *text = json_string_value(json_array_get(list, i));
    return text ? text : NULL;
}

static const char *question_of(const json_t *line) {
    const json_t *args =
        json_object_get(json_object_get(line, "arguments"), "gen_args_0"); /* a peer's */
    const char *text = json_get_string(line, "query", json_get_string(args, "arg_0", NULL));
    text = text ? text : text_at(json_object_get(line, "contexts"), 0);
    return text ? text : text_at(json_object_get(line, "texts"), 0);
}

/* The text of a choice by its number, or of a ranking's first; a peer's generated answer. */
static const char *answer_of(const json_t *line, const char *key) {
    const json_t *number = json_object_get(line, key), *choices = json_object_get(line, "choices");
    const json_t *ranking = json_object_get(line, "ranking");
    if (json_is_integer(number) && json_is_array(choices)) {
        return json_get_string(
            json_array_get(choices, (size_t)json_integer_value(number)), "text", NULL);
    }
    if (strcmp(key, "gold") && json_is_array(ranking)) {
        return json_get_string(json_array_get(ranking, 0), "text", NULL);
    }
    return strcmp(key, "gold") ? text_at(json_object_get(line, "filtered_resps"), 0)
                               : json_get_string(line, "target", NULL);
}

static void set_text(json_t *to, const char *key, const char *text) {
    if (text) {
        json_object_set_new(to, key, end_of(text));
    }
}

static json_t *line_of(const struct sample_scores *s, size_t i) {
    struct err ignored = ERR_INIT;
    return json_parse(s->items[i].line, s->items[i].line_n, "sample", &ignored);
}

static void add_texts(json_t *flip, const struct aligned *d, size_t at) {
    json_t *a = line_of(&d->samples_a, d->index_a[at]), *b = line_of(&d->samples_b, d->index_b[at]);
    set_text(flip, "question", question_of(a));
    set_text(flip, "right", answer_of(a, "gold"));
    set_text(flip, "answer_a", answer_of(a, "prediction"));
    set_text(flip, "answer_b", answer_of(b, "prediction"));
    json_decref(a);
    json_decref(b);
}

/* What the model said, where scores are made of it and of what is right; else the score. */
static double shown(const struct sample_scores *s, size_t i) {
    bool of_two = s->statistic == statistic_spearman || s->statistic == statistic_pearson ||
                  s->statistic == statistic_mcc || s->statistic == statistic_f1;
    return of_two ? s->y[i] : s->x[i];
}

static void add_numbers(json_t *flip, const struct aligned *d, size_t at) {
    size_t i = d->index_a[at], j = d->index_b[at];
    json_object_set_new(flip, "doc", json_integer((json_int_t)d->samples_a.items[i].doc));
    json_object_set_new(flip, "a", json_real(shown(&d->samples_a, i)));
    json_object_set_new(flip, "b", json_real(shown(&d->samples_b, j)));
    if (shown(&d->samples_a, i) != d->samples_a.x[i]) {
        json_object_set_new(flip, "gold", json_real(d->samples_a.x[i]));
    }
}

/* Without samples only its place and its score are known. */
static json_t *flip_view(const struct aligned *d, size_t at) {
    bool known = d->index_a != NULL;
    json_t *flip =
        json_pack("{s:I, s:f, s:f}", "doc", (json_int_t)at, "a", d->a[at], "b", d->b[at]);
    for (size_t s = 0; s < d->n_subsets && d->subsets; s++) {
        if (at >= d->start[s] && at < d->start[s + 1] && *d->subsets[s]) {
            json_object_set_new(flip, "subset", json_string(d->subsets[s]));
        }
    }
    if (known) {
        add_numbers(flip, d, at);
        add_texts(flip, d, at);
    }
    return flip;
}

json_t *flips_view(const struct aligned *d, size_t most) {
    json_t *list = json_array();
    struct flip *flips = xcalloc(d->n + 1, sizeof *flips);
    for (int direction = 0; direction < 2; direction++) {
        size_t n = collect(d, direction == 0, flips);
        for (size_t i = 0; i < n && i < most; i++) {
            json_array_append_new(list, flip_view(d, flips[i].at));
        }
    }
    free(flips);
    return list;
}

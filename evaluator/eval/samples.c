/* Samples read back: from the lines of a result to a score a document (see eval.h). */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/stats/scores.h"
#include "base/strmap.h"
#include "evaluator/eval/eval.h"

/* How a metric is made of what its documents' lines say. */
enum form { FORM_MEAN, FORM_LABELS, FORM_PAIRS, FORM_ORDERED, FORM_LOGLIK, FORM_WEIGHTED };

struct reading {
    struct sample_scores *s;
    const char *metric, *filter;
    enum form form;
    size_t capacity;
    struct strmap *subsets, *clusters;
};

/* ---- which form ---- */

static const struct {
    const char *metric; /* or how its name ends */
    enum form form;
    statistic_fn *statistic;
} FORMS[] = {
    { "word_perplexity", FORM_WEIGHTED, statistic_weighted_perplexity },
    { "byte_perplexity", FORM_WEIGHTED, statistic_weighted_perplexity },
    { "bits_per_byte", FORM_WEIGHTED, statistic_bits_per_weight },
    { "perplexity", FORM_LOGLIK, statistic_perplexity },
    { "spearman", FORM_PAIRS, statistic_spearman },
    { "pearson", FORM_PAIRS, statistic_pearson },
    { "_ap", FORM_ORDERED, statistic_average_precision },
    { "_accuracy", FORM_ORDERED, statistic_best_accuracy },
    { "_f1", FORM_ORDERED, statistic_best_f1 },
    { "_precision", FORM_ORDERED, statistic_best_precision },
    { "_recall", FORM_ORDERED, statistic_best_recall },
    { "mcc", FORM_LABELS, statistic_mcc },
    { "f1", FORM_LABELS, statistic_f1 },
};

/* A number of its own in every line makes a mean, whatever the metric is called; but perplexities,
 * of which lines hold the log-likelihood. */
static enum form form_of(const char *metric, const json_t *own, statistic_fn **statistic) {
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        bool may_be_mean = FORMS[i].form == FORM_LABELS || FORMS[i].form == FORM_PAIRS ||
                           FORMS[i].form == FORM_ORDERED;
        bool has_own = json_is_number(own) || json_is_null(own);
        if (str_ends(metric, FORMS[i].metric) && !(may_be_mean && has_own)) {
            *statistic = FORMS[i].statistic;
            return FORMS[i].form;
        }
    }
    *statistic = statistic_mean;
    return FORM_MEAN;
}

/* ---- one line ---- */

/* lm-evaluation-harness's lines list the names of their metrics and have the values beside them. */
static bool is_peers(const json_t *line) {
    return json_is_array(json_object_get(line, "metrics"));
}

static const json_t *own_value(const json_t *line, const char *metric) {
    return json_object_get(is_peers(line) ? line : json_object_get(line, "metrics"), metric);
}

static double number_of(const json_t *v) {
    return json_is_number(v) ? json_number_value(v) : json_is_boolean(v) ? json_is_true(v) : NAN;
}

static double item_of(const json_t *list, size_t i) {
    return number_of(json_array_get(list, i));
}

/* "cosine_spearman" is about the similarity "cosine"; "spearman" alone and "similarity_ap" are the
 * cosine's too. */
static double similarity_of(const json_t *line, const char *metric) {
    char name[32];
    size_t n = strcspn(metric, "_");
    bool named = metric[n] && n < sizeof name && strncmp(metric, "similarity_", 11) != 0;
    snprintf(name, sizeof name, "%.*s", (int)(named ? n : 6), named ? metric : "cosine");
    return number_of(json_object_get(json_object_get(line, "metrics"), name));
}

static double weight_of(const json_t *line, const char *metric) {
    return number_of(json_object_get(
        json_object_get(line, "metrics"), strncmp(metric, "word", 4) ? "bytes" : "words"));
}

/* The one or two numbers of a line; NaN: it has none. */
static void take_numbers(const struct reading *r, const json_t *line, double *x, double *y) {
    const json_t *own = own_value(line, r->metric);
    const json_t *logliks = json_object_get(line, "loglikelihoods");
    *y = 0;
    if (json_is_array(own)) { /* a peer's pair */
        *x = item_of(own, 0);
        *y = item_of(own, 1);
    } else if (r->form == FORM_MEAN || (r->form == FORM_LOGLIK && own)) {
        *x = number_of(own);
    } else if (r->form == FORM_LABELS) {
        *x = number_of(json_object_get(line, "gold"));
        *y = number_of(json_object_get(line, "prediction"));
    } else if (r->form == FORM_PAIRS || r->form == FORM_ORDERED) {
        *x = number_of(json_object_get(line, "gold"));
        *y = similarity_of(line, r->metric);
    } else {
        *x = item_of(logliks, 0);
        *y = r->form == FORM_WEIGHTED ? weight_of(line, r->metric) : 0;
    }
}

static uint32_t numbered(struct strmap *names, const char *name, bool *new) {
    int32_t known = strmap_find(names, name, strlen(name));
    *new = known < 0;
    if (*new) {
        known = (int32_t)strmap_count(names);
        strmap_add(names, name, strlen(name), known);
    }
    return (uint32_t)known;
}

static uint32_t subset_of(struct reading *r, const char *name) {
    bool new;
    uint32_t subset = numbered(r->subsets, name, &new);
    if (new) {
        struct sample_scores *s = r->s;
        const char **more = arena_alloc(&s->arena, (s->n_subsets + 1) * sizeof *more);
        if (s->n_subsets) {
            memcpy(more, s->subsets, s->n_subsets * sizeof *more);
        }
        more[s->n_subsets++] = arena_strdup(&s->arena, name);
        s->subsets = more;
    }
    return subset;
}

/* A document without a key is a cluster of its own, under a name that no key can have. */
static uint32_t cluster_of(struct reading *r, const char *key) {
    char own[32];
    bool new;
    snprintf(own, sizeof own, "\x01%zu", r->s->n);
    uint32_t cluster = numbered(r->clusters, key ? key : own, &new);
    r->s->n_clusters += new;
    return cluster;
}

static bool is_label(double v) {
    return v >= 0 && v < 64 && v == floor(v);
}

/* The hash of no text says nothing: of a text that is scored as a whole there is no prompt, and the
 * peer takes the text for it. */
static const char *prompt_of(const json_t *line) {
    static const char NOTHING[] =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const char *hash = json_get_string(line, "prompt_hash", NULL);
    return hash && strcmp(hash, NOTHING) ? hash : NULL;
}

static bool add_sample(
    struct reading *r, const json_t *json, const char *line, size_t line_n, struct err *err) {
    struct sample_scores *s = r->s;
    double x, y;
    take_numbers(r, json, &x, &y);
    if (isnan(x) || isnan(y)) {
        return err_set(err, ERR_UNSUPPORTED, "documents have no score '%s'", r->metric);
    }
    if (r->form == FORM_LABELS && !(is_label(x) && is_label(y))) {
        return err_set(err, ERR_UNSUPPORTED, "'%s' over other things than labels", r->metric);
    }
    size_t before = r->capacity;
    mem_grow(&s->items, &r->capacity, s->n + 1, sizeof *s->items);
    if (r->capacity != before) {
        s->x = xrealloc(s->x, r->capacity * sizeof *s->x);
        s->y = xrealloc(s->y, r->capacity * sizeof *s->y);
    }
    const char *hash = json_get_string(json, "doc_hash", NULL), *prompt = prompt_of(json);
    s->items[s->n] = (struct sample) { .doc = json_get_int(json, "doc_id", (long long)s->n),
        .subset = subset_of(r, json_get_string(json, "subset", "")),
        .cluster = cluster_of(r, json_get_string(json, "cluster", NULL)),
        .hash = hash ? arena_strdup(&s->arena, hash) : NULL,
        .prompt = prompt ? arena_strdup(&s->arena, prompt) : NULL,
        .line = line,
        .line_n = line_n };
    s->x[s->n] = x;
    s->y[s->n++] = y;
    return true;
}

/* A metric that is null: the document does not count in it. */
static bool wanted(struct reading *r, const json_t *json) {
    if (json_is_null(own_value(json, r->metric))) {
        return false;
    }
    const char *filter = json_get_string(json, "filter", NULL);
    if (filter && !r->filter) {
        r->filter = arena_strdup(&r->s->arena, filter);
    }
    return !filter || !strcmp(filter, r->filter);
}

static bool add_line(struct reading *r, const char *line, size_t n, struct err *err) {
    json_t *json = json_parse(line, n, "samples", err);
    bool ok = json && (json_is_object(json) ||
                          err_set(err, ERR_INPUT, "a line of the samples is not an object"));
    if (ok && r->s->n == 0) {
        r->form = form_of(r->metric, own_value(json, r->metric), &r->s->statistic);
    }
    if (ok && wanted(r, json)) {
        ok = add_sample(r, json, line, n, err);
    }
    json_decref(json);
    return ok;
}

/* ---- what a statistic is handed ---- */

struct columns {
    uint32_t *labels; /* [2 n]: gold, then predicted */
    struct labelled labelled;
    struct pairs pairs;
    struct weighted weighted;
    uint32_t *order;
    struct ordered ordered;
};

static bool is_ordered(statistic_fn *f) {
    return f == statistic_average_precision || f == statistic_best_accuracy ||
           f == statistic_best_f1 || f == statistic_best_precision || f == statistic_best_recall;
}

static void find_labels(struct columns *c, const double *x, const double *y, size_t n) {
    uint32_t classes = 1;
    c->labels = xcalloc(2 * n + 1, sizeof *c->labels);
    for (size_t i = 0; i < 2 * n; i++) {
        c->labels[i] = (uint32_t)(i < n ? x[i] : y[i - n]);
        classes = c->labels[i] >= classes ? c->labels[i] + 1 : classes;
    }
    c->labelled = (struct labelled) { c->labels, c->labels + n, classes };
}

/* x and y must outlive *c. */
static const void *columns_make(
    struct columns *c, statistic_fn *f, const double *x, const double *y, size_t n) {
    *c = (struct columns) { .pairs = { x, y }, .weighted = { x, y } };
    if (f == statistic_mcc || f == statistic_f1) {
        find_labels(c, x, y, n);
        return &c->labelled;
    }
    if (is_ordered(f)) {
        c->order = xcalloc(n + 1, sizeof *c->order);
        ordered_sort(y, n, c->order);
        c->ordered = (struct ordered) { x, y, c->order, n };
        return &c->ordered;
    }
    return f == statistic_mean || f == statistic_perplexity    ? (const void *)x
           : f == statistic_spearman || f == statistic_pearson ? (const void *)&c->pairs
                                                               : (const void *)&c->weighted;
}

/* ---- all lines ---- */

static bool read_one(struct sample_scores *s, const char *lines, size_t n, const char *metric,
    const char *filter, struct err *err) {
    *s = (struct sample_scores) { 0 };
    struct reading r = { .s = s, .metric = metric, .filter = filter };
    r.subsets = strmap_new(8);
    r.clusters = strmap_new(1024);
    bool ok = true;
    struct json_lines walk = { lines, n, 0 };
    const char *line;
    for (size_t len; ok && json_lines_next(&walk, &line, &len);) {
        ok = len == 0 || add_line(&r, line, len, err);
    }
    ok = ok && (s->n || err_set(err, ERR_INPUT, "there are no samples"));
    if (ok) {
        s->columns = xcalloc(1, sizeof *s->columns);
        s->data = columns_make(s->columns, s->statistic, s->x, s->y, s->n);
    } else {
        sample_scores_release(s);
    }
    strmap_free(r.subsets);
    strmap_free(r.clusters);
    return ok;
}

static double whole_of(const struct sample_scores *s) {
    size_t *index = xcalloc(s->n + 1, sizeof *index);
    for (size_t i = 0; i < s->n; i++) {
        index[i] = i;
    }
    double value = s->statistic(s->data, index, s->n);
    free(index);
    return value;
}

/* "max_ap" is that of the similarity which has the highest. */
static bool read_highest(struct sample_scores *s, const char *lines, size_t n, const char *metric,
    const char *filter, struct err *err) {
    static const char *const SIMILARITIES[] = { "cosine", "dot", "manhattan", "euclidean" };
    double highest = -INFINITY;
    *s = (struct sample_scores) { 0 };
    for (size_t i = 0; i < sizeof SIMILARITIES / sizeof *SIMILARITIES; i++) {
        char name[64];
        struct sample_scores one;
        snprintf(name, sizeof name, "%s_%s", SIMILARITIES[i], metric + strlen("max_"));
        if (!read_one(&one, lines, n, name, filter, err)) {
            sample_scores_release(s);
            return false;
        }
        double value = whole_of(&one);
        struct sample_scores rest = value > highest ? *s : one;
        *s = value > highest ? one : *s;
        highest = fmax(highest, value);
        sample_scores_release(&rest);
    }
    return true;
}

bool sample_scores_read(struct sample_scores *s, const char *lines, size_t n, const char *metric,
    const char *filter, struct err *err) {
    /* A maximum over sub-queries is a number of its own. */
    bool highest = !strncmp(metric, "max_", 4) && strncmp(metric, "max_over_", 9) != 0;
    return (highest ? read_highest : read_one)(s, lines, n, metric, filter, err);
}

void sample_scores_release(struct sample_scores *s) {
    free(s->items);
    free(s->x);
    free(s->y);
    if (s->columns) {
        free(s->columns->labels);
        free(s->columns->order);
    }
    free(s->columns);
    arena_release(&s->arena);
    *s = (struct sample_scores) { 0 };
}

/* ---- the whole ---- */

bool subset_counts(const json_t *declared, const char *subset) {
    size_t i;
    const json_t *name;
    json_array_foreach(declared, i, name) {
        if (!strcmp(json_string_value(name) ? json_string_value(name) : "", subset)) {
            return true;
        }
    }
    return json_array_size(declared) == 0;
}

/* Places of a subset's documents. */
static size_t places_in(const struct sample_scores *s, uint32_t subset, size_t *index) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->items[i].subset == subset) {
            index[n++] = i;
        }
    }
    return n;
}

double sample_scores_value(const struct sample_scores *s, const json_t *declared) {
    size_t *index = xcalloc(s->n + 1, sizeof *index), n = 0;
    double sum = 0;
    for (uint32_t subset = 0; subset < s->n_subsets; subset++) {
        if (subset_counts(declared, s->subsets[subset])) {
            sum += s->statistic(s->data, index, places_in(s, subset, index));
            n++;
        }
    }
    free(index);
    return sum / (double)n;
}

/* ---- a number a document ---- */

void sample_scores_spread(
    const struct sample_scores *s, const size_t *index, size_t n, double *out) {
    double *x = xcalloc(2 * n + 1, sizeof *x), *y = x + n;
    struct columns columns;
    for (size_t i = 0; i < n; i++) {
        x[i] = s->x[index[i]];
        y[i] = s->y[index[i]];
    }
    influence(s->statistic, columns_make(&columns, s->statistic, x, y, n), n, out);
    free(columns.labels);
    free(columns.order);
    free(x);
}

/* ---- for the record ---- */

enum { SCORES_MAX = 150000 }; /* documents: 400 kB as text, well below what a record may have */

static json_t *part_json(const struct sample_scores *s, uint32_t subset) {
    size_t *index = xcalloc(s->n, sizeof *index), n = places_in(s, subset, index);
    double *x = xcalloc(s->n, sizeof *x);
    uint32_t *cluster = xcalloc(s->n, sizeof *cluster);
    json_t *json = NULL;
    for (size_t i = 0; i < n; i++) {
        cluster[i] = s->items[index[i]].cluster;
    }
    sample_scores_spread(s, index, n, x);
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        finite = finite && isfinite(x[i]);
    }
    if (finite) {
        struct scores scores;
        scores_pack(&scores, x, s->n_clusters < s->n ? cluster : NULL, n);
        json = scores_json(&scores);
        scores_release(&scores);
    }
    free(cluster);
    free(x);
    free(index);
    return json;
}

/* Which documents these are. */
static json_t *documents_json(const struct sample_scores *s, const json_t *declared) {
    struct strbuf text = { 0 };
    char hex[65];
    for (size_t i = 0; i < s->n; i++) {
        const char *subset = s->subsets[s->items[i].subset];
        if (subset_counts(declared, subset)) {
            strbuf_addf(&text, "%s\t%lld\n", subset, s->items[i].doc);
        }
    }
    sha256_hex(strbuf_str(&text), text.len, hex);
    strbuf_release(&text);
    return json_sprintf("%.16s", hex);
}

json_t *sample_scores_json(
    const struct sample_scores *s, const char *metric, const json_t *declared) {
    json_t *parts = json_array();
    bool ok = s->n <= SCORES_MAX && (s->n_clusters == s->n || s->n_clusters <= CLUSTERS_MAX);
    for (uint32_t subset = 0; ok && subset < s->n_subsets; subset++) {
        bool counts = subset_counts(declared, s->subsets[subset]);
        json_t *part = counts ? part_json(s, subset) : NULL;
        ok = part || !counts;
        if (part) {
            json_array_append_new(parts, part);
        }
    }
    if (!ok) {
        json_decref(parts);
        return NULL;
    }
    return json_pack(
        "{s:s, s:o, s:o}", "metric", metric, "docs", documents_json(s, declared), "parts", parts);
}

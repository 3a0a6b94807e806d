/* See classes.h. All is made of three counts a class: how often it is right, predicted, and both.
 */
#include "evaluator/metric/classes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct counts {
    double gold, predicted, both;
};

typedef double class_score_fn(const struct counts *c);

static double share(double part, double whole) {
    return whole > 0 ? part / whole : 0;
}
static double precision_of(const struct counts *c) {
    return share(c->both, c->predicted);
}
static double recall_of(const struct counts *c) {
    return share(c->both, c->gold);
}
static double f1_of(const struct counts *c) {
    return share(2 * c->both, c->gold + c->predicted);
}

static const struct metric {
    const char *name;
    class_score_fn *score;
    bool weighted;
} METRICS[] = {
    { "f1", f1_of, false },
    { "f1_weighted", f1_of, true },
    { "precision", precision_of, false },
    { "precision_weighted", precision_of, true },
    { "recall", recall_of, false },
    { "recall_weighted", recall_of, true },
};

static const struct metric *find(const char *name) {
    for (size_t i = 0; i < sizeof METRICS / sizeof *METRICS; i++) {
        if (!strcmp(METRICS[i].name, name)) {
            return &METRICS[i];
        }
    }
    return NULL;
}

bool classes_know(const char *metric) {
    return find(metric) || !strcmp(metric, "accuracy") || !strcmp(metric, "ap") ||
           !strcmp(metric, "ap_weighted");
}

static void count(struct counts *counts, const struct classified *c, size_t i, double times) {
    uint32_t gold = c->gold[i], predicted = c->predicted[i];
    counts[gold].gold += times;
    counts[predicted].predicted += times;
    counts[gold].both += gold == predicted ? times : 0;
}

static struct counts *count_all(const struct classified *c) {
    struct counts *counts = xcalloc(c->n_classes + 1, sizeof *counts);
    for (size_t i = 0; i < c->n; i++) {
        count(counts, c, i, 1);
    }
    return counts;
}

/* What a document adds, from the score of all and of all but it. */
static double added(double all, double without, size_t n) {
    return n > 1 ? (double)n * all - ((double)n - 1) * without : all;
}

/* ---- means over classes ---- */

struct sums {
    double scores, weights;
};

static void sum_class(
    struct sums *s, const struct metric *m, const struct counts *c, double times) {
    double weight = m->weighted ? c->gold : c->gold + c->predicted > 0;
    s->scores += times * weight * m->score(c);
    s->weights += times * weight;
}

static double mean_of(const struct sums *s) {
    return share(s->scores, s->weights);
}

/* Only the document's two classes change without it. */
static double without(const struct metric *m, struct counts *counts, const struct classified *c,
    size_t i, struct sums s) {
    uint32_t gold = c->gold[i], predicted = c->predicted[i];
    for (int times = -1; times <= 1; times += 2) {
        sum_class(&s, m, &counts[gold], times);
        if (gold != predicted) {
            sum_class(&s, m, &counts[predicted], times);
        }
        count(counts, c, i, times);
    }
    return mean_of(&s);
}

static double score_by_class(const struct metric *m, const struct classified *c, double *adds) {
    struct counts *counts = count_all(c);
    struct sums s = { 0 };
    for (uint32_t k = 0; k < c->n_classes; k++) {
        sum_class(&s, m, &counts[k], 1);
    }
    double value = mean_of(&s);
    for (size_t i = 0; adds && i < c->n; i++) {
        adds[i] = added(value, without(m, counts, c, i, s), c->n);
    }
    free(counts);
    return value;
}

static double accuracy(const struct classified *c, double *adds) {
    double hits = 0;
    for (size_t i = 0; i < c->n; i++) {
        bool hit = c->gold[i] == c->predicted[i];
        hits += hit;
        if (adds) {
            adds[i] = hit;
        }
    }
    return hits / (double)c->n;
}

/* ---- average precision, documents ranked by the value of their predicted label ---- */

struct rank {
    double value, positive, all; /* of the documents predicted so */
};

static int by_value_descending(const void *a, const void *b) {
    double x = ((const struct rank *)a)->value, y = ((const struct rank *)b)->value;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Documents of one value are one step. */
static double average_precision(const struct rank *ranks, uint32_t n) {
    double positive = 0, seen = 0, found = 0, sum = 0;
    for (uint32_t k = 0; k < n; k++) {
        positive += ranks[k].positive;
    }
    for (uint32_t k = 0; k < n; k++) {
        seen += ranks[k].all;
        found += ranks[k].positive;
        bool last_of_value = k + 1 == n || ranks[k + 1].value != ranks[k].value;
        if (last_of_value && seen > 0) {
            double before = found - ranks[k].positive;
            sum += (found / positive - before / positive) * (found / seen);
        }
    }
    return positive > 0 ? sum : NAN;
}

static bool is_binary(const struct classified *c) {
    uint32_t other = c->gold[0];
    bool one = false;
    for (size_t i = 0; i < c->n; i++) {
        one = one || c->values[c->gold[i]] == 1;
        if (c->gold[i] != c->gold[0]) {
            if (other != c->gold[0] && other != c->gold[i]) {
                return false;
            }
            other = c->gold[i];
        }
    }
    return one && other != c->gold[0];
}

static void add_ap(const struct classified *c, struct rank *ranks, const uint32_t *place,
    double value, double *adds) {
    for (size_t i = 0; i < c->n; i++) {
        struct rank *r = &ranks[place[c->predicted[i]]], kept = *r;
        r->all--;
        r->positive -= c->values[c->gold[i]] == 1;
        double rest = average_precision(ranks, c->n_classes);
        adds[i] = isnan(rest) ? value : added(value, rest, c->n);
        *r = kept;
    }
}

static double ap(const struct classified *c, double *adds) {
    if (c->n == 0 || !is_binary(c)) {
        return NAN;
    }
    struct rank *ranks = xcalloc(c->n_classes, sizeof *ranks);
    uint32_t *place = xcalloc(c->n_classes, sizeof *place);
    for (uint32_t k = 0; k < c->n_classes; k++) {
        ranks[k].value = c->values[k];
    }
    qsort(ranks, c->n_classes, sizeof *ranks, by_value_descending);
    for (uint32_t k = 0; k < c->n_classes; k++) {
        while (ranks[place[k]].value != c->values[k]) {
            place[k]++;
        }
    }
    for (size_t i = 0; i < c->n; i++) {
        struct rank *r = &ranks[place[c->predicted[i]]];
        r->all++;
        r->positive += c->values[c->gold[i]] == 1;
    }
    double value = average_precision(ranks, c->n_classes);
    if (adds) {
        add_ap(c, ranks, place, value, adds);
    }
    free(place);
    free(ranks);
    return value;
}

double classes_score(const char *metric, const struct classified *c, double *adds) {
    const struct metric *m = find(metric);
    if (c->n == 0) {
        return NAN;
    }
    return m                           ? score_by_class(m, c, adds)
           : !strncmp(metric, "ap", 2) ? ap(c, adds)
                                       : accuracy(c, adds);
}

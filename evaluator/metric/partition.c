/* See classes.h: how much labels and clusters say of each other. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "evaluator/metric/classes.h"

static double times_of(const struct partition *p, size_t i) {
    return p->times ? p->times[i] : 1;
}

/* Of a division into parts of these sizes; 0 for a single part. */
static double entropy(const double *sizes, uint32_t n, double total) {
    double sum = 0;
    uint32_t parts = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (sizes[k] > 0) {
            sum -= sizes[k] / total * (log(sizes[k]) - log(total));
            parts++;
        }
    }
    return parts > 1 ? sum : 0;
}

/* Terms that are nothing but rounding are left out, as in the reference. */
static double information(const double *table, const double *gold, const double *cluster,
    const struct partition *p, double total) {
    double sum = 0;
    for (uint32_t g = 0; g < p->n_classes; g++) {
        for (uint32_t c = 0; c < p->n_clusters; c++) {
            double both = table[(size_t)g * p->n_clusters + c];
            if (both > 0) {
                double term = both / total * (log(both) - log(total)) +
                              both / total * (2 * log(total) - log(gold[g] * cluster[c]));
                sum += fabs(term) < DBL_EPSILON ? 0 : term;
            }
        }
    }
    return fmax(sum, 0);
}

static struct v_measure measure(
    double *table, double *gold, double *cluster, const struct partition *p) {
    double total = 0;
    for (size_t i = 0; i < p->n; i++) {
        double times = times_of(p, i);
        table[(size_t)p->gold[i] * p->n_clusters + p->cluster[i]] += times;
        gold[p->gold[i]] += times;
        cluster[p->cluster[i]] += times;
        total += times;
    }
    double of_gold = entropy(gold, p->n_classes, total),
           of_clusters = entropy(cluster, p->n_clusters, total);
    double both = of_gold > 0 && of_clusters > 0 ? information(table, gold, cluster, p, total) : 0;
    struct v_measure m = { of_gold > 0 ? both / of_gold : 1,
        of_clusters > 0 ? both / of_clusters : 1, 0 };
    double sum = m.homogeneity + m.completeness;
    m.v = sum == 0 ? 0 : 2 * m.homogeneity * m.completeness / sum;
    return m;
}

struct v_measure v_measure(const struct partition *p) {
    size_t cells = (size_t)p->n_classes * p->n_clusters;
    double *table = xcalloc(cells + p->n_classes + p->n_clusters + 1, sizeof *table);
    struct v_measure m = { 1, 1, 1 };
    if (p->n > 0) {
        m = measure(table, table + cells, table + cells + p->n_classes, p);
    }
    free(table);
    return m;
}

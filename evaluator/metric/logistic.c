/* See learn.h. Parameters are double, rows [n_classes, width + 1] with the intercept last; products
 * with the vectors, losses and their slopes are f32, as scikit-learn computes them for f32 vectors.
 *
 * Vectors are packed twice, once for each product: scores [classes, n] = W Xᵀ and slopes of weights
 * [classes, width] = G X. Both have classes as rows, so that nothing is transposed in between. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/metric/lbfgs.h"
#include "evaluator/metric/learn.h"
#include "harness/product.h"

struct fit {
    struct panels *x, *transposed; /* [n, width], [width, n] */
    const uint32_t *labels;
    size_t n;
    uint32_t n_rows, width; /* n_rows of weights: 1 where there are two classes */
    double l2;
    float *weights, *scores, *slopes, *losses, *column; /* [n_rows, width], [n_rows, n] × 2, [n] */
};

float numpy_sum(const float *x, size_t n) {
    enum { LANES = 8, BLOCK = 128 };
    if (n > BLOCK) {
        size_t half = n / 2 - n / 2 % LANES;
        return numpy_sum(x, half) + numpy_sum(x + half, n - half);
    }
    float r[LANES] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            r[l] = i ? r[l] + x[i + l] : x[l];
        }
    }
    if (n >= LANES) {
        sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    }
    for (; i < n; i++) {
        sum += x[i];
    }
    return sum;
}

/* ---- losses of single vectors: scores become slopes ---- */

/* Softmax over the classes of vector i. */
static float multinomial(struct fit *f, size_t i) {
    float max = f->scores[i], *p = f->column;
    double sum = 0;
    for (uint32_t k = 1; k < f->n_rows; k++) {
        float score = f->scores[k * f->n + i];
        max = score > max ? score : max;
    }
    for (uint32_t k = 0; k < f->n_rows; k++) {
        p[k] = (float)exp((double)f->scores[k * f->n + i] - (double)max);
        sum += (double)p[k];
    }
    float total = (float)sum, loss = (float)(log((double)total) + (double)max);
    for (uint32_t k = 0; k < f->n_rows; k++) {
        bool right = f->labels[i] == k;
        loss -= right ? f->scores[k * f->n + i] : 0;
        f->slopes[k * f->n + i] = p[k] / total - (float)right;
    }
    return loss;
}

/* log(1 + e^score) - right * score, each range by the formula that loses nothing there. */
static float binary(struct fit *f, size_t i) {
    double score = (double)f->scores[i], right = f->labels[i], e, loss, slope;
    if (score <= -37) {
        e = exp(score);
        loss = e - right * score;
        slope = e - right;
    } else if (score <= -2) {
        e = exp(score);
        loss = log1p(e) - right * score;
        slope = ((1 - right) * e - right) / (1 + e);
    } else {
        e = exp(-score);
        loss = (score <= 18 ? log1p(e) : e) + (1 - right) * score;
        slope = ((1 - right) - right * e) / (1 + e);
    }
    f->slopes[i] = (float)slope;
    return (float)loss;
}

/* ---- the objective: mean loss + l2 / 2 |W|² ---- */

static void make_scores(struct fit *f, const double *x) {
    size_t stride = f->width + 1;
    for (uint32_t k = 0; k < f->n_rows; k++) {
        for (uint32_t j = 0; j < f->width; j++) {
            f->weights[(size_t)k * f->width + j] = (float)x[k * stride + j];
        }
    }
    panels_multiply(f->x, f->weights, f->n_rows, f->scores);
    for (uint32_t k = 0; k < f->n_rows; k++) {
        float intercept = (float)x[k * stride + f->width];
        for (size_t i = 0; i < f->n; i++) {
            f->scores[k * f->n + i] += intercept;
        }
    }
}

/* The intercepts' slopes are plain sums: numpy's over a vector where it is one, else row by row. */
static float sum_slopes(const struct fit *f, const float *slopes) {
    float sum = 0;
    if (f->n_rows == 1) {
        return numpy_sum(slopes, f->n);
    }
    for (size_t i = 0; i < f->n; i++) {
        sum += slopes[i];
    }
    return sum;
}

static double penalty(const struct fit *f, const double *x) {
    double sum = 0;
    for (uint32_t k = 0; k < f->n_rows; k++) {
        for (uint32_t j = 0; j < f->width; j++) {
            double w = x[(size_t)k * (f->width + 1) + j];
            sum += w * w;
        }
    }
    return 0.5 * f->l2 * sum;
}

static double objective(void *arg, const double *x, double *gradient) {
    struct fit *f = arg;
    float n = (float)f->n;
    make_scores(f, x);
    for (size_t i = 0; i < f->n; i++) {
        f->losses[i] = f->n_rows == 1 ? binary(f, i) : multinomial(f, i);
    }
    for (size_t i = 0; i < f->n_rows * f->n; i++) {
        f->slopes[i] /= n;
    }
    panels_multiply(f->transposed, f->slopes, f->n_rows, f->weights);
    for (uint32_t k = 0; k < f->n_rows; k++) {
        size_t row = (size_t)k * (f->width + 1);
        for (uint32_t j = 0; j < f->width; j++) {
            gradient[row + j] = (double)f->weights[(size_t)k * f->width + j] + f->l2 * x[row + j];
        }
        gradient[row + f->width] = (double)sum_slopes(f, f->slopes + (size_t)k * f->n);
    }
    return (double)(numpy_sum(f->losses, f->n) / n) + penalty(f, x);
}

/* ---- the fit ---- */

static bool open_fit(struct fit *f, const struct vectors *x, struct err *err) {
    float *rows = mem_try(2 * x->n * x->width, sizeof *rows, "vectors to learn from", err);
    if (!rows) {
        return false;
    }
    float *columns = rows + x->n * x->width;
    for (size_t i = 0; i < x->n; i++) {
        memcpy(rows + i * x->width, x->rows + x->at[i] * x->width, x->width * sizeof *rows);
        for (uint32_t j = 0; j < x->width; j++) {
            columns[j * x->n + i] = rows[i * x->width + j];
        }
    }
    f->x = panels_new(rows, (uint32_t)x->n, x->width, err);
    f->transposed = f->x ? panels_new(columns, x->width, (uint32_t)x->n, err) : NULL;
    free(rows);
    size_t cells = f->n_rows * ((size_t)x->width + 2 * x->n + 1) + x->n;
    f->weights = f->transposed ? mem_try(cells, sizeof *f->weights, "a classifier", err) : NULL;
    if (!f->weights) {
        return false;
    }
    f->scores = f->weights + (size_t)f->n_rows * x->width;
    f->slopes = f->scores + f->n_rows * x->n;
    f->losses = f->slopes + f->n_rows * x->n;
    f->column = f->losses + x->n;
    return true;
}

static void close_fit(struct fit *f) {
    panels_free(f->x);
    panels_free(f->transposed);
    free(f->weights);
}

/* Weights are rounded to f32, as those are that scikit-learn predicts with. */
static void keep(struct logistic *l, const struct fit *f, const double *x) {
    l->weights = xcalloc((size_t)f->n_rows * (f->width + 1), sizeof *l->weights);
    l->intercepts = l->weights + (size_t)f->n_rows * f->width;
    for (uint32_t k = 0; k < f->n_rows; k++) {
        const double *row = x + (size_t)k * (f->width + 1);
        for (uint32_t j = 0; j < f->width; j++) {
            l->weights[(size_t)k * f->width + j] = (float)row[j];
        }
        l->intercepts[k] = (float)row[f->width];
    }
}

bool logistic_fit(struct logistic *l, const struct vectors *x, const uint32_t *labels,
    uint32_t n_classes, struct err *err) {
    static const struct lbfgs_options OPTIONS = { 100, 50, 64 * 2.220446049250313e-16, 1e-4 };
    *l = (struct logistic) { .n_classes = n_classes, .width = x->width };
    if (n_classes < 2) {
        return err_set(err, ERR_INPUT, "all examples have the same label: nothing can be learned");
    }
    struct fit f = { .labels = labels,
        .n = x->n,
        .n_rows = n_classes == 2 ? 1 : n_classes,
        .width = x->width,
        .l2 = 1 / (double)x->n };
    size_t n = (size_t)f.n_rows * (x->width + 1);
    bool ok = open_fit(&f, x, err);
    if (ok) {
        double *parameters = xcalloc(n, sizeof *parameters);
        struct lbfgs_end end = lbfgs(objective, &f, parameters, n, &OPTIONS);
        l->n_iter = end.n_iter;
        l->n_evaluations = end.n_evaluations;
        l->converged = end.converged;
        l->loss = end.value;
        keep(l, &f, parameters);
        free(parameters);
    }
    close_fit(&f);
    return ok;
}

void logistic_release(struct logistic *l) {
    free(l->weights);
    *l = (struct logistic) { 0 };
}

/* ---- prediction ---- */

static uint32_t likeliest(const struct logistic *l, const float *scores) {
    if (l->n_classes == 2) {
        return scores[0] + l->intercepts[0] > 0;
    }
    uint32_t best = 0;
    float most = scores[0] + l->intercepts[0];
    for (uint32_t k = 1; k < l->n_classes; k++) {
        float score = scores[k] + l->intercepts[k];
        if (score > most) {
            best = k;
            most = score;
        }
    }
    return best;
}

bool logistic_predict(
    const struct logistic *l, const float *x, size_t n, uint32_t *out, struct err *err) {
    enum { ROWS = 1024 };
    uint32_t n_rows = l->n_classes == 2 ? 1 : l->n_classes;
    struct panels *weights = panels_new(l->weights, n_rows, l->width, err);
    if (!weights) {
        return false;
    }
    float *scores = xcalloc((size_t)ROWS * n_rows, sizeof *scores);
    for (size_t from = 0; from < n; from += ROWS) {
        size_t some = n - from < ROWS ? n - from : ROWS;
        panels_multiply(weights, x + from * l->width, some, scores);
        for (size_t i = 0; i < some; i++) {
            out[from + i] = likeliest(l, scores + i * n_rows);
        }
    }
    free(scores);
    panels_free(weights);
    return true;
}

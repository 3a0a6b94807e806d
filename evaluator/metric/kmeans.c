/* See learn.h. Every step is scikit-learn's, in its order of draws: the validation set, the sample
 * for the centres, greedy k-means++, and batch by batch the batch itself and, where clusters
 * starve, vectors to put in their place.
 *
 * Distances to centres are f32 through the products' door; those of k-means++ are double, rounded,
 * as there. Centres move by plain f32 sums in the order of the batch. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/metric/learn.h"
#include "evaluator/metric/metric.h"
#include "harness/product.h"

enum { MAX_PASSES = 100, NO_BETTER = 10 };

struct fit {
    const struct vectors *x;
    uint32_t k, width;
    size_t batch, n_init;
    struct mt19937 random;
    float *centres, *moved; /* [k, width]: before and after a step */
    float *counts;          /* [k] */
    float *squares;         /* [k]: |centre|² */
    float *rows, *scores;   /* [batch, width], [batch, k] */
    uint32_t *labels;       /* [batch] */
    size_t since_reassigned;
    double smoothed, smoothed_min;
    unsigned no_better;
};

static const float *row(const struct fit *f, size_t i) {
    return f->x->rows + f->x->at[i] * f->width;
}

/* ---- k-means++ ---- */

/* The sample that centres are chosen from, and what is known of it. */
struct sample {
    const float **rows;
    size_t n;
    double *squares; /* |row|² */
    double *dots;    /* of a candidate with each row */
    float *closest;  /* squared distance to the nearest centre so far */
    float *trial, *best;
};

static void sample_draw(struct fit *f, struct sample *s) {
    bool all = f->n_init >= f->x->n;
    s->n = all ? f->x->n : f->n_init;
    s->rows = xcalloc(s->n, sizeof *s->rows);
    s->squares = xcalloc(2 * s->n, sizeof *s->squares);
    s->dots = s->squares + s->n;
    s->closest = xcalloc(3 * s->n, sizeof *s->closest);
    s->trial = s->closest + s->n;
    s->best = s->trial + s->n;
    for (size_t i = 0; i < s->n; i++) {
        s->rows[i] = row(f, all ? i : (size_t)numpy_below(&f->random, f->x->n));
        s->squares[i] = wide_dot(s->rows[i], s->rows[i], f->width);
    }
}

static void sample_release(struct sample *s) {
    free(s->rows);
    free(s->squares);
    free(s->closest);
}

/* What distances would be with `candidate` a centre too; returns their sum. */
static float try_candidate(
    const struct fit *f, const struct sample *s, size_t candidate, bool first, float *out) {
    const float *c = s->rows[candidate];
    double sum = 0;
    wide_dots(c, s->rows, s->n, f->width, s->dots);
    for (size_t i = 0; i < s->n; i++) {
        double d = -2 * s->dots[i];
        d = (d + s->squares[candidate]) + s->squares[i];
        float distance = i == candidate ? 0 : (float)fmax(d, 0);
        distance = c == s->rows[i] ? 0 : distance;
        out[i] = !first && s->closest[i] < distance ? s->closest[i] : distance;
        sum += (double)out[i];
    }
    return (float)sum;
}

/* The first place at which the running f32 sum of distances reaches x. */
static size_t place_of(const struct sample *s, double x) {
    float sum = 0;
    for (size_t i = 0; i < s->n; i++) {
        sum += s->closest[i];
        if ((double)sum >= x) {
            return i;
        }
    }
    return s->n - 1;
}

static void take_centre(struct fit *f, const struct sample *s, uint32_t centre, size_t i) {
    memcpy(f->centres + (size_t)centre * f->width, s->rows[i], f->width * sizeof(float));
}

/* The one of a few candidates that brings the sum down most; *pot is that sum. */
static size_t choose_next(struct fit *f, struct sample *s, unsigned n_trials, float *pot) {
    size_t candidates[64], chosen = 0;
    for (unsigned t = 0; t < n_trials; t++) {
        candidates[t] = place_of(s, numpy_random(&f->random) * (double)*pot);
    }
    for (unsigned t = 0; t < n_trials; t++) {
        float sum = try_candidate(f, s, candidates[t], false, s->trial);
        if (t == 0 || sum < *pot) {
            float *kept = s->best;
            s->best = s->trial;
            s->trial = kept;
            *pot = sum;
            chosen = candidates[t];
        }
    }
    float *kept = s->closest;
    s->closest = s->best;
    s->best = kept;
    return chosen;
}

static void choose_centres(struct fit *f) {
    struct sample s;
    struct numpy_choice first;
    unsigned n_trials = 2 + (unsigned)log((double)f->k);
    sample_draw(f, &s);
    float *block = s.closest; /* the three lists change places */
    numpy_choice_init(&first, s.n);
    size_t at = numpy_choice_draw(&first, &f->random);
    numpy_choice_release(&first);
    float pot = try_candidate(f, &s, at, true, s.closest);
    take_centre(f, &s, 0, at);
    for (uint32_t c = 1; c < f->k; c++) {
        take_centre(f, &s, c, choose_next(f, &s, n_trials, &pot));
    }
    s.closest = block;
    sample_release(&s);
}

/* ---- the nearest centre ---- */

/* |x|² is the same for all centres and left out: |c|² - 2 x·c. */
static void label_rows(
    struct fit *f, const struct panels *centres, const float *rows, size_t n, uint32_t *labels) {
    panels_multiply(centres, rows, n, f->scores);
    for (size_t i = 0; i < n; i++) {
        const float *score = f->scores + i * f->k;
        float least = f->squares[0] - 2 * score[0];
        labels[i] = 0;
        for (uint32_t c = 1; c < f->k; c++) {
            float d = f->squares[c] - 2 * score[c];
            if (d < least) {
                least = d;
                labels[i] = c;
            }
        }
    }
}

static struct panels *pack_centres(struct fit *f, struct err *err) {
    for (uint32_t c = 0; c < f->k; c++) {
        const float *centre = f->centres + (size_t)c * f->width;
        f->squares[c] = (float)wide_dot(centre, centre, f->width);
    }
    return panels_new(f->centres, f->k, f->width, err);
}

/* Squared distances to the centres, summed in f32, four numbers at a time. */
static float inertia(const struct fit *f) {
    float sum = 0;
    for (size_t i = 0; i < f->batch; i++) {
        const float *a = f->rows + i * f->width, *b = f->centres + (size_t)f->labels[i] * f->width;
        float distance = 0;
        uint32_t j = 0;
        for (; j + 4 <= f->width; j += 4) {
            float d0 = a[j] - b[j], d1 = a[j + 1] - b[j + 1], d2 = a[j + 2] - b[j + 2],
                  d3 = a[j + 3] - b[j + 3];
            distance += d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3;
        }
        for (; j < f->width; j++) {
            distance += (a[j] - b[j]) * (a[j] - b[j]);
        }
        sum += distance;
    }
    return sum;
}

/* ---- one batch ---- */

static void move_centre(struct fit *f, uint32_t c) {
    float *to = f->moved + (size_t)c * f->width, n = 0;
    memcpy(to, f->centres + (size_t)c * f->width, f->width * sizeof *to);
    for (size_t i = 0; i < f->batch; i++) {
        if (f->labels[i] != c) {
            continue;
        }
        for (uint32_t j = 0; n == 0 && j < f->width; j++) { /* the mean so far becomes a sum */
            to[j] *= f->counts[c];
        }
        for (uint32_t j = 0; j < f->width; j++) {
            to[j] += f->rows[i * f->width + j];
        }
        n++;
    }
    if (n > 0) {
        f->counts[c] += n;
        float scale = 1 / f->counts[c];
        for (uint32_t j = 0; j < f->width; j++) {
            to[j] *= scale;
        }
    }
}

/* Starving clusters, at most as many as half a batch has vectors: those of the lowest counts.
 * (Which of equal counts these are is a matter of its sorting library there; here, the first.) */
static size_t find_starving(const struct fit *f, bool *starves) {
    float most = 0;
    size_t n = 0;
    for (uint32_t c = 0; c < f->k; c++) {
        most = f->counts[c] > most ? f->counts[c] : most;
    }
    for (uint32_t c = 0; c < f->k; c++) {
        starves[c] = f->counts[c] < 0.01F * most;
        n += starves[c];
    }
    for (; 2 * n > f->batch; n--) { /* the one with most is let off */
        uint32_t off = 0;
        float best = -1;
        for (uint32_t c = 0; c < f->k; c++) {
            if (starves[c] && f->counts[c] >= best) {
                best = f->counts[c];
                off = c;
            }
        }
        starves[off] = false;
    }
    return n;
}

/* Starving clusters begin again at vectors of the batch, with as many as the smallest other has. */
static void reassign(struct fit *f) {
    bool *starves = xcalloc(f->k, sizeof *starves);
    size_t n = find_starving(f, starves), next = 0;
    if (n) {
        size_t *order = xcalloc(f->batch, sizeof *order);
        float least = INFINITY;
        numpy_permutation(&f->random, f->batch, order);
        for (uint32_t c = 0; c < f->k; c++) {
            least = !starves[c] && f->counts[c] < least ? f->counts[c] : least;
        }
        for (uint32_t c = 0; c < f->k; c++) {
            if (starves[c]) {
                memcpy(f->moved + (size_t)c * f->width, f->rows + order[next++] * f->width,
                    f->width * sizeof *f->moved);
                f->counts[c] = least;
            }
        }
        free(order);
    }
    free(starves);
}

/* Each time ten vectors a cluster have gone by, and always while one is empty. */
static bool is_time_to_reassign(struct fit *f) {
    bool empty = false;
    for (uint32_t c = 0; c < f->k; c++) {
        empty = empty || f->counts[c] == 0;
    }
    f->since_reassigned += f->batch;
    if (empty || f->since_reassigned >= 10 * (size_t)f->k) {
        f->since_reassigned = 0;
        return true;
    }
    return false;
}

static bool take_batch(
    struct fit *f, const struct numpy_choice *choice, float *sum, struct err *err) {
    bool reassigns = is_time_to_reassign(f);
    struct panels *centres = pack_centres(f, err);
    if (!centres) {
        return false;
    }
    for (size_t i = 0; i < f->batch; i++) {
        memcpy(f->rows + i * f->width, row(f, numpy_choice_draw(choice, &f->random)),
            f->width * sizeof *f->rows);
    }
    label_rows(f, centres, f->rows, f->batch, f->labels);
    panels_free(centres);
    *sum = inertia(f);
    for (uint32_t c = 0; c < f->k; c++) {
        move_centre(f, c);
    }
    if (reassigns) {
        reassign(f);
    }
    float *before = f->centres;
    f->centres = f->moved;
    f->moved = before;
    return true;
}

/* Whether a smoothed inertia has not fallen for ten batches; the first batch's is not looked at. */
static bool is_settled(struct fit *f, size_t step, float sum) {
    double mean = (double)sum / (double)f->batch;
    double share = fmin((double)f->batch * 2 / ((double)f->x->n + 1), 1);
    if (step == 0) {
        return false;
    }
    f->smoothed = step == 1 ? mean : f->smoothed * (1 - share) + mean * share;
    if (step == 1 || f->smoothed < f->smoothed_min) {
        f->no_better = 0;
        f->smoothed_min = f->smoothed;
    } else {
        f->no_better++;
    }
    return f->no_better >= NO_BETTER;
}

static bool take_batches(struct fit *f, struct kmeans_end *end, struct err *err) {
    size_t n_steps = MAX_PASSES * f->x->n / f->batch;
    struct numpy_choice choice;
    bool ok = true, settled = false;
    numpy_choice_init(&choice, f->x->n);
    for (size_t step = 0; ok && !settled && step < n_steps; step++) {
        float sum = 0;
        ok = take_batch(f, &choice, &sum, err);
        settled = ok && is_settled(f, step, sum);
        end->n_steps = (unsigned)step + 1;
    }
    numpy_choice_release(&choice);
    return ok;
}

/* ---- the end ---- */

/* The rows that are named, each once, in order of appearance; of_row gets their numbers. */
static size_t distinct_rows(const struct vectors *x, uint32_t *of_row, size_t *rows) {
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (of_row[x->at[i]] == UINT32_MAX) {
            of_row[x->at[i]] = (uint32_t)n;
            rows[n++] = x->at[i];
        }
    }
    return n;
}

/* Each vector once, however often it is named. */
static void label_all(struct fit *f, const struct panels *centres, uint32_t *labels) {
    const struct vectors *x = f->x;
    size_t n_rows = 0;
    for (size_t i = 0; i < x->n; i++) {
        n_rows = x->at[i] >= n_rows ? x->at[i] + 1 : n_rows;
    }
    uint32_t *of_row = xmalloc(n_rows * sizeof *of_row), *found = xcalloc(x->n, sizeof *found);
    size_t *rows = xcalloc(x->n, sizeof *rows);
    memset(of_row, 0xff, n_rows * sizeof *of_row);
    size_t n = distinct_rows(x, of_row, rows);
    for (size_t from = 0; from < n; from += f->batch) {
        size_t some = n - from < f->batch ? n - from : f->batch;
        for (size_t i = 0; i < some; i++) {
            memcpy(f->rows + i * f->width, x->rows + rows[from + i] * f->width,
                f->width * sizeof *f->rows);
        }
        label_rows(f, centres, f->rows, some, found + from);
    }
    for (size_t i = 0; i < x->n; i++) {
        labels[i] = found[of_row[x->at[i]]];
    }
    free(rows);
    free(found);
    free(of_row);
}

static float *open_fit(
    struct fit *f, const struct vectors *x, const struct kmeans_options *o, struct err *err) {
    size_t batch = o->batch < x->n ? o->batch : x->n, cells;
    *f = (struct fit) { .x = x, .k = o->n_clusters, .width = x->width, .batch = batch };
    f->n_init = 3 * batch < f->k ? 3 * (size_t)f->k : 3 * batch;
    f->n_init = f->n_init < x->n ? f->n_init : x->n;
    cells = (2 * (size_t)f->k + batch) * x->width + 2 * (size_t)f->k + batch * f->k;
    float *room = mem_try(cells, sizeof *room, "clusters", err);
    if (room) {
        f->centres = room;
        f->moved = f->centres + (size_t)f->k * x->width;
        f->rows = f->moved + (size_t)f->k * x->width;
        f->counts = f->rows + batch * x->width;
        f->squares = f->counts + f->k;
        f->scores = f->squares + f->k;
        f->labels = xcalloc(batch, sizeof *f->labels);
    }
    return room;
}

bool kmeans_fit(const struct vectors *x, const struct kmeans_options *options, uint32_t *labels,
    struct kmeans_end *end, struct err *err) {
    struct fit f;
    struct kmeans_end ignored;
    end = end ? end : &ignored;
    *end = (struct kmeans_end) { 0 };
    if (options->n_clusters == 0 || x->n < options->n_clusters) {
        return err_set(err, ERR_INPUT, "%zu texts cannot make %u clusters", x->n,
            (unsigned)options->n_clusters);
    }
    float *room = open_fit(&f, x, options, err);
    if (!room) {
        return false;
    }
    numpy_seed(&f.random, options->seed);
    for (size_t i = 0; i < f.n_init; i++) { /* the validation set, with one start to choose from */
        numpy_below(&f.random, x->n);
    }
    choose_centres(&f);
    struct panels *centres = take_batches(&f, end, err) ? pack_centres(&f, err) : NULL;
    if (centres) {
        label_all(&f, centres, labels);
    }
    bool ok = centres != NULL;
    panels_free(centres);
    free(f.labels);
    free(room);
    return ok;
}

/* See resample.h; the inner loop is packed.h's. Work is cut into strips of LANES resamples: a strip
 * draws its weights once, a column of counts a document, and then sums them for all models. */
#include "base/stats/resample.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/stats/draw.h"
#include "base/stats/interval.h"
#include "base/stats/packed.h"
#include "base/stats/standing.h"

enum {
    PLANES_MAX = 12,   /* bits of a level */
    BLOCK = 2040,      /* packed rows at a time: their sums stay in the second-level cache */
    LANE_MAX = 0xffff, /* what a lane of sums holds */
};

bool resample_init(struct resample *r, size_t n_rows, size_t n, uint64_t seed, struct pool *pool,
    struct err *err) {
    *r = (struct resample) { .n_rows = n_rows, .n = n, .seed = seed, .pool = pool };
    r->means = mem_try(n_rows * n + 1, sizeof *r->means, "resampled means", err);
    r->observed = xcalloc(n_rows + 1, sizeof *r->observed);
    return r->means != NULL;
}

void resample_release(struct resample *r) {
    free(r->means);
    free(r->observed);
    *r = (struct resample) { 0 };
}

/* ---- one sheet ---- */

/* What the threads of one sheet share, and what each has for itself. */
struct job {
    struct resample *r;
    const struct sheet *sheet;
    const struct packed_kernels *kernels;
    double weight;
    uint64_t number;
    size_t n_groups, planes, n_packed; /* packed rows: a plane of a model's levels each */
    uint8_t *bytes;                    /* [n_groups, n_packed] */
    struct strip *strips;              /* one a thread */
};

struct strip {
    uint16_t *weights;     /* [n_groups * GROUP, LANES] */
    uint16_t *counts;      /* [n_clusters, LANES] */
    uint16_t *sums;        /* [BLOCK, LANES] */
    uint32_t *totals;      /* [BLOCK, LANES] */
    uint64_t drawn[LANES]; /* documents in each resample: with clusters, not always as many */
    bool fits;             /* no lane can outgrow its sum */
};

/* Bits of eight documents of a row side by side, the least significant plane first. */
static void pack_group(const struct job *j, size_t group, size_t row) {
    const struct sheet *s = j->sheet;
    uint8_t *bytes = j->bytes + group * j->n_packed + row * j->planes;
    for (size_t k = 0; k < GROUP && group * GROUP + k < s->n_docs; k++) {
        unsigned level = s->level[row * s->n_docs + group * GROUP + k];
        for (size_t plane = 0; plane < j->planes; plane++)
            bytes[plane] |= (uint8_t)((level >> plane & 1) << k);
    }
}

/* One resample's counts, in column `lane`. */
static void draw_lane(
    const struct job *j, uint16_t *counts, size_t n, uint64_t number, size_t lane) {
    struct draw d = draw_stream(j->r->seed, j->number << 32 | number);
    for (size_t i = 0; i < n; i++)
        counts[draw_below(&d, n) * LANES + lane]++;
}

static void draw_weights(const struct job *j, struct strip *s, size_t first) {
    const struct sheet *sheet = j->sheet;
    size_t n = sheet->cluster ? sheet->n_clusters : sheet->n_docs;
    uint16_t *counts = sheet->cluster ? s->counts : s->weights;
    memset(counts, 0, n * LANES * sizeof *counts);
    for (size_t lane = 0; lane < LANES; lane++)
        draw_lane(j, counts, n, first + lane, lane);
    for (size_t i = 0; sheet->cluster && i < sheet->n_docs; i++)
        memcpy(s->weights + i * LANES, counts + (size_t)sheet->cluster[i] * LANES,
            LANES * sizeof *counts);
    memset(s->drawn, 0, sizeof s->drawn);
    for (size_t i = 0; i < sheet->n_docs; i++)
        for (size_t lane = 0; lane < LANES; lane++)
            s->drawn[lane] += s->weights[i * LANES + lane];
    s->fits = true;
    for (size_t lane = 0; lane < LANES; lane++)
        s->fits = s->fits && s->drawn[lane] <= LANE_MAX;
}

/* How many groups from here no lane's weights outgrow: all of them but for huge tasks. */
static size_t groups_that_fit(const struct job *j, const struct strip *s, size_t from) {
    uint64_t lane_sum[LANES] = { 0 };
    size_t group = from;
    for (; group < j->n_groups && !s->fits; group++)
        for (size_t i = 0; i < GROUP * LANES; i++) {
            lane_sum[i % LANES] += s->weights[group * GROUP * LANES + i];
            if (lane_sum[i % LANES] > LANE_MAX)
                return group > from ? group - from : 1;
        }
    return (s->fits ? j->n_groups : group) - from;
}

static void sum_block(const struct job *j, struct strip *s, size_t row, size_t n_rows) {
    memset(s->totals, 0, n_rows * LANES * sizeof *s->totals);
    for (size_t group = 0, n; group < j->n_groups; group += n) {
        n = groups_that_fit(j, s, group);
        memset(s->sums, 0, n_rows * LANES * sizeof *s->sums);
        j->kernels->add_weights(j->bytes + group * j->n_packed + row, j->n_packed,
            s->weights + group * GROUP * LANES, n, n_rows, s->sums);
        for (size_t i = 0; i < n_rows * LANES; i++)
            s->totals[i] += s->sums[i];
    }
}

/* From sums of planes to the means of one model in this strip's resamples. */
static void take_means(
    const struct job *j, const struct strip *s, size_t row, const uint32_t *planes, size_t first) {
    float *means = j->r->means + row * j->r->n + first;
    size_t n = j->r->n - first < LANES ? j->r->n - first : LANES;
    for (size_t lane = 0; lane < n; lane++) {
        uint64_t sum = 0;
        for (size_t plane = 0; plane < j->planes; plane++)
            sum += (uint64_t)planes[plane * LANES + lane] << plane;
        double mean =
            j->sheet->present[row]
                ? j->sheet->low[row] + j->sheet->step[row] * ((double)sum / (double)s->drawn[lane])
                : NAN;
        means[lane] += (float)(j->weight * mean);
    }
}

static void run_strip(void *arg, unsigned thread, size_t item) {
    struct job *j = arg;
    struct strip *s = &j->strips[thread];
    size_t first = item * LANES, block = BLOCK / j->planes * j->planes;
    draw_weights(j, s, first);
    for (size_t row = 0; row < j->n_packed; row += block) {
        size_t n = j->n_packed - row < block ? j->n_packed - row : block;
        sum_block(j, s, row, n);
        for (size_t k = 0; k < n; k += j->planes)
            take_means(j, s, (row + k) / j->planes, s->totals + k * LANES, first);
    }
}

static bool strip_init(struct strip *s, const struct job *j, struct err *err) {
    s->weights =
        mem_try(j->n_groups * GROUP * LANES, sizeof *s->weights, "resampling weights", err);
    s->counts = s->weights ? mem_try(j->sheet->n_clusters * LANES + 1, sizeof *s->counts,
                                 "resampling weights", err)
                           : NULL;
    s->sums = s->counts ? mem_try(BLOCK * LANES, sizeof *s->sums, "resampled sums", err) : NULL;
    s->totals = s->sums ? mem_try(BLOCK * LANES, sizeof *s->totals, "resampled sums", err) : NULL;
    return s->totals != NULL;
}

static void job_release(struct job *j, unsigned n_threads) {
    for (unsigned i = 0; i < n_threads; i++) {
        free(j->strips[i].weights);
        free(j->strips[i].counts);
        free(j->strips[i].sums);
        free(j->strips[i].totals);
    }
    free(j->strips);
    free(j->bytes);
}

static bool job_init(struct job *j, unsigned n_threads, struct err *err) {
    const struct sheet *s = j->sheet;
    j->kernels = packed_kernels_choose();
    j->planes = s->binary ? 1 : PLANES_MAX;
    j->n_packed = s->n_rows * j->planes;
    j->n_groups = (s->n_docs + GROUP - 1) / GROUP;
    j->strips = xcalloc(n_threads, sizeof *j->strips);
    j->bytes = mem_try(j->n_groups * j->n_packed + 1, 1, "packed scores", err);
    bool ok = j->bytes != NULL;
    for (unsigned i = 0; ok && i < n_threads; i++)
        ok = strip_init(&j->strips[i], j, err);
    for (size_t group = 0; ok && group < j->n_groups; group++)
        for (size_t row = 0; row < s->n_rows; row++)
            pack_group(j, group, row);
    return ok;
}

bool resample_add(struct resample *r, const struct sheet *sheet, double weight, uint64_t number,
    struct err *err) {
    BUG_IF(sheet->n_rows != r->n_rows || !sheet->level);
    struct job j = { .r = r, .sheet = sheet, .weight = weight, .number = number };
    unsigned n_threads = pool_n_threads(r->pool);
    bool ok = job_init(&j, n_threads, err);
    if (ok) {
        for (size_t row = 0; row < r->n_rows; row++)
            r->observed[row] += sheet->present[row] ? weight * sheet_mean(sheet, row) : NAN;
        pool_run(r->pool, (r->n + LANES - 1) / LANES, run_strip, &j);
    }
    job_release(&j, n_threads);
    return ok;
}

/* ---- pairs ---- */

enum { FEW = 32 };

/* Replicates of one difference, and what is known of them. */
struct replicates {
    const struct packed_kernels *kernels;
    const float *x;
    size_t n;
    double mean, se;
};

/* [low, high) holds the k-th smallest (from 0); `below` are below low, `through` below high. */
struct bracket {
    float low, high;
    size_t k, below, through;
};

static void cut_at(struct bracket *b, const struct replicates *r, float cut) {
    size_t count = r->kernels->count_below(r->x, r->n, cut);
    if (count <= b->k) {
        b->low = cut;
        b->below = count;
    } else {
        b->high = cut;
        b->through = count;
    }
}

/* Around where a normal distribution would have it, wider and wider until it is inside. */
static void bracket_open(struct bracket *b, const struct replicates *r, double guess) {
    double step = fmax(0.05 * r->se, fabs(guess) * 1e-6 + 1e-30);
    *b = (struct bracket) { -INFINITY, INFINITY, b->k, 0, r->n };
    cut_at(b, r, (float)(guess - step));
    for (; isinf(b->low) || isinf(b->high); step *= 4)
        cut_at(b, r, (float)(isinf(b->high) ? b->low + 2 * step : b->high - 2 * step));
}

/* By counting, which is what vectors are good at: the next cut is where a straight line through the
 * counts expects it, and every other time the middle. False: all that is left is one value. */
static bool bracket_narrow(struct bracket *b, const struct replicates *r) {
    for (int turn = 0; b->through - b->below > FEW; turn++) {
        double share = ((double)b->k + 0.5 - (double)b->below) / (double)(b->through - b->below);
        float cut = b->low + (float)(turn % 2 ? 0.5 : share) * (b->high - b->low);
        if (!(cut > b->low && cut < b->high))
            cut = nextafterf(b->low, b->high);
        if (!(cut < b->high))
            return false;
        cut_at(b, r, cut);
    }
    return true;
}

static void sort_few(float *x, size_t n) {
    for (size_t i = 1; i < n; i++)
        for (size_t at = i; at > 0 && x[at - 1] > x[at]; at--) {
            float kept = x[at];
            x[at] = x[at - 1];
            x[at - 1] = kept;
        }
}

/* *next: the smallest that is not below what is returned, where the bracket shows it. */
static float order_statistic(
    const struct replicates *r, size_t k, double guess, float *next, bool *next_known) {
    struct bracket b = { .k = k };
    float few[FEW];
    bracket_open(&b, r, guess);
    if (!bracket_narrow(&b, r)) {
        *next = b.low;
        *next_known = k + 1 < b.through;
        return b.low;
    }
    sort_few(few, r->kernels->gather(r->x, r->n, b.low, b.high, few, FEW));
    *next_known = k + 1 < b.through;
    *next = *next_known ? few[k + 1 - b.below] : 0;
    return few[k - b.below];
}

/* numpy's default: linear between the two neighbours. */
static double percentile(const struct replicates *r, double q) {
    double position = q * (double)(r->n - 1), guess = r->mean + (q < 0.5 ? -Z95 : Z95) * r->se;
    size_t k = (size_t)position;
    bool known, ignored;
    float next, more, at = order_statistic(r, k, guess, &next, &known);
    if (k + 1 >= r->n)
        return at;
    if (!known)
        next = order_statistic(r, k + 1, guess, &more, &ignored);
    return at + ((double)next - at) * (position - (double)k);
}

static double two_sided(const struct replicates *r) {
    double negative = (double)r->kernels->count_below(r->x, r->n, 0);
    double not_positive = (double)r->kernels->count_below(r->x, r->n, FLT_TRUE_MIN);
    double least = fmin(not_positive, (double)r->n - negative);
    return fmin(1, 2 * (least + 1) / ((double)r->n + 1));
}

static void describe(const struct replicates *r, double observed, struct resampled *out) {
    *out = (struct resampled) { observed, r->se, NAN, NAN, NAN };
    if (isfinite(r->se)) {
        out->low = percentile(r, 0.025);
        out->high = percentile(r, 0.975);
        out->p = two_sided(r);
    }
}

static void describe_sums(
    struct replicates *r, double sum, double squares, double observed, struct resampled *out) {
    r->mean = sum / (double)r->n;
    r->se = sqrt(fmax(0, squares - sum * r->mean) / (double)(r->n - 1));
    r->se = isfinite(squares) ? r->se : NAN;
    describe(r, observed, out);
}

void resample_pair(
    const struct resample *r, size_t i, size_t j, float *scratch, struct resampled *out) {
    struct replicates d = { .kernels = packed_kernels_choose(), .x = scratch, .n = r->n };
    double sum, squares;
    d.kernels->subtract(r->means + i * r->n, r->means + j * r->n, r->n, scratch, &sum, &squares);
    describe_sums(&d, sum, squares, r->observed[i] - r->observed[j], out);
}

void resampled_from(const float *replicates, size_t n, double observed, struct resampled *out) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += replicates[i];
        squares += (double)replicates[i] * replicates[i];
    }
    struct replicates d = { .kernels = packed_kernels_choose(), .x = replicates, .n = n };
    describe_sums(&d, sum, squares, observed, out);
}

struct pairs_job {
    const struct resample *r;
    struct resampled *out;
    float *scratch; /* [threads, n] */
};

static void run_row(void *arg, unsigned thread, size_t i) {
    const struct pairs_job *p = arg;
    for (size_t j = i + 1; j < p->r->n_rows; j++)
        resample_pair(
            p->r, i, j, p->scratch + thread * p->r->n, &p->out[pair_at(p->r->n_rows, i, j)]);
}

bool resample_pairs(const struct resample *r, struct resampled *out, struct err *err) {
    unsigned n_threads = pool_n_threads(r->pool);
    float *scratch = mem_try(n_threads * r->n, sizeof *scratch, "replicates", err);
    struct pairs_job job = { r, out, scratch };
    if (scratch)
        pool_run(r->pool, r->n_rows, run_row, &job);
    free(scratch);
    return scratch != NULL;
}

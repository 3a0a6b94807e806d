/* One board with its pairs spelled out, for who asks for them (site.h). */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "site-gen/site.h"
#include "site-gen/view.h"

static size_t count_ranked(const json_t *rows) {
    size_t n = 0;
    while (json_object_get(json_array_get(rows, n), "rank"))
        n++;
    return n;
}

static void set_number(json_t *to, const char *key, double v) {
    json_object_set_new(to, key, isfinite(v) ? json_real(v) : json_null());
}

static json_t *pair_view(
    const struct pairing *p, size_t i, size_t j, double p_holm, const struct resampled *resampled) {
    size_t at = pair_at(p->contest->n_rows, i, j);
    struct difference d = difference_sum_close(&p->sums[at]);
    struct interval interval = isfinite(resampled[at].low)
                                   ? (struct interval) { resampled[at].low, resampled[at].high }
                                   : interval_mean(d.value, d.se, d.df);
    json_t *pair = json_pack(
        "{s:I, s:I, s:b}", "a", (json_int_t)i, "b", (json_int_t)j, "paired", !p->unpaired[at]);
    set_number(pair, "difference", d.value);
    set_number(pair, "se", d.se);
    set_number(pair, "p", p->p[at]);
    set_number(pair, "p_holm", p_holm);
    set_number(pair, "low", interval.low);
    set_number(pair, "high", interval.high);
    return pair;
}

static json_t *pairs_view(const struct contest *r, const struct resampled *resampled) {
    struct pairing p;
    json_t *list = json_array();
    double *holm = xcalloc(pair_count(r->n_rows) + 1, sizeof *holm);
    pairing_init(&p, r);
    holm_adjust(p.p, pair_count(r->n_rows), holm);
    for (size_t i = 0; i < r->n_rows; i++)
        for (size_t j = i + 1; j < r->n_rows; j++)
            json_array_append_new(
                list, pair_view(&p, i, j, holm[pair_at(r->n_rows, i, j)], resampled));
    pairing_release(&p);
    free(holm);
    return list;
}

static bool add_pairs(json_t *section, const struct board_options *o, struct err *err) {
    json_t *rows = json_object_get(section, "rows");
    struct contest c;
    contest_init(&c, rows, count_ranked(rows), "mean", true, json_object_get(section, "weights"));
    struct resampled *resampled =
        mem_try(pair_count(c.n_rows) + 1, sizeof *resampled, "pairs of a board", err);
    bool ok = resampled && pairing_resample(&c, o->n_resamples, o->seed, resampled, err);
    if (ok) {
        json_object_set_new(section, "pairs", pairs_view(&c, resampled));
        json_object_set_new(section, "resamples", json_integer((json_int_t)o->n_resamples));
    }
    free(resampled);
    contest_release(&c);
    return ok;
}

static const json_t *find_suite(const json_t *snapshot, const char *name) {
    const json_t *suites = json_object_get(snapshot, "suites"), *suite;
    size_t i;
    json_array_foreach(suites, i, suite) {
        if (strcmp(json_get_string(suite, "suite", ""), name) == 0)
            return suite;
    }
    return NULL;
}

bool site_board(const json_t *snapshot, const char *suite, const struct board_options *options,
    json_t **board, struct err *err) {
    struct world w;
    const json_t *row = find_suite(snapshot, suite);
    if (!row)
        return err_set(err, ERR_NOT_FOUND, "there is no suite '%s'", suite);
    if (!world_init(&w, snapshot, NULL, err))
        return false;
    w.keep_parts = options->pairs;
    w.rank_imported = options->rank_imported;
    json_t *made = view_board(&w, row), *sections = json_object_get(made, "sections"), *section;
    bool ok = true;
    size_t i;
    json_array_foreach(sections, i, section) {
        ok = ok && (!options->pairs || add_pairs(section, options, err));
        drop_parts(json_object_get(section, "rows"));
    }
    world_release(&w);
    *board = ok ? made : NULL;
    if (!ok)
        json_decref(made);
    return ok;
}

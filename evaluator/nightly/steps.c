/* Steps in the histories that grew this night (base/stats/steps.h): in scores, which hardly move by
 * themselves, from the first point on; in speeds, which do, from the second, and from five per
 * cent. A slow hour is a piece of its own, too short to be told; what is before it is then compared
 * with what is behind it. A step is told once, in the night in which it became one. */
#include <math.h>
#include <string.h>

#include "base/stats/steps.h"
#include "evaluator/nightly/night.h"

#define SPEED_LEAST 0.05

static const struct measure {
    const char *name, *column;
    size_t least;    // points of a piece
    double relative; // smaller changes are not told
} MEASURES[] = { { "score", "value", 1, 0 }, { "speed", "speed", 2, SPEED_LEAST } };

struct series {
    const struct rows *rows;
    int from, to; // rows of one history
};

static bool same_text(const struct rows *rows, int a, int b, const char *column) {
    return !strcmp(rows_text(rows, a, column), rows_text(rows, b, column));
}

static bool same_series(const struct rows *rows, int a, int b) {
    static const char *const KEYS[] = { "model", "task", "config_id", "platform" };
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        if (!same_text(rows, a, b, KEYS[i])) {
            return false;
        }
    }
    return true;
}

static void note_step(struct night *n, const struct series *s, const struct measure *m,
    const struct piece *before, const struct piece *after, int row, int row_before) {
    json_t *step = json_pack("{s:s, s:s, s:s, s:s, s:I, s:f, s:f}", "what", m->name, "model",
        rows_text(s->rows, row, "model"), "task", rows_text(s->rows, row, "task"), "platform",
        rows_text(s->rows, row, "platform"), "run", (json_int_t)rows_int(s->rows, row, "run_id"),
        "before", before->level, "after", after->level);
    json_object_set_new(
        step, "other_revision", json_boolean(!same_text(s->rows, row, row_before, "revision")));
    json_object_set_new(
        step, "other_build", json_boolean(!same_text(s->rows, row, row_before, "build")));
    json_t *steps = json_object_get(n->report, "steps");
    if (json_array_size(steps) < NIGHT_LIST_MAX) {
        json_array_append(steps, step);
    } else {
        night_count(n, "more", "steps", 1);
    }
    json_decref(step);
}

static bool is_large(const struct measure *m, const struct piece *a, const struct piece *b) {
    return fabs(b->level - a->level) > m->relative * fabs(a->level);
}

/* The newest points, as many as are looked at; which row each is from. */
static size_t points_of(
    const struct series *s, const struct measure *m, double *x, int *row, size_t *n_old) {
    size_t n = 0;
    *n_old = 0;
    int from = s->to - s->from > STEPS_POINTS_MAX ? s->to - STEPS_POINTS_MAX : s->from;
    for (int i = from; i < s->to; i++) {
        double v = rows_real(s->rows, i, m->column);
        if (!rows_null(s->rows, i, m->column) && isfinite(v)) {
            row[n] = i;
            x[n++] = v;
            *n_old += !rows_bool(s->rows, i, "fresh");
        }
    }
    return n;
}

/* Those that are long enough, in their order. Cutting into none that are shorter would let one
 * outlier hide every step. */
static size_t long_ones(struct piece *pieces, size_t n, size_t least) {
    size_t kept = 0;
    for (size_t p = 0; p < n; p++) {
        if (pieces[p].to - pieces[p].from >= least) {
            pieces[kept++] = pieces[p];
        }
    }
    return kept;
}

static void look(struct night *n, const struct series *s, const struct measure *m) {
    double x[STEPS_POINTS_MAX];
    int row[STEPS_POINTS_MAX];
    struct piece pieces[STEPS_POINTS_MAX];
    size_t n_old, n_points = points_of(s, m, x, row, &n_old);
    size_t n_pieces = long_ones(pieces, steps_find(x, n_points, 1, pieces), m->least);
    for (size_t p = 1; p < n_pieces; p++) {
        bool fresh = pieces[p].from + m->least > n_old; // before this night it was too short
        if (fresh && is_large(m, &pieces[p - 1], &pieces[p])) {
            note_step(n, s, m, &pieces[p - 1], &pieces[p], row[pieces[p].from],
                row[pieces[p - 1].to - 1]);
        }
    }
}

static bool look_at(struct night *n, const char *model, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(n->db, "night_series",
        DB_ARGS(db_text(model), db_text(n->started_at), db_int(STEPS_POINTS_MAX)), &rows, err);
    for (int from = 0, to; ok && from < rows.n; from = to) {
        for (to = from + 1; to < rows.n && same_series(&rows, from, to);) {
            to++;
        }
        for (size_t m = 0; m < sizeof MEASURES / sizeof *MEASURES; m++) {
            look(n, &(struct series) { &rows, from, to }, &MEASURES[m]);
        }
    }
    rows_release(&rows);
    return ok;
}

bool night_steps(struct night *n, struct err *err) {
    struct rows models = { 0 };
    if (n->o->dry_run || json_array_size(n->jobs) == 0) {
        return true;
    }
    bool ok = db_query(n->db, "night_grown", DB_ARGS(db_text(n->started_at)), &models, err);
    for (int i = 0; ok && i < models.n; i++) {
        ok = look_at(n, rows_text(&models, i, "model"), err);
    }
    rows_release(&models);
    return ok;
}

/* Verdicts on where weights come from, by prints that are made here: a copy is told from a model
 * whose layers changed places, a merge from what it was made of, a near copy from a relative. */
#include <math.h>
#include <stdio.h>

#include "tests/db/fixture.h"

#define N 512

struct print {
    double sample[N];
    char hashes[8][33]; // in the order of their names
    const char *config; // or NULL
};

/* Numbers that have nothing to do with those of another seed. */
static void noise(double *x, unsigned seed, double scale) {
    uint64_t s = 0x9e3779b97f4a7c15u * (seed + 1);
    for (size_t i = 0; i < N; i++) {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        x[i] += scale * ((double)(s >> 11) / 9007199254740992.0 - 0.5);
    }
}

static struct print print_of(unsigned seed) {
    struct print p = { .config = "c" };
    noise(p.sample, seed, 1);
    for (unsigned i = 0; i < 8; i++)
        snprintf(p.hashes[i], 33, "%016x%016x", seed, i);
    return p;
}

static void hash_text(struct fixture *f, const char *text, char hex[65]) {
    char sql[1000];
    snprintf(sql, sizeof sql, "SELECT encode(sha256('%s'), 'hex')", text);
    snprintf(hex, 65, "%s", fixture_sql(f, sql));
}

static json_t *told(struct fixture *f, const struct print *p) {
    char all[8 * 33 + 1] = "", sequence[65], layout[65], config[65];
    json_t *hashes = json_array(), *sample = json_array();
    for (size_t i = 0; i < 8; i++) {
        strcat(strcat(all, p->hashes[i]), " ");
        json_array_append_new(hashes, json_string(p->hashes[i]));
    }
    for (size_t i = 0; i < N; i++)
        json_array_append_new(sample, json_real(p->sample[i]));
    hash_text(f, all, sequence);
    hash_text(f, "layout", layout);
    hash_text(f, p->config ? p->config : "", config);
    return json_pack("{s:i, s:i, s:i, s:s, s:s, s:s*, s:o, s:o}", "tensors", 8, "values", 100000,
        "read", 1000, "layout", layout, "sequence", sequence, "config", p->config ? config : NULL,
        "hashes", hashes, "sample", sample);
}

/* What put_prints says of a model with these prints, whose job is at work: "" if it is no copy.
 * With `done` it gets results, too; else its job stays at work. */
static const char *look(struct fixture *f, const char *model, const struct print *p, bool done) {
    static char original[200];
    struct worker w;
    struct job job;
    struct rows rows = { 0 };
    json_decref(fixture_submit(f, model, 1));
    fixture_worker(f, &w);
    fixture_claim(f, &w, 60, &job);
    json_t *prints = told(f, p);
    char *text = json_dumps(prints, JSON_COMPACT);
    assert_ok(db_query(f->db, "put_prints",
        DB_ARGS(
            db_text(job.key.worker), db_int(job.key.job), db_int(job.key.attempt), db_text(text)),
        &rows, &err));
    snprintf(original, sizeof original, "%s",
        rows_null(&rows, 0, "original") ? "" : rows_text(&rows, 0, "original"));
    if (*original)
        assert_true(fabs(rows_real(&rows, 0, "share") - 0.01) < 1e-12);
    rows_release(&rows);
    if (done) {
        enum queue_answer answer;
        char *record = fixture_record(job.task_sha256, 0.5);
        assert_ok(queue_finish(f->db, &job.key, record, &answer, &err));
        free(record);
    }
    free(text);
    json_decref(prints);
    job_release(&job);
    return original;
}

static const char *relation(struct fixture *f, const char *of, const char *to) {
    char sql[300];
    snprintf(sql, sizeof sql,
        "SELECT coalesce((SELECT relation FROM lineage_of('%s') WHERE model = '%s'), '')", of, to);
    return fixture_sql(f, sql);
}

static const char *merge(struct fixture *f, const char *of) {
    char sql[300];
    snprintf(sql, sizeof sql,
        "SELECT coalesce((SELECT how || ' ' || array_to_string(parents, ' ') FROM merge_of('%s')), "
        "'')",
        of);
    return fixture_sql(f, sql);
}

static void a_copy_has_the_same_tensors_in_the_same_places(void **state) {
    struct fixture *f = *state;
    struct print p = print_of(1), moved = p, other = p, bare = p;
    strcpy(moved.hashes[2], p.hashes[5]); // two layers changed places
    strcpy(moved.hashes[5], p.hashes[2]);
    other.config = "rope_theta";
    bare.config = NULL;
    assert_string_equal(look(f, "a/first", &p, true), "");
    assert_string_equal(look(f, "a/second", &p, false), "a/first");
    assert_string_equal(look(f, "a/moved", &moved, false), "");
    assert_string_equal(look(f, "a/config", &other, false), "");
    assert_string_equal(look(f, "a/bare", &bare, false), "");
    assert_string_equal(relation(f, "a/second", "a/first"), "equal tensors");
    assert_string_equal(relation(f, "a/moved", "a/first"), "equal tensors, elsewhere");
    assert_string_equal(merge(f, "a/second"), "");
    assert_string_equal(
        fixture_sql(f, "SELECT string_agg(model || ' ' || of_model, ', ') FROM copies"),
        "a/second a/first");
}

static void a_merge_of_layers_is_told_from_a_copy(void **state) {
    struct fixture *f = *state;
    struct print a = print_of(1), b = print_of(2), m = a, tuned = a;
    for (size_t i = 4; i < 8; i++)
        strcpy(m.hashes[i], b.hashes[i]);
    strcpy(tuned.hashes[7], "0123456789abcdef0123456789abcdef"); // one layer trained on
    look(f, "a/one", &a, true);
    look(f, "a/two", &b, true);
    assert_string_equal(look(f, "a/merge", &m, false), "");
    assert_string_equal(look(f, "a/tuned", &tuned, false), "");
    assert_string_equal(merge(f, "a/merge"), "tensors a/one a/two");
    assert_string_equal(merge(f, "a/tuned"), "");
    assert_string_equal(merge(f, "a/two"), "");
}

static void a_merge_of_weights_is_told_from_a_relative(void **state) {
    struct fixture *f = *state;
    struct print base = print_of(1), x = base, y = base, m = print_of(9), near = base,
                 far = print_of(8);
    noise(x.sample, 2, 0.3);
    noise(y.sample, 3, 0.3);
    for (size_t i = 0; i < N; i++)
        m.sample[i] = 0.6 * x.sample[i] + 0.4 * y.sample[i];
    noise(m.sample, 4, 1e-3); // what it is rounded by
    noise(near.sample, 5, 1e-3);
    for (unsigned i = 0; i < 8; i++) {
        snprintf(x.hashes[i], 33, "%016x%016x", 20, i);
        snprintf(y.hashes[i], 33, "%016x%016x", 30, i);
        snprintf(near.hashes[i], 33, "%016x%016x", 40, i);
    }
    look(f, "a/base", &base, true);
    look(f, "a/x", &x, true);
    look(f, "a/y", &y, true);
    look(f, "a/far", &far, true);
    assert_string_equal(look(f, "a/near", &near, true), "");
    assert_string_equal(look(f, "a/merge", &m, true), "");
    assert_string_equal(merge(f, "a/merge"), "weights a/x a/y");
    static const char *const OTHERS[] = { "a/base", "a/x", "a/y", "a/near", "a/far" };
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        assert_string_equal(merge(f, OTHERS[i]), "");
    assert_string_equal(relation(f, "a/near", "a/base"), "near copy");
    assert_string_equal(relation(f, "a/x", "a/base"), "tuned or merged");
    assert_string_equal(relation(f, "a/far", "a/base"), "");
}

static void prints_that_are_none_are_not_kept(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    static const char *const ODD[] = { "[]", "{}", "{\"tensors\": 1}", "{\"tensors\": \"x\"}" };
    json_decref(fixture_submit(f, "a/odd", 1));
    fixture_worker(f, &w);
    fixture_claim(f, &w, 60, &job);
    for (size_t i = 0; i < sizeof ODD / sizeof *ODD; i++) {
        struct rows rows = { 0 };
        struct err err = ERR_INIT;
        assert_false(db_query(f->db, "put_prints",
            DB_ARGS(db_text(job.key.worker), db_int(job.key.job), db_int(job.key.attempt),
                db_text(ODD[i])),
            &rows, &err));
        assert_int_equal(err.class, ERR_INPUT);
        rows_release(&rows);
    }
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM revision_prints"), 0);
    job_release(&job);
}

static void what_the_card_says_is_held_against_the_weights(void **state) {
    struct fixture *f = *state;
    struct print a = print_of(1), b = print_of(2);
    look(f, "a/base", &a, true);
    look(f, "a/mine", &b, true);
    fixture_sql(f,
        "UPDATE revisions v SET card = '{\"base_model\": [\"a/base\", \"b/unknown\", 7]}' "
        "FROM models m WHERE m.model_id = v.model_id AND m.name = 'a/mine'");
    assert_string_equal(fixture_sql(f, "SELECT string_agg(concat_ws(' ', model, here, comparable), "
                                       "', ' ORDER BY model) FROM bases_of('a/mine')"),
        "a/base t t, b/unknown f f");
    assert_string_equal(
        fixture_sql(f, "SELECT tensors || ' ' || share FROM prints_read('a/mine')"), "8 0.01");
    assert_string_equal(fixture_sql(f, "SELECT count(*) FROM bases_of('no/model')"), "0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup(f, fixture_reset)
        CASE(a_copy_has_the_same_tensors_in_the_same_places),
        CASE(a_merge_of_layers_is_told_from_a_copy),
        CASE(a_merge_of_weights_is_told_from_a_relative),
        CASE(prints_that_are_none_are_not_kept),
        CASE(what_the_card_says_is_held_against_the_weights),
    };
    return FIXTURE_MAIN("db_lineage", tests);
}

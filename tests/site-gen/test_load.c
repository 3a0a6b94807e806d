#include "tests/db/fixture.h"

#include <stdlib.h>

#include "base/json.h"
#include "site-gen/site.h"

/* Runs the first job in the queue, with two samples. */
static void run_one(struct fixture *f) {
    static const char LINES[] = "{\"index\":0,\"gold\":1}\n{\"index\":1,\"gold\":0}\n";
    struct worker w;
    struct job job;
    enum queue_answer answer;
    struct chunk chunk;
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    assert_ok(chunk_pack(&chunk, 0, 2, "build", LINES, sizeof LINES - 1, &err));
    assert_ok(chunk_put(f->db, &job.key, &chunk, &answer, &err));
    json_t *record = fixture_record_json(job.task_sha256, 0.5);
    json_object_set_new(
        record, "chunks", json_pack("[{s:i, s:s}]", "chunk", 0, "sha256", chunk.sha256));
    char *text = NULL;
    assert_ok(text = record_text(record, &err));
    assert_ok(queue_finish(f->db, &job.key, text, &answer, &err));
    assert_int_equal(answer, QUEUE_OK);
    free(text);
    json_decref(record);
    chunk_release(&chunk);
    job_release(&job);
}

static void what_is_published_becomes_one_document(void **state) {
    struct fixture *f = *state;
    struct db *site = fixture_open(f, "assay_site");
    json_t *doc = NULL;
    json_decref(fixture_submit(f, "org/a", 2));
    run_one(f);
    assert_ok(site_load(site, &doc, &err));
    assert_string_equal(json_get_string(doc, "schema", ""), "assay.site/1");
    assert_int_equal(json_array_size(json_object_get(doc, "suites")), 1);
    assert_int_equal(json_array_size(json_object_get(doc, "board")), 1);
    assert_int_equal(json_array_size(json_object_get(doc, "models")), 1);
    assert_int_equal(json_array_size(json_object_get(doc, "queue")), 2);
    const json_t *run = json_array_get(json_object_get(doc, "runs"), 0);
    char id[32];
    snprintf(id, sizeof id, "%lld", json_get_int(run, "run_id", 0));
    const json_t *samples = json_object_get(json_object_get(doc, "samples"), id);
    assert_int_equal(json_array_size(samples), 2);
    assert_int_equal(json_get_int(json_array_get(samples, 0), "gold", -1), 1);
    const char *when = json_get_string(run, "finished_at", "");
    assert_int_equal(strlen(when), strlen("2025-11-21T10:00:00Z"));
    assert_true(when[10] == 'T' && when[19] == 'Z');
    json_decref(doc);
    db_close(site);
}

static bool keep_sample(void *to, const json_t *sample, struct err *err) {
    (void)err;
    return json_array_append(to, (json_t *)(uintptr_t)sample) == 0;
}

/* In order, and of one run alone; of one whose samples left the database it is said where to. */
static void samples_are_read_run_by_run(void **state) {
    struct fixture *f = *state;
    struct db *site = fixture_open(f, "assay_site");
    struct sample_source source = site_samples_in(site);
    json_t *doc = NULL, *samples = json_array();
    const char *gone = NULL;
    json_decref(fixture_submit(f, "org/a", 2));
    run_one(f);
    assert_ok(site_load(site, &doc, &err));
    long long run = json_get_int(json_array_get(json_object_get(doc, "runs"), 0), "run_id", 0);
    assert_ok(source.read(source.arg, run, keep_sample, samples, &gone, &err));
    assert_null(gone);
    assert_int_equal(json_array_size(samples), 2);
    assert_int_equal(json_get_int(json_array_get(samples, 0), "gold", -1), 1);
    assert_int_equal(json_get_int(json_array_get(samples, 1), "gold", -1), 0);
    json_array_clear(samples);
    assert_ok(source.read(source.arg, run + 1000, keep_sample, samples, &gone, &err));
    assert_int_equal(json_array_size(samples), 0);
    struct archive_options drop = { .days = 0, .drop = true };
    struct archive_counts counts;
    assert_ok(db_archive(f->db, &drop, &counts, &err));
    assert_ok(source.read(source.arg, run, keep_sample, samples, &gone, &err));
    assert_string_equal(gone, "dropped");
    assert_int_equal(json_array_size(samples), 0);
    json_decref(samples);
    json_decref(doc);
    db_close(site);
}

static void a_site_can_be_built_from_it(void **state) {
    struct fixture *f = *state;
    char *out = NULL;
    json_t *doc = NULL;
    struct site_report report = { 0 };
    json_decref(fixture_submit(f, "org/a", 2));
    run_one(f);
    assert_ok(site_load(f->db, &doc, &err));
    assert_true(asprintf(&out, "%s/site", f->home) > 0);
    struct sample_source samples = site_samples_in(f->db);
    struct site_options options = { .out = out, .gnuplot = "", .samples = &samples };
    assert_ok(site_build(doc, &options, NULL, &err));
    assert_ok(site_check(out, &report, &err));
    site_report_release(&report);
    json_decref(doc);
    free(out);
}

/* Of another suite nothing is read, and of this one no samples. */
static void one_board_is_read_alone(void **state) {
    struct fixture *f = *state;
    json_t *all = NULL, *doc = NULL, *board = NULL;
    json_decref(fixture_submit(f, "org/a", 2));
    run_one(f);
    assert_ok(site_load(f->db, &all, &err));
    const char *suite =
        json_get_string(json_array_get(json_object_get(all, "suites"), 0), "suite", "");
    struct db *site = fixture_open(f, "assay_site");
    assert_ok(site_load_board(site, suite, &doc, &err));
    assert_int_equal(json_array_size(json_object_get(doc, "runs")), 1);
    assert_null(json_object_get(doc, "samples"));
    assert_ok(site_board(doc, suite, &(struct board_options) { .pairs = true }, &board, &err));
    assert_int_equal(json_array_size(json_object_get(board, "sections")), 1);
    json_decref(doc);
    json_decref(board);
    assert_ok(site_load_board(site, "another", &doc, &err));
    assert_int_equal(json_array_size(json_object_get(doc, "runs")), 0);
    struct err why = ERR_INIT;
    assert_false(site_board(doc, "another", &(struct board_options) { 0 }, &board, &why));
    assert_int_equal(why.class, ERR_NOT_FOUND);
    json_decref(doc);
    json_decref(all);
    db_close(site);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_board_is_read_alone, fixture_reset),
        cmocka_unit_test_setup(what_is_published_becomes_one_document, fixture_reset),
        cmocka_unit_test_setup(samples_are_read_run_by_run, fixture_reset),
        cmocka_unit_test_setup(a_site_can_be_built_from_it, fixture_reset),
    };
    return FIXTURE_MAIN("site-gen.load", tests);
}

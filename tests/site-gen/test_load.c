#include "tests/db/fixture.h"

#include <stdlib.h>
#include <string.h>

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

static void a_site_can_be_built_from_it(void **state) {
    struct fixture *f = *state;
    char *out = NULL;
    json_t *doc = NULL;
    struct site_report report = { 0 };
    json_decref(fixture_submit(f, "org/a", 2));
    run_one(f);
    assert_ok(site_load(f->db, &doc, &err));
    assert_true(asprintf(&out, "%s/site", f->home) > 0);
    struct site_options options = { .out = out, .gnuplot = "" };
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

/* Read a part at a time, the database makes the pages that its document makes: of the second build
 * no file is another. */
static void parts_of_the_database_make_the_pages_of_the_document(void **state) {
    struct fixture *f = *state;
    char *out = NULL;
    json_t *doc = NULL;
    struct site_report whole = { 0 }, parts = { 0 };
    json_decref(fixture_submit(f, "org/a", 3));
    json_decref(fixture_submit(f, "org/b", 2));
    for (int i = 0; i < 4; i++)
        run_one(f);
    assert_ok(site_load(f->db, &doc, &err));
    assert_true(asprintf(&out, "%s/parts", f->home) > 0);
    struct site_options options = { .out = out, .gnuplot = "" };
    assert_ok(site_build(doc, &options, &whole, &err));
    struct db *site = fixture_open(f, "assay_site");
    assert_ok(site_build_from(site, &options, &parts, &err));
    assert_true(parts.n_files > 20);
    assert_int_equal(parts.n_files, whole.n_files);
    assert_int_equal(parts.n_changed, 0);
    assert_ok(site_check(out, &whole, &err));
    site_report_release(&whole);
    json_decref(doc);
    db_close(site);
    free(out);
}

/* An error in the middle leaves the old site, and the snapshot is over. */
static void a_database_that_fails_leaves_the_old_site(void **state) {
    struct fixture *f = *state;
    char *out = NULL;
    json_decref(fixture_submit(f, "org/a", 2));
    run_one(f);
    assert_true(asprintf(&out, "%s/failing", f->home) > 0);
    struct site_options options = { .out = out, .gnuplot = "" };
    assert_ok(site_build_from(f->db, &options, NULL, &err));
    fixture_sql(f, "ALTER VIEW site_results RENAME TO site_results_gone");
    struct err why = ERR_INIT;
    assert_false(site_build_from(f->db, &options, NULL, &why));
    assert_non_null(strstr(why.msg, "site_results"));
    fixture_sql(f, "ALTER VIEW site_results_gone RENAME TO site_results");
    struct site_report report = { 0 };
    assert_ok(site_build_from(f->db, &options, &report, &err));
    assert_int_equal(report.n_changed, 0);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_board_is_read_alone, fixture_reset),
        cmocka_unit_test_setup(what_is_published_becomes_one_document, fixture_reset),
        cmocka_unit_test_setup(a_site_can_be_built_from_it, fixture_reset),
        cmocka_unit_test_setup(parts_of_the_database_make_the_pages_of_the_document, fixture_reset),
        cmocka_unit_test_setup(a_database_that_fails_leaves_the_old_site, fixture_reset),
    };
    return FIXTURE_MAIN("site-gen.load", tests);
}

#include "tests/db/fixture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/site.h"

/* Runs the first job in the queue, with two samples, of which the second is right. */
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
    json_object_set_new(record, "n", json_integer(2));
    json_object_set_new(record, "profile", json_string("plain"));
    json_object_set_new(record, "scores",
        json_pack("{s:s, s:s, s:[{s:i, s:s}]}", "metric", "acc", "docs", "00112233aabbccdd",
            "parts", "n", 2, "bits", "Ag=="));
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

static bool holds(const char *out, const char *name, const char *text) {
    char *path = path_join(out, name);
    struct strbuf page = { 0 };
    assert_ok(file_read(path, (size_t)1 << 24, &page, &err));
    bool found = strstr(strbuf_str(&page), text) != NULL;
    strbuf_release(&page);
    free(path);
    return found;
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
    struct sample_source samples = site_samples_in(f->db);
    struct site_options options = {
        .out = out, .gnuplot = "", .run_pages = 2, .samples = &samples
    };
    assert_ok(site_build(doc, &options, &whole, &err));
    struct db *site = fixture_open(f, "assay_site");
    assert_ok(site_build_from(site, &options, &parts, &err));
    assert_true(parts.n_files > 20);
    assert_int_equal(parts.n_files, whole.n_files);
    assert_int_equal(parts.n_changed, 0);
    assert_true(holds(out, "t/task0/index.html", "1 of 2 documents are scored 0 for each of 2"));
    assert_ok(site_check(out, &whole, &err));
    site_report_release(&whole);
    json_decref(doc);
    db_close(site);
    free(out);
}

/* ---- what a build remembers ---- */

/* Whatever was kept, the site is the one that the whole document makes. */
static void assert_as_made_afresh(struct fixture *f, const struct site_options *options) {
    json_t *doc = NULL;
    struct site_report report = { 0 };
    assert_ok(site_build_from(f->db, options, &report, &err));
    int n_files = report.n_files, n_pages = report.n_pages;
    char *memory = path_join(options->out, ".assay-memory");
    assert_true(file_exists(memory));
    free(memory);
    assert_ok(site_load(f->db, &doc, &err));
    assert_ok(site_build(doc, options, &report, &err));
    assert_int_equal(report.n_changed, 0);
    assert_int_equal(report.n_files, n_files);
    assert_int_equal(report.n_pages, n_pages);
    json_decref(doc);
    assert_ok(site_build_from(f->db, options, &report, &err)); /* the document left no memory */
}

static void what_changed_is_made_again(void **state) {
    static const char *const CHANGES[] = {
        "UPDATE runs SET superseded_at = clock_timestamp(), superseded_why = 'a mistake' "
        "WHERE run_id = (SELECT min(run_id) FROM runs)",
        "DELETE FROM standing_runs WHERE run_id = (SELECT min(run_id) FROM runs)",
        "UPDATE revisions SET licence = 'other-1.0' WHERE revision_id = (SELECT min(revision_id) "
        "FROM "
        "revisions)",
        "UPDATE tasks SET paused_at = clock_timestamp() WHERE task_id = (SELECT min(task_id) FROM "
        "tasks)",
        "INSERT INTO archived_chunks SELECT set_id, chunk, n, sha256, 10, false FROM "
        "sample_chunks; "
        "DELETE FROM sample_chunks",
        "UPDATE archived_chunks SET dropped = true",
        "INSERT INTO standings (name, standing, reason, actor) VALUES ('org/b', 'withdrawn', "
        "'asked for', 'x')",
    };
    struct fixture *f = *state;
    char *out = NULL;
    json_decref(fixture_submit(f, "org/a", 3));
    json_decref(fixture_submit(f, "org/b", 2));
    run_one(f);
    run_one(f);
    assert_true(asprintf(&out, "%s/remembering", f->home) > 0);
    struct sample_source samples = site_samples_in(f->db);
    struct site_options options = { .out = out,
        .gnuplot = "",
        .base_url = "https://bench.example",
        .run_pages = 2,
        .samples = &samples };
    assert_as_made_afresh(f, &options);
    run_one(f);
    assert_as_made_afresh(f, &options);
    json_decref(fixture_submit(f, "org/c", 2));
    assert_as_made_afresh(f, &options);
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
        fixture_sql(f, CHANGES[i]);
        assert_as_made_afresh(f, &options);
    }
    options.run_pages = 1;
    assert_as_made_afresh(f, &options);
    options.title = "Another";
    assert_as_made_afresh(f, &options);
    free(out);
}

/* A mark that no build makes stays where the page is kept, and goes where it is made again. */
static void what_did_not_change_is_kept(void **state) {
    static const char A[] = "m/org/a/index.html", B[] = "m/org/b/index.html";
    struct fixture *f = *state;
    char *out = NULL;
    json_decref(fixture_submit(f, "org/a", 2));
    run_one(f);
    json_decref(fixture_submit(f, "org/b", 1));
    assert_true(asprintf(&out, "%s/kept", f->home) > 0);
    struct site_options options = { .out = out, .gnuplot = "" };
    struct site_report first = { 0 }, second = { 0 };
    assert_ok(site_build_from(f->db, &options, &first, &err));
    char *const pages[] = { path_join(out, A), path_join(out, B) };
    for (size_t i = 0; i < 2; i++) {
        assert_ok(file_write_atomic(pages[i], "marked", 6, &err));
        free(pages[i]);
    }
    fixture_sql(f, "UPDATE jobs SET priority = 9 WHERE state = 'queued'");
    fixture_sql(f, "UPDATE revisions SET licence = 'other-1.0' FROM models m WHERE m.model_id = "
                   "revisions.model_id AND m.name = 'org/b'");
    assert_ok(site_build_from(f->db, &options, &second, &err));
    assert_true(holds(out, A, "marked"));
    assert_false(holds(out, B, "marked"));
    assert_int_equal(second.n_pages, first.n_pages);
    options.afresh = true;
    assert_ok(site_build_from(f->db, &options, &second, &err));
    assert_false(holds(out, A, "marked"));
    free(out);
}

/* Nothing in the file is believed beyond what it says of files that are there. */
static void a_broken_memory_makes_a_whole_build(void **state) {
    static const char *const BROKEN[] = { "", "{", "[]", "{\"schema\": \"assay.site.memory/1\"}" };
    struct fixture *f = *state;
    char *out = NULL;
    json_decref(fixture_submit(f, "org/a", 2));
    run_one(f);
    assert_true(asprintf(&out, "%s/broken", f->home) > 0);
    char *memory = path_join(out, ".assay-memory"), *page = path_join(out, "m/org/a/index.html");
    struct site_options options = { .out = out, .gnuplot = "" };
    struct site_report report = { 0 };
    assert_ok(site_build_from(f->db, &options, NULL, &err));
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        assert_ok(file_write_atomic(memory, BROKEN[i], strlen(BROKEN[i]), &err));
        assert_ok(site_build_from(f->db, &options, &report, &err));
        assert_int_equal(report.n_changed, 0);
    }
    assert_int_equal(unlink(page), 0); /* a file of a part is gone: the part is made again */
    assert_ok(site_build_from(f->db, &options, &report, &err));
    assert_int_equal(report.n_changed, 1);
    assert_true(file_exists(page));
    free(memory);
    free(page);
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
    options.afresh = true; /* else nothing is read */
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
        cmocka_unit_test_setup(samples_are_read_run_by_run, fixture_reset),
        cmocka_unit_test_setup(a_site_can_be_built_from_it, fixture_reset),
        cmocka_unit_test_setup(parts_of_the_database_make_the_pages_of_the_document, fixture_reset),
        cmocka_unit_test_setup(a_database_that_fails_leaves_the_old_site, fixture_reset),
        cmocka_unit_test_setup(what_changed_is_made_again, fixture_reset),
        cmocka_unit_test_setup(what_did_not_change_is_kept, fixture_reset),
        cmocka_unit_test_setup(a_broken_memory_makes_a_whole_build, fixture_reset),
    };
    return FIXTURE_MAIN("site-gen.load", tests);
}

#include "tests/db/fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strbuf.h"

struct spooled {
    struct fixture *f;
    char dir[100], file[120], aside[120];
    struct worker w;
    struct job job;
    char *text;
};

/* A job of attempt 1 is claimed, its result with one chunk is in the spool. */
static void begin(struct spooled *s, void **state) {
    static const char lines[] = "{\"id\":1}\n";
    struct chunk chunk;
    s->f = *state;
    snprintf(s->dir, sizeof s->dir, "%s/spool", s->f->home);
    if (dir_exists(s->dir))
        assert_ok(dir_remove(s->dir, &err));
    json_decref(fixture_submit(s->f, "org/a", 1));
    fixture_worker(s->f, &s->w);
    fixture_claim(s->f, &s->w, 90, &s->job);
    snprintf(s->file, sizeof s->file, "%s/%lld.1.res", s->dir, s->job.key.job);
    snprintf(s->aside, sizeof s->aside, "%s/refused/%lld.1.res", s->dir, s->job.key.job);
    assert_ok(chunk_pack(&chunk, 0, 1, "build1", lines, sizeof lines - 1, &err));
    json_t *record = fixture_record_json(s->job.task_sha256, 0.5);
    json_object_set_new(
        record, "chunks", json_pack("[{s:i, s:s}]", "chunk", 0, "sha256", chunk.sha256));
    assert_ok(s->text = record_text(record, &err));
    assert_ok(spool_write(s->dir, &s->job.key, s->text, &chunk, 1, &err));
    assert_true(file_exists(s->file));
    json_decref(record);
    chunk_release(&chunk);
}

static void end(struct spooled *s) {
    free(s->text);
    job_release(&s->job);
}

static void deliver(struct spooled *s, int delivered, int refused) {
    struct spool_counts n;
    assert_ok(spool_deliver(s->dir, s->f->db, &n, &err));
    assert_int_equal(n.delivered, delivered);
    assert_int_equal(n.refused, refused);
    assert_int_equal(n.left, 0);
    assert_false(file_exists(s->file));
    assert_int_equal(file_exists(s->aside), refused);
}

static void a_spooled_result_is_delivered_with_its_chunks(void **state) {
    struct spooled s;
    enum queue_answer answer;
    begin(&s, state);
    assert_ok(spool_deliver_job(s.dir, s.f->db, &s.job.key, &answer, &err));
    assert_int_equal(answer, QUEUE_OK);
    assert_false(file_exists(s.file));
    assert_int_equal(fixture_int(s.f, "SELECT count(*) FROM site_samples"), 1);
    end(&s);
}

static void a_delivery_takes_the_next_job_along(void **state) {
    struct spooled s;
    enum queue_answer answer;
    struct job next;
    bool found = false;
    begin(&s, state);
    json_decref(fixture_submit(s.f, "org/b", 1));
    assert_ok(
        spool_deliver_turn(s.dir, s.f->db, &s.w, &s.job.key, NULL, &answer, &next, &found, &err));
    assert_int_equal(answer, QUEUE_OK);
    assert_true(found);
    assert_string_equal(next.model, "org/b");
    assert_false(file_exists(s.file));
    job_release(&next);
    assert_ok(
        spool_deliver_turn(s.dir, s.f->db, &s.w, &s.job.key, NULL, &answer, &next, &found, &err));
    assert_int_equal(answer, QUEUE_ALREADY); /* the file is gone */
    assert_false(found);
    end(&s);
}

static void any_worker_delivers_what_another_left(void **state) {
    struct spooled s;
    begin(&s, state);
    fixture_lose_lease(s.f, s.job.key.job);
    deliver(&s, 1, 0);
    assert_string_equal(fixture_sql(s.f, "SELECT state FROM jobs"), "done");
    deliver(&s, 0, 0);
    end(&s);
}

static void a_result_that_arrived_before_is_simply_removed(void **state) {
    struct spooled s;
    enum queue_answer answer;
    struct spool_item item;
    struct strbuf b = { 0 };
    begin(&s, state);
    assert_ok(file_read(s.file, 1 << 20, &b, &err));
    assert_ok(spool_parse(&item, b.text, b.len, "x", &err));
    assert_ok(chunk_put(s.f->db, &item.key, &item.chunks[0], &answer, &err));
    assert_ok(queue_finish(s.f->db, &item.key, item.record, &answer, &err));
    deliver(&s, 1, 0);
    assert_int_equal(fixture_int(s.f, "SELECT count(*) FROM runs"), 1);
    spool_item_release(&item);
    strbuf_release(&b);
    end(&s);
}

static void a_superseded_result_is_kept_aside(void **state) {
    struct spooled s;
    struct worker other;
    struct job again;
    begin(&s, state);
    fixture_lose_lease(s.f, s.job.key.job);
    fixture_worker(s.f, &other);
    fixture_claim(s.f, &other, 90, &again);
    deliver(&s, 0, 1);
    assert_int_equal(fixture_int(s.f, "SELECT count(*) FROM runs"), 0);
    job_release(&again);
    end(&s);
}

static void a_damaged_file_is_kept_aside(void **state) {
    struct spooled s;
    begin(&s, state);
    assert_int_equal(truncate(s.file, 100), 0);
    deliver(&s, 0, 1);
    end(&s);
}

static void what_is_no_file_is_kept_aside_and_stops_nobody(void **state) {
    struct spooled s;
    struct spool_counts n;
    char folder[120], aside[120], inside[140];
    begin(&s, state);
    snprintf(folder, sizeof folder, "%s/0.1.res", s.dir);
    snprintf(aside, sizeof aside, "%s/refused/0.1.res-1", s.dir);
    snprintf(inside, sizeof inside, "%s/x", folder);
    for (int i = 0; i < 2; i++) { /* the second finds its name taken */
        assert_ok(dir_make(inside, &err));
        assert_ok(spool_deliver(s.dir, s.f->db, &n, &err));
        assert_int_equal(n.delivered, i == 0);
        assert_int_equal(n.refused, 1);
        assert_false(dir_exists(folder));
    }
    assert_true(dir_exists(aside));
    end(&s);
}

static void while_the_database_is_away_files_stay(void **state) {
    struct spooled s;
    struct spool_counts n;
    struct err away = ERR_INIT;
    begin(&s, state);
    struct db_options o = { .home = s.f->home, .retry_s = 1 };
    struct db *db;
    assert_ok(db = db_open(&o, &err));
    assert_ok(cluster_down(s.f->home, NULL, &err));
    assert_false(spool_deliver(s.dir, db, &n, &away));
    assert_int_equal(away.class, ERR_DB);
    assert_int_equal(n.left, 1);
    assert_true(file_exists(s.file));
    assert_ok(cluster_up(s.f->home, NULL, &err));
    assert_ok(spool_deliver(s.dir, db, &n, &err));
    assert_int_equal(n.delivered, 1);
    assert_string_equal(fixture_sql(s.f, "SELECT state FROM jobs"), "done");
    db_close(db);
    end(&s);
}

static void no_prefix_and_no_flipped_bit_is_taken_for_a_file(void **state) {
    struct spooled s;
    struct spool_item item;
    struct strbuf b = { 0 };
    struct err why = ERR_INIT;
    begin(&s, state);
    assert_ok(file_read(s.file, 1 << 20, &b, &err));
    for (size_t n = 0; n < b.len; n++)
        assert_false(spool_parse(&item, b.text, n, "x", &why));
    for (size_t i = 0; i < b.len; i++) {
        b.text[i] = (char)(b.text[i] ^ 4);
        assert_false(spool_parse(&item, b.text, b.len, "x", &why));
        b.text[i] = (char)(b.text[i] ^ 4);
    }
    assert_true(spool_parse(&item, b.text, b.len, "x", &why));
    assert_string_equal(item.record, s.text);
    spool_item_release(&item);
    strbuf_release(&b);
    end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_spooled_result_is_delivered_with_its_chunks, fixture_reset),
        cmocka_unit_test_setup(a_delivery_takes_the_next_job_along, fixture_reset),
        cmocka_unit_test_setup(any_worker_delivers_what_another_left, fixture_reset),
        cmocka_unit_test_setup(a_result_that_arrived_before_is_simply_removed, fixture_reset),
        cmocka_unit_test_setup(a_superseded_result_is_kept_aside, fixture_reset),
        cmocka_unit_test_setup(a_damaged_file_is_kept_aside, fixture_reset),
        cmocka_unit_test_setup(what_is_no_file_is_kept_aside_and_stops_nobody, fixture_reset),
        cmocka_unit_test_setup(while_the_database_is_away_files_stay, fixture_reset),
        cmocka_unit_test_setup(no_prefix_and_no_flipped_bit_is_taken_for_a_file, fixture_reset),
    };
    return FIXTURE_MAIN("db.spool", tests);
}

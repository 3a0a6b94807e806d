#include "tests/db/fixture.h"

#include <zstd.h>

static const char lines[] = "{\"id\":1,\"acc\":1}\n{\"id\":2,\"acc\":0}\n";

static struct chunk make(int number, const char *text) {
    struct chunk chunk;
    assert_ok(chunk_pack(&chunk, number, 2, "build1", text, strlen(text), &err));
    return chunk;
}

static void put(struct fixture *f, const struct job_key *key, int number, const char *text,
    enum queue_answer expected) {
    struct chunk chunk = make(number, text);
    enum queue_answer answer = QUEUE_N_ANSWERS;
    assert_ok(chunk_put(f->db, key, &chunk, &answer, &err));
    assert_string_equal(queue_answer_name(answer), queue_answer_name(expected));
    chunk_release(&chunk);
}

static void a_chunk_comes_back_as_it_was(void **state) {
    (void)state;
    struct chunk chunk = make(0, lines);
    size_t n;
    char *text;
    assert_ok(text = chunk_unpack(chunk.body, chunk.size, &n, &err));
    assert_int_equal(n, strlen(lines));
    assert_memory_equal(text, lines, n);
    free(text);
    chunk_release(&chunk);
}

static void bombs_and_damage_are_refused(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    size_t n;
    struct chunk chunk = make(0, lines);
    for (size_t cut = 0; cut < chunk.size; cut++) {
        assert_null(chunk_unpack(chunk.body, cut, &n, &err));
        assert_int_equal(err.class, ERR_INPUT);
    }
    chunk_release(&chunk);
    size_t huge = CHUNK_TEXT_MAX + 1, bound = ZSTD_compressBound(huge);
    char *zeros = calloc(1, huge), *packed = malloc(bound);
    size_t size = ZSTD_compress(packed, bound, zeros, huge, 1);
    assert_null(chunk_unpack(packed, size, &n, &err));
    assert_false(chunk_pack(&chunk, 0, 1, "b", zeros, huge, &err));
    free(zeros);
    free(packed);
}

static void begin(struct fixture *f, struct worker *w, struct job *job) {
    json_decref(fixture_submit(f, "org/a", 1));
    fixture_worker(f, w);
    fixture_claim(f, w, 90, job);
}

static void a_chunk_is_stored_once_and_never_changed_by_its_own_attempt(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    begin(f, &w, &job);
    put(f, &job.key, 0, lines, QUEUE_OK);
    put(f, &job.key, 0, lines, QUEUE_ALREADY);
    put(f, &job.key, 0, "{}\n", QUEUE_STALE);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM site_samples"),
        0); /* nothing is seen before the end */
    job_release(&job);
}

static void another_attempt_resumes_from_what_is_stored(void **state) {
    struct fixture *f = *state;
    struct worker w, w2;
    struct job job, again;
    struct chunk *chunks;
    size_t n;
    begin(f, &w, &job);
    put(f, &job.key, 0, lines, QUEUE_OK);
    put(f, &job.key, 1, lines, QUEUE_OK);
    fixture_lose_lease(f, job.key.job);
    fixture_worker(f, &w2);
    fixture_claim(f, &w2, 90, &again);
    assert_ok(chunk_list(f->db, &again.key, &chunks, &n, &err));
    assert_int_equal(n, 2);
    assert_string_equal(chunks[1].build, "build1");
    assert_int_equal(chunks[1].n, 2);
    size_t len;
    char *text;
    assert_ok(text = chunk_unpack(chunks[0].body, chunks[0].size, &len, &err));
    assert_memory_equal(text, lines, len);
    free(text);
    while (n > 0)
        chunk_release(&chunks[--n]);
    free(chunks);
    assert_ok(chunk_list(
        f->db, &job.key, &chunks, &n, &err)); /* the first has no business here any more */
    assert_int_equal(n, 0);
    free(chunks);
    put(f, &again.key, 1, "{}\n", QUEUE_OK); /* measured anew */
    job_release(&job);
    job_release(&again);
}

static void finish_with_chunks(
    struct fixture *f, struct job *job, int listed, bool *ok, enum err_class *class) {
    json_t *record = fixture_record_json(job->task_sha256, 0.5), *list = json_array();
    for (int i = 0; i < listed; i++) {
        struct chunk chunk = make(i, lines);
        json_array_append_new(list, json_pack("{s:i, s:s}", "chunk", i, "sha256", chunk.sha256));
        chunk_release(&chunk);
    }
    json_object_set_new(record, "chunks", list);
    struct err err = ERR_INIT;
    char *text = record_text(record, &err);
    enum queue_answer answer;
    *ok = queue_finish(f->db, &job->key, text, &answer, &err);
    *class = err.class;
    free(text);
    json_decref(record);
}

static void the_run_has_exactly_the_chunks_that_its_record_lists(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    bool ok;
    enum err_class class;
    begin(f, &w, &job);
    put(f, &job.key, 0, lines, QUEUE_OK);
    put(f, &job.key, 7, "left over", QUEUE_OK);
    finish_with_chunks(f, &job, 2, &ok, &class);
    assert_false(ok);
    assert_int_equal(class, ERR_INPUT);
    finish_with_chunks(f, &job, 1, &ok, &class);
    assert_true(ok);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM sample_chunks"), 1);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM site_samples WHERE chunk = 0"), 1);
    put(f, &job.key, 3, lines, QUEUE_STALE); /* it is closed */
    job_release(&job);
}

static void a_chunk_whose_hash_is_wrong_is_refused(void **state) {
    struct fixture *f = *state;
    struct worker w;
    struct job job;
    enum queue_answer answer;
    struct err err = ERR_INIT;
    begin(f, &w, &job);
    struct chunk chunk = make(0, lines);
    ((char *)chunk.body)[5] ^= 1;
    assert_false(chunk_put(f->db, &job.key, &chunk, &answer, &err));
    assert_int_equal(err.class, ERR_INPUT);
    chunk_release(&chunk);
    job_release(&job);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_comes_back_as_it_was),
        cmocka_unit_test(bombs_and_damage_are_refused),
        cmocka_unit_test_setup(
            a_chunk_is_stored_once_and_never_changed_by_its_own_attempt, fixture_reset),
        cmocka_unit_test_setup(another_attempt_resumes_from_what_is_stored, fixture_reset),
        cmocka_unit_test_setup(the_run_has_exactly_the_chunks_that_its_record_lists, fixture_reset),
        cmocka_unit_test_setup(a_chunk_whose_hash_is_wrong_is_refused, fixture_reset),
    };
    return FIXTURE_MAIN("db.chunk", tests);
}

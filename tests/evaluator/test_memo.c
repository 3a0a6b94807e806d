/* The memo's file and index: what was added is found again, by this process and the next; what was
 * torn, flipped or is somebody else's is not. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/eval/memo.h"

/* ---- a store on disk, with both its sides ---- */

struct store {
    char path[64];
    struct memo_writer writer;
    int fd;
    struct memo *memo;
};

static bool keep(const void *records, size_t n, void *arg, struct err *err) {
    return memo_writer_add(&((struct store *)arg)->writer, records, n, err);
}

static void open_store(struct store *s, bool skip_old) {
    struct err err = ERR_INIT;
    if (!memo_writer_open(&s->writer, s->path, 1 << 20, &err)) {
        fail_msg("%s", err.msg);
    }
    s->fd = open(s->path, O_RDONLY | O_CLOEXEC);
    assert_true(s->fd >= 0);
    s->memo = memo_open(
        &(struct memo_options) { .fd = s->fd, .skip_old = skip_old, .keep = keep, .arg = s });
}

static void close_store(struct store *s) {
    memo_close(s->memo);
    memo_writer_close(&s->writer);
    close(s->fd);
}

static int set_up(void **state) {
    struct store *s = xcalloc(1, sizeof *s);
    strcpy(s->path, "/tmp/assay-memo-XXXXXX");
    int fd = mkstemp(s->path);
    close(fd);
    *state = s;
    return fd < 0;
}

static int tear_down(void **state) {
    unlink(((struct store *)*state)->path);
    free(*state);
    return 0;
}

static void key_of(const char *name, uint8_t key[MEMO_KEY]) {
    struct memo_hash *h = memo_hash_new();
    memo_hash_text(h, name);
    memo_hash_end(h, key);
}

static void put(struct memo *m, const char *name, const char *payload) {
    struct err err = ERR_INIT;
    uint8_t key[MEMO_KEY];
    key_of(name, key);
    assert_true(memo_add(m, key, payload, strlen(payload), &err));
}

static bool known(struct memo *m, const char *name, const char *payload) {
    uint8_t key[MEMO_KEY];
    size_t n;
    key_of(name, key);
    const void *found = memo_find(m, key, &n);
    if (!found) {
        return false;
    }
    assert_int_equal(n, strlen(payload));
    assert_memory_equal(found, payload, n);
    return true;
}

static void flush(struct memo *m) {
    struct err err = ERR_INIT;
    assert_true(memo_flush(m, &err));
}

/* ---- the tests ---- */

static void an_answer_is_found_before_and_after_it_is_in_the_file(void **state) {
    struct store *s = *state;
    open_store(s, false);
    put(s->memo, "a", "alpha");
    put(s->memo, "nothing", "");
    assert_true(known(s->memo, "a", "alpha") && known(s->memo, "nothing", ""));
    assert_false(known(s->memo, "b", "beta"));
    put(s->memo, "a", "another"); /* the first one counts */
    flush(s->memo);
    close_store(s);
    open_store(s, false);
    assert_true(known(s->memo, "a", "alpha") && known(s->memo, "nothing", ""));
    put(s->memo, "b", "beta");
    flush(s->memo);
    close_store(s);
    open_store(s, false);
    assert_true(known(s->memo, "a", "alpha") && known(s->memo, "b", "beta"));
    close_store(s);
}

static void old_answers_can_be_left_unread(void **state) {
    struct store *s = *state;
    open_store(s, false);
    put(s->memo, "a", "alpha");
    flush(s->memo);
    close_store(s);
    open_store(s, true);
    assert_false(known(s->memo, "a", "alpha"));
    put(s->memo, "b", "beta");
    flush(s->memo);
    assert_true(known(s->memo, "b", "beta"));
    close_store(s);
}

static void many_answers_are_handed_over_as_they_come(void **state) {
    struct store *s = *state;
    char name[32], payload[256];
    open_store(s, false);
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        memset(payload, 'a' + i % 26, sizeof payload - 1);
        payload[sizeof payload - 1] = 0;
        put(s->memo, name, payload);
    }
    assert_true(s->writer.bytes > 300000); /* without a flush: somebody may be killed now */
    flush(s->memo);
    close_store(s);
    open_store(s, false);
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        memset(payload, 'a' + i % 26, sizeof payload - 1);
        assert_true(known(s->memo, name, payload));
    }
    close_store(s);
}

static void a_file_cut_anywhere_gives_its_whole_answers_and_goes_on(void **state) {
    struct store *s = *state;
    struct err err = ERR_INIT;
    struct strbuf whole = { 0 };
    open_store(s, false);
    put(s->memo, "a", "alpha");
    put(s->memo, "b", "beta");
    put(s->memo, "c", "gamma");
    flush(s->memo);
    close_store(s);
    assert_true(file_read(s->path, 1 << 16, &whole, &err));
    size_t first = 24 + 5, second = first + 24 + 4;
    for (size_t cut = 0; cut < whole.len; cut++) {
        assert_true(file_write_atomic(s->path, whole.text, cut, &err));
        open_store(s, false);
        assert_int_equal(known(s->memo, "a", "alpha"), cut >= first);
        assert_int_equal(known(s->memo, "b", "beta"), cut >= second);
        assert_false(known(s->memo, "c", "gamma"));
        put(s->memo, "d", "delta"); /* the writer has cut off what was torn */
        flush(s->memo);
        close_store(s);
        open_store(s, false);
        assert_int_equal(known(s->memo, "b", "beta"), cut >= second);
        assert_true(known(s->memo, "d", "delta"));
        close_store(s);
    }
    strbuf_release(&whole);
}

static void a_flipped_bit_is_not_an_answer(void **state) {
    struct store *s = *state;
    struct err err = ERR_INIT;
    struct strbuf whole = { 0 };
    open_store(s, false);
    put(s->memo, "a", "alpha");
    flush(s->memo);
    close_store(s);
    assert_true(file_read(s->path, 1 << 16, &whole, &err));
    for (size_t bit = 0; bit < 8 * whole.len; bit++) {
        whole.text[bit / 8] ^= (char)(1 << bit % 8);
        int fd = open(s->path, O_WRONLY | O_TRUNC);
        assert_int_equal(write(fd, whole.text, whole.len), whole.len);
        close(fd);
        open_store(s, false);
        assert_false(known(s->memo, "a", "alpha"));
        close_store(s);
        whole.text[bit / 8] ^= (char)(1 << bit % 8);
    }
    strbuf_release(&whole);
}

static void two_writers_append_beside_each_other(void **state) {
    struct store *s = *state, other = *s;
    open_store(s, false);
    open_store(&other, false);
    put(s->memo, "a", "alpha");
    put(other.memo, "b", "beta");
    flush(other.memo);
    flush(s->memo);
    close_store(s);
    close_store(&other);
    open_store(s, false);
    assert_true(known(s->memo, "a", "alpha") && known(s->memo, "b", "beta"));
    close_store(s);
}

static void a_torn_end_stays_while_somebody_else_writes(void **state) {
    struct store *s = *state, other = *s;
    struct stat st;
    open_store(s, false);
    assert_int_equal(write(s->writer.fd, "torn", 4), 4); /* not done yet, for all that is known */
    open_store(&other, false);
    assert_int_equal(fstat(other.fd, &st), 0);
    assert_int_equal(st.st_size, 4);
    close_store(&other);
    close_store(s);
    open_store(s, false);
    assert_int_equal(s->writer.bytes, 0);
    close_store(s);
}

static void a_full_store_takes_no_more_and_says_nothing(void **state) {
    struct store *s = *state;
    struct err err = ERR_INIT;
    open_store(s, false);
    s->writer.max_bytes = 60;
    put(s->memo, "a", "alpha");
    flush(s->memo);
    put(s->memo, "b", "a longer answer than fits here");
    flush(s->memo);
    assert_true(known(s->memo, "b", "a longer answer than fits here")); /* for this process */
    close_store(s);
    open_store(s, false);
    assert_true(known(s->memo, "a", "alpha"));
    assert_false(known(s->memo, "b", ""));
    close_store(s);
    assert_int_equal(err.class, ERR_NONE);
}

static void what_is_no_record_is_refused_by_the_writer(void **state) {
    struct store *s = *state;
    struct err err = ERR_INIT;
    open_store(s, false);
    assert_false(memo_writer_add(&s->writer, "not a record, not at all, really", 32, &err));
    assert_int_equal(err.class, ERR_INPUT);
    close_store(s);
}

static void keys_know_where_their_fields_end(void **state) {
    static const char *const FIELDS[][2] = { { "ab", "c" }, { "a", "bc" }, { "abc", "" },
        { "abc", NULL }, { NULL, "abc" }, { "", "abc" } };
    enum { N = sizeof FIELDS / sizeof *FIELDS };
    uint8_t keys[N][MEMO_KEY];
    (void)state;
    for (int i = 0; i < N; i++) {
        struct memo_hash *h = memo_hash_new();
        memo_hash_text(h, FIELDS[i][0]);
        memo_hash_text(h, FIELDS[i][1]);
        memo_hash_end(h, keys[i]);
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(keys[i], keys[j], MEMO_KEY);
        }
    }
}

static void no_memo_knows_nothing(void **state) {
    struct err err = ERR_INIT;
    uint8_t key[MEMO_KEY] = { 0 };
    size_t n;
    (void)state;
    assert_null(memo_find(NULL, key, &n));
    assert_true(memo_add(NULL, key, "x", 1, &err) && memo_flush(NULL, &err));
    memo_close(NULL);
}

int main(void) {
#define WITH_STORE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(an_answer_is_found_before_and_after_it_is_in_the_file),
        WITH_STORE(old_answers_can_be_left_unread),
        WITH_STORE(many_answers_are_handed_over_as_they_come),
        WITH_STORE(a_file_cut_anywhere_gives_its_whole_answers_and_goes_on),
        WITH_STORE(a_flipped_bit_is_not_an_answer),
        WITH_STORE(two_writers_append_beside_each_other),
        WITH_STORE(a_torn_end_stays_while_somebody_else_writes),
        WITH_STORE(a_full_store_takes_no_more_and_says_nothing),
        WITH_STORE(what_is_no_record_is_refused_by_the_writer),
        cmocka_unit_test(keys_know_where_their_fields_end),
        cmocka_unit_test(no_memo_knows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

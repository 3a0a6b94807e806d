/* Frames over a pipe: whole, in pieces, and those that are none. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "evaluator/worker/frame.h"

struct ends {
    int in, out;
};

static struct ends open_pipe(void) {
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    return (struct ends) { .in = fds[0], .out = fds[1] };
}

static void feed(struct ends *e, const void *data, size_t n) {
    assert_int_equal(write(e->out, data, n), n);
}

static void frames_come_out_as_they_went_in(void **state) {
    struct ends e = open_pipe();
    struct frame_reader r = { 0 };
    struct frame f;
    struct err err = ERR_INIT;
    bool found, end;
    (void)state;
    assert_true(frame_write(e.out, FRAME_PROGRESS, "{}", 2, &err));
    assert_true(frame_write(e.out, FRAME_SAMPLES, "a\0b", 3, &err));
    assert_true(frame_write(e.out, FRAME_DONE, "", 0, &err));
    close(e.out);
    assert_true(frame_reader_fill(&r, e.in, &end, &err));
    assert_false(end);
    assert_true(frame_reader_next(&r, &f, &found, &err) && found);
    assert_int_equal(f.tag, FRAME_PROGRESS);
    assert_memory_equal(f.data, "{}", 2);
    assert_true(frame_reader_next(&r, &f, &found, &err) && found);
    assert_int_equal(f.n, 3);
    assert_memory_equal(f.data, "a\0b", 3);
    assert_true(frame_reader_next(&r, &f, &found, &err) && found);
    assert_int_equal(f.tag, FRAME_DONE);
    assert_int_equal(f.n, 0);
    assert_true(frame_reader_next(&r, &f, &found, &err) && !found);
    assert_true(frame_reader_fill(&r, e.in, &end, &err) && end);
    frame_reader_release(&r);
    close(e.in);
}

static void frames_split_anywhere_are_put_together(void **state) {
    static const char BYTES[] = "P\2\0\0\0{}R\3\0\0\0[1]D\0\0\0\0";
    const size_t n = sizeof BYTES - 1;
    (void)state;
    for (size_t cut = 0; cut <= n; cut++) {
        struct ends e = open_pipe();
        struct frame_reader r = { 0 };
        struct frame f;
        struct err err = ERR_INIT;
        bool found = true, end;
        unsigned count = 0;
        for (int part = 0; part < 2; part++) {
            size_t from = part ? cut : 0, to = part ? n : cut;
            if (to == from) {
                continue;
            }
            feed(&e, BYTES + from, to - from);
            assert_true(frame_reader_fill(&r, e.in, &end, &err));
            for (;;) {
                assert_true(frame_reader_next(&r, &f, &found, &err));
                if (!found) {
                    break;
                }
                assert_int_equal(f.tag, "PRD"[count]);
                count++;
            }
        }
        assert_int_equal(count, 3);
        frame_reader_release(&r);
        close(e.in);
        close(e.out);
    }
}

/* The reader's answer to these bytes. */
static bool reads(const char *bytes, size_t n, bool *found) {
    struct ends e = open_pipe();
    struct frame_reader r = { 0 };
    struct frame f;
    struct err err = ERR_INIT;
    bool end;
    feed(&e, bytes, n);
    assert_true(frame_reader_fill(&r, e.in, &end, &err));
    bool ok = frame_reader_next(&r, &f, found, &err);
    assert_int_equal(err.class, ok ? ERR_NONE : ERR_CRASH);
    frame_reader_release(&r);
    close(e.in);
    close(e.out);
    return ok;
}

static void what_is_not_a_frame_is_refused(void **state) {
    bool found;
    (void)state;
    assert_false(reads("Z\0\0\0\0", 5, &found));
    assert_false(reads("\0\0\0\0\0", 5, &found));
    assert_false(reads("Hello, world", 12, &found));
    assert_false(reads("P\xff\xff\xff\xff", 5, &found));
    assert_false(reads("P\1\0\0\4", 5, &found)); /* one more than the largest */
    assert_true(reads("P\0\0\0\4", 5, &found));  /* the largest: more has to come */
    assert_false(found);
    assert_true(reads("P\0\0\0", 4, &found));
    assert_false(found);
}

static void a_reader_that_is_gone_is_an_error(void **state) {
    struct ends e = open_pipe();
    struct err err = ERR_INIT;
    (void)state;
    close(e.in);
    assert_false(frame_write(e.out, FRAME_DONE, "", 0, &err));
    assert_int_equal(err.class, ERR_INTERRUPTED);
    close(e.out);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_as_they_went_in),
        cmocka_unit_test(frames_split_anywhere_are_put_together),
        cmocka_unit_test(what_is_not_a_frame_is_refused),
        cmocka_unit_test(a_reader_that_is_gone_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The parent's checks of what a task's process sends, without such a process: what its Lua side
 * would never let through must not get through here either. */
#include "task_main.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

#include "evaluator/task/frames.h"
#include "evaluator/task/wire.h"

static json_t *header(const char *kind) {
    json_t *h = json_pack("{s:s, s:{s:s, s:i}, s:s, s:[s], s:s, s:i}", "kind", kind, "described",
        "name", "x", "version", 1, "main", "acc", "report", "acc", "degraded", "", "shots", 0);
    char sha256[65];
    memset(sha256, 'a', 64);
    sha256[64] = '\0';
    json_object_set_new(h, "task_sha256", json_string(sha256));
    return h;
}

static bool take(const char *kind, const char *text) {
    struct err err = ERR_INIT;
    struct task *t = xcalloc(1, sizeof *t);
    json_t *h = header(kind), *frame = json_parse(text, strlen(text), "frame", &err);
    assert_non_null(frame);
    assert_true(frames_header(t, "x.lua", h, &err));
    bool ok = frames_document(t, frame, &err);
    assert_true(ok || err.class == ERR_INPUT);
    json_decref(h);
    json_decref(frame);
    task_free(t);
    return ok;
}

#define DOC(gold, context)                                                                         \
    "{\"doc\": {\"index\": 0, \"questions\": [\"q\"], \"choices\": [{\"text\": \"a\", "            \
    "\"continuation\": \" a\", "                                                                   \
    "\"context\": 0}, {\"text\": \"b\", \"continuation\": \" b\", \"context\": " context           \
    "}], \"gold\": " gold "}}"

#define LABELLED(what, labels)                                                                     \
    "{\"" what "\": {\"index\": 0, \"text\": \"t\", \"labels\": " labels "}}"

static void documents_are_checked_again(void **state) {
    (void)state;
    assert_true(take("choice", DOC("[1]", "0")));
    assert_true(take("choice", DOC("false", "0"))); /* none is right */
    assert_false(take("choice", DOC("true", "0")));
    assert_false(take("choice", DOC("[2]", "0")));
    assert_false(take("choice", DOC("[-1]", "0")));
    assert_false(take("choice", DOC("[0, 1, 1]", "0")));
    assert_false(take("choice", DOC("[]", "0")));
    assert_false(take("choice", DOC("[\"1\"]", "0")));
    assert_false(take("choice", DOC("[1]", "1")));
    assert_false(take("sts", DOC("[1]", "0")));
    assert_true(take("sts", "{\"doc\": {\"index\": 0, \"a\": \"x\", \"b\": \"y\", \"score\": 1}}"));
    assert_false(take("sts", "{\"doc\": {\"index\": 0, \"a\": \"x\", \"b\": \"y\"}}"));
    assert_false(
        take("sts", "{\"doc\": {\"index\": 0, \"a\": \"x\\u0000\", \"b\": \"y\", \"score\": 1}}"));
    assert_false(
        take("retrieval", "{\"qrel\": {\"query\": \"q\", \"passage\": \"p\", \"gain\": 1}}"));
    assert_false(take("sts", "{\"passage\": {\"id\": \"p\", \"text\": \"t\"}}"));
    assert_false(take("sts", "{\"noise\": 1}"));
    assert_false(take("sts", "{\"example\": {\"text\": \"t\", \"labels\": [1]}}"));
    assert_true(take("classification", LABELLED("doc", "[1]")));
    assert_true(take("classification", LABELLED("doc", "[\"a\"]")));
    assert_true(take("classification", LABELLED("example", "[1]")));
    assert_false(take("classification", LABELLED("doc", "[1, 2]")));
    assert_false(take("classification", LABELLED("doc", "[]")));
    assert_false(take("classification", LABELLED("doc", "[1.5]")));
    assert_false(take("classification", LABELLED("doc", "[\"a\\u0000\"]")));
    assert_false(take("classification", "{\"doc\": {\"index\": 0, \"labels\": [1]}}"));
    assert_false(take("classification", "{\"experiment\": [0]}")); /* of no examples */
    assert_false(take("classification", "{\"experiment\": []}"));
    assert_true(take("multilabel", LABELLED("doc", "[]")));
    assert_true(take("multilabel", LABELLED("doc", "{}")));
    assert_true(take("multilabel", LABELLED("doc", "[1, 2]")));
    assert_false(take("multilabel", LABELLED("doc", "[1, \"2\"]"))); /* numbers or names */
    assert_false(take("multilabel", LABELLED("doc", "7")));
    assert_false(take("clustering", LABELLED("doc", "[]")));
    assert_false(take("clustering", LABELLED("example", "[1]")));
    assert_true(take("clustering", "{\"sampling\": {\"population\": 9, \"sampled\": 9}}"));
    assert_false(take("clustering", "{\"sampling\": {\"population\": 9, \"sampled\": 10}}"));
    assert_false(take("sts", "{\"sampling\": {\"population\": 9, \"sampled\": 9}}"));
}

static bool take_next(struct task *t, const char *text) {
    struct err err = ERR_INIT;
    json_t *frame = json_parse(text, strlen(text), "frame", &err);
    assert_non_null(frame);
    bool ok = frames_document(t, frame, &err);
    json_decref(frame);
    return ok;
}

#define OF(subset, what) "{\"subset\": \"" subset "\", " what "}"
#define PASSAGE(subset, id) "{\"passage\": " OF(subset, "\"id\": \"" id "\", \"text\": \"t\"") "}"
#define QUERY(subset, id)                                                                          \
    "{\"doc\": " OF(subset, "\"index\": 0, \"id\": \"" id "\", \"text\": \"q\"") "}"
#define QREL(subset, query, passage)                                                               \
    OF(subset, "\"qrel\": {\"query\": \"" query "\", \"passage\": \"" passage "\", \"gain\": 1}")

static struct task *begin(const char *kind) {
    struct err err = ERR_INIT;
    struct task *t = xcalloc(1, sizeof *t);
    json_t *h = header(kind);
    assert_true(frames_header(t, "x.lua", h, &err));
    json_decref(h);
    return t;
}

static void judgements_find_passages_of_their_subset(void **state) {
    (void)state;
    struct task *t = begin("retrieval");
    assert_true(take_next(t, PASSAGE("a", "p")) && take_next(t, PASSAGE("a", "r")));
    assert_true(take_next(t, PASSAGE("b", "p")) && take_next(t, PASSAGE("b", "s")));
    assert_false(take_next(t, PASSAGE("b", "p"))); /* twice */
    assert_false(take_next(t, PASSAGE("a", "z"))); /* had ended */
    assert_true(take_next(t, QUERY("a", "q")) && take_next(t, QUERY("b", "q")));
    static const struct {
        const char *frame;
        size_t query, passage;
    } judged[] = { { QREL("b", "q", "p"), 1, 2 }, { QREL("a", "q", "p"), 0, 0 },
        { QREL("a", "q", "r"), 0, 1 }, { QREL("b", "q", "r"), 1, SIZE_MAX },
        { QREL("b", "q", "s"), 1, 3 } };
    for (size_t i = 0; i < sizeof judged / sizeof *judged; i++) {
        assert_true(take_next(t, judged[i].frame));
        assert_int_equal(t->retrieval.judgements[i].query, judged[i].query);
        assert_true(t->retrieval.judgements[i].passage == judged[i].passage);
    }
    task_free(t);
}

/* Millions of them: beside the table of ids and the list there is nothing in memory. */
static void passages_take_no_room_in_the_arena(void **state) {
    (void)state;
    struct task *t = begin("retrieval");
    assert_true(take_next(t, PASSAGE("a", "p")));
    size_t before = t->arena.used;
    for (int i = 0; i < 1000; i++) {
        char frame[120];
        snprintf(frame, sizeof frame, PASSAGE("a", "p%d"), i);
        assert_true(take_next(t, frame));
    }
    assert_int_equal(t->arena.used, before);
    task_free(t);
}

static void headers_are_checked(void **state) {
    (void)state;
    static const char *const needed[] = { "kind", "described", "main", "report", "degraded",
        "task_sha256" };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct err err = ERR_INIT;
        struct task *t = xcalloc(1, sizeof *t);
        json_t *h = header("choice");
        json_object_del(h, needed[i]);
        assert_false(frames_header(t, "x.lua", h, &err));
        assert_int_equal(err.class, ERR_INPUT);
        json_decref(h);
        task_free(t);
    }
}

/* Reads what `bytes` holds through a pipe. */
static json_t *read_frame(const char *bytes, size_t n, unsigned repeat, struct err *err) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        for (unsigned i = 0; i < repeat; i++) {
            if (write(fds[1], bytes, n) < 0) {
                break;
            }
        }
        _exit(0);
    }
    close(fds[1]);
    struct wire w;
    wire_init(&w, fds[0], 20);
    json_t *frame = wire_read(&w, err);
    wire_release(&w);
    close(fds[0]); /* a writer that is not done dies of SIGPIPE */
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return frame;
}

static void messages_are_bounded(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *frame = read_frame("{\"a\": 1}\n", 9, 1, &err);
    assert_int_equal(json_get_int(frame, "a", 0), 1);
    json_decref(frame);
    assert_null(read_frame("[[[[[[[[[[", 10, 1 << 18, &err)); /* 2.5 MiB and no end */
    assert_int_equal(err.class, ERR_INPUT);
    assert_non_null(strstr(err.msg, "longer than 1 MiB"));
    err = (struct err)ERR_INIT;
    assert_null(read_frame("{\"a\":", 5, 1, &err));
    assert_int_equal(err.class, ERR_CRASH);
    err = (struct err)ERR_INIT;
    assert_null(read_frame("{\"a\": \"\xff\"}\n", 11, 1, &err));
    assert_int_equal(err.class, ERR_INPUT);
    err = (struct err)ERR_INIT;
    assert_null(read_frame("", 0, 1, &err));
    assert_int_equal(err.class, ERR_NONE);
}

/* Whoever reads is not woken up for each of a million documents. */
static void messages_go_out_many_at_a_time(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    int fds[2];
    char got[16];
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    struct wire_out out = { .fd = fds[1] };
    json_t *frame = json_pack("{s:i}", "a", 1);
    assert_true(wire_put(&out, frame, &err) && wire_put(&out, frame, &err));
    assert_true(read(fds[0], got, sizeof got) < 0);
    assert_true(wire_flush(&out, &err));
    assert_int_equal(read(fds[0], got, sizeof got), 16);
    assert_memory_equal(got, "{\"a\":1}\n{\"a\":1}\n", 16);
    for (int i = 0; i < 64 << 10; i += 8) {
        assert_true(wire_put(&out, frame, &err));
    }
    assert_int_equal(read(fds[0], got, sizeof got), 16); /* so many do not wait */
    json_decref(frame);
    strbuf_release(&out.waiting);
    close(fds[0]);
    close(fds[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_checked_again),
        cmocka_unit_test(judgements_find_passages_of_their_subset),
        cmocka_unit_test(passages_take_no_room_in_the_arena),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(messages_are_bounded),
        cmocka_unit_test(messages_go_out_many_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

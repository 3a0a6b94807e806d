/* A job's process as its parent sees it. This program plays the child too: started as `assay __job`
 * it does what the spec's "play" says. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../folder.h"
#include "evaluator/eval/memo.h"
#include "evaluator/worker/frame.h"
#include "evaluator/worker/store.h"
#include "evaluator/worker/worker.h"

/* ---- the child ---- */

static void say(enum frame_tag tag, const char *text) {
    struct err err = ERR_INIT;
    if (!frame_write(1, tag, text, strlen(text), &err)) {
        _exit(3);
    }
}

static _Noreturn void hang(void) {
    for (;;) {
        pause();
    }
}

static _Noreturn void flood(bool gets_on) {
    for (unsigned long i = 0;; i += gets_on) {
        char text[100];
        snprintf(text, sizeof text, "{\"label\": \"flood\", \"done\": %lu, \"total\": 2}", i);
        say(FRAME_PROGRESS, text);
    }
}

static void shout(size_t bytes) {
    char text[4096];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\n';
    for (size_t n = 0; n < bytes; n += sizeof text) {
        if (write(2, text, sizeof text) < 0) {
            _exit(4);
        }
    }
}

/* Away from its group, its session and its pipes; only what it was started with tells whose it is.
 */
static void leave_a_daemon(void) {
    int ends[2];
    char ready;
    if (pipe(ends)) {
        _exit(3);
    }
    if (fork() == 0) {
        setsid();
        close(0), close(1), close(2);
        if (write(ends[1], "x", 1) != 1) {
            _exit(3);
        }
        hang();
    }
    if (read(ends[0], &ready, 1) != 1) {
        _exit(3);
    }
}

static void tell_environment(void) {
    extern char **environ;
    json_t *list = json_array();
    for (char **e = environ; *e; e++) {
        json_array_append_new(list, json_string(*e));
    }
    int death = 0;
    prctl(PR_GET_PDEATHSIG, &death);
    json_t *out = json_pack("{s:o, s:i, s:b, s:b}", "env", list, "death", death, "leader",
        getpgrp() == getpid(), "leak", fcntl(3, F_GETFD) >= 0);
    char *text = json_dumps(out, 0);
    say(FRAME_RESULT, text);
    say(FRAME_DONE, "");
    free(text);
    json_decref(out);
}

#define IDENTITY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const uint8_t MARK[MEMO_KEY] = "sixteen byte key";

/* One result with the mark that it was delivered, and then nothing for a long time. */
static _Noreturn void deliver(void) {
    struct strbuf record = { 0 };
    struct err err = ERR_INIT;
    memo_record(&record, MARK, "", 0);
    say(FRAME_MODEL, "{\"identity\": \"" IDENTITY "\"}");
    if (!frame_write(1, FRAME_MARK, record.text, record.len, &err)) {
        _exit(3);
    }
    say(FRAME_RESULT, "{\"n\": 1}");
    hang();
}

static void play(const char *what) {
    static const char RAW[] = "this is no frame at all\n", HUGE[] = "R\xff\xff\xff\x7f";
    if (!strcmp(what, "good")) {
        say(FRAME_PROGRESS, "{\"label\": \"a \\u001b[2J task\", \"done\": 3, \"total\": 10}");
        say(FRAME_PROGRESS, "{\"done\": -5, \"total\": -1}");
        say(FRAME_SAMPLES, "{\"doc\": 0}\n");
        say(FRAME_SAMPLES, "{\"doc\": 1}\n");
        say(FRAME_RESULT, "{\"n\": 2}");
        say(FRAME_RESULT, "{\"n\": 3}");
        say(FRAME_DONE, "");
    } else if (!strcmp(what, "deliver")) {
        deliver();
    } else if (!strcmp(what, "segv")) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    } else if (!strcmp(what, "xcpu")) {
        raise(SIGXCPU);
    } else if (!strcmp(what, "exit")) {
        _exit(7);
    } else if (!strcmp(what, "exit-0")) {
        _exit(0);
    } else if (!strcmp(what, "hang")) {
        hang();
    } else if (!strcmp(what, "deaf")) {
        signal(SIGTERM, SIG_IGN);
        say(FRAME_PROGRESS, "{\"label\": \"deaf\", \"done\": 0, \"total\": 1}");
        hang();
    } else if (!strcmp(what, "flood")) {
        flood(true);
    } else if (!strcmp(what, "same")) {
        flood(false);
    } else if (!strcmp(what, "shout")) {
        shout((size_t)64 << 20);
        say(FRAME_DONE, "");
    } else if (!strcmp(what, "oom")) {
        raise(SIGKILL);
    } else if (!strcmp(what, "daemon")) {
        leave_a_daemon();
        say(FRAME_DONE, "");
    } else if (!strcmp(what, "raw")) {
        _exit(write(1, RAW, sizeof RAW - 1) < 0);
    } else if (!strcmp(what, "huge")) {
        _exit(write(1, HUGE, sizeof HUGE - 1) < 0);
    } else if (!strcmp(what, "not-json")) {
        say(FRAME_RESULT, "{\"n\": ");
    } else if (!strcmp(what, "not-object")) {
        say(FRAME_RESULT, "[1]");
    } else if (!strcmp(what, "after-done")) {
        say(FRAME_DONE, "");
        say(FRAME_RESULT, "{}");
    } else if (!strcmp(what, "error")) {
        say(FRAME_ERROR, "{\"class\": \"unsupported\", \"message\": \"no \\u001b]0;such\\u0007 "
                         "model\", \"hint\": \"try\\nothers\"}");
        _exit(1);
    } else if (!strcmp(what, "error-none")) {
        say(FRAME_ERROR, "{\"class\": \"none\", \"message\": \"all is well\"}");
    } else if (!strcmp(what, "done-exit")) {
        say(FRAME_DONE, "");
        _exit(1);
    } else if (!strcmp(what, "error-node")) {
        say(FRAME_ERROR, "{\"class\": \"node\", \"message\": \"disk full\"}");
    } else if (!strncmp(what, "shut-", 5)) {
        char text[100];
        snprintf(text, sizeof text, "{\"class\": \"%s\", \"message\": \"so it says\"}", what + 5);
        say(FRAME_SHUT, "");
        say(FRAME_ERROR, text);
        say(FRAME_DONE, "");
    } else if (!strcmp(what, "error-done")) {
        say(FRAME_ERROR, "{\"class\": \"task\", \"message\": \"bad\"}");
        say(FRAME_DONE, "");
    } else if (!strcmp(what, "grandchild")) {
        if (fork() == 0) {
            hang(); /* keeps the pipe open */
        }
        say(FRAME_DONE, "");
    } else if (!strcmp(what, "environment")) {
        tell_environment();
    }
}

static int child(void) {
    char text[65536];
    size_t n = 0;
    ssize_t got;
    while (n < sizeof text && (got = read(0, text + n, sizeof text - n)) > 0) {
        n += (size_t)got;
    }
    json_t *spec = json_loadb(text, n, JSON_DISABLE_EOF_CHECK, NULL);
    play(json_get_string(spec, "play", ""));
    json_decref(spec);
    return 0;
}

/* ---- the parent ---- */

struct seen {
    json_t *results;
    char label[128];
    uint64_t done, total;
    char samples[256];
    int ticks, ticks_max; /* 0: forever */
    bool refuse, stop_on_progress, stop_on_result, stopped;
};

static bool tick(void *arg) {
    struct seen *s = arg;
    return ++s->ticks != s->ticks_max && !s->stopped;
}

static void progress(const char *label, uint64_t done, uint64_t total, void *arg) {
    struct seen *s = arg;
    if (total) {
        snprintf(s->label, sizeof s->label, "%s", label);
        s->done = done;
        s->total = total;
    }
    s->stopped = s->stop_on_progress;
}

static bool result(const json_t *r, const char *samples, size_t n, void *arg, struct err *err) {
    struct seen *s = arg;
    snprintf(s->samples + strlen(s->samples), sizeof s->samples - strlen(s->samples), "[%.*s]",
        (int)n, samples);
    json_array_append(s->results, (json_t *)(uintptr_t)r);
    s->stopped = s->stop_on_result;
    return !s->refuse || err_set(err, ERR_NODE, "no room");
}

/* Those that are to be killed for it. */
static bool is_silent(const char *what) {
    return !strcmp(what, "hang") || !strcmp(what, "same") || !strcmp(what, "grandchild");
}

static bool run_with(const char *what, const char *program, struct seen *s, struct err *err) {
    struct child_watch watch = { .tick = tick,
        .progress = progress,
        .result = result,
        .arg = s,
        .stall_s = is_silent(what) ? 2 : 120, /* a slow machine takes seconds to start a process */
        .program = program };
    json_t *spec = json_pack("{s:s, s:{s:b}}", "play", what, "memo", "vectors", 0);
    json_decref(s->results);
    s->results = json_array();
    *err = (struct err)ERR_INIT;
    bool ok = child_run(spec, &watch, err);
    json_decref(spec);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
    assert_int_equal(ok, err->class == ERR_NONE);
    return ok;
}

static void end(struct seen *s) {
    json_decref(s->results);
}

static void results_samples_and_progress_arrive(void **state) {
    struct seen s = { 0 };
    struct err err;
    (void)state;
    assert_true(run_with("good", NULL, &s, &err));
    assert_int_equal(json_array_size(s.results), 2);
    assert_string_equal(s.samples, "[{\"doc\": 0}\n{\"doc\": 1}\n][]");
    assert_string_equal(s.label, "a  [2J task"); /* nothing that steers a terminal */
    assert_int_equal(s.done, 3);
    assert_int_equal(s.total, 10);
    end(&s);
}

static void fault_06_a_process_that_dies_is_a_crash(void **state) {
    static const char *const PLAYS[] = { "segv", "xcpu", "exit", "exit-0", "raw", "huge",
        "not-json", "not-object", "after-done", "error-none", "done-exit" };
    (void)state;
    for (size_t i = 0; i < sizeof PLAYS / sizeof *PLAYS; i++) {
        struct seen s = { 0 };
        struct err err;
        assert_false(run_with(PLAYS[i], NULL, &s, &err));
        assert_int_equal(err.class, ERR_CRASH);
        assert_true(err.msg[0]);
        end(&s);
    }
}

static void the_signal_is_named(void **state) {
    struct seen s = { 0 };
    struct err err;
    (void)state;
    assert_false(run_with("segv", NULL, &s, &err));
    assert_non_null(strstr(err.msg, "signal 11"));
    assert_false(run_with("xcpu", NULL, &s, &err));
    assert_non_null(strstr(err.msg, "processor time"));
    assert_false(run_with("exit", NULL, &s, &err));
    assert_non_null(strstr(err.msg, "exit code 7"));
    end(&s);
}

static void what_the_child_says_went_wrong_is_the_error(void **state) {
    struct seen s = { 0 };
    struct err err;
    (void)state;
    assert_false(run_with("error", NULL, &s, &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    assert_string_equal(err.msg, "no  ]0;such  model");
    assert_string_equal(err.hint, "try others");
    assert_false(run_with("error-done", NULL, &s, &err));
    assert_int_equal(err.class, ERR_TASK);
    end(&s);
}

static void behind_closed_doors_no_error_steers_the_worker(void **state) {
    static const char *const STEERING[] = { "shut-node", "shut-db", "shut-schema",
        "shut-interrupted", "shut-busy", "shut-none" };
    struct seen s = { 0 };
    struct err err;
    (void)state;
    assert_false(run_with("error-node", NULL, &s, &err));
    assert_int_equal(err.class, ERR_NODE);
    for (size_t i = 0; i < sizeof STEERING / sizeof *STEERING; i++) {
        assert_false(run_with(STEERING[i], NULL, &s, &err));
        assert_int_equal(err.class, ERR_CRASH);
        assert_string_equal(err.msg, "so it says");
    }
    assert_false(run_with("shut-unsupported", NULL, &s, &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    end(&s);
}

static void a_spec_that_is_no_text_is_said(void **state) {
    struct child_watch watch = { 0 };
    struct err err = ERR_INIT;
    (void)state;
    json_t *spec = json_pack("{s:s}", "model", "models/\xff");
    assert_false(child_run(spec, &watch, &err));
    assert_int_equal(err.class, ERR_INPUT);
    assert_non_null(strstr(err.msg, "UTF-8"));
    json_decref(spec);
}

static void fault_07_a_process_that_does_not_get_on_is_killed(void **state) {
    static const char *const PLAYS[] = { "hang", "same" };
    (void)state;
    for (size_t i = 0; i < sizeof PLAYS / sizeof *PLAYS; i++) {
        struct seen s = { 0 };
        struct err err;
        assert_false(run_with(PLAYS[i], NULL, &s, &err));
        assert_int_equal(err.class, ERR_CRASH);
        assert_non_null(strstr(err.msg, "did not get on"));
        end(&s);
    }
}

static void fault_10_what_a_process_shouts_is_drained_and_cut(void **state) {
    struct seen s = { 0 };
    struct err err;
    (void)state;
    int kept = dup(2), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_equal(dup2(null, 2), 2);
    bool ok = run_with("shout", NULL, &s, &err);
    assert_int_equal(dup2(kept, 2), 2);
    close(kept), close(null);
    assert_true(ok);
    end(&s);
}

static void fault_13_a_process_that_the_kernel_kills_is_a_crash(void **state) {
    struct seen s = { 0 };
    struct err err;
    (void)state;
    assert_false(run_with("oom", NULL, &s, &err));
    assert_int_equal(err.class, ERR_CRASH);
    assert_non_null(strstr(err.msg, "signal 9"));
    end(&s);
}

static void tick_ends_a_child_that_hangs_or_floods(void **state) {
    struct seen hanging = { .ticks_max = 1 }, flooding = { .ticks_max = 50 };
    struct err err;
    (void)state;
    assert_false(run_with("hang", NULL, &hanging, &err));
    assert_int_equal(err.class, ERR_INTERRUPTED);
    assert_false(run_with("flood", NULL, &flooding, &err));
    assert_int_equal(err.class, ERR_INTERRUPTED);
    assert_string_equal(flooding.label, "flood");
    end(&hanging);
    end(&flooding);
}

static void a_child_deaf_to_sigterm_is_killed(void **state) {
    struct seen s = { .stop_on_progress = true };
    struct err err;
    (void)state;
    assert_false(run_with("deaf", NULL, &s, &err));
    assert_int_equal(err.class, ERR_INTERRUPTED);
    end(&s);
}

static void a_result_that_is_not_taken_ends_the_child(void **state) {
    struct seen s = { .refuse = true };
    struct err err;
    (void)state;
    assert_false(run_with("good", NULL, &s, &err));
    assert_int_equal(err.class, ERR_NODE);
    assert_int_equal(json_array_size(s.results), 1);
    end(&s);
}

/* Whether whoever resumes finds the mark. */
static bool is_marked(void) {
    struct err err = ERR_INIT;
    char *path = store_path(STORE_ANSWERS, IDENTITY, &err);
    assert_non_null(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct memo *memo = memo_open(&(struct memo_options) { .fd = fd });
    size_t n;
    bool found = memo_find(memo, MARK, &n) != NULL;
    memo_close(memo);
    close(fd);
    free(path);
    return found;
}

static void a_result_is_marked_once_it_is_taken_and_before_anything_else(void **state) {
    char *home = folder_make();
    struct seen refused = { .refuse = true }, stopped = { .stop_on_result = true };
    struct err err;
    (void)state;
    assert_int_equal(setenv("ASSAY_HOME", home, 1), 0);
    assert_false(run_with("deliver", NULL, &refused, &err));
    assert_int_equal(err.class, ERR_NODE);
    assert_false(is_marked());
    assert_false(run_with("deliver", NULL, &stopped, &err));
    assert_int_equal(err.class, ERR_INTERRUPTED);
    assert_int_equal(json_array_size(stopped.results), 1);
    assert_true(is_marked());
    end(&refused);
    end(&stopped);
    folder_remove(home);
}

/* How many processes have a stamp of this program's jobs in what they were started with. */
static int stamped(void) {
    char command[200];
    int n = -1;
    snprintf(command, sizeof command,
        "grep -lz '^ASSAY_JOB=%d[.]' /proc/[0-9]*/environ 2>/dev/null | wc -l", (int)getpid());
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%d", &n), 1);
    pclose(p);
    return n;
}

static void fault_08_what_a_process_left_behind_is_killed(void **state) {
    struct seen s = { 0 };
    struct err err;
    (void)state;
    assert_false(
        run_with("grandchild", NULL, &s, &err)); /* it holds the pipe and says nothing more */
    assert_int_equal(err.class, ERR_CRASH);
    assert_true(run_with("daemon", NULL, &s, &err));
    for (int i = 0; i < 200 && stamped() > 0; i++) {
        nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
    }
    assert_int_equal(stamped(), 0);
    end(&s);
}

static void a_program_that_is_not_there_is_a_crash(void **state) {
    struct seen s = { 0 };
    struct err err;
    (void)state;
    assert_false(run_with("good", "/nonexistent/assay", &s, &err));
    assert_int_equal(err.class, ERR_CRASH);
    assert_non_null(strstr(err.msg, "127"));
    end(&s);
}

static bool names(const json_t *env, const char *name) {
    size_t i, n = strlen(name);
    json_t *item;
    json_array_foreach(env, i, item) {
        const char *pair = json_string_value(item);
        if (!strncmp(pair, name, n) && pair[n] == '=') {
            return true;
        }
    }
    return false;
}

static void the_child_knows_the_hub_but_not_the_database(void **state) {
    static const char *const KEPT_OUT[] = { "PGPASSWORD", "PGHOST", "PGSERVICE", "DATABASE_URL",
        "ASSAY_DATABASE_URL", "LD_PRELOAD_NOT", "AWS_SECRET_ACCESS_KEY" };
    struct seen s = { 0 };
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof KEPT_OUT / sizeof *KEPT_OUT; i++) {
        setenv(KEPT_OUT[i], "secret", 1);
    }
    setenv("HF_TOKEN", "hf_x", 1);
    setenv("HF_ENDPOINT", "http://127.0.0.1:1", 1);
    int leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    assert_true(leak >= 0);
    assert_true(run_with("environment", NULL, &s, &err));
    close(leak);
    const json_t *said = json_array_get(s.results, 0), *env = json_object_get(said, "env");
    for (size_t i = 0; i < sizeof KEPT_OUT / sizeof *KEPT_OUT; i++) {
        assert_false(names(env, KEPT_OUT[i]));
    }
    assert_true(names(env, "HF_TOKEN"));
    assert_true(names(env, "HF_ENDPOINT"));
    assert_int_equal(json_get_int(said, "death", 0), SIGKILL);
    assert_true(json_is_true(json_object_get(said, "leader")));
    assert_true(json_is_false(json_object_get(said, "leak")));
    end(&s);
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "__job")) {
        return child();
    }
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_samples_and_progress_arrive),
        cmocka_unit_test(fault_06_a_process_that_dies_is_a_crash),
        cmocka_unit_test(the_signal_is_named),
        cmocka_unit_test(what_the_child_says_went_wrong_is_the_error),
        cmocka_unit_test(behind_closed_doors_no_error_steers_the_worker),
        cmocka_unit_test(a_spec_that_is_no_text_is_said),
        cmocka_unit_test(fault_07_a_process_that_does_not_get_on_is_killed),
        cmocka_unit_test(fault_10_what_a_process_shouts_is_drained_and_cut),
        cmocka_unit_test(fault_13_a_process_that_the_kernel_kills_is_a_crash),
        cmocka_unit_test(tick_ends_a_child_that_hangs_or_floods),
        cmocka_unit_test(a_child_deaf_to_sigterm_is_killed),
        cmocka_unit_test(a_result_that_is_not_taken_ends_the_child),
        cmocka_unit_test(a_result_is_marked_once_it_is_taken_and_before_anything_else),
        cmocka_unit_test(fault_08_what_a_process_left_behind_is_killed),
        cmocka_unit_test(a_program_that_is_not_there_is_a_crash),
        cmocka_unit_test(the_child_knows_the_hub_but_not_the_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

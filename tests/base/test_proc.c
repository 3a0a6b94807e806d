/* Child processes: what they get, what comes back, and that none of them can hold us. The only
 * clock is the time-out under test. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"

static struct proc_result sh(const char *script, const struct proc_options *options) {
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    struct err err = ERR_INIT;
    struct proc_result r;
    assert_ok(proc_run(argv, options, &r, &err), &err);
    return r;
}

static void output_errors_and_exit_code_come_back(void **state) {
    (void)state;
    struct proc_result r = sh("echo out; echo err >&2; exit 7", NULL);
    assert_int_equal(r.exit_code, 7);
    assert_false(r.timed_out);
    assert_string_equal(strbuf_str(&r.out), "out\n");
    assert_string_equal(strbuf_str(&r.err), "err\n");
    proc_result_release(&r);
}

static void a_death_by_signal_is_128_and_the_signal(void **state) {
    (void)state;
    struct proc_result r = sh("kill -SEGV $$", NULL);
    assert_int_equal(r.exit_code, 128 + SIGSEGV);
    proc_result_release(&r);
}

static void a_program_that_is_not_there_is_an_error_not_a_result(void **state) {
    (void)state;
    const char *const argv[] = { "/no/such/program", NULL };
    struct err err = ERR_INIT;
    struct proc_result r;
    assert_false(proc_run(argv, NULL, &r, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    assert_contains(err.msg, "/no/such/program");
    const char *const shell[] = { "/bin/sh", "-c", "true", NULL };
    const struct proc_options nowhere = { .dir = "/no/such/folder" };
    assert_false(proc_run(shell, &nowhere, &r, &err));
    proc_result_release(&r);
}

static void input_is_fed_while_output_is_read(void **state) {
    (void)state;
    enum { N = 1 << 20 }; /* more than two pipes hold: feeding all first would hang */
    char *input = malloc(N);
    assert_non_null(input);
    memset(input, 'x', N);
    struct proc_options o = { .input = input, .input_n = N };
    struct proc_result r = sh("cat", &o);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(r.out.len, N);
    assert_memory_equal(r.out.text, input, N);
    proc_result_release(&r);
    free(input);
}

static void a_child_that_does_not_read_its_input_kills_nobody(void **state) {
    (void)state;
    enum { N = 1 << 20 };
    char *input = calloc(1, N);
    struct proc_options o = { .input = input, .input_n = N };
    for (int i = 0; i < 20; i++) {
        struct proc_result r = sh("exec <&-; echo done", &o);
        assert_int_equal(r.exit_code, 0);
        assert_string_equal(strbuf_str(&r.out), "done\n");
        proc_result_release(&r);
    }
    sigset_t pending;
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
    free(input);
}

static void without_input_there_is_nothing_to_read(void **state) {
    (void)state;
    struct proc_result r = sh("cat; echo end", NULL);
    assert_string_equal(strbuf_str(&r.out), "end\n");
    proc_result_release(&r);
}

static void output_past_the_ceiling_is_drained_not_kept(void **state) {
    (void)state;
    struct proc_options o = { .output_max = 1000 };
    struct proc_result r = sh("head -c 500000 /dev/zero | tr '\\0' y; echo z >&2", &o);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(r.out.len, 1000);
    assert_int_equal(r.out.text[999], 'y');
    assert_string_equal(strbuf_str(&r.err), "z\n");
    proc_result_release(&r);
}

static void a_time_out_ends_the_whole_group(void **state) {
    (void)state;
    struct proc_options o = { .timeout_s = 1 };
    struct proc_result r = sh("sleep 1000 & echo $!; wait", &o);
    assert_true(r.timed_out);
    assert_int_equal(r.exit_code, 128 + SIGTERM);
    pid_t grandchild = (pid_t)atol(strbuf_str(&r.out));
    assert_true(grandchild > 0);
    for (int i = 0; i < 500 && kill(grandchild, 0) == 0; i++) {
        char path[64], text[256] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", (int)grandchild);
        FILE *f = fopen(path, "r");
        if (!f || !fgets(text, sizeof text, f) || strstr(text, ") Z ")) {
            grandchild = 0; /* dead: only not buried yet */
        }
        if (f) {
            fclose(f);
        }
        if (grandchild == 0) {
            break;
        }
        usleep(10000);
    }
    assert_true(grandchild == 0 || kill(grandchild, 0) != 0);
    proc_result_release(&r);
}

static void who_ignores_the_polite_signal_is_killed(void **state) {
    (void)state;
    struct proc_options o = { .timeout_s = 1 };
    struct proc_result r = sh("trap '' TERM; while :; do sleep 1000; done", &o);
    assert_true(r.timed_out);
    assert_int_equal(r.exit_code, 128 + SIGKILL);
    proc_result_release(&r);
}

/* The child is gone, its own child holds the pipe: silent, or talking for ever. */
static void a_grandchild_that_keeps_the_pipe_is_not_waited_for(void **state) {
    (void)state;
    struct proc_options o = { .timeout_s = 60 };
    struct proc_result r = sh("echo first; sleep 1000 & exit 3", &o);
    assert_int_equal(r.exit_code, 3);
    assert_false(r.timed_out);
    assert_string_equal(strbuf_str(&r.out), "first\n");
    proc_result_release(&r);
    r = sh("yes & exit 4", &o);
    assert_int_equal(r.exit_code, 4);
    assert_false(r.timed_out);
    proc_result_release(&r);
}

static void processor_time_is_limited(void **state) {
    (void)state;
    struct proc_options o = { .cpu_s = 1 };
    struct proc_result r = sh("while :; do :; done", &o);
    assert_true(r.exit_code == 128 + SIGXCPU || r.exit_code == 128 + SIGKILL);
    assert_false(r.timed_out);
    proc_result_release(&r);
}

static void memory_is_limited(void **state) {
    (void)state;
    struct proc_options o = { .memory_bytes = 64 << 20 };
    struct proc_result r =
        sh("ulimit -v; head -c 200000000 /dev/zero | tail -c 199999999 | wc -c", &o);
    assert_contains(strbuf_str(&r.out), "65536\n");
    assert_null(strstr(strbuf_str(&r.out), "199999999"));
    proc_result_release(&r);
}

static void the_environment_is_what_was_given(void **state) {
    (void)state;
    setenv("ASSAY_TEST_SECRET", "hush", 1);
    struct proc_result r = sh("env", NULL);
    assert_null(strstr(strbuf_str(&r.out), "ASSAY_TEST_SECRET"));
    assert_contains(strbuf_str(&r.out), "PATH=");
    proc_result_release(&r);
    const char *const env[] = { "ONLY=this", NULL };
    struct proc_options o = { .env = env };
    r = sh("/usr/bin/env | /bin/grep -v -e '^PWD=' -e '^OLDPWD=' -e '^SHLVL=' -e '^_='", &o);
    assert_string_equal(strbuf_str(&r.out), "ONLY=this\n");
    proc_result_release(&r);
    unsetenv("ASSAY_TEST_SECRET");
}

static void it_runs_where_it_was_told_to(void **state) {
    (void)state;
    struct proc_options o = { .dir = "/usr" };
    struct proc_result r = sh("pwd", &o);
    assert_string_equal(strbuf_str(&r.out), "/usr\n");
    proc_result_release(&r);
}

static void no_descriptor_is_inherited(void **state) {
    (void)state;
    int leak = open("/dev/null", O_RDONLY); /* on purpose without O_CLOEXEC */
    assert_true(leak >= 0);
    int high = fcntl(leak, F_DUPFD, 200);
    struct proc_result r = sh(
        "i=0; while [ $i -le 210 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done", NULL);
    assert_string_equal(strbuf_str(&r.out), "0\n1\n2\n");
    proc_result_release(&r);
    close(high);
    close(leak);
}

/* A daemon may have closed its standard descriptors: the pipes then get their numbers. */
static void it_works_from_a_process_without_standard_descriptors(void **state) {
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(0);
        close(1);
        close(2);
        const char *const argv[] = { "/bin/sh", "-c", "cat; echo err >&2", NULL };
        struct proc_options o = { .input = "in", .input_n = 2 };
        struct err err = ERR_INIT;
        struct proc_result r;
        bool ok = proc_run(argv, &o, &r, &err) && r.exit_code == 0 &&
                  !strcmp(strbuf_str(&r.out), "in") && !strcmp(strbuf_str(&r.err), "err\n");
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void signals_are_unblocked_and_at_their_defaults(void **state) {
    (void)state;
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    void (*before)(int) = signal(SIGUSR1, SIG_IGN);
    struct proc_result r = sh("grep -e SigBlk -e SigIgn /proc/self/status", NULL);
    signal(SIGUSR1, before);
    sigprocmask(SIG_SETMASK, &old, NULL);
    assert_string_equal(
        strbuf_str(&r.out), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    proc_result_release(&r);
}

static void root_becomes_the_user_asked_for(void **state) {
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root can become another user\n");
        skip();
    }
    struct proc_options o = { .dir = "/", .uid = 65534, .gid = 65534 };
    struct proc_result r = sh("id -u; id -g; id -G", &o);
    assert_string_equal(strbuf_str(&r.out), "65534\n65534\n65534\n");
    proc_result_release(&r);
}

/* A middle process starts the child by proc_run, tells its number, and is killed. */
static void dies_with_parent(uid_t uid) {
    int told[2];
    assert_int_equal(pipe(told), 0);
    char script[64];
    snprintf(
        script, sizeof script, "echo $$ > /proc/%d/fd/%d; exec sleep 1000", (int)getpid(), told[1]);
    if (uid) {
        /* another user may not open our descriptors: a file does instead */
        snprintf(script, sizeof script, "exec sleep 1000");
    }
    pid_t middle = fork();
    assert_true(middle >= 0);
    if (middle == 0) {
        const char *const argv[] = { "/bin/sh", "-c", script, NULL };
        struct proc_options o = { .dir = "/", .uid = uid, .gid = (gid_t)uid };
        struct proc_result r;
        _exit(proc_run(argv, &o, &r, NULL));
    }
    close(told[1]);
    close(told[0]);
    /* the child is the only one whose parent is `middle` */
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)middle, (int)middle);
    pid_t child = 0;
    for (int i = 0; i < 1000 && child == 0; i++) {
        FILE *f = fopen(path, "r");
        if (f && fgets(text, sizeof text, f)) {
            child = (pid_t)atol(text);
        }
        if (f) {
            fclose(f);
        }
        usleep(5000);
    }
    assert_true(child > 0);
    /* until it is `sleep`, having become the other user */
    snprintf(path, sizeof path, "/proc/%d/comm", (int)child);
    for (int i = 0; i < 1000 && !strstr(text, "sleep"); i++) {
        FILE *f = fopen(path, "r");
        if (!f || !fgets(text, sizeof text, f)) {
            text[0] = 0;
        }
        if (f) {
            fclose(f);
        }
        usleep(5000);
    }
    assert_contains(text, "sleep");
    kill(middle, SIGKILL);
    waitpid(middle, NULL, 0);
    bool dead = false;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
    for (int i = 0; i < 1000 && !dead; i++) {
        char line[256] = "";
        FILE *f = fopen(path, "r");
        dead = !f || !fgets(line, sizeof line, f) || strstr(line, ") Z ");
        if (f) {
            fclose(f);
        }
        usleep(5000);
    }
    if (!dead) {
        kill(child, SIGKILL);
    }
    assert_true(dead);
}

static void a_child_dies_with_its_parent(void **state) {
    (void)state;
    dies_with_parent(0);
}

/* The kernel forgets the wish when credentials change: it has to be said after that. */
static void a_child_that_became_another_user_dies_with_its_parent(void **state) {
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root can become another user\n");
        skip();
    }
    dies_with_parent(65534);
}

static void programs_are_found_in_path_then_in_the_extra_folders(void **state) {
    (void)state;
    char *old = strdup(getenv("PATH"));
    setenv("PATH", "/no/such:/bin", 1);
    char *path = proc_find("sh", NULL);
    assert_string_equal(path, "/bin/sh");
    free(path);
    setenv("PATH", "/no/such", 1);
    assert_null(proc_find("sh", NULL));
    const char *const extra[] = { "/nowhere", "/bin", NULL };
    path = proc_find("sh", extra);
    assert_string_equal(path, "/bin/sh");
    free(path);
    assert_null(proc_find("passwd", (const char *const[]) { "/etc", NULL })); // not executable
    setenv("PATH", old, 1);
    free(old);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_errors_and_exit_code_come_back),
        cmocka_unit_test(a_death_by_signal_is_128_and_the_signal),
        cmocka_unit_test(a_program_that_is_not_there_is_an_error_not_a_result),
        cmocka_unit_test(input_is_fed_while_output_is_read),
        cmocka_unit_test(a_child_that_does_not_read_its_input_kills_nobody),
        cmocka_unit_test(without_input_there_is_nothing_to_read),
        cmocka_unit_test(output_past_the_ceiling_is_drained_not_kept),
        cmocka_unit_test(a_time_out_ends_the_whole_group),
        cmocka_unit_test(who_ignores_the_polite_signal_is_killed),
        cmocka_unit_test(a_grandchild_that_keeps_the_pipe_is_not_waited_for),
        cmocka_unit_test(processor_time_is_limited),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(the_environment_is_what_was_given),
        cmocka_unit_test(it_runs_where_it_was_told_to),
        cmocka_unit_test(no_descriptor_is_inherited),
        cmocka_unit_test(it_works_from_a_process_without_standard_descriptors),
        cmocka_unit_test(signals_are_unblocked_and_at_their_defaults),
        cmocka_unit_test(root_becomes_the_user_asked_for),
        cmocka_unit_test(a_child_dies_with_its_parent),
        cmocka_unit_test(a_child_that_became_another_user_dies_with_its_parent),
        cmocka_unit_test(programs_are_found_in_path_then_in_the_extra_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The walls tried from inside: a child enters the sandbox and does what it must not, and what it
 * must be able to do. The same acts succeed without the sandbox, so that the probe is known to
 * work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "evaluator/worker/sandbox.h"

static char dir[] = "/tmp/assay-sandbox-XXXXXX";

/* Each act returns whether it succeeded. */
typedef bool act_fn(void);

static bool act_socket(void) {
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool act_connect(void) {
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
    };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof a);
}

static bool act_unix_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool act_fork(void) {
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static bool act_exec(void) {
    execl("/bin/true", "true",
        (char *)NULL); /* replaces the probe, whose exit code is then 0: see run_act */
    return false;
}

static bool act_ptrace(void) {
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool act_kill_parent(void) {
    return kill(getppid(), 0) == 0;
}

static bool act_signal_parent(void) { /* as one of its threads, and with a tale to tell */
    siginfo_t info = { .si_code = SI_QUEUE };
    pid_t parent = getppid();
    return syscall(SYS_tgkill, parent, parent, 0) == 0 ||
           syscall(SYS_rt_sigqueueinfo, parent, 0, &info) == 0;
}

static bool act_signal_itself(void) {
    signal(SIGUSR1, SIG_IGN);
    return raise(SIGUSR1) == 0;
}

static bool act_limit_parent(void) {
    struct rlimit now;
    return prlimit(getppid(), RLIMIT_NOFILE, NULL, &now) == 0;
}

static bool act_truncate(void) {
    char *path = path_join(dir, "victim");
    bool cut = truncate(path, 0) == 0 || open(path, O_RDONLY | O_TRUNC) >= 0;
    free(path);
    return cut;
}

static bool act_chmod(void) {
    char *path = path_join(dir, "victim");
    int fd = open(path, O_RDONLY);
    bool done = fchmod(fd, 0600) == 0 || chmod(path, 0600) == 0 ||
                syscall(452, AT_FDCWD, path, 0600, 0) == 0; /* fchmodat2 */
    free(path);
    return done;
}

static bool act_write_file(void) {
    char *path = path_join(dir, "written");
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    free(path);
    return fd >= 0;
}

static bool act_write_allowed(void) {
    char *path = path_join(dir, "out/written");
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    free(path);
    return fd >= 0;
}

static bool act_make_dir(void) {
    char *path = path_join(dir, "made");
    bool made = !mkdir(path, 0700);
    free(path);
    return made;
}

static bool act_unlink(void) {
    char *path = path_join(dir, "victim");
    bool gone = !unlink(path);
    free(path);
    return gone;
}

static bool act_read_file(void) {
    char *path = path_join(dir, "victim");
    int fd = open(path, O_RDONLY);
    free(path);
    return fd >= 0;
}

static bool act_read_passwd(void) {
    return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool act_inherited(void) {
    char byte;
    return read(99, &byte, 1) >= 0;
}

static bool act_write_device(void) {
    char *path = path_join(dir, "device");
    int fd = open(path, O_RDWR);
    free(path);
    return fd >= 0 && write(fd, "x", 1) == 1;
}

static void *nothing(void *arg) {
    return arg;
}

static bool act_thread(void) {
    pthread_t t;
    return !pthread_create(&t, NULL, nothing, NULL) && !pthread_join(t, NULL);
}

static bool act_allocate(void) {
    char *p = malloc(1 << 20);
    if (p) {
        memset(p, 1, 1 << 20);
    }
    return p != NULL;
}

enum where { OUTSIDE, PARSER, COMPUTE, CONFINED, REMOTE };

static bool enter(enum where where) {
    char *out = path_join(dir, "out"), *victim = path_join(dir, "victim");
    const char *const devices[] = { path_join(dir, "device"), NULL };
    struct sandbox_limits l = { .profile = where == COMPUTE  ? SANDBOX_COMPUTE
                                           : where == REMOTE ? SANDBOX_REMOTE
                                                             : SANDBOX_PARSER,
        .file_bytes = 4096,
        .write_dir = where == COMPUTE ? out : NULL,
        .devices = where == COMPUTE ? devices : NULL };
    struct sandbox_report report;
    struct err err = ERR_INIT;
    const char *const paths[] = { victim, NULL };
    bool ok = sandbox_enter(&l, &report, &err) &&
              (where != CONFINED || sandbox_confine_reads(paths, &report, &err));
    if (!ok || !report.calls_filtered || !report.files_confined) {
        fprintf(stderr, "sandbox: %s %s\n", err.msg, report.degraded);
    }
    return ok;
}

/* 0: the act succeeded, 1: it did not, 2: no sandbox. */
static int run_act(act_fn *act, enum where where) {
    pid_t pid = fork();
    if (pid == 0) {
        dup2(0, 99);
        if (where != OUTSIDE && !enter(where)) {
            _exit(2);
        }
        _exit(act() ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void reset_files(void) {
    struct err err = ERR_INIT;
    char *out = path_join(dir, "out"), *victim = path_join(dir, "victim"),
         *made = path_join(dir, "made"), *device = path_join(dir, "device");
    assert_true(dir_make(out, &err) && file_write_atomic(victim, "x", 1, &err) &&
                file_write_atomic(device, "x", 1, &err));
    rmdir(made);
    free(device);
    free(out);
    free(victim);
    free(made);
}

static const struct {
    const char *name;
    act_fn *act;
    int outside, parser, compute, confined, remote; /* 0 works, 1 is refused */
} acts[] = {
    { "socket", act_socket, 0, 1, 1, 1, 0 },
    { "connect", act_connect, 0, 1, 1, 1, 0 },
    { "unix socket", act_unix_socket, 0, 1, 1, 1, 0 },
    { "fork", act_fork, 0, 1, 1, 1, 1 },
    { "exec", act_exec, 0, 1, 1, 1, 1 },
    { "ptrace", act_ptrace, 0, 1, 1, 1, 1 },
    { "kill", act_kill_parent, 0, 1, 1, 1, 1 },
    { "signal the parent", act_signal_parent, 0, 1, 1, 1, 1 },
    { "signal itself", act_signal_itself, 0, 0, 0, 0, 0 },
    { "limits of the parent", act_limit_parent, 0, 1, 1, 1, 1 },
    { "truncate", act_truncate, 0, 1, 1, 1, 1 },
    { "chmod", act_chmod, 0, 1, 1, 1, 1 },
    { "write a file", act_write_file, 0, 1, 1, 1, 1 },
    { "write in its folder", act_write_allowed, 0, 1, 0, 1, 1 },
    { "write to a device", act_write_device, 0, 1, 0, 1, 1 },
    { "make a folder", act_make_dir, 0, 1, 1, 1, 1 },
    { "unlink", act_unlink, 0, 1, 1, 1, 1 },
    { "descriptor of the parent", act_inherited, 0, 1, 1, 1, 1 },
    { "thread", act_thread, 0, 1, 0, 1, 0 },
    { "read a file", act_read_file, 0, 0, 0, 0, 0 },
    { "read another file", act_read_passwd, 0, 0, 0, 1, 0 },
    { "allocate", act_allocate, 0, 0, 0, 0, 0 },
};

static void fault_97_what_is_forbidden_is_refused_and_nothing_else(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        const int want[] = { acts[i].outside, acts[i].parser, acts[i].compute, acts[i].confined,
            acts[i].remote };
        for (int where = OUTSIDE; where <= REMOTE; where++) {
            reset_files();
            int got = run_act(acts[i].act, (enum where)where);
            if (got != want[where]) {
                fail_msg("%s, place %d: %d, want %d", acts[i].name, where, got, want[where]);
            }
        }
    }
}

static void a_child_without_its_parent_does_not_start(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox_limits l = { .parent = getpid() }; /* certainly not our parent */
        struct sandbox_report report;
        struct err err = ERR_INIT;
        _exit(!sandbox_enter(&l, &report, &err) && err.class == ERR_INTERRUPTED ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void processor_time_is_limited(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox_limits l = { .cpu_s = 1 };
        struct sandbox_report report;
        struct err err = ERR_INIT;
        if (!sandbox_enter(&l, &report, &err)) {
            _exit(2);
        }
        for (volatile unsigned long i = 0;; i++) {
        }
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGXCPU);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_97_what_is_forbidden_is_refused_and_nothing_else),
        cmocka_unit_test(a_child_without_its_parent_does_not_start),
        cmocka_unit_test(processor_time_is_limited),
    };
    if (!mkdtemp(dir)) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    struct err err = ERR_INIT;
    return failed + !dir_remove(dir, &err);
}

/* Child processes by argv (see proc.h). */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define OUTPUT_MAX_DEFAULT ((size_t)16 << 20)
#define GRACE_S 5  /* between SIGTERM and SIGKILL */
#define TICK_MS 50 /* how often the clock is looked at while nothing moves */
#define QUIET_MS                                                                                   \
    100          /* an ended child's pipe that is silent for so long belongs to a grandchild       \
                  */
#define REST_S 2 /* how long an ended child's pipes are read at most */

static const char *const INHERITED[] = { "PATH", "HOME", "LANG", "TZ", "LC_ALL", NULL };

char **proc_env(const char *const *names) {
    size_t n = 0;
    for (const char *const *name = names; *name; name++) {
        n++;
    }
    char **env = xcalloc(n + 1, sizeof *env);
    n = 0;
    for (const char *const *name = names; *name; name++) {
        const char *value = getenv(*name);
        if (value) {
            struct strbuf pair = { 0 };
            strbuf_addf(&pair, "%s=%s", *name, value);
            env[n++] = strbuf_take(&pair);
        }
    }
    return env;
}

void proc_env_free(char **env) {
    for (char **e = env; e && *e; e++) {
        free(*e);
    }
    free(env);
}

static void limit(int what, unsigned long value, unsigned long more_for_hard) {
    if (value) {
        struct rlimit r = { .rlim_cur = value, .rlim_max = value + more_for_hard };
        setrlimit((__rlimit_resource_t)what, &r);
    }
}

/* In the child, after fork: what fails is told through `report`, which closes on a successful exec.
 */
static _Noreturn void become(const char *const argv[], const struct proc_options *o,
    char *const *env, const int std[3], int report, pid_t parent) {
    setpgid(0, 0);
    bool ok = true;
    for (int i = 0; ok && i < 3; i++) {
        ok = dup2(std[i], i) == i;
    }
    /* the report pipe is moved to 3, so that everything above it can go */
    ok = ok && dup2(report, 3) == 3 && fcntl(3, F_SETFD, FD_CLOEXEC) == 0 &&
         close_range(4, ~0u, 0) == 0;
    limit(RLIMIT_CPU, o->cpu_s,
        1); /* SIGXCPU first, so that the cause can be seen; SIGKILL a second later */
    limit(RLIMIT_AS, o->memory_bytes, 0);
    if (ok && o->uid && geteuid() == 0) {
        ok = setgroups(0, NULL) == 0 && setresgid(o->gid, o->gid, o->gid) == 0 &&
             setresuid(o->uid, o->uid, o->uid) == 0;
    }
    /* after the change of user, which makes the kernel forget it; a parent that died before is seen
     * by getppid */
    ok = ok && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
    ok = ok && (!o->dir || chdir(o->dir) == 0);
    for (int s = 1; s < NSIG; s++) {
        signal(s, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (ok) {
        execve(argv[0], (char *const *)(uintptr_t)argv, env);
    }
    int why = errno;
    ssize_t ignored = write(3, &why, sizeof why);
    (void)ignored;
    _exit(127);
}

struct running {
    pid_t pid;
    int in, out, err; /* our ends; -1 when closed */
    int end; /* becomes readable when the child ends; -1 where the kernel has no such thing */
};

static void close_fd(int *fd) {
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* A pipe above the descriptors that the child is going to renumber, even where ours has no stdin of
 * its own. */
static bool open_pipe(int ends[2]) {
    int low[2];
    if (pipe2(low, O_CLOEXEC)) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        ends[i] = low[i] > 3 ? low[i] : fcntl(low[i], F_DUPFD_CLOEXEC, 4);
        int why = errno;
        if (ends[i] != low[i]) {
            close(low[i]);
        }
        errno = why;
    }
    return ends[0] >= 0 && ends[1] >= 0;
}

/* What the child could not do, or 0 once it runs its program. */
static int read_report(int fd) {
    int why = 0;
    ssize_t n;
    do {
        n = read(fd, &why, sizeof why);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof why ? why : 0;
}

static bool start(
    const char *const argv[], const struct proc_options *o, struct running *run, struct err *err) {
    int pipes[4][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } }; /* in, out, err, report */
    bool ok = true;
    for (int i = 0; ok && i < 4; i++) {
        ok = open_pipe(pipes[i]);
    }
    char **own_env = o->env ? NULL : proc_env(INHERITED);
    char *const *env = o->env ? (char *const *)(uintptr_t)o->env : own_env;
    pid_t parent = getpid();
    run->pid = ok ? fork() : -1;
    if (run->pid == 0) {
        become(
            argv, o, env, (int[3]) { pipes[0][0], pipes[1][1], pipes[2][1] }, pipes[3][1], parent);
    }
    int why = run->pid > 0 ? 0 : errno;
    proc_env_free(own_env);
    close_fd(&pipes[0][0]);
    close_fd(&pipes[1][1]);
    close_fd(&pipes[2][1]);
    close_fd(&pipes[3][1]);
    if (run->pid > 0 && (why = read_report(pipes[3][0])) != 0) {
        waitpid(run->pid, NULL, 0);
    }
    close_fd(&pipes[3][0]);
    run->in = pipes[0][1];
    run->out = pipes[1][0];
    run->err = pipes[2][0];
    run->end = run->pid > 0 ? pidfd_open(run->pid, 0) : -1;
    if (why) {
        close_fd(&run->in);
        close_fd(&run->out);
        close_fd(&run->err);
        close_fd(&run->end);
        errno = why;
        return err_errno(err, ERR_FAILED, "could not run '%s'", argv[0]);
    }
    return true;
}

/* Reads what is there; the rest beyond the ceiling is drained and dropped. */
static void drain(int *fd, struct strbuf *out) {
    char chunk[16384];
    ssize_t n = read(*fd, chunk, sizeof chunk);
    if (n > 0) {
        size_t room = out->max - out->len;
        strbuf_add(out, chunk, (size_t)n < room ? (size_t)n : room);
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        close_fd(fd);
    }
}

static void feed(int *fd, const struct proc_options *o, size_t *fed) {
    ssize_t n = write(*fd, o->input + *fed, o->input_n - *fed);
    if (n > 0) {
        *fed += (size_t)n;
    }
    if (*fed == o->input_n || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        close_fd(fd);
    }
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* True once the child has ended; it stays unburied, so that its number, which is its group's, can't
 * be reused. */
static bool has_ended(pid_t pid) {
    siginfo_t info = { 0 };
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

/* Waits at most `ms` for something to move, and moves it; false if nothing did. */
static bool move_bytes(
    struct running *run, const struct proc_options *o, size_t *fed, struct proc_result *r, int ms) {
    struct pollfd fds[4] = { { run->in, POLLOUT, 0 }, { run->out, POLLIN, 0 },
        { run->err, POLLIN, 0 }, { run->end, POLLIN, 0 } };
    if (poll(fds, 4, ms) <= 0) {
        return false;
    }
    if (run->in >= 0 && fds[0].revents) {
        feed(&run->in, o, fed);
    }
    if (run->out >= 0 && fds[1].revents) {
        drain(&run->out, &r->out);
    }
    if (run->err >= 0 && fds[2].revents) {
        drain(&run->err, &r->err);
    }
    return fds[1].revents || fds[2].revents;
}

/* Reads what an ended child left in its pipes. A grandchild may keep them open: what it says later
 * is not waited for, and if it never stops talking, we stop listening. */
static void read_rest(struct running *run, const struct proc_options *o, struct proc_result *r) {
    double until = now_s() + REST_S;
    size_t fed = o->input_n;
    close_fd(&run->in);
    close_fd(&run->end);
    while ((run->out >= 0 || run->err >= 0) && now_s() < until &&
           move_bytes(run, o, &fed, r, QUIET_MS)) {
    }
}

/* Moves bytes until the child has ended, killing it at its deadline. */
static void communicate(struct running *run, const struct proc_options *o, struct proc_result *r) {
    double deadline = o->timeout_s ? now_s() + o->timeout_s : 0;
    size_t fed = 0;
    if (!o->input || o->input_n == 0) {
        close_fd(&run->in);
    } else {
        fcntl(run->in, F_SETFL, O_NONBLOCK);
    }
    while (!has_ended(run->pid)) {
        move_bytes(run, o, &fed, r, TICK_MS);
        double now = now_s();
        if (deadline > 0 && now > deadline) {
            kill(-run->pid, r->timed_out ? SIGKILL : SIGTERM);
            r->timed_out = true;
            deadline = now + GRACE_S;
        }
    }
    read_rest(run, o, r);
}

/* A child that stops reading its input must cost us a write, not our life: SIGPIPE is held back in
 * this thread, and taken off again if it came. */
struct pipe_guard {
    sigset_t old;
    bool was_pending;
};

static sigset_t only_sigpipe(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

static void guard_begin(struct pipe_guard *g) {
    sigset_t pending, sigpipe = only_sigpipe();
    sigpending(&pending);
    g->was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe, &g->old);
}

static void guard_end(struct pipe_guard *g) {
    sigset_t sigpipe = only_sigpipe();
    if (!g->was_pending) {
        static const struct timespec AT_ONCE = { 0 };
        while (sigtimedwait(&sigpipe, NULL, &AT_ONCE) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &g->old, NULL);
}

bool proc_run(const char *const argv[], const struct proc_options *options,
    struct proc_result *result, struct err *err) {
    static const struct proc_options NONE = { 0 };
    const struct proc_options *o = options ? options : &NONE;
    struct running run;
    *result = (struct proc_result) { 0 };
    strbuf_init(&result->out, o->output_max ? o->output_max : OUTPUT_MAX_DEFAULT);
    strbuf_init(&result->err, o->output_max ? o->output_max : OUTPUT_MAX_DEFAULT);
    if (!start(argv, o, &run, err)) {
        return false;
    }
    struct pipe_guard guard;
    guard_begin(&guard);
    communicate(&run, o, result);
    guard_end(&guard);
    if (o->timeout_s) {
        kill(-run.pid, SIGKILL); /* what it left behind in its group */
    }
    int status =
        255 << 8; /* where somebody else took the real one (SIGCHLD ignored): not a success */
    while (waitpid(run.pid, &status, 0) < 0 && errno == EINTR) {
    }
    close_fd(&run.out);
    close_fd(&run.err);
    result->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

void proc_result_release(struct proc_result *result) {
    strbuf_release(&result->out);
    strbuf_release(&result->err);
}

static char *try_dir(const char *dir, size_t n, const char *name) {
    char *base = xstrndup(dir, n);
    char *path = path_join(base, name);
    free(base);
    if (access(path, X_OK) == 0 && file_exists(path)) {
        return path;
    }
    free(path);
    return NULL;
}

char *proc_find(const char *name, const char *const *extra_dirs) {
    const char *at = getenv("PATH");
    while (at && *at) {
        size_t n = strcspn(at, ":");
        char *path = n ? try_dir(at, n, name) : NULL;
        if (path) {
            return path;
        }
        at += n + (at[n] == ':');
    }
    for (; extra_dirs && *extra_dirs; extra_dirs++) {
        char *path = try_dir(*extra_dirs, strlen(*extra_dirs), name);
        if (path) {
            return path;
        }
    }
    return NULL;
}

/* Child processes by argv (see proc.h). */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define OUTPUT_MAX_DEFAULT ((size_t)16 << 20)
#define GRACE_S 5

static const char *const INHERITED[] = { "PATH", "HOME", "LANG", "TZ", "LC_ALL", NULL };

/* NAME=VALUE of the few variables that are safe to hand on; the caller frees list and strings. */
static char **default_env(void) {
    char **env = xcalloc(sizeof INHERITED / sizeof *INHERITED, sizeof *env);
    size_t n = 0;
    for (const char *const *name = INHERITED; *name; name++) {
        const char *value = getenv(*name);
        if (value) {
            struct strbuf pair = { 0 };
            strbuf_addf(&pair, "%s=%s", *name, value);
            env[n++] = strbuf_take(&pair);
        }
    }
    return env;
}

static void free_env(char **env) {
    for (char **e = env; e && *e; e++) {
        free(*e);
    }
    free(env);
}

static void limit(int what, unsigned long value) {
    if (value) {
        struct rlimit r = { .rlim_cur = value, .rlim_max = value };
        setrlimit((__rlimit_resource_t)what, &r);
    }
}

/* In the child, after fork: what fails is told through `report`, which closes on a successful exec. */
static _Noreturn void become(const char *const argv[], const struct proc_options *o, char *const *env, const int std[3],
    int report, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    bool ok = getppid() == parent;
    for (int i = 0; ok && i < 3; i++) {
        ok = dup2(std[i], i) == i;
    }
    /* the report pipe is moved to 3, so that everything above it can go */
    ok = ok && dup2(report, 3) == 3 && fcntl(3, F_SETFD, FD_CLOEXEC) == 0 && close_range(4, ~0u, 0) == 0;
    limit(RLIMIT_CPU, o->cpu_s);
    limit(RLIMIT_AS, o->memory_bytes);
    if (ok && o->uid && geteuid() == 0) {
        ok = setgroups(0, NULL) == 0 && setresgid(o->gid, o->gid, o->gid) == 0 && setresuid(o->uid, o->uid, o->uid) == 0;
    }
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
};

static void close_fd(int *fd) {
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static bool start(const char *const argv[], const struct proc_options *o, struct running *run, struct err *err) {
    int pipes[4][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } }; /* in, out, err, report */
    bool ok = true;
    for (int i = 0; ok && i < 4; i++) {
        ok = pipe2(pipes[i], O_CLOEXEC) == 0;
    }
    char **own_env = o->env ? NULL : default_env();
    char *const *env = o->env ? (char *const *)(uintptr_t)o->env : own_env;
    pid_t parent = getpid();
    run->pid = ok ? fork() : -1;
    if (run->pid == 0) {
        become(argv, o, env, (int[3]){ pipes[0][0], pipes[1][1], pipes[2][1] }, pipes[3][1], parent);
    }
    free_env(own_env);
    close_fd(&pipes[0][0]);
    close_fd(&pipes[1][1]);
    close_fd(&pipes[2][1]);
    close_fd(&pipes[3][1]);
    int why = errno;
    ok = run->pid > 0;
    if (ok && read(pipes[3][0], &why, sizeof why) == (ssize_t)sizeof why) {
        waitpid(run->pid, NULL, 0);
        ok = false;
    }
    close_fd(&pipes[3][0]);
    run->in = pipes[0][1];
    run->out = pipes[1][0];
    run->err = pipes[2][0];
    if (!ok) {
        close_fd(&run->in);
        close_fd(&run->out);
        close_fd(&run->err);
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

/* Moves bytes until both outputs are closed or the child has ended, killing it at its deadline. */
static int communicate(struct running *run, const struct proc_options *o, struct proc_result *r) {
    double deadline = o->timeout_s ? now_s() + o->timeout_s : 0, kill_at = 0;
    size_t fed = 0;
    int status = 0;
    bool ended = false;
    if (!o->input || o->input_n == 0) {
        close_fd(&run->in);
    } else {
        fcntl(run->in, F_SETFL, O_NONBLOCK);
    }
    while (!ended || run->out >= 0 || run->err >= 0) {
        struct pollfd fds[3] = { { run->in, POLLOUT, 0 }, { run->out, POLLIN, 0 }, { run->err, POLLIN, 0 } };
        int ready = poll(fds, 3, ended ? 100 : 50);
        if (run->in >= 0 && fds[0].revents) {
            feed(&run->in, o, &fed);
        }
        if (run->out >= 0 && fds[1].revents) {
            drain(&run->out, &r->out);
        }
        if (run->err >= 0 && fds[2].revents) {
            drain(&run->err, &r->err);
        }
        if (ended && ready <= 0) {
            break; /* a grandchild may keep the pipes open: what it says is not waited for */
        }
        ended = ended || waitpid(run->pid, &status, WNOHANG) == run->pid;
        double now = now_s();
        if (!ended && deadline > 0 && !r->timed_out && now > deadline) {
            r->timed_out = true;
            kill_at = now + GRACE_S;
            kill(-run->pid, SIGTERM);
        } else if (!ended && r->timed_out && now > kill_at) {
            kill(-run->pid, SIGKILL);
        }
    }
    if (o->timeout_s) {
        kill(-run->pid, SIGKILL); /* what it left behind in its group */
    }
    return status;
}

bool proc_run(const char *const argv[], const struct proc_options *options, struct proc_result *result, struct err *err) {
    static const struct proc_options NONE = { 0 };
    const struct proc_options *o = options ? options : &NONE;
    struct running run;
    *result = (struct proc_result){ 0 };
    strbuf_init(&result->out, o->output_max ? o->output_max : OUTPUT_MAX_DEFAULT);
    strbuf_init(&result->err, o->output_max ? o->output_max : OUTPUT_MAX_DEFAULT);
    if (!start(argv, o, &run, err)) {
        return false;
    }
    int status = communicate(&run, o, result);
    close_fd(&run.in);
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

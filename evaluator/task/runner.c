/* The child is started by posix_spawn, so that a parent with threads may do it too. It leads a
 * process group of its own, which is killed as a whole. */
#include "evaluator/task/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void close_pair(int fds[2]) {
    close(fds[0]);
    close(fds[1]);
}

static bool spawn(struct runner *r, const char *program, int in, int out, struct err *err) {
    char parent[24];
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    char *argv[] = { (char[]) { "assay" }, (char[]) { "__task" }, parent, NULL };
    char *env[] = { (char[]) { "LC_ALL=C.UTF-8" }, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(
        &attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawn(&r->pid, program, &files, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    if (failed) {
        r->pid = 0;
        errno = failed;
        return err_errno(err, ERR_FAILED, "could not start '%s'", program);
    }
    return true;
}

bool runner_start(
    struct runner *r, const char *program, unsigned cpu_s, unsigned wall_s, struct err *err) {
    int in[2], out[2];
    *r = (struct runner) { .cpu_s = cpu_s };
    if (pipe2(in, O_CLOEXEC)) {
        return err_errno(err, ERR_NODE, "could not make a pipe");
    }
    if (pipe2(out, O_CLOEXEC)) {
        close_pair(in);
        return err_errno(err, ERR_NODE, "could not make a pipe");
    }
    if (!spawn(r, program ? program : "/proc/self/exe", in[0], out[1], err)) {
        close_pair(in);
        close_pair(out);
        return false;
    }
    close(in[0]);
    close(out[1]);
    r->to = in[1];
    fcntl(r->to, F_SETFL, fcntl(r->to, F_GETFL) | O_NONBLOCK); /* a child may refuse to read */
    wire_init(&r->from, out[0], wall_s);
    return true;
}

typedef bool send_fn(struct runner *r, const void *what, size_t n, struct err *err);

static bool send_frame(struct runner *r, const void *frame, size_t n, struct err *err) {
    (void)n;
    return wire_write_by(r->to, &r->from.deadline, frame, err);
}

static bool send_bytes(struct runner *r, const void *data, size_t n, struct err *err) {
    return wire_write_bytes(r->to, &r->from.deadline, data, n, err);
}

/* The child may be gone by now: its end of the pipe must not take us along. */
static bool unbroken(struct runner *r, send_fn *send, const void *what, size_t n, struct err *err) {
    sigset_t broken, before;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    bool ok = send(r, what, n, err);
    if (!ok && !sigismember(&before, SIGPIPE)) {
        sigtimedwait(&broken, NULL, &(struct timespec) { 0 });
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

bool runner_send(struct runner *r, const json_t *frame, struct err *err) {
    return unbroken(r, send_frame, frame, 0, err);
}

bool runner_send_bytes(struct runner *r, const void *data, size_t n, struct err *err) {
    return unbroken(r, send_bytes, data, n, err);
}

void runner_forgive(struct runner *r, const struct timespec *from) {
    struct timespec now, *deadline = &r->from.deadline;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (deadline->tv_sec) {
        deadline->tv_sec += now.tv_sec - from->tv_sec;
        deadline->tv_nsec += now.tv_nsec - from->tv_nsec;
    }
}

static bool describe_end(const struct runner *r, int status, struct err *err) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == err_info(ERR_RESOURCE)->exit_code) {
        return err_set(err, ERR_RESOURCE, "the task's process ran out of memory");
    }
    if (WIFEXITED(status)) {
        return err_set(err, ERR_CRASH, "the task's process ended without a result (exit code %d)",
            WEXITSTATUS(status));
    }
    int signal = WTERMSIG(status);
    if (signal == SIGXCPU) {
        return err_set(err, ERR_TASK, "used up its budget of %u s of processor time", r->cpu_s);
    }
    return err_set(
        err, ERR_CRASH, "the task's process died of signal %d (%s)", signal, strsignal(signal));
}

static void reap(struct runner *r, int *status) {
    while (waitpid(r->pid, status, 0) < 0 && errno == EINTR) {
    }
    r->pid = 0;
}

json_t *runner_receive(struct runner *r, struct err *err) {
    struct err why = ERR_INIT;
    json_t *frame = wire_read(&r->from, &why);
    if (frame && !json_is_object(frame)) {
        json_decref(frame);
        frame = NULL;
        err_set(&why, ERR_INPUT, "the task's process sent something else than a message");
    }
    if (frame) {
        return frame;
    }
    if (why.class == ERR_NONE || why.class == ERR_CRASH) {
        int status = 0;
        reap(r, &status);
        describe_end(r, status, &why);
    }
    *err = why;
    return NULL;
}

void runner_grant(struct runner *r, unsigned seconds) {
    struct rlimit limit;
    r->cpu_s += seconds;
    r->from.deadline.tv_sec += r->from.deadline.tv_sec ? (time_t)seconds : 0;
    /* The child has its own limit only once its walls are up; it has said something by now. */
    if (!prlimit(r->pid, RLIMIT_CPU, NULL, &limit) && limit.rlim_cur < r->cpu_s) {
        limit.rlim_cur = r->cpu_s < limit.rlim_max ? r->cpu_s : limit.rlim_max;
        (void)!prlimit(r->pid, RLIMIT_CPU, &limit, NULL);
    }
}

void runner_stop(struct runner *r) {
    int status;
    if (r->pid) {
        kill(-r->pid, SIGKILL);
        kill(r->pid, SIGKILL);
        reap(r, &status);
    }
    if (r->to) {
        close(r->to);
        close(r->from.fd);
        wire_release(&r->from);
    }
    *r = (struct runner) { 0 };
}

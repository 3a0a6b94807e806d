/* The parent's side of a job's process (see worker.h). */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "evaluator/worker/frame.h"
#include "evaluator/worker/worker.h"

#define STALL_DEFAULT_S 1800
#define GRACE_S 5

/* What the child may know of the environment: where the hub is and how to reach it, never the database. */
static const char *const PASSED_ON[] = { "PATH", "HOME", "LANG", "LC_ALL", "TZ", "HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "XDG_CACHE_HOME", "http_proxy", "https_proxy",
    "no_proxy", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "ASSAY_THREADS", "ASSAY_TASKS", "ASSAY_HOME", "ASSAY_ISA",
    "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", NULL };

struct child {
    pid_t pid;
    int out;
    struct frame_reader frames;
    struct strbuf samples;
    struct err error; /* what the child said went wrong */
    bool done;
    double heard; /* when the child last sent something */
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static char **make_env(void) {
    char **env = xcalloc(sizeof PASSED_ON / sizeof *PASSED_ON, sizeof *env);
    size_t n = 0;
    for (const char *const *name = PASSED_ON; *name; name++) {
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
    for (char **e = env; *e; e++) {
        free(*e);
    }
    free(env);
}

static _Noreturn void become_child(int in, int out, char **env, pid_t parent) {
    static char name[] = "assay", verb[] = "__job";
    char *argv[] = { name, verb, NULL };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    if (getppid() == parent && dup2(in, 0) == 0 && dup2(out, 1) == 1 && close_range(3, ~0u, 0) == 0) {
        execve("/proc/self/exe", argv, env);
    }
    _exit(127);
}

static bool child_start(struct child *c, const json_t *spec, struct err *err) {
    int in[2], out[2];
    memset(c, 0, sizeof *c);
    if (pipe2(in, O_CLOEXEC)) {
        return err_errno(err, ERR_NODE, "could not start a job's process");
    }
    if (pipe2(out, O_CLOEXEC)) {
        close(in[0]);
        close(in[1]);
        return err_errno(err, ERR_NODE, "could not start a job's process");
    }
    char **env = make_env();
    pid_t parent = getpid();
    c->pid = fork();
    if (c->pid == 0) {
        become_child(in[0], out[1], env, parent);
    }
    free_env(env);
    close(in[0]);
    close(out[1]);
    c->out = out[0];
    c->heard = now_s();
    char *text = json_dumps(spec, JSON_COMPACT);
    bool ok = c->pid > 0 && text;
    for (size_t n = ok ? strlen(text) : 0, done = 0; ok && done < n;) {
        ssize_t w = write(in[1], text + done, n - done); /* less than a pipe holds, and the child reads it first */
        ok = w > 0 || (w < 0 && errno == EINTR);
        done += w > 0 ? (size_t)w : 0;
    }
    close(in[1]);
    free(text);
    return ok || err_errno(err, ERR_NODE, "could not start a job's process");
}

/* ---- what it says ---- */

static json_t *parse_frame(const struct frame *f, struct err *err) {
    json_t *json = json_parse(f->data, f->n, "report of a job's process", err);
    if (json && !json_is_object(json)) {
        json_decref(json);
        err_set(err, ERR_CRASH, "a report of the job's process is not an object");
        return NULL;
    }
    return json;
}

static bool take_json(struct child *c, const struct child_watch *watch, const struct frame *f, struct err *err) {
    json_t *json = parse_frame(f, err);
    bool ok = json != NULL;
    if (!ok) {
        return false;
    }
    if (f->tag == FRAME_PROGRESS && watch->progress) {
        long long done = json_get_int(json, "done", 0), total = json_get_int(json, "total", 0);
        watch->progress(json_get_string(json, "label", ""), done < 0 ? 0 : (uint64_t)done, total < 0 ? 0 : (uint64_t)total, watch->arg);
    } else if (f->tag == FRAME_RESULT) {
        ok = !watch->result || watch->result(json, strbuf_str(&c->samples), c->samples.len, watch->arg, err);
        strbuf_reset(&c->samples);
    } else if (f->tag == FRAME_ERROR) {
        err_set(&c->error, err_class_find(json_get_string(json, "class", "bug")), "%s", json_get_string(json, "message", ""));
        const char *hint = json_get_string(json, "hint", "");
        if (*hint) {
            err_hint(&c->error, "%s", hint);
        }
    }
    json_decref(json);
    return ok;
}

static bool take_frames(struct child *c, const struct child_watch *watch, struct err *err) {
    struct frame f;
    bool found = true;
    while (found) {
        if (!frame_reader_next(&c->frames, &f, &found, err)) {
            return false;
        }
        if (!found) {
            break;
        }
        if (f.tag == FRAME_DONE) {
            c->done = true;
        } else if (f.tag == FRAME_SAMPLES) {
            strbuf_add(&c->samples, f.data, f.n);
        } else if (!take_json(c, watch, &f, err)) {
            return false;
        }
    }
    return !c->samples.overflow || err_set(err, ERR_RESOURCE, "the samples of a task do not fit %zu bytes", STRBUF_MAX_DEFAULT);
}

static bool listen_to(struct child *c, const struct child_watch *watch, struct err *err) {
    double stall_s = watch->stall_s ? watch->stall_s : STALL_DEFAULT_S;
    for (bool end = false; !end;) {
        struct pollfd p = { .fd = c->out, .events = POLLIN };
        int ready = poll(&p, 1, 400);
        if (watch->tick && !watch->tick(watch->arg)) {
            return err_set(err, ERR_INTERRUPTED, "stopped on request");
        }
        if (ready <= 0) {
            if (now_s() - c->heard > stall_s) {
                return err_set(err, ERR_CRASH, "the job's process said nothing for %.0f seconds", stall_s);
            }
            continue;
        }
        c->heard = now_s();
        if (!frame_reader_fill(&c->frames, c->out, &end, err) || !take_frames(c, watch, err)) {
            return false;
        }
    }
    return true;
}

/* ---- its end ---- */

static int reap(pid_t pid, bool kill_it) {
    int status = 0;
    if (kill_it) {
        kill(-pid, SIGTERM);
        for (int i = 0; i < GRACE_S * 20 && waitpid(pid, &status, WNOHANG) == 0; i++) {
            nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
        }
        kill(-pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    kill(-pid, SIGKILL); /* whatever it left in its group */
    return status;
}

static bool judge_end(const struct child *c, int status, struct err *err) {
    if (c->error.class != ERR_NONE) {
        *err = c->error;
        return false;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        return err_set(err, ERR_CRASH, "the job's process used up its processor time");
    }
    if (WIFSIGNALED(status)) {
        return err_set(err, ERR_CRASH, "the job's process died of signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    if (!c->done) {
        return err_set(err, ERR_CRASH, "the job's process ended with exit code %d before it was done", WEXITSTATUS(status));
    }
    return true;
}

bool child_run(const json_t *spec, const struct child_watch *watch, struct err *err) {
    struct child c;
    if (!child_start(&c, spec, err)) {
        return false;
    }
    bool ok = listen_to(&c, watch, err);
    close(c.out);
    int status = reap(c.pid, !ok);
    ok = ok && judge_end(&c, status, err);
    frame_reader_release(&c.frames);
    strbuf_release(&c.samples);
    return ok;
}

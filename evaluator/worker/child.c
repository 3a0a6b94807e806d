/* The parent's side of a job's process (see worker.h). */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "evaluator/worker/child.h"
#include "evaluator/worker/frame.h"
#include "evaluator/worker/store.h"
#include "evaluator/worker/strays.h"

#define STALL_DEFAULT_S 1800
#define GRACE_S 5
#define TICK_MS 400

/* What the child may know of the environment: where the hub is and how to reach it, never the
 * database. */
static const char *const PASSED_ON[] = { "PATH", "HOME", "LANG", "LC_ALL", "TZ", "HF_ENDPOINT",
    "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH",
    "HF_HUB_OFFLINE", "HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT", "ASSAY_HUB_CACHE_MAX",
    "all_proxy", "XDG_CACHE_HOME", "XDG_DATA_HOME", "http_proxy", "https_proxy", "no_proxy",
    "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "CURL_CA_BUNDLE", "SSL_CERT_FILE",
    "HUGGING_FACE_HUB_TOKEN", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "TRANSFORMERS_OFFLINE",
    "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "ASSAY_THREADS", "ASSAY_TASKS", "ASSAY_HOME",
    "ASSAY_LANGUAGES", "ASSAY_NO_PACK_CACHE", "ASSAY_ISA", "ASAN_OPTIONS", "UBSAN_OPTIONS",
    "LSAN_OPTIONS", "TSAN_OPTIONS", "ASSAY_FAULT", NULL };

struct child {
    pid_t pid;
    int out, errors; /* its standard output and error */
    int asks;        /* of one that walks: where the next task is named; else -1 */
    bool walks, waits, ended;
    bool blames;              /* it said behind closed doors that the machine is sick */
    char stamp[STRAYS_STAMP]; /* in its environment, and in that of all that it starts */
    struct tail *tail;
    unsigned needs_mb; /* of memory, as its error says */
    struct frame_reader frames;
    struct strbuf samples, mark; /* of the next result */
    struct stores stores;
    bool memo, memo_vectors; /* it may keep answers; vectors too */
    bool memo_resume;        /* an attempt that isn't the first: it goes on where one stopped */
    char revision[65];       /* of the model, "" where it is not known */
    struct err error;        /* what the child said went wrong */
    bool shut;               /* it has closed its doors, and reads what strangers made */
    bool done;
    double heard; /* when the child last got on */
    char label[64];
    long long at; /* as its last progress said */
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Its descriptors: what it is to do, what it says, its errors, and what it is asked next. */
enum { FD_SPEC, FD_SAYS, FD_ERRORS, FD_ASKED, FD_N };

static _Noreturn void become_child(
    const char *program, const int fds[FD_N], char **env, pid_t parent) {
    static char name[] = "assay", verb[] = "__job";
    char *argv[] = { name, verb, NULL };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    bool ok = getppid() == parent, walks = fds[FD_ASKED] >= 0;
    for (int i = 0; ok && i < FD_N - !walks; i++) {
        ok = dup2(fds[i], i) == i;
    }
    if (ok && close_range(FD_ASKED + walks, ~0u, 0) == 0) {
        execve(program, argv, env);
    }
    _exit(127);
}

static char **env_add(char **env, const char *pair) {
    size_t n = 0;
    while (env[n]) {
        n++;
    }
    env = xrealloc(env, (n + 2) * sizeof *env);
    env[n] = xstrdup(pair);
    env[n + 1] = NULL;
    return env;
}

/* The leak sanitizer looks by ptrace, which the sandbox refuses; then it ends the process as if
 * there had been a leak. */
static char **child_env(const char *stamp, const char *key_env) {
    char **env = proc_env(PASSED_ON);
    const char *key = key_env && *key_env ? getenv(key_env) : NULL;
    env = env_add(env, stamp);
    if (key) { /* of a remote model: to the process that asks it, and no other */
        struct strbuf pair = { 0 };
        strbuf_addf(&pair, "%s=%s", key_env, key);
        env = env_add(env, pair.text);
        explicit_bzero(pair.text, pair.len);
        strbuf_release(&pair);
    }
#ifdef __SANITIZE_ADDRESS__
    size_t n = 0, at;
    while (env[n]) {
        n++;
    }
    for (at = 0; at < n && strncmp(env[at], "ASAN_OPTIONS=", 13); at++) {
    }
    if (at == n || !strstr(env[at], "detect_leaks")) {
        struct strbuf pair = { 0 };
        strbuf_addf(&pair, "%s:detect_leaks=0", at < n ? env[at] : "ASAN_OPTIONS=");
        env = xrealloc(env, (n + 2) * sizeof *env);
        env[n + 1] = NULL;
        if (at < n) {
            free(env[at]);
        }
        env[at] = strbuf_take(&pair);
    }
#endif
    return env;
}

/* The spec as a file in memory: a child that never reads it can't keep its parent waiting, as a
 * pipe would. */
static int spec_file(const json_t *spec, struct err *err) {
    char *text = json_text(spec, JSON_COMPACT);
    if (!text) { /* JSON has no other text, and what was to hold it is NULL then */
        err_set(err, ERR_INPUT,
            "cannot tell the job's process what to do: a path or a name is not UTF-8");
        return -1;
    }
    int fd = memfd_create("job", MFD_CLOEXEC);
    for (size_t n = strlen(text), done = 0; fd >= 0 && done < n;) {
        ssize_t w = write(fd, text + done, n - done);
        if (w < 0 && errno != EINTR) {
            close(fd);
            fd = -1;
        }
        done += w > 0 ? (size_t)w : 0;
    }
    free(text);
    if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        err_errno(err, ERR_NODE, "could not write down a job for its process");
    }
    return fd;
}

static void close_all(int *fds, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
}

/* A pipe above the descriptors that the child is going to renumber. */
static bool open_pipe(int ends[2]) {
    int low[2];
    if (pipe2(low, O_CLOEXEC)) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        ends[i] = low[i] >= FD_N ? low[i] : fcntl(low[i], F_DUPFD_CLOEXEC, FD_N);
        if (ends[i] != low[i]) {
            close(low[i]);
        }
    }
    return ends[0] >= 0 && ends[1] >= 0;
}

static bool child_start(struct child *c, const json_t *spec, const char *program, struct err *err) {
    int theirs[FD_N] = { -1, -1, -1, -1 }, says[2] = { -1, -1 }, errors[2] = { -1, -1 },
        asks[2] = { -1, -1 };
    theirs[FD_SPEC] = spec_file(spec, err);
    if (theirs[FD_SPEC] < 0) {
        return false;
    }
    strays_stamp(c->stamp);
    char **env = child_env(c->stamp, json_get_string(spec, "key_env", NULL));
    pid_t parent = getpid();
    c->pid =
        !fault("spawn") && open_pipe(says) && open_pipe(errors) && (!c->walks || open_pipe(asks))
            ? (theirs[FD_SAYS] = says[1], theirs[FD_ERRORS] = errors[1], theirs[FD_ASKED] = asks[0],
                  fork())
            : -1;
    if (c->pid == 0) {
        become_child(program ? program : "/proc/self/exe", theirs, env, parent);
    }
    bool ok = c->pid > 0 || err_errno(err, ERR_NODE, "could not start a job's process");
    if (ok) {
        setpgid(c->pid, c->pid); /* whoever of the two comes first */
        fcntl(errors[0], F_SETFL, O_NONBLOCK);
    }
    proc_env_free(env);
    close_all(theirs, FD_N);
    c->out = says[0];
    c->errors = errors[0];
    c->asks = asks[1];
    c->heard = now_s();
    return ok;
}

/* ---- what it says ---- */

static json_t *parse_frame(const struct frame *f, struct err *err) {
    json_t *json = json_parse(f->data, f->n, "report of a job's process", err);
    if (!json) {
        err->class =
            ERR_CRASH; /* our own program doesn't write such: something else wrote through it */
    }
    if (json && !json_is_object(json)) {
        json_decref(json);
        err_set(err, ERR_CRASH, "a report of the job's process is not an object");
        return NULL;
    }
    return json;
}

/* A copy fit for a terminal and a log: the child may have been taken over by what it read. */
static void plain_text(char *out, size_t size, const char *text) {
    snprintf(out, size, "%s", text);
    for (char *c = out; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = ' ';
        }
    }
}

static void take_progress(struct child *c, const struct child_watch *watch, const json_t *json) {
    char label[64];
    long long done = json_get_int(json, "done", 0), total = json_get_int(json, "total", 0);
    plain_text(label, sizeof label, json_get_string(json, "label", ""));
    if (done != c->at || strcmp(label, c->label) != 0) { /* saying the same is not getting on */
        c->heard = now_s();
        c->at = done;
        memcpy(c->label, label, sizeof label);
    }
    if (!watch->progress) {
        return;
    }
    watch->progress(
        label, done < 0 ? 0 : (uint64_t)done, total < 0 ? 0 : (uint64_t)total, watch->arg);
}

/* Behind closed doors the word may be a stranger's, who shall not stop this worker, nor get the job
 * tried for ever. */
static enum err_class believed(const struct child *c, enum err_class said) {
    bool steers =
        said == ERR_DB || said == ERR_BUSY || err_info(said)->action == ERR_ACTION_RELEASE;
    return said == ERR_NONE || (c->shut && steers) ? ERR_CRASH : said;
}

static void take_error(struct child *c, const json_t *json) {
    char text[sizeof c->error.msg];
    enum err_class said = err_class_find(json_get_string(json, "class", "bug"));
    plain_text(text, sizeof text, json_get_string(json, "message", ""));
    c->blames = c->shut && said == ERR_NODE;
    err_set(&c->error, believed(c, said), "%s", text);
    plain_text(text, sizeof text, json_get_string(json, "hint", ""));
    if (*text) {
        err_hint(&c->error, "%s", text);
    }
    long long needs_mb = json_get_int(json, "needs_mb", 0);
    c->needs_mb = needs_mb > 0 && needs_mb < INT32_MAX ? (unsigned)needs_mb : 0;
}

static bool is_hex(const char *s, size_t n) {
    return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

/* Said before the model is opened, and believed only then: it names the file that is written, and
 * what a result is of. */
static bool take_identity(struct child *c, const json_t *json, struct err *err) {
    const char *identity = json_get_string(json, "identity", "");
    const char *revision = json_get_string(json, "revision", "");
    if (c->shut || (*identity && !is_hex(identity, 64)) ||
        (*revision && !is_hex(revision, 64) && !is_hex(revision, 40))) {
        return err_set(err, ERR_CRASH, "the job's process names a model that is none");
    }
    snprintf(c->revision, sizeof c->revision, "%s", revision);
    if (c->memo && *identity) {
        stores_open(&c->stores, identity, c->memo_vectors);
        if (c->memo_resume && !c->stores.found[STORE_ANSWERS]) {
            log_line(LOG_INFO, "nothing of an earlier attempt lies in this home: it begins anew "
                               "(workers that share ASSAY_HOME and the hub's cache go on)");
        }
    }
    return true;
}

/* Which model it is was said while the process could be believed. */
static bool take_result(
    struct child *c, const struct child_watch *watch, json_t *json, struct err *err) {
    const char *degraded = json_get_string(json, "sandbox", "");
    if (*degraded) {
        log_line(LOG_WARN, "the job ran without all of its sandbox: %s", degraded);
    }
    if (json_object_get(json, "revision")) {
        json_object_set_new(
            json, "revision", *c->revision ? json_string(c->revision) : json_null());
    }
    bool ok = !watch->result ||
              watch->result(json, strbuf_str(&c->samples), c->samples.len, watch->arg, err);
    if (ok && c->mark.len) {
        stores_add(&c->stores, STORE_ANSWERS, c->mark.text, c->mark.len);
    }
    strbuf_reset(&c->samples);
    strbuf_reset(&c->mark);
    return ok;
}

static bool take_json(
    struct child *c, const struct child_watch *watch, const struct frame *f, struct err *err) {
    json_t *json = parse_frame(f, err);
    bool ok = json != NULL;
    if (!ok) {
        return false;
    }
    if (f->tag == FRAME_PROGRESS) {
        take_progress(c, watch, json);
    } else if (f->tag == FRAME_RESULT) {
        ok = take_result(c, watch, json, err);
    } else if (f->tag == FRAME_SKIPPED && watch->skipped) {
        watch->skipped(
            json_get_string(json, "task", ""), json_get_string(json, "why", ""), watch->arg);
    } else if (f->tag == FRAME_PLAN && watch->plan) {
        watch->plan(json, watch->arg);
    } else if (f->tag == FRAME_PRINTS) {
        ok = !watch->prints || watch->prints(json, watch->arg, err);
    } else if (f->tag == FRAME_MODEL) {
        ok = take_identity(c, json, err);
    } else if (f->tag == FRAME_ERROR) {
        take_error(c, json);
    }
    json_decref(json);
    return ok;
}

/* Answers for later. That they are whole is checked where they are written. */
static bool take_memo(struct child *c, const struct frame *f, struct err *err) {
    if (f->n == 0 || (unsigned char)f->data[0] >= STORE_N) {
        return err_set(err, ERR_CRASH, "the job's process has answers for a store that is none");
    }
    stores_add(&c->stores, (enum store_kind)f->data[0], f->data + 1, f->n - 1);
    return true;
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
        if (c->done) {
            return err_set(err, ERR_CRASH, "the job's process went on after its last report");
        }
        if (f.tag != FRAME_PROGRESS) {
            c->heard = now_s();
        }
        if (f.tag == FRAME_DONE) {
            c->done = true;
        } else if (f.tag == FRAME_WAITS && c->walks) {
            c->waits = true;
        } else if (f.tag == FRAME_SHUT) {
            c->shut = true;
        } else if (f.tag == FRAME_SAMPLES) {
            strbuf_add(&c->samples, f.data, f.n);
        } else if (f.tag == FRAME_MARK) {
            strbuf_add(&c->mark, f.data, f.n);
        } else if (f.tag == FRAME_MEMO) {
            if (!take_memo(c, &f, err)) {
                return false;
            }
        } else if (!take_json(c, watch, &f, err)) {
            return false;
        }
    }
    return !c->samples.overflow ||
           err_set(
               err, ERR_RESOURCE, "the samples of a task do not fit %zu bytes", STRBUF_MAX_DEFAULT);
}

/* What it wrote to its standard error: never waited for, and never left to fill its pipe. */
static void take_errors(struct child *c) {
    char text[4096];
    for (ssize_t n; c->errors >= 0 && (n = read(c->errors, text, sizeof text)) != 0;) {
        if (n > 0) {
            tail_take(c->tail, text, (size_t)n);
        } else if (errno != EINTR) {
            return;
        }
    }
    close_all(&c->errors, 1);
}

/* Until it waits for its next task, or says nothing more. */
static bool listen_to(struct child *c, const struct child_watch *watch, struct err *err) {
    double stall_s = watch->stall_s ? watch->stall_s : STALL_DEFAULT_S;
    c->heard = now_s();
    while (!c->ended && !c->waits) {
        struct pollfd p[2] = { { .fd = c->out, .events = POLLIN },
            { .fd = c->errors, .events = POLLIN } };
        poll(p, 2, TICK_MS);
        if (watch->tick && !watch->tick(watch->arg)) {
            return err_set(err, ERR_INTERRUPTED, "stopped on request");
        }
        take_errors(c);
        if (p[0].revents && (!frame_reader_fill(&c->frames, c->out, &c->ended, err) ||
                                !take_frames(c, watch, err))) {
            return false;
        }
        if (now_s() - c->heard > stall_s) {
            return err_set(
                err, ERR_CRASH, "the job's process did not get on for %.0f seconds", stall_s);
        }
    }
    return true;
}

/* ---- its end ---- */

/* It is buried last, so that its number, which is its group's, can't be another's meanwhile. */
static int reap(struct child *c, bool kill_it) {
    int status = 0;
    siginfo_t info = { 0 };
    if (kill_it) {
        kill(-c->pid, SIGTERM);
        for (int i = 0; i < GRACE_S * 20; i++) {
            take_errors(c);
            if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                info.si_pid == c->pid) {
                break;
            }
            nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
        }
        kill(-c->pid, SIGKILL);
    }
    while (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
    kill(-c->pid, SIGKILL); /* whatever it left in its group */
    strays_kill(c->stamp);  /* and outside */
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) {
    }
    take_errors(c);
    c->pid = 0;
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
        return err_set(err, ERR_CRASH, "the job's process died of signal %d (%s)", WTERMSIG(status),
            strsignal(WTERMSIG(status)));
    }
    if (!c->done && WEXITSTATUS(status) == err_info(ERR_RESOURCE)->exit_code) {
        return err_set(err, ERR_RESOURCE, "the job's process ran out of memory");
    }
    if (!c->done) {
        return err_set(err, ERR_CRASH,
            "the job's process ended with exit code %d before it was done", WEXITSTATUS(status));
    }
    /* A sanitizer's verdict comes last, after all the results. */
    return WEXITSTATUS(status) == 0 ||
           err_set(err, ERR_CRASH, "the job's process ended with exit code %d after it was done",
               WEXITSTATUS(status));
}

struct child *child_open(
    const json_t *spec, const char *program, struct tail *tail, struct err *err) {
    struct child *c = xcalloc(1, sizeof *c);
    const json_t *memo = json_object_get(spec, "memo");
    c->tail = tail;
    c->out = c->errors = c->asks = -1;
    c->walks = json_get_bool(spec, "walk", false);
    c->memo = json_is_object(memo) && !json_get_bool(spec, "dry_run", false);
    c->memo_vectors = json_get_bool(memo, "vectors", false);
    c->memo_resume = json_get_bool(memo, "resume", false);
    if (child_start(c, spec, program, err)) {
        return c;
    }
    c->pid = 0;
    child_close(c);
    return NULL;
}

bool child_waits(const struct child *c) {
    return c->waits && !c->ended;
}

unsigned child_needs_mb(const struct child *c) {
    return c->needs_mb;
}

bool child_blames_machine(const struct child *c) {
    return c->blames;
}

/* What is asked of one that has died meanwhile shows when it is listened to. */
static void ask(struct child *c, size_t which) {
    char text[32];
    int n = snprintf(text, sizeof text, "%zu\n", which);
    bool asked = fd_write_all(c->asks, text, (size_t)n);
    (void)asked;
    c->waits = false;
}

bool child_work(struct child *c, size_t which, const struct child_watch *watch, struct err *err) {
    if (c->walks) {
        ask(c, which);
    }
    bool ok = listen_to(c, watch, err);
    if (ok && c->waits) {
        return true;
    }
    int status = reap(c, !ok);
    return ok && judge_end(c, status, err);
}

/* One that waits ends by itself when nothing more will be asked; what it says then is nothing. */
static void dismiss(struct child *c) {
    static const struct child_watch NOBODY = { .stall_s = GRACE_S };
    struct err err = ERR_INIT;
    close_all(&c->asks, 1);
    c->waits = false;
    bool ok = listen_to(c, &NOBODY, &err);
    int status = reap(c, !ok);
    if (!ok || !judge_end(c, status, &err)) {
        log_line(LOG_WARN, "after its last result: %s", err.msg);
        c->done = false;
    }
}

void child_close(struct child *c) {
    if (c->pid > 0 && c->waits) {
        dismiss(c);
    } else if (c->pid > 0) {
        reap(c, true);
    }
    close_all((int[3]) { c->out, c->errors, c->asks }, 3);
    stores_close(&c->stores, c->done && c->error.class == ERR_NONE);
    frame_reader_release(&c->frames);
    strbuf_release(&c->samples);
    strbuf_release(&c->mark);
    free(c);
}

bool child_run(const json_t *spec, const struct child_watch *watch, struct err *err) {
    struct tail tail = { 0 };
    struct child *c = child_open(spec, watch->program, &tail, err);
    bool ok = c && child_work(c, 0, watch, err);
    if (c) {
        c->done = c->done && ok;
        child_close(c);
    }
    return ok;
}

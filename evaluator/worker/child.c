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

#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "evaluator/worker/frame.h"
#include "evaluator/worker/store.h"
#include "evaluator/worker/worker.h"

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
    "ASSAY_NO_PACK_CACHE", "ASSAY_ISA", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
    "TSAN_OPTIONS", NULL };

struct child {
    pid_t pid;
    int out;
    struct frame_reader frames;
    struct strbuf samples, mark; /* of the next result */
    struct stores stores;
    bool memo, memo_vectors; /* it may keep answers; vectors too */
    char revision[65];       /* of the model, "" where it is not known */
    struct err error;        /* what the child said went wrong */
    bool shut;               /* it has closed its doors, and reads what strangers made */
    bool done;
    double heard; /* when the child last sent something */
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static _Noreturn void become_child(const char *program, int in, int out, char **env, pid_t parent) {
    static char name[] = "assay", verb[] = "__job";
    char *argv[] = { name, verb, NULL };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    if (getppid() == parent && dup2(in, 0) == 0 && dup2(out, 1) == 1 &&
        close_range(3, ~0u, 0) == 0) {
        execve(program, argv, env);
    }
    _exit(127);
}

/* The leak sanitizer looks by ptrace, which the sandbox refuses; then it ends the process as if
 * there had been a leak. */
static char **child_env(void) {
    char **env = proc_env(PASSED_ON);
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
    char *text = json_dumps(spec, JSON_COMPACT);
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

static bool child_start(struct child *c, const json_t *spec, const char *program, struct err *err) {
    memset(c, 0, sizeof *c);
    int in = spec_file(spec, err), out[2] = { -1, -1 };
    if (in < 0) {
        return false;
    }
    char **env = child_env();
    pid_t parent = getpid();
    c->pid = pipe2(out, O_CLOEXEC) == 0 ? fork() : -1;
    if (c->pid == 0) {
        become_child(program ? program : "/proc/self/exe", in, out[1], env, parent);
    }
    bool ok = c->pid > 0 || err_errno(err, ERR_NODE, "could not start a job's process");
    if (ok) {
        setpgid(c->pid, c->pid); /* whoever of the two comes first */
    }
    proc_env_free(env);
    close(in);
    if (out[1] >= 0) {
        close(out[1]);
    }
    if (!ok && out[0] >= 0) {
        close(out[0]);
    }
    c->out = out[0];
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

static void take_progress(const struct child_watch *watch, const json_t *json) {
    char label[64];
    long long done = json_get_int(json, "done", 0), total = json_get_int(json, "total", 0);
    plain_text(label, sizeof label, json_get_string(json, "label", ""));
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
    err_set(&c->error, believed(c, said), "%s", text);
    plain_text(text, sizeof text, json_get_string(json, "hint", ""));
    if (*text) {
        err_hint(&c->error, "%s", text);
    }
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
    if (f->tag == FRAME_PROGRESS && watch->progress) {
        take_progress(watch, json);
    } else if (f->tag == FRAME_RESULT) {
        ok = take_result(c, watch, json, err);
    } else if (f->tag == FRAME_SKIPPED && watch->skipped) {
        watch->skipped(
            json_get_string(json, "task", ""), json_get_string(json, "why", ""), watch->arg);
    } else if (f->tag == FRAME_PLAN && watch->plan) {
        watch->plan(json, watch->arg);
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
        if (f.tag == FRAME_DONE) {
            c->done = true;
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

static bool listen_to(struct child *c, const struct child_watch *watch, struct err *err) {
    double stall_s = watch->stall_s ? watch->stall_s : STALL_DEFAULT_S;
    for (bool end = false; !end;) {
        struct pollfd p = { .fd = c->out, .events = POLLIN };
        int ready = poll(&p, 1, TICK_MS);
        if (watch->tick && !watch->tick(watch->arg)) {
            return err_set(err, ERR_INTERRUPTED, "stopped on request");
        }
        if (ready <= 0) {
            if (now_s() - c->heard > stall_s) {
                return err_set(
                    err, ERR_CRASH, "the job's process said nothing for %.0f seconds", stall_s);
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
            nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
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
        return err_set(err, ERR_CRASH, "the job's process died of signal %d (%s)", WTERMSIG(status),
            strsignal(WTERMSIG(status)));
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

bool child_run(const json_t *spec, const struct child_watch *watch, struct err *err) {
    struct child c;
    if (!child_start(&c, spec, watch->program, err)) {
        return false;
    }
    const json_t *memo = json_object_get(spec, "memo");
    c.memo = json_is_object(memo) && !json_get_bool(spec, "dry_run", false);
    c.memo_vectors = json_get_bool(memo, "vectors", false);
    bool ok = listen_to(&c, watch, err);
    close(c.out);
    int status = reap(c.pid, !ok);
    ok = ok && judge_end(&c, status, err);
    stores_close(&c.stores, ok);
    frame_reader_release(&c.frames);
    strbuf_release(&c.samples);
    strbuf_release(&c.mark);
    return ok;
}

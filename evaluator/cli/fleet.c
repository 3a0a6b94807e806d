/* One worker process a GPU (see fleet.h). */
#include "evaluator/cli/fleet.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "harness/harness.h"

enum { GPUS_MAX = sizeof((struct fleet *)0)->gpus / sizeof(unsigned), POLL_MS = 100 };
enum {
    EXIT_BUSY = 8,
    EXIT_SICK = 75
}; /* of a worker: nothing to do, a machine not to go on with */

/* ---- which ---- */

static bool add(struct fleet *f, unsigned long gpu, unsigned there, struct err *err) {
    if (gpu >= there) {
        return err_set(err, ERR_USAGE, "option '--gpus': there is no GPU %lu here, only 0 to %u",
            gpu, there - 1);
    }
    for (unsigned i = 0; i < f->n; i++) {
        if (f->gpus[i] == gpu) {
            return err_set(err, ERR_USAGE, "option '--gpus' names GPU %lu twice", gpu);
        }
    }
    if (f->n == GPUS_MAX) {
        return err_set(err, ERR_USAGE, "option '--gpus' takes at most %d", (int)GPUS_MAX);
    }
    f->gpus[f->n++] = (unsigned)gpu;
    return true;
}

static bool add_listed(struct fleet *f, const char *text, unsigned there, struct err *err) {
    bool ok = true, more = true;
    for (const char *at = text; ok && more;) {
        char *end;
        unsigned long gpu = strtoul(at, &end, 10);
        if (*at < '0' || *at > '9' || (*end && *end != ',')) {
            return err_set(
                err, ERR_USAGE, "option '--gpus' is all or numbers with commas, not '%.60s'", text);
        }
        ok = add(f, gpu, there, err);
        more = *end == ',';
        at = end + more;
    }
    return ok;
}

bool fleet_parse(const char *text, struct fleet *f, struct err *err) {
    unsigned there = gpu_count(err);
    *f = (struct fleet) { 0 };
    if (there == 0) {
        return err_hint(
            err, "'assay doctor' says what is missing; without --gpus this is one worker");
    }
    bool ok = strcmp(text, "all") || there <= GPUS_MAX ||
              err_set(err, ERR_USAGE, "more than %d GPUs: name those to use", (int)GPUS_MAX);
    for (unsigned i = 0; ok && !strcmp(text, "all") && i < there; i++) {
        ok = add(f, i, there, err);
    }
    return ok && (f->n > 0 || add_listed(f, text, there, err));
}

static bool follow_each_other(const unsigned *gpus, unsigned n) {
    bool ok = true;
    for (unsigned i = 1; i < n; i++) {
        ok = ok && gpus[i] == gpus[0] + i;
    }
    return ok;
}

bool fleet_group(struct fleet *f, unsigned each, struct err *err) {
    unsigned n = each > 1 ? each : 1;
    if (f->n % n != 0) {
        return err_set(
            err, ERR_USAGE, "option '--gpus': %u GPUs are not whole groups of %u", f->n, n);
    }
    for (unsigned i = 0; i < f->n / n; i++) {
        if (!follow_each_other(&f->gpus[i * n], n)) {
            return err_set(err, ERR_USAGE,
                "option '--gpus': the %u of a worker must follow each other; those from GPU %u on "
                "do not",
                n, f->gpus[i * n]);
        }
        f->gpus[i] = f->gpus[i * n];
    }
    f->n /= n;
    return true;
}

/* ---- their words ---- */

struct words {
    char **items;
    size_t n, capacity;
};

/* Room for the NULL that ends them is always there. */
static void say(struct words *w, const char *word, const char *value) {
    struct strbuf text = { 0 };
    strbuf_addf(&text, "%s%s%s", word, value ? "=" : "", value ? value : "");
    mem_grow(&w->items, &w->capacity, w->n + 2, sizeof *w->items);
    w->items[w->n++] = strbuf_take(&text);
    w->items[w->n] = NULL;
}

char **fleet_argv(const struct fleet *f, unsigned i, const struct args *args) {
    struct words w = { 0 };
    char number[32];
    say(&w, "assay", NULL);
    say(&w, "worker", NULL);
    for (unsigned k = 0; k < args->n_given; k++) {
        const struct option *o = args->given[k].option;
        if (strcmp(o->name, "gpus")) {
            char name[64];
            snprintf(name, sizeof name, "--%s", o->name);
            say(&w, name, o->value ? args->given[k].value : NULL);
        }
    }
    snprintf(number, sizeof number, "cuda:%u", f->gpus[i]);
    say(&w, "--device", number);
    if (!args_has(args, "threads")) {
        long share = sysconf(_SC_NPROCESSORS_ONLN) / (long)f->n;
        snprintf(number, sizeof number, "%ld", share > 1 ? share : 1);
        say(&w, "--threads", number);
    }
    if (!args_has(args, "no-progress")) {
        say(&w, "--no-progress", NULL); /* bars of several would overwrite each other */
    }
    return w.items;
}

static void words_free(char **argv) {
    for (char **word = argv; *word; word++) {
        free(*word);
    }
    free(argv);
}

/* ---- their lives ---- */

struct post {
    pid_t pid; /* 0: it has ended */
    int code;  /* of its exit; 128 + a signal */
};

static bool start(const struct fleet *f, unsigned i, const struct args *args, struct post *post,
    struct err *err) {
    char **argv = fleet_argv(f, i, args);
    pid_t parent = getpid();
    post->pid = fork();
    if (post->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        setpgid(0, 0); /* Ctrl-C comes from the one that waits, once: a second one would not wait */
        if (getppid() == parent) {
            execv("/proc/self/exe", argv);
        }
        _exit(127);
    }
    words_free(argv);
    if (post->pid < 0) {
        post->pid = 0;
        return err_errno(err, ERR_NODE, "could not start the worker of GPU %u", f->gpus[i]);
    }
    log_line(LOG_INFO, "the worker of GPU %u is process %d", f->gpus[i], (int)post->pid);
    return true;
}

static void signal_all(const struct fleet *f, const struct post *posts) {
    for (unsigned i = 0; i < f->n; i++) {
        if (posts[i].pid) {
            kill(posts[i].pid, SIGTERM);
        }
    }
}

/* Takes note of those that ended; how many still run. */
static unsigned collect(const struct fleet *f, struct post *posts) {
    unsigned running = 0;
    for (unsigned i = 0; i < f->n; i++) {
        int status;
        if (posts[i].pid && waitpid(posts[i].pid, &status, WNOHANG) == posts[i].pid) {
            posts[i].pid = 0;
            posts[i].code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            log_line(posts[i].code ? LOG_WARN : LOG_INFO,
                "the worker of GPU %u ended with exit code %d", f->gpus[i], posts[i].code);
        }
        running += posts[i].pid != 0;
    }
    return running;
}

static void wait_all(const struct fleet *f, struct post *posts, const atomic_bool *stop) {
    bool told = false;
    while (collect(f, posts) > 0) {
        if (stop && atomic_load(stop) && !told) {
            signal_all(f, posts);
            told = true;
        }
        nanosleep(&(struct timespec) { .tv_nsec = POLL_MS * 1000000L }, NULL);
    }
}

/* What is worst counts: a sick machine, then a worker that failed, then that none had a job. */
static bool judge(const struct fleet *f, const struct post *posts, struct err *err) {
    unsigned busy = 0;
    bool ok = true;
    for (unsigned i = 0; i < f->n; i++) {
        int code = posts[i].code;
        busy += code == EXIT_BUSY;
        if (code == EXIT_SICK) {
            return err_set(err, ERR_NODE, "the worker of GPU %u cannot go on here", f->gpus[i]);
        }
        if (code && code != EXIT_BUSY && ok) {
            ok = err_set(
                err, ERR_FAILED, "the worker of GPU %u ended with exit code %d", f->gpus[i], code);
        }
    }
    return ok && (busy < f->n || err_set(err, ERR_BUSY, "there is no job to do"));
}

bool fleet_run(
    const struct fleet *f, const struct args *args, const atomic_bool *stop, struct err *err) {
    struct post posts[GPUS_MAX] = { 0 };
    struct err why = ERR_INIT;
    bool ok = true;
    for (unsigned i = 0; ok && i < f->n; i++) {
        ok = start(f, i, args, &posts[i], &why);
    }
    if (!ok) {
        signal_all(f, posts);
    }
    wait_all(f, posts, stop);
    if (!ok) {
        *err = why;
    }
    return ok && judge(f, posts, err);
}

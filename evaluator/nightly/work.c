/* Seeing the queue through: workers of our own, or others', until all that this night queued is
 * over. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "evaluator/nightly/night.h"

#define LOOK_S 1.0
#define LOOKS                                                                                      \
    20 // a look may take a twentieth of the time: of very many jobs it is not a moment's work
#define RESTART_S 3.0 // a worker that ended while jobs are left comes back after that
#define SICK 75       // its exit code where this machine should not go on
#define POSTS_MAX 64

struct post {
    pid_t pid; // 0: nobody
    double ended;
    bool sick;
};

struct shift {
    struct post posts[POSTS_MAX];
    unsigned n;
};

/* ---- workers ---- */

static void start(const struct night *n, struct post *post) {
    pid_t parent = getpid();
    post->pid = fork();
    if (post->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        setpgid(0, 0);
        dup2(STDERR_FILENO, STDOUT_FILENO); // what is printed here is the night's report
        if (getppid() == parent) {
            execv("/proc/self/exe", (char *const *)(uintptr_t)n->o->worker_argv);
        }
        _exit(127);
    }
    post->pid = post->pid < 0 ? 0 : post->pid;
    post->ended = night_now();
}

static void look_after(const struct night *n, struct shift *shift) {
    for (unsigned i = 0; i < shift->n; i++) {
        struct post *p = &shift->posts[i];
        int status;
        if (p->pid && waitpid(p->pid, &status, WNOHANG) == p->pid) {
            p->pid = 0;
            p->ended = night_now();
            p->sick = WIFEXITED(status) && WEXITSTATUS(status) == SICK;
        }
        if (!p->pid && !p->sick && night_now() - p->ended > RESTART_S) {
            start(n, p);
        }
    }
}

static bool all_sick(const struct shift *shift) {
    bool all = shift->n > 0;
    for (unsigned i = 0; i < shift->n; i++) {
        all = all && shift->posts[i].sick;
    }
    return all;
}

static void begin_shift(const struct night *n, struct shift *shift) {
    shift->n = n->o->worker_argv ? n->o->workers : 0;
    shift->n = shift->n < POSTS_MAX ? shift->n : POSTS_MAX;
    for (unsigned i = 0; i < shift->n; i++) {
        start(n, &shift->posts[i]);
    }
}

/* They give their jobs back. */
static void end_shift(struct shift *shift) {
    for (unsigned i = 0; i < shift->n; i++) {
        if (shift->posts[i].pid) {
            kill(shift->posts[i].pid, SIGTERM);
        }
    }
    for (unsigned i = 0; i < shift->n; i++) {
        while (shift->posts[i].pid && waitpid(shift->posts[i].pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
}

/* ---- the jobs ---- */

static bool read_jobs(struct night *n, struct rows *rows, struct err *err) {
    char *ids = json_text(n->jobs, JSON_COMPACT);
    bool ok = db_query(n->db, "night_jobs", DB_ARGS(db_text(ids)), rows, err);
    free(ids);
    return ok;
}

static bool is_over(const char *state) {
    return !strcmp(state, "done") || !strcmp(state, "dead") || !strcmp(state, "cancelled");
}

static bool count_left(
    struct night *n, const char *ids, long long *left, double *took_s, struct err *err) {
    struct rows rows = { 0 };
    double before = night_now();
    bool ok = db_query(n->db, "night_left", DB_ARGS(db_text(ids)), &rows, err);
    *left = ok ? rows_int(&rows, 0, "n") : 0;
    *took_s = night_now() - before;
    rows_release(&rows);
    return ok;
}

/* Rests until the next look, and looks after the workers meanwhile. */
static bool rest(struct night *n, struct shift *shift, double s) {
    double end = night_now() + s;
    do {
        look_after(n, shift);
        if (!night_rest(n, LOOK_S)) {
            return false;
        }
    } while (night_now() < end && !all_sick(shift));
    return true;
}

static bool wait_for(struct night *n, struct shift *shift, const char *ids, struct err *err) {
    double end = night_now() + n->o->wait_s, took_s;
    long long left = 0, said = -1;
    while (count_left(n, ids, &left, &took_s, err)) {
        if (left == 0 || night_now() > end || all_sick(shift)) {
            return true;
        }
        if (said < 0 || said - left >= 10) {
            night_log(n, "%lld jobs are left", left);
            said = left;
        }
        if (!rest(n, shift, LOOKS * took_s)) {
            return err_set(err, ERR_INTERRUPTED, "stopped with %lld jobs left", left);
        }
    }
    return false;
}

static bool wait_for_jobs(struct night *n, struct shift *shift, struct err *err) {
    char *ids = json_text(n->jobs, JSON_COMPACT);
    bool ok = wait_for(n, shift, ids, err);
    free(ids);
    return ok;
}

/* ---- what became of them ---- */

static void note_dead(struct night *n, const struct rows *rows, int i) {
    const char *class = rows_text(rows, i, "error_class");
    json_t *by_class = json_object_get(json_object_get(n->report, "jobs"), "by_class");
    if (!by_class) {
        by_class = json_object();
        json_object_set_new(json_object_get(n->report, "jobs"), "by_class", by_class);
    }
    json_object_set_new(by_class, class, json_integer(json_get_int(by_class, class, 0) + 1));
    json_t *note =
        json_pack("{s:I, s:s, s:s, s:s, s:o}", "job", (json_int_t)rows_int(rows, i, "job_id"),
            "model", rows_text(rows, i, "model"), "task", rows_text(rows, i, "task"), "class",
            class, "why", night_words(rows_text(rows, i, "error")));
    bool poisoned = !strcmp(class, "input") || !strcmp(class, "crash");
    if (poisoned) {
        night_note(n, "jobs", "poisoned", json_incref(note));
    }
    night_note(n, "jobs", "failed", note);
}

static bool tell_jobs(struct night *n, struct err *err) {
    struct rows rows = { 0 };
    bool ok = read_jobs(n, &rows, err);
    for (int i = 0; ok && i < rows.n; i++) {
        const char *state = rows_text(&rows, i, "state");
        night_count(n, "jobs", is_over(state) ? state : "unfinished", 1);
        if (!strcmp(state, "dead")) {
            note_dead(n, &rows, i);
        }
    }
    rows_release(&rows);
    return ok;
}

bool night_work(struct night *n, struct err *err) {
    struct shift shift = { 0 };
    if (n->o->dry_run || json_array_size(n->jobs) == 0) {
        return true;
    }
    bool ok = true;
    if (!n->o->no_wait) {
        begin_shift(n, &shift);
        ok = wait_for_jobs(n, &shift, err);
        end_shift(&shift);
    }
    return ok && tell_jobs(n, err);
}

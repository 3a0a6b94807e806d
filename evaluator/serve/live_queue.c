/* One thread, one model run at a time, and a short queue before it. */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "evaluator/serve/live.h"
#include "evaluator/serve/request.h"

enum { WAITING_MAX = 16, OF_ONE_ADDRESS = 2, LOOK_MS = 50 };

struct live {
    struct live_model **models;
    size_t n_models;
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct live_job *first, **last; /* that wait; what runs is none of them */
    struct live_job *running;
    unsigned n;
    atomic_bool stop;
    int64_t looked_ms; /* when the visitor was last looked for */
    struct live_figures figures;
    double usual_s; /* what a run took lately */
};

static int64_t now_ms(void) {
    return serve_now_us() / 1000;
}

/* A closed socket says so, whatever it may still have to read. */
static bool has_left(const struct live_job *job) {
    struct pollfd p = { .fd = job->fd, .events = POLLRDHUP };
    return job->fd >= 0 && poll(&p, 1, 0) > 0 &&
           (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

/* ---- a run ---- */

/* Why a job is not worth going on with; LIVE_ANSWERED where it is. */
static enum live_end ends_by(struct live *l, const struct live_job *job, bool look) {
    if (l->stop) {
        return LIVE_STOPPED;
    }
    if (now_ms() >= job->until_ms) {
        return LIVE_LATE;
    }
    return look && has_left(job) ? LIVE_LEFT : LIVE_ANSWERED;
}

/* Between two steps of a run: the clock each time, the socket now and then. */
static bool go_on(uint64_t done, uint64_t total, void *arg) {
    (void)done, (void)total;
    struct live *l = arg;
    bool look = now_ms() - l->looked_ms >= LOOK_MS;
    l->looked_ms = look ? now_ms() : l->looked_ms;
    enum live_end end = ends_by(l, l->running, look);
    l->running->end = end;
    return end == LIVE_ANSWERED;
}

/* A run that doesn't come to its end, for tests. */
static void hang(struct live *l) {
    while (go_on(0, 0, l)) {
        nanosleep(&(struct timespec) { .tv_nsec = 5000000 }, NULL);
    }
}

static void run(struct live *l, struct live_job *job) {
    job->end = ends_by(l, job, true);
    if (job->end == LIVE_ANSWERED && fault("live")) {
        hang(l);
    }
    if (job->end != LIVE_ANSWERED) {
        return;
    }
    job->answer = live_model_ask(job->model, &job->ask, go_on, l, &job->err);
    if (!job->answer && job->end == LIVE_ANSWERED) {
        job->end = LIVE_FAILED;
    }
}

/* ---- the thread ---- */

static struct live_job *take(struct live *l) {
    struct live_job *job = l->first;
    if (job) {
        l->first = job->next;
        l->last = l->first ? l->last : &l->first;
        l->n--;
        job->next = NULL;
    }
    return job;
}

/* The job is its request's again once the connection is awake. */
static void wake(struct live *l, struct live_job *job) {
    l->figures.ended[job->end]++;
    MHD_resume_connection(job->c);
}

static void *serve_jobs(void *arg) {
    struct live *l = arg;
    pthread_mutex_lock(&l->lock);
    while (!l->stop || l->first) {
        struct live_job *job = l->running = take(l);
        if (!job) {
            pthread_cond_wait(&l->came, &l->lock);
            continue;
        }
        int64_t from_us = serve_now_us();
        pthread_mutex_unlock(&l->lock);
        run(l, job);
        double took_s = (double)(serve_now_us() - from_us) / 1e6;
        pthread_mutex_lock(&l->lock);
        l->running = NULL;
        l->figures.busy_s += took_s;
        l->usual_s += 0.2 * (took_s - l->usual_s);
        wake(l, job);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- opening and closing ---- */

struct live *live_open(const struct serve_live *o, struct err *err) {
    struct live *l = xcalloc(1, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->came, NULL);
    l->last = &l->first;
    l->models = xcalloc(o->n_models, sizeof(struct live_model *));
    for (; l->n_models < o->n_models; l->n_models++) {
        if (!(l->models[l->n_models] = live_model_open(o, l->n_models, err))) {
            live_close(l);
            return NULL;
        }
    }
    BUG_IF(pthread_create(&l->thread, NULL, serve_jobs, l) != 0);
    l->runs = true;
    return l;
}

void live_stop(struct live *l) {
    if (l && l->runs) {
        pthread_mutex_lock(&l->lock);
        l->stop = true;
        pthread_cond_signal(&l->came);
        pthread_mutex_unlock(&l->lock);
        pthread_join(l->thread, NULL);
        l->runs = false;
    }
}

void live_close(struct live *l) {
    if (l) {
        live_stop(l);
        for (size_t i = 0; i < l->n_models; i++) {
            live_model_close(l->models[i]);
        }
        free(l->models);
        pthread_cond_destroy(&l->came);
        pthread_mutex_destroy(&l->lock);
        free(l);
    }
}

size_t live_n_models(const struct live *l) {
    return l->n_models;
}

const struct live_model *live_nth_model(const struct live *l, size_t i) {
    return l->models[i];
}

struct live_model *live_find(const struct live *l, const char *name, enum live_kind kind) {
    for (size_t i = 0; i < l->n_models; i++) {
        struct live_model *m = l->models[i];
        if (name && *name ? !strcmp(live_model_name(m), name) : live_model_kind(m) == kind) {
            return m;
        }
    }
    return NULL;
}

/* ---- coming in ---- */

/* Whoever left makes room. */
static void let_go(struct live *l) {
    l->last = &l->first;
    while (*l->last) {
        struct live_job *job = *l->last;
        if (has_left(job)) {
            *l->last = job->next;
            l->n--;
            job->end = LIVE_LEFT;
            wake(l, job);
        } else {
            l->last = &job->next;
        }
    }
}

static unsigned count_of(const struct live *l, const char *address) {
    unsigned n = l->running && !strcmp(l->running->address, address);
    for (const struct live_job *job = l->first; job; job = job->next) {
        n += !strcmp(job->address, address);
    }
    return n;
}

static enum live_entry entry_of(struct live *l, const struct live_job *job) {
    if (l->stop) {
        return LIVE_CLOSED;
    }
    if (l->n >= WAITING_MAX || count_of(l, job->address) >= OF_ONE_ADDRESS) {
        let_go(l);
    }
    return l->n >= WAITING_MAX                           ? LIVE_FULL
           : count_of(l, job->address) >= OF_ONE_ADDRESS ? LIVE_YOURS
                                                         : LIVE_ENTERED;
}

enum live_entry live_enter(struct live *l, struct live_job *job, unsigned *wait_s) {
    pthread_mutex_lock(&l->lock);
    enum live_entry entry = entry_of(l, job);
    if (entry == LIVE_ENTERED) {
        MHD_suspend_connection(job->c); // before anybody can wake it
        *l->last = job;
        l->last = &job->next;
        l->n++;
        pthread_cond_signal(&l->came);
    } else {
        l->figures.refused++;
    }
    *wait_s = 1 + (unsigned)(l->usual_s * (l->n + 1));
    pthread_mutex_unlock(&l->lock);
    return entry;
}

void live_job_free(struct live_job *job) {
    if (job) {
        live_ask_release(&job->ask);
        json_decref(job->answer);
        free(job);
    }
}

struct live_figures live_figures(struct live *l) {
    pthread_mutex_lock(&l->lock);
    struct live_figures figures = l->figures;
    figures.waiting = l->n;
    pthread_mutex_unlock(&l->lock);
    return figures;
}

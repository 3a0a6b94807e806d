/* The thread that beats (see heart.h). */
#include "evaluator/worker/heart.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#define BEAT_MOST_S 20.0
#define BEATS_A_LEASE 4.5
#define AGAIN_S 1.0   /* after a beat that did not reach the database */
#define CALL_S 5      /* how long one beat may take: several fit into a lease */
#define SUSPEND_S 1e6 /* what the place `suspend` adds to the clock */

struct heart {
    struct db *db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_bool ending;
    /* Under the lock; a copy, so that nobody waits for a beat that is on its way. */
    struct job job;
    bool beating; /* there is a job */
    double share, next_s;
    enum heart_verdict verdict;
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* As the deadline sees it: a machine that slept wakes up here. */
static bool is_over(struct heart *h) {
    return job_ms_left(&h->job) - (fault("suspend") ? (long long)(SUSPEND_S * 1000) : 0) <= 0;
}

static double interval_s(const struct job *job) {
    double s = job->lease_s / BEATS_A_LEASE;
    return s < BEAT_MOST_S ? s : BEAT_MOST_S;
}

static bool same(const struct job *a, const struct job *b) {
    return a->key.job == b->key.job && a->key.attempt == b->key.attempt;
}

/* What came back, unless the job was dropped meanwhile. Called under the lock. */
static void settle(struct heart *h, struct job *sent, bool ok, enum queue_answer answer) {
    if (!h->beating || !same(&h->job, sent)) {
        return;
    }
    h->next_s = now_s() + (ok ? interval_s(sent) : AGAIN_S);
    if (!ok) {
        return; /* until the deadline the database may come back */
    }
    atomic_store(&h->job.deadline_ms, atomic_load(&sent->deadline_ms));
    if (answer == QUEUE_STALE || answer == QUEUE_GONE) {
        h->verdict = HEART_LOST;
    } else if (answer == QUEUE_CANCEL && h->verdict == HEART_OK) {
        h->verdict = HEART_CANCELLED;
    }
}

static void copy_job(struct job *to, struct job *from) {
    memset(to, 0, sizeof *to);
    to->key = from->key;
    to->lease_s = from->lease_s;
    atomic_store(&to->deadline_ms, atomic_load(&from->deadline_ms));
}

/* One beat. The lock is left while it is on its way. */
static void beat(struct heart *h) {
    struct job job;
    struct err err = ERR_INIT;
    enum queue_answer answer = QUEUE_OK;
    double share = h->share;
    copy_job(&job, &h->job);
    pthread_mutex_unlock(&h->lock);
    bool ok = !fault("heartbeat") && queue_heartbeat(h->db, &job, share, &answer, &err);
    if (!ok && !atomic_load(&h->ending)) {
        log_line(LOG_WARN, "heartbeat of job %lld: %s", job.key.job, err.msg);
    }
    pthread_mutex_lock(&h->lock);
    settle(h, &job, ok, answer);
}

static void wait_until(struct heart *h, double at_s) {
    struct timespec t;
    double left = at_s - now_s();
    clock_gettime(CLOCK_MONOTONIC, &t);
    left = left < 0 ? 0 : left > 1 ? 1 : left; /* that clock stands still in a suspended machine */
    t.tv_nsec += (long)(left * 1e9);
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&h->changed, &h->lock, &t);
}

static void *live(void *arg) {
    struct heart *h = arg;
    pthread_mutex_lock(&h->lock);
    while (!atomic_load(&h->ending)) {
        if (!h->beating || h->verdict == HEART_LOST) {
            pthread_cond_wait(&h->changed, &h->lock);
        } else if (now_s() < h->next_s) {
            wait_until(h, h->next_s);
        } else {
            beat(h);
        }
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

static void init_locks(struct heart *h) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&h->lock, NULL);
}

struct heart *heart_new(const char *database, struct err *err) {
    struct heart *h = xcalloc(1, sizeof *h);
    struct db_options o = { .conninfo = database,
        .app = "assay heart",
        .stop = &h->ending,
        .retry_s = CALL_S,
        .statement_s = CALL_S };
    h->db = db_open(&o, err);
    if (!h->db) {
        free(h);
        return NULL;
    }
    init_locks(h);
    if (pthread_create(&h->thread, NULL, live, h)) {
        err_set(err, ERR_NODE, "could not start the heartbeat's thread");
        db_close(h->db);
        free(h);
        return NULL;
    }
    return h;
}

void heart_free(struct heart *h) {
    if (!h) {
        return;
    }
    pthread_mutex_lock(&h->lock);
    atomic_store(&h->ending, true);
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    db_close(h->db);
    free(h);
}

void heart_take(struct heart *h, struct job *job) {
    pthread_mutex_lock(&h->lock);
    copy_job(&h->job, job);
    h->beating = true;
    h->share = 0;
    h->verdict = HEART_OK;
    h->next_s = now_s() + interval_s(job);
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

void heart_drop(struct heart *h) {
    pthread_mutex_lock(&h->lock);
    h->beating = false;
    pthread_mutex_unlock(&h->lock);
}

void heart_share(struct heart *h, double share) {
    pthread_mutex_lock(&h->lock);
    h->share = share;
    pthread_mutex_unlock(&h->lock);
}

enum heart_verdict heart_verdict(struct heart *h) {
    pthread_mutex_lock(&h->lock);
    if (h->beating && is_over(h)) {
        h->verdict = HEART_LOST; /* for good: somebody else may have it by now */
    }
    enum heart_verdict verdict = h->verdict;
    pthread_mutex_unlock(&h->lock);
    return verdict;
}

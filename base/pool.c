/* The thread team. A run is announced by a new generation number; a worker that sees it takes items
 * from one shared counter until none is left and then reports itself idle. Sleeping goes through
 * one mutex and two condition variables; the fast path (workers still spinning from the run before)
 * takes the mutex once a run.
 *
 * The count of threads follows what the kernel will really give: affinity, and the CPU quota of
 * every control group from this process's own up to the root (cgroup v2, then v1). */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SPINS = 4000, THREADS_MAX = 512 };

struct pool {
    unsigned n_threads; /* with the caller */
    pthread_t *threads; /* n_threads - 1 of them */
    unsigned n_started;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;

    _Atomic uint64_t generation;
    _Atomic unsigned n_working; /* workers that have not finished this generation */
    _Atomic size_t next;
    size_t n_items;
    pool_fn *fn;
    void *arg;
    bool stop;
};

struct start {
    struct pool *pool;
    unsigned thread;
};

/* Tells a processor that somebody waits, which leaves more of it to its other thread. */
#if defined(__x86_64__)
static void relax(void) {
    __builtin_ia32_pause();
}
#elif defined(__aarch64__)
static void relax(void) {
    __asm__ volatile("yield");
}
#else
static void relax(void) {
}
#endif

static void take_items(struct pool *p, unsigned thread) {
    for (;;) {
        size_t item = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (item >= p->n_items)
            return;
        p->fn(p->arg, thread, item);
    }
}

static uint64_t next_generation(struct pool *p, uint64_t seen) {
    for (unsigned i = 0; i < SPINS; i++) {
        uint64_t now = atomic_load_explicit(&p->generation, memory_order_acquire);
        if (now != seen)
            return now;
        relax();
    }
    pthread_mutex_lock(&p->lock);
    uint64_t now;
    while ((now = atomic_load_explicit(&p->generation, memory_order_acquire)) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return now;
}

static void finish_generation(struct pool *p) {
    if (atomic_fetch_sub_explicit(&p->n_working, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_lock(&p->lock); /* so that the caller is either spinning or already waiting */
    pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->lock);
}

static void *worker(void *arg) {
    struct start start = *(struct start *)arg;
    free(arg);
    struct pool *p = start.pool;
    uint64_t seen = 0;
    for (;;) {
        seen = next_generation(p, seen);
        if (p->stop)
            return NULL;
        take_items(p, start.thread);
        finish_generation(p);
    }
}

static void announce(struct pool *p) {
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add_explicit(&p->generation, 1, memory_order_release);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

static void wait_done(struct pool *p) {
    for (unsigned i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&p->n_working, memory_order_acquire) == 0)
            return;
        relax();
    }
    pthread_mutex_lock(&p->lock);
    while (atomic_load_explicit(&p->n_working, memory_order_acquire) > 0)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static bool start_worker(struct pool *p, unsigned thread, struct err *err) {
    struct start *start = xmalloc(sizeof *start);
    *start = (struct start) { .pool = p, .thread = thread };
    int rc = pthread_create(&p->threads[thread - 1], NULL, worker, start);
    if (rc != 0) {
        free(start);
        return err_set(err, ERR_RESOURCE, "could not start thread %u: %s", thread, strerror(rc));
    }
    p->n_started++;
    return true;
}

unsigned pool_n_threads(const struct pool *p) {
    return p->n_threads;
}

void pool_run(struct pool *p, size_t n_items, pool_fn *fn, void *arg) {
    if (n_items <= 1 || p->n_threads == 1) {
        for (size_t i = 0; i < n_items; i++)
            fn(arg, 0, i);
        return;
    }
    p->fn = fn;
    p->arg = arg;
    p->n_items = n_items;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_store_explicit(&p->n_working, p->n_threads - 1, memory_order_relaxed);
    announce(p);
    take_items(p, 0);
    wait_done(p);
}

void pool_free(struct pool *p) {
    if (p == NULL)
        return;
    p->stop = true;
    announce(p);
    for (unsigned i = 0; i < p->n_started; i++)
        pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->done);
    free(p->threads);
    free(p);
}

struct pool *pool_new(unsigned n_threads, struct err *err) {
    if (n_threads == 0 || n_threads > THREADS_MAX) {
        err_set(err, ERR_USAGE, "cannot run on %u threads: 1 to %d are allowed", n_threads,
            THREADS_MAX);
        return NULL;
    }
    struct pool *p = xcalloc(1, sizeof *p);
    p->n_threads = n_threads;
    p->threads = xcalloc(n_threads, sizeof *p->threads);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);
    for (unsigned t = 1; t < n_threads; t++) {
        if (!start_worker(p, t, err)) {
            pool_free(p);
            return NULL;
        }
    }
    return p;
}

/* ---- how many ---- */

static unsigned affinity_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}

static bool read_line(const char *path, char *line, size_t size) {
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool ok = fgets(line, (int)size, f) != NULL;
    fclose(f);
    return ok;
}

/* Whole processors of a quota, rounded up; 0 where there is none. */
static unsigned quota_processors(long long quota, long long period) {
    if (quota <= 0 || period <= 0)
        return 0;
    long long n = (quota + period - 1) / period;
    return n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

static unsigned lesser_quota(unsigned a, unsigned b) {
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

static unsigned quota_v2_at(const char *group) {
    char path[4200], line[128];
    long long quota, period;
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
    if (!read_line(path, line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2)
        return 0; /* "max 100000": none */
    return quota_processors(quota, period);
}

static unsigned quota_v2(void) {
    char group[4096];
    if (!read_line("/proc/self/cgroup", group, sizeof group) || strncmp(group, "0::", 3) != 0)
        return quota_v2_at("");
    memmove(group, group + 3, strlen(group + 3) + 1);
    group[strcspn(group, "\n")] = 0;
    unsigned least = quota_v2_at("");
    for (char *slash; (slash = strrchr(group, '/')) != NULL; *slash = 0) {
        if (slash[1] != 0)
            least = lesser_quota(least, quota_v2_at(group));
    }
    return least;
}

static unsigned quota_v1(void) {
    char quota[64], period[64];
    if (!read_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota, sizeof quota) ||
        !read_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, sizeof period))
        return 0;
    return quota_processors(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

unsigned pool_default_threads(void) {
    const char *said = getenv("ASSAY_THREADS");
    if (said != NULL && *said != 0) {
        unsigned long n = strtoul(said, NULL, 10);
        if (n >= 1 && n <= THREADS_MAX)
            return (unsigned)n;
    }
    unsigned n = affinity_count();
    unsigned quota = lesser_quota(quota_v2(), quota_v1());
    if (quota > 0 && quota < n)
        n = quota;
    return n > THREADS_MAX ? THREADS_MAX : n;
}

/* Progress bars (see progress.h). */
#include "base/progress.h"

#include <langinfo.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define SHOW_AFTER_S 0.5
#define REDRAW_S 0.1
#define LOG_EVERY_S 30.0
#define BAR_CELLS 20

static atomic_bool disabled;

struct progress {
    char label[48], unit[16], note[64];
    uint64_t done, total;
    double started, drawn; /* seconds on the monotonic clock; drawn 0: not shown yet */
    unsigned logged_tenths;
    bool tty, unicode, shown;
    pthread_mutex_t lock;
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool silenced(void) {
    const char *own = getenv("ASSAY_NO_PROGRESS"), *hub = getenv("HF_HUB_DISABLE_PROGRESS_BARS");
    return atomic_load(&disabled) || (own && *own) ||
           (hub && (!strcmp(hub, "1") || !strcasecmp(hub, "true")));
}

void progress_disable(void) {
    atomic_store(&disabled, true);
}

struct progress *progress_start(const char *label, uint64_t total, const char *unit) {
    if (silenced()) {
        return NULL;
    }
    struct progress *p = xcalloc(1, sizeof *p);
    snprintf(p->label, sizeof p->label, "%s", label);
    snprintf(p->unit, sizeof p->unit, "%s", unit);
    p->total = total;
    p->started = now_s();
    p->tty = isatty(STDERR_FILENO);
    p->unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void format_clock(double s, char out[16]) {
    unsigned t = s < 0 || s > 3.6e7 ? 0 : (unsigned)s;
    if (t >= 3600) {
        snprintf(out, 16, "%u:%02u:%02u", t / 3600 % 100000, t / 60 % 60, t % 60);
    } else {
        snprintf(out, 16, "%02u:%02u", t / 60, t % 60);
    }
}

/* 1924, 41.2k, 522M */
static void format_count(double v, char out[16]) {
    static const char *const SUFFIX[] = { "", "k", "M", "G", "T" };
    int i = 0;
    while (v >= 10000 && i < 4) {
        v /= 1000;
        i++;
    }
    snprintf(out, 16, i && v < 100 ? "%.1f%s" : "%.0f%s", v, SUFFIX[i]);
}

/* Eighths of a cell where the locale has them, tenths by digits where not. */
static void add_bar(const struct progress *p, double share, char out[128]) {
    static const char *const EIGHTHS[] = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" };
    double cells = share * BAR_CELLS;
    size_t used = 0;
    for (int i = 0; i < BAR_CELLS; i++) {
        double fill = cells - i < 0 ? 0 : cells - i > 1 ? 1 : cells - i;
        if (p->unicode) {
            used += (size_t)snprintf(out + used, 128 - used, "%s", EIGHTHS[(int)(fill * 8)]);
        } else {
            out[used++] = " 123456789#"[(int)(fill * 10)];
        }
    }
    out[used] = 0;
}

static void draw(struct progress *p, double now) {
    char done[16], total[16], rate[16], elapsed[16], left[16], bar[128];
    double seconds = now - p->started, per_s = seconds > 0 ? (double)p->done / seconds : 0;
    double share = p->total ? (double)p->done / (double)p->total : 0;
    share = share > 1 ? 1 : share;
    format_count((double)p->done, done);
    format_count((double)p->total, total);
    format_count(per_s, rate);
    format_clock(seconds, elapsed);
    format_clock(
        per_s > 0 ? (double)(p->total - (p->done < p->total ? p->done : p->total)) / per_s : 0,
        left);
    const char *start = p->tty ? "\r\033[K" : "", *end = p->tty ? "" : "\n";
    if (p->total) {
        add_bar(p, share, bar);
        fprintf(stderr, "%s%s: %3.0f%%|%s| %s/%s %s [%s<%s, %s %s/s] %s%s", start, p->label,
            100 * share, bar, done, total, p->unit, elapsed, left, rate, p->unit, p->note, end);
    } else {
        fprintf(stderr, "%s%s: %s %s [%s, %s %s/s] %s%s", start, p->label, done, p->unit, elapsed,
            rate, p->unit, p->note, end);
    }
    p->shown = true;
    p->drawn = now;
}

/* Called with the lock held. */
static void maybe_draw(struct progress *p) {
    double now = now_s();
    if (p->tty) {
        if (now - p->started >= SHOW_AFTER_S && now - p->drawn >= REDRAW_S) {
            draw(p, now);
        }
        return;
    }
    unsigned tenths = p->total ? (unsigned)(10 * p->done / p->total) : 0;
    bool later = now - (p->drawn > 0 ? p->drawn : p->started) >= LOG_EVERY_S;
    if (later || (tenths > p->logged_tenths && now - p->started >= SHOW_AFTER_S)) {
        p->logged_tenths = tenths;
        draw(p, now);
    }
}

static void change(struct progress *p, uint64_t n, bool relative) {
    if (!p) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->done = relative ? p->done + n : n;
    maybe_draw(p);
    pthread_mutex_unlock(&p->lock);
}

void progress_add(struct progress *p, uint64_t n) {
    change(p, n, true);
}

void progress_set(struct progress *p, uint64_t done) {
    change(p, done, false);
}

void progress_note(struct progress *p, const char *note) {
    if (p) {
        pthread_mutex_lock(&p->lock);
        snprintf(p->note, sizeof p->note, "%s", note);
        pthread_mutex_unlock(&p->lock);
    }
}

void progress_end(struct progress *p) {
    if (!p) {
        return;
    }
    if (p->shown && p->tty) {
        draw(p, now_s());
        fputc('\n', stderr);
    } else if (p->shown && p->logged_tenths < 10) {
        draw(p, now_s());
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void progress_series_set(
    struct progress_series *s, const char *label, uint64_t done, uint64_t total, const char *unit) {
    if (strcmp(s->label, label) != 0) {
        progress_series_end(s);
        snprintf(s->label, sizeof s->label, "%s", label);
    }
    if (total > 0) {
        s->bar = s->bar ? s->bar : progress_start(label, total, unit);
        progress_set(s->bar, done);
    }
}

void progress_series_end(struct progress_series *s) {
    progress_end(s->bar);
    *s = (struct progress_series) { 0 };
}

#include "evaluator/serve/watch.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"

void watch_init(struct watch *watch) {
    *watch = (struct watch) { 0 };
    pthread_mutex_init(&watch->lock, NULL);
}

void watch_release(struct watch *watch) {
    while (watch->first) {
        watch_remove(watch, watch->first);
    }
    pthread_mutex_destroy(&watch->lock);
}

struct watched *watch_add(struct watch *watch, int fd, int64_t until_ms) {
    struct watched *w = xmalloc(sizeof *w);
    pthread_mutex_lock(&watch->lock);
    *w = (struct watched) { watch->first, &watch->first, fd, until_ms };
    if (w->next) {
        w->next->back = &w->next;
    }
    watch->first = w;
    watch->n++;
    pthread_mutex_unlock(&watch->lock);
    return w;
}

void watch_remove(struct watch *watch, struct watched *w) {
    pthread_mutex_lock(&watch->lock);
    *w->back = w->next;
    if (w->next) {
        w->next->back = w->back;
    }
    watch->n--;
    pthread_mutex_unlock(&watch->lock);
    free(w);
}

void watch_set(struct watch *watch, struct watched *w, int64_t until_ms) {
    pthread_mutex_lock(&watch->lock);
    w->until_ms = until_ms;
    pthread_mutex_unlock(&watch->lock);
}

unsigned watch_sweep(struct watch *watch, int64_t now_ms) {
    unsigned n = 0;
    pthread_mutex_lock(&watch->lock);
    for (struct watched *w = watch->first; w; w = w->next) {
        if (w->until_ms < now_ms) {
            shutdown(w->fd, SHUT_RDWR);
            w->until_ms = INT64_MAX;
            n++;
        }
    }
    pthread_mutex_unlock(&watch->lock);
    return n;
}

unsigned watch_count(struct watch *watch) {
    pthread_mutex_lock(&watch->lock);
    unsigned n = watch->n;
    pthread_mutex_unlock(&watch->lock);
    return n;
}

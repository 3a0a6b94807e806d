/* Connections that take too long: a client that sends a byte now and then is never idle, so every
 * connection has a time by which its request, and then its answer, must be through. */
#ifndef ASSAY_SERVE_WATCH_H
#define ASSAY_SERVE_WATCH_H

#include <pthread.h>
#include <stdint.h>

struct watched {
    struct watched *next, **back;
    int fd;
    int64_t until_ms;
};
struct watch {
    pthread_mutex_t lock;
    struct watched *first;
    unsigned n;
};

void watch_init(struct watch *watch);
void watch_release(struct watch *watch);
struct watched *watch_add(struct watch *watch, int fd, int64_t until_ms);
void watch_remove(struct watch *watch, struct watched *w); /* before its socket is closed */
void watch_set(struct watch *watch, struct watched *w, int64_t until_ms);
/* Shuts the sockets that are late; whoever serves them notices. How many. */
unsigned watch_sweep(struct watch *watch, int64_t now_ms);
unsigned watch_count(struct watch *watch);

#endif

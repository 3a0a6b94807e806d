/* A TCP proxy on loopback in front of a server's Unix socket, which does to connections what
 * networks do. */
#ifndef ASSAY_TESTS_FAULTS_PROXY_H
#define ASSAY_TESTS_FAULTS_PROXY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct proxy {
    const char *socket_dir; /* of the server */
    int listener;
    unsigned short port;
    atomic_long
        reply_bytes; /* so many more bytes of answers go through, then the line is cut; -1: all */
    atomic_bool swallow;  /* a black hole: nothing goes through, and nobody is told */
    atomic_uint delay_ms; /* each answer is so late */
    atomic_int too_many;  /* so many connections are answered "too many connections" (53300) */
    atomic_int n_connections;
    atomic_bool stop;
    pthread_t thread;
};

void proxy_start(struct proxy *p, const char *socket_dir);
void proxy_stop(struct proxy *p);
/* How to reach the server through it. */
void proxy_conninfo(const struct proxy *p, char conninfo[200]);

#endif

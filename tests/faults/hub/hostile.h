/* A hub that lies, for the tests: a small HTTP server on loopback, a thread a connection, that has
 * one repository (org/m at HOSTILE_COMMIT) and does to its requests what rules say. */
#ifndef ASSAY_TEST_HOSTILE_H
#define ASSAY_TEST_HOSTILE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOSTILE_COMMIT "0123456789abcdef0123456789abcdef01234567"

enum deed {
    DEED_NONE = 0,
    DEED_CUT,          /* closes after n bytes of the body */
    DEED_SHORT,        /* n bytes less than there are, and says so */
    DEED_LONG,         /* n bytes more, and says so */
    DEED_LIE_LENGTH,   /* announces n bytes, sends what there is and goes on to send noise */
    DEED_FLIP,         /* bit n of the file is turned over */
    DEED_OTHER_RANGE,  /* 206 for a range n bytes further on */
    DEED_WHOLE,        /* 200 with everything, whatever range was asked for */
    DEED_416,          /* no range is satisfiable */
    DEED_SILENT_HEAD,  /* a status line, and then nothing */
    DEED_SILENT_BODY,  /* n bytes, and then nothing */
    DEED_ENDLESS_HEAD, /* headers without end, slowly */
    DEED_CHUNKED,      /* chunks without end */
    DEED_GZIP,         /* a body of zeros, packed a thousandfold */
    DEED_LONG_HEADER,  /* one header line of n bytes */
    DEED_MANY_HEADERS, /* n headers */
    DEED_STATUS,       /* status n; text: more header lines, "\r\n" behind each */
    DEED_REDIRECT,     /* status n to text */
    DEED_JSON,         /* text is the answer */
    DEED_PAGES,        /* a listing of n entries a page; each page has another one behind it */
    DEED_CIRCLE,       /* a page that leads to itself */
    DEED_HEADERS,      /* the true answer with text as more header lines */
    DEED_STORM,        /* of many requests: some refused, some cut, some silent; the rest true */
};

struct rule {
    const char *prefix; /* of the paths that it is for */
    enum deed deed;
    uint64_t n;
    const char *text;
    unsigned times; /* 0: always */
};

struct hostile_file {
    const char *path;
    const void *data; /* or NULL: fd is read */
    int fd;
    uint64_t size;
    char etag[65]; /* empty: hostile_start hashes the data */
    bool lfs;
};

struct hostile {
    int listener;
    char url[64];
    struct hostile_file *files;
    size_t n_files;
    struct kept_rules *
        kept; /* those at hand, and behind them those that were: a connection may be at one still */
    unsigned used[16]; /* how often each was applied */
    pthread_t thread;
    pthread_mutex_t lock;
    atomic_bool stop;
    atomic_uint running, n_requests, n_authorized, n_file_requests;
    atomic_ullong body_bytes; /* of files, as far as the kernel took them */
    char last_path[512];
};

void hostile_start(struct hostile *h, struct hostile_file *files, size_t n, unsigned port);
/* Copies them, up to a prefix of NULL, and counts anew, once what was asked before is answered.
 * NULL: every answer is true. */
void hostile_rules(struct hostile *h, const struct rule *rules);
void hostile_stop(struct hostile *h);

#endif

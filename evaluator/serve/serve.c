/* Start, stop, and what holds in between (see serve.h). */
#include "evaluator/serve/serve.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/serve/behind.h"
#include "evaluator/serve/handle.h"
#include "evaluator/serve/listen.h"
#include "evaluator/serve/live.h"
#include "evaluator/serve/request.h"

enum {
    SPARE_FILES = 64,
    THREADS = 8,
    RESOLVERS = 2,
    CONNECTIONS = 1024,
    MEMORY = 24 << 10,
    IDLE_S = 15,
    DRAIN_MS = 10000,
    LIVE_DRAIN_MS = 6000
};

static void rest_ms(long ms) {
    nanosleep(&(struct timespec) { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static bool read_proxies(struct server *s, struct err *err) {
    for (const char *const *p = s->o->proxies; *p; p++) {
        if (!strcmp(*p, "unix")) {
            s->trusts_unix = true;
        } else if (!network_parse(*p, &s->proxies[s->n_proxies++])) {
            err_set(err, ERR_USAGE, "'%.60s' is no address of a proxy", *p);
            return err_hint(err, "an address, a network as 10.0.0.0/8, or unix");
        }
    }
    return true;
}

static bool server_open(struct server *s, const struct serve_options *o, struct err *err) {
    unsigned n = o->n_threads ? o->n_threads : THREADS;
    struct store_options store = { .conninfo = o->conninfo, .role = o->role, .n = n, .stop = NULL };
    *s = (struct server) { .o = o };
    watch_init(&s->watch);
    s->metrics = xcalloc(1, sizeof *s->metrics);
    s->limits = limits_new();
    return read_proxies(s, err) && (s->store = store_open(&store, err)) &&
           (s->pages = pages_open(o->title, o->base_url, o->live.n_models > 0, n, err)) &&
           (!o->live.n_models || (s->live = live_open(&o->live, err)));
}

static void server_close(struct server *s) {
    live_close(s->live);
    pages_close(s->pages);
    store_close(s->store);
    limits_free(s->limits);
    watch_release(&s->watch);
    free(s->metrics);
}

/* A descriptor for each connection, one more for a file it is sent, and those of the database:
 * where the system allows fewer, connections are fewer. */
static unsigned connections_of(const struct serve_options *o) {
    unsigned wanted = o->n_connections ? o->n_connections : CONNECTIONS;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return wanted;
    }
    rlim_t need = 2 * (rlim_t)wanted + SPARE_FILES;
    if (files.rlim_cur < need) {
        files.rlim_cur = need < files.rlim_max ? need : files.rlim_max;
        (void)!setrlimit(RLIMIT_NOFILE, &files);
        getrlimit(RLIMIT_NOFILE, &files);
    }
    rlim_t room =
        files.rlim_cur > 2 * SPARE_FILES ? (files.rlim_cur - SPARE_FILES) / 2 : SPARE_FILES / 2;
    return room < wanted ? (unsigned)room : wanted;
}

/* A pool of threads with epoll each: what a connection may hold is fixed, and so is their number.
 */
static struct MHD_Daemon *start(struct server *s, int fd, struct err *err) {
    const struct serve_options *o = s->o;
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        handle_request, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
        o->n_threads ? o->n_threads : THREADS, MHD_OPTION_CONNECTION_LIMIT, connections_of(o),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_URI_LOG_CALLBACK, handle_begin, s, MHD_OPTION_NOTIFY_COMPLETED,
        handle_end, s, MHD_OPTION_NOTIFY_CONNECTION, handle_connection, s, MHD_OPTION_END);
    if (!d) {
        err_errno(err, ERR_FAILED, "could not start to serve");
    }
    return d;
}

static bool write_port(const char *path, unsigned port, struct err *err) {
    char text[16];
    snprintf(text, sizeof text, "%u\n", port);
    return !path || file_write_atomic(path, text, strlen(text), err);
}

/* Where it can be reached, for whoever started it. */
static void tell_address(const struct serve_options *o, unsigned port) {
    char address[300];
    const char *colon = strrchr(o->listen, ':');
    int n = colon ? (int)(colon - o->listen) : 0;
    if (!o->listening) {
        return;
    }
    if (str_begins(o->listen, "unix:") || !port) {
        snprintf(address, sizeof address, "%.280s", o->listen);
    } else {
        snprintf(address, sizeof address, "http://%.*s:%u/", n ? n : 9, n ? o->listen : "127.0.0.1",
            port);
    }
    o->listening(address);
}

/* New connections are refused at once, and those that are open end with their answer. */
static void drain(struct server *s, struct MHD_Daemon *d) {
    s->draining = true;
    int fd = MHD_quiesce_daemon(d);
    if (fd >= 0) {
        close(fd);
    }
    for (int ms = 0; ms < DRAIN_MS && s->metrics->in_flight; ms += 20) {
        if (ms == LIVE_DRAIN_MS) {
            live_stop(s->live);
        }
        rest_ms(20);
    }
    live_stop(s->live); // a daemon can't be stopped while a connection sleeps
    MHD_stop_daemon(d);
}

/* A folder with a front page: served without one, every reader would be told that there is nothing.
 */
static bool check_site(const char *dir, struct err *err) {
    char *front = dir ? path_join(dir, "index.html") : NULL;
    bool ok = !front || file_exists(front);
    if (!ok) {
        err_set(err, ERR_NOT_FOUND, "there is no site in '%s'", dir);
        err_hint(err, "build one there first: assay site build -o %s", dir);
    }
    free(front);
    return ok;
}

/* A private suite that the site was built with like any other is on its open pages, too. */
static bool check_private(const struct serve_options *o, struct err *err) {
    const char *name;
    for (const char *const *c = o->closed; o->site && *c; c++) {
        size_t n = serve_path_suite(*c, &name);
        char board[512], within[512];
        snprintf(board, sizeof board, "%s/s/%.*s/index.html", o->site, (int)n, name);
        snprintf(within, sizeof within, "%s/s/%.*s/s/%.*s/index.html", o->site, (int)n, name,
            (int)n, name);
        if (n && file_exists(board) && !file_exists(within)) {
            err_set(err, ERR_USAGE, "the site in '%s' shows the private suite '%.*s' on open pages",
                o->site, (int)n, name);
            return err_hint(
                err, "build it with: assay site build -o %s --private %.*s", o->site, (int)n, name);
        }
    }
    return true;
}

/* The role that may only do what a submitter may. */
static struct serve_options with_defaults(const struct serve_options *options) {
    struct serve_options o = *options;
    o.role = o.role ? o.role : "assay_submitter";
    return o;
}

bool serve_run(const struct serve_options *options, struct err *err) {
    struct serve_options o = with_defaults(options);
    struct server s;
    struct MHD_Daemon *d = NULL;
    unsigned port = 0;
    if (!check_site(o.site, err) || !check_private(&o, err)) {
        return false;
    }
    int fd = server_open(&s, &o, err) ? listen_open(o.listen, &port, err) : -1;
    bool ok = fd >= 0 && (d = start(&s, fd, err)) && write_port(o.port_file, port, err);
    struct behind *behind = ok ? behind_start(&s, o.n_resolvers ? o.n_resolvers : RESOLVERS) : NULL;
    if (ok) {
        tell_address(&o, port);
    }
    while (ok && !*o.stop) {
        rest_ms(50);
    }
    if (d) {
        drain(&s, d);
    } else if (fd >= 0) {
        close(fd);
    }
    bool alone = behind_stop(behind);
    if (fd >= 0) {
        listen_remove(o.listen);
    }
    if (!alone) {
        _exit(0); // all that was accepted is in the database
    }
    server_close(&s);
    return ok;
}

/* A hub that lies (see hostile.h). */
#include "tests/faults/hub/hostile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define SILENCE_MS 60000 // much longer than a test lets its client wait
#define SETTLE_MS 5000
#define NOISE_MAX ((uint64_t)64 << 20)

struct connection {
    struct hostile *h;
    int fd;
    char head[16384], method[8], path[4096];
    bool ranged;
    uint64_t from, to; /* of the range; to UINT64_MAX: to the end */
};

/* ---- bytes ---- */

static bool put(struct connection *c, const void *data, size_t n) {
    const char *at = data;
    while (n) {
        ssize_t w = send(c->fd, at, n, MSG_NOSIGNAL);
        if (w < 0 && errno == EINTR) {
            continue;
        }
        if (w <= 0) {
            return false;
        }
        at += w;
        n -= (size_t)w;
    }
    return true;
}

static bool puts_to(struct connection *c, const char *text) {
    return put(c, text, strlen(text));
}

/* Until the client goes, the hub is stopped, or it is time. */
static void be_silent(struct connection *c, int ms) {
    for (int waited = 0; waited < ms && !c->h->stop; waited += 20) {
        struct pollfd p = { .fd = c->fd, .events = POLLIN | POLLRDHUP };
        if (poll(&p, 1, 20) > 0) {
            return;
        }
    }
}

static void head(struct connection *c, unsigned status, const char *more, uint64_t length) {
    char text[1024];
    snprintf(text, sizeof text,
        "HTTP/1.1 %u X\r\nConnection: close\r\nContent-Length: %llu\r\n%s\r\n", status,
        (unsigned long long)length, more);
    puts_to(c, text);
}

/* ---- files ---- */

static bool read_part(const struct hostile_file *f, uint64_t at, char *into, size_t n) {
    if (f->data) {
        memcpy(into, (const char *)f->data + at, n);
        return true;
    }
    return pread(f->fd, into, n, (off_t)at) == (ssize_t)n;
}

/* Bytes [from, from + n) of the file, and noise where there are none; `flip`: this bit of it is
 * turned over (UINT64_MAX: none). */
static void send_part(
    struct connection *c, const struct hostile_file *f, uint64_t from, uint64_t n, uint64_t flip) {
    enum { CHUNK = 64 << 10 };
    char *chunk = xmalloc(CHUNK);
    for (uint64_t done = 0; done < n && !c->h->stop;) {
        uint64_t at = from + done, left = n - done;
        size_t part = left < CHUNK ? (size_t)left : CHUNK;
        memset(chunk, 'n', part);
        if (at < f->size) {
            part = f->size - at < part ? (size_t)(f->size - at) : part;
            if (!read_part(f, at, chunk, part)) {
                break;
            }
        }
        if (flip / 8 >= at && flip / 8 < at + part) {
            chunk[flip / 8 - at] ^= (char)(1u << flip % 8);
        }
        if (!put(c, chunk, part)) {
            break;
        }
        c->h->body_bytes += part;
        done += part;
    }
    free(chunk);
}

struct answer {
    unsigned status;
    uint64_t from, n, announced, sent, flip;
    char more[768];
    bool then_silent;
};

/* The true answer. */
static struct answer true_answer(const struct connection *c, const struct hostile_file *f) {
    struct answer a = { .status = 200, .n = f->size, .flip = UINT64_MAX };
    char range[128] = "", linked[192] = "";
    if (c->ranged && c->from >= f->size) {
        a.status = 416;
        a.n = 0;
    } else if (c->ranged) {
        uint64_t to = c->to < f->size ? c->to : f->size - 1;
        a = (struct answer) {
            .status = 206, .from = c->from, .n = to - c->from + 1, .flip = UINT64_MAX
        };
        snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/%llu\r\n",
            (unsigned long long)c->from, (unsigned long long)to, (unsigned long long)f->size);
    }
    if (f->lfs) {
        snprintf(linked, sizeof linked, "X-Linked-Etag: \"%s\"\r\nX-Linked-Size: %llu\r\n", f->etag,
            (unsigned long long)f->size);
    }
    snprintf(a.more, sizeof a.more,
        "ETag: \"%s\"\r\nX-Repo-Commit: %s\r\nAccept-Ranges: bytes\r\n%s%s", f->etag,
        HOSTILE_COMMIT, range, linked);
    a.announced = a.sent = a.n;
    return a;
}

static void send_answer(
    struct connection *c, const struct hostile_file *f, const struct answer *a) {
    head(c, a->status, a->more, a->announced);
    if (strcmp(c->method, "HEAD")) {
        send_part(c, f, a->from, a->sent, a->flip);
        if (a->then_silent) {
            be_silent(c, SILENCE_MS);
        }
    }
}

/* What a long fetch meets: decided by the number of the request alone. */
static void storm(struct connection *c, const struct hostile_file *f, struct answer *a) {
    uint64_t x = (uint64_t)c->h->n_file_requests * 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 32;
    unsigned dice = (unsigned)(x % 100);
    (void)f;
    if (dice < 15) {
        head(c, 429, dice < 8 ? "Retry-After: 0\r\n" : "Retry-After: 1\r\n", 0);
        a->status = 0;
    } else if (dice < 20) {
        head(c, 503, "", 0);
        a->status = 0;
    } else if (dice < 45) {
        a->sent = (x >> 8) % (a->n + 1);
    } else if (dice < 48) {
        a->sent = (x >> 8) % (a->n + 1);
        a->then_silent = true;
    }
}

/* False: the rule has said all there is to say. */
static bool bend(
    struct connection *c, const struct hostile_file *f, const struct rule *r, struct answer *a) {
    uint64_t n = r->n;
    switch (r->deed) {
    case DEED_CUT:
        a->sent = n < a->n ? n : a->n;
        break;
    case DEED_SILENT_BODY:
        a->sent = n < a->n ? n : a->n;
        a->then_silent = true;
        break;
    case DEED_SHORT:
        a->announced = a->sent = a->n > n ? a->n - n : 0;
        break;
    case DEED_LONG:
        a->announced = a->sent = a->n + n;
        break;
    case DEED_LIE_LENGTH:
        a->announced = n;
        a->sent = NOISE_MAX;
        break;
    case DEED_FLIP:
        a->flip = n;
        break;
    case DEED_WHOLE:
        c->ranged = false;
        *a = true_answer(c, f);
        break;
    case DEED_416:
        if (c->ranged) {
            c->from = UINT64_MAX;
            *a = true_answer(c, f);
            a->sent = 0;
        }
        break;
    case DEED_OTHER_RANGE:
        if (c->ranged) {
            c->from += n;
            *a = true_answer(c, f);
        }
        break;
    case DEED_HEADERS:
        strncat(a->more, r->text, sizeof a->more - strlen(a->more) - 1);
        break;
    case DEED_STORM:
        storm(c, f, a);
        return a->status != 0;
    default:
        break;
    }
    return true;
}

static void answer_file(struct connection *c, const struct hostile_file *f, const struct rule *r) {
    struct answer a = true_answer(c, f);
    if (!r || bend(c, f, r, &a)) {
        send_answer(c, f, &a);
    }
}

/* ---- lists ---- */

static void answer_json(struct connection *c, const char *text, const char *more) {
    char headers[512];
    snprintf(headers, sizeof headers, "Content-Type: application/json\r\n%s", more);
    head(c, 200, headers, strlen(text));
    if (strcmp(c->method, "HEAD")) {
        puts_to(c, text);
    }
}

static void answer_tree(struct connection *c) {
    struct strbuf out = { 0 };
    strbuf_adds(&out, "[");
    for (size_t i = 0; i < c->h->n_files; i++) {
        const struct hostile_file *f = &c->h->files[i];
        strbuf_addf(&out,
            "%s{\"type\": \"file\", \"path\": \"%s\", \"size\": %llu, \"oid\": \"%.40s\"",
            i ? ", " : "", f->path, (unsigned long long)f->size, f->etag);
        if (f->lfs) {
            strbuf_addf(&out, ", \"lfs\": {\"oid\": \"%s\", \"size\": %llu}", f->etag,
                (unsigned long long)f->size);
        }
        strbuf_adds(&out, "}");
    }
    strbuf_adds(&out, "]");
    answer_json(c, out.text, "");
    strbuf_release(&out);
}

/* A page that was never there before, and one more behind it. */
static void answer_pages(struct connection *c, uint64_t entries, bool circle) {
    struct strbuf out = { 0 };
    char link[128];
    unsigned page = (unsigned)c->h->n_requests;
    strbuf_adds(&out, "[");
    for (uint64_t i = 0; i < entries; i++) {
        strbuf_addf(&out,
            "%s{\"type\": \"file\", \"path\": \"p%u/f%llu\", \"size\": 1, \"oid\": "
            "\"ce013625030ba8dba906f756967f9e9ca394464a\"}",
            i ? ", " : "", page, (unsigned long long)i);
    }
    strbuf_adds(&out, "]");
    snprintf(link, sizeof link, "Link: </api/models/org/m/tree/x?cursor=%u>; rel=\"next\"\r\n",
        circle ? 0 : page);
    answer_json(c, out.text, link);
    strbuf_release(&out);
}

/* ---- heads that lie ---- */

static void send_many(struct connection *c, const char *line, uint64_t n, bool slowly) {
    puts_to(c, "HTTP/1.1 200 OK\r\n");
    for (uint64_t i = 0; i < n && !c->h->stop && puts_to(c, line); i++) {
        if (slowly) {
            be_silent(c, 100);
        }
    }
    puts_to(c, "\r\n\r\n");
}

static void send_chunks(struct connection *c) {
    char chunk[4096];
    memset(chunk, 'x', sizeof chunk);
    puts_to(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (uint64_t n = 0; n < NOISE_MAX && !c->h->stop; n += sizeof chunk) {
        if (!puts_to(c, "1000\r\n") || !put(c, chunk, sizeof chunk) || !puts_to(c, "\r\n")) {
            return;
        }
        c->h->body_bytes += sizeof chunk;
    }
}

static void send_bomb(struct connection *c) {
    enum { PLAIN = 16 << 20 };
    uLongf n = compressBound(PLAIN);
    Bytef *zeros = xcalloc(1, PLAIN), *packed = xmalloc(n);
    compress2(packed, &n, zeros, PLAIN, 9);
    head(c, 200, "Content-Encoding: deflate\r\n", n);
    put(c, packed, n);
    c->h->body_bytes += n;
    free(zeros);
    free(packed);
}

static bool answer_by_rule(struct connection *c, const struct rule *r) {
    char *text = NULL;
    switch (r->deed) {
    case DEED_SILENT_HEAD:
        puts_to(c, "HTTP/1.1 200 OK\r\n");
        be_silent(c, SILENCE_MS);
        return true;
    case DEED_ENDLESS_HEAD:
        send_many(c, "X: y\r\n", 600, true);
        return true;
    case DEED_MANY_HEADERS:
        send_many(c, "X-Header: y\r\n", r->n, false);
        return true;
    case DEED_LONG_HEADER:
        text = xmalloc(r->n + 1);
        memset(text, 'x', r->n);
        text[r->n] = 0;
        puts_to(c, "HTTP/1.1 200 OK\r\nX: ");
        puts_to(c, text);
        puts_to(c, "\r\nContent-Length: 0\r\n\r\n");
        free(text);
        return true;
    case DEED_CHUNKED:
        send_chunks(c);
        return true;
    case DEED_GZIP:
        send_bomb(c);
        return true;
    case DEED_STATUS:
        head(c, (unsigned)r->n, r->text ? r->text : "", 0);
        return true;
    case DEED_REDIRECT: {
        char more[640];
        snprintf(more, sizeof more, "Location: %s\r\n", r->text);
        head(c, (unsigned)r->n, more, 0);
        return true;
    }
    case DEED_JSON:
        answer_json(c, r->text, "");
        return true;
    case DEED_PAGES:
    case DEED_CIRCLE:
        answer_pages(c, r->n, r->deed == DEED_CIRCLE);
        return true;
    default:
        return false;
    }
}

/* ---- requests ---- */

static bool read_request(struct connection *c) {
    size_t n = 0;
    while (n < sizeof c->head - 1) {
        ssize_t r = recv(c->fd, c->head + n, sizeof c->head - 1 - n, 0);
        if (r <= 0) {
            return false;
        }
        n += (size_t)r;
        c->head[n] = 0;
        if (strstr(c->head, "\r\n\r\n")) {
            return sscanf(c->head, "%7s %4095s", c->method, c->path) == 2;
        }
    }
    return false;
}

static void read_range(struct connection *c) {
    const char *at = strcasestr(c->head, "\r\nRange: bytes=");
    unsigned long long from = 0, to = 0;
    int n = at ? sscanf(at + 15, "%llu-%llu", &from, &to) : 0;
    c->ranged = n >= 1;
    c->from = from;
    c->to = n == 2 ? to : UINT64_MAX;
}

struct kept_rules {
    struct kept_rules *next;
    size_t n;
    struct rule rules[16];
};

static const struct rule *find_rule(struct connection *c) {
    struct hostile *h = c->h;
    const struct rule *found = NULL;
    pthread_mutex_lock(&h->lock);
    snprintf(h->last_path, sizeof h->last_path, "%.500s", c->path);
    for (size_t i = 0; h->kept && i < h->kept->n && !found; i++) {
        const struct rule *r = &h->kept->rules[i];
        if (!strncmp(c->path, r->prefix, strlen(r->prefix)) &&
            (!r->times || h->used[i] < r->times)) {
            h->used[i]++;
            found = r;
        }
    }
    pthread_mutex_unlock(&h->lock);
    return found;
}

static void answer(struct connection *c) {
    static const char RESOLVE[] = "/org/m/resolve/" HOSTILE_COMMIT "/", ELSEWHERE[] = "/elsewhere/";
    struct hostile *h = c->h;
    h->n_requests++;
    h->n_authorized += strcasestr(c->head, "\r\nAuthorization:") != NULL;
    h->n_file_requests += strstr(c->path, "/api/") == NULL;
    read_range(c);
    const struct rule *r = find_rule(c);
    if (r && answer_by_rule(c, r)) {
        return;
    }
    const char *name = !strncmp(c->path, RESOLVE, sizeof RESOLVE - 1) ? c->path + sizeof RESOLVE - 1
                       : !strncmp(c->path, ELSEWHERE, sizeof ELSEWHERE - 1)
                           ? c->path + sizeof ELSEWHERE - 1
                           : NULL;
    for (size_t i = 0; name && i < h->n_files; i++) {
        if (!strcmp(h->files[i].path, name)) {
            answer_file(c, &h->files[i], r);
            return;
        }
    }
    if (!strncmp(c->path, "/api/models/org/m/revision/", 27)) {
        answer_json(c, "{\"id\": \"org/m\", \"sha\": \"" HOSTILE_COMMIT "\"}", "");
    } else if (!strncmp(c->path, "/api/models/org/m/tree/", 23)) {
        answer_tree(c);
    } else {
        head(c, 404, "X-Error-Code: EntryNotFound\r\n", 0);
    }
}

static void *serve_one(void *arg) {
    struct connection *c = arg;
    if (read_request(c)) {
        answer(c);
    }
    shutdown(c->fd, SHUT_WR);
    close(c->fd);
    c->h->running--;
    free(c);
    return NULL;
}

static void *serve(void *arg) {
    struct hostile *h = arg;
    while (!h->stop) {
        struct pollfd p = { .fd = h->listener, .events = POLLIN };
        int fd = poll(&p, 1, 20) > 0 ? accept(h->listener, NULL, NULL) : -1;
        if (fd < 0) {
            continue;
        }
        int small = 256 << 10; /* what is counted as sent is soon what arrived */
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        struct connection *c = xcalloc(1, sizeof *c);
        *c = (struct connection) { .h = h, .fd = fd };
        pthread_t thread;
        h->running++;
        if (pthread_create(&thread, NULL, serve_one, c)) {
            abort();
        }
        pthread_detach(thread);
    }
    return NULL;
}

/* ---- from outside ---- */

static void hash_file(struct hostile_file *f) {
    if (f->etag[0]) {
        return;
    }
    if (f->lfs) {
        sha256_hex(f->data, f->size, f->etag);
        return;
    }
    struct sha256 *h = git_blob_new(f->size);
    sha256_add(h, f->data, f->size);
    sha256_end(h, f->etag);
}

void hostile_start(struct hostile *h, struct hostile_file *files, size_t n, unsigned port) {
    struct sockaddr_in at = { .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t length = sizeof at;
    int one = 1;
    memset(h, 0, sizeof *h);
    signal(SIGPIPE, SIG_IGN);
    h->files = files;
    h->n_files = n;
    for (size_t i = 0; i < n; i++) {
        hash_file(&files[i]);
    }
    pthread_mutex_init(&h->lock, NULL);
    h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(h->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(h->listener, (struct sockaddr *)&at, sizeof at) || listen(h->listener, 128) ||
        getsockname(h->listener, (struct sockaddr *)&at, &length) ||
        pthread_create(&h->thread, NULL, serve, h)) {
        perror("hostile hub");
        abort();
    }
    snprintf(h->url, sizeof h->url, "http://127.0.0.1:%u", ntohs(at.sin_port));
}

static struct kept_rules *keep(const struct rule *rules) {
    struct kept_rules *kept = xcalloc(1, sizeof *kept);
    for (size_t i = 0; rules && rules[i].prefix; i++) {
        struct rule *r = &kept->rules[kept->n++];
        *r = rules[i];
        r->prefix = xstrdup(rules[i].prefix);
        r->text = rules[i].text ? xstrdup(rules[i].text) : NULL;
    }
    return kept;
}

static void forget(struct kept_rules *kept) {
    for (size_t i = 0; i < kept->n; i++) {
        free((char *)kept->rules[i].prefix);
        free((char *)kept->rules[i].text);
    }
    free(kept);
}

/* A client that gave up leaves requests behind that this hub has not read yet: they would be
 * counted among those that follow. Connections are taken in their order, so once one of our own is
 * through and none is under way, there are no others. One that stays is not waited for without end.
 */
static void settle(struct hostile *h) {
    struct sockaddr_in at;
    socklen_t length = sizeof at;
    char byte;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (getsockname(h->listener, (struct sockaddr *)&at, &length) ||
        connect(fd, (struct sockaddr *)&at, sizeof at) || shutdown(fd, SHUT_WR)) {
        perror("hostile hub");
        abort();
    }
    while (recv(fd, &byte, 1, 0) < 0 && errno == EINTR) {
    }
    close(fd);
    for (int waited = 0; waited < SETTLE_MS && h->running; waited += 2) {
        nanosleep(&(struct timespec) { .tv_nsec = 2000000 }, NULL);
    }
}

void hostile_rules(struct hostile *h, const struct rule *rules) {
    struct kept_rules *kept = keep(rules);
    settle(h);
    pthread_mutex_lock(&h->lock);
    kept->next = h->kept;
    h->kept = kept;
    memset(h->used, 0, sizeof h->used);
    h->n_requests = h->n_authorized = h->n_file_requests = 0;
    h->body_bytes = 0;
    pthread_mutex_unlock(&h->lock);
}

void hostile_stop(struct hostile *h) {
    h->stop = true;
    pthread_join(h->thread, NULL);
    while (h->running) {
        nanosleep(&(struct timespec) { .tv_nsec = 5000000 }, NULL);
    }
    close(h->listener);
    pthread_mutex_destroy(&h->lock);
    while (h->kept) {
        struct kept_rules *next = h->kept->next;
        forget(h->kept);
        h->kept = next;
    }
}

/* A crowd in front of `assay serve`: C clients hand in N submissions, each under a key of its own,
 * and misbehave in between. A submission whose answer never came is handed in again under its key,
 * as a careful client does, so the server may be killed and started anew meanwhile. Prints one JSON
 * object; exit code 1 where an answer was none that may be.
 *
 *     load PORT N CLIENTS TOKEN ACCEPTED      the ids that were answered 202 go to the file
 * ACCEPTED, one a line */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 65536, PATIENCE = 600, OVERSIZED = 200000 };

struct crowd {
    unsigned short port;
    int n;
    const char *token;
    FILE *accepted;
    pthread_mutex_t lock;
    atomic_int next, n_accepted, n_refused, n_wrong, n_cut, n_5xx;
    double *ms; /* of each submission that was accepted, its last try */
    char wrong[200];
};

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int connect_to(unsigned short port) {
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) }
    };
    struct timeval wait = { .tv_sec = 60 };
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int send_all(int fd, const char *text, size_t n) {
    while (n) {
        ssize_t k = send(fd, text, n, MSG_NOSIGNAL);
        if (k <= 0)
            return 0;
        text += k;
        n -= (size_t)k;
    }
    return 1;
}

/* The status of one answer, its text in `answer`; 0: the connection ended before it was whole. */
static int read_answer(int fd, char answer[ANSWER_MAX]) {
    size_t n = 0, want = 0;
    for (;;) {
        ssize_t k = recv(fd, answer + n, ANSWER_MAX - 1 - n, 0);
        if (k <= 0)
            return 0;
        n += (size_t)k;
        answer[n] = 0;
        char *end = strstr(answer, "\r\n\r\n");
        if (end && !want) {
            char *length = strcasestr(answer, "\r\nContent-Length:");
            want = (size_t)(end + 4 - answer) +
                   (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
        }
        if (want && n >= want)
            return atoi(answer + 9);
        if (n == ANSWER_MAX - 1)
            return 0;
    }
}

static void note_wrong(struct crowd *c, const char *what, int status) {
    pthread_mutex_lock(&c->lock);
    if (c->n_wrong++ == 0)
        snprintf(c->wrong, sizeof c->wrong, "%s was answered %d", what, status);
    pthread_mutex_unlock(&c->lock);
}

/* ---- a good submission ---- */

static size_t print_submission(const struct crowd *c, int i, char *text, size_t size) {
    char body[200];
    int n = snprintf(body, sizeof body,
        "{\"model\": \"crowd/model-%d\", \"suite\": \"e2e\", \"revision\": \"main\"}", i);
    return (size_t)snprintf(text, size,
        "POST /api/v1/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        "Authorization: Bearer %s\r\nIdempotency-Key: load-%d\r\nContent-Length: %d\r\n\r\n%s",
        c->token, i, n, body);
}

static void keep(struct crowd *c, int i, const char *answer, double ms) {
    const char *id = strstr(answer, "\"id\": ");
    pthread_mutex_lock(&c->lock);
    fprintf(c->accepted, "%ld\n", id ? strtol(id + 6, NULL, 10) : 0);
    fflush(c->accepted); /* what was told must be found, whatever dies next */
    pthread_mutex_unlock(&c->lock);
    c->ms[i] = ms;
    c->n_accepted++;
}

/* Until it is answered: the server may be away for a while. *fd is kept open between submissions.
 */
static void submit(struct crowd *c, int i, int *fd, char *answer) {
    char text[1000];
    size_t n = print_submission(c, i, text, sizeof text);
    for (int tries = 0; tries < PATIENCE; tries++) {
        double from = now_ms();
        if (*fd < 0)
            *fd = connect_to(c->port);
        int status = *fd >= 0 && send_all(*fd, text, n) ? read_answer(*fd, answer) : 0;
        if (status == 202) {
            keep(c, i, answer, now_ms() - from);
            return;
        }
        if (status >= 500) {
            c->n_5xx++;
            note_wrong(c, "a submission", status);
        } else if (status) {
            note_wrong(c, "a submission", status);
            return;
        }
        if (*fd >= 0)
            close(*fd);
        *fd = -1;
        c->n_cut += status == 0;
        usleep(100000);
    }
    note_wrong(c, "a submission (given up)", 0);
}

/* ---- what should not come, and does ---- */

struct mischief {
    const char *what, *head; /* %N is the length of the body */
    const char *body;
    int repeat;   /* the body so often */
    int from, to; /* statuses that may come; 0: or none at all */
};
static const struct mischief MISCHIEF[] = {
    { "no JSON",
        "POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
        "{\"model\": ", 1, 400, 400 },
    { "a list",
        "POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
        "[[[[[[[[", 100, 400, 400 },
    { "a number for a model",
        "POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
        "{\"model\": 7}", 1, 422, 422 },
    { "a name with a path",
        "POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
        "{\"model\": \"../../etc/passwd\", \"suite\": \"e2e\"}", 1, 401, 422 },
    { "another type", "POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n",
        "<a/>", 1, 415, 415 },
    { "too large a body",
        "POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
        "0123456789", OVERSIZED / 10, 413, 413 },
    { "a body of 2 GB, announced",
        "POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: "
        "application/json\r\nContent-Length: 2000000000\r\nX-No-Body: 1\r\n",
        NULL, 0, 413, 413 },
    { "a wrong token",
        "GET /api/v1/submissions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n", NULL, 0,
        401, 401 },
    { "another method", "PUT /api/v1/submissions HTTP/1.1\r\nHost: x\r\n", "x", 1, 405, 405 },
    { "an address with a NUL", "GET /healthz%00.html HTTP/1.1\r\nHost: x\r\n", NULL, 0, 400, 414 },
    { "a way up", "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n", NULL, 0, 404, 404 },
    { "no HTTP", "\x16\x03\x01\x02\x00\x01 hello\r\n", NULL, 0, 0, 505 },
    { "a form from elsewhere",
        "POST /submit HTTP/1.1\r\nHost: x\r\nOrigin: http://evil\r\nContent-Type: "
        "application/x-www-form-urlencoded\r\n",
        "model=a/b&suite=e2e&form=x", 1, 403, 403 },
    { "headers without end", "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", "aaaaaaaaaaaaaaaa", 4000, 0,
        431 },
};

static void misbehave(struct crowd *c, int i, char *answer) {
    const struct mischief *m = &MISCHIEF[(size_t)i % (sizeof MISCHIEF / sizeof *MISCHIEF)];
    size_t n = m->body ? strlen(m->body) * (size_t)m->repeat : 0;
    char *text = malloc(strlen(m->head) + n + 100);
    int len = sprintf(text, "%s", m->head);
    int endless = m->body && !strstr(m->head, "\r\n\r\n") && m->head[strlen(m->head) - 1] == ' ';
    if (!endless)
        len += m->body ? sprintf(text + len, "Content-Length: %zu\r\n\r\n", n)
                       : sprintf(text + len, "\r\n");
    for (int k = 0; m->body && k < m->repeat; k++)
        len += sprintf(text + len, "%s", m->body);
    int fd = connect_to(c->port), status = 0;
    if (fd >= 0) {
        send_all(fd, text, (size_t)len);
        status = read_answer(fd, answer);
        close(fd);
    }
    free(text);
    if (status >= 500 && status != 505)
        c->n_5xx++;
    if (status ? status < m->from || status > m->to : 0)
        note_wrong(c, m->what, status);
    c->n_refused += status >= 400;
}

static void *be_client(void *arg) {
    struct crowd *c = arg;
    char *answer = malloc(ANSWER_MAX);
    int i, fd = -1;
    while ((i = c->next++) < c->n) {
        submit(c, i, &fd, answer);
        if (i % 5 == 0)
            misbehave(c, i / 5, answer);
    }
    if (fd >= 0)
        close(fd);
    free(answer);
    return NULL;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 6)
        return 2;
    struct crowd c = { .port = (unsigned short)atoi(argv[1]),
        .n = atoi(argv[2]),
        .token = argv[4],
        .accepted = fopen(argv[5], "w") };
    int clients = atoi(argv[3]);
    pthread_t *threads = calloc((size_t)clients, sizeof *threads);
    pthread_mutex_init(&c.lock, NULL);
    c.ms = calloc((size_t)c.n, sizeof *c.ms);
    double from = now_ms();
    for (int i = 0; i < clients; i++)
        pthread_create(&threads[i], NULL, be_client, &c);
    for (int i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    double seconds = (now_ms() - from) / 1e3;
    qsort(c.ms, (size_t)c.n, sizeof *c.ms, by_size);
    printf("{\"submissions\": %d, \"clients\": %d, \"accepted\": %d, \"refused\": %d, \"cut_off\": "
           "%d, \"5xx\": %d, \"wrong\": %d, "
           "\"first_wrong\": \"%s\", \"seconds\": %.2f, \"submissions_per_s\": %.0f, "
           "\"requests_per_s\": %.0f, \"p50_ms\": %.1f, "
           "\"p99_ms\": %.1f, \"max_ms\": %.1f}\n",
        c.n, clients, c.n_accepted, c.n_refused, c.n_cut, c.n_5xx, c.n_wrong, c.wrong, seconds,
        c.n / seconds, (c.n + c.n / 5) / seconds, c.ms[c.n / 2], c.ms[(int)((double)c.n * 0.99)],
        c.ms[c.n - 1]);
    fclose(c.accepted);
    return c.n_wrong || c.n_accepted != c.n;
}

/* How long a server is to be left alone (see retry.h). */
#include "evaluator/hub/retry.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/hub/url.h"

#define BACKOFF_MAX_MS 30000
#define BREAKER_MAX_MS                                                                             \
    ((int64_t)3600 * 1000) /* a clock that jumps must not shut a hub for ever                      \
                            */

/* Digits as a number up to `most`; -1 if there are none or something follows that isn't one of
 * `ends`. */
static long digits(const char *text, const char *ends, long most) {
    long value = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9'; c++) {
        value = value > most ? value : 10 * value + (*c - '0');
    }
    bool ended = !*c || strchr(ends, *c);
    return c == text || !ended ? -1 : value < most ? value : most;
}

long retry_after_parse(const char *text, time_t now) {
    text += strspn(text, " \t");
    long s = digits(text, " \t", RETRY_ASKED_MAX_S);
    if (s >= 0 || !strchr("MTWFSmtwfs", *text) || !*text) {
        return s;
    }
    time_t then = curl_getdate(text, NULL);
    if (then < 0) {
        return -1;
    }
    return then <= now ? 0 : then - now < RETRY_ASKED_MAX_S ? then - now : RETRY_ASKED_MAX_S;
}

/* The number of ";name=number"; -1 without one. */
static long parameter(const char *text, char name) {
    for (const char *c = text; (c = strchr(c, ';'));) {
        c += 1 + strspn(c + 1, " \t");
        if (c[0] == name && c[1] == '=') {
            return digits(c + 2, "; \t,", RETRY_ASKED_MAX_S);
        }
    }
    return -1;
}

long retry_limit_parse(const char *text) {
    return parameter(text, 'r') == 0 ? parameter(text, 't') : -1;
}

bool content_range_parse(const char *text, uint64_t *from, uint64_t *to, uint64_t *size) {
    uint64_t *const numbers[3] = { from, to, size };
    static const char ends[3] = { '-', '/', 0 };
    if (strncasecmp(text, "bytes ", 6)) {
        return false;
    }
    text += 6;
    for (int i = 0; i < 3; i++) {
        size_t n = strspn(text, "0123456789");
        if (n == 0 || n > 18 || text[n] != ends[i]) {
            return false;
        }
        *numbers[i] = strtoull(text, NULL, 10);
        text += n + 1;
    }
    return true;
}

/* Anything from 0 to n. */
static int64_t random_up_to(int64_t n) {
    uint32_t r = 0;
    if (getrandom(&r, sizeof r, 0) != sizeof r) {
        r = UINT32_MAX / 2;
    }
    return (int64_t)((double)r / UINT32_MAX * (double)n);
}

int64_t retry_backoff_ms(unsigned first_ms, int attempt) {
    int64_t most = (int64_t)first_ms << 2 * (attempt < 8 ? attempt : 8);
    return random_up_to(most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS);
}

int64_t retry_asked_ms(long asked_s) {
    return (int64_t)asked_s * 1000 + random_up_to((int64_t)asked_s * 250);
}

int64_t wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void rest_ms(int64_t ms) {
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

/* ---- the circuit breaker ---- */

/* hub/<host>_<port> in the cache; NULL where there is no cache. The caller frees. */
static char *note_path(const char *url) {
    struct err ignored = ERR_INIT;
    char *cache = assay_cache(&ignored), *host = url_host(url);
    struct strbuf path = { 0 };
    if (cache && host) {
        strbuf_addf(&path, "%s/hub", cache);
        if (dir_make(path.text, &ignored)) {
            strbuf_addc(&path, '/');
            url_escape(&path, host, false);
        } else {
            strbuf_release(&path);
        }
    }
    free(cache);
    free(host);
    return path.len ? strbuf_take(&path) : NULL;
}

int64_t breaker_left_ms(const char *url) {
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    char *path = note_path(url);
    int64_t left = 0;
    if (path && file_exists(path) && file_read(path, 32, &text, &ignored)) {
        left = strtoll(strbuf_str(&text), NULL, 10) - wall_ms();
    }
    strbuf_release(&text);
    free(path);
    return left > 0 && left <= BREAKER_MAX_MS ? left : 0;
}

void breaker_open(const char *url, int64_t ms) {
    char text[32], *path = note_path(url);
    struct err ignored = ERR_INIT;
    ms = ms < BREAKER_MAX_MS ? ms : BREAKER_MAX_MS;
    if (path && breaker_left_ms(url) < ms) {
        snprintf(text, sizeof text, "%lld", (long long)(wall_ms() + ms));
        if (!file_write_atomic(path, text, strlen(text), &ignored)) {
            /* others find out for themselves */
        }
    }
    free(path);
}

/* Log lines and error messages on stderr, with secrets taken out (see log.h). */
#include "base/log.h"

#include <ctype.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"

static atomic_int threshold = -1; /* -1: not set yet; then ASSAY_LOG_LEVEL decides */

static const char *const NAMES[] = { "error", "warn", "info", "debug" };

static int from_environment(void) {
    const char *name = getenv("ASSAY_LOG_LEVEL");
    for (int i = 0; name && i < 4; i++) {
        if (!strcasecmp(name, NAMES[i])) {
            return i;
        }
    }
    return -1;
}

/* The environment wins over the flag's default: it is there to see more (or less) of one run. */
void log_set_level(enum log_level level) {
    int asked = from_environment();
    atomic_store(&threshold, asked >= 0 ? asked : (int)level);
}

static int current_level(void) {
    int level = atomic_load(&threshold);
    if (level < 0) {
        level = from_environment();
    }
    return level < 0 ? LOG_INFO : level;
}

static void blank(char *from, size_t n) {
    size_t keep = n < 3 ? n : 3;
    memset(from, '*', keep);
    memmove(from + keep, from + n, strlen(from + n) + 1);
}

static size_t span_alnum(const char *s) {
    size_t n = 0;
    while (isalnum((unsigned char)s[n])) {
        n++;
    }
    return n;
}

/* hf_ and at least 17 letters and digits; shorter ones are names such as hf_hub. */
static void redact_tokens(char *text) {
    for (char *at = text; (at = strstr(at, "sk-")); at += 3) { /* of endpoints: with '-' and '_' */
        size_t n = 0;
        while (isalnum((unsigned char)at[3 + n]) || at[3 + n] == '-' || at[3 + n] == '_') {
            n++;
        }
        bool begins = at == text || !isalnum((unsigned char)at[-1]); /* "task-" is a word */
        if (n >= 20 && begins) {
            blank(at, n + 3);
        }
    }
    for (char *at = text; (at = strstr(at, "hf_")); at += 3) {
        size_t n = span_alnum(at + 3);
        if (n >= 17) {
            blank(at, n + 3);
        }
    }
}

/* A value ends at its quote if it has one, else where words and parameters end. */
static void blank_value(char *value) {
    char quote[2] = { *value == '"' || *value == '\'' ? *value : 0, 0 };
    value += *quote != 0;
    blank(value, strcspn(value, *quote ? quote : " \t\r\n\"'&;,"));
}

static void redact_schemes(char *text) {
    static const char *const MARKERS[] = { "bearer ", "authorization: basic ",
        "authorization: token " };
    for (size_t i = 0; i < sizeof MARKERS / sizeof *MARKERS; i++) {
        for (char *at = text; (at = strcasestr(at, MARKERS[i]));) {
            at += strlen(MARKERS[i]);
            blank_value(at + strspn(at, " "));
        }
    }
}

/* word=value, "word": "value" */
static void redact_named(char *text) {
    static const char *const WORDS[] = { "password", "passwd", "token", "secret", "api_key",
        "api-key", "apikey", "signature", "credential" };
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        for (char *at = text; (at = strcasestr(at, WORDS[i]));) {
            at += strlen(WORDS[i]);
            char *after = at + (*at == '"' || *at == '\'');
            after += strspn(after, " ");
            if (*after == '=' || (*after == ':' && *at != ':' && *at != ' ')) {
                after++;
                blank_value(after + strspn(after, " "));
            }
        }
    }
}

/* The password of scheme://user:password@host, and the query of a signed address. */
static void redact_urls(char *text) {
    static const char *const SIGNED[] = { "signature", "x-amz-", "token",
        "policy=", "sig=", "key-pair-id", "credential" };
    for (char *at = text; (at = strstr(at, "://"));) {
        at += 3;
        size_t n = strcspn(at, " \t\r\n\"'<>");
        char *query = memchr(at, '?', n);
        for (size_t i = 0; query && i < sizeof SIGNED / sizeof *SIGNED; i++) {
            char *hint = strcasestr(query, SIGNED[i]);
            if (hint && hint < at + n) {
                blank(query + 1, (size_t)(at + n - query) - 1);
                break;
            }
        }
        size_t host_n = strcspn(at, " \t\r\n/\"'");
        char *colon = memchr(at, ':', host_n), *host = memrchr(at, '@', host_n);
        if (colon && host && colon < host) {
            blank(colon + 1, (size_t)(host - colon - 1));
        }
    }
}

void log_redact(char *text) {
    redact_urls(text);
    redact_tokens(text);
    redact_schemes(text);
    redact_named(text);
}

/* Names come from strangers' files: none of their bytes may steer a terminal or begin a line of its
 * own. */
static void clean(char *text) {
    log_redact(text);
    for (char *c = text; *c; c++) {
        bool c1 = c[0] == (char)0xc2 && (unsigned char)c[1] >= 0x80 && (unsigned char)c[1] < 0xa0;
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = ' ';
        } else if (c1) {
            c[0] = c[1] = ' ';
        }
    }
}

/* logfmt for machines, words for people. */
static void add_prefix(struct strbuf *out, enum log_level level) {
    if (isatty(STDERR_FILENO)) {
        strbuf_addf(out, "assay: %s%s", level <= LOG_WARN ? NAMES[level] : "",
            level <= LOG_WARN ? ": " : "");
        return;
    }
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    strbuf_addf(out, "ts=%s level=%s ", stamp, NAMES[level]);
}

void log_line(enum log_level level, const char *fmt, ...) {
    if ((int)level > current_level()) {
        return;
    }
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    clean(text);
    struct strbuf out = { 0 };
    add_prefix(&out, level);
    if (isatty(STDERR_FILENO)) {
        strbuf_addf(&out, "%s\n", text);
    } else {
        struct json_writer w;
        strbuf_adds(&out, "msg=");
        json_writer_init(&w, &out, false);
        jw_string(&w, text);
        strbuf_addc(&out, '\n');
    }
    fputs(strbuf_str(&out), stderr);
    strbuf_release(&out);
}

void log_error(const struct err *err, bool json) {
    struct err shown = *err;
    clean(shown.msg);
    clean(shown.hint);
    if (!json) {
        fprintf(stderr, "assay: error: %s\n", shown.msg);
        if (shown.hint[0]) {
            fprintf(stderr, "  hint: %s\n", shown.hint);
        }
        return;
    }
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, false);
    jw_object(&w);
    jw_kv_string(&w, "schema", "assay.error/1");
    jw_kv_int(&w, "code", err_info(shown.class)->exit_code);
    jw_kv_string(&w, "error", err_info(shown.class)->name);
    jw_kv_string(&w, "message", shown.msg);
    jw_kv_string(&w, "hint", shown.hint[0] ? shown.hint : NULL);
    jw_end_object(&w);
    fprintf(stderr, "%s\n", strbuf_str(&out));
    strbuf_release(&out);
}

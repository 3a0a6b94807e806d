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

/* Blanks what follows each `marker` up to one of `ends`, if it is at least `least` long. */
static void blank_after(char *text, const char *marker, const char *ends, size_t least, bool with_marker) {
    size_t m = strlen(marker);
    for (char *at = text; (at = strcasestr(at, marker));) {
        char *from = at + (with_marker ? 0 : m);
        size_t n = strcspn(at + m, ends) + (with_marker ? m : 0);
        at += m;
        if (n >= least) {
            blank(from, n);
            at = from + 3;
        }
    }
}

void log_redact(char *text) {
    static const char SPACE[] = " \t\r\n\"'&;,";
    blank_after(text, "hf_", " \t\r\n\"'&;,.:/@)", 20, true);
    blank_after(text, "bearer ", SPACE, 1, false);
    blank_after(text, "password=", SPACE, 1, false);
    blank_after(text, "x-amz-signature=", SPACE, 1, false);
    blank_after(text, "signature=", SPACE, 1, false);
    /* the password of scheme://user:password@host */
    for (char *at = text; (at = strstr(at, "://"));) {
        at += 3;
        size_t n = strcspn(at, " \t\r\n/\"'");
        char *colon = memchr(at, ':', n), *host = memrchr(at, '@', n);
        if (colon && host && colon < host) {
            blank(colon + 1, (size_t)(host - colon - 1));
        }
    }
}

/* logfmt for machines, words for people. */
static void add_prefix(struct strbuf *out, enum log_level level) {
    if (isatty(STDERR_FILENO)) {
        strbuf_addf(out, "assay: %s%s", level <= LOG_WARN ? NAMES[level] : "", level <= LOG_WARN ? ": " : "");
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
    log_redact(text);
    for (char *c = text; *c; c++) {
        if (iscntrl((unsigned char)*c)) {
            *c = ' ';
        }
    }
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
    struct err clean = *err;
    log_redact(clean.msg);
    log_redact(clean.hint);
    if (!json) {
        fprintf(stderr, "assay: error: %s\n", clean.msg);
        if (clean.hint[0]) {
            fprintf(stderr, "  hint: %s\n", clean.hint);
        }
        return;
    }
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, false);
    jw_object(&w);
    jw_kv_string(&w, "schema", "assay.error/1");
    jw_kv_int(&w, "code", err_info(clean.class)->exit_code);
    jw_kv_string(&w, "error", err_info(clean.class)->name);
    jw_kv_string(&w, "message", clean.msg);
    jw_kv_string(&w, "hint", clean.hint[0] ? clean.hint : NULL);
    jw_end_object(&w);
    fprintf(stderr, "%s\n", strbuf_str(&out));
    strbuf_release(&out);
}

/* The last lines of a job (see tail.h). */
#include "evaluator/worker/tail.h"

#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"

void tail_reset(struct tail *t) {
    memset(t, 0, sizeof *t);
}

static void add_line(struct tail *t, const char *line) {
    char *slot = t->lines[t->n++ % TAIL_LINES];
    snprintf(slot, TAIL_LINE_MAX + 1, "%s", line);
    log_redact(slot);
}

static void end_part(struct tail *t) {
    t->part[t->part_n] = 0;
    t->part_n = 0;
    if (!t->silenced) {
        fprintf(stderr, "job: %s\n", t->part);
    }
    add_line(t, t->part);
    if (t->seen > TAIL_PASSED_MAX && !t->silenced) {
        t->silenced = true;
        log_line(LOG_WARN, "the job's process wrote more than %d bytes: the rest is not shown",
            TAIL_PASSED_MAX);
    }
}

void tail_take(struct tail *t, const char *bytes, size_t n) {
    t->seen += n;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\n') {
            end_part(t);
        } else if (t->part_n < TAIL_LINE_MAX) { /* the rest of a long line is left out */
            t->part[t->part_n++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
        }
    }
}

void tail_note(struct tail *t, const char *fmt, ...) {
    char line[TAIL_LINE_MAX + 1];
    time_t now = time(NULL);
    struct tm tm;
    va_list ap;
    size_t n = strftime(line, sizeof line, "%H:%M:%SZ ", gmtime_r(&now, &tm));
    va_start(ap, fmt);
    vsnprintf(line + n, sizeof line - n, fmt, ap);
    va_end(ap);
    add_line(t, line);
}

char *tail_text(struct tail *t) {
    struct strbuf out = { 0 };
    size_t n;
    if (t->part_n) {
        end_part(t);
    }
    unsigned kept = t->n < TAIL_LINES ? t->n : TAIL_LINES;
    for (unsigned i = t->n - kept; i < t->n; i++) {
        strbuf_addf(&out, "%s\n", t->lines[i % TAIL_LINES]);
    }
    char *text = utf8_repair(strbuf_str(&out), out.len, &n); /* lines are cut anywhere */
    strbuf_release(&out);
    return text;
}

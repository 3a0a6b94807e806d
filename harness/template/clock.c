/* Dates as Python's strftime writes them in the C locale, without asking the system's. */
#include <string.h>
#include <time.h>

#include "harness/template/value.h"

struct value pystr_clock(struct run *r, struct value format, int64_t now) {
    char pattern[256], text[1024];
    const time_t seconds = (time_t)now;
    struct tm t;
    if (format.n >= sizeof pattern || memchr(format.text, 0, format.n))
        return run_fail(r, ERR_INPUT, "strftime_now: the format is too long");
    memcpy(pattern, format.text, format.n);
    pattern[format.n] = 0;
    if (!gmtime_r(&seconds, &t))
        return run_fail(r, ERR_INPUT, "strftime_now: the clock cannot be read");
    /* Python knows %f, microseconds, which C doesn't; the clock here has none. */
    struct strbuf whole = { 0 };
    for (const char *at = pattern; *at; at++) {
        if (at[0] == '%' && at[1] == 'f') {
            strbuf_adds(&whole, "000000");
            at++;
        } else {
            strbuf_addc(&whole, *at);
            if (*at == '%' && at[1])
                strbuf_addc(&whole, *++at);
        }
    }
    strbuf_addc(&whole, '.'); /* so that an empty result is told from one that didn't fit */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const size_t n = strftime(text, sizeof text, strbuf_str(&whole), &t);
#pragma GCC diagnostic pop
    strbuf_release(&whole);
    return n ? value_string(r, text, n - 1)
             : run_fail(r, ERR_INPUT, "strftime_now: the text is too long");
}

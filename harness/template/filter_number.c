/* Filters of numbers, and of texts that hold one. */
#include "harness/template/filter.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FILTER(filter_abs) {
    (void)call;
    if (self.type == VALUE_FLOAT)
        return value_float(fabs(self.real));
    if (is_whole(self) && whole_of(self) != INT64_MIN)
        return value_int(whole_of(self) < 0 ? -whole_of(self) : whole_of(self));
    return is_undefined(self) ? fail_undefined(r, self)
                              : run_fail(r, ERR_INPUT, "abs: a number is needed");
}

/* A number in a string, as Python's float() reads it: blanks around, underscores between digits. */
static bool read_real(struct value s, double *out) {
    char text[64];
    size_t n = 0;
    s = pystr_strip(s, value_none(), true, true);
    for (size_t i = 0; i < s.n; i++) {
        if (s.text[i] == '_' && i && i + 1 < s.n)
            continue;
        if (n == sizeof text - 1 || !strchr("0123456789+-.eEinftyaINFTYA", s.text[i]))
            return false;
        text[n++] = s.text[i];
    }
    text[n] = 0;
    char *end;
    *out = strtod(text, &end);
    return n && !*end;
}

static bool read_whole(struct value s, int base, int64_t *out) {
    char text[80];
    size_t n = 0;
    s = pystr_strip(s, value_none(), true, true);
    for (size_t i = 0; i < s.n; i++) {
        if (s.text[i] == '_' && i && i + 1 < s.n)
            continue;
        if (n == sizeof text - 1 || (unsigned char)s.text[i] <= ' ')
            return false;
        text[n++] = s.text[i];
    }
    text[n] = 0;
    const char *at = text;
    if (base == 2 || base == 8) { /* strtoll knows no 0b and 0o */
        const char *prefix = at + (*at == '-' || *at == '+');
        if (prefix[0] == '0' && prefix[1] && (prefix[1] | 0x20) == (base == 2 ? 'b' : 'o'))
            at = prefix == text ? text + 2 : "";
    }
    char *end;
    errno = 0;
    *out = strtoll(at, &end, base);
    return *at && !*end && !errno;
}

FILTER(filter_int) {
    const struct value otherwise = is_given(ARG(0)) ? ARG(0) : value_int(0);
    const int64_t base = filter_whole(r, ARG(1), 10);
    int64_t whole;
    double real;
    if (is_whole(self))
        return value_int(whole_of(self));
    if (self.type == VALUE_FLOAT)
        return fabs(self.real) < 9e18 ? value_int((int64_t)self.real) : otherwise;
    if (self.type != VALUE_STRING || base < 0 || base == 1 || base > 36)
        return is_undefined(self) || self.type != VALUE_STRING
                   ? otherwise
                   : run_fail(r, ERR_INPUT, "int: base %lld", (long long)base);
    if (read_whole(self, (int)base, &whole))
        return value_int(whole);
    return read_real(self, &real) && fabs(real) < 9e18 ? value_int((int64_t)real) : otherwise;
}

FILTER(filter_float) {
    double real;
    (void)r;
    if (is_number(self))
        return value_float(real_of(self));
    if (self.type == VALUE_STRING && read_real(self, &real))
        return value_float(real);
    return is_given(ARG(0)) ? ARG(0) : value_float(0);
}

/* To tens, hundreds and so on; halves go to the even one, as Python's round() has it. */
static int64_t round_whole(int64_t n, int64_t places) {
    int64_t unit = 1;
    for (int64_t i = 0; i < places; i++) {
        if (unit > INT64_MAX / 20)
            return 0;
        unit *= 10;
    }
    const int64_t rest = n % unit, below = n - rest, twice = 2 * (rest < 0 ? -rest : rest);
    const bool away = twice > unit || (twice == unit && below / unit % 2 != 0);
    return away ? below + (n < 0 ? -unit : unit) : below;
}

FILTER(filter_round) {
    const int64_t precision = filter_whole(r, ARG(0), 0);
    const struct value method = ARG(1);
    if (!is_number(self))
        return is_undefined(self) ? fail_undefined(r, self)
                                  : run_fail(r, ERR_INPUT, "round: a number is needed");
    const double scale = pow(10, (double)precision), v = real_of(self);
    if (pystr_is(method, "ceil") || pystr_is(method, "floor"))
        return value_float((*method.text == 'c' ? ceil(v * scale) : floor(v * scale)) / scale);
    if (is_given(method) && !pystr_is(method, "common"))
        return run_fail(r, ERR_INPUT, "round: the method is 'common', 'ceil' or 'floor'");
    if (is_whole(self))
        return value_int(precision < 0 ? round_whole(whole_of(self), -precision) : whole_of(self));
    char text[400];
    if (precision < 0 || precision > 17 || !isfinite(v))
        return value_float(rint(v * scale) / scale);
    snprintf(text, sizeof text, "%.*f", (int)precision, v); /* correctly rounded, half to even */
    return value_float(strtod(text, NULL));
}

/* Python's re.match of "(.*\.)?(PATTERN)$", run by PCRE2 under a limit of steps. Most patterns are
 * plain names, for which nothing is compiled. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "harness/formats/module_pattern.h"

#include <pcre2.h>
#include <string.h>

#include "base/strbuf.h"
#include "harness/formats/quoted.h"

#define PATTERN_BYTES_MAX 4096
#define STEPS_MAX 100000

static bool is_plain(const char *pattern) {
    return !strpbrk(pattern, "\\^$*+?()[]{}|");
}

static bool is_end_of(const char *module, const char *end) {
    const size_t n = strlen(module), m = strlen(end);
    return n >= m && strcmp(module + n - m, end) == 0 && (n == m || module[n - m - 1] == '.');
}

static bool refuse(const char *pattern, const char *why, struct err *err) {
    struct quoted q;
    return err_set(
        err, ERR_UNSUPPORTED, "the pattern '%s' for modules %s", quoted_str(&q, pattern), why);
}

static bool expression_matches(
    const char *pattern, const char *module, bool *matches, struct err *err) {
    int code = 0;
    size_t at = 0;
    struct strbuf whole = { 0 };
    strbuf_addf(&whole, "^(?:.*\\.)?(?:%s)$", pattern);
    pcre2_code *program = pcre2_compile(
        (PCRE2_SPTR)whole.text, whole.len, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
    strbuf_release(&whole);
    if (!program)
        return refuse(pattern, "is not understood", err);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *found = pcre2_match_data_create_from_pattern(program, NULL);
    pcre2_set_match_limit(limits, STEPS_MAX);
    pcre2_set_depth_limit(limits, STEPS_MAX);
    const int n = pcre2_match(program, (PCRE2_SPTR)module, strlen(module), 0, 0, found, limits);
    pcre2_match_data_free(found);
    pcre2_match_context_free(limits);
    pcre2_code_free(program);
    *matches = n > 0;
    return n > 0 || n == PCRE2_ERROR_NOMATCH || refuse(pattern, "searches without end", err);
}

bool module_pattern_matches(
    const char *pattern, const char *module, bool *matches, struct err *err) {
    *matches = is_end_of(module, pattern);
    if (*matches || is_plain(pattern))
        return true;
    if (strlen(pattern) > PATTERN_BYTES_MAX)
        return refuse(pattern, "is too long", err);
    return expression_matches(pattern, module, matches, err);
}

/* JSON: reading through jansson under limits, writing by hand.
 *
 * The writer prints the shortest decimal that reads back as the same double (Python's repr),
 * escapes what JSON asks for, keeps UTF-8 as it is (and puts U+FFFD where it isn't UTF-8), and
 * refuses to print NaN or infinity (prints null and sets `non_finite`). */
#ifndef ASSAY_JSON_H
#define ASSAY_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/strbuf.h"

/* Parses a whole document: duplicate keys, trailing bytes and deep nesting (48) are errors that
 * name `name`. The caller owns the result. */
MUST_CHECK json_t *json_parse(const char *text, size_t len, const char *name, struct err *err);
MUST_CHECK json_t *json_parse_file(const char *path, size_t max_bytes, struct err *err);

/* The same of a file that Python wrote: Infinity, which JSON has no word for, is null. */
MUST_CHECK json_t *json_parse_python_file(const char *path, size_t max_bytes, struct err *err);
void json_forget_infinity(char *text, size_t len); /* in place */

/* jansson's json_dumps with its flags, as a text of malloc's, which json_dumps' is not where a pool
 * is in use (json_pool.h). NULL for what can't be said so. */
char *json_text(const json_t *value, size_t flags);

/* JSON lines, one after the other, without copies: *line, its length in *n and, from 1, its number.
 * False at the end. An empty line is one; a text may end with or without its last newline. */
struct json_lines {
    const char *text;
    size_t left, number;
};
bool json_lines_next(struct json_lines *l, const char **line, size_t *n);

/* Fields of an object, with a default where absent or of another type. The string lives as long
 * as the object. */
const char *json_get_string(const json_t *object, const char *key, const char *otherwise);
double json_get_number(const json_t *object, const char *key, double otherwise);
long long json_get_int(const json_t *object, const char *key, long long otherwise);
bool json_get_bool(const json_t *object, const char *key, bool otherwise);

/* The writer keeps track of commas and nesting (64 levels); `pretty` indents by two. */
struct json_writer {
    struct strbuf *out;
    bool pretty, non_finite;
    int depth;
    bool has_item[64];
    bool after_key;
};
void json_writer_init(struct json_writer *w, struct strbuf *out, bool pretty);
void jw_object(struct json_writer *w); /* { */
void jw_end_object(struct json_writer *w);
void jw_array(struct json_writer *w); /* [ */
void jw_end_array(struct json_writer *w);
void jw_key(struct json_writer *w, const char *key);
void jw_string(struct json_writer *w, const char *s);
void jw_string_n(struct json_writer *w, const char *s, size_t n);
void jw_int(struct json_writer *w, long long v);
void jw_uints(struct json_writer *w, const uint32_t *v, size_t n); /* a list, on one line: [1, 2] */
void jw_uint_pairs(struct json_writer *w, const uint32_t *v, size_t n); /* [[1, 2], [3, 4]] */
void jw_double(struct json_writer *w, double v);
void jw_float(struct json_writer *w, float v); /* shortest that reads back as the same float */
void jw_bool(struct json_writer *w, bool v);
void jw_null(struct json_writer *w);
void jw_json(struct json_writer *w, const json_t *value); /* keeps key order */
/* Key and value in one call. */
void jw_kv_string(struct json_writer *w, const char *key, const char *v); /* NULL prints null */
void jw_kv_int(struct json_writer *w, const char *key, long long v);
void jw_kv_double(struct json_writer *w, const char *key, double v);
void jw_kv_bool(struct json_writer *w, const char *key, bool v);

/* Shortest round-trip text of a double (Python's repr: 0.1, 1e-07, 1.0); `buffer` holds at least
 * 32 bytes. */
char *json_double_repr(double v, char *buffer);

#endif

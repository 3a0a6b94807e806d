/* Regular expressions as Python's re reads them, for what filters and metrics do to texts.
 *
 * The matches are Python's (the leftmost, by priority of the alternatives; findall's rule for empty
 * ones), over code points; but all ways to match are followed at once, so that a search costs at
 * most (length of expression) x (length of text), whatever the expression. Only where a repetition
 * is of something that can match nothing another match than Python's may be taken. What cannot be
 * had that way is refused: back-references, conditions, atomic groups, groups that capture inside a
 * look-around. */
#ifndef ASSAY_EXPRESSION_H
#define ASSAY_EXPRESSION_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum {
    EXPRESSION_MAX_BYTES = 2000,
    EXPRESSION_MAX_GROUPS = 16,
    EXPRESSION_MAX_SIZE = 8000, /* steps, with every repetition written out */
};

struct expression;

MUST_CHECK struct expression *expression_new(const char *text, size_t n, struct err *err);
void expression_free(struct expression *e);
size_t expression_groups(const struct expression *e);

/* Bytes of the text; from == SIZE_MAX: a group that has no part in the match. */
struct expression_span {
    size_t from, to;
};
struct expression_match {
    struct expression_span whole, group[EXPRESSION_MAX_GROUPS];
};

/* The matches of re.finditer one after the other. The text must outlive the walk; not two walks at
 * once with one expression. Bytes that are not UTF-8 are U+FFFD. */
struct expression_walk;
struct expression_walk *expression_begin(struct expression *e, const char *s, size_t n);
bool expression_next(struct expression_walk *w, struct expression_match *match);
void expression_end(struct expression_walk *w);

/* Appends re.sub(e, "", s). */
void expression_remove(struct expression *e, const char *s, size_t n, struct strbuf *out);

/* Appends re.sub(e, with, s); \0 to \9 in `with` are the match and its groups. */
void expression_replace(
    struct expression *e, const char *with, const char *s, size_t n, struct strbuf *out);

#endif

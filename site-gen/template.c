/* The template compiler (see template.h): one pass that copies HTML as literals and follows it just
 * far enough to know where an expression stands. */
#include "site-gen/template.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum place { IN_TEXT, IN_TAG, IN_VALUE, IN_COMMENT };

struct compiler {
    const char *name, *text, *end, *at;
    struct strbuf *lua;
    struct strbuf literal; /* not yet written */
    enum place place;
    char tag[16];       /* the element that was opened last, lower case */
    char attribute[32]; /* whose value this is */
    bool value_is_link;
    bool link_has_code; /* within the value of this link */
    int line;
    struct err *err;
};

static bool complain(struct compiler *c, const char *what) {
    return err_set(c->err, ERR_INPUT, "template %s:%d: %s", c->name, c->line, what);
}

static void add_quoted(struct strbuf *out, const char *s, size_t n) {
    strbuf_addc(out, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char b = (unsigned char)s[i];
        if (b == '"' || b == '\\')
            strbuf_addf(out, "\\%c", b);
        else if (b < 32)
            strbuf_addf(out, "\\%03u", b);
        else
            strbuf_addc(out, (char)b);
    }
    strbuf_addc(out, '"');
}

/* The literal as one call, followed by as many newlines as are in it: lines stay what they were. */
static void flush(struct compiler *c, const char *writer) {
    struct strbuf *l = &c->literal;
    if (l->len) {
        strbuf_adds(c->lua, writer);
        strbuf_addc(c->lua, ' ');
        add_quoted(c->lua, l->text, l->len);
        strbuf_addc(c->lua, ';');
        for (size_t i = 0; i < l->len; i++) {
            if (l->text[i] == '\n')
                strbuf_addc(c->lua, '\n');
        }
        strbuf_reset(l);
    }
}

static bool looking_at(const struct compiler *c, const char *s) {
    size_t n = strlen(s);
    return (size_t)(c->end - c->at) >= n && memcmp(c->at, s, n) == 0;
}

/* ---- the HTML around ---- */

static bool is_link(const char *attribute) {
    static const char *const LINKS[] = { "href", "src", "action", "cite", "poster", "data" };
    for (size_t i = 0; i < sizeof LINKS / sizeof *LINKS; i++) {
        if (strcmp(attribute, LINKS[i]) == 0)
            return true;
    }
    return false;
}

static bool is_forbidden(const char *attribute) {
    return strncmp(attribute, "on", 2) == 0 || strcmp(attribute, "style") == 0 ||
           strcmp(attribute, "srcdoc") == 0 || strcmp(attribute, "formaction") == 0;
}

static bool in_element(const struct compiler *c, const char *name) {
    return strcmp(c->tag, name) == 0;
}

static void copy_byte(struct compiler *c) {
    c->line += *c->at == '\n';
    strbuf_addc(&c->literal, *c->at++);
}

static size_t copy_word(struct compiler *c, char *word, size_t size, const char *extra) {
    size_t n = 0;
    while (
        c->at < c->end && (isalnum((unsigned char)*c->at) || (*c->at && strchr(extra, *c->at)))) {
        if (n + 1 < size)
            word[n++] = (char)tolower((unsigned char)*c->at);
        copy_byte(c);
    }
    word[n] = '\0';
    return n;
}

static bool step_text(struct compiler *c) {
    if (looking_at(c, "<!--")) {
        c->place = IN_COMMENT;
        copy_byte(c);
    } else if (*c->at == '<') {
        copy_byte(c);
        bool closing = c->at < c->end && *c->at == '/';
        if (closing || looking_at(c, "!"))
            copy_byte(c);
        copy_word(c, c->tag, sizeof c->tag, "");
        if (closing)
            c->tag[0] = '\0';
        c->place = IN_TAG;
        if (in_element(c, "style"))
            return complain(c, "a <style> element; styles live in assets/");
    } else {
        if (in_element(c, "script") && !isspace((unsigned char)*c->at))
            return complain(c, "a script with content; scripts live in assets/");
        copy_byte(c);
    }
    return true;
}

static bool step_tag(struct compiler *c) {
    if (*c->at == '>') {
        c->place = IN_TEXT;
        copy_byte(c);
        return true;
    }
    if (!isalpha((unsigned char)*c->at)) {
        if (*c->at == '"' || *c->at == '\'' || *c->at == '<')
            return complain(c, "a tag that is not well-formed");
        copy_byte(c);
        return true;
    }
    copy_word(c, c->attribute, sizeof c->attribute, "-:_");
    if (c->at == c->end || *c->at != '=')
        return true;
    copy_byte(c);
    if (c->at == c->end || *c->at != '"')
        return complain(c, "an attribute value without double quotes");
    if (is_forbidden(c->attribute))
        return complain(c, "an attribute that the content security policy forbids");
    copy_byte(c);
    c->place = IN_VALUE;
    c->value_is_link = is_link(c->attribute);
    c->link_has_code = false;
    if (c->value_is_link)
        flush(c, "__literal");
    return true;
}

static bool step_value(struct compiler *c) {
    if (*c->at != '"') {
        if (c->value_is_link && c->link_has_code)
            return complain(c, "text beside an expression in a link: make it one expression");
        copy_byte(c);
        return true;
    }
    if (c->value_is_link && !c->link_has_code)
        flush(c, "__url");
    c->place = IN_TAG;
    copy_byte(c);
    return true;
}

static bool step_comment(struct compiler *c) {
    if (looking_at(c, "-->")) {
        copy_byte(c);
        copy_byte(c);
        c->place = IN_TEXT;
    }
    copy_byte(c);
    return true;
}

static bool step_html(struct compiler *c) {
    switch (c->place) {
    case IN_TEXT:
        return step_text(c);
    case IN_TAG:
        return step_tag(c);
    case IN_VALUE:
        return step_value(c);
    case IN_COMMENT:
        return step_comment(c);
    }
    return false;
}

/* ---- the Lua within ---- */

/* Content of these is text to the parser: a mark could not be an element there. */
static bool holds_plain_text(const struct compiler *c) {
    return in_element(c, "title") || in_element(c, "textarea") || in_element(c, "option") ||
           in_element(c, "summary");
}

/* Which writer is right here; NULL with the error set where none is. */
static const char *writer_here(struct compiler *c) {
    if (c->place == IN_TEXT && in_element(c, "script"))
        complain(c, "an expression in a script");
    else if (c->place == IN_TEXT)
        return holds_plain_text(c) ? "__attr" : "__text";
    else if (c->place == IN_TAG)
        complain(c, "an expression in a tag, outside of an attribute's value");
    else if (c->place == IN_COMMENT)
        complain(c, "an expression in a comment");
    else if (!c->value_is_link)
        return "__attr";
    else if (c->literal.len || c->link_has_code)
        complain(c, "text beside an expression in a link: make it one expression");
    else
        return "__url";
    return NULL;
}

/* A statement alone on its line takes the line's indentation with it; true if it is so. */
static bool take_indentation(struct compiler *c, const char *after) {
    struct strbuf *l = &c->literal;
    size_t n = l->len;
    while (n && (l->text[n - 1] == ' ' || l->text[n - 1] == '\t'))
        n--;
    /* what lies before on this line may have been written already: ask the source */
    const char *before = c->at - (l->len - n);
    bool starts = before == c->text || before[-1] == '\n';
    if (!starts || (after < c->end && *after != '\n'))
        return false;
    l->len = n;
    if (l->text)
        l->text[n] = '\0';
    return true;
}

static void add_code(struct compiler *c, const char *code, size_t n) {
    for (size_t i = 0; i < n; i++)
        c->line += code[i] == '\n';
    strbuf_add(c->lua, code, n);
}

static void skip_newline(struct compiler *c) {
    if (c->at < c->end && *c->at == '\n') {
        strbuf_addc(c->lua, '\n');
        c->line++;
        c->at++;
    }
}

static const char *find_close(const struct compiler *c, const char *close) {
    return memmem(c->at + 2, (size_t)(c->end - c->at - 2), close, 2);
}

static bool add_expression(struct compiler *c, const char *code, size_t n) {
    const char *writer = writer_here(c);
    if (!writer)
        return false;
    c->link_has_code = true;
    flush(c, "__literal");
    strbuf_addf(c->lua, "%s((", writer);
    add_code(c, code, n);
    strbuf_adds(c->lua, "));");
    return true;
}

static bool step_code(struct compiler *c) {
    char kind = c->at[1];
    const char *close = find_close(c, kind == '{' ? "}}" : kind == '%' ? "%}" : "#}");
    if (!close)
        return complain(c, kind == '{'   ? "'{{' without '}}'"
                           : kind == '%' ? "'{%' without '%}'"
                                         : "'{#' without '#}'");
    const char *code = c->at + 2;
    size_t n = (size_t)(close - code);
    if (memmem(code, n, "__literal", 9))
        return complain(c, "'__literal' is the compiler's own");
    if (kind != '{' && c->place == IN_VALUE && c->value_is_link)
        return complain(c, "a statement in a link: make it one expression");
    if (kind != '#' && memmem(code, n, "--", 2))
        return complain(c, "a Lua comment, which would reach past its end: write {# #}");
    bool whole_line = kind != '{' && take_indentation(c, close + 2);
    if (kind == '{') {
        if (!add_expression(c, code, n))
            return false;
    } else {
        flush(c, "__literal");
        if (kind == '%') {
            add_code(c, code, n);
            strbuf_addc(c->lua, ' ');
        } else {
            for (size_t i = 0; i < n; i++) {
                if (code[i] == '\n')
                    add_code(c, "\n", 1);
            }
        }
    }
    c->at = close + 2;
    if (whole_line)
        skip_newline(c);
    return true;
}

bool template_compile(
    const char *name, const char *text, size_t len, struct strbuf *lua, struct err *err) {
    struct compiler c = {
        .name = name, .text = text, .end = text + len, .at = text, .lua = lua, .line = 1, .err = err
    };
    strbuf_adds(lua, "return function(d) ");
    bool ok = true;
    while (ok && c.at < c.end) {
        bool code = looking_at(&c, "{{") || looking_at(&c, "{%") || looking_at(&c, "{#");
        ok = code ? step_code(&c) : step_html(&c);
    }
    if (ok && c.place != IN_TEXT)
        ok = complain(&c, "ends within a tag or a comment");
    flush(&c, "__literal");
    strbuf_adds(lua, " end");
    strbuf_release(&c.literal);
    return ok;
}

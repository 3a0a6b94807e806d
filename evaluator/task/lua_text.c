/* The text helpers of a task file: trim, split, lower, capitalize, replace, gsub, json. */
#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "base/luabox.h"
#include "evaluator/task/pattern.h"
#include "evaluator/task/runtime.h"
#include "evaluator/task/text.h"

/* Lua's errors jump over C frames: what malloc gave is kept in a userdata that the collector frees.
 */
struct text_scratch {
    struct strbuf out;
    struct pattern *pattern;
};

#define SCRATCH_TYPE "assay.scratch"

static int scratch_gc(lua_State *L) {
    struct text_scratch *s = luaL_checkudata(L, 1, SCRATCH_TYPE);
    strbuf_release(&s->out);
    pattern_free(s->pattern);
    memset(s, 0, sizeof *s);
    return 0;
}

static struct text_scratch *push_scratch(lua_State *L) {
    struct text_scratch *s = lua_newuserdatauv(L, sizeof *s, 0);
    memset(s, 0, sizeof *s);
    strbuf_init(&s->out, RUNTIME_MAX_TEXT);
    luaL_setmetatable(L, SCRATCH_TYPE);
    return s;
}

/* Pushes what was written, and frees it now: a loop of helpers should not wait for the collector.
 */
static int return_text(lua_State *L, struct text_scratch *s) {
    if (s->out.overflow) {
        return luaL_error(L, "text longer than %d MiB", RUNTIME_MAX_TEXT >> 20);
    }
    lua_pushlstring(L, strbuf_str(&s->out), s->out.len);
    strbuf_release(&s->out);
    return 1;
}

/* trim(s) */
static int text_trim(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    s = text_strip(s, n, &n);
    lua_pushlstring(L, s, n);
    return 1;
}

/* trim_left(s) */
static int text_trim_left(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    s = text_strip_left(s, n, &n);
    lua_pushlstring(L, s, n);
    return 1;
}

/* trim_right(s) */
static int text_trim_right(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    lua_pushlstring(L, s, text_strip_right(s, n));
    return 1;
}

/* lower(s) */
static int text_lowered(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    struct text_scratch *scratch = push_scratch(L);
    text_lower(s, n, &scratch->out);
    return return_text(L, scratch);
}

/* capitalize(s) */
static int text_capitalized(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    struct text_scratch *scratch = push_scratch(L);
    text_capitalize(s, n, &scratch->out);
    return return_text(L, scratch);
}

/* replace(s, from, to): every occurrence, as plain text. */
static int text_replace(lua_State *L) {
    size_t n, n_from, n_to;
    const char *s = luaL_checklstring(L, 1, &n), *from = luaL_checklstring(L, 2, &n_from);
    const char *to = luaL_checklstring(L, 3, &n_to), *end = s + n;
    if (n_from == 0) {
        return luaL_argerror(L, 2, "nothing to replace");
    }
    struct text_scratch *scratch = push_scratch(L);
    for (const char *hit; (hit = memmem(s, (size_t)(end - s), from, n_from)) != NULL;
         s = hit + n_from) {
        strbuf_add(&scratch->out, s, (size_t)(hit - s));
        strbuf_add(&scratch->out, to, n_to);
    }
    strbuf_add(&scratch->out, s, (size_t)(end - s));
    return return_text(L, scratch);
}

static void append(lua_State *L, int list, const char *s, size_t n) {
    lua_pushlstring(L, s, n);
    lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
}

static void split_words(lua_State *L, int list, const char *s, size_t n) {
    size_t at = 0, len;
    while (at < n) {
        while ((len = text_space(s + at, n - at)) > 0) {
            at += len;
        }
        size_t from = at;
        while (at < n && !text_space(s + at, n - at)) {
            at++;
        }
        if (at > from) {
            append(L, list, s + from, at - from);
        }
    }
}

/* split(s): words; split(s, separator): what lies between, empty strings too. */
static int text_split(lua_State *L) {
    size_t n, n_by = 0;
    const char *s = luaL_checklstring(L, 1, &n), *by = luaL_optlstring(L, 2, NULL, &n_by),
               *end = s + n;
    lua_newtable(L);
    int list = lua_gettop(L);
    if (!by) {
        split_words(L, list, s, n);
        return 1;
    }
    if (n_by == 0) {
        return luaL_argerror(L, 2, "empty separator");
    }
    for (const char *hit; (hit = memmem(s, (size_t)(end - s), by, n_by)) != NULL; s = hit + n_by) {
        append(L, list, s, (size_t)(hit - s));
    }
    append(L, list, s, (size_t)(end - s));
    return 1;
}

/* ---- gsub ---- */

struct substitution {
    struct text_scratch *scratch;
    const char *s;
    size_t n;
    struct pattern_match match;
    size_t n_captures;
};

/* Pushes capture `i` from 1, the whole match for 0 or where the pattern has no captures. */
static void push_capture(lua_State *L, const struct substitution *g, size_t i) {
    if (i == 0 || g->n_captures == 0) {
        lua_pushlstring(L, g->s + g->match.from, g->match.to - g->match.from);
    } else if (g->match.capture[i - 1].to == SIZE_MAX) {
        lua_pushinteger(L, (lua_Integer)g->match.capture[i - 1].from + 1);
    } else {
        lua_pushlstring(L, g->s + g->match.capture[i - 1].from,
            g->match.capture[i - 1].to - g->match.capture[i - 1].from);
    }
}

/* The replacement string: %0 to %9 are captures, %% a percent sign. */
static void add_template(lua_State *L, struct substitution *g) {
    size_t n;
    const char *with = lua_tolstring(L, 3, &n);
    for (size_t i = 0; i < n; i++) {
        if (with[i] != '%') {
            strbuf_addc(&g->scratch->out, with[i]);
            continue;
        }
        char c = ++i < n ? with[i] : '\0';
        if (c == '%') {
            strbuf_addc(&g->scratch->out, '%');
            continue;
        }
        size_t which = (size_t)(c - '0');
        if (c < '0' || c > '9' || which > (g->n_captures ? g->n_captures : 1)) {
            luaL_error(L, "bad use of '%%' in the replacement");
        }
        push_capture(L, g, which);
        size_t len;
        const char *text = lua_tolstring(L, -1, &len);
        strbuf_add(&g->scratch->out, text, len);
        lua_pop(L, 1);
    }
}

/* A table or function gives the replacement; nil and false keep what was matched. */
static void add_computed(lua_State *L, struct substitution *g) {
    if (lua_istable(L, 3)) {
        push_capture(L, g, 1);
        lua_gettable(L, 3);
    } else {
        lua_pushvalue(L, 3);
        size_t n = g->n_captures ? g->n_captures : 1;
        for (size_t i = 1; i <= n; i++) {
            push_capture(L, g, i);
        }
        lua_call(L, (int)n, 1);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        push_capture(L, g, 0);
    } else if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    strbuf_add(&g->scratch->out, text, len);
    lua_pop(L, 1);
}

static lua_Integer substitute(lua_State *L, struct substitution *g, lua_Integer limit) {
    struct pattern *p = g->scratch->pattern;
    struct strbuf *out = &g->scratch->out;
    lua_Integer done = 0;
    size_t at = 0, last_end = SIZE_MAX;
    while (done < limit && pattern_find(p, g->s, g->n, at, &g->match)) {
        if (g->match.to ==
            last_end) { /* an empty match right behind the last one: one byte goes over as it is */
            if (at == g->n) {
                break;
            }
            strbuf_addc(out, g->s[at++]);
            continue;
        }
        strbuf_add(out, g->s + at, g->match.from - at);
        lua_isstring(L, 3) ? add_template(L, g) : add_computed(L, g);
        at = last_end = g->match.to;
        done++;
        if (out->overflow) {
            return done; /* the caller says so */
        }
        if (pattern_anchored(p)) {
            break;
        }
    }
    strbuf_add(out, g->s + at, g->n - at);
    return done;
}

/* gsub(s, pattern, replacement [, n]): string.gsub, in linear time. */
static int text_gsub(lua_State *L) {
    struct substitution g = { 0 };
    size_t n_pattern;
    g.s = luaL_checklstring(L, 1, &g.n);
    const char *pattern = luaL_checklstring(L, 2, &n_pattern);
    int type = lua_type(L, 3);
    luaL_argexpected(L,
        type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TTABLE || type == LUA_TFUNCTION,
        3, "string/function/table");
    lua_Integer limit = luaL_optinteger(L, 4, LUA_MAXINTEGER);
    lua_settop(L, 4);
    g.scratch = push_scratch(L);
    struct err err = ERR_INIT;
    g.scratch->pattern = pattern_new(pattern, n_pattern, &err);
    if (!g.scratch->pattern) {
        return luaL_error(L, "%s", err.msg);
    }
    g.n_captures = pattern_captures(g.scratch->pattern);
    lua_Integer done = substitute(L, &g, limit);
    return_text(L, g.scratch);
    pattern_free(g.scratch->pattern);
    g.scratch->pattern = NULL;
    lua_pushinteger(L, done);
    return 2;
}

/* ---- JSON ---- */

/* json.decode(text); also json(text) */
static int text_json_decode(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, -1, &n);
    struct err err = ERR_INIT;
    json_t *value = json_parse(s, n, "json", &err);
    if (!value) {
        return luaL_error(L, "%s", err.msg);
    }
    luabox_push_json(L, value);
    json_decref(value);
    return 1;
}

/* json.encode(value): keys in one order, as a table has none. */
static int text_json_encode(lua_State *L) {
    luaL_checkany(L, 1);
    struct err err = ERR_INIT;
    json_t *value = luabox_to_json(L, 1, &err);
    if (!value) {
        return luaL_error(L, "%s", err.msg);
    }
    char *text = json_text(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    json_decref(value);
    lua_pushstring(L, text ? text : "null");
    free(text);
    return 1;
}

static void open_json(lua_State *L) {
    static const luaL_Reg functions[] = { { "decode", text_json_decode },
        { "encode", text_json_encode }, { NULL, NULL } };
    luaL_newlib(L, functions);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, text_json_decode);
    lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
    lua_setglobal(L, "json");
}

void runtime_open_text(lua_State *L) {
    static const luaL_Reg functions[] = { { "trim", text_trim }, { "trim_left", text_trim_left },
        { "trim_right", text_trim_right }, { "lower", text_lowered },
        { "capitalize", text_capitalized }, { "replace", text_replace }, { "split", text_split },
        { "gsub", text_gsub }, { NULL, NULL } };
    luaL_newmetatable(L, SCRATCH_TYPE);
    lua_pushcfunction(L, scratch_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    for (const luaL_Reg *f = functions; f->name; f++) {
        lua_pushcfunction(L, f->func);
        lua_setglobal(L, f->name);
    }
    open_json(L);
}

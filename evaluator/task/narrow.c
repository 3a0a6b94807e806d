/* Which columns of a data set a task's rows have.
 *
 * A column that no file of the task names as a word (in its own file, what it includes, its kind's
 * protocol) is not read, where that saves anything. Such a task can still come to look at it: by a
 * name that it puts together, or by going through a row. Then it shall see what it would have
 * seen: the look is noticed, and the parent starts the task again, whose rows are whole this time
 * (runtime.wider). As a task is a function of its data, nothing else of it changes. */
#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "evaluator/task/runtime.h"

#define WATCHED "assay.watched" /* a field of the metatables of rows */
#define NEXT "assay.next"       /* in the registry: Lua's own */

struct watched {
    const void *rows;
    runtime_leaves_out_fn *leaves_out;
};

static bool in_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

bool runtime_names(void *runtime, const char *column, size_t n) {
    const struct strbuf *closure = &((const struct runtime *)runtime)->closure;
    const char *text = strbuf_str(closure), *end = text + closure->len, *at = text;
    for (; n > 0 && (at = memmem(at, (size_t)(end - at), column, n)) != NULL; at++) {
        bool begins = at == text || !in_word(column[0]) || !in_word(at[-1]);
        bool ends = at + n == end || !in_word(column[n - 1]) || !in_word(at[n]);
        if (begins && ends) {
            return true;
        }
    }
    return n == 0;
}

int runtime_widen(lua_State *L, const char *column) {
    runtime_of(L)->wider = true;
    return luaL_error(L, "column '%s' was left out", column);
}

/* row[key] of a key that the row itself has not. Upvalues: the watched, the methods of rows. */
static int watched_index(lua_State *L) {
    const struct watched *w = lua_touserdata(L, lua_upvalueindex(1));
    size_t n;
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &n) : NULL;
    if (key && w->leaves_out(w->rows, key, n)) {
        return runtime_widen(L, key);
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(2));
    return 1;
}

/* Whatever goes through a row. */
static int watched_pairs(lua_State *L) {
    const struct watched *w = lua_touserdata(L, lua_upvalueindex(1));
    if (w->leaves_out(w->rows, NULL, 0)) {
        return runtime_widen(L, "*");
    }
    lua_getfield(L, LUA_REGISTRYINDEX, NEXT);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

void runtime_watch_rows(lua_State *L, int rows, runtime_leaves_out_fn *leaves_out) {
    int metatable = lua_gettop(L);
    struct watched *w = lua_newuserdatauv(L, sizeof *w, 1);
    *w = (struct watched) { lua_touserdata(L, rows), leaves_out };
    lua_pushvalue(L, rows); /* kept as long as any row is */
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, metatable, WATCHED);
    lua_pushvalue(L, -1);
    lua_getfield(L, metatable, "__index");
    lua_pushcclosure(L, watched_index, 2);
    lua_setfield(L, metatable, "__index");
    lua_pushcclosure(L, watched_pairs, 1);
    lua_setfield(L, metatable, "__pairs");
}

static const struct watched *watched_of(lua_State *L, int index) {
    const struct watched *w = NULL;
    if (lua_istable(L, index) && luaL_getmetafield(L, index, WATCHED) != LUA_TNIL) {
        w = lua_touserdata(L, -1);
        lua_pop(L, 1);
    }
    return w;
}

static int call_original(lua_State *L) {
    int n = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, n, LUA_MULTRET);
    return lua_gettop(L);
}

static int narrow_next(lua_State *L) {
    const struct watched *w = watched_of(L, 1);
    return w && w->leaves_out(w->rows, NULL, 0) ? runtime_widen(L, "*") : call_original(L);
}

static int narrow_rawget(lua_State *L) {
    const struct watched *w = watched_of(L, 1);
    size_t n = 0;
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &n) : NULL;
    if (w && key && w->leaves_out(w->rows, key, n)) {
        return runtime_widen(L, key);
    }
    return call_original(L);
}

void runtime_open_narrow(lua_State *L) {
    static const luaL_Reg functions[] = { { "next", narrow_next }, { "rawget", narrow_rawget } };
    lua_getglobal(L, "next");
    lua_setfield(L, LUA_REGISTRYINDEX, NEXT);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        lua_getglobal(L, functions[i].name);
        lua_pushcclosure(L, functions[i].func, 1);
        lua_setglobal(L, functions[i].name);
    }
}

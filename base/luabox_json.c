/* Lua values to JSON and back (see luabox.h). */
#include <jansson.h>
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/luabox.h"

#define DEPTH_MAX                                                                                  \
    48 // under the writer's 64: what was read here can be written inside a few more levels

/* Memory of the result, roughly. Each table is written out wherever it stands, so a few kilobytes
 * of Lua could become more JSON than there is memory: forty tables that hold the one before twice
 * are 2^40 values. */
#define RESULT_BYTES_MAX ((size_t)256 << 20)
#define VALUE_BYTES 48
#define TABLE_BYTES 160

void luabox_push_json(lua_State *L, const void *json_value) {
    const json_t *v = json_value;
    const char *key;
    json_t *item;
    size_t i;
    luaL_checkstack(L, 8, "nested too deeply");
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT:
        lua_createtable(L, 0, (int)json_object_size(v));
        json_object_foreach((json_t *)(uintptr_t)v, key, item) {
            luabox_push_json(L, item);
            lua_setfield(L, -2, key);
        }
        break;
    case JSON_ARRAY:
        lua_createtable(L, (int)json_array_size(v), 0);
        json_array_foreach(v, i, item) {
            luabox_push_json(L, item);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        break;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(v));
        break;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(v));
        break;
    case JSON_NULL:
        lua_pushnil(L);
        break;
    }
}

struct reader {
    lua_State *L;
    size_t bytes;
    struct err *err;
};

static bool spend(struct reader *r, size_t bytes) {
    r->bytes += bytes;
    return r->bytes <= RESULT_BYTES_MAX || err_set(r->err, ERR_TASK, "a value too large for JSON");
}

static json_t *to_json(struct reader *r, int index, int depth);

/* A table with a length, and nothing else in it, is an array; an empty table is an empty array. */
static bool is_array(lua_State *L, int index) {
    lua_Unsigned n = lua_rawlen(L, index), seen = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 ||
            (lua_Unsigned)lua_tointeger(L, -1) > n) {
            lua_pop(L, 1);
            return false;
        }
        seen++;
    }
    return seen == n;
}

static json_t *array_to_json(struct reader *r, int index, int depth) {
    json_t *out = json_array();
    for (lua_Unsigned i = 1, n = lua_rawlen(r->L, index); i <= n; i++) {
        lua_rawgeti(r->L, index, (lua_Integer)i);
        json_t *item = to_json(r, lua_gettop(r->L), depth + 1);
        lua_pop(r->L, 1);
        if (!item || json_array_append_new(out, item)) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

/* The pair on top of the stack; only text is a key (and lua_tolstring would change a number in
 * place). */
static bool add_pair(struct reader *r, json_t *out, int depth) {
    if (lua_type(r->L, -2) != LUA_TSTRING) {
        return err_set(
            r->err, ERR_TASK, "a table with keys that are neither 1..n nor text has no JSON form");
    }
    size_t n;
    const char *key = lua_tolstring(r->L, -2, &n);
    json_t *item = spend(r, n) ? to_json(r, lua_gettop(r->L), depth + 1) : NULL;
    /* jansson refuses keys that are not UTF-8, and could not find one with a NUL in it */
    return item && ((!memchr(key, 0, n) && json_object_setn_new(out, key, n, item) == 0) ||
                       err_set(r->err, ERR_TASK, "a key that is not UTF-8 text"));
}

static json_t *object_to_json(struct reader *r, int index, int depth) {
    json_t *out = json_object();
    lua_pushnil(r->L);
    while (lua_next(r->L, index)) {
        if (!add_pair(r, out, depth)) {
            lua_pop(r->L, 2);
            json_decref(out);
            return NULL;
        }
        lua_pop(r->L, 1);
    }
    return out;
}

static json_t *number_to_json(struct reader *r, int index) {
    if (lua_isinteger(r->L, index)) {
        return json_integer(lua_tointeger(r->L, index));
    }
    double v = lua_tonumber(r->L, index);
    if (!isfinite(v)) {
        err_set(r->err, ERR_TASK, "a number that is not finite");
        return NULL;
    }
    return json_real(v);
}

static json_t *string_to_json(struct reader *r, int index) {
    size_t n;
    const char *s = lua_tolstring(r->L, index, &n);
    json_t *out = spend(r, n) ? json_stringn(s, n) : NULL;
    if (!out && r->bytes <= RESULT_BYTES_MAX) {
        err_set(r->err, ERR_TASK, "a text that is not UTF-8");
    }
    return out;
}

/* A table that says how it is gone through is asked first: that may be refused by an error. What is
 * read is the table itself. */
static bool may_be_read(struct reader *r, int index) {
    if (luaL_getmetafield(r->L, index, "__pairs") == LUA_TNIL) {
        return true;
    }
    lua_pushvalue(r->L, index);
    bool ok = lua_pcall(r->L, 1, 0, 0) == LUA_OK;
    if (!ok) {
        const char *why = lua_tostring(r->L, -1);
        err_set(r->err, ERR_TASK, "%s", why ? why : "a table that cannot be read");
        lua_pop(r->L, 1);
    }
    return ok;
}

static json_t *table_to_json(struct reader *r, int index, int depth) {
    if (depth > DEPTH_MAX || !lua_checkstack(r->L, 8)) {
        err_set(r->err, ERR_TASK, "a table nested more than %d deep", DEPTH_MAX);
        return NULL;
    }
    if (!spend(r, TABLE_BYTES) || !may_be_read(r, index)) {
        return NULL;
    }
    return is_array(r->L, index) ? array_to_json(r, index, depth) : object_to_json(r, index, depth);
}

static json_t *to_json(struct reader *r, int index, int depth) {
    if (!spend(r, VALUE_BYTES)) {
        return NULL;
    }
    switch (lua_type(r->L, index)) {
    case LUA_TNIL:
        return json_null();
    case LUA_TBOOLEAN:
        return json_boolean(lua_toboolean(r->L, index));
    case LUA_TNUMBER:
        return number_to_json(r, index);
    case LUA_TSTRING:
        return string_to_json(r, index);
    case LUA_TTABLE:
        return table_to_json(r, index, depth);
    default:
        err_set(r->err, ERR_TASK, "a %s has no JSON form", luaL_typename(r->L, index));
        return NULL;
    }
}

void *luabox_to_json(lua_State *L, int index, struct err *err) {
    struct reader r = { .L = L, .err = err };
    return to_json(&r, lua_absindex(L, index), 0);
}

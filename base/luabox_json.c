/* Lua values to JSON and back (see luabox.h). */
#include <jansson.h>
#include <lauxlib.h>
#include <math.h>

#include "base/luabox.h"

#define DEPTH_MAX 64

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

static json_t *to_json(lua_State *L, int index, int depth, struct err *err);

/* A table with a length, and nothing else in it, is an array; an empty table is an empty array. */
static bool is_array(lua_State *L, int index) {
    lua_Unsigned n = lua_rawlen(L, index), seen = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 || (lua_Unsigned)lua_tointeger(L, -1) > n) {
            lua_pop(L, 1);
            return false;
        }
        seen++;
    }
    return seen == n;
}

static json_t *array_to_json(lua_State *L, int index, int depth, struct err *err) {
    json_t *out = json_array();
    for (lua_Unsigned i = 1, n = lua_rawlen(L, index); i <= n; i++) {
        lua_rawgeti(L, index, (lua_Integer)i);
        json_t *item = to_json(L, lua_gettop(L), depth + 1, err);
        lua_pop(L, 1);
        if (!item || json_array_append_new(out, item)) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *object_to_json(lua_State *L, int index, int depth, struct err *err) {
    json_t *out = json_object();
    lua_pushnil(L);
    while (lua_next(L, index)) {
        json_t *item = NULL;
        if (lua_type(L, -2) != LUA_TSTRING) {
            err_set(err, ERR_TASK, "a table with keys that are neither 1..n nor text has no JSON form");
        } else {
            item = to_json(L, lua_gettop(L), depth + 1, err);
        }
        /* jansson refuses keys and strings that are not UTF-8 */
        if (!item || json_object_set_new(out, lua_tostring(L, -2), item)) {
            err_set(err, ERR_TASK, "%s", item ? "a key that is not UTF-8 text" : err->msg);
            lua_pop(L, 2);
            json_decref(out);
            return NULL;
        }
        lua_pop(L, 1);
    }
    return out;
}

static json_t *number_to_json(lua_State *L, int index, struct err *err) {
    if (lua_isinteger(L, index)) {
        return json_integer(lua_tointeger(L, index));
    }
    double v = lua_tonumber(L, index);
    if (!isfinite(v)) {
        err_set(err, ERR_TASK, "a number that is not finite");
        return NULL;
    }
    return json_real(v);
}

static json_t *to_json(lua_State *L, int index, int depth, struct err *err) {
    size_t n;
    const char *s;
    json_t *out;
    if (depth > DEPTH_MAX || !lua_checkstack(L, 8)) {
        err_set(err, ERR_TASK, "a table nested more than %d deep", DEPTH_MAX);
        return NULL;
    }
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        return json_null();
    case LUA_TBOOLEAN:
        return json_boolean(lua_toboolean(L, index));
    case LUA_TNUMBER:
        return number_to_json(L, index, err);
    case LUA_TSTRING:
        s = lua_tolstring(L, index, &n);
        if (!(out = json_stringn(s, n))) {
            err_set(err, ERR_TASK, "a text that is not UTF-8");
        }
        return out;
    case LUA_TTABLE:
        return is_array(L, index) ? array_to_json(L, index, depth, err) : object_to_json(L, index, depth, err);
    default:
        err_set(err, ERR_TASK, "a %s has no JSON form", luaL_typename(L, index));
        return NULL;
    }
}

void *luabox_to_json(lua_State *L, int index, struct err *err) {
    return to_json(L, lua_absindex(L, index), 0, err);
}

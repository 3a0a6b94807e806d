/* See luabox_order.h. Lua seeds its hashes with the time and with addresses, so that the order of a
 * table's keys is another in each process, and a task that goes through one would be another task.
 */
#include "base/luabox_order.h"

#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

/* ---- keys ---- */

enum kind { KEY_NUMBER, KEY_TEXT, KEY_BOOLEAN };

struct key {
    union {
        lua_Integer i;
        lua_Number f;
        const char *text; /* the table's own */
    } v;
    uint32_t n;  /* bytes of a text */
    uint32_t at; /* its place among those that were read */
    uint8_t kind;
    bool whole; /* of a number: v.i, else v.f */
};

static void read_key(lua_State *L, int index, struct key *key) {
    *key = (struct key) { .whole = lua_isinteger(L, index) };
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        key->kind = KEY_NUMBER;
        if (key->whole) {
            key->v.i = lua_tointeger(L, index);
        } else {
            key->v.f = lua_tonumber(L, index);
        }
        break;
    case LUA_TSTRING:
        key->kind = KEY_TEXT;
        key->v.text = lua_tolstring(L, index, NULL);
        key->n = (uint32_t)lua_rawlen(L, index);
        break;
    case LUA_TBOOLEAN:
        key->kind = KEY_BOOLEAN;
        key->v.i = lua_toboolean(L, index);
        break;
    default:
        luaL_error(
            L, "a table with a %s as a key has no order to go through it", luaL_typename(L, index));
    }
}

static int by_numbers(const struct key *a, const struct key *b) {
    if (a->whole && b->whole) {
        return (a->v.i > b->v.i) - (a->v.i < b->v.i);
    }
    double x = a->whole ? (double)a->v.i : a->v.f, y = b->whole ? (double)b->v.i : b->v.f;
    return x != y ? (x > y) - (x < y) : b->whole - a->whole;
}

static int by_key(const void *left, const void *right) {
    const struct key *a = left, *b = right;
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->kind != KEY_TEXT) {
        return by_numbers(a, b);
    }
    int d = memcmp(a->v.text, b->v.text, a->n < b->n ? a->n : b->n);
    return d ? d : (a->n > b->n) - (a->n < b->n);
}

static size_t count_keys(lua_State *L) {
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        n++;
    }
    return n;
}

/* Pushes a list of the keys of the table at 1 as they lie in it, and fills `keys`. True if that is
 * their order. */
static bool push_keys(lua_State *L, struct key *keys, size_t n) {
    bool ordered = true;
    uint32_t i = 0;
    lua_createtable(L, (int)n, 0);
    int list = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1), i++) {
        read_key(L, -2, &keys[i]);
        keys[i].at = i + 1;
        ordered = ordered && (i == 0 || by_key(&keys[i - 1], &keys[i]) < 0);
        lua_pushvalue(L, -2);
        lua_rawseti(L, list, keys[i].at);
    }
    return ordered;
}

/* In the place of the list on top, the same keys in their order. */
static void reorder(lua_State *L, const struct key *keys, size_t n) {
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -2, keys[i].at);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_remove(L, -2);
}

/* n log n comparisons, unseen by the hook. */
static void charge_ordering(lua_State *L, size_t n) {
    size_t work = n;
    for (size_t left = n; left > 1; left /= 2) {
        work += n / 4;
    }
    luabox_charge(L, work);
}

/* The table, and the key that was given last, are the arguments. Upvalues: the keys, how many of
 * them were given. */
static int step(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(2));
    bool more, gone = true;
    do {
        more = lua_rawgeti(L, lua_upvalueindex(1), ++i) != LUA_TNIL;
        if (more) {
            lua_pushvalue(L, -1);
            gone = lua_rawget(L, 1) == LUA_TNIL;
            lua_pop(L, gone ? 2 : 0);
        }
    } while (more && gone);
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(2));
    return more ? 2 : 1;
}

int order_pairs(lua_State *L) {
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_settop(L, 1);
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_insert(L, 1);
        lua_call(L, 1, 3);
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    size_t n = count_keys(L);
    charge_ordering(L, n);
    struct key *keys =
        lua_newuserdatauv(L, (n + 1) * sizeof *keys, 0); // the collector's: errors jump
    if (!push_keys(L, keys, n)) {
        qsort(keys, n, sizeof *keys, by_key);
        reorder(L, keys, n);
    }
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, step, 2);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

int order_next(lua_State *L) {
    struct key given = { 0 }, best = { 0 };
    bool any = false;
    size_t n = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    bool first = lua_isnil(L, 2);
    if (!first) {
        read_key(L, 2, &given);
    }
    lua_pushnil(L); // 3 and 4: the best so far
    lua_pushnil(L);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1), n++) {
        struct key key;
        read_key(L, -2, &key);
        if ((first || by_key(&key, &given) > 0) && (!any || by_key(&key, &best) < 0)) {
            best = key;
            any = true;
            lua_pushvalue(L, -2);
            lua_replace(L, 3);
            lua_pushvalue(L, -1);
            lua_replace(L, 4);
        }
    }
    luabox_charge(L, n);
    lua_settop(L, any ? 4 : 3);
    return any ? 2 : 1;
}

/* ---- texts ---- */

static bool has_address(lua_State *L, int index) {
    int type = lua_type(L, index);
    bool by_reference = type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA ||
                        type == LUA_TLIGHTUSERDATA || type == LUA_TTHREAD;
    if (by_reference && luaL_getmetafield(L, index, "__tostring") != LUA_TNIL) {
        lua_pop(L, 1);
        by_reference = false;
    }
    return by_reference;
}

void order_push_text(lua_State *L, int index) {
    if (!has_address(L, index)) {
        luaL_tolstring(L, index, NULL);
        return;
    }
    int named = luaL_getmetafield(L, index, "__name");
    if (named != LUA_TSTRING) {
        lua_pop(L, named == LUA_TNIL ? 0 : 1);
        lua_pushstring(L, luaL_typename(L, index));
    }
}

int order_tostring(lua_State *L) {
    luaL_checkany(L, 1);
    order_push_text(L, 1);
    return 1;
}

/* What the original says of its arguments, with its name and the line that calls it. */
static int raise_named(lua_State *L) {
    const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (str_begins(message, "bad argument") || str_begins(message, "invalid ")) {
        return luaL_error(L, "%s", luaL_gsub(L, message, "'?'", "'format'"));
    }
    return lua_error(L);
}

int order_format(lua_State *L) {
    const char *at = luaL_checkstring(L, 1);
    int arg = 1, top = lua_gettop(L);
    while ((at = strchr(at, '%'))) {
        at += 1 + strspn(at + 1, "-+ #0123456789.");
        if (*at == 'p') {
            return luaL_error(L, "invalid conversion '%%p' to 'format': an address is another in "
                                 "each process");
        }
        arg += *at != '%';
        if (*at == 's' && arg <= top && has_address(L, arg)) {
            order_push_text(L, arg);
            lua_replace(L, arg);
        }
        at += *at != 0;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    return lua_pcall(L, top, 1, 0) == LUA_OK ? 1 : raise_named(L);
}

/* ---- sorting ---- */

/* Of two places of the list at 3. */
static bool is_less(lua_State *L, lua_Integer a, lua_Integer b) {
    bool less;
    if (lua_isnoneornil(L, 2)) {
        lua_rawgeti(L, 3, a);
        lua_rawgeti(L, 3, b);
        less = lua_compare(L, -2, -1, LUA_OPLT);
        lua_pop(L, 2);
    } else {
        lua_pushvalue(L, 2);
        lua_rawgeti(L, 3, a);
        lua_rawgeti(L, 3, b);
        lua_call(L, 2, 1);
        less = lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    return less;
}

/* Two runs of the list at 3, [from, middle) and [middle, to), into that at 4. */
static void merge(lua_State *L, lua_Integer from, lua_Integer middle, lua_Integer to) {
    lua_Integer left = from, right = middle;
    for (lua_Integer out = from; out < to; out++) {
        bool of_right = left == middle || (right < to && is_less(L, right, left));
        lua_rawgeti(L, 3, of_right ? right++ : left++);
        lua_rawseti(L, 4, out);
    }
}

static void copy_list(lua_State *L, int from, int to, lua_Integer n) {
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, from, i);
        lua_rawseti(L, to, i);
    }
}

void order_sort(lua_State *L, size_t n) {
    const lua_Integer end = (lua_Integer)n + 1;
    lua_settop(L, 2);
    lua_createtable(L, (int)n, 0);
    lua_createtable(L, (int)n, 0);
    copy_list(L, 1, 3, (lua_Integer)n);
    for (lua_Integer width = 1; width < (lua_Integer)n; width *= 2) {
        for (lua_Integer from = 1; from < end; from += 2 * width) {
            lua_Integer middle = from + width < end ? from + width : end;
            merge(L, from, middle, middle + width < end ? middle + width : end);
        }
        lua_insert(L, 3); // they change places
    }
    copy_list(L, 3, 1, (lua_Integer)n);
}

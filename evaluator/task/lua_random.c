/* Seeded random numbers for task files: rng(seed) is CPython's random.Random, numpy_rng(seed)
 * numpy's RandomState, both bit for bit. There is no other source of chance in a task. */
#include <lauxlib.h>
#include <stdlib.h>

#include "base/mem.h"
#include "evaluator/metric/metric.h"
#include "evaluator/task/runtime.h"

#define PYTHON_TYPE "assay.rng"
#define NUMPY_TYPE "assay.numpy_rng"

enum { MAX_ITEMS = 1 << 24 };

static size_t check_count(lua_State *L, int arg, lua_Integer n) {
    luaL_argcheck(L, n >= 0 && n <= MAX_ITEMS, arg, "out of range");
    return (size_t)n;
}

/* Scratch for n indices, the collector's: an error may jump out at any time. */
static size_t *index_list(lua_State *L, size_t n) {
    size_t *list = lua_newuserdatauv(L, (n ? n : 1) * sizeof *list, 0);
    for (size_t i = 0; i < n; i++) {
        list[i] = i;
    }
    return list;
}

/* Pushes the items of the list at `from` that `index` names. */
static int push_picked(lua_State *L, int from, const size_t *index, size_t n) {
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, from, (lua_Integer)index[i] + 1);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* Puts the items of the list at `arg` into a new order, in place. */
static int reorder(lua_State *L, int arg, const size_t *index, size_t n) {
    push_picked(L, arg, index, n);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i);
        lua_rawseti(L, arg, (lua_Integer)i);
    }
    lua_pushvalue(L, arg);
    return 1;
}

static size_t list_length(lua_State *L, int arg) {
    luaL_checktype(L, arg, LUA_TTABLE);
    return check_count(L, arg, (lua_Integer)lua_rawlen(L, arg));
}

/* r:random() */
static int rng_random(lua_State *L) {
    struct mt19937 *r = luaL_checkudata(L, 1, PYTHON_TYPE);
    lua_pushnumber(L, python_random(r));
    return 1;
}

/* r:sample(list, k), or with a number n: k of 0 .. n-1 */
static int rng_sample(lua_State *L) {
    struct mt19937 *r = luaL_checkudata(L, 1, PYTHON_TYPE);
    bool numbers = lua_isinteger(L, 2);
    size_t n = numbers ? check_count(L, 2, lua_tointeger(L, 2)) : list_length(L, 2);
    size_t k = check_count(L, 3, luaL_checkinteger(L, 3));
    luaL_argcheck(L, k <= n, 3, "sample larger than the population");
    size_t *index = index_list(L, k);
    python_sample(r, n, k, index);
    if (!numbers) {
        return push_picked(L, 2, index, k);
    }
    lua_createtable(L, (int)k, 0);
    for (size_t i = 0; i < k; i++) {
        lua_pushinteger(L, (lua_Integer)index[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* r:choices(list, k) */
static int rng_choices(lua_State *L) {
    struct mt19937 *r = luaL_checkudata(L, 1, PYTHON_TYPE);
    size_t n = list_length(L, 2), k = check_count(L, 3, luaL_optinteger(L, 3, 1));
    luaL_argcheck(L, n > 0, 2, "empty list");
    size_t *index = index_list(L, k);
    python_choices(r, n, k, index);
    return push_picked(L, 2, index, k);
}

/* r:shuffle(list), in place */
static int rng_shuffle(lua_State *L) {
    struct mt19937 *r = luaL_checkudata(L, 1, PYTHON_TYPE);
    size_t n = list_length(L, 2), *index = index_list(L, n);
    python_shuffle(r, index, n);
    return reorder(L, 2, index, n);
}

/* r:permutation(n or list) */
static int numpy_rng_permutation(lua_State *L) {
    struct mt19937 *r = luaL_checkudata(L, 1, NUMPY_TYPE);
    bool numbers = lua_isinteger(L, 2);
    size_t n = numbers ? check_count(L, 2, lua_tointeger(L, 2)) : list_length(L, 2);
    size_t *index = index_list(L, n);
    numpy_permutation(r, n, index);
    if (!numbers) {
        return push_picked(L, 2, index, n);
    }
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        lua_pushinteger(L, (lua_Integer)index[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* r:shuffle(list), in place */
static int numpy_rng_shuffle(lua_State *L) {
    struct mt19937 *r = luaL_checkudata(L, 1, NUMPY_TYPE);
    size_t n = list_length(L, 2), *index = index_list(L, n);
    numpy_shuffle(r, index, n);
    return reorder(L, 2, index, n);
}

/* rng(seed) */
static int rng_new(lua_State *L) {
    lua_Integer seed = luaL_checkinteger(L, 1);
    luaL_argcheck(L, seed >= 0, 1, "a seed is not negative");
    struct mt19937 *r = lua_newuserdatauv(L, sizeof *r, 0);
    python_seed(r, (uint64_t)seed);
    luaL_setmetatable(L, PYTHON_TYPE);
    return 1;
}

/* numpy_rng(seed) */
static int numpy_rng_new(lua_State *L) {
    lua_Integer seed = luaL_checkinteger(L, 1);
    luaL_argcheck(L, seed >= 0 && seed <= UINT32_MAX, 1, "a seed is a 32-bit number");
    struct mt19937 *r = lua_newuserdatauv(L, sizeof *r, 0);
    numpy_seed(r, (uint32_t)seed);
    luaL_setmetatable(L, NUMPY_TYPE);
    return 1;
}

static void new_type(lua_State *L, const char *name, const luaL_Reg *methods) {
    luaL_newmetatable(L, name);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

void runtime_open_random(lua_State *L) {
    static const luaL_Reg python[] = { { "random", rng_random }, { "sample", rng_sample },
        { "choices", rng_choices }, { "shuffle", rng_shuffle }, { NULL, NULL } };
    static const luaL_Reg numpy[] = { { "permutation", numpy_rng_permutation },
        { "shuffle", numpy_rng_shuffle }, { NULL, NULL } };
    new_type(L, PYTHON_TYPE, python);
    new_type(L, NUMPY_TYPE, numpy);
    lua_register(L, "rng", rng_new);
    lua_register(L, "numpy_rng", numpy_rng_new);
}

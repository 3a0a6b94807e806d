/* The Lua sandbox (see luabox.h): allow-lists, a heap ceiling, a sticky instruction budget, and
 * capped versions of the library functions that could run for long inside C, where no hook is
 * called. */
#include "base/luabox.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <string.h>

#include "base/luabox_order.h"
#include "base/mem.h"

#define HEAP_DEFAULT ((size_t)64 << 20)
#define INSTRUCTIONS_DEFAULT 50000000ul
#define HOOK_EVERY 1000

#define PATTERN_MAX 1024 /* bytes of a pattern */
#define PATTERN_SUBJECT_MAX                                                                        \
    65536 /* bytes that a pattern may be matched against: backtracking is exponential at worst */
#define PLAIN_SUBJECT_MAX (1 << 20)
#define BUILT_STRING_MAX (16 << 20)
#define TABLE_SPAN_MAX 1000000 /* elements that one library call may walk */
#define SORT_MAX 100000
#define BYTES_PER_INSTRUCTION 256 /* what copying or comparing so many bytes is charged as */

struct luabox {
    lua_State *L;
    size_t heap, heap_max;
    unsigned long instructions, instructions_max;
    bool spent; /* the budget ran out: every further hook raises again */
};

static struct luabox *box_of(lua_State *L) {
    struct luabox *box;
    memcpy(&box, lua_getextraspace(L), sizeof box);
    return box;
}

static void count_hook(lua_State *L, lua_Debug *debug);

/* Counts work against the budget. Once that is spent the hook is called for each instruction, so
 * that pcall can't swallow the error for good. Raises nothing itself: the allocator calls it as
 * well. */
static void charge(struct luabox *box, size_t work) {
    box->instructions += work;
    if (!box->spent && box->L && box->instructions > box->instructions_max) {
        box->spent = true;
        lua_sethook(box->L, count_hook, LUA_MASKCOUNT, 1);
    }
}

static int raise_spent(lua_State *L, int level) {
    luaL_where(L, level);
    lua_pushliteral(L, "instruction budget exhausted");
    lua_concat(L, 2);
    return lua_error(L);
}

static void count_hook(lua_State *L, lua_Debug *debug) {
    (void)debug;
    struct luabox *box = box_of(L);
    charge(box, HOOK_EVERY);
    if (box->spent) {
        raise_spent(L, 0); /* in a hook, level 0 is the function that was interrupted */
    }
}

/* As charge, for library functions, which can raise at once. */
static void charge_now(lua_State *L, size_t work) {
    struct luabox *box = box_of(L);
    charge(box, work);
    if (box->spent) {
        raise_spent(L, 1);
    }
}

/* Growth is charged: what `..`, rep, format or upper do, they do to fresh memory. */
static void *allocate(void *arg, void *p, size_t old, size_t new) {
    struct luabox *box = arg;
    old = p ? old : 0;
    if (new == 0) {
        box->heap -= old;
        free(p);
        return NULL;
    }
    if (new > old &&new - old > box->heap_max - box->heap) {
        return NULL;
    }
    void *q = realloc(p, new);
    if (q) {
        charge(box, new > old ? (new - old) / BYTES_PER_INSTRUCTION : 0);
        box->heap = box->heap - old + new;
    }
    return q;
}

void luabox_charge(lua_State *L, size_t work) {
    charge_now(L, work);
}

/* ---- library functions with limits ---- */

static void check_pattern(lua_State *L, size_t n, size_t m) {
    luaL_argcheck(L, m <= PATTERN_MAX, 2, "pattern is too long");
    luaL_argcheck(L, n <= PATTERN_SUBJECT_MAX, 1, "string is too long to be searched");
    charge_now(L, n / BYTES_PER_INSTRUCTION);
}

/* The naive search behind plain find is quadratic at worst. */
static void check_plain(lua_State *L, size_t n, size_t m) {
    luaL_argcheck(L, n <= PLAIN_SUBJECT_MAX, 1, "string is too long to be searched");
    luaL_argcheck(L, m <= n || m <= PLAIN_SUBJECT_MAX, 2, "string is too long to be searched for");
    charge_now(L, m <= n ? n * (m + 1) / BYTES_PER_INSTRUCTION : 0);
}

/* Calls the original function, kept as upvalue 1, with all arguments. */
static int call_original(lua_State *L) {
    int n = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, n, LUA_MULTRET);
    return lua_gettop(L);
}

/* NULs in the text hide nothing behind them. */
static bool has_magic(const char *pattern, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (pattern[i] && strchr("^$*+?.([%-", pattern[i])) {
            return true;
        }
    }
    return false;
}

static int box_find(lua_State *L) {
    size_t n, m;
    luaL_checklstring(L, 1, &n);
    const char *pattern = luaL_checklstring(L, 2, &m);
    if (lua_toboolean(L, 4) || !has_magic(pattern, m)) {
        check_plain(L, n, m);
    } else {
        check_pattern(L, n, m);
    }
    return call_original(L);
}

static int box_pattern(lua_State *L) {
    size_t n, m;
    luaL_checklstring(L, 1, &n);
    luaL_checklstring(L, 2, &m);
    check_pattern(L, n, m);
    return call_original(L);
}

/* Functions that walk their first argument, a string, from end to end. */
static int box_linear(lua_State *L) {
    if (lua_type(L, 1) == LUA_TSTRING) {
        charge_now(L, lua_rawlen(L, 1) / BYTES_PER_INSTRUCTION);
    }
    return call_original(L);
}

static int box_rep(lua_State *L) {
    size_t n, m;
    luaL_checklstring(L, 1, &n);
    luaL_optlstring(L, 3, "", &m);
    lua_Integer times = luaL_checkinteger(L, 2);
    luaL_argcheck(L, times <= 0 || (size_t)times <= BUILT_STRING_MAX / (n + m + 1), 2,
        "resulting string is too large");
    return call_original(L);
}

/* Lengths of tables come from a metamethod at worst: only raw tables of a sane size are walked by
 * C. */
static size_t check_table(lua_State *L, int index) {
    luaL_checktype(L, index, LUA_TTABLE);
    luaL_argcheck(L, !lua_getmetatable(L, index), index, "table must have no metatable");
    size_t n = lua_rawlen(L, index);
    luaL_argcheck(L, n <= TABLE_SPAN_MAX, index, "table is too long");
    return n;
}

/* Elements from..to that a call walks, unseen by the hook. */
static void charge_span(lua_State *L, lua_Integer from, lua_Integer to, int arg) {
    if (to < from) {
        return;
    }
    lua_Unsigned n = (lua_Unsigned)to - (lua_Unsigned)from;
    luaL_argcheck(L, n < TABLE_SPAN_MAX, arg, "too many elements");
    charge_now(L, (size_t)n + 1);
}

/* What is inserted or removed in front shifts everything behind it. */
static void charge_shift(lua_State *L, lua_Integer n) {
    int is_number;
    lua_Integer at = lua_tointegerx(L, 2, &is_number);
    if (is_number && at >= 1) {
        charge_span(L, at, n, 2);
    }
}

static int box_insert(lua_State *L) {
    size_t n = check_table(L, 1);
    if (lua_gettop(L) > 2) { // else argument 2 is the value
        charge_shift(L, (lua_Integer)n);
    }
    return call_original(L);
}

static int box_remove(lua_State *L) {
    charge_shift(L, (lua_Integer)check_table(L, 1));
    return call_original(L);
}

static int box_move(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    charge_span(L, luaL_checkinteger(L, 2), luaL_checkinteger(L, 3), 3);
    return call_original(L);
}

static int box_concat(lua_State *L) {
    lua_Integer n = (lua_Integer)check_table(L, 1);
    charge_span(L, luaL_optinteger(L, 3, 1), luaL_optinteger(L, 4, n), 4);
    return call_original(L);
}

static int box_unpack(lua_State *L) {
    if (lua_type(L, 1) == LUA_TTABLE) {
        charge_span(
            L, luaL_optinteger(L, 2, 1), luaL_optinteger(L, 3, (lua_Integer)lua_rawlen(L, 1)), 3);
    }
    return call_original(L);
}

/* What n log n comparisons cost: an instruction each, and more for long strings, which are compared
 * to the end where they are equal. */
static size_t cost_of_sort(lua_State *L, size_t n) {
    size_t longest = 0, comparisons = n;
    for (size_t i = 1; i <= n; i++) {
        if (lua_rawgeti(L, 1, (lua_Integer)i) == LUA_TSTRING && lua_rawlen(L, -1) > longest) {
            longest = lua_rawlen(L, -1);
        }
        lua_pop(L, 1);
    }
    for (size_t left = n; left > 1; left /= 2) {
        comparisons += n;
    }
    return comparisons * (1 + longest / BYTES_PER_INSTRUCTION);
}

static int box_sort(lua_State *L) {
    size_t n = check_table(L, 1);
    luaL_argcheck(L, n <= SORT_MAX, 1, "table is too long to be sorted");
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TFUNCTION);
    }
    charge_now(L, cost_of_sort(L, n));
    order_sort(L, n);
    return 0;
}

static int box_setmetatable(lua_State *L) {
    if (lua_istable(L, 2)) {
        static const char *const REFUSED[] = { "__gc", "__close", "__mode" };
        for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
            lua_pushstring(L, REFUSED[i]);
            if (lua_rawget(L, 2) != LUA_TNIL) {
                return luaL_error(L, "metatables with %s are not allowed", REFUSED[i]);
            }
            lua_pop(L, 1);
        }
    }
    return call_original(L);
}

/* pcall that never gives a spent budget back to the script: the error goes on. */
static int box_pcall(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, true); /* the first result: there may be no room for it behind the others */
    lua_insert(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
    if (status == LUA_OK) {
        return lua_gettop(L);
    }
    if (box_of(L)->spent) {
        return lua_error(L);
    }
    lua_pushboolean(L, false);
    lua_insert(L, -2);
    return 2;
}

struct wrapper {
    const char *library, *name;
    lua_CFunction function; /* NULL: taken out */
};

static const struct wrapper WRAPPERS[] = {
    { "string", "find", box_find },
    { "string", "match", box_pattern },
    { "string", "gmatch", box_pattern },
    { "string", "gsub", box_pattern },
    { "string", "rep", box_rep },
    { "string", "format", order_format },
    { "string", "dump", NULL },
    { "utf8", "len", box_linear },
    { "utf8", "offset", box_linear },
    { "utf8", "codepoint", box_linear },
    { "_G", "tonumber", box_linear },
    { "table", "insert", box_insert },
    { "table", "remove", box_remove },
    { "table", "unpack", box_unpack },
    { "table", "move", box_move },
    { "table", "concat", box_concat },
    { "table", "sort", box_sort },
    { "math", "random", NULL },
    { "math", "randomseed", NULL },
    { "_G", "pairs", order_pairs },
    { "_G", "next", order_next },
    { "_G", "tostring", order_tostring },
    { "_G", "load", NULL },
    { "_G", "loadfile", NULL },
    { "_G", "dofile", NULL },
    { "_G", "require", NULL },
    { "_G", "collectgarbage", NULL },
    { "_G", "print", NULL },
    { "_G", "warn", NULL },
    { "_G", "xpcall", NULL },
    { "_G", "setmetatable", box_setmetatable },
    { "_G", "pcall", box_pcall },
};

static void wrap_libraries(lua_State *L) {
    for (size_t i = 0; i < sizeof WRAPPERS / sizeof *WRAPPERS; i++) {
        const struct wrapper *w = &WRAPPERS[i];
        lua_getglobal(L, w->library);
        if (w->function) {
            lua_getfield(L, -1, w->name);
            lua_pushcclosure(L, w->function, 1);
        } else {
            lua_pushnil(L);
        }
        lua_setfield(L, -2, w->name);
        lua_pop(L, 1);
    }
}

/* The metatable of strings is shared by all of them: scripts may neither see nor change it. */
static void lock_strings(lua_State *L) {
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

static int set_up(lua_State *L) {
    luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    lua_settop(L, 0);
    wrap_libraries(L);
    lock_strings(L);
    return 0;
}

struct luabox *luabox_open(const struct luabox_limits *limits, struct err *err) {
    struct luabox *box = xcalloc(1, sizeof *box);
    box->heap_max = limits && limits->heap_bytes ? limits->heap_bytes : HEAP_DEFAULT;
    box->instructions_max =
        limits && limits->instructions ? limits->instructions : INSTRUCTIONS_DEFAULT;
    box->L = lua_newstate(allocate, box);
    if (!box->L) {
        free(box);
        err_set(err, ERR_RESOURCE, "could not start Lua");
        return NULL;
    }
    memcpy(lua_getextraspace(box->L), &box, sizeof box);
    lua_pushcfunction(box->L, set_up);
    if (!luabox_call(box, 0, 0, ERR_RESOURCE, err)) {
        luabox_close(box);
        return NULL;
    }
    luabox_refill(box);
    return box;
}

void luabox_close(struct luabox *box) {
    if (box) {
        lua_close(box->L);
        free(box);
    }
}

lua_State *luabox_state(struct luabox *box) {
    return box->L;
}

void luabox_refill(struct luabox *box) {
    box->instructions = 0;
    box->spent = false;
    lua_sethook(box->L, count_hook, LUA_MASKCOUNT, HOOK_EVERY);
}

/* ---- running ---- */

/* Errors can be any value: turned into text while the place of the error is still known. */
static int error_to_text(lua_State *L) {
    if (lua_type(L, 1) != LUA_TSTRING) {
        order_push_text(L, 1);
    }
    return 1;
}

static bool take_error(struct luabox *box, int status, enum err_class class, struct err *err) {
    if (box->spent) {
        err_set(err, class, "%s",
            lua_tostring(box->L, -1) ? lua_tostring(box->L, -1) : "instruction budget exhausted");
        err_hint(err, "the script ran longer than %lu instructions", box->instructions_max);
    } else if (status == LUA_ERRMEM) {
        err_set(err, class, "the script needs more than %zu bytes of memory", box->heap_max);
    } else {
        const char *message = lua_tostring(box->L, -1);
        err_set(err, class, "%s", message ? message : "an error that is not a text");
    }
    lua_settop(box->L, 0);
    return false;
}

bool luabox_call(
    struct luabox *box, int n_args, int n_results, enum err_class class, struct err *err) {
    lua_State *L = box->L;
    int function = lua_gettop(L) - n_args;
    lua_pushcfunction(L, error_to_text);
    lua_insert(L, function);
    int status = lua_pcall(L, n_args, n_results, function);
    lua_remove(L, function);
    return status == LUA_OK || take_error(box, status, class, err);
}

bool luabox_run(struct luabox *box, const char *chunk_name, const char *text, size_t len,
    int n_results, enum err_class class, struct err *err) {
    char name[300];
    snprintf(name, sizeof name, "@%s", chunk_name);
    int status = luaL_loadbufferx(box->L, text, len, name, "t");
    if (status != LUA_OK) {
        return take_error(box, status, class, err);
    }
    return luabox_call(box, 0, n_results, class, err);
}

static int push_protected(lua_State *L) {
    luabox_push_json(L, lua_touserdata(L, 1));
    return 1;
}

bool luabox_push(
    struct luabox *box, const void *json_value, enum err_class class, struct err *err) {
    lua_pushcfunction(box->L, push_protected);
    lua_pushlightuserdata(box->L, (void *)(uintptr_t)json_value);
    return luabox_call(box, 1, 1, class, err);
}

/* ---- fields ---- */

const char *luabox_get_string(lua_State *L, int index, const char *key, const char *otherwise) {
    index = lua_absindex(L, index);
    lua_pushstring(L, key);
    lua_rawget(L, index);
    const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : otherwise;
    lua_pop(L, 1); /* the table still holds the string */
    return s;
}

double luabox_get_number(lua_State *L, int index, const char *key, double otherwise) {
    index = lua_absindex(L, index);
    lua_pushstring(L, key);
    lua_rawget(L, index);
    double v = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : otherwise;
    lua_pop(L, 1);
    return v;
}

bool luabox_get_bool(lua_State *L, int index, const char *key, bool otherwise) {
    index = lua_absindex(L, index);
    lua_pushstring(L, key);
    lua_rawget(L, index);
    bool v = lua_type(L, -1) == LUA_TBOOLEAN ? lua_toboolean(L, -1) : otherwise;
    lua_pop(L, 1);
    return v;
}

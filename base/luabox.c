/* The Lua sandbox (see luabox.h): allow-lists, a heap ceiling, a sticky instruction budget, and capped versions of the
 * library functions that could run for long inside C, where no hook is called. */
#include "base/luabox.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define HEAP_DEFAULT ((size_t)64 << 20)
#define INSTRUCTIONS_DEFAULT 50000000ul
#define HOOK_EVERY 1000

#define PATTERN_MAX 1024           /* bytes of a pattern */
#define PATTERN_SUBJECT_MAX 65536  /* bytes that a pattern may be matched against: backtracking is exponential at worst */
#define PLAIN_SUBJECT_MAX (1 << 20)
#define BUILT_STRING_MAX (16 << 20)
#define TABLE_SPAN_MAX 1000000     /* elements that one library call may walk */

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

static void *allocate(void *arg, void *p, size_t old, size_t new) {
    struct luabox *box = arg;
    old = p ? old : 0;
    if (new == 0) {
        box->heap -= old;
        free(p);
        return NULL;
    }
    if (new > old && new - old > box->heap_max - box->heap) {
        return NULL;
    }
    void *q = realloc(p, new);
    if (q) {
        box->heap = box->heap - old + new;
    }
    return q;
}

/* Once over budget the hook is called for each instruction, so that pcall can't swallow the error for good. */
static void count_hook(lua_State *L, lua_Debug *debug) {
    (void)debug;
    struct luabox *box = box_of(L);
    box->instructions += HOOK_EVERY;
    if (box->spent || box->instructions > box->instructions_max) {
        box->spent = true;
        lua_sethook(L, count_hook, LUA_MASKCOUNT, 1);
        luaL_error(L, "instruction budget exhausted");
    }
}

/* ---- library functions with limits ---- */

static const char *check_subject(lua_State *L, bool plain) {
    size_t n, m;
    const char *s = luaL_checklstring(L, 1, &n);
    luaL_checklstring(L, 2, &m);
    luaL_argcheck(L, m <= PATTERN_MAX || plain, 2, "pattern is too long");
    luaL_argcheck(L, n <= (size_t)(plain ? PLAIN_SUBJECT_MAX : PATTERN_SUBJECT_MAX), 1, "string is too long to be searched");
    /* the naive search behind plain find is quadratic at worst */
    luaL_argcheck(L, !plain || n * (m + 1) <= (size_t)1 << 28, 2, "string is too long to be searched for");
    return s;
}

/* Calls the original function, kept as upvalue 1, with all arguments. */
static int call_original(lua_State *L) {
    int n = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, n, LUA_MULTRET);
    return lua_gettop(L);
}

static bool has_magic(const char *pattern) {
    return strpbrk(pattern, "^$*+?.([%-") != NULL;
}

static int box_find(lua_State *L) {
    check_subject(L, lua_toboolean(L, 4) || !has_magic(luaL_checkstring(L, 2)));
    return call_original(L);
}

static int box_pattern(lua_State *L) {
    check_subject(L, false);
    return call_original(L);
}

static int box_rep(lua_State *L) {
    size_t n, m;
    luaL_checklstring(L, 1, &n);
    luaL_optlstring(L, 3, "", &m);
    lua_Integer times = luaL_checkinteger(L, 2);
    luaL_argcheck(L, times <= 0 || (size_t)times <= BUILT_STRING_MAX / (n + m + 1), 2, "resulting string is too large");
    return call_original(L);
}

/* Lengths of tables come from a metamethod at worst: only raw tables of a sane size are walked by C. */
static void check_table(lua_State *L, int index) {
    luaL_checktype(L, index, LUA_TTABLE);
    luaL_argcheck(L, !lua_getmetatable(L, index), index, "table must have no metatable");
    luaL_argcheck(L, lua_rawlen(L, index) <= TABLE_SPAN_MAX, index, "table is too long");
}

static int box_table(lua_State *L) {
    check_table(L, 1);
    return call_original(L);
}

/* An insertion in front shifts everything behind it, unseen by the hook: it is charged to the budget. */
static int box_insert(lua_State *L) {
    check_table(L, 1);
    if (lua_gettop(L) >= 3) {
        lua_Integer at = luaL_checkinteger(L, 2), n = (lua_Integer)lua_rawlen(L, 1);
        box_of(L)->instructions += at >= 1 && at <= n ? (unsigned long)(n - at) : 0;
    }
    return call_original(L);
}

static int box_move(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
    luaL_argcheck(L, to < from || (lua_Unsigned)to - (lua_Unsigned)from < TABLE_SPAN_MAX, 3, "too many elements to move");
    return call_original(L);
}

static int box_concat(lua_State *L) {
    check_table(L, 1);
    lua_Integer from = luaL_optinteger(L, 3, 1), to = luaL_optinteger(L, 4, (lua_Integer)lua_rawlen(L, 1));
    luaL_argcheck(L, to < from || (lua_Unsigned)to - (lua_Unsigned)from < TABLE_SPAN_MAX, 4, "too many elements to join");
    return call_original(L);
}

/* A sort calls its comparison through the hook, but comparing long equal strings isn't counted: bound the length. */
static int box_sort(lua_State *L) {
    check_table(L, 1);
    luaL_argcheck(L, lua_rawlen(L, 1) <= 100000, 1, "table is too long to be sorted");
    return call_original(L);
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
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    if (status != LUA_OK && box_of(L)->spent) {
        return lua_error(L);
    }
    lua_pushboolean(L, status == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
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
    { "string", "dump", NULL },
    { "table", "insert", box_insert },
    { "table", "remove", box_table },
    { "table", "move", box_move },
    { "table", "concat", box_concat },
    { "table", "sort", box_sort },
    { "math", "random", NULL },
    { "math", "randomseed", NULL },
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
    box->instructions_max = limits && limits->instructions ? limits->instructions : INSTRUCTIONS_DEFAULT;
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
        luaL_tolstring(L, 1, NULL);
    }
    return 1;
}

static bool take_error(struct luabox *box, int status, enum err_class class, struct err *err) {
    if (box->spent) {
        err_set(err, class, "%s", lua_tostring(box->L, -1) ? lua_tostring(box->L, -1) : "instruction budget exhausted");
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

bool luabox_call(struct luabox *box, int n_args, int n_results, enum err_class class, struct err *err) {
    lua_State *L = box->L;
    int function = lua_gettop(L) - n_args;
    lua_pushcfunction(L, error_to_text);
    lua_insert(L, function);
    int status = lua_pcall(L, n_args, n_results, function);
    lua_remove(L, function);
    return status == LUA_OK || take_error(box, status, class, err);
}

bool luabox_run(struct luabox *box, const char *chunk_name, const char *text, size_t len, int n_results,
    enum err_class class, struct err *err) {
    char name[300];
    snprintf(name, sizeof name, "@%s", chunk_name);
    int status = luaL_loadbufferx(box->L, text, len, name, "t");
    if (status != LUA_OK) {
        return take_error(box, status, class, err);
    }
    return luabox_call(box, 0, n_results, class, err);
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

/* A sandboxed Lua 5.4 state: what runs in it came from a file that somebody uploaded, or from our
 * own data files.
 *
 * Allowed: base functions without load, dofile, loadfile, require, collectgarbage, print; string
 * (without dump; pattern functions are capped in length), table, math (without random), utf8. No
 * io, os, debug, package, coroutine. Chunks are text only. The heap has a ceiling; an
 * instruction budget stops loops and stays tripped through pcall; __gc is refused by
 * setmetatable. A chunk gives the same in every process: pairs and next have an order of
 * keys, tostring and format show no addresses, equal elements stay in theirs when sorted, and there
 * is neither clock nor chance. What runs inside C functions is not counted by the budget: callers
 * that run hostile files do it in a child process with RLIMIT_CPU as well. */
#ifndef ASSAY_LUABOX_H
#define ASSAY_LUABOX_H

#include <lua.h>

#include "base/err.h"

struct luabox_limits {
    size_t heap_bytes;          /* 0: 64 MiB */
    unsigned long instructions; /* 0: 50 million; luabox_refill starts the count again */
};

struct luabox; /* owns the lua_State; its own address is kept in the state's extra space */
MUST_CHECK struct luabox *luabox_open(const struct luabox_limits *limits, struct err *err);
void luabox_close(struct luabox *box);
lua_State *luabox_state(struct luabox *box);
void luabox_refill(struct luabox *box);

/* Compiles a text chunk and runs it; its n_results are left on the stack. Errors carry file:line
 * and are of class `class`; an exhausted budget or heap says so. */
MUST_CHECK bool luabox_run(struct luabox *box, const char *chunk_name, const char *text, size_t len,
    int n_results, enum err_class class, struct err *err);

/* lua_pcall with its error turned into *err; the function and n_args are on the stack. */
MUST_CHECK bool luabox_call(
    struct luabox *box, int n_args, int n_results, enum err_class class, struct err *err);

/* Fields of the table at `index`, with a default. Strings live as long as the table does. */
const char *luabox_get_string(lua_State *L, int index, const char *key, const char *otherwise);
double luabox_get_number(lua_State *L, int index, const char *key, double otherwise);
bool luabox_get_bool(lua_State *L, int index, const char *key, bool otherwise);

/* Pushes a jansson value as Lua (null is nil; arrays are 1-based). Runs out of heap by a Lua
 * error: for functions that Lua called. luabox_push is for everybody else: there the same would
 * end the process, so it is an error. */
void luabox_push_json(lua_State *L, const void *json_value);
MUST_CHECK bool luabox_push(
    struct luabox *box, const void *json_value, enum err_class class, struct err *err);

/* Reads the Lua value at `index` as jansson (caller owns). NULL and *err for what has no JSON
 * form, is nested too deeply, or would be much larger than the heap that it came from (a table
 * may be in many places). */
MUST_CHECK void *luabox_to_json(lua_State *L, int index, struct err *err);

#endif

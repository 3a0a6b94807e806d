/* Setting up the state: helpers in C, then the library's prelude (kind/prelude.lua), which defines
 * the constructors and gives back the table of functions by which the child drives the task. Every
 * file that is run is hashed as it is read. */
#include "evaluator/task/runtime.h"

#include <lauxlib.h>
#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "evaluator/metric/expression.h"
#include "evaluator/task/text.h"
#include "evaluator/task/wire.h"

#define RUNTIME_KEY "assay.runtime"

struct runtime *runtime_of(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, RUNTIME_KEY);
    struct runtime *r = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return r;
}

int runtime_raise(lua_State *L, const struct err *err) {
    runtime_of(L)->raised = *err;
    lua_pushstring(L, err->msg);
    return lua_error(L);
}

/* ---- errors ---- */

/* Names that Lua has elsewhere, and a task file has not. */
static bool is_shut_out(const char *name) {
    static const char *const NAMES[] = { "os", "io", "require", "load", "loadstring", "loadfile",
        "dofile", "debug", "package", "coroutine", "print", "collectgarbage" };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (!strcmp(NAMES[i], name)) {
            return true;
        }
    }
    return false;
}

/* The global name nearest to one that is none, in `near`; "" where none is near. */
static void nearest_global(lua_State *L, const char *name, char *near, size_t size) {
    size_t best = 2 + (strlen(name) + 1) / 4;
    *near = 0;
    lua_pushglobaltable(L);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        const char *other = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        size_t d = other ? text_distance(name, other) : best;
        if (d < best || (d == best && *near && strcmp(other, near) < 0)) {
            best = d;
            snprintf(near, size, "%s", other);
        }
    }
    lua_pop(L, 1);
}

/* "attempt to call a nil value (global 'chioce')": what was meant. */
static void explain_global(struct runtime *r, struct err *err) {
    static const char MARK[] = "(global '";
    char name[64], near[64];
    const char *at = strstr(err->msg, MARK);
    if (!at || err->class != ERR_TASK || !strstr(err->msg, "a nil value")) {
        return;
    }
    snprintf(
        name, sizeof name, "%.*s", (int)strcspn(at + sizeof MARK - 1, "'"), at + sizeof MARK - 1);
    nearest_global(r->L, name, near, sizeof near);
    if (is_shut_out(name)) {
        err_set(err, ERR_TASK, "%s: a task file has no '%s'", err->msg, name);
    } else if (*near) {
        err_set(err, ERR_TASK, "%s: did you mean '%s'?", err->msg, near);
    }
}

/* The class of a C error that went through Lua. */
static bool fail(struct runtime *r, const struct err *why, struct err *err) {
    bool ours = r->raised.class != ERR_NONE && strstr(why->msg, r->raised.msg);
    *err = ours ? r->raised : *why;
    explain_global(r, err);
    return false;
}

bool runtime_call(struct runtime *r, int n_args, int n_results, struct err *err) {
    struct err why = ERR_INIT;
    r->raised.class = ERR_NONE;
    return luabox_call(r->box, n_args, n_results, ERR_TASK, &why) || fail(r, &why, err);
}

/* ---- files ---- */

static bool note_file(
    struct runtime *r, const char *name, const struct strbuf *text, struct err *err) {
    struct runtime_file f = { 0 };
    sha256_hex(strbuf_str(text), text->len, f.sha256);
    for (size_t i = 0; i < r->n_files; i++) {
        if (!strcmp(r->files[i].name, name)) {
            return true;
        }
    }
    if (r->n_files == RUNTIME_MAX_FILES) {
        return err_set(err, ERR_TASK, "the task is made of more than %d files", RUNTIME_MAX_FILES);
    }
    f.name = xstrdup(name);
    r->files[r->n_files++] = f;
    strbuf_add(&r->closure, strbuf_str(text), text->len);
    strbuf_addc(&r->closure, '\n');
    return true;
}

/* Runs a file of the library; its one value is left on the stack. */
static bool run_library(struct runtime *r, const char *name, struct err *err) {
    struct strbuf text = { 0 };
    bool ok = tree_read(&r->tree, name, &text, err) && note_file(r, name, &text, err) &&
              luabox_run(r->box, name, strbuf_str(&text), text.len, 1, ERR_TASK, err);
    strbuf_release(&text);
    return ok;
}

/* include "file.lua": beside the task file, else in the library. For a task outside of the library
 * its own folder is the only other place. */
static bool read_included(
    struct runtime *r, const char *name, struct strbuf *text, struct err *err) {
    if (!tree_name_valid(name)) {
        return err_set(err, ERR_TASK,
            "cannot include '%s': not a relative path within the task library", name);
    }
    char *folder = xstrndup(r->path, (size_t)(path_base(r->path) - r->path));
    struct strbuf beside = { 0 };
    strbuf_addf(&beside, "%s%s", folder, name);
    struct err why = ERR_INIT;
    bool ok = r->in_tree ? tree_read(&r->tree, strbuf_str(&beside), text, &why)
                         : file_read(strbuf_str(&beside), TREE_MAX_FILE, text, &why);
    if (!ok && why.class == ERR_NOT_FOUND) {
        ok = tree_read(&r->tree, name, text, err);
    } else if (!ok) {
        *err = why;
    }
    strbuf_release(&beside);
    free(folder);
    return ok;
}

static int host_include(lua_State *L) {
    struct runtime *r = runtime_of(L);
    const char *name = luaL_checkstring(L, 1);
    struct strbuf text = { 0 };
    struct err err = ERR_INIT;
    bool ok = read_included(r, name, &text, &err) && note_file(r, name, &text, &err) &&
              luabox_run(r->box, name, strbuf_str(&text), text.len, 1, ERR_TASK, &err);
    strbuf_release(&text);
    return ok ? 1 : runtime_raise(L, &err);
}

/* host.kind(name): the protocol table of kind/<name>.lua, nil where this library has none. */
static int host_kind(lua_State *L) {
    struct strbuf name = { 0 };
    strbuf_addf(&name, "kind/%s.lua", luaL_checkstring(L, 1));
    struct err err = ERR_INIT;
    bool ok = run_library(runtime_of(L), strbuf_str(&name), &err);
    strbuf_release(&name);
    if (!ok && err.class == ERR_NOT_FOUND) {
        lua_pushnil(L);
        return 1;
    }
    return ok ? 1 : runtime_raise(L, &err);
}

/* ---- what the prelude gets ---- */

/* host.line(field): the line of the task file that sets it. */
static int host_line(lua_State *L) {
    const struct runtime *r = runtime_of(L);
    lua_pushinteger(
        L, source_field_line(strbuf_str(&r->source), r->source.len, luaL_checkstring(L, 1)));
    return 1;
}

/* host.emit(table): one frame to the parent. */
static int host_emit(lua_State *L) {
    struct err err = ERR_INIT;
    json_t *frame = luabox_to_json(L, 1, &err);
    if (frame && runtime_of(L)->wider) {
        json_decref(frame);
        return runtime_widen(L, "*");
    }
    bool ok = frame && wire_put(&runtime_of(L)->out, frame, &err);
    json_decref(frame);
    return ok ? 0 : runtime_raise(L, &err);
}

/* host.distance(a, b): changes that make one name of the other. */
static int host_distance(lua_State *L) {
    size_t d = text_distance(luaL_checkstring(L, 1), luaL_checkstring(L, 2));
    lua_pushinteger(L, d > INT_MAX ? INT_MAX : (lua_Integer)d);
    return 1;
}

/* host.expression(text): what is wrong with it as a regular expression; nil where nothing is. */
static int host_expression(lua_State *L) {
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    struct err err = ERR_INIT;
    struct expression *e = expression_new(text, n, &err);
    if (e) {
        lua_pushnil(L);
    } else {
        lua_pushstring(L, err.msg);
    }
    expression_free(e);
    return 1;
}

/* host.refill(): a document begins, and with it a fresh count of instructions. */
static int host_refill(lua_State *L) {
    luabox_refill(runtime_of(L)->box);
    return 0;
}

/* host.unsupported(message): an error of that class. */
static int host_unsupported(lua_State *L) {
    struct err err = ERR_INIT;
    err_set(&err, ERR_UNSUPPORTED, "%s", luaL_checkstring(L, 1));
    return runtime_raise(L, &err);
}

static void set_host(lua_State *L, const struct runtime *r, const char *variant) {
    static const luaL_Reg functions[] = { { "include", host_include }, { "kind", host_kind },
        { "line", host_line }, { "emit", host_emit }, { "rows", runtime_rows },
        { "distance", host_distance }, { "refill", host_refill },
        { "unsupported", host_unsupported }, { "expression", host_expression }, { NULL, NULL } };
    luaL_newlib(L, functions);
    runtime_push_draw(L);
    lua_setfield(L, -2, "draw");
    lua_pushstring(L, r->path);
    lua_setfield(L, -2, "path");
    lua_pushboolean(L, r->in_tree);
    lua_setfield(L, -2, "in_library");
    lua_pushstring(L, variant);
    lua_setfield(L, -2, "variant");
    lua_setglobal(L, "host");
}

static bool read_task(struct runtime *r, struct err *err) {
    return r->in_tree ? tree_read(&r->tree, r->path, &r->source, err)
                      : file_read(r->path, TREE_MAX_FILE, &r->source, err);
}

bool runtime_open(
    struct runtime *r, const char *variant, unsigned long heap_bytes, struct err *err) {
    struct luabox_limits limits = { .heap_bytes = heap_bytes, .instructions = 100 * 1000 * 1000 };
    r->box = luabox_open(&limits, err);
    if (!r->box) {
        return false;
    }
    lua_State *L = r->L = luabox_state(r->box);
    lua_pushlightuserdata(L, r);
    lua_setfield(L, LUA_REGISTRYINDEX, RUNTIME_KEY);
    runtime_open_text(L);
    runtime_open_random(L);
    runtime_open_narrow(L);
    set_host(L, r, variant);
    if (!run_library(r, "kind/prelude.lua", err)) {
        return false;
    }
    strbuf_reset(&r->closure); /* it has many words, and names no column */
    lua_setfield(L, LUA_REGISTRYINDEX, RUNTIME_DRIVER);
    lua_pushnil(L);
    lua_setglobal(L, "host");
    if (!read_task(r, err) ||
        !note_file(r, r->in_tree ? r->path : path_base(r->path), &r->source, err)) {
        return false;
    }
    luabox_refill(r->box);
    r->raised.class = ERR_NONE;
    struct err why = ERR_INIT;
    return luabox_run(r->box, r->path, strbuf_str(&r->source), r->source.len, 1, ERR_TASK, &why) ||
           fail(r, &why, err);
}

void runtime_release(struct runtime *r) {
    luabox_close(r->box);
    strbuf_release(&r->source);
    strbuf_release(&r->closure);
    strbuf_release(&r->out.waiting);
    for (size_t i = 0; i < r->n_files; i++) {
        free(r->files[i].name);
    }
    for (size_t i = 0; i < r->n_sources; i++) {
        free(r->sources[i].dir);
        free(r->sources[i].file);
        free(r->sources[i].format);
    }
    for (size_t i = 0; i < r->n_parts; i++) {
        free(r->parts[i].label);
    }
    free(r->parts);
    json_decref(r->frozen);
}

/* ---- identity ---- */

static int by_file_name(const void *a, const void *b) {
    return strcmp(((const struct runtime_file *)a)->name, ((const struct runtime_file *)b)->name);
}

void runtime_task_sha256(const struct runtime *r, const char *revisions, char hex[65]) {
    struct runtime_file sorted[RUNTIME_MAX_FILES];
    memcpy(sorted, r->files, r->n_files * sizeof *sorted);
    qsort(sorted, r->n_files, sizeof *sorted, by_file_name);
    struct strbuf all = { 0 };
    for (size_t i = 0; i < r->n_files; i++) {
        strbuf_addf(&all, "%s %s\n", sorted[i].name, sorted[i].sha256);
    }
    strbuf_adds(&all, revisions);
    sha256_hex(strbuf_str(&all), all.len, hex);
    strbuf_release(&all);
}

void runtime_data_sha256(const struct runtime *r, char hex[65]) {
    if (r->n_parts == 1) {
        memcpy(hex, r->parts[0].sha256, 65);
        return;
    }
    struct strbuf all = { 0 };
    for (size_t i = 0; i < r->n_parts; i++) {
        strbuf_addf(&all, "%s %s\n", r->parts[i].label, r->parts[i].sha256);
    }
    sha256_hex(strbuf_str(&all), all.len, hex);
    strbuf_release(&all);
}

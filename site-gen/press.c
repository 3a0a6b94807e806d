/* Runs compiled templates in the sandbox (see press.h). What they write goes to a stack of buffers:
 * the page at the bottom, one more for each template that is being included. */
#include "site-gen/press.h"

#include <lauxlib.h>
#include <string.h>

#include "base/luabox.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "site-gen/template.h"

#define DEPTH_MAX 16
#define MARKUP "assay.markup"
#define PAGE_BYTES_MAX ((size_t)64 << 20)

struct press {
    struct luabox *box;
    struct strbuf buffers[DEPTH_MAX];
    int depth; /* of the buffer in use */
    const struct print_job *job;
    bool bare;
};

static struct press *press_of(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

static struct strbuf *buffer(struct press *p) {
    return &p->buffers[p->depth];
}

/* ---- what templates call ---- */

/* A string or a number; nil and tables are mistakes of the template. */
static const char *check_text(lua_State *L, size_t *n) {
    if (!lua_isstring(L, 1))
        luaL_error(L, "a %s cannot be printed", luaL_typename(L, 1));
    return lua_tolstring(L, 1, n);
}

static int write_literal(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    strbuf_add(buffer(press_of(L)), s, n);
    return 0;
}

static int write_text(lua_State *L) {
    size_t n;
    const char *markup = luaL_testudata(L, 1, MARKUP);
    if (markup)
        strbuf_add(buffer(press_of(L)), markup, lua_rawlen(L, 1));
    else {
        const char *s = check_text(L, &n);
        escape_text(buffer(press_of(L)), s, n);
    }
    return 0;
}

static int write_attr(lua_State *L) {
    size_t n;
    const char *s = check_text(L, &n);
    escape_attr(buffer(press_of(L)), s, n);
    return 0;
}

static int write_url(lua_State *L) {
    struct press *p = press_of(L);
    size_t n;
    const char *s = check_text(L, &n);
    escape_url(buffer(p), &p->job->links, s, n);
    return 0;
}

static void push_markup(lua_State *L, const char *text, size_t n) {
    memcpy(lua_newuserdatauv(L, n ? n : 1, 0), text, n);
    if (n == 0) { /* the length is the markup's: an empty one is an empty string */
        lua_pop(L, 1);
        lua_pushliteral(L, "");
        return;
    }
    luaL_setmetatable(L, MARKUP);
}

static void push_template(lua_State *L, const char *name) {
    lua_getfield(L, LUA_REGISTRYINDEX, "templates");
    if (lua_getfield(L, -1, name) != LUA_TFUNCTION)
        luaL_error(L, "no template '%s'", name);
    lua_remove(L, -2);
}

/* Calls the function under its argument, with what it writes as markup in its place. */
static void call_captured(lua_State *L, struct press *p) {
    if (p->depth + 1 == DEPTH_MAX)
        luaL_error(L, "templates are included too deeply");
    p->depth++;
    strbuf_reset(buffer(p));
    lua_call(L, 1, 0);
    push_markup(L, strbuf_str(buffer(p)), buffer(p)->len);
    p->depth--;
}

static int include(lua_State *L) {
    push_template(L, luaL_checkstring(L, 1));
    lua_pushvalue(L, 2);
    call_captured(L, press_of(L));
    return 1;
}

/* clip(text, max): at most max code points, with an ellipsis where it was cut. */
static int clip(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    size_t keep = clip_utf8(s, n, (size_t)luaL_checkinteger(L, 2));
    lua_pushlstring(L, s, keep);
    if (keep < n) {
        lua_pushliteral(L, "\xE2\x80\xA6");
        lua_concat(L, 2);
    }
    return 1;
}

static const luaL_Reg FUNCTIONS[] = { { "__literal", write_literal }, { "__text", write_text },
    { "__attr", write_attr }, { "__url", write_url }, { "include", include }, { "clip", clip },
    { NULL, NULL } };

/* ---- opening ---- */

static int set_up(lua_State *L) {
    const json_t *site = lua_touserdata(L, 2);
    luaL_newmetatable(L, MARKUP);
    lua_pushliteral(L, "markup");
    lua_setfield(L, -2, "__metatable");
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "templates");
    lua_pushglobaltable(L);
    lua_pushvalue(L, 1);
    luaL_setfuncs(L, FUNCTIONS, 1);
    luabox_push_json(L, site);
    lua_setfield(L, -2, "site");
    return 0;
}

static int keep_template(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, "templates");
    lua_insert(L, 1);
    lua_settable(L, 1);
    return 0;
}

static bool load_template(struct press *p, const struct embedded *file, struct err *err) {
    lua_State *L = luabox_state(p->box);
    struct strbuf lua = { 0 };
    bool ok = template_compile(file->name, (const char *)file->data, file->size, &lua, err);
    lua_pushcfunction(L, keep_template);
    lua_pushstring(L, file->name);
    ok = ok && luabox_run(p->box, file->name, lua.text, lua.len, 1, ERR_INPUT, err) &&
         luabox_call(p->box, 2, 0, ERR_INPUT, err);
    strbuf_release(&lua);
    return ok;
}

static bool load_all(struct press *p, const struct embedded *templates, struct err *err) {
    for (const struct embedded *file = templates; file->name; file++) {
        if (str_ends(file->name, ".lua") &&
            !luabox_run(
                p->box, file->name, (const char *)file->data, file->size, 0, ERR_INPUT, err))
            return false;
    }
    for (const struct embedded *file = templates; file->name; file++) {
        if (!str_ends(file->name, ".lua") && !load_template(p, file, err))
            return false;
    }
    return true;
}

struct press *press_open(const struct embedded *templates, const json_t *site, struct err *err) {
    struct luabox_limits limits = { .heap_bytes = (size_t)1 << 30, .instructions = 4000000000ul };
    struct press *p = xcalloc(1, sizeof *p);
    for (int i = 0; i < DEPTH_MAX; i++)
        strbuf_init(&p->buffers[i], PAGE_BYTES_MAX);
    p->box = luabox_open(&limits, err);
    if (!p->box) {
        press_close(p);
        return NULL;
    }
    lua_State *L = luabox_state(p->box);
    lua_pushcfunction(L, set_up);
    lua_pushlightuserdata(L, p);
    lua_pushlightuserdata(L, (void *)(uintptr_t)site);
    if (!luabox_call(p->box, 2, 0, ERR_INPUT, err) || !load_all(p, templates, err)) {
        press_close(p);
        return NULL;
    }
    return p;
}

void press_close(struct press *p) {
    if (p) {
        luabox_close(p->box);
        for (int i = 0; i < DEPTH_MAX; i++)
            strbuf_release(&p->buffers[i]);
        free(p);
    }
}

/* ---- printing ---- */

/* Runs under luabox_call, so that an error anywhere in it comes back as one. */
static int print_page(lua_State *L) {
    struct press *p = lua_touserdata(L, 1);
    const struct print_job *job = p->job;
    lua_newtable(L);
    lua_pushstring(L, job->path);
    lua_setfield(L, -2, "path");
    lua_setglobal(L, "page");
    push_template(L, job->template);
    luabox_push_json(L, job->data);
    lua_newtable(L);
    for (size_t i = 0; i < job->n_plots; i++) {
        if (job->plots[i].len) {
            push_markup(L, job->plots[i].text, job->plots[i].len);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
    }
    if (lua_istable(L, -2))
        lua_setfield(L, -2, "plots");
    if (p->bare) {
        lua_call(L, 1, 0);
        return 0;
    }
    call_captured(L, p);
    push_template(L, "layout.html");
    lua_insert(L, -2);
    lua_call(L, 1, 0);
    return 0;
}

static bool print(
    struct press *p, const struct print_job *job, bool bare, struct strbuf *out, struct err *err) {
    lua_State *L = luabox_state(p->box);
    p->job = job;
    p->bare = bare;
    p->depth = 0;
    strbuf_reset(buffer(p));
    luabox_refill(p->box);
    lua_pushcfunction(L, print_page);
    lua_pushlightuserdata(L, p);
    if (!luabox_call(p->box, 1, 0, ERR_BUG, err))
        return err_wrap(err, "page '%s'", job->path);
    for (int i = 0; i < DEPTH_MAX; i++) {
        if (p->buffers[i].overflow)
            return err_set(
                err, ERR_RESOURCE, "page '%s' has more than %zu bytes", job->path, PAGE_BYTES_MAX);
    }
    strbuf_add(out, strbuf_str(&p->buffers[0]), p->buffers[0].len);
    return true;
}

bool press_print(
    struct press *p, const struct print_job *job, struct strbuf *out, struct err *err) {
    return print(p, job, false, out, err);
}

bool press_print_bare(
    struct press *p, const struct print_job *job, struct strbuf *out, struct err *err) {
    return print(p, job, true, out, err);
}

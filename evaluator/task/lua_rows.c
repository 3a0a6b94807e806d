/* Rows of data sets for Lua: an iterator over one split, each row a table of the data set's
 * columns. */
#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "base/hash.h"
#include "base/mem.h"
#include "evaluator/data/data.h"
#include "evaluator/task/ranges.h"
#include "evaluator/task/runtime.h"

#define ROWS_TYPE "assay.rows"

struct rows {
    struct data *data;    /* or NULL, and: */
    const json_t *frozen; /* a part of frozen rows, which the runtime keeps */
    size_t at;            /* in these */
    json_t *kept; /* being handed over: freed by the collector if an error jumps out meanwhile */
    bool keep_text;
    bool narrow; /* columns may have been left out */
};

static int rows_gc(lua_State *L) {
    struct rows *r = luaL_checkudata(L, 1, ROWS_TYPE);
    json_decref(r->kept);
    if (r->data) {
        data_close(r->data);
    }
    memset(r, 0, sizeof *r);
    return 0;
}

static const char *label_of(const struct rows *r, const char *column, long long value) {
    char number[24];
    if (!r->frozen) {
        return data_label(r->data, column, value);
    }
    snprintf(number, sizeof number, "%lld", value);
    const json_t *names = json_object_get(json_object_get(r->frozen, "labels"), column);
    return json_get_string(names, number, NULL);
}

/* row:name "column": the text of a ClassLabel. Upvalue 1: the rows. */
static int row_name(lua_State *L) {
    const struct rows *r = lua_touserdata(L, lua_upvalueindex(1));
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *column = luaL_checkstring(L, 2);
    lua_pushvalue(L, 2);
    lua_rawget(L, 1);
    if (lua_isnil(L, -1) && r->narrow && data_leaves_out(r->data, column, strlen(column))) {
        return runtime_widen(L, column);
    }
    if (!lua_isinteger(L, -1)) {
        return luaL_error(L, "column '%s' holds no class label", column);
    }
    const char *name = label_of(r, column, lua_tointeger(L, -1));
    if (!name) {
        return luaL_error(L, "the data set gives no name for label %d of column '%s'",
            (int)lua_tointeger(L, -1), column);
    }
    lua_pushstring(L, name);
    return 1;
}

void runtime_push_value(lua_State *L, const struct value *v) {
    luaL_checkstack(L, 8, "nested too deeply");
    const struct value *item = v + 1;
    switch (v->kind) {
    case VALUE_OBJECT:
        lua_createtable(L, 0, (int)v->n);
        for (uint32_t i = 0; i < v->n; i++, item = value_after(item + 1)) {
            lua_pushlstring(L, item->s, item->n);
            runtime_push_value(L, item + 1);
            lua_rawset(L, -3);
        }
        break;
    case VALUE_ARRAY:
        lua_createtable(L, (int)v->n, 0);
        for (uint32_t i = 0; i < v->n; i++, item = value_after(item)) {
            runtime_push_value(L, item);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        break;
    case VALUE_STRING:
        lua_pushlstring(L, v->n ? v->s : "", v->n);
        break;
    case VALUE_INT:
        lua_pushinteger(L, v->i);
        break;
    case VALUE_REAL:
        lua_pushnumber(L, v->d);
        break;
    case VALUE_TRUE:
    case VALUE_FALSE:
        lua_pushboolean(L, v->kind == VALUE_TRUE);
        break;
    case VALUE_NULL:
        lua_pushnil(L);
    }
}

/* The row's table; false at the end. Where its text is wanted too, r->kept is the row. */
static bool push_row(lua_State *L, struct rows *r) {
    struct err err = ERR_INIT;
    json_decref(r->kept);
    r->kept = NULL;
    if (r->frozen) {
        r->kept = json_incref(json_array_get(json_object_get(r->frozen, "rows"), r->at++));
        if (r->kept) {
            luabox_push_json(L, r->kept);
        }
        return r->kept != NULL;
    }
    const struct value *row = data_row(r->data, &err);
    if (!row && err.class != ERR_NONE) {
        runtime_raise(L, &err);
    }
    if (row) {
        r->kept = r->keep_text ? value_json(row) : NULL;
        runtime_push_value(L, row);
    }
    return row != NULL;
}

/* The iterator. Upvalues: the rows, the metatable of a row. A row starts the instruction count
 * afresh: what is bounded is the work for one document; the whole is bounded by processor time. */
static int rows_next(lua_State *L) {
    struct rows *r = lua_touserdata(L, lua_upvalueindex(1));
    luabox_refill(runtime_of(L)->box);
    if (!push_row(L, r)) {
        return 0;
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_setmetatable(L, -2);
    if (!r->keep_text) {
        return 1;
    }
    char *text = json_text(r->kept, JSON_COMPACT);
    lua_pushstring(L, text ? text : "{}");
    free(text);
    return 2;
}

/* skip(n): the next n rows go by, or as many as there are. Upvalue 1: the rows. */
static int rows_skip(lua_State *L) {
    struct rows *r = lua_touserdata(L, lua_upvalueindex(1));
    lua_Integer n = luaL_checkinteger(L, 1);
    struct err err = ERR_INIT;
    luaL_argcheck(L, n >= 0, 1, "is not negative");
    if (r->frozen) {
        r->at += (size_t)n;
    } else if (!data_skip(r->data, (uint64_t)n, &err)) {
        return runtime_raise(L, &err);
    }
    return 0;
}

static bool leaves_out(const void *rows, const char *column, size_t n) {
    const struct data *d = ((const struct rows *)rows)->data;
    return column ? data_leaves_out(d, column, n) : data_leaves_out_any(d);
}

static void push_row_metatable(lua_State *L, int rows) {
    lua_createtable(L, 0, 2);
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, rows);
    lua_pushcclosure(L, row_name, 1);
    lua_setfield(L, -2, "name");
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    if (((const struct rows *)lua_touserdata(L, rows))->narrow) {
        runtime_watch_rows(L, rows, leaves_out);
    }
}

static const char *or_empty(const char *s) {
    return s ? s : "";
}

/* The caller frees. */
static char *part_label(size_t source, const struct data_source *from) {
    struct strbuf label = { 0 };
    strbuf_addf(&label, "%zu %s %s", source, or_empty(from->config), or_empty(from->split));
    return strbuf_take(&label);
}

/* Remembers what is read, with its digest; the same split twice counts once. */
static bool note_part(
    struct runtime *r, size_t source, const struct data_source *from, struct err *err) {
    struct runtime_part part = { .label = part_label(source, from) };
    for (size_t i = 0; i < r->n_parts; i++) {
        if (!strcmp(r->parts[i].label, part.label)) {
            free(part.label);
            return true;
        }
    }
    bool ok = r->n_parts < RUNTIME_MAX_PARTS ||
              err_set(err, ERR_TASK, "the task reads more than %d splits", RUNTIME_MAX_PARTS);
    if (!ok || !data_sha256(from, part.sha256, err)) {
        free(part.label);
        return false;
    }
    mem_grow(&r->parts, &r->parts_capacity, r->n_parts + 1, sizeof *r->parts);
    r->parts[r->n_parts++] = part;
    return true;
}

static bool open_data(struct runtime *r, size_t source, const struct data_source *from,
    struct rows *rows, struct err *err) {
    rows->data = data_open(from, err);
    if (!rows->data || !note_part(r, source, from, err)) {
        return false;
    }
    if (r->freeze) {
        char *label = part_label(source, from);
        rows->frozen = runtime_freeze_part(r, label, rows->data, err);
        free(label);
    }
    return !r->freeze || rows->frozen;
}

/* Only what was frozen is there. */
static bool open_frozen(struct runtime *r, size_t source, const struct data_source *from,
    struct rows *rows, struct err *err) {
    char *label = part_label(source, from);
    rows->frozen = json_object_get(r->frozen, label);
    if (!rows->frozen) {
        err_set(err, ERR_NOT_FOUND, "there are no frozen rows of part '%s'", label);
    }
    free(label);
    return rows->frozen != NULL;
}

/* Opens the first of the parts {{config, split}, ...} (on the stack at 2) that the data set has. */
static bool open_first(
    lua_State *L, struct runtime *r, size_t source, struct rows *rows, struct err *err) {
    const struct runtime_source *s = &r->sources[source];
    bool ok = false;
    size_t n = lua_rawlen(L, 2);
    for (size_t i = 1; i <= n && !ok; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i);
        struct data_source from = { .dir = s->dir,
            .file = s->file,
            .format = s->format,
            .remote = s->ranges ? child_ranges_remote(s->ranges) : NULL,
            .config = luabox_get_string(L, -1, "config", NULL),
            .split = luabox_get_string(L, -1, "split", NULL),
            .wants = rows->narrow ? runtime_names : NULL,
            .wants_arg = r };
        struct err why = ERR_INIT;
        ok = (r->replay ? open_frozen : open_data)(r, source, &from, rows, &why);
        if (!ok && rows->data) {
            data_close(rows->data);
            rows->data = NULL;
        }
        if (!ok && (i == 1 || why.class != ERR_NOT_FOUND)) {
            *err = why;
        }
        lua_pop(L, 1);
        if (!ok && why.class != ERR_NOT_FOUND) {
            break;
        }
    }
    return ok;
}

int runtime_rows(lua_State *L) {
    struct runtime *r = runtime_of(L);
    lua_Integer source = luaL_checkinteger(L, 1);
    luaL_argcheck(L, source >= 1 && (size_t)source <= r->n_sources, 1, "no such data source");
    luaL_checktype(L, 2, LUA_TTABLE);
    bool keep_text = lua_toboolean(L, 3), narrow = lua_toboolean(L, 4) && !keep_text && !r->whole;
    lua_settop(L, 2);
    struct rows *rows = lua_newuserdatauv(L, sizeof *rows, 0);
    memset(rows, 0, sizeof *rows);
    rows->keep_text = keep_text;
    rows->narrow = narrow;
    if (luaL_newmetatable(L, ROWS_TYPE)) {
        lua_pushcfunction(L, rows_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, 3);
    struct err err = ERR_INIT;
    if (!open_first(L, r, (size_t)source - 1, rows, &err)) {
        return runtime_raise(L, &err);
    }
    lua_pushvalue(L, 3);
    push_row_metatable(L, 3);
    lua_pushcclosure(L, rows_next, 2);
    lua_pushvalue(L, 3);
    lua_pushcclosure(L, rows_skip, 1);
    return 2;
}

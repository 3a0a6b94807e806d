/* host.draw: which rows a kind's protocol takes, by the rules of metric/draw.h. Lua hands over the
 * labels of all rows in order, each a number, a string or a list of these, and gets positions from
 * 1 in the order in which they are to stand. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strmap.h"
#include "evaluator/metric/draw.h"
#include "evaluator/task/runtime.h"

#define GENERATOR_TYPE "assay.generator"
#define LABELS_TYPE "assay.draw_labels"

/* Everything that is drawn from; the collector's, as an error may jump out. */
struct labels {
    struct draw_labels rows;
    uint32_t *list;
    size_t *first, *order, *out;
    size_t capacity;
    struct strmap *known;
    bool sets;
};

static int labels_gc(lua_State *L) {
    struct labels *l = luaL_checkudata(L, 1, LABELS_TYPE);
    free(l->list);
    free(l->first);
    free(l->order);
    free(l->out);
    strmap_free(l->known);
    memset(l, 0, sizeof *l);
    return 0;
}

/* The class of the label on top of the stack, which is taken off; classes are numbered as they
 * come. */
static void add_label(lua_State *L, struct labels *l, size_t at) {
    luaL_argcheck(L, lua_isinteger(L, -1) || lua_type(L, -1) == LUA_TSTRING, 1,
        "a label is an integer or a string");
    size_t n;
    const char *text = luaL_tolstring(L, -1, &n);
    int32_t class = strmap_find(l->known, text, n);
    if (class < 0) {
        class = (int32_t)l->rows.n_classes++;
        strmap_add(l->known, text, n, class);
    }
    mem_grow(&l->list, &l->capacity, at + 1, sizeof *l->list);
    l->list[at] = (uint32_t) class;
    lua_pop(L, 2);
}

/* The labels at `arg`, left on the stack. */
static struct labels *check_labels(lua_State *L, int arg) {
    luaL_checktype(L, arg, LUA_TTABLE);
    struct labels *l = lua_newuserdatauv(L, sizeof *l, 0);
    memset(l, 0, sizeof *l);
    luaL_setmetatable(L, LABELS_TYPE);
    size_t n = lua_rawlen(L, arg), at = 0;
    l->known = strmap_new(64);
    l->first = xcalloc(n + 1, sizeof *l->first);
    l->order = xcalloc(n + 1, sizeof *l->order);
    l->out = xcalloc(n + 1, sizeof *l->out);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, arg, (lua_Integer)i + 1);
        bool is_set = lua_istable(L, -1);
        l->sets = l->sets || is_set;
        for (size_t j = 1; is_set && j <= lua_rawlen(L, -1); j++) {
            lua_rawgeti(L, -1, (lua_Integer)j);
            add_label(L, l, at++);
        }
        if (is_set) {
            lua_pop(L, 1);
        } else {
            add_label(L, l, at++);
        }
        l->first[i + 1] = at;
    }
    l->rows.list = l->list;
    l->rows.first = l->first;
    l->rows.n = n;
    return l;
}

static void push_positions(lua_State *L, const size_t *out, size_t n) {
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        lua_pushinteger(L, (lua_Integer)out[i] + 1);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void in_order(struct labels *l) {
    for (size_t i = 0; i < l->rows.n; i++) {
        l->order[i] = i;
    }
}

/* draw.examples(labels, per_label, experiments): a list of positions an experiment. The order is
 * shuffled for each by a fresh RandomState(42), in place: the shuffles compose. */
static int draw_examples(lua_State *L) {
    lua_Integer per_label = luaL_checkinteger(L, 2), experiments = luaL_checkinteger(L, 3);
    struct labels *l = check_labels(L, 1);
    in_order(l);
    lua_newtable(L);
    for (lua_Integer i = 1; i <= experiments; i++) {
        struct mt19937 r;
        numpy_seed(&r, 42);
        numpy_shuffle(&r, l->order, l->rows.n);
        push_positions(L, l->out, draw_undersample(&l->rows, l->order, (size_t)per_label, l->out));
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* draw.example_sets(labels, per_label, experiments, generator): the same for sets of labels. Each
 * experiment shuffles all rows anew, with one generator that goes on. */
static int draw_example_sets(lua_State *L) {
    lua_Integer per_label = luaL_checkinteger(L, 2), experiments = luaL_checkinteger(L, 3);
    struct pcg64 *r = luaL_checkudata(L, 4, GENERATOR_TYPE);
    struct labels *l = check_labels(L, 1);
    lua_newtable(L);
    for (lua_Integer i = 1; i <= experiments; i++) {
        in_order(l);
        generator_shuffle(r, l->order, l->rows.n);
        push_positions(L, l->out, draw_undersample(&l->rows, l->order, (size_t)per_label, l->out));
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* draw.generator(seed) */
static int draw_generator(lua_State *L) {
    lua_Integer seed = luaL_checkinteger(L, 1);
    struct pcg64 *r = lua_newuserdatauv(L, sizeof *r, 0);
    generator_seed(r, (uint64_t)seed);
    luaL_setmetatable(L, GENERATOR_TYPE);
    return 1;
}

/* draw.split(labels, k, seed): k of as many rows, whatever their labels. */
static int draw_split_of(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t n = lua_rawlen(L, 1);
    lua_Integer k = luaL_checkinteger(L, 2), seed = luaL_checkinteger(L, 3);
    luaL_argcheck(L, k >= 0 && (size_t)k <= n, 2, "more than there are");
    size_t *out = lua_newuserdatauv(L, ((size_t)k + 1) * sizeof *out, 0);
    draw_split(n, (size_t)k, (uint64_t)seed, out);
    push_positions(L, out, (size_t)k);
    return 1;
}

struct name {
    const char *text;
    uint32_t class;
};

static int by_text(const void *a, const void *b) {
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

/* Numbers the classes by their names, as text: datasets' class_encode_column does. */
static void sort_classes(lua_State *L, int arg, struct labels *l) {
    struct name *names = lua_newuserdatauv(L, (l->rows.n_classes + 1) * sizeof *names, 0);
    uint32_t *place = lua_newuserdatauv(L, (l->rows.n_classes + 1) * sizeof *place, 0);
    memset(names, 0, l->rows.n_classes * sizeof *names);
    lua_newtable(L); /* keeps the texts */
    for (size_t i = 0; i < l->rows.n; i++) {
        struct name *name = &names[l->list[i]];
        if (!name->text) {
            lua_rawgeti(L, arg, (lua_Integer)i + 1);
            name->text = luaL_tolstring(L, -1, NULL);
            name->class = l->list[i];
            lua_rawseti(L, -3, (lua_Integer)i + 1);
            lua_pop(L, 1);
        }
    }
    qsort(names, l->rows.n_classes, sizeof *names, by_text);
    for (uint32_t k = 0; k < l->rows.n_classes; k++) {
        place[names[k].class] = k;
    }
    for (size_t i = 0; i < l->rows.n; i++) {
        l->list[i] = place[l->list[i]];
    }
    lua_pop(L, 3);
}

/* draw.stratified(labels, k, seed): k rows with labels in the proportions of all, of sets of labels
 * about k. */
static int draw_stratified_of(lua_State *L) {
    lua_Integer k = luaL_checkinteger(L, 2), seed = luaL_checkinteger(L, 3);
    struct labels *l = check_labels(L, 1);
    struct err err = ERR_INIT;
    luaL_argcheck(L, k >= 0 && (size_t)k <= l->rows.n, 2, "more than there are");
    if (l->sets) {
        push_positions(L, l->out, draw_iterative(&l->rows, (size_t)k, (uint32_t)seed, l->out));
        return 1;
    }
    sort_classes(L, 1, l);
    if (!draw_stratified(
            l->list, l->rows.n, l->rows.n_classes, (size_t)k, (uint64_t)seed, l->out, &err)) {
        err.class = ERR_TASK;
        return runtime_raise(L, &err);
    }
    push_positions(L, l->out, (size_t)k);
    return 1;
}

void runtime_push_draw(lua_State *L) {
    static const luaL_Reg functions[] = { { "examples", draw_examples },
        { "example_sets", draw_example_sets }, { "generator", draw_generator },
        { "split", draw_split_of }, { "stratified", draw_stratified_of }, { NULL, NULL } };
    luaL_newmetatable(L, GENERATOR_TYPE);
    lua_pop(L, 1);
    luaL_newmetatable(L, LABELS_TYPE);
    lua_pushcfunction(L, labels_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
}

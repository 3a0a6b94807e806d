/* Which description fits a model, and running it. Descriptions are Lua files that return
 *
 *     { name = "llama", types = { model_type, ... }, gguf = { general.architecture, ... },
 *       config = function(config_json) return spec end,
 *       metadata = function(gguf_metadata, tensors) return spec end }   tensors: { [name] = true }
 *
 * What several share lies in arch/lib/NAME.lua and is had by include "NAME". They run in a sandbox
 * with a small heap and few instructions: `--arch` makes them input like any other.
 *
 * A config.json is completed first, by what is known of its model type: other words for the same
 * (lib/aliases.lua), and what it leaves out (lib/defaults.lua). */
#include <lauxlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/file.h"
#include "base/luabox.h"
#include "harness/model/spec.h"

extern const struct embedded arch_files[], arch_lib_files[];

enum { ARCH_FILE_MAX = 1 << 20, ARRAY_MAX = 256 };
static const struct luabox_limits arch_limits = { .heap_bytes = 16 << 20, .instructions = 5000000 };

/* Does the list `key` of the table on top of the stack hold `word`? */
static bool list_has(lua_State *L, const char *key, const char *word) {
    bool found = false;
    if (lua_getfield(L, -1, key) == LUA_TTABLE) {
        for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, -1); i <= n && !found; i++) {
            found = lua_geti(L, -1, i) == LUA_TSTRING && strcmp(lua_tostring(L, -1), word) == 0;
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return found;
}

/* Leaves the description's table on the stack. */
static bool description_run(
    struct luabox *box, const char *name, const char *text, size_t n, struct err *err) {
    if (!luabox_run(box, name, text, n, 1, ERR_INPUT, err))
        return false;
    return lua_istable(luabox_state(box), -1) ||
           err_set(err, ERR_INPUT, "architecture '%s' did not return a table", name);
}

static bool description_file(struct luabox *box, const char *path, struct err *err) {
    struct strbuf text = { 0 };
    bool ok = file_read(path, ARCH_FILE_MAX, &text, err) &&
              description_run(box, path, strbuf_str(&text), text.len, err);
    strbuf_release(&text);
    return ok;
}

/* arch/lib/name.lua; NULL: there is none. */
static const struct embedded *lib_find(const char *name) {
    size_t n = strlen(name);
    for (const struct embedded *e = arch_lib_files; e->name; e++)
        if (strncmp(e->name, name, n) == 0 && strcmp(e->name + n, ".lua") == 0)
            return e;
    return NULL;
}

/* include "name": what arch/lib/name.lua returns; it runs once. */
static int include(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "arch.lib");
    if (lua_getfield(L, -1, name) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    const struct embedded *e = lib_find(name);
    if (!e)
        return luaL_error(L, "there is no architecture library '%s'", name);
    if (luaL_loadbufferx(L, (const char *)e->data, e->size, e->name, "t") != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
    return 1;
}

/* The first of the classes that `auto_map` takes from Python files beside the weights: a string, or
 * for a tokenizer a list of two; NULL: it needs none. */
static const char *code_of_its_own(const json_t *config) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json_object_get(config, "auto_map"), key,
        value) if (str_begins(key, "AutoModel") &&
                   json_is_string(value)) return json_string_value(value);
    return NULL;
}

/* What to do about a type that no description names: as many of them as a hint has room for. */
static bool refuse_type(const struct arch_source *source, const char *type, struct err *err) {
    enum { ROOM = 190 };
    struct strbuf known = { 0 };
    size_t n_more = 0;
    for (const struct embedded *e = arch_files; e->name; e++) {
        const int n = (int)strcspn(e->name, ".");
        if (str_begins(e->name, "gguf_")) {
            continue;
        }
        if (known.len + (size_t)n + 2 > ROOM) {
            n_more++;
        } else {
            strbuf_addf(&known, "%s%.*s", known.len ? ", " : "", n, e->name);
        }
    }
    const char *code = code_of_its_own(source->config);
    err_set(err, ERR_UNSUPPORTED,
        code ? "model type '%.64s' is not supported: the code that it brings ('%.96s') is never run"
             : "model type '%.64s' is not supported",
        type, code);
    err_hint(err, "describe it by --arch FILE.lua; built in: %s and %zu more", strbuf_str(&known),
        n_more);
    strbuf_release(&known);
    return false;
}

/* The built-in description whose list names this type. */
static bool description_find(
    struct luabox *box, const struct arch_source *source, const char *type, struct err *err) {
    lua_State *L = luabox_state(box);
    const char *list = source->gguf ? "gguf" : "types";
    bool ok = true, found = false;
    for (const struct embedded *e = arch_files; ok && !found && e->name; e++) {
        ok = description_run(box, e->name, (const char *)e->data, e->size, err);
        found = ok && list_has(L, list, type);
        if (ok && !found)
            lua_settop(L, 0);
    }
    return found || (ok && refuse_type(source, type, err));
}

/* A GGUF's metadata without its vocabulary-sized arrays. */
static json_t *without_long_arrays(const json_t *object) {
    json_t *out = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)object, key, value) {
        if (!json_is_array(value) || json_array_size(value) <= ARRAY_MAX)
            json_object_set(out, key, value);
    }
    return out;
}

/* A field of the table on top of the stack, without metamethods: the table may be a stranger's. */
static int raw_field(lua_State *L, const char *key) {
    lua_pushstring(L, key);
    return lua_rawget(L, -2);
}

/* The names that tensors have, each with `true`: metadata does not say of every part whether it is
 * there. A file's first ones are enough, for its layers are alike. */
static json_t *tensor_names(const struct weights *weights) {
    enum { NAMES_MAX = 4096 };
    json_t *names = json_object();
    const size_t n = weights ? weights_count(weights) : 0;
    for (size_t i = 0; i < n && i < NAMES_MAX; i++)
        json_object_set_new(names, weights_at(weights, i)->name, json_true());
    return names;
}

static bool push_arguments(
    struct luabox *box, const struct arch_source *source, const json_t *config, struct err *err) {
    json_t *names = tensor_names(source->weights);
    const bool ok =
        luabox_push(box, config, ERR_INPUT, err) && luabox_push(box, names, ERR_INPUT, err);
    json_decref(names);
    return ok;
}

/* What arch/lib/`lib`.lua, a table by model type, says of a type (the caller's); NULL: nothing. */
static bool said_of_type(
    struct luabox *box, const char *lib, const char *type, json_t **said, struct err *err) {
    lua_State *L = luabox_state(box);
    const struct embedded *e = lib_find(lib);
    *said = NULL;
    BUG_IF(!e);
    if (!description_run(box, e->name, (const char *)e->data, e->size, err))
        return false;
    bool there = lua_getfield(L, -1, type) == LUA_TTABLE;
    if (there)
        *said = luabox_to_json(L, -1, err);
    lua_pop(L, 2);
    return *said || !there;
}

/* Keys that are absent; one that is null is there, and says that there is no such value. */
static void aliases_resolve(json_t *config, const json_t *aliases) {
    const char *alias;
    json_t *name;
    json_object_foreach((json_t *)(uintptr_t)aliases, alias, name) {
        json_t *value = json_object_get(config, alias);
        if (value && !json_object_get(config, json_string_value(name)))
            json_object_set(config, json_string_value(name), value);
    }
}

/* A rotation can't be absent: of a type with settings of its own null means these (transformers 5).
 */
static void rotation_forget_null(json_t *config) {
    if (json_is_null(json_object_get(config, "rope_scaling")))
        json_object_del(config, "rope_scaling");
}

/* The configuration as descriptions see it: of the text part, where a model has more than one, and
 * complete. */
static bool config_complete(struct luabox *box, json_t *config, struct err *err) {
    json_t *text = json_object_get(config, "text_config"), *aliases = NULL, *defaults = NULL;
    if (json_is_object(text))
        json_object_update(config, text);
    rotation_forget_null(config);
    const char *type = json_get_string(config, "model_type", "");
    bool ok = said_of_type(box, "aliases", type, &aliases, err) &&
              said_of_type(box, "defaults", type, &defaults, err);
    if (ok && aliases)
        aliases_resolve(config, aliases);
    if (ok && defaults)
        json_object_update_missing(config, defaults);
    json_decref(aliases);
    json_decref(defaults);
    return ok;
}

/* Calls the description's function with the configuration and the names of tensors; what it
 * returned, as JSON (the caller's). */
static json_t *description_call(
    struct luabox *box, const struct arch_source *source, const json_t *config, struct err *err) {
    lua_State *L = luabox_state(box);
    const char *function = source->gguf ? "metadata" : "config";
    if (raw_field(L, function) != LUA_TFUNCTION) {
        err_set(err, ERR_UNSUPPORTED, "the architecture has no function '%s'", function);
        return NULL;
    }
    if (!push_arguments(box, source, config, err) || !luabox_call(box, 2, 1, ERR_INPUT, err))
        return NULL;
    json_t *table = luabox_to_json(L, -1, err);
    if (!table)
        err->class = ERR_INPUT; /* not a task's fault */
    return table;
}

static bool arch_choose(struct luabox *box, const struct arch_source *source, struct err *err) {
    if (source->arch_file)
        return description_file(box, source->arch_file, err);
    const char *key = source->gguf ? "general.architecture" : "model_type";
    const char *type = json_get_string(source->config, key, NULL);
    if (!type)
        return err_set(err, ERR_INPUT, "'%s' is missing or not a string", key);
    return description_find(box, source, type, err);
}

bool arch_describe(
    const struct arch_source *source, struct arena *arena, struct spec *spec, struct err *err) {
    struct luabox *box = luabox_open(&arch_limits, err);
    if (!box)
        return false;
    lua_register(luabox_state(box), "include", include);
    json_t *config = without_long_arrays(source->config);
    bool ok = (source->gguf || config_complete(box, config, err)) && arch_choose(box, source, err);
    if (ok) {
        lua_State *L = luabox_state(box);
        const char *name = raw_field(L, "name") == LUA_TSTRING ? lua_tostring(L, -1) : "unnamed";
        name = arena_strdup(arena, name);
        lua_pop(L, 1);
        json_t *table = description_call(box, source, config, err);
        ok = table && spec_read(table, arena, spec, err);
        spec->name = name;
        json_decref(table);
    }
    json_decref(config);
    luabox_close(box);
    return ok || err_wrap(err, "%s", source->what);
}

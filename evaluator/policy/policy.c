/* See policy.h. */
#include "evaluator/policy/policy.h"

#include <lauxlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/file.h"
#include "base/luabox.h"
#include "base/mem.h"
#include "evaluator/policy/policy_text.h"

#define POLICY_MAX ((size_t)1 << 20)
#define INSTRUCTIONS 10000000ul

extern const struct embedded policy_files[];

struct policy {
    struct luabox *box;
    char *name;
    int judge; /* the function's place in the registry */
};

/* ---- opening ---- */

const char *policy_wanted(const char *name) {
    const char *wanted = name ? name : getenv("ASSAY_POLICY");
    return wanted && *wanted ? wanted : "default";
}

bool policy_read(const char *name, struct strbuf *text, struct err *err) {
    char file[128];
    snprintf(file, sizeof file, "%.100s.lua", name);
    const struct embedded *shipped = strchr(name, '/') ? NULL : embedded_find(policy_files, file);
    if (shipped && strcmp(file, "prelude.lua")) {
        strbuf_add(text, (const char *)shipped->data, shipped->size);
        return true;
    }
    if (!file_exists(name)) {
        err_set(err, ERR_NOT_FOUND, "there is no policy '%s'", name);
        return err_hint(err, "name a Lua file, or one that is shipped: default, public");
    }
    return file_read(name, POLICY_MAX, text, err);
}

static bool run_prelude(struct luabox *box, struct err *err) {
    const struct embedded *prelude = embedded_find(policy_files, "prelude.lua");
    return luabox_run(
        box, "prelude.lua", (const char *)prelude->data, prelude->size, 0, ERR_BUG, err);
}

static bool load(struct policy *p, const struct strbuf *text, struct err *err) {
    struct luabox_limits limits = { .heap_bytes = (size_t)16 << 20, .instructions = INSTRUCTIONS };
    if (!(p->box = luabox_open(&limits, err)) || !run_prelude(p->box, err) ||
        !luabox_run(p->box, path_base(p->name), strbuf_str(text), text->len, 1, ERR_TASK, err)) {
        return false;
    }
    lua_State *L = luabox_state(p->box);
    if (!lua_isfunction(L, -1)) {
        return err_set(err, ERR_TASK, "policy '%s' returns no function", p->name);
    }
    p->judge = luaL_ref(L, LUA_REGISTRYINDEX);
    return true;
}

struct policy *policy_of_text(const char *name, const struct strbuf *text, struct err *err) {
    struct policy *p = xcalloc(1, sizeof *p);
    p->name = xstrdup(name);
    if (!load(p, text, err)) {
        policy_close(p);
        return NULL;
    }
    return p;
}

struct policy *policy_open(const char *name, struct err *err) {
    struct strbuf text = { 0 };
    const char *wanted = policy_wanted(name);
    struct policy *p = policy_read(wanted, &text, err) ? policy_of_text(wanted, &text, err) : NULL;
    strbuf_release(&text);
    return p;
}

void policy_close(struct policy *p) {
    if (p) {
        luabox_close(p->box);
        free(p->name);
        free(p);
    }
}

/* ---- asking ---- */

static const char *const ANSWERS[] = { "accept", "refuse", "hold" };

const char *policy_answer_name(enum policy_answer answer) {
    return ANSWERS[answer];
}

static bool code_valid(const char *code) {
    size_t n = strlen(code);
    return n > 0 && n <= 60 && strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* The table on top of the stack. */
static bool read_verdict(
    struct policy *p, lua_State *L, struct policy_verdict *verdict, struct err *err) {
    if (!lua_istable(L, -1)) {
        return err_set(err, ERR_TASK, "policy '%s' answered a %s: accept(), refuse() and hold() do",
            p->name, luaL_typename(L, -1));
    }
    const char *answer = luabox_get_string(L, -1, "answer", "");
    const char *code = luabox_get_string(L, -1, "code", "");
    const char *reason = luabox_get_string(L, -1, "reason", "");
    int which = 0;
    while (which < 3 && strcmp(ANSWERS[which], answer)) {
        which++;
    }
    if (which == 3) {
        return err_set(err, ERR_TASK, "policy '%s' answered '%.40s'", p->name, answer);
    }
    if (which != POLICY_ACCEPT && (!code_valid(code) || !*reason)) {
        return err_set(err, ERR_TASK,
            "policy '%s' answered %s without a code (lower-case words) and a reason", p->name,
            answer);
    }
    verdict->answer = (enum policy_answer)which;
    snprintf(verdict->code, sizeof verdict->code, "%s", which ? code : "");
    snprintf(verdict->reason, sizeof verdict->reason, "%s", which ? reason : "");
    return true;
}

bool policy_ask(
    struct policy *p, const json_t *facts, struct policy_verdict *verdict, struct err *err) {
    lua_State *L = luabox_state(p->box);
    int top = lua_gettop(L);
    luabox_refill(p->box);
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->judge);
    bool ok = luabox_push(p->box, facts, ERR_TASK, err) &&
              luabox_call(p->box, 1, 1, ERR_TASK, err) && read_verdict(p, L, verdict, err);
    lua_settop(L, top);
    return ok || err_wrap(err, "policy '%s' on '%s'", p->name, json_get_string(facts, "id", ""));
}

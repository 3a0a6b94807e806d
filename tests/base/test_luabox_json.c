/* Lua values as JSON and back, and what a hostile script may try on the way. */
#include "check.h"

#include <lua.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/luabox.h"

static struct luabox *box_with(const char *text) {
    struct err err = ERR_INIT;
    struct luabox *box = luabox_open(NULL, &err);
    assert_ok(box, &err);
    assert_ok(luabox_run(box, "test.lua", text, strlen(text), 1, ERR_TASK, &err), &err);
    return box;
}

static void becomes(const char *text, const char *want) {
    struct err err = ERR_INIT;
    struct luabox *box = box_with(text);
    json_t *json = luabox_to_json(luabox_state(box), -1, &err);
    assert_ok(json, &err);
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, false);
    jw_json(&w, json);
    assert_string_equal(strbuf_str(&out), want);
    assert_int_equal(lua_gettop(luabox_state(box)), 1);
    strbuf_release(&out);
    json_decref(json);
    luabox_close(box);
}

static void has_no_json(const char *text, const char *part) {
    struct err err = ERR_INIT;
    struct luabox *box = box_with(text);
    assert_null(luabox_to_json(luabox_state(box), -1, &err));
    assert_int_equal(err.class, ERR_TASK);
    assert_contains(err.msg, part);
    assert_int_equal(lua_gettop(luabox_state(box)), 1);
    assert_null(luabox_to_json(luabox_state(box), -1, NULL));
    luabox_close(box);
}

static void values_have_their_json_form(void **state) {
    (void)state;
    becomes("return nil", "null");
    becomes("return true", "true");
    becomes("return 1 << 62", "4611686018427387904");
    becomes("return 1.0", "1.0");
    becomes("return 'a\\0b\u20ac'", "\"a\\u0000b\u20ac\"");
    becomes("return {}", "[]");
    becomes("return { 1, { 2 }, 'x' }", "[1, [2], \"x\"]");
    becomes("return { a = { 1 } }", "{\"a\": [1]}");
    becomes("return { [1] = 1, [2] = 2 }", "[1, 2]");
}

static void what_has_no_json_form_says_why(void **state) {
    (void)state;
    has_no_json("return function() end", "function");
    has_no_json("return { a = function() end }", "function");
    has_no_json("return 0 / 0", "not finite");
    has_no_json("return { math.huge }", "not finite");
    has_no_json("return '\\xff'", "UTF-8");
    has_no_json("return { ['\\xff'] = 1 }", "UTF-8");
    has_no_json("return { [1.5] = 1 }", "keys");
    has_no_json("return { 1, 2, x = 3 }", "keys");
    has_no_json("return { [true] = 1 }", "keys");
    has_no_json("local t = {} t[1] = t return t", "deep");
    has_no_json("local t = {} t.t = t return t", "deep");
}

/* Forty tables that each hold the one before twice are 2^40 values when written out. */
static void shared_tables_do_not_explode(void **state) {
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit cpu = { 60, 61 };
        setrlimit(RLIMIT_CPU, &cpu);
        struct luabox *box = box_with("local t = { 1 } for i = 1, 40 do t = { t, t } end return t");
        _exit(luabox_to_json(luabox_state(box), -1, NULL) ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    has_no_json(
        "local s, t = ('x'):rep(1 << 20), {} for i = 1, 1000 do t[i] = s end return t", "large");
}

static void json_becomes_lua_and_comes_back(void **state) {
    (void)state;
    const char *text = "{\"a\": [1, 2.5, \"x\", true, {\"b\": []}], \"c\": -3}";
    struct err err = ERR_INIT;
    json_t *json = json_parse(text, strlen(text), "text", &err);
    assert_ok(json, &err);
    struct luabox *box = box_with("return 0");
    lua_State *L = luabox_state(box);
    luabox_push_json(L, json);
    json_t *back = luabox_to_json(L, -1, &err);
    assert_ok(back, &err);
    assert_true(json_equal(json, back));
    luabox_push_json(L, NULL);
    assert_true(lua_isnil(L, -1));
    json_decref(back);
    json_decref(json);
    luabox_close(box);
}

/* A document that doesn't fit the heap is an error, not the end of the process. */
static void a_document_larger_than_the_heap_is_an_error(void **state) {
    (void)state;
    const struct luabox_limits small = { .heap_bytes = 1 << 20 };
    struct err err = ERR_INIT;
    struct luabox *box = luabox_open(&small, &err);
    assert_ok(box, &err);
    json_t *big = json_array();
    for (int i = 0; i < 50000; i++) {
        json_array_append_new(big, json_array());
    }
    assert_false(luabox_push(box, big, ERR_INPUT, &err));
    assert_int_equal(err.class, ERR_INPUT);
    assert_contains(err.msg, "memory");
    assert_int_equal(lua_gettop(luabox_state(box)), 0);
    json_array_clear(big);
    json_array_append_new(big, json_integer(5));
    assert_ok(luabox_push(box, big, ERR_INPUT, &err), &err);
    assert_int_equal(lua_rawlen(luabox_state(box), -1), 1);
    assert_int_equal(lua_gettop(luabox_state(box)), 1);
    json_decref(big);
    luabox_close(box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_their_json_form),
        cmocka_unit_test(what_has_no_json_form_says_why),
        cmocka_unit_test(shared_tables_do_not_explode),
        cmocka_unit_test(json_becomes_lua_and_comes_back),
        cmocka_unit_test(a_document_larger_than_the_heap_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The file of remote models: what it may say, and what is said of what it may not. */
#include "tests/evaluator/folder.h"

#include "evaluator/remote/remote.h"

#define API(fields)                                                                                \
    "return { mini = { kind = \"openai\", speaks = \"chat\", url = "                               \
    "\"https://api.example.org/v1\", "                                                             \
    "model = \"mini-2\", " fields " } }"

static struct apis read_text(const char *lua) {
    struct apis apis;
    struct err err = ERR_INIT;
    if (!apis_of_text(&apis, "apis.lua", lua, strlen(lua), &err)) {
        fail_msg("%s", err.msg);
    }
    return apis;
}

static struct err error_of(const char *lua) {
    struct apis apis;
    struct err err = ERR_INIT;
    assert_false(apis_of_text(&apis, "apis.lua", lua, strlen(lua), &err));
    assert_null(apis.json);
    return err;
}

static void refused(const char *lua, const char *word) {
    struct err err = error_of(lua);
    if (!strstr(err.msg, word) && !strstr(err.hint, word)) {
        fail_msg("no '%s' in: %s (%s)", word, err.msg, err.hint);
    }
}

static void what_is_not_said_has_a_default(void **state) {
    (void)state;
    struct apis a = read_text(API(""));
    const struct api *api = apis_find(&a, "apis.lua", "api:mini", &(struct err) { 0 });
    assert_non_null(api);
    assert_int_equal(api->kind, API_OPENAI);
    assert_int_equal(api->speaks, API_CHAT);
    assert_int_equal(api->concurrency, 8);
    assert_false(api->priced);
    assert_true(api->ceiling < 0);
    assert_null(api->key_env);
    apis_release(&a);
    a = read_text("return { tei = { kind = 'tei', url = 'http://127.0.0.1:8080', model = 'm' }, "
                  "c = { kind = 'anthropic', url = 'https://a.b/v1', model = 'm' } }");
    assert_int_equal(a.n, 2);
    assert_string_equal(a.items[0].name, "c");
    assert_int_equal(a.items[0].speaks, API_CHAT);
    assert_int_equal(a.items[1].speaks, API_EMBEDDINGS);
    apis_release(&a);
    a = read_text("return {}");
    assert_int_equal(a.n, 0);
    apis_release(&a);
}

static void all_is_read(void **state) {
    (void)state;
    struct apis a = read_text(API("key_env = 'A_KEY', answers_as = 'mini-2b', "
                                  "limits = { concurrency = 3, requests_per_minute = 0.5, "
                                  "tokens_per_minute = 1e6, timeout_s = 9, retry_ms = 7 }, "
                                  "price = { input = 0.15, output = 0.6, currency = 'EUR' }, "
                                  "ceiling = 2.5, extra = { reasoning = 'low' }"));
    const struct api *api = &a.items[0];
    assert_string_equal(api->key_env, "A_KEY");
    assert_int_equal(api->concurrency, 3);
    assert_true(api->requests_a_minute == 0.5 && api->tokens_a_minute == 1e6);
    assert_true(api->priced && api->price_in == 0.15 && api->price_out == 0.6);
    assert_true(api->ceiling == 2.5);
    assert_string_equal(api->currency, "EUR");
    assert_int_equal(api->timeout_s, 9);
    apis_release(&a);
}

static void keys_do_not_belong_there(void **state) {
    (void)state;
    refused(API("key = 'sk-0123456789abcdefghijklmnop'"), "does not belong");
    refused(API("key_env = 'sk-0123456789abcdefghijklmnop'"), "looks like a key");
    refused(API("extra = { user = 'sk-0123456789abcdefghijklmnop' }"), "looks like a key");
    struct err err = error_of(API("key_file = 'sk-0123456789abcdefghijklmnop'"));
    assert_null(strstr(err.msg, "0123456789")); /* nor is it repeated */
    refused(
        "return { mini = { kind = 'vllm', speaks = 'chat', url = 'http://far.example/v1', model = "
        "'m', key_env = 'K' } }",
        "plain http");
}

static void mistakes_are_named(void **state) {
    (void)state;
    refused(API("pice = { input = 1, output = 1 }"), "'price'");
    refused(API("limits = { concurency = 1 }"), "'concurrency'");
    refused(API("limits = { concurrency = 0 }"), "from 1 to 256");
    refused(API("limits = { concurrency = 1.5 }"), "whole");
    refused(API("ceiling = 5"), "no price");
    refused(API("price = { input = 1 }"), "'output'");
    refused(API("price = { input = -1, output = 1 }"), "from 0");
    refused(API("key_env = 'A KEY'"), "name of a variable");
    refused(API("key_env = 'A', key_file = 'b'"), "both");
    refused(API("extra = { logprobs = false }"), "'logprobs'");
    refused("return { x = { kind = 'openai', speaks = 'talk', url = 'https://a.b', model = 'm' } }",
        "completions, chat, embeddings");
    refused("return { x = { speaks = 'chat' } }", "openai, anthropic");
    refused("return { x = { kind = 'openai', url = 'https://a.b', model = 'm' } }", "'speaks'");
    refused("return { x = { kind = 'tei', speaks = 'chat', url = 'https://a.b', model = 'm' } }",
        "has no chat");
    refused("return { x = { kind = 'tei', url = 'https://u:p@a.b', model = 'm' } }", "'url'");
    refused("return { x = { kind = 'tei', url = 'a.b', model = 'm' } }", "'url'");
    refused("return { x = { kind = 'tei', url = 'https://a.b' } }", "'model'");
    refused("return { ['a/b'] = {} }", "no name");
    refused("return { x = 1 }", "table");
    refused("return 1", "table");
    refused("return { x = ", "apis.lua");
}

static void names_are_found_or_nearly(void **state) {
    (void)state;
    struct apis a = read_text(API(""));
    struct err err = ERR_INIT;
    assert_null(apis_find(&a, "apis.lua", "api:minni", &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    assert_non_null(strstr(err.hint, "api:mini"));
    apis_release(&a);
}

static void an_identity_is_of_what_is_asked(void **state) {
    (void)state;
    char one[65], two[65];
    struct apis a = read_text(API("")),
                b = read_text(API("ceiling = 1, price = { input = 1, output "
                                  "= 1 }, key_env = 'K'"));
    struct apis c = read_text("return { mini = { kind = 'openai', speaks = 'chat', url = "
                              "'https://api.example.org/v1', model = 'mini-3' } }");
    api_identity(&a.items[0], one);
    api_identity(&b.items[0], two);
    assert_string_equal(one, two);
    api_identity(&c.items[0], two);
    assert_string_not_equal(one, two);
    apis_release(&a);
    apis_release(&b);
    apis_release(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_has_a_default),
        cmocka_unit_test(all_is_read),
        cmocka_unit_test(keys_do_not_belong_there),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(names_are_found_or_nearly),
        cmocka_unit_test(an_identity_is_of_what_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

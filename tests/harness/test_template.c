/* Chat templates against what Jinja made of them (fixtures/templates), against the shared fixtures'
 * conversations, and against their ceilings; where a model keeps its templates. */
#include "weight_files.h"

#include <string.h>

#include "harness/harness.h"
#include "harness/template/template.h"

#define NOW 1767323045 /* 2026-01-02 03:04:05 */

static bool render(
    const char *text, size_t n, const json_t *variables, struct strbuf *out, struct err *err) {
    struct template *t = template_parse(text, n, err);
    const bool ok = t && template_render(t, variables, NOW, out, err);
    template_free(t);
    return ok;
}

/* The next line of *at as JSON; NULL at the end. */
static json_t *next_row(char **at) {
    struct err err = ERR_INIT;
    char *line = *at, *end = strchr(line, '\n');
    if (!*line)
        return NULL;
    *at = end ? end + 1 : line + strlen(line);
    json_t *row = json_parse(line, end ? (size_t)(end - line) : strlen(line), "a row", &err);
    if (!row)
        fail_msg("%s", err.msg);
    return row;
}

static void case_check(const json_t *row, const json_t *variables) {
    const json_t *template = json_object_get(row, "template");
    const char *text = json_string_value(template), *want = json_get_string(row, "text", NULL);
    struct strbuf out = { 0 };
    struct err err = ERR_INIT;
    const bool ok = render(text, json_string_length(template), variables, &out, &err);
    if (ok != (want != NULL))
        fail_msg("%s\n%s, and Jinja %s", text, ok ? "is rendered" : err.msg,
            want ? want : json_get_string(row, "error", ""));
    if (want && strcmp(strbuf_str(&out), want) != 0)
        fail_msg("%s\nbecomes\n%s\nnot\n%s", text, strbuf_str(&out), want);
    strbuf_release(&out);
}

static void templates_become_what_jinja_makes_of_them(void **state) {
    (void)state;
    struct strbuf rows = { 0 };
    struct err err = ERR_INIT;
    size_t n = 0;
    assert_true(file_read(ASSAY_TESTS_DIR "/fixtures/templates/cases.jsonl", 1 << 20, &rows, &err));
    char *at = rows.text;
    json_t *head = next_row(&at), *row;
    for (; (row = next_row(&at)); json_decref(row), n++)
        case_check(row, json_object_get(head, "variables"));
    assert_true(n > 100);
    json_decref(head);
    strbuf_release(&rows);
}

/* ---- ceilings ---- */

static void refused(const char *text, const char *why) {
    struct strbuf out = { 0 };
    struct err err = ERR_INIT;
    json_t *none = json_object();
    if (render(text, strlen(text), none, &out, &err))
        fail_msg("%.200s is rendered", text);
    assert_error(&err, err.class, why, NULL);
    assert_true(err.class == ERR_INPUT || err.class == ERR_RESOURCE);
    json_decref(none);
    strbuf_release(&out);
}

static void fault_83_what_would_not_end_is_stopped(void **state) {
    (void)state;
    refused("{% for i in range(10**9) %}x{% endfor %}", "loop bound");
    refused("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "more than");
    refused("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "recursion");
    refused("{{ 'x' * 10**10 }}", "output size");
    refused("{% set ns = namespace(s='xxxxxxxxxxxxxxxx') %}{% for i in range(60) %}"
            "{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "memory");
    refused("{% for i in range(9999) %}{{ 'x' * 9999 }}{% endfor %}", "output size");
    refused("{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}"
            "{% endfor %}{{ ns.l }}",
        "recursion");
    refused("{% set ns = namespace(a=[], b=[]) %}{% for i in range(9999) %}{% set ns.a = [ns.a] %}"
            "{% set ns.b = [ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
        "recursion");
    refused(
        "{% for i in range(9) %}{{ '%99999d' % 1 }}{{ '%*d' % (10**9, 1) }}{% endfor %}", "width");
}

/* `n` times one text, then another. */
static char *repeated(const char *part, size_t n, const char *end) {
    struct strbuf out = { 0 };
    for (size_t i = 0; i < n; i++)
        strbuf_adds(&out, part);
    strbuf_adds(&out, end);
    return strbuf_take(&out);
}

static void fault_83_deep_nesting_is_an_error_and_no_crash(void **state) {
    (void)state;
    static const char *const parts[] = { "{{ (", "{{ [", "{{ -", "{{ not ", "{% if 1 %}",
        "{% for x in ", "{{ a[", "{{ {1:", "{{ 1 if ", "{{ a(" };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *inner = repeated(parts[i] + (parts[i][1] == '{' ? 3 : 0), 5000, "1");
        char *text = repeated(parts[i], 1, inner);
        refused(text, "template line");
        free(inner);
        free(text);
    }
    char *sum = repeated("1+", 100000, "1 }}"), *text = repeated("{{ ", 1, sum);
    refused(text, "recursion");
    free(sum);
    free(text);
}

static void errors_name_their_line(void **state) {
    (void)state;
    refused("a\nb\n{% if x %}", "line 3");
    refused("a\n{{ 'x\n", "line 2");
    refused("\n\n{{ nothing.at.all }}", "line 3: 'nothing' is undefined");
    refused("\n{% import 'x' as y %}", "line 2: a chat template cannot load other templates");
    refused("{{ [].append(1) }}", "attribute 'append' is not safe");
    refused("{{ ''.__class__.__mro__[1] }}", "attribute '__class__' is not safe");
    refused("{% endfor %}", "unknown tag 'endfor'");
    refused("\xff", "UTF-8");
}

static void what_is_not_known_is_listed_and_fails_when_it_is_reached(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    static const char text[] =
        "{% if no %}{{ 1 | xmlattr }}{{ 1 is odder }}{{ 2 | xmlattr }}{% endif %}ok";
    struct template *t = template_parse(text, strlen(text), &err);
    assert_non_null(t);
    size_t n;
    const char *const *unknown = template_unknown(t, &n);
    assert_int_equal(n, 2);
    assert_string_equal(unknown[0], "filter 'xmlattr'");
    assert_string_equal(unknown[1], "test 'odder'");
    template_free(t);
    json_t *variables = json_object();
    struct strbuf out = { 0 };
    assert_true(render(text, strlen(text), variables, &out, &err));
    assert_string_equal(strbuf_str(&out), "ok");
    json_object_set_new(variables, "no", json_true());
    assert_false(render(text, strlen(text), variables, &out, &err));
    assert_error(&err, ERR_UNSUPPORTED, "no filter named 'xmlattr'", NULL);
    assert_string_equal(strbuf_str(&out), "ok");
    json_decref(variables);
    strbuf_release(&out);
}

/* ---- where templates live ---- */

static void put(const char *dir, const char *name, const char *text) {
    free(file_put(dir, name, text, strlen(text)));
}

static void answers(const char *path, const char *request, const char *want) {
    struct err err = ERR_INIT;
    struct strbuf out = { 0 };
    struct chat_template *c = chat_template_open(path, &err);
    if (!c)
        fail_msg("%s", err.msg);
    json_t *object = json_parse(request, strlen(request), "request", &err);
    assert_non_null(object);
    if (chat_template_render(c, object, NOW, &out, &err))
        assert_string_equal(strbuf_str(&out), want);
    else if (!strstr(err.msg, want))
        fail_msg("'%s' is not in: %s", want, err.msg);
    json_decref(object);
    strbuf_release(&out);
    chat_template_close(c);
}

#define HELLO "{\"id\": 7, \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], \"x\": null"

static void a_folder_has_one_template_or_several_by_name(void **state) {
    const char *dir = *state;
    struct err err = ERR_INIT;
    assert_null(chat_template_open(dir, &err));
    assert_error(&err, ERR_NOT_FOUND, "no chat template", NULL);
    put(dir, "tokenizer_config.json",
        "{\"model_max_length\": 1000000000000000019884624838656, \"bos_token\": {\"content\": "
        "\"<s>\"}, \"chat_template\": [{\"name\": \"default\", \"template\": \"{{ bos_token }}"
        "{{ messages[0].content }}{{ x is defined }}{{ id is defined }}{{ tools }}\"}, {\"name\": "
        "\"tool_use\", \"template\": \"tools {{ tools }}\"}]}");
    answers(dir, HELLO "}", "<s>hiFalseFalseNone");
    answers(dir, HELLO ", \"tools\": [1, 2]}", "tools [1, 2]");
    answers(dir, HELLO ", \"chat_template\": \"tool_use\"}", "tools None");
    answers(dir, HELLO ", \"chat_template\": \"other\"}", "none is named 'other'");
    put(dir, "chat_template.jinja", "file {{ eos_token is defined }}");
    answers(dir, HELLO "}", "file False");
    answers(dir, "{\"messages\": [1]}", "message 1 is not an object");
    answers(dir, "{\"messages\": 1}", "'messages' is not a list");
}

static void reasoning_is_there_under_its_other_names(void **state) {
    put(*state, "chat_template.jinja",
        "{% for m in messages %}{{ m.reasoning_content }}-{{ m.thinking }};{% endfor %}");
    answers(*state, "{\"messages\": [{\"reasoning\": \"a\"}, {\"thinking\": \"b\"}, {\"x\": 1}]}",
        "a-a;b-b;-;");
}

static void the_last_message_can_be_gone_on_with(void **state) {
#define GO_ON ", \"continue_final_message\": true"
    put(*state, "chat_template.jinja", "<{{ messages[-1].content }}>end");
    answers(*state, HELLO GO_ON "}", "<hi");
    answers(*state, HELLO GO_ON ", \"add_generation_prompt\": true}", "cannot both");
    answers(*state, "{\"messages\": []" GO_ON "}", "no 'content' to go on with");
    answers(*state, "{\"messages\": [{\"content\": [{\"text\": \"a\"}, {\"image\": 1}]}]" GO_ON "}",
        "<[{'text': 'a");
    put(*state, "chat_template.jinja", "<{{ messages[-1].content | trim }}>end");
    answers(*state, "{\"messages\": [{\"content\": \" hi  \"}]" GO_ON "}", "<hi");
    put(*state, "chat_template.jinja", "nothing of its content");
    answers(*state, HELLO GO_ON "}", "is not in what the chat template made");
}

static void a_gguf_file_has_templates_and_tokens_in_its_metadata(void **state) {
    struct strbuf f = { 0 };
    gguf_begin(&f, 3, 0, 5);
    gguf_key_string(&f, "general.architecture", "llama");
    gguf_key_string(&f, "tokenizer.chat_template", "{{ bos_token }}{{ messages[0].content }}");
    gguf_key_string(&f, "tokenizer.chat_template.tool_use", "T");
    gguf_key_u32(&f, "tokenizer.ggml.bos_token_id", 1);
    gguf_key_array(&f, "tokenizer.ggml.tokens", 8, 2);
    gguf_string(&f, "a");
    gguf_string(&f, "<bos>");
    char *path = file_put(*state, "m.gguf", f.text, f.len);
    answers(path, HELLO "}", "<bos>hi");
    answers(path, HELLO ", \"tools\": []}", "T");
    free(path);
    strbuf_release(&f);
}

/* ---- the shared conversations ---- */

static void shared_case(struct chat_template *c, json_t *row, const char *name, int number) {
    const char *want = json_get_string(row, "text", NULL);
    json_t *request = json_copy(row);
    json_object_del(request, "text");
    json_object_update(request, json_object_get(row, "kwargs"));
    json_object_del(request, "kwargs");
    json_object_del(request, "error");
    struct strbuf out = { 0 };
    struct err err = ERR_INIT;
    const bool ok = chat_template_render(c, request, NOW, &out, &err);
    if (ok != (want != NULL) || (ok && strcmp(strbuf_str(&out), want) != 0))
        fail_msg("%s, case %d: %s", name, number, ok ? strbuf_str(&out) : err.msg);
    strbuf_release(&out);
    json_decref(request);
}

static void conversations_of_the_shared_fixtures_are_rendered_to_the_byte(void **state) {
    (void)state;
    static const char *const names[] = { "chatml", "command-r-style", "gemma-it", "gemma3",
        "granite-3.0", "jinja-features", "llama-2-chat", "llama-3-instruct", "mistral-instruct",
        "phi-3", "qwen2.5", "qwen3", "smollm3", "vicuna", "zephyr" };
    char *folder = shared_path("fixtures/chat");
    if (!folder)
        skip();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char file[64];
        struct err err = ERR_INIT;
        struct strbuf rows = { 0 };
        snprintf(file, sizeof file, "%s.jinja", names[i]);
        char *path = path_join(folder, file);
        struct chat_template *c = chat_template_open(path, &err);
        free(path);
        snprintf(file, sizeof file, "%s.cases.jsonl", names[i]);
        path = path_join(folder, file);
        assert_true(c && file_read(path, 1 << 20, &rows, &err));
        free(path);
        char *at = rows.text;
        int number = 0;
        for (json_t *row; (row = next_row(&at)); json_decref(row))
            shared_case(c, row, names[i], number++);
        strbuf_release(&rows);
        chat_template_close(c);
    }
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_become_what_jinja_makes_of_them),
        cmocka_unit_test(fault_83_what_would_not_end_is_stopped),
        cmocka_unit_test(fault_83_deep_nesting_is_an_error_and_no_crash),
        cmocka_unit_test(errors_name_their_line),
        cmocka_unit_test(what_is_not_known_is_listed_and_fails_when_it_is_reached),
        WITH_SCRATCH(a_folder_has_one_template_or_several_by_name),
        WITH_SCRATCH(reasoning_is_there_under_its_other_names),
        WITH_SCRATCH(the_last_message_can_be_gone_on_with),
        WITH_SCRATCH(a_gguf_file_has_templates_and_tokens_in_its_metadata),
        cmocka_unit_test(conversations_of_the_shared_fixtures_are_rendered_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

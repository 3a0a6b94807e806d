/* Task files that mean harm, or are merely wrong: each ends in a clear error of the right class,
 * and the process that asked lives on. Most are cases of reliability rows 88 to 97. */
#include "task_main.h"

#include <stdio.h>

static char dir[] = "/tmp/assay-hostile-XXXXXX";

struct hostile {
    const char *name, *text;
    enum err_class class;
    const char *says; /* part of the message or the hint */
};

#define CHOICE(fields)                                                                             \
    "return choice { name = 'x', version = 1, documents = function() return {{}} end,\n" fields " }"

static const struct hostile cases[] = {
    /* loops */
    { "loop", "while true do end", ERR_TASK, "budget" },
    { "loop in pcall", "while true do pcall(function() while true do end end) end", ERR_TASK,
        "budget" },
    { "loop in doc", CHOICE("doc = function() while true do end end"), ERR_TASK, "budget" },
    { "loop in __index",
        "local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
        ERR_TASK, "budget" },
    { "loop in __tostring",
        "tostring(setmetatable({}, { __tostring = function() while true do end end }))", ERR_TASK,
        "budget" },
    { "loop in gsub's function", "gsub('a', 'a', function() while true do end end)", ERR_TASK,
        "budget" },
    { "loop in string.gsub", "(('a'):rep(3000)):gsub('.-.-.-.-.-b', '')", ERR_TASK, "budget of" },
    { "finalizer", "setmetatable({}, { __gc = function() while true do end end })", ERR_TASK,
        "__gc" },
    { "table.move", "table.move({}, 1, 1 << 40, 2)", ERR_TASK, "too many elements" },
    { "endless rows",
        CHOICE("doc = function() return setmetatable({}, { __index = function(t, k) while true do "
               "end end }) end"),
        ERR_TASK, "budget" },
    { "sort", "local t = {} for i = 1, 90000 do t[i] = i end for i = 1, 1e9 do table.sort(t) end",
        ERR_TASK, "budget" },
    /* memory */
    { "doubling", "local s = 'x' while true do s = s .. s end", ERR_TASK, "memory" },
    { "big table", "local t = {} for i = 1, 1e9 do t[i] = { i } end", ERR_TASK, "" },
    { "rep", "return ('x'):rep(1 << 40)", ERR_TASK, "too large" },
    { "gsub growth", "local s = ('a'):rep(1 << 20) return gsub(s, 'a', s)", ERR_TASK, "MiB" },
    { "recursion", "local function f() return 1 + f() end return f()", ERR_TASK, "overflow" },
    { "nesting", NULL, ERR_TASK, "" },
    { "pattern recursion", "return gsub('a', ('(a'):rep(200), '')", ERR_TASK, "pattern" },
    /* what is not there */
    { "os", "return os.execute('id')", ERR_TASK, "hostile.lua:1" },
    { "io", "return io.open('/etc/passwd')", ERR_TASK, "nil value (global 'io')" },
    { "load", "return load('return 1')", ERR_TASK, "global 'load'" },
    { "require", "return require 'os'", ERR_TASK, "global 'require'" },
    { "debug", "return debug.getregistry()", ERR_TASK, "global 'debug'" },
    { "string metatable", "getmetatable('').__index = nil", ERR_TASK, "" },
    { "host", "return host.rows(1, {})", ERR_TASK, "global 'host'" },
    { "bytecode", "\x1bLua", ERR_TASK, "binary" },
    { "include outside", "return include '../../etc/passwd'", ERR_TASK, "not a relative path" },
    { "include absolute", "return include '/etc/passwd'", ERR_TASK, "not a relative path" },
    { "absolute file",
        "return choice { name = 'x', version = 1, data = file '/etc/passwd' { format = 'lines' },\n"
        "doc = function(r) return { query = r.line, choices = { 'a', 'b' }, gold = 0 } end }",
        ERR_TASK, "relative to the task file" },
    { "file outside",
        "return choice { name = 'x', version = 1, data = file '../../etc/passwd' { format = "
        "'lines' },\n"
        "doc = function(r) return { query = r.line, choices = { 'a', 'b' }, gold = 0 } end }",
        ERR_TASK, "outside" },
    { "bad repository",
        "return choice { name = 'x', version = 1, data = hub '../x' {}, doc = print or function() "
        "end }",
        ERR_TASK, "not the name of a data set" },
    /* wrong files */
    { "empty", "", ERR_TASK, "hostile.lua:1: the file returns nothing" },
    { "a string", "return 'x'", ERR_TASK, "returns a string" },
    { "a plain table", "return { kind = 'choice', name = 'x' }", ERR_TASK, "returns a table" },
    { "syntax", "return choice {\n  name = 'x',\n  version 1 }", ERR_TASK, "hostile.lua:3:" },
    { "unknown field", CHOICE("doc = function() end,\n shotz = 3"), ERR_TASK,
        "hostile.lua:3: 'shotz' is no field of a task of kind 'choice': did you mean 'shots'?" },
    { "wrong type", CHOICE("doc = 'x'"), ERR_TASK,
        "hostile.lua:2: 'doc' must be a function, got a string" },
    { "missing field", CHOICE(""), ERR_TASK, "'doc' is missing" },
    { "unknown metric", CHOICE("doc = function() end, main = 'acc_nrom'"), ERR_TASK,
        "did you mean 'acc_norm'?" },
    { "bad option", "return choice { name = 'x', version = 1, data = hub 'a/b' { splt = 'test' } }",
        ERR_TASK, "no option 'splt'" },
    { "bad revision", "return choice { data = hub 'a/b' { revision = 'main' } }", ERR_TASK,
        "40 hexadecimal" },
    { "very many fields", "local t = {} for i = 1, 300000 do t['f' .. i] = i end return choice(t)",
        ERR_TASK, "lint' shows all" },
    { "no filter",
        "return generate { name = 'x', version = 1, data = file 'x.jsonl' {}, doc = function() "
        "end, filters = { a = { 1 } } }",
        ERR_TASK, "step 1 of filter 'a' is a number, not a step" },
    { "bad expression",
        "return generate { name = 'x', version = 1, data = file 'x.jsonl' {}, doc = function() "
        "end, filters = { a = { regex '(' } } }",
        ERR_TASK, "bad regular expression '('" },
    { "endless expression",
        "return generate { name = 'x', version = 1, data = file 'x.jsonl' {}, doc = function() "
        "end, filters = { a = { regex(('(?:a{9}){9}'):rep(150)) } } }",
        ERR_TASK, "a regular expression is larger" },
    /* wrong documents */
    { "no gold", CHOICE("doc = function() return { query = 'q', choices = { 'a', 'b' } } end"),
        ERR_TASK, "hostile.lua:2: doc: row 1: 'gold' must be" },
    { "gold too large",
        CHOICE("doc = function() return { query = 'q', choices = { 'a', 'b' }, gold = 2 } end"),
        ERR_TASK, "'gold' is 2, but there are 2 choices" },
    { "gold negative",
        CHOICE("doc = function() return { query = 'q', choices = { 'a', 'b' }, gold = -1 } end"),
        ERR_TASK, "'gold' is -1" },
    { "gold a word",
        CHOICE("doc = function() return { query = 'q', choices = { 'a', 'b' }, gold = 'A' } end"),
        ERR_TASK, "'gold' must be the number" },
    { "one choice",
        CHOICE("doc = function() return { query = 'q', choices = { 'a' }, gold = 0 } end"),
        ERR_TASK, "a list of at least 2 strings, got 1" },
    { "error in doc", CHOICE("doc = function(row) return { query = row.a.b } end"), ERR_TASK,
        "(row 1)" },
    { "not UTF-8",
        CHOICE("doc = function() return { query = '\\xff', choices = { 'a', 'b' }, gold = 0 } end"),
        ERR_TASK, "UTF-8" },
    { "huge document",
        CHOICE("doc = function() return { query = ('x'):rep(2 << 20), choices = { 'a', 'b' }, gold "
               "= 0 } end"),
        ERR_TASK, "1 MiB" },
    { "NUL",
        CHOICE("doc = function() return { query = 'a\\0b', choices = { 'a', 'b' }, gold = 0 } end"),
        ERR_INPUT, "bad message" },
    { "no documents",
        "return choice { name = 'x', version = 1, documents = function() return {} end, doc = "
        "function() end }",
        ERR_TASK, "no documents" },
    { "score not finite",
        "return sts { name = 'x', version = 1, documents = function() return {{}} end,\n"
        "pair = function() return 'a', 'b', 0 / 0 end }",
        ERR_TASK, "not finite" },
    { "too many shots",
        CHOICE("doc = function() return { query = 'q', choices = { 'a', 'b' }, gold = 0 } end, "
               "shots = 5"),
        ERR_TASK, "examples to draw from" },
};

static char *write_task(const char *text) {
    char *path = path_join(dir, "hostile.lua");
    struct err err = ERR_INIT;
    assert_true(file_write_atomic(path, text, strlen(text), &err));
    return path;
}

/* As deep as a file of 1 MiB allows. */
static char *deep_nesting(void) {
    size_t n = 400000;
    char *text = malloc(2 * n + 8);
    memcpy(text, "return ", 7);
    memset(text + 7, '{', n);
    memset(text + 7 + n, '}', n);
    text[7 + 2 * n] = '\0';
    return text;
}

static void fault_96_every_hostile_task_is_a_clear_error(void **state) {
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct hostile *c = &cases[i];
        char *made = c->text ? NULL : deep_nesting(), *path = write_task(c->text ? c->text : made);
        struct task_request q = TASK_REQUEST_INIT;
        struct err err = ERR_INIT;
        q.name = path;
        q.tasks_dir = TASKS_DIR;
        q.cpu_s = 6;
        q.wall_s = 60;
        q.heap_bytes = 256 << 20;
        struct task *t = task_load(&q, &err);
        if (t || err.class != c->class ||
            (!strstr(err.msg, c->says) && !strstr(err.hint, c->says))) {
            print_error("%s: class %d, want %d; says '%s' (%s), want '%s'\n", c->name, err.class,
                c->class, err.msg, err.hint, c->says);
            wrong++;
        }
        task_free(t);
        free(path);
        free(made);
    }
    assert_int_equal(wrong, 0);
}

/* Run several times, each time a process: what hashes, addresses and the clock could make of it. */
static void fault_95_a_task_is_the_same_in_every_process(void **state) {
    (void)state;
    char *path = write_task(
        "local facts, words = {}, {} for i = 1, 60 do facts['k' .. i * 7919 % 101] = i end\n"
        "for k, v in pairs(facts) do words[#words + 1] = k .. v end\n"
        "table.sort(words, function(a, b) return #a < #b end)\n"
        "return choice { name = 'x', version = 1, documents = function() return { {} } end,\n"
        "main = 'acc', doc = function() return { query = table.concat(words, ' ') .. tostring({}) "
        ".. json.encode(facts) .. rng(1):random(), choices = { 'a', 'b' }, gold = 0 } end }");
    char *first = NULL;
    for (int i = 0; i < 4; i++) {
        struct task_request q = TASK_REQUEST_INIT;
        struct err err = ERR_INIT;
        q.name = path;
        q.tasks_dir = TASKS_DIR;
        json_t *rendered = task_render(&q, 1, &err);
        if (!rendered) {
            fail_msg("%s", err.msg);
        }
        char *text = json_dumps(rendered, JSON_SORT_KEYS);
        assert_non_null(strstr(text, "k"));
        if (first) {
            assert_string_equal(text, first);
        }
        json_decref(rendered);
        free(first);
        first = text;
    }
    free(first);
    free(path);
}

static void a_task_that_sleeps_is_ended_by_the_wall_clock(void **state) {
    (void)state;
    /* Work that the processor-time limit would only end much later. */
    char *path = write_task("local t = {} for i = 1, 90000 do t[i] = i end\n"
                            "for i = 1, 1e9 do pcall(table.concat, t, ' ') end");
    struct task_request q = TASK_REQUEST_INIT;
    struct err err = ERR_INIT;
    q.name = path;
    q.tasks_dir = TASKS_DIR;
    q.wall_s = 1;
    assert_null(task_load(&q, &err));
    assert_int_equal(err.class, ERR_TASK);
    assert_non_null(strstr(err.msg, "budget"));
    free(path);
}

static void lint_lists_every_problem_with_its_line(void **state) {
    (void)state;
    char *path = write_task(
        "return choice {\n  name = 'a b',\n  version = '1',\n  dco = function() end,\n}\n");
    struct task_request q = TASK_REQUEST_INIT;
    struct err err = ERR_INIT;
    json_t *problems;
    q.name = path;
    q.tasks_dir = TASKS_DIR;
    assert_true(task_lint(&q, &problems, &err));
    assert_int_equal(json_array_size(problems), 3);
    const json_t *first = json_array_get(problems, 0), *third = json_array_get(problems, 2);
    assert_string_equal(json_get_string(first, "field", ""), "doc");
    assert_int_equal(json_get_int(json_array_get(problems, 1), "line", 0), 3);
    assert_int_equal(json_get_int(third, "line", 0), 4);
    assert_non_null(strstr(json_get_string(third, "message", ""), "did you mean 'doc'?"));
    assert_string_equal(json_get_string(third, "file", ""), path);
    json_decref(problems);
    free(path);
    q.name = path = write_task("return choice {\n  name =\n}");
    assert_true(task_lint(&q, &problems, &err));
    assert_int_equal(json_array_size(problems), 1);
    assert_int_equal(json_get_int(json_array_get(problems, 0), "line", 0), 3);
    json_decref(problems);
    free(path);
}

/* One problem in one file: its field, and what it says. */
static void lint_says(const char *text, const char *field, const char *says) {
    char *path = write_task(text);
    struct task_request q = TASK_REQUEST_INIT;
    struct err err = ERR_INIT;
    json_t *problems;
    q.name = path;
    q.tasks_dir = TASKS_DIR;
    assert_true(task_lint(&q, &problems, &err));
    assert_int_equal(json_array_size(problems), 1);
    const json_t *p = json_array_get(problems, 0);
    const char *message = json_get_string(p, "message", "");
    if (strcmp(json_get_string(p, "field", ""), field) || !strstr(message, says)) {
        fail_msg("'%s' says '%s' of '%s'", text, message, json_get_string(p, "field", ""));
    }
    json_decref(problems);
    free(path);
}

static void lint_names_the_field_and_what_was_meant(void **state) {
    (void)state;
    lint_says("return chioce { name = 'x' }", "", "did you mean 'choice'?");
    lint_says("local t = os.time()", "", "a task file has no 'os'");
    lint_says("return quizmaster { }", "", "(global 'quizmaster')");
    lint_says(CHOICE("doc = print or function() end, stop = 3"), "stop", "it has baseline, ");
    lint_says(CHOICE("doc = function() end, main = 'accuracy'"), "main", "names metric 'accuracy'");
    lint_says(
        "return choice { name = 'x', version = 1, doc = type, data = hub 'a/b' { tset = 'x' } }",
        "tset", "did you mean 'test'?");
}

static void a_program_that_is_no_task_child_is_a_crash(void **state) {
    (void)state;
    char *path = write_task("return 1");
    struct task_request q = TASK_REQUEST_INIT;
    struct err err = ERR_INIT;
    q.name = path;
    q.tasks_dir = TASKS_DIR;
    q.program = "/bin/true";
    assert_null(task_load(&q, &err));
    assert_true(err.class == ERR_CRASH || err.class == ERR_FAILED);
    free(path);
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_96_every_hostile_task_is_a_clear_error),
        cmocka_unit_test(fault_95_a_task_is_the_same_in_every_process),
        cmocka_unit_test(a_task_that_sleeps_is_ended_by_the_wall_clock),
        cmocka_unit_test(lint_lists_every_problem_with_its_line),
        cmocka_unit_test(lint_names_the_field_and_what_was_meant),
        cmocka_unit_test(a_program_that_is_no_task_child_is_a_crash),
    };
    if (!mkdtemp(dir)) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    struct err err = ERR_INIT;
    return failed + !dir_remove(dir, &err);
}

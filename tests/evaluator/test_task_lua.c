/* What C lends to task files: gsub against Lua's own, Python's string methods, CPython's and
 * numpy's random numbers. The draws are golden vectors of the references. */
#include "task_main.h"

#include <lauxlib.h>
#include <locale.h>
#include <lualib.h>

#include "evaluator/task/runtime.h"
#include "evaluator/task/text.h"

static int open_state(void **state) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    runtime_open_text(L);
    runtime_open_random(L);
    *state = L;
    return 0;
}

static int close_state(void **state) {
    lua_close(*state);
    return 0;
}

static void run(lua_State *L, const char *chunk) {
    if (luaL_dostring(L, chunk)) {
        fail_msg("%s", lua_tostring(L, -1));
    }
}

static void gsub_does_what_luas_own_does(void **state) {
    run(*state, "local patterns = {'a', 'a*', 'a-', 'a+', 'a?', '.', '.-', '.*', '^a', 'b$', "
                "'^a*b$', '[ab]+', '[^ab]*',"
                "'%a+', '%A', '%d+%s*', '%[.-%]', '(a)(b)', '(a*(b))', '()b', '(.)(.)', "
                "'%f[%w]%w+', '%w+%f[%W]', 'a.-b',"
                "'a.*b', '[]]', '[^]]', '[a-c]+', '[%a_][%w_]*', 'x*$', '%s+$', '^%s+', '', "
                "'ab?c', '(a?)(a?)(b*)', '[a%-]',"
                "'a-b', '[%s%p]+', '%.', '%%', 'é', '[é]', '(%w+) (%w+)' }\n"
                "local subjects = {'', 'a', 'b', 'aaa', 'abab', 'aab b', 'hello [title] world "
                "[x]', ']]', 'x_1 y2  z3',"
                "'THE (quick) fox', '  trim  ', 'aaaaab', 'naïve é café', 'a-b-c', '100% sure.', "
                "'abcabc', '\\n\\ta b' }\n"
                "local with = {'', 'X', '<%0>', '%1', '[%1%%]' }\n"
                "for _, p in ipairs(patterns) do for _, s in ipairs(subjects) do for _, r in "
                "ipairs(with) do\n"
                "  local ok, want, n = pcall(string.gsub, s, p, r)\n"
                "  local mine, got, m = pcall(gsub, s, p, r)\n"
                "  assert(ok == mine and (not ok or want == got and n == m),\n"
                "    ('%q in %q with %q: %s %s, want %s %s'):format(p, s, r, got, m, want, n))\n"
                "end end end");
}

/* Patterns made of pieces by chance, over a two-letter alphabet where ambiguity is the rule. */
static void gsub_agrees_on_random_patterns(void **state) {
    run(*state,
        "local r = rng(7)\n"
        "local pieces = {'a', 'b', '.', '[ab]', '[^a]', '(a)', '(b*)', '(a-b)', '(.)', '%f[b]', "
        "'()' }\n"
        "local counts = {'', '', '*', '+', '-', '?' }\n"
        "for i = 1, 4000 do\n"
        "  local p, s = '', ''\n"
        "  for _ = 1, 1 + math.floor(r:random() * 5) do\n"
        "    local piece = r:choices(pieces, 1)[1]\n"
        "    p = p .. piece .. (piece:find('[(%%]') and '' or r:choices(counts, 1)[1])\n"
        "  end\n"
        "  for _ = 1, math.floor(r:random() * 12) do s = s .. (r:random() < 0.5 and 'a' or 'b') "
        "end\n"
        "  local want, n = string.gsub(s, p, '<%0>')\n"
        "  local got, m = gsub(s, p, '<%0>')\n"
        "  assert(want == got and n == m, ('%q in %q: %s, want %s'):format(p, s, got, want))\n"
        "  local function show(...) return table.concat({...}, ',') end\n"
        "  assert(string.gsub(s, p, show) == gsub(s, p, show), p .. ' captures in ' .. s)\n"
        "end");
}

/* A backtracking matcher needs n^4 steps for these: with one, this test would not end. */
static void gsub_takes_linear_time(void **state) {
    run(*state, "local s = ('a'):rep(100000)\n"
                "assert(gsub(s, '.-.-.-.-b', '') == s)\n"
                "assert(gsub(s, 'a*a*a*a*a*b', '') == s)\n"
                "assert(gsub(s .. 'b', '^(a*)*b', '%0', 1))");
}

static void gsub_refuses_what_is_not_regular(void **state) {
    run(*state,
        "for _, p in ipairs {'%b()', '(a)%1', '(a', 'a)', '[a', '%', '%f', ('a'):rep(513) } do\n"
        "  local ok, why = pcall(gsub, 'aaa', p, '')\n"
        "  assert(not ok and why:find('bad pattern'), p)\n"
        "end");
}

static void gsub_takes_functions_and_tables(void **state) {
    run(*state, "assert(gsub('a b', '%w', { a = 'x' }) == 'x b')\n"
                "assert(gsub('ab', '(.)(.)', function(x, y) return y .. x end) == 'ba')\n"
                "assert(gsub('ab', '.', function() return false end) == 'ab')\n"
                "assert(not pcall(gsub, 'ab', '.', function() return {} end))");
}

static void strings_follow_python(void **state) {
    run(*state,
        "assert(capitalize('hELLO World') == 'Hello world')\n"
        "assert(capitalize('éCOLE') == 'École' and capitalize('') == '' and capitalize('ß') == "
        "'Ss')\n"
        "assert(capitalize('a\\u{130}') == 'Ai\\u{307}' and capitalize('\\u{130}A') == "
        "'\\u{130}a')\n"
        "assert(lower('ÀB\\u{130}ß5') == 'àbi\\u{307}ß5' and lower('') == '')\n"
        "assert(trim(' \\t a b\\u{a0}\\u{3000}\\n') == 'a b' and trim('   ') == '')\n"
        "assert(trim_left('\\u{2003} a ') == 'a ' and trim_left(' \\n') == '')\n"
        "assert(trim_right(' a\\u{85}\\x1c') == ' a' and trim_right(' \\n') == '')\n"
        "local function show(t) return '<' .. table.concat(t, '|') .. '>' end\n"
        "assert(show(split('  a  b\\u{2003}c ')) == '<a|b|c>')\n"
        "assert(show(split(' a  b', ' ')) == '<|a||b>' and show(split('', ',')) == '<>')\n"
        "assert(replace('a.b.c', '.', '%1') == 'a%1b%1c' and not pcall(replace, 'a', '', 'b'))\n"
        "assert(json('{\"a\": [1, null, \"x\"]}').a[3] == 'x' and json.encode({1, 'a'}) == "
        "'[1,\"a\"]')");
}

/* CPython 3.11 and numpy: see the reference page on few-shot selection. */
static void draws_are_the_references_own(void **state) {
    run(*state, "local function show(t) return table.concat(t, ' ') end\n"
                "local function eq(got, want) assert(got == want, got .. ' is not ' .. want) end\n"
                "local r = rng(1234)\n"
                "eq(show(r:sample(39905, 11)), '28883 7657 490 5940 38156 2288 5500 6450 23241 "
                "15519 1142')\n"
                "eq(show(r:sample(39905, 11)), '2019 1038 22681 31735 30379 9735 5982 11999 7498 "
                "958 32970')\n"
                "eq(show(rng(1234):sample(1119, 25)), '902 239 15 185 71 171 201 726 484 35 63 32 "
                "708 991 949 304 186 374 234 29 '"
                " .. '1030 996 511 132 1108')\n"
                "r = rng(1234)\n"
                "eq(show(r:sample(7473, 5)), '6374 3610 957 61 742')\n"
                "eq(show(r:sample(7473, 5)), '7462 6610 4769 286 5501')\n"
                "eq(show(numpy_rng(42):permutation(10)), '8 1 5 0 7 2 9 4 3 6')\n"
                "local thousand = {}\n"
                "for i = 1, 1000 do thousand[i] = i - 1 end\n"
                "eq(show(rng(42):choices(thousand, 8)), '639 25 275 223 736 676 892 86')");
}

static void names_have_a_distance(void **state) {
    (void)state;
    assert_int_equal(text_distance("shots", "shots"), 0);
    assert_int_equal(text_distance("shtos", "shots"), 2);
    assert_int_equal(text_distance("", "abc"), 3);
}

static void a_field_is_found_where_it_is_set(void **state) {
    (void)state;
    static const char text[] =
        "-- name = 1\nlocal s = [[\nname = 2 ]]\nlocal function f(name) return name == 1 end\n"
        "return choice {\n  doc = function(r)\n    return { name = 'x' }\n  end,\n  name = "
        "'a',\n}\n";
    assert_int_equal(source_field_line(text, sizeof text - 1, "name"), 9);
    assert_int_equal(source_field_line(text, sizeof text - 1, "doc"), 6);
    assert_int_equal(source_field_line(text, sizeof text - 1, "absent"), 1);
}

int main(void) {
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gsub_does_what_luas_own_does, open_state, close_state),
        cmocka_unit_test_setup_teardown(gsub_agrees_on_random_patterns, open_state, close_state),
        cmocka_unit_test_setup_teardown(gsub_takes_linear_time, open_state, close_state),
        cmocka_unit_test_setup_teardown(gsub_refuses_what_is_not_regular, open_state, close_state),
        cmocka_unit_test_setup_teardown(gsub_takes_functions_and_tables, open_state, close_state),
        cmocka_unit_test_setup_teardown(strings_follow_python, open_state, close_state),
        cmocka_unit_test_setup_teardown(draws_are_the_references_own, open_state, close_state),
        cmocka_unit_test(names_have_a_distance),
        cmocka_unit_test(a_field_is_found_where_it_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

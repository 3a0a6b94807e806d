/* The sandbox: what is in it, and the attacks of hostile task files. Each attack runs in a child
 * with a limit on processor time, so that one that gets through fails instead of hanging. */
#include "check.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/luabox.h"

static const struct luabox_limits LIMITS = { .heap_bytes = 32 << 20, .instructions = 2000000 };

static struct luabox *open_box(void) {
    struct err err = ERR_INIT;
    struct luabox *box = luabox_open(&LIMITS, &err);
    assert_ok(box, &err);
    return box;
}

static bool run(struct luabox *box, const char *text, int n_results, struct err *err) {
    return luabox_run(box, "test.lua", text, strlen(text), n_results, ERR_TASK, err);
}

/* The chunk returns one string (or what tostring makes of it). */
static void gives(const char *text, const char *want) {
    struct err err = ERR_INIT;
    struct luabox *box = open_box();
    assert_ok(run(box, text, 1, &err), &err);
    assert_string_equal(luaL_tolstring(luabox_state(box), -1, NULL), want);
    luabox_close(box);
}

/* The chunk fails with an error that has `part` in it. */
static void refuses(const char *text, const char *part) {
    struct err err = ERR_INIT;
    struct luabox *box = open_box();
    assert_false(run(box, text, 0, &err));
    assert_int_equal(err.class, ERR_TASK);
    assert_contains(err.msg, part);
    assert_int_equal(lua_gettop(luabox_state(box)), 0);
    luabox_close(box);
}

enum outcome { RETURNED = 0, FAILED = 1, OTHER = 2 };

static int in_child(const char *text) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit cpu = { 20, 21 }, core = { 0, 0 };
        setrlimit(RLIMIT_CPU, &cpu);
        setrlimit(RLIMIT_CORE, &core);
        struct err err = ERR_INIT;
        struct luabox *box = luabox_open(&LIMITS, &err);
        int outcome = !box ? OTHER : run(box, text, 0, &err) ? RETURNED : FAILED;
        luabox_close(box);
        _exit(outcome);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void fault_92_nothing_dangerous_is_in_scope(void **state) {
    (void)state;
    static const char *const ABSENT[] = { "io", "os", "debug", "package", "coroutine", "load",
        "loadstring", "loadfile", "dofile", "require", "collectgarbage", "print", "warn",
        "string.dump", "math.random", "math.randomseed" };
    for (size_t i = 0; i < sizeof ABSENT / sizeof *ABSENT; i++) {
        char text[128];
        snprintf(text, sizeof text, "return type(%s)", ABSENT[i]);
        gives(text, "nil");
    }
}

static void ordinary_programs_work(void **state) {
    (void)state;
    gives("return ('Hello'):upper():rep(2, '-')", "HELLO-HELLO");
    gives("return ('a,b;c'):gsub('[,;]', ' ')", "a b c");
    gives("local t = {} for w in ('one two'):gmatch('%a+') do t[#t + 1] = w end "
          "table.sort(t, function(a, b) return a > b end) return table.concat(t, '|')",
        "two|one");
    gives("local t = { 1, 2, 3 } table.insert(t, 1, 0) table.insert(t, 4) table.remove(t, 2) "
          "return table.concat(table.move(t, 1, 4, 2, { 9 }), ',')",
        "9,0,2,3,4");
    gives(
        "return select('#', table.unpack({ 1, 2, 3 })) + math.floor(2.5) + #utf8.char(8364)", "8");
    gives("return utf8.len('\u20ac\u20ac') .. tonumber('10', 2) .. math.type(1)", "22integer");
    gives("local t = setmetatable({}, { __index = function(_, k) return k .. '!' end }) return t.x",
        "x!");
    gives("return (('a.b'):find('.', 1, true))", "2");
    gives("return (('x'):find('', 10))", "nil");
    gives("return tostring(pcall(error, 'x'))", "false");
    gives("local ok, v = pcall(function() error({ 7 }) end) return ok, v[1]", "false");
    gives("return select(2, pcall(error, 'x', 0))", "x");
    gives("return select('#', pcall(function() return 1, nil, nil end))", "4");
}

static void an_error_names_file_and_line(void **state) {
    (void)state;
    refuses("local x = 1\nerror('no good')", "test.lua:2: no good");
    refuses("local x = \nlocal", "test.lua:2:");
    refuses("error({})", "table");
    refuses("error()", "nil");
    refuses("local t = nil\n\nreturn t.x", "test.lua:3: attempt to index a nil value");
}

static void a_spent_budget_names_file_and_line_too(void **state) {
    (void)state;
    refuses("local x = 1\nwhile true do x = x + 1 end", "test.lua:2: instruction budget exhausted");
}

static void fault_88_loops_end_wherever_they_hide(void **state) {
    (void)state;
    static const char *const LOOPS[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() pcall(f) while true do end end while true do f() end",
        "do local x <close> = setmetatable({}, { __close = function() while true do end end }) end",
        "local mt = {} do local o = setmetatable({}, mt) mt.__close = function() while true do end "
        "end local x <close> = o end",
        "tostring(setmetatable({}, { __tostring = function() while true do end end }))",
        "return #setmetatable({}, { __len = function() while true do end end }) + 1",
        "local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
        "table.sort({ 3, 2, 1 }, function() while true do end end)",
        "(('a'):rep(60000)):gsub('.', function() local i = 0 while true do i = i + 1 end end)",
        "error(setmetatable({}, { __tostring = function() while true do end end }))",
        "local t = setmetatable({}, { __pairs = function() while true do end end }) for k in "
        "pairs(t) do end",
        "goto a ::b:: goto a ::a:: goto b",
        "local function f() return f() end f()",
        "pcall(pcall, pcall, function() while true do end end) while true do end",
    };
    for (size_t i = 0; i < sizeof LOOPS / sizeof *LOOPS; i++) {
        if (in_child(LOOPS[i]) != FAILED) {
            fail_msg("got through: %s", LOOPS[i]);
        }
    }
}

/* C functions call no hook: each of these would run for minutes if their work were not bounded or
 * charged to the budget. */
static void fault_90_work_inside_library_functions_is_bounded(void **state) {
    (void)state;
    static const char *const WORK[] = {
        "local a, b = ('a'):rep(1 << 22), ('a'):rep(1 << 21) .. 'b' return a:find(b, 1, true)",
        "local a, b = ('a'):rep(1 << 20), ('a'):rep(200) .. 'b' while true do a:find(b, 1, true) "
        "end",
        "local a, b = ('a'):rep(1 << 20), '\\0' .. ('a'):rep(2000) return a:find('\\0.-.-.-.-b')",
        "return ('x'):rep(1 << 30)",
        "while true do local s = ('x'):rep((1 << 24) - 9) end",
        "local s = 'x' while true do pcall(function() s = s .. s end) end",
        "local s = ('x'):rep(1 << 22) while true do local t = s .. 'y' end",
        "local s = ('x'):rep(1 << 22) while true do local t = s:upper() end",
        "local s = ('x'):rep(1 << 22) while true do utf8.len(s) end",
        "local s = (' '):rep(1 << 22) while true do tonumber(s) end",
        "table.move({}, 1, 1 << 40, 2)",
        "local t = {} for i = 1, 1e5 do t[i] = i end while true do table.move(t, 1, 1e5, 2) end",
        "local t = {} for i = 1, 4e5 do table.insert(t, 1, i) end",
        "local t = {} for i = 1, 4e5 do t[i] = i end while #t > 0 do table.remove(t, 1) end",
        "return table.concat(setmetatable({}, { __index = function() return 'x' end, __len = "
        "function() return 1 << 40 end }))",
        "local t = {} for i = 1, 4e5 do t[i] = 'x' end while true do table.concat(t) end",
        "local t = {} for i = 1, 1e5 do t[i] = 1 end while true do local n = select('#', "
        "table.unpack(t)) end",
        "return table.unpack({}, 1, 1e7)",
        "local s = ('x'):rep(1 << 20) local t = {} for i = 1, 5e4 do t[i] = s end while true do "
        "table.sort(t) end",
        "local t = {} for i = 1, 9e4 do t[i] = 1 end while true do table.sort(t) end",
        "return ('%99999999d'):format(1)",
        "return ('x'):rep(1 << 22):byte(1, -1)",
        "return (('a'):rep(1 << 16)):gsub('.', ('b'):rep(1 << 10))",
        "local t = {} while true do t[#t + 1] = {} end",
    };
    for (size_t i = 0; i < sizeof WORK / sizeof *WORK; i++) {
        int outcome = in_child(WORK[i]);
        if (outcome != FAILED) {
            fail_msg("outcome %d: %s", outcome, WORK[i]);
        }
    }
}

static void fault_90_long_subjects_and_patterns_are_refused(void **state) {
    (void)state;
    refuses("return ('a'):rep(65537):match('a-b')", "too long");
    refuses("return ('a'):rep(65537):gsub('a', 'b')", "too long");
    refuses("return ('a'):rep(65537):gmatch('a')", "too long");
    refuses("return ('a'):rep(65537):find('a-b')", "too long");
    refuses("return ('a'):find(('a?'):rep(513))", "too long");
    /* a NUL hides nothing: what follows it is a pattern all the same */
    refuses("return ('a'):rep(65537):find('\\0.-b')", "too long");
    gives("return (('a'):rep(65536) .. ''):match('^a')", "a");
    gives("return (('a'):rep(1 << 20)):find('b') or 'none'", "none");
    gives("return ('a\\0b'):find('\\0b')", "2");
}

static void fault_89_finalizers_are_refused(void **state) {
    (void)state;
    refuses("setmetatable({}, { __gc = function() end })", "__gc");
    gives("local mt = {} local t = setmetatable({}, mt) mt.__gc = function() error('ran') end "
          "t = nil for i = 1, 1e4 do local x = { i } end return 'never called'",
        "never called");
    refuses(
        "local mt = {} local t = setmetatable({}, mt) mt.__gc = error setmetatable(t, mt)", "__gc");
}

static void fault_93_the_metatable_of_strings_is_locked(void **state) {
    (void)state;
    gives("return type(getmetatable(''))", "string");
    refuses("getmetatable('').__index = nil", "attempt to");
    refuses("setmetatable('', {})", "table expected");
}

/* Lua seeds the hashes of each state with an address and the time: several states at once are as
 * several processes. */
static void same_in_every_state(const char *text, const char *want) {
    enum { N = 8 };
    struct luabox *boxes[N];
    struct err err = ERR_INIT;
    for (int i = 0; i < N; i++) {
        boxes[i] = open_box();
        assert_ok(run(boxes[i], text, 1, &err), &err);
        assert_string_equal(lua_tostring(luabox_state(boxes[i]), -1), want);
    }
    for (int i = 0; i < N; i++) {
        luabox_close(boxes[i]);
    }
}

static void fault_95_tables_are_gone_through_in_one_order(void **state) {
    (void)state;
    same_in_every_state(
        "local t = { delta = 1, alpha = 1, charlie = 1, bravo = 1, echo = 1, [''] = "
        "1, a = 1, ['a\\0'] = 1, al = 1, [true] = 1, [false] = 1, [-3] = 1, [2.5] = "
        "1, [1 << 60] = 1, [-math.huge] = 1, 1, 1, 1 }\n"
        "local out = {} for k in pairs(t) do out[#out + 1] = tostring(k) end\n"
        "return (table.concat(out, ' '):gsub('\\0', '0'))",
        "-inf -3 1 2 2.5 3 1152921504606846976  a a0 al alpha bravo charlie delta echo false true");
    same_in_every_state("local t, s = { one = 1, two = 2, three = 3, four = 4 }, ''\n"
                        "local k, v = next(t) while k do s = s .. k .. v k, v = next(t, k) end\n"
                        "return s",
        "four4one1three3two2");
    same_in_every_state("local t, s = {}, '' for i = 1, 300 do t['k' .. i] = i end\n"
                        "for k, v in pairs(t) do s = s .. v t[k] = nil t['k' .. v + 1] = nil end\n"
                        "return s:sub(1, 20) .. tostring(next(t))",
        "11010010210410610811nil");
}

/* A way of its own is the table's; what has no order is an error rather than chance. */
static void fault_95_what_has_no_order_is_refused(void **state) {
    (void)state;
    refuses("for k in pairs({ [{}] = 1 }) do end", "has no order");
    refuses("return next({ [print or tostring] = 1 })", "has no order");
    refuses("local f = pairs({ a = 1 }) f(1)", "table expected");
    refuses("pairs()", "value expected");
    refuses("pairs(1)", "table expected");
    gives(
        "local t = setmetatable({}, { __pairs = function() return function(_, k) return not k and "
        "7 or nil end end }) local n = 0 for k in pairs(t) do n = n + k end return n",
        "7");
    gives("return next({}) == nil and next({ 5 }) == 1", "true");
}

static void fault_95_no_address_becomes_text(void **state) {
    (void)state;
    gives("return tostring({}) .. tostring(tostring) .. ('%s|%5s|%%|%s'):format({}, print, 1)",
        "tablefunctiontable|  nil|%|1");
    gives("return tostring(setmetatable({}, { __name = 'row' }))", "row");
    gives("return ('%s'):format(setmetatable({}, { __name = 7 }))", "table");
    gives(
        "return ('%s'):format(setmetatable({}, { __tostring = function() return 'x' end }))", "x");
    refuses("return ('%p'):format({})", "%p");
    refuses("return ('%-20p'):format('a')", "%p");
    refuses("return ('%y'):format('a')", "test.lua:1: invalid conversion '%y' to 'format'");
    refuses("\nreturn ('%s'):format()", "test.lua:2: bad argument #2 to 'format' (no value)");
    refuses("return ('%d'):format({})", "bad argument #2 to 'format' (number expected, got table)");
    refuses("return ('%s'):format(setmetatable({}, { __tostring = function() error({ 1 }) end }))",
        "table");
    struct err err = ERR_INIT;
    struct luabox *box = open_box();
    assert_false(run(box, "error({})", 0, &err));
    assert_null(strstr(err.msg, "0x"));
    luabox_close(box);
}

/* Lua's own sort takes its pivots by the clock where a list is long and lies badly. */
static void fault_95_equal_elements_stay_in_their_order(void **state) {
    (void)state;
    gives("local t = {} for i = 1, 5000 do t[i] = { i * 7919 % 5 * 1000 // 1000, i } end\n"
          "table.sort(t, function(a, b) return a[1] < b[1] end)\n"
          "for i = 2, #t do\n"
          "  local a, b = t[i - 1], t[i]\n"
          "  if a[1] > b[1] or (a[1] == b[1] and a[2] > b[2]) then return i end\n"
          "end return 'ordered'",
        "ordered");
    gives("local t = { 3, 1, 2 } table.sort(t) return table.concat(t)", "123");
    gives("local t = { 'b' } table.sort(t) table.sort({}) return t[1]", "b");
    gives("local t = { 1, 2, 3, 4, 5 } table.sort(t, function(a, b) return a > b end) return "
          "table.concat(t)",
        "54321");
    refuses("table.sort({ 1, 'a' })", "attempt to compare");
    refuses("table.sort({ 1, 2 }, 'x')", "function expected");
    gives("local t = {} for i = 1, 1000 do t[i] = 1 end table.sort(t, function() return true end) "
          "return #t",
        "1000");
}

static void fault_95_there_is_neither_clock_nor_chance(void **state) {
    (void)state;
    gives("return type(os) .. type(math.random) .. type(math.randomseed) .. type(collectgarbage)",
        "nilnilnilnil");
}

static void fault_92_only_text_is_run(void **state) {
    (void)state;
    refuses("\x1bLua", "binary");
}

static void fault_94_deep_things_end_in_an_error(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    const struct luabox_limits limits = { .heap_bytes = 256 << 20 };
    struct luabox *roomy = luabox_open(&limits, &err);
    assert_ok(roomy, &err);
    assert_false(run(roomy, "local function f() return 1 + f() end f()", 0, &err));
    assert_contains(err.msg, "stack overflow");
    luabox_close(roomy);
    enum { N = 100000 };
    char *text = malloc(2 * N + 16);
    assert_non_null(text);
    strcpy(text, "return ");
    memset(text + 7, '(', N);
    text[7 + N] = '1';
    memset(text + 8 + N, ')', N);
    text[8 + 2 * N] = 0;
    struct luabox *box = open_box();
    assert_false(run(box, text, 0, &err));
    assert_int_equal(err.class, ERR_TASK);
    luabox_close(box);
    free(text);
    refuses("local s = ('a'):rep(1000) return s:match(('('):rep(40) .. (')'):rep(40))", "captures");
}

static void fault_91_the_heap_has_a_ceiling_that_says_so(void **state) {
    (void)state;
    refuses("local t = {} for i = 1, 1e6 do t[i] = { i } end", "bytes of memory");
    const struct luabox_limits tiny = { .heap_bytes = 1000 };
    struct err err = ERR_INIT;
    assert_null(luabox_open(&tiny, &err));
    assert_int_equal(err.class, ERR_RESOURCE);
    const struct luabox_limits small = { .heap_bytes = 12000 }; /* enough to begin, not to set up */
    assert_null(luabox_open(&small, &err));
    assert_int_equal(err.class, ERR_RESOURCE);
}

/* pcall may catch that memory ran out; what it caught was freed, and the program goes on. */
static void a_script_can_survive_a_failed_allocation(void **state) {
    (void)state;
    gives("local ok = pcall(function() local t = {} for i = 1, 1e6 do t[i] = { i } end end) return "
          "ok",
        "false");
}

static void a_spent_budget_stays_spent_until_refilled(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct luabox *box = open_box();
    assert_false(run(box, "while true do end", 0, &err));
    assert_contains(err.hint, "2000000");
    assert_false(run(box, "return 1", 1, &err));
    luabox_refill(box);
    assert_ok(run(box, "return 1", 1, &err), &err);
    luabox_close(box);
}

static void a_call_takes_arguments_and_leaves_results(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct luabox *box = open_box();
    lua_State *L = luabox_state(box);
    assert_ok(run(box, "return function(a, b) return a + b, 'two' end", 1, &err), &err);
    lua_pushvalue(L, -1);
    lua_pushinteger(L, 3);
    lua_pushinteger(L, 4);
    assert_ok(luabox_call(box, 2, 2, ERR_TASK, &err), &err);
    assert_int_equal(lua_gettop(L), 3);
    assert_int_equal(lua_tointeger(L, -2), 7);
    assert_string_equal(lua_tostring(L, -1), "two");
    assert_int_equal(err.class, ERR_NONE);
    luabox_close(box);
}

static void fields_are_read_without_metamethods(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct luabox *box = open_box();
    lua_State *L = luabox_state(box);
    assert_ok(
        run(box, "return setmetatable({ s = 'text', n = 2.5, b = true }, { __index = error })", 1,
            &err),
        &err);
    assert_string_equal(luabox_get_string(L, -1, "s", "-"), "text");
    assert_string_equal(luabox_get_string(L, -1, "n", "-"), "-");
    assert_string_equal(luabox_get_string(L, -1, "absent", "-"), "-");
    assert_true(luabox_get_number(L, -1, "n", 0) == 2.5);
    assert_true(luabox_get_number(L, -1, "s", 9) == 9);
    assert_true(luabox_get_bool(L, -1, "b", false));
    assert_true(luabox_get_bool(L, -1, "n", true));
    assert_int_equal(lua_gettop(L), 1);
    luabox_close(box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_92_nothing_dangerous_is_in_scope),
        cmocka_unit_test(ordinary_programs_work),
        cmocka_unit_test(an_error_names_file_and_line),
        cmocka_unit_test(a_spent_budget_names_file_and_line_too),
        cmocka_unit_test(fault_88_loops_end_wherever_they_hide),
        cmocka_unit_test(fault_90_work_inside_library_functions_is_bounded),
        cmocka_unit_test(fault_90_long_subjects_and_patterns_are_refused),
        cmocka_unit_test(fault_89_finalizers_are_refused),
        cmocka_unit_test(fault_93_the_metatable_of_strings_is_locked),
        cmocka_unit_test(fault_92_only_text_is_run),
        cmocka_unit_test(fault_95_tables_are_gone_through_in_one_order),
        cmocka_unit_test(fault_95_what_has_no_order_is_refused),
        cmocka_unit_test(fault_95_no_address_becomes_text),
        cmocka_unit_test(fault_95_equal_elements_stay_in_their_order),
        cmocka_unit_test(fault_95_there_is_neither_clock_nor_chance),
        cmocka_unit_test(fault_94_deep_things_end_in_an_error),
        cmocka_unit_test(fault_91_the_heap_has_a_ceiling_that_says_so),
        cmocka_unit_test(a_script_can_survive_a_failed_allocation),
        cmocka_unit_test(a_spent_budget_stays_spent_until_refilled),
        cmocka_unit_test(a_call_takes_arguments_and_leaves_results),
        cmocka_unit_test(fields_are_read_without_metamethods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

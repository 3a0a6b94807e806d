/* The table of commands: whole, without contradictions, and every page of the help prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "evaluator/cli/command.h"

#define MAX_OPTIONS 128

/* All options of a command, the global ones among them. */
static size_t options_of(const struct command *c, const struct option *out[MAX_OPTIONS]) {
    size_t n = 0;
    for (int table = 0; table <= 5; table++) {
        const struct option *o = table < 5 ? c->options[table] : options_global;
        if (table < 5 && !o) {
            table = 4;
            continue;
        }
        for (; o->name; o++) {
            assert_true(n < MAX_OPTIONS);
            out[n++] = o;
        }
    }
    return n;
}

static void no_command_has_an_option_twice(void **state) {
    const struct option *options[MAX_OPTIONS];
    (void)state;
    for (const struct command *const *c = commands; *c; c++) {
        size_t n = options_of(*c, options);
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < i; k++) {
                if (!strcmp(options[i]->name, options[k]->name) ||
                    (options[i]->letter && options[i]->letter == options[k]->letter)) {
                    fail_msg("'%s': --%s and --%s", (*c)->name, options[i]->name, options[k]->name);
                }
            }
        }
    }
}

static void options_are_named_as_they_can_be_written(void **state) {
    const struct option *options[MAX_OPTIONS];
    (void)state;
    for (const struct command *const *c = commands; *c; c++) {
        size_t n = options_of(*c, options);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(strspn(options[i]->name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
                strlen(options[i]->name));
            assert_true(options[i]->help && options[i]->help[0]);
            assert_true(
                strlen(options[i]->name) + strlen(options[i]->value ? options[i]->value : "") < 56);
        }
    }
}

static void the_tables_end_within_the_struct(void **state) {
    (void)state;
    for (const struct command *const *c = commands; *c; c++) {
        size_t n = 0;
        while (n < 6 && (*c)->options[n]) {
            n++;
        }
        assert_true(n < 6);
        assert_true((*c)->min_operands <= (*c)->max_operands);
        assert_true((*c)->max_operands <= ARGS_MAX_VALUES);
        assert_non_null((*c)->run);
        assert_true(!(*c)->operands[0] == ((*c)->max_operands == 0));
        assert_true(strlen((*c)->name) <= 18); /* the column of the help */
        assert_true((*c)->summary[0] && (*c)->summary[strlen((*c)->summary) - 1] != '.');
    }
}

static void each_command_is_found_by_its_name_only(void **state) {
    (void)state;
    for (const struct command *const *c = commands; *c; c++) {
        char words[64];
        char *argv[4];
        int argc = 0, used = 0;
        snprintf(words, sizeof words, "%s", (*c)->name);
        for (char *rest = NULL, *word = strtok_r(words, " ", &rest); word;
             word = strtok_r(NULL, " ", &rest)) {
            argv[argc++] = word;
        }
        argv[argc] = words; /* one word more changes nothing */
        assert_ptr_equal(command_find(argc, argv, &used), *c);
        assert_int_equal(used, argc);
        assert_ptr_equal(command_find(argc + 1, argv, &used), *c);
        assert_int_equal(used, argc);
    }
}

static void every_page_of_the_help_prints(void **state) {
    struct strbuf all = { 0 };
    (void)state;
    help_all(&all);
    for (const struct command *const *c = commands; *c; c++) {
        struct strbuf page = { 0 };
        help_command(*c, &page);
        assert_non_null(strstr(page.text, (*c)->name));
        assert_non_null(strstr(page.text, (*c)->summary));
        assert_non_null(strstr(page.text, "--help"));
        if (!(*c)->hidden) {
            assert_non_null(strstr(all.text, (*c)->summary));
        }
        strbuf_release(&page);
    }
    assert_true(help_topic("exit-codes", &all));
    assert_true(help_topic("environment", &all));
    assert_false(help_topic("nothing", &all));
    strbuf_release(&all);
}

static void the_exit_codes_of_all_errors_are_in_the_help(void **state) {
    struct strbuf page = { 0 };
    char line[16];
    (void)state;
    assert_true(help_topic("exit-codes", &page));
    for (int class = ERR_NONE; class < ERR_N_CLASSES; class ++) {
        int code = err_info((enum err_class) class)->exit_code;
        snprintf(line, sizeof line, "\n%5d  ", code);
        if (!strstr(page.text, line)) {
            assert_int_equal(
                class, ERR_BUG); /* sysexits' 70 is the only one that users don't act on */
        }
    }
    strbuf_release(&page);
}

/* The hint for a command line that names no command. */
static const char *suggestion(const char *first, const char *second, struct err *err) {
    char a[32], b[32];
    char *argv[] = { a, b };
    snprintf(a, sizeof a, "%s", first);
    snprintf(b, sizeof b, "%s", second ? second : "");
    *err = (struct err)ERR_INIT;
    help_suggest(second ? 2 : 1, argv, err);
    assert_int_equal(err->class, ERR_USAGE);
    return err->hint;
}

static void what_is_no_command_gets_a_suggestion(void **state) {
    struct err err;
    (void)state;
    assert_non_null(strstr(suggestion("evla", NULL, &err), "'assay eval'"));
    assert_non_null(strstr(suggestion("model", NULL, &err), "show, tensors"));
    assert_non_null(strstr(suggestion("model", "frobnicate", &err), "show"));
    assert_non_null(strstr(err.msg, "frobnicate"));
    assert_non_null(strstr(suggestion("db", "--json", &err), "init"));
    assert_non_null(strstr(suggestion("frobnicate", NULL, &err), "'assay help'"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_command_has_an_option_twice),
        cmocka_unit_test(options_are_named_as_they_can_be_written),
        cmocka_unit_test(the_tables_end_within_the_struct),
        cmocka_unit_test(each_command_is_found_by_its_name_only),
        cmocka_unit_test(every_page_of_the_help_prints),
        cmocka_unit_test(the_exit_codes_of_all_errors_are_in_the_help),
        cmocka_unit_test(what_is_no_command_gets_a_suggestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

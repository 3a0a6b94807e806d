/* Lookup of embedded files. */
#include "check.h"

#include "base/embed.h"

static const struct embedded TABLE[] = {
    { "a.sql", (const unsigned char *)"select 1", 8 },
    { "dir/b.lua", (const unsigned char *)"", 0 },
    { NULL, NULL, 0 },
};

static void files_are_found_by_their_whole_name(void **state) {
    (void)state;
    assert_ptr_equal(embedded_find(TABLE, "a.sql"), &TABLE[0]);
    assert_ptr_equal(embedded_find(TABLE, "dir/b.lua"), &TABLE[1]);
    assert_null(embedded_find(TABLE, "b.lua"));
    assert_null(embedded_find(TABLE, "a.sq"));
    assert_null(embedded_find(TABLE, ""));
    assert_null(embedded_find(&TABLE[2], "a.sql"));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(files_are_found_by_their_whole_name) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

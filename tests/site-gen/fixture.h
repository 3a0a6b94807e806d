/* Snapshots for tests of the site: what site_load would have read. */
#ifndef ASSAY_TESTS_SITE_FIXTURE_H
#define ASSAY_TESTS_SITE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/err.h"

/* Six models of two kinds on the suite `wordnet`, with a queue; one row is partial. */
json_t *fixture_demo(void);
/* No suites, no models, nothing. */
json_t *fixture_empty(void);
/* The demo with payloads wherever a stranger's text can be, and fields of the wrong type. */
json_t *fixture_hostile(void);
/* A suite `many` of twenty embedding tasks with n models, of which every ninth lacks a task; the
 * first hundred have a card and one run. */
json_t *fixture_many(int n);
/* The numbers of that, for tests that know the answer. */
enum { FIXTURE_MANY = 2000, FIXTURE_MANY_TASKS = 20 };
struct fixture_model {
    const char *licence;
    bool permissive;
    long long params;
};
void fixture_many_name(char name[64], int model);
double fixture_many_value(int model, int task);
struct fixture_model fixture_many_model(int model);
/* A question of the demo's choice task: its word, what is right, what the model took. */
struct fixture_choice {
    const char *word, *gold, *taken;
    int i_gold, i_taken;
};
struct fixture_choice fixture_choice(int model, int i);
/* What the hostile texts hold; none of them may be found in a page as it is here. */
extern const char *const FIXTURE_PAYLOADS[];

/* A folder of its own below the temporary folder; the caller frees and removes it. */
char *fixture_dir(void);
/* The text of a file below a folder; fails the test if there is none. The caller frees. */
char *fixture_read(const char *dir, const char *path);

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        struct err err = ERR_INIT;                                                                 \
        if (!(call))                                                                               \
            fail_msg("%s (%s)", err.msg, err.hint);                                                \
    } while (0)

#endif

/* The data sets and the malformed files of the folder that ASSAY_SHARED names: row counts, and what
 * each damaged file must be refused for. Skipped where there is no such folder. */
#include "rows.h"

static char *shared(const char *path) {
    const char *dir = getenv("ASSAY_SHARED");
    return path_join(dir ? dir : ASSAY_TESTS_DIR "/../../shared", path);
}

static const struct {
    const char *dir, *config, *split;
    size_t n;
} SETS[] = {
    { "mteb/stsbenchmark-sts", NULL, "test", 1379 },
    { "mteb/banking77", NULL, "train", 10003 },
    { "mteb/banking77", NULL, "test", 3080 },
    { "mteb/sib200", "eng_Latn", "train", 701 },
    { "mteb/sib200", "deu_Latn", "validation", 99 },
    { "mteb/sib200", "fra_Latn", "test", 204 },
    { "mteb/sts14-sts", NULL, "test", 3750 },
    { "allenai/ai2_arc", "ARC-Easy", "test", 2376 },
    { "allenai/ai2_arc", "ARC-Challenge", "test", 1172 },
    { "allenai/ai2_arc", "ARC-Challenge", "train", 1056 },
    { "allenai/openbookqa", "main", "test", 500 },
    { "Rowan/hellaswag", NULL, "validation", 10042 },
    { "baber/piqa", NULL, "validation", 1838 },
    { "aps/super_glue", "boolq", "validation", 3270 },
    { "EleutherAI/lambada_openai", NULL, "test", 5153 },
    { "EleutherAI/lambada_openai", "default", "test", 5153 },
    { "openai/gsm8k", "main", "train", 7473 },
    { "openai/gsm8k", "main", "test", 1319 },
    { "cais/mmlu", "anatomy", "dev", 5 },
    { "assay-data/cranfield", NULL, "corpus", 1400 },
    { "assay-data/cranfield", NULL, "queries", 225 },
    { "assay-data/cranfield", "qrels", "test", 1837 },
};

static void real_data_sets_have_the_rows_their_cards_say(void **state) {
    (void)state;
    char *hub = shared("hub/datasets");
    if (!dir_exists(hub)) {
        print_message("skipped: no folder '%s'\n", hub);
        free(hub);
        skip();
    }
    for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++) {
        struct err err;
        char *dir = path_join(hub, SETS[i].dir);
        json_t *rows = rows_of(
            &(struct data_source) { .dir = dir, .config = SETS[i].config, .split = SETS[i].split },
            &err);
        if (err.class != ERR_NONE || json_array_size(rows) != SETS[i].n)
            fail_msg(
                "%s %s: %zu rows, %s", SETS[i].dir, SETS[i].split, json_array_size(rows), err.msg);
        json_decref(rows);
        free(dir);
    }
    free(hub);
}

/* Hints are words with " / " between them; one of them must be in the message. */
static bool says_one_of(const char *msg, const char *hints) {
    char word[128];
    for (const char *from = hints, *to; from; from = to ? to + 3 : NULL) {
        to = strstr(from, " / ");
        snprintf(word, sizeof word, "%.*s", (int)(to ? (size_t)(to - from) : strlen(from)), from);
        if (strcasestr(msg, word))
            return true;
    }
    return false;
}

static void check_malformed(const char *dir, const json_t *item) {
    struct err err;
    const char *file = json_get_string(item, "file", ""),
               *expect = json_get_string(item, "expect", "");
    json_t *rows = rows_of_file(dir, file, &err);
    bool refused = err.class != ERR_NONE;
    if (strcmp(expect, "accept") == 0 && refused)
        fail_msg("%s: refused: %s", file, err.msg);
    if (strcmp(expect, "refuse") == 0 && !refused)
        fail_msg("%s: accepted", file);
    if (refused && (!strstr(err.msg, path_base(file)) ||
                       !says_one_of(err.msg, json_get_string(item, "hint", ""))))
        fail_msg("%s: '%s' says nothing of '%s'", file, err.msg, json_get_string(item, "hint", ""));
    json_decref(rows);
}

static void malformed_files_are_refused_with_file_and_reason(void **state) {
    (void)state;
    char *dir = shared("fixtures/malformed"), *path = path_join(dir, "manifest.json");
    if (!file_exists(path)) {
        print_message("skipped: no file '%s'\n", path);
        free(dir);
        free(path);
        skip();
    }
    struct err err = ERR_INIT;
    json_t *manifest = json_parse_file(path, 1 << 20, &err), *item;
    assert_non_null(manifest);
    size_t i, checked = 0;
    json_array_foreach(json_object_get(manifest, "items"), i, item) {
        if (strncmp(json_get_string(item, "file", ""), "datasets/", 9) != 0)
            continue;
        check_malformed(dir, item);
        checked++;
    }
    assert_true(checked >= 19);
    json_decref(manifest);
    free(dir);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_data_sets_have_the_rows_their_cards_say),
        cmocka_unit_test(malformed_files_are_refused_with_file_and_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

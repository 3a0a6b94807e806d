/* Which files make up a split: by the card, by the layout; labels and the content hash. */
#include "evaluator/data/files.h"
#include "base/hash.h"
#include "evaluator/data/frontmatter.h"
#include "evaluator/data/glob.h"

#include "rows.h"

/* Paths below the folder, joined by spaces; or "" where there are none. */
static void assert_files(const char *dir, const char *config, const char *split, const char *want) {
    struct err err = ERR_INIT;
    struct data_files files;
    struct strbuf got = { 0 };
    if (data_files_find(
            &(struct data_source) { .dir = dir, .config = config, .split = split }, &files, &err))
        for (size_t i = 0; i < files.n; i++)
            strbuf_addf(&got, "%s%s", i ? " " : "", files.items[i].path + strlen(dir) + 1);
    else
        assert_int_equal(err.class, ERR_NOT_FOUND);
    assert_string_equal(strbuf_str(&got), want);
    data_files_release(&files);
    strbuf_release(&got);
}

static void layout_is_found_without_a_card(void **state) {
    const char *dir = *state;
    put(dir, "data/test-00001-of-00002.parquet", "");
    put(dir, "data/test-00000-of-00002.parquet", "");
    put(dir, "main/test-00000-of-00001.parquet", "");
    put(dir, "main/train.jsonl.gz", "");
    put(dir, "validation.csv", "");
    put(dir, "qrels/test.jsonl", "");
    put(dir, "corpus.jsonl", "");
    put(dir, ".cache/hidden.jsonl", "");
    assert_files(
        dir, NULL, "test", "data/test-00000-of-00002.parquet data/test-00001-of-00002.parquet");
    assert_files(dir, "main", "test", "main/test-00000-of-00001.parquet");
    assert_files(dir, "main", "train", "main/train.jsonl.gz");
    assert_files(dir, "main", "validation", ""); /* not another configuration's */
    assert_files(dir, "qrels", "test", "qrels/test.jsonl");
    assert_files(dir, NULL, "corpus", "corpus.jsonl");
    assert_files(dir, NULL, "dev", "validation.csv");
    assert_files(dir, NULL, "valid", "validation.csv");
    assert_files(dir, NULL, "hidden", "");
    assert_files(dir, NULL, "train", "");
}

static void one_format_is_taken_of_several(void **state) {
    put(*state, "test.jsonl", "");
    put(*state, "test.csv", "");
    assert_files(*state, NULL, "test", "test.jsonl");
    put(*state, "test.parquet", "");
    assert_files(*state, NULL, "test", "test.parquet");
}

static void default_folder_stands_for_no_configuration(void **state) {
    put(*state, "default/test-00000-of-00001.parquet", "");
    assert_files(*state, NULL, "test", "default/test-00000-of-00001.parquet");
    assert_files(*state, "default", "test", "default/test-00000-of-00001.parquet");
}

static void card_comes_before_the_layout(void **state) {
    const char *dir = *state;
    put(dir, "a/x-1.jsonl", "");
    put(dir, "a/x-2.jsonl", "");
    put(dir, "b/deep/er/y.jsonl", "");
    put(dir, "b/README.md", ""); /* not data, whatever a pattern says */
    put(dir, "c/train.csv", "");
    put(dir, "test.jsonl", "");
    put(dir, "README.md",
        "---\nlicense: mit\nconfigs:\n"
        "- config_name: one\n  default: true\n  data_files:\n"
        "  - split: test\n    path: a/x-*.jsonl\n"
        "  - split: dev\n    path:\n    - a/x-1.jsonl\n    - \"b/**/y.jsonl\"\n"
        "- config_name: two\n  data_files: b/**\n"
        "- config_name: three\n  data_dir: c\n"
        "- config_name: four\n  data_dir: a\n  data_files:\n    test: x-2.jsonl\n"
        "---\n# text\n");
    assert_files(dir, NULL, "test", "a/x-1.jsonl a/x-2.jsonl");
    assert_files(dir, "one", "dev", "a/x-1.jsonl b/deep/er/y.jsonl");
    assert_files(dir, "one", "validation", ""); /* the card's list is the only truth */
    assert_files(dir, "two", "train", "b/deep/er/y.jsonl");
    assert_files(dir, "three", "train", "c/train.csv");
    assert_files(dir, "four", "test", "a/x-2.jsonl");
}

/* What the error says, which is that something isn't there. */
static void assert_missing(
    const char *dir, const char *config, const char *split, const char *const *says) {
    struct err err = ERR_INIT;
    struct data_files files;
    assert_false(data_files_find(
        &(struct data_source) { .dir = dir, .config = config, .split = split }, &files, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    for (; *says; says++)
        if (!strstr(err.msg, *says))
            fail_msg("'%s' is not in the message '%s'", *says, err.msg);
}
#define ASSERT_MISSING(dir, config, split, ...)                                                    \
    assert_missing(dir, config, split, (const char *const[]) { __VA_ARGS__, NULL })

static void errors_say_what_was_looked_for_and_what_there_is(void **state) {
    const char *dir = *state;
    put(dir, "a.csv", "");
    put(dir, "en/b.csv", "");
    put(dir, ".hidden.csv", "");
    ASSERT_MISSING(dir, NULL, "test", dir, "'test'", "data/test-<n>-of-<n>", "test/*",
        "its files are a.csv, en/b.csv");
    ASSERT_MISSING(dir, "fr", "test", "'fr'", "the folder 'fr/'", "its files are a.csv, en/b.csv");
    put(dir, "README.md",
        "---\nconfigs:\n- config_name: en\n  data_files:\n  - {split: train, path: en/x-*.csv}\n"
        "  - {split: dev, path: en/y.csv}\n- config_name: de\n  data_files: a.csv\n---\n");
    ASSERT_MISSING(dir, NULL, "train", dir, "no default configuration", "'en', 'de'");
    ASSERT_MISSING(dir, "fr", "train", "no configuration 'fr'", "'en', 'de'");
    ASSERT_MISSING(dir, "en", "test", "'en'", "no split 'test'", "'train', 'dev'");
    ASSERT_MISSING(dir, "en", "train", "'en/x-*.csv'", "its files are a.csv, en/b.csv");
    ASSERT_MISSING(dir, "en", "dev", "'en/y.csv', which README.md names");
}

static void a_configuration_is_a_folder_or_not_there(void **state) {
    put(*state, "train.csv", "");
    put(*state, "corpus.jsonl", "");
    put(*state, "en/hard-00000-of-00001.parquet", "");
    put(*state, "en/dev.csv", "");
    put(*state, "en/validation.csv", "");
    assert_files(*state, "fr", "train", "");
    assert_files(*state, "corpus", "train", "");
    assert_files(*state, "corpus", "corpus", "corpus.jsonl"); /* BEIR */
    assert_files(*state, "default", "train", "train.csv");
    assert_files(*state, "en", "hard", "en/hard-00000-of-00001.parquet");
    assert_files(*state, "en", "dev", "en/dev.csv");
    assert_files(*state, "en", "validation", "en/validation.csv");
}

static void fault_85_a_card_cannot_lead_out_of_the_folder(void **state) {
    static const char *const paths[] = { "/etc/passwd", "../x.jsonl", "a/../../x.jsonl", "hf://x",
        "..", "a/.." };
    char text[256];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct err err = ERR_INIT;
        struct data_files files;
        snprintf(text, sizeof text,
            "---\nconfigs:\n- data_files:\n  - {split: test, path: '%s'}\n---\n", paths[i]);
        put(*state, "README.md", text);
        assert_false(data_files_find(
            &(struct data_source) { .dir = *state, .split = "test" }, &files, &err));
        assert_int_equal(err.class, ERR_INPUT);
        assert_non_null(strstr(err.msg, "leaves the data set's folder"));
    }
}

static void names_of_splits_are_not_paths_or_patterns(void **state) {
    static const char *const names[] = { "../test", "*", "", ".hidden", "a/b", "te?t" };
    put(*state, "test.jsonl", "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct err err = ERR_INIT;
        struct data_files files;
        assert_false(data_files_find(
            &(struct data_source) { .dir = *state, .split = names[i] }, &files, &err));
        assert_int_equal(err.class, ERR_INPUT);
    }
}

static void parts_of_a_split_are_read_in_order(void **state) {
    put(*state, "test-00001-of-00002.jsonl", "{\"a\": 2}\n");
    put(*state, "test-00000-of-00002.jsonl", "{\"a\": 1}\n");
    struct err err;
    json_t *rows = rows_of(&(struct data_source) { .dir = *state, .split = "test" }, &err);
    assert_json(rows, "[{\"a\": 1}, {\"a\": 2}]");
    json_decref(rows);
}

/* What the error says, or "" where the split was found. */
static void assert_shards(const char *dir, const char *split, const char *says) {
    struct err err = ERR_INIT;
    struct data_files files;
    bool ok = data_files_find(&(struct data_source) { .dir = dir, .split = split }, &files, &err);
    if (ok != !*says || !strstr(err.msg, says))
        fail_msg("'%s': '%s' does not say '%s'", split, err.msg, says);
    if (ok)
        data_files_release(&files);
}

static void a_shard_that_is_missing_is_named(void **state) {
    static const char *const names[] = { "data/one-00000-of-00001.parquet",
        "data/first-00001-of-00003.parquet", "data/first-00002-of-00003.parquet",
        "data/mid-00000-of-00003.parquet", "data/mid-00002-of-00003.parquet",
        "data/last-00000-of-00002-0123abcd.parquet", "data/two-00000-of-00002.parquet",
        "data/two-00001-of-00002.parquet", "data/two-hard-00003-of-00007.parquet" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put(*state, names[i], "");
    assert_shards(*state, "one", "");
    assert_shards(*state, "first", "shard 0 of 3 is missing");
    assert_shards(*state, "mid", "shard 1 of 3 is missing");
    assert_shards(*state, "last", "shard 1 of 2 is missing");
    assert_shards(*state, "two", "");
    assert_files(
        *state, NULL, "two", "data/two-00000-of-00002.parquet data/two-00001-of-00002.parquet");
    assert_shards(*state, "two-hard", "shard 0 of 7 is missing");
}

/* A card may name one shard of many. */
static void a_shard_that_is_named_stands_alone(void **state) {
    put(*state, "x-00001-of-00003.jsonl", "");
    put(*state, "README.md",
        "---\nconfigs:\n- data_files:\n  - {split: test, path: x-00001-of-00003.jsonl}\n---\n");
    assert_shards(*state, "test", "");
}

/* ---- files that were left on a hub ---- */

static bool read_far(
    void *arg, const char *path, uint64_t at, void *into, size_t n, struct err *err) {
    const char *text = arg;
    assert_string_equal(path, "far/test-00001-of-00002.jsonl");
    assert_true(at + n <= strlen(text));
    memcpy(into, text + at, n);
    return strchr(text, '!') ? err_set(err, ERR_NETWORK, "down") : true;
}

static void files_here_and_on_the_hub_are_one_split(void **state) {
    char text[] = "{\"a\": 2}\n";
    struct err err = ERR_INIT;
    struct data_remote_file file = { "far/test-00001-of-00002.jsonl", strlen(text), "" };
    struct data_remote remote = { &file, 1, read_far, text };
    struct data_source source = {
        .dir = *state, .config = "far", .split = "test", .remote = &remote
    };
    char here[65], far[65];
    sha256_hex(text, strlen(text), file.sha256);
    put(*state, "far/test-00000-of-00002.jsonl", "{\"a\": 1}\n");
    json_t *rows = rows_of(&source, &err);
    assert_json(rows, "[{\"a\": 1}, {\"a\": 2}]");
    json_decref(rows);
    assert_true(data_sha256(&source, far, &err));
    text[0] = '!';
    rows = rows_of(&source, &err);
    assert_int_equal(err.class, ERR_NETWORK);
    assert_non_null(strstr(err.msg, "far/test-00001-of-00002.jsonl"));
    json_decref(rows);
    text[0] = '{';
    put(*state, file.path, text); /* once it has been fetched: the same content */
    source.remote = NULL;
    assert_true(data_sha256(&source, here, &err));
    assert_string_equal(here, far);
}

static void labels_come_from_the_card(void **state) {
    struct err err = ERR_INIT;
    put(*state, "test.jsonl", "{\"label\": 1}\n");
    put(*state, "README.md",
        "---\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: label\n"
        "    dtype:\n      class_label:\n        names:\n          '0': neg\n          '1': pos\n"
        "  - name: tags\n    sequence:\n      class_label:\n        names: [x, y]\n---\n");
    struct data *d = data_open(&(struct data_source) { .dir = *state, .split = "test" }, &err);
    assert_non_null(d);
    assert_string_equal(data_label(d, "label", 0), "neg");
    assert_string_equal(data_label(d, "label", 1), "pos");
    assert_string_equal(data_label(d, "tags", 1), "y");
    assert_null(data_label(d, "label", 2));
    assert_null(data_label(d, "label", -1));
    assert_null(data_label(d, "text", 0));
    data_close(d);
}

/* Of several configurations those of the one that is read, asked for by name or not. */
static void labels_are_those_of_the_default_configuration(void **state) {
    struct err err = ERR_INIT;
    put(*state, "b.jsonl", "{\"label\": 1}\n");
    put(*state, "README.md",
        "---\nconfigs:\n- config_name: a\n  data_files: a.jsonl\n- config_name: b\n  default: "
        "true\n"
        "  data_files: b.jsonl\ndataset_info:\n- config_name: a\n  features:\n  - name: label\n"
        "    dtype: {class_label: {names: [no, yes]}}\n- config_name: b\n  features:\n  - name: "
        "label\n"
        "    dtype: {class_label: {names: [left, right]}}\n---\n");
    struct data *d = data_open(&(struct data_source) { .dir = *state, .split = "train" }, &err);
    assert_non_null(d);
    const char *label = data_label(d, "label", 1);
    assert_string_equal(label ? label : "none", "right");
    data_close(d);
}

static void content_hash_follows_names_and_bytes(void **state) {
    struct err err = ERR_INIT;
    char one[65], two[65], three[65];
    const struct data_source source = { .dir = *state, .split = "test" };
    put(*state, "test.jsonl", "{\"a\": 1}\n");
    put(*state, "train.jsonl", "{}\n");
    assert_true(data_sha256(&source, one, &err));
    put(*state, "train.jsonl", "{\"other\": 1}\n"); /* another split */
    assert_true(data_sha256(&source, two, &err));
    assert_string_equal(one, two);
    put(*state, "test.jsonl", "{\"a\": 2}\n");
    assert_true(data_sha256(&source, two, &err));
    assert_string_not_equal(one, two);
    put(*state, "test.parquet", "{\"a\": 2}\n");
    assert_true(data_sha256(&source, three, &err));
    assert_string_not_equal(two, three);
}

static json_t *front(const char *yaml, struct err *err) {
    struct strbuf text = { 0 };
    strbuf_addf(&text, "---\n%s---\nbody", yaml);
    *err = (struct err)ERR_INIT;
    json_t *value = frontmatter_parse(text.text, text.len, err);
    strbuf_release(&text);
    return value;
}

static void front_matter_becomes_json(void **state) {
    (void)state;
    struct err err;
    json_t *v = front("a: 1\nb: [x, {c: null}]\nd: 'null'\n", &err);
    assert_json(v, "{\"a\": \"1\", \"b\": [\"x\", {\"c\": null}], \"d\": \"null\"}");
    json_decref(v);
    assert_null(frontmatter_parse("# no front matter", 17, &err));
    assert_null(frontmatter_parse("---\nnever closed", 16, &err));
    assert_int_equal(err.class, ERR_NONE);
    v = front("", &err);
    assert_json(v, "{}");
    json_decref(v);
}

static void words_for_null_are_null(void **state) {
    (void)state;
    struct err err;
    json_t *v = front("a: ~\nb: Null\nc:\nd: '~'\ne: NULL\nf: null\n", &err);
    assert_json(
        v, "{\"a\": null, \"b\": null, \"c\": null, \"d\": \"~\", \"e\": null, \"f\": null}");
    json_decref(v);
}

static void aliases_stand_for_what_was_anchored(void **state) {
    (void)state;
    struct err err;
    json_t *v = front("a: &x [1, {b: 2}]\nc: *x\nd: &x 3\ne: *x\n", &err);
    assert_json(v, "{\"a\": [\"1\", {\"b\": \"2\"}], \"c\": [\"1\", {\"b\": \"2\"}], \"d\": \"3\", "
                   "\"e\": \"3\"}");
    json_decref(v);
    v = front("a: &x {k: 1, l: 2}\nb: &y {m: 3}\nc: {<<: *x, l: 4}\nd:\n  <<: [*x, *y]\n", &err);
    assert_json(v,
        "{\"a\": {\"k\": \"1\", \"l\": \"2\"}, \"b\": {\"m\": \"3\"},"
        " \"c\": {\"l\": \"4\", \"k\": \"1\"}, \"d\": {\"k\": \"1\", \"l\": \"2\", \"m\": \"3\"}}");
    json_decref(v);
}

/* A data set with a configuration a language may have thousands. */
static void long_front_matter_is_read(void **state) {
    (void)state;
    struct err err;
    struct strbuf text = { 0 };
    strbuf_adds(&text, "configs:\n");
    for (int i = 0; i < 6000; i++)
        strbuf_addf(&text,
            "- config_name: language_%d\n  data_files:\n  - split: train\n"
            "    path: language_%d/train-*.parquet\n",
            i, i);
    json_t *v = front(strbuf_str(&text), &err);
    if (!v)
        fail_msg("%s", err.msg);
    assert_int_equal(json_array_size(json_object_get(v, "configs")), 6000);
    json_decref(v);
    strbuf_release(&text);
}

static void fault_85_hostile_front_matter_is_refused(void **state) {
    (void)state;
    struct err err;
    struct strbuf deep = { 0 }, wide = { 0 }, laughs = { 0 };
    for (int i = 0; i < 100; i++)
        strbuf_addc(&deep, '[');
    strbuf_addc(&deep, '\n');
    for (int i = 0; i < 500000; i++)
        strbuf_adds(&wide, "- a\n");
    strbuf_adds(&laughs, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 9; i++) {
        strbuf_addf(&laughs, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            strbuf_addf(&laughs, "%s*a%d", j ? ", " : "", i - 1);
        strbuf_adds(&laughs, "]\n");
    }
    const char *const bad[] = { "a: *x\n", "a: &x [*x]\n", "? [a]\n: b\n", "a: 1\na: 2\n", "a: [\n",
        "\ta: 1\n", strbuf_str(&deep), strbuf_str(&wide), strbuf_str(&laughs) };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(front(bad[i], &err));
        assert_int_equal(err.class, ERR_INPUT);
    }
    strbuf_release(&deep);
    strbuf_release(&wide);
    strbuf_release(&laughs);
}

static void patterns_match_as_the_hub_means_them(void **state) {
    (void)state;
    assert_true(glob_match("data/test-*.parquet", "data/test-00000-of-00001.parquet"));
    assert_false(glob_match("data/test-*.parquet", "data/test-1/x.parquet"));
    assert_false(glob_match("*.jsonl", "a/x.jsonl"));
    assert_true(glob_match("**/*.jsonl", "x.jsonl"));
    assert_true(glob_match("**/*.jsonl", "a/b/x.jsonl"));
    assert_false(glob_match("**/train.csv", "notrain.csv"));
    assert_false(glob_match("**/t*/x.csv", "data/x.csv"));
    assert_true(glob_match("**/t*/**/x.csv", "a/t/t/b/x.csv"));
    assert_true(glob_match("a/**", "a/b/c"));
    assert_false(glob_match("a/**", "b/a/c"));
    assert_true(glob_match("x-[0-9]?.csv", "x-7a.csv"));
    assert_false(glob_match("x-[!0-9].csv", "x-7.csv"));
    assert_true(glob_match("x[]].csv", "x].csv"));
    assert_true(glob_match("x[", "x["));
    assert_true(glob_match("", ""));
    char hostile[512];
    for (size_t i = 0; i < sizeof hostile - 1; i++)
        hostile[i] = i % 2 ? 'a' : '*';
    hostile[sizeof hostile - 1] = '\0';
    assert_false(glob_match(hostile, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(layout_is_found_without_a_card),
        IN_FOLDER(one_format_is_taken_of_several),
        IN_FOLDER(default_folder_stands_for_no_configuration),
        IN_FOLDER(card_comes_before_the_layout),
        IN_FOLDER(errors_say_what_was_looked_for_and_what_there_is),
        IN_FOLDER(a_configuration_is_a_folder_or_not_there),
        IN_FOLDER(fault_85_a_card_cannot_lead_out_of_the_folder),
        IN_FOLDER(names_of_splits_are_not_paths_or_patterns),
        IN_FOLDER(parts_of_a_split_are_read_in_order),
        IN_FOLDER(a_shard_that_is_missing_is_named),
        IN_FOLDER(a_shard_that_is_named_stands_alone),
        IN_FOLDER(files_here_and_on_the_hub_are_one_split),
        IN_FOLDER(labels_come_from_the_card),
        IN_FOLDER(labels_are_those_of_the_default_configuration),
        IN_FOLDER(content_hash_follows_names_and_bytes),
        cmocka_unit_test(front_matter_becomes_json),
        cmocka_unit_test(words_for_null_are_null),
        cmocka_unit_test(aliases_stand_for_what_was_anchored),
        cmocka_unit_test(long_front_matter_is_read),
        cmocka_unit_test(fault_85_hostile_front_matter_is_refused),
        cmocka_unit_test(patterns_match_as_the_hub_means_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

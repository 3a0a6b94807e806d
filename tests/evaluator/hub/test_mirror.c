/* Mirror trees: what is listed, how it is named and hashed, and names that must be refused. */
#include "tests/evaluator/folder.h"

#include <sys/stat.h>

#include "base/file.h"
#include "evaluator/hub/hub.h"
#include "evaluator/hub/mirror.h"

static void paths_that_leave_the_repository_are_refused(void **state) {
    static const char *const BAD[] = { "", "/etc/passwd", "..", "../x", "a/../b", "a/..", ".",
        "./a", "a/./b", "a//b", "a/", "a\\b", "a\nb", "a\x7f", "\x1b[2J", "a/\xff\xfe",
        "\xc0\xae\xc0\xae/x" };
    static const char *const GOOD[] = { "a", "a/b", "...", "a..b", "..a/b", "1_Pooling/config.json",
        "na\xc3\xafve.txt", "a b?c#d%e.txt" };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_false(path_stays_below(BAD[i]));
    }
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        assert_true(path_stays_below(GOOD[i]));
    }
}

static void lengths_of_paths_have_limits(void **state) {
    char path[1100];
    (void)state;
    memset(path, 'a', sizeof path);
    path[255] = 0;
    assert_true(path_stays_below(path));
    path[255] = 'a';
    path[256] = 0;
    assert_false(path_stays_below(path));
    for (size_t i = 0; i < sizeof path; i++) {
        path[i] = i % 200 == 199 ? '/' : 'a';
    }
    path[1024] = 0;
    assert_true(path_stays_below(path));
    path[1024] = 'a';
    path[1025] = 0;
    assert_false(path_stays_below(path));
}

static void files_are_listed_sorted_with_the_names_a_hub_gives_them(void **state) {
    struct repo_listing l;
    struct err err = ERR_INIT;
    char *dir = folder_make(), *big = xcalloc(1, (1 << 20) + 1);
    (void)state;
    folder_text(dir, "b/hello.txt", "hello\n");
    folder_text(dir, "a.txt", "");
    folder_text(dir, ".gitattributes", "hidden");
    folder_write(dir, "big.bin", big, (1 << 20) + 1);
    folder_write(dir, "limit.bin", big, 1 << 20);
    assert_true(mirror_list(dir, &l, &err));
    assert_int_equal(l.n, 4);
    assert_string_equal(l.files[0].path, "a.txt");
    assert_string_equal(l.files[0].etag,
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"); /* git's name of the empty file */
    assert_string_equal(l.files[1].path, "b/hello.txt");
    assert_string_equal(
        l.files[1].etag, "ce013625030ba8dba906f756967f9e9ca394464a"); /* of "hello\n" */
    assert_int_equal(l.files[1].size, 6);
    assert_true(l.files[2].lfs);
    assert_int_equal(strlen(l.files[2].etag), 64);
    assert_false(l.files[3].lfs);
    repo_listing_release(&l);
    free(big);
    folder_remove(dir);
}

/* The commit that the folder of a mirrored repository stands for. */
static bool commit_of(const char *dir, char commit[41], struct err *err) {
    struct repo_listing l;
    if (!mirror_list(dir, &l, err)) {
        return false;
    }
    memcpy(commit, l.commit, sizeof l.commit);
    repo_listing_release(&l);
    return true;
}

static void the_commit_follows_the_content_unless_revision_names_it(void **state) {
    static const char COMMIT[] = "0123456789abcdef0123456789abcdef01234567";
    char first[41], second[41];
    struct err err = ERR_INIT;
    char *dir = folder_make();
    (void)state;
    folder_text(dir, "config.json", "{}");
    assert_true(commit_of(dir, first, &err));
    assert_true(repo_commit_valid(first));
    folder_text(dir, "config.json", "[]");
    assert_true(commit_of(dir, second, &err));
    assert_string_not_equal(first, second);
    folder_text(dir, ".revision", "  0123456789abcdef0123456789abcdef01234567 main\n");
    assert_true(commit_of(dir, first, &err));
    assert_string_equal(first, COMMIT);
    folder_text(dir, ".revision", "main\n");
    assert_false(commit_of(dir, first, &err));
    assert_int_equal(err.class, ERR_INPUT);
    err = (struct err)ERR_INIT;
    folder_text(dir, ".revision", "");
    assert_false(commit_of(dir, first, &err));
    folder_remove(dir);
}

static void hostile_names_on_disk_are_left_out(void **state) {
    struct repo_listing l;
    struct err err = ERR_INIT;
    char *dir = folder_make();
    (void)state;
    folder_text(dir, "a\\b", "x");
    folder_text(dir, "new\nline", "x");
    folder_text(dir, "\xff", "x");
    folder_text(dir, "good", "x");
    char *pipe = path_join(dir, "pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    free(pipe);
    assert_true(mirror_list(dir, &l, &err));
    assert_int_equal(l.n, 1);
    assert_string_equal(l.files[0].path, "good");
    repo_listing_release(&l);
    folder_remove(dir);
}

static void a_folder_that_contains_itself_ends(void **state) {
    struct repo_listing l;
    struct err err = ERR_INIT;
    char *dir = folder_make(), *loop = path_join(dir, "loop");
    (void)state;
    assert_int_equal(symlink(".", loop), 0);
    assert_false(mirror_list(dir, &l, &err));
    assert_int_equal(err.class, ERR_INPUT);
    free(loop);
    folder_remove(dir);
}

static void an_empty_folder_is_an_empty_repository(void **state) {
    struct repo_listing l;
    struct err err = ERR_INIT;
    char *dir = folder_make();
    (void)state;
    assert_true(mirror_list(dir, &l, &err));
    assert_int_equal(l.n, 0);
    assert_true(repo_commit_valid(l.commit));
    repo_listing_release(&l);
    folder_remove(dir);
}

static void models_are_found_by_name_and_revisions_other_than_the_pinned_one_are_refused(
    void **state) {
    struct err err = ERR_INIT;
    char commit[41], name[128];
    char *root = folder_make(), *dir = path_join(root, "models/org/m");
    (void)state;
    folder_text(root, "models/org/m/config.json", "{}");
    assert_true(commit_of(dir, commit, &err));
    char *path = hub_model_path(root, "org/m", &err);
    assert_string_equal(path, dir);
    free(path);
    snprintf(name, sizeof name, "org/m@%s", commit);
    path = hub_model_path(root, name, &err);
    assert_string_equal(path, dir);
    free(path);
    path = hub_model_path(root, "hf://org/m@main", &err);
    assert_string_equal(path, dir);
    free(path);
    /* without .revision any pinned revision is satisfied, with one only that */
    static const char PINNED[] = "org/m@0123456789abcdef0123456789abcdef01234567";
    path = hub_model_path(root, PINNED, &err);
    assert_string_equal(path, dir);
    free(path);
    folder_text(dir, ".revision", "fedcba9876543210fedcba9876543210fedcba98\n");
    assert_null(hub_model_path(root, PINNED, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    static const char *const BAD[] = { "org/none", "org", "../etc/passwd", "org/../../x", "org/m/x",
        "a b/c", "org/m@../x", "org/m@" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        err = (struct err)ERR_INIT;
        assert_null(hub_model_path(root, BAD[i], &err));
        assert_int_equal(err.class, ERR_NOT_FOUND);
    }
    free(dir);
    folder_remove(root);
}

static void a_repository_of_one_gguf_is_that_file(void **state) {
    struct err err = ERR_INIT;
    char *root = folder_make();
    (void)state;
    folder_text(root, "models/org/m/README.md", "x");
    folder_text(root, "models/org/m/m.gguf", "GGUF");
    char *path = hub_model_path(root, "org/m", &err);
    assert_non_null(path);
    assert_string_equal(path_base(path), "m.gguf");
    free(path);
    folder_text(root, "models/org/m/mmproj-m.gguf", "GGUF"); /* sees for it */
    path = hub_model_path(root, "org/m", &err);
    assert_non_null(path);
    free(path);
    folder_text(root, "models/org/m/other.gguf", "GGUF");
    assert_null(hub_model_path(root, "org/m", &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "2 models as .gguf files: m.gguf, other.gguf"));
    folder_remove(root);
}

static void parts_of_a_gguf_are_one_model(void **state) {
    struct err err = ERR_INIT;
    char *root = folder_make();
    (void)state;
    folder_text(root, "models/org/m/m-00002-of-00002.gguf", "GGUF");
    folder_text(root, "models/org/m/m-00001-of-00002.gguf", "GGUF");
    char *path = hub_model_path(root, "org/m", &err);
    assert_non_null(path);
    assert_string_equal(path_base(path), "m-00001-of-00002.gguf");
    char before[65], after[65];
    assert_true(hub_model_commit(root, path, path, before, &err));
    folder_text(root, "models/org/m/m-00002-of-00002.gguf", "GGUF, changed");
    assert_true(hub_model_commit(root, path, path, after, &err));
    assert_string_not_equal(before, after);
    free(path);
    folder_remove(root);
}

static void facts_come_from_card_configuration_and_names(void **state) {
    struct err err = ERR_INIT;
    char *root = folder_make();
    (void)state;
    folder_text(root, "models/org/m/README.md",
        "---\nlicense: other\nlicense_name: my-licence\n---\n# m\n");
    folder_text(root, "models/org/m/config.json",
        "{\"model_type\": \"llama\", \"architectures\": [\"LlamaForCausalLM\"]}");
    folder_text(root, "models/org/m/model.safetensors", "12345678");
    json_t *facts = hub_model_facts(root, "org/m", &err);
    assert_non_null(facts);
    assert_string_equal(json_get_string(facts, "repo", ""), "org/m");
    assert_string_equal(json_get_string(facts, "licence", ""), "my-licence");
    assert_string_equal(json_get_string(facts, "format", ""), "safetensors");
    assert_string_equal(json_get_string(facts, "architecture", ""), "llama");
    assert_int_equal(json_get_int(facts, "bytes", 0), 8);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(facts, "abilities"), 0)), "score");
    assert_int_equal(json_array_size(json_object_get(facts, "files")), 3);
    assert_true(json_is_false(json_object_get(facts, "gated")));
    json_decref(facts);
    folder_text(root, "models/org/m/modules.json", "[]");
    facts = hub_model_facts(root, "org/m", &err);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(facts, "abilities"), 0)), "embed");
    json_decref(facts);
    folder_text(root, "models/org/bare/README.md", "no front matter");
    folder_text(root, "models/org/bare/config.json", "not json");
    folder_text(root, "models/org/bin/pytorch_model.bin", "123");
    facts = hub_model_facts(root, "org/bin", &err);
    assert_string_equal(json_get_string(facts, "format", ""), "pytorch");
    assert_int_equal(json_get_int(facts, "bytes", 0), 3);
    json_decref(facts);
    folder_text(root, "models/org/lora/adapter_config.json", "{\"task_type\": \"CAUSAL_LM\"}");
    facts = hub_model_facts(root, "org/lora", &err);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(facts, "abilities"), 0)), "score");
    json_decref(facts);
    facts = hub_model_facts(root, "org/bare", &err);
    assert_true(json_is_null(json_object_get(facts, "licence")));
    assert_true(json_is_null(json_object_get(facts, "format")));
    assert_int_equal(json_array_size(json_object_get(facts, "abilities")), 0);
    json_decref(facts);
    folder_remove(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_that_leave_the_repository_are_refused),
        cmocka_unit_test(lengths_of_paths_have_limits),
        cmocka_unit_test(files_are_listed_sorted_with_the_names_a_hub_gives_them),
        cmocka_unit_test(the_commit_follows_the_content_unless_revision_names_it),
        cmocka_unit_test(hostile_names_on_disk_are_left_out),
        cmocka_unit_test(a_folder_that_contains_itself_ends),
        cmocka_unit_test(an_empty_folder_is_an_empty_repository),
        cmocka_unit_test(
            models_are_found_by_name_and_revisions_other_than_the_pinned_one_are_refused),
        cmocka_unit_test(a_repository_of_one_gguf_is_that_file),
        cmocka_unit_test(parts_of_a_gguf_are_one_model),
        cmocka_unit_test(facts_come_from_card_configuration_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Files and folders, in a folder of the test's own. */
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static int make_folder(void **state) {
    char path[] = "/tmp/assay-file-XXXXXX";
    *state = mkdtemp(path) ? xstrdup(path) : NULL;
    return *state ? 0 : -1;
}

static int drop_folder(void **state) {
    struct err err = ERR_INIT;
    bool ok = dir_remove(*state, &err);
    free(*state);
    return ok ? 0 : -1;
}

static void put(const char *path, const char *text) {
    struct err err = ERR_INIT;
    assert_ok(file_write_atomic(path, text, strlen(text), &err), &err);
}

static size_t count_entries(const char *path) {
    DIR *d = opendir(path);
    assert_non_null(d);
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        n += e->d_name[0] != '.';
    }
    closedir(d);
    return n;
}

static void a_file_is_read_whole_or_refused(void **state) {
    char *path = path_join(*state, "f");
    struct err err = ERR_INIT;
    struct strbuf out = { 0 };
    put(path, "0123456789");
    assert_ok(file_read(path, 10, &out, &err), &err);
    assert_ok(file_read(path, 10, &out, &err), &err);
    assert_string_equal(strbuf_str(&out), "01234567890123456789");
    assert_false(file_read(path, 9, &out, &err));
    assert_int_equal(err.class, ERR_INPUT);
    assert_contains(err.msg, path);
    struct strbuf tight;
    strbuf_init(&tight, 4);
    assert_false(file_read(path, 10, &tight, &err));
    assert_int_equal(err.class, ERR_RESOURCE);
    strbuf_release(&tight);
    strbuf_release(&out);
    free(path);
}

static void what_is_not_a_regular_file_is_not_read(void **state) {
    struct err err = ERR_INIT;
    struct strbuf out = { 0 };
    struct file_map map;
    char *fifo = path_join(*state, "fifo"), *none = path_join(*state, "none");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const char *const odd[] = { *state, fifo, "/dev/zero" };
    for (size_t i = 0; i < 3; i++) {
        assert_false(file_read(odd[i], 100, &out, &err));
        assert_int_equal(err.class, ERR_INPUT);
        assert_false(file_map(&map, odd[i], &err));
        assert_int_equal(err.class, ERR_INPUT);
        file_unmap(&map);
    }
    assert_false(file_read(none, 100, &out, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    strbuf_release(&out);
    free(none);
    free(fifo);
}

static void writing_replaces_the_whole_file_and_leaves_nothing_else(void **state) {
    char *path = path_join(*state, "f");
    struct err err = ERR_INIT;
    struct strbuf out = { 0 };
    put(path, "a long first version");
    put(path, "second");
    assert_ok(file_read(path, 100, &out, &err), &err);
    assert_string_equal(strbuf_str(&out), "second");
    assert_int_equal(count_entries(*state), 1);
    strbuf_release(&out);
    free(path);
}

static void a_failed_write_leaves_the_old_file(void **state) {
    char *dir = path_join(*state, "d"), *inside = path_join(dir, "x"),
         *lost = path_join(*state, "no/f");
    struct err err = ERR_INIT;
    assert_ok(dir_make(dir, &err), &err);
    put(inside, "kept");
    assert_false(file_write_atomic(dir, "x", 1, &err)); // a folder is in the way
    assert_contains(err.msg, dir);
    assert_false(file_write_atomic(lost, "x", 1, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    assert_true(file_exists(inside));
    assert_int_equal(count_entries(*state), 1);
    free(lost);
    free(inside);
    free(dir);
}

/* Who has the file open keeps what was in it, to the last byte. */
static void a_reader_keeps_the_version_that_it_opened(void **state) {
    char *path = path_join(*state, "f"), text[32] = { 0 };
    put(path, "a long first version");
    FILE *reader = fopen(path, "rb");
    assert_non_null(reader);
    put(path, "second");
    assert_int_equal(fread(text, 1, sizeof text - 1, reader), 20);
    assert_string_equal(text, "a long first version");
    fclose(reader);
    free(path);
}

/* Readers see one version or another, never a part: many writers, one reader that looks. */
static void readers_never_see_a_half_written_file(void **state) {
    char *path = path_join(*state, "f");
    enum { N = 20000, WRITERS = 3, TIMES = 30 };
    char *text = xmalloc(N);
    memset(text, 'a', N);
    struct err err = ERR_INIT;
    assert_ok(file_write_atomic(path, text, N, &err), &err);
    pid_t writers[WRITERS];
    for (int k = 0; k < WRITERS; k++) {
        writers[k] = fork();
        assert_true(writers[k] >= 0);
        if (writers[k] == 0) {
            memset(text, 'b' + k, N);
            bool ok = true;
            for (int i = 0; ok && i < TIMES; i++) {
                ok = file_write_atomic(path, text, N, NULL);
            }
            _exit(ok ? 0 : 1);
        }
    }
    for (int i = 0; i < 200; i++) {
        struct strbuf out = { 0 };
        assert_ok(file_read(path, N, &out, &err), &err);
        assert_int_equal(out.len, N);
        assert_int_equal(out.text[0], out.text[N - 1]);
        strbuf_release(&out);
    }
    for (int k = 0; k < WRITERS; k++) {
        int status;
        assert_int_equal(waitpid(writers[k], &status, 0), writers[k]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(count_entries(*state), 1);
    free(text);
    free(path);
}

static void a_map_shows_the_bytes(void **state) {
    char *path = path_join(*state, "f");
    struct err err = ERR_INIT;
    struct file_map map = { 0 };
    file_unmap(&map);
    put(path, "mapped");
    assert_ok(file_map(&map, path, &err), &err);
    assert_int_equal(map.size, 6);
    assert_memory_equal(map.data, "mapped", 6);
    file_unmap(&map);
    assert_null(map.data);
    put(path, "");
    assert_ok(file_map(&map, path, &err), &err);
    assert_int_equal(map.size, 0);
    file_unmap(&map);
    free(path);
}

static void folders_are_made_with_their_parents(void **state) {
    char *deep = path_join(*state, "a/b//c/"), *file = path_join(*state, "file"),
         *below = path_join(file, "x");
    struct err err = ERR_INIT;
    assert_ok(dir_make(deep, &err), &err);
    assert_ok(dir_make(deep, &err), &err);
    assert_true(dir_exists(deep));
    assert_false(file_exists(deep));
    put(file, "");
    assert_true(file_exists(file));
    assert_false(dir_exists(file));
    assert_false(dir_make(file, &err));
    assert_false(dir_make(below, &err));
    assert_false(dir_make("", &err));
    free(below);
    free(file);
    free(deep);
}

static void removing_a_folder_follows_no_link(void **state) {
    char *outside = path_join(*state, "outside"), *kept = path_join(outside, "kept");
    char *tree = path_join(*state, "tree"), *deep = path_join(tree, "a/b"),
         *file = path_join(deep, "f");
    char *link = path_join(tree, "link"), *dangling = path_join(tree, "dangling");
    struct err err = ERR_INIT;
    assert_ok(dir_make(outside, &err) && dir_make(deep, &err), &err);
    put(kept, "kept");
    put(file, "gone");
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(symlink("nowhere", dangling), 0);
    assert_false(dir_remove(link, &err));
    assert_ok(dir_remove(tree, &err), &err);
    assert_false(dir_exists(tree));
    assert_true(file_exists(kept));
    assert_ok(dir_remove(tree, &err), &err); // gone already
    char *paths[] = { outside, kept, tree, deep, file, link, dangling };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        free(paths[i]);
    }
}

static void paths_are_joined_and_split(void **state) {
    (void)state;
    char *plain = path_join("a", "b"), *slashed = path_join("a/", "b"), *root = path_join("/", "b");
    assert_string_equal(plain, "a/b");
    assert_string_equal(slashed, "a/b");
    assert_string_equal(root, "/b");
    assert_string_equal(path_base("a/b"), "b");
    assert_string_equal(path_base("b"), "b");
    assert_string_equal(path_base("a/"), "");
    free(root);
    free(slashed);
    free(plain);
}

static void the_home_is_made_where_the_environment_says(void **state) {
    char *home = path_join(*state, "new/home");
    struct err err = ERR_INIT;
    setenv("ASSAY_HOME", home, 1);
    char *got = assay_home(&err);
    assert_ok(got, &err);
    assert_string_equal(got, home);
    assert_true(dir_exists(home));
    free(got);
    setenv("ASSAY_HOME", "/dev/null/x", 1);
    assert_null(assay_home(&err));
    assert_contains(err.hint, "ASSAY_HOME");
    unsetenv("ASSAY_HOME");
    free(home);
}

/* In a child that gave up root, since root's home is the system's. */
static int home_as_user(const char *base, const char *xdg) {
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (chmod(base, 0777) || setresuid(65534, 65534, 65534))) {
            _exit(2);
        }
        unsetenv("ASSAY_HOME");
        setenv("HOME", base, 1);
        if (xdg) {
            setenv("XDG_DATA_HOME", xdg, 1);
        } else {
            unsetenv("XDG_DATA_HOME");
        }
        char *want = xdg ? path_join(xdg, "assay") : path_join(base, ".local/share/assay");
        char *got = assay_home(NULL);
        int failed = !got || strcmp(got, want) != 0;
        free(got);
        free(want);
        _exit(failed);
    }
    int status;
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void without_it_the_home_is_the_users_data_folder(void **state) {
    char *xdg = path_join(*state, "xdg");
    assert_int_equal(home_as_user(*state, NULL), 0);
    assert_int_equal(home_as_user(*state, xdg), 0);
    free(xdg);
}

static void repository_ids_follow_the_grammar(void **state) {
    (void)state;
    static const char *const GOOD[] = { "a/b", "org/model-1.5_x", "A.b/C", "0/0", "gpt2",
        "t5-small" };
    static const char *const BAD[] = { "", "/", ".a", "-a", "a b", "a/", "/b", "a/b/c", "../x",
        "a/..", "a/.b", "-rf/x", "a/-b", "x;id/y", "$(id)/a", "a/%00", "a\nb/c", "a/b\n", "a b/c",
        "<img>/x", "a--b/c", "a..b/c", "a/b\\c", "\xd0\xb0/b", "'; DROP/x", "=H(1)/x" };
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        assert_true(repo_id_valid(GOOD[i]));
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        if (repo_id_valid(BAD[i])) {
            fail_msg("accepted: %s", BAD[i]);
        }
    }
    char id[200] = "a/";
    memset(id + 2, 'x', 96);
    assert_true(repo_id_valid(id));
    id[98] = 'x';
    assert_false(repo_id_valid(id));
}

static void a_word_is_a_path_by_its_looks_an_operand_by_what_is_there(void **state) {
    static const char *const ENDINGS[] = { ".json", ".lua", NULL };
    static const char *const PATHS[] = { ".", "./a", "../a", "/a", "a/", "a/b/", "x.json",
        "a/x.lua", ".hidden" },
                             *const NAMES[] = { "a", "org/name", "org/name@main", "17", "x.jsonl",
                                 "json" };
    (void)state;
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        assert_true(word_is_path(PATHS[i], ENDINGS));
    }
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        assert_false(word_is_path(NAMES[i], ENDINGS));
        assert_false(operand_is_path(NAMES[i], ENDINGS));
    }
    struct err err = ERR_INIT;
    char was[4096], folder[] = "/tmp/assay-words-XXXXXX";
    assert_non_null(getcwd(was, sizeof was));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_true(dir_make("org/name", &err));
    assert_false(word_is_path("org/name", ENDINGS));
    assert_true(operand_is_path("org/name", ENDINGS));
    assert_false(operand_is_path("org/other", ENDINGS));
    assert_int_equal(chdir(was), 0);
    assert_true(dir_remove(folder, &err));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, drop_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_file_is_read_whole_or_refused),
        cmocka_unit_test(a_word_is_a_path_by_its_looks_an_operand_by_what_is_there),
        IN_FOLDER(what_is_not_a_regular_file_is_not_read),
        IN_FOLDER(writing_replaces_the_whole_file_and_leaves_nothing_else),
        IN_FOLDER(a_failed_write_leaves_the_old_file),
        IN_FOLDER(a_reader_keeps_the_version_that_it_opened),
        IN_FOLDER(readers_never_see_a_half_written_file),
        IN_FOLDER(a_map_shows_the_bytes),
        IN_FOLDER(folders_are_made_with_their_parents),
        IN_FOLDER(removing_a_folder_follows_no_link),
        cmocka_unit_test(paths_are_joined_and_split),
        IN_FOLDER(the_home_is_made_where_the_environment_says),
        IN_FOLDER(without_it_the_home_is_the_users_data_folder),
        cmocka_unit_test(repository_ids_follow_the_grammar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

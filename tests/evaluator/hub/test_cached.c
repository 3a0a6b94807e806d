/* The cache looked after: what is listed, what goes first when room is made, and what stays. */
#include "tests/evaluator/folder.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/hash.h"
#include "evaluator/hub/tidy.h"
#include "evaluator/hub/use.h"

#define COMMIT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define COMMIT_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define COMMIT_C "cccccccccccccccccccccccccccccccccccccccc"
#define BYTES 100000u

static char *cache, *home;

static int begin(void **state) {
    (void)state;
    cache = folder_make();
    home = folder_make();
    setenv("HF_HUB_CACHE", cache, 1);
    setenv("ASSAY_HOME", home, 1);
    unsetenv("ASSAY_HUB_CACHE_MAX");
    return 0;
}

static int end(void **state) {
    (void)state;
    folder_remove(cache);
    folder_remove(home);
    return 0;
}

static char *snapshot_of(const char *repo, const char *commit) {
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/models--org--%s/snapshots/%s", cache, repo, commit);
    return strbuf_take(&path);
}

/* A snapshot of one file with this letter in it, used so many days ago. */
static void add(const char *repo, const char *commit, char letter, int days) {
    char *bytes = xmalloc(BYTES), hex[65], name[256], *dir = snapshot_of(repo, commit);
    struct err err = ERR_INIT;
    memset(bytes, letter, BYTES);
    sha256_hex(bytes, BYTES, hex);
    snprintf(name, sizeof name, "models--org--%s/blobs/%s", repo, hex);
    folder_write(cache, name, bytes, BYTES);
    char *blob = path_join(cache, name), *link = path_join(dir, "model.safetensors");
    struct timespec then[2] = { { .tv_sec = time(NULL) - days * 86400 }, { .tv_sec = 1000000000 } };
    assert_int_equal(utimensat(AT_FDCWD, blob, then, 0), 0);
    assert_true(dir_make(dir, &err));
    snprintf(name, sizeof name, "../../blobs/%s", hex);
    assert_int_equal(symlink(name, link), 0);
    free(link);
    free(blob);
    free(dir);
    free(bytes);
}

static bool has(const char *repo, const char *commit) {
    char *dir = snapshot_of(repo, commit), *file = path_join(dir, "model.safetensors");
    bool there = file_exists(file);
    free(file);
    free(dir);
    return there;
}

static json_t *gc(uint64_t budget, bool dry) {
    struct err err = ERR_INIT;
    struct hub_gc o = { .budget = budget, .dry_run = dry };
    json_t *report = hub_cache_gc(&o, &err);
    assert_non_null(report);
    return report;
}

static void what_was_used_longest_ago_goes_first(void **state) {
    (void)state;
    add("old", COMMIT_A, 'a', 30);
    add("new", COMMIT_A, 'b', 1);
    add("both", COMMIT_A, 'c', 20);
    add("both", COMMIT_B, 'd', 2);
    json_t *report = gc(5 * BYTES, true);
    assert_int_equal(json_array_size(json_object_get(report, "removed")), 0);
    json_decref(report);
    report = gc(5 * BYTES / 2, true); /* says what it would do, and does nothing */
    assert_int_equal(json_array_size(json_object_get(report, "removed")), 2);
    json_decref(report);
    assert_true(has("old", COMMIT_A) && has("both", COMMIT_A));
    json_decref(gc(5 * BYTES / 2, false));
    assert_false(has("old", COMMIT_A));
    assert_false(has("both", COMMIT_A));
    assert_true(has("both", COMMIT_B));
    assert_true(has("new", COMMIT_A));
    assert_false(folder_has(cache, "models--org--old"));
}

static void a_blob_that_two_revisions_share_stays_with_the_other(void **state) {
    (void)state;
    add("m", COMMIT_A, 'a', 30);
    add("m", COMMIT_B, 'a', 30);
    folder_text(cache, "models--org--m/refs/main", COMMIT_B);
    struct err err = ERR_INIT;
    const char *const names[] = { "org/m@aaaaaaa" };
    json_t *report = hub_cache_remove(names, 1, false, &err);
    assert_non_null(report);
    assert_int_equal(json_get_int(report, "freed", -1), 0);
    json_decref(report);
    assert_false(has("m", COMMIT_A));
    assert_true(has("m", COMMIT_B));
    const char *const by_ref[] = { "org/m@main" };
    json_decref(hub_cache_remove(by_ref, 1, false, &err));
    assert_false(folder_has(cache, "models--org--m"));
    assert_null(hub_cache_remove(by_ref, 1, false, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
}

/* A process that marked a snapshot, closed all its descriptors, and lives. */
static pid_t use_elsewhere(const char *repo, const char *commit) {
    int ready[2];
    char *dir = snapshot_of(repo, commit), c;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        use_begin(dir);
        dup2(ready[1], 3);
        close_range(4, ~0u, 0);
        if (write(3, "x", 1) != 1) {
            _exit(1);
        }
        close(3);
        pause();
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    free(dir);
    return pid;
}

static void what_a_job_uses_stays_until_the_job_has_died(void **state) {
    struct err err = ERR_INIT;
    const char *const names[] = { "org/used" };
    (void)state;
    add("used", COMMIT_A, 'a', 100);
    add("idle", COMMIT_A, 'b', 1);
    pid_t job = use_elsewhere("used", COMMIT_A);
    json_t *report = gc(0, false);
    assert_int_equal(json_array_size(json_object_get(report, "in_use")), 1);
    json_decref(report);
    assert_true(has("used", COMMIT_A));
    assert_false(has("idle", COMMIT_A));
    assert_null(hub_cache_remove(names, 1, false, &err));
    assert_int_equal(err.class, ERR_BUSY);
    kill(job, SIGKILL); /* no time to clean up */
    assert_int_equal(waitpid(job, NULL, 0), job);
    json_decref(gc(0, false));
    assert_false(has("used", COMMIT_A));
}

static void what_another_program_reads_stays(void **state) {
    (void)state;
    add("m", COMMIT_A, 'a', 100);
    char *dir = snapshot_of("m", COMMIT_A), *file = path_join(dir, "model.safetensors");
    struct file_map map;
    struct err err = ERR_INIT;
    assert_true(file_map(&map, file, &err)); /* the descriptor is closed, the mapping is there */
    json_decref(gc(0, false));
    assert_true(has("m", COMMIT_A));
    file_unmap(&map);
    json_decref(gc(0, false));
    assert_false(has("m", COMMIT_A));
    free(file);
    free(dir);
}

static void what_belongs_to_nobody_goes_once_it_has_settled(void **state) {
    char *orphan, *fresh;
    (void)state;
    add("m", COMMIT_A, 'a', 1);
    folder_text(cache, "models--org--m/blobs/" COMMIT_B, "fresh");
    folder_text(cache, "models--org--m/.assay/gone." COMMIT_C "/x", "left");
    folder_text(home, "cache/partial/" COMMIT_C ".12345678", "half");
    fresh = path_join(cache, "models--org--m/blobs/" COMMIT_B);
    orphan = path_join(home, "cache/partial/" COMMIT_C ".12345678");
    struct timespec then[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
    assert_int_equal(utimensat(AT_FDCWD, orphan, then, 0), 0);
    json_decref(gc(UINT64_MAX, false));
    assert_true(file_exists(fresh)); /* it may be about to get its link */
    assert_false(file_exists(orphan));
    assert_false(folder_has(cache, "models--org--m/.assay/gone." COMMIT_C));
    assert_true(has("m", COMMIT_A));
    free(orphan);
    free(fresh);
}

static void damage_is_named_and_repaired_by_removal(void **state) {
    struct err err = ERR_INIT;
    (void)state;
    add("m", COMMIT_A, 'a', 1);
    add("n", COMMIT_A, 'n', 1);
    folder_text(cache, "models--org--n/blobs/" COMMIT_B, "not what it is called");
    folder_text(cache, "models--org--n/refs/main", "main");
    folder_text(cache, "models--org--n/.assay/" COMMIT_A ".complete", "1");
    char *link = snapshot_of("n", COMMIT_A), *dangling = path_join(link, "gone.json");
    assert_int_equal(symlink("../../blobs/" COMMIT_C, dangling), 0);
    const char *const good[] = { "org/m" };
    json_t *report = hub_cache_verify(good, 1, false, &err);
    assert_int_equal(json_array_size(json_object_get(report, "problems")), 0);
    assert_int_equal(json_get_int(report, "blobs", 0), 1);
    json_decref(report);
    report = hub_cache_verify(NULL, 0, true, &err);
    assert_int_equal(json_array_size(json_object_get(report, "problems")), 3);
    json_decref(report);
    assert_false(folder_has(cache, "models--org--n/.assay/" COMMIT_A ".complete"));
    report = hub_cache_verify(NULL, 0, false, &err);
    assert_int_equal(json_array_size(json_object_get(report, "problems")), 0);
    json_decref(report);
    free(dangling);
    free(link);
}

static void the_list_tells_what_is_there(void **state) {
    struct err err = ERR_INIT;
    (void)state;
    add("m", COMMIT_A, 'a', 30);
    add("m", COMMIT_B, 'b', 1);
    folder_text(cache, "models--org--m/refs/main", COMMIT_B);
    folder_text(cache, "models--org--m/refs/refs/pr/1", COMMIT_B);
    folder_text(cache, "version.txt", "1");
    json_t *list = hub_cache_list(&err), *repo = json_array_get(json_object_get(list, "repos"), 0);
    assert_int_equal(json_array_size(json_object_get(list, "repos")), 1);
    assert_string_equal(json_get_string(repo, "repo", ""), "org/m");
    json_t *latest = json_array_get(json_object_get(repo, "snapshots"), 0);
    assert_string_equal(json_get_string(latest, "commit", ""), COMMIT_B);
    assert_non_null(strstr(json_get_string(latest, "refs", ""), "refs/pr/1"));
    assert_int_equal(json_get_int(latest, "bytes", 0), BYTES);
    assert_false(json_get_bool(latest, "in_use", true));
    assert_false(folder_has(cache, "models--org--m/.assay")); /* looking leaves nothing */
    json_decref(list);
}

static void sizes_are_read_with_their_units(void **state) {
    static const struct {
        const char *text;
        uint64_t bytes;
    } SIZES[] = { { "0", 0 }, { "20G", 20000000000 }, { "1.5KiB", 1536 }, { "3 MB", 3000000 },
        { "2T", 2000000000000 }, { "1k", 1000 } };
    static const char *const JUNK[] = { "", "G", "-1", "1X", "1GG", "nan", "1e30" };
    struct err err = ERR_INIT;
    uint64_t n;
    (void)state;
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        assert_true(hub_size_parse(SIZES[i].text, &n, &err));
        assert_int_equal(n, SIZES[i].bytes);
    }
    for (size_t i = 0; i < sizeof JUNK / sizeof *JUNK; i++) {
        assert_false(hub_size_parse(JUNK[i], &n, &err));
        assert_int_equal(err.class, ERR_USAGE);
    }
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(what_was_used_longest_ago_goes_first),
        CASE(a_blob_that_two_revisions_share_stays_with_the_other),
        CASE(what_a_job_uses_stays_until_the_job_has_died),
        CASE(what_another_program_reads_stays),
        CASE(what_belongs_to_nobody_goes_once_it_has_settled),
        CASE(damage_is_named_and_repaired_by_removal),
        CASE(the_list_tells_what_is_there),
        CASE(sizes_are_read_with_their_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

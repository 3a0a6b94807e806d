/* What a job's process can still read once its doors are closed: its model, through whatever
 * links, and nothing else of anybody's. Each case runs in a process of its own, since no door
 * opens again. */
#include "tests/evaluator/folder.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "evaluator/worker/doors.h"

static const char *extra; /* that may be read besides a model */

enum seen { SEEN_READABLE, SEEN_REFUSED, SEEN_NO_LANDLOCK, SEEN_BROKEN };

static bool close_around(const char *path, bool data, struct sandbox_report *report) {
    struct err err = ERR_INIT;
    const char *const paths[] = { path, NULL };
    return data ? doors_close_but(paths, report, &err)
                : doors_close(
                      path, (const char *const[DOORS_EXTRAS]) { NULL, NULL, extra }, report, &err);
}

/* Closes the doors around a model (or data) and tries to read `path`. */
static enum seen look(const char *model, bool data, const char *path) {
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox_limits limits = { .profile = data ? SANDBOX_PARSER : SANDBOX_COMPUTE };
        struct sandbox_report report = { 0 };
        struct err err = ERR_INIT;
        char byte;
        if (!sandbox_enter(&limits, &report, &err) || !close_around(model, data, &report)) {
            _exit(SEEN_BROKEN);
        }
        if (strstr(report.degraded, "reads")) {
            _exit(SEEN_NO_LANDLOCK);
        }
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        _exit(fd >= 0 && read(fd, &byte, 1) == 1 ? SEEN_READABLE : SEEN_REFUSED);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return (enum seen)WEXITSTATUS(status);
}

/* As a snapshot of the hub's cache lies on disk: a folder of links into the blobs, beside
 * somebody's token. */
static char *make_cache(char **snapshot) {
    char *dir = folder_make();
    folder_text(dir, "token", "secret");
    folder_text(dir, "repo/blobs/abc", "weights");
    folder_text(dir, "repo/blobs/other", "another revision's");
    folder_text(dir, "repo/snapshots/1/real.json", "{}");
    *snapshot = path_join(dir, "repo/snapshots/1");
    char *link = path_join(*snapshot, "model.safetensors");
    assert_int_equal(symlink("../../blobs/abc", link), 0);
    free(link);
    return dir;
}

static void expect_of(
    const char *model, bool data, const char *dir, const char *name, enum seen wanted) {
    char *path = path_join(dir, name);
    enum seen seen = look(model, data, path);
    if (seen == SEEN_NO_LANDLOCK) {
        print_message("this kernel has no Landlock: not checked\n");
        free(path);
        skip();
    }
    if (seen != wanted) {
        fail_msg("%s: seen %d, wanted %d", path, (int)seen, (int)wanted);
    }
    free(path);
}

static void expect(const char *model, const char *dir, const char *name, enum seen wanted) {
    expect_of(model, false, dir, name, wanted);
}

static void data_is_read_through_its_links_and_nothing_beside_it(void **state) {
    (void)state;
    char *snapshot, *dir = make_cache(&snapshot);
    expect_of(snapshot, true, snapshot, "real.json", SEEN_READABLE);
    expect_of(snapshot, true, snapshot, "model.safetensors", SEEN_READABLE);
    expect_of(snapshot, true, dir, "repo/blobs/other", SEEN_REFUSED);
    expect_of(snapshot, true, dir, "token", SEEN_REFUSED);
    expect_of(snapshot, true, "/etc", "passwd", SEEN_REFUSED);
    free(snapshot);
    folder_remove(dir);
}

static void a_model_is_read_through_its_links_and_nothing_beside_it(void **state) {
    (void)state;
    char *snapshot, *dir = make_cache(&snapshot);
    expect(snapshot, snapshot, "real.json", SEEN_READABLE);
    expect(snapshot, snapshot, "model.safetensors", SEEN_READABLE);
    expect(snapshot, dir, "repo/blobs/other", SEEN_REFUSED);
    expect(snapshot, dir, "token", SEEN_REFUSED);
    char *other = path_join(dir, "repo/blobs/other");
    extra = other;
    expect(snapshot, dir, "repo/blobs/other", SEEN_READABLE);
    expect(snapshot, dir, "token", SEEN_REFUSED);
    extra = NULL;
    free(other);
    free(snapshot);
    folder_remove(dir);
}

static void a_single_file_opens_nothing_of_its_folder(void **state) {
    (void)state;
    char *dir = folder_make(), *model = path_join(dir, "model.gguf");
    folder_text(dir, "model.gguf", "GGUF");
    folder_text(dir, "diary.txt", "dear diary");
    expect(model, dir, "model.gguf", SEEN_READABLE);
    expect(model, dir, "diary.txt", SEEN_REFUSED);
    free(model);
    folder_remove(dir);
}

static void parts_of_a_model_are_read_whichever_was_named(void **state) {
    char *dir = folder_make();
    (void)state;
    folder_text(dir, "m-00001-of-00002.gguf", "one");
    folder_text(dir, "m-00002-of-00002.gguf", "two");
    folder_text(dir, "other.gguf", "another's");
    char *model = path_join(dir, "m-00001-of-00002.gguf");
    expect(model, dir, "m-00002-of-00002.gguf", SEEN_READABLE);
    expect(model, dir, "other.gguf", SEEN_REFUSED);
    free(model);
    folder_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_read_through_its_links_and_nothing_beside_it),
        cmocka_unit_test(data_is_read_through_its_links_and_nothing_beside_it),
        cmocka_unit_test(a_single_file_opens_nothing_of_its_folder),
        cmocka_unit_test(parts_of_a_model_are_read_whichever_was_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

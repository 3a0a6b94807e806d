/* Marks on snapshots that are in use (see use.h). */
#include "evaluator/hub/use.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static char *mark_path(const char *repo_dir, const char *commit) {
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/.assay/%s.use", repo_dir, commit ? commit : "pull");
    return strbuf_take(&path);
}

static int open_mark(const char *path) {
    struct err ignored = ERR_INIT;
    char *dir = xstrndup(path, (size_t)(path_base(path) - path) - 1);
    int fd = dir_make(dir, &ignored) ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    free(dir);
    return fd;
}

/* A mark whose file was removed while we waited for it is a mark on nothing. */
static int share(const char *path) {
    struct stat st;
    for (int tries = 0; tries < 100; tries++) {
        int fd = open_mark(path);
        if (fd < 0) {
            return -1;
        }
        while (flock(fd, LOCK_SH) && errno == EINTR) {
        }
        if (fstat(fd, &st) == 0 && st.st_nlink > 0) {
            futimens(fd, NULL);
            return fd;
        }
        close(fd);
    }
    return -1;
}

/* The lock lives as long as the open file, and a mapping keeps that as a descriptor does; but a
 * job's process closes its descriptors before it opens a model, and keeps its mappings. */
static void keep_mark(int fd) {
    if (fd >= 0) {
        (void)!mmap(NULL, 1, PROT_NONE, MAP_SHARED, fd, 0);
        close(fd);
    }
}

void use_begin(const char *snapshot_dir) {
    static const char BETWEEN[] = "/snapshots/";
    const char *commit = path_base(snapshot_dir);
    size_t n = (size_t)(commit - snapshot_dir);
    if (n < sizeof BETWEEN || memcmp(commit - (sizeof BETWEEN - 1), BETWEEN, sizeof BETWEEN - 1)) {
        return;
    }
    char *repo_dir = xstrndup(snapshot_dir, n - (sizeof BETWEEN - 1));
    char *path = mark_path(repo_dir, commit);
    keep_mark(share(path));
    free(path);
    free(repo_dir);
}

int use_begin_pull(const char *repo_dir) {
    char *path = mark_path(repo_dir, NULL);
    int fd = share(path);
    free(path);
    return fd;
}

/* Whoever only looks has not used it: a mark that this makes is as old as can be. */
static int open_unused(const char *path) {
    static const struct timespec never[2];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        fd = open_mark(path);
        if (fd >= 0) {
            futimens(fd, never);
        }
    }
    return fd;
}

int use_take(const char *repo_dir, const char *commit) {
    char *path = mark_path(repo_dir, commit);
    int fd = open_unused(path);
    free(path);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

bool use_is_marked(const char *repo_dir, const char *commit) {
    char *path = mark_path(repo_dir, commit);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool marked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    return marked;
}

int64_t use_time(const char *repo_dir, const char *commit) {
    struct stat st;
    char *path = mark_path(repo_dir, commit);
    int64_t at = stat(path, &st) == 0 ? st.st_mtime : 0;
    free(path);
    return at;
}

/* A lease for writing is given to the only opener of a file. Where leases aren't given at all, it
 * is not known. */
bool file_is_open(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    bool held = fcntl(fd, F_SETLEASE, F_WRLCK) && errno == EAGAIN;
    if (!held) {
        fcntl(fd, F_SETLEASE, F_UNLCK);
    }
    close(fd);
    return held;
}

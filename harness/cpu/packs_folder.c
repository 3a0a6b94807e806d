/* The folder of packed weights: how much it may hold, and what goes first. A file's time of last
 * change is when it was last used. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "harness/cpu/packs_file.h"

struct kept {
    char name[256];
    uint64_t bytes;
    struct timespec used;
};

struct folder {
    int fd;
    struct kept *files;
    size_t n, capacity;
    uint64_t bytes;
};

static bool is_unfinished(const char *name) {
    return strstr(name, PACKS_ENDING ".") != NULL && str_ends(name, ".tmp");
}

static void folder_note(struct folder *f, const char *name) {
    struct stat st;
    if ((!str_ends(name, PACKS_ENDING) && !is_unfinished(name)) ||
        fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return;
    mem_grow(&f->files, &f->capacity, f->n + 1, sizeof *f->files);
    struct kept *k = &f->files[f->n++];
    *k = (struct kept) { .bytes = (uint64_t)st.st_blocks * 512, .used = st.st_mtim };
    snprintf(k->name, sizeof k->name, "%s", name);
    f->bytes += k->bytes;
}

static int used_before(const void *a, const void *b) {
    const struct timespec *x = &((const struct kept *)a)->used,
                          *y = &((const struct kept *)b)->used;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* What lies there, longest unused first. */
static bool folder_read(struct folder *f, const char *dir) {
    *f = (struct folder) { .fd = -1 };
    DIR *d = opendir(dir);
    if (d == NULL)
        return false;
    f->fd = dirfd(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        folder_note(f, e->d_name);
    f->fd = openat(dirfd(d), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    closedir(d);
    if (f->n > 0)
        qsort(f->files, f->n, sizeof *f->files, used_before);
    return f->fd >= 0;
}

static void folder_release(struct folder *f) {
    if (f->fd >= 0)
        close(f->fd);
    free(f->files);
}

uint64_t packs_folder_most(const char *dir, uint64_t asked) {
    static const uint64_t default_most = (uint64_t)20 << 30;
    struct folder f;
    struct statvfs fs;
    if (asked != 0)
        return asked;
    bool known = folder_read(&f, dir) && fstatvfs(f.fd, &fs) == 0;
    uint64_t quarter = known ? ((uint64_t)fs.f_bavail * fs.f_frsize + f.bytes) / 4 : 0;
    folder_release(&f);
    return quarter < default_most ? quarter : default_most;
}

/* Who maps a file, or writes one, holds a lock on it. */
static bool remove_unused(const struct folder *f, const struct kept *k) {
    int fd = openat(f->fd, k->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool gone = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat(f->fd, k->name, 0) == 0;
    if (fd >= 0)
        close(fd);
    return gone;
}

void packs_folder_trim(const char *dir, const char *path, uint64_t most_bytes) {
    struct folder f;
    bool known = folder_read(&f, dir);
    for (size_t i = 0; i < f.n; i++) /* which the new one is about to replace */
        f.bytes -= strcmp(f.files[i].name, path_base(path)) == 0 ? f.files[i].bytes : 0;
    for (size_t i = 0; known && i < f.n; i++) {
        const struct kept *k = &f.files[i];
        bool goes = is_unfinished(k->name) || f.bytes > most_bytes;
        if (goes && strcmp(k->name, path_base(path)) != 0 && remove_unused(&f, k))
            f.bytes -= k->bytes;
    }
    folder_release(&f);
}

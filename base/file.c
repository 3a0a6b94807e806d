/* Files, maps, folders, paths (see file.h). */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/utf8.h"

static int open_regular(const char *path, struct stat *st, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, st)) {
        err_errno(err, ERR_FAILED, "could not open '%s'", path);
    } else if (!S_ISREG(st->st_mode)) {
        err_set(err, ERR_INPUT, "'%s' is not a regular file", path);
    } else {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* Where a place is asked to fail, with what the system would say. */
static bool fails(const char *place, int why) {
    bool so = fault(place);
    if (so) {
        errno = why;
    }
    return so;
}

bool file_read(const char *path, size_t max_bytes, struct strbuf *out, struct err *err) {
    struct stat st;
    int fd = open_regular(path, &st, err);
    if (fd < 0) {
        return false;
    }
    char chunk[16384];
    size_t taken = 0;
    bool ok = true;
    for (;;) {
        ssize_t n = fails("read", EIO) ? -1 : read(fd, chunk, sizeof chunk);
        if (n == 0) {
            break;
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            ok = err_errno(err, ERR_FAILED, "could not read '%s'", path);
            break;
        }
        taken += (size_t)n;
        if (taken > max_bytes) {
            ok = err_set(err, ERR_INPUT, "file '%s' is longer than %zu bytes", path, max_bytes);
            break;
        }
        strbuf_add(out, chunk, (size_t)n);
    }
    close(fd);
    return ok && (!out->overflow ||
                     err_set(err, ERR_RESOURCE, "file '%s' does not fit its buffer", path));
}

bool fd_write_all(int fd, const void *data, size_t n) {
    const char *at = data;
    while (n) {
        ssize_t w = write(fd, at, n);
        if (w < 0 && errno == EINTR) {
            continue;
        }
        if (w < 0) {
            return false;
        }
        at += w;
        n -= (size_t)w;
    }
    return true;
}

/* Makes a rename in `path`'s folder durable. */
static bool sync_parent(const char *path) {
    char *parent =
        path_base(path) == path ? xstrdup(".") : xstrndup(path, (size_t)(path_base(path) - path));
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    free(parent);
    return ok;
}

/* A new file beside `path`, under a name that no other process or thread uses. */
static int open_beside(const char *path, struct strbuf *name) {
    int fd = -1;
    for (int tries = 0; tries < 10; tries++) {
        uint64_t number = 0;
        if (getrandom(&number, sizeof number, 0) != sizeof number) {
            return -1;
        }
        strbuf_reset(name);
        strbuf_addf(name, "%s.%08" PRIx32 ".tmp", path, (uint32_t)number);
        fd = open(strbuf_str(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) {
            break;
        }
    }
    return fd;
}

bool file_write_atomic(const char *path, const void *data, size_t n, struct err *err) {
    struct strbuf tmp = { 0 };
    int fd = open_beside(path, &tmp);
    bool ok = fd >= 0 && !fails("disk_full", ENOSPC) && fd_write_all(fd, data, n) &&
              !fails("fsync", EIO) && fsync(fd) == 0;
    ok = (fd < 0 || close(fd) == 0) && ok;
    ok = ok && rename(tmp.text, path) == 0 && sync_parent(path);
    if (!ok) {
        err_errno(err, ERR_FAILED, "could not write '%s'", path);
        if (fd >= 0) {
            unlink(tmp.text);
        }
    }
    strbuf_release(&tmp);
    return ok;
}

static int64_t time_ns(struct timespec t) {
    return (int64_t)((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec); /* may wrap */
}

static struct file_stamp stamp_of(const struct stat *st) {
    return (struct file_stamp) { .device = st->st_dev,
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .changed_ns = time_ns(st->st_mtim),
        .noted_ns = time_ns(st->st_ctim) };
}

bool file_map(struct file_map *map, const char *path, struct err *err) {
    struct stat st;
    *map = (struct file_map) { 0 };
    int fd = open_regular(path, &st, err);
    if (fd < 0) {
        return false;
    }
    bool ok = true;
    map->stamp = stamp_of(&st);
    if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        ok = p != MAP_FAILED || err_errno(err, ERR_FAILED, "could not map '%s'", path);
        if (ok) {
            map->data = p;
            map->size = (size_t)st.st_size;
        }
    }
    close(fd);
    return ok;
}

void file_unmap(struct file_map *map) {
    if (map->data) {
        munmap((void *)(uintptr_t)map->data, map->size);
    }
    *map = (struct file_map) { 0 };
}

void file_map_forget(const struct file_map *map, const uint8_t *data, size_t n) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)map->data;
    uintptr_t from = (uintptr_t)data, to = from + n, end = begin + map->size;
    if (from < begin || to > end) {
        return;
    }
    from = (from + page - 1) / page * page;
    to = to / page * page;
    if (from < to) {
        madvise((void *)from, to - from, MADV_DONTNEED); /* advice: no harm where it is refused */
    }
}

bool file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool dir_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool dir_make(const char *path, struct err *err) {
    char *copy = xstrdup(path);
    bool ok = true;
    for (char *c = copy + 1; ok && *copy; c++) {
        if (*c && *c != '/') {
            continue;
        }
        bool last = !*c;
        *c = 0;
        if (mkdir(copy, 0777) && errno != EEXIST) {
            ok = err_errno(err, ERR_FAILED, "could not make the folder '%s'", copy);
        }
        if (last) {
            break;
        }
        *c = '/';
    }
    free(copy);
    return ok && (dir_exists(path) ||
                     err_set(err, ERR_FAILED, "'%s' is in the way: it is not a folder", path));
}

/* Removes what is in the folder `fd` (closed here). */
static bool empty_dir(int fd) {
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return false;
    }
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) {
            continue;
        }
        if (unlinkat(dirfd(d), e->d_name, 0) == 0) {
            continue;
        }
        int below = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        ok = below >= 0 && empty_dir(below) && unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) == 0;
    }
    closedir(d);
    return ok;
}

bool dir_remove(const char *path, struct err *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return true;
    }
    bool ok = fd >= 0 && empty_dir(fd) && rmdir(path) == 0;
    return ok || err_errno(err, ERR_FAILED, "could not remove the folder '%s'", path);
}

bool lfs_pointer_refuse(const void *bytes, size_t size, struct err *err) {
    static const char mark[] = "version https://git-lfs";
    if (size < sizeof mark - 1 || memcmp(bytes, mark, sizeof mark - 1) != 0) {
        return false;
    }
    err_set(err, ERR_INPUT, "this is a Git LFS pointer, not the file that it points at");
    err_hint(err, "run 'git lfs pull' where the file was cloned, or download it again");
    return true;
}

char *path_join(const char *a, const char *b) {
    size_t n = strlen(a);
    struct strbuf out = { 0 };
    strbuf_addf(&out, "%s%s%s", a, n && a[n - 1] == '/' ? "" : "/", b);
    return strbuf_take(&out);
}

const char *path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool word_is_path(const char *word, const char *const *endings) {
    bool path = *word == '.' || *word == '/' || str_ends(word, "/");
    for (; !path && *endings; endings++) {
        path = str_ends(word, *endings) && strcmp(word, *endings) != 0;
    }
    return path;
}

bool operand_is_path(const char *word, const char *const *endings) {
    return word_is_path(word, endings) || file_exists(word) || dir_exists(word);
}

/* Where files of one kind lie: below ASSAY_HOME, at root's place, in an XDG directory, or where
 * that is by default. */
struct place {
    const char *in_home, *of_root, *xdg, *in_user_home;
};
static const struct place home_place = { "", "/var/lib/assay", "XDG_DATA_HOME", ".local/share" };
static const struct place cache_place = { "cache", "/var/cache/assay", "XDG_CACHE_HOME", ".cache" };

static char *place_path(const struct place *p) {
    const char *home = getenv("ASSAY_HOME");
    if (home && *home) {
        return *p->in_home ? path_join(home, p->in_home) : xstrdup(home);
    }
    if (geteuid() == 0) {
        return xstrdup(p->of_root);
    }
    const char *xdg = getenv(p->xdg), *user = getenv("HOME");
    if (xdg && *xdg) {
        return path_join(xdg, "assay");
    }
    if (!user || !*user) {
        return NULL;
    }
    char *folder = path_join(user, p->in_user_home), *path = path_join(folder, "assay");
    free(folder);
    return path;
}

static char *place_make(const struct place *p, struct err *err) {
    char *path = place_path(p);
    if (!path) {
        err_set(err, ERR_FAILED,
            "there is no place for Assay's files: neither ASSAY_HOME nor HOME is set");
        return NULL;
    }
    if (!dir_make(path, err)) {
        err_hint(err, "set ASSAY_HOME to a folder that you may write to");
        free(path);
        return NULL;
    }
    char *full = realpath(path, NULL);
    free(path);
    if (!full) {
        err_errno(err, ERR_FAILED, "could not resolve ASSAY_HOME");
    }
    return full;
}

char *assay_home(struct err *err) {
    return place_make(&home_place, err);
}

char *assay_cache(struct err *err) {
    return place_make(&cache_place, err);
}

/* One side of a repository's name. */
static bool id_part_valid(const char *s, size_t n) {
    static const char ALLOWED[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (n == 0 || n > 96 || s[0] == '-' || s[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        bool doubled = i + 1 < n && (s[i] == '.' || s[i] == '-') && s[i] == s[i + 1];
        if (!memchr(ALLOWED, s[i], sizeof ALLOWED - 1) || doubled) {
            return false;
        }
    }
    return true;
}

bool path_stays_below(const char *path) {
    size_t n = strlen(path);
    if (n == 0 || n > 1024 || path[0] == '/' || path[n - 1] == '/' || !utf8_valid(path, n)) {
        return false;
    }
    for (const char *at = path; *at;) {
        size_t part = strcspn(at, "/");
        if (part == 0 || part > 255 ||
            (at[0] == '.' && (part == 1 || (part == 2 && at[1] == '.')))) {
            return false;
        }
        for (size_t i = 0; i < part; i++) {
            if ((unsigned char)at[i] < 0x20 || at[i] == 0x7f || at[i] == '\\') {
                return false;
            }
        }
        at += part + (at[part] == '/');
    }
    return true;
}

bool repo_id_valid(const char *id) {
    const char *slash = strchr(id, '/');
    return slash ? id_part_valid(id, (size_t)(slash - id)) &&
                       id_part_valid(slash + 1, strlen(slash + 1))
                 : id_part_valid(id, strlen(id));
}

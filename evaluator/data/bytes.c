/* See bytes.h. Files are read, not mapped: pages of a mapping would count as the process's memory,
 * and a file that is cut short meanwhile would end it. */
#include "evaluator/data/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

struct file_bytes {
    struct bytes bytes;
    int fd;
};

static bool file_read_at(struct bytes *b, uint64_t at, void *into, size_t n, struct err *err) {
    const struct file_bytes *f = (const struct file_bytes *)b;
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(f->fd, (char *)into + done, n - done, (off_t)(at + done));
        if (got == 0)
            return err_set(err, ERR_INPUT, "the file became shorter while it was read");
        if (got < 0 && errno != EINTR)
            return err_errno(
                err, ERR_FAILED, "could not read at byte %llu", (unsigned long long)(at + done));
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static void file_close(struct bytes *b) {
    close(((struct file_bytes *)b)->fd);
    free(b);
}

struct bytes *bytes_open_file(const char *path, struct err *err) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait for its writer */
    if (fd < 0 || fstat(fd, &st) != 0) {
        err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_FAILED, "could not open '%s'", path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        err_set(err, ERR_INPUT, "'%s' is not a regular file", path);
        close(fd);
        return NULL;
    }
    struct file_bytes *f = xcalloc(1, sizeof *f);
    *f = (struct file_bytes) { { (uint64_t)st.st_size, file_read_at, file_close }, fd };
    return &f->bytes;
}

/* ---- on a hub ---- */

struct remote_bytes {
    struct bytes bytes;
    const struct data_remote *remote;
    const char *path;
};

static bool remote_read_at(struct bytes *b, uint64_t at, void *into, size_t n, struct err *err) {
    const struct remote_bytes *r = (const struct remote_bytes *)b;
    return r->remote->read(r->remote->arg, r->path, at, into, n, err);
}

static void remote_close(struct bytes *b) {
    free(b);
}

struct bytes *bytes_open_remote(
    const struct data_remote *remote, const struct data_remote_file *file) {
    struct remote_bytes *r = xcalloc(1, sizeof *r);
    *r = (struct remote_bytes) { { file->size, remote_read_at, remote_close }, remote, file->path };
    return &r->bytes;
}

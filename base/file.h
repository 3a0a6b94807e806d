/* Files: whole reads under a ceiling, read-only maps, and writes that are all there or not there
 * at all. */
#ifndef ASSAY_FILE_H
#define ASSAY_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* The whole file into `out` (appended); a file longer than max_bytes is ERR_INPUT. */
MUST_CHECK bool file_read(const char *path, size_t max_bytes, struct strbuf *out, struct err *err);

/* Temporary name beside it, write, fsync, rename, fsync of the directory. */
MUST_CHECK bool file_write_atomic(const char *path, const void *data, size_t n, struct err *err);

/* All n bytes, through interruptions and short writes; errno says why not. */
bool fd_write_all(int fd, const void *data, size_t n);

/* Which file it is, and as of when: what differs after any change that goes through the system. */
struct file_stamp {
    uint64_t device, inode, size;
    int64_t changed_ns, noted_ns; /* its bytes (mtime), anything about it (ctime) */
};

struct file_map {
    const uint8_t *data; /* valid until file_unmap */
    size_t size;
    struct file_stamp stamp; /* as it was mapped */
};
MUST_CHECK bool file_map(
    struct file_map *map, const char *path, struct err *err); /* regular files only */
void file_unmap(struct file_map *map);                        /* a zeroed struct is fine */
/* The whole pages of data[0, n), as far as they are of this map, leave memory until they are read
 * again. */
void file_map_forget(const struct file_map *map, const uint8_t *data, size_t n);

bool file_exists(const char *path);
bool dir_exists(const char *path);
MUST_CHECK bool dir_make(const char *path, struct err *err); /* with its parents */
MUST_CHECK bool dir_remove(
    const char *path, struct err *err); /* with what is in it; follows no link */

/* True, with the error that says so, where a file only points at content that stayed elsewhere, as
 * a clone without Git LFS leaves it. */
MUST_CHECK bool lfs_pointer_refuse(const void *bytes, size_t size, struct err *err);

/* "a/b" from "a" and "b"; the caller frees. */
char *path_join(const char *a, const char *b);
const char *path_base(const char *path); /* what follows the last '/' */

/* A path from outside that may name a file below a folder of ours: relative, without "." and ".."
 * and empty parts, no '\\', no control characters, UTF-8, at most 1024 bytes. */
bool path_stays_below(const char *path);

/* Whether a word on the command line means a path: it begins with '.' or '/', or ends with '/' or
 * with one of these endings, NULL after the last. Whatever else there is, org/name is no path by
 * its looks. */
bool word_is_path(const char *word, const char *const *endings);
/* The same where what is there counts too: an existing file or folder is a path. */
bool operand_is_path(const char *word, const char *const *endings);

/* $ASSAY_HOME, else /var/lib/assay for root, else the XDG data directory; created on first use.
 * The caller frees. */
MUST_CHECK char *assay_home(struct err *err);

/* Where what can be made again is kept: below $ASSAY_HOME if that is set, else /var/cache/assay for
 * root, else the XDG cache directory; created on first use. The caller frees. */
MUST_CHECK char *assay_cache(struct err *err);

/* ids of a repository: [A-Za-z0-9._-]{1,96} on both sides of one '/', no "..", no "--", no
 * leading '-' or '.'; or one such word, as the hub's first repositories are called ("gpt2"). */
bool repo_id_valid(const char *id);

#endif

/* A file of a hub's cache is named by the SHA-256 of its bytes, which was checked as it came: that
 * name, and when it was last written, in case somebody did so in place. Any other file: device and
 * inode, size, and the times of the last change to its bytes and to anything else about it. Where
 * the system keeps the latter no program can set it, so bytes that were changed, whatever was done
 * to hide it, have another stamp; to hash them would take longer than to pack them. File systems
 * that are images, or somebody else's, give both as the same whole second: such files have none.
 *
 * A time tells two changes apart if they lie further from each other than the clock's step (which
 * is up to two seconds, by file system). A file that was changed so lately could be changed once
 * more and keep its times: it has no stamp yet. */
#include "harness/formats/stamp.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { SHA256_HEX = 64 };
static const int64_t SETTLED_NS = 2000000000;

static bool is_of_an_image(const struct file_stamp *s) {
    return s->changed_ns == s->noted_ns && s->changed_ns % 1000000000 == 0;
}

static bool is_settled(const struct file_stamp *s) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int64_t latest = s->changed_ns > s->noted_ns ? s->changed_ns : s->noted_ns;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec - latest > SETTLED_NS;
}

/* .../blobs/<sha256> */
static const char *blob_name(const char *path) {
    static const char folder[] = "/blobs/";
    const char *name = path_base(path);
    size_t before = (size_t)(name - path), n = sizeof folder - 1;
    bool is = strlen(name) == SHA256_HEX && strspn(name, "0123456789abcdef") == SHA256_HEX &&
              before >= n && memcmp(name - n, folder, n) == 0;
    return is ? name : NULL;
}

static bool is_file(const char *path, const struct file_stamp *s) {
    struct stat st;
    return stat(path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode;
}

bool stamp_add(struct strbuf *out, const char *path, const struct file_map *map) {
    const struct file_stamp *s = &map->stamp;
    if (!is_settled(s))
        return false;
    char *real = realpath(path, NULL);
    const char *blob = real && is_file(real, s) ? blob_name(real) : NULL;
    bool known = blob || !is_of_an_image(s);
    if (blob)
        strbuf_addf(out, "sha256 %s %" PRIu64 " %" PRId64 "\n", blob, s->size, s->changed_ns);
    else if (known)
        strbuf_addf(out, "file %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 "\n",
            s->device, s->inode, s->size, s->changed_ns, s->noted_ns);
    free(real);
    return known;
}

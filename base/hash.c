/* Hashes by libcrypto (see hash.h). */
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

struct sha256 {
    EVP_MD_CTX *ctx;
};

static EVP_MD_CTX *begin(const EVP_MD *kind) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    BUG_IF(!ctx || !EVP_DigestInit_ex(ctx, kind, NULL));
    return ctx;
}

static void finish(EVP_MD_CTX *ctx, char *hex) {
    static const char DIGITS[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n;
    BUG_IF(!EVP_DigestFinal_ex(ctx, raw, &n));
    EVP_MD_CTX_free(ctx);
    for (unsigned i = 0; i < n; i++) {
        hex[2 * i] = DIGITS[raw[i] >> 4];
        hex[2 * i + 1] = DIGITS[raw[i] & 15];
    }
    hex[2 * n] = 0;
}

struct sha256 *sha256_new(void) {
    struct sha256 *h = xmalloc(sizeof *h);
    h->ctx = begin(EVP_sha256());
    return h;
}

/* "blob <length>" and a NUL come before the bytes. */
static EVP_MD_CTX *begin_blob(uint64_t n) {
    EVP_MD_CTX *ctx = begin(EVP_sha1());
    char head[32];
    int length = snprintf(head, sizeof head, "blob %llu", (unsigned long long)n);
    BUG_IF(!EVP_DigestUpdate(ctx, head, (size_t)length + 1));
    return ctx;
}

struct sha256 *git_blob_new(uint64_t n) {
    struct sha256 *h = xmalloc(sizeof *h);
    h->ctx = begin_blob(n);
    return h;
}

void sha256_add(struct sha256 *h, const void *data, size_t n) {
    BUG_IF(!EVP_DigestUpdate(h->ctx, data, n));
}

void sha256_end(struct sha256 *h, char hex[65]) {
    finish(h->ctx, hex);
    free(h);
}

void sha256_hex(const void *data, size_t n, char hex[65]) {
    struct sha256 *h = sha256_new();
    sha256_add(h, data, n);
    sha256_end(h, hex);
}

/* Feeds the whole file; the context is the caller's either way. */
static bool feed_file(EVP_MD_CTX *ctx, int fd, const char *path, struct err *err) {
    enum { CHUNK = 1 << 18 };
    char *chunk = xmalloc(CHUNK);
    ssize_t n;
    while ((n = read(fd, chunk, CHUNK)) != 0) {
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            break;
        }
        BUG_IF(!EVP_DigestUpdate(ctx, chunk, (size_t)n));
    }
    free(chunk);
    return n == 0 || err_errno(err, ERR_FAILED, "could not read '%s'", path);
}

static bool hash_file(const char *path, bool git, char *hex, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not make us wait
    struct stat st;
    bool opened = fd >= 0 && fstat(fd, &st) == 0;
    if (!opened || !S_ISREG(st.st_mode)) {
        if (opened) {
            err_set(err, ERR_INPUT, "'%s' is not a regular file", path);
        } else {
            err_errno(err, ERR_FAILED, "could not open '%s'", path);
        }
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    EVP_MD_CTX *ctx = git ? begin_blob((uint64_t)st.st_size) : begin(EVP_sha256());
    bool ok = feed_file(ctx, fd, path, err);
    close(fd);
    char text[2 * EVP_MAX_MD_SIZE + 1];
    finish(ctx, text);
    if (ok) {
        strcpy(hex, text);
    }
    return ok;
}

bool sha256_file(const char *path, char hex[65], struct err *err) {
    return hash_file(path, false, hex, err);
}

bool git_blob_file(const char *path, char hex[41], struct err *err) {
    return hash_file(path, true, hex, err);
}

/* SHA-256 and git-blob SHA-1, by libcrypto. A harness-only build may be without that: it has
 * SHA-256 of bytes in memory then, and no hash of a file. */
#ifndef ASSAY_HASH_H
#define ASSAY_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sha256;
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *h, const void *data, size_t n);
void sha256_end(struct sha256 *h, char hex[65]); /* frees h */

/* Git's object name of n bytes that are still to come, by the same functions: 40 digits. */
struct sha256 *git_blob_new(uint64_t n);

void sha256_hex(const void *data, size_t n, char hex[65]);
MUST_CHECK bool sha256_file(const char *path, char hex[65], struct err *err);
/* Git's object name of a file: sha1("blob <length>\0" + bytes). */
MUST_CHECK bool git_blob_file(const char *path, char hex[41], struct err *err);

#endif

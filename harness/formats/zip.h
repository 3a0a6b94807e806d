/* The zip archive around PyTorch's tensors: members that are stored as they are, found by the
 * archive's directory and read in place. Private to this folder.
 *
 * Read here because a member's place in the file is what is wanted, so that weights stay mapped:
 * libzip gives copies only, and the harness builds where there is no more than a compiler. What is
 * compressed or encrypted has no place of that kind. */
#ifndef ASSAY_HARNESS_FORMATS_ZIP_H
#define ASSAY_HARNESS_FORMATS_ZIP_H

#include <stdint.h>

#include "base/mem.h"
#include "base/strmap.h"

#define ZIP_MEMBERS_MAX 100000
#define ZIP_NAME_MAX 512

struct zip_member {
    const char *name; /* in the archive, not terminated */
    size_t name_n;
    const uint8_t *data; /* NULL: it is compressed or encrypted */
    size_t bytes;
};

struct zip {
    struct zip_member *members; /* in the directory's order; folders are left out */
    size_t n_members, capacity;
    struct strmap *names;
};

bool zip_is(const uint8_t *bytes, size_t size);

/* The bytes must outlive the zip. What fails is released all the same by zip_release. */
MUST_CHECK bool zip_read(struct zip *z, const uint8_t *bytes, size_t size, struct err *err);
void zip_release(struct zip *z); /* a zeroed struct is fine */

/* False where a member is not stored as it is. */
MUST_CHECK bool zip_is_stored(const struct zip *z, struct err *err);
const struct zip_member *zip_find(const struct zip *z, const char *name, size_t n);

#endif

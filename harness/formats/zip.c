/* The directory stands at the end of an archive: a last record points at it, preceded by a wider
 * one where numbers have outgrown 32 bits ("zip64"). Each entry names a member and its local
 * header, behind whose own name and padding the bytes begin. Both headers must agree; all places
 * are held against the file. */
#include "harness/formats/zip.h"

#include <inttypes.h>
#include <string.h>

#include "harness/formats/quant.h"
#include "harness/formats/quoted.h"

#define LOCAL_BYTES 30u
#define ENTRY_BYTES 46u
#define END_BYTES 22u
#define END64_BYTES 56u
#define LOCATOR_BYTES 20u
#define COMMENT_MAX 65535u
#define OUTGROWN UINT32_MAX /* a 32-bit number whose value stands elsewhere, in 64 */

/* Where the directory lies. */
struct directory {
    uint64_t at, bytes, n;
};

static bool has_mark(const uint8_t *at, uint8_t a, uint8_t b) {
    return at[0] == 'P' && at[1] == 'K' && at[2] == a && at[3] == b;
}

bool zip_is(const uint8_t *bytes, size_t size) {
    return size >= 4 && has_mark(bytes, 3, 4);
}

/* The last record: it ends, with its comment, where the file does. */
static const uint8_t *end_find(const uint8_t *bytes, size_t size) {
    for (size_t comment = 0; comment <= COMMENT_MAX && size >= END_BYTES + comment; comment++) {
        const uint8_t *at = bytes + size - END_BYTES - comment;
        if (has_mark(at, 5, 6) && load_u16(at + 20) == comment)
            return at;
    }
    return NULL;
}

static bool directory64(
    const uint8_t *bytes, size_t end, struct directory *d, const uint8_t **limit, struct err *err) {
    const uint8_t *locator = end >= LOCATOR_BYTES ? bytes + end - LOCATOR_BYTES : NULL;
    const bool found = locator && has_mark(locator, 6, 7);
    const uint64_t at = found ? load_u64(locator + 8) : 0;
    if (!found || at > end - LOCATOR_BYTES || end - LOCATOR_BYTES - at < END64_BYTES ||
        !has_mark(bytes + at, 6, 6))
        return err_set(err, ERR_INPUT, "the zip archive's 64-bit end record is not where it says");
    d->n = load_u64(bytes + at + 32);
    d->bytes = load_u64(bytes + at + 40);
    d->at = load_u64(bytes + at + 48);
    *limit = bytes + at;
    return true;
}

static bool directory_find(
    const uint8_t *bytes, size_t size, struct directory *d, struct err *err) {
    const uint8_t *end = end_find(bytes, size), *limit = end;
    if (!end)
        return err_set(err, ERR_INPUT, "the zip archive has no end record: truncated");
    *d = (struct directory) { load_u32(end + 16), load_u32(end + 12), load_u16(end + 10) };
    if ((d->at == OUTGROWN || d->bytes == OUTGROWN || d->n == UINT16_MAX) &&
        !directory64(bytes, (size_t)(end - bytes), d, &limit, err))
        return false;
    const uint64_t room = (uint64_t)(limit - bytes);
    if (d->at > room || d->bytes > room - d->at)
        return err_set(err, ERR_INPUT,
            "the zip archive's directory (%" PRIu64 " bytes at %" PRIu64 ") is not in the file",
            d->bytes, d->at);
    return d->n <= ZIP_MEMBERS_MAX || err_set(err, ERR_INPUT,
                                          "the zip archive has %" PRIu64 " members (the limit is "
                                          "%d)",
                                          d->n, ZIP_MEMBERS_MAX);
}

/* One entry of the directory. */
struct entry {
    const char *name;
    size_t name_n;
    uint64_t bytes, stored, local;
    bool as_is;
};

/* Numbers that outgrew the entry stand in its extra field 1, in this order, and only those. */
static bool entry_widen(struct entry *e, const uint8_t *extra, size_t n) {
    uint64_t *const fields[] = { &e->bytes, &e->stored, &e->local };
    while (n >= 4) {
        const size_t id = load_u16(extra), bytes = load_u16(extra + 2);
        if (bytes > n - 4)
            return false;
        size_t used = 0;
        for (size_t i = 0; id == 1 && i < 3; i++) {
            if (*fields[i] != OUTGROWN)
                continue;
            if (bytes - used < 8)
                return false;
            *fields[i] = load_u64(extra + 4 + used);
            used += 8;
        }
        extra += 4 + bytes;
        n -= 4 + bytes;
    }
    return true;
}

static bool refuse(const struct entry *e, const char *why, struct err *err) {
    struct quoted q;
    return err_set(err, ERR_INPUT, "zip member '%s' %s", quoted(&q, e->name, e->name_n), why);
}

/* What lies at `at`, of which `left` bytes are the directory's; *taken is the entry's length. */
static bool entry_read(
    struct entry *e, const uint8_t *at, uint64_t left, size_t *taken, struct err *err) {
    if (left < ENTRY_BYTES || !has_mark(at, 1, 2))
        return err_set(err, ERR_INPUT, "the zip archive's directory is damaged");
    const size_t name_n = load_u16(at + 28), extra_n = load_u16(at + 30);
    *taken = ENTRY_BYTES + name_n + extra_n + load_u16(at + 32);
    if (*taken > left)
        return err_set(err, ERR_INPUT, "the zip archive's directory is damaged");
    *e = (struct entry) { (const char *)at + ENTRY_BYTES, name_n, load_u32(at + 24),
        load_u32(at + 20), load_u32(at + 42), !(load_u16(at + 8) & 1) && !load_u16(at + 10) };
    if (!name_n || name_n > ZIP_NAME_MAX)
        return refuse(e, "has a name that is empty or too long", err);
    if (!entry_widen(e, at + ENTRY_BYTES + name_n, extra_n))
        return refuse(e, "has a damaged extra field", err);
    if (e->as_is && e->stored != e->bytes)
        return refuse(e, "has two lengths", err);
    return true;
}

/* The member's bytes, which end before the directory begins. */
static const uint8_t *local_find(
    const struct entry *e, const uint8_t *bytes, uint64_t room, struct err *err) {
    const uint8_t *at = e->local < room ? bytes + e->local : NULL;
    const uint64_t left = at ? room - e->local : 0;
    if (left < LOCAL_BYTES || !has_mark(at, 3, 4)) {
        refuse(e, "is not where the directory has it", err);
        return NULL;
    }
    const size_t name_n = load_u16(at + 26);
    const uint64_t head = LOCAL_BYTES + name_n + load_u16(at + 28);
    if (head > left || name_n != e->name_n || memcmp(at + LOCAL_BYTES, e->name, name_n) != 0) {
        refuse(e, "has another name where it lies", err);
        return NULL;
    }
    if (e->bytes > left - head) {
        refuse(e, "is truncated", err);
        return NULL;
    }
    return at + head;
}

static bool member_add(struct zip *z, const struct entry *e, const uint8_t *data, struct err *err) {
    if (!strmap_add(z->names, e->name, e->name_n, (int32_t)z->n_members))
        return refuse(e, "is there twice", err);
    mem_grow(&z->members, &z->capacity, z->n_members + 1, sizeof *z->members);
    z->members[z->n_members++] = (struct zip_member) { e->name, e->name_n, data, (size_t)e->bytes };
    return true;
}

bool zip_read(struct zip *z, const uint8_t *bytes, size_t size, struct err *err) {
    struct directory d = { 0 };
    *z = (struct zip) { .names = strmap_new(64) };
    if (!directory_find(bytes, size, &d, err))
        return false;
    const uint8_t *at = bytes + d.at;
    uint64_t left = d.bytes;
    for (uint64_t i = 0; i < d.n; i++) {
        struct entry e;
        size_t taken = 0;
        if (!entry_read(&e, at, left, &taken, err))
            return false;
        at += taken;
        left -= taken;
        if (e.name[e.name_n - 1] == '/')
            continue;
        const uint8_t *data = e.as_is ? local_find(&e, bytes, d.at, err) : NULL;
        if ((e.as_is && !data) || !member_add(z, &e, data, err))
            return false;
    }
    return true;
}

bool zip_is_stored(const struct zip *z, struct err *err) {
    struct quoted q;
    for (size_t i = 0; i < z->n_members; i++)
        if (!z->members[i].data)
            return err_set(err, ERR_UNSUPPORTED,
                "zip member '%s' is compressed or encrypted, which PyTorch's are not",
                quoted(&q, z->members[i].name, z->members[i].name_n));
    return true;
}

void zip_release(struct zip *z) {
    free(z->members);
    strmap_free(z->names);
    *z = (struct zip) { 0 };
}

const struct zip_member *zip_find(const struct zip *z, const char *name, size_t n) {
    const int32_t i = strmap_find(z->names, name, n);
    return i < 0 ? NULL : &z->members[i];
}

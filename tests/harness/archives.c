/* The zip format as its definition has it, without checksums, which nobody here reads. */
#include "archives.h"

#include <string.h>

static void add_u16(struct strbuf *b, size_t v) {
    const uint8_t bytes[] = { (uint8_t)v, (uint8_t)(v >> 8) };
    strbuf_add(b, bytes, sizeof bytes);
}

static void add_u32(struct strbuf *b, size_t v) {
    add_u16(b, v & 0xffff);
    add_u16(b, v >> 16 & 0xffff);
}

static void add_u64(struct strbuf *b, size_t v) {
    add_u32(b, v & 0xffffffff);
    add_u32(b, v >> 32);
}

static void add_zeros(struct strbuf *b, size_t n) {
    while (n--)
        strbuf_addc(b, 0);
}

static void add_local(struct strbuf *b, const char *name, size_t n) {
    strbuf_add(b, "PK\3\4", 4);
    add_zeros(b, 14); /* version, flags, method, time, date, checksum */
    add_u32(b, n);
    add_u32(b, n);
    add_u16(b, strlen(name));
    add_u16(b, 0);
    strbuf_adds(b, name);
}

static void add_entry(struct archive *a, const char *name, size_t n, size_t at) {
    struct strbuf *b = &a->directory;
    strbuf_add(b, "PK\1\2", 4);
    add_zeros(b, 16); /* versions, flags, method, time, date, checksum */
    add_u32(b, a->wide ? UINT32_MAX : n);
    add_u32(b, a->wide ? UINT32_MAX : n);
    add_u16(b, strlen(name));
    add_u16(b, a->wide ? 28 : 0);
    add_zeros(b, 10); /* comment, disk, attributes */
    add_u32(b, a->wide ? UINT32_MAX : at);
    strbuf_adds(b, name);
    if (a->wide) {
        add_u16(b, 1);
        add_u16(b, 24);
        add_u64(b, n);
        add_u64(b, n);
        add_u64(b, at);
    }
}

void archive_add(struct archive *a, const char *name, const void *bytes, size_t n) {
    const size_t at = a->file.len;
    add_local(&a->file, name, n);
    strbuf_add(&a->file, bytes, n);
    add_entry(a, name, n, at);
    a->n++;
}

/* The wider end record, and what says where it is. */
static void add_end64(struct archive *a, size_t directory) {
    struct strbuf *b = &a->file;
    const size_t at = b->len;
    strbuf_add(b, "PK\6\6", 4);
    add_u64(b, 44);
    add_zeros(b, 12); /* versions, disks */
    add_u64(b, a->n);
    add_u64(b, a->n);
    add_u64(b, a->directory.len);
    add_u64(b, directory);
    strbuf_add(b, "PK\6\7", 4);
    add_u32(b, 0);
    add_u64(b, at);
    add_u32(b, 1);
}

void archive_end(struct archive *a) {
    struct strbuf *b = &a->file;
    const size_t directory = b->len;
    strbuf_add(b, a->directory.text, a->directory.len);
    if (a->wide)
        add_end64(a, directory);
    strbuf_add(b, "PK\5\6", 4);
    add_u32(b, 0);
    add_u16(b, a->n);
    add_u16(b, a->n);
    add_u32(b, a->wide ? UINT32_MAX : a->directory.len);
    add_u32(b, a->wide ? UINT32_MAX : directory);
    add_u16(b, 0);
}

void archive_release(struct archive *a) {
    strbuf_release(&a->file);
    strbuf_release(&a->directory);
    *a = (struct archive) { 0 };
}

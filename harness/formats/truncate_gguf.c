/* A GGUF file's first layers. The keys are copied as they lie in the file, but for the counts of
 * layers, lists with an entry a layer, and the name; tensors of later layers ("blk.7...." with 7
 * kept) are left out and the others move up, each at a multiple of the alignment. Works for every
 * element type that the header parser knows the size of. */
#include "harness/formats/truncate.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "harness/formats/gguf_header.h"
#include "harness/formats/quoted.h"

#define ARCHITECTURE_BYTES_MAX 64

struct cut {
    struct gguf_header h;
    char architecture[ARCHITECTURE_BYTES_MAX + 1];
    uint64_t has; /* layers of the source */
    unsigned layers;
};

static uint64_t load_u64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* ---- what is cut ---- */

/* What follows "<architecture>." in a key, or NULL. */
static const char *own_key(const struct cut *cut, const struct gguf_key *key, size_t *n) {
    const size_t prefix = strlen(cut->architecture);
    if (key->name_n <= prefix || memcmp(key->name, cut->architecture, prefix) != 0 ||
        key->name[prefix] != '.')
        return NULL;
    *n = key->name_n - prefix - 1;
    return key->name + prefix + 1;
}

static bool own_key_in(
    const struct cut *cut, const struct gguf_key *key, const char *const *names, size_t n_names) {
    size_t n;
    const char *name = own_key(cut, key, &n);
    for (size_t i = 0; name && i < n_names; i++)
        if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
            return true;
    return false;
}

static bool is_layer_count(const struct cut *cut, const struct gguf_key *key) {
    static const char *const names[] = { "block_count", "decoder_block_count" };
    uint64_t n;
    return own_key_in(cut, key, names, 2) && gguf_key_uint(key, &n) && n > cut->layers;
}

/* Layers that predict further tokens are the last ones: they go first. */
static bool is_further_count(const struct cut *cut, const struct gguf_key *key) {
    static const char *const names[] = { "nextn_predict_layers" };
    uint64_t n;
    return own_key_in(cut, key, names, 1) && gguf_key_uint(key, &n);
}

/* These may be one number, or one a layer. */
static bool is_layer_list(const struct cut *cut, const struct gguf_key *key) {
    static const char *const names[] = { "feed_forward_length", "attention.head_count",
        "attention.head_count_kv", "attention.sliding_window_pattern" };
    return key->is_array && key->type != GGUF_STRING && key->count == cut->has &&
           own_key_in(cut, key, names, sizeof names / sizeof *names);
}

/* "blk.12.attn_q.weight", also behind "enc." or "dec.": is it of a layer that goes? */
static bool is_cut(const struct cut *cut, const struct gguf_tensor *t) {
    const char *at = t->name, *end = t->name + t->name_n;
    if (end - at > 4 && (memcmp(at, "enc.", 4) == 0 || memcmp(at, "dec.", 4) == 0))
        at += 4;
    if (end - at < 5 || memcmp(at, "blk.", 4) != 0)
        return false;
    uint64_t layer = 0;
    for (at += 4; at < end && *at >= '0' && *at <= '9' && layer <= UINT32_MAX; at++)
        layer = layer * 10 + (uint64_t)(*at - '0');
    return at < end && *at == '.' && layer >= cut->layers;
}

static bool cut_plan(struct cut *cut, struct err *err) {
    const struct gguf_key *architecture = gguf_key_find(&cut->h, "general.architecture");
    const uint64_t n = load_u64(architecture->at);
    if (n > ARCHITECTURE_BYTES_MAX)
        return err_set(
            err, ERR_INPUT, "general.architecture is %llu bytes long", (unsigned long long)n);
    memcpy(cut->architecture, architecture->at + sizeof n, (size_t)n);
    char count_key[ARCHITECTURE_BYTES_MAX + sizeof ".block_count"];
    snprintf(count_key, sizeof count_key, "%s.block_count", cut->architecture);
    const struct gguf_key *count = gguf_key_find(&cut->h, count_key);
    struct quoted q;
    if (!count || !gguf_key_uint(count, &cut->has))
        return err_set(err, ERR_UNSUPPORTED, "there is no key '%s' that counts its layers",
            quoted_str(&q, count_key));
    return layers_check(cut->layers, cut->has, err);
}

/* ---- the header ---- */

static void add_u64(struct strbuf *out, uint64_t v) {
    strbuf_add(out, &v, sizeof v);
}

static void add_u32(struct strbuf *out, uint32_t v) {
    strbuf_add(out, &v, sizeof v);
}

static void add_range(struct strbuf *out, const uint8_t *from, const uint8_t *to) {
    strbuf_add(out, from, (size_t)(to - from));
}

static void add_name(struct strbuf *out, const struct cut *cut, const struct gguf_key *key) {
    char suffix[48];
    const int n = snprintf(suffix, sizeof suffix, " (first %u layers)", cut->layers);
    const uint64_t old_n = load_u64(key->at);
    add_range(out, key->begin, key->at);
    add_u64(out, old_n + (uint64_t)n);
    strbuf_add(out, key->at + sizeof old_n, (size_t)old_n);
    strbuf_add(out, suffix, (size_t)n);
}

static void add_key(struct strbuf *out, const struct cut *cut, const struct gguf_key *key) {
    const size_t each = gguf_type_bytes(key->type);
    const uint64_t layers = cut->layers, none = 0;
    if (is_further_count(cut, key)) {
        add_range(out, key->begin, key->at);
        strbuf_add(out, &none, each);
    } else if (is_layer_count(cut, key)) {
        add_range(out, key->begin, key->at);
        strbuf_add(out, &layers, each); /* little-endian: the low bytes come first */
    } else if (is_layer_list(cut, key)) {
        add_range(out, key->begin, key->at - sizeof layers);
        add_u64(out, layers);
        strbuf_add(out, key->at, cut->layers * each);
    } else if (gguf_key_is(key, "general.name") && !key->is_array && key->type == GGUF_STRING) {
        add_name(out, cut, key);
    } else {
        add_range(out, key->begin, key->end);
    }
}

static uint64_t aligned(const struct cut *cut, uint64_t n) {
    return (n + cut->h.alignment - 1) & ~((uint64_t)cut->h.alignment - 1);
}

static void add_tensor(struct strbuf *out, const struct gguf_tensor *t, uint64_t offset) {
    add_u64(out, t->name_n);
    strbuf_add(out, t->name, t->name_n);
    add_u32(out, t->n_dims);
    strbuf_add(out, t->dims, t->n_dims * sizeof *t->dims);
    add_u32(out, t->type->id);
    add_u64(out, offset);
}

static void header_make(const struct cut *cut, struct strbuf *out) {
    uint64_t n_tensors = 0, offset = 0;
    for (size_t i = 0; i < cut->h.n_tensors; i++)
        n_tensors += !is_cut(cut, &cut->h.tensors[i]);
    strbuf_add(out, "GGUF", 4);
    add_u32(out, cut->h.version);
    add_u64(out, n_tensors);
    add_u64(out, cut->h.n_keys);
    for (size_t i = 0; i < cut->h.n_keys; i++)
        add_key(out, cut, &cut->h.keys[i]);
    for (size_t i = 0; i < cut->h.n_tensors; i++) {
        const struct gguf_tensor *t = &cut->h.tensors[i];
        if (is_cut(cut, t))
            continue;
        add_tensor(out, t, offset);
        offset = aligned(cut, offset + t->bytes);
    }
}

/* ---- the file ---- */

static bool put(FILE *f, const void *bytes, size_t n) {
    return n == 0 || fwrite(bytes, 1, n, f) == n;
}

static bool put_padding(FILE *f, const struct cut *cut, uint64_t written) {
    for (uint64_t n = aligned(cut, written) - written; n; n--)
        if (putc(0, f) == EOF)
            return false;
    return true;
}

static bool put_all(FILE *f, const struct cut *cut, const struct strbuf *header) {
    if (!put(f, header->text, header->len) || !put_padding(f, cut, header->len))
        return false;
    for (size_t i = 0; i < cut->h.n_tensors; i++) {
        const struct gguf_tensor *t = &cut->h.tensors[i];
        if (is_cut(cut, t))
            continue;
        if (!put(f, cut->h.data + t->offset, (size_t)t->bytes) || !put_padding(f, cut, t->bytes))
            return false;
    }
    return fflush(f) == 0 && fsync(fileno(f)) == 0;
}

/* Streams to a temporary name beside the target, and renames it when every byte is on disk. */
static bool file_make(
    const char *target, const struct cut *cut, const struct strbuf *header, struct err *err) {
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s.partial-%ld", target, (long)getpid());
    const int fd = open(strbuf_str(&path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    bool ok = f && put_all(f, cut, header);
    if (!ok)
        err_errno(err, ERR_FAILED, "could not write '%s'", strbuf_str(&path));
    if (f && fclose(f) != 0 && ok)
        ok = err_errno(err, ERR_FAILED, "could not write '%s'", strbuf_str(&path));
    if (ok && rename(strbuf_str(&path), target) != 0)
        ok = err_errno(err, ERR_FAILED, "could not rename '%s' to '%s'", strbuf_str(&path), target);
    if (!ok && fd >= 0)
        unlink(strbuf_str(&path));
    strbuf_release(&path);
    return ok;
}

static bool is_whole(const struct gguf_header *h, struct err *err) {
    return h->split.count <= 1 ||
           err_set(err, ERR_UNSUPPORTED, "it is one of several parts; merge them first");
}

bool gguf_truncate(const char *source, const char *target, unsigned layers, struct err *err) {
    struct cut cut = { .layers = layers };
    struct strbuf header = { 0 };
    struct file_map map = { 0 };
    if (!file_map(&map, source, err))
        return false;
    bool ok = gguf_header_parse(&cut.h, map.data, map.size, err) && is_whole(&cut.h, err) &&
              cut_plan(&cut, err);
    if (!ok) {
        err_wrap(err, "cannot truncate GGUF file '%s'", source);
        goto out;
    }
    header_make(&cut, &header);
    ok = header.overflow ? err_set(err, ERR_RESOURCE, "the header of '%s' is too large", source)
                         : file_make(target, &cut, &header, err);
out:
    strbuf_release(&header);
    gguf_header_release(&cut.h);
    file_unmap(&map);
    return ok;
}

/* See digest.h. */
#include "tests/large/digest.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

struct series {
    struct sha256 *hash;
    size_t n;
    uint8_t bytes[4096]; /* a hash takes many bytes at a time as fast as few */
};

struct digest {
    char *name; /* "" for the root */
    struct series there, lengths, values;
    struct digest *below, *next; /* first child; sibling */
};

static void flush(struct series *s) {
    s->hash = s->hash ? s->hash : sha256_new();
    sha256_add(s->hash, s->bytes, s->n);
    s->n = 0;
}

static void add(struct series *s, const void *bytes, size_t n) {
    if (n > sizeof s->bytes - s->n)
        flush(s);
    if (n > sizeof s->bytes) {
        sha256_add(s->hash, bytes, n);
        return;
    }
    if (n > 0)
        memcpy(s->bytes + s->n, bytes, n);
    s->n += n;
}

static struct digest *node_new(const char *name, size_t n) {
    struct digest *d = xcalloc(1, sizeof *d);
    d->name = xstrndup(name, n);
    return d;
}

struct digest *digest_new(void) {
    return node_new("", 0);
}

static struct digest *child(struct digest *d, const char *name, size_t n) {
    struct digest **at = &d->below;
    for (; *at; at = &(*at)->next)
        if (strlen((*at)->name) == n && memcmp((*at)->name, name, n) == 0)
            return *at;
    return *at = node_new(name, n);
}

static void add_array(struct digest *d, const struct value *v) {
    const struct value *item = v + 1;
    struct digest *below = child(d, "[]", 2);
    add(&d->lengths, &v->n, 4);
    for (uint32_t i = 0; i < v->n; i++, item = value_after(item))
        digest_add(below, item);
}

static void add_object(struct digest *d, const struct value *v) {
    const struct value *key = v + 1;
    for (uint32_t i = 0; i < v->n; i++, key = value_after(key + 1))
        digest_add(child(d, key->s, key->n), key + 1);
}

void digest_add(struct digest *d, const struct value *v) {
    uint8_t there = v->kind != VALUE_NULL, byte = v->kind == VALUE_TRUE;
    add(&d->there, &there, 1);
    switch (v->kind) {
    case VALUE_NULL:
        break;
    case VALUE_FALSE:
    case VALUE_TRUE:
        add(&d->values, &byte, 1);
        break;
    case VALUE_INT:
    case VALUE_REAL:
        add(&d->values, &v->i, 8);
        break;
    case VALUE_STRING:
        add(&d->lengths, &v->n, 4);
        add(&d->values, v->s, v->n);
        break;
    case VALUE_ARRAY:
        add_array(d, v);
        break;
    case VALUE_OBJECT:
        add_object(d, v);
    }
}

static void end_series(struct series *s, FILE *out) {
    char hex[65];
    flush(s);
    sha256_end(s->hash, hex);
    if (out)
        fprintf(out, " %s", hex);
}

static void end_node(struct digest *d, const char *place, FILE *out) {
    struct strbuf name = { 0 };
    strbuf_addf(&name, "%s%s%s", place, *d->name ? "/" : "", d->name);
    if (out)
        fputs(*d->name ? strbuf_str(&name) : "/", out);
    end_series(&d->there, out);
    end_series(&d->lengths, out);
    end_series(&d->values, out);
    if (out)
        putc('\n', out);
    for (struct digest *c = d->below, *next; c; c = next) {
        next = c->next;
        end_node(c, strbuf_str(&name), out);
    }
    strbuf_release(&name);
    free(d->name);
    free(d);
}

void digest_end(struct digest *d, FILE *out) {
    end_node(d, "", out);
}

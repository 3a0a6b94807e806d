/* Protobuf's wire format (see protobuf.h): a key is a field's number and a type of three bits. */
#include "harness/tokenizer/files/protobuf.h"

#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static bool varint(struct protobuf *p, uint64_t *out) {
    *out = 0;
    for (unsigned shift = 0; shift < 64 && p->at < p->end; shift += 7) {
        uint8_t byte = *p->at++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

static bool fixed(struct protobuf *p, size_t n, uint64_t *out) {
    *out = 0;
    if ((size_t)(p->end - p->at) < n) {
        return false;
    }
    memcpy(out, p->at, n);
    p->at += n;
    return true;
}

static bool bytes(struct protobuf *p, struct protobuf_field *f) {
    uint64_t n;
    if (!varint(p, &n) || n > (size_t)(p->end - p->at)) {
        return false;
    }
    f->bytes = p->at;
    f->n = (size_t)n;
    p->at += n;
    return true;
}

bool protobuf_next(struct protobuf *p, struct protobuf_field *f) {
    uint64_t key;
    bool ok = !p->broken;
    *f = (struct protobuf_field) { 0 };
    if (!ok || p->at == p->end) {
        return false;
    }
    ok = varint(p, &key) && key >> 3 > 0 && key >> 3 <= UINT32_MAX;
    f->number = (uint32_t)(key >> 3);
    switch (key & 7) {
    case WIRE_VARINT:
        ok = ok && varint(p, &f->value);
        break;
    case WIRE_64:
        ok = ok && fixed(p, 8, &f->value);
        break;
    case WIRE_BYTES:
        ok = ok && bytes(p, f);
        break;
    case WIRE_32:
        ok = ok && fixed(p, 4, &f->value);
        break;
    default: /* groups are long gone from the format */
        ok = false;
    }
    p->broken = !ok;
    return ok;
}

float protobuf_float(const struct protobuf_field *f) {
    uint32_t bits = (uint32_t)f->value;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* See parquet_value.h. The format is github.com/apache/parquet-format, Encodings.md. */
#include "evaluator/data/parquet_value.h"

#include <string.h>

#include "evaluator/data/little.h"

enum { VALUE_MAX_BYTES = 16 << 20 };

static uint64_t bits_by_byte(const uint8_t *p, uint64_t bit, unsigned width) {
    uint64_t value = 0;
    unsigned have = 0;
    p += bit / 8;
    for (unsigned skip = bit % 8; have < width; skip = 0) {
        unsigned take = 8 - skip < width - have ? 8 - skip : width - have;
        value |= ((uint64_t)(*p++ >> skip) & ((1u << take) - 1)) << have;
        have += take;
    }
    return value;
}

/* `width` bits (at most 64) that start at bit `bit` of p; the caller has checked that they are
 * there before `end`. */
static inline uint64_t bits_at(const uint8_t *p, const uint8_t *end, uint64_t bit, unsigned width) {
    uint64_t word;
    const uint8_t *from = p + bit / 8;
    if (width > 56 || end - from < 8 || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
        return bits_by_byte(p, bit, width);
    memcpy(&word, from, sizeof word);
    return word >> bit % 8 & ((1ull << width) - 1);
}

static uint32_t bits_from_high(const uint8_t *p, uint64_t bit, unsigned width) {
    uint32_t value = 0;
    for (unsigned i = 0; i < width; i++, bit++)
        value = value << 1 | ((uint32_t)p[bit / 8] >> (7 - bit % 8) & 1);
    return value;
}

/* ---- runs ---- */

void pq_runs_init(struct pq_runs *r, const uint8_t *data, size_t n, unsigned width) {
    *r = (struct pq_runs) { .at = data, .end = data + n, .width = width };
}

static bool start_run(struct pq_runs *r) {
    uint64_t header;
    r->at += r->packed_bytes;
    r->packed_bytes = 0;
    if (!varint(&r->at, r->end, &header))
        return false;
    size_t left = (size_t)(r->end - r->at), value_bytes = (r->width + 7) / 8;
    if (header & 1) { /* groups of eight; the last run may be cut after what it needs */
        uint64_t groups = header >> 1, fit = left / r->width + 1;
        r->bit = 0;
        r->packed = groups < fit ? groups * 8 : left * 8 / r->width;
        r->packed_bytes = groups < fit ? (size_t)groups * r->width : left;
        return r->packed > 0;
    }
    if (left < value_bytes || header >> 1 == 0)
        return false;
    r->same = header >> 1;
    r->value = (uint32_t)little(r->at, value_bytes);
    r->at += value_bytes;
    return true;
}

void pq_runs_init_packed(struct pq_runs *r, const uint8_t *data, size_t n, unsigned width) {
    pq_runs_init(r, data, n, width);
    r->high_first = true;
    r->packed = width ? n * 8 / width : 0;
    r->packed_bytes = n;
}

/* Without a width all values are 0: one long run. */
bool pq_runs_more(struct pq_runs *r, uint32_t *value) {
    *value = 0;
    if (r->width == 0)
        return true;
    if (r->packed == 0 && !start_run(r))
        return false;
    if (r->same > 0) {
        r->same--;
        *value = r->value;
        return true;
    }
    *value = r->high_first ? bits_from_high(r->at, r->bit, r->width)
                           : (uint32_t)bits_at(r->at, r->end, r->bit, r->width);
    r->bit += r->width;
    r->packed--;
    return true;
}

/* ---- differences ---- */

static bool deltas_init(struct pq_deltas *d, const uint8_t *at, const uint8_t *end, uint64_t max) {
    uint64_t block, n_mini, total, first;
    *d = (struct pq_deltas) { .first = true };
    if (!varint(&at, end, &block) || !varint(&at, end, &n_mini) || !varint(&at, end, &total) ||
        !varint(&at, end, &first))
        return false;
    if (block == 0 || block > 1 << 16 || n_mini == 0 || n_mini > block || block % n_mini != 0 ||
        total > max || block / n_mini % 8 != 0)
        return false;
    d->at = at;
    d->end = end;
    d->per_mini = block / n_mini;
    d->n_mini = d->mini = n_mini;
    d->left = total;
    d->last = (uint64_t)zigzag(first);
    return true;
}

static bool start_block(struct pq_deltas *d) {
    uint64_t delta;
    if (!varint(&d->at, d->end, &delta) || d->n_mini > (size_t)(d->end - d->at))
        return false;
    d->min_delta = (uint64_t)zigzag(delta);
    d->widths = d->at;
    d->at += d->n_mini;
    d->mini = 0;
    return true;
}

/* Moves to a miniblock that has values: its bytes lie at `at`. */
static bool start_miniblock(struct pq_deltas *d) {
    if (d->mini == d->n_mini && !start_block(d))
        return false;
    unsigned width = d->widths[d->mini];
    if (width > 64 || d->per_mini / 8 * width > (size_t)(d->end - d->at))
        return false;
    d->bit = 0;
    d->in_mini = d->per_mini;
    return true;
}

static bool deltas_next(struct pq_deltas *d, int64_t *value) {
    if (d->left == 0)
        return false;
    d->left--;
    if (!d->first) {
        if (d->in_mini == 0 && !start_miniblock(d))
            return false;
        unsigned width = d->widths[d->mini];
        d->last += d->min_delta + bits_at(d->at, d->end, d->bit, width);
        d->bit += width;
        if (--d->in_mini == 0 || d->left == 0) {
            d->at += d->per_mini / 8 * width;
            d->in_mini = 0;
            d->mini++;
        }
    }
    d->first = false;
    *value = (int64_t)d->last;
    return true;
}

/* Where the differences end and what follows them begins; NULL if they are damaged. */
static const uint8_t *deltas_end(struct pq_deltas d) {
    int64_t value;
    while (d.left > 0)
        if (!deltas_next(&d, &value))
            return NULL;
    return d.at;
}

/* ---- values ---- */

static float single(const uint8_t *p) {
    uint32_t word = (uint32_t)little(p, 4);
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

static void store(struct pq_values *v, const uint8_t *p, struct pq_value *out) {
    switch (v->type) {
    case PQ_INT32:
        out->i = (int32_t)(uint32_t)little(p, 4);
        break;
    case PQ_FLOAT:
        out->d = (double)single(p);
        break;
    case PQ_INT64:
    case PQ_DOUBLE:
        out->i = (int64_t)little(p, 8);
        break;
    case PQ_INT96: /* nanoseconds of the day, then the Julian day: to nanoseconds since 1970 */
        out->i = (int64_t)(little(p, 8) + (little(p + 8, 4) - 2440588) * 86400000000000u);
        break;
    default:
        out->bytes = p;
        out->n = (uint32_t)v->width;
    }
}

static bool next_fixed(struct pq_values *v, struct pq_value *out) {
    if ((size_t)(v->end - v->at) < v->width)
        return false;
    store(v, v->at, out);
    v->at += v->width;
    return true;
}

static bool next_bytes(struct pq_values *v, struct pq_value *out) {
    size_t left = (size_t)(v->end - v->at);
    uint64_t n = left < 4 ? 0 : little(v->at, 4);
    if (left < 4 || n > left - 4)
        return false;
    out->bytes = v->at + 4;
    out->n = (uint32_t)n;
    v->at += 4 + n;
    return true;
}

static bool next_bit(struct pq_values *v, struct pq_value *out) {
    if (v->at == v->end)
        return false;
    out->i = *v->at >> v->bit & 1;
    v->bit = (v->bit + 1) % 8;
    v->at += v->bit == 0;
    return true;
}

static bool next_run(struct pq_values *v, struct pq_value *out) {
    uint32_t value;
    bool ok = pq_runs_next(&v->runs, &value);
    out->i = value;
    return ok;
}

static bool next_indexed(struct pq_values *v, struct pq_value *out) {
    uint32_t i;
    if (!pq_runs_next(&v->runs, &i) || i >= v->dictionary->n)
        return false;
    *out = v->dictionary->values[i];
    return true;
}

static bool next_delta(struct pq_values *v, struct pq_value *out) {
    if (!deltas_next(&v->deltas, &out->i))
        return false;
    if (v->type == PQ_INT32)
        out->i = (int32_t)(uint32_t)out->i;
    return true;
}

static bool next_delta_length(struct pq_values *v, struct pq_value *out) {
    int64_t n;
    if (!deltas_next(&v->deltas, &n) || n < 0 || (uint64_t)n > (size_t)(v->end - v->at))
        return false;
    out->bytes = v->at;
    out->n = (uint32_t)n;
    v->at += n;
    return true;
}

static bool next_delta_bytes(struct pq_values *v, struct pq_value *out) {
    int64_t shared;
    struct pq_value suffix;
    struct pq_buffer *b = &v->previous;
    if (!deltas_next(&v->prefixes, &shared) || shared < 0 || (uint64_t)shared > v->previous_n ||
        !next_delta_length(v, &suffix) || suffix.n > b->capacity - (size_t)shared)
        return false;
    if (suffix.n > 0)
        memcpy(b->bytes + shared, suffix.bytes, suffix.n);
    v->previous_n = (size_t)shared + suffix.n;
    out->bytes = b->bytes;
    out->n = (uint32_t)v->previous_n;
    return v->type != PQ_FIXED || out->n == v->width;
}

static bool next_split(struct pq_values *v, struct pq_value *out) {
    if (v->split_i == v->split_n)
        return false;
    uint8_t *gathered = v->previous.bytes;
    for (size_t b = 0; b < v->width; b++)
        gathered[b] = v->at[b * v->split_n + v->split_i];
    v->split_i++;
    store(v, gathered, out);
    return true;
}

static size_t type_width(const struct pq_node *leaf) {
    static const size_t widths[PQ_N_TYPES] = {
        [PQ_INT32] = 4,
        [PQ_INT64] = 8,
        [PQ_INT96] = 12,
        [PQ_FLOAT] = 4,
        [PQ_DOUBLE] = 8,
    };
    return leaf->type == PQ_FIXED ? leaf->width : widths[leaf->type];
}

static bool init_plain(struct pq_values *v) {
    v->next = v->type == PQ_BOOLEAN ? next_bit : v->type == PQ_BYTE_ARRAY ? next_bytes : next_fixed;
    return true;
}

static bool init_indexed(struct pq_values *v) {
    if (!v->dictionary || !v->dictionary->values || v->at == v->end || *v->at > 32)
        return false;
    pq_runs_init(&v->runs, v->at + 1, (size_t)(v->end - v->at) - 1, *v->at);
    v->next = next_indexed;
    return true;
}

/* Booleans by runs have their length in front. */
static bool init_runs(struct pq_values *v) {
    size_t left = (size_t)(v->end - v->at);
    uint64_t n = left < 4 ? 0 : little(v->at, 4);
    if (v->type != PQ_BOOLEAN || left < 4 || n > left - 4)
        return false;
    pq_runs_init(&v->runs, v->at + 4, (size_t)n, 1);
    v->next = next_run;
    return true;
}

static bool init_delta_length(struct pq_values *v, const uint8_t *from, uint64_t max) {
    v->next = next_delta_length;
    if (v->type != PQ_BYTE_ARRAY || !deltas_init(&v->deltas, from, v->end, max))
        return false;
    v->at = deltas_end(v->deltas);
    return v->at != NULL;
}

static bool init_delta_bytes(struct pq_values *v, uint64_t max) {
    bool ok = deltas_init(&v->prefixes, v->at, v->end, max);
    const uint8_t *suffixes = ok ? deltas_end(v->prefixes) : NULL;
    enum pq_type type = v->type;
    v->type = PQ_BYTE_ARRAY;
    ok = (type == PQ_BYTE_ARRAY || type == PQ_FIXED) && suffixes &&
         init_delta_length(v, suffixes, max);
    v->type = type;
    v->next = next_delta_bytes;
    return ok;
}

static bool init_split(struct pq_values *v) {
    size_t n = (size_t)(v->end - v->at);
    if (v->width == 0 || n % v->width != 0)
        return false;
    v->split_n = n / v->width;
    v->split_i = 0;
    v->next = next_split;
    return true;
}

static bool init_as(struct pq_values *v, int encoding, uint64_t max, bool *known) {
    switch (encoding) {
    case PQ_PLAIN:
        return init_plain(v);
    case PQ_PLAIN_DICTIONARY:
    case PQ_RLE_DICTIONARY:
        return init_indexed(v);
    case PQ_RLE:
        return init_runs(v);
    case PQ_DELTA_BINARY_PACKED:
        v->next = next_delta;
        return (v->type == PQ_INT32 || v->type == PQ_INT64) &&
               deltas_init(&v->deltas, v->at, v->end, max);
    case PQ_DELTA_LENGTH:
        return init_delta_length(v, v->at, max);
    case PQ_DELTA_BYTES:
        return init_delta_bytes(v, max);
    case PQ_STREAM_SPLIT:
        return init_split(v);
    default:
        *known = false;
        return false;
    }
}

/* How long the value in `previous` can become: of deltas, whatever it is made of stands in the
 * page.
 */
static size_t previous_max(const struct pq_values *v, int encoding, size_t n) {
    return encoding == PQ_STREAM_SPLIT  ? v->width
           : encoding != PQ_DELTA_BYTES ? 0
           : n < VALUE_MAX_BYTES        ? n
                                        : VALUE_MAX_BYTES;
}

bool pq_values_init(struct pq_values *v, int encoding, const struct pq_node *leaf,
    const uint8_t *data, size_t n, uint64_t max, const struct pq_dictionary *dictionary,
    struct err *err) {
    bool known = true;
    v->at = data;
    v->end = data + n;
    v->type = leaf->type;
    v->width = type_width(leaf);
    v->bit = 0;
    v->previous_n = 0;
    size_t previous = previous_max(v, encoding, n);
    if (previous > 0 && !pq_buffer_fit(&v->previous, v->memory, previous, err))
        return false;
    bool indexed = encoding == PQ_PLAIN_DICTIONARY || encoding == PQ_RLE_DICTIONARY;
    v->dictionary = indexed ? dictionary : NULL;
    if (init_as(v, encoding, max, &known))
        return true;
    if (!known)
        return err_set(err, ERR_UNSUPPORTED, "parquet encoding %d is not read", encoding);
    return err_set(err, ERR_INPUT, "values in encoding %d are damaged", encoding);
}

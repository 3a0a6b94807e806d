/* See scores.h. */
#include "base/stats/scores.h"

#include <math.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"

static bool all_0_or_1(const double *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0 && x[i] != 1)
            return false;
    return true;
}

static void find_range(const double *x, size_t n, double *low, double *high) {
    *low = *high = n ? x[0] : 0;
    for (size_t i = 1; i < n; i++) {
        *low = fmin(*low, x[i]);
        *high = fmax(*high, x[i]);
    }
}

void scores_pack(struct scores *s, const double *x, const uint32_t *cluster, size_t n) {
    double high = 1;
    *s = (struct scores) { .n = n, .binary = all_0_or_1(x, n), .step = 1 };
    if (!s->binary) {
        find_range(x, n, &s->low, &high);
        s->step = high / (SCORE_LEVELS - 1) - s->low / (SCORE_LEVELS - 1);
    }
    s->level = xcalloc(n + 1, sizeof *s->level);
    s->cluster = cluster ? xcalloc(n + 1, sizeof *s->cluster) : NULL;
    for (size_t i = 0; i < n; i++) {
        BUG_IF(!isfinite(x[i]) || (cluster && cluster[i] >= CLUSTERS_MAX));
        s->level[i] = s->step > 0 ? (uint16_t)lround((x[i] - s->low) / s->step) : 0;
        if (cluster)
            s->cluster[i] = (uint16_t)cluster[i];
    }
}

void scores_release(struct scores *s) {
    free(s->level);
    free(s->cluster);
    *s = (struct scores) { 0 };
}

double scores_at(const struct scores *s, size_t i) {
    return s->low + s->step * s->level[i];
}

/* ---- JSON ---- */

static json_t *words_json(const uint16_t *words, size_t n) {
    struct strbuf text = { 0 };
    uint8_t *bytes = xmalloc(2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        bytes[2 * i] = (uint8_t)words[i];
        bytes[2 * i + 1] = (uint8_t)(words[i] >> 8);
    }
    base64_add(&text, bytes, 2 * n);
    json_t *json = json_string(strbuf_str(&text));
    strbuf_release(&text);
    free(bytes);
    return json;
}

static json_t *bits_json(const uint16_t *bits, size_t n) {
    struct strbuf text = { 0 };
    uint8_t *bytes = xcalloc(n / 8 + 1, 1);
    for (size_t i = 0; i < n; i++)
        bytes[i / 8] |= (uint8_t)(bits[i] << i % 8);
    base64_add(&text, bytes, (n + 7) / 8);
    json_t *json = json_string(strbuf_str(&text));
    strbuf_release(&text);
    free(bytes);
    return json;
}

json_t *scores_json(const struct scores *s) {
    json_t *json = json_pack("{s:I}", "n", (json_int_t)s->n);
    if (s->binary) {
        json_object_set_new(json, "bits", bits_json(s->level, s->n));
    } else {
        json_object_set_new(json, "low", json_real(s->low));
        json_object_set_new(json, "step", json_real(s->step));
        json_object_set_new(json, "levels", words_json(s->level, s->n));
    }
    if (s->cluster)
        json_object_set_new(json, "clusters", words_json(s->cluster, s->n));
    return json;
}

static uint16_t *parse_words(const char *text, size_t n) {
    size_t size;
    uint8_t *bytes = base64_decode(text, &size);
    uint16_t *words =
        bytes && size / 2 == n && size % 2 == 0 ? xcalloc(n + 1, sizeof *words) : NULL;
    for (size_t i = 0; words && i < n; i++)
        words[i] = (uint16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
    free(bytes);
    return words;
}

static uint16_t *parse_bits(const char *text, size_t n) {
    size_t size;
    uint8_t *bytes = base64_decode(text, &size);
    uint16_t *bits = bytes && size == (n + 7) / 8 ? xcalloc(n + 1, sizeof *bits) : NULL;
    for (size_t i = 0; bits && i < n; i++)
        bits[i] = bytes[i / 8] >> i % 8 & 1;
    free(bytes);
    return bits;
}

bool scores_parse(struct scores *s, const json_t *json) {
    const char *bits = json_get_string(json, "bits", NULL),
               *levels = json_get_string(json, "levels", NULL),
               *clusters = json_get_string(json, "clusters", NULL);
    long long n = json_get_int(json, "n", 0);
    *s = (struct scores) { .binary = bits != NULL, .step = 1 };
    if (n <= 0 || n > INT32_MAX || (!bits && !levels))
        return false;
    s->n = (size_t)n;
    if (!bits) {
        s->low = json_get_number(json, "low", NAN);
        s->step = json_get_number(json, "step", NAN);
    }
    s->level = bits ? parse_bits(bits, s->n) : parse_words(levels, s->n);
    s->cluster = clusters ? parse_words(clusters, s->n) : NULL;
    bool ok = s->level && (!clusters || s->cluster) && isfinite(s->low) && isfinite(s->step);
    for (size_t i = 0; ok && i < s->n; i++)
        ok = s->level[i] < SCORE_LEVELS;
    if (!ok)
        scores_release(s);
    return ok;
}

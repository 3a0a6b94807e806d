/* What a model is, as far as its card, files and runs tell (see traits.h). */
#include "site-gen/traits.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "site-gen/escape.h"

#define VALUE_MAX 40

static bool one_of(const char *const *list, const char *text) {
    for (; *list; list++) {
        if (strcasecmp(*list, text) == 0)
            return true;
    }
    return false;
}

/* ---- values ---- */

/* A stranger's text as a value that is chosen by: lower case, without what separates values. */
static json_t *value_of(const char *text) {
    struct strbuf b = { 0 };
    size_t n = clip_utf8(text, strlen(text), VALUE_MAX);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool apart = c < 33 || c == ',' || c == '|';
        strbuf_addc(&b, (char)(apart ? ' ' : c < 128 ? tolower(c) : c));
    }
    while (b.len && b.text[b.len - 1] == ' ')
        b.text[--b.len] = '\0';
    json_t *value = b.len ? json_string(b.text) : NULL;
    strbuf_release(&b);
    return value;
}

static void put_value(json_t *row, const char *to, const char *from) {
    const char *text = json_get_string(row, from, NULL);
    json_t *value = text ? value_of(text) : NULL;
    if (value)
        json_object_set_new(row, to, value);
}

/* "org/name" of its page; in another precision or of other weights, with these behind an @. */
static void put_key(json_t *row) {
    const char *path = json_get_string(json_object_get(row, "model"), "path", "/m/");
    struct strbuf key = { 0 };
    size_t n = strlen(path + 3);
    strbuf_add(&key, path + 3, n ? n - 1 : 0);
    static const char *const SETTINGS[] = { "precision", "weight_type" };
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++) {
        const char *v = json_get_string(row, SETTINGS[i], "auto");
        char *plain = strcmp(v, "auto") == 0 ? NULL : slug(v);
        if (plain)
            strbuf_addf(&key, "@%s", plain);
        free(plain);
    }
    json_object_set_new(row, "key", json_string(strbuf_str(&key)));
    strbuf_release(&key);
}

/* ---- the card ---- */

static bool tagged(const json_t *card, const char *const *tags) {
    const json_t *list = json_object_get(card, "tags"), *tag;
    size_t i;
    json_array_foreach(list, i, tag) {
        if (json_is_string(tag) && one_of(tags, json_string_value(tag)))
            return true;
    }
    return false;
}

/* Is one of the words a part of the name: "it" of "gemma-2b-it", not of "bitnet"? */
static bool named(const char *name, const char *const *words) {
    const char *slash = strrchr(name, '/');
    char word[32];
    for (const char *at = slash ? slash + 1 : name; *at;) {
        size_t n = 0;
        for (; isalpha((unsigned char)*at); at++) {
            if (n + 1 < sizeof word)
                word[n++] = *at;
        }
        word[n] = '\0';
        if (n && one_of(words, word))
            return true;
        at += *at != '\0' && !isalpha((unsigned char)*at);
    }
    return false;
}

static const char *type_of(const json_t *card, const char *name, bool embeds) {
    static const char *const MERGE[] = { "merge", "mergekit", NULL };
    static const char *const TUNED[] = { "instruct", "instruction", "chat", "it", "sft", "dpo",
        "orpo", "rlhf", "assistant", NULL };
    static const char *const TALKS[] = { "conversational", "chat", NULL };
    const char *relation = json_get_string(card, "base_model_relation", "");
    const json_t *bases = json_object_get(card, "base_model");
    if (strcmp(relation, "merge") == 0 || tagged(card, MERGE))
        return "merge";
    if (embeds)
        return "embedding";
    if (strcmp(relation, "adapter") == 0)
        return "adapter";
    if (named(name, TUNED) || tagged(card, TALKS))
        return "instruct";
    if (json_is_string(bases) || json_array_size(bases))
        return "fine-tuned";
    return json_object_size(card) ? "base" : NULL;
}

static bool is_permissive(const char *licence) {
    static const char *const LICENCES[] = { "apache-2.0", "mit", "bsd", "bsd-2-clause",
        "bsd-3-clause", "isc", "unlicense", "cc0-1.0", "cc-by-4.0", "zlib", "wtfpl", "0bsd",
        "ms-pl", "bsl-1.0", "afl-3.0", "artistic-2.0", "postgresql", "ncsa", "pddl", NULL };
    return one_of(LICENCES, licence);
}

/* Open is what a licence lets one do, and whether the data are named. */
static const char *openness_of(const json_t *card, const char *licence) {
    const json_t *data = json_object_get(card, "datasets");
    if (!licence)
        return NULL;
    if (!is_permissive(licence))
        return "restricted";
    return json_is_string(data) || json_array_size(data) ? "open, data named" : "open weights";
}

static void put_text(json_t *row, const char *key, const char *text) {
    if (text)
        json_object_set_new(row, key, json_string(text));
}

/* ---- memory and speed ---- */

static double width_of(const char *dtype) {
    static const struct {
        const char *dtype;
        double bytes;
    } WIDTHS[] = { { "f32", 4 }, { "bf16", 2 }, { "f16", 2 }, { "int8", 1 } };
    for (size_t i = 0; i < sizeof WIDTHS / sizeof *WIDTHS; i++) {
        if (strcasecmp(WIDTHS[i].dtype, dtype) == 0)
            return WIDTHS[i].bytes;
    }
    return NAN;
}

/* Packed weights stay packed: they take what their file takes. */
static double memory_of(const json_t *row, const json_t *revision) {
    const char *stored = json_get_string(revision, "dtype", "");
    bool packed = toupper((unsigned char)*stored) == 'Q' || strncasecmp(stored, "iq", 2) == 0;
    double size = json_get_number(row, "size_bytes", NAN),
           width = width_of(json_get_string(row, "dtype", "")),
           bytes = packed ? size : json_get_number(row, "params", NAN) * width;
    return MEMORY_BESIDE_WEIGHTS * (bytes > 0 ? bytes : size);
}

void row_add_run(json_t *row, const json_t *run) {
    double s = json_get_number(run, "seconds", 0), t = json_get_number(run, "tokens_computed", 0);
    const char *at = json_get_string(run, "finished_at", "");
    if (s > 0 && t > 0) {
        json_object_set_new(row, "seconds", json_real(s + json_get_number(row, "seconds", 0)));
        json_object_set_new(row, "tokens", json_real(t + json_get_number(row, "tokens", 0)));
    }
    if (strlen(at) >= 10 && strcmp(at, json_get_string(row, "measured_at", "")) > 0)
        json_object_set_new(row, "measured_at", json_string(at));
    if (!json_object_get(row, "device")) {
        copy_text(row, run, "device");
        copy_text(row, run, "isa");
    }
}

static void put_speed(json_t *row) {
    double seconds = json_get_number(row, "seconds", 0), tokens = json_get_number(row, "tokens", 0);
    if (seconds > 0)
        json_object_set_new(row, "tokens_per_s", json_real(round(tokens / seconds * 10) / 10));
    json_object_del(row, "seconds");
    json_object_del(row, "tokens");
}

void row_traits(const struct world *w, json_t *row, bool embeds) {
    const json_t *revision = world_revision(
                     w, json_get_string(row, "id", ""), json_get_string(row, "revision", "?")),
                 *card = json_object_get(revision, "card");
    put_key(row);
    put_value(row, "lic", "licence");
    put_value(row, "prec", "dtype");
    put_value(row, "arch", "architecture");
    const char *licence = json_get_string(row, "lic", NULL);
    put_text(row, "type", type_of(card, json_get_string(row, "id", ""), embeds));
    put_text(row, "openness", openness_of(card, licence));
    if (licence && is_permissive(licence))
        json_object_set_new(row, "permissive", json_true());
    put_text(row, "handed_in", json_get_string(revision, "created_at", NULL));
    double memory = memory_of(row, revision);
    if (memory > 0)
        json_object_set_new(row, "memory_bytes", json_integer((json_int_t)memory));
    put_speed(row);
}

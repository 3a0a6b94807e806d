/* A weight with a LoRA adapter is W + scaling · B·A, where A is [rank, inputs] and B [outputs,
 * rank]; of a Conv1D or an embedding, whose W is [inputs, outputs], the product is transposed. DoRA
 * then brings each output's row of weights to a length that was learned with it.
 * Other tensors of the adapter (modules_to_save, biases) stand in place of the base's. */
#include "harness/formats/lora.h"

#include <math.h>
#include <string.h>

#include "harness/formats/derived.h"
#include "harness/formats/module_pattern.h"
#include "harness/formats/quoted.h"

#define RANK_MAX 4096
#define PATCH 256 /* elements that are summed at a time */

/* ---- names ---- */

static const char *without_prefix(const char *name) {
    static const char prefix[] = "base_model.model.";
    return strncmp(name, prefix, sizeof prefix - 1) == 0 ? name + sizeof prefix - 1 : name;
}

/* The part of the name before `mark`, without PEFT's own prefix; NULL if there is no mark. */
static char *module_of(struct weights *a, const char *name, const char *mark) {
    const char *at = strstr(name, mark);
    if (!at)
        return NULL;
    name = without_prefix(name);
    return at < name ? NULL : arena_strndup(&a->arena, name, (size_t)(at - name));
}

/* The name of the base's tensor: what PEFT puts into names where it wraps a module is taken out. */
static void bare_name(const char *name, char bare[WEIGHTS_NAME_MAX + 1]) {
    static const char *const infixes[] = { "modules_to_save.default.", "modules_to_save.",
        "base_layer." };
    snprintf(bare, WEIGHTS_NAME_MAX + 1, "%s", without_prefix(name));
    for (size_t i = 0; i < sizeof infixes / sizeof *infixes; i++) {
        char *at = strstr(bare, infixes[i]);
        const size_t n = strlen(infixes[i]);
        if (at)
            memmove(at, at + n, strlen(at + n) + 1);
    }
}

static bool ends_with_part(const char *whole, const char *part) {
    const size_t n = strlen(whole), m = strlen(part);
    return n > m && whole[n - m - 1] == '.' && strcmp(whole + n - m, part) == 0;
}

struct applying {
    struct weights *base, *adapter;
    const json_t *config;
    const char **names; /* the base's, by their ends */
    size_t n_names;
    bool transposed; /* weights are [inputs, outputs] where their shape doesn't tell */
    size_t n_applied;
    struct err *err;
};

/* Compares from the ends, so that names with one ending stand together. */
static int backwards(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    while (n && m && a[n - 1] == b[m - 1])
        n--, m--;
    return (n ? (unsigned char)a[n - 1] : -1) - (m ? (unsigned char)b[m - 1] : -1);
}

static int by_end(const void *a, const void *b) {
    return backwards(*(const char *const *)a, *(const char *const *)b);
}

static void names_sort(struct applying *p) {
    p->n_names = weights_count(p->base);
    p->names = xcalloc(p->n_names + 1, sizeof *p->names);
    for (size_t i = 0; i < p->n_names; i++)
        p->names[i] = p->base->tensors[i].name;
    qsort(p->names, p->n_names, sizeof *p->names, by_end);
}

/* The base's name that is `name` behind a prefix; *several: there are more. */
static const char *longer_find(const struct applying *p, const char *name, bool *several) {
    char ending[WEIGHTS_NAME_MAX + 64];
    size_t from = 0, to = p->n_names;
    snprintf(ending, sizeof ending, ".%s", name);
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (backwards(p->names[middle], ending) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    const bool found = from < p->n_names && ends_with_part(p->names[from], name);
    *several = found && from + 1 < p->n_names && ends_with_part(p->names[from + 1], name);
    return found ? p->names[from] : NULL;
}

/* The base's tensor: the adapter may have been made on a model whose names have a prefix that the
 * base's file lacks, or the other way round. NULL, too, where which one is meant can't be told. */
static struct tensor *base_find(const struct applying *p, const char *name, bool *several) {
    const char *inner = strchr(name, '.'), *longer;
    const struct tensor *t = weights_find(p->base, name);
    *several = false;
    if (!t && inner)
        t = weights_find(p->base, inner + 1);
    if (!t && (longer = longer_find(p, name, several)) && !*several)
        t = weights_find(p->base, longer);
    return t ? &p->base->tensors[t - p->base->tensors] : NULL;
}

/* ---- the sum ---- */

static void lora_row(const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    tensor_read_f32(&d->parts[0], (size_t)(row * d->cols + from), (size_t)n, out);
    for (uint64_t at = 0; at < n; at += PATCH) {
        const uint64_t here = n - at < PATCH ? n - at : PATCH;
        float sum[PATCH] = { 0 };
        for (uint64_t k = 0; k < d->rank; k++)
            for (uint64_t i = 0; i < here; i++)
                sum[i] += d->transposed
                              ? d->b[(from + at + i) * d->rank + k] * d->a[k * d->rows + row]
                              : d->b[row * d->rank + k] * d->a[k * d->cols + from + at + i];
        for (uint64_t i = 0; i < here; i++)
            out[at + i] += sum[i] * d->scaling;
        for (uint64_t i = 0; d->gains && i < here; i++)
            out[at + i] *= d->gains[d->transposed ? from + at + i : row];
    }
}

/* Lengths of the sums' rows of weights, an output each. */
static void lengths_of(const struct derived *d, double *lengths) {
    float patch[PATCH];
    for (uint64_t row = 0; row < d->rows; row++)
        for (uint64_t from = 0; from < d->cols; from += PATCH) {
            const uint64_t n = d->cols - from < PATCH ? d->cols - from : PATCH;
            lora_row(d, row, from, n, patch);
            for (uint64_t i = 0; i < n; i++)
                lengths[d->transposed ? from + i : row] += (double)patch[i] * (double)patch[i];
        }
}

/* The tensor's numbers in the arena. */
static const float *numbers_of(struct weights *base, const struct tensor *t) {
    float *out = arena_alloc(&base->arena, (size_t)t->n_elements * sizeof *out);
    tensor_read_f32(t, 0, (size_t)t->n_elements, out);
    return out;
}

static bool refuse(struct applying *p, const char *module, const char *why) {
    struct quoted q;
    return err_set(
        p->err, ERR_INPUT, "adapter of '%s': %s", quoted(&q, module, strlen(module)), why);
}

/* The first pattern of alpha_pattern that is one for the module. */
static bool alpha_of(struct applying *p, const char *module, double *alpha) {
    const json_t *patterns = json_object_get(p->config, "alpha_pattern"), *value;
    const char *key;
    *alpha = json_get_number(p->config, "lora_alpha", 8);
    json_object_foreach((json_t *)(uintptr_t)patterns, key, value) {
        bool matches;
        if (!module_pattern_matches(key, module, &matches, p->err))
            return false;
        if (matches && json_is_number(value)) {
            *alpha = json_number_value(value);
            break;
        }
    }
    return true;
}

static bool fits(
    const struct tensor *w, const struct tensor *a, const struct tensor *b, bool transposed) {
    return w->n_dims == 2 && a->n_dims == 2 && b->n_dims == 2 && a->shape[0] == b->shape[1] &&
           w->n_elements && a->shape[1] == w->shape[transposed ? 0 : 1] &&
           b->shape[0] == w->shape[transposed ? 1 : 0];
}

static bool shapes_check(struct applying *p, const char *module, const struct tensor *w,
    const struct tensor *a, const struct tensor *b, bool transposed) {
    if (!fits(w, a, b, transposed))
        return refuse(p, module, "its matrices do not fit the base's weight");
    if (!a->shape[0] || a->shape[0] > RANK_MAX)
        return refuse(p, module, "its rank is 0 or too large");
    return (a->type <= TENSOR_BF16 && b->type <= TENSOR_BF16) ||
           refuse(p, module, "its matrices are not real numbers");
}

/* The learned lengths, as what each output is multiplied by. */
static bool gains_settle(
    struct applying *p, const char *module, const struct tensor *lengths, struct derived *d) {
    const uint64_t outputs = d->transposed ? d->cols : d->rows;
    if (lengths->n_elements != outputs || lengths->type > TENSOR_BF16)
        return refuse(p, module, "its lengths (lora_magnitude_vector) are not one an output");
    const float *learned = numbers_of(p->base, lengths);
    float *gains = arena_alloc(&p->base->arena, (size_t)outputs * sizeof *gains);
    double *now = xcalloc((size_t)outputs, sizeof *now);
    lengths_of(d, now);
    bool ok = true;
    for (uint64_t i = 0; i < outputs; i++) {
        gains[i] = (float)((double)learned[i] / sqrt(now[i]));
        ok = ok && isfinite(gains[i]);
    }
    free(now);
    d->gains = gains;
    return ok || refuse(p, module, "an output's weights have no length");
}

/* ---- tied weights ---- */

static const char *const head_names[] = { "lm_head.weight", "embed_out.weight" };
static const char *const embedding_names[] = { "embed_tokens.weight", "wte.weight",
    "word_embeddings.weight", "embed_in.weight", "shared.weight" };
#define COUNT(names) (sizeof(names) / sizeof *(names))

static bool is_named(const char *name, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0 || ends_with_part(name, names[i]))
            return true;
    return false;
}

static struct tensor *find_named(struct weights *w, const char *const *names, size_t n) {
    for (size_t i = 0; i < w->n_tensors; i++)
        if (is_named(w->tensors[i].name, names, n))
            return &w->tensors[i];
    return NULL;
}

/* The adapter changes the head or the embedding. Where the base has both in one tensor, only one of
 * them is changed (PEFT adds to what a module gives, and leaves the shared weight alone): the head
 * becomes a tensor of its own. An embedding without a head needs none, so a second name does no
 * harm. */
static bool untie(struct applying *p, const char *name) {
    const bool head = is_named(name, head_names, COUNT(head_names)),
               embedding = is_named(name, embedding_names, COUNT(embedding_names));
    if (!head && !embedding)
        return true;
    p->base->untied = true;
    const struct tensor *shared = find_named(p->base, embedding_names, COUNT(embedding_names));
    if (!shared || find_named(p->base, head_names, COUNT(head_names)))
        return true;
    struct tensor own = *shared;
    name = head ? name : head_names[0];
    struct tensor *made = weights_add(p->base, name, strlen(name), p->err);
    if (!made)
        return false;
    own.name = made->name;
    *made = own;
    return true;
}

/* ---- pairs of matrices, and whole tensors ---- */

/* An adapter's weights are all of one kind, if not each by its shape. */
static bool is_transposed(const struct applying *p, const struct tensor *w, const struct tensor *a,
    const struct tensor *b) {
    const bool plain = fits(w, a, b, false), turned = fits(w, a, b, true);
    return plain != turned ? turned : p->transposed;
}

static bool apply_pair(struct applying *p, const char *module, const struct tensor *a,
    const struct tensor *b, const struct tensor *lengths, bool embedding) {
    char *name = arena_printf(&p->base->arena, "%s.weight", module);
    if (!b)
        return refuse(p, module, "its second matrix is missing");
    if (!untie(p, name))
        return false;
    bool several;
    struct tensor *w = base_find(p, name, &several);
    if (!w)
        return refuse(p, module, "the base has no such weight, or several");
    if (w->derived &&
        w->derived->row == lora_row) /* sums of sums would be as deep as the file says */
        return refuse(p, module, "another pair of matrices is for the same weight");
    const bool transposed = embedding || is_transposed(p, w, a, b);
    double alpha;
    if (!shapes_check(p, module, w, a, b, transposed) || !alpha_of(p, module, &alpha))
        return false;
    struct derived *d = arena_alloc(&p->base->arena, sizeof *d);
    const double rank = (double)a->shape[0];
    *d = (struct derived) { .row = lora_row,
        .rows = w->shape[0],
        .cols = w->shape[1],
        .rank = (uint32_t)a->shape[0],
        .transposed = transposed };
    d->parts[0] = *w;
    d->a = numbers_of(p->base, a);
    d->b = numbers_of(p->base, b);
    d->scaling =
        (float)(alpha / (json_get_bool(p->config, "use_rslora", false) ? sqrt(rank) : rank));
    if (lengths && !gains_settle(p, module, lengths, d))
        return false;
    w->derived = d;
    p->n_applied++;
    return true;
}

/* A tensor that stands in place of the base's. Its numbers live in the adapter's file, which is
 * closed: they are copied. */
static bool apply_whole(struct applying *p, const struct tensor *t) {
    char name[WEIGHTS_NAME_MAX + 1];
    bare_name(t->name, name);
    if (!untie(p, name))
        return false;
    bool several;
    struct tensor *w = base_find(p, name, &several);
    if (several) /* put beside them it would be in nobody's place */
        return refuse(p, name, "the base has several such tensors");
    if (w && (w->n_dims != t->n_dims || memcmp(w->shape, t->shape, t->n_dims * sizeof *t->shape)))
        return refuse(p, name, "it has another shape than the base's tensor");
    if (!w)
        w = weights_add(p->base, name, strlen(name), p->err);
    if (!w)
        return false;
    const char *kept = w->name;
    if (t->derived) { /* out of order in the file: the numbers themselves */
        *w = (struct tensor) { .type = TENSOR_F32, .n_dims = t->n_dims };
        memcpy(w->shape, t->shape, sizeof w->shape);
        if (!tensor_measure(w))
            return refuse(p, name, "its shape overflows");
        w->data = (const uint8_t *)numbers_of(p->base, t);
    } else {
        uint8_t *data = arena_alloc(&p->base->arena, t->bytes);
        if (t->bytes)
            memcpy(data, t->data, t->bytes);
        *w = *t;
        w->data = data;
    }
    w->name = kept;
    w->replaced = true;
    p->n_applied++;
    return true;
}

static const struct tensor *other_half(
    struct applying *p, const char *name, const char *mark, const char *other) {
    char full[WEIGHTS_NAME_MAX + 64];
    const char *at = strstr(name, mark);
    snprintf(full, sizeof full, "%.*s%s%s", (int)(at - name), name, other, at + strlen(mark));
    return weights_find(p->adapter, full);
}

/* DoRA's lengths beside the first matrix: older files have them without a suffix. */
static bool lengths_find(
    struct applying *p, const char *name, const char *mark, const struct tensor **out) {
    static const char other[] = ".lora_magnitude_vector";
    char bare[WEIGHTS_NAME_MAX + 64];
    snprintf(bare, sizeof bare, "%.*s%s", (int)(strstr(name, mark) - name), name, other);
    const struct tensor *t = other_half(p, name, mark, other);
    *out = t ? t : weights_find(p->adapter, bare);
    const bool wanted = json_get_bool(p->config, "use_dora", false);
    return !wanted || *out || refuse(p, name, "its lengths (lora_magnitude_vector) are missing");
}

static const struct {
    const char *a, *b;
    bool embedding;
} pairs[] = { { ".lora_A", ".lora_B", false }, { ".lora_embedding_A", ".lora_embedding_B", true } };

static bool is_part_of_pair(const struct tensor *t) {
    return strstr(t->name, ".lora_") != NULL;
}

static bool apply_part(struct applying *p, const struct tensor *t) {
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const char *module = module_of(p->adapter, t->name, pairs[i].a);
        const struct tensor *lengths = NULL;
        if (module)
            return lengths_find(p, t->name, pairs[i].a, &lengths) &&
                   apply_pair(p, module, t, other_half(p, t->name, pairs[i].a, pairs[i].b), lengths,
                       pairs[i].embedding);
        if (module_of(p->adapter, t->name, pairs[i].b))
            return other_half(p, t->name, pairs[i].b, pairs[i].a) ||
                   refuse(p, t->name, "its first matrix is missing");
    }
    if (json_get_bool(p->config, "use_dora", false) && strstr(t->name, ".lora_magnitude_vector"))
        return true; /* taken with its matrices */
    return refuse(p, t->name, "a part that is not understood");
}

/* Whether the base is made of GPT-2's Conv1Ds: one of them has these names and more outputs than
 * inputs. The config's fan_in_fan_out doesn't tell: PEFT goes by the module, and older versions
 * left it as it was asked for. */
static bool is_of_conv1d(const struct weights *base) {
    static const char *const names[] = { "c_attn.weight", "c_fc.weight" };
    for (size_t i = 0; i < weights_count(base); i++) {
        const struct tensor *t = weights_at(base, i);
        if (t->n_dims == 2 && is_named(t->name, names, COUNT(names)))
            return t->shape[0] < t->shape[1];
    }
    return false;
}

/* One weight that is no square tells which way all of them lie. */
static void orientation_settle(struct applying *p) {
    p->transposed = is_of_conv1d(p->base);
    for (size_t i = 0; i < weights_count(p->adapter); i++) {
        const struct tensor *a = weights_at(p->adapter, i), *w = NULL, *b = NULL;
        bool several;
        const char *module = module_of(p->adapter, a->name, pairs[0].a);
        if (module)
            w = base_find(p, arena_printf(&p->adapter->arena, "%s.weight", module), &several);
        if (w)
            b = other_half(p, a->name, pairs[0].a, pairs[0].b);
        if (b && fits(w, a, b, true) && !fits(w, a, b, false))
            p->transposed = true;
    }
}

/* Whole tensors first: a sum goes on top of what stands in the base's place. */
bool lora_apply(
    struct weights *base, struct weights *adapter, const json_t *config, struct err *err) {
    struct applying p = { .base = base, .adapter = adapter, .config = config, .err = err };
    const size_t n = weights_count(adapter);
    bool ok = true;
    names_sort(&p);
    orientation_settle(&p);
    for (size_t i = 0; ok && i < n; i++)
        ok = is_part_of_pair(weights_at(adapter, i)) || apply_whole(&p, weights_at(adapter, i));
    for (size_t i = 0; ok && i < n; i++)
        ok = !is_part_of_pair(weights_at(adapter, i)) || apply_part(&p, weights_at(adapter, i));
    free(p.names);
    return ok && (p.n_applied || err_set(err, ERR_INPUT, "it changes nothing"));
}

/* The rules of scoring, as lm-evaluation-harness 0.4.13 has them in api/model.py (_encode_pair,
 * loglikelihood) and models/huggingface.py (tok_encode, loglikelihood_rolling), and what its
 * versions before pull request 3347 and lighteval (models/abstract_model.py, tok_encode_pair) do
 * otherwise. Oddities are kept: the cut between context and continuation is by number of tokens,
 * whether or not the border moved; a text that begins with the prefix token's text gets no special
 * tokens; a rolling text gets the prefix token in front of whatever the tokenizer adds. */
#include "harness/model/pair.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

static const struct pair_profile PROFILES[] = {
    { .name = "lm-eval/0.4.13" },
    { .name = "lm-eval/pre-3347", .bare_by_default = true, .doubles_bos = true },
    { .name = "lighteval", .doubles_bos = true, .takes_back = true },
};

static const struct pair_profile *find_profile(const char *name, struct err *err) {
    for (size_t i = 0; i < sizeof PROFILES / sizeof *PROFILES; i++)
        if (!name || !strcmp(PROFILES[i].name, name))
            return &PROFILES[i];
    err_set(err, ERR_UNSUPPORTED, "profile '%.40s' has no rules of scoring here", name);
    err_hint(err, "known: lm-eval/0.4.13, lm-eval/pre-3347, lighteval");
    return NULL;
}

bool pair_rule_init(struct pair_rule *rule, const struct tokenizer *tokenizer, int32_t prefix_token,
    bool expects_bos, const struct score_options *options, struct err *err) {
    const struct pair_profile *profile = find_profile(options ? options->profile : NULL, err);
    if (!profile)
        return false;
    *rule = (struct pair_rule) {
        .tokenizer = tokenizer,
        .profile = profile,
        .add_bos = options ? options->add_bos : ADD_BOS_AUTO,
        .expects_bos = expects_bos,
        .prefix_token = prefix_token,
    };
    if (tokenizer && prefix_token >= 0)
        return tokenizer_decode(tokenizer, &prefix_token, 1, false, &rule->prefix, err);
    return true;
}

void pair_rule_release(struct pair_rule *rule) {
    strbuf_release(&rule->prefix);
}

static bool has_prefix(const struct pair_rule *rule, const char *text, size_t n) {
    return !rule->profile->doubles_bos && rule->prefix.len > 0 && n >= rule->prefix.len &&
           memcmp(text, rule->prefix.text, rule->prefix.len) == 0;
}

static bool encode_bare(const struct pair_rule *rule, const char *text, size_t n,
    struct token_list *out, struct err *err) {
    return tokenizer_encode(
        rule->tokenizer, text, n, &(struct encode_options) { .no_special = true }, out, err);
}

static void ids_append(struct token_list *list, const int32_t *ids, size_t n) {
    mem_grow(&list->ids, &list->capacity, list->n + n, sizeof *list->ids);
    if (n > 0)
        memcpy(list->ids + list->n, ids, n * sizeof *ids);
    list->n += n;
}

bool pair_encode(const struct pair_rule *rule, const char *text, size_t n, struct token_list *out,
    struct err *err) {
    bool bare =
        has_prefix(rule, text, n) || rule->add_bos == ADD_BOS_NO ||
        (rule->add_bos == ADD_BOS_AUTO && rule->profile->bare_by_default && !rule->expects_bos);
    if (bare)
        return encode_bare(rule, text, n, out, err);
    const struct tokenizer_info *info = tokenizer_info(rule->tokenizer);
    if (rule->add_bos == ADD_BOS_YES && !info->adds_bos && info->bos >= 0)
        ids_append(out, &info->bos, 1);
    return tokenizer_encode(rule->tokenizer, text, n, &(struct encode_options) { 0 }, out, err);
}

/* ---- context and continuation ---- */

/* Python's str.isspace(). */
static bool is_space(uint32_t c) {
    return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

size_t pair_rstrip(const char *text, size_t n) {
    while (n > 0) {
        size_t from = n - 1;
        while (from > 0 && n - from < 4 && ((unsigned char)text[from] & 0xc0) == 0x80)
            from--;
        uint32_t c;
        if (utf8_decode(text + from, n - from, &c) != n - from || !is_space(c))
            break;
        n = from;
    }
    return n;
}

bool pair_context_init(struct pair_context *c, const struct pair_rule *rule, const char *text,
    size_t n, struct err *err) {
    *c = (struct pair_context) { .text = text, .n = n, .n_kept = pair_rstrip(text, n) };
    return (n == 0 && !rule->profile->takes_back) ||
           pair_encode(rule, text, c->n_kept, &c->ids, err);
}

void pair_context_release(struct pair_context *c) {
    token_list_release(&c->ids);
}

/* An empty context is the prefix token; a continuation that begins with it already gives it up.
 * Before pull request 3347 it kept it, and was encoded as any other text. */
static bool split_bare(const struct pair_rule *rule, const char *choice, size_t n,
    struct token_list *out, struct err *err) {
    size_t from = out->n;
    if (rule->prefix_token < 0)
        return err_set(err, ERR_INPUT,
            "the context is empty, and the model has no BOS or EOS to "
            "stand for it");
    ids_append(out, &rule->prefix_token, 1);
    if (rule->profile->bare_by_default)
        return pair_encode(rule, choice, n, out, err);
    if (!encode_bare(rule, choice, n, out, err))
        return false;
    if (out->n > from + 1 && out->ids[from + 1] == rule->prefix_token) {
        out->n--;
        memmove(out->ids + from, out->ids + from + 1, (out->n - from) * sizeof *out->ids);
    }
    return true;
}

/* Both texts are encoded together, and the cut is where the context alone ends: by position,
 * whatever the border does to the tokens around it. lighteval gives the last token to the
 * continuation where that would have none. */
static bool split_joined(const struct pair_rule *rule, const struct pair_context *c,
    const char *choice, size_t n, struct token_list *out, uint32_t *n_context, struct err *err) {
    struct strbuf joined = { 0 };
    size_t from = out->n;
    strbuf_add(&joined, c->text, c->n);
    strbuf_add(&joined, choice, n);
    bool ok = joined.overflow ? err_set(err, ERR_RESOURCE, "the text is too long")
                              : pair_encode(rule, strbuf_str(&joined), joined.len, out, err);
    strbuf_release(&joined);
    if (!ok)
        return false;
    *n_context = (uint32_t)c->ids.n;
    if (rule->profile->takes_back)
        *n_context -= out->n - from == c->ids.n && c->ids.n > 0;
    else if (c->ids.n > 0 && out->n - from > c->ids.n)
        memcpy(out->ids + from, c->ids.ids, c->ids.n * sizeof *out->ids);
    return true;
}

bool pair_split(const struct pair_rule *rule, const struct pair_context *c, const char *choice,
    size_t choice_n, struct token_list *out, uint32_t *n_context, struct err *err) {
    size_t from = out->n;
    bool bare = c->n == 0 && c->ids.n == 0;
    *n_context = 1;
    bool ok = bare ? split_bare(rule, choice, choice_n, out, err)
                   : split_joined(rule, c, choice, choice_n, out, n_context, err);
    if (!ok)
        return false;
    if (*n_context == 0)
        return err_set(err, ERR_INPUT, "the context has no tokens");
    if (out->n - from <= *n_context)
        return err_set(err, ERR_INPUT, "the continuation has no tokens of its own");
    return true;
}

/* Window 0 scores the first max_length tokens; later ones are disjoint and have one token of
 * context, but the last is filled leftwards to full length. Token 0 of the list is the one before
 * the text, so text token t is token t + 1. */
bool pair_window(uint32_t n, uint32_t max_length, uint32_t i, struct pair_window *out) {
    uint64_t text = n > 0 ? n - 1 : 0, predicted = (uint64_t)i * max_length;
    if (predicted >= text)
        return false;
    uint64_t end = predicted + max_length < text ? predicted + max_length : text;
    uint64_t from = end > max_length ? end - max_length : 0;
    *out = (struct pair_window) {
        .from = (uint32_t)from,
        .to = (uint32_t)end,
        .first_read = (uint32_t)(predicted - from),
    };
    return true;
}

/* The shared tokenizer fixtures, row by row: ids, ids without special tokens, spans, decoded text.
 * What is expected is what transformers' AutoTokenizer does with the folder (`hf_ids`), else what
 * tokenizers does with its file. */
#include "weight_files.h"

#include <dirent.h>
#include <string.h>

#include "base/proc.h"
#include "harness/harness.h"

struct tally {
    const char *name;
    size_t checks, failures;
    bool class_decodes; /* the class skips other tokens than the file does; rows of pairs don't say
                           so */
};

static void failed(
    struct tally *t, size_t row, const char *what, const json_t *want, const char *got) {
    if (t->failures++ < 5) {
        char *text = json_dumps(want, JSON_ENCODE_ANY | JSON_COMPACT);
        print_error("%s row %zu %s: expected %.300s, got %.300s\n", t->name, row, what, text, got);
        free(text);
    }
}

static void print_ids(const struct token_list *l, bool spans, struct strbuf *out) {
    strbuf_addc(out, '[');
    for (size_t i = 0; i < l->n; i++) {
        strbuf_adds(out, i ? "," : "");
        if (spans) {
            strbuf_addf(out, "[%u,%u]", l->spans[i].from, l->spans[i].to);
        } else {
            strbuf_addf(out, "%d", l->ids[i]);
        }
    }
    strbuf_addc(out, ']');
}

static bool same_ids(const struct token_list *l, const json_t *want) {
    bool same = l->n == json_array_size(want);
    for (size_t i = 0; same && i < l->n; i++) {
        same = l->ids[i] == json_integer_value(json_array_get(want, i));
    }
    return same;
}

static bool same_spans(const struct token_list *l, const json_t *want) {
    bool same = l->n == json_array_size(want);
    for (size_t i = 0; same && i < l->n; i++) {
        const json_t *span = json_array_get(want, i);
        same = l->spans[i].from == json_integer_value(json_array_get(span, 0)) &&
               l->spans[i].to == json_integer_value(json_array_get(span, 1));
    }
    return same;
}

static void check_ids(struct tally *t, size_t row, const char *what, const struct token_list *l,
    const json_t *want, bool spans) {
    t->checks++;
    if (spans ? !same_spans(l, want) : !same_ids(l, want)) {
        struct strbuf got = { 0 };
        print_ids(l, spans, &got);
        failed(t, row, what, want, strbuf_str(&got));
        strbuf_release(&got);
    }
}

/* The request's text: as it is, or raw bytes. */
static void request(const json_t *row, struct strbuf *out) {
    const char *hex = json_get_string(row, "raw_hex", NULL);
    if (!hex) {
        const json_t *text = json_object_get(row, "text");
        strbuf_add(out, json_string_value(text), json_string_length(text));
        return;
    }
    for (unsigned byte; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
        strbuf_addc(out, (char)byte);
    }
}

static void check_encode(struct tally *t, const struct tokenizer *k, size_t r, const json_t *row) {
    struct strbuf text = { 0 };
    struct token_list list = { .want_spans = true };
    struct err err = ERR_INIT;
    const json_t *hf = json_object_get(row, "hf_ids"), *ids = json_object_get(row, "ids");
    const json_t *plain = json_object_get(row, "ids_plain"),
                 *spans = json_object_get(row, "offsets");
    request(row, &text);
    if (!tokenizer_encode(k, strbuf_str(&text), text.len, NULL, &list, &err)) {
        failed(t, r, "ids", ids, err.msg);
    } else {
        check_ids(t, r, "ids", &list, hf ? hf : ids, false);
        if (spans && !hf) {
            check_ids(t, r, "offsets", &list, spans, true);
        }
    }
    token_list_reset(&list);
    if (!hf) {
        bool ok = tokenizer_encode(k, strbuf_str(&text), text.len,
            &(struct encode_options) { .no_special = true }, &list, &err);
        assert_true(ok);
        check_ids(t, r, "ids_plain", &list, plain ? plain : ids, false);
    }
    token_list_release(&list);
    strbuf_release(&text);
}

static void check_text(struct tally *t, const struct tokenizer *k, size_t r, const json_t *ids,
    bool skip, const json_t *want) {
    struct strbuf text = { 0 };
    struct err err = ERR_INIT;
    size_t n = json_array_size(ids);
    int32_t *list = xmalloc(n * sizeof *list);
    for (size_t i = 0; i < n; i++) {
        list[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    }
    t->checks++;
    if (!tokenizer_decode(k, list, n, skip, &text, &err)) {
        failed(t, r, "decoded", want, err.msg);
    } else if (text.len != json_string_length(want) ||
               memcmp(strbuf_str(&text), json_string_value(want), text.len)) {
        failed(t, r, skip ? "decoded_skip" : "decoded", want, strbuf_str(&text));
    }
    strbuf_release(&text);
    free(list);
}

static void check_decode(struct tally *t, const struct tokenizer *k, size_t r, const json_t *row) {
    const json_t *hf = json_object_get(row, "hf_decoded_skip"), *ids = json_object_get(row, "ids");
    if (json_object_get(row, "decoded")) {
        if (!hf) {
            check_text(t, k, r, ids, false, json_object_get(row, "decoded"));
        }
        t->class_decodes = t->class_decodes || hf;
        if (!t->class_decodes || !json_object_get(row, "pair")) {
            check_text(t, k, r, ids, true, hf ? hf : json_object_get(row, "decoded_skip"));
        }
    }
}

typedef void row_fn(struct tally *t, const struct tokenizer *k, size_t r, const json_t *row);

/* A file's text, unpacked if its name ends in .gz. */
static void read_text(const char *path, struct strbuf *out) {
    struct err err = ERR_INIT;
    size_t n = strlen(path);
    if (n < 3 || strcmp(path + n - 3, ".gz") != 0) {
        assert_true(file_read(path, (size_t)64 << 20, out, &err));
        return;
    }
    char *gzip = proc_find("gzip", NULL);
    assert_non_null(gzip);
    const char *const argv[] = { gzip, "-dc", path, NULL };
    struct proc_result result = { 0 };
    assert_true(
        proc_run(argv, &(struct proc_options) { .output_max = (size_t)64 << 20 }, &result, &err));
    assert_int_equal(result.exit_code, 0);
    strbuf_add(out, strbuf_str(&result.out), result.out.len);
    proc_result_release(&result);
    free(gzip);
}

static void each_row(const char *path, struct tally *t, const struct tokenizer *k, row_fn *f) {
    struct strbuf text = { 0 };
    read_text(path, &text);
    const char *at = strbuf_str(&text), *end = at + text.len;
    for (size_t r = 0; at < end; r++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        json_t *row = json_loadb(at, (size_t)(stop - at), JSON_ALLOW_NUL, NULL);
        assert_non_null(row);
        f(t, k, r, row);
        json_decref(row);
        at = stop + 1;
    }
    strbuf_release(&text);
}

/* Rows of llama2 that give what its tokenizer.json does and not what its class does, without saying
 * so. */
static bool is_exception(const char *name, size_t r) {
    return strcmp(name, "llama2") == 0 && (r == 380 || r >= 384);
}

static void check_row(struct tally *t, const struct tokenizer *k, size_t r, const json_t *row) {
    if (json_object_get(row, "attention_mask") || is_exception(t->name, r)) {
        return; /* the file's own truncation and padding can't be asked for */
    }
    if (!json_object_get(row, "pair")) {
        check_encode(t, k, r, row);
    }
    check_decode(t, k, r, row);
}

/* One fixture; false if it is of a kind that isn't supported. */
static bool check_fixture(const char *root, const char *name, size_t *failures) {
    struct err err = ERR_INIT;
    struct tally t = { .name = name };
    char *folder = path_join(root, name), *rows = path_join(folder, "expected.jsonl");
    struct tokenizer *k = tokenizer_open(folder, &err);
    if (k) {
        each_row(rows, &t, k, check_row);
        print_message("%-28s %6zu checks, %zu failed\n", name, t.checks, t.failures);
    } else if (err.class == ERR_UNSUPPORTED) {
        print_message("%-28s skipped: %s\n", name, err.msg);
    } else {
        print_error("%s\n", err.msg);
        t.failures++;
    }
    *failures += t.failures;
    tokenizer_close(k);
    free(folder);
    free(rows);
    return k != NULL;
}

static void fixtures_give_the_ids_spans_and_texts_of_the_reference(void **state) {
    (void)state;
    char *root = shared_path("fixtures/tokenizers");
    if (!root) {
        skip();
    }
    struct dirent **names;
    int n = scandir(root, &names, NULL, alphasort);
    size_t checked = 0, failures = 0;
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.' && names[i]->d_type == DT_DIR) {
            checked += check_fixture(root, names[i]->d_name, &failures);
        }
        free(names[i]);
    }
    free(names);
    free(root);
    assert_true(checked >= 2);
    assert_int_equal(failures, 0);
}

static bool is_tokenizer(const char *file) {
    return strncmp(file, "tokenizers/", 11) == 0;
}

/* The real SmolLM2 from its GGUF, where somebody has put it. */
static void check_ids_row(struct tally *t, const struct tokenizer *k, size_t r, const json_t *row) {
    struct token_list list = { 0 };
    struct err err = ERR_INIT;
    const json_t *text = json_object_get(row, "text"), *ids = json_object_get(row, "ids");
    ids = ids ? ids : json_object_get(row, "input_ids");
    assert_true(
        tokenizer_encode(k, json_string_value(text), json_string_length(text), NULL, &list, &err));
    if (json_array_size(ids) == 256 &&
        list.n > 256) { /* cut to the model's length, as its embeddings were */
        list.ids[255] = list.ids[list.n - 1];
        list.n = 256;
    }
    check_ids(t, r, "ids", &list, ids, false);
    token_list_release(&list);
}

static void check_golden(const char *model_name, const char *rows_name) {
    const char *models = getenv("ASSAY_MODELS");
    char *rows = shared_path(rows_name);
    if (!models || !rows) {
        print_message("skipped: ASSAY_MODELS isn't set or the golden files aren't there\n");
        free(rows);
        skip();
    }
    char *path = path_join(models, model_name);
    struct err err = ERR_INIT;
    struct tokenizer *k = tokenizer_open(path, &err);
    if (!k) {
        fail_msg("%s", err.msg);
    }
    struct tally t = { .name = model_name };
    each_row(rows, &t, k, check_ids_row);
    print_message("%s: %zu checks, %zu failed\n", model_name, t.checks, t.failures);
    assert_true(t.checks > 100);
    assert_int_equal(t.failures, 0);
    tokenizer_close(k);
    free(path);
    free(rows);
}

static void smollm2_from_its_gguf_splits_digits(void **state) {
    (void)state;
    check_golden("SmolLM2-135M-Instruct.Q4_1.gguf", "golden/choice/tokenizer.jsonl");
}

static void minilm_from_its_folder_gives_the_golden_ids(void **state) {
    (void)state;
    check_golden("all-MiniLM-L6-v2", "golden/embedding/texts.jsonl.gz");
}

/* What the manifest wants refused may be refused when opened or when first used. */
static bool refused(const char *path, const json_t *item, char *msg, size_t n_msg) {
    static const char *const REFUSE[] = { "zzz", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab" };
    static const char *const ACCEPT[] = { "a", "\xc3\xa9" };
    bool accept = strcmp(json_get_string(item, "expect", ""), "accept") == 0;
    struct err err = ERR_INIT;
    struct tokenizer *k = tokenizer_open(path, &err);
    bool ok = k != NULL;
    for (size_t i = 0; ok && i < 2; i++) {
        const char *text = accept ? ACCEPT[i] : REFUSE[i];
        struct token_list list = { 0 };
        ok = tokenizer_encode(k, text, strlen(text), NULL, &list, &err);
        token_list_release(&list);
    }
    snprintf(msg, n_msg, "%s", err.msg);
    if (!k) {
        assert_non_null(strstr(err.msg, path_base(path)));
    }
    tokenizer_close(k);
    return !ok;
}

static void malformed_files_are_refused_by_name(void **state) {
    char *manifest_path = shared_path("fixtures/malformed/manifest.json");
    if (!manifest_path) {
        skip();
    }
    struct err err = ERR_INIT;
    json_t *manifest = json_parse_file(manifest_path, (size_t)8 << 20, &err);
    assert_non_null(manifest);
    const json_t *items = json_object_get(manifest, "items");
    size_t tried = 0;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        const char *file = json_get_string(item, "file", ""),
                   *expect = json_get_string(item, "expect", "");
        if (!is_tokenizer(file)) {
            continue;
        }
        char *below = path_join("fixtures/malformed", file), *path = shared_path(below), msg[600];
        size_t n = strlen(path);
        if (strcmp(path + n - 3, ".gz") == 0) {
            struct strbuf plain = { 0 };
            read_text(path, &plain);
            free(path);
            path = file_put(*state, "damaged.json", strbuf_str(&plain), plain.len);
            strbuf_release(&plain);
        }
        bool no = refused(path, item, msg, sizeof msg);
        print_message("%-45s %s %s\n", file, no ? "refused:" : "accepted", msg);
        tried++;
        bool either = strcmp(expect, "either") == 0 ||
                      strstr(json_get_string(item, "hint", ""), "bounded time");
        assert_true(either || no == (strcmp(expect, "refuse") == 0));
        free(below);
        free(path);
    }
    assert_true(tried > 20);
    json_decref(manifest);
    free(manifest_path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_give_the_ids_spans_and_texts_of_the_reference),
        cmocka_unit_test(smollm2_from_its_gguf_splits_digits),
        cmocka_unit_test(minilm_from_its_folder_gives_the_golden_ids),
        WITH_SCRATCH(malformed_files_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

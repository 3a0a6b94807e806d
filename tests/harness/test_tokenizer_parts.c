/* Parts of tokenizer.json that few files use, each on a few characters; what must come out was seen
 * in the reference (tests/fixtures/tokenizers/compare.py finds such cases). */
#include "weight_files.h"

#include <string.h>

#include "base/mem.h"
#include "harness/harness.h"
#include "harness/tokenizer/tokenizer.h"

/* a tokenizer.json whose characters are their own tokens, with more members */
static struct tokenizer *open_chars(const char *more) {
    static const char CHARS[] = "abcdeABC0123456789 .!-_";
    struct strbuf doc = { 0 };
    struct err err = ERR_INIT;
    strbuf_adds(&doc, "{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{\"?\":0");
    for (int i = 0; CHARS[i]; i++) {
        strbuf_addf(&doc, ",\"%c\":%d", CHARS[i], i + 1);
    }
    strbuf_addf(&doc, ",\"ab\":40,\"123\":41,\"4567\":42,\"1234567\":43}}%s}", more);
    struct tokenizer *t = tokenizer_from_json(strbuf_str(&doc), doc.len, "chars.json", &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    strbuf_release(&doc);
    return t;
}

/* The text's tokens, each as the bytes it covers, with | between them. */
static void check_pieces(const char *more, const char *text, const char *want) {
    struct tokenizer *t = open_chars(more);
    struct token_list list = { .want_spans = true };
    struct strbuf got = { 0 };
    struct err err = ERR_INIT;
    assert_true(tokenizer_encode(t, text, strlen(text), NULL, &list, &err));
    for (size_t i = 0; i < list.n; i++) {
        strbuf_adds(&got, i ? "|" : "");
        strbuf_add(&got, text + list.spans[i].from, list.spans[i].to - list.spans[i].from);
    }
    assert_string_equal(strbuf_str(&got), want);
    strbuf_release(&got);
    token_list_release(&list);
    tokenizer_close(t);
}

static void check_ids(const char *more, const char *text, const char *want) {
    struct tokenizer *t = open_chars(more);
    struct token_list list = { 0 };
    struct strbuf got = { 0 };
    struct err err = ERR_INIT;
    assert_true(tokenizer_encode(t, text, strlen(text), NULL, &list, &err));
    for (size_t i = 0; i < list.n; i++) {
        strbuf_addf(&got, "%s%d", i ? " " : "", (int)list.ids[i]);
    }
    assert_string_equal(strbuf_str(&got), want);
    strbuf_release(&got);
    token_list_release(&list);
    tokenizer_close(t);
}

#define SPLIT(regex)                                                                               \
    ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex                       \
    "\"},\"behavior\":\"Isolated\"}"

static void classes_are_sets(void **state) {
    (void)state;
    check_pieces(SPLIT("[a-e&&[^c]]+"), "abcab", "ab|c|ab");
    check_pieces(SPLIT("[a[^a-e]]+"), "ba!bb", "b|a!|bb");
    check_pieces(SPLIT("[^a-e&&[b-d]]+"), "abcde!", "a|bcd|e!");
    check_pieces(SPLIT("[a-e&&b-d&&c]"), "abcd", "ab|c|d");
    check_pieces(SPLIT("[^[^ab]]+"), "ab!a", "ab|!|a");
    check_pieces(SPLIT("[^\\\\D]+"), "a12b", "a|12|b");
    check_pieces(SPLIT("[\\\\W]+"), "a. b", "a|. |b");
    check_pieces(SPLIT("[]a]+"), "b]ab", "b|]a|b");
    check_pieces(SPLIT("[[:punct:]]"), "a$b", "a|$|b");
    check_pieces(SPLIT("[[:^alpha:]]+"), "a12b", "a|12|b");
}

static void names_of_properties_are_oniguruma_s(void **state) {
    (void)state;
    check_pieces(SPLIT("\\\\p{Letter}+"), "1ab2", "1|ab|2");
    check_pieces(SPLIT("\\\\p{^Upper}+"), "ABab", "AB|ab");
    check_pieces(SPLIT("\\\\P{Decimal_Number}+"), "1ab2", "1|ab|2");
    check_pieces(SPLIT("\\\\p{Punct}"), "a$b.", "a$b|.");
    check_pieces(SPLIT("\\\\H"), "a!b", "a|!|b");
    check_pieces(SPLIT("\\\\u0062|[\\\\u0064-\\\\u0065]"), "abcd", "a|b|c|d");
    /* not also what is used with the script: an ideographic full stop is common to several */
    check_ids(",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\p{Han}\"},"
              "\"content\":\"b\"},\"pre_tokenizer\":{\"type\":\"FixedLength\",\"length\":1}",
        "\xe9\x87\x91\xe3\x80\x82", "2 0");
}

static void counts_after_counts_repeat(void **state) {
    (void)state;
    check_pieces(SPLIT("[0-9]{1,3}"), "1234567", "123|456|7");
    check_pieces(SPLIT("[0-9]{1,3}+"), "1234567", "1234567");
    check_pieces(SPLIT("(?:[0-9]a?){2}+"), "12345", "1234|5");
    check_pieces(SPLIT("a{,2}b"), "aaab", "a|aab");
    check_pieces(SPLIT("a{b"), "aa{b", "a|a{b");
}

static void words_end_where_oniguruma_says(void **state) {
    (void)state;
    check_pieces(SPLIT("\\\\b"), "ab cd", "ab| |cd");
    check_pieces(SPLIT("a\\\\B"), "a ab", "a |a|b");
    check_pieces(SPLIT("(?m:a.b)"), "ca\nb", "c|a\nb");
}

static void letters_that_escape_nothing_are_letters(void **state) {
    (void)state;
    check_pieces(SPLIT("\\\\pL|\\\\E"), "apLbE", "a|pL|b|E");
    check_pieces(SPLIT("[\\\\X\\\\q]"), "aXbqc", "a|X|b|q|c");
    check_pieces(SPLIT("\\\\v"), "a\nb\vc", "a\nb|\v|c");
    check_pieces(SPLIT("\\\\C-J"), "a\nb", "a|\n|b");
}

static void clusters_hold_one_pictograph(void **state) {
    (void)state;
    check_ids(SPLIT("\\\\X"),
        "a\xf0\x9f\x99\x82\xf0\x9f\x99\x82"
        " b",
        "1 0 0 19 2");
}

/* BLOOM's class of what no word has: a '|' among its members made alternatives of it, each of whose
 * repetitions took stack. */
static void a_class_repeats_without_end(void **state) {
    (void)state;
    enum { N = 3000000 };
    struct tokenizer *t = open_chars(SPLIT(" ?[^(\\\\s|[.,!?])]+"));
    struct token_list list = { 0 };
    struct err err = ERR_INIT;
    char *text = xmalloc(N);
    memset(text, 'a', N);
    assert_true(tokenizer_encode(t, text, N, NULL, &list, &err));
    assert_int_equal(list.n, 1);
    free(text);
    token_list_release(&list);
    tokenizer_close(t);
}

static void nothing_before_a_match_is_joined(void **state) {
    (void)state;
    check_pieces(",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?=b)\"},"
                 "\"behavior\":\"MergedWithPrevious\",\"invert\":true}",
        "abab", "a|ba|b");
}

static void classes_without_an_end_are_refused(void **state) {
    (void)state;
    static const char *const PATTERNS[] = { "[a", "[a[b]", "[a&&", "[[:alpha:]" };
    for (size_t i = 0; i < sizeof PATTERNS / sizeof *PATTERNS; i++) {
        struct strbuf doc = { 0 };
        struct err err = ERR_INIT;
        strbuf_addf(&doc,
            "{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{\"?\":0}},"
            "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s\"},"
            "\"behavior\":\"Removed\"}}",
            PATTERNS[i]);
        assert_null(tokenizer_from_json(strbuf_str(&doc), doc.len, "open.json", &err));
        assert_error(&err, ERR_INPUT, "without an end", NULL);
        strbuf_release(&doc);
    }
}

#define CHARS ",\"pre_tokenizer\":{\"type\":\"FixedLength\",\"length\":1}"
#define AROUND                                                                                     \
    ",\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"-\",22],\"cls\":[\"!\",21]}"
#define TRUNCATION(direction, length)                                                              \
    ",\"truncation\":{\"direction\":\"" direction "\",\"max_length\":" length                      \
    ",\"strategy\":\"LongestFirst\",\"stride\":0}"

static void a_bare_file_truncates_its_texts(void **state) {
    (void)state;
    check_ids(CHARS AROUND TRUNCATION("Right", "4"), "abcde", "21 1 2 22");
    check_ids(CHARS AROUND TRUNCATION("Left", "4"), "abcde", "21 4 5 22");
    check_pieces(CHARS TRUNCATION("Left", "2"), "abcde", "d|e");
    check_ids(CHARS TRUNCATION("Right", "9"), "abcde", "1 2 3 4 5");
    check_ids(CHARS TRUNCATION("Right", "0"), "abcde", "");
}

static void a_bare_file_pads_its_texts(void **state) {
    (void)state;
    check_ids(CHARS ",\"padding\":{\"strategy\":{\"Fixed\":4},\"direction\":\"Right\",\"pad_id\":7,"
                    "\"pad_type_id\":0,\"pad_token\":\"B\"}",
        "ab", "1 2 7 7");
    check_ids(CHARS AROUND ",\"padding\":{\"strategy\":\"BatchLongest\",\"direction\":\"Left\","
                           "\"pad_to_multiple_of\":3,"
                           "\"pad_id\":7,\"pad_type_id\":0,\"pad_token\":\"B\"}",
        "ab", "7 7 21 1 2 22");
    check_ids(CHARS ",\"padding\":{\"strategy\":{\"Fixed\":2},\"direction\":\"Left\",\"pad_id\":7,"
                    "\"pad_type_id\":0,\"pad_token\":\"B\"}",
        "abc", "1 2 3");
}

#define BERT "{\"type\":\"BertProcessing\",\"sep\":[\"-\",22],\"cls\":[\"!\",21]}"

/* The second processor sees three parts and ends each, but says that it adds two tokens. */
static void truncation_leaves_room_for_what_processors_say(void **state) {
    (void)state;
    check_ids(CHARS
        ",\"post_processor\":{\"type\":\"Sequence\",\"processors\":["
        "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"!\","
        "\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],"
        "\"special_tokens\":{\"!\":{\"id\":\"!\",\"ids\":[21],\"tokens\":[\"!\"]}}}," BERT
        "]}" TRUNCATION("Right", "5"),
        "abcde", "21 21 22 1 2 22");
}

static void truncation_that_leaves_no_room_is_an_error(void **state) {
    (void)state;
    struct token_list list = { 0 };
    struct err err = ERR_INIT;
    struct tokenizer *t = open_chars(CHARS AROUND TRUNCATION("Right", "1"));
    assert_false(tokenizer_encode(t, "abc", 3, NULL, &list, &err));
    assert_error(&err, ERR_INPUT, "no room", NULL);
    assert_int_equal(list.n, 0);
    token_list_release(&list);
    tokenizer_close(t);
}

static void what_replaces_nothing_covers_nothing(void **state) {
    (void)state;
    check_pieces(",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"^\"},\"content\":"
                 "\"a\"}" CHARS,
        "bc", "|b|c");
}

static void check_text(const char *decoder, const int32_t *ids, size_t n, const char *want) {
    struct tokenizer *t = open_chars(decoder);
    struct strbuf text = { 0 };
    struct err err = ERR_INIT;
    assert_true(tokenizer_decode(t, ids, n, false, &text, &err));
    assert_string_equal(strbuf_str(&text), want);
    strbuf_release(&text);
    tokenizer_close(t);
}

static void ctc_leaves_no_trace_of_padding(void **state) {
    (void)state;
    check_text(",\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"CTC\",\"pad_token\":"
               "\"-\",\"word_delimiter_token\":\"_\",\"cleanup\":true},{\"type\":\"WordPiece\","
               "\"prefix\":\"##\",\"cleanup\":false}]}",
        (const int32_t[]) { 22, 1, 1, 2 }, 4, "a b");
}

static void an_empty_suffix_is_found_between_all_characters(void **state) {
    (void)state;
    check_text(",\"decoder\":{\"type\":\"BPEDecoder\",\"suffix\":\"\"}",
        (const int32_t[]) { 40, 1 }, 2, " a b a");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_sets),
        cmocka_unit_test(names_of_properties_are_oniguruma_s),
        cmocka_unit_test(counts_after_counts_repeat),
        cmocka_unit_test(words_end_where_oniguruma_says),
        cmocka_unit_test(letters_that_escape_nothing_are_letters),
        cmocka_unit_test(clusters_hold_one_pictograph),
        cmocka_unit_test(a_class_repeats_without_end),
        cmocka_unit_test(nothing_before_a_match_is_joined),
        cmocka_unit_test(truncation_leaves_room_for_what_processors_say),
        cmocka_unit_test(classes_without_an_end_are_refused),
        cmocka_unit_test(a_bare_file_truncates_its_texts),
        cmocka_unit_test(a_bare_file_pads_its_texts),
        cmocka_unit_test(truncation_that_leaves_no_room_is_an_error),
        cmocka_unit_test(what_replaces_nothing_covers_nothing),
        cmocka_unit_test(ctc_leaves_no_trace_of_padding),
        cmocka_unit_test(an_empty_suffix_is_found_between_all_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

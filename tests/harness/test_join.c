/* Two texts as one list of ids: what a post-processor says of pairs, what goes where it says
 * nothing, and which text is cut. */
#include "weight_files.h"

#include <string.h>

#include "harness/tokenizer/join.h"
#include "harness/tokenizer/tokenizer.h"

static const char vocabulary[] =
    "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"?\", \"continuing_subword_prefix\": "
    "\"##\", "
    "\"max_input_chars_per_word\": 100, \"vocab\": {\"?\": 0, \"[C]\": 1, \"[S]\": 2, \"a\": 3, "
    "\"b\": 4, \"c\": 5, \"d\": 6}}, \"pre_tokenizer\": {\"type\": \"Whitespace\"}, "
    "\"normalizer\": null, \"decoder\": null, \"added_tokens\": []";

static struct tokenizer *tokenizer_with(const char *post) {
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    strbuf_addf(&text, "{\"version\": \"1.0\", %s, \"post_processor\": %s}", vocabulary, post);
    struct tokenizer *t = tokenizer_from_json(text.text, text.len, "test", &err);
    if (!t)
        fail_msg("%s", err.msg);
    strbuf_release(&text);
    return t;
}

static void joined_cut(bool left, const char *post, const char *first, const char *second,
    uint32_t limit, const char *ids_wanted, const char *types_wanted) {
    struct err err = ERR_INIT;
    struct tokenizer *t = tokenizer_with(post);
    t->info.cuts_left = left;
    struct token_list ids = { 0 }, types = { 0 };
    struct strbuf got = { 0 };
    bool cut;
    const struct join_text texts[2] = { { first, strlen(first) }, { second, strlen(second) } };
    if (!tokenizer_join(t, texts, limit, &ids, &types, &cut, &err))
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < ids.n; i++)
        strbuf_addf(&got, "%d", ids.ids[i]);
    assert_string_equal(strbuf_str(&got), ids_wanted);
    strbuf_reset(&got);
    for (size_t i = 0; i < types.n; i++)
        strbuf_addf(&got, "%d", types.ids[i]);
    assert_string_equal(strbuf_str(&got), types_wanted);
    strbuf_release(&got);
    token_list_release(&ids);
    token_list_release(&types);
    tokenizer_close(t);
}

static void joined(const char *post, const char *first, const char *second, uint32_t limit,
    const char *ids_wanted, const char *types_wanted) {
    joined_cut(false, post, first, second, limit, ids_wanted, types_wanted);
}

static const char bert[] =
    "{\"type\": \"BertProcessing\", \"sep\": [\"[S]\", 2], \"cls\": [\"[C]\", 1]}";
static const char roberta[] =
    "{\"type\": \"RobertaProcessing\", \"sep\": [\"[S]\", 2], \"cls\": [\"[C]\", 1], "
    "\"trim_offsets\": true, \"add_prefix_space\": false}";
static const char pattern[] =
    "{\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\": \"A\", \"type_id\": "
    "0}}], "
    "\"pair\": [{\"Sequence\": {\"id\": \"B\", \"type_id\": 0}}, {\"SpecialToken\": {\"id\": "
    "\"[S]\", "
    "\"type_id\": 1}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 1}}], \"special_tokens\": "
    "{\"[S]\": {\"id\": \"[S]\", \"ids\": [2], \"tokens\": [\"[S]\"]}}}";

static void a_pair_is_put_together_as_its_processor_says(void **state) {
    (void)state;
    joined(bert, "a b", "c", 99, "134252", "000011");
    joined(roberta, "a b", "c", 99, "1342252", "0000000");
    joined(pattern, "a b", "c", 99, "5234", "0111");
}

static void without_a_word_each_text_is_surrounded(void **state) {
    (void)state;
    joined("null", "a b", "c", 99, "345", "001");
}

/* room for 4 of the texts' tokens, of 3, of 2 */
static void the_longer_text_loses_its_end(void **state) {
    (void)state;
    joined(bert, "a b c d", "c", 7, "1345252", "0000011");
    joined(bert, "c", "a b c d", 7, "1523452", "0001111");
    joined(bert, "a b c d", "d c b a", 7, "1342652", "0000111");
    joined(bert, "a b c d", "d c b a", 6, "132652", "000111");
}

static void a_tokenizer_that_cuts_on_the_left_keeps_the_ends(void **state) {
    (void)state;
    joined_cut(true, bert, "a b c d", "c", 7, "1456252", "0000011");
    joined_cut(true, bert, "a b c d", "d c b a", 6, "162432", "000111");
    joined_cut(true, bert, "a", "c", 7, "13252", "00011");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_is_put_together_as_its_processor_says),
        cmocka_unit_test(without_a_word_each_text_is_surrounded),
        cmocka_unit_test(the_longer_text_loses_its_end),
        cmocka_unit_test(a_tokenizer_that_cuts_on_the_left_keeps_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

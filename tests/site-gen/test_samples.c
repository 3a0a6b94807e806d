#include "tests/site-gen/fixture.h"

#include <string.h>

#include "base/json.h"
#include "site-gen/samples.h"

/* The view of one line as a run of this kind would have it. */
static json_t *view_of(
    const char *kind, const char *main, bool graded, const char *line, enum verdict *verdict) {
    struct sample_form form = { .kind = kind, .main = main, .graded = graded, .published = true };
    struct err err = ERR_INIT;
    json_t *sample = json_parse(line, strlen(line), "sample", &err);
    if (!sample)
        fail_msg("%s", err.msg);
    json_t *view = sample_view(&form, sample, 7, verdict);
    json_decref(sample);
    return view;
}

static const char *text_at(const json_t *view, size_t i, const char *key) {
    return json_get_string(json_array_get(json_object_get(view, "texts"), i), key, "");
}

static const json_t *option_at(const json_t *view, size_t i) {
    return json_array_get(json_object_get(view, "options"), i);
}

static const char *fact(const json_t *view, const char *name) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(view, "facts"), i, one) {
        if (!strcmp(json_get_string(one, "name", ""), name))
            return json_get_string(one, "value", "");
    }
    return "absent";
}

static bool has_flag(const json_t *view, const char *flag) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(view, "flags"), i, one) {
        if (!strcmp(json_string_value(one), flag))
            return true;
    }
    return false;
}

/* Choices are compared by what the main metric compares them by. */
static void bars_are_of_what_decides(void **state) {
    static const char LINE[] = "{\"doc_id\":3,\"contexts\":[\"Q\"],\"choices\":[{\"text\":\"ab\"},{"
                               "\"text\":\"abcdefgh\"}],"
                               "\"gold\":1,\"prediction\":1,\"correct\":true,\"loglikelihoods\":[-"
                               "2.0,-4.0],\"greedy\":[true,"
                               "false],\"metrics\":{\"acc\":0,\"acc_norm\":1}}";
    enum verdict verdict;
    (void)state;
    json_t *view = view_of("choice", "acc_norm", true, LINE, &verdict);
    assert_int_equal(verdict, VERDICT_RIGHT);
    assert_int_equal(json_get_int(view, "id", -1), 3);
    assert_string_equal(text_at(view, 0, "what"), "Prompt");
    assert_true(json_get_number(option_at(view, 0), "value", 0) == -1);
    assert_true(json_get_number(option_at(view, 1), "value", 0) == -0.5);
    assert_true(json_get_number(option_at(view, 1), "bar", 0) == 1);
    assert_true(json_get_bool(option_at(view, 1), "gold", false));
    assert_null(json_object_get(option_at(view, 0), "share"));
    json_decref(view);
    view = view_of("choice", "acc", true, LINE, &verdict);
    assert_int_equal(verdict, VERDICT_WRONG); /* by acc the shorter one is chosen */
    assert_true(json_get_number(option_at(view, 0), "bar", 0) == 1);
    double share = json_get_number(option_at(view, 0), "share", 0);
    assert_true(share > 0.8807 && share < 0.8808); /* 1 / (1 + exp(-2)) */
    json_decref(view);
}

static void what_ties_is_flagged(void **state) {
    enum verdict verdict;
    (void)state;
    json_t *view = view_of("choice", "acc", true,
        "{\"choices\":[{\"text\":\"a\"},{\"text\":\"b\"}],\"gold\":[0,1],\"loglikelihoods\":[-1.0,-"
        "1.0]}",
        &verdict);
    assert_true(has_flag(view, "tie"));
    assert_true(json_get_bool(option_at(view, 0), "gold", false));
    assert_true(json_get_bool(option_at(view, 1), "gold", false));
    assert_int_equal(verdict, VERDICT_NONE);
    json_decref(view);
}

static void written_texts_are_shown_with_what_was_taken_from_them(void **state) {
    enum verdict verdict;
    (void)state;
    json_t *view = view_of("generate", "f1", true,
        "{\"contexts\":[\"2+2?\"],\"gold\":[\"4\",[\"four\",\"4\"]],\"generations\":[{\"text\":"
        "\"It is 5\","
        "\"finish\":\"length\"}],\"filtered\":{\"strict-match\":\"5\"},\"unparsed\":true,"
        "\"correct\":false,"
        "\"metrics\":{\"f1\":0.5}}",
        &verdict);
    assert_int_equal(verdict, VERDICT_PART);
    assert_string_equal(text_at(view, 1, "text"), "It is 5");
    assert_string_equal(text_at(view, 2, "what"), "Right");
    assert_string_equal(text_at(view, 3, "text"), "[\"four\",\"4\"]");
    assert_string_equal(fact(view, "taken by strict-match"), "5");
    assert_true(has_flag(view, "cut off at the limit"));
    assert_true(has_flag(view, "no answer found in it"));
    json_decref(view);
}

static void labels_are_counted_over_experiments(void **state) {
    enum verdict verdict;
    (void)state;
    json_t *view = view_of("classification", "accuracy", true,
        "{\"text\":\"t\",\"gold\":\"joy\",\"predictions\":[\"joy\",\"fear\",\"joy\",\"joy\"],"
        "\"metrics\":{\"accuracy\":0.75}}",
        &verdict);
    assert_int_equal(verdict, VERDICT_PART);
    assert_int_equal(json_get_int(option_at(view, 0), "value", 0), 3);
    assert_true(json_get_bool(option_at(view, 0), "gold", false));
    assert_true(json_get_number(option_at(view, 1), "bar", 0) == 0.25);
    json_decref(view);
    view = view_of("multilabel", "accuracy", true,
        "{\"text\":\"t\",\"gold\":[1,2],\"predictions\":[[1],[1]],\"metrics\":{\"accuracy\":0}}",
        &verdict);
    assert_int_equal(verdict, VERDICT_WRONG);
    assert_int_equal(json_array_size(json_object_get(view, "options")), 2); /* the right one too */
    json_decref(view);
}

static void other_kinds_have_their_texts_and_numbers(void **state) {
    enum verdict verdict;
    (void)state;
    json_t *view = view_of("rolling", "word_perplexity", false,
        "{\"contexts\":[],\"target\":\"a text\",\"loglikelihoods\":[-12.5],\"greedy\":[false],"
        "\"correct\":false,\"metrics\":{\"words\":2,\"bytes\":6}}",
        &verdict);
    assert_int_equal(verdict, VERDICT_NONE);
    assert_string_equal(text_at(view, 0, "text"), "a text");
    assert_string_equal(fact(view, "log-likelihood"), "-12.5");
    json_decref(view);
    view = view_of("clustering", "v_measure", false,
        "{\"text\":\"t\",\"labels\":[\"a\"],\"assigned\":[[3,1]],\"times\":[[1,1]]}", &verdict);
    assert_int_equal(verdict, VERDICT_NONE);
    assert_string_equal(fact(view, "cluster it was put into"), "[[3,1]]");
    json_decref(view);
    view = view_of("bitext", "f1", false,
        "{\"texts\":[\"a\",\"b\"],\"place\":0,\"prediction\":2,\"found\":\"c\",\"score\":0.5,"
        "\"correct\":false,\"metrics\":{\"cosine\":0.4}}",
        &verdict);
    assert_int_equal(verdict, VERDICT_WRONG);
    assert_string_equal(text_at(view, 2, "text"), "c");
    json_decref(view);
    view = view_of("summary", "cosine_spearman", false,
        "{\"human\":[\"h\"],\"machine\":[\"m\",\"n\"],\"gold\":[3,4.5],\"cosine\":[0.2,0.9],"
        "\"dot\":[1,2],"
        "\"metrics\":{}}",
        &verdict);
    assert_true(json_get_number(option_at(view, 1), "bar", 0) == 1);
    assert_string_equal(json_get_string(option_at(view, 1), "note", ""), "mark 4.5");
    json_decref(view);
}

/* Whatever it holds, it is a view; what nobody knows is shown by its name. */
static void anything_can_be_shown(void **state) {
    static const char *const LINES[] = { "{}", "{\"choices\":[]}",
        "{\"choices\":[1,[],{},null],\"gold\":{}}",
        "{\"ranking\":[1,{}],\"hits\":[[],[\"x\"],3],\"ideal\":7}", "{\"texts\":[]}",
        "{\"predictions\":[],\"gold\":[]}", "{\"machine\":[],\"gold\":1}",
        "{\"generations\":[1,{}],\"gold\":2}", "{\"assigned\":0}", "{\"metrics\":[1]}",
        "{\"correct\":1,\"metrics\":{\"acc\":\"1\"}}",
        "{\"choices\":[\"a\",\"\"],\"loglikelihoods\":[-1e308,null]}" };
    enum verdict verdict;
    (void)state;
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
        json_t *view =
            view_of("choice", i % 2 ? "acc_norm" : "acc_bytes", true, LINES[i], &verdict);
        assert_true(json_is_array(json_object_get(view, "texts")));
        char *text = json_dumps(view, 0); /* no number that JSON has no word for */
        assert_non_null(text);
        free(text);
        json_decref(view);
    }
    json_t *view = view_of("choice", "acc", true, "{\"odd\":{\"a\":[1]}}", &verdict);
    assert_string_equal(fact(view, "odd"), "{\"a\":[1]}");
    json_decref(view);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_are_of_what_decides),
        cmocka_unit_test(what_ties_is_flagged),
        cmocka_unit_test(written_texts_are_shown_with_what_was_taken_from_them),
        cmocka_unit_test(labels_are_counted_over_experiments),
        cmocka_unit_test(other_kinds_have_their_texts_and_numbers),
        cmocka_unit_test(anything_can_be_shown),
    };
    return cmocka_run_group_tests_name("site-gen.samples", tests, NULL, NULL);
}

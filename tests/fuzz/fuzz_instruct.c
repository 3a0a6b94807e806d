/* Answers that are checked against instructions, and answers in LaTeX. What sentences and languages
 * are told by is made up: a few words, two languages. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/metric/formula.h"
#include "evaluator/metric/instruct.h"
#include "evaluator/metric/latex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *name, *text;
} FILES[] = {
    { "punkt/abbrev_types.txt", "mr\ne.g\nu.s" },
    { "punkt/collocations.tab", "##number##\tof" },
    { "punkt/sent_starters.txt", "the" },
    { "punkt/ortho_context.tab", "he\t46\nthe\t112\nof\t16" },
    { "langdetect/messages.properties",
        "NGram.LATIN1_EXCLUDE=\\u00A0\nTO_NORMALIZE_VI_CHARS=Aa\nDMARK_CLASS=\\u0300\\u0301\n"
        "NORMALIZED_VI_CHARS_0300=\\u00C0\\u00E0\nNGram.KANJI_1_0=\\u4E00\\u4E8C" },
    { "langdetect/profiles/en",
        "{\"freq\":{\"a\":9,\"e\":20,\"th\":5,\"the\":4},\"n_words\":[40,20,10],\"name\":\"en\"}" },
    { "langdetect/profiles/vi",
        "{\"freq\":{\"a\":9,\"\\u4e00\":20,\"ab\":5},\"n_words\":[40,20,10],\"name\":\"vi\"}" },
};

static const char TOLD[] =
    "[{\"id\":\"keywords:existence\",\"keywords\":[\"a.b\"]},"
    "{\"id\":\"keywords:letter_frequency\",\"letter\":\"i\",\"let_frequency\":2,\"let_relation\":"
    "\"at least\"},"
    "{\"id\":\"language:response_language\",\"language\":\"en\"},"
    "{\"id\":\"length_constraints:number_sentences\",\"num_sentences\":2,\"relation\":\"less "
    "than\"},"
    "{\"id\":\"length_constraints:number_paragraphs\",\"num_paragraphs\":2},"
    "{\"id\":\"length_constraints:number_words\",\"num_words\":5,\"relation\":\"less than\"},"
    "{\"id\":\"length_constraints:nth_paragraph_first_word\",\"num_paragraphs\":2,\"nth_"
    "paragraph\":2,\"first_word\":\"a\"},"
    "{\"id\":\"detectable_content:postscript\",\"postscript_marker\":\"P.S.\"},"
    "{\"id\":\"detectable_format:number_bullet_lists\",\"num_bullets\":2},"
    "{\"id\":\"detectable_format:number_highlighted_sections\",\"num_highlights\":2},"
    "{\"id\":\"detectable_format:multiple_sections\",\"section_spliter\":\"S\",\"num_sections\":2},"
    "{\"id\":\"detectable_format:json_format\"},{\"id\":\"detectable_format:title\"},"
    "{\"id\":\"combination:two_responses\"},{\"id\":\"startend:quotation\"},"
    "{\"id\":\"combination:repeat_prompt\",\"prompt_to_repeat\":\"a\"},"
    "{\"id\":\"startend:end_checker\",\"end_phrase\":\"a\"},"
    "{\"id\":\"change_case:capital_word_frequency\",\"capital_frequency\":2,\"capital_relation\":"
    "\"at least\"}]";

static struct instructions *prepare(void) {
    char dir[] = "/tmp/assay-fuzz-XXXXXX";
    struct err err = ERR_INIT;
    if (!mkdtemp(dir)) {
        abort();
    }
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        char *path = path_join(dir, FILES[i].name), *folder = xstrdup(path);
        *strrchr(folder, '/') = '\0';
        if (!dir_make(folder, &err) ||
            !file_write_atomic(path, FILES[i].text, strlen(FILES[i].text), &err)) {
            abort();
        }
        free(folder);
        free(path);
    }
    json_t *told = json_parse(TOLD, sizeof TOLD - 1, "told", &err);
    struct instructions *all = instructions_new(instruct_tools_new(dir), told, &err);
    BUG_IF(!all || !dir_remove(dir, &err));
    json_decref(told);
    return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct instructions *all;
    struct followed f;
    if (size > 2000) {
        return 0;
    }
    all = all ? all : prepare();
    char *text = xstrndup((const char *)data, size);
    instructions_check(all, text, &f);
    for (size_t i = 0; i < instructions_count(all); i++) {
        BUG_IF(f.strict[i] && !f.loose[i]);
    }
    char *normal = latex_normal(text), *line = strchr(text, '\n');
    BUG_IF(!latex_same(text, text));
    if (line) { /* two formulas, a line each */
        *line = '\0';
        BUG_IF(formula_compare(text, line + 1) != formula_compare(line + 1, text));
    }
    free(normal);
    free(text);
    return 0;
}

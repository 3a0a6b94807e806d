/* See draft.h. Names of columns and the file's name are a stranger's: they go through lua_text().
 */
#include "evaluator/cli/draft.h"

#include <ctype.h>
#include <string.h>

/* ---- Lua ---- */

/* A string literal. */
static void lua_text(struct strbuf *out, const char *s) {
    strbuf_addc(out, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            strbuf_addf(out, "\\%c", c);
        } else if (c == '\n') {
            strbuf_adds(out, "\\n");
        } else if (c < 0x20 || c == 0x7f) {
            strbuf_addf(out, "\\%03u", c);
        } else {
            strbuf_addc(out, *s);
        }
    }
    strbuf_addc(out, '"');
}

/* A comment's worth of a stranger's text: one line. */
static void comment_text(struct strbuf *out, const char *s) {
    for (; *s; s++) {
        strbuf_addc(out, (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
    }
}

static bool is_keyword(const char *s) {
    static const char *const WORDS[] = { "and", "break", "do", "else", "elseif", "end", "false",
        "for", "function", "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return",
        "then", "true", "until", "while" };
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (!strcmp(WORDS[i], s)) {
            return true;
        }
    }
    return false;
}

/* A row's own method is called `name`: a column of that name has its value all the same. */
static bool is_identifier(const char *s) {
    if (!isalpha((unsigned char)*s) && *s != '_') {
        return false;
    }
    for (const char *c = s; *c; c++) {
        if (!isalnum((unsigned char)*c) && *c != '_') {
            return false;
        }
    }
    return !is_keyword(s);
}

/* row.question, or row["the question"] */
static void row_field(struct strbuf *out, const struct column *c) {
    if (is_identifier(c->name)) {
        strbuf_addf(out, "row.%s", c->name);
        return;
    }
    strbuf_adds(out, "row[");
    lua_text(out, c->name);
    strbuf_adds(out, "]");
}

/* As a string: a number in a JSON file is none yet, and of a list the first is taken. */
static void row_text(struct strbuf *out, const struct column *c) {
    bool text = c->text || c->list;
    strbuf_adds(out, text ? "" : "tostring(");
    row_field(out, c);
    strbuf_adds(out, c->list ? "[1]" : text ? "" : ")");
}

/* ---- what is not sure ---- */

static const char *doubt_of(const struct guess *g, const char *what) {
    for (size_t i = 0; i < g->n_notes; i++) {
        if (!strcmp(g->notes[i].what, what)) {
            return g->notes[i].doubt;
        }
    }
    return NULL;
}

static void add_doubt(
    struct strbuf *out, const struct guess *g, const char *what, const char *indent) {
    const char *doubt = doubt_of(g, what);
    if (doubt) {
        strbuf_addf(out, "%s-- CHECK: %s\n", indent, doubt);
    }
}

/* ---- parts that all have ---- */

static void add_head(
    struct strbuf *out, const struct draft *d, const struct guess *g, const char *what) {
    strbuf_addf(out, "-- %s: %s over ", d->task, what);
    comment_text(out, d->file);
    strbuf_addf(out, ",\n-- begun by 'assay task new' from %s %zu rows. It is yours to change.\n",
        d->more ? "its first" : "its", d->n_rows);
    strbuf_adds(out, "-- 'assay task lint' says what is wrong with it,\n"
                     "-- 'assay task render' what a model will be asked.\n");
    add_doubt(out, g, "kind", "");
    strbuf_addf(out, "return %s {\n  name = ", draft_kind_name(g->kind));
    lua_text(out, d->task);
    strbuf_adds(out, ", version = 1, -- another version once prompts or data change\n\n");
}

/* (row.question or "") ~= "" and ... */
static void add_complete(struct strbuf *out, const struct guess *g) {
    for (size_t i = 0; i < g->n_empty; i++) {
        strbuf_adds(out, i ? " and (" : "(");
        row_field(out, g->empty[i]);
        strbuf_adds(out, " or \"\") ~= \"\"");
    }
}

/* Rows that lack what a document needs are none. */
static void add_documents(struct strbuf *out, const struct guess *g) {
    if (g->n_empty == 0) {
        return;
    }
    strbuf_adds(out, "  -- Rows that are empty where a document needs something are left out.\n"
                     "  documents = function(rows)\n    local kept = {}\n    for row in rows do\n"
                     "      if ");
    add_complete(out, g);
    strbuf_adds(out, " then kept[#kept + 1] = row end\n    end\n    return kept\n  end,\n\n");
}

static void add_data(struct strbuf *out, const struct draft *d, const struct guess *g, bool shots) {
    if (shots) {
        strbuf_adds(out,
            "  -- What is evaluated. Examples (--shots K) come from the same rows, never the one\n"
            "  -- that is asked; shots = \"other.csv\" in the braces takes them from a file.\n");
    }
    strbuf_adds(out, "  data = file ");
    lua_text(out, d->file);
    strbuf_adds(out, " {");
    if (d->format) {
        strbuf_adds(out, " format = ");
        lua_text(out, d->format);
        strbuf_adds(out, " ");
    }
    strbuf_adds(out, "},\n\n");
    /* Two kinds make their documents of all rows anyway. */
    if (g->kind != DRAFT_RETRIEVAL && g->kind != DRAFT_CLASSIFICATION) {
        add_documents(out, g);
    }
}

static void add_tail(struct strbuf *out) {
    strbuf_adds(out,
        "  -- languages = { \"eng-Latn\" }, licence = \"...\", reference = \"https://...\",\n}\n");
}

/* ---- choice ---- */

/* "Question: " .. row.question .. "\nAnswer:" */
static void add_query(struct strbuf *out, const struct guess *g, const char *closing) {
    add_doubt(out, g, "question", "      ");
    strbuf_adds(out, "      query = ");
    if (g->context) {
        row_text(out, g->context);
        strbuf_adds(out, " .. \"\\n\" .. ");
    }
    if (g->options_form == OPTIONS_FIXED) {
        row_text(out, g->question);
    } else {
        strbuf_adds(out, "\"Question: \" .. ");
        row_text(out, g->question);
    }
    strbuf_addf(out, " .. \"\\n%s\",\n", closing);
}

static void add_column_list(struct strbuf *out, const struct guess *g) {
    for (size_t i = 0; i < g->n_options; i++) {
        strbuf_adds(out, i ? ", " : "");
        row_text(out, g->options[i]);
    }
}

static void add_name_list(struct strbuf *out, const struct guess *g) {
    for (size_t i = 0; i < g->n_options; i++) {
        strbuf_adds(out, i ? ", " : "");
        lua_text(out, g->options[i]->name);
    }
}

static void add_fixed_list(struct strbuf *out, const struct guess *g) {
    json_t *list = guess_options(g, NULL), *option;
    size_t i;
    json_array_foreach(list, i, option) {
        strbuf_adds(out, i ? ", " : "");
        lua_text(out, json_string_value(option));
    }
    json_decref(list);
}

/* Rows have an option less where a column is empty. */
static bool is_compacted(const struct guess *g) {
    return g->options_missing &&
           (g->options_form == OPTIONS_COLUMNS || g->options_form == OPTIONS_RIGHT);
}

/* local choices = ..., before the table. */
static void add_choices(struct strbuf *out, const struct guess *g) {
    add_doubt(out, g, "options", "    ");
    if (is_compacted(g)) {
        strbuf_adds(out,
            "    local choices, place = {}, {} -- those that the row has, and where each column's "
            "is among them\n    for i, column in ipairs { ");
        add_name_list(out, g);
        strbuf_adds(out, " } do\n"
                         "      if (row[column] or \"\") ~= \"\" then\n"
                         "        place[i] = #choices\n"
                         "        choices[#choices + 1] = tostring(row[column])\n"
                         "      end\n"
                         "    end\n");
        return;
    }
    strbuf_adds(out, "    local choices = ");
    switch (g->options_form) {
    case OPTIONS_LIST:
        row_field(out, g->options[0]);
        break;
    case OPTIONS_LABELLED:
        row_field(out, g->options[0]);
        strbuf_adds(out, ".text");
        break;
    case OPTIONS_JSON:
        strbuf_adds(out, "json.decode(");
        row_field(out, g->options[0]);
        strbuf_adds(out, ")");
        break;
    case OPTIONS_SPLIT:
        strbuf_adds(out, "map(split(");
        row_field(out, g->options[0]);
        strbuf_adds(out, ", ");
        lua_text(out, g->separator);
        strbuf_adds(out, "), trim)");
        break;
    case OPTIONS_FIXED:
        strbuf_adds(out, "{ ");
        add_fixed_list(out, g);
        strbuf_adds(out, " }");
        break;
    default:
        strbuf_adds(out, "{ ");
        add_column_list(out, g);
        strbuf_adds(out, " }");
    }
    strbuf_addc(out, '\n');
}

/* The number of the option's column, from 0 (from_1: from 1). */
static void add_index(struct strbuf *out, const struct guess *g, bool from_1) {
    switch (g->answer_form) {
    case ANSWER_LETTER:
        strbuf_adds(out, "letters.index(letters, ");
        row_field(out, g->answer);
        strbuf_adds(out, ":match(\"%a\"):upper())");
        break;
    case ANSWER_COLUMN:
        strbuf_adds(out, "letters.index({ ");
        add_name_list(out, g);
        strbuf_adds(out, " }, ");
        row_field(out, g->answer);
        strbuf_addc(out, ')');
        break;
    default:
        strbuf_adds(out, "math.tointeger(tonumber(");
        row_field(out, g->answer);
        strbuf_adds(out, "))");
    }
    int shift = from_1 - (g->answer_form == ANSWER_FROM_1);
    strbuf_adds(out, shift > 0 ? " + 1" : shift < 0 ? " - 1" : "");
}

/* An answer that names a column: where choices are compacted, by way of `place`. */
static void add_named_gold(struct strbuf *out, const struct guess *g, const char *comment) {
    bool by_place = is_compacted(g);
    strbuf_adds(out, by_place ? "place[" : "");
    add_index(out, g, by_place);
    strbuf_addf(out, "%s, -- %s\n", by_place ? "]" : "", comment);
}

static void add_gold(struct strbuf *out, const struct guess *g) {
    add_doubt(out, g, "answer", "      ");
    strbuf_adds(out, "      gold = ");
    switch (g->answer_form) {
    case ANSWER_TEXT:
        strbuf_adds(out, "letters.index(map(choices, trim), trim(");
        row_text(out, g->answer);
        strbuf_adds(out, ")), -- the place of that text, from 0\n");
        break;
    case ANSWER_LABEL:
        strbuf_adds(out, "letters.index(");
        row_field(out, g->options[0]);
        strbuf_adds(out, ".label, ");
        row_field(out, g->answer);
        strbuf_adds(out, "), -- the place of that label, from 0\n");
        break;
    case ANSWER_LETTER:
        add_named_gold(out, g, "A is 0, B is 1, ...");
        break;
    case ANSWER_COLUMN:
        add_named_gold(out, g, "the place of that column, from 0");
        break;
    case ANSWER_FROM_0:
        add_named_gold(out, g, "counted from 0");
        break;
    case ANSWER_FROM_1:
        add_named_gold(out, g, "the data counts from 1, a task from 0");
        break;
    case ANSWER_FIRST:
        strbuf_adds(out, "0, -- the right answer is the first of them\n");
        break;
    }
}

/* Of texts of unequal length the longer is the less likely, whatever it says. */
static void add_metrics(struct strbuf *out, const struct guess *g) {
    const char *main = g->options_unequal && g->options_form != OPTIONS_FIXED ? "acc_norm" : "acc";
    strbuf_addf(out,
        "  -- acc takes the likeliest choice, acc_norm the likeliest a character.\n"
        "  main = \"%s\", report = { \"acc\", \"acc_norm\" },\n",
        main);
    if (g->n_least == g->n_most && g->n_most > 1) {
        strbuf_addf(out, "  baseline = 1 / %zu, -- what guessing scores\n", g->n_most);
    }
}

static void write_choice(struct strbuf *out, const struct draft *d, const struct guess *g) {
    add_head(out, d, g, "multiple choice");
    add_data(out, d, g, true);
    strbuf_adds(out,
        "  -- A row of the data, as its columns, to one question: which of the choices is\n"
        "  -- likeliest after the query? A blank is put between them (delimiter = \" \").\n"
        "  doc = function(row)\n");
    add_choices(out, g);
    strbuf_adds(out, "    return {\n");
    add_query(out, g, g->options_form == OPTIONS_FIXED ? "Label:" : "Answer:");
    strbuf_adds(out, "      choices = choices,\n");
    add_gold(out, g);
    strbuf_adds(out, "    }\n  end,\n\n");
    add_metrics(out, g);
    add_tail(out);
}

/* ---- the other kinds ---- */

static void write_loglikelihood(struct strbuf *out, const struct draft *d, const struct guess *g) {
    add_head(out, d, g, "the likelihood of answers");
    add_data(out, d, g, true);
    strbuf_adds(out,
        "  -- A row of the data, as its columns, to a context and the target whose likelihood\n"
        "  -- after it is scored, as it stands: the blank between them is the target's.\n"
        "  doc = function(row)\n");
    add_doubt(out, g, "question", "    ");
    strbuf_adds(out, "    return {\n      context = ");
    if (g->context) {
        row_text(out, g->context);
        strbuf_adds(out, " .. \"\\n\" .. ");
    }
    strbuf_adds(out, "\"Question: \" .. ");
    row_text(out, g->question);
    strbuf_adds(out, " .. \"\\nAnswer:\",\n      target = \" \" .. ");
    row_text(out, g->answer);
    strbuf_adds(out, ",\n    }\n  end,\n\n"
                     "  -- acc: how often the target is what the model would say by itself.\n"
                     "  main = \"acc\", report = { \"acc\", \"perplexity\" },\n");
    add_tail(out);
}

static void write_rolling(struct strbuf *out, const struct draft *d, const struct guess *g) {
    add_head(out, d, g, "the likelihood of texts");
    add_data(out, d, g, false);
    strbuf_adds(
        out, "  -- A row of the data, as its columns, to a text, all of which is scored.\n");
    add_doubt(out, g, "text", "  ");
    strbuf_adds(out, "  doc = function(row) return { text = ");
    row_text(out, g->first);
    strbuf_adds(out,
        " } end,\n\n"
        "  main = \"word_perplexity\", higher_is_better = false,\n"
        "  report = { \"word_perplexity\", \"byte_perplexity\", \"bits_per_byte\" },\n");
    add_tail(out);
}

static void write_sts(struct strbuf *out, const struct draft *d, const struct guess *g) {
    add_head(out, d, g, "similarity of texts");
    add_data(out, d, g, false);
    strbuf_adds(out, "  -- A row of the data, as its columns, to two texts and how similar people "
                     "found them.\n");
    strbuf_adds(out, "  pair = function(row) return ");
    row_text(out, g->first);
    strbuf_adds(out, ", ");
    row_text(out, g->second);
    strbuf_adds(out, ", ");
    row_field(out, g->score);
    strbuf_adds(out, " end,\n");
    add_doubt(out, g, "score", "  ");
    strbuf_addf(out,
        "  range = { %g, %g }, -- of the scores\n\n"
        "  main = \"cosine_spearman\", report = { \"cosine_spearman\", \"cosine_pearson\" },\n"
        "  baseline = 0,\n",
        g->low, g->high);
    add_tail(out);
}

/* The texts of a row's passages as a list; none of a row that is not complete. */
static void add_passages(struct strbuf *out, const struct guess *g) {
    if (g->n_empty) {
        add_complete(out, g);
        strbuf_adds(out, " and ");
    }
    if (g->passage->list) {
        row_field(out, g->passage);
    } else {
        strbuf_adds(out, "{ ");
        row_text(out, g->passage);
        strbuf_adds(out, " }");
    }
    strbuf_adds(out, g->n_empty ? " or {}" : "");
}

static void add_pair(struct strbuf *out, const struct guess *g) {
    strbuf_adds(out, "  pair = function(row) return ");
    row_text(out, g->first);
    strbuf_adds(out, ", ");
    row_text(out, g->second);
    if (g->score) {
        strbuf_adds(out, ", ");
        row_field(out, g->score);
    }
    strbuf_adds(out, " end,\n");
}

static void write_pair(struct strbuf *out, const struct draft *d, const struct guess *g) {
    add_head(out, d, g, "pairs that belong together");
    add_data(out, d, g, false);
    strbuf_adds(out, "  -- A row of the data, as its columns, to two texts and 1 where they belong "
                     "together, else 0.\n");
    add_pair(out, g);
    add_doubt(out, g, "label", "  ");
    strbuf_adds(out, "\n  main = \"max_ap\", report = { \"max_ap\", \"cosine_ap\", "
                     "\"cosine_accuracy\", \"cosine_f1\" },\n");
    add_tail(out);
}

static void write_bitext(struct strbuf *out, const struct draft *d, const struct guess *g) {
    add_head(out, d, g, "sentences and their translations");
    add_data(out, d, g, false);
    strbuf_adds(out, "  -- A row of the data, as its columns, to a sentence and its "
                     "translation.\n");
    add_pair(out, g);
    strbuf_adds(out, "\n  main = \"f1\", report = { \"f1\", \"accuracy\" },\n");
    add_tail(out);
}

static void write_rerank(struct strbuf *out, const struct draft *d, const struct guess *g) {
    add_head(out, d, g, "reranking");
    add_data(out, d, g, false);
    strbuf_adds(out, "  -- A row of the data, as its columns, to a query and its right and wrong "
                     "answers.\n  item = function(row) return { query = ");
    row_text(out, g->query);
    strbuf_adds(out, ", positive = ");
    row_field(out, g->passage);
    strbuf_adds(out, ", negative = ");
    row_field(out, g->negative);
    strbuf_adds(out, " } end,\n\n  main = \"map\", report = { \"map\", \"mrr\", "
                     "\"ndcg_at_10\" },\n");
    add_tail(out);
}

static void write_retrieval(struct strbuf *out, const struct draft *d, const struct guess *g) {
    add_head(out, d, g, "retrieval");
    add_data(out, d, g, false);
    add_doubt(out, g, "passage", "  ");
    strbuf_adds(out,
        "  -- All rows at once to a corpus, queries, and which passage answers which query.\n"
        "  -- Equal texts are one.\n"
        "  documents = function(rows)\n"
        "    local corpus, queries, qrels, known, asked = {}, {}, {}, {}, {}\n"
        "    local function number(list, seen, text)\n"
        "      if not seen[text] then\n"
        "        seen[text] = tostring(#list + 1)\n"
        "        list[#list + 1] = { _id = seen[text], text = text }\n"
        "      end\n"
        "      return seen[text]\n"
        "    end\n"
        "    for row in rows do\n"
        "      for _, passage in ipairs(");
    add_passages(out, g);
    strbuf_adds(out, ") do\n"
                     "        qrels[#qrels + 1] = { [\"query-id\"] = number(queries, asked, ");
    row_text(out, g->query);
    strbuf_adds(out,
        "),\n"
        "          [\"corpus-id\"] = number(corpus, known, passage), score = 1 }\n"
        "      end\n"
        "    end\n"
        "    return { corpus = corpus, queries = queries, qrels = qrels }\n"
        "  end,\n\n"
        "  main = \"ndcg_at_10\", report = { \"ndcg_at_10\", \"recall_at_10\", \"mrr_at_10\" },\n");
    add_tail(out);
}

/* A text and its label, as it stands: a number, a truth value or a word. */
static void add_item(struct strbuf *out, const struct guess *g) {
    strbuf_adds(out, "  -- A row of the data, as its columns, to a text and its label.\n");
    add_doubt(out, g, "text", "  ");
    strbuf_adds(out, "  item = function(row) return ");
    row_text(out, g->first);
    strbuf_adds(out, ", ");
    row_field(out, g->label);
    strbuf_adds(out, " end,\n\n");
}

static void write_classification(struct strbuf *out, const struct draft *d, const struct guess *g) {
    add_head(out, d, g, "classification of texts");
    add_data(out, d, g, false);
    strbuf_adds(out,
        "  -- Of every five rows one is scored, the others are to learn from. Where there are two\n"
        "  -- files, train = \"other.csv\" in the braces above does instead of this function.\n"
        "  documents = function(rows)\n"
        "    local train, test, n = {}, {}, 0\n"
        "    for row in rows do\n");
    if (g->n_empty) {
        strbuf_adds(out, "      if ");
        add_complete(out, g);
        strbuf_adds(out, " then -- the others lack something\n  ");
    }
    strbuf_addf(out,
        "      n = n + 1\n%s      table.insert(n %% 5 == 0 and test or train, row)\n%s"
        "    end\n"
        "    return { train = train, test = test }\n"
        "  end,\n\n",
        g->n_empty ? "  " : "", g->n_empty ? "      end\n" : "");
    add_item(out, g);
    strbuf_adds(out,
        "  -- Ten classifiers learn from eight texts of each label; the score is their mean.\n"
        "  samples_per_label = 8, experiments = 10,\n"
        "  main = \"accuracy\", report = { \"accuracy\", \"f1\" },\n");
    add_tail(out);
}

static void write_clustering(struct strbuf *out, const struct draft *d, const struct guess *g) {
    add_head(out, d, g, "clustering of texts");
    add_data(out, d, g, false);
    add_item(out, g);
    strbuf_adds(out,
        "  -- Ten times texts are drawn and put into as many clusters as there are labels.\n"
        "  version_of_protocol = 2, fraction = false,\n"
        "  main = \"v_measure\",\n");
    add_tail(out);
}

void draft_write(const struct draft *d, const struct guess *g, struct strbuf *out) {
    static void (*const WRITE[DRAFT_N_KINDS])(
        struct strbuf *, const struct draft *, const struct guess *) = { write_choice,
        write_loglikelihood, write_rolling, write_sts, write_retrieval, write_pair, write_rerank,
        write_bitext, write_classification, write_clustering };
    WRITE[g->kind](out, d, g);
}

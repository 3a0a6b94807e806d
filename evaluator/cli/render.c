/* See render.h. White space that counts can be seen: a blank is a dot where a text ends, and in
 * what is scored. */
#include "evaluator/cli/render.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/print.h"

#define SHOWN_BEFORE 6 /* tokens of the context next to the border */
#define SHOWN_AFTER 24

/* A copy in which white space can be seen. The caller frees. */
static char *visible(const char *text) {
    struct strbuf out = { 0 };
    for (const char *c = text; *c; c++) {
        switch (*c) {
        case ' ':
            strbuf_adds(&out, "·");
            break;
        case '\n':
            strbuf_adds(&out, "↵");
            break;
        case '\t':
            strbuf_adds(&out, "→");
            break;
        default:
            strbuf_addc(&out, *c);
        }
    }
    char *plain = printable(strbuf_str(&out), 100000);
    strbuf_release(&out);
    return plain;
}

/* Line by line behind a bar; where the last one ends is marked, as blanks there count. */
static void print_text(const char *title, const char *text) {
    printf("%s\n", title);
    for (;;) {
        size_t n = strcspn(text, "\n");
        char *line = xstrndup(text, n), *plain = printable(line, 1000000);
        size_t kept = strlen(plain);
        while (kept && plain[kept - 1] == ' ') {
            kept--;
        }
        char *blanks = visible(plain + kept);
        printf("  |%.*s%s%s\n", (int)kept, plain, blanks, text[n] ? "" : "|");
        free(blanks);
        free(plain);
        free(line);
        if (!text[n]) {
            return;
        }
        text += n + 1;
    }
}

static bool is_gold(const json_t *doc, size_t choice) {
    const json_t *gold = json_object_get(doc, "gold");
    for (size_t i = 0; i < json_array_size(gold); i++) {
        if (json_integer_value(json_array_get(gold, i)) == (json_int_t)choice) {
            return true;
        }
    }
    return false;
}

static void print_token(const json_t *t) {
    const char *text = json_get_string(t, "text", NULL);
    char *seen = text ? visible(text) : NULL;
    printf(" %s%s%s(%lld)", seen ? "[" : "", seen ? seen : "[?", seen ? "]" : "]",
        json_get_int(t, "id", 0));
    free(seen);
}

static void print_tokens(const json_t *list, size_t from, size_t to) {
    size_t n = json_array_size(list);
    for (size_t i = from; i < to && i < n; i++) {
        print_token(json_array_get(list, i));
    }
}

/* The border: the last tokens that are given, and those that are scored. */
static void print_border(const json_t *tokens) {
    const json_t *context = json_object_get(tokens, "context"),
                 *continuation = json_object_get(tokens, "continuation");
    size_t n = json_array_size(context), m = json_array_size(continuation);
    long long cut = json_get_int(tokens, "cut", 0);
    printf("      %zu + %zu tokens:%s", n, m, n > SHOWN_BEFORE ? " ..." : "");
    print_tokens(context, n > SHOWN_BEFORE ? n - SHOWN_BEFORE : 0, n);
    printf(" ||");
    print_tokens(continuation, 0, SHOWN_AFTER);
    printf("%s\n", m > SHOWN_AFTER ? " ..." : "");
    if (cut) {
        printf("      the first %lld tokens are cut: the model takes no more\n", cut);
    }
}

static void print_choices(const json_t *doc) {
    const json_t *choices = json_object_get(doc, "choices"),
                 *tokens = json_object_get(doc, "tokens");
    bool several = json_array_size(json_object_get(doc, "contexts")) > 1;
    size_t i;
    json_t *c;
    json_array_foreach(choices, i, c) {
        char *text = visible(json_get_string(c, "continuation", ""));
        printf("  %s %zu  ", is_gold(doc, i) ? "*" : " ", i);
        if (several) {
            printf("(after context %lld) ", json_get_int(c, "context", 0));
        }
        printf("%s\n", text);
        free(text);
        if (tokens) {
            print_border(json_array_get(tokens, i));
        }
    }
}

static void print_text_tokens(const json_t *doc, size_t i) {
    const json_t *t = json_array_get(json_object_get(doc, "tokens"), i),
                 *list = json_object_get(t, "tokens");
    if (!t) {
        return;
    }
    printf("      %zu tokens%s:", json_array_size(list),
        json_get_bool(t, "truncated", false) ? ", cut at what the model takes" : "");
    print_tokens(list, 0, SHOWN_AFTER);
    puts(json_array_size(list) > SHOWN_AFTER ? " ..." : "");
}

static void print_query(const json_t *doc) {
    const json_t *p;
    size_t i;
    const json_t *queries = json_object_get(doc, "queries");
    print_text("query", json_get_string(doc, "query", ""));
    print_text_tokens(doc, 0);
    json_array_foreach(queries, i, p) {
        print_text("one of its texts", json_string_value(p));
    }
    if (json_object_get(doc, "candidates")) {
        printf("%lld candidates\n", json_get_int(doc, "candidates", 0));
    }
    json_array_foreach(json_object_get(doc, "relevant"), i, p) {
        char title[200];
        snprintf(title, sizeof title, "relevant: %.100s, gain %g", json_get_string(p, "id", ""),
            json_get_number(p, "gain", 0));
        print_text(title, json_get_string(p, "text", ""));
    }
}

/* Of a text that the model goes on with: what is right, and what ends it. */
static void print_answers(const json_t *doc) {
    const json_t *answer, *span;
    size_t i, k;
    puts("right");
    json_array_foreach(json_object_get(doc, "answers"), i, answer) {
        json_t *one = json_is_array(answer) ? json_incref((json_t *)(uintptr_t)answer)
                                            : json_pack("[O]", answer);
        json_array_foreach(one, k, span) {
            char *text = visible(json_string_value(span));
            printf("%s%s", k ? " and " : "  * ", text);
            free(text);
        }
        putchar('\n');
        json_decref(one);
    }
}

static void print_prompts(const json_t *doc) {
    const json_t *contexts = json_object_get(doc, "contexts"), *text;
    size_t i;
    json_array_foreach(contexts, i, text) {
        char title[32];
        snprintf(title, sizeof title, json_array_size(contexts) > 1 ? "context %zu" : "context", i);
        print_text(title, json_string_value(text));
    }
    if (json_object_get(doc, "answers")) {
        print_text_tokens(doc, 0);
        print_answers(doc);
        return;
    }
    puts(json_object_get(doc, "gold") ? "choices (* is right)" : "scored");
    print_choices(doc);
}

static void print_pair(const json_t *doc) {
    const json_t *text;
    size_t i;
    json_array_foreach(json_object_get(doc, "texts"), i, text) {
        print_text(i ? "second text" : "first text", json_string_value(text));
        print_text_tokens(doc, i);
    }
    if (json_object_get(doc, "score")) {
        printf("score %g\n", json_get_number(doc, "score", 0));
    }
}

static void print_summaries(const json_t *doc) {
    const json_t *human = json_object_get(doc, "human"), *text;
    size_t i, n = json_array_size(human);
    json_array_foreach(human, i, text) {
        print_text("by people", json_string_value(text));
        print_text_tokens(doc, i);
    }
    json_array_foreach(json_object_get(doc, "machine"), i, text) {
        char title[64];
        snprintf(title, sizeof title, "by a machine, marked %g",
            json_number_value(json_array_get(json_object_get(doc, "scores"), i)));
        print_text(title, json_string_value(text));
        print_text_tokens(doc, n + i);
    }
}

/* A text and what it is labelled as. */
static void print_labelled(const json_t *doc) {
    const json_t *label;
    size_t i;
    print_text("text", json_get_string(doc, "text", ""));
    print_text_tokens(doc, 0);
    printf(json_array_size(json_object_get(doc, "labels")) == 1 ? "label" : "labels");
    json_array_foreach(json_object_get(doc, "labels"), i, label) {
        printf(i ? ", " : " ");
        if (json_is_string(label)) {
            char *text = visible(json_string_value(label));
            printf("%s", text);
            free(text);
        } else {
            printf("%lld", (long long)json_integer_value(label));
        }
    }
    putchar('\n');
}

void render_print(const json_t *rendered) {
    const json_t *doc;
    size_t i;
    json_array_foreach(json_object_get(rendered, "docs"), i, doc) {
        const char *subset = json_get_string(doc, "subset", NULL);
        printf("%s%s (%s, version %lld, %lld shots), ", i ? "\n" : "",
            json_get_string(rendered, "task", ""), json_get_string(rendered, "kind", ""),
            json_get_int(rendered, "version", 0), json_get_int(rendered, "shots", 0));
        if (json_object_get(doc, "query")) {
            printf("query %s\n", json_get_string(doc, "id", ""));
            print_query(doc);
            continue;
        }
        printf("document %lld%s%s\n", json_get_int(doc, "index", 0), subset ? " of " : "",
            subset ? subset : "");
        (json_object_get(doc, "texts")      ? print_pair
            : json_object_get(doc, "human") ? print_summaries
            : json_object_get(doc, "text")  ? print_labelled
                                            : print_prompts)(doc);
    }
}

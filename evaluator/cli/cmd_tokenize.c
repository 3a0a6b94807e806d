/* assay tokenize: texts to ids with their offsets, or ids back to text. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/exchange.h"
#include "evaluator/hub/hub.h"

static const struct option options_tokenize[] = {
    { "no-special", 0, NULL, "leave out the special tokens that the tokenizer adds" },
    { "decode", 0, NULL, "ids to text" },
    { "skip-special", 0, NULL, "with --decode: leave special tokens out of the text" },
    { NULL, 0, NULL, NULL },
};

struct tokenize {
    struct tokenizer *tokenizer;
    bool no_special, decode, skip_special;
    struct token_list ids;
    struct strbuf text;
    struct arena arena;
};

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The field "hex": raw bytes, for text that JSON can't carry. */
static bool take_hex(struct line *line, struct arena *arena, const char **text, size_t *n) {
    const char *hex;
    size_t digits;
    if (!line_string(line, "hex", &hex, &digits)) {
        return false;
    }
    char *bytes = arena_alloc(arena, digits / 2 + 1);
    for (size_t i = 0; i < digits / 2; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return err_set(
                &line->err, ERR_INPUT, "'hex' holds something that is not a hexadecimal digit");
        }
        bytes[i] = (char)(high << 4 | low);
    }
    *text = bytes;
    *n = digits / 2;
    return digits % 2 == 0 || err_set(&line->err, ERR_INPUT, "'hex' has an odd number of digits");
}

static void encode_line(struct tokenize *t, struct line *line) {
    const char *text;
    size_t n;
    struct encode_options options = { .no_special = t->no_special };
    bool hex = json_object_get(line->object, "hex");
    if (hex ? take_hex(line, &t->arena, &text, &n) : line_string(line, "text", &text, &n)) {
        token_list_reset(&t->ids);
        t->ids.want_spans = true;
        if (!tokenizer_encode(t->tokenizer, text, n, &options, &t->ids, &line->err)) {
            return;
        }
    }
}

static void decode_line(struct tokenize *t, struct line *line) {
    const int32_t *ids;
    size_t n;
    strbuf_reset(&t->text);
    if (line_ids(line, &t->arena, json_object_get(line->object, "ids"), "ids", &ids, &n) &&
        !tokenizer_decode(t->tokenizer, ids, n, t->skip_special, &t->text, &line->err)) {
        return;
    }
}

static void answer(const struct tokenize *t, struct exchange *p, const struct line *line) {
    if (!exchange_answer(p, line)) {
        return;
    }
    struct json_writer *w = &p->json;
    if (t->decode) {
        jw_key(w, "text");
        jw_string_n(w, strbuf_str(&t->text), t->text.len);
    } else {
        jw_key(w, "ids");
        jw_array(w);
        for (size_t i = 0; i < t->ids.n; i++) {
            jw_int(w, t->ids.ids[i]);
        }
        jw_end_array(w);
        jw_key(w, "offsets");
        jw_array(w);
        for (size_t i = 0; i < t->ids.n; i++) {
            jw_array(w);
            jw_int(w, t->ids.spans[i].from);
            jw_int(w, t->ids.spans[i].to);
            jw_end_array(w);
        }
        jw_end_array(w);
    }
    exchange_answer_end(p);
}

static bool run_lines(struct tokenize *t, struct err *err) {
    struct exchange p = { 0 };
    bool ok = true, more = true;
    while (ok && more) {
        ok = exchange_read(&p, 4096, &more, err);
        for (size_t i = 0; ok && i < p.n; i++) {
            struct line *line = &p.lines[i];
            if (line->err.class == ERR_NONE) {
                (t->decode ? decode_line : encode_line)(t, line);
            }
            answer(t, &p, line);
            arena_reset(&t->arena);
        }
        exchange_reset(&p);
    }
    ok = ok && exchange_finish(&p, err);
    exchange_release(&p);
    return ok;
}

static bool run(const struct args *args, struct err *err) {
    struct tokenize t = {
        .no_special = args_has(args, "no-special"),
        .decode = args_has(args, "decode"),
        .skip_special = args_has(args, "skip-special"),
    };
    char *path = hub_model_path(args_get(args, "hub", NULL), args->operands[0], err);
    t.tokenizer = path ? tokenizer_open(path, err) : NULL;
    free(path);
    bool ok = t.tokenizer && run_lines(&t, err);
    tokenizer_close(t.tokenizer);
    token_list_release(&t.ids);
    strbuf_release(&t.text);
    arena_release(&t.arena);
    return ok;
}

const struct command cmd_tokenize = {
    .name = "tokenize",
    .operands = "MODEL",
    .summary = "texts to token ids and back, JSON lines in and out",
    .details = "in   {\"id\", \"text\": \"...\"}, {\"id\", \"hex\": \"raw bytes\"}, or with "
               "--decode {\"id\", \"ids\": [i, ...]}\n"
               "out  {\"id\", \"ids\": [...], \"offsets\": [[from, to], ...]} (code points), or "
               "{\"id\", \"text\"}\n\n"
               "MODEL may also be a folder with a tokenizer only, or a bare tokenizer.json.\n",
    .options = { options_tokenize, options_device },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};

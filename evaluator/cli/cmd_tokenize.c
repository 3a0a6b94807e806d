/* assay tokenize: texts to ids with their offsets, or ids back to text. */
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/exchange.h"
#include "evaluator/hub/hub.h"

static const struct option options_tokenize[] = {
    { "no-special", 0, NULL, "leave out the special tokens that the tokenizer adds" },
    { "decode", 0, NULL, "ids to text" },
    { "skip-special", 0, NULL, "with --decode: leave special tokens out of the text" },
    { "stats", 0, "FILE", "write counters as one JSON object" },
    { NULL, 0, NULL, NULL },
};

/* A part of the lines is one piece of work for a thread; so many bytes are read before they run. */
enum { LINES_A_PART = 128, PARTS_AT_ONCE = 256, BYTES_AT_ONCE = 8 << 20 };

/* What a thread works with. */
struct coder {
    struct token_list ids;
    struct strbuf text;
    struct arena arena;
    size_t n_tokens;
};

struct tokenize {
    struct tokenizer *tokenizer;
    bool no_special, decode, skip_special;
    struct exchange exchange;
    struct pool *pool;
    struct coder *coders;    /* one a thread */
    struct answers *answers; /* one a part */
    size_t n_lines;
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

static void encode_line(const struct tokenize *t, struct coder *c, struct line *line) {
    const char *text;
    size_t n;
    struct encode_options options = { .no_special = t->no_special };
    bool hex = json_object_get(line->object, "hex");
    if (hex ? take_hex(line, &c->arena, &text, &n) : line_string(line, "text", &text, &n)) {
        token_list_reset(&c->ids);
        c->ids.want_spans = true;
        if (!tokenizer_encode(t->tokenizer, text, n, &options, &c->ids, &line->err)) {
            return;
        }
        c->n_tokens += c->ids.n;
    }
}

static void decode_line(const struct tokenize *t, struct coder *c, struct line *line) {
    const int32_t *ids;
    size_t n;
    strbuf_reset(&c->text);
    if (line_ids(line, &c->arena, json_object_get(line->object, "ids"), "ids", &ids, &n) &&
        !tokenizer_decode(t->tokenizer, ids, n, t->skip_special, &c->text, &line->err)) {
        return;
    }
}

_Static_assert(sizeof(struct token_span) == 2 * sizeof(uint32_t), "spans are pairs of numbers");

static void write_ids(struct json_writer *w, const struct token_list *ids) {
    jw_key(w, "ids");
    jw_uints(w, (const uint32_t *)ids->ids, ids->n);
    jw_key(w, "offsets");
    jw_uint_pairs(w, (const uint32_t *)ids->spans, ids->n);
}

static void run_line(
    const struct tokenize *t, struct coder *c, struct answers *answers, struct line *line) {
    line_parse(line);
    if (line->err.class == ERR_NONE) {
        (t->decode ? decode_line : encode_line)(t, c, line);
    }
    if (answer_begin(answers, line)) {
        if (t->decode) {
            jw_key(&answers->json, "text");
            jw_string_n(&answers->json, strbuf_str(&c->text), c->text.len);
        } else {
            write_ids(&answers->json, &c->ids);
        }
        answer_end(answers);
    }
    arena_reset(&c->arena);
    line_release(line);
}

static void run_part(void *arg, unsigned thread, size_t part) {
    const struct tokenize *t = arg;
    const size_t from = part * LINES_A_PART, to = from + LINES_A_PART;
    for (size_t i = from; i < to && i < t->exchange.n; i++) {
        run_line(t, &t->coders[thread], &t->answers[part], &t->exchange.lines[i]);
    }
}

static bool run_lines(struct tokenize *t, struct err *err) {
    struct exchange *p = &t->exchange;
    bool ok = true, more = true;
    while (ok && more) {
        ok = exchange_gather(p, (size_t)PARTS_AT_ONCE * LINES_A_PART, BYTES_AT_ONCE, &more, err);
        const size_t n_parts = ok ? (p->n + LINES_A_PART - 1) / LINES_A_PART : 0;
        pool_run(t->pool, n_parts, run_part, t);
        for (size_t i = 0; i < n_parts; i++) {
            exchange_write(p, &t->answers[i]);
        }
        t->n_lines += p->n;
        exchange_reset(p);
    }
    return ok && exchange_finish(p, err);
}

static bool open_tokenizer(struct tokenize *t, const struct args *args, struct err *err) {
    struct model_options options;
    if (!model_options_from_args(args, &options, err)) {
        return false;
    }
    char *path = hub_model_path(args_get(args, "hub", NULL), args->operands[0], err);
    t->tokenizer = path ? tokenizer_open(path, err) : NULL;
    free(path);
    const unsigned n = options.threads ? options.threads : pool_default_threads();
    t->pool = t->tokenizer ? pool_new(n, err) : NULL;
    t->coders = xcalloc(n, sizeof *t->coders);
    t->answers = xcalloc(PARTS_AT_ONCE, sizeof *t->answers);
    return t->pool != NULL;
}

static void close_tokenizer(struct tokenize *t) {
    for (unsigned i = 0; t->pool && i < pool_n_threads(t->pool); i++) {
        token_list_release(&t->coders[i].ids);
        strbuf_release(&t->coders[i].text);
        arena_release(&t->coders[i].arena);
    }
    for (size_t i = 0; t->answers && i < PARTS_AT_ONCE; i++) {
        strbuf_release(&t->answers[i].out);
    }
    free(t->coders);
    free(t->answers);
    pool_free(t->pool);
    tokenizer_close(t->tokenizer);
    exchange_release(&t->exchange);
}

static bool report(
    const struct tokenize *t, const char *path, double load_s, double run_s, struct err *err) {
    struct run_stats stats = { .items = t->n_lines };
    for (unsigned i = 0; i < pool_n_threads(t->pool); i++) {
        stats.tokens_asked += t->coders[i].n_tokens;
    }
    return run_report_write(path,
        &(struct run_report) {
            .load_s = load_s, .run_s = run_s, .stats = &stats, .device = "cpu", .n_devices = 1 },
        err);
}

static bool run(const struct args *args, struct err *err) {
    struct tokenize t = {
        .no_special = args_has(args, "no-special"),
        .decode = args_has(args, "decode"),
        .skip_special = args_has(args, "skip-special"),
    };
    const char *stats = args_get(args, "stats", NULL);
    const double start = clock_s();
    bool ok = open_tokenizer(&t, args, err);
    const double opened = clock_s();
    ok = ok && run_lines(&t, err);
    if (t.pool && stats) {
        ok = report(
                 &t, stats, opened - start, clock_s() - opened, ok ? err : &(struct err)ERR_INIT) &&
             ok;
    }
    close_tokenizer(&t);
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

/* jsonl, json, csv, tsv and lines, plain and packed, good and bad. */
#include <sys/resource.h>

#include "rows.h"

#define TWO "[{\"a\": 1}, {\"a\": 2}]"

static void jsonl_gives_a_row_a_line(void **state) {
    put(*state, "x.jsonl", "\xef\xbb\xbf{\"a\": 1}\r\n\n  \n{\"a\": 2}");
    assert_rows(*state, "x.jsonl", TWO);
    put(*state, "x.jsonl", "{\"b\": 1, \"a\": \"\\u0000\"}\n");
    struct err err;
    json_t *rows = rows_of_file(*state, "x.jsonl", &err), *row = json_array_get(rows, 0);
    assert_string_equal(json_object_iter_key(json_object_iter(row)), "b"); /* order is kept */
    assert_int_equal(json_string_length(json_object_get(row, "a")), 1);
    json_decref(rows);
}

static void bad_jsonl_names_file_and_line(void **state) {
    put(*state, "x.jsonl", "{\"a\": 1}\n\n{\"a\": }\n");
    assert_refused(*state, "x.jsonl", 1, "line 3: not JSON");
    put(*state, "x.jsonl", "{\"a\": 1}\n{\"a\": \"\xff\"}\n");
    assert_refused(*state, "x.jsonl", 1, "line 2: not text: invalid UTF-8 at byte 8");
    put(*state, "x.jsonl", "1\n");
    assert_refused(*state, "x.jsonl", 0, "line 1: a row must be a JSON object");
    put(*state, "x.jsonl", "{\"a\": 1}\n[{\"a\": 2}]\n");
    assert_refused(*state, "x.jsonl", 1, "line 2: a row must be a JSON object");
    put(*state, "x.jsonl", "{\"a\": 1} {\"a\": 2}\n");
    assert_refused(*state, "x.jsonl", 0, "line 1: not JSON");
    put(*state, "x.jsonl", "{\"a\": 1, \"a\": 2}\n");
    assert_refused(*state, "x.jsonl", 0, "line 1: not JSON");
}

/* Whatever a string may hold, also where a window of the file ends in the midst of it. */
static void strings_are_unescaped_wherever_they_lie(void **state) {
    static const char row[] =
        "{\"k\\u00e4\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\ud83d\\ude00 \xe6\x97\xa5\xe6\x9c\xac "
        "plain text\", \"n\": [-0, 12, -3.5e2, 0.1, 18446744073709551616, 1E-7]}\n";
    static const char want[] = "{\"k\xc3\xa4\": \"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\xf0\x9f\x98\x80 "
                               "\xe6\x97\xa5\xe6\x9c\xac plain text\", \"n\": [0, 12, -350.0, 0.1, "
                               "1.8446744073709552e19, 1e-7]}";
    struct strbuf text = { 0 };
    while (text.len < 600 << 10)
        strbuf_adds(&text, row);
    put_bytes(*state, "x.jsonl", text.text, text.len);
    struct err err;
    json_t *rows = rows_of_file(*state, "x.jsonl", &err),
           *expected = json_loads(want, JSON_ALLOW_NUL, NULL), *got;
    size_t i;
    assert_int_equal(err.class, ERR_NONE);
    assert_int_equal(json_array_size(rows), text.len / strlen(row));
    json_array_foreach(rows, i, got) if (!json_equal(got, expected))
        fail_msg("row %zu: %s", i, json_dumps(got, 0));
    json_decref(rows);
    json_decref(expected);
    strbuf_release(&text);
}

static void what_json_does_not_allow_is_refused(void **state) {
    static const char *const values[] = { "\"\\x\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ude00\"",
        "\"\\ud800\\u0041\"", "\"\t\"", "\"open", "01", "+1", "1.", ".5", "1e", "-", "1e999", "nul",
        "nan", "NaNs", "Inf", "-Inf", "+Infinity", "'a'", "[1,]", "[1 2]", "{\"b\" 1}", "{b: 1}",
        "{\"b\": 1, \"b\": 2}", "{\"\\u0000\": 1}", "1 2", "\"a\"b", "" };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"a\": %s}\n", values[i]);
        put(*state, "x.jsonl", text);
        assert_refused(*state, "x.jsonl", 0, "line 1: not JSON: ");
    }
    put(*state, "x.jsonl", "{\"a\": \"\xed\xa0\x80\"}\n"); /* a surrogate in three bytes */
    assert_refused(*state, "x.jsonl", 0, "line 1: not text: invalid UTF-8 at byte 8");
}

/* As Python's json module writes them. */
static void numbers_that_json_lacks_are_null(void **state) {
    static const char *const names[] = { "x.jsonl", "x.json" };
    static const char want[] = "[{\"a\": null, \"b\": [null, null, -1]}, {\"a\": 2}]";
    put(*state, "x.jsonl", "{\"a\": NaN, \"b\": [Infinity, -Infinity, -1]}\n{\"a\": 2}\n");
    assert_rows(*state, "x.jsonl", want);
    for (size_t i = 0; i < 2; i++) {
        put(*state, names[i], "[{\"a\": NaN, \"b\": [Infinity,-Infinity,-1]}, {\"a\": 2}]");
        assert_rows(*state, names[i], want);
    }
}

static void an_array_goes_by_the_name_of_lines_too(void **state) {
    uint8_t packed[256];
    static const char text[] = "\n  [{\"a\": 1},\n{\"a\": 2}]\n";
    put(*state, "x.jsonl", text);
    assert_rows(*state, "x.jsonl", TWO);
    put_bytes(*state, "x.jsonl.gz", packed, gzip_of(text, strlen(text), packed, sizeof packed));
    assert_rows(*state, "x.jsonl.gz", TWO);
    put(*state, "x.jsonl", "[{\"a\": 1},\n{\"a\": }]\n");
    assert_refused(*state, "x.jsonl", 1, "row 2, line 2: not JSON");
    put(*state, "x.jsonl", "[1]\n");
    assert_refused(*state, "x.jsonl", 0, "row 1, line 1: not JSON: expected a row, an object");
}

static void many_keys_are_told_apart(void **state) {
    struct strbuf text = { 0 };
    for (int twice = 0; twice < 2; twice++) {
        strbuf_reset(&text);
        for (int i = 0; i < 3000; i++)
            strbuf_addf(&text, "%s\"k%d\": %d", i ? ", " : "{", i, i);
        strbuf_addf(&text, "%s}\n", twice ? ", \"k17\": 1" : "");
        put(*state, "x.jsonl", text.text);
        struct err err;
        json_t *rows = rows_of_file(*state, "x.jsonl", &err);
        assert_int_equal(json_array_size(rows), 1 - twice);
        assert_true(!twice || strstr(err.msg, "a key stands twice"));
        json_decref(rows);
    }
    strbuf_release(&text);
}

/* Neither deep nor wide rows take more than their share of stack and memory. */
static void rows_beyond_all_bounds_are_refused(void **state) {
    size_t n = 10 << 20;
    char *text = xmalloc(n + 64);
    memset(text, '[', n);
    memcpy(text, "{\"a\":", 5);
    text[n] = '\n';
    put_bytes(*state, "x.jsonl", text, n + 1);
    assert_refused(*state, "x.jsonl", 0, "nesting depth");
    for (size_t i = 0; i < n; i++)
        text[i] = i % 2 ? ',' : '1';
    memcpy(text, "{\"a\":[", 6);
    memcpy(text + n - 1, "1]}\n", 4);
    put_bytes(*state, "x.jsonl", text, n + 3);
    assert_refused(*state, "x.jsonl", 0, "too many values in a row");
    free(text);
}

static void only_the_columns_asked_for_are_given(void **state) {
    static const char *const columns[] = { "b", "d", NULL };
    put(*state, "x.jsonl", "{\"a\": {\"b\": 1}, \"b\": [1, {\"x\": 2}], \"c\": 3}\n{\"d\": 4}\n");
    char *path = path_join(*state, "x.jsonl");
    struct err err;
    json_t *rows = rows_of(&(struct data_source) { .file = path, .columns = columns }, &err);
    assert_json(rows, "[{\"b\": [1, {\"x\": 2}]}, {\"d\": 4}]");
    json_decref(rows);
    free(path);
}

static void a_line_over_the_ceiling_is_refused(void **state) {
    size_t n = (16 << 20) + 1;
    char *text = xmalloc(n + 9);
    memcpy(text, "{\"a\": 1}\n", 9);
    memset(text + 9, ' ', n);
    put_bytes(*state, "x.jsonl", text, n + 9);
    assert_refused(*state, "x.jsonl", 1, "line 2: line length");
    put_bytes(*state, "x.jsonl", text, n + 8); /* exactly at the ceiling */
    assert_rows(*state, "x.jsonl", "[{\"a\": 1}]");
    free(text);
}

static void json_takes_every_form_of_rows(void **state) {
    put(*state, "x.json", " [ {\"a\": 1} ,\n{\"a\": 2}\n]\n");
    assert_rows(*state, "x.json", TWO);
    put(*state, "x.json", "{\"a\": 1}\n{\"a\": 2}\n");
    assert_rows(*state, "x.json", TWO);
    put(*state, "x.json", "{\"version\": \"1\",\n\"data\": [{\"a\": 1}, {\"a\": 2}]}");
    assert_rows(*state, "x.json", TWO);
    put(*state, "x.json", "{\"a\": [1, 2],\n\"b\": [\"x\", \"y]}\\\"{\"]}");
    assert_rows(*state, "x.json", "[{\"a\": 1, \"b\": \"x\"}, {\"a\": 2, \"b\": \"y]}\\\"{\"}]");
    put(*state, "x.json", "{\"k\": {\"a\": 1},\n\"l\": {\"a\": 2}}");
    assert_rows(*state, "x.json", "[{\"a\": 1, \"_key\": \"k\"}, {\"a\": 2, \"_key\": \"l\"}]");
    put(*state, "x.json", "{\"k\": {\"a\": 1, \"_key\": 5},\n\"l\": {}}");
    assert_rows(*state, "x.json", "[{\"a\": 1, \"_key\": 5}, {\"_key\": \"l\"}]");
    put(*state, "x.json", "{\"a\": 1,\n\"b\": [1, 2]}");
    assert_rows(*state, "x.json", "[{\"a\": 1, \"b\": [1, 2]}]");
    put(*state, "x.json", "{\n}");
    assert_rows(*state, "x.json", "[{}]");
    put(*state, "x.json", "{\n\"a\": [], \"b\": []}");
    assert_rows(*state, "x.json", "[]");
    put(*state, "x.json", "{\n\"data\": [{\"a\": 1}, 2]}");
    assert_refused(*state, "x.json", 1, "row 2: a row must be a JSON object");
    put(*state, "x.json", "[]");
    assert_rows(*state, "x.json", "[]");
}

/* A file of a single row means what the same row means before others. */
static void an_object_on_one_line_is_a_row(void **state) {
    static const char *const rows[] = {
        "{\"question\": \"q\", \"choices\": [{\"t\": \"a\"}, {\"t\": \"b\"}]}",
        "{\"tokens\": [1, 2], \"tags\": [3, 4]}",
        "{\"translation\": {\"en\": \"a\", \"fr\": \"b\"}}",
        "{\"a\": []}",
        "{}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[256], want[256];
        snprintf(text, sizeof text, "\n %s \n\n", rows[i]);
        snprintf(want, sizeof want, "[%s]", rows[i]);
        put(*state, "x.json", text);
        assert_rows(*state, "x.json", want);
        snprintf(text, sizeof text, "%s\n%s\n", rows[i], rows[i]);
        snprintf(want, sizeof want, "[%s, %s]", rows[i], rows[i]);
        put(*state, "x.json", text);
        assert_rows(*state, "x.json", want);
    }
}

static void a_document_stands_alone(void **state) {
    put(*state, "x.json", "{\"a\":\n1}\n{\"a\": 2}\n");
    assert_refused(*state, "x.json", 0, "line 3: text after an object of several lines");
    size_t n = 17 << 20;
    char *text = xmalloc(n + 32);
    memset(text, ' ', n + 32);
    memcpy(text, "{\"data\": [", 10);
    memcpy(text + n, "{\"a\": 1}]}", 10);
    put_bytes(*state, "x.json", text, n + 10);
    assert_refused(*state, "x.json", 0, "row 1, line 1: an object on one line is a row");
    text[12] = '\n';
    put_bytes(*state, "x.json", text, n + 10);
    assert_rows(*state, "x.json", "[{\"a\": 1}]");
    free(text);
}

/* What is read as a whole goes through the parser that every other row goes through. */
static void documents_have_the_same_numbers_and_depth(void **state) {
    static const char *const rows[] = { "9223372036854775808", "[NaN, Infinity, -Infinity]" };
    static const char *const want[] = { "[{\"a\": 9223372036854775808.0}]",
        "[{\"a\": [null, null, null]}]" };
    for (size_t i = 0; i < 4; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"a\":%s%s}", i % 2 ? "\n" : "", rows[i / 2]);
        put(*state, "x.json", text);
        if (i == 3) /* columns */
            assert_rows(*state, "x.json", "[{\"a\": null}, {\"a\": null}, {\"a\": null}]");
        else
            assert_rows(*state, "x.json", want[i / 2]);
    }
    for (int lines = 0; lines < 2; lines++) {
        char text[2048] = "{\"a\": ";
        text[6] = lines ? '\n' : ' ';
        size_t at = strlen(text);
        memset(text + at, '[', 600);
        memset(text + at + 600, ']', 600);
        text[at + 1200] = '}';
        put(*state, "x.json", text);
        assert_refused(*state, "x.json", 0, "nesting depth");
    }
}

/* One number a row: as objects, all at once, they took a hundred times what the text takes. */
static void columns_are_no_rows_before_they_are_read(void **state) {
    enum { ROWS = 3000000 };
    struct rusage before, after;
    struct strbuf text = { 0 };
    strbuf_adds(&text, "{\"a\":\n[0");
    for (size_t i = 1; i < ROWS; i++)
        strbuf_adds(&text, ",0");
    strbuf_adds(&text, "]}");
    put_bytes(*state, "x.json", text.text, text.len);
    strbuf_release(&text);
    getrusage(RUSAGE_SELF, &before);
    struct err err = ERR_INIT;
    struct data *d = data_open(&(struct data_source) { .dir = *state, .file = "x.json" }, &err);
    size_t n = 0;
    for (const struct value *row; d && (row = data_row(d, &err)); n++)
        assert_true(row->n == 1 && row[2].kind == VALUE_INT);
    data_close(d);
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(n, ROWS);
    assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 512 << 10);
}

/* More values than are held at once. */
static void a_document_of_many_values_is_read_from_its_columns(void **state) {
    enum { ROWS = 5000000 };
    struct strbuf text = { 0 };
    strbuf_adds(&text, "{\"a\":\n[0");
    for (size_t i = 1; i < ROWS; i++)
        strbuf_adds(&text, ",0");
    strbuf_adds(&text, "]}");
    put_bytes(*state, "x.json", text.text, text.len);
    strbuf_release(&text);
    struct err err = ERR_INIT;
    struct data *d = data_open(&(struct data_source) { .dir = *state, .file = "x.json" }, &err);
    assert_non_null(d);
    assert_true(data_skip(d, ROWS - 1, &err));
    assert_non_null(data_row(d, &err));
    assert_null(data_row(d, &err));
    data_close(d);
}

/* {"version": ..., "data": [rows], ...}, larger than what is read as one document. */
static size_t write_wrapped(const char *dir, const char *behind) {
    struct strbuf text = { 0 };
    size_t n = 0;
    strbuf_adds(&text,
        "{\"v\": \"1 \\\" [{\", \"n\": -1.5e3,\n \"o\": {\"a\": [{}]}, \"none\": [], "
        "\"numbers\": [[1], 2], \"data\": [");
    for (; text.len < 65 << 20; n++)
        strbuf_addf(&text, "%s{\"i\": %zu, \"text\": \"%0999zu\"}", n ? ",\n" : " ", n, n);
    strbuf_addf(&text, " ] %s\n", behind);
    put_bytes(dir, "big.json", text.text, text.len);
    strbuf_release(&text);
    return n;
}

static void a_large_document_is_read_row_by_row(void **state) {
    static const struct {
        const char *behind, *says;
    } cases[] = { { "}", "" }, { ", \"tail\": true }", "" },
        { ", \"other\": [{}]}", "two lists of rows" }, { "} x", "trailing text" },
        { ", \"tail\"}", "the object is damaged" }, { "", "the object is damaged" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t want = write_wrapped(*state, cases[i].behind), n = 0;
        char *path = path_join(*state, "big.json");
        struct err err = ERR_INIT;
        struct data *d = data_open(&(struct data_source) { .file = path }, &err);
        for (const struct value *row; d && (row = data_row(d, &err)); n++)
            assert_true(row->n == 2 && row[2].i == (int64_t)n && row[4].n == 999);
        data_close(d);
        assert_int_equal(n, want);
        if (!strstr(err.msg, cases[i].says) || !*cases[i].says != (err.class == ERR_NONE))
            fail_msg("'%s': '%s'", cases[i].behind, err.msg);
        free(path);
    }
}

/* {"n": [...], "text": [...]} of 70 MB; the second column may have `more` values. */
static size_t write_columns(struct strbuf *text, int more, const char *behind) {
    enum { ROWS = 70000 };
    strbuf_adds(text, "{\"n\": [0");
    for (int i = 1; i < ROWS; i++)
        strbuf_addf(text, ", %d", i);
    strbuf_adds(text, "],\n \"te\\u0078t\" : [");
    for (int i = 0; i < ROWS + more; i++)
        strbuf_addf(text, "%s[\"%016llx%0964d], \\\"\", {\"x\": [%d]}]", i ? "," : "",
            0x9e3779b97f4a7c15ull * (unsigned long long)i, i, i);
    strbuf_addf(text, "]%s", behind);
    return ROWS;
}

static void assert_columns(const char *dir, const char *name, size_t want) {
    struct err err = ERR_INIT;
    struct data *d = data_open(&(struct data_source) { .dir = dir, .file = name }, &err);
    size_t n = 0;
    if (!d)
        fail_msg("%s", err.msg);
    for (const struct value *row; (row = data_row(d, &err)); n++) {
        if (n == 40000) {
            assert_true(data_skip(d, 20000, &err));
            n += 20000;
        }
        if (n < 40000)
            assert_true(row->n == 2 && row[2].i == (int64_t)n && row[3].n == 4 &&
                        memcmp(row[3].s, "text", 4) == 0 && row[4].n == 2 && row[5].n == 984);
    }
    if (err.class != ERR_NONE)
        fail_msg("%s", err.msg);
    assert_int_equal(n, want);
    data_close(d);
}

static void large_columns_are_read_row_by_row(void **state) {
    struct strbuf text = { 0 };
    size_t n = write_columns(&text, 0, "}\n");
    uint8_t *packed = xmalloc(32 << 20);
    assert_true(text.len > 64 << 20);
    put_bytes(*state, "big.json", text.text, text.len);
    assert_columns(*state, "big.json", n);
    put_bytes(*state, "big.json.gz", packed, gzip_of(text.text, text.len, packed, 32 << 20));
    assert_columns(*state, "big.json.gz", n);
    free(packed);
    strbuf_release(&text);
}

static void large_documents_that_are_no_columns_are_refused(void **state) {
    static const struct {
        int more;
        const char *behind, *says;
    } cases[] = { { 1, "}", "column \"te\\u0078t\" has 70001 values, and \"n\" has 70000" },
        { 0, ", \"tail\": 1}", "\"tail\" is no list" }, { 0, "} x", "trailing text" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf text = { 0 };
        write_columns(&text, cases[i].more, cases[i].behind);
        put_bytes(*state, "big.json", text.text, text.len);
        assert_refused(*state, "big.json", 0, cases[i].says);
        strbuf_release(&text);
    }
}

static void bad_json_names_file_row_and_line(void **state) {
    put(*state, "x.json", "[{\"a\": 1},\n{\"a\": }]");
    assert_refused(*state, "x.json", 1, "row 2, line 2: not JSON");
    put(*state, "x.json", "[{\"a\": 1}, {\"a\": 2,\n\n  \"b\": ?}]");
    assert_refused(*state, "x.json", 1, "row 2, line 3: not JSON: expected a value (column 8)");
    put(*state, "x.json", "\n[{\"a\": 1}, {\"a\": ?}]");
    assert_refused(*state, "x.json", 1, "row 2, line 2: not JSON: expected a value (column 18)");
    put(*state, "x.json", "\n {\"a\": \"\\n\\n\",\n\"b\":\n1?}");
    assert_refused(*state, "x.json", 0, "row 1, line 4: not JSON: expected ',' or '}' (column 2)");
    put(*state, "x.json", "[{\"a\": ?,\n\"b\": \"\xff\"}]");
    assert_refused(*state, "x.json", 0, "row 1, line 2: not text: invalid UTF-8 at byte 7");
    put(*state, "x.json", "[{\"a\": 1} {\"a\": 2}]");
    assert_refused(*state, "x.json", 1, "expected ',' or ']'");
    put(*state, "x.json", "[{\"a\": 1},]");
    assert_refused(*state, "x.json", 1, "expected a row");
    put(*state, "x.json", "[{\"a\": 1}, 5]");
    assert_refused(*state, "x.json", 1, "expected a row");
    put(*state, "x.json", "[{\"a\": 1}] tail");
    assert_refused(*state, "x.json", 1, "trailing text");
    put(*state, "x.json", "[{\"a\": 1}, {\"a\"");
    assert_refused(*state, "x.json", 1, "ends within a row");
    put(*state, "x.json", "[{\"a\": 1}");
    assert_refused(*state, "x.json", 1, "expected ',' or ']'");
    put(*state, "x.json", "");
    assert_refused(*state, "x.json", 0, "the file is empty");
}

/* Python fills a record that is too short with None; here it is refused. The index of the first. */
static size_t first_short(json_t *rows) {
    json_t *row, *value;
    const char *key;
    size_t i;
    json_array_foreach(rows, i, row)
        json_object_foreach(row, key, value) if (json_is_null(value)) return i;
    return SIZE_MAX;
}

static void csv_and_tsv_are_read_as_python_reads_them(void **state) {
    struct err err = ERR_INIT;
    json_t *cases = json_parse_file(FIXTURES "/csv.json", 1 << 20, &err), *c;
    size_t i;
    assert_int_equal(json_array_size(cases), 42);
    json_array_foreach(cases, i, c) {
        const char *name = strcmp(json_get_string(c, "format", ""), "csv") == 0 ? "x.csv" : "x.tsv";
        char *want = json_dumps(json_object_get(c, "rows"), 0);
        put(*state, name, json_get_string(c, "text", ""));
        size_t bad = first_short(json_object_get(c, "rows"));
        if (bad != SIZE_MAX)
            assert_refused(*state, name, bad, "column 'b' is missing");
        else
            assert_rows(*state, name, want);
        free(want);
    }
    json_decref(cases);
}

static void csv_columns_without_a_name_are_numbered(void **state) {
    put(*state, "x.csv", "\r\n\n\na,b\n1,2\n");
    assert_rows(*state, "x.csv", "[{\"a\": \"1\", \"b\": \"2\"}]");
    put(*state, "x.csv", ",a,\"\"\n0,1,2\n");
    assert_rows(*state, "x.csv", "[{\"Unnamed: 0\": \"0\", \"a\": \"1\", \"Unnamed: 2\": \"2\"}]");
    put(*state, "x.tsv", "\n\"\"\n1\n");
    assert_rows(*state, "x.tsv", "[{\"Unnamed: 0\": \"1\"}]");
    put(*state, "x.csv", "\n\na,b\n1\n");
    assert_refused(*state, "x.csv", 0, "row 1, line 4: 1 value for 2 columns");
    put(*state, "x.csv", "Unnamed: 1,\n1,2\n");
    assert_refused(*state, "x.csv", 0, "two columns are named 'Unnamed: 1'");
    put(*state, "x.csv", "\n\n");
    assert_refused(*state, "x.csv", 0, "no header row");
}

static void bad_csv_names_file_and_line(void **state) {
    put(*state, "x.csv", "a,b\n1,2\n\"x\ny\",2\n1,2,3\n");
    assert_refused(*state, "x.csv", 2, "row 3, line 5: 3 values for 2 columns");
    put(*state, "x.csv", "a,b,c\n1,2,3\n1\n");
    assert_refused(
        *state, "x.csv", 1, "row 2, line 3: 1 value for 3 columns: column 'b' is missing");
    put(*state, "x.csv", "a,b\n1,2\n1,\"x\n\n");
    assert_refused(*state, "x.csv", 1, "row 2, line 3: column 'b': quoted field never ends");
    put(*state, "x.csv", "a,b\n1,\xff\n");
    assert_refused(*state, "x.csv", 0, "row 1, line 2: column 'b': the value is not text");
    put(*state, "x.csv", "a,a\n1,2\n");
    assert_refused(*state, "x.csv", 0, "two columns are named 'a'");
    put(*state, "x.csv", "");
    assert_refused(*state, "x.csv", 0, "no header row");
}

static void lines_are_numbered_and_repaired(void **state) {
    put(*state, "x.txt", "one\n\n\xffthree\r\nfour");
    assert_rows(*state, "x.txt",
        "[{\"line\": \"one\", \"number\": 1}, {\"line\": \"\", \"number\": 2},"
        " {\"line\": \"\xef\xbf\xbdthree\", \"number\": 3}, {\"line\": \"four\", \"number\": 4}]");
}

static void packed_files_give_the_same_rows(void **state) {
    struct strbuf text = { 0 };
    uint8_t *packed = xmalloc(1 << 20);
    for (int i = 0; i < 5000; i++)
        strbuf_addf(&text, "{\"number\": %d, \"square\": %d}\n", i, i * i);
    put_bytes(*state, "x.jsonl", text.text, text.len);
    size_t n = gzip_of(text.text, text.len / 2, packed, 1 << 20); /* two members, then padding */
    n += gzip_of(text.text + text.len / 2, text.len - text.len / 2, packed + n, (1 << 20) - n);
    memset(packed + n, 0, 100);
    put_bytes(*state, "x.jsonl.gz", packed, n + 100);
    n = ZSTD_compress(packed, 1 << 20, text.text, text.len / 3, 3); /* two frames */
    n += ZSTD_compress(
        packed + n, (1 << 20) - n, text.text + text.len / 3, text.len - text.len / 3, 3);
    put_bytes(*state, "x.jsonl.zst", packed, n);
    struct err err;
    json_t *plain = rows_of_file(*state, "x.jsonl", &err);
    json_t *gzip = rows_of_file(*state, "x.jsonl.gz", &err);
    json_t *zstd = rows_of_file(*state, "x.jsonl.zst", &err);
    assert_int_equal(json_array_size(plain), 5000);
    assert_true(json_equal(plain, gzip) && json_equal(plain, zstd));
    put_bytes(*state, "x.jsonl.zst", packed, n - 9);
    json_decref(zstd);
    zstd = rows_of_file(*state, "x.jsonl.zst", &err);
    assert_non_null(strstr(err.msg, "zstd data is truncated"));
    json_decref(plain);
    json_decref(gzip);
    json_decref(zstd);
    strbuf_release(&text);
    free(packed);
}

/* In one frame that asks for a window of 2^window_log. */
static void put_zstd(const char *dir, const char *name, const struct strbuf *text, int window_log) {
    size_t max = ZSTD_compressBound(text->len);
    uint8_t *packed = xmalloc(max);
    ZSTD_CCtx *z = ZSTD_createCCtx();
    ZSTD_inBuffer from = { text->text, text->len, 0 };
    ZSTD_outBuffer to = { packed, max, 0 };
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window_log)));
    while (ZSTD_compressStream2(z, &to, &from, ZSTD_e_flush) > 0) /* the size is not known yet */
        ;
    while (ZSTD_compressStream2(z, &to, &from, ZSTD_e_end) > 0)
        ;
    put_bytes(dir, name, packed, to.pos);
    ZSTD_freeCCtx(z);
    free(packed);
}

static void zstd_windows_have_a_ceiling(void **state) {
    struct err err;
    struct strbuf text = { 0 };
    strbuf_adds(&text, "{\"a\": 1}\n{\"a\": 2}\n");
    put_zstd(*state, "x.jsonl.zst", &text, 27); /* as --long and --ultra -22 do */
    assert_rows(*state, "x.jsonl.zst", TWO);
    put_zstd(*state, "x.jsonl.zst", &text, 28);
    assert_refused(
        *state, "x.jsonl.zst", 0, "zstd window of 256 MiB is over the ceiling of 128 MiB");
    json_decref(rows_of_file(*state, "x.jsonl.zst", &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    strbuf_release(&text);
}

/* Each column of a document that is not read as a whole has a window of its own. */
static void windows_of_columns_have_one_ceiling(void **state) {
    enum { VALUES = 4400000 };
    for (int columns = 3; columns <= 5; columns += 2) {
        struct strbuf text = { 0 };
        for (int c = 0; c < columns; c++) {
            strbuf_addf(&text, "%s\n\"%d\": [1", c ? "," : "{", c);
            for (int i = 1; i < VALUES / columns; i++)
                strbuf_addf(&text, ",%d", i);
            strbuf_adds(&text, "]");
        }
        strbuf_adds(&text, "}");
        put_zstd(*state, "x.json.zst", &text, 27);
        strbuf_release(&text);
        if (columns == 5) {
            assert_refused(*state, "x.json.zst", 0, "5 columns: unpacking them takes over 512 MiB");
            continue;
        }
        struct err err = ERR_INIT;
        struct data *d =
            data_open(&(struct data_source) { .dir = *state, .file = "x.json.zst" }, &err);
        assert_non_null(d);
        assert_int_equal(data_row(d, &err)->n, 3);
        data_close(d);
    }
}

static void bombs_and_damage_in_packed_files_are_refused(void **state) {
    size_t n = 64 << 20, len;
    char *spaces = xmalloc(n);
    uint8_t *packed = xmalloc(1 << 20);
    memset(spaces, ' ', n);
    for (size_t i = 100; i < n; i += 100)
        spaces[i] = '\n';
    len = gzip_of(spaces, n, packed, 1 << 20);
    put_bytes(*state, "bomb.jsonl.gz", packed, len);
    assert_refused(*state, "bomb.jsonl.gz", 0, "decompression bomb");
    len = ZSTD_compress(packed, 1 << 20, spaces, n, 3);
    put_bytes(*state, "bomb.jsonl.zst", packed, len);
    assert_refused(*state, "bomb.jsonl.zst", 0, "decompression bomb");
    len = gzip_of("{\"a\": 1}\n", 9, packed, 1 << 20);
    packed[len - 8] ^= 1;
    put_bytes(*state, "crc.jsonl.gz", packed, len);
    assert_refused(*state, "crc.jsonl.gz", 0, "CRC");
    packed[len - 8] ^= 1;
    packed[len] = 'x';
    put_bytes(*state, "tail.jsonl.gz", packed, len + 1);
    assert_refused(*state, "tail.jsonl.gz", 0, "1 trailing bytes");
    put(*state, "not.jsonl.gz", "{\"a\": 1}\n");
    assert_refused(*state, "not.jsonl.gz", 0, "not gzip data: incorrect header check");
    put(*state, "not.jsonl.zst", "{\"a\": 1}\n");
    assert_refused(*state, "not.jsonl.zst", 0, "not zstd data");
    put(*state, "empty.jsonl.gz", "");
    assert_refused(*state, "empty.jsonl.gz", 0, "truncated");
    free(spaces);
    free(packed);
}

/* Rows of three bytes: 700 000 of them are within what a small file may expand to. */
static void a_bomb_gives_no_row_before_it_is_refused(void **state) {
    enum { ROWS = 4000000 };
    char *rows = xmalloc(3 * ROWS);
    uint8_t *packed = xmalloc(1 << 20);
    for (size_t i = 0; i < ROWS; i++)
        memcpy(rows + 3 * i, "{}\n", 3);
    put_bytes(*state, "bomb.jsonl.gz", packed, gzip_of(rows, 3 * ROWS, packed, 1 << 20));
    assert_refused(*state, "bomb.jsonl.gz", 0, "decompression bomb");
    put_bytes(*state, "bomb.jsonl.zst", packed, ZSTD_compress(packed, 1 << 20, rows, 3 * ROWS, 3));
    assert_refused(*state, "bomb.jsonl.zst", 0, "decompression bomb");
    put_bytes(*state, "some.jsonl.gz", packed, gzip_of(rows, 3 * 500000, packed, 1 << 20));
    struct err err;
    json_t *few = rows_of_file(*state, "some.jsonl.gz", &err);
    assert_int_equal(json_array_size(few), 500000); /* as much, and no bomb */
    json_decref(few);
    free(rows);
    free(packed);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(columns_are_no_rows_before_they_are_read), /* ahead of what takes more */
        IN_FOLDER(jsonl_gives_a_row_a_line),
        IN_FOLDER(bad_jsonl_names_file_and_line),
        IN_FOLDER(strings_are_unescaped_wherever_they_lie),
        IN_FOLDER(what_json_does_not_allow_is_refused),
        IN_FOLDER(numbers_that_json_lacks_are_null),
        IN_FOLDER(an_array_goes_by_the_name_of_lines_too),
        IN_FOLDER(many_keys_are_told_apart),
        IN_FOLDER(rows_beyond_all_bounds_are_refused),
        IN_FOLDER(only_the_columns_asked_for_are_given),
        IN_FOLDER(a_line_over_the_ceiling_is_refused),
        IN_FOLDER(json_takes_every_form_of_rows),
        IN_FOLDER(an_object_on_one_line_is_a_row),
        IN_FOLDER(a_document_stands_alone),
        IN_FOLDER(documents_have_the_same_numbers_and_depth),
        IN_FOLDER(a_document_of_many_values_is_read_from_its_columns),
        IN_FOLDER(a_large_document_is_read_row_by_row),
        IN_FOLDER(large_columns_are_read_row_by_row),
        IN_FOLDER(large_documents_that_are_no_columns_are_refused),
        IN_FOLDER(bad_json_names_file_row_and_line),
        IN_FOLDER(csv_and_tsv_are_read_as_python_reads_them),
        IN_FOLDER(csv_columns_without_a_name_are_numbered),
        IN_FOLDER(bad_csv_names_file_and_line),
        IN_FOLDER(lines_are_numbered_and_repaired),
        IN_FOLDER(packed_files_give_the_same_rows),
        IN_FOLDER(zstd_windows_have_a_ceiling),
        IN_FOLDER(windows_of_columns_have_one_ceiling),
        IN_FOLDER(bombs_and_damage_in_packed_files_are_refused),
        IN_FOLDER(a_bomb_gives_no_row_before_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

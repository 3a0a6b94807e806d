/* The program as it is run: exit codes, error documents, lines that are no requests, streams that
 * nobody reads. Its path is the first argument. */
#include "tests/evaluator/folder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/proc.h"

static const char *program;

struct ran {
    int code;
    char *out, *err;
};

static void ran_release(struct ran *r) {
    free(r->out);
    free(r->err);
    *r = (struct ran) { 0 };
}

/* Runs `assay WORDS` with this input; words are separated by single spaces. */
static struct ran assay_n(const char *words, const char *input, size_t input_n) {
    static const char *const ENV[] = { "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HF_HUB_OFFLINE=1",
        "HOME=/nonexistent", "ASSAY_HOME=/dev/null/none", "ASAN_OPTIONS=detect_leaks=1", NULL };
    char text[1024], *argv[32] = { (char *)(uintptr_t)program };
    int argc = 1;
    snprintf(text, sizeof text, "%s", words);
    for (char *rest = NULL, *word = strtok_r(text, " ", &rest); word;
         word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    struct proc_options o = { .env = ENV, .input = input, .input_n = input_n, .timeout_s = 120 };
    struct proc_result result;
    struct err err = ERR_INIT;
    assert_true(proc_run((const char *const *)argv, &o, &result, &err));
    struct ran r = { .code = result.exit_code,
        .out = xstrdup(strbuf_str(&result.out)),
        .err = xstrdup(strbuf_str(&result.err)) };
    proc_result_release(&result);
    assert_false(r.code >= 128);
    assert_null(strstr(r.err, "Sanitizer"));
    return r;
}

static struct ran assay(const char *words, const char *input) {
    return assay_n(words, input, input ? strlen(input) : 0);
}

static void expect(const char *words, int code, const char *said) {
    struct ran r = assay(words, NULL);
    if (r.code != code || (said && !strstr(r.err, said) && !strstr(r.out, said))) {
        fail_msg("assay %s: exit code %d, not %d, or it doesn't say '%s': %s", words, r.code, code,
            said, r.err);
    }
    ran_release(&r);
}

static void exit_codes_say_what_went_wrong(void **state) {
    (void)state;
    expect("", 0, "Start here");
    expect("help", 0, "Start here");
    expect("help --help", 0, "Start here");
    expect("help exit-codes", 0, "75");
    expect("help model show", 0, "assay model show");
    expect("help nothing", 2, "unknown command");
    expect("--version", 0, "assay ");
    expect("eval --version", 0, "assay ");
    expect("frobnicate", 2, "Try 'assay --help'");
    expect("model", 2, "needs a verb");
    expect("model show", 2, "Try 'assay model show --help'");
    expect("model show a b", 2, "takes no operand 'b'");
    expect("task ls --limti", 2, "unknown option");
    expect("model show ./none", 3, "./none");
    expect("model show org/none", 5, "HF_HUB_OFFLINE");
    expect("model show /dev/null", 3, "/dev/null");
    expect("model tensors ./none.gguf", 3, "none.gguf");
    expect("task show none", 3, "unknown task");
    expect("task show ./none.lua", 3, "none.lua");
    expect("task ls --tasks ./none", 3, "none");
    expect("suite show arc_easy", 0, "arc_easy");
    expect("eval ./none --no-db", 2, "no task given");
    expect("eval ./none -t none --no-db", 3, "unknown task 'none'");
    expect("eval ./none -t arc_eazy --no-db", 3, "did you mean 'arc_easy'");
    expect("tokenize ./none", 3, "none");
    expect("hub serve ./none", 3, "none");
    expect("hub serve . --port 99999", 2, "65535");
    expect("hub pull org/none --hub ftp://x", 5, NULL);
    expect("submit org/none", 2, "no suite");
    expect("result show x", 2, "not the number");
    expect("rescore", 2, "no result named");
    expect("rescore ./none", 3, "./none");
    expect("rescore x.jsonl", 3, "x.jsonl");
    expect("reproduce", 2, "needs RUN|MODEL|FILE");
    expect("reproduce ./none.json", 3, "none.json");
    expect("reproduce ./none.json --show x", 2, "--show");
    expect("result verify ./none", 3, "./none");
    expect("result verify ./none --samples -1", 2, "--samples");
    expect("task new", 2, "needs NAME");
    expect("task new x", 2, "--from questions.csv");
    expect("task new x --from ./none.csv", 3, "none.csv");
    expect("task lint ./none.lua", 3, "none.lua");
    expect("task render arc_easy --doc x", 2, "the place of a document");
    expect("task render arc_easy --doc 1 --first 2", 2, "one of --doc and --first");
    expect("task render none", 3, "unknown task");
    expect("task test ./none.lua", 3, "none.lua");
    expect("task test --freeze 3", 2, "needs a task");
    expect("task test arc_easy --freeze 0", 2, "at least one row");
}

/* A page says more than the list does, and shows a line to begin with. */
static void commands_on_results_and_tasks_have_a_page(void **state) {
    static const char *const NAMES[] = { "rescore", "reproduce", "result verify", "result show",
        "result ls", "task new", "task lint", "task render", "task test" };
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char words[60], example[60];
        snprintf(words, sizeof words, "help %s", NAMES[i]);
        snprintf(example, sizeof example, "\n  assay %s", NAMES[i]);
        expect(words, 0, example);
    }
}

static void errors_under_json_are_one_document(void **state) {
    static const char *const LINES[] = { "model show ./none --json", "frobnicate --json",
        "task ls --limti --json", "model show --json", "rescore ./none --json",
        "reproduce ./none --json", "result verify ./none --json", "task new x --json",
        "task lint ./none.lua --json", "task render none --json", "task test none --json" };
    static const int CODES[] = { 3, 2, 2, 2, 3, 3, 3, 2, 3, 3, 3 };
    (void)state;
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
        struct ran r = assay(LINES[i], NULL);
        struct err err = ERR_INIT;
        json_t *document = json_parse(r.err, strlen(r.err), "stderr", &err);
        assert_non_null(document);
        assert_string_equal(json_get_string(document, "schema", ""), "assay.error/1");
        assert_int_equal(json_get_int(document, "code", 0), CODES[i]);
        assert_int_equal(r.code, CODES[i]);
        assert_string_equal(r.out, "");
        json_decref(document);
        ran_release(&r);
    }
}

static void lists_under_json_are_one_document(void **state) {
    static const char *const LINES[] = { "task ls --json", "suite ls --json",
        "task show arc_easy --json", "suite show wordnet --json" };
    (void)state;
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
        struct ran r = assay(LINES[i], NULL);
        struct err err = ERR_INIT;
        json_t *document = json_parse(r.out, strlen(r.out), "stdout", &err);
        assert_int_equal(r.code, 0);
        assert_int_equal(strncmp(json_get_string(document, "schema", ""), "assay.", 6), 0);
        json_decref(document);
        ran_release(&r);
    }
}

/* A tokenizer of a few words, for the pipeline that needs nothing else. */
static const char TOKENIZER[] =
    "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": [], "
    "\"normalizer\": null,"
    "\"pre_tokenizer\": {\"type\": \"Whitespace\"}, \"post_processor\": null, \"decoder\": null,"
    "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": "
    "\"##\","
    "\"max_input_chars_per_word\": 100, \"vocab\": {\"[UNK]\": 0, \"hello\": 1, \"world\": 2}}}";

static char *tokenizer_words(const char *dir, const char *more) {
    struct strbuf words = { 0 };
    folder_text(dir, "tokenizer.json", TOKENIZER);
    strbuf_addf(&words, "tokenize %s/tokenizer.json%s", dir, more);
    return strbuf_take(&words);
}

static void every_line_gets_its_answer_in_its_place(void **state) {
    static const char INPUT[] = "{\"id\": 1, \"text\": \"hello world\"}\n"
                                "\n"
                                "this is not JSON\n"
                                "[1, 2]\n"
                                "{\"id\": \"x\", \"text\": 5}\n"
                                "{\"id\": [1], \"hex\": \"6g\"}\n"
                                "{\"id\": 3, \"text\": \"a\0b\"}\n"
                                "{\"id\": 4, \"id\": 5}\r\n"
                                "{\"id\": null, \"text\": \"\"}\r\n"
                                "{\"id\": 9, \"text\": \"world\"}";
    static const bool FAILS[] = { false, true, true, true, true, true, true, false, false };
    char *dir = folder_make(), *words = tokenizer_words(dir, "");
    struct ran r = assay_n(words, INPUT, sizeof INPUT - 1);
    size_t n = 0;
    (void)state;
    for (char *rest = NULL, *line = strtok_r(r.out, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest), n++) {
        struct err err = ERR_INIT;
        json_t *answer = json_parse(line, strlen(line), "answer", &err);
        assert_non_null(answer);
        assert_true(n < sizeof FAILS);
        assert_non_null(json_object_get(answer, "id"));
        assert_int_equal(json_object_get(answer, "error") != NULL, FAILS[n]);
        if (n == 0) {
            assert_int_equal(
                json_integer_value(json_array_get(json_object_get(answer, "ids"), 1)), 2);
        }
        assert_int_equal(json_is_null(json_object_get(answer, "id")),
            n == 1 || n == 2 || n == 5 || n == 6 || n == 7);
        json_decref(answer);
    }
    assert_int_equal(n, sizeof FAILS);
    assert_int_equal(r.code, 1);
    assert_non_null(strstr(r.err, "6 of the requests"));
    ran_release(&r);
    free(words);
    folder_remove(dir);
}

static void no_lines_are_no_error(void **state) {
    char *dir = folder_make(), *words = tokenizer_words(dir, "");
    struct ran r = assay(words, "");
    (void)state;
    assert_int_equal(r.code, 0);
    assert_string_equal(r.out, "");
    ran_release(&r);
    free(words);
    folder_remove(dir);
}

static void a_line_over_the_ceiling_is_refused_and_the_next_is_answered(void **state) {
    const size_t over = ((size_t)64 << 20) + 1;
    static const char LAST[] = "\n{\"id\": 2, \"text\": \"hello\"}\n";
    char *dir = folder_make(), *words = tokenizer_words(dir, ""),
         *input = xmalloc(over + sizeof LAST);
    (void)state;
    memset(input, 'x', over);
    memcpy(input + over, LAST, sizeof LAST);
    struct ran r = assay_n(words, input, over + sizeof LAST - 1);
    assert_non_null(strstr(r.out, "{\"id\": null, \"error\": \"the request is longer than"));
    assert_non_null(strstr(r.out, "{\"id\": 2, \"ids\": [1]"));
    assert_int_equal(r.code, 1);
    ran_release(&r);
    free(input);
    free(words);
    folder_remove(dir);
}

/* Runs the program with this stdout; the exit code. */
static int run_into(int out, const char *const *argv, const char *input_path) {
    pid_t pid = fork();
    if (pid == 0) {
        int in = open(input_path, O_RDONLY), quiet = open("/dev/null", O_WRONLY);
        dup2(in, 0);
        dup2(out, 1);
        dup2(quiet, 2);
        execv(program, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void output_that_nobody_reads_ends_the_pipeline(void **state) {
    char *dir = folder_make(), *input = path_join(dir, "input"),
         *tokenizer = path_join(dir, "tokenizer.json");
    struct strbuf lines = { 0 };
    int fds[2];
    (void)state;
    folder_text(dir, "tokenizer.json", TOKENIZER);
    for (int i = 0; i < 60000; i++) {
        strbuf_addf(&lines, "{\"id\": %d, \"text\": \"hello world\"}\n", i);
    }
    folder_text(dir, "input", lines.text);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    close(fds[0]);
    const char *const argv[] = { program, "tokenize", tokenizer, NULL }, *const list[] = { program,
        "task", "ls", NULL };
    assert_int_equal(run_into(fds[1], argv, input), 1);
    assert_int_equal(run_into(fds[1], list, "/dev/null"), 1);
    close(fds[1]);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full >= 0) {
        assert_int_equal(run_into(full, list, "/dev/null"), 1);
        close(full);
    }
    strbuf_release(&lines);
    free(input);
    free(tokenizer);
    folder_remove(dir);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        return 77;
    }
    program = argv[1];
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_say_what_went_wrong),
        cmocka_unit_test(commands_on_results_and_tasks_have_a_page),
        cmocka_unit_test(errors_under_json_are_one_document),
        cmocka_unit_test(lists_under_json_are_one_document),
        cmocka_unit_test(every_line_gets_its_answer_in_its_place),
        cmocka_unit_test(no_lines_are_no_error),
        cmocka_unit_test(a_line_over_the_ceiling_is_refused_and_the_next_is_answered),
        cmocka_unit_test(output_that_nobody_reads_ends_the_pipeline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/site-gen/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "site-gen/press.h"
#include "site-gen/escape.h"
#include "site-gen/template.h"

/* Prints one template with d = data, at depth 1; the caller frees. NULL with *err where it fails.
 */
static char *print_with(const char *text, json_t *data, struct err *err) {
    const struct embedded table[] = {
        { "x.html", (const unsigned char *)text, strlen(text) },
        { "part.html", (const unsigned char *)"<i>{{ d }}</i>", 14 },
        { "lib.lua", (const unsigned char *)"function twice(s) return s .. s end", 35 },
        { 0 },
    };
    json_t *site = json_pack("{s:s}", "title", "T&T");
    struct press *press = press_open(table, site, err);
    struct print_job job = {
        .template = "x.html", .path = "/a/", .data = data, .links = { .depth = 1, .root = "/" }
    };
    struct strbuf out = { 0 };
    bool ok = press && press_print_bare(press, &job, &out, err);
    press_close(press);
    json_decref(site);
    json_decref(data);
    if (!ok) {
        strbuf_release(&out);
        return NULL;
    }
    return strbuf_take(&out);
}

static void assert_prints(const char *text, json_t *data, const char *expected) {
    struct err err = ERR_INIT;
    char *got = print_with(text, data, &err);
    if (!got)
        fail_msg("%s", err.msg);
    assert_string_equal(got, expected);
    free(got);
}

static void assert_refused(const char *text, const char *message) {
    struct err err = ERR_INIT;
    char *got = print_with(text, json_pack("{s:s}", "x", "v"), &err);
    assert_null(got);
    if (!strstr(err.msg, message))
        fail_msg("'%s' does not hold '%s'", err.msg, message);
}

static json_t *x(const char *text) {
    return json_pack("{s:s}", "x", text);
}

static void fault_99_expressions_are_escaped_by_the_place_where_they_stand(void **state) {
    (void)state;
    assert_prints("<p>{{ d.x }}</p>", x("<b>&\"'"), "<p>&lt;b&gt;&amp;&quot;&#39;</p>");
    assert_prints(
        "<p title=\"a {{ d.x }}\"></p>", x("\"><b>"), "<p title=\"a &quot;&gt;&lt;b&gt;\"></p>");
    assert_prints("<title>{{ d.x }}</title>", x("</title>\xE2\x80\xAE"),
        "<title>&lt;/title&gt;[U+202E]</title>");
    assert_prints("<p>{{ site.title }}</p>", x(""), "<p>T&amp;T</p>");
    assert_prints("<p>{{ twice(d.x) }} {{ 3 }}</p>", x("<"), "<p>&lt;&lt; 3</p>");
}

static void fault_104_links_are_relative_or_https_and_nothing_else(void **state) {
    (void)state;
    static const struct {
        const char *link, *printed;
    } LINKS[] = { { "/s/x/", "../s/x/" }, { "#a", "#a" }, { "?q=1&b", "?q=1&amp;b" },
        { "https://a.b/c d\"", "https://a.b/c%20d%22" }, { "javascript:alert(1)", "#" },
        { "JAVASCRIPT:alert(1)", "#" }, { "data:text/html,x", "#" }, { "//evil.example", "#" },
        { "/\\evil.example", "#" }, { "http://a.b", "#" }, { " https://a.b", "#" }, { "", "#" } };
    for (size_t i = 0; i < sizeof LINKS / sizeof *LINKS; i++) {
        char expected[100];
        snprintf(expected, sizeof expected, "<a href=\"%s\">t</a>", LINKS[i].printed);
        assert_prints("<a href=\"{{ d.x }}\">t</a>", x(LINKS[i].link), expected);
    }
    assert_prints("<a href=\"/s/x.css\">t</a>", x(""), "<a href=\"../s/x.css\">t</a>");
}

static void hidden_characters_are_shown(void **state) {
    (void)state;
    assert_prints("<p>{{ d.x }}</p>",
        x("a\xE2\x80\xAE"
          "b\xE2\x80\x8B\x01"),
        "<p>a<span class=\"cp\">U+202E</span>b<span class=\"cp\">U+200B</span>"
        "<span class=\"cp\">U+0001</span></p>");
    assert_prints("<p>{{ d.x }}</p>", x("\xC3\xA9\xE2\x80\xA6\n"), "<p>\xC3\xA9\xE2\x80\xA6\n</p>");
}

static void fault_99_markup_comes_from_templates_alone(void **state) {
    (void)state;
    assert_prints("<p>{{ include(\"part.html\", d.x) }}</p>", x("<"), "<p><i>&lt;</i></p>");
    assert_refused("<p title=\"{{ include('part.html', d.x) }}\"></p>", "cannot be printed");
    assert_refused("<p>{{ include('none.html') }}</p>", "no template 'none.html'");
}

static void statements_leave_no_lines_behind(void **state) {
    (void)state;
    assert_prints("<ul>\n  {% for i = 1, 2 do %}\n<li>{{ i }}</li>\n  {% end %}\n</ul>\n", x(""),
        "<ul>\n<li>1</li>\n<li>2</li>\n</ul>\n");
    assert_prints("a{# not shown #}b{% local y = 1 %}c{{ y }}", x(""), "abc1");
}

static void fault_99_what_cannot_be_escaped_is_refused(void **state) {
    (void)state;
    assert_refused("<p {{ d.x }}></p>", "x.html:1: an expression in a tag");
    assert_refused("<!-- {{ d.x }} -->", "x.html:1: an expression in a comment");
    assert_refused("\n<script>{{ d.x }}</script>", "x.html:2: an expression in a script");
    assert_refused("<script>alert(1)</script>", "a script with content");
    assert_refused("<style>p{}</style>", "a <style> element");
    assert_refused("<p style=\"color:red\"></p>", "content security policy");
    assert_refused("<p onclick=\"{{ d.x }}\"></p>", "content security policy");
    assert_refused("<p class='{{ d.x }}'></p>", "without double quotes");
    assert_refused("<p class={{ d.x }}></p>", "without double quotes");
    assert_refused("<a href=\"/m/{{ d.x }}/\">t</a>", "text beside an expression in a link");
    assert_refused("<a href=\"{{ d.x }}/y\">t</a>", "text beside an expression in a link");
    assert_refused("<p>{{ __literal('<b>') }}</p>", "the compiler's own");
    assert_refused("<p", "ends within a tag");
}

static void errors_name_template_and_line(void **state) {
    (void)state;
    assert_refused("<p>\n\n{{ d.nothing.more }}</p>", "x.html:3:");
    assert_refused("<p>\n{{ d.nothing }}</p>", "x.html:2:");
    assert_refused("<p>\n{% local 1 %}\n</p>", "x.html:2:");
    assert_refused("<p>\n\n\n{{ d.x", "x.html:4: '{{' without '}}'");
    assert_refused("<p>{% for %}", "x.html:1:");
    assert_refused("{% while true do end %}", "instruction budget");
}

/* Marks that pile up on a letter end after six; what languages write is left alone. */
static void a_heap_of_marks_is_cut(void **state) {
    static const char MARK[] = "\xCD\x94", TWO[] = "e\xCC\x82\xCC\x81";
    struct strbuf text = { 0 }, out = { 0 }, want = { 0 };
    (void)state;
    for (int k = 0; k < 2; k++) {
        strbuf_adds(&text, "Z");
        strbuf_adds(&want, "Z");
        for (int i = 0; i < 500; i++)
            strbuf_adds(&text, MARK);
        for (int i = 0; i < 6; i++)
            strbuf_adds(&want, MARK);
        strbuf_adds(&want, "\xE2\x80\xA6");
    }
    strbuf_adds(&text, TWO);
    strbuf_adds(&want, TWO);
    escape_text(&out, text.text, text.len);
    assert_string_equal(out.text, want.text);
    strbuf_release(&text);
    strbuf_release(&out);
    strbuf_release(&want);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heap_of_marks_is_cut),
        cmocka_unit_test(fault_99_expressions_are_escaped_by_the_place_where_they_stand),
        cmocka_unit_test(fault_104_links_are_relative_or_https_and_nothing_else),
        cmocka_unit_test(hidden_characters_are_shown),
        cmocka_unit_test(fault_99_markup_comes_from_templates_alone),
        cmocka_unit_test(statements_leave_no_lines_behind),
        cmocka_unit_test(fault_99_what_cannot_be_escaped_is_refused),
        cmocka_unit_test(errors_name_template_and_line),
    };
    return cmocka_run_group_tests_name("site-gen.template", tests, NULL, NULL);
}

#include "tests/site-gen/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/proc.h"
#include "site-gen/plot.h"
#include "site-gen/view.h"

static json_t *row(const char *name) {
    return json_pack(
        "{s:{s:s, s:s, s:s}}", "model", "name", name, "short", name, "path", "/m/org/x/");
}

static bool rewrite(const char *svg, json_t *of, struct strbuf *out, struct err *err) {
    const struct plot_point point = { 1e6, 50, 45, 55, of };
    const struct link_base links = { .depth = 2, .root = "/" };
    bool ok = plot_rewrite(svg, strlen(svg), &point, 1, &links, out, err);
    json_decref(of);
    return ok;
}

#define MARK                                                                                       \
    "<use xlink:href='#gpPt6' transform='translate(3.25,4.75) scale(4.50)' color='rgb(  1,   1,  " \
    "17)'/>"

static void what_gnuplot_draws_is_written_anew(void **state) {
    (void)state;
    struct strbuf out = { 0 };
    assert_ok(rewrite(
        "<?xml version='1.0'?><svg onload='x'><title>t</title><desc>gnuplot 5.4</desc>"
        "<defs><path d='evil'/></defs><script>alert(1)</script><foreignObject/>"
        "<g transform=\"translate(1,2)\" fill=\"rgb(1,1,2)\" text-anchor=\"end\"><text> 30 "
        "</text></g>"
        "<path stroke='rgb(  1,   1,   3)' onclick='x' d='M64.14,262.46 L694.82,18.0  '/>" MARK,
        row("a"), &out, &err));
    assert_non_null(strstr(out.text, "<path class=\"p-grid\" d=\"M64.1,262.5 L694.8,18.0  \"/>"));
    assert_non_null(strstr(out.text,
        "<text class=\"p-muted\" text-anchor=\"end\" transform=\"translate(1.0,2.0)\">30"));
    assert_non_null(
        strstr(out.text, "<a href=\"../../m/org/x/\"><title>a: 50.0 \xC2\xB1 5.0</title><circle"));
    assert_null(strstr(out.text, "onload"));
    assert_null(strstr(out.text, "onclick"));
    assert_null(strstr(out.text, "script"));
    assert_null(strstr(out.text, "evil"));
    assert_null(strstr(out.text, "5.4"));
    strbuf_release(&out);
}

static void fault_101_names_are_escaped(void **state) {
    (void)state;
    struct strbuf out = { 0 };
    assert_ok(rewrite("<svg>" MARK, row("</title><script>\xE2\x80\xAE"), &out, &err));
    assert_null(strstr(out.text, "<script>"));
    assert_non_null(strstr(out.text, "&lt;/title&gt;&lt;script&gt;[U+202E]"));
    strbuf_release(&out);
}

static void other_drawings_are_refused(void **state) {
    (void)state;
    static const char *const ODD[] = { "<svg><path stroke='red' d='M1,1 L2,2'/>" MARK,
        "<svg><path stroke='rgb(1,1,3)' d='M1,1 L2,2 url(x)'/>" MARK, "<svg>", "<svg>" MARK MARK,
        "<svg><use transform='rotate(3)' color='rgb(1,1,17)'/>" };
    for (size_t i = 0; i < sizeof ODD / sizeof *ODD; i++) {
        struct strbuf out = { 0 };
        struct err err = ERR_INIT;
        assert_false(rewrite(ODD[i], row("a"), &out, &err));
        strbuf_release(&out);
    }
}

static void fault_101_gnuplot_is_told_numbers_alone(void **state) {
    (void)state;
    json_t *a = row("`touch /tmp/assay-pwned`"), *b = row("$(id)");
    const struct plot_point points[] = { { 2e7, 40, 35, 45, a }, { 3e9, 50, 45, 55, b } };
    struct strbuf script = { 0 };
    plot_script(points, 2, &script);
    assert_null(strchr(script.text, '`'));
    assert_null(strstr(script.text, "$("));
    assert_non_null(strstr(script.text, "2e+07 40 35 45\n3e+09 50 45 55\n"));
    assert_non_null(strstr(script.text, "'30M' 3e+07, '100M' 1e+08"));
    strbuf_release(&script);
    json_decref(a);
    json_decref(b);
}

static void boards_have_their_figures_where_gnuplot_is(void **state) {
    (void)state;
    struct world world;
    struct plots plots = { 0 }, without = { 0 };
    const struct link_base links = { .depth = 2, .root = "/" };
    json_t *doc = fixture_demo();
    assert_ok(world_init(&world, doc, NULL, &err));
    json_t *boards =
        json_pack("[o]", view_board(&world, json_array_get(json_object_get(doc, "suites"), 0)));
    plots_draw(&without, "/nonexistent/gnuplot", boards, &links);
    assert_int_equal(without.n, 0);
    assert_true(*without.note);
    plots_release(&without);
    char *program = proc_find("gnuplot", NULL);
    plots_draw(&plots, program ? program : "", boards, &links);
    assert_int_equal(plots.n, program ? 2 : 0);
    if (program)
        assert_non_null(strstr(plots.svg[0][0].text, "all-MiniLM-L6-v2-3L"));
    else
        assert_true(*plots.note);
    plots_release(&plots);
    free(program);
    json_decref(boards);
    world_release(&world);
    json_decref(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_gnuplot_draws_is_written_anew),
        cmocka_unit_test(fault_101_names_are_escaped),
        cmocka_unit_test(other_drawings_are_refused),
        cmocka_unit_test(fault_101_gnuplot_is_told_numbers_alone),
        cmocka_unit_test(boards_have_their_figures_where_gnuplot_is),
    };
    return cmocka_run_group_tests_name("site-gen.plot", tests, NULL, NULL);
}

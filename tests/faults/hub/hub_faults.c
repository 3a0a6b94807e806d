/* Faults 49 to 67: a hub that lies, and what a pull makes of it. An argument names the cases that
 * are wanted (fault_60*), or is 'slow'. */
#include "tests/evaluator/folder.h"

#include <curl/curl.h>
#include <signal.h>
#include <time.h>

#include "base/hash.h"
#include "base/progress.h"
#include "evaluator/hub/client_parts.h"
#include "evaluator/hub/hub.h"
#include "evaluator/hub/pull.h"
#include "evaluator/hub/retry.h"
#include "tests/faults/hub/hostile.h"

#define FILES "/org/m/resolve/" HOSTILE_COMMIT "/"
#define MODEL FILES "model.safetensors"
#define CONFIG FILES "config.json"
#define LARGE FILES "large.gguf"
#define INFO "/api/models/org/m/revision/"
#define TREE "/api/models/org/m/tree/"
#define MODEL_BYTES (5u << 20)  // kept across processes, one piece
#define LARGE_BYTES (40u << 20) // two pieces
#define END                                                                                        \
    { NULL, DEED_NONE, 0, NULL, 0 }

static struct fixture {
    struct hostile hub, other;
    struct hostile_file files[3];
    uint8_t *bytes;
    char *cache, *home;
} fix;

static void fill(uint8_t *bytes, size_t n) {
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i + 8 <= n; i += 8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(bytes + i, &x, 8);
    }
}

static int start(void **state) {
    (void)state;
    fix.bytes = xmalloc(LARGE_BYTES);
    fill(fix.bytes, LARGE_BYTES);
    fix.files[0] =
        (struct hostile_file) { .path = "config.json", .data = "{\"a\": 1}\n", .size = 9 };
    fix.files[1] = (struct hostile_file) {
        .path = "model.safetensors", .data = fix.bytes, .size = MODEL_BYTES, .lfs = true
    };
    fix.files[2] = (struct hostile_file) {
        .path = "large.gguf", .data = fix.bytes, .size = LARGE_BYTES, .lfs = true
    };
    hostile_start(&fix.hub, fix.files, 2, 0);
    hostile_start(&fix.other, fix.files, 3, 0);
    return 0;
}

static int stop(void **state) {
    (void)state;
    hostile_stop(&fix.hub);
    hostile_stop(&fix.other);
    free(fix.bytes);
    return 0;
}

/* An empty cache, no breaker, and a hub that tells the truth. */
static int begin(void **state) {
    (void)state;
    fix.cache = folder_make();
    fix.home = folder_make();
    setenv("HF_HUB_CACHE", fix.cache, 1);
    setenv("ASSAY_HOME", fix.home, 1);
    fix.hub.files = fix.files;
    fix.hub.n_files = 2;
    hostile_rules(&fix.hub, NULL);
    hostile_rules(&fix.other, NULL);
    return 0;
}

static int end(void **state) {
    (void)state;
    folder_remove(fix.cache);
    folder_remove(fix.home);
    return 0;
}

static char *pull_at(const char *revision, struct err *err) {
    struct pull p = { .endpoint = fix.hub.url,
        .kind = REPO_MODEL,
        .repo = "org/m",
        .revision = revision,
        .retry_ms = 1 };
    *err = (struct err)ERR_INIT;
    return pull_snapshot(&p, NULL, err);
}

static char *pull(const struct rule *rules, struct err *err) {
    hostile_rules(&fix.hub, rules);
    return pull_at(NULL, err);
}

static void same_file(const char *dir, const struct hostile_file *f) {
    char *path = path_join(dir, f->path), hex[65];
    struct err err = ERR_INIT;
    assert_true(f->lfs ? sha256_file(path, hex, &err) : git_blob_file(path, hex, &err));
    assert_string_equal(hex, f->etag);
    free(path);
}

/* It arrives, and is what it was. */
static void arrives(const struct rule *rules) {
    struct err err;
    char *dir = pull(rules, &err);
    if (!dir) {
        fail_msg("%s", err.msg);
    }
    for (size_t i = 0; i < fix.hub.n_files; i++) {
        same_file(dir, &fix.hub.files[i]);
    }
    free(dir);
}

/* It does not arrive, and *err says why; nothing stands under the name of what is wrong. */
static void is_refused(const struct rule *rules, enum err_class class, struct err *err) {
    char blob[128];
    char *dir = pull(rules, err);
    assert_null(dir);
    if (err->class != class) {
        fail_msg("another class: %s: %s", err_info(err->class)->name, err->msg);
    }
    for (size_t i = 0; i < 2; i++) {
        const struct hostile_file *f = &fix.files[i];
        snprintf(blob, sizeof blob, "models--org--m/blobs/%s", f->etag);
        if (rules[0].prefix[1] == 'a' || strstr(rules[0].prefix, f->path)) {
            assert_false(folder_has(fix.cache, blob));
        }
    }
}

static void again(void) {
    end(NULL);
    begin(NULL);
}

static void fault_49_a_body_that_ends_early_is_gone_on_with(void **state) {
    static const uint64_t CUTS[] = { 0, 1, 100000, MODEL_BYTES / 2, MODEL_BYTES - 1 };
    (void)state;
    for (size_t i = 0; i < sizeof CUTS / sizeof *CUTS; i++) {
        struct rule rules[] = { { MODEL, DEED_CUT, CUTS[i], NULL, 3 },
            { CONFIG, DEED_CUT, 4, NULL, 1 }, END };
        arrives(rules);
        assert_true(fix.hub.body_bytes <= MODEL_BYTES + MODEL_BYTES / 20);
        again();
    }
    struct rule always[] = { { MODEL, DEED_CUT, 0, NULL, 0 }, END };
    struct err err;
    is_refused(always, ERR_NETWORK, &err);
    assert_int_equal(fix.hub.used[0], 4);
}

static void fault_49_many_cuts_in_several_pieces_cost_nothing(void **state) {
    (void)state;
    struct rule rules[] = { { LARGE, DEED_CUT, 3000000, NULL, 0 }, END };
    fix.hub.n_files = 3;
    arrives(rules);
    assert_true(fix.hub.body_bytes <= (MODEL_BYTES + LARGE_BYTES) / 20 * 21);
}

static void fault_50_a_flipped_bit_is_found_and_fetched_anew(void **state) {
    static struct hostile_file small[1] = {
        { .path = "model.safetensors", .size = 65536, .lfs = true }
    };
    struct err err;
    (void)state;
    small[0].data = fix.bytes;
    sha256_hex(fix.bytes, small[0].size, small[0].etag);
    for (uint64_t i = 0; i < 64; i++) {
        fix.hub.files = small;
        fix.hub.n_files = 1;
        struct rule rules[] = { { MODEL, DEED_FLIP, i * 8192 + i % 8, NULL, 1 }, END };
        arrives(rules);
        assert_int_equal(fix.hub.used[0], 1);
        again();
    }
    struct rule once[] = { { MODEL, DEED_CUT, 1000000, NULL, 1 },
        { MODEL, DEED_FLIP, 4000000 * 8, NULL, 1 }, END };
    arrives(once); /* of a file that came in two parts, too */
    again();
    struct rule always[] = { { MODEL, DEED_FLIP, 4711, NULL, 0 }, END };
    is_refused(always, ERR_INPUT, &err);
    assert_non_null(strstr(err.msg, "other bytes"));
    assert_int_equal(fix.hub.used[0], 3);
    char *partials = path_join(fix.home, "cache/partial");
    assert_int_equal(rmdir(partials), 0); /* and none of it is left to be gone on with */
    free(partials);
}

static void fault_51_a_small_file_that_was_altered_is_found(void **state) {
    struct rule always[] = { { CONFIG, DEED_FLIP, 13, NULL, 0 }, END };
    struct err err;
    (void)state;
    is_refused(always, ERR_INPUT, &err);
    assert_non_null(strstr(err.msg, "config.json"));
}

static void fault_52_a_range_that_was_not_asked_for_is_not_taken(void **state) {
    static const enum deed DEEDS[] = { DEED_OTHER_RANGE, DEED_WHOLE };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct rule rules[] = { { MODEL, DEED_CUT, 1000000, NULL, 1 },
            { MODEL, DEEDS[i], 4096, NULL, 0 }, END };
        arrives(rules);
        again();
        fix.hub.n_files = 3;
        struct rule pieces[] = { { LARGE, DEEDS[i], 4096, NULL, 0 }, END };
        arrives(pieces);
        assert_true(fix.hub.body_bytes <= MODEL_BYTES + LARGE_BYTES + (8u << 20));
        again();
    }
}

static void fault_53_a_range_that_cannot_be_had_begins_anew(void **state) {
    struct rule rules[] = { { MODEL, DEED_CUT, 1000000, NULL, 1 }, { MODEL, DEED_416, 0, NULL, 2 },
        END };
    (void)state;
    arrives(rules);
}

static void fault_54_a_file_that_changed_meanwhile_is_asked_for_again(void **state) {
    struct rule rules[] = { { MODEL, DEED_CUT, 1000000, NULL, 1 },
        { MODEL, DEED_FLIP, 4000000 * 8, NULL, 1 }, END };
    (void)state;
    arrives(rules);
    assert_string_equal(fix.hub.last_path, MODEL); /* of the commit, whatever the branch is now */
}

static void fault_55_a_hub_that_goes_silent_is_left(void **state) {
    struct rule rules[] = { { MODEL, DEED_SILENT_BODY, 100000, NULL, 1 },
        { INFO, DEED_SILENT_HEAD, 0, NULL, 1 }, END };
    (void)state;
    arrives(rules);
    assert_int_equal(fix.hub.used[0], 1);
    assert_int_equal(fix.hub.used[1], 1);
    assert_true(fix.hub.body_bytes <= MODEL_BYTES + MODEL_BYTES / 20);
}

static void fault_55_silence_of_each_kind_ends(void **state) {
    static const enum deed DEEDS[] = { DEED_SILENT_HEAD, DEED_ENDLESS_HEAD, DEED_SILENT_BODY };
    struct err err;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct rule rules[] = { { MODEL, DEEDS[i], 100000, NULL, 1 },
            { INFO, DEEDS[i], 4, NULL, 1 }, END };
        arrives(rules);
        again();
    }
    struct rule always[] = { { MODEL, DEED_SILENT_BODY, 0, NULL, 0 }, END };
    is_refused(always, ERR_NETWORK, &err);
    assert_non_null(strstr(err.hint, "HF_HUB_DOWNLOAD_TIMEOUT"));
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void fault_56_retry_after_is_heeded_up_to_a_bound(void **state) {
    struct rule wait[] = { { INFO, DEED_STATUS, 429, "Retry-After: 1\r\n", 1 },
        { MODEL, DEED_STATUS, 429, "RateLimit: \"api\";r=0;t=1\r\n", 1 }, END };
    (void)state;
    int64_t begun = now_ms();
    arrives(wait);
    assert_true(now_ms() - begun >= 2000); /* it was waited for as long as was asked */
    again();
    static const char *const FAR[] = { "Retry-After: 999999999\r\n",
        "Retry-After: 99999999999999999999999999\r\n",
        "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n" };
    for (size_t i = 0; i < 3; i++) {
        struct rule far[] = { { INFO, DEED_STATUS, 429, FAR[i], 0 }, END };
        struct err err;
        is_refused(far, ERR_NETWORK, &err);
        assert_non_null(strstr(err.msg, "left alone for 86400 seconds"));
        assert_int_equal(fix.hub.n_requests, 1);
        is_refused(far, ERR_NETWORK, &err); /* whoever comes next does not even ask */
        assert_int_equal(fix.hub.n_requests, 0);
        again();
    }
    static const char *const JUNK[] = { "Retry-After: -1\r\n", "Retry-After: soon\r\n",
        "Retry-After: \r\n", "Retry-After: 1.5\r\n", "Retry-After: 0x10\r\n",
        "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "RateLimit: \"api\";r=7;t=600\r\n",
        "RateLimit: r=;t=\r\n" };
    for (size_t i = 0; i < sizeof JUNK / sizeof *JUNK; i++) {
        struct rule junk[] = { { INFO, DEED_STATUS, 429, JUNK[i], 0 }, END };
        struct err err;
        is_refused(junk, ERR_NETWORK, &err);
        assert_int_equal(fix.hub.n_requests, 4);
        again();
    }
}

static void fault_56_each_form_is_read_as_it_is_meant(void **state) {
    (void)state;
    time_t now = 1700000000;
    assert_int_equal(retry_after_parse("5", now), 5);
    assert_int_equal(retry_after_parse(" 120 ", now), 120);
    assert_int_equal(retry_after_parse("Tue, 14 Nov 2023 22:13:50 GMT", now), 30);
    assert_int_equal(retry_after_parse("Tue, 14 Nov 2023 22:13:10 GMT", now), 0);
    assert_int_equal(retry_after_parse("86401", now), 86400);
    assert_int_equal(retry_after_parse("-1", now), -1);
    assert_int_equal(retry_after_parse("", now), -1);
    assert_int_equal(retry_after_parse("5 minutes", now), 5);
    assert_int_equal(retry_after_parse("Tuesday", now), -1);
    assert_int_equal(retry_limit_parse("\"api\";r=0;t=55"), 55);
    assert_int_equal(retry_limit_parse("\"api\"; t=55; r=0"), 55);
    assert_int_equal(retry_limit_parse("\"api\";r=3;t=55"), -1);
    assert_int_equal(retry_limit_parse("\"api\";r=0"), -1);
    assert_int_equal(retry_limit_parse("\"api\";r=0;t=99999999999"), 86400);
}

/* Eight who want the same model at once: one asks, is told to go away, and the others don't ask. */
static void fault_57_a_storm_is_not_answered_by_a_herd(void **state) {
    struct rule storm[] = { { "/", DEED_STATUS, 503, "Retry-After: 600\r\n", 0 }, END };
    struct err err;
    (void)state;
    hostile_rules(&fix.hub, storm);
    for (int i = 0; i < 8; i++) {
        assert_null(pull_at(NULL, &err));
        assert_int_equal(err.class, ERR_NETWORK);
    }
    assert_int_equal(fix.hub.n_requests, 1);
    again();
    static const unsigned STATUS[] = { 500, 502, 503, 504, 408 };
    for (size_t i = 0; i < 5; i++) {
        struct rule flapping[] = { { INFO, DEED_STATUS, STATUS[i], NULL, 2 },
            { MODEL, DEED_STATUS, STATUS[i], NULL, 3 }, { TREE, DEED_STATUS, STATUS[i], NULL, 1 },
            END };
        arrives(flapping);
        again();
        struct rule always[] = { { MODEL, DEED_STATUS, STATUS[i], NULL, 0 }, END };
        is_refused(always, ERR_NETWORK, &err);
        assert_int_equal(fix.hub.used[0], 4);
        again();
    }
}

static void fault_57_backoffs_are_spread_over_all_of_their_time(void **state) {
    unsigned early = 0, late = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t ms = retry_backoff_ms(1000, 2);
        assert_true(ms >= 0 && ms <= 16000);
        early += ms < 4000;
        late += ms > 12000;
        assert_true(retry_backoff_ms(1000, 40) <= 30000);
        int64_t asked = retry_asked_ms(8);
        assert_true(asked >= 8000 && asked <= 10000);
    }
    assert_true(early > 150 && late > 150);
}

static void fault_58_what_is_forbidden_or_gone_says_what_to_do(void **state) {
    static const struct {
        unsigned status;
        const char *headers;
        enum err_class class;
        const char *says;
    } CASES[] = {
        { 401, "X-Error-Code: GatedRepo\r\n", ERR_AUTH, "/org/m" },
        { 403, "X-Error-Code: GatedRepo\r\n", ERR_AUTH, "ask for access at http" },
        { 401, "X-Error-Code: RepoNotFound\r\n", ERR_AUTH, "check its name" },
        { 401, "", ERR_AUTH, "HF_TOKEN" },
        { 403, "", ERR_AUTH, "HF_TOKEN" },
        { 404, "X-Error-Code: RepoNotFound\r\n", ERR_NOT_FOUND, "" },
        { 410, "", ERR_NOT_FOUND, "" },
        { 451, "", ERR_FAILED, "will not help" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct rule info[] = { { INFO, DEED_STATUS, CASES[i].status, CASES[i].headers, 0 }, END };
        struct rule file[] = { { MODEL, DEED_STATUS, CASES[i].status, CASES[i].headers, 0 }, END };
        struct err err;
        is_refused(info, CASES[i].class, &err);
        assert_non_null(strstr(err.hint, CASES[i].says));
        assert_int_equal(fix.hub.n_requests, 1);
        is_refused(file, CASES[i].class, &err);
        assert_non_null(strstr(err.hint, CASES[i].says));
        assert_int_equal(fix.hub.used[0], 1);
        again();
    }
}

static void fault_59_redirects_end_and_lead_nowhere_inside(void **state) {
    static const char *const REFUSED[] = { "file:///etc/passwd", "gopher://127.0.0.1/",
        "ftp://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/",
        "http://user:pw@127.0.0.1:1/", "http://0.0.0.0:1/", "http://[::ffff:169.254.169.254]/" };
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        struct rule info[] = { { INFO, DEED_REDIRECT, 302, REFUSED[i], 0 }, END };
        struct rule file[] = { { MODEL, DEED_REDIRECT, 302, REFUSED[i], 0 }, END };
        is_refused(info, ERR_NETWORK, &err);
        assert_int_equal(fix.hub.n_requests, 1);
        is_refused(file, ERR_NETWORK, &err);
        assert_int_equal(fix.hub.used[0], 1);
        again();
    }
    struct rule loop[] = { { MODEL, DEED_REDIRECT, 302, MODEL, 0 }, END };
    is_refused(loop, ERR_NETWORK, &err);
    assert_int_equal(fix.hub.used[0], 6);
    again();
    struct rule relative[] = { { MODEL, DEED_REDIRECT, 307, "/elsewhere/model.safetensors", 0 },
        END };
    arrives(relative);
}

/* A hub that is not on this machine leads to it: no connection is made. */
static void fault_59_a_public_hub_leads_to_no_private_address(void **state) {
    struct err err = ERR_INIT;
    struct client *c = client_open("https://hub.example", 1, &err);
    struct strbuf text = { 0 };
    struct sink sink = { .text = &text, .max = 1000 };
    struct reply reply = { .retry_after = -1 };
    char url[128];
    (void)state;
    snprintf(url, sizeof url, "%s/elsewhere/config.json", fix.other.url);
    assert_false(client_follow(c, url, true, &sink, &reply, NULL, &err));
    assert_non_null(strstr(err.msg, "inside this network"));
    snprintf(
        url, sizeof url, "http://localhost%s/elsewhere/config.json", strrchr(fix.other.url, ':'));
    assert_false(client_follow(c, url, true, &sink, &reply, NULL, &err)); /* by name, after DNS */
    assert_int_equal(fix.other.n_requests, 0);
    client_close(c);
    assert_false(address_allowed(ADDRESS_PUBLIC, ADDRESS_LOOPBACK));
    assert_false(address_allowed(ADDRESS_PUBLIC, ADDRESS_PRIVATE));
    assert_false(address_allowed(ADDRESS_PRIVATE, ADDRESS_LOOPBACK));
    assert_true(address_allowed(ADDRESS_PRIVATE, ADDRESS_PRIVATE));
    assert_false(address_allowed(ADDRESS_LOOPBACK, ADDRESS_NEVER));
}

static void fault_60_the_token_stays_with_the_hub(void **state) {
    char to[128], large[128];
    (void)state;
    setenv("HF_TOKEN", "hf_CANARYcanaryCANARYcanary", 1);
    snprintf(to, sizeof to, "%s/elsewhere/model.safetensors", fix.other.url);
    snprintf(large, sizeof large, "%s/elsewhere/large.gguf", fix.other.url);
    struct rule rules[] = { { MODEL, DEED_REDIRECT, 302, to, 0 },
        { LARGE, DEED_REDIRECT, 302, large, 0 }, END };
    fix.hub.n_files = 3;
    arrives(rules);
    unsetenv("HF_TOKEN");
    assert_int_equal(fix.hub.n_authorized, fix.hub.n_requests);
    assert_true(fix.other.n_requests >= 3); /* a file in one part, and one in two */
    assert_int_equal(fix.other.n_authorized, 0);
    assert_int_equal(fix.hub.used[1], 1); /* the place of a file is asked for once */
}

static void fault_61_no_body_is_longer_than_it_may_be(void **state) {
    static const char *const PATHS[] = { INFO, TREE, MODEL, CONFIG };
    static const struct {
        enum deed deed;
        uint64_t n;
    } DEEDS[] = { { DEED_CHUNKED, 0 }, { DEED_LIE_LENGTH, 1000000000 }, { DEED_GZIP, 0 } };
    struct err err;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 3; k++) {
            bool file = i >= 2;
            if (!file && DEEDS[k].deed == DEED_LIE_LENGTH) {
                continue;
            }
            struct rule rules[] = { { PATHS[i], DEEDS[k].deed, DEEDS[k].n, NULL, 0 }, END };
            char *dir = pull(rules, &err);
            assert_null(dir);
            assert_true(err.class == ERR_INPUT || err.class == ERR_NETWORK);
            if (file) {
                assert_true(fix.hub.body_bytes < 6 * (MODEL_BYTES + (1u << 20)));
            }
            again();
        }
    }
    struct rule longer[] = { { MODEL, DEED_LONG, 1, NULL, 0 }, END };
    is_refused(longer, ERR_INPUT, &err);
    again();
    struct rule shorter[] = { { CONFIG, DEED_SHORT, 1, NULL, 0 }, END };
    is_refused(shorter, ERR_INPUT, &err);
}

static void fault_62_headers_have_a_bound(void **state) {
    static const char *const PATHS[] = { INFO, TREE, MODEL };
    struct err err;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct rule line[] = { { PATHS[i], DEED_LONG_HEADER, 1 << 20, NULL, 0 }, END };
        struct rule many[] = { { PATHS[i], DEED_MANY_HEADERS, 100000, NULL, 0 }, END };
        is_refused(line, ERR_NETWORK, &err);
        again();
        is_refused(many, ERR_NETWORK, &err);
        assert_non_null(strstr(err.msg, "bytes of headers"));
        again();
    }
}

static void fault_63_a_listing_ends(void **state) {
    struct rule large[] = { { TREE, DEED_PAGES, 5000, NULL, 0 }, END };
    struct rule endless[] = { { TREE, DEED_PAGES, 1, NULL, 0 }, END };
    struct rule circle[] = { { TREE, DEED_CIRCLE, 1, NULL, 0 }, END };
    struct err err;
    (void)state;
    is_refused(large, ERR_INPUT, &err);
    assert_non_null(strstr(err.msg, "20000 files"));
    assert_int_equal(fix.hub.used[0], 5);
    is_refused(endless, ERR_INPUT, &err);
    assert_non_null(strstr(err.msg, "200 pages"));
    assert_int_equal(fix.hub.used[0], 200);
    is_refused(circle, ERR_INPUT, &err);
    assert_non_null(strstr(err.msg, "circle"));
    assert_int_equal(fix.hub.used[0], 2);
}

struct listed {
    unsigned n;
    char last[200];
};

static bool take_listed(const json_t *entry, void *arg, bool *go_on, struct err *err) {
    struct listed *l = arg;
    (void)err;
    l->n++;
    snprintf(l->last, sizeof l->last, "%s", json_get_string(entry, "id", ""));
    *go_on = l->n < 100;
    return true;
}

/* A model's name becomes an argument of ours, and an entry's page leads to the next. */
static void fault_63_a_listing_of_models_names_models_and_ends(void **state) {
    struct rule odd[] = {
        { "/api/models", DEED_JSON, 0,
            "[5, {}, {\"id\": 7}, {\"id\": \"/etc/passwd\"}, {\"id\": "
            "\"../../etc\"}, {\"id\": \"./m\"}, {\"id\": \"org/m@main\"}, {\"id\": "
            "\"m.gguf\"}, {\"id\": \"org/m\"}]",
            0 },
        END
    };
    struct rule nameless[] = { { "/api/models", DEED_PAGES, 3, NULL, 0 }, END };
    struct listed listed = { 0 };
    (void)state;
    struct hub_query q = {
        .hub = fix.hub.url, .sort = "likes", .found = take_listed, .arg = &listed
    };
    struct err err = ERR_INIT;
    hostile_rules(&fix.hub, odd);
    assert_true(hub_models(&q, &err));
    assert_int_equal(listed.n, 1);
    assert_string_equal(listed.last, "org/m");
    hostile_rules(&fix.hub, nameless); // without end
    assert_true(hub_models(&q, &err));
    assert_int_equal(listed.n, 1);
    assert_int_equal(fix.hub.used[0], 1);
}

static void fault_65_what_is_here_needs_no_hub(void **state) {
    struct err err;
    (void)state;
    char *dir = pull_at(HOSTILE_COMMIT, &err);
    assert_non_null(dir);
    free(dir);
    struct pull down = { .endpoint = "http://127.0.0.1:1",
        .kind = REPO_MODEL,
        .repo = "org/m",
        .revision = HOSTILE_COMMIT,
        .retry_ms = 1 };
    dir = pull_snapshot(&down, NULL, &err);
    assert_non_null(dir);
    free(dir);
    down.revision = NULL;
    assert_null(pull_snapshot(&down, NULL, &err));
    assert_int_equal(err.class, ERR_NETWORK); /* which the queue tries again later */
    assert_int_equal(err_info(err.class)->action, ERR_ACTION_RETRY);
}

static void fault_66_a_branch_is_resolved_once_and_a_new_owner_refused(void **state) {
    struct err err;
    (void)state;
    struct rule gone[] = { { INFO, DEED_STATUS, 404, "X-Error-Code: RevisionNotFound\r\n", 0 },
        END };
    is_refused(gone, ERR_NOT_FOUND, &err);
    struct rule renamed[] = { { INFO, DEED_REDIRECT, 307, "/api/models/org/new/revision/main", 0 },
        { "/api/models/org/new/", DEED_JSON, 0,
            "{\"id\": \"org/new\", \"sha\": \"" HOSTILE_COMMIT "\"}", 0 },
        END };
    arrives(renamed);
    char *name = folder_read(fix.cache, "models--org--m/.assay/name");
    assert_string_equal(name, "org/new");
    free(name);
    again();
    struct rule taken[] = { { INFO, DEED_REDIRECT, 307, "/api/models/evil/m/revision/main", 0 },
        { "/api/models/evil/", DEED_JSON, 0,
            "{\"id\": \"evil/m\", \"sha\": \"" HOSTILE_COMMIT "\"}", 0 },
        END };
    is_refused(taken, ERR_NOT_FOUND, &err);
    assert_non_null(strstr(err.msg, "another owner"));
    assert_int_equal(fix.hub.n_file_requests, 0);
}

static void fault_67_what_the_other_protocol_offers_is_left(void **state) {
    struct rule xet[] = {
        { MODEL, DEED_HEADERS, 0,
            "X-Xet-Hash: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n"
            "X-Xet-Refresh-Route: /api/models/org/m/xet-read-token/x\r\n"
            "Link: <http://127.0.0.1:1/cas>; rel=\"xet-auth\", <http://127.0.0.1:1/r>; "
            "rel=\"xet-reconstruction-info\"\r\n",
            0 },
        END
    };
    struct err err;
    (void)state;
    arrives(xet);
    again();
    struct rule flipped[] = { { MODEL, DEED_FLIP, 8, NULL, 0 }, END };
    is_refused(flipped, ERR_INPUT, &err); /* and its hash is checked all the same */
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    progress_disable();
    static const char *const UNSET[] = { "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE", "http_proxy", "all_proxy", "ALL_PROXY", "ASSAY_HUB_CACHE_MAX" };
    for (size_t i = 0; i < sizeof UNSET / sizeof *UNSET; i++) {
        unsetenv(UNSET[i]);
    }
    setenv("no_proxy", "*", 1);
    setenv("HF_HOME", "/nonexistent", 1);
    setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1", 1);
    setenv("HF_HUB_ETAG_TIMEOUT", "1", 1);
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(fault_49_a_body_that_ends_early_is_gone_on_with),
        CASE(fault_49_many_cuts_in_several_pieces_cost_nothing),
        CASE(fault_50_a_flipped_bit_is_found_and_fetched_anew),
        CASE(fault_51_a_small_file_that_was_altered_is_found),
        CASE(fault_52_a_range_that_was_not_asked_for_is_not_taken),
        CASE(fault_53_a_range_that_cannot_be_had_begins_anew),
        CASE(fault_54_a_file_that_changed_meanwhile_is_asked_for_again),
        CASE(fault_55_a_hub_that_goes_silent_is_left),
        CASE(fault_56_retry_after_is_heeded_up_to_a_bound),
        CASE(fault_56_each_form_is_read_as_it_is_meant),
        CASE(fault_57_a_storm_is_not_answered_by_a_herd),
        CASE(fault_57_backoffs_are_spread_over_all_of_their_time),
        CASE(fault_58_what_is_forbidden_or_gone_says_what_to_do),
        CASE(fault_59_redirects_end_and_lead_nowhere_inside),
        CASE(fault_59_a_public_hub_leads_to_no_private_address),
        CASE(fault_60_the_token_stays_with_the_hub),
        CASE(fault_61_no_body_is_longer_than_it_may_be),
        CASE(fault_62_headers_have_a_bound),
        CASE(fault_63_a_listing_ends),
        CASE(fault_63_a_listing_of_models_names_models_and_ends),
        CASE(fault_65_what_is_here_needs_no_hub),
        CASE(fault_66_a_branch_is_resolved_once_and_a_new_owner_refused),
        CASE(fault_67_what_the_other_protocol_offers_is_left),
    };
    const struct CMUnitTest slow[] = { CASE(fault_55_silence_of_each_kind_ends) };
    if (argc > 1 && strcmp(argv[1], "slow")) {
        cmocka_set_test_filter(argv[1]);
    } else if (argc > 1) {
        return cmocka_run_group_tests(slow, start, stop);
    }
    return cmocka_run_group_tests(tests, start, stop);
}

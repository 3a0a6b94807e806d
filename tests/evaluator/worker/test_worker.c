/* The worker's loop against a real queue. This program plays the job's process too: the model's
 * name says how. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/proc.h"
#include "evaluator/worker/frame.h"
#include "evaluator/worker/worker.h"
#include "tests/db/fixture.h"

static const char *program; /* the built `assay` */
static atomic_bool stop;

/* ---- the child ---- */

static void say(enum frame_tag tag, const char *text) {
    struct err err = ERR_INIT;
    if (!frame_write(1, tag, text, strlen(text), &err)) {
        _exit(3);
    }
}

static void say_result(const char *task) {
    char hex[65];
    sha256_hex(task, strlen(task), hex);
    json_t *result = fixture_record_json(hex, 0.5);
    json_object_set_new(result, "schema", json_string("assay.eval/1"));
    json_object_set_new(result, "metrics",
        json_pack("{s:{s:f, s:f, s:i}}", "acc", "value", 0.5, "stderr", 0.01, "n", 100));
    char *text = json_dumps(result, 0);
    say(FRAME_RESULT, text);
    free(text);
    json_decref(result);
}

static int child(void) {
    char text[65536];
    ssize_t n = read(0, text, sizeof text);
    json_t *spec = json_loadb(text, n > 0 ? (size_t)n : 0, 0, NULL);
    const char *model = json_get_string(spec, "model", ""), *slash = strchr(model, '/');
    const char *play = slash ? slash + 1 : model;
    const char *task =
        json_get_string(json_array_get(json_object_get(spec, "tasks"), 0), "name", "");
    say(FRAME_PROGRESS, "{\"label\": \"work\", \"done\": 1, \"total\": 2}");
    if (!strncmp(play, "good@", 5) || !strncmp(play, "twice@", 6) || !strncmp(play, "other@", 6)) {
        say(FRAME_SAMPLES, "{\"doc\": 0}\n{\"doc\": 1}\n");
        say_result(play[0] == 'o' ? "another version of the task" : task);
        if (play[0] == 't') {
            say_result(task);
        }
        say(FRAME_DONE, "");
    } else if (!strncmp(play, "silent@", 7)) {
        say(FRAME_DONE, "");
    } else if (!strncmp(play, "nonsense@", 9)) {
        say(FRAME_RESULT, "{\"metrics\": {\"acc\": {\"value\": \"high\"}}}");
        say(FRAME_DONE, "");
    } else if (!strncmp(play, "crash@", 6)) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    } else if (!strncmp(play, "unsupported@", 12)) {
        say(FRAME_ERROR, "{\"class\": \"unsupported\", \"message\": \"not this one\"}");
    } else if (!strncmp(play, "node@", 5)) {
        say(FRAME_ERROR, "{\"class\": \"node\", \"message\": \"device lost\"}");
    } else if (!strncmp(play, "stop@", 5)) {
        kill(getppid(), SIGUSR1); /* the worker is told to stop in the middle of the job */
        for (;;) {
            pause();
        }
    }
    json_decref(spec);
    return 0;
}

/* ---- the worker ---- */

static void on_signal(int signal) {
    (void)signal;
    atomic_store(&stop, true);
}

static bool work(struct fixture *f, bool once, struct err *err) {
    struct worker_options o = {
        .database = f->cluster.conninfo, .once = once, .drain = !once, .stop = &stop
    };
    atomic_store(&stop, false);
    *err = (struct err)ERR_INIT;
    setenv("ASSAY_HOME", f->home, 1);
    return worker_loop(&o, err);
}

static void submit(struct fixture *f, const char *model, int n_tasks) {
    json_decref(fixture_submit(f, model, n_tasks));
}

static const char *one(struct fixture *f, const char *what) {
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT %s FROM jobs ORDER BY job_id LIMIT 1", what);
    return fixture_sql(f, sql);
}

static int spooled(struct fixture *f) {
    char command[200];
    int n = -1;
    snprintf(command, sizeof command, "find '%s/spool' -maxdepth 1 -name '*.res' | wc -l", f->home);
    FILE *p = popen(command, "r");
    assert_int_equal(fscanf(p, "%d", &n), 1);
    pclose(p);
    return n;
}

static void jobs_are_done_until_none_is_left(void **state) {
    struct fixture *f = *state;
    struct err err;
    submit(f, "play/good", 3);
    assert_true(work(f, false, &err));
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs WHERE state = 'done'"), 3);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 3);
    assert_int_equal(fixture_int(f, "SELECT sum(n) FROM sample_chunks"), 6);
    assert_int_equal(spooled(f), 0);
}

static void once_is_one_job_and_none_is_said(void **state) {
    struct fixture *f = *state;
    struct err err;
    submit(f, "play/good", 2);
    assert_true(work(f, true, &err));
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs WHERE state = 'done'"), 1);
    assert_true(work(f, true, &err));
    assert_false(work(f, true, &err));
    assert_int_equal(err.class, ERR_BUSY);
}

static void a_job_that_crashes_is_tried_three_times(void **state) {
    static const char *const MODELS[] = { "play/crash", "play/silent", "play/nonsense",
        "play/twice" };
    struct fixture *f = *state;
    struct err err;
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
        fixture_reset(state);
        submit(f, MODELS[i], 1);
        assert_true(work(f, false, &err));
        assert_string_equal(one(f, "state"), "dead");
        assert_string_equal(one(f, "crashes"), "3");
        assert_int_equal(fixture_int(f, "SELECT count(*) FROM runs"), 0);
    }
}

static void a_job_that_never_can_succeed_is_tried_once(void **state) {
    struct fixture *f = *state;
    struct err err;
    submit(f, "play/unsupported", 1);
    submit(f, "play/good", 1);
    assert_true(work(f, false, &err));
    assert_string_equal(one(f, "state"), "dead");
    assert_string_equal(one(f, "attempt"), "1");
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs WHERE state = 'done'"), 1);
}

static void a_result_that_is_refused_is_the_jobs_end_and_not_the_workers(void **state) {
    struct fixture *f = *state;
    struct err err;
    submit(f, "play/other", 1);
    submit(f, "play/good", 1);
    assert_true(work(f, false, &err));
    assert_string_equal(one(f, "state"), "dead");
    assert_string_equal(one(f, "attempt"), "1");
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM jobs WHERE state = 'done'"), 1);
}

static void a_sick_machine_ends_the_worker_and_keeps_the_job(void **state) {
    struct fixture *f = *state;
    struct err err;
    submit(f, "play/node", 1);
    assert_false(work(f, false, &err));
    assert_int_equal(err.class, ERR_NODE);
    assert_string_equal(one(f, "state"), "queued");
    assert_string_equal(one(f, "crashes"), "0");
    assert_string_equal(one(f, "failures"), "0");
}

static void asked_to_stop_the_worker_gives_its_job_back(void **state) {
    struct fixture *f = *state;
    struct err err;
    submit(f, "play/stop", 1);
    assert_true(work(f, false, &err));
    assert_string_equal(one(f, "state"), "queued");
    assert_string_equal(one(f, "crashes + failures"), "0");
}

static void what_lies_in_the_spool_is_delivered_first(void **state) {
    struct fixture *f = *state;
    struct err why;
    struct worker w;
    struct job job;
    submit(f, "play/none", 1);
    fixture_worker(f, &w);
    fixture_claim(f, &w, 90, &job);
    char *text = fixture_record(job.task_sha256, 0.25), *spool = path_join(f->home, "spool");
    assert_ok(dir_make(spool, &err));
    assert_ok(spool_write(spool, &job.key, text, NULL, 0, &err));
    job_release(&job);
    assert_false(work(f, true, &why)); /* nothing else is there to do */
    assert_int_equal(why.class, ERR_BUSY);
    assert_string_equal(one(f, "state"), "done");
    assert_int_equal(spooled(f), 0);
    free(spool);
    free(text);
}

static void a_database_that_is_not_there_is_said(void **state) {
    struct err err = ERR_INIT;
    struct worker_options o = { .database = "host=/nonexistent dbname=x", .once = true };
    (void)state;
    assert_false(worker_loop(&o, &err));
    assert_int_equal(err.class, ERR_DB);
}

static void a_database_that_stays_away_makes_the_machine_one_not_to_go_on_with(void **state) {
    struct err err = ERR_INIT;
    struct worker_options o = { .database = "host=/nonexistent dbname=x", .away_s = 1 };
    (void)state;
    assert_false(worker_loop(&o, &err));
    assert_int_equal(err.class, ERR_NODE);
    assert_non_null(strstr(err.msg, "has been away"));
}

static void a_job_that_outlasts_the_worker_is_left_to_others(void **state) {
    struct fixture *f = *state;
    struct worker_options o = {
        .database = f->cluster.conninfo, .drain = true, .max_s = 100, .stop = &stop
    };
    struct err err = ERR_INIT;
    submit(f, "play/good", 1);
    assert_true(work(f, false, &err));
    fixture_sql(f, "ALTER TABLE runs DISABLE TRIGGER USER");
    fixture_sql(f, "UPDATE runs SET seconds = 200");
    fixture_sql(f, "ALTER TABLE runs ENABLE TRIGGER USER");
    fixture_sql(f, "SELECT retry_job(1, NULL)");
    assert_true(worker_loop(&o, &err));
    assert_string_equal(one(f, "state"), "queued");
    assert_string_equal(one(f, "failures + crashes"), "0");
    o.max_s = 1000;
    assert_true(worker_loop(&o, &err));
    assert_string_equal(one(f, "state"), "done");
}

static void told_that_the_job_is_its_last_a_worker_takes_no_other(void **state) {
    static atomic_bool last = true;
    struct fixture *f = *state;
    struct worker_options o = { .database = f->cluster.conninfo, .stop = &stop, .last = &last };
    struct err err = ERR_INIT;
    submit(f, "play/good", 1);
    assert_true(worker_loop(&o, &err));
    assert_string_equal(one(f, "state"), "queued");
}

static int run_program(const struct fixture *f, const char *const *words) {
    char home[80], asan[] = "ASAN_OPTIONS=detect_leaks=1";
    snprintf(home, sizeof home, "ASSAY_HOME=%s", f->home);
    const char *env[] = { "PATH=/usr/bin:/bin", "HOME=/nonexistent", home, asan, NULL };
    struct proc_options o = { .env = env, .timeout_s = 120 };
    struct proc_result r;
    assert_ok(proc_run(words, &o, &r, &err));
    int code = r.exit_code;
    proc_result_release(&r);
    return code;
}

static void the_program_says_by_75_that_it_must_not_go_on(void **state) {
    struct fixture *f = *state;
    if (!program) {
        skip();
    }
    const char *const worker[] = { program, "worker", "--once", "--db", f->cluster.conninfo, NULL };
    const char *const list[] = { program, "queue", "ls", "--db", f->cluster.conninfo, NULL };
    assert_int_equal(run_program(f, worker), 8);
    assert_int_equal(run_program(f, list), 0);
    fixture_sql(f,
        "INSERT INTO schema_migrations (version, name, sha256) VALUES (999, 'x', repeat('0', 64))");
    assert_int_equal(run_program(f, worker), 75);
    assert_int_equal(run_program(f, list), 7);
    fixture_sql(f, "DELETE FROM schema_migrations WHERE version = 999");
}

static void samples_are_cut_by_lines_and_by_size(void **state) {
    int lines;
    (void)state;
    assert_int_equal(samples_cut("", 0, &lines), 0);
    assert_int_equal(lines, 0);
    assert_int_equal(samples_cut("a\nb\nc", 5, &lines), 5);
    assert_int_equal(lines, 3);
    char *many = malloc(6000), *large = malloc((size_t)40 << 20);
    for (size_t i = 0; i < 6000; i += 2) {
        memcpy(many + i, "x\n", 2);
    }
    assert_int_equal(samples_cut(many, 6000, &lines), 4000);
    assert_int_equal(lines, 2000);
    memset(large, 'x', (size_t)40 << 20);
    for (size_t i = 0; i < 40; i++) {
        large[((i + 1) << 20) - 1] = '\n';
    }
    assert_int_equal(samples_cut(large, (size_t)40 << 20, &lines), (size_t)8 << 20);
    assert_int_equal(lines, 8);
    free(many);
    free(large);
}

static void what_is_not_a_result_makes_no_record(void **state) {
    static const char *const BAD[] = { "{}",
        "{\"task_sha256\": \"x\", \"main\": \"acc\", \"metrics\": {}}",
        "{\"task_sha256\": \"x\", \"main\": \"acc\", \"metrics\": []}",
        "{\"task_sha256\": \"x\", \"main\": \"acc\", \"metrics\": {\"acc\": 1}}",
        "{\"task_sha256\": \"x\", \"main\": \"acc\", \"metrics\": {\"acc\": {\"value\": null}}}",
        "{\"main\": \"acc\", \"metrics\": {\"acc\": {\"value\": 1}}}",
        "{\"task_sha256\": \"x\", \"metrics\": {\"acc\": {\"value\": 1}}}",
        "{\"task_sha256\": \"x\", \"main\": \"acc\", \"metrics\": {\"acc\": {\"value\": 1}}, "
        "\"subsets\": {\"s\": {\"metrics\": {\"acc\": {}}}}}" };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        json_t *result = json_loads(BAD[i], 0, NULL);
        assert_non_null(result);
        assert_null(record_from_result(result, NULL, NULL, NULL));
        json_decref(result);
    }
    json_t *good =
        json_loads("{\"task_sha256\": \"x\", \"main\": \"acc\", \"other\": 1, \"metrics\": "
                   "{\"acc\": {\"value\": 1, \"stderr\": null}},"
                   "\"subsets\": {\"s\": {\"metrics\": {\"acc\": {\"value\": 0, \"n\": 3}}}}}",
            0, NULL);
    json_t *record = record_from_result(good, NULL, NULL, NULL),
           *metrics = json_object_get(record, "metrics");
    assert_string_equal(json_get_string(record, "schema", ""), "assay.record/1");
    assert_null(json_object_get(record, "other"));
    assert_int_equal(json_array_size(metrics), 2);
    assert_null(json_object_get(json_array_get(metrics, 0), "stderr"));
    assert_string_equal(json_get_string(json_array_get(metrics, 1), "subset", ""), "s");
    assert_int_equal(json_get_int(json_array_get(metrics, 1), "n", 0), 3);
    json_decref(record);
    json_decref(good);
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "__job")) {
        return child();
    }
    program = argc > 1 ? argv[1] : NULL;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, on_signal);
    log_set_level(LOG_ERROR);
    progress_disable();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(jobs_are_done_until_none_is_left, fixture_reset),
        cmocka_unit_test_setup(once_is_one_job_and_none_is_said, fixture_reset),
        cmocka_unit_test_setup(a_job_that_crashes_is_tried_three_times, fixture_reset),
        cmocka_unit_test_setup(a_job_that_never_can_succeed_is_tried_once, fixture_reset),
        cmocka_unit_test_setup(
            a_result_that_is_refused_is_the_jobs_end_and_not_the_workers, fixture_reset),
        cmocka_unit_test_setup(a_sick_machine_ends_the_worker_and_keeps_the_job, fixture_reset),
        cmocka_unit_test_setup(asked_to_stop_the_worker_gives_its_job_back, fixture_reset),
        cmocka_unit_test_setup(what_lies_in_the_spool_is_delivered_first, fixture_reset),
        cmocka_unit_test(a_database_that_is_not_there_is_said),
        cmocka_unit_test(a_database_that_stays_away_makes_the_machine_one_not_to_go_on_with),
        cmocka_unit_test_setup(a_job_that_outlasts_the_worker_is_left_to_others, fixture_reset),
        cmocka_unit_test_setup(
            told_that_the_job_is_its_last_a_worker_takes_no_other, fixture_reset),
        cmocka_unit_test_setup(the_program_says_by_75_that_it_must_not_go_on, fixture_reset),
        cmocka_unit_test(samples_are_cut_by_lines_and_by_size),
        cmocka_unit_test(what_is_not_a_result_makes_no_record),
    };
    return FIXTURE_MAIN("worker", tests);
}

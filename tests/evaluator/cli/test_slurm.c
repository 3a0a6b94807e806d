/* assay worker --slurm: the batch script, and what squeue and scontrol say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "evaluator/cli/slurm.h"

static struct slurm_plan plan(void) {
    return (struct slurm_plan) { .n = 4,
        .minutes = 60,
        .log_dir = "/var/lib/assay/log",
        .program = "/usr/bin/assay",
        .home = "/var/lib/assay" };
}

static bool write_script(const struct slurm_plan *p, struct strbuf *out, struct err *err) {
    *err = (struct err)ERR_INIT;
    strbuf_reset(out);
    return slurm_script(p, out, err);
}

static void assert_has(const struct strbuf *out, const char *text) {
    if (!strstr(strbuf_str(out), text)) {
        fail_msg("no '%s' in\n%s", text, strbuf_str(out));
    }
}

static void a_script_is_an_array_of_pullers_that_are_told_before_their_end(void **state) {
    struct slurm_plan p = plan();
    struct strbuf out = { 0 };
    struct err err;
    (void)state;
    p.device = "cuda";
    p.memory_mb = 4096;
    assert_true(write_script(&p, &out, &err));
    assert_has(&out, "#SBATCH --job-name=assay-worker\n#SBATCH --array=0-3\n");
    assert_has(&out, "#SBATCH --signal=B:USR1@300\n");
    assert_has(&out, "#SBATCH --export=NONE\n");
    assert_has(&out, "#SBATCH --gres=gpu:1\n");
    assert_has(&out, "#SBATCH --mem=4096\n");
    assert_has(&out, "exec '/usr/bin/assay' worker --no-progress --max-seconds=3540 --idle=600 "
                     "--max-mem=4096 --device='cuda'\n");
    p.minutes = 4;
    p.tensor_parallel = 4;
    assert_true(write_script(&p, &out, &err));
    assert_has(&out, "#SBATCH --signal=B:USR1@120\n");
    assert_has(&out, "#SBATCH --gres=gpu:4\n");
    assert_has(&out, " --tensor-parallel=4 ");
    strbuf_release(&out);
}

static void what_a_shell_would_read_is_quoted(void **state) {
    struct slurm_plan p = plan();
    struct strbuf out = { 0 };
    struct err err;
    (void)state;
    p.hub = "/data/it's $(here)";
    assert_true(write_script(&p, &out, &err));
    assert_has(&out, "--hub='/data/it'\\''s $(here)'");
    strbuf_release(&out);
}

static void what_would_break_a_directive_is_refused(void **state) {
    static const char *const BAD[] = { "a b", "a\n#SBATCH --uid=0", "", "-x", "a;b", "$(id)" };
    struct strbuf out = { 0 };
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct slurm_plan partition = plan(), constraint = plan(), logs = plan();
        partition.partition = constraint.constraint = logs.log_dir = BAD[i];
        assert_false(write_script(&partition, &out, &err));
        assert_int_equal(err.class, ERR_USAGE);
        assert_false(write_script(&constraint, &out, &err));
        assert_false(write_script(&logs, &out, &err));
    }
    struct slurm_plan good = plan();
    good.constraint = "[a100|h100]&nvme";
    assert_true(write_script(&good, &out, &err));
    strbuf_release(&out);
}

static void a_password_is_not_given_to_slurm(void **state) {
    static const char *const SECRET[] = { "postgresql://me:secret@host/db", "host=h password=x" };
    static const char *const PLAIN[] = { "postgresql://me@host/db", "postgresql://host:5432/db",
        "host=h user=me passfile=/etc/assay/pgpass" };
    struct strbuf out = { 0 };
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof SECRET / sizeof *SECRET; i++) {
        struct slurm_plan p = plan();
        p.database = SECRET[i];
        assert_false(write_script(&p, &out, &err));
        assert_null(strstr(err.msg, "secret"));
        assert_string_equal(strbuf_str(&out), "");
    }
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++) {
        struct slurm_plan p = plan();
        p.database = PLAIN[i];
        assert_true(write_script(&p, &out, &err));
    }
    strbuf_release(&out);
}

static void those_that_are_there_or_will_be_are_counted(void **state) {
    static const char LIST[] = "7_0 RUNNING\n7_1 PENDING\n7_2 COMPLETING\n8 RUNNING\n9_1 FAILED\n"
                               "9_3 CONFIGURING\n";
    struct err err = ERR_INIT;
    unsigned n;
    (void)state;
    assert_true(slurm_count(LIST, sizeof LIST - 1, &n, &err));
    assert_int_equal(n, 4);
    assert_true(slurm_count("", 0, &n, &err));
    assert_int_equal(n, 0);
}

static void a_list_that_is_not_squeues_is_an_error(void **state) {
    static const char *const BAD[] = { "7_0 RUNNING", "slurm_load_jobs error\n", "7_0 DANCING\n",
        "7_0 RUNNING now\n", "\n", "-7 RUNNING\n", "7_[0-3] PENDING\n", " 7 RUNNING\n" };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        unsigned n;
        if (slurm_count(BAD[i], strlen(BAD[i]), &n, &err)) {
            fail_msg("'%s' was taken", BAD[i]);
        }
        assert_int_equal(err.class, ERR_FAILED);
    }
    struct err err = ERR_INIT;
    unsigned n;
    assert_false(slurm_count("7\0 RUNNING\n", 11, &n, &err));
}

static void a_feature_names_the_memory_of_a_gpu(void **state) {
    (void)state;
    assert_int_equal(
        slurm_feature_mb("NodeName=n1 ActiveFeatures=nvme,gpu_mem_80g,x Gres=gpu:1"), 80 * 1024);
    assert_int_equal(slurm_feature_mb("NodeName=n1 ActiveFeatures=gpu_mem_24g\n"), 24 * 1024);
    assert_int_equal(slurm_feature_mb("NodeName=n1 ActiveFeatures=(null) Gres=gpu_mem_24g"), 0);
    assert_int_equal(slurm_feature_mb("NodeName=n1 ActiveFeatures=gpu_mem_xg"), 0);
    assert_int_equal(slurm_feature_mb(""), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_is_an_array_of_pullers_that_are_told_before_their_end),
        cmocka_unit_test(what_a_shell_would_read_is_quoted),
        cmocka_unit_test(what_would_break_a_directive_is_refused),
        cmocka_unit_test(a_password_is_not_given_to_slurm),
        cmocka_unit_test(those_that_are_there_or_will_be_are_counted),
        cmocka_unit_test(a_list_that_is_not_squeues_is_an_error),
        cmocka_unit_test(a_feature_names_the_memory_of_a_gpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

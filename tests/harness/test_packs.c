/* Packed weights that are kept on disk: the same bits as without them, nothing packed twice, and
 * whatever happens to a file, never a wrong weight. */
#include "weight_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/cpu/packs_file.h"
#include "harness/harness.h"
#include "tiny_models.h"

/* A scratch folder with a model in it that was written long enough ago to have a stamp, and a
 * folder for what is packed. */
struct world {
    char *dir, *model, *packs;
};

static void settle(void) {
    nanosleep(&(struct timespec) { .tv_sec = 2, .tv_nsec = 50000000 }, NULL);
}

static void put_model(const char *folder, uint32_t seed) {
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, seed);
    tiny_write(&t, folder);
    tiny_release(&t);
}

static int world_setup(void **state) {
    struct world *w = xcalloc(1, sizeof *w);
    void *dir;
    scratch_setup(&dir);
    w->dir = dir;
    w->model = path_join(w->dir, "model");
    w->packs = path_join(w->dir, "packs");
    assert_int_equal(mkdir(w->model, 0777), 0);
    put_model(w->model, 3);
    settle();
    *state = w;
    return 0;
}

static int world_teardown(void **state) {
    struct world *w = *state;
    void *dir = w->dir;
    free(w->model);
    free(w->packs);
    free(w);
    return scratch_teardown(&dir);
}

/* ---- what an open gives ---- */

struct answer {
    uint32_t n_packed, n_found;
    double loglikelihood[4];
};

static struct answer ask_with(const struct world *w, struct model_options o) {
    struct err err = ERR_INIT;
    struct answer a = { 0 };
    const int32_t ids[] = { 1, 5, 7, 30, 2, 9 };
    struct score_choice choices[4];
    for (size_t i = 0; i < 4; i++)
        choices[i] = (struct score_choice) { .ids = ids + i, .n_ids = 2 };
    struct score_request r = {
        .context_ids = ids, .n_context_ids = 6, .choices = choices, .n_choices = 4
    };
    o.packs.least_bytes = 1;
    o.gemm = "plain";
    o.threads = 2;
    struct model *m = model_open(w->model, &o, &err);
    if (!m)
        fail_msg("%s", err.msg);
    assert_true(model_score(m, &(struct score_options) { 0 }, &r, 1, NULL, &err));
    a.n_packed = model_info(m)->n_packed;
    a.n_found = model_info(m)->n_found;
    for (size_t i = 0; i < 4; i++)
        a.loglikelihood[i] = choices[i].loglikelihood;
    model_close(m);
    return a;
}

static struct answer ask(const struct world *w) {
    return ask_with(w, (struct model_options) { .dtype = DTYPE_F32, .packs = { .dir = w->packs } });
}

static struct answer ask_plainly(const struct world *w) {
    return ask_with(w, (struct model_options) { .dtype = DTYPE_F32 });
}

static void assert_same(const struct answer *a, const struct answer *b) {
    assert_memory_equal(a->loglikelihood, b->loglikelihood, sizeof a->loglikelihood);
}

/* How many files there are with this ending, and the name of one. */
static size_t count_files(const char *dir, const char *ending, char name[512]) {
    size_t n = 0;
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (str_ends(e->d_name, ending)) {
            snprintf(name, 512, "%s/%s", dir, e->d_name);
            n++;
        }
    if (d)
        closedir(d);
    return n;
}

static void the_file(const struct world *w, char name[512]) {
    assert_int_equal(count_files(w->packs, PACKS_ENDING, name), 1);
    assert_int_equal(count_files(w->packs, ".tmp", (char[512]) { 0 }), 0);
}

static void bytes_put(const char *path, const void *data, size_t n) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(fd >= 0 && fd_write_all(fd, data, n));
    close(fd);
}

/* ---- the tests ---- */

static void a_second_open_packs_nothing_and_gives_the_same_bits(void **state) {
    struct answer plain = ask_plainly(*state), first = ask(*state), second = ask(*state);
    assert_true(plain.n_packed > 0);
    assert_int_equal(plain.n_found, 0);
    assert_int_equal(first.n_packed, plain.n_packed);
    assert_int_equal(second.n_packed, 0);
    assert_int_equal(second.n_found, plain.n_packed);
    assert_same(&plain, &first);
    assert_same(&plain, &second);
}

static void bf16_and_f32_have_a_file_each(void **state) {
    const struct world *w = *state;
    struct model_options o = { .dtype = DTYPE_BF16, .packs = { .dir = w->packs } };
    struct answer f32 = ask(w), bf16 = ask_with(w, o), again = ask_with(w, o);
    assert_int_equal(bf16.n_found, 0);
    assert_int_equal(again.n_packed, 0);
    assert_same(&bf16, &again);
    assert_true(memcmp(&f32.loglikelihood, &bf16.loglikelihood, sizeof f32.loglikelihood) != 0);
    assert_int_equal(count_files(w->packs, PACKS_ENDING, (char[512]) { 0 }), 2);
}

static void another_instruction_set_finds_nothing(void **state) {
    const struct world *w = *state;
    ask(w);
    setenv("ASSAY_ISA", "plain", 1);
    struct answer other = ask(w), plain = ask_plainly(w);
    unsetenv("ASSAY_ISA");
    assert_int_equal(other.n_found, 0);
    assert_same(&other, &plain);
    assert_int_equal(ask(w).n_packed, 0);
}

static void a_model_changed_in_place_is_packed_anew_whatever_its_time_says(void **state) {
    const struct world *w = *state;
    char *path = path_join(w->model, "model.safetensors");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    ask(w);
    int fd = open(path, O_RDWR);
    float one = 1;
    assert_int_equal(pwrite(fd, &one, sizeof one, st.st_size - 400), sizeof one);
    assert_int_equal(futimens(fd, (struct timespec[]) { st.st_atim, st.st_mtim }), 0);
    close(fd);
    for (int i = 0; i < 2; i++) { /* as just written, and as settled */
        struct answer changed = ask(w), plain = ask_plainly(w);
        assert_int_equal(changed.n_found, 0);
        assert_same(&changed, &plain);
        settle();
    }
    free(path);
}

static void a_model_just_written_is_not_kept(void **state) {
    const struct world *w = *state;
    put_model(w->model, 4);
    ask(w);
    assert_false(dir_exists(w->packs));
}

static void a_file_cut_anywhere_is_not_used_and_is_made_anew(void **state) {
    const struct world *w = *state;
    struct answer plain = ask_plainly(w);
    char name[512];
    ask(w);
    the_file(w, name);
    struct strbuf whole = { 0 };
    assert_true(file_read(name, SIZE_MAX, &whole, NULL));
    uint64_t index_at = ((const struct packs_header *)(void *)whole.text)->index_at;
    const size_t cuts[] = { 0, 1, 8, 63, 64, 65, 4095, 4096, 4097, index_at - 1, index_at,
        index_at + 1, index_at + 8, index_at + 60, whole.len - 1 };
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        bytes_put(name, whole.text, cuts[i]);
        struct answer cut = ask(w), again = ask(w);
        assert_int_equal(cut.n_found, 0);
        assert_int_equal(again.n_packed, 0);
        assert_same(&plain, &cut);
        assert_same(&plain, &again);
    }
    strbuf_release(&whole);
}

static void a_flipped_bit_is_packed_over(void **state) {
    const struct world *w = *state;
    struct answer plain = ask_plainly(w);
    char name[512];
    ask(w);
    the_file(w, name);
    struct strbuf whole = { 0 };
    assert_true(file_read(name, SIZE_MAX, &whole, NULL));
    uint64_t index_at = ((const struct packs_header *)(void *)whole.text)->index_at;
    for (size_t at = 0; at < whole.len; at += at < 64 || at >= index_at ? 7 : 2048) {
        whole.text[at] ^= 16;
        bytes_put(name, whole.text, whole.len);
        whole.text[at] ^= 16;
        struct answer flipped = ask(w), again = ask(w);
        assert_same(&plain, &flipped);
        assert_int_equal(again.n_packed, 0);
        if (at < 64 || at >= index_at)
            assert_int_equal(flipped.n_found, 0);
        else
            assert_true(flipped.n_packed <= 1); /* or it fell between two matrices */
    }
    strbuf_release(&whole);
}

static void a_foreign_file_in_its_place_is_replaced(void **state) {
    const struct world *w = *state;
    char name[512];
    ask(w);
    the_file(w, name);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(symlink("/dev/zero", name), 0);
    assert_int_equal(ask(w).n_found, 0);
    assert_int_equal(ask(w).n_packed, 0);
}

/* What one process opens another may be writing: each says which bits it got. */
static void processes_that_race_get_the_same_bits(void **state) {
    enum { PROCESSES = 6 };
    const struct world *w = *state;
    struct answer plain = ask_plainly(w);
    pid_t pids[PROCESSES];
    fflush(NULL);
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            bool same = true;
            for (int n = 0; n < 10; n++) {
                struct answer a = ask(w);
                same = same &&
                       memcmp(a.loglikelihood, plain.loglikelihood, sizeof a.loglikelihood) == 0;
                if (i == 0 && n % 3 == 0) /* somebody tidies up */
                    packs_folder_trim(w->packs, "", 0);
            }
            _exit(same ? 0 : 1);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    ask(w);
    assert_int_equal(count_files(w->packs, ".tmp", (char[512]) { 0 }), 0);
}

static void a_folder_that_cannot_be_made_is_no_obstacle(void **state) {
    const struct world *w = *state;
    bytes_put(w->packs, "in the way", 10);
    struct answer a = ask(w), plain = ask_plainly(w);
    assert_int_equal(a.n_packed, plain.n_packed);
    assert_same(&a, &plain);
    assert_int_equal(unlink(w->packs), 0);
    const char *none = "/proc/none/packs";
    a = ask_with(w, (struct model_options) { .dtype = DTYPE_F32, .packs = { .dir = none } });
    assert_same(&a, &plain);
}

static void who_may_only_read_finds_and_writes_nothing(void **state) {
    const struct world *w = *state;
    const struct model_options o = { .dtype = DTYPE_F32,
        .packs = { .dir = w->packs, .frozen = true } };
    assert_int_equal(ask_with(w, o).n_found, 0);
    assert_false(dir_exists(w->packs));
    ask(w);
    assert_int_equal(ask_with(w, o).n_packed, 0);
}

/* A full disk and a limit on the size of files end a write the same way: less is written. */
static void a_file_that_does_not_fit_is_given_up(void **state) {
    const struct world *w = *state;
    struct answer plain = ask_plainly(w);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_FSIZE, &(struct rlimit) { 20000, 20000 });
        struct answer a = ask(w);
        _exit(memcmp(a.loglikelihood, plain.loglikelihood, sizeof a.loglikelihood) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(count_files(w->packs, "", (char[512]) { 0 }), 2);
}

static void a_folder_keeps_what_was_used_last(void **state) {
    const struct world *w = *state;
    char name[512], old[512], used[512];
    ask(w);
    the_file(w, name);
    struct stat st;
    assert_int_equal(stat(name, &st), 0);
    snprintf(old, sizeof old, "%s/old%s", w->packs, PACKS_ENDING);
    snprintf(used, sizeof used, "%s/used%s", w->packs, PACKS_ENDING);
    char *bytes = xcalloc(1, (size_t)st.st_size);
    bytes_put(old, bytes, (size_t)st.st_size);
    bytes_put(used, bytes, (size_t)st.st_size);
    free(bytes);
    const struct timespec past[] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } },
                          before[] = { { .tv_sec = 500 }, { .tv_sec = 500 } };
    utimensat(AT_FDCWD, old, past, 0);
    utimensat(AT_FDCWD, used, before, 0);
    int in_use = open(used, O_RDONLY);
    assert_int_equal(flock(in_use, LOCK_SH), 0);
    packs_folder_trim(w->packs, "", 2 * ((uint64_t)st.st_blocks * 512) + 4096);
    assert_true(file_exists(used) && file_exists(name) && !file_exists(old));
    close(in_use);
    packs_folder_trim(w->packs, "", (uint64_t)st.st_blocks * 512 + 4096);
    assert_true(file_exists(name) && !file_exists(used));
    packs_folder_trim(w->packs, "", 0);
    assert_false(file_exists(name));
}

static void a_model_larger_than_the_folder_may_hold_is_not_kept(void **state) {
    const struct world *w = *state;
    ask_with(w, (struct model_options) {
                    .dtype = DTYPE_F32, .packs = { .dir = w->packs, .most_bytes = 20000 } });
    assert_int_equal(count_files(w->packs, "", (char[512]) { 0 }), 2);
}

static void small_models_are_not_kept_unless_asked(void **state) {
    const struct world *w = *state;
    struct err err = ERR_INIT;
    struct model *m = model_open(
        w->model, &(struct model_options) { .gemm = "plain", .packs = { .dir = w->packs } }, &err);
    assert_non_null(m);
    model_close(m);
    assert_false(dir_exists(w->packs));
}

static void sums_depend_on_every_bit_and_on_no_threads(void **state) {
    (void)state;
    enum { N = 3 << 20 };
    struct err err = ERR_INIT;
    struct pool *pool = pool_new(3, &err);
    uint8_t *bytes = xcalloc(1, N);
    for (size_t n = 0; n < N; n = n * 3 + 1) {
        uint64_t sum = packs_sum(NULL, bytes, n);
        assert_true(sum == packs_sum(pool, bytes, n));
        assert_true(sum != packs_sum(pool, bytes, n + 1));
        for (size_t i = 0; i < n; i = i * 2 + 1) {
            bytes[i] ^= 0x80;
            bytes[(i + 64) % n] ^= 0x80; /* the next word of the same lane, or another */
            assert_true(n <= 64 || sum != packs_sum(NULL, bytes, n));
            bytes[(i + 64) % n] ^= 0x80;
            assert_true(sum != packs_sum(NULL, bytes, n));
            bytes[i] ^= 0x80;
        }
    }
    free(bytes);
    pool_free(pool);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

/* An adapter of the model below `folder`: nothing but a head of its own. */
static void put_adapter(const struct world *w, const char *folder, uint32_t seed) {
    static const char config[] =
        "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"target_modules\": [\"v_proj\"],"
        " \"modules_to_save\": [\"lm_head\"], \"base_model_name_or_path\": \"org/base\"}";
    struct tiny t;
    assert_int_equal(mkdir(folder, 0777), 0);
    tiny_init(&t, TINY_LLAMA, seed);
    for (size_t i = 0; i < t.n_tensors; i++) { /* the head comes first, and alone */
        if (strcmp(t.tensors[i].name, "lm_head.weight") == 0) {
            struct tiny_tensor first = t.tensors[0];
            t.tensors[0] = t.tensors[i];
            t.tensors[i] = first;
        }
    }
    size_t n = t.n_tensors;
    snprintf(t.tensors[0].name, sizeof t.tensors[0].name, "base_model.model.lm_head.weight");
    t.n_tensors = 1;
    tiny_write(&t, folder);
    t.n_tensors = n;
    tiny_release(&t);
    char *own = path_join(folder, "model.safetensors"),
         *adapter = path_join(folder, "adapter_model.safetensors"),
         *base = path_join(folder, "base_model"), *other = path_join(folder, "config.json");
    assert_int_equal(rename(own, adapter), 0);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(mkdir(base, 0777), 0); /* the very same files, as a hub's cache has them */
    for (size_t i = 0; i < 2; i++) {
        static const char *const names[] = { "config.json", "model.safetensors" };
        char *from = path_join(w->model, names[i]), *to = path_join(base, names[i]);
        assert_int_equal(link(from, to), 0);
        free(from);
        free(to);
    }
    free(file_put(folder, "adapter_config.json", config, sizeof config - 1));
    free(own);
    free(adapter);
    free(base);
    free(other);
}

/* Its files are the model's but for that head. */
static void an_adapters_own_head_is_not_taken_for_the_models(void **state) {
    const struct world *base = *state;
    struct world one = *base, two = *base;
    one.model = path_join(base->dir, "one");
    two.model = path_join(base->dir, "two");
    put_adapter(base, one.model, 11);
    put_adapter(base, two.model, 12);
    settle();
    struct answer plain = ask_plainly(base), of_one = ask_plainly(&one), of_two = ask_plainly(&two),
                  first = ask(base), second = ask(&one), third = ask(&two), again = ask(base);
    assert_true(memcmp(of_one.loglikelihood, plain.loglikelihood, sizeof plain.loglikelihood));
    assert_true(memcmp(of_one.loglikelihood, of_two.loglikelihood, sizeof plain.loglikelihood));
    assert_true(second.n_found > 0 && again.n_found > 0);
    assert_same(&first, &plain);
    assert_same(&second, &of_one);
    assert_same(&third, &of_two);
    assert_same(&again, &plain);
    free(one.model);
    free(two.model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_second_open_packs_nothing_and_gives_the_same_bits),
        WITH_WORLD(bf16_and_f32_have_a_file_each),
        WITH_WORLD(another_instruction_set_finds_nothing),
        WITH_WORLD(a_model_changed_in_place_is_packed_anew_whatever_its_time_says),
        WITH_WORLD(a_model_just_written_is_not_kept),
        WITH_WORLD(a_file_cut_anywhere_is_not_used_and_is_made_anew),
        WITH_WORLD(a_flipped_bit_is_packed_over),
        WITH_WORLD(a_foreign_file_in_its_place_is_replaced),
        WITH_WORLD(processes_that_race_get_the_same_bits),
        WITH_WORLD(a_folder_that_cannot_be_made_is_no_obstacle),
        WITH_WORLD(who_may_only_read_finds_and_writes_nothing),
        WITH_WORLD(a_file_that_does_not_fit_is_given_up),
        WITH_WORLD(a_folder_keeps_what_was_used_last),
        WITH_WORLD(a_model_larger_than_the_folder_may_hold_is_not_kept),
        WITH_WORLD(an_adapters_own_head_is_not_taken_for_the_models),
        WITH_WORLD(small_models_are_not_kept_unless_asked),
        cmocka_unit_test(sums_depend_on_every_bit_and_on_no_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Runs a fuzz target in builds without libFuzzer, so that the seeds are tested everywhere: over
 * each file given, over every file below each folder given, and then over damaged copies of all of
 * them; or, with nothing given, over an empty input and some hundreds of made-up ones. All of it is
 * the same on every machine. An input that takes too long or too much memory is a failure; the file
 * that ASSAY_REPLAY_KEEP names has the last one, whatever became of it. */
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define SEED_BYTES_MAX ((size_t)64 << 20)
#define MADE_UP_N 500
#define MADE_UP_BYTES_MAX 300
#define DAMAGED_N 3000          /* copies, of all seeds together */
#define DAMAGED_EACH_MIN 20     /* of each seed */
#define DAMAGED_BYTES_MAX 65536 /* longer seeds are cut first */
#define INPUT_S 5               /* of the processor */
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_KIB (2048L << 10) /* what was freed stays for a while */
#else
#define MEMORY_KIB (512L << 10)
#endif

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct replay {
    size_t count;
    const char *keep;
    struct strbuf *seeds; /* what the files hold */
    size_t n_seeds;
    uint64_t state; /* of the numbers below */
};

/* ---- one input ---- */

static void too_slow(int signal) {
    static const char SAID[] = "an input took more than 5 s of the processor\n";
    (void)signal;
    (void)!write(STDERR_FILENO, SAID, sizeof SAID - 1);
    _exit(1);
}

static void watch_time(int seconds) {
    const struct itimerval timer = { .it_value = { .tv_sec = seconds } };
    setitimer(ITIMER_PROF, &timer, NULL);
}

static void check_memory(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    if (used.ru_maxrss > MEMORY_KIB) {
        fprintf(stderr, "an input took %ld MiB\n", used.ru_maxrss >> 10);
        exit(1);
    }
}

static void keep_input(const char *path, const uint8_t *bytes, size_t n) {
    struct err err = ERR_INIT;
    if (path && !file_write_atomic(path, bytes, n, &err))
        fprintf(stderr, "%s\n", err.msg);
}

static void run(struct replay *r, const void *bytes, size_t n) {
    uint8_t *exact = xmalloc(n); /* so that a sanitizer sees a read past the end */
    if (n)
        memcpy(exact, bytes, n);
    keep_input(r->keep, exact, n);
    watch_time(INPUT_S);
    LLVMFuzzerTestOneInput(exact, n);
    watch_time(0);
    check_memory();
    free(exact);
    r->count++;
}

/* ---- the seeds ---- */

static bool replay_file(struct replay *r, const char *path, struct err *err) {
    struct strbuf bytes = { 0 };
    if (!file_read(path, SEED_BYTES_MAX, &bytes, err))
        return false;
    run(r, bytes.text, bytes.len);
    r->seeds = xrealloc(r->seeds, (r->n_seeds + 1) * sizeof *r->seeds);
    r->seeds[r->n_seeds++] = bytes;
    return true;
}

static int in_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool replay(struct replay *r, const char *path, struct err *err);

/* By their names: what follows is made of them in this order. */
static bool replay_folder(struct replay *r, const char *path, struct err *err) {
    char **names = NULL;
    size_t n = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return err_errno(err, ERR_FAILED, "could not open the folder '%s'", path);
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] != '.') {
            names = xrealloc(names, (n + 1) * sizeof *names);
            names[n++] = path_join(path, e->d_name);
        }
    }
    closedir(dir);
    if (n)
        qsort(names, n, sizeof *names, in_order);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        ok = ok && replay(r, names[i], err);
        free(names[i]);
    }
    free(names);
    return ok;
}

static bool replay(struct replay *r, const char *path, struct err *err) {
    return dir_exists(path) ? replay_folder(r, path, err) : replay_file(r, path, err);
}

/* ---- chance ---- */

/* Numbers from a fixed seed (xorshift). */
static uint32_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

/* Bytes that parsers care about, more often than all the others. */
static uint8_t likely_byte(uint64_t *state) {
    static const char LIKELY[] =
        "{}[]()\"':,.\\/-+=<> \n\t\r0123456789eEtrufalsn%$\0\x01\x7f\x80\xbf\xc2\xe2\xed\xf0\xff";
    const uint32_t r = next(state);
    return r % 4 ? (uint8_t)LIKELY[(r >> 8) % (sizeof LIKELY - 1)] : (uint8_t)(r >> 16);
}

/* Every other input is changed from the one before instead of being new: damage that is small and
 * adds up gets further into a parser than noise. */
static void replay_made_up(struct replay *r) {
    uint8_t bytes[MADE_UP_BYTES_MAX];
    size_t n = 0;
    run(r, "", 0);
    for (int round = 0; round < MADE_UP_N; round++) {
        if (round % 2 == 0) {
            n = 1 + next(&r->state) % MADE_UP_BYTES_MAX;
            for (size_t i = 0; i < n; i++)
                bytes[i] = likely_byte(&r->state);
        } else {
            for (uint32_t changes = 1 + next(&r->state) % 4; changes--;)
                bytes[next(&r->state) % n] = likely_byte(&r->state);
        }
        run(r, bytes, n);
    }
}

/* ---- damage ---- */

struct copy {
    uint8_t bytes[DAMAGED_BYTES_MAX];
    size_t n;
};

/* A number such as a length or an offset, of any width, at its limits or a little off. */
static void set_number(struct replay *r, struct copy *c) {
    static const uint64_t LIMITS[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff,
        0x80000000, 0xffffffff, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX / 8 };
    static const uint8_t WIDTHS[] = { 1, 2, 4, 8 };
    size_t width = WIDTHS[next(&r->state) % 4];
    if (c->n < width)
        return;
    uint8_t *at = c->bytes + next(&r->state) % (c->n - width + 1);
    uint64_t v = LIMITS[next(&r->state) % (sizeof LIMITS / sizeof *LIMITS)];
    if (next(&r->state) % 2) {
        memcpy(&v, at, width);
        v += next(&r->state) % 5 - 2u;
    }
    memcpy(at, &v, width);
}

/* A piece of a seed, put in or over what is there. */
static void put_piece(struct replay *r, struct copy *c, const uint8_t *from, size_t n, bool over) {
    if (!n)
        return;
    size_t start = next(&r->state) % n, length = 1 + next(&r->state) % (n - start);
    size_t at = next(&r->state) % (c->n + 1), room = sizeof c->bytes - (over ? at : c->n);
    length = length < room ? length : room;
    if (!over) {
        memmove(c->bytes + at + length, c->bytes + at, c->n - at);
        c->n += length;
    }
    memmove(c->bytes + at, from + start, length);
    c->n = at + length > c->n ? at + length : c->n;
}

static void take_out(struct replay *r, struct copy *c) {
    size_t at = next(&r->state) % c->n, length = 1 + next(&r->state) % (c->n - at);
    if (next(&r->state) % 4)
        length = length % 16 + 1 < c->n - at ? length % 16 + 1 : c->n - at;
    memmove(c->bytes + at, c->bytes + at + length, c->n - at - length);
    c->n -= length;
}

static void damage(struct replay *r, struct copy *c) {
    const struct strbuf *other = &r->seeds[next(&r->state) % r->n_seeds];
    uint8_t likely[16];
    if (!c->n) {
        put_piece(r, c, (const uint8_t *)other->text, other->len, false);
        return;
    }
    switch (next(&r->state) % 8) {
    case 0:
        c->bytes[next(&r->state) % c->n] ^= (uint8_t)(1u << next(&r->state) % 8);
        break;
    case 1:
    case 2:
        c->bytes[next(&r->state) % c->n] = likely_byte(&r->state);
        break;
    case 3:
        set_number(r, c);
        break;
    case 4:
        take_out(r, c);
        break;
    case 5:
        for (size_t i = 0; i < sizeof likely; i++)
            likely[i] = likely_byte(&r->state);
        put_piece(r, c, likely, sizeof likely, false);
        break;
    case 6:
        c->n = next(&r->state) % (c->n + 1);
        break;
    default:
        put_piece(r, c, (const uint8_t *)other->text, other->len, next(&r->state) % 2);
    }
}

/* One damage mostly, so that what stands before it is read. */
static void replay_damaged(struct replay *r) {
    struct copy *c = xmalloc(sizeof *c);
    size_t each = DAMAGED_N / r->n_seeds;
    each = each > DAMAGED_EACH_MIN ? each : DAMAGED_EACH_MIN;
    for (size_t i = 0; i < r->n_seeds * each; i++) {
        const struct strbuf *seed = &r->seeds[i / each];
        c->n = seed->len < sizeof c->bytes ? seed->len : sizeof c->bytes;
        if (c->n)
            memcpy(c->bytes, seed->text, c->n);
        for (uint32_t n = next(&r->state) % 3 ? 1 : 1 + next(&r->state) % 8; n--;)
            damage(r, c);
        run(r, c->bytes, c->n);
    }
    free(c);
}

static const char *target_name(const char *program) {
    const char *name = path_base(program);
    return str_begins(name, "fuzz_") ? name + 5 : name;
}

int main(int argc, char **argv) {
    struct replay r = { .keep = getenv("ASSAY_REPLAY_KEEP"), .state = 0x9e3779b97f4a7c15u };
    signal(SIGPROF, too_slow);
    for (int i = 1; i < argc; i++) {
        struct err err = ERR_INIT;
        if (!replay(&r, argv[i], &err)) {
            fprintf(stderr, "%s\n", err.msg);
            return 1;
        }
    }
    if (r.n_seeds)
        replay_damaged(&r);
    else
        replay_made_up(&r);
    for (size_t i = 0; i < r.n_seeds; i++)
        strbuf_release(&r.seeds[i]);
    free(r.seeds);
    printf("%zu inputs\n", r.count);
    if (argc > 1) /* as cmocka would say it: the fault has a case for each target */
        printf("[       OK ] fault_87_damaged_seeds_of_%s_do_no_harm\n", target_name(argv[0]));
    return 0;
}

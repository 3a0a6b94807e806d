/* The hostile hub as a program, for scripts:
 *   hostile_hub FILE PORT_FILE STATS_FILE [storm | flip BIT]
 * has FILE as org/m's model.safetensors, and a config.json. What it sent is in STATS_FILE, anew
 * four times a second: requests, bytes of files. SIGTERM ends it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "tests/faults/hub/hostile.h"

static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

static void write_text(const char *path, const char *text) {
    struct err err = ERR_INIT;
    if (!file_write_atomic(path, text, strlen(text), &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
}

int main(int argc, char **argv) {
    static struct hostile hub;
    struct stat st;
    struct err err = ERR_INIT;
    char text[128];
    if (argc < 4) {
        return 2;
    }
    struct hostile_file files[] = {
        { .path = "config.json", .data = "{}\n", .size = 3 },
        { .path = "model.safetensors", .fd = open(argv[1], O_RDONLY | O_CLOEXEC), .lfs = true },
    };
    if (files[1].fd < 0 || fstat(files[1].fd, &st) || !sha256_file(argv[1], files[1].etag, &err)) {
        perror(argv[1]);
        return 1;
    }
    files[1].size = (uint64_t)st.st_size;
    struct rule rules[2] = { { .prefix = "/org/" } };
    bool storm = argc > 4 && !strcmp(argv[4], "storm"), flip = argc > 5 && !strcmp(argv[4], "flip");
    rules[0].deed = storm ? DEED_STORM : flip ? DEED_FLIP : DEED_NONE;
    rules[0].prefix = flip ? "/org/m/resolve/" HOSTILE_COMMIT "/model" : "/org/";
    rules[0].n = flip ? strtoull(argv[5], NULL, 10) : 0;
    signal(SIGTERM, on_signal);
    hostile_start(&hub, files, 2, 0);
    hostile_rules(&hub, rules);
    snprintf(text, sizeof text, "%s\n", strrchr(hub.url, ':') + 1);
    write_text(argv[2], text);
    while (!stopping) {
        nanosleep(&(struct timespec) { .tv_nsec = 250000000 }, NULL);
        snprintf(text, sizeof text, "%u %llu\n", (unsigned)hub.n_requests,
            (unsigned long long)hub.body_bytes);
        write_text(argv[3], text);
    }
    hostile_stop(&hub);
    return 0;
}

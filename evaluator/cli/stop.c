/* Signals that ask for an end (see stop.h). */
#include "evaluator/cli/stop.h"

#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

static atomic_bool asked;

static void on_signal(int signal) {
    if (atomic_exchange(&asked, true)) {
        _exit(128 + signal);
    }
}

const atomic_bool *stop_on_signals(void) {
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    return &asked;
}

static atomic_uint hangups;

static void on_hup(int signal) {
    (void)signal;
    atomic_fetch_add(&hangups, 1);
}

const atomic_uint *hangups_counted(void) {
    struct sigaction action = { .sa_handler = on_hup, .sa_flags = SA_RESTART };
    if (!isatty(STDIN_FILENO)) {
        sigaction(SIGHUP, &action, NULL);
    }
    return &hangups;
}

static atomic_bool told;

static void on_usr1(int signal) {
    (void)signal;
    atomic_store(&told, true);
}

const atomic_bool *last_on_signal(void) {
    struct sigaction action = { .sa_handler = on_usr1 };
    sigaction(SIGUSR1, &action, NULL);
    return &told;
}

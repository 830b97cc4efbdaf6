#define _GNU_SOURCE
#include "mapfault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

// All that the handler uses is in fixed memory, and is published by a place's base.

#define PATH_BYTES 1024
#define EXIT_STORAGE 74

struct watched {
    _Atomic(uintptr_t) base;  // 0: free
    size_t bytes;
    char path[PATH_BYTES];
};

static struct watched places[III_WATCHED_MAPS];
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;
static int is_installed;
static atomic_flag is_ending = ATOMIC_FLAG_INIT;

// Async-signal-safe: no stdio, no locale, no memory.
static size_t append(char *text, size_t length, size_t limit, const char *part) {
    while (*part != 0 && length < limit) text[length++] = *part++;
    return length;
}

static size_t append_number(char *text, size_t length, size_t limit, uint64_t number) {
    char digits[21];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return append(text, length, limit, digits + at);
}

static void end_process(const struct watched *map, uintptr_t offset) {
    // Two threads at once: one of them reports.
    if (atomic_flag_test_and_set(&is_ending)) {
        for (;;) pause();
    }
    static char text[PATH_BYTES + 512];
    size_t limit = sizeof text - 1;
    size_t length = append(text, 0, limit, "iii: a page of a mapped file can't be read: the device failed, or the file was shortened; "
                                           "check the device, then restart. If it stays so, restore a backup or use iii-storage-inspect salvage [path ");
    length = append(text, length, limit, map->path);
    length = append(text, length, limit, "] [offset ");
    length = append_number(text, length, limit, offset);
    length = append(text, length, limit, "]");
    text[length++] = '\n';
    size_t done = 0;
    while (done < length) {
        ssize_t count = write(STDERR_FILENO, text + done, length - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        done += (size_t)count;
    }
    _exit(EXIT_STORAGE);
}

static void pass_on(int signal_number, siginfo_t *info, void *context) {
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(signal_number, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(signal_number);
    } else {
        if (info->si_code <= 0 && previous.sa_handler == SIG_IGN) return;
        // The instruction faults again after this, and ends the process. A signal that was sent is sent again.
        signal(signal_number, SIG_DFL);
        if (info->si_code <= 0) raise(signal_number);
    }
}

static void handle(int signal_number, siginfo_t *info, void *context) {
    // One that was sent has no address.
    if (info->si_code > 0) {
        uintptr_t address = (uintptr_t)info->si_addr;
        for (int place = 0; place < III_WATCHED_MAPS; place++) {
            uintptr_t base = atomic_load_explicit(&places[place].base, memory_order_acquire);
            if (base != 0 && address >= base && address - base < places[place].bytes) {
                end_process(&places[place], address - base);
            }
        }
    }
    pass_on(signal_number, info, context);
}

int iii_map_faults_install(void) {
    int result = 0;
    pthread_mutex_lock(&changing);
    if (!is_installed) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = handle;
        // On the thread's alternate stack if it has one: the fault is no overflow, so its own will do as well.
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        sigemptyset(&action.sa_mask);
        if (sigaction(SIGBUS, &action, &previous) == 0) is_installed = 1;
        else result = errno;
    }
    pthread_mutex_unlock(&changing);
    return result;
}

int iii_map_watch(const void *base, size_t bytes, const char *path) {
    size_t length = strlen(path);
    int found = -1;
    if (base == NULL || length >= PATH_BYTES) return -1;
    pthread_mutex_lock(&changing);
    for (int place = 0; place < III_WATCHED_MAPS && found < 0; place++) {
        if (atomic_load_explicit(&places[place].base, memory_order_relaxed) != 0) continue;
        memcpy(places[place].path, path, length + 1);
        places[place].bytes = bytes;
        atomic_store_explicit(&places[place].base, (uintptr_t)base, memory_order_release);
        found = place;
    }
    pthread_mutex_unlock(&changing);
    return found;
}

void iii_map_unwatch(int place) {
    if (place < 0 || place >= III_WATCHED_MAPS) return;
    pthread_mutex_lock(&changing);
    atomic_store_explicit(&places[place].base, 0, memory_order_release);
    pthread_mutex_unlock(&changing);
}

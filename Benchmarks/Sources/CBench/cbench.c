#define _GNU_SOURCE
#include "CBench.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int64_t cbench_process_cpu_nanoseconds(pid_t pid) {
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return -1;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

const void *cbench_find(const void *haystack, size_t haystack_bytes, const void *needle, size_t needle_bytes) {
    return memmem(haystack, haystack_bytes, needle, needle_bytes);
}

int64_t cbench_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

enum { OPEN_FOLDERS = 16 };

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *place) {
    (void)facts, (void)kind, (void)place;
    return remove(path) == 0 || errno == ENOENT ? 0 : errno;
}

int cbench_remove_tree(const char *path) {
    int result = nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    return result < 0 ? (errno == ENOENT ? 0 : errno) : result;
}

static _Thread_local int64_t allocated;

static int add_one(const char *path, const struct stat *facts, int kind, struct FTW *place) {
    (void)path, (void)kind, (void)place;
    allocated += (int64_t)facts->st_blocks * 512;
    return 0;
}

int64_t cbench_tree_bytes(const char *path) {
    allocated = 0;
    nftw(path, add_one, OPEN_FOLDERS, FTW_PHYS);
    return allocated;
}

static char text[CBENCH_TEXT_BYTES];
static pthread_once_t text_once = PTHREAD_ONCE_INIT;

static void make_text(void) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof text; i++) text[i] = digits[cbench_random(&state) & 63];
}

const char *cbench_text(void) {
    pthread_once(&text_once, make_text);
    return text;
}

#define _GNU_SOURCE
#include "CBench.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

int64_t cbench_process_cpu_nanoseconds(pid_t pid) {
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return -1;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

int cbench_open_synced(const char *path, int *is_direct) {
    int flags = O_RDWR | O_CREAT | O_TRUNC | O_DSYNC | O_CLOEXEC;
    int fd = open(path, flags | O_DIRECT, 0600);
    *is_direct = fd >= 0;
    return fd >= 0 ? fd : open(path, flags, 0600);
}

const void *cbench_find(const void *haystack, size_t haystack_bytes, const void *needle, size_t needle_bytes) {
    return memmem(haystack, haystack_bytes, needle, needle_bytes);
}

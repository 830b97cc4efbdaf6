// Known system calls below the directory of the first argument, for the recorder's tests: linked with the recorder or run
// under it with LD_PRELOAD. The second argument says which calls.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

extern void recorder_mark(uint64_t) __attribute__((weak));

#define MUST(condition)                                                 \
    do {                                                                \
        if (!(condition)) {                                             \
            fprintf(stderr, "calls.c:%d: %s\n", __LINE__, #condition); \
            exit(1);                                                    \
        }                                                               \
    } while (0)

static void mark(uint64_t value) {
    if (recorder_mark) recorder_mark(value);
}

static void sync_directory(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    MUST(fd >= 0 && fsync(fd) == 0 && close(fd) == 0);
}

// In the order that the test expects.
static void one_of_each(void) {
    char zeros[1000] = {0};
    int fd = open("a", O_RDWR | O_CREAT, 0600);
    MUST(fd >= 0 && write(fd, "hello", 5) == 5 && write(fd, "world", 5) == 5);
    MUST(pwrite(fd, "W", 1, 5) == 1 && pwrite(fd, zeros, sizeof zeros, 100) == sizeof zeros);
    MUST(fdatasync(fd) == 0);
    mark(7);
    int copy = dup(fd), other = fcntl(fd, F_DUPFD_CLOEXEC, 50);
    MUST(copy >= 0 && other >= 50 && close(fd) == 0);
    struct iovec parts[] = {{"one", 3}, {"", 0}, {"two", 3}};
    MUST(pwritev(copy, parts, 3, 20) == 6 && ftruncate(other, 600) == 0 && fsync(other) == 0);
    MUST(lseek(copy, 0, SEEK_END) == 600 && writev(copy, parts, 3) == 6);
    MUST(close(copy) == 0 && close(other) == 0);

    MUST(mkdir("d", 0700) == 0);
    int directory = open("d", O_RDONLY | O_DIRECTORY);
    fd = openat(directory, "x", O_WRONLY | O_CREAT | O_EXCL | O_DSYNC, 0600);
    MUST(fd >= 0 && pwrite(fd, "durable", 7, 0) == 7 && write(fd, "D", 1) == 1 && close(fd) == 0);
    MUST(fsync(directory) == 0 && close(directory) == 0);
    fd = open("./d/../a", O_WRONLY | O_APPEND);
    MUST(fd >= 0 && write(fd, "end", 3) == 3 && pwrite(fd, "END", 3, 0) == 3 && close(fd) == 0);
    MUST(rename("a", "d/b") == 0 && link("d/x", "y") == 0 && unlink("d/x") == 0);
    MUST(open("nothing", O_RDONLY) < 0 && unlink("nothing") < 0 && mkdir("d", 0700) < 0);
    fd = open("y", O_WRONLY | O_TRUNC);
    MUST(fd >= 0 && fallocate(fd, 0, 0, 5000) == 0 && posix_fallocate(fd, 0, 9000) == 0);
    MUST(sync_file_range(fd, 0, 100, SYNC_FILE_RANGE_WRITE) == 0 && close(fd) == 0);
    MUST(truncate("y", 10) == 0);
    MUST(mkdir("e", 0700) == 0 && rmdir("e") == 0);
    sync_directory(".");
    fd = open("d/b", O_RDWR);
    void *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    MUST(memory != MAP_FAILED && msync(memory, 4096, MS_SYNC) == 0 && close(fd) == 0);
    int outside = open("/dev/null", O_WRONLY);
    MUST(outside >= 0 && write(outside, "not here", 8) == 8 && close(outside) == 0);
}

static void *write_much(void *name) {
    char block[4096];
    for (int round = 0; round < 10; round++) {
        int fd = open(name, O_RDWR | O_CREAT | (round % 2 ? O_DSYNC : 0), 0600);
        MUST(fd >= 0);
        for (int index = 0; index < 20; index++) {
            memset(block, 'a' + (round + index) % 26, sizeof block);
            MUST(pwrite(fd, block, (size_t)(500 + index * 150), index * 3000) > 0);
            if (index % 5 == 0) MUST(fdatasync(fd) == 0);
        }
        MUST(close(fd) == 0);
        char renamed[64];
        snprintf(renamed, sizeof renamed, "%s.%d", (const char *)name, round % 3);
        MUST(rename(name, renamed) == 0);
        if (round % 3 == 2) MUST(unlink(renamed) == 0);
        sync_directory(".");
        mark((uint64_t)round);
    }
    return NULL;
}

static void many_threads(void) {
    static char names[4][8] = {"t0", "t1", "t2", "t3"};
    pthread_t threads[4];
    for (int index = 0; index < 4; index++) MUST(pthread_create(&threads[index], NULL, write_much, names[index]) == 0);
    for (int index = 0; index < 4; index++) MUST(pthread_join(threads[index], NULL) == 0);
}

static void for_ever(void) {
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    for (uint64_t number = 1;; number++) {
        char block[512];
        memset(block, (int)(number % 250) + 1, sizeof block);
        MUST(fd >= 0 && pwrite(fd, block, sizeof block, (off_t)(number % 50) * 512) == sizeof block);
        if (number % 3 == 0) MUST(fdatasync(fd) == 0);
        mark(number);
    }
}

static void not_understood(void) {
    int fd = open("f", O_RDWR | O_CREAT, 0600), other = open("g", O_RDWR | O_CREAT, 0600);
    MUST(fd >= 0 && other >= 0 && write(fd, "bytes", 5) == 5);
    off_t from = 0;
    copy_file_range(fd, &from, other, NULL, 5, 0);
    MUST(write(fd, "more", 4) == 4);
}

int main(int count, char **arguments) {
    MUST(count == 3);
    MUST(mkdir(arguments[1], 0700) == 0 || access(arguments[1], W_OK) == 0);
    MUST(chdir(arguments[1]) == 0);
    if (strcmp(arguments[2], "each") == 0) one_of_each();
    if (strcmp(arguments[2], "threads") == 0) many_threads();
    if (strcmp(arguments[2], "ever") == 0) for_ever();
    if (strcmp(arguments[2], "unknown") == 0) not_understood();
    return 0;
}

// The disk without anything above it: the limits that the storage figures are held against.

#define _GNU_SOURCE
#include "CBench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#endif

enum { MEBIBYTE = 1 << 20, BLOCK = 4096, FILE_BYTES = 16 * MEBIBYTE };

static int write_all(int fd, const char *bytes, size_t count, off_t offset) {
    while (count > 0) {
        ssize_t written = pwrite(fd, bytes, count, offset);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return errno;
        bytes += written, count -= (size_t)written, offset += written;
    }
    return 0;
}

static int fill_with_zeros(const char *path, char *buffer) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    memset(buffer, 0, MEBIBYTE);
    int status = 0;
    for (off_t offset = 0; offset < FILE_BYTES && status == 0; offset += MEBIBYTE)
        status = write_all(fd, buffer, MEBIBYTE, offset);
    if (status == 0 && fsync(fd) != 0) status = errno;
    close(fd);
    return status;
}

struct cbench_bare {
    int fd, direct;
    size_t write_bytes;
    char *buffer;
    uint64_t count;
};

static int open_for(const char *path, int direct) {
    if (!direct) return open(path, O_RDWR | O_CLOEXEC);
    int fd = open(path, O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);
    return fd >= 0 || errno != EINVAL ? fd : open(path, O_RDWR | O_DSYNC | O_CLOEXEC);
}

cbench_bare *cbench_bare_open(const char *path, int direct, size_t write_bytes) {
    errno = EINVAL;
    if (write_bytes == 0 || write_bytes % BLOCK != 0 || write_bytes > MEBIBYTE) return NULL;
    cbench_bare *bare = calloc(1, sizeof *bare);
    char *buffer = aligned_alloc(BLOCK, MEBIBYTE);
    if (bare == NULL || buffer == NULL) abort();
    *bare = (cbench_bare){.fd = -1, .direct = direct, .write_bytes = write_bytes, .buffer = buffer};
    int status = fill_with_zeros(path, buffer);
    if (status == 0 && (bare->fd = open_for(path, direct)) < 0) status = errno;
    unlink(path);
    memcpy(buffer, cbench_text(), MEBIBYTE);
    if (status == 0) return bare;
    cbench_bare_close(bare);
    errno = status;
    return NULL;
}

int cbench_bare_run(cbench_bare *bare, uint64_t nanoseconds, cbench_histogram *latencies, uint64_t *spent) {
    const size_t places = FILE_BYTES / bare->write_bytes;
    int64_t start = cbench_nanoseconds(), now = start;
    while ((uint64_t)(now - start) < nanoseconds) {
        off_t offset = (off_t)(bare->count++ % places * bare->write_bytes);
        int status = write_all(bare->fd, bare->buffer, bare->write_bytes, offset);
        if (status != 0) return status;
        if (!bare->direct && fdatasync(bare->fd) != 0) return errno;
        int64_t after = cbench_nanoseconds();
        cbench_histogram_record(latencies, (uint64_t)(after - now));
        now = after;
    }
    *spent = (uint64_t)(now - start);
    return 0;
}

void cbench_bare_close(cbench_bare *bare) {
    if (bare == NULL) return;
    if (bare->fd >= 0) close(bare->fd);
    free(bare->buffer);
    free(bare);
}

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
#elif defined(__aarch64__)
__attribute__((target("+crc")))
#endif
static uint32_t
crc32c(uint32_t crc, const char *bytes, size_t count) {
    uint64_t state = (uint32_t)~crc;
    size_t words = count / 8;
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, bytes + 8 * i, 8);
#if defined(__x86_64__)
        state = _mm_crc32_u64(state, word);
#elif defined(__aarch64__)
        state = __crc32cd((uint32_t)state, word);
#else
        state = (state ^ word) * 0x9E3779B97F4A7C15u >> 32;
#endif
    }
    return ~(uint32_t)state;
}

int64_t cbench_read_and_checksum(const char *path, int direct, int64_t limit, uint32_t *crc) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
    if (fd < 0 && direct) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    char *buffer = aligned_alloc(BLOCK, MEBIBYTE);
    int64_t total = 0;
    ssize_t count = 0;
    while (buffer != NULL && total < limit && (count = read(fd, buffer, MEBIBYTE)) > 0) {
        *crc = crc32c(*crc, buffer, (size_t)count);
        total += count;
    }
    free(buffer);
    close(fd);
    return buffer == NULL || count < 0 ? -1 : total;
}

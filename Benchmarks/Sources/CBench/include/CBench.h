#ifndef CBENCH_H
#define CBENCH_H

#include <stddef.h>
#include <stdint.h>
// For Swift, whose Glibc module lacks it.
#include <sys/epoll.h>
#include <sys/types.h>

/// CPU time (user + system, all threads) that process `pid` has used, in nanoseconds; -1 if it is gone.
int64_t cbench_process_cpu_nanoseconds(pid_t pid);

/// memmem(3): the first occurrence of `needle`, or NULL.
const void *cbench_find(const void *haystack, size_t haystack_bytes, const void *needle, size_t needle_bytes);

/// Removes a folder with everything in it; one that isn't there is fine. 0, or an errno.
int cbench_remove_tree(const char *path);

/// Bytes of disk that a folder's files take: allocated blocks, not lengths.
int64_t cbench_tree_bytes(const char *path);

int64_t cbench_nanoseconds(void);

/// Counts of durations: 64 counters per power of two, so a percentile is within 1.6 % of the true one.
typedef struct cbench_histogram cbench_histogram;
cbench_histogram *cbench_histogram_create(void);
void cbench_histogram_destroy(cbench_histogram *histogram);
void cbench_histogram_record(cbench_histogram *histogram, uint64_t nanoseconds);
void cbench_histogram_add(cbench_histogram *into, const cbench_histogram *from);
uint64_t cbench_histogram_count(const cbench_histogram *histogram);
/// 0 if nothing was recorded. `fraction` is in 0...1.
uint64_t cbench_histogram_percentile(const cbench_histogram *histogram, double fraction);

/// A file of 16 MiB that was written with zeros and synced, for synced overwrites of `write_bytes` (a multiple of 4096),
/// one at a time. `direct`: O_DIRECT|O_DSYNC (O_DSYNC alone where that is refused), else pwrite + fdatasync. The file
/// has no name any more when this returns. NULL with errno on an error.
typedef struct cbench_bare cbench_bare;
cbench_bare *cbench_bare_open(const char *path, int direct, size_t write_bytes);
/// Writes for a while; `spent` is how long that was. 0, or an errno.
int cbench_bare_run(cbench_bare *bare, uint64_t nanoseconds, cbench_histogram *latencies, uint64_t *spent);
void cbench_bare_close(cbench_bare *bare);

/// Reads a file from its start to its end or `limit`, in pieces of a mebibyte, and checksums them (CRC32C); `direct`:
/// around the page cache. -1 on an error, else the number of bytes.
int64_t cbench_read_and_checksum(const char *path, int direct, int64_t limit, uint32_t *crc);

/// The next number of a seeded sequence (splitmix64), the same for our side and the peers.
static inline uint64_t cbench_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/// Base64 text of a mebibyte, the same in every run: values are pieces of it, which no compression makes smaller.
const char *cbench_text(void);
enum { CBENCH_TEXT_BYTES = 1 << 20 };

/// `bytes` of text, a different piece for each `number`.
static inline const char *cbench_value(const char *text, uint64_t number, size_t bytes) {
    uint64_t state = number;
    return text + cbench_random(&state) % (CBENCH_TEXT_BYTES - bytes);
}

#endif

// Counts the heap allocations of the process it is preloaded into (test-only; glibc).
// The two counters lie in a file that both processes map or read, named by III_BENCH_MALLOC_FILE:
//   offset 0: allocations (u64, native order), offset 8: bytes asked for (u64).
// glibc's own entry points are called by their __libc names, so no dlsym (which allocates) is needed.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

struct counters {
    _Atomic uint64_t allocations;
    _Atomic uint64_t bytes;
};

static struct counters before_mapping;
static struct counters *_Atomic counters = &before_mapping;

__attribute__((constructor)) static void map_counters(void) {
    const char *path = getenv("III_BENCH_MALLOC_FILE");
    if (path == NULL) return;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (ftruncate(fd, sizeof(struct counters)) == 0) {
        void *mapped = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapped != MAP_FAILED) atomic_store(&counters, (struct counters *)mapped);
    }
    close(fd);
    // What this process starts isn't what is being counted.
    unsetenv("LD_PRELOAD");
}

static void count(size_t bytes) {
    struct counters *target = atomic_load_explicit(&counters, memory_order_relaxed);
    atomic_fetch_add_explicit(&target->allocations, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&target->bytes, bytes, memory_order_relaxed);
}

void *malloc(size_t size) {
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count(number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    count(size);
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    count(size);
    void *result = __libc_memalign(alignment, size);
    if (result == NULL) return ENOMEM;
    *block = result;
    return 0;
}

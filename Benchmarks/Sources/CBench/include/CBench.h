#ifndef CBENCH_H
#define CBENCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// CPU time (user + system, all threads) that process `pid` has used, in nanoseconds; -1 if it is gone.
int64_t cbench_process_cpu_nanoseconds(pid_t pid);

/// Opens (creating, truncating) `path` for writing with O_DIRECT | O_DSYNC, or with O_DSYNC alone where the file
/// system refuses O_DIRECT. Returns the descriptor or -1 with errno.
int cbench_open_synced(const char *path, int *is_direct);

/// memmem(3): the first occurrence of `needle`, or NULL.
const void *cbench_find(const void *haystack, size_t haystack_bytes, const void *needle, size_t needle_bytes);

#endif

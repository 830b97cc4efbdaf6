#ifndef III_PLATFORM_MAPFAULT_H
#define III_PLATFORM_MAPFAULT_H

#include <stddef.h>

/// How many maps may be watched at once.
#define III_WATCHED_MAPS 64

/// From now on a read of a watched map that the kernel can't serve (SIGBUS: the device failed, or the file was shortened)
/// ends the process with status 74 and a line on standard error that names file and offset. Any other SIGBUS goes to the
/// handler that was there before. Idempotent, thread-safe. 0, or an errno.
int iii_map_faults_install(void);

/// Watches the map of a file. The number of its place for `iii_map_unwatch`; -1: all places are taken, or the path is too
/// long. Thread-safe.
int iii_map_watch(const void *base, size_t bytes, const char *path);

/// Before the map goes or moves. Nobody reads in it any more.
void iii_map_unwatch(int place);

#endif

#ifndef III_PLATFORM_FILELOCK_H
#define III_PLATFORM_FILELOCK_H

/// Whether another open file description holds a lock that conflicts with a write lock on the whole file. Takes no lock;
/// the descriptor may be read-only. 1 held, 0 free, or -errno.
int iii_file_is_locked(int fd);

#endif

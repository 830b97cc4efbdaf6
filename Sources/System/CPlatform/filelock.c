#define _GNU_SOURCE
#include "filelock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int iii_file_is_locked(int fd) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);  // OFD locks demand l_pid == 0
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0) return -errno;
    return lock.l_type != F_UNLCK;
}

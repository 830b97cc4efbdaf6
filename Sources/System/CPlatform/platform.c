#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

const int iii_o_direct = O_DIRECT;
const int iii_o_tmpfile = O_TMPFILE;
const int iii_o_dsync = O_DSYNC;

// From linux/magic.h and the CIFS sources, by value: not every libc's headers carry them.
const uint64_t iii_filesystem_nfs = 0x6969;
const uint64_t iii_filesystem_smb = 0xFE534D42;
const uint64_t iii_filesystem_cifs = 0xFF534D42;
const uint64_t iii_filesystem_fuse = 0x65735546;
const uint64_t iii_filesystem_9p = 0x01021997;
const uint64_t iii_filesystem_ceph = 0x00C36400;
const uint64_t iii_filesystem_gfs2 = 0x01161970;
const uint64_t iii_filesystem_lustre = 0x0BD00BD3;
const uint64_t iii_filesystem_btrfs = 0x9123683E;
const uint64_t iii_filesystem_zfs = 0x2FC12FC1;

int iii_try_lock_file(int fd) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);  // OFD locks demand l_pid == 0
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

int iii_try_lock_directory(int fd) {
    int result;
    do {
        result = flock(fd, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

static int rename_new_by_link(const char *path, const char *target) {
    if (link(path, target) == 0) return unlink(path) == 0 ? 0 : errno;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return errno;
    // A directory (EPERM), or no hard links either: nothing is left but to look first.
    struct stat facts;
    if (lstat(target, &facts) == 0) return EEXIST;
    if (errno != ENOENT) return errno;
    return rename(path, target) == 0 ? 0 : errno;
}

int iii_rename_new(const char *path, const char *target) {
    if (renameat2(AT_FDCWD, path, AT_FDCWD, target, RENAME_NOREPLACE) == 0) return 0;
    if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) return rename_new_by_link(path, target);
    return errno;
}

int iii_leave_direct(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || !(flags & O_DIRECT)) return 0;
    if (fcntl(fd, F_SETFL, flags & ~O_DIRECT) != 0) return 0;
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return 1;
}

int iii_open(const char *path, int flags, unsigned mode) {
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, (mode_t)mode);
    } while (fd < 0 && errno == EINTR);
    return fd >= 0 ? fd : -errno;
}

// 0: not known. By statx(2), for the reason that `iii_link_count` has.
static mode_t type_of(int fd) {
    struct statx facts;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &facts) == 0) return facts.stx_mode & S_IFMT;
    struct stat old;
    return fstat(fd, &old) == 0 ? old.st_mode & S_IFMT : 0;
}

int iii_open_file(const char *path, int flags, unsigned mode) {
    int fd = iii_open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode);
    if (fd < 0) return fd;
    mode_t type = type_of(fd);
    if (type == S_IFREG) return fd;
    close(fd);
    return type == S_IFDIR ? -EISDIR : -ENXIO;
}

int iii_filesystem_type(const char *path, uint64_t *type) {
    struct statfs facts;
    int result;
    do {
        result = statfs(path, &facts);
    } while (result != 0 && errno == EINTR);
    if (result != 0) return errno;
    *type = (uint32_t)facts.f_type;  // some magics have the high bit set: no sign extension
    return 0;
}

int iii_link_count(int fd, uint64_t *count) {
    struct statx facts;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_NLINK, &facts) == 0) {
        *count = facts.stx_nlink;
        return 0;
    }
    // Some sandboxes know no statx.
    struct stat old;
    if (fstat(fd, &old) != 0) return errno;
    *count = old.st_nlink;
    return 0;
}

void iii_set_thread_timer_slack(uint64_t nanoseconds) {
    prctl(PR_SET_TIMERSLACK, (unsigned long)nanoseconds, 0, 0, 0);
}

void iii_set_thread_background(void) {
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
}

void iii_set_thread_name(const char *name) {
    pthread_setname_np(pthread_self(), name);
}

struct iii_semaphore {
    sem_t value;
};

iii_semaphore *iii_semaphore_create(void) {
    iii_semaphore *semaphore = malloc(sizeof *semaphore);
    if (semaphore == NULL || sem_init(&semaphore->value, 0, 0) != 0) abort();
    return semaphore;
}

void iii_semaphore_destroy(iii_semaphore *semaphore) {
    sem_destroy(&semaphore->value);
    free(semaphore);
}

void iii_semaphore_post(iii_semaphore *semaphore) {
    sem_post(&semaphore->value);
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define III_SANITIZES_THREADS 1
#endif
#endif

// ThreadSanitizer doesn't know sem_clockwait: what the poster did before would look unordered.
#ifdef III_SANITIZES_THREADS
#define III_SEMAPHORE_CLOCK CLOCK_REALTIME
#define iii_semaphore_wait_until(semaphore, until) sem_timedwait(semaphore, until)
#else
#define III_SEMAPHORE_CLOCK CLOCK_MONOTONIC
#define iii_semaphore_wait_until(semaphore, until) sem_clockwait(semaphore, CLOCK_MONOTONIC, until)
#endif

int iii_semaphore_wait(iii_semaphore *semaphore, uint64_t nanoseconds) {
    int result;
    if (nanoseconds == UINT64_MAX) {
        do {
            result = sem_wait(&semaphore->value);
        } while (result != 0 && errno == EINTR);
        return 1;
    }
    struct timespec until;
    clock_gettime(III_SEMAPHORE_CLOCK, &until);
    until.tv_sec += (time_t)(nanoseconds / 1000000000u);
    until.tv_nsec += (long)(nanoseconds % 1000000000u);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000;
    }
    do {
        result = iii_semaphore_wait_until(&semaphore->value, &until);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

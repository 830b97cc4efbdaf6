#ifndef III_CPLATFORM_H
#define III_CPLATFORM_H

#include <stddef.h>
#include <stdint.h>

/// CRC32C (Castagnoli), zlib-style: start with 0, feed the result back in to continue.
/// Uses SSE4.2 or the ARMv8 CRC instructions where the machine has them.
uint32_t iii_crc32c(uint32_t crc, const void *data, size_t length);

/// The table-driven version, for machines without the instruction and to test the other one against.
uint32_t iii_crc32c_portable(uint32_t crc, const void *data, size_t length);

/// 1 when iii_crc32c uses an instruction.
int iii_crc32c_is_hardware(void);

/// Exclusive open-file-description lock on the whole file, without waiting. 0, or an errno (EAGAIN, EACCES: held).
int iii_try_lock_file(int fd);

/// flock(2) on an open directory, exclusive, without waiting. 0, or an errno (EWOULDBLOCK: held; others: not possible here).
int iii_try_lock_directory(int fd);

/// rename(2) of a file or a directory that never takes the place of anything: EEXIST. 0, or an errno.
///
/// Where the file system has no RENAME_NOREPLACE, a file is linked and unlinked (a crash between leaves both names), and a
/// directory, or a file where there are no hard links, is renamed after a look at the target.
int iii_rename_new(const char *path, const char *target);

/// Takes O_DIRECT from an open file and drops what the page cache has of it. 1 if it was set and is gone, 0 if not.
int iii_leave_direct(int fd);

/// open(2) with O_CLOEXEC; Swift does not import variadic functions. The descriptor, or -errno.
int iii_open(const char *path, int flags, unsigned mode);

/// Same, for a regular file alone, with O_NOFOLLOW: a pipe would make the opening wait for ever, a symbolic link lead anywhere.
/// -ELOOP: a symbolic link; -EISDIR; -ENXIO: a pipe, a socket or a device.
int iii_open_file(const char *path, int flags, unsigned mode);

extern const int iii_o_direct;
extern const int iii_o_tmpfile;
extern const int iii_o_dsync;

/// statfs(2)'s f_type. 0, or an errno.
int iii_filesystem_type(const char *path, uint64_t *type);
extern const uint64_t iii_filesystem_nfs;
extern const uint64_t iii_filesystem_smb;
extern const uint64_t iii_filesystem_cifs;
extern const uint64_t iii_filesystem_fuse;
extern const uint64_t iii_filesystem_9p;
extern const uint64_t iii_filesystem_ceph;
extern const uint64_t iii_filesystem_gfs2;
extern const uint64_t iii_filesystem_lustre;
extern const uint64_t iii_filesystem_btrfs;
extern const uint64_t iii_filesystem_zfs;

/// How many names an open file has. 0, or an errno.
///
/// Not by fstat(2): on kernels with multigrain timestamps (6.13) a write after a look at the file's times gives the inode a
/// new time, and a synchronous one commits that to the journal: 125 us instead of 85 us for 4 KiB on ext4.
int iii_link_count(int fd, uint64_t *count);

/// Timer slack of the calling thread: how late its timed waits may end. Linux' default is 50 us.
void iii_set_thread_timer_slack(uint64_t nanoseconds);

/// Lets every other thread go first (nice 10, this thread only).
void iii_set_thread_background(void);

void iii_set_thread_name(const char *name);

/// A counting semaphore whose timed wait uses the monotonic clock.
typedef struct iii_semaphore iii_semaphore;
iii_semaphore *iii_semaphore_create(void);
void iii_semaphore_destroy(iii_semaphore *semaphore);
void iii_semaphore_post(iii_semaphore *semaphore);
/// 1 when a post was taken, 0 when the time was up. UINT64_MAX: no limit.
int iii_semaphore_wait(iii_semaphore *semaphore, uint64_t nanoseconds);

#include "arguments.h"
#include "filelock.h"
#include "mapfault.h"

#endif

#ifndef III_RECORDER_H
#define III_RECORDER_H

#include <stdint.h>

/// The system-call recorder of the power-cut tests (storage.md section 6, L4).
///
/// Journals every call that changes a file, or makes a change durable, below one directory: in the order in which the
/// calls took effect, with the bytes. An image builder then makes directories "as if the power had failed at entry t".
///
/// Two ways to use it: as a shared object in LD_PRELOAD for an unmodified program, or linked into an executable, whose
/// own objects and static libraries then resolve `pwrite` and the others to the definitions here.
///
/// Environment, read once:
///   III_RECORD_ROOT       directory to record; empty or missing when the recording starts, or copied first as the image
///                         builder's `base`
///   III_RECORD_JOURNAL    journal file, outside of the root. Created by the first call below the root. A file that
///                         exists belongs to another process: then this one stays unrecorded, and says so on stderr
///   III_RECORD_MAX_BYTES  the journal's bound, default 1 GiB. On reaching it a `stopped` entry ends the recording
///   III_RECORD_CONTINUE   "1": go on with the journal of a process that has ended
///   III_RECORD_KILL_AT    SIGKILL itself once the journal has this many bytes, at a moment when no sync or durable write
///                         is under way: so the journal knows exactly what the files hold, and another may go on with it
///   III_RECORD_FORGET     comma list of fsync, fdatasync, dirsync, dsync: what is left out of the journal, to prove that
///                         the tests notice (the calls themselves are made)
/// Without the first two: one branch per call.
///
/// Order. One lock is held around a call and its entry, so entries of calls that took effect one after the other stand
/// in that order. It is NOT held during a sync or a write to an O_DSYNC descriptor: these have an entry before the call
/// and another after it. A sync therefore promises what stood in the journal before its begin entry (those calls had
/// returned), from its end entry on; and a mark made while it is under way stands before the end, as it must: a lock
/// held during the sync would hide an acknowledgement that comes too early. Writes of two threads that overlap in time
/// and place have no defined order, here as in the kernel.
///
/// Not seen: files named by way of /proc, writes through a shared mapping (LMDB's lock file), stdio, io_uring, mkstemp, ioctl clones. `sync` and
/// `syncfs` count for nothing. Calls that would make the journal wrong (O_TMPFILE, copy_file_range or sendfile into a
/// file below the root, a file moved in from outside, collapsing ranges) stop the recording with a `stopped` entry.

enum iii_record_kind {
    iii_record_begin = 1,  // a process starts: path = root, value = pid. Node numbers count anew
    iii_record_open,       // node, path, mode = open flags; binds the node to the path
    iii_record_write,      // node, value = offset, length, data
    iii_record_write_end,  // value = sequence of a write with the flag in_progress, result = bytes written or -errno
    iii_record_truncate,   // node, value = new length
    iii_record_allocate,   // node, value = offset, length, mode = fallocate's
    iii_record_sync_begin, // node
    iii_record_sync_end,   // value = sequence of its begin, result = 0 or -errno
    iii_record_sync_range, // node, value = offset, length: no durability
    iii_record_rename,     // path, target, mode = renameat2's flags
    iii_record_unlink,     // path
    iii_record_mkdir,      // path
    iii_record_rmdir,      // path
    iii_record_link,       // path, target
    iii_record_mark,       // value
    iii_record_stopped,    // path = why; nothing after it is meaningful
};

enum iii_record_flag {
    iii_record_created = 1,      // open: the path did not exist
    iii_record_truncated = 2,    // open: O_TRUNC emptied the file
    iii_record_directory = 4,    // open: a directory
    iii_record_in_progress = 8,  // write: a write_end follows when it is durable
    iii_record_zeros = 16,       // write: `length` zero bytes, not stored
    iii_record_direct = 32,      // write: around the page cache
    iii_record_data_only = 64,   // sync: fdatasync
};

enum { iii_record_magic = 0x52494949 };  // "IIIR"

/// Before each entry, in the machine's byte order. Then path, target, data, and zeros up to a multiple of 8.
struct iii_record_header {
    uint32_t magic;
    uint16_t kind;
    uint16_t flags;
    uint64_t sequence;  // from 1 in each process; 0: a mark appended from outside
    uint64_t node;      // our own file number, from 1; 0: none
    uint64_t value;
    uint64_t length;
    int64_t result;
    uint64_t mode;
    uint32_t path_bytes;
    uint32_t target_bytes;
    uint64_t data_bytes;
};

/// "Up to `value` was acknowledged": exact with respect to the entries around it. Nothing when not recording.
void recorder_mark(uint64_t value);

/// 1 while calls are journalled.
int recorder_is_active(void);

/// Has the kernel kill the calling process when its parent ends.
void recorder_die_with_parent(void);

#endif

#define _GNU_SOURCE
#include "recorder.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// What records has buffers for paths on its stack, some 20 KB in all. It must not become part of the functions that only
// pass a call through: they may run on the small stack of a signal handler.
#define SLOW __attribute__((noinline))

// ---------------------------------------------------------------------------------------------------------------------
// The real calls

static struct {
    int (*openat)(int, const char *, int, ...);
    int (*close)(int);
    int (*dup)(int);
    int (*dup2)(int, int);
    int (*dup3)(int, int, int);
    int (*fcntl)(int, int, ...);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    ssize_t (*writev)(int, const struct iovec *, int);
    ssize_t (*pwritev)(int, const struct iovec *, int, off_t);
    ssize_t (*pwritev2)(int, const struct iovec *, int, off_t, int);
    int (*ftruncate)(int, off_t);
    int (*truncate)(const char *, off_t);
    int (*fallocate)(int, int, off_t, off_t);
    int (*posix_fallocate)(int, off_t, off_t);
    int (*fsync)(int);
    int (*fdatasync)(int);
    int (*sync_file_range)(int, off_t, off_t, unsigned);
    int (*msync)(void *, size_t, int);
    int (*renameat2)(int, const char *, int, const char *, unsigned);
    int (*unlinkat)(int, const char *, int);
    int (*mkdirat)(int, const char *, mode_t);
    int (*linkat)(int, const char *, int, const char *, int);
    ssize_t (*copy_file_range)(int, off_t *, int, off_t *, size_t, unsigned);
    ssize_t (*sendfile)(int, int, off_t *, size_t);
} real;

#define FIND(name) real.name = (__typeof__(real.name))dlsym(RTLD_NEXT, #name)

static void find_real_calls(void) {
    FIND(openat), FIND(close), FIND(dup), FIND(dup2), FIND(dup3), FIND(fcntl);
    FIND(write), FIND(pwrite), FIND(writev), FIND(pwritev), FIND(pwritev2);
    FIND(ftruncate), FIND(truncate), FIND(fallocate), FIND(posix_fallocate);
    FIND(fsync), FIND(fdatasync), FIND(sync_file_range), FIND(msync);
    FIND(renameat2), FIND(unlinkat), FIND(mkdirat), FIND(linkat);
    FIND(copy_file_range), FIND(sendfile);
}

// ---------------------------------------------------------------------------------------------------------------------
// State. Everything below is changed under `lock` only; descriptors are read without it.

enum {
    maximum_descriptors = 65536,
    maximum_nodes = 1 << 17,  // slots, filled to three quarters
    stop_reserve = 512,       // room for the last entry
};
static const uint64_t default_maximum_bytes = 1ull << 30;

enum { unresolved, off, on };
static _Atomic int state = unresolved;
static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static char root[PATH_MAX];
static char journal_path[PATH_MAX];
static int journal = -1;
static uint64_t journal_bytes, maximum_bytes, kill_at;
static uint64_t sequence;
static unsigned calls_in_progress;  // syncs and durable writes between their two entries
static bool goes_on;                // with the journal of an earlier process

enum { forget_fsync = 1, forget_fdatasync = 2, forget_dirsync = 4, forget_dsync = 8 };
static unsigned forgets;

// A descriptor of a file below the root: its node number times 16 and these bits. 0: not ours.
enum { bit_durable = 1, bit_direct = 2, bit_append = 4, bit_directory = 8, node_shift = 4 };
static _Atomic uint64_t descriptors[maximum_descriptors];

// Inode to node number, open addressing. The kernel reuses inode numbers, so a creation replaces the entry.
static struct {
    dev_t device;
    ino_t inode;
    uint64_t node;
} nodes[maximum_nodes];
static uint64_t last_node;
static unsigned used_slots;

SLOW static void say(const char *text) {
    char line[PATH_MAX + 128];
    int count = snprintf(line, sizeof line, "iii-recorder: %s (journal %s)\n", text, journal_path);
    if (count > 0) real.write(STDERR_FILENO, line, (size_t)count < sizeof line ? (size_t)count : sizeof line - 1);
}

static unsigned parse_forgets(const char *list) {
    static const char *names[] = {"fsync", "fdatasync", "dirsync", "dsync"};
    unsigned found = 0;
    for (const char *word = list; word != NULL && *word != 0;) {
        size_t length = strcspn(word, ",");
        for (unsigned index = 0; index < 4; index++)
            if (strlen(names[index]) == length && strncmp(word, names[index], length) == 0) found |= 1u << index;
        word += length + (word[length] == ',');
    }
    return found;
}

// The canonical root, although its last parts may not exist yet.
static bool resolve_root(const char *path) {
    char part[PATH_MAX], found[PATH_MAX];
    if (path[0] != '/' || strlen(path) >= sizeof part) return false;
    strcpy(part, path);
    for (size_t end = strlen(part); end > 1 && part[end - 1] == '/'; end--) part[end - 1] = 0;
    size_t whole = strlen(part);
    while (realpath(part[0] ? part : "/", found) == NULL) {
        char *slash = strrchr(part, '/');
        if (slash == NULL) return false;
        *slash = 0;
    }
    size_t kept = strlen(part);
    if (strcmp(found, "/") == 0) found[0] = 0;
    return snprintf(root, sizeof root, "%s%.*s", found, (int)(whole - kept), path + kept) < (int)sizeof root
        && root[0] != 0;
}

static uint64_t number_of(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text != NULL && *text != 0 ? strtoull(text, NULL, 10) : otherwise;
}

static void stay_out_of_children(void) {
    atomic_store(&state, off);
}

SLOW static void start(void) {
    pthread_mutex_lock(&start_lock);
    if (atomic_load(&state) == unresolved) {
        find_real_calls();
        const char *wanted = getenv("III_RECORD_ROOT"), *path = getenv("III_RECORD_JOURNAL"), *again;
        int decided = off;
        if (wanted != NULL && path != NULL && strlen(path) < sizeof journal_path) {
            strcpy(journal_path, path);
            maximum_bytes = number_of("III_RECORD_MAX_BYTES", default_maximum_bytes);
            kill_at = number_of("III_RECORD_KILL_AT", 0);
            forgets = parse_forgets(getenv("III_RECORD_FORGET"));
            goes_on = (again = getenv("III_RECORD_CONTINUE")) != NULL && strcmp(again, "1") == 0;
            if (resolve_root(wanted)) decided = on;
            else say("the root must be an absolute path; not recording");
            pthread_atfork(NULL, NULL, stay_out_of_children);
        }
        atomic_store_explicit(&state, decided, memory_order_release);
    }
    pthread_mutex_unlock(&start_lock);
}

__attribute__((constructor)) static void start_early(void) {
    if (atomic_load(&state) == unresolved) start();
}

static inline bool recording(void) {
    int now = atomic_load_explicit(&state, memory_order_acquire);
    if (__builtin_expect(now == off, 1)) return false;
    if (now == unresolved) start();
    return atomic_load_explicit(&state, memory_order_acquire) == on;
}

static inline uint64_t descriptor_of(int fd) {
    if (!recording() || fd < 0 || fd >= maximum_descriptors) return 0;
    return atomic_load_explicit(&descriptors[fd], memory_order_relaxed);
}

static void enter(void) {
    pthread_mutex_lock(&lock);
}

static void leave(void) {
    if (kill_at != 0 && journal_bytes >= kill_at && calls_in_progress == 0 && atomic_load(&state) == on)
        for (;;) kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&lock);
}

// ---------------------------------------------------------------------------------------------------------------------
// The journal

enum { maximum_parts = IOV_MAX - 4 };

// In one call, so that a mark appended by another process can't come between; false: the journal is broken off.
static bool put(struct iovec *parts, int count, uint64_t total) {
    ssize_t written = real.writev(journal, parts, count);
    if (written == (ssize_t)total) {
        journal_bytes += total;
        return true;
    }
    say("the journal can't be written; it ends here");
    atomic_store(&state, off);
    return false;
}

SLOW static bool put_entry(
    struct iii_record_header *entry, const char *path, const char *target, const struct iovec *data, int count
) {
    static const char zeros[8];
    struct iovec parts[IOV_MAX];
    entry->magic = iii_record_magic;
    entry->path_bytes = path ? (uint32_t)strlen(path) : 0;
    entry->target_bytes = target ? (uint32_t)strlen(target) : 0;
    uint64_t total = sizeof *entry + entry->path_bytes + entry->target_bytes;
    parts[0] = (struct iovec){entry, sizeof *entry};
    parts[1] = (struct iovec){(void *)path, entry->path_bytes};
    parts[2] = (struct iovec){(void *)target, entry->target_bytes};
    int used = 3;
    for (int index = 0; index < count; index++) {
        entry->data_bytes += data[index].iov_len;
        parts[used++] = data[index];
    }
    total += entry->data_bytes;
    uint64_t padding = (8 - total % 8) % 8;
    parts[used++] = (struct iovec){(void *)zeros, padding};
    return put(parts, used, total + padding);
}

SLOW static void stop(const char *why) {
    struct iii_record_header entry = {.kind = iii_record_stopped, .sequence = ++sequence};
    if (journal >= 0) put_entry(&entry, why, NULL, NULL, 0);
    say(why);
    atomic_store(&state, off);
}

// The process that first touches the root owns the journal: programs it starts inherit the environment.
SLOW static bool claim(void) {
    if (journal >= 0) return true;
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | (goes_on ? 0 : O_CREAT | O_EXCL);
    journal = real.openat(AT_FDCWD, journal_path, flags, 0600);
    if (journal < 0) {
        say(errno == EEXIST ? "the journal exists; not recording" : "the journal can't be opened; not recording");
        atomic_store(&state, off);
        return false;
    }
    struct stat facts;
    if (fstat(journal, &facts) == 0) journal_bytes = (uint64_t)facts.st_size;
    struct iii_record_header entry = {
        .kind = iii_record_begin, .sequence = ++sequence, .value = (uint64_t)getpid()};
    return put_entry(&entry, root, NULL, NULL, 0);
}

static bool all_zero(const struct iovec *data, int count) {
    for (int index = 0; index < count; index++) {
        const unsigned char *bytes = data[index].iov_base;
        size_t length = data[index].iov_len;
        if (length > 0 && (bytes[0] != 0 || memcmp(bytes, bytes + 1, length - 1) != 0)) return false;
    }
    return count > 0;
}

// Appends an entry; returns its sequence, 0 when not recording any more.
SLOW static uint64_t append(
    struct iii_record_header entry, const char *path, const char *target, const struct iovec *data, int count
) {
    if (atomic_load(&state) != on || !claim()) return 0;
    if (all_zero(data, count)) {
        entry.flags |= iii_record_zeros;
        count = 0;
    }
    uint64_t bytes = sizeof entry + 8 + (path ? strlen(path) : 0) + (target ? strlen(target) : 0);
    for (int index = 0; index < count; index++) bytes += data[index].iov_len;
    if (journal_bytes + bytes + stop_reserve > maximum_bytes) {
        stop("the journal has reached III_RECORD_MAX_BYTES");
        return 0;
    }
    entry.sequence = ++sequence;
    return put_entry(&entry, path, target, data, count) ? entry.sequence : 0;
}

static uint64_t append_name(uint16_t kind, const char *path, const char *target, uint64_t mode) {
    return append((struct iii_record_header){.kind = kind, .mode = mode}, path, target, NULL, 0);
}

// ---------------------------------------------------------------------------------------------------------------------
// Which file

SLOW static bool make_absolute(int directory, const char *path, char *whole) {
    if (path == NULL || path[0] == 0) return false;
    if (path[0] == '/') return snprintf(whole, PATH_MAX, "%s", path) < PATH_MAX;
    char base[PATH_MAX], link[64];
    if (directory == AT_FDCWD) {
        if (getcwd(base, sizeof base) == NULL) return false;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return false;
        base[length] = 0;
    }
    return snprintf(whole, PATH_MAX, "%s/%s", base, path) < PATH_MAX;
}

// The path relative to the root, "" for the root itself. A symbolic link as the last part is not followed.
SLOW static bool below_root(int directory, const char *path, char *name) {
    char whole[PATH_MAX], parent[PATH_MAX], found[PATH_MAX];
    if (!make_absolute(directory, path, whole)) return false;
    for (size_t end = strlen(whole); end > 1 && whole[end - 1] == '/'; end--) whole[end - 1] = 0;
    char *slash = strrchr(whole, '/');
    const char *last = slash + 1;
    if (*last == 0 || strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
        if (realpath(whole, found) == NULL) return false;
    } else {
        *slash = 0;
        if (realpath(whole[0] ? whole : "/", parent) == NULL) return false;
        const char *prefix = strcmp(parent, "/") == 0 ? "" : parent;
        if (snprintf(found, sizeof found, "%s/%s", prefix, last) >= (int)sizeof found) return false;
    }
    size_t length = strlen(root);
    if (strncmp(found, root, length) != 0 || (found[length] != 0 && found[length] != '/')) return false;
    strcpy(name, found[length] ? found + length + 1 : "");
    return true;
}

static uint64_t node_of(const struct stat *facts, bool is_new) {
    size_t slot = (size_t)((facts->st_ino * 0x9E3779B97F4A7C15ull) ^ facts->st_dev) % maximum_nodes;
    while (nodes[slot].node != 0 && (nodes[slot].inode != facts->st_ino || nodes[slot].device != facts->st_dev))
        slot = (slot + 1) % maximum_nodes;
    if (nodes[slot].node != 0 && !is_new) return nodes[slot].node;
    if (nodes[slot].node == 0 && ++used_slots > maximum_nodes / 4 * 3) {
        stop("more files than the recorder can tell apart");
        return 0;
    }
    nodes[slot].device = facts->st_dev;
    nodes[slot].inode = facts->st_ino;
    nodes[slot].node = ++last_node;
    return last_node;
}

static void note_open(int fd, const char *name, int flags, bool existed, bool emptied) {
    struct stat facts;
    if (fstat(fd, &facts) != 0 || (!S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode))) return;
    if (fd >= maximum_descriptors) return stop("a descriptor number beyond what the recorder keeps");
    uint64_t node = node_of(&facts, !existed);
    bool is_directory = S_ISDIR(facts.st_mode);
    struct iii_record_header entry = {.kind = iii_record_open, .node = node, .mode = (uint64_t)(unsigned)flags};
    entry.flags = (uint16_t)((existed ? 0 : iii_record_created) | (emptied ? iii_record_truncated : 0)
                             | (is_directory ? iii_record_directory : 0));
    append(entry, name, NULL, NULL, 0);
    uint64_t bits = (flags & (O_DSYNC | O_SYNC) ? bit_durable : 0) | (flags & O_DIRECT ? bit_direct : 0)
        | (flags & O_APPEND ? bit_append : 0) | (is_directory ? bit_directory : 0);
    atomic_store_explicit(&descriptors[fd], node << node_shift | bits, memory_order_relaxed);
}

SLOW static int open_and_record(int directory, const char *path, int flags, mode_t mode) {
    char name[PATH_MAX];
    if (!below_root(directory, path, name)) return real.openat(directory, path, flags, mode);
    enter();
    struct stat before;
    bool existed = fstatat(directory, path, &before, 0) == 0;
    if ((flags & O_TMPFILE) == O_TMPFILE) stop("O_TMPFILE is not understood");
    int fd = real.openat(directory, path, flags, mode);
    int error = errno;
    if (fd >= 0) note_open(fd, name, flags, existed, existed && (flags & O_TRUNC) && before.st_size > 0);
    leave();
    errno = error;
    return fd;
}

// A root in /proc there is none; and a handler of fatal signals looks there, with little stack.
static int open_recorded(int directory, const char *path, int flags, mode_t mode) {
    if (!recording() || (path != NULL && strncmp(path, "/proc/", 6) == 0))
        return real.openat(directory, path, flags, mode);
    return open_and_record(directory, path, flags, mode);
}

// ---------------------------------------------------------------------------------------------------------------------
// Opening and closing

#define MODE_ARGUMENT(flags)                                      \
    mode_t mode = 0;                                              \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list rest;                                             \
        va_start(rest, flags);                                    \
        mode = va_arg(rest, mode_t);                              \
        va_end(rest);                                             \
    }

int open(const char *path, int flags, ...) {
    MODE_ARGUMENT(flags)
    return open_recorded(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE_ARGUMENT(flags)
    return open_recorded(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...) {
    MODE_ARGUMENT(flags)
    return open_recorded(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...) {
    MODE_ARGUMENT(flags)
    return open_recorded(directory, path, flags, mode);
}

// What the headers make of `open` without a mode under _FORTIFY_SOURCE.
int __open_2(const char *path, int flags) {
    return open_recorded(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags) {
    return open_recorded(AT_FDCWD, path, flags, 0);
}

int creat(const char *path, mode_t mode) {
    return open_recorded(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode) {
    return open_recorded(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int close(int fd) {
    if (descriptor_of(fd) == 0) {
        if (!recording() || fd != journal) return real.close(fd);
        errno = EBADF;  // for a program that closes every number
        return -1;
    }
    enter();
    // Before the call: another thread may get the number at once.
    atomic_store_explicit(&descriptors[fd], 0, memory_order_relaxed);
    int result = real.close(fd);
    int error = errno;
    leave();
    errno = error;
    return result;
}

static int note_copy(int result, uint64_t descriptor) {
    if (result >= 0 && result < maximum_descriptors && recording())
        atomic_store_explicit(&descriptors[result], descriptor, memory_order_relaxed);
    else if (descriptor != 0 && result >= maximum_descriptors) {
        enter();
        stop("a descriptor number beyond what the recorder keeps");
        leave();
    }
    return result;
}

int dup(int fd) {
    uint64_t descriptor = descriptor_of(fd);
    return note_copy(real.dup(fd), descriptor);
}

int dup2(int fd, int target) {
    uint64_t descriptor = descriptor_of(fd);
    return note_copy(real.dup2(fd, target), descriptor);
}

int dup3(int fd, int target, int flags) {
    uint64_t descriptor = descriptor_of(fd);
    return note_copy(real.dup3(fd, target, flags), descriptor);
}

static int control(int fd, int command, void *argument) {
    uint64_t descriptor = descriptor_of(fd);
    int result = real.fcntl(fd, command, argument);
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) return note_copy(result, descriptor);
    if (command == F_SETFL && result == 0 && descriptor != 0) {
        // O_DSYNC can't be changed on an open file.
        int flags = (int)(intptr_t)argument;
        descriptor &= ~(uint64_t)(bit_append | bit_direct);
        descriptor |= (flags & O_APPEND ? bit_append : 0) | (flags & O_DIRECT ? bit_direct : 0);
        note_copy(fd, descriptor);
    }
    return result;
}

#define POINTER_ARGUMENT(last)             \
    va_list rest;                          \
    va_start(rest, last);                  \
    void *argument = va_arg(rest, void *); \
    va_end(rest);

int fcntl(int fd, int command, ...) {
    POINTER_ARGUMENT(command)
    return control(fd, command, argument);
}

int fcntl64(int fd, int command, ...) {
    POINTER_ARGUMENT(command)
    return control(fd, command, argument);
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing

static ssize_t write_really(int fd, const struct iovec *parts, int count, int64_t offset, int flags) {
    if (flags != 0) return real.pwritev2(fd, parts, count, offset, flags);
    return offset >= 0 ? real.pwritev(fd, parts, count, offset) : real.writev(fd, parts, count);
}

// The first `length` bytes of the parts; returns how many parts that takes.
static int clip(const struct iovec *parts, int count, uint64_t length, struct iovec *clipped) {
    int used = 0;
    for (int index = 0; index < count && length > 0; index++) {
        clipped[used] = parts[index];
        if (clipped[used].iov_len > length) clipped[used].iov_len = length;
        length -= clipped[used++].iov_len;
    }
    return used;
}

SLOW static uint64_t append_write(
    uint64_t descriptor, const struct iovec *parts, int count, uint64_t offset, uint64_t length, bool in_progress
) {
    struct iovec clipped[IOV_MAX];
    struct iii_record_header entry = {
        .kind = iii_record_write, .node = descriptor >> node_shift, .value = offset, .length = length};
    entry.flags = (uint16_t)((descriptor & bit_direct ? iii_record_direct : 0)
                             | (in_progress ? iii_record_in_progress : 0));
    return append(entry, NULL, NULL, clipped, clip(parts, count, length, clipped));
}

static void append_end(uint16_t kind, uint64_t begin, int64_t result) {
    if (begin != 0) append((struct iii_record_header){.kind = kind, .value = begin, .result = result}, 0, 0, 0, 0);
}

// A write that is durable when it returns, at a place that is known before: without the lock (see the header).
static ssize_t write_durably(
    int fd, uint64_t descriptor, const struct iovec *parts, int count, uint64_t offset, uint64_t length, int flags
) {
    enter();
    uint64_t begin = append_write(descriptor, parts, count, offset, length, true);
    calls_in_progress++;
    pthread_mutex_unlock(&lock);
    ssize_t written = write_really(fd, parts, count, (int64_t)offset, flags);
    int error = errno;
    enter();
    calls_in_progress--;
    append_end(iii_record_write_end, begin, written >= 0 ? written : -error);
    leave();
    errno = error;
    return written;
}

static uint64_t place_written(int fd, uint64_t descriptor, int64_t offset, ssize_t written) {
    struct stat facts;
    if (offset < 0) return (uint64_t)(lseek(fd, 0, SEEK_CUR) - written);
    // Linux appends whatever the offset says.
    if (descriptor & bit_append && fstat(fd, &facts) == 0) return (uint64_t)(facts.st_size - written);
    return (uint64_t)offset;
}

// offset -1: at the descriptor's position.
SLOW static ssize_t write_recorded(
    int fd, uint64_t descriptor, const struct iovec *parts, int count, int64_t offset, int flags
) {
    bool is_durable = !(forgets & forget_dsync) && (descriptor & bit_durable || flags & (RWF_DSYNC | RWF_SYNC));
    uint64_t length = 0;
    for (int index = 0; index < count && index < maximum_parts; index++) length += parts[index].iov_len;
    if (is_durable && offset >= 0 && !(descriptor & bit_append) && !(flags & RWF_APPEND) && count <= maximum_parts)
        return write_durably(fd, descriptor, parts, count, (uint64_t)offset, length, flags);
    enter();
    if (count > maximum_parts || flags & RWF_APPEND) stop("a write in too many parts, or with RWF_APPEND");
    ssize_t written = write_really(fd, parts, count, offset, flags);
    int error = errno;
    if (written > 0 && atomic_load(&state) == on) {
        uint64_t place = place_written(fd, descriptor, offset, written);
        uint64_t begin = append_write(descriptor, parts, count, place, (uint64_t)written, is_durable);
        if (is_durable) append_end(iii_record_write_end, begin, written);
    }
    leave();
    errno = error;
    return written;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    uint64_t descriptor = descriptor_of(fd);
    if (descriptor == 0) return real.write(fd, bytes, count);
    return write_recorded(fd, descriptor, &(struct iovec){(void *)bytes, count}, 1, -1, 0);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    uint64_t descriptor = descriptor_of(fd);
    if (descriptor == 0 || offset < 0) return real.pwrite(fd, bytes, count, offset);
    return write_recorded(fd, descriptor, &(struct iovec){(void *)bytes, count}, 1, offset, 0);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    return pwrite(fd, bytes, count, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    uint64_t descriptor = descriptor_of(fd);
    if (descriptor == 0) return real.writev(fd, parts, count);
    return write_recorded(fd, descriptor, parts, count, -1, 0);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    uint64_t descriptor = descriptor_of(fd);
    if (descriptor == 0 || offset < 0) return real.pwritev(fd, parts, count, offset);
    return write_recorded(fd, descriptor, parts, count, offset, 0);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(fd, parts, count, offset);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    uint64_t descriptor = descriptor_of(fd);
    if (descriptor == 0 || offset < -1) return real.pwritev2(fd, parts, count, offset, flags);
    return write_recorded(fd, descriptor, parts, count, offset, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
    return pwritev2(fd, parts, count, offset, flags);
}

static ssize_t refuse(int fd) {
    if (descriptor_of(fd) != 0) {
        enter();
        stop("copy_file_range or sendfile into a recorded file is not understood");
        leave();
    }
    return 0;
}

ssize_t copy_file_range(int from, off64_t *at, int fd, off64_t *to, size_t count, unsigned flags) {
    refuse(fd);
    return real.copy_file_range(from, at, fd, to, count, flags);
}

ssize_t sendfile(int fd, int from, off_t *at, size_t count) {
    refuse(fd);
    return real.sendfile(fd, from, at, count);
}

ssize_t sendfile64(int fd, int from, off64_t *at, size_t count) {
    refuse(fd);
    return real.sendfile(fd, from, at, count);
}

// ---------------------------------------------------------------------------------------------------------------------
// Lengths

static void append_range(uint16_t kind, uint64_t node, uint64_t value, uint64_t length, uint64_t mode) {
    struct iii_record_header entry = {.kind = kind, .node = node, .value = value, .length = length, .mode = mode};
    append(entry, NULL, NULL, NULL, 0);
}

int ftruncate(int fd, off_t length) {
    uint64_t descriptor = descriptor_of(fd);
    if (descriptor == 0) return real.ftruncate(fd, length);
    enter();
    int result = real.ftruncate(fd, length);
    int error = errno;
    if (result == 0) append_range(iii_record_truncate, descriptor >> node_shift, (uint64_t)length, 0, 0);
    leave();
    errno = error;
    return result;
}

int ftruncate64(int fd, off64_t length) {
    return ftruncate(fd, length);
}

SLOW static int truncate_recorded(const char *path, off_t length) {
    char name[PATH_MAX];
    if (!below_root(AT_FDCWD, path, name)) return real.truncate(path, length);
    enter();
    int result = real.truncate(path, length);
    int error = errno;
    struct stat facts;
    if (result == 0 && stat(path, &facts) == 0) {
        uint64_t node = node_of(&facts, false);
        // Binds the node, which may never have been opened.
        append((struct iii_record_header){.kind = iii_record_open, .node = node}, name, NULL, NULL, 0);
        append_range(iii_record_truncate, node, (uint64_t)length, 0, 0);
    }
    leave();
    errno = error;
    return result;
}

int truncate(const char *path, off_t length) {
    return recording() ? truncate_recorded(path, length) : real.truncate(path, length);
}

int truncate64(const char *path, off64_t length) {
    return truncate(path, length);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
    uint64_t descriptor = descriptor_of(fd);
    if (descriptor == 0) return real.fallocate(fd, mode, offset, length);
    enter();
    if (mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) stop("moving ranges is not understood");
    int result = real.fallocate(fd, mode, offset, length);
    int error = errno;
    if (result == 0)
        append_range(
            iii_record_allocate, descriptor >> node_shift, (uint64_t)offset, (uint64_t)length, (uint64_t)mode
        );
    leave();
    errno = error;
    return result;
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    return fallocate(fd, mode, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    uint64_t descriptor = descriptor_of(fd);
    if (descriptor == 0) return real.posix_fallocate(fd, offset, length);
    enter();
    int result = real.posix_fallocate(fd, offset, length);
    if (result == 0)
        append_range(iii_record_allocate, descriptor >> node_shift, (uint64_t)offset, (uint64_t)length, 0);
    leave();
    return result;
}

int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    return posix_fallocate(fd, offset, length);
}

// ---------------------------------------------------------------------------------------------------------------------
// Syncs: two entries, no lock between them (see the header)

static uint64_t begin_sync(uint64_t node, uint16_t flags, bool forgotten) {
    enter();
    struct iii_record_header entry = {.kind = iii_record_sync_begin, .node = node, .flags = flags};
    uint64_t begin = forgotten ? 0 : append(entry, NULL, NULL, NULL, 0);
    calls_in_progress++;
    pthread_mutex_unlock(&lock);
    return begin;
}

static int end_sync(uint64_t begin, int result) {
    int error = errno;
    enter();
    calls_in_progress--;
    append_end(iii_record_sync_end, begin, result == 0 ? 0 : -error);
    leave();
    errno = error;
    return result;
}

int fsync(int fd) {
    uint64_t descriptor = descriptor_of(fd);
    if (descriptor == 0) return real.fsync(fd);
    bool forgotten = forgets & (descriptor & bit_directory ? forget_dirsync : forget_fsync);
    uint64_t begin = begin_sync(descriptor >> node_shift, 0, forgotten);
    return end_sync(begin, real.fsync(fd));
}

int fdatasync(int fd) {
    uint64_t descriptor = descriptor_of(fd);
    if (descriptor == 0) return real.fdatasync(fd);
    bool forgotten = forgets & (descriptor & bit_directory ? forget_dirsync : forget_fdatasync);
    uint64_t begin = begin_sync(descriptor >> node_shift, iii_record_data_only, forgotten);
    return end_sync(begin, real.fdatasync(fd));
}

int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
    uint64_t descriptor = descriptor_of(fd);
    if (descriptor == 0) return real.sync_file_range(fd, offset, length, flags);
    enter();
    int result = real.sync_file_range(fd, offset, length, flags);
    int error = errno;
    append_range(iii_record_sync_range, descriptor >> node_shift, (uint64_t)offset, (uint64_t)length, flags);
    leave();
    errno = error;
    return result;
}

// The file behind an address, from the kernel's list of mappings; 0: none of ours.
SLOW static uint64_t node_mapped_at(const void *address) {
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL) return 0;
    char line[PATH_MAX + 256], path[PATH_MAX], name[PATH_MAX];
    uint64_t node = 0;
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %4095[^\n]", &from, &to, path) != 3) continue;
        if ((uintptr_t)address < from || (uintptr_t)address >= to) continue;
        struct stat facts;
        if (below_root(AT_FDCWD, path, name) && stat(path, &facts) == 0) node = node_of(&facts, false);
        break;
    }
    fclose(maps);
    return node;
}

int msync(void *address, size_t length, int flags) {
    if (!recording() || !(flags & MS_SYNC)) return real.msync(address, length, flags);
    enter();
    uint64_t node = node_mapped_at(address);
    pthread_mutex_unlock(&lock);
    if (node == 0) return real.msync(address, length, flags);
    uint64_t begin = begin_sync(node, 0, forgets & forget_fsync);
    return end_sync(begin, real.msync(address, length, flags));
}

// ---------------------------------------------------------------------------------------------------------------------
// Names

SLOW static int rename_and_record(int from, const char *path, int to, const char *target, unsigned flags) {
    char name[PATH_MAX], new_name[PATH_MAX];
    bool is_ours = below_root(from, path, name);
    bool becomes_ours = below_root(to, target, new_name);
    if (!is_ours && !becomes_ours) return real.renameat2(from, path, to, target, flags);
    enter();
    if (!is_ours || (!becomes_ours && flags & RENAME_EXCHANGE)) stop("a file was moved in from outside of the root");
    int result = real.renameat2(from, path, to, target, flags);
    int error = errno;
    if (result == 0 && becomes_ours) append_name(iii_record_rename, name, new_name, flags);
    if (result == 0 && !becomes_ours) append_name(iii_record_unlink, name, NULL, 0);
    leave();
    errno = error;
    return result;
}

static int rename_recorded(int from, const char *path, int to, const char *target, unsigned flags) {
    if (!recording()) return real.renameat2(from, path, to, target, flags);
    return rename_and_record(from, path, to, target, flags);
}

int rename(const char *path, const char *target) {
    return rename_recorded(AT_FDCWD, path, AT_FDCWD, target, 0);
}

int renameat(int from, const char *path, int to, const char *target) {
    return rename_recorded(from, path, to, target, 0);
}

int renameat2(int from, const char *path, int to, const char *target, unsigned flags) {
    return rename_recorded(from, path, to, target, flags);
}

SLOW static int unlink_recorded(int directory, const char *path, int flags) {
    char name[PATH_MAX];
    if (!below_root(directory, path, name)) return real.unlinkat(directory, path, flags);
    enter();
    int result = real.unlinkat(directory, path, flags);
    int error = errno;
    if (result == 0) append_name(flags & AT_REMOVEDIR ? iii_record_rmdir : iii_record_unlink, name, NULL, 0);
    leave();
    errno = error;
    return result;
}

int unlinkat(int directory, const char *path, int flags) {
    return recording() ? unlink_recorded(directory, path, flags) : real.unlinkat(directory, path, flags);
}

int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path) {
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int remove(const char *path) {
    int result = unlinkat(AT_FDCWD, path, 0);
    return result != 0 && errno == EISDIR ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : result;
}

SLOW static int mkdir_recorded(int directory, const char *path, mode_t mode) {
    char name[PATH_MAX];
    // The root's own name is not part of an image.
    if (!below_root(directory, path, name) || name[0] == 0) return real.mkdirat(directory, path, mode);
    enter();
    int result = real.mkdirat(directory, path, mode);
    int error = errno;
    struct stat facts;
    if (result == 0) append_name(iii_record_mkdir, name, NULL, 0);
    // Its inode number may have been another's before.
    if (result == 0 && fstatat(directory, path, &facts, 0) == 0) node_of(&facts, true);
    leave();
    errno = error;
    return result;
}

int mkdirat(int directory, const char *path, mode_t mode) {
    return recording() ? mkdir_recorded(directory, path, mode) : real.mkdirat(directory, path, mode);
}

int mkdir(const char *path, mode_t mode) {
    return mkdirat(AT_FDCWD, path, mode);
}

SLOW static int link_recorded(int from, const char *path, int to, const char *target, int flags) {
    char name[PATH_MAX], new_name[PATH_MAX];
    if (!below_root(to, target, new_name)) return real.linkat(from, path, to, target, flags);
    bool is_ours = below_root(from, path, name);
    enter();
    if (!is_ours) stop("a file from outside of the root was linked");
    int result = real.linkat(from, path, to, target, flags);
    int error = errno;
    if (result == 0 && is_ours) append_name(iii_record_link, name, new_name, 0);
    leave();
    errno = error;
    return result;
}

int linkat(int from, const char *path, int to, const char *target, int flags) {
    if (!recording()) return real.linkat(from, path, to, target, flags);
    return link_recorded(from, path, to, target, flags);
}

int link(const char *path, const char *target) {
    return linkat(AT_FDCWD, path, AT_FDCWD, target, 0);
}

// ---------------------------------------------------------------------------------------------------------------------
// For the workload

void recorder_mark(uint64_t value) {
    if (!recording()) return;
    enter();
    append((struct iii_record_header){.kind = iii_record_mark, .value = value}, NULL, NULL, NULL, 0);
    leave();
}

int recorder_is_active(void) {
    return recording();
}

void recorder_die_with_parent(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

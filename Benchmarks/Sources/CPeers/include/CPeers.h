#ifndef CPEERS_H
#define CPEERS_H

#include "CBench.h"

#include <stddef.h>
#include <stdint.h>

/// The embedded stores that ours is compared with, each driven by C at its native speed: a closed loop per thread, one
/// operation in flight each. Keys are 8 bytes, big-endian; values are pieces of `cbench_text()`.
typedef struct cpeers_store cpeers_store;

/// What went wrong last, in any thread.
const char *cpeers_error(void);

/// Opens or creates a RocksDB with `sync = 1` for every write. `tuned`: recycled log files and pipelined writes, which
/// its manual recommends for synced writes; else the defaults.
cpeers_store *cpeers_rocksdb_open(const char *directory, int tuned);

/// SQLite in WAL mode with `synchronous = FULL`: one table (k INTEGER PRIMARY KEY, v BLOB), one connection.
cpeers_store *cpeers_sqlite_open(const char *directory);

/// LMDB in default (synced) mode: the unnamed database. `renews`: a reading thread keeps its read transaction and
/// renews it for each read; else it begins and ends a new one.
cpeers_store *cpeers_lmdb_open(const char *directory, size_t map_bytes, int renews);

void cpeers_close(cpeers_store *store);

/// Puts keys 0..<count in order, in large transactions; durable at the end. 0 on success.
int cpeers_fill(cpeers_store *store, uint64_t count, size_t value_bytes);

struct cpeers_load {
    /// SQLite and LMDB take one writer at a time: there it is 1.
    int threads;
    /// Keys are random below this.
    uint64_t key_space;
    size_t value_bytes;
    uint64_t warm_up_nanoseconds;
    uint64_t window_nanoseconds;
    /// If not 0, ends after this many operations instead (all threads together, no warm-up).
    uint64_t operations;
    uint64_t seed;
    /// Gets instead of puts. 1: the value is looked at in place; 2: it is copied out.
    int reads;
};

struct cpeers_result {
    uint64_t operations;
    uint64_t nanoseconds;
};

/// Runs the load; latencies of the window are added to the histogram. 0 on success.
int cpeers_run(
    cpeers_store *store, const struct cpeers_load *load, cbench_histogram *latencies, struct cpeers_result *result);

#endif

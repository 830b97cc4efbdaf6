#ifndef PEER_H
#define PEER_H

#include "CPeers.h"

/// What a store must be able to do to be a peer. Functions return 0, or -1 after `peer_fail`.
struct peer_calls {
    int (*fill)(cpeers_store *store, uint64_t count, size_t value_bytes);
    /// State of one thread that uses the store; NULL where none is needed.
    void *(*begin_thread)(cpeers_store *store);
    void (*end_thread)(cpeers_store *store, void *context);
    /// One durable put.
    int (*put)(cpeers_store *store, void *context, uint64_t key, const char *value, size_t value_bytes);
    /// One get in a transaction of its own. `copy`: NULL, or where the value goes. Adds one byte of it to `sum`.
    int (*get)(cpeers_store *store, void *context, uint64_t key, char *copy, size_t copy_bytes, uint64_t *sum);
    void (*close)(cpeers_store *store);
};

/// Every peer's structure begins with this.
struct cpeers_store {
    const struct peer_calls *calls;
};

int peer_fail(const char *what, const char *why);

static inline uint64_t peer_big_endian(uint64_t key) {
    return __builtin_bswap64(key);  // both architectures that the benchmarks run on are little-endian
}

#endif

#include "peer.h"

#include <rocksdb/c.h>
#include <stdlib.h>
#include <string.h>

enum { FILL_BATCH = 10000 };

struct rocks {
    struct cpeers_store store;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *synced, *unsynced;
    rocksdb_readoptions_t *reading;
};

/// RocksDB hands out its error texts on the heap.
static int fail(const char *what, char *error) {
    int result = peer_fail(what, error);
    rocksdb_free(error);
    return result;
}

static int put(cpeers_store *store, void *context, uint64_t key, const char *value, size_t value_bytes) {
    (void)context;
    struct rocks *rocks = (struct rocks *)store;
    uint64_t stored = peer_big_endian(key);
    char *error = NULL;
    rocksdb_put(rocks->db, rocks->synced, (const char *)&stored, sizeof stored, value, value_bytes, &error);
    return error == NULL ? 0 : fail("rocksdb_put", error);
}

static int get(cpeers_store *store, void *context, uint64_t key, char *copy, size_t copy_bytes, uint64_t *sum) {
    (void)context;
    struct rocks *rocks = (struct rocks *)store;
    uint64_t stored = peer_big_endian(key);
    char *error = NULL;
    rocksdb_pinnableslice_t *slice =
        rocksdb_get_pinned(rocks->db, rocks->reading, (const char *)&stored, sizeof stored, &error);
    if (error != NULL) return fail("rocksdb_get", error);
    size_t bytes = 0;
    const char *value = rocksdb_pinnableslice_value(slice, &bytes);
    if (value == NULL) return peer_fail("rocksdb_get", "no such key");
    if (copy != NULL) memcpy(copy, value, bytes < copy_bytes ? bytes : copy_bytes);
    *sum += (unsigned char)value[0];
    rocksdb_pinnableslice_destroy(slice);
    return 0;
}

static int fill(cpeers_store *store, uint64_t count, size_t value_bytes) {
    struct rocks *rocks = (struct rocks *)store;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    char *error = NULL;
    for (uint64_t key = 0; key < count && error == NULL; key++) {
        uint64_t stored = peer_big_endian(key);
        const char *value = cbench_value(cbench_text(), key, value_bytes);
        rocksdb_writebatch_put(batch, (const char *)&stored, sizeof stored, value, value_bytes);
        if ((key + 1) % FILL_BATCH != 0 && key + 1 != count) continue;
        rocksdb_write(rocks->db, key + 1 == count ? rocks->synced : rocks->unsynced, batch, &error);
        rocksdb_writebatch_clear(batch);
    }
    rocksdb_writebatch_destroy(batch);
    return error == NULL ? 0 : fail("rocksdb_write", error);
}

static void *begin_thread(cpeers_store *store) {
    (void)store;
    return NULL;
}

static void end_thread(cpeers_store *store, void *context) {
    (void)store, (void)context;
}

static void close_store(cpeers_store *store) {
    struct rocks *rocks = (struct rocks *)store;
    if (rocks->db != NULL) rocksdb_close(rocks->db);
    rocksdb_options_destroy(rocks->options);
    rocksdb_writeoptions_destroy(rocks->synced);
    rocksdb_writeoptions_destroy(rocks->unsynced);
    rocksdb_readoptions_destroy(rocks->reading);
    free(rocks);
}

static const struct peer_calls calls = {fill, begin_thread, end_thread, put, get, close_store};

cpeers_store *cpeers_rocksdb_open(const char *directory, int tuned) {
    struct rocks *rocks = calloc(1, sizeof *rocks);
    if (rocks == NULL) abort();
    rocks->store.calls = &calls;
    rocks->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(rocks->options, 1);
    if (tuned) {
        rocksdb_options_set_recycle_log_file_num(rocks->options, 4);
        rocksdb_options_set_enable_pipelined_write(rocks->options, 1);
    }
    rocks->synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocks->synced, 1);
    rocks->unsynced = rocksdb_writeoptions_create();
    rocks->reading = rocksdb_readoptions_create();
    char *error = NULL;
    rocks->db = rocksdb_open(rocks->options, directory, &error);
    if (error == NULL) return &rocks->store;
    fail("rocksdb_open", error);
    close_store(&rocks->store);
    return NULL;
}

#include "peer.h"

#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

enum { FILL_TRANSACTION = 100000 };

struct lmdb {
    struct cpeers_store store;
    MDB_env *environment;
    MDB_dbi tree;
    int renews;
};

static int fail(const char *what, int status) {
    return peer_fail(what, mdb_strerror(status));
}

/// `number` must outlive the result.
static MDB_val key_of(uint64_t *number) {
    *number = peer_big_endian(*number);
    return (MDB_val){.mv_size = sizeof *number, .mv_data = number};
}

/// A commit in the default mode is durable when it returns.
static int put(cpeers_store *store, void *context, uint64_t number, const char *bytes, size_t value_bytes) {
    (void)context;
    struct lmdb *lmdb = (struct lmdb *)store;
    MDB_txn *transaction;
    int status = mdb_txn_begin(lmdb->environment, NULL, 0, &transaction);
    if (status != 0) return fail("mdb_txn_begin", status);
    MDB_val key = key_of(&number), value = {.mv_size = value_bytes, .mv_data = (void *)bytes};
    status = mdb_put(transaction, lmdb->tree, &key, &value, 0);
    if (status == 0) status = mdb_txn_commit(transaction);
    else mdb_txn_abort(transaction);
    return status == 0 ? 0 : fail("mdb_put", status);
}

static int begin_read(struct lmdb *lmdb, MDB_txn **transaction) {
    if (*transaction != NULL) return mdb_txn_renew(*transaction);
    return mdb_txn_begin(lmdb->environment, NULL, MDB_RDONLY, transaction);
}

static void end_read(struct lmdb *lmdb, MDB_txn **transaction) {
    if (lmdb->renews) {
        mdb_txn_reset(*transaction);
    } else {
        mdb_txn_abort(*transaction);
        *transaction = NULL;
    }
}

static int get(cpeers_store *store, void *context, uint64_t number, char *copy, size_t copy_bytes, uint64_t *sum) {
    struct lmdb *lmdb = (struct lmdb *)store;
    MDB_txn **transaction = context;
    int status = begin_read(lmdb, transaction);
    if (status != 0) return fail("mdb_txn_begin", status);
    MDB_val key = key_of(&number), value;
    status = mdb_get(*transaction, lmdb->tree, &key, &value);
    if (status == 0) {
        if (copy != NULL) memcpy(copy, value.mv_data, value.mv_size < copy_bytes ? value.mv_size : copy_bytes);
        *sum += *(const unsigned char *)value.mv_data;
    }
    end_read(lmdb, transaction);
    return status == 0 ? 0 : fail("mdb_get", status);
}

static void *begin_thread(cpeers_store *store) {
    (void)store;
    return calloc(1, sizeof(MDB_txn *));
}

static void end_thread(cpeers_store *store, void *context) {
    (void)store;
    MDB_txn **transaction = context;
    if (*transaction != NULL) mdb_txn_abort(*transaction);
    free(context);
}

static int fill_part(struct lmdb *lmdb, uint64_t from, uint64_t to, size_t value_bytes) {
    MDB_txn *transaction;
    int status = mdb_txn_begin(lmdb->environment, NULL, 0, &transaction);
    if (status != 0) return fail("mdb_txn_begin", status);
    for (uint64_t i = from; i < to && status == 0; i++) {
        uint64_t number = i;
        const char *bytes = cbench_value(cbench_text(), i, value_bytes);
        MDB_val key = key_of(&number), value = {.mv_size = value_bytes, .mv_data = (void *)bytes};
        status = mdb_put(transaction, lmdb->tree, &key, &value, MDB_APPEND);
    }
    if (status == 0) status = mdb_txn_commit(transaction);
    else mdb_txn_abort(transaction);
    return status == 0 ? 0 : fail("mdb_put", status);
}

static int fill(cpeers_store *store, uint64_t count, size_t value_bytes) {
    struct lmdb *lmdb = (struct lmdb *)store;
    mdb_env_set_flags(lmdb->environment, MDB_NOSYNC, 1);
    for (uint64_t from = 0; from < count; from += FILL_TRANSACTION) {
        uint64_t to = from + FILL_TRANSACTION < count ? from + FILL_TRANSACTION : count;
        if (fill_part(lmdb, from, to, value_bytes) != 0) return -1;
    }
    mdb_env_set_flags(lmdb->environment, MDB_NOSYNC, 0);
    int status = mdb_env_sync(lmdb->environment, 1);
    return status == 0 ? 0 : fail("mdb_env_sync", status);
}

static void close_store(cpeers_store *store) {
    struct lmdb *lmdb = (struct lmdb *)store;
    if (lmdb->environment != NULL) mdb_env_close(lmdb->environment);
    free(lmdb);
}

static const struct peer_calls calls = {fill, begin_thread, end_thread, put, get, close_store};

static int open_tree(struct lmdb *lmdb) {
    MDB_txn *transaction;
    int status = mdb_txn_begin(lmdb->environment, NULL, 0, &transaction);
    if (status != 0) return status;
    status = mdb_dbi_open(transaction, NULL, 0, &lmdb->tree);
    if (status != 0) mdb_txn_abort(transaction);
    return status != 0 ? status : mdb_txn_commit(transaction);
}

cpeers_store *cpeers_lmdb_open(const char *directory, size_t map_bytes, int renews) {
    struct lmdb *lmdb = calloc(1, sizeof *lmdb);
    if (lmdb == NULL) abort();
    lmdb->store.calls = &calls;
    lmdb->renews = renews;
    int status = mdb_env_create(&lmdb->environment);
    if (status == 0) status = mdb_env_set_mapsize(lmdb->environment, map_bytes);
    if (status == 0) status = mdb_env_open(lmdb->environment, directory, 0, 0600);
    if (status == 0) status = open_tree(lmdb);
    if (status == 0) return &lmdb->store;
    fail("mdb_env_open", status);
    close_store(&lmdb->store);
    return NULL;
}

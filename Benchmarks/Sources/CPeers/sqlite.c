#include "peer.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sqlite {
    struct cpeers_store store;
    sqlite3 *db;
    sqlite3_stmt *upsert, *select;
};

static int fail(struct sqlite *sqlite, const char *what) {
    return peer_fail(what, sqlite3_errmsg(sqlite->db));
}

static int execute(struct sqlite *sqlite, const char *text) {
    return sqlite3_exec(sqlite->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(sqlite, text);
}

/// Without a transaction around it, each step of the statement is one, durable when it returns.
static int put(cpeers_store *store, void *context, uint64_t key, const char *value, size_t value_bytes) {
    (void)context;
    struct sqlite *sqlite = (struct sqlite *)store;
    sqlite3_bind_int64(sqlite->upsert, 1, (sqlite3_int64)key);
    sqlite3_bind_blob(sqlite->upsert, 2, value, (int)value_bytes, SQLITE_STATIC);
    int status = sqlite3_step(sqlite->upsert);
    sqlite3_reset(sqlite->upsert);
    return status == SQLITE_DONE ? 0 : fail(sqlite, "sqlite3_step");
}

static int get(cpeers_store *store, void *context, uint64_t key, char *copy, size_t copy_bytes, uint64_t *sum) {
    (void)context;
    struct sqlite *sqlite = (struct sqlite *)store;
    sqlite3_bind_int64(sqlite->select, 1, (sqlite3_int64)key);
    if (sqlite3_step(sqlite->select) != SQLITE_ROW) return fail(sqlite, "sqlite3_step");
    const unsigned char *value = sqlite3_column_blob(sqlite->select, 0);
    size_t bytes = (size_t)sqlite3_column_bytes(sqlite->select, 0);
    if (copy != NULL) memcpy(copy, value, bytes < copy_bytes ? bytes : copy_bytes);
    *sum += value[0];
    sqlite3_reset(sqlite->select);
    return 0;
}

static int fill(cpeers_store *store, uint64_t count, size_t value_bytes) {
    struct sqlite *sqlite = (struct sqlite *)store;
    if (execute(sqlite, "BEGIN") != 0) return -1;
    for (uint64_t key = 0; key < count; key++)
        if (put(store, NULL, key, cbench_value(cbench_text(), key, value_bytes), value_bytes) != 0) return -1;
    return execute(sqlite, "COMMIT");
}

static void *begin_thread(cpeers_store *store) {
    (void)store;
    return NULL;
}

static void end_thread(cpeers_store *store, void *context) {
    (void)store, (void)context;
}

static void close_store(cpeers_store *store) {
    struct sqlite *sqlite = (struct sqlite *)store;
    sqlite3_finalize(sqlite->upsert);
    sqlite3_finalize(sqlite->select);
    sqlite3_close(sqlite->db);
    free(sqlite);
}

static const struct peer_calls calls = {fill, begin_thread, end_thread, put, get, close_store};

static int prepare(struct sqlite *sqlite) {
    static const char upsert[] = "INSERT INTO t(k, v) VALUES(?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v";
    static const char select[] = "SELECT v FROM t WHERE k = ?1";
    if (execute(sqlite, "PRAGMA journal_mode = WAL") != 0 || execute(sqlite, "PRAGMA synchronous = FULL") != 0
        || execute(sqlite, "CREATE TABLE IF NOT EXISTS t(k INTEGER PRIMARY KEY, v BLOB)") != 0)
        return -1;
    if (sqlite3_prepare_v2(sqlite->db, upsert, -1, &sqlite->upsert, NULL) != SQLITE_OK
        || sqlite3_prepare_v2(sqlite->db, select, -1, &sqlite->select, NULL) != SQLITE_OK)
        return fail(sqlite, "sqlite3_prepare_v2");
    return 0;
}

cpeers_store *cpeers_sqlite_open(const char *directory) {
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (sqlite == NULL) abort();
    sqlite->store.calls = &calls;
    char path[4096];
    snprintf(path, sizeof path, "%s/bench.sqlite", directory);
    if (sqlite3_open(path, &sqlite->db) != SQLITE_OK)
        fail(sqlite, "sqlite3_open");
    else if (prepare(sqlite) == 0)
        return &sqlite->store;
    close_store(&sqlite->store);
    return NULL;
}

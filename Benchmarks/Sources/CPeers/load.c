// The closed loop that every peer is driven by.

#define _GNU_SOURCE
#include "peer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char error_text[512];
static pthread_mutex_t error_lock = PTHREAD_MUTEX_INITIALIZER;

int peer_fail(const char *what, const char *why) {
    pthread_mutex_lock(&error_lock);
    snprintf(error_text, sizeof error_text, "%s: %s", what, why != NULL ? why : "unknown error");
    pthread_mutex_unlock(&error_lock);
    return -1;
}

const char *cpeers_error(void) {
    return error_text;
}

void cpeers_close(cpeers_store *store) {
    if (store != NULL) store->calls->close(store);
}

int cpeers_fill(cpeers_store *store, uint64_t count, size_t value_bytes) {
    return store->calls->fill(store, count, value_bytes);
}

struct run {
    cpeers_store *store;
    const struct cpeers_load *load;
    pthread_barrier_t start;
    /// Window of the measurement, set before the barrier opens.
    int64_t from, until;
    _Atomic int64_t left;
    _Atomic int failed;
};

struct worker {
    struct run *run;
    pthread_t thread;
    uint64_t random;
    uint64_t operations;
    cbench_histogram *latencies;
};

static int one_operation(struct run *run, void *context, uint64_t number, char *copy) {
    const struct cpeers_load *load = run->load;
    uint64_t key = number % load->key_space, sum = 0;
    if (load->reads == 0) {
        const char *value = cbench_value(cbench_text(), number, load->value_bytes);
        return run->store->calls->put(run->store, context, key, value, load->value_bytes);
    }
    return run->store->calls->get(run->store, context, key, load->reads == 2 ? copy : NULL, load->value_bytes, &sum);
}

static int is_over(struct run *run, int64_t now) {
    if (run->load->operations == 0) return now >= run->until;
    return atomic_fetch_sub_explicit(&run->left, 1, memory_order_relaxed) <= 0;
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct run *run = worker->run;
    void *context = run->store->calls->begin_thread(run->store);
    char *copy = malloc(run->load->value_bytes + 1);
    pthread_barrier_wait(&run->start);
    int64_t before = cbench_nanoseconds();
    while (!is_over(run, before)) {
        if (one_operation(run, context, cbench_random(&worker->random), copy) != 0) {
            atomic_store(&run->failed, 1);
            break;
        }
        int64_t after = cbench_nanoseconds();
        if (before >= run->from && (run->load->operations > 0 || after < run->until)) {
            cbench_histogram_record(worker->latencies, (uint64_t)(after - before));
            worker->operations++;
        }
        before = after;
    }
    free(copy);
    run->store->calls->end_thread(run->store, context);
    return NULL;
}

static void start(struct run *run, struct worker *workers) {
    for (int i = 0; i < run->load->threads; i++) {
        workers[i] = (struct worker){.run = run, .latencies = cbench_histogram_create()};
        workers[i].random = run->load->seed + (uint64_t)i * 0x632BE59BD9B4E019u;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) abort();
    }
    int64_t now = cbench_nanoseconds();
    run->from = now + (run->load->operations > 0 ? 0 : (int64_t)run->load->warm_up_nanoseconds);
    run->until = run->from + (int64_t)run->load->window_nanoseconds;
    pthread_barrier_wait(&run->start);
}

int cpeers_run(
    cpeers_store *store, const struct cpeers_load *load, cbench_histogram *latencies, struct cpeers_result *result) {
    struct run run = {.store = store, .load = load};
    atomic_init(&run.left, (int64_t)load->operations);
    pthread_barrier_init(&run.start, NULL, (unsigned)load->threads + 1);
    struct worker *workers = calloc((size_t)load->threads, sizeof *workers);
    if (workers == NULL) abort();
    start(&run, workers);
    result->operations = 0;
    for (int i = 0; i < load->threads; i++) {
        pthread_join(workers[i].thread, NULL);
        cbench_histogram_add(latencies, workers[i].latencies);
        cbench_histogram_destroy(workers[i].latencies);
        result->operations += workers[i].operations;
    }
    result->nanoseconds =
        load->operations > 0 ? (uint64_t)(cbench_nanoseconds() - run.from) : load->window_nanoseconds;
    pthread_barrier_destroy(&run.start);
    free(workers);
    return run.failed ? -1 : 0;
}

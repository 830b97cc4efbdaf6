#include "CBench.h"

#include <stdlib.h>

// Values below 64 have a counter each; above, a power of two is divided into 64 equal parts.
enum { PARTS = 64, PARTS_LOG2 = 6, POWERS = 36 };

struct cbench_histogram {
    uint64_t count;
    uint32_t counters[(POWERS + 1) * PARTS];
};

cbench_histogram *cbench_histogram_create(void) {
    cbench_histogram *histogram = calloc(1, sizeof *histogram);
    if (histogram == NULL) abort();
    return histogram;
}

void cbench_histogram_destroy(cbench_histogram *histogram) {
    free(histogram);
}

static size_t bucket(uint64_t value) {
    if (value < PARTS) return value;
    int power = 63 - __builtin_clzll(value) - PARTS_LOG2;
    if (power >= POWERS) return (POWERS + 1) * PARTS - 1;
    return (size_t)(power + 1) * PARTS + ((value >> power) - PARTS);
}

static uint64_t middle(size_t bucket) {
    if (bucket < PARTS) return bucket;
    int power = (int)(bucket / PARTS) - 1;
    return ((bucket % PARTS + PARTS) << power) + ((1ull << power) >> 1);
}

void cbench_histogram_record(cbench_histogram *histogram, uint64_t nanoseconds) {
    histogram->counters[bucket(nanoseconds)]++;
    histogram->count++;
}

void cbench_histogram_add(cbench_histogram *into, const cbench_histogram *from) {
    for (size_t i = 0; i < (POWERS + 1) * PARTS; i++) into->counters[i] += from->counters[i];
    into->count += from->count;
}

uint64_t cbench_histogram_count(const cbench_histogram *histogram) {
    return histogram->count;
}

uint64_t cbench_histogram_percentile(const cbench_histogram *histogram, double fraction) {
    if (histogram->count == 0) return 0;
    uint64_t rank = (uint64_t)(fraction * (double)(histogram->count - 1)) + 1;
    uint64_t seen = 0;
    size_t last = 0;
    for (size_t i = 0; i < (POWERS + 1) * PARTS; i++) {
        if (histogram->counters[i] == 0) continue;
        last = i;
        seen += histogram->counters[i];
        if (seen >= rank) break;
    }
    return middle(last);
}

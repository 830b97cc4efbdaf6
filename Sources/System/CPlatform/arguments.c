#include "arguments.h"

#include <stddef.h>

static int argument_count;
static char **arguments;

// glibc calls constructors with main's arguments.
__attribute__((constructor)) static void remember_arguments(int count, char **values) {
    argument_count = count;
    arguments = values;
}

int iii_argument_count(void) {
    return argument_count;
}

const char *iii_argument(int index) {
    return index >= 0 && index < argument_count ? arguments[index] : NULL;
}

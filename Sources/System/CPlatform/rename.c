#define _GNU_SOURCE
#include "rename.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

int iii_rename_noreplace(const char *path, const char *target) {
    return renameat2(AT_FDCWD, path, AT_FDCWD, target, RENAME_NOREPLACE) == 0 ? 0 : errno;
}

#ifndef III_PLATFORM_RENAME_H
#define III_PLATFORM_RENAME_H

/// renameat2(2) with RENAME_NOREPLACE: fails with EEXIST if anything has the name. 0, or an errno (EINVAL, ENOSYS: the
/// file system or kernel doesn't have it).
int iii_rename_noreplace(const char *path, const char *target);

#endif

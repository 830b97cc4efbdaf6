#ifndef III_PLATFORM_ARGUMENTS_H
#define III_PLATFORM_ARGUMENTS_H

/// The process's arguments as the kernel handed them over. Swift's own `CommandLine` reads /proc, which an empty root
/// directory doesn't have.
int iii_argument_count(void);
const char *iii_argument(int index);

#endif

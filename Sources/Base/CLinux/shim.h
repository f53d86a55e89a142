// Linux calls that glibc declares only under _GNU_SOURCE.
#ifndef XINMI_CLINUX_SHIM_H
#define XINMI_CLINUX_SHIM_H

#include <malloc.h>
#include <sys/types.h>

#define XM_SYNC_FILE_RANGE_WRITE 2u

// One arena: memory that one thread gave back serves the next.
static inline int xm_one_arena(void) { return mallopt(M_ARENA_MAX, 1); }

int syncfs(int fd);
int sync_file_range(int fd, off_t offset, off_t bytes, unsigned flags);
ssize_t copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t bytes, unsigned flags);

#endif

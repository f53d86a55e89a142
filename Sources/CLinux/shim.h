// Linux calls that glibc declares only under _GNU_SOURCE.
#ifndef XINMI_CLINUX_SHIM_H
#define XINMI_CLINUX_SHIM_H

int syncfs(int fd);

#endif

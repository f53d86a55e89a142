// Makes chosen calls of a process fail, or kills it at them: loaded with LD_PRELOAD by test_faults.py.
//
// FAULT_CALLS   which calls count: letters of w (write, pwrite), s (fsync, fdatasync, syncfs), r (rename, link), c (copy), o (create)
// FAULT_AT      the number of the counted call, from 1, at which it happens; 0 counts only
// FAULT_HOW     kill, or the errno
// FAULT_LOG     file into which the number of counted calls is written at exit
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long count;
static long at = -1;
static int how;
static const char *calls;

__attribute__((constructor)) static void begin(void) {
    calls = getenv("FAULT_CALLS");
    at = getenv("FAULT_AT") ? atol(getenv("FAULT_AT")) : -1;
    const char *text = getenv("FAULT_HOW");
    how = text && strcmp(text, "kill") != 0 ? atoi(text) : 0;
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("FAULT_LOG");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", (long)count);
        fclose(file);
    }
}

// Whether the call is the one that fails. A full disk stays full: later calls of the kind fail too.
static int hit(char kind) {
    if (!calls || at < 0 || !strchr(calls, kind)) return 0;
    long now = ++count;
    if (at == 0 || now < at) return 0;
    if (how == 0) {
        if (now == at) kill(getpid(), SIGKILL);
        return 0;
    }
    if (now > at && how != ENOSPC) return 0;
    errno = how;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *p, size_t n) {
    if (fd > 2 && hit('w')) return -1;
    return REAL(write)(fd, p, n);
}
ssize_t pwrite(int fd, const void *p, size_t n, off_t o) {
    if (hit('w')) return -1;
    return REAL(pwrite)(fd, p, n, o);
}
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t o) {
    if (hit('w')) return -1;
    return REAL(pwrite64)(fd, p, n, o);
}
int fsync(int fd) {
    if (hit('s')) return -1;
    return REAL(fsync)(fd);
}
int fdatasync(int fd) {
    if (hit('s')) return -1;
    return REAL(fdatasync)(fd);
}
int syncfs(int fd) {
    if (hit('s')) return -1;
    return REAL(syncfs)(fd);
}
int rename(const char *a, const char *b) {
    if (hit('r')) return -1;
    return REAL(rename)(a, b);
}
int renameat(int x, const char *a, int y, const char *b) {
    if (hit('r')) return -1;
    return REAL(renameat)(x, a, y, b);
}
int linkat(int x, const char *a, int y, const char *b, int f) {
    if (hit('r')) return -1;
    return REAL(linkat)(x, a, y, b, f);
}
ssize_t copy_file_range(int x, off64_t *a, int y, off64_t *b, size_t n, unsigned f) {
    if (hit('c')) return -1;
    return REAL(copy_file_range)(x, a, y, b, n, f);
}
int openat(int d, const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list list;
        va_start(list, flags);
        mode = va_arg(list, mode_t);
        va_end(list);
    }
    if ((flags & O_CREAT) && hit('o')) return -1;
    return REAL(openat)(d, path, flags, mode);
}

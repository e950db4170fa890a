/* Lets the n-th call that changes the file system fail, or kills the process there.
 *
 * Loaded by LD_PRELOAD, so that it meets what Python writes and what Lance (Rust) writes alike. Only paths
 * that begin with the armed prefix count. `swath_arm` is called by the process that is to suffer.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FAIL_FROM = 1, FAIL_ONCE = 2, KILL_BEFORE = 3, KILL_AFTER = 4 };

static char prefix[4096];
static int mode, code;
static long at;
static atomic_long count;

void swath_arm(const char *path, long n, int what, int error) {
    snprintf(prefix, sizeof prefix, "%s", path);
    at = n;
    code = error;
    atomic_store(&count, 0);
    mode = what;
}

long swath_count(void) { return atomic_load(&count); }

static int counts(const char *path) {
    return *prefix && path && !strncmp(path, prefix, strlen(prefix));
}

static int counts_fd(int fd) {
    char link[64], path[4096];
    if (!*prefix) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return counts(path);
}

/* Whether this call fails. Dies here where it is to be killed before; `after` tells to die afterwards. */
static int hit(int counted, int *after) {
    *after = 0;
    if (!counted) return 0;
    long n = atomic_fetch_add(&count, 1) + 1;
    if (mode == KILL_BEFORE && n == at) kill(getpid(), SIGKILL);
    if (mode == KILL_AFTER && n == at) *after = 1;
    return (mode == FAIL_FROM && n >= at) || (mode == FAIL_ONCE && n == at);
}

#define WRAP(result, name, parameters, arguments, counted)                    \
    result name parameters {                                                  \
        static result(*real) parameters;                                      \
        int after;                                                            \
        if (!real) real = (result(*) parameters)dlsym(RTLD_NEXT, #name);      \
        if (hit(counted, &after)) {                                           \
            errno = code;                                                     \
            return -1;                                                        \
        }                                                                     \
        result got = real arguments;                                          \
        if (after) kill(getpid(), SIGKILL);                                   \
        return got;                                                           \
    }

WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), counts_fd(fd))
WRAP(ssize_t, writev, (int fd, const struct iovec *parts, int n), (fd, parts, n), counts_fd(fd))
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t place), (fd, data, size, place), counts_fd(fd))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t place), (fd, data, size, place), counts_fd(fd))
WRAP(int, ftruncate, (int fd, off_t size), (fd, size), counts_fd(fd))
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size), counts_fd(fd))
WRAP(int, fsync, (int fd), (fd), counts_fd(fd))
WRAP(int, fdatasync, (int fd), (fd), counts_fd(fd))
WRAP(int, rename, (const char *from, const char *to), (from, to), counts(to))
WRAP(int, link, (const char *from, const char *to), (from, to), counts(to))
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), counts(to))
WRAP(int, mkdir, (const char *path, mode_t bits), (path, bits), counts(path))
WRAP(int, unlink, (const char *path), (path), counts(path))

/* Opening to read is no change. */
#define WRAP_OPEN(name)                                                       \
    int name(const char *path, int flags, ...) {                              \
        static int (*real)(const char *, int, ...);                           \
        int after;                                                            \
        mode_t bits = 0;                                                      \
        if (flags & O_CREAT) {                                                \
            va_list rest;                                                     \
            va_start(rest, flags);                                            \
            bits = va_arg(rest, mode_t);                                      \
            va_end(rest);                                                     \
        }                                                                     \
        if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
        if (hit((flags & (O_WRONLY | O_RDWR | O_CREAT)) && counts(path), &after)) { \
            errno = code;                                                     \
            return -1;                                                        \
        }                                                                     \
        int got = real(path, flags, bits);                                    \
        if (after) kill(getpid(), SIGKILL);                                   \
        return got;                                                           \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)

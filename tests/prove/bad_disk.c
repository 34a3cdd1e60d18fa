/* A disk that fails at a word: loaded into a program before its C library, it lets the files of one folder answer with an error.
   BAD_DISK: that folder. BAD_DISK_WORD: a file of four 32-bit numbers, each an errno or 0, that may be changed at any time:
   0 of fsync and fdatasync, 1 of write, pwrite and ftruncate, 2 of open for writing, 3 of read and pread. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SYNC, WRITE, OPEN, READ };
static volatile int32_t *word;
static const char *folder;

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("BAD_DISK_WORD");
    folder = getenv("BAD_DISK");
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))next("open64");
    int fd = path && folder ? real(path, O_RDWR) : -1;
    if (fd >= 0) {
        void *at = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        word = at == MAP_FAILED ? NULL : at;
        close(fd);
    }
}

static int ours(int fd) {
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    return n > 0 && !strncmp(path, folder, strlen(folder));
}

static int fails(int which, int fd) {
    if (!word || !word[which] || !ours(fd)) return 0;
    errno = word[which];
    return 1;
}

#define PASS(type, name, which, args, names) \
    type name args { \
        static type(*real) args; \
        if (!real) real = (type(*) args)next(#name); \
        return fails(which, fd) ? (type)-1 : real names; \
    }

PASS(int, fsync, SYNC, (int fd), (fd))
PASS(int, fdatasync, SYNC, (int fd), (fd))
PASS(ssize_t, write, WRITE, (int fd, const void *from, size_t n), (fd, from, n))
PASS(ssize_t, pwrite, WRITE, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at))
PASS(ssize_t, pwrite64, WRITE, (int fd, const void *from, size_t n, off64_t at), (fd, from, n, at))
PASS(int, ftruncate, WRITE, (int fd, off_t n), (fd, n))
PASS(int, ftruncate64, WRITE, (int fd, off64_t n), (fd, n))
PASS(ssize_t, read, READ, (int fd, void *to, size_t n), (fd, to, n))
PASS(ssize_t, pread, READ, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
PASS(ssize_t, pread64, READ, (int fd, void *to, size_t n, off64_t at), (fd, to, n, at))

static int opened(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))next(name);
    if (word && word[OPEN] && (flags & (O_WRONLY | O_RDWR | O_CREAT)) && !strncmp(path, folder, strlen(folder))) {
        errno = word[OPEN];
        return -1;
    }
    return real(path, flags, mode);
}

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return opened(#name, path, flags, mode); \
    }

OPENS(open)
OPENS(open64)

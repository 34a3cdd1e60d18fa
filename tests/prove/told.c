/* Where ptrace is not allowed: says what a program writes, syncs, sends and executes, in the words of strace, a line each. Loaded into
   the program before its C library. PROVE_TRACE: the file that the lines go to. Only the log of a database and sockets are looked at. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
enum { ROOM = 12000 };

static int out = -1;

static int opened(void) {
    const char *path = getenv("PROVE_TRACE");
    return path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
}

__attribute__((constructor)) static void begin(void) { out = opened(); }

static size_t quoted(char *line, size_t at, const char *data, size_t length) {
    for (size_t n = 0; n < length && at < ROOM - 64; n++) {
        if (data[n] == '"' || data[n] == '\\') line[at++] = '\\';
        line[at++] = data[n] >= ' ' && data[n] < 127 ? data[n] : '.';
    }
    return at;
}

static void say(const char *call, int fd, const void *data, size_t length, long result) {
    char link[32], path[300], line[ROOM];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (out < 0 || size < 0) return;
    path[size] = 0;
    if (strncmp(path, "socket:", 7) && (size < 4 || strcmp(path + size - 4, "-wal"))) return;
    size_t at = (size_t)snprintf(line, ROOM, "%ld %s(%d<%s>, \"", (long)syscall(SYS_gettid), call, fd, path);
    at = quoted(line, at, data, length);
    at += (size_t)snprintf(line + at, ROOM - at, "\") = %ld\n", result);
    syscall(SYS_write, out, line, at);
}

/* What is written is said once it is done, what is told before it is. */
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    ssize_t done = REAL(pwrite64)(fd, data, length, at);
    say("pwrite64", fd, data, length, done);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
    ssize_t done = REAL(pwrite)(fd, data, length, at);
    say("pwrite64", fd, data, length, done);
    return done;
}
int fdatasync(int fd) {
    int done = REAL(fdatasync)(fd);
    say("fdatasync", fd, "", 0, done);
    return done;
}
int fsync(int fd) {
    int done = REAL(fsync)(fd);
    say("fsync", fd, "", 0, done);
    return done;
}
ssize_t send(int fd, const void *data, size_t length, int flags) {
    say("sendto", fd, data, length, 0);
    return REAL(send)(fd, data, length, flags);
}
ssize_t write(int fd, const void *data, size_t length) {
    say("write", fd, data, length, 0);
    return REAL(write)(fd, data, length);
}
int execve(const char *path, char *const argv[], char *const envp[]) {
    char line[ROOM];
    size_t at = (size_t)snprintf(line, ROOM, "%ld execve(\"%s\", [", (long)syscall(SYS_gettid), path);
    for (char *const *one = envp; one && *one; one++) {
        line[at++] = ' ';
        at = quoted(line, at, *one, strlen(*one));
    }
    at += (size_t)snprintf(line + at, ROOM - at, "]) = 0\n");
    int again = opened(); /* a child has closed what it was handed, and shares its memory with its parent */
    if (again >= 0) syscall(SYS_write, again, line, at);
    return REAL(execve)(path, argv, envp);
}

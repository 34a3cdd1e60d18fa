/* A wall clock that is wrong by a word: loaded into a program before its C library. What is monotonic stays as it is.
   WRONG_CLOCK: a file of two 64-bit numbers that may be changed at any time: 0 seconds that are added to the wall clock,
   1 what adjtimex(2) answers: 0 a time server agrees, 5 it does not. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *word;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("WRONG_CLOCK");
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd >= 0) {
        void *at = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        word = at == MAP_FAILED ? NULL : at;
        close(fd);
    }
}

int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, at);
    if (!done && word && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += word[0];
    return done;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int done = clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return done;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

int adjtimex(struct timex *asked) {
    static int (*real)(struct timex *);
    if (!real) real = (int (*)(struct timex *))dlsym(RTLD_NEXT, "adjtimex");
    int state = real(asked);
    return word ? (int)word[1] : state;
}

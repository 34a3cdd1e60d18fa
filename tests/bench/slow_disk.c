/* A card that is slow to sync, and a count of syncs: loaded into a program before its C library.
   BENCH_SYNC_MS: milliseconds added to each; BENCH_SYNC_COUNT: a file of 8 bytes that holds how many there were. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t *count;
static useconds_t extra;

__attribute__((constructor)) static void begin(void) {
    const char *ms = getenv("BENCH_SYNC_MS"), *path = getenv("BENCH_SYNC_COUNT");
    extra = ms ? (useconds_t)atoi(ms) * 1000 : 0;
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd >= 0) {
        void *at = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        count = at == MAP_FAILED ? NULL : at;
        close(fd);
    }
}

static int synced(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (count) __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
    if (extra) usleep(extra);
    return real(fd);
}

int fsync(int fd) { return synced("fsync", fd); }
int fdatasync(int fd) { return synced("fdatasync", fd); }

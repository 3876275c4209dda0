/* A disk that fails when it is told to: loaded before the C library, it lets writes to some files fail.
 *
 * FAIL_PATH   a part of the paths of the files
 * FAIL_FILE   while this file is there, writes fail: with "no space left" where it says so, else with an I/O error
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* The error that a write to the file is to fail with; 0 where it is not. */
static int failure(int file) {
    const char *told = getenv("FAIL_FILE"), *part = getenv("FAIL_PATH");
    char link[64], path[1024];
    if (!told || !part || access(told, F_OK) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!strstr(path, part)) return 0;
    char how[16] = "";
    int reading = open(told, O_RDONLY);
    if (reading >= 0) {
        if (read(reading, how, sizeof how - 1) < 0) how[0] = 0;
        close(reading);
    }
    return strncmp(how, "full", 4) == 0 ? ENOSPC : EIO;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL(file) do { int error = failure(file); if (error) { errno = error; return -1; } } while (0)

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) { REAL(pwrite); FAIL(file); return real(file, bytes, count, at); }
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) { REAL(pwrite64); FAIL(file); return real(file, bytes, count, at); }
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) { REAL(pwritev); FAIL(file); return real(file, parts, count, at); }
ssize_t write(int file, const void *bytes, size_t count) { REAL(write); FAIL(file); return real(file, bytes, count); }
int ftruncate(int file, off_t size) { REAL(ftruncate); FAIL(file); return real(file, size); }
int fsync(int file) { REAL(fsync); FAIL(file); return real(file); }
int fdatasync(int file) { REAL(fdatasync); FAIL(file); return real(file); }

// Stands before the system's own calls that write, sync, rename, remove, cut, make or lock files of
// one folder, counts them, and lets chosen ones fail: before they take effect or after, or with the
// death of the process.
//
//   SYSCALLS_FOLDER  what counts: files within it, and standard output if it leads there
//   SYSCALLS_LOG     gets a line for each call that counts: its name, its file, and whether it failed
//   SYSCALLS_FAIL    the number of the call that fails, from 1 on; or "LIKELY/SEED": each call with
//                    one chance in LIKELY
//   SYSCALLS_HOW     "before", "half" (of what a write is to write), "after", or what is killed then:
//                    "kill-before", "kill-half", "kill-after"; with a chance: all but the kills
//   SYSCALLS_ERRNO   the number of the error
//   SYSCALLS_WHILE   fails only while this file exists; then every call that SYSCALLS_ONLY names
//   SYSCALLS_ONLY    "NAME SUFFIX": only this call on files that end so
//   SYSCALLS_CLOCK   a file: the clock is ahead by the seconds that stand in it
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { GOES_ON, FAILS_BEFORE, FAILS_HALF, FAILS_AFTER };

static atomic_ulong count;

static int error_number(void) {
    const char *number = getenv("SYSCALLS_ERRNO");
    return number ? atoi(number) : EIO;
}

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;) {
        pause();
    }
}

// Past the functions below.
static void tell(const char *call, const char *path, int verdict) {
    const char *log = getenv("SYSCALLS_LOG");
    char line[5000];
    if (log) {
        int length = snprintf(line, sizeof line, "%s %s%s\n", call, path,
                              verdict == GOES_ON ? "" : " failed");
        int file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0600);
        syscall(SYS_write, file, line, length);
        syscall(SYS_close, file);
    }
}

static int chance(unsigned long number) {
    unsigned long likely = 0, seed = 0;
    sscanf(getenv("SYSCALLS_FAIL"), "%lu/%lu", &likely, &seed);
    uint64_t mixed = seed * 0x9e3779b97f4a7c15u + number;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    mixed ^= mixed >> 31;
    if (likely == 0 || mixed % likely != 0) {
        return GOES_ON;
    }
    return FAILS_BEFORE + (mixed >> 32) % 3;
}

static int decide_by_number(unsigned long number) {
    const char *when = getenv("SYSCALLS_WHILE");
    const char *fail = getenv("SYSCALLS_FAIL");
    struct stat found;
    if (fail && strchr(fail, '/')) {
        return chance(number);
    }
    if (when ? stat(when, &found) != 0 : !fail || strtoul(fail, NULL, 10) != number) {
        return GOES_ON;
    }
    const char *how = getenv("SYSCALLS_HOW");
    if (how && strcmp(how, "kill-before") == 0) {
        end();
    }
    return how && strstr(how, "half") ? FAILS_HALF
           : how && strstr(how, "after") ? FAILS_AFTER
                                         : FAILS_BEFORE;
}

static int decide(const char *call, const char *path) {
    const char *folder = getenv("SYSCALLS_FOLDER");
    if (!folder || strncmp(path, folder, strlen(folder)) != 0) {
        return GOES_ON;
    }
    const char *only = getenv("SYSCALLS_ONLY");
    if (only) {
        size_t name = strcspn(only, " ");
        const char *suffix = only + name + 1;
        size_t length = strlen(suffix);
        if (strncmp(call, only, name) != 0 || call[name] != 0 || strlen(path) < length ||
            strcmp(path + strlen(path) - length, suffix) != 0) {
            return GOES_ON;
        }
    }
    int verdict = decide_by_number(atomic_fetch_add(&count, 1) + 1);
    tell(call, path, verdict);
    return verdict;
}

static int decide_for(const char *call, int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return decide(call, path);
}

// The call took effect: it is said that it did not.
static int after(void) {
    const char *how = getenv("SYSCALLS_HOW");
    if (how && strcmp(how, "kill-after") == 0) {
        end();
    }
    errno = error_number();
    return -1;
}

#define STAND_BEFORE(name, decided, ...)                                                           \
    int verdict = decided;                                                                         \
    if (verdict == FAILS_BEFORE) {                                                                 \
        errno = error_number();                                                                    \
        return -1;                                                                                 \
    }                                                                                              \
    __auto_type real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                 \
    __auto_type done = real(__VA_ARGS__);                                                          \
    return verdict != GOES_ON && done >= 0 ? after() : done;

#define STAND_BEFORE_WRITE(name, length, ...)                                                      \
    STAND_BEFORE(name, decide_for(#name, file), file, bytes,                                       \
                 verdict == FAILS_HALF ? length / 2 : length, ##__VA_ARGS__)

ssize_t write(int file, const void *bytes, size_t length) {
    STAND_BEFORE_WRITE(write, length)
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) {
    STAND_BEFORE_WRITE(pwrite, length, at)
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
    STAND_BEFORE_WRITE(pwrite64, length, at)
}

int fsync(int file) {
    STAND_BEFORE(fsync, decide_for("fsync", file), file)
}

int fdatasync(int file) {
    STAND_BEFORE(fdatasync, decide_for("fdatasync", file), file)
}

int ftruncate(int file, off_t length) {
    STAND_BEFORE(ftruncate, decide_for("ftruncate", file), file, length)
}

int ftruncate64(int file, off64_t length) {
    STAND_BEFORE(ftruncate64, decide_for("ftruncate64", file), file, length)
}

int rename(const char *from, const char *to) {
    STAND_BEFORE(rename, decide("rename", from), from, to)
}

int unlink(const char *path) {
    STAND_BEFORE(unlink, decide("unlink", path), path)
}

int flock(int file, int operation) {
    STAND_BEFORE(flock, decide_for("flock", file), file, operation)
}

static int is_lock(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK;
}

// Only what locks counts. A release that fails is believed by nobody.
static int decide_lock(int file, int command, const void *argument) {
    const struct flock *lock = argument;
    return is_lock(command) && lock->l_type != F_UNLCK ? decide_for("fcntl", file) : GOES_ON;
}

int fcntl(int file, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    STAND_BEFORE(fcntl, decide_lock(file, command, argument), file, command, argument)
}

int fcntl64(int file, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    STAND_BEFORE(fcntl64, decide_lock(file, command, argument), file, command, argument)
}

// Only what makes a file counts.
static int decide_open(const char *path, int flags) {
    struct stat found;
    return flags & O_CREAT && stat(path, &found) != 0 ? decide("open", path) : GOES_ON;
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = va_arg(arguments, unsigned);
    va_end(arguments);
    STAND_BEFORE(open, decide_open(path, flags), path, flags, mode)
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = va_arg(arguments, unsigned);
    va_end(arguments);
    STAND_BEFORE(open64, decide_open(path, flags), path, flags, mode)
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = (int)syscall(SYS_clock_gettime, clock, now);
    const char *ahead = getenv("SYSCALLS_CLOCK");
    if (clock == CLOCK_REALTIME && ahead && done == 0) {
        char seconds[32] = "";
        int file = (int)syscall(SYS_openat, AT_FDCWD, ahead, O_RDONLY, 0);
        if (file >= 0) {
            syscall(SYS_read, file, seconds, sizeof seconds - 1);
            syscall(SYS_close, file);
        }
        now->tv_sec += atol(seconds);
    }
    return done;
}

// Stands before the system's own getaddrinfo: NAME.example leads to the address that NAME spells
// with `-` for `.`, and slow.example takes a minute.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    lookup *real = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
    const char *end = name ? strstr(name, ".example") : NULL;
    char address[64];
    if (!end) {
        return real(name, service, hints, found);
    }
    snprintf(address, sizeof address, "%.*s", (int)(end - name), name);
    if (strcmp(address, "slow") == 0) {
        sleep(60);
        return EAI_AGAIN;
    }
    for (char *at = address; *at; at++) {
        if (*at == '-') {
            *at = '.';
        }
    }
    return real(address, service, hints, found);
}

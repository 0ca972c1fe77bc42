// A xenstore client of three calls, spoken directly to /dev/xen/xenbus: the guest has no libraries.
#pragma once

#include <stddef.h>

// Opens the connection once; later calls are free. Returns 0, or -1 when the guest has no xenstore.
int xenbus_open(void);

// Reads a node (a path without a leading slash is the guest's own) into `value`, always ended by a zero
// byte. Returns its length, or -1 when it is not there or not readable.
int xenbus_read(const char *path, char *value, size_t capacity);

// Writes a node, making it and its parents when they are missing. Returns 0 or -1.
int xenbus_write(const char *path, const char *value);

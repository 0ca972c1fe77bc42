// Loads that a guest can be told to carry: processor time, dirtied memory, disk writes.
#pragma once

// Burns `percent` of one processor (more than 100: on several); 0 stops.
void load_burn(int percent);

// Dirties `mib_per_second` over a buffer of `size_mib`; 0 stops.
void load_dirty(int mib_per_second, int size_mib);

// Writes `line` to the first sector of the first disk, past all caches. Returns 0 or an errno.
int load_disk_write(const char *line);

// Reads the first disk through the page cache, where it stays as long as there is room, and sums it up. Returns 0 or an
// errno.
int load_disk_sum(unsigned long long *sum);

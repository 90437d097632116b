// This library is preloaded into Chrome (LD_PRELOAD). It asks the kernel for transparent huge pages
// wherever Chrome reserves 2 MiB of private memory or more. Chrome's allocator makes the buffers of
// each picture from such memory, again for each picture. In pages of 4 KiB, each buffer takes 2,000
// page faults. docs/adr/0012-huge-pages.md says why it is done this way.

#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "mmap is not this system call on other processors"
#endif

enum { huge_page = 2 << 20 };

void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset) {
  void *p = (void *)syscall(SYS_mmap, addr, length, (long)prot, (long)flags, (long)fd, offset);
  if (p != MAP_FAILED && length >= huge_page && (flags & MAP_ANONYMOUS) && (flags & MAP_PRIVATE)) {
    int before = errno;
    madvise(p, length, MADV_HUGEPAGE);  // where it is refused, all is as it was
    errno = before;
  }
  return p;
}

#ifndef mmap64  // some C libraries have one name for both
void *mmap64(void *addr, size_t length, int prot, int flags, int fd, off_t offset) __attribute__((alias("mmap")));
#endif

//go:build linux || darwin

package component

import "golang.org/x/sys/unix"

// reserve gives addresses that lead to no memory yet; nil if there are none.
func reserve(bytes uint64) []byte {
	reserved, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return reserved
}

// commit puts memory behind some of them, all zeros.
func commit(bytes []byte) error {
	if len(bytes) == 0 {
		return nil
	}
	return unix.Mprotect(bytes, unix.PROT_READ|unix.PROT_WRITE)
}

func release(reserved []byte) { _ = unix.Munmap(reserved) }

//go:build unix

package main

import (
	"os"
	"strings"
	"syscall"
	"unicode"

	"golang.org/x/sys/unix"
)

// lineBytesMax: a pipe that is ready takes as much at once.
const lineBytesMax = 4096

// tell writes a line to stderr, as far as there is room: where nobody reads it, events go on.
func tell(line string) {
	line = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, line)
	if len(line) > lineBytesMax-1 {
		line = line[:lineBytesMax-1]
	}
	ready := []unix.PollFd{{Fd: 2, Events: unix.POLLOUT}}
	if count, err := unix.Poll(ready, 0); err == nil && count == 1 && ready[0].Revents&unix.POLLOUT != 0 {
		_, _ = syscall.Write(2, []byte(line+"\n"))
	}
}

// stdoutFault: Go opens /dev/null in the place of a stream that is closed.
func stdoutFault() string {
	var out, null syscall.Stat_t
	if syscall.Fstat(1, &out) != nil || syscall.Stat(os.DevNull, &null) == nil && out.Rdev == null.Rdev {
		return "stdout is closed or /dev/null: events would be lost; give it a file or a pipe"
	}
	return ""
}

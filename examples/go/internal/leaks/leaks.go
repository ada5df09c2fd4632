// Package leaks ends the tests of a package with a failure if they leave goroutines behind.
package leaks

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// Main is what TestMain of a package does.
func Main(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if left := left(before); left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// left is the stacks of all goroutines if there are more than so many, and stay.
func left(before int) string {
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return ""
		}
		time.Sleep(10 * time.Millisecond)
	}
	buffer := make([]byte, 1<<20)
	return string(buffer[:runtime.Stack(buffer, true)])
}

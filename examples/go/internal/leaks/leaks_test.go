package leaks

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

func TestAGoroutineThatStaysIsToldAndOneThatEndsIsNot(t *testing.T) {
	before := runtime.NumGoroutine()
	end := make(chan struct{})
	go staysBehind(end)
	if told := left(before); !strings.Contains(told, "staysBehind") {
		t.Error(told)
	}
	time.AfterFunc(50*time.Millisecond, func() { close(end) })
	if told := left(before); told != "" {
		t.Error(told)
	}
}

func staysBehind(end chan struct{}) { <-end }

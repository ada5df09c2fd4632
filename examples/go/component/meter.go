package component

import (
	"errors"
	"sync"
	"time"
)

var errComputing = errors.New("the component computed for too long")

// meter counts the time in which a component computes. It stands still while the component waits in send.
type meter struct {
	mu      sync.Mutex
	left    time.Duration
	since   time.Time
	running bool
	timer   *time.Timer
}

func startMeter(allowed time.Duration, over func()) *meter {
	return &meter{left: allowed, since: time.Now(), running: true, timer: time.AfterFunc(allowed, over)}
}

// pause stops the count, until resume.
func (m *meter) pause() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running {
		m.running = false
		m.timer.Stop()
		m.left -= time.Since(m.since)
	}
}

func (m *meter) resume() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.running {
		m.running, m.since = true, time.Now()
		m.timer.Reset(max(m.left, 0))
	}
}

// stop ends it for good.
func (m *meter) stop() { m.pause() }

package component

import "github.com/samyfodil/wazy/api"

// memoryPool gives one instance its linear memory, up to a bound, and lets it be looked at. It lies beside Go's heap
// where the system has a way to: Go lets a heap grow to twice of what is in it, and keeps what was let go for a while.
type memoryPool struct {
	left   uint64
	linear []*linearMemory
}

// Allocate makes a memory.
func (p *memoryPool) Allocate(_, most uint64) api.LinearMemory {
	most = min(most, p.left)
	m := &linearMemory{pool: p, most: most, reserved: reserve(most)}
	p.linear = append(p.linear, m)
	return m
}

// bytes is the memory of an instance: what is loaded has one.
func (p *memoryPool) bytes() []byte {
	if len(p.linear) == 0 {
		return nil
	}
	return p.linear[0].buffer
}

// free lets go of all that an instance has. Nothing of it may run any more.
func (p *memoryPool) free() {
	for _, m := range p.linear {
		m.Free()
	}
}

type linearMemory struct {
	pool *memoryPool
	most uint64
	// reserved is addresses for all that it may become; nil if there are none.
	reserved []byte
	buffer   []byte
}

// Reallocate makes it so large, or gives none.
func (m *linearMemory) Reallocate(size uint64) []byte {
	had := uint64(len(m.buffer))
	if size > m.most || size < had || size-had > m.pool.left {
		return nil
	}
	if m.reserved == nil {
		if size > uint64(cap(m.buffer)) {
			buffer := make([]byte, size, min(size+size/2, m.most))
			copy(buffer, m.buffer)
			m.buffer = buffer
		}
		m.buffer = m.buffer[:size]
	} else {
		if commit(m.reserved[had:size]) != nil {
			return nil
		}
		m.buffer = m.reserved[:size:size]
	}
	m.pool.left -= size - had
	return m.buffer
}

// Free lets it go.
func (m *linearMemory) Free() {
	if m.reserved != nil {
		release(m.reserved)
	}
	m.reserved, m.buffer = nil, nil
}

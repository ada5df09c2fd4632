package component

import "github.com/samyfodil/wazy/api"

// memoryPool gives one instance its linear memory, up to a bound, and lets it be looked at. A small one grows
// by an eighth, not twofold: instances live long and grow seldom. A large one is not copied as often.
type memoryPool struct {
	left   uint64
	linear []*linearMemory
}

// Allocate makes a memory.
func (p *memoryPool) Allocate(_, most uint64) api.LinearMemory {
	m := &linearMemory{pool: p, most: most}
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

const smallBytes = 2 << 20

type linearMemory struct {
	pool   *memoryPool
	most   uint64
	buffer []byte
}

// Reallocate makes it so large, or gives none.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.most {
		return nil
	}
	if grown := size - min(size, uint64(len(m.buffer))); grown > m.pool.left {
		return nil
	} else {
		m.pool.left -= grown
	}
	if size > uint64(cap(m.buffer)) {
		room := size + size/8
		if size > smallBytes {
			room = size + size/2
		}
		room = min(room, m.most)
		buffer := make([]byte, size, room)
		copy(buffer, m.buffer)
		m.buffer = buffer
	}
	m.buffer = m.buffer[:size]
	return m.buffer
}

// Free lets it go.
func (m *linearMemory) Free() { m.buffer = nil }

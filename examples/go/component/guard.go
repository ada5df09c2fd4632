package component

import (
	"context"
	"encoding/binary"
	"math/bits"
	"strings"

	core "github.com/samyfodil/wazy/api"
	"github.com/samyfodil/wazy/component"
)

// A list may name the same bytes many times over, and what is copied of it would have no bound but the
// machine's memory. So what a component gives is measured where it lies, before the runtime copies it: when
// a function returns whose result is a list or a text somewhere within, and when send is called.

// unmeasured begins the names of core functions that are called often, and are lifted by no component.
const unmeasured = "cabi_"

// nodeBytes is what a value costs beside its bytes.
const nodeBytes = 32

// guard measures what one instance gives.
type guard struct {
	memory   *memoryPool
	results  map[string]result
	bytesMax uint64
}

type guardKey struct{}

func withGuard(ctx context.Context, g *guard) context.Context {
	return context.WithValue(ctx, guardKey{}, g)
}

func guardOf(ctx context.Context) *guard {
	g, _ := ctx.Value(guardKey{}).(*guard)
	return g
}

// guardFactory has functions told of that may give results, and the one that sends. Which of them do is
// looked up in a call: compiled code is shared by all components with the same bytes in them.
type guardFactory struct{}

func (guardFactory) NewFunctionListener(def core.FunctionDefinition) core.FunctionListener {
	if def.GoFunction() != nil {
		if len(def.ParamTypes()) == sendParams {
			return sendGuard{}
		}
		return nil
	}
	results := def.ResultTypes()
	if len(results) != 1 || results[0] != core.ValueTypeI32 {
		return nil
	}
	for _, name := range def.ExportNames() {
		if !strings.HasPrefix(name, unmeasured) {
			return resultGuard{}
		}
	}
	return nil
}

// resultGuard looks at what an exported function returns.
type resultGuard struct{}

func (resultGuard) Before(context.Context, core.Module, core.FunctionDefinition, []uint64, core.StackIterator) {
}
func (resultGuard) Abort(context.Context, core.Module, core.FunctionDefinition, error) {}
func (resultGuard) After(ctx context.Context, _ core.Module, def core.FunctionDefinition, results []uint64) {
	g := guardOf(ctx)
	if g == nil || len(results) != 1 {
		return
	}
	for _, name := range def.ExportNames() {
		if lifted, ok := g.results[name]; ok && lifted.function.Results.Unnamed != nil {
			m := measure{memory: g.memory.bytes(), left: g.bytesMax, of: lifted}
			if m.refAt(*lifted.function.Results.Unnamed, uint32(results[0]), 0); m.over {
				panic(failure("the component gives more than %d bytes in one call", g.bytesMax))
			}
		}
	}
}

// sendParams is the parameters of send: four pairs of pointer and length, the timeout and whether there is
// one, and where the result goes.
const sendParams = 11

// sendGuard looks at what a component sends.
type sendGuard struct{}

func (sendGuard) After(context.Context, core.Module, core.FunctionDefinition, []uint64) {}
func (sendGuard) Abort(context.Context, core.Module, core.FunctionDefinition, error)    {}
func (sendGuard) Before(ctx context.Context, _ core.Module, _ core.FunctionDefinition, params []uint64, _ core.StackIterator) {
	g := guardOf(ctx)
	if g == nil || len(params) != sendParams {
		return
	}
	m := measure{memory: g.memory.bytes(), left: g.bytesMax}
	m.take(params[1] & 0xffff_ffff)
	m.take(params[3] & 0xffff_ffff)
	m.take(params[7] & 0xffff_ffff)
	const headerBytes = 16
	for at, end := params[4]&0xffff_ffff, params[5]&0xffff_ffff; end > 0 && !m.over; at, end = at+headerBytes, end-1 {
		m.take(2*nodeBytes + uint64(m.word(at+4)) + uint64(m.word(at+12)))
	}
	if m.over {
		panic(failure("the component sends more than %d bytes at once", g.bytesMax))
	}
}

// measure adds up what a value in memory takes when it is copied out. What is out of bounds adds nothing: the
// runtime refuses it.
type measure struct {
	memory []byte
	left   uint64
	over   bool
	of     result
}

func (m *measure) take(bytes uint64) {
	if bytes > m.left {
		m.over = true
		return
	}
	m.left -= bytes
}

func (m *measure) word(at uint64) uint32 {
	if at+4 > uint64(len(m.memory)) {
		return 0
	}
	return binary.LittleEndian.Uint32(m.memory[at:])
}

// number is an unsigned integer of so many bytes.
func (m *measure) number(at, size uint32) uint32 {
	if uint64(at)+uint64(size) > uint64(len(m.memory)) {
		return 0
	}
	switch size {
	case 1:
		return uint32(m.memory[at])
	case 2:
		return uint32(binary.LittleEndian.Uint16(m.memory[at:]))
	default:
		return binary.LittleEndian.Uint32(m.memory[at:])
	}
}

const depthMax = 100

func (m *measure) refAt(ref component.TypeRef, at uint32, depth int) {
	described, err := m.of.resolve(ref)
	if err != nil || depth > depthMax {
		m.over = true
		return
	}
	m.at(described, at, depth+1)
}

func (m *measure) at(described component.TypeDesc, at uint32, depth int) {
	if m.take(nodeBytes); m.over {
		return
	}
	switch d := described.(type) {
	case component.PrimitiveDesc:
		if d.Prim == "string" {
			m.take(m.of.textBytes * uint64(m.word(uint64(at)+4)))
		}
	case component.ListDesc:
		pointer, count := m.word(uint64(at)), m.word(uint64(at)+4)
		size, _ := m.layout(d.Element, depth)
		if element, err := m.of.resolve(d.Element); err == nil && size > 0 {
			if p, ok := element.(component.PrimitiveDesc); ok && p.Prim != "string" {
				m.take(uint64(count) * uint64(size))
				return
			}
		}
		for ; count > 0 && !m.over; count, pointer = count-1, pointer+size {
			m.refAt(d.Element, pointer, depth)
		}
	case component.RecordDesc:
		for _, field := range d.Fields {
			at = m.member(field.Type, at, depth)
		}
	case component.TupleDesc:
		for _, element := range d.Elements {
			at = m.member(element, at, depth)
		}
	default:
		cases, ok := casesOf(described)
		if !ok {
			if !isSmall(described) {
				m.over = true
			}
			return
		}
		size := discriminantBytes(len(cases))
		chosen := m.number(at, size)
		if int(chosen) < len(cases) && cases[chosen] != nil {
			_, payload := m.casesLayout(cases, depth)
			m.refAt(*cases[chosen], align(at+size, payload), depth)
		}
	}
}

func (m *measure) member(ref component.TypeRef, at uint32, depth int) uint32 {
	size, alignment := m.layout(ref, depth)
	at = align(at, alignment)
	m.refAt(ref, at, depth)
	return at + size
}

// layout is size and alignment of a type, as the canonical ABI has them.
func (m *measure) layout(ref component.TypeRef, depth int) (size, alignment uint32) {
	described, err := m.of.resolve(ref)
	if err != nil || depth > depthMax {
		m.over = true
		return 0, 1
	}
	return m.layoutOf(described, depth+1)
}

func (m *measure) layoutOf(described component.TypeDesc, depth int) (size, alignment uint32) {
	fields := func(refs []component.TypeRef) (size, alignment uint32) {
		alignment = 1
		for _, ref := range refs {
			s, a := m.layout(ref, depth)
			size, alignment = align(size, a)+s, max(alignment, a)
		}
		return align(size, alignment), alignment
	}
	switch d := described.(type) {
	case component.PrimitiveDesc:
		switch d.Prim {
		case "bool", "u8", "s8":
			return 1, 1
		case "u16", "s16":
			return 2, 2
		case "u64", "s64", "f64":
			return 8, 8
		case "string":
			return 8, 4
		}
		return 4, 4
	case component.ListDesc:
		return 8, 4
	case component.RecordDesc:
		refs := make([]component.TypeRef, len(d.Fields))
		for i, field := range d.Fields {
			refs[i] = field.Type
		}
		return fields(refs)
	case component.TupleDesc:
		return fields(d.Elements)
	case component.EnumDesc:
		size = discriminantBytes(len(d.Cases))
		return size, size
	case component.FlagsDesc:
		switch count := len(d.Names); {
		case count <= 8:
			return 1, 1
		case count <= 16:
			return 2, 2
		}
		return 4, 4
	}
	cases, ok := casesOf(described)
	if !ok {
		m.over = true
		return 0, 1
	}
	discriminant := discriminantBytes(len(cases))
	largest, payload := m.casesLayout(cases, depth)
	alignment = max(discriminant, payload)
	return align(align(discriminant, payload)+largest, alignment), alignment
}

func (m *measure) casesLayout(cases []*component.TypeRef, depth int) (size, alignment uint32) {
	alignment = 1
	for _, ref := range cases {
		if ref != nil {
			s, a := m.layout(*ref, depth)
			size, alignment = max(size, s), max(alignment, a)
		}
	}
	return size, alignment
}

// casesOf gives the payloads of what is one of several.
func casesOf(described component.TypeDesc) ([]*component.TypeRef, bool) {
	switch d := described.(type) {
	case component.VariantDesc:
		cases := make([]*component.TypeRef, len(d.Cases))
		for i := range d.Cases {
			cases[i] = d.Cases[i].Type
		}
		return cases, true
	case component.OptionDesc:
		return []*component.TypeRef{nil, &d.Element}, true
	case component.ResultDesc:
		return []*component.TypeRef{d.Ok, d.Err}, true
	}
	return nil, false
}

// isSmall says of what has no bytes of its own elsewhere in memory that it has none.
func isSmall(described component.TypeDesc) bool {
	switch described.(type) {
	case component.EnumDesc, component.FlagsDesc:
		return true
	}
	return false
}

func discriminantBytes(cases int) uint32 {
	switch {
	case cases <= 1<<8:
		return 1
	case cases <= 1<<16:
		return 2
	}
	return 4
}

func align(at, alignment uint32) uint32 {
	if bits.OnesCount32(alignment) != 1 {
		return at
	}
	return (at + alignment - 1) &^ (alignment - 1)
}

package component

import (
	"context"
	"encoding/binary"
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
	results  map[string]*shape
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
		if lifted := g.results[name]; lifted != nil {
			m := measure{memory: g.memory.bytes(), left: g.bytesMax}
			if m.at(lifted, uint32(results[0])); m.over {
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

func (m *measure) at(s *shape, at uint32) {
	if m.take(nodeBytes); m.over {
		return
	}
	switch s.kind {
	case isText:
		m.take(s.textBytes * uint64(m.word(uint64(at)+4)))
	case isList:
		pointer, count := m.word(uint64(at)), m.word(uint64(at)+4)
		element := s.parts[0].shape
		if element.kind == isNumber {
			m.take(uint64(count) * uint64(element.size))
			return
		}
		for ; count > 0 && !m.over; count, pointer = count-1, pointer+element.size {
			m.at(element, pointer)
		}
	case isRecord:
		for _, part := range s.parts {
			m.at(part.shape, at+part.offset)
		}
	case isOneOf:
		if chosen := m.number(at, s.discriminant); int64(chosen) < int64(len(s.parts)) && s.parts[chosen].shape != nil {
			m.at(s.parts[chosen].shape, at+s.parts[chosen].offset)
		}
	}
}

// shape is how the values of a type lie in memory, as the canonical ABI has it. It is made when a component is loaded:
// a page has thousands of values.
type shape struct {
	kind            shapeKind
	size, alignment uint32
	// discriminant is the bytes of what says which of several it is.
	discriminant uint32
	// textBytes is what a unit of text may take.
	textBytes uint64
	// parts is the element, the fields, or what each of several has, if it has anything.
	parts []part
}

type part struct {
	shape  *shape
	offset uint32
}

type shapeKind uint8

const (
	isNumber shapeKind = iota
	isSmall            // It has no bytes elsewhere in memory either.
	isText
	isList
	isRecord
	isOneOf
)

// shapes makes those of one result. checkTypes has seen to it that there are not too many.
type shapes struct{ of result }

var errShape = failure("a function that it exports gives what cannot be measured")

// shapesOf is the shapes of all results, by the names of the functions that give them.
func shapesOf(results map[string]result) (map[string]*shape, error) {
	found := make(map[string]*shape)
	for name, lifted := range results {
		if given := lifted.function.Results.Unnamed; given != nil {
			made := shapes{of: lifted}
			s, err := made.ref(*given)
			if err != nil {
				return nil, err
			}
			found[name] = s
		}
	}
	return found, nil
}

func (s *shapes) ref(ref component.TypeRef) (*shape, error) {
	described, err := s.of.resolve(ref)
	if err != nil {
		return nil, errShape
	}
	return s.make(described)
}

func (s *shapes) make(described component.TypeDesc) (*shape, error) {
	switch d := described.(type) {
	case component.PrimitiveDesc:
		switch d.Prim {
		case "bool", "u8", "s8":
			return &shape{size: 1, alignment: 1}, nil
		case "u16", "s16":
			return &shape{size: 2, alignment: 2}, nil
		case "u64", "s64", "f64":
			return &shape{size: 8, alignment: 8}, nil
		case "string":
			return &shape{kind: isText, size: 8, alignment: 4, textBytes: s.of.textBytes}, nil
		}
		return &shape{size: 4, alignment: 4}, nil
	case component.ListDesc:
		element, err := s.ref(d.Element)
		if err != nil {
			return nil, err
		}
		return &shape{kind: isList, size: 8, alignment: 4, parts: []part{{shape: element}}}, nil
	case component.RecordDesc:
		refs := make([]component.TypeRef, len(d.Fields))
		for i, field := range d.Fields {
			refs[i] = field.Type
		}
		return s.record(refs)
	case component.TupleDesc:
		return s.record(d.Elements)
	case component.EnumDesc:
		size := discriminantBytes(len(d.Cases))
		return &shape{kind: isSmall, size: size, alignment: size}, nil
	case component.FlagsDesc:
		size := uint32(4)
		switch count := len(d.Names); {
		case count <= 8:
			size = 1
		case count <= 16:
			size = 2
		}
		return &shape{kind: isSmall, size: size, alignment: size}, nil
	}
	cases, ok := casesOf(described)
	if !ok {
		return nil, errShape
	}
	return s.oneOf(cases)
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

func (s *shapes) record(refs []component.TypeRef) (*shape, error) {
	made := &shape{kind: isRecord, alignment: 1}
	for _, ref := range refs {
		field, err := s.ref(ref)
		if err != nil {
			return nil, err
		}
		at := align(made.size, field.alignment)
		made.parts = append(made.parts, part{field, at})
		made.size, made.alignment = at+field.size, max(made.alignment, field.alignment)
	}
	made.size = align(made.size, made.alignment)
	return made, nil
}

func (s *shapes) oneOf(cases []*component.TypeRef) (*shape, error) {
	made := &shape{kind: isOneOf, discriminant: discriminantBytes(len(cases)), parts: make([]part, len(cases))}
	largest, payload := uint32(0), uint32(1)
	for i, ref := range cases {
		if ref == nil {
			continue
		}
		given, err := s.ref(*ref)
		if err != nil {
			return nil, err
		}
		made.parts[i].shape = given
		largest, payload = max(largest, given.size), max(payload, given.alignment)
	}
	offset := align(made.discriminant, payload)
	for i := range made.parts {
		made.parts[i].offset = offset
	}
	made.alignment = max(made.discriminant, payload)
	made.size = align(offset+largest, made.alignment)
	return made, nil
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

func align(at, alignment uint32) uint32 { return (at + alignment - 1) &^ (alignment - 1) }

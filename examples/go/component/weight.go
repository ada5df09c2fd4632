package component

import (
	"github.com/samyfodil/wazy/component"
	"github.com/samyfodil/wazy/component/binary"
)

const (
	// weightMax is the parts of a type, once for each place where it stands: each walk over it takes as many
	// steps. Those of the contract have up to 70, 6 deep.
	weightMax = 500
	// typeDepthMax is how deep a type may nest.
	typeDepthMax = 50
)

// weight is the parts of a type, and how deep they nest.
type weight struct{ parts, depth int }

func (w *weight) add(part weight) {
	w.parts, w.depth = min(w.parts+part.parts, weightMax+1), max(w.depth, part.depth+1)
}

func (w weight) over() bool { return w.parts > weightMax || w.depth > typeDepthMax }

// scale weighs the types of a space of indices, each once.
type scale struct {
	resolve func(index uint32) (component.TypeDesc, bool)
	// named says what an index is in a space around this one: how far out, and where.
	named func(index uint32) (count, at uint32, ok bool)
	outer *scale
	known map[uint32]weight
}

var errWeight = failure("its types have more than %d parts where they stand, or nest deeper than %d", weightMax, typeDepthMax)

// checkTypes says of a component whose types are small but where they stand within each other that they are not.
func checkTypes(c *binary.Component) error {
	return newScale(c, nil).check(c)
}

func newScale(c *binary.Component, outer *scale) *scale {
	return &scale{outer: outer, known: make(map[uint32]weight), resolve: func(index uint32) (component.TypeDesc, bool) {
		described, err := c.ResolveType(index)
		return described, err == nil
	}}
}

func (s *scale) check(c *binary.Component) error {
	for index := range uint32(len(c.TypeSpace)) {
		described, _ := s.resolve(index)
		declared, _ := described.(binary.InstanceDesc)
		if s.at(index, 0).over() || s.declares(declared) {
			return errWeight
		}
	}
	for _, nested := range c.NestedComponents {
		if err := newScale(nested, s).check(nested); err != nil {
			return err
		}
	}
	return nil
}

// declares says whether an interface declares a type that weighs too much.
func (s *scale) declares(declared binary.InstanceDesc) bool {
	inner := &scale{outer: s, known: make(map[uint32]weight)}
	inner.named = func(index uint32) (uint32, uint32, bool) {
		name, ok := declared.Outer[index]
		return name.Count, name.Index, ok
	}
	inner.resolve = func(index uint32) (component.TypeDesc, bool) {
		if int(index) >= len(declared.Types) || declared.Types[index] == nil {
			return nil, false
		}
		return declared.Types[index], true
	}
	for index := range uint32(len(declared.Types)) {
		if inner.at(index, 0).over() {
			return true
		}
	}
	return false
}

func (s *scale) at(index uint32, depth int) weight {
	if depth > typeDepthMax {
		return weight{depth: typeDepthMax + 1}
	}
	if known, ok := s.known[index]; ok {
		return known
	}
	described, ok := s.resolve(index)
	if !ok {
		if s.named == nil {
			return weight{} // Nobody can follow it.
		}
		count, at, ok := s.named(index)
		space := s
		for ; space != nil && count > 0; count-- {
			space = space.outer
		}
		if !ok || space == nil {
			return weight{}
		}
		return space.at(at, depth+1)
	}
	whole := weight{parts: 1}
	for _, ref := range partsOf(described) {
		part := weight{parts: 1}
		if ref.TypeIndex != nil {
			part = s.at(*ref.TypeIndex, depth+1)
		}
		if whole.add(part); whole.over() {
			break
		}
	}
	s.known[index] = whole
	return whole
}

// partsOf is what a type is made of.
func partsOf(described component.TypeDesc) (parts []component.TypeRef) {
	add := func(refs ...*component.TypeRef) {
		for _, ref := range refs {
			if ref != nil {
				parts = append(parts, *ref)
			}
		}
	}
	switch d := described.(type) {
	case component.FuncDesc:
		for i := range d.Params {
			add(&d.Params[i].Type)
		}
		add(d.Results.Unnamed)
	case component.RecordDesc:
		for i := range d.Fields {
			add(&d.Fields[i].Type)
		}
	case component.TupleDesc:
		return d.Elements
	case component.ListDesc:
		add(&d.Element)
	default:
		cases, _ := casesOf(described)
		add(cases...)
	}
	return parts
}

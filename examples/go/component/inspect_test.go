package component

import (
	"strings"
	"testing"

	core "github.com/samyfodil/wazy/binary"
	"github.com/samyfodil/wazy/component"
	"github.com/samyfodil/wazy/component/binary"
)

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	module := func() *core.Module { return &core.Module{MemorySection: make([]core.Memory, 1)} }
	single := func() *binary.Component { return &binary.Component{CoreInstances: make([]binary.CoreInstance, 1)} }
	for name, c := range map[string]struct {
		change  func(*binary.Component)
		modules []*core.Module
		says    string
	}{
		"one memory": {func(*binary.Component) {}, []*core.Module{module()}, ""},
		"no memory":  {func(*binary.Component) {}, []*core.Module{{}}, "0 memories"},
		"a composition": {func(c *binary.Component) {
			c.NestedComponents = []*binary.Component{{Canons: make([]binary.Canon, 1)}}
		}, []*core.Module{module()}, "composed"},
		"a module within": {func(c *binary.Component) {
			c.NestedComponents = []*binary.Component{{CoreModules: make([]binary.CoreModule, 1)}}
		}, []*core.Module{module()}, "composed"},
		"two memories": {func(*binary.Component) {}, []*core.Module{{MemorySection: make([]core.Memory, 2)}}, "2 memories"},
		"a memory twice": {func(c *binary.Component) {
			c.CoreInstances = make([]binary.CoreInstance, 2)
		}, []*core.Module{module()}, "2 memories"},
		"many parts": {func(c *binary.Component) {
			c.CoreInstances = make([]binary.CoreInstance, partsMax+1)
		}, []*core.Module{module()}, "more than 64"},
	} {
		component := single()
		c.change(component)
		err := checkParts(component, c.modules)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyFunctionsOfAModulesOwnAreLifted(t *testing.T) {
	of := func(export core.Export, imported uint32, alias string) error {
		c := &binary.Component{
			CoreFuncSpace: []binary.CoreFuncSpaceEntry{{Kind: binary.CoreFuncFromAlias}},
			Aliases:       []binary.AliasDef{{Name: alias}}, CoreInstances: make([]binary.CoreInstance, 1),
		}
		modules := []*core.Module{{ExportSection: []core.Export{export}, ImportFunctionCount: imported}}
		_, err := definedFunction(c, modules, 0)
		return err
	}
	if err := of(core.Export{Name: "poll", Index: 1}, 1, "poll"); err != nil {
		t.Error(err)
	}
	if of(core.Export{Name: "poll", Index: 0}, 1, "poll") == nil {
		t.Error("one that the module imports")
	}
	if of(core.Export{Name: "cabi_poll", Index: 1}, 1, "cabi_poll") == nil {
		t.Error("one that is not looked at")
	}
	if of(core.Export{Name: "poll", Index: 1}, 1, "other") == nil {
		t.Error("one that is not there")
	}
}

func TestLayoutsAreThoseOfTheCanonicalABI(t *testing.T) {
	prim := component.Prim
	text, number := prim("string"), prim("u64")
	for name, c := range map[string]struct {
		of              component.TypeDesc
		size, alignment uint32
	}{
		"padded at the end":  {component.TupleDesc{Elements: []component.TypeRef{number, prim("u8")}}, 16, 8},
		"padded within":      {component.TupleDesc{Elements: []component.TypeRef{prim("bool"), prim("u16"), text}}, 12, 4},
		"option of a number": {component.OptionDesc{Element: number}, 16, 8},
		"option of a byte":   {component.OptionDesc{Element: prim("u8")}, 2, 1},
		"result":             {component.ResultDesc{Ok: &number, Err: &text}, 16, 8},
		"result of nothing":  {component.ResultDesc{}, 1, 1},
		"many cases":         {component.EnumDesc{Cases: make([]string, 257)}, 2, 2},
		"list":               {component.ListDesc{Element: number}, 8, 4},
		"a letter":           {component.PrimitiveDesc{Prim: "char"}, 4, 4},
	} {
		if made, err := (&shapes{}).make(c.of); err != nil || made.size != c.size || made.alignment != c.alignment {
			t.Errorf("%s: %+v, %v", name, made, err)
		}
	}
}

func TestAnInstanceHasSoMuchMemoryAndNoMore(t *testing.T) {
	pool := &memoryPool{left: 3 << 20}
	memory := pool.Allocate(0, 64<<20)
	if got := memory.Reallocate(1 << 20); len(got) != 1<<20 {
		t.Fatalf("%d bytes", len(got))
	}
	memory.Reallocate(1 << 20)[5] = 7
	if got := memory.Reallocate(3 << 20); len(got) != 3<<20 || got[5] != 7 || got[2<<20] != 0 {
		t.Error("it does not grow")
	}
	if memory.Reallocate(3<<20+1) != nil || pool.Allocate(0, 64<<20).Reallocate(1) != nil {
		t.Error("it grows beyond its bound")
	}
	if len(pool.bytes()) != 3<<20 {
		t.Error("what did not grow is gone")
	}
	small := (&memoryPool{left: 3 << 20}).Allocate(0, 1<<20)
	if small.Reallocate(1<<20+1) != nil {
		t.Error("it grows beyond its own bound")
	}
}

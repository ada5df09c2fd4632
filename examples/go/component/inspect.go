package component

import (
	"fmt"
	"slices"
	"strings"

	core "github.com/samyfodil/wazy/binary"
	"github.com/samyfodil/wazy/component"
	"github.com/samyfodil/wazy/component/binary"
)

const (
	contractHTTP   = "polling-source:contract/http@0.2.0"
	contractSource = "polling-source:contract/source@0.2.0"
	clock          = "wasi:clocks/wall-clock@0.2.12"
	random         = "wasi:random/random@0.2.12"
)

// importable is the functions that a component may import, and of which interface. WASI is matched by 0.2,
// as runtimes do.
var importable = map[string][]string{
	contractHTTP:              {"send"},
	"wasi:clocks/wall-clock@": {"now", "resolution"},
	"wasi:random/random@":     {"get-random-bytes", "get-random-u64"},
}

// Sorts of the binary format.
const (
	sortFunc     = 0x01
	sortType     = 0x03
	sortInstance = 0x05
)

// inspect says why a component is none that is run here. What it lets through has one memory, and gives its
// results from functions that it defines itself: so they can be measured before they are copied.
func inspect(wasm []byte) (map[string]result, error) {
	if err := checkOutline(wasm); err != nil {
		return nil, err
	}
	c, err := binary.Decode(wasm)
	if err != nil {
		return nil, failure("it is no component: %s", oneLine(err))
	}
	if err := checkTypes(c); err != nil {
		return nil, err
	}
	for i := range c.Imports {
		if err := checkImport(c, &c.Imports[i]); err != nil {
			return nil, err
		}
	}
	if err := checkExports(c); err != nil {
		return nil, err
	}
	modules, err := coreModules(c)
	if err != nil {
		return nil, err
	}
	if err := checkParts(c, modules); err != nil {
		return nil, err
	}
	return lifts(c, modules)
}

func checkParts(c *binary.Component, modules []*core.Module) error {
	for _, nested := range c.NestedComponents {
		if len(nested.CoreModules)+len(nested.Canons)+len(nested.NestedComponents) > 0 {
			return failure("it is composed of several components: this host runs single ones")
		}
	}
	if len(c.CoreModules) > partsMax || len(c.CoreInstances) > partsMax {
		return failure("it has more than %d core modules or instances of them", partsMax)
	}
	memories, tables := 0, 0
	for _, instance := range c.CoreInstances {
		if instance.Kind == 0 && int(instance.ModuleIdx) < len(modules) {
			module := modules[instance.ModuleIdx]
			tables += len(module.TableSection)
			memories += len(module.MemorySection)
		}
	}
	if memories != 1 || tables > partsMax {
		return failure("it has %d memories and %d tables; this host runs those with one memory, and up to %d tables",
			memories, tables, partsMax)
	}
	return nil
}

func checkImport(c *binary.Component, imported *binary.Import) error {
	refused := func(what string) error {
		return failure("it imports %s, which is not on the contract's list", what)
	}
	var functions []string
	for name, allowed := range importable {
		if name == imported.Name || strings.HasSuffix(name, "@") && strings.HasPrefix(imported.Name, name+"0.2.") {
			functions = allowed
		}
	}
	if functions == nil || imported.ExternType != sortInstance {
		return refused(imported.Name)
	}
	described, err := c.ResolveType(imported.ExternIndex)
	if err != nil {
		return failure("its import %s has no type: %s", imported.Name, oneLine(err))
	}
	instance, ok := described.(binary.InstanceDesc)
	if !ok {
		return refused(imported.Name)
	}
	for i := range instance.Decls {
		declared := &instance.Decls[i]
		if declared.Kind != binary.TypeDeclExport || declared.Desc.Sort == sortType {
			continue
		}
		if declared.Desc.Sort != sortFunc || !slices.Contains(functions, declared.Name) {
			return refused(imported.Name + "#" + declared.Name)
		}
	}
	return nil
}

func checkExports(c *binary.Component) error {
	var other string
	for _, export := range c.Exports {
		if export.Name == contractSource {
			return nil
		}
		if strings.HasPrefix(export.Name, "polling-source:contract/") || other == "" {
			other = export.Name
		}
	}
	if other == "" {
		other = "nothing"
	}
	return failure("it exports %s, and not %s", other, contractSource)
}

func coreModules(c *binary.Component) ([]*core.Module, error) {
	modules := make([]*core.Module, len(c.CoreModules))
	for i, at := range c.CoreModules {
		if uint64(at.Offset)+uint64(at.Size) > uint64(len(c.Bytes)) {
			return nil, failure("its core module %d is cut short", i)
		}
		module, err := core.Decode(c.Bytes[at.Offset:at.Offset+at.Size], 0)
		if err != nil {
			return nil, failure("its core module %d cannot be read: %s", i, oneLine(err))
		}
		modules[i] = module
	}
	return modules, nil
}

// lifts gives the type of what each lifted core function returns, by the name under which its module
// exports it.
func lifts(c *binary.Component, modules []*core.Module) (map[string]result, error) {
	found := make(map[string]result)
	for _, canon := range c.Canons {
		switch canon.Kind {
		case binary.CanonKindLower:
			if textBytes(&canon) != 1 {
				return nil, failure("it sends text that is not UTF-8")
			}
			continue
		case binary.CanonKindLift:
		default:
			return nil, failure("it uses resources or asynchronous functions, which the contract has none of")
		}
		name, err := definedFunction(c, modules, canon.CoreFuncIdx)
		if err != nil {
			return nil, err
		}
		described, err := c.ResolveType(canon.TypeIdx)
		if err != nil {
			return nil, failure("a function that it exports has no type: %s", oneLine(err))
		}
		function, ok := described.(component.FuncDesc)
		if !ok || function.Async {
			return nil, failure("it exports what is no synchronous function")
		}
		if _, twice := found[name]; twice {
			return nil, failure("it exports one function twice")
		}
		found[name] = result{component: c, function: function, textBytes: textBytes(&canon)}
	}
	return found, nil
}

// definedFunction is the name of a core function by which the module that defines it exports it.
func definedFunction(c *binary.Component, modules []*core.Module, index uint32) (string, error) {
	refused := failure("a function that it exports is none that a core module of its own defines")
	if int(index) >= len(c.CoreFuncSpace) {
		return "", refused
	}
	entry := c.CoreFuncSpace[index]
	if entry.Kind != binary.CoreFuncFromAlias || int(entry.Alias) >= len(c.Aliases) {
		return "", refused
	}
	alias := c.Aliases[entry.Alias]
	if int(alias.InstanceIdx) >= len(c.CoreInstances) || strings.HasPrefix(alias.Name, unmeasured) {
		return "", refused
	}
	instance := c.CoreInstances[alias.InstanceIdx]
	if instance.Kind != 0 || int(instance.ModuleIdx) >= len(modules) {
		return "", refused
	}
	module := modules[instance.ModuleIdx]
	for _, export := range module.ExportSection {
		if export.Name == alias.Name && export.Type == 0 && export.Index >= module.ImportFunctionCount {
			return alias.Name, nil
		}
	}
	return "", refused
}

// result is what a lifted function returns.
type result struct {
	component *binary.Component
	function  component.FuncDesc
	// textBytes is what a unit of its texts may take.
	textBytes uint64
}

// textBytes: text of 16 bits counts its units, and grows as it becomes UTF-8.
func textBytes(canon *binary.Canon) uint64 {
	const utf16, latin1 = 0x01, 0x02
	for _, option := range canon.Opts {
		if option.Kind == utf16 || option.Kind == latin1 {
			return 3
		}
	}
	return 1
}

// resolve gives the type that a reference names.
func (r result) resolve(ref component.TypeRef) (component.TypeDesc, error) {
	if ref.TypeIndex == nil {
		return component.PrimitiveDesc{Prim: ref.Primitive}, nil
	}
	described, err := r.component.ResolveType(*ref.TypeIndex)
	if err != nil {
		return nil, fmt.Errorf("a type is not known: %w", err)
	}
	return described, nil
}

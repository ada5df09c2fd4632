package component

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"
)

// Files as an attacker writes them.

func leb(number int) []byte { return binary.AppendUvarint(nil, uint64(number)) }

func section(id byte, body []byte) []byte { return slices.Concat([]byte{id}, leb(len(body)), body) }

// listed is so many of something, one after the other.
func listed(each ...[]byte) []byte { return append(leb(len(each)), slices.Concat(each...)...) }

func componentOf(sections ...[]byte) []byte {
	return append([]byte{0, 'a', 's', 'm', 0x0d, 0, 1, 0}, slices.Concat(sections...)...)
}

// ref is the index of a type as values name it, which is a signed number.
func ref(index int) []byte {
	if last := leb(index); last[len(last)-1]&0x40 == 0 {
		return last
	} else {
		last[len(last)-1] |= 0x80
		return append(last, 0)
	}
}

func tuple(of ...int) []byte {
	each := make([][]byte, len(of))
	for i, index := range of {
		each[i] = ref(index)
	}
	return append([]byte{0x6f}, listed(each...)...)
}

// doubled is types of which each has the one before in two places, and which stay small in memory.
func doubled(count int) [][]byte {
	types := [][]byte{{0x7d}} // u8
	for i := range count {
		types = append(types, slices.Concat([]byte{0x6a, 1}, ref(i), []byte{1}, ref(i))) // a result
	}
	return types
}

// chained is lists of lists.
func chained(count int) [][]byte {
	types := [][]byte{{0x7d}}
	for i := range count {
		types = append(types, append([]byte{0x70}, ref(i)...))
	}
	return types
}

func interfaceOf(types [][]byte) []byte {
	declared := make([][]byte, len(types))
	for i, each := range types {
		declared[i] = append([]byte{1}, each...)
	}
	return append([]byte{0x42}, listed(declared...)...)
}

func TestAFileThatNestsWithoutEndIsRefusedAtOnce(t *testing.T) {
	const types, components, aliases = 7, 4, 6
	within := componentOf()
	for range 2_000 {
		within = componentOf(section(components, within))
	}
	outer := []byte{sortType, 2, 0, 0} // of a type of its own
	// An interface that takes the type that doubles from around it, and doubles it again.
	halves := slices.Concat(doubled(7), [][]byte{append([]byte{0x42}, listed(
		[]byte{2, sortType, 2, 1, 7}, append([]byte{1}, tuple(0, 0)...), append([]byte{1}, tuple(1, 1)...))...)})
	for name, c := range map[string]struct {
		wasm []byte
		says string
	}{
		"types that double":                {componentOf(section(types, listed(doubled(60)...))), "500 parts"},
		"types of an interface":            {componentOf(section(types, listed(interfaceOf(doubled(60))))), "500 parts"},
		"types of a component within":      {componentOf(section(components, componentOf(section(types, listed(doubled(60)...))))), "500 parts"},
		"half without, half within":        {componentOf(section(types, listed(halves...))), "500 parts"},
		"a type within itself":             {componentOf(section(types, listed(tuple(0, 0)))), "500 parts"},
		"two types within each other":      {componentOf(section(types, listed(tuple(1), tuple(0)))), "500 parts"},
		"a chain of lists":                 {componentOf(section(types, listed(chained(100)...))), "nest deeper than 50"},
		"interfaces within each other":     {componentOf(section(types, slices.Concat(leb(1), bytes.Repeat([]byte{0x42, 1, 1}, 1<<18)))), "cannot be read"},
		"many interfaces within":           {componentOf(section(types, slices.Concat(leb(1), bytes.Repeat([]byte{0x42, 1, 1}, 20<<20)))), "more than 1048576 bytes"},
		"an interface within an interface": {componentOf(section(types, listed(interfaceOf([][]byte{interfaceOf(nil)})))), "cannot be read"},
		"components within each other":     {within, "more than 4 deep"},
		"types of components":              {componentOf(section(types, listed(append([]byte{0x41}, listed()...)))), "cannot be read"},
		"types of modules":                 {componentOf(section(3, listed())), "types of core modules"},
		"many types":                       {componentOf(section(types, listed(slices.Repeat([][]byte{{0x7d}}, 2_001)...))), "more than 2000 types"},
		"many types in many sections":      {componentOf(slices.Repeat(section(types, listed([]byte{0x7d})), 2_001)), "more than 2000 types"},
		"more types than there are":        {componentOf(section(types, leb(1<<31))), "cannot be read"},
		"more fields than there are":       {componentOf(section(types, append(leb(1), append([]byte{0x72}, leb(1<<31)...)...))), "cannot be read"},
		"many aliases":                     {componentOf(section(types, listed([]byte{0x7d})), section(aliases, listed(slices.Repeat([][]byte{outer}, 2_001)...))), "more than 2000 aliases"},
		"much beside its code":             {componentOf(section(12, make([]byte, 1<<20+1))), "more than 1048576 bytes"},
		"as deep as may be, and no source": {componentOf(section(types, listed(chained(49)...))), "it exports nothing"},
		"as much as may be, and no source": {componentOf(section(types, listed(doubled(7)...))), "it exports nothing"},
		"a number that does not end":       {componentOf(section(types, bytes.Repeat([]byte{0xff}, 20))), "cannot be read"},
		"a section that is cut short":      {componentOf([]byte{types, 5, 1}), "it is no component"},
		"no more than its beginning":       {componentOf()[:5], "it is no component"},
	} {
		begun := time.Now()
		_, err := inspect(c.wasm)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}

func TestWhatIsLookedOverIsWhatIsDecoded(t *testing.T) {
	named := func(name string, more ...byte) []byte { return slices.Concat(leb(len(name)), []byte(name), more) }
	every := [][]byte{
		{0x73}, append([]byte{0x72}, listed(named("a", 0x79), named("b", 0))...),
		append([]byte{0x71}, listed(named("a", 0, 0), named("b", 1, 0x7d, 0))...),
		{0x70, 0x7d}, {0x6b, 1}, tuple(0, 1), append([]byte{0x6e}, listed(named("a"), named("b"))...),
		append([]byte{0x6d}, listed(named("a"))...), {0x6a, 0, 0}, {0x6a, 1, 2, 1, 0x7f},
		slices.Concat([]byte{0x40}, listed(named("a", 1)), []byte{0, 2}), {0x40, 0, 1, 0}, {0x3f, 0x7f, 0},
		{0x69, 12}, {0x68, 12},
	}
	exported := [][]byte{
		append([]byte{1}, every[0]...), slices.Concat([]byte{4, 0}, named("t", sortType, 0, 0)),
		slices.Concat([]byte{4, 0}, named("r", sortType, 1)), {2, sortType, 2, 1, 0},
		{1, 0x40, 0, 1, 0}, slices.Concat([]byte{4, 1}, named("f", sortFunc, 4)),
	}
	wasm := componentOf(section(7, listed(append(every, append([]byte{0x42}, listed(exported...)...))...)))
	if _, err := inspect(wasm); err == nil || !strings.Contains(err.Error(), "it exports nothing") {
		t.Error(err)
	}
	seen := new(outline)
	if err := seen.component(wasm, 0); err != nil || seen.types != len(every)+1+len(exported) {
		t.Errorf("%d types, %v", seen.types, err)
	}
}

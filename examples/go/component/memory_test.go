package component

import (
	"context"
	"fmt"
	"os"
	"testing"

	"polling-source.example/go/internal/components"
)

// addressBytes is how many addresses this process has taken, where the system tells it.
func addressBytes(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var pages int
	if _, err := fmt.Sscan(string(text), &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func TestMemoryIsGivenBackHoweverAnInstanceEnds(t *testing.T) {
	// It does not fit into the second.
	whole, small := loaded(t, engine(t, Limits{}), components.Scripted), engine(t, Limits{MemoryBytes: 64 << 10})
	program, err := small.runtime.load(components.Read(t, components.Scripted))
	if err != nil {
		t.Fatal(err)
	}
	before := addressBytes(t)
	for n := range 300 {
		i, err := whole.Instantiate(context.Background(), Imports{})
		if err != nil {
			t.Fatal(err)
		}
		switch n % 3 {
		case 0:
			i.Close()
		case 1:
			if _, err := i.Poll(context.Background(), `{"do":"trap"}`, nil); err == nil || i.Sound() {
				t.Fatal("it did not trap")
			}
		default:
			i.Close()
			if _, err := (&Component{engine: small, program: program}).Instantiate(context.Background(), Imports{}); err == nil {
				t.Fatal("it fits")
			}
		}
	}
	if grown := addressBytes(t) - before; grown > 2<<30 {
		t.Errorf("%d bytes of addresses are not given back", grown)
	}
}

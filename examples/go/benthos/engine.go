package benthos

import (
	"context"
	"sync"

	"polling-source.example/go/component"
)

// engines is the engine that all inputs of the process share: each component is compiled once. It is given
// up with the last of them, so that what a reload leaves behind does not pile up.
var engines struct {
	mu     sync.Mutex
	engine *component.Engine
	users  int
}

func takeEngine() *component.Engine {
	engines.mu.Lock()
	defer engines.mu.Unlock()
	if engines.users == 0 {
		engines.engine = component.NewEngine(component.Limits{})
	}
	engines.users++
	return engines.engine
}

func leaveEngine() {
	engines.mu.Lock()
	defer engines.mu.Unlock()
	if engines.users--; engines.users == 0 {
		_ = engines.engine.Close(context.Background())
		engines.engine = nil
	}
}

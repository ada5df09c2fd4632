package collector

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"polling-source.example/go/component"
)

// shared is the components of this process: the receivers of one file compile it once.
var shared = &library{linger: time.Minute}

// library keeps each component for as long as somebody holds it, and a while longer: a configuration is
// validated shortly before its receiver starts, and a restarted receiver lets go of what it takes up again.
type library struct {
	linger time.Duration
	limits component.Limits

	mu      sync.Mutex
	volumes map[[sha256.Size]byte]*volume
}

// volume is one component. It has an engine of its own, since an engine frees all that it compiled at once.
type volume struct {
	library *library
	key     [sha256.Size]byte
	holders int
	expiry  *time.Timer

	loading sync.Mutex
	engine  *component.Engine
	loaded  *component.Component
}

// open gives a component that was checked. It has to be released.
func (l *library) open(ctx context.Context, wasm []byte) (*volume, error) {
	v := l.hold(sha256.Sum256(wasm))
	if err := v.load(ctx, wasm); err != nil {
		v.release()
		return nil, err
	}
	return v, nil
}

func (l *library) hold(key [sha256.Size]byte) *volume {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.volumes[key]
	if v == nil {
		v = &volume{library: l, key: key}
		if l.volumes == nil {
			l.volumes = make(map[[sha256.Size]byte]*volume)
		}
		l.volumes[key] = v
	}
	if v.expiry != nil {
		v.expiry.Stop()
	}
	v.holders++
	return v
}

func (v *volume) load(ctx context.Context, wasm []byte) error {
	v.loading.Lock()
	defer v.loading.Unlock()
	if v.loaded != nil {
		return nil
	}
	engine := component.NewEngine(v.library.limits)
	loaded, err := engine.Load(ctx, wasm)
	if err != nil {
		_ = engine.Close(context.WithoutCancel(ctx))
		return err
	}
	v.engine, v.loaded = engine, loaded
	return nil
}

// release lets go of a component; no instance of the holder's may be called any more.
func (v *volume) release() {
	v.library.mu.Lock()
	defer v.library.mu.Unlock()
	v.holders--
	if v.holders == 0 {
		v.expiry = time.AfterFunc(v.library.linger, v.expire)
	}
}

func (v *volume) expire() {
	v.library.mu.Lock()
	defer v.library.mu.Unlock()
	if v.holders > 0 || v.library.volumes[v.key] != v {
		return
	}
	delete(v.library.volumes, v.key)
	if v.engine != nil {
		_ = v.engine.Close(context.Background())
	}
}

package benthos

import (
	"context"
	"fmt"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/collect"
)

// open is an input whose component is loaded, and has found no fault in its configuration.
func open(conf *service.ParsedConfig, res *service.Resources) (*input, error) {
	f := fields{conf, res}
	store, err := f.store()
	if err != nil {
		return nil, err
	}
	from, err := openSource(f)
	if err != nil {
		return nil, err
	}
	in := newInput(from, store, newTeller(res, from.Metadata()))
	if err := in.pace(f); err != nil {
		_ = in.Close(context.Background())
		return nil, err
	}
	return in, nil
}

func (in *input) pace(f fields) (err error) {
	if in.pollInterval, err = f.conf.FieldDuration(fieldPollInterval); err != nil {
		return err
	}
	if in.maxInFlight, err = f.conf.FieldInt(fieldMaxInFlight); err != nil {
		return err
	}
	if in.maxInFlight < 1 || in.maxInFlight > maxInFlightMax {
		return fmt.Errorf("%s: it takes 1 to %d", fieldMaxInFlight, maxInFlightMax)
	}
	return nil
}

// shared is a source that leaves the engine of all inputs when it is closed.
type shared struct{ *collect.Source }

func (s shared) Close() {
	s.Source.Close()
	leaveEngine()
}

func openSource(f fields) (_ shared, err error) {
	wasm, err := f.component()
	if err != nil {
		return shared{}, err
	}
	config, secrets, err := f.config()
	if err != nil {
		return shared{}, err
	}
	policy, err := f.policy()
	if err != nil {
		return shared{}, err
	}
	engine := takeEngine()
	loaded, err := engine.Load(context.Background(), wasm)
	if err != nil {
		leaveEngine()
		return shared{}, fmt.Errorf("%s: %w", fieldComponent, err)
	}
	from := shared{collect.Open(loaded, policy, config, secrets...)}
	defer func() {
		if err != nil {
			from.Close()
		}
	}()
	faults, err := from.Validate(context.Background())
	if err != nil {
		return shared{}, fmt.Errorf("%s: %w", fieldConfig, err)
	}
	told := make([]string, len(faults))
	for i, fault := range faults {
		told[i] = fault.String()
	}
	if len(told) > 0 {
		return shared{}, fmt.Errorf("%s: %s", fieldConfig, strings.Join(told, " | "))
	}
	return from, nil
}

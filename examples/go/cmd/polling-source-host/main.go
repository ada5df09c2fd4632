//go:build unix

// Command polling-source-host collects from a polling source: its events to stdout as NDJSON, its cursor
// into a file. The README says how it is run, and what it lacks.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"polling-source.example/go/collect"
	"polling-source.example/go/component"
	"polling-source.example/go/loop"
	"polling-source.example/go/send"
	"polling-source.example/go/source"
)

// The exit codes.
const (
	done   = 0
	failed = 1
	misuse = 2
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if why := stdoutFault(); why != "" {
		return end(misuse, why)
	}
	untilCaughtUp := len(args) == 2 && args[1] == "--until-caught-up"
	if len(args) == 0 || len(args) > 1 && !untilCaughtUp {
		return end(misuse, "usage: polling-source-host CONFIG [--until-caught-up]")
	}
	// A pipe that nobody reads any more is an error of a write; a terminal that goes away ends nothing.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		stop(errStopped)
		<-signals // The second one waits for nothing.
		os.Exit(done)
	}()

	path := args[0]
	settings, err := read(path)
	if err != nil {
		return end(misuse, fmt.Sprintf("%s: %v; README.md shows what is wanted", path, err))
	}
	engine := component.NewEngine(component.Limits{})
	defer engine.Close(context.Background())
	from, err := open(ctx, engine, settings, filepath.Dir(path))
	if err != nil {
		return end(misuse, fmt.Sprintf("%s: %v; README.md shows what is wanted", path, err))
	}
	defer from.Close()
	faults, err := from.Validate(ctx)
	if err != nil {
		return end(misuse, fmt.Sprintf("%s: %v", path, err))
	}
	for _, fault := range faults {
		if fault.Path != "" {
			fault.Path = "." + fault.Path
		}
		tell(fmt.Sprintf("config%s: %s; %s", fault.Path, fault.Message, fault.Remedy))
	}
	if len(faults) > 0 {
		return misuse
	}
	store := &cursorFile{path: below(filepath.Dir(path), settings.Cursor)}
	cursor, err := store.read()
	if err != nil {
		return end(failed, err.Error())
	}
	machine := loop.New(loop.Options{Cursor: cursor, UntilCaughtUp: untilCaughtUp, Chance: rand.Float64})
	err = collect.Run(ctx, from, machine, store, observe)
	switch {
	case err == nil || errors.Is(err, errStopped):
		return done
	case isOfSource(err):
		return failed // It was told when it came.
	}
	return end(failed, err.Error())
}

var errStopped = errors.New("asked to stop")

func isOfSource(err error) bool {
	var told *source.PollError
	return errors.As(err, &told)
}

// open loads the component and gives it what the settings say.
func open(ctx context.Context, engine *component.Engine, settings *settings, folder string) (*collect.Source, error) {
	policy, err := settings.policy(folder)
	if err != nil {
		return nil, err
	}
	file := below(folder, settings.Component)
	wasm, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("component: %w", err)
	}
	loaded, err := engine.Load(ctx, wasm)
	if err != nil {
		return nil, fmt.Errorf("component: %s: %w", settings.Component, err)
	}
	return collect.Open(loaded, policy, settings.config, settings.secrets...), nil
}

func (s *settings) policy(folder string) (policy send.Policy, err error) {
	for _, entry := range s.Allow {
		origin, err := send.ParseOrigin(entry)
		if err != nil {
			return policy, fmt.Errorf("allow: %w", err)
		}
		policy.Allow = append(policy.Allow, origin)
	}
	for _, entry := range s.AllowAddresses {
		addresses, err := send.ParseAddressRange(entry)
		if err != nil {
			return policy, fmt.Errorf("allow_addresses: %w", err)
		}
		policy.AllowAddresses = append(policy.AllowAddresses, addresses)
	}
	if s.CAFile != "" {
		pem, err := os.ReadFile(below(folder, s.CAFile))
		if err != nil {
			return policy, fmt.Errorf("ca_file: %w", err)
		}
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(pem) {
			return policy, fmt.Errorf("ca_file: %s holds no certificate", s.CAFile)
		}
		policy.RootCAs = roots
	}
	return policy, nil
}

// observe tells a person what the source says beside its events.
func observe(told collect.Told) {
	if told.Step != loop.Poll {
		return
	}
	var failure *source.PollError
	switch {
	case told.Batch != nil:
		tellNotices(told.Batch.Notices)
	case errors.As(told.Err, &failure):
		tellNotices(failure.Notices)
		matter := "error"
		if !failure.Kind.IsFailure() {
			matter = "info"
		}
		tell(fmt.Sprintf("%s %s %s: %s", failure.Kind, matter, failure.Code, failure.Message))
	case told.Err != nil:
		tell(told.Err.Error())
	}
}

func tellNotices(notices []source.Notice) {
	for _, notice := range notices {
		tell(fmt.Sprintf("%s %s: %s", notice.Level, notice.Code, notice.Message))
	}
}

func end(code int, line string) int {
	tell(line)
	return code
}

// below is a path that starts at the folder of the configuration.
func below(folder, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

package collector

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"polling-source.example/go/collect"
	"polling-source.example/go/redact"
	"polling-source.example/go/send"
	"polling-source.example/go/source"
)

// Config is what stands under `polling_source` in a Collector's configuration.
type Config struct {
	// Component is the component's file.
	Component string `mapstructure:"component"`
	// SHA256 is that of the file, in hexadecimal; another file is refused. Empty takes any.
	SHA256 string `mapstructure:"sha256"`
	// Allow is all that the component may reach: origins, as scheme://host[:port].
	Allow []string `mapstructure:"allow"`
	// AllowAddresses is what is not public and the names in Allow may lead to all the same.
	AllowAddresses []string `mapstructure:"allow_addresses"`
	// CAFile has certificates in PEM that are trusted beside the machine's.
	CAFile string `mapstructure:"ca_file"`
	// Timeout is the longest time of one exchange. A component may ask for less.
	Timeout time.Duration `mapstructure:"timeout"`
	// Storage is the extension that keeps the cursor. Without one a restart begins again.
	Storage *component.ID `mapstructure:"storage"`
	// PollInterval is the least time between polls of a source that is caught up.
	PollInterval time.Duration `mapstructure:"poll_interval"`
	// Body is the form of a record's body: text, or map.
	Body string `mapstructure:"body"`
	// OnPermanentError is what becomes of a batch that the pipeline refuses for good: hold, or drop.
	OnPermanentError string `mapstructure:"on_permanent_error"`
	// Resource is attributes of the resource of each record.
	Resource map[string]string `mapstructure:"resource"`
	// Settings is the source's own configuration.
	Settings Settings `mapstructure:"config"`
}

const (
	bodyText = "text"
	bodyMap  = "map"
	hold     = "hold"
	drop     = "drop"
)

const (
	timeoutMax        = 30 * time.Second
	componentBytesMax = 64 << 20
)

// Validate says every fault of the configuration, those of the source's own part among them, a line each:
// where, what, and what to do. It reaches nothing but files.
func (c *Config) Validate() error {
	opened, err := c.open(context.Background())
	if err != nil {
		return err
	}
	defer opened.close()
	if origin := opened.Lacks(context.Background()); origin != "" {
		return fmt.Errorf("allow: it lacks %[1]s, which the source asks for in its first poll; add %[1]q, or change what `config` names", origin)
	}
	return nil
}

// opened is a source that can be polled.
type opened struct {
	*collect.Source
	volume *volume
}

func (o *opened) close() {
	o.Close()
	o.volume.release()
}

// open gives the source, or every fault that keeps it from being one.
func (c *Config) open(ctx context.Context) (*opened, error) {
	opened, err := c.openOrTell(ctx)
	if err == nil {
		return opened, nil
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) > 1 {
		// The Collector says whose fault it is before the first line only.
		return nil, fmt.Errorf("%d faults:\n  %s", len(lines), strings.Join(lines, "\n  "))
	}
	return nil, err
}

func (c *Config) openOrTell(ctx context.Context) (*opened, error) {
	policy, err := c.policy()
	faults := []error{err, c.checkRest()}
	if _, err := c.Settings.json(); err != nil {
		faults = append(faults, fmt.Errorf("config: %w; use texts, numbers, booleans, lists and maps", err))
	}
	volume, err := c.load(ctx)
	if err := errors.Join(append(faults, err)...); err != nil {
		if volume != nil {
			// What is wrong with the source's own part is told at once.
			from, own := c.judge(ctx, volume, policy)
			if from != nil {
				from.Close()
			}
			volume.release()
			err = errors.Join(err, own)
		}
		return nil, err
	}
	from, err := c.judge(ctx, volume, policy)
	if err != nil {
		volume.release()
		return nil, err
	}
	return &opened{Source: from, volume: volume}, nil
}

// judge has the component say what is wrong with its configuration. A secret has no line end, which a file of it
// has; whatever else it refuses, it is asked about again as it was written.
func (c *Config) judge(ctx context.Context, volume *volume, policy send.Policy) (*collect.Source, error) {
	text, err := c.Settings.json()
	if err != nil {
		return nil, nil // It is told.
	}
	own := c.Settings.withoutLineEnds(redact.Secrets(text, volume.loaded.Metadata().ConfigSchema))
	from, faults, err := judged(ctx, volume, policy, own)
	if err == nil && len(faults) > 0 {
		var paths []string
		for _, fault := range faults {
			paths = append(paths, fault.Path)
		}
		if written, differs := own.asWritten(paths); differs {
			from.Close()
			from, faults, err = judged(ctx, volume, policy, written)
		}
	}
	if err == nil && len(faults) > 0 {
		err = own.told(faults)
	} else if err != nil {
		err = fmt.Errorf("component: %s cannot say whether `config` is right: %w", c.Component, err)
	}
	if err != nil {
		from.Close()
		return nil, err
	}
	return from, nil
}

func judged(ctx context.Context, volume *volume, policy send.Policy, own Settings) (*collect.Source, []source.Diagnostic, error) {
	text, err := own.json()
	from := collect.Open(volume.loaded, policy, text)
	if err != nil {
		return from, nil, err
	}
	faults, err := from.Validate(ctx)
	return from, faults, err
}

// told is a line for each fault.
func (s Settings) told(faults []source.Diagnostic) error {
	lines := make([]error, len(faults))
	for i, fault := range faults {
		if s.isNull(fault.Path) {
			fault.Message += ", and has no value"
			fault.Remedy = "set the environment variable, or fill the file, that it is taken from"
		}
		switch {
		case fault.Path == "":
			fault.Path = "config"
		case strings.HasPrefix(fault.Path, "["):
			fault.Path = "config" + fault.Path
		default:
			fault.Path = "config." + fault.Path
		}
		lines[i] = errors.New(fault.String())
	}
	return errors.Join(lines...)
}

// load reads the component's file and compiles it, once for all that name the same.
func (c *Config) load(ctx context.Context) (*volume, error) {
	if c.Component == "" {
		return nil, errors.New("component: it is missing; name the file of a component of polling-source:contract@" +
			source.Contract)
	}
	wasm, err := readFile(c.Component, componentBytesMax)
	if err != nil {
		return nil, fmt.Errorf("component: %s cannot be read: %w; name a file that this Collector may read", c.Component, err)
	}
	if sum := sha256.Sum256(wasm); c.SHA256 != "" && !strings.EqualFold(hex.EncodeToString(sum[:]), c.SHA256) {
		return nil, fmt.Errorf("sha256: %s has %x; if that is the file you mean, say so, or else get it anew", c.Component, sum)
	}
	volume, err := shared.open(ctx, wasm)
	if err != nil {
		return nil, fmt.Errorf("component: %s: %w; name one of polling-source:contract@%s", c.Component, err, source.Contract)
	}
	return volume, nil
}

func (c *Config) policy() (send.Policy, error) {
	policy := send.Policy{Timeout: c.Timeout, UserAgent: "otelcol-polling-source/0.1"}
	var faults []error
	if len(c.Allow) == 0 {
		faults = append(faults, errors.New("allow: it is missing; name the origins that the source may reach, "+
			"such as https://api.example.com"))
	}
	for i, entry := range c.Allow {
		origin, err := send.ParseOrigin(entry)
		if err != nil {
			faults = append(faults, fmt.Errorf("allow[%d]: %w; write scheme://host[:port]", i, err))
			continue
		}
		policy.Allow = append(policy.Allow, origin)
	}
	for i, entry := range c.AllowAddresses {
		addresses, err := send.ParseAddressRange(entry)
		if err != nil {
			faults = append(faults, fmt.Errorf("allow_addresses[%d]: %w; write an address or a range that is not public, "+
				"such as 10.0.0.0/8", i, err))
			continue
		}
		policy.AllowAddresses = append(policy.AllowAddresses, addresses)
	}
	if c.CAFile != "" {
		roots, err := readRoots(c.CAFile)
		if err != nil {
			faults = append(faults, err)
		}
		policy.RootCAs = roots
	}
	return policy, errors.Join(faults...)
}

func (c *Config) checkRest() error {
	var faults []error
	if sum, err := hex.DecodeString(c.SHA256); err != nil || c.SHA256 != "" && len(sum) != sha256.Size {
		faults = append(faults, errors.New("sha256: it is no checksum; write the 64 digits that `sha256sum` prints"))
	}
	if c.Timeout <= 0 || c.Timeout > timeoutMax {
		faults = append(faults, fmt.Errorf("timeout: it is %v; write one above 0s and up to %v", c.Timeout, timeoutMax))
	}
	if c.PollInterval < time.Second || c.PollInterval > 24*time.Hour {
		faults = append(faults, fmt.Errorf("poll_interval: it is %v; write one from 1s to 24h", c.PollInterval))
	}
	if c.Body != bodyText && c.Body != bodyMap {
		faults = append(faults, fmt.Errorf("body: it is %q; write text or map", c.Body))
	}
	if c.OnPermanentError != hold && c.OnPermanentError != drop {
		faults = append(faults, fmt.Errorf("on_permanent_error: it is %q; write hold or drop", c.OnPermanentError))
	}
	return errors.Join(faults...)
}

// readFile reads a regular file: a pipe would hold up the Collector.
func readFile(path string, most int64) ([]byte, error) {
	found, err := os.Stat(path)
	if err == nil && !found.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return nil, cause(err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer file.Close()
	read, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(read)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return read, cause(err)
}

// cause is an error without the path, which is told anyway.
func cause(err error) error {
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

const rootsBytesMax = 8 << 20

func readRoots(path string) (*x509.CertPool, error) {
	pem, err := readFile(path, rootsBytesMax)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %s cannot be read: %w; name a file that this Collector may read", path, err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s holds no certificate; name a file of certificates in PEM", path)
	}
	return roots, nil
}

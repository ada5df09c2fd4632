package benthos

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/send"
)

// fields reads the fields of a configuration. Errors name the field, and repeat no value of `config`.
type fields struct {
	conf *service.ParsedConfig
	res  *service.Resources
}

// component reads the component's file.
func (f fields) component() (wasm []byte, err error) {
	path, err := f.conf.FieldString(fieldComponent)
	if err != nil {
		return nil, err
	}
	if wasm, err = f.file(path); err != nil {
		return nil, fmt.Errorf("%s: %w", fieldComponent, err)
	}
	wanted, err := f.conf.FieldString(fieldSHA256)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(wasm)
	if is := hex.EncodeToString(sum[:]); wanted != "" && !strings.EqualFold(wanted, is) {
		return nil, fmt.Errorf("%s: %s is another file: its checksum is %s", fieldSHA256, path, is)
	}
	return wasm, nil
}

// config is the source's own configuration, as JSON, and the secrets in it that are known to be such.
func (f fields) config() (text string, secrets []string, err error) {
	object, err := f.object()
	if err != nil {
		return "", nil, err
	}
	secret, err := f.conf.FieldStringMap(fieldSecrets)
	if err != nil {
		return "", nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(secret)) {
		if err := put(object, path, secret[path]); err != nil {
			return "", nil, fmt.Errorf("%s: %q %w", fieldSecrets, path, err)
		}
		secrets = append(secrets, secret[path])
	}
	text, err = encoded(object)
	return text, secrets, err
}

// put gives a member of an object its value. What is within the object is the configuration's, and is copied.
func put(object map[string]any, path, value string) error {
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		within, there := object[name]
		inner, ok := within.(map[string]any)
		if there && !ok {
			return fmt.Errorf("leads through %q, which is no object in `%s`", name, fieldConfig)
		}
		if inner = maps.Clone(inner); inner == nil {
			inner = map[string]any{}
		}
		object[name], object = inner, inner
	}
	last := names[len(names)-1]
	if _, there := object[last]; there {
		return fmt.Errorf("stands in `%s`, too: take it away there", fieldConfig)
	}
	object[last] = value
	return nil
}

func (f fields) object() (map[string]any, error) {
	parsed, err := f.conf.FieldAnyMap(fieldConfig)
	if err != nil {
		return nil, err
	}
	object := make(map[string]any, len(parsed))
	for key, value := range parsed {
		if object[key], err = value.FieldAny(); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func encoded(object map[string]any) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		return "", fmt.Errorf("%s: it holds what JSON has no form for, such as a key that is no text, or .nan", fieldConfig)
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

func (f fields) policy() (policy send.Policy, err error) {
	allow, err := f.conf.FieldStringList(fieldAllow)
	if err != nil {
		return policy, err
	}
	for _, entry := range allow {
		origin, err := send.ParseOrigin(entry)
		if err != nil {
			return policy, fmt.Errorf("%s: %w", fieldAllow, err)
		}
		policy.Allow = append(policy.Allow, origin)
	}
	addresses, err := f.conf.FieldStringList(fieldAllowAddresses)
	if err != nil {
		return policy, err
	}
	for _, entry := range addresses {
		addresses, err := send.ParseAddressRange(entry)
		if err != nil {
			return policy, fmt.Errorf("%s: %w", fieldAllowAddresses, err)
		}
		policy.AllowAddresses = append(policy.AllowAddresses, addresses)
	}
	if policy.RootCAs, err = f.roots(); err != nil {
		return policy, fmt.Errorf("%s: %w", fieldCAFile, err)
	}
	policy.Timeout, err = f.conf.FieldDuration(fieldTimeout)
	if err == nil && (policy.Timeout <= 0 || policy.Timeout > timeoutMax) {
		err = fmt.Errorf("%s: it takes a duration of up to %v", fieldTimeout, timeoutMax)
	}
	policy.UserAgent = "polling-source-benthos/" + version
	return policy, err
}

func (f fields) roots() (*x509.CertPool, error) {
	path, err := f.conf.FieldString(fieldCAFile)
	if err != nil || path == "" {
		return nil, err
	}
	pem, err := f.file(path)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return roots, nil
}

func (f fields) store() (store, error) {
	var file, cache, key string
	for field, value := range map[string]*string{fieldFile: &file, fieldCache: &cache, fieldKey: &key} {
		var err error
		if *value, err = f.conf.FieldString(fieldCursor, field); err != nil {
			return nil, err
		}
	}
	switch {
	case file != "" && cache == "" && key == "":
		return &fileStore{path: file}, nil
	case file != "" || cache == "" || key == "":
		return nil, fmt.Errorf("%s: it takes either a file, or a cache and a key", fieldCursor)
	case !f.res.HasCache(cache):
		return nil, fmt.Errorf("%s: there is no cache resource %q", fieldCursor, cache)
	}
	return &cacheStore{resources: f.res, cache: cache, key: key}, nil
}

// file reads a file as the other components of the pipeline do. The path is told once.
func (f fields) file(path string) ([]byte, error) {
	bytes, err := service.ReadFile(f.res.FS(), path)
	var at *fs.PathError
	if errors.As(err, &at) {
		return nil, fmt.Errorf("%s: %w", path, at.Err)
	}
	return bytes, err
}

package collector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
)

// Settings is the source's own configuration, of whatever members it has. Any of them may be a secret: what
// prints it shows their names and no value.
type Settings struct {
	values map[string]any
	// written is, by its path, the text behind a `${...}` that is the whole of a value and was taken for
	// something else than a text.
	written map[string]string
}

// Unmarshal keeps the members, and beside them what the types that were inferred for `${...}` lose: a secret
// of digits is no number.
func (s *Settings) Unmarshal(conf *confmap.Conf) error {
	s.values, s.written = conf.ToStringMap(), make(map[string]string)
	note(conf, "", s.values, s.written)
	return nil
}

// Marshal gives names and no values.
func (s Settings) Marshal(conf *confmap.Conf) error {
	if s.values == nil {
		return nil
	}
	return conf.Marshal(hidden(s.values))
}

// String tells nothing.
func (s Settings) String() string { return "[REDACTED]" }

// GoString tells nothing.
func (s Settings) GoString() string { return s.String() }

// MarshalJSON tells nothing.
func (s Settings) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

func hidden(value any) any {
	switch v := value.(type) {
	case map[string]any:
		shown := make(map[string]any, len(v))
		for name, each := range v {
			shown[name] = hidden(each)
		}
		return shown
	case []any:
		shown := make([]any, len(v))
		for i, each := range v {
			shown[i] = hidden(each)
		}
		return shown
	}
	return configopaque.String("")
}

// json is the configuration as the source takes it.
func (s Settings) json() (string, error) {
	values := s.values
	if values == nil {
		values = map[string]any{}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(values); err != nil {
		return "", fmt.Errorf("it cannot be written as JSON: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}

// asWritten has the texts behind `${...}` in these places, and says whether that makes a difference.
func (s Settings) asWritten(paths []string) (Settings, bool) {
	texts := make(map[string]string)
	for _, path := range paths {
		if text, ok := s.written[path]; ok {
			texts[path] = text
		}
	}
	if len(texts) == 0 {
		return s, false
	}
	return Settings{values: replaced("", s.values, texts).(map[string]any)}, true
}

func replaced(path string, value any, texts map[string]string) any {
	if text, ok := texts[path]; ok {
		return text
	}
	switch v := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(v))
		for name, each := range v {
			copied[name] = replaced(member(path, name), each, texts)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i, each := range v {
			copied[i] = replaced(element(path, i), each, texts)
		}
		return copied
	}
	return value
}

// member and element are paths as sources tell them.
func member(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func element(path string, index int) string { return fmt.Sprintf("%s[%d]", path, index) }

// note keeps what stands behind the `${...}` of what is no text. The Collector gives it to fields of type
// string and to no other: so each value is asked for as one. In a list that holds anything else beside, it
// cannot be had.
func note(conf *confmap.Conf, path string, values map[string]any, written map[string]string) {
	var texts map[string]*string
	var lists map[string][]*string
	// What is of another type does not fit, and is left out.
	_ = conf.Unmarshal(&texts, confmap.WithIgnoreUnused())
	_ = conf.Unmarshal(&lists, confmap.WithIgnoreUnused())
	for name, value := range values {
		at := member(path, name)
		switch v := value.(type) {
		case string:
			continue
		case map[string]any:
			if sub, err := conf.Sub(name); err == nil {
				note(sub, at, v, written)
			}
		case []any:
			for i, text := range lists[name] {
				if text != nil {
					written[element(at, i)] = *text
				}
			}
		}
		if text := texts[name]; text != nil {
			written[at] = *text
		}
	}
}

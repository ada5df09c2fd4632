package collector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
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

// asWritten has the texts behind `${...}` in these places, and says whether that makes a difference. A line end
// behind a text, which a file of one line has, is no part of it there.
func (s Settings) asWritten(paths []string) (Settings, bool) {
	differs := false
	changed := s.changed(func(path string, value any) any {
		text, ok := s.written[path]
		if !ok {
			text, ok = value.(string)
		}
		if !ok || !slices.Contains(paths, path) {
			return value
		}
		text = withoutLineEnd(text)
		differs = differs || text != value
		return text
	})
	return changed, differs
}

// withoutLineEnds is the same without the line end behind each of these texts.
func (s Settings) withoutLineEnds(texts []string) Settings {
	return s.changed(func(_ string, value any) any {
		if text, ok := value.(string); ok && slices.Contains(texts, text) {
			return withoutLineEnd(text)
		}
		return value
	})
}

// withoutLineEnd takes no more than that: a text of line ends alone is one.
func withoutLineEnd(text string) string {
	if short := strings.TrimRight(text, "\r\n"); short != "" {
		return short
	}
	return text
}

// isNull says whether a value is there and is none: what a `${...}` gives that names nothing.
func (s Settings) isNull(path string) (is bool) {
	s.changed(func(at string, value any) any {
		is = is || at == path && value == nil
		return value
	})
	return is
}

// changed is a copy whose values are what these become.
func (s Settings) changed(change func(path string, value any) any) Settings {
	if s.values == nil {
		return s
	}
	return Settings{values: changed("", s.values, change).(map[string]any), written: s.written}
}

func changed(path string, value any, change func(path string, value any) any) any {
	switch v := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(v))
		for name, each := range v {
			copied[name] = changed(member(path, name), each, change)
		}
		value = copied
	case []any:
		copied := make([]any, len(v))
		for i, each := range v {
			copied[i] = changed(element(path, i), each, change)
		}
		value = copied
	}
	if path == "" {
		return value
	}
	return change(path, value)
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

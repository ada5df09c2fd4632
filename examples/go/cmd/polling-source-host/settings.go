//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// settings is what the configuration file holds.
type settings struct {
	Component      string          `json:"component"`
	Allow          []string        `json:"allow"`
	AllowAddresses []string        `json:"allow_addresses"`
	CAFile         string          `json:"ca_file"`
	Cursor         string          `json:"cursor"`
	Config         json.RawMessage `json:"config"`

	// config is the source's own, with values of the environment put in.
	config string
	// secrets are the values that came from there.
	secrets []string
}

const wanted = "it takes component, allow, cursor and config, and may take allow_addresses and ca_file"

func read(path string) (*settings, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		var at *os.PathError
		if errors.As(err, &at) {
			err = at.Err // The path is told anyway.
		}
		return nil, err
	}
	return parse(text, os.LookupEnv)
}

func parse(text []byte, lookup func(string) (string, bool)) (*settings, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var whole any
	if err := decoder.Decode(&whole); err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it has something behind its JSON")
	}
	object, ok := whole.(map[string]any)
	if !ok {
		return nil, errors.New(wanted)
	}
	for _, name := range []string{"component", "allow", "cursor", "config"} {
		if _, ok := object[name]; !ok {
			return nil, errors.New(wanted)
		}
	}
	s := &settings{}
	filled, err := s.fill(whole, lookup)
	if err != nil {
		return nil, err
	}
	encoded, err := encode(filled)
	if err != nil {
		return nil, err
	}
	decoder = json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, errors.New(wanted)
	}
	s.config = string(s.Config)
	return s, nil
}

var name = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// fill replaces ${NAME} in every text by the environment's value, and $${ by ${.
func (s *settings) fill(value any, lookup func(string) (string, bool)) (any, error) {
	switch v := value.(type) {
	case string:
		return s.substitute(v, lookup)
	case []any:
		for i, each := range v {
			filled, err := s.fill(each, lookup)
			if err != nil {
				return nil, err
			}
			v[i] = filled
		}
	case map[string]any:
		for key, each := range v {
			filled, err := s.fill(each, lookup)
			if err != nil {
				return nil, err
			}
			v[key] = filled
		}
	}
	return value, nil
}

func (s *settings) substitute(text string, lookup func(string) (string, bool)) (string, error) {
	var out strings.Builder
	for {
		at := strings.Index(text, "${")
		if at < 0 {
			out.WriteString(text)
			return out.String(), nil
		}
		if at > 0 && text[at-1] == '$' {
			out.WriteString(text[:at-1] + "${")
			text = text[at+2:]
			continue
		}
		out.WriteString(text[:at])
		found := name.FindStringSubmatch(text[at:])
		if found == nil {
			return "", errors.New("`${` begins no `${NAME}`: write `$${` for a plain `${`")
		}
		value, ok := lookup(found[1])
		if !ok {
			return "", fmt.Errorf("%s is not set in the environment: set it", found[1])
		}
		s.secrets = append(s.secrets, value)
		out.WriteString(value)
		text = text[at+len(found[0]):]
	}
}

func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSpace(out.Bytes()), err
}

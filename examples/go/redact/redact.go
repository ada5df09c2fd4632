// Package redact takes the secrets of a configuration out of what a component says: the second line of
// defence, after the component's own.
package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

const (
	redacted = "[redacted]"
	// Shorter values are no secrets: taking them out would only make texts unreadable.
	secretBytesMin = 4
	textBytesMax   = 2_000
	seenBytesMax   = 12 << 10
	schemaStepsMax = 100_000
	schemaDepthMax = 64
)

// Redactor knows the secrets of one source.
type Redactor struct {
	replacer *strings.Replacer
	// longest is the bytes of the longest form.
	longest int
}

// New is a redactor of these secrets, in the forms in which they are commonly repeated.
func New(secrets []string) *Redactor {
	var forms []string
	seek := func(text string) {
		if len(text) >= secretBytesMin {
			forms = append(forms, text)
		}
	}
	for _, secret := range secrets {
		for _, secret := range append(strings.Fields(secret), secret, strings.TrimSpace(secret)) {
			if len(secret) < secretBytesMin {
				continue
			}
			seek(secret)
			seek(url.QueryEscape(secret))
			seek(url.PathEscape(secret))
			seek(hex.EncodeToString([]byte(secret)))
			for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				seek(encoding.EncodeToString([]byte(secret)))
			}
			if quoted, err := json.Marshal(secret); err == nil {
				seek(strings.Trim(string(quoted), `"`))
			}
		}
	}
	// Of several that begin at one place the longest counts.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, redacted)
	}
	r := &Redactor{replacer: strings.NewReplacer(pairs...)}
	if len(forms) > 0 {
		r.longest = len(forms[0])
	}
	return r
}

// Clean is a text without secrets, on one line, without what a terminal would obey, and no longer than a
// log can take.
func (r *Redactor) Clean(text string) string {
	cut := len(text) > seenBytesMax
	if cut {
		text = text[:seenBytesMax]
	}
	text = r.replacer.Replace(text)
	if cut {
		// What only begins before the cut was not found: nothing near it is shown.
		text = text[:max(0, len(text)-r.longest)]
	}
	if len(text) > textBytesMax {
		text, cut = text[:textBytesMax], true
	}
	text = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, strings.ToValidUTF8(text, ""))
	if cut {
		text += "…"
	}
	return text
}

// Secrets is what is to be told nowhere of a configuration: every text and number under the name of a
// secret, and what the source's schema marks as writeOnly, or as a password. What cannot be read has none.
func Secrets(config, schema string) []string {
	var value, marks any
	if decode(config, &value) != nil {
		return nil
	}
	s := &search{steps: schemaStepsMax}
	s.named(value, false)
	if decode(schema, &marks) == nil {
		s.root = marks
		s.marked(marks, value, 0)
	}
	return s.secrets
}

func decode(text string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

type search struct {
	root    any
	steps   int
	secrets []string
}

func (s *search) named(value any, secret bool) {
	switch v := value.(type) {
	case string:
		if secret {
			s.secrets = append(s.secrets, v)
		}
	case json.Number:
		if secret {
			s.secrets = append(s.secrets, v.String())
		}
	case []any:
		for _, each := range v {
			s.named(each, secret)
		}
	case map[string]any:
		for name, each := range v {
			s.named(each, secret || IsSecretKey(name))
		}
	}
}

// marked follows a schema, which is a component's, for so many steps and no further. Whether the value fits
// is not judged: a mark in one of several alternatives is one.
func (s *search) marked(schema, value any, depth int) {
	s.steps--
	object, ok := schema.(map[string]any)
	if !ok || s.steps < 0 || depth > schemaDepthMax {
		return
	}
	if object["writeOnly"] == true || object["format"] == "password" {
		s.named(value, true)
		return
	}
	if link, ok := object["$ref"].(string); ok {
		s.marked(pointed(s.root, link), value, depth+1)
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := object[key].([]any)
		for _, each := range list {
			s.marked(each, value, depth+1)
		}
	}
	for _, key := range []string{"if", "then", "else"} {
		s.marked(object[key], value, depth+1)
	}
	dependent, _ := object["dependentSchemas"].(map[string]any)
	for _, each := range dependent {
		s.marked(each, value, depth+1)
	}
	switch v := value.(type) {
	case map[string]any:
		properties, _ := object["properties"].(map[string]any)
		patterns, _ := object["patternProperties"].(map[string]any)
		for name, member := range v {
			s.marked(properties[name], member, depth+1)
			s.marked(object["additionalProperties"], member, depth+1)
			for _, each := range patterns {
				s.marked(each, member, depth+1)
			}
		}
	case []any:
		prefix, _ := object["prefixItems"].([]any)
		for i, member := range v {
			if i < len(prefix) {
				s.marked(prefix[i], member, depth+1)
			}
			s.marked(object["items"], member, depth+1)
		}
	}
}

// pointed is what a link within a document leads to.
func pointed(root any, link string) any {
	path, within := strings.CutPrefix(link, "#")
	if !within {
		return nil
	}
	at := root
	for i, part := range strings.Split(path, "/") {
		if i == 0 {
			continue
		}
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return at
}

var (
	always = []string{"secret", "password", "passwd", "passphrase", "credential"}
	// The same, unless the key ends in a word that tells of something about a secret.
	mostly = []string{"key", "token", "authorization", "cookie", "signature", "bearer"}
	// Too short to be looked for within others.
	short = []string{"pwd", "pass", "passcode", "pin", "otp", "psk", "sas", "jwt", "private", "assertion"}
	about = []string{
		"url", "uri", "endpoint", "host", "type", "version", "algorithm", "method", "format", "secs", "seconds",
	}
)

// IsSecretKey says whether a value under this key is taken to be a secret.
func IsSecretKey(key string) bool {
	words := words(key)
	joined := strings.Join(words, "")
	has := func(marks []string) bool {
		return slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(joined, mark) })
	}
	if has(always) || slices.ContainsFunc(words, func(word string) bool { return slices.Contains(short, word) }) {
		return true
	}
	return has(mostly) && len(words) > 0 && !slices.Contains(about, words[len(words)-1])
}

// words of a key, in small letters: clientSecret, client-secret and client_secret have the same.
func words(key string) []string {
	var split strings.Builder
	before := ' '
	for _, c := range key {
		letter := unicode.IsLetter(c) || unicode.IsDigit(c)
		if unicode.IsUpper(c) && unicode.IsLower(before) {
			split.WriteByte(' ')
		}
		if letter {
			split.WriteRune(unicode.ToLower(c))
		} else {
			split.WriteByte(' ')
		}
		before = c
	}
	return strings.Fields(split.String())
}

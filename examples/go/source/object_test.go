package source

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

var objects = []string{
	`{}`, `{"a":"b"}`, `{"a":[1,-0,0.5,1e9,-1.25E-7,true,false,null,{},[],[[]],{"b":{"c":[]}}]}`,
	`{"\u00e4\"\\\/\b\f\n\r\t":"é\ud800"}`, "{ \t\"a\" :\t1 , \"b\" : [ ] }", `{"":0}`, `{"a":{},"a":{}}`,
}

var others = []string{
	``, `[]`, `1`, `{`, ` {}`, `{} `, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{"a":01}`, `{"a":+1}`,
	`{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":--1}`, `{"a":-}`, `{"a":tru}`, `{"a":nul}`, `{"a":"\x"}`, `{"a":"\u12g4"}`,
	`{"a":"` + "\x1b" + `"}`, `{"a":"`, `{"a":"\`, `{"a":"\u1`, `{"a":[1}`, `{"a":[1}]`, `{"a":{]}`, `{},"b":{}`, `{}{}`, `{a:1}`,
	"{\n}", "{}\n", "{\r}", `{"a":1 2}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":[}`, `{"a":{`, `{"a":[`, `{"a":1`, `{"a"`, `{"a":`,
}

// same holds the scanner to encoding/json.
func same(t *testing.T, text string) {
	t.Helper()
	want := strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}") && !strings.ContainsAny(text, "\r\n") &&
		json.Valid([]byte(text))
	if got := isObject(text); got != want {
		t.Errorf("%q: %v", text, got)
	}
}

func TestObjectsAreToldFromAllElse(t *testing.T) {
	for _, text := range objects {
		if !isObject(text) {
			t.Errorf("%s is one", text)
		}
	}
	for _, text := range others {
		if isObject(text) {
			t.Errorf("%s is none", text)
		}
	}
	deep := `{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}"
	if !isObject(deep) || isObject(deep[:len(deep)-1]) {
		t.Error("a deep one")
	}
}

func TestObjectsAreThoseOfEncodingJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const alphabet = `{}[]",:\ 	019.eE+-atrufnls` + "\n\x01é"
	for range 200_000 {
		text := []byte(objects[random.IntN(len(objects))])
		for range 1 + random.IntN(3) {
			at, c := random.IntN(len(text)+1), alphabet[random.IntN(len(alphabet))]
			switch {
			case at == len(text) || random.IntN(3) == 0:
				text = append(text[:at], append([]byte{c}, text[at:]...)...)
			case random.IntN(2) == 0:
				text[at] = c
			default:
				text = append(text[:at], text[at+1:]...)
			}
		}
		same(t, string(text))
	}
}

func TestStringsEndWhereTheyEnd(t *testing.T) {
	for length := range 40 {
		for at := range length + 1 {
			for _, c := range []string{`"`, `\\`, `\"`, `\u00e4`, `\`, "\x1f", "\x00", " ", "é", "\x7f", "\xff"} {
				text := strings.Repeat("x", at) + c + strings.Repeat("ü", (length-at)/2) + strings.Repeat("y", (length-at)%2)
				same(t, `{"a":"`+text+`"}`)
				same(t, `{"a":"`+text)
			}
		}
	}
}

func FuzzObjects(f *testing.F) {
	for _, text := range append(objects, others...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { same(t, text) })
}

func BenchmarkIsObject(b *testing.B) {
	text := `{"id":"MTOKEN:` + strings.Repeat("x", 100) + `","senderAddress":"a@example.com","hits":1,"identifiers":["similar","x"],` +
		`"taggedMalicious":true,"subject":"` + strings.Repeat("words ", 20) + `"}`
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if !isObject(text) {
			b.Fatal("it is one")
		}
	}
}

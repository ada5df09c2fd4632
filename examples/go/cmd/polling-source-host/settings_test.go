//go:build unix

package main

import (
	"slices"
	"strings"
	"testing"
)

func environment(name string) (string, bool) {
	value, ok := map[string]string{"KEY": `s3"cret`, "NESTED": "${KEY}", "DOLLAR": "$"}[name]
	return value, ok
}

func TestSettings(t *testing.T) {
	s, err := parse([]byte(`{"component":"c","allow":["http://a"],"cursor":"${NESTED}","config":
		{"a":["${KEY}",12345678901234567890,1.50],"${KEY}":"$${KEY} ${DOLLAR}${KEY} <&>"}}`), environment)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"${KEY}":"${KEY} $s3\"cret <&>","a":["s3\"cret",12345678901234567890,1.50]}`; s.config != want {
		t.Errorf("%s", s.config)
	}
	if s.Cursor != "${KEY}" || s.Component != "c" || len(s.secrets) != 4 || !slices.Contains(s.secrets, `s3"cret`) {
		t.Errorf("%+v", s)
	}
}

func TestSettingsThatAreRefusedAreNotRepeated(t *testing.T) {
	good := `{"component":"c","allow":[],"cursor":"f","config":{"s3cret":"s3cret"}}`
	for text, says := range map[string]string{
		"":                "it is no JSON",
		`{"pin": s3cret}`: "it is no JSON",
		good + "s3cret":   "behind its JSON",
		"[]":              wanted,
		strings.Replace(good, `"cursor":"f",`, "", 1):     wanted,
		strings.Replace(good, `[]`, `"http://s3cret"`, 1): wanted,
		strings.Replace(good, `{"c`, `{"s3cret":1,"c`, 1): wanted,
		strings.Replace(good, `"f"`, `"${NONE}"`, 1):      "NONE is not set",
		strings.Replace(good, `"f"`, `"${s3cret-"`, 1):    "begins no `${NAME}`",
	} {
		_, err := parse([]byte(text), environment)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := parse([]byte(good), environment); err != nil {
		t.Error(err)
	}
}

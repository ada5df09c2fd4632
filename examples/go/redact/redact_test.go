package redact

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSecretsAreTakenOutInTheFormsTheyAreRepeatedIn(t *testing.T) {
	secret := `a+b/c "d" é_s3cret`
	r := New([]string{secret, "Bearer t0ken-of-some-length", "abc", ""})
	for _, text := range []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), base64.RawStdEncoding.EncodeToString([]byte(secret)),
		`{"key":"a+b/c \"d\" é_s3cret"}`, "t0ken-of-some-length",
	} {
		got := r.Clean("before " + text + " after")
		if strings.Contains(got, "s3cret") || strings.Contains(got, text) || !strings.HasPrefix(got, "before ") ||
			!strings.Contains(got, redacted) || !strings.HasSuffix(got, " after") {
			t.Errorf("%s became %s", text, got)
		}
	}
	if got := New([]string{"ab+cd/ef+s3cret"}).Clean("?key=ab%2Bcd%2Fef%2Bs3cret"); got != "?key="+redacted {
		t.Error(got)
	}
	if got := r.Clean("abc"); got != "abc" {
		t.Error(got)
	}
}

func TestWhatATerminalObeysIsTakenOutAndLongTextsAreCut(t *testing.T) {
	r := New([]string{"s3cret-at-the-cut"})
	if got := r.Clean("a\nb\x1b[31mc\u202ed\xff"); got != "a b [31mc d" {
		t.Errorf("%q", got)
	}
	long := r.Clean(strings.Repeat("x", seenBytesMax-5) + "s3cret-at-the-cut")
	if len(long) > textBytesMax+4 || strings.Contains(long, "s3c") || !strings.HasSuffix(long, "…") {
		t.Errorf("%d bytes: %q", len(long), long[len(long)-20:])
	}
	// A text that is short once its secrets are out.
	word := strings.Repeat("s3cret", 170)
	if got := New([]string{word}).Clean(strings.Repeat(word, 20)); strings.Contains(got, "s3cret") {
		t.Errorf("%q", got)
	}
	if got := New(nil).Clean("as it is"); got != "as it is" {
		t.Error(got)
	}
}

func TestSecretsOfAConfiguration(t *testing.T) {
	config := `{"plain":"p","app_key":12345,"auth":{"Client_Secret":["wr1tten",{"any":1.5}],"id":"q"},"token":true,
		"marked":"s1","nested":{"type":"t","deep":"s2"},"linked":"s3","list":[{"one":"s4","two":"u"}],"pair":["r","s6"],
		"named":{"any":"s7"}}`
	schema := `{"properties":{"marked":{"writeOnly":true},"nested":{"oneOf":[{},{"properties":{"deep":{"format":"password"}}}]},
		"linked":{"$ref":"#/$defs/a~1b"},"list":{"items":{"properties":{"one":{"writeOnly":true}}}},
		"pair":{"prefixItems":[{},{"writeOnly":true}]},"named":{"additionalProperties":{"$ref":"#/$defs/a~1b"}},
		"plain":{"writeOnly":false}},"$defs":{"a/b":{"allOf":[{"writeOnly":true}]}}}`
	got := Secrets(config, schema)
	slices.Sort(got)
	want := []string{"1.5", "12345", "s1", "s2", "s3", "s4", "s6", "s7", "wr1tten"}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if Secrets("{", schema) != nil || len(Secrets(config, "no schema")) != 3 {
		t.Error("what cannot be read")
	}
}

func TestASchemaWithoutMeasureComesToItsEnd(t *testing.T) {
	round := `{"allOf":[{"$ref":"#"},{"$ref":"#"}],"items":{"$ref":"#"},"additionalProperties":{"$ref":"#"},"$ref":"#"}`
	begun := time.Now()
	if got := Secrets(`[[[["a","b"],"c"],"d"],"e"]`, round); len(got) != 0 {
		t.Error(got)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestKeysOfSecrets(t *testing.T) {
	for _, key := range []string{
		"secret_key", "apiKey", "client_secret", "Password", "access-token", "pwd", "dbPwd", "user.passwd", "pass",
		"Authorization", "Proxy-Authorization", "session_cookie", "signature", "privatePem", "pin", "PSK", "secret_url",
	} {
		if !IsSecretKey(key) {
			t.Errorf("%s is none", key)
		}
	}
	for _, key := range []string{
		"base_url", "start", "type", "token_url", "signature_version", "author", "bypass", "compass_host", "spinning",
		"client_id", "",
	} {
		if IsSecretKey(key) {
			t.Errorf("%s is one", key)
		}
	}
}

package collect

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"polling-source.example/go/component"
	"polling-source.example/go/internal/components"
	"polling-source.example/go/send"
)

func TestAnOriginThatTheFirstPollLacksIsKnownBeforeAnythingIsSent(t *testing.T) {
	asked := 0
	api := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer api.Close()
	request := func(url string) string { return fmt.Sprintf(`{"request":{"url":"%s/x?key=s3cret"}}`, url) }
	const refused = `{"steps":[{"answer":{"error":{"kind":"config","code":"denied","message":"no"}},"request":{"url":"%s/"}}]}`
	for name, c := range map[string]struct{ file, config, lacks string }{
		"another of Mimecast's": {components.Mimecast, `{"base_url":"https://eu-api.mimecast.com:8443","auth":{"type":"oauth2",` +
			`"client_id":"abcdef","client_secret":"s3cret"}}`, "https://eu-api.mimecast.com:8443"},
		"another feed":      {"feed-source.wasm", `{"url":"https://other.example/audit","token":"abc"}`, "https://other.example"},
		"the very one":      {"feed-source.wasm", fmt.Sprintf(`{"url":"%s/audit","token":"abc"}`, api.URL), ""},
		"done without":      {components.Scripted, `{"do":"fetch","method":"GET","url":"https://other.example/","headers":{}}`, ""},
		"tried again":       {components.Probe, `{"steps":[` + request("https://other.example") + `]}`, ""},
		"no URL":            {components.Scripted, `{"do":"fetch","method":"GET","url":"other.example","headers":{}}`, ""},
		"of no request":     {components.Scripted, `{"do":"error","kind":"config"}`, ""},
		"a trap":            {components.Scripted, `{"do":"trap"}`, ""},
		"one that is asked": {components.Probe, fmt.Sprintf(refused, api.URL), ""},
		"one that is not":   {components.Probe, fmt.Sprintf(refused, "https://other.example"), "https://other.example"},
	} {
		engine := component.NewEngine(component.Limits{})
		loaded, err := engine.Load(context.Background(), components.Read(t, c.file))
		if err != nil {
			t.Fatal(err)
		}
		allowed, err := send.ParseOrigin(api.URL)
		if err != nil {
			t.Fatal(err)
		}
		s := Open(loaded, send.Policy{Allow: []send.Origin{allowed}}, c.config)
		if lacks := s.Lacks(context.Background()); lacks != c.lacks {
			t.Errorf("%s: it lacks %q", name, lacks)
		}
		s.Close()
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if asked > 0 {
		t.Errorf("%d requests were sent", asked)
	}
}

func TestAFirstPollThatDoesNotEndLacksNothing(t *testing.T) {
	s := scripted(t, send.Policy{}, `{"do":"loop"}`)
	begun := time.Now()
	if lacks := s.Lacks(context.Background()); lacks != "" {
		t.Error(lacks)
	}
	if took := time.Since(begun); took > 2*rehearsalMax {
		t.Errorf("it took %v", took)
	}
}

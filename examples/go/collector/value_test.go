package collector

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"polling-source.example/go/source"
)

func TestNumbersStayExact(t *testing.T) {
	for text, want := range map[string]any{
		"0":                          int64(0),
		"-1":                         int64(-1),
		"9007199254740993":           int64(9007199254740993),
		"9223372036854775807":        int64(9223372036854775807),
		"-9223372036854775808":       int64(-9223372036854775808),
		"9223372036854775808":        "9223372036854775808",
		"12345678901234567890123456": "12345678901234567890123456",
		"1.5":                        1.5,
		"1.50":                       1.5,
		"0.1":                        0.1,
		"0.10000000000000000001":     "0.10000000000000000001",
		"1e2":                        100.0,
		"1E400":                      "1E400",
		"1e-400":                     "1e-400",
		"0e999999999":                0.0,
		"-0":                         0.0,
		"1e99999999999999999999":     "1e99999999999999999999",
		"100000000000000000000":      1e20,
		"5e-324":                     5e-324,
	} {
		value := pcommon.NewValueEmpty()
		assert.True(t, putJSON(value, `{"n":`+text+`}`))
		got, _ := value.Map().Get("n")
		assert.Equal(t, want, got.AsRaw(), text)
	}
}

func TestABodyAsAMapIsWhatTheTextSays(t *testing.T) {
	value := pcommon.NewValueEmpty()
	assert.True(t, putJSON(value, `{"z":{"a":[1,"x",null,true,[],{}]},"a":1,"z":"last","":"\u00e4\n"}`))
	assert.Equal(t, map[string]any{"z": "last", "a": int64(1), "": "ä\n"}, value.Map().AsRaw())
	var names []string
	for name := range value.Map().All() {
		names = append(names, name)
	}
	assert.Equal(t, []string{"z", "a", ""}, names)

	assert.True(t, putJSON(value, `{"z":{"a":[1,"x",null,true,[],{}]},"y":1,"y":null}`))
	assert.Equal(t, map[string]any{
		"z": map[string]any{"a": []any{int64(1), "x", nil, true, []any{}, map[string]any{}}}, "y": nil,
	}, value.Map().AsRaw())
}

func TestABodyThatNoMapHoldsIsText(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) }
	wide := `{"0":0` + strings.Repeat(`,"x":1`, 2) + "}"
	members := func(count int) string {
		var many strings.Builder
		for i := range count {
			many.WriteString(`,"` + strings.Repeat("m", i+1) + `":1`)
		}
		return "{" + many.String()[1:] + "}"
	}
	// The list is one of them.
	values := func(count int) string { return `{"a":[0` + strings.Repeat(",0", count-2) + "]}" }
	for text, want := range map[string]pcommon.ValueType{
		nested(65): pcommon.ValueTypeStr,
		nested(64): pcommon.ValueTypeMap,
		wide:       pcommon.ValueTypeMap,

		members(1_000):  pcommon.ValueTypeMap,
		members(1_001):  pcommon.ValueTypeStr,
		values(100_000): pcommon.ValueTypeMap,
		values(100_001): pcommon.ValueTypeStr,

		`{"a":1,"b"`: pcommon.ValueTypeStr,
		"[]":         pcommon.ValueTypeStr,
	} {
		made := &records{asMap: true}
		logs := made.logs(&source.Batch{Events: []source.Event{{ID: "1", Kind: "k", Body: text}}}, time.Now())
		body := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body()
		assert.Equal(t, want, body.Type(), text[:min(len(text), 20)])
		if want == pcommon.ValueTypeStr {
			assert.Equal(t, text, body.Str())
		}
	}
}

func TestARecordSaysWhatTheEventIs(t *testing.T) {
	at, observed := uint64(1_700_000_000_000_000_001), time.Unix(1_800_000_000, 2)
	made := &records{origin: source.Metadata{Name: "acme-audit", Version: "1.2.3"}, resource: map[string]string{"service.name": "audit"}}
	logs := made.logs(&source.Batch{Events: []source.Event{
		{ID: "id-1", Kind: "acme.login", Time: &at, Body: `{"a":1}`},
		{ID: "id-2", Kind: "acme.logout", Body: `{"a":2}`},
	}}, observed)
	assert.Equal(t, map[string]any{"service.name": "audit"}, logs.ResourceLogs().At(0).Resource().Attributes().AsRaw())
	scope := logs.ResourceLogs().At(0).ScopeLogs().At(0)
	assert.Equal(t, "acme-audit 1.2.3", scope.Scope().Name()+" "+scope.Scope().Version())
	first, second := scope.LogRecords().At(0), scope.LogRecords().At(1)
	assert.Equal(t, map[string]any{"log.record.uid": "id-1", "source.name": "acme-audit"}, first.Attributes().AsRaw())
	assert.Equal(t, "acme.login", first.EventName())
	assert.Equal(t, `{"a":1}`, first.Body().Str())
	assert.Equal(t, pcommon.Timestamp(at), first.Timestamp())
	assert.Equal(t, pcommon.NewTimestampFromTime(observed), first.ObservedTimestamp())
	assert.Zero(t, second.Timestamp())
}

// Command conformance makes the transcripts of scenarios with this module's runtime:
// COMPONENT SCENARIOS TRANSCRIPTS. tests/conformance/README.md describes both.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"polling-source.example/go/component"
	"polling-source.example/go/source"
)

const outcomeBytesMax = 64 * 1024

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: conformance COMPONENT SCENARIOS TRANSCRIPTS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file, scenarios, transcripts string) error {
	ctx := context.Background()
	wasm, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	engine := component.NewEngine(component.Limits{})
	defer engine.Close(ctx)
	loaded, err := engine.Load(ctx, wasm)
	if err != nil {
		return err
	}
	return filepath.WalkDir(scenarios, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var scenario struct{ Calls []call }
		if err := json.Unmarshal(text, &scenario); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		transcript, err := transcript(ctx, loaded, scenario.Calls)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		name, err := filepath.Rel(scenarios, path)
		if err != nil {
			return err
		}
		name = filepath.Join(transcripts, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		return os.WriteFile(name, compact(transcript), 0o666)
	})
}

// call is one call of an exported function, as the scenario has it.
type call struct {
	Function string
	Config   json.RawMessage
	Cursor   json.RawMessage
	Moments  []struct {
		ClockMs int64 `json:"clock_ms"`
		Random  string
	}
	Exchanges []struct {
		Reply struct {
			Status  uint16
			Headers [][2]string
			Body    json.RawMessage
			Error   []string
		}
	}
}

// transcript is what comes of a scenario.
func transcript(ctx context.Context, loaded *component.Component, calls []call) ([]any, error) {
	seen := &world{}
	instance, err := loaded.Instantiate(ctx, component.Imports{HTTP: seen, Now: seen.now, Random: seen.random})
	if err != nil {
		return nil, err
	}
	defer instance.Close()
	made := []any{}
	var cursors []*string
	for i := range calls {
		call := &calls[i]
		*seen = world{call: call, requests: []any{}}
		outcome, cursor, err := outcomeOf(ctx, instance, call, cursors)
		if err != nil {
			return nil, fmt.Errorf("call %d: %w", i, err)
		}
		cursors = append(cursors, cursor)
		if whole := compact(outcome); len(whole) > outcomeBytesMax {
			hash := sha256.Sum256(whole)
			outcome = object{"bytes": len(whole), "sha256": hex.EncodeToString(hash[:])}
		}
		made = append(made, object{"outcome": outcome, "requests": seen.requests})
	}
	return made, nil
}

type object map[string]any

func outcomeOf(ctx context.Context, instance *component.Instance, call *call, cursors []*string) (any, *string, error) {
	config := string(call.Config)
	var text string
	if json.Unmarshal(call.Config, &text) == nil {
		config = text
	}
	cursor, err := call.cursor(cursors)
	if err != nil {
		return nil, nil, err
	}
	var ok any
	var next *string
	switch call.Function {
	case "describe":
		metadata, err := instance.Describe(ctx)
		return object{
			"config-schema": metadata.ConfigSchema, "kinds": metadata.Kinds,
			"name": metadata.Name, "version": metadata.Version,
		}, nil, err
	case "validate":
		faults, err := instance.Validate(ctx, config)
		if err != nil || faults == nil {
			return object{"ok": nil}, nil, err
		}
		told := []any{}
		for _, fault := range faults {
			told = append(told, object{"path": fault.Path, "message": fault.Message, "remedy": fault.Remedy})
		}
		return object{"error": told}, nil, nil
	case "check":
		var report *source.Report
		if report, err = instance.Check(ctx, config); err == nil {
			ok = reportOf(report)
		}
	case "explain-cursor":
		if cursor == nil {
			return nil, nil, errors.New("explain-cursor has no cursor")
		}
		var pairs []source.Pair
		if pairs, err = instance.ExplainCursor(ctx, *cursor); err == nil {
			told := []any{}
			for _, pair := range pairs {
				told = append(told, []any{pair.Name, pair.Value})
			}
			ok = told
		}
	case "poll":
		var batch *source.Batch
		if batch, err = instance.Poll(ctx, config, cursor); err == nil {
			ok, next = batchOf(batch), &batch.Cursor
		}
	default:
		return nil, nil, fmt.Errorf("there is no function %s", call.Function)
	}
	var told *source.PollError
	switch {
	case err == nil:
		return object{"ok": ok}, next, nil
	case errors.As(err, &told) && told.Cause == nil:
		return object{"error": errorOf(told)}, nil, nil
	}
	return nil, nil, err
}

// world is what an instance sees during a call.
type world struct {
	call            *call
	requests        []any
	readings, draws int
}

func (w *world) now() time.Time {
	moment := w.call.Moments[min(w.readings, len(w.call.Moments)-1)]
	w.readings++
	return time.UnixMilli(moment.ClockMs)
}

func (w *world) random(bytes []byte) error {
	moment := w.call.Moments[min(w.draws, len(w.call.Moments)-1)]
	w.draws++
	random, err := hex.DecodeString(moment.Random)
	for i := range bytes {
		bytes[i] = random[i%len(random)]
	}
	return err
}

func (w *world) Send(_ context.Context, request source.Request) (*source.Response, *source.HTTPError) {
	reply := w.call.Exchanges[len(w.requests)].Reply
	w.requests = append(w.requests, object{
		"body": string(request.Body), "headers": pairs(request.Headers), "method": request.Method,
		"timeout-ms": request.TimeoutMs, "url": request.URL,
	})
	if reply.Error != nil {
		for kind := source.Denied; kind <= source.Other; kind++ {
			if kind.String() == reply.Error[0] {
				return nil, &source.HTTPError{Case: kind, Text: reply.Error[1]}
			}
		}
	}
	var encoded struct{ Hex *string }
	var body []byte
	if json.Unmarshal(reply.Body, &encoded) == nil && encoded.Hex != nil {
		body, _ = hex.DecodeString(*encoded.Hex)
	} else {
		text, err := longText(reply.Body)
		if err != nil {
			panic(err)
		}
		body = []byte(text)
	}
	headers := make([]source.Header, len(reply.Headers))
	for i, header := range reply.Headers {
		headers[i] = source.Header{Name: header[0], Value: header[1]}
	}
	return &source.Response{Status: reply.Status, Headers: headers, Body: body}, nil
}

func (c *call) cursor(cursors []*string) (*string, error) {
	if c.Cursor == nil {
		return nil, nil
	}
	var earlier struct {
		OfCall *int `json:"of_call"`
	}
	if json.Unmarshal(c.Cursor, &earlier) == nil && earlier.OfCall != nil {
		return cursors[*earlier.OfCall], nil
	}
	text, err := longText(c.Cursor)
	return &text, err
}

// longText is a text, or one that is too long to be written out.
func longText(raw json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var long struct {
		Before, Each, Between, After string
		Count                        int
	}
	if err := json.Unmarshal(raw, &long); err != nil {
		return "", err
	}
	each := make([]string, long.Count)
	for n := range each {
		each[n] = strings.ReplaceAll(long.Each, "{n}", fmt.Sprintf("%08d", n))
	}
	return long.Before + strings.Join(each, long.Between) + long.After, nil
}

func batchOf(batch *source.Batch) any {
	events := []any{}
	for _, event := range batch.Events {
		events = append(events, object{"id": event.ID, "kind": event.Kind, "time": number(event.Time), "body": event.Body})
	}
	var progress any
	if p := batch.Progress; p != nil {
		progress = object{
			"complete-until": number(&p.CompleteUntil), "target": number(&p.Target), "newest": number(p.Newest),
		}
	}
	return object{
		"events": events, "cursor": batch.Cursor, "more": batch.More, "next-poll-ms": number(&batch.NextPollMs),
		"notices": noticesOf(batch.Notices), "stats": statsOf(&batch.Stats), "progress": progress,
		"quota": quotaOf(batch.Quota),
	}
}

func errorOf(told *source.PollError) any {
	return object{
		"kind": told.Kind.String(), "code": told.Code, "message": told.Message,
		"retry-after-ms": number(told.RetryAfterMs), "notices": noticesOf(told.Notices),
		"stats": statsOf(&told.Stats), "quota": quotaOf(told.Quota),
	}
}

func reportOf(report *source.Report) any {
	var offset any
	if report.ClockOffsetMs != nil {
		offset = strconv.FormatInt(*report.ClockOffsetMs, 10)
	}
	return object{
		"newest": number(report.Newest), "quota": quotaOf(report.Quota), "clock-offset-ms": offset,
		"notices": noticesOf(report.Notices), "stats": statsOf(&report.Stats),
	}
}

func noticesOf(notices []source.Notice) any {
	told := []any{}
	for _, notice := range notices {
		told = append(told, object{"level": notice.Level.String(), "code": notice.Code, "message": notice.Message})
	}
	return told
}

func statsOf(stats *source.Stats) any {
	counters := []any{}
	for _, counter := range stats.Counters {
		counters = append(counters, object{"name": counter.Name, "value": number(&counter.Value)})
	}
	return object{
		"requests": stats.Requests, "sent-bytes": number(&stats.SentBytes),
		"received-bytes": number(&stats.ReceivedBytes), "rows": stats.Rows, "duplicates": stats.Duplicates,
		"counters": counters,
	}
}

func quotaOf(quota *source.Quota) any {
	if quota == nil {
		return nil
	}
	return object{
		"limit": number(quota.Limit), "remaining": number(&quota.Remaining), "reset-ms": number(&quota.ResetMs),
	}
}

// number of 64 bits is a text, in a transcript.
func number(value *uint64) any {
	if value == nil {
		return nil
	}
	return strconv.FormatUint(*value, 10)
}

func pairs(headers []source.Header) any {
	out := []any{}
	for _, header := range headers {
		out = append(out, []any{header.Name, header.Value})
	}
	return out
}

// compact is JSON without white space, its names sorted, and nothing escaped that need not be.
func compact(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // It holds texts, numbers and lists of such.
	}
	text := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	// Go escapes these two, which JavaScript once could not read.
	text = unescape(text, `\u2028`, "\u2028")
	return unescape(text, `\u2029`, "\u2029")
}

// unescape writes an escape out, where it is one and no escaped backslash goes before it.
func unescape(text []byte, escape, plain string) []byte {
	var out []byte
	for i := 0; i < len(text); i++ {
		switch {
		case bytes.HasPrefix(text[i:], []byte(escape)):
			out = append(out, plain...)
			i += len(escape) - 1
		case text[i] == '\\' && i+1 < len(text):
			out = append(out, text[i], text[i+1])
			i++
		default:
			out = append(out, text[i])
		}
	}
	return out
}

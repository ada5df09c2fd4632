package source

import (
	"errors"
	"fmt"
	"strings"
)

// The bounds that the contract sets to what a call gives.
const (
	EventsMax      = 10_000
	BodiesBytesMax = 16 << 20
	IDBytesMax     = 4 << 10
	KindBytesMax   = 128
	CursorBytesMax = 1_000_000
	NameBytesMax   = 128
	KindsMax       = 64
	CountersMax    = 64
	NoticesMax     = 100
	PairsMax       = 100
	SchemaBytesMax = 1 << 20
)

// Check says how a batch does not keep to the contract. Nothing of one that does not is to be delivered.
func (b *Batch) Check() error {
	if err := CheckCursor(b.Cursor); err != nil {
		return err
	}
	if len(b.Events) > EventsMax {
		return fmt.Errorf("the batch has %d events; at most %d are allowed", len(b.Events), EventsMax)
	}
	bytes := 0
	for i := range b.Events {
		event := &b.Events[i]
		bytes += len(event.Body)
		if bytes > BodiesBytesMax && len(b.Events) > 1 {
			return fmt.Errorf("the events of the batch have more than %d bytes, and are several", BodiesBytesMax)
		}
		if err := event.check(); err != nil {
			return fmt.Errorf("event %d of the batch %w", i, err)
		}
	}
	return checkAside("", b.Notices, b.Stats.Counters)
}

func (e *Event) check() error {
	switch {
	case e.ID == "" || len(e.ID) > IDBytesMax:
		return fmt.Errorf("has an id of %d bytes; 1 to %d are allowed", len(e.ID), IDBytesMax)
	case !IsKind(e.Kind):
		return errors.New("has no kind of the contract")
	case isObject(e.Body):
		return nil
	case strings.ContainsAny(e.Body, "\r\n"):
		return errors.New("is more than one line")
	}
	return errors.New("is no JSON object")
}

// Check says how an error does not keep to the contract.
func (e *PollError) Check() error {
	if e.Code == "" {
		return errName
	}
	return checkAside(e.Code, e.Notices, e.Stats.Counters)
}

// Check says how a report does not keep to the contract.
func (r *Report) Check() error { return checkAside("", r.Notices, r.Stats.Counters) }

// Check says how a source's own description does not keep to the contract.
func (m *Metadata) Check() error {
	if len(m.ConfigSchema) > SchemaBytesMax {
		return fmt.Errorf("its schema has %d bytes; at most %d are allowed", len(m.ConfigSchema), SchemaBytesMax)
	}
	if len(m.Kinds) > KindsMax {
		return fmt.Errorf("it has %d kinds of events; at most %d are allowed", len(m.Kinds), KindsMax)
	}
	for _, kind := range m.Kinds {
		if !IsKind(kind) {
			return errors.New("one of its kinds of events is none")
		}
	}
	if m.Name == "" || len(m.Name) > NameBytesMax {
		return fmt.Errorf("its name has %d bytes; 1 to %d are allowed", len(m.Name), NameBytesMax)
	}
	if len(m.Version) > NameBytesMax {
		return fmt.Errorf("its version has %d bytes; at most %d are allowed", len(m.Version), NameBytesMax)
	}
	return nil
}

// CheckCursor says why a cursor may not be stored.
func CheckCursor(cursor string) error {
	if cursor == "" || len(cursor) > CursorBytesMax {
		return fmt.Errorf("the cursor has %d bytes; 1 to %d are allowed", len(cursor), CursorBytesMax)
	}
	return nil
}

// CheckPairs says why a cursor may not be explained so.
func CheckPairs(pairs []Pair) error {
	if len(pairs) > PairsMax {
		return fmt.Errorf("the cursor is explained by %d pairs; at most %d are allowed", len(pairs), PairsMax)
	}
	return nil
}

// IsKind says whether a text is a kind of events: a short name that fits into paths and subjects.
func IsKind(text string) bool {
	if text == "" || len(text) > KindBytesMax || text[0] < 'a' || text[0] > 'z' {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

var errName = fmt.Errorf("a code or a name of a counter is not in snake_case, or not of 1 to %d bytes", NameBytesMax)

func checkAside(code string, notices []Notice, counters []Counter) error {
	if len(notices) > NoticesMax {
		return fmt.Errorf("there are %d notices; at most %d are allowed", len(notices), NoticesMax)
	}
	if len(counters) > CountersMax {
		return fmt.Errorf("there are %d counters; at most %d are allowed", len(counters), CountersMax)
	}
	good := code == "" || isName(code)
	for _, notice := range notices {
		good = good && isName(notice.Code)
	}
	for _, counter := range counters {
		good = good && isName(counter.Name)
	}
	if !good {
		return errName
	}
	return nil
}

func isName(text string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return text != "" && len(text) <= NameBytesMax
}

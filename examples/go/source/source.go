// Package source has the records of the contract polling-source:contract@0.2.0, and its bounds.
//
// wit/source.wit is the manual: what each field means stands there. Nothing in here does I/O or knows
// WebAssembly.
package source

import "fmt"

// Contract is the version of the contract that this module speaks.
const Contract = "0.2.0"

// Metadata says who a source is.
type Metadata struct {
	// Name is short, for logs and lists.
	Name string
	// Kinds is every kind that an event of it may have.
	Kinds []string
	// Version is the source's own, as in semver.
	Version string
	// ConfigSchema is a JSON Schema of the configuration.
	ConfigSchema string
}

// Diagnostic is one fault of a configuration.
type Diagnostic struct {
	// Path is where: member names joined by dots. Empty for the whole.
	Path string
	// Message is what is wrong.
	Message string
	// Remedy is what to do about it.
	Remedy string
}

// String is the fault on one line.
func (d Diagnostic) String() string {
	path := d.Path
	if path == "" {
		path = "configuration"
	}
	if d.Remedy == "" {
		return fmt.Sprintf("%s: %s", path, d.Message)
	}
	return fmt.Sprintf("%s: %s; %s", path, d.Message, d.Remedy)
}

// Level says how much a notice matters.
type Level uint8

// The levels of the contract.
const (
	Info Level = iota
	Warn
)

// String is the level's name in the contract.
func (l Level) String() string {
	if l == Warn {
		return "warn"
	}
	return "info"
}

// Notice is something worth telling a person, apart from events and errors.
type Notice struct {
	Level Level
	// Code is a stable name in snake_case.
	Code    string
	Message string
}

// Counter is a number that one source alone knows of.
type Counter struct {
	Name string
	// Value is of this call alone.
	Value uint64
}

// Stats is what a call cost and found; each number is of this call alone.
type Stats struct {
	Requests      uint32
	SentBytes     uint64
	ReceivedBytes uint64
	Rows          uint32
	Duplicates    uint32
	Counters      []Counter
}

// Progress is how far collection has come, in Unix nanoseconds.
type Progress struct {
	// CompleteUntil: everything before it is delivered.
	CompleteUntil uint64
	// Target is the time that the source is working towards.
	Target uint64
	// Newest is the time of the newest event ever seen, if there was one.
	Newest *uint64
}

// Quota is what the API said of its rate limit.
type Quota struct {
	Limit     *uint64
	Remaining uint64
	ResetMs   uint64
}

// Event is one log row.
type Event struct {
	// ID is the same at every poll, and no two rows share one.
	ID string
	// Kind is what sort of row it is.
	Kind string
	// Time is when it happened, in Unix nanoseconds, if that can be read.
	Time *uint64
	// Body is one JSON object on one line.
	Body string
}

// Batch is what a successful poll gives.
type Batch struct {
	Events []Event
	// Cursor is where to go on: to be stored as it is, once all events are safe.
	Cursor string
	// More says that the source is not caught up.
	More bool
	// NextPollMs is the least time to wait before the next poll.
	NextPollMs uint64
	Notices    []Notice
	Stats      Stats
	Progress   *Progress
	Quota      *Quota
}

// Report is what a check learned.
type Report struct {
	Newest        *uint64
	Quota         *Quota
	ClockOffsetMs *int64
	Notices       []Notice
	Stats         Stats
}

// Pair is one thing that a cursor says.
type Pair struct{ Name, Value string }

// ErrorKind is what a host should do after an error.
type ErrorKind uint8

// The kinds of the contract.
const (
	Transient ErrorKind = iota
	Throttled
	Auth
	Config
	Cursor
	Protocol
)

var kindNames = [...]string{"transient", "throttled", "auth", "config", "cursor", "protocol"}

// String is the kind's name in the contract.
func (k ErrorKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// IsFailure is false only of Throttled: the API is healthy, and asks for a wait.
func (k ErrorKind) IsFailure() bool { return k != Throttled }

// NeedsPerson says whether a person has to act.
func (k ErrorKind) NeedsPerson() bool { return k == Auth || k == Config || k == Cursor }

// ComponentFailed is the code of a protocol error that a host tells of a component which trapped, met a
// limit, or gave what is no batch of the contract.
const ComponentFailed = "component_failed"

// PollError is a poll that gave nothing: the cursor that was handed in still stands.
type PollError struct {
	Kind ErrorKind
	// Code is a stable name in snake_case.
	Code    string
	Message string
	// RetryAfterMs is the API's own wish, if it said one.
	RetryAfterMs *uint64
	Notices      []Notice
	Stats        Stats
	Quota        *Quota
	// Cause is what a host found, where it is the host that tells of an error.
	Cause error
}

// Error is kind, code and message.
func (e *PollError) Error() string { return fmt.Sprintf("%s %s: %s", e.Kind, e.Code, e.Message) }

// Unwrap is what the host found, if it was the host.
func (e *PollError) Unwrap() error { return e.Cause }

// Failed is the error of a component that trapped, met a limit or broke the contract.
func Failed(cause error) *PollError {
	return &PollError{Kind: Protocol, Code: ComponentFailed, Message: cause.Error(), Cause: cause}
}

// Header is one name and one value; a name may occur more than once.
type Header struct{ Name, Value string }

// Request is what a component wants sent.
type Request struct {
	Method  string
	URL     string
	Headers []Header
	Body    []byte
	// TimeoutMs is the longest time up to the last byte of the body, if the component says one.
	TimeoutMs *uint32
	// Room is no part of the contract: what the response's body may be written into.
	Room []byte
}

// Response is what came back, whatever its status.
type Response struct {
	Status  uint16
	Headers []Header
	Body    []byte
}

// HTTPErrorCase says why there is no response.
type HTTPErrorCase uint8

// The cases of the contract. Nothing was sent after the first four.
const (
	Denied HTTPErrorCase = iota
	DNS
	Connect
	TLS
	Timeout
	TooLarge
	Other
)

var caseNames = [...]string{"denied", "dns", "connect", "tls", "timeout", "too-large", "other"}

// String is the case's name in the contract.
func (c HTTPErrorCase) String() string {
	if int(c) < len(caseNames) {
		return caseNames[c]
	}
	return "other"
}

// HTTPError is an exchange without a response.
type HTTPError struct {
	Case HTTPErrorCase
	// Text is for a person. It holds no header, no body and no query.
	Text string
}

// Error is the case and the text.
func (e *HTTPError) Error() string { return e.Case.String() + ": " + e.Text }

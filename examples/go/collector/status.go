package collector

import (
	"errors"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"polling-source.example/go/loop"
	"polling-source.example/go/source"
)

// status tells the Collector how the receiver is, when that changes.
type status struct {
	host component.Host

	mu   sync.Mutex
	last componentstatus.Status
	why  string
}

// stalls says that something does not come to its end.
func (s *status) stalls(err error) { s.is(componentstatus.StatusRecoverableError, "stall", err) }

// tell takes what came of a poll, a delivery or a commit.
func (s *status) tell(step loop.Kind, err error) {
	var failure *source.PollError
	now, why := componentstatus.StatusOK, ""
	switch {
	case err == nil:
	case !errors.As(err, &failure):
		now, why = componentstatus.StatusRecoverableError, "delivery"
		if step == loop.Commit {
			why = "commit"
		}
	case !failure.Kind.IsFailure():
		return // The API is healthy: what was told before stands.
	case failure.Code == "config_refused" || failure.Code == "cursor_refused" || failure.Code == "cursor_foreign":
		now, why = componentstatus.StatusPermanentError, failure.Code
	default:
		// Whatever may pass without a restart, credentials and names that lead elsewhere among it: the Collector
		// lets nothing follow a permanent error but an end.
		now, why = componentstatus.StatusRecoverableError, failure.Code
	}
	s.is(now, why, err)
}

func (s *status) is(now componentstatus.Status, why string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == componentstatus.StatusPermanentError || now == s.last && why == s.why {
		return
	}
	s.last, s.why = now, why
	componentstatus.ReportStatus(s.host, componentstatus.NewEvent(now, componentstatus.WithError(err)))
}

// Package spell says what of a thing that lasts, or comes and goes, is told: its beginning, its end, and now and
// then that it goes on, but not each time that it is so. Time is a parameter.
package spell

import "time"

const (
	// Again is how long what was told is not told again.
	Again = 15 * time.Minute
	// lasting: what comes back within that time is told once it has lasted so long.
	lasting = time.Minute
	// formsMax is how many forms of one thing are told apart.
	formsMax = 16
)

// Topic is one thing that is told, of which the zero value has not begun. It is for one goroutine.
type Topic struct {
	// told is when each form of it was told last.
	told map[string]time.Time
	// since is when it began, and open says whether that was told.
	since  time.Time
	open   bool
	untold int
}

// Is says that it is so, in this form, and gives whether to tell it, and how often it was not told since the
// last time.
func (t *Topic) Is(form string, now time.Time) (untold int, tell bool) {
	if t.since.IsZero() {
		t.since = now
	}
	last, known := t.told[form]
	if !known && len(t.told) >= formsMax {
		t.forget(now)
		if len(t.told) >= formsMax {
			form = "" // That of all others.
			last, known = t.told[form]
		}
	}
	if known && now.Sub(last) < Again && (t.open || now.Sub(t.since) < lasting) {
		t.untold++
		return 0, false
	}
	if t.told == nil {
		t.told = make(map[string]time.Time)
	}
	t.told[form], t.open = now, true
	untold, t.untold = t.untold, 0
	return untold, true
}

// Over says that it is over, and gives whether to tell that: only where the beginning was told.
func (t *Topic) Over() (tell bool) {
	tell, t.open, t.since = t.open, false, time.Time{}
	return tell
}

// forget lets go of the forms that would be told again.
func (t *Topic) forget(now time.Time) {
	for form, last := range t.told {
		if now.Sub(last) >= Again {
			delete(t.told, form)
		}
	}
}

// topicsMax: names are a component's to choose, and each is kept.
const topicsMax = 100

// Topics is several by their names, and one of all names beyond the first hundred.
type Topics struct {
	named  map[string]*Topic
	others Topic
}

// Of is the topic of that name.
func (t *Topics) Of(name string) *Topic {
	topic := t.named[name]
	switch {
	case topic != nil:
		return topic
	case len(t.named) >= topicsMax:
		return &t.others
	case t.named == nil:
		t.named = make(map[string]*Topic)
	}
	topic = new(Topic)
	t.named[name] = topic
	return topic
}

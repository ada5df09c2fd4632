package spell

import (
	"fmt"
	"testing"
	"time"
)

// at is so long after the beginning of time.
func at(after time.Duration) time.Time { return time.Unix(1_800_000_000, 0).Add(after) }

func told(t *testing.T, topic *Topic, form string, after time.Duration, untold int) {
	t.Helper()
	if got, tell := topic.Is(form, at(after)); !tell || got != untold {
		t.Errorf("%v: %t, %d", after, tell, got)
	}
}

func silent(t *testing.T, topic *Topic, form string, after time.Duration) {
	t.Helper()
	if _, tell := topic.Is(form, at(after)); tell {
		t.Errorf("%v: it is told", after)
	}
}

func over(t *testing.T, topic *Topic, want bool) {
	t.Helper()
	if topic.Over() != want {
		t.Errorf("its end is told: %t", !want)
	}
}

func TestABeginningAndItsEndAreToldAndWhatLastsNowAndThen(t *testing.T) {
	topic := new(Topic)
	over(t, topic, false)
	told(t, topic, "a", 0, 0)
	silent(t, topic, "a", time.Second)
	silent(t, topic, "a", Again-1)
	told(t, topic, "a", Again, 2)
	told(t, topic, "b", Again+1, 0)
	silent(t, topic, "a", Again+2)
	over(t, topic, true)
	over(t, topic, false)
}

func TestWhatComesAndGoesIsToldNoMoreOftenThanWhatLasts(t *testing.T) {
	topic := new(Topic)
	told(t, topic, "a", 0, 0)
	over(t, topic, true)
	lines := 0
	for second := 30 * time.Second; second < time.Hour; second += 30 * time.Second {
		if _, tell := topic.Is("a", at(second)); tell {
			lines++
		}
		if topic.Over() {
			lines++
		}
	}
	if lines != 6 {
		t.Errorf("%d lines in an hour", lines)
	}
}

func TestWhatComesBackAndLastsIsTold(t *testing.T) {
	topic := new(Topic)
	told(t, topic, "a", 0, 0)
	over(t, topic, true)
	silent(t, topic, "a", 10*time.Second)
	silent(t, topic, "a", 69*time.Second)
	told(t, topic, "a", 70*time.Second, 2)
	silent(t, topic, "a", 140*time.Second)
	over(t, topic, true)
}

func TestFormsAreToldApartUpToABound(t *testing.T) {
	topic := new(Topic)
	lines := 0
	for n := range 1_000 {
		if _, tell := topic.Is(fmt.Sprint(n), at(time.Duration(n))); tell {
			lines++
		}
	}
	if lines != formsMax+1 || len(topic.told) > formsMax+1 {
		t.Errorf("%d lines, %d forms", lines, len(topic.told))
	}
	told(t, topic, "new", Again+time.Second, 1_000-formsMax-1)
	told(t, topic, "newer", Again+time.Second, 0)
}

func TestTopicsHaveANameUpToABound(t *testing.T) {
	var topics Topics
	for n := range topicsMax + formsMax + 1 {
		told(t, topics.Of(fmt.Sprint(n)), fmt.Sprint(n), 0, 0)
	}
	silent(t, topics.Of("more"), "more", 1)
	silent(t, topics.Of("3"), "3", 1)
	if len(topics.named) != topicsMax {
		t.Errorf("%d names", len(topics.named))
	}
}

package benthos

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/source"
)

// Each round acknowledges, refuses and reads in an order of its own. After each step the stored cursor is
// compared with what a model says: the batch before the first that is not acknowledged.
func TestWhateverTheOrderOfAcknowledgementsNoCursorPassesABatchThatHasNone(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 7))
		from := &pages{counts: make([]int, 20)}
		for i := range from.counts {
			from.counts[i] = random.IntN(4) // One page in four is empty.
		}
		places := 1 + random.IntN(5)
		kept := &memory{}
		child, _ := connected(t, from, kept, places)
		in := service.AutoRetryNacksBatched(child)

		read := make(chan given)
		ctx, stop := context.WithCancel(context.Background())
		go func() {
			defer close(read)
			for {
				batch, ack, err := in.ReadBatch(ctx)
				if err != nil {
					return
				}
				select {
				case read <- given{batch, ack}:
				case <-ctx.Done():
					return
				}
			}
		}()
		open := map[int]service.AckFunc{} // by page
		safe := make([]bool, len(from.counts))
		for page, count := range from.counts {
			safe[page] = count == 0
		}
		passed := func() int {
			for page, is := range safe {
				if !is {
					return page
				}
			}
			return len(safe)
		}
		for passed() < len(safe) {
			if len(open) == 0 || len(open) < places && random.IntN(2) == 0 {
				// Empty pages take places, too, behind one that is not acknowledged: then there is nothing to read.
				wait := 5 * time.Millisecond
				if len(open) == 0 {
					wait = 20 * time.Second
				}
				select {
				case one := <-read:
					page := one.page()
					if len(one.batch) != from.counts[page] || safe[page] || open[page] != nil {
						t.Fatalf("seed %d: page %d comes again, or in part: %d", seed, page, len(one.batch))
					}
					open[page] = one.ack
				case <-time.After(wait):
					if len(open) == 0 {
						t.Fatalf("seed %d: it stands still at %d", seed, passed())
					}
				}
			}
			if len(open) > places {
				t.Fatalf("seed %d: %d under way", seed, len(open))
			}
			if len(open) == places || len(open) > 0 && random.IntN(2) == 0 {
				pick := random.IntN(len(open))
				for page, ack := range open {
					if pick--; pick >= 0 {
						continue
					}
					delete(open, page)
					if random.IntN(4) == 0 {
						acked(t, ack, errors.New("refused"))
					} else {
						safe[page] = true
						acked(t, ack, nil)
					}
					break
				}
			}
			// What lies between two acknowledgements may be stored late, and never early.
			for _, cursor := range kept.stored() {
				if at, _ := strconv.Atoi(cursor); at > passed() {
					t.Fatalf("seed %d: stored %d, and page %d is not acknowledged", seed, at, passed())
				}
			}
		}
		eventually(t, "the last cursor is stored", func() bool { return kept.last() == strconv.Itoa(len(safe)) })
		if !slices.IsSortedFunc(kept.stored(), func(a, b string) int { return len(a) - len(b) + slices.Compare([]byte(a), []byte(b)) }) {
			t.Fatalf("seed %d: %v", seed, kept.stored())
		}
		stop()
		if one, ok := <-read; ok {
			t.Fatalf("seed %d: page %d comes again", seed, one.page())
		}
		if err := in.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// given is one batch of pages.
type given struct {
	batch service.MessageBatch
	ack   service.AckFunc
}

func (g given) page() int {
	id, _ := g.batch[0].MetaGet("log_record_uid")
	page, _, _ := strings.Cut(id, "-")
	number, _ := strconv.Atoi(page)
	return number
}

func TestAMessageIsABodyAndItsMetadata(t *testing.T) {
	at := uint64(1_700_000_000_123_456_789)
	batch := &source.Batch{Events: []source.Event{
		{ID: "a", Kind: "acme.audit", Time: &at, Body: `{"n":1.50}`},
		{ID: "b", Kind: "acme.audit", Body: `{}`},
	}}
	given := messages(batch, source.Metadata{Name: "acme", Version: "1.2.3"})
	body, _ := given[0].AsBytes()
	if string(body) != `{"n":1.50}` {
		t.Errorf("%s", body)
	}
	for key, want := range map[string]string{
		"log_record_uid": "a", "polling_source_id": "a", "polling_source_kind": "acme.audit",
		"polling_source_time": "2023-11-14T22:13:20.123456789Z",
		"polling_source_name": "acme", "polling_source_version": "1.2.3",
	} {
		if got, _ := given[0].MetaGet(key); got != want {
			t.Errorf("%s: %q", key, got)
		}
	}
	if _, ok := given[1].MetaGet("polling_source_time"); ok {
		t.Error("a time that nobody can read is told")
	}
}

func TestNoMoreIsPolledThanMayBeUnderWay(t *testing.T) {
	for places := 1; places <= 3; places++ {
		from := &pages{counts: []int{1, 1, 1, 1, 1}}
		in, _ := connected(t, from, &memory{}, places)
		var first service.AckFunc
		for n := range places {
			if _, ack := next(t, in); n == 0 {
				first = ack
			}
		}
		nothing(t, in)
		if from.polls() != places {
			t.Errorf("%d polls with %d places", from.polls(), places)
		}
		acked(t, first, nil)
		next(t, in)
	}
}

func TestEmptyBatchesAreNotHandedOutAndTheirCursorWaitsForThoseBefore(t *testing.T) {
	from := &pages{counts: []int{0, 2, 0, 0, 1}}
	kept := &memory{}
	in, _ := connected(t, from, kept, 5)
	_, second := next(t, in)
	_, fifth := next(t, in)
	eventually(t, "the cursor of the first page", func() bool { return kept.last() == "1" })
	acked(t, fifth, nil)
	nothing(t, in)
	if kept.last() != "1" {
		t.Errorf("stored %q, and the second page is not acknowledged", kept.last())
	}
	acked(t, second, nil)
	eventually(t, "the last cursor", func() bool { return kept.last() == "5" })
}

func TestARefusedMessageComesAgainAloneAndTheCursorWaits(t *testing.T) {
	from := &pages{counts: []int{3, 1}}
	kept := &memory{}
	child, _ := connected(t, from, kept, 2)
	in := service.AutoRetryNacksBatched(child)
	defer in.Close(context.Background())
	batch, ack := next(t, in)
	_, other := next(t, in)
	acked(t, other, nil)
	acked(t, ack, service.NewBatchError(batch, errors.New("one of them")).Failed(1, errors.New("refused")))
	again, ack := next(t, in)
	if id, _ := again[0].MetaGet("log_record_uid"); len(again) != 1 || id != "0-1" {
		t.Fatalf("%d come again, the first is %s", len(again), id)
	}
	if len(kept.stored()) != 0 {
		t.Errorf("stored: %v", kept.stored())
	}
	acked(t, ack, nil)
	eventually(t, "the last cursor", func() bool { return kept.last() == "2" })
}

func TestAStoreThatFailsPausesPollingAndIsTriedAgain(t *testing.T) {
	from := &pages{counts: []int{1, 1, 1}}
	kept := &memory{}
	in, told := connected(t, from, kept, 1)
	_, ack := next(t, in)
	kept.fail(errors.New("no space left on device"))
	acked(t, ack, nil)
	eventually(t, "it is tried again", func() bool { return kept.tried() > 1 })
	nothing(t, in)
	if from.polls() != 1 || !told.has("polling pauses until it is: no space left on device") {
		t.Errorf("%d polls; %s", from.polls(), told)
	}
	kept.fail(nil)
	next(t, in)
	if !slices.Equal(kept.stored(), []string{"1"}) {
		t.Errorf("%v", kept.stored())
	}
	if told.count("polling pauses until it is") != 1 || told.count("cursors are stored again") != 1 {
		t.Errorf("%d tries: %s", kept.tried(), told)
	}
}

func TestAStoreThatCannotBeReadIsNoNewBeginning(t *testing.T) {
	kept := &memory{fault: errors.New("the cache is down")}
	from := &pages{counts: []int{1}}
	in := newInput(from, kept, newTeller((&lines{}).resources(), from.Metadata()))
	defer in.Close(context.Background())
	var wait *service.ErrBackOff
	if err := in.Connect(context.Background()); !errors.As(err, &wait) {
		t.Fatal(err)
	}
	if _, _, err := in.ReadBatch(context.Background()); !errors.Is(err, service.ErrNotConnected) || from.polls() != 0 {
		t.Fatal(err)
	}
	kept.fail(nil)
	if err := in.Connect(context.Background()); err != nil {
		t.Fatal(err)
	}
	next(t, in)
}

func TestAnAcknowledgementThatComesWithTheStopCounts(t *testing.T) {
	kept := &memory{}
	in, _ := connected(t, &pages{counts: []int{1, 1, 1}}, kept, 3)
	_, first := next(t, in)
	_, second := next(t, in)
	next(t, in)
	kept.fail(errors.New("not yet"))
	acked(t, first, nil)
	eventually(t, "the store fails", func() bool { return kept.tried() > 0 })
	kept.fail(nil)
	acked(t, second, nil)
	if err := in.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if kept.last() != "2" {
		t.Errorf("stored: %v", kept.stored())
	}
}

func TestAnAcknowledgementRightBeforeTheStopCounts(t *testing.T) {
	for range 20 {
		kept := &memory{}
		in, _ := connected(t, &pages{counts: []int{1, 1}}, kept, 1)
		_, ack := next(t, in)
		acked(t, ack, nil)
		if err := in.Close(context.Background()); err != nil || kept.last() != "1" {
			t.Fatalf("%v %v", err, kept.stored())
		}
	}
}

func TestAStopTellsOfACursorThatCannotBeStored(t *testing.T) {
	kept := &memory{}
	in, _ := connected(t, &pages{counts: []int{1}}, kept, 1)
	_, ack := next(t, in)
	kept.fail(errors.New("the cache is down"))
	acked(t, ack, nil)
	if err := in.Close(context.Background()); err == nil {
		t.Error("nothing is told")
	}
}

func TestAStopEndsAPollInMidRequestAndMayComeTwiceOrBeforeTheStart(t *testing.T) {
	from := &stuck{begun: make(chan struct{})}
	in, _ := connected(t, from, &memory{}, 1)
	ended := make(chan error)
	go func() {
		_, _, err := in.ReadBatch(context.Background())
		ended <- err
	}()
	<-from.begun
	for range 2 {
		if err := in.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	never := newInput(&pages{}, &memory{}, nil)
	if err := never.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if err := never.Connect(context.Background()); !errors.Is(err, service.ErrEndOfInput) {
		t.Error(err)
	}
}

func TestAPollOrAStoreThatHeedsNoEndIsLeftWithTheErrorThatSaysSo(t *testing.T) {
	free := make(chan struct{})
	closes := func(in *input, says string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if err := in.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), says) {
			t.Error(err)
		}
	}
	from := &deaf{begun: make(chan struct{}), free: free}
	polls, _ := connected(t, from, &memory{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _, _ = polls.ReadBatch(context.Background())
	}()
	<-from.begun
	closes(polls, "the component still polls")
	kept := &slow{free: free}
	stores, _ := connected(t, &pages{counts: []int{1}}, kept, 1)
	_, ack := next(t, stores)
	acked(t, ack, nil)
	closes(stores, "the store still has a cursor")
	close(free)
	<-ended
	for _, in := range []*input{polls, stores} {
		if err := in.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if kept.last() != "1" {
		t.Error(kept.stored())
	}
}

// deaf is a source whose poll ends when it is let, and slow a store likewise.
type deaf struct {
	pages
	begun, free chan struct{}
}

func (d *deaf) Poll(context.Context, *string) (*source.Batch, error) {
	close(d.begun)
	<-d.free
	return nil, errors.New("late")
}

type slow struct {
	memory
	free chan struct{}
}

func (s *slow) set(ctx context.Context, cursor string) error {
	<-s.free
	return s.memory.set(ctx, cursor)
}

// stuck is a source whose poll ends with its context.
type stuck struct {
	pages
	begun chan struct{}
}

func (s *stuck) Poll(ctx context.Context, _ *string) (*source.Batch, error) {
	close(s.begun)
	<-ctx.Done()
	return nil, ctx.Err()
}

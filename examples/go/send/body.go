package send

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// membersMax: each takes as long as some KiB of what is in it, and a body has room for nearly a million.
const membersMax = 10_000

// isGzip says whether a body is gzip and nothing else, by its content-encoding.
func isGzip(encoding string) bool {
	packed := false
	for coding := range strings.SplitSeq(encoding, ",") {
		switch coding = strings.ToLower(strings.TrimSpace(coding)); {
		case coding == "" || coding == "identity":
		case packed || coding != "gzip" && coding != "x-gzip":
			return false
		default:
			packed = true
		}
	}
	return packed
}

// bounded is a reader of no more than so many bytes: what goes beyond is an error.
type bounded struct {
	reader io.Reader
	left   int64
	read   bool
}

func (b *bounded) Read(into []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	// One more than is allowed, to see whether it is there.
	into = into[:min(int64(len(into)), b.left+1)]
	count, err := b.reader.Read(into)
	b.left -= int64(count)
	b.read = b.read || count > 0
	if b.left < 0 {
		return 0, errTooLarge
	}
	return count, err
}

// readBody reads a whole body into what room there is, and undoes its gzip: whole or not at all.
func readBody(body io.Reader, packed bool, bytesMax int64, out []byte) ([]byte, error) {
	sent := &bounded{reader: body, left: bytesMax}
	if !packed {
		return readInto(out, sent)
	}
	// One reader for all members: what it has read ahead belongs to the next.
	buffer := bufio.NewReaderSize(sent, 64<<10)
	member, err := gzip.NewReader(buffer)
	if err != nil {
		if !sent.read && errors.Is(err, io.EOF) {
			return nil, nil // Many a server says so of an empty body, too.
		}
		return nil, undone(err, "the body is said to be gzip, and is none")
	}
	plain := &bounded{left: bytesMax}
	for count := 1; ; count++ {
		if count > membersMax {
			return nil, errMembers
		}
		member.Multistream(false)
		plain.reader = member
		if out, err = readInto(out, plain); err != nil {
			return nil, undone(err, "the gzip of the body is damaged, or cut short")
		}
		if _, err := buffer.Peek(1); errors.Is(err, io.EOF) {
			return out, nil
		}
		if err := member.Reset(buffer); err != nil {
			return nil, undone(err, "the gzip of the body is followed by something else")
		}
	}
}

// readInto appends all that there is to what is there.
func readInto(out []byte, reader io.Reader) ([]byte, error) {
	for {
		if len(out) == cap(out) {
			out = slices.Grow(out, 512)
		}
		count, err := reader.Read(out[len(out):cap(out)])
		out = out[:len(out)+count]
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

// undone tells a gzip that is none from a body that broke off or grew too large.
func undone(err error, why string) error {
	var corrupt interface{ Error() string }
	switch {
	case errors.Is(err, errTooLarge):
		return err
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF):
		return garbled(why)
	case errors.As(err, &corrupt) && strings.HasPrefix(err.Error(), "flate: "):
		return garbled(why)
	}
	return err
}

package collector

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	// depthMax: receivers of OTLP read no deeper nesting.
	depthMax = 64
	// membersMax: each member is looked for among those before it.
	membersMax = 1_000
	// valuesMax: each takes many times the room that it has in the text.
	valuesMax = 100_000
)

var errShape = errors.New("too deep, or too wide")

// putJSON puts a JSON object into a value, and says whether it could. Members keep their order, a name that
// comes twice has its last value, and a number that neither an integer of 64 bits nor a double holds exactly
// is the text that it was.
func putJSON(into pcommon.Value, text string) bool {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	first, err := decoder.Token()
	if err != nil || first != json.Delim('{') {
		return false
	}
	return putObject(into.SetEmptyMap(), &reader{Decoder: decoder, left: valuesMax}, 1) == nil
}

// reader reads a bounded number of values.
type reader struct {
	*json.Decoder
	left int
}

func putObject(into pcommon.Map, decoder *reader, depth int) error {
	for decoder.More() {
		if into.Len() >= membersMax {
			return errShape
		}
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		value, _ := into.GetOrPutEmpty(name.(string))
		if err := putValue(value, decoder, depth); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

func putArray(into pcommon.Slice, decoder *reader, depth int) error {
	for decoder.More() {
		if err := putValue(into.AppendEmpty(), decoder, depth); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

func putValue(into pcommon.Value, decoder *reader, depth int) error {
	if decoder.left--; decoder.left < 0 {
		return errShape
	}
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		if depth >= depthMax {
			return errShape
		}
		if t == '{' {
			return putObject(into.SetEmptyMap(), decoder, depth+1)
		}
		return putArray(into.SetEmptySlice(), decoder, depth+1)
	case string:
		into.SetStr(t)
	case bool:
		into.SetBool(t)
	case json.Number:
		putNumber(into, t.String())
	default:
		pcommon.NewValueEmpty().CopyTo(into)
	}
	return nil
}

func putNumber(into pcommon.Value, text string) {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil && text != "-0" {
		into.SetInt(whole)
		return
	}
	if double, err := strconv.ParseFloat(text, 64); err == nil && isExactly(double, text) {
		into.SetDouble(double)
		return
	}
	into.SetStr(text)
}

// isExactly says whether a double is written as this number: whoever prints it has the same digits again.
func isExactly(double float64, text string) bool {
	digits, exponent, ok := decimal(text)
	same, sameExponent, _ := decimal(strconv.FormatFloat(double, 'e', -1, 64))
	return ok && digits == same && exponent == sameExponent
}

// decimal is a number as digits without zeros at either end, and the power of ten of the last of them.
func decimal(text string) (digits string, exponent int, ok bool) {
	text = strings.TrimPrefix(text, "-")
	mantissa, power, found := strings.Cut(strings.ToLower(text), "e")
	if found {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil {
			return "", 0, false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	short := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(short)
	if short == "" {
		return "", 0, true
	}
	return short, exponent, true
}

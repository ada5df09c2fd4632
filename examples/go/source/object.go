package source

import "math/bits"

// isObject says whether a text is one JSON object on one line with nothing around it. What only begins and
// ends like one could write the rest of its envelope itself. Each body of each batch is looked at so:
// encoding/json takes a third of all the time that a row takes here.
func isObject(text string) bool {
	if text == "" || text[0] != '{' {
		return false
	}
	var open []byte // What is open, innermost last.
	at := 0
value:
	at = skipBlanks(text, at)
	if at == len(text) {
		return false
	}
	switch c := text[at]; {
	case c == '{':
		open, at = append(open, '}'), skipBlanks(text, at+1)
		if at < len(text) && text[at] != '}' {
			goto name
		}
		goto after
	case c == '[':
		open, at = append(open, ']'), skipBlanks(text, at+1)
		if at < len(text) && text[at] != ']' {
			goto value
		}
		goto after
	case c == '"':
		at = skipString(text, at)
	case c == '-' || c >= '0' && c <= '9':
		at = skipNumber(text, at)
	default:
		at = skipWord(text, at)
	}
	if at < 0 {
		return false
	}
after:
	at = skipBlanks(text, at)
	if at == len(text) {
		return false
	}
	switch innermost := open[len(open)-1]; text[at] {
	case ',':
		if at++; innermost == ']' {
			goto value
		}
	case innermost:
		at++
		if open = open[:len(open)-1]; len(open) == 0 {
			return at == len(text)
		}
		goto after
	default:
		return false
	}
name:
	if at = skipBlanks(text, at); at == len(text) || text[at] != '"' {
		return false
	}
	if at = skipString(text, at); at < 0 {
		return false
	}
	if at = skipBlanks(text, at); at == len(text) || text[at] != ':' {
		return false
	}
	at++
	goto value
}

// skipBlanks: an end of a line is none here.
func skipBlanks(text string, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	return at
}

const ones = 0x0101010101010101

// skipString gives where a string ends that begins here, or -1.
func skipString(text string, at int) int {
	for at++; ; at++ {
		// Eight at a time: most of a row is within strings.
		for len(text)-at >= 8 {
			t := text[at : at+8]
			word := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
				uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
			quote, backslash := word^ones*'"', word^ones*'\\'
			// The highest bit of the first byte that is a quote, a backslash or a control character, and maybe of some behind it.
			special := ((word-ones*' ')&^word | (quote-ones)&^quote | (backslash-ones)&^backslash) & (ones << 7)
			if special != 0 {
				at += bits.TrailingZeros64(special) / 8
				break
			}
			at += 8
		}
		if at >= len(text) {
			return -1
		}
		switch c := text[at]; {
		case c == '"':
			return at + 1
		case c < ' ':
			return -1
		case c == '\\':
			at++
			if at == len(text) {
				return -1
			}
			switch text[at] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if at++; at == len(text) || !isHex(text[at]) {
						return -1
					}
				}
			default:
				return -1
			}
		}
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func skipNumber(text string, at int) int {
	if text[at] == '-' {
		at++
	}
	first := at
	if at = skipDigits(text, at); at == first || text[first] == '0' && at > first+1 {
		return -1
	}
	if at < len(text) && text[at] == '.' {
		first = at + 1
		if at = skipDigits(text, first); at == first {
			return -1
		}
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		at++
		if at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		first = at
		if at = skipDigits(text, at); at == first {
			return -1
		}
	}
	return at
}

func skipDigits(text string, at int) int {
	for at < len(text) && text[at] >= '0' && text[at] <= '9' {
		at++
	}
	return at
}

func skipWord(text string, at int) int {
	for _, word := range [...]string{"true", "false", "null"} {
		if len(text)-at >= len(word) && text[at:at+len(word)] == word {
			return at + len(word)
		}
	}
	return -1
}

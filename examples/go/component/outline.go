package component

// What is decoded recurses as deep as a file nests, and allocates by what it says of itself. So its outline is
// looked over first: by loops alone, within bounds that no component of the contract comes near.

const (
	// plainBytesMax is all of a component but its core modules and custom sections.
	plainBytesMax = 1 << 20
	// typesMax is its types, those that its interfaces define among them.
	typesMax   = 2_000
	aliasesMax = 2_000
	// nestedMax is how deep components may stand within each other. What is run has one level of them.
	nestedMax = 4
)

// Sections of the binary format.
const (
	sectionCustom    = 0
	sectionModule    = 1
	sectionCoreType  = 3
	sectionComponent = 4
	sectionAlias     = 6
	sectionType      = 7
	sectionMax       = 12
)

// preambleBytes is the magic number, the version and the layer.
const preambleBytes = 8

// outline is what was seen of a component so far.
type outline struct {
	plain, types, aliases int
}

// checkOutline says why a component is not to be decoded.
func checkOutline(wasm []byte) error {
	return new(outline).component(wasm, 0)
}

func (o *outline) component(wasm []byte, nested int) error {
	if len(wasm) < preambleBytes {
		return nil // The decoder says what it is.
	}
	r := &reader{bytes: wasm[preambleBytes:]}
	for len(r.bytes) > 0 && !r.broken {
		id := r.byte()
		body := r.take(r.number())
		if r.broken || id > sectionMax {
			break
		}
		if id != sectionCustom && id != sectionModule && id != sectionComponent {
			o.plain += len(body)
		}
		if o.plain > plainBytesMax {
			return failure("it has more than %d bytes beside its code and its data", plainBytesMax)
		}
		if err := o.section(id, body, nested); err != nil {
			return err
		}
		if o.types > typesMax || o.aliases > aliasesMax {
			return failure("it has more than %d types, or more than %d aliases", typesMax, aliasesMax)
		}
	}
	return nil
}

func (o *outline) section(id byte, body []byte, nested int) error {
	switch id {
	case sectionCoreType:
		return failure("it defines types of core modules: this host runs components without")
	case sectionComponent:
		if nested == nestedMax {
			return failure("it holds components within each other, more than %d deep", nestedMax)
		}
		return o.component(body, nested+1)
	case sectionAlias:
		o.aliases += int(min((&reader{bytes: body}).number(), aliasesMax+1))
	case sectionType:
		r := &reader{bytes: body}
		for count := r.number(); count > 0 && !r.broken && o.types <= typesMax; count-- {
			o.defined(r, false)
		}
		if r.broken {
			return errTypes
		}
	}
	return nil
}

var errTypes = failure("its types are none of the contract's, or cannot be read")

// defined passes over one type. An interface defines values and functions, and no interface.
func (o *outline) defined(r *reader, within bool) {
	o.types++
	const function, interfaced, resource = 0x40, 0x42, 0x3f
	switch tag := r.byte(); {
	case tag == function:
		r.each(func() { r.name(); r.value() })
		if r.byte() == 0 {
			r.value()
		} else {
			r.byte()
		}
	case tag == interfaced && !within:
		r.each(func() { o.declared(r) })
	case tag == resource:
		r.byte()
		if r.byte() != 0 {
			r.number()
		}
	default:
		r.composite(tag)
	}
}

// declared passes over what an interface declares.
func (o *outline) declared(r *reader) {
	const defines, aliases, exports = 1, 2, 4
	switch r.byte() {
	case defines:
		o.defined(r, true)
	case aliases: // A type of the component around it.
		o.types++
		if r.byte() != sortType || r.byte() != 2 {
			r.broken = true
		}
		r.number()
		r.number()
	case exports:
		o.types++
		if r.byte() > 1 {
			r.broken = true
		}
		r.name()
		switch r.byte() {
		case sortFunc:
			r.number()
		case sortType:
			if r.byte() == 0 {
				r.number()
			}
		default:
			r.broken = true
		}
	default:
		r.broken = true
	}
}

// reader reads the binary format. Once it is broken it gives nothing more.
type reader struct {
	bytes  []byte
	broken bool
}

func (r *reader) byte() byte {
	if part := r.take(1); len(part) == 1 {
		return part[0]
	}
	return 0
}

func (r *reader) take(count uint32) []byte {
	if uint64(count) > uint64(len(r.bytes)) {
		r.bytes, r.broken = nil, true
		return nil
	}
	part := r.bytes[:count]
	r.bytes = r.bytes[count:]
	return part
}

// number is an unsigned integer of 32 bits.
func (r *reader) number() (number uint32) {
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		number |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return number
		}
	}
	r.broken = true
	return 0
}

func (r *reader) name() { r.take(r.number()) }

// value is a reference to a type of values: a primitive, or an index.
func (r *reader) value() { r.number() }

func (r *reader) optional() {
	if r.byte() != 0 {
		r.value()
	}
}

// each passes over so many as are said to follow.
func (r *reader) each(pass func()) {
	for count := r.number(); count > 0 && !r.broken; count-- {
		pass()
	}
}

// composite passes over what is left of a type of values that begins so.
func (r *reader) composite(tag byte) {
	switch tag {
	case 0x72: // record
		r.each(func() { r.name(); r.value() })
	case 0x71: // variant
		r.each(func() { r.name(); r.optional(); r.byte() })
	case 0x70, 0x6b: // list, option
		r.value()
	case 0x6f: // tuple
		r.each(r.value)
	case 0x6e, 0x6d: // flags, enum
		r.each(r.name)
	case 0x6a: // result
		r.optional()
		r.optional()
	case 0x69, 0x68: // own, borrow
		r.number()
	default:
		if tag < 0x73 || tag > 0x7f { // a primitive
			r.broken = true
		}
	}
}

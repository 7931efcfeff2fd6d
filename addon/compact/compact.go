// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package compact keeps Kubernetes objects in little memory. As maps they take several
// times as much as their text, and most of that are the names of the same few fields.
package compact

import (
	"encoding/binary"
	"math"
	"strings"
)

// The first byte of a value says what it is.
const (
	isNull byte = iota
	isFalse
	isTrue
	isInteger
	isNumber
	isText
	// isUsual is a text of the list of usual ones, by its place there.
	isUsual
	isList
	isObject
)

// maxDepth is how deeply values may be nested, as the API server has it at most.
const maxDepth = 10000

// Pack is an object as a short text, in which usual names and values have a number
// instead. Equal objects may have different texts. It is not ok for an object that
// holds what is not of the types of unstructured objects, which is to be kept as it is.
func Pack(object map[string]any) (packed string, ok bool) {
	buffer, ok := appendValue(make([]byte, 0, 1024), object)
	return string(buffer), ok
}

func appendValue(to []byte, value any) ([]byte, bool) {
	switch value := value.(type) {
	case nil:
		return append(to, isNull), true
	case bool:
		if value {
			return append(to, isTrue), true
		}
		return append(to, isFalse), true
	case int64:
		return binary.AppendVarint(append(to, isInteger), value), true
	case float64:
		return binary.BigEndian.AppendUint64(append(to, isNumber), math.Float64bits(value)), true
	case string:
		return appendText(to, value), true
	case []any:
		return appendList(to, value)
	case map[string]any:
		return appendObject(to, value)
	}
	return nil, false
}

func appendText(to []byte, text string) []byte {
	if place, ok := places[text]; ok {
		return binary.AppendUvarint(append(to, isUsual), place)
	}
	to = binary.AppendUvarint(append(to, isText), uint64(len(text)))
	return append(to, text...)
}

func appendList(to []byte, list []any) ([]byte, bool) {
	if list == nil {
		return nil, false
	}
	to = binary.AppendUvarint(append(to, isList), uint64(len(list)))
	for _, item := range list {
		var ok bool
		if to, ok = appendValue(to, item); !ok {
			return nil, false
		}
	}
	return to, true
}

func appendObject(to []byte, object map[string]any) ([]byte, bool) {
	if object == nil {
		return nil, false
	}
	to = binary.AppendUvarint(append(to, isObject), uint64(len(object)))
	for name, value := range object {
		var ok bool
		if to, ok = appendValue(appendText(to, name), value); !ok {
			return nil, false
		}
	}
	return to, true
}

// Unpack is the reverse of Pack: a new object, which shares nothing with others. It
// is not ok for a text that Pack did not make.
func Unpack(packed string) (object map[string]any, ok bool) {
	r := reader{rest: packed}
	object, ok = r.value(maxDepth).(map[string]any)
	return object, ok && !r.bad && r.rest == ""
}

// reader reads a packed value from its front.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) fail() any {
	r.bad, r.rest = true, ""
	return nil
}

func (r *reader) value(depth int) any {
	if r.rest == "" || depth == 0 {
		return r.fail()
	}
	kind := r.rest[0]
	switch kind {
	case isNull:
		r.rest = r.rest[1:]
		return nil
	case isFalse, isTrue:
		r.rest = r.rest[1:]
		return kind == isTrue
	case isInteger:
		r.rest = r.rest[1:]
		unsigned := r.number()
		return int64(unsigned>>1) ^ -int64(unsigned&1)
	case isNumber:
		return r.float()
	case isText, isUsual:
		return r.text()
	case isList:
		return r.list(depth)
	case isObject:
		return r.object(depth)
	}
	return r.fail()
}

// number reads one of variable length.
func (r *reader) number() uint64 {
	var number uint64
	for i := range min(len(r.rest), binary.MaxVarintLen64) {
		b := r.rest[i]
		number |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return number
		}
	}
	r.fail()
	return 0
}

func (r *reader) float() any {
	if len(r.rest) < 9 {
		return r.fail()
	}
	bits := binary.BigEndian.Uint64([]byte(r.rest[1:9]))
	r.rest = r.rest[9:]
	return math.Float64frombits(bits)
}

// text reads one as a value: a usual one is the same for all.
func (r *reader) text() any {
	kind := r.rest[0]
	r.rest = r.rest[1:]
	number := r.number()
	if kind == isUsual {
		if number >= uint64(len(shared)) {
			return r.fail()
		}
		return shared[number]
	}
	if number > uint64(len(r.rest)) {
		return r.fail()
	}
	// A copy, so that who keeps the text does not keep the whole object.
	text := strings.Clone(r.rest[:number])
	r.rest = r.rest[number:]
	return text
}

// length is that of a list or an object, whose parts take a byte each at least.
func (r *reader) length() int {
	r.rest = r.rest[1:]
	number := r.number()
	if number > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(number)
}

func (r *reader) list(depth int) any {
	list := make([]any, r.length())
	for i := range list {
		if list[i] = r.value(depth - 1); r.bad {
			return nil
		}
	}
	return list
}

func (r *reader) object(depth int) any {
	length := r.length()
	object := make(map[string]any, length)
	for range length {
		if r.rest == "" || r.rest[0] != isText && r.rest[0] != isUsual {
			return r.fail()
		}
		name, ok := r.text().(string)
		if !ok {
			return r.fail()
		}
		if object[name] = r.value(depth - 1); r.bad {
			return nil
		}
	}
	return object
}

// places are those of the usual texts, and shared are these as values. Neither changes.
var (
	places = placesOf(usual())
	shared = valuesOf(usual())
)

func placesOf(texts []string) map[string]uint64 {
	places := make(map[string]uint64, len(texts))
	for i, text := range texts {
		places[text] = uint64(i)
	}
	return places
}

func valuesOf(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}

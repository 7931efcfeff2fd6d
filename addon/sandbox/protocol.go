// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

const (
	// maxDepth bounds how deeply JSON nests, in both directions. Objects of
	// Kubernetes stay below 40.
	maxDepth = 200
	// maxValues bounds how many values a response holds: small values take many
	// times the memory of their text once they are decoded.
	maxValues = 100_000
	// wrapping is how many levels a message puts around its payload.
	wrapping = 4
	// maxSources is how many sources a worker remembers by their digest.
	maxSources = 64
	// headerSize is that of the length in front of a frame.
	headerSize = 4
	// overhead is what a frame may hold besides its payload.
	overhead = 1 << 20
)

// request asks for a run, or for a description. The text of a source travels
// once, after that its digest stands for it.
type request struct {
	ID       uint64          `json:"id"`
	Digest   string          `json:"digest"`
	Source   *program.Source `json:"source,omitempty"`
	Describe bool            `json:"describe,omitempty"`
	Inputs   json.RawMessage `json:"inputs,omitempty"`
	Wanted   []string        `json:"wanted,omitempty"`
}

// response answers the request with the same ID. The ID 0 says that the worker is ready.
type response struct {
	ID uint64 `json:"id"`
	// Unknown says that the worker does not remember the source: its text is asked for.
	Unknown     bool                 `json:"unknown,omitempty"`
	Fields      map[string]any       `json:"fields"`
	Description *program.Description `json:"description,omitempty"`
	Failure     *program.Failure     `json:"failure,omitempty"`
}

// What a message is refused for.
var (
	errTooLarge = errors.New("too large")
	errTooDeep  = errors.New("nested too deeply")
	errTooMany  = errors.New("too many values")
)

// readFrame reads a length and as many bytes.
func readFrame(in io.Reader, limit int) ([]byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return nil, fmt.Errorf("read the length of a frame: %w", err)
	}
	length := binary.BigEndian.Uint32(header[:])
	if uint64(length) > uint64(limit) {
		return nil, fmt.Errorf("frame of %d bytes, %d are allowed: %w", length, limit, errTooLarge)
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(in, payload); err != nil {
		return nil, fmt.Errorf("read a frame of %d bytes: %w", length, err)
	}
	return payload, nil
}

// frame is the JSON of a message with its length in front.
func frame(message any, limit int) ([]byte, error) {
	out := &bounded{limit: limit}
	_, _ = out.Write(make([]byte, headerSize))
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(message); err != nil {
		return nil, err
	}
	if out.full {
		return nil, errTooLarge
	}
	raw := out.Bytes()
	binary.BigEndian.PutUint32(raw, uint32(len(raw)-headerSize)) //nolint:gosec // limits are far below 4 GiB
	return raw, nil
}

// bounded is a buffer that stops growing at a limit.
type bounded struct {
	bytes.Buffer
	limit int
	full  bool
}

// Write keeps what fits.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		b.full = true
		return 0, errTooLarge
	}
	return b.Buffer.Write(p)
}

// decodeMessage decodes JSON of bounded depth and number of values. Numbers stay text.
func decodeMessage(raw []byte, values int, into any) error {
	if err := checkShape(raw, maxDepth+wrapping, values); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("decode a message of %d bytes: %w", len(raw), err)
	}
	return nil
}

// checkShape looks at the punctuation of JSON alone, so that nothing is
// allocated for a text that is refused.
func checkShape(raw []byte, maxDepth, maxValues int) error {
	depth, values, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth, values = depth+1, values+1
		case c == '}' || c == ']':
			depth--
		case c == ',':
			values++
		}
		if depth > maxDepth {
			return errTooDeep
		}
		if values > maxValues {
			return errTooMany
		}
	}
	return nil
}

// exact is a copy in which whole floats are recognisable as such in JSON, where
// 2.0 would be written like the integer 2.
func exact(value any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	var err error
	switch v := value.(type) {
	case float64:
		return exactFloat(v), nil
	case map[string]any:
		if v == nil {
			return nil, nil
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			if out[key], err = exact(item, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		if v == nil {
			return nil, nil
		}
		out := make([]any, len(v))
		for i, item := range v {
			if out[i], err = exact(item, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}

func exactFloat(v float64) any {
	// From 1e21 on JSON has an exponent.
	if v != math.Trunc(v) || math.Abs(v) >= 1e21 {
		return v
	}
	return json.Number(strconv.FormatFloat(v, 'f', 1, 64))
}

// numbers gives decoded JSON the types of unstructured objects, in place: int64
// for integers, float64 for all other numbers.
func numbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		return number(v)
	case map[string]any:
		for key, item := range v {
			v[key] = numbers(item)
		}
	case []any:
		for i, item := range v {
			v[i] = numbers(item)
		}
	}
	return value
}

func number(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	// What is out of range becomes infinite, as in any decoder of floats.
	f, _ := n.Float64()
	return f
}

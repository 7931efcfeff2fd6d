// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/json"
	"fmt"
)

// Limits bound a worker. The parent hands them over as the worker's argument.
type Limits struct {
	// Memory is the most resident memory in bytes; the worker confines itself to
	// it as far as a process can. None when it is 0.
	Memory int64 `json:"memory"`
	// MaxRequest and MaxResponse bound messages in bytes.
	MaxRequest  int `json:"maxRequest"`
	MaxResponse int `json:"maxResponse"`
	// Concurrency is how many requests are served at once.
	Concurrency int `json:"concurrency"`
}

// ParseLimits reads the argument that the parent gives to a worker.
func ParseLimits(argument string) (Limits, error) {
	var l Limits
	if err := json.Unmarshal([]byte(argument), &l); err != nil {
		return Limits{}, fmt.Errorf("limits of the worker: %w", err)
	}
	if l.Memory < 0 || l.MaxRequest <= 0 || l.MaxResponse <= 0 || l.Concurrency <= 0 {
		return Limits{}, fmt.Errorf("limits of the worker: maxRequest, maxResponse and concurrency must be above 0, memory not below")
	}
	return l, nil
}

// argument is the text that ParseLimits reads.
func (l Limits) argument() string {
	raw, err := json.Marshal(l)
	if err != nil {
		// Numbers always have a JSON form.
		return "{}"
	}
	return string(raw)
}

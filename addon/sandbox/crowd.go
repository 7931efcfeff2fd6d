// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"k8s.io/utils/lru"
)

// maxTrusted bounds how many sources are remembered that did no harm.
const maxTrusted = 4096

// crowd is a child that serves several at once, started when there is somebody
// to serve. What ends it costs its crowd alone.
type crowd struct {
	slots chan struct{}
	// current belongs to the sandbox's mutex.
	current *child
}

func newCrowd(concurrency int) *crowd {
	return &crowd{slots: make(chan struct{}, concurrency)}
}

// record tells who did no harm so far. Who is run for the first time may be
// anybody, so those are kept from the others.
type record struct {
	known *lru.Cache
}

func newRecord() *record {
	return &record{known: lru.New(maxTrusted)}
}

// note remembers how a task got on in a crowd. Who may have ended the child is a
// stranger again, even when alone it turns out to be harmless: it may need so
// much that there is no room for others.
func (r *record) note(t *task, out outcome) {
	switch out.fate {
	case answered:
		r.known.Add(t.kind(), nil)
	case suspect, overdue:
		r.known.Remove(t.kind())
	}
}

func (r *record) trusts(t *task) bool {
	_, ok := r.known.Get(t.kind())
	return ok
}

// kind is what tasks have in common that ask the same of the same source. That a
// source can be described says nothing of how it runs.
func (t *task) kind() string {
	if t.describe {
		return t.digest + "/describe"
	}
	return t.digest
}

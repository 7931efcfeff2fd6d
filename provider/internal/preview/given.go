// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

const (
	// maxDerived bounds how many sets of definitions are kept compiled.
	maxDerived = 64
	// patience bounds what is done with CUE that somebody else wrote: it cannot be
	// interrupted, and may take for ever.
	patience = 20 * time.Second
)

// errEndless says that the CUE of a definition came to no end.
var errEndless = fmt.Errorf("the definition was not understood within %s: its CUE multiplies or refers to itself", patience)

// typeName is a type of a kind.
type typeName struct {
	kind definition.Kind
	name string
}

// GivenError is a definition that cannot be used.
type GivenError struct {
	// Index of the file in the list.
	Index int
	// Err says what is wrong with it.
	Err error
}

// Error says what is wrong.
func (e *GivenError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *GivenError) Unwrap() error { return e.Err }

// derived are the renderers that were made of one, by the files that they have more.
type derived struct {
	mutex sync.Mutex
	known map[string]func() (*Renderer, error)
}

// With is the renderer that has the component and trait types of these CUE files,
// too. Each hides the embedded type of its name, and that of a file before it. The
// error is a *GivenError.
func (r *Renderer) With(files []string) (*Renderer, error) {
	if len(files) == 0 {
		return r, nil
	}
	return r.own.get(strings.Join(files, "\x00"), func() (*Renderer, error) { return r.with(files) })
}

// get makes what is not known yet, once.
func (d *derived) get(key string, create func() (*Renderer, error)) (*Renderer, error) {
	d.mutex.Lock()
	found, ok := d.known[key]
	if !ok {
		if d.known == nil || len(d.known) >= maxDerived {
			d.known = map[string]func() (*Renderer, error){}
		}
		found = sync.OnceValues(create)
		d.known[key] = found
	}
	d.mutex.Unlock()
	return found()
}

func (r *Renderer) with(files []string) (*Renderer, error) {
	var own []*definition.Definition
	given := map[typeName]bool{}
	for i, file := range files {
		// What is found out is kept for all, so no caller's end counts.
		read, err := Within(context.Background(), func() (*definition.Definition, error) { return readGiven(file) })
		if err != nil {
			return nil, &GivenError{Index: i, Err: err}
		}
		if read.Kind == definition.Component || read.Kind == definition.Trait {
			own = append(own, read)
		}
		if read.Kind != definition.WorkflowStep {
			given[typeName{read.Kind, read.Name}] = true
		}
	}
	out := over(definition.NewLibrary(own...).Over(r.library))
	out.given = given
	return out, nil
}

// readGiven reads and compiles a definition.
func readGiven(file string) (*definition.Definition, error) {
	read, err := definition.Parse("cue", []byte(file))
	if err != nil {
		return nil, err
	}
	return read, read.Check()
}

// Within does what may take for ever, and gives up waiting for it after 20 seconds or
// at the end of ctx. The process of the provider ends soon, and what was given up with
// it: until then it goes on, so that it must not touch what its caller goes on with.
func Within[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	var none T
	limit := time.NewTimer(patience)
	defer limit.Stop()
	done := make(chan outcome, 1)
	go func() {
		value, err := do()
		done <- outcome{value, err}
	}()
	select {
	case found := <-done:
		return found.value, found.err
	case <-ctx.Done():
		return none, fmt.Errorf("the definition was not looked at to the end: %w", ctx.Err())
	case <-limit.C:
		return none, errEndless
	}
}

// Has says whether a type is one of a file that was given.
func (r *Renderer) Has(kind definition.Kind, name string) bool { return r.given[typeName{kind, name}] }

// bounded is Preview for a renderer with definitions of somebody else.
func (r *Renderer) bounded(a Application) Preview {
	found, err := Within(context.Background(), func() (Preview, error) { return r.preview(a), nil })
	if errors.Is(err, errEndless) {
		return Preview{Unknown: err.Error()}
	}
	return found
}

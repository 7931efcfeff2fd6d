// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"cmp"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// diagnostic is an error or warning of the engine.
type diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Address  string `json:"address"`
	// StartedAt and FailedAt are when an apply began with what it is about, and when that failed.
	StartedAt time.Time `json:"-"`
	FailedAt  time.Time `json:"-"`
}

// diagnostics are those of a run with -json, by the address that they are about,
// or by their summary where they name none, as those of a destroy. All of an apply
// come at its end.
func (r *engineRun) diagnostics() map[string]diagnostic {
	found, started, failed := map[string]diagnostic{}, map[string]time.Time{}, map[string]time.Time{}
	for line := range strings.Lines(r.String()) {
		var message struct {
			Type string    `json:"type"`
			At   time.Time `json:"@timestamp"`
			Hook struct {
				Resource struct {
					Addr string `json:"addr"`
				} `json:"resource"`
			} `json:"hook"`
			Diagnostic diagnostic `json:"diagnostic"`
		}
		if json.Unmarshal([]byte(line), &message) != nil {
			continue
		}
		switch message.Type {
		case "apply_start":
			started[message.Hook.Resource.Addr] = message.At
		case "apply_errored":
			failed[message.Hook.Resource.Addr] = message.At
		case "diagnostic":
			message.Diagnostic.StartedAt, message.Diagnostic.FailedAt = started[message.Diagnostic.Address], failed[message.Diagnostic.Address]
			found[cmp.Or(message.Diagnostic.Address, message.Diagnostic.Summary)] = message.Diagnostic
		}
	}
	return found
}

// apply applies the configuration, everything at the same time, and returns the
// exit status and the diagnostics.
func (w *workspace) apply(t *testing.T, args ...string) (code int, found map[string]diagnostic) {
	t.Helper()
	r := w.start(t, nil, append([]string{"apply", "-auto-approve", "-json", "-parallelism=100"}, args...)...)
	_ = r.wait(t) // the exit status says the same
	return r.cmd.ProcessState.ExitCode(), r.diagnostics()
}

// mustApply applies the configuration without an error.
func (w *workspace) mustApply(t *testing.T, args ...string) {
	t.Helper()
	if code, found := w.apply(t, args...); code != 0 {
		t.Fatalf("apply ended with %d: %s", code, jsonOf(found))
	}
}

// destroyAtTheEnd destroys everything when the test ends.
func (w *workspace) destroyAtTheEnd(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { w.run(t, nil, "destroy", "-auto-approve", "-parallelism=100") })
}

// planned writes a plan to a file of the workspace and reads what the engine shows
// of it to programs.
func (w *workspace) planned(t *testing.T, file string, into any) {
	t.Helper()
	w.run(t, nil, "plan", "-input=false", "-out="+file, "-parallelism=100")
	w.decode(t, into, "show", "-json", file)
}

// decode reads the JSON that a command of the engine prints.
func (w *workspace) decode(t *testing.T, into any, args ...string) {
	t.Helper()
	if out := w.run(t, nil, args...); json.Unmarshal([]byte(out), into) != nil {
		t.Fatalf("%s is not the JSON that was expected:\n%.500s", strings.Join(args, " "), out)
	}
}

// change is what the next apply would do with a resource.
type change struct {
	Address string `json:"address"`
	Change  struct {
		Actions []string       `json:"actions"`
		Unknown map[string]any `json:"after_unknown"`
	} `json:"change"`
}

// changes are what the next apply would do with each resource.
func (w *workspace) changes(t *testing.T) []change {
	t.Helper()
	var plan struct {
		Changes []change `json:"resource_changes"`
	}
	w.planned(t, "next.tfplan", &plan)
	return plan.Changes
}

// plan is what the next apply would do, by address: create, update, delete; what
// stays as it is has no entry.
func (w *workspace) plan(t *testing.T) map[string]string {
	t.Helper()
	actions := map[string]string{}
	for _, change := range w.changes(t) {
		if text := strings.Join(change.Change.Actions, ", "); text != "no-op" && text != "read" {
			actions[change.Address] = text
		}
	}
	return actions
}

// stateEntry is a resource in the state.
type stateEntry struct {
	Status     string         `json:"status"`
	Attributes map[string]any `json:"attributes"`
}

// state is what is in the state, by address.
func (w *workspace) state(t *testing.T) map[string]stateEntry {
	t.Helper()
	var pulled struct {
		Resources []struct {
			Type      string       `json:"type"`
			Name      string       `json:"name"`
			Instances []stateEntry `json:"instances"`
		} `json:"resources"`
	}
	w.decode(t, &pulled, "state", "pull")
	entries := map[string]stateEntry{}
	for _, r := range pulled.Resources {
		entries[r.Type+"."+r.Name] = r.Instances[0]
	}
	return entries
}

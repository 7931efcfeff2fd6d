// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRolloutGoesBack takes back an update whose rollout did not succeed. What was complete before is a new rollout then, which is
// waited for like any other: it is an error while it is not healthy, stays in the plan, and leaves nothing in the plan once it is.
func TestRolloutGoesBack(t *testing.T) {
	plane := sharedHub(t)
	cases := map[string]struct {
		// rollout has more attributes of the rollout, and status is that of the update.
		rollout string
		status  map[string]any
		// ends applies the update.
		ends func(*testing.T, *workspace)
		// back are the options of the apply that takes it back.
		back []string
	}{
		"error": {status: brokenStatus(), ends: endsWith(1)},
		// Nothing is read then: what failed has to be kept by the apply that failed.
		"error-unread": {status: brokenStatus(), ends: endsWith(1), back: []string{"-refresh=false"}},
		"warning":      {rollout: `on_failure = "warn"`, status: brokenStatus(), ends: endsWith(0)},
		"interrupt":    {status: progressingStatus(), ends: endsByInterrupt},
		"kill":         {status: progressingStatus(), ends: endsByKill},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			name := "rollout-back-" + name
			addon := writeStatus(t, plane, name, healthyStatus())
			w := newWorkspace(t, rolledOut(plane, name, "nginx:1", c.rollout))
			w.destroyAtTheEnd(t)
			w.mustApply(t)

			addon.say(t, c.status)
			w.write(t, rolledOut(plane, name, "nginx:2", c.rollout))
			c.ends(t, w)

			addon.say(t, brokenStatus())
			w.write(t, rolledOut(plane, name, "nginx:1", ""))
			code, found := w.apply(t, c.back...)
			if code != 1 || !strings.Contains(found[thisRollout].Summary, "is not healthy in 1 of 2 places") {
				t.Errorf("what was taken back is not healthy, and the apply ended with %d: %s", code, jsonOf(found))
			}
			if diff := cmp.Diff(map[string]string{thisRollout: "update"}, w.plan(t)); diff != "" {
				t.Errorf("the plan after the failure (-want +got):\n%s", diff)
			}

			addon.say(t, healthyStatus())
			w.mustApply(t, "-refresh=false")
			if diff := cmp.Diff(map[string]string{}, w.plan(t)); diff != "" {
				t.Errorf("the plan once it is healthy (-want +got):\n%s", diff)
			}
			addon.say(t, brokenStatus())
			if diff := cmp.Diff(map[string]string{}, w.plan(t)); diff != "" {
				t.Errorf("the plan while it is unhealthy later (-want +got):\n%s", diff)
			}
		})
	}
}

// endsWith applies an update, which ends with that status.
func endsWith(want int) func(*testing.T, *workspace) {
	return func(t *testing.T, w *workspace) {
		t.Helper()
		if code, found := w.apply(t); code != want {
			t.Fatalf("the update ended with %d, want %d: %s", code, want, jsonOf(found))
		}
	}
}

// endsByInterrupt presses Ctrl-C while an update is waited for.
func endsByInterrupt(t *testing.T, w *workspace) {
	t.Helper()
	interrupt(t, w.start(t, nil, "apply", "-auto-approve"), thisRollout+": Still modifying", func() error { return nil })
}

// endsByKill kills the engine and the provider while an update is waited for: nobody can keep that it failed.
func endsByKill(t *testing.T, w *workspace) {
	t.Helper()
	run := w.start(t, nil, "apply", "-auto-approve")
	eventually(t, patience, "the engine to wait", func() error {
		if !strings.Contains(run.String(), thisRollout+": Still modifying") {
			return errors.New(run.String())
		}
		return nil
	})
	if err := everybody.kill(run); err != nil {
		t.Fatal(err)
	}
	if err := run.wait(t); err == nil {
		t.Errorf("a killed run succeeded:\n%s", run)
	}
}

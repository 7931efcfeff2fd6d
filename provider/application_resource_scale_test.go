// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/preview"
)

// TestManyApplicationsArePreviewed plans many applications of three components
// each, five hundred in a long test: what a plan renders once, no later plan
// renders again, and one without a change renders nothing.
func TestManyApplicationsArePreviewed(t *testing.T) {
	count := 50
	if os.Getenv("FAIRLEAD_TEST_LONG") != "" {
		count = 500
	}
	p := newPlanner(t)
	config := func(i int, image string) map[string]string {
		return map[string]string{"components": fmt.Sprintf(`{
  web    = { type = "webservice", properties = { image = %[2]s, ports = [{ port = 80, expose = true }], env = [{ name = "NUMBER", value = "%[1]d" }] }, traits = { scaler = { replicas = 2 } } }
  worker = { type = "worker", properties = { image = "a", env = [{ name = "NUMBER", value = "%[1]d" }] } }
  job    = { type = "cron-task", properties = { image = "a", schedule = "0 3 * * *", cmd = ["%[1]d"] } }
}`, i, image)}
	}
	measure := func(what string, renders uint64, plan func(i int)) {
		t.Helper()
		before, start := preview.Shared().Renders(), time.Now()
		for i := range count {
			plan(i)
		}
		got := preview.Shared().Renders() - before
		t.Logf("%s: %s, %d renders, %s", what, time.Since(start).Round(10*time.Millisecond), got, peakMemory(t))
		if got > renders {
			t.Errorf("%s: got %d renders, want at most %d", what, got, renders)
		}
	}
	known := func(i int) map[string]string { return config(i, fmt.Sprintf(`"many:%d"`, i)) }
	measure("no change", 0, func(i int) {
		attributes := attributes(t, known(i))
		state := stateOf(attributes)
		state["resources"] = resourcesValue(map[string]string{"a": someDigest})
		p.update(state, configOf(attributes))
	})
	measure("create", uint64(3*count), func(i int) { p.plan(applicationType, configOf(attributes(t, known(i)))) })
	measure("create again", 0, func(i int) { p.plan(applicationType, configOf(attributes(t, known(i)))) })
	measure("an image that is not known yet", uint64(40*count), func(i int) { p.plan(applicationType, configOf(attributes(t, config(i, "unknown")))) })
}

// peakMemory is the most resident memory that this process had, as Linux tells it.
func peakMemory(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "memory not known"
	}
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "VmHWM") {
			return strings.Join(strings.Fields(line), " ")
		}
	}
	return "memory not known"
}

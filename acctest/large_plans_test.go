// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPain14LargePlans counts in the audit log of the hub what a plan of many
// applications asks for. Without a change that is each application once, and once how
// they are served; where all change one dry run of each comes to it, and once what
// there is of environments. No plan writes anything.
func TestPain14LargePlans(t *testing.T) {
	plane := sharedHub(t)
	const many = 100
	config := func(image string) string {
		return fmt.Sprintf(`
resource "fairlead_application" "many" {
  count      = %d
  namespace  = "default"
  name       = "large-${count.index}"
  components = { web = { type = "webservice", properties = { image = %q } } }
}
`, many, image)
	}
	w := newWorkspace(t, config("nginx:1"))
	env := []string{"KUBE_CONFIG_PATH=" + plane.KubeconfigPath}
	w.run(t, env, "apply", "-auto-approve")
	t.Cleanup(func() { w.run(t, env, "destroy", "-auto-approve") })
	eachOnce := map[string]int{}
	for i := range many {
		eachOnce[fmt.Sprintf("large-%d", i)] = 1
	}
	none := map[string]int{"discovery /apis/core.oam.dev/v1beta1": 1}
	log := auditFromNow(t, plane)
	w.run(t, env, "plan", "-detailed-exitcode")
	checkRequests(t, "without a change", log, eachOnce, map[string]int{}, none)
	w.write(t, config("nginx:2"))
	log = auditFromNow(t, plane)
	w.run(t, env, "plan")
	all := maps.Clone(none)
	all["discovery /apis/fairlead.dev/v1alpha1"], all["list environments"], all["list clusterbindings"] = 1, 1, 1
	checkRequests(t, "where all change", log, eachOnce, eachOnce, all)
}

// checkRequests checks what a plan asked for: reads and dry runs by application, and
// the rest by kind.
func checkRequests(t *testing.T, reason string, log *audit, reads, tries, others map[string]int) {
	t.Helper()
	got := []map[string]int{{}, {}, {}}
	for _, event := range log.ofProvider(t) {
		switch ref := event.ObjectRef; {
		case ref.Resource == "":
			got[2]["discovery "+strings.SplitN(event.RequestURI, "?", 2)[0]]++
		case ref.Resource == "applications" && event.Verb == "get":
			got[0][ref.Name]++
		case ref.Resource == "applications" && event.Verb == "patch" && strings.Contains(event.RequestURI, "dryRun=All"):
			got[1][ref.Name]++
		default:
			got[2][event.Verb+" "+ref.Resource]++
		}
	}
	for i, want := range []map[string]int{reads, tries, others} {
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", reason, []string{"reads", "dry runs", "other requests"}[i], diff)
		}
	}
}

// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPain14LargePlans counts in the audit log of the hub what a plan of many
// applications asks for: each application once, and once for how they are served.
func TestPain14LargePlans(t *testing.T) {
	plane := sharedHub(t)
	const many = 100
	w := newWorkspace(t, fmt.Sprintf(`
resource "fairlead_application" "many" {
  count      = %d
  namespace  = "default"
  name       = "large-${count.index}"
  components = { web = { type = "webservice", properties = { image = "nginx:1" } } }
}
`, many))
	env := []string{"KUBE_CONFIG_PATH=" + plane.KubeconfigPath}
	w.run(t, env, "apply", "-auto-approve")
	t.Cleanup(func() { w.run(t, env, "destroy", "-auto-approve") })
	log := auditFromNow(t, plane)
	w.run(t, env, "plan", "-detailed-exitcode")
	counts := map[string]int{}
	reads := map[string]int{}
	for _, event := range log.ofProvider(t) {
		switch ref := event.ObjectRef; {
		case ref.Resource == "":
			counts["discovery "+strings.SplitN(event.RequestURI, "?", 2)[0]]++
		case ref.Resource == "applications" && event.Verb == "get":
			reads[ref.Name]++
		default:
			counts[event.Verb+" "+ref.Resource]++
		}
	}
	if diff := cmp.Diff(map[string]int{"discovery /apis/core.oam.dev/v1beta1": 1}, counts); diff != "" {
		t.Errorf("requests beside reads (-want +got):\n%s", diff)
	}
	want := map[string]int{}
	for i := range many {
		want[fmt.Sprintf("large-%d", i)] = 1
	}
	if diff := cmp.Diff(want, reads); diff != "" {
		t.Errorf("reads of each application (-want +got):\n%s", diff)
	}
}

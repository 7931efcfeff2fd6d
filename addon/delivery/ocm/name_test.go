// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// unitID is what tells the works of a cluster apart.
type unitID struct{ namespace, application, component, environment, index string }

func (u unitID) name() string {
	return WorkName(delivery.Owner{Namespace: u.namespace, Name: u.application}, u.component, u.environment, u.index)
}

// TestWorkName pins names: another name for the same unit would leave the old
// work behind and deliver everything a second time.
func TestWorkName(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct {
		name, reason, got string
	}{
		{"plain", "application and component are readable", unitID{"shop", "store", "web", "prod", "0"}.name()},
		{"dots", "names of applications may hold dots, which a label of DNS may not", unitID{"shop", "store.v2", "web.a", "prod", "0"}.name()},
		{"long", "the readable part gives way to the hash", unitID{"shop", long, long, "prod", "0"}.name()},
		{"dash at the cut", "no dash doubles before the hash", unitID{"shop", strings.Repeat("a", 51), "web", "prod", "0"}.name()},
		{"copy", "the underscore of a copy's name is no letter of DNS", unitID{"shop", "store", delivery.UnitName("web", "eu"), "prod", "0"}.name()},
		{"tenant", "by the namespace alone", TenantWorkName("shop")},
		{"placement", "by the binding alone", PlacementName("prod-eu")},
	}
	got := map[string]string{}
	for _, test := range tests {
		got[test.name] = test.got
		if problems := validation.IsDNS1123Label(test.got); len(problems) > 0 {
			t.Errorf("%s: %q: %v, though %s", test.name, test.got, problems, test.reason)
		}
	}
	golden(t, "names.yaml", got)
}

// TestWorkNamesDiffer checks units that a careless join or cut would take for one.
func TestWorkNamesDiffer(t *testing.T) {
	long := strings.Repeat("a", 60)
	tests := []struct {
		reason string
		a, b   unitID
	}{
		{"the dash moves between application and component", unitID{"n", "a-b", "c", "e", "0"}, unitID{"n", "a", "b-c", "e", "0"}},
		{"the namespace is not in the readable part", unitID{"n", "a", "b", "e", "0"}, unitID{"m", "a", "b", "e", "0"}},
		{"nor is the environment", unitID{"n", "a", "b", "e", "0"}, unitID{"n", "a", "b", "f", "0"}},
		{"nor is the index", unitID{"n", "a", "b", "e", "0"}, unitID{"n", "a", "b", "e", "1"}},
		{"the difference is behind the cut", unitID{"n", long + "1", "b", "e", "0"}, unitID{"n", long + "2", "b", "e", "0"}},
		{"a dot is written as a dash", unitID{"n", "a.b", "c", "e", "0"}, unitID{"n", "a-b", "c", "e", "0"}},
		{"a part moves over a border", unitID{"n", "a", "b", "ce", "0"}, unitID{"n", "a", "bc", "e", "0"}},
	}
	for _, test := range tests {
		if test.a.name() == test.b.name() {
			t.Errorf("both are %q, though %s", test.a.name(), test.reason)
		}
	}
}

// TestWorkNamesOfManyUnits tries 200,000 units of few letters, so that parts
// collide often, with dots, dashes and lengths around the cut.
func TestWorkNamesOfManyUnits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	part := func() string {
		length := 1 + random.IntN(3)
		if random.IntN(4) == 0 {
			length = 45 + random.IntN(19)
		}
		var b strings.Builder
		for range length {
			b.WriteByte("ab-."[random.IntN(4)])
		}
		return "a" + b.String()[:b.Len()-1] + "b"
	}
	seen := make(map[string]unitID, 200_000)
	for range 200_000 {
		unit := unitID{part(), part(), part(), part(), "0"}
		name := unit.name()
		if other, ok := seen[name]; ok && other != unit {
			t.Fatalf("%v and %v are both called %q", other, unit, name)
		}
		seen[name] = unit
		if len(name) > maxNameLength || !validLabel(name) {
			t.Fatalf("%v is called %q, which is no name of a work", unit, name)
		}
	}
}

// validLabel is faster than the validation by regular expression.
func validLabel(name string) bool {
	for i := range len(name) {
		b := name[i]
		if ok := b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '-' && i > 0 && i < len(name)-1; !ok {
			return false
		}
	}
	return name != ""
}

func FuzzWorkName(f *testing.F) {
	f.Add("shop", "store", "web", "prod", "blog", "store", "web", "prod")
	f.Add("n", "a-b", "c", "e", "n", "a", "b-c", "e")
	f.Add("n", strings.Repeat("a", 63), "b.c", "e", "n", strings.Repeat("a", 62)+"b", "b-c", "e")
	f.Fuzz(func(t *testing.T, n1, a1, c1, e1, n2, a2, c2, e2 string) {
		for _, part := range []string{n1, a1, c1, e1, n2, a2, c2, e2} {
			if len(validation.IsDNS1123Subdomain(part)) > 0 || len(part) > 63 {
				t.Skip("the API server admits no such name")
			}
		}
		first, second := unitID{n1, a1, c1, e1, "0"}, unitID{n2, a2, c2, e2, "0"}
		if first != second && first.name() == second.name() {
			t.Errorf("%v and %v are both called %q", first, second, first.name())
		}
		if problems := validation.IsDNS1123Label(first.name()); len(problems) > 0 {
			t.Errorf("%v is called %q: %v", first, first.name(), problems)
		}
	})
}

func TestDescribe(t *testing.T) {
	got := fmt.Sprintln(describe(map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "web", "namespace": "shop"}})) +
		fmt.Sprintln(describe(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop"}}))
	if diff := cmp.Diff("Deployment shop/web\nNamespace shop\n", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

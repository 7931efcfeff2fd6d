// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// unitOn is a unit with a workload of kind ConfigMap, which is healthy as soon
// as it exists, and objects of traits by their stages.
func unitOn(cluster, name, digest string, dependsOn []string, stages ...v1beta1.StageType) Unit {
	object := func(kind, name string) map[string]any {
		return map[string]any{"apiVersion": "apps/v1", "kind": kind, "metadata": map[string]any{"name": name, "namespace": "shop"}}
	}
	result := &render.Result{
		Component: render.Component{Name: name, DependsOn: dependsOn}, Digest: digest,
		Definition: &definition.Definition{Kind: definition.Component, Name: "t"},
		Objects:    []render.Object{{Content: object("Deployment", name), Stage: v1beta1.DefaultDispatch}},
	}
	for _, stage := range stages {
		id := strings.ToLower(string(stage))
		result.Objects = append(result.Objects, render.Object{Content: object("Extra", id), Resource: id, Trait: id, Stage: stage})
		result.Traits = append(result.Traits, &definition.Definition{Kind: definition.Trait, Name: id})
		result.Component.Traits = append(result.Component.Traits, render.Trait{Type: id})
	}
	return Unit{Owner: owner, Component: name, Place: Place{Environment: "prod", Cluster: cluster, Namespace: "shop"}, Result: result}
}

func planWith(units ...Unit) *Plan {
	plan := &Plan{Owner: owner, Tenants: map[TenantKey]Tenant{}, wanted: map[unitKey]*render.Result{}, Units: units}
	for _, unit := range units {
		plan.Tenants[TenantKey{unit.Place.Cluster, unit.Place.Namespace}] = Tenant{}
		plan.wanted[unitKey{unit.Place, unit.Component}] = unit.Result
	}
	return plan
}

// place is a target on which workloads are healthy as the test says, and which
// notes which objects were delivered.
type place struct {
	scripted
	healthy map[string]bool
	got     []string
}

func newPlace() *place {
	p := &place{healthy: map[string]bool{}}
	p.deliver = func(unit Unit) Observation {
		names := make([]string, 0, len(unit.Result.Objects))
		observation := Observation{State: Delivered, Outputs: map[string]map[string]any{}}
		ready := map[string]any{"metadata": map[string]any{"generation": int64(1)}, "spec": map[string]any{"replicas": int64(1)}, "status": map[string]any{
			"observedGeneration": int64(1), "replicas": int64(1), "updatedReplicas": int64(1), "readyReplicas": int64(1), "availableReplicas": int64(1),
		}}
		if !p.healthy[unit.Component] {
			ready["status"] = map[string]any{}
		}
		for _, object := range unit.Result.Objects {
			names = append(names, object.Name())
			if object.Resource == "" {
				observation.Output = ready
				continue
			}
			observation.Outputs[object.Resource] = map[string]any{}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got = append(p.got, strings.Join(names, "+"))
		return observation
	}
	return p
}

// carry carries a plan out, and says what was delivered and what is said of each unit.
func (p *place) carry(t *testing.T, engine *Engine, units ...Unit) (delivered, said []string) {
	t.Helper()
	p.got = nil
	report, err := engine.Carry(t.Context(), planWith(units...))
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range report.Units {
		text := "healthy"
		if !unit.Healthy() {
			text = "unhealthy"
			if unit.Observe.Message != "" {
				text = unit.Observe.Message
			}
		}
		said = append(said, unit.Unit.Component+": "+text)
	}
	return p.got, said
}

// TestDependsOn follows components of which one depends on the other.
func TestDependsOn(t *testing.T) {
	p := newPlace()
	engine := &Engine{Local: &scripted{}, OCM: p, TenantsWanted: engineOf(nil, nil).TenantsWanted}
	web, db := unitOn("c1", "web", "w1", []string{"db", "elsewhere"}), unitOn("c1", "db", "d1", nil)
	newWeb, newDB := unitOn("c1", "web", "w2", []string{"db"}), unitOn("c1", "db", "d2", nil)
	waits := `web: waiting for component "db", which it depends on, to be healthy`
	steps := []struct {
		reason    string
		healthy   bool
		units     []Unit
		delivered []string
		said      []string
	}{
		{"the other one comes first, whatever the order of the spec", false, []Unit{web, db}, []string{"db"}, []string{waits, "db: unhealthy"}},
		{"its turn has come; one that is not delivered here is not waited for", true, []Unit{web, db}, []string{"db", "web"}, []string{"web: unhealthy", "db: healthy"}},
		{"what is delivered goes on when the other one becomes unhealthy", false, []Unit{web, db}, []string{"db", "web"}, []string{"web: unhealthy", "db: unhealthy"}},
		{"a new content waits", false, []Unit{newWeb, newDB}, []string{"db"}, []string{waits, "db: unhealthy"}},
		{"and comes", true, []Unit{newWeb, newDB}, []string{"db", "web"}, []string{"web: unhealthy", "db: healthy"}},
	}
	for _, step := range steps {
		p.healthy["db"] = step.healthy
		delivered, said := p.carry(t, engine, step.units...)
		if diff := cmp.Diff(step.delivered, delivered); diff != "" {
			t.Errorf("delivered (-want +got), since %s:\n%s", step.reason, diff)
		}
		if diff := cmp.Diff(step.said, said); diff != "" {
			t.Errorf("said (-want +got), since %s:\n%s", step.reason, diff)
		}
	}
	elsewhere := unitOn("c2", "web", "w1", []string{"db"})
	if delivered, _ := p.carry(t, engine, elsewhere, db); !slices.Contains(delivered, "web") {
		t.Errorf("delivered %v: a component waits for one of another place", delivered)
	}
	p.carry(t, engine)
	if len(engine.memory.units) > 0 {
		t.Errorf("kept of what is not wanted: %v", engine.memory.units)
	}
}

// TestStages follows a unit with objects before and after its workload.
func TestStages(t *testing.T) {
	p := newPlace()
	start := func() *Engine {
		return &Engine{Local: &scripted{}, OCM: p, TenantsWanted: engineOf(nil, nil).TenantsWanted}
	}
	engine := start()
	web := unitOn("c1", "web", "w1", nil, v1beta1.PostDispatch, v1beta1.PreDispatch)
	late := unitOn("c1", "web", "w1", nil, v1beta1.PostDispatch)
	steps := []struct {
		reason    string
		restart   bool
		healthy   bool
		standing  []string
		unit      Unit
		delivered []string
		said      string
	}{
		{"the early one, then the workload, and no more while that is not healthy", false, false, nil, web, []string{"predispatch", "web+predispatch"}, "web: unhealthy"},
		{"the late one comes when it is", false, true, nil, web, []string{"web+predispatch", "web+postdispatch+predispatch"}, "web: healthy"},
		{"nothing is taken away when it becomes unhealthy, though no cache shows it yet", false, false, nil, web, []string{"web+postdispatch+predispatch"}, "web: unhealthy"},
		{"after a start what is there counts", true, false, []string{"web", "postdispatch", "predispatch"}, web, []string{"web+postdispatch+predispatch"}, "web: unhealthy"},
		{"after a start in the middle too", true, false, []string{"web", "predispatch"}, web, []string{"web+predispatch"}, "web: unhealthy"},
		{"a late one alone", true, false, nil, late, []string{"web"}, "web: unhealthy"},
		{"both", true, true, nil, late, []string{"web", "web+postdispatch"}, "web: healthy"},
	}
	for _, step := range steps {
		if step.restart {
			engine = start()
		}
		p.standing = map[string]bool{}
		for _, name := range step.standing {
			kind := "Extra.apps"
			if name == "web" {
				kind = "Deployment.apps"
			}
			p.standing[fmt.Sprintf("%s shop/%s", kind, name)] = true
		}
		p.healthy["web"] = step.healthy
		delivered, said := p.carry(t, engine, step.unit)
		if diff := cmp.Diff(step.delivered, delivered); diff != "" {
			t.Errorf("delivered (-want +got), since %s:\n%s", step.reason, diff)
		}
		if diff := cmp.Diff([]string{step.said}, said); diff != "" {
			t.Errorf("said (-want +got), since %s:\n%s", step.reason, diff)
		}
	}
}

// TestLaterIsUnwritten checks that what a unit drops stays until all of its new version is there.
func TestLaterIsUnwritten(t *testing.T) {
	p := newPlace()
	old := Record{Owner: owner, Component: "web", Place: Place{Environment: "prod", Cluster: "c1", Namespace: "shop"}, ID: "old", Object: "Extra.apps shop/old"}
	p.records = []Record{old}
	engine := &Engine{Local: &scripted{}, OCM: p, TenantsWanted: engineOf(nil, nil).TenantsWanted}
	for _, healthy := range []bool{false, true} {
		p.healthy["web"], p.calls = healthy, nil
		p.carry(t, engine, unitOn("c1", "web", "w1", nil, v1beta1.PostDispatch))
		if removed := slices.Contains(p.calls, "remove old"); removed != healthy {
			t.Errorf("workload healthy %t: removed %t", healthy, removed)
		}
	}
}

// longDB and longWeb are names of components that units of copies have a part of.
var longDB, longWeb = "db" + strings.Repeat("x", 59), "web" + strings.Repeat("x", 57)

// TestRemovalInOrder checks that a component goes when all that depend on it are gone.
func TestRemovalInOrder(t *testing.T) {
	of := func(component, cluster string) Record {
		return Record{Owner: owner, Component: component, ID: component + "@" + cluster, Place: Place{Environment: "prod", Cluster: cluster, Namespace: "shop"}}
	}
	dependents := map[string][]string{"db": {"api"}, "api": {"web"}}
	tests := []struct {
		reason  string
		records []Record
		plan    *Plan
		want    []string
	}{
		{"the last one first", []Record{of("db", "c1"), of("api", "c1"), of("web", "c1")}, RemovalPlan(owner).Ordered(dependents), []string{"remove web@c1"}},
		{"copies are of their component", []Record{of("db", "c1"), of("web_eu", "c1"), of("web_us", "c1")}, RemovalPlan(owner).Ordered(dependents), []string{"remove web_eu@c1", "remove web_us@c1"}},
		{"what depends on it by another that is gone", []Record{of("db", "c1"), of("web", "c1")}, RemovalPlan(owner).Ordered(dependents), []string{"remove web@c1"}},
		{"each place for itself", []Record{of("db", "c1"), of("web", "c2")}, RemovalPlan(owner).Ordered(dependents), []string{"remove db@c1", "remove web@c2"}},
		{"copies whose names are too long", []Record{of(UnitName(longDB, "eu"), "c1"), of(UnitName(longWeb, "eu"), "c1")}, RemovalPlan(owner).Ordered(map[string][]string{longDB: {longWeb}}), []string{"remove " + UnitName(longWeb, "eu") + "@c1"}},
		{"a long name beside copies", []Record{of(longDB, "c1"), of(UnitName(longWeb, "eu"), "c1")}, RemovalPlan(owner).Ordered(map[string][]string{longDB: {longWeb}}), []string{"remove " + UnitName(longWeb, "eu") + "@c1"}},
		{
			"copies that may be of either of two", []Record{of("db", "c1"), of(UnitName(longWeb, "eu"), "c1"), of(UnitName(longWeb+"-2", "eu"), "c1")},
			RemovalPlan(owner).Ordered(map[string][]string{"db": {longWeb}, longWeb: {longWeb + "-2"}}),
			[]string{"remove " + UnitName(longWeb, "eu") + "@c1", "remove " + UnitName(longWeb+"-2", "eu") + "@c1"},
		},
		{"without an order", []Record{of("db", "c1"), of("web", "c1")}, RemovalPlan(owner), []string{"remove db@c1", "remove web@c1"}},
	}
	for _, test := range tests {
		target := &scripted{records: test.records, removes: map[string]Observation{}}
		for _, record := range test.records {
			target.removes[record.ID] = Observation{State: Applying}
		}
		report, err := engineOf(&scripted{}, target).Carry(t.Context(), test.plan)
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(target.calls, func(call string) bool { return !strings.HasPrefix(call, "remove") })
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("removed (-want +got): %s\n%s", test.reason, diff)
		}
		if waiting := len(test.records) - len(test.want); len(report.Removals) != len(test.records) || (report.RetryAfter > 0) != (waiting > 0) {
			t.Errorf("%s: still there %v, retry after %s", test.reason, report.Removals, report.RetryAfter)
		}
	}
}

// TestRemovalInOrderOfWhatWasNoted checks components that the application has no
// longer, or has otherwise: the order is that which their objects note.
func TestRemovalInOrderOfWhatWasNoted(t *testing.T) {
	at := Place{Environment: "prod", Cluster: "c1", Namespace: "shop"}
	of := func(component string) Record {
		return Record{Owner: owner, Component: component, ID: component, Place: at}
	}
	web := func(dependsOn ...string) Unit { return unitOn("c1", "web", "w2", dependsOn) }
	going := map[string]Observation{"web": {State: Applying}, "api": {State: Applying}, "db": {State: Applying}}
	noted := map[string][]string{"api": {"db"}, "web": {"api"}}
	tests := []struct {
		reason  string
		records []string
		needs   map[string][]string
		removes map[string]Observation
		units   []Unit
		deliver Observation
		want    []string
		says    string
	}{
		{"dropped together, the last one first", []string{"api", "db", "web"}, noted, going, nil, Observation{}, []string{"web"}, ""},
		{"then the next", []string{"api", "db"}, noted, going, nil, Observation{}, []string{"api"}, `db: waiting until component "api", which depends on it, is gone`},
		{
			"copies whose names are too long", []string{"db", UnitName(longWeb, "eu"), UnitName(longDB, "eu")},
			map[string][]string{UnitName(longWeb, "eu"): {longDB}, UnitName(longDB, "eu"): {"db"}},
			map[string]Observation{UnitName(longWeb, "eu"): {State: Applying}}, nil, Observation{}, []string{UnitName(longWeb, "eu")}, "",
		},
		{"what a policy keeps holds nobody", []string{"api", "db", "web"}, noted, map[string]Observation{"db": {State: Applying}}, nil, Observation{}, []string{"web", "api", "db"}, ""},
		{"no two components wait for each other for ever", []string{"api", "db"}, map[string][]string{"api": {"db"}, "db": {"api"}}, going, nil, Observation{}, []string{"api", "db"}, ""},
		{
			"one that stays is to be delivered without it first", []string{"db", "web"}, map[string][]string{"web": {"db"}}, going,
			[]Unit{web()}, Observation{State: Refused}, nil, `db: waiting until component "web", which depended on it, is delivered without it`,
		},
		{"and has been", []string{"db", "web"}, map[string][]string{"web": {"db"}}, going, []Unit{web()}, Observation{State: Delivered}, []string{"db"}, ""},
		{
			"one that stays and still names it has been put where it is not", []string{"db", "web"}, map[string][]string{"web": {"db"}}, going,
			[]Unit{web("db")}, Observation{State: Refused}, []string{"db"}, "",
		},
	}
	for _, test := range tests {
		target := &scripted{needs: test.needs, removes: test.removes, deliver: func(Unit) Observation { return test.deliver }}
		for _, name := range test.records {
			target.records = append(target.records, of(name))
		}
		plan := planWith(test.units...).Ordered(map[string][]string{})
		plan.clusters, plan.away = map[string][]string{"prod": {"c1"}}, func(string) bool { return false }
		report, err := engineOf(&scripted{}, target).Carry(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, call := range target.calls {
			if name, ok := strings.CutPrefix(call, "remove "); ok {
				got = append(got, name)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("removed (-want +got): %s\n%s", test.reason, diff)
		}
		said := slices.ContainsFunc(report.Removals, func(r Removal) bool { return r.Record.ID+": "+r.Observe.Message == test.says })
		if test.says != "" && !said {
			t.Errorf("%s: said %v, want %q", test.reason, report.Removals, test.says)
		}
	}
}

// TestNeedsAreNoted checks that what a unit depends on is noted where a policy
// asks for removal in that order, and only there.
func TestNeedsAreNoted(t *testing.T) {
	for _, dependents := range []map[string][]string{nil, {}} {
		plan := planWith(unitOn("c1", "web", "w1", []string{"db", "api"}), unitOn("c1", "db", "d1", nil)).Ordered(dependents)
		plan.noteNeeds()
		want := [][]string{nil, nil}
		if dependents != nil {
			want[0] = []string{"api", "db"}
		}
		if diff := cmp.Diff(want, [][]string{plan.Units[0].Needs, plan.Units[1].Needs}); diff != "" {
			t.Errorf("order asked for: %t (-want +got):\n%s", dependents != nil, diff)
		}
	}
}

// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
)

var errBroken = errors.New("broken")

// scripted is a Target that answers as the test says and notes what it was asked.
type scripted struct {
	mu      sync.Mutex // clusters are worked at side by side
	calls   []string
	tenants map[string]Observation
	units   map[string]Observation
	removes map[string]Observation
	release Observation
	records []Record
	// options are those of all removals.
	options []RemoveOptions
	idle    []TenantKey
	// needs are what records note.
	needs  map[string][]string
	places []Place
	// standing are objects that are there already.
	standing map[string]bool
	// deliver answers instead of units.
	deliver func(Unit) Observation
	// fails are the calls that end with an error.
	fails map[string]bool
}

func (s *scripted) note(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
	if s.fails[call] {
		return errBroken
	}
	return nil
}

// or is the answer for a key, or else delivered.
func or(answers map[string]Observation, key string) Observation {
	if answer, ok := answers[key]; ok {
		return answer
	}
	return Observation{State: Delivered}
}

func (s *scripted) EnsureTenant(_ context.Context, tenant Tenant) (Observation, error) {
	return or(s.tenants, tenant.Cluster), s.note("tenant %s", tenant.Cluster)
}

func (s *scripted) Deliver(_ context.Context, unit Unit) (Observation, error) {
	if s.deliver != nil {
		return s.deliver(unit), nil
	}
	return or(s.units, unit.Place.Cluster+" "+unit.Component), s.note("deliver %s %s", unit.Place.Cluster, unit.Component)
}

func (s *scripted) Standing(_ context.Context, unit Unit) (map[string]bool, error) {
	standing := map[string]bool{}
	maps.Copy(standing, s.standing)
	return standing, s.note("standing %s", unit.Component)
}

func (s *scripted) Records(context.Context, Owner) ([]Record, error) {
	return s.records, s.note("records")
}

func (s *scripted) Needs(_ context.Context, record Record) ([]string, error) {
	return s.needs[record.ID], s.note("needs %s", record.ID)
}

func (s *scripted) Places(context.Context, string) ([]Place, error) {
	return s.places, s.note("places")
}

func (s *scripted) Remove(_ context.Context, record Record, options RemoveOptions) (Observation, error) {
	s.options = append(s.options, options)
	return or(s.removes, record.ID), s.note("remove %s", record.ID)
}

func (s *scripted) IdleTenants(context.Context, string) ([]TenantKey, error) {
	return s.idle, s.note("idle")
}

func (s *scripted) ReleaseTenant(_ context.Context, key TenantKey) (Observation, error) {
	answer := s.release
	return answer, s.note("release %s", key.Cluster)
}

func engineOf(local, ocm *scripted) *Engine {
	return &Engine{Local: local, OCM: ocm, TenantsWanted: func(context.Context, Owner) (func(TenantKey) bool, error) {
		return func(TenantKey) bool { return false }, nil
	}}
}

// record names what a target keeps of component web in environment prod.
func record(cluster, id string) Record {
	r := recordIn("prod", cluster, "shop")
	r.ID = id
	return r
}

// carried is the part of a report that tests compare.
type carried struct {
	Units    map[string]string
	Removals map[string]string
	Tenants  []TenantKey
	Retry    time.Duration
}

func summaryOf(report *Report) carried {
	names := map[State]string{Refused: "refused", Away: "away", Waiting: "waiting", Applying: "applying", Delivered: "delivered"}
	out := carried{Units: map[string]string{}, Removals: map[string]string{}, Tenants: report.Tenants, Retry: report.RetryAfter}
	for _, unit := range report.Units {
		out.Units[unit.Unit.Place.Cluster] = strings.TrimSuffix(names[unit.Observe.State]+": "+unit.Observe.Message, ": ")
	}
	for _, removal := range report.Removals {
		out.Removals[removal.Record.ID] = strings.TrimSuffix(names[removal.Observe.State]+": "+removal.Observe.Message, ": ")
	}
	return out
}

func TestCarry(t *testing.T) {
	tests := []struct {
		name, reason string
		local, ocm   scripted
		want         carried
		wantErr      string
		// not are calls that must not happen.
		not []string
	}{
		{
			name: "all well", reason: "hub and clusters are served by their targets",
			want: carried{Units: map[string]string{"local": "delivered", "c1": "delivered", "c2": "delivered"}},
		},
		{
			name: "a tenant fails", reason: "the others are delivered; nothing is written where the account may be missing",
			ocm: scripted{fails: map[string]bool{"tenant c1": true}}, not: []string{"deliver c1 web"},
			want:    carried{Units: map[string]string{"local": "delivered", "c1": `waiting: namespace "shop" is not prepared yet: broken`, "c2": "delivered"}},
			wantErr: `prepare namespace "shop" on cluster "c1": broken`,
		},
		{
			name: "a tenant waits", reason: "its unit says what the tenant waits for",
			ocm: scripted{tenants: map[string]Observation{"c1": {State: Away, Reason: "ClusterAway", Message: "away since"}}}, not: []string{"deliver c1 web"},
			want: carried{Units: map[string]string{"local": "delivered", "c1": "away: away since", "c2": "delivered"}},
		},
		{
			name: "a unit fails", reason: "one place does not keep the others, and its answer is not taken for an observation",
			ocm:     scripted{fails: map[string]bool{"deliver c1 web": true}},
			want:    carried{Units: map[string]string{"local": "delivered", "c1": "waiting: the last write did not succeed and is tried again: broken", "c2": "delivered"}},
			wantErr: `deliver component web to environment prod, cluster c1: broken`,
		},
		{
			name: "errors are joined", reason: "each is told",
			local:   scripted{fails: map[string]bool{"deliver local web": true}},
			ocm:     scripted{fails: map[string]bool{"tenant c2": true, "records": true, "idle": true}},
			want:    carried{Units: map[string]string{"local": "waiting: the last write did not succeed and is tried again: broken", "c1": "delivered", "c2": `waiting: namespace "shop" is not prepared yet: broken`}},
			wantErr: "prepare namespace \"shop\" on cluster \"c2\": broken\ndeliver component web to environment prod, cluster local: broken\nlist what application shop/store delivered: broken\nlist the tenants of namespace \"shop\": broken",
		},
		{
			name: "removals", reason: "what is gone is not reported, what is not gone or could not be removed is",
			local: scripted{records: []Record{record("local", "keep")}},
			ocm: scripted{
				records: []Record{record("c8", "gone"), record("c9", "going"), record("c7", "failing"), record("c1", "keep")},
				removes: map[string]Observation{"going": {State: Applying, Message: "soon", RetryAfter: time.Minute}}, fails: map[string]bool{"remove failing": true},
			},
			not: []string{"remove keep"},
			want: carried{
				Units:    map[string]string{"local": "delivered", "c1": "delivered", "c2": "delivered"},
				Removals: map[string]string{"going": "applying: soon", "failing": "refused"}, Retry: time.Minute,
			},
			wantErr: "remove failing from environment prod, cluster c7: broken",
		},
		{
			name: "retry", reason: "the earliest look is asked for, whoever asks",
			local: scripted{units: map[string]Observation{"local web": {State: Applying, RetryAfter: 3 * time.Second}}},
			ocm: scripted{
				tenants: map[string]Observation{"c1": {State: Delivered, RetryAfter: time.Minute}},
				units:   map[string]Observation{"c1 web": {State: Waiting, RetryAfter: 2 * time.Second}, "c2 web": {State: Waiting}},
			},
			want: carried{Units: map[string]string{"local": "applying", "c1": "waiting", "c2": "waiting"}, Retry: 2 * time.Second},
		},
		{
			name: "tenants", reason: "an idle tenant that the plan needs stays; others go",
			local: scripted{idle: []TenantKey{{"local", "shop"}, {"local", "old"}}, release: Observation{State: Delivered}},
			ocm:   scripted{idle: []TenantKey{{"c1", "shop"}, {"c9", "shop"}}, release: Observation{State: Applying, RetryAfter: time.Second}},
			not:   []string{"release c1"},
			want: carried{
				Units:   map[string]string{"local": "delivered", "c1": "delivered", "c2": "delivered"},
				Tenants: []TenantKey{{"c9", "shop"}}, Retry: time.Second,
			},
		},
		{
			name: "a tenant cannot be released", reason: "it is still there",
			ocm:     scripted{idle: []TenantKey{{"c9", "shop"}}, fails: map[string]bool{"release c9": true}, release: Observation{State: Delivered}},
			want:    carried{Units: map[string]string{"local": "delivered", "c1": "delivered", "c2": "delivered"}, Tenants: []TenantKey{{"c9", "shop"}}},
			wantErr: `release namespace "shop" on cluster "c9": broken`,
		},
	}
	for i := range tests {
		test := &tests[i]
		t.Run(test.name, func(t *testing.T) {
			plan := planOf(t, worldOf(environment("prod", "local", "c1", "c2")), request(use("prod")), noneAway)
			report, err := engineOf(&test.local, &test.ocm).Carry(t.Context(), plan)
			if diff := cmp.Diff(test.wantErr, textOf(err)); diff != "" {
				t.Errorf("error (-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.want, summaryOf(report), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("report (-want +got), since %s:\n%s", test.reason, diff)
			}
			if gone := len(test.want.Removals)+len(test.want.Tenants) == 0; report.Gone() != gone {
				t.Errorf("Gone: got %t, want %t", report.Gone(), gone)
			}
			for _, call := range append(test.local.calls, test.ocm.calls...) {
				for _, forbidden := range test.not {
					if call == forbidden {
						t.Errorf("%q was called, though %s", call, test.reason)
					}
				}
			}
		})
	}
}

// TestCarryKeepsUntilWritten checks that an object which the new version of a
// component drops goes only after that version is written: until then the old one needs it.
func TestCarryKeepsUntilWritten(t *testing.T) {
	dropped := record("local", "service")
	dropped.Object = "Service shop/web"
	for _, test := range []struct {
		state State
		want  bool
	}{{Refused, false}, {Waiting, false}, {Applying, false}, {Delivered, true}} {
		local := &scripted{records: []Record{dropped}, units: map[string]Observation{"local web": {State: test.state}}}
		plan := planOf(t, worldOf(environment("prod", "local")), request(use("prod")), noneAway)
		if _, err := engineOf(local, &scripted{}).Carry(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(local.calls, ","), "remove service"); got != test.want {
			t.Errorf("state %d: removed %t, want %t", test.state, got, test.want)
		}
	}
}

// TestCarryKeepsFormerNamespace checks that what is in the namespace that an environment
// had before stays as long as the component cannot be had in the new one.
func TestCarryKeepsFormerNamespace(t *testing.T) {
	refused, waiting := Observation{State: Refused, Reason: ReasonNamespaceNotOurs}, Observation{State: Waiting}
	delivered, later := Observation{State: Delivered}, Observation{State: Delivered, Later: true}
	tests := []struct {
		reason, policy string
		tenant, unit   Observation
		environment    string
		want           bool
	}{
		{"the new namespace is somebody else's", "", refused, delivered, "prod", false},
		{"the new namespace is being made", "", waiting, delivered, "prod", false},
		{"the component is refused there", "", delivered, refused, "prod", false},
		{"the component is not all there", "", delivered, later, "prod", false},
		{"the component is there", "", delivered, delivered, "prod", true},
		{"it stays where it is, and the new one waits for that", orphan, refused, delivered, "prod", true},
		{"another environment has nothing to do with it", "", refused, delivered, "dev", true},
	}
	for _, test := range tests {
		for _, cluster := range []string{v1alpha1.LocalCluster, "c1"} {
			former := recordIn(test.environment, cluster, "old")
			former.ID = "former"
			target := &scripted{
				records: []Record{former}, tenants: map[string]Observation{cluster: test.tenant}, units: map[string]Observation{cluster + " web": test.unit},
			}
			engine := engineOf(target, &scripted{})
			if cluster != v1alpha1.LocalCluster {
				engine = engineOf(&scripted{}, target)
			}
			world := worldOf(changed(environment("prod", cluster), func(e *Environment) { e.Spec.Deletion = &v1alpha1.DeletionPolicy{Policy: test.policy} }))
			if _, err := engine.Carry(t.Context(), planOf(t, world, request(use("prod")), noneAway)); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(strings.Join(target.calls, ","), "remove former"); got != test.want {
				t.Errorf("cluster %s: removed %t, want %t: %s", cluster, got, test.want, test.reason)
			}
		}
	}
}

// TestCarryExchangesNamespaces checks that two environments of an application that exchange
// their namespaces do not wait for each other for ever, and that nothing else goes for a conflict.
func TestCarryExchangesNamespaces(t *testing.T) {
	conflict := Observation{State: Refused, Reason: ReasonPlacementConflict}
	tests := []struct {
		reason       string
		tenant, unit Observation
		// green is the namespace that environment green has now, and holds where the application has something of it.
		green, holds string
		want         bool
	}{
		{"each waits for the other", Observation{State: Delivered}, conflict, "old", "shop", true},
		{"the other one stays where it is", Observation{State: Delivered}, conflict, "shop", "shop", false},
		{"the other one has nothing there", Observation{State: Delivered}, conflict, "old", "elsewhere", false},
		{"the namespace is another team's", conflict, Observation{State: Delivered}, "old", "shop", false},
		{"it is refused for something else", Observation{State: Delivered}, Observation{State: Refused, Reason: ReasonForbidden}, "old", "shop", false},
	}
	for _, test := range tests {
		former, other := recordIn("prod", v1alpha1.LocalCluster, "old"), recordIn("green", v1alpha1.LocalCluster, test.holds)
		former.ID, other.ID = "former", "other"
		target := &scripted{
			records: []Record{former, other}, tenants: map[string]Observation{v1alpha1.LocalCluster: test.tenant},
			units: map[string]Observation{v1alpha1.LocalCluster + " web": test.unit},
		}
		world := worldOf(environment("prod", v1alpha1.LocalCluster), changed(environment("green", v1alpha1.LocalCluster), func(e *Environment) {
			e.Spec.TargetNamespace = &v1alpha1.TargetNamespace{Name: test.green}
		}))
		if _, err := engineOf(target, &scripted{}).Carry(t.Context(), planOf(t, world, request(use("prod")), noneAway)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(target.calls, ","), "remove former"); got != test.want {
			t.Errorf("removed %t, want %t: %s", got, test.want, test.reason)
		}
	}
}

// TestCarryAsksBeforeRelease checks that a tenant stays while another
// application wants it, and while that is not known.
func TestCarryAsksBeforeRelease(t *testing.T) {
	tests := []struct {
		name, reason string
		wanted       bool
		err          error
		want         bool
	}{
		{name: "not wanted", reason: "nobody needs it", want: true},
		{name: "wanted", reason: "another application is about to use it", wanted: true},
		{name: "unknown", reason: "it cannot be told", err: errBroken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ocm := &scripted{idle: []TenantKey{{"c8", "shop"}, {"c9", "shop"}}, release: Observation{State: Delivered}}
			engine := engineOf(&scripted{}, ocm)
			reads := 0
			engine.TenantsWanted = func(_ context.Context, by Owner) (func(TenantKey) bool, error) {
				reads++
				return func(key TenantKey) bool {
					if by != owner || key.Namespace != "shop" {
						t.Errorf("asked for %v by %v", key, by)
					}
					return test.wanted
				}, test.err
			}
			_, err := engine.Carry(t.Context(), RemovalPlan(owner))
			if !errors.Is(err, test.err) {
				t.Errorf("got error %v, want %v", err, test.err)
			}
			if got := strings.Contains(strings.Join(ocm.calls, ","), "release c9"); got != test.want {
				t.Errorf("released %t, want %t: %s", got, test.want, test.reason)
			}
			if reads != 1 {
				t.Errorf("read %d times who uses two tenants, want once", reads)
			}
		})
	}
}

// TestCarryKeepsTenantsOfUnresolved checks that no tenant goes while it is not
// known where an environment reaches.
func TestCarryKeepsTenantsOfUnresolved(t *testing.T) {
	ocm := &scripted{idle: []TenantKey{{"c9", "shop"}}, release: Observation{State: Delivered}}
	plan := planOf(t, World{}, request(use("unknown")), noneAway)
	if _, err := engineOf(&scripted{}, ocm).Carry(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"records"}, ocm.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestCarryKeeping checks that of an application that cannot be rendered only what
// is given up goes, that no tenant is released, and that what it delivered is known
// when it can be rendered again.
func TestCarryKeeping(t *testing.T) {
	local, ocm := &scripted{}, &scripted{records: []Record{record("c1", "r1"), record("c2", "r2")}, idle: []TenantKey{{Cluster: "c1", Namespace: "shop"}}}
	engine := engineOf(local, ocm)
	kept, gone := unitOn("c2", "web", "d1", []string{"db"}), unitOn("c1", "web", "d1", []string{"db"})
	kept.Place.Environment, gone.Place.Environment = "prod", "prod"
	engine.memory.finish(kept)
	engine.memory.finish(gone)
	plan := KeepingPlan(worldOf(releasing(environment("prod"), bindingTo("c2"))), kept.Owner, noneAway)
	if _, err := engine.Carry(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"records", "remove r1"}, ocm.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := []bool{engine.memory.delivered(kept), engine.memory.delivered(gone)}; !got[0] || got[1] {
		t.Errorf("what stays and what goes is remembered: %v", got)
	}
}

// TestCarryLeavesFormerNamespace checks that what is to stay in the namespace that an
// environment had before is let go of before the unit is written to the new one: a
// target that keeps the unit as a whole would delete it else.
func TestCarryLeavesFormerNamespace(t *testing.T) {
	const waiting = `waiting: waiting until the cluster has let go of what is in namespace "old", which stays there`
	object := objectOn("c1", "Deployment.apps old/web")
	tests := []struct {
		name, reason string
		policy       string
		record       Record
		calls        []string
		want         string
	}{
		{"orphan", "the objects stay, and the unit waits", orphan, recordIn("prod", "c1", "old"), []string{"tenant c1", "records", "records", "remove r1", "idle"}, waiting},
		{"delete", "the objects go anyway", "", recordIn("prod", "c1", "old"), []string{"tenant c1", "deliver c1 web", "records", "remove r1", "idle"}, "delivered"},
		{"same namespace", "nothing moves", orphan, recordIn("prod", "c1", "shop"), []string{"tenant c1", "records", "deliver c1 web", "records", "idle"}, "delivered"},
		{"another cluster", "nothing moves", orphan, recordIn("prod", "c2", "old"), []string{"tenant c1", "records", "deliver c1 web", "records", "remove r1", "idle"}, "delivered"},
		{"one object", "it is kept by itself", orphan, changedRecord(object, "old"), []string{"tenant c1", "records", "deliver c1 web", "records", "remove r1", "idle"}, "delivered"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			world := worldOf(changed(environment("prod", "c1"), func(e *Environment) { e.Spec.Deletion = &v1alpha1.DeletionPolicy{Policy: test.policy} }))
			test.record.ID = "r1"
			ocm := &scripted{records: []Record{test.record}}
			report, err := engineOf(&scripted{}, ocm).Carry(t.Context(), planOf(t, world, request(use("prod")), noneAway))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.calls, ocm.calls); diff != "" {
				t.Errorf("calls (-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.want, summaryOf(report).Units["c1"]); diff != "" {
				t.Errorf("unit (-want +got), since %s:\n%s", test.reason, diff)
			}
			for _, options := range ocm.options {
				if options.Leave != (test.policy == orphan) {
					t.Errorf("removed with %+v", options)
				}
			}
		})
	}
}

// changedRecord is a record that is in another namespace.
func changedRecord(record Record, namespace string) Record {
	record.Place.Namespace = namespace
	return record
}

// TestCarryJudgesWhatIsDelivered checks that health is looked at only where the
// wanted content is confirmed.
func TestCarryJudgesWhatIsDelivered(t *testing.T) {
	running := map[string]any{
		"metadata": map[string]any{"generation": int64(1)}, "spec": map[string]any{"replicas": int64(1)},
		"status": map[string]any{
			"observedGeneration": int64(1), "replicas": int64(1), "updatedReplicas": int64(1), "readyReplicas": int64(1), "availableReplicas": int64(1),
		},
	}
	tests := []struct {
		name, reason string
		observation  Observation
		want         bool
	}{
		{"healthy", "the workload runs", Observation{State: Delivered, Output: running}, true},
		{"starting", "nothing of it runs", Observation{State: Delivered, Output: map[string]any{}}, false},
		{"old", "it runs, but not confirmed as this version", Observation{State: Applying, Output: running, Message: "waiting"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			local := &scripted{units: map[string]Observation{"local web": test.observation}}
			plan := planOf(t, worldOf(environment("prod", "local")), request(use("prod")), noneAway)
			report, err := engineOf(local, &scripted{}).Carry(t.Context(), plan)
			if err != nil {
				t.Fatal(err)
			}
			if got := report.Units[0].Healthy(); got != test.want {
				t.Errorf("got %t, want %t: %s", got, test.want, test.reason)
			}
			if test.observation.State != Delivered && report.Units[0].Verdict.Message != test.observation.Message {
				t.Errorf("message: got %q, want that of the observation", report.Units[0].Verdict.Message)
			}
		})
	}
}

func TestReleaseTenants(t *testing.T) {
	local := &scripted{idle: []TenantKey{{"local", "shop"}}, release: Observation{State: Delivered}}
	ocm := &scripted{idle: []TenantKey{{"c1", "shop"}}, release: Observation{State: Applying}}
	left, _, err := engineOf(local, ocm).ReleaseTenants(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]TenantKey{{"c1", "shop"}}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// TestUnprovenTenant checks that nothing waits for a tenant that its cluster alone tells of.
func TestUnprovenTenant(t *testing.T) {
	ocm := &scripted{idle: []TenantKey{{"c1", "shop"}}, release: Observation{State: Applying, Unproven: true}}
	report, err := engineOf(&scripted{}, ocm).Carry(t.Context(), RemovalPlan(Owner{Namespace: "shop", Name: "store"}))
	if err != nil {
		t.Fatal(err)
	}
	if !report.Gone() || len(report.Unproven) != 1 {
		t.Errorf("tenants %v, unproven %v, want one that holds nothing", report.Tenants, report.Unproven)
	}
}

func TestPlaces(t *testing.T) {
	place := func(cluster, namespace string) Place {
		return Place{Environment: "prod", Cluster: cluster, Namespace: namespace}
	}
	local := &scripted{places: []Place{place("local", "b"), place("local", "a")}}
	ocm := &scripted{places: []Place{place("c1", "z")}}
	got, err := engineOf(local, ocm).Places(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Place{place("c1", "z"), place("local", "a"), place("local", "b")}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ocm.fails = map[string]bool{"places": true}
	if _, err := engineOf(local, ocm).Places(t.Context(), "prod"); !errors.Is(err, errBroken) {
		t.Errorf("got error %v, want that of the target: an environment must not count as empty", err)
	}
}

// TestCarryReplaces checks when a cluster is cleaned that a binding no longer chooses.
func TestCarryReplaces(t *testing.T) {
	chosen := func(e *Environment) { e.Bindings[0].SurgeFirst = true }
	healthy := Observation{State: Delivered, Output: map[string]any{
		"metadata": map[string]any{"generation": int64(1)}, "spec": map[string]any{"replicas": int64(1)},
		"status": map[string]any{"observedGeneration": int64(1), "replicas": int64(1), "readyReplicas": int64(1), "updatedReplicas": int64(1), "availableReplicas": int64(1)},
	}}
	tests := []struct {
		name, reason string
		change       func(*Environment)
		units        map[string]Observation
		want         string
	}{
		{"not yet", "the one that replaces it is not healthy", chosen, map[string]Observation{"c1 web": healthy, "c2 web": {State: Applying}},
			`waiting: cluster c9 left environment "prod" and keeps component web until it is healthy on cluster c2`},
		{"away", "nothing is known of the one that replaces it", chosen, map[string]Observation{"c1 web": {State: Away}, "c2 web": healthy},
			`waiting: cluster c9 left environment "prod" and keeps component web until it is healthy on cluster c1`},
		{"healthy", "it is replaced", chosen, map[string]Observation{"c1 web": healthy, "c2 web": healthy}, ""},
		{"by name", "clusters that are named are not replaced", func(*Environment) {}, map[string]Observation{"c1 web": {State: Applying}}, ""},
		{"released", "nothing replaces a cluster of a deleted binding", func(e *Environment) { chosen(e); e.Released = []string{"c9"} }, map[string]Observation{"c1 web": {State: Applying}}, ""},
		{"other binding", "a binding of names is no replacement", func(e *Environment) {
			e.Bindings = []Binding{{Name: "a", Clusters: []string{"c1"}, SurgeFirst: true}, {Name: "b", Clusters: []string{"c2"}}}
		}, map[string]Observation{"c1 web": healthy, "c2 web": {State: Applying}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fleet := &scripted{records: []Record{record("c9", "left")}, units: test.units}
			plan := planOf(t, worldOf(changed(environment("prod", "c1", "c2"), test.change)), request(use("prod")), noneAway)
			report, err := engineOf(&scripted{}, fleet).Carry(t.Context(), plan)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, summaryOf(report).Removals["left"]); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			if got := strings.Contains(strings.Join(fleet.calls, ","), "remove left"); got != (test.want == "") {
				t.Errorf("removed %t: %s", got, test.reason)
			}
		})
	}
}

// TestDroppedWhileReplacing checks that a component which the application no
// longer has goes from a cluster that left, whatever the others run.
func TestDroppedWhileReplacing(t *testing.T) {
	left := record("c9", "left")
	left.Component = "old"
	fleet := &scripted{records: []Record{left}, units: map[string]Observation{"c1 web": {State: Applying}}}
	plan := planOf(t, worldOf(changed(environment("prod", "c1"), func(e *Environment) { e.Bindings[0].SurgeFirst = true })), request(use("prod")), noneAway)
	if _, err := engineOf(&scripted{}, fleet).Carry(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(fleet.calls, ","), "remove left") {
		t.Error("it stays, though nothing replaces it")
	}
}

// explaining is a Target that knows why its units are not healthy.
type explaining struct{ *scripted }

func (e *explaining) Explain(_ context.Context, unit Unit, _ Observation) (Cause, time.Duration) {
	return Cause{Text: "pod of " + unit.Component}, 7 * time.Second
}

// TestCause checks that only units that are there and not healthy are explained.
func TestCause(t *testing.T) {
	unjudgeable := Observation{State: Delivered}
	tests := []struct {
		reason   string
		target   Target
		observed Observation
		want     string
		again    time.Duration
	}{
		{"there, and not healthy", &explaining{&scripted{}}, unjudgeable, "pod of web", 7 * time.Second},
		{"not there: what it waits for says more", &explaining{&scripted{}}, Observation{State: Applying}, "", 0},
		{"the target has nothing to add", &scripted{}, unjudgeable, "", 0},
	}
	for _, test := range tests {
		engine := &Engine{Local: test.target}
		report := UnitReport{Unit: Unit{Component: "web", Place: Place{Cluster: "local"}}, Observe: test.observed}
		again := engine.explain(t.Context(), &report)
		if report.Cause.Text != test.want || again != test.again {
			t.Errorf("got %q after %s, want %q after %s: %s", report.Cause.Text, again, test.want, test.again, test.reason)
		}
	}
	healthy := UnitReport{Unit: Unit{Place: Place{Cluster: "local"}}, Observe: unjudgeable, Verdict: health.Verdict{Healthy: true}}
	if again := (&Engine{Local: &explaining{&scripted{}}}).explain(t.Context(), &healthy); healthy.Cause.Text != "" || again != 0 {
		t.Errorf("a healthy unit is explained: %q, again after %s", healthy.Cause.Text, again)
	}
}

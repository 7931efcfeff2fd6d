// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

var ourWeb = identity("store", "web", "prod")

// version is the unit with one Deployment, and how it is treated.
func version(image string, treatment policy.Treatment) delivery.Unit {
	u := unit(labelled(deployment("web", image), ourWeb))
	u.Treatments = []policy.Treatment{treatment}
	return u
}

func scaled() policy.Treatment {
	return policy.Treatment{Held: []policy.HeldField{{Path: "spec.replicas", Omit: true}}}
}

// replicas of the Deployment as the API server has them; 1 is what it makes of none.
func (s *spoke) replicas() string {
	value, found := policy.FieldPath{"spec", "replicas"}.Value(s.objects[identify(deployment("web", "").Content)].content())
	if !found {
		return "1"
	}
	return fmt.Sprint(value)
}

// scale sets the replicas as an autoscaler does.
func (s *spoke) scale(replicas int64) {
	object := s.objects[identify(deployment("web", "").Content)]
	fields := map[string]any{"spec": map[string]any{"replicas": replicas}}
	for manager := range object.fields {
		object.fields[manager] = without(object.fields[manager], fields)
	}
	object.fields["hpa"] = fields
}

// keeps are the works that hold fields.
func (s *spoke) keeps(t *testing.T) int {
	t.Helper()
	var list workv1.ManifestWorkList
	if err := s.client.List(t.Context(), &list, client.MatchingLabels{LabelPurpose: PurposeKeep}); err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

// TestReplicasOfAnAutoscaler checks that what an autoscaler set survives ten edits,
// whether it was there from the start or came later, and that the number of
// replicas never falls in between.
func TestReplicasOfAnAutoscaler(t *testing.T) {
	drifting := scaled()
	drifting.LeaveDrift = true
	tests := []struct {
		name, reason string
		before       []policy.Treatment
		treatment    policy.Treatment
		found        int64
	}{
		{"from the start", "it finds one replica", nil, scaled(), 1},
		{"later", "it finds what the application wanted", []policy.Treatment{{}}, scaled(), 2},
		{"drift left, from the start", "it finds one replica", nil, drifting, 1},
		{"drift left, later", "it finds what the application wanted", []policy.Treatment{{LeaveDrift: true}}, drifting, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			for _, treatment := range test.before {
				s.settle(t, version("nginx:0", treatment))
			}
			s.settleKeeping(t, version("nginx:0", test.treatment), test.found)
			if got := s.replicas(); got != fmt.Sprint(test.found) {
				t.Errorf("%v replicas, want %d, since %s", got, test.found, test.reason)
			}
			s.scale(8)
			for i := range 10 {
				s.settleKeeping(t, version(fmt.Sprintf("nginx:%d", i+1), test.treatment), 8)
			}
			if got := imageOf(s.objects[identify(deployment("web", "").Content)].content()); got != "nginx:10" {
				t.Errorf("image %q", got)
			}
			if n := s.keeps(t); n > 0 {
				t.Errorf("%d works stay that held a field", n)
			}
			s.removeAll(t)
			if len(s.objects) > 0 {
				t.Error("the Deployment stays")
			}
		})
	}
}

// settleKeeping is settle, and checks at every step that there are as many replicas.
func (s *spoke) settleKeeping(t *testing.T, u delivery.Unit, replicas int64) {
	t.Helper()
	for range 10 {
		if _, err := s.Deliver(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		s.sync(t)
		if got := s.replicas(); got != fmt.Sprint(replicas) {
			t.Fatalf("%v replicas on the way, want %d", got, replicas)
		}
		s.pass(time.Second)
	}
	if diff := cmp.Diff("delivered", said(s.settle(t, u))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReplicasDroppedWithTheEdit checks an application that gets an autoscaler and
// says no number of replicas any more in the same edit.
func TestReplicasDroppedWithTheEdit(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, version("nginx:1", policy.Treatment{}))
	u := version("nginx:2", scaled())
	u.Result.Objects[0].Content = policy.FieldPath{"spec", "replicas"}.Without(u.Result.Objects[0].Content)
	s.settleKeeping(t, u, 2)
	if n := s.keeps(t); n > 0 {
		t.Errorf("%d works stay that held a field", n)
	}
}

// TestHeldFields checks fields that a policy leaves to others: they start with
// the application's value, and a change of it is written only where the policy says so.
func TestHeldFields(t *testing.T) {
	const name = "spec.template.spec.containers[name=web].image"
	image := policy.HeldField{Path: "spec.template.spec.containers[0].image"}
	renewed := image
	renewed.Renew = true
	tests := []struct {
		name, reason string
		held         policy.HeldField
		want         string
	}{
		{"held", "it was set once", image, "theirs"},
		{"renewed", "the application changed it", renewed, "nginx:2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			treatment := policy.Treatment{Held: []policy.HeldField{test.held}}
			s.settle(t, version("nginx:1", treatment))
			id := identify(deployment("web", "").Content)
			if keeps := s.keeps(t); keeps > 0 || s.objects[id].fields["work-agent-keep-"+shortHash(name)] == nil {
				t.Fatalf("the image was not handed over; %d works", keeps)
			}
			if main := imageOf(relisted(s.objects[id].fields[fieldManager]).(map[string]any)); main != "" {
				t.Errorf("the work still has the image %q", main)
			}
			delete(s.objects[id].fields, "work-agent-keep-"+shortHash(name))
			s.objects[id].fields["somebody"] = keyed(only(deployment("web", "").Content, mustPath(t, test.held.Path), "theirs")).(map[string]any)
			s.settle(t, version("nginx:2", treatment))
			if diff := cmp.Diff(test.want, imageOf(s.objects[id].content())); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// podOf is a Deployment with containers, of which each has variables.
func podOf(image string, containers []string, variables ...string) render.Object {
	var items []any
	for _, name := range containers {
		environment := []any{}
		for _, variable := range variables {
			environment = append(environment, map[string]any{"name": variable, "value": "app"})
		}
		items = append(items, map[string]any{"name": name, "image": image, "env": environment})
	}
	object := labelled(deployment("web", image), ourWeb)
	object.Content, _ = policy.FieldPath{"spec", "template", "spec", "containers"}.Set(object.Content, items)
	return object
}

// items are the containers and variables that the cluster has, by manager or of all.
func itemsOf(content map[string]any) []string {
	var found []string
	value, _ := policy.FieldPath{"spec", "template", "spec", "containers"}.Value(content)
	containers, _ := value.([]any)
	for _, container := range containers {
		fields := container.(map[string]any)
		found = append(found, fmt.Sprintf("%v:%v", fields["name"], fields["image"]))
		variables, _ := fields["env"].([]any)
		for _, variable := range variables {
			found = append(found, fmt.Sprintf("%v=%v", variable.(map[string]any)["name"], variable.(map[string]any)["value"]))
		}
	}
	return found
}

// TestHeldItems checks items of lists, and fields of them, that a policy leaves to
// others, while the application moves, adds and removes items and ends the policy.
func TestHeldItems(t *testing.T) {
	const container = "spec.template.spec.containers"
	paths := func(paths ...string) policy.Treatment {
		var treatment policy.Treatment
		for _, path := range paths {
			treatment.Held = append(treatment.Held, policy.HeldField{Path: container + path})
		}
		return treatment
	}
	type step struct {
		object    render.Object
		treatment policy.Treatment
		// work is what the application still writes, cluster what there is.
		work, cluster []string
	}
	web := []string{"web"}
	first := paths("[0].image")
	variables := paths("[0].env[0]", "[0].env[1]")
	tests := []struct {
		reason string
		steps  []step
	}{
		{"an index means what it meant before others were taken out", []step{
			{podOf("a", web, "A", "B", "C"), variables, []string{"web:a", "C=app"}, []string{"web:a", "A=app", "B=app", "C=app"}},
			{podOf("b", web, "A", "B", "C"), variables, []string{"web:b", "C=app"}, []string{"web:b", "A=app", "B=app", "C=app"}},
		}},
		{"a container, and a field of the next", []step{
			{podOf("a", []string{"a", "b"}), paths("[0]", "[1].image"), []string{"b:<nil>"}, []string{"a:a", "b:a"}},
		}},
		{"a container comes in front, and they change places again", []step{
			{podOf("a", web), first, []string{"web:<nil>"}, []string{"web:a"}},
			{podOf("b", []string{"proxy", "web"}), first, []string{"proxy:<nil>", "web:b"}, []string{"proxy:b", "web:b"}},
			{podOf("c", []string{"web", "proxy"}), first, []string{"proxy:c", "web:<nil>"}, []string{"proxy:c", "web:b"}},
		}},
		{"a container that the application removes goes", []step{
			{podOf("a", []string{"web", "proxy"}), paths("[1].image"), []string{"proxy:<nil>", "web:a"}, []string{"proxy:a", "web:a"}},
			{podOf("b", web), paths("[1].image"), []string{"web:b"}, []string{"web:b"}},
		}},
		{"an item that the application removes goes, and the others move up", []step{
			{podOf("a", web, "A", "B", "C"), paths("[0].env[1]"), []string{"web:a", "A=app", "C=app"}, []string{"web:a", "A=app", "B=app", "C=app"}},
			{podOf("a", web, "A", "C"), paths("[0].env[1]"), []string{"web:a", "A=app"}, []string{"web:a", "A=app", "C=app"}},
		}},
		{"without the policy an item goes as any other", []step{
			{podOf("a", web, "A", "B"), paths("[0].env[1]"), []string{"web:a", "A=app"}, []string{"web:a", "A=app", "B=app"}},
			{podOf("a", web, "A", "B"), policy.Treatment{}, []string{"web:a", "A=app", "B=app"}, []string{"web:a", "A=app", "B=app"}},
			{podOf("a", web, "A"), policy.Treatment{}, []string{"web:a", "A=app"}, []string{"web:a", "A=app"}},
		}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			s := newSpoke(t)
			for i, step := range test.steps {
				u := unit(step.object)
				u.Treatments = []policy.Treatment{step.treatment}
				s.settle(t, u)
				live := s.objects[identify(step.object.Content)]
				work := itemsOf(relisted(live.fields[fieldManager]).(map[string]any))
				if diff := cmp.Diff(step.work, work) + cmp.Diff(step.cluster, itemsOf(live.content())); diff != "" {
					t.Fatalf("step %d (-want +got):\n%s", i, diff)
				}
				if n := s.keeps(t); n > 0 {
					t.Errorf("step %d: %d works stay that held a field", i, n)
				}
			}
		})
	}
}

// TestReplicasOfOthers checks that what others set while an object was left alone
// stays when it is written again and an autoscaler has its replicas.
func TestReplicasOfOthers(t *testing.T) {
	for _, test := range []struct {
		reason string
		before policy.Treatment
		image  string
	}{
		{"the policy ends", policy.Treatment{Once: true}, "nginx:1"},
		{"the policy ends with an edit", policy.Treatment{Once: true}, "nginx:2"},
		{"the autoscaler comes with an edit", policy.Treatment{LeaveDrift: true}, "nginx:2"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			s := newSpoke(t)
			s.settle(t, version("nginx:1", test.before))
			s.scale(8)
			after := scaled()
			after.LeaveDrift = test.before.LeaveDrift
			s.settleKeeping(t, version(test.image, after), 8)
			if got := imageOf(s.objects[identify(deployment("web", "").Content)].content()); got != test.image {
				t.Errorf("image %q, want %q", got, test.image)
			}
		})
	}
}

// TestMarks checks that a name with whatever characters is one mark.
func TestMarks(t *testing.T) {
	for _, name := range []string{"spec.replicas", "metadata.annotations[a,b]", "metadata.annotations[a@b]", "data[!a%]", "spec.ports[port=80,protocol=TCP].name"} {
		for _, value := range []any{nil, "v"} {
			text := mark(policy.HeldField{Path: name, Renew: value != nil}, name, value, value != nil)
			if marks := marksOf("before," + text); len(marks) != 2 || !hasName(marks, name) || unescaped.Replace(nameOf(marks[1])) != name {
				t.Errorf("%s is %v", name, marks)
			}
			if hasName([]string{backMark + text}, name) {
				t.Errorf("%s is held, though it is being taken back", name)
			}
		}
	}
}

func mustPath(t *testing.T, text string) policy.FieldPath {
	t.Helper()
	path, err := policy.ParseFieldPath(text)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOnly checks what a work holds of an object to take one field over.
func TestOnly(t *testing.T) {
	web := deployment("web", "nginx:1").Content
	meta := map[string]any{"name": "web", "namespace": "shop-prod"}
	tests := []struct {
		path string
		want map[string]any
	}{
		{"spec.replicas", map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": map[string]any{"replicas": "v"}}},
		{"spec.template.spec.containers[0].image", map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": map[string]any{"template": map[string]any{"spec": map[string]any{
				"containers": []any{map[string]any{"name": "web", "image": "v"}},
			}}},
		}},
		{"metadata.annotations[example.com/a]", map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment",
			"metadata": map[string]any{"name": "web", "namespace": "shop-prod", "annotations": map[string]any{"example.com/a": "v"}},
		}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, only(web, mustPath(t, test.path), "v")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.path, diff)
		}
	}
}

// TestTreatments checks what an agent is told of an object, and what becomes of
// an object that somebody edits, and when the application goes.
func TestTreatments(t *testing.T) {
	tests := []struct {
		name, reason string
		treatment    policy.Treatment
		// there says that somebody made the object before.
		there bool
		want  string
		// image after the application changed it from nginx:1 to nginx:2 while it was "edited" in between.
		edited string
		stays  bool
	}{
		{"usual", "edits are undone", policy.Treatment{}, false, "delivered", "nginx:2", false},
		{"once", "it is only made", policy.Treatment{Once: true}, false, "delivered", "edited", false},
		{"drift left", "what the application changes is written", policy.Treatment{LeaveDrift: true}, false, "delivered", "nginx:2", false},
		{"never removed", "it stays", policy.Treatment{Removal: policy.RemoveNever}, false, "delivered", "nginx:2", true},
		{"left with what it owns", "an agent cannot delete one without the other", policy.Treatment{Propagation: "orphan"}, false, "delivered", "nginx:2", true},
		{"read only", "it is neither written nor removed", policy.Treatment{ReadOnly: true}, true, "delivered", "edited", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			if test.there {
				s.create(deployment("web", "theirs"))
			}
			if diff := cmp.Diff(test.want, said(s.settle(t, version("nginx:1", test.treatment)))); diff != "" {
				t.Fatalf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			object := s.objects[identify(deployment("web", "").Content)]
			for manager, fields := range object.fields {
				object.fields[manager] = mustSet(t, fields, "edited")
			}
			s.settle(t, version("nginx:2", test.treatment))
			if got := imageOf(object.content()); got != test.edited {
				t.Errorf("image %q, want %q: %s", got, test.edited, test.reason)
			}
			s.removeAll(t)
			if stays := len(s.objects) > 0; stays != test.stays {
				t.Errorf("stays %t, want %t: %s", stays, test.stays, test.reason)
			}
		})
	}
}

// TestDriftLeftByOtherPolicies checks that what others changed in an object stays which
// is left to them before the application changes it, when another policy of it changes.
func TestDriftLeftByOtherPolicies(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*delivery.Unit)
	}{
		{"when it is removed", func(u *delivery.Unit) { u.Treatments[0].Removal = policy.RemoveOnDelete }},
		{"that it stays", func(u *delivery.Unit) { u.Treatments[0].Removal = policy.RemoveNever }},
		{"what it depends on", func(u *delivery.Unit) { u.Needs = []string{"db"} }},
		{"what makes it anew", func(u *delivery.Unit) { u.Treatments[0].RecreateFields = []string{"spec.selector"} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			before := func(image string) delivery.Unit { return version(image, policy.Treatment{LeaveDrift: true}) }
			after := func(image string) delivery.Unit {
				u := before(image)
				test.change(&u)
				return u
			}
			s.settle(t, before("nginx:1"))
			for _, step := range []delivery.Unit{after("nginx:1"), before("nginx:1"), after("nginx:1")} {
				for manager, fields := range s.objects[web].fields {
					s.objects[web].fields[manager] = mustSet(t, fields, "edited")
				}
				s.follow(t, step)
				if got := s.image(); got != "edited" {
					t.Fatalf("image %q, want that of somebody else: the application did not change it", got)
				}
			}
			if s.writes = nil; s.settle(t, after("nginx:1")).State != delivery.Delivered || len(s.writes) > 0 {
				t.Errorf("writes %v though nothing changed", s.writes)
			}
			s.settle(t, after("nginx:2"))
			if got := s.image(); got != "nginx:2" {
				t.Errorf("image %q, want the application's new one", got)
			}
		})
	}
}

func mustSet(t *testing.T, fields map[string]any, image string) map[string]any {
	t.Helper()
	changed, ok := policy.FieldPath{"spec", "template", "spec", "containers", itemKey + "web", "image"}.Set(fields, image)
	if !ok {
		t.Fatal("no image")
	}
	return changed
}

// TestReadOnlyMissing checks that an object which is only read and is not there
// is not made, and that nobody is asked to.
func TestReadOnlyMissing(t *testing.T) {
	s := newSpoke(t)
	got := said(s.settleWaiting(t, version("nginx:1", policy.Treatment{ReadOnly: true})))
	want := `waiting: Deployment shop-prod/web: the cluster does not have it, and a policy of type "read-only" keeps it from being made`
	if diff := cmp.Diff(want, got); diff != "" || len(s.objects) > 0 {
		t.Errorf("(-want +got):\n%s\n%d objects", diff, len(s.objects))
	}
}

func (s *spoke) settleWaiting(t *testing.T, u delivery.Unit) delivery.Observation {
	t.Helper()
	var said delivery.Observation
	for range 5 {
		var err error
		if said, err = s.Deliver(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		s.sync(t)
		s.pass(time.Second)
	}
	return said
}

// TestReadOnlyLater checks that an object which was delivered and is only read
// from now on is let go of, and stays when the application goes.
func TestReadOnlyLater(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, version("nginx:1", policy.Treatment{}))
	s.settle(t, version("nginx:2", policy.Treatment{ReadOnly: true}))
	id := identify(deployment("web", "").Content)
	if diff := cmp.Diff(map[workv1.ResourceIdentifier]phase{id: phaseObserve}, phases(s.work(t, webWork))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := imageOf(s.objects[id].content()); got != "nginx:1" {
		t.Errorf("image %q, want that of the version before it was only read", got)
	}
	s.removeAll(t)
	if s.objects[id] == nil {
		t.Error("it was removed")
	}
}

// TestReplicasAfterReadOnly checks that an autoscaler keeps its replicas when an object
// is written that was only read.
func TestReplicasAfterReadOnly(t *testing.T) {
	taking := scaled()
	taking.TakeOver = true
	tests := []struct {
		name, reason string
		// before is how the unit delivered the object at first; nil when somebody else made it.
		before   *policy.Treatment
		after    policy.Treatment
		replicas int64
	}{
		{"taken over", "nobody wrote the replicas but others", nil, taking, 8},
		{"the unit's again", "its own version left them to others", new(scaled()), scaled(), 8},
		{"the unit's, and taken over", "its own version left them to others", new(scaled()), taking, 8},
		{"never left to others", "they would go with the unit's other fields", &policy.Treatment{}, scaled(), 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			if test.before == nil {
				s.create(deployment("web", "theirs"))
			} else {
				s.settle(t, version("nginx:1", *test.before))
			}
			if test.replicas != 2 {
				s.scale(test.replicas)
			}
			s.settleKeeping(t, version("nginx:1", policy.Treatment{ReadOnly: true}), test.replicas)
			s.settleKeeping(t, version("nginx:2", test.after), test.replicas)
			s.settleKeeping(t, version("nginx:3", test.after), test.replicas)
			if got := imageOf(s.objects[identify(deployment("web", "").Content)].content()); got != "nginx:3" {
				t.Errorf("image %q, want the last one: %s", got, test.reason)
			}
		})
	}
}

// TestTakenOverAsItIs checks that what others set in an object stays where a policy of
// type apply-once leaves it to them, when another policy takes the object over.
func TestTakenOverAsItIs(t *testing.T) {
	const image = "spec.template.spec.containers[0].image"
	held := func(fields ...policy.HeldField) policy.Treatment {
		return policy.Treatment{TakeOver: true, Held: fields}
	}
	theirs, anothers := labelled(deployment("web", "theirs"), nil), labelled(deployment("web", "theirs"), identity("blog", "web", "prod"))
	tests := []struct {
		name, reason string
		// there is what the cluster has before, with 5 replicas; nil for nothing.
		there *render.Object
		// before is how the unit treated the object at first; nil when it did not.
		before    *policy.Treatment
		treatment policy.Treatment
		// what the cluster has of nginx:1 with 2 replicas, and then of nginx:2.
		image, replicas, later string
	}{
		{"all", "it becomes the application's, and is not written", &theirs, nil, policy.Treatment{TakeOver: true, Once: true}, "theirs", "5", "theirs"},
		{"all, and missing", "it is made", nil, nil, policy.Treatment{TakeOver: true, Once: true}, "nginx:1", "2", "nginx:1"},
		{
			"all, refused before", "the policies came later", &theirs, &policy.Treatment{},
			policy.Treatment{TakeOver: true, Once: true}, "theirs", "5", "theirs",
		},
		{"a field", "it has a value already", &theirs, nil, held(policy.HeldField{Path: "spec.replicas"}), "nginx:1", "5", "nginx:2"},
		{"a field, and missing", "it starts with the application's", nil, nil, held(policy.HeldField{Path: "spec.replicas"}), "nginx:1", "2", "nginx:2"},
		{
			"a field, refused before", "the policies came later", &theirs, &policy.Treatment{},
			held(policy.HeldField{Path: "spec.replicas"}), "nginx:1", "5", "nginx:2",
		},
		{
			"a field, read before", "nobody wrote it but others", &theirs, &policy.Treatment{ReadOnly: true},
			held(policy.HeldField{Path: "spec.replicas"}), "nginx:1", "5", "nginx:2",
		},
		{
			"a field of what an application left", "its work may be who has the field", &anothers, nil,
			held(policy.HeldField{Path: "spec.replicas"}), "nginx:1", "5", "nginx:2",
		},
		{"a field of an item", "the item has it already", &theirs, nil, held(policy.HeldField{Path: image}), "theirs", "2", "theirs"},
		{
			"a field of another item", "there is no such item yet", ptrTo(podOf("theirs", []string{"other"})), nil,
			held(policy.HeldField{Path: image}), "nginx:1", "2", "nginx:1",
		},
		{
			"a field that is written when it changes", "the application's value counts", &theirs, nil,
			held(policy.HeldField{Path: "spec.replicas", Renew: true}), "nginx:1", "2", "nginx:2",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			if test.there != nil {
				s.create(*test.there)
				s.scale(5)
			}
			if test.before != nil {
				s.settleWaiting(t, version("nginx:1", *test.before))
			}
			if diff := cmp.Diff("delivered", said(s.settle(t, version("nginx:1", test.treatment)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := s.imageOfWeb(); got != test.image || s.replicas() != test.replicas || len(s.objects[web].owners) != 1 {
				t.Errorf("image %q and %s replicas, owned %v, want %q and %s: %s", got, s.replicas(), s.objects[web].owners, test.image, test.replicas, test.reason)
			}
			if test.there == nil && s.objects[web].fields[fieldManager] == nil {
				t.Error("what is made is not the work's, so that it would keep what the application drops")
			}
			s.settle(t, version("nginx:2", test.treatment))
			if got := s.imageOfWeb(); got != test.later || s.replicas() != test.replicas || s.keeps(t) > 0 {
				t.Errorf("later image %q and %s replicas, want %q and %s: %s", got, s.replicas(), test.later, test.replicas, test.reason)
			}
			s.removeAll(t)
			if len(s.objects) > 0 {
				t.Error("it does not go with the application")
			}
		})
	}
}

// TestTakenOverPartly checks that an object is written a part of whose held map is somebody's: it
// is the agent's next look at the map that leaves it to others, and all else follows meanwhile.
func TestTakenOverPartly(t *testing.T) {
	s := newSpoke(t)
	s.create(labelled(deployment("web", "theirs"), identity("blog", "web", "prod")))
	treatment := policy.Treatment{TakeOver: true, Held: []policy.HeldField{{Path: "spec.template"}}}
	for _, replicas := range []string{"2", "3"} {
		u := version("nginx:1", treatment)
		number, err := strconv.ParseInt(replicas, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		u.Result.Objects[0].Content["spec"].(map[string]any)["replicas"] = number
		u.Result.Objects[0] = labelled(u.Result.Objects[0], ourWeb)
		if diff := cmp.Diff("delivered", said(s.settle(t, u))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if s.imageOfWeb() != "nginx:1" || s.replicas() != replicas {
			t.Errorf("image %q and %s replicas, want the application's, and %s", s.imageOfWeb(), s.replicas(), replicas)
		}
	}
}

// imageOfWeb is the image of the container web of the Deployment.
func (s *spoke) imageOfWeb() string {
	value, _ := policy.FieldPath{"spec", "template", "spec", "containers"}.Value(s.objects[web].content())
	containers, _ := value.([]any)
	for _, container := range containers {
		if fields := container.(map[string]any); fields["name"] == "web" {
			return fmt.Sprint(fields["image"])
		}
	}
	return ""
}

// TestLeftJustBeforeTheEnd checks that an object which is to stay since a moment
// ago stays: its work goes only when the agent has let go of it.
func TestLeftJustBeforeTheEnd(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, version("nginx:1", policy.Treatment{}))
	s.pass(time.Minute)
	if _, err := s.Deliver(t.Context(), version("nginx:1", policy.Treatment{Removal: policy.RemoveNever})); err != nil {
		t.Fatal(err)
	}
	s.removeAll(t)
	if len(s.objects) != 1 {
		t.Error("the object is gone")
	}
}

// TestKeptUntilTheEnd checks objects that the application drops and that a policy
// keeps until it goes.
func TestKeptUntilTheEnd(t *testing.T) {
	s := newSpoke(t)
	web, expose := labelled(deployment("web", "nginx:1"), ourWeb), labelled(service("web"), ourWeb)
	both := unit(web, expose)
	both.Treatments = []policy.Treatment{{}, {Removal: policy.RemoveOnDelete}}
	s.settle(t, both)
	uid := s.objects[identify(expose.Content)].uid
	for range 3 {
		if diff := cmp.Diff("delivered", said(s.settle(t, unit(web)))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if object := s.objects[identify(expose.Content)]; object == nil || object.uid != uid {
		t.Fatal("the Service did not stay")
	}
	s.settle(t, both)
	if object := s.objects[identify(expose.Content)]; object == nil || object.uid != uid {
		t.Error("the Service was made anew when the application had it again")
	}
	s.settle(t, unit(web))
	s.removeAll(t)
	if len(s.objects) > 0 {
		t.Errorf("%d objects stay after the application", len(s.objects))
	}
}

// TestKeptOfADroppedComponent checks a component that the application drops and
// of which a policy keeps some objects: the others go, and those stay as they
// are until the application goes, or the component comes again.
func TestKeptOfADroppedComponent(t *testing.T) {
	s := newSpoke(t)
	web, expose, data := labelled(deployment("web", "nginx:1"), ourWeb), labelled(service("web"), ourWeb), labelled(service("data"), ourWeb)
	whole := unit(web, expose, data)
	whole.Treatments = []policy.Treatment{{}, {Removal: policy.RemoveOnDelete}, {Removal: policy.RemoveNever}}
	whole.Needs = []string{"db"}
	s.settle(t, whole)
	uid := s.objects[identify(expose.Content)].uid
	before := s.work(t, webWork)
	s.dropAll(t)
	if s.objects[identify(web.Content)] != nil {
		t.Error("the Deployment, of which no policy says anything, stays")
	}
	if object := s.objects[identify(data.Content)]; object == nil || len(object.owners) > 0 {
		t.Error("what is never removed is gone, or still the work's")
	}
	if object := s.objects[identify(expose.Content)]; object == nil || object.uid != uid {
		t.Fatal("what stays until the application goes did not stay as it was")
	}
	var kept, was []string
	for _, content := range contents(s.work(t, webWork)) {
		kept = append(kept, describe(content))
	}
	if diff := cmp.Diff([]string{"Service shop-prod/web"}, kept); diff != "" {
		t.Errorf("the work holds (-want +got):\n%s", diff)
	}
	for _, content := range contents(before) {
		was = append(was, annotation(content, delivery.AnnotationDependsOn))
	}
	needs, err := s.Needs(t.Context(), s.recordOfWeb(t))
	if diff := cmp.Diff([]string{"db", "db", "db", "db"}, append(was, needs...)); diff != "" || err != nil {
		t.Errorf("%v: what it depends on (-want +got):\n%s", err, diff)
	}
	s.settle(t, whole)
	if object := s.objects[identify(expose.Content)]; object == nil || object.uid != uid || s.objects[identify(web.Content)] == nil {
		t.Error("the component is not as it was when the application has it again")
	}
	s.dropAll(t)
	s.removeAll(t)
	if len(s.objects) != 1 {
		t.Errorf("%d objects stay after the application, want what is never removed", len(s.objects))
	}
}

// TestKeptOnlyWhatIsOurs checks that an object which the cluster had before is not
// kept with its component, though a policy keeps objects of that kind.
func TestKeptOnlyWhatIsOurs(t *testing.T) {
	s := newSpoke(t)
	theirs := s.create(service("web"))
	whole := unit(labelled(service("web"), ourWeb))
	whole.Treatments = []policy.Treatment{{Removal: policy.RemoveOnDelete}}
	s.settleWaiting(t, whole)
	s.dropAll(t)
	if records, err := s.Records(t.Context(), owner); len(records) > 0 || err != nil {
		t.Errorf("works that stay: %v, %v", records, err)
	}
	if object := s.objects[theirs]; object == nil || len(object.owners) > 0 {
		t.Error("the object of somebody else did not stay theirs")
	}
}

// dropAll lets the application drop all that it has while it stays, until nothing
// is written any more.
func (s *spoke) dropAll(t *testing.T) {
	t.Helper()
	for range 60 {
		records, err := s.Records(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		rests := true
		s.writes = nil
		for _, record := range records {
			said, err := s.Remove(t.Context(), record, delivery.RemoveOptions{})
			if err != nil {
				t.Fatal(err)
			}
			rests = rests && said.State == delivery.Delivered
		}
		if rests && len(s.writes) == 0 {
			return
		}
		s.sync(t)
		s.pass(time.Second)
	}
	t.Fatal("it does not come to rest")
}

// TestTakenField checks whose conflict means that a field is somebody else's already.
func TestTakenField(t *testing.T) {
	conflict := func(field string) string {
		return `Apply failed with 1 conflict: conflict with "kubectl-edit" using example.com/v1: ` + field
	}
	for _, c := range []struct {
		reason, name, failed string
		want                 bool
	}{
		{"it was applied", "spec.replicas", "", true},
		{"somebody set it", "spec.replicas", conflict(".spec.replicas"), true},
		{"it was refused for something else", "spec.replicas", "quota exceeded", false},
		{"somebody set all of a list", "spec.args", conflict(".spec.args"), true},
		{"somebody set one item of a list, whose others would go", "spec.containers", conflict(`.spec.containers[name="web"].image`), false},
		{"somebody set one key of a map", "spec.labels", conflict(".spec.labels.team"), false},
		{"somebody set what begins alike", "spec.port", conflict(".spec.ports"), true},
		{"in an item", "spec.containers[name=web].image", conflict(`.spec.containers[name="web"].image`), true},
	} {
		work := &workv1.ManifestWork{ObjectMeta: metav1.ObjectMeta{Generation: 1}}
		status := metav1.ConditionTrue
		if c.failed != "" {
			status = metav1.ConditionFalse
		}
		work.Status.Conditions = []metav1.Condition{{Type: workv1.WorkApplied, Status: status, ObservedGeneration: 1}}
		work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{{Conditions: []metav1.Condition{{Type: workv1.ManifestApplied, Status: status, Message: c.failed}}}}
		if got := (handover{name: c.name}).isTaken(work); got != c.want {
			t.Errorf("taken %t, want %t, since %s", got, c.want, c.reason)
		}
	}
}

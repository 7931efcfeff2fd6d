// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// labelled is an object with the labels by which it is known whose it is.
func labelled(object render.Object, labels map[string]any) render.Object {
	content := runtime.DeepCopyJSON(object.Content)
	content["metadata"].(map[string]any)["labels"] = labels
	return render.Object{Content: content, Resource: object.Resource}
}

func identity(application, component, environment string) map[string]any {
	return map[string]any{
		v1beta1.LabelAppName: application, v1beta1.LabelAppNamespace: "shop", v1beta1.LabelAppComponent: component, v1alpha1.LabelEnvironment: environment,
	}
}

const foreignWeb = `refused ForeignObject: Deployment shop-prod/web exists on cluster "c1" and was not delivered for this component: ` +
	`it is neither changed nor deleted; remove it, rename the component, or add a policy of type "take-over"`

// TestProbe checks, on a cluster that has an object of that name already, what
// becomes of it.
func TestProbe(t *testing.T) {
	web := labelled(deployment("web", "nginx:1"), identity("store", "web", "prod"))
	tests := []struct {
		name, reason string
		// there is what the cluster has before; nil for nothing.
		there    *render.Object
		takeOver bool
		want     string
		image    string
		owned    bool
		writes   int
	}{
		{name: "nothing", reason: "it is made by the first write, and written as usual by the second", want: "delivered", image: "nginx:1", owned: true, writes: 2},
		{
			name: "somebody else's", reason: "it stays as it is", there: &render.Object{Content: deployment("web", "theirs").Content},
			want: foreignWeb, image: "theirs", writes: 1,
		},
		{
			name: "of another application", reason: "its labels are not ours", there: ptrTo(labelled(deployment("web", "theirs"), identity("blog", "web", "prod"))),
			want: foreignWeb, image: "theirs", writes: 1,
		},
		{
			name: "of another environment", reason: "its labels are not ours", there: ptrTo(labelled(deployment("web", "theirs"), identity("store", "web", "dev"))),
			want: foreignWeb, image: "theirs", writes: 1,
		},
		{
			name: "left over", reason: "an application of the same name delivered it", there: ptrTo(labelled(deployment("web", "old"), identity("store", "web", "prod"))),
			want: "delivered", image: "nginx:1", owned: true, writes: 2,
		},
		{
			name: "taken over", reason: "a policy asks for it", there: &render.Object{Content: deployment("web", "theirs").Content}, takeOver: true,
			want: "delivered", image: "nginx:1", owned: true, writes: 1,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			if test.there != nil {
				s.create(*test.there)
			}
			u := unit(web)
			u.Treatments = []policy.Treatment{{TakeOver: test.takeOver}}
			written := 0
			s.Written = func(string) { written++ }
			if diff := cmp.Diff(test.want, said(s.settle(t, u))); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			object := s.objects[identify(web.Content)]
			if got := imageOf(object.content()); got != test.image {
				t.Errorf("image %q, want %q: %s", got, test.image, test.reason)
			}
			if owned := len(object.owners) > 0; owned != test.owned || written != test.writes {
				t.Errorf("owned %t, want %t; %d writes, want %d: %s", owned, test.owned, written, test.writes, test.reason)
			}
			s.removeAll(t)
			if stays := s.objects[identify(web.Content)] != nil; stays == test.owned {
				t.Errorf("after the removal the object is there: %t, want %t: %s", stays, !test.owned, test.reason)
			}
		})
	}
}

func ptrTo[T any](value T) *T { return &value }

func imageOf(content map[string]any) string {
	image, _ := policy.FieldPath{"spec", "template", "spec", "containers", 0, "image"}.Value(content)
	text, _ := image.(string)
	return text
}

// TestProbeEnds checks that a refused unit is delivered when its place is free,
// that the refusal stays the same until then, and that nothing is written meanwhile.
func TestProbeEnds(t *testing.T) {
	web := labelled(deployment("web", "nginx:1"), identity("store", "web", "prod"))
	s := newSpoke(t)
	id := s.create(deployment("web", "theirs"))
	for range 20 {
		if diff := cmp.Diff(foreignWeb, said(s.settle(t, unit(web)))); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		s.sync(t)
		s.pass(time.Minute)
	}
	if len(s.writes) > 0 {
		t.Errorf("writes %v while the object is there, want none", s.writes)
	}
	delete(s.objects, id)
	// The agent looks, and does not apply.
	work := s.work(t, webWork)
	for i := range work.Status.ResourceStatus.Manifests {
		work.Status.ResourceStatus.Manifests[i].Conditions[0].Status = metav1.ConditionFalse
	}
	s.setStatus(t, webWork, work.Status)
	got, err := s.Deliver(t.Context(), unit(web))
	if err != nil || got.State != delivery.Applying || len(s.writes) != 1 {
		t.Fatalf("got %s, %v, writes %v: want the agent to be asked", said(got), err, s.writes)
	}
	s.sync(t)
	if diff := cmp.Diff("delivered", said(s.settle(t, unit(web)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestProbeOfALaterObject checks that an object which a unit gets later is probed
// and the others are not, and that it can be dropped again though it was refused.
func TestProbeOfALaterObject(t *testing.T) {
	web, expose := labelled(deployment("web", "nginx:1"), identity("store", "web", "prod")), labelled(service("web"), identity("store", "web", "prod"))
	s := newSpoke(t)
	s.settle(t, unit(web))
	s.create(service("web"))
	got := s.settle(t, unit(web, expose))
	if got.Reason != delivery.ReasonForeignObject {
		t.Errorf("got %s, want the Service refused", said(got))
	}
	want := map[workv1.ResourceIdentifier]phase{identify(web.Content): phaseApply, identify(expose.Content): phaseProbe}
	if diff := cmp.Diff(want, phases(s.work(t, webWork))); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	other := labelled(deployment("web", "nginx:2"), identity("store", "web", "prod"))
	s.settle(t, unit(other, expose))
	if got := imageOf(s.objects[identify(web.Content)].content()); got != "nginx:2" {
		t.Errorf("image %q: what is ours must be delivered beside what is refused", got)
	}
	if diff := cmp.Diff("delivered", said(s.settle(t, unit(other)))); diff != "" {
		t.Errorf("without the refused object (-want +got):\n%s", diff)
	}
	if s.objects[identify(expose.Content)] == nil {
		t.Error("the Service of somebody else is gone")
	}
}

// TestProbeThroughEdits changes the image at every point of a probe: nothing is
// lost, and what is there in the end is the last version.
func TestProbeThroughEdits(t *testing.T) {
	first := labelled(deployment("web", "nginx:1"), identity("store", "web", "prod"))
	second := labelled(deployment("web", "nginx:2"), identity("store", "web", "prod"))
	for steps := range 6 {
		s := newSpoke(t)
		for step := range steps {
			if step%2 == 1 {
				s.sync(t)
				continue
			}
			if _, err := s.Deliver(t.Context(), unit(first)); err != nil {
				t.Fatal(err)
			}
		}
		// The manager is another one by now.
		s.Target = &Target{Reader: s.Reader, Writer: s.Writer, Live: s.Live, Fleet: s.Fleet, Clock: s.clock}
		if got := said(s.settle(t, unit(second))); got != "delivered" {
			t.Errorf("after %d steps: %s", steps, got)
		}
		if got := imageOf(s.objects[identify(first.Content)].content()); got != "nginx:2" {
			t.Errorf("after %d steps: image %q", steps, got)
		}
	}
}

// TestFindings checks what counts as a proof of whose an object is.
func TestFindings(t *testing.T) {
	web := labelled(deployment("web", "nginx:1"), identity("store", "web", "prod"))
	const conflict = "the object has been modified"
	ours := []workv1.FeedbackValue{
		text(".metadata.uid", "u1"), text(`.metadata.labels.app\.oam\.dev/name`, "store"), text(`.metadata.labels.app\.oam\.dev/namespace`, "shop"),
		text(`.metadata.labels.app\.oam\.dev/component`, "web"), text(`.metadata.labels.fairlead\.dev/environment`, "prod"),
	}
	tests := []struct {
		name, reason string
		generation   int64
		applied      metav1.ConditionStatus
		message      string
		available    metav1.ConditionStatus
		values       []workv1.FeedbackValue
		want         finding
	}{
		{"made", "it was applied, so that it was not there", 1, "True", "", "", nil, findOurs},
		{"of another generation", "that may be another probe", 2, "True", "", "True", ours, findNothing},
		{"ours", "its labels say so", 1, "False", conflict, "True", ours, findOurs},
		{"foreign", "it was read, and has no labels", 1, "False", conflict, "True", ours[:1], findForeign},
		{"not read", "no labels may mean that it was not read yet", 1, "False", conflict, "True", nil, findNothing},
		{"freed", "what was in its place is gone, whatever was read of it", 1, "False", conflict, "False", ours[:1], findFreed},
		{"refused", "another reason is said as it is", 1, "False", "not allowed to apply", "True", ours, findNothing},
		{"a long label", "what a cluster sends is cut, and is no proof", 1, "False", conflict, "True", append([]workv1.FeedbackValue{text(`.metadata.labels.app\.oam\.dev/name`, "store\n")}, ours[2:]...), findNothing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			work, err := applicationWork(unit(web))
			if err != nil {
				t.Fatal(err)
			}
			work.Generation = 1
			manifest := reported(web, test.available, test.values...)
			manifest.ResourceMeta.Resource = "deployments"
			manifest.Conditions = append(manifest.Conditions, metav1.Condition{
				Type: workv1.ManifestApplied, Status: test.applied, Message: test.message, ObservedGeneration: test.generation,
			})
			work.Status.Conditions = []metav1.Condition{h.appliedAt(test.generation, test.applied, 0)}
			work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{manifest}
			isOurs := func(labels map[string]string) bool { return isUnits(unit(web), labels) }
			if got := findingOf(work, identify(web.Content), applicationIdentity, isOurs); got != test.want {
				t.Errorf("got %d, want %d: %s", got, test.want, test.reason)
			}
		})
	}
}

// TestShrinkAfterAFailure checks when an object may be dropped from a work of
// which the agent could not apply all.
func TestShrinkAfterAFailure(t *testing.T) {
	web, expose, extra := deployment("web", "nginx:1"), service("web"), service("extra")
	tests := []struct {
		name, reason string
		resource     string
		generation   int64
		after        []render.Object
		want         bool
	}{
		{"refused", "the agent recorded the rest", "services", 1, []render.Object{web, extra}, true},
		{"unknown kind", "nothing of that kind is on the cluster", "", 1, []render.Object{web, extra}, true},
		{"unknown kind of an earlier version", "the cluster may know it by now", "", 0, []render.Object{web, extra}, false},
		{"beside an unknown kind", "the agent records nothing of a work with a kind that it does not know", "", 1, []render.Object{web, expose}, false},
		{"with an unknown kind", "that one goes, and the other one stays until it is recorded", "", 1, []render.Object{web}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			h.delivered(t, unit(web, expose, extra))
			work := h.work(t, webWork)
			manifest := failed(expose, "no")
			manifest.ResourceMeta.Resource = test.resource
			manifest.Conditions[0].ObservedGeneration = test.generation
			h.setStatus(t, webWork, workv1.ManifestWorkStatus{
				Conditions: []metav1.Condition{h.appliedAt(1, "False", time.Minute)},
				ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{
					h.manifestApplied(work, web.Content, "True", ""), manifest, h.manifestApplied(work, extra.Content, "True", ""),
				}},
			})
			h.deliver(t, test.after...)
			if dropped := len(h.writes) > 0; dropped != test.want {
				t.Errorf("dropped %t, want %t: %s", dropped, test.want, test.reason)
			}
		})
	}
}

// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// TestRecreate checks that an object is made anew when a field changes that a
// policy names, alone in its work or not, and when no other field does.
func TestRecreate(t *testing.T) {
	const field = "spec.template.spec.containers[0].image"
	for _, more := range [][]render.Object{nil, {labelled(service("web"), ourWeb)}} {
		s := newSpoke(t)
		made := func(image string, replicas int64) delivery.Unit {
			web := labelled(deployment("web", image), ourWeb)
			web.Content, _ = policy.FieldPath{"spec", "replicas"}.Set(web.Content, replicas)
			u := unit(append([]render.Object{web}, more...)...)
			u.Treatments = []policy.Treatment{{RecreateFields: []string{field}}, {}}
			return u
		}
		s.settle(t, made("nginx:1", 1))
		id := identify(deployment("web", "").Content)
		uid := s.objects[id].uid
		s.settle(t, made("nginx:1", 2))
		if s.objects[id].uid != uid {
			t.Error("it was made anew though the field is as it was")
		}
		if diff := cmp.Diff("delivered", said(s.settle(t, made("nginx:2", 2)))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if s.objects[id].uid == uid || imageOf(s.objects[id].content()) != "nginx:2" {
			t.Error("it was not made anew")
		}
	}
}

// TestRecreateBesideRefused checks that an object is made anew beside one that the
// cluster refuses.
func TestRecreateBesideRefused(t *testing.T) {
	const field = "spec.template.spec.containers[0].image"
	made := func(image string, ports int64) delivery.Unit {
		expose := labelled(service("data"), ourWeb)
		expose.Content["spec"] = map[string]any{"ports": []any{map[string]any{"port": ports}}}
		u := unit(labelled(deployment("web", image), ourWeb), expose)
		u.Treatments = []policy.Treatment{{RecreateFields: []string{field}}, {}}
		return u
	}
	s, _ := refusing(t, made("nginx:1", 80))
	id := identify(deployment("web", "").Content)
	uid := s.objects[id].uid
	for range 20 {
		if _, err := s.Deliver(t.Context(), made("nginx:2", 81)); err != nil {
			t.Fatal(err)
		}
		s.sync(t)
		s.pass(time.Second)
	}
	if object := s.objects[id]; object == nil || object.uid == uid || imageOf(object.content()) != "nginx:2" {
		t.Errorf("it was not made anew: %+v", object)
	}
}

// claimed is component web with a claim of that class, beside a Deployment. The class is
// what the claim is made anew for.
func claimed(class string, treatment policy.Treatment) delivery.Unit {
	claim := labelled(render.Object{Resource: "claim", Content: map[string]any{
		"apiVersion": "v1", "kind": "PersistentVolumeClaim",
		"metadata": map[string]any{"name": "data", "namespace": "shop-prod"},
		"spec":     map[string]any{"storageClassName": class, "volumeName": "one"},
	}}, ourWeb)
	treatment.RecreateFields = []string{"spec.storageClassName"}
	u := unit(labelled(deployment("web", "nginx:1"), ourWeb), claim)
	u.Treatments = []policy.Treatment{{Removal: policy.RemoveOnUpdate}, treatment}
	return u
}

var claimID = workv1.ResourceIdentifier{Resource: "persistentvolumeclaims", Namespace: "shop-prod", Name: "data"}

// never is how a claim is treated of which no policy says when it goes.
var never = policy.Treatment{Removal: policy.RemoveNever}

// classOf is the class that a claim has on the cluster; empty when there is none.
func (s *spoke) classOf() string {
	object := s.objects[claimID]
	if object == nil {
		return ""
	}
	class, _ := policy.FieldPath{"spec", "storageClassName"}.Value(object.content())
	text, _ := class.(string)
	return text
}

// TestRecreateWhatStays checks that an object which is to stay when its application drops
// it is made anew like any other, and stays afterwards.
func TestRecreateWhatStays(t *testing.T) {
	tests := []struct {
		name, reason string
		before, now  policy.Treatment
	}{
		{"claim", "no policy says of it that it goes", never, never},
		{"kept until the application goes", "it is the work's, so that it goes when the work drops it", policy.Treatment{Removal: policy.RemoveOnDelete}, policy.Treatment{Removal: policy.RemoveOnDelete}},
		{"no longer kept", "what the work says of it counts, not what it is to say", never, policy.Treatment{Removal: policy.RemoveOnUpdate}},
		{"kept from now on", "the new one is", policy.Treatment{Removal: policy.RemoveOnUpdate}, never},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			s.settle(t, claimed("slow", test.before))
			s.frozen = map[workv1.ResourceIdentifier]bool{claimID: true}
			uid, web := s.objects[claimID].uid, s.objects[identify(deployment("web", "").Content)].uid
			if diff := cmp.Diff("delivered", said(s.settle(t, claimed("fast", test.now)))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
			if s.objects[claimID].uid == uid || s.classOf() != "fast" {
				t.Errorf("it was not made anew, though %s: class %q", test.reason, s.classOf())
			}
			if s.objects[identify(deployment("web", "").Content)].uid != web {
				t.Error("the Deployment was made anew too")
			}
			s.settle(t, claimed("fast", test.now))
			s.removeAll(t)
			if stays := s.objects[claimID] != nil; stays != (test.now.Removal == policy.RemoveNever) {
				t.Errorf("after its application is gone it is there: %t", stays)
			}
		})
	}
}

// TestRecreateAfterRefusal checks that an object is made anew whose last edit the cluster
// refused, so that no work could have taken it by applying it.
func TestRecreateAfterRefusal(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, claimed("slow", never))
	s.frozen = map[workv1.ResourceIdentifier]bool{claimID: true}
	edited := claimed("slow", never)
	edited.Result.Objects[1].Content["spec"].(map[string]any)["volumeName"] = "other"
	if got := s.settle(t, edited); got.Reason != delivery.ReasonApplyFailed {
		t.Fatalf("got %s, want that the edit is refused", said(got))
	}
	s.settle(t, claimed("fast", never))
	if s.classOf() != "fast" {
		t.Errorf("it was not made anew: class %q", s.classOf())
	}
}

// TestRecreateTakenBack checks that an object stays whose edit is taken back before the
// cluster has removed it.
func TestRecreateTakenBack(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, claimed("slow", never))
	s.frozen = map[workv1.ResourceIdentifier]bool{claimID: true}
	uid := s.objects[claimID].uid
	s.pass(2 * time.Second)
	if _, err := s.Deliver(t.Context(), claimed("fast", never)); err != nil {
		t.Fatal(err)
	}
	s.settle(t, claimed("slow", never))
	if object := s.objects[claimID]; object == nil || object.uid != uid || len(object.owners) > 0 {
		t.Errorf("it did not stay as it was: %+v", object)
	}
}

// TestRecreateWhatIsUsed checks that an object which is there as long as others use it is
// waited for, and not reported as one that cannot be changed.
func TestRecreateWhatIsUsed(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, claimed("slow", never))
	s.frozen = map[workv1.ResourceIdentifier]bool{claimID: true}
	s.used = map[workv1.ResourceIdentifier]bool{claimID: true}
	var got delivery.Observation
	for range 20 {
		var err error
		if got, err = s.Deliver(t.Context(), claimed("fast", never)); err != nil {
			t.Fatal(err)
		}
		if got.State == delivery.Refused {
			t.Fatalf("got %s, want that it is waited for", said(got))
		}
		s.sync(t)
		s.pass(time.Second)
	}
	if !strings.Contains(got.Message, "PersistentVolumeClaim shop-prod/data: an earlier version is still being removed") {
		t.Errorf("it does not say what is waited for: %s", said(got))
	}
	s.release(claimID)
	s.settle(t, claimed("fast", never))
	if s.classOf() != "fast" {
		t.Errorf("it was not made anew: class %q", s.classOf())
	}
}

// TestRecreateNothing checks that objects stay which a policy of another type keeps from
// being removed, whatever changes.
func TestRecreateNothing(t *testing.T) {
	tests := []struct {
		name, reason string
		treatment    policy.Treatment
	}{
		{"read-only", "it is not the application's any more", policy.Treatment{ReadOnly: true}},
		{"apply-once", "it is left alone", policy.Treatment{Once: true}},
		{"propagation", "an agent would remove what it owns", policy.Treatment{Removal: policy.RemoveOnUpdate, Propagation: propagationOrphan}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			s.settle(t, claimed("slow", policy.Treatment{Removal: policy.RemoveOnUpdate}))
			uid := s.objects[claimID].uid
			s.settle(t, claimed("fast", test.treatment))
			if object := s.objects[claimID]; object == nil || object.uid != uid {
				t.Errorf("it is not there any more, though %s", test.reason)
			}
		})
	}
}

// TestRecreateAfterwards checks that an object is made anew whose field changed while a
// policy kept it from being written, when that one is lifted.
func TestRecreateAfterwards(t *testing.T) {
	usual := policy.Treatment{Removal: policy.RemoveOnUpdate}
	for _, test := range []struct {
		name  string
		usual policy.Treatment
		kept  policy.Treatment
	}{
		{"apply-once", usual, policy.Treatment{Once: true, Removal: policy.RemoveOnUpdate}},
		{"apply-once of what stays", never, policy.Treatment{Once: true, Removal: policy.RemoveNever}},
		{"read-only", usual, policy.Treatment{ReadOnly: true, Removal: policy.RemoveOnUpdate}},
		{"read-only of what stays", never, policy.Treatment{ReadOnly: true, Removal: policy.RemoveNever}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			s.settle(t, claimed("slow", test.usual))
			s.frozen = map[workv1.ResourceIdentifier]bool{claimID: true}
			uid := s.objects[claimID].uid
			for _, class := range []string{"slow", "fast"} {
				s.settle(t, claimed(class, test.kept))
			}
			if s.objects[claimID].uid != uid {
				t.Fatal("it was made anew while it is left alone")
			}
			if diff := cmp.Diff("delivered", said(s.settle(t, claimed("fast", test.usual)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if s.objects[claimID].uid == uid || s.classOf() != "fast" {
				t.Errorf("it was not made anew: class %q", s.classOf())
			}
			uid = s.objects[claimID].uid
			s.settle(t, claimed("fast", test.kept))
			s.settle(t, claimed("fast", test.usual))
			if s.objects[claimID].uid != uid {
				t.Error("it was made anew though the field is as it was")
			}
		})
	}
}

// TestRecreateOfMissing checks that an object which the cluster lacked when the field changed,
// and made with the new value, is not made anew when it is left alone no longer.
func TestRecreateOfMissing(t *testing.T) {
	kept := policy.Treatment{Once: true, Removal: policy.RemoveNever}
	s := newSpoke(t)
	s.settle(t, claimed("slow", kept))
	s.frozen = map[workv1.ResourceIdentifier]bool{claimID: true}
	s.lose(t, webWork, claimID)
	s.settle(t, claimed("fast", kept))
	uid := s.objects[claimID].uid
	s.settle(t, claimed("fast", never))
	if s.objects[claimID].uid != uid || s.classOf() != "fast" {
		t.Errorf("class %q, and made anew is %t", s.classOf(), s.objects[claimID].uid != uid)
	}
}

// TestRecreateForeign checks that what is somebody else's is not taken to be made anew.
func TestRecreateForeign(t *testing.T) {
	s := newSpoke(t)
	theirs := claimed("theirs", never).Result.Objects[1]
	theirs.Content["metadata"].(map[string]any)["labels"] = map[string]any{}
	s.create(theirs)
	for _, class := range []string{"slow", "fast"} {
		for range 10 {
			if _, err := s.Deliver(t.Context(), claimed(class, never)); err != nil {
				t.Fatal(err)
			}
			s.sync(t)
			s.pass(time.Second)
		}
	}
	if object := s.objects[claimID]; object == nil || len(object.owners) > 0 || s.classOf() != "theirs" {
		t.Errorf("the claim of somebody else did not stay theirs: %+v", object)
	}
}

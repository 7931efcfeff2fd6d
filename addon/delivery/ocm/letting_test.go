// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// immutable is what a cluster answers to an edit that it does not allow.
const immutable = "Service \"data\" is invalid: spec: Forbidden: field is immutable"

// refusing is a cluster that has the objects of a unit and allows no edit of data.
func refusing(t *testing.T, u delivery.Unit) (*spoke, workv1.ResourceIdentifier) {
	t.Helper()
	s := newSpoke(t)
	s.settle(t, u)
	data := identify(service("data").Content)
	s.refuses = map[workv1.ResourceIdentifier]string{data: immutable}
	return s, data
}

// withData is component web with the Service data, which is treated that way.
func withData(treatment policy.Treatment, objects ...render.Object) delivery.Unit {
	u := unit(append([]render.Object{labelled(service("data"), ourWeb)}, objects...)...)
	u.Treatments = make([]policy.Treatment, len(objects)+1)
	u.Treatments[0] = treatment
	return u
}

// isLeftThere checks that a cluster has an object, and that no work owns it.
func (s *spoke) isLeftThere(t *testing.T, id workv1.ResourceIdentifier) {
	t.Helper()
	if object := s.objects[id]; object == nil || len(object.owners) > 0 {
		t.Errorf("%s %s is gone, or still a work's: %+v", id.Resource, id.Name, object)
	}
}

// TestLetGoOfWhatIsRefused checks that objects stay which the cluster cannot apply when
// all are to stay, and those beside them.
func TestLetGoOfWhatIsRefused(t *testing.T) {
	web := labelled(deployment("web", "nginx:1"), ourWeb)
	s, data := refusing(t, withData(policy.Treatment{}, web))
	s.removeWith(t, delivery.RemoveOptions{Leave: true, Final: true})
	s.isLeftThere(t, data)
	s.isLeftThere(t, identify(web.Content))
}

// TestRightLostBeforeLeaving checks what is said of an object that is to stay and that
// the account may not write any more.
func TestRightLostBeforeLeaving(t *testing.T) {
	s, data := refusing(t, withData(policy.Treatment{}))
	s.refuses[data] = "not allowed to apply the resource  services, shop-prod data, will try again in 1m0s"
	const want = "waiting: waiting for the cluster to let the objects go, which stay there; it cannot: Service shop-prod/data: the cluster cannot apply it: " +
		"Failed to apply manifest: not allowed to apply the resource  services, shop-prod data, will try again in 1m0s; " +
		"account shop-prod/fairlead-deployer of the cluster may not: give it a role there that allows it: " +
		"kubectl -n shop-prod create rolebinding fairlead-leaving --clusterrole=admin --serviceaccount=shop-prod:fairlead-deployer"
	record, err := s.Records(t.Context(), owner)
	if err != nil || len(record) != 1 {
		t.Fatal(record, err)
	}
	var all []string
	for range 5 {
		got, err := s.Remove(t.Context(), record[0], delivery.RemoveOptions{Leave: true, Final: true})
		if err != nil {
			t.Fatal(err)
		}
		if said(got) == want {
			return
		}
		all = append(all, said(got))
		s.sync(t)
		s.pass(2 * time.Second)
	}
	t.Errorf("got %q, want %q among them", all, want)
}

// TestRemoveBesideRefused checks that a claim which the cluster cannot apply, and which
// is never removed, does not hold the removal of its application or component.
func TestRemoveBesideRefused(t *testing.T) {
	web := labelled(deployment("web", "nginx:1"), ourWeb)
	never := policy.Treatment{Removal: policy.RemoveNever}
	t.Run("application", func(t *testing.T) {
		s, data := refusing(t, withData(policy.Treatment{}, web))
		if _, err := s.Deliver(t.Context(), withData(never, web)); err != nil {
			t.Fatal(err)
		}
		s.sync(t)
		s.removeAll(t)
		s.isLeftThere(t, data)
		if s.objects[identify(web.Content)] != nil {
			t.Error("the Deployment, which goes with its application, is there")
		}
	})
	t.Run("component", func(t *testing.T) {
		u := withData(never, web)
		u.Treatments[1].Removal = policy.RemoveOnDelete
		s, data := refusing(t, u)
		s.pass(2 * time.Second)
		if _, err := s.Deliver(t.Context(), withData(never, labelled(deployment("web", "nginx:2"), ourWeb))); err != nil {
			t.Fatal(err)
		}
		s.sync(t)
		s.pass(2 * time.Second)
		if _, err := s.Deliver(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		s.sync(t)
		s.dropAll(t)
		s.isLeftThere(t, data)
		if s.objects[identify(web.Content)] == nil {
			t.Error("the Deployment, which goes with the application, is gone")
		}
	})
}

// TestDropWhatIsRefused checks that an object stays which its application drops, and
// which the cluster could not apply since it is to stay.
func TestDropWhatIsRefused(t *testing.T) {
	web := func(image string) render.Object { return labelled(deployment("web", image), ourWeb) }
	s, data := refusing(t, withData(policy.Treatment{}, web("nginx:1")))
	s.pass(2 * time.Second)
	if _, err := s.Deliver(t.Context(), withData(policy.Treatment{Removal: policy.RemoveNever}, web("nginx:1"))); err != nil {
		t.Fatal(err)
	}
	s.sync(t)
	s.pass(2 * time.Second)
	s.settle(t, unit(web("nginx:2")))
	s.isLeftThere(t, data)
	if diff := cmp.Diff([]string{"Deployment shop-prod/web nginx:2"}, held(s.work(t, webWork))); diff != "" {
		t.Errorf("the work has (-want +got):\n%s", diff)
	}
}

// TestLettingOf reads what clusters say of an object that is to stay.
func TestLettingOf(t *testing.T) {
	web := deployment("web", "nginx:1")
	says := func(applied, available metav1.ConditionStatus, message string) func(*hub, *workv1.ManifestWork) *workv1.ManifestCondition {
		return func(h *hub, work *workv1.ManifestWork) *workv1.ManifestCondition {
			manifest := h.manifestApplied(work, web.Content, applied, message)
			manifest.Conditions[0].Status = available
			return &manifest
		}
	}
	tests := []struct {
		name, reason string
		status       func(*hub, *workv1.ManifestWork) *workv1.ManifestCondition
		probed       bool
		ago          time.Duration
		want         letting
	}{
		{"applied", "its agent took the work from its owners", says("True", "True", ""), false, 0, letGone},
		{"refused", "its agent touched no owner", says("False", "True", immutable), false, 0, letRefused},
		{"missing", "there is nothing that could go", says("False", "False", "exceeded quota"), false, 0, letGone},
		{"nothing said", "it may be the work's", func(*hub, *workv1.ManifestWork) *workv1.ManifestCondition { return nil }, false, 0, letUnsaid},
		{
			"unknown kind", "the cluster has no such object",
			func(h *hub, work *workv1.ManifestWork) *workv1.ManifestCondition {
				manifest := h.manifestApplied(work, web.Content, "False", "no matches for kind")
				manifest.ResourceMeta.Resource = ""
				return &manifest
			}, false, 0, letGone,
		},
		{
			"refused before", "of this version nothing is said",
			func(h *hub, work *workv1.ManifestWork) *workv1.ManifestCondition {
				before := work.DeepCopy()
				before.Generation--
				return says("False", "True", immutable)(h, before)
			}, false, 0, letUnsaid,
		},
		{"probed, unread", "whose it is comes later", says("False", "True", "the object has been modified"), true, 0, letUnsaid},
		{"probed, never read", "whose it is did not come", says("False", "True", "the object has been modified"), true, unseenAge, letGone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := running(t)
			work := h.work(t, webWork)
			if test.probed {
				raw, err := json.Marshal(asProbe(web.Content))
				if err != nil {
					t.Fatal(err)
				}
				work.Spec.Workload.Manifests[0].Raw = raw
			}
			status := metav1.ConditionFalse
			work.Status.Conditions = []metav1.Condition{h.appliedAt(work.Generation, status, test.ago)}
			work.Status.ResourceStatus.Manifests = nil
			if manifest := test.status(h, work); manifest != nil {
				work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{*manifest}
			}
			h.sawReport(work)
			if got := h.lettingOf(work, web.Content); got != test.want {
				t.Errorf("got %d, want %d, since %s", got, test.want, test.reason)
			}
		})
	}
}

// TestLetGoOfWhatItMade checks that an object stays which a work made by a probe just
// before all was to stay: the next probe, which finds it there, changes no owner.
func TestLetGoOfWhatItMade(t *testing.T) {
	s := newSpoke(t)
	web := labelled(deployment("web", "nginx:1"), ourWeb)
	if _, err := s.Deliver(t.Context(), unit(web)); err != nil {
		t.Fatal(err)
	}
	s.sync(t)
	s.removeWith(t, delivery.RemoveOptions{Leave: true, Final: true})
	s.isLeftThere(t, identify(web.Content))
}

// TestLeftAndBack checks that of what was left on a cluster, to go when it returns, that
// stays which is to stay, and that goes which the cluster made without an owner.
func TestLeftAndBack(t *testing.T) {
	leave := func(t *testing.T, s *spoke) {
		t.Helper()
		s.setAvailable(t, metav1.ConditionUnknown)
		for range 2 {
			s.removeWeb(t, delivery.RemoveOptions{Patience: time.Hour})
			s.pass(time.Hour)
		}
		if records, err := s.Records(t.Context(), owner); err != nil || len(records) > 0 {
			t.Fatalf("records %v, %v: want it left", records, err)
		}
		s.setAvailable(t, metav1.ConditionTrue)
		for range 10 {
			s.collectAll(t)
			s.sync(t)
			s.pass(time.Second)
		}
		if count, err := s.LeftIn(t.Context(), "prod"); err != nil || count > 0 {
			t.Errorf("%d works are there yet, %v", count, err)
		}
	}
	t.Run("to stay", func(t *testing.T) {
		s := newSpoke(t)
		s.settle(t, withData(policy.Treatment{}))
		s.pass(2 * time.Second)
		if _, err := s.Deliver(t.Context(), withData(policy.Treatment{Removal: policy.RemoveNever})); err != nil {
			t.Fatal(err)
		}
		leave(t, s)
		s.isLeftThere(t, identify(service("data").Content))
	})
	t.Run("unowned", func(t *testing.T) {
		s := newSpoke(t)
		if _, err := s.Deliver(t.Context(), having("web", "x")); err != nil {
			t.Fatal(err)
		}
		s.hold(t, webWork)
		s.interrupt(t)
		leave(t, s)
		if len(s.objects) > 0 {
			t.Errorf("left on the cluster: %v", s.present())
		}
	})
}

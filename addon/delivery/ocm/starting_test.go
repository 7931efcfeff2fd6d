// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

var web = identify(deployment("web", "").Content)

// startsWith is a policy that lets an object start with its replicas and leaves them to others then.
func startsWith(paths ...string) policy.Treatment {
	treatment := policy.Treatment{Held: []policy.HeldField{{Path: "spec.replicas"}}}
	for _, path := range paths {
		treatment.Held = append(treatment.Held, policy.HeldField{Path: path})
	}
	return treatment
}

// deliverOnce is one look at a unit, and what its cluster makes of that.
func (s *spoke) deliverOnce(t *testing.T, u delivery.Unit) delivery.Observation {
	t.Helper()
	said, err := s.Deliver(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	s.answer(t)
	s.pass(300 * time.Millisecond)
	return said
}

// started is a cluster that has the first version of a Deployment since that many looks.
func started(t *testing.T, treatment policy.Treatment, looks int) *spoke {
	t.Helper()
	s := newSpoke(t)
	for range 1 + looks {
		s.deliverOnce(t, version("nginx:1", treatment))
	}
	if s.objects[web] == nil {
		t.Fatal("the cluster has no Deployment")
	}
	return s
}

func (s *spoke) image() string { return imageOf(s.objects[web].content()) }

// TestScaledAsItStarts checks that replicas stay which somebody sets at any time after the
// Deployment is there, whether the application is edited in the same moment or not, and
// that no version is said to be delivered that is not.
func TestScaledAsItStarts(t *testing.T) {
	renewed := startsWith()
	renewed.Held[0].Renew = true
	taken := startsWith()
	taken.TakeOver = true
	drifting := startsWith()
	drifting.LeaveDrift = true
	for name, treatment := range map[string]policy.Treatment{
		"once": startsWith(), "until it changes": renewed, "taken over": taken, "drift left": drifting,
		"two fields": startsWith("spec.template.spec.containers[0].name"),
	} {
		for looks := range 4 {
			for _, image := range []string{"nginx:1", "nginx:2"} {
				t.Run(fmt.Sprintf("%s, %d looks later, %s", name, looks, image), func(t *testing.T) {
					s := started(t, treatment, looks)
					s.scale(8)
					for range 12 {
						said := s.deliverOnce(t, version(image, treatment))
						if got := s.replicas(); got != "8" {
							t.Fatalf("%s replicas, want those that somebody set", got)
						}
						if said.State == delivery.Delivered && s.image() != image {
							t.Errorf("delivered is said of %s while the cluster has %s", image, s.image())
						}
					}
					if diff := cmp.Diff("delivered", said(s.settle(t, version(image, treatment)))); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
					if s.image() != image || s.replicas() != "8" || s.keeps(t) > 0 {
						t.Errorf("image %s, %s replicas, %d works that hold fields", s.image(), s.replicas(), s.keeps(t))
					}
				})
			}
		}
	}
}

// asked is a cluster with the first version of a Deployment that is asked for its replicas
// and has not answered yet.
func asked(t *testing.T, treatment policy.Treatment) *spoke {
	t.Helper()
	s := started(t, treatment, 0)
	if _, err := s.Deliver(t.Context(), version("nginx:1", treatment)); err != nil {
		t.Fatal(err)
	}
	if s.keeps(t) != 1 {
		t.Fatalf("%d works that hold fields, want one", s.keeps(t))
	}
	return s
}

// follow looks at a unit until nothing is written any more, and at least so often.
func (s *spoke) follow(t *testing.T, u delivery.Unit) delivery.Observation {
	t.Helper()
	for range 12 {
		s.deliverOnce(t, u)
	}
	return s.settle(t, u)
}

// replicated is version with another number of replicas.
func replicated(image string, replicas int64, treatment policy.Treatment) delivery.Unit {
	u := version(image, treatment)
	u.Result.Objects[0].Content, _ = policy.FieldPath{"spec", "replicas"}.Set(u.Result.Objects[0].Content, replicas)
	return u
}

// TestWhileItIsHandedOver checks that a version comes through, whatever happens while the
// cluster is asked to leave the replicas of the one before to others.
func TestWhileItIsHandedOver(t *testing.T) {
	renewed, recreated, kept := startsWith(), startsWith(), startsWith()
	renewed.Held[0].Renew = true
	recreated.RecreateFields = []string{"spec.template.spec.containers[0].image"}
	kept.Removal = policy.RemoveNever
	restart := func(_ *testing.T, s *spoke) {
		s.Target = &Target{Reader: s.Reader, Writer: s.Writer, Live: s.Live, Fleet: s.Fleet, Clock: s.clock}
	}
	tests := []struct {
		name      string
		treatment policy.Treatment
		meanwhile func(t *testing.T, s *spoke)
		next      delivery.Unit
		// replicas and image that the Deployment has in the end, and whether it is another one by then.
		replicas, image string
		anew            bool
	}{
		{"nothing", startsWith(), nil, version("nginx:2", startsWith()), "8", "nginx:2", false},
		{"the manager starts anew", startsWith(), restart, version("nginx:2", startsWith()), "8", "nginx:2", false},
		{"the policy ends", startsWith(), nil, version("nginx:2", policy.Treatment{}), "2", "nginx:2", false},
		{"the object is left alone from now on", startsWith(), nil, version("nginx:2", policy.Treatment{Once: true}), "8", "nginx:1", false},
		{"the object is only read from now on", startsWith(), nil, version("nginx:2", policy.Treatment{ReadOnly: true}), "8", "nginx:1", false},
		{"drift is left from now on", startsWith(), nil, version("nginx:2", policy.Treatment{LeaveDrift: true}), "2", "nginx:2", false},
		{"an autoscaler comes", startsWith(), nil, version("nginx:2", scaled()), "8", "nginx:2", false},
		{"the application changes the replicas", renewed, nil, replicated("nginx:2", 5, renewed), "5", "nginx:2", false},
		{"the application may not change the replicas", startsWith(), nil, replicated("nginx:2", 5, startsWith()), "8", "nginx:2", false},
		{"it is made anew", recreated, nil, version("nginx:2", recreated), "2", "nginx:2", true},
		{"it stays otherwise", kept, nil, version("nginx:2", kept), "8", "nginx:2", false},
		{"somebody deletes it", startsWith(), func(_ *testing.T, s *spoke) { delete(s.objects, web) },
			version("nginx:2", startsWith()), "2", "nginx:2", true},
		{"the cluster refuses everything for a while", startsWith(), func(t *testing.T, s *spoke) {
			s.refuses = map[workv1.ResourceIdentifier]string{web: "denied by a webhook"}
			for range 10 {
				s.deliverOnce(t, version("nginx:bad", startsWith()))
			}
			s.refuses = nil
		}, version("nginx:2", startsWith()), "2", "nginx:2", false},
		{"the cluster is away for a while", startsWith(), func(t *testing.T, s *spoke) {
			s.setAvailable(t, metav1.ConditionUnknown)
			s.pass(5 * time.Second)
			if _, err := s.Deliver(t.Context(), version("nginx:2", startsWith())); err != nil {
				t.Fatal(err)
			}
			s.setAvailable(t, metav1.ConditionTrue)
		}, version("nginx:2", startsWith()), "2", "nginx:2", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := asked(t, test.treatment)
			s.scale(8)
			before := s.objects[web].uid
			if test.meanwhile != nil {
				test.meanwhile(t, s)
			}
			if diff := cmp.Diff("delivered", said(s.follow(t, test.next))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if s.image() != test.image || s.replicas() != test.replicas {
				t.Errorf("image %s with %s replicas, want %s with %s", s.image(), s.replicas(), test.image, test.replicas)
			}
			if anew := s.objects[web].uid != before; anew != test.anew {
				t.Errorf("made anew %t, want %t", anew, test.anew)
			}
			if n := s.keeps(t); n > 0 {
				t.Errorf("%d works stay that held a field", n)
			}
		})
	}
}

// TestHandOverUnanswered checks that a version waits for the hand-over of the one before,
// no longer than an agent may take to answer, and that nothing is written meanwhile.
func TestHandOverUnanswered(t *testing.T) {
	s := asked(t, startsWith())
	next := version("nginx:2", startsWith())
	s.writes = nil
	for waited := time.Duration(0); waited < FetchLimit; waited += 5 * time.Second {
		got, err := s.Deliver(t.Context(), next)
		if err != nil {
			t.Fatal(err)
		}
		want := "applying: Deployment shop-prod/web: its next version follows when the cluster has left spec.replicas to others"
		if diff := cmp.Diff(want, said(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if left := FetchLimit - waited; got.RetryAfter <= 0 || got.RetryAfter > left {
			t.Errorf("it is looked again after %s, want when %s are over", got.RetryAfter, left)
		}
		s.pass(5 * time.Second)
	}
	if len(s.writes) > 0 {
		t.Errorf("written while it waits: %v", s.writes)
	}
	if _, err := s.Deliver(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if got := imageOf(contents(s.work(t, webWork))[0]); got != "nginx:2" {
		t.Errorf("the work has image %s when the time is over, want that of the next version", got)
	}
	if diff := cmp.Diff("delivered", said(s.follow(t, next))); diff != "" || s.keeps(t) > 0 {
		t.Errorf("%d works hold fields; (-want +got):\n%s", s.keeps(t), diff)
	}
}

// TestHandOverOfWhatMoves checks that replicas stay which somebody sets while their
// Deployment moves to another work of its unit.
func TestHandOverOfWhatMoves(t *testing.T) {
	made := func(image string, kib int) delivery.Unit {
		web := labelled(deployment("web", image), ourWeb)
		web.Content = delivery.WithAnnotation(web.Content, "example.com/notes", strings.Repeat("x", kib<<10))
		u := unit(big("data", 20), web)
		u.Treatments = []policy.Treatment{{}, startsWith()}
		return u
	}
	for looks := range 4 {
		s := newSpoke(t)
		s.limit = 40 << 10
		for range 1 + looks {
			s.deliverOnce(t, made("nginx:1", 1))
		}
		uid := s.objects[web].uid
		s.scale(8)
		if diff := cmp.Diff("delivered", said(s.follow(t, made("nginx:2", 30)))); diff != "" {
			t.Errorf("%d looks (-want +got):\n%s", looks, diff)
		}
		if n := len(s.works(t)); n != 2 || s.keeps(t) > 0 {
			t.Errorf("%d looks: %d works and %d that hold fields, want 2 and none", looks, n, s.keeps(t))
		}
		if s.objects[web].uid != uid || s.replicas() != "8" || s.image() != "nginx:2" {
			t.Errorf("%d looks: image %s with %s replicas, want nginx:2 with 8, and the same object", looks, s.image(), s.replicas())
		}
	}
}

// TestHandOverOfWhatGoes checks that a Deployment goes which its application drops, or
// with its application, while the cluster is asked for its replicas.
func TestHandOverOfWhatGoes(t *testing.T) {
	s := asked(t, startsWith())
	s.follow(t, unit(labelled(service("web"), ourWeb)))
	if s.objects[web] != nil || s.keeps(t) > 0 {
		t.Errorf("%d works hold fields, and the Deployment that was dropped is %v", s.keeps(t), s.objects[web])
	}
	s = asked(t, startsWith())
	s.removeAll(t)
	if len(s.objects) > 0 || s.keeps(t) > 0 {
		t.Errorf("%d works hold fields, and %d objects stay", s.keeps(t), len(s.objects))
	}
}

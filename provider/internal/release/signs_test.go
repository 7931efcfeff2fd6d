// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

func TestPodProblem(t *testing.T) {
	waiting := func(reason string, restarts int32) corev1.PodStatus {
		return corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "manager", RestartCount: restarts,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "because"}},
		}}}
	}
	cases := map[string]struct {
		reason string
		status corev1.PodStatus
		want   []string
		fatal  bool
	}{
		"Running":     {reason: "a pod that runs is no problem", status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "manager"}}}},
		"Creating":    {reason: "a pod that starts needs time", status: waiting("ContainerCreating", 0), want: []string{"  pod p, container manager: ContainerCreating because"}},
		"FirstPull":   {reason: "a pull that failed once may succeed", status: waiting("ErrImagePull", 0), want: []string{"  pod p, container manager: ErrImagePull because"}},
		"NoImage":     {reason: "an image that is not there will not come", status: waiting("ImagePullBackOff", 0), want: []string{"  pod p, container manager: ImagePullBackOff because"}, fatal: true},
		"Config":      {reason: "a broken reference does not mend itself", status: waiting("CreateContainerConfigError", 0), want: []string{"  pod p, container manager: CreateContainerConfigError because"}, fatal: true},
		"FirstCrash":  {reason: "a first crash may be the last", status: waiting("CrashLoopBackOff", 2), want: []string{"  pod p, container manager: CrashLoopBackOff because"}},
		"CrashLoop":   {reason: "the third crash is a loop", status: waiting("CrashLoopBackOff", 3), want: []string{"  pod p, container manager: CrashLoopBackOff because"}, fatal: true},
		"Unscheduled": {reason: "a node may come", status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "no node"}}}, want: []string{"  pod p: Unschedulable: no node"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, fatal := podProblem(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Status: tc.status})
			if diff := cmp.Diff(tc.want, got); diff != "" || fatal != tc.fatal {
				t.Errorf("%s: fatal %t, want %t (-want +got):\n%s", tc.reason, fatal, tc.fatal, diff)
			}
		})
	}
}

// A record that the credential may not read is kept as it is known, or an error where
// the user wants one.
func TestUnreadable(t *testing.T) {
	for _, strict := range []bool{false, true} {
		client, err := hub.New(hub.Config{Settings: hub.Settings{Host: "https://127.0.0.1:1", Token: "t"}, Strict: strict})
		if err != nil {
			t.Fatal(err)
		}
		err = newInstaller(t, client).unreadable(apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", nil))
		if hub.ReasonOf(err) != hub.Forbidden || hub.IsAway(err) == strict {
			t.Errorf("strict %t: %v counts as away: %t", strict, err, hub.IsAway(err))
		}
	}
}

// A holder that renews counts, whatever time it writes; one that has stopped does not.
func TestLeaderWatch(t *testing.T) {
	cases := map[string]struct {
		reason  string
		renewed []string
		absent  bool
	}{
		"Never":   {reason: "nobody ever held the lease", renewed: []string{"", "", "", ""}, absent: true},
		"Renews":  {reason: "a holder renews", renewed: []string{"a 1", "a 1", "a 2", "a 2"}},
		"Stopped": {reason: "a holder has stopped", renewed: []string{"a 1", "a 1", "a 1", "a 1"}, absent: true},
		"Back":    {reason: "a holder has come back at last", renewed: []string{"a 1", "a 1", "a 1", "b 1"}},
		"Short":   {reason: "it was not watched for long enough", renewed: []string{"a 1", "a 1"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var watch leaderWatch
			for _, renewed := range tc.renewed {
				watch.observe(renewed, time.Second)
			}
			if got := watch.absent(3 * time.Second); got != tc.absent {
				t.Errorf("%s: absent = %t, want %t", tc.reason, got, tc.absent)
			}
		})
	}
}

// Objects that go one after the other are waited for, those that stay are not.
func TestRefuse(t *testing.T) {
	cases := map[string]struct {
		reason string
		kept   []int
		want   bool
	}{
		"Nothing":  {reason: "nothing is in the way", kept: []int{0, 0, 0, 0, 0}},
		"Stays":    {reason: "it was waited for long enough", kept: []int{2, 2, 2, 2}, want: true},
		"Patience": {reason: "an engine may be about to delete it", kept: []int{2, 2, 2}},
		"Progress": {reason: "an engine deletes at its own pace", kept: []int{4, 4, 4, 3, 3, 3, 2, 2}},
		"Stuck":    {reason: "progress has ended", kept: []int{4, 3, 2, 2, 2, 2}, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			watch := drainWatch{patience: Patience{Refusal: 3 * time.Second, Poll: time.Second}}
			got := false
			for _, kept := range tc.kept {
				got = watch.refuse(holders{kept: make([]holder, kept)})
			}
			if got != tc.want {
				t.Errorf("%s: refuse = %t, want %t", tc.reason, got, tc.want)
			}
		})
	}
}

func TestHandled(t *testing.T) {
	cases := map[string]struct {
		reason, annotation string
		mode               Mode
		want               bool
	}{
		"Alone":       {reason: "alone the addon handles what names nobody", mode: Exclusive, want: true},
		"AloneOurs":   {reason: "and what names it", annotation: v1beta1.ControllerName, mode: Exclusive, want: true},
		"AloneOther":  {reason: "but not what names another", annotation: "v1.10.0", mode: Exclusive},
		"Shared":      {reason: "beside another it leaves what names nobody", mode: Shared},
		"SharedOurs":  {reason: "and handles what names it", annotation: v1beta1.ControllerName, mode: Shared, want: true},
		"SharedOther": {reason: "and nothing else", annotation: "v1.10.0", mode: Shared},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			item := metav1.PartialObjectMetadata{}
			if tc.annotation != "" {
				item.Annotations = map[string]string{v1beta1.AnnotationControllerRequirement: tc.annotation}
			}
			if got := handled(item, tc.mode); got != tc.want {
				t.Errorf("%s: got %t, want %t", tc.reason, got, tc.want)
			}
		})
	}
}

// A message names ten objects, in a stable order, and counts the rest.
func TestDescribe(t *testing.T) {
	now := metav1.Now()
	var list []holder
	for n := range 12 {
		list = append(list, holder{kind: "Application", PartialObjectMetadata: metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("app-%02d", 11-n)}}})
	}
	list[11].DeletionTimestamp = &now
	list[11].Finalizers = []string{v1alpha1.Finalizer, "example.com/other"}
	golden(t, "described.txt", describe(list)+"\n")
}

func TestStateIs(t *testing.T) {
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	installed := State{Version: version, Replicas: 1, Values: map[string]any{"priorityClassName": "high", "podLabels": map[string]any{"a": "b"}}}
	same := Options{Replicas: 1, Values: map[string]any{"podLabels": map[string]any{"a": "b"}, "priorityClassName": "high"}}
	cases := map[string]struct {
		reason string
		change func(*State, *Options)
		want   bool
	}{
		"Same":     {reason: "the order of values does not matter", change: func(*State, *Options) {}, want: true},
		"None":     {reason: "no values are no values", change: func(s *State, o *Options) { s.Values, o.Values = map[string]any{}, nil }, want: true},
		"Version":  {reason: "another version is another installation", change: func(s *State, _ *Options) { s.Version = "0.0.1" }},
		"Image":    {reason: "so is another image", change: func(_ *State, o *Options) { o.Image = "example.com/addon:2" }},
		"Replicas": {reason: "so are other replicas", change: func(_ *State, o *Options) { o.Replicas = 0 }},
		"Values":   {reason: "so are other values", change: func(_ *State, o *Options) { o.Values = nil }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			state, options := installed, same
			tc.change(&state, &options)
			got, err := state.is(options)
			if err != nil || got != tc.want {
				t.Errorf("%s: got %t, %v; want %t", tc.reason, got, err, tc.want)
			}
		})
	}
}

// interrupted checks that an installation that is interrupted says so, and that
// the next one completes it.
func (f *fixture) interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(bounded(t))
	cancel()
	if _, err := f.installer.Install(ctx, withoutManager); hub.ReasonOf(err) != hub.Canceled {
		t.Errorf("Install with a context that has ended: got %v, want an interruption", err)
	}
	if _, err := f.installer.Uninstall(ctx, true); hub.ReasonOf(err) != hub.Canceled {
		t.Errorf("Uninstall with a context that has ended: got %v, want an interruption", err)
	}
	mode, err := f.installer.ensureCRDs(bounded(t), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.installer.write(ctx, withoutManager.chartValues(mode)); hub.ReasonOf(err) != hub.Canceled {
		t.Errorf("write with a context that has ended: got %v, want an interruption", err)
	}
	if state := f.install(t, withoutManager); state.Version == "" {
		t.Error("the installation was not completed")
	}
}

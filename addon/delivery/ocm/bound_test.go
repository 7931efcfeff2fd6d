// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	workv1 "open-cluster-management.io/api/work/v1"
)

func told(kind, name, message string, values int) workv1.ManifestCondition {
	manifest := workv1.ManifestCondition{
		ResourceMeta: workv1.ManifestResourceMeta{Kind: kind, Version: "v1", Name: name, Namespace: "shop"},
		Conditions:   []metav1.Condition{{Type: workv1.ManifestApplied, Message: message}},
	}
	for i := range values {
		manifest.StatusFeedbacks.Values = append(manifest.StatusFeedbacks.Values, workv1.FeedbackValue{Name: fmt.Sprint(".n", i)})
	}
	return manifest
}

// unscoped is told of a kind without a namespace.
func unscoped(kind, name, message string) workv1.ManifestCondition {
	manifest := told(kind, name, message, 0)
	manifest.ResourceMeta.Namespace = ""
	return manifest
}

func TestBoundedStatus(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		reason   string
		reported []workv1.ManifestCondition
		want     []workv1.ManifestCondition
	}{
		{
			reason:   "an object that the work has is kept as it is",
			reported: []workv1.ManifestCondition{told("ConfigMap", "a", "fine", 2)}, want: []workv1.ManifestCondition{told("ConfigMap", "a", "fine", 2)},
		},
		{reason: "one that the work does not have is not", reported: []workv1.ManifestCondition{told("ConfigMap", "b", "", 0), told("Secret", "a", "", 0)}},
		{
			reason:   "the cluster alone knows that a kind has no namespace",
			reported: []workv1.ManifestCondition{unscoped("ConfigMap", "a", "not allowed"), unscoped("ConfigMap", "a", "again"), unscoped("ConfigMap", "b", "")},
			want:     []workv1.ManifestCondition{unscoped("ConfigMap", "a", "not allowed")},
		},
		{
			reason:   "each is told of once",
			reported: []workv1.ManifestCondition{told("ConfigMap", "a", "first", 1), told("ConfigMap", "a", "second", 1)},
			want:     []workv1.ManifestCondition{told("ConfigMap", "a", "first", 1)},
		},
		{
			reason:   "texts are cut, and values counted",
			reported: []workv1.ManifestCondition{told("ConfigMap", "a", long, 2*maxFeedback)},
			want:     []workv1.ManifestCondition{told("ConfigMap", "a", long[:maxText-len(dots)]+dots, maxFeedback)},
		},
		{
			reason:   "what changes how others are shown is blanked",
			reported: []workv1.ManifestCondition{told("ConfigMap", "a", "a\x1b[31m\u202eb\u2028c\x00", 0)},
			want:     []workv1.ManifestCondition{told("ConfigMap", "a", "a [31m b c ", 0)},
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			work := &workv1.ManifestWork{}
			work.Spec.Workload.Manifests = []workv1.Manifest{{RawExtension: runtime.RawExtension{
				Raw: []byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop"},"data":{"k":"v"}}`)}}}
			work.Spec.ManifestConfigs = []workv1.ManifestConfigOption{asking(4 * maxFeedback)}
			work.Status.ResourceStatus.Manifests = c.reported
			stripped, err := new(Digests).stripWork(work)
			if err != nil {
				t.Fatal(err)
			}
			got := stripped.(*workv1.ManifestWork).Status.ResourceStatus.Manifests
			if diff := cmp.Diff(c.want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Values" }, cmp.Comparer(sameValues))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// asking asks for that many values of the ConfigMap a.
func asking(values int) workv1.ManifestConfigOption {
	config := workv1.ManifestConfigOption{
		ResourceIdentifier: workv1.ResourceIdentifier{Resource: "configmaps", Namespace: "shop", Name: "a"},
		FeedbackRules:      []workv1.FeedbackRule{{Type: workv1.JSONPathsType}},
	}
	for i := range values {
		config.FeedbackRules[0].JsonPaths = append(config.FeedbackRules[0].JsonPaths, workv1.JsonPath{Name: fmt.Sprint(".n", i)})
	}
	return config
}

// TestBoundedValues checks that of what a cluster feeds back only that is kept which
// was asked for.
func TestBoundedValues(t *testing.T) {
	long := "." + strings.Repeat("x", maxText)
	asked := map[string]bool{".a": true, ".b": true, long: true}
	for _, c := range []struct {
		reason      string
		names, want []string
	}{
		{"it was asked for", []string{".b", ".a"}, []string{".b", ".a"}},
		{"nobody asked for it", []string{".c", "", ".a.b", ".A", ".a"}, []string{".a"}},
		{"many that nobody asked for leave room for the others", append(slices.Repeat([]string{".c"}, 2*maxFeedback), ".a"), []string{".a"}},
		{"each comes once", slices.Repeat([]string{".a", ".b"}, maxFeedback), []string{".a", ".b"}},
		{"a name that is cut is no name", []string{long}, nil},
	} {
		var values []workv1.FeedbackValue
		for _, name := range c.names {
			values = append(values, text(name, "x"))
		}
		var got []string
		for _, value := range boundedValues(values, asked) {
			got = append(got, value.Name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

// sameValues takes no values and an empty list of them for the same.
func sameValues(a, b []workv1.FeedbackValue) bool {
	return len(a) == len(b) && (len(a) == 0 || cmp.Equal(a, b))
}

func TestBoundedConditions(t *testing.T) {
	work := &workv1.ManifestWork{}
	for range 4 * maxConditions {
		work.Status.Conditions = append(work.Status.Conditions, metav1.Condition{Type: workv1.WorkApplied})
	}
	stripped, err := new(Digests).stripWork(work)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(stripped.(*workv1.ManifestWork).Status.Conditions); got != maxConditions {
		t.Errorf("%d conditions are kept, want %d", got, maxConditions)
	}
}

// TestBoundedMessage checks that what is wrong with an object is kept of a long message,
// and that the object itself is not.
func TestBoundedMessage(t *testing.T) {
	spec := "core.PodTemplateSpec{Spec: core.PodSpec{" + strings.Repeat(`Containers: []core.Container{Name: "canary"}, `, 100) + "}}"
	for reason, test := range map[string]struct{ message, want string }{
		"the template of a Job cannot be changed": {
			`Failed to apply manifest: Job.batch "migrate" is invalid: spec.template: Invalid value: ` + spec + `: field is immutable`,
			`Failed to apply manifest: Job.batch "migrate" is invalid: spec.template: Invalid value: field is immutable`,
		},
		"a short one stays as it is, for who looks at it later": {`Invalid value: "x": must be short`, `Invalid value: "x": must be short`},
	} {
		if diff := cmp.Diff(test.want, boundedMessage(test.message)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reason, diff)
		}
	}
	if got := boundedMessage(strings.Repeat("x", 10<<20)); len(got) > maxText {
		t.Errorf("%d bytes are kept of a long message", len(got))
	}
}

// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// TestHeads checks that a manifest is read as the object that its content is, whatever somebody wrote into a work.
func TestHeads(t *testing.T) {
	tests := []struct{ name, reason, raw string }{
		{"object", "the usual", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"a":1}}`},
		{"revision", "it tells of which version it is", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","annotations":{"a":"b","` + v1alpha1.AnnotationRevision + `":"r1"}}}`},
		{"other annotations", "what is no text is no revision", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","annotations":{"` + v1alpha1.AnnotationRevision + `":1}}}`},
		{"probe", "it is made when it is missing", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"shop","resourceVersion":"1"}}`},
		{"other version", "it is no probe", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","resourceVersion":"2"}}`},
		{"other case", "names of fields have a case", `{"apiVersion":"v1","Kind":"Secret","kind":"ConfigMap","metadata":{"Name":"b","name":"a"}}`},
		{"other types", "what is of another type is not there", `{"apiVersion":1,"kind":"ConfigMap","metadata":{"name":["a"],"namespace":"shop","resourceVersion":1}}`},
		{"no metadata", "it has no name", `{"apiVersion":"v1","kind":"ConfigMap","metadata":"a"}`},
		{"null", "it is an object without anything", `null`},
		{"list", "it is no object", `[]`},
		{"nothing", "it is no JSON", ``},
		{"odd plural", "as its kind is written", `{"apiVersion":"x.io/v1","kind":"Chassis","metadata":{"name":"a"}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			work := &workv1.ManifestWork{}
			work.Spec.Workload.Manifests = []workv1.Manifest{{RawExtension: runtime.RawExtension{Raw: []byte(test.raw)}}}
			want := []head{}
			for _, content := range contents(work) {
				want = append(want, head{identify(content), annotation(content, v1alpha1.AnnotationRevision), isProbe(content)})
			}
			if diff := cmp.Diff(want, heads(work), cmp.AllowUnexported(head{})); diff != "" {
				t.Errorf("head (-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

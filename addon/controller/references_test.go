// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// TestReferring checks what is read for components that refer to objects, and when it is read again.
func TestReferring(t *testing.T) {
	refer := func(kind, name string) render.Component {
		return render.Component{Name: "shared", Type: kind, Properties: map[string]any{"objects": []any{map[string]any{"resource": "configmap", "name": name}}}}
	}
	down := errors.New("the hub is down")
	tests := []struct {
		name, reason string
		component    render.Component
		reads        int
		err          string
		passing      bool
		again        time.Duration
	}{
		{"found", "for two places it is read once", refer(render.ReferenceType, "there"), 1, "", false, time.Hour},
		{"missing", "it may be created at any time", refer(render.ReferenceType, "gone"), 1, "components.shared.properties.objects[0]: there is none", false, missingReference},
		{"down", "that says nothing of the application", refer(render.ReferenceType, "down"), 2, "the hub is down", true, time.Hour},
		{"another application's Secret", "to write an application is not enough to read it", refer(render.ReferenceType, "theirs"), 1, "components.shared.properties.objects[0]: it is a Secret of application \"rival\" alone, as its label fairlead.dev/secret-of says", false, missingReference},
		{"its own Secret", "it may be named too", refer(render.ReferenceType, "ours"), 1, "", false, time.Hour},
		{"another type", "it refers to nothing", render.Component{Name: "web", Type: "webservice", Properties: map[string]any{"image": "a"}}, 0, "", false, 0},
	}
	app := &v1beta1.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "store", Annotations: map[string]string{v1alpha1.AnnotationSecrets: `{"db":"1","prod/api":"2"}`}}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reads := 0
			renderer := newReferring(t.Context(), render.New(definition.Builtin()), func(_ context.Context, namespace string, reference render.Reference, listed []string) (map[string]any, string, error) {
				reads++
				switch {
				case !slices.Equal(listed, []string{"api.prod", "db"}):
					return nil, "", fmt.Errorf("listed are %q", listed)
				case namespace != "shop":
					return nil, "", fmt.Errorf("read in namespace %q", namespace)
				case reference.Name == "gone":
					return nil, "there is none", nil
				case reference.Name == "theirs":
					return secretFor("rival"), "", nil
				case reference.Name == "ours":
					return secretFor("store"), "", nil
				case reference.Name == "down":
					return nil, "", down
				}
				return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "there", "namespace": "shop"}}, "", nil
			}, app)
			text := ""
			for range 2 {
				result, err := renderer.Render(render.Context{AppName: "store", AppNamespace: "shop", TargetNamespace: "shop-prod"}, test.component)
				if err != nil {
					text = err.Error()
				} else if got := result.Objects[0].Namespace(); got != "shop-prod" {
					t.Errorf("rendered for namespace %q", got)
				}
				if passing(err) != test.passing {
					t.Errorf("passing %t, want %t, since %s", !test.passing, test.passing, test.reason)
				}
			}
			if diff := cmp.Diff(test.err, text); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if reads != test.reads {
				t.Errorf("read %d times, want %d: %s", reads, test.reads, test.reason)
			}
			if got := renderer.retryAfter(time.Hour); got != test.again {
				t.Errorf("again after %s, want %s: %s", got, test.again, test.reason)
			}
		})
	}
}

// secretFor is a Secret that came with an application.
func secretFor(application string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{
		"name": "db", "namespace": "shop", "labels": map[string]any{v1alpha1.LabelSecretOf: application},
	}}
}

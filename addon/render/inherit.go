// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"maps"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// Annotations of an Application that name, by commas, what its objects do not inherit.
const (
	filterLabelKeys      = "filter-label-keys"
	filterAnnotationKeys = "filter-annotation-keys"
	oamPrefix            = "app.oam.dev/"
)

// notInherited are the beginnings of keys that speak of the Application itself:
// objects that carried them would change with each publication, or would be
// taken for the property of the tool that wrote the Application.
var notInherited = []string{oamPrefix, "fairlead.dev/", "oam.dev/", "controller.core.oam.dev/", "kubectl.kubernetes.io/", "meta.helm.sh/", "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/"}

// inherited are the labels and annotations of the application that its objects
// carry, as OAM has it, without those of notInherited.
func inherited(ctx Context) (labels, annotations map[string]string) {
	labels = without(ctx.AppLabels, ctx.AppAnnotations[oamPrefix+filterLabelKeys])
	annotations = without(ctx.AppAnnotations, ctx.AppAnnotations[oamPrefix+filterAnnotationKeys])
	maps.Copy(annotations, healthNotes(ctx))
	return labels, annotations
}

// healthNotes is the annotation of the application about health, if it has one:
// all that its policies' objects inherit.
func healthNotes(ctx Context) map[string]string {
	out := map[string]string{}
	if v, ok := ctx.AppAnnotations[v1beta1.AnnotationDisableHealthCheck]; ok {
		out[v1beta1.AnnotationDisableHealthCheck] = v
	}
	return out
}

func without(all map[string]string, filtered string) map[string]string {
	out := maps.Clone(all)
	if out == nil {
		return map[string]string{}
	}
	for _, k := range strings.Split(filtered, ",") {
		delete(out, strings.TrimSpace(k))
	}
	maps.DeleteFunc(out, func(k, _ string) bool {
		for _, prefix := range notInherited {
			if strings.HasPrefix(k, prefix) {
				return true
			}
		}
		return false
	})
	return out
}

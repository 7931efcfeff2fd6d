// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"strings"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/refusal"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// What is kept of what a cluster reports: it is not trusted, and OCM bounds none of it.
const (
	// maxText is how many bytes are kept of a text.
	maxText = 512
	// maxMessage is how many bytes of a message are searched for what it is about.
	maxMessage = 16 << 10
	// maxFeedback is how many values of one object are kept, each by a name that was asked for.
	maxFeedback = 128
	// maxConditions is how many conditions are kept of a work and of each manifest.
	maxConditions = 16
)

// boundedStatus is what is kept of a reported status: of the objects that the
// work has, each once, of bounded size, and of what is fed back of them the values
// that its configs ask for.
func boundedStatus(work *workv1.ManifestWork, configs []workv1.ManifestConfigOption, reported *workv1.ManifestWorkStatus) workv1.ManifestWorkStatus {
	status := workv1.ManifestWorkStatus{Conditions: boundedConditions(reported.Conditions)}
	names := askedNames(configs)
	asked := map[manifestID]bool{}
	for _, content := range contents(work) {
		object := render.Object{Content: content}
		gvk := object.GroupVersionKind()
		asked[manifestID{gvk.Group, gvk.Kind, object.Namespace(), object.Name()}] = true
	}
	for i := range reported.ResourceStatus.Manifests {
		manifest := &reported.ResourceStatus.Manifests[i]
		meta := manifest.ResourceMeta
		id := manifestID{meta.Group, meta.Kind, meta.Namespace, meta.Name}
		if !asked[id] && meta.Namespace == "" {
			// Only the cluster knows that the kind of a CRD has no namespace, and says why it refuses one.
			id = ofName(asked, id)
		}
		if !asked[id] {
			continue
		}
		delete(asked, id) // each is told of once
		meta.Resource, meta.Version = bounded(meta.Resource), bounded(meta.Version)
		status.ResourceStatus.Manifests = append(status.ResourceStatus.Manifests, workv1.ManifestCondition{
			ResourceMeta: meta, Conditions: boundedConditions(manifest.Conditions),
			StatusFeedbacks: workv1.StatusFeedbackResult{Values: boundedValues(manifest.StatusFeedbacks.Values, names[namedObject{id.group, id.namespace, id.name}])},
		})
	}
	return status
}

// manifestID is by what a cluster names the objects of a work.
type manifestID struct{ group, kind, namespace, name string }

// ofName is the object of that kind and name, in whatever namespace.
func ofName(asked map[manifestID]bool, id manifestID) manifestID {
	for other := range asked {
		if other.group == id.group && other.kind == id.kind && other.name == id.name {
			return other
		}
	}
	return id
}

func boundedConditions(conditions []metav1.Condition) []metav1.Condition {
	kept := make([]metav1.Condition, 0, min(len(conditions), maxConditions))
	for _, condition := range conditions[:min(len(conditions), maxConditions)] {
		condition.Message, condition.Reason = boundedMessage(condition.Message), bounded(condition.Reason)
		kept = append(kept, condition)
	}
	return kept
}

// boundedMessage is a message of a condition. A long one loses the values that it quotes
// first: what is wrong with an object, such as "field is immutable", follows the object.
func boundedMessage(message string) string {
	if len(message) > maxText {
		message = refusal.WithoutValues(strings.ToValidUTF8(message[:min(len(message), maxMessage)], ""))
	}
	return bounded(message)
}

// namedObject is by what configs name an object, without its resource, which each
// cluster may call otherwise.
type namedObject struct{ group, namespace, name string }

// askedNames are the names of the values that configs ask for of objects. A path
// that a cluster makes up could have it make lists of lists of any size.
func askedNames(configs []workv1.ManifestConfigOption) map[namedObject]map[string]bool {
	asked := map[namedObject]map[string]bool{}
	for i := range configs {
		id := configs[i].ResourceIdentifier
		object := namedObject{id.Group, id.Namespace, id.Name}
		for _, rule := range configs[i].FeedbackRules {
			for _, path := range rule.JsonPaths {
				if asked[object] == nil {
					asked[object] = map[string]bool{}
				}
				asked[object][path.Name] = true
			}
		}
	}
	return asked
}

// boundedValues are those of asked names, each once.
func boundedValues(values []workv1.FeedbackValue, asked map[string]bool) []workv1.FeedbackValue {
	kept := make([]workv1.FeedbackValue, 0, min(len(values), len(asked), maxFeedback))
	seen := map[string]bool{}
	for _, value := range values {
		if len(kept) == maxFeedback {
			return kept
		}
		if !asked[value.Name] || seen[value.Name] || len(value.Name) > maxText {
			continue
		}
		value.Name = strings.Clone(value.Name)
		seen[value.Name] = true
		value.Value.JsonRaw = nil // which is never asked for
		if value.Value.String != nil {
			text := bounded(*value.Value.String)
			value.Value.String = &text
		}
		kept = append(kept, value)
	}
	return kept
}

// dots stand for the rest of a text.
const dots = "..."

// bounded is text of a cluster without what changes how other text is shown, cut
// to maxText. It does not hold on to the memory of the text, and leaves what is
// bounded as it is.
func bounded(text string) string {
	cut := len(text) > maxText
	if cut {
		text = strings.ToValidUTF8(text[:maxText-len(dots)], "")
	}
	text = strings.Clone(strings.Map(harmless, strings.ToValidUTF8(text, "?")))
	if cut {
		return text + dots
	}
	return text
}

func harmless(r rune) rune {
	if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
		return ' '
	}
	return r
}

// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"bytes"
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// revisionPath is where a delivered object carries the digest of its content.
// It is fed back, since no other value of the feedback says which version of
// the object it was read from.
var revisionPath = health.Path{"metadata", "annotations", v1alpha1.AnnotationRevision}

// entry is an object of a unit as a work has it.
type entry struct {
	content  map[string]any
	phase    phase
	feedback []health.Path
	// orphan leaves the object where it is when the work lets go of it.
	orphan bool
	// asks says that a policy of the application shares the object.
	asks bool
	// shared objects are those that other applications may have too.
	shared bool
	// waits says that another application delivers the object, or is to.
	waits bool
	// leaves says that the work is to drop the object as soon as it may.
	leaves bool
	// kept is the object as its work has it, where it stays so; nil for others.
	kept *encoded
	// identity are the labels that say whose the object is, when it is probed; those of applications when nil.
	identity []string
	// form is of an object that is as it was rendered, with the feedback that is usual; nil for others.
	form *form
}

func (e entry) id() workv1.ResourceIdentifier {
	if e.form != nil {
		return e.form.id
	}
	return identify(e.content)
}

// unitWork is a work of a unit, with those objects.
func unitWork(digests *Digests, unit delivery.Unit, index string, entries []entry) (*workv1.ManifestWork, error) {
	work := newWork(unit.Place.Cluster, WorkName(unit.Owner, unit.Component, unit.Place.Environment, index), PurposeApplication)
	maps.Copy(work.Labels, unitLabels(unit))
	work.Labels[v1alpha1.LabelApplicationUID] = string(unit.Owner.UID)
	work.Labels[LabelTargetNamespace] = unit.Place.Namespace
	if index != firstIndex {
		work.Labels[LabelIndex] = index
	}
	work.Spec.Executor = &workv1.ManifestWorkExecutor{Subject: workv1.ManifestWorkExecutorSubject{
		Type:           workv1.ExecutorSubjectTypeServiceAccount,
		ServiceAccount: &workv1.ManifestWorkSubjectServiceAccount{Namespace: unit.Place.Namespace, Name: v1alpha1.DeployerAccount},
	}}
	for _, entry := range entries {
		if err := addEntry(work, entry); err != nil {
			return nil, err
		}
	}
	work.Spec.DeleteOption = deleteOption(entries)
	return digests.seal(work)
}

// unitLabels tell the works of a unit from those of others.
func unitLabels(unit delivery.Unit) map[string]string {
	return map[string]string{
		v1beta1.LabelAppName: unit.Owner.Name, v1beta1.LabelAppNamespace: unit.Owner.Namespace,
		v1beta1.LabelAppComponent: unit.Component, v1alpha1.LabelEnvironment: unit.Place.Environment,
	}
}

func addEntry(work *workv1.ManifestWork, entry entry) error {
	encoded, err := entry.encode()
	if err != nil {
		return fmt.Errorf("work %s: %w", work.Name, err)
	}
	// Copies: a client reads the API server's answer into the very bytes that it sent,
	// and what is encoded is that of all clusters.
	work.Spec.Workload.Manifests = append(work.Spec.Workload.Manifests, workv1.Manifest{RawExtension: runtime.RawExtension{Raw: bytes.Clone(encoded.raw)}})
	work.Spec.ManifestConfigs = append(work.Spec.ManifestConfigs, *encoded.config.DeepCopy())
	return nil
}

// deleteOption says which objects stay when a work lets go of them; nil for the usual.
func deleteOption(entries []entry) *workv1.DeleteOption {
	var rules []workv1.OrphaningRule
	for _, entry := range entries {
		if entry.orphan {
			rules = append(rules, workv1.OrphaningRule(entry.id()))
		}
	}
	return optionOf(rules)
}

// optionOf lets the objects of rules stay; nil for the usual.
func optionOf(rules []workv1.OrphaningRule) *workv1.DeleteOption {
	if len(rules) == 0 {
		return nil
	}
	return &workv1.DeleteOption{
		PropagationPolicy: workv1.DeletePropagationPolicyTypeSelectivelyOrphan,
		SelectivelyOrphan: &workv1.SelectivelyOrphan{OrphaningRules: rules},
	}
}

// manifestConfig asks the agent to take the object over by server-side apply
// with force, since without it a hand edit is never repaired, and to watch it,
// since polling reads every object every 10 s.
func manifestConfig(content map[string]any, feedback []health.Path) workv1.ManifestConfigOption {
	config := workv1.ManifestConfigOption{
		ResourceIdentifier: identify(content),
		UpdateStrategy:     forced(),
		FeedbackScrapeType: workv1.FeedbackWatchType,
	}
	config.FeedbackRules = feedbackRules(feedback)
	return config
}

// feedbackRules ask for values of an object, each once; nil when there is nothing to ask for.
func feedbackRules(feedback []health.Path) []workv1.FeedbackRule {
	if len(feedback) == 0 {
		return nil
	}
	rule := workv1.FeedbackRule{Type: workv1.JSONPathsType}
	seen := map[string]bool{}
	for _, path := range feedback {
		if name := feedbackName(path); !seen[name] {
			seen[name] = true
			rule.JsonPaths = append(rule.JsonPaths, workv1.JsonPath{Name: name, Path: path.JSONPath()})
		}
	}
	return []workv1.FeedbackRule{rule}
}

// forced writes an object, whoever changed it.
func forced() *workv1.UpdateStrategy {
	return &workv1.UpdateStrategy{
		Type:            workv1.UpdateStrategyTypeServerSideApply,
		ServerSideApply: &workv1.ServerSideApplyConfig{Force: true, FieldManager: fieldManager},
	}
}

// feedbackName is the name of a feedback value: its JSONPath, so that reading
// feedback needs no table.
func feedbackName(path health.Path) string { return path.JSONPath() }

// identify says which object that is. Its resource is the usual one of its kind,
// whatever a cluster calls it.
func identify(content map[string]any) workv1.ResourceIdentifier {
	apiVersion, _ := content["apiVersion"].(string)
	kind, _ := content["kind"].(string)
	metadata, _ := content["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	namespace, _ := metadata["namespace"].(string)
	return identifier(apiVersion, kind, namespace, name)
}

func identifier(apiVersion, kind, namespace, name string) workv1.ResourceIdentifier {
	group := schema.FromAPIVersionAndKind(apiVersion, kind).Group
	return workv1.ResourceIdentifier{Group: group, Resource: render.Plural(kind), Name: name, Namespace: namespace}
}

// tenantWork is the work that makes a tenant, with those of its objects. It has no
// executor: the account that others are applied as comes from here.
func tenantWork(digests *Digests, tenant delivery.Tenant, entries []entry) (*workv1.ManifestWork, error) {
	work := newWork(tenant.Cluster, TenantWorkName(tenant.Namespace), PurposeTenant)
	work.Labels[LabelTargetNamespace] = tenant.Namespace
	work.Labels[delivery.LabelSourceNamespace] = tenant.SourceNamespace
	for _, entry := range entries {
		if err := addEntry(work, entry); err != nil {
			return nil, err
		}
	}
	work.Spec.DeleteOption = deleteOption(entries)
	return digests.seal(work)
}

func newWork(cluster, name, purpose string) *workv1.ManifestWork {
	return &workv1.ManifestWork{ObjectMeta: metav1.ObjectMeta{
		Namespace: cluster, Name: name,
		Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue, LabelPurpose: purpose},
	}}
}

// describe names an object for people, as "Deployment shop/web".
func describe(content map[string]any) string {
	id := identify(content)
	name := id.Name
	if id.Namespace != "" {
		name = id.Namespace + "/" + id.Name
	}
	return fmt.Sprintf("%v %s", content["kind"], name)
}

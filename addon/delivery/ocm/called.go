// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// A work says by the resource of an object, such as batches, how its agent is to
// treat it. The hub knows the kinds of clusters by name alone, and CRDs may have any
// plural: an agent that finds nothing said of an object overwrites it whoever's it is,
// and feeds nothing back. So a work says the same of all names that a resource may
// have, of a kind that is not Kubernetes' own, until its cluster has reported which it
// is, and of that one from then on. Everywhere else an object is called as usual.

// renaming is how long a name of a resource stands that was reported: a cluster that
// tells another one each time must not have its work rewritten each time.
const renaming = maxRepair

// calledName is what a cluster calls the resource of an object.
type calledName struct {
	resource string
	at       time.Time // when it was first reported
}

// isCustom says that a group is not one of Kubernetes' own, whose resources are named as usual.
func isCustom(group string) bool {
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
}

// irregular are endings of kinds, and what becomes of them in the plural.
var irregular = [][2]string{{"is", "es"}, {"fe", "ves"}, {"f", "ves"}, {"um", "a"}, {"on", "a"}, {"ex", "ices"}, {"ix", "ices"}, {"us", "i"}, {"man", "men"}}

// otherPlurals are names that a resource may have beside its usual one: that of its
// kind, as of what has no plural, and those that other rules and English make.
func otherPlurals(usual string) []string {
	kind := strings.TrimSuffix(usual, "s")
	for _, rule := range [][2]string{{"ies", "y"}, {"ses", "s"}, {"xes", "x"}, {"ches", "ch"}, {"shes", "sh"}} {
		if stem, ok := strings.CutSuffix(usual, rule[0]); ok {
			kind = stem + rule[1]
			break
		}
	}
	names := []string{kind, kind + "s", kind + "es"}
	for _, rule := range irregular {
		if stem, ok := strings.CutSuffix(kind, rule[0]); ok {
			names = append(names, stem+rule[1])
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == usual })
}

// reportedID is which object a cluster speaks of.
func reportedID(manifest *workv1.ManifestCondition) workv1.ResourceIdentifier {
	meta := &manifest.ResourceMeta
	return workv1.ResourceIdentifier{Group: meta.Group, Resource: render.Plural(meta.Kind), Name: meta.Name, Namespace: meta.Namespace}
}

// callUsually calls the objects of a work as usual in what it says of them. The list
// of what it says begins in the order of the objects; what follows is the same of other names.
func callUsually(work *workv1.ManifestWork) {
	if len(work.Spec.ManifestConfigs) < len(work.Spec.Workload.Manifests) {
		return // somebody changed it, and it is written again
	}
	names := map[workv1.ResourceIdentifier]string{}
	for i := range work.Spec.Workload.Manifests {
		id := work.Spec.ManifestConfigs[i].ResourceIdentifier
		if !isCustom(id.Group) {
			continue
		}
		var object metadataOnly
		if json.Unmarshal(work.Spec.Workload.Manifests[i].Raw, &object) != nil {
			continue // it is none of ours
		}
		group := schema.FromAPIVersionAndKind(object.APIVersion, object.Kind).Group
		if usual := render.Plural(object.Kind); id.Resource != usual && id.Group == group && id.Name == object.Metadata.Name {
			names[id] = usual
		}
	}
	rename(work, names)
	work.Spec.ManifestConfigs = work.Spec.ManifestConfigs[:len(work.Spec.Workload.Manifests):len(work.Spec.Workload.Manifests)]
}

// rename changes what a work calls its objects in what it says of them. The lists
// that it had may be somebody else's.
func rename(work *workv1.ManifestWork, names map[workv1.ResourceIdentifier]string) {
	if len(names) == 0 {
		return
	}
	work.Spec.ManifestConfigs = slices.Clone(work.Spec.ManifestConfigs)
	for i := range work.Spec.ManifestConfigs {
		if resource, ok := names[work.Spec.ManifestConfigs[i].ResourceIdentifier]; ok {
			work.Spec.ManifestConfigs[i].ResourceIdentifier.Resource = resource
		}
	}
	if len(rulesOf(work)) == 0 {
		return
	}
	work.Spec.DeleteOption = work.Spec.DeleteOption.DeepCopy()
	rules := work.Spec.DeleteOption.SelectivelyOrphan.OrphaningRules
	for i := range rules {
		if resource, ok := names[workv1.ResourceIdentifier(rules[i])]; ok {
			rules[i].Resource = resource
		}
	}
}

// named calls the objects of a work that is wanted as their cluster does.
func (t *Target) named(wanted, current *workv1.ManifestWork) error {
	if !t.callAsReported(wanted, current) {
		return nil
	}
	_, err := t.Digests.seal(wanted)
	return err
}

// callAsReported calls the objects of a work as their cluster does, or by all names
// that they may have, and says whether it calls any otherwise than usual. There may be
// no current work.
func (t *Target) callAsReported(wanted, current *workv1.ManifestWork) bool {
	if !slices.ContainsFunc(wanted.Spec.ManifestConfigs, func(c workv1.ManifestConfigOption) bool { return isCustom(c.ResourceIdentifier.Group) }) {
		return false
	}
	if current != nil {
		t.learnNames(current)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	callUsually(wanted) // it may be called so already
	names := map[workv1.ResourceIdentifier]string{}
	var unknown []workv1.ManifestConfigOption
	for i := range wanted.Spec.ManifestConfigs {
		config := &wanted.Spec.ManifestConfigs[i]
		id := config.ResourceIdentifier
		called, known := t.called[wanted.Namespace][id]
		switch {
		case !known:
			unknown = append(unknown, byOtherNames(config, t.calledAlike(wanted.Namespace, id)...)...)
		case called.resource != id.Resource:
			names[id] = called.resource
		}
	}
	rename(wanted, names)
	wanted.Spec.ManifestConfigs = append(wanted.Spec.ManifestConfigs, unknown...)
	return len(names)+len(unknown) > 0
}

// maxAlike is how many names are taken of other objects of a kind: a cluster has one.
const maxAlike = 2

// calledAlike are the names that a cluster gives to the resource of other objects of
// the kind. It is one that no rule makes, or none. The caller holds the lock.
func (t *Target) calledAlike(cluster string, id workv1.ResourceIdentifier) []string {
	if !isCustom(id.Group) {
		return nil
	}
	var names []string
	for other, called := range t.called[cluster] {
		if other.Group == id.Group && other.Resource == id.Resource && called.resource != id.Resource && !slices.Contains(names, called.resource) {
			names = append(names, called.resource)
		}
	}
	slices.Sort(names)
	return names[:min(len(names), maxAlike)]
}

// byOtherNames say the same of an object by the other names that it may have, those
// that its cluster is known to use among them. What is fed back of it can wait until
// its name is known.
func byOtherNames(config *workv1.ManifestConfigOption, known ...string) []workv1.ManifestConfigOption {
	if !isCustom(config.ResourceIdentifier.Group) {
		return nil
	}
	names := otherPlurals(config.ResourceIdentifier.Resource)
	for _, name := range known {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var all []workv1.ManifestConfigOption
	for _, plural := range names {
		other := *config.DeepCopy()
		other.ResourceIdentifier.Resource, other.FeedbackRules = plural, nil
		all = append(all, other)
	}
	return all
}

// learnNames notes what a cluster calls the objects of a work.
func (t *Target) learnNames(work *workv1.ManifestWork) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range work.Status.ResourceStatus.Manifests {
		manifest := &work.Status.ResourceStatus.Manifests[i]
		if resource := manifest.ResourceMeta.Resource; isCustom(manifest.ResourceMeta.Group) && len(validation.IsDNS1035Label(resource)) == 0 {
			t.learnName(work.Namespace, reportedID(manifest), resource)
		}
	}
}

// learnName notes what a cluster calls an object. The caller holds the lock.
func (t *Target) learnName(cluster string, id workv1.ResourceIdentifier, resource string) {
	known, now := t.called[cluster], t.Clock.Now()
	if last, has := known[id]; has && (resource == last.resource || now.Sub(last.at) < renaming) {
		return
	}
	if t.called == nil {
		t.called = map[string]map[workv1.ResourceIdentifier]calledName{}
	}
	if known == nil {
		known = map[workv1.ResourceIdentifier]calledName{}
		t.called[cluster] = known
	}
	known[id] = calledName{resource: resource, at: now}
}

// forgetNames forgets what the cluster calls the objects of a work that goes. The caller holds the lock.
func (t *Target) forgetNames(work *workv1.ManifestWork) {
	known := t.called[work.Namespace]
	if len(known) == 0 {
		return
	}
	for _, id := range identities(work) {
		delete(known, id)
	}
	if len(known) == 0 {
		delete(t.called, work.Namespace)
	}
}

// otherName says of which object of a work its cluster reports another name than the
// work has, which therefore does not say how that object is treated.
func (t *Target) otherName(work *workv1.ManifestWork) *delivery.Observation {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range work.Status.ResourceStatus.Manifests {
		manifest := &work.Status.ResourceStatus.Manifests[i]
		reported := manifest.ResourceMeta.Resource
		if reported == "" || !isCustom(manifest.ResourceMeta.Group) {
			continue
		}
		id := reportedID(manifest)
		called, known := t.called[work.Namespace][id]
		if !known {
			called.resource = id.Resource
		}
		if reported == called.resource {
			continue
		}
		said := &delivery.Observation{State: delivery.Applying, Reported: lastReport(work), Message: fmt.Sprintf(
			"%s %s/%s: the cluster calls its resource %q and its work %q, which so does not say how the object is treated: waiting for the name to last",
			bounded(manifest.ResourceMeta.Kind), bounded(manifest.ResourceMeta.Namespace), bounded(manifest.ResourceMeta.Name), short(reported), called.resource)}
		if known {
			said.RetryAfter = max(coalesce, renaming-t.Clock.Since(called.at))
		}
		return said
	}
	return nil
}

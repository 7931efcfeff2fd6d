// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

const (
	// clusterLease is the Lease that a cluster's agent renews in the cluster's namespace.
	clusterLease = "managed-cluster-lease"
	// usualLease is how long it holds where the cluster says nothing, as OCM has it, and
	// leaseGrace how many times as long OCM waits before it counts the cluster as away.
	usualLease = 60 * time.Second
	leaseGrace = 5
	// newWork is how young a work may be for its application not to be listed yet.
	newWork = 5 * time.Minute
	// nilExecutor is the feature by which OCM asks for the right to deliver without an executor.
	nilExecutor = "NilExecutorValidating"
)

// ocmCRDs are those without which the addon does not deliver to managed clusters.
func ocmCRDs() []string {
	return []string{
		"manifestworks.work.open-cluster-management.io",
		"managedclusters.cluster.open-cluster-management.io",
		"managedclustersetbindings.cluster.open-cluster-management.io",
		"placements.cluster.open-cluster-management.io",
		"placementdecisions.cluster.open-cluster-management.io",
	}
}

// ocmInstalled checks that OCM is there, and whole.
func ocmInstalled(h *Hub) []Finding {
	if !h.has(crdResource) {
		return nil
	}
	var missing []Object
	for _, name := range ocmCRDs() {
		if _, ok := h.CRDs[name]; !ok {
			missing = append(missing, Object{Name: name})
		}
	}
	const remedy = "install Open Cluster Management on the hub, such as by clusteradm init; the addon need not be restarted"
	if len(missing) == len(ocmCRDs()) {
		if wanting := remoteBindings(h); len(wanting) > 0 {
			return about(Finding{Severity: Error, What: "cluster bindings need OCM, which is not installed", Remedy: remedy}, wanting)
		}
		return []Finding{{Severity: Note, What: "OCM is not installed: applications are delivered to the hub itself alone", Remedy: "none is needed if that is meant; else " + remedy}}
	}
	return about(Finding{Severity: Error, What: "CustomResourceDefinitions of OCM are missing",
		Cause: "OCM is not installed completely; until it is the addon delivers to no managed cluster", Remedy: remedy}, missing)
}

// remoteBindings are those that need OCM.
func remoteBindings(h *Hub) []Object {
	var objects []Object
	for i := range h.Bindings {
		b := &h.Bindings[i]
		if b.Spec.Placement != nil || slices.ContainsFunc(b.Spec.Clusters, func(name string) bool { return name != v1alpha1.LocalCluster }) {
			objects = append(objects, Object{Name: b.Name})
		}
	}
	return objects
}

// ocmControllers checks that OCM's controllers run, where they are on the hub,
// and that they ask who may deliver as whom.
func ocmControllers(h *Hub) []Finding {
	if !h.has(clusterResource) {
		return nil
	}
	var findings []Finding
	for i := range h.OCMControllers {
		d := &h.OCMControllers[i]
		findings = append(findings, unavailable(d, Error, "OCM's "+d.Name)...)
	}
	if h.has(ocmDeploymentResource) && len(h.OCMControllers) == 0 {
		findings = append(findings, Finding{Severity: Note, What: "no controllers of OCM are in namespace " + ocmNamespace,
			Cause: "they run elsewhere, or not at all", Remedy: "see whether placements are decided and clusters become available"})
	}
	if h.has(webhookResource) && !slices.ContainsFunc(h.Webhooks, Webhook.validatesWorks) {
		findings = append(findings, Finding{Severity: Warning, What: "no webhook validates works",
			Cause:  "OCM's work webhook is not installed",
			Remedy: "install it: without it whoever may write works may name any account as the executor"})
	}
	return append(findings, withoutExecutor(h)...)
}

func (w Webhook) validatesWorks() bool {
	for _, webhook := range w.Webhooks {
		for _, rule := range webhook.Rules {
			if slices.Contains(rule.Resources, "manifestworks") && slices.Contains(rule.APIGroups, "work.open-cluster-management.io") {
				return true
			}
		}
	}
	return false
}

// withoutExecutor tells of hubs on which works without an executor are applied
// with the rights of the agents, whoever wrote them.
func withoutExecutor(h *Hub) []Finding {
	var off []Object
	for _, m := range h.ClusterManagers {
		enabled := false
		for _, gate := range m.Spec.WorkConfiguration.FeatureGates {
			enabled = enabled || gate.Feature == nilExecutor && gate.Mode == "Enable"
		}
		if !enabled {
			off = append(off, Object{Name: m.Metadata.Name})
		}
	}
	return about(Finding{Severity: Note, What: "whoever may write works can deliver with all rights of the agents",
		Cause:  "the feature " + nilExecutor + " of OCM is off",
		Remedy: "switch it on in spec.workConfiguration.featureGates of the ClusterManager; the addon has the right that it asks for"}, off)
}

// clusters checks that managed clusters are accepted, heard of, and fetch what is written for them.
func clusters(h *Hub) []Finding {
	if !h.has(clusterResource) {
		return nil
	}
	used, usedWhat := h.usedClusters(), "managed clusters that applications are delivered to are away"
	known := h.has(workResource, bindingResource)
	if !known {
		usedWhat = "managed clusters are away" // and each may be used
	}
	var pending, unjoined, awayUsed, away []Object
	for i := range h.Clusters {
		c := &h.Clusters[i]
		name := c.Metadata.Name
		if c.Metadata.DeletionTimestamp != nil {
			continue // the check of finalizers has those that do not end
		}
		available := conditionOf(c.Status.Conditions, "ManagedClusterConditionAvailable")
		switch {
		case !c.Spec.HubAcceptsClient:
			pending = append(pending, Object{Name: name})
		case isTrue(available):
		case available == nil || !isTrue(conditionOf(c.Status.Conditions, "ManagedClusterJoined")):
			unjoined = append(unjoined, Object{Name: name})
		case used[name] || !known:
			awayUsed = append(awayUsed, Object{name, sinceText(h.Now, available)})
		default:
			away = append(away, Object{name, sinceText(h.Now, available)})
		}
	}
	const why, what = "their agents do not renew their leases: they are down, do not reach the hub, or their certificates have expired",
		"look at the agents there: kubectl -n open-cluster-management-agent get pods, and their logs. Nothing is deleted, and they catch up when they return"
	findings := about(Finding{Severity: Error, What: usedWhat, Cause: why, Remedy: what}, awayUsed)
	findings = append(findings, about(Finding{Severity: Warning, What: "managed clusters that are not used are away", Cause: why, Remedy: what}, away)...)
	findings = append(findings, about(Finding{Severity: Warning, What: "managed clusters have asked to join and are not accepted",
		Cause: "hubAcceptsClient is false", Remedy: "accept them: clusteradm accept --clusters NAME; or delete the ManagedCluster"}, pending)...)
	findings = append(findings, about(Finding{Severity: Warning, What: "managed clusters are accepted and have not joined",
		Cause: "their agents have not begun, or their certificate requests are not approved", Remedy: "kubectl get csr, and look at the agents there"}, unjoined)...)
	findings = append(findings, staleLeases(h)...)
	return append(findings, unfetched(h)...)
}

// usedClusters are those that something is delivered to, or is to be.
func (h *Hub) usedClusters() map[string]bool {
	used := map[string]bool{}
	for i := range h.Works {
		used[h.Works[i].Metadata.Namespace] = true
	}
	for i := range h.Bindings {
		for _, name := range h.Bindings[i].Spec.Clusters {
			used[name] = true
		}
		for _, c := range h.Bindings[i].Status.Clusters {
			used[c.Name] = true
		}
	}
	return used
}

func sinceText(now time.Time, condition *metav1.Condition) string {
	return fmt.Sprintf("for %s: %s", duration.HumanDuration(now.Sub(condition.LastTransitionTime.Time)), condition.Message)
}

// there are the clusters that the hub counts as available.
func (h *Hub) there() map[string]*Cluster {
	there := map[string]*Cluster{}
	for i := range h.Clusters {
		if c := &h.Clusters[i]; isTrue(conditionOf(c.Status.Conditions, "ManagedClusterConditionAvailable")) {
			there[c.Metadata.Name] = c
		}
	}
	return there
}

// staleLeases finds clusters that count as available although their leases are old.
func staleLeases(h *Hub) []Finding {
	there := h.there()
	var stale []Object
	for i := range h.ClusterLeases {
		lease := &h.ClusterLeases[i]
		cluster := there[lease.Namespace]
		if cluster == nil || lease.Spec.RenewTime == nil {
			continue
		}
		limit := usualLease
		if seconds := cluster.Spec.LeaseDurationSeconds; seconds > 0 {
			limit = time.Duration(seconds) * time.Second
		}
		// The agent writes the time by its own clock.
		if age := h.Now.Sub(lease.Spec.RenewTime.Time); age > leaseGrace*limit+time.Minute {
			stale = append(stale, Object{lease.Namespace, "renewed " + duration.HumanDuration(age) + " ago"})
		}
	}
	return about(Finding{Severity: Error, What: "managed clusters count as available, and their leases are old",
		Cause:  "OCM's registration controller does not run, or the clocks of the clusters are wrong",
		Remedy: "look at the controller: kubectl -n " + ocmNamespace + " get pods; and compare the clocks"}, stale)
}

// unfetched finds clusters whose registration agent reports while their work
// agent has not fetched what was written, as the addon finds them.
func unfetched(h *Hub) []Finding {
	there, reported := h.there(), h.reported()
	written, deleted := map[string]owed{}, map[string]owed{}
	for i := range h.Works {
		w := &h.Works[i]
		cluster := w.Metadata.Namespace
		if there[cluster] == nil {
			continue
		}
		if since, overdue := w.overdue(h.Now); overdue {
			written[cluster] = written[cluster].and(since)
		}
		if since, overdue := w.removalOverdue(h.Now, reported[cluster]); overdue {
			deleted[cluster] = deleted[cluster].and(since)
		}
	}
	const at = "kubectl -n open-cluster-management-agent logs deploy/klusterlet-work-agent (klusterlet-agent where both are one)"
	findings := about(Finding{Severity: Error, What: "the work agents of managed clusters have not fetched what was written for them",
		Cause:  "the cluster renews its lease, and its work agent does not run or has no right on the hub",
		Remedy: "look at it there: " + at}, objectsOf(h.Now, written))
	for cluster := range written {
		delete(deleted, cluster) // it has been told of
	}
	return append(findings, about(Finding{Severity: Warning, What: "the work agents of managed clusters have not said that they remove what was deleted",
		Cause:  "the work agent does not run or has no right on the hub; or it is one of OCM 1.0, which does not say so, and what it removes may have a finalizer",
		Remedy: "look there at the agent: " + at + "; and for objects that are being deleted"}, objectsOf(h.Now, deleted))...)
}

// owed is how many works of a cluster its agent owes an answer to, and since when.
type owed struct {
	count int
	since time.Time
}

func (o owed) and(since time.Time) owed {
	if o.count == 0 || since.Before(o.since) {
		o.since = since
	}
	o.count++
	return o
}

func objectsOf(now time.Time, clusters map[string]owed) []Object {
	var objects []Object
	for cluster, o := range clusters {
		objects = append(objects, Object{cluster, fmt.Sprintf("works: %d, the oldest for %s", o.count, duration.HumanDuration(now.Sub(o.since)))})
	}
	return objects
}

// reported is when each cluster last reported on any of its works, as the hub's clock has it.
func (h *Hub) reported() map[string]time.Time {
	last := map[string]time.Time{}
	for i := range h.Works {
		w := &h.Works[i].Metadata
		for _, writes := range w.ManagedFields {
			if writes.Subresource == "status" && writes.Time != nil && writes.Time.After(last[w.Namespace]) {
				last[w.Namespace] = writes.Time.Time
			}
		}
	}
	return last
}

// removalOverdue says since when a work is deleted that its agent has not begun to
// remove, while nothing has come of any work of the cluster for longer than the addon
// gives it. An agent that has much to do begins late, and reports something.
func (w *Work) removalOverdue(now, reported time.Time) (time.Time, bool) {
	deleted := w.Metadata.DeletionTimestamp
	if deleted == nil || !slices.Contains(w.Metadata.Finalizers, workFinalizer) || isTrue(conditionOf(w.Status.Conditions, "Deleting")) {
		return time.Time{}, false
	}
	silent := deleted.Time
	if reported.After(silent) {
		silent = reported
	}
	return deleted.Time, now.Sub(silent) > ocm.FetchLimit
}

// overdue says since when a version of a work was written that the agent has
// not reported, longer ago than the addon gives it.
func (w *Work) overdue(now time.Time) (time.Time, bool) {
	if w.Metadata.DeletionTimestamp != nil {
		return time.Time{}, false // the deletion raised the generation
	}
	if applied := conditionOf(w.Status.Conditions, "Applied"); applied != nil && applied.ObservedGeneration == w.Metadata.Generation {
		return time.Time{}, false
	}
	written, err := time.Parse(time.RFC3339, w.Metadata.Annotations[ocm.AnnotationWritten])
	if err != nil && w.Metadata.Generation > 1 {
		return time.Time{}, false // nobody knows when this version was written
	}
	// Its cluster may have changed the annotation: a time before the work is not
	// believed, and one in the future makes nothing overdue.
	if created := w.Metadata.CreationTimestamp.Time; written.Before(created) {
		written = created
	}
	return written, now.Sub(written) > ocm.FetchLimit
}

// leftovers finds works that no application has any more.
func leftovers(h *Hub) []Finding {
	if !h.has(applicationResource, workResource) {
		return nil
	}
	known := map[types.UID]bool{}
	for i := range h.Applications {
		known[h.Applications[i].Metadata.UID] = true
	}
	var left, orphans []Object
	for i := range h.Works {
		w := &h.Works[i].Metadata
		owner := "of application " + w.Labels[v1beta1.LabelAppNamespace] + "/" + w.Labels[v1beta1.LabelAppName]
		purpose := w.Labels[ocm.LabelPurpose]
		switch uid := types.UID(w.Labels[v1alpha1.LabelApplicationUID]); {
		case purpose == ocm.PurposeLeft:
			left = append(left, Object{fullName(*w), owner})
		case purpose != ocm.PurposeApplication && purpose != ocm.PurposeKeep:
		case known[uid] || w.DeletionTimestamp != nil || h.Now.Sub(w.CreationTimestamp.Time) < newWork:
		default:
			orphans = append(orphans, Object{fullName(*w), owner + ", which does not exist"})
		}
	}
	findings := about(Finding{Severity: Warning, What: "works are there without their application",
		Cause:  "the finalizer of the application was removed by hand, or the application was restored with another UID",
		Remedy: "see whether what they delivered is still wanted. Deleting a work removes it from its cluster: kubectl -n CLUSTER delete manifestwork NAME, as a member of system:masters where the policy " + chart.WorkPolicy + " is in force"}, orphans)
	return append(findings, about(Finding{Severity: Note, What: "works were left on clusters that are away",
		Cause: "the environments do not wait for such clusters", Remedy: "none is needed: they go when the clusters return"}, left)...)
}

// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
)

const (
	// leaseSlack is how much later than its duration says a lease may be renewed.
	leaseSlack = 15 * time.Second
	// labelVersion is, on what the chart installs, the version of the addon.
	labelVersion = "app.kubernetes.io/version"
	// reinstall is the remedy for what the chart installs.
	reinstall = "apply fairlead_addon again, or upgrade the release of the chart fairlead-addon"
)

// serverVersion checks that the chart supports the API server.
func serverVersion(h *Hub) []Finding {
	if !h.has(versionResource) {
		return nil
	}
	least, err := version.ParseGeneric(strings.TrimSuffix(strings.TrimPrefix(h.Chart.KubeVersion, ">="), "-0"))
	if err != nil {
		return []Finding{{Severity: Note, What: fmt.Sprintf("the constraint %q on the hub's version is not understood", h.Chart.KubeVersion)}}
	}
	have, err := version.ParseGeneric(h.Kubernetes)
	if err != nil {
		return []Finding{{Severity: Warning, What: fmt.Sprintf("the version %q of the API server is not understood", h.Kubernetes),
			Remedy: "compare it with " + h.Chart.KubeVersion + ", which the addon needs"}}
	}
	if have.AtLeast(least) {
		return nil
	}
	return []Finding{{Severity: Error, What: fmt.Sprintf("the API server is %s, the addon needs %s", h.Kubernetes, h.Chart.KubeVersion),
		Cause: "admission policies and validation rules of the addon do not work in older versions", Remedy: "upgrade the hub"}}
}

// crds checks that the CRDs exist, are served, and are those that this version needs.
func crds(h *Hub) []Finding {
	if !h.has(crdResource) {
		return nil
	}
	var missing, broken, older, other []Object
	for _, wanted := range h.Wanted {
		name := nameOf(wanted)
		live, ok := h.CRDs[name]
		if !ok {
			missing = append(missing, Object{Name: name})
			continue
		}
		if message, not := notTrue(live, "Established"); not {
			broken = append(broken, Object{name, message})
			continue
		}
		if h.shared() && strings.HasSuffix(name, oamGroup) {
			continue // another controller's
		}
		switch found := compareCRDs(wanted, live); {
		case len(found.lacks) > 0:
			older = append(older, Object{name, found.String()})
		case !found.isNone():
			other = append(other, Object{name, found.String()})
		}
	}
	findings := about(Finding{Severity: Error, What: "CustomResourceDefinitions are missing", Remedy: reinstall,
		Cause: "the addon is not installed, or was installed without its CRDs"}, missing)
	findings = append(findings, about(Finding{Severity: Error, What: "CustomResourceDefinitions are not served",
		Cause: "the API server does not accept them", Remedy: "delete what has the same names, or see what the message says"}, broken)...)
	findings = append(findings, about(Finding{Severity: Error, What: fmt.Sprintf("CustomResourceDefinitions are older than version %s needs", h.Chart.AppVersion),
		Cause: "the hub drops fields that it does not know: what is asked for by them does not happen", Remedy: reinstall}, older)...)
	findings = append(findings, about(Finding{Severity: Warning, What: fmt.Sprintf("CustomResourceDefinitions are not those of version %s", h.Chart.AppVersion),
		Cause:  "the addon is of another version than this program, or somebody changed them",
		Remedy: "run the doctor of the addon's own version: kubectl -n fairlead-system exec deploy/fairlead-addon -- /fairlead-addon doctor; else " + reinstall}, other)...)
	if h.shared() {
		findings = append(findings, Finding{Severity: Note, What: "another controller owns the kinds of " + oamGroup[1:],
			Cause: "their CRDs lack the label " + v1alpha1.LabelManagedBy, Remedy: "none is needed: only applications annotated app.oam.dev/controller-version-require: fairlead are handled"})
	}
	return findings
}

// admission checks that the admission policies of the chart are there and bound.
func admission(h *Hub) []Finding {
	if !h.has(policyResource, policyBindingResource) {
		return nil
	}
	there, bound := map[string]bool{}, map[string]bool{}
	for _, p := range h.AdmissionPolicies {
		there[p.Metadata.Name] = true
	}
	for _, b := range h.PolicyBindings {
		if slices.Contains(b.Spec.ValidationActions, "Deny") {
			bound[b.Spec.PolicyName] = true
		}
	}
	var missing, unbound []Object
	for _, name := range h.Policies {
		switch {
		case !there[name] && name == chart.SharedPolicy && !h.shared():
		case !there[name]:
			missing = append(missing, Object{Name: name})
		case !bound[name]:
			unbound = append(unbound, Object{Name: name})
		}
	}
	findings := about(Finding{Severity: Error, What: "admission policies are not in force", Remedy: reinstall,
		Cause: "no ValidatingAdmissionPolicyBinding with the action Deny names them"}, unbound)
	return append(findings, missingPolicies(missing, len(there) > 0 && anyOf(h.Policies, there))...)
}

func anyOf(names []string, set map[string]bool) bool {
	return slices.ContainsFunc(names, func(name string) bool { return set[name] })
}

// missingPolicies says what it means that policies are missing: all of them may
// be switched off, or the one that protects works; others were deleted.
func missingPolicies(missing []Object, others bool) []Finding {
	switch {
	case !others:
		return about(Finding{Severity: Warning, What: "no admission policy of the chart exists",
			Cause:  "admissionPolicies.enabled of the chart is false, or the addon is not installed",
			Remedy: "switch them on, unless a policy engine enforces the same: without them whoever may write applications can do more than the environments allow"}, missing)
	case len(missing) == 1 && missing[0].Name == chart.WorkPolicy:
		return about(Finding{Severity: Note, What: "works that deliver applications can be deleted by hand",
			Cause: "admissionPolicies.protectWorks of the chart is false", Remedy: "none is needed if that is meant"}, missing)
	}
	return about(Finding{Severity: Error, What: "admission policies are missing", Cause: "they were deleted, or are of another version", Remedy: reinstall}, missing)
}

// manager checks that the addon runs, in the version of its CRDs, and that one leads.
func manager(h *Hub) []Finding {
	var findings []Finding
	leads := h.has(leaseResource) && h.leaseProblem() == ""
	if h.has(deploymentResource) {
		findings = append(findings, deployment(h, leads)...)
	}
	if problem := h.leaseProblem(); h.has(leaseResource) && problem != "" {
		findings = append(findings, Finding{Severity: Error, What: "no manager leads: " + problem,
			Cause:  "the manager does not run, does not reach the API server, or runs with --leader-elect=false",
			Remedy: "look at its pods and what they print: kubectl -n fairlead-system get pods; kubectl -n fairlead-system logs deploy/fairlead-addon"})
	}
	return findings
}

// deployment checks the Deployment of the addon.
func deployment(h *Hub, leads bool) []Finding {
	d := h.Deployment
	elsewhere := Finding{Severity: Note, What: "a manager runs elsewhere than in the chart's Deployment", Cause: "the lease is renewed, and the Deployment has no pods",
		Remedy: "none is needed if that is meant"}
	stopped := Finding{Severity: Error, What: "the addon does not run: its Deployment is scaled to 0", Remedy: "scale it up: the chart's value replicas"}
	if d == nil {
		stopped = Finding{Severity: Error, What: "the addon does not run: there is no Deployment " + v1alpha1.SystemNamespace + "/" + chart.Deployment, Remedy: reinstall}
	}
	if d == nil || d.Spec.Replicas != nil && *d.Spec.Replicas == 0 {
		if leads {
			return []Finding{elsewhere}
		}
		return []Finding{stopped}
	}
	findings := unavailable(d, Error, "the addon")
	if label := d.Labels[labelVersion]; label != "" && label != h.Chart.AppVersion {
		findings = append(findings, Finding{Severity: Warning, What: fmt.Sprintf("the addon is of version %s, this program knows the CRDs of version %s", label, h.Chart.AppVersion),
			Cause: "one of the two was not upgraded", Remedy: reinstall + ", or run the doctor of version " + label})
	}
	return findings
}

// unavailable says that a Deployment has no pod that is ready, or not all.
func unavailable(d *appsv1.Deployment, severity Severity, what string) []Finding {
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	remedy := fmt.Sprintf("see why: kubectl -n %s describe deployment/%s; kubectl -n %s get events", d.Namespace, d.Name, d.Namespace)
	if d.Status.AvailableReplicas == 0 && wanted > 0 {
		return []Finding{{Severity: severity, What: what + " does not run: no pod of its Deployment is available", Cause: because(d), Remedy: remedy}}
	}
	if d.Status.AvailableReplicas < wanted || d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas < wanted {
		return []Finding{{Severity: Warning, What: fmt.Sprintf("%s runs with %d of %d pods, %d of them of the present version",
			what, d.Status.AvailableReplicas, wanted, d.Status.UpdatedReplicas), Cause: because(d), Remedy: remedy}}
	}
	return nil
}

// because is what the conditions of a Deployment say that is wrong.
func because(d *appsv1.Deployment) string {
	var texts []string
	for _, kind := range []appsv1.DeploymentConditionType{appsv1.DeploymentReplicaFailure, appsv1.DeploymentProgressing, appsv1.DeploymentAvailable} {
		for _, c := range d.Status.Conditions {
			if c.Type == kind && (c.Status == corev1.ConditionTrue) == (kind == appsv1.DeploymentReplicaFailure) {
				texts = append(texts, c.Reason+": "+c.Message)
			}
		}
	}
	return strings.Join(texts, "; ")
}

// leaseProblem says why the lease shows no manager that leads; empty when it shows one.
func (h *Hub) leaseProblem() string {
	lease := h.Lease
	if lease == nil {
		return "there is no lease " + v1alpha1.SystemNamespace + "/" + chart.Lease
	}
	if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" || lease.Spec.RenewTime == nil {
		return "nobody holds the lease"
	}
	limit := leaseSlack
	if lease.Spec.LeaseDurationSeconds != nil {
		limit += time.Duration(*lease.Spec.LeaseDurationSeconds) * time.Second
	}
	if age := h.Now.Sub(lease.Spec.RenewTime.Time); age > limit {
		return fmt.Sprintf("%s has not renewed the lease for %s", *lease.Spec.HolderIdentity, duration.HumanDuration(age))
	}
	return ""
}

// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// check is one thing that is looked at.
type check struct {
	name string
	of   func(h *Hub) []Finding
	// needs are what must have been read for the check to be complete.
	needs []resource
}

func checks() []check {
	var kinds []resource
	for _, plural := range definitionKinds() {
		kinds = append(kinds, resource(plural+oamGroup))
	}
	held := append([]resource{applicationResource, environmentResource, bindingResource, workResource, clusterResource}, kinds...)
	return []check{
		{"api server", serverVersion, []resource{versionResource}},
		{"custom resources", crds, []resource{crdResource}},
		{"admission policies", admission, []resource{policyResource, policyBindingResource}},
		{"manager", manager, []resource{deploymentResource, leaseResource}},
		{"ocm", ocmInstalled, []resource{crdResource, bindingResource}},
		{"ocm controllers", ocmControllers, []resource{clusterResource, ocmDeploymentResource, webhookResource, clusterManagerResource}},
		{"managed clusters", clusters, []resource{clusterResource, clusterLeaseResource, workResource}},
		{"environments", environments, []resource{environmentResource}},
		{"cluster bindings", bindings, []resource{bindingResource}},
		{"definitions", definitions, kinds},
		{"applications", applications, []resource{applicationResource}},
		{"accounts", accounts, []resource{applicationResource, accountResource}},
		{"deletions", finalizers, held},
		{"leftovers", leftovers, []resource{applicationResource, workResource}},
	}
}

// Examine judges what was read of a hub. It is a function of that alone.
func Examine(h *Hub, version string) *Report {
	report := &Report{
		Hub: clean(h.Address), Kubernetes: clean(h.Kubernetes), Version: version,
		Findings: []Finding{}, NotChecked: []NotChecked{}, Passed: []string{}, Applications: h.phases(),
	}
	report.addUnread(h)
	for _, c := range checks() {
		found := c.of(h)
		for i := range found {
			found[i].Check = c.name
			report.Findings = append(report.Findings, found[i].cleaned())
		}
		if len(found) == 0 && h.has(c.needs...) {
			report.Passed = append(report.Passed, c.name)
		}
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int { return a.Severity.rank() - b.Severity.rank() })
	return report
}

// addUnread tells what was not read: for lack of a right, since there is too
// much, or since the hub failed, which is a finding. What the hub does not serve
// is told by the CRDs.
func (r *Report) addUnread(h *Hub) {
	var failed []Object
	for _, of := range slices.Sorted(maps.Keys(h.unread)) {
		what, where, _ := strings.Cut(string(of), " ")
		switch u := h.unread[of]; {
		case u.forbidden:
			r.NotChecked = append(r.NotChecked, NotChecked{What: string(of), Needs: strings.TrimSpace(u.verb + " on " + what + " " + where)})
		case errors.Is(u.err, errTooMany):
			r.NotChecked = append(r.NotChecked, NotChecked{What: string(of), Because: clean(u.err.Error())})
		case u.absent:
		default:
			failed = append(failed, Object{string(of), failure(u.err)})
		}
	}
	for _, f := range about(Finding{Severity: Error, Check: "reading", What: "kinds of objects could not be read",
		Cause:  "the API server failed, or took too long",
		Remedy: "see whether the hub is well: kubectl get --raw '/readyz?verbose'; allow more time with --timeout"}, failed) {
		r.Findings = append(r.Findings, f.cleaned())
	}
}

func failure(err error) string {
	if apierrors.IsUnauthorized(err) {
		return "the hub refuses the credential, which may have expired"
	}
	return fmt.Sprint(err)
}

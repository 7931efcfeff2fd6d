// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import "strings"

// Annotations that say which run of HCP Terraform wrote an application last. They
// are written together with a change only.
const (
	annotationOrganization = "fairlead.dev/organization"
	annotationWorkspace    = "fairlead.dev/workspace"
	annotationRun          = "fairlead.dev/run"
)

// auditOf are the annotations of the run that the environment variables tell of,
// none outside of HCP Terraform.
func auditOf(getenv func(string) string) map[string]string {
	out := map[string]string{}
	organization, workspace, ok := strings.Cut(getenv("TFC_WORKSPACE_SLUG"), "/")
	if !ok {
		organization, workspace = "", getenv("TFC_WORKSPACE_NAME")
	}
	for key, value := range map[string]string{annotationOrganization: organization, annotationWorkspace: workspace, annotationRun: getenv("TFC_RUN_ID")} {
		if value != "" {
			out[key] = value
		}
	}
	return out
}

// withAuditOf is what an apply would write, but as if the run that wrote the
// existing application wrote it.
func withAuditOf(wanted, existing map[string]string) {
	for _, key := range []string{annotationInstance, annotationOrganization, annotationWorkspace, annotationRun} {
		delete(wanted, key)
		if value, ok := existing[key]; ok {
			wanted[key] = value
		}
	}
}

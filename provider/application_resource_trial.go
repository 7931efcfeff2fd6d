// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/rollout"
)

// notTried is the summary of whatever keeps the hub from being asked what it makes
// of a plan. It is constant, so that engines fold such warnings into one.
const notTried = "Plan not checked by the hub"

// trial is a planned write of an application, for the hub to look at.
type trial struct {
	plan *applicationModel
	// spec is what the plan says, as it was read before.
	spec *applicationSpec
	// creates says that the application is not in the state.
	creates bool
	// force says that fields of other managers are taken over.
	force bool
}

// tryOnHub asks the hub what it makes of a planned write. It changes nothing of the
// plan, which is made again when it is applied, when the hub may have changed.
func (r *applicationResource) tryOnHub(ctx context.Context, t trial, diags *diag.Diagnostics) {
	if r.hub == nil || r.hub.preview != previewServer || diags.HasError() || !r.known(t.plan, t.spec) {
		return
	}
	client, failed := r.hub.Client(ctx)
	if client == nil {
		for _, d := range failed {
			r.withoutHub(d.Summary(), d.Detail(), diags)
		}
		return
	}
	object := r.object(client, t.plan)
	object.instance = r.newInstance()
	// Whatever keeps the application from being put together is an error of the apply.
	var ignored diag.Diagnostics
	desired, _ := object.desired(ctx, t.plan, &ignored)
	if ignored.HasError() {
		return
	}
	err := object.try(ctx, desired, t)
	r.reportTrial(err, desired, diags)
	if !diags.HasError() && answered(err) {
		r.lookAtEnvironments(ctx, client, t.plan, desired, diags)
	}
}

// answered says whether the hub is worth another question: one that gave no answer to
// the first, or for which no credential is to be had, would make the plan wait again,
// for each application.
func answered(err error) bool {
	if noCredential(err) != nil {
		return false
	}
	switch hub.ReasonOf(err) {
	case hub.Unreachable, hub.Untrusted, hub.Unauthorized, hub.Canceled, hub.TimedOut:
		return false
	}
	return true
}

// noCredential is why no request was sent, such as a credential plugin that failed or a
// token file that is gone; nil if that is not what err says. An existsError hides what
// it is made of.
func noCredential(err error) *hub.ConfigError {
	var config *hub.ConfigError
	errors.As(err, &config)
	return config
}

// withoutHub says once why a plan is made without the hub, or fails it where the user
// wants that.
func (r *applicationResource) withoutHub(summary, detail string, diags *diag.Diagnostics) {
	if r.hub.strict() {
		diags.AddError(summary, detail)
		return
	}
	r.noteOnce(summary, detail+"\n\nThe plan was made without the hub: what the hub refuses is seen at apply.", diags)
}

// known says whether all that is written of an application is known.
func (r *applicationResource) known(plan *applicationModel, spec *applicationSpec) bool {
	return len(spec.findings) == 0 && !spec.unknown() && !plan.ID.IsUnknown() && !plan.AdoptExisting.IsUnknown() && !r.hub.labelsUnknown &&
		!hclvalue.HasUnknown(plan.Labels) && !hclvalue.HasUnknown(plan.Annotations) && !hclvalue.HasUnknown(plan.IgnoreFields) &&
		// They say of which type a property is, and so what is written of it.
		!hclvalue.HasUnknown(plan.Definitions)
}

// existsError says that what is to be created exists and is somebody else's.
type existsError struct{ error }

// try sends the application as a dry run, once in all usual cases.
func (o applicationObject) try(ctx context.Context, desired *unstructured.Unstructured, t trial) error {
	options := hub.ApplyOptions{Force: t.force, TakeFromPeople: true}
	tried, err := o.client.Try(ctx, desired, options)
	// As in a creation: fields that are left to others adopt nothing.
	if !t.creates || t.plan.AdoptExisting.ValueBool() || (err == nil && tried.GetResourceVersion() == "") || (err != nil && hub.ReasonOf(err) != hub.Conflict) {
		return err
	}
	// Only what exists has a version, or fields of others.
	existing, unread := o.client.Get(ctx, rollout.Kind(), o.key())
	if unread != nil {
		return unread
	}
	if existing.GetDeletionTimestamp() != nil {
		return nil
	}
	if !o.owned(existing) && !o.leftByUs(ctx, existing, desired) {
		return existsError{o.foreign(existing)}
	}
	if err == nil {
		return nil
	}
	options.Force = true
	_, err = o.client.Try(ctx, desired, options)
	return err
}

// reportTrial says what the hub answered. What is certain to fail the apply too is
// an error. What another part of the same plan may put right is not: a kind, a
// namespace or an addon that is still missing, an object that is in the way.
func (r *applicationResource) reportTrial(err error, desired *unstructured.Unstructured, diags *diag.Diagnostics) {
	var exists existsError
	var failure *hub.Error
	if errors.As(err, &exists) {
		var config *hub.ConfigError
		if errors.As(exists.error, &config) {
			diags.AddWarning(config.Summary, config.Detail+"\n\nThe apply fails unless something else in this plan removes it.")
		}
		return
	}
	if config := noCredential(err); config != nil {
		r.withoutHub(config.Summary, config.Detail, diags)
		return
	}
	if !errors.As(err, &failure) {
		return
	}
	failure = failure.Masked(maskOf(desired))
	switch failure.Reason {
	case hub.KindMissing, hub.NamespaceMissing, hub.NotFound, hub.Terminating, hub.Canceled:
	case hub.Invalid, hub.Conflict:
		diags.AddError(failure.Summary, failure.Detail+"\nThis is the answer to a dry run: nothing was written, and the apply would fail alike.")
	case hub.Forbidden:
		r.noteOnce(notTried, failure.Detail+"\n\nThe hub was not asked what it makes of this plan; it tells when the plan is applied. "+
			"plan = { preview = \"offline\" } in the provider block does not ask it.", diags)
	case hub.Unreachable, hub.Untrusted, hub.Unauthorized:
		r.withoutHub(failure.Summary, failure.Detail, diags)
	case hub.NoDryRun:
		r.noteOnce(notTried, failure.Detail+"\n\nWhat the hub makes of this plan is seen at apply, which goes on without the dry run. A webhook whose sideEffects are "+
			"None or NoneOnDryRun can be asked before.", diags)
	default:
		diags.AddWarning("Not accepted by the hub yet", failure.Detail+"\n\nThis is the answer to a dry run. The apply fails alike unless something else, "+
			"in this plan or not, changes that before.")
	}
}

// noteOnce warns once in a run.
func (r *applicationResource) noteOnce(summary, detail string, diags *diag.Diagnostics) {
	if !r.hub.notedBefore(summary) {
		diags.AddWarning(summary, detail)
	}
}

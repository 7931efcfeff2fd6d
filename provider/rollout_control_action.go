// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	k8stypes "k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/rollout"
)

var (
	_ action.Action              = (*rolloutControlAction)(nil)
	_ action.ActionWithConfigure = (*rolloutControlAction)(nil)
)

// What the action does.
const (
	commandPause  = "pause"
	commandResume = "resume"
)

// confirmLimit is how long the addon may take to say that it knows.
const confirmLimit = time.Minute

// rolloutControlAction is the action fairlead_rollout_control.
type rolloutControlAction struct {
	hub *Hub
	// limit is how long the addon may take to say that it knows.
	limit time.Duration
}

// NewRolloutControlAction returns the action fairlead_rollout_control.
func NewRolloutControlAction() action.Action { return &rolloutControlAction{limit: confirmLimit} }

// Metadata names the action.
func (a *rolloutControlAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_rollout_control"
}

// rolloutControlModel is what the action is asked for.
type rolloutControlModel struct {
	Application types.String `tfsdk:"application"`
	Command     types.String `tfsdk:"command"`
}

// Schema describes the action.
func (a *rolloutControlAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Pauses the delivery of an application, or resumes it (Terraform 1.14). While an application is paused the addon writes nothing of it to any cluster: " +
			"changes wait, what others change or delete is not repaired, nothing is removed, and its health is still reported. A deletion is carried out all the same. " +
			"The agent of a managed cluster still keeps there what was delivered last. When it is resumed its newest revision is delivered.\n\n" +
			"The action sets or removes the label `controller.core.oam.dev/pause` of the application, and waits until the addon has seen that. An apply of `fairlead_application` " +
			"neither removes nor sets it, unless `labels` has it. The guide \"Engines and versions\" has what other engines do instead.",
		Attributes: map[string]schema.Attribute{
			"application": schema.StringAttribute{
				Required:            true,
				Validators:          []validator.String{applicationIDValidator()},
				MarkdownDescription: "The application: `fairlead_application.x.id`, which is `namespace/name`.",
			},
			"command": schema.StringAttribute{
				Required:            true,
				Validators:          []validator.String{stringvalidator.OneOf(commandPause, commandResume)},
				MarkdownDescription: "What to do: `pause` or `resume`. What is so already stays so.",
			},
		},
	}
}

// Configure takes the Hub over.
func (a *rolloutControlAction) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	a.hub = hubOf(req.ProviderData, &resp.Diagnostics)
}

// Invoke pauses or resumes the application.
func (a *rolloutControlAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var model rolloutControlModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	namespace, name, _ := splitApplicationID(model.Application.ValueString())
	c := control{
		key: k8stypes.NamespacedName{Namespace: namespace, Name: name}, command: model.Command.ValueString(), limit: a.limit, diags: &resp.Diagnostics,
		say: func(format string, values ...any) {
			resp.SendProgress(action.InvokeProgressEvent{Message: fmt.Sprintf(format, values...)})
		},
	}
	client, diags := a.hub.require(ctx, c.command+" the application")
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	c.client = client
	c.run(ctx)
}

// control is one invocation for one application.
type control struct {
	client  *hub.Client
	key     k8stypes.NamespacedName
	command string
	limit   time.Duration
	say     func(format string, values ...any)
	diags   *diag.Diagnostics
}

func (c *control) pauses() bool { return c.command == commandPause }

// run brings the application into the state that is asked for, and waits until the addon knows it.
func (c *control) run(ctx context.Context) {
	live, err := c.client.Get(ctx, rollout.Kind(), c.key)
	if err != nil {
		appendError(c.diags, err)
		return
	}
	if c.pauses() && live.GetDeletionTimestamp() != nil {
		c.diags.AddError("Application is being deleted", fmt.Sprintf(
			"Application %q is being deleted, which a pause does not stop.", c.key))
		return
	}
	if err := c.label(ctx, live); err != nil {
		appendApplicationError(c.diags, err, live)
		return
	}
	c.warnOfConfiguration(live)
	c.confirm(ctx)
}

// label sets or removes the label where it is not so already.
func (c *control) label(ctx context.Context, live *unstructured.Unstructured) error {
	paused := live.GetLabels()[v1beta1.LabelPause] == v1beta1.LabelPauseValue
	if paused == c.pauses() {
		c.say("application %s: nothing to change on it", c.key)
		return nil
	}
	if c.pauses() {
		c.say("application %s: setting its label %s", c.key, v1beta1.LabelPause)
		return c.client.SetLabel(ctx, rollout.Kind(), c.key, v1beta1.LabelPause, v1beta1.LabelPauseValue)
	}
	c.say("application %s: removing its label %s", c.key, v1beta1.LabelPause)
	return c.client.RemoveLabel(ctx, rollout.Kind(), c.key, v1beta1.LabelPause)
}

// warnOfConfiguration says that the next apply undoes what was done, judged by the
// application as it was before.
func (c *control) warnOfConfiguration(live *unstructured.Unstructured) {
	if !c.pauses() && slices.Contains(managedKeys(live, "labels"), v1beta1.LabelPause) {
		c.diags.AddWarning("The configuration pauses the application", fmt.Sprintf(
			"labels of the fairlead_application %q has %s: the next apply sets it again. Remove it there.", c.key, v1beta1.LabelPause))
	}
}

// confirm waits until the addon says that the application is as it is to be: until
// then it may be in the middle of a write.
func (c *control) confirm(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	c.say("application %s: waiting until the addon knows", c.key)
	var seen rollout.Pause
	gone := false
	err := c.client.WaitFor(bounded, rollout.Kind(), c.key, func(object *unstructured.Unstructured) (bool, error) {
		if gone = object == nil; gone {
			return true, nil
		}
		found, err := rollout.PauseOf(object)
		seen = found
		return found.Paused == c.pauses(), err
	})
	switch {
	case gone:
		c.diags.AddError("Application is gone", fmt.Sprintf("Application %q was deleted meanwhile.", c.key))
	case hub.ReasonOf(err) == hub.TimedOut && ctx.Err() == nil:
		c.unconfirmed()
	case err != nil:
		appendError(c.diags, err)
	case c.pauses():
		c.say("application %s is paused since %s: %s", c.key, seen.Since, seen.State)
	default:
		c.say("application %s is resumed: %s", c.key, seen.State)
	}
}

// unconfirmed says that the label is as it is to be, and that nobody acts on it.
func (c *control) unconfirmed() {
	state := "has"
	if !c.pauses() {
		state = "does not have"
	}
	c.diags.AddError("The addon did not answer", fmt.Sprintf(
		"Application %q %s the label %s by now, and the status does not say within %s that the addon knows.\n"+
			"Check that the addon runs (kubectl -n fairlead-system get pods), that it is not older than this provider, and that no other OAM controller handles the application. "+
			"Then invoke the action again.", c.key, state, v1beta1.LabelPause, c.limit))
}

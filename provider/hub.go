// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// hubNotKnown is the summary of whatever follows from a hub that is known only after
// apply. It is constant, so that engines fold the warnings of many resources into one.
const hubNotKnown = "Hub not known yet"

// Hub is what resources get from Configure: where the hub is, and what the
// provider block says for all of them. It connects on first use only.
type Hub struct {
	// DefaultNamespace is the namespace of applications that name none.
	DefaultNamespace string
	// DefaultLabels are put on every object that a resource writes.
	DefaultLabels map[string]string
	// Owner names who manages the objects, such as a workspace; it is written as
	// their annotation fairlead.dev/owner. Empty when nothing names one.
	Owner string
	// Audit are the annotations that say which run writes an application.
	Audit map[string]string

	// preview is how far plans look ahead, one of the values of plan.preview.
	preview string
	// platform is what plans of this run have read of environments.
	platform platform
	// noted are the summaries of what plans of this run have warned of already.
	noted sync.Map
	// made are the ids of the applications that this run has made.
	made sync.Map

	unknown bool
	// namespaceUnknown says that DefaultNamespace is known only after apply.
	namespaceUnknown bool
	// labelsUnknown says that DefaultLabels are known only after apply.
	labelsUnknown bool
	config        hub.Config
	connect       func() (*hub.Client, error)
}

// newHub returns a Hub that connects as config says.
func newHub(config hub.Config) *Hub {
	h := &Hub{config: config}
	h.connect = sync.OnceValues(func() (*hub.Client, error) { return hub.New(config) })
	return h
}

// unknownHub returns a Hub whose configuration is not known yet.
func unknownHub() *Hub { return &Hub{unknown: true} }

// Unknown says whether the provider's configuration depends on something that
// is known only after apply.
func (h *Hub) Unknown() bool { return h == nil || h.unknown }

// strict says whether a plan fails where the hub cannot be asked.
func (h *Hub) strict() bool { return h != nil && h.config.Strict }

// Client returns the client of the hub. It is nil without a diagnostic when the
// configuration is unknown: then nothing can be asked, and plans are made offline.
func (h *Hub) Client(_ context.Context) (*hub.Client, diag.Diagnostics) {
	var diags diag.Diagnostics
	if h.Unknown() {
		return nil, diags
	}
	client, err := h.connect()
	if err != nil {
		appendError(&diags, err)
		return nil, diags
	}
	return client, diags
}

// require returns the client for an operation that cannot do without the hub.
func (h *Hub) require(ctx context.Context, action string) (*hub.Client, diag.Diagnostics) {
	client, diags := h.Client(ctx)
	if client == nil && !diags.HasError() {
		diags.AddError(hubNotKnown, fmt.Sprintf(
			"Could not %s: the provider's hub depends on values that are known only after apply. "+
				"Apply what they come from first, or let this depend on it (depends_on).", action))
	}
	return client, diags
}

// noteMade remembers that this run has made an application.
func (h *Hub) noteMade(application string) { h.made.Store(application, true) }

// wasMade says whether this run has made the application, be it of the same content as
// one before.
func (h *Hub) wasMade(application string) bool {
	if h == nil {
		return false
	}
	_, made := h.made.Load(application)
	return made
}

// notedBefore says whether a plan of this run has warned of that already, and
// remembers it: what holds for all resources alike is said once.
func (h *Hub) notedBefore(what string) bool {
	_, before := h.noted.LoadOrStore(what, true)
	return before
}

// forgetPlatform makes the next plan of this run read environments again, after one
// of them, or a binding, was changed.
func (h *Hub) forgetPlatform() {
	if h != nil {
		h.platform.forget()
	}
}

// labels returns the default labels together with own, which win.
func (h *Hub) labels(own map[string]string) map[string]string {
	merged := maps.Clone(h.DefaultLabels)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, own)
	return merged
}

// hubOf takes the Hub out of the data that a Configure request carries. The
// data is nil while the engine validates.
func hubOf(data any, diags *diag.Diagnostics) *Hub {
	if data == nil {
		return nil
	}
	configured, ok := data.(*Hub)
	if !ok {
		diags.AddError("Unexpected provider data", fmt.Sprintf("Expected *provider.Hub, got %T. This is a fault of the provider.", data))
		return nil
	}
	return configured
}

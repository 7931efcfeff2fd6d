// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"bytes"
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Server is the provider as an engine speaks to it. What the provider block leaves out
// is read by getenv.
//
// It is the framework's server, but for two things. Of an application in which nothing
// changes it plans that by itself: the framework decodes the application several times for
// such a plan and copies it once for each attribute, which was half of the provider's time
// where hundreds are planned. And it does not say that an object which is not known yet
// lacks what it must have.
func Server(version string, getenv func(string) string) tfprotov6.ProviderServer {
	p := &fairleadProvider{version: version, getenv: getenv}
	framework := providerserver.NewProtocol6(p)()
	whole, ok := framework.(frameworkServer)
	if !ok {
		return framework
	}
	return &server{frameworkServer: whole, provider: p}
}

// frameworkServer is all that the framework's server can do: what is not named here an
// engine would not find.
type frameworkServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
	tfprotov6.StateStoreServer
}

// server answers what needs no framework, and leaves the rest to it.
type server struct {
	frameworkServer
	provider *fairleadProvider
}

// missingAttribute is how the framework sums up that a configuration lacks an attribute.
const missingAttribute = "Missing Configuration for Required Attribute"

// ValidateResourceConfig validates a configuration. To the framework an object in a list
// that is not known yet, as each input variable while a configuration is validated, lacks
// all that is required in it: such a configuration could not be used.
func (s *server) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	resp, err := s.frameworkServer.ValidateResourceConfig(ctx, req)
	if err != nil || !slices.ContainsFunc(resp.Diagnostics, isOfMissing) {
		return resp, err
	}
	schemas, err := s.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, err
	}
	schema, ok := schemas.ResourceSchemas[req.TypeName]
	if !ok {
		return resp, nil
	}
	config, err := req.Config.Unmarshal(schema.ValueType())
	if err != nil {
		return nil, err
	}
	resp.Diagnostics = slices.DeleteFunc(resp.Diagnostics, func(d *tfprotov6.Diagnostic) bool {
		return isOfMissing(d) && isWithinUnknown(config, d.Attribute)
	})
	return resp, nil
}

func isOfMissing(d *tfprotov6.Diagnostic) bool { return d.Summary == missingAttribute }

// isWithinUnknown says whether a path leads into something that is not known yet.
func isWithinUnknown(config tftypes.Value, at *tftypes.AttributePath) bool {
	for at = at.WithoutLastStep(); len(at.Steps()) > 0; at = at.WithoutLastStep() {
		found, _, err := tftypes.WalkAttributePath(config, at)
		if value, ok := found.(tftypes.Value); err == nil && ok && !value.IsKnown() {
			return true
		}
	}
	return false
}

// PlanResourceChange plans what is proposed where that is what the state says.
func (s *server) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	if !s.changesNothing(req) {
		return s.frameworkServer.PlanResourceChange(ctx, req)
	}
	return &tfprotov6.PlanResourceChangeResponse{PlannedState: req.ProposedNewState, PlannedPrivate: req.PriorPrivate, PlannedIdentity: req.PriorIdentity}, nil
}

// changesNothing says that ModifyPlan would change nothing of an application's proposed
// state. Whatever that would look at beside the proposal is left to it: Secrets, a
// namespace that the provider block gives, a state that an apply has yet to complete, an
// application that is being deleted, and one that is protected, which the plan keeps for
// that of a replacement.
func (s *server) changesNothing(req *tfprotov6.PlanResourceChangeRequest) bool {
	if req.TypeName != "fairlead_application" || req.PriorState == nil || req.ProposedNewState == nil || req.Config == nil {
		return false
	}
	if req.ClientCapabilities != nil && req.ClientCapabilities.DeferralAllowed {
		return false
	}
	// A key of the private state, whose values are encoded so that they have no quotes.
	if bytes.Contains(req.PriorPrivate, []byte(`"`+privateGoing+`"`)) {
		return false
	}
	prior := req.PriorState.MsgPack
	if len(prior) == 0 || !bytes.Equal(prior, req.ProposedNewState.MsgPack) {
		return false
	}
	return s.isSettled(attributesIn(prior), attributesIn(req.Config.MsgPack))
}

// isSettled says that the attributes of a state are all there, and that nothing but
// them matters.
func (s *server) isSettled(state, config map[string]msgpack.RawMessage) bool {
	if state == nil || config == nil {
		return false
	}
	for _, name := range []string{"id", "revision", "resources", "namespace"} {
		if isNull(state[name]) {
			return false
		}
	}
	for _, secrets := range []msgpack.RawMessage{state["secrets"], config["secrets_wo"], config["environment_secrets_wo"]} {
		if !isNull(secrets) {
			return false
		}
	}
	if bytes.Equal(attributesIn(state["deletion"])["protection"], []byte{msgpcode.True}) {
		return false
	}
	return !isNull(config["namespace"]) || s.isDefaultNamespace(state["namespace"])
}

// isDefaultNamespace says whether an encoded text is the namespace of resources that name none.
func (s *server) isDefaultNamespace(encoded msgpack.RawMessage) bool {
	configured := s.provider.configured.Load()
	var namespace string
	if configured == nil || msgpack.Unmarshal(encoded, &namespace) != nil {
		return false
	}
	return !configured.namespaceUnknown && namespace == configured.DefaultNamespace
}

// attributesIn are the attributes of an encoded object, each encoded; nil where it is
// none, as the null of a resource that is not there.
func attributesIn(encoded []byte) map[string]msgpack.RawMessage {
	attributes := map[string]msgpack.RawMessage{}
	if msgpack.Unmarshal(encoded, &attributes) != nil || len(attributes) == 0 {
		return nil
	}
	return attributes
}

func isNull(encoded msgpack.RawMessage) bool {
	return len(encoded) == 0 || encoded[0] == msgpcode.Nil
}

// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Server is the provider as an engine speaks to it. What the provider block leaves out
// is read by getenv.
//
// It is the framework's server, but for three things. States are handed on as they were
// stored. Of an application in which nothing
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

	schemas sync.Once
	// current are the schemas of resources by type name, once they were asked for.
	current map[string]*currentSchema
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
	schema := s.currentOf(ctx, req.TypeName)
	if schema == nil {
		return resp, nil
	}
	config, err := req.Config.Unmarshal(schema.object)
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

// UpgradeResourceState hands a state on as it was stored where it is of this version of the
// schema: the framework would decode it and encode it anew, which is a seventh of its time
// where hundreds of resources are planned. What the schema does not have, as after a newer
// provider, is left to the framework, which drops it.
func (s *server) UpgradeResourceState(ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	if !s.isCurrent(ctx, req) {
		return s.frameworkServer.UpgradeResourceState(ctx, req)
	}
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &tfprotov6.DynamicValue{JSON: req.RawState.JSON}}, nil
}

// isCurrent says that a stored state is one of this version of the schema.
func (s *server) isCurrent(ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest) bool {
	current := s.currentOf(ctx, req.TypeName)
	return current != nil && req.RawState != nil && current.version == req.Version && hasOnly(req.RawState.JSON, current.object)
}

// currentSchema is what states of a resource are like.
type currentSchema struct {
	version int64
	object  tftypes.Object
}

// currentOf is what states of a resource are like; nil of one that there is not. It is
// asked for once: the framework builds all schemas for an answer.
func (s *server) currentOf(ctx context.Context, typeName string) *currentSchema {
	s.schemas.Do(func() {
		resp, err := s.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
		if err != nil {
			return // the framework says what is wrong
		}
		s.current = map[string]*currentSchema{}
		for name, schema := range resp.ResourceSchemas {
			if object, ok := schema.ValueType().(tftypes.Object); ok {
				s.current[name] = &currentSchema{schema.Version, object}
			}
		}
	})
	return s.current[typeName]
}

// hasOnly says that an encoded object has no attribute that its type does not have. Of
// objects in collections, which are few, that is not looked for.
func hasOnly(encoded []byte, object tftypes.Object) bool {
	var attributes map[string]json.RawMessage
	if json.Unmarshal(encoded, &attributes) != nil || len(attributes) == 0 {
		return false
	}
	for name, value := range attributes {
		kind, ok := object.AttributeTypes[name]
		if !ok || !isPlain(value, kind) {
			return false
		}
	}
	return true
}

// isPlain says that an encoded value has no attributes, or only those of its type.
func isPlain(encoded json.RawMessage, kind tftypes.Type) bool {
	switch kind := kind.(type) {
	case tftypes.Object:
		return string(encoded) == "null" || hasOnly(encoded, kind)
	case tftypes.List:
		return kind.ElementType.Is(tftypes.String) || slices.Contains([]string{"null", "[]"}, string(encoded))
	case tftypes.Map:
		return kind.ElementType.Is(tftypes.String) || slices.Contains([]string{"null", "{}"}, string(encoded))
	}
	return kind.Is(tftypes.String) || kind.Is(tftypes.Bool) || kind.Is(tftypes.Number) || kind.Is(tftypes.DynamicPseudoType)
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

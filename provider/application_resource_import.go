// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// privateSeen is where it is kept what an import has seen of environments.
const privateSeen = "environments"

// origin is where the state of an application is from.
type origin struct {
	// imported says that it was imported and not written since, and so holds nothing of
	// what is known of environments.
	imported bool
	// seen are digests of what decides the objects of the application in each
	// environment that the import could read, by its name.
	seen map[string]string
	salt string
}

// originOf reads the origin of a state.
func originOf(ctx context.Context, private privateStore) origin {
	from := origin{imported: wasImported(ctx, private), salt: loadSalt(ctx, private)}
	encoded, diags := private.GetKey(ctx, privateSeen)
	if !from.imported || diags.HasError() || len(encoded) == 0 || json.Unmarshal(encoded, &from.seen) != nil {
		from.seen = nil
	}
	return from
}

// differs says whether an environment is certainly another than the import has seen, in
// what that has kept a digest of.
func (o origin) differs(name string, ref any) bool {
	before, seen := o.seen[name]
	fields, ok := ref.(map[string]any)
	if !o.imported || !seen || !ok || hclvalue.HasUnknownJSON(fields["target_namespace"]) || hclvalue.HasUnknownJSON(fields["defaults"]) {
		return false
	}
	var target *v1alpha1.TargetNamespace
	raw, err := json.Marshal(fields["target_namespace"])
	if err != nil || json.Unmarshal(raw, &target) != nil {
		return false
	}
	defaults, err := defaultsFrom(fields["defaults"])
	if err != nil {
		return false // the environment says so
	}
	now, err := seenDigest(o.salt, target, defaults)
	return err == nil && now != before
}

// seenDigest stands for what decides the objects of an application in an environment.
func seenDigest(salt string, target *v1alpha1.TargetNamespace, defaults []v1alpha1.ComponentDefaults) (string, error) {
	if target != nil && *target == (v1alpha1.TargetNamespace{}) {
		target = nil
	}
	byType, err := normalDefaults(defaults)
	if err != nil {
		return "", err
	}
	content, err := canonical(map[string]any{"target": target, "defaults": byType})
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// seeEnvironments keeps what an import sees of the environments of an application, so
// that a later plan tells a change of them. What cannot be read is not known, as before.
func (r *applicationResource) seeEnvironments(ctx context.Context, client *hub.Client, live *unstructured.Unstructured, salt string, private privateWriter) diag.Diagnostics {
	names := environmentsIn(live)
	if len(names) == 0 {
		return nil
	}
	view, err := r.hub.platform.look(ctx, client)
	if err != nil {
		return nil
	}
	seen := map[string]string{}
	for _, name := range names {
		if environment := view.environments[name]; environment != nil {
			if digest, err := seenDigest(salt, environment.Spec.TargetNamespace, environment.Spec.Defaults); err == nil {
				seen[name] = digest
			}
		}
	}
	encoded, err := json.Marshal(seen)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Private state not writable", err.Error())}
	}
	return private.SetKey(ctx, privateSeen, encoded)
}

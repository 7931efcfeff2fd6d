// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

const (
	// maxSecrets bounds how many Secrets an application has, as the addon does.
	maxSecrets = 64
	// secretDigits is how many hexadecimal digits the digest of a Secret has.
	secretDigits = 16
)

// secretValues are the values of a Secret by key. They are behind a function, so
// that nothing of them shows however what holds them is printed or encoded.
type secretValues struct{ reveal func() map[string]string }

func hidden(values map[string]string) secretValues {
	return secretValues{reveal: func() map[string]string { return values }}
}

// digest identifies the values without giving them away: it is keyed by a salt
// that only the Secret itself holds.
func (v secretValues) digest(salt, key string) (string, error) {
	text, err := json.Marshal([]any{key, v.reveal()})
	if err != nil {
		return "", fmt.Errorf("encode secret %q", key) // the cause might show a value
	}
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil))[:secretDigits], nil
}

// wantedSecret is one Secret of an application's configuration.
type wantedSecret struct {
	// key is its name among the application's secrets: name, or environment/name.
	key string
	// object is its name on the hub.
	object string
	values secretValues
	// unknown says that a value is known only after apply.
	unknown bool
}

// wantedSecrets are the Secrets of an application's configuration, sorted by key.
type wantedSecrets struct {
	list []wantedSecret
	// unknown says that not even their names are known.
	unknown  bool
	findings []definition.Finding
}

// newWantedSecrets reads secrets_wo and environment_secrets_wo.
func newWantedSecrets(config *applicationModel) *wantedSecrets {
	w := &wantedSecrets{}
	w.add("", "secrets_wo", config.SecretsWO)
	w.unknown = w.unknown || config.EnvironmentSecretsWO.IsUnknown()
	for _, environment := range sortedStringKeys(config.EnvironmentSecretsWO) {
		at := hclvalue.Key("environment_secrets_wo", environment)
		if problems := validation.IsDNS1123Label(environment); len(problems) > 0 {
			w.complain(at, "is no name of an environment: %s", problems[0])
		}
		secrets, ok := config.EnvironmentSecretsWO.Elements()[environment].(types.Map)
		if ok {
			w.add(environment, at, secrets)
		}
	}
	w.check()
	return w
}

func (w *wantedSecrets) complain(path, format string, args ...any) {
	w.findings = append(w.findings, definition.Finding{Path: path, Reason: definition.NotAllowed, Message: fmt.Sprintf(format, args...)})
}

// add reads the Secrets of one environment, or those of all.
func (w *wantedSecrets) add(environment, at string, secrets types.Map) {
	w.unknown = w.unknown || secrets.IsUnknown()
	for _, name := range sortedStringKeys(secrets) {
		values, ok := secrets.Elements()[name].(types.Map)
		if !ok || values.IsNull() {
			continue
		}
		at := hclvalue.Key(at, name)
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			w.complain(at, "is no name of a Secret: %s", problems[0])
		}
		key := name
		if environment != "" {
			key = environment + "/" + name
		}
		known := map[string]string{}
		secret := wantedSecret{key: key, object: v1alpha1.SecretName(environment, name), values: hidden(known), unknown: values.IsUnknown()}
		for _, field := range sortedStringKeys(values) {
			if problems := validation.IsConfigMapKey(field); len(problems) > 0 {
				w.complain(hclvalue.Key(at, field), "is no key of a Secret: %s", problems[0])
			}
			value, _ := values.Elements()[field].(types.String)
			secret.unknown = secret.unknown || value.IsUnknown()
			if !value.IsNull() && !value.IsUnknown() {
				known[field] = value.ValueString()
			}
		}
		w.list = append(w.list, secret)
	}
}

// check looks at what the Secrets are together.
func (w *wantedSecrets) check() {
	slices.SortFunc(w.list, func(a, b wantedSecret) int { return strings.Compare(a.key, b.key) })
	if len(w.list) > maxSecrets {
		w.complain("secrets_wo", "has, with environment_secrets_wo, %d Secrets; at most %d are delivered: put values that belong together into one", len(w.list), maxSecrets)
	}
	taken := map[string]string{}
	for _, secret := range w.list {
		if other, ok := taken[secret.object]; ok {
			w.complain("secrets_wo", "%s and %s would both be Secret %q on the hub: rename one of them", other, secret.key, secret.object)
		}
		taken[secret.object] = secret.key
	}
}

// planSecrets plans the digests of the application's Secrets: the prior ones where
// nothing changes. Where something else of the application changes on the hub they are
// known after apply, since until then an ephemeral value may be another one, or somebody
// may change a Secret there. A change makes a new revision of the application.
func (r *applicationResource) planSecrets(ctx context.Context, config, plan, state *applicationModel, going bool, diags *diag.Diagnostics) {
	wanted := newWantedSecrets(config)
	plan.Secrets = types.MapNull(types.StringType)
	switch {
	case wanted.unknown:
		plan.Secrets = types.MapUnknown(types.StringType)
	case len(wanted.list) > 0:
		anew := going || state != nil && state.Revision.IsNull()
		elements := r.plannedDigests(ctx, wanted.list, plan, state, anew, diags)
		digests, d := types.MapValue(types.StringType, elements)
		diags.Append(d...)
		plan.Secrets = digests
	}
	if state != nil && !plan.Secrets.Equal(state.Secrets) {
		plan.Revision = types.StringUnknown()
	}
}

// plannedDigests are the digests by key. Of an application that is made anew the Secrets
// may be gone too: the apply looks at all, whatever their version.
func (r *applicationResource) plannedDigests(ctx context.Context, wanted []wantedSecret, plan, state *applicationModel, anew bool, diags *diag.Diagnostics) map[string]attr.Value {
	elements := map[string]attr.Value{}
	var prior map[string]attr.Value
	if state != nil {
		prior = state.Secrets.Elements()
	}
	writes := anew || isWritten(plan, state) || len(wanted) != len(prior)
	versioned := !anew && !plan.SecretsWOVersion.IsNull() && state != nil && plan.SecretsWOVersion.Equal(state.SecretsWOVersion)
	for _, secret := range wanted {
		elements[secret.key] = types.StringUnknown()
		digest, had := prior[secret.key].(types.String)
		switch {
		case !had || digest.ValueString() == "":
			writes = true
		case versioned:
			elements[secret.key] = digest
		}
	}
	if versioned || writes || !r.keepsSecrets(ctx, wanted, plan, state, diags) {
		return elements
	}
	return prior
}

// keepsSecrets says whether the Secrets are, as far as can be told, what they were.
// What cannot be compared stays as it is, with a warning.
func (r *applicationResource) keepsSecrets(ctx context.Context, wanted []wantedSecret, plan, state *applicationModel, diags *diag.Diagnostics) bool {
	var untold []string
	var cause error
	prior := digestsOf(state)
	for _, secret := range wanted {
		same, err := r.sameSecret(ctx, secret, prior[secret.key], plan)
		switch {
		case err != nil:
			untold, cause = append(untold, secret.key), err
		case !same:
			return false
		}
	}
	if len(untold) > 0 {
		appendNotCompared(diags, untold, cause, r.hub.strict())
	}
	return true
}

// appendNotCompared says which Secrets the hub could not be asked for. It is an error
// where the user wants one whenever the hub cannot be asked.
func appendNotCompared(diags *diag.Diagnostics, keys []string, cause error, strict bool) {
	const summary = "Secrets not compared"
	detail := fmt.Sprintf("The hub could not be asked for the Secrets of an application, "+
		"so that the plan does not show whether they change: %s. With secrets_wo_version the plan needs no hub for that.", strings.Join(keys, ", "))
	if why := askingFailed(cause); why != "" && (strict || !hub.IsAway(cause) && noCredential(cause) == nil) {
		diags.AddError(summary, detail+"\n\n"+why)
		return
	}
	diags.AddWarning(summary, detail)
}

// askingFailed is what kept the hub from being asked, empty where it is only not known yet.
func askingFailed(cause error) string {
	var failure *hub.Error
	if config := noCredential(cause); config != nil {
		return config.Error()
	}
	if errors.As(cause, &failure) {
		return failure.Error()
	}
	return ""
}

// isWritten says whether the hub gets another application than the state has, or a new
// version of Secrets. What only says how the provider goes about an application, such as
// its deletion, is no reason for a new revision, which others may wait for or be replaced by.
func isWritten(plan, state *applicationModel) bool {
	return state == nil || !plan.Revision.Equal(state.Revision) || !plan.SecretsWOVersion.Equal(state.SecretsWOVersion)
}

// sameSecret says whether a Secret is what it was. An error says that it cannot be told.
func (r *applicationResource) sameSecret(ctx context.Context, secret wantedSecret, prior string, plan *applicationModel) (bool, error) {
	if secret.unknown {
		return false, nil
	}
	client, failed := r.hub.Client(ctx)
	if failed.HasError() {
		first := failed.Errors()[0]
		return false, &hub.ConfigError{Summary: first.Summary(), Detail: first.Detail()}
	}
	if client == nil {
		return false, errors.New("the hub is not known yet")
	}
	return r.object(client, plan).holdsSecret(ctx, secret, prior)
}

// digestsOf are the known digests of a model.
func digestsOf(m *applicationModel) map[string]string {
	if len(m.Secrets.Elements()) == 0 {
		return nil
	}
	return stringsIn(m.Secrets)
}

// readDigests reads the digests from the annotation of a live application. What it
// does not list, but the state does, may be left of an apply that was killed before
// it removed the Secret, or was taken out by hand: it stays, without a digest, so
// that the next apply settles it.
func readDigests(annotations map[string]string, prior types.Map) types.Map {
	var digests map[string]string
	_ = json.Unmarshal([]byte(annotations[v1alpha1.AnnotationSecrets]), &digests) // what is no list lists nothing
	elements := map[string]attr.Value{}
	for key := range prior.Elements() {
		elements[key] = types.StringValue("")
	}
	if len(digests)+len(elements) == 0 {
		return types.MapNull(types.StringType)
	}
	for key, digest := range digests {
		elements[key] = types.StringValue(digest)
	}
	return types.MapValueMust(types.StringType, elements)
}

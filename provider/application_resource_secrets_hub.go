// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	k8stypes "k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// annotationSalt is, on a Secret, the key of its digests. Who may read it may
// read the Secret.
const annotationSalt = "fairlead.dev/salt"

// secretKind is the kind of Secrets.
func secretKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Version: "v1", Kind: "Secret"}
}

func (o applicationObject) secretKey(name string) k8stypes.NamespacedName {
	return k8stypes.NamespacedName{Namespace: o.namespace, Name: name}
}

// ownsSecret says whether a Secret is this application's.
func (o applicationObject) ownsSecret(live *unstructured.Unstructured) bool {
	return live.GetLabels()[v1alpha1.LabelSecretOf] == o.name
}

// holdsSecret says whether the hub holds a Secret as it is wanted, and the prior
// digest is that of its values.
func (o applicationObject) holdsSecret(ctx context.Context, wanted wantedSecret, prior string) (bool, error) {
	live, err := o.client.Get(ctx, secretKind(), o.secretKey(wanted.object))
	if hub.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	digest, err := wanted.values.digest(live.GetAnnotations()[annotationSalt], wanted.key)
	return err == nil && o.isSecret(live, wanted, digest, prior), nil
}

// isSecret says whether a live Secret of the wanted values is the one that the prior
// digest is of: it needs no write.
func (o applicationObject) isSecret(live *unstructured.Unstructured, wanted wantedSecret, digest, prior string) bool {
	return digest == prior && o.ownsSecret(live) && wanted.equals(live)
}

// equals says whether a live Secret has the wanted values. What others have added
// to it is theirs.
func (s wantedSecret) equals(live *unstructured.Unstructured) bool {
	data, _, _ := unstructured.NestedStringMap(live.Object, "data")
	for key, value := range s.values.reveal() {
		if text, ok := data[key]; !ok || text != base64.StdEncoding.EncodeToString([]byte(value)) {
			return false
		}
	}
	return true
}

// secretWrite is a Secret that is to be written.
type secretWrite struct {
	wanted wantedSecret
	salt   string
}

// settleSecrets finds out which Secrets are to be written, and completes the
// digests of the plan. Those that still are what the digests of before say are not.
// It writes nothing.
func (o applicationObject) settleSecrets(ctx context.Context, config, plan *applicationModel, before map[string]string) ([]secretWrite, error) {
	wanted := newWantedSecrets(config)
	planned := plan.Secrets.Elements()
	digests := map[string]attr.Value{}
	var writes []secretWrite
	for _, secret := range wanted.list {
		if secret.unknown {
			return nil, fmt.Errorf("a value of secret %q is still unknown while it is applied: this is a fault of the provider", secret.key)
		}
		if digest, ok := planned[secret.key].(types.String); ok && !digest.IsUnknown() {
			digests[secret.key] = digest
			continue
		}
		settled, err := o.settleSecret(ctx, secret, before[secret.key], plan.AdoptExisting.ValueBool())
		if err != nil {
			return nil, err
		}
		digests[secret.key] = types.StringValue(settled.digest)
		if !settled.same {
			writes = append(writes, settled.write)
		}
	}
	plan.Secrets = types.MapNull(types.StringType)
	if len(digests) > 0 {
		plan.Secrets = types.MapValueMust(types.StringType, digests)
	}
	return writes, nil
}

// settledSecret is a Secret of which the hub was asked.
type settledSecret struct {
	write  secretWrite
	digest string
	// same says that it need not be written.
	same bool
}

// settleSecret looks at what has the name of a Secret, and keeps its salt.
func (o applicationObject) settleSecret(ctx context.Context, secret wantedSecret, before string, adopt bool) (settledSecret, error) {
	settled := settledSecret{write: secretWrite{wanted: secret}}
	live, err := o.client.Get(ctx, secretKind(), o.secretKey(secret.object))
	if err != nil && !hub.IsNotFound(err) {
		return settled, err
	}
	exists := live != nil && err == nil
	if exists {
		if !o.ownsSecret(live) && !adopt {
			return settled, o.foreignSecret(live, secret.key)
		}
		settled.write.salt = live.GetAnnotations()[annotationSalt]
	}
	if settled.write.salt == "" {
		settled.write.salt = rand.Text()
	}
	settled.digest, err = secret.values.digest(settled.write.salt, secret.key)
	settled.same = err == nil && exists && o.isSecret(live, secret, settled.digest, before)
	return settled, err
}

// foreignSecret says whose a Secret is that has the name of one of ours.
func (o applicationObject) foreignSecret(live *unstructured.Unstructured, key string) error {
	owner := managedBy(live)
	if other := live.GetLabels()[v1alpha1.LabelSecretOf]; other != "" {
		owner = fmt.Sprintf("it belongs to application %q", other)
	}
	return &hub.ConfigError{
		Summary: "Secret exists already",
		Detail: fmt.Sprintf("The hub has Secret %q in namespace %q already, and %s. It is left as it is, and nothing was written.\n\n"+
			"Give secret %q another name, or set adopt_existing = true, which overwrites it.", live.GetName(), o.namespace, owner, key),
	}
}

// midwayError is an error of a write of several objects after which some of them may be written.
type midwayError struct{ error }

// Unwrap returns the error.
func (e midwayError) Unwrap() error { return e.error }

// writeSecrets writes Secrets, before the application that names them.
func (o applicationObject) writeSecrets(ctx context.Context, writes []secretWrite) error {
	for _, write := range writes {
		secret := o.secret(write)
		if _, err := o.client.Apply(ctx, secret, hub.ApplyOptions{Force: true}); err != nil {
			return midwayError{maskError(err, maskOfSecret(secret))}
		}
	}
	return nil
}

// write writes the application's Secrets and then the application.
func (o applicationObject) write(ctx context.Context, desired *unstructured.Unstructured, secrets []secretWrite, force bool) (*unstructured.Unstructured, error) {
	options := hub.ApplyOptions{Force: force, TakeFromPeople: true}
	if len(secrets) > 0 {
		// So that no Secret is written for an application that the hub refuses, or of
		// which another manager sets a field.
		tried := options
		tried.DryRun = true
		if _, err := o.client.ApplyExactly(ctx, desired, tried); hub.ButUntried(err) != nil {
			return nil, err
		}
	}
	if err := o.writeSecrets(ctx, secrets); err != nil {
		return nil, err
	}
	live, err := o.client.ApplyExactly(ctx, desired, options)
	if err != nil && len(secrets) > 0 {
		err = midwayError{err}
	}
	return live, err
}

// secret is a Secret as it is written.
func (o applicationObject) secret(write secretWrite) *unstructured.Unstructured {
	data := map[string]any{}
	for key, value := range write.wanted.values.reveal() {
		data[key] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	object := &unstructured.Unstructured{Object: map[string]any{"data": data, "type": "Opaque"}}
	object.SetGroupVersionKind(secretKind())
	object.SetNamespace(o.namespace)
	object.SetName(write.wanted.object)
	labels := o.hub.labels(map[string]string{v1alpha1.LabelSecretOf: o.name})
	object.SetLabels(labels)
	annotations := map[string]string{annotationSalt: write.salt}
	if o.hub.Owner != "" {
		annotations[v1alpha1.AnnotationOwner] = o.hub.Owner
	}
	object.SetAnnotations(annotations)
	return object
}

// removeSecrets deletes those of the application's Secrets that are no longer
// wanted. What is somebody else's by now stays.
func (o applicationObject) removeSecrets(ctx context.Context, before, wanted map[string]string) error {
	for key := range before {
		if _, kept := wanted[key]; kept {
			continue
		}
		if err := o.removeSecret(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// leavesSecrets says whether the hub still has one of the Secrets.
func (o applicationObject) leavesSecrets(ctx context.Context, secrets map[string]string) bool {
	for key := range secrets {
		live, err := o.client.Get(ctx, secretKind(), o.secretAt(key))
		if err == nil && o.ownsSecret(live) {
			return true
		}
	}
	return false
}

// secretAt is where the Secret is that has a key among the application's secrets.
func (o applicationObject) secretAt(key string) k8stypes.NamespacedName {
	environment, name, inEnvironment := strings.Cut(key, "/")
	if !inEnvironment {
		environment, name = "", key
	}
	return o.secretKey(v1alpha1.SecretName(environment, name))
}

func (o applicationObject) removeSecret(ctx context.Context, key string) error {
	at := o.secretAt(key)
	live, err := o.client.Get(ctx, secretKind(), at)
	if hub.IsNotFound(err) || (err == nil && !o.ownsSecret(live)) {
		return nil
	}
	if err != nil {
		return err
	}
	return maskError(o.client.Delete(ctx, secretKind(), at, live.GetUID()), maskOfSecret(live))
}

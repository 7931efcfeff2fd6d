// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// revisionDigits is how many hexadecimal digits of the digest name a revision.
const revisionDigits = 12

// Revision names what an Application's spec says: the first 12 hexadecimal
// digits of the SHA-256 of its JSON with sorted keys.
func Revision(spec map[string]any) (string, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return "", fmt.Errorf("encode the application's spec: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:revisionDigits], nil
}

// RevisionOf is the revision that a live Application carries as annotation, and
// for one that was written by another tool, without it, the revision of its spec.
func RevisionOf(app *unstructured.Unstructured) (string, error) {
	if revision := app.GetAnnotations()[v1alpha1.AnnotationRevision]; revision != "" {
		return revision, nil
	}
	spec, _, err := unstructured.NestedMap(app.Object, "spec")
	if err != nil {
		return "", fmt.Errorf("read the spec of application %s/%s: %w", app.GetNamespace(), app.GetName(), err)
	}
	return Revision(spec)
}

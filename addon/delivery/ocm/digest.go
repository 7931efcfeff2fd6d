// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	exactjson "k8s.io/apimachinery/pkg/util/json" // keeps integers as int64
	"k8s.io/utils/lru"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// maxDigests bounds how many digests are kept.
const maxDigests = 2048

// Digests knows the digests of specs by what they were computed from: most works
// differ by their cluster alone, and each report of an agent shows the whole work
// again. What watches works and what writes them share one. The zero value, and
// nil, keep none. It is safe for concurrent use.
type Digests struct{ kept *lru.Cache }

// NewDigests makes one that keeps as many as a large fleet has in use.
func NewDigests() *Digests { return &Digests{kept: lru.New(maxDigests)} }

// seal sets what OCM's CRD would default, so that what is read back is what
// was written, and stamps the digest of the content. Of other annotations it keeps
// since when the work is on its way out.
func (d *Digests) seal(work *workv1.ManifestWork) (*workv1.ManifestWork, error) {
	if work.Spec.DeleteOption == nil {
		work.Spec.DeleteOption = &workv1.DeleteOption{PropagationPolicy: workv1.DeletePropagationPolicyTypeForeground}
	}
	digest, err := d.of(work.Spec)
	if err != nil {
		return nil, fmt.Errorf("digest of work %s/%s: %w", work.Namespace, work.Name, err)
	}
	since, leaves := timeIn(work, annotationLeaving)
	work.Annotations = map[string]string{v1alpha1.AnnotationHash: digest}
	if leaves {
		work.Annotations[annotationLeaving] = stampOf(since)
	}
	return work, nil
}

// of is a digest of a work's spec that does not depend on how its JSON was written.
func (d *Digests) of(spec workv1.ManifestWorkSpec) (string, error) {
	if d == nil || d.kept == nil {
		return canonicalDigest(spec)
	}
	written, err := writtenDigest(spec)
	if err != nil {
		return "", err
	}
	if known, ok := d.kept.Get(written); ok {
		return fmt.Sprint(known), nil
	}
	digest, err := canonicalDigest(spec)
	if err == nil {
		d.kept.Add(written, digest)
	}
	return digest, err
}

// writtenDigest is a digest of a work's spec as it was written.
func writtenDigest(spec workv1.ManifestWorkSpec) ([sha256.Size]byte, error) {
	hash := sha256.New()
	for i := range spec.Workload.Manifests {
		raw := spec.Workload.Manifests[i].Raw
		fmt.Fprintf(hash, "%d ", len(raw))
		hash.Write(raw)
	}
	spec.Workload.Manifests = nil
	rest, err := json.Marshal(spec)
	hash.Write(rest)
	return [sha256.Size]byte(hash.Sum(nil)), err
}

func canonicalDigest(spec workv1.ManifestWorkSpec) (string, error) {
	raw, err := json.Marshal(spec)
	if err != nil {
		return "", err
	}
	var canonical any
	if err := exactjson.Unmarshal(raw, &canonical); err != nil {
		return "", err
	}
	if raw, err = json.Marshal(canonical); err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])[:16], nil
}

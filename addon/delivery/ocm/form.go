// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"k8s.io/utils/lru"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// maxForms bounds of how many renders the forms are kept.
const maxForms = 64

// forms are rendered objects as works hold them. All clusters that get the same
// render share one: to encode it, and to find out what is fed back of it, takes
// more than all else that is done for a cluster. It is safe for concurrent use.
type forms struct {
	mu sync.Mutex
	// kept are those of renders, by the first of their objects: the renderer shares
	// the objects among all that render the same.
	kept *lru.Cache
}

// form is an object of a unit as a work holds it.
type form struct {
	id       workv1.ResourceIdentifier
	content  map[string]any // with its revision
	revision string
	// feedback is what is asked for of it, revision included, and judged what of that the health needs.
	feedback, judged []health.Path

	mu      sync.Mutex
	encoded map[phase]encoded
}

// encoded is an object in a work, with what is said of it.
type encoded struct {
	raw    []byte
	config workv1.ManifestConfigOption
	size   int
}

// keep makes the forms of a render and keeps them for its other clusters, without
// those that hold Secrets that were read.
func (f *forms) keep(result *render.Result) {
	if len(result.Objects) == 0 || result.Secret || f.find(result) != nil {
		return
	}
	made := newForms(result) // by several at once, of which one is kept
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil {
		f.kept = lru.New(maxForms)
	}
	f.kept.Add(&result.Objects[0], made)
}

// of are the forms of a result: kept ones of a render, new ones of what was changed for a cluster.
func (f *forms) of(result *render.Result) []*form {
	if kept := f.find(result); kept != nil {
		return kept
	}
	return newForms(result)
}

func (f *forms) find(result *render.Result) []*form {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil || len(result.Objects) == 0 {
		return nil
	}
	value, _ := f.kept.Get(&result.Objects[0])
	kept, _ := value.([]*form)
	if len(kept) != len(result.Objects) {
		return nil
	}
	return kept
}

func newForms(result *render.Result) []*form {
	judged := health.Feedback(result)
	made := make([]*form, len(result.Objects))
	for i, object := range result.Objects {
		content := delivery.WithRevision(object)
		made[i] = &form{
			id: identify(content), content: content, revision: annotation(content, v1alpha1.AnnotationRevision),
			judged: judged[i], feedback: append([]health.Path{revisionPath}, judged[i]...),
		}
	}
	return made
}

// encode is the entry as a work holds it. Nobody may change what it returns.
func (e entry) encode() (encoded, error) {
	if e.kept != nil {
		return *e.kept, nil
	}
	if e.form == nil {
		return e.encodeAnew()
	}
	e.form.mu.Lock()
	defer e.form.mu.Unlock()
	if known, ok := e.form.encoded[e.phase]; ok {
		return known, nil
	}
	made, err := e.encodeAnew()
	if err != nil {
		return encoded{}, err
	}
	if e.form.encoded == nil {
		e.form.encoded = map[phase]encoded{}
	}
	e.form.encoded[e.phase] = made
	return made, nil
}

func (e entry) encodeAnew() (encoded, error) {
	content, feedback := e.content, e.feedback
	var asked []health.Path
	if e.phase == phaseProbe {
		identity := e.identity
		if identity == nil {
			identity = applicationIdentity
		}
		asked = identityPaths(identity)
		content, feedback = asProbe(content), slices.Concat(asked, feedback)
	}
	raw, err := json.Marshal(content)
	if err != nil {
		return encoded{}, fmt.Errorf("encode %s: %w", describe(content), err)
	}
	config := manifestConfig(content, feedback)
	switch e.phase {
	case phaseKeep:
		config.UpdateStrategy = createOnly()
	case phaseObserve:
		config.UpdateStrategy = &workv1.UpdateStrategy{Type: workv1.UpdateStrategyTypeReadOnly}
	}
	size := len(raw)
	for _, each := range append(byOtherNames(&config), config) {
		said, err := json.Marshal(each)
		if err != nil {
			return encoded{}, fmt.Errorf("encode what is said of %s: %w", describe(content), err)
		}
		size += len(said)
	}
	if e.phase == phaseProbe && e.form != nil {
		// Its health is judged by the next version, which applies it; that one counts for the
		// size. The revision, which shows that the health was read, comes with that one too.
		config.FeedbackRules = feedbackRules(asked)
	}
	return encoded{raw: slices.Clip(raw), config: config, size: size}, nil
}
